/*
 * transport.h - moves bytes between the protocol layer and the world: HTTP and stdio.
 *
 * A message that calls a handler becomes a job. Quick jobs run where they came in; slow ones go to
 * a pool, over Streamable HTTP so do all that change something, and the connection or the channel goes on meanwhile. A job
 * that finds the pool's queue full is refused, over HTTP with 503 and Retry-After.
 *
 * Handlers get a struct caller (model/model.h) by mcp_call_caller().
 *
 * Threads  functions here: the main thread.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "gate/gate.h"
#include "http/http.h"
#include "mcp/mcp.h"

/* -- HTTP (http.c, sse.c) -------------------------------------------------------------------- */

/*
 * Serves Streamable HTTP at /mcp and /mcp/<space>: POST, GET, DELETE and preflight; and HTTP+SSE at
 * /sse and /sse/<space>, with /messages/ and /messages/<space> to post to. Other requests to the
 * root path are told where to go. Every request passes gate/, with the space of its path; /mcp and /sse
 * are the caller's first one. Calls mcp_tick() from a
 * thread of its own.
 *
 * Order: new, http_server_start(), ..., transport_http_stop(), then free both, then pool_free() (jobs
 * of clients that hung up may still run), then mcp_server_free().
 */
struct transport_http;

struct transport_http_options {
    struct mcp_server *mcp;   /* borrowed, outlives the transport */
    struct http_server *http; /* borrowed, not yet started */
    struct pool *pool;        /* borrowed, for slow jobs */
    struct pool *change_pool; /* borrowed, for jobs that change something */
    struct gate *gate;        /* borrowed */
    struct str path_prefix;   /* borrowed: what a proxy cuts off, "/memory"; may be empty */
};

NODISCARD bool transport_http_new(const struct transport_http_options *options,
                                  struct transport_http **out, struct error *err);

/* Ends streams and refuses new messages (mcp_shut_down()), gives running requests grace_ms, stops
 * the HTTP server and cancels what is left. */
void transport_http_stop(struct transport_http *t, int64_t grace_ms);
void transport_http_free(struct transport_http *t);

/* -- stdio (stdio.c) ------------------------------------------------------------------------- */

struct transport_stdio_options {
    struct mcp_server *mcp;
    struct pool *pool;
    struct str client; /* for struct caller; may be empty */
    struct str space;  /* empty: SPACE_DEFAULT */
    int in_fd, out_fd; /* borrowed; see transport_stdio_claim() */
    int stop_fd;       /* readable: stop as at the end of input; -1: none */
    int64_t grace_ms;  /* for running jobs at the end of input; then they are cancelled */
};

/* Takes stdin and stdout away from the rest of the program: returns private descriptors for both,
 * puts /dev/null on 0 and stderr on 1, so that no stray print can break the protocol. */
NODISCARD bool transport_stdio_claim(int *out_in_fd, int *out_out_fd, struct error *err);

/* Answers lines until the end of input, stop_fd, or a reader that has gone away; each of them is a
 * proper end. Running jobs are given grace_ms and then cancelled; answers that are there are
 * written before it returns. UNAVAILABLE: reading or writing failed. */
NODISCARD bool transport_stdio_run(const struct transport_stdio_options *options,
                                   struct error *err);

#endif

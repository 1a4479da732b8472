/*
 * transport_int.h - what the transports share: who is calling, and jobs on the pool.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_TRANSPORT_INT_H
#define TRANSPORT_TRANSPORT_INT_H

#include "transport/transport.h"

#include "model/model.h"

/* A caller on this machine, with every right. The views are borrowed. */
struct caller local_caller(struct str client, struct str space);

/* "claude-code/1.0.3 (linux)" -> "claude-code": the name before the version. A view, and {0} when
 * it is longer than a name is or not printable. */
#define CLIENT_NAME_MAX_BYTES 64
struct str client_of_user_agent(struct str user_agent);

/* The space of "/mcp/<space>", with "/mcp" as root; empty for "/mcp" and "/mcp/". False: what follows is
 * none. */
bool space_of_path(struct str path, struct str root, struct str *out);

/* -- HTTP (http.c) --------------------------------------------------------------------------- */

struct transport_http {
    struct transport_http_options options;

    struct mutex lock; /* guards: is_stopping */
    struct cond stop;
    bool is_stopping;
    struct thread ticker;
};

/* What a request says by its path, and the door of mcp/ that it goes to. */
struct visit {
    struct str resource;                  /* what a token must be for */
    struct str space;                     /* empty: the caller's first */
    struct str sse_endpoint, sse_session; /* as in struct mcp_http_in */
    bool
        is_ordered; /* the client does not wait for one answer before it sends the next message */
    struct mcp_exchange *(*enter)(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake);
};
/* Answers the request with what comes out of the exchange. */
void converse(struct transport_http *t, struct http_request *r, const struct visit *v);
/* Adds the route with what all of MCP have in common. */
void add_route(struct transport_http *t, const char *path, const struct http_route *route);

/* -- HTTP+SSE (sse.c) ------------------------------------------------------------------------ */

void sse_add_routes(struct transport_http *t);
/* The first parameter of the query that is called session_id or sessionId; ptr NULL: none. */
struct str sse_session_of(struct str query);
/* prefix "/messages/" or, percent-encoded, prefix "/messages/<space>"; as the stream's path has it. In the
 * arena. */
struct str sse_endpoint_of(struct arena *a, struct str prefix, struct str space);

/* Runs the job on the pool, and refuses it if that is full; here if there is none. done(ctx) is called
 * exactly once, after the job has been freed, perhaps before this returns. */
void run_job(struct pool *pool, struct mcp_job *job, void (*done)(void *ctx), void *ctx);

/* -- lines (lines.c) ------------------------------------------------------------------------- */

/* Cuts a stream of bytes into lines of at most max_line bytes. A zeroed one with max_line set is
 * ready; lines_deinit() frees. */
struct lines {
    struct buf buf;
    size_t max_line;
    size_t at;        /* where the next line begins */
    size_t searched;  /* no newline before this */
    bool is_skipping; /* inside a line that was too long */
    bool is_ended;    /* no more bytes will come: what is left is a line */
};

enum lines_next {
    LINES_NONE,     /* more bytes are needed */
    LINES_LINE,     /* *out is a line without its newline; a view until lines_room() */
    LINES_TOO_LONG, /* one line was given up; the next call goes on behind it */
};

void lines_deinit(struct lines *l);
char *lines_room(struct lines *l, size_t n); /* for n more bytes; then lines_added() */
void lines_added(struct lines *l, size_t n);
enum lines_next lines_next(struct lines *l, struct str *out);

#endif

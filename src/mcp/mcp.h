/*
 * mcp.h - the Model Context Protocol, every revision, free of I/O.
 *
 * A server is handed tables (tools, prompts, resources) and messages as bytes; it hands back bytes.
 * It touches no socket, file or clock: the transport passes the time in and is told by a callback
 * when there is something to fetch. So one call drives it in a unit test or a fuzzer.
 *
 *   HTTP   mcp_post() -> struct mcp_exchange: status and headers once decided, then body bytes.
 *   SSE    HTTP+SSE of 2024-11-05: mcp_sse_open() is a stream, mcp_sse_post() is answered there.
 *   stdio  mcp_channel_new(); mcp_channel_line() per line; mcp_channel_read() fetches lines to send.
 *
 * A message that calls a handler yields a struct mcp_job, which the transport runs exactly once, on
 * the calling thread if it is quick, on a worker if mcp_job_is_slow().
 *
 * Eras (per message): a request with the key io.modelcontextprotocol/protocolVersion in params._meta
 * is modern (2026-07-28), everything else legacy (2024-11-05 to 2025-11-25).
 *
 * Owner    objects below are reference-counted where marked; tables are borrowed for the server's life.
 * Threads  any, unless said otherwise. Wake callbacks may come from any thread, one at a time for one
 *          exchange or channel; they must not call back into mcp/.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCP_MCP_H
#define MCP_MCP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define MCP_BODY_MAX_BYTES  ((size_t)4 * 1024 * 1024) /* one message, HTTP body or stdio line */
#define MCP_BATCH_MAX       100
#define MCP_SESSIONS_MAX    10000
#define MCP_SESSION_IDLE_MS ((int64_t)30 * 60 * 1000)
#define MCP_LISTENERS_MAX   8192
#define MCP_SSE_STREAMS_MAX 4096 /* half of the connections: the others can post to them */
#define MCP_KEEPALIVE_MS    15000
#define MCP_TICK_MS         1000 /* how often mcp_tick() wants to be called */

#define MCP_LATEST_LEGACY "2025-11-25"
#define MCP_MODERN        "2026-07-28"

struct mcp_server;
struct mcp_call;
struct mcp_job;
struct mcp_exchange;
struct mcp_channel;

/* -- tables --------------------------------------------------------------------------------- */

/*
 * needs: rights that a caller must have, bits whose meaning is the transport's. A message over HTTP that
 * needs one more than struct mcp_http_in has is refused with 403 before anything of it is done.
 */

/*
 * A handler gets arguments that satisfy the tool's input schema and answers in one of these ways:
 *   true, *out = {"content": […], "structuredContent": …, "isError": …}   (new reference)
 *   true, *out from mcp_call_ask() or with its own "resultType"            (modern multi round trip)
 *   false, err: INTERNAL becomes a protocol error without detail, everything else a result with
 *   isError true and the text "Error: " + err.
 */
struct mcp_tool {
    struct str definition; /* the JSON object shown in tools/list, byte for byte */
    bool is_hidden;        /* callable, not listed: an old name */
    unsigned needs;
    bool (*is_slow)(const json_t *args); /* run on a worker; NULL: never */
    bool (*run)(struct mcp_call *call, const json_t *args, json_t **out, struct error *err);
    const void *data; /* the handler's own, mcp_call_data() */
};

struct mcp_prompt {
    struct str definition;
    bool (*get)(struct mcp_call *call, const json_t *args, json_t **out, struct error *err);
    unsigned needs;
};

struct mcp_resources { /* all may be NULL */
    /* *out: array of resource objects, resource template objects. */
    bool (*list)(struct mcp_call *call, json_t **out, struct error *err);
    struct str templates; /* JSON array text; empty: none */
    /* *out: array of contents; NOT_FOUND becomes the era's error with data.uri. */
    bool (*read)(struct mcp_call *call, struct str uri, json_t **out, struct error *err);
    bool has_subscribe;
    unsigned needs;
};

struct mcp_tables {
    struct str name, title, version;
    struct str instructions; /* for the model; may be empty */
    const struct mcp_tool *tools;
    size_t n_tools;
    const struct mcp_prompt *prompts;
    size_t n_prompts;
    struct mcp_resources resources;
    /* completion/complete: *out = {"values": […], …}. NULL: not offered. */
    bool (*complete)(struct mcp_call *call, const json_t *params, json_t **out,
                     struct error *err);
    bool has_logging;
    /* Refuse headers that disagree with the message from Claude's clients too, which are known to
     * mix those of both eras; else the message decides for them. */
    bool is_strict;
    void *data; /* mcp_call_server_data() */
};

/* INVALID: a definition is no JSON, has no name, or its schema is outside json_schema_check().
 * key: random secret for session ids, cursors and request states (32 bytes or more). */
NODISCARD bool mcp_server_new(const struct mcp_tables *tables, struct str key,
                              struct mcp_server **out, struct error *err);
/* Everything that came from the server must be gone before. */
void mcp_server_free(struct mcp_server *s);

/* Expires sessions, sends keep-alives; call about every MCP_TICK_MS, the first time before any message.
 * steady_ms: a clock that nobody sets. All ages here are of this clock. */
void mcp_tick(struct mcp_server *s, int64_t steady_ms);
/* From now on: new messages get 503, listen streams their final response, streams end. */
void mcp_shut_down(struct mcp_server *s);
/* Cancels every call: one that has not begun will not, one that runs may stop early. */
void mcp_cancel_all(struct mcp_server *s);

/* Change bus: tells every session and listener that may see it. */
enum mcp_list { MCP_LIST_TOOLS, MCP_LIST_PROMPTS, MCP_LIST_RESOURCES };
void mcp_list_changed(struct mcp_server *s, enum mcp_list which);
void mcp_resource_updated(struct mcp_server *s, struct str uri);

/* -- what a handler may do -------------------------------------------------------------------- */

struct arena *mcp_call_arena(struct mcp_call *c); /* freed after the answer */
void *mcp_call_server_data(const struct mcp_call *c);
const void *mcp_call_data(const struct mcp_call *c);   /* of the tool */
const void *mcp_call_caller(const struct mcp_call *c); /* what the transport passed in */
int64_t mcp_call_now_ms(const struct mcp_call *c);
bool mcp_call_is_modern(const struct mcp_call *c);
struct mcp_server *mcp_call_server(const struct mcp_call *c);

bool mcp_call_is_cancelled(const struct mcp_call *c); /* ask between units of work */
/* Sent if the client asked for progress and the answer streams; progress must grow. */
void mcp_call_progress(struct mcp_call *c, double progress, double total, const char *message);
void mcp_call_log(struct mcp_call *c, const char *level, const char *logger,
                  json_t *data); /* steals data */

/* Legacy only: asks the client and waits. False: not possible, refused, timed out, cancelled. */
NODISCARD bool mcp_call_request(struct mcp_call *c, const char *method,
                                json_t *params /* stolen */, int64_t timeout_ms,
                                json_t **out_result, struct error *err);

/* Modern only: the client's capability, answers of the round before, and a sealed state. */
bool mcp_call_client_can(const struct mcp_call *c, const char *capability); /* "sampling" */
const json_t *mcp_call_input(const struct mcp_call *c, const char *key); /* borrowed, or NULL */
NODISCARD bool mcp_call_state(struct mcp_call *c, json_t **out,
                              struct error *err); /* NULL: none */
/* The result {"resultType": "input_required", …}; steals requests and state (either may be NULL). */
NODISCARD bool mcp_call_ask(struct mcp_call *c, json_t *requests, json_t *state, json_t **out,
                            struct error *err);
/* Makes the answer the protocol error for a missing client capability; returns false. */
bool mcp_call_missing_capability(struct mcp_call *c, const char *capability, struct error *err);
/* Makes the answer this protocol error; returns false. data is stolen, may be NULL. */
bool mcp_call_protocol_error(struct mcp_call *c, int code, const char *message, json_t *data,
                             struct error *err);
/* Polling (2025-11-25): closes the stream now; the client comes back for the answer. */
void mcp_call_close_stream(struct mcp_call *c, int retry_ms);

/* -- HTTP ------------------------------------------------------------------------------------- */

/* Headers of a request, values trimmed; ptr NULL: absent. The transport has already checked Host, Origin,
 * path, Content-Type, size and who is calling. */
struct mcp_http_in {
    struct str protocol_version; /* MCP-Protocol-Version */
    struct str method;           /* Mcp-Method */
    struct str name;             /* Mcp-Name */
    struct str session_id;
    struct str last_event_id;
    struct str accept;
    struct str user_agent;
    bool has_conflict; /* one of the Mcp-* headers came twice with different values */
    /* HTTP+SSE: where clients of a stream post, "/messages/", and the session_id of its query. */
    struct str sse_endpoint;
    struct str sse_session; /* ptr NULL: absent */
    /* Mcp-Param-<name>, name without the prefix, any case; ptr NULL: absent. */
    struct str (*param)(void *ctx, struct str name);
    void *param_ctx;

    struct str body;
    struct str principal; /* who, for sessions; empty: anonymous */
    unsigned rights;      /* what the caller may, in the bits of the tables' needs */
    const void *caller;   /* for handlers; must live as long as the exchange */
    int64_t now_ms;       /* for handlers: UTC */
};

struct mcp_wake { /* "there may be something to fetch" */
    void (*fn)(void *ctx);
    void *ctx;
};

/* New reference each. POST, GET and DELETE on the endpoint. */
struct mcp_exchange *mcp_post(struct mcp_server *s, const struct mcp_http_in *in,
                              struct mcp_wake wake);
struct mcp_exchange *mcp_get(struct mcp_server *s, const struct mcp_http_in *in,
                             struct mcp_wake wake);
struct mcp_exchange *mcp_delete(struct mcp_server *s, const struct mcp_http_in *in,
                                struct mcp_wake wake);

/* HTTP+SSE. The stream's first event names sse_endpoint with a session id; what its principal posts
 * there is answered with 202, and all else comes as events of the stream. Its end is the session's. */
struct mcp_exchange *mcp_sse_open(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake);
struct mcp_exchange *mcp_sse_post(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake);

struct mcp_job *mcp_exchange_job(struct mcp_exchange *x); /* NULL: nothing to run; asked once */

struct mcp_http_head {
    int status;
    const char *content_type; /* NULL: empty body */
    struct str session_id;    /* Mcp-Session-Id to send; empty: none */
    const char *allow;        /* Allow header with 405; else NULL */
    int retry_after_s;        /* Retry-After with 503 and 429; 0: none */
    unsigned needs;           /* with 403: all rights that the message needs; else 0 */
    bool is_stream;           /* SSE: bytes come until the end; else the whole body is there */
};
/* False: not decided yet, a wake will come. Stays the same once true. */
bool mcp_exchange_head(struct mcp_exchange *x, struct mcp_http_head *out);

enum mcp_read { MCP_READ_MORE, MCP_READ_END };
/* Moves the bytes at hand to the end of out. MORE: a wake comes when there is more. */
enum mcp_read mcp_exchange_read(struct mcp_exchange *x, struct buf *out);

/* The client is gone. Cancels a modern request and all of an HTTP+SSE stream; another legacy request
 * runs on and can be resumed. */
void mcp_exchange_hang_up(struct mcp_exchange *x);
void mcp_exchange_unref(
    struct mcp_exchange *x); /* takes NULL; no wake comes after it returns */

/* -- stdio ------------------------------------------------------------------------------------ */

/* One channel is one legacy session; modern requests may interleave. */
struct mcp_channel *mcp_channel_new(struct mcp_server *s, const void *caller,
                                    struct mcp_wake wake);
/* One line without its newline. A job if a handler is to run, else NULL; what there is to send can be
 * fetched after either. */
struct mcp_job *mcp_channel_line(struct mcp_channel *ch, struct str line, int64_t now_ms);
void mcp_channel_line_too_long(struct mcp_channel *ch);
/* Moves whole lines, newline included, to the end of out. */
void mcp_channel_read(struct mcp_channel *ch, struct buf *out);
size_t mcp_channel_n_running(struct mcp_channel *ch); /* jobs not finished */
/* Cancels what runs, frees once the last job is done. */
void mcp_channel_close(struct mcp_channel *ch);

/* -- jobs ------------------------------------------------------------------------------------- */

bool mcp_job_is_slow(const struct mcp_job *job);
unsigned mcp_job_needs(const struct mcp_job *job); /* the rights of its tools, or-ed */
void mcp_job_run(
    struct mcp_job *job); /* runs the handler, delivers its answer, frees the job */
/* In place of mcp_job_run() when no worker can take it: the handler does not run, the answer is an
 * error that says the server is busy (HTTP 503 with Retry-After), the job is freed. */
void mcp_job_refuse(struct mcp_job *job);

#endif

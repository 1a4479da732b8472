/*
 * mcp_int.h - the objects behind mcp.h and who may touch them.
 *
 * One lock guards everything that changes (struct mcp_server.lock): sessions, streams, exchanges,
 * channels, running calls. Critical sections only move text and pointers; handlers run without the
 * lock. Functions named *_locked expect it held.
 *
 * An object that several others point to counts its references, under the lock. Waking a transport
 * happens after the lock is released: each exchange and channel has a small wake lock of its own, so
 * that no wake comes after its owner has let go.
 *
 * Files    tables   definitions, parsed once        message  what a JSON text is
 *          headers  Mcp-* values                    reply    result and error objects
 *          session  legacy sessions                 stream   SSE frames, replay
 *          exchange HTTP messages                   channel  stdio, and what is like it
 *          http     Streamable HTTP                 sse      HTTP+SSE
 *          legacy, modern  the two ladders          methods  what both eras have
 *          call     what handlers may do            listen   change bus
 *          rights   what a message needs
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCP_MCP_INT_H
#define MCP_MCP_INT_H

#include "mcp/mcp.h"

#include <stdatomic.h>

#include "base/map.h"
#include "base/thread.h"
#include "base/vec.h"
#include "json/json.h"

/* Limits of this folder, besides those of mcp.h. */
#define LIST_PAGE             100                      /* items of one page of any list */
#define RETAIN_MS             ((int64_t)5 * 60 * 1000) /* a finished stream's events */
#define RETAIN_BYTES          ((size_t)1 << 20)        /* of events kept for one session */
#define STREAM_BACKLOG_BYTES  ((size_t)8 << 20)        /* unread; a message more may pass it */
#define SESSION_QUEUE_MAX     100                      /* messages waiting for a GET stream */
#define SUBSCRIPTIONS_MAX     1000 /* resource URIs of one session or listener */
#define PROGRESS_INTERVAL_MS  20   /* between two progress messages of a call */
#define STATE_LIFETIME_MS     ((int64_t)10 * 60 * 1000) /* of a sealed request state */
#define ECHO_MAX              100   /* bytes of a value repeated in an error */
#define DEFINITION_SCHEMA_MAX 16384 /* claude.ai drops tools with larger schemas */

enum rpc_code {
    RPC_PARSE = -32700,
    RPC_INVALID = -32600,
    RPC_NO_METHOD = -32601,
    RPC_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_NO_SESSION = -32001,
    RPC_NO_RESOURCE = -32002,
    RPC_FORBIDDEN = -31001, /* ours, as RPC_BUSY */
    RPC_HEADER = -32020,
    RPC_CAPABILITY = -32021,
    RPC_VERSION = -32022,
    RPC_BUSY = -31000, /* ours, outside the reserved range */
};

#define META_PREFIX       "io.modelcontextprotocol/"
#define META_VERSION      META_PREFIX "protocolVersion"
#define META_CAPABILITIES META_PREFIX "clientCapabilities"
#define META_CLIENT_INFO  META_PREFIX "clientInfo"
#define META_LOG_LEVEL    META_PREFIX "logLevel"
#define META_SERVER_INFO  META_PREFIX "serverInfo"
#define META_SUBSCRIPTION META_PREFIX "subscriptionId"

enum era { ERA_LEGACY, ERA_MODERN };

/* -- tables.c --------------------------------------------------------------------------------- */

struct header_param { /* a property with x-mcp-header */
    struct str property;
    struct str header;
};

struct tool_entry {
    const struct mcp_tool *tool;
    struct str name;
    json_t *definition; /* owned */
    json_t *schema;     /* borrowed from definition */
    struct header_param *params;
    size_t n_params;
};

struct prompt_entry {
    const struct mcp_prompt *prompt;
    struct str name;
    json_t *definition; /* owned */
};

struct tables {
    struct arena arena;
    struct tool_entry *tools;
    size_t n_tools;
    struct prompt_entry *prompts;
    size_t n_prompts;
    struct json_known *known; /* the definitions of tools and prompts as text */
    size_t n_known;
    json_t *tool_list;   /* owned: what tools/list shows */
    json_t *prompt_list; /* owned */
    json_t *templates;   /* owned */
    json_t *capabilities;
    json_t *server_info;
};

NODISCARD bool tables_init(struct tables *t, const struct mcp_tables *from, struct error *err);
void tables_deinit(struct tables *t);
const struct tool_entry *tables_tool(const struct tables *t, struct str name);
const struct prompt_entry *tables_prompt(const struct tables *t, struct str name);

/* -- sessions and streams --------------------------------------------------------------------- */

struct frame {
    int64_t seq;
    char *text; /* owned: the whole SSE event */
    size_t len;
};

/* One SSE stream of a legacy session, resumable. Guarded by the server's lock. */
struct stream {
    struct stream *next; /* in its session, newest first */
    struct session *session;
    int64_t id;
    int64_t next_seq;
    struct frames VEC(struct frame) frames;
    size_t bytes;
    bool is_ended; /* nothing more will come, or nobody listens to a standalone one */
    int64_t ended_ms;
    bool is_standalone;          /* from a GET, outside any request */
    struct mcp_exchange *reader; /* who carries it now; NULL: nobody */
};

struct texts VEC(struct str); /* owned texts */

/* A legacy session: over HTTP named by an id, on a channel implicit. */
struct session {
    struct mcp_server *server;
    size_t n_refs;
    struct str id;        /* owned; empty on a channel */
    struct str principal; /* owned */
    const char *version;
    json_t *capabilities; /* owned; of the client */
    bool is_ended;
    bool is_initialized;
    int log_level;
    int64_t used_ms;
    size_t n_calls; /* running */
    struct stream *streams;
    struct stream *standalone; /* the newest GET stream with a reader */
    int64_t next_stream;
    size_t bytes; /* of all retained frames */
    struct texts queue;
    struct texts subscriptions;
    struct mcp_channel *channel; /* NULL over HTTP; borrowed */
};

struct str session_id_locked(struct mcp_server *s); /* unguessable; the caller's to free */
struct session *session_new_locked(struct mcp_server *s, struct str principal);
struct session *session_find_locked(struct mcp_server *s, struct str id, struct str principal);
void session_end_locked(struct mcp_server *s, struct session *session);
void session_unref_locked(struct session *session);
void session_expire_locked(struct mcp_server *s, int64_t now_ms);
/* To the client outside any request: on the newest GET stream, or queued, or on the channel. */
void session_send_locked(struct mcp_server *s, struct session *session, struct str text);

struct stream *stream_new_locked(struct session *session);
void stream_append_locked(struct mcp_server *s, struct stream *stream, struct str message);
void stream_end_locked(struct stream *stream, int64_t now_ms);
void stream_free_locked(struct stream *stream);
/* Events of the stream after seq to the exchange, which becomes its reader. False: some of them
 * are not kept any more. */
bool stream_resume_locked(struct stream *stream, int64_t after_seq, struct mcp_exchange *x);
/* Its reader goes; a stream outside any request waits a while for it to come back. */
void stream_leave_locked(struct stream *stream, int64_t now_ms);
void stream_prime_locked(struct stream *stream, int retry_ms);

/* -- exchanges and channels -------------------------------------------------------------------- */

struct origin;

struct waker {
    struct mutex lock; /* guards wake; held while calling it */
    struct mcp_wake wake;
};
void waker_init(struct waker *w, struct mcp_wake wake);
void waker_deinit(struct waker *w);
void waker_call(struct waker *w);
void waker_silence(struct waker *w); /* no call after it returns */

enum head_state { HEAD_OPEN, HEAD_DONE };

struct mcp_exchange {
    struct mcp_server *server;
    struct waker waker;
    /* The rest is guarded by the server's lock. */
    size_t n_refs;
    enum head_state state;
    struct mcp_http_head head;
    char session_id[64]; /* head.session_id points here */
    struct buf out;
    bool is_ended;   /* out is the last */
    bool is_gone;    /* the client hung up */
    bool needs_wake; /* it is in server->to_wake, which holds a reference */
    struct mcp_exchange *next_to_wake;
    bool accepts_json, accepts_sse;
    bool may_stream;             /* messages may precede the response */
    int64_t written_ms;          /* for keep-alives */
    struct session *session;     /* referenced, or NULL */
    struct stream *stream;       /* borrowed from session */
    struct mcp_channel *channel; /* referenced: the one that it carries (HTTP+SSE), or NULL */
    struct mcp_call *call;       /* the running one; borrowed */
    struct mcp_job *job;         /* until the transport fetches it */
    struct mcp_exchange *next, *prev; /* in server->exchanges */
};

struct mcp_exchange *exchange_new(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake);
void exchange_unref_locked(struct mcp_exchange *x);
/* The whole answer; JSON if the client takes it, else one event. text empty: no body. */
void exchange_finish_locked(struct mcp_exchange *x, int status, struct str text);
/* The same from outside the lock, waking the transport. */
void exchange_finish(struct mcp_exchange *x, int status, struct str text);
void exchange_finish_json(struct mcp_exchange *x, int status,
                          json_t *response);  /* steals it; NULL: no body */
void exchange_accept(struct mcp_exchange *x); /* 202, and a word for those who look */
/* A message before the response. False: it cannot be delivered. */
bool exchange_send_locked(struct mcp_exchange *x, struct str text);
/* Makes the answer an event stream if nothing is decided yet. */
void exchange_open_stream_locked(struct mcp_exchange *x, int retry_ms);
void exchange_close_locked(struct mcp_exchange *x); /* ends what the client reads */
/* Whether the reader takes another event. One that has left too much unread loses its stream: an end is
 * seen, a gap is not. */
bool exchange_has_room_locked(struct mcp_exchange *x);
/* One event that is not kept; type NULL: a plain one. */
void exchange_frame_locked(struct mcp_exchange *x, const char *type, struct str message);

/* One client whose messages all come and go over one line: of stdio, or of an HTTP+SSE stream. */
struct mcp_channel {
    struct mcp_server *server;
    struct waker waker;
    const void *caller;
    struct mutex
        turn; /* held while a message is taken, before the server's lock: one at a time */
    /* The rest is guarded by the server's lock. */
    size_t n_refs;
    struct buf out;
    bool is_closed;
    bool needs_wake; /* as with exchanges */
    struct mcp_channel *next_to_wake;
    struct session *session;
    size_t n_running;
    struct mcp_channel *next, *prev; /* in server->channels */
    /* HTTP+SSE only. */
    struct mcp_exchange *x;                 /* borrowed: the stream; NULL: ended */
    struct str id, principal, sse_endpoint; /* owned */
};
struct mcp_channel *channel_new(struct mcp_server *s, const void *caller, const char *version,
                                struct mcp_wake wake);
/* Takes one message; from says what the channel does not know. A job if a handler is to run. */
struct mcp_job *channel_take(struct origin *from, const json_t *message);
void channel_end_locked(
    struct mcp_channel *ch); /* cancels what runs; nothing is sent any more */
void channel_send_locked(struct mcp_channel *ch, struct str text);
void channel_send_json(struct mcp_channel *ch, json_t *j); /* steals it; wakes nobody */
void channel_unref_locked(struct mcp_channel *ch);

/* -- calls ------------------------------------------------------------------------------------- */

struct mcp_call {
    struct mcp_server *server;
    struct arena arena;
    enum era era;
    json_t *id;     /* owned */
    json_t *params; /* owned; an object or NULL */
    struct str method;
    const struct tool_entry *tool; /* one of these, by method */
    const struct prompt_entry *prompt;
    const void *caller;
    int64_t now_ms;
    const char *version;
    json_t *capabilities;   /* owned or NULL; of the client */
    int log_level;          /* messages below are not sent; LEVEL_NONE: none */
    json_t *progress_token; /* borrowed from params, or NULL */
    double last_progress;
    int64_t last_progress_ms;
    bool has_progress;
    atomic_bool is_cancelled;

    struct session *session;      /* referenced, or NULL */
    struct mcp_exchange *x;       /* referenced, or NULL */
    struct mcp_channel *channel;  /* referenced, or NULL */
    struct mcp_call *next, *prev; /* in server->calls */

    int http_status; /* of the answer */
    json_t *error;   /* owned: a protocol error that the handler chose */
    struct str principal;
};

#define LEVEL_NONE 100
int level_of(struct str name); /* 0 debug to 7 emergency; -1 unknown */

struct mcp_job {
    struct mcp_server *server;
    struct mcp_call **calls; /* owned */
    size_t n_calls;
    json_t *batch; /* owned: answers so far of a batch; NULL: a single request */
    bool is_slow;
    struct mcp_exchange *x;      /* referenced, or NULL */
    struct mcp_channel *channel; /* referenced, or NULL */
};

/* Where a message came from. */
struct origin {
    struct mcp_server *server;
    const struct mcp_http_in *in; /* NULL on a channel */
    struct mcp_exchange *x;
    struct mcp_channel *channel;
    const void *caller;
    struct str principal;
    int64_t now_ms;
    struct session
        *session;        /* legacy; NULL: sessionless. Borrowed while the message is handled */
    const char *version; /* legacy: in force */
};

/* What became of a request: an answer, or a call to run, or neither (a listen stream is open). */
struct outcome {
    json_t *response; /* new reference, or NULL */
    int status;
    struct mcp_call *call;
    bool is_open;
};

struct mcp_call *call_new(const struct origin *from, enum era era, const json_t *request);
void call_free(struct mcp_call *c);
bool call_send(struct mcp_call *c, json_t *message); /* steals message */
json_t *call_run(struct mcp_call *c); /* the handler; the JSON-RPC answer, new reference */

struct mcp_job *job_new(const struct origin *from, struct mcp_call **calls, size_t n_calls,
                        json_t *batch);

struct pending { /* a server request that waits for its answer */
    struct pending *next;
    int64_t number;
    struct session *session;
    json_t *response; /* owned, once there */
};

/* -- listeners --------------------------------------------------------------------------------- */

struct listener {
    struct listener *next;
    struct mcp_exchange *x;      /* referenced, or NULL */
    struct mcp_channel *channel; /* borrowed, or NULL */
    json_t *id;                  /* owned */
    bool lists[3];               /* by enum mcp_list */
    struct texts uris;
};
struct outcome listen_open(const struct origin *from, const json_t *request);
void listen_drop_exchange_locked(struct mcp_server *s, const struct mcp_exchange *x);
void listen_drop_channel_locked(struct mcp_server *s, const struct mcp_channel *ch);
bool listen_cancel_locked(struct mcp_server *s, const struct mcp_channel *ch, const json_t *id);
void listen_end_all_locked(struct mcp_server *s);

/* -- server ------------------------------------------------------------------------------------ */

struct mcp_server {
    struct mcp_tables given;
    struct tables tables;
    struct str key; /* owned */

    struct mutex lock;    /* guards all below and the objects above */
    struct cond answered; /* a server request got its answer, or a call was cancelled */
    struct map sessions;  /* id to struct session */
    struct map sse;       /* id to struct mcp_channel with a stream */
    int64_t n_ids;        /* ids given out */
    struct mcp_exchange *exchanges;
    struct mcp_exchange *to_wake; /* those with something new, so that idle ones cost nothing */
    struct mcp_channel *channels;
    struct mcp_channel *channels_to_wake;
    struct mcp_call *calls;
    struct pending *pending;
    struct listener *listeners;
    size_t n_listeners;
    int64_t now_ms; /* of the last tick */
    bool is_closing;
};

/* Wakes every exchange and channel that was written to. Call without the lock. */
void server_wake(struct mcp_server *s);
/* Has the next server_wake() wake this one too. */
void exchange_wake_locked(struct mcp_exchange *x);
void channel_wake_locked(struct mcp_channel *ch);

/* -- messages (message.c) ---------------------------------------------------------------------- */

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESPONSE, MESSAGE_BAD };
/* What j is. *out_id: borrowed, a usable id or NULL. */
enum message_kind message_kind(const json_t *j, const json_t **out_id);
bool message_has_claim(const json_t *j);
struct str message_method(const json_t *j);
const json_t *message_params(const json_t *j);
const json_t *message_meta(const json_t *j); /* params._meta, or NULL */
bool is_modern_version(struct str version);
const char *legacy_version(struct str version); /* our constant for it, or NULL */
bool is_same_id(const json_t *a, const json_t *b);

/* -- replies (reply.c) ------------------------------------------------------------------------- */

json_t *reply_result(const json_t *id, json_t *result); /* steals result */
json_t *reply_error(const json_t *id, int code, const char *fmt, ...) PRINTF(3, 4);
json_t *reply_error_data(const json_t *id, int code, json_t *data, const char *fmt, ...)
    PRINTF(4, 5); /* steals data */
struct outcome answer(json_t *response, int status);
json_t *supported_versions(void);
json_t *notification(const char *method, json_t *params); /* steals params, may be NULL */
/* Adds resultType and serverInfo where the era has them. Steals and returns result. */
json_t *finish_result(const struct mcp_server *s, enum era era, json_t *result);
void add_cache_hints(json_t *result, enum era era, int64_t ttl_ms, const char *scope);
void put(json_t *obj, const char *key, json_t *value); /* steals value */

/* -- headers (headers.c) ----------------------------------------------------------------------- */

/* Decodes =?base64?…?= ; a plain value is itself. False: the form is broken. */
bool header_decode(struct arena *a, struct str value, struct str *out);
/* Whether Accept lets a type through. */
bool header_accepts(struct str accept, struct str type);
bool is_claude(const struct mcp_http_in *in, const json_t *meta);

/* -- doors (http.c) ---------------------------------------------------------------------------- */

struct origin origin_of(struct mcp_server *s, const struct mcp_http_in *in,
                        struct mcp_exchange *x);
/* New messages are refused while the server closes, and those whose headers cannot be read. */
bool exchange_admit(struct mcp_exchange *x, const struct mcp_http_in *in);
bool is_modern_message(const struct origin *from, const json_t *message);

/* -- ladders ----------------------------------------------------------------------------------- */

struct outcome modern_request(const struct origin *from, const json_t *request);
struct outcome legacy_request(const struct origin *from, const json_t *request);
void legacy_notification(const struct origin *from, const json_t *message);
void legacy_response(const struct origin *from, const json_t *message);

/* Methods that both eras have; *out_found false: not one of them. */
struct outcome shared_method(const struct origin *from, enum era era, const json_t *request,
                             bool *out_found);

/* Whether the caller has the rights that all of a message, or of a batch, needs; else answers 403. */
bool exchange_permit(struct mcp_exchange *x, const struct mcp_http_in *in,
                     const json_t *message);

/* Seals a state: base64url of JSON and MAC. *out NULL: none given. */
NODISCARD bool state_open(const struct mcp_call *c, struct str sealed, json_t **out,
                          struct error *err);
struct str state_seal(struct mcp_call *c, const json_t *state);
/* A position in a list, sealed the same way. False: not one of ours. */
struct str cursor_seal(const struct mcp_server *s, struct arena *a, struct str list, size_t at);
bool cursor_open(const struct mcp_server *s, struct arena *a, struct str list,
                 struct str cursor, size_t *out);

#endif

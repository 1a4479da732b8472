/*
 * stage.h - a protocol server with tools of every kind, driven without any I/O.
 *
 * A message goes in, its job is run, and what came out is there as a struct heard. The clock is the
 * stage's: it moves only when a test moves it.
 *
 *   Tools      echo {text, n}   answers the text                fail {kind}      fails in that way
 *              steps            progress 1 to 3 and a log line  region {region}  repeated in a header
 *              wait             until it is cancelled           ask              asks the client, legacy
 *              confirm          two rounds with a state, modern old              hidden
 *              poll             closes its stream first
 *   Resources  250 of them, memory://0 to memory://249; only memory://0 can be read
 *   Prompt     greet {name, required}
 *
 * Threads: a test may run a job on a second one (struct runner).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MCP_STAGE_H
#define TESTS_UNIT_MCP_STAGE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/thread.h"
#include "json/json.h"
#include "mcp/mcp.h"
#include "tests/support/test.h"

#define STAGE_NOW_MS      1700000000000
#define STAGE_N_RESOURCES 250
#define ALICE             "alice"

struct stage {
    struct arena arena; /* of all that was heard */
    json_t *kept;       /* an array: the JSON of it */
    struct mcp_server *mcp;
    int64_t now_ms;
    int64_t ticked_ms; /* what the server was told of now_ms */
    int64_t set_ms;    /* what the wall clock, which messages carry, differs from it */
    atomic_int n_wakes;
    atomic_int n_cancelled; /* calls of wait */
    atomic_int n_waiting;
};

void stage_init(struct stage *s, bool is_strict);
void stage_deinit(struct stage *s);
#define STAGE(name)                                                                            \
    AUTO(stage_deinit) struct stage name;                                                      \
    stage_init(&name, false)
#define STRICT_STAGE(name)                                                                     \
    AUTO(stage_deinit) struct stage name;                                                      \
    stage_init(&name, true)

/* -- HTTP ------------------------------------------------------------------------------------- */

struct said { /* a request; what is NULL is absent */
    const char *body;
    const char *version, *method, *name;
    const char *region; /* Mcp-Param-Region */
    const char *session, *last_event, *accept, *agent;
    const char *endpoint, *sse; /* HTTP+SSE; endpoint NULL: "/messages/" */
    const char *who;            /* principal; NULL: anonymous */
    bool has_conflict;
};

struct heard {
    struct mcp_exchange *x; /* until stage_forget() */
    bool is_decided;        /* status and the rest of the head are known */
    int status;
    const char *type;
    const char *allow;
    int retry_after_s;
    bool is_stream, is_ended;
    struct str session;
    struct str body; /* what has come so far */
    json_t *json;    /* borrowed: the body, or the last message of the stream; NULL: none */
};

struct heard stage_post(struct stage *s, const struct said *said); /* runs the job */
struct heard stage_get(struct stage *s, const struct said *said);
struct heard stage_delete(struct stage *s, const struct said *said);
struct heard stage_sse_open(struct stage *s, const struct said *said);
struct heard stage_sse_post(struct stage *s, const struct said *said); /* runs the job */
void stage_hear(struct stage *s, struct heard *h); /* what has come since is added */
void stage_forget(struct heard *h);                /* unrefs the exchange, frees the JSON */

/* POST that must be answered; the exchange is gone. json: in the arena's life. */
struct heard stage_ask(struct stage *s, const struct said *said);
/* The same with only a body. */
struct heard stage_say(struct stage *s, const char *body);
/* initialize and initialized; the id of the new session. */
const char *stage_session(struct stage *s, const char *version, const char *who);

/* A POST whose job runs on another thread. */
struct runner {
    struct thread thread;
    struct mcp_job *job;
};
struct heard stage_post_aside(struct stage *s, const struct said *said, struct runner *r);
struct heard stage_sse_post_aside(struct stage *s, const struct said *said, struct runner *r);
void runner_join(struct runner *r);
void stage_wait_for(const atomic_int *counter, int n);

/* How many messages stand in a body of SSE events, and the data of event n (from 0). */
size_t event_count(struct str body);
json_t *event_json(struct stage *s, struct str body, size_t n);
/* The id of the last event with one; NULL: none. */
const char *event_last_id(struct stage *s, struct str body);

/* result.content[0].text, or an empty view. */
struct str heard_text(const json_t *answer);
/* The data of the event that an HTTP+SSE stream begins with. */
struct str heard_endpoint(const struct heard *h);
int heard_code(const json_t *answer); /* error.code, 0: none */
const char *printed(struct stage *s, const char *fmt, ...) PRINTF(2, 3);

/* -- messages --------------------------------------------------------------------------------- */

#define REQUEST(id, method, params)                                                            \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}"
#define CALL(id, tool, args)                                                                   \
    REQUEST(id, "tools/call", "{\"name\":\"" tool "\",\"arguments\":" args "}")
#define META(version)                                                                          \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" version "\","                  \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define MODERN_CALL(id, tool, args)                                                            \
    REQUEST(id, "tools/call",                                                                  \
            "{\"name\":\"" tool "\",\"arguments\":" args "," META("2026-07-28") "}")
#define INITIALIZE(version)                                                                    \
    REQUEST("1", "initialize",                                                                 \
            "{\"protocolVersion\":\"" version "\",\"capabilities\":{\"sampling\":{}},"         \
            "\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}")
#define INITIALIZED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"

/* A modern POST with all headers that a tools/call needs. */
#define MODERN(tool, text)                                                                     \
    {                                                                                          \
        .body = (text), .version = "2026-07-28", .method = "tools/call", .name = (tool)        \
    }

#endif

/* test_sse.c - HTTP+SSE: what is posted is answered on the stream, and ends with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define CANCEL_7                                                                               \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"                                         \
    "cancelled\",\"params\":{\"requestId\":7}}"

/* A stream that was opened, and its session's id. */
struct line {
    struct stage *s;
    struct heard h;
    const char *id;
    const char *who, *endpoint;
};

static struct line open_as(struct stage *s, const char *who, const char *endpoint)
{
    struct line l = {.s = s, .who = who, .endpoint = endpoint};
    struct str uri, path, id;

    l.h = stage_sse_open(s, &(const struct said){.who = who, .endpoint = endpoint});
    CHECK_INT(l.h.status, 200);
    CHECK_STR(str_c(l.h.type), "text/event-stream");
    uri = heard_endpoint(&l.h);
    CHECK(str_cut(uri, '?', &path, &id));
    CHECK_STR(path, endpoint ? endpoint : "/messages/");
    CHECK(str_starts(id, STR("session_id=")) && id.len == strlen("session_id=") + 32);
    l.id = arena_cstr(&s->arena, str_sub(id, strlen("session_id="), id.len));
    return l;
}

static void line_close(struct line *l)
{
    if (l->h.x)
        stage_forget(&l->h);
}

#define LINE(name, stage, who, endpoint)                                                       \
    AUTO(line_close) struct line name = open_as(stage, who, endpoint)

static struct said words(const struct line *l, const char *body)
{
    return (struct said){.body = body, .sse = l->id, .who = l->who, .endpoint = l->endpoint};
}

/* Posts, and what is then the last message of the stream; NULL: none came. */
static json_t *say(struct line *l, const char *body)
{
    const struct said said = words(l, body);
    size_t before = event_count(l->h.body);
    struct heard h = stage_sse_post(l->s, &said);

    CHECK_INT(h.status, 202);
    CHECK_STR(h.body, "Accepted");
    stage_hear(l->s, &l->h);
    return event_count(l->h.body) > before ? l->h.json : NULL;
}

static void handshake(struct line *l, const char *version)
{
    const json_t *answer =
        say(l, printed(l->s,
                       REQUEST("0", "initialize",
                               "{\"protocolVersion\":\"%s\",\"capabilities\":{\"sampling\":{}},"
                               "\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}"),
                       version));

    CHECK_STR(json_view(json_object_get(json_object_get(answer, "result"), "protocolVersion")),
              version);
    CHECK(say(l, INITIALIZED) == NULL);
}

TEST(a_conversation)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);

    handshake(&l, "2024-11-05");
    CHECK(json_has(json_object_get(say(&l, LIST), "result"), "tools"));
    CHECK_STR(heard_text(say(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
    CHECK(json_has(say(&l, REQUEST("3", "ping", "{}")), "result"));
    CHECK_INT(heard_code(say(&l, REQUEST("4", "no/such", "{}"))), -32601);
    CHECK(memmem(l.h.body.ptr, l.h.body.len, "\n\nevent: message\ndata: {", 24) != NULL);
}

TEST(any_legacy_revision_can_be_negotiated)
{
    static const char *const versions[] = {"2024-11-05", "2025-03-26", "2025-06-18",
                                           "2025-11-25"};
    STAGE(s);

    for (size_t i = 0; i < COUNT(versions); i++) {
        LINE(l, &s, NULL, NULL);

        handshake(&l, versions[i]);
    }
}

/* A client whose stream broke opens another one and goes on without a handshake. */
TEST(requests_before_the_handshake_are_served)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);

    CHECK_STR(heard_text(say(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
}

TEST(progress_comes_before_the_answer)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    size_t n;

    handshake(&l, "2025-03-26");
    n = event_count(l.h.body);
    CHECK_STR(heard_text(say(&l, REQUEST("5", "tools/call",
                                         "{\"name\":\"steps\",\"_meta\":{\"progressToken\":"
                                         "9}}"))),
              "stepped");
    CHECK(event_count(l.h.body) >= n + 3);
    CHECK_STR(json_view(json_object_get(event_json(&s, l.h.body, n), "method")),
              "notifications/progress");
}

TEST(what_cannot_be_taken_is_refused_where_it_was_posted)
{
    static const struct {
        const char *body;
        int code;
    } rows[] = {
        {"{", -32700},
        {"", -32700},
        {"\xff", -32700},
        {"7", -32600},
        {"[]", -32600},
        {"[" LIST "]", -32600},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{" META(
             "2026-07-28") "}}",
         -32600},
    };
    STAGE(s);
    LINE(l, &s, NULL, NULL);

    handshake(&l, "2025-03-26");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct said said = words(&l, rows[i].body);
        struct heard h = stage_sse_post(&s, &said);

        CHECK_INT(h.status, 400);
        if (!CHECK_INT(heard_code(h.json), rows[i].code))
            printf("  for %s\n", rows[i].body);
        stage_hear(&s, &l.h);
        CHECK_INT(event_count(l.h.body), 1); /* nothing on the stream but initialize's answer */
    }
    CHECK_STR(heard_text(say(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
}

/* The official clients ask for the modern era first; a status of 400 made them give up. */
TEST(a_request_of_the_modern_era_is_refused_on_the_stream)
{
    static const char *const rows[] = {
        MODERN_CALL("5", "echo", "{\"text\":\"x\"}"),
        REQUEST("5", "server/discover", "{" META("2026-07-28") "}"),
        REQUEST("5", "initialize", "{" META("2026-07-28") "}"),
    };
    STAGE(s);
    LINE(l, &s, NULL, NULL);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const json_t *answer = say(&l, rows[i]);

        CHECK_INT(heard_code(answer), -32600);
        CHECK_INT(json_integer_value(json_object_get(answer, "id")), 5);
    }
    handshake(&l, "2025-11-25"); /* to fall back */
}

TEST(a_header_of_the_modern_era_is_refused_too)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    struct said said = words(&l, LIST);

    said.version = "2026-07-28";
    CHECK_INT(stage_sse_post(&s, &said).status, 202);
    stage_hear(&s, &l.h);
    CHECK_INT(heard_code(l.h.json), -32600);
    said.version = "2025-11-25";
    CHECK_INT(stage_sse_post(&s, &said).status, 202);
    stage_hear(&s, &l.h);
    CHECK_INT(heard_code(l.h.json), 0);
}

TEST(only_who_opened_a_stream_can_post_to_it)
{
    STAGE(s);
    LINE(own, &s, ALICE, NULL);
    LINE(other, &s, "bob", "/messages/work");
    const struct {
        struct said said;
        int status;
    } rows[] = {
        {{.body = LIST, .who = ALICE}, 400},
        {{.body = LIST, .who = ALICE, .sse = ""}, 404},
        {{.body = LIST, .who = ALICE, .sse = "0123456789abcdef0123456789abcdef"}, 404},
        {{.body = LIST, .who = "bob", .sse = own.id}, 404},
        {{.body = LIST, .sse = own.id}, 404},
        {{.body = LIST, .who = ALICE, .sse = other.id, .endpoint = "/messages/work"}, 404},
        {{.body = LIST, .who = "bob", .sse = other.id}, 404}, /* another space */
        {{.body = LIST, .who = ALICE, .sse = own.id}, 202},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!CHECK_INT(stage_sse_post(&s, &rows[i].said).status, rows[i].status))
            printf("  row %zu\n", i);
    }
    stage_hear(&s, &own.h);
    stage_hear(&s, &other.h);
    CHECK_INT(event_count(own.h.body), 1);
    CHECK_INT(event_count(other.h.body), 0);
    CHECK(strcmp(own.id, other.id) != 0);
}

/* The ids of the two transports are not each other's. */
TEST(a_stream_is_no_session_of_the_other_transport)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    const char *session = stage_session(&s, "2025-11-25", NULL);

    CHECK_INT(stage_ask(&s, &(const struct said){.body = LIST, .session = l.id}).status, 404);
    CHECK_INT(stage_sse_post(&s, &(const struct said){.body = LIST, .sse = session}).status,
              404);
}

TEST(the_end_of_the_stream_is_the_end_of_all)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    struct said said = words(&l, CALL("7", "wait", "{}"));
    struct runner r = {0};
    struct heard posted = stage_sse_post_aside(&s, &said, &r);

    stage_wait_for(&s.n_waiting, 1);
    mcp_exchange_hang_up(l.h.x);
    runner_join(&r);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
    CHECK_INT(stage_sse_post(&s, &said).status, 404);
    stage_forget(&posted);
}

TEST(a_running_call_can_be_cancelled)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    LINE(other, &s, NULL, NULL);
    const struct said said = words(&l, CALL("7", "wait", "{}"));
    struct runner r = {0};
    struct heard posted = stage_sse_post_aside(&s, &said, &r);

    stage_wait_for(&s.n_waiting, 1);
    CHECK_INT(heard_code(say(&l, CALL("7", "echo", "{\"text\":\"x\"}"))), -32600);
    CHECK_STR(heard_text(say(&l, CALL("8", "echo", "{\"text\":\"x\"}"))), "x");
    CHECK(say(&other, CANCEL_7) == NULL);
    CHECK_INT(atomic_load(&s.n_cancelled), 0);
    CHECK(say(&l, CANCEL_7) == NULL);
    runner_join(&r);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
    stage_hear(&s, &l.h);
    CHECK_INT(event_count(l.h.body), 2);
    stage_forget(&posted);
}

TEST(the_client_can_be_asked)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    const struct said said = words(&l, CALL("7", "ask", "{}"));
    struct runner r = {0};
    struct heard posted;
    const char *id;

    handshake(&l, "2024-11-05");
    posted = stage_sse_post_aside(&s, &said, &r);
    while (event_count(l.h.body) < 2)
        stage_hear(&s, &l.h);
    CHECK_STR(json_view(json_object_get(l.h.json, "method")), "sampling/createMessage");
    id = json_string_value(json_object_get(l.h.json, "id"));
    say(&l, printed(&s, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"a\":1}}", id));
    runner_join(&r);
    stage_hear(&s, &l.h);
    CHECK_STR(heard_text(l.h.json), "{\"a\":1}");
    stage_forget(&posted);
}

#define N_POSTERS 4
#define N_POSTS   50

struct poster {
    struct thread thread;
    struct line *line;
    int number;
};

static void post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < N_POSTS; i++) {
        char call[200];
        struct mcp_http_in in = {.body = STR(INITIALIZE("2025-03-26")),
                                 .sse_endpoint = STR("/messages/"),
                                 .sse_session = str_c(p->line->id)};
        struct mcp_exchange *x;
        struct mcp_job *job;

        snprintf(call, sizeof(call), CALL("\"%d-%d\"", "echo", "{\"text\":\"x\"}"), p->number,
                 i);
        if (i % 2)
            in.body = str_c(call);
        x = mcp_sse_post(p->line->s->mcp, &in, (struct mcp_wake){0});
        job = mcp_exchange_job(x);
        if (job)
            mcp_job_run(job);
        mcp_exchange_unref(x);
    }
}

TEST(messages_of_one_stream_may_come_at_once)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    struct poster posters[N_POSTERS];
    struct error err = {0};

    for (int i = 0; i < N_POSTERS; i++) {
        posters[i] = (struct poster){.line = &l, .number = i};
        CHECK_OK(thread_start(&posters[i].thread, "poster", post_many, &posters[i], &err), err);
    }
    for (int i = 0; i < N_POSTERS; i++)
        thread_join(&posters[i].thread);
    stage_hear(&s, &l.h);
    CHECK_INT(event_count(l.h.body), N_POSTERS * N_POSTS);
    for (size_t i = 0; i < N_POSTERS * N_POSTS; i++)
        CHECK_INT(heard_code(event_json(&s, l.h.body, i)), 0);
}

TEST(changes_are_told_once_the_client_is_ready)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    LINE(other, &s, NULL, NULL);

    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    stage_hear(&s, &l.h);
    CHECK_INT(event_count(l.h.body), 0);
    handshake(&l, "2025-03-26");
    handshake(&other, "2025-03-26");
    CHECK(json_has(say(&l, REQUEST("1", "resources/subscribe", "{\"uri\":\"memory://0\"}")),
                   "result"));
    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    mcp_resource_updated(s.mcp, STR("memory://0"));
    stage_hear(&s, &l.h);
    stage_hear(&s, &other.h);
    CHECK_INT(event_count(l.h.body), 4);
    CHECK_STR(json_view(json_object_get(l.h.json, "method")),
              "notifications/resources/updated");
    CHECK_INT(event_count(other.h.body), 2);
    CHECK_STR(json_view(json_object_get(other.h.json, "method")),
              "notifications/tools/list_changed");
}

TEST(a_quiet_stream_is_kept_alive)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    size_t before = l.h.body.len;

    s.now_ms += MCP_KEEPALIVE_MS + 1;
    mcp_tick(s.mcp, s.now_ms);
    stage_hear(&s, &l.h);
    CHECK(l.h.body.len > before && l.h.body.ptr[before] == ':');
    s.now_ms += MCP_SESSION_IDLE_MS + 1; /* and does not expire */
    mcp_tick(s.mcp, s.now_ms);
    CHECK_STR(heard_text(say(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
}

static const char *long_echo(struct stage *s, size_t n)
{
    char *text = ARENA_NEW(&s->arena, char, n + 1);

    memset(text, 'x', n);
    return printed(s, CALL("1", "echo", "{\"text\":\"%s\"}"), text);
}

TEST(a_stream_that_nobody_reads_ends)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    const struct said said = words(&l, long_echo(&s, 1 << 20));
    int n = 0;

    while (n < 20 && stage_sse_post(&s, &said).status == 202)
        n++;
    CHECK(n == 9 || n == 10);
    stage_hear(&s, &l.h);
    CHECK(l.h.is_ended);
    CHECK(str_ends(l.h.body, STR("\n\n")));
}

TEST(an_answer_may_be_longer_than_what_may_wait)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);

    CHECK_INT(heard_text(say(&l, long_echo(&s, 9 << 20))).len, 9 << 20);
    CHECK_STR(heard_text(say(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
}

TEST(there_is_a_limit_to_streams)
{
    STAGE(s);
    struct mcp_exchange **all = ARENA_NEW(&s.arena, struct mcp_exchange *, MCP_SSE_STREAMS_MAX);
    struct heard h;

    for (size_t i = 0; i < MCP_SSE_STREAMS_MAX; i++)
        all[i] = mcp_sse_open(s.mcp, &(const struct mcp_http_in){.sse_endpoint = STR("/m/")},
                              (struct mcp_wake){0});
    h = stage_sse_open(&s, &(const struct said){.body = ""});
    CHECK_INT(h.status, 503);
    CHECK(h.retry_after_s > 0);
    stage_forget(&h);
    mcp_exchange_unref(all[0]);
    h = stage_sse_open(&s, &(const struct said){.body = ""});
    CHECK_INT(h.status, 200);
    stage_forget(&h);
    for (size_t i = 1; i < MCP_SSE_STREAMS_MAX; i++)
        mcp_exchange_unref(all[i]);
}

TEST(a_client_that_takes_no_events_gets_no_stream)
{
    STAGE(s);
    struct heard h = stage_sse_open(&s, &(const struct said){.accept = "application/json"});

    CHECK_INT(h.status, 406);
    stage_forget(&h);
}

TEST(a_job_that_finds_no_worker_is_refused_on_the_stream)
{
    STAGE(s);
    LINE(l, &s, NULL, NULL);
    const struct mcp_http_in in = {.body = STR(CALL("1", "echo", "{\"text\":\"x\"}")),
                                   .sse_endpoint = STR("/messages/"),
                                   .sse_session = str_c(l.id)};
    struct mcp_exchange *x = mcp_sse_post(s.mcp, &in, (struct mcp_wake){0});

    mcp_job_refuse(mcp_exchange_job(x));
    stage_hear(&s, &l.h);
    CHECK_INT(heard_code(l.h.json), -31000);
    mcp_exchange_unref(x);
}

/* What is asked before the end is answered before the end. */
TEST(shutting_down_waits_for_calls_and_ends_the_stream)
{
    STAGE(s);
    LINE(idle, &s, NULL, NULL);
    LINE(l, &s, NULL, NULL);
    const struct mcp_http_in in = {.body = STR(CALL("1", "echo", "{\"text\":\"x\"}")),
                                   .sse_endpoint = STR("/messages/"),
                                   .sse_session = str_c(l.id)};
    struct mcp_exchange *x = mcp_sse_post(s.mcp, &in, (struct mcp_wake){0});
    struct said late;

    mcp_shut_down(s.mcp);
    stage_hear(&s, &idle.h);
    stage_hear(&s, &l.h);
    CHECK(idle.h.is_ended && !l.h.is_ended);
    late = words(&l, LIST);
    CHECK_INT(stage_sse_post(&s, &late).status, 503);
    mcp_job_run(mcp_exchange_job(x));
    stage_hear(&s, &l.h);
    CHECK(l.h.is_ended);
    CHECK_STR(heard_text(l.h.json), "x");
    mcp_exchange_unref(x);
}

TEST_MAIN()

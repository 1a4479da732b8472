/* test_http.c - the endpoint over raw sockets: spaces, slow jobs, streams, hang-ups, the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport.h"

#include "tests/support/test.h"
#include "tests/unit/http/client.h"
#include "tests/unit/transport/table.h"

struct stage {
    struct table *table;
    struct http_server *http;
    struct gate *gate;
    struct transport_http *transport;
};

static struct stage stage_open(size_t n_workers, size_t max_queued)
{
    struct stage s = {.table = table_open(n_workers, max_queued),
                      .gate = gate_new(&(struct gate_options){0})};
    struct http_options options = {.host = STR("127.0.0.1"), .n_threads = 2};
    struct error err = {0};

    CHECK_OK(http_server_new(&options, &s.http, &err), err);
    CHECK_OK(transport_http_new(&(struct transport_http_options){.mcp = s.table->mcp,
                                                                 .http = s.http,
                                                                 .gate = s.gate,
                                                                 .pool = s.table->pool,
                                                                 .change_pool = s.table->pool},
                                &s.transport, &err),
             err);
    CHECK_OK(http_server_start(s.http, &err), err);
    return s;
}

static void stage_close(struct stage *s)
{
    table_release(s->table);
    http_server_free(s->http);
    transport_http_free(s->transport);
    gate_free(s->gate);
    table_close(s->table);
}

/* headers: further lines, each with its "\r\n". */
static bool post(struct client *c, struct stage *s, const char *path, const char *headers,
                 const char *body)
{
    return client_open(c, http_server_port(s->http)) &&
           client_send(
               c,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "User-Agent: tester/1.0\r\n%sContent-Length: %zu\r\n\r\n%s",
               path, headers, strlen(body), body);
}

#define MODERN_HEADERS(tool)                                                                   \
    "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: " tool "\r\n"

/* -- answers --------------------------------------------------------------------------------- */

TEST(bare_post_is_answered_with_json)
{
    struct stage s = stage_open(1, 4);
    struct client c;
    struct reply r;

    REQUIRE(
        post(&c, &s, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"));
    r = client_read(&c);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Content-Type"), "application/json");
    CHECK(str_contains(r.body, STR("\"who\"")));
    client_close(&c);
    stage_close(&s);
}

TEST(path_names_the_space)
{
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"/mcp", "local tester default"},
        {"/mcp/", "local tester default"},
        {"/mcp/work", "local tester work"},
        {"/mcp/w%C3%B6rk", "local tester w\xc3\xb6rk"},
    };
    struct stage s = stage_open(1, 4);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r;

        REQUIRE(post(&c, &s, rows[i].path, "", CALL(1, "who")));
        r = client_read(&c);
        CHECK_INT(r.status, 200);
        CHECK(str_contains(r.body, str_c(rows[i].says)));
        client_close(&c);
    }
    stage_close(&s);
}

TEST(modern_call_passes_with_its_headers_and_fails_without)
{
    struct stage s = stage_open(1, 4);
    struct client c;
    struct reply r;

    REQUIRE(post(&c, &s, "/mcp", MODERN_HEADERS("who"), MODERN_CALL(1, "who")));
    r = client_read(&c);
    CHECK_INT(r.status, 200);
    CHECK(str_contains(r.body, STR("resultType")));
    client_close(&c);

    REQUIRE(post(&c, &s, "/mcp", MODERN_HEADERS("other"), MODERN_CALL(1, "who")));
    r = client_read(&c);
    CHECK_INT(r.status, 400);
    CHECK(str_contains(r.body, STR("-32020")));
    client_close(&c);

    REQUIRE(post(&c, &s, "/mcp", MODERN_HEADERS("who") "Mcp-Name: other\r\n",
                 MODERN_CALL(1, "who")));
    CHECK_INT(client_read(&c).status, 400); /* the header came twice and differs */
    client_close(&c);
    stage_close(&s);
}

TEST(bad_input_gets_its_status)
{
    static const struct {
        const char *request;
        int status;
        const char *says;
    } rows[] = {
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 415, "-32600"},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: 1\r\n\r\n{",
         400, "-32700"},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: 0\r\n\r\n",
         400, "-32700"},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Accept: text/html\r\nContent-Length: 2\r\n\r\n{}",
         406, "-32600"},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n",
         413, "-32600"},
        {"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", 405, ""},
        {"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", 406, ""},
        {"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""},
        {"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: none\r\n\r\n", 404, ""},
        {"PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, ""},
        {"POST /mcp/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: 2\r\n\r\n{}",
         404, "space"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 404, "/mcp"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "/mcp"},
        {"GET /else HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
        {"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}", 403, ""},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
         "Content-Length: 2\r\n\r\n{}",
         403, ""},
        {"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n"
         "Content-Length: 2\r\n\r\n{}",
         403, "access token"},
    };
    struct stage s = stage_open(1, 4);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r = client_ask(&c, http_server_port(s.http), rows[i].request);

        if (!CHECK_INT(r.status, rows[i].status) ||
            !CHECK(str_contains(r.body, str_c(rows[i].says))))
            fprintf(stderr, "  %s -> " STR_FMT "\n", rows[i].request, STR_ARG(r.body));
        client_close(&c);
    }
    stage_close(&s);
}

TEST(method_not_allowed_names_post_get_delete)
{
    struct stage s = stage_open(1, 4);
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s.http),
                                "PUT /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n");

    CHECK_STR(reply_header(&r, "Allow"), "POST, GET, DELETE");
    client_close(&c);
    stage_close(&s);
}

TEST(browser_page_of_this_machine_may_call)
{
    struct stage s = stage_open(1, 4);
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s.http),
                                "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n"
                                "Origin: http://localhost:6274\r\n"
                                "Access-Control-Request-Method: POST\r\n\r\n");

    CHECK_INT(r.status, 204);
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "http://localhost:6274");
    CHECK(str_contains(reply_header(&r, "Access-Control-Allow-Headers"),
                       STR("Mcp-Session-Id, MCP-Protocol-Version")));
    client_close(&c);
    stage_close(&s);
}

/* -- sessions and streams -------------------------------------------------------------------- */

#define INITIALIZE                                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
    "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}"
#define INITIALIZED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"

/* Opens a session; its header line, in the client's arena. */
static const char *open_session(struct client *c, struct stage *s)
{
    struct client again;
    const char *session;
    struct reply r;

    if (!post(c, s, "/mcp", "", INITIALIZE))
        return "";
    r = client_read(c);
    CHECK_INT(r.status, 200);
    session = arena_printf(&c->arena, "Mcp-Session-Id: " STR_FMT "\r\n",
                           STR_ARG(reply_header(&r, "Mcp-Session-Id")))
                  .ptr;
    if (post(&again, s, "/mcp", session, INITIALIZED))
        CHECK_INT(client_read(&again).status, 202);
    client_close(&again);
    return session;
}

TEST(session_lives_from_initialize_to_delete)
{
    struct stage s = stage_open(1, 4);
    struct client first, c;
    const char *session = open_session(&first, &s);

    CHECK(strlen(session) > 20);
    REQUIRE(post(&c, &s, "/mcp", session, CALL(1, "who")));
    CHECK_INT(client_read(&c).status, 200);
    client_close(&c);
    REQUIRE(client_open(&c, http_server_port(s.http)));
    CHECK(client_send(&c, "DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n%s\r\n", session));
    CHECK_INT(client_read(&c).status / 100, 2);
    client_close(&c);
    REQUIRE(post(&c, &s, "/mcp", session, CALL(2, "who")));
    CHECK_INT(client_read(&c).status, 404);
    client_close(&c);
    client_close(&first);
    stage_close(&s);
}

TEST(progress_makes_the_answer_a_stream)
{
    struct stage s = stage_open(1, 4);
    struct client first, c;
    const char *session = open_session(&first, &s);
    struct reply r;

    REQUIRE(post(&c, &s, "/mcp", session,
                 "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"steps\",\"arguments\":{},\"_meta\":{\"progressToken\":\"p\"}}}"));
    r = client_read(&c);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Content-Type"), "text/event-stream");
    CHECK_STR(reply_header(&r, "X-Accel-Buffering"), "no");
    CHECK_STR(reply_header(&r, "Cache-Control"), "no-cache, no-store, no-transform");
    CHECK(str_contains(r.body, STR("notifications/progress")));
    CHECK(str_contains(r.body, STR("stepped")));
    client_close(&c);
    client_close(&first);
    stage_close(&s);
}

TEST(listener_hears_of_a_change)
{
    struct stage s = stage_open(1, 4);
    struct client first, c;
    const char *session = open_session(&first, &s);
    AUTO_BUF heard = {0};
    struct str piece;

    REQUIRE(client_open(&c, http_server_port(s.http)));
    CHECK(client_send(&c,
                      "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s"
                      "\r\n",
                      session));
    CHECK_INT(client_read_head(&c).status, 200);
    mcp_list_changed(s.table->mcp, MCP_LIST_TOOLS);
    while (!str_contains(buf_str(&heard), STR("notifications/tools/list_changed")) &&
           (piece = client_read_chunk(&c)).ptr)
        buf_add(&heard, piece);
    CHECK(str_contains(buf_str(&heard), STR("notifications/tools/list_changed")));
    client_close(&c);
    client_close(&first);
    stage_close(&s);
}

/* -- slow jobs ------------------------------------------------------------------------------- */

TEST(slow_call_does_not_hold_up_quick_ones)
{
    enum { N = 6 };                    /* more than the server has threads */
    struct stage s = stage_open(N, N); /* none is refused, however late the workers start */
    struct client slow[N], quick;

    for (size_t i = 0; i < N; i++)
        REQUIRE(post(&slow[i], &s, "/mcp", "", CALL(1, "wait")));
    REQUIRE(table_wait(s.table, &s.table->n_started, N));
    REQUIRE(post(&quick, &s, "/mcp", "", CALL(2, "who")));
    CHECK_INT(client_read(&quick).status, 200);
    table_release(s.table);
    for (size_t i = 0; i < N; i++) {
        CHECK(str_contains(client_read(&slow[i]).body, STR("released")));
        client_close(&slow[i]);
    }
    client_close(&quick);
    stage_close(&s);
}

/* Occupies a worker until the table is released. */
static void hold_worker(void *arg)
{
    struct table *t = arg;
    MUTEX_SCOPE(&t->lock);

    t->n_started++;
    cond_broadcast(&t->changed);
    while (!t->is_released)
        cond_wait(&t->changed, &t->lock);
}

TEST(full_queue_is_said_so)
{
    struct stage s = stage_open(1, 1);
    struct client slow, quick;
    struct error err = {0};
    struct reply r;

    CHECK_OK(pool_submit(s.table->pool, hold_worker, s.table, &err), err);
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    CHECK_OK(pool_submit(s.table->pool, hold_worker, s.table, &err),
             err); /* waits in the queue */
    REQUIRE(post(&slow, &s, "/mcp", "", CALL(1, "wait")));
    r = client_read(&slow);
    CHECK_INT(r.status, 503);
    CHECK(reply_header(&r, "Retry-After").len > 0);
    REQUIRE(post(&quick, &s, "/mcp", "", CALL(2, "who")));
    CHECK_INT(client_read(&quick).status, 200);
    client_close(&slow);
    client_close(&quick);
    stage_close(&s);
}

TEST(hang_up_cancels_a_modern_call)
{
    struct stage s = stage_open(1, 4);
    struct client c;

    REQUIRE(post(&c, &s, "/mcp", MODERN_HEADERS("wait"), MODERN_CALL(1, "wait")));
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    client_close(&c);
    CHECK(table_wait(s.table, &s.table->n_cancelled, 1));
    stage_close(&s);
}

TEST(legacy_call_runs_on_after_a_hang_up)
{
    struct stage s = stage_open(1, 4);
    struct client c, probe;

    REQUIRE(post(&c, &s, "/mcp", "", CALL(1, "wait")));
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    client_close(&c);
    /* The server has seen the end of c once only the probe is connected. */
    REQUIRE(client_open(&probe, http_server_port(s.http)));
    while (http_server_n_connections(s.http) != 1) {
        client_close(&probe);
        REQUIRE(post(&probe, &s, "/mcp", "", CALL(2, "who")));
        CHECK_INT(client_read(&probe).status, 200);
    }
    CHECK_INT(s.table->n_cancelled, 0);
    table_release(s.table);
    CHECK(table_wait(s.table, &s.table->n_released, 1));
    client_close(&probe);
    stage_close(&s);
}

/* -- the end --------------------------------------------------------------------------------- */

TEST(stop_ends_listeners_and_lets_calls_finish)
{
    struct stage s = stage_open(1, 4);
    struct client first, listener, call;
    const char *session = open_session(&first, &s);

    REQUIRE(client_open(&listener, http_server_port(s.http)));
    CHECK(client_send(&listener,
                      "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s"
                      "\r\n",
                      session));
    CHECK_INT(client_read_head(&listener).status, 200);
    REQUIRE(post(&call, &s, "/mcp", "", CALL(1, "steps")));
    transport_http_stop(s.transport, TABLE_TIMEOUT_MS);
    CHECK(client_sees_close(&first));
    client_close(&first);
    client_close(&listener);
    client_close(&call);
    stage_close(&s);
}

TEST(stop_cancels_what_outlives_the_grace)
{
    struct stage s = stage_open(1, 4);
    struct client running, queued;

    REQUIRE(post(&running, &s, "/mcp", "", CALL(1, "wait")));
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    REQUIRE(post(&queued, &s, "/mcp", "", CALL(2, "wait")));
    transport_http_stop(s.transport, 1);
    CHECK(table_wait(s.table, &s.table->n_cancelled, 1));
    client_close(&running);
    client_close(&queued);
    stage_close(&s);
}

TEST_MAIN()

/* test_sse.c - HTTP+SSE over raw sockets: the endpoint event, posts, gates, hang-ups, the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include "tests/support/test.h"
#include "tests/unit/http/client.h"
#include "tests/unit/transport/table.h"

TEST(session_is_read_from_the_query)
{
    static const struct {
        const char *query, *want; /* NULL: absent */
    } rows[] = {
        {"session_id=ab", "ab"},
        {"sessionId=ab", "ab"},
        {"x=1&session_id=ab&y", "ab"},
        {"session_id=ab&sessionId=cd", "ab"},
        {"session_id=", ""},
        {"session_id=a=b", "a=b"},
        {"", NULL},
        {"&&", NULL},
        {"session_id", NULL},
        {"xsession_id=ab", NULL},
        {"session_id%3Dab", NULL},
        {"Session_Id=ab", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str got = sse_session_of(str_c(rows[i].query));

        CHECK_INT(got.ptr != NULL, rows[i].want != NULL);
        CHECK_STR(got, rows[i].want ? rows[i].want : "");
    }
}

TEST(endpoint_names_the_space_and_what_a_proxy_cuts_off)
{
    static const struct {
        const char *prefix, *space, *want;
    } rows[] = {
        {"", "", "/messages/"},
        {"", SPACE_DEFAULT, "/messages/default"},
        {"", "work", "/messages/work"},
        {"/memory", "", "/memory/messages/"},
        {"/a/b", "w\xc3\xb6rk", "/a/b/messages/w%C3%B6rk"},
        {"", "a?b#c%d\r\n", "/messages/a%3Fb%23c%25d%0D%0A"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(sse_endpoint_of(&a, str_c(rows[i].prefix), str_c(rows[i].space)),
                  rows[i].want);
}

/* -- over sockets ---------------------------------------------------------------------------- */

struct stage {
    struct table *table;
    struct http_server *http;
    struct gate *gate;
    struct transport_http *transport;
};

static struct stage stage_open(struct str prefix)
{
    struct stage s = {.table = table_open(1, 4), .gate = gate_new(&(struct gate_options){0})};
    struct http_options options = {.host = STR("127.0.0.1"), .n_threads = 2};
    struct error err = {0};

    CHECK_OK(http_server_new(&options, &s.http, &err), err);
    CHECK_OK(transport_http_new(&(struct transport_http_options){.mcp = s.table->mcp,
                                                                 .http = s.http,
                                                                 .gate = s.gate,
                                                                 .pool = s.table->pool,
                                                                 .change_pool = s.table->pool,
                                                                 .path_prefix = prefix},
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

struct stream {
    struct client c;
    struct buf heard;
    const char *endpoint;
};

static bool hear(struct stream *st, const char *what)
{
    struct str piece;

    while (!str_contains(buf_str(&st->heard), str_c(what)) &&
           (piece = client_read_chunk(&st->c)).ptr)
        buf_add(&st->heard, piece);
    return str_contains(buf_str(&st->heard), str_c(what));
}

static bool stream_open(struct stream *st, struct stage *s, const char *path)
{
    struct str start, rest, uri;
    struct reply r;

    *st = (struct stream){.endpoint = ""};
    if (!client_open(&st->c, http_server_port(s->http)) ||
        !client_send(&st->c,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
                     path))
        return false;
    r = client_read_head(&st->c);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Content-Type"), "text/event-stream");
    CHECK_STR(reply_header(&r, "X-Accel-Buffering"), "no");
    CHECK(str_contains(reply_header(&r, "Cache-Control"), STR("no-store")));
    if (!CHECK(hear(st, "\n\n")) ||
        !CHECK(str_starts(buf_str(&st->heard), STR("event: endpoint\ndata: /"))))
        return false;
    str_cut(str_sub(buf_str(&st->heard), strlen("event: endpoint\n"), st->heard.len), ' ',
            &start, &rest);
    str_cut(rest, '\n', &uri, &rest);
    st->endpoint = arena_cstr(&st->c.arena, uri);
    return true;
}

static void stream_close(struct stream *st)
{
    client_close(&st->c);
    buf_deinit(&st->heard);
}

static int post(struct stage *s, const char *path, const char *body)
{
    struct client c;
    struct reply r = {0};

    if (client_open(&c, http_server_port(s->http)) &&
        client_send(&c,
                    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "User-Agent: tester/1.0\r\nContent-Length: %zu\r\n\r\n%s",
                    path, strlen(body), body))
        r = client_read(&c);
    if (r.status == 202)
        CHECK_STR(r.body, "Accepted");
    client_close(&c);
    return r.status;
}

TEST(what_is_posted_is_answered_on_the_stream)
{
    static const struct {
        const char *path, *endpoint, *says;
    } rows[] = {
        {"/sse", "/messages/?session_id=", "local tester default"},
        {"/sse/", "/messages/?session_id=", "local tester default"},
        {"/sse/work", "/messages/work?session_id=", "local tester work"},
        {"/sse/w%C3%B6rk", "/messages/w%C3%B6rk?session_id=", "local tester w\xc3\xb6rk"},
    };
    struct stage s = stage_open(STR(""));

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stream st;

        REQUIRE(stream_open(&st, &s, rows[i].path));
        CHECK(str_starts(str_c(st.endpoint), str_c(rows[i].endpoint)));
        CHECK_INT(post(&s, st.endpoint, CALL(1, "who")), 202);
        CHECK(hear(&st, "event: message\ndata: {"));
        CHECK(hear(&st, rows[i].says));
        CHECK_INT(post(&s, st.endpoint, CALL(2, "steps")), 202); /* on a worker */
        CHECK(hear(&st, "stepped"));
        stream_close(&st);
    }
    stage_close(&s);
}

TEST(other_spellings_of_the_endpoint_are_taken)
{
    struct stage s = stage_open(STR(""));
    struct stream st;
    const char *id;

    REQUIRE(stream_open(&st, &s, "/sse"));
    id = strchr(st.endpoint, '=') + 1;
    CHECK_INT(
        post(&s, arena_printf(&st.c.arena, "/messages?sessionId=%s", id).ptr, CALL(1, "who")),
        202);
    CHECK(hear(&st, "\"id\":1"));
    CHECK_INT(post(&s, arena_printf(&st.c.arena, "/messages/work?session_id=%s", id).ptr,
                   CALL(3, "who")),
              404);
    stream_close(&st);
    stage_close(&s);
}

TEST(a_prefix_is_told_to_the_client)
{
    struct stage s = stage_open(STR("/memory"));
    struct stream st;

    REQUIRE(stream_open(&st, &s, "/sse"));
    CHECK(str_starts(str_c(st.endpoint), STR("/memory/messages/?session_id=")));
    /* The proxy cuts it off again. */
    CHECK_INT(post(&s, st.endpoint + strlen("/memory"), CALL(1, "who")), 202);
    CHECK(hear(&st, "local tester"));
    stream_close(&st);
    stage_close(&s);
}

#define JSON_HEAD "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"

TEST(gates_are_those_of_the_other_endpoint)
{
    static const struct {
        const char *request;
        int status;
        const char *allow;
    } rows[] = {
        {"POST /sse HTTP/1.1\r\n" JSON_HEAD "\r\n{}", 405, "GET"},
        {"DELETE /sse/work HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET"},
        {"GET /messages/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "POST"},
        {"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", 406, ""},
        {"GET /sse/a/b HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
        {"POST /messages/ HTTP/1.1\r\n" JSON_HEAD "\r\n{}", 400, ""},
        {"POST /messages?session_id=00 HTTP/1.1\r\n" JSON_HEAD "\r\n{}", 404, ""},
        {"POST /messages/a/b?session_id=00 HTTP/1.1\r\n" JSON_HEAD "\r\n{}", 404, ""},
        {"POST /messages/?session_id=00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
         "2\r\n\r\n{}",
         415, ""},
        {"POST /messages/ HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}", 403,
         ""},
        {"GET /sse HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, ""},
        {"GET /sse HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n", 403,
         ""},
        {"GET /sse HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", 403, ""},
        {"POST /messages/ HTTP/1.1\r\nOrigin: https://evil.example\r\n" JSON_HEAD "\r\n{}", 403,
         ""},
        {"GET /sse HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", 403, ""},
        {"POST /messages/ HTTP/1.1\r\nForwarded: for=192.0.2.1\r\n" JSON_HEAD "\r\n{}", 403,
         ""},
    };
    struct stage s = stage_open(STR(""));

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r = client_ask(&c, http_server_port(s.http), rows[i].request);

        if (!CHECK_INT(r.status, rows[i].status) ||
            !CHECK_STR(reply_header(&r, "Allow"), rows[i].allow))
            fprintf(stderr, "  %s -> " STR_FMT "\n", rows[i].request, STR_ARG(r.body));
        client_close(&c);
    }
    stage_close(&s);
}

TEST(browser_page_of_this_machine_may_open_and_post)
{
    static const struct {
        const char *path, *method;
    } rows[] = {{"/sse", "GET"}, {"/messages/?session_id=0", "POST"}};
    struct stage s = stage_open(STR(""));

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r;

        REQUIRE(client_open(&c, http_server_port(s.http)));
        CHECK(client_send(&c,
                          "OPTIONS %s HTTP/1.1\r\nHost: localhost\r\n"
                          "Origin: http://localhost:6274\r\n"
                          "Access-Control-Request-Method: %s\r\n\r\n",
                          rows[i].path, rows[i].method));
        r = client_read(&c);
        CHECK_INT(r.status, 204);
        CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "http://localhost:6274");
        client_close(&c);
    }
    stage_close(&s);
}

TEST(hang_up_cancels_what_runs)
{
    struct stage s = stage_open(STR(""));
    struct stream st, other;

    REQUIRE(stream_open(&st, &s, "/sse"));
    REQUIRE(stream_open(&other, &s, "/sse"));
    CHECK_INT(post(&s, st.endpoint, CALL(1, "wait")), 202);
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    client_close(&st.c);
    CHECK(table_wait(s.table, &s.table->n_cancelled, 1));
    CHECK_INT(post(&s, other.endpoint, CALL(1, "who")), 202);
    CHECK(hear(&other, "local tester"));
    buf_deinit(&st.heard);
    stream_close(&other);
    stage_close(&s);
}

TEST(stop_answers_what_runs_and_ends_the_stream)
{
    struct stage s = stage_open(STR(""));
    struct stream idle, busy;

    REQUIRE(stream_open(&idle, &s, "/sse"));
    REQUIRE(stream_open(&busy, &s, "/sse"));
    CHECK_INT(post(&s, busy.endpoint, CALL(1, "wait")), 202);
    REQUIRE(table_wait(s.table, &s.table->n_started, 1));
    mcp_shut_down(s.table->mcp);
    CHECK(!hear(&idle, "nothing but the end"));
    table_release(s.table);
    CHECK(hear(&busy, "released"));
    CHECK(!hear(&busy, "nothing but the end"));
    transport_http_stop(s.transport, TABLE_TIMEOUT_MS);
    stream_close(&idle);
    stream_close(&busy);
    stage_close(&s);
}

TEST_MAIN()

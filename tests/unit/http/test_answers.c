/* test_answers.c - answers that come later: wakes, streams, clients that go away, the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "tests/support/test.h"
#include "tests/unit/http/client.h"

#define CALLS_MAX  400
#define BODIES_MAX 1500

/* One request that is answered by the test, and what the server told about it. */
struct call {
    struct stage *stage;
    struct http_request *request;
    bool is_stream;
    bool is_early; /* the wake comes inside resume() and read(), which then say: not yet */
    struct buf out;
    bool is_over; /* the answer is complete */
    bool is_hung_up;
    bool is_closed;
};

struct stage {
    struct http_server *server;
    struct mutex lock; /* guards: calls, n_calls */
    struct cond changed;
    struct call calls[CALLS_MAX];
    size_t n_calls;
};

/* With the lock held. True: woken, once, at the one moment when nobody waits for it yet. */
static bool wake_early(struct call *call)
{
    if (!call->is_early || call->is_over)
        return false;
    call->is_over = true;
    http_wake(call->request);
    return true;
}

static void call_resume(struct http_request *r, void *ctx)
{
    struct call *call = ctx;
    MUTEX_SCOPE(&call->stage->lock);

    if (!call->is_stream && wake_early(call))
        return;
    if (call->is_stream) {
        http_reply_stream(r, 200, "text/event-stream");
    } else if (call->is_over) {
        buf_add(http_reply_body(r), buf_str(&call->out));
        http_reply(r, 200, "text/plain");
    }
}

static enum http_more call_read(void *ctx, struct buf *out)
{
    struct call *call = ctx;
    MUTEX_SCOPE(&call->stage->lock);

    if (wake_early(call))
        return HTTP_MORE;
    buf_add(out, buf_str(&call->out));
    buf_clear(&call->out);
    return call->is_over ? HTTP_END : HTTP_MORE;
}

static void call_hang_up(void *ctx)
{
    struct call *call = ctx;
    MUTEX_SCOPE(&call->stage->lock);

    CHECK(!call->is_hung_up && !call->is_closed);
    call->is_hung_up = true;
    cond_broadcast(&call->stage->changed);
}

static void call_close(void *ctx)
{
    struct call *call = ctx;
    MUTEX_SCOPE(&call->stage->lock);

    CHECK(!call->is_closed);
    call->is_closed = true;
    cond_broadcast(&call->stage->changed);
}

static const struct http_answer call_answer = {call_resume, call_read, call_hang_up,
                                               call_close};

static void handle(struct http_request *r, void *ctx)
{
    struct stage *stage = ctx;
    struct call *call;
    MUTEX_SCOPE(&stage->lock);

    call = &stage->calls[stage->n_calls++];
    *call = (struct call){.stage = stage, .request = r};
    call->is_stream = str_eq_c(http_path(r), "/stream");
    call->is_early = str_eq_c(http_query(r), "early");
    http_answer_later(r, &call_answer, call);
    cond_broadcast(&stage->changed);
}

static struct stage *stage_open(void)
{
    static const struct http_route routes[] = {
        {.method = "GET", .path = "/late"},
        {.method = "GET", .path = "/stream"},
        {.method = "POST", .path = "/late", .body = HTTP_BODY_JSON},
    };
    struct stage *stage = NEW(struct stage);
    struct http_options options = {
        .host = STR("127.0.0.1"), .n_threads = 2, .bodies_max_bytes = BODIES_MAX};
    struct error err = {0};

    mutex_init(&stage->lock);
    cond_init(&stage->changed);
    CHECK_OK(http_server_new(&options, &stage->server, &err), err);
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct http_route route = routes[i];

        route.handle = handle;
        route.ctx = stage;
        http_server_add(stage->server, &route);
    }
    CHECK_OK(http_server_start(stage->server, &err), err);
    return stage;
}

static void stage_close(struct stage *stage)
{
    http_server_free(stage->server);
    for (size_t i = 0; i < stage->n_calls; i++) {
        CHECK(stage->calls[i].is_closed);
        buf_deinit(&stage->calls[i].out);
    }
    cond_deinit(&stage->changed);
    mutex_deinit(&stage->lock);
    free(stage);
}

/* Waits until the handler has run n times. */
static bool stage_wait(struct stage *stage, size_t n)
{
    int64_t deadline_ms = clock_monotonic_ms() + CLIENT_TIMEOUT_MS;
    MUTEX_SCOPE(&stage->lock);

    while (stage->n_calls < n) {
        if (!cond_wait_until(&stage->changed, &stage->lock, deadline_ms))
            return false;
    }
    return true;
}

static bool call_wait(struct call *call, const bool *flag)
{
    int64_t deadline_ms = clock_monotonic_ms() + CLIENT_TIMEOUT_MS;
    MUTEX_SCOPE(&call->stage->lock);

    while (!*flag) {
        if (!cond_wait_until(&call->stage->changed, &call->stage->lock, deadline_ms))
            return false;
    }
    return true;
}

/* Under the stage's lock, so that close() cannot have returned in between. */
static void call_say(struct call *call, const char *text, bool is_over)
{
    MUTEX_SCOPE(&call->stage->lock);

    if (call->is_closed)
        return;
    buf_add_c(&call->out, text);
    call->is_over = is_over;
    http_wake(call->request);
}

static bool ask(struct client *c, struct stage *stage, const char *path)
{
    return client_open(c, http_server_port(stage->server)) &&
           client_send(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

/* -- late answers ---------------------------------------------------------------------------- */

TEST(late_answer_comes_with_a_wake_and_the_connection_lives_on)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/late"));
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(stage_wait(stage, i + 1));
        call_say(&stage->calls[i], "", false); /* a wake without an answer: it waits on */
        call_say(&stage->calls[i], "done", true);
        CHECK_STR(client_read(&c).body, "done");
        CHECK(call_wait(&stage->calls[i], &stage->calls[i].is_closed));
        CHECK(!stage->calls[i].is_hung_up);
        CHECK(client_send(&c, "GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }
    client_close(&c);
    stage_close(stage);
}

TEST(requests_behind_a_late_one_wait_their_turn)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    CHECK(client_send(&c, "GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    call_say(&stage->calls[0], "first", true);
    REQUIRE(stage_wait(stage, 2));
    call_say(&stage->calls[1], "second", true);
    CHECK_STR(client_read(&c).body, "first");
    CHECK_STR(client_read(&c).body, "second");
    client_close(&c);
    stage_close(stage);
}

struct hurry {
    struct stage *stage;
    size_t n;
};

/* Wakes each call as soon as its handler has run, mostly before it waits. */
static void wake_at_once(void *arg)
{
    struct hurry *hurry = arg;

    for (size_t i = 0; i < hurry->n && stage_wait(hurry->stage, i + 1); i++)
        call_say(&hurry->stage->calls[i], "x", true);
}

TEST(wake_before_the_wait_is_not_lost)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/late?early"));
    CHECK_INT(client_read(&c).status, 200);
    CHECK(client_send(&c, "GET /stream?early HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK_INT(client_read(&c).status, 200);
    client_close(&c);
    stage_close(stage);
}

TEST(wakes_race_with_handlers)
{
    struct stage *stage = stage_open();
    struct hurry hurry = {stage, 300};
    struct thread thread = {0};
    struct error err = {0};
    struct client c;

    CHECK_OK(thread_start(&thread, "hurry", wake_at_once, &hurry, &err), err);
    REQUIRE(client_open(&c, http_server_port(stage->server)));
    for (size_t i = 0; i < hurry.n; i++) {
        CHECK(client_send(&c, "GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        CHECK_STR(client_read(&c).body, "x");
    }
    thread_join(&thread);
    client_close(&c);
    stage_close(stage);
}

static bool post(struct client *c, struct stage *stage, int n_bytes)
{
    return client_open(c, http_server_port(stage->server)) &&
           client_send(c,
                       "POST /late HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%0*d",
                       n_bytes, n_bytes, 0);
}

TEST(bodies_of_all_requests_together_have_a_limit)
{
    struct stage *stage = stage_open();
    struct client held, refused, small;
    struct reply r;

    REQUIRE(post(&held, stage, 1000)); /* in memory until it is answered */
    REQUIRE(stage_wait(stage, 1));
    REQUIRE(post(&refused, stage, BODIES_MAX - 1000 + 1));
    r = client_read(&refused);
    CHECK_INT(r.status, 503);
    CHECK_STR(reply_header(&r, "Retry-After"), "1");
    client_close(&refused);
    REQUIRE(post(&small, stage, BODIES_MAX - 1000));
    REQUIRE(stage_wait(stage, 2));
    call_say(&stage->calls[0], "held", true);
    call_say(&stage->calls[1], "small", true);
    CHECK_STR(client_read(&held).body, "held");
    CHECK_STR(client_read(&small).body, "small");
    client_close(&held);
    client_close(&small);
    stage_close(stage);
}

/* -- streams --------------------------------------------------------------------------------- */

TEST(stream_passes_on_each_piece_as_it_comes)
{
    struct stage *stage = stage_open();
    struct client c;
    struct reply r;

    REQUIRE(ask(&c, stage, "/stream"));
    r = client_read_head(&c); /* before there is any piece */
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Content-Type"), "text/event-stream");
    call_say(&stage->calls[0], "one", false);
    CHECK_STR(client_read_chunk(&c), "one");
    call_say(&stage->calls[0], "two", false);
    CHECK_STR(client_read_chunk(&c), "two");
    call_say(&stage->calls[0], "three", true);
    CHECK_STR(client_read_chunk(&c), "three");
    CHECK(!client_read_chunk(&c).ptr);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_closed));
    CHECK(!stage->calls[0].is_hung_up);
    client_close(&c);
    stage_close(stage);
}

TEST(stream_of_many_bytes_arrives_whole)
{
    struct stage *stage = stage_open();
    AUTO_BUF text = {0};
    struct client c;
    struct str body;

    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "%07d\n", i);
    REQUIRE(ask(&c, stage, "/stream"));
    REQUIRE(stage_wait(stage, 1));
    call_say(&stage->calls[0], buf_cstr(&text), true);
    body = client_read(&c).body;
    CHECK(str_eq(body, buf_str(&text)));
    client_close(&c);
    stage_close(stage);
}

TEST(stream_to_an_http_1_0_client_ends_with_the_connection)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(client_open(&c, http_server_port(stage->server)));
    CHECK(client_send(&c, "GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n"));
    CHECK_INT(client_read_head(&c).status, 200);
    call_say(&stage->calls[0], "all", true);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_closed));
    CHECK(!stage->calls[0].is_hung_up);
    client_close(&c);
    stage_close(stage);
}

/* -- clients that go away -------------------------------------------------------------------- */

TEST(hang_up_is_seen_before_any_byte_was_answered)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    client_close(&c);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_hung_up));
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_closed));
    stage_close(stage);
}

TEST(hang_up_is_seen_on_an_idle_stream)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/stream"));
    CHECK_INT(client_read_head(&c).status, 200);
    client_close(&c);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_hung_up));
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_closed));
    stage_close(stage);
}

TEST(reset_is_seen_like_a_close)
{
    struct stage *stage = stage_open();
    struct linger hard = {.l_onoff = 1};
    struct client c;

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* close() sends RST */
    client_close(&c);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_hung_up));
    stage_close(stage);
}

TEST(hang_up_is_seen_behind_a_pipelined_request)
{
    struct stage *stage = stage_open();
    struct client c;

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    CHECK(client_send(&c, "GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    client_close(&c);
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_hung_up));
    CHECK(call_wait(&stage->calls[0], &stage->calls[0].is_closed));
    CHECK_INT(stage->n_calls, 1);
    stage_close(stage);
}

TEST(hang_up_and_wake_at_the_same_time)
{
    struct stage *stage = stage_open();

    for (size_t i = 0; i < 200; i++) {
        struct client c;

        REQUIRE(ask(&c, stage, i % 2 ? "/late" : "/stream"));
        REQUIRE(stage_wait(stage, i + 1));
        client_close(&c);
        call_say(&stage->calls[i], "too late", true);
        CHECK(call_wait(&stage->calls[i], &stage->calls[i].is_closed));
    }
    stage_close(stage);
}

/* -- many ------------------------------------------------------------------------------------ */

TEST(hundreds_of_idle_streams_cost_no_thread)
{
    enum { N = 350 };
    struct stage *stage = stage_open();
    struct client *clients = NEW_ARRAY(struct client, N), one;

    for (size_t i = 0; i < N; i++) {
        REQUIRE(ask(&clients[i], stage, "/stream"));
        CHECK_INT(client_read_head(&clients[i]).status, 200);
    }
    REQUIRE(ask(&one, stage, "/late")); /* still served */
    REQUIRE(stage_wait(stage, N + 1));
    call_say(&stage->calls[N], "served", true);
    CHECK_STR(client_read(&one).body, "served");
    for (size_t i = 0; i < N; i++)
        call_say(&stage->calls[i], "event", false);
    for (size_t i = 0; i < N; i++)
        CHECK_STR(client_read_chunk(&clients[i]), "event");
    for (size_t i = 0; i < N / 2; i++)
        client_close(&clients[i]);
    http_server_stop(stage->server, 0); /* hangs up on those that are left */
    for (size_t i = N / 2; i < N; i++) {
        CHECK(client_sees_close(&clients[i]));
        client_close(&clients[i]);
    }
    for (size_t i = 0; i < N; i++)
        CHECK(stage->calls[i].is_hung_up);
    client_close(&one);
    free(clients);
    stage_close(stage);
}

/* -- the end --------------------------------------------------------------------------------- */

static void answer_when_stopping(void *arg)
{
    struct call *call = arg;
    int64_t deadline_ms = clock_monotonic_ms() + CLIENT_TIMEOUT_MS;
    struct client probe;

    /* Once new connections are refused, the server is stopping. */
    while (client_open(&probe, http_server_port(call->stage->server)) &&
           clock_monotonic_ms() < deadline_ms)
        client_close(&probe);
    client_close(&probe);
    call_say(call, "finished", true);
}

TEST(stop_lets_running_requests_finish)
{
    struct stage *stage = stage_open();
    struct thread thread = {0};
    struct error err = {0};
    struct client c;
    struct reply r;

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    CHECK_OK(thread_start(&thread, "answer", answer_when_stopping, &stage->calls[0], &err),
             err);
    http_server_stop(stage->server, CLIENT_TIMEOUT_MS);
    thread_join(&thread);
    r = client_read(&c);
    CHECK_STR(r.body, "finished");
    CHECK_STR(reply_header(&r, "Connection"), "close");
    CHECK(!stage->calls[0].is_hung_up);
    client_close(&c);
    stage_close(stage);
}

TEST(stop_hangs_up_when_the_grace_is_over)
{
    struct stage *stage = stage_open();
    struct client c;
    int64_t began_ms = clock_monotonic_ms();

    REQUIRE(ask(&c, stage, "/late"));
    REQUIRE(stage_wait(stage, 1));
    http_server_stop(stage->server, 50);
    CHECK(clock_monotonic_ms() - began_ms < CLIENT_TIMEOUT_MS);
    CHECK(stage->calls[0].is_hung_up);
    CHECK(stage->calls[0].is_closed);
    CHECK(client_sees_close(&c));
    client_close(&c);
    stage_close(stage);
}

TEST_MAIN()

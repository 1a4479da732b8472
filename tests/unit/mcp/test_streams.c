/* test_streams.c - what comes before an answer, and the answer of a connection that broke. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <string.h>

#define VERSION "2025-11-25"
#define BOTH    "application/json, text/event-stream"
#define EVENTS  "text/event-stream"
#define STEPS                                                                                  \
    REQUEST("5", "tools/call",                                                                 \
            "{\"name\":\"steps\",\"arguments\":{},\"_meta\":{\"progressToken\":\"p\"}}")
#define CANCEL_7                                                                               \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"                                         \
    "cancelled\",\"params\":{\"requestId\":7}}"

static struct str method_of(const json_t *message)
{
    return json_view(json_object_get(message, "method"));
}

static const json_t *param_of(const json_t *message, const char *key)
{
    return json_object_get(json_object_get(message, "params"), key);
}

TEST(an_answer_is_json_unless_only_events_are_taken)
{
    static const struct {
        const char *accept, *type;
    } rows[] = {
        {NULL, "application/json"},
        {BOTH, "application/json"},
        {"*/*", "application/json"},
        {"application/json", "application/json"},
        {"text/html", "application/json"}, /* liberal: it asked, it gets */
        {EVENTS, EVENTS},
        {"TEXT/Event-Stream;q=1", EVENTS},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h =
            stage_ask(&s, &(const struct said){.body = CALL("1", "echo", "{\"text\":\"x\"}"),
                                               .accept = rows[i].accept});

        if (!CHECK_STR(str_c(h.type ? h.type : ""), rows[i].type))
            printf("  with Accept %s\n", rows[i].accept);
        CHECK_STR(heard_text(h.json), "x");
    }
}

TEST(progress_and_logs_come_before_the_answer)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h =
        stage_ask(&s, &(const struct said){.body = STEPS, .session = session, .accept = BOTH});
    const json_t *one;
    size_t n = event_count(h.body);

    REQUIRE(CHECK_STR(str_c(h.type), EVENTS));
    REQUIRE(CHECK(n >= 4 && n <= 5)); /* the second step may come too soon */
    one = event_json(&s, h.body, 0);
    CHECK_STR(method_of(one), "notifications/progress");
    CHECK_STR(json_view(param_of(one, "progressToken")), "p");
    CHECK_NEAR(json_number_value(param_of(one, "progress")), 1, 0);
    one = event_json(&s, h.body, n - 3);
    CHECK_NEAR(json_number_value(param_of(one, "progress")), 3, 0);
    CHECK_NEAR(json_number_value(param_of(one, "total")), 3, 0);
    one = event_json(&s, h.body, n - 2);
    CHECK_STR(method_of(one), "notifications/message");
    CHECK_STR(json_view(param_of(one, "level")), "warning");
    CHECK_STR(json_view(param_of(one, "data")), "logged");
    CHECK_STR(heard_text(h.json), "stepped");
    CHECK(event_last_id(&s, h.body) != NULL); /* can be resumed */
}

TEST(nothing_comes_before_an_answer_in_plain_json)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    const struct said rows[] = {
        {.body = STEPS, .session = session, .accept = "application/json"},
        {.body = STEPS}, /* a bare curl: no session */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h = stage_ask(&s, &rows[i]);

        CHECK_STR(str_c(h.type), "application/json");
        CHECK_STR(heard_text(h.json), "stepped");
    }
}

TEST(the_log_level_of_the_session_counts)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h;

    h = stage_ask(&s, &(const struct said){
                          .body = REQUEST("1", "logging/setLevel", "{\"level\":\"error\"}"),
                          .session = session});
    CHECK_INT(heard_code(h.json), 0);
    h = stage_ask(&s, &(const struct said){.body = CALL("2", "steps", "{}"),
                                           .session = session,
                                           .accept = BOTH});
    CHECK_STR(str_c(h.type), "application/json"); /* nothing was to be sent before */
}

TEST(a_stream_can_be_resumed_from_any_event)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h =
        stage_ask(&s, &(const struct said){.body = STEPS, .session = session, .accept = BOTH});
    size_t n = event_count(h.body);

    for (size_t seen = 0; seen < n; seen++) {
        struct heard again =
            stage_get(&s, &(const struct said){.session = session,
                                               .last_event = printed(&s, "1_%zu", seen)});

        CHECK_INT(again.status, 200);
        CHECK(again.is_ended);
        CHECK_INT(event_count(again.body), n - seen);
        CHECK_STR(heard_text(again.json), "stepped");
        stage_forget(&again);
    }
}

TEST(an_event_id_that_is_not_known_is_refused)
{
    static const char *const ids[] = {"1_99", "9_0", "1", "x_y", "", "1_-1", "1_0_0"};
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);

    stage_ask(&s, &(const struct said){.body = STEPS, .session = session, .accept = BOTH});
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct heard h =
            stage_get(&s, &(const struct said){.session = session, .last_event = ids[i]});

        CHECK_INT(h.status, 400);
        stage_forget(&h);
    }
}

TEST(a_finished_stream_is_forgotten_after_a_while)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h;

    stage_ask(&s, &(const struct said){.body = STEPS, .session = session, .accept = BOTH});
    s.now_ms += 6 * 60 * 1000;
    mcp_tick(s.mcp, s.now_ms);
    h = stage_get(&s, &(const struct said){.session = session, .last_event = "1_0"});
    CHECK_INT(h.status, 400);
    stage_forget(&h);
}

/* A legacy client that hangs up comes back for its answer. */
TEST(a_legacy_call_survives_a_broken_connection)
{
    STAGE(s);
    struct runner r = {0};
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_post_aside(&s,
                                      &(const struct said){.body = CALL("7", "ask", "{}"),
                                                           .session = session,
                                                           .accept = BOTH},
                                      &r);
    const char *id = NULL;

    while (!id) {
        stage_hear(&s, &h);
        id = h.json ? json_string_value(json_object_get(h.json, "id")) : NULL;
    }
    mcp_exchange_hang_up(h.x);
    stage_forget(&h);
    CHECK_INT(stage_ask(&s, &(const struct said){.body = printed(&s,
                                                                 "{\"jsonrpc\":\"2.0\",\"id\":"
                                                                 "\"%s\",\"result\":{\"a\":1}}",
                                                                 id),
                                                 .session = session})
                  .status,
              202);
    runner_join(&r);
    h = stage_get(&s, &(const struct said){.session = session, .last_event = "1_1"});
    CHECK(h.is_ended);
    CHECK_STR(heard_text(h.json), "{\"a\":1}");
    stage_forget(&h);
}

/* -- asking the client ------------------------------------------------------------------------- */

static struct heard ask_and_answer(struct stage *s, const char *session, const char *answer)
{
    struct runner r = {0};
    struct heard h = stage_post_aside(s,
                                      &(const struct said){.body = CALL("7", "ask", "{}"),
                                                           .session = session,
                                                           .accept = BOTH},
                                      &r);

    while (!h.json)
        stage_hear(s, &h);
    CHECK_STR(method_of(h.json), "sampling/createMessage");
    stage_ask(s, &(const struct said){
                     .body = printed(s, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",%s}",
                                     json_string_value(json_object_get(h.json, "id")), answer),
                     .session = session});
    runner_join(&r);
    stage_hear(s, &h);
    CHECK(h.is_ended);
    stage_forget(&h);
    return h;
}

TEST(a_handler_gets_what_the_client_answers)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = ask_and_answer(&s, session, "\"result\":{\"text\":\"yes\"}");

    CHECK_STR(heard_text(h.json), "{\"text\":\"yes\"}");
    h = ask_and_answer(&s, session, "\"error\":{\"code\":-1,\"message\":\"no\"}");
    CHECK_STR(heard_text(h.json), "Error: the client refused sampling/createMessage");
}

TEST(a_client_that_cannot_be_asked_is_not_asked)
{
    STAGE(s);
    struct heard h = stage_say(&s, CALL("7", "ask", "{}"));

    CHECK_STR(heard_text(h.json), "Error: the client does not offer sampling/createMessage");
}

/* The answer of one session does not reach the question of another. */
TEST(only_the_session_that_was_asked_can_answer)
{
    STAGE(s);
    struct runner r = {0};
    const char *asked = stage_session(&s, VERSION, NULL);
    const char *other = stage_session(&s, VERSION, NULL);
    struct heard h = stage_post_aside(
        &s,
        &(const struct said){.body = CALL("7", "ask", "{}"), .session = asked, .accept = BOTH},
        &r);
    const char *id;

    while (!h.json)
        stage_hear(&s, &h);
    id = json_string_value(json_object_get(h.json, "id"));
    for (int i = 0; i < 2; i++) {
        const char *body =
            printed(&s, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"from\":\"%s\"}}", id,
                    i ? "asked" : "other");

        CHECK_INT(
            stage_ask(&s, &(const struct said){.body = body, .session = i ? asked : other})
                .status,
            202);
    }
    runner_join(&r);
    stage_hear(&s, &h);
    CHECK_STR(heard_text(h.json), "{\"from\":\"asked\"}");
    stage_forget(&h);
}

/* -- cancelling -------------------------------------------------------------------------------- */

TEST(only_the_own_session_can_cancel)
{
    STAGE(s);
    struct runner r = {0};
    const char *own = stage_session(&s, VERSION, NULL);
    const char *other = stage_session(&s, VERSION, NULL);
    struct heard h = stage_post_aside(
        &s, &(const struct said){.body = CALL("7", "wait", "{}"), .session = own}, &r);

    stage_wait_for(&s.n_waiting, 1);
    stage_ask(&s, &(const struct said){.body = CANCEL_7, .session = other});
    stage_ask(&s, &(const struct said){.body = CANCEL_7});
    CHECK_INT(atomic_load(&s.n_cancelled), 0);
    stage_ask(&s, &(const struct said){.body = CANCEL_7, .session = own});
    runner_join(&r);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
    stage_hear(&s, &h);
    CHECK_INT(h.status, 202); /* a cancelled call has no answer */
    CHECK_STR(h.body, "");
    stage_forget(&h);
}

TEST(the_end_of_its_session_cancels_a_call)
{
    STAGE(s);
    struct runner r = {0};
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_post_aside(
        &s, &(const struct said){.body = CALL("7", "wait", "{}"), .session = session}, &r);

    stage_wait_for(&s.n_waiting, 1);
    CHECK_INT(stage_delete(&s, &(const struct said){.session = session}).status, 204);
    runner_join(&r);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
    stage_forget(&h);
}

TEST(everything_can_be_cancelled_at_once)
{
    STAGE(s);
    struct runner r[2] = {{.job = NULL}};
    struct heard h[2];

    for (int i = 0; i < 2; i++)
        h[i] =
            stage_post_aside(&s, &(const struct said){.body = CALL("7", "wait", "{}")}, &r[i]);
    stage_wait_for(&s.n_waiting, 2);
    mcp_cancel_all(s.mcp);
    for (int i = 0; i < 2; i++) {
        runner_join(&r[i]);
        stage_forget(&h[i]);
    }
    CHECK_INT(atomic_load(&s.n_cancelled), 2);
}

TEST(a_job_that_finds_no_worker_is_refused)
{
    STAGE(s);
    const struct mcp_http_in in = {.body = STR(CALL("1", "echo", "{\"text\":\"x\"}")),
                                   .principal = STR("")};
    struct heard h = {.x = mcp_post(s.mcp, &in, (struct mcp_wake){0})};

    mcp_job_refuse(mcp_exchange_job(h.x));
    stage_hear(&s, &h);
    CHECK_INT(h.status, 503);
    CHECK(h.retry_after_s > 0);
    CHECK_INT(heard_code(h.json), -31000);
    stage_forget(&h);
}

/* -- streams outside any request --------------------------------------------------------------- */

TEST(changes_reach_the_newest_stream_of_each_session)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    const struct said said = {.session = session};
    struct heard old = stage_get(&s, &said), new = stage_get(&s, &said);

    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    stage_hear(&s, &old);
    stage_hear(&s, &new);
    CHECK_INT(event_count(old.body), 0);
    REQUIRE(CHECK_INT(event_count(new.body), 1));
    CHECK_STR(method_of(new.json), "notifications/tools/list_changed");
    CHECK(!new.is_ended);
    stage_forget(&old);
    stage_forget(&new);
}

/* It used to get what it had missed and then the end, again and again. */
TEST(a_stream_outside_any_request_goes_on_when_it_is_resumed)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});
    const char *id;

    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    stage_hear(&s, &h);
    id = event_last_id(&s, h.body);
    mcp_exchange_hang_up(h.x);
    stage_forget(&h);
    mcp_list_changed(s.mcp, MCP_LIST_PROMPTS); /* while nobody listens */
    h = stage_get(&s, &(const struct said){.session = session, .last_event = id});
    CHECK(!h.is_ended);
    CHECK_INT(event_count(h.body), 1);
    CHECK_STR(method_of(h.json), "notifications/prompts/list_changed");
    mcp_list_changed(s.mcp, MCP_LIST_RESOURCES);
    stage_hear(&s, &h);
    CHECK_INT(event_count(h.body), 2);
    CHECK_STR(method_of(h.json), "notifications/resources/list_changed");
    stage_forget(&h);
    s.now_ms += 6 * 60 * 1000; /* nobody has read it for a while */
    mcp_tick(s.mcp, s.now_ms);
    h = stage_get(&s, &(const struct said){.session = session, .last_event = id});
    CHECK_INT(h.status, 400);
    stage_forget(&h);
}

TEST(event_ids_are_of_their_session)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, ALICE);
    const char *other = stage_session(&s, VERSION, ALICE);
    struct heard h;

    stage_ask(&s, &(const struct said){
                      .body = STEPS, .session = session, .accept = BOTH, .who = ALICE});
    h = stage_get(&s,
                  &(const struct said){.session = other, .last_event = "1_0", .who = ALICE});
    CHECK_INT(h.status, 400);
    CHECK_INT(event_count(h.body), 0);
    stage_forget(&h);
    h = stage_get(&s,
                  &(const struct said){.session = session, .last_event = "1_0", .who = "bob"});
    CHECK_INT(h.status, 404);
    stage_forget(&h);
}

TEST(changes_wait_for_a_stream)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h;

    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    mcp_list_changed(s.mcp, MCP_LIST_TOOLS); /* the same again says no more */
    mcp_list_changed(s.mcp, MCP_LIST_PROMPTS);
    h = stage_get(&s, &(const struct said){.session = session});
    CHECK_INT(event_count(h.body), 2);
    stage_forget(&h);
}

TEST(a_resource_is_reported_to_who_subscribed)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    const char *other = stage_session(&s, VERSION, NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});
    struct heard none = stage_get(&s, &(const struct said){.session = other});
    struct said said = {.body = REQUEST("1", "resources/subscribe", "{\"uri\":\"memory://0\"}"),
                        .session = session};

    CHECK_INT(heard_code(stage_ask(&s, &said).json), 0);
    mcp_resource_updated(s.mcp, STR("memory://0"));
    mcp_resource_updated(s.mcp, STR("memory://1"));
    stage_hear(&s, &h);
    stage_hear(&s, &none);
    REQUIRE(CHECK_INT(event_count(h.body), 1));
    CHECK_STR(json_view(param_of(h.json, "uri")), "memory://0");
    CHECK_INT(event_count(none.body), 0);
    said.body = REQUEST("2", "resources/unsubscribe", "{\"uri\":\"memory://0\"}");
    CHECK_INT(heard_code(stage_ask(&s, &said).json), 0);
    mcp_resource_updated(s.mcp, STR("memory://0"));
    stage_hear(&s, &h);
    CHECK_INT(event_count(h.body), 1);
    stage_forget(&h);
    stage_forget(&none);
}

/* An event used to be left out without a word. */
TEST(a_stream_that_nobody_reads_ends)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});
    const char *id = event_last_id(&s, h.body);
    AUTO_BUF uri = {0};
    struct said said = {.session = session};

    buf_add(&uri, STR("memory://"));
    for (int i = 0; i < 500000; i++)
        buf_add_char(&uri, 'x');
    said.body =
        printed(&s, REQUEST("1", "resources/subscribe", "{\"uri\":\"%s\"}"), buf_cstr(&uri));
    CHECK_INT(stage_ask(&s, &said).status, 200);
    for (int i = 0; i < 40; i++)
        mcp_resource_updated(s.mcp, buf_str(&uri));
    stage_hear(&s, &h);
    CHECK(h.is_ended);
    CHECK(h.body.len > 8000000 && h.body.len < 10000000);
    CHECK(str_ends(h.body, STR("\n\n"))); /* whole events */
    stage_forget(&h);
    h = stage_get(&s, &(const struct said){.session = session, .last_event = id});
    CHECK_INT(h.status, 400); /* more was missed than is kept */
    stage_forget(&h);
}

TEST(a_quiet_stream_is_kept_alive)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});
    size_t before = h.body.len;

    s.now_ms += MCP_KEEPALIVE_MS + 1;
    mcp_tick(s.mcp, s.now_ms);
    stage_hear(&s, &h);
    CHECK(h.body.len > before);
    CHECK_INT(event_count(h.body), 0); /* a comment is no event */
    stage_forget(&h);
}

TEST(a_polled_call_is_fetched_later)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h =
        stage_ask(&s, &(const struct said){
                          .body = CALL("1", "poll", "{}"), .session = session, .accept = BOTH});
    const char *id = event_last_id(&s, h.body);

    CHECK_INT(event_count(h.body), 0);
    CHECK(memmem(h.body.ptr, h.body.len, "retry: 500", 10) != NULL);
    REQUIRE(CHECK(id));
    h = stage_get(&s, &(const struct said){.session = session, .last_event = id});
    CHECK_STR(heard_text(h.json), "polled");
    stage_forget(&h);
}

TEST(shutting_down_ends_every_stream)
{
    STAGE(s);
    const char *session = stage_session(&s, VERSION, NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});

    CHECK(!h.is_ended);
    mcp_shut_down(s.mcp);
    stage_hear(&s, &h);
    CHECK(h.is_ended);
    CHECK(atomic_load(&s.n_wakes) > 0);
    stage_forget(&h);
}

TEST_MAIN()

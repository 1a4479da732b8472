/* test_modern.c - requests that carry everything: headers, rounds with a state, cancellation. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <string.h>

#define NEW    "2026-07-28"
#define CLAUDE "claude-code/9"

static const json_t *result_of(const struct heard *h)
{
    return json_object_get(h->json, "result");
}

static struct str kind_of(const struct heard *h)
{
    return json_view(json_object_get(result_of(h), "resultType"));
}

/* -- what an answer carries -------------------------------------------------------------------- */

TEST(an_answer_says_that_it_is_complete_and_who_gave_it)
{
    STAGE(s);
    const struct said said = MODERN("echo", MODERN_CALL("1", "echo", "{\"text\":\"x\"}"));
    struct heard h = stage_ask(&s, &said);
    const json_t *meta = json_object_get(result_of(&h), "_meta");

    CHECK_STR(kind_of(&h), "complete");
    CHECK_STR(json_view(json_object_get(
                  json_object_get(meta, "io.modelcontextprotocol/serverInfo"), "name")),
              "stage");
    CHECK_INT(h.session.len, 0);
    CHECK_STR(str_c(h.type), "application/json");
}

TEST(discovery_names_every_revision)
{
    STAGE(s);
    const struct said said = {.body = REQUEST("1", "server/discover", "{" META(NEW) "}"),
                              .version = NEW,
                              .method = "server/discover"};
    struct heard h = stage_ask(&s, &said);

    CHECK_INT(json_array_size(json_object_get(result_of(&h), "supportedVersions")), 5);
    CHECK(json_has(json_object_get(result_of(&h), "capabilities"), "tools"));
    CHECK_STR(json_view(json_object_get(result_of(&h), "cacheScope")), "public");
    CHECK(json_integer_value(json_object_get(result_of(&h), "ttlMs")) > 0);
}

TEST(lists_may_be_cached_and_live_data_may_not)
{
    static const struct {
        const char *method, *name, *body, *scope;
        bool lives; /* longer than the moment */
    } rows[] = {
        {"tools/list", NULL, REQUEST("1", "tools/list", "{" META(NEW) "}"), "public", true},
        {"prompts/list", NULL, REQUEST("1", "prompts/list", "{" META(NEW) "}"), "public", true},
        {"resources/templates/list", NULL,
         REQUEST("1", "resources/templates/list", "{" META(NEW) "}"), "public", true},
        {"resources/list", NULL, REQUEST("1", "resources/list", "{" META(NEW) "}"), "private",
         false},
        {"resources/read", "memory://0",
         REQUEST("1", "resources/read", "{\"uri\":\"memory://0\"," META(NEW) "}"), "private",
         false},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct said said = {.body = rows[i].body,
                                  .version = NEW,
                                  .method = rows[i].method,
                                  .name = rows[i].name};
        struct heard h = stage_ask(&s, &said);

        CHECK_STR(json_view(json_object_get(result_of(&h), "cacheScope")), rows[i].scope);
        CHECK_INT(json_integer_value(json_object_get(result_of(&h), "ttlMs")) > 0,
                  rows[i].lives);
    }
}

/* -- headers ----------------------------------------------------------------------------------- */

#define ECHO_X MODERN_CALL("1", "echo", "{\"text\":\"x\"}")

TEST(headers_repeat_the_message)
{
    static const struct {
        struct said said;
        bool is_refused;
    } rows[] = {
        {{.method = "tools/call", .name = "echo"}, false},
        {{.method = "tools/call", .name = "=?base64?ZWNobw==?="}, false},
        {{.method = "tools/call", .name = "=?base64?ZWNobw=?="}, true},  /* bad padding */
        {{.method = "tools/call", .name = "=?base64?ZWN_bw==?="}, true}, /* foreign character */
        {{.method = "tools/call", .name = "=?base64?/w==?="}, true},     /* no UTF-8 */
        {{.method = "tools/call", .name = "=?base64?ZWNobw=="}, true},   /* literal then */
        {{.method = "tools/call", .name = "Echo"}, true},
        {{.method = "tools/call"}, true},
        {{.name = "echo"}, true},
        {{.method = "tools/Call", .name = "echo"}, true},
        {{.method = "tools/call", .name = "echo", .has_conflict = true}, true},
    };
    STRICT_STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct said said = rows[i].said;
        struct heard h;

        said.body = ECHO_X;
        said.version = NEW;
        h = stage_ask(&s, &said);
        if (!CHECK_INT(heard_code(h.json), rows[i].is_refused ? -32020 : 0))
            printf("  in row %zu: " STR_FMT "\n", i, STR_ARG(h.body));
        CHECK_INT(h.status, rows[i].is_refused ? 400 : 200);
    }
}

TEST(headers_that_mean_nothing_here_are_ignored)
{
    STAGE(s);
    const struct said said = {.body = REQUEST("1", "tools/list", "{" META(NEW) "}"),
                              .version = NEW,
                              .method = "tools/list",
                              .name = "whatever",
                              .last_event = "1_0",
                              .session = "none"};

    CHECK_INT(stage_ask(&s, &said).status, 200);
}

/* Claude's clients mix the headers of both eras; a strict server refuses them like all others. */
TEST(claude_is_read_by_the_message)
{
    static const struct said rows[] = {
        {.body = ECHO_X, .agent = CLAUDE},
        {.body = ECHO_X, .version = "2025-11-25", .agent = CLAUDE},
        {.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
         .version = NEW,
         .agent = CLAUDE},
    };
    STAGE(lenient);
    STRICT_STAGE(strict);

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_INT(stage_ask(&lenient, &rows[i]).status, 200);
        CHECK_INT(stage_ask(&strict, &rows[i]).status, 400);
    }
}

TEST(annotated_arguments_are_repeated_in_headers)
{
#define REGION(args) MODERN_CALL("1", "region", args)
    static const struct {
        const char *body, *region;
        bool is_refused;
    } rows[] = {
        {REGION("{\"region\":\"eu\"}"), "eu", false},
        {REGION("{\"region\":\"gr\u00fcn\"}"), "=?base64?Z3LDvG4=?=", false},
        {REGION("{}"), NULL, false},
        {REGION("{\"region\":\"eu\"}"), "us", true},
        {REGION("{\"region\":\"eu\"}"), NULL, true},
        {REGION("{\"region\":\"eu\"}"), "=?base64?!?=", true},
        {REGION("{}"), "eu", true},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct said said = MODERN("region", rows[i].body);
        struct heard h;

        said.region = rows[i].region;
        h = stage_ask(&s, &said);
        CHECK_INT(heard_code(h.json), rows[i].is_refused ? -32020 : 0);
    }
}

TEST(a_level_in_the_message_asks_for_logs)
{
#define LEVEL(level)                                                                           \
    REQUEST("1", "tools/call",                                                                 \
            "{\"name\":\"steps\",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"      \
            "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{},"                \
            "\"io.modelcontextprotocol/logLevel\":\"" level "\"}}")
    STAGE(s);
    struct said said = MODERN("steps", LEVEL("info"));
    struct heard h = stage_ask(&s, &said);

    CHECK(h.is_stream);
    CHECK_INT(event_count(h.body), 2);        /* the log line, and the answer */
    CHECK(event_last_id(&s, h.body) == NULL); /* nothing to resume */
    said.body = LEVEL("emergency");
    CHECK(!stage_ask(&s, &said).is_stream);
    said.body = LEVEL("loud");
    CHECK_INT(heard_code(stage_ask(&s, &said).json), -32602);
    said.body = MODERN_CALL("1", "steps", "{}");
    CHECK(!stage_ask(&s, &said).is_stream); /* not asked for */
}

/* -- rounds ------------------------------------------------------------------------------------ */

#define ROOTS_META                                                                             \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                   \
    "\"io.modelcontextprotocol/clientCapabilities\":{\"roots\":{}}}"
#define FIRST_ROUND                                                                            \
    REQUEST("1", "tools/call",                                                                 \
            "{\"name\":\"confirm\",\"arguments\":{\"what\":\"a\"}," ROOTS_META "}")

static const char *second_round(struct stage *s, const char *what, const char *state)
{
    return printed(s,
                   REQUEST("2", "tools/call",
                           "{\"name\":\"confirm\",\"arguments\":{\"what\":\"%s\"},"
                           "\"inputResponses\":{\"ok\":{\"roots\":[]}},"
                           "\"requestState\":\"%s\"," ROOTS_META "}"),
                   what, state);
}

static const char *first_state(struct stage *s, const char *who)
{
    struct said said = MODERN("confirm", FIRST_ROUND);
    struct heard h;

    said.who = who;
    h = stage_ask(s, &said);
    CHECK_STR(kind_of(&h), "input_required");
    CHECK(json_has(json_object_get(result_of(&h), "inputRequests"), "ok"));
    CHECK(!json_has(result_of(&h), "ttlMs"));
    return json_string_value(json_object_get(result_of(&h), "requestState"));
}

static struct heard go_on(struct stage *s, const char *body, const char *who)
{
    struct said said = MODERN("confirm", body);

    said.who = who;
    return stage_ask(s, &said);
}

TEST(a_state_comes_back_in_the_next_round)
{
    STAGE(s);
    const char *state = first_state(&s, ALICE);
    struct heard h;

    REQUIRE(state);
    h = go_on(&s, second_round(&s, "a", state), ALICE);
    CHECK_STR(heard_text(h.json), "what was kept");
    CHECK_STR(kind_of(&h), "complete");
}

TEST(a_state_serves_only_where_it_was_given)
{
    STAGE(s);
    const char *state = first_state(&s, ALICE);
    char *changed;

    REQUIRE(state);
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "b", state), ALICE).json), -32602);
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", state), "mallory").json), -32602);
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", ""), ALICE).json), -32602);
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", "a.b"), ALICE).json), -32602);
    changed = arena_cstr(&s.arena, str_c(state));
    for (size_t i = 0; i < strlen(state); i += 7) {
        char old = changed[i];

        changed[i] = old == 'A' ? 'B' : 'A';
        CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", changed), ALICE).json), -32602);
        changed[i] = old;
    }
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", changed), ALICE).json), 0);
}

TEST(a_state_expires)
{
    STAGE(s);
    const char *state = first_state(&s, ALICE);

    REQUIRE(state);
    s.now_ms += 10 * 60 * 1000 + 1;
    CHECK_INT(heard_code(go_on(&s, second_round(&s, "a", state), ALICE).json), -32602);
}

TEST(a_client_is_asked_only_what_it_can)
{
    STAGE(s);
    const struct said said = MODERN("confirm", MODERN_CALL("1", "confirm", "{}"));
    struct heard h = stage_ask(&s, &said);

    CHECK_INT(h.status, 400);
    CHECK_INT(heard_code(h.json), -32021);
}

TEST(a_legacy_client_cannot_be_asked_in_rounds)
{
    STAGE(s);

    CHECK(
        str_starts(heard_text(stage_say(&s, CALL("1", "confirm", "{}")).json), STR("Error: ")));
}

/* -- cancelling -------------------------------------------------------------------------------- */

TEST(hanging_up_cancels)
{
    STAGE(s);
    struct runner r = {0};
    const struct said said = MODERN("wait", MODERN_CALL("1", "wait", "{}"));
    struct heard h = stage_post_aside(&s, &said, &r);

    stage_wait_for(&s.n_waiting, 1);
    mcp_exchange_hang_up(h.x);
    runner_join(&r);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
    stage_forget(&h);
}

TEST(hanging_up_before_the_call_begins_keeps_it_from_running)
{
    STAGE(s);
    const struct mcp_http_in in = {.protocol_version = STR(NEW),
                                   .method = STR("tools/call"),
                                   .name = STR("wait"),
                                   .body = STR(MODERN_CALL("1", "wait", "{}")),
                                   .principal = STR("")};
    struct mcp_http_in copy = in;
    struct mcp_exchange *x;
    struct mcp_job *job;

    copy.now_ms = s.now_ms;
    x = mcp_post(s.mcp, &copy, (struct mcp_wake){0});
    job = mcp_exchange_job(x);
    REQUIRE(job);
    mcp_exchange_hang_up(x);
    mcp_job_run(job);
    CHECK_INT(atomic_load(&s.n_waiting), 0);
    mcp_exchange_unref(x);
}

TEST_MAIN()

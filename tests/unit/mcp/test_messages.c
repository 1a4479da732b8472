/* test_messages.c - which era a message belongs to, and what each bad one gets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <string.h>

#define MODERN_LIST(id) REQUEST(id, "tools/list", "{" META("2026-07-28") "}")
#define NOTIFICATION    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/else\"}"
#define CLAIMED_NOTIFY                                                                         \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/else\",\"params\":{" META(                \
        "2026-07-28") "}}"
#define RESPONSE "{\"jsonrpc\":\"2.0\",\"id\":\"server-9\",\"result\":{}}"
#define LIST     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define NEW      "2026-07-28"
#define NO_ID    NULL

struct row {
    struct said said;
    int status;
    int code;       /* of the error; 0: a result, or no body */
    const char *id; /* of the answer, as JSON; NULL: none */
};

static const char *id_of(struct stage *s, const json_t *answer)
{
    const json_t *id = json_object_get(answer, "id");

    return id ? arena_cstr(&s->arena, json_text(&s->arena, id)) : NULL;
}

static void check_row(struct stage *s, const struct row *row)
{
    struct heard h = stage_ask(s, &row->said);
    const char *id = id_of(s, h.json);
    bool is_ok = CHECK_INT(h.status, row->status);

    is_ok &= CHECK_INT(heard_code(h.json), row->code);
    is_ok &= row->id ? CHECK(id && strcmp(id, row->id) == 0) : CHECK(!id);
    if (!is_ok)
        printf("  after %s, version %s: " STR_FMT "\n", row->said.body,
               row->said.version ? row->said.version : "none", STR_ARG(h.body));
}

static void check_rows(struct stage *s, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_row(s, &rows[i]);
}

TEST(what_is_no_message_is_refused_in_both_eras)
{
    static const struct {
        const char *body;
        int code;
        const char *id;
    } rows[] = {
        {"", -32700, NO_ID},
        {"{", -32700, NO_ID},
        {"{\"a\":\"\xff\"}", -32700, NO_ID},
        {"\"text\"", -32600, NO_ID},
        {"17", -32600, NO_ID},
        {"null", -32600, NO_ID},
        {"[]", -32600, NO_ID},
        {"{}", -32600, NO_ID},
        {"{\"id\":1,\"method\":\"ping\"}", -32600, "1"},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":5}", -32600, "\"a\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", -32600, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, NO_ID},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600, NO_ID},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", -32600, NO_ID},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600, NO_ID},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct row row = {{.body = rows[i].body}, 400, rows[i].code, rows[i].id};

        check_row(&s, &row);
        row.said.version = NEW;
        check_row(&s, &row);
    }
}

TEST(json_that_is_too_deep_is_no_json)
{
    STAGE(s);
    char deep[20001];
    struct heard h;

    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    h = stage_say(&s, deep);
    CHECK_INT(h.status, 400);
    CHECK_INT(heard_code(h.json), -32700);
}

TEST(arrays_are_batches_of_one_old_revision)
{
    STAGE(s);
    static const struct row rows[] = {
        {{.body = "[" LIST "]", .version = "2025-03-26"}, 200, 0, NO_ID},
        {{.body = "[" LIST "]"}, 200, 0, NO_ID}, /* that revision is assumed */
        {{.body = "[" NOTIFICATION "]"}, 202, 0, NO_ID},
        {{.body = "[" LIST "]", .version = "2025-06-18"}, 400, -32600, NO_ID},
        {{.body = "[" LIST "]", .version = NEW}, 400, -32600, NO_ID},
        {{.body = "[" MODERN_LIST("1") "]"}, 400, -32600, NO_ID},
        {{.body = "[" INITIALIZE("2025-03-26") "]"}, 400, -32600, NO_ID},
        {{.body = "[" LIST ",7]"}, 400, -32600, NO_ID},
    };

    check_rows(&s, rows, COUNT(rows));
}

TEST(a_batch_answers_what_it_asks)
{
    STAGE(s);
    struct heard h = stage_say(
        &s, "[" LIST "," NOTIFICATION
            "," CALL("2", "echo", "{\"text\":\"x\"}") "," REQUEST("3", "no/such", "{}") "]");
    const json_t *one;
    size_t i;
    int seen = 0;

    REQUIRE(CHECK_INT(json_array_size(h.json), 3));
    json_array_foreach(h.json, i, one)
    {
        json_int_t id = json_integer_value(json_object_get(one, "id"));

        seen |= 1 << id;
        CHECK_INT(heard_code(one), id == 3 ? -32601 : 0);
        if (id == 2)
            CHECK_STR(heard_text(one), "x");
    }
    CHECK_INT(seen, 1 << 1 | 1 << 2 | 1 << 3);
}

TEST(a_batch_has_a_limit)
{
    STAGE(s);
    AUTO_BUF b = {0};
    struct heard h;

    for (int i = 0; i <= MCP_BATCH_MAX; i++)
        buf_add_c(&b, i ? "," NOTIFICATION : "[" NOTIFICATION);
    buf_add_c(&b, "]");
    h = stage_say(&s, buf_cstr(&b));
    CHECK_INT(h.status, 400);
    CHECK_INT(heard_code(h.json), -32600);
}

TEST(the_era_is_decided_per_message)
{
    STAGE(s);
    static const struct row rows[] = {
        /* a claim makes it modern, whatever the header */
        {{.body = MODERN_LIST("1"), .version = NEW, .method = "tools/list"}, 200, 0, "1"},
        {{.body = MODERN_LIST("1"), .method = "tools/list"}, 400, -32020, "1"},
        {{.body = MODERN_LIST("1"), .version = "2025-11-25", .method = "tools/list"},
         400,
         -32020,
         "1"},
        /* so does the header; then what is missing is said */
        {{.body = LIST, .version = NEW, .method = "tools/list"}, 400, -32602, "1"},
        {{.body = LIST, .version = "2027-01-01", .method = "tools/list"}, 400, -32602, "1"},
        /* other keys of _meta are no claim */
        {{.body = REQUEST("1", "tools/list", "{\"_meta\":{\"progressToken\":1}}")},
         200,
         0,
         "1"},
        /* a legacy version as a claim is modern in shape */
        {{.body = REQUEST("1", "tools/list", "{" META("2025-11-25") "}"),
          .version = "2025-11-25",
          .method = "tools/list"},
         400,
         -32022,
         "1"},
        {{.body = REQUEST("1", "tools/list", "{" META("2099-01-01") "}"),
          .version = "2099-01-01",
          .method = "tools/list"},
         400,
         -32022,
         "1"},
        /* initialize is legacy with any header, and unknown with a claim */
        {{.body = INITIALIZE("2025-11-25"), .version = NEW}, 200, 0, "1"},
        {{.body = REQUEST("1", "initialize", "{" META("2026-07-28") "}"),
          .version = NEW,
          .method = "initialize"},
         404,
         -32601,
         "1"},
        /* a modern request has no session */
        {{.body = MODERN_LIST("1"), .version = NEW, .method = "tools/list", .session = "none"},
         200,
         0,
         "1"},
        /* legacy, with what it may name */
        {{.body = LIST}, 200, 0, "1"},
        {{.body = LIST, .version = "2024-11-05"}, 200, 0, "1"},
        {{.body = LIST, .version = "2025-11-25"}, 200, 0, "1"},
        {{.body = LIST, .version = "2025-01-01"}, 400, -32022, "1"},
        {{.body = LIST, .version = "new"}, 400, -32602, "1"}, /* sorts behind: modern */
        {{.body = LIST, .version = ""}, 400, -32022, "1"},
    };

    check_rows(&s, rows, COUNT(rows));
}

TEST(notifications_and_responses_have_no_answer)
{
    STAGE(s);
    static const struct row rows[] = {
        {{.body = NOTIFICATION}, 202, 0, NO_ID},
        {{.body = NOTIFICATION, .version = NEW}, 202, 0, NO_ID},
        {{.body = CLAIMED_NOTIFY}, 202, 0, NO_ID},
        {{.body = RESPONSE}, 202, 0, NO_ID},
        {{.body = RESPONSE, .version = NEW}, 400, -32600, NO_ID},
        {{.body = RESPONSE, .session = "none"}, 404, -32001, NO_ID},
        {{.body = NOTIFICATION, .session = "none"}, 404, -32001, NO_ID},
    };

    check_rows(&s, rows, COUNT(rows));
}

TEST(bad_requests_of_the_legacy_era)
{
    STAGE(s);
    static const struct row rows[] = {
        {{.body = REQUEST("1", "tools/list", "[]")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "tools/list", "7")}, 200, -32602, "1"},
        {{.body = REQUEST("\"a\"", "no/such", "{}")}, 200, -32601, "\"a\""},
        {{.body = REQUEST("1", "server/discover", "{}")}, 200, -32601, "1"},
        {{.body = LIST, .session = "none"}, 404, -32001, "1"},
        {{.body = CALL("1", "none", "{}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "tools/call", "{\"name\":\"echo\",\"arguments\":[]}")},
         200,
         -32602,
         "1"},
        {{.body = REQUEST("1", "tools/call", "{}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "tools/call", "{\"name\":5}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "resources/read", "{\"uri\":\"memory://9\"}")},
         200,
         -32002,
         "1"},
        {{.body = REQUEST("1", "resources/read", "{}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "prompts/get", "{\"name\":\"none\"}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "prompts/get", "{\"name\":\"greet\"}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "tools/list", "{\"cursor\":\"x\"}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "logging/setLevel", "{\"level\":\"loud\"}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "initialize", "{\"protocolVersion\":5}")}, 200, -32602, "1"},
        {{.body = REQUEST("1", "completion/complete", "{}")}, 200, -32601, "1"},
        {{.body = CALL("1", "fail", "{\"kind\":\"internal\"}")}, 200, -32603, "1"},
        {{.body = CALL("1", "fail", "{\"kind\":\"protocol\"}")}, 200, -31001, "1"},
        {{.body = REQUEST("1", "resources/subscribe", "{\"uri\":\"memory://0\"}")},
         200,
         -32600,
         "1"},
    };

    check_rows(&s, rows, COUNT(rows));
}

#define MODERN_ROW(method_, params, name_)                                                     \
    {                                                                                          \
        .body = REQUEST("1", method_, "{" params META(NEW) "}"), .version = NEW,               \
        .method = (method_), .name = (name_)                                                   \
    }

TEST(bad_requests_of_the_modern_era)
{
    STAGE(s);
    static const struct row rows[] = {
        {{.body = REQUEST("1", "tools/list", "[]"), .version = NEW, .method = "tools/list"},
         400,
         -32602,
         "1"},
        {{.body = REQUEST("1", "tools/list", "{\"_meta\":7}"),
          .version = NEW,
          .method = "tools/list"},
         400,
         -32602,
         "1"},
        {{.body =
              REQUEST("1", "tools/list",
                      "{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" NEW "\"}}"),
          .version = NEW,
          .method = "tools/list"},
         400,
         -32602,
         "1"}, /* no capabilities */
        {MODERN_ROW("no/such", "", NULL), 404, -32601, "1"},
        {MODERN_ROW("ping", "", NULL), 404, -32601, "1"},
        {MODERN_ROW("logging/setLevel", "\"level\":\"info\",", NULL), 404, -32601, "1"},
        {MODERN_ROW("tools/call", "\"name\":\"none\",", "none"), 200, -32602, "1"},
        {MODERN_ROW("tools/call", "", NULL), 200, -32602, "1"},
        {MODERN_ROW("tools/call", "\"name\":\"echo\",\"arguments\":[],", "echo"), 200, -32602,
         "1"},
        {MODERN_ROW("tools/call", "\"name\":\"echo\",\"inputResponses\":[],", "echo"), 200,
         -32602, "1"},
        {MODERN_ROW("resources/read", "\"uri\":\"memory://9\",", "memory://9"), 200, -32602,
         "1"},
        {MODERN_ROW("prompts/get", "\"name\":\"greet\",", "greet"), 200, -32602, "1"},
        {MODERN_ROW("tools/list", "\"cursor\":\"x\",", NULL), 200, -32602, "1"},
        {MODERN_ROW("tools/call", "\"name\":\"fail\",\"arguments\":{\"kind\":\"internal\"},",
                    "fail"),
         200, -32603, "1"},
        {MODERN_ROW("tools/call", "\"name\":\"fail\",\"arguments\":{\"kind\":\"capability\"},",
                    "fail"),
         400, -32021, "1"},
        {MODERN_ROW("subscriptions/listen", "", NULL), 200, -32602, "1"},
    };

    check_rows(&s, rows, COUNT(rows));
}

TEST(an_unknown_resource_is_named)
{
    STAGE(s);
    struct heard h = stage_say(&s, REQUEST("1", "resources/read", "{\"uri\":\"memory://9\"}"));

    CHECK_STR(json_view(json_object_get(
                  json_object_get(json_object_get(h.json, "error"), "data"), "uri")),
              "memory://9");
}

TEST(an_internal_failure_says_nothing_of_the_inside)
{
    STAGE(s);
    struct heard h = stage_say(&s, CALL("1", "fail", "{\"kind\":\"internal\"}"));

    CHECK(memmem(h.body.ptr, h.body.len, "secret", 6) == NULL);
}

TEST(arguments_against_the_schema_are_a_result)
{
    STAGE(s);
    static const char *const rows[] = {
        CALL("1", "echo", "{}"),
        CALL("1", "echo", "{\"text\":5}"),
        CALL("1", "echo", "{\"text\":\"x\",\"n\":0}"),
        CALL("1", "fail", "{}"),
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h = stage_say(&s, rows[i]);

        CHECK_INT(h.status, 200);
        CHECK(json_is_true(json_object_get(json_object_get(h.json, "result"), "isError")));
        CHECK(str_starts(heard_text(h.json), i + 1 == COUNT(rows)
                                                 ? STR("Error: ")
                                                 : STR("Input validation error: ")));
    }
}

/* Any byte may stand in a header; none may end the server. */
TEST(headers_that_are_no_text_are_refused)
{
#define BAD "\xff\x01\xc3"
    static const struct said rows[] = {
        {.body = LIST, .version = BAD},
        {.body = LIST, .version = "2025-" BAD},
        {.body = LIST, .session = BAD},
        {.body = LIST, .last_event = BAD},
        {.body = MODERN_LIST("1"), .version = NEW, .method = BAD},
        {.body = CALL("1", "echo", "{}"), .version = NEW, .method = "tools/call", .name = BAD},
        {.body = "[" LIST "]", .version = BAD},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h = stage_ask(&s, &rows[i]);

        CHECK_INT(h.status, 400);
        CHECK_INT(heard_code(h.json), -32600);
        CHECK_INT(stage_delete(&s, &rows[i]).status, 400);
        h = stage_get(&s, &rows[i]);
        CHECK_INT(h.status, 400);
        stage_forget(&h);
    }
    CHECK_INT(stage_say(&s, LIST).status, 200);
}

TEST(while_closing_new_messages_come_back_later)
{
    STAGE(s);
    struct heard h;

    mcp_shut_down(s.mcp);
    h = stage_say(&s, LIST);
    CHECK_INT(h.status, 503);
    CHECK(h.retry_after_s > 0);
}

TEST_MAIN()

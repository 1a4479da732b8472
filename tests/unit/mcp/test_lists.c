/* test_lists.c - what is offered: order, pages, hidden tools; and tables that are refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <string.h>

static const json_t *result_of(struct stage *s, const char *body)
{
    return json_object_get(stage_say(s, body).json, "result");
}

TEST(tools_are_listed_in_the_order_of_the_table_without_the_hidden)
{
    static const char *const names[] = {"echo", "fail",    "steps",  "wait",
                                        "ask",  "confirm", "region", "poll"};
    STAGE(s);
    const json_t *list =
        json_object_get(result_of(&s, REQUEST("1", "tools/list", "{}")), "tools");

    REQUIRE(CHECK_INT(json_array_size(list), COUNT(names)));
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK_STR(json_view(json_object_get(json_array_get(list, i), "name")), names[i]);
    CHECK_STR(heard_text(stage_say(&s, CALL("1", "old", "{}")).json), "stepped");
}

TEST(pages_join_without_gap_and_repeat)
{
    STAGE(s);
    const char *cursor = NULL;
    int n = 0, n_pages = 0;

    do {
        const char *body =
            cursor ? printed(&s, REQUEST("1", "resources/list", "{\"cursor\":\"%s\"}"), cursor)
                   : REQUEST("1", "resources/list", "{}");
        const json_t *result = result_of(&s, body);
        const json_t *list = json_object_get(result, "resources"), *one;
        size_t i;

        CHECK(json_array_size(list) > 0 && json_array_size(list) <= 100);
        json_array_foreach((json_t *)(uintptr_t)list, i, one)
            CHECK_STR(json_view(json_object_get(one, "uri")), printed(&s, "memory://%d", n++));
        cursor = json_string_value(json_object_get(result, "nextCursor"));
        n_pages++;
    } while (cursor && n_pages < 10);
    CHECK_INT(n, STAGE_N_RESOURCES);
    CHECK_INT(n_pages, 3);
}

TEST(a_cursor_is_good_for_its_own_list_only)
{
    STAGE(s);
    const json_t *first = result_of(&s, REQUEST("1", "resources/list", "{}"));
    const char *cursor = json_string_value(json_object_get(first, "nextCursor"));
    char *changed;

    REQUIRE(cursor);
    CHECK_INT(
        heard_code(stage_say(&s, printed(&s, REQUEST("1", "tools/list", "{\"cursor\":\"%s\"}"),
                                         cursor))
                       .json),
        -32602);
    changed = arena_cstr(&s.arena, str_c(cursor));
    changed[1] = changed[1] == 'A' ? 'B' : 'A';
    CHECK_INT(
        heard_code(
            stage_say(
                &s, printed(&s, REQUEST("1", "resources/list", "{\"cursor\":\"%s\"}"), changed))
                .json),
        -32602);
    CHECK_INT(heard_code(stage_say(&s, REQUEST("1", "resources/list", "{\"cursor\":7}")).json),
              -32602);
}

TEST(resources_and_prompts_are_served)
{
    STAGE(s);
    const json_t *contents = json_object_get(
        result_of(&s, REQUEST("1", "resources/read", "{\"uri\":\"memory://0\"}")), "contents");
    const json_t *prompt = result_of(&s, REQUEST("1", "prompts/get",
                                                 "{\"name\":\"greet\",\"arguments\":"
                                                 "{\"name\":\"Ada\"}}"));

    CHECK_STR(json_view(json_object_get(json_array_get(contents, 0), "text")), "zero");
    CHECK_INT(json_array_size(json_object_get(prompt, "messages")), 1);
    CHECK_INT(json_array_size(
                  json_object_get(result_of(&s, REQUEST("1", "resources/templates/list", "{}")),
                                  "resourceTemplates")),
              1);
}

/* -- tables ------------------------------------------------------------------------------------ */

static bool never(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)call;
    (void)args;
    (void)out;
    return error_set(err, ERROR_INTERNAL, "never called");
}

TEST(a_bad_definition_stops_the_start)
{
    static const struct {
        struct str definition;
        const char *why;
    } rows[] = {
        {STR_INIT("{"), "no JSON"},
        {STR_INIT("[]"), "no object"},
        {STR_INIT("{\"inputSchema\":{\"type\":\"object\"}}"), "no name"},
        {STR_INIT("{\"name\":\"a\"}"), "no schema"},
        {STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"
                  "\"b\":{\"type\":\"string\",\"contains\":{}}}}}"),
         "a word that is not checked"},
        {STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"
                  "\"b\":{\"type\":\"object\",\"x-mcp-header\":\"B\"}}}}"),
         "a header of an object"},
        {STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"
                  "\"b\":{\"type\":\"string\",\"x-mcp-header\":\"b c\"}}}}"),
         "no token"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct mcp_tool tool = {.definition = rows[i].definition, .run = never};
        const struct mcp_tables tables = {
            .name = STR("t"), .version = STR("1"), .tools = &tool, .n_tools = 1};
        struct mcp_server *server = NULL;
        struct error err = {0};

        if (!CHECK(!mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &server,
                                   &err)))
            printf("  %s was taken\n", rows[i].why);
        mcp_server_free(server);
    }
}

TEST(a_header_may_have_every_character_of_a_token)
{
    static const struct mcp_tool tool = {
        .definition = STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\","
                               "\"properties\":{\"b\":{\"type\":\"string\","
                               "\"x-mcp-header\":\"Az09!#$%&'*+-.^_`|~\"}}}}"),
        .run = never};
    const struct mcp_tables tables = {
        .name = STR("t"), .version = STR("1"), .tools = &tool, .n_tools = 1};
    struct mcp_server *server = NULL;
    struct error err = {0};

    CHECK_OK(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &server, &err),
             err);
    mcp_server_free(server);
}

TEST(two_tools_of_one_name_stop_the_start)
{
    static const struct mcp_tool tools[] = {
        {.definition = STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}"),
         .run = never},
        {.definition = STR_INIT("{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}"),
         .run = never},
    };
    const struct mcp_tables tables = {
        .name = STR("t"), .version = STR("1"), .tools = tools, .n_tools = 2};
    struct mcp_server *server = NULL;
    struct error err = {0};

    CHECK(!mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &server, &err));
    mcp_server_free(server);
}

TEST_MAIN()

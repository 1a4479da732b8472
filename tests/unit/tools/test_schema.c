/* test_schema.c - what tools/list shows: sizes, hints, schemas. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"

/* tools/list with all twelve tools must stay under 12 KB; these eight leave a fair share. */
#define LIST_MAX_BYTES 8704
#define TOOL_MAX_BYTES 2500

static json_t *listed(struct fixture *f)
{
    AUTO_JSON *answer = fixture_request(f, "tools/list", "{}");

    return json_incref(json_object_get(json_object_get(answer, "result"), "tools"));
}

TEST(list_has_eight_small_tools)
{
    AUTO_FIXTURE f;
    AUTO_JSON *tools = NULL;
    AUTO_BUF all = {0};

    REQUIRE(fixture_open(&f, NULL));
    tools = listed(&f);
    CHECK_INT(json_array_size(tools), 8);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        AUTO_BUF one = {0};

        json_write(&one, json_array_get(tools, i));
        CHECK(one.len < TOOL_MAX_BYTES);
    }
    json_write(&all, tools);
    CHECK(all.len < LIST_MAX_BYTES);
}

TEST(hints_are_the_right_ones)
{
    static const struct {
        const char *name;
        bool is_read, is_destructive, is_idempotent;
    } rows[] = {
        {"memory_store", false, false, true},  {"memory_search", true, false, true},
        {"memory_list", true, false, true},    {"memory_delete", false, true, true},
        {"memory_cleanup", false, true, true}, {"memory_health", true, false, true},
        {"memory_stats", true, false, true},   {"memory_update", false, true, false},
    };
    AUTO_FIXTURE f;
    AUTO_JSON *tools = NULL;

    REQUIRE(fixture_open(&f, NULL));
    tools = listed(&f);
    REQUIRE(json_array_size(tools) == COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *hints = json_object_get(tool, "annotations");

        CHECK_STR(json_view(json_object_get(tool, "name")), rows[i].name);
        CHECK(json_object_get(hints, "readOnlyHint") == json_boolean(rows[i].is_read));
        CHECK(json_object_get(hints, "destructiveHint") ==
              json_boolean(rows[i].is_destructive));
        CHECK(json_object_get(hints, "idempotentHint") == json_boolean(rows[i].is_idempotent));
        CHECK(json_is_false(json_object_get(hints, "openWorldHint")));
        CHECK(json_view(json_object_get(tool, "title")).len > 0);
    }
}

TEST(schemas_use_supported_keywords_only)
{
    AUTO_FIXTURE f;
    AUTO_JSON *tools = NULL;
    struct error err = {0};

    REQUIRE(fixture_open(&f, NULL));
    tools = listed(&f);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);

        CHECK_OK(json_schema_is_supported(json_object_get(tool, "inputSchema"), &err), err);
        CHECK_OK(json_schema_is_supported(json_object_get(tool, "outputSchema"), &err), err);
    }
}

/* Arguments with everything required, and one property of a type that it is not. */
static void add_wrong_args(const char *name, const json_t *property, struct buf *out)
{
    bool is_object = str_eq_c(json_view(json_object_get(property, "type")), "object");

    buf_printf(out, "{'%s':%s", name, is_object ? "true" : "{}");
    if (strcmp(name, "content") != 0)
        buf_add_c(out, ",'content':'x'");
    if (strcmp(name, "content_hash") != 0)
        buf_add_c(out, ",'content_hash':'0123456789'");
    buf_add_char(out, '}');
}

TEST(every_parameter_refuses_a_wrong_type)
{
    AUTO_FIXTURE f;
    AUTO_JSON *tools = NULL;

    REQUIRE(fixture_open(&f, NULL));
    tools = listed(&f);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        json_t *tool = json_array_get(tools, i);
        json_t *properties =
            json_object_get(json_object_get(tool, "inputSchema"), "properties");
        const char *name;
        json_t *property;

        json_object_foreach(properties, name, property)
        {
            AUTO_JSON *result = NULL;
            AUTO_BUF args = {0};

            add_wrong_args(name, property, &args);
            result = fixture_call(&f, json_string_value(json_object_get(tool, "name")),
                                  buf_cstr(&args));
            CHECK(result_is_error(result));
            CHECK(str_starts(result_text(result), STR("Input validation error: ")));
            CHECK_HAS(result, name);
        }
    }
}

TEST(unknown_tool_is_a_protocol_error)
{
    AUTO_FIXTURE f;
    AUTO_JSON *answer = NULL;

    REQUIRE(fixture_open(&f, NULL));
    answer = fixture_request(&f, "tools/call", "{'name':'no_such','arguments':{}}");
    CHECK_INT(json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
              -32602);
}

/* -- which calls go to a worker ----------------------------------------------------------------- */

static bool is_slow(const char *name, const json_t *args)
{
    struct fixture f;
    const struct mcp_tool *tool;
    bool slow = false;

    if (!fixture_open(&f, NULL))
        return false;
    tool = fixture_tool(&f, name);
    if (CHECK(tool))
        slow = tool->is_slow && tool->is_slow(args);
    fixture_close(&f);
    return slow;
}

TEST(long_calls_are_slow)
{
    static const struct {
        const char *name;
        size_t content_chars;
        bool want;
    } rows[] = {
        {"memory_store", 10, false}, {"memory_store", 5000, true},
        {"store_memory", 10, false}, {"store_memory", 5000, true},
        {"memory_cleanup", 0, true}, {"cleanup_duplicates", 0, true},
        {"memory_health", 0, true},  {"check_database_health", 0, true},
        {"memory_search", 0, false}, {"memory_list", 0, false},
        {"memory_stats", 0, false},  {"memory_update", 0, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char content[5001] = {0};
        AUTO_JSON *args = NULL;

        memset(content, 'x', rows[i].content_chars);
        args = json_pack("{s:s}", "content", content);
        if (!CHECK(is_slow(rows[i].name, args) == rows[i].want))
            printf("  %s\n", rows[i].name);
    }
}

/* A new version of a megabyte was embedded on the thread that reads requests. */
TEST(a_long_new_version_is_slow)
{
    char content[5001] = {0};
    AUTO_JSON *brief = NULL, *full = NULL;

    memset(content, 'x', sizeof(content) - 1);
    brief = json_pack("{s:{s:s}}", "updates", "content", "short");
    full = json_pack("{s:{s:s}}", "updates", "content", content);
    CHECK(!is_slow("memory_update", brief));
    CHECK(is_slow("memory_update", full));
}

TEST_MAIN()

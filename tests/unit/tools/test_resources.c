/* test_resources.c - resources and prompts through the protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"

static bool open_some(struct fixture *f)
{
    if (!fixture_open(f, NULL))
        return false;
    fixture_store(f, "The database is PostgreSQL", "db,two words");
    fixture_store(f, "The cache is Redis", "cache,db");
    fixture_store(f, "Caf\xc3\xa9 opens at nine", "caf\xc3\xa9/bar");
    return true;
}

static json_t *read_uri(struct fixture *f, const char *uri)
{
    AUTO_BUF params = {0};

    buf_printf(&params, "{'uri':'%s'}", uri);
    return fixture_request(f, "resources/read", buf_cstr(&params));
}

/* New reference: the JSON behind a URI. */
static json_t *read_json(struct fixture *f, const char *uri)
{
    AUTO_JSON *answer = read_uri(f, uri);
    const json_t *content =
        json_array_get(json_object_get(json_object_get(answer, "result"), "contents"), 0);
    struct error err = {0};
    json_t *out = NULL;

    CHECK_STR(json_view(json_object_get(content, "uri")), uri);
    CHECK_STR(json_view(json_object_get(content, "mimeType")), "application/json");
    CHECK_OK(json_parse(json_view(json_object_get(content, "text")), &out, &err), err);
    return out;
}

TEST(resources_list_names_the_top_tags)
{
    AUTO_FIXTURE f;
    AUTO_JSON *answer = NULL;
    AUTO_BUF text = {0};

    REQUIRE(open_some(&f));
    answer = fixture_request(&f, "resources/list", "{}");
    json_write(&text, answer);
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://stats\"")));
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://tags\"")));
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://recent/10\"")));
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://tag/db\"")));
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://tag/two%20words\"")));
    CHECK(str_contains(buf_str(&text), STR("\"uri\":\"memory://tag/caf%C3%A9%2Fbar\"")));
}

TEST(resource_templates_are_listed)
{
    AUTO_FIXTURE f;
    AUTO_JSON *answer = NULL;

    REQUIRE(fixture_open(&f, NULL));
    answer = fixture_request(&f, "resources/templates/list", "{}");
    CHECK_INT(json_array_size(
                  json_object_get(json_object_get(answer, "result"), "resourceTemplates")),
              4);
}

TEST(resources_are_read)
{
    static const struct {
        const char *uri, *key;
        int64_t count;
    } rows[] = {
        {"memory://stats", "total_memories", 3},
        {"memory://tags", "count", 4},
        {"memory://tags?offset=3", "count", 1},
        {"memory://recent/2", "count", 2},
        {"memory://recent/1000", "count", 3},
        {"memory://recent/1?offset=1", "next_offset", 2},
        {"memory://tag/db", "count", 2},
        {"memory://tag/DB", "count", 2},
        {"memory://tag/db?offset=1", "count", 1},
        {"memory://tag/two%20words", "count", 1},
        {"memory://tag/caf%c3%a9%2Fbar", "count", 1},
        {"memory://tag/nobody", "count", 0},
        {"memory://search/database", "count", 1},
        {"memory://search/the%20database%3F", "count", 1},
    };
    AUTO_FIXTURE f;

    REQUIRE(open_some(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *data = read_json(&f, rows[i].uri);

        if (!CHECK_INT(json_integer_value(json_object_get(data, rows[i].key)), rows[i].count))
            printf("  %s\n", rows[i].uri);
    }
}

TEST(tags_come_by_frequency)
{
    AUTO_FIXTURE f;
    AUTO_JSON *data = NULL;

    REQUIRE(open_some(&f));
    data = read_json(&f, "memory://tags");
    CHECK_STR(json_view(json_array_get(json_object_get(data, "tags"), 0)), "db");
    CHECK_INT(json_integer_value(json_array_get(json_object_get(data, "memories_with_tag"), 0)),
              2);
}

TEST(one_memory_is_read_by_hash_or_prefix)
{
    AUTO_FIXTURE f;
    AUTO_JSON *data = NULL;
    char uri[64];

    REQUIRE(fixture_open(&f, NULL));
    snprintf(uri, sizeof(uri), "memory://memory/%.8s", fixture_store(&f, "one", "a"));
    data = read_json(&f, uri);
    CHECK_STR(json_view(json_object_get(data, "content")), "one");
}

TEST(resources_keep_the_hard_limit)
{
    AUTO_FIXTURE f;
    AUTO_JSON *recent = NULL, *one = NULL;
    AUTO_BUF content = {0}, text = {0};
    char uri[96];

    REQUIRE(fixture_open(&f, NULL));
    while (content.len < 60000)
        buf_add_c(&content, "long ");
    fixture_store(&f, buf_cstr(&content), "a");
    while (content.len < 200000)
        buf_add_c(&content, "longer ");
    snprintf(uri, sizeof(uri), "memory://memory/%s",
             fixture_store(&f, buf_cstr(&content), "a"));
    recent = read_json(&f, "memory://recent/10");
    CHECK_INT(json_integer_value(json_object_get(recent, "count")), 1);
    CHECK(json_is_true(json_object_get(recent, "truncated")));
    CHECK_INT(json_integer_value(json_object_get(recent, "next_offset")), 1);
    one = read_json(&f, uri);
    json_write(&text, one);
    CHECK(text.len <= TOOLS_RESPONSE_MAX_CHARS);
    CHECK(str_contains(buf_str(&text), STR("[content cut: ")));
}

TEST(what_is_no_resource_is_not_found)
{
    static const char *const uris[] = {
        "memory://nothing",
        "memory://stats/1",
        "memory://recent",
        "memory://recent/0",
        "memory://recent/-1",
        "memory://recent/many",
        "memory://tag/",
        "memory://tag/%zz",
        "memory://tag/%ff",
        "memory://tag/%",
        "memory://memory/0123456789abcdef",
        "http://example.org",
    };
    AUTO_FIXTURE f;

    REQUIRE(open_some(&f));
    for (size_t i = 0; i < COUNT(uris); i++) {
        AUTO_JSON *answer = read_uri(&f, uris[i]);
        const json_t *error = json_object_get(answer, "error");

        if (!CHECK_INT(json_integer_value(json_object_get(error, "code")), -32002))
            printf("  %s\n", uris[i]);
        CHECK_STR(json_view(json_object_get(json_object_get(error, "data"), "uri")), uris[i]);
    }
}

/* -- prompts ----------------------------------------------------------------------------------- */

/* New reference. */
static json_t *get_prompt(struct fixture *f, const char *name, const char *args)
{
    AUTO_BUF params = {0};

    buf_printf(&params, "{'name':'%s','arguments':%s}", name, args);
    return fixture_request(f, "prompts/get", buf_cstr(&params));
}

static struct str prompt_text(const json_t *answer)
{
    const json_t *message =
        json_array_get(json_object_get(json_object_get(answer, "result"), "messages"), 0);

    CHECK_STR(json_view(json_object_get(message, "role")), "user");
    return json_view(json_object_get(json_object_get(message, "content"), "text"));
}

TEST(prompts_are_written)
{
    static const struct {
        const char *name, *args, *want;
    } rows[] = {
        {"memory_review", "{'time_period':'today'}", "Found 3 memories"},
        {"memory_review", "{'time_period':'today','focus_area':'redis'}", "The cache is Redis"},
        {"memory_review", "{'time_period':'last year'}", "No memories found"},
        {"memory_analysis", "{}", "Total: 3\nTop tags: db 2, "},
        {"memory_analysis", "{'tags':'db, nobody'}", "Total: 2\n"},
        {"memory_analysis", "{'time_range':'yesterday'}", "Total: 0\n"},
        {"memory_analysis", "{'time_range':'today'}", "Types: note 3\n"},
        {"knowledge_export", "{'format':'json'}", "\"content\": \"The cache is Redis\""},
        {"knowledge_export", "{'format':'markdown','filter':'redis'}",
         "\n\nThe cache is Redis\n"},
        {"knowledge_export", "{'format':'text','filter':'cache, nobody'}",
         "] The cache is Redis (cache, db)"},
        {"learning_session", "{'topic':'C strings','key_points':'views, arenas ,'}",
         "# C strings\n\nKey points:\n- views\n- arenas\n"},
        {"learning_session", "{'topic':'C strings','key_points':'x','questions':'why?'}",
         "\"learning\" and \"C_strings\""},
    };
    AUTO_FIXTURE f;
    AUTO_JSON *after = NULL;

    REQUIRE(open_some(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *answer = get_prompt(&f, rows[i].name, rows[i].args);

        if (!CHECK(str_contains(prompt_text(answer), str_c(rows[i].want))))
            printf("  %s %s: %.*s\n", rows[i].name, rows[i].args, STR_ARG(prompt_text(answer)));
    }
    after = fixture_call(&f, "memory_stats", "{}");
    CHECK_INT(data_int(after, "total_memories"), 3); /* a prompt never writes */
}

TEST(prompts_refuse_bad_arguments)
{
    static const struct {
        const char *name, *args;
    } rows[] = {
        {"no_such", "{}"},
        {"memory_review", "{}"},
        {"memory_review", "{'time_period':''}"},
        {"memory_review", "{'time_period':'gibberish'}"},
        {"memory_analysis", "{'time_range':'gibberish'}"},
        {"knowledge_export", "{'format':'xml'}"},
        {"memory_cleanup", "{'similarity_threshold':'high'}"},
        {"memory_cleanup", "{'older_than':'gibberish'}"},
        {"learning_session", "{'topic':'x'}"},
    };
    AUTO_FIXTURE f;

    REQUIRE(open_some(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *answer = get_prompt(&f, rows[i].name, rows[i].args);
        const json_t *error = json_object_get(answer, "error");

        if (!CHECK_INT(json_integer_value(json_object_get(error, "code")), -32602))
            printf("  %s %s\n", rows[i].name, rows[i].args);
    }
}

TEST(cleanup_prompt_reports_and_changes_nothing)
{
    AUTO_FIXTURE f;
    AUTO_JSON *answer = NULL;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "We chose PostgreSQL because of row-level security.", "first");
    fixture_store(&f, "We chose PostgreSQL, because of row-level security", "second");
    answer = get_prompt(&f, "memory_cleanup",
                        "{'older_than':'2027-01-01','similarity_threshold':'0.9'}");
    CHECK(str_contains(prompt_text(answer), STR("Found 1 duplicate")));
    CHECK(str_contains(prompt_text(answer), STR("nothing was changed")));
}

TEST_MAIN()

/* test_store.c - memory_store through the protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"

/* SHA-256 of "hello world" */
#define HELLO "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"

TEST(store_confirms_with_the_hash)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    r = fixture_call(&f, "memory_store", "{'content':'Hello World'}");
    CHECK_HAS(r, "Memory stored successfully (hash: " HELLO ")");
    CHECK_STR(str_c(data_str(r, "content_hash")), HELLO);
    CHECK_STR(str_c(data_str(r, "memory_type")), "note");
    CHECK(data_bool(r, "success"));
    CHECK(!data_bool(r, "duplicate"));
}

TEST(store_twice_is_a_successful_no_op)
{
    AUTO_FIXTURE f;
    AUTO_JSON *second = NULL;

    REQUIRE(fixture_open(&f, NULL));
    fixture_do(&f, "memory_store", "{'content':'Hello World'}");
    second = fixture_call(&f, "memory_store", "{'content':'  hello WORLD '}");
    CHECK(!result_is_error(second));
    CHECK_HAS(second, "Duplicate content detected");
    CHECK_HAS(second, "exact match");
    CHECK_HAS(second, HELLO);
    CHECK(data_bool(second, "duplicate"));
    CHECK_STR(str_c(data_str(second, "duplicate_of")), HELLO);
}

TEST(store_takes_tags_in_every_form)
{
    static const struct {
        const char *args, *want;
    } rows[] = {
        {"'tags':['Tag','tag','TAG']", "[\"tag\"]"},
        {"'tags':'Python,JAVA,java'", "[\"python\",\"java\"]"},
        {"'tags':['machine,learning']", "[\"machine-learning\"]"},
        {"'metadata':{'tags':'a, b'}", "[\"a\",\"b\"]"},
        {"'tags':'a','metadata':{'tags':['b','A']}", "[\"a\",\"b\"]"},
        {"'tags':'two words'", "[\"two words\"]"},
        {"'client_hostname':'Box'", "[\"source:box\"]"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FIXTURE f;
        AUTO_JSON *r = NULL;
        AUTO_BUF args = {0}, tags = {0};

        REQUIRE(fixture_open(&f, NULL));
        buf_printf(&args, "{'content':'x',%s}", rows[i].args);
        r = fixture_call(&f, "memory_store", buf_cstr(&args));
        json_write(&tags, json_object_get(result_data(r), "tags"));
        CHECK_STR(buf_str(&tags), rows[i].want);
    }
}

TEST(store_warns_of_an_unknown_type)
{
    static const struct {
        const char *args, *type;
        bool has_warning;
    } rows[] = {
        {"'memory_type':'decision'", "decision", false},
        {"'type':'learning'", "learning", false},
        {"'metadata':{'type':'error'}", "error", false},
        {"'memory_type':'decision','metadata':{'type':'error'}", "decision", false},
        {"'memory_type':'nonsense'", "observation", true},
        {"'metadata':{'type':'Note'}", "observation", true},
        {"'memory_type':''", "observation", true},
        {"'metadata':{}", "note", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FIXTURE f;
        AUTO_JSON *r = NULL;
        AUTO_BUF args = {0};

        REQUIRE(fixture_open(&f, NULL));
        buf_printf(&args, "{'content':'x',%s}", rows[i].args);
        r = fixture_call(&f, "memory_store", buf_cstr(&args));
        CHECK_STR(str_c(data_str(r, "memory_type")), rows[i].type);
        CHECK(str_contains(result_text(r), STR("MCP_CUSTOM_MEMORY_TYPES")) ==
              rows[i].has_warning);
        if (rows[i].has_warning)
            CHECK_HAS(r, "'observation'");
    }
}

TEST(store_keeps_metadata_without_tags_and_type)
{
    AUTO_FIXTURE f;
    AUTO_JSON *found = NULL;
    AUTO_BUF metadata = {0};

    REQUIRE(fixture_open(&f, NULL));
    fixture_do(&f, "memory_store",
               "{'content':'x','metadata':{'tags':'a','type':'note','k':[1,null]}}");
    found = fixture_call(&f, "memory_list", "{}");
    json_write(
        &metadata,
        json_object_get(json_array_get(json_object_get(result_data(found), "memories"), 0),
                        "metadata"));
    CHECK_STR(buf_str(&metadata), "{\"k\":[1,null]}");
}

TEST(store_splits_long_content)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, &(struct fixture_options){.content_max_chars = 100}));
    r = fixture_call(
        &f, "memory_store",
        "{'content':'The first sentence is here and says a thing. The second one "
        "says another thing. The third sentence closes the text, which is long.'}");
    CHECK_HAS(r, "Successfully stored 2 memory chunks (original hash: ");
    CHECK_INT(data_len(r, "chunk_hashes"), 2);
}

TEST(store_refuses_what_is_no_content)
{
    static const struct {
        const char *args, *why;
    } rows[] = {
        {"{}", "content"},
        {"{'content':''}", "content"},
        {"{'content':'  \\n '}", "content"},
        {"{'content':7}", "content"},
        {"{'content':'a\\u0000b'}", "content"},
        {"{'content':'x','tags':['a',1]}", "tags[1]"},
        {"{'content':'x','tags':{}}", "tags"},
        {"{'content':'x','metadata':[]}", "metadata"},
        {"{'content':'x','metadata':{'tags':[7]}}", "metadata.tags[0]"},
        {"{'content':'x','metadata':{'type':7}}", "metadata.type"},
    };
    AUTO_FIXTURE f;
    AUTO_JSON *stats = NULL;

    REQUIRE(fixture_open(&f, NULL));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, "memory_store", rows[i].args);

        CHECK(result_is_error(r));
        CHECK_HAS(r, rows[i].why);
    }
    stats = fixture_call(&f, "memory_stats", "{}");
    CHECK_INT(data_int(stats, "total_memories"), 0);
}

TEST(store_without_the_right_is_refused)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    f.who.scopes = SCOPE_READ;
    r = fixture_call(&f, "memory_store", "{'content':'x'}");
    CHECK_FAILS(r, "write");
}

TEST(store_tags_the_host_when_told_to)
{
    const struct fixture_options options = {
        .tools = {.is_hostname_tagged = true, .hostname = STR("Box")}};
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    AUTO_BUF tags = {0};

    REQUIRE(fixture_open(&f, &options));
    r = fixture_call(&f, "memory_store", "{'content':'x'}");
    json_write(&tags, json_object_get(result_data(r), "tags"));
    CHECK_STR(buf_str(&tags), "[\"source:box\"]");
}

TEST(store_reports_similar_memories)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "We chose PostgreSQL because of row-level security.", "db");
    r = fixture_call(&f, "memory_store",
                     "{'content':'We have chosen PostgreSQL because of row-level security'}");
    CHECK_HAS(r, "Memory stored successfully");
    CHECK_HAS(r, "semantically similar");
    CHECK_INT(data_len(r, "similar"), 1);
}

TEST_MAIN()

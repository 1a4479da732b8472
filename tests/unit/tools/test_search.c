/* test_search.c - memory_search through the protocol, by words only. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"
#include "text/text.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* Three memories, a day apart, the oldest first. */
static bool open_three(struct fixture *f)
{
    if (!fixture_open(f, NULL))
        return false;
    f->now_ms = FIXTURE_NOW_MS - 2 * DAY_MS;
    fixture_store(f, "The database is PostgreSQL", "db,choice");
    f->now_ms += DAY_MS;
    fixture_store(f, "The cache is Redis", "cache,choice");
    f->now_ms += DAY_MS;
    fixture_store(f, "Backups of the database run at night", "ops,two words");
    return true;
}

static size_t n_found(struct fixture *f, const char *args)
{
    AUTO_JSON *r = fixture_call(f, "memory_search", args);

    CHECK(!result_is_error(r));
    CHECK_INT(data_len(r, "memories"), data_int(r, "total"));
    return data_len(r, "memories");
}

TEST(search_text_has_the_fixed_form)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    AUTO_BUF want = {0};
    char hash[65];

    REQUIRE(fixture_open(&f, NULL));
    snprintf(hash, sizeof(hash), "%s", fixture_store(&f, "The cache is Redis", "a,b"));
    r = fixture_call(&f, "memory_search", "{'query':'redis'}");
    buf_printf(&want,
               "\n1. The cache is Redis\n   Hash: %s\n   Created: 2026-05-16T15:00:00Z [a, b]\n"
               "   Type: note; Score: ",
               hash);
    CHECK_HAS(r, "Found 1 memories (mode: hybrid) for query: 'redis'\n");
    CHECK_HAS(r, buf_cstr(&want));
    CHECK_HAS(r, "Searched by words only: no model in this test");
    CHECK(data_bool(r, "words_only"));
    CHECK_STR(str_c(data_str(r, "words_only_why")), "no model in this test");
    CHECK_STR(str_c(data_str(r, "mode")), "hybrid");
}

TEST(search_finding_nothing_says_so)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(open_three(&f));
    r = fixture_call(&f, "memory_search", "{'query':'zebra','mode':'exact'}");
    CHECK_HAS(r, "No memories found (mode: exact) for query: 'zebra'");
    CHECK_INT(data_int(r, "total"), 0);
    CHECK(!data_bool(r, "has_more"));
}

TEST(search_filters)
{
    static const struct {
        const char *args;
        size_t want;
    } rows[] = {
        {"{'query':'database'}", 2},
        {"{'query':'database','tags':'db'}", 1},
        {"{'tags':['choice']}", 2},
        {"{'tags':'db,cache'}", 2},
        {"{'tags':['db','choice'],'tag_match':'all'}", 1},
        {"{'tags':['two words']}", 1},
        {"{'tags':['two']}", 0},
        {"{'tags':[]}", 0},
        {"{'tags':',','query':'database'}", 0},
        {"{'time_expr':'today'}", 1},
        {"{'time_expr':'yesterday'}", 1},
        {"{'time_expr':'last 3 days','after':'2030-01-01'}", 3}, /* time_expr wins */
        {"{'after':'2026-05-15T15:00:00Z'}", 2},                 /* inclusive */
        {"{'before':'2026-05-15T15:00:00Z'}", 1},                /* exclusive */
        {"{'query':'database','before':'2026-05-15T15:00:00Z'}", 1},
        {"{'before':'1970-01-01T00:00:00.000Z'}", 0}, /* it used to be no limit */
        {"{'query':'DATABASE','mode':'exact'}", 2},
        {"{'query':'data%','mode':'exact'}", 0},
        {"{'memory_type':'note','tags':'db'}", 1},
        {"{'memory_type':'decision','tags':'db'}", 0},
        {"{'memory_type':'observation','tags':'db'}", 0},
        {"{'memory_type':'observation','include_subtypes':true,'tags':'db'}", 1},
        {"{'query':'database','entity':'PostgreSQL'}", 1},
        {"{'query':'database','entity':'nobody'}", 0},
        {"{'query':'database','limit':1,'offset':2}", 0},
        {"{'query':'database','memory_type':'','time_expr':'','after':''}", 2},
    };
    AUTO_FIXTURE f;

    REQUIRE(open_three(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = n_found(&f, rows[i].args);

        if (!CHECK_INT(n, rows[i].want))
            printf("  %s\n", rows[i].args);
    }
}

TEST(search_pages)
{
    AUTO_FIXTURE f;
    AUTO_JSON *first = NULL, *second = NULL;

    REQUIRE(open_three(&f));
    first = fixture_call(&f, "memory_search", "{'time_expr':'last 3 days','limit':2}");
    CHECK_INT(data_len(first, "memories"), 2);
    CHECK(data_bool(first, "has_more"));
    CHECK_INT(data_int(first, "next_offset"), 2);
    CHECK_HAS(first, "More with offset 2.");
    second =
        fixture_call(&f, "memory_search", "{'time_expr':'last 3 days','limit':2,'offset':2}");
    CHECK_INT(data_len(second, "memories"), 1);
    CHECK(!data_bool(second, "has_more"));
    CHECK_HAS(second, "\n3. ");
}

TEST(search_refuses_bad_arguments)
{
    static const struct {
        const char *args, *why;
    } rows[] = {
        {"{}", "query"},
        {"{'query':''}", "query"},
        {"{'mode':'exact','tags':'db'}", "query"},
        {"{'query':'x','mode':'fuzzy'}", "mode"},
        {"{'query':'x','quality_boost':1.5}", "quality_boost"},
        {"{'query':'x','limit':0}", "limit"},
        {"{'query':'x','limit':101}", "limit"},
        {"{'query':'x','time_expr':'gibberish'}", "gibberish"},
        {"{'query':'x','after':'31.12.2024'}", "after"},
        {"{'query':'x','before':'soon'}", "before"},
        {"{'query':'x','mode':'exact','entity':'y'}", "entity"},
    };
    AUTO_FIXTURE f;

    REQUIRE(open_three(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, "memory_search", rows[i].args);

        if (!CHECK(result_is_error(r)))
            printf("  %s\n", rows[i].args);
        CHECK_HAS(r, rows[i].why);
    }
}

TEST(search_hides_superseded_unless_asked)
{
    AUTO_FIXTURE f;
    AUTO_JSON *updated = NULL;
    AUTO_BUF args = {0};

    REQUIRE(open_three(&f));
    buf_printf(&args, "{'content_hash':'%s','versioned':true,'updates':{'content':'%s'}}",
               fixture_store(&f, "The queue is RabbitMQ", "q"), "The queue is NATS");
    updated = fixture_call(&f, "memory_update", buf_cstr(&args));
    CHECK(!result_is_error(updated));
    CHECK_INT(n_found(&f, "{'tags':'q'}"), 1);
    CHECK_INT(n_found(&f, "{'tags':'q','include_superseded':true}"), 2);
}

TEST(search_fallback_is_marked)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(open_three(&f));
    r = fixture_call(&f, "memory_search", "{'query':'ops zebra','fallback':true}");
    CHECK_HAS(r, " (mode: hybrid) [fallback: exact+tag] for query: 'ops zebra'");
    CHECK_HAS(r, " (via ");
}

TEST(search_debug_has_counts_and_window)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    const json_t *debug;

    REQUIRE(open_three(&f));
    r = fixture_call(&f, "memory_search",
                     "{'query':'database','time_expr':'last 3 days','include_debug':true,"
                     "'quality_boost':0.5}");
    CHECK_HAS(r, "Debug Info:\n  Pre-filter count: ");
    CHECK_HAS(r, "  Quality boost: 0.5\n");
    CHECK_HAS(r, "  Time expression: last 3 days\n");
    debug = json_object_get(result_data(r), "debug");
    CHECK(json_is_number(
        json_object_get(json_object_get(debug, "time_filter"), "start_timestamp")));
    CHECK_INT(json_integer_value(json_object_get(debug, "limit")), 10);
}

/* -- budget ------------------------------------------------------------------------------------ */

static void store_long(struct fixture *f, size_t n, size_t chars)
{
    for (size_t i = 0; i < n; i++) {
        AUTO_BUF content = {0};

        buf_printf(&content, "word %zu ", i);
        while (content.len < chars)
            buf_add_char(&content, 'x');
        fixture_store(f, buf_cstr(&content), "long");
    }
}

static void check_sizes(const json_t *r, size_t budget)
{
    AUTO_BUF data = {0};

    json_write(&data, result_data(r));
    CHECK(text_count(result_text(r)) <= budget);
    CHECK(text_count(buf_str(&data)) <= budget);
}

TEST(search_keeps_a_budget)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL, *rest = NULL;
    size_t n_shown;
    AUTO_BUF args = {0};

    REQUIRE(fixture_open(&f, NULL));
    store_long(&f, 20, 1000);
    r = fixture_call(&f, "memory_search",
                     "{'tags':'long','limit':20,'max_response_chars':10000}");
    check_sizes(r, 10000);
    n_shown = data_len(r, "memories");
    CHECK(n_shown >= 5 && n_shown < 20);
    CHECK_INT(data_int(r, "total"), 20);
    CHECK(data_bool(r, "truncated"));
    CHECK_INT(data_int(r, "next_offset"), n_shown);
    CHECK_HAS(r, "[!] RESPONSE TRUNCATED");
    CHECK_HAS(r, "=== Memory 1 ===\nTimestamp: 2026-05-16T15:00:00Z\nContent: word ");
    CHECK_HAS(r, "\nHash: ");
    CHECK_HAS(r, "\nTags: long\n");
    CHECK_HAS(r, "\n---\n");
    CHECK_INT(data_len(r, "remaining_hashes"), MIN(20 - n_shown, (size_t)10));

    buf_printf(&args, "{'tags':'long','limit':100,'offset':%zu}", n_shown);
    rest = fixture_call(&f, "memory_search", buf_cstr(&args));
    CHECK_INT(data_len(rest, "memories"), 20 - n_shown);
    CHECK(!data_bool(rest, "truncated"));
}

TEST(search_uses_blocks_when_a_limit_is_in_force)
{
    const struct fixture_options options = {.tools = {.max_response_chars = 50000}};
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, &options));
    fixture_store(&f, "The cache is Redis", "a");
    r = fixture_call(&f, "memory_search", "{'query':'redis'}");
    CHECK_HAS(r, "=== Memory 1 ===");
    CHECK(!data_bool(r, "truncated"));
    CHECK(!str_contains(result_text(r), STR("TRUNCATED")));
}

TEST(search_shows_one_memory_whatever_the_budget)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    store_long(&f, 2, 3000);
    r = fixture_call(&f, "memory_search", "{'tags':'long','max_response_chars':1}");
    CHECK_INT(data_len(r, "memories"), 1);
    CHECK(data_bool(r, "truncated"));
}

TEST(search_cuts_the_content_of_a_huge_memory)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    store_long(&f, 1, 300000);
    r = fixture_call(&f, "memory_search", "{'tags':'long'}");
    check_sizes(r, TOOLS_RESPONSE_MAX_CHARS);
    CHECK_HAS(r, "[content cut: ");
    CHECK_HAS(r, "[!] RESPONSE TRUNCATED");
    CHECK(data_bool(r, "truncated"));
}

TEST(search_echoes_a_long_query_shortened)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    AUTO_BUF args = {0};

    REQUIRE(open_three(&f));
    buf_add_c(&args, "{'query':'database ");
    for (size_t i = 0; i < 3000; i++)
        buf_add_char(&args, 'q');
    buf_add_c(&args, "'}");
    r = fixture_call(&f, "memory_search", buf_cstr(&args));
    CHECK(!result_is_error(r));
    CHECK(strlen(data_str(r, "query")) < 400);
}

/* -- with a model ------------------------------------------------------------------------------ */

TEST(search_by_meaning)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    const json_t *first;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "We chose PostgreSQL because of row-level security", "db");
    fixture_store(&f, "The coffee machine is on the second floor", "office");
    r = fixture_call(&f, "memory_search",
                     "{'query':'which database did we pick and why','mode':'semantic'}");
    first = json_array_get(json_object_get(result_data(r), "memories"), 0);
    CHECK(str_contains(json_view(json_object_get(first, "content")), STR("PostgreSQL")));
    CHECK(json_is_real(json_object_get(json_object_get(first, "score_parts"), "cosine")));
    CHECK(!data_bool(r, "words_only"));
    CHECK_HAS(r, "(mode: semantic)");
    CHECK_HAS(r, "(cosine ");
}

TEST_MAIN()

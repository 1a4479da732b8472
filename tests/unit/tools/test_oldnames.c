/* test_oldnames.c - names of earlier versions answer through the new tools. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"
#include "tools/tools_int.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* Three memories on the 14th, 15th and 16th of May 2026. */
static bool open_three(struct fixture *f)
{
    if (!fixture_open(f, NULL))
        return false;
    f->now_ms = FIXTURE_NOW_MS - 2 * DAY_MS;
    fixture_store(f, "The database is PostgreSQL", "db,choice");
    f->now_ms += DAY_MS;
    fixture_store(f, "The cache is Redis", "cache,choice");
    f->now_ms += DAY_MS;
    fixture_store(f, "Backups of the database run at night", "ops");
    return true;
}

/* The arguments that the new tool gets. */
TEST(old_arguments_are_rewritten)
{
    static const struct {
        const char *name, *args, *want;
    } rows[] = {
        {"store_memory", "{\"content\":\"x\",\"tags\":null}", "{\"content\":\"x\"}"},
        {"delete_memory", "{\"content_hash\":\"abc\",\"dry_run\":true}",
         "{\"content_hash\":\"abc\"}"},
        {"delete_by_tag", "{\"tag\":\"a,b\"}", "{\"tags\":[\"a,b\"]}"},
        {"delete_by_tag", "{\"tag\":[\"a\",\"b\"]}", "{\"tags\":[\"a\",\"b\"]}"},
        {"delete_by_tags", "{\"tags\":[\"a\"]}", "{\"tags\":[\"a\"]}"},
        {"delete_by_all_tags", "{\"tags\":[\"a\"]}",
         "{\"tag_match\":\"all\",\"tags\":[\"a\"]}"},
        {"delete_by_timeframe", "{\"start_date\":\"2024-02-01\",\"end_date\":\"2024-02-29\"}",
         "{\"after\":\"2024-02-01\",\"before\":\"2024-03-01\"}"},
        {"delete_by_timeframe", "{\"start_date\":\"2024-12-31\",\"tag\":\"t\"}",
         "{\"tags\":[\"t\"],\"after\":\"2024-12-31\",\"before\":\"2025-01-01\"}"},
        {"delete_before_date", "{\"before_date\":\"2024-01-01\",\"tag\":null}",
         "{\"before\":\"2024-01-01\"}"},
        {"cleanup_duplicates", "{}", "{}"},
        {"retrieve_memory", "{\"query\":\"q\"}",
         "{\"query\":\"q\",\"limit\":5,\"mode\":\"semantic\"}"},
        {"retrieve_memory", "{\"query\":\"q\",\"n_results\":7,\"max_response_chars\":900}",
         "{\"query\":\"q\",\"limit\":7,\"max_response_chars\":900,\"mode\":\"semantic\"}"},
        {"recall_memory", "{\"query\":\"database choice\"}",
         "{\"limit\":5,\"mode\":\"semantic\",\"query\":\"database choice\"}"},
        {"recall_by_timeframe", "{\"start_date\":\"2026-05-14\",\"n_results\":3}",
         "{\"limit\":3,\"after\":\"2026-05-14\",\"before\":\"2026-05-15\"}"},
        {"retrieve_with_quality_boost", "{\"query\":\"q\"}",
         "{\"query\":\"q\",\"limit\":10,\"quality_boost\":0.3,\"mode\":\"hybrid\"}"},
        {"exact_match_retrieve", "{\"content\":\"q\"}", "{\"query\":\"q\",\"mode\":\"exact\"}"},
        {"debug_retrieve", "{\"query\":\"q\",\"n_results\":2}",
         "{\"query\":\"q\",\"limit\":2,\"include_debug\":true}"},
        {"list_memories", "{\"limit\":5,\"offset\":10,\"tag\":\"t\"}",
         "{\"limit\":5,\"offset\":10,\"tag\":\"t\",\"page_size\":5,\"tags\":[\"t\"]}"},
        {"search_by_tag", "{\"tag\":\"t\"}", "{\"tags\":[\"t\"],\"page_size\":100}"},
        {"search_by_tag", "{\"tags\":[\"a\",\"b\"],\"operation\":\"AND\"}",
         "{\"tags\":[\"a\",\"b\"],\"tag_match\":\"all\",\"page_size\":100}"},
        {"search_by_tag", "{}", "{\"tags\":[],\"page_size\":100}"},
        {"update_memory_metadata", "{\"content_hash\":\"a\",\"updates\":{\"k\":null}}",
         "{\"content_hash\":\"a\",\"updates\":{\"k\":null}}"},
        {"check_database_health", "{}", "{}"},
        {"get_cache_stats", "{}", "{}"},
    };
    AUTO_ARENA arena = {0};
    const struct tool_call call = {.arena = &arena, .now_ms = FIXTURE_NOW_MS};

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *args = json_loads(rows[i].args, 0, NULL);
        AUTO_JSON *want = json_loads(rows[i].want, 0, NULL);
        AUTO_JSON *got = NULL;
        struct error err = {0};

        for (size_t k = 0; k < n_old_names; k++) {
            if (strcmp(old_names[k].name, rows[i].name) == 0)
                CHECK_OK(old_name_rewrite(&call, &old_names[k], args, &got, &err), err);
        }
        if (!CHECK(json_equal(got, want)))
            printf("  %s: got %.*s\n", rows[i].name, STR_ARG(json_text(&arena, got)));
    }
}

TEST(old_names_are_callable_but_not_listed)
{
    AUTO_FIXTURE f;
    AUTO_JSON *answer = NULL;
    AUTO_BUF list = {0};

    REQUIRE(open_three(&f));
    answer = fixture_request(&f, "tools/list", "{}");
    json_write(&list, answer);
    for (size_t i = 0; i < n_old_names; i++)
        CHECK(!str_contains(buf_str(&list), str_c(old_names[i].name)));
}

TEST(old_calls_are_answered_in_the_new_form)
{
    static const struct {
        const char *name, *args, *want;
    } rows[] = {
        {"store_memory", "{'content':'new','metadata':{'tags':'x'}}",
         "Memory stored successfully"},
        {"retrieve_memory", "{'query':'database'}", "Found 2 memories (mode: semantic)"},
        {"retrieve_memory", "{'query':'database','n_results':500}", "Found 2 memories"},
        {"recall_memory", "{'query':'database yesterday'}", "No memories found"},
        {"recall_memory", "{'query':'yesterday'}", "The cache is Redis"},
        {"recall_by_timeframe", "{'start_date':'2026-05-14'}", "Found 1 memories"},
        {"recall_by_timeframe", "{'start_date':'2026-05-14','end_date':'2026-05-15'}",
         "Found 2 memories"},
        {"retrieve_with_quality_boost", "{'query':'database'}", "(mode: hybrid)"},
        {"exact_match_retrieve", "{'content':'IS REDIS'}", "Found 1 memories (mode: exact)"},
        {"debug_retrieve", "{'query':'database'}", "Debug Info:"},
        {"list_memories", "{'limit':2}", "total_pages"},
        {"search_by_tag", "{'tag':'choice'}", "PostgreSQL"},
        {"check_database_health", "{}", "Database Health Check Results:"},
        {"get_cache_stats", "{}", "total_memories"},
        {"delete_by_timeframe", "{'start_date':'2026-05-14'}", "Deleted 1 memories"},
        {"delete_by_all_tags", "{'tags':['cache','choice']}", "Deleted 1 memories"},
        {"delete_by_tag", "{'tag':'nobody'}", "Deleted 0 memories"},
        {"delete_before_date", "{'before_date':'2026-05-17','tag':'ops'}",
         "Deleted 1 memories"},
    };
    AUTO_FIXTURE f;

    REQUIRE(open_three(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, rows[i].name, rows[i].args);

        if (!CHECK(!result_is_error(r)) || !CHECK_HAS(r, rows[i].want))
            printf("  %s %s: %.*s\n", rows[i].name, rows[i].args, STR_ARG(result_text(r)));
    }
}

TEST(old_calls_without_their_argument_are_refused)
{
    static const struct {
        const char *name, *args, *why;
    } rows[] = {
        {"delete_memory", "{}", "content_hash"},
        {"delete_by_tag", "{}", "tag"},
        {"delete_by_tag", "{'tag':''}", "tags"},
        {"delete_by_tags", "{'tags':null}", "tags"},
        {"delete_by_tags", "{'tags':[]}", "tags"},
        {"delete_by_timeframe", "{'end_date':'2026-05-15'}", "start_date"},
        {"delete_by_timeframe", "{'start_date':'May 5'}", "start_date"},
        {"delete_by_timeframe", "{'start_date':'2026-05-14','end_date':7}", "end_date"},
        {"delete_before_date", "{}", "before_date"},
        {"retrieve_memory", "{}", "query"},
        {"retrieve_memory", "{'query':7}", "query"},
        {"retrieve_memory", "{'query':'x','n_results':'many'}", "limit"},
        {"exact_match_retrieve", "{}", "content"},
    };
    AUTO_FIXTURE f;
    AUTO_JSON *list = NULL;

    REQUIRE(open_three(&f));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, rows[i].name, rows[i].args);

        if (!CHECK(result_is_error(r)))
            printf("  %s %s\n", rows[i].name, rows[i].args);
        CHECK_HAS(r, rows[i].why);
    }
    list = fixture_call(&f, "memory_list", "{}");
    CHECK_INT(data_int(list, "total"), 3);
}

TEST_MAIN()

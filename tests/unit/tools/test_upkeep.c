/* test_upkeep.c - memory_cleanup, memory_health and memory_stats through the protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static const json_t *member(const json_t *result, const char *object, const char *key)
{
    return json_object_get(json_object_get(result_data(result), object), key);
}

TEST(health_tells_the_truth_without_a_model)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    fixture_store(&f, "one", "a");
    r = fixture_call(&f, "memory_health", "{}");
    CHECK(str_starts(result_text(r), STR("Database Health Check Results:\n{")));
    CHECK_STR(str_c(data_str(r, "version")), "1.2.3");
    CHECK_STR(json_view(member(r, "validation", "status")), "healthy");
    CHECK_INT(json_integer_value(member(r, "statistics", "total_memories")), 1);
    CHECK(json_is_false(member(r, "statistics", "has_embedding_model")));
    CHECK(json_is_true(member(r, "integrity", "database")));
}

TEST(stats_count_memories)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    const json_t *tag;

    REQUIRE(fixture_open(&f, NULL));
    fixture_store(&f, "one", "a,b");
    fixture_store(&f, "two", "a");
    fixture_do(&f, "memory_search", "{'query':'one'}");
    r = fixture_call(&f, "memory_stats", "{}");
    CHECK_INT(data_int(r, "total_memories"), 2);
    CHECK_INT(data_int(r, "memories_this_week"), 2);
    CHECK_INT(data_int(r, "unique_tags"), 2);
    CHECK_INT(json_integer_value(member(r, "performance", "total_queries")), 1);
    tag = json_array_get(json_object_get(result_data(r), "tags"), 0);
    CHECK_STR(json_view(json_object_get(tag, "name")), "a");
    CHECK_INT(json_integer_value(json_object_get(tag, "count")), 2);
    CHECK(data_int(r, "database_size_bytes") > 0);
    CHECK(!str_contains(result_text(r), STR("/tmp")));
}

TEST(cleanup_is_dry_by_default)
{
    AUTO_FIXTURE f;
    AUTO_JSON *dry = NULL, *real = NULL, *left = NULL;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "We chose PostgreSQL because of row-level security.", "first");
    f.now_ms += DAY_MS;
    fixture_store(&f, "We chose PostgreSQL, because of row-level security", "second");
    fixture_store(&f, "The coffee machine is on the second floor", "office");

    dry = fixture_call(&f, "memory_cleanup", "{}");
    CHECK_HAS(dry, "Found 1 duplicate memories");
    CHECK_HAS(dry, "Dry run: nothing was changed");
    CHECK(data_bool(dry, "dry_run"));
    CHECK_INT(data_int(dry, "duplicates"), 1);
    CHECK_INT(data_len(dry, "groups"), 1);

    real = fixture_call(&f, "memory_cleanup", "{'dry_run':false,'keep':'newest'}");
    CHECK_HAS(real, "1 duplicate");
    CHECK(json_equal(json_object_get(result_data(real), "duplicates"),
                     json_object_get(result_data(dry), "duplicates")));
    left = fixture_call(&f, "memory_list", "{'tags':['first','second'],'tag_match':'all'}");
    CHECK_INT(data_int(left, "total"), 1); /* the tags were merged */
}

TEST(cleanup_finds_nothing)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "one", "a");
    r = fixture_call(&f, "memory_cleanup", "{}");
    CHECK_HAS(r, "No duplicate memories found");
    CHECK_INT(data_int(r, "duplicates"), 0);
}

TEST(cleanup_purges_old_trash_only)
{
    AUTO_FIXTURE f;
    AUTO_JSON *early = NULL, *dry = NULL, *real = NULL, *left = NULL;

    if (!fixture_open(&f, &(struct fixture_options){.has_model = true}))
        return;
    fixture_store(&f, "one", "a");
    fixture_do(&f, "memory_delete", "{'tags':'a'}");
    early = fixture_call(&f, "memory_cleanup", "{'dry_run':false,'purge_trash_days':1}");
    CHECK_INT(data_int(early, "purged"), 0);
    f.now_ms += 3 * DAY_MS;
    dry = fixture_call(&f, "memory_cleanup", "{'purge_trash_days':1}");
    CHECK_INT(data_int(dry, "purged"), 1);
    real = fixture_call(&f, "memory_cleanup", "{'dry_run':false,'purge_trash_days':1}");
    CHECK_INT(data_int(real, "purged"), 1);
    left = fixture_call(&f, "memory_list", "{'trash':true}");
    CHECK_INT(data_int(left, "total"), 0);
}

TEST(cleanup_refuses_bad_arguments)
{
    static const char *const rows[] = {"{'threshold':0.2}",      "{'threshold':2}",
                                       "{'keep':'all'}",         "{'limit':0}",
                                       "{'purge_trash_days':0}", "{'dry_run':0}"};
    AUTO_FIXTURE f;

    REQUIRE(fixture_open(&f, NULL));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, "memory_cleanup", rows[i]);

        CHECK(result_is_error(r));
    }
}

TEST_MAIN()

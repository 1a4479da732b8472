/* test_view.c - the JSON shapes that clients rely on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view.h"

#include "json/json.h"
#include "tests/support/test.h"

static const struct str tags[] = {STR_INIT("a"), STR_INIT("b c")};

static struct memory example(void)
{
    return (struct memory){
        .hash = STR("abc"),
        .space = STR("default"),
        .content = STR("text"),
        .type = STR("note"),
        .metadata = STR("{\"k\":1}"),
        .tags = tags,
        .n_tags = COUNT(tags),
        .created_ms = 1500,
        .updated_ms = 2000,
        .revision = 3,
        .quality = -1,
    };
}

static void check_json(json_t *j, const char *want)
{
    AUTO_ARENA a = {0};

    CHECK_STR(json_text(&a, j), want);
    json_decref(j);
}

TEST(a_memory_shows_what_it_has_and_leaves_out_what_never_happened)
{
    struct memory m = example();

    check_json(view_memory(&m),
               "{\"content\":\"text\",\"content_hash\":\"abc\",\"tags\":[\"a\",\"b c\"],"
               "\"memory_type\":\"note\",\"created_at\":1.5,"
               "\"created_at_iso\":\"1970-01-01T00:00:01.500Z\",\"updated_at\":2.0,"
               "\"updated_at_iso\":\"1970-01-01T00:00:02Z\",\"revision\":3,"
               "\"metadata\":{\"k\":1}}");
}

TEST(a_trashed_superseded_rated_memory_says_so)
{
    struct memory m = example();
    json_t *j;

    m.deleted_ms = 5000;
    m.superseded_by = STR("def");
    m.quality = 0.25;
    m.type = (struct str){0};
    j = view_memory_brief(&m);
    CHECK_NEAR(json_real_value(json_object_get(j, "deleted_at")), 5.0, 0);
    CHECK_STR(json_view(json_object_get(j, "superseded_by")), "def");
    CHECK_NEAR(json_real_value(json_object_get(j, "quality_score")), 0.25, 0);
    CHECK(json_is_null(json_object_get(j, "memory_type")));
    CHECK(!json_object_get(j, "content"));
    json_decref(j);
}

TEST(damaged_metadata_shows_as_empty)
{
    struct memory m = example();
    json_t *j;

    m.metadata = STR("{\"k\":");
    j = view_memory(&m);
    CHECK_INT(json_object_size(json_object_get(j, "metadata")), 0);
    CHECK(json_is_object(json_object_get(j, "metadata")));
    json_decref(j);
}

TEST(a_hit_shows_only_the_parts_that_took_part)
{
    struct hit h = {.memory = example(),
                    .score = 0.5,
                    .parts = {.cosine = -0.25, .words = -1, .quality = 0, .recency = -1},
                    .via = STR("semantic")};
    json_t *j = view_hit(&h);
    json_t *parts = json_object_get(j, "score_parts");

    CHECK_NEAR(json_real_value(json_object_get(parts, "cosine")), -0.25, 0);
    CHECK(!json_object_get(parts, "words"));
    CHECK(json_object_get(parts, "quality"));
    CHECK(!json_object_get(parts, "recency"));
    CHECK_STR(json_view(json_object_get(j, "via")), "semantic");
    json_decref(j);
}

TEST(a_change_names_who_and_what)
{
    struct change c = {.seq = 7,
                       .at_ms = 1000,
                       .op = STR("update"),
                       .hash = STR("abc"),
                       .subject = STR("local"),
                       .detail = STR("{\"fields\":[\"tags\"]}"),
                       .revision = 2};

    check_json(view_change(&c), "{\"seq\":7,\"at\":1.0,\"at_iso\":\"1970-01-01T00:00:01Z\","
                                "\"op\":\"update\",\"content_hash\":\"abc\",\"revision\":2,"
                                "\"subject\":\"local\",\"detail\":{\"fields\":[\"tags\"]}}");
}

TEST_MAIN()

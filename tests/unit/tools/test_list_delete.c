/* test_list_delete.c - memory_list and memory_delete through the protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"
#include "text/text.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* n memories tagged "all", every second one "even", an hour apart, the newest last. */
static void store_many(struct fixture *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char content[64];

        snprintf(content, sizeof(content), "memory number %zu", i);
        f->now_ms = FIXTURE_NOW_MS - (int64_t)(n - i) * 3600 * 1000;
        fixture_store(f, content, i % 2 ? "all" : "all,even");
    }
    f->now_ms = FIXTURE_NOW_MS;
}

static size_t n_listed(struct fixture *f, const char *args)
{
    AUTO_JSON *r = fixture_call(f, "memory_list", args);

    CHECK(!result_is_error(r));
    return (size_t)data_int(r, "total");
}

/* -- list -------------------------------------------------------------------------------------- */

TEST(list_pages_newest_first)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL, *last = NULL;
    const json_t *first;

    REQUIRE(fixture_open(&f, NULL));
    store_many(&f, 25);
    r = fixture_call(&f, "memory_list", "{'page_size':10}");
    CHECK_INT(data_len(r, "memories"), 10);
    CHECK_INT(data_int(r, "total"), 25);
    CHECK_INT(data_int(r, "total_pages"), 3);
    CHECK_INT(data_int(r, "page"), 1);
    CHECK(data_bool(r, "has_more"));
    CHECK_INT(data_int(r, "next_offset"), 10);
    first = json_array_get(json_object_get(result_data(r), "memories"), 0);
    CHECK_STR(json_view(json_object_get(first, "content")), "memory number 24");

    last = fixture_call(&f, "memory_list", "{'page':3,'page_size':10}");
    CHECK_INT(data_len(last, "memories"), 5);
    CHECK(!data_bool(last, "has_more"));
}

TEST(list_text_is_the_result_as_json)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL, *parsed = NULL, *empty = NULL, *parsed_empty = NULL;
    struct error err = {0};

    REQUIRE(fixture_open(&f, NULL));
    empty = fixture_call(&f, "memory_list", "{}");
    CHECK_OK(json_parse(result_text(empty), &parsed_empty, &err), err);
    CHECK(json_equal(parsed_empty, (json_t *)(uintptr_t)result_data(empty)));
    store_many(&f, 3);
    r = fixture_call(&f, "memory_list", "{}");
    REQUIRE(CHECK_OK(json_parse(result_text(r), &parsed, &err), err));
    CHECK(json_equal(parsed, (json_t *)(uintptr_t)result_data(r)));
}

TEST(list_filters)
{
    static const struct {
        const char *args;
        size_t want;
    } rows[] = {
        {"{}", 4},
        {"{'tags':'even'}", 2},
        {"{'tags':['even','all'],'tag_match':'all'}", 2},
        {"{'tags':['even','none']}", 2},
        {"{'tags':[]}", 0},
        {"{'memory_type':'note'}", 4},
        {"{'memory_type':'decision'}", 0},
        {"{'memory_type':'observation'}", 0},
        {"{'memory_type':'observation','include_subtypes':true}", 4},
        {"{'stale_days':1}", 0},
        {"{'trash':true}", 0},
        {"{'page':50}", 4}, /* a page past the end has the true total */
    };
    AUTO_FIXTURE f;

    REQUIRE(fixture_open(&f, NULL));
    store_many(&f, 4);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!CHECK_INT(n_listed(&f, rows[i].args), rows[i].want))
            printf("  %s\n", rows[i].args);
    }
    f.now_ms += 3 * DAY_MS;
    CHECK_INT(n_listed(&f, "{'stale_days':2}"), 4);
}

TEST(list_compact_has_a_preview)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;
    const json_t *m;

    REQUIRE(fixture_open(&f, NULL));
    fixture_store(&f, "short text", "a");
    r = fixture_call(&f, "memory_list", "{'compact':true}");
    m = json_array_get(json_object_get(result_data(r), "memories"), 0);
    CHECK(!json_object_get(m, "content"));
    CHECK(!json_object_get(m, "metadata"));
    CHECK_STR(json_view(json_object_get(m, "preview")), "short text");
}

TEST(list_keeps_a_budget_and_goes_on_by_offset)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL, *rest = NULL, *parsed = NULL;
    AUTO_BUF args = {0}, data = {0};
    struct error err = {0};
    int64_t next;

    REQUIRE(fixture_open(&f, NULL));
    store_many(&f, 40);
    r = fixture_call(&f, "memory_list", "{'page_size':40,'max_response_chars':6000}");
    CHECK(data_bool(r, "truncated"));
    CHECK_HAS(r, "[!] RESPONSE TRUNCATED");
    json_write(&data, result_data(r));
    CHECK(text_count(result_text(r)) <= 6000);
    CHECK(data.len <= 6000);
    CHECK_OK(json_parse(result_text(r), &parsed, &err), err);
    next = data_int(r, "next_offset");
    CHECK(next > 0 && next < 40);
    buf_printf(&args, "{'page_size':100,'offset':%lld}", (long long)next);
    rest = fixture_call(&f, "memory_list", buf_cstr(&args));
    CHECK_INT(data_len(rest, "memories"), 40 - next);
}

TEST(list_refuses_bad_bounds)
{
    static const char *const rows[] = {"{'page':0}", "{'page_size':0}", "{'page_size':101}",
                                       "{'stale_days':0}", "{'tag_match':'some'}"};
    AUTO_FIXTURE f;

    REQUIRE(fixture_open(&f, NULL));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, "memory_list", rows[i]);

        CHECK(result_is_error(r));
    }
}

/* -- delete ------------------------------------------------------------------------------------ */

TEST(delete_by_hash_or_its_beginning)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL, *again = NULL;
    AUTO_BUF args = {0};

    REQUIRE(fixture_open(&f, NULL));
    buf_printf(&args, "{'content_hash':'%.8s'}", fixture_store(&f, "one", "a"));
    r = fixture_call(&f, "memory_delete", buf_cstr(&args));
    CHECK_HAS(r, "Deleted 1 memories");
    CHECK_INT(data_int(r, "deleted_count"), 1);
    CHECK_INT(n_listed(&f, "{}"), 0);
    CHECK_INT(n_listed(&f, "{'trash':true}"), 1);
    again = fixture_call(&f, "memory_delete", buf_cstr(&args));
    CHECK_FAILS(again, "not found");
}

TEST(delete_dry_run_and_real_run_select_the_same)
{
    static const char *const rows[] = {
        "'tags':'even'",
        "'tags':['even','all'],'tag_match':'all'",
        "'before':'2026-05-16T12:00:00Z'",
        "'tags':'even','after':'2026-05-16T12:00:00Z'",
        "'time_expr':'today','tags':'all'",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FIXTURE f;
        AUTO_JSON *dry = NULL, *real = NULL;
        AUTO_BUF args = {0}, dry_args = {0}, count = {0};

        REQUIRE(fixture_open(&f, NULL));
        store_many(&f, 6);
        buf_printf(&args, "{%s}", rows[i]);
        buf_printf(&dry_args, "{%s,'dry_run':true}", rows[i]);
        dry = fixture_call(&f, "memory_delete", buf_cstr(&dry_args));
        CHECK_INT(n_listed(&f, "{}"), 6);
        buf_printf(&count, "Would delete %lld memories",
                   (long long)data_int(dry, "deleted_count"));
        CHECK_HAS(dry, buf_cstr(&count));
        CHECK_HAS(dry, "Hashes:");
        CHECK(data_bool(dry, "dry_run"));
        real = fixture_call(&f, "memory_delete", buf_cstr(&args));
        CHECK(data_int(real, "deleted_count") > 0);
        CHECK(json_equal(json_object_get(result_data(dry), "deleted_hashes"),
                         json_object_get(result_data(real), "deleted_hashes")));
        CHECK_INT(n_listed(&f, "{}"), 6 - data_int(real, "deleted_count"));
    }
}

TEST(delete_matching_nothing_is_a_success)
{
    AUTO_FIXTURE f;
    AUTO_JSON *r = NULL;

    REQUIRE(fixture_open(&f, NULL));
    r = fixture_call(&f, "memory_delete", "{'tags':'nobody'}");
    CHECK(!result_is_error(r));
    CHECK_HAS(r, "No memories found");
    CHECK_HAS(r, "Deleted 0 memories");
    CHECK_INT(data_int(r, "deleted_count"), 0);
}

TEST(delete_needs_a_filter)
{
    static const char *const rows[] = {
        "{}",
        "{'tags':[]}",
        "{'tags':','}",
        "{'tags':[],'after':'2026-01-01'}",
        "{'tag_match':'all'}",
        "{'tag_match':'none','tags':'all'}",
        "{'time_expr':'gibberish','tags':'all'}",
        "{'content_hash':'abc'}",
        "{'content_hash':''}",
        "{'dry_run':'yes','tags':'all'}",
    };
    AUTO_FIXTURE f;

    REQUIRE(fixture_open(&f, NULL));
    store_many(&f, 3);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = fixture_call(&f, "memory_delete", rows[i]);

        if (!CHECK(result_is_error(r)))
            printf("  %s\n", rows[i]);
    }
    CHECK_INT(n_listed(&f, "{}"), 3);
}

TEST(delete_of_many_needs_their_number)
{
    AUTO_FIXTURE f;
    AUTO_JSON *unconfirmed = NULL, *wrong = NULL, *confirmed = NULL;

    REQUIRE(fixture_open(&f, NULL));
    store_many(&f, TOOLS_DELETE_UNCONFIRMED_MAX + 1);
    unconfirmed = fixture_call(&f, "memory_delete", "{'tags':'all'}");
    CHECK_FAILS(unconfirmed, "confirm_count: 101");
    wrong = fixture_call(&f, "memory_delete", "{'tags':'all','confirm_count':100}");
    CHECK_FAILS(wrong, "101 memories match");
    CHECK_INT(n_listed(&f, "{}"), 101);
    confirmed = fixture_call(&f, "memory_delete", "{'tags':'all','confirm_count':101}");
    CHECK_HAS(confirmed, "Deleted 101 memories");
    CHECK_HAS(confirmed, "... and 81 more");
    CHECK_INT(data_len(confirmed, "deleted_hashes"), 101);
    CHECK_INT(n_listed(&f, "{}"), 0);
}

TEST_MAIN()

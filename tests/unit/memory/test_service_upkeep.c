/* test_service_upkeep.c - vectors for what has none, counts, and the state of health. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include "tests/unit/embed/tiny.h"

static const struct fixture_options with_model = {.has_model = true};

/* From now on the service has a model. */
static void bring_model(struct fixture *f)
{
    memory_service_free(f->memory);
    f->memory = fixture_service(f, &with_model);
    f->who.scopes |= SCOPE_ADMIN;
}

struct watch {
    size_t n_calls;
    size_t max_calls; /* stop then; 0: never */
    struct memory_reindex_progress last;
};

static bool watch(void *ctx, const struct memory_reindex_progress *p)
{
    struct watch *w = ctx;

    w->last = *p;
    return ++w->n_calls != w->max_calls;
}

static size_t reindex(struct fixture *f, bool is_all, struct watch *w)
{
    struct error err = {0};
    size_t n = 0;

    CHECK_OK(memory_reindex(f->memory, &f->who, is_all, w ? watch : NULL, w, &n, &err), err);
    return n;
}

static bool try_reindex(struct fixture *f, struct error *err)
{
    size_t n;

    return memory_reindex(f->memory, &f->who, false, NULL, NULL, &n, err);
}

static void put_many(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        fixture_put(f, arena_printf(&f->arena, "m%d", i).ptr, "");
}

/* -- reindex ---------------------------------------------------------------------------------- */

TEST(what_was_stored_without_a_model_gets_its_vector)
{
    FIXTURE(f);
    struct watch w = {0};
    struct str hash = fixture_put(&f, "hello world", "");

    put_many(&f, 40); /* several steps */
    bring_model(&f);
    fixture_put(&f, "has one already", "");
    CHECK(!fixture_get(&f, hash)->has_vector);
    CHECK_INT(reindex(&f, false, &w), 41);
    CHECK_INT(w.last.done, 41);
    CHECK_INT(w.last.total, 41);
    CHECK(w.n_calls > 1);
    CHECK(fixture_get(&f, hash)->has_vector);
    CHECK_INT(fixture_stats(&f).n_with_vector, 42);
    CHECK_INT(reindex(&f, false, NULL), 0); /* nothing is left */
}

TEST(a_new_vector_is_searched_and_changes_no_memory)
{
    FIXTURE(f);
    const struct memory_search_request r = {
        .query = STR("hello world"), .mode = SEARCH_SEMANTIC, .limit = 1};
    struct str hash = fixture_put(&f, "hello world", "");
    struct memory_search_result out;
    struct error err = {0};

    bring_model(&f);
    reindex(&f, false, NULL);
    CHECK_OK(memory_search(f.memory, &f.who, &r, &f.arena, &out, &err), err);
    REQUIRE(CHECK_INT(out.n_hits, 1));
    CHECK_NEAR(out.hits[0].parts.cosine, 1, 1e-4);
    CHECK_INT(fixture_get(&f, hash)->revision, 1);
    CHECK_INT(fixture_get(&f, hash)->updated_ms, FIXTURE_NOW_MS);
}

TEST(everything_anew_includes_what_has_a_vector)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {
        .query = STR("hello world"), .mode = SEARCH_SEMANTIC, .limit = 1};
    struct memory_search_result out;
    struct error err = {0};
    struct str hash = fixture_put(&f, "hello world", "");

    fixture_place(&f, hash, "hello world", -1); /* a wrong one */
    put_many(&f, 20);
    f.who.scopes |= SCOPE_ADMIN;
    CHECK_INT(reindex(&f, false, NULL), 0);
    CHECK_INT(reindex(&f, true, NULL), 21);
    CHECK_OK(memory_search(f.memory, &f.who, &r, &f.arena, &out, &err), err);
    REQUIRE(CHECK_INT(out.n_hits, 1));
    CHECK_STR(out.hits[0].memory.content, "hello world");
    CHECK_NEAR(out.hits[0].parts.cosine, 1, 1e-4);
}

TEST(a_report_can_stop_it_and_it_goes_on_next_time)
{
    FIXTURE(f);
    struct watch once = {.max_calls = 1};
    size_t n;

    put_many(&f, 40);
    bring_model(&f);
    n = reindex(&f, false, &once);
    CHECK(n > 0 && n < 40);
    CHECK_INT(once.n_calls, 1);
    CHECK_INT(fixture_stats(&f).n_with_vector, n);
    CHECK_INT(reindex(&f, false, NULL), 40 - n);
}

TEST(replaced_versions_get_vectors_and_the_trash_and_other_spaces_do_not)
{
    FIXTURE(f);
    struct memory_update_request version = {
        .is_versioned = true, .content = STR("new"), .now_ms = f.now_ms};
    struct memory_update_result updated;
    struct error err = {0};

    version.hash = fixture_put(&f, "old", "");
    CHECK_OK(memory_update(f.memory, &f.who, &version, &f.arena, &updated, &err), err);
    fixture_trash(&f, fixture_put(&f, "trashed", ""));
    f.who.space = STR("other");
    fixture_put(&f, "elsewhere", "");
    f.who.space = STR(SPACE_DEFAULT);
    bring_model(&f);
    CHECK_INT(reindex(&f, false, NULL), 2);
    CHECK_INT(fixture_stats(&f).n_with_vector, 2);
    f.who.space = STR("other");
    CHECK_INT(fixture_stats(&f).n_with_vector, 0);
}

TEST(reindexing_needs_a_model_and_an_administrator)
{
    FIXTURE(f);

    CHECK_REFUSED(&f, try_reindex(&f, err), ERROR_DENIED, "'admin'");
    f.who.scopes |= SCOPE_ADMIN;
    CHECK_REFUSED(&f, try_reindex(&f, err), ERROR_UNAVAILABLE, "no model in this test");
}

/* -- stats ------------------------------------------------------------------------------------ */

static int64_t count_of(const struct memory_named_count *counts, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_c(counts[i].name, name))
            return counts[i].n;
    }
    return -1;
}

TEST(the_counts_are_right)
{
    static const int64_t midnight = FIXTURE_NOW_MS - 15 * 60 * MINUTE_MS; /* TZ is UTC */
    FIXTURE_WITH(f, .has_model = true);
    struct memory_stats_result s;

    fixture_put_at(&f, "a", "x,y", "note", midnight);
    fixture_put_at(&f, "b", "x", "note", midnight - 1);
    fixture_put_at(&f, "c", "x,z", "decision", FIXTURE_NOW_MS - 8 * DAY_MS);
    fixture_put_at(&f, "d", "y", "note", FIXTURE_NOW_MS - 31 * DAY_MS);
    fixture_trash(&f, fixture_put(&f, "e", "gone"));
    f.now_ms = FIXTURE_NOW_MS;
    s = fixture_stats(&f);
    CHECK_INT(s.n_live, 4);
    CHECK_INT(s.n_trashed, 1);
    CHECK_INT(s.n_superseded, 0);
    CHECK_INT(s.n_with_vector, 4);
    CHECK_INT(s.n_changes, 6);
    CHECK_INT(s.n_today, 1);
    CHECK_INT(s.n_week, 2);
    CHECK_INT(s.n_month, 3);
    CHECK_INT(s.oldest_ms, FIXTURE_NOW_MS - 31 * DAY_MS);
    CHECK_INT(s.newest_ms, midnight);
    CHECK_INT(s.n_unique_tags, 3);
    REQUIRE(CHECK_INT(s.n_tags, 3));
    CHECK_STR(s.tags[0].name, "x"); /* the most frequent first */
    CHECK_INT(s.tags[0].n, 3);
    CHECK_INT(count_of(s.tags, s.n_tags, "y"), 2);
    CHECK_INT(count_of(s.tags, s.n_tags, "gone"), -1);
    CHECK_INT(count_of(s.types, s.n_types, "note"), 3);
    CHECK_INT(count_of(s.types, s.n_types, "decision"), 1);
    CHECK(s.bytes_on_disk > 0 && s.index_bytes > 0);
}

TEST(the_counts_are_those_of_one_space)
{
    FIXTURE(f);
    struct memory_stats_result s;

    fixture_put(&f, "walrus", "a");
    f.who.space = STR("other");
    s = fixture_stats(&f);
    CHECK_INT(s.n_live, 0);
    CHECK_INT(s.n_changes, 0);
    CHECK_INT(s.n_unique_tags, 0);
    CHECK_INT(s.n_types, 0);
    CHECK_INT(s.oldest_ms, 0);
}

TEST(calls_are_counted_with_their_time)
{
    FIXTURE(f);
    const struct memory_search_request good = {.query = STR("walrus"), .limit = 1};
    const struct memory_search_request bad = {.limit = 1};
    struct memory_search_result out;
    struct memory_stats_result s = fixture_stats(&f);
    struct error err = {0};

    CHECK_INT(s.n_searches + s.n_stores + s.search_us_mean + s.store_us_max, 0);
    fixture_put(&f, "walrus", "");
    fixture_put(&f, "seal", "");
    CHECK_OK(memory_search(f.memory, &f.who, &good, &f.arena, &out, &err), err);
    CHECK(!memory_search(f.memory, &f.who, &bad, &f.arena, &out, &err));
    s = fixture_stats(&f);
    CHECK_INT(s.n_stores, 2);
    CHECK_INT(s.n_searches, 1);
    CHECK(s.store_us_mean > 0 && s.store_us_mean <= s.store_us_max);
    CHECK(s.search_us_mean > 0 && s.search_us_mean <= s.search_us_max);
}

/* -- health ----------------------------------------------------------------------------------- */

static struct memory_health_result health(struct fixture *f)
{
    struct memory_health_result out = {0};
    struct error err = {0};

    CHECK_OK(memory_health(f->memory, &f->who, &f->arena, &out, &err), err);
    return out;
}

TEST(all_is_well_with_a_model)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_health_result h;

    fixture_put(&f, "walrus", "");
    fixture_trash(&f, fixture_put(&f, "seal", ""));
    h = health(&f);
    CHECK(h.is_healthy);
    CHECK_STR(h.message, "all checks passed");
    CHECK(h.has_model && h.is_embedding_ok && h.is_store_ok && h.is_index_ok && h.is_words_ok);
    CHECK_STR(h.model_id, TINY_MODEL);
    CHECK_STR(h.model_why, "");
    CHECK_INT(h.dim, TINY_HIDDEN);
    CHECK(str_starts(str_c(h.encoder), STR("fp32-")));
    CHECK_INT(h.n_live, 1);
    CHECK_INT(h.n_trashed, 1);
    CHECK_INT(h.n_with_vector, 1);
    CHECK(h.bytes_on_disk > 0 && h.bytes_free > 0);
}

TEST(to_have_no_model_is_said_and_not_unhealthy)
{
    FIXTURE(f);
    struct memory_health_result h;

    fixture_put(&f, "walrus", "");
    h = health(&f);
    CHECK(h.is_healthy && h.is_store_ok && h.is_words_ok);
    CHECK(!h.has_model && !h.is_embedding_ok);
    CHECK(str_starts(h.message, STR("searches go by words alone: ")));
    CHECK_STR(h.model_id, "");
    CHECK_STR(h.model_why, "no model in this test");
    CHECK_INT(h.n_with_vector, 0);
}

TEST(who_may_not_read_learns_neither_counts_nor_health)
{
    FIXTURE(f);
    struct memory_stats_result stats;
    struct memory_health_result out;
    struct error err = {0};

    f.who.scopes = SCOPE_WRITE;
    CHECK(!memory_stats(f.memory, &f.who, f.now_ms, &f.arena, &stats, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
    CHECK(!memory_health(f.memory, &f.who, &f.arena, &out, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
}

TEST_MAIN()

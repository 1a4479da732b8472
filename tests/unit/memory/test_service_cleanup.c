/* test_service_cleanup.c - near-duplicates: groups, which one stays, what a dry run leaves alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include <math.h>

#include "base/buf.h"

#define ANCHOR "hello world" /* vectors are given as angles to that of this text */

static bool try_cleanup(struct fixture *f, const struct memory_cleanup_request *request,
                        struct error *err)
{
    struct memory_cleanup_result out;

    return memory_cleanup(f->memory, &f->who, request, &f->arena, &out, err);
}

static struct memory_cleanup_result cleanup(struct fixture *f,
                                            const struct memory_cleanup_request *request)
{
    struct memory_cleanup_request r = *request;
    struct memory_cleanup_result out = {0};
    struct error err = {0};

    r.limit = r.limit ? r.limit : MEMORY_CLEANUP_MAX;
    r.now_ms = f->now_ms;
    CHECK_OK(memory_cleanup(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out;
}

/* Two memories are as near as their angles: up to 18 degrees is a cosine of 0.95. */
static struct str put(struct fixture *f, const char *content, const char *tags, double degrees)
{
    struct str hash = fixture_put(f, content, tags);

    fixture_place(f, hash, ANCHOR, cos(degrees * 3.14159265358979 / 180));
    return hash;
}

/* "kept:removed,removed" by content, groups apart by blanks, both in the order given. */
static struct str shown(struct fixture *f, const struct memory_cleanup_result *out)
{
    struct str all = STR("");

    for (size_t i = 0; i < out->n_groups; i++) {
        const struct memory_cleanup_group *g = &out->groups[i];

        all = arena_printf(&f->arena, STR_FMT "%s" STR_FMT ":", STR_ARG(all), i ? " " : "",
                           STR_ARG(g->kept.content));
        for (size_t k = 0; k < g->n_removed; k++)
            all = arena_printf(&f->arena, STR_FMT "%s" STR_FMT, STR_ARG(all), k ? "," : "",
                               STR_ARG(g->removed[k].content));
    }
    return all;
}

/* -- plan and deed ---------------------------------------------------------------------------- */

TEST(a_dry_run_shows_what_the_real_run_does)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_cleanup_request r = {.is_dry_run = true, .threshold = 0.95};
    struct str first = put(&f, "first", "a,b", 0), second = put(&f, "second", "b,c", 10),
               far = put(&f, "far", "d", 60);
    int64_t n_changes = fixture_stats(&f).n_changes;
    struct memory_cleanup_result out = cleanup(&f, &r);

    CHECK_STR(shown(&f, &out), "first:second");
    CHECK_NEAR(out.groups[0].cosine, 0.9848, 0.001);
    CHECK_INT(out.n_removed, 1);
    CHECK(!out.has_more && !out.is_not_compared);
    CHECK_INT(fixture_stats(&f).n_changes, n_changes);
    r.is_dry_run = false;
    out = cleanup(&f, &r);
    CHECK_STR(shown(&f, &out), "first:second");
    CHECK(fixture_get_trashed(&f, second) != NULL);
    CHECK(fixture_get(&f, far) != NULL);
    REQUIRE(fixture_get(&f, first) && CHECK_INT(fixture_get(&f, first)->n_tags, 3));
    CHECK_STR(fixture_get(&f, first)->tags[2], "c"); /* taken over */
    CHECK_INT(fixture_get_trashed(&f, second)->n_tags, 2);
    CHECK_INT(cleanup(&f, &r).n_groups, 0); /* again: nothing left to do */
}

TEST(what_was_removed_says_why_and_comes_back)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_cleanup_request r = {.threshold = 0.95};
    struct str first = put(&f, "first", "a", 0), second = put(&f, "second", "b", 10);
    struct change *changes;
    struct memory *m = NULL;
    struct error err = {0};
    size_t n = 0;

    cleanup(&f, &r);
    CHECK_OK(memory_history(f.memory, &f.who, second, 1, &f.arena, &changes, &n, &err), err);
    REQUIRE(CHECK_INT(n, 1));
    CHECK_STR(changes[0].op, "delete");
    CHECK_VIEW(changes[0].detail,
               arena_printf(&f.arena, "{\"duplicate_of\":\"" STR_FMT "\"}", STR_ARG(first)));
    CHECK_OK(memory_restore(f.memory, &f.who, second, 0, f.now_ms, &f.arena, &m, &err), err);
    REQUIRE(m != NULL);
    CHECK_STR(m->tags[0], "b");
}

/* -- which one stays -------------------------------------------------------------------------- */

TEST(the_oldest_the_newest_or_the_best_stays)
{
    static const struct {
        enum keep_policy keep;
        const char *want;
    } rows[] = {{KEEP_OLDEST, "old"}, {KEEP_NEWEST, "new"}, {KEEP_BEST, "mid"}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        FIXTURE_WITH(f, .has_model = true);
        const struct memory_cleanup_request r = {.threshold = 0.9, .keep = rows[i].keep};
        struct memory_cleanup_result out;

        fixture_rate(&f, put(&f, "old", "", 0), 0.3);
        fixture_rate(&f, put(&f, "mid", "", 5), 0.9);
        put(&f, "new", "", 10); /* not rated: 0.5 */
        out = cleanup(&f, &r);
        REQUIRE(CHECK_INT(out.n_groups, 1));
        CHECK_STR(out.groups[0].kept.content, rows[i].want);
        CHECK_INT(out.groups[0].n_removed, 2);
        CHECK_INT(fixture_stats(&f).n_live, 1);
    }
}

TEST(of_equally_good_ones_the_most_used_stays)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_cleanup_request r = {.threshold = 0.9, .keep = KEEP_BEST};
    const struct memory_search_request search = {
        .query = STR("used"), .mode = SEARCH_EXACT, .limit = 1, .now_ms = f.now_ms};
    struct memory_search_result found;
    struct memory_cleanup_result out;
    struct error err = {0};

    put(&f, "first", "", 0);
    put(&f, "used", "", 5);
    put(&f, "last", "", 10);
    CHECK_OK(memory_search(f.memory, &f.who, &search, &f.arena, &found, &err), err);
    fixture_put(&f, "unlike", ""); /* counts are written along with a change */
    out = cleanup(&f, &r);
    REQUIRE(CHECK_INT(out.n_groups, 1));
    CHECK_STR(out.groups[0].kept.content, "used");
}

/* a and c are 24 degrees apart, b is in between: near both. */
TEST(a_chain_does_not_pull_distant_texts_together)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_cleanup_request r = {.threshold = 0.95};
    struct memory_cleanup_result out;

    put(&f, "b", "", 12);
    put(&f, "a", "", 0);
    put(&f, "c", "", 24);
    out = cleanup(&f, &r);
    for (size_t i = 0; i < out.n_groups; i++)
        CHECK(out.groups[i].cosine >= 0.95);
    CHECK_INT(out.n_groups, 1);
    CHECK_INT(out.groups[0].n_removed, 1);
    CHECK_STR(out.groups[0].kept.content, "b");
    out = cleanup(&f, &r); /* and what is left of it next time */
    CHECK_STR(shown(&f, &out), "b:a");
    CHECK_INT(fixture_stats(&f).n_live, 1);
}

TEST(the_threshold_is_a_cosine_and_itself_counts)
{
    static const struct {
        double threshold;
        size_t n_groups;
    } rows[] = {{0.9, 1}, {0.8, 1}, {0.93, 0}, {1, 0}};
    FIXTURE_WITH(f, .has_model = true);

    put(&f, "first", "", 0);
    put(&f, "second", "", 23); /* 0.9205 */
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct memory_cleanup_request r = {.is_dry_run = true,
                                                 .threshold = rows[i].threshold};

        CHECK_INT(cleanup(&f, &r).n_groups, rows[i].n_groups);
    }
}

TEST(the_kept_one_never_gets_more_tags_than_are_allowed)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_cleanup_request r = {.threshold = 0.95};
    struct str kept = put(&f, "first", "", 0);
    AUTO_BUF tags = {0};

    for (int i = 0; i < MEMORY_TAGS_MAX; i++)
        buf_printf(&tags, "x%d,", i);
    put(&f, "second", buf_cstr(&tags), 1);
    put(&f, "third", "y,z", 2);
    CHECK_INT(cleanup(&f, &r).n_removed, 2);
    CHECK_INT(fixture_get(&f, kept)->n_tags, MEMORY_TAGS_MAX);
}

/* -- scope ------------------------------------------------------------------------------------ */

TEST(a_filter_holds_for_both_of_a_pair)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct str tags[] = {STR_INIT("in")};
    struct memory_cleanup_request r = {.threshold = 0.95,
                                       .filter = {.tags = tags, .n_tags = 1}};
    struct memory_cleanup_result out;

    put(&f, "a", "out", 0);
    put(&f, "b", "in", 1);
    CHECK_INT(cleanup(&f, &r).n_groups, 0);
    put(&f, "c", "in", 2);
    r.time_expr = STR("yesterday");
    CHECK_INT(cleanup(&f, &r).n_groups, 0);
    r.time_expr = STR("today");
    out = cleanup(&f, &r);
    CHECK_STR(shown(&f, &out), "b:c");
}

TEST(spaces_are_not_compared_with_each_other)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_cleanup_request r = {.threshold = 0.95};

    put(&f, "a", "", 0);
    f.who.space = STR("other");
    put(&f, "b", "", 1);
    CHECK_INT(cleanup(&f, &r).n_groups, 0);
}

TEST(old_versions_and_the_trash_stay_out_of_it)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_update_request version = {.hash = put(&f, "old", "", 0),
                                            .is_versioned = true,
                                            .content = STR("new"),
                                            .now_ms = f.now_ms};
    struct memory_cleanup_request r = {.threshold = 0.95};
    struct memory_update_result updated;
    struct error err = {0};

    CHECK_OK(memory_update(f.memory, &f.who, &version, &f.arena, &updated, &err), err);
    fixture_place(&f, updated.memory->hash, ANCHOR, 1);
    fixture_trash(&f, put(&f, "trashed", "", 1));
    CHECK_INT(cleanup(&f, &r).n_groups, 0);
    r.filter.has_superseded = true;
    r.filter.trash = TRASH_SHOW;
    CHECK_INT(cleanup(&f, &r).n_groups, 0);
}

TEST(more_groups_than_the_limit_are_said)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_cleanup_request r = {.threshold = 0.99, .limit = 2};
    struct memory_cleanup_result out;

    for (int i = 0; i < 6; i++) /* three pairs, 30 degrees apart */
        put(&f, arena_printf(&f.arena, "%d", i).ptr, "", i / 2 * 30 + i % 2);
    out = cleanup(&f, &r);
    CHECK_STR(shown(&f, &out), "4:5 2:3");
    CHECK(out.has_more);
    out = cleanup(&f, &r);
    CHECK_STR(shown(&f, &out), "0:1");
    CHECK(!out.has_more);
}

/* -- refusals --------------------------------------------------------------------------------- */

TEST(bad_requests_are_refused)
{
    static const struct {
        struct memory_cleanup_request request;
        const char *part;
    } rows[] = {
        {{.threshold = 0.49, .limit = 1}, "threshold"},
        {{.threshold = 1.01, .limit = 1}, "threshold"},
        {{.threshold = (double)NAN, .limit = 1}, "threshold"},
        {{.threshold = 0.9}, "limit must be from 1 to 200"},
        {{.threshold = 0.9, .limit = 201}, "limit must be from 1 to 200"},
        {{.threshold = 0.9, .limit = 1, .time_expr = STR_INIT("some day")}, "some day"},
    };
    FIXTURE_WITH(f, .has_model = true);

    put(&f, "a", "", 0);
    put(&f, "b", "", 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_REFUSED(&f, try_cleanup(&f, &rows[i].request, err), ERROR_INVALID, rows[i].part);
    }
}

TEST(without_a_model_there_is_nothing_to_compare)
{
    FIXTURE(f);
    const struct memory_cleanup_request r = {.threshold = 0.95, .limit = 1};

    CHECK_REFUSED(&f, try_cleanup(&f, &r, err), ERROR_UNAVAILABLE, "no model in this test");
}

TEST(who_may_only_read_may_look_but_not_clean)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_cleanup_request r = {.threshold = 0.95, .limit = 1};

    put(&f, "a", "", 0);
    put(&f, "b", "", 1);
    f.who.scopes = SCOPE_READ;
    CHECK_REFUSED(&f, try_cleanup(&f, &r, err), ERROR_DENIED, "'write'");
    r.is_dry_run = true;
    CHECK_INT(cleanup(&f, &r).n_groups, 1);
    f.who.scopes = 0;
    CHECK_REFUSED(&f, try_cleanup(&f, &r, err), ERROR_DENIED, "'read'");
}

TEST_MAIN()

/* test_service_delete.c - into the trash, out of it again, and gone for good. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#define MANY 620 /* more than are read at a time */

static bool try_delete(struct fixture *f, const struct memory_delete_request *request,
                       struct error *err)
{
    struct memory_delete_result out;

    return memory_delete(f->memory, &f->who, request, &f->arena, &out, err);
}

static struct memory_delete_result take(struct fixture *f,
                                        const struct memory_delete_request *request)
{
    struct memory_delete_request r = *request;
    struct memory_delete_result out = {0};
    struct error err = {0};

    r.now_ms = f->now_ms;
    CHECK_OK(memory_delete(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out;
}

static bool try_restore(struct fixture *f, struct str hash, struct error *err)
{
    struct memory *out;

    return memory_restore(f->memory, &f->who, hash, 0, f->now_ms, &f->arena, &out, err);
}

static size_t n_found(struct fixture *f, const char *query, enum search_mode mode)
{
    const struct memory_search_request r = {
        .query = str_c(query), .mode = mode, .limit = 100, .now_ms = f->now_ms};
    struct memory_search_result out = {0};
    struct error err = {0};

    CHECK_OK(memory_search(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out.n_hits;
}

/* -- one -------------------------------------------------------------------------------------- */

TEST(a_deleted_memory_is_found_in_the_trash_only)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_delete_request r = {.hash = fixture_put(&f, "walrus", "a")};
    struct memory_delete_result out;

    out = take(&f, &r);
    REQUIRE(CHECK_INT(out.n_hashes, 1));
    CHECK(str_eq(out.hashes[0], r.hash));
    CHECK(fixture_get(&f, r.hash) == NULL);
    REQUIRE(fixture_get_trashed(&f, r.hash) != NULL);
    CHECK_INT(fixture_get_trashed(&f, r.hash)->deleted_ms, f.now_ms);
    CHECK_INT(n_found(&f, "walrus", SEARCH_HYBRID), 0);
    CHECK_INT(n_found(&f, "walrus", SEARCH_SEMANTIC), 0);
    CHECK_INT(n_found(&f, "walrus", SEARCH_EXACT), 0);
    CHECK_INT(fixture_stats(&f).n_live, 0);
    CHECK_INT(fixture_stats(&f).n_trashed, 1);
}

TEST(the_beginning_of_a_hash_will_do_and_the_filter_is_not_looked_at)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "a");
    const struct str tags[] = {STR_INIT("b")};
    const struct memory_delete_request r = {.hash = str_sub(hash, 0, 8),
                                            .filter = {.tags = tags, .n_tags = 1}};

    fixture_put(&f, "seal", "b");
    CHECK(str_eq(take(&f, &r).hashes[0], hash));
    CHECK_INT(fixture_stats(&f).n_live, 1);
}

TEST(what_is_not_there_cannot_be_deleted)
{
    FIXTURE(f);
    struct memory_delete_request r = {.hash = STR("0123456789"), .now_ms = 1};

    CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_NOT_FOUND, "'0123456789' not found");
    r.hash = fixture_put(&f, "walrus", "a");
    f.who.space = STR("other");
    CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_NOT_FOUND, "not found");
    f.who.space = STR(SPACE_DEFAULT);
    take(&f, &r);
    CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_NOT_FOUND, "not found"); /* twice */
}

/* -- by filter -------------------------------------------------------------------------------- */

static const char contents[] = "abcd";

/* a, b, c and d, from today to three days ago. */
static void put_corpus(struct fixture *f)
{
    static const char *const tags[] = {"red,round", "red", "round", "blue"};

    for (int i = 0; i < 4; i++) {
        const char content[] = {contents[i], 0};
        struct memory_store_request r = fixture_request(f, content, tags[i]);

        r.now_ms = FIXTURE_NOW_MS - i * DAY_MS;
        r.has_type = true;
        r.type = i == 3 ? STR("decision") : STR("note");
        fixture_store(f, &r);
    }
}

/* The letters of the memories that a filter took (or would take). */
static struct str letters(struct fixture *f, const struct memory_delete_result *out)
{
    char *text = arena_alloc(&f->arena, COUNT(contents), 1);
    size_t n = 0;

    for (size_t i = 0; contents[i]; i++) {
        struct str hash = memory_hash(&f->arena, str_n(&contents[i], 1));

        for (size_t k = 0; k < out->n_hashes; k++) {
            if (str_eq(out->hashes[k], hash))
                text[n++] = contents[i];
        }
    }
    CHECK_INT(n, out->n_hashes);
    return str_n(text, n);
}

#define TAGS(...)                                                                              \
    .tags = (const struct str[]){__VA_ARGS__},                                                 \
    .n_tags = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define S(text) STR_INIT(text)

static const struct str decision[] = {STR_INIT("decision")};
static const struct {
    struct memory_filter filter;
    const char *time_expr;
    const char *want;
} rows[] = {
    {{TAGS(S("red"))}, "", "ab"},
    {{TAGS(S("RED "), S("round"))}, "", "abc"},
    {{TAGS(S("red"), S("round")), .is_all_tags = true}, "", "a"},
    {{TAGS(S("green"))}, "", ""},
    {{TAGS(S("re"))}, "", ""},
    {{.types = decision, .n_types = 1}, "", "d"},
    {{.from_ms = FIXTURE_NOW_MS - DAY_MS}, "", "ab"},
    {{.until_ms = FIXTURE_NOW_MS - DAY_MS}, "", "cd"},
    {{TAGS(S("round")), .from_ms = FIXTURE_NOW_MS - DAY_MS}, "", "a"},
    {{0}, "yesterday", "b"},
    {{TAGS(S("red"))}, "yesterday", "b"},
    {{.from_ms = FIXTURE_NOW_MS}, "yesterday", "b"}, /* the expression wins */
};

TEST(a_filter_takes_what_it_says_and_a_dry_run_the_same)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        FIXTURE(f);
        struct memory_delete_request r = {.filter = rows[i].filter, .is_dry_run = true};
        struct memory_stats_result before;
        struct memory_delete_result out;

        put_corpus(&f);
        r.time_expr = str_c(rows[i].time_expr);
        before = fixture_stats(&f);
        out = take(&f, &r);
        if (!CHECK_STR(letters(&f, &out), rows[i].want))
            printf("  row %zu\n", i);
        CHECK_INT(fixture_stats(&f).n_changes, before.n_changes);
        r.is_dry_run = false;
        out = take(&f, &r);
        CHECK_STR(letters(&f, &out), rows[i].want);
        CHECK_INT(fixture_stats(&f).n_trashed, out.n_hashes);
        CHECK_INT(fixture_stats(&f).n_live, 4 - out.n_hashes);
        CHECK_INT(fixture_stats(&f).n_changes, before.n_changes + (int64_t)out.n_hashes);
    }
}

TEST(a_filter_that_says_nothing_deletes_nothing)
{
    const struct memory_filter filters[] = {
        {0},
        {.is_all_tags = true},
        {.has_superseded = true},
        {.trash = TRASH_SHOW},
        {.is_nothing = true},
        {.is_nothing = true, .from_ms = 1},
        {TAGS(S(" "))},
        {TAGS(S(" "), S("")), .from_ms = 1}, /* not the whole range of time */
    };
    FIXTURE(f);

    put_corpus(&f);
    for (size_t i = 0; i < COUNT(filters); i++) {
        struct memory_delete_request r = {.filter = filters[i], .now_ms = f.now_ms};

        CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_INVALID, "");
        r.is_dry_run = true;
        CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_INVALID, "");
    }
}

TEST(a_filter_reaches_versions_that_were_replaced)
{
    FIXTURE(f);
    const struct str tags[] = {STR_INIT("a")};
    const struct memory_update_request version = {.hash = fixture_put(&f, "one", "a"),
                                                  .is_versioned = true,
                                                  .content = STR("two"),
                                                  .now_ms = f.now_ms};
    const struct memory_delete_request r = {.filter = {.tags = tags, .n_tags = 1}};
    struct memory_update_result updated;
    struct error err = {0};

    CHECK_OK(memory_update(f.memory, &f.who, &version, &f.arena, &updated, &err), err);
    CHECK_INT(take(&f, &r).n_hashes, 2);
    CHECK_INT(fixture_stats(&f).n_live, 0);
}

TEST(a_filter_takes_any_number_at_once)
{
    FIXTURE(f);
    const struct str tags[] = {STR_INIT("a")};
    const struct memory_delete_request r = {.filter = {.tags = tags, .n_tags = 1}};

    for (int i = 0; i < MANY; i++)
        fixture_put(&f, arena_printf(&f.arena, "m%d", i).ptr, "a");
    fixture_put(&f, "other", "b");
    CHECK_INT(take(&f, &r).n_hashes, MANY);
    CHECK_INT(fixture_stats(&f).n_live, 1);
    CHECK_INT(fixture_stats(&f).n_trashed, MANY);
}

TEST(bad_filters_are_refused)
{
    const struct str bad_tags[] = {STR_INIT("a"), STR_INIT("\xff")};
    const struct memory_delete_request bad_tag = {.filter = {.tags = bad_tags, .n_tags = 2}};
    const struct memory_delete_request bad_time = {.time_expr = STR("some day")};
    FIXTURE(f);

    put_corpus(&f);
    CHECK_REFUSED(&f, try_delete(&f, &bad_tag, err), ERROR_INVALID, "tags[1]: ");
    CHECK_REFUSED(&f, try_delete(&f, &bad_time, err), ERROR_INVALID, "some day");
}

/* -- out of the trash ------------------------------------------------------------------------- */

TEST(a_restored_memory_is_whole)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_store_request stored = fixture_request(&f, "walrus", "a,b");
    struct memory *m = NULL;
    struct error err = {0};
    struct str hash;

    stored.metadata = STR("{\"k\":1}");
    hash = fixture_store(&f, &stored).hash;
    fixture_trash(&f, hash);
    CHECK_OK(
        memory_restore(f.memory, &f.who, str_sub(hash, 0, 10), 0, f.now_ms, &f.arena, &m, &err),
        err);
    REQUIRE(m != NULL);
    CHECK_STR(m->content, "walrus");
    CHECK_INT(m->n_tags, 2);
    CHECK_STR(m->metadata, "{\"k\":1}");
    CHECK_INT(m->created_ms, FIXTURE_NOW_MS);
    CHECK_INT(m->deleted_ms, 0);
    CHECK_INT(m->revision, 3);
    CHECK(m->has_vector);
    CHECK_INT(n_found(&f, "walrus", SEARCH_HYBRID), 1);
    CHECK_INT(n_found(&f, "walrus", SEARCH_SEMANTIC), 1);
}

TEST(only_what_is_in_the_trash_can_be_restored)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "a");

    CHECK_REFUSED(&f, try_restore(&f, hash, err), ERROR_NOT_FOUND, "not found in the trash");
    fixture_trash(&f, hash);
    f.who.space = STR("other");
    CHECK_REFUSED(&f, try_restore(&f, hash, err), ERROR_NOT_FOUND, "not found in the trash");
}

/* -- gone for good ---------------------------------------------------------------------------- */

static size_t purge(struct fixture *f, int64_t before_ms, bool is_dry_run)
{
    const struct memory_cleanup_request r = {.is_dry_run = is_dry_run,
                                             .threshold = 1,
                                             .limit = 1,
                                             .purge_trash_before_ms = before_ms,
                                             .now_ms = f->now_ms};
    struct memory_cleanup_result out = {0};
    struct error err = {0};

    CHECK_OK(memory_cleanup(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    CHECK_INT(out.n_groups, 0);
    return out.n_purged;
}

/* Two in the trash: one for a day, one for a minute. */
static void check_purge(struct fixture *f)
{
    struct str old = fixture_put(f, "old", "a"), young = fixture_put(f, "young", "a"),
               live = fixture_put(f, "live", "a");
    struct change *changes;
    struct error err = {0};
    size_t n;

    fixture_trash(f, old);
    f->now_ms += DAY_MS;
    fixture_trash(f, young);
    f->now_ms += MINUTE_MS;
    CHECK_INT(purge(f, FIXTURE_NOW_MS, false), 0);
    CHECK_INT(purge(f, f->now_ms - DAY_MS, true), 1);
    CHECK(fixture_get_trashed(f, old) != NULL);
    CHECK_INT(purge(f, f->now_ms - DAY_MS, false), 1);
    CHECK(fixture_get_trashed(f, old) == NULL);
    CHECK(fixture_get_trashed(f, young) != NULL);
    CHECK(fixture_get(f, live) != NULL);
    CHECK(!try_restore(f, old, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK_OK(memory_history(f->memory, &f->who, old, 10, &f->arena, &changes, &n, &err), err);
    REQUIRE(CHECK_INT(n, 3));
    CHECK_STR(changes[0].op, "purge");
    CHECK_STR(changes[2].op, "store");
}

TEST(the_trash_is_emptied_by_age)
{
    FIXTURE_WITH(f, .has_model = true);

    check_purge(&f);
}

TEST(the_trash_is_emptied_without_a_model_too)
{
    FIXTURE(f);

    check_purge(&f);
}

/* -- rights ----------------------------------------------------------------------------------- */

TEST(a_caller_who_may_only_read_deletes_nothing)
{
    FIXTURE(f);
    struct memory_delete_request r = {.hash = fixture_put(&f, "walrus", "a")};
    struct str trashed = fixture_put(&f, "seal", "a");
    const struct memory_cleanup_request cleanup = {
        .threshold = 1, .limit = 1, .purge_trash_before_ms = f.now_ms + 1};
    struct memory_cleanup_result out;

    fixture_trash(&f, trashed);
    f.who.scopes = SCOPE_READ;
    CHECK_REFUSED(&f, try_delete(&f, &r, err), ERROR_DENIED, "'write'");
    CHECK_REFUSED(&f, try_restore(&f, trashed, err), ERROR_DENIED, "'write'");
    CHECK_REFUSED(&f, memory_cleanup(f.memory, &f.who, &cleanup, &f.arena, &out, err),
                  ERROR_DENIED, "'write'");
}

TEST_MAIN()

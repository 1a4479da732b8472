/*
 * test_score.c - word rankings against FTS5's own bm25(), while memories come, change and go.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

#define N_MEMORIES 300
#define ALL        1000

static const char *const vocabulary[] = {"river",   "stone",  "lamp",   "paper",
                                         "engine",  "violet", "harbor", "glass",
                                         "thunder", "maple",  "copper", "needle"};

struct fixture {
    struct arena arena;
    char dir[64];
    const char *path;
    struct store *store;
    struct store_actor who;
    unsigned seed;
};

static void fixture_init(struct fixture *f)
{
    struct error err = {0};

    *f = (struct fixture){.who = {STR("default"), STR("tester"), STR("unit"), 1000}, .seed = 7};
    snprintf(f->dir, sizeof(f->dir), "/tmp/memoryd-score-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    f->path = arena_printf(&f->arena, "%s/memory.db", f->dir).ptr;
    CHECK_OK(store_open(&(struct store_options){.path = f->path}, &f->store, &err), err);
}

static void fixture_deinit(struct fixture *f)
{
    store_close(f->store);
    unlink(f->path);
    rmdir(f->dir);
    arena_deinit(&f->arena);
}

static unsigned next(struct fixture *f, unsigned below)
{
    f->seed = f->seed * 1103515245u + 12345u;
    return (f->seed >> 16) % below;
}

static struct str some_words(struct fixture *f, size_t n)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i < n; i++) {
        size_t at = next(f, COUNT(vocabulary)) * next(f, COUNT(vocabulary)) / COUNT(vocabulary);

        buf_printf(&b, "%s ", vocabulary[at]);
    }
    return arena_dup(&f->arena, buf_str(&b));
}

static struct memory make(struct fixture *f, size_t i)
{
    struct str *tags = ARENA_NEW(&f->arena, struct str, 1);

    tags[0] = str_c(vocabulary[next(f, COUNT(vocabulary))]);
    return (struct memory){.hash = arena_printf(&f->arena, "hash%04zu", i),
                           .content = some_words(f, 1 + next(f, 200)),
                           .type = STR("note"),
                           .metadata = STR("{}"),
                           .tags = tags,
                           .n_tags = i % 3 ? 1 : 0,
                           .created_ms = 1000,
                           .updated_ms = 1000,
                           .quality = -1,
                           .confidence = 1};
}

static void fill(struct fixture *f, size_t from, size_t to)
{
    struct error err = {0};

    for (size_t i = from; i < to; i++) {
        struct store_item item = {.memory = make(f, i)};

        CHECK_OK(store_put(f->store, &f->who, &item, 1, &err), err);
    }
}

static const struct memory_filter no_filter;

/* Without a filter unless r has one. */
static struct ranking rank(struct fixture *f, struct rank_request r)
{
    struct ranking out = {0};
    struct error err = {0};

    r.space = f->who.space;
    if (!r.filter)
        r.filter = &no_filter;
    CHECK_OK(store_rank_words(f->store, &f->arena, &r, &out, &err), err);
    return out;
}

/* What FTS5 itself says, best first, as a list of texts "row score". */
static void expect_same(struct fixture *f, const struct str *words, size_t n_words)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    AUTO_BUF match = {0};
    struct error err = {0};
    struct ranking got =
        rank(f, (struct rank_request){.words = words, .n_words = n_words, .limit = ALL});
    size_t n = 0;

    for (size_t i = 0; i < n_words; i++)
        buf_printf(&match, "%s\"" STR_FMT "\"", i ? " OR " : "", STR_ARG(words[i]));
    CHECK_OK(reader_take(f->store, &r, &err), err);
    CHECK_OK(db_prepare(r.db,
                        "SELECT rowid, -bm25(memory_fts, 1.0, 2.0) AS score FROM memory_fts"
                        " WHERE memory_fts MATCH ?1 ORDER BY score DESC, rowid",
                        &q, &err),
             err);
    db_bind_str(q.os, 1, buf_str(&match));
    while (sqlite3_step(q.os) == SQLITE_ROW) {
        if (n < got.n) {
            CHECK_NEAR(got.list[n].score, sqlite3_column_double(q.os, 1), 1e-9);
            CHECK_INT(got.list[n].row, sqlite3_column_int64(q.os, 0));
        }
        n++;
    }
    CHECK(n > 0);
    CHECK_INT(got.n, n);
}

static void expect_same_for_all(struct fixture *f)
{
    for (size_t i = 0; i + 3 <= COUNT(vocabulary); i++) {
        struct str words[3];

        for (size_t k = 0; k < 3; k++)
            words[k] = str_c(vocabulary[i + k]);
        expect_same(f, words, 1 + i % 3);
    }
}

TEST(scores_are_those_of_fts5)
{
    AUTO(fixture_deinit) struct fixture f;

    fixture_init(&f);
    fill(&f, 0, N_MEMORIES);
    expect_same_for_all(&f);
}

TEST(scores_follow_changes_of_tags_deletions_and_new_memories)
{
    AUTO(fixture_deinit) struct fixture f;
    struct error err = {0};
    size_t n_deleted;

    fixture_init(&f);
    fill(&f, 0, N_MEMORIES / 2);
    expect_same_for_all(&f);
    for (size_t i = 0; i < 20; i++) {
        struct memory m = make(&f, i);
        struct str hash = arena_printf(&f.arena, "hash%04zu", 100 + i);

        m.revision = 1;
        CHECK_OK(store_update(f.store, &f.who, &m, STR("{}"), &err), err);
        CHECK_OK(store_delete(f.store, &f.who, &hash, 1, STR("{}"), &n_deleted, &err), err);
    }
    fill(&f, N_MEMORIES / 2, N_MEMORIES);
    expect_same_for_all(&f);
}

TEST(a_word_that_nothing_has_changes_no_score)
{
    AUTO(fixture_deinit) struct fixture f;
    const struct str words[] = {STR_INIT("river"), STR_INIT("zeppelin"), STR_INIT("++")};
    struct rank_request r = {.words = words, .n_words = 3, .limit = ALL};
    struct ranking with, without;

    fixture_init(&f);
    fill(&f, 0, 50);
    with = rank(&f, r);
    r.n_words = 1;
    without = rank(&f, r);
    CHECK(without.n > 0);
    CHECK_INT(with.n, without.n);
    for (size_t i = 0; i < MIN(with.n, without.n); i++) {
        CHECK_INT(with.list[i].row, without.list[i].row);
        CHECK_NEAR(with.list[i].score, without.list[i].score, 0);
    }
}

/* -- failures --------------------------------------------------------------------------------- */

static sqlite3_int64 one_row(Fts5Context *fts)
{
    (void)fts;
    return 1;
}

static int one_of_them(Fts5Context *fts, sqlite3_int64 *out)
{
    (void)fts;
    *out = 1;
    return SQLITE_OK;
}

static int one_word(Fts5Context *fts, int column, sqlite3_int64 *out)
{
    (void)column;
    return one_of_them(fts, out);
}

static int no_memory(Fts5Context *fts, int phrase, Fts5PhraseIter *at, int *column, int *offset)
{
    (void)fts, (void)phrase, (void)at, (void)column, (void)offset;
    return SQLITE_NOMEM;
}

static int no_count(Fts5Context *fts, sqlite3_int64 *out)
{
    (void)fts, (void)out;
    return SQLITE_CORRUPT_VTAB;
}

/* A word that could not be looked up counted as one that is not there: a wrong score, and no error. */
TEST(what_fts5_cannot_read_is_an_error)
{
    AUTO(fixture_deinit) struct fixture f;
    AUTO_READER r = {0};
    AUTO_SCORE_RULE rule = {.n_phrases = 1, .n_best = 1, .n_rows = &(int64_t){1}};
    Fts5ExtensionApi api = {.xRowid = one_row,
                            .xRowCount = one_of_them,
                            .xColumnTotalSize = one_word,
                            .xPhraseFirst = no_memory};
    struct error err = {0};
    double idf;

    fixture_init(&f);
    rule.idf = &idf;
    CHECK_OK(reader_take(f.store, &r, &err), err);
    CHECK_OK(lengths_take(f.store->lengths, r.db, &rule.lengths, &err), err);
    CHECK_INT(score_row(&api, NULL, &rule), SQLITE_NOMEM);
    rule.is_ready = false;
    api.xRowCount = no_count;
    CHECK_INT(score_row(&api, NULL, &rule), SQLITE_CORRUPT_VTAB);
    CHECK_INT(rule.found.len, 0);
}

/* -- filters ---------------------------------------------------------------------------------- */

#define OPS_PER_CALL                                                                           \
    100 /* steps of SQLite's machine from one call of count_ops() to the next */

static int count_ops(void *ctx)
{
    *(size_t *)ctx += OPS_PER_CALL;
    return 0;
}

/* n memories of the word river; the last n_tagged of them are longer, and have the tag. */
static void fill_rivers(struct fixture *f, size_t n, size_t n_tagged)
{
    static const struct str tag = STR_INIT("kept");
    struct store_item *items = ARENA_NEW(&f->arena, struct store_item, n);
    struct error err = {0};

    for (size_t i = 0; i < n; i++) {
        bool is_tagged = i >= n - n_tagged;

        items[i].memory =
            (struct memory){.hash = arena_printf(&f->arena, "river%05zu", i),
                            .content = is_tagged ? STR("river lamp paper") : STR("river"),
                            .type = STR("note"),
                            .metadata = STR("{}"),
                            .tags = &tag,
                            .n_tags = is_tagged,
                            .created_ms = 1000,
                            .updated_ms = 1000,
                            .quality = -1,
                            .confidence = 1};
    }
    CHECK_OK(store_put(f->store, &f->who, items, n, &err), err);
}

/* n memories of the word river, each third of them without a vector, each fifth deleted, each seventh replaced. */
static void fill_mixed(struct fixture *f, size_t n)
{
    static const float vector[4] = {1};
    struct store_item *items = ARENA_NEW(&f->arena, struct store_item, n);
    struct error err = {0};
    size_t n_deleted;

    for (size_t i = 0; i < n; i++) {
        items[i].memory = make(f, i);
        items[i].memory.content = STR("river");
        items[i].memory.superseded_by = i % 7 == 0 ? STR("another") : STR("");
        if (i % 3)
            items[i].vectors = (struct store_vectors){STR("model"), COUNT(vector), 1, vector};
    }
    CHECK_OK(store_put(f->store, &f->who, items, n, &err), err);
    for (size_t i = 0; i < n; i += 5)
        CHECK_OK(store_delete(f->store, &f->who, &items[i].memory.hash, 1, STR("{}"),
                              &n_deleted, &err),
                 err);
}

TEST(the_index_of_vectors_lets_through_what_the_database_does)
{
    AUTO(fixture_deinit) struct fixture f;
    const struct str word = STR_INIT("river");
    struct rank_request r = {.words = &word, .n_words = 1, .limit = 100};
    struct ranking asked, looked;

    fixture_init(&f);
    fill_mixed(&f, 150);
    asked = rank(&f, r);
    r.model_id = STR("model");
    r.dim = 4;
    looked = rank(&f, r);
    CHECK(asked.n > 50 && asked.n < 150);
    REQUIRE(CHECK_INT(looked.n, asked.n));
    for (size_t i = 0; i < asked.n; i++)
        CHECK_INT(looked.list[i].row, asked.list[i].row);
}

/* The set of all memories with the tag was collected for each memory that was asked about. */
TEST(a_filter_by_tags_costs_by_what_is_ranked)
{
    enum { UNTAGGED = 2000, TAGGED = 2000, LIMIT = 10 };
    AUTO(fixture_deinit) struct fixture f;
    const struct str word = STR_INIT("river"), tag = STR_INIT("kept");
    const struct memory_filter filter = {.tags = &tag, .n_tags = 1};
    const struct rank_request r = {
        .filter = &filter, .words = &word, .n_words = 1, .limit = LIMIT};
    struct ranking got;
    size_t n_ops = 0;

    fixture_init(&f);
    fill_rivers(&f, UNTAGGED + TAGGED, TAGGED);
    got = rank(&f, r);
    REQUIRE(CHECK_INT(f.store->n_idle, 1));
    sqlite3_progress_handler(f.store->idle[0]->os, OPS_PER_CALL, count_ops, &n_ops);
    got = rank(&f, r);
    CHECK_INT(got.n, LIMIT);
    CHECK_INT(got.list[0].row, UNTAGGED + 1);
    CHECK(n_ops > 0 && n_ops < (size_t)100 * (UNTAGGED + TAGGED));
}

/* More memories come first that the filter keeps out than are kept for it. */
TEST(a_filter_finds_what_lies_behind_thousands)
{
    enum { UNTAGGED = 4000, TAGGED = 30, LIMIT = 10 };
    AUTO(fixture_deinit) struct fixture f;
    const struct str word = STR_INIT("river"), tag = STR_INIT("kept"),
                     missing = STR_INIT("missing");
    const struct memory_filter kept = {.tags = &tag, .n_tags = 1},
                               none = {.tags = &missing, .n_tags = 1};
    struct rank_request r = {.filter = &kept, .words = &word, .n_words = 1, .limit = LIMIT};
    struct ranking got;

    fixture_init(&f);
    fill_rivers(&f, UNTAGGED + TAGGED, TAGGED);
    got = rank(&f, r);
    REQUIRE(CHECK_INT(got.n, LIMIT));
    for (size_t i = 0; i < LIMIT; i++)
        CHECK_INT(got.list[i].row, UNTAGGED + 1 + i);
    CHECK(got.rare_score > 0);
    r.limit = ALL;
    got = rank(&f, r);
    CHECK_INT(got.n, TAGGED);
    r.filter = &none;
    got = rank(&f, r);
    CHECK_INT(got.n, 0);
}

/* Every memory with the word was kept until all were scored. */
TEST(a_ranking_keeps_few_of_many_that_have_a_word)
{
    enum { BEST = 7 };
    AUTO(fixture_deinit) struct fixture f;
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    AUTO_SCORE_RULE rule = {.n_phrases = 1, .n_best = BEST};
    const struct str word = STR_INIT("river");
    struct error err = {0};
    struct ranking want;
    int64_t n_rows;

    fixture_init(&f);
    fill(&f, 0, N_MEMORIES);
    want = rank(&f, (struct rank_request){.words = &word, .n_words = 1, .limit = ALL});
    REQUIRE(CHECK(want.n > 4 * BEST));
    n_rows = (int64_t)want.n;
    rule.n_rows = &n_rows;
    rule.idf = ARENA_NEW(&f.arena, double, 1);
    CHECK_OK(reader_take(f.store, &r, &err), err);
    CHECK_OK(lengths_take(f.store->lengths, r.db, &rule.lengths, &err), err);
    CHECK_OK(db_prepare(r.db, "SELECT memory_score(memory_fts, ?1) FROM memory_fts('river')",
                        &q, &err),
             err);
    sqlite3_bind_pointer(q.os, 1, &rule, SCORE_RULE_TYPE, NULL);
    while (sqlite3_step(q.os) == SQLITE_ROW)
        CHECK(rule.found.len <= 2 * BEST);
    CHECK(rule.found.cap <= 4 * BEST);
    score_keep_best(&rule);
    REQUIRE(CHECK_INT(rule.found.len, BEST));
    for (size_t i = 0; i < BEST; i++)
        CHECK_INT(rule.found.ptr[i].row, want.list[i].row);
    CHECK(rule.has_more);
}

TEST(a_table_of_lengths_that_is_held_does_not_change)
{
    AUTO(fixture_deinit) struct fixture f;
    AUTO_LENGTHS before = {0}, after = {0};
    AUTO_READER r = {0}, later = {0};
    struct error err = {0};

    fixture_init(&f);
    fill(&f, 0, 3);
    CHECK_OK(reader_take(f.store, &r, &err), err);
    CHECK_OK(lengths_take(f.store->lengths, r.db, &before, &err), err);
    CHECK(lengths_of(&before, 3) > 0);
    CHECK_INT(lengths_of(&before, 4), 0);
    CHECK_INT(lengths_of(&before, 0), 0);
    CHECK_INT(lengths_of(&before, INT64_MAX), 0);
    fill(&f, 3, 4);
    CHECK_OK(reader_take(f.store, &later, &err), err);
    CHECK_OK(lengths_take(f.store->lengths, later.db, &after, &err), err);
    CHECK_INT(lengths_of(&before, 4), 0);
    CHECK(lengths_of(&after, 4) > 0);
    CHECK_INT(lengths_of(&after, 3), lengths_of(&before, 3));
}

TEST_MAIN()

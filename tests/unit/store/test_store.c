/*
 * test_store.c - what is stored is found, changed, trashed, restored, and never lost.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "sys/sys.h"
#include "tests/support/test.h"

#define DIM 4

struct fixture {
    struct arena arena;
    char dir[64];
    const char *path;
    struct store *store;
    struct store_actor who;
};

static bool open_again(struct fixture *f, struct error *err)
{
    const struct store_options options = {.path = f->path};

    return store_open(&options, &f->store, err);
}

static void fixture_init(struct fixture *f)
{
    struct error err = {0};

    *f = (struct fixture){.who = {STR("default"), STR("tester"), STR("unit"), 1000}};
    snprintf(f->dir, sizeof(f->dir), "/tmp/memoryd-store-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    f->path = arena_printf(&f->arena, "%s/memory.db", f->dir).ptr;
    CHECK_OK(open_again(f, &err), err);
}

static void fixture_deinit(struct fixture *f)
{
    static const char *const names[] = {"memory.db", "memory.db-wal", "memory.db-shm"};

    store_close(f->store);
    for (size_t i = 0; i < COUNT(names); i++)
        unlink(arena_printf(&f->arena, "%s/%s", f->dir, names[i]).ptr);
    rmdir(f->dir);
    arena_deinit(&f->arena);
}
#define FIXTURE(name)                                                                          \
    AUTO(fixture_deinit) struct fixture name;                                                  \
    fixture_init(&name)

static struct memory make(const char *hash, const char *content)
{
    return (struct memory){.hash = str_c(hash),
                           .content = str_c(content),
                           .type = STR("note"),
                           .metadata = STR("{}"),
                           .created_ms = 1000,
                           .updated_ms = 1000,
                           .quality = -1,
                           .confidence = 1};
}

static enum store_put_result put(struct fixture *f, const struct memory *m, const float *vector)
{
    struct error err = {0};
    struct store_item item = {
        *m, {STR("model"), DIM, vector ? 1 : 0, vector}, STORE_PUT_DUPLICATE};

    CHECK_OK(store_put(f->store, &f->who, &item, 1, &err), err);
    return item.result;
}

static struct memory *get(struct fixture *f, const char *hash, enum trash_filter trash)
{
    struct error err = {0};
    struct memory *m = NULL;

    CHECK_OK(store_get(f->store, &f->arena, f->who.space, str_c(hash), trash, &m, &err), err);
    return m;
}

static size_t count_words(struct fixture *f, const char *word)
{
    struct error err = {0};
    const struct memory_filter filter = {0};
    const struct str words[] = {str_c(word)};
    const struct rank_request r = {
        .space = f->who.space, .filter = &filter, .limit = 100, .words = words, .n_words = 1};
    struct ranking found;

    CHECK_OK(store_rank_words(f->store, &f->arena, &r, &found, &err), err);
    return found.n;
}

static size_t rank_vectors(struct fixture *f, const float *query, struct ranked **out)
{
    struct error err = {0};
    const struct memory_filter filter = {0};
    const struct rank_request r = {.space = f->who.space,
                                   .filter = &filter,
                                   .limit = 10,
                                   .model_id = STR("model"),
                                   .vector = query,
                                   .dim = DIM};
    struct ranking found = {0};

    CHECK_OK(store_rank_vectors(f->store, &f->arena, &r, &found, &err), err);
    *out = found.list;
    return found.n;
}

TEST(what_is_stored_comes_back_whole_also_after_a_restart)
{
    FIXTURE(f);
    struct error err = {0};
    const struct str tags[] = {STR_INIT("b c"), STR_INIT("a")};
    struct memory m = make("abcdef0123", "Text with ümläuts"), *back;

    m.tags = tags;
    m.n_tags = COUNT(tags);
    m.metadata = STR("{\"k\":[1,2]}");
    CHECK_INT(put(&f, &m, NULL), STORE_PUT_NEW);
    store_close(f.store);
    f.store = NULL;
    REQUIRE(CHECK_OK(open_again(&f, &err), err));
    back = get(&f, "abcdef0123", TRASH_HIDE);
    REQUIRE(back != NULL);
    CHECK_STR(back->content, "Text with ümläuts");
    CHECK_STR(back->metadata, "{\"k\":[1,2]}");
    CHECK_INT(back->n_tags, 2);
    CHECK_STR(back->tags[0], "b c");
    CHECK_STR(back->tags[1], "a");
    CHECK_INT(back->revision, 1);
    CHECK(!back->has_vector);
}

TEST(a_prefix_of_eight_characters_finds_one_and_refuses_several)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory a = make("12345678aa", "a"), b = make("12345678ab", "b"), *m;

    put(&f, &a, NULL);
    CHECK(get(&f, "12345678", TRASH_HIDE) != NULL);
    CHECK(get(&f, "1234567", TRASH_HIDE) == NULL);
    put(&f, &b, NULL);
    CHECK(!store_get(f.store, &f.arena, f.who.space, STR("12345678"), TRASH_HIDE, &m, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
}

TEST(the_same_hash_again_is_a_duplicate_in_its_space_only)
{
    FIXTURE(f);
    struct memory m = make("h1", "one");

    CHECK_INT(put(&f, &m, NULL), STORE_PUT_NEW);
    CHECK_INT(put(&f, &m, NULL), STORE_PUT_DUPLICATE);
    f.who.space = STR("other");
    CHECK_INT(put(&f, &m, NULL), STORE_PUT_NEW);
}

TEST(several_are_put_together_or_not_at_all)
{
    FIXTURE(f);
    struct store_item items[] = {{.memory = make("h1", "one")}, {.memory = make("h2", "two")}};
    struct error err = {0};

    items[1].memory.confidence = NAN; /* no row can have that */
    CHECK(!store_put(f.store, &f.who, items, COUNT(items), &err));
    CHECK(!get(&f, "h1", TRASH_HIDE));
    items[1].memory.confidence = 1;
    CHECK_OK(store_put(f.store, &f.who, items, COUNT(items), &err), err);
    CHECK(get(&f, "h1", TRASH_HIDE) && get(&f, "h2", TRASH_HIDE));
}

TEST(delete_restore_and_storing_again_lose_nothing)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory m = make("h1", "walrus"), *back;
    const struct str hashes[] = {STR_INIT("h1"), STR_INIT("absent")};
    size_t n = 9;

    put(&f, &m, NULL);
    CHECK_OK(store_delete(f.store, &f.who, hashes, 2, (struct str){0}, &n, &err), err);
    CHECK_INT(n, 1);
    CHECK(!get(&f, "h1", TRASH_HIDE));
    CHECK(get(&f, "h1", TRASH_ONLY) != NULL);
    CHECK_INT(count_words(&f, "walrus"), 0);
    CHECK_OK(store_restore(f.store, &f.who, STR("h1"), &err), err);
    CHECK_INT(count_words(&f, "walrus"), 1);
    CHECK(!store_restore(f.store, &f.who, STR("h1"), &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);

    CHECK_OK(store_delete(f.store, &f.who, hashes, 1, (struct str){0}, &n, &err), err);
    m.content = STR("Walrus");
    m.created_ms = 5000;
    CHECK_INT(put(&f, &m, NULL), STORE_PUT_REVIVED);
    back = get(&f, "h1", TRASH_HIDE);
    REQUIRE(back != NULL);
    CHECK_STR(back->content, "Walrus");
    CHECK_INT(back->created_ms, 5000);
    CHECK_OK(store_get_revision(f.store, &f.arena, f.who.space, STR("h1"), 1, &back, &err),
             err);
    REQUIRE(back != NULL);
    CHECK_STR(back->content, "walrus");
}

TEST(update_keeps_the_revision_before_and_refuses_a_stale_one)
{
    FIXTURE(f);
    struct error err = {0};
    const struct str tags[] = {STR_INIT("new")};
    struct memory m = make("h1", "text"), *back;

    put(&f, &m, NULL);
    m.revision = 1;
    m.tags = tags;
    m.n_tags = 1;
    m.type = STR("decision");
    CHECK_OK(store_update(f.store, &f.who, &m, (struct str){0}, &err), err);
    CHECK_INT(count_words(&f, "new"), 1);
    CHECK(!store_update(f.store, &f.who, &m, (struct str){0}, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_OK(store_get_revision(f.store, &f.arena, f.who.space, STR("h1"), 1, &back, &err),
             err);
    REQUIRE(back != NULL);
    CHECK_STR(back->type, "note");
    CHECK_INT(back->n_tags, 0);
    CHECK_OK(store_revert(f.store, &f.who, STR("h1"), 1, &err), err);
    back = get(&f, "h1", TRASH_HIDE);
    REQUIRE(back != NULL);
    CHECK_STR(back->type, "note");
    CHECK_INT(back->revision, 3);
    CHECK_INT(count_words(&f, "new"), 0);
}

TEST(a_newer_version_hides_the_old_one_from_search)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory old = make("h1", "walrus one");
    struct store_item next = {.memory = make("h2", "walrus two")};

    put(&f, &old, NULL);
    next.memory.parent = STR("h1");
    CHECK(!store_supersede(f.store, &f.who, STR("h1"), STR("better"), &next, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT); /* made from a revision that there is not */
    next.memory.revision = 1;
    CHECK_OK(store_supersede(f.store, &f.who, STR("h1"), STR("better"), &next, &err), err);
    CHECK_INT(count_words(&f, "walrus"), 1);
    CHECK_STR(get(&f, "h1", TRASH_HIDE)->superseded_by, "h2");
    CHECK(!store_supersede(f.store, &f.who, STR("h1"), STR(""), &next, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
}

TEST(the_change_log_tells_everything_and_cannot_be_changed)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory m = make("h1", "text");
    const struct str hashes[] = {STR_INIT("h1")};
    struct change *changes;
    size_t n;

    put(&f, &m, NULL);
    CHECK_OK(store_delete(f.store, &f.who, hashes, 1, STR("{\"why\":1}"), &n, &err), err);
    CHECK_OK(
        store_changes(f.store, &f.arena, f.who.space, STR("h1"), 0, 10, &changes, &n, &err),
        err);
    REQUIRE(CHECK_INT(n, 2));
    CHECK_STR(changes[0].op, "delete");
    CHECK_STR(changes[0].detail, "{\"why\":1}");
    CHECK_INT(changes[0].revision, 2);
    CHECK_STR(changes[1].op, "store");
    CHECK_STR(changes[1].subject, "tester");
}

TEST(purge_removes_for_good_and_a_dry_run_does_not)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory m = make("h1", "text");
    const struct str hashes[] = {STR_INIT("h1")};
    size_t n;

    put(&f, &m, NULL);
    CHECK_OK(store_delete(f.store, &f.who, hashes, 1, (struct str){0}, &n, &err), err);
    CHECK_OK(store_purge(f.store, &f.who, 5000, true, &n, &err), err);
    CHECK_INT(n, 1);
    CHECK(get(&f, "h1", TRASH_ONLY) != NULL);
    CHECK_OK(store_purge(f.store, &f.who, 500, false, &n, &err), err);
    CHECK_INT(n, 0);
    CHECK_OK(store_purge(f.store, &f.who, 5000, false, &n, &err), err);
    CHECK_INT(n, 1);
    CHECK(get(&f, "h1", TRASH_ONLY) == NULL);
}

/* Nothing of it is left in the file, neither in its text nor in the index of words. */
TEST(a_purged_memory_leaves_no_word_behind)
{
    FIXTURE(f);
    struct memory stays = make("h1", "zebra"), goes = make("h2", "quagga");
    struct str gone = STR("h2"), file;
    size_t n;
    struct error err = {0};

    put(&f, &stays, NULL);
    put(&f, &goes, NULL);
    CHECK_OK(store_delete(f.store, &f.who, &gone, 1, (struct str){0}, &n, &err), err);
    CHECK_OK(store_purge(f.store, &f.who, 1 << 20, false, &n, &err), err);
    CHECK_INT(n, 1);
    CHECK_INT(count_words(&f, "zebra"), 1);
    store_close(f.store);
    f.store = NULL;
    REQUIRE(CHECK_OK(sys_read_file(&f.arena, f.path, 1 << 24, &file, &err), err));
    CHECK(str_contains(file, STR("zebra")));
    CHECK(!str_contains(file, STR("quagga")));
}

TEST(vectors_rank_by_cosine_and_follow_every_change)
{
    FIXTURE(f);
    struct error err = {0};
    static const float x[DIM] = {1}, y[DIM] = {0, 1}, near_x[DIM] = {0.8f, 0.6f};
    struct memory a = make("h1", "a"), b = make("h2", "b"), c = make("h3", "c");
    const struct str hashes[] = {STR_INIT("h1")};
    struct ranked *ranked;
    size_t n;

    put(&f, &a, x);
    put(&f, &b, y);
    CHECK_INT(rank_vectors(&f, x, &ranked), 2);
    CHECK_NEAR(ranked[0].score, 1, 1e-6);
    put(&f, &c, near_x);
    CHECK_INT(rank_vectors(&f, x, &ranked), 3);
    CHECK_NEAR(ranked[1].score, 0.8, 1e-6);
    CHECK_OK(store_delete(f.store, &f.who, hashes, 1, (struct str){0}, &n, &err), err);
    CHECK_INT(rank_vectors(&f, x, &ranked), 2);
    CHECK_NEAR(ranked[0].score, 0.8, 1e-6);
    CHECK_OK(store_restore(f.store, &f.who, STR("h1"), &err), err);
    CHECK_INT(rank_vectors(&f, x, &ranked), 3);
}

/* As damage does it: no log tells of it. */
static void damage(struct fixture *f, const char *sql)
{
    sqlite3 *db;

    CHECK_INT(sqlite3_open(f->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* What is no number came first, with a cosine of 1. */
TEST(a_vector_damaged_after_it_was_loaded_is_left_out)
{
    static const char *const values[] = {"x'0000c07f0000c07f0000c07f0000c07f'", /* NaN */
                                         "x'0000c842000000000000000000000000'", /* 100 long */
                                         "zeroblob(16)", "zeroblob(15)", "x''"};
    static const float x[DIM] = {1}, y[DIM] = {0, 1};
    FIXTURE(f);
    struct memory a = make("h1", "a"), b = make("h2", "b");
    struct ranked *ranked;

    put(&f, &a, x);
    put(&f, &b, y);
    CHECK_INT(rank_vectors(&f, y, &ranked), 2);
    for (size_t i = 0; i < COUNT(values); i++) {
        damage(&f,
               arena_printf(&f.arena, "UPDATE vector SET value = %s WHERE row = 1", values[i])
                   .ptr);
        REQUIRE(CHECK_INT(rank_vectors(&f, y, &ranked), 1));
        CHECK_INT(ranked[0].row, 2);
    }
}

/* The one after it was more than an int64_t holds. */
TEST(the_last_of_all_revisions_is_damage)
{
    FIXTURE(f);
    struct error err = {0};
    const struct str hashes[] = {STR_INIT("h1")};
    struct memory m = make("h1", "text");
    size_t n;

    put(&f, &m, NULL);
    damage(&f, "UPDATE memory SET revision = 9223372036854775807");
    CHECK(!store_delete(f.store, &f.who, hashes, 1, (struct str){0}, &n, &err));
    CHECK_INT(err.kind, ERROR_INTERNAL);
    CHECK(str_contains(str_c(err.text), STR("damaged")));
    CHECK(get(&f, "h1", TRASH_HIDE) != NULL);
}

TEST(two_stores_on_one_file_see_each_others_writes)
{
    FIXTURE(f);
    struct error err = {0};
    static const float x[DIM] = {1}, y[DIM] = {0, 1};
    struct memory a = make("h1", "a"), b = make("h2", "b");
    struct fixture other = f;
    struct ranked *ranked;

    other.arena = (struct arena){0};
    REQUIRE(CHECK_OK(open_again(&other, &err), err));
    put(&f, &a, x);
    CHECK_INT(rank_vectors(&other, x, &ranked), 1);
    put(&f, &b, y);
    CHECK_INT(rank_vectors(&other, x, &ranked), 2);
    CHECK(get(&other, "h2", TRASH_HIDE) != NULL);
    store_close(other.store);
    arena_deinit(&other.arena);
}

/* -- many writers ----------------------------------------------------------------------------- */

#define N_WRITERS    8
#define N_PER_WRITER 25

/* A process of its own that stores N_PER_WRITER memories; exit code 0 if all succeeded. */
static void write_many(const char *path, int writer)
{
    const struct store_options options = {.path = path};
    const struct store_actor who = {STR("default"), STR("w"), STR("w"), 1};
    struct store *s;
    struct error err = {0};

    if (!store_open(&options, &s, &err))
        _exit(1);
    for (int i = 0; i < N_PER_WRITER; i++) {
        char hash[32];
        struct store_item item;

        snprintf(hash, sizeof(hash), "w%d-%d", writer, i);
        item = (struct store_item){.memory = make(hash, hash)};
        if (!store_put(s, &who, &item, 1, &err)) {
            fprintf(stderr, "%s\n", err.text);
            _exit(1);
        }
    }
    store_close(s);
    _exit(0);
}

TEST(eight_writing_processes_meet_no_busy_error)
{
    FIXTURE(f);
    struct error err = {0};
    struct store_stats stats;
    pid_t children[N_WRITERS];

    for (int i = 0; i < N_WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            write_many(f.path, i);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        int status = 1;

        waitpid(children[i], &status, 0);
        CHECK_INT(status, 0);
    }
    CHECK_OK(store_stats(f.store, f.who.space, STR("model"), &stats, &err), err);
    CHECK_INT(stats.n_live, N_WRITERS * N_PER_WRITER);
    CHECK_INT(stats.n_fts, N_WRITERS * N_PER_WRITER);
}

/* -- time ------------------------------------------------------------------------------------- */

/* The order of the log, revisions and what the index follows are numbers, not times. */
TEST(a_clock_that_is_set_back_changes_no_order)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory first = make("h1", "one"), second = make("h2", "two");
    const float vector[DIM] = {1, 0, 0, 0};
    const int64_t at_ms[] = {3000, 4000, 5000, 9000};
    const struct str hash = STR("h1");
    struct ranked *found;
    struct change *log;
    size_t n = 0;

    f.who.now_ms = 9000;
    put(&f, &first, vector);
    CHECK_INT(rank_vectors(&f, vector, &found), 1);
    f.who.now_ms = 5000;
    second.created_ms = second.updated_ms = 500;
    put(&f, &second, vector);
    CHECK_INT(rank_vectors(&f, vector, &found), 2);
    f.who.now_ms = 4000;
    CHECK_OK(store_delete(f.store, &f.who, &hash, 1, STR("{}"), &n, &err), err);
    CHECK_INT(rank_vectors(&f, vector, &found), 1);
    f.who.now_ms = 3000;
    CHECK_OK(store_restore(f.store, &f.who, hash, &err), err);
    CHECK_INT(rank_vectors(&f, vector, &found), 2);
    CHECK_OK(
        store_changes(f.store, &f.arena, f.who.space, (struct str){0}, 0, 10, &log, &n, &err),
        err);
    REQUIRE(CHECK_INT(n, 4));
    for (size_t i = 0; i < n; i++) /* newest first */
        CHECK_INT(log[i].at_ms, at_ms[i]);
    CHECK_INT(get(&f, "h1", TRASH_HIDE)->revision, 3);
}

/* -- files ------------------------------------------------------------------------------------ */

/* A search counts what it found; that must not wait for whoever writes. */
TEST(counting_accesses_waits_for_nobody)
{
    FIXTURE(f);
    struct memory m = make("h1", "one");
    sqlite3 *other = NULL;
    int64_t row, start_ms;

    put(&f, &m, NULL);
    row = get(&f, "h1", TRASH_HIDE)->row;
    store_touch(f.store, &row, 1, 1000);
    REQUIRE(CHECK_INT(sqlite3_open(f.path, &other), SQLITE_OK));
    CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    start_ms = clock_monotonic_ms();
    store_touch(f.store, &row, 1, 10000000);
    CHECK(clock_monotonic_ms() - start_ms < 5000); /* a write would wait three times as long */
    sqlite3_close(other);
    store_touch(f.store, &row, 1, 20000000);
    CHECK_INT(get(&f, "h1", TRASH_HIDE)->n_accesses, 3);
}

TEST(a_file_that_is_not_ours_is_refused_and_left_as_it_is)
{
    FIXTURE(f);
    struct error err = {0};
    const char *foreign = arena_printf(&f.arena, "%s/foreign.db", f.dir).ptr;
    const struct store_options options = {.path = foreign};
    struct str before, after;
    struct store *s;

    CHECK_OK(sys_write_file(foreign, 0600, STR("these bytes are somebody else's, not SQLite's"),
                            &err),
             err);
    CHECK_OK(sys_read_file(&f.arena, foreign, 1000, &before, &err), err);
    CHECK(!store_open(&options, &s, &err));
    CHECK_OK(sys_read_file(&f.arena, foreign, 1000, &after, &err), err);
    CHECK(str_eq(before, after));
    unlink(foreign);
}

TEST(a_missing_folder_is_one_clear_line)
{
    struct error err = {0};
    const struct store_options options = {.path = "/nonexistent-folder/x.db"};
    struct store *s;

    CHECK(!store_open(&options, &s, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
}

TEST(the_check_passes_on_a_healthy_database)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory m = make("h1", "text");
    struct str problem = STR("not run");

    put(&f, &m, NULL);
    CHECK_OK(store_check(f.store, &f.arena, &problem, &err), err);
    CHECK_STR(problem, "");
}

TEST(accesses_are_counted_at_the_latest_when_the_store_closes)
{
    FIXTURE(f);
    struct error err = {0};
    struct memory m = make("h1", "text");
    int64_t row;

    put(&f, &m, NULL);
    row = get(&f, "h1", TRASH_HIDE)->row;
    store_touch(f.store, &row, 1, 7000);
    store_touch(f.store, &row, 1, 6000);
    store_close(f.store);
    f.store = NULL;
    REQUIRE(CHECK_OK(open_again(&f, &err), err));
    CHECK_INT(get(&f, "h1", TRASH_HIDE)->n_accesses, 2);
    CHECK_INT(get(&f, "h1", TRASH_HIDE)->accessed_ms, 7000);
}

TEST_MAIN()

/*
 * test_writer.c - changes that share a commit: all or nothing for each, and for none too early.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"

#define N_THREADS   8
#define PATIENCE_MS 20000

struct fixture {
    struct arena arena;
    char dir[64];
    const char *path;
    struct store *store;
    sqlite3 *other; /* as another process would have it */
};

struct attempt { /* one thread's */
    struct fixture *f;
    struct thread thread;
    struct memory memory;
    bool is_update; /* of a memory that is not there: fails */
    bool is_ok;
    struct error err;
    bool is_visible; /* to others, when the answer came */
};

static void fixture_init(struct fixture *f)
{
    struct error err = {0};

    *f = (struct fixture){0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/memoryd-writer-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    f->path = arena_printf(&f->arena, "%s/memory.db", f->dir).ptr;
    CHECK_OK(store_open(&(struct store_options){.path = f->path}, &f->store, &err), err);
    CHECK_INT(sqlite3_open(f->path, &f->other), SQLITE_OK);
    sqlite3_busy_timeout(f->other, PATIENCE_MS);
}

static void fixture_deinit(struct fixture *f)
{
    sqlite3_close(f->other);
    store_close(f->store);
    unlink(f->path);
    rmdir(f->dir);
    arena_deinit(&f->arena);
}

static size_t n_waiting(struct store *s)
{
    MUTEX_SCOPE(&s->group_lock);

    return s->n_waiting;
}

static int count_commit(void *n)
{
    ++*(size_t *)n;
    return 0;
}

static bool is_stored(struct fixture *f, struct str hash)
{
    struct error err = {0};
    AUTO_ARENA a = {0};
    struct memory *m = NULL;

    return store_get(f->store, &a, STR("default"), hash, TRASH_HIDE, &m, &err) && m != NULL;
}

static void make_attempt(void *arg)
{
    struct attempt *c = arg;
    const struct store_actor who = {STR("default"), STR("tester"), STR("unit"), 1000};
    struct store_item item = {.memory = c->memory};

    c->is_ok = c->is_update ? store_update(c->f->store, &who, &c->memory, STR("{}"), &c->err)
                            : store_put(c->f->store, &who, &item, 1, &c->err);
    c->is_visible = is_stored(c->f, c->memory.hash);
}

static struct memory make(struct fixture *f, size_t i)
{
    return (struct memory){.hash = arena_printf(&f->arena, "hash%04zu", i),
                           .content = arena_printf(&f->arena, "text %zu", i),
                           .metadata = STR("{}"),
                           .created_ms = 1000,
                           .updated_ms = 1000,
                           .quality = -1,
                           .confidence = 1};
}

/* Starts all while somebody else writes, so that they pile up; then lets them go. */
static void run_together(struct fixture *f, struct attempt *attempts, size_t n)
{
    struct error err = {0};
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;

    CHECK_INT(sqlite3_exec(f->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < n; i++)
        CHECK_OK(thread_start(&attempts[i].thread, "change", make_attempt, &attempts[i], &err),
                 err);
    while (n_waiting(f->store) < n - 1 && clock_monotonic_ms() < deadline_ms)
        usleep(1000);
    CHECK_INT(n_waiting(f->store), n - 1);
    CHECK_INT(sqlite3_exec(f->other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < n; i++)
        thread_join(&attempts[i].thread);
}

TEST(changes_that_wait_for_each_other_share_a_commit)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt attempts[N_THREADS];
    size_t n_commits = 0;

    fixture_init(&f);
    for (size_t i = 0; i < N_THREADS; i++)
        attempts[i] = (struct attempt){.f = &f, .memory = make(&f, i)};
    sqlite3_commit_hook(f.store->writer->os, count_commit, &n_commits);
    run_together(&f, attempts, N_THREADS);
    CHECK_INT(n_commits, 1);
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK_OK(attempts[i].is_ok, attempts[i].err);
        CHECK(attempts[i].is_visible);
    }
}

TEST(a_change_that_fails_takes_no_other_along)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt attempts[N_THREADS];

    fixture_init(&f);
    for (size_t i = 0; i < N_THREADS; i++)
        attempts[i] = (struct attempt){.f = &f, .memory = make(&f, i), .is_update = i % 2 == 1};
    run_together(&f, attempts, N_THREADS);
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK_INT(attempts[i].is_ok, i % 2 == 0);
        CHECK_INT(attempts[i].is_visible, i % 2 == 0);
        if (i % 2)
            CHECK_INT(attempts[i].err.kind, ERROR_NOT_FOUND);
    }
}

static void set_waiting(struct store *s, size_t n)
{
    MUTEX_SCOPE(&s->group_lock);

    s->n_waiting = n;
}

static size_t n_joined(struct store *s)
{
    MUTEX_SCOPE(&s->write_lock);

    return s->group ? s->n_joined : 0;
}

/* Refused changes that were tried again at once kept each other from what they waited to see. */
TEST(a_refused_change_commits_what_the_refusal_may_rest_on)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt stored, refused;
    struct error err = {0};
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;

    fixture_init(&f);
    stored = (struct attempt){.f = &f, .memory = make(&f, 0)};
    refused = (struct attempt){.f = &f, .memory = make(&f, 0), .is_update = true};
    refused.memory.revision = 7;
    set_waiting(f.store, 1); /* somebody is always about to come */
    CHECK_OK(thread_start(&stored.thread, "change", make_attempt, &stored, &err), err);
    while (n_joined(f.store) == 0 && clock_monotonic_ms() < deadline_ms)
        usleep(1000);
    CHECK(!is_stored(&f, stored.memory.hash));
    make_attempt(&refused);
    CHECK_INT(refused.err.kind, ERROR_CONFLICT);
    CHECK(refused.is_visible);
    set_waiting(f.store, 0);
    make_attempt(&refused); /* ends the group, if nobody did */
    thread_join(&stored.thread);
    CHECK_OK(stored.is_ok, stored.err);
}

/* A change in a file that is not in its place would be acknowledged and never found again. */
TEST(nothing_is_written_to_a_file_that_was_moved_away)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt attempts[2];
    const char *elsewhere;

    fixture_init(&f);
    elsewhere = arena_printf(&f.arena, "%s/elsewhere.db", f.dir).ptr;
    for (size_t i = 0; i < COUNT(attempts); i++)
        attempts[i] = (struct attempt){.f = &f, .memory = make(&f, i)};
    CHECK_INT(rename(f.path, elsewhere), 0);
    make_attempt(&attempts[0]);
    CHECK(!attempts[0].is_ok);
    CHECK_INT(attempts[0].err.kind, ERROR_UNAVAILABLE);
    CHECK_INT(rename(elsewhere, f.path), 0);
    make_attempt(&attempts[1]);
    CHECK_OK(attempts[1].is_ok, attempts[1].err);
    CHECK(!is_stored(&f, attempts[0].memory.hash) && is_stored(&f, attempts[1].memory.hash));
}

/* A change that is made but not committed, since somebody is said to wait. */
static void start_pending(struct fixture *f, struct attempt *c)
{
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    struct error err = {0};

    *c = (struct attempt){.f = f, .memory = make(f, 0)};
    set_waiting(f->store, 1);
    CHECK_OK(thread_start(&c->thread, "change", make_attempt, c, &err), err);
    while (n_joined(f->store) == 0 && clock_monotonic_ms() < deadline_ms)
        usleep(1000);
}

static int refuse_commit(void *unused)
{
    (void)unused;
    return 1;
}

/* It was told that the memory is there in another revision, when it never was there. */
TEST(a_refusal_that_rests_on_a_failed_commit_is_told_as_that)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt stored, refused;

    fixture_init(&f);
    start_pending(&f, &stored);
    refused = (struct attempt){.f = &f, .memory = make(&f, 0), .is_update = true};
    refused.memory.revision = 7;
    sqlite3_commit_hook(f.store->writer->os, refuse_commit, NULL);
    make_attempt(&refused);
    CHECK(!refused.is_ok && refused.err.kind != ERROR_CONFLICT);
    thread_join(&stored.thread);
    CHECK(!stored.is_ok);
    CHECK_STR(str_c(refused.err.text), stored.err.text);
    set_waiting(f.store, 0);
}

/* A word index that does not match made the check undo what others had done. */
TEST(a_check_that_finds_damage_undoes_nothing)
{
    AUTO(fixture_deinit) struct fixture f;
    AUTO_ARENA a = {0};
    struct attempt stored;
    struct str problem = {0};
    struct error err = {0};

    fixture_init(&f);
    CHECK_INT(
        sqlite3_exec(f.other,
                     "INSERT INTO memory_fts (rowid, content, tags) VALUES (99, 'ghost', '')",
                     NULL, NULL, NULL),
        SQLITE_OK);
    start_pending(&f, &stored);
    CHECK_OK(store_check(f.store, &a, &problem, &err), err);
    CHECK(problem.len > 0);
    set_waiting(f.store, 0);
    thread_join(&stored.thread);
    CHECK_OK(stored.is_ok, stored.err);
    CHECK(is_stored(&f, stored.memory.hash));
}

/* Each of those in line waited as long as all before it together. */
TEST(a_held_database_refuses_all_who_wait_after_the_same_time)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt attempts[N_THREADS];
    struct error err = {0};
    const int timeout_ms = 400;
    int64_t start_ms;

    fixture_init(&f);
    f.store->busy_timeout_ms = timeout_ms;
    CHECK_INT(sqlite3_exec(f.other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    start_ms = clock_monotonic_ms();
    for (size_t i = 0; i < N_THREADS; i++) {
        attempts[i] = (struct attempt){.f = &f, .memory = make(&f, i)};
        CHECK_OK(thread_start(&attempts[i].thread, "change", make_attempt, &attempts[i], &err),
                 err);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        thread_join(&attempts[i].thread);
        CHECK(!attempts[i].is_ok);
        CHECK_INT(attempts[i].err.kind, ERROR_UNAVAILABLE);
    }
    CHECK(clock_monotonic_ms() - start_ms < (int64_t)timeout_ms * N_THREADS / 2);
    CHECK_INT(sqlite3_exec(f.other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    make_attempt(&attempts[0]);
    CHECK_OK(attempts[0].is_ok, attempts[0].err);
}

TEST(a_commit_that_fails_is_told_to_all_who_share_it)
{
    AUTO(fixture_deinit) struct fixture f;
    struct attempt attempts[N_THREADS];

    fixture_init(&f);
    for (size_t i = 0; i < N_THREADS; i++)
        attempts[i] = (struct attempt){.f = &f, .memory = make(&f, i)};
    sqlite3_commit_hook(f.store->writer->os, refuse_commit, NULL);
    run_together(&f, attempts, N_THREADS);
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK(!attempts[i].is_ok);
        CHECK(attempts[i].err.text[0] != 0);
        CHECK(!attempts[i].is_visible);
    }
    sqlite3_commit_hook(f.store->writer->os, NULL, NULL);
    make_attempt(&attempts[0]);
    CHECK_OK(attempts[0].is_ok, attempts[0].err);
}

TEST_MAIN()

/*
 * test_migrate.c - an older schema is brought up to date once, by whoever comes first, or not at all.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#define N_PROCESSES 8
#define PATIENCE_MS 20000

struct shelf {
    struct arena a;
    char folder[40];
    const char *path;
};

static void run_sql(struct shelf *s, const char *sql)
{
    sqlite3 *db = NULL;

    CHECK_INT(sqlite3_open(s->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, PATIENCE_MS);
    if (!CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK))
        printf("  %s\n", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int64_t read_number(struct shelf *s, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    int64_t n = -1;

    CHECK_INT(sqlite3_open(s->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    if (sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

/* A database as the first schema left it, with one memory. */
static void shelf_init(struct shelf *s)
{
    AUTO_BUF sql = {0};

    *s = (struct shelf){.folder = "/tmp/memoryd-migrate-XXXXXX"};
    CHECK(mkdtemp(s->folder) != NULL);
    s->path = arena_printf(&s->a, "%s/m.db", s->folder).ptr;
    buf_printf(
        &sql, "PRAGMA journal_mode = WAL; PRAGMA application_id = %d; PRAGMA user_version = 1;",
        STORE_APPLICATION_ID);
    run_sql(s, buf_cstr(&sql));
    run_sql(s, store_migrations[0]);
    run_sql(s, "INSERT INTO meta VALUES ('written_by', '0.0.1');"
               "INSERT INTO memory (space, hash, content, created_ms, updated_ms)"
               " VALUES ('default', 'h1', 'an old memory of a river', 1, 1);"
               "INSERT INTO memory_fts (rowid, content, tags)"
               " SELECT row, content, tags FROM memory_text;"
               "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client)"
               " VALUES (1, 'default', 1, 'h1', 'store', 1, '', '')");
}

static void shelf_deinit(struct shelf *s)
{
    static const char *const names[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < COUNT(names); i++)
        unlink(arena_printf(&s->a, "%s%s", s->path, names[i]).ptr);
    CHECK_INT(rmdir(s->folder), 0);
    arena_deinit(&s->a);
}
#define SHELF(name)                                                                            \
    AUTO(shelf_deinit) struct shelf name;                                                      \
    shelf_init(&name)

static bool is_sound(struct shelf *s, struct error *err)
{
    struct store *store;
    struct memory *m = NULL;
    struct str problem = {0};
    bool is_ok;

    if (!store_open(&(struct store_options){.path = s->path}, &store, err))
        return false;
    is_ok = store_get(store, &s->a, STR("default"), STR("h1"), TRASH_HIDE, &m, err) && m &&
            store_check(store, &s->a, &problem, err) && !problem.len;
    store_close(store);
    return is_ok;
}

static void expect_up_to_date(struct shelf *s)
{
    struct error err = {0};

    CHECK_OK(is_sound(s, &err), err);
    CHECK_INT(read_number(s, "PRAGMA user_version"), store_n_migrations);
    CHECK_INT(
        read_number(s, "SELECT count(*) FROM sqlite_master WHERE name = 'memory_current'"), 1);
    CHECK_INT(read_number(s, "SELECT count(*) FROM memory"), 1);
}

TEST(an_older_schema_is_brought_up_to_date)
{
    SHELF(s);

    expect_up_to_date(&s);
}

/* -- several processes ------------------------------------------------------------------------- */

static pid_t in_a_process(struct shelf *s, void (*work)(struct shelf *s))
{
    pid_t child = fork();

    if (child != 0)
        return child;
    work(s);
    _exit(0);
}

static void open_and_look(struct shelf *s)
{
    struct error err = {0};

    if (is_sound(s, &err))
        return;
    fprintf(stderr, "%s\n", err.text);
    _exit(1);
}

TEST(of_many_that_start_at_once_one_migrates)
{
    SHELF(s);
    pid_t children[N_PROCESSES];

    for (size_t i = 0; i < COUNT(children); i++)
        children[i] = in_a_process(&s, open_and_look);
    for (size_t i = 0; i < COUNT(children); i++) {
        int status = 1;

        waitpid(children[i], &status, 0);
        CHECK_INT(status, 0);
    }
    expect_up_to_date(&s);
}

/* Does all that a migration does but its end. */
static void die_while_migrating(struct shelf *s)
{
    sqlite3 *db = NULL;

    sqlite3_open(s->path, &db);
    if (sqlite3_exec(db, "PRAGMA cache_spill = 1; PRAGMA cache_size = 1; BEGIN EXCLUSIVE", NULL,
                     NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, store_migrations[1], NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL) == SQLITE_OK)
        raise(SIGKILL);
}

TEST(who_dies_while_migrating_leaves_it_to_the_next)
{
    SHELF(s);
    int status = 0;

    waitpid(in_a_process(&s, die_while_migrating), &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK_INT(read_number(&s, "PRAGMA user_version"), 1);
    expect_up_to_date(&s);
}

/* -- versions ---------------------------------------------------------------------------------- */

TEST(a_newer_schema_is_refused_and_left_as_it_is)
{
    SHELF(s);
    struct error err = {0};
    struct store *store;

    run_sql(&s, "PRAGMA user_version = 4711");
    CHECK(!store_open(&(struct store_options){.path = s.path}, &store, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(str_contains(str_c(err.text), STR("written by memoryd 0.0.1")));
    CHECK_INT(read_number(&s, "PRAGMA user_version"), 4711);
}

TEST_MAIN()

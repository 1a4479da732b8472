/*
 * test_faults.c - a disk that fails, or no memory, at every single call that a change makes.
 *
 * Each time the change must be made or not made, never half; one that was acknowledged must be there; the
 * store must go on working when the fault is over; and the file must be sound after a restart.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>
#include <unistd.h>

#include "sys/sys.h"
#include "tests/support/faults.h"
#include "tests/support/test.h"

#define DIM     4
#define N_MAX   5000 /* calls of one kind that a change may make */
#define DB_MAX  ((size_t)4 << 20)
#define NOT_NEW "hash-again"

static const float vector[DIM] = {0.5f, 0.5f, 0.5f, 0.5f};

struct fixture {
    struct arena arena;
    char dir[64];
    const char *path;
    struct str file; /* a sound database: one memory live, one in the trash */
    struct store *store;
    struct store_actor who;
};

static struct memory make(struct str hash, struct str content)
{
    static const struct str tags[] = {STR_INIT("one"), STR_INIT("two")};

    return (struct memory){.hash = hash,
                           .content = content,
                           .type = STR("note"),
                           .metadata = STR("{}"),
                           .tags = tags,
                           .n_tags = COUNT(tags),
                           .created_ms = 1000,
                           .updated_ms = 1000,
                           .revision = 1,
                           .quality = -1,
                           .confidence = 1};
}

static bool put(struct fixture *f, struct str hash, struct error *err)
{
    struct store_item item = {make(hash, STR("a river and a stone")),
                              {STR("model"), DIM, 1, vector},
                              STORE_PUT_DUPLICATE};

    return store_put(f->store, &f->who, &item, 1, err);
}

/* -- the changes ------------------------------------------------------------------------------- */

static bool put_new(struct fixture *f, struct error *err)
{
    return put(f, STR("hash-new"), err);
}

static bool update_tags(struct fixture *f, struct error *err)
{
    static const struct str tags[] = {STR_INIT("three")};
    struct memory m = make(STR("hash-live"), STR(""));

    m.tags = tags;
    m.n_tags = COUNT(tags);
    return store_update(f->store, &f->who, &m, STR("{}"), err);
}

static bool delete_live(struct fixture *f, struct error *err)
{
    const struct str hash = STR("hash-live");
    size_t n;

    return store_delete(f->store, &f->who, &hash, 1, STR("{}"), &n, err);
}

static bool restore_trashed(struct fixture *f, struct error *err)
{
    return store_restore(f->store, &f->who, STR("hash-trashed"), err);
}

static bool supersede(struct fixture *f, struct error *err)
{
    struct store_item next = {make(STR("hash-new"), STR("a newer river")),
                              {STR("model"), DIM, 1, vector},
                              STORE_PUT_DUPLICATE};

    return store_supersede(f->store, &f->who, STR("hash-live"), STR("why"), &next, err);
}

static bool purge(struct fixture *f, struct error *err)
{
    size_t n;

    return store_purge(f->store, &f->who, INT64_MAX, false, &n, err);
}

static const struct change_case {
    const char *name;
    bool (*run)(struct fixture *f, struct error *err);
} change_cases[] = {
    {"put", put_new},         {"update", update_tags},
    {"delete", delete_live},  {"restore", restore_trashed},
    {"supersede", supersede}, {"purge", purge},
};

/* -- the database ------------------------------------------------------------------------------ */

static bool open_store(struct fixture *f, struct error *err)
{
    return store_open(&(struct store_options){.path = f->path}, &f->store, err);
}

static void close_store(struct fixture *f)
{
    store_close(STEAL(f->store));
}

static void remove_files(struct fixture *f)
{
    static const char *const names[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_BUF path = {0};

        buf_printf(&path, "%s%s", f->path, names[i]);
        unlink(buf_cstr(&path));
    }
}

static void put_file(struct fixture *f)
{
    struct error err = {0};

    remove_files(f);
    CHECK_OK(sys_write_file(f->path, 0600, f->file, &err), err);
}

static void fixture_init(struct fixture *f)
{
    static bool has_faults;
    struct error err = {0};
    size_t n;
    const struct str trashed = STR("hash-trashed");

    if (!has_faults)
        faults_init();
    has_faults = true;
    *f = (struct fixture){.who = {STR("default"), STR("tester"), STR("unit"), 2000}};
    /* Files in memory where there is such a place: thousands of commits wait for no disk. */
    snprintf(f->dir, sizeof(f->dir), "%s/memoryd-faults-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(f->dir) != NULL);
    f->path = arena_printf(&f->arena, "%s/memory.db", f->dir).ptr;
    CHECK_OK(open_store(f, &err), err);
    CHECK_OK(put(f, STR("hash-live"), &err) && put(f, trashed, &err), err);
    CHECK_OK(store_delete(f->store, &f->who, &trashed, 1, STR("{}"), &n, &err), err);
    close_store(f);
    CHECK_OK(sys_read_file(&f->arena, f->path, DB_MAX, &f->file, &err), err);
}

static void fixture_deinit(struct fixture *f)
{
    close_store(f);
    remove_files(f);
    rmdir(f->dir);
    arena_deinit(&f->arena);
}
#define FIXTURE(name)                                                                          \
    AUTO(fixture_deinit) struct fixture name;                                                  \
    fixture_init(&name)

/* Everything that is to be seen of all memories but the one that is put afterwards. */
static struct str state_of(struct fixture *f, struct arena *a)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    AUTO_BUF b = {0};
    struct error err = {0};

    CHECK_OK(reader_take(f->store, &r, &err), err);
    CHECK_OK(db_prepare(r.db,
                        "SELECT m.hash || ' ' || m.revision || ' ' || m.deleted_ms || ' ' || "
                        "m.superseded_by"
                        " || ' ' || m.metadata || ' ' ||"
                        " (SELECT count(*) FROM vector v WHERE v.row = m.row) || ' ' ||"
                        " (SELECT count(*) FROM revision v WHERE v.row = m.row) || ' ' ||"
                        " (SELECT count(*) FROM change c WHERE c.row = m.row) || ' ' ||"
                        " (SELECT count(*) FROM memory_fts WHERE rowid = m.row AND memory_fts "
                        "MATCH 'river')"
                        " || ' ' || coalesce((SELECT group_concat(tag) FROM memory_tag t"
                        "  WHERE t.row = m.row), '') FROM memory m WHERE m.hash <> '" NOT_NEW
                        "' ORDER BY 1",
                        &q, &err),
             err);
    while (sqlite3_step(q.os) == SQLITE_ROW)
        buf_printf(&b, "%s\n", (const char *)sqlite3_column_text(q.os, 0));
    return arena_dup(a, buf_str(&b));
}

static bool expect_sound(struct fixture *f)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct str problem;

    CHECK_OK(store_check(f->store, &a, &problem, &err), err);
    return CHECK_STR(problem, "");
}

/* -- a change under a fault -------------------------------------------------------------------- */

struct trial {
    const struct change_case *change;
    enum fault fault;
    bool is_lasting;
    struct str before, after;
};

static void describe(const struct trial *t, bool is_made, size_t n)
{
    fprintf(stderr, "%s, %s fails at call %zu%s, %s:\n", t->change->name, fault_names[t->fault],
            n, t->is_lasting ? " and after" : "", is_made ? "acknowledged" : "refused");
}

static void expect_one_of(const struct trial *t, struct str state, bool is_made, size_t n)
{
    bool is_after = str_eq(state, t->after), is_before = str_eq(state, t->before);

    if (is_after || (is_before && !is_made))
        return;
    describe(t, is_made, n);
    CHECK_VIEW(state, is_made ? t->after : t->before);
}

/* Whether the fault came at all. */
static bool try_change(struct fixture *f, const struct trial *t, size_t n)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    bool is_made, has_failed;

    put_file(f);
    CHECK_OK(open_store(f, &err), err);
    faults_arm(t->fault, n, t->is_lasting);
    is_made = t->change->run(f, &err);
    has_failed = faults_disarm();
    if (!is_made) {
        CHECK(has_failed);
        CHECK(err.text[0] && !strchr(err.text, '\n'));
    }
    expect_one_of(t, state_of(f, &a), is_made, n);
    CHECK_OK(put(f, STR(NOT_NEW), &err), err);
    close_store(f);
    CHECK_OK(open_store(f, &err), err);
    expect_one_of(t, state_of(f, &a), is_made, n);
    if (!expect_sound(f))
        describe(t, is_made, n);
    close_store(f);
    return has_failed;
}

/* Of the many calls for memory that the rarer changes make, and of those that fail for good, some are tried. */
static size_t stride_of(const struct trial *t)
{
    bool is_frequent = t->change->run == put_new || t->change->run == update_tags;

    return t->fault == FAULT_MEMORY && (t->is_lasting || !is_frequent) ? 7 : 1;
}

static void try_all(struct fixture *f, struct trial *t)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    size_t n = 1;

    put_file(f);
    CHECK_OK(open_store(f, &err), err);
    t->before = state_of(f, &a);
    CHECK_OK(t->change->run(f, &err), err);
    t->after = state_of(f, &a);
    close_store(f);
    CHECK(!str_eq(t->before, t->after));
    while (n < N_MAX && try_change(f, t, n))
        n += stride_of(t);
    CHECK(n < N_MAX);
}

static void try_fault(enum fault fault)
{
    FIXTURE(f);

    for (size_t i = 0; i < COUNT(change_cases); i++) {
        struct trial once = {&change_cases[i], fault, false, {0}, {0}};
        struct trial lasting = {&change_cases[i], fault, true, {0}, {0}};

        try_all(&f, &once);
        try_all(&f, &lasting);
    }
}

TEST(a_change_is_whole_when_reading_fails)
{
    try_fault(FAULT_READ);
}

TEST(a_change_is_whole_when_writing_fails)
{
    try_fault(FAULT_WRITE);
    try_fault(FAULT_TORN_WRITE);
}

TEST(a_change_is_whole_when_the_disk_is_full)
{
    try_fault(FAULT_FULL);
}

TEST(a_change_is_whole_when_a_sync_fails)
{
    try_fault(FAULT_SYNC);
}

TEST(a_change_is_whole_when_files_cannot_be_opened_or_cut)
{
    try_fault(FAULT_OPEN);
    try_fault(FAULT_TRUNCATE);
}

TEST(a_change_is_whole_when_there_is_no_memory)
{
    try_fault(FAULT_MEMORY);
}

/* -- opening under a fault --------------------------------------------------------------------- */

static bool try_opening(struct fixture *f, enum fault fault, size_t n, bool is_new)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    bool is_open, has_failed;

    if (is_new)
        remove_files(f);
    else
        put_file(f);
    faults_arm(fault, n, false);
    is_open = open_store(f, &err);
    has_failed = faults_disarm();
    if (is_open)
        close_store(f);
    else
        CHECK(has_failed && err.text[0] && !strchr(err.text, '\n'));
    CHECK_OK(open_store(f, &err), err);
    expect_sound(f);
    CHECK_INT(state_of(f, &a).len > 0, !is_new);
    close_store(f);
    return has_failed;
}

TEST(opening_fails_with_one_line_or_not_at_all)
{
    FIXTURE(f);

    for (enum fault fault = 0; fault < N_FAULTS; fault++) {
        for (int is_new = 0; is_new <= 1; is_new++) {
            size_t n = 1;

            while (n < N_MAX && try_opening(&f, fault, n, is_new))
                n++;
            CHECK(n < N_MAX);
        }
    }
}

TEST_MAIN()

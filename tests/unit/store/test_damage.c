/*
 * test_damage.c - a page of the database overwritten: said in one line, and the rest goes on working.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

#define DIM        4
#define N_MEMORIES 60
#define PAGE_BYTES 4096

struct shelf {
    struct arena a;
    char folder[40];
    const char *path;
    struct store *store;
};

static const struct store_actor who = {STR_INIT("default"), STR_INIT("t"), STR_INIT("t"), 1000};

static void open_store(struct shelf *s)
{
    struct error err = {0};

    CHECK_OK(store_open(&(struct store_options){.path = s->path}, &s->store, &err), err);
}

static struct str hash_of(struct shelf *s, size_t i)
{
    return arena_printf(&s->a, "h%05zu", i);
}

static bool put(struct shelf *s, size_t i, struct error *err)
{
    static const float vector[DIM] = {0.5f, 0.5f, 0.5f, 0.5f};
    struct str content = arena_printf(&s->a, "memory %zu of the river and the stone", i);
    struct store_item item = {.memory = {.hash = hash_of(s, i),
                                         .content = content,
                                         .type = STR("note"),
                                         .metadata = STR("{}"),
                                         .created_ms = 1000,
                                         .updated_ms = 1000,
                                         .quality = -1,
                                         .confidence = 1},
                              .vectors = {STR("model"), DIM, 1, vector}};

    return store_put(s->store, &who, &item, 1, err);
}

static void shelf_init(struct shelf *s)
{
    struct error err = {0};

    *s = (struct shelf){.folder = "/tmp/memoryd-damage-XXXXXX"};
    CHECK(mkdtemp(s->folder) != NULL);
    s->path = arena_printf(&s->a, "%s/m.db", s->folder).ptr;
    open_store(s);
    for (size_t i = 0; i < N_MEMORIES; i++)
        CHECK_OK(put(s, i, &err), err);
    store_close(STEAL(s->store));
}

static void shelf_deinit(struct shelf *s)
{
    static const char *const names[] = {"", "-wal", "-shm"};

    store_close(s->store);
    for (size_t i = 0; i < COUNT(names); i++)
        unlink(arena_printf(&s->a, "%s%s", s->path, names[i]).ptr);
    CHECK_INT(rmdir(s->folder), 0);
    arena_deinit(&s->a);
}
#define SHELF(name)                                                                            \
    AUTO(shelf_deinit) struct shelf name;                                                      \
    shelf_init(&name)

static int root_page_of(struct shelf *s, const char *name)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    int page = 0;

    CHECK_INT(sqlite3_open(s->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_master WHERE name = ?1", -1,
                                 &q, NULL),
              SQLITE_OK);
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    if (sqlite3_step(q) == SQLITE_ROW)
        page = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return page;
}

/* Overwrites the first page of a table or index. */
static void damage(struct shelf *s, const char *name)
{
    char junk[PAGE_BYTES];
    int page = root_page_of(s, name), fd = open(s->path, O_WRONLY | O_CLOEXEC);

    memset(junk, 0xA5, sizeof(junk));
    CHECK(page > 1 && fd >= 0);
    CHECK_INT(pwrite(fd, junk, sizeof(junk), (off_t)(page - 1) * PAGE_BYTES), sizeof(junk));
    close(fd);
}

static void expect_recovery_named(struct str line)
{
    CHECK(str_contains(line, STR("is damaged")));
    CHECK(str_contains(line, STR("'Damaged database' in docs/storage.md")));
    CHECK(!memchr(line.ptr, '\n', line.len));
}

static void expect(bool is_ok, bool want_ok, const struct error *err)
{
    CHECK_INT(is_ok, want_ok);
    if (is_ok)
        return;
    CHECK_INT(err->kind, ERROR_UNAVAILABLE);
    expect_recovery_named(str_c(err->text));
}

static bool get(struct shelf *s, struct memory **out, struct error *err)
{
    *out = NULL;
    return store_get(s->store, &s->a, who.space, hash_of(s, 7), TRASH_HIDE, out, err);
}

static bool list(struct shelf *s, size_t *out_n, struct error *err)
{
    const struct memory_filter all = {0};
    struct memory *page;
    size_t total;

    return store_list(s->store, &s->a, who.space, &all, 0, 10, &page, out_n, &total, err);
}

static bool rank(struct shelf *s, size_t *out_n, struct error *err)
{
    const struct memory_filter all = {0};
    const struct str words[] = {STR_INIT("river")};
    const struct rank_request r = {
        .space = who.space, .filter = &all, .limit = 10, .words = words, .n_words = 1};
    struct ranking found;

    if (!store_rank_words(s->store, &s->a, &r, &found, err))
        return false;
    *out_n = found.n;
    return true;
}

static const struct damage_case {
    const char *name; /* of the table or index that is hit; and what can be done then */
    bool can_get, can_list, can_rank, can_put;
} damage_cases[] = {
    {"memory", false, false, false, false},      {"memory_by_time", true, false, true, false},
    {"memory_by_type", true, true, true, false}, {"memory_fts_data", true, true, false, false},
    {"change", true, true, false, false},        {"meta", true, true, true, true},
};

static void try_damage(const struct damage_case *c)
{
    SHELF(s);
    struct error check = {0}, got = {0}, listed = {0}, ranked = {0}, stored = {0};
    struct str problem = {0};
    struct memory *m;
    size_t n;

    damage(&s, c->name);
    open_store(&s);
    REQUIRE(s.store != NULL);
    CHECK_OK(store_check(s.store, &s.a, &problem, &check), check);
    expect_recovery_named(problem);
    expect(get(&s, &m, &got) && m, c->can_get, &got);
    expect(list(&s, &n, &listed) && n == 10, c->can_list, &listed);
    expect(rank(&s, &n, &ranked) && n == 10, c->can_rank, &ranked);
    expect(put(&s, N_MEMORIES, &stored), c->can_put, &stored);
}

TEST(damage_is_named_and_what_is_whole_goes_on_working)
{
    for (size_t i = 0; i < COUNT(damage_cases); i++)
        try_damage(&damage_cases[i]);
}

TEST_MAIN()

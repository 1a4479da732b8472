/* test_checkpoint.c - vector indexes as files beside the database: used when they fit, else made anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/sys.h"
#include "tests/support/test.h"

#define DIM  8
#define MANY 1200 /* enough for a file */

struct shelf {
    struct arena a;
    char folder[40];
    const char *path;
    struct store *store;
};

static const struct store_actor who = {STR_INIT("default"), STR_INIT("t"), STR_INIT("t"), 1000};

static void open_store(struct shelf *s)
{
    const struct store_options options = {.path = s->path};
    struct error err = {0};

    CHECK_OK(store_open(&options, &s->store, &err), err);
}

static void close_store(struct shelf *s)
{
    store_close(s->store);
    s->store = NULL;
}

static void shelf_init(struct shelf *s)
{
    *s = (struct shelf){.folder = "/tmp/memoryd-shelf-XXXXXX"};
    CHECK(mkdtemp(s->folder) != NULL);
    s->path = arena_printf(&s->a, "%s/m.db", s->folder).ptr;
    open_store(s);
}

static void each_file(struct shelf *s, void (*act)(struct shelf *, const char *))
{
    glob_t found;

    if (glob(arena_printf(&s->a, "%s/*", s->folder).ptr, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        act(s, found.gl_pathv[i]);
    globfree(&found);
}

static void delete_one(struct shelf *s, const char *path)
{
    (void)s;
    unlink(path);
}

static void shelf_deinit(struct shelf *s)
{
    store_close(s->store);
    each_file(s, delete_one);
    CHECK_INT(rmdir(s->folder), 0);
    arena_deinit(&s->a);
}

#define SHELF(name)                                                                            \
    AUTO(shelf_deinit) struct shelf name;                                                      \
    shelf_init(&name)

/* Memory i points along axis i % DIM, a little towards the next. */
static void make_vector(float *v, size_t i)
{
    memset(v, 0, DIM * sizeof(*v));
    v[i % DIM] = 0.8f;
    v[(i + 1) % DIM] = 0.6f;
}

/* Memories from to until - 1, in one change of the disk. */
static void put_many(struct shelf *s, size_t from, size_t until)
{
    size_t n = until - from;
    float *vectors = ARENA_NEW(&s->a, float, n *DIM);
    struct store_item *items = ARENA_NEW(&s->a, struct store_item, n);
    struct error err = {0};

    for (size_t i = 0; i < n; i++) {
        struct str hash = arena_printf(&s->a, "h%05zu", from + i);

        make_vector(vectors + i * DIM, from + i);
        items[i] = (struct store_item){.memory = {.hash = hash,
                                                  .content = hash,
                                                  .type = STR("note"),
                                                  .metadata = STR("{}"),
                                                  .created_ms = 1000,
                                                  .updated_ms = 1000,
                                                  .quality = -1,
                                                  .confidence = 1},
                                       .vectors = {STR("model"), DIM, 1, vectors + i * DIM}};
    }
    CHECK_OK(store_put(s->store, &who, items, n, &err), err);
}

static size_t n_found(struct shelf *s)
{
    const struct memory_filter all = {0};
    float query[DIM];
    const struct rank_request r = {.space = STR("default"),
                                   .filter = &all,
                                   .limit = (size_t)2 * MANY,
                                   .model_id = STR("model"),
                                   .vector = query,
                                   .dim = DIM};
    struct ranking found = {0};
    struct error err = {0};

    make_vector(query, 3);
    CHECK_OK(store_rank_vectors(s->store, &s->a, &r, &found, &err), err);
    CHECK(found.n == 0 || found.list[0].score > 0.999);
    return found.n;
}

static const char *index_path(struct shelf *s)
{
    glob_t found;
    const char *path = NULL;

    if (glob(arena_printf(&s->a, "%s/*-index-*", s->folder).ptr, 0, NULL, &found) == 0) {
        CHECK_INT(found.gl_pathc, 1);
        path = arena_cstr(&s->a, str_c(found.gl_pathv[0]));
        globfree(&found);
    }
    return path;
}

static void fill(struct shelf *s)
{
    put_many(s, 0, MANY);
    CHECK_INT(n_found(s), MANY);
}

TEST(a_file_is_written_and_what_came_after_it_is_taken_over)
{
    SHELF(s);
    struct str hashes[] = {STR("h00003"), STR("h00011")};
    size_t n;
    struct error err = {0};

    fill(&s);
    close_store(&s);
    REQUIRE(CHECK(index_path(&s)));
    open_store(&s);
    put_many(&s, MANY, MANY + 1);
    CHECK_OK(store_delete(s.store, &who, hashes, COUNT(hashes), (struct str){0}, &n, &err),
             err);
    CHECK_INT(n_found(&s), MANY - 1);
}

TEST(few_vectors_make_no_file)
{
    SHELF(s);

    put_many(&s, 3, 4);
    CHECK_INT(n_found(&s), 1);
    close_store(&s);
    CHECK(!index_path(&s));
}

TEST(a_purge_deletes_the_file)
{
    SHELF(s);
    struct str hash = STR("h00003");
    size_t n;
    struct error err = {0};

    fill(&s);
    REQUIRE(CHECK(index_path(&s)));
    CHECK_OK(store_delete(s.store, &who, &hash, 1, (struct str){0}, &n, &err), err);
    CHECK_OK(store_purge(s.store, &who, 1 << 20, false, &n, &err), err);
    CHECK(!index_path(&s));
    CHECK_INT(n_found(&s), MANY - 1);
}

/* A process that did not know yet wrote the vectors down once more when it ended. */
TEST(what_another_process_purged_comes_into_no_file)
{
    SHELF(s);
    struct store *other = NULL;
    struct str hash = STR("h00003");
    size_t n;
    struct error err = {0};

    put_many(&s, 0, (size_t)5 * MANY);
    (void)n_found(&s);
    unlink(index_path(&s));
    put_many(&s, (size_t)5 * MANY, (size_t)6 * MANY); /* worth a file at the end, not before */
    (void)n_found(&s);
    REQUIRE(CHECK(!index_path(&s)));
    CHECK_OK(store_open(&(struct store_options){.path = s.path}, &other, &err), err);
    CHECK_OK(store_delete(other, &who, &hash, 1, (struct str){0}, &n, &err), err);
    CHECK_OK(store_purge(other, &who, 1 << 20, false, &n, &err), err);
    CHECK_INT(n, 1);
    store_close(other);
    close_store(&s);
    CHECK(!index_path(&s));
}

TEST(a_damaged_file_is_made_anew)
{
    SHELF(s);
    int fd;

    fill(&s);
    close_store(&s);
    REQUIRE(CHECK(index_path(&s)));
    fd = open(index_path(&s), O_WRONLY | O_CLOEXEC);
    CHECK_INT(pwrite(fd, "damage", 6, 5000), 6);
    close(fd);
    open_store(&s);
    CHECK_INT(n_found(&s), MANY);
}

/* The database is put back to a copy from before, and goes another way from there. */
TEST(a_file_of_another_past_is_not_used)
{
    SHELF(s);
    struct str before;
    struct error err = {0};

    put_many(&s, 0, MANY / 2);
    close_store(&s);
    REQUIRE(CHECK_OK(sys_read_file(&s.a, s.path, 1 << 26, &before, &err), err));
    open_store(&s);
    fill(&s);
    close_store(&s);
    REQUIRE(CHECK(index_path(&s)));
    CHECK_OK(sys_write_file(s.path, 0600, before, &err), err);
    open_store(&s);
    put_many(&s, (size_t)5 * MANY, (size_t)5 * MANY + 10);
    CHECK_INT(n_found(&s), MANY / 2 + 10);
    /* As many changes as the file knows, but others. */
    put_many(&s, (size_t)5 * MANY + 10, (size_t)6 * MANY);
    close_store(&s);
    open_store(&s);
    CHECK_INT(n_found(&s), MANY / 2 + MANY);
}

TEST_MAIN()

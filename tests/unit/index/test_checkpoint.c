/* test_checkpoint.c - the index as a file: whole, or not at all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/sys.h"
#include "tests/support/test.h"

#define DIM  70 /* two words of signs, and bytes that do not fill the last eight */
#define MANY 50

struct place {
    struct arena a;
    char folder[40];
    const char *path;
    unsigned char stamp[INDEX_STAMP_BYTES];
};

static void place_init(struct place *p)
{
    *p = (struct place){.folder = "/tmp/memoryd-index-XXXXXX"};
    CHECK(mkdtemp(p->folder) != NULL);
    p->path = arena_printf(&p->a, "%s/index", p->folder).ptr;
    for (size_t i = 0; i < sizeof(p->stamp); i++)
        p->stamp[i] = (unsigned char)i;
}

static void place_deinit(struct place *p)
{
    unlink(p->path);
    CHECK_INT(rmdir(p->folder), 0); /* nothing else was left there */
    arena_deinit(&p->a);
}

#define PLACE(name)                                                                            \
    AUTO(place_deinit) struct place name;                                                      \
    place_init(&name)

static void make_vector(float *v, int64_t id, size_t part)
{
    memset(v, 0, DIM * sizeof(*v));
    v[(size_t)id % DIM] = 0.8f;
    v[((size_t)id + 1 + part) % DIM] = 0.6f;
}

/* Ids 1, 4, 7, ...; every second one of two parts. */
static struct index *make_index(void)
{
    struct index *ix = index_new(DIM);

    for (int64_t id = 1; id <= 3 * MANY; id += 3) {
        float parts[2 * DIM];

        make_vector(parts, id, 0);
        make_vector(parts + DIM, id, 1);
        index_put(ix, &(struct index_item){.id = id,
                                           .vectors = parts,
                                           .n_parts = 1 + (size_t)(id % 2),
                                           .is_hidden = id % 5 == 0});
    }
    return ix;
}

static void put(struct index *ix, int64_t id, const float *vector)
{
    index_put(ix, &(struct index_item){.id = id, .vectors = vector, .n_parts = 1});
}

static void save(struct place *p, struct index *ix)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);
    struct error err = {0};

    CHECK_OK(index_save(view, p->path, p->stamp, &err), err);
}

static void check_same(struct index *a, struct index *b)
{
    AUTO_INDEX_VIEW *v = index_view_take(a), *w = index_view_take(b);

    CHECK_INT(index_count(a), index_count(b));
    for (int64_t id = 1; id <= 3 * MANY; id++) {
        struct index_hit x[5], y[5];
        float query[DIM];
        size_t n, m;

        make_vector(query, id, (size_t)id % 2);
        n = index_search(v, query, NULL, COUNT(x), x);
        m = index_search(w, query, NULL, COUNT(y), y);
        REQUIRE(CHECK_INT(n, m));
        for (size_t i = 0; i < n; i++)
            CHECK(x[i].id == y[i].id && x[i].cosine == y[i].cosine);
    }
}

TEST(an_index_comes_back_as_it_was_and_goes_on)
{
    PLACE(p);
    struct index *ix = make_index(), *back = NULL;
    unsigned char stamp[INDEX_STAMP_BYTES];
    struct error err = {0};

    save(&p, ix);
    REQUIRE(CHECK_OK(index_load(p.path, DIM, &back, stamp, &err), err));
    CHECK(memcmp(stamp, p.stamp, sizeof(stamp)) == 0);
    check_same(ix, back);
    for (int64_t id = 1; id <= 3 * MANY; id += 6) { /* both change in the same way */
        float v[DIM];

        make_vector(v, id + 5, 0);
        index_remove(ix, id);
        index_remove(back, id);
        put(ix, id + 1, v);
        put(back, id + 1, v);
    }
    check_same(ix, back);
    index_free(ix);
    index_free(back);
}

/* Whole chunks and a part of one. */
TEST(a_large_index_comes_back_too)
{
    enum { LARGE = 2500 };
    PLACE(p);
    struct index *ix = index_new(DIM), *back = NULL;
    unsigned char stamp[INDEX_STAMP_BYTES];
    struct error err = {0};

    for (int64_t id = 1; id <= LARGE; id++) {
        float v[DIM];

        make_vector(v, id, (size_t)(id / DIM % 3));
        put(ix, id, v);
    }
    save(&p, ix);
    REQUIRE(CHECK_OK(index_load(p.path, DIM, &back, stamp, &err), err));
    check_same(ix, back);
    for (int64_t id = 1; id <= LARGE; id++)
        index_remove(back, id);
    CHECK_INT(index_count(back), 0);
    index_free(ix);
    index_free(back);
}

TEST(an_empty_index_is_one_too)
{
    PLACE(p);
    struct index *ix = index_new(DIM), *back = NULL;
    unsigned char stamp[INDEX_STAMP_BYTES];
    struct error err = {0};

    save(&p, ix);
    CHECK_OK(index_load(p.path, DIM, &back, stamp, &err), err);
    CHECK_INT(index_count(back), 0);
    index_free(ix);
    index_free(back);
}

static bool can_load(const struct place *p, size_t dim, struct error *err)
{
    struct index *back = NULL;
    unsigned char stamp[INDEX_STAMP_BYTES];
    bool is_ok = index_load(p->path, dim, &back, stamp, err);

    index_free(back);
    return is_ok;
}

TEST(a_file_that_is_missing_or_of_other_vectors_is_told_apart)
{
    PLACE(p);
    struct index *ix = make_index();
    struct error err = {0};

    CHECK(!can_load(&p, DIM, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    save(&p, ix);
    CHECK(!can_load(&p, DIM + 1, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    index_free(ix);
}

/* Every byte counts, and so does the length. */
TEST(a_damaged_file_is_refused)
{
    PLACE(p);
    struct index *ix = make_index();
    struct str whole;
    struct error err = {0};
    char *bytes;

    save(&p, ix);
    REQUIRE(CHECK_OK(sys_read_file(&p.a, p.path, 1 << 20, &whole, &err), err));
    bytes = arena_cstr(&p.a, whole);
    for (size_t i = 0; i < whole.len; i += i < 200 ? 1 : 37) {
        bytes[i] = (char)(bytes[i] ^ 0x10);
        CHECK_OK(sys_write_file(p.path, 0600, str_n(bytes, whole.len), &err), err);
        if (!CHECK(!can_load(&p, DIM, &err)))
            printf("  byte %zu\n", i);
        bytes[i] = (char)(bytes[i] ^ 0x10);
    }
    for (size_t cut = 1; cut < whole.len; cut += 97) {
        CHECK_OK(sys_write_file(p.path, 0600, str_n(bytes, whole.len - cut), &err), err);
        CHECK(!can_load(&p, DIM, &err));
    }
    CHECK_OK(sys_write_file(p.path, 0600, whole, &err), err);
    CHECK(can_load(&p, DIM, &err));
    index_free(ix);
}

/* The sum tells no malice. A scale that is no number made cosines that are none, in no order. */
TEST(a_scale_that_is_none_is_refused)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, -1};
    PLACE(p);
    struct index *ix = index_new(DIM);
    float vector[DIM];
    struct str whole;
    struct error err = {0};
    const size_t at_scale =
        INDEX_FILE_HEADER_BYTES + 2 * sizeof(uint64_t) + 72 + sizeof(int64_t);
    char *bytes;

    make_vector(vector, 1, 0);
    put(ix, 1, vector); /* one slot: two words of signs, 70 bytes and 2 of filling, id, scale */
    save(&p, ix);
    REQUIRE(CHECK_OK(sys_read_file(&p.a, p.path, 1 << 20, &whole, &err), err));
    bytes = arena_cstr(&p.a, whole);
    for (size_t i = 0; i <= COUNT(bad); i++) {
        struct str file = str_n(bytes, whole.len);
        uint64_t sum;

        if (i > 0)
            memcpy(bytes + at_scale, &bad[i - 1], sizeof(bad[0]));
        sum = index_file_sum(&file, 1);
        memcpy(bytes + INDEX_FILE_HEADER_BYTES - sizeof(sum), &sum, sizeof(sum));
        CHECK_OK(sys_write_file(p.path, 0600, file, &err), err);
        CHECK(can_load(&p, DIM, &err) == (i == 0));
    }
    index_free(ix);
}

/* Sections of an empty index are NULL, to which nothing may be added. */
TEST(a_piece_of_nothing_changes_no_sum)
{
    static const uint64_t words[INDEX_FILE_HEADER_BYTES / 8 + 11] = {[20] = 7, [21] = 8};
    const struct str bytes = {(const char *)words, sizeof(words)};
    const struct str head = str_sub(bytes, 0, INDEX_FILE_HEADER_BYTES);
    const struct str same[] = {head, bytes};
    const struct str cut[] = {
        head, {0}, str_sub(bytes, 0, 72), {0}, str_sub(bytes, 72, SIZE_MAX)};

    CHECK(index_file_sum(cut, COUNT(cut)) == index_file_sum(same, 2));
    CHECK(index_file_sum(same, 1) != index_file_sum(same, 2));
}

TEST_MAIN()

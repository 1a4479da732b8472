/*
 * test_index.c - the scan against the plain oracle, through puts, removals, parts, filters and ties.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index.h"

#include <math.h>

#include "base/thread.h"
#include "tests/support/test.h"

#define DIM 37 /* no multiple of a register's width */

static uint64_t state;

static double random_unit(void) /* xorshift64*, Vigna 2016: the same numbers in every run */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)(state * 2685821657736338717u >> 11) / 9007199254740992.0;
}

static void random_vector(float *v)
{
    double norm = 0;

    for (size_t i = 0; i < DIM; i++) {
        v[i] = (float)(random_unit() - 0.5);
        norm += (double)v[i] * (double)v[i];
    }
    for (size_t i = 0; i < DIM; i++)
        v[i] = (float)((double)v[i] / sqrt(norm));
}

static void put(struct index *ix, int64_t id, const float *vectors, size_t n_parts)
{
    index_put(ix, &(struct index_item){.id = id, .vectors = vectors, .n_parts = n_parts});
}

static size_t search(struct index *ix, const float *query, const struct bitmap *among,
                     size_t limit, struct index_hit *out)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);

    return index_search(view, query, among, limit, out);
}

static void check_view(const struct index_view *view, const struct bitmap *among, size_t limit)
{
    struct index_hit got[64], want[64];
    float query[DIM];
    size_t n_got, n_want;

    random_vector(query);
    n_got = index_search(view, query, among, limit, got);
    n_want = index_search_plain(view, query, among, limit, want);
    REQUIRE(CHECK_INT(n_got, n_want));
    for (size_t i = 0; i < n_got; i++) {
        CHECK_INT(got[i].id, want[i].id);
        CHECK_NEAR(got[i].cosine, want[i].cosine, 0); /* integers: bit for bit */
    }
}

static void check_same_as_oracle(struct index *ix, const struct bitmap *among, size_t limit)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);

    check_view(view, among, limit);
}

/* Puts, replaces and removes at random, as a store would. Ids are stride apart. */
static void change_at_random(struct index *ix, int64_t stride)
{
    float parts[3 * DIM];
    int64_t id = stride * (1 + (int64_t)(random_unit() * 300));
    size_t n = 1 + (size_t)(random_unit() * 3);

    if (random_unit() < 0.3) {
        index_remove(ix, id);
        return;
    }
    for (size_t i = 0; i < n; i++)
        random_vector(parts + i * DIM);
    index_put(ix,
              &(struct index_item){
                  .id = id, .vectors = parts, .n_parts = n, .is_hidden = random_unit() < 0.2});
}

TEST(search_equals_the_plain_scan_whatever_happened_before)
{
    /* Row numbers of one space are thin where spaces share a database; 1024 makes hashes collide. */
    static const int64_t strides[] = {1, 7, 1024, INDEX_ID_MAX / 301};

    for (size_t i = 0; i < COUNT(strides); i++) {
        struct index *ix = index_new(DIM);

        state = i + 1;
        for (int round = 0; round < 2000; round++) {
            change_at_random(ix, strides[i]);
            if (round % 10 == 0)
                check_same_as_oracle(ix, NULL, 1 + (size_t)(random_unit() * 20));
        }
        index_free(ix);
    }
}

/* With more vectors than candidates: those far away are not looked at, and near ones are found. */
TEST(the_nearest_of_many_are_found)
{
    enum { MANY = 20000, QUERIES = 50, TOP = 10 };
    struct index *ix = index_new(DIM);
    struct index_view *view;
    size_t n_found = 0;

    state = 7;
    for (int64_t id = 1; id <= MANY; id++) {
        float v[DIM];

        random_vector(v);
        put(ix, id, v, 1);
    }
    view = index_view_take(ix);
    for (int i = 0; i < QUERIES; i++) {
        struct index_hit got[TOP], want[TOP];
        float query[DIM];

        random_vector(query);
        REQUIRE(CHECK_INT(index_search(view, query, NULL, TOP, got), TOP));
        index_search_plain(view, query, NULL, TOP, want);
        for (size_t k = 0; k < TOP * TOP; k++)
            n_found += got[k / TOP].id == want[k % TOP].id;
    }
    CHECK(n_found >=
          QUERIES * TOP * 9 / 10); /* random vectors in few dimensions: the worst case */
    index_view_give_back(&view);
    index_free(ix);
}

/* A model of the index as plain arrays: what the oracle, which shares the index's storage, cannot tell. */
TEST(the_index_holds_what_was_put_last_and_nothing_else)
{
    enum { IDS = 40 };
    static float kept[IDS][3][DIM];
    size_t n_parts[IDS] = {0};
    struct index *ix = index_new(DIM);

    state = 3;
    for (int round = 0; round < 3000; round++) {
        size_t i = (size_t)(random_unit() * IDS), n = 0;
        struct index_hit hit;

        n_parts[i] = (size_t)(random_unit() * 4); /* 0 removes */
        for (size_t k = 0; k < n_parts[i]; k++)
            random_vector(kept[i][k]);
        put(ix, (int64_t)i + 1, kept[i][0], n_parts[i]);
        for (size_t k = 0; k < IDS; k++)
            n += n_parts[k] > 0;
        CHECK_INT(index_count(ix), n);
        i = (size_t)(random_unit() * IDS); /* any id is found by each of its parts */
        for (size_t k = 0; k < n_parts[i]; k++) {
            REQUIRE(CHECK_INT(search(ix, kept[i][k], NULL, 1, &hit), 1));
            CHECK_INT(hit.id, i + 1);
            CHECK_NEAR(hit.cosine, 1, 0.01);
        }
    }
    index_free(ix);
}

TEST(a_filter_never_starves_the_result)
{
    struct index *ix = index_new(DIM);
    struct bitmap allowed = {0};

    state = 2;
    for (int i = 0; i < 500; i++)
        change_at_random(ix, 1);
    for (int64_t id = 7; id < 300; id += 31)
        bitmap_add(&allowed, id);
    for (int i = 0; i < 50; i++)
        check_same_as_oracle(ix, &allowed, 10);
    bitmap_deinit(&allowed);
    check_same_as_oracle(ix, &allowed, 10); /* the empty set lets nothing through */
    index_free(ix);
}

TEST(what_is_hidden_is_found_only_by_its_name)
{
    struct index *ix = index_new(DIM);
    struct bitmap among = {0};
    struct index_hit hits[3];
    float v[DIM] = {1};

    put(ix, 1, v, 1);
    index_put(ix, &(struct index_item){.id = 2, .vectors = v, .n_parts = 1, .is_hidden = true});
    bitmap_add(&among, 2);
    CHECK_INT(search(ix, v, NULL, COUNT(hits), hits), 1);
    CHECK_INT(hits[0].id, 1);
    CHECK_INT(search(ix, v, &among, COUNT(hits), hits), 1);
    CHECK_INT(hits[0].id, 2);
    CHECK_INT(index_count(ix), 2);
    bitmap_deinit(&among);
    index_free(ix);
}

TEST(a_look_tells_what_a_search_may_find)
{
    static const int64_t ids[] = {1, 2, 3};
    struct index *ix = index_new(DIM);
    enum index_state states[COUNT(ids)];
    float v[DIM] = {1};

    index_look(ix, ids, COUNT(ids), states);
    CHECK_INT(states[0], INDEX_ABSENT);
    put(ix, 1, v, 1);
    index_put(ix, &(struct index_item){.id = 2, .vectors = v, .n_parts = 1, .is_hidden = true});
    index_look(ix, ids, COUNT(ids), states);
    CHECK_INT(states[0], INDEX_SHOWN);
    CHECK_INT(states[1], INDEX_HIDDEN);
    CHECK_INT(states[2], INDEX_ABSENT);
    index_remove(ix, 1);
    index_look(ix, ids, COUNT(ids), states);
    CHECK_INT(states[0], INDEX_ABSENT);
    index_free(ix);
}

/* -- views ------------------------------------------------------------------------------------ */

struct snapshot { /* a view and what a search on it found when it was taken */
    struct index_view *view;
    float query[DIM];
    struct index_hit hits[20];
    size_t n_hits;
    size_t n_ids;
};

static void snapshot_take(struct snapshot *s, struct index *ix)
{
    s->view = index_view_take(ix);
    random_vector(s->query);
    s->n_hits = index_search_plain(s->view, s->query, NULL, COUNT(s->hits), s->hits);
    s->n_ids = index_count(ix);
}

static void snapshot_check(const struct snapshot *s)
{
    struct index_hit hits[COUNT(s->hits)];
    size_t n = index_search_plain(s->view, s->query, NULL, COUNT(hits), hits);

    CHECK_INT(index_view_count(s->view), s->n_ids);
    REQUIRE(CHECK_INT(n, s->n_hits));
    for (size_t i = 0; i < n; i++)
        REQUIRE(CHECK(hits[i].id == s->hits[i].id && hits[i].cosine == s->hits[i].cosine));
}

/* Over several chunks: ids come, go, and are replaced while views of many moments are held. */
TEST(a_view_stays_as_it_was)
{
    enum { HELD = 8, ROUNDS = 12000 };
    struct index *ix = index_new(DIM);
    struct snapshot held[HELD] = {0};

    state = 5;
    for (int round = 0; round < ROUNDS; round++) {
        struct snapshot *s = &held[round / 100 % HELD];

        change_at_random(ix, 1 + round / (ROUNDS / 8));
        if (round % 100)
            continue;
        if (s->view)
            snapshot_check(s);
        index_view_give_back(&s->view);
        snapshot_take(s, ix);
    }
    for (int i = 0; i < HELD; i++) {
        snapshot_check(&held[i]);
        index_view_give_back(&held[i].view);
    }
    CHECK(index_bytes(ix) > (size_t)2048 * DIM); /* two chunks and more */
    index_free(ix);
}

TEST(ties_come_in_the_order_of_their_ids)
{
    struct index *ix = index_new(DIM);
    struct index_hit hits[3];
    float v[DIM] = {1};

    for (int64_t id = 9; id > 0; id--)
        put(ix, id, v, 1);
    CHECK_INT(search(ix, v, NULL, COUNT(hits), hits), 3);
    for (size_t i = 0; i < COUNT(hits); i++)
        CHECK_INT(hits[i].id, i + 1);
    index_free(ix);
}

/* All of them were candidates, in a list that each chunk went through from its beginning. */
TEST(of_many_that_are_alike_a_few_are_looked_at)
{
    enum { ALIKE = 20000, TOP = 10, FEW = 2000 };
    struct index *ix = index_new(DIM);
    struct index_view *view;
    struct index_hit hits[TOP];
    float query[DIM] = {1}, alike[DIM] = {0};

    alike[0] = 0.6f;
    alike[1] = 0.8f;
    for (int64_t id = 1; id <= ALIKE; id++)
        put(ix, id, alike, 1);
    put(ix, ALIKE + 1, query, 1); /* one is nearer, behind all of them */
    view = index_view_take(ix);
    CHECK_INT(index_search(view, query, NULL, TOP, hits), TOP);
    CHECK_INT(hits[0].id, ALIKE + 1);
    for (size_t i = 1; i < TOP; i++)
        CHECK_INT(hits[i].id, i); /* of the others the first */
    CHECK(index_n_candidates(view, query, NULL, TOP) >= TOP);
    CHECK(index_n_candidates(view, query, NULL, TOP) < FEW);
    index_view_give_back(&view);
    index_free(ix);
}

TEST(a_memory_is_found_once_by_its_best_part)
{
    struct index *ix = index_new(DIM);
    struct index_hit hits[4];
    float parts[2 * DIM] = {0}, query[DIM] = {0};

    parts[0] = 1;       /* the first part points along axis 0, */
    parts[DIM + 1] = 1; /* the second along axis 1 */
    query[1] = 1;
    put(ix, 5, parts, 2);
    CHECK_INT(search(ix, query, NULL, COUNT(hits), hits), 1);
    CHECK_INT(hits[0].id, 5);
    CHECK_NEAR(hits[0].cosine, 1, 0.01);
    index_free(ix);
}

/* A vector near the given one. */
static void near_vector(const float *centre, float *out)
{
    double norm = 0;

    random_vector(out);
    for (size_t i = 0; i < DIM; i++) {
        out[i] = centre[i] + 0.3f * out[i];
        norm += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(norm));
}

static void put_close_parts(struct index *ix, int64_t id, size_t n_parts)
{
    static float parts[512 * DIM];
    float centre[DIM];

    random_vector(centre);
    for (size_t i = 0; i < n_parts; i++)
        near_vector(centre, parts + i * DIM);
    put(ix, id, parts, n_parts);
}

static void expect_as_many_as_the_oracle(struct index *ix, size_t limit)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);
    struct index_hit got[200], want[200];
    float query[DIM];

    for (int i = 0; i < 20; i++) {
        random_vector(query);
        CHECK_INT(index_search(view, query, NULL, limit, got),
                  index_search_plain(view, query, NULL, limit, want));
    }
}

/* The candidates were all parts of the nearest 83 memories or so. */
TEST(memories_of_many_parts_leave_room_for_others)
{
    enum { IDS = 500, PARTS = 64 };
    struct index *ix = index_new(DIM);

    state = 11;
    for (int64_t id = 1; id <= IDS; id++)
        put_close_parts(ix, id, PARTS);
    expect_as_many_as_the_oracle(ix, 200);
    index_free(ix);
}

TEST(a_few_memories_of_many_parts_leave_room_for_others)
{
    enum { IDS = 3000, LONG = 10, PARTS = 512 };
    struct index *ix = index_new(DIM);

    state = 12;
    for (int64_t id = 1; id <= IDS; id++)
        put_close_parts(ix, id, id <= LONG ? PARTS : 1);
    expect_as_many_as_the_oracle(ix, 200);
    index_free(ix);
}

/* Deep rankings went through all hits so far for each part: here it is the result that is looked at. */
TEST(a_deep_ranking_has_each_memory_once)
{
    enum { IDS = 4000, PARTS = 3, LIMIT = 3500 };
    static struct index_hit got[LIMIT], want[LIMIT];
    struct index *ix = index_new(DIM);
    struct index_view *view;
    float query[DIM];

    state = 13;
    for (int64_t id = 1; id <= IDS; id++)
        put_close_parts(ix, id, PARTS);
    random_vector(query);
    view = index_view_take(ix);
    REQUIRE(CHECK_INT(index_search(view, query, NULL, LIMIT, got), LIMIT));
    index_search_plain(view, query, NULL, LIMIT, want);
    for (size_t i = 0; i < LIMIT; i++)
        CHECK_INT(got[i].id, want[i].id); /* so many are wanted that all are candidates */
    index_view_give_back(&view);
    index_free(ix);
}

TEST(parts_that_are_all_alike_leave_room_for_others)
{
    enum { IDS = 300, PARTS = 64 };
    static float parts[PARTS * DIM];
    struct index *ix = index_new(DIM);

    for (size_t i = 0; i < PARTS; i++)
        parts[i * DIM] = 1;
    for (int64_t id = 1; id <= IDS; id++)
        put(ix, id, parts, PARTS);
    expect_as_many_as_the_oracle(ix, 200);
    index_free(ix);
}

TEST(removing_what_is_not_there_changes_nothing)
{
    struct index *ix = index_new(DIM);
    float v[DIM] = {1};

    put(ix, 1, v, 1);
    index_remove(ix, 2);
    index_remove(ix, 100000);
    CHECK_INT(index_count(ix), 1);
    index_remove(ix, 1);
    index_remove(ix, 1);
    CHECK_INT(index_count(ix), 0);
    CHECK_INT(search(ix, v, NULL, 1, &(struct index_hit){0}), 0);
    index_free(ix);
}

/* -- threads ---------------------------------------------------------------------------------- */

#define N_SEARCHERS 4
#define N_CHANGES   3000

/* id 1 stays, along axis 0; what comes and goes is along axis 1. */
static void search_until_stopped(void *arg)
{
    struct index *ix = arg;
    struct index_hit hits[3];
    float query[DIM] = {1};

    for (int i = 0; i < N_CHANGES / 4; i++) {
        size_t n = search(ix, query, NULL, COUNT(hits), hits);

        CHECK(n >= 1 && hits[0].id == 1);
        CHECK_NEAR(hits[0].cosine, 1, 0.01);
    }
}

TEST(searches_beside_changes_see_whole_vectors)
{
    struct index *ix = index_new(DIM);
    struct thread threads[N_SEARCHERS] = {0};
    struct error err = {0};
    float stays[DIM] = {1}, comes[2 * DIM] = {0};

    comes[1] = comes[DIM + 1] = 1;
    for (int64_t id = 2; id < 20; id++)
        put(ix, id, comes, 2);
    put(ix, 1, stays, 1);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_OK(thread_start(&threads[i], "search", search_until_stopped, ix, &err), err);
    for (int i = 0; i < N_CHANGES; i++) {
        index_remove(ix, 2 + i % 300);
        put(ix, 2 + (i + 150) % 300, comes, 2);
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        thread_join(&threads[i]);
    index_free(ix);
}

/* -- the filter ------------------------------------------------------------------------------- */

TEST(a_bitmap_holds_what_was_added_and_nothing_else)
{
    struct bitmap b = {0};

    CHECK(!bitmap_has(&b, 1));
    bitmap_add(&b, 1);
    bitmap_add(&b, 64);
    bitmap_add(&b, 1000000);
    CHECK(bitmap_has(&b, 1) && bitmap_has(&b, 64) && bitmap_has(&b, 1000000));
    CHECK(!bitmap_has(&b, 2) && !bitmap_has(&b, 999999) && !bitmap_has(&b, 2000000));
    CHECK_INT(bitmap_count(&b), 3);
    bitmap_remove(&b, 64);
    bitmap_remove(&b, 99999999);
    CHECK(!bitmap_has(&b, 64));
    CHECK_INT(bitmap_count(&b), 2);
    bitmap_deinit(&b);
}

TEST_MAIN()

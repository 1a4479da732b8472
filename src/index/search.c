/*
 * search.c - a search in two steps: all signs, then the bytes of those whose signs are nearest.
 *
 * The number of differing signs estimates the angle (Charikar, STOC 2002); it is coarse, but costs
 * 48 bytes and a few instructions where a vector of 384 floats takes 1,536 bytes. So it only chooses
 * candidates, more than are wanted, and the bytes rank them.
 *
 * One pass finds the candidates: a slot within the radius that the filter lets through is kept, and the
 * radius shrinks as soon as enough of those kept lie closer. What is kept in vain is little: of n slots
 * in any order that does not depend on the question, wanted * ln(n / wanted). Where many are alike, those at
 * the radius are kept up to a limit, the earliest slots first. The filter is asked about
 * what is near alone, and one that keeps nearly all out leaves the radius wide: a filter costs no result.
 *
 * Parts of one memory may lie anywhere, so the best of each is found first, and then the best of those. Where the
 * candidates are parts of fewer memories than are wanted, more of them are looked for.
 *
 * How many candidates: enough that of the ten nearest by fp32 99 in 100 are found (docs/search.md).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"

#define CANDIDATES_MIN     500
#define CANDIDATES_PER_HIT 5 /* of the first FRONT_HITS */
#define CANDIDATES_DEEPER  2 /* of each after them */
#define FRONT_HITS         64
#define CANDIDATES_SHARE   400 /* one slot in so many besides */
#define TIES_SHARE         2 /* so many times those wanted are kept if many lie equally near */
#define WIDER              4 /* times as many if those were parts of too few memories */
#define CACHE_LINE         64
#define PREFETCH_AHEAD     8 /* candidates, whose bytes lie anywhere */

/* -- the best so far: a heap with the worst on top -------------------------------------------- */

struct top {
    struct index_hit *hits;
    size_t n;
    size_t limit;
};

static bool is_better(const struct index_hit *a, const struct index_hit *b)
{
    return a->cosine > b->cosine || (a->cosine == b->cosine && a->id < b->id);
}

static void swap(struct index_hit *a, struct index_hit *b)
{
    struct index_hit c = *a;

    *a = *b;
    *b = c;
}

static void sift_down(struct top *t, size_t at)
{
    for (;;) {
        size_t worst = at, left = 2 * at + 1, right = left + 1;

        if (left < t->n && is_better(&t->hits[worst], &t->hits[left]))
            worst = left;
        if (right < t->n && is_better(&t->hits[worst], &t->hits[right]))
            worst = right;
        if (worst == at)
            return;
        swap(&t->hits[at], &t->hits[worst]);
        at = worst;
    }
}

static void sift_up(struct top *t, size_t at)
{
    while (at > 0 && is_better(&t->hits[(at - 1) / 2], &t->hits[at])) {
        swap(&t->hits[(at - 1) / 2], &t->hits[at]);
        at = (at - 1) / 2;
    }
}

static void offer(struct top *t, struct index_hit hit)
{
    if (t->n < t->limit) {
        t->hits[t->n] = hit;
        sift_up(t, t->n++);
    } else if (is_better(&hit, &t->hits[0])) {
        t->hits[0] = hit;
        sift_down(t, 0);
    }
}

static int compare_hits(const void *a, const void *b)
{
    return is_better(a, b) ? -1 : is_better(b, a) ? 1 : 0;
}

/* -- step one: candidates by signs ------------------------------------------------------------- */

struct query { /* the vector that is searched for, as the index keeps vectors */
    uint64_t code[INDEX_DIM_MAX / 64];
    int8_t bytes[INDEX_DIM_MAX];
    float scale;
};

struct near { /* a slot that may be a candidate */
    uint32_t slot;
    uint16_t distance;
};

struct candidates {
    size_t wanted;
    size_t max_within;                  /* ties at the radius beyond are not kept */
    struct VEC(struct near) found;      /* in the order of slots */
    uint32_t counts[INDEX_DIM_MAX + 1]; /* of those found, by distance */
    size_t n_within;                    /* of those found: within the radius */
    bool has_more;                      /* some that are allowed were left out */
    uint16_t radius;
};

/* As many more as a memory has parts on average: of a near one often several parts are near. */
static size_t n_candidates(const struct index_view *v, size_t limit)
{
    size_t front = MIN(limit, (size_t)FRONT_HITS);
    size_t n = CANDIDATES_MIN + CANDIDATES_PER_HIT * front +
               CANDIDATES_DEEPER * (limit - front) + v->n_slots / CANDIDATES_SHARE;

    return v->n_ids ? n * v->n_slots / v->n_ids : n;
}

static bool is_allowed(const struct chunk *c, const struct bitmap *among, size_t i)
{
    return among ? bitmap_has(among, c->slots[i].id) : !c->hidden[i];
}

/* Of equal distances any may be left out: those that come later are. So within the radius lie at most
 * max_within, and what a chunk had before the radius shrank. */
static void keep(struct candidates *c, uint32_t slot, uint16_t distance)
{
    if (distance == c->radius && c->n_within >= c->max_within) {
        c->has_more = true;
        return;
    }
    VEC_PUSH(&c->found, ((struct near){slot, distance}));
    c->counts[distance]++;
    c->n_within++;
}

/* To the least radius within which enough of those found lie. */
static void shrink_radius(struct candidates *c)
{
    while (c->radius > 0 && c->n_within - c->counts[c->radius] >= c->wanted) {
        c->n_within -= c->counts[c->radius--];
        c->has_more = true;
    }
}

/* What was kept while the radius was wider goes. */
static void drop_far(struct candidates *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->found.len; i++) {
        c->found.ptr[n] = c->found.ptr[i];
        n += c->found.ptr[i].distance <= c->radius;
    }
    c->found.len = n;
}

static void scan_chunk(const struct index_view *v, const struct query *q, size_t at,
                       const struct bitmap *among, struct candidates *out)
{
    const struct chunk *c = v->chunks[at];
    size_t n = MIN(v->n_slots - at * CHUNK_SLOTS, (size_t)CHUNK_SLOTS), n_places;
    uint16_t distances[CHUNK_SLOTS], places[CHUNK_SLOTS];

    v->owner->kernels->distances(q->code, c->codes, v->owner->n_words, n, distances);
    n_places = v->owner->kernels->within(distances, n, out->radius, places);
    for (size_t i = 0; i < n_places; i++) {
        if (is_allowed(c, among, places[i]))
            keep(out, (uint32_t)(at * CHUNK_SLOTS + places[i]), distances[places[i]]);
    }
    shrink_radius(out);
}

/* Dropping goes through all that was found, so it waits until at least half of that is far. */
static void find_candidates(const struct index_view *v, const struct query *q,
                            const struct bitmap *among, struct candidates *out)
{
    for (size_t at = 0; at < v->n_chunks; at++) {
        if (out->found.len > 2 * (out->max_within + CHUNK_SLOTS))
            drop_far(out);
        scan_chunk(v, q, at, among, out);
    }
    drop_far(out);
}

/* -- step two: the nearest by bytes ------------------------------------------------------------- */

static float cosine_of(const struct index_view *v, const struct query *q, size_t slot,
                       int32_t (*dot)(const int8_t *, const int8_t *, size_t))
{
    const struct chunk *c = v->chunks[slot / CHUNK_SLOTS];
    size_t i = slot % CHUNK_SLOTS, dim = v->owner->dim;
    float cosine = (float)dot(q->bytes, c->bytes + i * dim, dim) * q->scale * c->slots[i].scale;

    return MIN(MAX(cosine, -1.0f), 1.0f);
}

static void prefetch(const struct index_view *v, size_t slot)
{
    const struct chunk *c = v->chunks[slot / CHUNK_SLOTS];
    const int8_t *bytes = c->bytes + slot % CHUNK_SLOTS * v->owner->dim;

    for (size_t i = 0; i < v->owner->dim; i += CACHE_LINE)
        __builtin_prefetch(bytes + i);
    __builtin_prefetch(&c->slots[slot % CHUNK_SLOTS]);
}

/* -- several parts of a memory: the best of them ------------------------------------------------ */

struct best_parts {
    struct index_hit *hits; /* each id once */
    size_t n;
    uint32_t *places; /* a hash table from id to its place in hits, from 1; 0 is free */
    size_t n_places;  /* a power of two, at least twice the hits */
};

static void best_parts_init(struct best_parts *b, size_t max_hits)
{
    *b = (struct best_parts){.hits = NEW_ARRAY(struct index_hit, max_hits), .n_places = 2};
    while (b->n_places < 2 * max_hits)
        b->n_places *= 2;
    b->places = NEW_ARRAY(uint32_t, b->n_places);
}

static void best_parts_deinit(struct best_parts *b)
{
    free(b->hits);
    free(b->places);
}

static void best_parts_add(struct best_parts *b, struct index_hit hit)
{
    size_t at = index_home_of(hit.id, b->n_places);

    while (b->places[at] && b->hits[b->places[at] - 1].id != hit.id)
        at = (at + 1) & (b->n_places - 1);
    if (!b->places[at]) {
        b->hits[b->n++] = hit;
        b->places[at] = (uint32_t)b->n;
    } else if (is_better(&hit, &b->hits[b->places[at] - 1])) {
        b->hits[b->places[at] - 1] = hit;
    }
}

static void rank(const struct index_view *v, const struct query *q, const struct near *list,
                 size_t n, struct top *top)
{
    struct best_parts parts = {0};
    bool has_parts = v->n_slots > v->n_ids;

    if (has_parts)
        best_parts_init(&parts, n);
    for (size_t i = 0; i < n; i++) {
        struct index_hit hit = {index_id_at(v->chunks, list[i].slot),
                                cosine_of(v, q, list[i].slot, v->owner->kernels->dot)};

        if (i + PREFETCH_AHEAD < n)
            prefetch(v, list[i + PREFETCH_AHEAD].slot);
        if (has_parts)
            best_parts_add(&parts, hit);
        else
            offer(top, hit);
    }
    for (size_t i = 0; i < parts.n; i++)
        offer(top, parts.hits[i]);
    best_parts_deinit(&parts);
}

/* -- the search -------------------------------------------------------------------------------- */

static void candidates_init(struct candidates *c, const struct index_view *v, size_t wanted)
{
    *c = (struct candidates){
        .wanted = wanted,
        .max_within = TIES_SHARE * wanted,
        .radius = (uint16_t)v->owner->dim,
    };
}

size_t index_n_candidates(const struct index_view *view, const float *query,
                          const struct bitmap *among, size_t limit)
{
    struct candidates c;
    struct query q;

    candidates_init(&c, view, n_candidates(view, limit));
    index_encode(view->owner, query, q.code, q.bytes, &q.scale);
    find_candidates(view, &q, among, &c);
    VEC_DEINIT(&c.found);
    return c.n_within;
}

/* False: among so many candidates are too few memories, and there are more. */
static bool try_search(const struct index_view *v, const struct query *q,
                       const struct bitmap *among, size_t wanted, struct top *top)
{
    struct candidates c;

    candidates_init(&c, v, wanted);
    find_candidates(v, q, among, &c);
    top->n = 0;
    rank(v, q, c.found.ptr, c.found.len, top);
    VEC_DEINIT(&c.found);
    return top->n == top->limit || !c.has_more;
}

size_t index_search(const struct index_view *view, const float *query,
                    const struct bitmap *among, size_t limit, struct index_hit *out)
{
    struct top top = {.hits = out, .limit = limit};
    struct query q;
    size_t wanted = n_candidates(view, limit);

    if (limit == 0)
        return 0;
    index_encode(view->owner, query, q.code, q.bytes, &q.scale);
    while (!try_search(view, &q, among, wanted, &top))
        wanted *= WIDER;
    qsort(out, top.n, sizeof(*out), compare_hits);
    return top.n;
}

/* -- the oracle ------------------------------------------------------------------------------- */

static int32_t dot_plain(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Of neighbours with the same id the first, which has to be the better one. */
static size_t keep_first_of_each(struct index_hit *list, size_t n)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || list[i].id != list[i - 1].id)
            list[n_kept++] = list[i];
    }
    return n_kept;
}

static int compare_parts(const void *a, const void *b)
{
    const struct index_hit *x = a, *y = b;

    return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : compare_hits(a, b);
}

size_t index_search_plain(const struct index_view *view, const float *query,
                          const struct bitmap *among, size_t limit, struct index_hit *out)
{
    struct query q;
    struct index_hit *all = NEW_ARRAY(struct index_hit, view->n_slots);
    size_t n = 0;

    index_encode(view->owner, query, q.code, q.bytes, &q.scale);
    for (size_t slot = 0; slot < view->n_slots; slot++) {
        if (is_allowed(view->chunks[slot / CHUNK_SLOTS], among, slot % CHUNK_SLOTS))
            all[n++] = (struct index_hit){index_id_at(view->chunks, slot),
                                          cosine_of(view, &q, slot, dot_plain)};
    }
    qsort(all, n, sizeof(*all), compare_parts);
    n = keep_first_of_each(all, n);
    qsort(all, n, sizeof(*all), compare_hits);
    n = MIN(n, limit);
    if (n)
        memcpy(out, all, n * sizeof(*all));
    free(all);
    return n;
}

/*
 * search.c - a search in two steps: all signs, then the bytes of those whose signs are nearest.
 *
 * The number of differing signs estimates the angle (Charikar, STOC 2002); it is coarse, but costs
 * 48 bytes and a few instructions where a vector of 384 floats takes 1,536 bytes. So it only chooses
 * candidates, more than are wanted, and the bytes rank them. The filter is tested before a code counts,
 * so that a search never starves. Parts of one memory may lie anywhere, so a hit that is in the heap
 * already is raised in place.
 *
 * How many candidates: enough that of the ten nearest by fp32 99 in 100 are found (docs/benchmarks.md).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CANDIDATES_MIN     1000
#define CANDIDATES_PER_HIT 20
#define CANDIDATES_SHARE   250 /* one slot in so many besides */
#define CACHE_LINE         64
#define PREFETCH_AHEAD     8          /* candidates, whose bytes lie anywhere */
#define FAR                UINT16_MAX /* the distance of what the filter keeps out */

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

static void offer(struct top *t, struct index_hit hit, bool may_repeat)
{
    if (t->n == t->limit && !is_better(&hit, &t->hits[0]))
        return;
    for (size_t i = 0; may_repeat && i < t->n; i++) {
        if (t->hits[i].id != hit.id)
            continue;
        if (is_better(&hit, &t->hits[i])) {
            t->hits[i] = hit;
            sift_down(t, i); /* it became better: it can only sink towards the leaves */
        }
        return;
    }
    if (t->n < t->limit) {
        t->hits[t->n] = hit;
        sift_up(t, t->n++);
    } else {
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

static bool is_allowed(const struct index *ix, const struct bitmap *allowed, size_t slot)
{
    return !allowed || bitmap_has(allowed, ix->s.ids[slot]);
}

/* The distance of every slot; FAR for those not allowed. counts[d] of them are at distance d. */
static void measure(const struct index *ix, const struct query *q, const struct bitmap *allowed,
                    uint16_t *distances, uint32_t *counts)
{
    uint32_t odd[INDEX_DIM_MAX + 1] = {0}; /* two sets of counters do not wait for each other */
    uint32_t *const sets[] = {counts, odd};

    ix->kernels->distances(q->code, ix->s.codes, ix->n_words, ix->s.n_slots, distances);
    for (size_t slot = 0; slot < ix->s.n_slots; slot++) {
        if (is_allowed(ix, allowed, slot))
            sets[slot % 2][distances[slot]]++;
        else
            distances[slot] = FAR;
    }
    for (size_t d = 0; d <= ix->dim; d++)
        counts[d] += odd[d];
}

/* The least distance within which at least n slots lie, or that of all. */
static uint16_t radius_of(const uint32_t *counts, size_t dim, size_t n)
{
    size_t sum = counts[0];
    uint16_t radius = 0;

    while (sum < n && radius < dim)
        sum += counts[++radius];
    return radius;
}

static size_t n_candidates(const struct index *ix, size_t limit)
{
    return CANDIDATES_MIN + CANDIDATES_PER_HIT * limit + ix->s.n_slots / CANDIDATES_SHARE;
}

/* -- step two: the nearest by bytes ------------------------------------------------------------- */

static float cosine_of(const struct index *ix, const struct query *q, size_t slot,
                       int32_t (*dot)(const int8_t *, const int8_t *, size_t))
{
    float cosine = (float)dot(q->bytes, index_slot_bytes(ix, slot), ix->dim) * q->scale *
                   ix->s.scales[slot];

    return MIN(MAX(cosine, -1.0f), 1.0f);
}

/* The slots within the radius, in order; how many. */
static size_t collect(const struct index *ix, const uint16_t *distances, uint16_t radius,
                      uint32_t *out)
{
    size_t n = 0;

    for (size_t slot = 0; slot < ix->s.n_slots; slot++) {
        if (distances[slot] <= radius)
            out[n++] = (uint32_t)slot;
    }
    return n;
}

static void prefetch(const struct index *ix, uint32_t slot)
{
    const int8_t *bytes = index_slot_bytes(ix, slot);

    for (size_t i = 0; i < ix->dim; i += CACHE_LINE)
        __builtin_prefetch(bytes + i);
    __builtin_prefetch(&ix->s.scales[slot]);
}

static void rank(const struct index *ix, const struct query *q, const uint32_t *slots, size_t n,
                 struct top *top)
{
    bool has_parts = ix->s.n_slots > ix->s.n_ids;

    for (size_t i = 0; i < n; i++) {
        if (i + PREFETCH_AHEAD < n)
            prefetch(ix, slots[i + PREFETCH_AHEAD]);
        offer(top,
              (struct index_hit){ix->s.ids[slots[i]],
                                 cosine_of(ix, q, slots[i], ix->kernels->dot)},
              has_parts);
    }
}

static void scan(const struct index *ix, const struct query *q, const struct bitmap *allowed,
                 struct top *top)
{
    uint16_t *distances = NEW_ARRAY(uint16_t, ix->s.n_slots);
    uint32_t *counts = NEW_ARRAY(uint32_t, ix->dim + 1);
    uint32_t *slots;
    uint16_t radius;
    size_t n = 0;

    measure(ix, q, allowed, distances, counts);
    radius = radius_of(counts, ix->dim, n_candidates(ix, top->limit));
    for (size_t d = 0; d <= radius; d++)
        n += counts[d];
    slots = NEW_ARRAY(uint32_t, n);
    rank(ix, q, slots, collect(ix, distances, radius, slots), top);
    free(slots);
    free(counts);
    free(distances);
}

size_t index_search(const struct index *ix, const float *query, const struct bitmap *allowed,
                    size_t limit, struct index_hit *out)
{
    struct top top = {.hits = out, .limit = limit};
    struct query q;

    if (limit == 0)
        return 0;
    index_encode(ix, query, q.code, q.bytes, &q.scale);
    index_lock_read(ix);
    if (ix->s.n_slots)
        scan(ix, &q, allowed, &top);
    index_unlock_read(ix);
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

static float best_part(const struct index *ix, const struct query *q, uint32_t slot)
{
    float best = -2;

    for (; slot != SLOT_NONE; slot = ix->s.next[slot])
        best = MAX(best, cosine_of(ix, q, slot, dot_plain));
    return best;
}

size_t index_search_plain(const struct index *ix, const float *query,
                          const struct bitmap *allowed, size_t limit, struct index_hit *out)
{
    struct query q;
    struct index_hit *all;
    size_t n = 0;

    index_encode(ix, query, q.code, q.bytes, &q.scale);
    index_lock_read(ix);
    all = NEW_ARRAY(struct index_hit, ix->s.n_ids);
    for (size_t i = 0; i < ix->s.n_heads; i++) {
        uint32_t slot = ix->s.heads[i];

        if (slot != SLOT_NONE && is_allowed(ix, allowed, slot))
            all[n++] = (struct index_hit){ix->s.ids[slot], best_part(ix, &q, slot)};
    }
    index_unlock_read(ix);
    qsort(all, n, sizeof(*all), compare_hits);
    n = MIN(n, limit);
    if (n)
        memcpy(out, all, n * sizeof(*all));
    free(all);
    return n;
}

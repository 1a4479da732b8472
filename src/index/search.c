/*
 * search.c - a search in two steps: all signs, then the bytes of those whose signs are nearest.
 *
 * The number of differing signs estimates the angle (Charikar, STOC 2002); it is coarse, but costs
 * 48 bytes and a few instructions where a vector of 384 floats takes 1,536 bytes. So it only chooses
 * candidates, more than are wanted, and the bytes rank them. A filter that keeps much out is asked before
 * a code counts, another one only about candidates, unless too few of them pass: so a search never
 * starves. Parts of one memory may lie anywhere, so a hit that is in the heap
 * already is raised in place.
 *
 * How many candidates: enough that of the ten nearest by fp32 99 in 100 are found (docs/search.md).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CANDIDATES_MIN     1000
#define CANDIDATES_PER_HIT 10 /* of the first FRONT_HITS */
#define CANDIDATES_DEEPER  4  /* of each after them */
#define FRONT_HITS         64
#define CANDIDATES_SHARE   250   /* one slot in so many besides */
#define SAMPLED_FROM       16384 /* slots; of more, one in SAMPLE_STEP tells the radius */
#define SAMPLE_STEP        4
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
    size_t front = MIN(limit, (size_t)FRONT_HITS);

    return CANDIDATES_MIN + CANDIDATES_PER_HIT * front + CANDIDATES_DEEPER * (limit - front) +
           ix->s.n_slots / CANDIDATES_SHARE;
}

static void keep_allowed(const struct index *ix, const struct bitmap *allowed,
                         uint16_t *distances)
{
    for (size_t slot = 0; slot < ix->s.n_slots; slot++) {
        if (!is_allowed(ix, allowed, slot))
            distances[slot] = FAR;
    }
}

/* The distance within which some n slots lie. Of many slots a sample is counted. */
static uint16_t find_radius(const struct index *ix, const uint16_t *distances, size_t n)
{
    uint32_t counts[2][INDEX_DIM_MAX + 1] = {{0}}; /* two sets do not wait for each other */
    size_t step = ix->s.n_slots > SAMPLED_FROM ? SAMPLE_STEP : 1;

    for (size_t slot = 0; slot < ix->s.n_slots; slot += step) {
        if (distances[slot] != FAR)
            counts[slot / step % 2][distances[slot]]++;
    }
    for (size_t d = 0; d <= ix->dim; d++)
        counts[0][d] += counts[1][d];
    return radius_of(counts[0], ix->dim, (n + step - 1) / step);
}

/* The slots within the radius, in order; how many. */
static size_t collect(const struct index *ix, const uint16_t *distances, uint16_t radius,
                      uint32_t *out)
{
    size_t n = 0;

    for (size_t slot = 0; slot < ix->s.n_slots; slot++) {
        out[n] = (uint32_t)slot; /* without a branch: out has room for all */
        n += distances[slot] <= radius;
    }
    return n;
}

/* -- step two: the nearest by bytes ------------------------------------------------------------- */

static float cosine_of(const struct index *ix, const struct query *q, size_t slot,
                       int32_t (*dot)(const int8_t *, const int8_t *, size_t))
{
    float cosine = (float)dot(q->bytes, index_slot_bytes(ix, slot), ix->dim) * q->scale *
                   ix->s.scales[slot];

    return MIN(MAX(cosine, -1.0f), 1.0f);
}

static void prefetch(const struct index *ix, uint32_t slot)
{
    const int8_t *bytes = index_slot_bytes(ix, slot);

    for (size_t i = 0; i < ix->dim; i += CACHE_LINE)
        __builtin_prefetch(bytes + i);
    __builtin_prefetch(&ix->s.scales[slot]);
}

/* Offers the candidates that the filter lets through; how many these are. */
static size_t rank(const struct index *ix, const struct query *q, const struct bitmap *allowed,
                   const uint32_t *slots, size_t n, struct top *top)
{
    bool has_parts = ix->s.n_slots > ix->s.n_ids;
    size_t n_offered = 0;

    for (size_t i = 0; i < n; i++) {
        if (i + PREFETCH_AHEAD < n)
            prefetch(ix, slots[i + PREFETCH_AHEAD]);
        if (!is_allowed(ix, allowed, slots[i]))
            continue;
        n_offered++;
        offer(top,
              (struct index_hit){ix->s.ids[slots[i]],
                                 cosine_of(ix, q, slots[i], ix->kernels->dot)},
              has_parts);
    }
    return n_offered;
}

/* Whether the filter lets most through: then it need not be asked about every slot. */
static bool is_wide(const struct index *ix, const struct bitmap *allowed)
{
    return bitmap_count(allowed) >= ix->s.n_ids - ix->s.n_ids / 4;
}

static void scan(const struct index *ix, const struct query *q, const struct bitmap *allowed,
                 struct top *top)
{
    size_t wanted = n_candidates(ix, top->limit), n, n_slots = ix->s.n_slots;
    uint16_t *distances = NEW_ARRAY(uint16_t, n_slots);
    uint32_t *slots = NEW_ARRAY(uint32_t, n_slots + 1);
    bool is_strict = allowed && !is_wide(ix, allowed);

    ix->kernels->distances(q->code, ix->s.codes, ix->n_words, n_slots, distances);
    if (is_strict)
        keep_allowed(ix, allowed, distances);
    n = collect(ix, distances, find_radius(ix, distances, wanted), slots);
    /* What is kept out may be just what is nearest: then ask about every slot after all. */
    if (rank(ix, q, allowed, slots, n, top) < n / 2 && !is_strict) {
        keep_allowed(ix, allowed, distances);
        top->n = 0;
        rank(ix, q, NULL, slots,
             collect(ix, distances, find_radius(ix, distances, wanted), slots), top);
    }
    free(slots);
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

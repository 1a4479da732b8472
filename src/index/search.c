/*
 * search.c - the exact scan: every vector that the filter lets through, and the best of them kept.
 *
 * The filter is tested before the vector is read, so that a search costs what it allows. Parts of
 * one memory may lie anywhere, so a hit that is in the heap already is raised in place.
 *
 * Not done: anything approximate. 100,000 vectors of 384 floats are scanned in some 16 ms on one
 * core, which is the time that it takes to read them from memory; faster forms have to read less, and
 * come behind the same calls, with the plain scan here as their oracle.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

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

/* -- search ----------------------------------------------------------------------------------- */

static void scan(const struct index *ix, const float *query, const struct bitmap *allowed,
                 struct top *top)
{
    bool has_parts = ix->n_slots > ix->n_ids;

    for (size_t slot = 0; slot < ix->n_slots; slot++) {
        struct index_hit hit = {.id = ix->ids[slot]};

        if (allowed && !bitmap_has(allowed, hit.id))
            continue;
        hit.cosine = ix->dot(query, index_vector(ix, slot), ix->dim);
        offer(top, hit, has_parts);
    }
}

size_t index_search(const struct index *ix, const float *query, const struct bitmap *allowed,
                    size_t limit, struct index_hit *out)
{
    struct top top = {.hits = out, .limit = limit};

    if (limit == 0)
        return 0;
    index_lock_read(ix);
    scan(ix, query, allowed, &top);
    index_unlock_read(ix);
    qsort(out, top.n, sizeof(*out), compare_hits);
    return top.n;
}

/* -- the oracle ------------------------------------------------------------------------------- */

static float best_part(const struct index *ix, const float *query, uint32_t slot)
{
    float best = -2;

    for (; slot != SLOT_NONE; slot = ix->next[slot]) {
        const float *v = index_vector(ix, slot);
        float sum = 0;

        for (size_t k = 0; k < ix->dim; k++)
            sum += query[k] * v[k];
        best = MAX(best, sum);
    }
    return best;
}

size_t index_search_plain(const struct index *ix, const float *query,
                          const struct bitmap *allowed, size_t limit, struct index_hit *out)
{
    struct index_hit *all;
    size_t n = 0;

    index_lock_read(ix);
    all = NEW_ARRAY(struct index_hit, ix->n_ids);
    for (size_t i = 0; i < ix->n_heads; i++) {
        uint32_t slot = ix->heads[i];

        if (slot == SLOT_NONE || (allowed && !bitmap_has(allowed, ix->ids[slot])))
            continue;
        all[n++] = (struct index_hit){ix->ids[slot], best_part(ix, query, slot)};
    }
    index_unlock_read(ix);
    qsort(all, n, sizeof(*all), compare_hits);
    n = MIN(n, limit);
    if (n)
        memcpy(out, all, n * sizeof(*all));
    free(all);
    return n;
}

/*
 * index.c - flat storage and the exact scan.
 *
 * Vectors lie one after the other in slots; the slot of a removed vector is filled by the last one, so
 * that a scan never meets a hole. ids are the store's row numbers, which are dense: the table from id
 * to its slots is an array.
 *
 * A search scans blocks of slots: first all dot products of a block, then the few that beat the worst
 * hit so far go into a heap. The parts of one memory may lie anywhere, so a hit that is in the heap
 * already is raised in place.
 *
 * Not done: anything approximate. 100,000 vectors of 384 floats are scanned in some 15 ms on one
 * core; faster forms come behind the same calls, with the plain scan here as their oracle.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "index/dot.h"

#define BLOCK_SLOTS 256

struct slots_of { /* where the parts of one id are */
    uint32_t *slots;
    uint32_t n;
};

struct index {
    size_t dim;
    float (*dot)(const float *a, const float *b, size_t dim);

    pthread_rwlock_t lock; /* guards all below; searches read, put and remove write */
    float *vectors;        /* n_slots * dim */
    int64_t *ids;          /* the owner of each slot */
    uint32_t n_slots;
    uint32_t cap_slots;
    struct slots_of *table; /* by id */
    size_t n_table;
    size_t n_ids;
};

struct index *index_new(size_t dim)
{
    struct index *ix = NEW(struct index);

    ix->dim = dim;
    ix->dot = dot_choose();
    pthread_rwlock_init(&ix->lock, NULL);
    return ix;
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    for (size_t i = 0; i < ix->n_table; i++)
        free(ix->table[i].slots);
    free(ix->table);
    free(ix->vectors);
    free(ix->ids);
    pthread_rwlock_destroy(&ix->lock);
    free(ix);
}

static const float *vector_at(const struct index *ix, uint32_t slot)
{
    return ix->vectors + (size_t)slot * ix->dim;
}

/* -- put and remove --------------------------------------------------------------------------- */

static void reserve(struct index *ix, size_t n_slots, int64_t id)
{
    if (n_slots > ix->cap_slots) {
        size_t cap = MAX(n_slots, (size_t)ix->cap_slots + ix->cap_slots / 2);

        cap = MAX(cap, (size_t)BLOCK_SLOTS);
        ix->vectors = mem_grow(ix->vectors, cap, ix->dim * sizeof(float));
        ix->ids = mem_grow(ix->ids, cap, sizeof(*ix->ids));
        ix->cap_slots = (uint32_t)cap;
    }
    if ((size_t)id >= ix->n_table) {
        size_t n = MAX((size_t)id + 1, ix->n_table * 2);

        ix->table = mem_grow(ix->table, n, sizeof(*ix->table));
        memset(ix->table + ix->n_table, 0, (n - ix->n_table) * sizeof(*ix->table));
        ix->n_table = n;
    }
}

/* Tells the owner of the vector in slot `from` that it is in slot `to` now. */
static void rename_slot(struct index *ix, uint32_t from, uint32_t to)
{
    struct slots_of *owner = &ix->table[ix->ids[from]];

    for (uint32_t i = 0; i < owner->n; i++) {
        if (owner->slots[i] == from)
            owner->slots[i] = to;
    }
}

static void drop_slot(struct index *ix, uint32_t slot)
{
    uint32_t last = ix->n_slots - 1;

    if (slot != last) {
        rename_slot(ix, last, slot);
        memcpy(ix->vectors + (size_t)slot * ix->dim, vector_at(ix, last),
               ix->dim * sizeof(float));
        ix->ids[slot] = ix->ids[last];
    }
    ix->n_slots = last;
}

static void remove_locked(struct index *ix, int64_t id)
{
    struct slots_of *of;

    if (id <= 0 || (size_t)id >= ix->n_table || ix->table[id].n == 0)
        return;
    of = &ix->table[id];
    while (of->n) { /* from the back: dropping may rename the slots of this very id */
        uint32_t slot = of->slots[of->n - 1];

        of->n--;
        drop_slot(ix, slot);
    }
    free(of->slots);
    *of = (struct slots_of){0};
    ix->n_ids--;
}

void index_put(struct index *ix, int64_t id, const float *vectors, size_t n_parts)
{
    struct slots_of *of;

    assert(id > 0);
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    if (n_parts) {
        reserve(ix, ix->n_slots + n_parts, id);
        of = &ix->table[id];
        of->slots = NEW_ARRAY(uint32_t, n_parts);
        for (size_t i = 0; i < n_parts; i++) {
            memcpy(ix->vectors + (size_t)ix->n_slots * ix->dim, vectors + i * ix->dim,
                   ix->dim * sizeof(float));
            ix->ids[ix->n_slots] = id;
            of->slots[of->n++] = ix->n_slots++;
        }
        ix->n_ids++;
    }
    pthread_rwlock_unlock(&ix->lock);
}

void index_remove(struct index *ix, int64_t id)
{
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    pthread_rwlock_unlock(&ix->lock);
}

static void read_lock(const struct index *ix)
{
    pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&ix->lock);
}

static void read_unlock(const struct index *ix)
{
    pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&ix->lock);
}

size_t index_count(const struct index *ix)
{
    size_t n;

    read_lock(ix);
    n = ix->n_ids;
    read_unlock(ix);
    return n;
}

size_t index_bytes(const struct index *ix)
{
    size_t n;

    read_lock(ix);
    n = (size_t)ix->cap_slots * (ix->dim * sizeof(float) + sizeof(*ix->ids)) +
        ix->n_table * sizeof(*ix->table) + ix->n_slots * sizeof(uint32_t);
    read_unlock(ix);
    return n;
}

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

    for (uint32_t from = 0; from < ix->n_slots; from += BLOCK_SLOTS) {
        uint32_t to = MIN(from + BLOCK_SLOTS, ix->n_slots);

        for (uint32_t slot = from; slot < to; slot++) {
            struct index_hit hit = {.id = ix->ids[slot]};

            if (allowed && !bitmap_has(allowed, hit.id))
                continue;
            hit.cosine = ix->dot(query, vector_at(ix, slot), ix->dim);
            offer(top, hit, has_parts);
        }
    }
}

size_t index_search(const struct index *ix, const float *query, const struct bitmap *allowed,
                    size_t limit, struct index_hit *out)
{
    struct top top = {.hits = out, .limit = limit};

    if (limit == 0)
        return 0;
    read_lock(ix);
    scan(ix, query, allowed, &top);
    read_unlock(ix);
    qsort(out, top.n, sizeof(*out), compare_hits);
    return top.n;
}

/* -- the oracle ------------------------------------------------------------------------------- */

static float best_part(const struct index *ix, const float *query, const struct slots_of *of)
{
    float best = -2;

    for (uint32_t i = 0; i < of->n; i++) {
        const float *v = vector_at(ix, of->slots[i]);
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

    read_lock(ix);
    all = NEW_ARRAY(struct index_hit, ix->n_table);
    for (size_t id = 1; id < ix->n_table; id++) {
        if (ix->table[id].n == 0 || (allowed && !bitmap_has(allowed, (int64_t)id)))
            continue;
        all[n++] = (struct index_hit){(int64_t)id, best_part(ix, query, &ix->table[id])};
    }
    read_unlock(ix);
    qsort(all, n, sizeof(*all), compare_hits);
    n = MIN(n, limit);
    if (n)
        memcpy(out, all, n * sizeof(*all));
    free(all);
    return n;
}

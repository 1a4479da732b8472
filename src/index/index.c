/*
 * index.c - flat storage: vectors in slots, and the way from an id to its slots.
 *
 * A vector is kept as the signs of its components and, for a closer look, as bytes with a scale.
 * They lie one after the other; the slot of a removed vector is filled by the last one, so that a
 * scan never meets a hole. The parts of one id are chained from slot to slot, and a hash table knows
 * the first of them. The table costs by what is stored, not by how large ids are: an index holds one
 * space's rows, whose numbers may be thin among those of other spaces.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define SLOTS_MIN 256 /* room made by the first put */

struct index *index_new(size_t dim)
{
    struct index *ix = NEW(struct index);

    assert(dim > 0 && dim <= INDEX_DIM_MAX);
    ix->dim = dim;
    ix->n_words = (dim + 63) / 64;
    ix->kernels = index_kernels_choose();
    pthread_rwlock_init(&ix->lock, NULL);
    return ix;
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    free(ix->heads);
    free(ix->next);
    free(ix->ids);
    free(ix->scales);
    free(ix->bytes);
    free(ix->codes);
    pthread_rwlock_destroy(&ix->lock);
    free(ix);
}

/* -- from id to slots: open addressing, linear probing, at most half full ----------------------- */

static size_t home_of(const struct index *ix, int64_t id)
{
    uint64_t mixed = (uint64_t)id * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads runs */

    return (size_t)(mixed >> 32) & (ix->n_heads - 1);
}

/* Where id is in the table, or where it would go. The table is not empty. */
static size_t find_head(const struct index *ix, int64_t id)
{
    size_t at = home_of(ix, id);

    while (ix->heads[at] != SLOT_NONE && ix->ids[ix->heads[at]] != id)
        at = (at + 1) & (ix->n_heads - 1);
    return at;
}

static bool has_id(const struct index *ix, int64_t id)
{
    return ix->n_heads && ix->heads[find_head(ix, id)] != SLOT_NONE;
}

/* Empties a place and closes the gap, so that probing never needs marks for removed entries. */
static void erase_head(struct index *ix, size_t gap)
{
    size_t mask = ix->n_heads - 1;

    for (size_t at = (gap + 1) & mask; ix->heads[at] != SLOT_NONE; at = (at + 1) & mask) {
        size_t home = home_of(ix, ix->ids[ix->heads[at]]);

        if (((at - home) & mask) >= ((at - gap) & mask)) { /* its home is not behind the gap */
            ix->heads[gap] = ix->heads[at];
            gap = at;
        }
    }
    ix->heads[gap] = SLOT_NONE;
}

static void grow_heads(struct index *ix)
{
    uint32_t *old = ix->heads;
    size_t n_old = ix->n_heads;

    ix->n_heads = MAX(n_old * 2, (size_t)SLOTS_MIN);
    ix->heads = NEW_ARRAY(uint32_t, ix->n_heads);
    memset(ix->heads, 0xff, ix->n_heads * sizeof(*ix->heads)); /* SLOT_NONE */
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] != SLOT_NONE)
            ix->heads[find_head(ix, ix->ids[old[i]])] = old[i];
    }
    free(old);
}

/* -- what is kept of a vector ------------------------------------------------------------------ */

static uint64_t signs_of(const float *v, size_t n)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < n; i++)
        bits |= (uint64_t)(v[i] > 0) << i;
    return bits;
}

void index_encode(const struct index *ix, const float *vector, uint64_t *code, int8_t *bytes,
                  float *scale)
{
    for (size_t i = 0; i < ix->n_words; i++)
        code[i] = signs_of(vector + 64 * i, MIN(ix->dim - 64 * i, (size_t)64));
    ix->kernels->quantize(vector, ix->dim, bytes, scale);
}

/* -- put and remove --------------------------------------------------------------------------- */

static void reserve_slots(struct index *ix, size_t n)
{
    size_t cap = MAX(MAX(n, ix->cap_slots + ix->cap_slots / 2), (size_t)SLOTS_MIN);

    if (n <= ix->cap_slots)
        return;
    assert(cap < SLOT_NONE); /* 4 billion vectors are more memory than a machine has */
    ix->codes = mem_grow(ix->codes, cap, ix->n_words * sizeof(*ix->codes));
    ix->bytes = mem_grow(ix->bytes, cap, ix->dim * sizeof(*ix->bytes));
    ix->scales = mem_grow(ix->scales, cap, sizeof(*ix->scales));
    ix->ids = mem_grow(ix->ids, cap, sizeof(*ix->ids));
    ix->next = mem_grow(ix->next, cap, sizeof(*ix->next));
    ix->cap_slots = cap;
}

/* The link, in the table or a chain, that leads to a slot. */
static uint32_t *link_to(struct index *ix, uint32_t slot)
{
    uint32_t *link = &ix->heads[find_head(ix, ix->ids[slot])];

    while (*link != slot)
        link = &ix->next[*link];
    return link;
}

/* Fills a slot that no link leads to any more with the last one. */
static void fill_slot(struct index *ix, uint32_t slot)
{
    uint32_t last = (uint32_t)--ix->n_slots;

    if (slot == last)
        return;
    *link_to(ix, last) = slot;
    memcpy(ix->codes + slot * ix->n_words, index_code(ix, last),
           ix->n_words * sizeof(*ix->codes));
    memcpy(ix->bytes + slot * ix->dim, index_slot_bytes(ix, last), ix->dim);
    ix->scales[slot] = ix->scales[last];
    ix->ids[slot] = ix->ids[last];
    ix->next[slot] = ix->next[last];
}

static void remove_locked(struct index *ix, int64_t id)
{
    size_t at;

    if (!has_id(ix, id))
        return;
    at = find_head(ix, id);
    while (ix->next[ix->heads[at]] != SLOT_NONE) { /* all parts but the last of the chain */
        uint32_t slot = ix->heads[at];

        ix->heads[at] = ix->next[slot];
        fill_slot(ix, slot);
    }
    uint32_t slot = ix->heads[at];
    erase_head(ix, at);
    fill_slot(ix, slot);
    ix->n_ids--;
}

static void add_part(struct index *ix, int64_t id, const float *vector, uint32_t *head)
{
    size_t slot = ix->n_slots++;

    index_encode(ix, vector, ix->codes + slot * ix->n_words, ix->bytes + slot * ix->dim,
                 &ix->scales[slot]);
    ix->ids[slot] = id;
    ix->next[slot] = *head;
    *head = (uint32_t)slot;
}

static void put_locked(struct index *ix, int64_t id, const float *vectors, size_t n_parts)
{
    uint32_t *head;

    if (n_parts == 0)
        return;
    reserve_slots(ix, ix->n_slots + n_parts);
    if (2 * (ix->n_ids + 1) > ix->n_heads)
        grow_heads(ix);
    head = &ix->heads[find_head(ix, id)];
    for (size_t i = 0; i < n_parts; i++)
        add_part(ix, id, vectors + i * ix->dim, head);
    ix->n_ids++;
}

void index_put(struct index *ix, int64_t id, const float *vectors, size_t n_parts)
{
    assert(id > 0 && id <= INDEX_ID_MAX);
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    put_locked(ix, id, vectors, n_parts);
    pthread_rwlock_unlock(&ix->lock);
}

void index_remove(struct index *ix, int64_t id)
{
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    pthread_rwlock_unlock(&ix->lock);
}

size_t index_count(const struct index *ix)
{
    size_t n;

    index_lock_read(ix);
    n = ix->n_ids;
    index_unlock_read(ix);
    return n;
}

size_t index_bytes(const struct index *ix)
{
    size_t n;

    index_lock_read(ix);
    n = ix->cap_slots * (ix->n_words * sizeof(*ix->codes) + ix->dim * sizeof(*ix->bytes) +
                         sizeof(*ix->scales) + sizeof(*ix->ids) + sizeof(*ix->next)) +
        ix->n_heads * sizeof(*ix->heads);
    index_unlock_read(ix);
    return n;
}

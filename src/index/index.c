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

static void free_slots(struct slots *s)
{
    free(s->heads);
    free(s->next);
    free(s->ids);
    free(s->scales);
    free(s->bytes);
    free(s->codes);
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    free_slots(&ix->s);
    pthread_rwlock_destroy(&ix->lock);
    free(ix);
}

/* -- from id to slots: open addressing, linear probing, at most half full ----------------------- */

static size_t home_of(const struct index *ix, int64_t id)
{
    uint64_t mixed = (uint64_t)id * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads runs */

    return (size_t)(mixed >> 32) & (ix->s.n_heads - 1);
}

/* Where id is in the table, or where it would go. The table is not empty. */
static size_t find_head(const struct index *ix, int64_t id)
{
    size_t at = home_of(ix, id);

    while (ix->s.heads[at] != SLOT_NONE && ix->s.ids[ix->s.heads[at]] != id)
        at = (at + 1) & (ix->s.n_heads - 1);
    return at;
}

static bool has_id(const struct index *ix, int64_t id)
{
    return ix->s.n_heads && ix->s.heads[find_head(ix, id)] != SLOT_NONE;
}

/* Empties a place and closes the gap, so that probing never needs marks for removed entries. */
static void erase_head(struct index *ix, size_t gap)
{
    size_t mask = ix->s.n_heads - 1;

    for (size_t at = (gap + 1) & mask; ix->s.heads[at] != SLOT_NONE; at = (at + 1) & mask) {
        size_t home = home_of(ix, ix->s.ids[ix->s.heads[at]]);

        if (((at - home) & mask) >= ((at - gap) & mask)) { /* its home is not behind the gap */
            ix->s.heads[gap] = ix->s.heads[at];
            gap = at;
        }
    }
    ix->s.heads[gap] = SLOT_NONE;
}

static void grow_heads(struct index *ix)
{
    uint32_t *old = ix->s.heads;
    size_t n_old = ix->s.n_heads;

    ix->s.n_heads = MAX(n_old * 2, (size_t)SLOTS_MIN);
    ix->s.heads = NEW_ARRAY(uint32_t, ix->s.n_heads);
    memset(ix->s.heads, 0xff, ix->s.n_heads * sizeof(*ix->s.heads)); /* SLOT_NONE */
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] != SLOT_NONE)
            ix->s.heads[find_head(ix, ix->s.ids[old[i]])] = old[i];
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

void index_reserve(struct index *ix, size_t n)
{
    size_t cap = MAX(MAX(n, ix->s.cap_slots + ix->s.cap_slots / 2), (size_t)SLOTS_MIN);

    if (n <= ix->s.cap_slots)
        return;
    assert(cap < SLOT_NONE); /* 4 billion vectors are more memory than a machine has */
    ix->s.codes = mem_grow(ix->s.codes, cap, ix->n_words * sizeof(*ix->s.codes));
    ix->s.bytes = mem_grow(ix->s.bytes, cap, ix->dim * sizeof(*ix->s.bytes));
    ix->s.scales = mem_grow(ix->s.scales, cap, sizeof(*ix->s.scales));
    ix->s.ids = mem_grow(ix->s.ids, cap, sizeof(*ix->s.ids));
    ix->s.next = mem_grow(ix->s.next, cap, sizeof(*ix->s.next));
    ix->s.cap_slots = cap;
}

/* The link, in the table or a chain, that leads to a slot. */
static uint32_t *link_to(struct index *ix, uint32_t slot)
{
    uint32_t *link = &ix->s.heads[find_head(ix, ix->s.ids[slot])];

    while (*link != slot)
        link = &ix->s.next[*link];
    return link;
}

/* Fills a slot that no link leads to any more with the last one. */
static void fill_slot(struct index *ix, uint32_t slot)
{
    uint32_t last = (uint32_t)--ix->s.n_slots;

    if (slot == last)
        return;
    *link_to(ix, last) = slot;
    memcpy(ix->s.codes + slot * ix->n_words, index_code(ix, last),
           ix->n_words * sizeof(*ix->s.codes));
    memcpy(ix->s.bytes + slot * ix->dim, index_slot_bytes(ix, last), ix->dim);
    ix->s.scales[slot] = ix->s.scales[last];
    ix->s.ids[slot] = ix->s.ids[last];
    ix->s.next[slot] = ix->s.next[last];
}

static void remove_locked(struct index *ix, int64_t id)
{
    size_t at;

    if (!has_id(ix, id))
        return;
    at = find_head(ix, id);
    while (ix->s.next[ix->s.heads[at]] != SLOT_NONE) { /* all parts but the last of the chain */
        uint32_t slot = ix->s.heads[at];

        ix->s.heads[at] = ix->s.next[slot];
        fill_slot(ix, slot);
    }
    uint32_t slot = ix->s.heads[at];
    erase_head(ix, at);
    fill_slot(ix, slot);
    ix->s.n_ids--;
}

void index_link(struct index *ix, uint32_t slot)
{
    uint32_t *head;

    if (2 * (ix->s.n_ids + 1) > ix->s.n_heads)
        grow_heads(ix);
    head = &ix->s.heads[find_head(ix, ix->s.ids[slot])];
    ix->s.n_ids += *head == SLOT_NONE;
    ix->s.next[slot] = *head;
    *head = slot;
}

static void add_part(struct index *ix, int64_t id, const float *vector)
{
    size_t slot = ix->s.n_slots++;

    index_encode(ix, vector, ix->s.codes + slot * ix->n_words, ix->s.bytes + slot * ix->dim,
                 &ix->s.scales[slot]);
    ix->s.ids[slot] = id;
    index_link(ix, (uint32_t)slot);
}

void index_put(struct index *ix, int64_t id, const float *vectors, size_t n_parts)
{
    assert(id > 0 && id <= INDEX_ID_MAX);
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    index_reserve(ix, ix->s.n_slots + n_parts);
    for (size_t i = 0; i < n_parts; i++)
        add_part(ix, id, vectors + i * ix->dim);
    pthread_rwlock_unlock(&ix->lock);
}

void index_remove(struct index *ix, int64_t id)
{
    pthread_rwlock_wrlock(&ix->lock);
    remove_locked(ix, id);
    pthread_rwlock_unlock(&ix->lock);
}

void index_take(struct index *to, struct index *from)
{
    assert(to->dim == from->dim);
    pthread_rwlock_wrlock(&to->lock);
    free_slots(&to->s);
    to->s = from->s;
    pthread_rwlock_unlock(&to->lock);
    from->s = (struct slots){0};
    index_free(from);
}

size_t index_count(const struct index *ix)
{
    size_t n;

    index_lock_read(ix);
    n = ix->s.n_ids;
    index_unlock_read(ix);
    return n;
}

size_t index_bytes(const struct index *ix)
{
    size_t n;

    index_lock_read(ix);
    n = ix->s.cap_slots * (ix->n_words * sizeof(*ix->s.codes) + ix->dim * sizeof(*ix->s.bytes) +
                           sizeof(*ix->s.scales) + sizeof(*ix->s.ids) + sizeof(*ix->s.next)) +
        ix->s.n_heads * sizeof(*ix->s.heads);
    index_unlock_read(ix);
    return n;
}

/*
 * index.c - flat storage: vectors in slots, the way from an id to its slots, and views for searches.
 *
 * A vector is kept as the signs of its components and, for a closer look, as bytes with a scale.
 * They lie one after the other, in chunks; the slot of a removed vector is filled by the last one, so
 * that a scan never meets a hole. The parts of one id are chained from slot to slot, and a hash table
 * knows the first of them. The table costs by what is stored, not by how large ids are: an index holds
 * one space's rows, whose numbers may be thin among those of other spaces.
 *
 * A view is a list of chunks and how many slots count. A slot that a view may look at is never written: a
 * change goes to a copy of its chunk, while what is added behind the view's end goes where it is. So a
 * search needs the lock only to take its view, and an import beside searches copies next to nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define HEADS_MIN 256

struct index *index_new(size_t dim)
{
    struct index *ix = NEW(struct index);

    assert(dim > 0 && dim <= INDEX_DIM_MAX);
    ix->dim = dim;
    ix->n_words = (dim + 63) / 64;
    ix->kernels = index_kernels_choose();
    mutex_init(&ix->lock);
    return ix;
}

/* -- chunks ------------------------------------------------------------------------------------ */

static size_t chunk_bytes(const struct index *ix)
{
    return CHUNK_SLOTS *
           (ix->n_words * sizeof(uint64_t) + ix->dim + sizeof(struct slot) + sizeof(bool));
}

static struct chunk *chunk_new(const struct index *ix)
{
    struct chunk *c = mem_alloc(1, sizeof(*c) + chunk_bytes(ix));

    c->n_refs = 1;
    c->codes = (uint64_t *)(c + 1); /* the most aligned first: none needs a gap */
    c->slots = (struct slot *)(c->codes + CHUNK_SLOTS * ix->n_words);
    c->bytes = (int8_t *)(c->slots + CHUNK_SLOTS);
    c->hidden = (bool *)(c->bytes + CHUNK_SLOTS * ix->dim);
    return c;
}

static void chunk_unref(struct chunk *c)
{
    if (--c->n_refs == 0)
        free(c);
}

/* The chunk of a slot that is to be changed: a copy if a view may look at the slot. */
static struct chunk *writable(struct index *ix, size_t slot)
{
    struct chunk **c = &ix->chunks[slot / CHUNK_SLOTS], *copy;

    if ((*c)->n_refs == 1 || slot % CHUNK_SLOTS >= (*c)->n_seen)
        return *c;
    copy = chunk_new(ix);
    memcpy(copy->codes, (*c)->codes, chunk_bytes(ix));
    chunk_unref(*c);
    *c = copy;
    return copy;
}

static void add_chunk(struct index *ix)
{
    if (ix->n_chunks == ix->cap_chunks) {
        ix->cap_chunks = MAX(ix->cap_chunks * 2, (size_t)8);
        ix->chunks = mem_grow(ix->chunks, ix->cap_chunks, sizeof(struct chunk *));
    }
    ix->chunks[ix->n_chunks++] = chunk_new(ix);
}

static void grow_next(struct index *ix)
{
    assert(ix->cap_slots < SLOT_NONE / 2); /* more vectors than a machine has memory for */
    ix->cap_slots = MAX(ix->cap_slots * 2, (size_t)CHUNK_SLOTS);
    ix->next = mem_grow(ix->next, ix->cap_slots, sizeof(*ix->next));
}

uint32_t index_add_slot(struct index *ix)
{
    size_t slot = ix->n_slots++;

    if (slot / CHUNK_SLOTS == ix->n_chunks)
        add_chunk(ix);
    if (slot == ix->cap_slots)
        grow_next(ix);
    (void)writable(ix, slot);
    return (uint32_t)slot;
}

/* Gives memory back, but for one chunk, so that a slot that comes and goes does not cost one each time. */
static void drop_empty_chunks(struct index *ix)
{
    while (ix->n_chunks > ix->n_slots / CHUNK_SLOTS + 2)
        chunk_unref(ix->chunks[--ix->n_chunks]);
}

/* -- views ------------------------------------------------------------------------------------- */

static struct index_view *view_new(struct index *ix)
{
    size_t n = (ix->n_slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
    struct index_view *v = mem_alloc(1, sizeof(*v) + n * sizeof(v->chunks[0]));

    v->owner = ix;
    v->n_refs = 1; /* the index's own */
    v->n_slots = ix->n_slots;
    v->n_ids = ix->n_ids;
    v->n_chunks = n;
    for (size_t i = 0; i < n; i++) {
        struct chunk *c = ix->chunks[i];
        size_t n_visible = MIN(v->n_slots - i * CHUNK_SLOTS, (size_t)CHUNK_SLOTS);

        c->n_seen = c->n_refs > 1 ? MAX(c->n_seen, n_visible) : n_visible;
        c->n_refs++;
        v->chunks[i] = c;
    }
    return v;
}

static void view_unref(struct index_view *v)
{
    if (--v->n_refs > 0)
        return;
    for (size_t i = 0; i < v->n_chunks; i++)
        chunk_unref(v->chunks[i]);
    free(v);
}

struct index_view *index_view_take(struct index *ix)
{
    MUTEX_SCOPE(&ix->lock);

    if (!ix->view)
        ix->view = view_new(ix);
    ix->view->n_refs++;
    return ix->view;
}

void index_view_give_back(struct index_view **view)
{
    struct index_view *v = STEAL(*view);

    if (!v)
        return;
    MUTEX_SCOPE(&v->owner->lock);
    view_unref(v);
}

size_t index_view_count(const struct index_view *view)
{
    return view->n_ids;
}

/* Before any change: what is there from now on is in no view yet. */
static void drop_view(struct index *ix)
{
    if (ix->view)
        view_unref(STEAL(ix->view));
}

static void drop_all(struct index *ix)
{
    drop_view(ix);
    for (size_t i = 0; i < ix->n_chunks; i++)
        chunk_unref(ix->chunks[i]);
    free(ix->chunks);
    free(ix->next);
    free(ix->heads);
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    drop_all(ix);
    mutex_deinit(&ix->lock);
    free(ix);
}

/* -- from id to slots: open addressing, linear probing, at most half full ----------------------- */

size_t index_home_of(int64_t id, size_t n_places)
{
    uint64_t mixed = (uint64_t)id * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads runs */

    return (size_t)(mixed >> 32) & (n_places - 1);
}

static size_t home_of(const struct index *ix, int64_t id)
{
    return index_home_of(id, ix->n_heads);
}

/* Where id is in the table, or where it would go. The table is not empty. */
static size_t find_head(const struct index *ix, int64_t id)
{
    size_t at = home_of(ix, id);

    while (ix->heads[at] != SLOT_NONE && index_id_at(ix->chunks, ix->heads[at]) != id)
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
        size_t home = home_of(ix, index_id_at(ix->chunks, ix->heads[at]));

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

    ix->n_heads = MAX(n_old * 2, (size_t)HEADS_MIN);
    ix->heads = NEW_ARRAY(uint32_t, ix->n_heads);
    memset(ix->heads, 0xff, ix->n_heads * sizeof(*ix->heads)); /* SLOT_NONE */
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] != SLOT_NONE)
            ix->heads[find_head(ix, index_id_at(ix->chunks, old[i]))] = old[i];
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

/* -- put and remove: index.lock is held --------------------------------------------------------- */

/* The link, in the table or a chain, that leads to a slot. */
static uint32_t *link_to(struct index *ix, uint32_t slot)
{
    uint32_t *link = &ix->heads[find_head(ix, index_id_at(ix->chunks, slot))];

    while (*link != slot)
        link = &ix->next[*link];
    return link;
}

static void copy_slot(struct index *ix, uint32_t to, uint32_t from)
{
    struct chunk *c = writable(ix, to);
    const struct chunk *d = ix->chunks[from / CHUNK_SLOTS];
    size_t i = to % CHUNK_SLOTS, k = from % CHUNK_SLOTS;

    memcpy(c->codes + i * ix->n_words, d->codes + k * ix->n_words,
           ix->n_words * sizeof(*c->codes));
    memcpy(c->bytes + i * ix->dim, d->bytes + k * ix->dim, ix->dim);
    c->slots[i] = d->slots[k];
    c->hidden[i] = d->hidden[k];
}

/* Fills a slot that no link leads to any more with the last one. */
static void fill_slot(struct index *ix, uint32_t slot)
{
    uint32_t last = (uint32_t)(ix->n_slots - 1);

    if (slot != last) {
        *link_to(ix, last) = slot;
        copy_slot(ix, slot, last);
        ix->next[slot] = ix->next[last];
    }
    ix->n_slots--;
}

static void remove_id(struct index *ix, int64_t id)
{
    uint32_t slot;
    size_t at;

    if (!has_id(ix, id))
        return;
    at = find_head(ix, id);
    while (ix->next[ix->heads[at]] != SLOT_NONE) { /* all parts but the last of the chain */
        slot = ix->heads[at];
        ix->heads[at] = ix->next[slot];
        fill_slot(ix, slot);
    }
    slot = ix->heads[at];
    erase_head(ix, at);
    fill_slot(ix, slot);
    ix->n_ids--;
}

void index_link(struct index *ix, uint32_t slot)
{
    uint32_t *head;

    if (2 * (ix->n_ids + 1) > ix->n_heads)
        grow_heads(ix);
    head = &ix->heads[find_head(ix, index_id_at(ix->chunks, slot))];
    ix->n_ids += *head == SLOT_NONE;
    ix->next[slot] = *head;
    *head = slot;
}

static void add_part(struct index *ix, const struct index_item *item, size_t part)
{
    uint32_t slot = index_add_slot(ix);
    struct chunk *c = ix->chunks[slot / CHUNK_SLOTS];
    size_t i = slot % CHUNK_SLOTS;

    c->slots[i] = (struct slot){.id = item->id};
    index_encode(ix, item->vectors + part * ix->dim, c->codes + i * ix->n_words,
                 c->bytes + i * ix->dim, &c->slots[i].scale);
    c->hidden[i] = item->is_hidden;
    index_link(ix, slot);
}

void index_put(struct index *ix, const struct index_item *item)
{
    MUTEX_SCOPE(&ix->lock);

    assert(item->id > 0 && item->id <= INDEX_ID_MAX);
    drop_view(ix);
    remove_id(ix, item->id);
    for (size_t i = 0; i < item->n_parts; i++)
        add_part(ix, item, i);
    drop_empty_chunks(ix);
}

void index_remove(struct index *ix, int64_t id)
{
    MUTEX_SCOPE(&ix->lock);

    drop_view(ix);
    remove_id(ix, id);
    drop_empty_chunks(ix);
}

void index_take(struct index *to, struct index *from)
{
    assert(to->dim == from->dim);
    drop_view(from); /* nobody else has it any more */
    mutex_lock(&to->lock);
    drop_all(to);
    to->chunks = STEAL(from->chunks);
    to->n_chunks = from->n_chunks;
    to->cap_chunks = from->cap_chunks;
    to->next = STEAL(from->next);
    to->n_slots = from->n_slots;
    to->cap_slots = from->cap_slots;
    to->heads = STEAL(from->heads);
    to->n_heads = from->n_heads;
    to->n_ids = from->n_ids;
    mutex_unlock(&to->lock);
    from->n_chunks = 0;
    index_free(from);
}

/* -- counts ------------------------------------------------------------------------------------ */

/* A const index is asked under its lock all the same. */
static struct mutex *lock_of(const struct index *ix)
{
    return (struct mutex *)(uintptr_t)&ix->lock;
}

/* All parts of an id are hidden or none is. */
static enum index_state state_of(const struct index *ix, int64_t id)
{
    uint32_t slot = ix->n_heads ? ix->heads[find_head(ix, id)] : SLOT_NONE;

    if (slot == SLOT_NONE)
        return INDEX_ABSENT;
    return ix->chunks[slot / CHUNK_SLOTS]->hidden[slot % CHUNK_SLOTS] ? INDEX_HIDDEN
                                                                      : INDEX_SHOWN;
}

void index_look(struct index *ix, const int64_t *ids, size_t n, enum index_state *out)
{
    MUTEX_SCOPE(&ix->lock);
    for (size_t i = 0; i < n; i++)
        out[i] = state_of(ix, ids[i]);
}

size_t index_count(const struct index *ix)
{
    MUTEX_SCOPE(lock_of(ix));

    return ix->n_ids;
}

size_t index_bytes(const struct index *ix)
{
    MUTEX_SCOPE(lock_of(ix));

    return ix->n_slots * (chunk_bytes(ix) / CHUNK_SLOTS + sizeof(*ix->next)) +
           ix->n_heads * sizeof(*ix->heads);
}

/*
 * index_int.h - the layout that storing (index.c), searching (search.c) and files (checkpoint.c) share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_INDEX_INT_H
#define INDEX_INDEX_INT_H

#include "index/index.h"

#include "base/str.h"
#include "base/thread.h"
#include "index/kernels.h"

#define SLOT_NONE UINT32_MAX
/* What is copied when a view holds it: some 450 KB, a tenth of a millisecond. */
#define CHUNK_SLOTS 1024

/* What ranking needs to know of a vector besides its bytes: side by side, so that memory is waited for once. */
struct slot {
    int64_t id; /* whose vector it is */
    float scale;
    uint32_t gap; /* 0 */
};

/* CHUNK_SLOTS vectors in one block of memory. */
struct chunk {
    uint64_t *codes;    /* by slot, n_words each: the sign of each component */
    int8_t *bytes;      /* by slot, dim each: components divided by the slot's scale */
    struct slot *slots; /* by slot */
    bool *hidden;       /* by slot; apart, since a scan asks it of many that are not ranked */

    size_t n_refs; /* under index.lock: the index and the views that have it */
    /* Slots that views may look at: changed only in a copy while there are any. */
    size_t n_seen;
};

struct index {
    size_t dim;
    size_t n_words; /* of a code */
    const struct index_kernels *kernels;

    struct mutex lock; /* guards all below, and the references to chunks and views */
    struct chunk **chunks;
    size_t n_chunks;
    size_t cap_chunks;
    uint32_t *next; /* by slot: another part of the same id, or SLOT_NONE */
    size_t n_slots; /* without holes */
    size_t cap_slots;
    uint32_t *heads; /* a hash table from id to its first slot; SLOT_NONE is free */
    size_t n_heads;  /* a power of two, or 0 */
    size_t n_ids;
    struct index_view *view; /* of what is there; NULL: none was taken since the last change */
};

struct index_view {
    struct index *owner;
    size_t n_refs; /* under owner.lock */
    size_t n_slots;
    size_t n_ids;
    size_t n_chunks;
    struct chunk *chunks[];
};

/* Whose vector it is. */
static inline int64_t index_id_at(struct chunk *const *chunks, size_t slot)
{
    return chunks[slot / CHUNK_SLOTS]->slots[slot % CHUNK_SLOTS].id;
}

/* Room for one more slot at the end, that no view looks at; its number. The caller fills it in. */
uint32_t index_add_slot(struct index *ix);
/* Chains a slot, whose id is set, to the others of its id. */
void index_link(struct index *ix, uint32_t slot);

/* Where an id goes first in a hash table of n_places, a power of two. */
size_t index_home_of(int64_t id, size_t n_places);

/* A vector as the index keeps it, n_words and dim entries: sign bits, bytes, and their scale. */
void index_encode(const struct index *ix, const float *vector, uint64_t *code, int8_t *bytes,
                  float *scale);

/* The sum over a file in pieces of whole words, the first of which begins with the header; the header's
 * own sum, which is its last word, is left out. */
uint64_t index_file_sum(const struct str *pieces, size_t n);
#define INDEX_FILE_HEADER_BYTES 104

#endif

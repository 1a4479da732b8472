/*
 * index_int.h - the layout that storing (index.c) and searching (search.c) share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_INDEX_INT_H
#define INDEX_INDEX_INT_H

#include "index/index.h"

#include <pthread.h>

#include "base/str.h"
#include "index/kernels.h"

#define SLOT_NONE UINT32_MAX

struct slots {
    uint64_t *codes; /* by slot, n_words each: the sign of each component */
    int8_t *bytes;   /* by slot, dim each: components divided by the slot's scale */
    float *scales;   /* by slot */
    int64_t *ids;    /* by slot: whose vector it is */
    uint32_t *next;  /* by slot: another part of the same id, or SLOT_NONE */
    size_t n_slots;  /* without holes */
    size_t cap_slots;
    uint32_t *heads; /* a hash table from id to its first slot; SLOT_NONE is free */
    size_t n_heads;  /* a power of two, or 0 */
    size_t n_ids;
};

struct index {
    size_t dim;
    size_t n_words; /* of a code */
    const struct index_kernels *kernels;

    pthread_rwlock_t lock; /* guards s; searches read, put and remove write */
    struct slots s;
};

/* A vector as the index keeps it, n_words and dim entries: sign bits, bytes, and their scale. */
void index_encode(const struct index *ix, const float *vector, uint64_t *code, int8_t *bytes,
                  float *scale);

/* Room for n slots in all. */
void index_reserve(struct index *ix, size_t n);
/* Chains a slot, whose id is set, to the others of its id. */
void index_link(struct index *ix, uint32_t slot);

/* The sum over a file in pieces of whole words, the first of which begins with the header; the header's
 * own sum, which is its last word, is left out. */
uint64_t index_file_sum(const struct str *pieces, size_t n);
#define INDEX_FILE_HEADER_BYTES 112

static inline const uint64_t *index_code(const struct index *ix, size_t slot)
{
    return ix->s.codes + slot * ix->n_words;
}

static inline const int8_t *index_slot_bytes(const struct index *ix, size_t slot)
{
    return ix->s.bytes + slot * ix->dim;
}

/* A const index is searched under its lock all the same. */
static inline void index_lock_read(const struct index *ix)
{
    pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&ix->lock);
}

static inline void index_unlock_read(const struct index *ix)
{
    pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&ix->lock);
}

#endif

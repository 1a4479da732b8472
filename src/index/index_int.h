/*
 * index_int.h - the layout that storing (index.c) and searching (search.c) share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_INDEX_INT_H
#define INDEX_INDEX_INT_H

#include "index/index.h"

#include <pthread.h>

#define SLOT_NONE UINT32_MAX

struct index {
    size_t dim;
    float (*dot)(const float *a, const float *b, size_t dim);

    pthread_rwlock_t lock; /* guards all below; searches read, put and remove write */
    float *vectors;        /* n_slots * dim, without holes */
    int64_t *ids;          /* by slot: whose vector it is */
    uint32_t *next;        /* by slot: another part of the same id, or SLOT_NONE */
    size_t n_slots;
    size_t cap_slots;
    uint32_t *heads; /* a hash table from id to its first slot; SLOT_NONE is free */
    size_t n_heads;  /* a power of two, or 0 */
    size_t n_ids;
};

static inline const float *index_vector(const struct index *ix, size_t slot)
{
    return ix->vectors + slot * ix->dim;
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

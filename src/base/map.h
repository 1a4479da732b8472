/*
 * map.h - a hash table from strings to pointers.
 *
 * Open addressing with linear probing; keys are copied, values are the caller's. Each map has a
 * seed of its own (given at init, from crypto/ where keys come from outside), so that keys cannot be
 * chosen to collide.
 *
 * Owner    map_deinit() frees keys and table, not the values. A zeroed map is empty, seed 0.
 * Threads  whoever owns it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t len;     /* live keys */
    size_t used;    /* live keys and removed ones */
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);
void map_deinit(struct map *m);

void *map_get(const struct map *m, struct str key);        /* NULL: no such key */
void *map_put(struct map *m, struct str key, void *value); /* the value replaced, or NULL */
void *map_remove(struct map *m, struct str key);           /* the value removed, or NULL */

/* Walks all entries in no order: start with *at = 0, until it returns false. The map must not
 * change meanwhile, except by map_remove() of the current key. */
bool map_next(const struct map *m, size_t *at, struct str *out_key, void **out_value);

#endif

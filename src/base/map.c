/* map.c - see map.h. Values are never NULL, so that NULL can mean "none". */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>

#include "base/alloc.h"

#define MAP_MIN_SLOTS 16

struct map_slot {
    char *key; /* NULL: never used */
    size_t key_len;
    uint64_t hash;
    void *value; /* NULL beside a key: removed, kept so that probing goes on past it */
};

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->n_slots; i++)
        free(m->slots[i].key);
    free(m->slots);
    *m = (struct map){.seed = m->seed};
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *probe(const struct map *m, struct str key, uint64_t hash)
{
    size_t at = hash & (m->n_slots - 1);

    while (m->slots[at].key) {
        struct map_slot *slot = &m->slots[at];

        if (slot->hash == hash && str_eq(str_n(slot->key, slot->key_len), key))
            return slot;
        at = (at + 1) & (m->n_slots - 1);
    }
    return &m->slots[at];
}

static void rehash(struct map *m)
{
    struct map old = *m;

    m->n_slots = MAP_MIN_SLOTS;
    while (m->n_slots < old.len * 4)
        m->n_slots *= 2;
    m->slots = NEW_ARRAY(struct map_slot, m->n_slots);
    m->used = m->len;
    for (size_t i = 0; i < old.n_slots; i++) {
        struct map_slot *slot = &old.slots[i];

        if (slot->value)
            *probe(m, str_n(slot->key, slot->key_len), slot->hash) = *slot;
        else
            free(slot->key);
    }
    free(old.slots);
}

void *map_get(const struct map *m, struct str key)
{
    if (m->n_slots == 0)
        return NULL;
    return probe(m, key, str_hash(key, m->seed))->value;
}

void *map_put(struct map *m, struct str key, void *value)
{
    struct map_slot *slot;
    uint64_t hash = str_hash(key, m->seed);
    void *old;

    assert(value);
    if ((m->used + 1) * 2 > m->n_slots)
        rehash(m);
    slot = probe(m, key, hash);
    old = slot->value;
    if (!slot->key) {
        *slot = (struct map_slot){mem_dup(key), key.len, hash, NULL};
        m->used++;
    }
    if (!old)
        m->len++;
    slot->value = value;
    return old;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *slot;
    void *old;

    if (m->n_slots == 0)
        return NULL;
    slot = probe(m, key, str_hash(key, m->seed));
    old = slot->value;
    if (old) {
        slot->value = NULL;
        m->len--;
    }
    return old;
}

bool map_next(const struct map *m, size_t *at, struct str *out_key, void **out_value)
{
    while (*at < m->n_slots) {
        struct map_slot *slot = &m->slots[(*at)++];

        if (slot->value) {
            *out_key = str_n(slot->key, slot->key_len);
            *out_value = slot->value;
            return true;
        }
    }
    return false;
}

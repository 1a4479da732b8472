/* bitmap.c - a set of small positive numbers, one bit each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index.h"

#include <assert.h>

#include "base/alloc.h"

#define WORD_BITS 64

void bitmap_deinit(struct bitmap *b)
{
    free(b->words);
    *b = (struct bitmap){0};
}

static void grow(struct bitmap *b, size_t n_words)
{
    size_t want = MAX(n_words, b->n_words * 2);

    b->words = mem_grow(b->words, want, sizeof(*b->words));
    memset(b->words + b->n_words, 0, (want - b->n_words) * sizeof(*b->words));
    b->n_words = want;
}

void bitmap_add(struct bitmap *b, int64_t id)
{
    size_t word = (size_t)id / WORD_BITS;

    assert(id >= 0 && id <= INDEX_ID_MAX);
    if (word >= b->n_words)
        grow(b, word + 1);
    b->words[word] |= (uint64_t)1 << ((size_t)id % WORD_BITS);
}

void bitmap_remove(struct bitmap *b, int64_t id)
{
    size_t word = (size_t)id / WORD_BITS;

    if (word < b->n_words)
        b->words[word] &= ~((uint64_t)1 << ((size_t)id % WORD_BITS));
}

bool bitmap_has(const struct bitmap *b, int64_t id)
{
    size_t word = (size_t)id / WORD_BITS;

    return word < b->n_words && (b->words[word] >> ((size_t)id % WORD_BITS) & 1);
}

size_t bitmap_count(const struct bitmap *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_words; i++)
        n += (size_t)__builtin_popcountll(b->words[i]);
    return n;
}

/*
 * word_counts.c - in how many memories common words stand, remembered from one search to the next.
 *
 * Counting a common word walks as many rows as ranking by a rare one does, and every question has several. What
 * is common stays so for a while: a count is good for as many changes as could shift it by one part in
 * STALE_SHARE. Counts of rare words are not remembered: a word that one memory has today, and none had
 * yesterday, must be found, and counting it costs next to nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "crypto/crypto.h"

#define WORDS_MAX   4096 /* some 100 bytes each; then all are forgotten */
#define COMMON_MIN  1000 /* memories */
#define STALE_SHARE 20

struct count {
    int64_t n;
    bool is_whole; /* else there are at least n */
    int64_t seq;   /* the last change when it was counted */
};

struct word_counts {
    struct mutex lock; /* guards map and what it refers to */
    struct map map;    /* from the word to its struct count */
};

struct word_counts *word_counts_new(void)
{
    struct word_counts *c = NEW(struct word_counts);

    mutex_init(&c->lock);
    map_init(&c->map, crypto_random_u64());
    return c;
}

static void forget_all(struct word_counts *c)
{
    struct str word;
    void *count;

    for (size_t at = 0; map_next(&c->map, &at, &word, &count);)
        free(count);
    map_deinit(&c->map);
    map_init(&c->map, crypto_random_u64());
}

void word_counts_free(struct word_counts *c)
{
    if (!c)
        return;
    forget_all(c);
    mutex_deinit(&c->lock);
    free(c);
}

static bool is_fresh(const struct count *count, int64_t seq)
{
    return llabs(seq - count->seq) <= count->n / STALE_SHARE;
}

bool word_counts_get(struct word_counts *c, struct str word, int64_t limit, int64_t seq,
                     int64_t *out)
{
    const struct count *count;

    MUTEX_SCOPE(&c->lock);
    count = map_get(&c->map, word);
    if (!count || !is_fresh(count, seq) || (!count->is_whole && count->n < limit))
        return false;
    *out = MIN(count->n, limit);
    return true;
}

void word_counts_put(struct word_counts *c, struct str word, int64_t limit, int64_t seq,
                     int64_t n)
{
    struct count *count;

    if (n < COMMON_MIN)
        return;
    count = NEW(struct count);
    *count = (struct count){.n = n, .is_whole = n < limit, .seq = seq};
    MUTEX_SCOPE(&c->lock);
    if (c->map.len >= WORDS_MAX)
        forget_all(c);
    free(map_put(&c->map, word, count));
}

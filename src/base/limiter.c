/*
 * limiter.c - see limiter.h.
 *
 * Buckets stand in one array, are found through a map and hang in a list, latest used first. A free
 * one is the array's next until all are in use, then the list's last, or one that was forgotten.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limiter.h"

#include <assert.h>
#include <math.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/thread.h"

#define NEARLY 1e-6 /* a token: sums of parts need not come out whole */

struct bucket {
    char key[LIMITER_KEY_MAX_BYTES];
    size_t n_key;
    double tokens;
    int64_t at_ms; /* when tokens was right */
    struct bucket *next, *prev;
};

struct limiter {
    struct limiter_options options;
    struct mutex lock; /* guards all below */
    struct map map;
    struct bucket *buckets;
    size_t n_used;               /* of buckets, from the front */
    struct bucket *first, *last; /* latest used, longest not used */
    struct bucket *free;         /* forgotten ones, by next */
};

struct limiter *limiter_new(const struct limiter_options *options)
{
    struct limiter *l = NEW(struct limiter);

    assert(options->per_s > 0 && options->burst >= 1 && options->keys_max > 0);
    l->options = *options;
    mutex_init(&l->lock);
    map_init(&l->map, options->seed);
    l->buckets = NEW_ARRAY(struct bucket, options->keys_max);
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    map_deinit(&l->map);
    mutex_deinit(&l->lock);
    free(l->buckets);
    free(l);
}

static struct str key_of(const struct bucket *b)
{
    return str_n(b->key, b->n_key);
}

/* -- the list -------------------------------------------------------------------------------- */

static void unlink_bucket(struct limiter *l, struct bucket *b)
{
    if (b->prev)
        b->prev->next = b->next;
    else
        l->first = b->next;
    if (b->next)
        b->next->prev = b->prev;
    else
        l->last = b->prev;
    b->next = b->prev = NULL;
}

static void put_first(struct limiter *l, struct bucket *b)
{
    b->next = l->first;
    if (l->first)
        l->first->prev = b;
    else
        l->last = b;
    l->first = b;
}

/* -- finding --------------------------------------------------------------------------------- */

static void drop(struct limiter *l, struct bucket *b)
{
    map_remove(&l->map, key_of(b));
    unlink_bucket(l, b);
    b->next = l->free;
    l->free = b;
}

static struct bucket *take_free(struct limiter *l)
{
    struct bucket *b;

    if (!l->free && l->n_used < l->options.keys_max)
        return &l->buckets[l->n_used++];
    if (!l->free)
        drop(l, l->last);
    b = l->free;
    l->free = b->next;
    b->next = NULL;
    return b;
}

static struct bucket *add(struct limiter *l, struct str key, int64_t now_ms)
{
    struct bucket *b = take_free(l);

    memcpy(b->key, key.ptr, key.len);
    b->n_key = key.len;
    b->tokens = l->options.burst;
    b->at_ms = now_ms;
    map_put(&l->map, key, b);
    put_first(l, b);
    return b;
}

static void refill(const struct limiter *l, struct bucket *b, int64_t now_ms)
{
    int64_t passed_ms = now_ms - b->at_ms;

    if (passed_ms <= 0)
        return;
    b->tokens = MIN(b->tokens + (double)passed_ms * l->options.per_s / 1000, l->options.burst);
    b->at_ms = now_ms;
}

static bool has_token(const struct limiter *l, const struct bucket *b, int64_t *out_wait_ms)
{
    if (b->tokens >= 1 - NEARLY)
        return true;
    if (out_wait_ms)
        *out_wait_ms = (int64_t)ceil((1 - NEARLY - b->tokens) * 1000 / l->options.per_s);
    return false;
}

/* -- asking ---------------------------------------------------------------------------------- */

static struct str cut(struct str key)
{
    return str_sub(key, 0, LIMITER_KEY_MAX_BYTES);
}

bool limiter_take(struct limiter *l, struct str key, int64_t now_ms, int64_t *out_wait_ms)
{
    MUTEX_SCOPE(&l->lock);
    struct bucket *b;

    key = cut(key);
    b = map_get(&l->map, key);
    if (b) {
        refill(l, b, now_ms);
        unlink_bucket(l, b);
        put_first(l, b);
    } else {
        b = add(l, key, now_ms);
    }
    if (!has_token(l, b, out_wait_ms))
        return false;
    b->tokens = MAX(b->tokens - 1, 0);
    return true;
}

bool limiter_has(struct limiter *l, struct str key, int64_t now_ms, int64_t *out_wait_ms)
{
    MUTEX_SCOPE(&l->lock);
    struct bucket *b = map_get(&l->map, cut(key));

    if (!b)
        return true;
    refill(l, b, now_ms);
    return has_token(l, b, out_wait_ms);
}

void limiter_forget(struct limiter *l, struct str key)
{
    MUTEX_SCOPE(&l->lock);
    struct bucket *b = map_get(&l->map, cut(key));

    if (b)
        drop(l, b);
}

size_t limiter_n_keys(struct limiter *l)
{
    MUTEX_SCOPE(&l->lock);

    return l->map.len;
}

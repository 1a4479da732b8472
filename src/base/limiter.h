/*
 * limiter.h - how often something may happen, per key: token buckets in bounded memory.
 *
 * A bucket holds up to burst tokens and gets per_s of them back a second. Keys are the caller's: an
 * address, an account, both joined. Only keys_max of them are remembered; then the one that was not
 * used for longest is forgotten, that is, full again. So keys should be dear to make up: an address of
 * IPv6 counts by its network (ip_payer()).
 *
 * For credentials: limiter_has() before the check, limiter_take() when it failed, limiter_forget()
 * when it was right. Then those who share an address and are right do not pay for others.
 *
 * Time     any clock of milliseconds, the same in all calls; going back counts as standing still.
 * Threads  any; a call holds the limiter's own lock, which is the last in any order.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LIMITER_H
#define BASE_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define LIMITER_KEY_MAX_BYTES                                                                  \
    64 /* of longer keys, those with the same beginning share a bucket */

struct limiter;

struct limiter_options {
    double per_s; /* over 0 */
    double burst; /* at least 1 */
    size_t keys_max;
    uint64_t seed; /* random where keys come from outside */
};

struct limiter *limiter_new(const struct limiter_options *options);
void limiter_free(struct limiter *l); /* takes NULL */

/* False: not now, but in *out_wait_ms (which may be NULL). take uses up a token, has does not. */
bool limiter_take(struct limiter *l, struct str key, int64_t now_ms, int64_t *out_wait_ms);
bool limiter_has(struct limiter *l, struct str key, int64_t now_ms, int64_t *out_wait_ms);
void limiter_forget(struct limiter *l, struct str key);
size_t limiter_n_keys(struct limiter *l);

#endif

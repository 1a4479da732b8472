/*
 * limits.c - how often one may be wrong, and how often right.
 *
 * Secrets are 256 random bits, so limits do not keep them from being guessed; they keep strangers from making work,
 * and give MCP_API_KEY and MCP_DCR_REGISTRATION_KEY, which people choose, the time that they need.
 *
 * By address. All users of claude.ai come from a few addresses, which a limit would make pay for each other:
 * such ones have no payer, and are never refused for what others did. An answer of theirs must also stay what it
 * is: a client that reads 429 for a token that is gone would try for ever instead of asking its person again.
 * For all others being right clears what is counted against an address and a client, so that only those who are
 * wrong wait, and their neighbours at most until the next token of the bucket. Guesses at MCP_API_KEY are not cleared:
 * else whoever has any token of his own could go on for ever.
 *
 * By client or grant, from wherever: what is right and costs a commit to disk.
 *
 * In memory, of this process alone: log-ins, where guessing pays, are counted in the database (people.c).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/limiter.h"

static const struct {
    double per_s, burst;
} rates[N_LIMITS] = {
    [LIMIT_CREDENTIALS] = {AUTH_CREDENTIALS_PER_S, AUTH_CREDENTIALS_BURST},
    [LIMIT_KEY_GUESSES] = {AUTH_KEY_GUESSES_PER_S, AUTH_KEY_GUESSES_BURST},
    [LIMIT_WRONG] = {AUTH_WRONG_PER_S, AUTH_WRONG_BURST},
    [LIMIT_WRONG_CLIENT] = {AUTH_WRONG_CLIENT_PER_S, AUTH_WRONG_CLIENT_BURST},
    [LIMIT_GRANT] = {AUTH_GRANT_PER_S, AUTH_GRANT_BURST},
    [LIMIT_ASK] = {AUTH_ASK_PER_S, AUTH_ASK_BURST},
    [LIMIT_REGISTER] = {AUTH_REGISTER_PER_S, AUTH_REGISTER_BURST},
    [LIMIT_REGISTER_SHARED] = {AUTH_REGISTER_SHARED_PER_S, AUTH_REGISTER_SHARED_BURST},
    [LIMIT_AUTHORIZE] = {AUTH_AUTHORIZE_PER_S, AUTH_AUTHORIZE_BURST},
};

void limits_open(struct auth *x)
{
    for (size_t i = 0; i < N_LIMITS; i++)
        x->limits[i] = limiter_new(&(struct limiter_options){.per_s = rates[i].per_s,
                                                             .burst = rates[i].burst,
                                                             .keys_max = AUTH_LIMIT_KEYS_MAX,
                                                             .seed = crypto_random_u64()});
}

void limits_close(struct auth *x)
{
    for (size_t i = 0; i < N_LIMITS; i++)
        limiter_free(x->limits[i]);
}

static int seconds(int64_t wait_ms)
{
    return (int)((wait_ms + 999) / 1000);
}

bool limit_take(struct auth *x, const struct auth_request *r, enum limit kind, struct str key,
                int *out_wait_s)
{
    int64_t wait_ms = 0;

    if (limiter_take(x->limits[kind], key, r->now_ms, &wait_ms))
        return true;
    *out_wait_s = seconds(wait_ms);
    return false;
}

bool limit_has(struct auth *x, const struct auth_request *r, enum limit kind, struct str key,
               int *out_wait_s)
{
    int64_t wait_ms = 0;

    if (limiter_has(x->limits[kind], key, r->now_ms, &wait_ms))
        return true;
    *out_wait_s = seconds(wait_ms);
    return false;
}

void limit_forget(struct auth *x, enum limit kind, struct str key)
{
    limiter_forget(x->limits[kind], key);
}

bool answer_limit(const struct auth_request *r, int wait_s, struct auth_answer *out)
{
    answer_error(r, 429, "temporarily_unavailable", "too many requests; try again later", out);
    out->retry_after_s = wait_s;
    return false;
}

/* -- clients that are wrong ------------------------------------------------------------------ */

/* One client as one address calls it: nobody locks out another's client by using its name. */
static struct str pair_of(const struct auth_request *r, struct str client)
{
    return token_hash(r->arena, arena_printf(r->arena, STR_FMT " " STR_FMT, STR_ARG(r->payer),
                                             STR_ARG(client)));
}

bool client_may_try(struct auth *x, const struct auth_request *r, struct str client,
                    struct auth_answer *out)
{
    int wait_s;

    if (!r->payer.len || (limit_has(x, r, LIMIT_WRONG, r->payer, &wait_s) &&
                          limit_has(x, r, LIMIT_WRONG_CLIENT, pair_of(r, client), &wait_s)))
        return true;
    return answer_limit(r, wait_s, out);
}

void client_was_wrong(struct auth *x, const struct auth_request *r, struct str client)
{
    int unused;

    if (!r->payer.len)
        return;
    (void)limit_take(x, r, LIMIT_WRONG, r->payer, &unused);
    (void)limit_take(x, r, LIMIT_WRONG_CLIENT, pair_of(r, client), &unused);
}

void client_was_right(struct auth *x, const struct auth_request *r, struct str client)
{
    if (!r->payer.len)
        return;
    limit_forget(x, LIMIT_WRONG, r->payer);
    limit_forget(x, LIMIT_WRONG_CLIENT, pair_of(r, client));
}

bool client_may_ask(struct auth *x, const struct auth_request *r, struct str client,
                    struct auth_answer *out)
{
    int wait_s;

    return limit_take(x, r, LIMIT_ASK, pair_of(r, client), &wait_s) ||
           answer_limit(r, wait_s, out);
}

/*
 * check.c - what looking at credentials costs a request, for credentials that were seen before and for new ones.
 *
 *     bench_check FOLDER
 *
 * A client that acts for itself gets access tokens; an account has an API key. The database of people is made in
 * FOLDER, which must be empty. Printed are microseconds of a core: of one check of the token that is used again
 * and again, of one of a key, and of the first check of each of many tokens (its signature is looked at then).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/clock.h"
#include "crypto/crypto.h"
#include "json/json.h"

#define N_CHECKS 100000
#define N_TOKENS 500
#define BASE     "https://memory.example"

static void must(bool is_ok, const struct error *err)
{
    if (is_ok)
        return;
    fprintf(stderr, "bench_check: %s\n", err->text);
    exit(1);
}

static double core_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct str bearer(struct arena *a, struct str token)
{
    return arena_printf(a, "Bearer " STR_FMT, STR_ARG(token));
}

static void check(struct auth *x, const struct auth_request *r, struct str authorization)
{
    AUTO_ARENA a = {0};
    struct auth_request own = *r;
    struct auth_principal who;
    struct error err = {.text = "the credentials were not taken"};
    const char *why;

    own.arena = &a;
    must(auth_check(x, &own, authorization, (struct str){0}, &who, &why) == AUTH_OK, &err);
}

static double time_checks(struct auth *x, const struct auth_request *r,
                          struct str authorization)
{
    double start_us;

    check(x, r, authorization);
    start_us = core_us();
    for (int i = 0; i < N_CHECKS; i++)
        check(x, r, authorization);
    return (core_us() - start_us) / N_CHECKS;
}

static struct str basic(struct arena *a, struct str id, struct str secret)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, "Basic ");
    crypto_base64_encode(&b,
                         arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(id), STR_ARG(secret)));
    return arena_dup(a, buf_str(&b));
}

/* Of the client that acts for itself. */
static struct str new_token(struct auth *x, const struct auth_request *r,
                            struct str authorization)
{
    struct auth_answer answer;
    struct error err = {0};
    AUTO_JSON *j = NULL;

    auth_token(x, r, authorization, STR("grant_type=client_credentials"), &answer);
    must(json_parse(answer.body, &j, &err), &err);
    error_set(&err, ERROR_INTERNAL, STR_FMT, STR_ARG(answer.body));
    must(answer.status == 200, &err);
    return arena_dup(r->arena, json_view(json_object_get(j, "access_token")));
}

static void run(struct auth *x, struct arena *a)
{
    struct auth_request r = {
        .arena = a, .base = STR(BASE), .peer = STR("local"), .now_ms = clock_now_ms()};
    const struct auth_client_new client = {
        .name = STR("bench"), .is_for_itself = true, .scopes = SCOPE_READ, .spaces = STR("*")};
    struct str id, secret, authorization, tokens[N_TOKENS];
    struct error err;
    double start_us;

    must(auth_client_add(x, &r, STR("bench"), &client, &id, &secret, &err), &err);
    authorization = basic(a, id, secret);
    for (size_t i = 0; i < N_TOKENS; i++) {
        r.now_ms += 10000; /* a client may not have them all at once */
        tokens[i] = bearer(a, new_token(x, &r, authorization));
    }
    start_us = core_us();
    for (size_t i = 0; i < N_TOKENS; i++)
        check(x, &r, tokens[i]);
    printf("first check of a token: %.1f us of a core\n", (core_us() - start_us) / N_TOKENS);
    printf("a token known already: %.1f us of a core (target 30)\n",
           time_checks(x, &r, tokens[0]));
    printf("MCP_API_KEY: %.1f us of a core\n",
           time_checks(x, &r, STR("Bearer 0123456789abcdef0123456789abcdef")));
}

int main(int argc, char **argv)
{
    AUTO_ARENA a = {0};
    struct auth_options options = {.api_key = STR("0123456789abcdef0123456789abcdef"),
                                   .now_ms = clock_now_ms()};
    struct auth *x = NULL;
    struct error err;

    if (argc != 2) {
        fprintf(stderr, "usage: bench_check FOLDER\n");
        return 2;
    }
    options.path = arena_printf(&a, "%s/oauth.db", argv[1]).ptr;
    must(auth_open(&options, &x, &err), &err);
    run(x, &a);
    auth_close(x);
    return 0;
}

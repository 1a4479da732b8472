/*
 * test_check.c - a request is as good as its credentials are now: signed by us, for us, in time, not revoked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <stdlib.h>

#include "base/clock.h"
#include "json/json.h"

#define CHECKS 20000

/* -- forged tokens ----------------------------------------------------------------------------- */

/* A token of our own key with these claims. %s: the jti of a real token. */
static struct str forge(struct world *w, const char *typ, const char *claims)
{
    struct crypto_key *key = NULL;
    struct error err = {0};

    CHECK_OK(keys_active(w->x, w->r.now_ms, &key, &err), err);
    return crypto_jwt_sign(&w->a, key, typ, str_c(claims));
}

static struct str jti_of(struct world *w, struct str token)
{
    struct crypto_jwt t = {0};
    struct error err = {0};

    CHECK_OK(crypto_jwt_parse(&w->a, token, &t, &err), err);
    return member_of(w, t.claims, "jti");
}

#define CLAIMS(iss, aud, exp, iat, jti)                                                        \
    arena_printf(&w.a,                                                                         \
                 "{\"iss\":\"%s\",\"sub\":\"ann\",\"aud\":\"%s\",\"client_id\":\"c\","         \
                 "\"scope\":\"read\",\"exp\":%lld,\"iat\":%lld,\"jti\":\"" STR_FMT "\"}",      \
                 iss, aud, (long long)(exp), (long long)(iat), STR_ARG(jti))                   \
        .ptr
#define NOW_S (START_MS / 1000)

TEST(what_the_token_says_about_itself_must_be_us_and_now)
{
    static const struct {
        const char *typ, *iss, *aud;
        int64_t exp, iat;
        enum auth_verdict want;
    } rows[] = {
        {"at+jwt", BASE, BASE "/mcp", 60, 0, AUTH_OK},
        {"AT+JWT", BASE, BASE "/mcp", 60, 0, AUTH_OK},
        {"application/at+jwt", BASE, BASE "/mcp/", 60, 0, AUTH_OK},
        {"at+jwt", BASE, "https://HOST.example", 60, 0, AUTH_OK},
        {"at+jwt", BASE, BASE "/", 60, 0, AUTH_OK},
        {"at+jwt", BASE, BASE "/sse", 60, 0, AUTH_OK},
        {"JWT", BASE, BASE "/mcp", 60, 0, AUTH_INVALID},
        {"id+jwt", BASE, BASE "/mcp", 60, 0, AUTH_INVALID},
        {"at+jwt", "https://evil.example", BASE "/mcp", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE "/", BASE "/mcp", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE, "https://evil.example/mcp", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE, BASE ".evil.example/mcp", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE, "mcp-memory-service", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE, "", 60, 0, AUTH_INVALID},
        {"at+jwt", BASE, BASE "/mcp", -59, -100, AUTH_OK}, /* clocks differ a little */
        {"at+jwt", BASE, BASE "/mcp", -60, -100, AUTH_INVALID},
        {"at+jwt", BASE, BASE "/mcp", 600, 60, AUTH_OK},
        {"at+jwt", BASE, BASE "/mcp", 600, 61, AUTH_INVALID},
        {"at+jwt", BASE, BASE "/mcp", -NOW_S, 0, AUTH_INVALID},
    };
    WORLD(w);
    struct str jti = jti_of(&w, world_access(&w));

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(world_check(&w,
                              forge(&w, rows[i].typ,
                                    CLAIMS(rows[i].iss, rows[i].aud, NOW_S + rows[i].exp,
                                           NOW_S + rows[i].iat, jti)),
                              NULL),
                  rows[i].want);
}

TEST(claims_that_make_no_sense_are_refused)
{
#define OURS(more) ("{\"iss\":\"" BASE "\",\"aud\":\"" BASE "\"," more "}")
    static const char *const rows[] = {
        "[]",
        "{}",
        "not JSON",
        ("{\"iss\":\"" BASE "\",\"aud\":[\"" BASE "\"],\"exp\":9999999999,\"jti\":\"x\"}"),
        OURS("\"exp\":\"9999999999\",\"jti\":\"x\""),
        OURS("\"exp\":-5,\"jti\":\"x\""),
        OURS("\"exp\":9223372036854775807,\"jti\":\"x\""),
        OURS("\"exp\":9999999999,\"jti\":\"\""),
        OURS("\"exp\":9999999999,\"jti\":\"unknown\""),
        OURS("\"exp\":9999999999,\"jti\":\"' OR 1=1 --\""),
    };
    WORLD(w);

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(world_check(&w, forge(&w, "at+jwt", rows[i]), NULL), AUTH_INVALID);
}

TEST(a_token_without_expiry_is_refused)
{
    WORLD(w);
    struct str jti = jti_of(&w, world_access(&w));

    CHECK_INT(
        world_check(&w,
                    forge(&w, "at+jwt",
                          arena_printf(&w.a,
                                       "{\"iss\":\"" BASE "\",\"aud\":\"" BASE
                                       "/mcp\",\"scope\":\"read\",\"jti\":\"" STR_FMT "\"}",
                                       STR_ARG(jti))
                              .ptr),
                    NULL),
        AUTH_INVALID);
}

/* A header with what an attacker likes, and the claims of a real token. */
static struct str reheaded(struct world *w, struct str token, const char *header,
                           struct str mac_key)
{
    struct str head, rest, body = {0}, sign;
    AUTO_BUF b = {0};
    unsigned char mac[CRYPTO_SHA256_BYTES];

    CHECK(str_cut(token, '.', &head, &rest) && str_cut(rest, '.', &body, &sign));
    crypto_base64url_encode(&b, str_c(header));
    buf_add_char(&b, '.');
    buf_add(&b, body);
    crypto_hmac_sha256(mac_key, buf_str(&b), mac);
    buf_add_char(&b, '.');
    if (mac_key.len)
        crypto_base64url_encode(&b, str_n((const char *)mac, sizeof(mac)));
    return arena_dup(&w->a, buf_str(&b));
}

TEST(algorithms_and_key_names_of_attackers_are_refused)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
        "{\"alg\":\"nOnE\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
        "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"../../../../dev/null\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x' UNION SELECT 'pem\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"jku\":\"https://evil\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"crit\":[\"x\"],\"x\":1}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":{\"$ne\":1}}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
    };
    WORLD(w);
    struct str token = world_access(&w);
    struct crypto_key *key = NULL;
    struct error err = {0};

    REQUIRE(CHECK_OK(keys_active(w.x, w.r.now_ms, &key, &err), err));
    for (size_t i = 0; i < COUNT(headers); i++) {
        AUTO_BUF header = {0};
        struct str before, after;

        if (str_cut(str_c(headers[i]), '%', &before, &after)) {
            buf_add(&header, before);
            buf_add(&header, crypto_key_id(key));
            buf_add(&header, str_sub(after, 1, after.len));
        } else {
            buf_add_c(&header, headers[i]);
        }
        CHECK_INT(
            world_check(&w, reheaded(&w, token, buf_cstr(&header), (struct str){0}), NULL),
            AUTH_INVALID);
        CHECK_INT(
            world_check(&w, reheaded(&w, token, buf_cstr(&header), crypto_key_jwk(key)), NULL),
            AUTH_INVALID);
    }
}

TEST(another_servers_token_is_refused)
{
    WORLD(w);
    WORLD(other);

    CHECK_INT(world_check(&w, world_access(&other), NULL), AUTH_INVALID);
}

TEST(a_token_is_good_under_the_name_that_it_was_made_for)
{
    WORLD(w);
    struct str token = world_access(&w);

    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
    w.r.base = STR("https://evil.example");
    CHECK_INT(world_check(&w, token, NULL), AUTH_INVALID); /* also once it is remembered */
    w.r.base = STR(BASE);
    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
}

/* -- time and revocation ------------------------------------------------------------------------- */

TEST(a_remembered_token_expires)
{
    WORLD(w);
    struct str token = world_access(&w);

    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
    w.r.now_ms += w.x->options.access_token_ms + AUTH_LEEWAY_MS - 1;
    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
    w.r.now_ms += 1;
    CHECK_INT(world_check(&w, token, NULL), AUTH_INVALID);
}

TEST(what_another_process_revokes_is_refused_here)
{
    WORLD(w);
    struct auth *other = world_open_again(&w);
    struct error err = {0};
    struct str token = world_access(&w);
    struct auth_principal who = {0};

    CHECK_INT(world_check(&w, token, &who), AUTH_OK);
    CHECK_INT(world_check(&w, token, &who), AUTH_OK);
    CHECK_OK(auth_grant_revoke(other, &w.r, STR("ann"), STR("ann"), who.grant, &err), err);
    CHECK_INT(world_check(&w, token, NULL), AUTH_INVALID);
    auth_close(other);
}

TEST(a_role_that_shrinks_shrinks_its_tokens)
{
    WORLD(w);
    struct auth *other = world_open_again(&w);
    struct error err = {0};
    struct auth_page page = world_consent(&w, &(struct asking){0}, &w.member,
                                          &(struct auth_decision){.is_granted = true});
    struct str token = member_of(
        &w, world_redeem(&w, param_of(&w, page.location, "code").ptr).body, "access_token");
    struct auth_account bob = w.member.account;
    struct auth_principal who = {0};

    CHECK_INT(world_check(&w, token, &who), AUTH_OK);
    CHECK_INT(who.scopes, SCOPE_READ | SCOPE_WRITE);
    CHECK(auth_may_use_space(&who, STR("bob")));
    bob.role = AUTH_READER;
    bob.spaces = STR("team");
    CHECK_OK(auth_account_set(other, &w.r, STR("ann"), &bob, &err), err);
    CHECK_INT(world_check(&w, token, &who), AUTH_OK);
    CHECK_INT(who.scopes, SCOPE_READ);
    CHECK(auth_may_use_space(&who, STR("team")) && !auth_may_use_space(&who, STR("bob")));
    bob.is_disabled = true;
    CHECK_OK(auth_account_set(other, &w.r, STR("ann"), &bob, &err), err);
    CHECK_INT(world_check(&w, token, NULL), AUTH_INVALID);
    CHECK_OK(auth_account_delete(other, &w.r, STR("ann"), STR("bob"), &err), err);
    CHECK_INT(world_check(&w, token, NULL), AUTH_INVALID);
    auth_close(other);
}

TEST(tokens_survive_a_restart)
{
    WORLD(w);
    struct str token = world_access(&w);

    auth_close(w.x);
    w.x = world_open_again(&w);
    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
}

/* -- keys -------------------------------------------------------------------------------------- */

TEST(a_rotated_key_stays_good_until_its_tokens_have_expired)
{
    WORLD(w);
    struct auth *other = world_open_again(&w);
    struct error err = {0};
    struct str before = world_access(&w), after;

    CHECK_OK(auth_keys_rotate(other, &w.r, STR("ann"), &err), err);
    CHECK_INT(world_check(&w, before, NULL), AUTH_OK);
    after = world_access(&w); /* of the new key, made by another process */
    CHECK_INT(world_check(&w, after, NULL), AUTH_OK);
    CHECK_INT(w.x->keys.len, 2);
    w.r.now_ms += w.x->options.access_token_ms + AUTH_LEEWAY_MS;
    CHECK_OK(auth_tidy(other, w.r.now_ms, &err), err);
    CHECK_INT(world_check(&w, before, NULL), AUTH_INVALID);
    CHECK_INT(world_check(&w, world_access(&w), NULL), AUTH_OK);
    auth_close(other);
}

/* There was room for 32 keys in a process, and then every check failed. */
TEST(keys_may_be_rotated_as_often_as_one_likes)
{
    WORLD(w);
    struct error err = {0};
    struct str token = world_access(&w);

    for (size_t i = 0; i < 40; i++)
        CHECK_OK(auth_keys_rotate(w.x, &w.r, STR("ann"), &err), err);
    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
    CHECK_INT(world_check(&w, world_access(&w), NULL), AUTH_OK);
}

TEST(a_configured_key_signs)
{
    AUTO_ARENA a = {0};
    struct crypto_key *key = crypto_key_new();
    AUTO(world_deinit)
    struct world w;
    struct crypto_jwt t = {0};
    struct error err = {0};

    world_init(&w, &(struct auth_options){.private_key = crypto_key_pem(&a, key)});
    CHECK_OK(crypto_jwt_parse(&w.a, world_access(&w), &t, &err), err);
    CHECK_VIEW(t.kid, crypto_key_id(key));
    CHECK_INT(world_check(&w, world_access(&w), NULL), AUTH_OK);
    CHECK(!auth_keys_rotate(w.x, &w.r, STR("ann"), &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    crypto_key_free(key);
}

static size_t n_published(struct world *w)
{
    struct auth_answer d = {0};
    AUTO_JSON *j = NULL;

    CHECK(auth_document(w->x, &w->r, STR("/oauth/jwks"), &d));
    CHECK(json_parse(d.body, &j, NULL));
    return json_array_size(json_object_get(j, "keys"));
}

/* Keys that were made before one was configured used to be trusted and published for ever. */
TEST(a_configured_key_retires_those_that_were_made)
{
    WORLD(w);
    AUTO_ARENA a = {0};
    struct crypto_key *key = crypto_key_new();
    struct str token = world_access(&w);
    struct error err = {0};

    auth_close(w.x);
    w.options.private_key = crypto_key_pem(&a, key);
    w.x = world_open_again(&w);
    CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
    CHECK_INT(n_published(&w), 2);
    CHECK_OK(auth_store_signing_key_add(
                 w.x->store, &(struct stored_signing_key){.kid = STR("x"), .pem = STR("x")}, 0,
                 false, &err),
             err); /* of a process that is configured otherwise: not even looked at */
    CHECK_INT(n_published(&w), 2);
    w.r.now_ms += w.x->options.access_token_ms + AUTH_LEEWAY_MS;
    CHECK_INT(n_published(&w), 1);
    crypto_key_free(key);
}

TEST(an_unusable_key_stops_the_start)
{
    WORLD(w);
    struct auth_options options = w.options;
    struct auth *x = NULL;
    struct error err = {0};

    options.private_key = STR("-----BEGIN NONSENSE-----");
    CHECK(!auth_open(&options, &x, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(str_starts(str_c(err.text), STR("MCP_OAUTH_PRIVATE_KEY")));
}

/* -- headers ----------------------------------------------------------------------------------- */

TEST(headers_that_carry_no_token)
{
    static const struct {
        struct str authorization, api_key;
        enum auth_verdict want;
    } rows[] = {
        {{0}, {0}, AUTH_NONE},
        {STR_INIT(""), STR_INIT(" "), AUTH_NONE},
        {STR_INIT("Basic YTpi"), {0}, AUTH_MALFORMED},
        {STR_INIT("Token abc"), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer\tabc"), {0}, AUTH_MALFORMED},
        {STR_INIT("abc"), {0}, AUTH_MALFORMED},
        {STR_INIT(" \t"), {0}, AUTH_NONE},
        {STR_INIT("Bearer"), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer "), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer a b"), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer a,Bearer b"), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer \xC3\xA4"), {0}, AUTH_MALFORMED},
        {STR_INIT("bearer abc"), {0}, AUTH_INVALID},
        {STR_INIT("Bearer a.b.c"), {0}, AUTH_INVALID},
        {STR_INIT("Bearer mdk_x' OR 1=1"), {0}, AUTH_MALFORMED},
        {STR_INIT("Bearer mdk_x'OR'1'='1"), {0}, AUTH_INVALID},
        {{0}, STR_INIT("wrong"), AUTH_INVALID},
        {STR_INIT("Basic YTpi"), STR_INIT("wrong"), AUTH_INVALID},
        {STR_INIT("Bearer wrong"), STR_INIT("the configured key, with blanks"), AUTH_INVALID},
        {{0}, STR_INIT("the configured key, with blanks"), AUTH_OK},
        {STR_INIT("Bearer the configured key, with blanks"), {0}, AUTH_OK},
    };
    AUTO(world_deinit)
    struct world w;
    AUTO_BUF big = {0};
    struct auth_principal who;
    const char *why;

    world_init(&w, &(struct auth_options){.api_key = STR("the configured key, with blanks")});
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(auth_check(w.x, &w.r, rows[i].authorization, rows[i].api_key, &who, &why),
                  rows[i].want);
    CHECK_INT(who.scopes, SCOPES_ALL);
    CHECK(who.is_all_spaces);
    CHECK_STR(auth_first_space(&who), "default");
    buf_add_c(&big, "Bearer ");
    while (big.len < AUTH_TOKEN_MAX_BYTES + 100)
        buf_add_c(&big, "aaaa");
    CHECK_INT(auth_check(w.x, &w.r, buf_str(&big), (struct str){0}, &who, &why),
              AUTH_MALFORMED);
}

TEST(without_a_configured_key_the_empty_one_opens_nothing)
{
    WORLD(w);
    struct auth_principal who;
    const char *why;

    CHECK_INT(auth_check(w.x, &w.r, (struct str){0}, STR(""), &who, &why), AUTH_NONE);
    CHECK_INT(auth_check(w.x, &w.r, STR("Bearer "), STR(""), &who, &why), AUTH_MALFORMED);
}

/* -- API keys ---------------------------------------------------------------------------------- */

TEST(a_named_key_has_the_scopes_and_spaces_given)
{
    WORLD(w);
    struct error err = {0};
    struct auth_api_key key = {.name = STR("laptop"),
                               .account = STR("bob"),
                               .scopes = SCOPES_ALL,
                               .spaces = STR("team other"),
                               .expires_ms = START_MS + 1000};
    const struct auth_api_key *keys;
    struct str text = {0}, again;
    struct auth_principal who = {0};
    size_t n = 0;

    REQUIRE(CHECK_OK(auth_api_key_add(w.x, &w.r, STR("ann"), &key, &text, &err), err));
    CHECK(!auth_api_key_add(w.x, &w.r, STR("ann"), &key, &again, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_INT(world_check(&w, text, &who), AUTH_OK);
    CHECK_INT(who.scopes, SCOPE_READ | SCOPE_WRITE); /* bob is no owner */
    CHECK(who.n_spaces == 1 && str_eq(who.spaces[0], STR("team")));
    w.r.now_ms += 500;
    CHECK_INT(world_check(&w, text, &who), AUTH_OK);
    CHECK_OK(auth_api_keys(w.x, &w.a, &keys, &n, &err), err);
    CHECK(n == 1 && keys[0].used_ms == START_MS + 500);
    w.r.now_ms += 499;
    CHECK_INT(world_check(&w, text, &who), AUTH_OK);
    w.r.now_ms += 1; /* a remembered key used to be good for another minute */
    CHECK_INT(world_check(&w, text, &who), AUTH_INVALID);
}

TEST(a_deleted_key_is_refused_at_once)
{
    WORLD(w);
    struct auth *other = world_open_again(&w);
    struct error err = {0};
    const struct auth_api_key key = {
        .name = STR("ci"), .account = STR("ann"), .scopes = SCOPE_READ};
    struct str text = {0};

    REQUIRE(CHECK_OK(auth_api_key_add(w.x, &w.r, STR("ann"), &key, &text, &err), err));
    CHECK_INT(world_check(&w, text, NULL), AUTH_OK);
    CHECK_OK(auth_api_key_delete(other, &w.r, STR("ann"), STR("ci"), &err), err);
    CHECK_INT(world_check(&w, text, NULL), AUTH_INVALID);
    auth_close(other);
}

/* -- threads ----------------------------------------------------------------------------------- */

struct crowd {
    struct world *w;
    struct str tokens[4];
    bool is_bad[6];
};

static void act(void *ctx, size_t i)
{
    struct crowd *c = ctx;

    for (size_t n = 0; n < 200; n++) {
        AUTO_ARENA a = {0};
        struct auth_request r = c->w->r;
        struct auth_principal who;
        struct error err = {0};
        const char *why;

        r.arena = &a;
        if (i < COUNT(c->tokens))
            c->is_bad[i] |=
                auth_check(c->w->x, &r,
                           arena_printf(&a, "Bearer " STR_FMT, STR_ARG(c->tokens[i])),
                           (struct str){0}, &who, &why) != AUTH_OK;
        else if (n % 50 == 0) /* what makes everybody forget */
            c->is_bad[i] |= n < 150 && i == COUNT(c->tokens)
                                ? !auth_keys_rotate(c->w->x, &r, STR("ann"), &err)
                                : !auth_tidy(c->w->x, r.now_ms, &err);
    }
}

TEST(many_threads_check_while_keys_rotate)
{
    WORLD(w);
    struct crowd c = {.w = &w};

    for (size_t i = 0; i < COUNT(c.tokens); i++)
        c.tokens[i] = world_access(&w);
    parallel_for(COUNT(c.is_bad), COUNT(c.is_bad), act, &c);
    for (size_t i = 0; i < COUNT(c.is_bad); i++)
        CHECK(!c.is_bad[i]);
}

/* -- cost -------------------------------------------------------------------------------------- */

/* Printed, not tested: how long depends on the machine, and on sanitizers. */
TEST(a_checked_token_costs_microseconds)
{
    WORLD(w);
    struct str header = arena_printf(&w.a, "Bearer " STR_FMT, STR_ARG(world_access(&w)));
    struct auth_principal who;
    const char *why;
    int64_t start_us = clock_monotonic_us();
    size_t n_ok = 0;

    for (size_t i = 0; i < CHECKS; i++) {
        AUTO_ARENA a = {0};
        struct auth_request r = w.r;

        r.arena = &a;
        n_ok += auth_check(w.x, &r, header, (struct str){0}, &who, &why) == AUTH_OK;
    }
    CHECK_INT(n_ok, CHECKS);
    printf("a checked token: %.1f us\n",
           (double)(clock_monotonic_us() - start_us) / (double)CHECKS);
}

TEST_MAIN()

/*
 * test_provider.c - log-ins by an OpenID Connect provider: who comes in, and which proofs are none.
 *
 * The provider is a function here. What it answers is right unless a test spoils it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include "json/json.h"

#define ISSUER "https://login.example/realm"
#define CLIENT "memoryd-client"
#define SECRET "s:e c/ret"
#define EXP_S  (START_MS / 1000 + 300)
#define IAT_S  (START_MS / 1000)

struct desk { /* the provider */
    struct world world;
    struct crypto_key *key, *other_key;
    bool is_down, is_keyless;
    const char *metadata; /* members put into it; NULL: none */
    const char *claims;   /* as metadata, of the next ID token */
    const char
        *alg; /* of the next ID token, which then carries this and an HMAC; NULL: a real one */
    bool is_other_key;              /* signs with a key that it does not show */
    int status;                     /* of the token endpoint; 0: 200 */
    struct str nonce;               /* of the visit */
    struct str form, authorization; /* of the last exchange */
    int n_metadata, n_keys, n_exchanges;
};

static struct str merged(struct arena *a, struct str base, const char *patch)
{
    struct str out = base;
    struct error err = {0};

    if (patch)
        CHECK_OK(json_merge_text(a, base, str_c(patch), &out, &err), err);
    return out;
}

static struct str metadata_of(struct desk *d)
{
    return merged(
        &d->world.a,
        STR("{\"issuer\":\"" ISSUER "\",\"authorization_endpoint\":\"" ISSUER "/auth?a=b\","
            "\"token_endpoint\":\"" ISSUER "/token\",\"jwks_uri\":\"" ISSUER "/keys\"}"),
        d->metadata);
}

/* With a header of the test's choice, and signed as if the public key were a shared secret. */
static struct str forged(struct desk *d, struct str claims)
{
    struct arena *a = &d->world.a;
    unsigned char mac[CRYPTO_SHA256_BYTES];
    AUTO_BUF b = {0};

    crypto_base64url_encode(&b, arena_printf(a, "{\"alg\":\"%s\"}", d->alg));
    buf_add_char(&b, '.');
    crypto_base64url_encode(&b, claims);
    crypto_hmac_sha256(crypto_key_jwk(d->key), buf_str(&b), mac);
    buf_add_char(&b, '.');
    if (!str_eq_c(str_c(d->alg), "none"))
        crypto_base64url_encode(&b, str_n((const char *)mac, sizeof(mac)));
    return arena_dup(a, buf_str(&b));
}

static struct str id_token(struct desk *d)
{
    struct arena *a = &d->world.a;
    struct str claims = merged(
        a,
        arena_printf(a,
                     "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"person-1\","
                     "\"exp\":%lld,\"iat\":%lld,\"nonce\":\"" STR_FMT "\"}",
                     (long long)EXP_S, (long long)IAT_S, STR_ARG(d->nonce)),
        d->claims);

    return d->alg ? forged(d, claims)
                  : crypto_jwt_sign(a, d->is_other_key ? d->other_key : d->key, "JWT", claims);
}

static struct str keys_of(struct desk *d)
{
    if (d->is_keyless)
        return STR("{\"keys\":[]}");
    return arena_printf(&d->world.a, "{\"keys\":[{\"kty\":\"oct\"},\"x\"," STR_FMT "]}",
                        STR_ARG(crypto_key_jwk(d->key)));
}

static bool send(void *ctx, struct arena *a, const struct auth_sending *what,
                 struct auth_fetched *out, struct error *err)
{
    struct desk *d = ctx;

    *out = (struct auth_fetched){.status = 200, .content_type = STR("application/json")};
    if (d->is_down)
        return error_set(err, ERROR_UNAVAILABLE, "timeout");
    if (str_eq_c(what->url, ISSUER "/.well-known/openid-configuration")) {
        d->n_metadata++;
        out->body = metadata_of(d);
    } else if (str_eq_c(what->url, ISSUER "/keys")) {
        d->n_keys++;
        out->body = keys_of(d);
    } else {
        d->n_exchanges++;
        d->form = arena_dup(&d->world.a, what->form);
        d->authorization = arena_dup(&d->world.a, what->authorization);
        out->status = d->status ? d->status : 200;
        out->body = arena_printf(a, "{\"access_token\":\"x\",\"id_token\":\"" STR_FMT "\"}",
                                 STR_ARG(id_token(d)));
    }
    return true;
}

static void desk_init(struct desk *d)
{
    const struct auth_provider provider = {STR("Example"), STR(ISSUER), STR(CLIENT),
                                           STR(SECRET),    send,        d};
    struct error err = {0};

    *d = (struct desk){0};
    world_init(&d->world, NULL);
    d->key = crypto_key_new();
    d->other_key = crypto_key_new();
    CHECK_OK(auth_provider_set(d->world.x, &provider, &err), err);
}

static void desk_deinit(struct desk *d)
{
    crypto_key_free(d->key);
    crypto_key_free(d->other_key);
    world_deinit(&d->world);
}
#define DESK(name)                                                                             \
    AUTO(desk_deinit) struct desk name;                                                        \
    desk_init(&(name))

/* -- a browser --------------------------------------------------------------------------------- */

static struct str link_of(struct desk *d, enum auth_link_kind kind, const char *account)
{
    const struct auth_link link = {
        .kind = kind, .role = AUTH_MEMBER, .account = str_c(account), .by = STR("ann")};
    struct str token = {0};
    struct error err = {0};

    CHECK_OK(auth_link_new(d->world.x, &d->world.r, &link, &token, &err), err);
    return token;
}

static struct auth_departure leave(struct desk *d, struct str link, const char *name)
{
    const struct auth_visit visit = {STR("client_id=x"), link, str_c(name)};
    struct auth_departure out = {0};
    struct error err = {0};

    CHECK_OK(auth_provider_begin(d->world.x, &d->world.r, &visit, &out, &err), err);
    d->nonce = param_of(&d->world, out.location, "nonce");
    return out;
}

static struct str answer_of(struct desk *d, const struct auth_departure *from)
{
    return arena_printf(&d->world.a, "code=c0de&state=" STR_FMT,
                        STR_ARG(param_of(&d->world, from->location, "state")));
}

static struct auth_arrival arrive(struct desk *d, struct str query, struct str cookie)
{
    struct auth_arrival out = {0};
    struct error err = {0};

    CHECK_OK(auth_provider_end(d->world.x, &d->world.r, query, cookie, &out, &err), err);
    return out;
}

static struct auth_arrival visit(struct desk *d, struct str link, const char *name)
{
    struct auth_departure from = leave(d, link, name);

    return arrive(d, answer_of(d, &from), from.cookie);
}

static struct str who_is(struct desk *d, struct str session)
{
    struct auth_session *who = NULL;
    struct error err = {0};

    CHECK_OK(auth_session(d->world.x, &d->world.r, session, &who, &err), err);
    return who ? who->account.name : STR("nobody");
}

static void invite(struct desk *d, const char *name)
{
    struct auth_arrival in = visit(d, link_of(d, AUTH_LINK_INVITE, ""), name);

    CHECK_INT(in.result, AUTH_ARRIVED);
    CHECK_STR(who_is(d, in.session), name);
}

/* -- who comes in ------------------------------------------------------------------------------ */

TEST(the_request_to_the_provider_has_everything)
{
    DESK(d);
    struct auth_departure from = leave(&d, STR(""), "");
    static const struct {
        const char *name, *want;
    } rows[] = {{"response_type", "code"},
                {"client_id", CLIENT},
                {"redirect_uri", BASE "/login/callback"},
                {"scope", "openid"},
                {"code_challenge_method", "S256"},
                {"a", "b"}};

    CHECK(str_starts(from.location, STR(ISSUER "/auth?a=b&")));
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(param_of(&d.world, from.location, rows[i].name), rows[i].want);
    CHECK_INT(param_of(&d.world, from.location, "code_challenge").len, 43);
    CHECK(!str_contains(from.location, from.cookie));
    CHECK(!str_eq(d.nonce, param_of(&d.world, from.location, "state")));
}

TEST(an_invitation_makes_an_account_that_logs_in_from_then_on)
{
    DESK(d);
    struct auth_arrival in;
    enum auth_login_result result;
    struct str token;
    int wait_s;
    struct error err = {0};

    in = visit(&d, STR(""), "");
    CHECK_INT(in.result, AUTH_ARRIVAL_UNKNOWN);
    CHECK_INT(in.session.len, 0);

    invite(&d, "nora");
    in = visit(&d, STR(""), "");
    CHECK_INT(in.result, AUTH_ARRIVED);
    CHECK_STR(who_is(&d, in.session), "nora");
    CHECK_STR(in.query, "client_id=x");

    d.claims = "{\"sub\":\"person-2\"}";
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_UNKNOWN);
    CHECK_OK(
        auth_login(d.world.x, &d.world.r, STR("nora"), STR(""), &result, &token, &wait_s, &err),
        err);
    CHECK_INT(result, AUTH_LOGIN_WRONG); /* there is no password, not an empty one */
}

TEST(a_link_for_a_new_password_links_an_account)
{
    DESK(d);
    struct auth_arrival in = visit(&d, link_of(&d, AUTH_LINK_RESET, "bob"), "someone-else");

    CHECK_INT(in.result, AUTH_ARRIVED);
    CHECK_STR(who_is(&d, in.session), "bob");
    CHECK_STR(who_is(&d, visit(&d, STR(""), "").session), "bob");
    in = visit(&d, link_of(&d, AUTH_LINK_RESET, "bob"), ""); /* once more is no conflict */
    CHECK_INT(in.result, AUTH_ARRIVED);
}

TEST(links_that_cannot_be_used_make_nothing)
{
    DESK(d);
    struct str link = link_of(&d, AUTH_LINK_INVITE, "");
    struct auth_arrival in;

    in = visit(&d, link, "bob");
    CHECK_INT(in.result, AUTH_ARRIVAL_NO_LINK);
    CHECK(str_contains(in.why, STR("taken")));
    CHECK_INT(visit(&d, link, "nora").result, AUTH_ARRIVED); /* it has survived that */

    in = visit(&d, link_of(&d, AUTH_LINK_INVITE, ""), "nora2");
    CHECK_INT(in.result, AUTH_ARRIVAL_NO_LINK);
    CHECK(str_contains(in.why, STR("another account")));
    CHECK_STR(who_is(&d, visit(&d, STR(""), "").session), "nora");
}

TEST(a_link_that_goes_meanwhile_makes_nothing)
{
    DESK(d);
    struct str link = link_of(&d, AUTH_LINK_INVITE, ""), session;
    struct auth_departure from = leave(&d, link, "nora");
    struct error err = {0};

    CHECK_OK(auth_link_use(d.world.x, &d.world.r, link, STR("olga"), STR("a long password"),
                           &session, &err),
             err);
    CHECK_INT(arrive(&d, answer_of(&d, &from), from.cookie).result, AUTH_ARRIVAL_NO_LINK);
}

TEST(visits_that_cannot_begin)
{
    DESK(d);
    struct auth_departure out;
    static const struct {
        const char *link, *name, *query;
        enum error_kind kind;
    } rows[] = {
        {"mdl_unknown", "nora", "", ERROR_NOT_FOUND},
        {"", "bad name", "", ERROR_INVALID},
        {"", "local", "", ERROR_INVALID},
        {NULL, "", "a\r\nb", ERROR_INVALID},
        {NULL, "", "a b", ERROR_INVALID},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str link = !rows[i].link     ? (struct str){0}
                          : rows[i].link[0] ? str_c(rows[i].link)
                                            : link_of(&d, AUTH_LINK_INVITE, "");
        const struct auth_visit visit = {str_c(rows[i].query), link, str_c(rows[i].name)};
        struct error err = {0};

        CHECK(!auth_provider_begin(d.world.x, &d.world.r, &visit, &out, &err));
        CHECK_INT(err.kind, rows[i].kind);
    }
    CHECK_INT(d.n_metadata, 0);
}

TEST(an_account_that_is_disabled_stays_out)
{
    DESK(d);
    const struct auth_account off = {
        .name = STR("nora"), .role = AUTH_MEMBER, .spaces = STR("*"), .is_disabled = true};
    struct error err = {0};

    invite(&d, "nora");
    CHECK_OK(auth_account_set(d.world.x, &d.world.r, STR("ann"), &off, &err), err);
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_UNKNOWN);
    CHECK_OK(auth_account_delete(d.world.x, &d.world.r, STR("ann"), STR("nora"), &err), err);
    invite(&d, "nora"); /* its identity is free again */
}

/* -- attacks ----------------------------------------------------------------------------------- */

TEST(answers_are_of_one_browser_and_once)
{
    DESK(d);
    struct auth_departure mine, yours;
    struct str answer;

    invite(&d, "nora");
    mine = leave(&d, STR(""), "");
    yours = leave(&d, STR(""), "");
    d.nonce = param_of(&d.world, mine.location, "nonce");
    answer = answer_of(&d, &mine);
    CHECK_INT(arrive(&d, answer, yours.cookie).result, AUTH_ARRIVAL_STALE);
    CHECK_INT(arrive(&d, answer, STR("")).result, AUTH_ARRIVAL_STALE);
    CHECK_INT(arrive(&d, STR("code=c0de"), mine.cookie).result, AUTH_ARRIVAL_STALE);
    CHECK_INT(arrive(&d, STR("code=c0de&state="), mine.cookie).result, AUTH_ARRIVAL_STALE);
    CHECK_INT(arrive(&d, answer, mine.cookie).result, AUTH_ARRIVED);
    CHECK_INT(arrive(&d, answer, mine.cookie).result, AUTH_ARRIVAL_STALE);
    d.world.r.now_ms += AUTH_VISIT_MS;
    CHECK_INT(arrive(&d, answer_of(&d, &yours), yours.cookie).result, AUTH_ARRIVAL_STALE);
}

TEST(answers_of_another_provider_are_refused)
{
    static const struct {
        const char *more, *metadata;
        enum auth_arrival_result want;
    } rows[] = {
        {"", NULL, AUTH_ARRIVED},
        {"&iss=https%3A%2F%2Flogin.example%2Frealm", NULL, AUTH_ARRIVED},
        {"&iss=https%3A%2F%2Fevil.example", NULL, AUTH_ARRIVAL_REFUSED},
        {"&iss=", NULL, AUTH_ARRIVAL_REFUSED},
        {"", "{\"authorization_response_iss_parameter_supported\":true}", AUTH_ARRIVAL_REFUSED},
        {"&error=access_denied", NULL, AUTH_ARRIVAL_REFUSED},
        {"&code=another", NULL, AUTH_ARRIVAL_REFUSED},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        DESK(d);
        struct auth_departure from;

        invite(&d, "nora");
        d.world.r.now_ms += (int64_t)2 * 3600 * 1000; /* what was kept is too old */
        d.claims = "{\"exp\":1900000000,\"iat\":1800000000}";
        d.metadata = rows[i].metadata;
        from = leave(&d, STR(""), "");
        CHECK_INT(arrive(&d,
                         arena_printf(&d.world.a, STR_FMT "%s", STR_ARG(answer_of(&d, &from)),
                                      rows[i].more),
                         from.cookie)
                      .result,
                  rows[i].want);
    }
}

TEST(proofs_that_are_none)
{
    static const struct {
        const char *claims, *why; /* NULL: it is one */
    } rows[] = {
        {NULL, NULL},
        {"{\"aud\":[\"" CLIENT "\"]}", NULL},
        {"{\"aud\":[\"" CLIENT "\",\"b\"],\"azp\":\"" CLIENT "\"}", NULL},
        {"{\"nonce\":\"another\"}", "of another log-in"},
        {"{\"nonce\":null}", "of another log-in"},
        {"{\"nonce\":\"\"}", "of another log-in"},
        {"{\"aud\":\"another\"}", "for another client"},
        {"{\"aud\":[\"another\"]}", "for another client"},
        {"{\"aud\":null}", "for another client"},
        {"{\"aud\":[\"" CLIENT "\",\"b\"]}", "for another client"},
        {"{\"azp\":\"another\"}", "for another client"},
        {"{\"iss\":\"https://evil.example\"}", "of another issuer"},
        {"{\"iss\":\"" ISSUER "/\"}", "of another issuer"},
        {"{\"iss\":null}", "of another issuer"},
        {"{\"exp\":1799999000}", "expired"},
        {"{\"exp\":null}", "expired"},
        {"{\"exp\":\"1900000000\"}", "expired"},
        {"{\"iat\":1800001000}", "expired"},
        {"{\"nbf\":1800001000}", "expired"},
        {"{\"sub\":null}", "names nobody"},
        {"{\"sub\":\"\"}", "names nobody"},
        {"{\"sub\":7}", "names nobody"},
        {"{\"sub\":\"person-1\\u0000\"}", "names nobody"},
    };
    DESK(d);

    invite(&d, "nora");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_arrival in;

        d.claims = rows[i].claims;
        in = visit(&d, STR(""), "");
        CHECK_INT(in.result, rows[i].why ? AUTH_ARRIVAL_REFUSED : AUTH_ARRIVED);
        if (!CHECK(!rows[i].why || str_contains(in.why, str_c(rows[i].why))))
            printf("  %s: " STR_FMT "\n", rows[i].claims, STR_ARG(in.why));
        CHECK(!rows[i].why || in.session.len == 0);
    }
}

TEST(signatures_that_are_none)
{
    static const char *const algs[] = {"none", "HS256", "ES256", "RS256", "ES384"};
    DESK(d);

    invite(&d, "nora");
    for (size_t i = 0; i < COUNT(algs); i++) {
        d.alg = algs[i];
        CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_REFUSED);
    }
    d.alg = NULL;
    d.is_other_key = true;
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_REFUSED);
    d.is_other_key = false;
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVED);
}

/* -- the provider's ways ----------------------------------------------------------------------- */

TEST(new_keys_are_fetched_but_not_at_will)
{
    DESK(d);
    struct crypto_key *first;

    invite(&d, "nora");
    CHECK_INT(d.n_keys, 1);
    for (int i = 0; i < 5; i++)
        (void)visit(&d, STR(""), "");
    CHECK_INT(d.n_keys, 1);
    CHECK_INT(d.n_metadata, 1);

    first = d.key;
    d.key = d.other_key; /* rotated */
    d.other_key = first;
    for (int i = 0; i < 5; i++)
        CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_REFUSED);
    CHECK_INT(d.n_keys, 1);
    d.world.r.now_ms += (int64_t)61 * 1000;
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVED);
    CHECK_INT(d.n_keys, 2);
}

TEST(the_client_proves_itself_in_the_way_the_provider_takes)
{
    DESK(d);

    invite(&d, "nora");
    CHECK_STR(d.authorization, "Basic bWVtb3J5ZC1jbGllbnQ6cyUzQWUlMjBjJTJGcmV0");
    CHECK(!str_contains(d.form, STR("client_secret")));
    CHECK(str_contains(d.form, STR("grant_type=authorization_code&code=c0de&")));
    CHECK(str_contains(d.form, STR("code_verifier=")));

    d.metadata = "{\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]}";
    d.world.r.now_ms += (int64_t)2 * 3600 * 1000;
    (void)visit(&d, STR(""), "");
    CHECK_INT(d.authorization.len, 0);
    CHECK(str_contains(d.form, STR("client_id=" CLIENT "&client_secret=s%3Ae%20c%2Fret")));
}

TEST(a_provider_that_is_not_there_or_another_is_no_provider)
{
    static const char *const rows[] = {
        "{\"issuer\":\"" ISSUER "/\"}",
        "{\"token_endpoint\":\"http://login.example/token\"}",
        "{\"authorization_endpoint\":\"javascript:x\"}",
        "{\"jwks_uri\":null}",
    };
    const struct auth_visit nobody = {0};
    struct auth_departure out;
    struct error err = {0};
    DESK(d);

    for (size_t i = 0; i < COUNT(rows); i++) {
        d.metadata = rows[i];
        CHECK(!auth_provider_begin(d.world.x, &d.world.r, &nobody, &out, &err));
        CHECK_INT(err.kind, ERROR_UNAVAILABLE);
    }
    d.metadata = NULL;
    d.is_down = true;
    CHECK(!auth_provider_begin(d.world.x, &d.world.r, &nobody, &out, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
    d.is_down = false;
    invite(&d, "nora");
    d.status = 400;
    CHECK_INT(visit(&d, STR(""), "").result, AUTH_ARRIVAL_REFUSED);
    CHECK_STR(auth_provider_name(d.world.x), "Example");
}

TEST(visits_do_not_pile_up)
{
    DESK(d);
    struct auth_departure first, last = {0};

    invite(&d, "nora");
    first = leave(&d, STR(""), "");
    for (int i = 0; i < AUTH_VISITS_MAX; i++) {
        d.world.r.now_ms++;
        last = leave(&d, STR(""), "");
    }
    CHECK_INT(arrive(&d, answer_of(&d, &first), first.cookie).result, AUTH_ARRIVAL_STALE);
    CHECK_INT(arrive(&d, answer_of(&d, &last), last.cookie).result, AUTH_ARRIVED);
}

TEST_MAIN()

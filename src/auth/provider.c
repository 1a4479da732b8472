/*
 * provider.c - log-ins by an OpenID Connect provider: authorization code with PKCE, and a checked ID token.
 *
 * A visit binds what is sent and what comes back to one browser: a cookie holds a random key, of which state,
 * nonce and verifier are derived, so that none of them has to be kept and none can be guessed from another. The
 * database holds the key's hash, once; it goes when the browser comes back, so that nothing comes back twice.
 *
 * What the provider says of itself, and its keys, are kept for an hour. A token of a key that is not among them has
 * them fetched again, at most once a minute. No lock is held while something is fetched.
 *
 * Taken of the ID token are issuer and subject alone. It is checked as OpenID Connect Core 3.1.3.7 asks, though it
 * came straight from the provider: RS256 and ES256 with a key of the provider's, issuer, audience, times, nonce.
 *
 * Not done: names and mail addresses of the provider as names here. They can change, and be another's tomorrow.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "json/json.h"

#define KEEP_MS       ((int64_t)3600 * 1000)
#define KEYS_AGAIN_MS ((int64_t)60 * 1000)
#define SUBJECT_MAX   255 /* OpenID Connect Core, 2 */
#define KEYS_MAX      64

/* -- configuration ----------------------------------------------------------------------------- */

bool auth_provider_set(struct auth *x, const struct auth_provider *p, struct error *err)
{
    struct uri u;

    if (!uri_parse(p->issuer, &u, err))
        return error_wrap(err, "the provider's issuer");
    if (!str_eq_c(u.scheme, "https") || u.query.ptr)
        return error_set(err, ERROR_INVALID, "the provider's issuer is no https URL");
    x->provider = *p;
    x->provider.name = arena_dup(&x->arena, p->name);
    x->provider.issuer = arena_dup(&x->arena, p->issuer);
    x->provider.client_id = arena_dup(&x->arena, p->client_id);
    x->provider.client_secret = arena_dup(&x->arena, p->client_secret);
    return true;
}

struct str auth_provider_name(const struct auth *x)
{
    return x->provider.issuer.len ? x->provider.name : (struct str){0};
}

/* -- asking ------------------------------------------------------------------------------------ */

static bool no_provider(struct error *err, const char *why)
{
    return error_set(err, ERROR_UNAVAILABLE, "the provider of log-ins %s", why);
}

/* A JSON object, whatever the status: errors are objects too. */
static bool ask_object(struct auth *x, struct arena *a, const struct auth_sending *what,
                       int *out_status, json_t **out, struct error *err)
{
    struct auth_fetched answer;
    AUTO_JSON *j = NULL;

    if (!x->provider.send(x->provider.send_ctx, a, what, &answer, err))
        return error_wrap(err, STR_FMT, STR_ARG(what->url));
    if (!json_parse(answer.body, &j, NULL) || !json_is_object(j))
        return error_set(err, ERROR_UNAVAILABLE, STR_FMT ": the answer (%d) is no JSON object",
                         STR_ARG(what->url), answer.status);
    *out_status = answer.status;
    *out = STEAL(j);
    return true;
}

static bool get_object(struct auth *x, struct arena *a, struct str url, json_t **out,
                       struct error *err)
{
    AUTO_JSON *j = NULL;
    int status = 0;

    if (!ask_object(x, a, &(struct auth_sending){.url = url}, &status, &j, err))
        return false;
    if (status != 200)
        return error_set(err, ERROR_UNAVAILABLE, STR_FMT ": status %d", STR_ARG(url), status);
    *out = STEAL(j);
    return true;
}

static bool read_kept(struct auth *x, const struct kept_text *k, int64_t since_ms, json_t **out)
{
    MUTEX_SCOPE(&x->provider_lock);

    return k->text.len && k->at_ms > since_ms && json_parse(buf_str(&k->text), out, NULL);
}

static void keep(struct auth *x, struct kept_text *k, const json_t *j, int64_t now_ms)
{
    MUTEX_SCOPE(&x->provider_lock);

    buf_clear(&k->text);
    json_write(&k->text, j);
    k->at_ms = now_ms;
}

/* -- what the provider says of itself ---------------------------------------------------------- */

struct metadata { /* in the request's arena */
    struct str authorization_endpoint, token_endpoint, jwks_uri;
    bool has_basic; /* the token endpoint takes client_secret_basic */
    bool has_iss;
};

static bool take_endpoint(struct arena *a, const json_t *j, const char *name, struct str *out,
                          struct error *err)
{
    struct str url = json_view(json_object_get(j, name));
    struct uri u;

    if (!uri_parse(url, &u, NULL) || !str_eq_c(u.scheme, "https"))
        return error_set(err, ERROR_UNAVAILABLE, "the provider's %s is no https URL", name);
    *out = arena_dup(a, url);
    return true;
}

/* Where nothing is said, client_secret_basic holds. */
static bool lists_or_silent(const json_t *j, const char *name, const char *value)
{
    const json_t *list = json_object_get(j, name);

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (str_eq_c(json_view(json_array_get(list, i)), value))
            return true;
    }
    return !list;
}

static bool take_metadata(struct auth *x, struct arena *a, const json_t *j,
                          struct metadata *out, struct error *err)
{
    struct metadata m = {
        .has_basic =
            lists_or_silent(j, "token_endpoint_auth_methods_supported", "client_secret_basic"),
        .has_iss =
            json_is_true(json_object_get(j, "authorization_response_iss_parameter_supported"))};

    if (!str_eq(json_view(json_object_get(j, "issuer")), x->provider.issuer))
        return no_provider(err, "calls itself another issuer; MEMORYD_OIDC_ISSUER must be the "
                                "same text");
    if (!take_endpoint(a, j, "authorization_endpoint", &m.authorization_endpoint, err) ||
        !take_endpoint(a, j, "token_endpoint", &m.token_endpoint, err) ||
        !take_endpoint(a, j, "jwks_uri", &m.jwks_uri, err))
        return false;
    *out = m;
    return true;
}

static bool find_metadata(struct auth *x, const struct auth_request *r, struct metadata *out,
                          struct error *err)
{
    struct str issuer = x->provider.issuer;
    AUTO_JSON *j = NULL;

    if (read_kept(x, &x->provider_metadata, r->now_ms - KEEP_MS, &j))
        return take_metadata(x, r->arena, j, out, err);
    if (str_ends(issuer, STR("/")))
        issuer.len--;
    if (!get_object(x, r->arena,
                    arena_printf(r->arena, STR_FMT "/.well-known/openid-configuration",
                                 STR_ARG(issuer)),
                    &j, err) ||
        !take_metadata(x, r->arena, j, out, err))
        return false;
    keep(x, &x->provider_metadata, j, r->now_ms);
    return true;
}

/* -- beginning --------------------------------------------------------------------------------- */

static struct str callback_of(const struct auth_request *r)
{
    return arena_printf(r->arena, STR_FMT "/login/callback", STR_ARG(r->base));
}

static struct str challenge_of(struct arena *a, struct str verifier)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    AUTO_BUF b = {0};

    crypto_sha256(verifier, digest);
    crypto_base64url_encode(&b, str_n((const char *)digest, sizeof(digest)));
    return arena_dup(a, buf_str(&b));
}

static bool check_link(struct auth *x, const struct auth_request *r,
                       const struct auth_visit *visit, struct stored_visit *row,
                       struct error *err)
{
    struct auth_link *link;

    if (!visit->link.len)
        return true;
    if (!auth_link_look(x, r, visit->link, &link, err))
        return false;
    if (!link)
        return error_set(err, ERROR_NOT_FOUND, "the link was used before, or is too old");
    row->link = token_hash(r->arena, visit->link);
    row->name =
        link->kind == AUTH_LINK_RESET ? link->account : normal_name(r->arena, visit->name);
    return account_name_check(row->name, err);
}

static bool is_query(struct str query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (query.ptr[i] <= ' ' || query.ptr[i] >= 0x7F || query.ptr[i] == '#')
            return false;
    }
    return true;
}

static struct str provider_page(struct auth *x, const struct auth_request *r,
                                const struct metadata *m, struct str key)
{
    const struct field fields[] = {
        {STR("response_type"), STR("code")},
        {STR("client_id"), x->provider.client_id},
        {STR("redirect_uri"), callback_of(r)},
        {STR("scope"), STR("openid")},
        {STR("state"), derive(x, r->arena, "oidc state", key)},
        {STR("nonce"), derive(x, r->arena, "oidc nonce", key)},
        {STR("code_challenge"),
         challenge_of(r->arena, derive(x, r->arena, "oidc verifier", key))},
        {STR("code_challenge_method"), STR("S256")},
    };

    return redirect_build(r->arena, m->authorization_endpoint, fields, COUNT(fields));
}

bool auth_provider_begin(struct auth *x, const struct auth_request *r,
                         const struct auth_visit *visit, struct auth_departure *out,
                         struct error *err)
{
    struct str key = token_new(x, r->arena, PREFIX_VISIT);
    struct stored_visit row = {.hash = token_hash(r->arena, key),
                               .query = visit->query,
                               .expires_ms = r->now_ms + AUTH_VISIT_MS};
    struct metadata m;

    if (!x->provider.issuer.len)
        return error_set(err, ERROR_NOT_FOUND, "no provider of log-ins is set");
    if (visit->query.len > AUTH_VISIT_MAX_BYTES || !is_query(visit->query))
        return error_set(err, ERROR_INVALID, "the request is too long to come back to");
    if (!check_link(x, r, visit, &row, err) || !find_metadata(x, r, &m, err) ||
        !auth_store_visit_put(x->store, &row, r->now_ms, AUTH_VISITS_MAX, err))
        return false;
    *out = (struct auth_departure){provider_page(x, r, &m, key), key};
    return true;
}

/* -- keys -------------------------------------------------------------------------------------- */

static bool is_signed_by_one(const json_t *keys, const struct crypto_jwt *t)
{
    const json_t *list = json_object_get(keys, "keys");
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < MIN(json_array_size(list), (size_t)KEYS_MAX); i++) {
        const json_t *each = json_array_get(list, i);
        struct crypto_key *key;
        bool is_by;

        if (t->kid.len && !str_eq(json_view(json_object_get(each, "kid")), t->kid))
            continue;
        if (!crypto_jwk_load(json_text(&a, each), &key, NULL))
            continue;
        is_by = crypto_jwt_is_by(t, key);
        crypto_key_free(key);
        if (is_by)
            return true;
    }
    return false;
}

/* -- the ID token ------------------------------------------------------------------------------ */

struct arriving { /* one browser that comes back */
    struct auth *x;
    const struct auth_request *r;
    struct str key; /* what its cookie holds */
    struct metadata metadata;
    struct str subject; /* who it is, once that is proven */
    const char *why;    /* why it is not */
};

/* A refusal is no failure. */
static bool refuse(struct arriving *v, const char *why)
{
    v->why = why;
    return true;
}

static bool find_keys(struct arriving *v, int64_t since_ms, json_t **out, struct error *err)
{
    struct auth *x = v->x;

    if (read_kept(x, &x->provider_keys, since_ms, out))
        return true;
    if (!get_object(x, v->r->arena, v->metadata.jwks_uri, out, err))
        return false;
    keep(x, &x->provider_keys, *out, v->r->now_ms);
    return true;
}

/* Keys that do not fit may be old ones. */
static bool check_signature(struct arriving *v, const struct crypto_jwt *t, bool *out,
                            struct error *err)
{
    const int64_t since_ms[] = {v->r->now_ms - KEEP_MS, v->r->now_ms - KEYS_AGAIN_MS};

    *out = false;
    for (size_t i = 0; i < COUNT(since_ms) && !*out; i++) {
        AUTO_JSON *keys = NULL;

        if (!find_keys(v, since_ms[i], &keys, err))
            return false;
        *out = is_signed_by_one(keys, t);
    }
    return true;
}

/* "aud" is us alone, or names us among others and "azp" then us. */
static bool is_for_us(const json_t *claims, struct str client_id)
{
    const json_t *aud = json_object_get(claims, "aud");
    const json_t *azp = json_object_get(claims, "azp");
    bool is_among = str_eq(json_view(aud), client_id);

    for (size_t i = 0; i < json_array_size(aud); i++)
        is_among = is_among || str_eq(json_view(json_array_get(aud, i)), client_id);
    if (azp || json_array_size(aud) > 1)
        return is_among && str_eq(json_view(azp), client_id);
    return is_among;
}

static bool are_times_good(const json_t *claims, int64_t now_ms)
{
    int64_t exp_s = 0, iat_s = 0, nbf_s = 0, now_s = now_ms / 1000;
    int64_t leeway_s = AUTH_LEEWAY_MS / 1000;

    return json_get_int(claims, "", "exp", &exp_s, NULL) &&
           json_get_int(claims, "", "iat", &iat_s, NULL) &&
           json_get_int(claims, "", "nbf", &nbf_s, NULL) && iat_s > 0 &&
           exp_s > now_s - leeway_s && iat_s < now_s + leeway_s && nbf_s < now_s + leeway_s;
}

static const char *judge_claims(const struct arriving *v, const json_t *claims)
{
    struct str subject = json_view(json_object_get(claims, "sub"));
    struct str nonce = json_view(json_object_get(claims, "nonce"));

    if (!str_eq(json_view(json_object_get(claims, "iss")), v->x->provider.issuer))
        return "the ID token is of another issuer";
    if (!is_for_us(claims, v->x->provider.client_id))
        return "the ID token is for another client";
    if (!are_times_good(claims, v->r->now_ms))
        return "the ID token has expired, or clocks differ";
    if (!str_eq_secret(nonce, derive(v->x, v->r->arena, "oidc nonce", v->key)))
        return "the ID token is of another log-in";
    if (!subject.len || subject.len > SUBJECT_MAX || memchr(subject.ptr, '\0', subject.len))
        return "the ID token names nobody";
    return NULL;
}

static bool check_id_token(struct arriving *v, struct str token, struct error *err)
{
    AUTO_JSON *claims = NULL;
    struct crypto_jwt t;
    bool is_signed;

    if (!token.len)
        return refuse(v, "no ID token came");
    if (!crypto_jwt_parse_other(v->r->arena, token, &t, NULL))
        return refuse(v, "the ID token is no signed token");
    if (!check_signature(v, &t, &is_signed, err))
        return false;
    if (!is_signed)
        return refuse(v, "the ID token is not signed by the provider");
    if (!json_parse(t.claims, &claims, NULL) || !json_is_object(claims))
        return refuse(v, "the ID token holds no claims");
    v->why = judge_claims(v, claims);
    if (!v->why)
        v->subject = arena_dup(v->r->arena, json_view(json_object_get(claims, "sub")));
    return true;
}

/* -- the code ---------------------------------------------------------------------------------- */

/* RFC 6749 2.3.1: both are encoded as in a form first. */
static struct str basic_of(const struct arriving *v)
{
    const struct auth_provider *p = &v->x->provider;
    AUTO_BUF plain = {0}, out = {0};

    form_encode(&plain, p->client_id);
    buf_add_char(&plain, ':');
    form_encode(&plain, p->client_secret);
    buf_add_c(&out, "Basic ");
    crypto_base64_encode(&out, buf_str(&plain));
    return arena_dup(v->r->arena, buf_str(&out));
}

static void add_field(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "%s%s=", b->len ? "&" : "", name);
    form_encode(b, value);
}

static struct auth_sending exchange_of(const struct arriving *v, struct str code)
{
    const struct auth_provider *p = &v->x->provider;
    bool is_basic = p->client_secret.len && v->metadata.has_basic;
    AUTO_BUF form = {0};

    add_field(&form, "grant_type", STR("authorization_code"));
    add_field(&form, "code", code);
    add_field(&form, "redirect_uri", callback_of(v->r));
    add_field(&form, "code_verifier", derive(v->x, v->r->arena, "oidc verifier", v->key));
    if (!is_basic)
        add_field(&form, "client_id", p->client_id);
    if (!is_basic && p->client_secret.len)
        add_field(&form, "client_secret", p->client_secret);
    return (struct auth_sending){.url = v->metadata.token_endpoint,
                                 .form = arena_dup(v->r->arena, buf_str(&form)),
                                 .authorization = is_basic ? basic_of(v) : (struct str){0}};
}

static bool exchange(struct arriving *v, struct str code, struct error *err)
{
    const struct auth_sending what = exchange_of(v, code);
    AUTO_JSON *j = NULL;
    char quoted[LOG_QUOTE_MAX];
    int status = 0;

    if (!ask_object(v->x, v->r->arena, &what, &status, &j, err))
        return false;
    if (status == 200)
        return check_id_token(v, json_view(json_object_get(j, "id_token")), err);
    log_event(LOG_WARN, "oauth.provider", "status=%d error=%s", status,
              log_quote(json_view(json_object_get(j, "error")), quoted));
    return refuse(v, "the provider does not take its own code");
}

/* -- arriving ---------------------------------------------------------------------------------- */

static bool check_answer(struct arriving *v, const struct form *f, struct error *err)
{
    struct str iss = form_get(f, "iss"), code = form_get(f, "code");

    if (form_repeated(f, "").len)
        return refuse(v, "the answer says something twice");
    if (!find_metadata(v->x, v->r, &v->metadata, err))
        return false;
    if (iss.ptr ? !str_eq(iss, v->x->provider.issuer) : v->metadata.has_iss)
        return refuse(v, "the answer is of another provider");
    if (form_get(f, "error").ptr || !code.len)
        return refuse(v, "the provider did not log you in");
    return exchange(v, code, err);
}

static bool enter(struct arriving *v, struct str account, const struct stored_visit *visit,
                  struct auth_arrival *out, struct error *err)
{
    *out = (struct auth_arrival){.result = AUTH_ARRIVED, .query = visit->query};
    return session_open(v->x, v->r, account, &out->session, err);
}

static bool use_link(struct arriving *v, const struct stored_visit *visit,
                     struct auth_arrival *out, struct error *err)
{
    const struct stored_identity identity = {v->x->provider.issuer, v->subject, visit->name,
                                             v->r->now_ms};
    struct error problem = {0};

    if (auth_store_link_use_identity(v->x->store, visit->link, &identity, &problem)) {
        note(v->x, v->r, "identity.add", visit->name, STR(""), v->x->provider.issuer);
        return enter(v, visit->name, visit, out, err);
    }
    if (problem.kind != ERROR_CONFLICT && problem.kind != ERROR_NOT_FOUND) {
        if (err)
            *err = problem;
        return false;
    }
    *out = (struct auth_arrival){.result = AUTH_ARRIVAL_NO_LINK,
                                 .why = arena_dup(v->r->arena, str_c(problem.text))};
    return true;
}

static bool find_account(struct arriving *v, const struct stored_visit *visit,
                         struct auth_arrival *out, struct error *err)
{
    struct stored_account *p;

    if (!auth_store_identity(v->x->store, v->r->arena, v->x->provider.issuer, v->subject, &p,
                             err))
        return false;
    if (p && !p->is_disabled)
        return enter(v, p->name, visit, out, err);
    note(v->x, v->r, "login.failed", STR(""), STR(""), STR("no account of this identity"));
    *out = (struct auth_arrival){.result = AUTH_ARRIVAL_UNKNOWN};
    return true;
}

bool auth_provider_end(struct auth *x, const struct auth_request *r, struct str query,
                       struct str cookie, struct auth_arrival *out, struct error *err)
{
    struct arriving v = {.x = x, .r = r, .key = cookie};
    struct stored_visit *visit;
    struct form f;

    *out = (struct auth_arrival){.result = AUTH_ARRIVAL_STALE};
    if (!x->provider.issuer.len || !cookie.len || !form_parse(r->arena, query, &f, NULL) ||
        !str_eq_secret(form_get(&f, "state"), derive(x, r->arena, "oidc state", cookie)))
        return true;
    if (!auth_store_visit_take(x->store, r->arena, token_hash(r->arena, cookie), r->now_ms,
                               &visit, err))
        return false;
    if (!visit)
        return true;
    if (!check_answer(&v, &f, err))
        return false;
    if (v.subject.len)
        return visit->link.len ? use_link(&v, visit, out, err)
                               : find_account(&v, visit, out, err);
    note(x, r, "login.failed", STR(""), STR(""), str_c(v.why));
    *out = (struct auth_arrival){.result = AUTH_ARRIVAL_REFUSED, .why = str_c(v.why)};
    return true;
}

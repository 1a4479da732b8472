/*
 * check.c - the credentials of a request: access tokens and API keys.
 *
 * Verifying a token takes a signature and a look into the database, some hundred microseconds. So what was good is
 * remembered by its digest, until the database's count of validity grows: then everything is forgotten,
 * since anything may have been revoked. Asking for that count is all that a remembered token costs.
 *
 * Only good credentials are remembered; others are worked out each time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/alloc.h"
#include "base/log.h"
#include "json/json.h"

struct checked {
    struct arena arena;
    struct auth_principal who;
    struct str base; /* it was good for */
    int64_t used_ms; /* of a named API key: the last use that is not in the database */
    bool is_named_key;
};

/* -- claims ------------------------------------------------------------------------------------ */

static bool read_ms(const json_t *claims, const char *key, int64_t *out)
{
    int64_t seconds = 0;

    if (!json_get_int(claims, "", key, &seconds, NULL) || seconds < 0 ||
        seconds > INT64_MAX / 1000)
        return false;
    *out = seconds * 1000;
    return true;
}

static bool read_claims(struct arena *a, struct str text, struct claims *out)
{
    AUTO_JSON *j = NULL;
    struct {
        const char *name;
        struct str *to;
    } texts[CLAIM_TEXTS] = {{"iss", &out->iss},     {"sub", &out->sub},
                            {"aud", &out->aud},     {"client_id", &out->client_id},
                            {"scope", &out->scope}, {"jti", &out->jti}};

    if (!json_parse(text, &j, NULL) || !json_is_object(j))
        return false;
    for (size_t i = 0; i < CLAIM_TEXTS; i++) {
        if (!json_get_str(j, "", texts[i].name, texts[i].to, NULL))
            return false;
        *texts[i].to = arena_dup(a, *texts[i].to);
    }
    return out->jti.len && read_ms(j, "exp", &out->exp_ms) && read_ms(j, "iat", &out->iat_ms) &&
           read_ms(j, "nbf", &out->nbf_ms);
}

static bool is_access_token(struct str typ)
{
    return str_eq_ascii_case(typ, STR("at+jwt")) ||
           str_eq_ascii_case(typ, STR("application/at+jwt"));
}

bool claims_verify(struct auth *x, const struct auth_request *r, struct str token,
                   struct claims **out, const char **why, struct error *err)
{
    struct crypto_jwt t;
    struct crypto_key *key;
    struct claims *c = ARENA_NEW(r->arena, struct claims, 1);
    struct resource audience;

    *out = NULL;
    *why = "malformed token";
    if (!crypto_jwt_parse(r->arena, token, &t, NULL) || !is_access_token(t.typ))
        return true;
    if (!keys_find(x, t.kid, r->now_ms, &key, err))
        return false;
    *why = "not signed by this server";
    if (!key || !crypto_jwt_verify(&t, key))
        return true;
    *why = "malformed token";
    if (!read_claims(r->arena, t.claims, c))
        return true;
    *why = "issued by another server";
    if (!str_eq(c->iss, r->base))
        return true;
    *why = "for another audience";
    if (!resource_parse(r->arena, r->base, c->aud, &audience))
        return true;
    *out = c;
    return true;
}

/* -- principals -------------------------------------------------------------------------------- */

/* spaces: words; "*" among them stands for all. */
static void set_spaces(struct arena *a, struct str spaces, struct auth_principal *out)
{
    size_t n;
    const struct str *words = words_split(a, spaces, &n);
    struct str *list = ARENA_NEW(a, struct str, n);

    out->n_spaces = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(words[i], STR("*")))
            out->is_all_spaces = true;
        else
            list[out->n_spaces++] = words[i];
    }
    out->spaces = list;
}

/* What the grant says, within what the account may today. */
static const char *from_standing(const struct auth_request *r, const struct claims *c,
                                 const struct stored_standing *s, struct auth_principal *out)
{
    const struct stored_account *p = &s->account;
    bool has_account = s->family.account.len > 0;
    struct str spaces = s->family.spaces;
    struct resource audience;

    if (s->access.revoked_ms || s->family.revoked_ms)
        return "the token was revoked";
    if (has_account && (!p->name.len || p->is_disabled))
        return "the account is closed";
    if (!resource_parse(r->arena, r->base, c->aud, &audience))
        return "for another audience";
    *out = (struct auth_principal){
        .subject = has_account ? s->family.account : s->family.client,
        .client = s->family.client,
        .grant = s->family.id,
        .scopes = scopes_parse(c->scope).bits & scopes_parse(s->family.scopes).bits,
        .expires_ms = c->exp_ms,
    };
    if (has_account) {
        out->scopes &= auth_role_scopes((enum auth_role)p->role);
        spaces = words_common(r->arena, spaces, p->spaces);
    }
    if (audience.space.len)
        spaces = words_common(r->arena, audience.space, spaces);
    set_spaces(r->arena, spaces, out);
    return NULL;
}

static const char *check_times(const struct claims *c, int64_t now_ms)
{
    if (c->exp_ms + AUTH_LEEWAY_MS <= now_ms)
        return "the token has expired";
    if (c->iat_ms > now_ms + AUTH_LEEWAY_MS || c->nbf_ms > now_ms + AUTH_LEEWAY_MS)
        return "the token is not valid yet";
    return NULL;
}

/* *why NULL: *out is filled. */
static bool check_token(struct auth *x, const struct auth_request *r, struct str token,
                        struct auth_principal *out, const char **why, struct error *err)
{
    struct claims *c;
    struct stored_standing *s;

    if (!claims_verify(x, r, token, &c, why, err))
        return false;
    if (!c)
        return true;
    *why = check_times(c, r->now_ms);
    if (*why)
        return true;
    if (!auth_store_standing(x->store, r->arena, c->jti, &s, err))
        return false;
    *why = s ? from_standing(r, c, s, out) : "the token was revoked";
    return true;
}

static bool check_named_key(struct auth *x, const struct auth_request *r, struct str key,
                            struct auth_principal *out, const char **why, struct error *err)
{
    struct stored_api_key *k;
    struct stored_account *p;

    if (!auth_store_api_key(x->store, r->arena, token_hash(r->arena, key), &k, &p, err))
        return false;
    if (!k || p->is_disabled || (k->expires_ms && k->expires_ms <= r->now_ms)) {
        *why = "no such API key, or not any more";
        return true;
    }
    *out = (struct auth_principal){
        .subject = p->name,
        .client = k->name,
        .grant = k->name,
        .scopes = scopes_parse(k->scopes).bits & auth_role_scopes((enum auth_role)p->role),
        .expires_ms = k->expires_ms,
    };
    set_spaces(r->arena, words_common(r->arena, k->spaces, p->spaces), out);
    *why = NULL;
    return true;
}

/* -- what was good ----------------------------------------------------------------------------- */

static const struct str *copy_spaces(struct arena *a, const struct auth_principal *p)
{
    struct str *spaces = ARENA_NEW(a, struct str, p->n_spaces);

    for (size_t i = 0; i < p->n_spaces; i++)
        spaces[i] = arena_dup(a, p->spaces[i]);
    return spaces;
}

static struct auth_principal copy_principal(struct arena *a, const struct auth_principal *p)
{
    struct auth_principal copy = *p;

    copy.subject = arena_dup(a, p->subject);
    copy.client = arena_dup(a, p->client);
    copy.grant = arena_dup(a, p->grant);
    copy.spaces = copy_spaces(a, p);
    return copy;
}

static void checked_free(struct checked *c)
{
    struct arena arena;

    if (!c)
        return;
    arena = c->arena; /* the entry lives in it */
    arena_deinit(&arena);
}

void checked_clear(struct auth *x)
{
    size_t at = 0;
    struct str key;
    void *entry;

    while (map_next(&x->checked, &at, &key, &entry)) {
        map_remove(&x->checked, key);
        checked_free(entry);
    }
}

/* False: not remembered, or not for this base. */
static bool recall(struct auth *x, const struct auth_request *r, struct str digest,
                   int64_t validity, struct auth_principal *out)
{
    struct checked *c;
    MUTEX_SCOPE(&x->check_lock);

    if (x->checked_validity != validity) {
        checked_clear(x);
        x->checked_validity = validity;
    }
    c = map_get(&x->checked, digest);
    if (!c || !str_eq(c->base, r->base))
        return false;
    if (c->is_named_key)
        c->used_ms = r->now_ms;
    *out = copy_principal(r->arena, &c->who);
    return true;
}

static void remember(struct auth *x, const struct auth_request *r, struct str digest,
                     int64_t validity, bool is_named_key, const struct auth_principal *who)
{
    struct arena arena = {0};
    struct checked *c = ARENA_NEW(&arena, struct checked, 1);
    MUTEX_SCOPE(&x->check_lock);

    *c = (struct checked){.who = copy_principal(&arena, who),
                          .base = arena_dup(&arena, r->base),
                          .is_named_key = is_named_key,
                          .used_ms = r->now_ms};
    c->arena = arena;
    if (x->checked.len >= CHECKED_MAX)
        checked_clear(x);
    if (x->checked_validity == validity) /* else it was worked out before a change */
        checked_free(map_put(&x->checked, digest, c));
    else
        checked_free(c);
}

struct use {
    struct str name;
    int64_t at_ms;
};

static size_t take_uses(struct auth *x, struct arena *a, struct use *uses)
{
    size_t at = 0, n = 0;
    struct str key;
    void *entry;
    MUTEX_SCOPE(&x->check_lock);

    while (map_next(&x->checked, &at, &key, &entry)) {
        struct checked *c = entry;

        if (!c->is_named_key || c->used_ms == 0)
            continue;
        uses[n++] = (struct use){arena_dup(a, c->who.client), c->used_ms};
        c->used_ms = 0;
    }
    return n;
}

bool checked_note_uses(struct auth *x, struct error *err)
{
    AUTO_ARENA a = {0};
    struct use *uses = ARENA_NEW(&a, struct use, CHECKED_MAX);
    size_t n = take_uses(x, &a, uses);

    for (size_t i = 0; i < n; i++) {
        if (!auth_store_api_key_used(x->store, uses[i].name, uses[i].at_ms, err))
            return false;
    }
    return true;
}

/* -- the request ------------------------------------------------------------------------------- */

static bool is_token_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == ',')
            return false;
    }
    return s.len > 0 && s.len <= AUTH_TOKEN_MAX_BYTES;
}

/* The one key of MCP_API_KEY, whatever characters it has. */
static bool is_configured_key(const struct auth *x, struct str key, struct auth_principal *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (!x->options.api_key.len)
        return false;
    crypto_sha256(key, digest);
    if (!str_eq_secret(str_n((const char *)digest, sizeof(digest)),
                       str_n((const char *)x->api_key_hash, sizeof(x->api_key_hash))))
        return false;
    *out = (struct auth_principal){.subject = STR("api_key"),
                                   .client = STR("MCP_API_KEY"),
                                   .grant = STR("MCP_API_KEY"),
                                   .scopes = SCOPES_ALL,
                                   .is_all_spaces = true};
    return true;
}

static enum auth_verdict fail(struct error *err, const char **why)
{
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_ERROR, "oauth.failure", "step=check error=%s",
              log_quote(str_c(err->text), quoted));
    *why = "the server is busy; try again";
    return AUTH_FAILED;
}

/* A key expires by our clock alone; a token may have been looked at by others, whose clocks differ. */
static bool is_past(const struct auth_principal *p, bool is_named_key, int64_t now_ms)
{
    return p->expires_ms && p->expires_ms + (is_named_key ? 0 : AUTH_LEEWAY_MS) <= now_ms;
}

static enum auth_verdict check_credential(struct auth *x, const struct auth_request *r,
                                          struct str text, struct auth_principal *out,
                                          const char **why)
{
    unsigned char bytes[CRYPTO_SHA256_BYTES] = {0};
    struct str digest = str_n((const char *)bytes, sizeof(bytes));
    bool is_named_key = str_starts(text, STR(PREFIX_API_KEY));
    struct error err = {0};
    int64_t validity;

    crypto_sha256(text, bytes);
    if (!auth_store_validity(x->store, &validity, &err))
        return fail(&err, why);
    *why = NULL;
    if (recall(x, r, digest, validity, out)) {
        if (!is_past(out, is_named_key, r->now_ms))
            return AUTH_OK;
        *why = is_named_key ? "no such API key, or not any more" : "the token has expired";
        return AUTH_INVALID;
    }
    if (!(is_named_key ? check_named_key(x, r, text, out, why, &err)
                       : check_token(x, r, text, out, why, &err)))
        return fail(&err, why);
    if (*why)
        return AUTH_INVALID;
    remember(x, r, digest, validity, is_named_key, out);
    return AUTH_OK;
}

static enum auth_verdict check_text(struct auth *x, const struct auth_request *r,
                                    struct str text, struct auth_principal *out,
                                    const char **why)
{
    if (is_configured_key(x, text, out))
        return AUTH_OK;
    if (is_token_text(text))
        return check_credential(x, r, text, out, why);
    *why = "malformed credentials";
    return AUTH_MALFORMED;
}

static bool is_like_token(struct str text)
{
    struct str head, rest;

    return str_starts(text, STR(PREFIX_API_KEY)) ||
           (str_cut(text, '.', &head, &rest) && str_cut(rest, '.', &head, &rest));
}

/* It could only be MCP_API_KEY. */
static bool is_key_guess(const struct auth *x, struct str text)
{
    return x->options.api_key.len &&
           (!is_like_token(text) || is_like_token(x->options.api_key));
}

/* The same within what one address may get wrong. */
static enum auth_verdict check_in_time(struct auth *x, const struct auth_request *r,
                                       struct str text, struct auth_principal *out,
                                       const char **why)
{
    enum auth_verdict verdict;
    bool is_guess = is_key_guess(x, text);
    int unused;

    if (!r->payer.len)
        return check_text(x, r, text, out, why);
    if (!limit_has(x, r, LIMIT_CREDENTIALS, r->payer, &unused) ||
        (is_guess && !limit_has(x, r, LIMIT_KEY_GUESSES, r->payer, &unused))) {
        *why = "too many wrong credentials from this address; try again later";
        return AUTH_LIMITED;
    }
    verdict = check_text(x, r, text, out, why);
    if (verdict == AUTH_OK) {
        limit_forget(x, LIMIT_CREDENTIALS, r->payer);
    } else if (verdict == AUTH_INVALID || verdict == AUTH_MALFORMED) {
        (void)limit_take(x, r, LIMIT_CREDENTIALS, r->payer, &unused);
        if (is_guess)
            (void)limit_take(x, r, LIMIT_KEY_GUESSES, r->payer, &unused);
    }
    return verdict;
}

enum auth_verdict auth_check(struct auth *x, const struct auth_request *r,
                             struct str authorization, struct str api_key,
                             struct auth_principal *out, const char **why)
{
    struct str text = str_trim(api_key);
    bool is_bearer = credentials_of(authorization, "Bearer", &text) ||
                     str_eq_ascii_case(str_trim(authorization), STR("Bearer"));
    enum auth_verdict verdict;

    if (!is_bearer && !text.len) {
        bool is_other =
            str_trim(authorization).len > 0; /* not passed over as if it were none */

        *why = is_other ? "Authorization: only Bearer is known here" : "no credentials";
        return is_other ? AUTH_MALFORMED : AUTH_NONE;
    }
    verdict = check_in_time(x, r, text, out, why);
    return verdict == AUTH_MALFORMED && !is_bearer ? AUTH_INVALID : verdict;
}

bool auth_may_use_space(const struct auth_principal *p, struct str space)
{
    return p->is_all_spaces || str_is_among(space, p->spaces, p->n_spaces);
}

struct str auth_first_space(const struct auth_principal *p)
{
    if (p->n_spaces)
        return p->spaces[0];
    return p->is_all_spaces ? STR(SPACE_DEFAULT) : STR("");
}

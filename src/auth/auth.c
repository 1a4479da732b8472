/*
 * auth.c - opening, signing keys, random tokens, and the form of answers.
 *
 * Signing keys follow the database: another process may rotate them. A key that was loaded stays in memory
 * until the end, so that whoever signs with it needs no lock. Where a key is configured it alone signs; those in
 * the database are retired then, and one that some other process adds is not trusted.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/alloc.h"
#include "base/log.h"
#include "json/json.h"

#define ACCESS_TOKEN_MS  ((int64_t)24 * 3600 * 1000)
#define REFRESH_TOKEN_MS ((int64_t)30 * 24 * 3600 * 1000)
#define AUDIT_MS         ((int64_t)400 * 24 * 3600 * 1000)
#define SECRET_BYTES     32

/* -- tokens ------------------------------------------------------------------------------------ */

static struct str prefixed(struct arena *a, const char *prefix, const unsigned char *bytes,
                           size_t n)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, prefix);
    crypto_base64url_encode(&b, str_n((const char *)bytes, n));
    return arena_dup(a, buf_str(&b));
}

struct str token_new(struct auth *x, struct arena *a, const char *prefix)
{
    unsigned char bytes[SECRET_BYTES];

    x->options.random(bytes, sizeof(bytes));
    return prefixed(a, prefix, bytes, sizeof(bytes));
}

struct str token_hash(struct arena *a, struct str token)
{
    char hex[CRYPTO_SHA256_HEX];

    crypto_sha256_hex(token, hex);
    return arena_dup(a, str_c(hex));
}

struct str derive(struct auth *x, struct arena *a, const char *purpose, struct str text)
{
    unsigned char mac[CRYPTO_SHA256_BYTES];
    struct str whole = arena_printf(a, "%s:" STR_FMT, purpose, STR_ARG(text));

    crypto_hmac_sha256(x->derive_key, whole, mac);
    return prefixed(a, "", mac, sizeof(mac));
}

/* Not random: whoever asks twice with one token, as several machines of one client do, gets the same
 * successor, though only hashes are kept. It takes the token before and this database to know it. */
struct str token_successor(struct auth *x, struct arena *a, struct str token)
{
    return arena_printf(a, PREFIX_REFRESH STR_FMT, STR_ARG(derive(x, a, "refresh", token)));
}

/* -- signing keys: key_lock is held -------------------------------------------------------------- */

static struct signing_key *find_key(struct auth *x, struct str kid)
{
    for (size_t i = 0; i < x->keys.len; i++) {
        if (str_eq(crypto_key_id(x->keys.ptr[i].key), kid))
            return &x->keys.ptr[i];
    }
    return NULL;
}

static bool take_key(struct auth *x, const struct stored_signing_key *stored, struct error *err)
{
    struct signing_key *k = find_key(x, stored->kid);
    struct signing_key fresh = {0};

    if (x->options.private_key.len && !stored->retired_ms)
        return true;
    if (!k) {
        if (!crypto_key_load(stored->pem, &fresh.key, err))
            return error_wrap(err, "signing key");
        VEC_PUSH(&x->keys, fresh);
        k = &x->keys.ptr[x->keys.len - 1];
    }
    k->until_ms = stored->retired_ms ? stored->until_ms : 0;
    k->is_gone = false;
    if (!stored->retired_ms)
        x->active = (size_t)(k - x->keys.ptr);
    return true;
}

static bool load_keys(struct auth *x, int64_t now_ms, struct error *err)
{
    AUTO_ARENA a = {0};
    const struct stored_signing_key *stored;
    size_t n, first = x->options.private_key.len ? 1 : 0; /* the configured key is the first */

    if (!auth_store_signing_keys(x->store, &a, now_ms, &stored, &n, err))
        return false;
    for (size_t i = first; i < x->keys.len; i++)
        x->keys.ptr[i].is_gone = true;
    for (size_t i = 0; i < n; i++) {
        if (!take_key(x, &stored[i], err))
            return false;
    }
    return true;
}

static bool follow_keys(struct auth *x, int64_t now_ms, struct error *err)
{
    int64_t validity;

    if (!auth_store_validity(x->store, &validity, err))
        return false;
    if (validity == x->keys_validity)
        return true;
    if (!load_keys(x, now_ms, err))
        return false;
    x->keys_validity = validity;
    return true;
}

bool keys_active(struct auth *x, int64_t now_ms, struct crypto_key **out, struct error *err)
{
    MUTEX_SCOPE(&x->key_lock);

    if (!follow_keys(x, now_ms, err))
        return false;
    if (x->active >= x->keys.len || x->keys.ptr[x->active].is_gone)
        return error_set(err, ERROR_INTERNAL, "no signing key");
    *out = x->keys.ptr[x->active].key;
    return true;
}

bool keys_find(struct auth *x, struct str kid, int64_t now_ms, struct crypto_key **out,
               struct error *err)
{
    const struct signing_key *k;
    MUTEX_SCOPE(&x->key_lock);

    if (!follow_keys(x, now_ms, err))
        return false;
    k = find_key(x, kid);
    *out = k && !k->is_gone && (k->until_ms == 0 || k->until_ms > now_ms) ? k->key : NULL;
    return true;
}

/* Until the last token that a key has signed is past. */
static int64_t overlap_ms(const struct auth *x)
{
    return x->options.access_token_ms + AUTH_LEEWAY_MS;
}

static bool add_key(struct auth *x, int64_t now_ms, bool is_first, struct error *err)
{
    AUTO_ARENA a = {0};
    struct crypto_key *key = crypto_key_new();
    const struct stored_signing_key stored = {crypto_key_id(key), crypto_key_pem(&a, key),
                                              now_ms, 0, 0};
    bool is_ok = auth_store_signing_key_add(x->store, &stored, overlap_ms(x), is_first, err);

    crypto_key_free(key);
    return is_ok;
}

bool auth_keys_rotate(struct auth *x, const struct auth_request *r, struct str by,
                      struct error *err)
{
    if (x->options.private_key.len)
        return error_set(
            err, ERROR_INVALID,
            "the signing key is configured (MCP_OAUTH_PRIVATE_KEY); change it there");
    if (!add_key(x, r->now_ms, false, err))
        return false;
    note(x, r, "keys.rotate", by, STR(""), STR(""));
    return true;
}

/* -- opening ----------------------------------------------------------------------------------- */

static const struct str default_schemes[] = {STR_INIT("cursor"), STR_INIT("vscode"),
                                             STR_INIT("vscode-insiders")};

static const struct str *copy_list(struct arena *a, const struct str *list, size_t n)
{
    struct str *copy = ARENA_NEW(a, struct str, n);

    for (size_t i = 0; i < n; i++)
        copy[i] = arena_dup(a, list[i]);
    return copy;
}

static void copy_options(struct auth *x, const struct auth_options *o)
{
    struct auth_options *to = &x->options;

    *to = *o;
    to->path = NULL; /* only for opening */
    to->private_key = arena_dup(&x->arena, o->private_key);
    to->api_key = arena_dup(&x->arena, o->api_key);
    to->registration_key = arena_dup(&x->arena, o->registration_key);
    to->redirect_hosts = copy_list(&x->arena, o->redirect_hosts, o->n_redirect_hosts);
    if (!o->schemes) {
        to->schemes = default_schemes;
        to->n_schemes = COUNT(default_schemes);
    } else {
        to->schemes = copy_list(&x->arena, o->schemes, o->n_schemes);
    }
    to->access_token_ms = o->access_token_ms ? o->access_token_ms : ACCESS_TOKEN_MS;
    to->refresh_token_ms = o->refresh_token_ms ? o->refresh_token_ms : REFRESH_TOKEN_MS;
    to->random = o->random ? o->random : crypto_random;
    crypto_sha256(to->api_key, x->api_key_hash);
}

static bool open_keys(struct auth *x, struct error *err)
{
    struct signing_key first = {0};
    struct crypto_key *key;

    if (!x->options.private_key.len)
        return add_key(x, x->options.now_ms, true, err) &&
               keys_active(x, x->options.now_ms, &key, err);
    if (!crypto_key_load(x->options.private_key, &first.key, err))
        return error_wrap(err, "MCP_OAUTH_PRIVATE_KEY");
    VEC_PUSH(&x->keys, first);
    return auth_store_signing_keys_retire(x->store, x->options.now_ms,
                                          x->options.now_ms + overlap_ms(x), err) &&
           keys_active(x, x->options.now_ms, &key, err);
}

static bool open_secret(struct auth *x, struct error *err)
{
    return auth_store_secret(x->store, &x->arena, STR("derive"), token_new(x, &x->arena, ""),
                             &x->derive_key, err);
}

bool auth_open(const struct auth_options *options, struct auth **out, struct error *err)
{
    struct auth *x = NEW(struct auth);

    copy_options(x, options);
    mutex_init(&x->key_lock);
    mutex_init(&x->check_lock);
    mutex_init(&x->fetch_lock);
    mutex_init(&x->provider_lock);
    map_init(&x->checked, crypto_random_u64());
    x->keys_validity = -1;
    limits_open(x);
    if (!auth_store_open(options->path, &x->store, err) || !open_secret(x, err) ||
        !open_keys(x, err)) {
        auth_close(x);
        return false;
    }
    *out = x;
    return true;
}

void auth_close(struct auth *x)
{
    if (!x)
        return;
    limits_close(x);
    checked_clear(x);
    map_deinit(&x->checked);
    for (size_t i = 0; i < x->keys.len; i++)
        crypto_key_free(x->keys.ptr[i].key);
    VEC_DEINIT(&x->keys);
    auth_store_close(x->store);
    buf_deinit(&x->provider_metadata.text);
    buf_deinit(&x->provider_keys.text);
    mutex_deinit(&x->provider_lock);
    mutex_deinit(&x->fetch_lock);
    mutex_deinit(&x->check_lock);
    mutex_deinit(&x->key_lock);
    arena_deinit(&x->arena);
    free(x);
}

/* -- audit ------------------------------------------------------------------------------------- */

void say(const struct auth_request *r, const char *event, struct str subject, struct str client,
         struct str detail)
{
    char q1[LOG_QUOTE_MAX], q2[LOG_QUOTE_MAX], q3[LOG_QUOTE_MAX], q4[LOG_QUOTE_MAX];

    log_event(LOG_INFO, "oauth", "step=%s subject=%s client=%s ip=%s detail=%s", event,
              log_quote(subject, q1), log_quote(client, q2), log_quote(r->peer, q3),
              log_quote(detail, q4));
}

void note(struct auth *x, const struct auth_request *r, const char *event, struct str subject,
          struct str client, struct str detail)
{
    const struct stored_event row = {.at_ms = r->now_ms,
                                     .event = str_c(event),
                                     .subject = subject,
                                     .client = client,
                                     .peer = r->peer,
                                     .detail = detail};
    char quoted[LOG_QUOTE_MAX];
    struct error err = {0};

    say(r, event, subject, client, detail);
    if (!auth_store_log(x->store, &row, &err))
        log_event(LOG_WARN, "oauth.audit", "error=%s", log_quote(str_c(err.text), quoted));
}

bool auth_audit(struct auth *x, struct arena *a, int64_t before_seq, size_t max,
                const struct auth_event **out, size_t *out_n, struct error *err)
{
    const struct stored_event *rows;
    struct auth_event *events;
    size_t n;

    if (!auth_store_audit(x->store, a, before_seq, max, &rows, &n, err))
        return false;
    events = ARENA_NEW(a, struct auth_event, n);
    for (size_t i = 0; i < n; i++)
        events[i] =
            (struct auth_event){rows[i].seq,    rows[i].at_ms, rows[i].event, rows[i].subject,
                                rows[i].client, rows[i].peer,  rows[i].detail};
    *out = events;
    *out_n = n;
    return true;
}

/* -- answers ----------------------------------------------------------------------------------- */

void answer_json(const struct auth_request *r, int status, json_t *body,
                 struct auth_answer *out)
{
    AUTO_JSON *owned = json_must(body);

    *out = (struct auth_answer){.status = status, .body = json_text(r->arena, owned)};
}

void answer_error(const struct auth_request *r, int status, const char *error, const char *text,
                  struct auth_answer *out)
{
    answer_json(
        r, status,
        json_pack("{s:s, s:o}", "error", error, "error_description", json_str(str_c(text))),
        out);
    out->error = error;
}

void answer_failure(const struct auth_request *r, const char *what, const struct error *err,
                    struct auth_answer *out)
{
    bool is_busy = err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_LIMIT;
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_ERROR, "oauth.failure", "step=%s kind=%s error=%s", what,
              error_kind_name(err->kind), log_quote(str_c(err->text), quoted));
    answer_error(r, is_busy ? 503 : 500, is_busy ? "temporarily_unavailable" : "server_error",
                 is_busy ? "the server is busy; try again" : "the server failed", out);
    out->retry_after_s = is_busy ? 5 : 0;
}

/* -- upkeep ------------------------------------------------------------------------------------ */

bool auth_tidy(struct auth *x, int64_t now_ms, struct error *err)
{
    const struct auth_store_ages ages = {
        .now_ms = now_ms,
        .unused_ms = AUTH_UNUSED_MS,
        /* a grant must not go with a client that is only waiting */
        .idle_ms = MAX(AUTH_IDLE_MS, x->options.refresh_token_ms),
        .code_ms = AUTH_UNUSED_MS,
        .audit_ms = AUDIT_MS};

    return checked_note_uses(x, err) && auth_store_tidy(x->store, &ages, err);
}

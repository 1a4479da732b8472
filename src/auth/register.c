/*
 * register.c - clients that register themselves (RFC 7591) and manage their registration (RFC 7592).
 *
 * Anybody may register unless a key is configured, since hosted connectors cannot send one. So a registration
 * is worth nothing by itself: no grant without a person, a cap, a limit per address, and it goes after a day
 * without use.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "json/json.h"
#include "text/text.h"

#define FLOW_MS      ((int64_t)3600 * 1000) /* in which a person has agreed, or will not any more */
#define EVICT_MAX    100
#define FULL_RETRY_S 3600

static bool bad_field(struct error *err, const char **out_error, const char *why)
{
    *out_error = "invalid_client_metadata";
    return error_set(err, ERROR_INVALID, "%s", why);
}

/* -- metadata ---------------------------------------------------------------------------------- */

static bool read_redirects(struct auth *x, struct arena *a, const json_t *j,
                           struct stored_client *out, const char **out_error, struct error *err)
{
    const struct redirect_rules rules = {x->options.redirect_hosts, x->options.n_redirect_hosts,
                                         x->options.schemes, x->options.n_schemes};
    const json_t *list = json_object_get(j, "redirect_uris");
    struct str uris[AUTH_REDIRECT_URIS_MAX];
    size_t n = json_array_size(list);

    *out_error = "invalid_redirect_uri";
    if (n == 0 || n > AUTH_REDIRECT_URIS_MAX)
        return error_set(err, ERROR_INVALID, "redirect_uris: an array of 1 to %d strings",
                         AUTH_REDIRECT_URIS_MAX);
    for (size_t i = 0; i < n; i++) {
        uris[i] = json_view(json_array_get(list, i));
        if (!redirect_check(&rules, uris[i], err))
            return error_wrap(err, "redirect_uris[%zu]", i);
    }
    out->redirect_uris = words_join(a, uris, n);
    return true;
}

/* An array of strings, each among known; absent: fallback. */
static bool read_words(struct arena *a, const json_t *j, const char *key, struct str known,
                       struct str fallback, struct str *out)
{
    const json_t *list = json_object_get(j, key);
    size_t n = json_array_size(list);
    struct str words[8];

    *out = fallback;
    if (!list || json_is_null(list))
        return true;
    if (n == 0 || n > COUNT(words))
        return false;
    for (size_t i = 0; i < n; i++) {
        words[i] = json_view(json_array_get(list, i));
        if (!words[i].len || !words_has(known, words[i]))
            return false;
    }
    *out = words_join(a, words, n);
    return true;
}

/* Nothing is granted by what a client asks for here; what it leaves out it cannot have later. */
bool metadata_read(struct auth *x, struct arena *a, const json_t *j, struct stored_client *out,
                   const char **out_error, struct error *err)
{
    struct str response_types, scope = {0};
    size_t at;

    if (!json_is_object(j))
        return bad_field(err, out_error, "not a JSON object");
    if (!json_get_str(j, "", "client_name", &out->name, err) ||
        !json_get_str(j, "", "scope", &scope, err) ||
        !json_get_str(j, "", "token_endpoint_auth_method", &out->method, err)) {
        *out_error = "invalid_client_metadata";
        return false;
    }
    out->name = text_printable(a, text_strip(out->name)); /* a person will read it */
    if (text_count(out->name) > AUTH_NAME_MAX_CHARS || str_find_char(out->name, '\n', &at))
        return bad_field(err, out_error, "client_name: too long, or of several lines");
    if (!read_words(a, j, "grant_types", STR("authorization_code refresh_token"),
                    STR("authorization_code"), &out->grant_types) ||
        !words_has(out->grant_types, STR("authorization_code")))
        return bad_field(err, out_error,
                         "grant_types: authorization_code, with or without refresh_token");
    if (!read_words(a, j, "response_types", STR("code"), STR("code"), &response_types))
        return bad_field(err, out_error, "response_types: only code");
    if (scope.len > AUTH_URI_MAX_BYTES)
        return bad_field(err, out_error, "scope: too long");
    if (scope.len) {
        struct scopes s = scopes_parse(scope);

        out->scopes = scopes_text(a, s.bits, s.is_offline);
    }
    return read_redirects(x, a, j, out, out_error, err);
}

static bool read_method(struct stored_client *c, const char **out_error, struct error *err)
{
    if (!c->method.len)
        c->method = STR("client_secret_basic"); /* RFC 7591, 2 */
    if (words_has(STR("none client_secret_basic client_secret_post"), c->method))
        return true;
    return bad_field(err, out_error,
                     "token_endpoint_auth_method: none, client_secret_basic or "
                     "client_secret_post");
}

/* -- answers ----------------------------------------------------------------------------------- */

static json_t *words_json(struct arena *a, struct str list)
{
    size_t n;
    const struct str *words = words_split(a, list, &n);

    return json_strs(words, n);
}

/* What was registered. secret, token: as just made, or empty. */
static json_t *client_json(const struct auth_request *r, const struct stored_client *c,
                           struct str secret, struct str token)
{
    struct arena *a = r->arena;
    json_t *j = json_must(
        json_pack("{s:o, s:I, s:o, s:o, s:o, s:[s], s:o}", "client_id", json_str(c->id),
                  "client_id_issued_at", (json_int_t)(c->created_ms / 1000), "redirect_uris",
                  words_json(a, c->redirect_uris), "token_endpoint_auth_method",
                  json_str(c->method), "grant_types", words_json(a, c->grant_types),
                  "response_types", "code", "registration_client_uri",
                  json_str(arena_printf(a, STR_FMT "/oauth/register/" STR_FMT, STR_ARG(r->base),
                                        STR_ARG(c->id)))));

    if (c->name.len)
        json_object_set_new(j, "client_name", json_str(c->name));
    if (c->scopes.len)
        json_object_set_new(j, "scope", json_str(c->scopes));
    if (secret.len)
        json_object_set_new(j, "client_secret", json_str(secret));
    if (c->secret_hash.len)
        json_object_set_new(j, "client_secret_expires_at", json_integer(0));
    if (token.len)
        json_object_set_new(j, "registration_access_token", json_str(token));
    return j;
}

static void refuse_bearer(const struct auth_request *r, bool was_given, struct auth_answer *out)
{
    answer_error(r, 401, "invalid_token", "a registration token is needed", out);
    out->challenge = was_given ? STR("Bearer error=\"invalid_token\"") : STR("Bearer");
}

/* -- registering ------------------------------------------------------------------------------- */

static bool may_register(struct auth *x, const struct auth_request *r, struct str authorization,
                         struct auth_answer *out)
{
    struct str key = x->options.registration_key, given = {0};
    bool was_given;

    if (x->options.is_registration_closed) {
        answer_error(r, 403, "access_denied", "registration is closed", out);
        return false;
    }
    was_given = credentials_of(authorization, "Bearer", &given);
    if (!key.len ||
        (was_given && str_eq_secret(token_hash(r->arena, key), token_hash(r->arena, given))))
        return true;
    refuse_bearer(r, was_given, out);
    return false;
}

/* What one address may try, or all together that come from addresses which many share. False: refused. */
static bool is_in_time(struct auth *x, const struct auth_request *r, struct auth_answer *out)
{
    bool is_shared = !r->payer.len;
    int wait_s;

    return limit_take(x, r, is_shared ? LIMIT_REGISTER_SHARED : LIMIT_REGISTER,
                      is_shared ? STR("shared") : r->payer, &wait_s) ||
           answer_limit(r, wait_s, out);
}

bool clients_have_room(struct auth *x, int64_t now_ms, struct str origin, bool *out,
                       struct error *err)
{
    int64_t n_all, n_gone = 1;

    if (!auth_store_clients_count(x->store, origin, &n_all, err) ||
        (n_all >= AUTH_CLIENTS_MAX &&
         !auth_store_clients_evict(x->store, origin, now_ms - FLOW_MS, EVICT_MAX, &n_gone,
                                   err)))
        return false;
    *out = n_gone > 0;
    return true;
}

/* False: refused. */
static bool is_room(struct auth *x, const struct auth_request *r, struct auth_answer *out)
{
    struct error err = {0};
    bool has_room;

    if (!clients_have_room(x, r->now_ms, STR("registered"), &has_room, &err)) {
        answer_failure(r, "register", &err, out);
        return false;
    }
    if (has_room)
        return true;
    answer_error(r, 503, "temporarily_unavailable",
                 "too many clients; unused ones go after a while", out);
    out->retry_after_s = FULL_RETRY_S;
    return false;
}

/* False: refused. */
static bool read_registration(struct auth *x, const struct auth_request *r, struct str body,
                              struct stored_client *out, struct auth_answer *refusal)
{
    AUTO_JSON *j = NULL;
    const char *error = "invalid_client_metadata";
    struct error err = {0};

    if ((body.len > AUTH_REGISTER_MAX_BYTES
             ? error_set(&err, ERROR_INVALID, "longer than %zu bytes", AUTH_REGISTER_MAX_BYTES)
             : json_parse(body, &j, &err)) &&
        metadata_read(x, r->arena, j, out, &error, &err) && read_method(out, &error, &err)) {
        out->method = arena_dup(r->arena, out->method);
        out->metadata = json_text(r->arena, j);
        return true;
    }
    answer_error(r, 400, error, err.text, refusal);
    return false;
}

void auth_register(struct auth *x, const struct auth_request *r, struct str authorization,
                   struct str body, struct auth_answer *out)
{
    struct str secret = {0}, token = token_new(x, r->arena, PREFIX_REGISTRATION);
    struct stored_client c = {.origin = STR("registered"),
                              .peer = r->peer,
                              .created_ms = r->now_ms,
                              .registration_hash = token_hash(r->arena, token)};
    struct error err = {0};

    if (!is_in_time(x, r, out) || !may_register(x, r, authorization, out) ||
        !is_room(x, r, out) || !read_registration(x, r, body, &c, out))
        return;
    c.id = token_new(x, r->arena, PREFIX_CLIENT);
    if (!str_eq(c.method, STR("none"))) {
        secret = token_new(x, r->arena, PREFIX_SECRET);
        c.secret_hash = token_hash(r->arena, secret);
    }
    if (!auth_store_client_put(x->store, &c, &err)) {
        answer_failure(r, "register", &err, out);
        return;
    }
    say(r, "register", STR(""), c.id, c.name);
    answer_json(r, 201, client_json(r, &c, secret, token), out);
}

/* -- managing ---------------------------------------------------------------------------------- */

/* RFC 7592, 2.2: the request names the client that it changes. */
static bool names_client(const struct stored_client *next, struct str id)
{
    AUTO_JSON *j = NULL;

    return json_parse(next->metadata, &j, NULL) &&
           str_eq(json_view(json_object_get(j, "client_id")), id);
}

static void replace(struct auth *x, const struct auth_request *r, struct stored_client *c,
                    struct str body, struct auth_answer *out)
{
    struct stored_client next = {0};
    struct error err = {0};

    if (!read_registration(x, r, body, &next, out))
        return;
    if (!names_client(&next, c->id)) {
        answer_error(r, 400, "invalid_client_metadata", "client_id: not this client's", out);
        return;
    }
    if (!str_eq(next.method, c->method)) {
        answer_error(r, 400, "invalid_client_metadata",
                     "token_endpoint_auth_method cannot change; register again", out);
        return;
    }
    next.id = c->id;
    next.origin = c->origin;
    next.secret_hash = c->secret_hash;
    next.registration_hash = c->registration_hash;
    next.created_ms = c->created_ms;
    if (!auth_store_client_put(x->store, &next, &err)) {
        answer_failure(r, "register", &err, out);
        return;
    }
    say(r, "register.change", STR(""), c->id, next.name);
    answer_json(r, 200, client_json(r, &next, STR(""), STR("")), out);
}

/* Whether the client exists is told only to who has its token. */
static struct stored_client *find_registered(struct auth *x, const struct auth_request *r,
                                             struct str id, struct str authorization,
                                             struct auth_answer *out)
{
    struct stored_client *c = NULL;
    struct str token = {0};
    struct error err = {0};
    bool was_given = credentials_of(authorization, "Bearer", &token);

    if (!client_may_try(x, r, id, out))
        return NULL;
    if (!auth_store_client(x->store, r->arena, id, &c, &err)) {
        answer_failure(r, "register", &err, out);
        return NULL;
    }
    if (c && c->registration_hash.len && token.len &&
        str_eq_secret(c->registration_hash, token_hash(r->arena, token)))
        return c;
    client_was_wrong(x, r, id);
    refuse_bearer(r, was_given, out);
    return NULL;
}

/* The audit has it only if it took grants of people along. */
static void delete_registered(struct auth *x, const struct auth_request *r,
                              const struct stored_client *c, struct auth_answer *out)
{
    struct error err = {0};
    bool was;

    if (!auth_store_client_delete(x->store, c->id, &was, &err)) {
        answer_failure(r, "register", &err, out);
        return;
    }
    if (was && c->used_ms)
        note(x, r, "client.delete", c->id, c->id, c->name);
    else
        say(r, "register.delete", STR(""), c->id, c->name);
    *out = (struct auth_answer){.status = 204};
}

/* Changes are limited like registrations: each is a commit to disk. */
void auth_registration(struct auth *x, const struct auth_request *r, struct str method,
                       struct str id, struct str authorization, struct str body,
                       struct auth_answer *out)
{
    struct stored_client *c = find_registered(x, r, id, authorization, out);
    bool is_put = str_eq(method, STR("PUT"));

    if (!c)
        return;
    if (str_eq(method, STR("GET")))
        answer_json(r, 200, client_json(r, c, STR(""), STR("")), out);
    else if (!is_put && !str_eq(method, STR("DELETE")))
        answer_error(r, 405, "invalid_request", "GET, PUT or DELETE", out);
    else if (!is_in_time(x, r, out))
        return;
    else if (is_put)
        replace(x, r, c, body, out);
    else
        delete_registered(x, r, c, out);
}

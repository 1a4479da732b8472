/*
 * client.c - who calls the token endpoint, and clients as the owner sees them.
 *
 * One method of authentication per request, the registered one (RFC 6749, 2.3). Secrets are 256 random bits, so
 * a plain SHA-256 of them is as hard to turn round as they are to guess.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "text/text.h"

bool client_redirects_to(const struct stored_client *c, struct str uri)
{
    struct str rest = c->redirect_uris, each;

    while (words_next(&rest, &each)) {
        if (redirect_matches(each, uri))
            return true;
    }
    return false;
}

bool credentials_of(struct str authorization, const char *scheme, struct str *out)
{
    struct str name, value;

    if (!str_cut(authorization, ' ', &name, &value) || !str_eq_ascii_case(name, str_c(scheme)))
        return false;
    *out = str_trim(value);
    return true;
}

/* -- authentication ---------------------------------------------------------------------------- */

struct credentials {
    struct str id, secret;
    const char *method;
    bool is_basic;
};

static struct stored_client *refuse(const struct auth_request *r, const struct credentials *c,
                                    const char *text, struct auth_answer *out)
{
    answer_error(r, 401, "invalid_client", text, out);
    if (c->is_basic)
        out->challenge = STR("Basic realm=\"memoryd\"");
    return NULL;
}

/* Both halves are form-encoded before Base64 (RFC 6749, 2.3.1). */
static bool read_basic(struct arena *a, struct str text, struct credentials *out)
{
    struct str pair, id, secret;

    return crypto_base64_decode(a, text, &pair, NULL) && str_cut(pair, ':', &id, &secret) &&
           form_decode(a, id, &out->id) && form_decode(a, secret, &out->secret) && out->id.len;
}

/* False: the request is refused. */
static bool read_credentials(const struct auth_request *r, struct str authorization,
                             const struct form *f, struct credentials *c,
                             struct auth_answer *out)
{
    struct str posted = form_get(f, "client_id"), secret = form_get(f, "client_secret"), basic;

    if (form_get(f, "client_assertion").ptr || form_get(f, "client_assertion_type").ptr)
        return refuse(r, c, "client assertions are not supported", out);
    *c =
        (struct credentials){posted, secret, secret.ptr ? "client_secret_post" : "none", false};
    if (credentials_of(authorization, "Basic", &basic)) {
        *c = (struct credentials){.method = "client_secret_basic", .is_basic = true};
        if (!read_basic(r->arena, basic, c))
            return refuse(r, c, "malformed Basic credentials", out);
        if (!secret.ptr && (!posted.ptr || str_eq(posted, c->id)))
            return true;
        answer_error(r, 400, "invalid_request", "more than one way of client authentication",
                     out);
        return false;
    }
    if (c->id.len)
        return true;
    answer_error(r, 400, "invalid_request", "client_id is missing", out);
    return false;
}

static bool is_secret_right(struct arena *a, const struct stored_client *c, struct str secret)
{
    return c->secret_hash.len && secret.len &&
           str_eq_secret(c->secret_hash, token_hash(a, secret));
}

/* The registered way; for imported clients any that shows a secret, see import.c. */
static bool may_show_so(const struct stored_client *c, const struct credentials *given)
{
    return str_eq_c(c->method, given->method) ||
           (str_eq_c(c->origin, ORIGIN_IMPORTED) && given->secret.len > 0);
}

static struct stored_client *check_client(const struct auth_request *r, struct stored_client *c,
                                          const struct credentials *given,
                                          struct auth_answer *out)
{
    if (!c)
        return refuse(r, given, "no such client; register again", out);
    if (!may_show_so(c, given))
        return refuse(r, given, "not the registered token_endpoint_auth_method", out);
    if (!str_eq_c(STR("none"), given->method) && !is_secret_right(r->arena, c, given->secret)) {
        say(r, "client.secret_wrong", STR(""), c->id, STR(""));
        return refuse(r, given, "wrong client secret", out);
    }
    return c;
}

struct stored_client *client_authenticate(struct auth *x, const struct auth_request *r,
                                          struct str authorization, const struct form *f,
                                          struct auth_answer *out)
{
    struct credentials given = {0};
    struct stored_client *c = NULL;
    struct error err = {0};

    if (!read_credentials(r, authorization, f, &given, out) ||
        !client_may_try(x, r, given.id, out))
        return NULL;
    if (!auth_store_client(x->store, r->arena, given.id, &c, &err)) {
        answer_failure(r, "client", &err, out);
        return NULL;
    }
    c = check_client(r, c, &given, out);
    if (!c)
        client_was_wrong(x, r, given.id);
    return c;
}

/* -- for the owner ----------------------------------------------------------------------------- */

bool auth_clients(struct auth *x, struct arena *a, const struct auth_client_info **out,
                  size_t *out_n, struct error *err)
{
    const struct stored_client *rows;
    struct auth_client_info *list;
    size_t n;

    if (!auth_store_clients(x->store, a, &rows, &n, err))
        return false;
    list = ARENA_NEW(a, struct auth_client_info, n);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct auth_client_info){
            .id = rows[i].id,
            .name = rows[i].name,
            .origin = rows[i].origin,
            .redirect_uris = rows[i].redirect_uris,
            .grant_types = rows[i].grant_types,
            .scopes = rows[i].scopes,
            .spaces = rows[i].spaces,
            .is_public = str_eq(rows[i].method, STR("none")),
            .created_ms = rows[i].created_ms,
            .used_ms = rows[i].used_ms,
        };
    *out = list;
    *out_n = n;
    return true;
}

static bool check_new(struct auth *x, const struct auth_client_new *n, struct error *err)
{
    const struct redirect_rules rules = {.schemes = x->options.schemes,
                                         .n_schemes = x->options.n_schemes};

    if (!text_is_utf8(n->name) || text_count(n->name) > AUTH_NAME_MAX_CHARS)
        return error_set(err, ERROR_INVALID, "a client's name has at most %d characters",
                         AUTH_NAME_MAX_CHARS);
    if (n->is_for_itself && (n->is_public || !n->scopes))
        return error_set(err, ERROR_INVALID,
                         "a client that acts for itself needs a secret and scopes");
    if (n->is_for_itself && !auth_spaces_check(n->spaces, err))
        return false;
    if (!n->is_for_itself && n->n_redirect_uris == 0)
        return error_set(err, ERROR_INVALID, "a client needs a redirect URI");
    if (n->n_redirect_uris > AUTH_REDIRECT_URIS_MAX)
        return error_set(err, ERROR_INVALID, "at most %d redirect URIs",
                         AUTH_REDIRECT_URIS_MAX);
    for (size_t i = 0; i < n->n_redirect_uris; i++) {
        if (!redirect_check(&rules, n->redirect_uris[i], err))
            return error_wrap(err, "redirect URI %zu", i + 1);
    }
    return true;
}

bool auth_client_add(struct auth *x, const struct auth_request *r, struct str by,
                     const struct auth_client_new *n, struct str *out_id,
                     struct str *out_secret, struct error *err)
{
    struct str secret = n->is_public ? STR("") : token_new(x, r->arena, PREFIX_SECRET);
    struct stored_client c = {
        .id = token_new(x, r->arena, PREFIX_CLIENT),
        .origin = STR("owner"),
        .name = n->name,
        .method = n->is_public ? STR("none") : STR("client_secret_basic"),
        .secret_hash = n->is_public ? STR("") : token_hash(r->arena, secret),
        .redirect_uris = words_join(r->arena, n->redirect_uris, n->n_redirect_uris),
        .grant_types = n->is_for_itself ? STR("client_credentials")
                                        : STR("authorization_code refresh_token"),
        .scopes = n->is_for_itself ? scopes_text(r->arena, n->scopes, false) : STR(""),
        .spaces = n->spaces,
        .metadata = STR("{}"),
        .peer = r->peer,
        .created_ms = r->now_ms,
    };

    if (!check_new(x, n, err) || !auth_store_client_put(x->store, &c, err))
        return false;
    note(x, r, "client.add", by, c.id, n->name);
    *out_id = c.id;
    *out_secret = secret;
    return true;
}

bool auth_client_delete(struct auth *x, const struct auth_request *r, struct str by,
                        struct str id, struct error *err)
{
    bool was;

    if (!auth_store_client_delete(x->store, id, &was, err))
        return false;
    if (!was)
        return error_set(err, ERROR_NOT_FOUND, "no client '" STR_FMT "'", STR_ARG(id));
    note(x, r, "client.delete", by, id, STR(""));
    return true;
}

/*
 * token.c - the token endpoint: codes, refresh tokens and clients' own secrets into access tokens.
 *
 * Order: who calls, then whether it may, then the code or token, so that nobody can spend or revoke what is
 * not theirs.
 *
 * Rotation. A refresh token that was used is retired and has one successor. Clients with several machines
 * use one token from each within a minute or two, so for AUTH_GRACE_MS a retired one still succeeds; all get
 * the same successor, the last of the chain, so that a thief and its victim share it and the next use after
 * the window tells that there are two of them. Then the whole family is revoked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "json/json.h"

#define CHAIN_MAX 64 /* successors within one grace window */

struct call { /* one request to the endpoint */
    struct auth *x;
    const struct auth_request *r;
    const struct form *form;
    const struct stored_client *client;
    struct auth_answer *out;
};

static void fail(const struct call *c, const char *error, const char *text)
{
    answer_error(c->r, 400, error, text, c->out);
}

static void fail_ours(const struct call *c, const struct error *err)
{
    answer_failure(c->r, "token", err, c->out);
}

/* -- making tokens ----------------------------------------------------------------------------- */

struct access {
    struct stored_access row;
    struct str subject, resource, scope;
    struct str text;
};

static bool sign_access(const struct call *c, struct access *t, struct error *err)
{
    struct arena *a = c->r->arena;
    AUTO_JSON *claims = NULL;
    struct crypto_key *key;

    t->row.jti = token_new(c->x, a, "");
    t->row.expires_ms =
        t->row.expires_ms ? MIN(t->row.expires_ms, c->r->now_ms + c->x->options.access_token_ms)
                          : c->r->now_ms + c->x->options.access_token_ms;
    if (!keys_active(c->x, c->r->now_ms, &key, err))
        return false;
    claims = json_must(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "iss",
                                 json_str(c->r->base), "sub", json_str(t->subject), "aud",
                                 json_str(t->resource), "client_id", json_str(c->client->id),
                                 "scope", json_str(t->scope), "jti", json_str(t->row.jti),
                                 "iat", (json_int_t)(c->r->now_ms / 1000), "exp",
                                 (json_int_t)(t->row.expires_ms / 1000)));
    t->text = crypto_jwt_sign(a, key, "at+jwt", json_text(a, claims));
    return true;
}

static void answer_tokens(const struct call *c, const struct access *t, struct str refresh)
{
    json_t *j = json_must(json_pack("{s:o, s:s, s:I, s:o}", "access_token", json_str(t->text),
                                    "token_type", "Bearer", "expires_in",
                                    (json_int_t)((t->row.expires_ms - c->r->now_ms) / 1000),
                                    "scope", json_str(t->scope)));

    if (refresh.len)
        json_object_set_new(j, "refresh_token", json_str(refresh));
    answer_json(c->r, 200, j, c->out);
}

/* The audience: what was authorized, or a part of it. False: answered. */
static bool read_resource(const struct call *c, struct str authorized, struct str *out)
{
    struct resource wide, each;

    *out = authorized;
    for (size_t i = 0; i < c->form->n; i++) {
        if (!str_eq(c->form->fields[i].name, STR("resource")))
            continue;
        if (!resource_parse(c->r->arena, c->r->base, authorized, &wide) ||
            !resource_parse(c->r->arena, c->r->base, c->form->fields[i].value, &each) ||
            !resource_covers(&wide, &each)) {
            fail(c, "invalid_target", "resource is not what was authorized");
            return false;
        }
        *out = each.name;
    }
    return true;
}

/* Authorized for what this server is called now; its name may have changed since. */
static bool is_ours(const struct call *c, struct str authorized)
{
    struct resource known;

    return resource_parse(c->r->arena, c->r->base, authorized, &known);
}

/* -- authorization_code ------------------------------------------------------------------------ */

static bool is_verifier(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!c ||
            !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c))
            return false;
    }
    return s.len >= 43 && s.len <= 128;
}

static bool proves(struct str verifier, struct str challenge)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    AUTO_BUF b = {0};

    if (!is_verifier(verifier))
        return false;
    crypto_sha256(verifier, digest);
    crypto_base64url_encode(&b, str_n((const char *)digest, sizeof(digest)));
    return str_eq_secret(buf_str(&b), challenge);
}

/* A code of this client (another's would revoke what is not its own) that comes again was seen by somebody who
 * should not have it. False: answered. */
static bool check_replay(const struct call *c, const struct stored_code *code)
{
    struct error err = {0};

    if (code->used_ms == 0)
        return true;
    if (!auth_store_family_revoke(c->x->store, code->family, c->r->now_ms, &err)) {
        fail_ours(c, &err);
        return false;
    }
    note(c->x, c->r, "code.reuse", code->account, c->client->id, STR("the grant is revoked"));
    fail(c, "invalid_grant", "the code was used before");
    return false;
}

/* False: answered. */
static bool check_code(const struct call *c, const struct stored_code *code)
{
    struct str redirect_uri = form_get(c->form, "redirect_uri");
    struct str verifier = form_get(c->form, "code_verifier");
    const char *why = NULL;

    if (!code)
        why = "no such code";
    else if (!str_eq(code->client, c->client->id))
        why = "the code is another client's";
    else if (!check_replay(c, code))
        return false;
    else if (code->expires_ms <= c->r->now_ms)
        why = "the code has expired";
    else if (redirect_uri.ptr && !str_eq(redirect_uri, code->redirect_uri))
        why = "redirect_uri is not the one of the authorization";
    else if (!proves(verifier, code->challenge))
        why = "code_verifier does not fit";
    else if (!is_ours(c, code->resource))
        why = "the code is for another server";
    if (!why)
        return true;
    say(c->r, "token.refused", STR(""), c->client->id, str_c(why));
    fail(c, "invalid_grant", why);
    return false;
}

/* Clients ask for it by scope, or by registering for the grant. */
static bool wants_refresh(const struct call *c, struct str scopes)
{
    return scopes_parse(scopes).is_offline ||
           words_has(c->client->grant_types, STR("refresh_token"));
}

/* False: answered. */
static bool is_account_good(const struct call *c, struct str name)
{
    struct stored_account *p = NULL;
    struct error err = {0};

    if (!auth_store_account(c->x->store, c->r->arena, name, &p, &err)) {
        fail_ours(c, &err);
        return false;
    }
    if (p && !p->is_disabled)
        return true;
    fail(c, "invalid_grant", "the account is closed");
    return false;
}

static void found_family(const struct call *c, const struct stored_code *code,
                         struct str resource)
{
    struct arena *a = c->r->arena;
    bool is_lasting = wants_refresh(c, code->scopes), is_ok;
    struct str refresh = is_lasting ? token_new(c->x, a, PREFIX_REFRESH) : STR("");
    struct access t = {.row.family = code->family,
                       .subject = code->account,
                       .resource = resource,
                       .scope = code->scopes};
    struct auth_store_issue issue;
    struct error err = {0};

    if (!sign_access(c, &t, &err)) {
        fail_ours(c, &err);
        return;
    }
    issue = (struct auth_store_issue){
        .code_hash = code->hash,
        .family = {.id = code->family,
                   .client = c->client->id,
                   .account = code->account,
                   .scopes = code->scopes,
                   .spaces = code->spaces,
                   .resource = code->resource,
                   .created_ms = c->r->now_ms,
                   .expires_ms =
                       is_lasting ? c->r->now_ms + AUTH_FAMILY_MAX_MS : t.row.expires_ms},
        .access = t.row,
        .now_ms = c->r->now_ms};
    if (is_lasting)
        issue.refresh =
            (struct stored_refresh){token_hash(a, refresh), code->family, STR(""),
                                    c->r->now_ms + c->x->options.refresh_token_ms, 0};
    if (!auth_store_issue(c->x->store, &issue, &is_ok, &err)) {
        fail_ours(c, &err);
    } else if (!is_ok) { /* another thread or process had the same code */
        note(c->x, c->r, "code.reuse", code->account, c->client->id,
             STR("the grant is revoked"));
        fail(c, "invalid_grant", "the code was used before");
    } else {
        note(c->x, c->r, "token", code->account, c->client->id, code->scopes);
        answer_tokens(c, &t, refresh);
    }
}

static void from_code(const struct call *c)
{
    struct str text = form_get(c->form, "code"), resource;
    struct stored_code *code = NULL;
    struct error err = {0};

    if (!text.len || !form_get(c->form, "code_verifier").len) {
        fail(c, "invalid_request", text.len ? "code_verifier is missing" : "code is missing");
        return;
    }
    if (!auth_store_code(c->x->store, c->r->arena, token_hash(c->r->arena, text), &code,
                         &err)) {
        fail_ours(c, &err);
        return;
    }
    if (check_code(c, code) && read_resource(c, code->resource, &resource) &&
        is_account_good(c, code->account))
        found_family(c, code, resource);
}

/* -- refresh_token ----------------------------------------------------------------------------- */

struct chain { /* from the token that came to the last of its successors */
    struct str text;
    struct stored_refresh *row; /* of text; not rotated */
    bool is_first;              /* text is the token that came */
};

/* Follows the successors. row NULL: there is no end in sight. */
static bool follow(const struct call *c, struct str text, struct stored_refresh *row,
                   struct chain *out, struct error *err)
{
    *out = (struct chain){text, row, true};
    for (size_t i = 0; out->row && out->row->rotated_ms && i < CHAIN_MAX; i++) {
        out->text = token_successor(c->x, c->r->arena, out->text);
        out->is_first = false;
        if (!auth_store_refresh(c->x->store, c->r->arena, token_hash(c->r->arena, out->text),
                                &out->row, err))
            return false;
    }
    if (out->row && out->row->rotated_ms)
        out->row = NULL;
    return true;
}

static void revoke_stolen(const struct call *c, const struct stored_family *f)
{
    struct error err = {0};

    if (!auth_store_family_revoke(c->x->store, f->id, c->r->now_ms, &err)) {
        fail_ours(c, &err);
        return;
    }
    note(c->x, c->r, "token.reuse", f->account, c->client->id, STR("the grant is revoked"));
    fail(c, "invalid_grant", "the refresh token was used before; the grant is revoked");
}

/* The scopes of the new access token: those of the grant, or fewer. False: answered. */
static bool read_scope(const struct call *c, struct str granted, struct str *out)
{
    struct str asked = form_get(c->form, "scope");
    struct scopes wide = scopes_parse(granted), s = scopes_parse(asked);

    *out = granted;
    if (!asked.len)
        return true;
    if (s.has_unknown || (s.bits & ~wide.bits) || (s.is_offline && !wide.is_offline) ||
        !s.bits) {
        fail(c, "invalid_scope", "more than what was granted, or nothing");
        return false;
    }
    *out = scopes_text(c->r->arena, s.bits, s.is_offline);
    return true;
}

/* A new access token, and a rotation unless that has happened. */
static void renew(const struct call *c, const struct stored_family *f,
                  const struct chain *chain, struct access *t)
{
    struct arena *a = c->r->arena;
    int64_t idle_ms = c->r->now_ms + c->x->options.refresh_token_ms;
    struct str next = chain->text;
    struct auth_store_rotation rotation = {.now_ms = c->r->now_ms};
    struct error err = {0};
    bool is_ok;

    if (chain->is_first) {
        next = token_successor(c->x, a, chain->text);
        rotation.from = chain->row->hash;
        rotation.to = (struct stored_refresh){token_hash(a, next), f->id, chain->row->hash,
                                              MIN(idle_ms, f->expires_ms), 0};
    }
    t->row.expires_ms = f->expires_ms;
    if (!sign_access(c, t, &err)) {
        fail_ours(c, &err);
        return;
    }
    rotation.access = t->row;
    if (!auth_store_rotate(c->x->store, &rotation, &is_ok, &err)) {
        fail_ours(c, &err);
    } else if (!is_ok) {
        fail(c, "invalid_grant", "the grant was revoked");
    } else {
        note(c->x, c->r, "token.refresh", f->account, c->client->id, t->scope);
        answer_tokens(c, t, next);
    }
}

/* Why the family cannot go on, or NULL. */
static const char *refusal(const struct call *c, const struct stored_family *f,
                           const struct stored_refresh *row)
{
    if (!f || !str_eq(f->client, c->client->id))
        return "no such refresh token";
    if (f->revoked_ms)
        return "the grant was revoked";
    if (f->expires_ms <= c->r->now_ms || row->expires_ms <= c->r->now_ms)
        return "the refresh token has expired";
    if (!is_ours(c, f->resource))
        return "the grant is for another server";
    return NULL;
}

static void use_refresh(const struct call *c, struct str text, struct stored_refresh *row,
                        const struct stored_family *f)
{
    struct access t = {.row.family = row->family,
                       .subject = f->account.len ? f->account : f->client};
    struct chain chain;
    struct error err = {0};

    if (row->rotated_ms && c->r->now_ms - row->rotated_ms > AUTH_GRACE_MS) {
        revoke_stolen(c, f);
        return;
    }
    if (!read_scope(c, f->scopes, &t.scope) || !read_resource(c, f->resource, &t.resource) ||
        (f->account.len && !is_account_good(c, f->account)))
        return;
    if (!follow(c, text, row, &chain, &err))
        fail_ours(c, &err);
    else if (!chain.row)
        fail(c, "invalid_grant", "the refresh token was used before");
    else
        renew(c, f, &chain, &t);
}

/* Imported grants came without one: /mcp, as this server is called now. */
static void name_resource(const struct call *c, struct stored_family *f)
{
    struct resource mcp;

    if (f && !f->resource.len &&
        resource_path_parse(c->r->arena, c->r->base, STR("/mcp"), &mcp))
        f->resource = mcp.name;
}

static void from_refresh(const struct call *c)
{
    struct str text = form_get(c->form, "refresh_token");
    struct stored_refresh *row = NULL;
    struct stored_family *f = NULL;
    struct error err = {0};
    const char *why;
    int wait_s;

    if (!text.len) {
        fail(c, "invalid_request", "refresh_token is missing");
        return;
    }
    if (!auth_store_refresh(c->x->store, c->r->arena, token_hash(c->r->arena, text), &row,
                            &err) ||
        (row && !auth_store_family(c->x->store, c->r->arena, row->family, &f, &err))) {
        fail_ours(c, &err);
        return;
    }
    name_resource(c, f);
    why = refusal(c, f, row);
    if (why)
        fail(c, "invalid_grant", why);
    else if (limit_take(c->x, c->r, LIMIT_GRANT, f->id, &wait_s))
        use_refresh(c, text, row, f);
    else
        (void)answer_limit(c->r, wait_s, c->out);
}

/* -- client_credentials ------------------------------------------------------------------------ */

/* Only for clients that an owner registered for it: anybody can register, and nobody is asked here. */
static void from_client(const struct call *c)
{
    struct access t = {.row.family = token_new(c->x, c->r->arena, PREFIX_GRANT),
                       .subject = c->client->id};
    struct resource mcp;
    struct auth_store_issue issue;
    struct error err = {0};
    bool is_ok;
    int wait_s;

    if (!limit_take(c->x, c->r, LIMIT_GRANT, token_hash(c->r->arena, c->client->id), &wait_s)) {
        (void)answer_limit(c->r, wait_s, c->out);
        return;
    }
    if (!resource_path_parse(c->r->arena, c->r->base, STR("/mcp"), &mcp) ||
        !read_scope(c, c->client->scopes, &t.scope) || !read_resource(c, mcp.name, &t.resource))
        return;
    if (!sign_access(c, &t, &err)) {
        fail_ours(c, &err);
        return;
    }
    issue = (struct auth_store_issue){.family = {.id = t.row.family,
                                                 .client = c->client->id,
                                                 .scopes = t.scope,
                                                 .spaces = c->client->spaces,
                                                 .resource = t.resource,
                                                 .created_ms = c->r->now_ms,
                                                 .expires_ms = t.row.expires_ms},
                                      .access = t.row,
                                      .now_ms = c->r->now_ms};
    if (!auth_store_issue(c->x->store, &issue, &is_ok, &err)) {
        fail_ours(c, &err);
        return;
    }
    note(c->x, c->r, "token", STR(""), c->client->id, t.scope);
    answer_tokens(c, &t, STR(""));
}

/* -- the endpoint ------------------------------------------------------------------------------ */

static const struct {
    struct str type;
    struct str needs; /* any of these in the client's grant_types */
    bool is_owners_only;
    void (*run)(const struct call *c);
} grants[] = {
    {STR_INIT("authorization_code"), STR_INIT("authorization_code"), false, from_code},
    /* Tokens are the client's own already. */
    {STR_INIT("refresh_token"), STR_INIT("authorization_code"), false, from_refresh},
    {STR_INIT("client_credentials"), STR_INIT("client_credentials"), true, from_client},
};

static bool may_use(const struct stored_client *c, size_t i)
{
    return words_has(c->grant_types, grants[i].needs) &&
           (!grants[i].is_owners_only || str_eq(c->origin, STR("owner")));
}

static void run_grant(const struct call *c, struct str type)
{
    for (size_t i = 0; i < COUNT(grants); i++) {
        if (!str_eq(type, grants[i].type))
            continue;
        if (may_use(c->client, i))
            grants[i].run(c);
        else
            fail(c, "unauthorized_client", "this client may not use this grant");
        return;
    }
    fail(c, "unsupported_grant_type",
         "authorization_code, refresh_token or client_credentials");
}

void auth_token(struct auth *x, const struct auth_request *r, struct str authorization,
                struct str form, struct auth_answer *out)
{
    struct form fields;
    struct call c = {x, r, &fields, NULL, out};
    struct str type;
    struct error err = {0};

    if (!form_parse(r->arena, form, &fields, &err)) {
        fail(&c, "invalid_request", "the form is malformed or too long");
        return;
    }
    if (form_repeated(&fields, "resource").ptr) {
        fail(&c, "invalid_request", "a parameter came twice");
        return;
    }
    type = form_get(&fields, "grant_type");
    if (!type.len) {
        fail(&c, "invalid_request", "grant_type is missing");
        return;
    }
    c.client = client_authenticate(x, r, authorization, &fields, out);
    if (!c.client)
        return;
    run_grant(&c, type);
    if (out->status == 200)
        client_was_right(x, r, c.client->id);
    else if (out->error && str_eq_c(str_c(out->error), "invalid_grant"))
        client_was_wrong(x, r, c.client->id);
}

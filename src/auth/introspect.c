/*
 * introspect.c - revocation (RFC 7009) and introspection (RFC 7662).
 *
 * Revoking a refresh token ends the whole grant, an access token only itself. What is unknown is answered like
 * what was revoked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "json/json.h"

struct found {                    /* what a token text names */
    struct stored_family *family; /* NULL: nothing */
    struct stored_refresh *refresh;
    struct claims *claims;          /* of an access token */
    struct stored_account *account; /* as it is today; NULL: none */
    bool is_revoked;
};

/* The grant of somebody who is gone, or may not come in, gives nothing. */
static bool is_closed(const struct found *f)
{
    return f->family->account.len &&
           (!f->account || !f->account->name.len || f->account->is_disabled);
}

static bool find_access(struct auth *x, const struct auth_request *r, struct str text,
                        struct found *out, struct error *err)
{
    struct stored_standing *s;
    const char *why;

    if (!claims_verify(x, r, text, &out->claims, &why, err))
        return false;
    if (!out->claims)
        return true;
    if (!auth_store_standing(x->store, r->arena, out->claims->jti, &s, err))
        return false;
    if (s) {
        out->family = &s->family;
        out->account = &s->account;
        out->is_revoked = s->access.revoked_ms || s->family.revoked_ms || is_closed(out);
    }
    return true;
}

static bool find(struct auth *x, const struct auth_request *r, struct str text,
                 struct found *out, struct error *err)
{
    *out = (struct found){0};
    if (!str_starts(text, STR(PREFIX_REFRESH)))
        return find_access(x, r, text, out, err);
    if (!auth_store_refresh(x->store, r->arena, token_hash(r->arena, text), &out->refresh, err))
        return false;
    if (!out->refresh)
        return true;
    if (!auth_store_family(x->store, r->arena, out->refresh->family, &out->family, err))
        return false;
    if (!out->family)
        return true;
    if (out->family->account.len &&
        !auth_store_account(x->store, r->arena, out->family->account, &out->account, err))
        return false;
    out->is_revoked = out->family->revoked_ms || out->refresh->rotated_ms || is_closed(out);
    return true;
}

/* The caller and the token of a request. False: answered. */
static bool read_call(struct auth *x, const struct auth_request *r, struct str authorization,
                      struct str text, struct stored_client **out_client, struct str *out_token,
                      struct auth_answer *out)
{
    struct form form;
    struct error err = {0};

    if (!form_parse(r->arena, text, &form, &err) || form_repeated(&form, "").ptr) {
        answer_error(r, 400, "invalid_request", "the form is malformed", out);
        return false;
    }
    *out_client = client_authenticate(x, r, authorization, &form, out);
    if (!*out_client || !client_may_ask(x, r, (*out_client)->id, out))
        return false;
    *out_token = form_get(&form, "token");
    if (out_token->len)
        return true;
    answer_error(r, 400, "invalid_request", "token is missing", out);
    return false;
}

static bool is_callers(const struct found *f, const struct stored_client *client)
{
    return f->family && str_eq(f->family->client, client->id);
}

static bool revoke(struct auth *x, const struct auth_request *r, const struct found *f,
                   const struct stored_client *client, struct error *err)
{
    if (!(f->claims ? auth_store_access_revoke(x->store, f->claims->jti, r->now_ms, err)
                    : auth_store_family_revoke(x->store, f->family->id, r->now_ms, err)))
        return false;
    note(x, r, "token.revoke", f->family->account, client->id, STR(""));
    return true;
}

void auth_revoke(struct auth *x, const struct auth_request *r, struct str authorization,
                 struct str form, struct auth_answer *out)
{
    struct stored_client *client;
    struct str token;
    struct found f;
    struct error err = {0};

    if (!read_call(x, r, authorization, form, &client, &token, out))
        return;
    if (!find(x, r, token, &f, &err) ||
        (is_callers(&f, client) && !revoke(x, r, &f, client, &err)))
        answer_failure(r, "revoke", &err, out);
    else
        *out = (struct auth_answer){.status = 200};
}

/* What was granted, within what the account may today: as in check.c. */
static struct str scope_of(const struct auth_request *r, const struct found *f)
{
    struct scopes s = scopes_parse(f->claims ? f->claims->scope : f->family->scopes);

    if (f->family->account.len)
        s.bits &= auth_role_scopes((enum auth_role)f->account->role);
    return scopes_text(r->arena, s.bits, s.is_offline);
}

static json_t *describe(const struct auth_request *r, const struct found *f)
{
    const struct stored_family *family = f->family;
    struct str subject = family->account.len ? family->account : family->client;
    json_t *j = json_must(json_pack("{s:b, s:o, s:o, s:o, s:o}", "active", 1, "client_id",
                                    json_str(family->client), "sub", json_str(subject), "iss",
                                    json_str(r->base), "scope", json_str(scope_of(r, f))));

    if (f->claims) {
        json_object_set_new(j, "token_type", json_str(STR("Bearer")));
        json_object_set_new(j, "aud", json_str(f->claims->aud));
        json_object_set_new(j, "jti", json_str(f->claims->jti));
        json_object_set_new(j, "iat", json_integer(f->claims->iat_ms / 1000));
        json_object_set_new(j, "exp", json_integer(f->claims->exp_ms / 1000));
    } else {
        json_object_set_new(j, "token_type", json_str(STR("refresh_token")));
        json_object_set_new(j, "exp", json_integer(f->refresh->expires_ms / 1000));
    }
    return j;
}

/* Others' tokens are told of only to an owner's client. */
static bool is_active(const struct auth_request *r, const struct found *f,
                      const struct stored_client *client)
{
    int64_t expires_ms;

    if (!f->family || f->is_revoked ||
        (!is_callers(f, client) && !str_eq(client->origin, STR("owner"))))
        return false;
    expires_ms = f->claims ? f->claims->exp_ms : f->refresh->expires_ms;
    return expires_ms > r->now_ms && f->family->expires_ms > r->now_ms;
}

void auth_introspect(struct auth *x, const struct auth_request *r, struct str authorization,
                     struct str form, struct auth_answer *out)
{
    struct stored_client *client;
    struct str token;
    struct found f;
    struct error err = {0};

    if (!read_call(x, r, authorization, form, &client, &token, out))
        return;
    if (str_eq(client->method, STR("none"))) {
        answer_error(r, 401, "invalid_client", "only clients with a secret may ask", out);
        return;
    }
    if (!find(x, r, token, &f, &err))
        answer_failure(r, "introspect", &err, out);
    else if (is_active(r, &f, client))
        answer_json(r, 200, describe(r, &f), out);
    else
        answer_json(r, 200, json_pack("{s:b}", "active", 0), out);
}

/* grants.c - what people gave and keys that they made, listed and taken back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "text/text.h"

/* -- grants ------------------------------------------------------------------------------------ */

static bool client_name(struct auth *x, struct arena *a, struct str id, struct str *out,
                        struct error *err)
{
    struct stored_client *c;

    if (!auth_store_client(x->store, a, id, &c, err))
        return false;
    *out = c ? c->name : STR("");
    return true;
}

bool auth_grants(struct auth *x, struct arena *a, struct str account, int64_t now_ms,
                 const struct auth_grant **out, size_t *out_n, struct error *err)
{
    const struct stored_family *rows;
    struct auth_grant *list;
    size_t n;

    if (!auth_store_families(x->store, a, account, now_ms, &rows, &n, err))
        return false;
    list = ARENA_NEW(a, struct auth_grant, n);
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct auth_grant){
            .id = rows[i].id,
            .account = rows[i].account,
            .client_id = rows[i].client,
            .scopes = rows[i].scopes,
            .spaces = rows[i].spaces,
            .resource = rows[i].resource,
            .created_ms = rows[i].created_ms,
            .used_ms = rows[i].used_ms,
            .expires_ms = rows[i].expires_ms,
        };
        if (!client_name(x, a, rows[i].client, &list[i].client_name, err))
            return false;
    }
    *out = list;
    *out_n = n;
    return true;
}

bool auth_grant_revoke(struct auth *x, const struct auth_request *r, struct str by,
                       struct str account, struct str id, struct error *err)
{
    struct stored_family *f;

    if (!auth_store_family(x->store, r->arena, id, &f, err))
        return false;
    if (!f || (account.len && !str_eq(f->account, account)))
        return error_set(err, ERROR_NOT_FOUND, "no such grant");
    if (!auth_store_family_revoke(x->store, id, r->now_ms, err))
        return false;
    note(x, r, "grant.revoke", by, f->client, f->account);
    return true;
}

/* -- API keys ---------------------------------------------------------------------------------- */

bool auth_api_key_add(struct auth *x, const struct auth_request *r, struct str by,
                      const struct auth_api_key *key, struct str *out_key, struct error *err)
{
    struct str text = token_new(x, r->arena, PREFIX_API_KEY);
    struct stored_api_key row = {.name = key->name,
                                 .hash = token_hash(r->arena, text),
                                 .scopes = scopes_text(r->arena, key->scopes, false),
                                 .spaces = key->spaces.len ? key->spaces : STR("*"),
                                 .created_ms = r->now_ms,
                                 .expires_ms = key->expires_ms};
    struct auth_account account;

    if (!text_is_plain(key->name) || key->name.len > AUTH_ACCOUNT_MAX_CHARS)
        return error_set(err, ERROR_INVALID,
                         "a key's name has 1 to %d characters of ASCII, without blanks",
                         AUTH_ACCOUNT_MAX_CHARS);
    if (!key->scopes)
        return error_set(err, ERROR_INVALID, "a key needs a scope: read, write or admin");
    if (!auth_spaces_check(row.spaces, err) ||
        !auth_account_find(x, r->arena, key->account, &account, err))
        return false;
    row.account = account.name;
    if (!auth_store_api_key_put(x->store, &row, err))
        return false;
    note(x, r, "key.add", by, key->name, account.name);
    *out_key = text;
    return true;
}

bool auth_api_keys(struct auth *x, struct arena *a, const struct auth_api_key **out,
                   size_t *out_n, struct error *err)
{
    const struct stored_api_key *rows;
    struct auth_api_key *list;
    size_t n;

    if (!checked_note_uses(x, err) || !auth_store_api_keys(x->store, a, &rows, &n, err))
        return false;
    list = ARENA_NEW(a, struct auth_api_key, n);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct auth_api_key){.name = rows[i].name,
                                        .account = rows[i].account,
                                        .scopes = scopes_parse(rows[i].scopes).bits,
                                        .spaces = rows[i].spaces,
                                        .created_ms = rows[i].created_ms,
                                        .expires_ms = rows[i].expires_ms,
                                        .used_ms = rows[i].used_ms};
    *out = list;
    *out_n = n;
    return true;
}

bool auth_api_key_delete(struct auth *x, const struct auth_request *r, struct str by,
                         struct str name, struct error *err)
{
    bool was;

    if (!auth_store_api_key_delete(x->store, name, &was, err))
        return false;
    if (!was)
        return error_set(err, ERROR_NOT_FOUND, "no key '" STR_FMT "'", STR_ARG(name));
    note(x, r, "key.delete", by, name, STR(""));
    return true;
}

/*
 * import.c - what the Python service's OAuth database knows, once, so that its connectors stay connected.
 *
 * Clients keep their ids and secrets. In that service a client might show its secret in either way, whatever it
 * had registered, and had one even if it registered as public; an imported one still may.
 *
 * Refresh tokens that live become grants: of the space default, which is all that service had, and of reading and
 * writing at most, since nobody there was asked about more. There were no accounts, so such a grant belongs to
 * none; the owner sees and revokes it like others.
 *
 * Not taken over: access tokens. They end within a day, their clients renew them or ask again, and that service
 * gave them to everybody who registered. Redirect addresses that are not allowed here. The grant
 * client_credentials, for the same reason.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "json/json.h"
#include "text/text.h"

/* -- clients --------------------------------------------------------------------------------- */

/* Those that are good, as words; empty: none. */
static struct str read_uris(struct auth *x, struct arena *a, struct str json)
{
    const struct redirect_rules rules = {x->options.redirect_hosts, x->options.n_redirect_hosts,
                                         x->options.schemes, x->options.n_schemes};
    struct str uris[AUTH_REDIRECT_URIS_MAX];
    AUTO_JSON *list = NULL;
    size_t n = 0;

    if (!json_parse(json, &list, NULL))
        return STR("");
    for (size_t i = 0; i < json_array_size(list) && n < COUNT(uris); i++) {
        struct str uri = json_view(json_array_get(list, i));

        if (uri.len && redirect_check(&rules, uri, NULL))
            uris[n++] = uri;
    }
    return words_join(a, uris, n);
}

static struct str read_name(struct arena *a, struct str name)
{
    struct str rest = text_is_utf8(name) ? text_printable(a, text_strip(name)) : STR("");
    struct str first = {0};

    (void)str_next(&rest, '\n', &first);
    return text_first(first, AUTH_NAME_MAX_CHARS);
}

/* False: it is of no use. */
static bool read_client(struct auth *x, const struct auth_request *r,
                        const struct reference_client *from, struct stored_client *out)
{
    struct arena *a = r->arena;
    struct str uris = read_uris(x, a, from->redirect_uris);
    bool is_public = str_eq_c(from->method, "none");

    if (!text_is_plain(from->id) || cimd_is_id(from->id) || !uris.len ||
        (!is_public && !from->secret.len))
        return false;
    *out = (struct stored_client){
        .id = from->id,
        .origin = STR(ORIGIN_IMPORTED),
        .name = read_name(a, from->name),
        .method = is_public ? STR("none") : STR("client_secret_basic"),
        .secret_hash = from->secret.len ? token_hash(a, from->secret) : STR(""),
        .redirect_uris = uris,
        .grant_types = STR("authorization_code refresh_token"),
        .metadata = STR("{}"),
        .created_ms = from->created_ms,
        .used_ms = r->now_ms, /* its time without use begins here */
    };
    return true;
}

/* -- grants ---------------------------------------------------------------------------------- */

static bool has_client(const struct auth_store_import *i, struct str id)
{
    for (size_t n = 0; n < i->n_clients; n++) {
        if (str_eq(i->clients[n].id, id))
            return true;
    }
    return false;
}

/* False: it gives nothing. */
static bool read_grant(struct auth *x, const struct auth_request *r,
                       const struct reference_token *from, struct stored_family *family,
                       struct stored_refresh *refresh)
{
    struct arena *a = r->arena;
    unsigned bits = from->scope.len ? scopes_parse(from->scope).bits : SCOPES_DEFAULT;

    if (!from->token.len || !(bits & SCOPES_DEFAULT))
        return false;
    *family =
        (struct stored_family){.id = token_new(x, a, PREFIX_GRANT),
                               .client = from->client,
                               .scopes = scopes_text(a, bits & SCOPES_DEFAULT, true),
                               .spaces = STR(SPACE_DEFAULT),
                               .resource = STR(""), /* /mcp, whatever we are called then */
                               .created_ms = from->created_ms,
                               .used_ms = from->created_ms,
                               .expires_ms = r->now_ms + AUTH_FAMILY_MAX_MS};
    *refresh = (struct stored_refresh){
        .hash = token_hash(a, from->token),
        .family = family->id,
        .expires_ms = MIN(from->expires_ms, family->expires_ms),
    };
    return true;
}

/* -- the whole ------------------------------------------------------------------------------- */

static void convert(struct auth *x, const struct auth_request *r, const struct reference *from,
                    struct auth_store_import *out)
{
    struct stored_client *clients = ARENA_NEW(r->arena, struct stored_client, from->n_clients);
    struct stored_family *families = ARENA_NEW(r->arena, struct stored_family, from->n_tokens);
    struct stored_refresh *refreshes =
        ARENA_NEW(r->arena, struct stored_refresh, from->n_tokens);

    out->clients = clients;
    out->families = families;
    out->refreshes = refreshes;
    for (size_t i = 0; i < from->n_clients; i++)
        out->n_clients += read_client(x, r, &from->clients[i], &clients[out->n_clients]);
    for (size_t i = 0; i < from->n_tokens; i++) {
        if (has_client(out, from->tokens[i].client))
            out->n_grants += read_grant(x, r, &from->tokens[i], &families[out->n_grants],
                                        &refreshes[out->n_grants]);
    }
}

bool auth_is_reference(const char *path)
{
    return auth_store_is_reference(path);
}

bool auth_came_from(const char *path, struct str reference)
{
    return auth_store_came_from(path, reference);
}

bool auth_import(struct auth *x, const struct auth_request *r, const char *path,
                 struct error *err)
{
    struct auth_store_import import = {.from = str_c(path)};
    struct reference from;
    bool was, did;

    if (!auth_store_was_imported(x->store, &was, err))
        return false;
    if (was)
        return true;
    if (!auth_store_reference(path, r->arena, r->now_ms, &from, err))
        return false;
    convert(x, r, &from, &import);
    if (!auth_store_import(x->store, &import, &did, err))
        return false;
    if (did)
        note(x, r, "import", STR("setup"), STR(""),
             arena_printf(r->arena, "%zu of %zu clients and %zu of %zu refresh tokens of %s",
                          import.n_clients, from.n_clients, import.n_grants, from.n_tokens,
                          path));
    return true;
}

/*
 * documents.c - what clients read first: metadata and keys.
 *
 * Fields are those that Claude and the specification ask for; nothing is named that is not there. Metadata of
 * OpenID Connect is not served: there are no ID tokens.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "json/json.h"

#define WELL_KNOWN_SERVER   "/.well-known/oauth-authorization-server"
#define WELL_KNOWN_RESOURCE "/.well-known/oauth-protected-resource"
#define JWKS                "/oauth/jwks"

static json_t *endpoint(const struct auth_request *r, const char *path)
{
    return json_str(arena_printf(r->arena, STR_FMT "%s", STR_ARG(r->base), path));
}

static json_t *server_metadata(const struct auth *x, const struct auth_request *r)
{
    json_t *j = json_must(json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:[s], s:[s], s:[s,s,s], s:[s], s:[s,s,s], s:[s,s,s],"
        " s:[s,s], s:[s,s,s,s], s:b, s:b}",
        "issuer", json_str(r->base), "authorization_endpoint", endpoint(r, "/oauth/authorize"),
        "token_endpoint", endpoint(r, "/oauth/token"), "revocation_endpoint",
        endpoint(r, "/oauth/revoke"), "introspection_endpoint",
        endpoint(r, "/oauth/introspect"), "jwks_uri", endpoint(r, JWKS),
        "response_types_supported", "code", "response_modes_supported", "query",
        "grant_types_supported", "authorization_code", "refresh_token", "client_credentials",
        "code_challenge_methods_supported", "S256", "token_endpoint_auth_methods_supported",
        "none", "client_secret_basic", "client_secret_post",
        "revocation_endpoint_auth_methods_supported", "none", "client_secret_basic",
        "client_secret_post", "introspection_endpoint_auth_methods_supported",
        "client_secret_basic", "client_secret_post", "scopes_supported", "read", "write",
        "admin", "offline_access", "authorization_response_iss_parameter_supported", 1,
        "client_id_metadata_document_supported", 1));

    if (!x->options.is_registration_closed)
        json_object_set_new(j, "registration_endpoint", endpoint(r, "/oauth/register"));
    return j;
}

/* admin must be asked for on purpose: clients ask for all that stands here. */
static json_t *resource_metadata(const struct auth_request *r, const struct resource *resource,
                                 bool has_slash)
{
    return json_must(json_pack(
        "{s:o, s:[o], s:[s,s,s], s:[s], s:s}", "resource",
        json_str(arena_printf(r->arena, STR_FMT "%s", STR_ARG(resource->name),
                              has_slash ? "/" : "")),
        "authorization_servers", json_str(r->base), "scopes_supported", "read", "write",
        "offline_access", "bearer_methods_supported", "header", "resource_name", "memoryd"));
}

static json_t *key_set(struct auth *x, int64_t now_ms, struct error *err)
{
    json_t *keys = json_must(json_array());
    struct crypto_key *active;

    if (!keys_active(x, now_ms, &active, err)) { /* also follows the database */
        json_decref(keys);
        return NULL;
    }
    MUTEX_SCOPE(&x->key_lock);
    for (size_t i = 0; i < x->keys.len; i++) {
        const struct signing_key *k = &x->keys.ptr[i];
        json_t *jwk = NULL;

        if (k->is_gone || (k->until_ms && k->until_ms <= now_ms))
            continue;
        if (!json_parse(crypto_key_jwk(k->key), &jwk, err)) {
            json_decref(keys);
            return NULL;
        }
        json_array_append_new(keys, jwk);
    }
    return json_must(json_pack("{s:o}", "keys", keys));
}

static struct str path_of_base(const struct auth_request *r)
{
    struct uri u;

    return uri_parse(r->base, &u, NULL) ? u.path : (struct str){0};
}

/* What follows the well-known segment and base's own path. */
static bool strip(struct str path, const char *well_known, struct str prefix,
                  struct str *out_rest)
{
    if (!str_starts(path, str_c(well_known)))
        return false;
    path = str_sub(path, strlen(well_known), path.len);
    if (!str_starts(path, prefix))
        return false;
    *out_rest = str_sub(path, prefix.len, path.len);
    return true;
}

static void publish(const struct auth_request *r, json_t *body, struct auth_answer *out)
{
    answer_json(r, 200, body, out);
    out->is_public = true;
}

bool auth_document(struct auth *x, const struct auth_request *r, struct str path,
                   struct auth_answer *out)
{
    struct str prefix = path_of_base(r), rest;
    struct resource resource;
    struct error err = {0};
    json_t *keys;

    if (strip(path, WELL_KNOWN_SERVER, prefix, &rest) &&
        (rest.len == 0 || str_eq(rest, STR("/mcp")))) {
        publish(r, server_metadata(x, r), out);
        return true;
    }
    if (strip(path, WELL_KNOWN_RESOURCE, prefix, &rest) &&
        resource_path_parse(r->arena, r->base, rest, &resource)) {
        publish(r, resource_metadata(r, &resource, str_ends(rest, STR("/"))), out);
        return true;
    }
    if (!str_starts(path, prefix) || !str_eq(str_sub(path, prefix.len, path.len), STR(JWKS)))
        return false;
    keys = key_set(x, r->now_ms, &err);
    if (keys)
        publish(r, keys, out);
    else
        answer_failure(r, "jwks", &err, out);
    return true;
}

/* Values are ours or plain already, so that none needs escaping. */
struct str auth_challenge(const struct auth_request *r, struct str resource_path,
                          const char *error, unsigned scopes, const char *description)
{
    struct resource known;
    struct uri u;
    size_t origin_len = uri_parse(r->base, &u, NULL) ? r->base.len - u.path.len : r->base.len;
    AUTO_BUF b = {0};

    if (!resource_path_parse(r->arena, r->base, resource_path, &known))
        known.path = STR("/mcp");
    buf_printf(&b,
               "Bearer resource_metadata=\"" STR_FMT WELL_KNOWN_RESOURCE STR_FMT STR_FMT "\"",
               STR_ARG(str_sub(r->base, 0, origin_len)),
               STR_ARG(str_sub(r->base, origin_len, r->base.len)), STR_ARG(known.path));
    if (scopes)
        buf_printf(&b, ", scope=\"" STR_FMT "\"",
                   STR_ARG(scopes_text(r->arena, scopes, false)));
    if (error && *error)
        buf_printf(&b, ", error=\"%s\"", error);
    if (description && *description)
        buf_printf(&b, ", error_description=\"%s\"", description);
    return arena_dup(r->arena, buf_str(&b));
}

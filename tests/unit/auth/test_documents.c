/* test_documents.c - the documents say what clients need, at the paths where they look. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include "json/json.h"

static bool get(struct world *w, const char *path, struct auth_answer *out)
{
    *out = (struct auth_answer){0};
    return auth_document(w->x, &w->r, str_c(path), out);
}

static bool lists(struct str json, const char *key, const char *value)
{
    AUTO_JSON *j = NULL;
    const json_t *list;
    size_t i, n = 0;
    json_t *each;

    if (!json_parse(json, &j, NULL))
        return false;
    list = json_object_get(j, key);
    json_array_foreach(list, i, each) n += str_eq_c(json_view(each), value);
    return n == 1;
}

TEST(server_metadata_is_what_claude_asks_for)
{
    static const char *const paths[] = {"/.well-known/oauth-authorization-server",
                                        "/.well-known/oauth-authorization-server/mcp"};
    WORLD(w);
    struct auth_answer d;

    for (size_t i = 0; i < COUNT(paths); i++) {
        REQUIRE(get(&w, paths[i], &d));
        CHECK_INT(d.status, 200);
        CHECK(d.is_public);
        CHECK_STR(member_of(&w, d.body, "issuer"), BASE);
        CHECK_STR(member_of(&w, d.body, "authorization_endpoint"), BASE "/oauth/authorize");
        CHECK_STR(member_of(&w, d.body, "token_endpoint"), BASE "/oauth/token");
        CHECK_STR(member_of(&w, d.body, "registration_endpoint"), BASE "/oauth/register");
        CHECK_STR(member_of(&w, d.body, "revocation_endpoint"), BASE "/oauth/revoke");
        CHECK_STR(member_of(&w, d.body, "introspection_endpoint"), BASE "/oauth/introspect");
        CHECK_STR(member_of(&w, d.body, "jwks_uri"), BASE "/oauth/jwks");
        CHECK(lists(d.body, "code_challenge_methods_supported", "S256"));
        CHECK(!lists(d.body, "code_challenge_methods_supported", "plain"));
        CHECK(lists(d.body, "token_endpoint_auth_methods_supported", "none"));
        CHECK(lists(d.body, "scopes_supported", "offline_access"));
        CHECK(lists(d.body, "grant_types_supported", "refresh_token"));
        CHECK(str_contains(d.body, STR("\"client_id_metadata_document_supported\":true")));
        CHECK(str_contains(d.body,
                           STR("\"authorization_response_iss_parameter_supported\":true")));
    }
}

TEST(the_resource_is_the_address_that_was_typed)
{
    static const struct {
        const char *path, *resource;
    } rows[] = {
        {"", ""},
        {"/", "/"},
        {"/mcp", "/mcp"},
        {"/mcp/", "/mcp/"},
        {"/sse", "/sse"},
        {"/mcp/work", "/mcp/work"},
        {"/mcp/w\xC3\xB6rk", "/mcp/w%C3%B6rk"},
        {"/mcp/a\"b", "/mcp/a%22b"},
    };
    WORLD(w);
    struct auth_answer d;

    for (size_t i = 0; i < COUNT(rows); i++) {
        REQUIRE(get(
            &w, arena_printf(&w.a, "/.well-known/oauth-protected-resource%s", rows[i].path).ptr,
            &d));
        CHECK_VIEW(member_of(&w, d.body, "resource"),
                   arena_printf(&w.a, BASE "%s", rows[i].resource));
        CHECK(lists(d.body, "authorization_servers", BASE));
        CHECK(lists(d.body, "scopes_supported", "offline_access"));
        CHECK(!lists(d.body, "scopes_supported", "admin"));
    }
}

TEST(with_a_prefix_documents_stand_behind_the_host)
{
    WORLD(w);
    struct auth_answer d;

    w.r.base = STR(BASE "/tenant");
    REQUIRE(get(&w, "/.well-known/oauth-authorization-server/tenant", &d));
    CHECK_STR(member_of(&w, d.body, "issuer"), BASE "/tenant");
    REQUIRE(get(&w, "/.well-known/oauth-protected-resource/tenant/mcp", &d));
    CHECK_STR(member_of(&w, d.body, "resource"), BASE "/tenant/mcp");
    CHECK(get(&w, "/tenant/oauth/jwks", &d));
    CHECK(!get(&w, "/.well-known/oauth-authorization-server", &d));
    CHECK_STR(auth_challenge(&w.r, STR("/mcp"), "", SCOPE_READ, ""),
              "Bearer resource_metadata=\"" BASE
              "/.well-known/oauth-protected-resource/tenant/mcp\", scope=\"read\"");
}

TEST(other_paths_are_none)
{
    static const char *const rows[] = {"",
                                       "/",
                                       "/.well-known/openid-configuration",
                                       "/.well-known/oauth-protected-resource/api",
                                       "/.well-known/oauth-protected-resourcex",
                                       "/.well-known/oauth-authorization-server/x",
                                       "/.well-known/oauth-protected-resource/mcp/a/b",
                                       "/oauth/jwks/",
                                       "/jwks"};
    WORLD(w);
    struct auth_answer d;

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(!get(&w, rows[i], &d));
}

TEST(keys_are_published_without_their_secrets)
{
    WORLD(w);
    struct auth_answer d;
    struct error err = {0};
    AUTO_JSON *j = NULL;

    REQUIRE(get(&w, "/oauth/jwks", &d));
    REQUIRE(CHECK_OK(json_parse(d.body, &j, &err), err));
    CHECK_INT(json_array_size(json_object_get(j, "keys")), 1);
    CHECK(!str_contains(d.body, STR("\"d\"")));
    CHECK_OK(auth_keys_rotate(w.x, &w.r, STR("ann"), &err), err);
    REQUIRE(get(&w, "/oauth/jwks", &d));
    json_decref(j);
    j = NULL;
    REQUIRE(CHECK_OK(json_parse(d.body, &j, &err), err));
    CHECK_INT(json_array_size(json_object_get(j, "keys")), 2);
}

TEST(closed_registration_is_not_announced)
{
    AUTO(world_deinit)
    struct world w;
    struct auth_answer d;

    world_init(&w, &(struct auth_options){.is_registration_closed = true});
    REQUIRE(get(&w, "/.well-known/oauth-authorization-server", &d));
    CHECK(!str_contains(d.body, STR("registration_endpoint")));
}

TEST(challenges_are_one_line_that_clients_parse)
{
    WORLD(w);

    CHECK_STR(auth_challenge(&w.r, STR("/mcp"), "", SCOPES_DEFAULT, NULL),
              "Bearer resource_metadata=\"" BASE
              "/.well-known/oauth-protected-resource/mcp\", scope=\"read write\"");
    CHECK_STR(auth_challenge(&w.r, STR("/mcp/a\r\nX: \"b"), "invalid_token", 0, "too old"),
              "Bearer resource_metadata=\"" BASE
              "/.well-known/oauth-protected-resource/mcp\", error=\"invalid_token\", "
              "error_description=\"too old\"");
    CHECK_STR(auth_challenge(&w.r, STR("/api/x"), "insufficient_scope", SCOPE_WRITE, ""),
              "Bearer resource_metadata=\"" BASE
              "/.well-known/oauth-protected-resource/mcp\", scope=\"read write\", "
              "error=\"insufficient_scope\"");
}

TEST_MAIN()

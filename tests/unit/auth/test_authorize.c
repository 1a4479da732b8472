/*
 * test_authorize.c - a person is sent on only to where the client registered, and only with what was agreed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <stdlib.h>

TEST(who_is_not_logged_in_logs_in_first)
{
    WORLD(w);
    struct auth_page page = world_authorize(&w, &(struct asking){0}, NULL);

    CHECK_INT(page.step, AUTH_LOG_IN);
    CHECK_STR(page.client_name, "Claude");
    CHECK_STR(page.redirect_host, "claude.ai");
    CHECK(page.location.ptr == NULL);
}

TEST(a_person_sees_what_is_asked_for)
{
    WORLD(w);
    struct auth_page page = world_authorize(
        &w, &(struct asking){.scope = "read write admin offline_access"}, &w.owner);

    CHECK_INT(page.step, AUTH_CONSENT);
    CHECK_STR(page.client_name, "Claude");
    CHECK_STR(page.redirect_uri, CALLBACK);
    CHECK_STR(page.redirect_host, "claude.ai");
    CHECK_STR(page.resource, BASE "/mcp");
    CHECK_INT(page.scopes, SCOPES_ALL);
    CHECK(page.is_offline && !page.is_local && !page.is_verified);
    CHECK(page.n_spaces == 2 && str_eq(page.spaces[1], STR("*")));

    page = world_authorize(&w, &(struct asking){.scope = "read write admin"}, &w.member);
    CHECK_INT(page.scopes, SCOPE_READ | SCOPE_WRITE); /* no more than the person has */
    page = world_authorize(&w, &(struct asking){.scope = "write"}, &w.reader);
    CHECK_INT(page.scopes, SCOPE_READ);
    page = world_authorize(&w, &(struct asking){0}, &w.owner); /* nothing asked: not admin */
    CHECK_INT(page.scopes, SCOPE_READ | SCOPE_WRITE);
}

TEST(a_yes_sends_back_a_code_with_state_and_name)
{
    WORLD(w);
    struct auth_page page = world_consent(&w, &(struct asking){0}, &w.owner,
                                          &(struct auth_decision){.is_granted = true});

    CHECK_INT(page.step, AUTH_REDIRECT);
    CHECK(str_starts(page.location, STR(CALLBACK "?code=" PREFIX_CODE)));
    CHECK_STR(param_of(&w, page.location, "state"), "xyz");
    CHECK_STR(param_of(&w, page.location, "iss"), BASE);
    CHECK(param_of(&w, page.location, "error").ptr == NULL);
}

TEST(a_no_sends_back_access_denied)
{
    WORLD(w);
    struct auth_page page =
        world_consent(&w, &(struct asking){0}, &w.owner, &(struct auth_decision){0});

    CHECK_INT(page.step, AUTH_REDIRECT);
    CHECK_STR(param_of(&w, page.location, "error"), "access_denied");
    CHECK_STR(param_of(&w, page.location, "state"), "xyz");
    CHECK_STR(param_of(&w, page.location, "iss"), BASE);
    CHECK(param_of(&w, page.location, "code").ptr == NULL);
}

TEST(a_consent_without_a_person_gives_nothing)
{
    WORLD(w);
    struct auth_page page = world_consent(&w, &(struct asking){0}, NULL,
                                          &(struct auth_decision){.is_granted = true});

    CHECK_INT(page.step, AUTH_LOG_IN);
}

/* The reference cut state to some characters, and clients with others hung. */
TEST(state_comes_back_byte_for_byte)
{
    static const char *const rows[] = {"a+b/c==",         "{\"x\":\"y z\"}", "%41",
                                       "\r\nLocation: x", "\xff\xfe",        "a&b=c#d",
                                       "<script>",        "\xE2\x82\xAC"};
    WORLD(w);
    AUTO_BUF big = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_page page =
            world_authorize(&w, &(struct asking){.state = rows[i], .type = "token"}, &w.owner);

        CHECK(text_is_plain(page.location)); /* nothing that could split a header */
        CHECK_STR(param_of(&w, page.location, "state"), rows[i]);
    }
    while (big.len < 4096)
        buf_add_c(&big, "0123456789abcdef");
    CHECK_VIEW(param_of(&w,
                        world_consent(&w, &(struct asking){.state = buf_cstr(&big)}, &w.owner,
                                      &(struct auth_decision){.is_granted = true})
                            .location,
                        "state"),
               buf_str(&big));
}

TEST(without_state_none_comes_back)
{
    WORLD(w);
    struct auth_page page = world_consent(&w, &(struct asking){.state = ""}, &w.owner,
                                          &(struct auth_decision){.is_granted = true});

    CHECK(param_of(&w, page.location, "state").ptr == NULL);
}

TEST(nobody_is_sent_to_an_address_that_is_not_the_clients)
{
    static const char *const uris[] = {
        "https://evil.example/cb",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://claude.ai@evil.example/api/mcp/auth_callback",
        CALLBACK "/",
        CALLBACK "?x=1",
        CALLBACK "#x",
        CALLBACK "/../../open?to=https://evil.example",
        "https://claude.ai/api/mcp/",
        "https://claude.ai/api/mcp/auth_callback%00",
        "https://claude.ai/api/mcp/auth_callback\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "HTTPS://CLAUDE.AI/api/mcp/auth_callback",
        "", /* left out */
    };
    WORLD(w);

    for (size_t i = 0; i < COUNT(uris); i++) {
        /* Also with other errors, which would be sent back if the address were good. */
        struct asking q = {.redirect_uri = uris[i], .type = i % 2 ? "code" : "token"};
        struct auth_page page = world_authorize(&w, &q, &w.owner);

        CHECK_INT(page.step, AUTH_ERROR_PAGE);
        CHECK_INT(page.status, 400);
        CHECK(page.location.ptr == NULL);
        page = world_consent(&w, &q, &w.owner, &(struct auth_decision){.is_granted = true});
        CHECK_INT(page.step, AUTH_ERROR_PAGE);
    }
}

TEST(an_unknown_client_is_a_page)
{
    static const char *const ids[] = {"nobody", "' OR 1=1 --", "mcp_client_\" UNION SELECT",
                                      "a b",    "\xff",        ""};
    WORLD(w);

    for (size_t i = 0; i < COUNT(ids); i++)
        CHECK_INT(world_authorize(&w, &(struct asking){.client = ids[i]}, &w.owner).step,
                  AUTH_ERROR_PAGE);
}

TEST(client_and_address_are_given_once)
{
    WORLD(w);

    CHECK_INT(world_authorize(&w, &(struct asking){.more = "&client_id=x"}, &w.owner).step,
              AUTH_ERROR_PAGE);
    CHECK_INT(
        world_authorize(
            &w, &(struct asking){.more = "&redirect_uri=https%3A%2F%2Fevil.example"}, &w.owner)
            .step,
        AUTH_ERROR_PAGE);
}

TEST(other_errors_go_back_to_the_client)
{
    static const struct {
        struct asking q;
        const char *error;
    } rows[] = {
        {{.type = ""}, "invalid_request"},
        {{.type = "token"}, "unsupported_response_type"},
        {{.type = "code id_token"}, "unsupported_response_type"},
        {{.challenge = ""}, "invalid_request"},
        {{.method = ""}, "invalid_request"}, /* would mean plain */
        {{.method = "plain"}, "invalid_request"},
        {{.method = "s256"}, "invalid_request"},
        {{.challenge = "short"}, "invalid_request"},
        {{.challenge = CHALLENGE "A"}, "invalid_request"},
        {{.challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"}, "invalid_request"},
        {{.resource = "https://evil.example/mcp"}, "invalid_target"},
        {{.resource = BASE ".evil.example/mcp"}, "invalid_target"},
        {{.resource = BASE "/mcp?x"}, "invalid_target"},
        {{.more = "&resource=https%3A%2F%2Fevil.example"}, "invalid_target"},
        {{.scope = "everything"}, "invalid_scope"},
        {{.more = "&state=again"}, "invalid_request"},
        {{.more = "&scope=read&scope=admin"}, "invalid_request"},
        {{.more = "&response_mode=fragment"}, "invalid_request"},
    };
    WORLD(w);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_page page = world_authorize(&w, &rows[i].q, &w.owner);

        CHECK_INT(page.step, AUTH_REDIRECT);
        CHECK(str_starts(page.location, STR(CALLBACK "?error=")));
        CHECK_STR(param_of(&w, page.location, "error"), rows[i].error);
        CHECK_STR(param_of(&w, page.location, "iss"), BASE);
        CHECK_STR(param_of(&w, page.location, "state"), "xyz");
        page = world_consent(&w, &rows[i].q, &w.owner,
                             &(struct auth_decision){.is_granted = true});
        CHECK_STR(param_of(&w, page.location, "error"), rows[i].error);
    }
}

TEST(no_more_is_given_than_was_shown)
{
    WORLD(w);
    const struct auth_decision all = {
        .is_granted = true, .scopes = SCOPES_ALL, .spaces = STR("default team bob secret *")};
    struct auth_page page;
    struct stored_code *code = NULL;
    struct error err = {0};

    page = world_consent(&w, &(struct asking){.scope = "read"}, &w.member, &all);
    CHECK_OK(auth_store_code(w.x->store, &w.a,
                             token_hash(&w.a, param_of(&w, page.location, "code")), &code,
                             &err),
             err);
    REQUIRE(code);
    CHECK_STR(code->scopes, "read");
    CHECK_STR(code->spaces, "team bob");

    page = world_consent(&w, &(struct asking){0}, &w.member,
                         &(struct auth_decision){.is_granted = true, .spaces = STR("secret")});
    CHECK_STR(param_of(&w, page.location, "error"), "access_denied");
}

TEST(the_address_of_a_space_gives_that_space)
{
    WORLD(w);
    struct auth_page page =
        world_authorize(&w, &(struct asking){.resource = BASE "/mcp/team"}, &w.member);

    CHECK_INT(page.step, AUTH_CONSENT);
    CHECK(page.n_spaces == 1 && str_eq(page.spaces[0], STR("team")));
    page = world_authorize(&w, &(struct asking){.resource = BASE "/mcp/secret"}, &w.member);
    CHECK_STR(param_of(&w, page.location, "error"), "access_denied");
}

TEST(a_client_gets_no_more_scopes_than_it_registered)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"scope\":\"read offline_access\"}",
        &answer);
    struct auth_page page =
        world_authorize(&w, &(struct asking){.client = id, .scope = "read write"}, &w.owner);

    CHECK_INT(page.step, AUTH_CONSENT);
    CHECK_INT(page.scopes, SCOPE_READ);
}

TEST(loopback_redirects_take_any_port)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id =
        world_register(&w, "{\"redirect_uris\":[\"http://localhost/callback\"]}", &answer);
    struct asking q = {.client = id, .redirect_uri = "http://localhost:53211/callback"};
    struct auth_page page = world_authorize(&w, &q, &w.owner);

    CHECK_INT(page.step, AUTH_CONSENT);
    CHECK(page.is_local);
    CHECK_STR(page.redirect_host, "localhost:53211");
    page = world_consent(&w, &q, &w.owner, &(struct auth_decision){.is_granted = true});
    CHECK(str_starts(page.location, STR("http://localhost:53211/callback?code=")));
}

TEST(an_endless_query_is_a_page)
{
    WORLD(w);
    struct auth_page page = {0};
    AUTO_BUF b = {0};

    buf_add_c(&b, world_query(&w, &(struct asking){0}));
    buf_add_c(&b, "&x=");
    while (b.len <= AUTH_FORM_MAX_BYTES)
        buf_add_c(&b, "0123456789abcdef");
    auth_authorize(w.x, &w.r, buf_str(&b), &w.owner, &page);
    CHECK_INT(page.step, AUTH_ERROR_PAGE);
    auth_authorize(w.x, &w.r, STR("client_id=%zz"), &w.owner, &page);
    CHECK_INT(page.step, AUTH_ERROR_PAGE);
}

TEST_MAIN()

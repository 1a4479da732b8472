/*
 * test_token.c - tokens go to whoever was given a code, once; what is used twice ends the grant.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <stdlib.h>

/* -- codes ------------------------------------------------------------------------------------- */

TEST(a_code_becomes_tokens)
{
    WORLD(w);
    struct auth_answer answer =
        world_redeem(&w, world_code(&w, &(struct asking){.scope = "read offline_access"}));
    struct auth_principal who = {0};

    CHECK_INT(answer.status, 200);
    CHECK_STR(member_of(&w, answer.body, "token_type"), "Bearer");
    CHECK_STR(member_of(&w, answer.body, "scope"), "read offline_access");
    CHECK_INT(number_of(answer.body, "expires_in"), 86400);
    CHECK(str_starts(member_of(&w, answer.body, "refresh_token"), STR(PREFIX_REFRESH)));
    CHECK(!answer.is_public);
    CHECK_INT(world_check(&w, member_of(&w, answer.body, "access_token"), &who), AUTH_OK);
    CHECK_STR(who.subject, "ann");
    CHECK_STR(who.client, w.client);
    CHECK_INT(who.scopes, SCOPE_READ);
    CHECK_STR(auth_first_space(&who), "default");
    CHECK(auth_may_use_space(&who, STR("anything")));
}

TEST(a_code_that_comes_again_ends_the_grant)
{
    WORLD(w);
    const char *code = world_code(&w, &(struct asking){0});
    struct auth_answer first = world_redeem(&w, code), second = world_redeem(&w, code);
    struct str access = member_of(&w, first.body, "access_token");

    CHECK_INT(first.status, 200);
    CHECK_REFUSED(&w, second, 400, "invalid_grant");
    CHECK_INT(world_check(&w, access, NULL), AUTH_INVALID);
    CHECK_REFUSED(&w, world_refresh(&w, member_of(&w, first.body, "refresh_token")), 400,
                  "invalid_grant");
}

TEST(another_clients_code_is_refused_and_stays_good)
{
    WORLD(w);
    struct auth_answer answer;
    const char *code = world_code(&w, &(struct asking){0});
    const char *other = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\"}",
        &answer);

    CHECK_REFUSED(&w,
                  world_token(&w, NULL,
                              "grant_type=authorization_code&code=%s&client_id=%s"
                              "&code_verifier=" VERIFIER,
                              code, other),
                  400, "invalid_grant");
    CHECK_INT(world_redeem(&w, code).status, 200);
}

TEST(a_code_needs_its_verifier)
{
    static const struct {
        const char *verifier, *error;
    } rows[] = {
        {"", "invalid_request"},
        {"&code_verifier=", "invalid_request"},
        {"&code_verifier=short", "invalid_grant"},
        {"&code_verifier=" CHALLENGE, "invalid_grant"}, /* as for plain */
        {"&code_verifier=" VERIFIER "x", "invalid_grant"},
        {"&code_verifier=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "invalid_grant"},
        {"&code_verifier=%E9aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "invalid_grant"},
        {"&code_verifier=" VERIFIER "%00", "invalid_grant"},
    };
    WORLD(w);
    const char *code = world_code(&w, &(struct asking){0});

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_REFUSED(&w,
                      world_token(&w, NULL,
                                  "grant_type=authorization_code&code=%s&client_id=%s%s", code,
                                  w.client, rows[i].verifier),
                      400, rows[i].error);
    CHECK_INT(world_redeem(&w, code).status, 200);
}

TEST(a_code_is_bound_to_its_address_and_resource)
{
    WORLD(w);
    const char *code = world_code(&w, &(struct asking){.resource = BASE "/mcp/team"});

#define TRY(more)                                                                              \
    world_token(&w, NULL,                                                                      \
                "grant_type=authorization_code&code=%s&client_id=%s&code_verifier=" VERIFIER   \
                "%s",                                                                          \
                code, w.client, more)
    CHECK_REFUSED(&w, TRY("&redirect_uri=https://evil.example"), 400, "invalid_grant");
    CHECK_REFUSED(&w, TRY("&redirect_uri="), 400, "invalid_grant");
    CHECK_REFUSED(&w, TRY("&resource=" BASE "/mcp/other"), 400, "invalid_target");
    CHECK_REFUSED(&w, TRY("&resource=" BASE "/mcp"), 400, "invalid_target");
    CHECK_REFUSED(&w, TRY("&resource=https://evil.example/mcp"), 400, "invalid_target");
    CHECK_INT(TRY("&resource=" BASE "/mcp/team").status, 200);
}

TEST(a_code_lasts_a_minute)
{
    WORLD(w);
    const char *code = world_code(&w, &(struct asking){0});

    w.r.now_ms += AUTH_CODE_MS;
    CHECK_REFUSED(&w, world_redeem(&w, code), 400, "invalid_grant");
    w.r.now_ms -= 1;
    CHECK_INT(world_redeem(&w, code).status, 200);
}

TEST(a_code_of_a_closed_account_is_worth_nothing)
{
    WORLD(w);
    struct error err = {0};
    struct auth_page page = world_consent(&w, &(struct asking){0}, &w.member,
                                          &(struct auth_decision){.is_granted = true});
    struct auth_account bob = w.member.account;

    bob.is_disabled = true;
    CHECK_OK(auth_account_set(w.x, &w.r, STR("ann"), &bob, &err), err);
    CHECK_REFUSED(&w, world_redeem(&w, param_of(&w, page.location, "code").ptr), 400,
                  "invalid_grant");
}

TEST(without_leave_to_stay_there_is_no_refresh_token)
{
    WORLD(w);
    struct auth_answer answer;

    w.client = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\"}",
        &answer);
    answer = world_redeem(&w, world_code(&w, &(struct asking){0}));
    CHECK_INT(answer.status, 200);
    CHECK(member_of(&w, answer.body, "refresh_token").len == 0);
    answer = world_redeem(&w, world_code(&w, &(struct asking){.scope = "read offline_access"}));
    CHECK(member_of(&w, answer.body, "refresh_token").len > 0);
}

/* -- client authentication ----------------------------------------------------------------------- */

TEST(a_client_with_a_secret_shows_it_in_its_own_way)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id =
        world_register(&w, "{\"redirect_uris\":[\"" CALLBACK "\"]}", &answer); /* Basic */
    struct str secret = member_of(&w, answer.body, "client_secret");
    const char *code = world_code(&w, &(struct asking){.client = id});
    AUTO_BUF good = {0}, bad = {0};

    buf_add_c(&good, "bAsIc ");
    crypto_base64_encode(&good, arena_printf(&w.a, "%s:" STR_FMT, id, STR_ARG(secret)));
    buf_add_c(&bad, "Basic ");
    crypto_base64_encode(&bad, arena_printf(&w.a, "%s:wrong", id));

    answer = world_token(&w, NULL,
                         "grant_type=authorization_code&code=%s&client_id=%s"
                         "&code_verifier=" VERIFIER,
                         code, id);
    CHECK_REFUSED(&w, answer, 401, "invalid_client");
    CHECK(answer.challenge.len == 0);
    answer = world_token(&w, buf_cstr(&bad),
                         "grant_type=authorization_code&code=%s&code_verifier=" VERIFIER, code);
    CHECK_REFUSED(&w, answer, 401, "invalid_client");
    CHECK(str_starts(answer.challenge, STR("Basic realm=")));
    answer =
        world_token(&w, NULL,
                    "grant_type=authorization_code&code=%s&client_id=%s&client_secret=" STR_FMT
                    "&code_verifier=" VERIFIER,
                    code, id, STR_ARG(secret)); /* right, but posted */
    CHECK_REFUSED(&w, answer, 401, "invalid_client");
    answer = world_token(&w, buf_cstr(&good),
                         "grant_type=authorization_code&code=%s&client_secret=x"
                         "&code_verifier=" VERIFIER,
                         code); /* two ways at once */
    CHECK_REFUSED(&w, answer, 400, "invalid_request");
    answer = world_token(&w, "Basic !!!",
                         "grant_type=authorization_code&code=%s&code_verifier=" VERIFIER, code);
    CHECK_REFUSED(&w, answer, 401, "invalid_client");
    answer = world_token(&w, buf_cstr(&good),
                         "grant_type=authorization_code&code=%s&code_verifier=" VERIFIER, code);
    CHECK_INT(answer.status, 200);
}

TEST(a_client_that_is_gone_registers_again)
{
    WORLD(w);
    struct auth_answer answer = world_redeem(&w, world_code(&w, &(struct asking){0}));
    struct error err = {0};

    CHECK_OK(auth_client_delete(w.x, &w.r, STR("ann"), str_c(w.client), &err), err);
    CHECK_REFUSED(&w, world_refresh(&w, member_of(&w, answer.body, "refresh_token")), 401,
                  "invalid_client");
    CHECK_INT(world_check(&w, member_of(&w, answer.body, "access_token"), NULL), AUTH_INVALID);
}

TEST(requests_that_are_not_well_formed)
{
    static const struct {
        const char *form, *error;
        int status;
    } rows[] = {
        {"", "invalid_request", 400},
        {"client_id=x", "invalid_request", 400},
        {"grant_type=authorization_code", "invalid_request", 400},
        {"grant_type=authorization_code&client_id=%zz", "invalid_request", 400},
        {"grant_type=refresh_token&grant_type=x&client_id=x", "invalid_request", 400},
        {"{\"grant_type\":\"authorization_code\"}", "invalid_request", 400},
        {"grant_type=authorization_code&client_id=nobody", "invalid_client", 401},
        {"grant_type=authorization_code&client_id='%20OR%201=1--", "invalid_client", 401},
        {"grant_type=authorization_code&client_id=%ff%00", "invalid_client", 401},
        {"grant_type=refresh_token&client_id=x&client_assertion=y", "invalid_client", 401},
    };
    WORLD(w);

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_REFUSED(&w, world_token(&w, NULL, "%s", rows[i].form), rows[i].status,
                      rows[i].error);
    CHECK_REFUSED(&w, world_token(&w, NULL, "grant_type=password&client_id=%s", w.client), 400,
                  "unsupported_grant_type");
    CHECK_REFUSED(&w,
                  world_token(&w, NULL, "grant_type=authorization_code&client_id=%s", w.client),
                  400, "invalid_request");
    CHECK_REFUSED(&w,
                  world_token(&w, NULL,
                              "grant_type=authorization_code&client_id=%s&code=%%27%%3B--"
                              "&code_verifier=" VERIFIER,
                              w.client),
                  400, "invalid_grant");
    CHECK_REFUSED(&w, world_token(&w, NULL, "grant_type=refresh_token&client_id=%s", w.client),
                  400, "invalid_request");
}

/* -- client_credentials ------------------------------------------------------------------------ */

/* In the reference two requests of a stranger gave full access. */
TEST(a_stranger_gets_nothing_by_registering)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id = world_register(&w,
                                    "{\"redirect_uris\":[\"" CALLBACK "\"],"
                                    "\"token_endpoint_auth_method\":\"client_secret_post\"}",
                                    &answer);

    CHECK_REFUSED(
        &w,
        world_token(&w, NULL,
                    "grant_type=client_credentials&client_id=%s&client_secret=" STR_FMT, id,
                    STR_ARG(member_of(&w, answer.body, "client_secret"))),
        400, "unauthorized_client");
    CHECK_REFUSED(&w,
                  world_token(&w, NULL, "grant_type=client_credentials&client_id=%s", w.client),
                  400, "unauthorized_client");
    auth_register(w.x, &w.r, (struct str){0},
                  STR("{\"redirect_uris\":[\"" CALLBACK
                      "\"],\"grant_types\":[\"authorization_code\",\"client_credentials\"]}"),
                  &answer);
    CHECK_REFUSED(&w, answer, 400, "invalid_client_metadata");
}

TEST(an_owners_client_acts_for_itself)
{
    WORLD(w);
    struct error err = {0};
    const struct auth_client_new machine = {.name = STR("cron"),
                                            .is_for_itself = true,
                                            .scopes = SCOPE_WRITE,
                                            .spaces = STR("logs")};
    struct str id, secret;
    struct auth_answer answer;
    struct auth_principal who = {0};
    AUTO_BUF basic = {0};

    REQUIRE(
        CHECK_OK(auth_client_add(w.x, &w.r, STR("ann"), &machine, &id, &secret, &err), err));
    buf_add_c(&basic, "Basic ");
    crypto_base64_encode(&basic,
                         arena_printf(&w.a, STR_FMT ":" STR_FMT, STR_ARG(id), STR_ARG(secret)));
    answer = world_token(&w, buf_cstr(&basic), "grant_type=client_credentials");
    CHECK_INT(answer.status, 200);
    CHECK(member_of(&w, answer.body, "refresh_token").len == 0);
    CHECK_INT(world_check(&w, member_of(&w, answer.body, "access_token"), &who), AUTH_OK);
    CHECK_VIEW(who.subject, id);
    CHECK_INT(who.scopes, SCOPE_READ | SCOPE_WRITE);
    CHECK(auth_may_use_space(&who, STR("logs")) && !auth_may_use_space(&who, STR("default")));
    CHECK_REFUSED(
        &w, world_token(&w, buf_cstr(&basic), "grant_type=client_credentials&scope=admin"), 400,
        "invalid_scope");
    CHECK_REFUSED(&w,
                  world_token(&w, buf_cstr(&basic),
                              "grant_type=authorization_code&code=x&code_verifier=" VERIFIER),
                  400, "unauthorized_client");
}

/* -- refreshing -------------------------------------------------------------------------------- */

static struct str first_refresh(struct world *w)
{
    return member_of(w, world_redeem(w, world_code(w, &(struct asking){0})).body,
                     "refresh_token");
}

static struct str next_refresh(struct world *w, struct str token)
{
    struct auth_answer answer = world_refresh(w, token);

    CHECK_INT(answer.status, 200);
    CHECK(member_of(w, answer.body, "access_token").len > 0);
    return member_of(w, answer.body, "refresh_token");
}

TEST(a_refresh_token_is_replaced)
{
    WORLD(w);
    struct str one = first_refresh(&w), two = next_refresh(&w, one), three;

    CHECK(!str_eq(one, two));
    w.r.now_ms += (int64_t)3600 * 1000;
    three = next_refresh(&w, two);
    CHECK(!str_eq(two, three));
    CHECK_INT(
        world_check(&w, member_of(&w, world_refresh(&w, three).body, "access_token"), NULL),
        AUTH_OK);
}

/* Claude refreshes from several machines, up to 76 s apart. */
TEST(for_two_minutes_the_token_before_still_succeeds)
{
    WORLD(w);
    struct str one = first_refresh(&w), two = next_refresh(&w, one);

    w.r.now_ms += (int64_t)33 * 1000;
    CHECK_VIEW(next_refresh(&w, one), two);
    w.r.now_ms += (int64_t)43 * 1000;
    CHECK_VIEW(next_refresh(&w, one), two);
    w.r.now_ms = START_MS + AUTH_GRACE_MS;
    CHECK_VIEW(next_refresh(&w, one), two);
    CHECK(!str_eq(next_refresh(&w, two), two)); /* and goes on from there */
}

TEST(whoever_lags_behind_gets_the_last_of_the_chain)
{
    WORLD(w);
    struct str one = first_refresh(&w), two = next_refresh(&w, one),
               three = next_refresh(&w, two);

    CHECK_VIEW(next_refresh(&w, one), three);
    CHECK_VIEW(next_refresh(&w, two), three);
}

TEST(another_process_gives_the_same_successor)
{
    WORLD(w);
    struct str one = first_refresh(&w), two = next_refresh(&w, one);
    struct auth *mine = w.x;

    w.x = world_open_again(&w);
    CHECK_VIEW(next_refresh(&w, one), two);
    auth_close(w.x);
    w.x = mine;
}

TEST(after_it_a_used_token_ends_the_grant)
{
    WORLD(w);
    struct auth_answer answer = world_redeem(&w, world_code(&w, &(struct asking){0})), later;
    struct str one = member_of(&w, answer.body, "refresh_token"), two;

    later = world_refresh(&w, one);
    two = member_of(&w, later.body, "refresh_token");
    w.r.now_ms += AUTH_GRACE_MS + 1;
    CHECK_REFUSED(&w, world_refresh(&w, one), 400, "invalid_grant");
    CHECK_REFUSED(&w, world_refresh(&w, two), 400, "invalid_grant");
    CHECK_INT(world_check(&w, member_of(&w, answer.body, "access_token"), NULL), AUTH_INVALID);
    CHECK_INT(world_check(&w, member_of(&w, later.body, "access_token"), NULL), AUTH_INVALID);
}

TEST(another_client_cannot_use_or_end_it)
{
    WORLD(w);
    struct auth_answer answer;
    struct str one = first_refresh(&w), two = next_refresh(&w, one);
    const char *ours = w.client;

    w.r.now_ms += AUTH_GRACE_MS + 1;
    w.client = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\"}",
        &answer);
    CHECK_REFUSED(&w, world_refresh(&w, one), 400, "invalid_grant");
    CHECK_REFUSED(&w, world_refresh(&w, two), 400, "invalid_grant");
    w.client = ours;
    CHECK_INT(world_refresh(&w, two).status, 200);
}

TEST(a_refresh_may_narrow_and_not_widen)
{
    WORLD(w);
    struct auth_answer answer =
        world_redeem(&w, world_code(&w, &(struct asking){.scope = "read write"}));
    struct str token = member_of(&w, answer.body, "refresh_token");
    struct auth_principal who = {0};

#define REFRESH(more)                                                                          \
    world_token(&w, NULL, "grant_type=refresh_token&client_id=%s&refresh_token=" STR_FMT more, \
                w.client, STR_ARG(token))
    CHECK_REFUSED(&w, REFRESH("&scope=admin"), 400, "invalid_scope");
    CHECK_REFUSED(&w, REFRESH("&scope=read+write+admin"), 400, "invalid_scope");
    CHECK_REFUSED(&w, REFRESH("&scope=everything"), 400, "invalid_scope");
    CHECK_REFUSED(&w, REFRESH("&resource=https://evil.example"), 400, "invalid_target");
    answer = REFRESH("&scope=read&resource=" BASE "/mcp/team");
    CHECK_STR(member_of(&w, answer.body, "scope"), "read");
    CHECK_INT(world_check(&w, member_of(&w, answer.body, "access_token"), &who), AUTH_OK);
    CHECK_INT(who.scopes, SCOPE_READ);
    CHECK(auth_may_use_space(&who, STR("team")) && !auth_may_use_space(&who, STR("default")));
    token = member_of(&w, answer.body, "refresh_token");
    answer = REFRESH(""); /* what was granted is still there */
    CHECK_STR(member_of(&w, answer.body, "scope"), "read write");
}

TEST(a_grant_ends_when_it_is_idle_or_old)
{
    WORLD(w);
    struct str token = first_refresh(&w);
    const int64_t idle_ms = w.x->options.refresh_token_ms;

    for (int64_t at = 0; at + idle_ms < AUTH_FAMILY_MAX_MS; at += idle_ms / 2) {
        token = next_refresh(&w, token);
        w.r.now_ms += idle_ms / 2;
    }
    w.r.now_ms = START_MS + AUTH_FAMILY_MAX_MS;
    CHECK_REFUSED(&w, world_refresh(&w, token), 400, "invalid_grant");

    w.r.now_ms = START_MS;
    token = first_refresh(&w);
    w.r.now_ms += idle_ms;
    CHECK_REFUSED(&w, world_refresh(&w, token), 400, "invalid_grant");
}

TEST(unknown_refresh_tokens_are_refused)
{
    static const char *const rows[] = {"x", PREFIX_REFRESH, "%27%20OR%201=1", "%ff"};
    WORLD(w);

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_REFUSED(&w, world_refresh(&w, str_c(rows[i])), 400, "invalid_grant");
}

/* -- revoking, asking -------------------------------------------------------------------------- */

static struct auth_answer revoke(struct world *w, const char *client, struct str token)
{
    struct auth_answer answer = {0};

    auth_revoke(w->x, &w->r, (struct str){0},
                arena_printf(&w->a, "client_id=%s&token=" STR_FMT, client, STR_ARG(token)),
                &answer);
    return answer;
}

TEST(a_revoked_token_is_refused_from_then_on)
{
    WORLD(w);
    struct auth_answer first = world_redeem(&w, world_code(&w, &(struct asking){0}));
    struct str access = member_of(&w, first.body, "access_token");
    struct str refresh = member_of(&w, first.body, "refresh_token");

    CHECK_INT(world_check(&w, access, NULL), AUTH_OK);
    CHECK_INT(revoke(&w, w.client, access).status, 200);
    CHECK_INT(world_check(&w, access, NULL), AUTH_INVALID);
    access = member_of(&w, world_refresh(&w, refresh).body, "access_token");
    CHECK_INT(world_check(&w, access, NULL), AUTH_OK);
    CHECK_INT(revoke(&w, w.client, refresh).status, 200); /* ends all, though rotated */
    CHECK_INT(world_check(&w, access, NULL), AUTH_INVALID);
    CHECK_REFUSED(&w, world_refresh(&w, refresh), 400, "invalid_grant");
}

TEST(revoking_tells_nothing_and_reaches_only_ones_own)
{
    WORLD(w);
    struct auth_answer answer;
    struct str access = world_access(&w);
    const char *other = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\"}",
        &answer);

    CHECK_INT(revoke(&w, w.client, STR("nonsense")).status, 200);
    CHECK_INT(revoke(&w, other, access).status, 200);
    CHECK_INT(world_check(&w, access, NULL), AUTH_OK);
    CHECK_REFUSED(&w, revoke(&w, w.client, STR("")), 400, "invalid_request");
    CHECK_REFUSED(&w, revoke(&w, "nobody", access), 401, "invalid_client");
}

TEST(a_client_with_a_secret_may_ask_about_its_tokens)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id = world_register(&w,
                                    "{\"redirect_uris\":[\"" CALLBACK "\"],"
                                    "\"token_endpoint_auth_method\":\"client_secret_post\"}",
                                    &answer);
    struct str secret = member_of(&w, answer.body, "client_secret"), others = world_access(&w),
               access;

#define ASK(token)                                                                             \
    auth_introspect(w.x, &w.r, (struct str){0},                                                \
                    arena_printf(&w.a,                                                         \
                                 "client_id=%s&client_secret=" STR_FMT "&token=" STR_FMT, id,  \
                                 STR_ARG(secret), STR_ARG(token)),                             \
                    &answer)
    answer =
        world_token(&w, NULL,
                    "grant_type=authorization_code&code=%s&client_id=%s&client_secret=" STR_FMT
                    "&code_verifier=" VERIFIER,
                    world_code(&w, &(struct asking){.client = id}), id, STR_ARG(secret));
    access = member_of(&w, answer.body, "access_token");
    ASK(access);
    CHECK_INT(answer.status, 200);
    CHECK(str_contains(answer.body, STR("\"active\":true")));
    CHECK_STR(member_of(&w, answer.body, "sub"), "ann");
    CHECK_STR(member_of(&w, answer.body, "aud"), BASE "/mcp");
    ASK(others);
    CHECK_STR(answer.body, "{\"active\":false}");
    ASK(STR("nonsense"));
    CHECK_STR(answer.body, "{\"active\":false}");
    w.r.now_ms += w.x->options.access_token_ms;
    ASK(access);
    CHECK_STR(answer.body, "{\"active\":false}");
    auth_introspect(w.x, &w.r, (struct str){0},
                    arena_printf(&w.a, "client_id=%s&token=x", w.client), &answer);
    CHECK_REFUSED(&w, answer, 401, "invalid_client");
}

static struct str ask(struct world *w, const char *id, struct str secret, struct str token)
{
    struct auth_answer a = {0};

    auth_introspect(w->x, &w->r, (struct str){0},
                    arena_printf(&w->a, "client_id=%s&client_secret=" STR_FMT "&token=" STR_FMT,
                                 id, STR_ARG(secret), STR_ARG(token)),
                    &a);
    return a.body;
}

static void set_member(struct world *w, enum auth_role role, bool is_disabled)
{
    struct error err = {0};

    CHECK_OK(auth_account_set(w->x, &w->r, STR("ann"),
                              &(struct auth_account){.name = STR("bob"),
                                                     .role = role,
                                                     .spaces = STR("team"),
                                                     .is_disabled = is_disabled},
                              &err),
             err);
}

/* It used to tell the scopes of the grant, and that a refresh token of a closed account is active. */
TEST(what_is_told_of_a_token_is_what_its_account_may_today)
{
    WORLD(w);
    struct auth_answer answer;
    const char *id = world_register(&w,
                                    "{\"redirect_uris\":[\"" CALLBACK "\"],"
                                    "\"token_endpoint_auth_method\":\"client_secret_post\"}",
                                    &answer);
    struct str secret = member_of(&w, answer.body, "client_secret"), tokens[2];
    struct auth_page page =
        world_consent(&w, &(struct asking){.client = id, .scope = "read write offline_access"},
                      &w.member, &(struct auth_decision){.is_granted = true});

    answer = world_token(&w, NULL,
                         "grant_type=authorization_code&code=" STR_FMT
                         "&client_id=%s&client_secret=" STR_FMT "&code_verifier=" VERIFIER,
                         STR_ARG(param_of(&w, page.location, "code")), id, STR_ARG(secret));
    tokens[0] = member_of(&w, answer.body, "access_token");
    tokens[1] = member_of(&w, answer.body, "refresh_token");
    for (size_t i = 0; i < COUNT(tokens); i++) {
        set_member(&w, AUTH_MEMBER, false);
        CHECK_STR(member_of(&w, ask(&w, id, secret, tokens[i]), "scope"),
                  "read write offline_access");
        set_member(&w, AUTH_READER, false);
        CHECK_STR(member_of(&w, ask(&w, id, secret, tokens[i]), "scope"),
                  "read offline_access");
        set_member(&w, AUTH_MEMBER, true);
        CHECK_STR(ask(&w, id, secret, tokens[i]), "{\"active\":false}");
    }
}

/* Whoever saw a used code could end the grant that came of it, with any client of his own. */
TEST(a_used_code_in_another_clients_hands_ends_nothing)
{
    WORLD(w);
    struct auth_answer answer;
    const char *code = world_code(&w, &(struct asking){0}), *mine = w.client;
    struct str access = member_of(&w, world_redeem(&w, code).body, "access_token");

    w.client = world_register(
        &w, "{\"redirect_uris\":[\"" CALLBACK "\"],\"token_endpoint_auth_method\":\"none\"}",
        &answer);
    CHECK_REFUSED(&w, world_redeem(&w, code), 400, "invalid_grant");
    CHECK_INT(world_check(&w, access, NULL), AUTH_OK);
    w.client = mine;
    CHECK_REFUSED(&w, world_redeem(&w, code), 400, "invalid_grant");
    CHECK_INT(world_check(&w, access, NULL), AUTH_INVALID);
}

TEST_MAIN()

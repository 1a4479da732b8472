/* test_limits.c - who is wrong too often waits; who is right does not, and neither do many at one address. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#define SHARED "" /* as payer: an address of many */
#define KEY    "a key of more than 32 characters, 0123456789"

typedef void endpoint(struct auth *x, const struct auth_request *r, struct str authorization,
                      struct str form, struct auth_answer *out);

static struct auth_answer post(struct world *w, endpoint *e, const char *client,
                               const char *rest)
{
    struct auth_answer answer = {0};

    e(w->x, &w->r, (struct str){0},
      arena_printf(&w->a, "client_id=%s&client_secret=wrong&%s", client, rest), &answer);
    return answer;
}

static struct auth_answer post_wrong(struct world *w, const char *client)
{
    return post(w, auth_token, client, "grant_type=authorization_code&code=x&code_verifier=y");
}

/* How many are answered before the first 429; max: all. */
static int wrongs_until_limit(struct world *w, const char *client, int max)
{
    int n = 0;

    while (n < max && post_wrong(w, client).status != 429)
        n++;
    return n;
}

TEST(a_client_that_is_wrong_waits)
{
    static const struct {
        endpoint *endpoint;
        const char *rest;
    } rows[] = {
        {auth_token, "grant_type=refresh_token&refresh_token=x"},
        {auth_revoke, "token=x"},
        {auth_introspect, "token=x"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        WORLD(w);
        struct auth_answer a;

        for (int n = 0; n < AUTH_WRONG_CLIENT_BURST; n++)
            CHECK_INT(post(&w, rows[i].endpoint, "nobody", rows[i].rest).status, 401);
        a = post(&w, rows[i].endpoint, "nobody", rows[i].rest);
        CHECK_REFUSED(&w, a, 429, "temporarily_unavailable");
        CHECK_INT(a.retry_after_s, 1 / AUTH_WRONG_CLIENT_PER_S);
        w.r.now_ms += (int64_t)a.retry_after_s * 1000;
        CHECK_INT(post(&w, rows[i].endpoint, "nobody", rows[i].rest).status, 401);
        CHECK_INT(post(&w, rows[i].endpoint, "nobody", rows[i].rest).status, 429);
    }
}

TEST(codes_and_refresh_tokens_that_are_wrong_count)
{
    WORLD(w);
    int n = 0;

    while (n < 100 && world_redeem(&w, "wrong").status == 400)
        n += world_refresh(&w, STR("wrong")).status == 400 ? 2 : 1;
    CHECK_INT(n, AUTH_WRONG_CLIENT_BURST);
    CHECK_INT(world_refresh(&w, STR("wrong")).status, 429);
}

TEST(others_at_the_same_address_pay_late_and_other_addresses_never)
{
    WORLD(w);

    CHECK_INT(wrongs_until_limit(&w, "one", 1000), AUTH_WRONG_CLIENT_BURST);
    CHECK_INT(wrongs_until_limit(&w, "two", 1000), AUTH_WRONG_CLIENT_BURST);
    CHECK_INT(wrongs_until_limit(&w, "three", 1000),
              AUTH_WRONG_BURST - 2 * AUTH_WRONG_CLIENT_BURST);
    CHECK_INT(wrongs_until_limit(&w, "four", 1000), 0);
    world_come_from(&w, "203.0.113.11");
    CHECK_INT(wrongs_until_limit(&w, "one", 1000), AUTH_WRONG_CLIENT_BURST);
}

TEST(being_right_clears_what_was_wrong)
{
    WORLD(w);
    struct str refresh = member_of(
        &w, world_redeem(&w, world_code(&w, &(struct asking){0})).body, "refresh_token");

    for (int i = 0; i < 5; i++) {
        struct auth_answer a;

        for (int n = 0; n < AUTH_WRONG_CLIENT_BURST - 1; n++)
            CHECK_INT(world_refresh(&w, STR("wrong")).status, 400);
        a = world_refresh(&w, refresh);
        CHECK_INT(a.status, 200);
        refresh = member_of(&w, a.body, "refresh_token");
    }
}

/* A client there that reads 429 instead of invalid_grant would try for ever instead of asking its person. */
TEST(at_a_shared_address_answers_stay_what_they_are)
{
    WORLD(w);

    w.r.payer = STR(SHARED);
    CHECK_INT(wrongs_until_limit(&w, "nobody", 500), 500);
    for (int n = 0; n < 500; n++)
        CHECK_REFUSED(&w, world_refresh(&w, STR("wrong")), 400, "invalid_grant");
    CHECK_INT(world_redeem(&w, world_code(&w, &(struct asking){0})).status, 200);
}

static int refreshes_until_limit(struct world *w, struct str *refresh)
{
    int n = 0;
    struct auth_answer a = world_refresh(w, *refresh);

    while (n < 1000 && a.status == 200) {
        n++;
        *refresh = member_of(w, a.body, "refresh_token");
        a = world_refresh(w, *refresh);
    }
    CHECK_INT(a.status, 429);
    return n;
}

TEST(a_greedy_grant_waits_alone_wherever_it_comes_from)
{
    WORLD(w);
    struct str greedy, other;

    w.r.payer = STR(SHARED);
    greedy = member_of(&w, world_redeem(&w, world_code(&w, &(struct asking){0})).body,
                       "refresh_token");
    other = member_of(&w, world_redeem(&w, world_code(&w, &(struct asking){0})).body,
                      "refresh_token");
    CHECK_INT(refreshes_until_limit(&w, &greedy), AUTH_GRANT_BURST);
    CHECK_INT(world_refresh(&w, other).status, 200);
    w.r.now_ms += 1000;
    CHECK_INT(world_refresh(&w, greedy).status, 200); /* it was not lost by waiting */
}

TEST(a_greedy_client_for_itself_waits)
{
    WORLD(w);
    struct error err = {0};
    struct str id, secret;
    int n = 0;

    CHECK_OK(auth_client_add(w.x, &w.r, STR("ann"),
                             &(struct auth_client_new){.name = STR("robot"),
                                                       .is_for_itself = true,
                                                       .scopes = SCOPE_READ,
                                                       .spaces = STR("default")},
                             &id, &secret, &err),
             err);
    while (n < 1000) {
        AUTO_BUF pair = {0};

        crypto_base64_encode(
            &pair, arena_printf(&w.a, STR_FMT ":" STR_FMT, STR_ARG(id), STR_ARG(secret)));
        if (world_token(&w, arena_printf(&w.a, "Basic %s", buf_cstr(&pair)).ptr,
                        "grant_type=client_credentials")
                .status != 200)
            break;
        n++;
    }
    CHECK_INT(n, AUTH_GRANT_BURST);
}

static int registrations_until_limit(struct world *w, const char *payer)
{
    struct auth_answer a = {.status = 201};
    int n = -1;

    w->r.payer = str_c(payer);
    while (a.status == 201 && n++ < 1000)
        auth_register(w->x, &w->r, (struct str){0},
                      STR("{\"redirect_uris\":[\"" CALLBACK "\"]}"), &a);
    CHECK_INT(a.status, 429);
    CHECK(a.retry_after_s > 0);
    return n;
}

TEST(registrations_from_shared_addresses_have_more_room)
{
    WORLD(w);

    CHECK_INT(registrations_until_limit(&w, "203.0.113.20"), AUTH_REGISTER_BURST);
    CHECK_INT(registrations_until_limit(&w, "203.0.113.21"), AUTH_REGISTER_BURST);
    CHECK_INT(registrations_until_limit(&w, SHARED), AUTH_REGISTER_SHARED_BURST);
    w.r.now_ms += 1000;
    CHECK_INT(registrations_until_limit(&w, SHARED), AUTH_REGISTER_SHARED_PER_S);
}

TEST(the_registration_key_cannot_be_tried_at_will)
{
    AUTO(world_deinit) struct world w;
    struct auth_answer a = {.status = 401};
    int n = -1;

    world_init(&w, &(struct auth_options){.registration_key = STR("sesame")});
    while (a.status == 401 && n++ < 1000)
        auth_register(w.x, &w.r, STR("Bearer guess"),
                      STR("{\"redirect_uris\":[\"" CALLBACK "\"]}"), &a);
    CHECK_INT(a.status, 429);
    CHECK_INT(n, AUTH_REGISTER_BURST);
}

static int pages_until_limit(struct world *w, const char *payer)
{
    struct auth_page p = {0};
    int n = 0;

    w->r.payer = str_c(payer);
    while (n < 500 && auth_may_authorize(w->x, &w->r, &p))
        n++;
    if (n < 500) {
        CHECK_INT(p.step, AUTH_ERROR_PAGE);
        CHECK_INT(p.status, 429);
        CHECK_INT(p.retry_after_s, 1);
    }
    return n;
}

TEST(log_in_pages_are_limited)
{
    WORLD(w);

    CHECK_INT(pages_until_limit(&w, "203.0.113.30"), AUTH_AUTHORIZE_BURST);
    CHECK_INT(pages_until_limit(&w, "203.0.113.31"), AUTH_AUTHORIZE_BURST);
    CHECK_INT(pages_until_limit(&w, SHARED), 500);
}

static enum auth_verdict check_key(struct world *w, const char *key)
{
    struct auth_principal p;
    const char *why;

    return auth_check(w->x, &w->r, (struct str){0}, str_c(key), &p, &why);
}

static int keys_until_limit(struct world *w, const char *payer)
{
    int n = 0;

    w->r.payer = str_c(payer);
    while (n < 500 && check_key(w, n % 2 ? "wrong" : "not even a key") == AUTH_INVALID)
        n++;
    return n;
}

TEST(keys_cannot_be_tried_at_will)
{
    AUTO(world_deinit) struct world w;

    world_init(&w, &(struct auth_options){.api_key = STR(KEY)});
    CHECK_INT(keys_until_limit(&w, "203.0.113.40"), AUTH_CREDENTIALS_BURST);
    CHECK_INT(check_key(&w, KEY), AUTH_LIMITED); /* else trying would go on behind the limit */
    CHECK_INT(check_key(&w, ""), AUTH_NONE);
    w.r.payer = STR("203.0.113.41");
    CHECK_INT(check_key(&w, KEY), AUTH_OK);
    w.r.payer = STR("203.0.113.40");
    w.r.now_ms += 1000;
    CHECK_INT(check_key(&w, KEY), AUTH_OK);
    CHECK_INT(keys_until_limit(&w, "203.0.113.40"), 1);
    CHECK_INT(keys_until_limit(&w, SHARED), 500);
    CHECK_INT(check_key(&w, KEY), AUTH_OK);
}

/* Each good token used to clear what was counted, so that its owner could guess for ever. */
TEST(a_good_token_clears_what_was_wrong_but_guesses_at_the_key)
{
    static const struct {
        const char *wrong;
        int n;
    } rows[] = {
        {"guess", AUTH_KEY_GUESSES_BURST},
        {"gu.ess", AUTH_KEY_GUESSES_BURST},
        {"a.b.c", 500}, /* a token that has ended, perhaps */
        {PREFIX_API_KEY "x", 500},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(world_deinit) struct world w;
        struct str token;
        int n = 0;

        world_init(&w, &(struct auth_options){.api_key = STR(KEY)});
        token = world_access(&w);
        while (n < 500 && check_key(&w, rows[i].wrong) == AUTH_INVALID) {
            n++;
            CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
        }
        CHECK_INT(n, rows[i].n);
        CHECK_INT(world_check(&w, token, NULL), AUTH_OK);
        CHECK_INT(check_key(&w, KEY), n < 500 ? AUTH_LIMITED : AUTH_OK);
    }
}

TEST(who_may_ask_about_tokens_asks_so_often)
{
    WORLD(w);
    int n = 0;

    w.r.payer = STR(SHARED);
    while (n < 1000) {
        struct auth_answer a = {0};

        auth_revoke(w.x, &w.r, (struct str){0},
                    arena_printf(&w.a, "client_id=%s&token=x", w.client), &a);
        if (a.status != 200)
            break;
        n++;
    }
    CHECK_INT(n, AUTH_ASK_BURST);
}

TEST(log_ins_from_one_network_of_ipv6_wait_together)
{
    WORLD(w);
    enum auth_login_result result = AUTH_LOGIN_WRONG;
    struct error err = {0};
    struct str token;
    int n = 0, wait_s;

    while (n < 50 && result == AUTH_LOGIN_WRONG) {
        w.r.peer = arena_printf(&w.a, "2001:db8::%d", n++);
        w.r.payer = STR("2001:db8::");
        CHECK_OK(auth_login(w.x, &w.r, arena_printf(&w.a, "n%d", n), STR("wrong"), &result,
                            &token, &wait_s, &err),
                 err);
    }
    CHECK_INT(n, 11);
}

TEST_MAIN()

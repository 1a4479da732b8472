/* test_register.c - clients register within limits, and manage only themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include "json/json.h"

#define URIS "\"redirect_uris\":[\"" CALLBACK "\"]"

static struct auth_answer post(struct world *w, const char *body)
{
    struct auth_answer answer = {0};

    auth_register(w->x, &w->r, (struct str){0}, str_c(body), &answer);
    return answer;
}

TEST(a_client_hears_what_was_registered)
{
    WORLD(w);
    struct auth_answer a = post(&w, "{" URIS ",\"client_name\":\"Notes\",\"unknown\":[1]}");

    CHECK_INT(a.status, 201);
    CHECK(str_starts(member_of(&w, a.body, "client_id"), STR(PREFIX_CLIENT)));
    CHECK(str_starts(member_of(&w, a.body, "client_secret"), STR(PREFIX_SECRET)));
    CHECK_INT(number_of(a.body, "client_secret_expires_at"), 0);
    CHECK_INT(number_of(a.body, "client_id_issued_at"), START_MS / 1000);
    CHECK_STR(member_of(&w, a.body, "token_endpoint_auth_method"), "client_secret_basic");
    CHECK_STR(member_of(&w, a.body, "client_name"), "Notes");
    CHECK(str_contains(a.body, STR("\"grant_types\":[\"authorization_code\"]")));
    CHECK(str_contains(a.body, STR("\"response_types\":[\"code\"]")));
    CHECK(str_starts(member_of(&w, a.body, "registration_client_uri"),
                     STR(BASE "/oauth/register/" PREFIX_CLIENT)));
    a = post(&w, "{" URIS ",\"token_endpoint_auth_method\":\"none\"}");
    CHECK(member_of(&w, a.body, "client_secret").len == 0);
}

TEST(metadata_that_does_not_fit_is_refused)
{
    static const struct {
        const char *body, *error;
    } rows[] = {
        {"", "invalid_client_metadata"},
        {"[]", "invalid_client_metadata"},
        {"{", "invalid_client_metadata"},
        {"{}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[]}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":\"" CALLBACK "\"}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[7]}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[\"" CALLBACK "\",\"http://evil.example\"]}",
         "invalid_redirect_uri"},
        {"{\"redirect_uris\":[\"" CALLBACK " https://evil.example\"]}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[\"javascript:alert(1)\"]}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[\"" CALLBACK "\\r\\nX: y\"]}", "invalid_redirect_uri"},
        {"{\"redirect_uris\":[\"a:/1\",\"a:/2\",\"a:/3\",\"a:/4\",\"a:/5\",\"a:/6\",\"a:/7\","
         "\"a:/8\",\"a:/9\",\"a:/10\",\"a:/11\"]}",
         "invalid_redirect_uri"},
        {"{" URIS ",\"token_endpoint_auth_method\":\"private_key_jwt\"}",
         "invalid_client_metadata"},
        {"{" URIS ",\"token_endpoint_auth_method\":\"none client_secret_basic\"}",
         "invalid_client_metadata"},
        {"{" URIS ",\"grant_types\":[\"client_credentials\"]}", "invalid_client_metadata"},
        {"{" URIS ",\"grant_types\":[\"implicit\"]}", "invalid_client_metadata"},
        {"{" URIS ",\"grant_types\":[\"refresh_token\"]}", "invalid_client_metadata"},
        {"{" URIS ",\"response_types\":[\"token\"]}", "invalid_client_metadata"},
        {"{" URIS ",\"client_name\":7}", "invalid_client_metadata"},
        {"{" URIS ",\"client_name\":\"two\\nlines\"}", "invalid_client_metadata"},
        {"{" URIS ",\"client_name\":\"x\\u0000y\"}", "invalid_client_metadata"},
        {"{" URIS ",\"scope\":[\"read\"]}", "invalid_client_metadata"},
    };
    WORLD(w);
    AUTO_BUF big = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        w.r.now_ms += 10000; /* for the limit of one address */
        CHECK_REFUSED(&w, post(&w, rows[i].body), 400, rows[i].error);
    }
    buf_add_c(&big, "{\"x\":\"");
    while (big.len < AUTH_REGISTER_MAX_BYTES)
        buf_add_c(&big, "0123456789abcdef");
    buf_add_c(&big, "\"}");
    CHECK_REFUSED(&w, post(&w, buf_cstr(&big)), 400, "invalid_client_metadata");
}

/* A name is text on a page of ours: it must not reorder it. */
TEST(names_cannot_drive_the_page_or_a_terminal)
{
    WORLD(w);
    struct auth_answer a =
        post(&w, "{" URIS ",\"client_name\":\"<script>\\u202egpj\\u001b[2J\"}");

    CHECK_INT(a.status, 201);
    CHECK_STR(member_of(&w, a.body, "client_name"), "<script>\xEF\xBF\xBDgpj\xEF\xBF\xBD[2J");
}

TEST(values_are_kept_as_they_are)
{
    WORLD(w);
    struct auth_answer a =
        post(&w, "{" URIS ",\"client_name\":\"Robert'); DROP TABLE client; --\"}");

    CHECK_STR(member_of(&w, a.body, "client_name"), "Robert'); DROP TABLE client; --");
    CHECK_INT(post(&w, "{" URIS "}").status, 201);
}

TEST(a_registration_key_keeps_strangers_out)
{
    AUTO(world_deinit)
    struct world w;
    struct auth_answer a = {0};

    world_init(&w, &(struct auth_options){.registration_key = STR("k\xC3\xA9y")});
    a = post(&w, "{" URIS "}");
    CHECK_REFUSED(&w, a, 401, "invalid_token");
    CHECK_STR(a.challenge, "Bearer");
    auth_register(w.x, &w.r, STR("Bearer wrong"), STR("{" URIS "}"), &a);
    CHECK_REFUSED(&w, a, 401, "invalid_token");
    CHECK_STR(a.challenge, "Bearer error=\"invalid_token\"");
    auth_register(w.x, &w.r, STR("bearer k\xC3\xA9y"), STR("{" URIS "}"), &a);
    CHECK_INT(a.status, 201);
}

TEST(closed_is_closed)
{
    AUTO(world_deinit)
    struct world w;

    world_init(&w, &(struct auth_options){.is_registration_closed = true});
    CHECK_REFUSED(&w, post(&w, "{" URIS "}"), 403, "access_denied");
}

TEST(one_address_registers_some_clients_a_minute)
{
    WORLD(w);
    int n = 0;
    struct auth_answer a = {.status = 201};

    while (a.status == 201 && n < 1000) {
        a = post(&w, "{" URIS "}");
        n++;
    }
    CHECK_INT(a.status, 429);
    CHECK(a.retry_after_s > 0);
    CHECK(n >= 20 && n <= 100);
    world_come_from(&w, "203.0.113.9");
    CHECK_INT(post(&w, "{" URIS "}").status, 201);
    world_come_from(&w, "203.0.113.10");
    w.r.now_ms += (int64_t)60 * 1000;
    CHECK_INT(post(&w, "{" URIS "}").status, 201);
}

/* A stranger who fills the place keeps others out for an hour, not for good. */
TEST(a_full_house_makes_room)
{
    WORLD(w);
    struct error err = {0};
    struct auth_answer a;

    for (int i = 0; i < AUTH_CLIENTS_MAX; i++)
        CHECK_OK(
            auth_store_client_put(w.x->store,
                                  &(struct stored_client){.id = arena_printf(&w.a, "c%d", i),
                                                          .origin = STR("registered"),
                                                          .peer = STR("198.51.100.1"),
                                                          .created_ms = START_MS},
                                  &err),
            err);
    a = post(&w, "{" URIS "}");
    CHECK_INT(a.status, 503);
    CHECK(a.retry_after_s > 0);
    w.r.now_ms += (int64_t)3600 * 1000;
    CHECK_INT(post(&w, "{" URIS "}").status, 201);
}

TEST(clients_without_use_go_after_a_day)
{
    WORLD(w);
    struct auth_answer a;
    const char *idle = world_register(&w, "{" URIS "}", &a);
    struct error err = {0};

    (void)world_access(&w); /* the usual client is used */
    w.r.now_ms += AUTH_UNUSED_MS;
    CHECK_OK(auth_tidy(w.x, w.r.now_ms, &err), err);
    CHECK_INT(world_authorize(&w, &(struct asking){.client = idle}, NULL).step,
              AUTH_ERROR_PAGE);
    CHECK_INT(world_authorize(&w, &(struct asking){0}, NULL).step, AUTH_LOG_IN);
    w.r.now_ms += AUTH_IDLE_MS;
    CHECK_OK(auth_tidy(w.x, w.r.now_ms, &err), err);
    CHECK_INT(world_authorize(&w, &(struct asking){0}, NULL).step, AUTH_ERROR_PAGE);
}

/* With refresh tokens that last a year, clients used to go after 90 days, and the tokens with them. */
TEST(a_client_stays_as_long_as_its_refresh_token)
{
    static const struct {
        int64_t refresh_ms, idle_ms;
        int status;
    } rows[] = {
        {2 * AUTH_IDLE_MS, 2 * AUTH_IDLE_MS - 1, 200},
        {2 * AUTH_IDLE_MS, 2 * AUTH_IDLE_MS, 401},
        {1000, AUTH_IDLE_MS - 1, 400}, /* the token is gone, the client is not */
        {1000, AUTH_IDLE_MS, 401},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(world_deinit) struct world w;
        struct str refresh;
        struct error err = {0};

        world_init(&w, &(struct auth_options){.refresh_token_ms = rows[i].refresh_ms});
        refresh = member_of(&w, world_redeem(&w, world_code(&w, &(struct asking){0})).body,
                            "refresh_token");
        w.r.now_ms += rows[i].idle_ms;
        CHECK_OK(auth_tidy(w.x, w.r.now_ms, &err), err);
        CHECK_INT(world_refresh(&w, refresh).status, rows[i].status);
    }
}

/* -- management -------------------------------------------------------------------------------- */

static struct auth_answer manage(struct world *w, const char *method, const char *id,
                                 struct str token, const char *body)
{
    struct auth_answer a = {0};

    auth_registration(w->x, &w->r, str_c(method), str_c(id),
                      token.len ? arena_printf(&w->a, "Bearer " STR_FMT, STR_ARG(token))
                                : (struct str){0},
                      str_c(body), &a);
    return a;
}

TEST(a_client_manages_itself)
{
    WORLD(w);
    struct auth_answer a = post(&w, "{" URIS ",\"client_name\":\"One\"}");
    const char *id = member_of(&w, a.body, "client_id").ptr;
    struct str token = member_of(&w, a.body, "registration_access_token");
    AUTO_BUF change = {0};

    a = manage(&w, "GET", id, token, NULL);
    CHECK_INT(a.status, 200);
    CHECK_STR(member_of(&w, a.body, "client_name"), "One");
    CHECK(!str_contains(a.body, STR("\"client_secret\"")));
    CHECK_REFUSED(&w, manage(&w, "PUT", id, token, "{" URIS ",\"client_id\":\"other\"}"), 400,
                  "invalid_client_metadata");
    buf_printf(&change, "{\"client_id\":\"%s\",\"client_name\":\"Two\"," URIS "}", id);
    a = manage(&w, "PUT", id, token, buf_cstr(&change));
    CHECK_INT(a.status, 200);
    CHECK_STR(member_of(&w, a.body, "client_name"), "Two");
    CHECK_INT(number_of(a.body, "client_id_issued_at"), START_MS / 1000);
    CHECK_INT(manage(&w, "PATCH", id, token, "{}").status, 405);
    CHECK_INT(manage(&w, "DELETE", id, token, NULL).status, 204);
    CHECK_REFUSED(&w, manage(&w, "GET", id, token, NULL), 401, "invalid_token");
}

static bool is_in_audit(struct world *w, const char *event)
{
    const struct auth_event *list;
    struct error err = {0};
    size_t n;

    CHECK_OK(auth_audit(w->x, &w->a, 0, 1000, &list, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        if (str_eq_c(list[i].event, event))
            return true;
    }
    return false;
}

/* One registration used to be enough to write to the disk, and into the audit, without end. */
TEST(a_client_changes_itself_as_often_as_it_could_register)
{
    WORLD(w);
    struct auth_answer a = post(&w, "{" URIS "}");
    const char *id = member_of(&w, a.body, "client_id").ptr;
    struct str token = member_of(&w, a.body, "registration_access_token");
    AUTO_BUF change = {0};
    int n = 0;

    buf_printf(&change, "{\"client_id\":\"%s\"," URIS "}", id);
    w.r.payer = STR("203.0.113.11");
    while (n < 1000 && (a = manage(&w, "PUT", id, token, buf_cstr(&change))).status == 200)
        n++;
    CHECK_INT(n, AUTH_REGISTER_BURST);
    CHECK_REFUSED(&w, a, 429, "temporarily_unavailable");
    CHECK(a.retry_after_s > 0);
    CHECK_INT(manage(&w, "DELETE", id, token, NULL).status, 429);
    CHECK_INT(manage(&w, "GET", id, token, NULL).status, 200);
    w.r.payer = STR("203.0.113.12");
    CHECK_INT(manage(&w, "DELETE", id, token, NULL).status, 204);
    CHECK(!is_in_audit(&w, "register") && !is_in_audit(&w, "register.change") &&
          !is_in_audit(&w, "client.delete"));
}

TEST(a_client_that_takes_grants_along_is_in_the_audit)
{
    WORLD(w);
    struct auth_answer a = post(&w, "{" URIS ",\"token_endpoint_auth_method\":\"none\"}");
    struct str token = member_of(&w, a.body, "registration_access_token");

    w.client = member_of(&w, a.body, "client_id").ptr;
    (void)world_access(&w);
    CHECK_INT(manage(&w, "DELETE", w.client, token, NULL).status, 204);
    CHECK(is_in_audit(&w, "client.delete"));
}

TEST(nobody_manages_another_client)
{
    WORLD(w);
    struct auth_answer one = post(&w, "{" URIS "}"), two = post(&w, "{" URIS "}");
    const char *id = member_of(&w, one.body, "client_id").ptr;

    CHECK_REFUSED(
        &w, manage(&w, "GET", id, member_of(&w, two.body, "registration_access_token"), NULL),
        401, "invalid_token");
    CHECK_REFUSED(&w, manage(&w, "DELETE", id, member_of(&w, one.body, "client_secret"), NULL),
                  401, "invalid_token");
    CHECK_REFUSED(&w, manage(&w, "GET", id, (struct str){0}, NULL), 401, "invalid_token");
    CHECK_REFUSED(&w, manage(&w, "GET", "nobody", STR("x"), NULL), 401, "invalid_token");
}

TEST_MAIN()

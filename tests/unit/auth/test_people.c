/* test_people.c - accounts are made by links, opened by passwords, and hard to guess. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#define PASSWORD "correct horse battery"

static struct str invite(struct world *w, enum auth_role role)
{
    struct error err = {0};
    struct str token = {0};

    CHECK_OK(auth_link_new(w->x, &w->r, &(struct auth_link){.role = role, .by = STR("ann")},
                           &token, &err),
             err);
    CHECK(str_starts(token, STR(PREFIX_LINK)));
    return token;
}

/* An account by this name, with PASSWORD. */
static void add(struct world *w, const char *name)
{
    struct error err = {0};
    struct str session;

    CHECK_OK(auth_link_use(w->x, &w->r, invite(w, AUTH_MEMBER), str_c(name), STR(PASSWORD),
                           &session, &err),
             err);
}

static enum auth_login_result log_in(struct world *w, const char *name, const char *password,
                                     struct str *out_token, int *out_wait_s)
{
    enum auth_login_result result = AUTH_LOGIN_WRONG;
    struct error err = {0};

    CHECK_OK(auth_login(w->x, &w->r, str_c(name), str_c(password), &result, out_token,
                        out_wait_s, &err),
             err);
    return result;
}

TEST(a_link_makes_an_account_that_is_logged_in)
{
    WORLD(w);
    struct error err = {0};
    struct str link = invite(&w, AUTH_OWNER), token = {0};
    struct auth_link *look = NULL;
    struct auth_session *s = NULL;

    CHECK_OK(auth_link_look(w.x, &w.r, link, &look, &err), err);
    CHECK(look && look->role == AUTH_OWNER && str_eq(look->by, STR("ann")));
    CHECK(!auth_link_use(w.x, &w.r, link, STR("eve"), STR("short"), &token, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(!auth_link_use(w.x, &w.r, link, STR("a b"), STR(PASSWORD), &token, &err));
    CHECK(!auth_link_use(w.x, &w.r, link, STR("<b>"), STR(PASSWORD), &token, &err));
    CHECK(!auth_link_use(w.x, &w.r, link, STR(""), STR(PASSWORD), &token, &err));
    CHECK(!auth_link_use(w.x, &w.r, link, STR("API_key"), STR(PASSWORD), &token, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(!auth_link_use(w.x, &w.r, link, STR("ANN"), STR(PASSWORD), &token, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    REQUIRE(CHECK_OK(
        auth_link_use(w.x, &w.r, link, STR(" Eve@Example.org "), STR(PASSWORD), &token, &err),
        err));
    CHECK(!auth_link_use(w.x, &w.r, link, STR("mallory"), STR(PASSWORD), &token, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK_OK(auth_session(w.x, &w.r, token, &s, &err), err);
    REQUIRE(s);
    CHECK_STR(s->account.name, "eve@example.org");
    CHECK_INT(s->account.role, AUTH_OWNER);
}

TEST(a_link_lasts_a_week)
{
    WORLD(w);
    struct error err = {0};
    struct str link = invite(&w, AUTH_READER), token;

    w.r.now_ms += AUTH_LINK_MS;
    CHECK(!auth_link_use(w.x, &w.r, link, STR("eve"), STR(PASSWORD), &token, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

TEST(sessions_end_by_themselves_and_by_logging_out)
{
    WORLD(w);
    struct error err = {0};
    struct str one = {0}, two = {0};
    struct auth_session *s = NULL, *other = NULL;
    int wait_s;

    add(&w, "eve");
    CHECK_INT(log_in(&w, "EVE", PASSWORD, &one, &wait_s), AUTH_LOGIN_OK);
    CHECK_INT(log_in(&w, "eve", PASSWORD, &two, &wait_s), AUTH_LOGIN_OK);
    CHECK(!str_eq(one, two));
    CHECK_OK(auth_session(w.x, &w.r, one, &s, &err), err);
    CHECK_OK(auth_session(w.x, &w.r, two, &other, &err), err);
    REQUIRE(s && other);
    CHECK(auth_csrf_ok(s, s->csrf));
    CHECK(!auth_csrf_ok(s, other->csrf)); /* bound to the session */
    CHECK(!auth_csrf_ok(s, (struct str){0}));
    CHECK(!str_contains(one, s->csrf));

    CHECK_OK(auth_logout(w.x, &w.r, one, &err), err);
    CHECK_OK(auth_session(w.x, &w.r, one, &s, &err), err);
    CHECK(s == NULL);
    w.r.now_ms += AUTH_SESSION_MS;
    CHECK_OK(auth_session(w.x, &w.r, two, &s, &err), err);
    CHECK(s == NULL);
    CHECK_OK(auth_session(w.x, &w.r, STR("' OR 1=1 --"), &s, &err), err);
    CHECK(s == NULL);
}

TEST(wrong_names_and_passwords_look_alike)
{
    WORLD(w);
    struct str token;
    int wait_s;

    add(&w, "eve");
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "nobody", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "\xff", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "' OR 1=1 --", "' OR 1=1 --", &token, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "ann", "none", &token, &wait_s), AUTH_LOGIN_WRONG); /* no real hash */
}

/* Tries until one has to wait, each from another address. How many there were. */
static int tries_until_wait(struct world *w, const char *name)
{
    struct str token;
    int wait_s = 0, n = 0;

    while (n < 50) {
        world_come_from(w, arena_printf(&w->a, "198.51.100.%d", n).ptr);
        if (log_in(w, name, "wrong", &token, &wait_s) == AUTH_LOGIN_WAIT)
            break;
        n++;
    }
    return n;
}

TEST(guesses_at_a_name_slow_down_whether_it_exists_or_not)
{
    WORLD(w);
    struct str token;
    int wait_s = 0;

    add(&w, "eve");
    CHECK_INT(tries_until_wait(&w, "eve"), 5);
    CHECK_INT(tries_until_wait(&w, "nobody"), 5);
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s),
              AUTH_LOGIN_WAIT); /* even if right */
    CHECK_INT(wait_s, 1);
    w.r.now_ms += 1000;
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WAIT);
    CHECK_INT(wait_s, 2);
    w.r.now_ms += 2000;
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_OK);
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG); /* forgiven */
}

TEST(guesses_from_an_address_slow_down_whatever_the_name)
{
    WORLD(w);
    struct str token;
    int wait_s = 0, n = 0;

    add(&w, "eve");
    while (n < 50 && log_in(&w, arena_printf(&w.a, "n%d", n).ptr, "wrong", &token, &wait_s) !=
                         AUTH_LOGIN_WAIT)
        n++;
    CHECK_INT(n, 10);
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_WAIT);
    world_come_from(&w, "192.0.2.1");
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_OK);
}

TEST(another_process_counts_along)
{
    WORLD(w);
    struct str token;
    int wait_s;
    struct auth *mine = w.x;

    CHECK_INT(tries_until_wait(&w, "eve"), 5);
    w.x = world_open_again(&w);
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WAIT);
    auth_close(w.x);
    w.x = mine;
}

TEST(the_api_key_logs_in_as_the_owner)
{
    AUTO(world_deinit)
    struct world w;
    struct error err = {0};
    enum auth_login_result result = AUTH_LOGIN_WAIT;
    struct auth_session *s = NULL;
    struct str token = {0};
    int wait_s;

    world_init(&w, &(struct auth_options){.api_key = STR("secret key")});
    CHECK_OK(auth_login_api_key(w.x, &w.r, STR("secret"), &result, &token, &wait_s, &err), err);
    CHECK_INT(result, AUTH_LOGIN_WRONG);
    CHECK_OK(auth_login_api_key(w.x, &w.r, STR("secret key"), &result, &token, &wait_s, &err),
             err);
    CHECK_INT(result, AUTH_LOGIN_OK);
    CHECK_OK(auth_session(w.x, &w.r, token, &s, &err), err);
    CHECK(s && str_eq(s->account.name, STR("ann")));
}

TEST(without_an_api_key_none_logs_in)
{
    WORLD(w);
    struct error err = {0};
    enum auth_login_result result = AUTH_LOGIN_OK;
    struct str token;
    int wait_s;

    CHECK_OK(auth_login_api_key(w.x, &w.r, STR(""), &result, &token, &wait_s, &err), err);
    CHECK_INT(result, AUTH_LOGIN_WRONG);
}

TEST(a_new_password_ends_the_sessions_before)
{
    WORLD(w);
    struct error err = {0};
    struct auth_session *s = NULL;
    struct str before = {0}, link = {0}, after = {0};
    int wait_s;

    add(&w, "eve");
    CHECK_INT(log_in(&w, "eve", PASSWORD, &before, &wait_s), AUTH_LOGIN_OK);
    REQUIRE(CHECK_OK(auth_link_new(w.x, &w.r,
                                   &(struct auth_link){.kind = AUTH_LINK_RESET,
                                                       .account = STR("Eve"),
                                                       .by = STR("ann")},
                                   &link, &err),
                     err));
    CHECK_OK(auth_link_use(w.x, &w.r, link, STR("ann"), STR("another password"), &after, &err),
             err);
    CHECK_OK(auth_session(w.x, &w.r, before, &s, &err), err);
    CHECK(s == NULL);
    CHECK_OK(auth_session(w.x, &w.r, after, &s, &err), err);
    CHECK(s && str_eq(s->account.name, STR("eve"))); /* of the link, whatever was typed */
    CHECK_INT(log_in(&w, "eve", PASSWORD, &before, &wait_s), AUTH_LOGIN_WRONG);
    CHECK_INT(log_in(&w, "eve", "another password", &before, &wait_s), AUTH_LOGIN_OK);
}

TEST(a_closed_account_is_out_at_once)
{
    WORLD(w);
    struct error err = {0};
    struct auth_session *s = NULL;
    struct str token = {0};
    int wait_s;
    struct auth_account eve = {
        .name = STR("eve"), .role = AUTH_MEMBER, .spaces = STR("*"), .is_disabled = true};

    add(&w, "eve");
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_OK);
    CHECK_OK(auth_account_set(w.x, &w.r, STR("ann"), &eve, &err), err);
    CHECK_OK(auth_session(w.x, &w.r, token, &s, &err), err);
    CHECK(s == NULL);
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_WRONG);
    eve.spaces = STR("");
    CHECK(!auth_account_set(w.x, &w.r, STR("ann"), &eve, &err));
    eve.spaces = STR("a/b");
    CHECK(!auth_account_set(w.x, &w.r, STR("ann"), &eve, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
}

TEST(the_audit_says_who_did_what_and_no_secret)
{
    WORLD(w);
    struct error err = {0};
    const struct auth_event *events;
    struct str token = {0};
    int wait_s;
    size_t n = 0, n_logins = 0;

    add(&w, "eve");
    (void)log_in(&w, "eve", "wrong password", &token, &wait_s);
    (void)log_in(&w, "eve", PASSWORD, &token, &wait_s);
    (void)world_access(&w);
    CHECK_OK(auth_audit(w.x, &w.a, 0, 100, &events, &n, &err), err);
    CHECK(n >= 6);
    for (size_t i = 0; i < n; i++) {
        n_logins += str_eq(events[i].event, STR("login"));
        CHECK(!str_contains(events[i].detail, STR("password")));
        CHECK(!str_contains(events[i].detail, STR("mda_")));
        CHECK_STR(events[i].peer, "203.0.113.10");
    }
    CHECK_INT(n_logins, 2);
}

/* Nothing in the file opens anything. */
TEST(the_database_holds_no_secret)
{
    WORLD(w);
    struct error err = {0};
    struct auth_answer a;
    FILE *file;
    struct str session = {0}, secrets[6];
    int wait_s;

    add(&w, "eve");
    (void)log_in(&w, "eve", PASSWORD, &session, &wait_s);
    (void)world_register(&w, "{\"redirect_uris\":[\"" CALLBACK "\"]}", &a);
    secrets[0] = member_of(&w, a.body, "client_secret");
    secrets[1] = member_of(&w, a.body, "registration_access_token");
    secrets[2] = str_c(world_code(&w, &(struct asking){0}));
    a = world_redeem(&w, secrets[2].ptr);
    secrets[3] = member_of(&w, a.body, "refresh_token");
    secrets[4] = session;
    CHECK_OK(auth_api_key_add(w.x, &w.r, STR("ann"),
                              &(struct auth_api_key){.name = STR("k"),
                                                     .account = STR("ann"),
                                                     .scopes = SCOPE_READ},
                              &secrets[5], &err),
             err);
    for (size_t k = 0; k < 2; k++) {
        static char bytes[1 << 21];
        size_t n;

        file = fopen(arena_printf(&w.a, "%s%s", w.path, k ? "-wal" : "").ptr, "rb");
        REQUIRE(file);
        n = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        for (size_t i = 0; i < COUNT(secrets); i++) {
            CHECK(secrets[i].len > 40);
            CHECK(memmem(bytes, n, secrets[i].ptr, secrets[i].len) == NULL);
        }
        CHECK(memmem(bytes, n, PASSWORD, strlen(PASSWORD)) == NULL);
    }
}

#define CROWD 24

struct crowd {
    struct world *w;
    enum auth_login_result results[CROWD];
};

static void try_one(void *ctx, size_t i)
{
    struct crowd *c = ctx;
    AUTO_ARENA a = {0};
    struct auth_request r = c->w->r;
    struct error err = {0};
    struct str token;
    int wait_s;

    r.arena = &a;
    if (!auth_login(c->w->x, &r, arena_printf(&a, "nobody%zu", i), STR("wrong"), &c->results[i],
                    &token, &wait_s, &err))
        c->results[i] = AUTH_LOGIN_OK;
}

/* A try used to be counted for its address when it was over, so that as many more were made as ran at once. */
TEST(many_tries_at_once_gain_nothing)
{
    WORLD(w);
    struct crowd c = {.w = &w};
    int counts[3] = {0};

    parallel_for(6, CROWD, try_one, &c);
    for (size_t i = 0; i < CROWD; i++)
        counts[c.results[i]]++;
    CHECK_INT(counts[AUTH_LOGIN_OK], 0);
    CHECK_INT(counts[AUTH_LOGIN_WRONG], 10);
    CHECK_INT(counts[AUTH_LOGIN_WAIT], CROWD - 10);
}

TEST(who_is_right_does_not_pay_for_it)
{
    WORLD(w);
    struct error err = {0};
    struct stored_attempt x = {.what = STR("p:203.0.113.10")};
    struct str token;
    int wait_s;

    add(&w, "eve");
    CHECK_INT(log_in(&w, "eve", "wrong", &token, &wait_s), AUTH_LOGIN_WRONG);
    w.r.now_ms += 1000;
    CHECK_INT(log_in(&w, "eve", PASSWORD, &token, &wait_s), AUTH_LOGIN_OK);
    CHECK_OK(auth_store_attempts(w.x->store, 0, &x, &err), err);
    CHECK_INT(x.n, 1);
    CHECK_INT(x.last_ms, START_MS);
}

TEST_MAIN()

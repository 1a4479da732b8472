/* test_gate.c - who is let in, with what, and how others are refused; over sockets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"
#include "tests/unit/http/client.h"

#define KEY "0123456789abcdef0123456789abcdef"

struct stage {
    struct http_server *http;
    struct auth *auth;
    struct gate *gate;
    char path[64];
};

static void handle(struct http_request *r, void *ctx)
{
    struct gate *g = ctx;
    struct str path = http_path(r);
    const struct gate_target target = {
        .resource = STR("/mcp"),
        .space = str_starts(path, STR("/in/")) ? str_sub(path, 4, path.len) : STR(""),
        .scopes = SCOPE_READ | SCOPE_ADMIN};
    struct gate_pass pass = {.caller.client = STR("claimed")};

    if (!(str_eq_c(path, "/admin") ? gate_enter_for : gate_enter)(g, r, &target, &pass))
        return;
    buf_printf(http_reply_body(r), STR_FMT " " STR_FMT " " STR_FMT " %s",
               STR_ARG(pass.caller.subject), STR_ARG(pass.caller.client),
               STR_ARG(pass.caller.space), gate_scope_names(pass.caller.scopes));
    http_reply(r, 200, "text/plain");
}

static struct stage stage_open(bool has_auth, bool is_anonymous)
{
    static const char *const paths[] = {"/", "/in/", "/admin"};
    struct stage s = {.path = "/tmp/memoryd-gate-XXXXXX"};
    struct ip_range proxy, shared[2];
    const struct http_options http = {.host = STR("127.0.0.1"),
                                      .n_threads = 1,
                                      .trusted_proxies = &proxy,
                                      .n_trusted_proxies = 1,
                                      .shared = shared,
                                      .n_shared = COUNT(shared),
                                      .is_remote_allowed = has_auth || is_anonymous};
    const struct auth_options auth = {
        .path = s.path, .api_key = STR(KEY), .now_ms = clock_now_ms()};
    struct error err = {0};
    int fd = mkstemp(s.path);

    close(fd);
    CHECK_OK(ip_range_parse(STR("127.0.0.0/8"), &proxy, &err), err);
    CHECK_OK(ip_range_parse(STR("160.79.104.0/21"), &shared[1], &err), err);
    shared[0] = proxy;
    if (has_auth)
        CHECK_OK(auth_open(&auth, &s.auth, &err), err);
    CHECK_OK(http_server_new(&http, &s.http, &err), err);
    s.gate = gate_new(&(struct gate_options){
        .auth = s.auth, .is_oauth = has_auth, .is_anonymous = is_anonymous});
    for (size_t i = 0; i < COUNT(paths); i++)
        http_server_add(
            s.http, &(struct http_route){
                        .method = "GET", .path = paths[i], .handle = handle, .ctx = s.gate});
    CHECK_OK(http_server_start(s.http, &err), err);
    return s;
}

static void stage_close(struct stage *s)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    http_server_free(s->http);
    gate_free(s->gate);
    auth_close(s->auth);
    for (size_t i = 0; i < COUNT(ends); i++) {
        char path[80];

        snprintf(path, sizeof(path), "%s%s", s->path, ends[i]);
        unlink(path);
    }
}

struct row {
    const char *path, *headers;
    int status;
    const char *body, *challenge; /* parts of these; NULL: not looked at */
};

static void check_rows(struct stage *s, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct client c;
        struct reply r;
        bool is_ok;

        REQUIRE(client_open(&c, http_server_port(s->http)));
        CHECK(client_send(&c, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", rows[i].path,
                          rows[i].headers));
        r = client_read(&c);
        is_ok = CHECK_INT(r.status, rows[i].status);
        if (rows[i].body)
            is_ok = CHECK(str_contains(r.body, str_c(rows[i].body))) && is_ok;
        if (rows[i].challenge)
            is_ok = CHECK(str_contains(reply_header(&r, "WWW-Authenticate"),
                                       str_c(rows[i].challenge))) &&
                    is_ok;
        if (!is_ok)
            fprintf(stderr, "  %s %s\n", rows[i].path, rows[i].headers);
        client_close(&c);
    }
}

#define FAR    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
#define SHARED "X-Forwarded-For: 160.79.104.10\r\nX-Forwarded-Proto: https\r\n"
#define BEARER "Authorization: Bearer "

TEST(who_is_let_in)
{
    static const struct row rows[] = {
        {"/", "", 200, "local claimed default read write admin", NULL},
        {"/in/work", "", 200, "local claimed work read write admin", NULL},
        {"/", FAR, 401, "needs an access token",
         "resource_metadata=\"https://localhost/.well-known/oauth-protected-resource/mcp\""},
        {"/", FAR BEARER KEY "\r\n", 200, "api_key ", NULL},
        {"/", FAR "X-API-Key: " KEY "\r\n", 200, "read write admin", NULL},
        {"/in/work", FAR BEARER KEY "\r\n", 200, " work ", NULL},
        {"/", BEARER "wrong\r\n", 401, NULL, "error=\"invalid_token\""},
        {"/", FAR "X-API-Key: wrong\r\n", 401, NULL, "error=\"invalid_token\""},
        {"/", BEARER "\r\n", 400, NULL, "error=\"invalid_request\""},
        {"/?access_token=" KEY, "", 400, "belong in a header", NULL},
        {"/?a=b&api%5Fkey=x", FAR, 400, "belong in a header", NULL},
        {"/?tokens=1", "", 200, NULL, NULL},
        {"/", "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: m.example\r\n", 401, NULL,
         "Bearer"}, /* plain HTTP: tokens are not to be had there */
    };
    struct stage s = stage_open(true, false);

    check_rows(&s, rows, COUNT(rows));
    stage_close(&s);
}

TEST(anonymous_callers_have_the_default_space)
{
    static const struct row rows[] = {
        {"/", FAR, 200, "anonymous claimed default read write", NULL},
        {"/in/default", FAR, 200, "anonymous", NULL},
        {"/in/work", FAR, 401, NULL, "Bearer"},
        {"/admin", FAR, 403, "this needs the scope read admin", "Bearer"},
        {"/", "", 200, "local", NULL},
        {"/admin", "", 200, "local", NULL},
    };
    struct stage s = stage_open(false, true);

    check_rows(&s, rows, COUNT(rows));
    stage_close(&s);
}

TEST(wrong_credentials_are_not_passed_over_for_being_anonymous)
{
    static const struct row rows[] = {
        {"/", FAR, 200, "anonymous", NULL},
        {"/", FAR BEARER "wrong\r\n", 401, NULL, "invalid_token"},
        {"/admin", FAR, 403, NULL, "error=\"insufficient_scope\""},
    };
    struct stage s = stage_open(true, true);

    check_rows(&s, rows, COUNT(rows));
    stage_close(&s);
}

TEST(who_is_wrong_too_often_waits_and_is_told_how_long)
{
    static const struct row wrong = {"/", FAR BEARER "wrong\r\n", 401, NULL, NULL};
    static const struct row rows[] = {
        {"/", FAR BEARER "wrong\r\n", 429, "too many wrong credentials", NULL},
        {"/", FAR, 401, "needs an access token", NULL},
        {"/", "X-Forwarded-For: 203.0.113.8\r\n" BEARER KEY "\r\n", 200, NULL, NULL},
        {"/", BEARER KEY "\r\n", 200, NULL, NULL},         /* from here */
        {"/", BEARER "wrong\r\n", 401, NULL, NULL},        /* nor are those counted */
        {"/", SHARED BEARER "wrong\r\n", 401, NULL, NULL}, /* nor those of claude.ai */
    };
    struct stage s = stage_open(true, false);
    struct client c;
    struct reply r;

    for (int i = 0; i < AUTH_CREDENTIALS_BURST; i++)
        check_rows(&s, &wrong, 1);
    check_rows(&s, rows, COUNT(rows));
    for (int i = 0; i < 2 * AUTH_CREDENTIALS_BURST; i++)
        check_rows(&s, &rows[5], 1);
    REQUIRE(client_open(&c, http_server_port(s.http)));
    CHECK(client_send(&c, "GET / HTTP/1.1\r\nHost: localhost\r\n" FAR BEARER "wrong\r\n\r\n"));
    r = client_read(&c);
    CHECK_INT(r.status, 429);
    CHECK_STR(reply_header(&r, "Retry-After"), "1");
    CHECK_STR(reply_header(&r, "WWW-Authenticate"), "");
    client_close(&c);
    stage_close(&s);
}

/* A proxy that is made to contradict itself does not lead round the limit. */
TEST(those_who_are_nobody_in_particular_are_counted_together)
{
    struct stage s = stage_open(true, false);
    int n = 0;

    for (; n < 2 * AUTH_CREDENTIALS_BURST; n++) {
        struct client c;
        struct reply r;

        REQUIRE(client_open(&c, http_server_port(s.http)));
        CHECK(client_send(&c,
                          "GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: "
                          "203.0.113.7\r\nForwarded: for=198.51.100.%d\r\n" BEARER
                          "wrong\r\n\r\n",
                          n));
        r = client_read(&c);
        client_close(&c);
        if (r.status == 429)
            break;
    }
    CHECK(n >= AUTH_CREDENTIALS_BURST && n < 2 * AUTH_CREDENTIALS_BURST);
    stage_close(&s);
}

/* -- a database that does not answer ----------------------------------------------------------- */

/* As an owner: an account and a key of its own. */
static struct str add_key(struct stage *s, struct arena *a)
{
    const struct auth_request ask = {
        .arena = a, .base = STR("https://localhost"), .now_ms = clock_now_ms()};
    struct error err = {0};
    struct str token, session, key = {0};

    CHECK_OK(
        auth_link_new(s->auth, &ask, &(struct auth_link){.role = AUTH_OWNER}, &token, &err),
        err);
    CHECK_OK(auth_link_use(s->auth, &ask, token, STR("ada"), STR("correct horse battery"),
                           &session, &err),
             err);
    CHECK_OK(auth_api_key_add(s->auth, &ask, STR("ada"),
                              &(struct auth_api_key){.name = STR("k"),
                                                     .account = STR("ada"),
                                                     .scopes = SCOPE_READ},
                              &key, &err),
             err);
    return key;
}

static void change_database(const struct stage *s, const char *sql)
{
    sqlite3 *db = NULL;

    CHECK_INT(sqlite3_open(s->path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

TEST(a_database_that_does_not_answer_is_503_and_no_log_in)
{
    static const char *const breakages[][2] = {
        {"ALTER TABLE validity RENAME TO away", "ALTER TABLE away RENAME TO validity"},
        {"ALTER TABLE api_key RENAME TO away", "ALTER TABLE away RENAME TO api_key"},
    };
    struct stage s = stage_open(true, true);
    AUTO_ARENA a = {0};
    struct str key = add_key(&s, &a);
    const char *with_key = arena_printf(&a, FAR BEARER STR_FMT "\r\n", STR_ARG(key)).ptr;
    const struct row good = {"/", with_key, 200, "ada k", NULL};
    const struct row rows[] = {
        {"/", with_key, 503, "cannot be looked at now", NULL},
        {"/", FAR BEARER "mdk_other\r\n", 503, NULL, NULL},
        {"/", FAR BEARER KEY "\r\n", 200, "api_key", NULL}, /* it is in no database */
        {"/", "", 200, "local", NULL},
        {"/", FAR, 200, "anonymous", NULL},
    };

    for (size_t i = 0; i < COUNT(breakages); i++) {
        struct client c;
        struct reply r;

        check_rows(&s, &good, 1); /* it is remembered as good */
        change_database(&s, breakages[i][0]);
        change_database(&s, i == 1 ? "UPDATE validity SET n = n + 1" : ""); /* and forgotten */
        check_rows(&s, rows, COUNT(rows));
        REQUIRE(client_open(&c, http_server_port(s.http)));
        CHECK(client_send(&c, "GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n", with_key));
        r = client_read(&c);
        CHECK_STR(reply_header(&r, "WWW-Authenticate"), "");
        CHECK(reply_header(&r, "Retry-After").len > 0);
        client_close(&c);
        change_database(&s, breakages[i][1]);
        check_rows(&s, &good, 1);
    }
    stage_close(&s);
}

TEST_MAIN()

/*
 * test_slow.c - which visits go to the pool: its queue has no room here, so that those are the ones answered 503.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/rest.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"
#include "tests/unit/http/client.h"

struct world {
    char dir[64];
    struct auth *auth;
    struct gate *gate;
    struct pool *pool;
    struct http_server *http;
    struct rest_oauth *site;
};

static bool fetch(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                  struct error *err)
{
    (void)ctx;
    (void)a;
    (void)url;
    (void)out;
    return error_set(err, ERROR_UNAVAILABLE, "nothing is fetched here");
}

static bool send(void *ctx, struct arena *a, const struct auth_sending *what,
                 struct auth_fetched *out, struct error *err)
{
    (void)ctx;
    (void)a;
    (void)what;
    (void)out;
    return error_set(err, ERROR_UNAVAILABLE, "nobody is asked here");
}

static const struct ip_range loopback = {{IP_V4, {127}}, 8};

static void start(struct world *w)
{
    struct auth_options auth = {.now_ms = 1800000000000, .fetch = fetch};
    const struct auth_provider provider = {.name = STR("Example"),
                                           .issuer = STR("https://login.example"),
                                           .client_id = STR("x"),
                                           .send = send};
    struct http_options http = {.host = STR("127.0.0.1"),
                                .n_threads = 1,
                                .is_remote_allowed = true,
                                .trusted_proxies = &loopback,
                                .n_trusted_proxies = 1};
    char path[80];
    struct error err = {0};

    *w = (struct world){.dir = "/tmp/memoryd-slow-XXXXXX"};
    CHECK(mkdtemp(w->dir) != NULL);
    snprintf(path, sizeof(path), "%s/oauth.db", w->dir);
    auth.path = path;
    if (!CHECK_OK(auth_open(&auth, &w->auth, &err), err) ||
        !CHECK_OK(auth_provider_set(w->auth, &provider, &err), err) ||
        !CHECK_OK(pool_new("full", 0, 0, &w->pool, &err), err) ||
        !CHECK_OK(http_server_new(&http, &w->http, &err), err))
        abort();
    w->gate = gate_new(&(struct gate_options){.auth = w->auth, .is_oauth = true});
    w->site = rest_oauth_new(&(struct rest_oauth_options){
        .http = w->http, .auth = w->auth, .gate = w->gate, .pool = w->pool});
    CHECK_OK(http_server_start(w->http, &err), err);
}

static void stop(struct world *w)
{
    static const char *const names[] = {"oauth.db", "oauth.db-wal", "oauth.db-shm"};
    char path[80];

    http_server_free(w->http);
    rest_oauth_free(w->site);
    pool_free(w->pool);
    gate_free(w->gate);
    auth_close(w->auth);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        unlink(path);
    }
    rmdir(w->dir);
}

static int visit(struct world *w, const char *method, const char *path, const char *headers,
                 const char *form)
{
    struct client c;
    struct reply r;

    if (!CHECK(client_open(&c, http_server_port(w->http))))
        return 0;
    CHECK(client_send(&c,
                      "%s %s HTTP/1.1\r\nHost: localhost\r\n%s"
                      "Content-Type: application/x-www-form-urlencoded\r\n"
                      "Content-Length: %zu\r\n\r\n%s",
                      method, path, headers, strlen(form), form));
    r = client_read(&c);
    client_close(&c);
    return r.status;
}

/* "step=consent" used to send the log-ins of /login and /welcome to the threads of the web server, as if they
 * were the consent of /authorize, which needs no password. */
TEST(passwords_are_looked_at_on_the_pool_whatever_the_form_says)
{
    static const struct {
        const char *path, *form;
        int status;
    } rows[] = {
        {"/login", "step=login", 503},
        {"/login", "step=consent", 503},
        {"/login", "step=key", 503},
        {"/welcome", "step=consent", 503},
        {"/welcome", "link=x", 503},
        {"/authorize", "step=login", 503},
        {"/oauth/authorize", "", 503},
        {"/authorize", "step=consent", 400}, /* it says that there is no such client */
        {"/logout", "", 200},
    };
    struct world w;

    start(&w);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(visit(&w, "POST", rows[i].path, "", rows[i].form), rows[i].status);
    stop(&w);
}

/* The limit used to be looked at by the job, which had its place on the pool by then, and where it came to providers
 * there was none: a stranger evicted the visits of all others. This machine has no limit, so they come through a proxy. */
TEST(who_is_over_the_limit_takes_no_place_on_the_pool)
{
    static const struct {
        const char *method, *path, *form;
    } rows[] = {
        {"GET", "/authorize?client_id=https://slow.example/c", ""},
        {"POST", "/oauth/authorize?client_id=https://slow.example/c", "step=login"},
        {"POST", "/login/provider", "query=x"},
    };
    struct world w;

    for (size_t i = 0; i < COUNT(rows); i++) {
        int n = 0, status;

        start(&w);
        while ((status = visit(&w, rows[i].method, rows[i].path,
                               "X-Forwarded-For: 203.0.113.1\r\n", rows[i].form)) == 503 &&
               n < 200)
            n++;
        CHECK_INT(status, 429);
        CHECK(n >= AUTH_AUTHORIZE_BURST && n < AUTH_AUTHORIZE_BURST + 30);
        CHECK_INT(visit(&w, rows[i].method, rows[i].path, "X-Forwarded-For: 203.0.113.2\r\n",
                        rows[i].form),
                  503);
        stop(&w);
    }
}

TEST_MAIN()

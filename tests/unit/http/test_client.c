/*
 * test_client.c - addresses and names on the wire: who is served, what a request calls the server, and
 * pages that pretend.
 *
 * All connections come from 127.0.0.1; where another machine is needed, 127.0.0.1 is not trusted or
 * plays the proxy in front of it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "tests/support/test.h"
#include "tests/unit/http/client.h"

static const struct ip_range loopback = {{IP_V4, {127}}, 8};
static const struct ip_range claude = {{IP_V4, {160, 79, 104, 0}}, 21};

static void handle(struct http_request *r, void *ctx)
{
    char text[IP_TEXT_MAX];

    (void)ctx;
    buf_printf(http_reply_body(r), STR_FMT " " STR_FMT " %s",
               STR_ARG(ip_text(http_client(r), text)), STR_ARG(http_base_url(r)),
               http_is_direct(r) ? "direct" : "indirect");
    http_reply(r, 200, "text/plain");
}

static struct http_server *start(struct http_options options)
{
    static const struct http_route routes[] = {
        {.method = "GET", .path = "/", .handle = handle, .cors_headers = "Accept"},
        {.method = "GET",
         .path = "/public",
         .handle = handle,
         .is_public = true,
         .cors_headers = "Accept"},
        {.method = "POST", .path = "/public", .handle = handle},
    };
    struct http_server *s = NULL;
    struct error err = {0};

    options.host = STR("127.0.0.1");
    CHECK_OK(http_server_new(&options, &s, &err), err);
    for (size_t i = 0; i < COUNT(routes); i++)
        http_server_add(s, &routes[i]);
    CHECK_OK(http_server_start(s, &err), err);
    return s;
}

static struct http_options behind_a_proxy(void)
{
    return (struct http_options){
        .is_remote_allowed = true, .trusted_proxies = &loopback, .n_trusted_proxies = 1};
}

struct row {
    const char *fields;
    int status;
    const char *says;
};

static void check_rows(struct http_options options, const struct row *rows, size_t n)
{
    struct http_server *s = start(options);

    for (size_t i = 0; i < n; i++) {
        struct client c;
        struct reply r;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "GET / HTTP/1.1\r\n%s\r\n", rows[i].fields));
        r = client_read(&c);
        if (!CHECK_INT(r.status, rows[i].status) ||
            !CHECK(str_contains(r.body, str_c(rows[i].says))))
            fprintf(stderr, "  %s  got: " STR_FMT "\n", rows[i].fields, STR_ARG(r.body));
        client_close(&c);
    }
    http_server_free(s);
}

#define FOR(ip) "X-Forwarded-For: " ip "\r\n"

TEST(the_base_url_is_what_the_client_calls_us)
{
    static const struct row rows[] = {
        {"Host: localhost:8765\r\n", 200, "127.0.0.1 http://localhost:8765 direct"},
        {"Host: [::1]\r\n", 200, "127.0.0.1 http://[::1] direct"},
        {"Host: 127.0.0.1:80\r\n", 200, "http://127.0.0.1 direct"},
        {"Host: m.example\r\n" FOR("192.0.2.7") "X-Forwarded-Proto: https\r\n", 200,
         "192.0.2.7 https://m.example indirect"},
        {"Host: m.example:443\r\n" FOR("192.0.2.7") "X-Forwarded-Proto: https\r\n", 200,
         "https://m.example indirect"},
        {"Host: localhost\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Host: m.example\r\n"
                          "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n",
         200, "https://m.example:8443 indirect"},
        {"Host: localhost\r\nForwarded: for=192.0.2.7;proto=https;host=m.example\r\n", 200,
         "192.0.2.7 https://m.example indirect"},
        {"Host: localhost\r\n" FOR("192.0.2.7") "X-Forwarded-Host: m.example/x\r\n", 400,
         "that a proxy names"},
        {"Host: localhost\r\n" FOR("192.0.2.7") "X-Forwarded-Host: a@m.example\r\n", 400,
         "that a proxy names"},
    };

    check_rows(behind_a_proxy(), rows, COUNT(rows));
}

TEST(a_public_url_is_the_base_url_and_the_name)
{
    static const struct row rows[] = {
        {"Host: localhost:8765\r\n", 200, "127.0.0.1 https://m.example direct"},
        {"Host: m.example\r\n" FOR("192.0.2.7"), 200, "192.0.2.7 https://m.example indirect"},
        {"Host: m.example:8443\r\n" FOR("192.0.2.7"), 200, "https://m.example indirect"},
        {"Host: other.example\r\n" FOR("192.0.2.7"), 403, "not a name of this server"},
        {"Host: localhost\r\n" FOR("192.0.2.7") "X-Forwarded-Host: other.example\r\n", 403,
         "other.example"},
        {"Host: m.example.other.example\r\n" FOR("192.0.2.7"), 403, "not a name"},
    };
    struct http_options options = behind_a_proxy();

    options.public_url = STR("https://m.example/");
    check_rows(options, rows, COUNT(rows));
}

TEST(who_is_not_trusted_is_believed_nothing)
{
    static const struct row rows[] = {
        {"Host: localhost\r\n" FOR("192.0.2.7") "X-Forwarded-Proto: https\r\n"
                                                "X-Forwarded-Host: m.example\r\n",
         200, "127.0.0.1 http://localhost indirect"},
    };

    check_rows((struct http_options){.is_remote_allowed = true}, rows, COUNT(rows));
}

TEST(a_list_of_clients_goes_before_everything_else)
{
    static const struct row rows[] = {
        {"Host: m.example\r\n" FOR("160.79.106.35"), 200, "160.79.106.35"},
        {"Host: m.example\r\n" FOR("192.0.2.7"), 403, "not served"},
        {"Host: m.example\r\n" FOR("160.79.106.35, 192.0.2.7"), 403, "not served"},
        {"Host: m.example\r\n" FOR("unknown"), 403, "not served"},
        {"Host: m.example\r\n" FOR("160.79.106.35") "Forwarded: for=192.0.2.7\r\n", 403,
         "not served"},
        {"Host: m.example\r\nForwarded: for=160.79.106.35\r\n" FOR("192.0.2.7"), 403,
         "not served"},
        {"Host: localhost\r\n", 403, "not served"},
        {"Host: bad host\r\n" FOR("192.0.2.7"), 403, "not served"},
        {"Host: bad host\r\n" FOR("160.79.106.35"), 400, "not a host name"},
    };
    struct http_options options = behind_a_proxy();

    options.clients = &claude;
    options.n_clients = 1;
    check_rows(options, rows, COUNT(rows));
}

/* A page of evil.example whose name has been made to point at 127.0.0.1 sends evil.example as Host and
 * may add any header that scripts can set. */
TEST(a_name_that_was_made_to_point_here_opens_nothing)
{
    static const struct row closed[] = {
        {"Host: evil.example:8765\r\n", 403, "not a name"},
        {"Host: evil.example\r\nOrigin: http://evil.example\r\n", 403, "not a name"},
        {"Host: localhost.evil.example\r\n", 403, "not a name"},
        {"Host: 127.0.0.1.evil.example\r\n", 403, "not a name"},
        {"Host: evil.example\r\n" FOR("127.0.0.1"), 403, "not a name"},
        {"Host: evil.example\r\nX-Forwarded-Host: localhost\r\n", 403, "a"},
    };
    static const struct row open[] = {
        {"Host: evil.example:8765\r\n", 403, "not a name"},
        {"Host: localhost.evil.example\r\n", 403, "not a name"},
        /* as good as a request from anywhere: the handler asks for a token */
        {"Host: evil.example\r\n" FOR("127.0.0.1"), 200, "indirect"},
        {"Host: evil.example\r\nX-Forwarded-Host: localhost\r\n", 200, "indirect"},
    };
    struct http_options options = behind_a_proxy();

    check_rows(options, open, COUNT(open));
    options.is_remote_allowed = false;
    check_rows(options, closed, COUNT(closed));
}

TEST(pages_of_its_own_origin_are_let_in)
{
    static const struct row rows[] = {
        {"Host: m.example\r\nOrigin: https://m.example\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Proto: https\r\n",
         200, ""},
        {"Host: m.example\r\nOrigin: http://m.example\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Proto: https\r\n",
         403, "origin"},
        {"Host: m.example\r\nOrigin: https://m.example:8443\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Proto: https\r\n",
         403, "origin"},
        {"Host: m.example:8443\r\nOrigin: https://m.example:8443\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Proto: https\r\n",
         200, ""},
        {"Host: m.example\r\nOrigin: https://other.example\r\n" FOR(
             "192.0.2.7") "X-Forwarded-Proto: https\r\n",
         403, "origin"},
        {"Host: m.example\r\nOrigin: null\r\n" FOR("192.0.2.7"), 403, "origin"},
    };

    check_rows(behind_a_proxy(), rows, COUNT(rows));
}

TEST(https_only_is_told_to_those_who_came_by_https)
{
    static const struct {
        const char *fields, *want;
    } rows[] = {
        {"Host: m.example\r\n" FOR("192.0.2.7") "X-Forwarded-Proto: https\r\n", "max-age=600"},
        {"Host: m.example\r\n" FOR("192.0.2.7"), ""},
        {"Host: localhost\r\n", ""},
    };
    struct http_options options = behind_a_proxy();
    struct http_server *s;

    options.hsts_max_age_s = 600;
    s = start(options);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "GET / HTTP/1.1\r\n%s\r\n", rows[i].fields));
        r = client_read(&c);
        CHECK_STR(reply_header(&r, "Strict-Transport-Security"), rows[i].want);
        client_close(&c);
    }
    http_server_free(s);
}

static size_t n_served(struct http_server *s, size_t n)
{
    size_t n_ok = 0;

    for (size_t i = 0; i < n; i++) {
        struct client c;

        n_ok += client_ask(&c, http_server_port(s), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .status == 200;
        client_close(&c);
    }
    return n_ok;
}

TEST(an_address_that_comes_too_often_is_turned_away)
{
    struct http_options options = {.arrivals_per_s = 1, .arrivals_burst = 3};
    struct http_server *s = start(options);
    size_t n = n_served(s, 10);

    CHECK(n >= 3 && n < 10); /* one more for each second that this takes */
    http_server_free(s);

    options.shared = &loopback;
    options.n_shared = 1;
    s = start(options);
    CHECK_INT(n_served(s, 10), 10);
    http_server_free(s);

    options.n_shared = 0;
    options.trusted_proxies = &loopback;
    options.n_trusted_proxies = 1;
    s = start(options);
    CHECK_INT(n_served(s, 10), 10);
    http_server_free(s);
}

static void handle_key(struct http_request *r, void *ctx)
{
    struct str key = {0};

    (void)ctx;
    if (http_client_key(r, &key))
        buf_add(http_reply_body(r), key);
    http_reply(r, 200, "text/plain");
}

TEST(limits_count_by_network_and_spare_shared_addresses)
{
    static const struct {
        const char *x_for, *want;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"160.79.106.35", ""},
        {"unknown", ""},
        {"160.79.112.1", "160.79.112.1"},
    };
    struct http_options options = behind_a_proxy();
    struct http_server *s = NULL;
    struct error err = {0};

    options.host = STR("127.0.0.1");
    options.shared = &claude;
    options.n_shared = 1;
    REQUIRE(CHECK_OK(http_server_new(&options, &s, &err), err));
    http_server_add(s,
                    &(struct http_route){.method = "GET", .path = "/", .handle = handle_key});
    CHECK_OK(http_server_start(s, &err), err);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c,
                          "GET / HTTP/1.1\r\nHost: m.example\r\nX-Forwarded-For: %s\r\n\r\n",
                          rows[i].x_for));
        CHECK_STR(client_read(&c).body, rows[i].want);
        client_close(&c);
    }
    http_server_free(s);
}

TEST(public_documents_are_for_pages_of_any_origin)
{
    struct http_server *s = start((struct http_options){0});
    struct client c;
    struct reply r;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "GET /public HTTP/1.1\r\nHost: localhost\r\n"
                          "Origin: https://any.example\r\n\r\n"));
    r = client_read(&c);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "*");
    CHECK(!reply_header(&r, "Access-Control-Allow-Credentials").ptr);
    CHECK(!reply_header(&r, "Vary").ptr);

    CHECK(client_send(&c, "OPTIONS /public HTTP/1.1\r\nHost: localhost\r\n"
                          "Origin: null\r\nAccess-Control-Request-Method: GET\r\n\r\n"));
    r = client_read(&c);
    CHECK_INT(r.status, 204);
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "*");
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Headers"), "Accept");

    CHECK(client_send(&c, "POST /public HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                          "Origin: https://any.example\r\n\r\n"));
    r = client_read(&c);
    CHECK_INT(r.status, 403);
    CHECK(!reply_header(&r, "Access-Control-Allow-Origin").ptr);
    client_close(&c);
    http_server_free(s);
}

TEST_MAIN()

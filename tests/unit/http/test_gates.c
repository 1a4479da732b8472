/* test_gates.c - what a request must pass before its handler sees it, on the wire. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "tests/support/test.h"
#include "tests/unit/http/client.h"

static void handle(struct http_request *r, void *ctx)
{
    (void)ctx;
    buf_printf(http_reply_body(r), STR_FMT " " STR_FMT "?" STR_FMT " " STR_FMT " %d",
               STR_ARG(http_method(r)), STR_ARG(http_path(r)), STR_ARG(http_query(r)),
               STR_ARG(http_header(r, STR("X-Test"))), http_headers_conflict(r, STR("X-")));
    http_reply(r, 200, "text/plain");
}

static const char *write_refusal(int status, struct str text, struct buf *body)
{
    buf_printf(body, "%d:" STR_FMT, status, STR_ARG(text));
    return "application/x-refusal";
}

static struct http_server *start(void)
{
    static const char *const json_only[] = {"application/json", NULL};
    static const struct http_route routes[] = {
        {.method = "POST",
         .path = "/api",
         .body = HTTP_BODY_JSON,
         .accepts = json_only,
         .handle = handle,
         .write_refusal = write_refusal,
         .cors_headers = "Content-Type, X-Test",
         .cors_exposed = "X-Request-Id"},
        {.method = "GET", .path = "/api", .handle = handle},
        {.method = "GET", .path = "/tree/", .handle = handle},
        {.method = "GET", .path = "/tree/deep/", .handle = handle},
        {.method = "DELETE", .path = "/tree/deep/leaf", .handle = handle},
        {.method = "POST",
         .path = "/form",
         .body = HTTP_BODY_FORM,
         .handle = handle,
         .is_form_target = true},
        {.method = "GET", .path = "/form", .handle = handle},
    };
    static const struct str hosts[] = {STR_INIT("public.example")};
    static const struct str origins[] = {STR_INIT("https://app.example")};
    struct http_options options = {.host = STR("127.0.0.1"),
                                   .hosts = hosts,
                                   .n_hosts = COUNT(hosts),
                                   .origins = origins,
                                   .n_origins = COUNT(origins),
                                   .body_max_bytes = 100};
    struct http_server *s = NULL;
    struct error err = {0};

    CHECK_OK(http_server_new(&options, &s, &err), err);
    for (size_t i = 0; i < COUNT(routes); i++)
        http_server_add(s, &routes[i]);
    CHECK_OK(http_server_start(s, &err), err);
    return s;
}

#define H  "Host: localhost\r\n"
#define J  "Content-Type: application/json\r\n"
#define F  "Content-Type: application/x-www-form-urlencoded\r\n"
#define L2 "Content-Length: 2\r\n"

TEST(gates_answer_in_their_order)
{
    static const struct {
        const char *request; /* the final empty line and the body "{}" are added */
        int status;
        const char *says;
    } rows[] = {
        {"POST /api HTTP/1.1\r\n" H J L2, 200, "POST /api?  0"},
        {"POST /api?a=b HTTP/1.1\r\n" H J L2 "X-Test: 1\r\n", 200, "POST /api?a=b 1 0"},
        {"POST http://localhost/api HTTP/1.1\r\n" H J L2, 200, ""},
        {"POST /%61pi HTTP/1.1\r\n" H J L2, 200, ""},
        {"POST /api HTTP/1.1\r\nhost:127.0.0.1:99\r\n" J L2, 200, ""},
        {"POST /api HTTP/1.1\r\nHost: [::1]:1\r\n" J L2, 200, ""},

        {"POST /api HTTP/1.1\r\n" J L2, 400, "exactly one Host"},
        {"POST /api HTTP/1.1\r\n" H H J L2, 400, "exactly one Host"},
        {"POST /api HTTP/1.1\r\n" H "Host: evil.example\r\n" J L2, 400, "exactly one Host"},
        {"POST /api HTTP/1.1\r\nHost: local host\r\n" J L2, 400, "not a host name"},
        {"POST /api HTTP/1.1\r\nHost: evil.example\r\n" J L2, 403, "evil.example"},
        {"POST /api HTTP/1.1\r\nHost: localhost.evil.example\r\n" J L2, 403, "not a name"},
        {"POST http://evil.example/api HTTP/1.1\r\n" H J L2, 400, "different hosts"},

        {"POST /api HTTP/1.1\r\n" H J L2 "Origin: https://app.example\r\n", 200, ""},
        {"POST /api HTTP/1.1\r\n" H J L2 "Origin: http://localhost:3000\r\n", 200, ""},
        {"POST /api HTTP/1.1\r\n" H J L2 "Origin: https://evil.example\r\n", 403, "origin"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Origin: null\r\n", 403, "origin"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Origin:\r\n", 403, "origin"},
        {"POST /none HTTP/1.1\r\n" H J L2 "Origin: https://evil.example\r\n", 403, "origin"},

        {"POST /none HTTP/1.1\r\n" H J L2, 404, "/none"},
        {"POST /api/ HTTP/1.1\r\n" H J L2, 404, "nothing"},
        {"POST /apix HTTP/1.1\r\n" H J L2, 404, "nothing"},
        {"PUT /api HTTP/1.1\r\n" H J L2, 405, "PUT"},
        {"HEAD /none HTTP/1.0\r\n" H, 404, NULL},
        {"post /api HTTP/1.1\r\n" H J L2, 405, "post"},

        {"POST /api HTTP/1.1\r\nHost: public.example\r\n" J L2, 403, "access token"},
        {"POST /api HTTP/1.1\r\n" H J L2 "X-Forwarded-For: 203.0.113.9\r\n", 403, "proxy"},
        {"POST /api HTTP/1.1\r\n" H J L2 "CF-Connecting-IP: 203.0.113.9\r\n", 403, "proxy"},
        {"POST /api HTTP/1.1\r\n" H L2 "Forwarded: for=1.2.3.4\r\n", 403, "proxy"},

        {"POST /api HTTP/1.1\r\n" H L2, 415, "415:Content-Type must be application/json"},
        {"POST /api HTTP/1.1\r\n" H L2 "Content-Type: text/plain\r\n", 415, "text/plain"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Content-Encoding: gzip\r\n", 415, "gzip"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Content-Encoding: identity\r\n", 200, ""},
        {"POST /api HTTP/1.1\r\n" H J L2 "Accept: text/html\r\n", 406, "Accept"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Accept: text/html, */*;q=0.1\r\n", 200, ""},
        {"POST /api HTTP/1.1\r\n" H J L2 "Accept: text/html\r\nAccept: application/json\r\n",
         200, ""},

        {"POST /form HTTP/1.1\r\n" H F L2, 200, ""},
        {"POST /form HTTP/1.1\r\n" H F L2 "Origin: null\r\n", 200, ""},
        {"GET /form HTTP/1.1\r\n" H "Origin: null\r\n", 403, "origin"},
        {"POST /form HTTP/1.1\r\n" H F L2 "Origin: https://evil.example\r\n", 403, "origin"},
        {"POST /form HTTP/1.1\r\n" H J L2, 415, "must be application/x-www-form-urlencoded"},

        {"POST /api HTTP/1.1\r\n" H J L2 L2, 400, "twice"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Content-Length: 3\r\n", 400, "twice"},
        {"POST /api HTTP/1.1\r\n" H J L2 "Transfer-Encoding: chunked\r\n", 400, "twice"},
        {"POST /api HTTP/1.1\r\n" H J "Transfer-Encoding: gzip, chunked\r\n", 501, "gzip"},
        {"POST /api HTTP/1.1\r\n" H J L2 "X-Test: a\x01z\r\n", 400, "control character"},
        {"POST /a%00pi HTTP/1.1\r\n" H J L2, 400, "%00"},
        {"POST api HTTP/1.1\r\n" H J L2, 400, "target"},
    };
    struct http_server *s = start();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r = {0};
        bool is_ok;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "%s\r\n{}", rows[i].request));
        r = rows[i].says ? client_read(&c) : client_read_head(&c);
        is_ok = CHECK_INT(r.status, rows[i].status);
        if (rows[i].says && !CHECK(str_contains(r.body, str_c(rows[i].says))))
            is_ok = false;
        if (!is_ok)
            fprintf(stderr, "  request: %s  body: " STR_FMT "\n", rows[i].request,
                    STR_ARG(r.body));
        client_close(&c);
    }
    http_server_free(s);
}

TEST(longest_path_wins_and_method_belongs_to_it)
{
    static const struct {
        const char *line;
        int status;
    } rows[] = {
        {"GET /tree/", 200},          {"GET /tree/x/y", 200},  {"GET /tree", 404},
        {"GET /tree/deep/x", 200},    {"GET /treex", 404},     {"DELETE /tree/deep/leaf", 200},
        {"GET /tree/deep/leaf", 405}, {"DELETE /tree/x", 405},
    };
    struct http_server *s = start();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "%s HTTP/1.1\r\n" H "\r\n", rows[i].line));
        if (!CHECK_INT(client_read(&c).status, rows[i].status))
            fprintf(stderr, "  %s\n", rows[i].line);
        client_close(&c);
    }
    http_server_free(s);
}

TEST(refusal_keeps_the_connection_when_the_body_was_read)
{
    struct http_server *s = start();
    struct client c;
    struct reply r;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "POST /api HTTP/1.1\r\n" H L2 "\r\n{}"));
    r = client_read(&c);
    CHECK_INT(r.status, 415);
    CHECK_STR(reply_header(&r, "Content-Type"), "application/x-refusal");
    CHECK(reply_header(&r, "X-Request-Id").len > 0);
    CHECK(client_send(&c, "POST /api HTTP/1.1\r\n" H J L2 "\r\n{}"));
    CHECK_INT(client_read(&c).status, 200);
    client_close(&c);
    http_server_free(s);
}

TEST(method_not_allowed_names_those_that_are)
{
    struct http_server *s = start();
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s), "PUT /api HTTP/1.1\r\n" H "\r\n");

    CHECK_INT(r.status, 405);
    CHECK_STR(reply_header(&r, "Allow"), "POST, GET");
    client_close(&c);
    http_server_free(s);
}

TEST(repeated_headers_are_joined_and_conflicts_seen)
{
    static const struct {
        const char *fields;
        const char *body;
    } rows[] = {
        {"X-Test: 1\r\nx-test: 1\r\n", "1 0"},    {"X-Test: 1\r\nX-Test: 2\r\n", "1, 2 1"},
        {"X-Other: 1\r\nX-Other: 2\r\n", " 1"},   {"Y: 1\r\nY: 2\r\n", " 0"},
        {"X-Test: \t padded\t \r\n", "padded 0"},
    };
    struct http_server *s = start();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "GET /api HTTP/1.1\r\n" H "%s\r\n", rows[i].fields));
        r = client_read(&c);
        CHECK_STR(str_sub(r.body, strlen("GET /api? "), r.body.len), rows[i].body);
        client_close(&c);
    }
    http_server_free(s);
}

/* -- browsers -------------------------------------------------------------------------------- */

TEST(preflight_of_an_allowed_origin_is_answered)
{
    struct http_server *s = start();
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s),
                                "OPTIONS /api HTTP/1.1\r\n" H "Origin: https://app.example\r\n"
                                "Access-Control-Request-Method: POST\r\n"
                                "Access-Control-Request-Headers: content-type\r\n\r\n");

    CHECK_INT(r.status, 204);
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "https://app.example");
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Headers"), "Content-Type, X-Test");
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Methods"), "POST, GET");
    CHECK_STR(reply_header(&r, "Vary"), "Origin");
    client_close(&c);
    http_server_free(s);
}

TEST(preflight_grants_nothing_without_a_route_for_pages)
{
    static const char *const requests[] = {
        "OPTIONS /api HTTP/1.1\r\n" H "\r\n",
        "OPTIONS /api HTTP/1.1\r\n" H "Origin: https://app.example\r\n"
        "Access-Control-Request-Method: PUT\r\n\r\n",
        "OPTIONS /api HTTP/1.1\r\n" H "Origin: https://app.example\r\n\r\n",
        "OPTIONS /tree/x HTTP/1.1\r\n" H "Origin: https://app.example\r\n"
        "Access-Control-Request-Method: GET\r\n\r\n",
    };
    struct http_server *s = start();

    for (size_t i = 0; i < COUNT(requests); i++) {
        struct client c;
        struct reply r = client_ask(&c, http_server_port(s), requests[i]);

        CHECK_INT(r.status, 204);
        CHECK(!reply_header(&r, "Access-Control-Allow-Origin").ptr);
        CHECK(!reply_header(&r, "Access-Control-Allow-Methods").ptr);
        client_close(&c);
    }
    http_server_free(s);
}

TEST(reply_to_an_allowed_origin_may_be_read_by_it)
{
    struct http_server *s = start();
    struct client c;
    struct reply r =
        client_ask(&c, http_server_port(s),
                   "POST /api HTTP/1.1\r\n" H J L2 "Origin: http://localhost:6274\r\n\r\n{}");

    CHECK_INT(r.status, 200);
    CHECK_STR(reply_header(&r, "Access-Control-Allow-Origin"), "http://localhost:6274");
    CHECK_STR(reply_header(&r, "Access-Control-Expose-Headers"), "X-Request-Id");
    client_close(&c);
    http_server_free(s);
}

TEST(reply_to_a_refused_origin_grants_nothing)
{
    struct http_server *s = start();
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s),
                                "OPTIONS /api HTTP/1.1\r\n" H "Origin: https://evil.example\r\n"
                                "Access-Control-Request-Method: POST\r\n\r\n");

    CHECK_INT(r.status, 403);
    CHECK(!reply_header(&r, "Access-Control-Allow-Origin").ptr);
    client_close(&c);
    http_server_free(s);
}

TEST_MAIN()

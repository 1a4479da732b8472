/*
 * test_rest.c - what the REST routes say about a service that is well, or is not.
 *
 * memory_probe() is this file's own, so that each state can be had.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/rest.h"

#include "tests/support/test.h"
#include "tests/unit/http/client.h"

static enum { WELL, FAILING } state; /* set while no request runs */

bool memory_probe(struct memory_service *m, struct error *err)
{
    (void)m;
    return state == WELL || error_set(err, ERROR_INTERNAL, "cannot read /home/ada/memory.db");
}

static struct http_server *start(void)
{
    struct http_options options = {.host = STR("127.0.0.1"), .n_threads = 1};
    struct http_server *s = NULL;
    struct error err = {0};

    CHECK_OK(http_server_new(&options, &s, &err), err);
    rest_add(s, NULL);
    CHECK_OK(http_server_start(s, &err), err);
    return s;
}

TEST(health_says_yes_or_no_and_nothing_else)
{
    static const struct {
        const char *path;
        int state, status;
        const char *body;
    } rows[] = {
        {"/api/health", WELL, 200, "{\"status\":\"healthy\"}"},
        {"/api/health", FAILING, 503, "{\"status\":\"unhealthy\"}"},
        {"/health", WELL, 200, "{\"service\":\"mcp-memory-service\",\"status\":\"healthy\"}"},
    };
    struct http_server *s = start();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        struct reply r;

        state = rows[i].state;
        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", rows[i].path));
        r = client_read(&c);
        CHECK_INT(r.status, rows[i].status);
        CHECK_STR(r.body, rows[i].body);
        CHECK_STR(reply_header(&r, "Content-Type"), "application/json");
        CHECK_STR(reply_header(&r, "Cache-Control"), "no-store");
        client_close(&c);
    }
    http_server_free(s);
}

TEST(refusal_is_a_detail_in_json)
{
    struct http_server *s = start();
    struct client c;
    struct reply r = client_ask(&c, http_server_port(s),
                                "POST /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");

    CHECK_INT(r.status, 405);
    CHECK_STR(reply_header(&r, "Allow"), "GET");
    CHECK(str_starts(r.body, STR("{\"detail\":")));
    client_close(&c);
    r = client_ask(&c, http_server_port(s),
                   "GET /api/health HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 proxy\r\n\r\n");
    CHECK_INT(r.status, 403);
    CHECK(str_starts(r.body, STR("{\"detail\":\"this request needs an access token")));
    client_close(&c);
    http_server_free(s);
}

TEST_MAIN()

/* test_forwarded.c - who sent a request that proxies passed on, and what nobody can pretend. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "tests/support/test.h"

static const struct ip_range trusted[] = {
    {{IP_V4, {127}}, 8},
    {{IP_V4, {10}}, 8},
    {{IP_V6, {0x20, 0x01, 0x0d, 0xb8, 0, 1}}, 48},
};

static struct http_forwarded read_with(const char *peer, struct http_proxies p)
{
    CHECK(ip_parse(str_c(peer), &p.peer));
    p.trusted = trusted;
    p.n_trusted = COUNT(trusted);
    return http_read_forwarded(&p);
}

static void check_client(const char *peer, struct http_proxies p, const char *want)
{
    struct http_forwarded f = read_with(peer, p);
    char text[IP_TEXT_MAX];

    if (!CHECK_STR(ip_text(f.client, text), want))
        fprintf(stderr, "  from %s: Forwarded '" STR_FMT "' X-Forwarded-For '" STR_FMT "'\n",
                peer, STR_ARG(p.forwarded), STR_ARG(p.x_for));
}

TEST(the_client_is_the_right_most_address_that_is_not_trusted)
{
    static const struct {
        const char *peer, *x_for, *want;
    } rows[] = {
        {"192.0.2.1", "", "192.0.2.1"},
        {"127.0.0.1", "", "127.0.0.1"},
        {"127.0.0.1", "192.0.2.7", "192.0.2.7"},
        {"127.0.0.1", "192.0.2.7:4711", "192.0.2.7"},
        {"127.0.0.1", "2001:db8::7", "2001:db8::7"},
        {"127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"},
        {"127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"},
        {"127.0.0.1", "192.0.2.7, 10.0.0.3", "192.0.2.7"},
        {"10.1.2.3", "192.0.2.7, 10.0.0.3,10.0.0.4", "192.0.2.7"},
        {"2001:db8:1::5", "192.0.2.7", "192.0.2.7"},
        /* what a client wrote itself stands further left */
        {"127.0.0.1", "127.0.0.1, 192.0.2.7", "192.0.2.7"},
        {"127.0.0.1", "160.79.104.1, 192.0.2.7, 10.0.0.3", "192.0.2.7"},
        {"127.0.0.1", "garbage, 192.0.2.7", "192.0.2.7"},
        /* a peer that is not trusted is believed nothing */
        {"192.0.2.1", "127.0.0.1", "192.0.2.1"},
        {"192.0.2.1", "160.79.104.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "127.0.0.1", "192.0.2.1"},
        /* nobody but trusted ones: the first of them */
        {"127.0.0.1", "10.0.0.9, 10.0.0.3", "10.0.0.9"},
        /* a trusted one that does not say */
        {"127.0.0.1", "unknown", "unknown"},
        {"127.0.0.1", "192.0.2.7, unknown", "unknown"},
        {"127.0.0.1", "192.0.2.7, 10.0.0.x", "unknown"},
        {"127.0.0.1", "192.0.2.7 10.0.0.3", "unknown"},
        {"127.0.0.1", " , ,", "127.0.0.1"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        check_client(rows[i].peer, (struct http_proxies){.x_for = str_c(rows[i].x_for)},
                     rows[i].want);
}

TEST(forwarded_says_the_same_in_its_own_words)
{
    static const struct {
        const char *forwarded, *client, *scheme, *host;
    } rows[] = {
        {"for=192.0.2.7", "192.0.2.7", "", ""},
        {"for=192.0.2.7;proto=https;host=memory.example", "192.0.2.7", "https",
         "memory.example"},
        {"For=\"[2001:db8::7]:4711\"; Proto=HTTPS ; Host=\"memory.example:8443\"",
         "2001:db8::7", "https", "memory.example:8443"},
        {"by=10.0.0.1;for=\"192.0.2.7:80\"", "192.0.2.7", "", ""},
        {"for=192.0.2.7;host=outer.example, for=10.0.0.3;host=inner.example", "192.0.2.7", "",
         "outer.example"},
        {"for=1.1.1.1;host=evil.example, for=192.0.2.7;host=memory.example", "192.0.2.7", "",
         "memory.example"},
        {"for=\"1.1.1.1, 192.0.2.7\"", "unknown", "", ""},
        {"for=_hidden;proto=https", "unknown", "https", ""},
        {"for=unknown", "unknown", "", ""},
        {"proto=https;host=memory.example", "unknown", "https", "memory.example"},
        {"for=192.0.2.7;proto=gopher", "192.0.2.7", "", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_forwarded f = read_with(
            "127.0.0.1", (struct http_proxies){.forwarded = str_c(rows[i].forwarded)});
        char text[IP_TEXT_MAX];

        if (!CHECK_STR(ip_text(f.client, text), rows[i].client))
            fprintf(stderr, "  %s\n", rows[i].forwarded);
        CHECK_STR(f.scheme, rows[i].scheme);
        CHECK_STR(f.host, rows[i].host);
    }
}

TEST(two_kinds_of_headers_must_agree)
{
    check_client(
        "127.0.0.1",
        (struct http_proxies){.forwarded = STR("for=192.0.2.7"), .x_for = STR("192.0.2.7")},
        "192.0.2.7");
    check_client(
        "127.0.0.1",
        (struct http_proxies){.forwarded = STR("for=160.79.104.1"), .x_for = STR("192.0.2.7")},
        "unknown");
    check_client(
        "192.0.2.1",
        (struct http_proxies){.forwarded = STR("for=160.79.104.1"), .x_for = STR("192.0.2.7")},
        "192.0.2.1");
}

TEST(scheme_and_host_are_those_beside_the_client)
{
    static const struct {
        const char *peer, *x_for, *x_proto, *x_host, *x_port;
        const char *scheme, *host, *port;
    } rows[] = {
        {"127.0.0.1", "192.0.2.7", "https", "memory.example", "8443", "https", "memory.example",
         "8443"},
        {"127.0.0.1", "", "https", "memory.example", "", "https", "memory.example", ""},
        {"127.0.0.1", "1.1.1.1, 192.0.2.7", "http, https", "evil.example, memory.example", "",
         "https", "memory.example", ""},
        {"127.0.0.1", "192.0.2.7, 10.0.0.3", "https, http", "memory.example, inner.example", "",
         "https", "memory.example", ""},
        {"127.0.0.1", "192.0.2.7, 10.0.0.3", "https", "memory.example", "", "https",
         "memory.example", ""},
        {"127.0.0.1", "192.0.2.7", "ftp", "", "", "", "", ""},
        {"192.0.2.1", "127.0.0.1", "https", "evil.example", "1", "", "", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_forwarded f =
            read_with(rows[i].peer, (struct http_proxies){.x_for = str_c(rows[i].x_for),
                                                          .x_proto = str_c(rows[i].x_proto),
                                                          .x_host = str_c(rows[i].x_host),
                                                          .x_port = str_c(rows[i].x_port)});

        CHECK_STR(f.scheme, rows[i].scheme);
        CHECK_STR(f.host, rows[i].host);
        CHECK_STR(f.port, rows[i].port);
    }
}

TEST(a_list_without_end_names_nobody)
{
    char list[4096] = "192.0.2.7";

    for (size_t n = strlen(list); n + 10 < sizeof(list); n += 9)
        memcpy(list + n, ",10.0.0.1", 10);
    check_client("127.0.0.1", (struct http_proxies){.x_for = str_c(list)}, "unknown");
}

TEST_MAIN()

/* test_ip.c - addresses and ranges: what is read, what is refused, what matches. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/support/test.h"

static struct ip ip_of(const char *text)
{
    struct ip ip = {0};

    CHECK(ip_parse(str_c(text), &ip));
    return ip;
}

TEST(addresses_have_one_form)
{
    static const struct {
        const char *in, *want; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"2001:DB8:0::0:1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:201", "192.0.2.1"},
        {"::192.0.2.1", "::192.0.2.1"},
        {"", NULL},
        {" 192.0.2.1", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2", NULL},
        {"192.0.2.01", NULL},
        {"0300.0.2.1", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1.1", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"1::2::3", NULL},
        {"localhost", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip ip = {0};
        char text[IP_TEXT_MAX];
        bool is_read = ip_parse(str_c(rows[i].in), &ip);

        CHECK_INT(is_read, rows[i].want != NULL);
        if (rows[i].want)
            CHECK_STR(ip_text(ip, text), rows[i].want);
    }
    CHECK(!ip_parse(STR("192.0.2.1\0"), &(struct ip){0}));
}

TEST(socket_addresses_are_undressed)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    char text[IP_TEXT_MAX];

    CHECK_STR(ip_text(ip_from_sockaddr((const void *)&in), text), "127.0.0.1");
    CHECK_STR(ip_text(ip_from_sockaddr((const void *)&in6), text), "::1");
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
    CHECK_STR(ip_text(ip_from_sockaddr((const void *)&in6), text), "127.0.0.1");
    CHECK_STR(ip_text(ip_from_sockaddr(&other), text), "unknown");
}

TEST(loopback_is_this_machine_alone)
{
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"127.0.0.1", true},        {"127.255.255.255", true}, {"::1", true},
        {"::ffff:127.0.0.1", true}, {"128.0.0.1", false},      {"::2", false},
        {"::127.0.0.1", false},     {"0.0.0.0", false},        {"::", false},
        {"::ffff:10.0.0.1", false}, {"7f00:1::", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!CHECK_INT(ip_is_loopback(ip_of(rows[i].in)), rows[i].want))
            fprintf(stderr, "  %s\n", rows[i].in);
    }
    CHECK(!ip_is_loopback((struct ip){0}));
}

TEST(ranges_are_read_strictly)
{
    static const struct {
        const char *in, *says; /* NULL: it is one */
    } rows[] = {
        {"192.0.2.0/24", NULL},
        {"0.0.0.0/0", NULL},
        {"::/0", NULL},
        {"192.0.2.7", NULL},
        {"192.0.2.7/32", NULL},
        {"2001:db8::/32", NULL},
        {"::ffff:192.0.2.0/120", NULL},
        {"160.79.104.0/21", NULL},
        {"192.0.2.7/24", "did you mean 192.0.2.0/24?"},
        {"2001:db8::1/32", "did you mean 2001:db8::/32?"},
        {"::ffff:192.0.2.1/120", "did you mean 192.0.2.0/24?"},
        {"192.0.2.0/33", "from 0 to 32"},
        {"2001:db8::/129", "from 0 to 128"},
        {"192.0.2.0/", "from 0 to 32"},
        {"192.0.2.0/-1", "from 0 to 32"},
        {"192.0.2.0/024", "from 0 to 32"},
        {"192.0.2.0/24/8", "from 0 to 32"},
        {"192.0.2.0/255.255.255.0", "from 0 to 32"},
        {"192.0.2/24", "is no address"},
        {"/24", "is no address"},
        {"", "is no address"},
        {"example.com", "is no address"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip_range range;
        struct error err = {0};
        bool is_ok =
            CHECK_INT(ip_range_parse(str_c(rows[i].in), &range, &err), rows[i].says == NULL);

        if (rows[i].says && !CHECK(str_contains(str_c(err.text), str_c(rows[i].says))))
            is_ok = false;
        if (!is_ok)
            fprintf(stderr, "  %s: %s\n", rows[i].in, err.text);
    }
}

TEST(ranges_match_to_the_bit)
{
    static const struct {
        const char *range, *ip;
        bool want;
    } rows[] = {
        {"160.79.104.0/21", "160.79.104.0", true},
        {"160.79.104.0/21", "160.79.111.255", true},
        {"160.79.104.0/21", "160.79.112.0", false},
        {"160.79.104.0/21", "160.79.103.255", false},
        {"160.79.104.0/21", "::ffff:160.79.105.1", true},
        {"160.79.104.0/21", "a04f:6801::", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"2001:db8::1/128", "2001:db8::1", true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ip_range range = {0};
        struct error err = {0};

        CHECK_OK(ip_range_parse(str_c(rows[i].range), &range, &err), err);
        if (!CHECK_INT(ip_range_has(&range, ip_of(rows[i].ip)), rows[i].want))
            fprintf(stderr, "  %s in %s\n", rows[i].ip, rows[i].range);
        CHECK(!ip_range_has(&range, (struct ip){0}));
    }
}

TEST(limits_count_networks_of_ipv6)
{
    CHECK(ip_eq(ip_payer(ip_of("192.0.2.7")), ip_of("192.0.2.7")));
    CHECK(ip_eq(ip_payer(ip_of("2001:db8::7:1:2:3")), ip_of("2001:db8:0:0::")));
    CHECK(!ip_eq(ip_payer(ip_of("2001:db8:0:1::")), ip_payer(ip_of("2001:db8:0:2::"))));
}

TEST_MAIN()

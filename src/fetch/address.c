/*
 * address.c - which addresses are the public Internet's.
 *
 * A list of what is not, from the registries of special-purpose addresses (RFC 6890 and later). Of IPv6 only 2000::/3
 * is unicast that anybody was given; inside it, what carries an IPv4 address is refused, whatever that is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const struct {
    uint32_t net;
    int bits;
} special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* carriers' address translation */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, and clouds' metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static const struct {
    unsigned char net[6];
    int bits;
} special6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4 */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < COUNT(special4); i++) {
        uint32_t mask = ~(uint32_t)0 << (32 - special4[i].bits);

        if ((address & mask) == special4[i].net)
            return false;
    }
    return true;
}

static bool has_prefix(const unsigned char *address, const unsigned char *net, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    unsigned mask = 0xffu << (8 - rest) & 0xff;

    return memcmp(address, net, (size_t)whole) == 0 &&
           (rest == 0 || (address[whole] & mask) == (net[whole] & mask));
}

static bool is_public6(const unsigned char *address)
{
    if ((address[0] & 0xe0) != 0x20) /* 2000::/3 */
        return false;
    for (size_t i = 0; i < COUNT(special6); i++) {
        if (has_prefix(address, special6[i].net, special6[i].bits))
            return false;
    }
    return true;
}

bool fetch_address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        return is_public4(ntohl(in4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        return is_public6(in6.sin6_addr.s6_addr);
    }
    return false;
}

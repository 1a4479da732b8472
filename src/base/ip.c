/* ip.c - see ip.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define V4_BYTES   4
#define V6_BYTES   16
#define DRESS_BITS 96 /* of ::ffff:0:0/96 */

static const unsigned char dress[DRESS_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static struct ip make(enum ip_family family, const void *bytes)
{
    struct ip ip = {.family = family};

    memcpy(ip.bytes, bytes, family == IP_V4 ? V4_BYTES : V6_BYTES);
    return ip;
}

static bool is_dressed(const unsigned char bytes[V6_BYTES])
{
    return memcmp(bytes, dress, sizeof(dress)) == 0;
}

static struct ip from_v6(const unsigned char bytes[V6_BYTES])
{
    return is_dressed(bytes) ? make(IP_V4, bytes + sizeof(dress)) : make(IP_V6, bytes);
}

/* As written: a dressed address stays IPv6, because the length of a range counts from its front. */
static bool parse_plain(struct str text, struct ip *out)
{
    char copy[IP_TEXT_MAX];
    unsigned char bytes[V6_BYTES];
    size_t at;

    if (text.len == 0 || text.len >= sizeof(copy) || str_find_char(text, '\0', &at))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        *out = make(IP_V4, bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        *out = make(IP_V6, bytes);
    else
        return false;
    return true;
}

bool ip_parse(struct str text, struct ip *out)
{
    struct ip ip;

    if (!parse_plain(text, &ip))
        return false;
    *out = ip.family == IP_V6 ? from_v6(ip.bytes) : ip;
    return true;
}

struct ip ip_from_sockaddr(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET)
        return make(IP_V4, &((const struct sockaddr_in *)(const void *)at)->sin_addr);
    if (at->sa_family == AF_INET6)
        return from_v6(((const struct sockaddr_in6 *)(const void *)at)->sin6_addr.s6_addr);
    return (struct ip){0};
}

struct str ip_text(struct ip ip, char out[IP_TEXT_MAX])
{
    if (ip.family == IP_NONE)
        return STR("unknown");
    return str_c(
        inet_ntop(ip.family == IP_V4 ? AF_INET : AF_INET6, ip.bytes, out, IP_TEXT_MAX));
}

bool ip_eq(struct ip a, struct ip b)
{
    return a.family == b.family && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool ip_is_loopback(struct ip ip)
{
    static const struct ip v6 = {IP_V6, {[15] = 1}};

    return (ip.family == IP_V4 && ip.bytes[0] == 127) || ip_eq(ip, v6);
}

/* -- ranges ---------------------------------------------------------------------------------- */

static struct ip keep_bits(struct ip ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(ip.bytes); i++) {
        unsigned n = bits > i * 8 ? MIN(bits - i * 8, 8) : 0;

        ip.bytes[i] &= (unsigned char)(0xff00u >> n);
    }
    return ip;
}

static bool parse_bits(struct str text, unsigned max, unsigned *out)
{
    int64_t n;

    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.ptr[0] == '0') ||
        !str_to_int(text, &n) || n < 0 || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

bool ip_range_parse(struct str text, struct ip_range *out, struct error *err)
{
    struct str address = text, length = {0};
    struct ip_range r;
    bool has_length = str_cut(text, '/', &address, &length);
    struct str shown = str_sub(text, 0, IP_TEXT_MAX + 4);
    char first[IP_TEXT_MAX];

    if (!parse_plain(address, &r.first))
        return error_set(err, ERROR_INVALID,
                         "'" STR_FMT "' is no address; use one like 192.0.2.7, or a range like "
                         "192.0.2.0/24 or 2001:db8::/32",
                         STR_ARG(shown));
    r.bits = r.first.family == IP_V4 ? V4_BYTES * 8 : V6_BYTES * 8;
    if (has_length && !parse_bits(length, r.bits, &r.bits))
        return error_set(err, ERROR_INVALID, "'" STR_FMT "': use a length from 0 to %u",
                         STR_ARG(shown), r.bits);
    if (r.first.family == IP_V6 && is_dressed(r.first.bytes) && r.bits >= DRESS_BITS)
        r = (struct ip_range){from_v6(r.first.bytes), r.bits - DRESS_BITS};
    if (!ip_eq(r.first, keep_bits(r.first, r.bits)))
        return error_set(err, ERROR_INVALID,
                         "'" STR_FMT "' begins within the range; did you mean " STR_FMT "/%u?",
                         STR_ARG(shown), STR_ARG(ip_text(keep_bits(r.first, r.bits), first)),
                         r.bits);
    *out = r;
    return true;
}

bool ip_range_has(const struct ip_range *range, struct ip ip)
{
    return ip.family != IP_NONE && ip_eq(range->first, keep_bits(ip, range->bits));
}

bool ip_ranges_have(const struct ip_range *ranges, size_t n, struct ip ip)
{
    for (size_t i = 0; i < n; i++) {
        if (ip_range_has(&ranges[i], ip))
            return true;
    }
    return false;
}

struct ip ip_payer(struct ip ip)
{
    return ip.family == IP_V6 ? keep_bits(ip, 64) : ip;
}

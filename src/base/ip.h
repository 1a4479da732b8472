/*
 * ip.h - Internet addresses and ranges of them, as values.
 *
 * One address has one form here: an IPv4 address that comes dressed as IPv6 (::ffff:192.0.2.1, as
 * sockets of both families give it) is the IPv4 address, so that no list can be passed by the other
 * spelling. Text is read strictly: four decimal numbers without leading zeros, no zones, no ports.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define IP_TEXT_MAX 46 /* with the NUL */

enum ip_family { IP_NONE, IP_V4, IP_V6 };

struct ip {
    enum ip_family family;   /* IP_NONE, as in {0}: not an address */
    unsigned char bytes[16]; /* in network order; of IPv4 the first four */
};

struct sockaddr;
bool ip_parse(struct str text, struct ip *out);
struct ip ip_from_sockaddr(const struct sockaddr *at);   /* IP_NONE for other families */
struct str ip_text(struct ip ip, char out[IP_TEXT_MAX]); /* "unknown" for IP_NONE */
bool ip_eq(struct ip a, struct ip b);
bool ip_is_loopback(struct ip ip); /* 127.0.0.0/8, ::1 */

struct ip_range {
    struct ip first;
    unsigned bits; /* that an address must share with it */
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. INVALID: none of these, or bits are set that the
 * length leaves open: then one of the two is mistyped. */
NODISCARD bool ip_range_parse(struct str text, struct ip_range *out, struct error *err);
bool ip_range_has(const struct ip_range *range, struct ip ip); /* never IP_NONE */
bool ip_ranges_have(const struct ip_range *ranges, size_t n, struct ip ip);

/* Whom a limit counts: an IPv4 address, or the /64 that one customer of IPv6 has at least. */
struct ip ip_payer(struct ip ip);

#endif

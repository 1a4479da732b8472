/*
 * fetch.h - a document from an address that a stranger named: over HTTPS, and never from inside.
 *
 * The only folder that includes libcurl. What a stranger names may point back at this machine or its
 * network (server-side request forgery), so every address is looked at when it is about to be connected to: a
 * second answer of the name server cannot slip in, and the spelling of an address does not matter. No redirects,
 * no proxy, no cookies, no credentials, no compression.
 *
 * Owner    answers live in the arena given.
 * Threads  any; a call takes as long as timeout_ms.
 * Errors   UNAVAILABLE: no answer; LIMIT: too long; DENIED: an address that is not public. Texts name addresses: they
 *          are for the log.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct sockaddr;
struct fetcher;

struct fetch_options {
    size_t max_bytes; /* of the body */
    int timeout_ms;   /* of everything */

    /* For tests, which send nothing out of this machine; zeroed elsewhere. */
    const char *ca_file; /* in the place of the system's authorities */
    const char
        *resolve; /* "host:port:address[,address]", in the place of the name server's answer */
    uint16_t divert_port; /* an address that passed is replaced by this port of 127.0.0.1 */
};

NODISCARD bool fetch_new(const struct fetch_options *options, struct fetcher **out,
                         struct error *err); /* before other threads start */
void fetch_free(struct fetcher *f);

struct fetch_answer {
    int status;
    struct str content_type; /* empty: not said */
    struct str body;
    int64_t max_age_s; /* of Cache-Control, 0 for no-store and no-cache; negative: not said */
};
NODISCARD bool fetch_get(struct fetcher *f, struct arena *a, struct str url,
                         struct fetch_answer *out, struct error *err);

/* A global unicast address; one of IPv4 inside IPv6 is none. */
bool fetch_address_is_public(const struct sockaddr *address);
int64_t fetch_max_age(struct str cache_control); /* as in struct fetch_answer */

#endif

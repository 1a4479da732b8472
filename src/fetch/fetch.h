/*
 * fetch.h - requests to other servers: over HTTPS, and unless the operator named the server never inside.
 *
 * The only folder that includes libcurl, which is loaded by the first request. What a stranger names may point back at this machine or its
 * network (server-side request forgery), so every address is looked at when it is about to be connected to: a
 * second answer of the name server cannot slip in, and the spelling of an address does not matter. No redirects,
 * no proxy, no cookies, no credentials but those given, no compression.
 *
 * An address that the operator named, on the command line or in a setting, may be any: is_any_address.
 *
 * Owner    answers live in the arena given.
 * Threads  any; a call takes as long as timeout_ms.
 * Errors   UNAVAILABLE: no answer, or no libcurl; LIMIT: too long; DENIED: an address that is not public. Texts name addresses: they
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
    size_t max_bytes;    /* of the body */
    int timeout_ms;      /* of everything */
    bool is_any_address; /* the operator named it: private and loopback ones will do */
    const char *ca_file; /* authorities in the place of the system's; NULL: those */
    const char
        *connect; /* "host:port", with whom to speak in the place of whom the URL names, under
                            that name; NULL: with whom it names */

    /* For tests, which send nothing out of this machine; zeroed elsewhere. */
    const char
        *resolve; /* "host:port:address[,address]", in the place of the name server's answer */
    uint16_t divert_port; /* an address that passed is replaced by this port of 127.0.0.1 */
};

struct fetcher *fetch_new(const struct fetch_options *options);
void fetch_free(struct fetcher *f); /* takes NULL */

struct fetch_header {
    struct str name, value;
};

struct fetch_answer {
    int status;
    struct str content_type; /* empty: not said */
    struct str body;
    int64_t max_age_s; /* of Cache-Control, 0 for no-store and no-cache; negative: not said */
    int64_t date_ms;   /* the server's time; 0: not said */
    const struct fetch_header *headers; /* at most FETCH_HEADERS_MAX */
    size_t n_headers;
};
NODISCARD bool fetch_get(struct fetcher *f, struct arena *a, struct str url,
                         struct fetch_answer *out, struct error *err);

#define FETCH_HEADERS_MAX 64

struct fetch_peer {
    struct str address; /* that was connected to; empty: none */
    bool is_public;
    struct str chain; /* the certificates it showed, in PEM, its own first; empty: none came */
};

struct fetch_request {
    const char *method; /* NULL: GET */
    struct str url;
    const struct fetch_header *headers;
    size_t n_headers;
    struct str body;         /* ptr NULL: none */
    int timeout_ms;          /* 0: that of the options */
    struct fetch_peer *peer; /* filled also when the request then fails; NULL: nobody asks */
};
/* INVALID: a header with a line end in it. */
NODISCARD bool fetch_send(struct fetcher *f, struct arena *a,
                          const struct fetch_request *request, struct fetch_answer *out,
                          struct error *err);
/* The value of the first header of that name; ptr NULL: none. */
struct str fetch_header_of(const struct fetch_answer *answer, struct str name);

/* A global unicast address; one of IPv4 inside IPv6 is none. */
bool fetch_address_is_public(const struct sockaddr *address);
int64_t fetch_max_age(struct str cache_control); /* as in struct fetch_answer */

#endif

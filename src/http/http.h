/*
 * http.h - an HTTP/1.1 server: routes, gates, whole answers, late answers and streams.
 *
 * The only folder that includes libmicrohttpd. It knows no protocol above HTTP: transport/ and
 * rest/ register routes, a route's handler answers requests.
 *
 * A handler runs on one of the server's threads and answers in one of three ways before it returns:
 *
 *   at once   fill http_reply_body(), then http_reply()
 *   refusal   http_refuse(): a status and one line, in the form that the route speaks
 *   later     http_answer_later(): the request waits, without holding a thread, until http_wake();
 *             resume() is then called on a server thread and may reply, stream, or wait on
 *
 * Gates. Before a handler sees a request, and in this order: the client's address (403), Host (400,
 * 403), Origin (403), path and method (404, 405, and 204 to a preflight), came straight from this
 * machine (403), Content-Type and Content-Encoding (415), size (413, then the connection closes),
 * Accept (406). Unless the caller says that requests are authenticated, whatever did not come
 * straight from this machine is refused; see http_is_direct().
 *
 * A client that goes away is noticed also while its request waits: the watch thread (watch.c) looks
 * at the sockets of waiting requests. TCP cannot tell a client that closed from one that only shut
 * down its sending side, so both count as gone once a request has to wait.
 *
 * Owner    http_server_free() takes NULL. A struct http_request is lent: to a handler until it
 *          returns, after http_answer_later() until the answer's close() returns.
 * Threads  handlers, resume() and read() run on server threads, one at a time for one request;
 *          hang_up() on any thread, perhaps beside them; close() last, after all others returned.
 *          http_wake() may be called from any thread. No lock is held across these calls.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/str.h"

/* Limits. Those of the first group are defaults of struct http_options. */
#define HTTP_CONNECTIONS_MAX  8192                /* beyond: they queue in the kernel */
#define HTTP_HEADER_MAX_BYTES ((size_t)16 << 10)  /* request line and headers; beyond: 431 */
#define HTTP_BODY_MAX_BYTES   ((size_t)4 << 20)   /* one body; beyond: 413 */
#define HTTP_BODIES_MAX_BYTES ((size_t)256 << 20) /* all bodies in memory; beyond: 503 */
#define HTTP_IDLE_S           5                   /* a connection without a request */
#define HTTP_RECEIVE_S        60                  /* first to last byte of a request */
#define HTTP_HANDSHAKE_S      10                  /* of TLS, and the first request's head */
#define HTTP_SEND_S           300                 /* first to last byte of a whole answer */
#define HTTP_STALL_S          30                  /* no byte moves in the middle of either */

/* New connections of one address; beyond: closed at once. For struct http_options, off by default. */
#define HTTP_ARRIVALS_PER_S   20
#define HTTP_ARRIVALS_BURST   400
#define HTTP_ARRIVAL_KEYS_MAX 16384 /* addresses remembered */

#define HTTP_DRAIN_MAX_BYTES   ((size_t)64 << 20) /* read of a body that is refused */
#define HTTP_LISTENERS_MAX     8                  /* sockets of one server */
#define HTTP_ROUTES_MAX        160
#define HTTP_REPLY_HEADERS_MAX 16
#define HTTP_HOST_MAX_BYTES    255

struct http_server;
struct http_request;

/* -- server ---------------------------------------------------------------------------------- */

struct http_options {
    struct str host; /* "localhost" (both 127.0.0.1 and ::1), or an address; "::" is all of both
                      * families. A loopback one, unless is_remote_allowed */
    uint16_t port;   /* 0: any free one, see http_server_port() */
    const int *listeners; /* sockets that listen already, instead of host and port: handed over,
                           * the caller does not use them any more */
    size_t n_listeners;
    const struct str *hosts; /* further Host values: a name, or name:port */
    size_t n_hosts;
    struct str public_url;     /* what clients call this server; empty: as the request says */
    const struct str *origins; /* allowed browser origins besides loopback and its own */
    size_t n_origins;

    /* Requests that did not come straight from this machine are let through to handlers: each of
     * them asks for a token unless http_is_direct(). Any Host will do for those, if neither hosts nor
     * public_url are given. */
    bool is_remote_allowed;
    const struct ip_range *trusted_proxies; /* whose forwarding headers are believed */
    size_t n_trusted_proxies;
    const struct ip_range *clients; /* the only ones served; none given: all */
    size_t n_clients;
    /* Addresses that many people share, whom a limit per address would punish for each other. */
    const struct ip_range *shared;
    size_t n_shared;
    int arrivals_per_s; /* new connections of one address, trusted and shared ones aside; 0: all */
    int arrivals_burst;

    /* TLS 1.2 and 1.3 with this certificate chain and key (PEM); NULL: plain HTTP. Changed files are
     * taken up while connections stay open. */
    const char *certificate_file, *key_file;
    int hsts_max_age_s; /* of Strict-Transport-Security where the client speaks HTTPS; 0: not sent */

    /* 0: the default above. */
    size_t n_threads; /* default: two per core */
    size_t connections_max;
    size_t header_max_bytes;
    size_t body_max_bytes;
    size_t bodies_max_bytes;
    int idle_s;
    int handshake_s;
    int receive_s;
    int send_s;
    int stall_s;
};

/* Checks the options and binds; nothing is answered before http_server_start(). INVALID: not a
 * loopback address, or a certificate that clients would refuse. UNAVAILABLE: the address is in use.
 * What options point to is copied. */
NODISCARD bool http_server_new(const struct http_options *options, struct http_server **out,
                               struct error *err);
NODISCARD bool http_server_start(struct http_server *s, struct error *err);

/* Stops accepting, gives requests grace_ms to finish, then hangs up on the rest and joins all
 * threads. What answers endless streams must end them before. A second call does nothing;
 * http_server_free() makes the first one, without grace, if nobody did. */
void http_server_stop(struct http_server *s, int64_t grace_ms);
void http_server_free(struct http_server *s);

struct str
http_server_host(const struct http_server *s);          /* options.host, or a listener's own */
uint16_t http_server_port(const struct http_server *s); /* as bound */
/* Loads certificate and key again, as if they had changed. Any thread; the log says what came of it. */
void http_server_reload_certificate(struct http_server *s);
size_t http_server_n_connections(const struct http_server *s); /* open now */

/* -- routes ---------------------------------------------------------------------------------- */

enum http_body_kind {
    HTTP_BODY_NONE, /* what comes is read over */
    HTTP_BODY_JSON, /* Content-Type application/json, or 415 */
    HTTP_BODY_FORM, /* application/x-www-form-urlencoded, or 415 */
};

struct http_route {
    const char *method; /* "GET" */
    const char *path;   /* "/mcp"; with a final "/", also everything below: "/mcp/" */
    enum http_body_kind body;
    const char *const *accepts; /* media types it can answer in, NULL at the end; NULL: any */
    void (*handle)(struct http_request *r, void *ctx);
    void *ctx;
    /* Writes a refusal's body for one line of text, returns its media type. NULL: plain text. */
    const char *(*write_refusal)(int status, struct str text, struct buf *body);
    const char
        *cors_headers; /* request and reply headers that a browser page may use; or NULL */
    const char *cors_exposed;
    bool is_public; /* pages of any origin may read it: it says the same to everybody */
    /* Forms are posted to it by pages of ours. Those say no-referrer, for which browsers send "Origin:
     * null"; that is let through, and the handler asks for a token that only our page has. */
    bool is_form_target;
};

/* Before http_server_start(). All strings are borrowed for the life of the server. */
void http_server_add(struct http_server *s, const struct http_route *route);

/* -- request --------------------------------------------------------------------------------- */

uint64_t http_request_id(const struct http_request *r); /* number in the logs, from 1 */
struct arena *http_request_arena(struct http_request *r);
struct str http_method(const struct http_request *r);
struct str http_path(const struct http_request *r);  /* percent-decoded, holds no NUL */
struct str http_query(const struct http_request *r); /* raw, without the "?" */
struct str http_body(const struct http_request *r);
struct str http_peer(const struct http_request *r); /* numeric address, without port */
/* Who sent it, by the word of trusted proxies; IP_NONE if they do not say. */
struct ip http_client(const struct http_request *r);
/* What limits per client may count by: the address, of IPv6 the network. False: it is not known, or
 * many people share it. */
bool http_client_key(struct http_request *r, struct str *out);
/* "https://memory.example": what the client calls this server, without a final slash. The public URL
 * if one was given, else what trusted proxies, the Host header and the listener say. */
struct str http_base_url(struct http_request *r);

/* The value without blanks around it; ptr NULL: absent. A header that came several times with
 * different values gives them joined by ", ". */
struct str http_header(struct http_request *r, struct str name);
/* Some header whose name begins with prefix came twice with different values. */
bool http_headers_conflict(const struct http_request *r, struct str prefix);

/* It came straight from this machine: loopback peer, loopback Host, and no trace of a proxy. */
bool http_is_direct(const struct http_request *r);
/* The client speaks HTTPS, with us or with a trusted proxy. */
bool http_is_secure(const struct http_request *r);

/* -- answer ---------------------------------------------------------------------------------- */

struct buf *http_reply_body(struct http_request *r); /* the caller appends to it */
void http_reply_header(struct http_request *r, const char *name, struct str value);
/* content_type NULL: none. The status line and headers are fixed from here on. */
void http_reply(struct http_request *r, int status, const char *content_type);
void http_refuse(struct http_request *r, int status, const char *fmt, ...) PRINTF(3, 4);

enum http_more { HTTP_MORE, HTTP_END };

struct http_answer {
    /* Called when the handler has returned and after each wake: replies, starts the stream, or
     * returns without either to be called after the next wake. */
    void (*resume)(struct http_request *r, void *ctx);
    /* Appends what there is; MORE: a wake will come. Only for streams, else NULL. */
    enum http_more (*read)(void *ctx, struct buf *out);
    void (*hang_up)(void *ctx); /* the client went away before it had the whole answer */
    void (*close)(void *ctx);   /* the last call, always made; no wake may come after it */
};

/* answer is borrowed for the life of the request: a static table. */
void http_answer_later(struct http_request *r, const struct http_answer *answer, void *ctx);
/* The body comes from answer->read(). Called from resume() in place of http_reply(). */
void http_reply_stream(struct http_request *r, int status, const char *content_type);
/* Something changed for r. A wake is never lost: one that comes early is kept. */
void http_wake(struct http_request *r);

/* -- parsers (headers.c): pure functions of untrusted text ----------------------------------- */

struct http_authority {
    struct str host; /* without brackets */
    uint16_t port;   /* 0: none given */
    bool is_ipv6;    /* it stood in brackets */
};
/* "name", "name:port", "1.2.3.4", "[::1]:8080". False: none of these. */
bool http_parse_authority(struct str text, struct http_authority *out);
bool http_host_is_loopback(const struct http_authority *a); /* localhost, 127.x.x.x, ::1 */
/* allowed: names or name:port; without a port any port matches. */
bool http_host_is_allowed(const struct http_authority *a, const struct str *allowed, size_t n);

struct http_origin {
    struct str scheme;
    struct http_authority authority; /* port filled in for http and https */
};
/* "https://claude.ai". False for "null", paths, user names and anything else. */
bool http_parse_origin(struct str text, struct http_origin *out);
/* Loopback, or equal to one of allowed in scheme, host and port. "null" only if listed. */
bool http_origin_is_allowed(struct str origin, const struct str *allowed, size_t n);

/* A Content-Type of application/json, any parameters, charset absent or utf-8. */
bool http_is_json(struct str content_type);
/* A Content-Type of application/x-www-form-urlencoded, any parameters. */
bool http_is_form(struct str content_type);
/* The text as one segment of a path or value of a query: percent-encoded where need be. */
struct str http_escape(struct arena *a, struct str text);
/* The value of the first cookie of this name in a Cookie header; ptr NULL: none. A view. */
struct str http_cookie(struct str header, struct str name);
/* A pair of a form or query, "name=value", decoded into the arena. False: the end of *rest. Escapes that
 * are none stay as they are. */
bool http_next_field(struct arena *a, struct str *rest, struct str *out_name,
                     struct str *out_value);
/* The value of the first field of that name; ptr NULL: none. */
struct str http_field_of(struct arena *a, struct str form, struct str name);
/* An Accept header lets the type through with a weight over 0. Empty: everything. */
bool http_accepts(struct str accept, struct str type);

struct http_target {
    struct str authority; /* of an absolute-form target; else empty */
    struct str path;      /* decoded, in the arena; begins with "/" */
    struct str query;     /* a view of text */
};
/* A request target. INVALID: bad or encoded NUL escapes, not origin-form or absolute-form. */
NODISCARD bool http_parse_target(struct arena *a, struct str text, struct http_target *out,
                                 struct error *err);

/* What came with a request, and from whom. Headers that came more than once are joined by ", ". */
struct http_proxies {
    struct ip peer;
    const struct ip_range *trusted;
    size_t n_trusted;
    struct str forwarded, x_for, x_proto, x_host, x_port;
};
struct http_forwarded {
    struct ip client;  /* IP_NONE: trusted proxies do not say, or disagree */
    struct str scheme; /* "http", "https", or empty: not said; as host and port */
    struct str host;   /* as written: not checked, perhaps with a port */
    struct str port;
};
/* What the proxies that are trusted say; the peer itself is the client if it is not among them. */
struct http_forwarded http_read_forwarded(const struct http_proxies *p);

/* A header that only a proxy or tunnel adds: Forwarded, X-Forwarded-*, Via, ... */
bool http_is_forwarding_header(struct str name);

#endif

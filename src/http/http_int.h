/*
 * http_int.h - what the files of this folder share: the server, its connections and requests.
 *
 * Threads. A connection belongs to one libmicrohttpd thread, and so does its request while it is
 * not waiting. What other threads may touch is under http_server.lock or atomic, and says so.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_INT_H
#define HTTP_HTTP_INT_H

#include "http/http.h"

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/limiter.h"
#include "base/thread.h"
#include "crypto/crypto.h"

#define TLS_SOON_DAYS 14   /* that a certificate is still valid: worth a warning */
#define TLS_LOOK_MS   2000 /* between looks at its files */

struct http_connection {
    int fd;
    struct MHD_Connection *mhd;
    struct crypto_certificate *certificate; /* a reference; NULL: plain HTTP */
    struct crypto_reader reader;
    struct http_server *server;
    bool has_spoken; /* the first line of a request has come, so a handshake is over */
    bool is_parked;  /* suspended until something can be read; under http_server.lock */
    struct ip ip;
    char peer[IP_TEXT_MAX];      /* ip as text */
    _Atomic int64_t deadline_ms; /* monotonic; 0: none. Past it the socket is shut down. */

    struct http_connection *next, *prev; /* under http_server.lock */
};

struct tls_stamp { /* of a file: differs when it was written or replaced */
    uint64_t device, inode;
    int64_t size, changed_ns;
};

struct tls_pem {
    struct str chain, key;
};

struct tls {
    bool is_on;
    struct crypto_certificate *current; /* a reference; under http_server.lock */
    atomic_bool is_asked;               /* to load the files again, changed or not */

    struct arena arena;
    struct tls_pem pem; /* until libmicrohttpd has been told */

    struct tls_stamp loaded[2],
        seen[2]; /* watch thread: when last loaded, and at the last look */
};

struct http_server {
    struct arena arena; /* copies of options; fixed after http_server_new(), as the next two */
    struct http_options options;
    struct http_origin public_origin;          /* of options.public_url, if there is one */
    struct http_route routes[HTTP_ROUTES_MAX]; /* fixed after http_server_start() */
    size_t n_routes;
    struct MHD_Daemon *daemon;
    struct tls tls;

    /* watch.c; the descriptors and is_paused belong to the watch thread once it runs */
    int listeners[HTTP_LISTENERS_MAX]; /* -1: none */
    uint16_t port;
    int epoll_fd;
    int kick_fd; /* an eventfd: look at is_stopping, is_quitting, and paused listeners */
    atomic_bool is_paused;
    struct thread watcher;
    struct limiter *arrivals; /* NULL: no limit; the next two are the watch thread's */
    size_t n_turned_away;     /* since turned_away_ms, when the log last said so */
    int64_t turned_away_ms;

    struct mutex
        lock; /* guards: connections, waiting, n_waiting_slots, is_closing, and the marked
                          fields of connections and requests */
    struct cond drained; /* n_requests reached 0 while stopping */
    struct http_connection *connections;
    struct http_request **waiting;   /* by descriptor */
    struct http_connection **parked; /* by descriptor */
    size_t n_waiting_slots;          /* of both */
    bool is_closing;                 /* nobody may begin to wait any more */

    atomic_bool is_stopping; /* no new connections; replies close theirs */
    atomic_bool is_quitting; /* the watch thread shall end */
    bool is_stopped;         /* http_server_stop() has run; main thread only */
    atomic_size_t n_connections;
    atomic_size_t n_requests;
    atomic_size_t n_body_bytes;
    _Atomic uint64_t next_id;
};

struct http_field {
    struct str name;
    struct str value;
};

enum http_phase {
    PHASE_HEAD,   /* the headers are being read */
    PHASE_BODY,   /* the body is being collected, or read over after a refusal */
    PHASE_ANSWER, /* the handler has been called */
};

struct http_request {
    struct http_server *server;
    struct http_connection *connection;
    struct MHD_Connection *mhd;
    uint64_t id;
    int64_t started_us;
    struct arena arena;
    enum http_phase phase;

    struct str raw_target;
    struct str method;
    struct http_target target;
    struct http_field *fields; /* views into libmicrohttpd's memory, valid until completion */
    size_t n_fields;
    struct ip client;            /* set by the first gate, with is_secure */
    bool is_secure;              /* the client speaks HTTPS, with us or with a trusted proxy */
    struct http_forwarded said;  /* by trusted proxies */
    struct http_authority host;  /* of the Host header; set by the Host gate, with named */
    struct http_authority named; /* what the client calls us: host, or what proxies say */
    const struct http_route *route;
    struct str origin; /* an allowed one; empty: none was sent, or it does not matter */

    struct buf body;
    size_t n_received; /* bytes of body, those read over included */

    bool has_reply;
    bool is_stream;
    bool is_stream_ended;
    bool must_close; /* the connection, after the reply */
    int status;
    const char *content_type;
    struct http_field reply_fields[HTTP_REPLY_HEADERS_MAX];
    size_t n_reply_fields;
    struct buf reply;
    size_t reply_at; /* of a stream: bytes of reply already passed on */
    uint64_t n_sent;

    const struct http_answer *answer; /* NULL: answers at once */
    void *answer_ctx;

    /* under http_server.lock */
    bool is_waiting; /* its connection is suspended and watched */
    bool is_woken;   /* a wake came while it was not waiting */
    bool is_gone;    /* the client went away; hang_up() has been called */
};

NODISCARD bool server_bind(struct http_server *s, struct error *err); /* listen.c */

/* -- tls.c ----------------------------------------------------------------------------------- */

NODISCARD bool tls_open(struct http_server *s, struct error *err); /* nothing without files */
void tls_forget_pem(struct http_server *s);
void tls_begin(struct http_server *s, struct http_connection *c);
void tls_look(struct http_server *s); /* watch thread: loads again what has changed */
void tls_close(struct http_server *s);

/* -- watch.c: the watch thread --------------------------------------------------------------- */

NODISCARD bool watch_open(struct http_server *s, struct error *err);
NODISCARD bool watch_start(struct http_server *s, struct error *err);
void watch_kick(struct http_server *s);
void watch_stop(struct http_server *s);  /* joins the thread, closes the listeners */
void watch_close(struct http_server *s); /* after the last kick: closes the other descriptors */

void watch_add_connection(struct http_server *s, struct http_connection *c);
void watch_remove_connection(struct http_server *s, struct http_connection *c);
void connection_set_deadline(struct http_connection *c, int seconds); /* from now; 0: none */

enum watch_wait {
    WATCH_WAITS, /* the connection is suspended until a wake or the client's end */
    WATCH_WOKEN, /* a wake came meanwhile: look again */
    WATCH_GONE,  /* the client went away, or the server is closing */
};
enum watch_wait watch_wait(struct http_request *r);
/* Suspends the connection, on its own thread, until something can be read. */
void watch_park(struct http_connection *c);
bool watch_is_gone(struct http_request *r);
void watch_hang_up_all(struct http_server *s); /* and lets nobody wait again */

/* -- headers.c ------------------------------------------------------------------------------- */

/* Takes the text up to the next sep that is not inside a quoted string off *rest. */
bool header_next_piece(struct str *rest, char sep, struct str *out);
struct str header_unquote(struct str s);
bool header_is_same_host(const struct http_authority *a, const struct http_authority *b);
bool header_is_origin(struct str text, const struct http_origin *want);
bool header_parse_port(struct str text, uint16_t *out);

/* -- gates.c, reply.c, request.c ------------------------------------------------------------- */

void client_identify(struct http_request *r); /* client.c: sets client, is_secure, said */
/* What the client calls this server. False: what a proxy says is no host name. */
bool client_read_name(struct http_request *r);
bool client_is_own_origin(const struct http_request *r, struct str origin);
void gates_check(struct http_request *r); /* sets r->route, or has_reply with a refusal */
size_t request_content_length(const struct http_request *r,
                              bool *out_has); /* SIZE_MAX: absurd */
void request_refuse(struct http_request *r, int status, struct str text);
enum MHD_Result reply_queue(struct http_request *r);

/* libmicrohttpd's callbacks; cls is the server. */
void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *n_data, void **slot);
void request_completed(void *cls, struct MHD_Connection *mhd, void **slot,
                       enum MHD_RequestTerminationCode why);

#endif

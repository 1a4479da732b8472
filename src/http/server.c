/*
 * server.c - the life of a server: options, routes, libmicrohttpd, an orderly end.
 *
 * libmicrohttpd runs one epoll loop per thread. It gets its connections from our watch thread, which
 * accepts them (MHD_USE_NO_LISTEN_SOCKET): so several addresses share the threads, the limit of
 * connections holds over all of them, and accepting can stop while requests still run. Its own way
 * to do the last (MHD_quiesce_daemon) aborts the process when it meets its worker threads at the
 * wrong moment.
 *
 * End: close the listeners; wait until no request runs; hang up on those that still wait; join the
 * watch thread; stop libmicrohttpd, which closes the connections.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/sys.h"

/* While one thread of a core waits for the disk, the other works. */
#define THREADS_PER_CORE 2

/* libmicrohttpd keeps a request's headers and the reply's in one piece of memory per connection. */
#define REPLY_HEADER_BYTES ((size_t)8 << 10)

#define DAEMON_ITEMS_MAX 8

/* Forward secrecy and authenticated encryption only; the server's order holds. */
#define TLS_PRIORITIES                                                                         \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"              \
    "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_PRECEDENCE"

static struct str *copy_strs(struct arena *a, const struct str *from, size_t n)
{
    struct str *to = ARENA_NEW(a, struct str, n);

    for (size_t i = 0; i < n; i++)
        to[i] = arena_dup(a, from[i]);
    return to;
}

static struct ip_range *copy_ranges(struct arena *a, const struct ip_range *from, size_t n)
{
    struct ip_range *to = ARENA_NEW(a, struct ip_range, n);

    if (n > 0)
        memcpy(to, from, n * sizeof(*to));
    return to;
}

static const char *copy_path(struct arena *a, const char *path)
{
    return path ? arena_dup(a, str_c(path)).ptr : NULL;
}

#define SET_DEFAULT(field, value)                                                              \
    do {                                                                                       \
        if (!(field))                                                                          \
            (field) = (value);                                                                 \
    } while (0)

static void resolve_options(struct http_server *s, const struct http_options *from)
{
    struct http_options *o = &s->options;

    *o = *from;
    o->host = arena_dup(&s->arena, from->host);
    o->hosts = copy_strs(&s->arena, from->hosts, from->n_hosts);
    o->origins = copy_strs(&s->arena, from->origins, from->n_origins);
    o->public_url = arena_dup(&s->arena, from->public_url);
    if (str_ends(o->public_url, STR("/")))
        o->public_url.len--;
    o->trusted_proxies = copy_ranges(&s->arena, from->trusted_proxies, from->n_trusted_proxies);
    o->clients = copy_ranges(&s->arena, from->clients, from->n_clients);
    o->shared = copy_ranges(&s->arena, from->shared, from->n_shared);
    o->certificate_file = copy_path(&s->arena, from->certificate_file);
    o->key_file = copy_path(&s->arena, from->key_file);
    SET_DEFAULT(o->n_threads, THREADS_PER_CORE * sys_n_cores());
    SET_DEFAULT(o->connections_max, HTTP_CONNECTIONS_MAX);
    SET_DEFAULT(o->header_max_bytes, HTTP_HEADER_MAX_BYTES);
    SET_DEFAULT(o->body_max_bytes, HTTP_BODY_MAX_BYTES);
    SET_DEFAULT(o->bodies_max_bytes, HTTP_BODIES_MAX_BYTES);
    SET_DEFAULT(o->idle_s, HTTP_IDLE_S);
    SET_DEFAULT(o->handshake_s, HTTP_HANDSHAKE_S);
    SET_DEFAULT(o->receive_s, HTTP_RECEIVE_S);
    SET_DEFAULT(o->send_s, HTTP_SEND_S);
    SET_DEFAULT(o->stall_s, HTTP_STALL_S);
}

static void make_limits(struct http_server *s)
{
    const struct http_options *o = &s->options;

    if (o->arrivals_per_s > 0)
        s->arrivals = limiter_new(&(struct limiter_options){
            .per_s = o->arrivals_per_s,
            .burst = MAX(o->arrivals_burst, 1),
            .keys_max = HTTP_ARRIVAL_KEYS_MAX,
            .seed = crypto_random_u64(),
        });
}

static bool check_public_url(struct http_server *s, struct error *err)
{
    struct str url = s->options.public_url;

    if (url.len == 0 || http_parse_origin(url, &s->public_origin))
        return true;
    return error_set(err, ERROR_INVALID, "the public URL '" STR_FMT "' is not https://HOST",
                     STR_ARG(str_sub(url, 0, 100)));
}

bool http_server_new(const struct http_options *options, struct http_server **out,
                     struct error *err)
{
    struct http_server *s = NEW(struct http_server);

    mutex_init(&s->lock);
    cond_init(&s->drained);
    s->epoll_fd = s->kick_fd = -1;
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++)
        s->listeners[i] = -1;
    resolve_options(s, options);
    make_limits(s);
    if (!check_public_url(s, err) || !tls_open(s, err) || !server_bind(s, err) ||
        !watch_open(s, err)) {
        http_server_free(s);
        return false;
    }
    *out = s;
    return true;
}

void http_server_add(struct http_server *s, const struct http_route *route)
{
    assert(!s->daemon && s->n_routes < HTTP_ROUTES_MAX && route->path[0] == '/');
    s->routes[s->n_routes++] = *route;
}

struct str http_server_host(const struct http_server *s)
{
    return s->options.host;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

size_t http_server_n_connections(const struct http_server *s)
{
    return atomic_load(&s->n_connections);
}

/* -- libmicrohttpd --------------------------------------------------------------------------- */

static void log_library(void *cls, const char *fmt, va_list args) PRINTF(2, 0);

static void log_library(void *cls, const char *fmt, va_list args)
{
    char text[256], quoted[LOG_QUOTE_MAX];

    (void)cls;
    vsnprintf(text, sizeof(text), fmt, args);
    log_event(LOG_DEBUG, "http.library", "text=%s", log_quote(str_trim(str_c(text)), quoted));
}

/* Paths are decoded by http_parse_target(), which sees an encoded NUL where a C string cannot. */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static void read_peer(struct http_connection *c, const struct sockaddr *addr)
{
    char text[IP_TEXT_MAX];

    c->ip = ip_from_sockaddr(addr);
    snprintf(c->peer, sizeof(c->peer), STR_FMT, STR_ARG(ip_text(c->ip, text)));
}

static void connection_began(struct http_server *s, struct MHD_Connection *mhd, void **slot)
{
    struct http_connection *c = NEW(struct http_connection);

    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    read_peer(c, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    c->server = s;
    c->mhd = mhd;
    connection_set_deadline(c, s->options.receive_s);
    if (s->tls.is_on)
        tls_begin(s, c);
    watch_add_connection(s, c);
    *slot = c;
}

static void connection_ended(struct http_server *s, struct http_connection *c)
{
    watch_remove_connection(s, c); /* before the descriptor is closed */
    crypto_certificate_unref(c->certificate);
    free(c);
}

static void connection_changed(void *cls, struct MHD_Connection *mhd, void **slot,
                               enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = cls;

    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        connection_began(s, mhd, slot);
    else
        connection_ended(s, *slot);
}

/* The items that libmicrohttpd needs besides its callbacks; at most DAEMON_ITEMS_MAX. */
static void list_items(const struct http_server *s, struct MHD_OptionItem *to)
{
    const struct http_options *o = &s->options;
    const struct tls_pem *pem = &s->tls.pem;

    /* The limit of connections is ours to keep. */
    *to++ = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT,
                                    (intptr_t)(o->connections_max * o->n_threads), NULL};
    *to++ = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, NULL};
    *to++ = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                    (intptr_t)(o->header_max_bytes + REPLY_HEADER_BYTES), NULL};
    if (o->n_threads > 1) /* a "pool" of one is no pool to libmicrohttpd */
        *to++ =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->n_threads, NULL};
    if (s->tls.is_on) { /* it only reads the texts */
        *to++ = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                        (void *)(uintptr_t)pem->chain.ptr};
        *to++ = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
                                        (void *)(uintptr_t)pem->key.ptr};
        *to++ = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                        (void *)(uintptr_t)TLS_PRIORITIES};
    }
    *to = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

static bool start_daemon(struct http_server *s)
{
    struct MHD_OptionItem items[DAEMON_ITEMS_MAX];

    list_items(s, items);
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
            MHD_USE_ITC | MHD_USE_ERROR_LOG | (s->tls.is_on ? MHD_USE_TLS : 0),
        0, NULL, NULL, request_access, s, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, s, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, s, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY, items,
        MHD_OPTION_END);
    tls_forget_pem(s);
    return s->daemon != NULL;
}

bool http_server_start(struct http_server *s, struct error *err)
{
    sigset_t all, before;
    bool is_started;

    sigfillset(&all); /* libmicrohttpd's threads inherit this: only main handles signals */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    is_started = start_daemon(s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_started)
        return error_set(err, ERROR_UNAVAILABLE, "cannot start the HTTP threads: %s",
                         strerrordesc_np(errno));
    return watch_start(s, err);
}

/* -- the end --------------------------------------------------------------------------------- */

static void wait_drained(struct http_server *s, int64_t deadline_ms)
{
    MUTEX_SCOPE(&s->lock);

    while (atomic_load(&s->n_requests) > 0) {
        if (!cond_wait_until(&s->drained, &s->lock, deadline_ms))
            return;
    }
}

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (s->is_stopped)
        return;
    s->is_stopped = true;
    atomic_store(&s->is_stopping, true);
    watch_kick(s);
    wait_drained(s, clock_monotonic_ms() + grace_ms);
    watch_hang_up_all(s);
    watch_stop(s);
    if (s->daemon)
        MHD_stop_daemon(s->daemon); /* its threads kick the watcher to their end */
    s->daemon = NULL;
    watch_close(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    http_server_stop(s, 0);
    tls_close(s);
    limiter_free(s->arrivals);
    free(s->waiting);
    free(s->parked);
    cond_deinit(&s->drained);
    mutex_deinit(&s->lock);
    arena_deinit(&s->arena);
    free(s);
}

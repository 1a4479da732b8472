/*
 * watch.c - the watch thread: accepts connections, notices clients that go away while their request
 * waits, and ends requests that arrive too slowly.
 *
 * Waiting. A request that has nothing to send suspends its connection in libmicrohttpd, which then
 * no longer looks at the socket. So we do: the socket joins our epoll set for EPOLLRDHUP until
 * http_wake() takes it out again. Whoever takes a request out, the waker or this thread, owes it the
 * one call of MHD_resume_connection(); until that call its connection, and with it the request,
 * cannot end, so the call and hang_up() are made without the lock.
 *
 * An event names a descriptor, not a request, and may be late: the descriptor may be another
 * connection's by then. An event therefore only says "look": under the lock, poll() tells the truth
 * about the request that waits on that descriptor now.
 *
 * Deadlines. libmicrohttpd's timeout is about silence; a client that sends a byte now and then would
 * stay for ever. Each connection has a deadline here, checked once a second. Past it the socket is
 * shut down, and libmicrohttpd sees the end of its input.
 *
 * Parked connections (tls.c) are suspended in the same way until something can be read from them.
 *
 * The certificate's files are looked at from here as well (tls.c).
 *
 * Lock order: http_server.lock, then libmicrohttpd's own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define EVENTS_AT_ONCE 64
#define TICK_MS        1000

enum watched { WATCHED_KICK, WATCHED_LISTENER, WATCHED_CLIENT, WATCHED_PARKED };

static uint64_t tag(enum watched what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static bool epoll_set(struct http_server *s, int op, enum watched what, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = tag(what, fd)};

    return epoll_ctl(s->epoll_fd, op, fd, &e) == 0;
}

/* -- waiting requests ------------------------------------------------------------------------ */

static void reserve_slot(struct http_server *s, size_t fd)
{
    size_t n = MAX(fd + 1, s->n_waiting_slots * 2);

    if (fd < s->n_waiting_slots)
        return;
    s->waiting = mem_grow(s->waiting, n, sizeof(*s->waiting));
    memset(s->waiting + s->n_waiting_slots, 0, (n - s->n_waiting_slots) * sizeof(*s->waiting));
    s->parked = mem_grow(s->parked, n, sizeof(*s->parked));
    memset(s->parked + s->n_waiting_slots, 0, (n - s->n_waiting_slots) * sizeof(*s->parked));
    s->n_waiting_slots = n;
}

enum watch_wait watch_wait(struct http_request *r)
{
    struct http_server *s = r->server;
    int fd = r->connection->fd;
    MUTEX_SCOPE(&s->lock);

    assert(!r->is_waiting);
    if (s->is_closing || r->is_gone)
        return WATCH_GONE;
    if (r->is_woken) {
        r->is_woken = false;
        return WATCH_WOKEN;
    }
    MHD_suspend_connection(r->mhd);
    r->is_waiting = true;
    reserve_slot(s, (size_t)fd);
    s->waiting[fd] = r;
    /* Out of kernel memory, the wait goes unwatched: the client's end then shows at the next write. */
    epoll_set(s, EPOLL_CTL_ADD, WATCHED_CLIENT, fd, EPOLLRDHUP | EPOLLONESHOT);
    return WATCH_WAITS;
}

/* The caller then owes r one MHD_resume_connection(). */
static void take_out(struct http_request *r)
{
    struct http_server *s = r->server;

    s->waiting[r->connection->fd] = NULL;
    epoll_set(s, EPOLL_CTL_DEL, WATCHED_CLIENT, r->connection->fd, 0);
    r->is_waiting = false;
}

void http_wake(struct http_request *r)
{
    struct http_server *s = r->server;
    bool is_mine;

    mutex_lock(&s->lock);
    is_mine = r->is_waiting;
    if (is_mine)
        take_out(r);
    else
        r->is_woken = true;
    mutex_unlock(&s->lock);
    if (is_mine)
        MHD_resume_connection(r->mhd);
}

bool watch_is_gone(struct http_request *r)
{
    MUTEX_SCOPE(&r->server->lock);

    return r->is_gone;
}

static bool is_hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void hang_up(struct http_request *r)
{
    if (r->answer->hang_up)
        r->answer->hang_up(r->answer_ctx);
    MHD_resume_connection(r->mhd);
}

static void look_at_client(struct http_server *s, int fd)
{
    struct http_request *gone = NULL;

    mutex_lock(&s->lock);
    if ((size_t)fd < s->n_waiting_slots && s->waiting[fd]) {
        struct http_request *r = s->waiting[fd];

        if (is_hung_up(fd)) {
            take_out(r);
            r->is_gone = true;
            gone = r;
        } else {
            epoll_set(s, EPOLL_CTL_MOD, WATCHED_CLIENT, fd, EPOLLRDHUP | EPOLLONESHOT);
        }
    }
    mutex_unlock(&s->lock);
    if (gone)
        hang_up(gone);
}

static struct http_request *take_any(struct http_server *s)
{
    MUTEX_SCOPE(&s->lock);

    s->is_closing = true;
    for (size_t i = 0; i < s->n_waiting_slots; i++) {
        struct http_request *r = s->waiting[i];

        if (!r)
            continue;
        take_out(r);
        r->is_gone = true;
        return r;
    }
    return NULL;
}

/* -- connections that are parked --------------------------------------------------------------- */

void watch_park(struct http_connection *c)
{
    struct http_server *s = c->server;
    MUTEX_SCOPE(&s->lock);

    if (s->is_closing || c->is_parked)
        return;
    reserve_slot(s, (size_t)c->fd);
    /* Out of kernel memory it is not parked: libmicrohttpd tries again, busily. */
    if (!epoll_set(s, EPOLL_CTL_ADD, WATCHED_PARKED, c->fd,
                   EPOLLIN | EPOLLRDHUP | EPOLLONESHOT))
        return;
    MHD_suspend_connection(c->mhd);
    c->is_parked = true;
    s->parked[c->fd] = c;
}

/* As with requests, whoever takes one out owes it the call of MHD_resume_connection(). */
static struct http_connection *take_parked(struct http_server *s, size_t fd)
{
    struct http_connection *c = fd < s->n_waiting_slots ? s->parked[fd] : NULL;

    if (!c)
        return NULL;
    s->parked[fd] = NULL;
    epoll_set(s, EPOLL_CTL_DEL, WATCHED_PARKED, c->fd, 0);
    c->is_parked = false;
    return c;
}

/* A late event costs one try in vain. */
static void unpark(struct http_server *s, int fd)
{
    struct http_connection *c;

    mutex_lock(&s->lock);
    c = take_parked(s, (size_t)fd);
    mutex_unlock(&s->lock);
    if (c)
        MHD_resume_connection(c->mhd);
}

static void unpark_all(struct http_server *s)
{
    for (size_t i = 0; i < s->n_waiting_slots; i++) /* no longer grows: it is closing */
        unpark(s, (int)i);
}

void watch_hang_up_all(struct http_server *s)
{
    struct http_request *r;

    while ((r = take_any(s)) != NULL)
        hang_up(r);
    unpark_all(s);
}

/* -- connections ----------------------------------------------------------------------------- */

void watch_add_connection(struct http_server *s, struct http_connection *c)
{
    MUTEX_SCOPE(&s->lock);

    c->next = s->connections;
    if (c->next)
        c->next->prev = c;
    s->connections = c;
}

void watch_remove_connection(struct http_server *s, struct http_connection *c)
{
    mutex_lock(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->n_connections, 1);
    if (atomic_load(&s->is_paused))
        watch_kick(s);
}

void connection_set_deadline(struct http_connection *c, int seconds)
{
    atomic_store(&c->deadline_ms, seconds ? clock_monotonic_ms() + (int64_t)seconds * 1000 : 0);
}

static void end_overdue(struct http_server *s, int64_t now_ms)
{
    MUTEX_SCOPE(&s->lock); /* a connection in the list has an open descriptor */

    for (struct http_connection *c = s->connections; c; c = c->next) {
        int64_t deadline_ms = atomic_load(&c->deadline_ms);

        if (deadline_ms == 0 || now_ms < deadline_ms)
            continue;
        atomic_store(&c->deadline_ms, 0);
        log_event(LOG_INFO, "http.too_slow", "peer=%s", c->peer);
        shutdown(c->fd, SHUT_RDWR);
    }
}

/* -- accepting ------------------------------------------------------------------------------- */

static void set_paused(struct http_server *s, bool is_paused)
{
    atomic_store(&s->is_paused, is_paused);
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (s->listeners[i] >= 0)
            epoll_set(s, EPOLL_CTL_MOD, WATCHED_LISTENER, s->listeners[i],
                      is_paused ? 0 : EPOLLIN);
    }
}

static bool is_full(const struct http_server *s)
{
    return atomic_load(&s->n_connections) >= s->options.connections_max;
}

/* One line a second is enough to see a flood by. */
static void log_turned_away(struct http_server *s, struct ip ip, int64_t now_ms)
{
    char text[IP_TEXT_MAX];

    s->n_turned_away++;
    if (s->turned_away_ms != 0 && now_ms < s->turned_away_ms + TICK_MS)
        return;
    log_event(LOG_WARN, "http.turned_away", "ip=" STR_FMT " connections=%zu",
              STR_ARG(ip_text(ip, text)), s->n_turned_away);
    s->n_turned_away = 0;
    s->turned_away_ms = now_ms;
}

/* Whether this address has come too often of late. A proxy comes for everybody behind it. */
static bool is_turned_away(struct http_server *s, const struct sockaddr *addr)
{
    const struct http_options *o = &s->options;
    struct ip ip = ip_from_sockaddr(addr), payer = ip_payer(ip);
    int64_t now_ms = clock_monotonic_ms();

    if (!s->arrivals || ip_ranges_have(o->trusted_proxies, o->n_trusted_proxies, ip) ||
        ip_ranges_have(o->shared, o->n_shared, ip) ||
        limiter_take(s->arrivals, str_n((const char *)payer.bytes, sizeof(payer.bytes)), now_ms,
                     NULL))
        return false;
    log_turned_away(s, ip, now_ms);
    return true;
}

static void hand_over(struct http_server *s, int fd, const struct sockaddr *addr, socklen_t len)
{
    int on = 1;

    if (is_turned_away(s, addr)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    atomic_fetch_add(&s->n_connections, 1);
    if (MHD_add_connection(s->daemon, fd, addr, len) == MHD_YES)
        return;
    atomic_fetch_sub(&s->n_connections, 1); /* it has closed the descriptor */
    log_event(LOG_WARN, "http.accept", "reason=\"%s\"", strerrordesc_np(errno));
}

/* Takes what waits at a listener. Full, or out of descriptors: the rest stays in the kernel's queue
 * until a connection ends (which kicks us) or the next tick. */
static void accept_some(struct http_server *s, int listener)
{
    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        int fd;

        if (is_full(s)) {
            set_paused(s, true);
            return;
        }
        fd = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(s, fd, (struct sockaddr *)&addr, len);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_event(LOG_WARN, "http.accept", "reason=\"%s\"", strerrordesc_np(errno));
            set_paused(s, true);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void close_listeners(struct http_server *s)
{
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (s->listeners[i] >= 0)
            close(s->listeners[i]);
        s->listeners[i] = -1;
    }
}

/* -- the thread ------------------------------------------------------------------------------ */

static void handle_event(struct http_server *s, uint64_t data)
{
    int fd = (int)(uint32_t)data;
    uint64_t count;

    switch ((enum watched)(data >> 32)) {
    case WATCHED_KICK:
        if (read(fd, &count, sizeof(count)) < 0)
            return; /* somebody's kick was served with the one before */
        return;
    case WATCHED_LISTENER:
        if (!atomic_load(&s->is_stopping)) /* else closed by now */
            accept_some(s, fd);
        return;
    case WATCHED_CLIENT:
        look_at_client(s, fd);
        return;
    case WATCHED_PARKED:
        unpark(s, fd);
        return;
    }
}

/* How long nothing needs to be looked at; -1: until something happens. */
static int wait_ms(const struct http_server *s)
{
    if (atomic_load(&s->n_connections) > 0 || atomic_load(&s->is_paused))
        return TICK_MS;
    return s->tls.is_on ? TLS_LOOK_MS : -1;
}

static void watch_main(void *arg)
{
    struct http_server *s = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t next_tick_ms = 0, next_look_ms = 0;

    while (!atomic_load(&s->is_quitting)) {
        int n = epoll_wait(s->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(s));
        int64_t now_ms = clock_monotonic_ms();

        if (atomic_load(&s->is_paused) && !is_full(s))
            set_paused(s, false);
        for (int i = 0; i < n; i++)
            handle_event(s, events[i].data.u64);
        if (now_ms >= next_tick_ms) {
            end_overdue(s, now_ms);
            next_tick_ms = now_ms + TICK_MS;
        }
        if (s->tls.is_on && (now_ms >= next_look_ms || atomic_load(&s->tls.is_asked))) {
            tls_look(s);
            next_look_ms = now_ms + TLS_LOOK_MS;
        }
        if (atomic_load(&s->is_stopping))
            close_listeners(s);
    }
}

void watch_kick(struct http_server *s)
{
    uint64_t one = 1;

    if (s->kick_fd >= 0 && write(s->kick_fd, &one, sizeof(one)) < 0)
        return; /* full: it is readable, which is all that a kick says */
}

bool watch_open(struct http_server *s, struct error *err)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->epoll_fd < 0 || s->kick_fd < 0 ||
        !epoll_set(s, EPOLL_CTL_ADD, WATCHED_KICK, s->kick_fd, EPOLLIN))
        return error_set(err, ERROR_UNAVAILABLE, "cannot watch sockets: %s",
                         strerrordesc_np(errno));
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (s->listeners[i] >= 0 &&
            !epoll_set(s, EPOLL_CTL_ADD, WATCHED_LISTENER, s->listeners[i], EPOLLIN))
            return error_set(err, ERROR_UNAVAILABLE, "cannot watch sockets: %s",
                             strerrordesc_np(errno));
    }
    return true;
}

bool watch_start(struct http_server *s, struct error *err)
{
    return thread_start(&s->watcher, "http-watch", watch_main, s, err);
}

void watch_stop(struct http_server *s)
{
    atomic_store(&s->is_quitting, true);
    watch_kick(s);
    thread_join(&s->watcher);
    close_listeners(s);
}

void watch_close(struct http_server *s)
{
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    if (s->kick_fd >= 0)
        close(s->kick_fd);
    s->epoll_fd = s->kick_fd = -1;
}

/*
 * listen.c - the sockets that a server answers on: bound here, or handed over ready by the caller.
 *
 * Unless the caller says that requests are authenticated, an address that other machines can reach is
 * refused here, whatever the configuration says; of sockets that are handed over too. "localhost"
 * means both 127.0.0.1 and ::1, because clients differ in which of the two they try; a machine without
 * IPv6 serves the first alone. "::" means every address of both families, as people expect it to.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define PRIVILEGED_PORTS 1024 /* below them a port needs a capability */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t address_len(const union address *at)
{
    return at->any.sa_family == AF_INET ? sizeof(at->in) : sizeof(at->in6);
}

static union address address_of(struct ip ip, uint16_t port)
{
    union address at = {.any.sa_family = ip.family == IP_V4 ? AF_INET : AF_INET6};

    if (ip.family == IP_V4) {
        at.in.sin_port = htons(port);
        memcpy(&at.in.sin_addr, ip.bytes, sizeof(at.in.sin_addr));
    } else {
        at.in6.sin6_port = htons(port);
        memcpy(&at.in6.sin6_addr, ip.bytes, sizeof(at.in6.sin6_addr));
    }
    return at;
}

static bool open_listener(struct ip ip, uint16_t port, int *out_fd)
{
    union address at = address_of(ip, port);
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* over TIME_WAIT, not a rival */
    if (ip.family == IP_V6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &at.any, address_len(&at)) != 0 || listen(fd, SOMAXCONN) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return false;
    }
    *out_fd = fd;
    return true;
}

static bool get_address(int fd, struct ip *out_ip, uint16_t *out_port)
{
    union address at = {0};
    socklen_t len = sizeof(at);

    if (getsockname(fd, &at.any, &len) != 0)
        return false;
    *out_ip = ip_from_sockaddr(&at.any);
    *out_port = ntohs(at.any.sa_family == AF_INET ? at.in.sin_port : at.in6.sin6_port);
    return out_ip->family != IP_NONE;
}

static bool bind_error(const struct http_options *o, struct error *err)
{
    if (errno == EADDRINUSE)
        return error_set(err, ERROR_UNAVAILABLE,
                         "port %u of " STR_FMT
                         " is in use by another program; stop it or choose another port",
                         o->port, STR_ARG(o->host));
    if (errno == EACCES && o->port < PRIVILEGED_PORTS)
        return error_set(err, ERROR_DENIED,
                         "cannot listen on port %u: ports below %d need the capability "
                         "CAP_NET_BIND_SERVICE (in a systemd unit AmbientCapabilities=, else "
                         "'setcap cap_net_bind_service=+ep' on the program), or a socket unit",
                         o->port, PRIVILEGED_PORTS);
    return error_set(err, ERROR_INVALID, "cannot listen on port %u of " STR_FMT ": %s", o->port,
                     STR_ARG(o->host), strerrordesc_np(errno));
}

static bool check_reach(const struct http_options *o, struct ip ip, struct str shown,
                        struct error *err)
{
    if (o->is_remote_allowed || ip_is_loopback(ip))
        return true;
    return error_set(err, ERROR_INVALID,
                     "cannot listen on '" STR_FMT "': other machines could reach it, and "
                     "there are no access tokens to keep them out; use localhost, 127.0.0.1 "
                     "or ::1",
                     STR_ARG(str_sub(shown, 0, 64)));
}

/* -- bound here ------------------------------------------------------------------------------ */

/* The first must work; the second, on the same port, is left out where the machine lacks it. */
static bool bind_both(struct http_server *s, struct ip first, struct ip second,
                      struct error *err)
{
    char text[IP_TEXT_MAX];
    struct ip ip;

    if (!open_listener(first, s->options.port, &s->listeners[0]))
        return bind_error(&s->options, err);
    get_address(s->listeners[0], &ip, &s->port);
    if (second.family != IP_NONE && !open_listener(second, s->port, &s->listeners[1]))
        log_event(LOG_INFO, "http.one_family", "missing=" STR_FMT " port=%u reason=\"%s\"",
                  STR_ARG(ip_text(second, text)), s->port, strerrordesc_np(errno));
    return true;
}

static bool bind_host(struct http_server *s, struct error *err)
{
    static const struct ip any_v4 = {IP_V4, {0}}, any_v6 = {IP_V6, {0}};
    static const struct ip own_v4 = {IP_V4, {127, 0, 0, 1}}, own_v6 = {IP_V6, {[15] = 1}};
    const struct http_options *o = &s->options;
    struct ip ip = {0};

    if (str_eq_ascii_case(o->host, STR("localhost")))
        return bind_both(s, own_v4, own_v6, err);
    if (!ip_parse(o->host, &ip))
        return error_set(err, ERROR_INVALID,
                         "cannot listen on '" STR_FMT "': use an address of this machine, or "
                         "localhost",
                         STR_ARG(str_sub(o->host, 0, 64)));
    if (!check_reach(o, ip, o->host, err))
        return false;
    if (ip_eq(ip, any_v6))
        return bind_both(s, any_v4, any_v6, err);
    return bind_both(s, ip, (struct ip){0}, err);
}

/* -- handed over ----------------------------------------------------------------------------- */

static bool is_tcp_listener(int fd)
{
    int kind = 0, is_listening = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len) == 0 && kind == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 && is_listening;
}

static bool adopt_one(struct http_server *s, int fd, int *to, struct error *err)
{
    char text[IP_TEXT_MAX];
    struct ip ip;
    uint16_t port;

    if (!is_tcp_listener(fd) || !get_address(fd, &ip, &port))
        return error_set(err, ERROR_INVALID,
                         "the socket that was handed over as descriptor %d does not listen for "
                         "TCP; check ListenStream= in the socket unit",
                         fd);
    if (!check_reach(&s->options, ip, ip_text(ip, text), err))
        return false;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *to = fd;
    if (s->port == 0) {
        s->port = port;
        s->options.host = arena_dup(&s->arena, ip_text(ip, text));
    }
    log_event(LOG_INFO, "http.handed_over", "address=" STR_FMT " port=%u",
              STR_ARG(ip_text(ip, text)), port);
    return true;
}

static bool adopt(struct http_server *s, struct error *err)
{
    const struct http_options *o = &s->options;

    if (o->n_listeners > HTTP_LISTENERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu sockets were handed over; use at most %d",
                         o->n_listeners, HTTP_LISTENERS_MAX);
    for (size_t i = 0; i < o->n_listeners; i++) {
        if (!adopt_one(s, o->listeners[i], &s->listeners[i], err))
            return false;
    }
    return true;
}

bool server_bind(struct http_server *s, struct error *err)
{
    return s->options.n_listeners > 0 ? adopt(s, err) : bind_host(s, err);
}

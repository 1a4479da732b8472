/*
 * listen.c - the addresses that a server answers on: loopback ones.
 *
 * There are no access tokens, so an address that other machines can reach is refused here, whatever
 * the caller's configuration says. "localhost" means both 127.0.0.1 and ::1, because clients differ
 * in which of the two they try; a machine without IPv6 serves the first alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t address_len(const union address *at)
{
    return at->any.sa_family == AF_INET ? sizeof(at->in) : sizeof(at->in6);
}

static union address ipv4(struct in_addr addr, uint16_t port)
{
    return (union address){
        .in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr}};
}

static union address ipv6(struct in6_addr addr, uint16_t port)
{
    return (union address){
        .in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = addr}};
}

static bool open_listener(const union address *at, int *out_fd)
{
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* over TIME_WAIT, not a rival */
    if (at->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &at->any, address_len(at)) != 0 || listen(fd, SOMAXCONN) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return false;
    }
    *out_fd = fd;
    return true;
}

static uint16_t bound_port(int fd)
{
    union address at = {0};
    socklen_t len = sizeof(at);

    getsockname(fd, &at.any, &len);
    return ntohs(at.any.sa_family == AF_INET ? at.in.sin_port : at.in6.sin6_port);
}

static bool bind_error(const struct http_options *o, struct error *err)
{
    if (errno == EADDRINUSE)
        return error_set(err, ERROR_UNAVAILABLE,
                         "port %u of " STR_FMT
                         " is in use by another program; stop it or choose another port",
                         o->port, STR_ARG(o->host));
    return error_set(err, ERROR_UNAVAILABLE, "cannot listen on port %u of " STR_FMT ": %s",
                     o->port, STR_ARG(o->host), strerrordesc_np(errno));
}

static bool bind_localhost(struct http_server *s, struct error *err)
{
    union address at = ipv4((struct in_addr){htonl(INADDR_LOOPBACK)}, s->options.port);

    if (!open_listener(&at, &s->listeners[0]))
        return bind_error(&s->options, err);
    s->port = bound_port(s->listeners[0]);
    at = ipv6(in6addr_loopback, s->port);
    if (!open_listener(&at, &s->listeners[1]))
        log_event(LOG_INFO, "http.no_ipv6", "address=::1 port=%u reason=\"%s\"", s->port,
                  strerrordesc_np(errno));
    return true;
}

bool server_bind(struct http_server *s, struct error *err)
{
    const struct http_options *o = &s->options;
    struct in_addr in;
    struct in6_addr in6;
    union address at;
    const char *host = arena_cstr(&s->arena, o->host);

    if (str_eq_ascii_case(o->host, STR("localhost")))
        return bind_localhost(s, err);
    if (inet_pton(AF_INET, host, &in) == 1 && ntohl(in.s_addr) >> 24 == 127)
        at = ipv4(in, o->port);
    else if (inet_pton(AF_INET6, host, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6))
        at = ipv6(in6, o->port);
    else
        return error_set(
            err, ERROR_INVALID,
            "cannot listen on '" STR_FMT "': other machines could reach it, and "
            "there are no access tokens to keep them out; use localhost, 127.0.0.1 "
            "or ::1",
            STR_ARG(str_sub(o->host, 0, 64)));
    if (!open_listener(&at, &s->listeners[0]))
        return bind_error(o, err);
    s->port = bound_port(s->listeners[0]);
    return true;
}

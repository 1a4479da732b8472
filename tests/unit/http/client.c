/* client.c - see client.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/client.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool client_open(struct client *c, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_deinit(&c->in);
    arena_deinit(&c->arena);
}

bool client_send_bytes(struct client *c, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    return true;
}

bool client_send(struct client *c, const char *fmt, ...)
{
    AUTO_BUF text = {0};
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    return client_send_bytes(c, buf_str(&text));
}

/* False: closed, reset, or nothing came in time. */
static bool receive(struct client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char *to = buf_room(&c->in, 65536);
    ssize_t n;

    if (poll(&p, 1, CLIENT_TIMEOUT_MS) != 1)
        return false;
    n = recv(c->fd, to, 65536, 0);
    if (n <= 0)
        return false;
    c->in.len += (size_t)n;
    return true;
}

/* Takes the first n bytes, waiting for them. */
static bool take(struct client *c, size_t n, struct str *out)
{
    while (c->in.len < n) {
        if (!receive(c))
            return false;
    }
    *out = arena_dup(&c->arena, str_sub(buf_str(&c->in), 0, n));
    buf_drop_front(&c->in, n);
    return true;
}

/* Takes everything up to the text end, and the end too, which out does not hold. */
static bool take_until(struct client *c, struct str end, struct str *out)
{
    size_t at;

    while (!str_find(buf_str(&c->in), end, &at)) {
        if (!receive(c))
            return false;
    }
    if (!take(c, at + end.len, out))
        return false;
    *out = str_sub(*out, 0, at);
    return true;
}

struct str reply_header(const struct reply *r, const char *name)
{
    struct str rest = r->head, line, key, value;

    while (str_next(&rest, '\n', &line)) {
        if (str_cut(line, ':', &key, &value) && str_eq_ascii_case(key, str_c(name)))
            return str_trim(value);
    }
    return (struct str){0};
}

struct reply client_read_head(struct client *c)
{
    struct reply r = {0};

    if (!take_until(c, STR("\r\n\r\n"), &r.head))
        return (struct reply){0};
    r.status = atoi(str_sub(r.head, sizeof("HTTP/1.1"), r.head.len).ptr);
    return r;
}

struct str client_read_chunk(struct client *c)
{
    struct str size, data = {0};
    size_t n;

    if (!take_until(c, STR("\r\n"), &size))
        return (struct str){0};
    n = strtoul(size.ptr, NULL, 16);
    if (!take(c, n + 2, &data) || n == 0)
        return (struct str){0};
    return str_sub(data, 0, n);
}

struct reply client_read(struct client *c)
{
    struct reply r = client_read_head(c);
    struct str length = reply_header(&r, "Content-Length"), piece;
    AUTO_BUF body = {0};
    int64_t n = 0;

    if (r.status == 0)
        return r;
    if (length.ptr && str_to_int(length, &n)) {
        if (!take(c, (size_t)n, &r.body))
            r.status = 0;
        return r;
    }
    if (!reply_header(&r, "Transfer-Encoding").ptr)
        return r;
    while ((piece = client_read_chunk(c)).ptr)
        buf_add(&body, piece);
    r.body = arena_dup(&c->arena, buf_str(&body));
    return r;
}

bool client_sees_close(struct client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char byte;

    if (poll(&p, 1, CLIENT_TIMEOUT_MS) != 1)
        return false;
    return recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}

struct reply client_ask(struct client *c, uint16_t port, const char *request)
{
    struct reply r = {0};

    if (client_open(c, port) && client_send(c, "%s", request))
        r = client_read(c);
    return r;
}

/*
 * load.c - a client that keeps requests under way on several connections.
 *
 *     bench_load PORT CONNECTIONS REQUESTS < BODIES
 *
 * BODIES has a JSON body in each line; they are sent to /mcp in turn, from the start again when all were
 * sent. Prints, in this order: requests per second, and the median and the 99th percentile of the time from
 * the first byte sent to the last one received, in microseconds; then how many answers were not 200 or
 * carried an error. One thread does it all: of few cores it leaves most to the server.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/vec.h"

#define REPLY_MAX ((size_t)1 << 20)

struct bodies VEC(char *);

struct connection {
    struct buf reply;
    int64_t since_us;
};

struct load {
    struct bodies bodies;
    size_t n_sent, n_done, n_wanted, n_bad;
    int64_t *us;
};

static void must(bool is_ok, const char *what)
{
    if (is_ok)
        return;
    perror(what);
    exit(1);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0, "connect");
    return fd;
}

static void ask(struct load *l, struct connection *c, int fd)
{
    AUTO_BUF b = {0};
    const char *body = l->bodies.ptr[l->n_sent++ % l->bodies.len];

    buf_printf(&b,
               "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Accept: application/json, text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
               strlen(body), body);
    c->reply.len = 0;
    c->since_us = clock_monotonic_us();
    must(send(fd, b.ptr, b.len, 0) == (ssize_t)b.len, "send");
}

/* Whether the reply has come whole: its head and as many bytes as that says. */
static bool is_whole(const struct buf *reply)
{
    const char *text = buf_cstr((struct buf *)(uintptr_t)reply);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = end ? strcasestr(text, "\r\ncontent-length:") : NULL;

    must(!end || (length && length < end), "a reply without a length");
    return end && reply->len >= (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
}

static bool is_bad(const struct buf *reply)
{
    const char *text = buf_cstr((struct buf *)(uintptr_t)reply);

    return strncmp(text, "HTTP/1.1 200", 12) != 0 || strstr(text, "\"error\":") ||
           strstr(text, "\"isError\":true");
}

/* What has arrived; true: a request is done. */
static bool receive(struct load *l, struct connection *c, int fd)
{
    char bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    must(n > 0, "recv");
    buf_add(&c->reply, str_n(bytes, (size_t)n));
    must(c->reply.len < REPLY_MAX, "a longer reply than expected");
    if (!is_whole(&c->reply))
        return false;
    l->us[l->n_done++] = clock_monotonic_us() - c->since_us;
    l->n_bad += is_bad(&c->reply);
    return true;
}

static void run(struct load *l, uint16_t port, size_t n)
{
    struct pollfd *fds = NEW_ARRAY(struct pollfd, n);
    struct connection *connections = NEW_ARRAY(struct connection, n);

    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = connect_to(port), .events = POLLIN};
        ask(l, &connections[i], fds[i].fd);
    }
    while (l->n_done < l->n_wanted) {
        must(poll(fds, n, -1) > 0, "poll");
        for (size_t i = 0; i < n && l->n_done < l->n_wanted; i++) {
            if (fds[i].revents && receive(l, &connections[i], fds[i].fd))
                ask(l, &connections[i], fds[i].fd);
        }
    }
    for (size_t i = 0; i < n; i++) {
        close(fds[i].fd);
        buf_deinit(&connections[i].reply);
    }
    free(fds);
    free(connections);
}

static void read_bodies(struct bodies *out)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0)
        VEC_PUSH(out, mem_dup(str_trim(str_n(line, (size_t)len))));
    free(line);
    must(out->len > 0, "no bodies");
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    struct load l = {0};
    int64_t start_us;

    if (argc != 4) {
        fprintf(stderr, "usage: bench_load PORT CONNECTIONS REQUESTS < BODIES\n");
        return 1;
    }
    read_bodies(&l.bodies);
    l.n_wanted = MAX(strtoul(argv[3], NULL, 10), 1ul);
    l.us = NEW_ARRAY(int64_t, l.n_wanted);
    start_us = clock_monotonic_us();
    run(&l, (uint16_t)strtoul(argv[1], NULL, 10), MAX(strtoul(argv[2], NULL, 10), 1ul));
    start_us = clock_monotonic_us() - start_us;
    qsort(l.us, l.n_wanted, sizeof(*l.us), compare);
    printf("%.1f %lld %lld %zu\n", (double)l.n_wanted * 1e6 / (double)start_us,
           (long long)l.us[l.n_wanted / 2], (long long)l.us[l.n_wanted * 99 / 100], l.n_bad);
    for (size_t i = 0; i < l.bodies.len; i++)
        free(l.bodies.ptr[i]);
    VEC_DEINIT(&l.bodies);
    free(l.us);
    return 0;
}

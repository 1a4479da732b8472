/*
 * load.c - a client that keeps requests under way on several connections.
 *
 *     bench_load PORT CONNECTIONS REQUESTS [PER_SECOND] < BODIES
 *
 * BODIES has a JSON body in each line; they are sent to /mcp in turn, from the start again when all were
 * sent. Without PER_SECOND each connection asks again as soon as it has its answer (a closed loop).
 * With it requests fall due at random moments, so many in a second on average, and each is sent
 * on the next connection that is free; its time counts from when it was due, so that waiting for a connection
 * is not overlooked (an open loop).
 *
 * Prints requests per second and how many answers were not 200 or carried an error; in a second line
 * the microseconds from the first byte sent (or due) to the last one received, in the order of the answers.
 * One thread does it all: of few cores it leaves most to the server.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
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
    bool is_busy;
};

struct load {
    struct bodies bodies;
    size_t n_sent, n_done, n_wanted, n_bad;
    int64_t *us;
    struct pollfd *fds;
    struct connection *connections;
    size_t n;
    uint16_t port;
    double gap_us; /* between requests on average; 0: a closed loop */
    double due_us; /* the next one */
    uint64_t random;
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

static void ask(struct load *l, size_t i, int64_t since_us)
{
    AUTO_BUF b = {0};
    struct connection *c = &l->connections[i];
    const char *body = l->bodies.ptr[l->n_sent++ % l->bodies.len];

    buf_printf(&b,
               "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Accept: application/json, text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
               strlen(body), body);
    c->reply.len = 0;
    c->since_us = since_us;
    c->is_busy = true;
    must(send(l->fds[i].fd, b.ptr, b.len, 0) == (ssize_t)b.len, "send");
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

/* What has arrived. */
static void receive(struct load *l, size_t i)
{
    struct connection *c = &l->connections[i];
    char bytes[65536];
    ssize_t n = recv(l->fds[i].fd, bytes, sizeof(bytes), 0);

    if (n == 0 && !c->is_busy) { /* it was idle for too long */
        close(l->fds[i].fd);
        l->fds[i].fd = connect_to(l->port);
        return;
    }
    must(n > 0, "recv");
    buf_add(&c->reply, str_n(bytes, (size_t)n));
    must(c->reply.len < REPLY_MAX, "a longer reply than expected");
    if (!is_whole(&c->reply))
        return;
    l->us[l->n_done++] = clock_monotonic_us() - c->since_us;
    l->n_bad += is_bad(&c->reply);
    c->is_busy = false;
}

/* An exponential gap: requests of many independent clients. The same ones in every run. */
static double next_gap(struct load *l)
{
    l->random = l->random * 6364136223846793005u + 1442695040888963407u;
    return -log(1 - (double)(l->random >> 11) / (double)(1ull << 53)) * l->gap_us;
}

static bool is_due(const struct load *l)
{
    return l->n_sent < l->n_wanted && l->due_us <= (double)clock_monotonic_us();
}

/* Sends what is due on the connections that are free. */
static void ask_due(struct load *l)
{
    for (size_t i = 0; i < l->n && l->n_sent < l->n_wanted; i++) {
        if (l->connections[i].is_busy)
            continue;
        if (l->gap_us <= 0) {
            ask(l, i, clock_monotonic_us());
        } else if (is_due(l)) {
            ask(l, i, (int64_t)l->due_us);
            l->due_us += next_gap(l);
        }
    }
}

/* Until something arrives, or the next request falls due while a connection is free. */
static void wait_for_work(const struct load *l)
{
    int64_t wait_us = (int64_t)l->due_us - clock_monotonic_us();
    struct timespec wait = {MAX(wait_us, 0) / 1000000, MAX(wait_us, 0) % 1000000 * 1000};
    bool has_free = false;

    for (size_t i = 0; i < l->n; i++)
        has_free |= !l->connections[i].is_busy;
    must(ppoll(l->fds, l->n, has_free && l->n_sent < l->n_wanted ? &wait : NULL, NULL) >= 0,
         "poll");
}

static void run(struct load *l)
{
    l->fds = NEW_ARRAY(struct pollfd, l->n);
    l->connections = NEW_ARRAY(struct connection, l->n);
    for (size_t i = 0; i < l->n; i++)
        l->fds[i] = (struct pollfd){.fd = connect_to(l->port), .events = POLLIN};
    l->due_us = (double)clock_monotonic_us();
    while (l->n_done < l->n_wanted) {
        ask_due(l);
        wait_for_work(l);
        for (size_t i = 0; i < l->n; i++) {
            if (l->fds[i].revents)
                receive(l, i);
        }
    }
    for (size_t i = 0; i < l->n; i++) {
        close(l->fds[i].fd);
        buf_deinit(&l->connections[i].reply);
    }
    free(l->fds);
    free(l->connections);
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

static void print(const struct load *l, int64_t us)
{
    printf("%.1f %zu\n", (double)l->n_done * 1e6 / (double)us, l->n_bad);
    for (size_t i = 0; i < l->n_done; i++)
        printf("%lld ", (long long)l->us[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct load l = {.random = 1};
    int64_t start_us;

    if (argc < 4) {
        fprintf(stderr, "usage: bench_load PORT CONNECTIONS REQUESTS [PER_SECOND] < BODIES\n");
        return 1;
    }
    read_bodies(&l.bodies);
    l.n = MAX(strtoul(argv[2], NULL, 10), 1ul);
    l.n_wanted = MAX(strtoul(argv[3], NULL, 10), 1ul);
    l.gap_us = argc > 4 ? 1e6 / strtod(argv[4], NULL) : 0;
    l.us = NEW_ARRAY(int64_t, l.n_wanted);
    l.port = (uint16_t)strtoul(argv[1], NULL, 10);
    start_us = clock_monotonic_us();
    run(&l);
    print(&l, clock_monotonic_us() - start_us);
    for (size_t i = 0; i < l.bodies.len; i++)
        free(l.bodies.ptr[i]);
    VEC_DEINIT(&l.bodies);
    free(l.us);
    return 0;
}

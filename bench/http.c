/*
 * http.c - how many small POST requests a server of one route answers, and how fast.
 *
 *     bench_http [CONNECTIONS [SECONDS]]
 *
 * One client thread in this process keeps one request under way on each connection; so the figures
 * include the client's own work, and on few cores it competes with the server.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/vec.h"

#define REQUEST                                                                                \
    "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"             \
    "Content-Length: 50\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"     }"

struct latencies VEC(int64_t);

static void handle_echo(struct http_request *r, void *ctx)
{
    (void)ctx;
    buf_add(http_reply_body(r), http_body(r));
    http_reply(r, 200, "application/json");
}

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

static void ask(int fd, int64_t *out_since_us)
{
    *out_since_us = clock_monotonic_us();
    must(send(fd, REQUEST, strlen(REQUEST), 0) == (ssize_t)strlen(REQUEST), "send");
}

static void run(uint16_t port, size_t n, int64_t until_us, struct latencies *out)
{
    struct pollfd *fds = NEW_ARRAY(struct pollfd, n);
    int64_t *since_us = NEW_ARRAY(int64_t, n);
    char bytes[4096];

    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = connect_to(port), .events = POLLIN};
        ask(fds[i].fd, &since_us[i]);
    }
    while (clock_monotonic_us() < until_us) {
        must(poll(fds, n, 1000) > 0, "poll");
        for (size_t i = 0; i < n; i++) {
            if (!fds[i].revents)
                continue;
            must(recv(fds[i].fd, bytes, sizeof(bytes), 0) > 0, "recv"); /* small: comes whole */
            VEC_PUSH(out, clock_monotonic_us() - since_us[i]);
            ask(fds[i].fd, &since_us[i]);
        }
    }
    for (size_t i = 0; i < n; i++)
        close(fds[i].fd);
    free(fds);
    free(since_us);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)atoi(argv[1]) : 32;
    int64_t seconds = argc > 2 ? atoi(argv[2]) : 3;
    struct http_options options = {.host = STR("127.0.0.1")};
    struct latencies latencies = {0};
    struct http_server *s;
    struct error err = {0};

    must(http_server_new(&options, &s, &err), err.text);
    http_server_add(s, &(struct http_route){.method = "POST",
                                            .path = "/echo",
                                            .body = HTTP_BODY_JSON,
                                            .handle = handle_echo});
    must(http_server_start(s, &err), err.text);
    run(http_server_port(s), n, clock_monotonic_us() + seconds * 1000000, &latencies);
    http_server_free(s);
    qsort(latencies.ptr, latencies.len, sizeof(*latencies.ptr), compare);
    printf(
        "%zu connections, %ld cores, %lld s: %.0f requests/s, median %lld us, 99%% %lld us\n",
        n, sysconf(_SC_NPROCESSORS_ONLN), (long long)seconds,
        (double)latencies.len / (double)seconds, (long long)latencies.ptr[latencies.len / 2],
        (long long)latencies.ptr[latencies.len * 99 / 100]);
    VEC_DEINIT(&latencies);
    return 0;
}

/*
 * bare.c - libmicrohttpd by itself, with one answer: what an HTTP server here can reach at most.
 *
 *     bench_bare BYTES THREADS
 *
 * Prints its port, answers every request with that many bytes of JSON once the body has come, and ends
 * with its standard input.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *response;

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_len, void **state)
{
    (void)ctx, (void)url, (void)method, (void)version, (void)body;
    if (!*state) {
        *state = &response; /* the head has come; wait for the body */
        return MHD_YES;
    }
    if (*body_len) {
        *body_len = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    size_t n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    char *bytes = n ? malloc(n) : NULL, end;
    struct MHD_Daemon *daemon;

    if (!bytes) {
        fprintf(stderr, "usage: bench_bare BYTES THREADS\n");
        return 1;
    }
    memset(bytes, ' ', n);
    response = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "application/json");
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL,
                              MHD_OPTION_THREAD_POOL_SIZE, (unsigned)strtoul(argv[2], NULL, 10),
                              MHD_OPTION_END);
    if (!daemon)
        return 1;
    printf("%d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}

/*
 * client.h - a small HTTP client on a raw socket, for tests that must control every byte.
 *
 * Reading waits at most CLIENT_TIMEOUT_MS; a test that needs longer than that has failed.
 * Owner: client_close() frees; a reply lives in the client until the next one is read.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define CLIENT_TIMEOUT_MS 20000

struct client {
    int fd;
    struct buf in; /* bytes received and not yet used */
    struct arena arena;
};

struct reply {
    int status; /* 0: the server closed the connection, or did not answer in time */
    struct str head;
    struct str body;
};

bool client_open(struct client *c, uint16_t port); /* at 127.0.0.1 */
void client_close(struct client *c);
bool client_send(struct client *c, const char *fmt, ...) PRINTF(2, 3);
bool client_send_bytes(struct client *c, struct str bytes);

struct reply client_read(struct client *c);      /* a whole reply, chunked or not */
struct reply client_read_head(struct client *c); /* only its head: what follows is a stream */
/* The next piece of a chunked body: ptr NULL at its end or when the connection closes. */
struct str client_read_chunk(struct client *c);
bool client_sees_close(struct client *c); /* the server closes or resets the connection */

struct str reply_header(const struct reply *r, const char *name); /* ptr NULL: absent */

/* One request on a connection of its own. */
struct reply client_ask(struct client *c, uint16_t port, const char *request);

#endif

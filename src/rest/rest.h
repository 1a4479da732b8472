/*
 * rest.h - the REST interface: plain JSON over HTTP, for scripts and the dashboard.
 *
 * Refusals and failures have the body {"detail": "one line"}, which clients of the reference read.
 *
 * Threads  rest_add() from the main thread; handlers run on HTTP threads.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REST_REST_H
#define REST_REST_H

#include "http/http.h"
#include "memory/memory.h"

/* Registers the routes on a server that is not started yet. Both are borrowed for its life. */
void rest_add(struct http_server *http, struct memory_service *memory);

#endif

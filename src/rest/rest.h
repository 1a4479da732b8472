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

#include "auth/auth.h"
#include "base/thread.h"
#include "gate/gate.h"
#include "http/http.h"
#include "memory/memory.h"

/* Registers the routes on a server that is not started yet. Both are borrowed for its life. */
void rest_add(struct http_server *http, struct memory_service *memory);

/* The authorization server: its endpoints and pages. */
struct rest_oauth_options {   /* all borrowed */
    struct http_server *http; /* not started yet; outlived by what is made here */
    struct auth *auth;
    struct gate *gate;
    struct pool *pool; /* for passwords, and documents of clients */
    bool has_api_key;  /* there is an MCP_API_KEY, by which the owner may log in */
    struct str path_prefix;
};
struct rest_oauth;
struct rest_oauth *rest_oauth_new(const struct rest_oauth_options *options);
void rest_oauth_free(struct rest_oauth *site); /* takes NULL */

/* Where a one-time link leads. In the arena. */
struct str rest_link_url(struct arena *a, struct str base, struct str token);

#endif

/*
 * access.h - who may come to the HTTP server: people, tokens and keys, the gate, and the routes for them.
 *
 * Owner    access_close() closes what access_open() opened, and takes NULL; after the HTTP server and the pool.
 * Threads  the main thread; one of its own tidies the database of people now and then.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCESS_H
#define ACCESS_H

#include "auth/auth.h"
#include "base/thread.h"
#include "config/config.h"
#include "gate/gate.h"
#include "http/http.h"

struct access;

/* What the settings ask for: nothing, keys, or OAuth. Both are borrowed. */
NODISCARD bool access_open(const struct config *config, struct pool *pool, struct access **out,
                           struct error *err);
void access_close(struct access *x);

/* The database of people alone, for commands, also while a server runs on it. auth_close() it. */
NODISCARD bool access_open_database(const struct config *config, struct auth **out,
                                    struct error *err);
/* What people call the server, as far as settings say; empty if they do not. In the arena. */
struct str access_url(struct arena *a, const struct config *config);

struct gate *access_gate(const struct access *x); /* borrowed */
void access_add_routes(struct access *x, struct http_server *http);
/* Prints the one-time link that creates the owner's account, as long as there is none. */
NODISCARD bool access_offer_ownership(struct access *x, const struct http_server *http,
                                      struct error *err);

#endif

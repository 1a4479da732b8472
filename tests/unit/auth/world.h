/*
 * world.h - a server with an owner, a member and a reader, and clients that ask it for things.
 *
 * Nobody in it has a password that can be typed: hashing one takes a tenth of a second, and only test_people.c
 * is about that.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AUTH_WORLD_H
#define TESTS_UNIT_AUTH_WORLD_H

#include "auth/auth_int.h"

#include "tests/support/test.h"

#define BASE      "https://host.example"
#define CALLBACK  "https://claude.ai/api/mcp/auth_callback"
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" /* RFC 7636, appendix B */
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define START_MS  ((int64_t)1800000000000)

struct world {
    char dir[64];
    const char *path;
    struct auth_options options;
    struct auth *x;
    struct arena a;
    struct auth_request r; /* its arena is a */
    struct auth_session owner, member, reader;
    const char *client; /* public, for CALLBACK */
};

void world_init(struct world *w, const struct auth_options *options); /* NULL: the defaults */
void world_deinit(struct world *w);
#define WORLD(name)                                                                            \
    AUTO(world_deinit) struct world name;                                                      \
    world_init(&name, NULL)

void world_come_from(struct world *w, const char *address); /* kept */

struct auth *world_open_again(struct world *w); /* as another process would; auth_close() it */

/* A string member of a JSON object; empty if there is none. */
struct str member_of(struct world *w, struct str json, const char *key);
int64_t number_of(struct str json, const char *key);
/* A parameter of a redirect, decoded; ptr NULL: absent. */
struct str param_of(struct world *w, struct str location, const char *name);

/* Registers a client, as JSON; its id. */
const char *world_register(struct world *w, const char *metadata, struct auth_answer *out);

struct asking { /* NULL: the usual; "": left out */
    const char *client, *redirect_uri, *state, *challenge, *method, *scope, *resource, *type;
    const char *more; /* appended as it is */
};
const char *world_query(struct world *w, const struct asking *q);
struct auth_page world_authorize(struct world *w, const struct asking *q,
                                 const struct auth_session *who);
struct auth_page world_consent(struct world *w, const struct asking *q,
                               const struct auth_session *who, const struct auth_decision *d);

/* A code for the owner's everything. */
const char *world_code(struct world *w, const struct asking *q);
struct auth_answer world_token(struct world *w, const char *authorization, const char *fmt, ...)
    PRINTF(3, 4);
struct auth_answer world_redeem(struct world *w, const char *code); /* as the usual client */
struct auth_answer world_refresh(struct world *w, struct str token);
struct str world_access(struct world *w); /* an access token of the owner */

enum auth_verdict world_check(struct world *w, struct str token, struct auth_principal *out);

/* The answer is this error, in the form of RFC 6749. */
#define CHECK_REFUSED(w, answer, want_status, want_error)                                      \
    do {                                                                                       \
        CHECK_INT((answer).status, want_status);                                               \
        CHECK_STR(member_of((w), (answer).body, "error"), want_error);                         \
    } while (0)

#endif

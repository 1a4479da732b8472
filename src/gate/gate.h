/*
 * gate.h - the one place that turns a request into who is calling and what they may do.
 *
 * A layer of its own: transport/ and rest/ both ask here, and neither is below the other. It decides nothing
 * about tokens (auth/ does) and nothing about tools (their tables do).
 *
 *   no credentials   came straight from this machine: everything, as "local"; else, where that is allowed,
 *                    reading and writing the space "default", as "anonymous"; else 401
 *   credentials      the principal behind them, or 401; what is no credential at all, or stands in the
 *                    query: 400
 *   space            one that the caller may not use: 403
 *
 * Credentials that are wrong are never passed over in favour of being here.
 *
 * Threads  any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "auth/auth.h"
#include "http/http.h"
#include "model/model.h"

struct gate_options {
    struct auth *auth;      /* borrowed; NULL: there are no tokens and keys */
    bool is_oauth;          /* clients can get tokens: challenges say where */
    bool is_anonymous;      /* whoever reaches us may come in without credentials */
    struct str path_prefix; /* what a proxy cuts off; may be empty. Borrowed */
};

struct gate;
struct gate *gate_new(const struct gate_options *options);
void gate_free(struct gate *g); /* takes NULL */

/* What a request is for. */
struct gate_target {
    struct str resource; /* what a token must be for: "/mcp", "/mcp/<space>", "/sse", or "" */
    struct str space;    /* as the path names it; empty: the caller's first */
    unsigned scopes;     /* what it needs in any case, for the challenge; not checked here */
};

struct gate_pass {
    struct caller caller; /* views live in the request's arena */
    struct str principal; /* what sessions are bound to: subject, client and space */
};

/* False: the request has been refused, with the challenge that it takes. */
bool gate_enter(struct gate *g, struct http_request *r, const struct gate_target *target,
                struct gate_pass *out);
/* The same, and the caller has all of target->scopes, else 403. */
bool gate_enter_for(struct gate *g, struct http_request *r, const struct gate_target *target,
                    struct gate_pass *out);
/* Adds the challenge of a 403 that a caller with more scopes would not get. Before http_reply(). */
void gate_add_step_up(struct gate *g, struct http_request *r, struct str resource,
                      unsigned scopes);

/* For auth/: everything about a request that it asks for. The arena is the request's. */
struct auth_request gate_auth_request(const struct gate *g, struct http_request *r);
/* Our origin as the client sees it, with the prefix. */
struct str gate_base(const struct gate *g, struct http_request *r);

/* "read write": for logs and texts. A literal. */
const char *gate_scope_names(unsigned scopes);

#endif

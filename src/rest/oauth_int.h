/*
 * oauth_int.h - what the OAuth endpoints and the pages share. Inside rest/.
 *
 * A visit is one request as text and its answer as text. Handlers know no more, so that one decision, in
 * oauth.c, sends those that take long to the pool, and so that a client may hang up meanwhile.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REST_OAUTH_INT_H
#define REST_OAUTH_INT_H

#include "rest/rest.h"

#include "rest/template.h"

#define VISIT_HEADERS_MAX 12

struct rest_oauth {
    struct rest_oauth_options options;
    struct arena arena; /* routes */
};

struct visit_header {
    const char *name;
    struct str value;
};

struct visit {
    struct rest_oauth *site;
    struct arena arena;
    uint64_t id;

    /* the request */
    struct auth_request ask; /* with this arena */
    struct str method, path, query, body;
    struct str authorization, cookies, fetch_site;
    bool is_secure;

    /* the answer */
    int status;
    const char *content_type; /* NULL: no body */
    struct buf reply;
    struct visit_header headers[VISIT_HEADERS_MAX];
    size_t n_headers;
};

typedef void visit_handle(struct visit *v);

void visit_header(struct visit *v, const char *name, struct str value);
void visit_log(const struct visit *v, const char *event, const char *fmt, ...) PRINTF(3, 4);

/* -- pages (pages.c) -- all are for people and their browsers ---------------------------------- */

visit_handle page_authorize_get, page_authorize_post, page_login_get, page_login_post,
    page_welcome_get, page_welcome_post, page_logout_post;
/* What strangers ask for that costs a place on the pool. False: answered, there were too many. */
bool page_admit(struct visit *v);
bool page_authorize_is_slow(struct visit *v);
bool page_authorize_post_is_slow(struct visit *v); /* it may be a log-in too */
bool page_password_is_slow(struct visit *v); /* always: hashing takes a tenth of a second */

/* -- a provider of log-ins (provider.c) -- */

visit_handle page_provider_post, page_provider_callback;
bool page_provider_is_slow(struct visit *v);

/* -- what pages are made with (pages.c) -- */

#define PAGE_SESSION_COOKIE "memoryd-session"

struct str page_cookie(const struct visit *v, const char *name); /* ptr NULL: none */
void page_set_cookie(struct visit *v, const char *name, struct str value, int64_t max_age_s);
struct str page_field(struct visit *v, const char *name); /* of the form that was posted */
/* The form is from a page of ours, for somebody who is not logged in. */
bool page_has_form_key(struct visit *v);
/* redirect_uri: where its forms may lead besides us; empty: nowhere. */
void page_send(struct visit *v, int status, struct str template, struct str title,
               struct str redirect_uri, const struct template_row *row);
void page_redirect(struct visit *v, struct str to);
void page_say_failure(struct visit *v, const struct error *err);
void page_say_stale(struct visit *v);

/* A page that says one thing. */
void page_say(struct visit *v, int status, struct str heading, struct str problem,
              struct str text);

/* "https://claude.ai", "cursor:": what a form may lead to besides us, as a source of a CSP. Empty: none. */
struct str page_form_target(struct arena *a, struct str redirect_uri);

#endif

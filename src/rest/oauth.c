/*
 * oauth.c - the endpoints of the authorization server: documents, registration, tokens; and how all visits run.
 *
 * What clients are told to use is below /oauth/; those of 2025-03-26 use the same names at the root without
 * asking. Answers for programs may be read by pages of any origin, without credentials; those for people may
 * not be framed, stored or read by any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/oauth_int.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "json/json.h"

#define CORS_HEADERS "Authorization, Content-Type, MCP-Protocol-Version"

struct endpoint {
    const char *method;
    const char *path; /* below /oauth and at the root, unless it is_once */
    enum http_body_kind body;
    visit_handle *handle;
    bool (*admit)(
        struct visit *v); /* before all else; false: it has answered. NULL: everybody */
    bool (*is_slow)(struct visit *v); /* NULL: never */
    bool is_page;
    bool is_once; /* path is whole */
};

struct mount { /* the context of a route */
    struct rest_oauth *site;
    const struct endpoint *endpoint;
};

/* -- visits ---------------------------------------------------------------------------------- */

void visit_header(struct visit *v, const char *name, struct str value)
{
    v->headers[v->n_headers++] = (struct visit_header){name, arena_dup(&v->arena, value)};
}

void visit_log(const struct visit *v, const char *event, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_event(v->status >= 400 ? LOG_WARN : LOG_INFO, event,
              "id=%llu ip=" STR_FMT " status=%d%s%s", (unsigned long long)v->id,
              STR_ARG(v->ask.peer), v->status, *text ? " " : "", text);
}

static void read_request(struct visit *v, struct http_request *r)
{
    struct arena *a = &v->arena;

    v->id = http_request_id(r);
    v->ask = gate_auth_request(v->site->options.gate, r);
    v->ask.arena = a;
    v->ask.base = arena_dup(a, v->ask.base);
    v->ask.peer = arena_dup(a, v->ask.peer);
    v->ask.payer = arena_dup(a, v->ask.payer);
    v->method = arena_dup(a, http_method(r));
    v->path = arena_dup(a, http_path(r));
    v->query = arena_dup(a, http_query(r));
    v->body = arena_dup(a, http_body(r));
    v->authorization = arena_dup(a, http_header(r, STR("Authorization")));
    v->cookies = arena_dup(a, http_header(r, STR("Cookie")));
    v->fetch_site = arena_dup(a, http_header(r, STR("Sec-Fetch-Site")));
    v->is_secure = http_is_secure(r);
}

static void write_reply(struct visit *v, struct http_request *r)
{
    for (size_t i = 0; i < v->n_headers; i++)
        http_reply_header(r, v->headers[i].name, v->headers[i].value);
    buf_add(http_reply_body(r), buf_str(&v->reply));
    http_reply(r, v->status, v->content_type);
}

static void visit_deinit(struct visit *v)
{
    buf_deinit(&v->reply);
    arena_deinit(&v->arena);
}

/* -- visits that take long ------------------------------------------------------------------- */

struct slow_visit { /* held by the request and by the job */
    struct visit visit;
    const struct endpoint *endpoint;

    struct mutex lock;            /* guards the rest */
    struct http_request *request; /* NULL: gone */
    bool is_done;
    int n_holders;
};

static void slow_drop(struct slow_visit *s)
{
    bool is_last;

    mutex_lock(&s->lock);
    is_last = --s->n_holders == 0;
    mutex_unlock(&s->lock);
    if (!is_last)
        return;
    mutex_deinit(&s->lock);
    visit_deinit(&s->visit);
    free(s);
}

static void slow_run(void *arg)
{
    struct slow_visit *s = arg;

    s->endpoint->handle(&s->visit);
    mutex_lock(&s->lock);
    s->is_done = true;
    if (s->request)
        http_wake(s->request);
    mutex_unlock(&s->lock);
    slow_drop(s);
}

static void slow_resume(struct http_request *r, void *ctx)
{
    struct slow_visit *s = ctx;
    bool is_done;

    mutex_lock(&s->lock);
    is_done = s->is_done;
    mutex_unlock(&s->lock);
    if (is_done)
        write_reply(&s->visit, r);
}

static void slow_close(void *ctx)
{
    struct slow_visit *s = ctx;

    mutex_lock(&s->lock);
    s->request = NULL;
    mutex_unlock(&s->lock);
    slow_drop(s);
}

static void run_on_pool(struct visit *v, const struct endpoint *e, struct http_request *r)
{
    static const struct http_answer answer = {.resume = slow_resume, .close = slow_close};
    struct slow_visit *s = NEW(struct slow_visit);
    char quoted[LOG_QUOTE_MAX];
    struct error err = {0};

    s->visit = *v;
    s->visit.ask.arena = &s->visit.arena;
    s->endpoint = e;
    s->request = r;
    s->n_holders = 2;
    mutex_init(&s->lock);
    http_answer_later(r, &answer, s);
    if (pool_submit(v->site->options.pool, slow_run, s, &err))
        return;
    log_event(LOG_WARN, "transport.busy", "reason=%s", log_quote(str_c(err.text), quoted));
    s->visit.status = 503;
    visit_header(&s->visit, "Retry-After", STR("2"));
    mutex_lock(&s->lock);
    s->is_done = true;
    mutex_unlock(&s->lock);
    slow_drop(s);
}

/* -- answers for programs -------------------------------------------------------------------- */

static void refuse(struct visit *v, int status, const char *error, const char *description)
{
    json_t *j =
        json_must(json_pack("{s:s, s:s}", "error", error, "error_description", description));

    v->status = status;
    v->content_type = "application/json";
    json_write(&v->reply, j);
    json_decref(j);
    visit_header(v, "Cache-Control", STR("no-store"));
}

static void send_answer(struct visit *v, const struct auth_answer *a)
{
    v->status = a->status;
    v->content_type = a->body.len > 0 ? "application/json" : NULL;
    buf_add(&v->reply, a->body);
    visit_header(v, "Cache-Control", a->is_public ? STR("max-age=3600") : STR("no-store"));
    if (!a->is_public)
        visit_header(v, "Pragma", STR("no-cache")); /* RFC 6749 5.1 */
    if (a->challenge.len > 0)
        visit_header(v, "WWW-Authenticate", a->challenge);
    if (a->retry_after_s > 0)
        visit_header(v, "Retry-After", arena_printf(&v->arena, "%d", a->retry_after_s));
}

/* Escaped again as clients write it, slashes left alone. */
static struct str wire_path(struct arena *a, struct str path)
{
    AUTO_BUF out = {0};
    struct str rest = path, segment;
    bool is_first = true;

    while (str_next(&rest, '/', &segment)) {
        if (!is_first)
            buf_add_char(&out, '/');
        buf_add(&out, http_escape(a, segment));
        is_first = false;
    }
    return arena_dup(a, buf_str(&out));
}

static void get_document(struct visit *v)
{
    struct auth_answer answer = {0};
    struct str path = wire_path(&v->arena, v->path);

    if (!str_starts(path,
                    STR("/.well-known/"))) /* /oauth/jwks, whose prefix a proxy has cut off */
        path = arena_printf(&v->arena, STR_FMT STR_FMT, STR_ARG(v->site->options.path_prefix),
                            STR_ARG(path));
    if (auth_document(v->site->options.auth, &v->ask, path, &answer))
        send_answer(v, &answer);
    else
        refuse(v, 404, "not_found", "there is no such document here");
}

static void post_register(struct visit *v)
{
    struct auth_answer answer = {0};

    auth_register(v->site->options.auth, &v->ask, v->authorization, v->body, &answer);
    send_answer(v, &answer);
    visit_log(v, "oauth.register", "%s", "");
}

static void manage_registration(struct visit *v)
{
    struct auth_answer answer = {0};
    size_t at = 0;
    struct str id = v->path;

    if (str_find(id, STR("/register/"), &at))
        id = str_sub(id, at + STR("/register/").len, id.len);
    auth_registration(v->site->options.auth, &v->ask, v->method, id, v->authorization, v->body,
                      &answer);
    send_answer(v, &answer);
    visit_log(v, "oauth.registration", "method=" STR_FMT, STR_ARG(v->method));
}

/* The name of a grant is one of few words; another one is not repeated. */
static const char *grant_of(struct visit *v)
{
    static const char *const known[] = {"authorization_code", "refresh_token",
                                        "client_credentials"};
    struct str name = http_field_of(&v->arena, v->body, STR("grant_type"));

    for (size_t i = 0; i < COUNT(known); i++) {
        if (str_eq_c(name, known[i]))
            return known[i];
    }
    return "other";
}

static void post_token(struct visit *v)
{
    struct auth_answer answer = {0};
    char client[LOG_QUOTE_MAX];

    auth_token(v->site->options.auth, &v->ask, v->authorization, v->body, &answer);
    send_answer(v, &answer);
    visit_log(v, "oauth.token", "grant=%s client=%s", grant_of(v),
              log_quote(http_field_of(&v->arena, v->body, STR("client_id")), client));
}

static void post_revoke(struct visit *v)
{
    struct auth_answer answer = {0};

    auth_revoke(v->site->options.auth, &v->ask, v->authorization, v->body, &answer);
    send_answer(v, &answer);
    visit_log(v, "oauth.revoke", "%s", "");
}

static void post_introspect(struct visit *v)
{
    struct auth_answer answer = {0};

    auth_introspect(v->site->options.auth, &v->ask, v->authorization, v->body, &answer);
    send_answer(v, &answer);
    visit_log(v, "oauth.introspect", "%s", "");
}

/* -- routes ---------------------------------------------------------------------------------- */

#define WELL_KNOWN "/.well-known/oauth-"

static const struct endpoint endpoints[] = {
    {.method = "GET",
     .path = WELL_KNOWN "authorization-server",
     .handle = get_document,
     .is_once = true},
    {.method = "GET",
     .path = WELL_KNOWN "authorization-server/",
     .handle = get_document,
     .is_once = true},
    {.method = "GET",
     .path = WELL_KNOWN "protected-resource",
     .handle = get_document,
     .is_once = true},
    {.method = "GET",
     .path = WELL_KNOWN "protected-resource/",
     .handle = get_document,
     .is_once = true},
    {.method = "GET", .path = "/oauth/jwks", .handle = get_document, .is_once = true},
    {.method = "POST", .path = "/register", .body = HTTP_BODY_JSON, .handle = post_register},
    {.method = "GET", .path = "/register/", .handle = manage_registration},
    {.method = "PUT",
     .path = "/register/",
     .body = HTTP_BODY_JSON,
     .handle = manage_registration},
    {.method = "DELETE", .path = "/register/", .handle = manage_registration},
    {.method = "POST", .path = "/token", .body = HTTP_BODY_FORM, .handle = post_token},
    {.method = "POST", .path = "/revoke", .body = HTTP_BODY_FORM, .handle = post_revoke},
    {.method = "POST",
     .path = "/introspect",
     .body = HTTP_BODY_FORM,
     .handle = post_introspect},
    {.method = "GET",
     .path = "/authorize",
     .handle = page_authorize_get,
     .admit = page_admit,
     .is_slow = page_authorize_is_slow,
     .is_page = true},
    {.method = "POST",
     .path = "/authorize",
     .body = HTTP_BODY_FORM,
     .handle = page_authorize_post,
     .admit = page_admit,
     .is_slow = page_authorize_post_is_slow,
     .is_page = true},
    {.method = "GET",
     .path = "/login",
     .handle = page_login_get,
     .is_page = true,
     .is_once = true},
    {.method = "POST",
     .path = "/login",
     .body = HTTP_BODY_FORM,
     .handle = page_login_post,
     .is_slow = page_password_is_slow,
     .is_page = true,
     .is_once = true},
    {.method = "GET",
     .path = "/welcome",
     .handle = page_welcome_get,
     .is_page = true,
     .is_once = true},
    {.method = "POST",
     .path = "/welcome",
     .body = HTTP_BODY_FORM,
     .handle = page_welcome_post,
     .is_slow = page_password_is_slow,
     .is_page = true,
     .is_once = true},
    {.method = "POST",
     .path = "/logout",
     .body = HTTP_BODY_FORM,
     .handle = page_logout_post,
     .is_page = true,
     .is_once = true},
};

/* Of a provider of log-ins, where one is set. */
static const struct endpoint provider_endpoints[] = {
    {.method = "POST",
     .path = "/login/provider",
     .body = HTTP_BODY_FORM,
     .handle = page_provider_post,
     .admit = page_admit,
     .is_slow = page_provider_is_slow,
     .is_page = true,
     .is_once = true},
    {.method = "GET",
     .path = "/login/callback",
     .handle = page_provider_callback,
     .is_slow = page_provider_is_slow,
     .is_page = true,
     .is_once = true},
};

/* Tokens do not travel in the clear, and an issuer is https. */
static bool check_base(struct visit *v, const struct endpoint *e)
{
    struct error err = {0};

    if (!auth_base_check(v->ask.base, &err)) {
        if (e->is_page)
            page_say(
                v, 400, STR("This needs https"), (struct str){0},
                STR("Log-ins and tokens travel over HTTPS only. Set MCP_HTTPS_ENABLED with a "
                    "certificate, or put a proxy or tunnel with HTTPS in front."));
        else
            refuse(v, 400, "invalid_request", err.text);
        return false;
    }
    if (v->body.len <= AUTH_FORM_MAX_BYTES && v->query.len <= AUTH_FORM_MAX_BYTES)
        return true;
    if (e->is_page)
        page_say(v, 413, STR("Too much"), (struct str){0}, STR("The form is too large."));
    else
        refuse(v, 413, "invalid_request", "the request is too large");
    return false;
}

static void handle(struct http_request *r, void *ctx)
{
    const struct mount *m = ctx;
    struct visit v = {.site = m->site};

    read_request(&v, r);
    if (!check_base(&v, m->endpoint) || (m->endpoint->admit && !m->endpoint->admit(&v))) {
        write_reply(&v, r);
    } else if (m->endpoint->is_slow && m->endpoint->is_slow(&v)) {
        run_on_pool(&v, m->endpoint, r);
        return; /* it has the visit now */
    } else {
        m->endpoint->handle(&v);
        write_reply(&v, r);
    }
    visit_deinit(&v);
}

static const char *write_json_refusal(int status, struct str text, struct buf *body)
{
    json_t *j = json_must(json_pack("{s:s, s:o}", "error",
                                    status >= 500 ? "server_error" : "invalid_request",
                                    "error_description", json_str(text)));

    json_write(body, j);
    json_decref(j);
    return "application/json";
}

static void add(struct rest_oauth *site, const struct endpoint *e, const char *path)
{
    struct mount *m = ARENA_NEW(&site->arena, struct mount, 1);

    *m = (struct mount){site, e};
    http_server_add(
        site->options.http,
        &(struct http_route){.method = e->method,
                             .path = path,
                             .body = e->body,
                             .handle = handle,
                             .ctx = m,
                             .write_refusal = e->is_page ? NULL : write_json_refusal,
                             .cors_headers = e->is_page ? NULL : CORS_HEADERS,
                             .is_public = !e->is_page,
                             .is_form_target = e->is_page});
}

struct rest_oauth *rest_oauth_new(const struct rest_oauth_options *options)
{
    struct rest_oauth *site = NEW(struct rest_oauth);

    site->options = *options;
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        const struct endpoint *e = &endpoints[i];

        add(site, e, e->path);
        if (!e->is_once)
            add(site, e, arena_printf(&site->arena, "/oauth%s", e->path).ptr);
    }
    for (size_t i = 0; i < COUNT(provider_endpoints) && auth_provider_name(options->auth).len;
         i++)
        add(site, &provider_endpoints[i], provider_endpoints[i].path);
    return site;
}

void rest_oauth_free(struct rest_oauth *site)
{
    if (!site)
        return;
    arena_deinit(&site->arena);
    free(site);
}

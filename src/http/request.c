/*
 * request.c - one request from its first line to its log line, as libmicrohttpd calls us about it.
 *
 *   request_begin()      the request line is there
 *   request_access()     PHASE_HEAD: headers are complete, the gates are passed or refuse
 *                        PHASE_BODY: pieces of body, then none: the handler runs
 *                        PHASE_ANSWER: again after a wait
 *   request_completed()  sent, or broken off; the request ends here and only here
 *
 * A refused request has its body read over before the refusal is sent: closing a socket with
 * unread input resets it, and the client would never see the line that says what was wrong. What is
 * longer than HTTP_DRAIN_MAX_BYTES, or waits for "100 Continue", is refused at once.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

/* -- what a handler asks --------------------------------------------------------------------- */

uint64_t http_request_id(const struct http_request *r)
{
    return r->id;
}

struct arena *http_request_arena(struct http_request *r)
{
    return &r->arena;
}

struct str http_method(const struct http_request *r)
{
    return r->method;
}

struct str http_path(const struct http_request *r)
{
    return r->target.path;
}

struct str http_query(const struct http_request *r)
{
    return r->target.query;
}

struct str http_body(const struct http_request *r)
{
    return buf_str(&r->body);
}

struct str http_peer(const struct http_request *r)
{
    return str_c(r->connection->peer);
}

struct ip http_client(const struct http_request *r)
{
    return r->client;
}

struct str http_header(struct http_request *r, struct str name)
{
    struct str value = {0}, last = {0};

    for (size_t i = 0; i < r->n_fields; i++) {
        struct str one = r->fields[i].value;

        if (!str_eq_ascii_case(r->fields[i].name, name))
            continue;
        if (!value.ptr)
            value = one;
        else if (!str_eq(one, last))
            value = arena_printf(&r->arena, STR_FMT ", " STR_FMT, STR_ARG(value), STR_ARG(one));
        last = one;
    }
    return value;
}

bool http_headers_conflict(const struct http_request *r, struct str prefix)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct http_field *a = &r->fields[i];

        if (!str_eq_ascii_case(str_sub(a->name, 0, prefix.len), prefix))
            continue;
        for (size_t j = i + 1; j < r->n_fields; j++) {
            const struct http_field *b = &r->fields[j];

            if (str_eq_ascii_case(a->name, b->name) && !str_eq(a->value, b->value))
                return true;
        }
    }
    return false;
}

void http_answer_later(struct http_request *r, const struct http_answer *answer, void *ctx)
{
    r->answer = answer;
    r->answer_ctx = ctx;
}

bool http_is_secure(const struct http_request *r)
{
    return r->is_secure;
}

/* -- beginning ------------------------------------------------------------------------------- */

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    struct http_request *r = NEW(struct http_request);

    r->server = s;
    r->mhd = mhd;
    r->connection = connection_of(mhd);
    r->connection->has_spoken = true;
    r->id = atomic_fetch_add(&s->next_id, 1) + 1;
    r->started_us = clock_monotonic_us();
    r->raw_target = arena_dup(&r->arena, str_c(uri)); /* libmicrohttpd writes into its copy */
    r->body.max = s->options.body_max_bytes;
    atomic_fetch_add(&s->n_requests, 1);
    /* From here silence means a stuck client, no longer an idle connection. */
    MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)s->options.stall_s);
    return r;
}

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t n_name, const char *value, size_t n_value)
{
    struct http_request *r = cls;

    (void)kind;
    r->fields[r->n_fields++] =
        (struct http_field){str_n(name, n_name), str_trim(str_n(value, n_value))};
    return MHD_YES;
}

static void read_fields(struct http_request *r)
{
    int n = MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, NULL, NULL);

    r->fields = ARENA_NEW(&r->arena, struct http_field, n > 0 ? (size_t)n : 1);
    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, add_field, r);
}

size_t request_content_length(const struct http_request *r, bool *out_has)
{
    *out_has = false;
    for (size_t i = 0; i < r->n_fields; i++) {
        int64_t n;

        if (!str_eq_ascii_case(r->fields[i].name, STR("Content-Length")))
            continue;
        *out_has = str_to_int(r->fields[i].value, &n) && n >= 0;
        return *out_has ? (size_t)n : 0;
    }
    return 0;
}

static bool is_head_too_large(const struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info && info->header_size > r->server->options.header_max_bytes;
}

/* Whether to refuse before the body has come. The connection is closed in that case. */
static bool is_refused_at_once(struct http_request *r)
{
    bool has_length;
    size_t n = request_content_length(r, &has_length);
    bool has_body = n > 0 || http_header(r, STR("Transfer-Encoding")).ptr;

    if (!has_body)
        return false; /* the reply goes out in a moment, and the connection may live on */
    if ((r->status == 400 || r->status == 403) && r->must_close)
        return true; /* where its body ends is not known, or it is not wanted */
    return r->status == 501 || n > HTTP_DRAIN_MAX_BYTES || http_header(r, STR("Expect")).ptr;
}

static enum MHD_Result take_head(struct http_request *r, const char *method)
{
    r->phase = PHASE_BODY;
    r->method = arena_dup(&r->arena, str_c(method));
    connection_set_deadline(r->connection, r->server->options.receive_s);
    read_fields(r);
    client_identify(r);
    if (is_head_too_large(r)) {
        r->must_close = true;
        http_refuse(r, 431, "the request line and headers may have at most %zu bytes",
                    r->server->options.header_max_bytes);
    } else {
        gates_check(r);
    }
    if (!r->has_reply || !is_refused_at_once(r))
        return MHD_YES;
    r->must_close = true;
    return reply_queue(r);
}

/* -- body ------------------------------------------------------------------------------------ */

static void drop_body(struct http_request *r)
{
    atomic_fetch_sub(&r->server->n_body_bytes, r->body.len);
    buf_deinit(&r->body);
}

static void refuse_body(struct http_request *r, int status, const char *text)
{
    drop_body(r);
    r->must_close = true;
    if (status == 503)
        http_reply_header(r, "Retry-After", STR("1"));
    http_refuse(r, status, "%s", text);
}

static void collect(struct http_request *r, struct str data)
{
    struct http_server *s = r->server;
    size_t before = atomic_fetch_add(&s->n_body_bytes, data.len);

    buf_add(&r->body, data);
    if (r->body.is_full) {
        atomic_fetch_sub(&s->n_body_bytes, data.len); /* was not added to the body */
        refuse_body(r, 413, "the body is larger than this server takes");
    } else if (before + data.len > s->options.bodies_max_bytes) {
        refuse_body(r, 503, "too many large requests at once; try again in a moment");
    }
}

static enum MHD_Result take_body(struct http_request *r, struct str data)
{
    r->n_received += data.len;
    if (r->n_received > HTTP_DRAIN_MAX_BYTES)
        return MHD_NO; /* endless: there is no way to answer in the middle of a body */
    if (!r->has_reply && r->route->body != HTTP_BODY_NONE)
        collect(r, data);
    return MHD_YES;
}

/* -- answer ---------------------------------------------------------------------------------- */

/* Asks the answer until it has replied or there is nothing to do but wait. */
static enum MHD_Result advance(struct http_request *r)
{
    for (;;) {
        if (r->has_reply)
            return reply_queue(r);
        if (watch_is_gone(r))
            return MHD_NO;
        r->answer->resume(r, r->answer_ctx);
        if (r->has_reply)
            continue;
        switch (watch_wait(r)) {
        case WATCH_WAITS:
            return MHD_YES;
        case WATCH_WOKEN:
            continue;
        case WATCH_GONE:
            return MHD_NO;
        }
    }
}

static enum MHD_Result dispatch(struct http_request *r)
{
    r->phase = PHASE_ANSWER;
    connection_set_deadline(r->connection, 0);
    if (!r->has_reply)
        r->route->handle(r, r->route->ctx);
    if (!r->has_reply && !r->answer) {
        log_event(LOG_ERROR, "http.no_answer", "id=%llu route=%s", (unsigned long long)r->id,
                  r->route->path);
        http_refuse(r, 500, "the server has no answer to this");
    }
    return advance(r);
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *n_data, void **slot)
{
    struct http_request *r = *slot;
    struct str piece = str_n(data, *n_data);

    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    switch (r->phase) {
    case PHASE_HEAD:
        return take_head(r, method);
    case PHASE_BODY:
        if (piece.len == 0)
            return dispatch(r);
        *n_data = 0;
        return take_body(r, piece);
    case PHASE_ANSWER:
        return advance(r);
    }
    return MHD_NO;
}

/* -- the end --------------------------------------------------------------------------------- */

static void log_request(struct http_request *r)
{
    char path[LOG_QUOTE_MAX], method[LOG_QUOTE_MAX], ip[IP_TEXT_MAX];

    log_event(LOG_INFO, "http.request",
              "id=%llu ip=" STR_FMT
              " method=%s path=%s status=%d received=%zu sent=%llu ms=%lld%s",
              (unsigned long long)r->id, STR_ARG(ip_text(r->client, ip)),
              log_quote(str_sub(r->method, 0, 20), method), log_quote(r->target.path, path),
              r->status, r->n_received, (unsigned long long)r->n_sent,
              (long long)((clock_monotonic_us() - r->started_us) / 1000),
              watch_is_gone(r) ? " client=gone" : "");
}

static void close_answer(struct http_request *r, bool is_whole)
{
    bool is_told;

    if (!r->answer)
        return;
    mutex_lock(&r->server->lock);
    is_told = r->is_gone;
    r->is_gone = r->is_gone || !is_whole;
    mutex_unlock(&r->server->lock);
    if (!is_whole && !is_told && r->answer->hang_up)
        r->answer->hang_up(r->answer_ctx);
    r->answer->close(r->answer_ctx);
}

static void count_down(struct http_server *s)
{
    if (atomic_fetch_sub(&s->n_requests, 1) != 1 || !atomic_load(&s->is_stopping))
        return;
    mutex_lock(&s->lock);
    cond_broadcast(&s->drained);
    mutex_unlock(&s->lock);
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **slot,
                       enum MHD_RequestTerminationCode why)
{
    struct http_server *s = cls;
    struct http_request *r = *slot;
    bool is_whole = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;

    if (!r)
        return;
    close_answer(r, is_whole);
    log_request(r);
    if (is_whole) { /* the next request may come */
        MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)s->options.idle_s);
        connection_set_deadline(r->connection, s->options.idle_s + s->options.receive_s);
    }
    drop_body(r);
    buf_deinit(&r->reply);
    arena_deinit(&r->arena);
    free(r);
    *slot = NULL;
    count_down(s);
}

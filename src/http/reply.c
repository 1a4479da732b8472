/*
 * reply.c - from what a handler said to what libmicrohttpd sends: whole bodies, streams, refusals.
 *
 * A stream is pulled: libmicrohttpd asks for bytes, we ask the answer's read(), and when that has
 * none the request waits (watch.c) until a wake.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <assert.h>

#include "base/log.h"

/* For HTTP/1.0 clients; chunks to others go by the connection's own memory. */
#define STREAM_BLOCK_BYTES ((size_t)1 << 10)

struct buf *http_reply_body(struct http_request *r)
{
    return &r->reply;
}

void http_reply_header(struct http_request *r, const char *name, struct str value)
{
    assert(!r->has_reply && r->n_reply_fields < HTTP_REPLY_HEADERS_MAX);
    r->reply_fields[r->n_reply_fields++] =
        (struct http_field){str_c(name), arena_dup(&r->arena, value)};
}

void http_reply(struct http_request *r, int status, const char *content_type)
{
    assert(!r->has_reply);
    r->has_reply = true;
    r->status = status;
    r->content_type = content_type;
}

void http_reply_stream(struct http_request *r, int status, const char *content_type)
{
    assert(r->answer && r->answer->read);
    http_reply(r, status, content_type);
    r->is_stream = true;
}

static const char *write_plain(int status, struct str text, struct buf *body)
{
    (void)status;
    buf_add(body, text);
    buf_add_char(body, '\n');
    return "text/plain; charset=utf-8";
}

void request_refuse(struct http_request *r, int status, struct str text)
{
    const char *type;

    buf_clear(&r->reply);
    if (r->route && r->route->write_refusal)
        type = r->route->write_refusal(status, text, &r->reply);
    else
        type = write_plain(status, text, &r->reply);
    http_reply(r, status, type);
}

void http_refuse(struct http_request *r, int status, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    request_refuse(r, status, str_c(text));
}

/* -- streams --------------------------------------------------------------------------------- */

static size_t copy_out(struct http_request *r, char *to, size_t max)
{
    size_t n = MIN(max, r->reply.len - r->reply_at);

    memcpy(to, r->reply.ptr + r->reply_at, n);
    r->reply_at += n;
    r->n_sent += n;
    if (r->reply_at == r->reply.len) {
        buf_clear(&r->reply);
        r->reply_at = 0;
    }
    return n;
}

/* libmicrohttpd wants the next bytes. 0 is allowed because the connection is suspended then. */
static ssize_t stream_read(void *cls, uint64_t at, char *to, size_t max)
{
    struct http_request *r = cls;

    (void)at;
    for (;;) {
        if (r->reply.len > 0)
            return (ssize_t)copy_out(r, to, max);
        if (r->is_stream_ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (watch_is_gone(r))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        r->is_stream_ended = r->answer->read(r->answer_ctx, &r->reply) == HTTP_END;
        if (r->reply.len > 0 || r->is_stream_ended)
            continue;
        switch (watch_wait(r)) {
        case WATCH_WAITS:
            return 0;
        case WATCH_WOKEN:
            continue;
        case WATCH_GONE:
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
    }
}

/* -- handing over ---------------------------------------------------------------------------- */

static void add_header(struct MHD_Response *m, const char *name, const char *value)
{
    char quoted[LOG_QUOTE_MAX];

    if (MHD_add_response_header(m, name, value) != MHD_YES) /* not fit for a header */
        log_event(LOG_WARN, "http.reply_header", "name=%s value=%s", name,
                  log_quote(str_c(value), quoted));
}

static void add_cors_headers(struct http_request *r, struct MHD_Response *m)
{
    if (r->route && r->route->is_public) {
        add_header(m, "Access-Control-Allow-Origin", "*"); /* which excludes credentials */
        return;
    }
    if (r->origin.len == 0)
        return;
    add_header(m, "Vary", "Origin");
    if (!r->route || !r->route->cors_headers)
        return;
    add_header(m, "Access-Control-Allow-Origin", arena_cstr(&r->arena, r->origin));
    if (r->route->cors_exposed)
        add_header(m, "Access-Control-Expose-Headers", r->route->cors_exposed);
}

static void add_headers(struct http_request *r, struct MHD_Response *m)
{
    if (r->content_type)
        add_header(m, "Content-Type", r->content_type);
    for (size_t i = 0; i < r->n_reply_fields; i++)
        add_header(m, r->reply_fields[i].name.ptr, r->reply_fields[i].value.ptr);
    add_cors_headers(r, m);
    add_header(m, "X-Content-Type-Options", "nosniff");
    if (r->is_secure && r->server->options.hsts_max_age_s > 0)
        add_header(
            m, "Strict-Transport-Security",
            arena_printf(&r->arena, "max-age=%d", r->server->options.hsts_max_age_s).ptr);
    if (r->status >= 400) /* what to look for in the log */
        add_header(m, "X-Request-Id",
                   arena_printf(&r->arena, "%llu", (unsigned long long)r->id).ptr);
    if (r->must_close || atomic_load(&r->server->is_stopping))
        add_header(m, "Connection", "close");
}

enum MHD_Result reply_queue(struct http_request *r)
{
    struct MHD_Response *m;
    enum MHD_Result result;

    if (r->is_stream) {
        m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read,
                                              r, NULL);
    } else {
        r->n_sent = r->reply.len;
        connection_set_deadline(r->connection, r->server->options.send_s);
        m = MHD_create_response_from_buffer(r->reply.len, r->reply.ptr, MHD_RESPMEM_PERSISTENT);
    }
    if (!m)
        return MHD_NO;
    add_headers(r, m);
    result = MHD_queue_response(r->mhd, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return result;
}

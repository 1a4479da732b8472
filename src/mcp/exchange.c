/*
 * exchange.c - one HTTP message and its answer: decided as late as possible.
 *
 * Until the first message that precedes the response, or the response itself, status and type are
 * open. Then it is one JSON object, or an event stream. In a legacy session the events belong to a
 * stream that outlives the connection; otherwise they are written and forgotten.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

/* -- waking ------------------------------------------------------------------------------------ */

void waker_init(struct waker *w, struct mcp_wake wake)
{
    mutex_init(&w->lock);
    w->wake = wake;
}

void waker_deinit(struct waker *w)
{
    mutex_deinit(&w->lock);
}

void waker_call(struct waker *w)
{
    MUTEX_SCOPE(&w->lock);

    if (w->wake.fn)
        w->wake.fn(w->wake.ctx);
}

void waker_silence(struct waker *w)
{
    MUTEX_SCOPE(&w->lock);

    w->wake.fn = NULL;
}

/* -- life -------------------------------------------------------------------------------------- */

struct mcp_exchange *exchange_new(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake)
{
    struct mcp_exchange *x = NEW(struct mcp_exchange);

    x->server = s;
    waker_init(&x->waker, wake);
    x->n_refs = 1;
    x->accepts_json = header_accepts(in->accept, STR("application/json"));
    x->accepts_sse = header_accepts(in->accept, STR("text/event-stream"));
    mutex_lock(&s->lock);
    x->written_ms = s->now_ms;
    x->next = s->exchanges;
    if (x->next)
        x->next->prev = x;
    s->exchanges = x;
    mutex_unlock(&s->lock);
    return x;
}

static void unlink_exchange(struct mcp_exchange *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        x->server->exchanges = x->next;
    if (x->next)
        x->next->prev = x->prev;
}

void exchange_unref_locked(struct mcp_exchange *x)
{
    if (!x || --x->n_refs)
        return;
    if (x->stream && x->stream->reader == x)
        stream_leave_locked(x->stream, x->server->now_ms);
    session_unref_locked(x->session);
    channel_unref_locked(x->channel);
    unlink_exchange(x);
    buf_deinit(&x->out);
    waker_deinit(&x->waker);
    free(x);
}

void mcp_exchange_unref(struct mcp_exchange *x)
{
    struct mcp_server *s;

    if (!x)
        return;
    s = x->server;
    waker_silence(&x->waker);
    mutex_lock(&s->lock);
    x->is_gone = true;
    if (x->channel)
        channel_end_locked(x->channel);
    listen_drop_exchange_locked(s, x);
    exchange_unref_locked(x);
    mutex_unlock(&s->lock);
}

/* -- writing ----------------------------------------------------------------------------------- */

static void set_head(struct mcp_exchange *x, int status, const char *content_type,
                     bool is_stream)
{
    x->head.status = status;
    x->head.content_type = content_type;
    x->head.is_stream = is_stream;
    x->state = HEAD_DONE;
    exchange_wake_locked(x);
}

void exchange_open_stream_locked(struct mcp_exchange *x, int retry_ms)
{
    if (x->state == HEAD_DONE)
        return;
    set_head(x, 200, "text/event-stream", true);
    if (!x->session || x->session->is_ended)
        return;
    if (!x->stream) {
        x->stream = stream_new_locked(x->session);
        x->stream->reader = x;
    }
    /* Older clients take an event with empty data for broken JSON. */
    if (strcmp(x->session->version, MCP_LATEST_LEGACY) >= 0)
        stream_prime_locked(x->stream, retry_ms);
}

bool exchange_has_room_locked(struct mcp_exchange *x)
{
    if (x->is_gone || x->is_ended)
        return false;
    if (x->out.len > STREAM_BACKLOG_BYTES)
        exchange_close_locked(x);
    return !x->is_ended;
}

void exchange_frame_locked(struct mcp_exchange *x, const char *type, struct str message)
{
    if (!exchange_has_room_locked(x))
        return;
    if (type)
        buf_printf(&x->out, "event: %s\n", type);
    buf_add(&x->out, STR("data: "));
    buf_add(&x->out, message);
    buf_add(&x->out, STR("\n\n"));
    exchange_wake_locked(x);
    x->written_ms = x->server->now_ms;
}

/* One event, kept for replay where there is a session. */
static void write_event(struct mcp_exchange *x, struct str text)
{
    if (x->stream)
        stream_append_locked(x->server, x->stream, text);
    else
        exchange_frame_locked(x, NULL, text);
}

void exchange_close_locked(struct mcp_exchange *x)
{
    x->is_ended = true;
    exchange_wake_locked(x);
}

bool exchange_send_locked(struct mcp_exchange *x, struct str text)
{
    if (!x->may_stream || x->is_ended || (x->state == HEAD_DONE && !x->head.is_stream))
        return false;
    exchange_open_stream_locked(x, 0);
    write_event(x, text);
    return true;
}

static void finish_stream(struct mcp_exchange *x, struct str text)
{
    struct stream *stream = x->stream;

    if (text.len)
        write_event(x, text);
    if (stream)
        stream_end_locked(stream, x->server->now_ms);
    /* The client may read this stream on another connection by now. */
    if (stream && stream->reader && stream->reader != x)
        exchange_close_locked(stream->reader);
    exchange_close_locked(x);
}

void exchange_finish_locked(struct mcp_exchange *x, int status, struct str text)
{
    if (x->state == HEAD_DONE && x->head.is_stream) {
        finish_stream(x, text);
        return;
    }
    if (x->state == HEAD_DONE)
        return;
    if (status == 200 && !x->accepts_json && x->accepts_sse) {
        exchange_open_stream_locked(x, 0);
        finish_stream(x, text);
        return;
    }
    set_head(x, status, text.len ? "application/json" : NULL, false);
    buf_add(&x->out, text);
    exchange_close_locked(x);
}

void exchange_finish(struct mcp_exchange *x, int status, struct str text)
{
    mutex_lock(&x->server->lock);
    exchange_finish_locked(x, status, text);
    mutex_unlock(&x->server->lock);
    server_wake(x->server);
}

void exchange_finish_json(struct mcp_exchange *x, int status, json_t *response)
{
    AUTO_BUF text = {0};

    if (response)
        json_write_known(&text, response, x->server->tables.known, x->server->tables.n_known);
    json_decref(response);
    exchange_finish(x, status, buf_str(&text));
}

void exchange_accept(struct mcp_exchange *x)
{
    mutex_lock(&x->server->lock);
    set_head(x, 202, "text/plain", false);
    buf_add(&x->out, STR("Accepted"));
    exchange_close_locked(x);
    mutex_unlock(&x->server->lock);
    server_wake(x->server);
}

/* -- for the transport ------------------------------------------------------------------------- */

struct mcp_job *mcp_exchange_job(struct mcp_exchange *x)
{
    MUTEX_SCOPE(&x->server->lock);

    return STEAL(x->job);
}

bool mcp_exchange_head(struct mcp_exchange *x, struct mcp_http_head *out)
{
    MUTEX_SCOPE(&x->server->lock);

    if (x->state != HEAD_DONE)
        return false;
    *out = x->head;
    return true;
}

enum mcp_read mcp_exchange_read(struct mcp_exchange *x, struct buf *out)
{
    MUTEX_SCOPE(&x->server->lock);

    buf_add(out, buf_str(&x->out));
    buf_clear(&x->out);
    return x->is_ended ? MCP_READ_END : MCP_READ_MORE;
}

void mcp_exchange_hang_up(struct mcp_exchange *x)
{
    struct mcp_server *s = x->server;
    MUTEX_SCOPE(&s->lock);

    x->is_gone = true;
    if (x->stream && x->stream->reader == x)
        stream_leave_locked(x->stream, s->now_ms);
    if (x->channel)
        channel_end_locked(x->channel);
    if (x->call && x->call->era == ERA_MODERN)
        atomic_store(&x->call->is_cancelled, true);
    cond_broadcast(&s->answered);
    listen_drop_exchange_locked(s, x);
}

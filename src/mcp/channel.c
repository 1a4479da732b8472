/*
 * channel.c - messages in, messages out over one line, with one implicit legacy session.
 *
 * On stdio they are lines, and modern requests may stand between the others. An HTTP+SSE stream
 * (sse.c) has a channel of its own, which writes events to it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

void channel_send_locked(struct mcp_channel *ch, struct str text)
{
    if (ch->is_closed)
        return;
    if (ch->x) {
        exchange_frame_locked(ch->x, "message", text);
        return;
    }
    if (ch->out.len + text.len + 1 > STREAM_BACKLOG_BYTES)
        return;
    buf_add(&ch->out, text);
    buf_add_char(&ch->out, '\n');
    channel_wake_locked(ch);
}

static struct session *implicit_session(struct mcp_channel *ch, const char *version)
{
    struct session *session = NEW(struct session);

    session->server = ch->server;
    session->n_refs = 1;
    session->version = version;      /* until initialize says otherwise */
    session->log_level = LEVEL_NONE; /* and no log messages before setLevel */
    session->channel = ch;
    return session;
}

struct mcp_channel *channel_new(struct mcp_server *s, const void *caller, const char *version,
                                struct mcp_wake wake)
{
    struct mcp_channel *ch = NEW(struct mcp_channel);

    ch->server = s;
    ch->caller = caller;
    ch->n_refs = 1;
    waker_init(&ch->waker, wake);
    mutex_init(&ch->turn);
    ch->session = implicit_session(ch, version);
    mutex_lock(&s->lock);
    ch->next = s->channels;
    if (ch->next)
        ch->next->prev = ch;
    s->channels = ch;
    mutex_unlock(&s->lock);
    return ch;
}

struct mcp_channel *mcp_channel_new(struct mcp_server *s, const void *caller,
                                    struct mcp_wake wake)
{
    return channel_new(s, caller, "2025-03-26", wake);
}

void channel_unref_locked(struct mcp_channel *ch)
{
    if (!ch || --ch->n_refs)
        return;
    if (ch->prev)
        ch->prev->next = ch->next;
    else
        ch->server->channels = ch->next;
    if (ch->next)
        ch->next->prev = ch->prev;
    ch->session->channel = NULL;
    session_unref_locked(ch->session);
    buf_deinit(&ch->out);
    mutex_deinit(&ch->turn);
    waker_deinit(&ch->waker);
    free((void *)(uintptr_t)ch->id.ptr);
    free((void *)(uintptr_t)ch->principal.ptr);
    free((void *)(uintptr_t)ch->sse_endpoint.ptr);
    free(ch);
}

void channel_end_locked(struct mcp_channel *ch)
{
    struct mcp_server *s = ch->server;

    if (ch->is_closed)
        return;
    ch->is_closed = true;
    if (ch->x)
        map_remove(&s->sse, ch->id);
    ch->x = NULL;
    for (struct mcp_call *c = s->calls; c; c = c->next) {
        if (c->channel == ch)
            atomic_store(&c->is_cancelled, true);
    }
    cond_broadcast(&s->answered);
    listen_drop_channel_locked(s, ch);
}

void mcp_channel_close(struct mcp_channel *ch)
{
    struct mcp_server *s;

    if (!ch)
        return;
    s = ch->server;
    waker_silence(&ch->waker);
    mutex_lock(&s->lock);
    channel_end_locked(ch);
    channel_unref_locked(ch);
    mutex_unlock(&s->lock);
}

void mcp_channel_read(struct mcp_channel *ch, struct buf *out)
{
    MUTEX_SCOPE(&ch->server->lock);

    buf_add(out, buf_str(&ch->out));
    buf_clear(&ch->out);
}

size_t mcp_channel_n_running(struct mcp_channel *ch)
{
    MUTEX_SCOPE(&ch->server->lock);

    return ch->n_running;
}

void channel_send_json(struct mcp_channel *ch, json_t *j)
{
    AUTO_BUF line = {0};

    json_write(&line, j);
    json_decref(j);
    mutex_lock(&ch->server->lock);
    channel_send_locked(ch, buf_str(&line));
    mutex_unlock(&ch->server->lock);
}

void mcp_channel_line_too_long(struct mcp_channel *ch)
{
    channel_send_json(ch, reply_error(NULL, RPC_INVALID, "a line may have at most %zu bytes",
                                      MCP_BODY_MAX_BYTES));
}

/* -- one line ---------------------------------------------------------------------------------- */

static bool is_running(struct mcp_channel *ch, const json_t *id)
{
    MUTEX_SCOPE(&ch->server->lock);

    for (const struct mcp_call *c = ch->server->calls; c; c = c->next) {
        if (c->channel == ch && is_same_id(c->id, id))
            return true;
    }
    return false;
}

static struct outcome handle_request(const struct origin *from, const json_t *request)
{
    if (is_running(from->channel, json_object_get(request, "id")))
        return answer(reply_error(NULL, RPC_INVALID, "this id belongs to a running request"),
                      400);
    return message_has_claim(request) ? modern_request(from, request)
                                      : legacy_request(from, request);
}

/* Cancels a call or a listen stream of this channel, whichever era it is of. */
static void handle_notification(const struct origin *from, const json_t *message)
{
    const json_t *id = json_object_get(message_params(message), "requestId");

    legacy_notification(from, message);
    if (id && str_eq_c(message_method(message), "notifications/cancelled")) {
        MUTEX_SCOPE(&from->server->lock);

        listen_cancel_locked(from->server, from->channel, id);
    }
}

/* The answer to one message; a call to run goes to *calls instead. */
static json_t *handle_message(const struct origin *from, const json_t *message,
                              struct mcp_call **out_call)
{
    const json_t *id;
    struct outcome o = {0};

    switch (message_kind(message, &id)) {
    case MESSAGE_REQUEST:
        o = handle_request(from, message);
        *out_call = o.call;
        return o.response;
    case MESSAGE_NOTIFICATION:
        handle_notification(from, message);
        return NULL;
    case MESSAGE_RESPONSE:
        legacy_response(from, message);
        return NULL;
    case MESSAGE_BAD:
        break;
    }
    return reply_error(id, RPC_INVALID, "not a JSON-RPC 2.0 message");
}

static struct mcp_job *handle_single(const struct origin *from, const json_t *message)
{
    struct mcp_call *call = NULL;
    json_t *response = handle_message(from, message, &call);
    struct mcp_call **calls;

    if (response)
        channel_send_json(from->channel, response);
    if (!call)
        return NULL;
    calls = NEW_ARRAY(struct mcp_call *, 1);
    calls[0] = call;
    return job_new(from, calls, 1, NULL);
}

static bool may_batch(const struct origin *from, const json_t *list)
{
    size_t i;
    json_t *one;

    if (strcmp(from->session->version, "2025-03-26") != 0 || json_array_size(list) == 0 ||
        json_array_size(list) > MCP_BATCH_MAX)
        return false;
    json_array_foreach(list, i, one)
    {
        if (message_has_claim(one) || str_eq_c(message_method(one), "initialize"))
            return false;
    }
    return true;
}

static struct mcp_job *handle_batch(const struct origin *from, const json_t *list)
{
    struct mcp_call **calls;
    json_t *answers, *one;
    size_t i, n = 0;

    if (!may_batch(from, list)) {
        channel_send_json(
            from->channel,
            reply_error(NULL, RPC_INVALID, "batches belong to revision 2025-03-26 only"));
        return NULL;
    }
    calls = NEW_ARRAY(struct mcp_call *, json_array_size(list));
    answers = json_must(json_array());
    json_array_foreach(list, i, one)
    {
        struct mcp_call *call = NULL;
        json_t *response = handle_message(from, one, &call);

        if (response)
            json_array_append_new(answers, response);
        if (call)
            calls[n++] = call;
    }
    if (n)
        return job_new(from, calls, n, answers);
    free(calls);
    if (json_array_size(answers))
        channel_send_json(from->channel, answers);
    else
        json_decref(answers);
    return NULL;
}

struct mcp_job *channel_take(struct origin *from, const json_t *message)
{
    MUTEX_SCOPE(&from->channel->turn);

    from->session = from->channel->session;
    from->version = from->session->version;
    return json_is_array(message) ? handle_batch(from, message) : handle_single(from, message);
}

struct mcp_job *mcp_channel_line(struct mcp_channel *ch, struct str line, int64_t now_ms)
{
    struct origin from = {
        .server = ch->server, .channel = ch, .caller = ch->caller, .now_ms = now_ms};
    struct error err = {0};
    AUTO_JSON *message = NULL;

    if (str_trim(line).len == 0)
        return NULL;
    if (json_parse(line, &message, &err))
        return channel_take(&from, message);
    channel_send_json(ch, reply_error(NULL, RPC_PARSE, "%s", err.text));
    return NULL;
}

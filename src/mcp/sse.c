/*
 * sse.c - HTTP+SSE, the transport of 2024-11-05: one stream for all that the server says.
 *
 * A GET opens the stream, with a channel behind it. Its first event names where to post, with an id
 * that only this client knows; a POST there is one message for the channel, and has no answer but
 * "Accepted". The end of the stream ends the session: nothing can be resumed.
 *
 * The id alone opens nothing: a POST must come from the principal that opened the stream, and to
 * the endpoint that it was told, which stands for the same space.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#define BUSY_RETRY_S 5

static struct str owned(struct str s)
{
    return str_n(mem_dup(s), s.len);
}

/* -- opening ----------------------------------------------------------------------------------- */

static bool has_room_locked(struct mcp_exchange *x)
{
    if (x->server->sse.len < MCP_SSE_STREAMS_MAX)
        return true;
    x->head.retry_after_s = BUSY_RETRY_S;
    return false;
}

static void open_stream_locked(struct mcp_exchange *x, struct mcp_channel *ch,
                               const struct mcp_http_in *in)
{
    AUTO_BUF uri = {0};

    ch->x = x;
    ch->id = session_id_locked(x->server);
    ch->principal = owned(in->principal);
    ch->sse_endpoint = owned(in->sse_endpoint);
    map_put(&x->server->sse, ch->id, ch);
    x->channel = ch;
    x->head = (struct mcp_http_head){
        .status = 200, .content_type = "text/event-stream", .is_stream = true};
    x->state = HEAD_DONE;
    buf_printf(&uri, STR_FMT "?session_id=" STR_FMT, STR_ARG(in->sse_endpoint),
               STR_ARG(ch->id));
    exchange_frame_locked(x, "endpoint", buf_str(&uri));
    if (x->server->is_closing) /* since a moment ago */
        exchange_close_locked(x);
}

static bool try_open(struct mcp_exchange *x, const struct mcp_http_in *in)
{
    struct mcp_channel *ch =
        channel_new(x->server, NULL, "2024-11-05", (struct mcp_wake){NULL, NULL});
    bool has_room;

    mutex_lock(&x->server->lock);
    has_room = has_room_locked(x);
    if (has_room)
        open_stream_locked(x, ch, in);
    else
        channel_unref_locked(ch);
    mutex_unlock(&x->server->lock);
    server_wake(x->server);
    return has_room;
}

struct mcp_exchange *mcp_sse_open(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake)
{
    struct mcp_exchange *x = exchange_new(s, in, wake);

    if (!exchange_admit(x, in))
        return x;
    if (!x->accepts_sse)
        exchange_finish_json(
            x, 406, reply_error(NULL, RPC_INVALID, "Accept must allow text/event-stream"));
    else if (!try_open(x, in))
        exchange_finish_json(x, 503,
                             reply_error(NULL, RPC_BUSY, "%d event streams are open already",
                                         MCP_SSE_STREAMS_MAX));
    return x;
}

/* -- posting ----------------------------------------------------------------------------------- */

/* With a reference; NULL: none that this request may speak for. */
static struct mcp_channel *find_channel(struct mcp_server *s, const struct mcp_http_in *in)
{
    struct mcp_channel *ch;
    MUTEX_SCOPE(&s->lock);

    ch = map_get(&s->sse, in->sse_session);
    if (!ch || ch->x->is_ended || !str_eq(ch->principal, in->principal) ||
        !str_eq(ch->sse_endpoint, in->sse_endpoint))
        return NULL;
    ch->n_refs++;
    return ch;
}

static void refuse(struct mcp_exchange *x, const json_t *id, const char *why)
{
    exchange_finish_json(x, 400, reply_error(id, RPC_INVALID, "%s", why));
}

/*
 * Refuses a message of the modern era: a request where its answer is waited for, on the stream.
 * Clients of both eras ask for the modern one first, and fall back on an error there; on a status over
 * 400 the official ones give up the connection.
 */
static void refuse_modern(struct mcp_channel *ch, struct mcp_exchange *x, const json_t *message)
{
    const char *why = "this transport is of 2024-11-05; messages of this revision go to /mcp";
    const json_t *id;

    if (message_kind(message, &id) != MESSAGE_REQUEST) {
        refuse(x, NULL, why);
        return;
    }
    channel_send_json(ch, reply_error(id, RPC_INVALID, "%s", why));
    exchange_accept(x);
}

static void take(struct origin *from, struct mcp_exchange *x, const json_t *message)
{
    struct mcp_job *job = channel_take(from, message);

    mutex_lock(&x->server->lock);
    x->job = job;
    mutex_unlock(&x->server->lock);
    exchange_accept(x);
}

static void post_message(struct origin *from, struct mcp_exchange *x, const json_t *message)
{
    const json_t *id = NULL;

    if (json_is_array(message))
        refuse(x, NULL, "this transport takes one message at a time, no batches");
    else if (message_kind(message, &id) == MESSAGE_BAD)
        refuse(x, id, "not a JSON-RPC 2.0 message");
    else if (is_modern_message(from, message))
        refuse_modern(from->channel, x, message);
    else
        take(from, x, message);
}

static void post(struct mcp_exchange *x, const struct mcp_http_in *in, struct mcp_channel *ch)
{
    struct origin from = origin_of(x->server, in, NULL);
    struct error err = {0};
    AUTO_JSON *message = NULL;

    from.channel = ch;
    if (!json_parse(in->body, &message, &err))
        exchange_finish_json(x, 400, reply_error(NULL, RPC_PARSE, "%s", err.text));
    else if (exchange_permit(x, in, message))
        post_message(&from, x, message);
}

struct mcp_exchange *mcp_sse_post(struct mcp_server *s, const struct mcp_http_in *in,
                                  struct mcp_wake wake)
{
    struct mcp_exchange *x = exchange_new(s, in, wake);
    struct mcp_channel *ch;

    if (!exchange_admit(x, in))
        return x;
    if (!in->sse_session.ptr) {
        refuse(x, NULL, "session_id is missing; GET /sse says where to post");
        return x;
    }
    ch = find_channel(s, in);
    if (!ch) {
        exchange_finish_json(x, 404, reply_error(NULL, RPC_NO_SESSION, "Session not found"));
        return x;
    }
    post(x, in, ch);
    mutex_lock(&s->lock);
    channel_unref_locked(ch);
    mutex_unlock(&s->lock);
    return x;
}

/*
 * http.c - POST, GET and DELETE on the endpoint: which era, which session, which status.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "text/text.h"

#define VERSION_ASSUMED  "2025-03-26" /* of a request that names none */
#define SHUTDOWN_RETRY_S 5

/* -- sessions ---------------------------------------------------------------------------------- */

static bool refuse_version(struct origin *from, const json_t *id)
{
    exchange_finish_json(
        from->x, 400,
        reply_error_data(
            id, RPC_VERSION,
            json_must(json_pack("{s:o, s:o}", "supported", supported_versions(), "requested",
                                json_str(from->in->protocol_version))),
            "Unsupported protocol version"));
    return false;
}

/* Fills session and version of a legacy message, or answers and returns false. */
static bool find_session(struct origin *from, const json_t *id)
{
    const struct mcp_http_in *in = from->in;
    const char *version = VERSION_ASSUMED;

    if (in->protocol_version.ptr) {
        version = legacy_version(in->protocol_version);
        /* A modern header on a legacy message comes only from clients that mix eras. */
        if (!version && is_modern_version(in->protocol_version) && is_claude(in, NULL))
            version = VERSION_ASSUMED;
        if (!version)
            return refuse_version(from, id);
    }
    from->version = version;
    if (!in->session_id.ptr)
        return true;
    mutex_lock(&from->server->lock);
    from->session = session_find_locked(from->server, in->session_id, in->principal);
    if (from->session) {
        from->version = from->session->version;
        from->session->n_refs++; /* the exchange's */
        from->x->session = from->session;
    }
    mutex_unlock(&from->server->lock);
    if (from->session)
        return true;
    exchange_finish_json(from->x, 404, reply_error(id, RPC_NO_SESSION, "Session not found"));
    return false;
}

/* -- POST -------------------------------------------------------------------------------------- */

bool is_modern_message(const struct origin *from, const json_t *message)
{
    if (message_has_claim(message))
        return true;
    if (str_eq_c(message_method(message), "initialize"))
        return false;
    return is_modern_version(from->in->protocol_version) &&
           (from->server->given.is_strict || !is_claude(from->in, NULL));
}

static void set_job(const struct origin *from, struct mcp_call **calls, size_t n, json_t *batch)
{
    struct mcp_job *job = job_new(from, calls, n, batch);
    MUTEX_SCOPE(&from->server->lock);

    from->x->job = job;
}

static void post_request(struct origin *from, const json_t *request)
{
    bool is_modern = is_modern_message(from, request);
    bool is_initialize = !is_modern && str_eq_c(message_method(request), "initialize");
    struct mcp_call **calls;
    struct outcome o;

    from->version = VERSION_ASSUMED;
    if (!is_modern && !is_initialize && !find_session(from, json_object_get(request, "id")))
        return;
    o = is_modern ? modern_request(from, request) : legacy_request(from, request);
    if (o.response)
        exchange_finish_json(from->x, o.status, o.response);
    if (!o.call)
        return;
    calls = NEW_ARRAY(struct mcp_call *, 1);
    calls[0] = o.call;
    set_job(from, calls, 1, NULL);
}

static void post_notification(struct origin *from, const json_t *message)
{
    if (!is_modern_message(from, message)) {
        if (!find_session(from, NULL))
            return;
        legacy_notification(from, message);
    }
    exchange_finish(from->x, 202, (struct str){0});
}

static void post_response(struct origin *from, const json_t *message)
{
    if (is_modern_version(from->in->protocol_version)) {
        exchange_finish_json(
            from->x, 400,
            reply_error(NULL, RPC_INVALID, "this revision has no responses from clients"));
        return;
    }
    if (!find_session(from, NULL))
        return;
    legacy_response(from, message);
    exchange_finish(from->x, 202, (struct str){0});
}

static void post_message(struct origin *from, const json_t *message)
{
    const json_t *id;

    switch (message_kind(message, &id)) {
    case MESSAGE_REQUEST:
        post_request(from, message);
        return;
    case MESSAGE_NOTIFICATION:
        post_notification(from, message);
        return;
    case MESSAGE_RESPONSE:
        post_response(from, message);
        return;
    case MESSAGE_BAD:
        exchange_finish_json(from->x, 400,
                             reply_error(id, RPC_INVALID, "not a JSON-RPC 2.0 message"));
    }
}

/* -- batches ----------------------------------------------------------------------------------- */

static const char *why_no_batch(const struct origin *from, const json_t *list)
{
    size_t i;
    json_t *one;
    const json_t *id;

    if (json_array_size(list) == 0)
        return "an empty batch";
    if (json_array_size(list) > MCP_BATCH_MAX)
        return "a batch may have at most 100 messages";
    if (is_modern_version(from->in->protocol_version))
        return "this revision has no batches";
    json_array_foreach(list, i, one)
    {
        if (message_kind(one, &id) == MESSAGE_BAD)
            return "the batch holds something that is no JSON-RPC 2.0 message";
        if (message_has_claim(one) || str_eq_c(message_method(one), "initialize"))
            return "a batch cannot hold modern requests or initialize";
    }
    return NULL;
}

/* The answers that need no handler into answers, the calls into calls; how many of these. */
static size_t split_batch(const struct origin *from, const json_t *list, json_t *answers,
                          struct mcp_call **calls)
{
    size_t i, n = 0;
    json_t *one;
    const json_t *id;

    json_array_foreach(list, i, one)
    {
        enum message_kind kind = message_kind(one, &id);
        struct outcome o = {0};

        if (kind == MESSAGE_REQUEST)
            o = legacy_request(from, one);
        else if (kind == MESSAGE_NOTIFICATION)
            legacy_notification(from, one);
        else
            legacy_response(from, one);
        if (o.response)
            json_array_append_new(answers, o.response);
        if (o.call)
            calls[n++] = o.call;
    }
    return n;
}

static void post_batch(struct origin *from, const json_t *list)
{
    const char *problem = why_no_batch(from, list);
    struct mcp_call **calls;
    json_t *answers;
    size_t n;

    if (problem) {
        exchange_finish_json(from->x, 400, reply_error(NULL, RPC_INVALID, "%s", problem));
        return;
    }
    if (!find_session(from, NULL))
        return;
    if (strcmp(from->version, "2025-03-26") != 0) {
        exchange_finish_json(
            from->x, 400,
            reply_error(NULL, RPC_INVALID, "batches belong to revision 2025-03-26 only"));
        return;
    }
    calls = NEW_ARRAY(struct mcp_call *, json_array_size(list));
    answers = json_must(json_array());
    n = split_batch(from, list, answers, calls);
    if (n) {
        set_job(from, calls, n, answers);
        return;
    }
    free(calls);
    if (json_array_size(answers)) {
        exchange_finish_json(from->x, 200, answers);
    } else {
        json_decref(answers);
        exchange_finish(from->x, 202, (struct str){0});
    }
}

/* -- doors ------------------------------------------------------------------------------------- */

struct origin origin_of(struct mcp_server *s, const struct mcp_http_in *in,
                        struct mcp_exchange *x)
{
    return (struct origin){.server = s,
                           .in = in,
                           .x = x,
                           .caller = in->caller,
                           .principal = in->principal,
                           .now_ms = in->now_ms,
                           .version = VERSION_ASSUMED};
}

/* HTTP lets any byte stand in a header; what is compared and repeated here must be text. */
static bool are_headers_text(const struct mcp_http_in *in)
{
    const struct str values[] = {in->protocol_version, in->method, in->name, in->session_id,
                                 in->last_event_id};

    for (size_t i = 0; i < COUNT(values); i++) {
        if (!text_is_utf8(values[i]))
            return false;
    }
    return true;
}

bool exchange_admit(struct mcp_exchange *x, const struct mcp_http_in *in)
{
    bool is_closing;

    mutex_lock(&x->server->lock);
    is_closing = x->server->is_closing;
    if (is_closing)
        x->head.retry_after_s = SHUTDOWN_RETRY_S;
    mutex_unlock(&x->server->lock);
    if (is_closing)
        exchange_finish_json(x, 503,
                             reply_error(NULL, RPC_BUSY, "the server is shutting down"));
    else if (!are_headers_text(in))
        exchange_finish_json(x, 400,
                             reply_error(NULL, RPC_INVALID, "an MCP header is no UTF-8"));
    else
        return true;
    return false;
}

struct mcp_exchange *mcp_post(struct mcp_server *s, const struct mcp_http_in *in,
                              struct mcp_wake wake)
{
    struct mcp_exchange *x = exchange_new(s, in, wake);
    struct origin from = origin_of(s, in, x);
    struct error err = {0};
    AUTO_JSON *message = NULL;

    if (!exchange_admit(x, in))
        return x;
    if (!json_parse(in->body, &message, &err))
        exchange_finish_json(x, 400, reply_error(NULL, RPC_PARSE, "%s", err.text));
    else if (!exchange_permit(x, in, message))
        return x;
    else if (json_is_array(message))
        post_batch(&from, message);
    else
        post_message(&from, message);
    return x;
}

/* "3_17": event 17 of stream 3. */
static bool parse_event_id(struct str text, int64_t *out_stream, int64_t *out_seq)
{
    struct str stream, seq;

    return str_cut(text, '_', &stream, &seq) && str_to_int(stream, out_stream) &&
           str_to_int(seq, out_seq);
}

static void flush_queue_locked(struct mcp_server *s, struct session *session)
{
    for (size_t i = 0; i < session->queue.len; i++) {
        stream_append_locked(s, session->standalone, session->queue.ptr[i]);
        free((void *)(uintptr_t)session->queue.ptr[i].ptr);
    }
    session->queue.len = 0;
}

/* The newest connection gets what comes from now on, and what waited for one. */
static void make_standalone_locked(struct mcp_exchange *x)
{
    x->stream->is_standalone = true;
    x->stream->is_ended = false;
    x->session->standalone = x->stream;
    flush_queue_locked(x->server, x->session);
}

static void open_standalone_locked(struct mcp_exchange *x)
{
    x->stream = stream_new_locked(x->session);
    x->stream->reader = x;
    if (strcmp(x->session->version, MCP_LATEST_LEGACY) >= 0)
        stream_prime_locked(x->stream, 0);
    make_standalone_locked(x);
}

static bool resume_locked(struct mcp_exchange *x, struct str last_event_id)
{
    int64_t id, seq;
    struct stream *stream;

    if (!parse_event_id(last_event_id, &id, &seq))
        return false;
    for (stream = x->session->streams; stream && stream->id != id; stream = stream->next)
        ;
    if (!stream || !stream_resume_locked(stream, seq, x))
        return false;
    if (stream->is_standalone)
        make_standalone_locked(x);
    else if (stream->is_ended)
        exchange_close_locked(x);
    return true;
}

static void get_stream(struct origin *from)
{
    struct mcp_exchange *x = from->x;
    struct mcp_server *s = from->server;
    bool is_ok = true;

    mutex_lock(&s->lock);
    if (from->in->last_event_id.ptr)
        is_ok = resume_locked(x, from->in->last_event_id);
    else
        open_standalone_locked(x);
    if (is_ok) {
        x->head = (struct mcp_http_head){
            .status = 200, .content_type = "text/event-stream", .is_stream = true};
        x->state = HEAD_DONE;
        exchange_wake_locked(x);
    }
    mutex_unlock(&s->lock);
    if (is_ok)
        server_wake(s);
    else
        exchange_finish_json(x, 400,
                             reply_error(NULL, RPC_INVALID,
                                         "Last-Event-ID is not known any more; go on "
                                         "without it"));
}

struct mcp_exchange *mcp_get(struct mcp_server *s, const struct mcp_http_in *in,
                             struct mcp_wake wake)
{
    struct mcp_exchange *x = exchange_new(s, in, wake);
    struct origin from = origin_of(s, in, x);

    if (!exchange_admit(x, in))
        return x;
    if (!in->session_id.ptr) {
        x->head.allow = "POST, GET, DELETE";
        exchange_finish_json(x, 405,
                             reply_error(NULL, RPC_INVALID, "GET needs a session; send POST"));
    } else if (!x->accepts_sse) {
        exchange_finish_json(
            x, 406, reply_error(NULL, RPC_INVALID, "Accept must allow text/event-stream"));
    } else if (find_session(&from, NULL)) {
        get_stream(&from);
    }
    return x;
}

struct mcp_exchange *mcp_delete(struct mcp_server *s, const struct mcp_http_in *in,
                                struct mcp_wake wake)
{
    struct mcp_exchange *x = exchange_new(s, in, wake);
    struct origin from = origin_of(s, in, x);

    if (!exchange_admit(x, in))
        return x;
    if (!in->session_id.ptr) {
        exchange_finish_json(x, 400,
                             reply_error(NULL, RPC_INVALID, "Mcp-Session-Id is missing"));
        return x;
    }
    if (!find_session(&from, NULL))
        return x;
    mutex_lock(&s->lock);
    session_end_locked(s, from.session);
    mutex_unlock(&s->lock);
    exchange_finish(x, 204, (struct str){0});
    return x;
}

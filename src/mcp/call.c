/*
 * call.c - a running handler: what it may send, ask and find out; and its job.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "base/clock.h"
#include "base/log.h"

/* -- life -------------------------------------------------------------------------------------- */

/* Messages before the response need a client that reads them: in a session or modern, one that takes
 * event streams; without either, one that takes nothing else. */
static bool may_stream(const struct mcp_call *c, const struct mcp_exchange *x)
{
    return x->accepts_sse && (c->era == ERA_MODERN || c->session || !x->accepts_json);
}

static void link_call(struct mcp_call *c)
{
    struct mcp_server *s = c->server;
    MUTEX_SCOPE(&s->lock);

    c->next = s->calls;
    if (c->next)
        c->next->prev = c;
    s->calls = c;
    if (c->session) {
        c->session->n_refs++;
        c->session->n_calls++;
        c->log_level = c->session->log_level;
    }
    if (c->x) {
        c->x->n_refs++;
        c->x->call = c;
        c->x->may_stream = may_stream(c, c->x);
    }
    if (c->channel) {
        c->channel->n_refs++;
        c->channel->n_running++;
    }
}

/* Of a call without a session; else the session's counts. */
static int log_level_of(enum era era, const json_t *meta)
{
    struct str level = json_view(json_object_get(meta, META_LOG_LEVEL));

    if (era == ERA_MODERN)
        return level.len ? level_of(level) : LEVEL_NONE;
    return level_of(STR("info"));
}

struct mcp_call *call_new(const struct origin *from, enum era era, const json_t *request)
{
    struct mcp_call *c = NEW(struct mcp_call);
    const json_t *meta = message_meta(request);
    const json_t *capabilities = era == ERA_MODERN ? json_object_get(meta, META_CAPABILITIES)
                                 : from->session   ? from->session->capabilities
                                                   : NULL;

    c->server = from->server;
    c->era = era;
    c->id = json_deep_copy(json_object_get(request, "id"));
    c->params = json_deep_copy(message_params(request));
    c->method = arena_dup(&c->arena, message_method(request));
    c->caller = from->caller;
    c->principal = arena_dup(&c->arena, from->principal);
    c->now_ms = from->now_ms;
    c->version = era == ERA_MODERN ? MCP_MODERN : from->version;
    c->capabilities = json_deep_copy(capabilities);
    c->progress_token = json_object_get(json_object_get(c->params, "_meta"), "progressToken");
    c->session = era == ERA_LEGACY ? from->session : NULL;
    c->x = from->x;
    c->channel = from->channel;
    c->http_status = 200;
    c->log_level = log_level_of(era, meta);
    link_call(c);
    return c;
}

void call_free(struct mcp_call *c)
{
    struct mcp_server *s = c->server;

    mutex_lock(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->x && c->x->call == c)
        c->x->call = NULL;
    exchange_unref_locked(c->x);
    if (c->session) {
        c->session->n_calls--;
        c->session->used_ms = s->now_ms;
        session_unref_locked(c->session);
    }
    if (c->channel) {
        c->channel->n_running--;
        if (s->is_closing && c->channel->x && !c->channel->n_running)
            exchange_close_locked(c->channel->x);
        channel_unref_locked(c->channel);
    }
    mutex_unlock(&s->lock);
    json_decref(c->id);
    json_decref(c->params);
    json_decref(c->capabilities);
    json_decref(c->error);
    arena_deinit(&c->arena);
    free(c);
}

/* -- what a handler finds out ------------------------------------------------------------------ */

struct arena *mcp_call_arena(struct mcp_call *c)
{
    return &c->arena;
}

void *mcp_call_server_data(const struct mcp_call *c)
{
    return c->server->given.data;
}

const void *mcp_call_data(const struct mcp_call *c)
{
    return c->tool ? c->tool->tool->data : NULL;
}

const void *mcp_call_caller(const struct mcp_call *c)
{
    return c->caller;
}

int64_t mcp_call_now_ms(const struct mcp_call *c)
{
    return c->now_ms;
}

bool mcp_call_is_modern(const struct mcp_call *c)
{
    return c->era == ERA_MODERN;
}

struct mcp_server *mcp_call_server(const struct mcp_call *c)
{
    return c->server;
}

bool mcp_call_is_cancelled(const struct mcp_call *c)
{
    return atomic_load(&c->is_cancelled);
}

bool mcp_call_client_can(const struct mcp_call *c, const char *capability)
{
    return json_is_object(json_object_get(c->capabilities, capability));
}

/* -- messages before the answer ---------------------------------------------------------------- */

bool call_send(struct mcp_call *c, json_t *message)
{
    AUTO_BUF text = {0};
    bool is_sent = false;

    json_write(&text, message);
    json_decref(message);
    mutex_lock(&c->server->lock);
    if (!mcp_call_is_cancelled(c)) {
        if (c->x)
            is_sent = exchange_send_locked(c->x, buf_str(&text));
        if (c->channel) {
            channel_send_locked(c->channel, buf_str(&text));
            is_sent = true;
        }
    }
    mutex_unlock(&c->server->lock);
    server_wake(c->server);
    return is_sent;
}

void mcp_call_progress(struct mcp_call *c, double progress, double total, const char *message)
{
    int64_t now_ms = clock_monotonic_ms();
    bool is_last = total > 0 && progress >= total;
    json_t *params;

    if (!c->progress_token || (c->has_progress && progress <= c->last_progress))
        return;
    if (c->has_progress && !is_last && now_ms - c->last_progress_ms < PROGRESS_INTERVAL_MS)
        return;
    c->has_progress = true;
    c->last_progress = progress;
    c->last_progress_ms = now_ms;
    params = json_must(
        json_pack("{s:O, s:f}", "progressToken", c->progress_token, "progress", progress));
    if (total > 0)
        put(params, "total", json_real(total));
    if (message && strcmp(c->version, "2024-11-05") != 0)
        put(params, "message", json_str(str_c(message)));
    call_send(c, notification("notifications/progress", params));
}

int level_of(struct str name)
{
    static const char *const levels[] = {"debug", "info",     "notice", "warning",
                                         "error", "critical", "alert",  "emergency"};

    for (size_t i = 0; i < COUNT(levels); i++) {
        if (str_eq_c(name, levels[i]))
            return (int)i;
    }
    return -1;
}

void mcp_call_log(struct mcp_call *c, const char *level, const char *logger, json_t *data)
{
    json_t *params;

    if (!c->server->given.has_logging || level_of(str_c(level)) < c->log_level) {
        json_decref(data);
        return;
    }
    params = json_must(json_pack("{s:s, s:o}", "level", level, "data", data));
    if (logger)
        put(params, "logger", json_str(str_c(logger)));
    call_send(c, notification("notifications/message", params));
}

void mcp_call_close_stream(struct mcp_call *c, int retry_ms)
{
    struct mcp_exchange *x = c->x;

    if (!x || !c->session || strcmp(c->version, MCP_LATEST_LEGACY) < 0)
        return;
    mutex_lock(&c->server->lock);
    if (x->may_stream && x->state == HEAD_OPEN)
        exchange_open_stream_locked(x, retry_ms);
    else if (x->stream && x->stream->reader == x)
        buf_printf(&x->out, "retry: %d\n\n", retry_ms);
    if (x->stream && x->stream->reader == x) {
        x->stream->reader = NULL; /* what follows waits for the client to come back */
        exchange_close_locked(x);
    }
    mutex_unlock(&c->server->lock);
    server_wake(c->server);
}

/* -- asking the client: legacy ----------------------------------------------------------------- */

static const char *capability_for(struct str method)
{
    static const struct {
        const char *method;
        const char *capability;
    } rows[] = {
        {"sampling/createMessage", "sampling"},
        {"elicitation/create", "elicitation"},
        {"roots/list", "roots"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_c(method, rows[i].method))
            return rows[i].capability;
    }
    return NULL;
}

static struct pending *add_pending(struct mcp_call *c)
{
    struct pending *p = NEW(struct pending);
    MUTEX_SCOPE(&c->server->lock);

    p->session = c->session;
    p->number = ++c->server->n_ids;
    p->next = c->server->pending;
    c->server->pending = p;
    return p;
}

/* Takes p out of the list; its response, if one came, is the caller's. */
static json_t *end_pending(struct mcp_call *c, struct pending *p)
{
    json_t *response;
    MUTEX_SCOPE(&c->server->lock);

    response = p->response;
    for (struct pending **at = &c->server->pending; *at; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            break;
        }
    }
    free(p);
    return response;
}

static void wait_for_answer(struct mcp_call *c, const struct pending *p, int64_t deadline_ms)
{
    MUTEX_SCOPE(&c->server->lock);

    while (!p->response && !mcp_call_is_cancelled(c) && !c->server->is_closing) {
        if (!cond_wait_until(&c->server->answered, &c->server->lock, deadline_ms))
            break;
    }
}

static bool send_request(struct mcp_call *c, const char *method, json_t *params, int64_t number)
{
    char id[40];

    snprintf(id, sizeof(id), "server-%lld", (long long)number);
    return call_send(c, json_must(json_pack("{s:s, s:s, s:s, s:o}", "jsonrpc", "2.0", "id", id,
                                            "method", method, "params", params)));
}

static bool take_answer(json_t *response, const char *method, json_t **out_result,
                        struct error *err)
{
    json_t *result = json_object_get(response, "result");

    if (!response)
        return error_set(err, ERROR_UNAVAILABLE, "the client did not answer %s", method);
    if (!result)
        return error_set(err, ERROR_UNAVAILABLE, "the client refused %s", method);
    *out_result = json_incref(result);
    return true;
}

bool mcp_call_request(struct mcp_call *c, const char *method, json_t *params,
                      int64_t timeout_ms, json_t **out_result, struct error *err)
{
    const char *capability = capability_for(str_c(method));
    struct pending *p;
    json_t *response;
    bool is_ok;

    if (c->era == ERA_MODERN || !c->session ||
        (capability && !mcp_call_client_can(c, capability))) {
        json_decref(params);
        return error_set(err, ERROR_UNAVAILABLE, "the client does not offer %s", method);
    }
    p = add_pending(c);
    if (send_request(c, method, params, p->number))
        wait_for_answer(c, p, clock_monotonic_ms() + timeout_ms);
    response = end_pending(c, p);
    is_ok = take_answer(response, method, out_result, err);
    json_decref(response);
    return is_ok;
}

/* -- asking the client: modern ------------------------------------------------------------------ */

bool mcp_call_protocol_error(struct mcp_call *c, int code, const char *message, json_t *data,
                             struct error *err)
{
    json_decref(c->error);
    c->error =
        json_must(json_pack("{s:i, s:o}", "code", code, "message", json_str(str_c(message))));
    if (data)
        put(c->error, "data", data);
    return error_set(err, ERROR_INVALID, "%s", message);
}

bool mcp_call_missing_capability(struct mcp_call *c, const char *capability, struct error *err)
{
    char text[ERROR_TEXT_MAX];

    snprintf(text, sizeof(text), "this needs the client capability '%s'", capability);
    c->http_status = 400;
    return mcp_call_protocol_error(
        c, RPC_CAPABILITY, text,
        json_must(json_pack("{s:{s:{}}}", "requiredCapabilities", capability)), err);
}

const json_t *mcp_call_input(const struct mcp_call *c, const char *key)
{
    const json_t *input = json_object_get(json_object_get(c->params, "inputResponses"), key);

    return json_is_object(input) ? input : NULL;
}

bool mcp_call_state(struct mcp_call *c, json_t **out, struct error *err)
{
    const json_t *state = json_object_get(c->params, "requestState");

    *out = NULL;
    if (!state)
        return true;
    if (state_open(c, json_view(state), out, err))
        return true;
    return mcp_call_protocol_error(c, RPC_PARAMS, "requestState is not one of ours, or too old",
                                   NULL, err);
}

static bool check_capabilities(struct mcp_call *c, const json_t *requests, struct error *err)
{
    const char *key;
    json_t *one;

    json_object_foreach((json_t *)(uintptr_t)requests, key, one)
    {
        const char *need = capability_for(json_view(json_object_get(one, "method")));

        if (need && !mcp_call_client_can(c, need))
            return mcp_call_missing_capability(c, need, err);
    }
    return true;
}

bool mcp_call_ask(struct mcp_call *c, json_t *requests, json_t *state, json_t **out,
                  struct error *err)
{
    bool is_ok = c->era == ERA_MODERN ? check_capabilities(c, requests, err)
                                      : error_set(err, ERROR_UNAVAILABLE,
                                                  "the client's revision cannot be asked");

    if (is_ok) {
        json_t *result = json_must(json_pack("{s:s}", "resultType", "input_required"));

        if (requests)
            put(result, "inputRequests", json_incref(requests));
        if (state)
            put(result, "requestState", json_str(state_seal(c, state)));
        *out = result;
    }
    json_decref(requests);
    json_decref(state);
    return is_ok;
}

/* -- jobs --------------------------------------------------------------------------------------- */

static bool is_call_slow(const struct mcp_call *c)
{
    const struct mcp_tool *tool = c->tool ? c->tool->tool : NULL;

    return tool && tool->is_slow && tool->is_slow(json_object_get(c->params, "arguments"));
}

struct mcp_job *job_new(const struct origin *from, struct mcp_call **calls, size_t n_calls,
                        json_t *batch)
{
    struct mcp_job *job = NEW(struct mcp_job);

    *job = (struct mcp_job){.server = from->server,
                            .calls = calls,
                            .n_calls = n_calls,
                            .batch = batch,
                            .x = from->x,
                            .channel = from->channel};
    for (size_t i = 0; i < n_calls; i++)
        job->is_slow |= is_call_slow(calls[i]);
    mutex_lock(&job->server->lock);
    if (job->x) {
        job->x->n_refs++;
        job->x->may_stream &= !batch;
    }
    if (job->channel)
        job->channel->n_refs++;
    mutex_unlock(&job->server->lock);
    return job;
}

unsigned mcp_job_needs(const struct mcp_job *job)
{
    unsigned needs = 0;

    for (size_t i = 0; i < job->n_calls; i++)
        needs |= job->calls[i]->tool ? job->calls[i]->tool->tool->needs : 0;
    return needs;
}

bool mcp_job_is_slow(const struct mcp_job *job)
{
    return job->is_slow;
}

static void deliver(struct mcp_job *job, int status, json_t *response)
{
    AUTO_BUF text = {0};

    if (response)
        json_write(&text, response);
    mutex_lock(&job->server->lock);
    if (job->x)
        exchange_finish_locked(job->x, response ? status : 202, buf_str(&text));
    if (job->channel && response)
        channel_send_locked(job->channel, buf_str(&text));
    mutex_unlock(&job->server->lock);
}

static void job_free(struct mcp_job *job)
{
    struct mcp_server *s = job->server;

    server_wake(s);
    mutex_lock(&s->lock);
    exchange_unref_locked(job->x);
    channel_unref_locked(job->channel);
    mutex_unlock(&s->lock);
    json_decref(job->batch);
    free(job->calls);
    free(job);
}

/* A cancelled call has no answer. Takes the answer. */
static void finish_call(struct mcp_job *job, struct mcp_call *c, json_t *response)
{
    if (mcp_call_is_cancelled(c)) {
        json_decref(response);
        response = NULL;
    }
    if (job->batch) {
        if (response)
            json_array_append(job->batch, response);
    } else {
        deliver(job, c->http_status, response);
    }
    json_decref(response);
    call_free(c);
}

static void finish_batch(struct mcp_job *job, int status)
{
    if (job->batch)
        deliver(job, status, json_array_size(job->batch) ? job->batch : NULL);
}

void mcp_job_run(struct mcp_job *job)
{
    for (size_t i = 0; i < job->n_calls; i++) {
        struct mcp_call *c = job->calls[i];

        finish_call(job, c, mcp_call_is_cancelled(c) ? NULL : call_run(c));
    }
    finish_batch(job, 200);
    job_free(job);
}

void mcp_job_refuse(struct mcp_job *job)
{
    for (size_t i = 0; i < job->n_calls; i++) {
        struct mcp_call *c = job->calls[i];

        c->http_status = 503;
        mutex_lock(&job->server->lock);
        if (job->x)
            job->x->head.retry_after_s = 1;
        mutex_unlock(&job->server->lock);
        finish_call(job, c, reply_error(c->id, RPC_BUSY, "the server is busy; try again soon"));
    }
    finish_batch(job, 503);
    job_free(job);
}

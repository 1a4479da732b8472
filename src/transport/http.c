/*
 * http.c - Streamable HTTP at /mcp, and what HTTP+SSE (sse.c) shares with it.
 *
 * One request is one exchange with the protocol layer. The exchange decides the status line when it
 * can, a quick answer at once, a slow one or a stream later; until then the request waits without a
 * thread. The protocol's wake is the request's wake.
 *
 * A conversation joins the two. It has two holders, the request and the job: a legacy job runs on
 * after its client has hung up, and needs its caller until it ends. The exchange itself belongs to
 * the request.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "json/json.h"

#define CORS_HEADERS                                                                           \
    "Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, "  \
    "Mcp-Name, Last-Event-ID, X-API-Key, X-Agent-ID"
#define CORS_EXPOSED "Mcp-Session-Id, WWW-Authenticate, Retry-After"

struct conversation {
    atomic_int n_holders;
    struct http_request *request; /* valid for the holder "request" */
    struct transport_http *transport;
    struct mcp_exchange *exchange;
    struct caller caller;
    struct str resource;
    struct arena arena; /* what caller and resource point to */
};

static void conversation_drop(void *ctx)
{
    struct conversation *c = ctx;

    if (atomic_fetch_sub(&c->n_holders, 1) != 1)
        return;
    arena_deinit(&c->arena);
    free(c);
}

/* -- the request's side ---------------------------------------------------------------------- */

static void conversation_wake(void *ctx)
{
    struct conversation *c = ctx;

    http_wake(c->request);
}

static void add_head(struct http_request *r, const struct mcp_http_head *head)
{
    if (head->session_id.len > 0)
        http_reply_header(r, "Mcp-Session-Id", head->session_id);
    if (head->allow)
        http_reply_header(r, "Allow", str_c(head->allow));
    if (head->retry_after_s > 0)
        http_reply_header(r, "Retry-After",
                          arena_printf(http_request_arena(r), "%d", head->retry_after_s));
    if (head->is_stream) {
        /* Memories are for no cache; and a proxy that compresses would hold events back. */
        http_reply_header(r, "Cache-Control", STR("no-cache, no-store, no-transform"));
        http_reply_header(r, "X-Accel-Buffering", STR("no")); /* nginx passes each event on */
    }
}

/* A client appears: it begins a session, a stream of HTTP+SSE, or asks what is here (2026-07-28). */
static void log_connect(const struct conversation *c, const struct mcp_http_head *head)
{
    bool is_stream = head->is_stream && str_eq_c(c->resource, "/sse");
    bool is_discovery = str_eq_c(http_header(c->request, STR("Mcp-Method")), "server/discover");
    char subject[LOG_QUOTE_MAX], client[LOG_QUOTE_MAX], space[LOG_QUOTE_MAX], ip[IP_TEXT_MAX];

    if (head->status != 200 || (head->session_id.len == 0 && !is_stream && !is_discovery))
        return;
    log_event(LOG_INFO, "connect", "id=%llu ip=" STR_FMT " subject=%s client=%s space=%s",
              (unsigned long long)http_request_id(c->request),
              STR_ARG(ip_text(http_client(c->request), ip)),
              log_quote(c->caller.subject, subject), log_quote(c->caller.client, client),
              log_quote(c->caller.space, space));
}

static void conversation_resume(struct http_request *r, void *ctx)
{
    struct conversation *c = ctx;
    struct mcp_http_head head = {0};

    if (!mcp_exchange_head(c->exchange, &head))
        return;
    add_head(r, &head);
    log_connect(c, &head);
    if (head.needs)
        gate_add_step_up(c->transport->options.gate, r, c->resource, head.needs);
    if (head.is_stream) {
        http_reply_stream(r, head.status, head.content_type);
        return;
    }
    mcp_exchange_read(c->exchange, http_reply_body(r));
    http_reply(r, head.status, head.content_type);
}

static enum http_more conversation_read(void *ctx, struct buf *out)
{
    struct conversation *c = ctx;

    return mcp_exchange_read(c->exchange, out) == MCP_READ_END ? HTTP_END : HTTP_MORE;
}

static void conversation_hang_up(void *ctx)
{
    struct conversation *c = ctx;

    mcp_exchange_hang_up(c->exchange);
}

static void conversation_close(void *ctx)
{
    struct conversation *c = ctx;

    mcp_exchange_unref(c->exchange); /* no wake after this: the request may go */
    conversation_drop(c);
}

static const struct http_answer conversation_answer = {
    .resume = conversation_resume,
    .read = conversation_read,
    .hang_up = conversation_hang_up,
    .close = conversation_close,
};

/* -- from request to exchange ---------------------------------------------------------------- */

static struct str param_header(void *ctx, struct str name)
{
    struct http_request *r = ctx;
    struct str full = arena_printf(http_request_arena(r), "Mcp-Param-" STR_FMT, STR_ARG(name));

    return http_header(r, full);
}

static struct mcp_http_in read_request(struct http_request *r, const struct caller *caller)
{
    return (struct mcp_http_in){
        .protocol_version = http_header(r, STR("MCP-Protocol-Version")),
        .method = http_header(r, STR("Mcp-Method")),
        .name = http_header(r, STR("Mcp-Name")),
        .session_id = http_header(r, STR("Mcp-Session-Id")),
        .last_event_id = http_header(r, STR("Last-Event-ID")),
        .accept = http_header(r, STR("Accept")),
        .user_agent = http_header(r, STR("User-Agent")),
        .has_conflict = http_headers_conflict(r, STR("Mcp-")),
        .param = param_header,
        .param_ctx = r,
        .body = http_body(r),
        .rights = caller->scopes,
        .caller = caller,
        .now_ms = clock_now_ms(),
    };
}

/* The caller outlives the request where a job runs on. */
static struct caller keep_caller(struct arena *a, const struct caller *who)
{
    struct caller kept = *who;

    kept.subject = arena_dup(a, who->subject);
    kept.client = arena_dup(a, who->client);
    kept.space = arena_dup(a, who->space);
    return kept;
}

static struct conversation *conversation_new(struct transport_http *t, struct http_request *r,
                                             const struct visit *v, const struct caller *who)
{
    struct conversation *c = NEW(struct conversation);

    atomic_init(&c->n_holders, 1);
    c->transport = t;
    c->request = r;
    c->caller = keep_caller(&c->arena, who);
    c->resource = arena_dup(&c->arena, v->resource);
    return c;
}

/* A change waits for the disk, and perhaps for another process, while other connections of its thread would
 * wait with it. */
static struct pool *pool_for(const struct transport_http *t, const struct visit *v,
                             const struct mcp_job *job)
{
    if (mcp_job_is_slow(job))
        return t->options.pool;
    return !v->is_ordered && mcp_job_needs(job) & ~(unsigned)SCOPE_READ ? t->options.change_pool
                                                                        : NULL;
}

void converse(struct transport_http *t, struct http_request *r, const struct visit *v)
{
    const struct gate_target target = {v->resource, v->space, SCOPE_READ | SCOPE_WRITE};
    struct gate_pass pass = {.caller.client =
                                 client_of_user_agent(http_header(r, STR("User-Agent")))};
    struct conversation *c;
    struct mcp_http_in in;
    struct mcp_job *job;

    if (!gate_enter(t->options.gate, r, &target, &pass))
        return;
    c = conversation_new(t, r, v, &pass.caller);
    in = read_request(r, &c->caller);
    in.principal = pass.principal;
    in.sse_endpoint = v->sse_endpoint;
    in.sse_session = v->sse_session;
    c->exchange = v->enter(t->options.mcp, &in, (struct mcp_wake){conversation_wake, c});
    http_answer_later(r, &conversation_answer, c);
    job = mcp_exchange_job(c->exchange);
    if (!job)
        return;
    atomic_fetch_add(&c->n_holders, 1);
    run_job(pool_for(t, v, job), job, conversation_drop, c);
}

static void begin(struct transport_http *t, struct http_request *r, struct visit visit)
{
    visit.resource = STR("/mcp");
    if (space_of_path(http_path(r), STR("/mcp"), &visit.space)) {
        if (visit.space.len > 0)
            visit.resource =
                arena_printf(http_request_arena(r), "/mcp/" STR_FMT,
                             STR_ARG(http_escape(http_request_arena(r), visit.space)));
        converse(t, r, &visit);
        return;
    }
    http_refuse(r, 404, "the path after /mcp/ is not the name of a space");
}

static void handle_post(struct http_request *r, void *ctx)
{
    begin(ctx, r, (struct visit){.enter = mcp_post});
}

static void handle_get(struct http_request *r, void *ctx)
{
    begin(ctx, r, (struct visit){.enter = mcp_get});
}

static void handle_delete(struct http_request *r, void *ctx)
{
    begin(ctx, r, (struct visit){.enter = mcp_delete});
}

static void handle_root(struct http_request *r, void *ctx)
{
    (void)ctx;
    http_refuse(r, 404, "there is nothing here; the MCP endpoint is /mcp");
}

/* -- routes ---------------------------------------------------------------------------------- */

/* The form of a refusal that every MCP client can read: an error that answers no request. */
static const char *write_refusal(int status, struct str text, struct buf *body)
{
    json_t *error =
        json_must(json_pack("{s:s, s:{s:i, s:o}}", "jsonrpc", "2.0", "error", "code",
                            status >= 500 ? -32603 : -32600, "message", json_str(text)));

    json_write(body, error);
    json_decref(error);
    return "application/json";
}

void add_route(struct transport_http *t, const char *path, const struct http_route *route)
{
    struct http_route whole = *route;

    whole.path = path;
    whole.ctx = t;
    whole.write_refusal = write_refusal;
    whole.cors_headers = CORS_HEADERS;
    whole.cors_exposed = CORS_EXPOSED;
    http_server_add(t->options.http, &whole);
}

static void add_endpoint(struct transport_http *t, const char *path)
{
    static const char *const any[] = {"application/json", "text/event-stream", NULL};
    static const char *const stream[] = {"text/event-stream", NULL};
    const struct http_route routes[] = {
        {.method = "POST", .body = HTTP_BODY_JSON, .accepts = any, .handle = handle_post},
        {.method = "GET", .accepts = stream, .handle = handle_get},
        {.method = "DELETE", .handle = handle_delete},
    };

    for (size_t i = 0; i < COUNT(routes); i++)
        add_route(t, path, &routes[i]);
}

static void add_root(struct transport_http *t)
{
    static const char *const methods[] = {"GET", "POST"};

    for (size_t i = 0; i < COUNT(methods); i++)
        http_server_add(
            t->options.http,
            &(struct http_route){.method = methods[i], .path = "/", .handle = handle_root});
}

/* -- time ------------------------------------------------------------------------------------ */

static void tick_main(void *arg)
{
    struct transport_http *t = arg;
    int64_t next_ms = clock_monotonic_ms();

    mutex_lock(&t->lock);
    while (!t->is_stopping) {
        next_ms += MCP_TICK_MS;
        while (!t->is_stopping && cond_wait_until(&t->stop, &t->lock, next_ms))
            ;
        mutex_unlock(&t->lock);
        mcp_tick(t->options.mcp, clock_monotonic_ms());
        mutex_lock(&t->lock);
    }
    mutex_unlock(&t->lock);
}

bool transport_http_new(const struct transport_http_options *options,
                        struct transport_http **out, struct error *err)
{
    struct transport_http *t = NEW(struct transport_http);

    t->options = *options;
    mutex_init(&t->lock);
    cond_init(&t->stop);
    mcp_tick(options->mcp, clock_monotonic_ms());
    add_endpoint(t, "/mcp");
    add_endpoint(t, "/mcp/");
    sse_add_routes(t);
    add_root(t);
    if (!thread_start(&t->ticker, "mcp-tick", tick_main, t, err)) {
        transport_http_free(t);
        return false;
    }
    *out = t;
    return true;
}

static void stop_ticker(struct transport_http *t)
{
    mutex_lock(&t->lock);
    t->is_stopping = true;
    cond_broadcast(&t->stop);
    mutex_unlock(&t->lock);
    thread_join(&t->ticker);
}

void transport_http_stop(struct transport_http *t, int64_t grace_ms)
{
    mcp_shut_down(t->options.mcp);
    http_server_stop(t->options.http, grace_ms);
    mcp_cancel_all(t->options.mcp); /* nobody is left to read what they would answer */
    stop_ticker(t);
}

void transport_http_free(struct transport_http *t)
{
    if (!t)
        return;
    stop_ticker(t);
    cond_deinit(&t->stop);
    mutex_deinit(&t->lock);
    free(t);
}

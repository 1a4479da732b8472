/* stage.c - see stage.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mcp/stage.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define POLL_MS    2
#define TIMEOUT_MS 20000

/* -- tools ------------------------------------------------------------------------------------- */

static bool reply_text(json_t **out, struct str text)
{
    *out = json_must(
        json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text", json_str(text)));
    return true;
}

static bool run_echo(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)call;
    (void)err;
    return reply_text(out, json_view(json_object_get(args, "text")));
}

static bool run_fail(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    struct str kind = json_view(json_object_get(args, "kind"));

    (void)out;
    if (str_eq_c(kind, "internal"))
        return error_set(err, ERROR_INTERNAL, "a secret path");
    if (str_eq_c(kind, "capability"))
        return mcp_call_missing_capability(call, "sampling", err);
    if (str_eq_c(kind, "protocol"))
        return mcp_call_protocol_error(call, -31001, "of our own", json_pack("{s:i}", "n", 7),
                                       err);
    return error_set(err, ERROR_INVALID, "not like this");
}

static bool run_steps(struct mcp_call *call, const json_t *args, json_t **out,
                      struct error *err)
{
    (void)args;
    (void)err;
    for (int i = 1; i <= 3; i++)
        mcp_call_progress(call, i, 3, "step");
    mcp_call_log(call, "warning", "stage", json_string("logged"));
    return reply_text(out, STR("stepped"));
}

static bool run_wait(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    struct stage *s = mcp_call_server_data(call);

    (void)args;
    (void)err;
    atomic_fetch_add(&s->n_waiting, 1);
    while (!mcp_call_is_cancelled(call))
        usleep(POLL_MS * 1000);
    atomic_fetch_add(&s->n_cancelled, 1);
    return reply_text(out, STR("cancelled"));
}

static bool run_ask(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    AUTO_JSON *answer = NULL;

    (void)args;
    if (!mcp_call_request(call, "sampling/createMessage", json_pack("{s:i}", "maxTokens", 5),
                          TIMEOUT_MS, &answer, err))
        return false;
    return reply_text(out, json_text(mcp_call_arena(call), answer));
}

static bool run_confirm(struct mcp_call *call, const json_t *args, json_t **out,
                        struct error *err)
{
    AUTO_JSON *state = NULL;

    (void)args;
    if (!mcp_call_state(call, &state, err))
        return false;
    if (state)
        return reply_text(out, json_view(json_object_get(state, "kept")));
    return mcp_call_ask(call,
                        json_pack("{s:{s:s, s:{}}}", "ok", "method", "roots/list", "params"),
                        json_pack("{s:s}", "kept", "what was kept"), out, err);
}

static bool run_poll(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)args;
    (void)err;
    mcp_call_close_stream(call, 500);
    return reply_text(out, STR("polled"));
}

#define TOOL(name, properties)                                                                 \
    STR_INIT("{\"name\":\"" name "\",\"description\":\"For tests.\",\"inputSchema\":"          \
             "{\"type\":\"object\",\"properties\":{" properties "}}}")

static const struct mcp_tool tools[] = {
    {.definition = STR_INIT("{\"name\":\"echo\",\"description\":\"For tests.\","
                            "\"inputSchema\":{\"type\":\"object\",\"required\":[\"text\"],"
                            "\"properties\":{\"text\":{\"type\":\"string\"},"
                            "\"n\":{\"type\":\"integer\",\"minimum\":1}}}}"),
     .run = run_echo},
    {.definition = TOOL("fail", "\"kind\":{\"type\":\"string\"}"), .run = run_fail},
    {.definition = TOOL("steps", ""), .run = run_steps},
    {.definition = TOOL("wait", ""), .run = run_wait},
    {.definition = TOOL("ask", ""), .run = run_ask},
    {.definition = TOOL("confirm", "\"what\":{\"type\":\"string\"}"), .run = run_confirm},
    {.definition = TOOL("region", "\"region\":{\"type\":\"string\",\"x-mcp-header\":"
                                  "\"Region\"},\"text\":{\"type\":\"string\"}"),
     .run = run_echo},
    {.definition = TOOL("poll", ""), .run = run_poll},
    {.definition = TOOL("old", ""), .is_hidden = true, .run = run_steps},
};

/* -- resources and prompts --------------------------------------------------------------------- */

static bool list_resources(struct mcp_call *call, json_t **out, struct error *err)
{
    (void)err;
    *out = json_array();
    for (int i = 0; i < STAGE_N_RESOURCES; i++) {
        struct str uri = arena_printf(mcp_call_arena(call), "memory://%d", i);

        json_array_append_new(
            *out, json_pack("{s:o, s:o}", "uri", json_str(uri), "name", json_str(uri)));
    }
    return true;
}

static bool read_resource(struct mcp_call *call, struct str uri, json_t **out,
                          struct error *err)
{
    (void)call;
    if (!str_eq_c(uri, "memory://0"))
        return error_set(err, ERROR_NOT_FOUND, "no such resource");
    *out = json_pack("[{s:o, s:s}]", "uri", json_str(uri), "text", "zero");
    return true;
}

static bool get_greeting(struct mcp_call *call, const json_t *args, json_t **out,
                         struct error *err)
{
    (void)call;
    (void)err;
    *out = json_pack("{s:[{s:s, s:{s:s, s:o}}]}", "messages", "role", "user", "content", "type",
                     "text", "text", json_str(json_view(json_object_get(args, "name"))));
    return true;
}

static const struct mcp_prompt prompts[] = {
    {STR_INIT("{\"name\":\"greet\",\"arguments\":[{\"name\":\"name\",\"required\":true}]}"),
     get_greeting, 0},
};

void stage_init(struct stage *s, bool is_strict)
{
    const struct mcp_tables tables = {
        .name = STR("stage"),
        .title = STR("Stage"),
        .version = STR("1"),
        .tools = tools,
        .n_tools = COUNT(tools),
        .prompts = prompts,
        .n_prompts = COUNT(prompts),
        .resources = {.list = list_resources,
                      .templates = STR("[{\"uriTemplate\":\"memory://{n}\",\"name\":\"one\"}]"),
                      .read = read_resource,
                      .has_subscribe = true},
        .has_logging = true,
        .is_strict = is_strict,
        .data = s};
    struct error err = {0};

    *s = (struct stage){.now_ms = STAGE_NOW_MS, .kept = json_must(json_array())};
    CHECK_OK(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &s->mcp, &err),
             err);
}

void stage_deinit(struct stage *s)
{
    mcp_server_free(s->mcp);
    json_decref(s->kept);
    arena_deinit(&s->arena);
}

/* -- HTTP -------------------------------------------------------------------------------------- */

static struct str view(const char *text)
{
    return text ? str_c(text) : (struct str){0};
}

static struct str find_param(void *ctx, struct str name)
{
    const struct said *said = ctx;

    return str_eq_ascii_case(name, STR("region")) ? view(said->region) : (struct str){0};
}

static struct mcp_http_in http_in(struct stage *s, const struct said *said)
{
    if (s->ticked_ms != s->now_ms)
        mcp_tick(s->mcp, s->ticked_ms = s->now_ms);
    return (struct mcp_http_in){.protocol_version = view(said->version),
                                .method = view(said->method),
                                .name = view(said->name),
                                .session_id = view(said->session),
                                .last_event_id = view(said->last_event),
                                .accept = view(said->accept),
                                .user_agent = view(said->agent),
                                .has_conflict = said->has_conflict,
                                .sse_endpoint =
                                    said->endpoint ? str_c(said->endpoint) : STR("/messages/"),
                                .sse_session = view(said->sse),
                                .param = find_param,
                                .param_ctx = (void *)(uintptr_t)said,
                                .body = said->body ? str_c(said->body) : STR(""),
                                .principal = said->who ? str_c(said->who) : STR(""),
                                .now_ms = s->now_ms + s->set_ms};
}

static void count_wake(void *ctx)
{
    atomic_fetch_add(&((struct stage *)ctx)->n_wakes, 1);
}

/* -- what came out ----------------------------------------------------------------------------- */

/* The next event of an SSE body: the text between empty lines. */
static bool next_event(struct str *rest, struct str *out)
{
    const char *end = rest->len ? memmem(rest->ptr, rest->len, "\n\n", 2) : NULL;

    if (!end)
        return false;
    *out = str_n(rest->ptr, (size_t)(end - rest->ptr));
    *rest = str_sub(*rest, out->len + 2, rest->len);
    return true;
}

static struct str field_of(struct str event, const char *name)
{
    struct str line, value = {0};

    while (str_next(&event, '\n', &line)) {
        if (str_starts(line, str_c(name)))
            value = str_sub(line, strlen(name), line.len);
    }
    return value;
}

/* The data of an event that holds a message, else empty. */
static struct str message_of(struct str event)
{
    return str_eq_c(field_of(event, "event: "), "endpoint") ? (struct str){0}
                                                            : field_of(event, "data: ");
}

size_t event_count(struct str body)
{
    struct str event;
    size_t n = 0;

    while (next_event(&body, &event))
        n += message_of(event).len > 0;
    return n;
}

struct str heard_endpoint(const struct heard *h)
{
    struct str body = h->body, event;

    if (!next_event(&body, &event) || !str_eq_c(field_of(event, "event: "), "endpoint"))
        return (struct str){0};
    return field_of(event, "data: ");
}

static json_t *keep(struct stage *s, json_t *json)
{
    json_array_append_new(s->kept, json);
    return json;
}

json_t *event_json(struct stage *s, struct str body, size_t n)
{
    struct str event, data;
    json_t *json = NULL;

    while (next_event(&body, &event)) {
        data = message_of(event);
        if (data.len == 0 || n-- > 0)
            continue;
        CHECK(json_parse(data, &json, NULL));
        return keep(s, json);
    }
    test_check(false, __FILE__, __LINE__, "so many events came");
    return NULL;
}

const char *event_last_id(struct stage *s, struct str body)
{
    struct str event, id = {0};

    while (next_event(&body, &event)) {
        if (field_of(event, "id: ").len)
            id = field_of(event, "id: ");
    }
    return id.len ? arena_cstr(&s->arena, id) : NULL;
}

void stage_hear(struct stage *s, struct heard *h)
{
    AUTO_BUF body = {0};
    struct mcp_http_head head;
    size_t n;

    h->is_decided = mcp_exchange_head(h->x, &head);
    if (!h->is_decided)
        return;
    h->status = head.status;
    h->type = head.content_type;
    h->allow = head.allow;
    h->retry_after_s = head.retry_after_s;
    h->is_stream = head.is_stream;
    h->session = arena_dup(&s->arena, head.session_id);
    buf_add(&body, h->body);
    h->is_ended = mcp_exchange_read(h->x, &body) == MCP_READ_END;
    h->body = arena_dup(&s->arena, buf_str(&body));
    n = h->is_stream ? event_count(h->body) : 0;
    h->json = NULL;
    if (n)
        h->json = event_json(s, h->body, n - 1);
    else if (!h->is_stream && json_parse(h->body, &h->json, NULL))
        keep(s, h->json);
}

static void run_job(struct mcp_job *job)
{
    if (job)
        mcp_job_run(job);
}

typedef struct mcp_exchange *door_fn(struct mcp_server *s, const struct mcp_http_in *in,
                                     struct mcp_wake wake);

static struct heard enter(struct stage *s, const struct said *said, door_fn *door)
{
    const struct mcp_http_in in = http_in(s, said);

    return (struct heard){.x = door(s->mcp, &in, (struct mcp_wake){count_wake, s})};
}

static struct heard enter_and_hear(struct stage *s, const struct said *said, door_fn *door)
{
    struct heard h = enter(s, said, door);

    run_job(mcp_exchange_job(h.x));
    stage_hear(s, &h);
    return h;
}

struct heard stage_post(struct stage *s, const struct said *said)
{
    return enter_and_hear(s, said, mcp_post);
}

struct heard stage_get(struct stage *s, const struct said *said)
{
    return enter_and_hear(s, said, mcp_get);
}

struct heard stage_sse_open(struct stage *s, const struct said *said)
{
    return enter_and_hear(s, said, mcp_sse_open);
}

struct heard stage_sse_post(struct stage *s, const struct said *said)
{
    struct heard h = enter_and_hear(s, said, mcp_sse_post);

    CHECK(h.is_decided && h.is_ended);
    stage_forget(&h);
    return h;
}

struct heard stage_delete(struct stage *s, const struct said *said)
{
    struct heard h = enter_and_hear(s, said, mcp_delete);

    stage_forget(&h);
    return h;
}

void stage_forget(struct heard *h)
{
    mcp_exchange_unref(h->x);
    h->x = NULL;
}

struct heard stage_ask(struct stage *s, const struct said *said)
{
    struct heard h = stage_post(s, said);

    CHECK(h.is_decided && h.is_ended);
    stage_forget(&h);
    return h;
}

struct heard stage_say(struct stage *s, const char *body)
{
    return stage_ask(s, &(const struct said){.body = body});
}

const char *stage_session(struct stage *s, const char *version, const char *who)
{
    const char *body =
        printed(s,
                REQUEST("1", "initialize",
                        "{\"protocolVersion\":\"%s\",\"capabilities\":{\"sampling\":{}},"
                        "\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}"),
                version);
    struct heard h = stage_ask(s, &(const struct said){.body = body, .who = who});
    const char *session = arena_cstr(&s->arena, h.session);

    CHECK_INT(h.status, 200);
    h = stage_ask(s, &(const struct said){.body = INITIALIZED, .session = session, .who = who});
    CHECK_INT(h.status, 202);
    return session;
}

/* -- on another thread ------------------------------------------------------------------------- */

static void run_aside(void *arg)
{
    mcp_job_run(((struct runner *)arg)->job);
}

static struct heard enter_aside(struct stage *s, const struct said *said, struct runner *r,
                                door_fn *door)
{
    struct heard h = enter(s, said, door);
    struct error err = {0};

    r->job = mcp_exchange_job(h.x);
    CHECK(r->job != NULL);
    CHECK_OK(thread_start(&r->thread, "aside", run_aside, r, &err), err);
    return h;
}

struct heard stage_post_aside(struct stage *s, const struct said *said, struct runner *r)
{
    return enter_aside(s, said, r, mcp_post);
}

struct heard stage_sse_post_aside(struct stage *s, const struct said *said, struct runner *r)
{
    return enter_aside(s, said, r, mcp_sse_post);
}

void runner_join(struct runner *r)
{
    thread_join(&r->thread);
}

void stage_wait_for(const atomic_int *counter, int n)
{
    int64_t end_ms = clock_monotonic_ms() + TIMEOUT_MS;

    while (atomic_load(counter) < n && clock_monotonic_ms() < end_ms)
        usleep(POLL_MS * 1000);
    CHECK(atomic_load(counter) >= n);
}

/* -- reading answers --------------------------------------------------------------------------- */

struct str heard_text(const json_t *answer)
{
    const json_t *content = json_object_get(json_object_get(answer, "result"), "content");

    return json_view(json_object_get(json_array_get(content, 0), "text"));
}

int heard_code(const json_t *answer)
{
    return (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
}

const char *printed(struct stage *s, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    const char *kept;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    kept = arena_cstr(&s->arena, str_c(text));
    free(text);
    return kept;
}

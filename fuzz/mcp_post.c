/*
 * mcp_post.c - a POST, GET or DELETE with any headers and any body, or a POST to an HTTP+SSE stream.
 *
 * The input is lines: method, version, Mcp-Method, Mcp-Name, Accept, session, Last-Event-ID, and then
 * the body. A session line of "own" stands for a session that was opened before. Whatever comes, there
 * is one answer with a status that HTTP knows, and the server goes on answering. The method SSE posts
 * the body to a stream that was opened before, on which whole events come.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp.h"

#include <stdlib.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INITIALIZE                                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
    "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{}}}"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool run_echo(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)err;
    mcp_call_progress(call, 1, 2, "half");
    mcp_call_log(call, "info", "echo", json_string("here"));
    *out = json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text",
                     json_str(json_view(json_object_get(args, "text"))));
    return true;
}

static bool read_resource(struct mcp_call *call, struct str uri, json_t **out,
                          struct error *err)
{
    (void)call;
    if (!str_eq_c(uri, "memory://a"))
        return error_set(err, ERROR_NOT_FOUND, "not here");
    *out = json_pack("[{s:o, s:s}]", "uri", json_str(uri), "text", "a");
    return true;
}

static bool list_resources(struct mcp_call *call, json_t **out, struct error *err)
{
    (void)call;
    (void)err;
    *out = json_pack("[{s:s, s:s}]", "uri", "memory://a", "name", "a");
    return true;
}

static struct mcp_server *new_server(void)
{
    static const struct mcp_tool tool = {
        .definition = STR_INIT("{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\","
                               "\"properties\":{\"text\":{\"type\":\"string\","
                               "\"x-mcp-header\":\"Text\"}}}}"),
        .run = run_echo};
    const struct mcp_tables tables = {
        .name = STR("fuzz"),
        .version = STR("1"),
        .tools = &tool,
        .n_tools = 1,
        .resources = {.list = list_resources, .read = read_resource, .has_subscribe = true},
        .has_logging = true};
    struct mcp_server *server;

    must(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &server, NULL));
    return server;
}

/* A line as a header: an empty one is absent. */
static struct str take_header(struct str *rest)
{
    struct str line = {0};

    return str_next(rest, '\n', &line) && line.len ? line : (struct str){0};
}

static struct str no_param(void *ctx, struct str name)
{
    (void)ctx;
    (void)name;
    return (struct str){0};
}

/* Runs what there is to run, reads what there is to read; the status. */
static int finish(struct mcp_exchange *x, struct buf *out)
{
    struct mcp_job *job = mcp_exchange_job(x);
    struct mcp_http_head head;

    if (job)
        mcp_job_run(job);
    must(mcp_exchange_head(x, &head));
    must(head.status >= 200 && head.status <= 599);
    mcp_exchange_read(x, out);
    mcp_exchange_unref(x);
    return head.status;
}

/* The id of a new session into id, which has room for it. */
static struct str open_session(struct mcp_server *s, struct buf *id)
{
    const struct mcp_http_in in = {.body = STR(INITIALIZE), .param = no_param, .now_ms = 1};
    struct mcp_exchange *x = mcp_post(s, &in, (struct mcp_wake){0});
    struct mcp_http_head head;

    must(mcp_exchange_head(x, &head) && head.status == 200);
    buf_add(id, head.session_id);
    mcp_exchange_unref(x);
    return buf_str(id);
}

/* The session id of the event that the stream begins with. */
static struct str read_endpoint(struct mcp_exchange *stream, struct buf *out)
{
    struct str rest, id, line;

    mcp_exchange_read(stream, out);
    must(str_cut(buf_str(out), '=', &line, &rest));
    must(str_cut(rest, '\n', &id, &line));
    return id;
}

static void post_to_stream(struct mcp_server *s, struct mcp_http_in *in, struct buf *out)
{
    AUTO_BUF head = {0}, events = {0};
    struct mcp_http_in open = {.sse_endpoint = STR("/messages/"), .now_ms = 1};
    struct mcp_exchange *stream = mcp_sse_open(s, &open, (struct mcp_wake){0});

    in->sse_endpoint = open.sse_endpoint;
    in->sse_session = read_endpoint(stream, &head);
    finish(mcp_sse_post(s, in, (struct mcp_wake){0}), out);
    must(mcp_exchange_read(stream, &events) == MCP_READ_MORE);
    must(events.len == 0 || str_ends(buf_str(&events), STR("\n\n")));
    mcp_exchange_unref(stream);
}

static void check_alive(struct mcp_server *s)
{
    const struct mcp_http_in in = {
        .body = STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
        .param = no_param,
        .now_ms = 3};
    AUTO_BUF out = {0};

    must(finish(mcp_post(s, &in, (struct mcp_wake){0}), &out) == 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_n((const char *)data, size);
    AUTO_BUF id = {0}, out = {0};
    struct mcp_server *s = new_server();
    struct str method = take_header(&rest);
    struct mcp_http_in in = {.param = no_param, .now_ms = 2};

    in.protocol_version = take_header(&rest);
    in.method = take_header(&rest);
    in.name = take_header(&rest);
    in.accept = take_header(&rest);
    in.session_id = take_header(&rest);
    in.last_event_id = take_header(&rest);
    in.body = rest;
    if (str_eq_c(in.session_id, "own"))
        in.session_id = open_session(s, &id);
    if (str_eq_c(method, "GET"))
        finish(mcp_get(s, &in, (struct mcp_wake){0}), &out);
    else if (str_eq_c(method, "SSE"))
        post_to_stream(s, &in, &out);
    else if (str_eq_c(method, "DELETE"))
        finish(mcp_delete(s, &in, (struct mcp_wake){0}), &out);
    else
        finish(mcp_post(s, &in, (struct mcp_wake){0}), &out);
    check_alive(s);
    mcp_server_free(s);
    return 0;
}

/*
 * sse.c - HTTP+SSE, the transport of 2024-11-05: GET /sse opens a stream, POST /messages/ answers on it.
 *
 * The stream tells its client a path to post to, which the client resolves against the stream's own
 * address. So behind a proxy that serves us under a path of its own the prefix has to be in it; we
 * are told by a setting, since a proxy that cuts it off leaves no trace of it.
 *
 * A post's path names the space like the stream's does, so that whoever checks what a caller may do
 * needs to look at no more than the request.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include "base/alloc.h"

#define ROOT_STREAM   STR("/sse")
#define ROOT_MESSAGES STR("/messages")

struct str sse_session_of(struct str query)
{
    struct str pair, name, value;

    while (query.len && str_next(&query, '&', &pair)) {
        if (str_cut(pair, '=', &name, &value) &&
            (str_eq_c(name, "session_id") || str_eq_c(name, "sessionId")))
            return value; /* hexadecimal: nothing in it is ever escaped */
    }
    return (struct str){0};
}

struct str sse_endpoint_of(struct arena *a, struct str prefix, struct str space)
{
    struct str segment = http_escape(a, space);

    return arena_printf(a, STR_FMT "/messages/" STR_FMT, STR_ARG(prefix), STR_ARG(segment));
}

static void begin(struct transport_http *t, struct http_request *r, struct str root,
                  struct visit visit)
{
    if (!space_of_path(http_path(r), root, &visit.space)) {
        http_refuse(r, 404, "the path after " STR_FMT "/ is not the name of a space",
                    STR_ARG(root));
        return;
    }
    visit.resource = ROOT_STREAM;
    visit.sse_endpoint =
        sse_endpoint_of(http_request_arena(r), t->options.path_prefix, visit.space);
    visit.sse_session = sse_session_of(http_query(r));
    converse(t, r, &visit);
}

static void handle_stream(struct http_request *r, void *ctx)
{
    begin(ctx, r, ROOT_STREAM, (struct visit){.enter = mcp_sse_open});
}

static void handle_message(struct http_request *r, void *ctx)
{
    begin(ctx, r, ROOT_MESSAGES, (struct visit){.enter = mcp_sse_post, .is_ordered = true});
}

void sse_add_routes(struct transport_http *t)
{
    static const char *const events[] = {"text/event-stream", NULL};
    const struct http_route stream = {
        .method = "GET", .accepts = events, .handle = handle_stream};
    const struct http_route message = {
        .method = "POST", .body = HTTP_BODY_JSON, .handle = handle_message};

    add_route(t, "/sse", &stream);
    add_route(t, "/sse/", &stream);
    add_route(t, "/messages", &message);
    add_route(t, "/messages/", &message);
}

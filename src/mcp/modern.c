/*
 * modern.c - requests of 2026-07-28: everything about them is in the message and its headers.
 *
 * The checks run in the order of the ladder; each refusal names the request's id.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "text/text.h"

#define DISCOVER_TTL_MS 3600000

struct rung { /* one request on its way up */
    const struct origin *from;
    const json_t *request;
    const json_t *id;
    const json_t *meta;
    struct str claim;
    bool is_lenient; /* Claude's clients mix the headers of both eras */
};

static struct outcome bad_meta(const struct rung *r, const char *field, const char *want)
{
    return answer(
        reply_error(r->id, RPC_PARAMS, "params._meta.%s: %s is required", field, want), 400);
}

static bool check_meta(const struct rung *r, struct outcome *out)
{
    if (!r->meta) {
        *out =
            answer(reply_error(r->id, RPC_PARAMS, "params._meta: an object is required"), 400);
        return false;
    }
    if (!json_is_string(json_object_get(r->meta, META_VERSION))) {
        *out = bad_meta(r, META_VERSION, "a string");
        return false;
    }
    if (!json_is_object(json_object_get(r->meta, META_CAPABILITIES))) {
        *out = bad_meta(r, META_CAPABILITIES, "an object");
        return false;
    }
    return true;
}

static struct outcome mismatch(const struct rung *r, const char *header, struct str got,
                               struct str want)
{
    if (!got.ptr)
        return answer(reply_error(r->id, RPC_HEADER,
                                  "%s is missing; the message says '" STR_FMT "'", header,
                                  STR_ARG(text_first_bytes(want, ECHO_MAX))),
                      400);
    return answer(reply_error(r->id, RPC_HEADER,
                              "%s is '" STR_FMT "', the message says '" STR_FMT "'", header,
                              STR_ARG(text_first_bytes(got, ECHO_MAX)),
                              STR_ARG(text_first_bytes(want, ECHO_MAX))),
                  400);
}

static bool check_version(const struct rung *r, struct outcome *out)
{
    const struct mcp_http_in *in = r->from->in;

    if (in && !r->is_lenient && !str_eq(in->protocol_version, r->claim)) {
        *out = mismatch(r, "MCP-Protocol-Version", in->protocol_version, r->claim);
        return false;
    }
    if (!str_eq_c(r->claim, MCP_MODERN)) {
        *out = answer(reply_error_data(
                          r->id, RPC_VERSION,
                          json_must(json_pack("{s:o, s:o}", "supported", supported_versions(),
                                              "requested", json_str(r->claim))),
                          "Unsupported protocol version"),
                      400);
        return false;
    }
    return true;
}

/* What Mcp-Name must repeat: the name or URI in the message; a NULL view: this method has none. */
static struct str named_thing(const json_t *request)
{
    struct str method = message_method(request);
    const json_t *params = message_params(request);

    if (str_eq_c(method, "tools/call") || str_eq_c(method, "prompts/get"))
        return json_view(json_object_get(params, "name"));
    if (str_eq_c(method, "resources/read"))
        return json_view(json_object_get(params, "uri"));
    return (struct str){0};
}

static bool check_routing(const struct rung *r, struct outcome *out)
{
    AUTO_ARENA a = {0};
    const struct mcp_http_in *in = r->from->in;
    struct str method = message_method(r->request), name = named_thing(r->request), decoded;

    if (!in || r->is_lenient)
        return true;
    if (in->has_conflict) {
        *out = answer(reply_error(r->id, RPC_HEADER, "an Mcp header came twice"), 400);
        return false;
    }
    if (!str_eq(in->method, method)) {
        *out = mismatch(r, "Mcp-Method", in->method, method);
        return false;
    }
    if (!name.ptr) /* none wanted, or missing in the message too: that is said later */
        return true;
    if (!in->name.ptr || !header_decode(&a, in->name, &decoded) || !str_eq(decoded, name)) {
        *out = mismatch(r, "Mcp-Name", in->name, name);
        return false;
    }
    return true;
}

static struct outcome discover(const struct rung *r)
{
    const struct mcp_server *s = r->from->server;
    json_t *result =
        json_must(json_pack("{s:o, s:O}", "supportedVersions", supported_versions(),
                            "capabilities", s->tables.capabilities));

    if (s->given.instructions.len)
        put(result, "instructions", json_str(s->given.instructions));
    add_cache_hints(result, ERA_MODERN, DISCOVER_TTL_MS, "public");
    return answer(reply_result(r->id, finish_result(s, ERA_MODERN, result)), 200);
}

static bool check_log_level(const struct rung *r, struct outcome *out)
{
    const json_t *level = json_object_get(r->meta, META_LOG_LEVEL);

    if (!level || level_of(json_view(level)) >= 0)
        return true;
    *out = answer(
        reply_error(r->id, RPC_PARAMS, "params._meta.%s: not a log level", META_LOG_LEVEL),
        200);
    return false;
}

static struct outcome dispatch(const struct rung *r)
{
    struct str method = message_method(r->request);
    struct outcome o;
    bool is_found;

    if (!check_log_level(r, &o))
        return o;
    if (str_eq_c(method, "server/discover"))
        return discover(r);
    if (str_eq_c(method, "subscriptions/listen"))
        return listen_open(r->from, r->request);
    o = shared_method(r->from, ERA_MODERN, r->request, &is_found);
    if (is_found)
        return o;
    return answer(reply_error(r->id, RPC_NO_METHOD, "Method not found: " STR_FMT,
                              STR_ARG(text_first(method, ECHO_MAX))),
                  404);
}

struct outcome modern_request(const struct origin *from, const json_t *request)
{
    struct rung r = {.from = from,
                     .request = request,
                     .id = json_object_get(request, "id"),
                     .meta = message_meta(request)};
    struct outcome o;

    r.is_lenient = from->in && !from->server->given.is_strict && is_claude(from->in, r.meta);
    if (!check_meta(&r, &o))
        return o;
    r.claim = json_view(json_object_get(r.meta, META_VERSION));
    if (!check_version(&r, &o) || !check_routing(&r, &o))
        return o;
    return dispatch(&r);
}

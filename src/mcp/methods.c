/*
 * methods.c - the methods that both eras have: lists, calls, reads, completion.
 *
 * Methods without a handler are answered at once; those with one become a call, checked as far as the
 * message alone allows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "base/log.h"
#include "text/text.h"

#define LIST_TTL_MS 300000 /* tools, prompts, templates: they change with the program only */

/* -- lists ------------------------------------------------------------------------------------- */

static struct outcome bad_params(const json_t *request, const char *text)
{
    return answer(reply_error(json_object_get(request, "id"), RPC_PARAMS, "%s", text), 200);
}

/* One page of all as result[key]; the cursor of the next one if there is one. False: bad cursor. */
static bool add_page(const struct mcp_server *s, json_t *result, const char *key,
                     const json_t *all, const json_t *params)
{
    AUTO_ARENA a = {0};
    const json_t *cursor = json_object_get(params, "cursor");
    size_t from = 0, to;
    json_t *page = json_must(json_array());

    put(result, key, page);
    if (cursor && !cursor_open(s, &a, str_c(key), json_view(cursor), &from))
        return false;
    to = MIN(from + LIST_PAGE, json_array_size(all));
    for (size_t i = from; i < to; i++)
        json_array_append(page, json_array_get(all, i));
    if (to < json_array_size(all))
        put(result, "nextCursor", json_str(cursor_seal(s, &a, str_c(key), to)));
    return true;
}

static struct outcome list_reply(const struct origin *from, enum era era, const json_t *request,
                                 const char *key, const json_t *all)
{
    json_t *result = json_must(json_object());

    if (!add_page(from->server, result, key, all, message_params(request))) {
        json_decref(result);
        return bad_params(request, "cursor: not one of ours; begin without one");
    }
    add_cache_hints(result, era, LIST_TTL_MS, "public");
    return answer(
        reply_result(json_object_get(request, "id"), finish_result(from->server, era, result)),
        200);
}

/* -- checks before a call ---------------------------------------------------------------------- */

static struct outcome as_call(const struct origin *from, enum era era, const json_t *request)
{
    return (struct outcome){.call = call_new(from, era, request), .status = 200};
}

/* Whether a header's value is the argument's: text as it is, numbers by value. */
static bool is_same_value(struct str header, const json_t *value)
{
    double number;

    if (json_is_string(value))
        return str_eq(header, json_view(value));
    if (json_is_boolean(value))
        return str_eq_c(header, json_is_true(value) ? "true" : "false");
    return json_is_number(value) && str_to_double(header, &number) &&
           number == json_number_value(value);
}

/* NULL if all Mcp-Param-* headers repeat their arguments, else what is wrong. */
static const char *check_header_params(const struct origin *from, const struct tool_entry *e,
                                       const json_t *args)
{
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < e->n_params; i++) {
        struct str header = from->in->param(from->in->param_ctx, e->params[i].header), value;
        const json_t *arg =
            json_object_getn(args, e->params[i].property.ptr, e->params[i].property.len);
        bool has_arg = arg && !json_is_null(arg);

        if (!header.ptr && !has_arg)
            continue;
        if (!header.ptr)
            return "an Mcp-Param header is missing";
        if (!has_arg)
            return "an Mcp-Param header has no argument to repeat";
        if (!header_decode(&a, header, &value) || !is_same_value(value, arg))
            return "an Mcp-Param header differs from its argument";
    }
    return NULL;
}

static bool has_bad_inputs(const json_t *params)
{
    const json_t *inputs = json_object_get(params, "inputResponses");

    return inputs && !json_is_object(inputs);
}

static struct outcome tools_call(const struct origin *from, enum era era, const json_t *request)
{
    const json_t *id = json_object_get(request, "id"), *params = message_params(request);
    const json_t *args = json_object_get(params, "arguments");
    struct str name = json_view(json_object_get(params, "name"));
    const struct tool_entry *e = tables_tool(&from->server->tables, name);
    const char *problem;
    struct outcome o;

    if (name.len == 0)
        return bad_params(request, "name: the tool's name is required");
    if (args && !json_is_object(args))
        return bad_params(request, "arguments: not an object");
    if (!e)
        return answer(reply_error(id, RPC_PARAMS, "Unknown tool: " STR_FMT,
                                  STR_ARG(text_first(name, ECHO_MAX))),
                      200);
    if (era == ERA_MODERN && has_bad_inputs(params))
        return bad_params(request, "inputResponses: not an object");
    problem = era == ERA_MODERN && from->in ? check_header_params(from, e, args) : NULL;
    if (problem)
        return answer(reply_error(id, RPC_HEADER, "%s", problem), 400);
    o = as_call(from, era, request);
    o.call->tool = e;
    return o;
}

static struct outcome prompts_get(const struct origin *from, enum era era,
                                  const json_t *request)
{
    const json_t *params = message_params(request);
    const json_t *args = json_object_get(params, "arguments");
    struct str name = json_view(json_object_get(params, "name"));
    const struct prompt_entry *e = tables_prompt(&from->server->tables, name);
    size_t i;
    json_t *one;
    struct outcome o;

    if (!e)
        return answer(reply_error(json_object_get(request, "id"), RPC_PARAMS,
                                  "Unknown prompt: " STR_FMT,
                                  STR_ARG(text_first(name, ECHO_MAX))),
                      200);
    if ((args && !json_is_object(args)) || (era == ERA_MODERN && has_bad_inputs(params)))
        return bad_params(request, "arguments: not an object");
    json_array_foreach(json_object_get(e->definition, "arguments"), i, one)
    {
        const char *arg = json_string_value(json_object_get(one, "name"));

        if (json_is_true(json_object_get(one, "required")) && !json_has(args, arg))
            return answer(reply_error(json_object_get(request, "id"), RPC_PARAMS,
                                      "arguments.%s: is required", arg),
                          200);
    }
    o = as_call(from, era, request);
    o.call->prompt = e;
    return o;
}

static struct outcome resources_read(const struct origin *from, enum era era,
                                     const json_t *request)
{
    if (json_view(json_object_get(message_params(request), "uri")).len == 0)
        return bad_params(request, "uri: is required");
    return as_call(from, era, request);
}

/* -- dispatch ---------------------------------------------------------------------------------- */

struct outcome shared_method(const struct origin *from, enum era era, const json_t *request,
                             bool *out_found)
{
    const struct mcp_tables *offered = &from->server->given;
    const struct tables *t = &from->server->tables;
    struct str method = message_method(request);

    *out_found = true;
    if (offered->n_tools && str_eq_c(method, "tools/list"))
        return list_reply(from, era, request, "tools", t->tool_list);
    if (offered->n_tools && str_eq_c(method, "tools/call"))
        return tools_call(from, era, request);
    if (offered->n_prompts && str_eq_c(method, "prompts/list"))
        return list_reply(from, era, request, "prompts", t->prompt_list);
    if (offered->n_prompts && str_eq_c(method, "prompts/get"))
        return prompts_get(from, era, request);
    if (offered->resources.read && str_eq_c(method, "resources/templates/list"))
        return list_reply(from, era, request, "resourceTemplates", t->templates);
    if (offered->resources.read && str_eq_c(method, "resources/list"))
        return as_call(from, era, request);
    if (offered->resources.read && str_eq_c(method, "resources/read"))
        return resources_read(from, era, request);
    if (offered->complete && str_eq_c(method, "completion/complete"))
        return as_call(from, era, request);
    *out_found = false;
    return (struct outcome){0};
}

/* -- running ----------------------------------------------------------------------------------- */

static json_t *error_result(const char *prefix, const struct error *err)
{
    char text[ERROR_TEXT_MAX + 64];

    snprintf(text, sizeof(text), "%s%s", prefix, err->text);
    return json_must(json_pack("{s:[{s:s, s:o}], s:b}", "content", "type", "text", "text",
                               json_str(str_c(text)), "isError", 1));
}

static json_t *internal_error(const struct mcp_call *c, const struct error *err)
{
    log_event(LOG_ERROR, "mcp.internal", "method=" STR_FMT " text=\"%s\"", STR_ARG(c->method),
              err->text);
    return reply_error(c->id, RPC_INTERNAL, "internal error; the server's log has it");
}

/* The error that a handler chose, or NULL. */
static json_t *chosen_error(const struct mcp_call *c)
{
    json_t *j;

    if (!c->error)
        return NULL;
    j = json_must(json_pack("{s:s, s:O}", "jsonrpc", "2.0", "error", c->error));
    put(j, "id", json_deep_copy(c->id));
    return j;
}

/* Content of kinds that the client's revision does not know becomes text. */
static void level_down(const struct mcp_call *c, json_t *result)
{
    bool has_links = strcmp(c->version, "2025-06-18") >= 0;
    bool has_audio = strcmp(c->version, "2025-03-26") >= 0;
    json_t *content = json_object_get(result, "content"), *block;
    size_t i;

    json_array_foreach(content, i, block)
    {
        struct str type = json_view(json_object_get(block, "type"));
        bool is_link = str_eq_c(type, "resource_link");

        if ((!is_link || has_links) && (!str_eq_c(type, "audio") || has_audio))
            continue;
        json_array_set_new(
            content, i,
            json_must(json_pack("{s:s, s:o}", "type", "text", "text",
                                is_link ? json_str(json_view(json_object_get(block, "uri")))
                                        : json_str(STR("[audio content]")))));
    }
}

/* What the client is told and cannot mend, such as a full disk, is said to who runs the server too. */
static void log_unavailable(const struct mcp_call *c, const struct error *err)
{
    if (err->kind == ERROR_UNAVAILABLE)
        log_event(LOG_WARN, "mcp.unavailable", "method=" STR_FMT " text=\"%s\"",
                  STR_ARG(c->method), err->text);
}

static json_t *run_tool(struct mcp_call *c)
{
    json_t *args = json_object_get(c->params, "arguments"), *empty = NULL, *result = NULL;
    json_t *response;
    struct error err = {0};

    if (!args)
        args = empty = json_must(json_object());
    if (!json_schema_check(c->tool->schema, args, &err)) {
        result = error_result("Input validation error: ", &err);
    } else if (!c->tool->tool->run(c, args, &result, &err)) {
        log_unavailable(c, &err);
        result = err.kind == ERROR_INTERNAL || c->error ? NULL : error_result("Error: ", &err);
    }
    json_decref(empty);
    response = chosen_error(c);
    if (response)
        return response;
    if (!result)
        return internal_error(c, &err);
    level_down(c, result);
    return reply_result(c->id, finish_result(c->server, c->era, result));
}

/* For handlers whose failure is a protocol error. */
static json_t *failure(const struct mcp_call *c, const struct error *err)
{
    json_t *response = chosen_error(c);

    if (response)
        return response;
    if (err->kind == ERROR_INTERNAL)
        return internal_error(c, err);
    log_unavailable(c, err);
    return reply_error(c->id, RPC_PARAMS, "%s", err->text);
}

static json_t *run_prompt(struct mcp_call *c)
{
    json_t *args = json_object_get(c->params, "arguments"), *empty = NULL, *result = NULL;
    struct error err = {0};
    bool is_ok;

    if (!args)
        args = empty = json_must(json_object());
    is_ok = c->prompt->prompt->get(c, args, &result, &err);
    json_decref(empty);
    if (!is_ok)
        return failure(c, &err);
    return reply_result(c->id, finish_result(c->server, c->era, result));
}

static json_t *run_read(struct mcp_call *c)
{
    struct str uri = json_view(json_object_get(c->params, "uri"));
    json_t *contents = NULL, *result;
    struct error err = {0};

    if (!c->server->given.resources.read(c, uri, &contents, &err)) {
        if (err.kind == ERROR_NOT_FOUND && !c->error)
            return reply_error_data(c->id, c->era == ERA_MODERN ? RPC_PARAMS : RPC_NO_RESOURCE,
                                    json_must(json_pack("{s:o}", "uri", json_str(uri))), "%s",
                                    err.text);
        return failure(c, &err);
    }
    result = json_must(json_pack("{s:o}", "contents", contents));
    add_cache_hints(result, c->era, 0, "private");
    return reply_result(c->id, finish_result(c->server, c->era, result));
}

static json_t *run_list(struct mcp_call *c)
{
    json_t *all = NULL, *result;
    struct error err = {0};
    bool is_ok = c->server->given.resources.list(c, &all, &err);

    if (!is_ok)
        return failure(c, &err);
    result = json_must(json_object());
    is_ok = add_page(c->server, result, "resources", all, c->params);
    json_decref(all);
    if (!is_ok) {
        json_decref(result);
        return reply_error(c->id, RPC_PARAMS, "cursor: not one of ours; begin without one");
    }
    add_cache_hints(result, c->era, 0, "private");
    return reply_result(c->id, finish_result(c->server, c->era, result));
}

static json_t *run_completion(struct mcp_call *c)
{
    json_t *completion = NULL;
    struct error err = {0};

    if (!c->server->given.complete(c, c->params, &completion, &err))
        return failure(c, &err);
    return reply_result(c->id,
                        finish_result(c->server, c->era,
                                      json_must(json_pack("{s:o}", "completion", completion))));
}

json_t *call_run(struct mcp_call *c)
{
    if (c->tool)
        return run_tool(c);
    if (c->prompt)
        return run_prompt(c);
    if (str_eq_c(c->method, "resources/read"))
        return run_read(c);
    if (str_eq_c(c->method, "resources/list"))
        return run_list(c);
    return run_completion(c);
}

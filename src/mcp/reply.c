/* reply.c - JSON-RPC answers and notifications, with what each era wants in them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

void put(json_t *obj, const char *key, json_t *value)
{
    if (json_object_set_new(obj, key, json_must(value)) != 0)
        json_must(NULL);
}

static json_t *envelope(const json_t *id)
{
    json_t *j = json_must(json_pack("{s:s}", "jsonrpc", "2.0"));

    if (id) /* an answer to nobody has no id: null is no id in any MCP schema */
        put(j, "id", json_deep_copy(id));
    return j;
}

json_t *reply_result(const json_t *id, json_t *result)
{
    json_t *j = envelope(id);

    put(j, "result", result);
    return j;
}

PRINTF(4, 0)
static json_t *error_reply(const json_t *id, int code, json_t *data, const char *fmt,
                           va_list args)
{
    struct error text = {0};
    char line[ERROR_TEXT_MAX];
    json_t *j = envelope(id), *error;

    vsnprintf(line, sizeof(line), fmt, args);
    error_set(&text, ERROR_INVALID, "%s", line); /* one clean line, cut between characters */
    error =
        json_must(json_pack("{s:i, s:o}", "code", code, "message", json_str(str_c(text.text))));
    if (data)
        put(error, "data", data);
    put(j, "error", error);
    return j;
}

json_t *reply_error(const json_t *id, int code, const char *fmt, ...)
{
    va_list args;
    json_t *j;

    va_start(args, fmt);
    j = error_reply(id, code, NULL, fmt, args);
    va_end(args);
    return j;
}

json_t *reply_error_data(const json_t *id, int code, json_t *data, const char *fmt, ...)
{
    va_list args;
    json_t *j;

    va_start(args, fmt);
    j = error_reply(id, code, data, fmt, args);
    va_end(args);
    return j;
}

struct outcome answer(json_t *response, int status)
{
    return (struct outcome){.response = response, .status = status};
}

json_t *supported_versions(void)
{
    return json_must(json_pack("[s, s, s, s, s]", MCP_MODERN, MCP_LATEST_LEGACY, "2025-06-18",
                               "2025-03-26", "2024-11-05"));
}

json_t *notification(const char *method, json_t *params)
{
    json_t *j = json_must(json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", method));

    if (params)
        put(j, "params", params);
    return j;
}

json_t *finish_result(const struct mcp_server *s, enum era era, json_t *result)
{
    json_t *meta;

    if (era == ERA_LEGACY)
        return result;
    if (!json_object_get(result, "resultType"))
        put(result, "resultType", json_string("complete"));
    meta = json_object_get(result, "_meta");
    if (!json_is_object(meta)) {
        meta = json_must(json_object());
        put(result, "_meta", meta);
    }
    put(meta, META_SERVER_INFO, json_deep_copy(s->tables.server_info));
    return result;
}

void add_cache_hints(json_t *result, enum era era, int64_t ttl_ms, const char *scope)
{
    if (era == ERA_LEGACY)
        return;
    put(result, "ttlMs", json_integer(ttl_ms));
    put(result, "cacheScope", json_string(scope));
}

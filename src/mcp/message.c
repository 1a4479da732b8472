/*
 * message.c - what a JSON value is: request, notification, response, or nothing of ours.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#define ID_MAX ((json_int_t)1 << 53) /* beyond, clients that use doubles read another number */

static bool is_usable_id(const json_t *id)
{
    if (json_is_string(id))
        return true;
    return json_is_integer(id) && json_integer_value(id) <= ID_MAX &&
           json_integer_value(id) >= -ID_MAX;
}

bool is_same_id(const json_t *a, const json_t *b)
{
    return a && b && json_equal(a, b); /* 1 and "1" differ */
}

enum message_kind message_kind(const json_t *j, const json_t **out_id)
{
    const json_t *id = json_object_get(j, "id"), *method = json_object_get(j, "method");
    const json_t *result = json_object_get(j, "result"), *error = json_object_get(j, "error");

    *out_id = is_usable_id(id) ? id : NULL;
    if (!json_is_object(j) || !str_eq_c(json_view(json_object_get(j, "jsonrpc")), "2.0"))
        return MESSAGE_BAD;
    if ((id && !*out_id) || (result && error))
        return MESSAGE_BAD;
    if (method)
        return !json_is_string(method) || result || error ? MESSAGE_BAD
               : id                                       ? MESSAGE_REQUEST
                                                          : MESSAGE_NOTIFICATION;
    return id && (result || error) ? MESSAGE_RESPONSE : MESSAGE_BAD;
}

struct str message_method(const json_t *j)
{
    return json_view(json_object_get(j, "method"));
}

const json_t *message_params(const json_t *j)
{
    return json_object_get(j, "params");
}

const json_t *message_meta(const json_t *j)
{
    const json_t *meta = json_object_get(message_params(j), "_meta");

    return json_is_object(meta) ? meta : NULL;
}

bool message_has_claim(const json_t *j)
{
    return json_object_get(message_meta(j), META_VERSION) != NULL;
}

bool is_modern_version(struct str version)
{
    return version.len && str_cmp(version, STR(MCP_MODERN)) >= 0;
}

const char *legacy_version(struct str version)
{
    static const char *const versions[] = {MCP_LATEST_LEGACY, "2025-06-18", "2025-03-26",
                                           "2024-11-05"};

    for (size_t i = 0; i < COUNT(versions); i++) {
        if (str_eq_c(version, versions[i]))
            return versions[i];
    }
    return NULL;
}

/*
 * health.c - GET /api/health: is this server able to do its work? Yes or no, and nothing else.
 *
 * Monitors and start-up scripts ask it without saying who they are, so it tells no version, no path
 * and no numbers; what is wrong is in the log and in `memoryd health`. GET /health is the older path,
 * with the name of the service that some clients look for.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/rest_int.h"

#include "base/log.h"

static bool is_healthy(struct memory_service *memory, struct http_request *r)
{
    struct error err = {0};
    char quoted[LOG_QUOTE_MAX];
    bool is_ok = memory_probe(memory, &err);

    if (!is_ok)
        log_event(LOG_ERROR, "rest.health", "id=%llu reason=%s",
                  (unsigned long long)http_request_id(r), log_quote(str_c(err.text), quoted));
    return is_ok;
}

static void reply_health(struct http_request *r, void *memory, json_t *body)
{
    bool is_ok = is_healthy(memory, r);

    json_object_set_new(body, "status",
                        json_must(json_string(is_ok ? "healthy" : "unhealthy")));
    http_reply_header(r, "Cache-Control", STR("no-store"));
    rest_reply(r, is_ok ? 200 : 503, body);
}

static void handle_health(struct http_request *r, void *memory)
{
    reply_health(r, memory, json_must(json_object()));
}

static void handle_alias(struct http_request *r, void *memory)
{
    reply_health(r, memory, json_must(json_pack("{s:s}", "service", "mcp-memory-service")));
}

const struct rest_resource rest_health = {"GET", "/api/health", handle_health};
const struct rest_resource rest_health_alias = {"GET", "/health", handle_alias};

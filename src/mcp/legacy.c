/*
 * legacy.c - requests and notifications of the revisions with a handshake, 2024-11-05 to 2025-11-25.
 *
 * A session is never required: without one a request is served as it stands, with nothing sent to the
 * client in between.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "text/text.h"

static struct outcome reply(const json_t *request, json_t *result)
{
    return answer(reply_result(json_object_get(request, "id"), result), 200);
}

static struct outcome refuse(const json_t *request, int code, const char *text)
{
    return answer(reply_error(json_object_get(request, "id"), code, "%s", text), 200);
}

/* -- initialize -------------------------------------------------------------------------------- */

static void begin_session(const struct origin *from, const char *version, const json_t *params)
{
    struct mcp_server *s = from->server;
    struct session *session = from->channel ? from->channel->session : NULL;
    MUTEX_SCOPE(&s->lock);

    if (!session) {
        session = session_new_locked(s, from->principal);
        session_unref_locked(from->x->session);
        session->n_refs++;
        from->x->session = session;
        snprintf(from->x->session_id, sizeof(from->x->session_id), STR_FMT,
                 STR_ARG(session->id));
        from->x->head.session_id = str_c(from->x->session_id);
    }
    session->version = version;
    json_decref(session->capabilities);
    session->capabilities = json_deep_copy(json_object_get(params, "capabilities"));
}

static json_t *initialize_result(const struct mcp_server *s, const char *version)
{
    json_t *result =
        json_must(json_pack("{s:s, s:O, s:O}", "protocolVersion", version, "capabilities",
                            s->tables.capabilities, "serverInfo", s->tables.server_info));

    if (s->given.instructions.len)
        put(result, "instructions", json_str(s->given.instructions));
    return result;
}

static struct outcome initialize(const struct origin *from, const json_t *request)
{
    const json_t *params = message_params(request);
    const json_t *wanted = json_object_get(params, "protocolVersion");
    const char *version;

    if (!json_is_string(wanted))
        return refuse(request, RPC_PARAMS, "protocolVersion: a string is required");
    if (!json_is_object(json_object_get(params, "capabilities")))
        return refuse(request, RPC_PARAMS, "capabilities: an object is required");
    if (!json_is_object(json_object_get(params, "clientInfo")))
        return refuse(request, RPC_PARAMS, "clientInfo: an object is required");
    version = legacy_version(json_view(wanted));
    version = version ? version : MCP_LATEST_LEGACY;
    begin_session(from, version, params);
    return reply(request, initialize_result(from->server, version));
}

/* -- logging and subscriptions ----------------------------------------------------------------- */

static struct outcome set_level(const struct origin *from, const json_t *request)
{
    int level = level_of(json_view(json_object_get(message_params(request), "level")));

    if (level < 0)
        return refuse(request, RPC_PARAMS,
                      "level: one of debug, info, notice, warning, error, critical, alert, "
                      "emergency");
    if (from->session) {
        MUTEX_SCOPE(&from->server->lock);

        from->session->log_level = level;
    }
    return reply(request, json_must(json_object()));
}

static void remove_subscription(struct session *session, struct str uri)
{
    struct texts *list = &session->subscriptions;

    for (size_t i = 0; i < list->len; i++) {
        if (!str_eq(list->ptr[i], uri))
            continue;
        free((void *)(uintptr_t)list->ptr[i].ptr);
        list->ptr[i] = list->ptr[--list->len];
        return;
    }
}

static struct outcome subscribe(const struct origin *from, const json_t *request, bool is_on)
{
    struct str uri = json_view(json_object_get(message_params(request), "uri"));

    if (uri.len == 0)
        return refuse(request, RPC_PARAMS, "uri: is required");
    if (!from->session)
        return refuse(
            request, RPC_INVALID,
            "a subscription needs a session: call initialize, then send Mcp-Session-Id");
    mutex_lock(&from->server->lock);
    remove_subscription(from->session, uri);
    if (is_on && from->session->subscriptions.len < SUBSCRIPTIONS_MAX)
        VEC_PUSH(&from->session->subscriptions, str_n(mem_dup(uri), uri.len));
    mutex_unlock(&from->server->lock);
    return reply(request, json_must(json_object()));
}

struct outcome legacy_request(const struct origin *from, const json_t *request)
{
    const struct mcp_tables *offered = &from->server->given;
    struct str method = message_method(request);
    const json_t *params = message_params(request);
    struct outcome o;
    bool is_found;

    if (params && !json_is_object(params))
        return refuse(request, RPC_PARAMS, "params: not an object");
    if (str_eq_c(method, "initialize"))
        return initialize(from, request);
    if (str_eq_c(method, "ping"))
        return reply(request, json_must(json_object()));
    if (offered->has_logging && str_eq_c(method, "logging/setLevel"))
        return set_level(from, request);
    if (offered->resources.has_subscribe && str_eq_c(method, "resources/subscribe"))
        return subscribe(from, request, true);
    if (offered->resources.has_subscribe && str_eq_c(method, "resources/unsubscribe"))
        return subscribe(from, request, false);
    o = shared_method(from, ERA_LEGACY, request, &is_found);
    if (is_found)
        return o;
    return answer(reply_error(json_object_get(request, "id"), RPC_NO_METHOD,
                              "Method not found: " STR_FMT,
                              STR_ARG(text_first(method, ECHO_MAX))),
                  200);
}

/* -- what has no answer ------------------------------------------------------------------------ */

/* Reaches only calls of the same session, or of the same channel. */
static void cancel_call_locked(const struct origin *from, const json_t *id)
{
    for (struct mcp_call *c = from->server->calls; c; c = c->next) {
        bool is_ours = from->channel ? c->channel == from->channel
                                     : from->session && c->session == from->session;

        if (is_ours && is_same_id(c->id, id))
            atomic_store(&c->is_cancelled, true);
    }
    cond_broadcast(&from->server->answered);
}

void legacy_notification(const struct origin *from, const json_t *message)
{
    struct str method = message_method(message);
    MUTEX_SCOPE(&from->server->lock);

    if (from->session && str_eq_c(method, "notifications/initialized"))
        from->session->is_initialized = true;
    if (str_eq_c(method, "notifications/cancelled"))
        cancel_call_locked(from, json_object_get(message_params(message), "requestId"));
}

void legacy_response(const struct origin *from, const json_t *message)
{
    struct str id = json_view(json_object_get(message, "id")), prefix, number;
    int64_t value;
    MUTEX_SCOPE(&from->server->lock);

    if (!str_cut(id, '-', &prefix, &number) || !str_eq_c(prefix, "server") ||
        !str_to_int(number, &value))
        return;
    for (struct pending *p = from->server->pending; p; p = p->next) {
        if (p->number == value && p->session == from->session && !p->response)
            p->response = json_deep_copy(message);
    }
    cond_broadcast(&from->server->answered);
}

/*
 * listen.c - subscriptions/listen, and the bus that tells both eras of changes.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

static const struct {
    const char *filter; /* member of params.notifications */
    const char *method;
} lists[] = {
    [MCP_LIST_TOOLS] = {"toolsListChanged", "notifications/tools/list_changed"},
    [MCP_LIST_PROMPTS] = {"promptsListChanged", "notifications/prompts/list_changed"},
    [MCP_LIST_RESOURCES] = {"resourcesListChanged", "notifications/resources/list_changed"},
};

/* -- listeners --------------------------------------------------------------------------------- */

static void listener_free_locked(struct mcp_server *s, struct listener *l)
{
    for (size_t i = 0; i < l->uris.len; i++)
        free((void *)(uintptr_t)l->uris.ptr[i].ptr);
    VEC_DEINIT(&l->uris);
    json_decref(l->id);
    exchange_unref_locked(l->x);
    free(l);
    s->n_listeners--;
}

/* Removes the listeners for which test() holds. */
static bool drop_where_locked(struct mcp_server *s,
                              bool (*test)(const struct listener *, const void *),
                              const void *arg)
{
    struct listener **at = &s->listeners;
    bool is_found = false;

    while (*at) {
        struct listener *l = *at;

        if (!test(l, arg)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        listener_free_locked(s, l);
        is_found = true;
    }
    return is_found;
}

static bool is_of_exchange(const struct listener *l, const void *x)
{
    return l->x == x;
}

static bool is_of_channel(const struct listener *l, const void *ch)
{
    return l->channel == ch;
}

void listen_drop_exchange_locked(struct mcp_server *s, const struct mcp_exchange *x)
{
    drop_where_locked(s, is_of_exchange, x);
}

void listen_drop_channel_locked(struct mcp_server *s, const struct mcp_channel *ch)
{
    drop_where_locked(s, is_of_channel, ch);
}

struct channel_request {
    const struct mcp_channel *channel;
    const json_t *id;
};

static bool is_request_of_channel(const struct listener *l, const void *arg)
{
    const struct channel_request *r = arg;

    return l->channel == r->channel && is_same_id(l->id, r->id);
}

bool listen_cancel_locked(struct mcp_server *s, const struct mcp_channel *ch, const json_t *id)
{
    const struct channel_request request = {ch, id};

    return drop_where_locked(s, is_request_of_channel, &request);
}

/* -- sending ----------------------------------------------------------------------------------- */

static json_t *subscription_meta(const struct listener *l)
{
    json_t *meta = json_must(json_object());

    put(meta, META_SUBSCRIPTION, json_deep_copy(l->id));
    return meta;
}

/* Steals message. */
static void send_to_locked(struct listener *l, json_t *message)
{
    AUTO_BUF text = {0};

    json_write(&text, message);
    json_decref(message);
    if (l->x)
        exchange_frame_locked(l->x, NULL, buf_str(&text));
    if (l->channel)
        channel_send_locked(l->channel, buf_str(&text));
}

static void send_change_locked(struct listener *l, const char *method, json_t *params)
{
    put(params, "_meta", subscription_meta(l));
    send_to_locked(l, notification(method, params));
}

void listen_end_all_locked(struct mcp_server *s)
{
    while (s->listeners) {
        struct listener *l = s->listeners;
        json_t *result = json_must(
            json_pack("{s:s, s:o}", "resultType", "complete", "_meta", subscription_meta(l)));

        send_to_locked(l, reply_result(l->id, result));
        if (l->x)
            exchange_close_locked(l->x);
        s->listeners = l->next;
        listener_free_locked(s, l);
    }
}

/* -- opening ----------------------------------------------------------------------------------- */

static bool is_list_offered(const struct mcp_server *s, size_t which)
{
    const struct mcp_tables *t = &s->given;

    return which == MCP_LIST_TOOLS     ? t->n_tools > 0
           : which == MCP_LIST_PROMPTS ? t->n_prompts > 0
                                       : t->resources.read != NULL;
}

/* NULL, or the member that has a wrong type. Members that we do not know may be anything. */
static const char *find_bad_member(const json_t *wanted)
{
    const json_t *uris = json_object_get(wanted, "resourceSubscriptions");
    const json_t *one;
    size_t i;

    for (i = 0; i < COUNT(lists); i++) {
        one = json_object_get(wanted, lists[i].filter);
        if (one && !json_is_boolean(one))
            return lists[i].filter;
    }
    if (uris && !json_is_array(uris))
        return "resourceSubscriptions";
    json_array_foreach(uris, i, one)
    {
        if (!json_is_string(one))
            return "resourceSubscriptions";
    }
    return NULL;
}

/* What the client asked for and we offer, into the listener. New reference: the accepted filter. */
static json_t *accept_filter(const struct mcp_server *s, const json_t *wanted,
                             struct listener *l)
{
    json_t *accepted = json_must(json_object()), *uris, *one;
    size_t i;

    for (i = 0; i < COUNT(lists); i++) {
        if (!json_is_true(json_object_get(wanted, lists[i].filter)) || !is_list_offered(s, i))
            continue;
        l->lists[i] = true;
        put(accepted, lists[i].filter, json_true());
    }
    if (!s->given.resources.has_subscribe)
        return accepted;
    uris = json_must(json_array());
    json_array_foreach(json_object_get(wanted, "resourceSubscriptions"), i, one)
    {
        struct str uri = json_view(one);

        if (uri.len && l->uris.len < SUBSCRIPTIONS_MAX) {
            VEC_PUSH(&l->uris, str_n(mem_dup(uri), uri.len));
            json_array_append(uris, one);
        }
    }
    if (json_array_size(uris))
        put(accepted, "resourceSubscriptions", json_incref(uris));
    json_decref(uris);
    return accepted;
}

static void open_locked(const struct origin *from, struct listener *l, json_t *accepted)
{
    struct mcp_server *s = from->server;

    l->next = s->listeners;
    s->listeners = l;
    if (l->x) {
        l->x->n_refs++;
        l->x->head = (struct mcp_http_head){
            .status = 200, .content_type = "text/event-stream", .is_stream = true};
        l->x->state = HEAD_DONE;
    }
    send_change_locked(l, "notifications/subscriptions/acknowledged",
                       json_must(json_pack("{s:o}", "notifications", accepted)));
}

static bool reserve_listener(struct mcp_server *s)
{
    MUTEX_SCOPE(&s->lock);

    if (s->n_listeners >= MCP_LISTENERS_MAX)
        return false;
    s->n_listeners++;
    return true;
}

struct outcome listen_open(const struct origin *from, const json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    const json_t *wanted = json_object_get(message_params(request), "notifications");
    const char *bad = find_bad_member(wanted);
    struct listener *l;
    json_t *accepted;

    if (!json_is_object(wanted))
        return answer(reply_error(id, RPC_PARAMS, "notifications: an object is required"), 200);
    if (bad)
        return answer(reply_error(id, RPC_PARAMS, "notifications.%s: wrong type", bad), 200);
    if (from->x && !from->x->accepts_sse)
        return answer(reply_error(id, RPC_INVALID, "Accept must allow text/event-stream"), 406);
    if (!reserve_listener(from->server))
        return answer(reply_error(id, RPC_INTERNAL, "%d listen streams are open already",
                                  MCP_LISTENERS_MAX),
                      200);
    l = NEW(struct listener);
    l->x = from->x;
    l->channel = from->channel;
    l->id = json_deep_copy(id);
    accepted = accept_filter(from->server, wanted, l);
    mutex_lock(&from->server->lock);
    open_locked(from, l, accepted);
    mutex_unlock(&from->server->lock);
    server_wake(from->server);
    return (struct outcome){.is_open = true};
}

/* -- the bus ----------------------------------------------------------------------------------- */

/* Calls tell() for every legacy session that is open. */
static void tell_sessions_locked(struct mcp_server *s,
                                 bool (*wants)(const struct session *, struct str),
                                 struct str what, struct str text)
{
    struct str id;
    void *value;
    size_t at = 0;

    while (map_next(&s->sessions, &at, &id, &value)) {
        struct session *session = value;

        if (session->is_initialized && wants(session, what))
            session_send_locked(s, session, text);
    }
    for (struct mcp_channel *ch = s->channels; ch; ch = ch->next) {
        if (ch->session->is_initialized && wants(ch->session, what))
            session_send_locked(s, ch->session, text);
    }
}

static bool wants_lists(const struct session *session, struct str what)
{
    (void)session;
    (void)what;
    return true;
}

static bool wants_uri(const struct session *session, struct str uri)
{
    for (size_t i = 0; i < session->subscriptions.len; i++) {
        if (str_eq(session->subscriptions.ptr[i], uri))
            return true;
    }
    return false;
}

void mcp_list_changed(struct mcp_server *s, enum mcp_list which)
{
    AUTO_BUF text = {0};
    json_t *message = notification(lists[which].method, NULL);

    json_write(&text, message);
    json_decref(message);
    mutex_lock(&s->lock);
    tell_sessions_locked(s, wants_lists, (struct str){0}, buf_str(&text));
    for (struct listener *l = s->listeners; l; l = l->next) {
        if (l->lists[which])
            send_change_locked(l, lists[which].method, json_must(json_object()));
    }
    mutex_unlock(&s->lock);
    server_wake(s);
}

static bool listens_to(const struct listener *l, struct str uri)
{
    for (size_t i = 0; i < l->uris.len; i++) {
        if (str_eq(l->uris.ptr[i], uri))
            return true;
    }
    return false;
}

void mcp_resource_updated(struct mcp_server *s, struct str uri)
{
    static const char method[] = "notifications/resources/updated";
    AUTO_BUF text = {0};
    json_t *message = notification(method, json_must(json_pack("{s:o}", "uri", json_str(uri))));

    json_write(&text, message);
    json_decref(message);
    mutex_lock(&s->lock);
    tell_sessions_locked(s, wants_uri, uri, buf_str(&text));
    for (struct listener *l = s->listeners; l; l = l->next) {
        if (listens_to(l, uri))
            send_change_locked(l, method, json_must(json_pack("{s:o}", "uri", json_str(uri))));
    }
    mutex_unlock(&s->lock);
    server_wake(s);
}

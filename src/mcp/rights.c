/*
 * rights.c - what a message needs, looked at before anything of it is done.
 *
 * What rights there are is the transport's business; here they are bits in the tables. Only what reaches
 * a handler needs any: lists and handshakes say the same to everybody.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

static unsigned request_needs(const struct mcp_server *s, const json_t *request)
{
    struct str method = message_method(request);
    struct str name = json_view(json_object_get(message_params(request), "name"));
    const struct tool_entry *tool;
    const struct prompt_entry *prompt;

    if (str_eq_c(method, "tools/call")) {
        tool = tables_tool(&s->tables, name);
        return tool ? tool->tool->needs : 0;
    }
    if (str_eq_c(method, "prompts/get")) {
        prompt = tables_prompt(&s->tables, name);
        return prompt ? prompt->prompt->needs : 0;
    }
    if (str_eq_c(method, "resources/read") || str_eq_c(method, "resources/list") ||
        str_eq_c(method, "resources/subscribe") || str_eq_c(method, "subscriptions/listen"))
        return s->given.resources.needs;
    return 0;
}

static unsigned message_needs(const struct mcp_server *s, const json_t *message)
{
    unsigned needs = 0;
    size_t i;
    json_t *one;

    if (!json_is_array(message))
        return request_needs(s, message);
    json_array_foreach(message, i, one) needs |= request_needs(s, one);
    return needs;
}

bool exchange_permit(struct mcp_exchange *x, const struct mcp_http_in *in,
                     const json_t *message)
{
    unsigned needs = message_needs(x->server, message);
    const json_t *id = NULL;

    if ((needs & ~in->rights) == 0)
        return true;
    (void)message_kind(message, &id);
    mutex_lock(&x->server->lock);
    x->head.needs = needs;
    mutex_unlock(&x->server->lock);
    exchange_finish_json(
        x, 403,
        reply_error(id, RPC_FORBIDDEN, "the caller may not do this; it needs more rights"));
    return false;
}

/* server.c - the server object: opening, time, waking, shutting down. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include <assert.h>

#define KEY_MIN_BYTES 32

bool mcp_server_new(const struct mcp_tables *tables, struct str key, struct mcp_server **out,
                    struct error *err)
{
    struct mcp_server *s = NEW(struct mcp_server);
    uint64_t seed = 0;

    assert(key.len >= KEY_MIN_BYTES);
    memcpy(&seed, key.ptr, sizeof(seed));
    s->given = *tables;
    s->key = str_n(mem_dup(key), key.len);
    mutex_init(&s->lock);
    cond_init(&s->answered);
    map_init(&s->sessions, seed);
    map_init(&s->sse, seed);
    if (!tables_init(&s->tables, tables, err)) {
        mcp_server_free(s);
        return false;
    }
    *out = s;
    return true;
}

static void end_all_sessions(struct mcp_server *s)
{
    struct str id;
    void *session;
    size_t at = 0;
    MUTEX_SCOPE(&s->lock);

    while (map_next(&s->sessions, &at, &id, &session))
        session_end_locked(s, session);
}

void mcp_server_free(struct mcp_server *s)
{
    if (!s)
        return;
    end_all_sessions(s);
    server_wake(s); /* nobody listens any more; lets go of what is still in the list */
    assert(!s->exchanges && !s->channels && !s->calls && !s->listeners);
    map_deinit(&s->sessions);
    map_deinit(&s->sse);
    tables_deinit(&s->tables);
    cond_deinit(&s->answered);
    mutex_deinit(&s->lock);
    free((void *)(uintptr_t)s->key.ptr);
    free(s);
}

/* -- waking ------------------------------------------------------------------------------------ */

void exchange_wake_locked(struct mcp_exchange *x)
{
    if (x->needs_wake)
        return;
    x->needs_wake = true;
    x->n_refs++;
    x->next_to_wake = x->server->to_wake;
    x->server->to_wake = x;
}

/* With the reference that the list had. */
static struct mcp_exchange *next_to_wake(struct mcp_server *s)
{
    struct mcp_exchange *x;
    MUTEX_SCOPE(&s->lock);

    x = s->to_wake;
    if (!x)
        return NULL;
    s->to_wake = x->next_to_wake;
    x->needs_wake = false;
    return x;
}

static void wake_exchanges(struct mcp_server *s)
{
    struct mcp_exchange *x;

    while ((x = next_to_wake(s)) != NULL) {
        waker_call(&x->waker);
        mutex_lock(&s->lock);
        exchange_unref_locked(x);
        mutex_unlock(&s->lock);
    }
}

void channel_wake_locked(struct mcp_channel *ch)
{
    if (ch->needs_wake)
        return;
    ch->needs_wake = true;
    ch->n_refs++;
    ch->next_to_wake = ch->server->channels_to_wake;
    ch->server->channels_to_wake = ch;
}

/* With the reference that the list had. */
static struct mcp_channel *next_channel_to_wake(struct mcp_server *s)
{
    struct mcp_channel *ch;
    MUTEX_SCOPE(&s->lock);

    ch = s->channels_to_wake;
    if (!ch)
        return NULL;
    s->channels_to_wake = ch->next_to_wake;
    ch->needs_wake = false;
    return ch;
}

static void wake_channels(struct mcp_server *s)
{
    struct mcp_channel *ch;

    while ((ch = next_channel_to_wake(s)) != NULL) {
        waker_call(&ch->waker);
        mutex_lock(&s->lock);
        channel_unref_locked(ch);
        mutex_unlock(&s->lock);
    }
}

void server_wake(struct mcp_server *s)
{
    wake_exchanges(s);
    wake_channels(s);
}

/* -- time -------------------------------------------------------------------------------------- */

static bool is_open_stream(const struct mcp_exchange *x)
{
    return x->state == HEAD_DONE && x->head.is_stream && !x->is_ended && !x->is_gone;
}

void mcp_tick(struct mcp_server *s, int64_t steady_ms)
{
    mutex_lock(&s->lock);
    s->now_ms = steady_ms;
    session_expire_locked(s, s->now_ms);
    for (struct mcp_exchange *x = s->exchanges; x; x = x->next) {
        if (!is_open_stream(x) || s->now_ms - x->written_ms < MCP_KEEPALIVE_MS)
            continue;
        buf_add(&x->out, STR(": keep-alive\n\n"));
        x->written_ms = s->now_ms;
        exchange_wake_locked(x);
    }
    mutex_unlock(&s->lock);
    server_wake(s);
}

void mcp_shut_down(struct mcp_server *s)
{
    mutex_lock(&s->lock);
    s->is_closing = true;
    listen_end_all_locked(s);
    for (struct mcp_exchange *x = s->exchanges; x; x = x->next) {
        bool has_calls = x->call || (x->channel && x->channel->n_running);

        if (is_open_stream(x) && !has_calls) /* GET streams; calls finish by themselves */
            exchange_close_locked(x);
    }
    cond_broadcast(&s->answered);
    mutex_unlock(&s->lock);
    server_wake(s);
}

void mcp_cancel_all(struct mcp_server *s)
{
    MUTEX_SCOPE(&s->lock);

    for (struct mcp_call *c = s->calls; c; c = c->next)
        atomic_store(&c->is_cancelled, true);
    cond_broadcast(&s->answered);
}

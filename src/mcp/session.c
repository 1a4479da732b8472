/*
 * session.c - legacy sessions: ids, expiry, and messages outside any request.
 *
 * Ids come from the server's key and a counter by HMAC: unguessable without a source of randomness
 * here. A session belongs to the principal that opened it; to anybody else it does not exist.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "crypto/crypto.h"

#define ID_BYTES 16

struct str session_id_locked(struct mcp_server *s)
{
    unsigned char mac[CRYPTO_SHA256_BYTES];
    char text[64], hex[2 * ID_BYTES + 1];

    snprintf(text, sizeof(text), "session %lld", (long long)++s->n_ids);
    crypto_hmac_sha256(s->key, str_c(text), mac);
    crypto_hex(mac, ID_BYTES, hex);
    return str_n(mem_dup(str_c(hex)), sizeof(hex) - 1);
}

static bool is_busy(const struct session *session)
{
    if (session->n_calls)
        return true;
    for (const struct stream *one = session->streams; one; one = one->next) {
        if (one->reader)
            return true;
    }
    return false;
}

static void evict_longest_idle(struct mcp_server *s)
{
    struct session *idlest = NULL;
    struct str id;
    void *value;
    size_t at = 0;

    while (map_next(&s->sessions, &at, &id, &value)) {
        struct session *one = value;

        if (!is_busy(one) && (!idlest || one->used_ms < idlest->used_ms))
            idlest = one;
    }
    if (idlest)
        session_end_locked(s, idlest);
}

struct session *session_new_locked(struct mcp_server *s, struct str principal)
{
    struct session *session = NEW(struct session);

    if (s->sessions.len >= MCP_SESSIONS_MAX)
        evict_longest_idle(s);
    session->server = s;
    session->n_refs = 1; /* the map's */
    session->id = session_id_locked(s);
    session->principal = str_n(mem_dup(principal), principal.len);
    session->version = MCP_LATEST_LEGACY;
    session->log_level = level_of(STR("info"));
    session->used_ms = s->now_ms;
    map_put(&s->sessions, session->id, session);
    return session;
}

struct session *session_find_locked(struct mcp_server *s, struct str id, struct str principal)
{
    struct session *session = map_get(&s->sessions, id);

    if (!session || !str_eq(session->principal, principal))
        return NULL;
    session->used_ms = s->now_ms;
    return session;
}

static void free_texts(struct texts *list)
{
    for (size_t i = 0; i < list->len; i++)
        free((void *)(uintptr_t)list->ptr[i].ptr);
    VEC_DEINIT(list);
}

void session_unref_locked(struct session *session)
{
    if (!session || --session->n_refs)
        return;
    while (session->streams)
        stream_free_locked(session->streams);
    free_texts(&session->queue);
    free_texts(&session->subscriptions);
    json_decref(session->capabilities);
    free((void *)(uintptr_t)session->id.ptr);
    free((void *)(uintptr_t)session->principal.ptr);
    free(session);
}

void session_end_locked(struct mcp_server *s, struct session *session)
{
    if (session->is_ended)
        return;
    session->is_ended = true;
    for (struct stream *one = session->streams; one; one = one->next) {
        if (one->reader)
            exchange_close_locked(one->reader);
    }
    for (struct mcp_call *c = s->calls; c; c = c->next) {
        if (c->session == session)
            atomic_store(&c->is_cancelled, true);
    }
    cond_broadcast(&s->answered);
    if (session->id.len)
        map_remove(&s->sessions, session->id);
    session_unref_locked(session);
}

static void drop_old_streams(struct session *session, int64_t now_ms)
{
    for (struct stream *one = session->streams, *next; one; one = next) {
        next = one->next;
        if (one->is_ended && !one->reader && now_ms - one->ended_ms > RETAIN_MS)
            stream_free_locked(one);
    }
}

void session_expire_locked(struct mcp_server *s, int64_t now_ms)
{
    struct str id;
    void *value;
    size_t at = 0;

    while (map_next(&s->sessions, &at, &id, &value)) {
        struct session *one = value;

        drop_old_streams(one, now_ms);
        if (!is_busy(one) && now_ms - one->used_ms > MCP_SESSION_IDLE_MS)
            session_end_locked(s, one);
    }
}

/* The same list_changed twice in the queue says no more than once. */
static bool is_queued(const struct session *session, struct str text)
{
    for (size_t i = 0; i < session->queue.len; i++) {
        if (str_eq(session->queue.ptr[i], text))
            return true;
    }
    return false;
}

static void enqueue(struct session *session, struct str text)
{
    if (is_queued(session, text))
        return;
    if (session->queue.len == SESSION_QUEUE_MAX) {
        free((void *)(uintptr_t)session->queue.ptr[0].ptr);
        session->queue.len--;
        memmove(session->queue.ptr, session->queue.ptr + 1,
                session->queue.len * sizeof(*session->queue.ptr));
    }
    VEC_PUSH(&session->queue, str_n(mem_dup(text), text.len));
}

void session_send_locked(struct mcp_server *s, struct session *session, struct str text)
{
    if (session->channel)
        channel_send_locked(session->channel, text);
    else if (session->standalone && session->standalone->reader)
        stream_append_locked(s, session->standalone, text);
    else
        enqueue(session, text);
}

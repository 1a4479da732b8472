/* auth_clients.c - programs that speak for people, and what people remembered about them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

#define CLIENT_COLUMNS                                                                         \
    " id, origin, name, method, secret_hash, registration_hash, redirect_uris, grant_types,"   \
    " scopes, spaces, metadata, peer, created_ms, used_ms, fresh_until_ms "

static struct stored_client read_client(struct arena *a, sqlite3_stmt *q)
{
    return (struct stored_client){.id = db_column_str(a, q, 0),
                                  .origin = db_column_str(a, q, 1),
                                  .name = db_column_str(a, q, 2),
                                  .method = db_column_str(a, q, 3),
                                  .secret_hash = db_column_str(a, q, 4),
                                  .registration_hash = db_column_str(a, q, 5),
                                  .redirect_uris = db_column_str(a, q, 6),
                                  .grant_types = db_column_str(a, q, 7),
                                  .scopes = db_column_str(a, q, 8),
                                  .spaces = db_column_str(a, q, 9),
                                  .metadata = db_column_str(a, q, 10),
                                  .peer = db_column_str(a, q, 11),
                                  .created_ms = sqlite3_column_int64(q, 12),
                                  .used_ms = sqlite3_column_int64(q, 13),
                                  .fresh_until_ms = sqlite3_column_int64(q, 14)};
}

bool auth_store_client_put(struct auth_store *s, const struct stored_client *c,
                           struct error *err)
{
    return auth_do_alone(
        s, "keep a client",
        "INSERT INTO client (" CLIENT_COLUMNS ")"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        " ON CONFLICT (id) DO UPDATE SET origin = ?2, name = ?3, method = ?4, secret_hash = ?5,"
        " registration_hash = ?6, redirect_uris = ?7, grant_types = ?8, scopes = ?9,"
        " spaces = ?10, metadata = ?11, fresh_until_ms = ?15",
        VALUES(TEXT(c->id), TEXT(c->origin), TEXT(c->name), TEXT(c->method),
               TEXT(c->secret_hash), TEXT(c->registration_hash), TEXT(c->redirect_uris),
               TEXT(c->grant_types), TEXT(c->scopes), TEXT(c->spaces), TEXT(c->metadata),
               TEXT(c->peer), INT(c->created_ms), INT(c->used_ms), INT(c->fresh_until_ms)),
        err);
}

bool auth_store_client(struct auth_store *s, struct arena *a, struct str id,
                       struct stored_client **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db, "SELECT" CLIENT_COLUMNS "FROM client WHERE id = ?1", VALUES(TEXT(id)),
                  &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a client", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_client, 1);
        **out = read_client(a, q.os);
    }
    return true;
}

bool auth_store_clients(struct auth_store *s, struct arena *a, const struct stored_client **out,
                        size_t *out_n, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_client) list = {0};
    bool has_row = true;

    if (!db_prepare(s->db, "SELECT" CLIENT_COLUMNS "FROM client ORDER BY created_ms, id", &q,
                    err))
        return false;
    while (db_step(s->db, q.os, &has_row, "list clients", err) && has_row)
        VEC_PUSH(&list, read_client(a, q.os));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

bool auth_store_client_delete(struct auth_store *s, struct str id, bool *out_was,
                              struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    if (!auth_do(s->db, "delete a client", "DELETE FROM client WHERE id = ?1", VALUES(TEXT(id)),
                 err))
        return false;
    *out_was = sqlite3_changes(s->db->os) > 0;
    return true;
}

bool auth_store_clients_count(struct auth_store *s, struct str origin, int64_t *out,
                              struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db, "SELECT count(*) FROM client WHERE origin = ?1", VALUES(TEXT(origin)),
                  &q, err) ||
        !db_step(s->db, q.os, &has_row, "count clients", err))
        return false;
    *out = sqlite3_column_int64(q.os, 0);
    return true;
}

bool auth_store_clients_evict(struct auth_store *s, struct str origin, int64_t until_ms,
                              int max, int64_t *out_n, struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    if (!auth_do(s->db, "make room for clients",
                 "DELETE FROM client WHERE id IN (SELECT id FROM client"
                 " WHERE origin = ?1 AND used_ms = 0 AND created_ms <= ?2"
                 " ORDER BY created_ms LIMIT ?3)",
                 VALUES(TEXT(origin), INT(until_ms), INT(max)), err))
        return false;
    *out_n = sqlite3_changes(s->db->os);
    return true;
}

bool auth_store_consent_put(struct auth_store *s, const struct stored_consent *c,
                            struct error *err)
{
    return auth_do_alone(s, "remember a consent",
                         "INSERT OR REPLACE INTO consent"
                         " (account, client, redirect_uri, scopes, spaces, resource, at_ms)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                         VALUES(TEXT(c->account), TEXT(c->client), TEXT(c->redirect_uri),
                                TEXT(c->scopes), TEXT(c->spaces), TEXT(c->resource),
                                INT(c->at_ms)),
                         err);
}

bool auth_store_consent(struct auth_store *s, struct arena *a, struct str account,
                        struct str client, struct stored_consent **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db,
                  "SELECT account, client, redirect_uri, scopes, spaces, resource, at_ms"
                  " FROM consent WHERE account = ?1 AND client = ?2",
                  VALUES(TEXT(account), TEXT(client)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a consent", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_consent, 1);
        **out = (struct stored_consent){db_column_str(a, q.os, 0),    db_column_str(a, q.os, 1),
                                        db_column_str(a, q.os, 2),    db_column_str(a, q.os, 3),
                                        db_column_str(a, q.os, 4),    db_column_str(a, q.os, 5),
                                        sqlite3_column_int64(q.os, 6)};
    }
    return true;
}

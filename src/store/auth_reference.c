/*
 * auth_reference.c - the OAuth database of the Python service, read once and never written.
 *
 * It holds client secrets and tokens in the clear. Only what lives is read: its clients, and the refresh tokens
 * that are the last of their chains.
 *
 * As of the reference's versions 9.0.6 to 10.59; before 10.41 there are no refresh tokens.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

#include "base/alloc.h"
#include "sys/sys.h"

#define HAS_TABLE "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "

static bool count(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, sql, &q, err) ||
        !db_step(db, q.os, &has_row, "look into an OAuth database", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

bool auth_store_is_reference(const char *path)
{
    AUTO_DB *db = NULL;
    int64_t size, n = 0, id = 0;

    return sys_file_size(path, &size) && size > 0 && migrate_open_to_look(path, &db, NULL) &&
           count(db, "PRAGMA application_id", &id, NULL) && id == 0 &&
           count(db, HAS_TABLE "('oauth_clients', 'oauth_access_tokens')", &n, NULL) && n == 2;
}

static int64_t column_ms(sqlite3_stmt *q, int at)
{
    double seconds = sqlite3_column_double(q, at);

    return seconds > 0 && seconds < 1e11 ? (int64_t)(seconds * 1000) : 0;
}

/* Those that have a live token first, then the latest: what is left out is what nobody uses. */
static bool read_clients(struct db *db, struct arena *a, bool has_tokens, int64_t now_ms,
                         struct reference *out, struct error *err)
{
    AUTO_STMT q = {0};
    struct VEC(struct reference_client) list = {0};
    bool has_row = true;

    if (!auth_ask(db,
                  has_tokens ? "SELECT client_id, client_secret, client_name, redirect_uris,"
                               " token_endpoint_auth_method, created_at FROM oauth_clients c"
                               " ORDER BY EXISTS (SELECT 1 FROM oauth_refresh_tokens t"
                               " WHERE t.client_id = c.client_id AND t.revoked = 0"
                               " AND t.expires_at > ?1 / 1000.0) DESC,"
                               " created_at DESC, client_id LIMIT ?2"
                             : "SELECT client_id, client_secret, client_name, redirect_uris,"
                               " token_endpoint_auth_method, created_at FROM oauth_clients"
                               " ORDER BY created_at DESC, client_id LIMIT ?2",
                  VALUES(INT(now_ms), INT(REFERENCE_ROWS_MAX)), &q, err))
        return false;
    while (db_step(db, q.os, &has_row, "read clients", err) && has_row)
        VEC_PUSH(&list, ((struct reference_client){
                            db_column_str(a, q.os, 0), db_column_str(a, q.os, 1),
                            db_column_str(a, q.os, 2), db_column_str(a, q.os, 3),
                            db_column_str(a, q.os, 4), column_ms(q.os, 5)}));
    out->clients = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    out->n_clients = list.len;
    return !has_row;
}

static bool read_tokens(struct db *db, struct arena *a, int64_t now_ms, struct reference *out,
                        struct error *err)
{
    AUTO_STMT q = {0};
    struct VEC(struct reference_token) list = {0};
    bool has_row = true;

    if (!auth_ask(db,
                  "SELECT token, client_id, scope, expires_at, created_at"
                  " FROM oauth_refresh_tokens WHERE revoked = 0 AND expires_at > ?1 / 1000.0"
                  " ORDER BY created_at DESC, token LIMIT ?2",
                  VALUES(INT(now_ms), INT(REFERENCE_ROWS_MAX)), &q, err))
        return false;
    while (db_step(db, q.os, &has_row, "read refresh tokens", err) && has_row)
        VEC_PUSH(&list,
                 ((struct reference_token){db_column_str(a, q.os, 0), db_column_str(a, q.os, 1),
                                           db_column_str(a, q.os, 2), column_ms(q.os, 3),
                                           column_ms(q.os, 4)}));
    out->tokens = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    out->n_tokens = list.len;
    return !has_row;
}

bool auth_store_reference(const char *path, struct arena *a, int64_t now_ms,
                          struct reference *out, struct error *err)
{
    AUTO_DB *db = NULL;
    int64_t n_tables;

    *out = (struct reference){0};
    if (!migrate_open_to_look(path, &db, err) ||
        !count(db, HAS_TABLE "('oauth_refresh_tokens')", &n_tables, err) ||
        !read_clients(db, a, n_tables > 0, now_ms, out, err) ||
        (n_tables > 0 && !read_tokens(db, a, now_ms, out, err)))
        return error_wrap(err, "%s", path);
    return true;
}

/* -- taking over ----------------------------------------------------------------------------- */

#define MARK "'imported_from'"

bool auth_store_came_from(const char *path, struct str from)
{
    AUTO_DB *db = NULL;
    AUTO_STMT q = {0};
    int64_t size;
    bool has_row = false;

    return sys_file_size(path, &size) && size > 0 && migrate_open_to_look(path, &db, NULL) &&
           auth_ask(db, "SELECT 1 FROM meta WHERE name = " MARK " AND value = ?1",
                    VALUES(TEXT(from)), &q, NULL) &&
           db_step(db, q.os, &has_row, "look into an OAuth database", NULL) && has_row;
}

bool auth_store_was_imported(struct auth_store *s, bool *out, struct error *err)
{
    int64_t n;
    MUTEX_SCOPE(&s->lock);

    if (!count(s->db, "SELECT count(*) FROM meta WHERE name = " MARK, &n, err))
        return false;
    *out = n > 0;
    return true;
}

static bool add_client(struct db *db, const struct stored_client *c, struct error *err)
{
    return auth_do(db, "import a client",
                   "INSERT INTO client (id, origin, name, method, secret_hash,"
                   " registration_hash, redirect_uris, grant_types, scopes, spaces, metadata,"
                   " peer, created_ms, used_ms, fresh_until_ms)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)"
                   " ON CONFLICT (id) DO NOTHING",
                   VALUES(TEXT(c->id), TEXT(c->origin), TEXT(c->name), TEXT(c->method),
                          TEXT(c->secret_hash), TEXT(c->redirect_uris), TEXT(c->grant_types),
                          TEXT(c->scopes), TEXT(c->spaces), TEXT(c->metadata), TEXT(c->peer),
                          INT(c->created_ms), INT(c->used_ms)),
                   err);
}

static bool add_grant(struct db *db, const struct stored_family *f,
                      const struct stored_refresh *t, struct error *err)
{
    return auth_do(db, "import a grant",
                   "INSERT INTO family (id, client, account, scopes, spaces, resource,"
                   " created_ms, used_ms, expires_ms, revoked_ms)"
                   " VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
                   VALUES(TEXT(f->id), TEXT(f->client), TEXT(f->scopes), TEXT(f->spaces),
                          TEXT(f->resource), INT(f->created_ms), INT(f->used_ms),
                          INT(f->expires_ms)),
                   err) &&
           auth_do(db, "import a refresh token",
                   "INSERT INTO refresh_token (hash, family, parent, expires_ms, rotated_ms)"
                   " VALUES (?1, ?2, '', ?3, 0)",
                   VALUES(TEXT(t->hash), TEXT(f->id), INT(t->expires_ms)), err);
}

static bool add_all(struct db *db, const struct auth_store_import *i, struct error *err)
{
    for (size_t n = 0; n < i->n_clients; n++) {
        if (!add_client(db, &i->clients[n], err))
            return false;
    }
    for (size_t n = 0; n < i->n_grants; n++) {
        if (!add_grant(db, &i->families[n], &i->refreshes[n], err))
            return false;
    }
    return true;
}

bool auth_store_import(struct auth_store *s, const struct auth_store_import *i, bool *out_did,
                       struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    if (!auth_change_begin(s, &c, err) ||
        !auth_do(c.db, "begin an import",
                 "INSERT INTO meta (name, value) VALUES (" MARK ", ?1)"
                 " ON CONFLICT (name) DO NOTHING",
                 VALUES(TEXT(i->from)), err))
        return false;
    *out_did = sqlite3_changes(c.db->os) > 0; /* else another process was faster */
    return !*out_did || (add_all(c.db, i, err) && auth_change_commit(&c, err));
}

/* auth_keys.c - API keys, and the keys that sign tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

#define API_KEY_COLUMNS                                                                        \
    " k.name, k.hash, k.account, k.scopes, k.spaces, k.created_ms, k.expires_ms, k.used_ms "
#define N_API_KEY_COLUMNS 8

static struct stored_api_key read_api_key(struct arena *a, sqlite3_stmt *q)
{
    return (struct stored_api_key){.name = db_column_str(a, q, 0),
                                   .hash = db_column_str(a, q, 1),
                                   .account = db_column_str(a, q, 2),
                                   .scopes = db_column_str(a, q, 3),
                                   .spaces = db_column_str(a, q, 4),
                                   .created_ms = sqlite3_column_int64(q, 5),
                                   .expires_ms = sqlite3_column_int64(q, 6),
                                   .used_ms = sqlite3_column_int64(q, 7)};
}

bool auth_store_api_key_put(struct auth_store *s, const struct stored_api_key *k,
                            struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    if (!auth_do(s->db, "keep an API key",
                 "INSERT INTO api_key"
                 " (name, hash, account, scopes, spaces, created_ms, expires_ms, used_ms)"
                 " SELECT ?1, ?2, name, ?4, ?5, ?6, ?7, 0 FROM account WHERE name = ?3"
                 " ON CONFLICT (name) DO NOTHING",
                 VALUES(TEXT(k->name), TEXT(k->hash), TEXT(k->account), TEXT(k->scopes),
                        TEXT(k->spaces), INT(k->created_ms), INT(k->expires_ms)),
                 err))
        return false;
    if (sqlite3_changes(s->db->os) > 0)
        return true;
    return error_set(err, ERROR_CONFLICT,
                     "there is a key '" STR_FMT "' already, or no account '" STR_FMT "'",
                     STR_ARG(k->name), STR_ARG(k->account));
}

bool auth_store_api_keys(struct auth_store *s, struct arena *a,
                         const struct stored_api_key **out, size_t *out_n, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_api_key) list = {0};
    bool has_row = true;

    if (!db_prepare(s->db, "SELECT" API_KEY_COLUMNS "FROM api_key k ORDER BY created_ms, name",
                    &q, err))
        return false;
    while (db_step(s->db, q.os, &has_row, "list API keys", err) && has_row)
        VEC_PUSH(&list, read_api_key(a, q.os));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

bool auth_store_api_key_delete(struct auth_store *s, struct str name, bool *out_was,
                               struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    if (!auth_do(s->db, "delete an API key", "DELETE FROM api_key WHERE name = ?1",
                 VALUES(TEXT(name)), err))
        return false;
    *out_was = sqlite3_changes(s->db->os) > 0;
    return true;
}

bool auth_store_api_key_used(struct auth_store *s, struct str name, int64_t at_ms,
                             struct error *err)
{
    return auth_do_alone(s, "note a use",
                         "UPDATE api_key SET used_ms = ?2 WHERE name = ?1 AND used_ms < ?2",
                         VALUES(TEXT(name), INT(at_ms)), err);
}

bool auth_store_api_key(struct auth_store *s, struct arena *a, struct str hash,
                        struct stored_api_key **out, struct stored_account **out_account,
                        struct error *err)
{
    MUTEX_SCOPE(&s->check_lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->checker,
                  "SELECT" API_KEY_COLUMNS "," ACCOUNT_COLUMNS
                  "FROM api_key k JOIN account p ON p.name = k.account WHERE k.hash = ?1",
                  VALUES(TEXT(hash)), &q, err) ||
        !db_step(s->checker, q.os, &has_row, "read an API key", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_api_key, 1);
        **out = read_api_key(a, q.os);
        *out_account = ARENA_NEW(a, struct stored_account, 1);
        **out_account = auth_read_account(a, q.os, N_API_KEY_COLUMNS);
    }
    return true;
}

bool auth_store_signing_keys(struct auth_store *s, struct arena *a, int64_t now_ms,
                             const struct stored_signing_key **out, size_t *out_n,
                             struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_signing_key) list = {0};
    bool has_row = true;

    if (!auth_ask(s->db,
                  "SELECT kid, pem, created_ms, retired_ms, until_ms FROM signing_key"
                  " WHERE retired_ms = 0 OR until_ms > ?1"
                  " ORDER BY retired_ms > 0, created_ms DESC, kid",
                  VALUES(INT(now_ms)), &q, err))
        return false;
    while (db_step(s->db, q.os, &has_row, "read signing keys", err) && has_row)
        VEC_PUSH(&list, ((struct stored_signing_key){
                            db_column_str(a, q.os, 0), db_column_str(a, q.os, 1),
                            sqlite3_column_int64(q.os, 2), sqlite3_column_int64(q.os, 3),
                            sqlite3_column_int64(q.os, 4)}));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

static bool has_signing_key(struct db *db, bool *out, struct error *err)
{
    AUTO_STMT q = {0};

    return db_prepare(db, "SELECT 1 FROM signing_key WHERE retired_ms = 0", &q, err) &&
           db_step(db, q.os, out, "look for a signing key", err);
}

static bool retire_keys(struct db *db, int64_t now_ms, int64_t until_ms, struct error *err)
{
    return auth_do(db, "retire a signing key",
                   "UPDATE signing_key SET retired_ms = ?1, until_ms = ?2 WHERE retired_ms = 0",
                   VALUES(INT(now_ms), INT(until_ms)), err);
}

bool auth_store_signing_keys_retire(struct auth_store *s, int64_t now_ms, int64_t until_ms,
                                    struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    return retire_keys(s->db, now_ms, until_ms, err);
}

bool auth_store_signing_key_add(struct auth_store *s, const struct stored_signing_key *k,
                                int64_t overlap_ms, bool is_first, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};
    bool has_one;

    if (!auth_change_begin(s, &c, err) || !has_signing_key(c.db, &has_one, err))
        return false;
    if (is_first && has_one) /* another process was faster */
        return true;
    return retire_keys(c.db, k->created_ms, k->created_ms + overlap_ms, err) &&
           auth_do(c.db, "keep a signing key",
                   "INSERT INTO signing_key (kid, pem, created_ms, retired_ms, until_ms)"
                   " VALUES (?1, ?2, ?3, 0, 0)",
                   VALUES(TEXT(k->kid), TEXT(k->pem), INT(k->created_ms)), err) &&
           auth_change_commit(&c, err);
}

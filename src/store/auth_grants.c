/*
 * auth_grants.c - codes, and the families of tokens that come of them.
 *
 * What must happen at once is one transaction here: a code is marked used together with the first tokens
 * of its family, or, if it was used before, the family that it founded is revoked. A refresh token gets its
 * successor together with the access token that goes out beside it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

/* -- codes ------------------------------------------------------------------------------------- */

#define CODE_COLUMNS                                                                           \
    " hash, client, account, redirect_uri, challenge, resource, scopes, spaces, family,"       \
    " expires_ms, used_ms "

bool auth_store_code_put(struct auth_store *s, const struct stored_code *c, struct error *err)
{
    return auth_do_alone(s, "keep a code",
                         "INSERT INTO code (" CODE_COLUMNS ")"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                         VALUES(TEXT(c->hash), TEXT(c->client), TEXT(c->account),
                                TEXT(c->redirect_uri), TEXT(c->challenge), TEXT(c->resource),
                                TEXT(c->scopes), TEXT(c->spaces), TEXT(c->family),
                                INT(c->expires_ms), INT(c->used_ms)),
                         err);
}

bool auth_store_code(struct auth_store *s, struct arena *a, struct str hash,
                     struct stored_code **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db, "SELECT" CODE_COLUMNS "FROM code WHERE hash = ?1", VALUES(TEXT(hash)),
                  &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a code", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_code, 1);
        **out =
            (struct stored_code){db_column_str(a, q.os, 0),     db_column_str(a, q.os, 1),
                                 db_column_str(a, q.os, 2),     db_column_str(a, q.os, 3),
                                 db_column_str(a, q.os, 4),     db_column_str(a, q.os, 5),
                                 db_column_str(a, q.os, 6),     db_column_str(a, q.os, 7),
                                 db_column_str(a, q.os, 8),     sqlite3_column_int64(q.os, 9),
                                 sqlite3_column_int64(q.os, 10)};
    }
    return true;
}

/* -- families ---------------------------------------------------------------------------------- */

#define FAMILY_COLUMNS                                                                         \
    " f.id, f.client, coalesce(f.account, ''), f.scopes, f.spaces, f.resource, f.created_ms,"  \
    " f.used_ms, f.expires_ms, f.revoked_ms "
#define N_FAMILY_COLUMNS 10

static struct stored_family read_family(struct arena *a, sqlite3_stmt *q, int at)
{
    return (struct stored_family){.id = db_column_str(a, q, at),
                                  .client = db_column_str(a, q, at + 1),
                                  .account = db_column_str(a, q, at + 2),
                                  .scopes = db_column_str(a, q, at + 3),
                                  .spaces = db_column_str(a, q, at + 4),
                                  .resource = db_column_str(a, q, at + 5),
                                  .created_ms = sqlite3_column_int64(q, at + 6),
                                  .used_ms = sqlite3_column_int64(q, at + 7),
                                  .expires_ms = sqlite3_column_int64(q, at + 8),
                                  .revoked_ms = sqlite3_column_int64(q, at + 9)};
}

bool auth_store_family(struct auth_store *s, struct arena *a, struct str id,
                       struct stored_family **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db, "SELECT" FAMILY_COLUMNS "FROM family f WHERE id = ?1",
                  VALUES(TEXT(id)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a grant", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_family, 1);
        **out = read_family(a, q.os, 0);
    }
    return true;
}

bool auth_store_families(struct auth_store *s, struct arena *a, struct str account,
                         int64_t now_ms, const struct stored_family **out, size_t *out_n,
                         struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_family) list = {0};
    bool has_row = true;

    if (!auth_ask(s->db,
                  "SELECT" FAMILY_COLUMNS "FROM family f WHERE revoked_ms = 0"
                  " AND expires_ms > ?2 AND (?1 = '' OR account = ?1) ORDER BY created_ms, id",
                  VALUES(TEXT(account), INT(now_ms)), &q, err))
        return false;
    while (db_step(s->db, q.os, &has_row, "list grants", err) && has_row)
        VEC_PUSH(&list, read_family(a, q.os, 0));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

/* The consent that was remembered goes too: else the client would have a new grant without anybody being asked. Within
 * a transaction. */
static bool revoke_family(struct db *db, struct str id, int64_t now_ms, struct error *err)
{
    return auth_do(db, "forget a consent",
                   "DELETE FROM consent WHERE (account, client) IN"
                   " (SELECT account, client FROM family WHERE id = ?1 AND revoked_ms = 0)",
                   VALUES(TEXT(id)), err) &&
           auth_do(db, "revoke a grant",
                   "UPDATE family SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0",
                   VALUES(TEXT(id), INT(now_ms)), err);
}

bool auth_store_family_revoke(struct auth_store *s, struct str id, int64_t now_ms,
                              struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) && revoke_family(c.db, id, now_ms, err) &&
           auth_change_commit(&c, err);
}

/* -- tokens ------------------------------------------------------------------------------------ */

static bool add_access(struct db *db, const struct stored_access *t, struct error *err)
{
    return auth_do(
        db, "keep a token",
        "INSERT INTO access_token (jti, family, expires_ms, revoked_ms) VALUES (?1, ?2, ?3, 0)",
        VALUES(TEXT(t->jti), TEXT(t->family), INT(t->expires_ms)), err);
}

static bool add_refresh(struct db *db, const struct stored_refresh *t, struct error *err)
{
    return t->hash.len == 0 ||
           auth_do(db, "keep a refresh token",
                   "INSERT INTO refresh_token (hash, family, parent, expires_ms, rotated_ms)"
                   " VALUES (?1, ?2, ?3, ?4, 0)",
                   VALUES(TEXT(t->hash), TEXT(t->family), TEXT(t->parent), INT(t->expires_ms)),
                   err);
}

static bool add_family(struct db *db, const struct stored_family *f, struct error *err)
{
    return auth_do(db, "keep a grant",
                   "INSERT INTO family (id, client, account, scopes, spaces, resource,"
                   " created_ms, used_ms, expires_ms, revoked_ms)"
                   " VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?6, ?7, ?7, ?8, 0)",
                   VALUES(TEXT(f->id), TEXT(f->client), TEXT(f->account), TEXT(f->scopes),
                          TEXT(f->spaces), TEXT(f->resource), INT(f->created_ms),
                          INT(f->expires_ms)),
                   err) &&
           auth_do(db, "note a use", "UPDATE client SET used_ms = ?2 WHERE id = ?1",
                   VALUES(TEXT(f->client), INT(f->created_ms)), err);
}

/* *out: whether it was unused. */
static bool use_code(struct db *db, struct str hash, int64_t now_ms, bool *out,
                     struct error *err)
{
    if (!auth_do(db, "use a code",
                 "UPDATE code SET used_ms = ?2 WHERE hash = ?1 AND used_ms = 0",
                 VALUES(TEXT(hash), INT(now_ms)), err))
        return false;
    *out = sqlite3_changes(db->os) > 0;
    return true;
}

bool auth_store_issue(struct auth_store *s, const struct auth_store_issue *i, bool *out_ok,
                      struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};
    bool is_unused = true;

    if (!auth_change_begin(s, &c, err) ||
        (i->code_hash.len && !use_code(c.db, i->code_hash, i->now_ms, &is_unused, err)))
        return false;
    if (!(is_unused ? add_family(c.db, &i->family, err) && add_access(c.db, &i->access, err) &&
                          add_refresh(c.db, &i->refresh, err)
                    : revoke_family(c.db, i->family.id, i->now_ms, err)) ||
        !auth_change_commit(&c, err))
        return false;
    *out_ok = is_unused;
    return true;
}

bool auth_store_refresh(struct auth_store *s, struct arena *a, struct str hash,
                        struct stored_refresh **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db,
                  "SELECT hash, family, parent, expires_ms, rotated_ms FROM refresh_token"
                  " WHERE hash = ?1",
                  VALUES(TEXT(hash)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a refresh token", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_refresh, 1);
        **out = (struct stored_refresh){
            db_column_str(a, q.os, 0), db_column_str(a, q.os, 1), db_column_str(a, q.os, 2),
            sqlite3_column_int64(q.os, 3), sqlite3_column_int64(q.os, 4)};
    }
    return true;
}

/* Marks a family as used. *out: whether it is live. */
static bool use_family(struct db *db, struct str id, int64_t now_ms, bool *out,
                       struct error *err)
{
    if (!auth_do(db, "use a grant",
                 "UPDATE family SET used_ms = ?2"
                 " WHERE id = ?1 AND revoked_ms = 0 AND expires_ms > ?2",
                 VALUES(TEXT(id), INT(now_ms)), err))
        return false;
    *out = sqlite3_changes(db->os) > 0;
    return true;
}

/* Somebody may have been faster: then the successor is there. */
static bool rotate(struct db *db, const struct auth_store_rotation *r, struct error *err)
{
    if (r->from.len == 0)
        return true;
    if (!auth_do(db, "rotate a token",
                 "UPDATE refresh_token SET rotated_ms = ?2 WHERE hash = ?1 AND rotated_ms = 0",
                 VALUES(TEXT(r->from), INT(r->now_ms)), err))
        return false;
    return sqlite3_changes(db->os) == 0 || add_refresh(db, &r->to, err);
}

bool auth_store_rotate(struct auth_store *s, const struct auth_store_rotation *r, bool *out_ok,
                       struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};
    bool is_live;

    if (!auth_change_begin(s, &c, err) ||
        !use_family(c.db, r->access.family, r->now_ms, &is_live, err))
        return false;
    if (is_live && (!auth_do(c.db, "note a use",
                             "UPDATE client SET used_ms = ?2"
                             " WHERE id = (SELECT client FROM family WHERE id = ?1)",
                             VALUES(TEXT(r->access.family), INT(r->now_ms)), err) ||
                    !rotate(c.db, r, err) || !add_access(c.db, &r->access, err) ||
                    !auth_change_commit(&c, err)))
        return false;
    *out_ok = is_live;
    return true;
}

bool auth_store_standing(struct auth_store *s, struct arena *a, struct str jti,
                         struct stored_standing **out, struct error *err)
{
    MUTEX_SCOPE(&s->check_lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->checker,
                  "SELECT t.jti, t.family, t.expires_ms, t.revoked_ms," FAMILY_COLUMNS
                  "," ACCOUNT_COLUMNS "FROM access_token t JOIN family f ON f.id = t.family"
                  " LEFT JOIN account p ON p.name = f.account WHERE t.jti = ?1",
                  VALUES(TEXT(jti)), &q, err) ||
        !db_step(s->checker, q.os, &has_row, "read a token", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_standing, 1);
        (*out)->access = (struct stored_access){
            db_column_str(a, q.os, 0), db_column_str(a, q.os, 1), sqlite3_column_int64(q.os, 2),
            sqlite3_column_int64(q.os, 3)};
        (*out)->family = read_family(a, q.os, 4);
        (*out)->account = auth_read_account(a, q.os, 4 + N_FAMILY_COLUMNS);
    }
    return true;
}

bool auth_store_access_revoke(struct auth_store *s, struct str jti, int64_t now_ms,
                              struct error *err)
{
    return auth_do_alone(
        s, "revoke a token",
        "UPDATE access_token SET revoked_ms = ?2 WHERE jti = ?1 AND revoked_ms = 0",
        VALUES(TEXT(jti), INT(now_ms)), err);
}

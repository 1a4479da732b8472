/*
 * auth_identities.c - who an account is to a provider of log-ins, and browsers that are there just now.
 *
 * An identity comes by a one-time link and no other way: who has the link, and who the provider says that is, become
 * one account in one transaction.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

/* -- identities -------------------------------------------------------------------------------- */

bool auth_store_identity(struct auth_store *s, struct arena *a, struct str issuer,
                         struct str subject, struct stored_account **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db,
                  "SELECT" ACCOUNT_COLUMNS
                  "FROM identity i JOIN account p ON p.name = i.account"
                  " WHERE i.issuer = ?1 AND i.subject = ?2",
                  VALUES(TEXT(issuer), TEXT(subject)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read an identity", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_account, 1);
        **out = auth_read_account(a, q.os, 0);
    }
    return true;
}

/* Once more of the same account is no conflict. */
static bool keep_identity(struct db *db, const struct stored_identity *i, struct str account,
                          struct error *err)
{
    if (!auth_do(db, "keep an identity",
                 "INSERT INTO identity (issuer, subject, account, created_ms)"
                 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET created_ms = created_ms"
                 " WHERE account = excluded.account",
                 VALUES(TEXT(i->issuer), TEXT(i->subject), TEXT(account), INT(i->created_ms)),
                 err))
        return false;
    return sqlite3_changes(db->os) > 0 ||
           error_set(err, ERROR_CONFLICT, "this log-in belongs to another account here");
}

bool auth_store_link_use_identity(struct auth_store *s, struct str hash,
                                  const struct stored_identity *i, struct error *err)
{
    AUTO_ARENA a = {0};
    AUTO_AUTH_CHANGE c = {0};
    struct stored_link *l;

    if (!auth_change_begin(s, &c, err) ||
        !auth_find_link(c.db, &a, hash, i->created_ms, &l, err))
        return false;
    if (!l)
        return error_set(err, ERROR_NOT_FOUND, "the link was used before, or is too old");
    return auth_use_link(c.db, l, i->account, STR(""), i->created_ms, err) &&
           keep_identity(c.db, i, l->kind == 0 ? i->account : l->account, err) &&
           auth_change_commit(&c, err);
}

/* -- visits ------------------------------------------------------------------------------------ */

bool auth_store_visit_put(struct auth_store *s, const struct stored_visit *v, int64_t now_ms,
                          int64_t max, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) &&
           auth_do(c.db, "forget visits",
                   "DELETE FROM visit WHERE expires_ms <= ?1 OR hash IN"
                   " (SELECT hash FROM visit ORDER BY expires_ms DESC LIMIT -1 OFFSET ?2)",
                   VALUES(INT(now_ms), INT(max - 1)), err) &&
           auth_do(c.db, "keep a visit", "INSERT INTO visit VALUES (?1, ?2, ?3, ?4, ?5)",
                   VALUES(TEXT(v->hash), TEXT(v->query), TEXT(v->link), TEXT(v->name),
                          INT(v->expires_ms)),
                   err) &&
           auth_change_commit(&c, err);
}

static bool read_visit(struct db *db, struct arena *a, struct str hash, int64_t now_ms,
                       struct stored_visit **out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(db,
                  "SELECT query, link, name, expires_ms FROM visit"
                  " WHERE hash = ?1 AND expires_ms > ?2",
                  VALUES(TEXT(hash), INT(now_ms)), &q, err) ||
        !db_step(db, q.os, &has_row, "read a visit", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_visit, 1);
        **out =
            (struct stored_visit){hash, db_column_str(a, q.os, 0), db_column_str(a, q.os, 1),
                                  db_column_str(a, q.os, 2), sqlite3_column_int64(q.os, 3)};
    }
    return true;
}

bool auth_store_visit_take(struct auth_store *s, struct arena *a, struct str hash,
                           int64_t now_ms, struct stored_visit **out, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) && read_visit(c.db, a, hash, now_ms, out, err) &&
           auth_do(c.db, "end a visit", "DELETE FROM visit WHERE hash = ?1", VALUES(TEXT(hash)),
                   err) &&
           auth_change_commit(&c, err);
}

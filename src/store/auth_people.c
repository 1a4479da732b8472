/*
 * auth_people.c - accounts, one-time links, log-in sessions, and failed log-ins.
 *
 * There is always an owner who can log in, once there has been one: a change that would leave none is
 * refused inside its own transaction.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

#define ROLE_OWNER 2

/* -- accounts ---------------------------------------------------------------------------------- */

bool auth_store_account(struct auth_store *s, struct arena *a, struct str name,
                        struct stored_account **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db, "SELECT" ACCOUNT_COLUMNS "FROM account p WHERE name = ?1",
                  VALUES(TEXT(name)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read an account", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_account, 1);
        **out = auth_read_account(a, q.os, 0);
    }
    return true;
}

bool auth_store_accounts(struct auth_store *s, struct arena *a,
                         const struct stored_account **out, size_t *out_n, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_account) list = {0};
    bool has_row = true;

    if (!db_prepare(s->db, "SELECT" ACCOUNT_COLUMNS "FROM account p ORDER BY created_ms, name",
                    &q, err))
        return false;
    while (db_step(s->db, q.os, &has_row, "list accounts", err) && has_row)
        VEC_PUSH(&list, auth_read_account(a, q.os, 0));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

/* Of the change just made: an account was there, and an owner still is. */
static bool check_change(struct db *db, struct str name, bool was_found, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!was_found)
        return error_set(err, ERROR_NOT_FOUND, "no account '" STR_FMT "'", STR_ARG(name));
    if (!auth_ask(db, "SELECT 1 FROM account WHERE role = ?1 AND NOT is_disabled",
                  VALUES(INT(ROLE_OWNER)), &q, err) ||
        !db_step(db, q.os, &has_row, "look for an owner", err))
        return false;
    return has_row ||
           error_set(err, ERROR_CONFLICT,
                     "nobody would be owner any more; make somebody else owner first");
}

bool auth_store_account_set(struct auth_store *s, const struct stored_account *x,
                            struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) &&
           auth_do(c.db, "end sessions", "DELETE FROM session WHERE account = ?1 AND ?2",
                   VALUES(TEXT(x->name), INT(x->is_disabled)), err) &&
           auth_do(
               c.db, "change an account",
               "UPDATE account SET role = ?2, spaces = ?3, is_disabled = ?4 WHERE name = ?1",
               VALUES(TEXT(x->name), INT(x->role), TEXT(x->spaces), INT(x->is_disabled)),
               err) &&
           check_change(c.db, x->name, sqlite3_changes(c.db->os) > 0, err) &&
           auth_change_commit(&c, err);
}

bool auth_store_account_delete(struct auth_store *s, struct str name, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) &&
           auth_do(c.db, "delete an account", "DELETE FROM account WHERE name = ?1",
                   VALUES(TEXT(name)), err) &&
           check_change(c.db, name, sqlite3_changes(c.db->os) > 0, err) &&
           auth_change_commit(&c, err);
}

static bool set_password(struct db *db, struct str name, struct str hash, struct error *err)
{
    if (!auth_do(db, "set a password", "UPDATE account SET password_hash = ?2 WHERE name = ?1",
                 VALUES(TEXT(name), TEXT(hash)), err))
        return false;
    if (sqlite3_changes(db->os) == 0)
        return error_set(err, ERROR_NOT_FOUND, "no account '" STR_FMT "'", STR_ARG(name));
    return auth_do(db, "end sessions", "DELETE FROM session WHERE account = ?1",
                   VALUES(TEXT(name)), err) &&
           auth_do(db, "take links back", "DELETE FROM link WHERE account = ?1",
                   VALUES(TEXT(name)), err) &&
           auth_do(db, "forget consents", "DELETE FROM consent WHERE account = ?1",
                   VALUES(TEXT(name)), err);
}

bool auth_store_password_set(struct auth_store *s, struct str name, struct str password_hash,
                             struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) && set_password(c.db, name, password_hash, err) &&
           auth_change_commit(&c, err);
}

bool auth_store_account_used(struct auth_store *s, struct str name, int64_t now_ms,
                             struct error *err)
{
    return auth_do_alone(s, "note a log-in", "UPDATE account SET used_ms = ?2 WHERE name = ?1",
                         VALUES(TEXT(name), INT(now_ms)), err);
}

/* -- links ------------------------------------------------------------------------------------- */

bool auth_store_link_put(struct auth_store *s, const struct stored_link *l, struct error *err)
{
    return auth_do_alone(
        s, "keep a link",
        "INSERT INTO link (hash, kind, role, spaces, account, made_by, created_ms, expires_ms)"
        " VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), ?6, ?7, ?8)",
        VALUES(TEXT(l->hash), INT(l->kind), INT(l->role), TEXT(l->spaces), TEXT(l->account),
               TEXT(l->made_by), INT(l->created_ms), INT(l->expires_ms)),
        err);
}

bool auth_find_link(struct db *db, struct arena *a, struct str hash, int64_t now_ms,
                    struct stored_link **out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(db,
                  "SELECT hash, spaces, coalesce(account, ''), made_by, kind, role, created_ms,"
                  " expires_ms FROM link WHERE hash = ?1 AND expires_ms > ?2",
                  VALUES(TEXT(hash), INT(now_ms)), &q, err) ||
        !db_step(db, q.os, &has_row, "read a link", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_link, 1);
        **out =
            (struct stored_link){db_column_str(a, q.os, 0),     db_column_str(a, q.os, 1),
                                 db_column_str(a, q.os, 2),     db_column_str(a, q.os, 3),
                                 sqlite3_column_int(q.os, 4),   sqlite3_column_int(q.os, 5),
                                 sqlite3_column_int64(q.os, 6), sqlite3_column_int64(q.os, 7)};
    }
    return true;
}

bool auth_store_link(struct auth_store *s, struct arena *a, struct str hash, int64_t now_ms,
                     struct stored_link **out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    return auth_find_link(s->db, a, hash, now_ms, out, err);
}

static bool make_account(struct db *db, const struct stored_link *l, struct str name,
                         struct str password_hash, int64_t now_ms, struct error *err)
{
    if (!auth_do(
            db, "make an account",
            "INSERT INTO account"
            " (name, password_hash, role, spaces, is_disabled, created_ms, used_ms)"
            " VALUES (?1, ?2, ?3, ?4, 0, ?5, 0) ON CONFLICT DO NOTHING",
            VALUES(TEXT(name), TEXT(password_hash), INT(l->role), TEXT(l->spaces), INT(now_ms)),
            err))
        return false;
    return sqlite3_changes(db->os) > 0 ||
           error_set(err, ERROR_CONFLICT, "the name '" STR_FMT "' is taken", STR_ARG(name));
}

bool auth_use_link(struct db *db, const struct stored_link *l, struct str name,
                   struct str password_hash, int64_t now_ms, struct error *err)
{
    return (l->kind == 0 ? make_account(db, l, name, password_hash, now_ms, err)
                         : set_password(db, l->account, password_hash, err)) &&
           auth_do(db, "use a link up", "DELETE FROM link WHERE hash = ?1",
                   VALUES(TEXT(l->hash)), err);
}

bool auth_store_link_use(struct auth_store *s, struct str hash, struct str name,
                         struct str password_hash, int64_t now_ms, struct error *err)
{
    AUTO_ARENA a = {0};
    AUTO_AUTH_CHANGE c = {0};
    struct stored_link *l;

    if (!auth_change_begin(s, &c, err) || !auth_find_link(c.db, &a, hash, now_ms, &l, err))
        return false;
    if (!l)
        return error_set(err, ERROR_NOT_FOUND, "the link was used before, or is too old");
    return auth_use_link(c.db, l, name, password_hash, now_ms, err) &&
           auth_change_commit(&c, err);
}

/* -- sessions ---------------------------------------------------------------------------------- */

bool auth_store_session_put(struct auth_store *s, const struct stored_session *x,
                            struct error *err)
{
    return auth_do_alone(
        s, "keep a session", "INSERT INTO session VALUES (?1, ?2, ?3, ?4)",
        VALUES(TEXT(x->hash), TEXT(x->account), INT(x->created_ms), INT(x->expires_ms)), err);
}

bool auth_store_session(struct auth_store *s, struct arena *a, struct str hash, int64_t now_ms,
                        struct stored_session **out, struct stored_account **out_account,
                        struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(s->db,
                  "SELECT s.hash, s.account, s.created_ms, s.expires_ms," ACCOUNT_COLUMNS
                  "FROM session s JOIN account p ON p.name = s.account"
                  " WHERE s.hash = ?1 AND s.expires_ms > ?2 AND NOT p.is_disabled",
                  VALUES(TEXT(hash), INT(now_ms)), &q, err) ||
        !db_step(s->db, q.os, &has_row, "read a session", err))
        return false;
    *out = NULL;
    if (has_row) {
        *out = ARENA_NEW(a, struct stored_session, 1);
        **out = (struct stored_session){db_column_str(a, q.os, 0), db_column_str(a, q.os, 1),
                                        sqlite3_column_int64(q.os, 2),
                                        sqlite3_column_int64(q.os, 3)};
        *out_account = ARENA_NEW(a, struct stored_account, 1);
        **out_account = auth_read_account(a, q.os, 4);
    }
    return true;
}

bool auth_store_session_delete(struct auth_store *s, struct str hash, struct error *err)
{
    return auth_do_alone(s, "end a session", "DELETE FROM session WHERE hash = ?1",
                         VALUES(TEXT(hash)), err);
}

/* -- failures ---------------------------------------------------------------------------------- */

static bool read_attempts(struct db *db, int64_t since_ms, struct stored_attempt *x,
                          struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_ask(db, "SELECT n, last_ms FROM attempt WHERE what = ?1 AND last_ms > ?2",
                  VALUES(TEXT(x->what), INT(since_ms)), &q, err) ||
        !db_step(db, q.os, &has_row, "count failures", err))
        return false;
    x->n = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    x->last_ms = has_row ? sqlite3_column_int64(q.os, 1) : 0;
    return true;
}

bool auth_store_attempts(struct auth_store *s, int64_t since_ms, struct stored_attempt *x,
                         struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    return read_attempts(s->db, since_ms, x, err);
}

static bool add_attempt(struct db *db, struct str what, int64_t now_ms, int64_t since_ms,
                        struct error *err)
{
    return auth_do(db, "note a failure",
                   "INSERT INTO attempt (what, n, last_ms) VALUES (?1, 1, ?2)"
                   " ON CONFLICT (what) DO UPDATE"
                   " SET n = iif(last_ms > ?3, n + 1, 1), last_ms = ?2",
                   VALUES(TEXT(what), INT(now_ms), INT(since_ms)), err);
}

bool auth_store_attempts_add(struct auth_store *s, const struct stored_attempt *seen, size_t n,
                             int64_t now_ms, int64_t since_ms, bool *out_ok, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    if (!auth_change_begin(s, &c, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct stored_attempt now = {.what = seen[i].what};

        if (!read_attempts(c.db, since_ms, &now, err))
            return false;
        if (now.n != seen[i].n || now.last_ms != seen[i].last_ms) {
            *out_ok = false;
            return true;
        }
        if (!add_attempt(c.db, seen[i].what, now_ms, since_ms, err))
            return false;
    }
    *out_ok = true;
    return auth_change_commit(&c, err);
}

bool auth_store_attempts_clear(struct auth_store *s, struct str what,
                               const struct stored_attempt *counted, struct error *err)
{
    AUTO_AUTH_CHANGE c = {0};

    return auth_change_begin(s, &c, err) &&
           auth_do(c.db, "forget failures", "DELETE FROM attempt WHERE what = ?1",
                   VALUES(TEXT(what)), err) &&
           auth_do(c.db, "forget a failure",
                   "UPDATE attempt SET n = n - 1, last_ms = iif(n = ?2 + 1, ?3, last_ms)"
                   " WHERE what = ?1 AND n > 0",
                   VALUES(TEXT(counted->what), INT(counted->n), INT(counted->last_ms)), err) &&
           auth_change_commit(&c, err);
}

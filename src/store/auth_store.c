/*
 * auth_store.c - opening, transactions, and what is asked at each request.
 *
 * Changes are rare and small, so one connection does them one after the other. Checks of requests have
 * a connection of their own: they never wait for a commit, and they notice every change, also of this
 * process, by SQLite's data_version, which costs no statement on a table.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store_int.h"

#include "base/alloc.h"

/* -- statements -------------------------------------------------------------------------------- */

bool auth_ask(struct db *db, const char *sql, struct values v, struct stmt *out,
              struct error *err)
{
    if (!db_prepare(db, sql, out, err))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.ptr[i].is_text)
            db_bind_str(out->os, (int)i + 1, v.ptr[i].text);
        else
            sqlite3_bind_int64(out->os, (int)i + 1, v.ptr[i].number);
    }
    return true;
}

bool auth_do(struct db *db, const char *what, const char *sql, struct values v,
             struct error *err)
{
    AUTO_STMT q = {0};

    return auth_ask(db, sql, v, &q, err) && db_run(db, q.os, what, err);
}

bool auth_do_alone(struct auth_store *s, const char *what, const char *sql, struct values v,
                   struct error *err)
{
    MUTEX_SCOPE(&s->lock);

    return db_is_in_place(s->db, err) && auth_do(s->db, what, sql, v, err);
}

struct stored_account auth_read_account(struct arena *a, sqlite3_stmt *q, int at)
{
    return (struct stored_account){.name = db_column_str(a, q, at),
                                   .password_hash = db_column_str(a, q, at + 1),
                                   .spaces = db_column_str(a, q, at + 2),
                                   .role = sqlite3_column_int(q, at + 3),
                                   .is_disabled = sqlite3_column_int(q, at + 4) != 0,
                                   .created_ms = sqlite3_column_int64(q, at + 5),
                                   .used_ms = sqlite3_column_int64(q, at + 6)};
}

void *auth_keep(struct arena *a, void *heap, size_t n, size_t size)
{
    void *kept = arena_alloc(a, n, size);

    if (n)
        memcpy(kept, heap, n * size);
    free(heap);
    return kept;
}

/* -- transactions ------------------------------------------------------------------------------ */

bool auth_change_begin(struct auth_store *s, struct auth_change *out, struct error *err)
{
    mutex_lock(&s->lock);
    if (!db_is_in_place(s->db, err) || !db_exec(s->db, "BEGIN IMMEDIATE", err)) {
        mutex_unlock(&s->lock);
        return false;
    }
    *out = (struct auth_change){s, s->db};
    return true;
}

bool auth_change_commit(struct auth_change *c, struct error *err)
{
    if (!db_exec(c->db, "COMMIT", err))
        return false;
    mutex_unlock(&c->store->lock);
    *c = (struct auth_change){0};
    return true;
}

void auth_change_end(struct auth_change *c)
{
    if (!c->store)
        return;
    if (!sqlite3_get_autocommit(c->db->os))
        sqlite3_exec(c->db->os, "ROLLBACK", NULL, NULL, NULL);
    mutex_unlock(&c->store->lock);
    *c = (struct auth_change){0};
}

/* -- opening ----------------------------------------------------------------------------------- */

static bool open_file(struct auth_store *s, struct error *err)
{
    const struct schema schema = {auth_migrations, auth_n_migrations, AUTH_STORE_APPLICATION_ID,
                                  "MCP_OAUTH_SQLITE_PATH"};

    if (!migrate_probe(s->path, &schema, err))
        return false;
    migrate_create(s->path);
    return db_connect(s->path, &s->db, err) && migrate(s->db, s->path, &schema, err) &&
           migrate_journal(s->db, s->path, err) && db_connect(s->path, &s->checker, err) &&
           db_exec(s->checker, "PRAGMA query_only = ON", err);
}

bool auth_store_open(const char *path, struct auth_store **out, struct error *err)
{
    struct auth_store *s = NEW(struct auth_store);

    s->path = mem_dup(str_c(path));
    s->version = -1;
    mutex_init(&s->lock);
    mutex_init(&s->check_lock);
    if (!open_file(s, err)) {
        auth_store_close(s);
        return false;
    }
    *out = s;
    return true;
}

void auth_store_close(struct auth_store *s)
{
    if (!s)
        return;
    db_close(s->checker);
    db_close(s->db); /* last: it checkpoints the log */
    mutex_deinit(&s->check_lock);
    mutex_deinit(&s->lock);
    free(s->path);
    free(s);
}

static bool ask_number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, sql, &q, err) ||
        !db_step(db, q.os, &has_row, "look at the OAuth database", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

bool auth_store_validity(struct auth_store *s, int64_t *out, struct error *err)
{
    int64_t version;
    MUTEX_SCOPE(&s->check_lock);

    if (!ask_number(s->checker, "PRAGMA data_version", &version, err))
        return false;
    if (version != s->version) {
        s->version = -1; /* until the number below is known */
        if (!ask_number(s->checker, "SELECT n FROM validity", &s->validity, err))
            return false;
        s->version = version;
    }
    *out = s->validity;
    return true;
}

bool auth_store_secret(struct auth_store *s, struct arena *a, struct str name, struct str fresh,
                       struct str *out, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    bool has_row;

    if (!auth_do(s->db, "keep a secret", "INSERT OR IGNORE INTO secret VALUES (?1, ?2)",
                 VALUES(TEXT(name), TEXT(fresh)), err) ||
        !auth_ask(s->db, "SELECT value FROM secret WHERE name = ?1", VALUES(TEXT(name)), &q,
                  err) ||
        !db_step(s->db, q.os, &has_row, "read a secret", err))
        return false;
    *out = db_column_str(a, q.os, 0);
    return true;
}

/* -- upkeep ------------------------------------------------------------------------------------ */

struct broom {
    const char *sql; /* ?1, and ?2 where it has one */
    struct value values[2];
    size_t n;
};

/* Each statement by itself, so that nobody waits for all of them. The audit is read from its old end up to the first row
 * that stays: it is by far the longest, and has no index by time. */
bool auth_store_tidy(struct auth_store *s, const struct auth_store_ages *x, struct error *err)
{
    const struct value now = INT(x->now_ms), unused = INT(x->now_ms - x->unused_ms);
    const struct broom brooms[] = {
        {"DELETE FROM link WHERE expires_ms <= ?1", {now}, 1},
        {"DELETE FROM session WHERE expires_ms <= ?1", {now}, 1},
        {"DELETE FROM visit WHERE expires_ms <= ?1", {now}, 1},
        {"DELETE FROM code WHERE expires_ms <= ?1", {INT(x->now_ms - x->code_ms)}, 1},
        {"DELETE FROM access_token WHERE expires_ms <= ?1", {now}, 1},
        {"DELETE FROM refresh_token WHERE expires_ms <= ?1", {now}, 1},
        {"DELETE FROM family WHERE expires_ms <= ?1"
         " OR (NOT EXISTS (SELECT 1 FROM access_token t WHERE t.family = family.id)"
         " AND NOT EXISTS (SELECT 1 FROM refresh_token t WHERE t.family = family.id))",
         {now},
         1},
        {"DELETE FROM attempt WHERE last_ms <= ?1", {unused}, 1},
        {"DELETE FROM client WHERE origin <> 'owner' AND"
         " CASE used_ms WHEN 0 THEN created_ms <= ?1 ELSE used_ms <= ?2 END",
         {unused, INT(x->now_ms - x->idle_ms)},
         2},
        {"DELETE FROM signing_key WHERE retired_ms > 0 AND until_ms <= ?1", {now}, 1},
        {"DELETE FROM audit WHERE seq <"
         " coalesce((SELECT seq FROM audit WHERE at_ms > ?1 ORDER BY seq LIMIT 1),"
         " (SELECT max(seq) + 1 FROM audit))",
         {INT(x->now_ms - x->audit_ms)},
         1},
    };

    for (size_t i = 0; i < COUNT(brooms); i++) {
        const struct values values = {brooms[i].values, brooms[i].n};

        if (!auth_do_alone(s, "remove what has expired", brooms[i].sql, values, err))
            return false;
    }
    return true;
}

bool auth_store_log(struct auth_store *s, const struct stored_event *e, struct error *err)
{
    return auth_do_alone(s, "write the audit",
                         "INSERT INTO audit (at_ms, event, subject, client, peer, detail)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                         VALUES(INT(e->at_ms), TEXT(e->event), TEXT(e->subject),
                                TEXT(e->client), TEXT(e->peer), TEXT(e->detail)),
                         err);
}

bool auth_store_audit(struct auth_store *s, struct arena *a, int64_t before_seq, size_t max,
                      const struct stored_event **out, size_t *out_n, struct error *err)
{
    MUTEX_SCOPE(&s->lock);
    AUTO_STMT q = {0};
    struct VEC(struct stored_event) list = {0};
    bool has_row = true;

    if (!auth_ask(s->db,
                  "SELECT seq, at_ms, event, subject, client, peer, detail FROM audit"
                  " WHERE ?1 = 0 OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
                  VALUES(INT(before_seq), INT((int64_t)max)), &q, err))
        return false;
    while (db_step(s->db, q.os, &has_row, "read the audit", err) && has_row)
        VEC_PUSH(&list, ((struct stored_event){
                            sqlite3_column_int64(q.os, 0), sqlite3_column_int64(q.os, 1),
                            db_column_str(a, q.os, 2), db_column_str(a, q.os, 3),
                            db_column_str(a, q.os, 4), db_column_str(a, q.os, 5),
                            db_column_str(a, q.os, 6)}));
    *out = auth_keep(a, list.ptr, list.len, sizeof(*list.ptr));
    *out_n = list.len;
    return !has_row;
}

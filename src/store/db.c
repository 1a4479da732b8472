/*
 * db.c - SQLite connections, statements, and its result codes as our errors.
 *
 * Every connection has the same settings: ours, then the user's pragmas, which config/ checked
 * against an allow-list. synchronous is FULL, so that a commit that returned is on disk;
 * secure_delete overwrites what is removed for good; a log that grew large is cut again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <string.h>

#include "base/alloc.h"
#include "text/text.h"

static bool is_reading_failed(int extended_code)
{
    return extended_code == SQLITE_IOERR_READ || extended_code == SQLITE_IOERR_SHORT_READ ||
           extended_code == SQLITE_IOERR_CORRUPTFS;
}

bool db_error(struct db *db, struct error *err, const char *what)
{
    int code = sqlite3_errcode(db->os) & 0xff;

    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* the locks of the write-ahead log, after long trying */
        return error_set(err, ERROR_UNAVAILABLE,
                         "%s: another process holds the database; try again", what);
    case SQLITE_FULL:
        return error_set(err, ERROR_UNAVAILABLE,
                         "%s: the disk is full; nothing was changed, make room and try again",
                         what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return error_set(
            err, ERROR_UNAVAILABLE,
            "%s: the database cannot be opened or changed; check that its folder exists, and "
            "that both may be written",
            what);
    case SQLITE_IOERR:
        if (is_reading_failed(sqlite3_extended_errcode(db->os)))
            return error_set(err, ERROR_UNAVAILABLE,
                             "%s: the database cannot be read (code %d); check that it is a "
                             "file, and the disk",
                             what, sqlite3_extended_errcode(db->os));
        return error_set(err, ERROR_UNAVAILABLE,
                         "%s: the disk failed or is full (code %d); nothing was changed", what,
                         sqlite3_extended_errcode(db->os));
    case SQLITE_CORRUPT: /* for a person to mend, so it is said to whoever asked */
    case SQLITE_NOTADB:
        return error_set(
            err, ERROR_UNAVAILABLE,
            "%s: the database is damaged; stop memoryd, keep a copy, and see 'Damaged "
            "database' in docs/storage.md",
            what);
    default:
        return error_set(err, ERROR_INTERNAL, "%s: database error %d (%s)", what,
                         sqlite3_extended_errcode(db->os), sqlite3_errmsg(db->os));
    }
}

bool db_exec(struct db *db, const char *sql, struct error *err)
{
    if (sqlite3_exec(db->os, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, err, "database");
    return true;
}

bool db_is_in_place(struct db *db, struct error *err)
{
    int is_moved = 0;

    if (sqlite3_file_control(db->os, NULL, SQLITE_FCNTL_HAS_MOVED, &is_moved) != SQLITE_OK ||
        !is_moved)
        return true;
    return error_set(err, ERROR_UNAVAILABLE,
                     "the database file was moved or deleted while memoryd had it open; put it "
                     "back, or restart memoryd");
}

/* -- statements -------------------------------------------------------------------------------- */

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_of(const char *sql)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *sql; sql++)
        hash = (hash ^ (unsigned char)*sql) * 0x100000001b3;
    return hash;
}

static struct kept_statement *find_kept(struct db *db, const char *sql, uint64_t hash)
{
    for (size_t i = 0; i < db->n_kept; i++) {
        struct kept_statement *k = &db->kept[i];

        if (k->hash == hash && !k->is_lent && strcmp(sqlite3_sql(k->os), sql) == 0)
            return k;
    }
    return NULL;
}

/* A place for one more: that of the one that was not used for longest, if need be. NULL: all are lent. */
static struct kept_statement *find_room(struct db *db)
{
    struct kept_statement *oldest = NULL;

    if (db->n_kept < DB_STATEMENTS_MAX)
        return &db->kept[db->n_kept++];
    for (size_t i = 0; i < db->n_kept; i++) {
        struct kept_statement *k = &db->kept[i];

        if (!k->is_lent && (!oldest || k->used_at < oldest->used_at))
            oldest = k;
    }
    if (oldest)
        sqlite3_finalize(oldest->os);
    return oldest;
}

bool db_prepare(struct db *db, const char *sql, struct stmt *out, struct error *err)
{
    uint64_t hash = hash_of(sql);
    struct kept_statement *k = find_kept(db, sql, hash);
    sqlite3_stmt *os = k ? k->os : NULL;

    if (!k) {
        if (sqlite3_prepare_v2(db->os, sql, -1, &os, NULL) != SQLITE_OK)
            return db_error(db, err, "prepare");
        k = find_room(db);
    }
    if (k)
        *k = (struct kept_statement){os, hash, ++db->n_uses, true};
    *out = (struct stmt){os, db};
    return true;
}

void stmt_give_back(struct stmt *q)
{
    for (size_t i = 0; q->db && i < q->db->n_kept; i++) {
        if (q->db->kept[i].os != q->os)
            continue;
        sqlite3_reset(q->os);
        sqlite3_clear_bindings(q->os);
        q->db->kept[i].is_lent = false;
        return;
    }
    sqlite3_finalize(q->os); /* there was no room to keep it */
}

void db_bind_str(sqlite3_stmt *q, int at, struct str s)
{
    sqlite3_bind_text64(q, at, s.len ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static struct str repair_utf8(struct arena *a, struct str s)
{
    AUTO_BUF b = {0};
    uint32_t c;

    while (text_next(&s, &c))
        text_add_char(&b, c);
    return arena_dup(a, buf_str(&b));
}

struct str db_column_str(struct arena *a, sqlite3_stmt *q, int at)
{
    const char *text = (const char *)sqlite3_column_text(q, at);
    struct str s = str_n(text, text ? (size_t)sqlite3_column_bytes(q, at) : 0);

    return text_is_utf8(s) ? arena_dup(a, s) : repair_utf8(a, s);
}

bool db_step(struct db *db, sqlite3_stmt *q, bool *out_row, const char *what, struct error *err)
{
    int rc = sqlite3_step(q);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_error(db, err, what);
    *out_row = rc == SQLITE_ROW;
    return true;
}

bool db_run(struct db *db, sqlite3_stmt *q, const char *what, struct error *err)
{
    bool has_row = true;

    while (has_row) {
        if (!db_step(db, q, &has_row, what, err))
            return false;
    }
    return true;
}

bool db_do(struct db *db, const char *sql, struct error *err)
{
    AUTO_STMT q = {0};

    return db_prepare(db, sql, &q, err) && db_run(db, q.os, "database", err);
}

static bool apply_pragmas(const struct store *s, struct db *db, struct error *err)
{
    for (size_t i = 0; i < s->n_pragmas; i++) {
        char sql[128];

        snprintf(sql, sizeof(sql), "PRAGMA " STR_FMT " = " STR_FMT, STR_ARG(s->pragmas[i].name),
                 STR_ARG(s->pragmas[i].value));
        if (!db_exec(db, sql, err))
            return error_wrap(err, "MCP_MEMORY_SQLITE_PRAGMAS: " STR_FMT,
                              STR_ARG(s->pragmas[i].name));
    }
    return true;
}

static bool set_up(struct db *db, struct error *err)
{
    sqlite3_busy_timeout(db->os, STORE_BUSY_TIMEOUT_MS);
    sqlite3_extended_result_codes(db->os, 1);
    return db_exec(db,
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                   "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
                   "PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 16777216",
                   err);
}

bool db_open_file(const char *file, const char *path, int flags, struct db **out,
                  struct error *err)
{
    AUTO_DB *db = NEW(struct db);

    if (sqlite3_open_v2(file, &db->os, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return db_error(db, err, path);
    *out = STEAL(db);
    return true;
}

bool db_connect(const char *path, struct db **out, struct error *err)
{
    AUTO_DB *db = NULL;

    /* Not to create: migrate_create() did; where the file is gone since, an empty one helps nobody. */
    if (!db_open_file(path, path, SQLITE_OPEN_READWRITE, &db, err))
        return false;
    if (!set_up(db, err))
        return error_wrap(err, "%s", path);
    *out = STEAL(db);
    return true;
}

bool db_open(const struct store *s, bool is_reader, struct db **out, struct error *err)
{
    AUTO_DB *db = NULL;

    if (!db_connect(s->path, &db, err))
        return false;
    if (!apply_pragmas(s, db, err) ||
        (is_reader &&
         (!db_exec(db, "PRAGMA query_only = ON", err) || !score_register(db, err))))
        return error_wrap(err, "%s", s->path);
    *out = STEAL(db);
    return true;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->n_kept; i++)
        sqlite3_finalize(db->kept[i].os);
    sqlite3_close(db->os);
    free(db);
}

/*
 * db.c - SQLite connections, statements, and its result codes as our errors.
 *
 * Every connection has the same settings: ours, then the user's pragmas, which config/ checked
 * against an allow-list. synchronous is FULL, so that a commit that returned is on disk;
 * secure_delete overwrites what is removed for good; a log that grew large is cut again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "text/text.h"

bool db_error(sqlite3 *db, struct error *err, const char *what)
{
    int code = sqlite3_errcode(db) & 0xff;

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
            "%s: the database cannot be opened for writing; check that its folder exists, and "
            "the rights of both",
            what);
    case SQLITE_IOERR:
        return error_set(err, ERROR_UNAVAILABLE,
                         "%s: the disk failed or is full (code %d); nothing was changed", what,
                         sqlite3_extended_errcode(db));
    case SQLITE_CORRUPT: /* for a person to mend, so it is said to whoever asked */
    case SQLITE_NOTADB:
        return error_set(
            err, ERROR_UNAVAILABLE,
            "%s: the database is damaged; stop memoryd, keep a copy, and see 'Damaged "
            "database' in docs/storage.md",
            what);
    default:
        return error_set(err, ERROR_INTERNAL, "%s: database error %d (%s)", what,
                         sqlite3_extended_errcode(db), sqlite3_errmsg(db));
    }
}

bool db_exec(sqlite3 *db, const char *sql, struct error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, err, "database");
    return true;
}

bool db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct error *err)
{
    if (sqlite3_prepare_v2(db, sql, -1, out, NULL) != SQLITE_OK)
        return db_error(db, err, "prepare");
    return true;
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

bool db_step(sqlite3 *db, sqlite3_stmt *q, bool *out_row, const char *what, struct error *err)
{
    int rc = sqlite3_step(q);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_error(db, err, what);
    *out_row = rc == SQLITE_ROW;
    return true;
}

bool db_run(sqlite3 *db, sqlite3_stmt *q, const char *what, struct error *err)
{
    bool has_row = true;

    while (has_row) {
        if (!db_step(db, q, &has_row, what, err))
            return false;
    }
    return true;
}

static bool apply_pragmas(const struct store *s, sqlite3 *db, struct error *err)
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

static bool set_up(const struct store *s, bool is_reader, sqlite3 *db, struct error *err)
{
    sqlite3_busy_timeout(db, STORE_BUSY_TIMEOUT_MS);
    sqlite3_extended_result_codes(db, 1);
    return db_exec(db,
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                   "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
                   "PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 16777216",
                   err) &&
           apply_pragmas(s, db, err) &&
           (!is_reader ||
            (db_exec(db, "PRAGMA query_only = ON", err) && score_register(db, err)));
}

bool db_open(const struct store *s, bool is_reader, sqlite3 **out, struct error *err)
{
    AUTO_DB *db = NULL;
    /* Not to create: migrate_create() did; where the file is gone since, an empty one helps nobody. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(s->path, &db, flags, NULL) != SQLITE_OK)
        return db_error(db, err, s->path);
    if (!set_up(s, is_reader, db, err))
        return error_wrap(err, "%s", s->path);
    *out = STEAL(db);
    return true;
}

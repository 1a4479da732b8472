/*
 * migrate.c - whose file it is, and bringing its schema up to date.
 *
 * A file that is not ours is never written to, not even a header: it is looked at through a read-only
 * connection first. Migrations run in one exclusive transaction, so that of several processes
 * that start at once, one migrates and the others find it done.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdio.h>

#include "sys/sys.h"

static bool read_int(sqlite3 *db, const char *sql, int64_t *out, struct error *err)
{
    AUTO_STMT *q = NULL;
    bool has_row;

    if (!db_prepare(db, sql, &q, err) || !db_step(db, q, &has_row, "look at the database", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q, 0) : 0;
    return true;
}

static bool refuse_foreign(sqlite3 *db, const char *path, struct error *err)
{
    int64_t id, n_tables, n_reference;

    if (!read_int(db, "PRAGMA application_id", &id, err) ||
        !read_int(db, "SELECT count(*) FROM sqlite_master", &n_tables, err) ||
        !read_int(db,
                  "SELECT count(*) FROM sqlite_master"
                  " WHERE name IN ('memories', 'memory_embeddings')",
                  &n_reference, err))
        return error_wrap(err, "%s", path);
    if (id == STORE_APPLICATION_ID || (id == 0 && n_tables == 0))
        return true;
    if (n_reference == 2)
        return error_set(err, ERROR_CONFLICT,
                         "%s is a database of MCP Memory Service; it is left as it is, let "
                         "MCP_MEMORY_SQLITE_PATH name another file",
                         path);
    return error_set(
        err, ERROR_CONFLICT,
        "%s is a database of another program; let MCP_MEMORY_SQLITE_PATH name another "
        "file",
        path);
}

bool migrate_probe(const char *path, struct error *err)
{
    sqlite3 *db = NULL;
    int64_t size = 0;
    bool is_ok;

    if (!sys_file_size(path, &size) || size == 0)
        return true; /* a new one */
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        db_error(db, err, path);
        sqlite3_close(db);
        return false;
    }
    sqlite3_busy_timeout(db, STORE_BUSY_TIMEOUT_MS);
    is_ok = refuse_foreign(db, path, err);
    sqlite3_close(db);
    return is_ok;
}

static bool set_version(sqlite3 *db, int version, struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
    return db_exec(db, sql, err);
}

static bool run_migrations(sqlite3 *db, const char *path, struct error *err)
{
    int64_t version;

    if (!read_int(db, "PRAGMA user_version", &version, err))
        return false;
    if (version > store_n_migrations)
        return error_set(err, ERROR_CONFLICT,
                         "%s was written by a newer memoryd (schema %lld, this one knows %d); "
                         "install that version",
                         path, (long long)version, store_n_migrations);
    for (int i = (int)version; i < store_n_migrations; i++) {
        if (!db_exec(db, store_migrations[i], err) || !set_version(db, i + 1, err))
            return error_wrap(err, "schema %d", i + 1);
    }
    return true;
}

bool migrate(sqlite3 *db, const char *path, struct error *err)
{
    char sql[64];
    int64_t version;

    if (!read_int(db, "PRAGMA user_version", &version, err))
        return false;
    if (version == store_n_migrations)
        return true;
    /* The mark goes into the file itself before the WAL exists, so that a look at the file tells. */
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    if (!db_exec(db, "BEGIN EXCLUSIVE", err))
        return false;
    if (!db_exec(db, sql, err) || !run_migrations(db, path, err) ||
        !db_exec(db, "COMMIT", err)) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    return db_exec(db, "PRAGMA journal_mode = WAL", err);
}

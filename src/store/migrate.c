/*
 * migrate.c - whose file it is, and bringing its schema up to date.
 *
 * A file that is not ours is not written to, and no file appears beside it. Our own is known by the
 * mark in its header, which is there before anything else: the first transaction sets it, and only then
 * is there a write-ahead log. Reading the header takes no lock, so that a start neither waits for
 * other processes nor trips over a migration that one of them is just writing. A file without any mark
 * is looked into through a connection that takes it for immutable, unless it has a log to look into.
 *
 * Migrations run in one exclusive transaction, so that of several processes that start at once
 * one migrates and the others find it done.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "sys/sys.h"

static bool read_int(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, sql, &q, err) ||
        !db_step(db, q.os, &has_row, "look at the database", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

/* -- whose file it is ------------------------------------------------------------------------- */

#define HEADER_BYTES    100 /* of every SQLite file: sqlite.org/fileformat2.html, 1.3 */
#define HEADER_ID_AT    68  /* the application id, four bytes, big-endian */
#define HEADER_MAGIC    "SQLite format 3"
#define REFERENCE_NAMES "('memories', 'memory_embeddings')"

/* A path as an SQLite URI: what has a meaning in URIs is escaped. */
static struct str uri_of(struct arena *a, const char *path, bool is_immutable)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, *path == '/' ? "file://" : "file:");
    for (const char *c = path; *c; c++) {
        if (strchr("?#%", *c))
            buf_printf(&b, "%%%02x", (unsigned)(unsigned char)*c);
        else
            buf_add_char(&b, *c);
    }
    if (is_immutable)
        buf_add_c(&b, "?immutable=1");
    return arena_dup(a, buf_str(&b));
}

static bool open_to_look(const char *path, bool is_immutable, struct db **out,
                         struct error *err)
{
    AUTO_ARENA a = {0};

    if (!db_open_file(uri_of(&a, path, is_immutable).ptr, path,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, out, err))
        return false;
    sqlite3_busy_timeout((*out)->os, STORE_BUSY_TIMEOUT_MS);
    return true;
}

/* Through SQLite's own descriptor: to close another one would drop this process's locks. */
static bool read_header(const char *path, unsigned char out[HEADER_BYTES], struct error *err)
{
    AUTO_DB *db = NULL;
    sqlite3_file *file = NULL;

    memset(out, 0, HEADER_BYTES);
    if (!open_to_look(path, true, &db, err))
        return false;
    if (sqlite3_file_control(db->os, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
        file)
        (void)file->pMethods->xRead(file, out, HEADER_BYTES, 0); /* a short file leaves zeros */
    return true;
}

static bool has_wal(const char *path)
{
    AUTO_ARENA a = {0};
    int64_t size;

    return sys_file_size(arena_printf(&a, "%s-wal", path).ptr, &size) && size > 0;
}

bool migrate_open_to_look(const char *path, struct db **out, struct error *err)
{
    return open_to_look(path, !has_wal(path), out, err);
}

static bool refuse(const char *path, const struct schema *schema, const char *what,
                   struct error *err)
{
    return error_set(err, ERROR_CONFLICT,
                     "%s is %s; it was not changed, let %s name another file", path, what,
                     schema->setting);
}

/* A file with no mark: ours only if there is nothing in it, or if the mark is still in its log. */
static bool probe_unmarked(const char *path, const struct schema *schema, struct error *err)
{
    AUTO_DB *db = NULL;
    int64_t id, n_tables, n_reference;

    if (!migrate_open_to_look(path, &db, err) ||
        !read_int(db, "PRAGMA application_id", &id, err) ||
        !read_int(db, "SELECT count(*) FROM sqlite_master", &n_tables, err) ||
        !read_int(db, "SELECT count(*) FROM sqlite_master WHERE name IN " REFERENCE_NAMES,
                  &n_reference, err))
        return error_wrap(err, "%s", path);
    if (id == schema->application_id || n_tables == 0)
        return true;
    return refuse(path, schema,
                  n_reference == 2 ? "a database of MCP Memory Service"
                                   : "a database of another program",
                  err);
}

/* A log without its file: who moved that has a process that still writes the log. An empty file in its place would
 * make SQLite begin the log anew, and what is in it would be lost. */
static bool check_no_orphan(const char *path, struct error *err)
{
    static const char *const tails[] = {"-wal", "-shm"};
    AUTO_ARENA a = {0};
    int64_t size;

    for (size_t i = 0; i < COUNT(tails); i++) {
        const char *orphan = arena_printf(&a, "%s%s", path, tails[i]).ptr;

        if (sys_file_size(orphan, &size) &&
            !sys_file_size(path, &size)) /* not made meanwhile */
            return error_set(
                err, ERROR_CONFLICT,
                "%s is gone, but %s is there: a memoryd may have it open still; put "
                "the file back, or stop memoryd and move that one away too",
                path, orphan);
    }
    return true;
}

bool migrate_probe(const char *path, const struct schema *schema, struct error *err)
{
    unsigned char header[HEADER_BYTES];
    const unsigned char *id = header + HEADER_ID_AT;
    int64_t size = 0;
    uint32_t mark;

    if (!sys_file_size(path, &size))
        return check_no_orphan(path, err); /* a new one */
    if (size == 0)
        return true;
    if (!read_header(path, header, err))
        return false;
    if (memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
        return refuse(path, schema, "no database, or a damaged one (see docs/storage.md)", err);
    mark = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    if (mark == (uint32_t)schema->application_id)
        return true;
    return mark == 0 ? probe_unmarked(path, schema, err)
                     : refuse(path, schema, "a database of another program", err);
}

/* Memories are for their owner's eyes; SQLite gives the files beside it the same mode. Only a file
 * made here is opened: closing one that exists would drop the locks that SQLite has on it. */
void migrate_create(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0) /* else it exists, or SQLite will say why not */
        close(fd);
}

/* -- the schema ------------------------------------------------------------------------------- */

static bool set_version(struct db *db, int version, struct error *err)
{
    AUTO_STMT q = {0};
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
    if (!db_exec(db, sql, err) ||
        !db_prepare(db, "INSERT OR REPLACE INTO meta (name, value) VALUES ('written_by', ?1)",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, STR(MEMORYD_VERSION));
    return db_run(db, q.os, "write the schema's version", err);
}

/* Which memoryd changed the schema last; "a newer version" where a future one no longer says. */
static struct str written_by(struct arena *a, struct db *db)
{
    AUTO_STMT q = {0};
    bool has_row = false;

    if (db_prepare(db, "SELECT value FROM meta WHERE name = 'written_by'", &q, NULL) &&
        db_step(db, q.os, &has_row, "read the schema's version", NULL) && has_row)
        return db_column_str(a, q.os, 0);
    return STR("a newer version");
}

static bool read_version(struct db *db, const char *path, const struct schema *schema, int *out,
                         struct error *err)
{
    AUTO_ARENA a = {0};
    int64_t version;

    if (!read_int(db, "PRAGMA user_version", &version, err))
        return error_wrap(err, "%s", path);
    if (version < 0 || version > schema->n_migrations)
        return error_set(err, ERROR_CONFLICT,
                         "%s was written by memoryd " STR_FMT " (schema %lld, this memoryd "
                         "knows up to %d); it was not changed, install that version",
                         path, STR_ARG(written_by(&a, db)), (long long)version,
                         schema->n_migrations);
    *out = (int)version;
    return true;
}

static bool run_migrations(struct db *db, const char *path, const struct schema *schema,
                           struct error *err)
{
    char mark[64];
    int version; /* read again: another process may have been faster */

    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", schema->application_id);
    if (!read_version(db, path, schema, &version, err) || !db_exec(db, mark, err))
        return false;
    for (int i = version; i < schema->n_migrations; i++) {
        if (!db_exec(db, schema->migrations[i], err) || !set_version(db, i + 1, err))
            return error_wrap(err, "%s: schema %d", path, i + 1);
    }
    return true;
}

static bool bring_up_to_date(struct db *db, const char *path, const struct schema *schema,
                             struct error *err)
{
    if (!db_exec(db, "BEGIN EXCLUSIVE", err))
        return error_wrap(err, "%s", path);
    if (run_migrations(db, path, schema, err) && db_exec(db, "COMMIT", err))
        return true;
    sqlite3_exec(db->os, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool migrate(struct db *db, const char *path, const struct schema *schema, struct error *err)
{
    int version;

    return read_version(db, path, schema, &version, err) &&
           (version == schema->n_migrations || bring_up_to_date(db, path, schema, err));
}

bool migrate_journal(struct db *db, const char *path, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;
    const char *mode;

    if (!db_prepare(db, "PRAGMA journal_mode = WAL", &q, err) ||
        !db_step(db, q.os, &has_row, "switch to the write-ahead log", err))
        return error_wrap(err, "%s", path);
    mode = has_row ? (const char *)sqlite3_column_text(q.os, 0) : "";
    if (!str_eq_c(str_c(mode),
                  "wal")) /* a file system without shared memory, such as a network's */
        log_event(LOG_WARN, "store.journal",
                  "mode=%s text=\"no write-ahead log here: reads wait for writes\"", mode);
    return true;
}

/*
 * store_int.h - what the files of this folder share: connections, statements, filters.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "store/store.h"

#include <sqlite3.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/thread.h"
#include "index/index.h"

#define STORE_READERS_MAX     16 /* connections that read at once; more callers wait */
#define STORE_SPACES_MAX      64 /* (space, model) pairs whose vectors are in memory at once */
#define STORE_APPLICATION_ID  0x4d4d5264 /* "MMRd": marks a database file as ours */
#define STORE_BUSY_TIMEOUT_MS 15000

extern const char *const store_migrations[]; /* generated from sql/ */
extern const int store_n_migrations;

struct vectors; /* rank_vectors.c */

struct touch { /* accesses of one memory that are not on disk yet */
    int64_t row;
    int64_t at_ms;
    int64_t n;
};

#define STORE_TOUCHES_MAX    256   /* rows whose accesses wait; beyond, they are written */
#define STORE_TOUCH_DELAY_MS 30000 /* how long they may wait for a write to go along with */

struct store {
    char *path;
    struct store_pragma *pragmas; /* copies */
    size_t n_pragmas;

    struct mutex write_lock; /* guards writer: one transaction at a time in this process */
    sqlite3 *writer;

    struct mutex read_lock; /* guards idle, n_idle, n_readers */
    struct cond reader_back;
    sqlite3 *idle[STORE_READERS_MAX];
    size_t n_idle;
    size_t n_readers; /* open ones, idle or lent */

    struct mutex touch_lock; /* guards touches, n_touches, touched_since_ms */
    struct touch touches[STORE_TOUCHES_MAX];
    size_t n_touches;
    int64_t touched_since_ms;

    struct vectors *vectors;
};

/* -- db.c: connections and statements --------------------------------------------------------- */

/* For one thread at a time. A reader's connection refuses to write. */
NODISCARD bool db_open(const struct store *s, bool is_reader, sqlite3 **out,
                       struct error *err);
NODISCARD bool db_exec(sqlite3 *db, const char *sql, struct error *err);
NODISCARD bool db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct error *err);
/* Fills err from the connection's last failure; returns false. */
bool db_error(sqlite3 *db, struct error *err, const char *what);
void db_bind_str(sqlite3_stmt *q, int at, struct str s); /* s must live until the last step */
/* A copy, as UTF-8 even if the file was damaged: bytes that are not become U+FFFD. */
struct str db_column_str(struct arena *a, sqlite3_stmt *q, int at);

/* Runs q to its end, ignoring rows. */
NODISCARD bool db_run(sqlite3 *db, sqlite3_stmt *q, const char *what, struct error *err);
/* One step: *out_row says whether there is a row. */
NODISCARD bool db_step(sqlite3 *db, sqlite3_stmt *q, bool *out_row, const char *what,
                       struct error *err);

static inline void stmt_finalize(sqlite3_stmt **q)
{
    sqlite3_finalize(*q);
}
#define AUTO_STMT AUTO(stmt_finalize) sqlite3_stmt

static inline void db_close(sqlite3 **db)
{
    sqlite3_close(*db);
}
#define AUTO_DB AUTO(db_close) sqlite3

/* -- store.c: lending connections ------------------------------------------------------------- */

struct reader { /* a lent reading connection */
    struct store *store;
    sqlite3 *db;
};
NODISCARD bool reader_take(struct store *s, struct reader *out, struct error *err);
void reader_give_back(struct reader *r); /* takes a zeroed one */
#define AUTO_READER AUTO(reader_give_back) struct reader

/* A write transaction: the lock, BEGIN IMMEDIATE, and ROLLBACK unless write_commit() came first. */
struct writer {
    struct store *store; /* NULL: nothing held */
    sqlite3 *db;
    bool is_open; /* between BEGIN and COMMIT */
};
NODISCARD bool write_begin(struct store *s, struct writer *out, struct error *err);
NODISCARD bool write_commit(struct writer *w, struct error *err);
void write_end(struct writer *w);
#define AUTO_WRITER AUTO(write_end) struct writer

/* -- touch.c ---------------------------------------------------------------------------------- */

/* Writes the waiting accesses within the open transaction of db. A failure only loses counts. */
void touch_flush(struct store *s, sqlite3 *db);

/* -- migrate.c -------------------------------------------------------------------------------- */

/* Refuses a file that is not ours without a change to it or its folder. */
NODISCARD bool migrate_probe(const char *path, struct error *err);
void migrate_create(const char *path); /* an empty file for its owner only, unless there is one */
NODISCARD bool migrate(sqlite3 *db, const char *path, struct error *err);
NODISCARD bool migrate_journal(sqlite3 *db, const char *path, struct error *err); /* to WAL */

/* -- filter.c --------------------------------------------------------------------------------- */

/* Appends " AND ..." for what the filter asks of the table alias m; ?1 is the space, which the
 * statement tests itself. Only constant text is added; values are bound. Statements that use it may
 * have parameters of their own from ?FILTER_PARAM_FREE on. */
#define FILTER_PARAM_FREE 20
void filter_sql(const struct memory_filter *f, struct buf *sql);
/* Binds the space as ?1 and the filter's values. Texts live in a. */
void filter_bind(struct arena *a, sqlite3_stmt *q, struct str space,
                 const struct memory_filter *f);
/* The filter that every search without filters has: live and current memories. */
bool filter_is_plain(const struct memory_filter *f);

/* -- read.c ----------------------------------------------------------------------------------- */

/* The columns that read_memory() expects, of the table alias m. */
#define MEMORY_COLUMNS                                                                         \
    " m.row, m.space, m.hash, m.content, m.type, m.metadata, m.created_ms, m.updated_ms,"      \
    " m.accessed_ms, m.deleted_ms, m.n_accesses, m.revision, m.parent, m.superseded_by,"       \
    " m.quality, m.confidence,"                                                                \
    " EXISTS (SELECT 1 FROM vector v WHERE v.row = m.row),"                                    \
    " (SELECT json_group_array(tag)"                                                           \
    "  FROM (SELECT tag FROM memory_tag t WHERE t.row = m.row ORDER BY position)) "

NODISCARD bool read_memory(struct arena *a, sqlite3_stmt *q, struct memory *out,
                           struct error *err);
/* A JSON array of strings as views in the arena. */
NODISCARD bool read_tags(struct arena *a, struct str json, const struct str **out,
                         size_t *out_n, struct error *err);

/* -- rank_vectors.c --------------------------------------------------------------------------- */

struct vectors *vectors_new(void);
void vectors_free(struct vectors *v);
int64_t vectors_bytes(struct vectors *v, struct str space);

#endif

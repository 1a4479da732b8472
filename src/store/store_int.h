/*
 * store_int.h - what the files of this folder share: connections, statements, filters.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/thread.h"
#include "base/vec.h"
#include "index/index.h"

#define STORE_READERS_MAX     16 /* connections that read at once; more callers wait */
#define STORE_SPACES_MAX      64 /* pairs of space and model whose vectors are in memory at once */
#define STORE_APPLICATION_ID  0x4d4d5264 /* "MMRd": marks a database file as ours */
#define STORE_BUSY_TIMEOUT_MS 15000

extern const char *const store_migrations[]; /* generated from sql/ */
extern const int store_n_migrations;

struct schema { /* one kind of database file */
    const char *const *migrations;
    int n_migrations;
    int application_id;
    const char *setting; /* what names the file, for errors */
};

struct vectors; /* vectors.c */
struct keeper;  /* keeper.c */

struct touch { /* accesses of one memory that are not on disk yet */
    int64_t row;
    int64_t at_ms;
    int64_t n;
};

#define STORE_TOUCHES_MAX    256   /* rows whose accesses wait; beyond, they are written */
#define STORE_TOUCH_DELAY_MS 30000 /* how long they may wait for a write to go along with */
#define STORE_TOUCH_WAIT_MS  1000  /* for another process, when they are written alone */

struct store {
    char *path;
    struct store_pragma *pragmas; /* copies */
    size_t n_pragmas;

    struct mutex write_lock; /* guards the next four: one change at a time */
    struct db *writer;
    struct commit_group *group; /* of the open transaction; NULL: no change in it yet */
    size_t n_joined;            /* changes in it */
    int busy_timeout_ms;        /* how long a change waits for other processes; never changes */
    bool is_suspect; /* SQLite failed in a change; the writer is opened anew before the next */

    struct mutex
        group_lock; /* guards n_waiting and what is in groups; taken after write_lock */
    struct cond group_done;
    size_t n_waiting; /* callers that are about to take write_lock */

    struct mutex read_lock; /* guards idle, n_idle, n_readers */
    struct cond reader_back;
    struct db *idle[STORE_READERS_MAX];
    size_t n_idle;
    size_t n_readers; /* open ones, idle or lent */

    struct mutex touch_lock; /* guards touches, n_touches, touched_since_ms */
    struct touch touches[STORE_TOUCHES_MAX];
    size_t n_touches;
    int64_t touched_since_ms;

    struct vectors *vectors;
    struct lengths *lengths;
    struct word_counts *word_counts;
    struct keeper *keeper; /* set before other threads come; NULL: requests do its work */
};

/* -- db.c: connections and statements --------------------------------------------------------- */

#define DB_STATEMENTS_MAX 48 /* prepared ones that a connection keeps for the next time */

struct kept_statement {
    sqlite3_stmt *os;
    uint64_t hash; /* of its text */
    int64_t used_at;
    bool is_lent;
};

/* A connection, for one thread at a time. Preparing a statement costs more than most runs of it, so those that
 * ran are kept. */
struct db {
    sqlite3 *os;
    struct kept_statement kept[DB_STATEMENTS_MAX];
    size_t n_kept;
    int64_t n_uses; /* a clock for used_at */
};

/* With our settings, to a file that exists. */
NODISCARD bool db_connect(const char *path, struct db **out, struct error *err);
/* The same with those of the user. A reader's connection refuses to write. */
NODISCARD bool db_open(const struct store *s, bool is_reader, struct db **out,
                       struct error *err);
/* The same with flags and settings of the caller's. file is a path, or a URI if the flags say so; errors
 * name it as path. */
NODISCARD bool db_open_file(const char *file, const char *path, int flags, struct db **out,
                            struct error *err);
void db_close(struct db *db); /* no statement is lent; takes NULL */
static inline void db_auto_close(struct db **db)
{
    db_close(*db);
}
#define AUTO_DB AUTO(db_auto_close) struct db

/* Into a file that nobody finds any more nothing is to be written: it would be acknowledged and gone. */
NODISCARD bool db_is_in_place(struct db *db, struct error *err);
NODISCARD bool db_exec(struct db *db, const char *sql, struct error *err);
/* Fills err from the connection's last failure; returns false. */
bool db_error(struct db *db, struct error *err, const char *what);

/* A statement that is lent until the end of its scope. */
struct stmt {
    sqlite3_stmt *os;
    struct db *db; /* NULL: nothing lent */
};
NODISCARD bool db_prepare(struct db *db, const char *sql, struct stmt *out, struct error *err);
void stmt_give_back(struct stmt *q); /* takes a zeroed one */
#define AUTO_STMT AUTO(stmt_give_back) struct stmt

void db_bind_str(sqlite3_stmt *q, int at, struct str s); /* s must live until the last step */
/* A copy, as UTF-8 even if the file was damaged: bytes that are not become U+FFFD. */
struct str db_column_str(struct arena *a, sqlite3_stmt *q, int at);

/* One statement without parameters or rows, kept as others are; db_exec() prepares any number anew. */
NODISCARD bool db_do(struct db *db, const char *sql, struct error *err);
/* Runs q to its end, ignoring rows. */
NODISCARD bool db_run(struct db *db, sqlite3_stmt *q, const char *what, struct error *err);
/* One step: *out_row says whether there is a row. */
NODISCARD bool db_step(struct db *db, sqlite3_stmt *q, bool *out_row, const char *what,
                       struct error *err);

bool store_has_pragma(const struct store *s, struct str name); /* one of the user's */

/* -- store.c: lending connections ------------------------------------------------------------- */

/* A lent reading connection, inside a transaction: all that it reads is of the moment of its first
 * statement, and the locks of the file are taken once. */
struct reader {
    struct store *store;
    struct db *db;
};
NODISCARD bool reader_take(struct store *s, struct reader *out, struct error *err);
void reader_give_back(struct reader *r); /* takes a zeroed one */
#define AUTO_READER AUTO(reader_give_back) struct reader

/* -- writer.c: changes ------------------------------------------------------------------------ */

void writer_init(struct store *s);
void writer_deinit(struct store *s);

NODISCARD bool writer_open(struct store *s, struct error *err); /* the connection */

/* A change: the writer, within a transaction; undone unless write_commit() came first. */
struct writer {
    struct store *store; /* NULL: nothing held */
    struct db *db;
    bool is_alone;
    struct error *
        err; /* of write_begin(): a refusal that others' failed commit makes untrue is told there */
};
/* err lives at least as long as *out; NULL: nobody asks. */
NODISCARD bool write_begin(struct store *s, struct writer *out, struct error *err);
/* The same in a transaction that no other change is in. */
NODISCARD bool write_begin_alone(struct store *s, struct writer *out, struct error *err);
/* The same for what is not worth a long wait for other processes. */
NODISCARD bool write_begin_within(struct store *s, int64_t wait_ms, struct writer *out,
                                  struct error *err);
/* The same without waiting. False: somebody else writes, or nobody can. */
NODISCARD bool write_try(struct store *s, struct writer *out);
/* On disk, or undone. Lets go of the writer unless the change itself cannot be ended. */
NODISCARD bool write_commit(struct writer *w, struct error *err);
void write_end(struct writer *w);
#define AUTO_WRITER AUTO(write_end) struct writer

/* -- touch.c ---------------------------------------------------------------------------------- */

/* Writes the waiting accesses within the open transaction of db. A failure loses counts, and may have ended
 * the transaction. */
NODISCARD bool touch_flush(struct store *s, struct db *db, struct error *err);
void touch_write(struct store *s); /* the same in a transaction of its own, if any wait */

/* -- keeper.c --------------------------------------------------------------------------------- */

enum keeper_task {
    KEEPER_LOAD = 1,           /* vectors and lengths into memory */
    KEEPER_ACCESSES = 2,       /* accesses onto the disk */
    KEEPER_ACCESSES_LATER = 4, /* the same after a while */
    KEEPER_LOG = 8,            /* the write-ahead log into the database */
    KEEPER_MERGE = 16,         /* parts of the word index into one */
    KEEPER_INDEX = 32,         /* grown vector indexes into files */
};
/* Never waits. False: there is no keeper. */
bool keeper_call(struct keeper *k, enum keeper_task task);
void keeper_watch(struct keeper *k,
                  struct db *writer);      /* how long its log gets; k may be NULL */
void keeper_note_commit(struct keeper *k); /* k may be NULL */
void keeper_free(struct keeper *k); /* when it is done with what it is doing; takes NULL */

/* -- migrate.c -------------------------------------------------------------------------------- */

/* Reads only; without a log to look into no file appears beside it. */
NODISCARD bool migrate_open_to_look(const char *path, struct db **out, struct error *err);
/* Refuses a file that is not ours without a change to it or its folder. */
NODISCARD bool migrate_probe(const char *path, const struct schema *schema, struct error *err);
void migrate_create(
    const char *path); /* an empty file for its owner only, unless there is one */
NODISCARD bool migrate(struct db *db, const char *path, const struct schema *schema,
                       struct error *err);
NODISCARD bool migrate_journal(struct db *db, const char *path, struct error *err); /* to WAL */

/* -- filter.c --------------------------------------------------------------------------------- */

/* Appends " AND ..." for what the filter asks of the table alias m; ?1 is the space, which the
 * statement tests itself. Only constant text is added; values are bound. Statements that use it may
 * have parameters of their own from ?FILTER_PARAM_FREE on. */
#define FILTER_PARAM_FREE 20
void filter_sql(const struct memory_filter *f, struct buf *sql);
/* The same for a statement that is run for one row at a time: it costs by that row, not by how many
 * have the filter's tags. */
void filter_row_sql(const struct memory_filter *f, struct buf *sql);
/* Binds the space as ?1 and the filter's values. Texts live in a. */
void filter_bind(struct arena *a, sqlite3_stmt *q, struct str space,
                 const struct memory_filter *f);
/* The filter that every search without filters has: live and current memories. */
bool filter_is_plain(const struct memory_filter *f);
/* All rows that may be ranked, into out. */
NODISCARD bool filter_rows(struct arena *a, struct db *db, const struct rank_request *r,
                           struct bitmap *out, struct error *err);

/* -- lengths.c, score.c: BM25 ------------------------------------------------------------------- */

struct lengths *lengths_new(void);
void lengths_free(struct lengths *l);

struct length_ref { /* a table as it was when it was taken */
    struct lengths *owner;
    struct length_table *table;
    int64_t seq; /* the last change that is in it */
};
/* As of db's transaction, or later. db: any reader. */
NODISCARD bool lengths_take(struct lengths *l, struct db *db, struct length_ref *out,
                            struct error *err);
void lengths_give_back(struct length_ref *r); /* takes a zeroed one */
#define AUTO_LENGTHS AUTO(lengths_give_back) struct length_ref
unsigned lengths_of(const struct length_ref *r, int64_t row); /* 0: unknown */

/* -- word_counts.c ------------------------------------------------------------------------------ */

struct word_counts *word_counts_new(void);
void word_counts_free(struct word_counts *c); /* takes NULL */

/* In how many memories the word stood, at most limit, as counted when the change log ended near seq. False: not
 * known, or not any more. Threads: any, under its own lock. */
bool word_counts_get(struct word_counts *c, struct str word, int64_t limit, int64_t seq,
                     int64_t *out);
/* n: what counting up to limit found; kept if the word is common. */
void word_counts_put(struct word_counts *c, struct str word, int64_t limit, int64_t seq,
                     int64_t n);

/* For qsort() of struct ranked: best first, ties by row. */
int ranked_compare(const void *a, const void *b);

/* What memory_score(memory_fts, ?) is given with sqlite3_bind_pointer(), and where it puts what it finds; its
 * value is NULL. */
#define SCORE_RULE_TYPE "memory score"
struct score_rule {
    struct length_ref lengths;
    size_t n_phrases;
    const int64_t *n_rows; /* by phrase of the expression: how many rows have it */
    double *idf;           /* room for as many */
    double mean_length;
    bool is_ready; /* idf and mean_length are known */
    size_t n_best; /* how many to find; at least 1 */
    struct bitmap allowed;
    bool has_allowed;                /* only rows that are in it are found */
    struct VEC(struct ranked) found; /* the n_best are among them; at most twice as many */
    bool has_more;                   /* something that was found is not kept */
};
/* What it holds of its own: lengths, allowed, found. */
void score_rule_deinit(struct score_rule *rule);
/* Sorts what was found, best first, and keeps n_best of it. */
void score_keep_best(struct score_rule *rule);
#define AUTO_SCORE_RULE AUTO(score_rule_deinit) struct score_rule
/* Scores the row that FTS5 stands at, into found. A code of SQLite's: what FTS5 cannot read is no score. */
int score_row(const Fts5ExtensionApi *api, Fts5Context *fts, struct score_rule *rule);
/* Makes memory_score() known to a connection: BM25, larger is better. */
NODISCARD bool score_register(struct db *db, struct error *err);

/* -- steps.c: what changes are made of, inside the caller's transaction ------------------------ */

struct state { /* of a memory inside a transaction */
    bool exists;
    int64_t row;
    int64_t revision;
    bool is_live;
    bool is_superseded;
};
NODISCARD bool step_read_state(struct db *db, struct str space, struct str hash,
                               struct state *out, struct error *err);
bool step_not_found(struct str hash, struct error *err); /* false, and says so */

/* Keeps the state before a change; with its content if the change may replace that. */
NODISCARD bool step_keep_revision(struct db *db, int64_t row, int64_t now_ms, bool has_content,
                                  struct error *err);

/* The full-text index. A row must be live for both; it is taken out before its text or tags change. */
NODISCARD bool step_words_add(struct db *db, int64_t row, struct error *err);
NODISCARD bool step_words_remove(struct db *db, int64_t row, struct error *err);

/* Replaces all tags; a repeated one counts once. */
NODISCARD bool step_set_tags(struct db *db, int64_t row, struct str space,
                             const struct str *tags, size_t n_tags, struct error *err);
/* v NULL or without parts: leaves them. *out_n: how many memories of the space got them. */
NODISCARD bool step_put_vectors(struct db *db, struct str space, int64_t row,
                                const struct store_vectors *v, int *out_n, struct error *err);

struct log_entry {
    const char *op;
    int64_t row;
    struct str hash;
    int64_t revision;
    struct str detail; /* empty: {} */
};
NODISCARD bool step_log(struct db *db, const struct store_actor *who, const struct log_entry *e,
                        struct error *err);

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

/* -- vectors.c -------------------------------------------------------------------------------- */

struct vector_set { /* the vectors of one space and model */
    struct vectors *owner;
    char *space;
    char *model_id;
    size_t dim;
    struct index *index; /* has a lock of its own; changed under lock */
    size_t n_users;      /* searches that hold it; under owner.lock, as is used_at */
    int64_t used_at;

    struct mutex lock; /* guards the rest; held while the log is followed */
    int64_t seq;       /* the last change taken over; -1: nothing loaded yet */
    size_t n_taken;    /* rows taken over that are in no file */
};

struct vectors *vectors_new(struct store *s);
const char *vectors_path(const struct vectors *v);
/* Writes files of what has none yet. db: any connection. Nobody searches any more. */
void vectors_save(struct vectors *v, struct db *db);
/* The same for those that grew much since they were saved, while others search. */
void vectors_save_due(struct store *s);
void vectors_free(struct vectors *v);
int64_t vectors_bytes(struct vectors *v, struct str space);

/* Lends the set of a space and model. LIMIT: all sets are lent. */
NODISCARD bool vectors_take(struct vectors *v, struct str space, struct str model_id,
                            size_t dim, struct vector_set **out, struct error *err);
void vectors_give_back(struct vector_set **set); /* takes the address of a NULL */
#define AUTO_VECTOR_SET AUTO(vectors_give_back) struct vector_set
/* Takes over what changed since. db: any reader. */
NODISCARD bool vectors_follow(struct vector_set *set, struct db *db, struct error *err);
NODISCARD bool vectors_last_change(struct db *db, int64_t *out, struct error *err);

/* -- checkpoint.c: indexes as files ------------------------------------------------------------- */

#define CHECKPOINT_ROWS_MIN 1000 /* fewer are read from the database as fast */

/* Fills the set, whose lock is held, from its file. False: there is none that is of use. */
bool checkpoint_load(struct vector_set *set, struct db *db);
/* Writes the set's file if it is due, which is asked under the set's lock. Writing needs no lock. */
void checkpoint_save(struct vector_set *set, struct db *db,
                     bool (*is_due)(const struct vector_set *));
/* Of all spaces and models: they hold something of memories that are removed for good. */
void checkpoint_delete_all(const char *db_path);

/* Whether a stored value is whole vectors of this length, all numbers, all of length 1. */
bool vectors_are_sound(struct str blob, size_t dim, size_t *out_n_parts);

#endif

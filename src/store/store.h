/*
 * store.h - memories on disk: SQLite with full-text search, a vector index, and a log of changes.
 *
 * Every function works inside one space, and its SQL says so: a caller cannot forget it. Every
 * change is one transaction together with its row in the change log; when a function returns true
 * the change is on disk (synchronous=FULL). Delete moves to the trash, update keeps the revision
 * before.
 *
 * Owner    results live in the arena given.
 * Threads  any: one writer connection behind a lock, readers from a pool.
 * Errors   UNAVAILABLE: the database is busy beyond busy_timeout, the disk is full, the file cannot be
 *          written or is damaged; the text says which, and what to do.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "model/model.h"

struct store;

struct store_pragma { /* already checked against the allow-list by config/ */
    struct str name;
    struct str value;
};

struct store_options {
    const char *path; /* the database file; its folder must exist */
    const struct store_pragma *pragmas;
    size_t n_pragmas;
};

NODISCARD bool
store_open(const struct store_options *options, struct store **out,
           struct error *err); /* CONFLICT: the schema is newer than this program */
void store_close(struct store *s);

/* For a program that serves: a thread of the store's own does what no request should wait for, first of
 * all bringing the vectors of a space and model into memory (dim 0: the first search does). Once, before the first request. */
NODISCARD bool store_keep(struct store *s, struct str space, struct str model_id, size_t dim,
                          struct error *err);

/* Who and when, written into the change log with every change. */
struct store_actor {
    struct str space;
    struct str subject;
    struct str client;
    int64_t now_ms;
};

/* -- vectors ------------------------------------------------------------------------------- */

struct store_vectors {   /* of one memory */
    struct str model_id; /* models are never mixed: each has an index of its own */
    size_t dim;
    size_t n_parts;
    const float *values; /* n_parts * dim; NULL: none yet */
};

/* -- writing ------------------------------------------------------------------------------- */

enum store_put_result { STORE_PUT_NEW, STORE_PUT_DUPLICATE, STORE_PUT_REVIVED };

struct store_item {
    struct memory memory; /* hash, content, type, metadata, tags, created_ms, ... are given */
    struct store_vectors vectors;
    enum store_put_result result; /* filled in */
};

/*
 * Adds all of the memories or, on an error, none of them; row, space and revision are set here. A live
 * memory with the same hash leaves everything as it is: DUPLICATE. One in the trash, or replaced by a
 * newer version, comes back with the fields given, its earlier state kept as a revision: REVIVED.
 */
NODISCARD bool store_put(struct store *s, const struct store_actor *who,
                         struct store_item *items, size_t n, struct error *err);

/* Replaces tags, type, metadata, quality, confidence, created_ms and updated_ms of the live memory m.hash by
 * m's; content and hash never change. CONFLICT unless the stored revision is m.revision. */
NODISCARD bool store_update(struct store *s, const struct store_actor *who,
                            const struct memory *m, struct str detail, struct error *err);

/* Puts next as a new memory and marks the live memory old_hash as superseded by it, in one
 * transaction. NOT_FOUND; CONFLICT: next's hash is live already, old has a newer version that is live, or
 * its revision is not next->memory.revision. */
NODISCARD bool store_supersede(struct store *s, const struct store_actor *who,
                               struct str old_hash, struct str reason, struct store_item *next,
                               struct error *err);

/* Moves memories to the trash, all or none; *out_n counts those that were live. */
NODISCARD bool store_delete(struct store *s, const struct store_actor *who,
                            const struct str *hashes, size_t n_hashes, struct str detail,
                            size_t *out_n, struct error *err);

/* Takes one memory out of the trash, unchanged. NOT_FOUND if it is not there. */
NODISCARD bool store_restore(struct store *s, const struct store_actor *who, struct str hash,
                             struct error *err);

/* Brings tags, type, metadata and quality back to those of an earlier revision, as a new revision. */
NODISCARD bool store_revert(struct store *s, const struct store_actor *who, struct str hash,
                            int64_t revision, struct error *err);

/* Removes for good what has been in the trash since before_ms; the change log keeps that it was. */
NODISCARD bool store_purge(struct store *s, const struct store_actor *who, int64_t before_ms,
                           bool is_dry_run, size_t *out_n, struct error *err);

/* Counts one access of each row (rows that a read of this store gave) at now_ms. Not a change: no
 * log row, updated_ms stays. Written along with the next change, or after a while. With store_keep() it never
 * waits; without, it may write, but not wait for other processes. */
void store_touch(struct store *s, const int64_t *rows, size_t n_rows, int64_t now_ms);

/* Gives a memory its vectors for a model (reindex, or stored while no model was there). */
NODISCARD bool store_set_vectors(struct store *s, struct str space, int64_t row,
                                 const struct store_vectors *vectors, struct error *err);

/* -- reading ------------------------------------------------------------------------------- */

/* The memory with this hash, or with this as the unambiguous beginning of its hash. *out NULL: none.
 * CONFLICT: several begin so. */
NODISCARD bool store_get(struct store *s, struct arena *a, struct str space, struct str hash,
                         enum trash_filter trash, struct memory **out, struct error *err);

/* Memories by row, in the order given; rows that are gone are left out. */
NODISCARD bool store_get_rows(struct store *s, struct arena *a, struct str space,
                              const int64_t *rows, size_t n_rows, struct memory **out,
                              size_t *out_n, struct error *err);

/* One page, newest created first, ties by row; *out_total counts all that match. */
NODISCARD bool store_list(struct store *s, struct arena *a, struct str space,
                          const struct memory_filter *filter, size_t offset, size_t limit,
                          struct memory **out, size_t *out_n, size_t *out_total,
                          struct error *err);

struct ranked { /* one entry of a ranking, best first */
    int64_t row;
    double score; /* words: BM25, larger is better, > 0; vectors: cosine */
};

struct ranking {
    struct ranked *list;
    size_t n;
    double rare_score; /* words: about what a word gets that stands in one memory alone */
};

struct rank_request {
    struct str space;
    const struct memory_filter *filter;
    size_t limit;

    /* Already split and folded; each is matched as one token sequence, so that punctuation in it means
     * nothing to the query language. */
    const struct str *words;
    size_t n_words;

    struct str model_id;
    const float *vector;
    size_t dim;
};

/* BM25 over content and tags: any of the words. A model and dimension may be given: whether a memory that has
 * such vectors matches the filter is then often known without asking the database. */
NODISCARD bool store_rank_words(struct store *s, struct arena *a, const struct rank_request *r,
                                struct ranking *out, struct error *err);

/* Cosine with the vector, over the memories that have vectors of this model. That of the first places is exact,
 * of the others off by at most STORE_COSINE_ROUNDING. */
#define STORE_COSINE_ROUNDING 0.005
NODISCARD bool store_rank_vectors(struct store *s, struct arena *a,
                                  const struct rank_request *r, struct ranking *out,
                                  struct error *err);

/* The stored vectors of one memory; n_parts 0: none. */
NODISCARD bool store_get_vectors(struct store *s, struct arena *a, struct str space,
                                 int64_t row, struct str model_id, struct store_vectors *out,
                                 struct error *err);

/* Live memories of the space without vectors of this model, by row, above after_row. */
/* The hashes of all that the filter lets through, in order of rows. */
NODISCARD bool store_list_hashes(struct store *s, struct arena *a, struct str space,
                                 const struct memory_filter *filter, const struct str **out,
                                 size_t *out_n, struct error *err);
NODISCARD bool store_list_by_row(struct store *s, struct arena *a, struct str space,
                                 struct str model_id, int64_t after_row, size_t limit,
                                 struct memory **out, size_t *out_n, struct error *err);

/* The log of one memory (or of the space if hash is empty), newest first. */
NODISCARD bool store_changes(struct store *s, struct arena *a, struct str space,
                             struct str hash, size_t offset, size_t limit, struct change **out,
                             size_t *out_n, struct error *err);

/* One memory as it was at an earlier revision. *out NULL: no such revision. */
NODISCARD bool store_get_revision(struct store *s, struct arena *a, struct str space,
                                  struct str hash, int64_t revision, struct memory **out,
                                  struct error *err);

struct store_count {
    struct str name;
    int64_t n;
};

NODISCARD bool store_count_tags(struct store *s, struct arena *a, struct str space,
                                size_t limit, struct store_count **out, size_t *out_n,
                                int64_t *out_unique,
                                struct error *err); /* most frequent first */
NODISCARD bool store_count_types(struct store *s, struct arena *a, struct str space,
                                 struct store_count **out, size_t *out_n, struct error *err);

struct store_stats {
    int64_t n_live;
    int64_t n_superseded; /* part of n_live */
    int64_t n_trashed;
    int64_t n_with_vector;
    int64_t n_fts; /* rows of the full-text index; equals n_live when healthy */
    int64_t n_changes;
    int64_t oldest_ms, newest_ms;
    int64_t bytes_on_disk; /* database, WAL and shared memory file */
    int64_t index_bytes;   /* in memory */
};
NODISCARD bool store_stats(struct store *s, struct str space, struct str model_id,
                           struct store_stats *out, struct error *err);

/* Free bytes on the file system of the database. */
NODISCARD bool store_free_bytes(struct store *s, int64_t *out, struct error *err);

/* Live memories created in [from_ms, until_ms). */
NODISCARD bool store_count_created(struct store *s, struct str space, int64_t from_ms,
                                   int64_t until_ms, int64_t *out, struct error *err);

/* Whether the database can be read and, unless somebody writes just now, written: quick. */
NODISCARD bool store_probe(struct store *s, struct error *err);
/* Whether the vector index has as many memories as there are with vectors of this model. */
NODISCARD bool store_check_vectors(struct store *s, struct str space, struct str model_id,
                                   size_t dim, bool *out_ok, struct error *err);

/* Tests the database: structure, full-text index, a write that is rolled back. *out_problem is empty
 * when all is well, else one line. */
NODISCARD bool store_check(struct store *s, struct arena *a, struct str *out_problem,
                           struct error *err);

/* The highest change so far in any space; grows with every change of any process. */
NODISCARD bool store_last_change(struct store *s, int64_t *out, struct error *err);

#endif

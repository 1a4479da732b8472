/*
 * index.h - nearest vectors by cosine: flat, in memory, filtered while scanning.
 *
 * A memory may have several vectors (parts of a long text); a search returns each memory once, with
 * the best of its parts. Vectors are unit length, so that the dot product is the cosine. What is kept of
 * them is rounded: a cosine is right to about 0.002, and of the ten nearest now and then one is missed.
 * A caller that needs them exact asks for a few more and ranks those by its own vectors.
 *
 * Shapes   vectors are float[dim]; ids are the store's row numbers, 1 to INDEX_ID_MAX.
 * Cost     put and remove O(parts); a view after a change O(vectors / 1024); search O(vectors);
 *          dim * 9 / 8 bytes and some 30 per vector.
 * Order    best first; ties by smaller id, so that equal input gives equal output.
 * Threads  any. A search runs on a view, which nobody changes: searches hold up neither each other nor
 *          put and remove, which take turns.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

/* A set of ids takes 128 MB at this one, and no store ever gave out as many. */
#define INDEX_ID_MAX  ((int64_t)1 << 30)
#define INDEX_DIM_MAX 4096

/* A set of ids, one bit each, growing to the largest id put in; none is above INDEX_ID_MAX. */
struct bitmap {
    uint64_t *words;
    size_t n_words;
};

void bitmap_deinit(struct bitmap *b); /* a zeroed bitmap is the empty set */
void bitmap_add(struct bitmap *b, int64_t id);
void bitmap_remove(struct bitmap *b, int64_t id);
bool bitmap_has(const struct bitmap *b, int64_t id);
size_t bitmap_count(const struct bitmap *b);

struct index;

struct index *index_new(size_t dim);
void index_free(struct index *ix); /* all views are given back */

/* What is put of one id. A hidden one is found only by searches among ids that name it. */
struct index_item {
    int64_t id;
    const float *vectors; /* n_parts of them */
    size_t n_parts;       /* 0: removes the id */
    bool is_hidden;
};
void index_put(struct index *ix, const struct index_item *item); /* replaces */
void index_remove(struct index *ix, int64_t id);                 /* an unknown id is fine */
/* All of `from` goes into `to`, in place of what was there; `from` is freed. */
void index_take(struct index *to, struct index *from);
/* Which of the ids, as of now, a search without `among` may find: out[i] says it of ids[i]. */
enum index_state { INDEX_ABSENT, INDEX_HIDDEN, INDEX_SHOWN };
void index_look(struct index *ix, const int64_t *ids, size_t n, enum index_state *out);
size_t index_count(const struct index *ix); /* ids, not vectors */
size_t index_bytes(const struct index *ix); /* memory in use */

/* -- searching --------------------------------------------------------------------------------- */

/* The index as it was when the view was taken. What changes meanwhile is copied first, a piece at a
 * time, so a view costs nothing while nothing changes. */
struct index_view;
struct index_view *index_view_take(struct index *ix);
void index_view_give_back(struct index_view **view); /* takes the address of a NULL */
#define AUTO_INDEX_VIEW AUTO(index_view_give_back) struct index_view
size_t index_view_count(const struct index_view *view); /* ids */

struct index_hit {
    int64_t id;
    float cosine; /* [-1, 1] */
};

/* The best ids, at most limit, written to out[limit]; returns how many. among NULL: all that are not
 * hidden. */
size_t index_search(const struct index_view *view, const float *query,
                    const struct bitmap *among, size_t limit, struct index_hit *out);

/* -- as a file --------------------------------------------------------------------------------- */

#define INDEX_STAMP_BYTES 64 /* what the caller needs to tell whether a file is of use to it */

/*
 * Writes what the view shows and a stamp of the caller's, in place of an older file. A file is a copy
 * that can be made again: it is not synced, and index_load() finds out if it is damaged.
 */
NODISCARD bool index_save(const struct index_view *view, const char *path,
                          const unsigned char stamp[INDEX_STAMP_BYTES], struct error *err);
/* NOT_FOUND: there is none. INVALID: damaged, or of another version, dimension or machine. */
NODISCARD bool index_load(const char *path, size_t dim, struct index **out,
                          unsigned char stamp[INDEX_STAMP_BYTES], struct error *err);

/* -- for tests --------------------------------------------------------------------------------- */

/* The oracle: every vector ranked by its bytes, in the plainest way. What a search returns has the same
 * cosines here. */
size_t index_search_plain(const struct index_view *view, const float *query,
                          const struct bitmap *among, size_t limit, struct index_hit *out);
/* How many vectors a search looks at closely, after their signs. */
size_t index_n_candidates(const struct index_view *view, const float *query,
                          const struct bitmap *among, size_t limit);

#endif

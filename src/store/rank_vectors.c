/*
 * rank_vectors.c - cosine under a filter, and the stored vectors of one memory.
 *
 * The index, whose vectors are rounded, ranks; those of its first EXACT_PLACES that may be among the wanted
 * are ranked anew by what is stored. How the wanted ones come out does not depend on how many there are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>

/* Deeper places keep their rounded cosines, right to about 0.002: reading a stored vector costs several
 * microseconds, and nobody sees that difference there. */
#define EXACT_PLACES 40
#define ROUNDING     0.005f /* more than any cosine of the index is off */

/* Up to limit hits by the index as it is now. */
static bool search_index(struct vector_set *set, struct arena *a, struct db *db,
                         const struct memory_filter *filter, const float *query, size_t limit,
                         struct index_hit *out, size_t *out_n, struct error *err)
{
    struct bitmap allowed = {0};
    bool is_plain = filter_is_plain(filter);
    bool is_ok = is_plain || filter_rows(a, db, str_c(set->space), filter, &allowed, err);

    if (is_ok) {
        AUTO_INDEX_VIEW *view = index_view_take(set->index);

        *out_n = index_search(view, query, is_plain ? NULL : &allowed, limit, out);
    }
    bitmap_deinit(&allowed);
    return is_ok;
}

/* -- exact cosines ----------------------------------------------------------------------------- */

static double dot(const char *bytes, const float *query, size_t dim)
{
    double sum = 0;

    for (size_t i = 0; i < dim; i++) {
        float x; /* a blob need not be aligned */

        memcpy(&x, bytes + i * sizeof(x), sizeof(x));
        sum += (double)x * (double)query[i];
    }
    return sum;
}

/* The best part's, of one or more. */
static double best_cosine(struct str blob, const float *query, size_t dim)
{
    double best = -2;

    for (size_t at = 0; at + dim * sizeof(float) <= blob.len; at += dim * sizeof(float))
        best = MAX(best, dot(blob.ptr + at, query, dim));
    return MIN(best, 1.0);
}

/* False if what is stored is damaged: the index may be older than the damage. */
static bool read_cosine(sqlite3_stmt *q, const float *query, size_t dim, double *out)
{
    struct str blob = {sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0)};
    size_t n_parts;

    if (!vectors_are_sound(blob, dim, &n_parts))
        return false;
    *out = best_cosine(blob, query, dim);
    return true;
}

/* The first hits by what is stored; one whose vector is gone meanwhile is left out. */
static bool read_exactly(const struct vector_set *set, struct db *db, const float *query,
                         const struct index_hit *hits, size_t n, struct ranked *out,
                         size_t *out_n, struct error *err)
{
    AUTO_STMT q = {0};

    *out_n = 0;
    if (!db_prepare(db, "SELECT value FROM vector WHERE row = ?1 AND model = ?2 AND dim = ?3",
                    &q, err))
        return false;
    db_bind_str(q.os, 2, str_c(set->model_id));
    sqlite3_bind_int64(q.os, 3, (int64_t)set->dim);
    for (size_t i = 0; i < n; i++) {
        bool has_row;
        double cosine;

        sqlite3_reset(q.os);
        sqlite3_bind_int64(q.os, 1, hits[i].id);
        if (!db_step(db, q.os, &has_row, "read vectors", err))
            return false;
        if (has_row && read_cosine(q.os, query, set->dim, &cosine))
            out[(*out_n)++] = (struct ranked){hits[i].id, cosine};
    }
    return true;
}

/* How many places to read: one whose rounded cosine is that much less than that of place `limit` cannot rise
 * above it. */
static size_t n_to_read(const struct index_hit *hits, size_t n, size_t limit)
{
    size_t n_exact = MIN(n, (size_t)EXACT_PLACES);

    while (n_exact > limit && hits[n_exact - 1].cosine < hits[limit - 1].cosine - 2 * ROUNDING)
        n_exact--;
    return n_exact;
}

/* The hits, best first; the first `limit` are what is wanted. */
static bool rank_hits(const struct vector_set *set, struct db *db, const float *query,
                      const struct index_hit *hits, size_t n, size_t limit, struct ranked *out,
                      size_t *out_n, struct error *err)
{
    size_t n_exact = n_to_read(hits, n, limit), n_out;

    if (!read_exactly(set, db, query, hits, n_exact, out, &n_out, err))
        return false;
    for (size_t i = n_exact; i < n; i++)
        out[n_out++] = (struct ranked){hits[i].id, (double)hits[i].cosine};
    if (n_out)
        qsort(out, n_out, sizeof(*out), ranked_compare);
    *out_n = n_out;
    return true;
}

bool store_rank_vectors(struct store *s, struct arena *a, struct str space,
                        const struct memory_filter *filter, struct str model_id,
                        const float *query, size_t dim, size_t limit, struct ranked **out,
                        size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_VECTOR_SET *set = NULL;
    size_t depth = MAX(limit, (size_t)EXACT_PLACES), n;
    struct index_hit *hits = ARENA_NEW(a, struct index_hit, depth);

    *out_n = 0;
    if (limit == 0)
        return true;
    if (!vectors_take(s->vectors, space, model_id, dim, &set, err) ||
        !reader_take(s, &r, err) || !vectors_follow(set, r.db, err))
        return false;
    if (!search_index(set, a, r.db, filter, query, depth, hits, &n, err))
        return false;
    *out = ARENA_NEW(a, struct ranked, n);
    if (!rank_hits(set, r.db, query, hits, n, limit, *out, out_n, err))
        return false;
    *out_n = MIN(*out_n, limit);
    return true;
}

static bool count_with_vectors(struct db *db, const struct vector_set *set, int64_t *out,
                               struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db,
                    "SELECT count(*) FROM vector v JOIN memory m ON m.row = v.row"
                    " WHERE m.space = ?1 AND v.model = ?2 AND v.dim = ?3",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, str_c(set->space));
    db_bind_str(q.os, 2, str_c(set->model_id));
    sqlite3_bind_int64(q.os, 3, (int64_t)set->dim);
    if (!db_step(db, q.os, &has_row, "count vectors", err))
        return false;
    *out = sqlite3_column_int64(q.os, 0);
    return true;
}

/* Another search may take over newer changes between the two counts. */
#define CHECK_TRIES_MAX 5

bool store_check_vectors(struct store *s, struct str space, struct str model_id, size_t dim,
                         bool *out_ok, struct error *err)
{
    AUTO_VECTOR_SET *set = NULL;

    if (!vectors_take(s->vectors, space, model_id, dim, &set, err))
        return false;
    *out_ok = false;
    for (int i = 0; i < CHECK_TRIES_MAX && !*out_ok; i++) {
        AUTO_READER r = {0};
        int64_t n;

        if (!reader_take(s, &r, err) || !vectors_follow(set, r.db, err) ||
            !count_with_vectors(r.db, set, &n, err))
            return false;
        *out_ok = n == (int64_t)index_count(set->index);
    }
    return true;
}

/* -- stored vectors ---------------------------------------------------------------------------- */

static bool read_vectors(struct arena *a, sqlite3_stmt *q, struct store_vectors *out,
                         struct error *err)
{
    struct str blob = {sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1)};
    size_t dim = (size_t)sqlite3_column_int(q, 0), n_parts;
    float *values;

    if (!vectors_are_sound(blob, dim, &n_parts))
        return error_set(err, ERROR_INTERNAL,
                         "a stored vector is damaged; 'memoryd reindex --all' makes it anew");
    values = ARENA_NEW(a, float, n_parts *dim);
    memcpy(values, blob.ptr, blob.len);
    out->dim = dim;
    out->n_parts = n_parts;
    out->values = values;
    return true;
}

bool store_get_vectors(struct store *s, struct arena *a, struct str space, int64_t row,
                       struct str model_id, struct store_vectors *out, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    struct store_vectors v = {.model_id = model_id};
    bool has_row;

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT v.dim, v.value FROM vector v JOIN memory m ON m.row = v.row"
                    " WHERE m.space = ?1 AND v.row = ?2 AND v.model = ?3",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, row);
    db_bind_str(q.os, 3, model_id);
    if (!db_step(r.db, q.os, &has_row, "read vectors", err) ||
        (has_row && !read_vectors(a, q.os, &v, err)))
        return false;
    *out = v;
    return true;
}

bool store_last_change(struct store *s, int64_t *out, struct error *err)
{
    AUTO_READER r = {0};

    return reader_take(s, &r, err) && vectors_last_change(r.db, out, err);
}

/*
 * rank_vectors.c - cosine under a filter, and the stored vectors of one memory.
 *
 * The index, whose vectors are rounded, ranks; those of its first EXACT_PLACES that may be among the wanted
 * are ranked anew by what is stored. Which places these are does not depend on how many are wanted.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <stdlib.h>

/* Deeper places keep their rounded cosines, right to about 0.002: reading a stored vector costs several
 * microseconds, and nobody sees that difference there. */
#define EXACT_PLACES 24

struct vector_search {
    struct arena *a;
    struct db *db;
    struct vector_set *set;
    const struct rank_request *request;
    struct index_hit *hits; /* best first, by the index */
    size_t n;
};

/* Up to `depth` hits by the index as it is now. */
static bool search_index(struct vector_search *v, size_t depth, struct error *err)
{
    const struct rank_request *r = v->request;
    struct bitmap allowed = {0};
    bool is_plain = filter_is_plain(r->filter);
    bool is_ok = is_plain || filter_rows(v->a, v->db, r, &allowed, err);

    if (is_ok) {
        AUTO_INDEX_VIEW *view = index_view_take(v->set->index);

        v->hits = ARENA_NEW(v->a, struct index_hit, depth);
        v->n = index_search(view, r->vector, is_plain ? NULL : &allowed, depth, v->hits);
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

/* The first n hits by what is stored; one whose vector is gone meanwhile is left out. */
static bool read_exactly(const struct vector_search *v, size_t n, struct ranking *out,
                         struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(v->db,
                    "SELECT value FROM vector WHERE row = ?1 AND model = ?2 AND dim = ?3", &q,
                    err))
        return false;
    db_bind_str(q.os, 2, v->request->model_id);
    sqlite3_bind_int64(q.os, 3, (int64_t)v->set->dim);
    for (size_t i = 0; i < n; i++) {
        bool has_row;
        double cosine;

        sqlite3_reset(q.os);
        sqlite3_bind_int64(q.os, 1, v->hits[i].id);
        if (!db_step(v->db, q.os, &has_row, "read vectors", err))
            return false;
        if (has_row && read_cosine(q.os, v->request->vector, v->set->dim, &cosine))
            out->list[out->n++] = (struct ranked){v->hits[i].id, cosine};
    }
    return true;
}

/* How many places to read: one whose rounded cosine is that much less than that of place `limit` cannot rise
 * above it. */
static size_t n_to_read(const struct vector_search *v)
{
    size_t n_exact = MIN(v->n, (size_t)EXACT_PLACES), limit = v->request->limit;

    while (n_exact > limit && v->hits[n_exact - 1].cosine <
                                  v->hits[limit - 1].cosine - 2 * (float)STORE_COSINE_ROUNDING)
        n_exact--;
    return n_exact;
}

/* The hits, best first, as many as are wanted. */
static bool rank_hits(const struct vector_search *v, struct ranking *out, struct error *err)
{
    size_t n_exact = n_to_read(v);

    out->list = ARENA_NEW(v->a, struct ranked, v->n);
    if (!read_exactly(v, n_exact, out, err))
        return false;
    for (size_t i = n_exact; i < v->n; i++)
        out->list[out->n++] = (struct ranked){v->hits[i].id, (double)v->hits[i].cosine};
    if (out->n)
        qsort(out->list, out->n, sizeof(*out->list), ranked_compare);
    out->n = MIN(out->n, v->request->limit);
    return true;
}

bool store_rank_vectors(struct store *s, struct arena *a, const struct rank_request *r,
                        struct ranking *out, struct error *err)
{
    AUTO_READER reader = {0};
    AUTO_VECTOR_SET *set = NULL;
    struct vector_search v = {.a = a, .request = r};

    *out = (struct ranking){0};
    if (r->limit == 0)
        return true;
    if (!vectors_take(s->vectors, r->space, r->model_id, r->dim, &set, err) ||
        !reader_take(s, &reader, err) || !vectors_follow(set, reader.db, err))
        return false;
    v.db = reader.db;
    v.set = set;
    return search_index(&v, MAX(r->limit, (size_t)EXACT_PLACES), err) &&
           rank_hits(&v, out, err);
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

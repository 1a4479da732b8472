/*
 * rank_vectors.c - cosine over the vectors of a space, kept in memory and following the change log.
 *
 * One index per (space, model): a search touches no other space's vectors, and models are never mixed.
 * It is loaded by the first search and brought up to date before each one: the log's highest
 * number is a cheap question, and only rows with newer changes are read again. That makes the writes
 * of other processes visible the same way as our own.
 *
 * An index holds every row that has vectors, also in the trash or superseded; which of them count is
 * a bitmap: for a search without filters the one kept here, else one made by SQL.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <pthread.h>

#include "base/alloc.h"

struct vector_set {
    struct str space;    /* owned */
    struct str model_id; /* owned */
    size_t dim;
    struct index *index;

    pthread_rwlock_t lock; /* guards current, seq; searches read, catching up writes */
    struct bitmap current; /* rows that are live and not superseded */
    int64_t seq;           /* the last change taken over; -1: nothing loaded yet */
};

struct vectors {
    struct mutex lock; /* guards sets, n; taken before a set's lock */
    struct vector_set *sets[STORE_SPACES_MAX];
    size_t n;
};

struct vectors *vectors_new(void)
{
    struct vectors *v = NEW(struct vectors);

    mutex_init(&v->lock);
    return v;
}

static void set_free(struct vector_set *set)
{
    index_free(set->index);
    bitmap_deinit(&set->current);
    pthread_rwlock_destroy(&set->lock);
    free((void *)(uintptr_t)set->space.ptr);
    free((void *)(uintptr_t)set->model_id.ptr);
    free(set);
}

void vectors_free(struct vectors *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++)
        set_free(v->sets[i]);
    mutex_deinit(&v->lock);
    free(v);
}

static struct vector_set *set_new(struct str space, struct str model_id, size_t dim)
{
    struct vector_set *set = NEW(struct vector_set);

    set->space = str_n(mem_dup(space), space.len);
    set->model_id = str_n(mem_dup(model_id), model_id.len);
    set->dim = dim;
    set->index = index_new(dim);
    set->seq = -1;
    pthread_rwlock_init(&set->lock, NULL);
    return set;
}

/* Sets live as long as the store: a search may hold one without the lock. */
static bool find_set(struct vectors *v, struct str space, struct str model_id, size_t dim,
                     struct vector_set **out, struct error *err)
{
    MUTEX_SCOPE(&v->lock);

    for (size_t i = 0; i < v->n; i++) {
        struct vector_set *set = v->sets[i];

        if (str_eq(set->space, space) && str_eq(set->model_id, model_id) && set->dim == dim) {
            *out = set;
            return true;
        }
    }
    if (v->n == STORE_SPACES_MAX)
        return error_set(err, ERROR_LIMIT,
                         "the vectors of %d spaces are in memory; search this one by words",
                         STORE_SPACES_MAX);
    *out = v->sets[v->n++] = set_new(space, model_id, dim);
    return true;
}

int64_t vectors_bytes(struct vectors *v, struct str space)
{
    int64_t bytes = 0;
    MUTEX_SCOPE(&v->lock);

    for (size_t i = 0; i < v->n; i++) {
        if (str_eq(v->sets[i]->space, space))
            bytes += (int64_t)index_bytes(v->sets[i]->index);
    }
    return bytes;
}

/* -- following the log ------------------------------------------------------------------------ */

static bool last_change(sqlite3 *db, int64_t *out, struct error *err)
{
    AUTO_STMT *q = NULL;
    bool has_row;

    if (!db_prepare(db, "SELECT coalesce(max(seq), 0) FROM change", &q, err) ||
        !db_step(db, q, &has_row, "read the change log", err))
        return false;
    *out = sqlite3_column_int64(q, 0);
    return true;
}

/* One row: the memory's number, whether it counts, its vectors (NULL: none any more). */
static void take_over(struct vector_set *set, sqlite3_stmt *q)
{
    int64_t row = sqlite3_column_int64(q, 0);
    const float *values = sqlite3_column_blob(q, 2);
    size_t n_bytes = (size_t)sqlite3_column_bytes(q, 2);
    size_t n_parts = n_bytes / (set->dim * sizeof(float));

    if (sqlite3_column_int(q, 1))
        bitmap_add(&set->current, row);
    else
        bitmap_remove(&set->current, row);
    if (values && n_parts * set->dim * sizeof(float) == n_bytes)
        index_put(set->index, row, values, n_parts);
    else
        index_remove(set->index, row);
}

static bool take_over_all(struct vector_set *set, sqlite3 *db, sqlite3_stmt *q,
                          struct error *err)
{
    bool has_row = true;

    db_bind_str(q, 1, set->space);
    db_bind_str(q, 2, set->model_id);
    sqlite3_bind_int64(q, 3, (int64_t)set->dim);
    while (has_row) {
        if (!db_step(db, q, &has_row, "read vectors", err))
            return false;
        if (has_row)
            take_over(set, q);
    }
    return true;
}

static bool load(struct vector_set *set, sqlite3 *db, struct error *err)
{
    AUTO_STMT *q = NULL;

    return db_prepare(db,
                      "SELECT m.row, m.deleted_ms = 0 AND m.superseded_by = '', v.value"
                      " FROM memory m JOIN vector v ON v.row = m.row"
                      " WHERE m.space = ?1 AND v.model = ?2 AND v.dim = ?3",
                      &q, err) &&
           take_over_all(set, db, q, err);
}

/* Rows with changes in (seq, until]; a purged one comes without vectors. */
static bool catch_up(struct vector_set *set, sqlite3 *db, int64_t until, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(db,
                    "SELECT c.row, m.deleted_ms = 0 AND m.superseded_by = '', v.value"
                    " FROM (SELECT DISTINCT row FROM change"
                    "       WHERE seq > ?4 AND seq <= ?5 AND space = ?1) c"
                    " LEFT JOIN memory m ON m.row = c.row"
                    " LEFT JOIN vector v ON v.row = c.row AND v.model = ?2 AND v.dim = ?3",
                    &q, err))
        return false;
    sqlite3_bind_int64(q, 4, set->seq);
    sqlite3_bind_int64(q, 5, until);
    return take_over_all(set, db, q, err);
}

/* Inside one read transaction, so that log and vectors are of the same moment. */
static bool follow(struct vector_set *set, sqlite3 *db, struct error *err)
{
    int64_t until;
    bool is_ok;

    if (!db_exec(db, "BEGIN", err))
        return false;
    is_ok = last_change(db, &until, err);
    if (is_ok && until != set->seq)
        is_ok = set->seq < 0 ? load(set, db, err) : catch_up(set, db, until, err);
    if (is_ok)
        set->seq = until;
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    return is_ok;
}

static bool is_up_to_date(struct vector_set *set, sqlite3 *db, bool *out, struct error *err)
{
    int64_t until;

    if (!last_change(db, &until, err))
        return false;
    pthread_rwlock_rdlock(&set->lock);
    *out = set->seq >= until;
    pthread_rwlock_unlock(&set->lock);
    return true;
}

static bool bring_up_to_date(struct vector_set *set, sqlite3 *db, struct error *err)
{
    bool is_done;

    if (!is_up_to_date(set, db, &is_done, err))
        return false;
    if (is_done)
        return true;
    pthread_rwlock_wrlock(&set->lock);
    is_done = follow(set, db, err);
    pthread_rwlock_unlock(&set->lock);
    return is_done;
}

/* -- searching -------------------------------------------------------------------------------- */

static bool allowed_rows(struct arena *a, sqlite3 *db, struct str space,
                         const struct memory_filter *filter, struct bitmap *out,
                         struct error *err)
{
    AUTO_STMT *q = NULL;
    AUTO_BUF sql = {0};
    bool has_row = true;

    buf_add_c(&sql, "SELECT m.row FROM memory m WHERE m.space = ?1");
    filter_sql(filter, &sql);
    if (!db_prepare(db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q, space, filter);
    while (has_row) {
        if (!db_step(db, q, &has_row, "apply the filters", err))
            return false;
        if (has_row)
            bitmap_add(out, sqlite3_column_int64(q, 0));
    }
    return true;
}

static size_t search_current(struct vector_set *set, const float *query, size_t limit,
                             struct index_hit *out)
{
    size_t n;

    pthread_rwlock_rdlock(&set->lock);
    n = index_search(set->index, query, &set->current, limit, out);
    pthread_rwlock_unlock(&set->lock);
    return n;
}

static bool search_filtered(struct vector_set *set, struct arena *a, sqlite3 *db,
                            const struct memory_filter *filter, const float *query,
                            size_t limit, struct index_hit *out, size_t *out_n,
                            struct error *err)
{
    struct bitmap allowed = {0};
    bool is_ok = allowed_rows(a, db, set->space, filter, &allowed, err);

    if (is_ok)
        *out_n = index_search(set->index, query, &allowed, limit, out);
    bitmap_deinit(&allowed);
    return is_ok;
}

bool store_rank_vectors(struct store *s, struct arena *a, struct str space,
                        const struct memory_filter *filter, struct str model_id,
                        const float *query, size_t dim, size_t limit, struct ranked **out,
                        size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    struct vector_set *set;
    struct index_hit *hits = ARENA_NEW(a, struct index_hit, limit);
    size_t n;

    if (!find_set(s->vectors, space, model_id, dim, &set, err) || !reader_take(s, &r, err) ||
        !bring_up_to_date(set, r.db, err))
        return false;
    if (filter_is_plain(filter))
        n = search_current(set, query, limit, hits);
    else if (!search_filtered(set, a, r.db, filter, query, limit, hits, &n, err))
        return false;
    *out = ARENA_NEW(a, struct ranked, n);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (struct ranked){hits[i].id, (double)hits[i].cosine};
    *out_n = n;
    return true;
}

bool store_get_vectors(struct store *s, struct arena *a, struct str space, int64_t row,
                       struct str model_id, struct store_vectors *out, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT *q = NULL;
    bool has_row;

    if (!reader_take(s, &r, err) ||
        !db_prepare(
            r.db,
            "SELECT v.dim, v.n_parts, v.value FROM vector v JOIN memory m ON m.row = v.row"
            " WHERE m.space = ?1 AND v.row = ?2 AND v.model = ?3",
            &q, err))
        return false;
    db_bind_str(q, 1, space);
    sqlite3_bind_int64(q, 2, row);
    db_bind_str(q, 3, model_id);
    if (!db_step(r.db, q, &has_row, "read vectors", err))
        return false;
    *out = (struct store_vectors){.model_id = model_id};
    if (!has_row)
        return true;
    out->dim = (size_t)sqlite3_column_int64(q, 0);
    out->n_parts = (size_t)sqlite3_column_int64(q, 1);
    if (out->n_parts * out->dim * sizeof(float) != (size_t)sqlite3_column_bytes(q, 2))
        return error_set(err, ERROR_INTERNAL, "a stored vector has the wrong size");
    float *values = ARENA_NEW(a, float, out->n_parts * out->dim);
    memcpy(values, sqlite3_column_blob(q, 2), out->n_parts * out->dim * sizeof(float));
    out->values = values;
    return true;
}

bool store_last_change(struct store *s, int64_t *out, struct error *err)
{
    AUTO_READER r = {0};

    return reader_take(s, &r, err) && last_change(r.db, out, err);
}

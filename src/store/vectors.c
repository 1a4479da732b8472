/*
 * vectors.c - the vectors of each space in memory, following the change log.
 *
 * One index per (space, model): a search touches no other space's vectors, and models are never mixed.
 * It is loaded by the first search and brought up to date before each one: the log's highest number is
 * a cheap question, and only rows with newer changes are read again. That makes the writes of other
 * processes visible in the same way as our own.
 *
 * An index holds every row that has vectors, also in the trash or superseded. These two are hidden in it:
 * a search without filters passes them by, one with filters asks among the rows that SQL names.
 *
 * Searching needs no lock: it works on a view of the index. The lock of a set is held while the log is
 * followed, since whoever else searches needs the same rows.
 *
 * Where there are more spaces than sets, the one that was not used for longest makes room.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <math.h>

#include "base/alloc.h"
#include "base/log.h"

struct vectors {
    struct store *store;
    struct mutex lock; /* guards all below, and n_users and used_at of the sets */
    struct vector_set *sets[STORE_SPACES_MAX];
    size_t n;
    int64_t n_uses; /* a clock for used_at */
};

struct vectors *vectors_new(struct store *s)
{
    struct vectors *v = NEW(struct vectors);

    v->store = s;
    mutex_init(&v->lock);
    return v;
}

static void set_free(struct vector_set *set)
{
    index_free(set->index);
    mutex_deinit(&set->lock);
    free(set->space);
    free(set->model_id);
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

const char *vectors_path(const struct vectors *v)
{
    return v->store->path;
}

/* Whether enough was taken over since the last file that the next start would notice. */
static bool is_worth_a_file(const struct vector_set *set)
{
    return set->n_taken >= MAX((size_t)CHECKPOINT_ROWS_MIN, index_count(set->index) / 4);
}

/* The same for a program that ends and has nothing better to do. */
static bool is_worth_a_last_file(const struct vector_set *set)
{
    return set->n_taken >= CHECKPOINT_ROWS_MIN;
}

/* The set at a place, lent; NULL: there is none. */
static struct vector_set *take_at(struct vectors *v, size_t at)
{
    MUTEX_SCOPE(&v->lock);

    if (at >= v->n)
        return NULL;
    v->sets[at]->n_users++;
    return v->sets[at];
}

void vectors_save_due(struct store *s)
{
    for (size_t i = 0; i < STORE_SPACES_MAX; i++) {
        AUTO_VECTOR_SET *set = take_at(s->vectors, i);
        AUTO_READER r = {0};

        if (!set || !reader_take(s, &r, NULL))
            return;
        checkpoint_save(set, r.db, is_worth_a_file);
    }
}

void vectors_save(struct vectors *v, struct db *db)
{
    MUTEX_SCOPE(&v->lock);

    for (size_t i = 0; i < v->n; i++)
        checkpoint_save(v->sets[i], db, is_worth_a_last_file);
}

static struct vector_set *set_new(struct vectors *v, struct str space, struct str model_id,
                                  size_t dim)
{
    struct vector_set *set = NEW(struct vector_set);

    set->owner = v;
    set->space = mem_dup(space);
    set->model_id = mem_dup(model_id);
    set->dim = dim;
    set->index = index_new(dim);
    set->seq = -1;
    mutex_init(&set->lock);
    return set;
}

static bool is_set_of(const struct vector_set *set, struct str space, struct str model_id,
                      size_t dim)
{
    return set && set->dim == dim && str_eq_c(space, set->space) &&
           str_eq_c(model_id, set->model_id);
}

/* The place of the set, or of one that may be replaced by it; NULL: all are in use. */
static struct vector_set **find_place(struct vectors *v, struct str space, struct str model_id,
                                      size_t dim)
{
    struct vector_set **oldest = NULL;

    for (size_t i = 0; i < v->n; i++) {
        struct vector_set *set = v->sets[i];

        if (is_set_of(set, space, model_id, dim))
            return &v->sets[i];
        if (set->n_users == 0 && (!oldest || set->used_at < (*oldest)->used_at))
            oldest = &v->sets[i];
    }
    return v->n < STORE_SPACES_MAX ? &v->sets[v->n++] : oldest;
}

bool vectors_take(struct vectors *v, struct str space, struct str model_id, size_t dim,
                  struct vector_set **out, struct error *err)
{
    struct vector_set **place;
    MUTEX_SCOPE(&v->lock);

    place = find_place(v, space, model_id, dim);
    if (!place)
        return error_set(err, ERROR_LIMIT, "%d spaces are being searched just now; try again",
                         STORE_SPACES_MAX);
    if (!is_set_of(*place, space, model_id, dim)) {
        if (*place)
            set_free(*place);
        *place = set_new(v, space, model_id, dim);
    }
    (*place)->n_users++;
    (*place)->used_at = ++v->n_uses;
    *out = *place;
    return true;
}

void vectors_give_back(struct vector_set **set)
{
    if (!*set)
        return;
    MUTEX_SCOPE(&(*set)->owner->lock);
    (*set)->n_users--;
}

int64_t vectors_bytes(struct vectors *v, struct str space)
{
    int64_t bytes = 0;
    MUTEX_SCOPE(&v->lock);

    for (size_t i = 0; i < v->n; i++) {
        if (str_eq_c(space, v->sets[i]->space))
            bytes += (int64_t)index_bytes(v->sets[i]->index);
    }
    return bytes;
}

/* -- stored vectors --------------------------------------------------------------------------- */

#define NORM_SLACK 0.02 /* how far the square of a stored length may be from 1 */

static bool is_unit(const char *bytes, size_t dim)
{
    double norm = 0;

    for (size_t i = 0; i < dim; i++) {
        float x; /* a blob need not be aligned */

        memcpy(&x, bytes + i * sizeof(x), sizeof(x));
        norm += (double)x * (double)x;
    }
    return fabs(norm - 1) <= NORM_SLACK; /* false for what is no number */
}

bool vectors_are_sound(struct str blob, size_t dim, size_t *out_n_parts)
{
    size_t n_parts = dim ? blob.len / (dim * sizeof(float)) : 0;

    if (n_parts == 0 || n_parts * dim * sizeof(float) != blob.len)
        return false;
    for (size_t i = 0; i < n_parts; i++) {
        if (!is_unit(blob.ptr + i * dim * sizeof(float), dim))
            return false;
    }
    *out_n_parts = n_parts;
    return true;
}

/* -- following the log ------------------------------------------------------------------------ */

bool vectors_last_change(struct db *db, int64_t *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, "SELECT coalesce(max(seq), 0) FROM change", &q, err) ||
        !db_step(db, q.os, &has_row, "read the change log", err))
        return false;
    *out = sqlite3_column_int64(q.os, 0);
    return true;
}

/* One row: the memory's number, whether it is current, its vectors (NULL: none, or no longer). False if
 * what is stored is damaged; such a memory is found by words only. */
static bool take_over(struct vector_set *set, sqlite3_stmt *q)
{
    struct str blob = {sqlite3_column_blob(q, 2), (size_t)sqlite3_column_bytes(q, 2)};
    struct index_item item = {.id = sqlite3_column_int64(q, 0),
                              .vectors = (const float *)(const void *)blob.ptr,
                              .is_hidden = !sqlite3_column_int(q, 1)};

    if (item.id <= 0 || item.id > INDEX_ID_MAX)
        return false;
    if (vectors_are_sound(blob, set->dim, &item.n_parts)) {
        index_put(set->index, &item);
        return true;
    }
    index_remove(set->index, item.id);
    return blob.len == 0;
}

static bool take_over_all(struct vector_set *set, struct db *db, sqlite3_stmt *q,
                          struct error *err)
{
    bool has_row = true;
    size_t n_damaged = 0;

    db_bind_str(q, 1, str_c(set->space));
    db_bind_str(q, 2, str_c(set->model_id));
    sqlite3_bind_int64(q, 3, (int64_t)set->dim);
    while (has_row) {
        if (!db_step(db, q, &has_row, "read vectors", err))
            return false;
        n_damaged += has_row && !take_over(set, q);
        set->n_taken += has_row;
    }
    if (n_damaged)
        log_event(LOG_WARN, "store.vectors",
                  "damaged=%zu text=\"left out of search by meaning; 'memoryd reindex --all' "
                  "makes them anew\"",
                  n_damaged);
    return true;
}

static bool load_all(struct vector_set *set, struct db *db, struct error *err)
{
    AUTO_STMT q = {0};

    return db_prepare(db,
                      "SELECT m.row, m.deleted_ms = 0 AND m.superseded_by = '', v.value"
                      " FROM memory m JOIN vector v ON v.row = m.row"
                      " WHERE m.space = ?1 AND v.model = ?2 AND v.dim = ?3",
                      &q, err) &&
           take_over_all(set, db, q.os, err);
}

/* Rows with changes in (seq, until]; a purged one comes without vectors. */
static bool catch_up(struct vector_set *set, struct db *db, int64_t until, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "SELECT c.row, m.deleted_ms = 0 AND m.superseded_by = '', v.value"
                    " FROM (SELECT DISTINCT row FROM change"
                    "       WHERE space = ?1 AND seq > ?4 AND seq <= ?5) c"
                    " LEFT JOIN memory m ON m.row = c.row AND m.space = ?1"
                    " LEFT JOIN vector v ON v.row = m.row AND v.model = ?2 AND v.dim = ?3",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 4, set->seq);
    sqlite3_bind_int64(q.os, 5, until);
    return take_over_all(set, db, q.os, err);
}

/* *out_wants_file: it grew, and there is no keeper to write its file. */
static bool follow(struct vector_set *set, struct db *db, int64_t until, bool *out_wants_file,
                   struct error *err)
{
    MUTEX_SCOPE(&set->lock);

    *out_wants_file = false;
    if (set->seq >= until) /* another caller may have taken over more than db shows */
        return true;
    if (set->seq < 0 && !checkpoint_load(set, db)) {
        if (!load_all(set, db, err)) {
            index_take(set->index,
                       index_new(set->dim)); /* half of it would never be corrected */
            set->n_taken = 0;
            return false;
        }
    } else if (!catch_up(set, db, until, err)) {
        return false;
    }
    set->seq = until;
    *out_wants_file =
        is_worth_a_file(set) && !keeper_call(set->owner->store->keeper, KEEPER_INDEX);
    return true;
}

bool vectors_follow(struct vector_set *set, struct db *db, struct error *err)
{
    int64_t until;
    bool wants_file;

    if (!vectors_last_change(db, &until, err) || !follow(set, db, until, &wants_file, err))
        return false;
    if (wants_file)
        checkpoint_save(set, db, is_worth_a_file);
    return true;
}

/*
 * lengths.c - how many words each memory's text and tags have, in memory: what BM25 divides by.
 *
 * FTS5 keeps them in a table of its own, and asking that for each memory took most of the time of a
 * ranking. Here two bytes per memory of all spaces are loaded by the first search and brought up to date
 * by the change log, as the vectors are. A ranking holds a table by a reference and no lock; a table that
 * somebody holds is not changed but replaced by a copy.
 *
 * A length that is not known, or out of date by a moment, shifts a score by a few percent and does no harm.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/alloc.h"

#define ROWS_MIN 1024                /* room made first */
#define ROWS_MAX ((int64_t)64 << 20) /* lengths of rows beyond are not known */

struct length_table {
    size_t n_refs; /* under lengths.lock; one is that of lengths.table */
    int64_t n_rows;
    uint16_t of_row[]; /* 0: unknown */
};

struct lengths {
    struct mutex lock; /* guards all below; held while the log is followed */
    struct length_table *table;
    int64_t seq; /* the last change taken over; -1: nothing loaded yet */
};

struct lengths *lengths_new(void)
{
    struct lengths *l = NEW(struct lengths);

    mutex_init(&l->lock);
    l->seq = -1;
    return l;
}

void lengths_free(struct lengths *l)
{
    if (!l)
        return;
    free(l->table); /* nobody searches any more */
    mutex_deinit(&l->lock);
    free(l);
}

/* A table of at least n_rows that only l refers to, with the lengths of the one before. */
static void make_own(struct lengths *l, int64_t n_rows)
{
    struct length_table *old = l->table, *t;
    int64_t n_old = old ? old->n_rows : 0;

    if (old && old->n_refs == 1 && n_rows <= n_old)
        return;
    if (n_rows > n_old)
        n_rows = MAX(MAX(n_rows, n_old + n_old / 2), (int64_t)ROWS_MIN);
    else
        n_rows = n_old;
    t = mem_alloc(1, sizeof(*t) + (size_t)n_rows * sizeof(t->of_row[0]));
    t->n_refs = 1;
    t->n_rows = n_rows;
    if (n_old)
        memcpy(t->of_row, old->of_row, (size_t)n_old * sizeof(t->of_row[0]));
    l->table = t;
    if (old && --old->n_refs == 0)
        free(old);
}

/* What FTS5 keeps of a row: the number of words of each column, as SQLite's variable-length integers, seven
 * bits a byte. */
static uint16_t sum_of_columns(struct str sizes)
{
    uint64_t sum = 0, column = 0;

    for (size_t i = 0; i < sizes.len; i++) {
        column = (column << 7 | ((unsigned char)sizes.ptr[i] & 0x7f)) & UINT32_MAX;
        if ((unsigned char)sizes.ptr[i] & 0x80)
            continue;
        sum += column;
        column = 0;
    }
    return (uint16_t)MIN(sum, (uint64_t)UINT16_MAX);
}

static bool take_over(struct lengths *l, struct db *db, sqlite3_stmt *q, struct error *err)
{
    bool has_row = true;

    while (has_row) {
        int64_t row;

        if (!db_step(db, q, &has_row, "read the lengths of texts", err))
            return false;
        row = has_row ? sqlite3_column_int64(q, 0) : 0;
        if (row <= 0 || row >= ROWS_MAX)
            continue;
        make_own(l, row + 1);
        l->table->of_row[row] = sum_of_columns(
            str_n(sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1)));
    }
    return true;
}

static bool follow(struct lengths *l, struct db *db, int64_t until, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    l->seq < 0 ? "SELECT id, sz FROM memory_fts_docsize"
                               : "SELECT c.row, d.sz FROM (SELECT DISTINCT row FROM change"
                                 "  WHERE seq > ?1 AND seq <= ?2) c"
                                 " LEFT JOIN memory_fts_docsize d ON d.id = c.row",
                    &q, err))
        return false;
    if (l->seq >= 0) {
        sqlite3_bind_int64(q.os, 1, l->seq);
        sqlite3_bind_int64(q.os, 2, until);
    }
    if (!take_over(l, db, q.os, err))
        return false;
    l->seq = until;
    return true;
}

bool lengths_take(struct lengths *l, struct db *db, struct length_ref *out, struct error *err)
{
    int64_t until;

    if (!vectors_last_change(db, &until, err))
        return false;
    MUTEX_SCOPE(&l->lock);
    if (l->seq < until && !follow(l, db, until, err))
        return false;
    if (!l->table)
        make_own(l, 0);
    l->table->n_refs++;
    *out = (struct length_ref){l, l->table, l->seq};
    return true;
}

void lengths_give_back(struct length_ref *r)
{
    if (!r->owner)
        return;
    mutex_lock(&r->owner->lock);
    if (--r->table->n_refs == 0)
        free(r->table);
    mutex_unlock(&r->owner->lock);
    *r = (struct length_ref){0};
}

unsigned lengths_of(const struct length_ref *r, int64_t row)
{
    return row > 0 && row < r->table->n_rows ? r->table->of_row[row] : 0;
}

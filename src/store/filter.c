/*
 * filter.c - a struct memory_filter as SQL conditions: the one place where filters become SQL.
 *
 * The text is put together from constants, only those that the filter needs, so that SQLite can use
 * an index for what is there; values are bound, lists of them as JSON arrays.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "json/json.h"

enum { /* parameter numbers; ?1 is the space */
       PARAM_SPACE = 1,
       PARAM_FROM,
       PARAM_UNTIL,
       PARAM_STALE,
       PARAM_MIN_QUALITY,
       PARAM_MAX_QUALITY,
       PARAM_TYPES,
       PARAM_TAGS,
       PARAM_N_TAGS,
       PARAM_EXACT,
};

bool filter_is_plain(const struct memory_filter *f)
{
    return !f->n_tags && !f->n_types && !f->is_nothing && !f->from_ms && !f->until_ms &&
           !f->stale_before_ms && f->min_quality <= 0 && f->max_quality <= 0 && !f->exact.len &&
           !f->has_superseded && f->trash == TRASH_HIDE;
}

/* SQLite collects such a set anew each time a statement is run. */
static void tags_sql(const struct memory_filter *f, struct buf *sql)
{
    if (f->is_all_tags)
        buf_add_c(sql, " AND m.row IN (SELECT t.row FROM memory_tag t WHERE t.space = ?1"
                       " AND t.tag IN (SELECT value FROM json_each(?8))"
                       " GROUP BY t.row HAVING count(*) = ?9)");
    else
        buf_add_c(sql, " AND m.row IN (SELECT t.row FROM memory_tag t WHERE t.space = ?1"
                       " AND t.tag IN (SELECT value FROM json_each(?8)))");
}

/* The same, asked about m.row alone. */
static void tags_row_sql(const struct memory_filter *f, struct buf *sql)
{
    buf_add_c(sql, " AND (SELECT count(*) FROM memory_tag t WHERE t.space = ?1"
                   " AND t.tag IN (SELECT value FROM json_each(?8)) AND t.row = m.row)");
    buf_add_c(sql, f->is_all_tags ? " = ?9" : " > 0");
}

static void conditions_sql(const struct memory_filter *f, struct buf *sql)
{
    if (f->trash == TRASH_HIDE)
        buf_add_c(sql, " AND m.deleted_ms = 0");
    if (f->trash == TRASH_ONLY)
        buf_add_c(sql, " AND m.deleted_ms > 0");
    if (!f->has_superseded)
        buf_add_c(sql, " AND m.superseded_by = ''");
    if (f->from_ms)
        buf_add_c(sql, " AND m.created_ms >= ?2");
    if (f->until_ms)
        buf_add_c(sql, " AND m.created_ms < ?3");
    if (f->stale_before_ms)
        buf_add_c(sql, " AND iif(m.accessed_ms, m.accessed_ms, m.created_ms) < ?4");
    if (f->min_quality > 0)
        buf_add_c(sql, " AND iif(m.quality < 0, 0.5, m.quality) >= ?5");
    if (f->max_quality > 0)
        buf_add_c(sql, " AND iif(m.quality < 0, 0.5, m.quality) <= ?6");
    if (f->n_types)
        buf_add_c(sql, " AND m.type IN (SELECT value FROM json_each(?7))");
    if (f->exact.len)
        buf_add_c(sql, " AND instr(lower(m.content), lower(?10)) > 0");
    if (f->is_nothing)
        buf_add_c(sql, " AND 0");
}

void filter_sql(const struct memory_filter *f, struct buf *sql)
{
    conditions_sql(f, sql);
    if (f->n_tags)
        tags_sql(f, sql);
}

void filter_row_sql(const struct memory_filter *f, struct buf *sql)
{
    conditions_sql(f, sql);
    if (f->n_tags)
        tags_row_sql(f, sql);
}

static void bind_list(struct arena *a, sqlite3_stmt *q, int at, const struct str *items,
                      size_t n)
{
    json_t *list = json_strs(items, n);

    db_bind_str(q, at, json_text(a, list));
    json_decref(list);
}

static size_t count_distinct(const struct str *items, size_t n)
{
    size_t distinct = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < i && !str_eq(items[k], items[i]))
            k++;
        distinct += k == i;
    }
    return distinct;
}

/* Parameters that the text does not use do not exist; binding them fails without harm. */
void filter_bind(struct arena *a, sqlite3_stmt *q, struct str space,
                 const struct memory_filter *f)
{
    db_bind_str(q, PARAM_SPACE, space);
    sqlite3_bind_int64(q, PARAM_FROM, f->from_ms);
    sqlite3_bind_int64(q, PARAM_UNTIL, f->until_ms);
    sqlite3_bind_int64(q, PARAM_STALE, f->stale_before_ms);
    sqlite3_bind_double(q, PARAM_MIN_QUALITY, f->min_quality);
    sqlite3_bind_double(q, PARAM_MAX_QUALITY, f->max_quality);
    if (f->n_types)
        bind_list(a, q, PARAM_TYPES, f->types, f->n_types);
    if (f->n_tags) {
        bind_list(a, q, PARAM_TAGS, f->tags, f->n_tags);
        sqlite3_bind_int64(q, PARAM_N_TAGS, (int64_t)count_distinct(f->tags, f->n_tags));
    }
    if (f->exact.len)
        db_bind_str(q, PARAM_EXACT, f->exact);
}

bool filter_rows(struct arena *a, struct db *db, const struct rank_request *r,
                 struct bitmap *out, struct error *err)
{
    AUTO_STMT q = {0};
    AUTO_BUF sql = {0};
    bool has_row = true;
    int64_t row;

    buf_add_c(&sql, "SELECT m.row FROM memory m WHERE m.space = ?1");
    filter_sql(r->filter, &sql);
    if (!db_prepare(db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q.os, r->space, r->filter);
    while (has_row) {
        if (!db_step(db, q.os, &has_row, "apply the filters", err))
            return false;
        row = has_row ? sqlite3_column_int64(q.os, 0) : 0;
        if (row > 0 && row <= INDEX_ID_MAX)
            bitmap_add(out, row);
    }
    return true;
}

/* read.c - memories: one, several, pages of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/vec.h"
#include "json/json.h"

struct memories VEC(struct memory);

bool read_tags(struct arena *a, struct str json, const struct str **out, size_t *out_n,
               struct error *err)
{
    AUTO_JSON *list = NULL;
    struct str *tags;
    size_t n;

    if (!json_parse(json, &list, err))
        return error_set(err, ERROR_INTERNAL, "stored tags are damaged");
    n = json_array_size(list);
    tags = ARENA_NEW(a, struct str, n);
    for (size_t i = 0; i < n; i++)
        tags[i] = arena_dup(a, json_view(json_array_get(list, i)));
    *out = tags;
    *out_n = n;
    return true;
}

/* A score as written, in [0, 1], or what stands for none. A damaged file may hold other numbers. */
static double score_of(sqlite3_stmt *q, int at, double none)
{
    double score = sqlite3_column_double(q, at);

    return score >= 0 ? MIN(score, 1.0) : none;
}

bool read_memory(struct arena *a, sqlite3_stmt *q, struct memory *out, struct error *err)
{
    int at = 0;
    struct memory m = {0};

    m.row = sqlite3_column_int64(q, at++);
    m.space = db_column_str(a, q, at++);
    m.hash = db_column_str(a, q, at++);
    m.content = db_column_str(a, q, at++);
    m.type = db_column_str(a, q, at++);
    m.metadata = db_column_str(a, q, at++);
    m.created_ms = sqlite3_column_int64(q, at++);
    m.updated_ms = sqlite3_column_int64(q, at++);
    m.accessed_ms = sqlite3_column_int64(q, at++);
    m.deleted_ms = sqlite3_column_int64(q, at++);
    m.n_accesses = sqlite3_column_int64(q, at++);
    m.revision = sqlite3_column_int64(q, at++);
    m.parent = db_column_str(a, q, at++);
    m.superseded_by = db_column_str(a, q, at++);
    m.quality = score_of(q, at++, -1);
    m.confidence = score_of(q, at++, 0);
    m.has_vector = sqlite3_column_int(q, at++) != 0;
    if (!read_tags(a, db_column_str(a, q, at), &m.tags, &m.n_tags, err))
        return false;
    *out = m;
    return true;
}

/* All rows of q, which selects MEMORY_COLUMNS, as an array in the arena. */
static bool read_memories(struct arena *a, struct db *db, sqlite3_stmt *q, struct memory **out,
                          size_t *out_n, struct error *err)
{
    struct memories list = {0};
    bool has_row = true, is_ok = true;

    while (is_ok && has_row) {
        struct memory m;

        is_ok = db_step(db, q, &has_row, "read memories", err) &&
                (!has_row || read_memory(a, q, &m, err));
        if (is_ok && has_row)
            VEC_PUSH(&list, m);
    }
    if (is_ok) {
        *out = ARENA_NEW(a, struct memory, list.len);
        if (list.len)
            memcpy(*out, list.ptr, list.len * sizeof(**out));
        *out_n = list.len;
    }
    VEC_DEINIT(&list);
    return is_ok;
}

/* -- one memory ------------------------------------------------------------------------------- */

static bool read_exact(struct arena *a, struct db *db, struct str space, struct str hash,
                       struct memory **out, size_t *out_n, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "SELECT" MEMORY_COLUMNS "FROM memory m WHERE m.space = ?1 AND m.hash = ?2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    db_bind_str(q.os, 2, hash);
    return read_memories(a, db, q.os, out, out_n, err);
}

/* Those whose hash begins so, two at most: enough to know that one is not alone. The upper end is
 * the prefix with a byte behind it that no UTF-8 text has. */
static bool read_prefix(struct arena *a, struct db *db, struct str space, struct str prefix,
                        enum trash_filter trash, struct memory **out, size_t *out_n,
                        struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "SELECT" MEMORY_COLUMNS "FROM memory m"
                    " WHERE m.space = ?1 AND m.hash >= ?2 AND m.hash < ?3"
                    " AND (?4 = 2 OR (m.deleted_ms > 0) = (?4 = 1)) LIMIT 2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    db_bind_str(q.os, 2, prefix);
    db_bind_str(q.os, 3, arena_printf(a, STR_FMT "\xff", STR_ARG(prefix)));
    sqlite3_bind_int(q.os, 4, (int)trash);
    return read_memories(a, db, q.os, out, out_n, err);
}

static bool is_wanted(const struct memory *m, enum trash_filter trash)
{
    return trash == TRASH_SHOW || (m->deleted_ms > 0) == (trash == TRASH_ONLY);
}

bool store_get(struct store *s, struct arena *a, struct str space, struct str hash,
               enum trash_filter trash, struct memory **out, struct error *err)
{
    AUTO_READER r = {0};
    struct memory *found;
    size_t n;

    if (!reader_take(s, &r, err) || !read_exact(a, r.db, space, hash, &found, &n, err))
        return false;
    if (n == 0 && hash.len >= MEMORY_HASH_MIN_PREFIX &&
        !read_prefix(a, r.db, space, hash, trash, &found, &n, err))
        return false;
    if (n > 1)
        return error_set(err, ERROR_CONFLICT,
                         "several memories begin with '" STR_FMT "'; give more of the hash",
                         STR_ARG(hash));
    *out = n && is_wanted(found, trash) ? found : NULL;
    return true;
}

static bool read_row(struct arena *a, struct db *db, sqlite3_stmt *q, int64_t row,
                     struct memory *out, bool *out_found, struct error *err)
{
    sqlite3_reset(q);
    sqlite3_bind_int64(q, 2, row);
    return db_step(db, q, out_found, "read a memory", err) &&
           (!*out_found || read_memory(a, q, out, err));
}

bool store_get_rows(struct store *s, struct arena *a, struct str space, const int64_t *rows,
                    size_t n_rows, struct memory **out, size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    struct memory *list = ARENA_NEW(a, struct memory, n_rows);
    size_t n = 0;

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT" MEMORY_COLUMNS "FROM memory m WHERE m.space = ?1 AND m.row = ?2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    for (size_t i = 0; i < n_rows; i++) {
        bool is_found;

        if (!read_row(a, r.db, q.os, rows[i], &list[n], &is_found, err))
            return false;
        n += is_found;
    }
    *out = list;
    *out_n = n;
    return true;
}

/* -- pages ------------------------------------------------------------------------------------ */

static bool count_matches(struct arena *a, struct db *db, struct str space,
                          const struct memory_filter *filter, size_t *out, struct error *err)
{
    AUTO_STMT q = {0};
    AUTO_BUF sql = {0};
    bool has_row;

    buf_add_c(&sql, "SELECT count(*) FROM memory m WHERE m.space = ?1");
    filter_sql(filter, &sql);
    if (!db_prepare(db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q.os, space, filter);
    if (!db_step(db, q.os, &has_row, "count memories", err))
        return false;
    *out = has_row ? (size_t)sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

struct page {
    size_t offset, limit;
};

static bool read_page(struct arena *a, struct db *db, struct str space,
                      const struct memory_filter *filter, struct page page, struct memory **out,
                      size_t *out_n, struct error *err)
{
    AUTO_STMT q = {0};
    AUTO_BUF sql = {0};

    buf_add_c(&sql, "SELECT" MEMORY_COLUMNS "FROM memory m WHERE m.space = ?1");
    filter_sql(filter, &sql);
    buf_add_c(&sql, " ORDER BY m.created_ms DESC, m.row DESC LIMIT ?20 OFFSET ?21");
    if (!db_prepare(db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q.os, space, filter);
    sqlite3_bind_int64(q.os, FILTER_PARAM_FREE, (int64_t)page.limit);
    sqlite3_bind_int64(q.os, FILTER_PARAM_FREE + 1, (int64_t)page.offset);
    return read_memories(a, db, q.os, out, out_n, err);
}

bool store_list(struct store *s, struct arena *a, struct str space,
                const struct memory_filter *filter, size_t offset, size_t limit,
                struct memory **out, size_t *out_n, size_t *out_total, struct error *err)
{
    AUTO_READER r = {0};
    const struct page page = {offset, limit};
    size_t total;

    if (filter->stale_before_ms)
        touch_write(s); /* what was just read is not stale */
    if (!reader_take(s, &r, err) || !count_matches(a, r.db, space, filter, &total, err) ||
        !read_page(a, r.db, space, filter, page, out, out_n, err))
        return false;
    *out_total = total;
    return true;
}

struct hashes VEC(struct str);

bool store_list_hashes(struct store *s, struct arena *a, struct str space,
                       const struct memory_filter *filter, const struct str **out,
                       size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    AUTO_BUF sql = {0};
    struct hashes list = {0};
    bool has_row = true, is_ok = true;
    struct str *copy;

    if (filter->stale_before_ms)
        touch_write(s);
    buf_add_c(&sql, "SELECT m.hash FROM memory m WHERE m.space = ?1");
    filter_sql(filter, &sql);
    buf_add_c(&sql, " ORDER BY m.row");
    if (!reader_take(s, &r, err) || !db_prepare(r.db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q.os, space, filter);
    while (is_ok && has_row) {
        is_ok = db_step(r.db, q.os, &has_row, "apply the filters", err);
        if (is_ok && has_row)
            VEC_PUSH(&list, db_column_str(a, q.os, 0));
    }
    copy = ARENA_NEW(a, struct str, list.len);
    if (list.len)
        memcpy(copy, list.ptr, list.len * sizeof(*copy));
    *out = copy;
    *out_n = list.len;
    VEC_DEINIT(&list);
    return is_ok;
}

bool store_list_by_row(struct store *s, struct arena *a, struct str space, struct str model_id,
                       int64_t after_row, size_t limit, struct memory **out, size_t *out_n,
                       struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT" MEMORY_COLUMNS "FROM memory m"
                    " WHERE m.space = ?1 AND m.row > ?2 AND m.deleted_ms = 0"
                    " AND (?3 = '' OR NOT EXISTS"
                    " (SELECT 1 FROM vector v WHERE v.row = m.row AND v.model = ?3))"
                    " ORDER BY m.row LIMIT ?4",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, after_row);
    db_bind_str(q.os, 3, model_id);
    sqlite3_bind_int64(q.os, 4, (int64_t)limit);
    return read_memories(a, r.db, q.os, out, out_n, err);
}

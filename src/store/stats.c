/* stats.c - counting and checking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/vec.h"
#include "sys/sys.h"

struct counts VEC(struct store_count);

static bool read_counts(struct arena *a, struct db *db, sqlite3_stmt *q,
                        struct store_count **out, size_t *out_n, struct error *err)
{
    struct counts list = {0};
    bool has_row = true, is_ok = true;

    while (is_ok && has_row) {
        is_ok = db_step(db, q, &has_row, "count", err);
        if (is_ok && has_row) {
            const struct store_count one = {db_column_str(a, q, 0), sqlite3_column_int64(q, 1)};

            VEC_PUSH(&list, one);
        }
    }
    if (is_ok) {
        *out = ARENA_NEW(a, struct store_count, list.len);
        if (list.len)
            memcpy(*out, list.ptr, list.len * sizeof(**out));
        *out_n = list.len;
    }
    VEC_DEINIT(&list);
    return is_ok;
}

/* A statement with the space as ?1 that gives one number. */
static bool read_number(struct db *db, const char *sql, struct str space, int64_t *out,
                        struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, sql, &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    if (!db_step(db, q.os, &has_row, "count", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

bool store_count_tags(struct store *s, struct arena *a, struct str space, size_t limit,
                      struct store_count **out, size_t *out_n, int64_t *out_unique,
                      struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};

    if (!reader_take(s, &r, err) ||
        !read_number(
            r.db,
            "SELECT count(DISTINCT t.tag) FROM memory_tag t JOIN memory m ON m.row = t.row"
            " WHERE t.space = ?1 AND m.deleted_ms = 0",
            space, out_unique, err) ||
        !db_prepare(
            r.db,
            "SELECT t.tag, count(*) AS n FROM memory_tag t JOIN memory m ON m.row = t.row"
            " WHERE t.space = ?1 AND m.deleted_ms = 0"
            " GROUP BY t.tag ORDER BY n DESC, t.tag LIMIT ?2",
            &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, (int64_t)limit);
    return read_counts(a, r.db, q.os, out, out_n, err);
}

bool store_count_types(struct store *s, struct arena *a, struct str space,
                       struct store_count **out, size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT type, count(*) AS n FROM memory WHERE space = ?1 AND deleted_ms = 0"
                    " GROUP BY type ORDER BY n DESC, type",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    return read_counts(a, r.db, q.os, out, out_n, err);
}

static int64_t bytes_on_disk(const struct store *s)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    AUTO_ARENA a = {0};
    int64_t sum = 0;

    for (size_t i = 0; i < COUNT(suffixes); i++) {
        int64_t one;

        if (sys_file_size(arena_printf(&a, "%s%s", s->path, suffixes[i]).ptr, &one))
            sum += one;
    }
    return sum;
}

static bool read_totals(struct db *db, struct str space, struct str model_id,
                        struct store_stats *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db,
                    "SELECT coalesce(sum(deleted_ms = 0), 0),"
                    " coalesce(sum(deleted_ms = 0 AND superseded_by <> ''), 0),"
                    " coalesce(sum(deleted_ms > 0), 0),"
                    " coalesce(sum(deleted_ms = 0 AND EXISTS (SELECT 1 FROM vector v"
                    "  WHERE v.row = m.row AND v.model = ?2)), 0),"
                    " coalesce(min(iif(deleted_ms = 0, created_ms, NULL)), 0),"
                    " coalesce(max(iif(deleted_ms = 0, created_ms, NULL)), 0)"
                    " FROM memory m WHERE space = ?1",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    db_bind_str(q.os, 2, model_id);
    if (!db_step(db, q.os, &has_row, "count memories", err))
        return false;
    *out = (struct store_stats){
        .n_live = sqlite3_column_int64(q.os, 0),
        .n_superseded = sqlite3_column_int64(q.os, 1),
        .n_trashed = sqlite3_column_int64(q.os, 2),
        .n_with_vector = sqlite3_column_int64(q.os, 3),
        .oldest_ms = sqlite3_column_int64(q.os, 4),
        .newest_ms = sqlite3_column_int64(q.os, 5),
    };
    return true;
}

bool store_stats(struct store *s, struct str space, struct str model_id,
                 struct store_stats *out, struct error *err)
{
    AUTO_READER r = {0};
    struct store_stats stats;

    if (!reader_take(s, &r, err) || !read_totals(r.db, space, model_id, &stats, err) ||
        !read_number(r.db,
                     "SELECT count(*) FROM memory_fts_docsize d JOIN memory m"
                     " ON m.row = d.id WHERE m.space = ?1",
                     space, &stats.n_fts, err) ||
        !read_number(r.db, "SELECT count(*) FROM change WHERE space = ?1", space,
                     &stats.n_changes, err))
        return false;
    stats.bytes_on_disk = bytes_on_disk(s);
    stats.index_bytes = vectors_bytes(s->vectors, space);
    *out = stats;
    return true;
}

bool store_free_bytes(struct store *s, int64_t *out, struct error *err)
{
    return sys_free_bytes(s->path, out, err);
}

bool store_count_created(struct store *s, struct str space, int64_t from_ms, int64_t until_ms,
                         int64_t *out, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    bool has_row;

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT count(*) FROM memory WHERE space = ?1 AND deleted_ms = 0"
                    " AND created_ms >= ?2 AND created_ms < ?3",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, from_ms);
    sqlite3_bind_int64(q.os, 3, until_ms);
    if (!db_step(r.db, q.os, &has_row, "count memories", err))
        return false;
    *out = has_row ? sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

/* -- checking --------------------------------------------------------------------------------- */

#define SEE_DAMAGED "see 'Damaged database' in docs/storage.md"

/* What quick_check finds first, as one line; empty if all is well. */
static bool check_structure(struct store *s, struct arena *a, struct str *out_problem,
                            struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    bool has_row;
    struct str found, heading;

    if (!reader_take(s, &r, err) || !db_prepare(r.db, "PRAGMA quick_check(1)", &q, err) ||
        !db_step(r.db, q.os, &has_row, "check the database", err))
        return false;
    found = has_row ? db_column_str(a, q.os, 0) : STR("the check gave no answer");
    *out_problem = (struct str){0};
    if (str_eq_c(found, "ok"))
        return true;
    if (str_starts(found, STR("*** "))) /* "*** in database main ***", then the finding */
        str_cut(found, '\n', &heading, &found);
    *out_problem =
        arena_printf(a, "the database is damaged (" STR_FMT "); " SEE_DAMAGED, STR_ARG(found));
    return true;
}

/* A write and the word index, compared with the texts that it was made from (rank 1 asks for that), in
 * one transaction that is rolled back. No reader may be held meanwhile: a process that empties the log keeps
 * writers out until all readers are done, so that it and we would wait for each other. */
static bool check_words(struct store *s, struct str *out_problem, struct error *err)
{
    AUTO_WRITER w = {0};

    if (!write_begin_alone(s, &w, err) ||
        !db_exec(w.db, "UPDATE meta SET value = value || '' WHERE name = 'written_by'", err))
        return false;
    if (sqlite3_exec(w.db->os,
                     "INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)",
                     NULL, NULL, NULL) == SQLITE_OK)
        return true;
    if ((sqlite3_errcode(w.db->os) & 0xff) != SQLITE_CORRUPT)
        return db_error(w.db, err, "check the word index");
    *out_problem = STR("the word index does not match the memories; " SEE_DAMAGED);
    return true;
}

bool store_probe(struct store *s, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_WRITER w = {0};

    return reader_take(s, &r, err) && db_exec(r.db, "SELECT max(seq) FROM change", err) &&
           (!write_try(s, &w) ||
            db_exec(w.db, "UPDATE meta SET value = value || '' WHERE name = 'written_by'",
                    err));
}

bool store_check(struct store *s, struct arena *a, struct str *out_problem, struct error *err)
{
    struct str problem;

    if (!check_structure(s, a, &problem, err))
        return false;
    if (!problem.len && !check_words(s, &problem, err))
        return false;
    *out_problem = problem;
    return true;
}

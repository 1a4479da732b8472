/* history.c - the change log, and memories as they were. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/vec.h"

struct change_list VEC(struct change);

static struct change read_change(struct arena *a, sqlite3_stmt *q)
{
    return (struct change){
        .seq = sqlite3_column_int64(q, 0),
        .at_ms = sqlite3_column_int64(q, 1),
        .op = db_column_str(a, q, 2),
        .hash = db_column_str(a, q, 3),
        .space = db_column_str(a, q, 4),
        .subject = db_column_str(a, q, 5),
        .client = db_column_str(a, q, 6),
        .detail = db_column_str(a, q, 7),
        .revision = sqlite3_column_int64(q, 8),
    };
}

static bool read_changes(struct arena *a, struct db *db, sqlite3_stmt *q, struct change **out,
                         size_t *out_n, struct error *err)
{
    struct change_list list = {0};
    bool has_row = true, is_ok = true;

    while (is_ok && has_row) {
        is_ok = db_step(db, q, &has_row, "read the change log", err);
        if (is_ok && has_row)
            VEC_PUSH(&list, read_change(a, q));
    }
    if (is_ok) {
        *out = ARENA_NEW(a, struct change, list.len);
        if (list.len)
            memcpy(*out, list.ptr, list.len * sizeof(**out));
        *out_n = list.len;
    }
    VEC_DEINIT(&list);
    return is_ok;
}

#define CHANGE_COLUMNS " seq, at_ms, op, hash, space, subject, client, detail, revision "

bool store_changes(struct store *s, struct arena *a, struct str space, struct str hash,
                   size_t offset, size_t limit, struct change **out, size_t *out_n,
                   struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    const char *sql = hash.len ? "SELECT" CHANGE_COLUMNS "FROM change"
                                 " WHERE space = ?1 AND hash = ?4"
                                 " ORDER BY seq DESC LIMIT ?2 OFFSET ?3"
                               : "SELECT" CHANGE_COLUMNS "FROM change WHERE space = ?1"
                                 " ORDER BY seq DESC LIMIT ?2 OFFSET ?3";

    if (!reader_take(s, &r, err) || !db_prepare(r.db, sql, &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, (int64_t)limit);
    sqlite3_bind_int64(q.os, 3, (int64_t)offset);
    if (hash.len)
        db_bind_str(q.os, 4, hash);
    return read_changes(a, r.db, q.os, out, out_n, err);
}

bool store_get_revision(struct store *s, struct arena *a, struct str space, struct str hash,
                        int64_t revision, struct memory **out, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    bool has_row;

    if (!reader_take(s, &r, err) ||
        !db_prepare(
            r.db,
            "SELECT m.row, m.space, m.hash,"
            " coalesce((SELECT later.content FROM revision later"
            "           WHERE later.row = m.row AND later.revision >= ?3"
            "           AND later.content IS NOT NULL ORDER BY later.revision LIMIT 1),"
            "          m.content),"
            " r.type, r.metadata, r.created_ms, r.updated_ms, m.accessed_ms, r.deleted_ms,"
            " m.n_accesses, r.revision, m.parent, r.superseded_by, r.quality,"
            " r.confidence, EXISTS (SELECT 1 FROM vector v WHERE v.row = m.row), r.tags"
            " FROM revision r JOIN memory m ON m.row = r.row"
            " WHERE m.space = ?1 AND m.hash = ?2 AND r.revision = ?3",
            &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    db_bind_str(q.os, 2, hash);
    sqlite3_bind_int64(q.os, 3, revision);
    if (!db_step(r.db, q.os, &has_row, "read a revision", err))
        return false;
    *out = NULL;
    if (!has_row)
        return true;
    *out = ARENA_NEW(a, struct memory, 1);
    return read_memory(a, q.os, *out, err);
}

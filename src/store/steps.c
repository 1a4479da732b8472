/*
 * steps.c - what changes are made of.
 *
 * The steps of a change to a memory that exists are always the same: keep the state before as a
 * revision, take it out of the full-text index, change it, put it back if it is live, log it. All run
 * inside the caller's transaction.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

/* Runs a statement whose only parameter is a row. */
static bool run_on_row(struct db *db, const char *sql, int64_t row, const char *what,
                       struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db, sql, &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    return db_run(db, q.os, what, err);
}

/* FTS5 must be told exactly what it holds: that is why the row is still as it was put in. */
bool step_words_remove(struct db *db, int64_t row, struct error *err)
{
    return run_on_row(db,
                      "INSERT INTO memory_fts (memory_fts, rowid, content, tags)"
                      " SELECT 'delete', row, content, tags FROM memory_text WHERE row = ?1",
                      row, "update the word index", err);
}

bool step_words_add(struct db *db, int64_t row, struct error *err)
{
    return run_on_row(db,
                      "INSERT INTO memory_fts (rowid, content, tags)"
                      " SELECT row, content, tags FROM memory_text WHERE row = ?1",
                      row, "update the word index", err);
}

bool step_keep_revision(struct db *db, int64_t row, int64_t now_ms, bool has_content,
                        struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "INSERT INTO revision SELECT m.row, m.revision, ?2, iif(?3, m.content, NULL),"
            " m.type, m.metadata,"
            " (SELECT json_group_array(tag)"
            "  FROM (SELECT tag FROM memory_tag t WHERE t.row = m.row ORDER BY position)),"
            " m.created_ms, m.updated_ms, m.deleted_ms, m.superseded_by, m.quality,"
            " m.confidence FROM memory m WHERE m.row = ?1",
            &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    sqlite3_bind_int64(q.os, 2, now_ms);
    sqlite3_bind_int(q.os, 3, has_content);
    return db_run(db, q.os, "keep the revision before", err);
}

bool step_set_tags(struct db *db, int64_t row, struct str space, const struct str *tags,
                   size_t n_tags, struct error *err)
{
    AUTO_STMT q = {0};

    if (!run_on_row(db, "DELETE FROM memory_tag WHERE row = ?1", row, "write tags", err) ||
        !db_prepare(db,
                    "INSERT INTO memory_tag (row, position, space, tag) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (space, tag, row) DO NOTHING",
                    &q, err))
        return false;
    for (size_t i = 0; i < n_tags; i++) {
        sqlite3_reset(q.os);
        sqlite3_bind_int64(q.os, 1, row);
        sqlite3_bind_int64(q.os, 2, (int64_t)i);
        db_bind_str(q.os, 3, space);
        db_bind_str(q.os, 4, tags[i]);
        if (!db_run(db, q.os, "write tags", err))
            return false;
    }
    return true;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored as they are");

bool step_put_vectors(struct db *db, struct str space, int64_t row,
                      const struct store_vectors *v, int *out_n, struct error *err)
{
    AUTO_STMT q = {0};

    *out_n = 0;
    if (!v || v->n_parts == 0)
        return true;
    if (!db_prepare(db,
                    "INSERT OR REPLACE INTO vector (row, model, dim, n_parts, value)"
                    " SELECT row, ?3, ?4, ?5, ?6 FROM memory WHERE space = ?1 AND row = ?2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, row);
    db_bind_str(q.os, 3, v->model_id);
    sqlite3_bind_int64(q.os, 4, (int64_t)v->dim);
    sqlite3_bind_int64(q.os, 5, (int64_t)v->n_parts);
    sqlite3_bind_blob64(q.os, 6, v->values, v->n_parts * v->dim * sizeof(float), SQLITE_STATIC);
    if (!db_run(db, q.os, "write vectors", err))
        return false;
    *out_n = sqlite3_changes(db->os);
    return true;
}

bool step_log(struct db *db, const struct store_actor *who, const struct log_entry *e,
              struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client,"
            " detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, who->now_ms);
    db_bind_str(q.os, 2, who->space);
    sqlite3_bind_int64(q.os, 3, e->row);
    db_bind_str(q.os, 4, e->hash);
    db_bind_str(q.os, 5, str_c(e->op));
    sqlite3_bind_int64(q.os, 6, e->revision);
    db_bind_str(q.os, 7, who->subject);
    db_bind_str(q.os, 8, who->client);
    db_bind_str(q.os, 9, e->detail.len ? e->detail : STR("{}"));
    return db_run(db, q.os, "write the change log", err);
}

bool step_read_state(struct db *db, struct str space, struct str hash, struct state *out,
                     struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db,
                    "SELECT row, revision, deleted_ms = 0, superseded_by <> '' FROM memory"
                    " WHERE space = ?1 AND hash = ?2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    db_bind_str(q.os, 2, hash);
    if (!db_step(db, q.os, &has_row, "read a memory", err))
        return false;
    *out = (struct state){0};
    if (has_row)
        *out =
            (struct state){true, sqlite3_column_int64(q.os, 0), sqlite3_column_int64(q.os, 1),
                           sqlite3_column_int(q.os, 2) != 0, sqlite3_column_int(q.os, 3) != 0};
    if (out->revision == INT64_MAX) /* no other can follow it */
        return error_set(err, ERROR_INTERNAL,
                         "the revision of memory '" STR_FMT
                         "' is damaged; see 'Damaged database' in docs/storage.md",
                         STR_ARG(hash));
    return true;
}

bool step_not_found(struct str hash, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
}

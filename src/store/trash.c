/* trash.c - into the trash, out of it again, and gone for good. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

static bool set_deleted(struct db *db, int64_t row, int64_t deleted_ms, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "UPDATE memory SET deleted_ms = ?2, revision = revision + 1 WHERE row = ?1",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    sqlite3_bind_int64(q.os, 2, deleted_ms);
    return db_run(db, q.os, "write the memory", err);
}

static bool delete_one(struct db *db, const struct store_actor *who, const struct state *state,
                       struct str hash, struct str detail, struct error *err)
{
    const struct log_entry entry = {"delete", state->row, hash, state->revision + 1, detail};

    return step_keep_revision(db, state->row, who->now_ms, false, err) &&
           step_words_remove(db, state->row, err) &&
           set_deleted(db, state->row, who->now_ms, err) && step_log(db, who, &entry, err);
}

bool store_delete(struct store *s, const struct store_actor *who, const struct str *hashes,
                  size_t n_hashes, struct str detail, size_t *out_n, struct error *err)
{
    AUTO_WRITER w = {0};
    size_t n = 0;

    if (!write_begin(s, &w, err))
        return false;
    for (size_t i = 0; i < n_hashes; i++) {
        struct state state;

        if (!step_read_state(w.db, who->space, hashes[i], &state, err))
            return false;
        if (!state.is_live)
            continue;
        if (!delete_one(w.db, who, &state, hashes[i], detail, err))
            return false;
        n++;
    }
    if (!write_commit(&w, err))
        return false;
    *out_n = n;
    return true;
}

bool store_restore(struct store *s, const struct store_actor *who, struct str hash,
                   struct error *err)
{
    AUTO_WRITER w = {0};
    struct state state;
    struct log_entry entry = {.op = "restore", .hash = hash};

    if (!write_begin(s, &w, err) || !step_read_state(w.db, who->space, hash, &state, err))
        return false;
    if (!state.exists || state.is_live)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found in the trash",
                         STR_ARG(hash));
    entry.row = state.row;
    entry.revision = state.revision + 1;
    return step_keep_revision(w.db, state.row, who->now_ms, false, err) &&
           set_deleted(w.db, state.row, 0, err) && step_words_add(w.db, state.row, err) &&
           step_log(w.db, who, &entry, err) && write_commit(&w, err);
}

/* -- purge ------------------------------------------------------------------------------------ */

static bool log_purge(struct db *db, const struct store_actor *who, int64_t before_ms,
                      struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client)"
            " SELECT ?3, space, row, hash, 'purge', revision, ?4, ?5 FROM memory"
            " WHERE space = ?1 AND deleted_ms > 0 AND deleted_ms < ?2 ORDER BY row",
            &q, err))
        return false;
    db_bind_str(q.os, 1, who->space);
    sqlite3_bind_int64(q.os, 2, before_ms);
    sqlite3_bind_int64(q.os, 3, who->now_ms);
    db_bind_str(q.os, 4, who->subject);
    db_bind_str(q.os, 5, who->client);
    return db_run(db, q.os, "write the change log", err);
}

static bool purge(struct db *db, const struct store_actor *who, int64_t before_ms,
                  size_t *out_n, struct error *err)
{
    AUTO_STMT q = {0};

    if (!log_purge(db, who, before_ms, err) ||
        !db_prepare(
            db, "DELETE FROM memory WHERE space = ?1 AND deleted_ms > 0 AND deleted_ms < ?2",
            &q, err))
        return false;
    db_bind_str(q.os, 1, who->space);
    sqlite3_bind_int64(q.os, 2, before_ms);
    if (!db_run(db, q.os, "empty the trash", err))
        return false;
    *out_n = (size_t)sqlite3_changes64(db->os);
    return true;
}

static bool count_purgeable(struct store *s, const struct store_actor *who, int64_t before_ms,
                            size_t *out_n, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_STMT q = {0};
    bool has_row;

    if (!reader_take(s, &r, err) ||
        !db_prepare(r.db,
                    "SELECT count(*) FROM memory"
                    " WHERE space = ?1 AND deleted_ms > 0 AND deleted_ms < ?2",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, who->space);
    sqlite3_bind_int64(q.os, 2, before_ms);
    if (!db_step(r.db, q.os, &has_row, "count the trash", err))
        return false;
    *out_n = has_row ? (size_t)sqlite3_column_int64(q.os, 0) : 0;
    return true;
}

/* The word index only marks what was deleted, until its parts are merged. */
static bool forget_words(struct db *db, struct error *err)
{
    return db_exec(db, "INSERT INTO memory_fts (memory_fts) VALUES ('optimize')", err);
}

bool store_purge(struct store *s, const struct store_actor *who, int64_t before_ms,
                 bool is_dry_run, size_t *out_n, struct error *err)
{
    AUTO_WRITER w = {0};
    size_t n;

    if (is_dry_run)
        return count_purgeable(s, who, before_ms, out_n, err);
    if (!write_begin_alone(s, &w, err) || !purge(w.db, who, before_ms, &n, err) ||
        (n && !forget_words(w.db, err)) || !write_commit(&w, err))
        return false;
    if (n)
        checkpoint_delete_all(s->path);
    *out_n = n;
    return true;
}

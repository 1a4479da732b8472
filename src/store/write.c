/*
 * write.c - changes: each one a transaction with its row in the change log.
 *
 * The steps of a change to a memory that exists are always the same: keep the state before as a
 * revision, take it out of the full-text index, change it, put it back if it is live, log it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "json/json.h"

/* -- steps ------------------------------------------------------------------------------------ */

/* Runs a statement whose only parameter is a row. */
static bool run_on_row(sqlite3 *db, const char *sql, int64_t row, const char *what,
                       struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(db, sql, &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    return db_run(db, q, what, err);
}

/* Only for rows that are in the index: FTS5 must be told exactly what it holds. */
static bool words_remove(sqlite3 *db, int64_t row, struct error *err)
{
    return run_on_row(db,
                      "INSERT INTO memory_fts (memory_fts, rowid, content, tags)"
                      " SELECT 'delete', row, content, tags FROM memory_text WHERE row = ?1",
                      row, "update the word index", err);
}

static bool words_add(sqlite3 *db, int64_t row, struct error *err)
{
    return run_on_row(db,
                      "INSERT INTO memory_fts (rowid, content, tags)"
                      " SELECT row, content, tags FROM memory_text WHERE row = ?1",
                      row, "update the word index", err);
}

/* Keeps the state before a change; with its content if the change may replace that. */
static bool keep_revision(sqlite3 *db, int64_t row, int64_t now_ms, bool has_content,
                          struct error *err)
{
    AUTO_STMT *q = NULL;

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
    sqlite3_bind_int64(q, 1, row);
    sqlite3_bind_int64(q, 2, now_ms);
    sqlite3_bind_int(q, 3, has_content);
    return db_run(db, q, "keep the revision before", err);
}

static bool set_tags(sqlite3 *db, int64_t row, struct str space, const struct str *tags,
                     size_t n_tags, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!run_on_row(db, "DELETE FROM memory_tag WHERE row = ?1", row, "write tags", err) ||
        !db_prepare(
            db, "INSERT INTO memory_tag (row, position, space, tag) VALUES (?1, ?2, ?3, ?4)",
            &q, err))
        return false;
    for (size_t i = 0; i < n_tags; i++) {
        sqlite3_reset(q);
        sqlite3_bind_int64(q, 1, row);
        sqlite3_bind_int64(q, 2, (int64_t)i);
        db_bind_str(q, 3, space);
        db_bind_str(q, 4, tags[i]);
        if (!db_run(db, q, "write tags", err))
            return false;
    }
    return true;
}

static bool put_vectors(sqlite3 *db, int64_t row, const struct store_vectors *v,
                        struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!v || v->n_parts == 0)
        return true;
    if (!db_prepare(db,
                    "INSERT OR REPLACE INTO vector (row, model, dim, n_parts, value)"
                    " VALUES (?1, ?2, ?3, ?4, ?5)",
                    &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    db_bind_str(q, 2, v->model_id);
    sqlite3_bind_int64(q, 3, (int64_t)v->dim);
    sqlite3_bind_int64(q, 4, (int64_t)v->n_parts);
    sqlite3_bind_blob64(q, 5, v->values, v->n_parts * v->dim * sizeof(float), SQLITE_STATIC);
    return db_run(db, q, "write vectors", err);
}

struct log_entry {
    const char *op;
    int64_t row;
    struct str hash;
    int64_t revision;
    struct str detail; /* empty: {} */
};

static bool log_change(sqlite3 *db, const struct store_actor *who, const struct log_entry *e,
                       struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(
            db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client,"
            " detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &q, err))
        return false;
    sqlite3_bind_int64(q, 1, who->now_ms);
    db_bind_str(q, 2, who->space);
    sqlite3_bind_int64(q, 3, e->row);
    db_bind_str(q, 4, e->hash);
    db_bind_str(q, 5, str_c(e->op));
    sqlite3_bind_int64(q, 6, e->revision);
    db_bind_str(q, 7, who->subject);
    db_bind_str(q, 8, who->client);
    db_bind_str(q, 9, e->detail.len ? e->detail : STR("{}"));
    return db_run(db, q, "write the change log", err);
}

struct state { /* of a memory inside a transaction */
    bool exists;
    int64_t row;
    int64_t revision;
    bool is_live;
    bool is_superseded;
};

static bool read_state(sqlite3 *db, struct str space, struct str hash, struct state *out,
                       struct error *err)
{
    AUTO_STMT *q = NULL;
    bool has_row;

    if (!db_prepare(db,
                    "SELECT row, revision, deleted_ms = 0, superseded_by <> '' FROM memory"
                    " WHERE space = ?1 AND hash = ?2",
                    &q, err))
        return false;
    db_bind_str(q, 1, space);
    db_bind_str(q, 2, hash);
    if (!db_step(db, q, &has_row, "read a memory", err))
        return false;
    *out = (struct state){0};
    if (has_row)
        *out = (struct state){true, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
                              sqlite3_column_int(q, 2) != 0, sqlite3_column_int(q, 3) != 0};
    return true;
}

static bool no_such_memory(struct str hash, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
}

/* -- put -------------------------------------------------------------------------------------- */

static bool insert_memory(sqlite3 *db, const struct store_actor *who, const struct memory *m,
                          int64_t *out_row, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(db,
                    "INSERT INTO memory (space, hash, content, type, metadata, created_ms,"
                    " updated_ms, parent, quality, confidence)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    &q, err))
        return false;
    db_bind_str(q, 1, who->space);
    db_bind_str(q, 2, m->hash);
    db_bind_str(q, 3, m->content);
    db_bind_str(q, 4, m->type);
    db_bind_str(q, 5, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q, 6, m->created_ms);
    sqlite3_bind_int64(q, 7, m->updated_ms);
    db_bind_str(q, 8, m->parent);
    sqlite3_bind_double(q, 9, m->quality);
    sqlite3_bind_double(q, 10, m->confidence);
    if (!db_run(db, q, "write the memory", err))
        return false;
    *out_row = sqlite3_last_insert_rowid(db);
    return true;
}

static bool put_new(sqlite3 *db, const struct store_actor *who, const struct memory *m,
                    const struct store_vectors *vectors, struct error *err)
{
    struct log_entry entry = {.op = "store", .hash = m->hash, .revision = 1};

    return insert_memory(db, who, m, &entry.row, err) &&
           set_tags(db, entry.row, who->space, m->tags, m->n_tags, err) &&
           words_add(db, entry.row, err) && put_vectors(db, entry.row, vectors, err) &&
           log_change(db, who, &entry, err);
}

static bool overwrite_trashed(sqlite3 *db, int64_t row, const struct memory *m,
                              struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(
            db,
            "UPDATE memory SET content = ?2, type = ?3, metadata = ?4, created_ms = ?5,"
            " updated_ms = ?6, parent = ?7, quality = ?8, confidence = ?9, deleted_ms = 0,"
            " accessed_ms = 0, n_accesses = 0, superseded_by = '', revision = revision + 1"
            " WHERE row = ?1",
            &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    db_bind_str(q, 2, m->content);
    db_bind_str(q, 3, m->type);
    db_bind_str(q, 4, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q, 5, m->created_ms);
    sqlite3_bind_int64(q, 6, m->updated_ms);
    db_bind_str(q, 7, m->parent);
    sqlite3_bind_double(q, 8, m->quality);
    sqlite3_bind_double(q, 9, m->confidence);
    return db_run(db, q, "write the memory", err);
}

static bool revive(sqlite3 *db, const struct store_actor *who, const struct state *state,
                   const struct memory *m, const struct store_vectors *vectors,
                   struct error *err)
{
    const struct log_entry entry = {.op = "store",
                                    .row = state->row,
                                    .hash = m->hash,
                                    .revision = state->revision + 1,
                                    .detail = STR("{\"from_trash\":true}")};

    return keep_revision(db, state->row, who->now_ms, true, err) &&
           overwrite_trashed(db, state->row, m, err) &&
           set_tags(db, state->row, who->space, m->tags, m->n_tags, err) &&
           words_add(db, state->row, err) && put_vectors(db, state->row, vectors, err) &&
           log_change(db, who, &entry, err);
}

/* The transaction is the caller's. */
static bool put(sqlite3 *db, const struct store_actor *who, const struct memory *m,
                const struct store_vectors *vectors, enum store_put_result *out,
                struct error *err)
{
    struct state state;

    if (!read_state(db, who->space, m->hash, &state, err))
        return false;
    *out = !state.exists   ? STORE_PUT_NEW
           : state.is_live ? STORE_PUT_DUPLICATE
                           : STORE_PUT_REVIVED;
    if (*out == STORE_PUT_NEW)
        return put_new(db, who, m, vectors, err);
    return *out == STORE_PUT_DUPLICATE || revive(db, who, &state, m, vectors, err);
}

bool store_put(struct store *s, const struct store_actor *who, const struct memory *m,
               const struct store_vectors *vectors, enum store_put_result *out,
               struct error *err)
{
    AUTO_WRITER w = {0};
    enum store_put_result result;

    if (!write_begin(s, &w, err) || !put(w.db, who, m, vectors, &result, err) ||
        !write_commit(&w, err))
        return false;
    *out = result;
    return true;
}

/* -- update ----------------------------------------------------------------------------------- */

static bool write_fields(sqlite3 *db, int64_t row, const struct memory *m, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(
            db,
            "UPDATE memory SET type = ?2, metadata = ?3, created_ms = ?4, updated_ms = ?5,"
            " quality = ?6, confidence = ?7, revision = revision + 1 WHERE row = ?1",
            &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    db_bind_str(q, 2, m->type);
    db_bind_str(q, 3, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q, 4, m->created_ms);
    sqlite3_bind_int64(q, 5, m->updated_ms);
    sqlite3_bind_double(q, 6, m->quality);
    sqlite3_bind_double(q, 7, m->confidence);
    return db_run(db, q, "write the memory", err);
}

static bool update(sqlite3 *db, const struct store_actor *who, const struct memory *m,
                   const struct log_entry *entry, struct error *err)
{
    return keep_revision(db, entry->row, who->now_ms, false, err) &&
           words_remove(db, entry->row, err) && write_fields(db, entry->row, m, err) &&
           set_tags(db, entry->row, who->space, m->tags, m->n_tags, err) &&
           words_add(db, entry->row, err) && log_change(db, who, entry, err);
}

bool store_update(struct store *s, const struct store_actor *who, const struct memory *m,
                  struct str detail, struct error *err)
{
    AUTO_WRITER w = {0};
    struct state state;
    struct log_entry entry = {.op = "update", .hash = m->hash, .detail = detail};

    if (!write_begin(s, &w, err) || !read_state(w.db, who->space, m->hash, &state, err))
        return false;
    if (!state.is_live)
        return no_such_memory(m->hash, err);
    if (state.revision != m->revision)
        return error_set(err, ERROR_CONFLICT, "it was changed by somebody else meanwhile");
    entry.row = state.row;
    entry.revision = state.revision + 1;
    return update(w.db, who, m, &entry, err) && write_commit(&w, err);
}

/* -- supersede -------------------------------------------------------------------------------- */

static bool mark_superseded(sqlite3 *db, const struct store_actor *who,
                            const struct state *state, struct str old_hash, struct str new_hash,
                            struct str reason, struct error *err)
{
    AUTO_STMT *q = NULL;
    AUTO_ARENA a = {0};
    json_t *detail = json_must(json_pack("{s:o, s:o}", "superseded_by", json_str(new_hash),
                                         "reason", json_str(reason)));
    const struct log_entry entry = {.op = "supersede",
                                    .row = state->row,
                                    .hash = old_hash,
                                    .revision = state->revision + 1,
                                    .detail = json_text(&a, detail)};

    json_decref(detail);
    if (!keep_revision(db, state->row, who->now_ms, false, err) ||
        !db_prepare(db,
                    "UPDATE memory SET superseded_by = ?2, updated_ms = ?3,"
                    " metadata = json_set(iif(?4 = '', metadata,"
                    "  json_set(metadata, '$.evolution_reason', ?4)), '$.superseded_by', ?2),"
                    " revision = revision + 1 WHERE row = ?1",
                    &q, err))
        return false;
    sqlite3_bind_int64(q, 1, state->row);
    db_bind_str(q, 2, new_hash);
    sqlite3_bind_int64(q, 3, who->now_ms);
    db_bind_str(q, 4, reason);
    return db_run(db, q, "mark the old version", err) && log_change(db, who, &entry, err);
}

bool store_supersede(struct store *s, const struct store_actor *who, struct str old_hash,
                     struct str reason, const struct memory *next,
                     const struct store_vectors *vectors, struct error *err)
{
    AUTO_WRITER w = {0};
    struct state old;
    enum store_put_result result;

    if (!write_begin(s, &w, err) || !read_state(w.db, who->space, old_hash, &old, err))
        return false;
    if (!old.is_live)
        return no_such_memory(old_hash, err);
    if (old.is_superseded)
        return error_set(err, ERROR_CONFLICT,
                         "memory '" STR_FMT "' has a newer version already", STR_ARG(old_hash));
    if (!put(w.db, who, next, vectors, &result, err))
        return false;
    if (result == STORE_PUT_DUPLICATE)
        return error_set(err, ERROR_CONFLICT, "the new text is stored already as '" STR_FMT "'",
                         STR_ARG(next->hash));
    return mark_superseded(w.db, who, &old, old_hash, next->hash, reason, err) &&
           write_commit(&w, err);
}

/* -- trash ------------------------------------------------------------------------------------ */

static bool set_deleted(sqlite3 *db, int64_t row, int64_t deleted_ms, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(db,
                    "UPDATE memory SET deleted_ms = ?2, revision = revision + 1 WHERE row = ?1",
                    &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    sqlite3_bind_int64(q, 2, deleted_ms);
    return db_run(db, q, "write the memory", err);
}

static bool delete_one(sqlite3 *db, const struct store_actor *who, const struct state *state,
                       struct str hash, struct str detail, struct error *err)
{
    const struct log_entry entry = {"delete", state->row, hash, state->revision + 1, detail};

    return keep_revision(db, state->row, who->now_ms, false, err) &&
           words_remove(db, state->row, err) && set_deleted(db, state->row, who->now_ms, err) &&
           log_change(db, who, &entry, err);
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

        if (!read_state(w.db, who->space, hashes[i], &state, err))
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

    if (!write_begin(s, &w, err) || !read_state(w.db, who->space, hash, &state, err))
        return false;
    if (!state.exists || state.is_live)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found in the trash",
                         STR_ARG(hash));
    entry.row = state.row;
    entry.revision = state.revision + 1;
    return keep_revision(w.db, state.row, who->now_ms, false, err) &&
           set_deleted(w.db, state.row, 0, err) && words_add(w.db, state.row, err) &&
           log_change(w.db, who, &entry, err) && write_commit(&w, err);
}

/* The fields of a kept revision, for going back to it. */
static bool read_revision(sqlite3 *db, struct arena *a, int64_t row, int64_t revision,
                          struct memory *out, bool *out_found, struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(db,
                    "SELECT type, metadata, created_ms, quality, confidence, tags FROM revision"
                    " WHERE row = ?1 AND revision = ?2",
                    &q, err))
        return false;
    sqlite3_bind_int64(q, 1, row);
    sqlite3_bind_int64(q, 2, revision);
    if (!db_step(db, q, out_found, "read the revision", err))
        return false;
    if (!*out_found)
        return true;
    *out = (struct memory){
        .type = db_column_str(a, q, 0),
        .metadata = db_column_str(a, q, 1),
        .created_ms = sqlite3_column_int64(q, 2),
        .quality = sqlite3_column_double(q, 3),
        .confidence = sqlite3_column_double(q, 4),
    };
    return read_tags(a, db_column_str(a, q, 5), &out->tags, &out->n_tags, err);
}

bool store_revert(struct store *s, const struct store_actor *who, struct str hash,
                  int64_t revision, struct error *err)
{
    AUTO_WRITER w = {0};
    AUTO_ARENA a = {0};
    struct state state;
    struct memory before;
    bool is_found;
    struct log_entry entry = {.op = "revert", .hash = hash};

    if (!write_begin(s, &w, err) || !read_state(w.db, who->space, hash, &state, err))
        return false;
    if (!state.is_live)
        return no_such_memory(hash, err);
    if (!read_revision(w.db, &a, state.row, revision, &before, &is_found, err))
        return false;
    if (!is_found)
        return error_set(err, ERROR_NOT_FOUND,
                         "memory '" STR_FMT "' has no earlier revision %lld", STR_ARG(hash),
                         (long long)revision);
    before.updated_ms = who->now_ms;
    entry.row = state.row;
    entry.revision = state.revision + 1;
    entry.detail = arena_printf(&a, "{\"to_revision\":%lld}", (long long)revision);
    return update(w.db, who, &before, &entry, err) && write_commit(&w, err);
}

/* -- purge ------------------------------------------------------------------------------------ */

static bool log_purge(sqlite3 *db, const struct store_actor *who, int64_t before_ms,
                      struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!db_prepare(
            db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client)"
            " SELECT ?3, space, row, hash, 'purge', revision, ?4, ?5 FROM memory"
            " WHERE space = ?1 AND deleted_ms > 0 AND deleted_ms < ?2 ORDER BY row",
            &q, err))
        return false;
    db_bind_str(q, 1, who->space);
    sqlite3_bind_int64(q, 2, before_ms);
    sqlite3_bind_int64(q, 3, who->now_ms);
    db_bind_str(q, 4, who->subject);
    db_bind_str(q, 5, who->client);
    return db_run(db, q, "write the change log", err);
}

static bool purge(sqlite3 *db, const struct store_actor *who, int64_t before_ms, size_t *out_n,
                  struct error *err)
{
    AUTO_STMT *q = NULL;

    if (!log_purge(db, who, before_ms, err) ||
        !db_prepare(
            db, "DELETE FROM memory WHERE space = ?1 AND deleted_ms > 0 AND deleted_ms < ?2",
            &q, err))
        return false;
    db_bind_str(q, 1, who->space);
    sqlite3_bind_int64(q, 2, before_ms);
    if (!db_run(db, q, "empty the trash", err))
        return false;
    *out_n = (size_t)sqlite3_changes64(db);
    return true;
}

bool store_purge(struct store *s, const struct store_actor *who, int64_t before_ms,
                 bool is_dry_run, size_t *out_n, struct error *err)
{
    AUTO_WRITER w = {0};
    size_t n;

    if (!write_begin(s, &w, err) || !purge(w.db, who, before_ms, &n, err))
        return false;
    if (!is_dry_run && !write_commit(&w, err)) /* a dry run is rolled back */
        return false;
    *out_n = n;
    return true;
}

/* -- what is no change of a memory ------------------------------------------------------------ */

bool store_set_vectors(struct store *s, struct str space, int64_t row,
                       const struct store_vectors *vectors, struct error *err)
{
    AUTO_WRITER w = {0};
    AUTO_STMT *q = NULL;

    /* The log row tells the vector indexes of all processes; the memory itself does not change. */
    if (!write_begin(s, &w, err) || !put_vectors(w.db, row, vectors, err) ||
        !db_prepare(
            w.db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client)"
            " SELECT cast(strftime('%s', 'now') AS INTEGER) * 1000, space, row, hash,"
            " 'embed', revision, '', 'memoryd' FROM memory"
            " WHERE space = ?1 AND row = ?2",
            &q, err))
        return false;
    db_bind_str(q, 1, space);
    sqlite3_bind_int64(q, 2, row);
    return db_run(w.db, q, "write the change log", err) && write_commit(&w, err);
}

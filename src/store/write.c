/* write.c - memories that come and change: each time one transaction with its row in the log. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/clock.h"
#include "json/json.h"

/* -- put -------------------------------------------------------------------------------------- */

static bool insert_memory(struct db *db, const struct store_actor *who, const struct memory *m,
                          int64_t *out_row, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "INSERT INTO memory (space, hash, content, type, metadata, created_ms,"
                    " updated_ms, parent, quality, confidence)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    &q, err))
        return false;
    db_bind_str(q.os, 1, who->space);
    db_bind_str(q.os, 2, m->hash);
    db_bind_str(q.os, 3, m->content);
    db_bind_str(q.os, 4, m->type);
    db_bind_str(q.os, 5, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q.os, 6, m->created_ms);
    sqlite3_bind_int64(q.os, 7, m->updated_ms);
    db_bind_str(q.os, 8, m->parent);
    sqlite3_bind_double(q.os, 9, m->quality);
    sqlite3_bind_double(q.os, 10, m->confidence);
    if (!db_run(db, q.os, "write the memory", err))
        return false;
    *out_row = sqlite3_last_insert_rowid(db->os);
    return true;
}

/* What a new memory and a revived one have in common, once their row is written. */
static bool put_parts(struct db *db, const struct store_actor *who, const struct memory *m,
                      const struct store_vectors *vectors, const struct log_entry *entry,
                      struct error *err)
{
    int n;

    return step_set_tags(db, entry->row, who->space, m->tags, m->n_tags, err) &&
           step_words_add(db, entry->row, err) &&
           step_put_vectors(db, who->space, entry->row, vectors, &n, err) &&
           step_log(db, who, entry, err);
}

static bool put_new(struct db *db, const struct store_actor *who, const struct memory *m,
                    const struct store_vectors *vectors, struct error *err)
{
    struct log_entry entry = {.op = "store", .hash = m->hash, .revision = 1};

    return insert_memory(db, who, m, &entry.row, err) &&
           put_parts(db, who, m, vectors, &entry, err);
}

static bool overwrite_hidden(struct db *db, int64_t row, const struct memory *m,
                             struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "UPDATE memory SET content = ?2, type = ?3, metadata = ?4, created_ms = ?5,"
            " updated_ms = ?6, parent = ?7, quality = ?8, confidence = ?9, deleted_ms = 0,"
            " accessed_ms = 0, n_accesses = 0, superseded_by = '', revision = revision + 1"
            " WHERE row = ?1",
            &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    db_bind_str(q.os, 2, m->content);
    db_bind_str(q.os, 3, m->type);
    db_bind_str(q.os, 4, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q.os, 5, m->created_ms);
    sqlite3_bind_int64(q.os, 6, m->updated_ms);
    db_bind_str(q.os, 7, m->parent);
    sqlite3_bind_double(q.os, 8, m->quality);
    sqlite3_bind_double(q.os, 9, m->confidence);
    return db_run(db, q.os, "write the memory", err);
}

static bool revive(struct db *db, const struct store_actor *who, const struct state *state,
                   const struct memory *m, const struct store_vectors *vectors,
                   struct error *err)
{
    const struct log_entry entry = {.op = "store",
                                    .row = state->row,
                                    .hash = m->hash,
                                    .revision = state->revision + 1,
                                    .detail = state->is_live ? STR("{\"was_superseded\":true}")
                                                             : STR("{\"from_trash\":true}")};

    return step_keep_revision(db, state->row, who->now_ms, true, err) &&
           (!state->is_live || step_words_remove(db, state->row, err)) &&
           overwrite_hidden(db, state->row, m, err) &&
           put_parts(db, who, m, vectors, &entry, err);
}

/* The transaction is the caller's. */
static bool put(struct db *db, const struct store_actor *who, struct store_item *item,
                struct error *err)
{
    const struct memory *m = &item->memory;
    struct state state;

    if (!step_read_state(db, who->space, m->hash, &state, err))
        return false;
    item->result = !state.exists                           ? STORE_PUT_NEW
                   : state.is_live && !state.is_superseded ? STORE_PUT_DUPLICATE
                                                           : STORE_PUT_REVIVED;
    if (item->result == STORE_PUT_NEW)
        return put_new(db, who, m, &item->vectors, err);
    return item->result == STORE_PUT_DUPLICATE ||
           revive(db, who, &state, m, &item->vectors, err);
}

bool store_put(struct store *s, const struct store_actor *who, struct store_item *items,
               size_t n, struct error *err)
{
    AUTO_WRITER w = {0};

    if (!write_begin(s, &w, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!put(w.db, who, &items[i], err))
            return false;
    }
    return write_commit(&w, err);
}

/* -- update ----------------------------------------------------------------------------------- */

static bool write_fields(struct db *db, int64_t row, const struct memory *m, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "UPDATE memory SET type = ?2, metadata = ?3, created_ms = ?4, updated_ms = ?5,"
            " quality = ?6, confidence = ?7, revision = revision + 1 WHERE row = ?1",
            &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    db_bind_str(q.os, 2, m->type);
    db_bind_str(q.os, 3, m->metadata.len ? m->metadata : STR("{}"));
    sqlite3_bind_int64(q.os, 4, m->created_ms);
    sqlite3_bind_int64(q.os, 5, m->updated_ms);
    sqlite3_bind_double(q.os, 6, m->quality);
    sqlite3_bind_double(q.os, 7, m->confidence);
    return db_run(db, q.os, "write the memory", err);
}

static bool update(struct db *db, const struct store_actor *who, const struct memory *m,
                   const struct log_entry *entry, struct error *err)
{
    return step_keep_revision(db, entry->row, who->now_ms, false, err) &&
           step_words_remove(db, entry->row, err) && write_fields(db, entry->row, m, err) &&
           step_set_tags(db, entry->row, who->space, m->tags, m->n_tags, err) &&
           step_words_add(db, entry->row, err) && step_log(db, who, entry, err);
}

bool store_update(struct store *s, const struct store_actor *who, const struct memory *m,
                  struct str detail, struct error *err)
{
    AUTO_WRITER w = {0};
    struct state state;
    struct log_entry entry = {.op = "update", .hash = m->hash, .detail = detail};

    if (!write_begin(s, &w, err) || !step_read_state(w.db, who->space, m->hash, &state, err))
        return false;
    if (!state.is_live)
        return step_not_found(m->hash, err);
    if (state.revision != m->revision)
        return error_set(err, ERROR_CONFLICT, "it was changed by somebody else meanwhile");
    entry.row = state.row;
    entry.revision = state.revision + 1;
    return update(w.db, who, m, &entry, err) && write_commit(&w, err);
}

/* -- revert -------------------------------------------------------------------------------- */

/* The fields of a kept revision, for going back to it. */
static bool read_revision(struct db *db, struct arena *a, int64_t row, int64_t revision,
                          struct memory *out, bool *out_found, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "SELECT type, metadata, created_ms, quality, confidence, tags FROM revision"
                    " WHERE row = ?1 AND revision = ?2",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    sqlite3_bind_int64(q.os, 2, revision);
    if (!db_step(db, q.os, out_found, "read the revision", err))
        return false;
    if (!*out_found)
        return true;
    *out = (struct memory){
        .type = db_column_str(a, q.os, 0),
        .metadata = db_column_str(a, q.os, 1),
        .created_ms = sqlite3_column_int64(q.os, 2),
        .quality = sqlite3_column_double(q.os, 3),
        .confidence = sqlite3_column_double(q.os, 4),
    };
    return read_tags(a, db_column_str(a, q.os, 5), &out->tags, &out->n_tags, err);
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

    if (!write_begin(s, &w, err) || !step_read_state(w.db, who->space, hash, &state, err))
        return false;
    if (!state.is_live)
        return step_not_found(hash, err);
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

/* -- supersede -------------------------------------------------------------------------------- */

static bool mark_superseded(struct db *db, const struct store_actor *who,
                            const struct state *state, struct str old_hash, struct str new_hash,
                            struct str reason, struct error *err)
{
    AUTO_STMT q = {0};
    AUTO_ARENA a = {0};
    json_t *detail = json_must(json_pack("{s:o, s:o}", "superseded_by", json_str(new_hash),
                                         "reason", json_str(reason)));
    const struct log_entry entry = {.op = "supersede",
                                    .row = state->row,
                                    .hash = old_hash,
                                    .revision = state->revision + 1,
                                    .detail = json_text(&a, detail)};

    json_decref(detail);
    if (!step_keep_revision(db, state->row, who->now_ms, false, err) ||
        !db_prepare(db,
                    "UPDATE memory SET superseded_by = ?2, updated_ms = ?3,"
                    " metadata = json_set(iif(?4 = '', metadata,"
                    "  json_set(metadata, '$.evolution_reason', ?4)), '$.superseded_by', ?2),"
                    " revision = revision + 1 WHERE row = ?1",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, state->row);
    db_bind_str(q.os, 2, new_hash);
    sqlite3_bind_int64(q.os, 3, who->now_ms);
    db_bind_str(q.os, 4, reason);
    return db_run(db, q.os, "mark the old version", err) && step_log(db, who, &entry, err);
}

/* Whether the newer version of a row is there; it may have been deleted. */
static bool has_live_successor(struct db *db, int64_t row, bool *out, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(db,
                    "SELECT 1 FROM memory m JOIN memory n"
                    " ON n.space = m.space AND n.hash = m.superseded_by"
                    " WHERE m.row = ?1 AND n.deleted_ms = 0",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 1, row);
    return db_step(db, q.os, out, "look for a newer version", err);
}

static bool check_supersede(struct db *db, const struct state *old, struct str old_hash,
                            int64_t revision, struct error *err)
{
    bool has_successor;

    if (!old->is_live)
        return step_not_found(old_hash, err);
    if (!has_live_successor(db, old->row, &has_successor, err))
        return false;
    if (has_successor)
        return error_set(err, ERROR_CONFLICT,
                         "memory '" STR_FMT "' has a newer version already", STR_ARG(old_hash));
    if (old->revision != revision)
        return error_set(err, ERROR_CONFLICT, "memory '" STR_FMT "' was changed meanwhile",
                         STR_ARG(old_hash));
    return true;
}

bool store_supersede(struct store *s, const struct store_actor *who, struct str old_hash,
                     struct str reason, struct store_item *next, struct error *err)
{
    AUTO_WRITER w = {0};
    struct state old;

    if (!write_begin(s, &w, err) || !step_read_state(w.db, who->space, old_hash, &old, err) ||
        !check_supersede(w.db, &old, old_hash, next->memory.revision, err) ||
        !put(w.db, who, next, err))
        return false;
    if (next->result == STORE_PUT_DUPLICATE)
        return error_set(err, ERROR_CONFLICT, "the new text is stored already as '" STR_FMT "'",
                         STR_ARG(next->memory.hash));
    return mark_superseded(w.db, who, &old, old_hash, next->memory.hash, reason, err) &&
           write_commit(&w, err);
}

/* -- vectors ---------------------------------------------------------------------------------- */

/* The log row tells the vector indexes of all processes; the memory itself does not change. */
static bool log_embed(struct db *db, struct str space, int64_t row, struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(
            db,
            "INSERT INTO change (at_ms, space, row, hash, op, revision, subject, client)"
            " SELECT ?3, space, row, hash, 'embed', revision, '', 'memoryd' FROM memory"
            " WHERE space = ?1 AND row = ?2",
            &q, err))
        return false;
    db_bind_str(q.os, 1, space);
    sqlite3_bind_int64(q.os, 2, row);
    sqlite3_bind_int64(q.os, 3, clock_now_ms()); /* nobody asked for it, so nobody says when */
    return db_run(db, q.os, "write the change log", err);
}

bool store_set_vectors(struct store *s, struct str space, int64_t row,
                       const struct store_vectors *vectors, struct error *err)
{
    AUTO_WRITER w = {0};
    int n;

    if (!write_begin(s, &w, err) || !step_put_vectors(w.db, space, row, vectors, &n, err))
        return false;
    return (n == 0 || log_embed(w.db, space, row, err)) && /* 0: purged meanwhile */
           write_commit(&w, err);
}

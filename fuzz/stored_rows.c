/*
 * stored_rows.c - any values in the rows of a database.
 *
 * A damaged file may hold anything in any column, so the tables are made to take it. Each input is a list
 * of damages to the same few memories; a copy of the tables undoes them before the next one. What must
 * hold whatever the rows are: a read gives an error of damage or memories whose texts are UTF-8 and
 * whose scores are numbers in their range, which can be shown as JSON; a ranking by vectors has none of
 * a vector that is not sound.
 *
 * Input    a byte of enum flags, then damages: a byte for the column, one for the number of the row,
 *          one for the kind of value, one for its length, and the value.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>

#include "fuzz/temp_store.h"
#include "json/json.h"
#include "text/text.h"
#include "view/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum flags {
    FLAG_WARM = 1,   /* the store has read its vectors and lengths before the damage */
    FLAG_REVERT = 2, /* a memory goes back to its damaged revision */
    FLAG_WORDS = 4,  /* what is read: all of it would take 6 ms */
    FLAG_VECTORS = 8,
    FLAG_MEMORIES = 16,
    FLAG_HISTORY = 32,
    FLAG_COUNTS = 64,
};

#define DIM       4
#define MODEL     STR("model")
#define ROWS      8 /* numbers that a row may have, from 1 on; the first few have memories */
#define LIMIT     20
#define DAMAGES   32   /* more of one input are ignored */
#define ROW_LARGE 4096 /* larger row numbers that a set could hold would only take time */

static struct store *store;
static const struct store_actor who = {STR_INIT("default"), STR_INIT("fuzz"), STR_INIT("fuzz"),
                                       1000};

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* -- the tables -------------------------------------------------------------------------------- */

static const struct {
    const char *table, *key, *columns[16];
} tables[] = {
    {"memory",
     "row",
     {"row", "space", "hash", "content", "type", "metadata", "created_ms", "updated_ms",
      "accessed_ms", "deleted_ms", "n_accesses", "revision", "parent", "superseded_by",
      "quality", "confidence"}},
    {"memory_tag", "row", {"row", "position", "space", "tag"}},
    {"vector", "row", {"row", "model", "dim", "n_parts", "value"}},
    {"change",
     "seq",
     {"seq", "at_ms", "space", "row", "hash", "op", "revision", "subject", "client", "detail"}},
    {"revision",
     "row",
     {"row", "revision", "until_ms", "content", "type", "metadata", "tags", "created_ms",
      "updated_ms", "deleted_ms", "superseded_by", "quality", "confidence"}},
    {"memory_fts_docsize", "id", {"id", "sz"}},
    {"memory_fts_data", "id", {0}}, /* changed by the store alone */
    {"memory_fts_idx", "segid", {0}},
    {"sqlite_sequence", "name", {0}},
};
#define COLUMNS_MAX 64

static sqlite3 *raw; /* a connection that knows no rules */
static sqlite3_stmt *damage_sql[COLUMNS_MAX], *undo_sql[2 * COUNT(tables)];
static size_t n_damage_sql, n_undo_sql;

static void run_sql(sqlite3 *db, const char *sql)
{
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *prepared(struct str sql)
{
    sqlite3_stmt *q;

    must(sqlite3_prepare_v2(raw, sql.ptr, (int)sql.len, &q, NULL) == SQLITE_OK);
    return q;
}

/* Columns of any type, NULL too, and a change log that can be changed. */
static void lift_rules(void)
{
    sqlite3 *db;

    must(sqlite3_open(temp_store_path(), &db) == SQLITE_OK);
    run_sql(db, "PRAGMA writable_schema = ON;"
                "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'STRICT, WITHOUT',"
                " 'WITHOUT'), 'STRICT', ''), 'NOT NULL', '') WHERE type = 'table'"
                " AND name IN ('memory', 'memory_tag', 'vector', 'change', 'revision')");
    sqlite3_close(db);
    must(sqlite3_open(temp_store_path(), &db) == SQLITE_OK);
    run_sql(db, "DROP TRIGGER change_is_never_replaced; DROP TRIGGER change_is_never_updated;"
                "DROP TRIGGER change_is_never_deleted");
    sqlite3_close(db);
}

static void prepare_all(void)
{
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(tables); i++) {
        const char *table = tables[i].table;

        run_sql(raw, arena_printf(&a, "CREATE TABLE copy.of_%s AS SELECT * FROM main.%s", table,
                                  table)
                         .ptr);
        undo_sql[n_undo_sql++] = prepared(arena_printf(&a, "DELETE FROM main.%s", table));
        undo_sql[n_undo_sql++] = prepared(
            arena_printf(&a, "INSERT INTO main.%s SELECT * FROM copy.of_%s", table, table));
        for (size_t c = 0; c < COUNT(tables[i].columns) && tables[i].columns[c]; c++)
            damage_sql[n_damage_sql++] =
                prepared(arena_printf(&a, "UPDATE OR IGNORE main.%s SET %s = ?1 WHERE %s = ?2",
                                      table, tables[i].columns[c], tables[i].key));
    }
    must(n_damage_sql <= COLUMNS_MAX);
}

/* -- the memories ------------------------------------------------------------------------------ */

static struct str hash_of(int i)
{
    static const char *const hashes[] = {"11111111-one", "22222222-two", "33333333-three",
                                         "44444444-four"};

    return str_c(hashes[i]);
}
#define N_MEMORIES 4

static struct store_item item_of(int i)
{
    static const struct str tags[] = {STR_INIT("red"), STR_INIT("green")};
    static const float vectors[] = {1, 0, 0, 0, 0.6f, 0.8f, 0, 0, 0, 0, 1, 0};

    return (struct store_item){
        .memory = {.hash = hash_of(i),
                   .content = STR("some words of a memory"),
                   .type = STR("note"),
                   .metadata = STR("{\"key\":[1,\"two\"]}"),
                   .tags = tags,
                   .n_tags = COUNT(tags),
                   .created_ms = 1000 + i,
                   .updated_ms = 1000,
                   .revision = 1,
                   .quality = 0.5,
                   .confidence = 1},
        .vectors = {MODEL, DIM, i ? 1 : 2, i ? vectors + (size_t)(i % 3) * DIM : vectors},
    };
}

/* The first was changed, the second is superseded by the third, the fourth is in the trash. */
static void fill_store(void)
{
    struct store_item items[N_MEMORIES];
    struct str last = hash_of(N_MEMORIES - 1);
    size_t n;

    for (int i = 0; i < N_MEMORIES; i++)
        items[i] = item_of(i);
    must(store_put(store, &who, items, 2, NULL));
    must(store_supersede(store, &who, hash_of(1), STR("why"), &items[2], NULL));
    must(store_put(store, &who, &items[3], 1, NULL));
    must(store_delete(store, &who, &last, 1, STR("{}"), &n, NULL) && n == 1);
    items[0].memory.n_tags = 1;
    must(store_update(store, &who, &items[0].memory, STR("{}"), NULL));
}

static void open_all(void)
{
    store = temp_store_open();
    fill_store();
    lift_rules();
    must(sqlite3_open(temp_store_path(), &raw) == SQLITE_OK);
    run_sql(raw, "PRAGMA synchronous = OFF; ATTACH ':memory:' AS copy");
    prepare_all();
}

/* What the store remembers of its rows is forgotten too. */
static void undo(void)
{
    run_sql(raw, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < n_undo_sql; i++) {
        must(sqlite3_step(undo_sql[i]) == SQLITE_DONE);
        sqlite3_reset(undo_sql[i]);
    }
    run_sql(raw, "COMMIT");
    vectors_free(store->vectors);
    store->vectors = vectors_new(store);
    lengths_free(store->lengths);
    store->lengths = lengths_new();
}

/* -- damage ------------------------------------------------------------------------------------ */

static int64_t int_of(struct str bytes)
{
    int64_t n = bytes.len && bytes.ptr[MIN(bytes.len, sizeof(n)) - 1] < 0 ? -1 : 0;

    memcpy(&n, bytes.ptr, MIN(bytes.len, sizeof(n)));
    return n > ROW_LARGE && n <= INDEX_ID_MAX ? n % ROW_LARGE : n;
}

/* A hundredth for each byte, so that vectors of length 1 are easily hit. */
static void bind_floats(sqlite3_stmt *q, struct str bytes)
{
    float x[UINT8_MAX];

    for (size_t i = 0; i < bytes.len; i++)
        x[i] = (float)(signed char)bytes.ptr[i] / 100;
    sqlite3_bind_blob(q, 1, x, (int)(bytes.len * sizeof(*x)), SQLITE_TRANSIENT);
}

static void bind_value(sqlite3_stmt *q, unsigned kind, struct str bytes)
{
    double x = 0;

    memcpy(&x, bytes.ptr, MIN(bytes.len, sizeof(x)));
    switch (kind % 6) {
    case 0:
        sqlite3_bind_null(q, 1);
        break;
    case 1:
        sqlite3_bind_int64(q, 1, int_of(bytes));
        break;
    case 2:
        sqlite3_bind_double(q, 1, x);
        break;
    case 3:
        sqlite3_bind_text(q, 1, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
        break;
    case 4:
        sqlite3_bind_blob(q, 1, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
        break;
    default:
        bind_floats(q, bytes);
    }
}

static void damage(struct str in)
{
    run_sql(raw, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < DAMAGES && in.len > 4; i++) {
        const unsigned char *head = (const unsigned char *)in.ptr;
        struct str value = str_sub(in, 4, 4 + (size_t)head[3]);
        sqlite3_stmt *q = damage_sql[head[0] % n_damage_sql];

        bind_value(q, head[2], value);
        sqlite3_bind_int(q, 2, 1 + head[1] % ROWS);
        (void)sqlite3_step(q);
        sqlite3_reset(q);
        sqlite3_clear_bindings(q);
        in = str_sub(in, 4 + value.len, in.len);
    }
    run_sql(raw, "COMMIT");
}

/* -- reading ----------------------------------------------------------------------------------- */

/* ok, or an error that damage explains. */
static bool read_ok(bool ok, struct error *err)
{
    must(ok || err->kind == ERROR_INTERNAL || err->kind == ERROR_CONFLICT);
    must(ok || err->text[0]);
    *err = (struct error){0};
    return ok;
}

static void check_json(json_t *made)
{
    AUTO_JSON *j = made, *back = NULL;
    AUTO_BUF b = {0};

    json_write(&b, j);
    must(json_parse(buf_str(&b), &back, NULL));
}

static void check_memories(const struct memory *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct memory *m = &list[i];
        const struct str texts[] = {m->space,    m->hash,   m->content,      m->type,
                                    m->metadata, m->parent, m->superseded_by};

        for (size_t k = 0; k < COUNT(texts); k++)
            must(text_is_utf8(texts[k]));
        for (size_t k = 0; k < m->n_tags; k++)
            must(text_is_utf8(m->tags[k]));
        must(m->quality == -1 || (m->quality >= 0 && m->quality <= 1));
        must(m->confidence >= 0 && m->confidence <= 1);
    }
}

static const struct str tag = STR_INIT("red"), type = STR_INIT("note");
static const struct memory_filter plain = {0};
static const struct memory_filter everything = {.trash = TRASH_SHOW, .has_superseded = true};
static const struct memory_filter every_test = {
    .tags = &tag,
    .n_tags = 1,
    .types = &type,
    .n_types = 1,
    .from_ms = 1,
    .until_ms = 5000,
    .stale_before_ms = 5000,
    .min_quality = 0.1,
    .max_quality = 0.9,
    .exact = STR_INIT("word"),
};

/* Few of each kind: preparing statements takes nearly all of the time. */
static void read_memories(struct arena *a)
{
    static const int64_t rows[ROWS] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct str prefix = str_sub(hash_of(2), 0, MEMORY_HASH_MIN_PREFIX);
    struct memory *list;
    struct error err = {0};
    size_t n, total;

    if (read_ok(store_get(store, a, who.space, hash_of(0), TRASH_SHOW, &list, &err), &err))
        check_memories(list, list != NULL);
    if (read_ok(store_get(store, a, who.space, prefix, TRASH_HIDE, &list, &err), &err))
        check_memories(list, list != NULL);
    if (read_ok(store_get_rows(store, a, who.space, rows, ROWS, &list, &n, &err), &err))
        check_memories(list, n);
    if (read_ok(store_list_by_row(store, a, who.space, MODEL, 0, LIMIT, &list, &n, &err), &err))
        check_memories(list, n);
    if (read_ok(store_list(store, a, who.space, &every_test, 0, LIMIT, &list, &n, &total, &err),
                &err))
        check_memories(list, n);
    if (!read_ok(
            store_list(store, a, who.space, &everything, 0, LIMIT, &list, &n, &total, &err),
            &err))
        return;
    must(n <= total);
    check_memories(list, n);
    for (size_t i = 0; i < n; i++)
        check_json(view_memory(&list[i]));
}

static void read_history(struct arena *a)
{
    struct change *changes;
    struct memory *m;
    struct error err = {0};
    size_t n;

    if (read_ok(
            store_changes(store, a, who.space, (struct str){0}, 0, LIMIT, &changes, &n, &err),
            &err)) {
        for (size_t i = 0; i < n; i++)
            check_json(view_change(&changes[i]));
    }
    if (read_ok(store_get_revision(store, a, who.space, hash_of(0), 1, &m, &err), &err))
        check_memories(m, m != NULL);
}

static void rank_words(struct arena *a, const struct memory_filter *filter)
{
    static const struct str words[] = {STR_INIT("words"), STR_INIT("red"), STR_INIT("none")};
    const struct rank_request request = {.space = who.space,
                                         .filter = filter,
                                         .limit = LIMIT,
                                         .words = words,
                                         .n_words = COUNT(words)};
    struct ranking r;
    struct error err = {0};

    if (!read_ok(store_rank_words(store, a, &request, &r, &err), &err))
        return;
    must(isfinite(r.rare_score));
    for (size_t i = 0; i < r.n; i++)
        must(r.list[i].score > 0 && isfinite(r.list[i].score));
}

static void rank_vectors(struct arena *a, const struct memory_filter *filter)
{
    static const float query[DIM] = {0.6f, 0, 0.8f, 0};
    const struct rank_request request = {.space = who.space,
                                         .filter = filter,
                                         .limit = LIMIT,
                                         .model_id = MODEL,
                                         .vector = query,
                                         .dim = DIM};
    struct ranking r;
    struct error err = {0};

    if (!read_ok(store_rank_vectors(store, a, &request, &r, &err), &err))
        return;
    for (size_t i = 0; i < r.n; i++) {
        struct store_vectors v;

        must(r.list[i].score >= -1.02 && r.list[i].score <= 1);
        /* A warm index may still have what has no memory any more. */
        must(store_get_vectors(store, a, who.space, r.list[i].row, MODEL, &v, NULL));
    }
}

static void read_counts(struct arena *a)
{
    struct store_count *counts;
    struct store_stats stats;
    struct store_vectors v;
    struct error err = {0};
    const struct str *hashes;
    int64_t n_unique, last;
    size_t n;
    bool is_same;

    if (read_ok(store_count_tags(store, a, who.space, LIMIT, &counts, &n, &n_unique, &err),
                &err))
        check_json(json_strs(&counts->name, n > 0));
    if (read_ok(store_count_types(store, a, who.space, &counts, &n, &err), &err))
        check_json(json_strs(&counts->name, n > 0));
    if (read_ok(store_list_hashes(store, a, who.space, &everything, &hashes, &n, &err), &err))
        check_json(json_strs(hashes, n));
    (void)read_ok(store_get_vectors(store, a, who.space, 1, MODEL, &v, &err), &err);
    (void)read_ok(store_stats(store, who.space, MODEL, &stats, &err), &err);
    (void)read_ok(store_check_vectors(store, who.space, MODEL, DIM, &is_same, &err), &err);
    (void)read_ok(store_last_change(store, &last, &err), &err);
}

static void read_by(unsigned flags)
{
    AUTO_ARENA a = {0};

    if (flags & FLAG_WORDS) {
        rank_words(&a, &plain);
        rank_words(&a, &every_test);
    }
    if (flags & FLAG_VECTORS) {
        rank_vectors(&a, &plain);
        rank_vectors(&a, &everything);
    }
    if (flags & FLAG_MEMORIES)
        read_memories(&a);
    if (flags & FLAG_HISTORY)
        read_history(&a);
    if (flags & FLAG_COUNTS)
        read_counts(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};

    if (!store)
        open_all();
    if (!size)
        return 0;
    undo();
    if (data[0] & FLAG_WARM)
        read_by(data[0] & (FLAG_WORDS | FLAG_VECTORS));
    damage(str_n((const char *)data + 1, size - 1));
    if (!(data[0] & FLAG_REVERT) || store_revert(store, &who, hash_of(0), 1, &err))
        read_by(data[0]);
    return 0;
}

/*
 * store.c - opening and closing, and lending connections to readers.
 *
 * Readers are opened on demand and lent one to a caller. In WAL they never wait for the writer.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <assert.h>

#include "base/alloc.h"

static void copy_options(struct store *s, const struct store_options *o)
{
    s->path = mem_dup(str_c(o->path));
    s->pragmas = NEW_ARRAY(struct store_pragma, o->n_pragmas);
    for (size_t i = 0; i < o->n_pragmas; i++) {
        struct str name = o->pragmas[i].name, value = o->pragmas[i].value;

        s->pragmas[i].name = str_n(mem_dup(name), name.len);
        s->pragmas[i].value = str_n(mem_dup(value), value.len);
    }
    s->n_pragmas = o->n_pragmas;
}

bool store_has_pragma(const struct store *s, struct str name)
{
    for (size_t i = 0; i < s->n_pragmas; i++) {
        if (str_eq_ascii_case(s->pragmas[i].name, name))
            return true;
    }
    return false;
}

static bool open_file(struct store *s, struct error *err)
{
    const struct schema schema = {store_migrations, store_n_migrations, STORE_APPLICATION_ID,
                                  "MCP_MEMORY_SQLITE_PATH"};

    if (!migrate_probe(s->path, &schema, err))
        return false;
    migrate_create(s->path);
    return writer_open(s, err) && migrate(s->writer, s->path, &schema, err) &&
           (store_has_pragma(s, STR("journal_mode")) ||
            migrate_journal(s->writer, s->path, err));
}

bool store_open(const struct store_options *options, struct store **out, struct error *err)
{
    struct store *s = NEW(struct store);

    copy_options(s, options);
    writer_init(s);
    mutex_init(&s->read_lock);
    mutex_init(&s->touch_lock);
    cond_init(&s->reader_back);
    s->vectors = vectors_new(s);
    s->lengths = lengths_new();
    s->word_counts = word_counts_new();
    if (!open_file(s, err)) {
        store_close(s);
        return false;
    }
    *out = s;
    return true;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    keeper_free(s->keeper); /* which reads that field until it ends */
    s->keeper = NULL;
    assert(s->n_idle == s->n_readers); /* a lent reader would outlive its store */
    if (s->writer) {
        touch_write(s);
        vectors_save(s->vectors, s->writer);
    }
    word_counts_free(s->word_counts);
    lengths_free(s->lengths);
    vectors_free(s->vectors);
    for (size_t i = 0; i < s->n_idle; i++)
        db_close(s->idle[i]);
    db_close(s->writer); /* last: it checkpoints the WAL */
    cond_deinit(&s->reader_back);
    mutex_deinit(&s->touch_lock);
    mutex_deinit(&s->read_lock);
    writer_deinit(s);
    for (size_t i = 0; i < s->n_pragmas; i++) {
        free((void *)(uintptr_t)s->pragmas[i].name.ptr);
        free((void *)(uintptr_t)s->pragmas[i].value.ptr);
    }
    free(s->pragmas);
    free(s->path);
    free(s);
}

/* An idle reader, or NULL with the right to open one. */
static struct db *wait_for_reader(struct store *s)
{
    MUTEX_SCOPE(&s->read_lock);

    while (s->n_idle == 0 && s->n_readers == STORE_READERS_MAX)
        cond_wait(&s->reader_back, &s->read_lock);
    if (s->n_idle)
        return s->idle[--s->n_idle];
    s->n_readers++;
    return NULL;
}

static void return_right(struct store *s)
{
    MUTEX_SCOPE(&s->read_lock);

    s->n_readers--;
    cond_signal(&s->reader_back);
}

static void return_reader(struct store *s, struct db *db)
{
    MUTEX_SCOPE(&s->read_lock);

    s->idle[s->n_idle++] = db;
    cond_signal(&s->reader_back);
}

bool reader_take(struct store *s, struct reader *out, struct error *err)
{
    struct db *db = wait_for_reader(s);

    if (!db && !db_open(s, true, &db, err)) {
        return_right(s);
        return false;
    }
    if (!db_do(db, "BEGIN", err)) {
        return_reader(s, db);
        return false;
    }
    *out = (struct reader){s, db};
    return true;
}

void reader_give_back(struct reader *r)
{
    if (!r->store)
        return;
    (void)!db_do(r->db, "COMMIT", NULL); /* of a reader: nothing can be lost */
    if (sqlite3_get_autocommit(r->db->os)) {
        return_reader(r->store, r->db);
    } else { /* the next user could not begin */
        db_close(r->db);
        return_right(r->store);
    }
    *r = (struct reader){0};
}

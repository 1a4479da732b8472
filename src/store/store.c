/*
 * store.c - opening and closing, and lending connections.
 *
 * One connection writes, behind a lock; readers are opened on demand and lent one to a caller. In WAL
 * readers never wait for the writer. Between processes SQLite's own lock decides, with a timeout
 * long enough that callers do not see it.
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

static bool has_journal_mode(const struct store *s)
{
    for (size_t i = 0; i < s->n_pragmas; i++) {
        if (str_eq_ascii_case(s->pragmas[i].name, STR("journal_mode")))
            return true;
    }
    return false;
}

static bool open_file(struct store *s, struct error *err)
{
    if (!migrate_probe(s->path, err))
        return false;
    migrate_create(s->path);
    return db_open(s, false, &s->writer, err) && migrate(s->writer, s->path, err) &&
           (has_journal_mode(s) || migrate_journal(s->writer, s->path, err));
}

bool store_open(const struct store_options *options, struct store **out, struct error *err)
{
    struct store *s = NEW(struct store);

    copy_options(s, options);
    mutex_init(&s->write_lock);
    mutex_init(&s->read_lock);
    mutex_init(&s->touch_lock);
    cond_init(&s->reader_back);
    s->vectors = vectors_new(s->path);
    s->lengths = lengths_new();
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
    assert(s->n_idle == s->n_readers); /* a lent reader would outlive its store */
    if (s->writer) {
        touch_write(s);
        vectors_save(s->vectors, s->writer);
    }
    lengths_free(s->lengths);
    vectors_free(s->vectors);
    for (size_t i = 0; i < s->n_idle; i++)
        sqlite3_close(s->idle[i]);
    sqlite3_close(s->writer); /* last: it checkpoints the WAL */
    cond_deinit(&s->reader_back);
    mutex_deinit(&s->touch_lock);
    mutex_deinit(&s->read_lock);
    mutex_deinit(&s->write_lock);
    for (size_t i = 0; i < s->n_pragmas; i++) {
        free((void *)(uintptr_t)s->pragmas[i].name.ptr);
        free((void *)(uintptr_t)s->pragmas[i].value.ptr);
    }
    free(s->pragmas);
    free(s->path);
    free(s);
}

/* An idle reader, or NULL with the right to open one. */
static sqlite3 *wait_for_reader(struct store *s)
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

static void return_reader(struct store *s, sqlite3 *db)
{
    MUTEX_SCOPE(&s->read_lock);

    s->idle[s->n_idle++] = db;
    cond_signal(&s->reader_back);
}

bool reader_take(struct store *s, struct reader *out, struct error *err)
{
    sqlite3 *db = wait_for_reader(s);

    if (!db && !db_open(s, true, &db, err)) {
        return_right(s);
        return false;
    }
    if (!db_exec(db, "BEGIN", err)) {
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
    sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    return_reader(r->store, r->db);
    *r = (struct reader){0};
}

bool write_begin(struct store *s, struct writer *out, struct error *err)
{
    mutex_lock(&s->write_lock);
    if (!db_exec(s->writer, "BEGIN IMMEDIATE", err)) {
        mutex_unlock(&s->write_lock);
        return false;
    }
    *out = (struct writer){s, s->writer, true};
    return true;
}

/* How long this connection waits for others, which a pragma of the user's may have set. */
static int busy_timeout_of(sqlite3 *db)
{
    AUTO_STMT *q = NULL;
    bool has_row;

    if (!db_prepare(db, "PRAGMA busy_timeout", &q, NULL) ||
        !db_step(db, q, &has_row, "read a pragma", NULL) || !has_row)
        return STORE_BUSY_TIMEOUT_MS;
    return sqlite3_column_int(q, 0);
}

bool write_try(struct store *s, struct writer *out)
{
    int timeout_ms;
    bool is_ok;

    if (!mutex_try_lock(&s->write_lock))
        return false;
    timeout_ms = busy_timeout_of(s->writer);
    sqlite3_busy_timeout(s->writer, 0);
    is_ok = db_exec(s->writer, "BEGIN IMMEDIATE", NULL);
    sqlite3_busy_timeout(s->writer, timeout_ms);
    if (is_ok)
        *out = (struct writer){s, s->writer, true};
    else
        mutex_unlock(&s->write_lock);
    return is_ok;
}

bool write_commit(struct writer *w, struct error *err)
{
    touch_flush(w->store, w->db);
    if (!db_exec(w->db, "COMMIT", err))
        return false;
    w->is_open = false;
    return true;
}

void write_end(struct writer *w)
{
    if (!w->store)
        return;
    if (w->is_open)
        sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
    mutex_unlock(&w->store->write_lock);
    *w = (struct writer){0};
}

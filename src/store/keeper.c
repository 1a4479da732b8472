/*
 * keeper.c - a thread for what no request should wait for.
 *
 * It brings vectors and lengths into memory when a server starts, writes accesses that have waited long
 * enough, copies the write-ahead log into the database, saves indexes that grew, and merges the parts of the
 * word index, so that a search looks into few of them. All of that can be left out at any moment without
 * harm: without a keeper the request that finds something due does it, as short programs do.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define LOG_PAGES_DUE                                                                          \
    1000 /* of the write-ahead log, until it is copied: SQLite's own default */
#define LOG_PAGES_MAX   8000 /* then the commit that finds so many copies them itself */
#define CHANGES_DUE     64   /* until the parts of the word index are merged */
#define MERGE_PAGES     64   /* of the word index in one transaction: a few milliseconds */
#define MERGE_STEPS_MAX 1000
#define MERGE_DONE_BELOW                                                                       \
    2 /* changed rows of a merge that found nothing to do: FTS5's documentation */

struct keeper {
    struct store *store;
    struct str space; /* what to bring into memory first */
    struct str model_id;
    size_t dim;
    struct arena arena;
    struct thread thread;

    struct mutex lock; /* guards all below */
    struct cond wake;
    unsigned due;                 /* enum keeper_task, or-ed */
    size_t n_changes;             /* commits since the last merge */
    int64_t write_accesses_at_ms; /* monotonic; 0: none wait */
    bool is_stopping;
};

/* -- what it does ------------------------------------------------------------------------------ */

static void bring_into_memory(struct keeper *k)
{
    AUTO_READER r = {0};
    AUTO_VECTOR_SET *set = NULL;
    AUTO_LENGTHS lengths = {0};
    struct store *s = k->store;
    struct error err = {0};

    if (!reader_take(s, &r, &err) || !lengths_take(s->lengths, r.db, &lengths, &err) ||
        !vectors_take(s->vectors, k->space, k->model_id, k->dim, &set, &err) ||
        !vectors_follow(set, r.db, &err))
        log_event(LOG_WARN, "store.keeper", "text=\"%s\"", err.text);
}

static void copy_log(struct keeper *k)
{
    AUTO_READER r = {0};
    struct error err = {0};

    if (!reader_take(k->store, &r, &err))
        return;
    sqlite3_exec(r.db->os, "COMMIT", NULL, NULL, NULL); /* a transaction would hold the log */
    sqlite3_wal_checkpoint_v2(r.db->os, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static bool merge_step(struct store *s, bool *out_more)
{
    AUTO_WRITER w = {0};
    AUTO_BUF sql = {0};
    int64_t before;

    *out_more = false;
    if (!write_begin_alone(s, &w, NULL)) /* a damaged word index is nobody else's failure */
        return false;
    before = sqlite3_total_changes64(w.db->os);
    buf_printf(&sql, "INSERT INTO memory_fts (memory_fts, rank) VALUES ('merge', %d)",
               MERGE_PAGES);
    if (!db_exec(w.db, buf_cstr(&sql), NULL))
        return false;
    *out_more = sqlite3_total_changes64(w.db->os) - before >= MERGE_DONE_BELOW;
    return write_commit(&w, NULL);
}

static bool is_stopping(struct keeper *k)
{
    MUTEX_SCOPE(&k->lock);

    return k->is_stopping;
}

static void merge_words(struct keeper *k)
{
    bool has_more = true;

    for (int i = 0; i < MERGE_STEPS_MAX && has_more && !is_stopping(k); i++) {
        if (!merge_step(k->store, &has_more))
            return;
    }
    mutex_lock(&k->lock);
    k->n_changes = 0; /* its own */
    mutex_unlock(&k->lock);
}

static void work(struct keeper *k, unsigned due)
{
    if (due & KEEPER_LOAD)
        bring_into_memory(k);
    if (due & KEEPER_ACCESSES)
        touch_write(k->store);
    if (due & KEEPER_MERGE)
        merge_words(k);
    if (due & KEEPER_LOG)
        copy_log(k);
    if (due & KEEPER_INDEX)
        vectors_save_due(k->store);
}

/* -- the thread -------------------------------------------------------------------------------- */

static bool is_time_for_accesses(const struct keeper *k)
{
    return k->write_accesses_at_ms && clock_monotonic_ms() >= k->write_accesses_at_ms;
}

/* What is due; 0: it is to stop. */
static unsigned wait_for_work(struct keeper *k)
{
    unsigned due;
    MUTEX_SCOPE(&k->lock);

    while (!k->is_stopping && !k->due && !is_time_for_accesses(k)) {
        if (k->write_accesses_at_ms)
            cond_wait_until(&k->wake, &k->lock, k->write_accesses_at_ms);
        else
            cond_wait(&k->wake, &k->lock);
    }
    if (k->is_stopping)
        return 0;
    due = k->due | (is_time_for_accesses(k) ? KEEPER_ACCESSES : 0);
    k->due = 0;
    if (due & KEEPER_ACCESSES)
        k->write_accesses_at_ms = 0;
    return due;
}

static void run(void *arg)
{
    struct keeper *k = arg;
    unsigned due;

    while ((due = wait_for_work(k)) != 0)
        work(k, due);
}

bool keeper_call(struct keeper *k, enum keeper_task task)
{
    if (!k)
        return false;
    MUTEX_SCOPE(&k->lock);
    if (task == KEEPER_ACCESSES_LATER) {
        if (!k->write_accesses_at_ms)
            k->write_accesses_at_ms = clock_monotonic_ms() + STORE_TOUCH_DELAY_MS;
    } else {
        k->due |= task;
    }
    cond_signal(&k->wake);
    return true;
}

void keeper_note_commit(struct keeper *k)
{
    bool is_due;

    if (!k)
        return;
    mutex_lock(&k->lock);
    is_due = ++k->n_changes >= CHANGES_DUE;
    if (is_due)
        k->n_changes = 0;
    mutex_unlock(&k->lock);
    if (is_due)
        keeper_call(k, KEEPER_MERGE);
}

/* Called by each commit of the writer. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int n_pages)
{
    struct keeper *k = arg;

    (void)name;
    if (n_pages >= LOG_PAGES_MAX)
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    else if (n_pages >= LOG_PAGES_DUE)
        keeper_call(k, KEEPER_LOG);
    return SQLITE_OK;
}

/* -- start and stop ---------------------------------------------------------------------------- */

bool store_keep(struct store *s, struct str space, struct str model_id, size_t dim,
                struct error *err)
{
    struct keeper *k = NEW(struct keeper);

    k->store = s;
    k->space = arena_dup(&k->arena, space);
    k->model_id = arena_dup(&k->arena, model_id);
    k->dim = dim;
    k->due = dim ? KEEPER_LOAD : 0;
    mutex_init(&k->lock);
    cond_init(&k->wake);
    s->keeper = k;
    if (!thread_start(&k->thread, "memoryd-keeper", run, k, err)) {
        keeper_free(s->keeper);
        s->keeper = NULL;
        return false;
    }
    keeper_watch(k, s->writer);
    return true;
}

/* SQLite's own way to copy the log is such a hook too: where the user set it, it stays. */
void keeper_watch(struct keeper *k, struct db *writer)
{
    if (k && !store_has_pragma(k->store, STR("wal_autocheckpoint")))
        sqlite3_wal_hook(writer->os, on_commit, k);
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    mutex_lock(&k->lock);
    k->is_stopping = true;
    cond_signal(&k->wake);
    mutex_unlock(&k->lock);
    thread_join(&k->thread);
    sqlite3_wal_hook(k->store->writer->os, NULL, NULL); /* nobody writes any more */
    cond_deinit(&k->wake);
    mutex_deinit(&k->lock);
    arena_deinit(&k->arena);
    free(k);
}

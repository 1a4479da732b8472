/*
 * writer.c - one writing connection, and commits that several changes share.
 *
 * A commit waits for the disk, about as long as everything else that a change does. So a change that ends
 * while others wait for the writer does not commit: it leaves its part of the transaction to the next,
 * and waits for that one's commit, or for whoever's is the last of the group. Each change is a savepoint
 * of its own, so that one that fails takes nothing of the others along. Nobody is told that a change was made
 * before the commit that has it is on disk; if that fails, the whole group is told.
 *
 * A change that is refused commits what the others of its group did: the refusal may rest on that, and who
 * looks again, to try once more, must find it. If that commit fails, the refusal is told as that.
 *
 * What takes long, or may find the database damaged, is alone in its transaction: others neither wait for it
 * nor fail with it.
 *
 * Between processes SQLite's own lock decides, with a timeout long enough that callers do not see it. It counts
 * from when a caller came, so that those who stood behind one that waited in vain do not wait as long again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/alloc.h"
#include "base/clock.h"

#define GROUP_MAX 64 /* changes in one transaction; then other processes get their turn */

/* Whoever joined waits for the outcome and holds a reference. */
struct commit_group {
    size_t n_refs; /* all under store.group_lock */
    bool is_done;
    bool is_ok;
    struct error why; /* it was not */
};

void writer_init(struct store *s)
{
    mutex_init(&s->write_lock);
    mutex_init(&s->group_lock);
    cond_init(&s->group_done);
}

void writer_deinit(struct store *s)
{
    cond_deinit(&s->group_done);
    mutex_deinit(&s->group_lock);
    mutex_deinit(&s->write_lock);
}

/* -- who waits --------------------------------------------------------------------------------- */

static void lock_writer(struct store *s)
{
    mutex_lock(&s->group_lock);
    s->n_waiting++;
    mutex_unlock(&s->group_lock);
    mutex_lock(&s->write_lock);
    mutex_lock(&s->group_lock);
    s->n_waiting--;
    mutex_unlock(&s->group_lock);
}

/* Whether somebody is sure to take the writer next. */
static bool is_awaited(struct store *s)
{
    MUTEX_SCOPE(&s->group_lock);

    return s->n_waiting > 0;
}

/* -- groups: write_lock is held ---------------------------------------------------------------- */

static struct commit_group *join(struct store *s)
{
    if (!s->group) {
        s->group = NEW(struct commit_group);
        s->group->n_refs = 1;
        s->n_joined = 0;
    }
    s->n_joined++;
    mutex_lock(&s->group_lock);
    s->group->n_refs++;
    mutex_unlock(&s->group_lock);
    return s->group;
}

static void drop(struct commit_group *g)
{
    if (--g->n_refs == 0)
        free(g);
}

/* Tells all who joined. err NULL: what they did is on disk. */
static void tell(struct store *s, const struct error *err)
{
    struct commit_group *g = STEAL(s->group);
    MUTEX_SCOPE(&s->group_lock);

    if (!g)
        return;
    g->is_done = true;
    g->is_ok = err == NULL;
    if (err)
        g->why = *err;
    drop(g);
    cond_broadcast(&s->group_done);
}

static bool wait_for(struct store *s, struct commit_group *g, struct error *err)
{
    bool is_ok;
    MUTEX_SCOPE(&s->group_lock);

    while (!g->is_done)
        cond_wait(&s->group_done, &s->group_lock);
    is_ok = g->is_ok;
    if (!is_ok && err)
        *err = g->why;
    drop(g);
    return is_ok;
}

static void undo(struct store *s)
{
    if (!sqlite3_get_autocommit(s->writer->os) &&
        sqlite3_exec(s->writer->os, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        s->is_suspect = true;
}

/* A connection in which something failed, the disk or memory, may remember what never was: FTS5 does in
 * one place. So it is opened anew, which also undoes what could not be undone. */
static bool renew(struct store *s, struct error *err)
{
    struct db *db;

    if (!db_open(s, false, &db, err))
        return false;
    db_close(s->writer);
    s->writer = db;
    s->is_suspect = false;
    keeper_watch(s->keeper, db);
    return true;
}

/* The accesses go along. That they cannot be written is no matter, unless it ended the transaction. */
static bool commit(struct store *s, struct error *err)
{
    if (!touch_flush(s, s->writer, err) && sqlite3_get_autocommit(s->writer->os))
        return false;
    return db_do(s->writer, "COMMIT", err);
}

/* Ends the transaction, if there is one, and tells the group. False: the commit failed. */
static bool finish(struct store *s, struct error *err)
{
    struct error problem = {0};

    if (!s->group) { /* nobody changed anything */
        undo(s);
        return true;
    }
    if (commit(s, &problem)) {
        tell(s, NULL);
        keeper_note_commit(s->keeper);
        return true;
    }
    undo(s);
    s->is_suspect = true;
    tell(s, &problem);
    if (err)
        *err = problem;
    return false;
}

/* Lets go of the writer. The last one commits for all. */
static void leave(struct store *s, bool is_alone)
{
    if (is_alone || !is_awaited(s) || s->n_joined >= GROUP_MAX)
        (void)finish(s, NULL); /* the group is told */
    mutex_unlock(&s->write_lock);
}

/* -- one change -------------------------------------------------------------------------------- */

static bool begin(struct store *s, int64_t deadline_ms, struct error *err)
{
    int64_t wait_ms = deadline_ms - clock_monotonic_ms();

    if ((s->is_suspect && !s->group && !renew(s, err)) || !db_is_in_place(s->writer, err))
        return false;
    if (sqlite3_get_autocommit(s->writer->os)) {
        bool is_begun;

        sqlite3_busy_timeout(s->writer->os, (int)MAX(wait_ms, (int64_t)0));
        is_begun = db_do(s->writer, "BEGIN IMMEDIATE", err);
        sqlite3_busy_timeout(s->writer->os, s->busy_timeout_ms);
        if (!is_begun)
            return false;
    }
    return db_do(s->writer, "SAVEPOINT change", err);
}

/* How long this connection waits for others, which a pragma of the user's may have set. */
static int busy_timeout_of(struct db *db)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, "PRAGMA busy_timeout", &q, NULL) ||
        !db_step(db, q.os, &has_row, "read a pragma", NULL) || !has_row)
        return STORE_BUSY_TIMEOUT_MS;
    return sqlite3_column_int(q.os, 0);
}

bool writer_open(struct store *s, struct error *err)
{
    if (!db_open(s, false, &s->writer, err))
        return false;
    s->busy_timeout_ms = busy_timeout_of(s->writer);
    return true;
}

static bool start(struct store *s, int64_t wait_ms, bool is_alone, struct writer *out,
                  struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;

    lock_writer(s);
    if (is_alone)
        (void)finish(s, NULL); /* the group is told */
    if (!begin(s, deadline_ms, err)) {
        leave(s, is_alone);
        return false;
    }
    *out = (struct writer){s, s->writer, is_alone, err};
    return true;
}

bool write_begin(struct store *s, struct writer *out, struct error *err)
{
    return start(s, s->busy_timeout_ms, false, out, err);
}

bool write_begin_alone(struct store *s, struct writer *out, struct error *err)
{
    return start(s, s->busy_timeout_ms, true, out, err);
}

bool write_begin_within(struct store *s, int64_t wait_ms, struct writer *out, struct error *err)
{
    return start(s, MIN(wait_ms, (int64_t)s->busy_timeout_ms), false, out, err);
}

bool write_try(struct store *s, struct writer *out)
{
    if (!mutex_try_lock(&s->write_lock))
        return false;
    if (!begin(s, 0, NULL)) {
        leave(s, false);
        return false;
    }
    *out = (struct writer){s, s->writer, false, NULL};
    return true;
}

bool write_commit(struct writer *w, struct error *err)
{
    struct store *s = w->store;
    bool is_alone = w->is_alone;
    struct commit_group *g;

    if (!db_do(w->db, "RELEASE change", err))
        return false;
    g = join(s);
    *w = (struct writer){0};
    leave(s, is_alone);
    return wait_for(s, g, err);
}

/* Takes back one change. Where SQLite itself failed nothing is kept of the whole group: a full or failing
 * disk may have undone it already, and a connection that is suspect writes nothing more. */
static void undo_change(struct store *s)
{
    struct error err = {0};
    int code = sqlite3_errcode(s->writer->os);

    if ((code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) &&
        sqlite3_exec(s->writer->os, "ROLLBACK TO change; RELEASE change", NULL, NULL, NULL) ==
            SQLITE_OK)
        return;
    (void)db_error(s->writer, &err, "database");
    undo(s);
    s->is_suspect = true;
    tell(s, &err);
}

void write_end(struct writer *w)
{
    struct store *s = w->store;

    if (!s)
        return;
    undo_change(s);
    (void)finish(s, w->err);
    mutex_unlock(&s->write_lock);
    *w = (struct writer){0};
}

/*
 * touch.c - counting accesses without a disk write per search.
 *
 * A search must not wait for the disk. Accesses are collected here and written along with the next
 * change, or after a while, or when somebody asks what is stale, or when the store closes. A crash loses what
 * waits: counts, never memories.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/log.h"

static struct touch *find_touch(struct store *s, int64_t row)
{
    for (size_t i = 0; i < s->n_touches; i++) {
        if (s->touches[i].row == row)
            return &s->touches[i];
    }
    return NULL;
}

/* False: no room. */
static bool add_touch(struct store *s, int64_t row, int64_t now_ms)
{
    struct touch *t = find_touch(s, row);

    if (!t && s->n_touches == STORE_TOUCHES_MAX)
        return false;
    if (!t) {
        if (s->n_touches == 0)
            s->touched_since_ms = now_ms;
        t = &s->touches[s->n_touches++];
        *t = (struct touch){.row = row};
    }
    t->n++;
    t->at_ms = MAX(t->at_ms, now_ms);
    return true;
}

/* Adds from rows[*at] on, as far as there is room. True: they are due to be written. */
static bool collect(struct store *s, const int64_t *rows, size_t n_rows, size_t *at,
                    int64_t now_ms)
{
    MUTEX_SCOPE(&s->touch_lock);

    while (*at < n_rows && add_touch(s, rows[*at], now_ms))
        (*at)++;
    return *at < n_rows ||
           (s->n_touches && now_ms - s->touched_since_ms > STORE_TOUCH_DELAY_MS);
}

static bool is_half_full(struct store *s)
{
    MUTEX_SCOPE(&s->touch_lock);

    return s->n_touches >= STORE_TOUCHES_MAX / 2;
}

/* The next try comes after another while. */
static void put_off(struct store *s, int64_t now_ms)
{
    MUTEX_SCOPE(&s->touch_lock);

    s->touched_since_ms = now_ms;
}

void store_touch(struct store *s, const int64_t *rows, size_t n_rows, int64_t now_ms)
{
    size_t at = 0;
    bool is_kept = keeper_call(s->keeper, KEEPER_ACCESSES_LATER);

    if (is_kept) {
        if (collect(s, rows, n_rows, &at, now_ms) || is_half_full(s))
            keeper_call(s->keeper, KEEPER_ACCESSES); /* what found no room is not counted */
        return;
    }
    while (collect(s, rows, n_rows, &at, now_ms)) {
        AUTO_WRITER w = {0};

        if (!write_try(s, &w) || !write_commit(&w, NULL)) {
            put_off(s, now_ms); /* what found no room is not counted */
            return;
        }
    }
}

static size_t take_all(struct store *s, struct touch *out)
{
    MUTEX_SCOPE(&s->touch_lock);
    size_t n = s->n_touches;

    memcpy(out, s->touches, n * sizeof(*out));
    s->n_touches = 0;
    return n;
}

bool touch_flush(struct store *s, struct db *db, struct error *err)
{
    AUTO_STMT q = {0};
    struct touch touches[STORE_TOUCHES_MAX];
    size_t n = take_all(s, touches);

    if (n == 0)
        return true;
    if (!db_prepare(db,
                    "UPDATE memory SET accessed_ms = max(accessed_ms, ?2),"
                    " n_accesses = n_accesses + ?3 WHERE row = ?1",
                    &q, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        sqlite3_reset(q.os);
        sqlite3_bind_int64(q.os, 1, touches[i].row);
        sqlite3_bind_int64(q.os, 2, touches[i].at_ms);
        sqlite3_bind_int64(q.os, 3, touches[i].n);
        if (!db_run(db, q.os, "count an access", err))
            return false;
    }
    return true;
}

void touch_write(struct store *s)
{
    struct error err = {0};
    AUTO_WRITER w = {0};
    bool has_some;

    mutex_lock(&s->touch_lock);
    has_some = s->n_touches > 0;
    mutex_unlock(&s->touch_lock);
    if (has_some &&
        (!write_begin_within(s, STORE_TOUCH_WAIT_MS, &w, &err) || !write_commit(&w, &err)))
        log_event(LOG_WARN, "store.touch", "text=\"%s\"", err.text);
}

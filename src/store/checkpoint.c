/*
 * checkpoint.c - vector indexes as files beside the database, so that a start need not read all vectors.
 *
 * A file belongs to one space and model, and says up to which change it goes and what that change
 * was. So it is known to be a copy of this database's past, whatever was restored or replaced since, and
 * the changes after it are taken over as always. A file that is not of use is made anew; none of them is
 * ever needed, and all may be deleted.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <dirent.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "sys/sys.h"

#define FINGERPRINT_BYTES 24

struct stamp {                                    /* what a file says of itself */
    unsigned char whose[CRYPTO_SHA256_BYTES];     /* space and model */
    int64_t seq;                                  /* the last change that is in it */
    unsigned char fingerprint[FINGERPRINT_BYTES]; /* of that change */
};
_Static_assert(sizeof(struct stamp) == INDEX_STAMP_BYTES, "no holes");

static void digest_of_set(const struct vector_set *set, unsigned char out[CRYPTO_SHA256_BYTES])
{
    AUTO_BUF b = {0};

    buf_printf(&b, "%zu %s\n%s", set->dim, set->space, set->model_id);
    crypto_sha256(buf_str(&b), out);
}

#define NAME_PART "-index-"

/* memory.db-index-0123456789abcdef */
static const char *path_of(struct buf *b, const struct vector_set *set)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char hex[17];

    digest_of_set(set, digest);
    crypto_hex(digest, 8, hex);
    buf_printf(b, "%s" NAME_PART "%s", vectors_path(set->owner), hex);
    return buf_cstr(b);
}

/* False: there is no such change. */
static bool fingerprint(struct db *db, int64_t seq, unsigned char out[FINGERPRINT_BYTES])
{
    AUTO_STMT q = {0};
    unsigned char digest[CRYPTO_SHA256_BYTES];
    bool has_row = false;

    if (!db_prepare(db,
                    "SELECT at_ms || ' ' || space || ' ' || row || ' ' || hash || ' ' || op ||"
                    " ' ' || revision || ' ' || client FROM change WHERE seq = ?1",
                    &q, NULL))
        return false;
    sqlite3_bind_int64(q.os, 1, seq);
    if (!db_step(db, q.os, &has_row, "read the change log", NULL) || !has_row)
        return false;
    crypto_sha256(str_n((const char *)sqlite3_column_text(q.os, 0),
                        (size_t)sqlite3_column_bytes(q.os, 0)),
                  digest);
    memcpy(out, digest, FINGERPRINT_BYTES);
    return true;
}

static bool make_stamp(const struct vector_set *set, struct db *db, int64_t seq,
                       struct stamp *out)
{
    out->seq = seq;
    digest_of_set(set, out->whose);
    return fingerprint(db, seq, out->fingerprint);
}

bool checkpoint_load(struct vector_set *set, struct db *db)
{
    AUTO_BUF path = {0};
    struct stamp found, want;
    struct index *index;
    struct error err = {0};

    if (!index_load(path_of(&path, set), set->dim, &index, (unsigned char *)&found, &err)) {
        if (err.kind != ERROR_NOT_FOUND)
            log_event(LOG_WARN, "store.checkpoint", "text=\"%s; it is made anew\"", err.text);
        return false;
    }
    if (!make_stamp(set, db, found.seq, &want) || memcmp(&found, &want, sizeof(want)) != 0) {
        log_event(LOG_INFO, "store.checkpoint",
                  "text=\"%s is of another past; it is made anew\"", buf_cstr(&path));
        index_free(index);
        return false;
    }
    index_take(set->index, index);
    set->seq = found.seq;
    return true;
}

/* What is to be written, and up to which change it goes; NULL: nothing is. */
static struct index_view *take_due(struct vector_set *set,
                                   bool (*is_due)(const struct vector_set *), int64_t *out_seq,
                                   size_t *out_n_taken)
{
    MUTEX_SCOPE(&set->lock);

    if (!is_due(set))
        return NULL;
    *out_n_taken = set->n_taken;
    set->n_taken = 0;
    *out_seq = set->seq;
    return index_view_take(set->index);
}

/* Nothing was written: it stays due. */
static void put_back(struct vector_set *set, size_t n_taken)
{
    MUTEX_SCOPE(&set->lock);

    set->n_taken += n_taken;
}

/* Whether memories of the index as of seq have been removed for good since, as far as anybody knows by now. */
static bool was_purged_since(struct db *db, int64_t seq)
{
    AUTO_STMT q = {0};
    bool has_row = true;

    if (!sqlite3_get_autocommit(db->os) &&
        (!db_do(db, "COMMIT", NULL) || !db_do(db, "BEGIN", NULL))) /* sees what is there now */
        return true;
    if (!db_prepare(db, "SELECT 1 FROM change WHERE seq > ?1 AND op = 'purge' LIMIT 1", &q,
                    NULL))
        return true;
    sqlite3_bind_int64(q.os, 1, seq);
    return !db_step(db, q.os, &has_row, "read the change log", NULL) || has_row;
}

static bool save(const struct index_view *view, struct vector_set *set, struct db *db,
                 int64_t seq, struct error *err)
{
    AUTO_BUF path = {0};
    struct stamp stamp;

    if (!make_stamp(set, db, seq, &stamp))
        return error_set(err, ERROR_UNAVAILABLE, "the change log cannot be read");
    if (!index_save(view, path_of(&path, set), (const unsigned char *)&stamp, err))
        return false;
    /* A purge deletes these files after its commit; one that did so before this was written cannot have seen
     * it. */
    if (was_purged_since(db, seq))
        unlink(buf_cstr(&path));
    return true;
}

void checkpoint_save(struct vector_set *set, struct db *db,
                     bool (*is_due)(const struct vector_set *))
{
    int64_t seq = 0;
    size_t n_taken = 0;
    AUTO_INDEX_VIEW *view = take_due(set, is_due, &seq, &n_taken);
    struct error err = {0};

    if (!view || save(view, set, db, seq, &err))
        return;
    put_back(set, n_taken);
    log_event(LOG_WARN, "store.checkpoint", "text=\"%s; starts take longer without it\"",
              err.text);
}

void checkpoint_delete_all(const char *db_path)
{
    AUTO_ARENA a = {0};
    struct str folder = sys_dirname(&a, str_c(db_path));
    const char *slash = strrchr(db_path, '/');
    struct str prefix = arena_printf(&a, "%s" NAME_PART, slash ? slash + 1 : db_path);
    DIR *dir = opendir(arena_cstr(&a, folder));

    if (!dir)
        return;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (str_starts(str_c(e->d_name), prefix))
            unlink(sys_join(&a, folder, str_c(e->d_name)).ptr);
    }
    closedir(dir);
}

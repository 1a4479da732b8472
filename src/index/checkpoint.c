/*
 * checkpoint.c - the index as a file, so that a start need not read every vector from the database.
 *
 *   header   magic, version, byte order, shapes, the caller's stamp, the sum of all that follows
 *   sections codes, bytes, scales, ids, the caller's set of ids; each filled up to 8 bytes
 *
 * Only what cannot be made quickly is in it: chains and hash table are built anew from the ids. The
 * sum (four interleaved FNV-1a sums over 8-byte words) tells damage, not malice; all numbers
 * are checked nevertheless before they are used.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <string.h>

#include "base/alloc.h"
#include "sys/sys.h"

#define MAGIC      "MMRDIDX\n"
#define VERSION    1
#define ORDER_MARK 0x01020304
#define FILE_MODE  0600
#define SLOTS_MAX  ((uint64_t)UINT32_MAX - 1)
#define LANES      4

struct header {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint64_t dim;
    uint64_t n_slots;
    uint64_t n_words; /* of the set of ids */
    unsigned char stamp[INDEX_STAMP_BYTES];
    uint64_t sum; /* of the header with this as 0, and of the sections */
};

enum { SECTIONS = 5 };

struct sections {
    struct str list[SECTIONS];
};

/* -- the sum ----------------------------------------------------------------------------------- */

struct sum {
    uint64_t lanes[LANES];
};

static void sum_add(struct sum *s, struct str bytes)
{
    const uint64_t prime = 0x100000001b3;
    struct sum now = *s; /* in registers */
    size_t i = 0;

    for (; i + LANES * sizeof(uint64_t) <= bytes.len; i += LANES * sizeof(uint64_t)) {
        for (size_t k = 0; k < LANES; k++) {
            uint64_t word;

            memcpy(&word, bytes.ptr + i + k * sizeof(word), sizeof(word));
            now.lanes[k] = (now.lanes[k] ^ word) * prime;
        }
    }
    for (; i < bytes.len; i++)
        now.lanes[0] = (now.lanes[0] ^ (unsigned char)bytes.ptr[i]) * prime;
    *s = now;
}

static uint64_t sum_of(const struct header *h, const struct sections *sections)
{
    struct header copy = *h;
    struct sum s = {{1, 2, 3, 4}};
    uint64_t sum = 0;

    copy.sum = 0;
    sum_add(&s, str_n((const char *)&copy, sizeof(copy)));
    for (size_t i = 0; i < SECTIONS; i++)
        sum_add(&s, sections->list[i]);
    for (size_t k = 0; k < LANES; k++)
        sum = (sum ^ s.lanes[k]) * 0x9e3779b97f4a7c15u;
    return sum;
}

/* -- layout ------------------------------------------------------------------------------------ */

static size_t padded(size_t n)
{
    return (n + 7) / 8 * 8;
}

/* The lengths of the sections; the header's numbers are known to be within their limits. */
static struct sections lengths(const struct header *h)
{
    size_t n = (size_t)h->n_slots, dim = (size_t)h->dim;

    return (struct sections){{
        {NULL, n * ((dim + 63) / 64) * sizeof(uint64_t)},
        {NULL, n * dim},
        {NULL, n * sizeof(float)},
        {NULL, n * sizeof(int64_t)},
        {NULL, (size_t)h->n_words * sizeof(uint64_t)},
    }};
}

static void set_bytes(struct sections *s, size_t i, const void *bytes)
{
    s->list[i].ptr = bytes;
}

/* -- writing ----------------------------------------------------------------------------------- */

static bool save_locked(const struct index *ix, const char *path, struct header *h,
                        const struct bitmap *ids, struct error *err)
{
    static const char zeros[8];
    struct sections s;
    struct str pieces[1 + 2 * SECTIONS];

    h->n_slots = ix->s.n_slots;
    s = lengths(h);
    set_bytes(&s, 0, ix->s.codes);
    set_bytes(&s, 1, ix->s.bytes);
    set_bytes(&s, 2, ix->s.scales);
    set_bytes(&s, 3, ix->s.ids);
    set_bytes(&s, 4, ids->words);
    h->sum = sum_of(h, &s);
    pieces[0] = str_n((const char *)h, sizeof(*h));
    for (size_t i = 0; i < SECTIONS; i++) {
        pieces[1 + 2 * i] = s.list[i];
        pieces[2 + 2 * i] = str_n(zeros, padded(s.list[i].len) - s.list[i].len);
    }
    return sys_write_pieces(path, FILE_MODE, pieces, COUNT(pieces), false, err);
}

bool index_save(const struct index *ix, const char *path,
                const unsigned char stamp[INDEX_STAMP_BYTES], const struct bitmap *ids,
                struct error *err)
{
    struct header h = {
        .version = VERSION, .byte_order = ORDER_MARK, .dim = ix->dim, .n_words = ids->n_words};
    bool is_ok;

    memcpy(h.magic, MAGIC, sizeof(h.magic));
    memcpy(h.stamp, stamp, sizeof(h.stamp));
    index_lock_read(ix);
    is_ok = save_locked(ix, path, &h, ids, err);
    index_unlock_read(ix);
    return is_ok;
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool are_zeros(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* Where the sections lie in a file with this header; false: it is not filled by them. */
static bool find_sections(struct str file, const struct header *h, struct sections *out)
{
    size_t at = sizeof(*h);

    *out = lengths(h);
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t len = out->list[i].len, room = padded(len);

        if (room > file.len - at || !are_zeros(file.ptr + at + len, room - len))
            return false;
        set_bytes(out, i, file.ptr + at);
        at += room;
    }
    return at == file.len;
}

static bool is_sound(struct str file, size_t dim, struct header *h, struct sections *s)
{
    if (file.len < sizeof(*h))
        return false;
    memcpy(h, file.ptr, sizeof(*h));
    return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->version == VERSION &&
           h->byte_order == ORDER_MARK && h->dim == dim && h->n_slots <= SLOTS_MAX &&
           h->n_words <= INDEX_ID_MAX / 64 + 1 && find_sections(file, h, s) &&
           sum_of(h, s) == h->sum;
}

static bool are_ids_valid(const struct index *ix)
{
    for (size_t i = 0; i < ix->s.n_slots; i++) {
        if (ix->s.ids[i] <= 0 || ix->s.ids[i] > INDEX_ID_MAX)
            return false;
    }
    return true;
}

static void copy_section(void *to, struct str from)
{
    if (from.len)
        memcpy(to, from.ptr, from.len);
}

static struct index *build(const struct header *h, const struct sections *s)
{
    struct index *ix = index_new((size_t)h->dim);

    index_reserve(ix, (size_t)h->n_slots);
    ix->s.n_slots = (size_t)h->n_slots;
    copy_section(ix->s.codes, s->list[0]);
    copy_section(ix->s.bytes, s->list[1]);
    copy_section(ix->s.scales, s->list[2]);
    copy_section(ix->s.ids, s->list[3]);
    if (!are_ids_valid(ix)) {
        index_free(ix);
        return NULL;
    }
    for (size_t i = 0; i < ix->s.n_slots; i++)
        index_link(ix, (uint32_t)i);
    return ix;
}

static void copy_ids(struct bitmap *out, struct str words)
{
    bitmap_deinit(out);
    out->n_words = words.len / sizeof(*out->words);
    out->words = NEW_ARRAY(uint64_t, out->n_words);
    copy_section(out->words, words);
}

bool index_load(const char *path, size_t dim, struct index **out,
                unsigned char stamp[INDEX_STAMP_BYTES], struct bitmap *ids, struct error *err)
{
    struct sys_map map;
    struct header h;
    struct sections s;
    struct index *ix = NULL;

    if (!sys_map_open(path, &map, err))
        return false;
    if (is_sound(str_n((const char *)map.ptr, map.len), dim, &h, &s))
        ix = build(&h, &s);
    if (ix) {
        copy_ids(ids, s.list[4]);
        memcpy(stamp, h.stamp, sizeof(h.stamp));
        *out = ix;
    }
    sys_map_close(&map);
    return ix != NULL ||
           error_set(err, ERROR_INVALID, "%s is damaged, or of another version", path);
}

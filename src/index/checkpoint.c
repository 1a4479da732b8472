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

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/sys.h"

#define MAGIC      "MMRDIDX\n"
#define VERSION    1
#define ORDER_MARK 0x01020304
#define FILE_MODE  0600
#define SLOTS_MAX  ((uint64_t)UINT32_MAX - 1)
#define LANES      4
#define WORD       sizeof(uint64_t)

struct header {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint64_t dim;
    uint64_t n_slots;
    uint64_t n_words; /* of the set of ids */
    unsigned char stamp[INDEX_STAMP_BYTES];
    uint64_t sum; /* of all before and behind it */
};

enum { SECTIONS = 5 };

struct sections {
    struct str list[SECTIONS];
};

/* -- the sum ----------------------------------------------------------------------------------- */

struct sum {
    uint64_t lanes[LANES]; /* word i goes to lane i % LANES */
    size_t n_words;
};

static uint64_t step(uint64_t lane, const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return (lane ^ word) * 0x100000001b3;
}

static void add_word(struct sum *s, const char *bytes)
{
    uint64_t *lane = &s->lanes[s->n_words++ % LANES];

    *lane = step(*lane, bytes);
}

/* bytes: whole words. Between the first and the last few, all lanes go side by side. */
static void sum_add(struct sum *s, struct str bytes)
{
    struct sum now = *s; /* in registers */
    const char *at = bytes.ptr, *end = at + bytes.len;

    for (; at < end && now.n_words % LANES; at += WORD)
        add_word(&now, at);
    for (; at + LANES * WORD <= end; at += LANES * WORD, now.n_words += LANES) {
        for (size_t k = 0; k < LANES; k++)
            now.lanes[k] = step(now.lanes[k], at + k * WORD);
    }
    for (; at < end; at += WORD)
        add_word(&now, at);
    *s = now;
}

_Static_assert(sizeof(struct header) == INDEX_FILE_HEADER_BYTES, "no holes");
_Static_assert(offsetof(struct header, sum) + sizeof(uint64_t) == sizeof(struct header),
               "the sum is the header's last word");

uint64_t index_file_sum(const struct str *pieces, size_t n)
{
    struct sum s = {.lanes = {1, 2, 3, 4}};
    uint64_t sum = 0;

    sum_add(&s, str_sub(pieces[0], 0, offsetof(struct header, sum)));
    sum_add(&s, str_sub(pieces[0], sizeof(struct header), pieces[0].len));
    for (size_t i = 1; i < n; i++)
        sum_add(&s, pieces[i]);
    for (size_t k = 0; k < LANES; k++)
        sum = (sum ^ s.lanes[k]) * 0x9e3779b97f4a7c15u;
    return sum;
}

/* -- layout ------------------------------------------------------------------------------------ */

static size_t padded(size_t n)
{
    return (n + WORD - 1) / WORD * WORD;
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
    uint64_t tails[SECTIONS];
    struct sections s;
    struct str pieces[1 + 2 * SECTIONS];

    h->n_slots = ix->s.n_slots;
    s = lengths(h);
    set_bytes(&s, 0, ix->s.codes);
    set_bytes(&s, 1, ix->s.bytes);
    set_bytes(&s, 2, ix->s.scales);
    set_bytes(&s, 3, ix->s.ids);
    set_bytes(&s, 4, ids->words);
    pieces[0] = str_n((const char *)h, sizeof(*h));
    for (size_t i = 0; i < SECTIONS; i++) {
        struct str section = s.list[i];
        size_t n_whole = section.len / WORD * WORD;

        tails[i] = 0; /* the last word, filled up with zeros */
        if (section.len > n_whole)
            memcpy(&tails[i], section.ptr + n_whole, section.len - n_whole);
        pieces[1 + 2 * i] = str_sub(section, 0, n_whole);
        pieces[2 + 2 * i] = str_n((const char *)&tails[i], section.len > n_whole ? WORD : 0);
    }
    h->sum = index_file_sum(pieces, COUNT(pieces));
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

/* Where the sections lie in a file with this header; false: it is not filled by them. */
static bool find_sections(struct str file, const struct header *h, struct sections *out)
{
    size_t at = sizeof(*h);

    *out = lengths(h);
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t room = padded(out->list[i].len);

        if (room > file.len - at)
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
           index_file_sum(&file, 1) == h->sum;
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

/*
 * checkpoint.c - the index as a file, so that a start need not read every vector from the database.
 *
 *   header   magic, version, byte order, shapes, the caller's stamp, the sum of all that follows
 *   sections codes, bytes, ids with scales, a byte for each slot that is 1 if it is hidden; each
 *            filled up to 8 bytes
 *
 * Only what cannot be made quickly is in it: chains and hash table are built anew from the ids. The
 * sum (four interleaved FNV-1a sums over 8-byte words) tells damage, not malice; so what could lead a search
 * astray is checked nevertheless: shapes, ids, scales and marks. Codes and bytes may be any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/sys.h"

#define MAGIC      "MMRDIDX\n"
#define VERSION    3
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
    unsigned char stamp[INDEX_STAMP_BYTES];
    uint64_t sum; /* of all before and behind it */
};

enum { SECTIONS = 4 };

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
    struct sum now = *s;        /* in registers */
    const char *at = bytes.ptr; /* NULL if there are none */
    size_t left = bytes.len;

    for (; left && now.n_words % LANES; at += WORD, left -= WORD)
        add_word(&now, at);
    for (; left >= LANES * WORD; at += LANES * WORD, left -= LANES * WORD) {
        for (size_t k = 0; k < LANES; k++)
            now.lanes[k] = step(now.lanes[k], at + k * WORD);
        now.n_words += LANES;
    }
    for (; left; at += WORD, left -= WORD)
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

/* Where a chunk has each section; the lengths are those of n slots. A whole chunk's are whole words. */
static struct sections sections_of(const struct chunk *c, size_t dim, size_t n)
{
    return (struct sections){{
        {(const char *)c->codes, n * ((dim + 63) / 64) * sizeof(uint64_t)},
        {(const char *)c->bytes, n * dim},
        {(const char *)c->slots, n * sizeof(struct slot)},
        {(const char *)c->hidden, n * sizeof(bool)},
    }};
}

static size_t slots_in(size_t n_slots, size_t chunk)
{
    return MIN(n_slots - chunk * CHUNK_SLOTS, (size_t)CHUNK_SLOTS);
}

/* -- writing ----------------------------------------------------------------------------------- */

/* Each section of a view, chunk by chunk; the last word of each is filled up with zeros. */
struct image {
    struct str *pieces; /* the header first */
    size_t n;
    uint64_t tails[SECTIONS];
};

static void add_section(struct image *image, const struct index_view *v, size_t section)
{
    for (size_t at = 0; at < v->n_chunks; at++) {
        struct str s =
            sections_of(v->chunks[at], v->owner->dim, slots_in(v->n_slots, at)).list[section];
        size_t n_whole = s.len / WORD * WORD;

        image->pieces[image->n++] = str_sub(s, 0, n_whole);
        if (s.len == n_whole)
            continue;
        memcpy(&image->tails[section], s.ptr + n_whole, s.len - n_whole);
        image->pieces[image->n++] = str_n((const char *)&image->tails[section], WORD);
    }
}

bool index_save(const struct index_view *view, const char *path,
                const unsigned char stamp[INDEX_STAMP_BYTES], struct error *err)
{
    struct header h = {.version = VERSION,
                       .byte_order = ORDER_MARK,
                       .dim = view->owner->dim,
                       .n_slots = view->n_slots};
    struct image image = {.pieces = NEW_ARRAY(struct str, 1 + SECTIONS * (view->n_chunks + 1))};
    bool is_ok;

    memcpy(h.magic, MAGIC, sizeof(h.magic));
    memcpy(h.stamp, stamp, sizeof(h.stamp));
    image.pieces[image.n++] = str_n((const char *)&h, sizeof(h));
    for (size_t i = 0; i < SECTIONS; i++)
        add_section(&image, view, i);
    h.sum = index_file_sum(image.pieces, image.n);
    is_ok = sys_write_pieces(path, FILE_MODE, image.pieces, image.n, false, err);
    free(image.pieces);
    return is_ok;
}

/* -- reading ----------------------------------------------------------------------------------- */

/* Where the sections lie in a file with this header; false: it is not filled by them. */
static bool find_sections(struct str file, const struct header *h, struct sections *out)
{
    static const struct chunk nowhere;
    size_t at = sizeof(*h);

    *out = sections_of(&nowhere, (size_t)h->dim, (size_t)h->n_slots);
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t room = padded(out->list[i].len);

        if (room > file.len - at)
            return false;
        out->list[i].ptr = file.ptr + at;
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
           find_sections(file, h, s) && index_file_sum(&file, 1) == h->sum;
}

/* The bytes of one chunk in a section of n_slots slots. */
static void copy_part(void *to, struct str section, size_t n_slots, size_t chunk)
{
    size_t per_slot = section.len / n_slots;

    memcpy(to, section.ptr + chunk * CHUNK_SLOTS * per_slot,
           slots_in(n_slots, chunk) * per_slot);
}

static bool are_slots_valid(const struct chunk *c, struct str hidden, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct slot *s = &c->slots[i];

        if (s->id <= 0 || s->id > INDEX_ID_MAX || !isfinite(s->scale) || s->scale < 0 ||
            s->gap != 0 || (unsigned char)hidden.ptr[i] > 1)
            return false;
    }
    return true;
}

static bool fill_chunk(struct index *ix, size_t at, const struct sections *s, size_t n_slots)
{
    size_t n = slots_in(n_slots, at);
    struct chunk *c;

    for (size_t i = 0; i < n; i++)
        (void)index_add_slot(ix);
    c = ix->chunks[at];
    copy_part(c->codes, s->list[0], n_slots, at);
    copy_part(c->bytes, s->list[1], n_slots, at);
    copy_part(c->slots, s->list[2], n_slots, at);
    if (!are_slots_valid(c, str_sub(s->list[3], at * CHUNK_SLOTS, at * CHUNK_SLOTS + n), n))
        return false;
    copy_part(c->hidden, s->list[3], n_slots, at);
    for (size_t i = 0; i < n; i++)
        index_link(ix, (uint32_t)(at * CHUNK_SLOTS + i));
    return true;
}

/* NULL: what no index holds. */
static struct index *build(const struct header *h, const struct sections *s)
{
    struct index *ix = index_new((size_t)h->dim);
    size_t n_slots = (size_t)h->n_slots;

    for (size_t at = 0; at * CHUNK_SLOTS < n_slots; at++) {
        if (fill_chunk(ix, at, s, n_slots))
            continue;
        index_free(ix);
        return NULL;
    }
    return ix;
}

bool index_load(const char *path, size_t dim, struct index **out,
                unsigned char stamp[INDEX_STAMP_BYTES], struct error *err)
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
        memcpy(stamp, h.stamp, sizeof(h.stamp));
        *out = ix;
    }
    sys_map_close(&map);
    return ix != NULL ||
           error_set(err, ERROR_INVALID, "%s is damaged, or of another version", path);
}

/*
 * vocab.c - the WordPiece vocabulary: built once by the converter, used from the map.
 *
 * A lookup hashes the start of a word once, byte by byte, and keeps the hash at every length; then it
 * probes from the longest down. With pieces of at most 18 bytes (all-MiniLM-L6-v2) that is less work
 * than one step of a trie through several cache lines.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

#define SLOTS_PER_PIECE 2 /* at least; doubled until VOCAB_PROBES_MAX is kept */

const char *const vocab_special_names[N_SPECIAL_TOKENS] = {
    [TOKEN_PAD] = "[PAD]", [TOKEN_UNK] = "[UNK]",   [TOKEN_CLS] = "[CLS]",
    [TOKEN_SEP] = "[SEP]", [TOKEN_MASK] = "[MASK]",
};

static uint32_t hash_byte(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * FNV_PRIME;
}

/* The hash of what stands before the piece's own bytes. */
static uint32_t hash_start(bool is_inner)
{
    return is_inner ? hash_byte(hash_byte(FNV_BASIS, '#'), '#') : FNV_BASIS;
}

static bool piece_is(const struct vocab *v, uint32_t id, struct str text, bool is_inner)
{
    const struct vocab_piece *p = &v->pieces[id];

    return p->is_inner == is_inner && p->len == text.len && p->offset <= v->n_bytes &&
           p->len <= v->n_bytes - p->offset &&
           memcmp(v->bytes + p->offset, text.ptr, text.len) == 0;
}

static bool find(const struct vocab *v, struct str text, bool is_inner, uint32_t hash,
                 int32_t *out_id)
{
    for (size_t i = 0; i < VOCAB_PROBES_MAX; i++) {
        uint32_t id = v->slots[(hash + i) & (v->n_slots - 1)];

        if (id >= v->n_pieces)
            return false;
        if (piece_is(v, id, text, is_inner)) {
            *out_id = (int32_t)id;
            return true;
        }
    }
    return false;
}

static bool is_char_start(struct str s, size_t at)
{
    return at == s.len || ((unsigned char)s.ptr[at] & 0xc0) != 0x80;
}

bool vocab_longest(const struct vocab *v, struct str word, bool is_inner, int32_t *out_id,
                   size_t *out_len)
{
    uint32_t hash[VOCAB_PIECE_MAX + 1];
    size_t n = MIN(word.len, MIN(v->longest, (size_t)VOCAB_PIECE_MAX));

    hash[0] = hash_start(is_inner);
    for (size_t i = 0; i < n; i++)
        hash[i + 1] = hash_byte(hash[i], word.ptr[i]);
    for (; n > 0; n--) {
        if (is_char_start(word, n) && find(v, str_sub(word, 0, n), is_inner, hash[n], out_id)) {
            *out_len = n;
            return true;
        }
    }
    return false;
}

bool vocab_is_inner(const struct vocab *v, int32_t id)
{
    return (size_t)id < v->n_pieces && v->pieces[id].is_inner;
}

/* ---- building ---- */

static bool line_is_inner(struct str line)
{
    return line.len > 2 && str_starts(line, STR("##"));
}

static uint32_t hash_line(struct str line)
{
    uint32_t hash = FNV_BASIS;

    for (size_t i = 0; i < line.len; i++)
        hash = hash_byte(hash, line.ptr[i]);
    return hash;
}

static bool add_pieces(struct arena *a, const struct str *lines, size_t n, struct vocab *v,
                       struct error *err)
{
    struct vocab_piece *pieces = ARENA_NEW(a, struct vocab_piece, n);
    size_t n_bytes = 0;
    char *bytes;

    for (size_t i = 0; i < n; i++) {
        if (!lines[i].len || lines[i].len > VOCAB_PIECE_MAX)
            return error_set(err, ERROR_INVALID, "line %zu has %zu bytes, not 1 to %d", i + 1,
                             lines[i].len, VOCAB_PIECE_MAX);
        n_bytes += lines[i].len;
    }
    bytes = ARENA_NEW(a, char, n_bytes);
    v->bytes = bytes;
    for (size_t i = 0; i < n; i++) {
        bool is_inner = line_is_inner(lines[i]);
        struct str text = str_sub(lines[i], is_inner ? 2 : 0, lines[i].len);

        pieces[i] = (struct vocab_piece){(uint32_t)v->n_bytes, (uint16_t)text.len, is_inner};
        memcpy(bytes + v->n_bytes, text.ptr, text.len);
        v->n_bytes += text.len;
        v->longest = MAX(v->longest, text.len);
    }
    v->pieces = pieces;
    v->n_pieces = n;
    return true;
}

/* False if a piece would lie further than VOCAB_PROBES_MAX from its place. */
static bool fill_slots(const struct str *lines, size_t n, uint32_t *slots, size_t n_slots)
{
    for (size_t i = 0; i < n_slots; i++)
        slots[i] = VOCAB_NO_ID;
    for (size_t i = 0; i < n; i++) {
        uint32_t hash = hash_line(lines[i]);
        size_t probe = 0;

        while (slots[(hash + probe) & (n_slots - 1)] != VOCAB_NO_ID) {
            if (++probe == VOCAB_PROBES_MAX)
                return false;
        }
        slots[(hash + probe) & (n_slots - 1)] = (uint32_t)i;
    }
    return true;
}

/* Doubling ends: pieces with equal hashes, which it cannot part, are refused as repeats are. */
static bool add_slots(struct arena *a, const struct str *lines, size_t n, struct vocab *v,
                      struct error *err)
{
    size_t n_slots = 1;

    while (n_slots < n * SLOTS_PER_PIECE)
        n_slots *= 2;
    for (; n_slots <= MODEL_SLOTS_MAX; n_slots *= 2) {
        uint32_t *slots = ARENA_NEW(a, uint32_t, n_slots);

        if (fill_slots(lines, n, slots, n_slots)) {
            v->slots = slots;
            v->n_slots = n_slots;
            return true;
        }
    }
    return error_set(err, ERROR_INVALID, "over %d lines repeat others", VOCAB_PROBES_MAX);
}

static bool line_id(const struct vocab *v, struct str line, int32_t *out)
{
    bool is_inner = line_is_inner(line);

    return find(v, str_sub(line, is_inner ? 2 : 0, line.len), is_inner, hash_line(line), out);
}

static bool check_lines(const struct str *lines, size_t n, struct vocab *v, struct error *err)
{
    int32_t id;

    for (size_t i = 0; i < n; i++) {
        if (line_id(v, lines[i], &id) && (size_t)id != i)
            return error_set(err, ERROR_INVALID, "line %zu repeats line %d", i + 1,
                             (int)id + 1);
    }
    for (size_t i = 0; i < N_SPECIAL_TOKENS; i++) {
        if (!line_id(v, str_c(vocab_special_names[i]), &id))
            return error_set(err, ERROR_INVALID, "there is no line %s", vocab_special_names[i]);
        v->special[i] = (uint32_t)id;
    }
    return true;
}

bool vocab_build(struct arena *a, const struct str *lines, size_t n, struct vocab *out,
                 struct error *err)
{
    struct vocab v = {0};

    if (!n || n > MODEL_WORDS_MAX)
        return error_set(err, ERROR_INVALID, "%zu lines, not 1 to %d", n, MODEL_WORDS_MAX);
    if (!add_pieces(a, lines, n, &v, err) || !add_slots(a, lines, n, &v, err) ||
        !check_lines(lines, n, &v, err))
        return false;
    *out = v;
    return true;
}

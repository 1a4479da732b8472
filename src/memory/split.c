/*
 * split.c - long content as overlapping pieces, cut where a reader would.
 *
 * A piece ends, in this order of preference, after a blank line, a line, a sentence, or before a
 * blank; the last such place wins, if it fills at least half the limit (otherwise a break near the
 * start would make tiny pieces). The next piece begins some characters earlier, at the start of a
 * word.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"
#include "text/text.h"

struct chars { /* the content by character */
    const uint32_t *c;
    const size_t *at; /* byte offset of each; one more for the end */
    size_t n;
};

static struct chars decode(struct arena *a, struct str content)
{
    size_t n = text_count(content), i = 0;
    uint32_t *c = ARENA_NEW(a, uint32_t, n + 1);
    size_t *at = ARENA_NEW(a, size_t, n + 1);
    struct str rest = content;

    while (i < n) {
        at[i] = content.len - rest.len;
        if (!text_next(&rest, &c[i]))
            break;
        i++;
    }
    at[i] = content.len;
    return (struct chars){c, at, i};
}

static bool is_space_at(const struct chars *s, size_t i)
{
    return i < s->n && text_is_space(s->c[i]);
}

/* Whether a piece may end just before character i, by kind of break. */
static bool ends_paragraph(const struct chars *s, size_t i)
{
    return i >= 2 && s->c[i - 1] == '\n' && s->c[i - 2] == '\n';
}

static bool ends_line(const struct chars *s, size_t i)
{
    return s->c[i - 1] == '\n';
}

static bool ends_sentence(const struct chars *s, size_t i)
{
    uint32_t c = s->c[i - 1];

    return (c == '.' || c == '!' || c == '?') && (i == s->n || is_space_at(s, i));
}

static bool ends_word(const struct chars *s, size_t i)
{
    return is_space_at(s, i);
}

/* The end of the piece that begins at from and may go up to `limit`, which is inside the text. */
static size_t find_end(const struct chars *s, size_t from, size_t limit, bool at_boundaries)
{
    static bool (*const kinds[])(const struct chars *, size_t) = {ends_paragraph, ends_line,
                                                                  ends_sentence, ends_word};
    size_t least = from + MAX((limit - from) / 2, (size_t)1);

    for (size_t k = 0; at_boundaries && k < COUNT(kinds); k++) {
        for (size_t i = limit; i >= least; i--) {
            if (kinds[k](s, i))
                return i;
        }
    }
    return limit;
}

/* Where the piece after one that ended at `end` begins. */
static size_t find_start(const struct chars *s, size_t from, size_t end, size_t overlap,
                         bool at_boundaries)
{
    size_t start = end > from + overlap ? end - overlap : end;

    if (at_boundaries && start < end && !is_space_at(s, start - 1)) {
        size_t word = start;

        while (word < end && !is_space_at(s, word))
            word++;
        start = word < end ? word : start; /* one long word: there is no better place */
    }
    while (is_space_at(s, start))
        start++;
    return start;
}

static struct str piece_of(struct str content, const struct chars *s, size_t from, size_t to)
{
    while (to > from && is_space_at(s, to - 1))
        to--;
    return str_sub(content, s->at[from], s->at[to]);
}

struct pieces VEC(struct str);

bool split_content(struct arena *a, struct str content, const struct split_rule *rule,
                   const struct str **out, size_t *out_n, struct error *err)
{
    struct chars s = decode(a, content);
    struct pieces pieces = {0};
    struct str *copy;

    if (rule->overlap_chars >= rule->max_chars)
        return error_set(err, ERROR_INVALID,
                         "an overlap of %zu characters must be below the limit of %zu",
                         rule->overlap_chars, rule->max_chars);
    for (size_t from = 0; from < s.n;) {
        bool is_last = s.n - from <= rule->max_chars;
        size_t end =
            is_last ? s.n : find_end(&s, from, from + rule->max_chars, rule->at_boundaries);
        struct str piece = piece_of(content, &s, from, end);

        if (piece.len)
            VEC_PUSH(&pieces, piece);
        from =
            is_last ? s.n : find_start(&s, from, end, rule->overlap_chars, rule->at_boundaries);
    }
    copy = ARENA_NEW(a, struct str, pieces.len);
    if (pieces.len)
        memcpy(copy, pieces.ptr, pieces.len * sizeof(*copy));
    *out = copy;
    *out_n = pieces.len;
    VEC_DEINIT(&pieces);
    return true;
}

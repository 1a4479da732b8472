/*
 * tags.c - one normal form for tags, on every path that writes or filters.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"
#include "json/json.h"
#include "text/text.h"

/* A longer text in brackets is one literal tag, not a JSON array of them. */
#define JSON_TAGS_MAX_CHARS 4096

static struct str first_chars(struct str tag)
{
    return text_strip(text_first(tag, MEMORY_TAG_MAX_CHARS));
}

/* Applied to its own result it changes nothing more: cutting may lay bare a blank, and lower case may
 * be longer than upper case. */
static struct str normalise_one(struct arena *a, struct str tag)
{
    struct str whole = text_strip(tag);
    char *p = arena_cstr(a, whole);

    for (size_t i = 0; i < whole.len; i++) {
        if (p[i] == ',')
            p[i] = '-';
    }
    return first_chars(text_lower(a, first_chars(str_n(p, whole.len))));
}

void memory_normalise_tags(struct arena *a, const struct str *in, size_t n_in,
                           const struct str **out, size_t *out_n)
{
    const size_t n_max = MEMORY_TAGS_MAX + 1;
    struct str *tags = ARENA_NEW(a, struct str, MIN(n_in, n_max));
    size_t n = 0;

    for (size_t i = 0; i < n_in && n < n_max; i++) {
        struct str tag = normalise_one(a, in[i]);

        if (tag.len && !str_is_among(tag, tags, n))
            tags[n++] = tag;
    }
    *out = tags;
    *out_n = n;
}

struct pieces VEC(struct str);

/* Elements that are no strings are dropped, as in a real array. */
static bool take_json_array(struct arena *a, struct str text, struct pieces *out)
{
    AUTO_JSON *list = NULL;
    json_t *one;
    size_t i;

    if (!str_starts(text, STR("[")) || text_count(text) > JSON_TAGS_MAX_CHARS ||
        !json_parse(text, &list, NULL) || !json_is_array(list))
        return false;
    json_array_foreach(list, i, one)
    {
        if (json_is_string(one))
            VEC_PUSH(out, arena_dup(a, json_view(one)));
    }
    return true;
}

void memory_parse_tags(struct arena *a, struct str text, const struct str **out, size_t *out_n)
{
    struct pieces pieces = {0};
    struct str rest = text_strip(text), piece;

    if (str_starts(rest, STR("["))) {
        if (!take_json_array(a, rest, &pieces))
            VEC_PUSH(&pieces, rest);
    } else {
        while (str_next(&rest, ',', &piece))
            VEC_PUSH(&pieces, piece);
    }
    memory_normalise_tags(a, pieces.ptr, pieces.len, out, out_n);
    VEC_DEINIT(&pieces);
}

/*
 * args.c - reads the arguments of a call.
 *
 * The protocol layer has checked them against the tool's schema; old names come unchecked. So every
 * reader here checks types again and names the argument, and limits are moved into their bounds.
 *
 * Models fill optional strings with "": that counts as absent. An empty tag list does not, since
 * it once meant "everything": it matches nothing, and memory_delete refuses it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

static const char *dot(const char *path)
{
    return *path ? "." : "";
}

/* The items of a JSON array as views. */
static bool read_strings(const struct tool_call *c, const json_t *list, const char *name,
                         const struct str **out, size_t *out_n, struct error *err)
{
    size_t n = json_array_size(list);
    struct str *items = ARENA_NEW(c->arena, struct str, n);

    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);

        if (!json_is_string(item))
            return error_set(err, ERROR_INVALID,
                             "%s[%zu]: not a string; a string or a list of "
                             "strings would do",
                             name, i);
        items[i] = json_view(item);
        if (items[i].len && memchr(items[i].ptr, '\0', items[i].len))
            return error_set(err, ERROR_INVALID, "%s[%zu]: holds U+0000", name, i);
    }
    *out = items;
    *out_n = n;
    return true;
}

bool arg_tags(const struct tool_call *c, const json_t *obj, const char *path, const char *key,
              struct arg_tags *out, struct error *err)
{
    const json_t *value = json_object_get(obj, key);
    const struct str *raw = NULL;
    struct str text = {0};
    char name[64];
    size_t n = 0;

    if (!json_has(obj, key))
        return true;
    snprintf(name, sizeof(name), "%s%s%s", path, dot(path), key);
    if (json_is_string(value)) {
        if (!json_get_str(obj, path, key, &text, err))
            return false;
        memory_parse_tags(c->arena, text, &out->items, &out->n);
    } else if (json_is_array(value)) {
        if (!read_strings(c, value, name, &raw, &n, err))
            return false;
        memory_normalise_tags(c->arena, raw, n, &out->items, &out->n);
    } else {
        return error_set(err, ERROR_INVALID, "%s: not a string or a list of strings", name);
    }
    out->is_given = true;
    return true;
}

bool arg_int(const json_t *args, const char *key, int64_t min, int64_t max, int64_t *out,
             struct error *err)
{
    int64_t value = *out;

    if (!json_get_int(args, "", key, &value, err))
        return false;
    if (json_has(args, key)) /* a default may lie outside, for "not given" */
        *out = MIN(MAX(value, min), max);
    return true;
}

bool arg_range(const json_t *args, const char *key, double min, double max, double *out,
               struct error *err)
{
    double value = *out;

    if (!json_get_double(args, "", key, &value, err))
        return false;
    if (!(value >= min && value <= max))
        return error_set(err, ERROR_INVALID, "%s: %g is outside %g to %g", key, value, min,
                         max);
    *out = value;
    return true;
}

bool arg_choice(const json_t *args, const char *key, const char *const *names, size_t n,
                size_t *out, struct error *err)
{
    AUTO_BUF list = {0};
    struct str value = {0};

    if (!json_get_str(args, "", key, &value, err))
        return false;
    if (value.len == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (str_eq_c(value, names[i])) {
            *out = i;
            return true;
        }
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    return error_set(err, ERROR_INVALID, "%s: '%.40s' is not one of %s", key,
                     json_string_value(json_object_get(args, key)), buf_cstr(&list));
}

bool arg_hash(const json_t *args, struct str *out, struct error *err)
{
    struct str hash = {0};

    if (!json_get_str(args, "", "content_hash", &hash, err))
        return false;
    *out = str_trim(hash);
    return true;
}

static bool read_date(const json_t *args, const char *key, int64_t *out, struct error *err)
{
    struct str text = {0};

    if (!json_get_str(args, "", key, &text, err))
        return false;
    if (text.len && !memory_parse_date(text, out, err))
        return error_wrap(err, "%s", key);
    return true;
}

/* 0 would be no limit: nothing is from before the clock began. */
static bool read_before(const json_t *args, int64_t *out, struct error *err)
{
    if (!read_date(args, "before", out, err))
        return false;
    if (*out == 0 && json_string_length(json_object_get(args, "before")) > 0)
        *out = -1;
    return true;
}

static bool read_type(const struct tool_call *c, const json_t *args, struct memory_filter *out,
                      struct error *err)
{
    struct str type = {0};
    bool has_subtypes = false;
    struct str *one;

    if (!json_get_str(args, "", "memory_type", &type, err) ||
        !json_get_bool(args, "", "include_subtypes", &has_subtypes, err))
        return false;
    if (type.len == 0)
        return true;
    if (has_subtypes) {
        memory_type_family(c->memory, c->arena, type, &out->types, &out->n_types);
        return true;
    }
    one = ARENA_NEW(c->arena, struct str, 1);
    *one = type;
    out->types = one;
    out->n_types = 1;
    return true;
}

bool arg_filter(const struct tool_call *c, const json_t *args, struct memory_filter *out,
                struct error *err)
{
    static const char *const matches[] = {"any", "all"};
    struct arg_tags tags = {0};
    size_t match = 0;

    if (!arg_tags(c, args, "", "tags", &tags, err) ||
        !arg_choice(args, "tag_match", matches, COUNT(matches), &match, err) ||
        !read_date(args, "after", &out->from_ms, err) ||
        !read_before(args, &out->until_ms, err) || !read_type(c, args, out, err))
        return false;
    out->tags = tags.items;
    out->n_tags = tags.n;
    out->is_all_tags = match == 1;
    out->is_nothing = tags.is_given && tags.n == 0;
    return json_get_bool(args, "", "include_superseded", &out->has_superseded, err);
}

bool arg_budget(const struct tool_call *c, const json_t *args, size_t *out, bool *out_is_asked,
                struct error *err)
{
    int64_t asked = (int64_t)MIN(c->options->max_response_chars, (size_t)INT32_MAX);

    if (!arg_int(args, "max_response_chars", 0, INT32_MAX, &asked, err))
        return false;
    *out_is_asked = asked > 0;
    *out = asked > 0 ? MIN((size_t)asked, (size_t)TOOLS_RESPONSE_MAX_CHARS)
                     : (size_t)TOOLS_RESPONSE_MAX_CHARS;
    return true;
}

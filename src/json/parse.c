/*
 * parse.c - text to JSON, within our limits.
 *
 * jansson bounds nesting by its own, far larger constant and only while recursing; ours is checked
 * in one pass over the bytes before, so that hostile depth costs nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "text/text.h"

/* The deepest nesting of brackets outside strings. */
static size_t depth_of(struct str text)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            deepest = MAX(deepest, depth);
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return deepest;
}

bool json_parse(struct str text, json_t **out, struct error *err)
{
    json_error_t problem;
    json_t *j;

    if (!text_is_utf8(text))
        return error_set(err, ERROR_INVALID, "JSON that is not UTF-8");
    if (depth_of(text) > JSON_DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "JSON nested more than %d levels deep",
                         JSON_DEPTH_MAX);
    j = json_loadb(text.len ? text.ptr : "", text.len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!j)
        return error_set(err, ERROR_INVALID, "not JSON: %s (byte %d)", problem.text,
                         problem.position);
    *out = j;
    return true;
}

json_t *json_must(json_t *j)
{
    if (j)
        return j;
    fputs("level=error event=json.bug\n", stderr);
    abort();
}

json_t *json_str(struct str s)
{
    return json_must(json_stringn(s.len ? s.ptr : "", s.len));
}

json_t *json_strs(const struct str *items, size_t n)
{
    json_t *list = json_must(json_array());

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_str(items[i]));
    return list;
}

struct str json_text(struct arena *a, const json_t *j)
{
    AUTO_BUF b = {0};

    json_write(&b, j);
    return arena_dup(a, buf_str(&b));
}

struct str json_view(const json_t *j)
{
    if (!json_is_string(j))
        return (struct str){0};
    return str_n(json_string_value(j), json_string_length(j));
}

static bool parse_object(struct str text, const char *what, json_t **out, struct error *err)
{
    json_t *j;

    if (!json_parse(text, &j, err))
        return error_wrap(err, "%s", what);
    if (!json_is_object(j)) {
        json_decref(j);
        return error_set(err, ERROR_INVALID, "%s: not a JSON object", what);
    }
    *out = j;
    return true;
}

bool json_merge_text(struct arena *a, struct str base, struct str patch, struct str *out,
                     struct error *err)
{
    AUTO_JSON *merged = NULL;
    AUTO_JSON *changes = NULL;
    const char *key;
    json_t *value;

    if (!parse_object(base, "stored metadata", &merged, err) ||
        !parse_object(patch, "metadata", &changes, err))
        return false;
    json_object_foreach(changes, key, value)
    {
        if (json_is_null(value))
            json_object_del(merged, key);
        else
            json_object_set(merged, key, value);
    }
    *out = json_text(a, merged);
    return true;
}

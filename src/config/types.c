/*
 * types.c - MCP_CUSTOM_MEMORY_TYPES: {"base": ["subtype", ...], ...}.
 *
 * Checked here so that a mistake stops the start with a line; memory/ reads the same text again
 * into its own tables.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include "json/json.h"
#include "text/text.h"

#define TYPES_MAX           200 /* bases and subtypes together */
#define TYPE_NAME_MAX_CHARS 64

static bool is_type_name(struct str name, bool is_base)
{
    if (name.len == 0 || name.len > TYPE_NAME_MAX_CHARS)
        return false;
    if (is_base && text_is_digit((unsigned char)name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (c >= 0x80 || !text_is_word(c))
            return false;
    }
    return true;
}

static bool check_name(struct str name, bool is_base, struct error *err)
{
    if (is_type_name(name, is_base))
        return true;
    name = text_first(name, 24);
    return error_set(err, ERROR_INVALID,
                     "'" STR_FMT "' is no type name; use letters, digits and _%s, at most %d",
                     STR_ARG(name), is_base ? ", not a digit first" : "", TYPE_NAME_MAX_CHARS);
}

static bool check_base(const char *base, const json_t *subtypes, size_t *count,
                       struct error *err)
{
    size_t i;
    json_t *one;

    if (!check_name(str_c(base), true, err))
        return false;
    if (!json_is_array(subtypes))
        return error_set(err, ERROR_INVALID, "%s: use a list of names, as in [\"a\", \"b\"]",
                         base);
    json_array_foreach(subtypes, i, one)
    {
        if (!json_is_string(one))
            return error_set(err, ERROR_INVALID, "%s[%zu]: not a string", base, i);
        if (!check_name(json_view(one), false, err))
            return error_wrap(err, "%s[%zu]", base, i);
    }
    *count += 1 + json_array_size(subtypes);
    if (*count > TYPES_MAX)
        return error_set(err, ERROR_INVALID, "use at most %d types", TYPES_MAX);
    return true;
}

bool read_custom_types(const struct reader *r, const struct setting *s, struct str text,
                       struct error *err)
{
    AUTO_JSON *types = NULL;
    const char *base;
    json_t *subtypes;
    size_t count = 0;

    if (!json_parse(text, &types, err))
        return false;
    if (!json_is_object(types))
        return error_set(err, ERROR_INVALID, "use a JSON object: {\"base\": [\"subtype\"]}");
    json_object_foreach(types, base, subtypes)
    {
        if (!check_base(base, subtypes, &count, err))
            return false;
    }
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, text);
    return true;
}

/*
 * schema.c - the part of JSON Schema 2020-12 that json.h names.
 *
 * Schemas come from the binary, values from outside. So a schema is checked once, strictly: a
 * keyword that the checker would read over is an error there, never a silent pass here.
 *
 * Limits: a value nests at most JSON_DEPTH_MAX levels, a schema's own combinators at most
 * SCHEMA_DEPTH_MAX more, which also ends circular $refs; and no check looks at more than
 * SCHEMA_STEPS_MAX pairs of schema and value, because combinators can multiply each other. Over
 * either limit the value is refused, also inside "not", where failing would otherwise mean passing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "text/text.h"

#define SCHEMA_DEPTH_MAX 32
#define SCHEMA_STEPS_MAX ((size_t)1000000)
#define PATH_MAX_BYTES   200

struct effort {
    size_t n_steps;
    bool is_over;
};

struct check {
    const json_t *root;
    struct error *err;
    struct effort *effort;
};

/* Where in the value we are; printed only when something is wrong. */
struct place {
    const struct place *parent;
    const char *key; /* NULL: an array element */
    size_t index;
};

static bool check_value(const struct check *c, const json_t *schema, const json_t *value,
                        const struct place *at, int depth);

/* -- errors ----------------------------------------------------------------------------------- */

static size_t print_place(const struct place *at, char *to, size_t cap)
{
    size_t n;
    int added;

    if (!at)
        return 0;
    n = print_place(at->parent, to, cap);
    if (at->key)
        added = snprintf(to + n, cap - n, "%s%s", n ? "." : "", at->key);
    else
        added = snprintf(to + n, cap - n, "[%zu]", at->index);
    return MIN(n + (size_t)MAX(added, 0), cap - 1);
}

static bool refuse(const struct check *c, const struct place *at, const char *fmt, ...)
    PRINTF(3, 4);
static bool refuse(const struct check *c, const struct place *at, const char *fmt, ...)
{
    char path[PATH_MAX_BYTES] = "";
    char text[ERROR_TEXT_MAX];
    va_list args;

    if (!c->err)
        return false;
    print_place(at, path, sizeof(path));
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return error_set(c->err, ERROR_INVALID, "%s%s%s", path, *path ? ": " : "", text);
}

/* -- single keywords -------------------------------------------------------------------------- */

static bool is_whole(const json_t *value)
{
    return json_is_integer(value) ||
           (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)));
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

static bool is_type(const json_t *value, struct str type)
{
    if (str_eq_c(type, "number"))
        return json_is_number(value);
    if (str_eq_c(type, "integer"))
        return is_whole(value);
    return str_eq_c(type, type_name(value));
}

static bool check_type(const struct check *c, const json_t *type, const json_t *value,
                       const struct place *at)
{
    char wanted[100] = "";
    size_t i, n = 0;
    json_t *one;

    if (json_is_string(type)) {
        if (is_type(value, json_view(type)))
            return true;
        return refuse(c, at, "expected %s, got %s", json_string_value(type), type_name(value));
    }
    json_array_foreach(type, i, one)
    {
        if (is_type(value, json_view(one)))
            return true;
        n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "%s%s", i ? " or " : "",
                              json_string_value(one));
        n = MIN(n, sizeof(wanted) - 1);
    }
    return refuse(c, at, "expected %s, got %s", wanted, type_name(value));
}

/* JSON numbers have no type: 1 and 1.0 are equal. Inside lists and objects they must be alike. */
static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool check_enum(const struct check *c, const json_t *list, const json_t *value,
                       const struct place *at)
{
    AUTO_ARENA a = {0};
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        if (is_equal(one, value))
            return true;
    }
    return refuse(c, at, "expected one of " STR_FMT, STR_ARG(json_text(&a, list)));
}

static bool check_const(const struct check *c, const json_t *want, const json_t *value,
                        const struct place *at)
{
    AUTO_ARENA a = {0};

    return is_equal(want, value) ||
           refuse(c, at, "expected " STR_FMT, STR_ARG(json_text(&a, want)));
}

static bool check_number(const struct check *c, const json_t *schema, const json_t *value,
                         const struct place *at)
{
    static const struct {
        const char *key;
        int sign; /* the limit is a maximum (1) or a minimum (-1) */
        bool is_open;
        const char *words;
    } rows[] = {
        {"minimum", -1, false, "at least"},
        {"maximum", 1, false, "at most"},
        {"exclusiveMinimum", -1, true, "more than"},
        {"exclusiveMaximum", 1, true, "less than"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const json_t *limit = json_object_get(schema, rows[i].key);
        double beyond;

        if (!limit)
            continue;
        beyond = rows[i].sign * (json_number_value(value) - json_number_value(limit));
        if (beyond > 0 || (rows[i].is_open && beyond == 0))
            return refuse(c, at, "must be %s %g", rows[i].words, json_number_value(limit));
    }
    return true;
}

/* A count against a pair of limits. */
static bool check_count(const struct check *c, const json_t *schema, const char *min_key,
                        const char *max_key, size_t n, const char *what, const struct place *at)
{
    const json_t *min = json_object_get(schema, min_key);
    const json_t *max = json_object_get(schema, max_key);

    if (min && (json_int_t)n < json_integer_value(min))
        return refuse(c, at, "needs at least %lld %s", (long long)json_integer_value(min),
                      what);
    if (max && (json_int_t)n > json_integer_value(max))
        return refuse(c, at, "has %zu %s, at most %lld are allowed", n, what,
                      (long long)json_integer_value(max));
    return true;
}

static bool check_string(const struct check *c, const json_t *schema, const json_t *value,
                         const struct place *at)
{
    if (!json_object_get(schema, "minLength") && !json_object_get(schema, "maxLength"))
        return true;
    return check_count(c, schema, "minLength", "maxLength", text_count(json_view(value)),
                       "characters", at);
}

static struct str sorted_text(struct arena *a, const json_t *j)
{
    AUTO_FREE
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

    return arena_dup(a, str_c(text));
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Sorted as texts: a list may hold as many items as a request has bytes. */
static bool has_repeats(const json_t *list)
{
    AUTO_ARENA a = {0};
    size_t i, n = json_array_size(list);
    struct str *texts = ARENA_NEW(&a, struct str, n);
    json_t *one;

    json_array_foreach(list, i, one) texts[i] = sorted_text(&a, one);
    if (n > 1)
        qsort(texts, n, sizeof(*texts), compare_texts);
    for (i = 1; i < n; i++) {
        if (str_eq(texts[i - 1], texts[i]))
            return true;
    }
    return false;
}

static bool check_array(const struct check *c, const json_t *schema, const json_t *value,
                        const struct place *at, int depth)
{
    const json_t *items = json_object_get(schema, "items");
    size_t i;
    json_t *one;

    if (!check_count(c, schema, "minItems", "maxItems", json_array_size(value), "items", at))
        return false;
    if (json_is_true(json_object_get(schema, "uniqueItems")) && has_repeats(value))
        return refuse(c, at, "holds the same item twice");
    if (!items)
        return true;
    json_array_foreach(value, i, one)
    {
        struct place here = {at, NULL, i};

        if (!check_value(c, items, one, &here, depth))
            return false;
    }
    return true;
}

static bool check_members(const struct check *c, const json_t *schema, const json_t *value,
                          const struct place *at, int depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member;

    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const json_t *rule = json_object_get(properties, key);
        struct place here = {at, key, 0};

        if (!rule && json_is_false(others))
            return refuse(c, &here, "is not known here");
        rule = rule ? rule : others;
        if (rule && !check_value(c, rule, member, &here, depth))
            return false;
    }
    return true;
}

static bool check_object(const struct check *c, const json_t *schema, const json_t *value,
                         const struct place *at, int depth)
{
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        struct place here = {at, json_string_value(name), 0};

        if (!json_object_get(value, json_string_value(name)))
            return refuse(c, &here, "is required");
    }
    return check_members(c, schema, value, at, depth);
}

/* -- combinations ----------------------------------------------------------------------------- */

static bool is_valid(const struct check *c, const json_t *schema, const json_t *value,
                     int depth)
{
    const struct check silent = {c->root, NULL, c->effort};

    return check_value(&silent, schema, value, NULL, depth);
}

static size_t count_valid(const struct check *c, const json_t *list, const json_t *value,
                          int depth)
{
    size_t i, n = 0;
    json_t *one;

    json_array_foreach(list, i, one) n += is_valid(c, one, value, depth);
    return n;
}

static bool check_all_of(const struct check *c, const json_t *list, const json_t *value,
                         const struct place *at, int depth)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        if (!check_value(c, one, value, at, depth))
            return false;
    }
    return true;
}

static bool check_combinations(const struct check *c, const json_t *schema, const json_t *value,
                               const struct place *at, int depth)
{
    const json_t *any = json_object_get(schema, "anyOf");
    const json_t *one = json_object_get(schema, "oneOf");
    const json_t *no = json_object_get(schema, "not");
    const json_t *condition = json_object_get(schema, "if");
    const json_t *branch = NULL;

    if (!check_all_of(c, json_object_get(schema, "allOf"), value, at, depth))
        return false;
    if (any && count_valid(c, any, value, depth) == 0)
        return refuse(c, at, "has none of the allowed forms");
    if (one && count_valid(c, one, value, depth) != 1)
        return refuse(c, at, "must have exactly one of the allowed forms");
    if (no && is_valid(c, no, value, depth))
        return refuse(c, at, "has a form that is not allowed");
    if (condition)
        branch =
            json_object_get(schema, is_valid(c, condition, value, depth) ? "then" : "else");
    return !branch || check_value(c, branch, value, at, depth);
}

/* "#/$defs/name": the schema at that place in the root; NULL if there is none. */
static const json_t *resolve(const json_t *root, struct str ref)
{
    const json_t *at = root;
    struct str step;

    if (!str_starts(ref, STR("#")))
        return NULL;
    ref = str_sub(ref, 1, ref.len);
    if (ref.len == 0)
        return root;
    if (!str_next(&ref, '/', &step) || step.len)
        return NULL;
    while (at && str_next(&ref, '/', &step))
        at = json_is_object(at) ? json_object_getn(at, step.ptr, step.len) : NULL;
    return at;
}

static bool check_value(const struct check *c, const json_t *schema, const json_t *value,
                        const struct place *at, int depth)
{
    const json_t *type, *choices, *fixed, *ref;

    if (json_is_boolean(schema))
        return json_is_true(schema) || refuse(c, at, "is not allowed here");
    if (depth > SCHEMA_DEPTH_MAX + JSON_DEPTH_MAX || ++c->effort->n_steps > SCHEMA_STEPS_MAX)
        c->effort->is_over = true;
    if (c->effort->is_over)
        return false;
    type = json_object_get(schema, "type");
    choices = json_object_get(schema, "enum");
    fixed = json_object_get(schema, "const");
    ref = json_object_get(schema, "$ref");
    depth++;
    if ((type && !check_type(c, type, value, at)) ||
        (choices && !check_enum(c, choices, value, at)) ||
        (fixed && !check_const(c, fixed, value, at)))
        return false;
    if ((json_is_number(value) && !check_number(c, schema, value, at)) ||
        (json_is_string(value) && !check_string(c, schema, value, at)) ||
        (json_is_array(value) && !check_array(c, schema, value, at, depth)) ||
        (json_is_object(value) && !check_object(c, schema, value, at, depth)))
        return false;
    if (ref && !check_value(c, resolve(c->root, json_view(ref)), value, at, depth))
        return false;
    return check_combinations(c, schema, value, at, depth);
}

bool json_schema_check(const json_t *schema, const json_t *value, struct error *err)
{
    struct effort effort = {0};
    const struct check c = {schema, err, &effort};
    bool is_ok = check_value(&c, schema, value, NULL, 0);

    if (effort.is_over)
        return error_set(err, ERROR_INVALID, "too much to check: fewer or less nested items");
    return is_ok;
}

/* -- is the schema itself within what is supported -------------------------------------------- */

enum keyword {
    KEY_NOTE,    /* says something to people, checks nothing */
    KEY_VALUE,   /* type, enum, limits */
    KEY_SCHEMA,  /* one schema */
    KEY_SCHEMAS, /* an array of schemas */
    KEY_MAP,     /* an object whose members are schemas */
    KEY_REF,
};

static const struct {
    const char *name;
    enum keyword kind;
} keywords[] = {
    {"$schema", KEY_NOTE},
    {"$id", KEY_NOTE},
    {"$anchor", KEY_NOTE},
    {"$comment", KEY_NOTE},
    {"title", KEY_NOTE},
    {"description", KEY_NOTE},
    {"default", KEY_NOTE},
    {"examples", KEY_NOTE},
    {"format", KEY_NOTE},
    {"deprecated", KEY_NOTE},
    {"readOnly", KEY_NOTE},
    {"writeOnly", KEY_NOTE},
    {"type", KEY_VALUE},
    {"enum", KEY_VALUE},
    {"const", KEY_VALUE},
    {"required", KEY_VALUE},
    {"minItems", KEY_VALUE},
    {"maxItems", KEY_VALUE},
    {"uniqueItems", KEY_VALUE},
    {"minLength", KEY_VALUE},
    {"maxLength", KEY_VALUE},
    {"minimum", KEY_VALUE},
    {"maximum", KEY_VALUE},
    {"exclusiveMinimum", KEY_VALUE},
    {"exclusiveMaximum", KEY_VALUE},
    {"items", KEY_SCHEMA},
    {"not", KEY_SCHEMA},
    {"if", KEY_SCHEMA},
    {"then", KEY_SCHEMA},
    {"else", KEY_SCHEMA},
    {"additionalProperties", KEY_SCHEMA},
    {"allOf", KEY_SCHEMAS},
    {"anyOf", KEY_SCHEMAS},
    {"oneOf", KEY_SCHEMAS},
    {"properties", KEY_MAP},
    {"$defs", KEY_MAP},
    {"$ref", KEY_REF},
};

static bool is_supported(const json_t *root, const json_t *schema, int depth,
                         struct error *err);

static bool keyword_is_supported(const json_t *root, const char *name, const json_t *value,
                                 int depth, struct error *err)
{
    enum keyword kind = KEY_NOTE;
    size_t i, k = 0;
    const char *key;
    json_t *one;

    while (k < COUNT(keywords) && strcmp(keywords[k].name, name) != 0)
        k++;
    if (k < COUNT(keywords))
        kind = keywords[k].kind;
    else if (strncmp(name, "x-", 2) != 0)
        return error_set(err, ERROR_INVALID, "schema keyword '%s' is not supported", name);
    if (kind == KEY_SCHEMA)
        return is_supported(root, value, depth, err);
    if (kind == KEY_SCHEMAS) {
        json_array_foreach(value, i, one)
        {
            if (!is_supported(root, one, depth, err))
                return false;
        }
    }
    if (kind == KEY_MAP) {
        json_object_foreach((json_t *)(uintptr_t)value, key, one)
        {
            if (!is_supported(root, one, depth, err))
                return error_wrap(err, "%s", key);
        }
    }
    if (kind == KEY_REF && !resolve(root, json_view(value)))
        return error_set(err, ERROR_INVALID, "$ref '%s' is not in this schema",
                         json_string_value(value) ? json_string_value(value) : "");
    return true;
}

static bool is_supported(const json_t *root, const json_t *schema, int depth, struct error *err)
{
    const char *name;
    json_t *value;

    if (json_is_boolean(schema))
        return true;
    if (!json_is_object(schema))
        return error_set(err, ERROR_INVALID, "a schema must be an object");
    if (depth > SCHEMA_DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "schema nested more than %d levels deep",
                         SCHEMA_DEPTH_MAX);
    json_object_foreach((json_t *)(uintptr_t)schema, name, value)
    {
        if (!keyword_is_supported(root, name, value, depth + 1, err))
            return false;
    }
    return true;
}

bool json_schema_is_supported(const json_t *schema, struct error *err)
{
    return is_supported(schema, schema, 0, err);
}

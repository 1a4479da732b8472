/* get.c - typed members of an object, with the path in every error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <math.h>

/* Integers that a double holds exactly; beyond, 3.0 and 3 could differ. */
#define EXACT_INTEGER_MAX 9007199254740992.0

bool json_has(const json_t *obj, const char *key)
{
    const json_t *j = json_object_get(obj, key);

    return j && !json_is_null(j);
}

static bool wrong(const char *path, const char *key, const char *want, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s%s%s: not %s", path, *path ? "." : "", key, want);
}

bool json_get_str(const json_t *obj, const char *path, const char *key, struct str *out,
                  struct error *err)
{
    const json_t *j = json_object_get(obj, key);
    size_t at;

    if (!j || json_is_null(j))
        return true;
    if (!json_is_string(j))
        return wrong(path, key, "a string", err);
    if (str_find_char(json_view(j), '\0', &at))
        return error_set(err, ERROR_INVALID,
                         "%s%s%s: holds a NUL character (U+0000) at byte %zu; leave it out",
                         path, *path ? "." : "", key, at);
    *out = json_view(j);
    return true;
}

bool json_get_bool(const json_t *obj, const char *path, const char *key, bool *out,
                   struct error *err)
{
    const json_t *j = json_object_get(obj, key);

    if (!j || json_is_null(j))
        return true;
    if (!json_is_boolean(j))
        return wrong(path, key, "true or false", err);
    *out = json_is_true(j);
    return true;
}

bool json_get_int(const json_t *obj, const char *path, const char *key, int64_t *out,
                  struct error *err)
{
    const json_t *j = json_object_get(obj, key);
    double value;

    if (!j || json_is_null(j))
        return true;
    if (json_is_integer(j)) {
        *out = json_integer_value(j);
        return true;
    }
    value = json_real_value(j); /* 0 for what is no number at all */
    if (!json_is_real(j) || value != floor(value) || fabs(value) > EXACT_INTEGER_MAX)
        return wrong(path, key, "a whole number", err);
    *out = (int64_t)value;
    return true;
}

bool json_get_double(const json_t *obj, const char *path, const char *key, double *out,
                     struct error *err)
{
    const json_t *j = json_object_get(obj, key);

    if (!j || json_is_null(j))
        return true;
    if (!json_is_number(j))
        return wrong(path, key, "a number", err);
    *out = json_number_value(j);
    return true;
}

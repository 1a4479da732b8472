/*
 * json.c - json_parse(), and a schema check over whatever it accepts.
 *
 * The input is a schema and a value, separated by a NUL byte; without one it is just a value. What
 * must hold: what was parsed is written back to text that parses to an equal value, a schema that
 * counts as supported never makes the check crash or hang, and errors are INVALID with a text.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static json_t *parse(struct str text)
{
    struct error err = {0};
    json_t *j = NULL;

    if (json_parse(text, &j, &err))
        must(j != NULL);
    else
        must(j == NULL && err.kind == ERROR_INVALID && err.text[0]);
    return j;
}

static void check_round_trip(const json_t *j)
{
    AUTO_BUF b = {0};
    AUTO_JSON *again = NULL;

    json_write(&b, j);
    again = parse(buf_str(&b));
    must(again && json_equal(again, j));
}

static void check_getters(const json_t *j)
{
    struct error err = {0};
    struct str s = {0};
    bool flag = false;
    int64_t n = 0;
    double d = 0;
    size_t at;

    if (json_get_str(j, "", "a", &s, &err))
        must(!str_find_char(s, '\0', &at));
    (void)!json_get_bool(j, "", "a", &flag, &err);
    (void)!json_get_int(j, "", "a", &n, &err);
    (void)!json_get_double(j, "", "a", &d, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size), schema_text = {0};
    AUTO_JSON *schema = NULL;
    AUTO_JSON *value = NULL;
    struct error err = {0};

    (void)str_cut(text, '\0', &schema_text, &text);
    value = parse(text);
    if (!value)
        return 0;
    check_round_trip(value);
    check_getters(value);
    schema = schema_text.len ? parse(schema_text) : NULL;
    if (schema && json_schema_is_supported(schema, &err))
        must(json_schema_check(schema, value, &err) || err.kind == ERROR_INVALID);
    return 0;
}

/*
 * write.c - JSON to text.
 *
 * jansson's own writer hands out a few bytes at a time, which took most of the time of a long answer, and gives
 * numbers 17 digits. This one walks the values: strings are copied in runs between what must be escaped,
 * and a part whose text is known already is copied whole.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX_BYTES 40
#define INDENT           2

struct writer {
    struct buf *to;
    const struct json_known *known;
    size_t n_known;
    bool is_pretty;
};

static void write_value(const struct writer *w, const json_t *j, size_t depth);

/* 0.1 has 17 digits as a double, 0.10000000000000001; the fewest that read back as the same say the same. */
static void write_real(const struct writer *w, double value)
{
    char text[NUMBER_MAX_BYTES];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_c(w->to, text);
    if (!strpbrk(text, ".e"))
        buf_add_c(w->to, ".0");
}

static void write_integer(const struct writer *w, json_int_t value)
{
    char text[NUMBER_MAX_BYTES];

    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, value);
    buf_add_c(w->to, text);
}

/* The letter of a short escape, or 0. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void write_escaped(const struct writer *w, unsigned char c)
{
    char letter = short_escape(c);

    if (letter) {
        buf_add_char(w->to, '\\');
        buf_add_char(w->to, letter);
    } else {
        buf_printf(w->to, "\\u%04X", c);
    }
}

static bool must_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void write_string(const struct writer *w, struct str s)
{
    size_t from = 0;

    buf_add_char(w->to, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (!must_escape((unsigned char)s.ptr[i]))
            continue;
        buf_add(w->to, str_n(s.ptr + from, i - from));
        write_escaped(w, (unsigned char)s.ptr[i]);
        from = i + 1;
    }
    if (s.len > from)
        buf_add(w->to, str_n(s.ptr + from, s.len - from));
    buf_add_char(w->to, '"');
}

static void write_break(const struct writer *w, size_t depth)
{
    if (!w->is_pretty)
        return;
    buf_add_char(w->to, '\n');
    for (size_t i = 0; i < depth * INDENT; i++)
        buf_add_char(w->to, ' ');
}

static void write_array(const struct writer *w, const json_t *j, size_t depth)
{
    size_t n = json_array_size(j);

    buf_add_char(w->to, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(w->to, ',');
        write_break(w, depth + 1);
        write_value(w, json_array_get(j, i), depth + 1);
    }
    if (n)
        write_break(w, depth);
    buf_add_char(w->to, ']');
}

static void write_object(const struct writer *w, const json_t *j, size_t depth)
{
    json_t *walked = (json_t *)(uintptr_t)j; /* iterating changes nothing */
    bool is_first = true;

    buf_add_char(w->to, '{');
    for (void *i = json_object_iter(walked); i; i = json_object_iter_next(walked, i)) {
        if (!is_first)
            buf_add_char(w->to, ',');
        is_first = false;
        write_break(w, depth + 1);
        write_string(w, str_c(json_object_iter_key(i)));
        buf_add_c(w->to, w->is_pretty ? ": " : ":");
        write_value(w, json_object_iter_value(i), depth + 1);
    }
    if (!is_first)
        write_break(w, depth);
    buf_add_char(w->to, '}');
}

static const struct json_known *find_known(const struct writer *w, const json_t *j)
{
    for (size_t i = 0; i < w->n_known; i++) {
        if (w->known[i].value == j)
            return &w->known[i];
    }
    return NULL;
}

static void write_value(const struct writer *w, const json_t *j, size_t depth)
{
    const struct json_known *known = json_is_object(j) ? find_known(w, j) : NULL;

    switch (json_typeof(j)) {
    case JSON_OBJECT:
        if (known)
            buf_add(w->to, known->text);
        else
            write_object(w, j, depth);
        break;
    case JSON_ARRAY:
        write_array(w, j, depth);
        break;
    case JSON_STRING:
        write_string(w, json_view(j));
        break;
    case JSON_INTEGER:
        write_integer(w, json_integer_value(j));
        break;
    case JSON_REAL:
        write_real(w, json_real_value(j));
        break;
    case JSON_TRUE:
        buf_add_c(w->to, "true");
        break;
    case JSON_FALSE:
        buf_add_c(w->to, "false");
        break;
    case JSON_NULL:
        buf_add_c(w->to, "null");
        break;
    }
}

void json_write(struct buf *b, const json_t *j)
{
    json_write_known(b, j, NULL, 0);
}

void json_write_known(struct buf *b, const json_t *j, const struct json_known *known,
                      size_t n_known)
{
    const struct writer w = {b, known, n_known, false};

    write_value(&w, j, 0);
}

void json_write_pretty(struct buf *b, const json_t *j)
{
    const struct writer w = {b, NULL, 0, true};

    write_value(&w, j, 0);
}

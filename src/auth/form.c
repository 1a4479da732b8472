/* form.c - application/x-www-form-urlencoded: query strings and the bodies of OAuth requests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool form_decode(struct arena *a, struct str text, struct str *out)
{
    char *to = arena_alloc(a, text.len + 1, 1);
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        to[n++] = c;
    }
    *out = str_n(to, n);
    return true;
}

bool form_parse(struct arena *a, struct str text, struct form *out, struct error *err)
{
    struct form f = {ARENA_NEW(a, struct field, FORM_FIELDS_MAX), 0};
    struct str rest = text, piece;

    if (text.len > AUTH_FORM_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "longer than %zu bytes", AUTH_FORM_MAX_BYTES);
    while (str_next(&rest, '&', &piece)) {
        struct str name = piece, value = STR("");

        if (!piece.len)
            continue;
        if (f.n == FORM_FIELDS_MAX)
            return error_set(err, ERROR_INVALID, "more than %d fields", FORM_FIELDS_MAX);
        (void)str_cut(piece, '=', &name, &value);
        if (!form_decode(a, name, &f.fields[f.n].name) ||
            !form_decode(a, value, &f.fields[f.n].value))
            return error_set(err, ERROR_INVALID, "a percent sign without two hex digits");
        f.n++;
    }
    *out = f;
    return true;
}

struct str form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq_c(f->fields[i].name, name))
            return f->fields[i].value;
    }
    return (struct str){0};
}

struct str form_repeated(const struct form *f, const char *but)
{
    for (size_t i = 1; i < f->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq(f->fields[i].name, f->fields[k].name) &&
                !str_eq_c(f->fields[i].name, but))
                return f->fields[i].name;
        }
    }
    return (struct str){0};
}

void form_encode(struct buf *b, struct str value)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c && strchr(unreserved, c))
            buf_add_char(b, c);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/*
 * forms.c - what browsers send besides JSON: forms, query strings and cookies.
 *
 * Pure functions of untrusted text. Nothing here fails: an escape that is none stays as it is, what
 * has no "=" is a name without a value, and who reads the values checks them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

bool http_is_form(struct str content_type)
{
    struct str rest = content_type, piece;

    return header_next_piece(&rest, ';', &piece) &&
           str_eq_ascii_case(piece, STR("application/x-www-form-urlencoded"));
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

struct str http_escape(struct arena *a, struct str text)
{
    AUTO_BUF out = {0};

    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            buf_add_char(&out, text.ptr[i]);
        else
            buf_printf(&out, "%%%02X", (unsigned char)text.ptr[i]);
    }
    return arena_dup(a, buf_str(&out));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct str decode(struct arena *a, struct str raw)
{
    char *text = ARENA_NEW(a, char, raw.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        int high = raw.ptr[i] == '%' && i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(raw.ptr[i + 2]) : -1;

        if (low >= 0) {
            text[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[n++] = (char)(raw.ptr[i] == '+' ? ' ' : raw.ptr[i]);
        }
    }
    return str_n(text, n);
}

bool http_next_field(struct arena *a, struct str *rest, struct str *out_name,
                     struct str *out_value)
{
    struct str pair, name, value = {0};

    do {
        if (!str_next(rest, '&', &pair))
            return false;
    } while (pair.len == 0);
    if (!str_cut(pair, '=', &name, &value))
        name = pair;
    *out_name = decode(a, name);
    *out_value = decode(a, value);
    return true;
}

struct str http_field_of(struct arena *a, struct str form, struct str name)
{
    struct str rest = form, own, value;

    while (http_next_field(a, &rest, &own, &value)) {
        if (str_eq(own, name))
            return value;
    }
    return (struct str){0};
}

struct str http_cookie(struct str header, struct str name)
{
    struct str rest = header, pair, own, value;

    while (str_next(&rest, ';', &pair)) {
        if (str_cut(str_trim(pair), '=', &own, &value) && str_eq(own, name))
            return value;
    }
    return (struct str){0};
}

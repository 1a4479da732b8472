/*
 * error.c - see error.h.
 *
 * Texts are cut, never refused: an error about a long input must still reach its reader. The cut
 * falls between UTF-8 characters, control characters become blanks, and bytes that are no UTF-8
 * become '?': one error is always one clean line that JSON can hold, whatever the input in it was.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef error_set /* what the analyzer is told about them */
#undef error_wrap

/* The bytes of the UTF-8 character at p; 0 if there is none, or one that could drive a terminal. The
 * next byte is looked at only after the one before it, so that the NUL at the end stops it. */
static size_t clean_char(const unsigned char *p)
{
    static const unsigned smallest[] = {0, 0x20, 0xA0, 0x800, 0x10000}; /* of 1 to 4 bytes */
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    unsigned c = n == 1 ? p[0] : p[0] & (0x7Fu >> n);

    if ((p[0] >= 0x80 && p[0] < 0xC2) || p[0] > 0xF4 || p[0] == 0x7F)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    return c >= smallest[n] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF) ? n : 0;
}

/* Drops a character that the end of the buffer has cut. */
static void drop_cut_char(char *text)
{
    size_t len = strlen(text), at = len;

    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at > 0 && (unsigned char)text[at - 1] >= 0xC0 &&
        !clean_char((const unsigned char *)text + at - 1))
        text[at - 1] = '\0';
}

static void clean_line(char *text)
{
    if (strlen(text) == ERROR_TEXT_MAX - 1)
        drop_cut_char(text);
    for (char *p = text; *p;) {
        size_t n = clean_char((const unsigned char *)p);

        if (n == 0)
            *p = (unsigned char)*p < 0x80 ? ' ' : '?';
        p += n ? n : 1;
    }
}

bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return false;

    err->kind = kind;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    clean_line(err->text);
    return false;
}

bool error_wrap(struct error *err, const char *fmt, ...)
{
    char prefix[ERROR_TEXT_MAX];
    char cause[ERROR_TEXT_MAX];
    va_list args;

    if (!err)
        return false;

    va_start(args, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, args);
    va_end(args);
    memcpy(cause, err->text, sizeof(cause));
    if (snprintf(err->text, sizeof(err->text), "%s: %s", prefix, cause) < 0)
        err->text[0] = '\0';
    clean_line(err->text);
    return false;
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[] = {
        [ERROR_NONE] = "none",
        [ERROR_INVALID] = "invalid",
        [ERROR_NOT_FOUND] = "not_found",
        [ERROR_CONFLICT] = "conflict",
        [ERROR_DENIED] = "denied",
        [ERROR_LIMIT] = "limit",
        [ERROR_UNAVAILABLE] = "unavailable",
        [ERROR_INTERNAL] = "internal",
    };

    return (size_t)kind < COUNT(names) ? names[kind] : "internal";
}

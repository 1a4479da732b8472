/*
 * error.c - see error.h.
 *
 * Texts are cut, never refused: an error about a long input must still reach its reader. The cut
 * falls between UTF-8 characters, and control characters become blanks, so that one error is always
 * one clean line, whatever the input in it was.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean_line(char *text)
{
    size_t len = strlen(text);

    if (len == ERROR_TEXT_MAX - 1) { /* perhaps cut: drop an incomplete last character */
        size_t at = len;

        while (at > 0 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
            at--;
        if (at > 0 && (unsigned char)text[at - 1] >= 0xC0)
            text[at - 1] = '\0';
    }
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = ' ';
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

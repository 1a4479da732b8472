/*
 * error.h - how a failure travels: a kind that callers act on and one line for a person.
 *
 * A fallible function returns bool, "did it work". False fills err, true leaves it alone. The text
 * is one line for the person who can act on it, without what the caller already knows; callers
 * prefix their part with error_wrap().
 *
 * Threads: any; an error belongs to whoever declared it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#include "base/attr.h"

enum error_kind {
    ERROR_NONE = 0,
    ERROR_INVALID,     /* the input is wrong; the text says what would do */
    ERROR_NOT_FOUND,   /* the named thing does not exist */
    ERROR_CONFLICT,    /* it exists already, or changed meanwhile */
    ERROR_DENIED,      /* the caller may not do this */
    ERROR_LIMIT,       /* a named limit was reached */
    ERROR_UNAVAILABLE, /* something outside does not answer now; trying again may help */
    ERROR_INTERNAL,    /* our fault; no detail goes outside */
};

#define ERROR_TEXT_MAX 256

struct error {
    enum error_kind kind;
    char text[ERROR_TEXT_MAX]; /* one line of UTF-8, NUL-terminated, cut at a character */
};

/* Both return false, so that raising is one line. err may be NULL. */
bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...) PRINTF(3, 4);
bool error_wrap(struct error *err, const char *fmt, ...) PRINTF(2, 3); /* "prefix: text" */

/* The analyzer sees one file at a time, and takes a result that it cannot see for any value. */
#ifdef __clang_analyzer__
#define error_set(...)  (error_set(__VA_ARGS__), false)
#define error_wrap(...) (error_wrap(__VA_ARGS__), false)
#endif

/* "kind" as logs and JSON show it: "invalid", "not_found", ... */
const char *error_kind_name(enum error_kind kind);

#endif

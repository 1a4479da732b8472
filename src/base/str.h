/*
 * str.h - a view of bytes: a pointer and a length, owned by somebody else.
 *
 * A struct str has no NUL at its end and may hold any byte. {0} is the empty view. Functions take
 * it by value. Text that entered the program has been checked as UTF-8 at its door (text/text.h), so
 * the functions here work on bytes and ASCII only.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct str {
    const char *ptr;
    size_t len;
};

#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)((s).len > 1000000 ? 1000000 : (s).len), ((s).ptr ? (s).ptr : "")

/* A literal as a view, usable in static initialisers: STR("abc"). */
#define STR(literal) ((struct str){"" literal "", sizeof(literal) - 1})
#define STR_INIT(literal)                                                                      \
    {                                                                                          \
        "" literal "", sizeof(literal) - 1                                                     \
    }

/* The view of a C string; NULL gives the empty view. */
static inline struct str str_c(const char *c)
{
    return c ? (struct str){c, strlen(c)} : (struct str){0};
}

static inline struct str str_n(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

/* Bytes from..to of s; both ends are cut to s. */
static inline struct str str_sub(struct str s, size_t from, size_t to)
{
    if (!s.len) /* its pointer may be NULL */
        return s;
    to = MIN(to, s.len);
    from = MIN(from, to);
    return (struct str){s.ptr + from, to - from};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_c(b));
}

bool str_eq_ascii_case(struct str a, struct str b); /* ASCII letters compare without case */
int str_cmp(struct str a, struct str b);            /* bytewise order: <0, 0, >0 */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_find(struct str s, struct str what, size_t *out_at); /* the first; empty is at 0 */
bool str_find_char(struct str s, char c, size_t *out_at);
bool str_contains(struct str s, struct str what);
bool str_is_among(struct str s, const struct str *list, size_t n);

struct str str_trim(struct str s); /* without ASCII white space at both ends */

/* Splits at the first sep into what is before and after it. False, and nothing written, if there
 * is no sep. head and tail may alias s. */
bool str_cut(struct str s, char sep, struct str *out_head, struct str *out_tail);

/* Takes the next piece up to sep off *rest, for loops: while (str_next(&rest, ',', &piece)).
 * A NULL view has no piece, "" has one empty piece, "a," has the pieces "a" and "". */
bool str_next(struct str *rest, char sep, struct str *out_piece);

/* The whole of s as a decimal number with an optional minus. False if it is none or overflows. */
NODISCARD bool str_to_int(struct str s, int64_t *out);
NODISCARD bool str_to_double(struct str s, double *out); /* decimal, finite, the whole of s */

uint64_t str_hash(struct str s, uint64_t seed); /* for tables; not for adversarial keys alone */

/* Compares in a time that depends only on the lengths; for secrets. */
bool str_eq_secret(struct str a, struct str b);

#endif

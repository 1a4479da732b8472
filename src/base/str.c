/* str.c - see str.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_eq_ascii_case(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t common = MIN(a.len, b.len);
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_sub(s, s.len - suffix.len, s.len), suffix);
}

bool str_find(struct str s, struct str what, size_t *out_at)
{
    const char *hit;

    if (what.len == 0) {
        *out_at = 0;
        return true;
    }
    if (s.len < what.len)
        return false;
    hit = memmem(s.ptr, s.len, what.ptr, what.len);
    if (!hit)
        return false;
    *out_at = (size_t)(hit - s.ptr);
    return true;
}

bool str_find_char(struct str s, char c, size_t *out_at)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

    if (!hit)
        return false;
    *out_at = (size_t)(hit - s.ptr);
    return true;
}

bool str_contains(struct str s, struct str what)
{
    size_t at;

    return str_find(s, what, &at);
}

bool str_is_among(struct str s, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i], s))
            return true;
    }
    return false;
}

struct str str_trim(struct str s)
{
    while (s.len && is_ascii_space(s.ptr[0]))
        s = str_sub(s, 1, s.len);
    while (s.len && is_ascii_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_cut(struct str s, char sep, struct str *out_head, struct str *out_tail)
{
    size_t at;

    if (!str_find_char(s, sep, &at))
        return false;
    *out_head = str_sub(s, 0, at);
    *out_tail = str_sub(s, at + 1, s.len);
    return true;
}

bool str_next(struct str *rest, char sep, struct str *out_piece)
{
    if (!rest->ptr)
        return false;
    if (str_cut(*rest, sep, out_piece, rest))
        return true; /* rest keeps a pointer even when empty: one more, empty piece follows */
    *out_piece = *rest;
    *rest = (struct str){0};
    return true;
}

bool str_to_int(struct str s, int64_t *out)
{
    bool negative = s.len && s.ptr[0] == '-';
    int64_t value = 0;

    if (negative)
        s = str_sub(s, 1, s.len);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = s.ptr[i] - '0';

        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN fits */
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *out = value;
    return true;
}

bool str_to_double(struct str s, double *out)
{
    char text[64];
    char *end;
    double value;

    if (s.len == 0 || s.len >= sizeof(text) || is_ascii_space(s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) { /* no hex, inf or nan: they would surprise */
        if (!strchr("0123456789+-.eE", s.ptr[i]) || s.ptr[i] == '\0')
            return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

uint64_t str_hash(struct str s, uint64_t seed)
{
    uint64_t hash = seed ^ 0xcbf29ce484222325U; /* FNV-1a, 64 bits */

    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3U;
    return hash ^ (hash >> 32);
}

bool str_eq_secret(struct str a, struct str b)
{
    unsigned char difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}

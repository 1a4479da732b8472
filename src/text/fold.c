/*
 * fold.c - stripping, lower case and decomposition.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/buf.h"

/* The bytes of the last character of s, which is not empty. */
static size_t last_char_bytes(struct str s)
{
    size_t at = s.len - 1;

    while (at > 0 && s.len - at < 4 && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
        at--;
    return s.len - at;
}

struct str text_strip(struct str s)
{
    uint32_t c;

    for (struct str rest = s; text_next(&rest, &c) && text_is_space(c);)
        s = rest;
    while (s.len) {
        size_t n = last_char_bytes(s);
        struct str last = str_sub(s, s.len - n, s.len);

        if (!text_next(&last, &c) || !text_is_space(c) || last.len)
            break;
        s.len -= n;
    }
    return s;
}

static bool is_ascii(struct str s)
{
    unsigned char all = 0;

    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.ptr[i];
    return all < 0x80;
}

static struct str lower_ascii(struct arena *a, struct str s)
{
    char *copy = arena_cstr(a, s);

    for (size_t i = 0; i < s.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    }
    return str_n(copy, s.len);
}

/* Takes over what libunistring allocated. NULL means no memory or, against the contract, text that
 * is not UTF-8: the text is then taken as it is. */
static struct str adopt(struct arena *a, uint8_t *bytes, size_t n, struct str otherwise)
{
    struct str copy;

    if (!bytes)
        return otherwise;
    copy = arena_dup(a, str_n((const char *)bytes, n));
    free(bytes);
    return copy;
}

struct str text_lower(struct arena *a, struct str s)
{
    size_t n = 0;
    uint8_t *bytes;

    if (is_ascii(s))
        return lower_ascii(a, s);
    bytes = u8_tolower((const uint8_t *)s.ptr, s.len, "", NULL, NULL, &n);
    return adopt(a, bytes, n, s);
}

struct str text_decompose(struct arena *a, struct str s)
{
    size_t n = 0;
    uint8_t *bytes;

    if (is_ascii(s))
        return s;
    bytes = u8_normalize(UNINORM_NFD, (const uint8_t *)s.ptr, s.len, NULL, &n);
    return adopt(a, bytes, n, s);
}

static bool is_unsafe_to_print(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

struct str text_printable(struct arena *a, struct str s)
{
    AUTO_BUF b = {0};
    uint32_t c;

    while (text_next(&s, &c))
        text_add_char(&b, is_unsafe_to_print(c) ? 0xFFFD : c);
    return arena_dup(a, buf_str(&b));
}

/*
 * utf8.c - checking, stepping through and cutting UTF-8.
 *
 * The check runs over every byte that enters the program, so ASCII goes eight bytes at a time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include <unistr.h>

#define REPLACEMENT 0xFFFDu
#define ASCII_MASK  0x8080808080808080u

/* How many bytes at the beginning are ASCII, in steps of eight. */
static size_t ascii_run(struct str s)
{
    size_t at = 0;
    uint64_t eight;

    while (at + sizeof(eight) <= s.len) {
        memcpy(&eight, s.ptr + at, sizeof(eight));
        if (eight & ASCII_MASK)
            break;
        at += sizeof(eight);
    }
    return at;
}

/* The bytes of the character at the start of s; 0 if they are no character. */
static size_t decode(struct str s, uint32_t *out)
{
    ucs4_t c;
    int n = u8_mbtoucr(&c, (const uint8_t *)s.ptr, s.len);

    if (n <= 0)
        return 0;
    *out = c;
    return (size_t)n;
}

/* The offset of the first byte that belongs to no character; s.len if there is none. */
static size_t first_bad(struct str s)
{
    size_t at = 0;

    while (at < s.len) {
        struct str rest = str_sub(s, at, s.len);
        size_t n = ascii_run(rest);
        uint32_t c;

        if (n == 0)
            n = decode(rest, &c);
        if (n == 0)
            return at;
        at += n;
    }
    return at;
}

bool text_is_utf8(struct str s)
{
    return first_bad(s) == s.len;
}

bool text_check(struct str s, struct error *err)
{
    size_t bad = first_bad(s), at;

    if (bad < s.len)
        return error_set(err, ERROR_INVALID, "not UTF-8 at byte %zu; send UTF-8 text", bad);
    if (str_find_char(s, '\0', &at))
        return error_set(err, ERROR_INVALID,
                         "a NUL character (U+0000) at byte %zu; leave it out", at);
    return true;
}

bool text_next(struct str *rest, uint32_t *out_char)
{
    size_t n;

    if (rest->len == 0)
        return false;
    n = decode(*rest, out_char);
    if (n == 0) {
        *out_char = REPLACEMENT;
        n = 1;
    }
    *rest = str_sub(*rest, n, rest->len);
    return true;
}

void text_add_char(struct buf *b, uint32_t c)
{
    uint8_t bytes[6];
    int n = u8_uctomb(bytes, c, sizeof(bytes));

    if (n > 0)
        buf_add(b, str_n((const char *)bytes, (size_t)n));
    else
        text_add_char(b, REPLACEMENT);
}

size_t text_count(struct str s)
{
    size_t n = 0;
    uint32_t c;

    while (text_next(&s, &c))
        n++;
    return n;
}

struct str text_first(struct str s, size_t n)
{
    struct str rest = s;
    uint32_t c;

    while (n-- > 0 && text_next(&rest, &c))
        ;
    return str_sub(s, 0, s.len - rest.len);
}

struct str text_first_bytes(struct str s, size_t n)
{
    if (s.len <= n)
        return s;
    while (n > 0 && ((unsigned char)s.ptr[n] & 0xC0) == 0x80)
        n--;
    return str_sub(s, 0, n);
}

/*
 * fold.c - stripping, lower case and decomposition.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/alloc.h"

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

/* -- lower case ------------------------------------------------------------------------------- */

#define CAPITAL_SIGMA       0x03A3u
#define SMALL_SIGMA         0x03C3u
#define FINAL_SIGMA         0x03C2u
#define CAPITAL_I_WITH_DOT  0x0130u
#define COMBINING_DOT_ABOVE 0x0307u

/* The first character that is not case-ignorable is cased: what both sides of a sigma ask. */
static bool is_cased_before(struct str s)
{
    while (s.len) {
        size_t n = last_char_bytes(s);
        struct str last = str_sub(s, s.len - n, s.len);
        uint32_t c;

        if (text_next(&last, &c) && !uc_is_property_case_ignorable(c))
            return uc_is_property_cased(c);
        s.len -= n;
    }
    return false;
}

static bool is_cased_after(struct str s)
{
    uint32_t c;

    while (text_next(&s, &c)) {
        if (!uc_is_property_case_ignorable(c))
            return uc_is_property_cased(c);
    }
    return false;
}

/* Character by character: u8_tolower() decides on final sigmas by rules of its own, and content
 * hashes must not. Runs of ignorable characters are looked at twice at most, so this is linear. */
static void add_lower(struct buf *b, struct str s)
{
    struct str rest = s;
    uint32_t c;

    for (size_t at = 0; text_next(&rest, &c); at = s.len - rest.len) {
        if (c < 0x80) {
            buf_add_char(b, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
        } else if (c == CAPITAL_SIGMA) {
            bool is_final = is_cased_before(str_sub(s, 0, at)) && !is_cased_after(rest);

            text_add_char(b, is_final ? FINAL_SIGMA : SMALL_SIGMA);
        } else if (c == CAPITAL_I_WITH_DOT) { /* the only character whose lower case is two */
            text_add_char(b, 'i');
            text_add_char(b, COMBINING_DOT_ABOVE);
        } else {
            text_add_char(b, uc_tolower(c));
        }
    }
}

struct str text_lower(struct arena *a, struct str s)
{
    AUTO_BUF b = {0};

    if (is_ascii(s))
        return lower_ascii(a, s);
    add_lower(&b, s);
    return arena_dup(a, buf_str(&b));
}

/* -- decomposition and printing --------------------------------------------------------------- */

/* s with U+FFFD for each byte that belongs to no character. */
static struct str repair(struct arena *a, struct str s)
{
    AUTO_BUF b = {0};
    uint32_t c;

    if (text_is_utf8(s))
        return s;
    while (text_next(&s, &c))
        text_add_char(&b, c);
    return arena_dup(a, buf_str(&b));
}

struct str text_decompose(struct arena *a, struct str s)
{
    AUTO_FREE
    uint8_t *bytes = NULL;
    size_t n = 0;

    if (is_ascii(s))
        return s;
    s = repair(a, s);
    bytes = u8_normalize(UNINORM_NFD, (const uint8_t *)s.ptr, s.len, NULL, &n);
    if (!bytes) /* checked text fails only without memory */
        mem_abort();
    return arena_dup(a, str_n((const char *)bytes, n));
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

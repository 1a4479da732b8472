/*
 * text.c - UTF-8: checking, cutting, stripping, folding any bytes.
 *
 * What must hold: cuts of checked text are checked text, stripping and lower-casing twice change
 * nothing more, and bytes that are not UTF-8 are stepped through to the end without a read past it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include <stdlib.h>

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_views(struct str s)
{
    struct str stripped = text_strip(s);
    size_t n = text_count(s);

    must(str_eq(text_strip(stripped), stripped));
    must(text_first(s, n).len == s.len);
    must(text_count(text_first(s, n / 2)) == n / 2);
    must(text_first_bytes(s, s.len / 2).len <= s.len / 2);
    if (text_is_utf8(s))
        must(text_is_utf8(stripped) && text_is_utf8(text_first_bytes(s, s.len / 2)));
}

static void try_copies(struct arena *a, struct str s)
{
    struct str lower = text_lower(a, s);
    struct str shown = text_printable(a, s);
    uint32_t c;

    must(str_eq(text_lower(a, lower), lower));
    must(text_is_utf8(shown) && text_count(shown) == text_count(s));
    if (!text_is_utf8(s))
        return;
    must(text_is_utf8(lower));
    for (struct str rest = text_decompose(a, s); text_next(&rest, &c);)
        (void)text_is_punct(c);
}

static void try_base64(struct arena *a, struct str s)
{
    AUTO_BUF b = {0};
    struct str bytes;
    struct error err = {0};

    crypto_base64_encode(&b, s);
    must(crypto_base64_decode(a, buf_str(&b), &bytes, &err) && str_eq(bytes, s));
    buf_clear(&b);
    if (!crypto_base64_decode(a, s, &bytes, &err))
        return;
    crypto_base64_encode(&b, bytes); /* one spelling only */
    must(str_eq(buf_str(&b), s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA a = {0};
    struct str s = str_n((const char *)data, size);
    struct error err = {0};

    if (text_check(s, &err))
        must(text_is_utf8(s));
    try_views(s);
    try_copies(&a, s);
    try_base64(&a, s);
    return 0;
}

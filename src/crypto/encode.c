/*
 * encode.c - hex and Base64, strict in what they accept.
 *
 * GnuTLS's own Base64 decoder reads over white space and missing padding; values that are compared
 * with headers must have one spelling, so ours is exact.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

static const char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void crypto_hex(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[from[i] >> 4];
        *out++ = digits[from[i] & 15];
    }
    *out = '\0';
}

static void encode(struct buf *b, struct str bytes, const char *alphabet, bool is_padded)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = MIN(bytes.len - i, (size_t)3);
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)bytes.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++) {
            if (k <= n)
                buf_add_char(b, alphabet[bits >> (18 - 6 * k) & 63]);
            else if (is_padded)
                buf_add_char(b, '=');
        }
    }
}

void crypto_base64_encode(struct buf *b, struct str bytes)
{
    encode(b, bytes, standard, true);
}

void crypto_base64url_encode(struct buf *b, struct str bytes)
{
    encode(b, bytes, url_safe, false);
}

/* text has no padding any more; its length is not 1 more than a multiple of 4. */
static bool decode(struct arena *a, struct str text, const char *alphabet, struct str *out,
                   struct error *err)
{
    unsigned char *to = arena_alloc(a, text.len / 4 * 3 + 3, 1);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.ptr[i] ? strchr(alphabet, text.ptr[i]) : NULL;

        if (!digit)
            return error_set(err, ERROR_INVALID, "not Base64: character %zu", i + 1);
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            to[n++] = (unsigned char)(bits >> n_bits);
            bits &= (1u << n_bits) - 1;
        }
    }
    if (bits != 0) /* left-over bits: a second spelling of the same bytes */
        return error_set(err, ERROR_INVALID, "not Base64: bits left over at the end");
    *out = str_n((const char *)to, n);
    return true;
}

bool crypto_base64_decode(struct arena *a, struct str text, struct str *out, struct error *err)
{
    size_t n_padding = 0;

    if (text.len % 4 != 0)
        return error_set(err, ERROR_INVALID, "not Base64: the length is no multiple of 4");
    while (n_padding < 2 && text.len && text.ptr[text.len - 1] == '=') {
        text.len--;
        n_padding++;
    }
    return decode(a, text, standard, out, err);
}

bool crypto_base64url_decode(struct arena *a, struct str text, struct str *out,
                             struct error *err)
{
    if (text.len % 4 == 1)
        return error_set(err, ERROR_INVALID, "not Base64: a character too many or too few");
    return decode(a, text, url_safe, out, err);
}

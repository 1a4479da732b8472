/*
 * jwt.c - signed tokens in compact form (RFC 7515), by GnuTLS.
 *
 * The algorithm is the key's, never the token's: there is no "none" to ask for, and no way to have a public
 * key taken for a shared secret. The signature of ES256 is two numbers of 32 bytes (RFC 7518, 3.4); GnuTLS
 * speaks DER.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_int.h"

#include <gnutls/crypto.h>

#include "json/json.h"

#define ES256_BYTES ((size_t)2 * CRYPTO_P256_BYTES)

static gnutls_datum_t datum_of(struct str s)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)s.ptr, (unsigned)s.len};
}

/* -- signing ----------------------------------------------------------------------------------- */

/* One number of a signature, right-aligned. */
static void put_half(unsigned char *out, const gnutls_datum_t *number)
{
    size_t skip = number->size > CRYPTO_P256_BYTES ? number->size - CRYPTO_P256_BYTES : 0;
    size_t n = number->size - skip;

    memcpy(out + CRYPTO_P256_BYTES - n, number->data + skip, n);
}

static void add_signature(struct buf *b, const struct crypto_key *k, const gnutls_datum_t *der)
{
    AUTO_DATUM r = {0}, s = {0};
    unsigned char raw[ES256_BYTES] = {0};

    if (k->is_rsa) {
        crypto_base64url_encode(b, str_n((const char *)der->data, der->size));
        return;
    }
    crypto_must(gnutls_decode_rs_value(der, &r, &s), "signature");
    put_half(raw, &r);
    put_half(raw + CRYPTO_P256_BYTES, &s);
    crypto_base64url_encode(b, str_n((const char *)raw, sizeof(raw)));
}

struct str crypto_jwt_sign(struct arena *a, const struct crypto_key *k, const char *typ,
                           struct str claims)
{
    AUTO_DATUM signature = {0};
    AUTO_BUF b = {0};
    gnutls_datum_t data;
    struct str header =
        arena_printf(a, "{\"alg\":\"" STR_FMT "\",\"kid\":\"" STR_FMT "\",\"typ\":\"%s\"}",
                     STR_ARG(crypto_key_alg(k)), STR_ARG(crypto_key_id(k)), typ);

    crypto_base64url_encode(&b, header);
    buf_add_char(&b, '.');
    crypto_base64url_encode(&b, claims);
    data = datum_of(buf_str(&b));
    crypto_must(gnutls_privkey_sign_data(k->private, GNUTLS_DIG_SHA256, 0, &data, &signature),
                "sign");
    buf_add_char(&b, '.');
    add_signature(&b, k, &signature);
    return arena_dup(a, buf_str(&b));
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool read_header(struct arena *a, struct str text, struct crypto_jwt *out,
                        struct error *err)
{
    AUTO_JSON *header = NULL;

    if (!json_parse(text, &header, err))
        return false;
    if (!json_is_object(header))
        return error_set(err, ERROR_INVALID, "the header is no JSON object");
    if (json_object_get(header, "crit")) /* extensions that must be understood */
        return error_set(err, ERROR_INVALID, "the header has crit");
    if (!json_get_str(header, "", "alg", &out->alg, err) ||
        !json_get_str(header, "", "typ", &out->typ, err) ||
        !json_get_str(header, "", "kid", &out->kid, err))
        return false;
    if (!out->alg.len)
        return error_set(err, ERROR_INVALID, "the header lacks alg");
    out->alg = arena_dup(a, out->alg);
    out->typ = arena_dup(a, out->typ);
    out->kid = arena_dup(a, out->kid);
    return true;
}

static bool parse(struct arena *a, struct str token, struct crypto_jwt *out, struct error *err)
{
    struct str head, body, sign, text;
    struct crypto_jwt t = {0};
    size_t dot;

    if (!str_cut(token, '.', &head, &sign) || !str_cut(sign, '.', &body, &sign) ||
        str_find_char(sign, '.', &dot))
        return error_set(err, ERROR_INVALID, "not three parts");
    if (!crypto_base64url_decode(a, head, &text, err) || !read_header(a, text, &t, err) ||
        !crypto_base64url_decode(a, body, &t.claims, err) ||
        !crypto_base64url_decode(a, sign, &t.signature, err))
        return false;
    t.signed_part = str_sub(token, 0, head.len + 1 + body.len);
    *out = t;
    return true;
}

bool crypto_jwt_parse(struct arena *a, struct str token, struct crypto_jwt *out,
                      struct error *err)
{
    struct crypto_jwt t;

    if (token.len > CRYPTO_JWT_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "longer than %d bytes", CRYPTO_JWT_MAX_BYTES);
    if (!parse(a, token, &t, err))
        return false;
    if (!t.typ.len || !t.kid.len)
        return error_set(err, ERROR_INVALID, "the header lacks typ or kid");
    *out = t;
    return true;
}

bool crypto_jwt_parse_other(struct arena *a, struct str token, struct crypto_jwt *out,
                            struct error *err)
{
    if (token.len > CRYPTO_JWT_OTHER_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "longer than %zu bytes",
                         CRYPTO_JWT_OTHER_MAX_BYTES);
    return parse(a, token, out, err);
}

/* The two numbers as DER. False: not of the right length. */
static bool to_der(struct str raw, gnutls_datum_t *out)
{
    gnutls_datum_t r, s;

    if (raw.len != ES256_BYTES)
        return false;
    r = datum_of(str_sub(raw, 0, CRYPTO_P256_BYTES));
    s = datum_of(str_sub(raw, CRYPTO_P256_BYTES, raw.len));
    return gnutls_encode_rs_value(out, &r, &s) >= 0;
}

bool crypto_jwt_verify(const struct crypto_jwt *t, const struct crypto_key *k)
{
    return str_eq(t->kid, crypto_key_id(k)) && crypto_jwt_is_by(t, k);
}

bool crypto_jwt_is_by(const struct crypto_jwt *t, const struct crypto_key *k)
{
    AUTO_DATUM der = {0};
    gnutls_datum_t data = datum_of(t->signed_part), signature = datum_of(t->signature);

    if (!str_eq(t->alg, crypto_key_alg(k)))
        return false;
    if (k->is_rsa)
        return gnutls_pubkey_verify_data2(k->public, GNUTLS_SIGN_RSA_SHA256, 0, &data,
                                          &signature) >= 0;
    return to_der(t->signature, &der) &&
           gnutls_pubkey_verify_data2(k->public, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der) >= 0;
}

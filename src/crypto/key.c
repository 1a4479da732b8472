/*
 * key.c - private keys that sign tokens: P-256, and RSA where a user brings one; public keys of others.
 *
 * What others ask of a key (its name, its public half) is worked out once when it is made.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_int.h"

#include <gnutls/x509.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "json/json.h"

#define RSA_MIN_BITS       2048
#define RSA_MAX_BITS       8192
#define EXPONENT_MAX_BYTES 8 /* 65537 nearly everywhere */

/* A number as Base64url: without a leading zero, or of exactly n bytes. */
static void add_number(struct buf *b, const gnutls_datum_t *number, size_t n)
{
    unsigned char bytes[1024] = {0};
    const unsigned char *from = number->data;
    size_t len = number->size;

    while (len > 1 && *from == 0) {
        from++;
        len--;
    }
    n = n ? n : len;
    if (len > n || n > sizeof(bytes))
        abort(); /* check_kind() let it in */
    memcpy(bytes + n - len, from, len);
    crypto_base64url_encode(b, str_n((const char *)bytes, n));
}

/* The members that RFC 7638 asks for, in its order. */
static void write_public(struct buf *b, gnutls_pubkey_t key, bool is_rsa)
{
    AUTO_DATUM first = {0}, second = {0};

    if (is_rsa) {
        crypto_must(gnutls_pubkey_export_rsa_raw2(key, &first, &second, 0), "export");
        buf_add_c(b, "{\"e\":\"");
        add_number(b, &second, 0);
        buf_add_c(b, "\",\"kty\":\"RSA\",\"n\":\"");
        add_number(b, &first, 0);
    } else {
        crypto_must(gnutls_pubkey_export_ecc_raw2(key, NULL, &first, &second, 0), "export");
        buf_add_c(b, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
        add_number(b, &first, CRYPTO_P256_BYTES);
        buf_add_c(b, "\",\"y\":\"");
        add_number(b, &second, CRYPTO_P256_BYTES);
    }
    buf_add_c(b, "\"}");
}

static void describe(struct crypto_key *k)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    AUTO_BUF id = {0};

    write_public(&k->jwk, k->public, k->is_rsa);
    crypto_sha256(buf_str(&k->jwk), digest);
    crypto_base64url_encode(&id, str_n((const char *)digest, sizeof(digest)));
    k->id = mem_dup(buf_str(&id));

    buf_truncate(&k->jwk, k->jwk.len - 1);
    buf_printf(&k->jwk, ",\"use\":\"sig\",\"alg\":\"" STR_FMT "\",\"kid\":\"%s\"}",
               STR_ARG(crypto_key_alg(k)), k->id);
}

static bool check_kind(struct crypto_key *k, struct error *err)
{
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    unsigned bits = 0;
    int kind = gnutls_privkey_get_pk_algorithm(k->private, &bits);

    k->is_rsa = kind == GNUTLS_PK_RSA;
    if (k->is_rsa && bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS)
        return true;
    if (kind == GNUTLS_PK_ECDSA &&
        gnutls_privkey_export_ecc_raw2(k->private, &curve, NULL, NULL, NULL, 0) >= 0 &&
        curve == GNUTLS_ECC_CURVE_SECP256R1)
        return true;
    return error_set(err, ERROR_INVALID,
                     "expected a P-256 key, or an RSA key of at least %d bits", RSA_MIN_BITS);
}

static struct crypto_key *key_alloc(void)
{
    struct crypto_key *k = NEW(struct crypto_key);

    crypto_must(gnutls_privkey_init(&k->private), "privkey_init");
    crypto_must(gnutls_pubkey_init(&k->public), "pubkey_init");
    return k;
}

static void complete(struct crypto_key *k)
{
    crypto_must(gnutls_pubkey_import_privkey(k->public, k->private, 0, 0), "public half");
    describe(k);
}

struct crypto_key *crypto_key_new(void)
{
    struct crypto_key *k = key_alloc();

    crypto_must(gnutls_privkey_generate(k->private, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                "generate");
    complete(k);
    return k;
}

/* "\n" as two characters becomes one. */
static void unescape(struct buf *b, struct str pem)
{
    struct str rest = pem;
    size_t at;

    while (str_find(rest, STR("\\n"), &at)) {
        buf_add(b, str_sub(rest, 0, at));
        buf_add_char(b, '\n');
        rest = str_sub(rest, at + 2, rest.len);
    }
    buf_add(b, rest);
}

bool crypto_key_load(struct str pem, struct crypto_key **out, struct error *err)
{
    AUTO_BUF text = {0};
    struct crypto_key *k = key_alloc();
    gnutls_datum_t data;
    int rc;

    unescape(&text, pem);
    data = (gnutls_datum_t){(unsigned char *)text.ptr, (unsigned)text.len};
    rc = text.len
             ? gnutls_privkey_import_x509_raw(k->private, &data, GNUTLS_X509_FMT_PEM, NULL, 0)
             : GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (rc < 0) {
        crypto_key_free(k);
        return error_set(err, ERROR_INVALID, "not a private key in PEM form (%s)",
                         gnutls_strerror(rc));
    }
    if (!check_kind(k, err)) {
        crypto_key_free(k);
        return false;
    }
    complete(k);
    *out = k;
    return true;
}

void crypto_key_free(struct crypto_key *k)
{
    if (!k)
        return;
    if (k->private)
        gnutls_privkey_deinit(k->private);
    gnutls_pubkey_deinit(k->public);
    buf_deinit(&k->jwk);
    free(k->id);
    free(k);
}

struct str crypto_key_pem(struct arena *a, const struct crypto_key *k)
{
    gnutls_x509_privkey_t x509 = NULL;
    AUTO_DATUM text = {0};

    crypto_must(gnutls_privkey_export_x509(k->private, &x509), "export");
    crypto_must(gnutls_x509_privkey_export2_pkcs8(x509, GNUTLS_X509_FMT_PEM, NULL,
                                                  GNUTLS_PKCS_PLAIN, &text),
                "export");
    gnutls_x509_privkey_deinit(x509);
    return arena_dup(a, str_n((const char *)text.data, text.size));
}

struct str crypto_key_alg(const struct crypto_key *k)
{
    return k->is_rsa ? STR("RS256") : STR("ES256");
}

struct str crypto_key_id(const struct crypto_key *k)
{
    return str_c(k->id);
}

struct str crypto_key_jwk(const struct crypto_key *k)
{
    return buf_str(&k->jwk);
}

/* -- of others --------------------------------------------------------------------------------- */

/* A number of a JWK. False: it is missing, or not of min to max bytes. */
static bool read_number(struct arena *a, const json_t *j, const char *name, size_t min,
                        size_t max, gnutls_datum_t *out)
{
    struct str bytes;

    if (!crypto_base64url_decode(a, json_view(json_object_get(j, name)), &bytes, NULL) ||
        bytes.len < min || bytes.len > max)
        return false;
    *out = (gnutls_datum_t){(unsigned char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len};
    return true;
}

static bool import_rsa(struct arena *a, const json_t *j, struct crypto_key *k)
{
    gnutls_datum_t n, e;
    unsigned bits = 0;

    return read_number(a, j, "n", RSA_MIN_BITS / 8, RSA_MAX_BITS / 8, &n) &&
           read_number(a, j, "e", 1, EXPONENT_MAX_BYTES, &e) &&
           gnutls_pubkey_import_rsa_raw(k->public, &n, &e) >= 0 &&
           gnutls_pubkey_get_pk_algorithm(k->public, &bits) == GNUTLS_PK_RSA &&
           bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS;
}

static bool import_p256(struct arena *a, const json_t *j, struct crypto_key *k)
{
    gnutls_datum_t x, y;

    return str_eq_c(json_view(json_object_get(j, "crv")), "P-256") &&
           read_number(a, j, "x", CRYPTO_P256_BYTES, CRYPTO_P256_BYTES, &x) &&
           read_number(a, j, "y", CRYPTO_P256_BYTES, CRYPTO_P256_BYTES, &y) &&
           gnutls_pubkey_import_ecc_raw(k->public, GNUTLS_ECC_CURVE_SECP256R1, &x, &y) >= 0;
}

static bool import_jwk(struct arena *a, const json_t *j, struct crypto_key *k)
{
    struct str kind = json_view(json_object_get(j, "kty"));
    struct str use = json_view(json_object_get(j, "use"));
    struct str alg = json_view(json_object_get(j, "alg"));

    k->is_rsa = str_eq_c(kind, "RSA");
    if ((use.len && !str_eq_c(use, "sig")) || (alg.len && !str_eq(alg, crypto_key_alg(k))))
        return false;
    return k->is_rsa ? import_rsa(a, j, k) : str_eq_c(kind, "EC") && import_p256(a, j, k);
}

bool crypto_jwk_load(struct str jwk, struct crypto_key **out, struct error *err)
{
    struct crypto_key *k = NEW(struct crypto_key);
    AUTO_ARENA a = {0};
    AUTO_JSON *j = NULL;

    crypto_must(gnutls_pubkey_init(&k->public), "pubkey_init");
    if (!json_parse(jwk, &j, err) || !import_jwk(&a, j, k)) {
        crypto_key_free(k);
        return error_set(err, ERROR_INVALID,
                         "expected a JWK on P-256, or of RSA with at least %d bits, for "
                         "signatures",
                         RSA_MIN_BITS);
    }
    describe(k);
    *out = k;
    return true;
}

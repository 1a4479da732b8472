/* pki.c - see pki.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pki.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HOUR_S 3600

static void must(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "pki: %s\n", gnutls_strerror(rc));
    abort();
}

static gnutls_datum_t datum(struct str s)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)s.ptr, (unsigned)s.len};
}

static struct str take(struct arena *a, gnutls_datum_t *d)
{
    struct str s = arena_dup(a, str_n((const char *)d->data, d->size));

    gnutls_free(d->data);
    return s;
}

static void describe(gnutls_x509_crt_t crt, const struct pki_wish *w)
{
    unsigned char serial[8];
    int64_t now_s = time(NULL);

    gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f;
    must(gnutls_x509_crt_set_version(crt, 3));
    must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
    must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, w->name,
                                       (unsigned)strlen(w->name)));
    must(gnutls_x509_crt_set_activation_time(crt, w->begin_s ? w->begin_s : now_s - HOUR_S));
    must(gnutls_x509_crt_set_expiration_time(crt, w->end_s ? w->end_s : now_s + HOUR_S));
    must(gnutls_x509_crt_set_basic_constraints(crt, w->is_authority, -1));
    if (w->is_authority)
        must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN));
    else
        must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, w->name,
                                                  (unsigned)strlen(w->name), GNUTLS_FSAN_SET));
}

static void sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
                 const struct pki_pair *issuer)
{
    gnutls_x509_crt_t by;
    gnutls_x509_privkey_t by_key;
    gnutls_datum_t crt_pem, key_pem;

    if (!issuer) {
        must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
        return;
    }
    crt_pem = datum(issuer->certificate);
    key_pem = datum(issuer->key);
    must(gnutls_x509_crt_init(&by));
    must(gnutls_x509_privkey_init(&by_key));
    must(gnutls_x509_crt_import(by, &crt_pem, GNUTLS_X509_FMT_PEM));
    must(gnutls_x509_privkey_import(by_key, &key_pem, GNUTLS_X509_FMT_PEM));
    must(gnutls_x509_crt_sign2(crt, by, by_key, GNUTLS_DIG_SHA256, 0));
    gnutls_x509_crt_deinit(by);
    gnutls_x509_privkey_deinit(by_key);
}

struct pki_pair pki_make(struct arena *a, const struct pki_wish *wish)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    gnutls_datum_t crt_pem, key_pem;
    struct pki_pair pair;

    must(gnutls_x509_crt_init(&crt));
    must(gnutls_x509_privkey_init(&key));
    must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    describe(crt, wish);
    must(gnutls_x509_crt_set_key(crt, key));
    sign(crt, key, wish->issuer);
    must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &crt_pem));
    must(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, 0, &key_pem));
    pair.certificate = take(a, &crt_pem);
    pair.key = take(a, &key_pem);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return pair;
}

/*
 * digest.c - SHA-256, HMAC and random bytes from GnuTLS.
 *
 * These calls fail only when the library itself is broken; going on with a wrong digest or a guessable
 * number would be worse than stopping.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_int.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

void crypto_must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "level=error event=crypto.bug call=%s code=%d\n", what, rc);
    abort();
}

void crypto_sha256(struct str s, unsigned char out[CRYPTO_SHA256_BYTES])
{
    crypto_must(gnutls_hash_fast(GNUTLS_DIG_SHA256, s.len ? s.ptr : "", s.len, out), "hash");
}

void crypto_sha256_hex(struct str s, char out[CRYPTO_SHA256_HEX])
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    crypto_sha256(s, digest);
    crypto_hex(digest, sizeof(digest), out);
}

void crypto_hmac_sha256(struct str key, struct str s, unsigned char out[CRYPTO_SHA256_BYTES])
{
    crypto_must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.len ? key.ptr : "", key.len,
                                 s.len ? s.ptr : "", s.len, out),
                "hmac");
}

struct crypto_digest {
    gnutls_hash_hd_t handle;
};

struct crypto_digest *crypto_digest_new(void)
{
    struct crypto_digest *d = NEW(struct crypto_digest);

    crypto_must(gnutls_hash_init(&d->handle, GNUTLS_DIG_SHA256), "hash_init");
    return d;
}

void crypto_digest_add(struct crypto_digest *d, struct str s)
{
    if (s.len)
        crypto_must(gnutls_hash(d->handle, s.ptr, s.len), "hash_add");
}

void crypto_digest_finish(struct crypto_digest *d, unsigned char out[CRYPTO_SHA256_BYTES])
{
    gnutls_hash_output(d->handle, out); /* also starts the next one */
}

void crypto_digest_free(struct crypto_digest *d)
{
    if (!d)
        return;
    gnutls_hash_deinit(d->handle, NULL);
    free(d);
}

void crypto_random(void *out, size_t n)
{
    crypto_must(gnutls_rnd(GNUTLS_RND_KEY, out, n), "random");
}

uint64_t crypto_random_u64(void)
{
    uint64_t value;

    crypto_random(&value, sizeof(value));
    return value;
}

/*
 * crypto.h - digests, random bytes and encodings. The only folder that includes GnuTLS.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define CRYPTO_SHA256_BYTES 32
#define CRYPTO_SHA256_HEX   65 /* with the NUL */

void crypto_sha256(struct str s, unsigned char out[CRYPTO_SHA256_BYTES]);
void crypto_sha256_hex(struct str s,
                       char out[CRYPTO_SHA256_HEX]); /* lower case, NUL at the end */
void crypto_hmac_sha256(struct str key, struct str s, unsigned char out[CRYPTO_SHA256_BYTES]);

/* A digest over pieces, for files larger than one would read at once. */
struct crypto_digest;
struct crypto_digest *crypto_digest_new(void); /* SHA-256 */
void crypto_digest_add(struct crypto_digest *d, struct str s);
void crypto_digest_finish(struct crypto_digest *d, unsigned char out[CRYPTO_SHA256_BYTES]);
void crypto_digest_free(struct crypto_digest *d);

void crypto_random(void *out, size_t n); /* from the system; aborts if there is none */
uint64_t crypto_random_u64(void);
void crypto_hex(const void *bytes, size_t n, char *out); /* 2n lower-case digits and a NUL */

void crypto_base64_encode(struct buf *b, struct str bytes);    /* standard alphabet, padded */
void crypto_base64url_encode(struct buf *b, struct str bytes); /* no padding */
/* Strict: alphabet, padding, no white space. Bytes in the arena. */
NODISCARD bool crypto_base64_decode(struct arena *a, struct str text, struct str *out,
                                    struct error *err);
NODISCARD bool crypto_base64url_decode(struct arena *a, struct str text, struct str *out,
                                       struct error *err);

#endif

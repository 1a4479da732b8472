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

/* -- the certificate of a TLS server (certificate.c) ------------------------------------------ */

/*
 * A chain of certificates and the key of the first, checked and ready for handshakes. Whoever keeps
 * one for longer than a call holds a reference: a connection that began under an old certificate has
 * it until it ends. Never changes; any thread may use it.
 */
struct crypto_certificate;

struct crypto_pem {
    struct str name; /* in errors: where the text is from */
    struct str text;
};

/* chain: the server's own certificate, then the one that signed it, and so on. INVALID: not PEM, out of
 * order, not valid at now_ms, or the key is another certificate's. The caller owns a reference. */
NODISCARD bool crypto_certificate_new(const struct crypto_pem *chain,
                                      const struct crypto_pem *key, int64_t now_ms,
                                      struct crypto_certificate **out, struct error *err);
struct crypto_certificate *crypto_certificate_ref(struct crypto_certificate *c);
void crypto_certificate_unref(struct crypto_certificate *c);

/* When the first certificate of the chain expires. INT64_MAX: never. */
int64_t crypto_certificate_end_ms(const struct crypto_certificate *c);
/* The chain is one certificate that another one has signed, which clients may lack. */
bool crypto_certificate_is_alone(const struct crypto_certificate *c);
/* It is valid for this host name or address. */
bool crypto_certificate_is_for(const struct crypto_certificate *c, struct str host);

/* How a session reads: from fd, and before it says that nothing has come it calls wait(). */
struct crypto_reader {
    int fd;
    void (*wait)(void *ctx);
    void *ctx;
};
/* Makes a GnuTLS session on reader's socket, whose handshake has not begun, present c. The caller
 * keeps both, and a reference, until the session has ended. */
void crypto_certificate_use(struct crypto_certificate *c, struct crypto_reader *reader,
                            void *gnutls_session);

#endif

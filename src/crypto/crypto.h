/*
 * crypto.h - digests, random bytes, encodings, passwords, signing keys and tokens. The only folder that
 * includes GnuTLS and libsodium.
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

/* -- passwords: argon2id, 64 MB and about 0.1 s each ------------------------------------------ */

#define CRYPTO_PASSWORD_HASH_MAX 128 /* with the NUL */
/* UNAVAILABLE: not enough memory now. out names method, cost and salt. */
NODISCARD bool crypto_password_hash(struct str password, char out[CRYPTO_PASSWORD_HASH_MAX],
                                    struct error *err);
/* hash empty, or none of ours: false, after as long a time as for any other. */
bool crypto_password_check(struct str password, struct str hash);

/* -- signing keys ------------------------------------------------------------------------------ */

struct crypto_key; /* a private key; immutable, so that threads may share it */

struct crypto_key *crypto_key_new(void); /* a random one on P-256 */
/* PEM, PKCS #8 or the older forms; "\n" may stand for line ends, as in .env files. INVALID: neither P-256
 * nor RSA of 2048 bits or more. */
NODISCARD bool crypto_key_load(struct str pem, struct crypto_key **out, struct error *err);
void crypto_key_free(struct crypto_key *k);
struct str crypto_key_pem(struct arena *a, const struct crypto_key *k); /* PKCS #8; secret */
struct str crypto_key_alg(const struct crypto_key *k);                  /* "ES256" or "RS256" */
struct str crypto_key_id(const struct crypto_key *k);  /* RFC 7638 thumbprint */
struct str crypto_key_jwk(const struct crypto_key *k); /* the public half, a JSON object */
/* Somebody else's public key out of a JWK (RFC 7517), which is JSON: it can verify and nothing more. INVALID:
 * neither on P-256 nor RSA of 2048 bits or more, or not for signatures. */
NODISCARD bool crypto_jwk_load(struct str jwk, struct crypto_key **out, struct error *err);

/* -- tokens (RFC 7515, compact form) ----------------------------------------------------------- */

#define CRYPTO_JWT_MAX_BYTES       4096
#define CRYPTO_JWT_OTHER_MAX_BYTES ((size_t)16 << 10)

/* claims: a JSON object as text. The header is alg, kid and typ, no more. */
struct str crypto_jwt_sign(struct arena *a, const struct crypto_key *k, const char *typ,
                           struct str claims);

struct crypto_jwt { /* what it says; nothing of it is proven */
    struct str alg, typ, kid;
    struct str claims;      /* a JSON object as text */
    struct str signed_part; /* views of the token */
    struct str signature;
};
/* INVALID: not three parts of strict Base64, a header that is no JSON object or repeats a name, lacks
 * alg, kid or typ, or has crit. Members that carry or name keys (jwk, jku, x5c, …) are not looked at. */
NODISCARD bool crypto_jwt_parse(struct arena *a, struct str token, struct crypto_jwt *out,
                                struct error *err);
/* The signature is this key's, made by the key's own algorithm whatever the token says. */
bool crypto_jwt_verify(const struct crypto_jwt *t, const struct crypto_key *k);

/* A token that others made: longer, and kid and typ may be missing (empty). */
NODISCARD bool crypto_jwt_parse_other(struct arena *a, struct str token, struct crypto_jwt *out,
                                      struct error *err);
/* As crypto_jwt_verify(), under whatever name its owner gave the key. */
bool crypto_jwt_is_by(const struct crypto_jwt *t, const struct crypto_key *k);

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

/* A chain that a server showed, as far as it can be judged without knowing any authority. INVALID: not in order,
 * not valid at now_ms, not for this host, signed by itself, or its middle is missing. *out_end_ms: when its
 * first certificate expires. */
NODISCARD bool crypto_chain_check(struct str pem, struct str host, int64_t now_ms,
                                  int64_t *out_end_ms, struct error *err);

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

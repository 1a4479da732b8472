/* crypto_int.h - what the files of this folder share: keys as GnuTLS has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_CRYPTO_INT_H
#define CRYPTO_CRYPTO_INT_H

#include "crypto/crypto.h"

#include <gnutls/abstract.h>

#define CRYPTO_P256_BYTES 32 /* of a coordinate, and of each half of a signature */

struct crypto_key {
    gnutls_privkey_t private;
    gnutls_pubkey_t public;
    bool is_rsa;
    char *id;
    struct buf jwk;
};

/* Ends the program if rc says that the library failed where it cannot. */
void crypto_must(int rc, const char *what);

static inline void crypto_datum_free(gnutls_datum_t *d)
{
    gnutls_free(d->data);
}
#define AUTO_DATUM AUTO(crypto_datum_free) gnutls_datum_t

#endif

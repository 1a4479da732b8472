/*
 * password.c - argon2id by libsodium, at its "interactive" cost.
 *
 * 64 MB a guess is what makes a stolen database expensive to search. More would let a few log-ins at once
 * take the memory of a small machine.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(CRYPTO_PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "room for a hash");

/* What an unknown name is compared with: of a password that nobody knows any more. */
static const char nobody[CRYPTO_PASSWORD_HASH_MAX] =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
    "GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo";

static void be_ready(void)
{
    if (sodium_init() < 0) /* harmless if repeated, from any thread */
        abort();
}

bool crypto_password_hash(struct str password, char out[CRYPTO_PASSWORD_HASH_MAX],
                          struct error *err)
{
    be_ready();
    if (crypto_pwhash_str_alg(out, password.len ? password.ptr : "", password.len,
                              crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "not enough memory to hash a password");
    return true;
}

static bool is_equal(struct str password, const char *hash)
{
    return crypto_pwhash_str_verify(hash, password.len ? password.ptr : "", password.len) == 0;
}

bool crypto_password_check(struct str password, struct str hash)
{
    char text[CRYPTO_PASSWORD_HASH_MAX] = {0};

    be_ready();
    if (hash.len >= sizeof(text) || !str_starts(hash, STR(crypto_pwhash_STRPREFIX))) {
        (void)is_equal(password, nobody);
        return false;
    }
    memcpy(text, hash.ptr, hash.len);
    return is_equal(password, text);
}

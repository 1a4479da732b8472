/* identity.c - the content hash: what makes two texts the same memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "crypto/crypto.h"
#include "text/text.h"

struct str memory_hash(struct arena *a, struct str content)
{
    char hex[CRYPTO_SHA256_HEX];

    crypto_sha256_hex(text_lower(a, text_strip(content)), hex);
    return arena_dup(a, str_c(hex));
}

/*
 * pki.h - certificates for tests: made when asked for, of any authority, validity and name.
 *
 * Owner: everything is in the arena. Keys are on the curve P-256, which is quick to make.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct pki_pair { /* PEM */
    struct str certificate;
    struct str key;
};

struct pki_wish {
    const char *name;              /* host name; of an authority: its own */
    const struct pki_pair *issuer; /* NULL: signs itself */
    bool is_authority;
    int64_t begin_s, end_s; /* 0: an hour ago; in an hour */
};

struct pki_pair pki_make(struct arena *a, const struct pki_wish *wish);

#endif

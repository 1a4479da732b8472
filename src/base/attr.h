/*
 * attr.h - the compiler extensions that the project uses, each under one name.
 *
 * clang 14 rejects [[gnu::cleanup(f)]] in C17, hence __attribute__ throughout.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NODISCARD          __attribute__((warn_unused_result))
#define NORETURN           __attribute__((noreturn))
#define UNUSED             __attribute__((unused))

/* Runs f(&variable) when the variable goes out of scope. */
#define AUTO(f) __attribute__((cleanup(f)))

/* Moves a pointer out of a variable: the variable becomes NULL, the caller owns the value. */
#define STEAL(p)                                                                               \
    __extension__({                                                                            \
        __auto_type stolen_ = (p);                                                             \
        (p) = NULL;                                                                            \
        stolen_;                                                                               \
    })

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif

/*
 * vec.h - a growing array of any type, on the heap.
 *
 *     struct hits VEC(struct hit);        declares the fields ptr, len, cap
 *     VEC_PUSH(&hits, hit);
 *     VEC_DEINIT(&hits);
 *
 * Owner: the holder of the struct; a zeroed one is empty. Threads: whoever owns it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/alloc.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a type takes none. */
#define VEC(type)                                                                              \
    {                                                                                          \
        type *ptr;                                                                             \
        size_t len;                                                                            \
        size_t cap;                                                                            \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define VEC_RESERVE(v, n)                                                                      \
    do {                                                                                       \
        size_t want_ = (n);                                                                    \
        if (want_ > (v)->cap) {                                                                \
            size_t cap_ = MAX(MAX(want_, (v)->cap * 2), (size_t)8);                            \
            (v)->ptr = mem_grow((v)->ptr, cap_, sizeof(*(v)->ptr));                            \
            (v)->cap = cap_;                                                                   \
        }                                                                                      \
    } while (0)

#define VEC_PUSH(v, item)                                                                      \
    do {                                                                                       \
        VEC_RESERVE((v), (v)->len + 1);                                                        \
        (v)->ptr[(v)->len++] = (item);                                                         \
    } while (0)

#define VEC_DEINIT(v)                                                                          \
    do {                                                                                       \
        free((v)->ptr);                                                                        \
        (v)->ptr = NULL;                                                                       \
        (v)->len = (v)->cap = 0;                                                               \
    } while (0)

#endif

/*
 * kernels.h - the inner loops of putting and searching, chosen once for the processor at hand.
 *
 * They work on integers, or on single floats in a fixed way: every path gives the same bits.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_KERNELS_H
#define INDEX_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct index_kernels {
    const char *name;
    /* out[i] = in how many bits code i of n (n_words words each) differs from the query. */
    void (*distances)(const uint64_t *query, const uint64_t *codes, size_t n_words, size_t n,
                      uint16_t *out);
    /* The places of the n distances that are at most radius, in order; how many. out has room for n. */
    size_t (*within)(const uint16_t *distances, size_t n, uint16_t radius, uint16_t *out);
    /* n components as bytes: divided by *scale and rounded, the largest of them becoming 127. */
    void (*quantize)(const float *v, size_t n, int8_t *out, float *scale);
    /* The sum of a[i] * b[i]; fits for n up to 2^16. */
    int32_t (*dot)(const int8_t *a, const int8_t *b, size_t n);
};

const struct index_kernels *index_kernels_choose(void);
/* All that this processor can run, the portable one first. */
size_t index_kernels_all(const struct index_kernels *out[2]);

#endif

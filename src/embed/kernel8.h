/*
 * kernel8.h - the matrix product in 8 bits, one table per kind of processor.
 *
 * Inputs are bytes with a scale and a zero point for each row, found when the row is known; weights are
 * signed bytes with a scale for each output, found once when the model file is made:
 *
 *     in  = scale * (byte - zero)             byte 0..255
 *     out = scale * weight_scale * (sum of byte * weight - zero * sum of weights) + bias
 *
 * Sums are exact integers, and what follows them is computed in the same order everywhere, so every
 * table gives the same bits.
 *
 * AVX2 adds the products of two neighbours in 16 bits. So that this cannot saturate, the sizes of a
 * weight at an even place and of the next one add up to KERNEL8_PAIR_MAX at most: 255 * 128 fits.
 *
 * Threads  any; no kernel keeps anything.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_KERNEL8_H
#define EMBED_KERNEL8_H

#include <stddef.h>
#include <stdint.h>

#include "embed/kernel.h"

#define KERNEL8_STEP       4 /* inputs in one step; inner sizes are multiples of it */
#define KERNEL8_WEIGHT_MAX 127
#define KERNEL8_PAIR_MAX   128

/* Weights [inner][cols] as bytes: [cols / KERNEL_PANEL][inner / 4][KERNEL_PANEL][4]. */
struct weights8 {
    const int8_t *panels;
    const float *scales; /* [cols] */
    const int32_t *sums; /* [cols]: of each output's weights */
};

struct row8 {
    float scale;
    int32_t zero;
};

/* out[rows][cols] = in[rows][inner] * weights + bias */
struct matmul8 {
    const uint8_t *in; /* rows without gaps */
    const struct row8 *in_rows;
    size_t rows;
    size_t inner;
    struct weights8 weights;
    const float *bias;
    size_t cols; /* a multiple of KERNEL_PANEL */
    float *out;  /* rows without gaps */
};

struct kernels8 {
    const char *name; /* what embed_path_name() says */
    /* One row to bytes; one that holds no numbers to zeros. */
    struct row8 (*quantize)(const float *in, size_t n, uint8_t *out);
    void (*matmul)(const struct matmul8 *m);
};

/* For any processor; the oracle for the others, and slower than fp32. */
extern const struct kernels8 kernels8_portable;

/* NULL: fp32 is faster on this processor. */
const struct kernels8 *kernels8_best(void);

/* Every table that this processor can run, the slowest first. Returns how many. */
#define KERNELS8_MAX 3
size_t kernels8_all(const struct kernels8 *out[KERNELS8_MAX]);

#endif

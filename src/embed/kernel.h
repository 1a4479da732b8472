/*
 * kernel.h - the inner loops of the encoder, one table of them per kind of processor.
 *
 * kernel.c is plain C and is compiled several times with different flags; each time it yields one
 * table. kernels_best() chooses once, when a model is opened. This is the seam for faster paths: a
 * new one is a new table, and nothing above it changes.
 *
 * Shapes   matrices are rows of floats, `stride` floats apart. Weights come in panels: columns in
 *          groups of KERNEL_PANEL, each group [inner][KERNEL_PANEL], so that one pass over a panel
 *          reads memory strictly forwards.
 * Threads  any; no kernel keeps anything.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_KERNEL_H
#define EMBED_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KERNEL_PANEL 16 /* columns: one cache line of floats */

/* out[rows][cols] = in[rows][inner] * weights + bias */
struct matmul {
    const float *in;
    size_t in_stride;
    size_t rows;
    size_t inner;
    const float *panels; /* [cols / KERNEL_PANEL][inner][KERNEL_PANEL] */
    const float *bias;   /* [cols], or NULL for none */
    size_t cols;         /* a multiple of KERNEL_PANEL */
    float *out;          /* not part of in */
    size_t out_stride;
};

struct norm {
    const float *gain;
    const float *shift;
};

struct kernels {
    const char *name; /* what embed_path_name() says */
    void (*matmul)(const struct matmul *m);
    /* x = softmax(scale * x); each exponential, of 1 at most, within 3e-7. Of what holds no numbers all
     * parts are equal. */
    void (*softmax)(float *x, size_t n, float scale);
    /* x = x * Phi(x), the exact form of GELU; absolute error under 3e-7 for |x| <= 16. */
    void (*gelu)(float *x, size_t n);
    /* x = (x + add) brought to mean 0 and variance 1, times gain, plus shift. */
    void (*add_norm)(float *x, const float *add, const struct norm *norm, size_t n, float eps);
    /* Panels whose columns are the rows of in[rows][inner]; the last panel is filled up with zeros.
     * A product with them is one with the transpose of in. */
    void (*pack_rows)(const float *in, size_t stride, size_t rows, size_t inner, float *panels);
    /* Panels whose columns are the columns of in[rows][cols]; cols a multiple of KERNEL_PANEL. */
    void (*pack_cols)(const float *in, size_t stride, size_t rows, size_t cols, float *panels);
};

/* For any processor; the oracle for the others. */
extern const struct kernels kernels_portable;

const struct kernels *kernels_best(void); /* the fastest table that this processor can run */

/* Damaged weights can give any value. Kernels are compiled as if all were finite, so they look at bits. */

#define KERNEL_HUGE_BITS 0x7e000000u /* of 2^125: twice that is finite */

/* The bits of |x|: in the order of sizes, infinity and then NaN last. */
static inline uint32_t kernel_size_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits & 0x7fffffff;
}

/* Whether all are numbers below 2^125. */
static inline bool kernel_is_finite(const float *x, size_t n)
{
    uint32_t most = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits = kernel_size_bits(x[i]);

        most = bits > most ? bits : most;
    }
    return most < KERNEL_HUGE_BITS;
}

#endif

/*
 * kernel.c - see kernel.h. Compiled once per kind of processor; KERNELS names the table.
 *
 * Nothing here is written for one instruction set. Loops over single elements are left to the
 * compiler's vectoriser; this file alone is compiled with leave to reorder sums
 * (-fassociative-math and what it needs), without which a sum or maximum is never vectorised. Only
 * the matrix product names its vectors, as a GNU C vector type, because which values stay in
 * registers decides its speed: ROWS x VECS accumulators, the weights of one step, one input value.
 *
 * The product walks panel by panel, and within a panel over all rows, so that a weight comes from
 * memory once per text and then out of a cache near by: a panel has 24 KB at 384 inputs. Cutting the
 * long inner dimension of feed-forward to that size as well was tried, and gained nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/kernel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/attr.h"

#if defined(__AVX2__) && defined(__FMA__)
#define NAME  "fp32-avx2"
#define LANES 8
#define ROWS  6 /* 12 accumulators, 2 of weights, 1 of input: 15 of 16 registers */
#elif defined(__aarch64__)
#define NAME  "fp32-neon"
#define LANES 4
#define ROWS  6 /* 24 accumulators of 32 registers */
#else
#define NAME  "fp32-portable"
#define LANES 4
#define ROWS  3 /* 12 accumulators of 16 registers */
#endif

#define VECS       (KERNEL_PANEL / LANES)
#define LINE_BYTES (KERNEL_PANEL * sizeof(float)) /* of a panel's step: a cache line */

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
/* The same at any address of a float. */
typedef float vec_at __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

INLINE vec load(const float *from)
{
    return *(const vec_at *)from;
}

/* A few rows times one panel. */
struct tile {
    const float *in;
    const float *panel;
    const float *bias; /* of the panel's columns, or NULL */
    float *out;
    const char *next;       /* a stretch of the next panel, to be fetched on the way */
    size_t next_step_bytes; /* how far to go in it with each step in this one */
};

/* rows is a constant at every call, so that acc becomes registers. */
INLINE void matmul_tile(const struct matmul *m, const struct tile *t, size_t rows)
{
    const float *in = t->in, *panel = t->panel;
    const char *next = t->next;
    size_t stride = m->in_stride, next_step_bytes = t->next_step_bytes;
    vec acc[ROWS][VECS];

    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECS; v++)
            acc[r][v] = t->bias ? load(t->bias + v * LANES) : (vec){0};
    for (size_t k = 0; k < m->inner; k++) {
        vec w[VECS];

        __builtin_prefetch(next + k * next_step_bytes);
        for (size_t v = 0; v < VECS; v++)
            w[v] = load(panel + k * KERNEL_PANEL + v * LANES);
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < VECS; v++)
                acc[r][v] += w[v] * in[r * stride + k];
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECS; v++)
            *(vec_at *)(t->out + r * m->out_stride + v * LANES) = acc[r][v];
}

/* A tile of any height up to ROWS, each compiled for itself. */
static void matmul_rows(const struct matmul *m, const struct tile *t, size_t rows)
{
    switch (rows) {
    case 1:
        matmul_tile(m, t, 1);
        break;
    case 2:
        matmul_tile(m, t, 2);
        break;
    case 3:
        matmul_tile(m, t, 3);
        break;
#if ROWS > 3
    case 4:
        matmul_tile(m, t, 4);
        break;
    case 5:
        matmul_tile(m, t, 5);
        break;
    case 6:
        matmul_tile(m, t, 6);
        break;
#endif
    default:
        assert(0);
    }
}

/*
 * All rows times the panel of columns c on. The rows are dealt evenly: 32 rows are tiles of 6, 6, 5, 5,
 * 5, 5 and not five of 6 and one of 2, as a low tile waits for its few sums.
 *
 * Each tile fetches its share of the next panel, so that the memory works all the while and not only
 * during the first tile of each panel (32 tokens: 7.9 ms for 8.8). Behind the last panel lie, in a
 * model file, the weights that are used next; a fetch from nowhere does nothing.
 */
static void matmul_panel(const struct matmul *m, size_t c)
{
    const float *panel = m->panels + c * m->inner;
    const char *next = (const char *)(panel + m->inner * KERNEL_PANEL);
    size_t n_tiles = (m->rows + ROWS - 1) / ROWS;
    size_t r = 0;

    for (size_t i = 0; i < n_tiles; i++) {
        size_t rows = m->rows / n_tiles + (i < m->rows % n_tiles);
        const struct tile t = {
            .in = m->in + r * m->in_stride,
            .panel = panel,
            .bias = m->bias ? m->bias + c : NULL,
            .out = m->out + r * m->out_stride + c,
            .next = next + m->inner * i / n_tiles * LINE_BYTES,
            .next_step_bytes = LINE_BYTES / n_tiles,
        };

        matmul_rows(m, &t, rows);
        r += rows;
    }
}

static void matmul(const struct matmul *m)
{
    for (size_t c = 0; c < m->cols; c += KERNEL_PANEL)
        matmul_panel(m, c);
}

/*
 * e^x for x <= 0. With x = (n + f) ln 2, |f| <= 1/2: e^(f ln 2) by its Taylor series to the 6th power,
 * whose rest is under 1.3e-7, and 2^n by writing n into the exponent. Below -87, where 2^n would no
 * longer be a normal number, the result is that of -87, about 1.6e-38.
 *
 * The rounding of x / ln 2 makes the relative error grow with |x|, to 4e-6 at -80. What the callers
 * need is a small absolute one; and the usual cure, subtracting n ln 2 in two parts, is undone by the
 * leave to reorder sums.
 */
INLINE float exp_negative(float x)
{
    static const float log2e = 1.44269504f, ln2 = 0.693147181f;
    float t = (x > -87.0f ? x : -87.0f) * log2e;
    int n = (int)(t - 0.5f); /* to the nearest: t is negative, the cast cuts */
    float r = (t - (float)n) * ln2;
    float sum = 1.0f / 720;
    int bits = (n + 127) * (1 << 23);
    float power;

    sum = sum * r + 1.0f / 120;
    sum = sum * r + 1.0f / 24;
    sum = sum * r + 1.0f / 6;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    memcpy(&power, &bits, sizeof(power));
    return sum * power;
}

static void softmax(float *x, size_t n, float scale)
{
    float top = x[0], sum = 0;

    if (!kernel_is_finite(x, n)) {
        for (size_t i = 0; i < n; i++)
            x[i] = 1 / (float)n;
        return;
    }
    for (size_t i = 1; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_negative((x[i] - top) * scale);
        sum += x[i];
    }
    sum = 1 / sum;
    for (size_t i = 0; i < n; i++)
        x[i] *= sum;
}

/* |x|, at most 16: behind that the tail below is 0. What is no number counts as 16. */
INLINE float size_for_tail(float x)
{
    static const uint32_t most = 0x41800000; /* 16 */
    uint32_t bits = kernel_size_bits(x);
    float z;

    bits = bits < most ? bits : most;
    memcpy(&z, &bits, sizeof(z));
    return z;
}

/*
 * x Phi(x) = max(x, 0) - |x| Phi(-|x|), in which the left tail cancels nothing, with
 * Phi(-z) from Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17 (|error| < 7.5e-8).
 */
INLINE float gelu_one(float x)
{
    static const float b1 = 0.319381530f, b2 = -0.356563782f, b3 = 1.781477937f,
                       b4 = -1.821255978f, b5 = 1.330274429f, p = 0.2316419f;
    static const float inv_sqrt_2pi = 0.398942280f;
    float z = size_for_tail(x);
    float t = 1 / (1 + p * z);
    float tail = ((((b5 * t + b4) * t + b3) * t + b2) * t + b1) * t;

    tail *= inv_sqrt_2pi * exp_negative(-0.5f * z * z);
    return (x > 0 ? x : 0) - z * tail;
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = gelu_one(x[i]);
}

static void add_norm(float *x, const float *add, const struct norm *norm, size_t n, float eps)
{
    const float *gain = norm->gain, *shift = norm->shift;
    float mean = 0, variance = 0, scale;

    for (size_t i = 0; i < n; i++) {
        x[i] += add[i];
        mean += x[i];
    }
    mean /= (float)n;
    for (size_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    scale = 1 / sqrtf(variance / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - mean) * scale * gain[i] + shift[i];
}

static void pack_rows(const float *in, size_t stride, size_t rows, size_t inner, float *panels)
{
    for (size_t first = 0; first < rows; first += KERNEL_PANEL) {
        size_t n = MIN(rows - first, (size_t)KERNEL_PANEL);

        if (n < KERNEL_PANEL)
            memset(panels, 0, inner * KERNEL_PANEL * sizeof(*panels));
        for (size_t r = 0; r < n; r++)
            for (size_t k = 0; k < inner; k++)
                panels[k * KERNEL_PANEL + r] = in[(first + r) * stride + k];
        panels += inner * KERNEL_PANEL;
    }
}

static void pack_cols(const float *in, size_t stride, size_t rows, size_t cols, float *panels)
{
    for (size_t c = 0; c < cols; c += KERNEL_PANEL) {
        for (size_t r = 0; r < rows; r++) {
            memcpy(panels, in + r * stride + c, KERNEL_PANEL * sizeof(*panels));
            panels += KERNEL_PANEL;
        }
    }
}

extern const struct kernels KERNELS;
const struct kernels KERNELS = {
    .name = NAME,
    .matmul = matmul,
    .softmax = softmax,
    .gelu = gelu,
    .add_norm = add_norm,
    .pack_rows = pack_rows,
    .pack_cols = pack_cols,
};

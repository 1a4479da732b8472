/*
 * kernel8.c - see kernel8.h. Compiled once per kind of processor; KERNELS8 names the table.
 *
 * Where the fp32 product leaves its instructions to the compiler, this one cannot: the instructions
 * that multiply bytes and add neighbours have no counterpart in C. AVX2 multiplies 32 pairs of bytes
 * and adds neighbours in 16 bits, then widens; AVX-512 VNNI does all of it in one instruction on 64.
 *
 * Adding two such 16-bit vectors before widening was tried: a third faster, but it leaves weights
 * little more than 7 bits, and the worst of the parity texts then falls under a cosine of 0.99.
 *
 * As in kernel.c the product walks panel by panel, and within a panel over all rows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/kernel8.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"

#if defined(__AVX512VNNI__) && defined(__AVX512F__)
#define NAME "int8-vnni"
#define ROWS 8
#elif defined(__AVX2__)
#define NAME "int8-avx2"
/* 8 accumulators, 2 of weights, 1 of ones, 5 on the way: with 5 rows gcc runs out. */
#define ROWS 4
#else
#define NAME "int8-portable"
#define ROWS 5
#endif

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define TINY_RANGE 1e-30f /* of a row that is as good as zeros */

#define INLINE static inline __attribute__((always_inline))

/* A few rows times one panel. */
struct tile {
    const uint8_t *in;
    const struct row8 *in_rows;
    const int8_t *panel;
    size_t first_col;
};

/* out = scales * (sums - zero * weight sums) + bias, for one row and panel. Unsigned, because damaged
 * sums of weights may be too large. */
INLINE void finish(const struct matmul8 *m, const struct tile *t, size_t r, const int32_t *sum)
{
    const float *scales = m->weights.scales + t->first_col;
    const int32_t *sums = m->weights.sums + t->first_col;
    const float *bias = m->bias + t->first_col;
    size_t row = (size_t)(t->in_rows - m->in_rows) + r;
    float *out = m->out + row * m->cols + t->first_col;
    float scale = t->in_rows[r].scale;
    uint32_t zero = (uint32_t)t->in_rows[r].zero;

    for (size_t c = 0; c < KERNEL_PANEL; c++)
        out[c] = (float)(int32_t)((uint32_t)sum[c] - zero * (uint32_t)sums[c]) *
                     (scale * scales[c]) +
                 bias[c];
}

#if defined(__AVX2__)
INLINE int32_t four(const uint8_t *in)
{
    int32_t bytes;

    memcpy(&bytes, in, sizeof(bytes));
    return bytes;
}
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512F__)

INLINE void tile_sums(const struct matmul8 *m, const struct tile *t, size_t rows,
                      int32_t sums[ROWS][KERNEL_PANEL])
{
    __m512i acc[ROWS];

    for (size_t r = 0; r < rows; r++)
        acc[r] = _mm512_setzero_si512();
    for (size_t k = 0; k < m->inner; k += KERNEL8_STEP) {
        __m512i w = _mm512_loadu_si512(t->panel + k * KERNEL_PANEL);

        for (size_t r = 0; r < rows; r++)
            acc[r] = _mm512_dpbusd_epi32(acc[r],
                                         _mm512_set1_epi32(four(t->in + r * m->inner + k)), w);
    }
    for (size_t r = 0; r < rows; r++)
        _mm512_storeu_si512(sums[r], acc[r]);
}

#elif defined(__AVX2__)

INLINE __m256i load(const int8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

INLINE void store(int32_t *to, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)to, v);
}

/* Four bytes of input times the weights of eight outputs, added to each. */
INLINE __m256i dot(__m256i acc, __m256i in, __m256i w)
{
    __m256i pairs = _mm256_maddubs_epi16(in, w);

    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE void tile_sums(const struct matmul8 *m, const struct tile *t, size_t rows,
                      int32_t sums[ROWS][KERNEL_PANEL])
{
    __m256i left[ROWS],
        right[ROWS]; /* two halves of the panel: arrays of one dimension, which */
                     /* compilers turn into registers */
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
        left[r] = right[r] = _mm256_setzero_si256();
    for (size_t k = 0; k < m->inner; k += KERNEL8_STEP) {
        __m256i w0 = load(t->panel + k * KERNEL_PANEL);
        __m256i w1 = load(t->panel + k * KERNEL_PANEL + 32);

#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++) {
            __m256i in = _mm256_set1_epi32(four(t->in + r * m->inner + k));

            left[r] = dot(left[r], in, w0);
            right[r] = dot(right[r], in, w1);
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++) {
        store(sums[r], left[r]);
        store(sums[r] + 8, right[r]);
    }
}

#else

INLINE void tile_sums(const struct matmul8 *m, const struct tile *t, size_t rows,
                      int32_t sums[ROWS][KERNEL_PANEL])
{
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *in = t->in + r * m->inner;

        memset(sums[r], 0, sizeof(sums[r]));
        for (size_t k = 0; k < m->inner; k += KERNEL8_STEP) {
            const int8_t *w = t->panel + k * KERNEL_PANEL;

            for (size_t c = 0; c < KERNEL_PANEL; c++)
                for (size_t i = 0; i < 4; i++)
                    sums[r][c] += (int32_t)in[k + i] * w[c * 4 + i];
        }
    }
}

#endif

/* rows is a constant at every call, so that the accumulators become registers. */
INLINE void matmul_tile(const struct matmul8 *m, const struct tile *t, size_t rows)
{
    int32_t sums[ROWS][KERNEL_PANEL];

    tile_sums(m, t, rows, sums);
    for (size_t r = 0; r < rows; r++)
        finish(m, t, r, sums[r]);
}

/* A tile of any height up to ROWS, each compiled for itself. */
static void matmul_rows(const struct matmul8 *m, const struct tile *t, size_t rows)
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
    case 4:
        matmul_tile(m, t, 4);
        break;
#if ROWS > 4
    case 5:
        matmul_tile(m, t, 5);
        break;
#endif
#if ROWS > 5
    case 6:
        matmul_tile(m, t, 6);
        break;
    case 7:
        matmul_tile(m, t, 7);
        break;
    case 8:
        matmul_tile(m, t, 8);
        break;
#endif
    default:
        assert(0);
    }
}

/* All rows times the panel of columns first_col on, dealt evenly into tiles. */
static void matmul_panel(const struct matmul8 *m, size_t first_col)
{
    size_t n_tiles = (m->rows + ROWS - 1) / ROWS;
    size_t row = 0;

    for (size_t i = 0; i < n_tiles; i++) {
        size_t rows = m->rows / n_tiles + (i < m->rows % n_tiles);
        const struct tile t = {
            .in = m->in + row * m->inner,
            .in_rows = m->in_rows + row,
            .panel = m->weights.panels + first_col * m->inner,
            .first_col = first_col,
        };

        matmul_rows(m, &t, rows);
        row += rows;
    }
}

static void matmul(const struct matmul8 *m)
{
    assert(m->inner % KERNEL8_STEP == 0);
    for (size_t c = 0; c < m->cols; c += KERNEL_PANEL)
        matmul_panel(m, c);
}

/* The range of the row, made to include 0, over the 256 bytes. */
static struct row8 quantize(const float *in, size_t n, uint8_t *out)
{
    float least = 0, most = 0, scale, zero;

    for (size_t i = 0; i < n; i++) {
        least = in[i] < least ? in[i] : least;
        most = in[i] > most ? in[i] : most;
    }
    if (most - least < TINY_RANGE || !kernel_is_finite(in, n)) {
        memset(out, 0, n);
        return (struct row8){0, 0};
    }
    scale = 255 / (most - least);
    zero = (float)(int)(0.5f - least * scale);
    for (size_t i = 0; i < n; i++) {
        float byte = in[i] * scale + zero + 0.5f; /* the cast cuts; over 255 by rounding only */

        out[i] = (uint8_t)(int)(byte < 255 ? byte : 255);
    }
    return (struct row8){1 / scale, (int32_t)zero};
}

extern const struct kernels8 KERNELS8;
const struct kernels8 KERNELS8 = {.name = NAME, .quantize = quantize, .matmul = matmul};

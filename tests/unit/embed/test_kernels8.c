/*
 * test_kernels8.c - the product in 8 bits: exact sums, the same bits on every path, and what packing
 * promises to them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "embed/embed_int.h"
#include "tests/support/test.h"

static const struct kernels8 *paths[KERNELS8_MAX];
static size_t n_paths;

__attribute__((constructor)) static void find_paths(void)
{
    n_paths = kernels8_all(paths);
}

static uint32_t random_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Bell-shaped, as weights are: the sum of four even numbers. */
static float *weights_like(size_t n, uint64_t seed)
{
    float *x = NEW_ARRAY(float, n);

    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            x[i] += (float)random_next(&seed) / (float)(1u << 30) - 1;
    return x;
}

struct product { /* one input, quantized, and its weights */
    size_t rows, inner, cols;
    float *bias;
    uint8_t *in;
    struct row8 *in_rows;
    void *section;
    float *out;
};

static struct product product_new(size_t rows, size_t inner, size_t cols)
{
    struct product p = {
        .rows = rows,
        .inner = inner,
        .cols = cols,
        .bias = weights_like(cols, 3),
        .in = NEW_ARRAY(uint8_t, rows * inner),
        .in_rows = NEW_ARRAY(struct row8, rows),
        .section = NEW_ARRAY(char, quantized_bytes(inner, cols)),
        .out = NEW_ARRAY(float, rows *cols),
    };
    AUTO_FREE
    float *in = weights_like(rows * inner, 1);
    AUTO_FREE
    float *weights = weights_like(inner * cols, 2);
    AUTO_FREE
    float *panels = NEW_ARRAY(float, inner *cols);

    kernels_portable.pack_cols(weights, cols, inner, cols, panels);
    quantize_weights(panels, inner, cols, p.section);
    for (size_t r = 0; r < rows; r++)
        p.in_rows[r] = kernels8_portable.quantize(in + r * inner, inner, p.in + r * inner);
    return p;
}

static void product_free(struct product *p)
{
    free(p->bias);
    free(p->in);
    free(p->in_rows);
    free(p->section);
    free(p->out);
}

static void product_run(struct product *p, const struct kernels8 *k)
{
    k->matmul(&(struct matmul8){
        .in = p->in,
        .in_rows = p->in_rows,
        .rows = p->rows,
        .inner = p->inner,
        .weights = quantized_view(p->section, p->inner, p->cols),
        .bias = p->bias,
        .cols = p->cols,
        .out = p->out,
    });
}

static int weight_at(const struct weights8 *w, size_t inner, size_t k, size_t col)
{
    size_t panel = col / KERNEL_PANEL * KERNEL_PANEL * inner;

    return w->panels[panel + k / 4 * 4 * KERNEL_PANEL + col % KERNEL_PANEL * 4 + k % 4];
}

static float expected(const struct product *p, size_t r, size_t c)
{
    struct weights8 w = quantized_view(p->section, p->inner, p->cols);
    int32_t sum = 0;

    for (size_t k = 0; k < p->inner; k++)
        sum += ((int32_t)p->in[r * p->inner + k] - p->in_rows[r].zero) *
               weight_at(&w, p->inner, k, c);
    return (float)sum * (p->in_rows[r].scale * w.scales[c]) + p->bias[c];
}

TEST(every_path_gives_the_exact_sums)
{
    static const size_t rows[] = {1, 2, 4, 5, 6, 8, 9, 11, 17};
    static const size_t inners[] = {4, 16, 380, 384};

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(inners); j++) {
            AUTO(product_free) struct product p = product_new(rows[i], inners[j], 48);

            for (size_t path = 0; path < n_paths; path++) {
                size_t n_wrong = 0;

                product_run(&p, paths[path]);
                for (size_t at = 0; at < p.rows * p.cols; at++)
                    n_wrong += p.out[at] != expected(&p, at / p.cols, at % p.cols);
                CHECK_INT(n_wrong, 0);
            }
        }
    }
}

/* The largest bytes times the largest pairs: the sums that would saturate if any did. */
TEST(no_sum_saturates)
{
    AUTO(product_free) struct product p = product_new(5, 384, 32);
    struct weights8 w = quantized_view(p.section, p.inner, p.cols);
    int8_t *panels = p.section;

    memset(p.in, 255, p.rows * p.inner);
    for (size_t i = 0; i < p.inner * p.cols; i++)
        panels[i] = i / 2 % 2 ? (i % 2 ? 1 : KERNEL8_WEIGHT_MAX) : -KERNEL8_PAIR_MAX / 2;
    for (size_t path = 0; path < n_paths; path++) {
        product_run(&p, paths[path]);
        for (size_t c = 0; c < p.cols; c++) {
            int32_t sum = 0;

            for (size_t k = 0; k < p.inner; k++)
                sum += 255 * weight_at(&w, p.inner, k, c);
            sum -= p.in_rows[0].zero * w.sums[c];
            CHECK(p.out[c] == (float)sum * (p.in_rows[0].scale * w.scales[c]) + p.bias[c]);
        }
    }
}

TEST(every_path_rounds_a_row_alike)
{
    enum { N = 1536 };
    static const float scales[] = {1e-20f, 1e-3f, 1, 1e6f};
    AUTO_FREE
    float *in = weights_like(N, 7);
    uint8_t want[N], got[N];

    for (size_t i = 0; i < COUNT(scales); i++) {
        struct row8 row;

        for (size_t k = 0; k < N; k++)
            in[k] *= scales[i] / (i ? scales[i - 1] : 1);
        row = kernels8_portable.quantize(in, N, want);
        for (size_t k = 0; k < N; k++)
            CHECK_NEAR(row.scale * (float)(want[k] - row.zero), in[k], row.scale * 0.51f);
        for (size_t path = 1; path < n_paths; path++) {
            struct row8 other = paths[path]->quantize(in, N, got);

            CHECK(other.scale == row.scale && other.zero == row.zero);
            CHECK(memcmp(got, want, N) == 0);
        }
    }
}

TEST(odd_rows_are_bytes_too)
{
    static const float rows[][4] = {
        {0, 0, 0, 0}, {1, 2, 3, 4}, {-4, -3, -2, -1}, {-1, 0, 0, 1e-30f}, {5, 5, 5, 5}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t path = 0; path < n_paths; path++) {
            uint8_t bytes[4];
            struct row8 row = paths[path]->quantize(rows[i], 4, bytes);

            for (size_t k = 0; k < 4; k++)
                CHECK_NEAR(row.scale * (float)(bytes[k] - row.zero), rows[i][k],
                           row.scale * 0.51f);
        }
    }
}

/* They were cast to integers, which leaves open what comes out. */
TEST(a_row_of_what_is_no_number_is_zeros)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f};

    for (size_t i = 0; i < COUNT(odd); i++) {
        for (size_t path = 0; path < n_paths; path++) {
            const float in[] = {1, odd[i], -2, -3e38f};
            uint8_t bytes[] = {9, 9, 9, 9};
            struct row8 row = paths[path]->quantize(in, 4, bytes);

            CHECK(row.scale == 0 && row.zero == 0);
            CHECK(memcmp(bytes, "\0\0\0\0", 4) == 0);
        }
    }
}

/* The product of a zero point and a damaged sum of weights was more than an int32_t holds. */
TEST(damaged_sums_of_weights_overflow_harmlessly)
{
    AUTO(product_free) struct product p = product_new(2, 16, 16);
    struct weights8 w = quantized_view(p.section, p.inner, p.cols);

    memset((void *)(uintptr_t)w.sums, 0x7f, p.cols * sizeof(*w.sums));
    for (size_t path = 0; path < n_paths; path++) {
        product_run(&p, paths[path]);
        for (size_t at = 0; at < p.rows * p.cols; at++)
            CHECK(isfinite(p.out[at]));
    }
}

TEST(packed_weights_are_near_and_keep_to_their_limits)
{
    enum { INNER = 384, COLS = 32 };
    AUTO_FREE
    float *weights = weights_like(INNER * COLS, 5);
    AUTO_FREE
    float *panels = NEW_ARRAY(float, INNER *COLS);
    AUTO_FREE
    char *section = NEW_ARRAY(char, quantized_bytes(INNER, COLS));
    struct weights8 w = quantized_view(section, INNER, COLS);

    for (size_t k = 0; k < INNER; k++)
        weights[k * COLS] = 0; /* an output without weights */
    kernels_portable.pack_cols(weights, COLS, INNER, COLS, panels);
    quantize_weights(panels, INNER, COLS, section);
    for (size_t c = 0; c < COLS; c++) {
        double error = 0, size = 0;
        int32_t sum = 0;

        for (size_t k = 0; k < INNER; k++) {
            int byte = weight_at(&w, INNER, k, c);
            double exact = (double)weights[k * COLS + c],
                   d = exact - (double)w.scales[c] * byte;

            sum += byte;
            error += d * d;
            size += exact * exact;
            if (k % 2)
                CHECK(abs(byte) + abs(weight_at(&w, INNER, k - 1, c)) <= KERNEL8_PAIR_MAX);
        }
        CHECK_INT(w.sums[c], sum);
        CHECK(error <= size * 1e-3);
    }
}

TEST_MAIN()

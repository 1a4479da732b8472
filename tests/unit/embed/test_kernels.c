/*
 * test_kernels.c - every path of the kernels against the plainest loops, in double.
 *
 * Sizes are chosen around the tiles: one row, one less and one more than a tile, several; inner sizes
 * under and over a stretch.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/alloc.h"
#include "embed/embed_int.h"
#include "tests/support/test.h"

static const struct kernels *paths[2];
static size_t n_paths;

__attribute__((constructor)) static void find_paths(void)
{
    paths[n_paths++] = &kernels_portable;
    if (kernels_best() != &kernels_portable)
        paths[n_paths++] = kernels_best();
}

/* Even numbers in [-1, 1), the same in every run. */
static float *numbers(size_t n, uint64_t seed)
{
    float *x = NEW_ARRAY(float, n);

    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(seed >> 40) / (float)(1 << 23) - 1;
    }
    return x;
}

static void check_matmul(const struct kernels *k, size_t rows, size_t inner, size_t cols,
                         bool has_bias)
{
    size_t in_stride = inner + 3, out_stride = cols + 5;
    AUTO_FREE
    float *in = numbers(rows * in_stride, 1);
    AUTO_FREE
    float *weights = numbers(inner * cols, 2);
    AUTO_FREE
    float *bias = numbers(cols, 3);
    AUTO_FREE
    float *panels = NEW_ARRAY(float, inner *cols);
    AUTO_FREE
    float *out = numbers(rows * out_stride, 4);
    double worst = 0;
    float beyond = out[cols];
    struct matmul m = {
        .in = in,
        .in_stride = in_stride,
        .rows = rows,
        .inner = inner,
        .panels = panels,
        .bias = has_bias ? bias : NULL,
        .cols = cols,
        .out = out,
        .out_stride = out_stride,
    };

    k->pack_cols(weights, cols, inner, cols, panels);
    k->matmul(&m);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < cols; c++) {
            double want = has_bias ? (double)bias[c] : 0;

            for (size_t i = 0; i < inner; i++)
                want += (double)in[r * in_stride + i] * (double)weights[i * cols + c];
            worst = fmax(worst, fabs((double)out[r * out_stride + c] - want));
        }
    }
    CHECK_NEAR(worst, 0, 1e-7 * (double)inner + 1e-6);
    CHECK(out[cols] == beyond); /* what lies between rows is left alone */
}

TEST(matmul_is_the_plain_product)
{
    static const size_t rows[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 32};
    static const size_t inners[] = {1, 16, 383, 384, 385, 800};

    for (size_t p = 0; p < n_paths; p++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            for (size_t j = 0; j < COUNT(inners); j++) {
                check_matmul(paths[p], rows[i], inners[j], KERNEL_PANEL, true);
                check_matmul(paths[p], rows[i], inners[j], 3 * KERNEL_PANEL, false);
            }
        }
    }
}

TEST(rows_packed_are_the_transpose)
{
    for (size_t p = 0; p < n_paths; p++) {
        for (size_t rows = 1; rows < 40; rows += 6) {
            enum { INNER = 5, STRIDE = 9 };
            AUTO_FREE
            float *in = numbers(rows * STRIDE, rows);
            size_t padded = (rows + KERNEL_PANEL - 1) / KERNEL_PANEL * KERNEL_PANEL;
            AUTO_FREE
            float *panels = numbers(padded * INNER, 7);
            size_t n_wrong = 0;

            paths[p]->pack_rows(in, STRIDE, rows, INNER, panels);
            for (size_t c = 0; c < padded; c++) {
                for (size_t i = 0; i < INNER; i++) {
                    float want = c < rows ? in[c * STRIDE + i] : 0;

                    n_wrong += panels[(c / KERNEL_PANEL * INNER + i) * KERNEL_PANEL +
                                      c % KERNEL_PANEL] != want;
                }
            }
            CHECK_INT(n_wrong, 0);
        }
    }
}

TEST(gelu_is_exact_to_3e_7)
{
    enum { N = 64001 }; /* -16 to 16 by 1/2000 */

    for (size_t p = 0; p < n_paths; p++) {
        AUTO_FREE
        float *x = NEW_ARRAY(float, N);
        double worst = 0;

        for (size_t i = 0; i < N; i++)
            x[i] = (float)((double)i / 2000 - 16);
        paths[p]->gelu(x, N);
        for (size_t i = 0; i < N; i++) {
            double at = (double)(float)((double)i / 2000 - 16);
            double want = 0.5 * at * erfc(-at / sqrt(2));

            /* the last digit of a large result is worth more than 3e-7 */
            worst = fmax(worst, fabs((double)x[i] - want) / fmax(1, fabs(want)));
        }
        CHECK_NEAR(worst, 0, 3e-7);
    }
}

/* softmax(0, x) is (1, e^x) over their sum, so that the quotient shows the exponential alone. */
TEST(exponentials_are_exact_to_3e_7)
{
    for (size_t p = 0; p < n_paths; p++) {
        double worst = 0;

        for (int i = 0; i < 80000; i++) {
            float x = (float)-i / 1000, y[2] = {0, x};
            double want = exp((double)x);

            paths[p]->softmax(y, 2, 1);
            worst = fmax(worst, fabs((double)y[1] / (double)y[0] - want));
        }
        CHECK_NEAR(worst, 0, 3e-7);
    }
}

static void check_softmax(const struct kernels *k, size_t n, float scale, float spread)
{
    AUTO_FREE
    float *x = numbers(n, n);
    AUTO_FREE
    double *want = NEW_ARRAY(double, n);
    double sum = 0, top = -INFINITY, worst = 0;

    for (size_t i = 0; i < n; i++) {
        x[i] *= spread;
        top = fmax(top, (double)x[i] * (double)scale);
    }
    for (size_t i = 0; i < n; i++) {
        want[i] = exp((double)x[i] * (double)scale - top);
        sum += want[i];
    }
    k->softmax(x, n, scale);
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)x[i] - want[i] / sum));
    CHECK_NEAR(worst, 0, 1e-6);
}

TEST(softmax_is_the_plain_one)
{
    for (size_t p = 0; p < n_paths; p++) {
        for (size_t n = 1; n < 70; n++) {
            check_softmax(paths[p], n, 0.17677669f, 10);
            check_softmax(paths[p], n, 1, 500); /* most vanish */
        }
    }
}

static void check_add_norm(const struct kernels *k, size_t n)
{
    AUTO_FREE
    float *x = numbers(n, 1), *before = numbers(n, 1), *add = numbers(n, 2);
    AUTO_FREE
    float *gain = numbers(n, 3), *shift = numbers(n, 4);
    const struct norm norm = {gain, shift};
    double mean = 0, variance = 0, worst = 0;

    for (size_t i = 0; i < n; i++)
        mean += ((double)before[i] + (double)add[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        variance += pow((double)before[i] + (double)add[i] - mean, 2) / (double)n;
    k->add_norm(x, add, &norm, n, 1e-12f);
    for (size_t i = 0; i < n; i++) {
        double want = ((double)before[i] + (double)add[i] - mean) / sqrt(variance + 1e-12) *
                          (double)gain[i] +
                      (double)shift[i];

        worst = fmax(worst, fabs((double)x[i] - want));
    }
    CHECK_NEAR(worst, 0, 2e-6);
}

/* Damaged weights lead to such rows; a cast of what no integer can hold could give anything. */
TEST(rows_of_what_is_no_number_are_harmless)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f};

    for (size_t path = 0; path < n_paths; path++) {
        for (size_t i = 0; i < COUNT(odd); i++) {
            float x[] = {1, odd[i], 2, 3}, y[] = {-1, odd[i], 0, 1};

            paths[path]->softmax(x, COUNT(x), 0.5f);
            for (size_t k = 0; k < COUNT(x); k++)
                CHECK(x[k] == 0.25f);
            paths[path]->gelu(y, COUNT(y));
            CHECK_NEAR(y[0], -0.158655f, 3e-7f);
            CHECK_NEAR(y[3], 0.841345f, 3e-7f);
        }
    }
}

TEST(add_norm_is_the_plain_one)
{
    for (size_t p = 0; p < n_paths; p++) {
        for (size_t n = 16; n <= 400; n += 16)
            check_add_norm(paths[p], n);
    }
}

TEST(a_row_without_variance_is_its_shift)
{
    for (size_t p = 0; p < n_paths; p++) {
        float x[16] = {0}, add[16] = {0}, gain[16] = {0}, shift[16];
        const struct norm norm = {gain, shift};

        for (size_t i = 0; i < 16; i++) {
            gain[i] = 2;
            shift[i] = (float)i;
        }
        paths[p]->add_norm(x, add, &norm, 16, 1e-12f);
        for (size_t i = 0; i < 16; i++)
            CHECK_NEAR((double)x[i], (double)i, 1e-6);
    }
}

TEST_MAIN()

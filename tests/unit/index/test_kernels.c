/* test_kernels.c - every path that this processor can run gives the same bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "tests/support/test.h"

#define N_MAX 1024

static uint64_t state = 1;

static uint64_t random_bits(void) /* xorshift64*, Vigna 2016 */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

TEST(distances_count_the_bits_that_differ)
{
    static const size_t widths[] = {1, 2, 3, 6, 7, 12, 64};
    const struct index_kernels *all[2];
    size_t n_all = index_kernels_all(all);
    uint64_t query[64], codes[64 * 5];

    for (size_t i = 0; i < COUNT(widths); i++) {
        uint16_t got[2][5];

        for (size_t k = 0; k < COUNT(query); k++)
            query[k] = random_bits();
        for (size_t k = 0; k < COUNT(codes); k++)
            codes[k] = random_bits();
        memcpy(codes, query,
               sizeof(query)); /* the first is the query itself, the second its opposite */
        for (size_t k = 0; k < widths[i]; k++)
            codes[widths[i] + k] = ~query[k];
        for (size_t k = 0; k < n_all; k++)
            all[k]->distances(query, codes, widths[i], 5, got[k]);
        CHECK_INT(got[0][0], 0);
        CHECK_INT(got[0][1], 64 * widths[i]);
        CHECK(memcmp(got[0], got[n_all - 1], sizeof(got[0])) == 0);
    }
}

TEST(places_within_a_radius_are_those_of_a_plain_loop)
{
    const struct index_kernels *all[2];
    size_t n_all = index_kernels_all(all);
    uint16_t distances[N_MAX], want[N_MAX], got[N_MAX];

    for (size_t n = 0; n <= N_MAX; n = n * 5 / 4 + 1) {
        uint16_t radius = (uint16_t)(random_bits() % 400);
        size_t n_want = 0;

        for (size_t i = 0; i < n; i++) {
            distances[i] = (uint16_t)(random_bits() % (n % 2 ? 65536 : 400));
            if (distances[i] <= radius)
                want[n_want++] = (uint16_t)i;
        }
        for (size_t k = 0; k < n_all; k++) {
            REQUIRE(CHECK_INT(all[k]->within(distances, n, radius, got), n_want));
            CHECK(n_want == 0 || memcmp(got, want, n_want * sizeof(want[0])) == 0);
        }
    }
}

TEST(dots_are_sums_of_products)
{
    const struct index_kernels *all[2];
    size_t n_all = index_kernels_all(all);
    int8_t a[N_MAX], b[N_MAX];

    for (size_t n = 1; n <= N_MAX; n = n * 3 / 2 + 1) {
        int32_t sum = 0;

        for (size_t i = 0; i < n; i++) {
            a[i] = (int8_t)(random_bits() % 255 - 127);
            b[i] = (int8_t)(random_bits() % 255 - 127);
            sum += a[i] * b[i];
        }
        for (size_t k = 0; k < n_all; k++)
            CHECK_INT(all[k]->dot(a, b, n), sum);
    }
    memset(a, -128, sizeof(a));
    for (size_t k = 0; k < n_all; k++)
        CHECK_INT(all[k]->dot(a, a, N_MAX), N_MAX * 16384);
}

TEST(bytes_are_the_components_by_their_scale)
{
    const struct index_kernels *all[2];
    size_t n_all = index_kernels_all(all);
    float v[N_MAX], scale[2];
    int8_t bytes[2][N_MAX];

    for (size_t n = 1; n <= N_MAX; n = n * 3 / 2 + 1) {
        for (size_t i = 0; i < n; i++)
            v[i] = (float)((double)(random_bits() % 2001) - 1000) / 5000;
        for (size_t k = 0; k < n_all; k++)
            all[k]->quantize(v, n, bytes[k], &scale[k]);
        CHECK(memcmp(bytes[0], bytes[n_all - 1], n) == 0 && scale[0] == scale[n_all - 1]);
        for (size_t i = 0; i < n; i++)
            CHECK_NEAR((float)bytes[0][i] * scale[0], v[i], scale[0] * 0.501f);
    }
    memset(v, 0, sizeof(v));
    for (size_t k = 0; k < n_all; k++) {
        all[k]->quantize(v, N_MAX, bytes[k], &scale[k]);
        CHECK_NEAR(scale[k], 0, 0);
        CHECK_INT(bytes[k][N_MAX - 1], 0);
    }
}

TEST_MAIN()

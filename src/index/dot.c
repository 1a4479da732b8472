/*
 * dot.c - see dot.h. LANES partial sums let the compiler use whole vector registers, which it may not do
 * with one sum in strict floating point.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/dot.h"

#include "base/attr.h"

#define LANES 32

__attribute__((always_inline)) static inline float dot_lanes(const float *a, const float *b,
                                                             size_t dim)
{
    float sums[LANES] = {0};
    float sum = 0;
    size_t i = 0;

    for (; i + LANES <= dim; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            sums[k] += a[i + k] * b[i + k];
    }
    for (; i < dim; i++)
        sum += a[i] * b[i];
    for (size_t k = 0; k < LANES; k++)
        sum += sums[k];
    return sum;
}

float dot_portable(const float *a, const float *b, size_t dim)
{
    return dot_lanes(a, b, dim);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static float dot_avx2(const float *a, const float *b,
                                                          size_t dim)
{
    return dot_lanes(a, b, dim);
}
#endif

float (*dot_choose(void))(const float *a, const float *b, size_t dim)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return dot_avx2;
#endif
    return dot_portable;
}

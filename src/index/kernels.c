/*
 * kernels.c - see kernels.h. Plain loops, compiled once more for processors that count bits and multiply
 * bytes in one instruction; the compiler does the rest.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/kernels.h"

#include <math.h>
#include <stdbool.h>

#include "base/attr.h"

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

/* The processor's own reading ahead ends with each page. Beyond the last code it does no harm. */
#define READ_AHEAD 4096

ALWAYS_INLINE void distances_of(const uint64_t *query, const uint64_t *codes, size_t n_words,
                                size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t *code = codes + i * n_words;
        int sum = 0;

        __builtin_prefetch((const void *)((uintptr_t)code + READ_AHEAD));
        for (size_t k = 0; k < n_words; k++)
            sum += __builtin_popcountll(query[k] ^ code[k]);
        out[i] = (uint16_t)sum;
    }
}

/* The usual model's dimension: a fixed number lets the compiler unroll. */
#define WORDS_OF_384 6

ALWAYS_INLINE void distances_any(const uint64_t *query, const uint64_t *codes, size_t n_words,
                                 size_t n, uint16_t *out)
{
    if (n_words == WORDS_OF_384)
        distances_of(query, codes, WORDS_OF_384, n, out);
    else
        distances_of(query, codes, n_words, n, out);
}

#define GROUP 32 /* distances that are looked at together: few have one within a usual radius */

ALWAYS_INLINE bool is_any_within(const uint16_t *distances, uint16_t radius)
{
    uint16_t any = 0;

    for (size_t k = 0; k < GROUP; k++)
        any |= (uint16_t)(distances[k] <= radius);
    return any != 0;
}

ALWAYS_INLINE size_t within_of(const uint16_t *distances, size_t n, uint16_t radius,
                               uint16_t *out)
{
    size_t n_out = 0;

    for (size_t from = 0; from < n; from += GROUP) {
        if (n - from >= GROUP && !is_any_within(distances + from, radius))
            continue;
        for (size_t i = from; i < MIN(n, from + GROUP); i++) {
            out[n_out] = (uint16_t)i; /* without a branch: there is room for all */
            n_out += distances[i] <= radius;
        }
    }
    return n_out;
}

ALWAYS_INLINE int32_t dot_of(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

#define BYTE_MAX 127.0f
#define LANES    16 /* partial maxima, so that the compiler may use whole registers */

ALWAYS_INLINE float largest_of(const float *v, size_t n)
{
    float lanes[LANES] = {0}, largest = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            lanes[k] = fabsf(v[i + k]) > lanes[k] ? fabsf(v[i + k]) : lanes[k];
    }
    for (; i < n; i++)
        largest = MAX(largest, fabsf(v[i]));
    for (size_t k = 0; k < LANES; k++)
        largest = MAX(largest, lanes[k]);
    return largest;
}

ALWAYS_INLINE void quantize_of(const float *v, size_t n, int8_t *out, float *scale)
{
    float largest = largest_of(v, n);
    float inverse = largest > 0 ? BYTE_MAX / largest : 0;

    *scale = largest / BYTE_MAX;
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)(v[i] * inverse + (v[i] < 0 ? -0.5f : 0.5f));
}

/* -- portable ---------------------------------------------------------------------------------- */

static void distances_portable(const uint64_t *query, const uint64_t *codes, size_t n_words,
                               size_t n, uint16_t *out)
{
    distances_any(query, codes, n_words, n, out);
}

static size_t within_portable(const uint16_t *distances, size_t n, uint16_t radius,
                              uint16_t *out)
{
    return within_of(distances, n, radius, out);
}

static int32_t dot_portable(const int8_t *a, const int8_t *b, size_t n)
{
    return dot_of(a, b, n);
}

static void quantize_portable(const float *v, size_t n, int8_t *out, float *scale)
{
    quantize_of(v, n, out, scale);
}

static const struct index_kernels portable = {"portable", distances_portable, within_portable,
                                              quantize_portable, dot_portable};

/* -- AVX2 -------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt"))) static void distances_avx2(const uint64_t *query,
                                                                  const uint64_t *codes,
                                                                  size_t n_words, size_t n,
                                                                  uint16_t *out)
{
    distances_any(query, codes, n_words, n, out);
}

__attribute__((target("avx2"))) static size_t within_avx2(const uint16_t *distances, size_t n,
                                                          uint16_t radius, uint16_t *out)
{
    return within_of(distances, n, radius, out);
}

__attribute__((target("avx2"))) static int32_t dot_avx2(const int8_t *a, const int8_t *b,
                                                        size_t n)
{
    return dot_of(a, b, n);
}

__attribute__((target("avx2"))) static void quantize_avx2(const float *v, size_t n, int8_t *out,
                                                          float *scale)
{
    quantize_of(v, n, out, scale);
}

static const struct index_kernels avx2 = {"avx2", distances_avx2, within_avx2, quantize_avx2,
                                          dot_avx2};
#endif

size_t index_kernels_all(const struct index_kernels *out[2])
{
    out[0] = &portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
        out[1] = &avx2;
        return 2;
    }
#endif
    return 1;
}

const struct index_kernels *index_kernels_choose(void)
{
    const struct index_kernels *all[2];

    return all[index_kernels_all(all) - 1];
}

/* kernels.c - which of the tables that the kernels were compiled to suit this processor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/kernel8.h"

#include "base/attr.h"

#ifdef EMBED_HAS_AVX2
extern const struct kernels kernels_avx2;
extern const struct kernels8 kernels8_avx2, kernels8_vnni;
#endif

const struct kernels *kernels_best(void)
{
#ifdef EMBED_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &kernels_avx2;
#endif
    return &kernels_portable;
}

size_t kernels8_all(const struct kernels8 *out[KERNELS8_MAX])
{
    const struct kernels8 *all[KERNELS8_MAX] = {
        &kernels8_portable,
#ifdef EMBED_HAS_AVX2
        __builtin_cpu_supports("avx2") ? &kernels8_avx2 : NULL,
        __builtin_cpu_supports("avx512vnni") ? &kernels8_vnni : NULL,
#endif
    };
    size_t n = 0;

    for (size_t i = 0; i < KERNELS8_MAX; i++) {
        if (all[i])
            out[n++] = all[i];
    }
    return n;
}

const struct kernels8 *kernels8_best(void)
{
    const struct kernels8 *all[KERNELS8_MAX];
    size_t n = kernels8_all(all);

    return all[n - 1] == &kernels8_portable ? NULL : all[n - 1];
}

/* kernels.c - which of the tables that kernel.c was compiled to suits this processor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/kernel.h"

#ifdef EMBED_HAS_AVX2
extern const struct kernels kernels_avx2;
#endif

const struct kernels *kernels_best(void)
{
#ifdef EMBED_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &kernels_avx2;
#endif
    return &kernels_portable;
}

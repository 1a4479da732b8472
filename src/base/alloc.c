/* alloc.c - see alloc.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdio.h>

void mem_abort(void)
{
    fputs("level=error event=out_of_memory\n", stderr);
    abort();
}

void *mem_alloc(size_t n, size_t size)
{
    void *ptr = calloc(n ? n : 1, size ? size : 1);

    if (!ptr)
        mem_abort();
    return ptr;
}

void *mem_grow(void *ptr, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        mem_abort();
    ptr = realloc(ptr, bytes ? bytes : 1);
    if (!ptr)
        mem_abort();
    return ptr;
}

char *mem_dup(struct str s)
{
    char *copy = mem_alloc(s.len + 1, 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

/* arena.c - see arena.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/alloc.h"

#define ARENA_FIRST_BYTES ((size_t)1024)      /* of thousands of idle streams, two each */
#define ARENA_BLOCK_BYTES ((size_t)16 * 1024) /* a typical search request fits in one or two */
#define ARENA_ALIGN       alignof(max_align_t)

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SINGLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SINGLE 1
#endif
#endif
#ifndef ARENA_SINGLE
#define ARENA_SINGLE 0
#endif

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t cap;
    alignas(max_align_t) char bytes[];
};

void arena_deinit(struct arena *a)
{
    while (a->head) {
        struct arena_block *next = a->head->next;

        free(a->head);
        a->head = next;
    }
}

static struct arena_block *add_block(struct arena *a, size_t bytes)
{
    size_t least = ARENA_SINGLE ? 1 : a->head ? ARENA_BLOCK_BYTES : ARENA_FIRST_BYTES;
    size_t cap = MAX(bytes, least);
    struct arena_block *block = mem_alloc(1, sizeof(*block) + cap);

    block->cap = cap;
    if (a->head && cap > ARENA_BLOCK_BYTES) { /* a large one: keep filling the block in front */
        block->next = a->head->next;
        a->head->next = block;
    } else {
        block->next = a->head;
        a->head = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
    struct arena_block *block = a->head;
    size_t bytes;
    void *ptr;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
        return mem_alloc(n, size); /* overflows there too, and aborts */
    if (!ARENA_SINGLE)
        bytes = (bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (ARENA_SINGLE || !block || block->cap - block->used < bytes)
        block = add_block(a, bytes);
    ptr = block->bytes + block->used;
    block->used += bytes;
    return ptr;
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1, 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

struct str arena_dup(struct arena *a, struct str s)
{
    return str_n(arena_cstr(a, s), s.len);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, measure;
    char *text;
    int n;

    va_start(args, fmt);
    va_copy(measure, args);
    n = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    n = n < 0 ? 0 : n;
    text = arena_alloc(a, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return str_n(text, (size_t)n);
}

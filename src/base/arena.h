/*
 * arena.h - memory that lives exactly as long as one request.
 *
 * Allocations come from blocks and are freed whole at the end; there is no single free. Everything
 * returned is zeroed and aligned for any type. Under AddressSanitizer each allocation is a malloc of
 * its own, so that an overrun shows.
 *
 * Owner    a zeroed struct arena is empty and ready; arena_deinit() frees everything.
 * Threads  whoever owns it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head;
};

#define AUTO_ARENA AUTO(arena_deinit) struct arena

void arena_deinit(struct arena *a);

void *arena_alloc(struct arena *a, size_t n, size_t size); /* zeroed; n * size is checked */
struct str arena_dup(struct arena *a, struct str s);       /* a copy with a NUL behind it */
char *arena_cstr(struct arena *a, struct str s);           /* the same, as a C string */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

#define ARENA_NEW(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type)))

#endif

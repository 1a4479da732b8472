/*
 * alloc.h - heap memory that is there or ends the program.
 *
 * Out of memory aborts here and only here. So that no input can cause it, every buffer, queue, body
 * and list has a named limit; what remains is a machine with nothing left, where dying with the
 * database intact (it is transactional) beats limping on.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/str.h"

void *mem_alloc(size_t n, size_t size) __attribute__((malloc)); /* zeroed, n * size checked */
void *mem_grow(void *ptr, size_t n, size_t size); /* realloc; new part undefined */
NORETURN void mem_abort(void); /* for libraries that return "no memory" to us */
char *mem_dup(struct str s) __attribute__((malloc)); /* with a NUL behind it */

#define NEW(type)          ((type *)mem_alloc(1, sizeof(type)))
#define NEW_ARRAY(type, n) ((type *)mem_alloc((n), sizeof(type)))

/* For AUTO(): frees what the pointer variable points to. */
static inline void auto_free(void *variable)
{
    void *ptr;

    memcpy(&ptr, variable, sizeof(ptr));
    free(ptr);
}
#define AUTO_FREE AUTO(auto_free)

#endif

/*
 * buf.h - one growing string of bytes with a maximum.
 *
 * A zeroed struct buf is empty and has no maximum of its own. With max set, an append that would
 * pass it appends nothing and sets is_full, which stays set: a writer may write many pieces and ask
 * once at the end. What is in the buffer is then still whole pieces.
 *
 * Owner    the holder of the struct; buf_deinit() frees, and takes a zeroed one.
 * Threads  whoever owns it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* 0: none */
    bool is_full;
};

#define AUTO_BUF AUTO(buf_deinit) struct buf

void buf_deinit(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory and max */

void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF(2, 0);

/* Makes room for n more bytes at ptr + len, to be filled by the caller, who then adds to len.
 * NULL, and is_full set, if max forbids it. */
char *buf_room(struct buf *b, size_t n);

void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */
void buf_truncate(struct buf *b, size_t len); /* back to len, at most what it holds */

static inline struct str buf_str(const struct buf *b) /* a view until the next change */
{
    return (struct str){b->ptr, b->len};
}

const char *buf_cstr(struct buf *b); /* NUL-terminated view; the NUL is not in len */

#endif

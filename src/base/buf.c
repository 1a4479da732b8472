/* buf.c - see buf.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"

#define BUF_MIN_BYTES 64

void buf_deinit(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->is_full = false;
}

char *buf_room(struct buf *b, size_t n)
{
    size_t want = b->len + n;

    if (want < n || (b->max && want > b->max)) {
        b->is_full = true;
        return NULL;
    }
    if (want + 1 > b->cap) { /* one spare byte for buf_cstr() */
        b->cap = MAX(MAX(want + 1, b->cap + b->cap / 2), BUF_MIN_BYTES);
        b->ptr = mem_grow(b->ptr, b->cap, 1);
    }
    return b->ptr + b->len;
}

void buf_add(struct buf *b, struct str s)
{
    char *to = buf_room(b, s.len);

    if (!to || s.len == 0)
        return;
    memcpy(to, s.ptr, s.len);
    b->len += s.len;
}

void buf_add_c(struct buf *b, const char *s)
{
    buf_add(b, str_c(s));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, str_n(&c, 1));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list measure;
    int n;
    char *to;

    va_copy(measure, args);
    n = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    assert(n >= 0);
    to = buf_room(b, (size_t)n);
    if (!to)
        return;
    vsnprintf(to, (size_t)n + 1, fmt, args);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_drop_front(struct buf *b, size_t n)
{
    n = MIN(n, b->len);
    if (n == 0)
        return;
    memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
}

void buf_truncate(struct buf *b, size_t len)
{
    b->len = MIN(len, b->len);
}

const char *buf_cstr(struct buf *b)
{
    if (!b->ptr)
        return "";
    b->ptr[b->len] = '\0'; /* buf_room() always leaves this byte */
    return b->ptr;
}

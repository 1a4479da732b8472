/*
 * stdio_lines.c - the line reader of the stdio transport.
 *
 * The same bytes are read once whole and once in pieces, whose size is the first byte. Both must
 * give the same lines, none longer than the limit.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include <stdlib.h>

#define MAX_LINE 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Writes each line and its end to out, and a NUL for one that was too long. */
static void take_lines(struct lines *l, struct buf *out)
{
    struct str line;
    enum lines_next got;

    while ((got = lines_next(l, &line)) != LINES_NONE) {
        if (got == LINES_TOO_LONG) {
            buf_add_char(out, '\0');
            continue;
        }
        must(line.len > 0 && line.len <= MAX_LINE);
        buf_add(out, line);
        buf_add_char(out, '\n');
    }
}

static void cut(struct str input, size_t piece, struct buf *out)
{
    struct lines l = {.max_line = MAX_LINE};

    while (input.len > 0) {
        size_t n = MIN(piece, input.len);

        memcpy(lines_room(&l, n), input.ptr, n);
        lines_added(&l, n);
        input = str_sub(input, n, input.len);
        l.is_ended = input.len == 0;
        take_lines(&l, out);
    }
    lines_deinit(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);
    AUTO_BUF whole = {0}, pieces = {0};

    if (size < 2)
        return 0;
    cut(str_sub(text, 1, size), size, &whole);
    cut(str_sub(text, 1, size), (size_t)data[0] % 32 + 1, &pieces);
    must(str_eq(buf_str(&whole), buf_str(&pieces)));
    return 0;
}

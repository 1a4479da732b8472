/*
 * lines.c - bytes to lines, with a limit and a way back after a line that passes it.
 *
 * A line that grows beyond the limit is reported once, when that is certain, and then read over up
 * to its newline without being kept. Empty lines are not reported; "\r\n" ends a line like "\n".
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include <assert.h>

void lines_deinit(struct lines *l)
{
    buf_deinit(&l->buf);
    *l = (struct lines){0};
}

char *lines_room(struct lines *l, size_t n)
{
    buf_drop_front(&l->buf, l->at);
    l->searched -= l->at;
    l->at = 0;
    return buf_room(&l->buf, n);
}

void lines_added(struct lines *l, size_t n)
{
    l->buf.len += n;
}

static struct str unread(const struct lines *l)
{
    return str_sub(buf_str(&l->buf), l->at, l->buf.len);
}

static void skip_to(struct lines *l, size_t at)
{
    l->at = l->searched = at;
}

/* The line that ends at the byte number end, which is a newline or the end of everything. */
static enum lines_next take(struct lines *l, size_t end, struct str *out)
{
    struct str line = str_sub(buf_str(&l->buf), l->at, end);
    bool was_skipping = l->is_skipping;

    skip_to(l, MIN(end + 1, l->buf.len));
    l->is_skipping = false;
    if (was_skipping)
        return LINES_NONE; /* reported before */
    if (str_ends(line, STR("\r")))
        line = str_sub(line, 0, line.len - 1);
    if (line.len > l->max_line)
        return LINES_TOO_LONG;
    *out = line;
    return line.len > 0 ? LINES_LINE : LINES_NONE;
}

/* No newline in sight. */
static enum lines_next give_up(struct lines *l)
{
    bool is_news =
        !l->is_skipping && unread(l).len > l->max_line + 1; /* 1: it may be the "\r" */

    l->is_skipping = l->is_skipping || is_news;
    if (l->is_skipping)
        skip_to(l, l->buf.len);
    return is_news ? LINES_TOO_LONG : LINES_NONE;
}

enum lines_next lines_next(struct lines *l, struct str *out)
{
    enum lines_next got = LINES_NONE;
    size_t found;

    assert(l->max_line > 0);
    while (got == LINES_NONE) {
        struct str rest = str_sub(buf_str(&l->buf), l->searched, l->buf.len);

        if (str_find_char(rest, '\n', &found)) {
            got = take(l, l->searched + found, out);
            continue;
        }
        l->searched = l->buf.len;
        if (l->is_ended && unread(l).len > 0)
            return take(l, l->buf.len, out);
        return give_up(l);
    }
    return got;
}

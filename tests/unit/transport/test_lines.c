/* test_lines.c - lines out of bytes that come in pieces of any size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include "tests/support/test.h"

#define MAX_LINE 10

/* What comes out, as text: each line in <>, "!" for one that was too long. */
static void cut(struct str input, size_t piece, struct buf *out)
{
    struct lines l = {.max_line = MAX_LINE};
    struct str line;
    size_t at = 0;

    while (!l.is_ended) {
        struct str part = str_sub(input, at, at + piece);

        memcpy(lines_room(&l, piece), part.ptr, part.len);
        lines_added(&l, part.len);
        at += part.len;
        l.is_ended = at == input.len;
        for (enum lines_next got; (got = lines_next(&l, &line)) != LINES_NONE;) {
            if (got == LINES_TOO_LONG)
                buf_add_char(out, '!');
            else
                buf_printf(out, "<" STR_FMT ">", STR_ARG(line));
        }
    }
    lines_deinit(&l);
}

TEST(lines_are_the_same_whatever_the_pieces)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"a\n", "<a>"},
        {"a\nb", "<a><b>"},
        {"a\r\nb\r\n", "<a><b>"},
        {"\n\n\r\na\n\n", "<a>"},
        {"\r", ""},
        {"a\rb\n", "<a\rb>"},
        {"0123456789\n", "<0123456789>"},
        {"0123456789\r\nx\n", "<0123456789><x>"},
        {"0123456789a\nx\n", "!<x>"},
        {"0123456789a\r\nx\n", "!<x>"},
        {"0123456789ab\nx\n", "!<x>"},
        {"012345678901234567890123456789\nx\n012345678901\n\ny", "!<x>!<y>"},
        {"012345678901234567890123456789", "!"},
        {"0123456789a", "!"},
        {"a\n\n\nb\n0123456789", "<a><b><0123456789>"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t piece = 1; piece < 40; piece++) {
            AUTO_BUF got = {0};

            cut(str_c(rows[i].in), piece, &got);
            if (!CHECK_STR(buf_str(&got), rows[i].want))
                fprintf(stderr, "  row %zu in pieces of %zu\n", i, piece);
        }
    }
}

TEST(line_that_is_too_long_is_not_kept)
{
    struct lines l = {.max_line = MAX_LINE};
    struct str line;

    for (int i = 0; i < 1000; i++) {
        memset(lines_room(&l, 1000), 'x', 1000);
        lines_added(&l, 1000);
        CHECK_INT(lines_next(&l, &line), i == 0 ? LINES_TOO_LONG : LINES_NONE);
    }
    CHECK(l.buf.cap < 10000);
    lines_deinit(&l);
}

TEST_MAIN()

/* test_page.c - results cut to a budget. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tools/tools_int.h"

#include "text/text.h"

/* Items of item_chars characters each, the content of the first possibly longer. */
struct items {
    size_t first_chars;
    size_t item_chars;
    const char *piece; /* what they are made of */
};

static void write_item(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                       json_t **out)
{
    const struct items *items = ctx;
    size_t n = MIN(i == 0 ? items->first_chars : items->item_chars, max_chars);
    AUTO_BUF content = {0};

    for (size_t k = 0; k < n; k++)
        buf_add_c(&content, items->piece);
    buf_add(text, buf_str(&content));
    *out = json_str(buf_str(&content));
}

static size_t shown(size_t n, size_t item_chars, size_t budget)
{
    const struct items items = {item_chars, item_chars, "x"};
    struct page page = {0};
    size_t n_shown;

    page_fill(&(struct page_source){n, write_item, &items}, budget, &page);
    CHECK_INT(json_array_size(page.items), page.n_shown);
    CHECK_INT(page.text.len, page.n_shown * item_chars);
    CHECK(page.is_truncated == (page.n_shown < n));
    CHECK(!page.is_content_cut);
    n_shown = page.n_shown;
    page_deinit(&page);
    return n_shown;
}

TEST(page_cuts_between_items)
{
    /* An item of 94 costs 100: its JSON form has two quotes, and the separator is four. */
    static const struct {
        size_t n, item_chars, budget, want;
    } rows[] = {
        {0, 94, 5000, 0},   {3, 94, 400, 3}, /* a quarter is for what stands around */
        {4, 94, 400, 3},    {4, 94, 399, 3},
        {4, 94, 396, 2},    {4, 94, 1, 1}, /* one is always there */
        {2, 5000, 100, 1},                 /* even if it alone passes the client's budget */
        {9, 994, 10000, 8},                /* of a large budget no more than PAGE_FRAME_CHARS */
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(shown(rows[i].n, rows[i].item_chars, rows[i].budget), rows[i].want);
}

static void check_hard_limit(const char *piece)
{
    const struct items items = {300000, 10, piece};
    struct page page = {0};
    AUTO_BUF json = {0};

    page_fill(&(struct page_source){2, write_item, &items}, TOOLS_RESPONSE_MAX_CHARS, &page);
    json_write(&json, page.items);
    CHECK(page.is_content_cut);
    CHECK(page.is_truncated);
    CHECK(page.n_shown >= 1);
    CHECK(text_count(buf_str(&page.text)) <= TOOLS_RESPONSE_MAX_CHARS);
    CHECK(text_count(buf_str(&json)) <= TOOLS_RESPONSE_MAX_CHARS);
    CHECK(text_count(buf_str(&json)) >= TOOLS_RESPONSE_MAX_CHARS / 4);
    page_deinit(&page);
}

TEST(page_cuts_a_first_item_over_the_hard_limit)
{
    check_hard_limit("x");
    check_hard_limit("\xc3\xa4");
    check_hard_limit("\x01"); /* six characters in JSON */
}

TEST(page_names_as_many_left_out_as_its_budget_bears)
{
    const struct page page = {.n_shown = 3};

    CHECK_INT(page_n_named(&page, 3, 100000), 0);
    CHECK_INT(page_n_named(&page, 5, 100000), 2);
    CHECK_INT(page_n_named(&page, 50, 100000), NAMED_MAX);
    CHECK_INT(page_n_named(&page, 50, 4000), 4);
    CHECK_INT(page_n_named(&page, 50, 999), 0);
}

TEST(page_notice_says_how_to_go_on)
{
    struct page page = {.n_shown = 3, .is_truncated = true};
    AUTO_BUF out = {0};

    page_notice(&page, 10, 500, "offset 3 continues", &out);
    CHECK_STR(buf_str(&out), "[!] RESPONSE TRUNCATED: shown 3 of 10 (limit 500 characters), 7 "
                             "left out: offset 3 continues");
}

TEST(memory_cut_says_so)
{
    AUTO_ARENA arena = {0};
    const struct memory m = {.content = STR("abc\xc3\xa4xyz")};

    CHECK_STR(memory_cut(&arena, &m, 7).content, "abc\xc3\xa4xyz");
    CHECK_STR(memory_cut(&arena, &m, 4).content,
              "abc\xc3\xa4\n[content cut: 4 of 7 characters shown]");
}

TEST(preview_is_one_line)
{
    AUTO_ARENA arena = {0};
    char text[200];

    CHECK_STR(show_preview(&arena, STR("  a\n\tb ")), "a  b");
    memset(text, 'x', sizeof(text));
    CHECK_INT(show_preview(&arena, str_n(text, sizeof(text))).len, PREVIEW_CHARS + 3);
}

TEST_MAIN()

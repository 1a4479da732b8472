/* test_classes.c - kinds of characters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include "tests/support/test.h"

enum { LETTER = 1, DIGIT = 2, WORD = 4, MARK = 8, CONTROL = 16, PUNCT = 32, CJK = 64 };

static int classes_of(uint32_t c)
{
    return (text_is_letter(c) ? LETTER : 0) | (text_is_digit(c) ? DIGIT : 0) |
           (text_is_word(c) ? WORD : 0) | (text_is_mark(c) ? MARK : 0) |
           (text_is_control(c) ? CONTROL : 0) | (text_is_punct(c) ? PUNCT : 0) |
           (text_is_cjk(c) ? CJK : 0);
}

TEST(characters_have_their_classes)
{
    static const struct {
        uint32_t c;
        int want;
    } rows[] = {
        {'a', LETTER | WORD},
        {'Z', LETTER | WORD},
        {'[', PUNCT},
        {'`', 0}, /* Sk: a symbol */
        {'{', PUNCT},
        {'0', DIGIT | WORD},
        {'9', DIGIT | WORD},
        {'_', WORD | PUNCT},
        {'-', PUNCT},
        {'+', 0},
        {'$', 0},
        {' ', 0},
        {'\t', CONTROL},
        {0, CONTROL},
        {0x7F, CONTROL},
        {0x85, CONTROL},
        {0xA0, 0},
        {0xAD, CONTROL}, /* soft hyphen, Cf */
        {0xBF, PUNCT},
        {0xBD, WORD}, /* one half, No */
        {0xE4, LETTER | WORD},
        {0x2B0, LETTER | WORD},
        {0x301, WORD | MARK},
        {0x660, DIGIT | WORD},
        {0x903, WORD},  /* Mc: a mark, but no accent */
        {0x20DD, WORD}, /* Me */
        {0x200B, CONTROL},
        {0x200D, CONTROL},
        {0x2014, PUNCT},
        {0x2028, 0},
        {0x2160, WORD}, /* Nl */
        {0x20AC, 0},
        {0x3002, PUNCT},
        {0x3042, LETTER | WORD},
        {0xAC00, LETTER | WORD},
        {0xE000, CONTROL},
        {0xFEFF, CONTROL},
        {0xFFFD, 0},
        {0x1F600, 0},
        {0x10FFFF, CONTROL}, /* never assigned */
        {0x1D7CE, DIGIT | WORD},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(classes_of(rows[i].c), rows[i].want);
}

TEST(ideographs_are_the_blocks_that_bert_names)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {
        {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F},
    };
    size_t n = 0, n_want = 0;

    for (size_t i = 0; i < COUNT(blocks); i++) {
        CHECK(text_is_cjk(blocks[i].first) && text_is_cjk(blocks[i].last));
        n_want += blocks[i].last - blocks[i].first + 1;
    }
    for (uint32_t c = 0; c <= 0x10FFFF; c++)
        n += text_is_cjk(c);
    CHECK_INT(n, n_want);
    CHECK(!text_is_cjk(0x3042)); /* kana and hangul are words of letters */
    CHECK(!text_is_cjk(0xAC00));
}

TEST(ascii_answers_agree_with_the_tables)
{
    /* Punctuation of ASCII by its category, written out. */
    const char *punct = "!\"#%&'()*,-./:;?@[\\]_{}";

    for (uint32_t c = 1; c < 0x80; c++)
        CHECK_INT(text_is_punct(c), strchr(punct, (int)c) != NULL);
}

TEST_MAIN()

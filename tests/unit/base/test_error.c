/* test_error.c - errors are one clean line, whatever the input in them was. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/str.h"
#include "tests/support/test.h"

TEST(setting_returns_false_and_fills_kind_and_text)
{
    struct error err = {0};

    CHECK(!error_set(&err, ERROR_LIMIT, "%d items", 7));
    CHECK_INT(err.kind, ERROR_LIMIT);
    CHECK_STR(str_c(err.text), "7 items");
    CHECK(!error_set(NULL, ERROR_LIMIT, "nobody asked"));
    CHECK(!error_wrap(NULL, "nobody asked"));
}

TEST(wrapping_keeps_kind_and_cause)
{
    struct error err = {0};

    error_set(&err, ERROR_NOT_FOUND, "no such file");
    CHECK(!error_wrap(&err, "model %s", "x.mdm"));
    CHECK(!error_wrap(&err, "start"));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK_STR(str_c(err.text), "start: model x.mdm: no such file");
}

TEST(texts_become_one_line_of_utf8)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"a\nb\tc\x1b[2J\x7f", "a b c [2J "},
        {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
         "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xE4\xF6", "??"}, /* Latin-1 */
        {"\xC3", "?"},      /* cut by somebody else */
        {"\xC3"
         "a",
         "?a"},
        {"\xE2\x82", "??"},
        {"\xC0\xAF", "??"}, /* overlong */
        {"\xE0\x80\xAF", "???"},
        {"\xED\xA0\x80", "???"},      /* surrogate */
        {"\xF4\x90\x80\x80", "????"}, /* over U+10FFFF */
        {"\xFF\xFE", "??"},
        {"\xC2\x9B"
         "2J",
         "??2J"}, /* an 8-bit control sequence */
        {"\xC2\xA0", "\xC2\xA0"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};

        error_set(&err, ERROR_INVALID, "%s", rows[i].in);
        CHECK_STR(str_c(err.text), rows[i].want);
    }
}

/* A text of n_ascii letters and then two-byte characters, too long for an error. */
static void set_long(struct error *err, size_t n_ascii)
{
    char text[ERROR_TEXT_MAX * 2] = "";

    memset(text, 'x', n_ascii);
    for (size_t i = n_ascii; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xC3\xA4", 2);
    error_set(err, ERROR_INVALID, "%s", text);
}

TEST(long_texts_are_cut_between_characters)
{
    for (size_t n = 0; n < 4; n++) {
        struct error err = {0};
        size_t len;

        set_long(&err, n);
        len = strlen(err.text);
        CHECK(len == ERROR_TEXT_MAX - 1 || len == ERROR_TEXT_MAX - 2);
        CHECK_INT((unsigned char)err.text[len - 1], 0xA4);
    }
}

TEST(wrapping_a_long_text_cuts_again_cleanly)
{
    struct error err = {0};

    set_long(&err, 0);
    error_wrap(&err, "w");
    CHECK(str_starts(str_c(err.text), STR("w: \xC3\xA4")));
    CHECK_INT((unsigned char)err.text[strlen(err.text) - 1], 0xA4);
}

TEST(every_kind_has_a_name)
{
    CHECK_STR(str_c(error_kind_name(ERROR_NONE)), "none");
    CHECK_STR(str_c(error_kind_name(ERROR_NOT_FOUND)), "not_found");
    CHECK_STR(str_c(error_kind_name(ERROR_INTERNAL)), "internal");
    CHECK_STR(str_c(error_kind_name((enum error_kind)99)), "internal");
}

TEST_MAIN()

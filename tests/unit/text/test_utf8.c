/* test_utf8.c - what is UTF-8, and cutting between characters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include "tests/support/test.h"

TEST(only_utf8_passes)
{
    static const struct {
        struct str in;
        bool ok;
    } rows[] = {
        {STR_INIT(""), true},
        {STR_INIT("plain"), true},
        {STR_INIT("long enough to be looked at eight bytes at a time"), true},
        {STR_INIT("ä € 😀"), true},
        {STR_INIT("a\0b"), true},
        {STR_INIT("\xEF\xBF\xBF"), true},      /* U+FFFF is no character, but valid */
        {STR_INIT("\xF4\x8F\xBF\xBF"), true},  /* U+10FFFF */
        {STR_INIT("\xF4\x90\x80\x80"), false}, /* one more */
        {STR_INIT("\x80"), false},             /* a continuation alone */
        {STR_INIT("\xC3"), false},             /* cut */
        {STR_INIT("\xE2\x82"), false},
        {STR_INIT("\xF0\x9F\x98"), false},
        {STR_INIT("\xC0\xAF"), false}, /* overlong */
        {STR_INIT("\xE0\x9F\xBF"), false},
        {STR_INIT("\xF0\x8F\xBF\xBF"), false},
        {STR_INIT("\xED\xA0\x80"), false}, /* surrogate */
        {STR_INIT("\xED\x9F\xBF"), true},  /* the one before them */
        {STR_INIT("\xFE"), false},
        {STR_INIT("\xF8\x88\x80\x80\x80"), false},
        {STR_INIT("1234567\xFF"), false}, /* in the last of eight bytes */
        {STR_INIT("12345678\xFF"), false},
        {STR_INIT("caf\xE9"), false}, /* Latin-1 */
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(text_is_utf8(rows[i].in), rows[i].ok);
    CHECK(text_is_utf8((struct str){0}));
}

TEST(the_check_names_the_byte)
{
    static const struct {
        struct str in;
        const char *want; /* NULL: fine */
    } rows[] = {
        {STR_INIT("fine ä"), NULL},
        {STR_INIT("abc\xFFz"), "not UTF-8 at byte 3; send UTF-8 text"},
        {STR_INIT("123456789ä\xE2\x82"), "not UTF-8 at byte 11; send UTF-8 text"},
        {STR_INIT("ab\0c"), "a NUL character (U+0000) at byte 2; leave it out"},
        {STR_INIT("\0\xFF"), "not UTF-8 at byte 1; send UTF-8 text"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        bool ok = text_check(rows[i].in, &err);

        CHECK_INT(ok, rows[i].want == NULL);
        if (rows[i].want) {
            CHECK_INT(err.kind, ERROR_INVALID);
            CHECK_STR(str_c(err.text), rows[i].want);
        }
    }
}

TEST(stepping_gives_each_character)
{
    static const uint32_t want[] = {'a', 0xE4, 0x20AC, 0x1F600, 0xFFFD, 0xFFFD, 'z'};
    struct str rest = STR("aä€😀\xE2\x82z");
    uint32_t c;
    size_t n = 0;

    while (text_next(&rest, &c)) {
        REQUIRE(n < COUNT(want));
        CHECK_INT(c, want[n++]);
    }
    CHECK_INT(n, COUNT(want));
    CHECK_INT(rest.len, 0);
}

TEST(characters_survive_writing_and_reading)
{
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        AUTO_BUF b = {0};
        struct str rest;
        uint32_t got;

        if (c == 0xD800)
            c = 0xE000;
        text_add_char(&b, c);
        rest = buf_str(&b);
        REQUIRE(text_next(&rest, &got) && got == c && rest.len == 0);
    }
}

TEST(what_is_no_character_is_written_as_a_replacement)
{
    AUTO_BUF b = {0};

    text_add_char(&b, 0xD800);
    text_add_char(&b, 0x110000);
    CHECK_STR(buf_str(&b), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(counting_and_cutting_go_by_characters)
{
    static const struct {
        size_t n;
        const char *chars, *bytes; /* the first n of each */
    } rows[] = {
        {0, "", ""},        {1, "a", "a"},       {2, "aä", "a"},
        {3, "aä€", "aä"},   {4, "aä€z", "aä"},   {5, "aä€z", "aä"},
        {6, "aä€z", "aä€"}, {7, "aä€z", "aä€z"}, {99, "aä€z", "aä€z"},
    };
    struct str s = STR("aä€z");

    CHECK_INT(text_count(s), 4);
    CHECK_INT(text_count((struct str){0}), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_STR(text_first(s, rows[i].n), rows[i].chars);
        CHECK_STR(text_first_bytes(s, rows[i].n), rows[i].bytes);
    }
}

TEST_MAIN()

/* test_fold.c - stripping and lower-casing as the content hash needs them, and what may be printed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include "tests/support/test.h"
#include "tests/unit/text/lower.h"

#define LAST_CHAR 0x10FFFFu

/* -- lower case ------------------------------------------------------------------------------- */

/* By the rows; *at is where the search goes on, for characters in ascending order. */
static uint32_t expected_lower(uint32_t c, size_t *at)
{
    const struct lower_row *row;

    while (*at < COUNT(lower_rows) && lower_rows[*at].last < c)
        ++*at;
    for (size_t i = *at; i < COUNT(lower_rows) && lower_rows[i].first <= c; i++) {
        row = &lower_rows[i];
        if (c <= row->last && (c - row->first) % row->step == 0)
            return (uint32_t)((int64_t)c + row->distance);
    }
    return c;
}

TEST(every_character_becomes_what_python_makes_of_it)
{
    size_t at = 0;

    for (uint32_t c = 1; c <= LAST_CHAR; c++) {
        AUTO_ARENA a = {0};
        AUTO_BUF in = {0}, want = {0};

        if (c == 0xD800)
            c = 0xE000;
        if (c == 0x130)
            continue;
        text_add_char(&in, c);
        text_add_char(&want, expected_lower(c, &at));
        if (!str_eq(text_lower(&a, buf_str(&in)), buf_str(&want))) {
            CHECK_INT(c, expected_lower(c, &at));
            return;
        }
    }
}

TEST(words_become_what_python_makes_of_them)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {"Hello World 42!", "hello world 42!"},
        {"ΑΣ", "ας"},
        {"ΑΣ1", "ας1"},
        {"ΑΣ.", "ας."},
        {"Σ", "σ"},
        {"ΣΑ", "σα"},
        {"ΑΣΑ", "ασα"},
        {"ΑΣ.Α", "ασ.α"}, /* a full stop is looked through */
        {"ΑΣ'Α", "ασ'α"},
        {"1Σ", "1σ"},
        {".Σ", ".σ"},
        {"Α.Σ", "α.ς"},
        {"ΟΔΥΣΣΕΥΣ", "οδυσσευς"},
        {"ΑΣ ΒΣ", "ας βς"},
        {"Α\xCC\x81Σ", "α\xCC\x81ς"}, /* and so are accents */
        {"ΑΣ\xCC\x81", "ας\xCC\x81"},
        {"ΑΣ\xCC\x81Β", "ασ\xCC\x81β"},
        {"\xCA\xB0Σ", "\xCA\xB0σ"}, /* U+02B0 is cased and ignorable: ignored */
        {"Α\xE2\x80\x8BΣ", "α\xE2\x80\x8Bς"},
        {"ΑΣ\xE2\x80\x8BΒ", "ασ\xE2\x80\x8Bβ"},
        {"aΣ\xE2\x80\x99z", "aσ\xE2\x80\x99z"},
        {"AΣ\xF0\x9F\x84\xB0",
         "aσ\xF0\x9F\x84\xB0"}, /* U+1F130 is cased without a lower case */
        {"漢Σ", "漢σ"},
        {"\xCF\x82Σ'\xEF\xB8\x93\xC2\xAA", "\xCF\x82σ'\xEF\xB8\x93\xC2\xAA"},
        {"İSTANBUL", "i\xCC\x87stanbul"},
        {"ǅ ẞ ÀÉ", "ǆ ß àé"},
        {"\xE2\x84\xAA \xE2\x84\xAB", "k å"}, /* Kelvin and Angstrom signs */
        {"\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"},
        {"Ꭰ", "ꭰ"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(text_lower(&a, str_c(rows[i].in)), rows[i].want);
    }
}

TEST(bad_bytes_are_lowered_to_replacements)
{
    AUTO_ARENA a = {0};

    CHECK_STR(text_lower(&a, STR("A\xFFÄ\xE2\x82")), "a\xEF\xBF\xBDä\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK_STR(text_decompose(&a, STR("\xFFé")), "\xEF\xBF\xBD"
                                                "e\xCC\x81");
}

/* -- stripping -------------------------------------------------------------------------------- */

static bool is_python_space(uint32_t c)
{
    static const uint32_t spaces[] = {
        0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x1C,   0x1D,   0x1E,   0x1F,   0x20,
        0x85,   0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006,
        0x2007, 0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    };

    for (size_t i = 0; i < COUNT(spaces); i++) {
        if (spaces[i] == c)
            return true;
    }
    return false;
}

TEST(just_those_29_characters_are_stripped)
{
    size_t n = 0;

    for (uint32_t c = 1; c <= LAST_CHAR; c++) {
        AUTO_BUF b = {0};
        struct str got;

        if (c == 0xD800)
            c = 0xE000;
        text_add_char(&b, c);
        buf_add_char(&b, 'x');
        text_add_char(&b, c);
        got = text_strip(buf_str(&b));
        REQUIRE((got.len == 1) == is_python_space(c));
        REQUIRE(text_is_space(c) == is_python_space(c));
        n += is_python_space(c);
    }
    CHECK_INT(n, 29);
}

TEST(stripping_keeps_what_is_inside)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {" \t\n\xC2\xA0\xE3\x80\x80 ", ""},
        {"  a  b \n", "a  b"},
        {"\xC2\x85Zeile\xE2\x80\xA8", "Zeile"},
        {"\xE2\x80\x8B a\xEF\xBB\xBF ", "\xE2\x80\x8B a\xEF\xBB\xBF"}, /* not U+200B, U+FEFF */
        {"\xA0 a \xA0", "\xA0 a \xA0"}, /* bytes that are no characters stay */
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(text_strip(str_c(rows[i].in)), rows[i].want);
    CHECK_STR(text_strip((struct str){0}), "");
}

/* -- decomposition and printing --------------------------------------------------------------- */

TEST(accents_are_split_off)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"plain", "plain"},
        {"é", "e\xCC\x81"},
        {"ộ", "o\xCC\xA3\xCC\x82"},
        {"q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87"}, /* marks in canonical order */
        {"각", "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8"},
        {"\xE2\x84\xAB", "A\xCC\x8A"},
        {"ﬁ", "ﬁ"}, /* canonical only: ligatures stay */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(text_decompose(&a, str_c(rows[i].in)), rows[i].want);
    }
}

TEST(stored_text_cannot_drive_a_terminal)
{
#define BAD "\xEF\xBF\xBD"
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"two\nlines\tand a tab", "two\nlines\tand a tab"},
        {"\x1b[2Jgone\x07\r\x7f", BAD "[2Jgone" BAD BAD BAD},
        {"\xC2\x9B"
         "31m",
         BAD "31m"},                                 /* an 8-bit control sequence */
        {"a\xE2\x80\xAEtxt.exe", "a" BAD "txt.exe"}, /* right-to-left override */
        {"\xE2\x81\xA6x\xE2\x81\xA9", BAD "x" BAD},
        {"👨‍👩‍👧 می‌خواهم",
         "👨‍👩‍👧 می‌خواهم"}, /* joiners have their place */
        {"\xFF", BAD},
    };
#undef BAD

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(text_printable(&a, str_c(rows[i].in)), rows[i].want);
    }
}

TEST_MAIN()

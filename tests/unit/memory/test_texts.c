/* test_texts.c - what is done to texts before they are stored or searched: hash, tags, pieces, words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/buf.h"
#include "tests/support/test.h"
#include "text/text.h"

/* "a|b|c" */
static struct str joined(struct arena *a, const struct str *list, size_t n)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i < n; i++) {
        buf_add_c(&b, i ? "|" : "");
        buf_add(&b, list[i]);
    }
    return arena_dup(a, buf_str(&b));
}

/* -- hash -------------------------------------------------------------------------------------- */

#define HELLO "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"

TEST(outer_white_space_and_case_make_no_other_memory)
{
    static const char *const same[] = {
        "hello world",
        "Hello World",
        "  hello world\n",
        "\xc2\xa0HELLO WORLD\xe3\x80\x80", /* no-break and ideographic space */
        "\x1c\x1d\x1e\x1fhello world\xc2\x85",
        "\xe2\x80\xa8hello world\xe2\x80\xaf",
    };
    static const char *const other[] = {
        "hello  world",
        "\xe2\x80\x8bhello world", /* zero width space is kept */
        "\xef\xbb\xbfhello world", /* so is a byte order mark */
        "hello world.",
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(same); i++)
        CHECK_STR(memory_hash(&a, str_c(same[i])), HELLO);
    for (size_t i = 0; i < COUNT(other); i++)
        CHECK(!str_eq_c(memory_hash(&a, str_c(other[i])), HELLO));
}

TEST(lower_case_is_that_of_unicode)
{
    static const struct {
        const char *a, *b;
    } same[] = {
        {"ΑΣ", "ας"},   {"ΑΣ1", "ας1"}, {"ΑΣ.", "ας."},         {"Σ", "σ"},
        {"ΑΣΑ", "ασα"}, {"İ", "i̇"},     {"STRASSE", "strasse"}, {"Ünï", "üNÏ"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(same); i++)
        CHECK_VIEW(memory_hash(&a, str_c(same[i].a)), memory_hash(&a, str_c(same[i].b)));
    CHECK(!str_eq(memory_hash(&a, STR("straße")), memory_hash(&a, STR("strasse"))));
}

TEST(the_hash_of_nothing_is_that_of_nothing)
{
    AUTO_ARENA a = {0};

    CHECK_STR(memory_hash(&a, STR(" \n\t ")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* -- tags -------------------------------------------------------------------------------------- */

TEST(tags_out_of_one_text)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"Python,JAVA,JavaScript,java", "python|java|javascript"},
        {"[\"cloud,computing\", \"AI,ML\"]", "cloud-computing|ai-ml"},
        {"[1, true, null, \"x\"]", "x"},
        {"[not valid json", "[not valid json"},
        {"{\"a\":1}", "{\"a\":1}"},
        {"[]", ""},
        {" , ,", ""},
        {"", ""},
        {"a;b  c", "a;b  c"},
        {"ÄÖ,Straße", "äö|straße"},
        {" x , X ,y", "x|y"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str *tags;
        size_t n;

        memory_parse_tags(&a, str_c(rows[i].text), &tags, &n);
        CHECK_STR(joined(&a, tags, n), rows[i].want);
    }
}

TEST(tags_of_a_list)
{
    static const struct str same[] = {STR_INIT("Tag"), STR_INIT("tag"), STR_INIT("TAG")};
    static const struct str comma[] = {STR_INIT("machine,learning"), STR_INIT("")};
    AUTO_ARENA a = {0};
    const struct str *tags;
    size_t n;

    memory_normalise_tags(&a, same, COUNT(same), &tags, &n);
    CHECK_STR(joined(&a, tags, n), "tag");
    memory_normalise_tags(&a, comma, COUNT(comma), &tags, &n);
    CHECK_STR(joined(&a, tags, n), "machine-learning");
}

TEST(a_long_tag_is_cut_between_characters)
{
    AUTO_ARENA a = {0};
    AUTO_BUF b = {0};
    const struct str *tags, *again;
    struct str one;
    size_t n, n_again;

    for (int i = 0; i < MEMORY_TAG_MAX_CHARS + 20; i++)
        buf_add_c(&b, i == MEMORY_TAG_MAX_CHARS - 1 ? " " : "İ"); /* grows in lower case */
    one = buf_str(&b);
    memory_normalise_tags(&a, &one, 1, &tags, &n);
    REQUIRE(CHECK_INT(n, 1));
    CHECK(text_count(tags[0]) <= MEMORY_TAG_MAX_CHARS);
    CHECK(text_is_utf8(tags[0]));
    memory_normalise_tags(&a, tags, 1, &again, &n_again);
    CHECK_VIEW(again[0], tags[0]);
}

/* -- pieces ------------------------------------------------------------------------------------ */

TEST(content_is_cut_where_a_reader_would)
{
    static const struct {
        const char *text;
        struct split_rule rule;
        const char *want;
    } rows[] = {
        {"First paragraph.\n\nSecond paragraph.\n\nThird paragraph.",
         {30, 10, true},
         "First paragraph.|Second paragraph.|Third paragraph."},
        {"First sentence. Second sentence. Third sentence. Fourth sentence.",
         {40, 15, true},
         "First sentence. Second sentence.|sentence. Third sentence.|Third sentence. Fourth "
         "sentence."},
        {"word1 word2 word3 word4 word5 word6 word7 word8",
         {25, 8, true},
         "word1 word2 word3 word4|word4 word5 word6 word7|word7 word8"},
        {"abcdefghijabcdefghijabcdefghij",
         {12, 3, false},
         "abcdefghijab|jabcdefghija|ijabcdefghij"},
        {"abcdefghijabcdefghijabcdefghij",
         {12, 3, true},
         "abcdefghijab|jabcdefghija|ijabcdefghij"},
        {"short", {30, 10, true}, "short"},
        {"", {30, 10, true}, ""},
        {"  \n ", {2, 0, true}, ""},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str *pieces;
        size_t n;
        struct error err = {0};

        CHECK_OK(split_content(&a, str_c(rows[i].text), &rows[i].rule, &pieces, &n, &err), err);
        CHECK_STR(joined(&a, pieces, n), rows[i].want);
    }
}

TEST(an_overlap_must_be_below_the_limit)
{
    AUTO_ARENA a = {0};
    const struct split_rule rule = {10, 10, true};
    const struct str *pieces;
    size_t n;
    struct error err = {0};

    CHECK(!split_content(&a, STR("some text"), &rule, &pieces, &n, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
}

/* Whatever the rule: no piece is too long, and no word is lost. */
TEST(pieces_cover_the_text)
{
    static const char text[] = "Größe zählt nicht.  Ein zweiter Satz!\nEine neue Zeile ohne "
                               "Ende und noch eine\n\n日本語のテキスト。 Schluss";
    AUTO_ARENA a = {0};

    for (size_t max = 1; max < 40; max++) {
        for (size_t overlap = 0; overlap < max; overlap += 3) {
            const struct split_rule rule = {max, overlap, max % 2};
            const struct str *pieces;
            size_t n, at = 0;
            struct error err = {0};

            REQUIRE(CHECK_OK(split_content(&a, str_c(text), &rule, &pieces, &n, &err), err));
            for (size_t i = 0; i < n; i++) {
                size_t from = (size_t)(pieces[i].ptr - text);

                CHECK(text_count(pieces[i]) <= max);
                CHECK(text_is_utf8(pieces[i]));
                CHECK(text_strip(str_n(text + at, from > at ? from - at : 0)).len == 0);
                at = from + pieces[i].len;
            }
            CHECK_INT(at, sizeof(text) - 1);
        }
    }
}

/* -- words ------------------------------------------------------------------------------------- */

TEST(words_that_stand_everywhere_are_left_out)
{
    static const struct {
        const char *query, *want;
    } rows[] = {
        {"which database did we pick and why", "database|pick"},
        {"Database database DATABASE", "database"},
        {"who are you", "who|are|you"}, /* there are no others */
        {"C++ and row-level security", "c|row|level|security"},
        {"snake_case", "snake|case"},
        {"über Größe", "über|größe"},
        {"日本語", "日本語"},
        {"100% (of) \"it\"", "100"},
        {"", ""},
        {"?!", ""},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str *words;
        size_t n;

        query_words(&a, str_c(rows[i].query), &words, &n);
        CHECK_STR(joined(&a, words, n), rows[i].want);
    }
}

TEST(a_query_has_so_many_words_at_most)
{
    AUTO_ARENA a = {0};
    AUTO_BUF b = {0};
    const struct str *words;
    size_t n;

    for (int i = 0; i < 2 * QUERY_WORDS_MAX; i++)
        buf_printf(&b, "w%d ", i);
    query_words(&a, buf_str(&b), &words, &n);
    CHECK_INT(n, QUERY_WORDS_MAX);
}

TEST_MAIN()

/* test_tokenizer.c - words, pieces, special tokens and limits, with a vocabulary one can read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"

#define IDS_MAX 400

static struct vocab vocab_of(struct arena *a)
{
    struct error err = {0};
    struct vocab v = {0};
    size_t n;
    const struct str *lines = tiny_vocab(a, &n);

    CHECK_OK(vocab_build(a, lines, n, &v, &err), err);
    return v;
}

/* The pieces as vocab.txt writes them, with blanks between. */
static struct str pieces_of(struct arena *a, struct str text, size_t max)
{
    struct vocab v = vocab_of(a);
    int32_t ids[IDS_MAX];
    size_t n = tokenizer_run(&v, text, ids, max), n_lines;
    const struct str *lines = tiny_vocab(a, &n_lines);
    AUTO_BUF b = {0};

    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(&b, ' ');
        buf_add(&b, lines[ids[i]]);
    }
    return arena_dup(a, buf_str(&b));
}

TEST(text_becomes_the_longest_pieces)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"hello world", "hello world"},
        {"HELLO  World.", "hello world ."},
        {"hello-world", "hello - world"},
        {"worldhello", "world ##h ##e ##llo"},
        {"unaffable", "un ##affa ##ble"},
        {"h\xc3\xa9llo", "hello"},                       /* e with acute: the accent goes */
        {"he\xcc\x81llo", "hello"},                      /* the same, decomposed */
        {"he\xc2\xadllo", "hello"},                      /* soft hyphen: as if not there */
        {"he\xe2\x80\x8bllo", "hello"},                  /* zero-width space, too */
        {"he\xc2\xa0llo", "he l ##l ##o"},               /* no-break space is white space */
        {"hello\xe3\x80\x80world", "hello world"},       /* and the ideographic one */
        {"hello\xe2\x80\x94world", "hello [UNK] world"}, /* a dash is a word */
        {"a\xe4\xb8\xad\xe6\x96\x87"
         "b",
         "a 中 文 b"},
        {"he\xd0\xb6", "[UNK]"}, /* one unknown letter makes the word unknown */
        {"he\xd0\xb6 hello", "[UNK] hello"},
        {"\xf0\x9f\x98\x80", "[UNK]"},
        {"\xff\xfehello\xc0", "hello"}, /* no UTF-8: as U+FFFD, which is dropped */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(pieces_of(&a, str_c(rows[i].in), IDS_MAX), rows[i].want);
    }
}

TEST(special_tokens_written_out_are_the_tokens)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"[SEP]", "[SEP]"},
        {"a[SEP]b", "a [SEP] b"},
        {"[CLS][MASK] [PAD][UNK]", "[CLS] [MASK] [PAD] [UNK]"},
        {"[sep]", "[UNK] s ##e ##p [UNK]"}, /* another case is text; "[" is in no piece */
        {"[SEP", "[UNK] s ##e ##p"},
        {"[[SEP]]", "[UNK] [SEP] [UNK]"},
        {"he[SEP]llo", "he [SEP] l ##l ##o"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(pieces_of(&a, str_c(rows[i].in), IDS_MAX), rows[i].want);
    }
}

TEST(no_more_ids_than_asked_for)
{
    AUTO_ARENA a = {0};

    CHECK_STR(pieces_of(&a, STR("unaffable hello"), 0), "");
    CHECK_STR(pieces_of(&a, STR("unaffable hello"), 2), "un ##affa");
    CHECK_STR(pieces_of(&a, STR("unaffable hello"), 3), "un ##affa ##ble");
    CHECK_STR(pieces_of(&a, STR("hello[SEP]hello"), 2), "hello [SEP]");
}

/* Whether a word has an unknown part is decided on the whole word, even where it is cut. */
TEST(a_word_cut_by_the_limit_is_still_judged_whole)
{
    AUTO_ARENA a = {0};

    CHECK_STR(pieces_of(&a, STR("hello unaff\xd0\xb6"), 2), "hello [UNK]");
}

TEST(a_word_over_100_characters_is_unknown)
{
    AUTO_ARENA a = {0};
    AUTO_BUF b = {0};
    struct vocab v = vocab_of(&a);
    int32_t ids[IDS_MAX];

    for (size_t i = 0; i < WORD_CHARS_MAX; i++)
        buf_add_c(&b, "\xc3\xa9"); /* é: two bytes, and one without its accent */
    CHECK_INT(tokenizer_run(&v, buf_str(&b), ids, IDS_MAX), WORD_CHARS_MAX);
    buf_add_char(&b, 'a');
    CHECK_INT(tokenizer_run(&v, buf_str(&b), ids, IDS_MAX), 1);
    CHECK_INT(ids[0], v.special[TOKEN_UNK]);
    buf_add_c(&b, ".hello"); /* punctuation ends it */
    CHECK_INT(tokenizer_run(&v, buf_str(&b), ids, IDS_MAX), 3);
}

TEST(a_megabyte_without_a_break_is_one_word)
{
    AUTO_ARENA a = {0};
    struct vocab v = vocab_of(&a);
    struct str text = str_n(ARENA_NEW(&a, char, EMBED_TEXT_MAX_BYTES), EMBED_TEXT_MAX_BYTES);
    char *bytes = arena_cstr(&a, text);
    int32_t ids[IDS_MAX];

    memset(bytes, 'x', text.len);
    text.ptr = bytes;
    CHECK_INT(tokenizer_run(&v, text, ids, IDS_MAX), 1);
}

TEST_MAIN()

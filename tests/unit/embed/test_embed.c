/* test_embed.c - the public functions over a small model: windows, limits, tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "embed/embed_int.h"
#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"

enum {
    ROOM = TINY_TOKENS - 2, /* tokens of a window, without [CLS] and [SEP] */
    OVERLAP = ROOM / 4
};

static struct embedder *open_tiny(struct arena *a)
{
    const char *folder = tiny_folder(a);
    struct embedder *e = NULL;
    struct error err = {0};

    if (CHECK_OK(tiny_convert(a, folder, &err), err))
        CHECK_OK(embed_open(tiny_path(a, folder, "model.mdm"), EMBED_FP32, &e, &err), err);
    tiny_remove(folder); /* the map stays */
    return e;
}

#define AUTO_EMBEDDER AUTO(auto_close) struct embedder
static void auto_close(struct embedder **e)
{
    embed_close(*e);
}

/* Word i of a text that never repeats itself soon, of n_letters tokens. */
static void add_word(struct buf *b, size_t i, size_t n_letters)
{
    for (size_t j = 0; j < n_letters; j++)
        buf_add_char(b, (char)('a' + (i >> j * 2) % 4 + j * 4));
    buf_add_char(b, ' ');
}

static void check_vector(const struct embedder *e, struct str text, const float *got)
{
    float want[TINY_HIDDEN];
    struct error err = {0};

    CHECK_OK(embed_text(e, text, want, &err), err);
    CHECK(memcmp(got, want, sizeof(want)) == 0);
}

/* Words from..to of add_word(). */
static void check_window(const struct embedder *e, size_t from, size_t to, size_t n_letters,
                         const float *got)
{
    AUTO_BUF b = {0};

    for (size_t i = from; i < to; i++)
        add_word(&b, i, n_letters);
    check_vector(e, buf_str(&b), got);
}

static struct embed_parts parts_of(const struct embedder *e, struct arena *a, size_t n_words,
                                   size_t n_letters)
{
    AUTO_BUF b = {0};
    struct str text;
    struct embed_parts p = {0};
    struct error err = {0};

    for (size_t i = 0; i < n_words; i++)
        add_word(&b, i, n_letters);
    text = buf_str(&b);
    CHECK_OK(embed_parts(e, a, &text, 1, &p, &err), err);
    return p;
}

TEST(a_text_that_fits_is_one_part)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    static const size_t lengths[] = {0, 1, ROOM - 1, ROOM};

    REQUIRE(e);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct embed_parts p = parts_of(e, &a, lengths[i], 1);

        CHECK_INT(p.n, 1);
        CHECK(!p.is_cut);
        check_window(e, 0, lengths[i], 1, p.vectors);
    }
}

TEST(a_longer_text_is_covered_by_overlapping_windows)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    struct embed_parts p;

    REQUIRE(e);
    p = parts_of(e, &a, ROOM + 1, 1);
    REQUIRE(p.n == 2);
    CHECK(!p.is_cut);
    check_window(e, 0, ROOM, 1, p.vectors);
    check_window(e, ROOM - OVERLAP, ROOM + 1, 1, p.vectors + TINY_HIDDEN);

    p = parts_of(e, &a, 3 * ROOM - 2 * OVERLAP, 1);
    REQUIRE(p.n == 3);
    check_window(e, 2 * (ROOM - OVERLAP), 3 * ROOM - 2 * OVERLAP, 1,
                 p.vectors + 2 * TINY_HIDDEN);
}

/* 4 tokens a word: 9 words (36 tokens) fit in 38, and 9 tokens back is inside a word. */
TEST(windows_begin_and_end_between_words)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    struct embed_parts p;

    REQUIRE(e);
    p = parts_of(e, &a, 20, 4);
    REQUIRE(p.n == 3);
    check_window(e, 0, 9, 4, p.vectors);
    check_window(e, 7, 16, 4, p.vectors + TINY_HIDDEN);
    check_window(e, 14, 20, 4, p.vectors + 2 * TINY_HIDDEN);
}

TEST(a_word_longer_than_a_window_is_cut_after_all)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    char word[WORD_CHARS_MAX];
    struct str text = str_n(word, sizeof(word));
    struct embed_parts p;
    struct error err = {0};

    REQUIRE(e);
    memset(word, 'q', sizeof(word));
    REQUIRE(CHECK_OK(embed_parts(e, &a, &text, 1, &p, &err), err));
    CHECK(p.n > 1 && p.n < 5);
    CHECK(!p.is_cut);
    check_vector(e, str_n(word, ROOM), p.vectors);
}

TEST(what_lies_beyond_the_last_window_is_said_to_be_cut)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    size_t fits = EMBED_PARTS_MAX * (ROOM - OVERLAP) + OVERLAP;
    struct embed_parts p;

    REQUIRE(e);
    p = parts_of(e, &a, fits, 1);
    CHECK_INT(p.n, EMBED_PARTS_MAX);
    CHECK(!p.is_cut);
    p = parts_of(e, &a, fits + 1, 1);
    CHECK_INT(p.n, EMBED_PARTS_MAX);
    CHECK(p.is_cut);
    p = parts_of(e, &a, 3 * fits, 1);
    CHECK_INT(p.n, EMBED_PARTS_MAX);
    CHECK(p.is_cut);
}

TEST(texts_embedded_over_several_cores_are_as_each_alone)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    struct str texts[20];
    struct embed_parts alone, p[COUNT(texts)];
    struct error err = {0};

    REQUIRE(e);
    for (size_t i = 0; i < COUNT(texts); i++) {
        AUTO_BUF b = {0};

        for (size_t k = 0; k < i * i; k++)
            add_word(&b, k + i, 2);
        texts[i] = arena_dup(&a, buf_str(&b));
    }
    embed_set_cores(e, 4);
    REQUIRE(CHECK_OK(embed_parts(e, &a, texts, COUNT(texts), p, &err), err));
    embed_set_cores(e, 1);
    for (size_t i = 0; i < COUNT(texts); i++) {
        REQUIRE(CHECK_OK(embed_parts(e, &a, &texts[i], 1, &alone, &err), err));
        CHECK_INT(p[i].n, alone.n);
        CHECK_INT(p[i].is_cut, alone.is_cut);
        CHECK(memcmp(p[i].vectors, alone.vectors, alone.n * TINY_HIDDEN * sizeof(float)) == 0);
    }
}

/* Each call started a thread for every core, whatever others had started. */
TEST(calls_share_the_threads_they_start)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    struct str texts[2] = {STR("some words"), STR("other words")};
    struct embed_parts p[2];
    struct error err = {0};

    REQUIRE(e);
    CHECK_INT(embed_helpers_take(e, 3), 0); /* one core is the caller's own */
    embed_set_cores(e, 4);
    CHECK_INT(embed_helpers_take(e, 2), 2);
    CHECK_INT(embed_helpers_take(e, 2), 1);
    CHECK_INT(embed_helpers_take(e, 2), 0);
    CHECK_OK(embed_parts(e, &a, texts, 2, p, &err), err); /* alone, if need be */
    embed_helpers_give_back(e, 3);
    CHECK_OK(embed_parts(e, &a, texts, 2, p, &err), err);
    CHECK_INT(embed_helpers_take(e, 9), 3); /* the call gave back what it took */
    embed_helpers_give_back(e, 3);
}

/* A megabyte of blanks, then a word: what is behind the limit is not seen, and that is said. */
TEST(what_lies_beyond_the_limit_is_cut)
{
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);
    char *bytes = ARENA_NEW(&a, char, EMBED_TEXT_MAX_BYTES + 5);
    struct str text = str_n(bytes, EMBED_TEXT_MAX_BYTES + 5),
               shorter = str_sub(text, 5, text.len);
    struct embed_parts p;
    struct error err = {0};

    REQUIRE(e);
    memset(bytes, ' ', text.len);
    memcpy(bytes + EMBED_TEXT_MAX_BYTES, "hello", 5);
    REQUIRE(CHECK_OK(embed_parts(e, &a, &text, 1, &p, &err), err));
    CHECK_INT(p.n, 1);
    CHECK(p.is_cut);
    check_vector(e, STR(""), p.vectors);
    check_vector(e, text, p.vectors);
    REQUIRE(CHECK_OK(embed_parts(e, &a, &shorter, 1, &p, &err), err));
    CHECK(!p.is_cut);
    check_vector(e, STR("hello"), p.vectors);
}

TEST(tokens_come_framed_and_cut)
{
    static const struct {
        const char *text;
        size_t max, want;
    } rows[] = {
        {"", 40, 2},     {"hello", 40, 3},  {"hello world", 3, 3},
        {"hello", 2, 2}, {"a a a", 400, 5},
    };
    AUTO_ARENA a = {0};
    AUTO_EMBEDDER *e = open_tiny(&a);

    REQUIRE(e);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int32_t *ids;
        size_t n;

        embed_tokenize(e, &a, str_c(rows[i].text), rows[i].max, &ids, &n);
        CHECK_INT(n, rows[i].want);
        CHECK_INT(ids[0], TOKEN_CLS);
        CHECK_INT(ids[n - 1], TOKEN_SEP);
    }
}

TEST_MAIN()

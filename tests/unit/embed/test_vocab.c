/* test_vocab.c - the vocabulary: what is built is found, what is wrong is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"

static bool build(struct arena *a, const char *text, struct vocab *out, struct error *err)
{
    struct str *lines = ARENA_NEW(a, struct str, 100);
    struct str rest = str_c(text), line;
    size_t n = 0;

    while (str_next(&rest, '\n', &line))
        lines[n++] = line;
    return vocab_build(a, lines, n, out, err);
}

#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]"

TEST(every_piece_is_found_as_itself)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct vocab v;
    size_t n;
    const struct str *lines = tiny_vocab(&a, &n);

    REQUIRE(CHECK_OK(vocab_build(&a, lines, n, &v, &err), err));
    for (size_t i = 0; i < n; i++) {
        bool is_inner = lines[i].len > 2 && str_starts(lines[i], STR("##"));
        struct str text = str_sub(lines[i], is_inner ? 2 : 0, lines[i].len);
        int32_t id = -1;
        size_t len = 0;

        CHECK(vocab_longest(&v, text, is_inner, &id, &len));
        CHECK_INT(id, i);
        CHECK_INT(len, text.len);
        CHECK(vocab_is_inner(&v, id) == is_inner);
    }
    CHECK_INT(v.special[TOKEN_PAD], 0);
    CHECK_INT(v.special[TOKEN_MASK], 4);
}

TEST(the_longest_piece_wins_and_ends_at_a_character)
{
    static const struct {
        const char *word;
        bool is_inner;
        size_t want; /* bytes, 0: none */
    } rows[] = {
        {"hello", false, 5}, {"help", false, 2}, {"xyz", false, 1}, {"affable", true, 4},
        {"afx", true, 1},    {"é", true, 2},     {"\xc3", true, 0}, {"é", false, 0},
        {"中文", false, 3},  {"", false, 0},     {"文", true, 0},
    };
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct vocab v;
    size_t n;
    const struct str *lines = tiny_vocab(&a, &n);

    REQUIRE(CHECK_OK(vocab_build(&a, lines, n, &v, &err), err));
    for (size_t i = 0; i < COUNT(rows); i++) {
        int32_t id;
        size_t len = 0;
        bool is_found = vocab_longest(&v, str_c(rows[i].word), rows[i].is_inner, &id, &len);

        CHECK(is_found == (rows[i].want > 0));
        CHECK_INT(len, rows[i].want);
    }
}

TEST(a_wrong_vocabulary_is_refused)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {SPECIAL "\na\nb\na", "line 8 repeats line 6"},
        {SPECIAL "\na\n\nb", "line 7 has 0 bytes"},
        {"[PAD]\n[UNK]\n[CLS]\n[SEP]\na", "there is no line [MASK]"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct error err = {0};
        struct vocab v;

        CHECK(!build(&a, rows[i].text, &v, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
        CHECK(str_contains(str_c(err.text), str_c(rows[i].want)));
    }
}

TEST(no_lines_and_an_overlong_line_are_refused)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct vocab v;
    struct str overlong = str_n(ARENA_NEW(&a, char, VOCAB_PIECE_MAX + 1), VOCAB_PIECE_MAX + 1);

    CHECK(!vocab_build(&a, NULL, 0, &v, &err));
    CHECK(!vocab_build(&a, &overlong, 1, &v, &err));
    CHECK(str_contains(str_c(err.text), STR("401 bytes")));
}

/* Slots, offsets and lengths come from the file unchecked: any values must be safe to search. */
TEST(a_damaged_vocabulary_is_searched_safely)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct vocab v;
    size_t n, len;
    const struct str *lines = tiny_vocab(&a, &n);
    struct vocab_piece *pieces;
    uint32_t *slots;
    int32_t id;

    REQUIRE(CHECK_OK(vocab_build(&a, lines, n, &v, &err), err));
    pieces = ARENA_NEW(&a, struct vocab_piece, n);
    slots = ARENA_NEW(&a, uint32_t, v.n_slots);
    for (size_t i = 0; i < n; i++)
        pieces[i] = (struct vocab_piece){UINT32_MAX - (uint32_t)i, (uint16_t)(i % 6), i % 2};
    for (size_t i = 0; i < v.n_slots; i++)
        slots[i] = (uint32_t)(i % n); /* full: a search has no empty slot to stop at */
    v.pieces = pieces;
    v.slots = slots;
    v.longest = SIZE_MAX;
    CHECK(!vocab_longest(&v, STR("hello world"), false, &id, &len));
    for (size_t i = 0; i < n; i++)
        pieces[i].offset = (uint32_t)(v.n_bytes - i % 3);
    CHECK(!vocab_longest(&v, STR("hello world"), false, &id, &len));
    CHECK(!vocab_is_inner(&v, INT32_MAX));
}

TEST_MAIN()

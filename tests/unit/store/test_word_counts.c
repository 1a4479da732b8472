/*
 * test_word_counts.c - what is remembered of common words, and for how long.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#define NOT_KNOWN (-1)

static int64_t ask(struct word_counts *c, const char *word, int64_t limit, int64_t seq)
{
    int64_t n;

    return word_counts_get(c, str_c(word), limit, seq, &n) ? n : NOT_KNOWN;
}

TEST(a_common_word_is_remembered_for_a_twentieth_of_its_count)
{
    struct word_counts *c = word_counts_new();

    CHECK_INT(ask(c, "river", 5000, 0), NOT_KNOWN);
    word_counts_put(c, STR("river"), INT64_MAX, 100, 2000);
    CHECK_INT(ask(c, "river", INT64_MAX, 100), 2000);
    CHECK_INT(ask(c, "river", INT64_MAX, 200), 2000);
    CHECK_INT(ask(c, "river", INT64_MAX, 201), NOT_KNOWN);
    CHECK_INT(ask(c, "river", INT64_MAX, 0), 2000); /* a reader of an older transaction */
    CHECK_INT(ask(c, "rivers", INT64_MAX, 100), NOT_KNOWN);
    word_counts_free(c);
}

/* A count that stopped at its limit says no more than that. */
TEST(a_count_answers_up_to_where_it_stopped)
{
    static const struct {
        int64_t counted, n, asked, want;
    } rows[] = {
        {1001, 1001, 1001, 1001}, {1001, 1001, 500, 500},        {1001, 1001, 1002, NOT_KNOWN},
        {5000, 3000, 1001, 1001}, {5000, 3000, INT64_MAX, 3000},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct word_counts *c = word_counts_new();

        word_counts_put(c, STR("river"), rows[i].counted, 1, rows[i].n);
        CHECK_INT(ask(c, "river", rows[i].asked, 1), rows[i].want);
        word_counts_free(c);
    }
}

TEST(a_rare_word_is_counted_each_time)
{
    struct word_counts *c = word_counts_new();

    word_counts_put(c, STR("walrus"), 1001, 1, 0);
    word_counts_put(c, STR("heron"), 1001, 1, 999);
    CHECK_INT(ask(c, "walrus", 1001, 1), NOT_KNOWN);
    CHECK_INT(ask(c, "heron", 1001, 1), NOT_KNOWN);
    word_counts_free(c);
}

TEST(room_is_made_when_there_are_too_many_words)
{
    struct word_counts *c = word_counts_new();
    AUTO_ARENA a = {0};

    for (int i = 0; i < 10000; i++)
        word_counts_put(c, arena_printf(&a, "w%d", i), INT64_MAX, 1, 5000);
    CHECK_INT(ask(c, "w9999", INT64_MAX, 1), 5000);
    CHECK_INT(ask(c, "w0", INT64_MAX, 1), NOT_KNOWN);
    word_counts_free(c);
}

TEST_MAIN()

/* test_str.c - views of bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "tests/support/test.h"

TEST(str_trim_keeps_inner_space)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {"\t\n", ""},
        {"  a b ", "a b"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(str_trim(str_c(rows[i].in)), rows[i].want);
}

TEST(str_next_gives_every_piece_between_separators)
{
    struct str rest = str_c("a,,b,"), piece;
    static const char *const want[] = {"a", "", "b", ""};
    size_t n = 0;

    while (str_next(&rest, ',', &piece)) {
        REQUIRE(n < COUNT(want));
        CHECK_STR(piece, want[n++]);
    }
    CHECK_INT(n, COUNT(want));
}

TEST(str_to_int_takes_the_whole_range_and_nothing_else)
{
    static const struct {
        const char *in;
        bool ok;
        int64_t want;
    } rows[] = {
        {"0", true, 0},
        {"-7", true, -7},
        {"", false, 0},
        {"-", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"+1", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = 0;
        bool ok = str_to_int(str_c(rows[i].in), &got);

        CHECK_INT(ok, rows[i].ok);
        if (ok)
            CHECK_INT(got, rows[i].want);
    }
}

TEST(str_to_double_refuses_what_strtod_would_take_by_surprise)
{
    double got;

    CHECK(str_to_double(STR("0.25"), &got));
    CHECK_NEAR(got, 0.25, 0);
    CHECK(!str_to_double(STR("nan"), &got));
    CHECK(!str_to_double(STR("inf"), &got));
    CHECK(!str_to_double(STR("0x10"), &got));
    CHECK(!str_to_double(STR("1e999"), &got));
    CHECK(!str_to_double(STR(" 1"), &got));
}

TEST(str_find_handles_empty_and_whole)
{
    size_t at = 99;

    CHECK(str_find(STR("abc"), STR(""), &at));
    CHECK_INT(at, 0);
    CHECK(str_find(STR("abc"), STR("bc"), &at));
    CHECK_INT(at, 1);
    CHECK(!str_find(STR("abc"), STR("abcd"), &at));
    CHECK(!str_find((struct str){0}, STR("a"), &at));
}

TEST(among_means_equal_to_one)
{
    static const struct str list[] = {STR_INIT("a"), STR_INIT("bc"), STR_INIT("")};

    CHECK(str_is_among(STR("bc"), list, COUNT(list)));
    CHECK(str_is_among(STR(""), list, COUNT(list)));
    CHECK(!str_is_among(STR("b"), list, COUNT(list)));
    CHECK(!str_is_among(STR("a"), list + 1, 1));
    CHECK(!str_is_among(STR("a"), NULL, 0));
}

TEST_MAIN()

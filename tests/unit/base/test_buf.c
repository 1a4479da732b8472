/* test_buf.c - a growing string with a maximum. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "tests/support/test.h"

TEST(pieces_are_appended_in_order)
{
    AUTO_BUF b = {0};

    buf_add(&b, STR("ab"));
    buf_add_c(&b, "cd");
    buf_add_char(&b, 'e');
    buf_printf(&b, "%d-%s", 12, "x");
    CHECK_STR(buf_str(&b), "abcde12-x");
    CHECK_STR(str_c(buf_cstr(&b)), "abcde12-x");
    CHECK(!b.is_full);
}

TEST(an_empty_buffer_is_usable)
{
    AUTO_BUF b = {0};

    buf_add(&b, (struct str){0});
    CHECK_STR(str_c(buf_cstr(&b)), "");
    buf_drop_front(&b, 10);
    buf_truncate(&b, 10);
    CHECK_INT(b.len, 0);
}

TEST(bytes_are_kept_as_they_are)
{
    AUTO_BUF b = {0};

    buf_add(&b, STR("a\0b"));
    buf_add_char(&b, '\0');
    CHECK_VIEW(buf_str(&b), STR("a\0b\0"));
}

TEST(what_would_pass_the_maximum_is_left_out_whole)
{
    AUTO_BUF b = {.max = 5};

    buf_add_c(&b, "abc");
    buf_add_c(&b, "def");
    CHECK(b.is_full);
    CHECK_STR(buf_str(&b), "abc");
    buf_printf(&b, "%s", "xyz");
    CHECK_STR(buf_str(&b), "abc");
    buf_add_c(&b, "de"); /* exactly up to it fits; is_full stays */
    CHECK_STR(buf_str(&b), "abcde");
    CHECK(b.is_full);
    CHECK(!buf_room(&b, 1));
}

TEST(a_size_that_overflows_is_refused)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, "abc");
    CHECK(!buf_room(&b, SIZE_MAX));
    CHECK(b.is_full);
    CHECK_STR(buf_str(&b), "abc");
}

TEST(clearing_keeps_the_maximum_and_forgets_that_it_was_full)
{
    AUTO_BUF b = {.max = 3};

    buf_add_c(&b, "abcd");
    CHECK(b.is_full);
    buf_clear(&b);
    CHECK(!b.is_full);
    buf_add_c(&b, "xyz");
    CHECK_STR(buf_str(&b), "xyz");
    buf_add_c(&b, "!");
    CHECK(b.is_full);
}

TEST(room_is_filled_by_the_caller)
{
    AUTO_BUF b = {0};
    char *to = buf_room(&b, 3);

    REQUIRE(to);
    memcpy(to, "abc", 3);
    CHECK_INT(b.len, 0);
    b.len += 3;
    CHECK_STR(str_c(buf_cstr(&b)), "abc");
}

TEST(the_front_and_the_end_can_be_dropped)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, "abcdef");
    buf_drop_front(&b, 2);
    CHECK_STR(buf_str(&b), "cdef");
    buf_truncate(&b, 2);
    CHECK_STR(buf_str(&b), "cd");
    buf_truncate(&b, 5); /* longer than it is: nothing */
    CHECK_STR(buf_str(&b), "cd");
    buf_drop_front(&b, 99);
    CHECK_INT(b.len, 0);
}

TEST(growth_keeps_what_is_there)
{
    AUTO_BUF b = {0};

    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%d,", i % 10);
    REQUIRE(b.len == 20000);
    for (size_t i = 0; i < b.len; i += 2)
        REQUIRE(b.ptr[i] == (char)('0' + i / 2 % 10) && b.ptr[i + 1] == ',');
}

TEST_MAIN()

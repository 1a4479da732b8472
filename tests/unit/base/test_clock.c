/* test_clock.c - times and how they are written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "tests/support/test.h"

TEST(times_are_written_as_iso_8601)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59Z"},
        {1778943600123, "2026-05-16T15:00:00.123Z"},
        {1709164800000, "2024-02-29T00:00:00Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {-62167219200000, "0000-01-01T00:00:00Z"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_ISO_MAX];

        clock_iso_utc(rows[i].ms, text);
        CHECK_STR(str_c(text), rows[i].want);
    }
}

TEST(times_that_no_calendar_holds_are_written_too)
{
    char text[CLOCK_ISO_MAX];

    clock_iso_utc(INT64_MAX, text);
    CHECK(strlen(text) < CLOCK_ISO_MAX);
    clock_iso_utc(INT64_MIN, text);
    CHECK(strlen(text) < CLOCK_ISO_MAX);
}

TEST(the_monotonic_clock_does_not_go_back)
{
    int64_t last = clock_monotonic_us();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us();

        REQUIRE(now >= last);
        last = now;
    }
    CHECK(clock_monotonic_ms() >= last / 1000);
    CHECK(clock_now_ms() > 1700000000000);
}

TEST_MAIN()

/*
 * test_time.c - dates, and time expressions.
 *
 * The clock stands at 15:00 on Saturday, 16 May 2026, unless a row says otherwise; the zone is UTC except
 * where a test sets one with summer time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include <stdlib.h>
#include <time.h>

#include "tests/support/test.h"

#define NOW "2026-05-16T15:00"

static int64_t at(const char *date)
{
    int64_t ms = 0;
    struct error err = {0};

    CHECK_OK(memory_parse_date(str_c(date), &ms, &err), err);
    return ms;
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* -- dates ------------------------------------------------------------------------------------- */

TEST(dates_in_every_form)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"1970-01-01", 0},
        {"2026-05-16", 1778889600000},
        {"2026-05-16T15:00", 1778943600000},
        {"2026-05-16 15:00:30", 1778943630000},
        {"2026-05-16T15:00:30.5", 1778943630500},
        {"2026-05-16T15:00:30.1239Z", 1778943630123},
        {"2026-05-16T15:00:00+02:00", 1778936400000},
        {"2026-05-16T15:00:00-0530", 1778963400000},
        {"1969-12-31", -86400000},
        {"2024-02-29", 1709164800000},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(at(rows[i].text), rows[i].want);
}

TEST(what_is_no_date_is_refused)
{
    static const char *const rows[] = {
        "",
        "yesterday",
        "2026",
        "2026-05",
        "2026-13-01",
        "2026-02-30",
        "2025-02-29",
        "2026-05-16T25:00",
        "2026-5-16",
        "2026-05-16T15:60",
        "26-05-16",
        "2026-05-16T15:00:00+2",
        "2026-05-16x",
        "2026-05-16T",
        "-2026-05-16",
        "2026-00-10",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms;
        struct error err = {0};

        if (!CHECK(!memory_parse_date(str_c(rows[i]), &ms, &err)))
            printf("  \"%s\"\n", rows[i]);
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

/* -- expressions ------------------------------------------------------------------------------- */

struct row {
    const char *text;
    const char *from, *until; /* exclusive; NULL: open */
    const char *now;          /* NULL: NOW */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t from_ms = 0, until_ms = 0;
        int64_t now_ms = at(rows[i].now ? rows[i].now : NOW);
        struct error err = {0};
        bool is_ok = CHECK_OK(
            memory_parse_time_expr(str_c(rows[i].text), now_ms, &from_ms, &until_ms, &err),
            err);

        is_ok = is_ok && CHECK_INT(from_ms, rows[i].from ? at(rows[i].from) : 0) &&
                CHECK_INT(until_ms, rows[i].until ? at(rows[i].until) : 0);
        if (!is_ok)
            printf("  \"%s\"\n", rows[i].text);
    }
}

TEST(expressions_that_the_reference_knows)
{
    static const struct row rows[] = {
        {"today", "2026-05-16", "2026-05-17", NULL},
        {"yesterday", "2026-05-15", "2026-05-16", NULL},
        {"yesterday morning", "2026-05-15T05:00", "2026-05-15T12:00", NULL},
        {"yesterday night", "2026-05-15T22:00", "2026-05-16T05:00", NULL},
        {"2 weeks ago", "2026-04-27", "2026-05-04", NULL},
        {"3 days ago", "2026-05-13", "2026-05-14", NULL},
        {"2 months ago", "2026-03-01", "2026-04-01", NULL},
        {"1 year ago", "2025-01-01", "2026-01-01", NULL},
        {"last week", "2026-05-04", "2026-05-11", NULL},
        {"last month", "2026-04-01", "2026-05-01", NULL},
        {"last year", "2025-01-01", "2026-01-01", NULL},
        {"this month", "2026-05-01", "2026-06-01", NULL},
        {"june", "2025-06-01", "2025-07-01", NULL},
        {"winter", "2025-12-21", "2026-03-20", NULL},
        {"2024-03-15", "2024-03-15", "2024-03-16", NULL},
        {"between 3 days ago and today", "2026-05-13", "2026-05-17", NULL},
        {"first half of 2024", "2024-01-01", "2024-07-01", NULL},
        {"third quarter of 2024", "2024-07-01", "2024-10-01", NULL},
    };

    check_rows(rows, COUNT(rows));
}

TEST(holidays_and_seasons_are_the_latest_that_have_begun)
{
    static const struct row rows[] = {
        {"christmas", "2025-12-22", "2025-12-29", NULL},
        {"new year", "2025-12-29", "2026-01-05", NULL},
        {"valentine", "2026-02-13", "2026-02-16", NULL},
        {"last winter", "2025-12-21", "2026-03-20", NULL},
        {"last spring", "2026-03-20", "2026-06-21", "2026-07-15"},
        {"last summer", "2026-06-21", "2026-09-23", "2026-12-30"},
        {"thanksgiving", "2026-11-23", "2026-11-30", "2026-12-30"},
    };

    check_rows(rows, COUNT(rows));
}

TEST(expressions_beyond_the_reference)
{
    static const struct row rows[] = {
        {"between last month and last week", "2026-04-01", "2026-05-11", NULL},
        {"may 5", "2026-05-05", "2026-05-06", NULL},
        {"5 may 2024", "2024-05-05", "2024-05-06", NULL},
        {"march 2024", "2024-03-01", "2024-04-01", NULL},
        {"15/03/2024", "2024-03-15", "2024-03-16", NULL},
        {"2024-01", "2024-01-01", "2024-02-01", NULL},
        {"2024", "2024-01-01", "2025-01-01", NULL},
        {"2023-2024", "2023-01-01", "2025-01-01", NULL},
        {"Q1 2024", "2024-01-01", "2024-04-01", NULL},
        {"last friday", "2026-05-15", "2026-05-16", NULL},
        {"a week ago", "2026-05-04", "2026-05-11", NULL},
        {"2024-01-01 to 2024-02-01", "2024-01-01", "2024-02-02", NULL},
        {"from january to march", "2026-01-01", "2026-04-01", NULL},
        {"day before yesterday", "2026-05-14", "2026-05-15", NULL},
        {"until 2024-02-01", NULL, "2024-02-02", NULL},
        {"LAST WEEK", "2026-05-04", "2026-05-11", NULL},
        {" from the last week. ", "2026-05-04", "2026-05-11", NULL},
        {"\"march 2024\"", "2024-03-01", "2024-04-01", NULL},
        {"since march 2024 until may 2024", "2024-03-01", "2024-06-01", NULL},
    };

    check_rows(rows, COUNT(rows));
}

/* "march" was that of this year, so the range was none and its end alone was taken. */
TEST(a_year_said_once_is_that_of_both_ends)
{
    static const struct row rows[] = {
        {"between march and may 2024", "2024-03-01", "2024-06-01", NULL},
        {"march to may 2024", "2024-03-01", "2024-06-01", NULL},
        {"from november to january 2024", "2023-11-01", "2024-02-01", NULL},
        {"from march 2024 to may", "2024-03-01", "2024-06-01", NULL},
        {"november 2023 to january", "2023-11-01", "2024-02-01", NULL},
        {"between may 5 and may 9, 2024", "2024-05-05", "2024-05-10", NULL},
        {"3/1 to 3/15/2024", "2024-03-01", "2024-03-16", NULL},
        {"between Q1 and Q2 2024", "2024-01-01", "2024-07-01", NULL},
        {"between christmas and june 2024", "2023-12-22", "2024-07-01", NULL},
        {"from march to may", "2026-03-01", "2026-06-01", NULL},
        {"from january 1 2024 to december 31", "2024-01-01", "2025-01-01", NULL},
        {"from march 2024 to february", "2024-03-01", "2025-03-01", NULL},
    };

    check_rows(rows, COUNT(rows));
}

/* These reach up to now, whose end is open or the moment. */
TEST(expressions_that_reach_up_to_now)
{
    static const struct {
        const char *text, *from;
    } rows[] = {
        {"last 3 days", "2026-05-13"},           {"last 2 weeks", "2026-04-27"},
        {"last 1 year", "2025-01-01"},           {"since yesterday", "2026-05-15"},
        {"since march 2024", "2024-03-01"},      {"past two weeks", "2026-04-27"},
        {"recently", "2026-05-09T15:00"},        {"last 24 hours", "2026-05-15T15:00"},
        {"from march 2024 on", "2024-03-01"},    {"from 2024 onwards", "2024-01-01"},
        {"over the last 3 days", "2026-05-13"},  {"since monday", "2026-05-11"},
        {"from yesterday to now", "2026-05-15"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t from_ms = 0, until_ms = 0;
        struct error err = {0};
        bool is_ok = CHECK_OK(memory_parse_time_expr(str_c(rows[i].text), at(NOW), &from_ms,
                                                     &until_ms, &err),
                              err) &&
                     CHECK_INT(from_ms, at(rows[i].from));

        is_ok = is_ok && CHECK(until_ms == 0 || until_ms >= at(NOW));
        if (!is_ok)
            printf("  \"%s\"\n", rows[i].text);
    }
}

TEST(what_is_not_understood_is_an_error)
{
    static const char *const rows[] = {
        "maybe later",
        "marching orders",
        "99999 days ago",
        "9999 years ago",
        "tomorrow",
        "next week",
        "",
        "soonish",
        "2026-13-45",
        "1/2/300",
        "between and",
        /* What was understood in these used to be taken for the whole. */
        "everything except march 2024",
        "not yesterday",
        "-3 days ago",
        "february 30 2024",
        "march 32 2024",
        "last week of march",
        "may or june 2024",
        "yesterday yesterday",
        "over a year ago",
        "over 2 weeks ago",
        "march 2024 on",
        "57 years ago",
        "900 months ago",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t from_ms, until_ms;
        struct error err = {0};

        if (!CHECK(!memory_parse_time_expr(str_c(rows[i]), at(NOW), &from_ms, &until_ms, &err)))
            printf("  \"%s\"\n", rows[i]);
        CHECK(err.text[0]);
    }
}

/* The time that was not meant used to filter the question. */
TEST(a_question_keeps_a_time_that_is_not_meant)
{
    static const struct {
        const char *text, *rest; /* NULL: no time in it */
    } rows[] = {
        {"walrus yesterday", "walrus"},
        {"notes from last week", "notes"},
        {"everything except march 2024", NULL},
        {"decisions, but not from last week", NULL},
        {"what do I do now", NULL},
        {"notes from over a year ago", NULL},
        {"notes over the last week", "notes"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct str rest = {0};
        int64_t from_ms, until_ms;
        bool has_time = memory_extract_time_expr(&a, str_c(rows[i].text), at(NOW), &from_ms,
                                                 &until_ms, &rest);

        if (CHECK_INT(has_time, rows[i].rest != NULL) && has_time)
            CHECK_STR(rest, rows[i].rest);
    }
}

/* -- summer time ------------------------------------------------------------------------------- */

/* In Berlin the night of 29 March 2026 has no hour from 2 to 3, that of 25 October has it twice. */
TEST(days_are_those_of_the_zone)
{
    int64_t from_ms, until_ms;
    struct error err = {0};

    set_zone("Europe/Berlin");
    CHECK_INT(at("2026-03-29"), 1774738800000); /* 23:00 UTC the day before */
    CHECK_INT(at("2026-03-30") - at("2026-03-29"), 23 * 3600 * 1000); /* a short day */
    CHECK_INT(at("2026-10-26") - at("2026-10-25"), 25 * 3600 * 1000); /* a long one */
    CHECK_OK(memory_parse_time_expr(STR("yesterday"), at("2026-03-30T10:00"), &from_ms,
                                    &until_ms, &err),
             err);
    CHECK_INT(from_ms, at("2026-03-29"));
    CHECK_INT(until_ms, at("2026-03-30"));
    CHECK_OK(memory_parse_time_expr(STR("yesterday morning"), at("2026-03-30T10:00"), &from_ms,
                                    &until_ms, &err),
             err);
    CHECK_INT(from_ms, at("2026-03-29T05:00"));
    set_zone("UTC");
}

TEST(the_calendar_counts_days)
{
    struct day d = {2024, 2, 28};

    CHECK_INT(day_add(d, 1).day, 29);
    CHECK_INT(day_add(d, 2).month, 3);
    CHECK_INT(day_add(d, -59).year, 2023);
    CHECK_INT(day_weekday((struct day){2026, 5, 16}), 5); /* Saturday */
    CHECK_INT(day_weekday((struct day){2026, 5, 18}), 0);
    CHECK(day_is_real((struct day){2024, 2, 29}));
    CHECK(!day_is_real((struct day){2023, 2, 29}));
    CHECK(!day_is_real((struct day){2023, 4, 31}));
    CHECK_INT(day_at((struct day){2026, 5, 16}, 15 * 60), at(NOW));
}

TEST_MAIN()

/*
 * calendar.c - dates in the server's time zone, through the C library's zone rules.
 *
 * A day may have 23 or 25 hours; adding days therefore always goes through the calendar, never
 * through multiples of 24 hours.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include <time.h>

struct day day_of(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;

    if (!localtime_r(&seconds, &tm))
        return (struct day){1970, 1, 1};
    return (struct day){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
}

int64_t day_at(struct day d, int minutes)
{
    struct tm tm = {.tm_year = d.year - 1900,
                    .tm_mon = d.month - 1,
                    .tm_mday = d.day,
                    .tm_min = minutes,
                    .tm_isdst = -1};

    return (int64_t)mktime(&tm) * 1000;
}

int64_t day_start(struct day d)
{
    return day_at(d, 0);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar, zones aside (Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", days_from_civil). */
static int64_t day_number(struct day d)
{
    int64_t month = d.month + 12 * (int64_t)d.year - 1;
    int64_t year = month >= 0 ? month / 12 : -((11 - month) / 12);
    int64_t era, year_of_era, day_of_year;

    month = month - year * 12 + 1;
    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468;
}

static struct day day_from_number(int64_t n)
{
    int64_t era, day_of_era, year_of_era, day_of_year, month;

    n += 719468;
    era = (n >= 0 ? n : n - 146096) / 146097;
    day_of_era = n - era * 146097;
    year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;
    return (struct day){(int)(year_of_era + era * 400 + (month >= 10)),
                        (int)(month < 10 ? month + 3 : month - 9),
                        (int)(day_of_year - (153 * month + 2) / 5 + 1)};
}

struct day day_add(struct day d, int days)
{
    return day_from_number(day_number(d) + days);
}

int day_weekday(struct day d)
{
    return (int)(((day_number(d) + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

bool day_is_real(struct day d)
{
    struct day same;

    if (d.year < 1 || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31)
        return false;
    same = day_add(d, 0);
    return same.month == d.month && same.day == d.day;
}

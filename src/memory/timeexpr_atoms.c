/*
 * timeexpr_atoms.c - single times, each by a small recogniser; the longest match wins.
 *
 * A recogniser looks at the tokens from i on and says how many it takes. Times that come round again
 * (a month, a season, a weekday) mean the latest that has begun: memories lie in the past.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/timeexpr_int.h"

#define MINUTE_MS    ((int64_t)60 * 1000)
#define HOUR_MS      (60 * MINUTE_MS)
#define COUNT_MAX    9999 /* of units, as in "9999 days ago" */
#define YEAR_MIN     1970 /* a bare number from here on is a year */
#define YEAR_MAX     2199
#define RECENT_HOURS ((int64_t)7 * 24)

enum unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR, UNIT_NONE };

static struct span since_until(int64_t from_ms, int64_t until_ms)
{
    return (struct span){.from_ms = from_ms, .until_ms = until_ms};
}

static struct span days(struct day from, struct day until)
{
    return since_until(day_start(from), day_start(until));
}

static struct span one_day(struct day d)
{
    return days(d, day_add(d, 1));
}

static struct span month_of(int year, int month)
{
    return days((struct day){year, month, 1}, (struct day){year, month + 1, 1});
}

static struct span year_of(int year)
{
    return days((struct day){year, 1, 1}, (struct day){year + 1, 1, 1});
}

static struct span with_year(struct span span)
{
    span.has_year = true;
    return span;
}

static bool has_begun(const struct scan *s, struct span span)
{
    return span.from_ms <= s->now_ms;
}

/* -- words that name things ------------------------------------------------------------------- */

static bool find_name(struct str word, const char *const *names, size_t n, size_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_c(word, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static enum unit unit_at(const struct scan *s, size_t i)
{
    static const char *const names[] = {"minute", "minutes", "hour", "hours",
                                        "day",    "days",    "week", "weeks",
                                        "month",  "months",  "year", "years"};
    size_t at;

    if (i >= s->n || !find_name(s->tokens[i].text, names, COUNT(names), &at))
        return UNIT_NONE;
    return (enum unit)(at / 2);
}

/* 1-12, or 0. "sept" and three-letter forms are names too, "may" and "mar" among them. */
static int month_at(const struct scan *s, size_t i)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    size_t at;

    if (i >= s->n)
        return 0;
    if (find_name(s->tokens[i].text, names, COUNT(names), &at))
        return (int)at + 1;
    if (str_eq_c(s->tokens[i].text, "sept"))
        return 9;
    for (at = 0; at < COUNT(names); at++) {
        if (s->tokens[i].text.len == 3 &&
            str_eq(s->tokens[i].text, str_sub(str_c(names[at]), 0, 3)))
            return (int)at + 1;
    }
    return 0;
}

static int year_at(const struct scan *s, size_t i)
{
    if (i < s->n && s->tokens[i].is_digits && s->tokens[i].text.len == 4 &&
        s->tokens[i].number >= YEAR_MIN && s->tokens[i].number <= YEAR_MAX)
        return (int)s->tokens[i].number;
    return 0;
}

/* A year at i, or "of <year>"; how many tokens, 0 for none. */
static size_t optional_year(const struct scan *s, size_t i, int *out)
{
    size_t n = token_is(s, i, "of") || token_is(s, i, "in");

    *out = year_at(s, i + n);
    return *out ? n + 1 : 0;
}

/* A count at i: digits or a number word. */
static bool count_at(const struct scan *s, size_t i, int *out)
{
    if (i >= s->n || s->tokens[i].number < 0 || s->tokens[i].number > COUNT_MAX ||
        (s->tokens[i].is_digits && s->tokens[i].text.len > 4))
        return false;
    *out = (int)s->tokens[i].number;
    return true;
}

/* -- times of day ----------------------------------------------------------------------------- */

/* "morning" at i narrows the day d; how many tokens. */
static size_t part_of_day(const struct scan *s, size_t i, struct day d, struct span *out)
{
    static const struct {
        const char *name;
        int from, until; /* minutes into the day */
    } rows[] = {
        {"morning", 5 * 60, 12 * 60},      {"noon", 12 * 60, 13 * 60},
        {"afternoon", 13 * 60, 18 * 60},   {"evening", 18 * 60, 22 * 60},
        {"night", 22 * 60, (24 + 5) * 60}, {"midnight", 0, 60},
    };
    size_t n = token_is(s, i, "at") || token_is(s, i, "in");

    n += n && token_is(s, i + n, "the");
    for (size_t k = 0; k < COUNT(rows); k++) {
        if (token_is(s, i + n, rows[k].name)) {
            *out = since_until(day_at(d, rows[k].from), day_at(d, rows[k].until));
            return n + 1;
        }
    }
    return 0;
}

static size_t day_and_part(const struct scan *s, size_t i, size_t taken, struct day d,
                           struct span *out)
{
    *out = one_day(d);
    return taken + part_of_day(s, i + taken, d, out);
}

/* -- relative times --------------------------------------------------------------------------- */

static struct day monday_of(struct day d)
{
    return day_add(d, -day_weekday(d));
}

/* The whole unit that lies n units back: the day, the Monday-to-Sunday week, the month, … */
static struct span unit_back(const struct scan *s, enum unit unit, int n)
{
    struct day t = s->today, monday = monday_of(t);

    switch (unit) {
    case UNIT_MINUTE:
        return since_until(s->now_ms - n * MINUTE_MS, s->now_ms - (n - 1) * MINUTE_MS);
    case UNIT_HOUR:
        return since_until(s->now_ms - n * HOUR_MS, s->now_ms - (n - 1) * HOUR_MS);
    case UNIT_DAY:
        return one_day(day_add(t, -n));
    case UNIT_WEEK:
        return days(day_add(monday, -7 * n), day_add(monday, 7 - 7 * n));
    case UNIT_MONTH:
        return month_of(t.year, t.month - n);
    case UNIT_YEAR:
    case UNIT_NONE:
        break;
    }
    return year_of(t.year - n);
}

/* Before YEAR_MIN: no memory is from then, and what ends where the clock begins would seem to have no end. */
static bool is_far(const struct scan *s, enum unit unit, int n)
{
    return (unit == UNIT_YEAR && s->today.year - n < YEAR_MIN) ||
           (unit == UNIT_MONTH && 12 * (s->today.year - YEAR_MIN) + s->today.month - 1 < n);
}

/* "3 days ago", "a week ago", "2 hours ago" */
static size_t atom_ago(const struct scan *s, size_t i, struct span *out)
{
    enum unit unit = unit_at(s, i + 1);
    int n;

    if (!count_at(s, i, &n) || unit == UNIT_NONE || !token_is(s, i + 2, "ago") ||
        is_far(s, unit, n))
        return 0;
    if (unit == UNIT_DAY)
        return day_and_part(s, i, 3, day_add(s->today, -n), out);
    *out = unit_back(s, unit, n);
    return 3;
}

static bool is_last(const struct scan *s, size_t i)
{
    return token_is(s, i, "last") || token_is(s, i, "past") || token_is(s, i, "previous");
}

/* "last 3 days", "the past two weeks": from the start of that unit until now. */
static size_t atom_last_n(const struct scan *s, size_t i, struct span *out)
{
    size_t n_the = token_is(s, i, "the");
    enum unit unit = unit_at(s, i + n_the + 2);
    int n;

    if (!is_last(s, i + n_the) || !count_at(s, i + n_the + 1, &n) || unit == UNIT_NONE ||
        is_far(s, unit, n))
        return 0;
    *out = since_until(unit_back(s, unit, n).from_ms, 0);
    return n_the + 3;
}

/* "last week", "this month", "past year", "last hour", "last night" */
static size_t atom_last_unit(const struct scan *s, size_t i, struct span *out)
{
    size_t n_the = token_is(s, i, "the");
    bool is_this = token_is(s, i + n_the, "this");
    enum unit unit = unit_at(s, i + n_the + 1);

    if (token_is(s, i, "last") && token_is(s, i + 1, "night")) {
        part_of_day(s, i + 1, day_add(s->today, -1), out);
        return 2;
    }
    if (is_this && unit == UNIT_NONE && part_of_day(s, i + n_the + 1, s->today, out))
        return has_begun(s, *out) ? n_the + 2 : 0;
    if ((!is_this && !is_last(s, i + n_the)) || unit == UNIT_NONE)
        return 0;
    *out = unit_back(s, unit, is_this ? 0 : 1);
    if (token_is(s, i + n_the, "past") || unit == UNIT_HOUR || unit == UNIT_MINUTE)
        out->until_ms = 0; /* rolling: until now */
    return n_the + 2;
}

/* "today", "yesterday evening", "the day before yesterday", "now" */
static size_t atom_day_word(const struct scan *s, size_t i, struct span *out)
{
    size_t n_the = token_is(s, i, "the");

    if (token_is(s, i, "now")) {
        *out = (struct span){.from_ms = s->now_ms, .is_weak = true};
        return 1;
    }
    if (token_is(s, i, "today"))
        return day_and_part(s, i, 1, s->today, out);
    if (token_is(s, i, "yesterday"))
        return day_and_part(s, i, 1, day_add(s->today, -1), out);
    if (token_is(s, i + n_the, "day") && token_is(s, i + n_the + 1, "before") &&
        token_is(s, i + n_the + 2, "yesterday"))
        return day_and_part(s, i, n_the + 3, day_add(s->today, -2), out);
    return 0;
}

/* "friday", "last friday", "on monday morning" */
static size_t atom_weekday(const struct scan *s, size_t i, struct span *out)
{
    static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday"};
    bool has_last = is_last(s, i);
    size_t n = has_last || token_is(s, i, "on") || token_is(s, i, "this");
    size_t weekday;
    int back;

    if (i + n >= s->n || !find_name(s->tokens[i + n].text, names, COUNT(names), &weekday))
        return 0;
    back = (day_weekday(s->today) - (int)weekday + 7) % 7;
    if (back == 0 && has_last)
        back = 7;
    return day_and_part(s, i, n + 1, day_add(s->today, -back), out);
}

static size_t atom_recent(const struct scan *s, size_t i, struct span *out)
{
    if (!token_is(s, i, "recent") && !token_is(s, i, "recently") && !token_is(s, i, "lately"))
        return 0;
    *out = since_until(s->now_ms - RECENT_HOURS * HOUR_MS, 0);
    return 1;
}

/* -- months and dates ------------------------------------------------------------------------- */

/* The latest year in which that day or month has begun. */
static int year_begun(const struct scan *s, int month, int day)
{
    return s->today.year -
           (month > s->today.month || (month == s->today.month && day > s->today.day));
}

/* A day of the month at i: "5", "5th", "3rd"; how many tokens. */
static size_t ordinal_at(const struct scan *s, size_t i, int *out)
{
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    size_t at;

    if (i >= s->n || !s->tokens[i].is_digits || s->tokens[i].number < 1 ||
        s->tokens[i].number > 31)
        return 0;
    *out = (int)s->tokens[i].number;
    return 1 + (i + 1 < s->n && s->tokens[i + 1].is_glued &&
                find_name(s->tokens[i + 1].text, endings, COUNT(endings), &at));
}

static bool take_day(struct day d, bool has_year, struct span *out)
{
    if (!day_is_real(d))
        return false;
    *out = one_day(d);
    out->has_year = has_year;
    out->is_bare = !has_year;
    return true;
}

/* "march", "march 2024", "last march", "may 5", "may 5th, 2024" */
static size_t atom_month(const struct scan *s, size_t i, struct span *out)
{
    size_t n_last = is_last(s, i) || token_is(s, i, "this");
    int month = month_at(s, i + n_last), year, day;
    size_t n = n_last + 1, n_year, n_day;

    if (!month)
        return 0;
    n_year = optional_year(s, i + n, &year);
    if (n_year) {
        *out = with_year(month_of(year, month));
        return n + n_year;
    }
    n_day = ordinal_at(s, i + n, &day);
    if (n_day) {
        size_t n_comma = token_is(s, i + n + n_day, ",");

        n_year = optional_year(s, i + n + n_day + n_comma, &year);
        year = n_year ? year : year_begun(s, month, day);
        if (take_day((struct day){year, month, day}, n_year != 0, out))
            return n + n_day + (n_year ? n_comma + n_year : 0);
    }
    *out = month_of(year_begun(s, month, 1), month);
    out->is_bare = n_last == 0;
    out->is_weak = n_last == 0 && (token_is(s, i, "may") || token_is(s, i, "march") ||
                                   s->tokens[i].text.len == 3);
    return n;
}

/* "5 may", "5th of may 2024" */
static size_t atom_day_month(const struct scan *s, size_t i, struct span *out)
{
    int day, month, year;
    size_t n = ordinal_at(s, i, &day), n_year;

    if (!n)
        return 0;
    n += token_is(s, i + n, "of");
    month = month_at(s, i + n);
    if (!month)
        return 0;
    n_year = optional_year(s, i + n + 1, &year);
    year = n_year ? year : year_begun(s, month, day);
    return take_day((struct day){year, month, day}, n_year != 0, out) ? n + 1 + n_year : 0;
}

static bool is_separator(const struct scan *s, size_t i, const char *sep)
{
    return token_is(s, i, sep) && s->tokens[i].is_glued && i + 1 < s->n &&
           s->tokens[i + 1].is_glued && s->tokens[i + 1].is_digits;
}

/* Up to three numbers joined by the same sign: 2024-01-15, 3/15/24. How many. */
static size_t joined_numbers(const struct scan *s, size_t i, int out[3])
{
    size_t n = 1;
    const char *sep = is_separator(s, i + 1, "-")   ? "-"
                      : is_separator(s, i + 1, "/") ? "/"
                                                    : NULL;

    if (i >= s->n || !s->tokens[i].is_digits || s->tokens[i].number > COUNT_MAX || !sep)
        return 0;
    out[0] = (int)s->tokens[i].number;
    while (n < 3 && is_separator(s, i + 2 * n - 1, sep) &&
           s->tokens[i + 2 * n].number <= COUNT_MAX) {
        out[n] = (int)s->tokens[i + 2 * n].number;
        n++;
    }
    return n;
}

/* 24 is 2024, 85 is 1985. */
static int whole_year(int year)
{
    return year >= 100 ? year : year < 50 ? 2000 + year : 1900 + year;
}

/* "2024-01-15", "2024-01", "3/15", "3/15/2024" (month first), "15/03/2024" (day first if it must) */
static size_t atom_numeric(const struct scan *s, size_t i, struct span *out)
{
    int v[3];
    size_t n = joined_numbers(s, i, v);
    struct day d;

    if (n < 2)
        return 0;
    if (v[0] >= YEAR_MIN) {
        d = (struct day){v[0], v[1], n == 3 ? v[2] : 1};
        if (!day_is_real(d))
            return 0;
        *out = with_year(n == 3 ? one_day(d) : month_of(v[0], v[1]));
        return 2 * n - 1;
    }
    d = (struct day){0, v[0], v[1]};
    if (d.month > 12 && n == 3)
        d = (struct day){0, v[1], v[0]};
    d.year = n == 3 ? whole_year(v[2]) : year_begun(s, d.month, d.day);
    if (d.year < YEAR_MIN)
        return 0;
    return take_day(d, n == 3, out) ? 2 * n - 1 : 0;
}

/* Whether the number at i is part of a date that is none: the 2024 of "2024-13-45" or "45/13/2024". */
static bool is_in_bad_date(const struct scan *s, size_t i)
{
    int v[3];
    bool has_before = i >= 2 && s->tokens[i].is_glued && s->tokens[i - 1].is_glued &&
                      s->tokens[i - 2].is_digits && !year_at(s, i - 2);

    return has_before || (joined_numbers(s, i, v) >= 2 && v[1] < YEAR_MIN);
}

static size_t atom_year(const struct scan *s, size_t i, struct span *out)
{
    size_t n = token_is(s, i, "in");
    int year = year_at(s, i + n);

    if (!year || is_in_bad_date(s, i + n))
        return 0;
    *out = with_year(year_of(year));
    return n + 1;
}

/* -- parts of a year -------------------------------------------------------------------------- */

/* 1-4 for "first" … "fourth", "1st" … "4th"; how many tokens. */
static size_t position_at(const struct scan *s, size_t i, int *out)
{
    static const char *const names[] = {"first", "second", "third", "fourth"};
    size_t at, n;

    if (i < s->n && find_name(s->tokens[i].text, names, COUNT(names), &at)) {
        *out = (int)at + 1;
        return 1;
    }
    n = ordinal_at(s, i, out);
    return n == 2 && *out <= 4 ? n : 0;
}

static struct span part_of_year(int year, int n_months, int position)
{
    return days((struct day){year, n_months * (position - 1) + 1, 1},
                (struct day){year, n_months * position + 1, 1});
}

/* "Q1 2024", "first quarter of 2024", "second half of 2024", "last quarter" is not known. */
static size_t atom_quarter(const struct scan *s, size_t i, struct span *out)
{
    size_t n_the = token_is(s, i, "the"), n, n_year;
    int position, year, n_months;

    if (token_is(s, i, "q") && i + 1 < s->n && s->tokens[i + 1].is_glued &&
        s->tokens[i + 1].is_digits && s->tokens[i + 1].number >= 1 &&
        s->tokens[i + 1].number <= 4) {
        position = (int)s->tokens[i + 1].number;
        n_months = 3;
        n = 2;
    } else {
        n = n_the + position_at(s, i + n_the, &position);
        n_months = token_is(s, i + n, "quarter") ? 3 : token_is(s, i + n, "half") ? 6 : 0;
        if (n == n_the || !n_months || position > 12 / n_months)
            return 0;
        n++;
    }
    n_year = optional_year(s, i + n, &year);
    *out = part_of_year(n_year ? year : s->today.year, n_months, position);
    if (!n_year && !has_begun(s, *out))
        *out = part_of_year(s->today.year - 1, n_months, position);
    out->has_year = n_year != 0;
    out->is_bare = !n_year;
    return n + n_year;
}

struct period {
    const char *name;
    int month, day; /* first day */
    int until_month,
        until_day; /* the day after the last; in the next year if not after the first */
};

/* Northern seasons, and holidays with the days around them. */
static const struct period periods[] = {
    {"spring", 3, 20, 6, 21},    {"summer", 6, 21, 9, 23},     {"fall", 9, 23, 12, 21},
    {"autumn", 9, 23, 12, 21},   {"winter", 12, 21, 3, 20},    {"christmas", 12, 22, 12, 29},
    {"valentine", 2, 13, 2, 16}, {"valentines", 2, 13, 2, 16}, {"halloween", 10, 28, 11, 4},
};
#define N_SEASONS 5

static struct span period_in(const struct period *p, int year)
{
    bool wraps = p->until_month < p->month;

    return days((struct day){year, p->month, p->day},
                (struct day){year + wraps, p->until_month, p->until_day});
}

static struct span thanksgiving_in(int year)
{
    struct day first = {year, 11, 1};
    int to_thursday = (3 - day_weekday(first) + 7) % 7;
    struct day d = day_add(first, to_thursday + 21);

    return days(day_add(d, -3), day_add(d, 4));
}

static struct span new_year_in(int year)
{
    return days((struct day){year - 1, 12, 29}, (struct day){year, 1, 5});
}

/* The latest that has begun; with skip_running, the latest that is over. */
static struct span latest(const struct scan *s, const struct period *p,
                          struct span (*in)(int year), bool skip_running)
{
    struct span span = {0};

    for (int year = s->today.year + 1; year >= s->today.year - 2; year--) {
        span = p ? period_in(p, year) : in(year);
        if (skip_running ? span.until_ms <= s->now_ms : has_begun(s, span))
            break;
    }
    return span;
}

static size_t period_or(const struct scan *s, size_t i, size_t n, const struct period *p,
                        struct span (*in)(int year), bool has_last, struct span *out)
{
    int year;
    size_t n_year = optional_year(s, i + n, &year);

    *out = n_year ? (p ? period_in(p, year) : in(year)) : latest(s, p, in, has_last);
    out->has_year = n_year != 0;
    out->is_bare = !n_year && !has_last;
    return n + n_year;
}

/* "winter", "last summer", "christmas 2024", "thanksgiving", "new year" */
static size_t atom_period(const struct scan *s, size_t i, struct span *out)
{
    bool has_last = is_last(s, i);
    size_t n = has_last || token_is(s, i, "this");

    if (token_is(s, i + n, "thanksgiving"))
        return period_or(s, i, n + 1, NULL, thanksgiving_in, false, out);
    if (token_is(s, i + n, "new") &&
        (token_is(s, i + n + 1, "year") || token_is(s, i + n + 1, "years")))
        return period_or(s, i, n + 2, NULL, new_year_in, false, out);
    for (size_t k = 0; k < COUNT(periods); k++) {
        if (token_is(s, i + n, periods[k].name))
            return period_or(s, i, n + 1, &periods[k], NULL, has_last && k < N_SEASONS, out);
    }
    return 0;
}

/* -- all of them ------------------------------------------------------------------------------ */

size_t time_atom(const struct scan *s, size_t i, struct span *out)
{
    static size_t (*const atoms[])(const struct scan *, size_t, struct span *) = {
        atom_ago,     atom_last_n,    atom_last_unit, atom_day_word, atom_weekday, atom_recent,
        atom_numeric, atom_day_month, atom_month,     atom_year,     atom_quarter, atom_period,
    };
    size_t longest = 0;

    for (size_t k = 0; k < COUNT(atoms); k++) {
        struct span span = {0};
        size_t n = atoms[k](s, i, &span);

        if (n > longest && i + n <= s->n) {
            longest = n;
            *out = span;
        }
    }
    return longest;
}

/*
 * dates.c - ISO 8601 dates and times as arguments.
 *
 *   2026-05-16   2026-05-16T15:00   2026-05-16 15:00:30.5   …Z   …+02:00   …+0200
 *
 * Without an offset it is the server's local time; a date alone is its local midnight.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

/* Takes exactly n digits off *rest. */
static bool take_digits(struct str *rest, size_t n, int *out)
{
    int64_t value;

    if (rest->len < n || str_sub(*rest, 0, 1).ptr[0] == '-' ||
        !str_to_int(str_sub(*rest, 0, n), &value))
        return false;
    *rest = str_sub(*rest, n, rest->len);
    *out = (int)value;
    return true;
}

static bool take_char(struct str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = str_sub(*rest, 1, rest->len);
    return true;
}

static bool take_date(struct str *rest, struct day *out)
{
    struct day d;

    if (!take_digits(rest, 4, &d.year) || !take_char(rest, '-') ||
        !take_digits(rest, 2, &d.month) || !take_char(rest, '-') ||
        !take_digits(rest, 2, &d.day) || !day_is_real(d))
        return false;
    *out = d;
    return true;
}

/* The digits after the decimal point as milliseconds; further ones are read over. */
static int take_fraction(struct str *rest)
{
    int ms = 0, scale = 100, digit;

    while (take_digits(rest, 1, &digit)) {
        ms += digit * scale;
        scale /= 10;
    }
    return ms;
}

/* "T15:00", " 15:00:30.5"; the time of day in ms. */
static bool take_time(struct str *rest, int64_t *out_ms)
{
    int hour, minute, second = 0, fraction = 0;

    if ((!take_char(rest, 'T') && !take_char(rest, 't') && !take_char(rest, ' ')) ||
        !take_digits(rest, 2, &hour) || !take_char(rest, ':') || !take_digits(rest, 2, &minute))
        return false;
    if (take_char(rest, ':') && !take_digits(rest, 2, &second))
        return false;
    if (take_char(rest, '.'))
        fraction = take_fraction(rest);
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *out_ms = (((int64_t)hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

/* "Z", "+02:00", "-0530", "+02"; minutes east of UTC. */
static bool take_offset(struct str *rest, int *out_minutes)
{
    int hours, minutes = 0;
    bool is_west;

    *out_minutes = 0;
    if (take_char(rest, 'Z') || take_char(rest, 'z'))
        return true;
    is_west = rest->len && rest->ptr[0] == '-';
    if ((!take_char(rest, '+') && !take_char(rest, '-')) || !take_digits(rest, 2, &hours))
        return false;
    take_char(rest, ':');
    if (rest->len && !take_digits(rest, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *out_minutes = (is_west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static int64_t utc_ms(struct day d, int64_t time_ms)
{
    struct tm tm = {.tm_year = d.year - 1900, .tm_mon = d.month - 1, .tm_mday = d.day};

    return (int64_t)timegm(&tm) * 1000 + time_ms;
}

bool memory_parse_date(struct str text, int64_t *out_ms, struct error *err)
{
    struct str rest = str_trim(text);
    struct day d = {0};
    int64_t time_ms = 0;
    int offset;
    bool has_time, is_ok = take_date(&rest, &d);

    has_time = is_ok && rest.len > 0;
    if (has_time)
        is_ok = take_time(&rest, &time_ms);
    if (is_ok && rest.len == 0) {
        *out_ms = day_at(d, (int)(time_ms / 60000)) + time_ms % 60000;
        return true;
    }
    if (is_ok && take_offset(&rest, &offset) && rest.len == 0) {
        *out_ms = utc_ms(d, time_ms) - (int64_t)offset * 60000;
        return true;
    }
    return error_set(err, ERROR_INVALID,
                     "'" STR_FMT
                     "' is no date; use YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, with Z or an "
                     "offset for other than local time",
                     STR_ARG(str_sub(text, 0, 60)));
}

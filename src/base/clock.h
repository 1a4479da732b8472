/*
 * clock.h - the time of day and a clock that never goes back.
 *
 * Times are int64_t milliseconds. Code that must be testable takes the time as an argument; only the
 * doors and workers call these.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t clock_now_ms(void);       /* UTC, since 1970-01-01; may jump when the clock is set */
int64_t clock_monotonic_ms(void); /* since some start; for durations and deadlines */
int64_t clock_monotonic_us(void);

/* "2026-05-16T15:00:00.123Z"; the fraction is left out when it is zero. */
#define CLOCK_ISO_MAX 80
void clock_iso_utc(int64_t ms, char out[CLOCK_ISO_MAX]);

#endif

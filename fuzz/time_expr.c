/*
 * time_expr.c - any text as a date, as a time expression, and as a question that may hold one.
 *
 * The first byte chooses the moment that is now. A range that is handed out has begun, and does not end
 * before it begins; what is left of a question is not longer than it was, and still text.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory.h"

#include <stdlib.h>

#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_MS ((int64_t)1000 * 60 * 60 * 1000) /* some 42 days: the choices cover 29 years */
#define FROM_MS ((int64_t)1000000000000)         /* September 2001 */

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_range(int64_t from_ms, int64_t until_ms, int64_t now_ms)
{
    must(from_ms <= now_ms);
    must(until_ms == 0 || until_ms > from_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA a = {0};
    struct str text, rest;
    int64_t now_ms, from_ms, until_ms;
    struct error err = {0};

    if (size == 0)
        return 0;
    now_ms = FROM_MS + data[0] * STEP_MS;
    text = str_n((const char *)data + 1, size - 1);
    if (!text_is_utf8(text)) /* refused before it comes here */
        return 0;
    if (!memory_parse_date(text, &from_ms, &err))
        must(err.kind == ERROR_INVALID);
    if (memory_parse_time_expr(text, now_ms, &from_ms, &until_ms, &err))
        check_range(from_ms, until_ms, now_ms);
    else
        must(err.kind == ERROR_INVALID && err.text[0]);
    if (memory_extract_time_expr(&a, text, now_ms, &from_ms, &until_ms, &rest)) {
        check_range(from_ms, until_ms, now_ms);
        must(rest.len < text.len && text_is_utf8(rest));
    }
    return 0;
}

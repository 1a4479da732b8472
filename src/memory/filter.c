/*
 * filter.c - what callers give as content, tags, types and filters, checked and in normal form.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "text/text.h"

bool check_content(struct str content, struct error *err)
{
    if (content.len > MEMORY_CONTENT_MAX_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "content has %zu bytes, at most %zu are allowed; store it in parts",
                         content.len, MEMORY_CONTENT_MAX_BYTES);
    if (!text_check(content, err))
        return error_wrap(err, "content");
    if (text_strip(content).len == 0)
        return error_set(err, ERROR_INVALID, "content is empty; give the text to remember");
    return true;
}

bool check_length(const struct memory_service *m, struct str content, struct error *err)
{
    size_t max = m->options.content_max_chars, n = max ? text_count(content) : 0;

    if (n > max)
        return error_set(err, ERROR_LIMIT,
                         "content has %zu characters, at most %zu are allowed", n, max);
    return true;
}

bool check_tags(const struct str *tags, size_t n, const char *what, struct error *err)
{
    if (n > MEMORY_TAGS_MAX)
        return error_set(err, ERROR_LIMIT, "%s: more than %d were given; use fewer", what,
                         MEMORY_TAGS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!text_check(tags[i], err))
            return error_wrap(err, "%s[%zu]", what, i);
    }
    return true;
}

bool check_type(struct str type, struct error *err)
{
    if (!text_check(type, err))
        return error_wrap(err, "memory_type");
    if (text_count(type) > MEMORY_TYPE_MAX_CHARS)
        return error_set(err, ERROR_LIMIT, "memory_type has more than %d characters",
                         MEMORY_TYPE_MAX_CHARS);
    return true;
}

bool filter_is_empty(const struct memory_filter *f)
{
    return !f->n_tags && !f->n_types && !f->is_nothing && !f->from_ms && !f->until_ms &&
           !f->stale_before_ms && f->min_quality <= 0 && f->max_quality <= 0 && !f->exact.len;
}

static bool check_filter(const struct memory_filter *f, struct error *err)
{
    if (!check_tags(f->tags, f->n_tags, "tags", err))
        return false;
    if (f->n_types > FILTER_TYPES_MAX)
        return error_set(err, ERROR_LIMIT, "%zu types were given, at most %d are allowed",
                         f->n_types, FILTER_TYPES_MAX);
    for (size_t i = 0; i < f->n_types; i++) {
        if (!check_type(f->types[i], err))
            return false;
    }
    return text_check(f->exact, err);
}

bool filter_prepare(struct arena *a, const struct memory_filter *in, struct str time_expr,
                    int64_t now_ms, struct memory_filter *out, struct error *err)
{
    struct memory_filter f = *in;

    if (!check_filter(in, err))
        return false;
    memory_normalise_tags(a, in->tags, in->n_tags, &f.tags, &f.n_tags);
    if (in->n_tags && !f.n_tags)
        f.is_nothing = true; /* tags were asked for, but none that can exist */
    if (time_expr.len &&
        !memory_parse_time_expr(time_expr, now_ms, &f.from_ms, &f.until_ms, err))
        return false;
    *out = f;
    return true;
}

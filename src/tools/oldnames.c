/*
 * oldnames.c - tool names of earlier versions of the reference.
 *
 * Clients keep tool lists for long and go on calling names that are gone, so each old name lives on
 * as a hidden tool: its arguments are rewritten and the new tool answers. Where the reference's own
 * rewriting changed what a call meant, the old meaning counts: an end date includes its day, a start
 * date alone is that day, a time expression inside a question is taken out of it.
 *
 * The names that belong to consolidation, ingestion, quality and the graph come with those tools.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "base/clock.h"

/* -- building blocks -------------------------------------------------------------------------- */

/* Gives the new tool args[from] as to; absent stays absent. */
static void move(json_t *args, const char *from, json_t *out, const char *to)
{
    json_t *value = json_object_get(args, from);

    if (value)
        obj_put(out, to, json_incref(value));
}

static bool need(const json_t *args, const char *key, struct error *err)
{
    return json_has(args, key) || error_set(err, ERROR_INVALID, "%s: missing", key);
}

static void put_default_int(json_t *out, const char *key, int64_t value)
{
    if (!json_has(out, key))
        obj_put_int(out, key, value);
}

/* A single tag becomes a list of one, so that a comma in it separates nothing. */
static void move_tag(json_t *args, json_t *out)
{
    json_t *tag = json_object_get(args, "tag"); /* borrowed */

    if (json_is_string(tag))
        obj_put(out, "tags", json_pack("[O]", tag));
    else
        move(args, "tag", out, "tags");
}

/* The day after the date that text begins with: "before" is exclusive, the old ends were not. */
static bool day_after(const struct tool_call *c, const char *key, struct str text,
                      struct str *out, struct error *err)
{
    struct str date = str_sub(text, 0, strlen("YYYY-MM-DD"));
    int64_t year, month, day, ms;
    struct tm tm;

    if (!memory_parse_date(date, &ms, err))
        return error_wrap(err, "%s", key);
    if (!str_to_int(str_sub(date, 0, 4), &year) || !str_to_int(str_sub(date, 5, 7), &month) ||
        !str_to_int(str_sub(date, 8, 10), &day))
        return error_set(err, ERROR_INVALID, "%s: not of the form YYYY-MM-DD", key);
    tm = (struct tm){
        .tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day + 1};
    timegm(&tm); /* carries the day over into month and year */
    *out =
        arena_printf(c->arena, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    return true;
}

/* start_date and end_date, both with their whole day; start_date alone is that day. */
static bool move_days(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    const char *end_key = json_has(args, "end_date") ? "end_date" : "start_date";
    struct str start = {0}, end = {0}, before;

    if (!json_get_str(args, "", "start_date", &start, err) ||
        !json_get_str(args, "", end_key, &end, err) || !need(args, "start_date", err) ||
        !day_after(c, end_key, end, &before, err))
        return false;
    obj_put_str(out, "after", start);
    obj_put_str(out, "before", before);
    return true;
}

/* -- one function per way of rewriting -------------------------------------------------------- */

static bool same(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c, (void)err;
    return json_object_update(out, args) == 0;
}

static bool by_hash(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "content_hash", out, "content_hash");
    return need(args, "content_hash", err);
}

static bool by_tag(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move_tag(args, out);
    return need(args, "tag", err);
}

static bool by_tags(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "tags", out, "tags");
    return need(args, "tags", err);
}

static bool by_all_tags(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    obj_put_str(out, "tag_match", STR("all"));
    return by_tags(c, args, out, err);
}

static bool by_days(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    move_tag(args, out);
    return move_days(c, args, out, err);
}

static bool before_date(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "before_date", out, "before");
    move_tag(args, out);
    return need(args, "before_date", err);
}

static void move_size(json_t *args, json_t *out, int64_t default_limit)
{
    move(args, "n_results", out, "limit");
    put_default_int(out, "limit", default_limit);
    move(args, "max_response_chars", out, "max_response_chars");
}

static bool retrieve(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "query", out, "query");
    move_size(args, out, 5);
    obj_put_str(out, "mode", STR("semantic"));
    return need(args, "query", err);
}

/* "what did we decide last week": the time becomes a filter, the rest the query. */
static bool recall(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    struct str query = {0}, rest;
    int64_t from_ms = 0, until_ms = 0;
    char iso[CLOCK_ISO_MAX];

    move_size(args, out, 5);
    obj_put_str(out, "mode", STR("semantic"));
    if (!json_get_str(args, "", "query", &query, err) || !need(args, "query", err))
        return false;
    if (!memory_extract_time_expr(c->arena, query, c->now_ms, &from_ms, &until_ms, &rest))
        rest = query;
    obj_put_str(out, "query", rest);
    clock_iso_utc(from_ms, iso);
    if (from_ms)
        obj_put_str(out, "after", str_c(iso));
    clock_iso_utc(until_ms, iso);
    if (until_ms)
        obj_put_str(out, "before", str_c(iso));
    return true;
}

static bool recall_days(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    move_size(args, out, 5);
    return move_days(c, args, out, err);
}

static bool with_quality(const struct tool_call *c, json_t *args, json_t *out,
                         struct error *err)
{
    (void)c;
    move(args, "query", out, "query");
    move_size(args, out, 10);
    move(args, "quality_weight", out, "quality_boost");
    if (!json_has(out, "quality_boost"))
        obj_put_real(out, "quality_boost", 0.3);
    obj_put_str(out, "mode", STR("hybrid"));
    return need(args, "query", err);
}

static bool exact(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "content", out, "query");
    obj_put_str(out, "mode", STR("exact"));
    return need(args, "content", err);
}

static bool debug(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    (void)c;
    move(args, "query", out, "query");
    move_size(args, out, 5);
    obj_put_bool(out, "include_debug", true);
    return need(args, "query", err);
}

/* Other surfaces of the reference paged with limit and took a single tag. */
static bool list(const struct tool_call *c, json_t *args, json_t *out, struct error *err)
{
    same(c, args, out, err);
    if (!json_has(args, "page_size"))
        move(args, "limit", out, "page_size");
    if (!json_has(args, "tags"))
        move_tag(args, out);
    return true;
}

/* It gave every match: the longest page comes nearest, has_more says when that was not all. */
static bool search_by_tag(const struct tool_call *c, json_t *args, json_t *out,
                          struct error *err)
{
    (void)c, (void)err;
    if (json_has(args, "tags"))
        move(args, "tags", out, "tags");
    else
        move_tag(args, out);
    if (!json_has(out, "tags"))
        obj_put(out, "tags", json_array());
    if (str_eq_c(json_view(json_object_get(args, "operation")), "AND") ||
        json_is_true(json_object_get(args, "match_all")))
        obj_put_str(out, "tag_match", STR("all"));
    obj_put_int(out, "page_size", 100);
    return true;
}

const struct old_name old_names[] = {
    {"store_memory", &tool_store, same},
    {"delete_memory", &tool_delete, by_hash},
    {"delete_by_tag", &tool_delete, by_tag},
    {"delete_by_tags", &tool_delete, by_tags},
    {"delete_by_all_tags", &tool_delete, by_all_tags},
    {"delete_by_timeframe", &tool_delete, by_days},
    {"delete_before_date", &tool_delete, before_date},
    {"cleanup_duplicates", &tool_cleanup, same},
    {"retrieve_memory", &tool_search, retrieve},
    {"recall_memory", &tool_search, recall},
    {"recall_by_timeframe", &tool_search, recall_days},
    {"retrieve_with_quality_boost", &tool_search, with_quality},
    {"exact_match_retrieve", &tool_search, exact},
    {"debug_retrieve", &tool_search, debug},
    {"list_memories", &tool_list, list},
    {"search_by_tag", &tool_list, search_by_tag},
    {"update_memory_metadata", &tool_update, same},
    {"check_database_health", &tool_health, same},
    {"get_cache_stats", &tool_stats, same},
};
const size_t n_old_names = COUNT(old_names);

bool old_name_rewrite(const struct tool_call *c, const struct old_name *old, const json_t *args,
                      json_t **out, struct error *err)
{
    AUTO_JSON *given = json_must(json_deep_copy(args));
    AUTO_JSON *rewritten = json_must(json_object());
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(given, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(given, key);
    }
    if (!old->rewrite(c, given, rewritten, err))
        return false;
    *out = STEAL(rewritten);
    return true;
}

/*
 * prompts.c - ready-made messages for a person to start from.
 *
 * A prompt builds arguments, runs a tool and wraps its answer; none writes. Values are strings, as the
 * protocol has it; lists in them are separated by commas.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "base/clock.h"

#define REVIEW_LIMIT   20
#define EXPORT_LIMIT   100
#define ANALYSIS_LIMIT 1000
#define ANALYSIS_PAGE  100
#define TOP_TAGS       10

static bool need(const json_t *args, const char *key, struct str *out, struct error *err)
{
    if (!json_get_str(args, "", key, out, err))
        return false;
    return str_trim(*out).len || error_set(err, ERROR_INVALID, "%s: missing", key);
}

/* -- memory_review ----------------------------------------------------------------------------- */

static bool write_review(const struct tool_call *c, const json_t *args, struct buf *out,
                         struct error *err)
{
    AUTO(tool_result_deinit) struct tool_result found = {0};
    AUTO_JSON *search = json_must(json_object());
    struct str period = {0}, focus = {0};

    if (!need(args, "time_period", &period, err) ||
        !json_get_str(args, "", "focus_area", &focus, err))
        return false;
    obj_put_str(search, "time_expr", period);
    obj_put_str(search, "query", focus);
    obj_put_int(search, "limit", REVIEW_LIMIT);
    if (!tool_search.run(c, search, &found, err))
        return false;
    buf_printf(out, "Review what was remembered (" STR_FMT ")",
               STR_ARG(show_query(c->arena, period)));
    if (focus.len)
        buf_printf(out, ", as far as it has to do with '" STR_FMT "'",
                   STR_ARG(show_query(c->arena, focus)));
    buf_add(out, STR(": what stands out, what is out of date, what is missing?\n\n"));
    buf_add(out, buf_str(&found.text));
    return true;
}

/* -- memory_analysis --------------------------------------------------------------------------- */

static void tally_add(json_t *counts, const char *name)
{
    obj_put_int(counts, name, json_integer_value(json_object_get(counts, name)) + 1);
}

static void tally_memory(const json_t *memory, json_t *tags, json_t *types)
{
    const json_t *list = json_object_get(memory, "tags");
    const char *type = json_string_value(json_object_get(memory, "memory_type"));

    for (size_t i = 0; i < json_array_size(list); i++)
        tally_add(tags, json_string_value(json_array_get(list, i)));
    tally_add(types, type ? type : "(none)");
}

struct named_count {
    const char *name;
    json_int_t n;
};

static int by_count(const void *left, const void *right)
{
    const struct named_count *a = left, *b = right;

    if (a->n != b->n)
        return a->n < b->n ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* "a 3, b 1", the most frequent first, at most limit. */
static void add_counts(const struct tool_call *c, json_t *counts, size_t limit, struct buf *out)
{
    struct named_count *rows =
        ARENA_NEW(c->arena, struct named_count, json_object_size(counts));
    const char *key;
    json_t *value;
    size_t n = 0;

    json_object_foreach(counts, key, value)
    {
        rows[n++] = (struct named_count){key, json_integer_value(value)};
    }
    qsort(rows, n, sizeof(*rows), by_count);
    for (size_t i = 0; i < MIN(n, limit); i++)
        buf_printf(out, "%s%s %lld", i ? ", " : "", rows[i].name, (long long)rows[i].n);
    buf_add_char(out, '\n');
}

/* The window of a time expression as after and before. */
static bool put_window(const struct tool_call *c, const char *key, struct str expr,
                       json_t *filter, struct error *err)
{
    int64_t from_ms = 0, until_ms = 0;
    char iso[CLOCK_ISO_MAX];

    if (str_trim(expr).len == 0)
        return true;
    if (!memory_parse_time_expr(expr, c->now_ms, &from_ms, &until_ms, err))
        return error_wrap(err, "%s", key);
    clock_iso_utc(from_ms, iso);
    if (from_ms)
        obj_put_str(filter, "after", str_c(iso));
    clock_iso_utc(until_ms, iso);
    if (until_ms)
        obj_put_str(filter, "before", str_c(iso));
    return true;
}

struct analysis {
    json_t *tags;  /* name -> number */
    json_t *types; /* name -> number */
    int64_t n;     /* counted */
    int64_t total; /* that match */
};

static void analysis_deinit(struct analysis *a)
{
    json_decref(a->tags);
    json_decref(a->types);
}

/* Counts the memories that filter lists, page by page, without their content. */
static bool analyse(const struct tool_call *c, json_t *filter, struct analysis *a,
                    struct error *err)
{
    bool has_more = true;

    obj_put_bool(filter, "compact", true);
    obj_put_int(filter, "page_size", ANALYSIS_PAGE);
    while (has_more && a->n < ANALYSIS_LIMIT) {
        AUTO(tool_result_deinit) struct tool_result found = {0};
        const json_t *memories;

        obj_put_int(filter, "offset", a->n);
        if (!tool_list.run(c, filter, &found, err))
            return false;
        memories = json_object_get(found.data, "memories");
        for (size_t i = 0; i < json_array_size(memories); i++)
            tally_memory(json_array_get(memories, i), a->tags, a->types);
        a->n += (int64_t)json_array_size(memories);
        a->total = json_integer_value(json_object_get(found.data, "total"));
        has_more = json_is_true(json_object_get(found.data, "has_more")) &&
                   json_array_size(memories) > 0;
    }
    return true;
}

static bool write_analysis(const struct tool_call *c, const json_t *args, struct buf *out,
                           struct error *err)
{
    AUTO(analysis_deinit)
    struct analysis a = {json_must(json_object()), json_must(json_object()), 0, 0};
    AUTO_JSON *filter = json_must(json_object());
    struct str tags = {0}, range = {0};

    if (!json_get_str(args, "", "tags", &tags, err) ||
        !json_get_str(args, "", "time_range", &range, err) ||
        !put_window(c, "time_range", range, filter, err))
        return false;
    if (str_trim(tags).len)
        obj_put_str(filter, "tags", tags);
    if (!analyse(c, filter, &a, err))
        return false;
    buf_printf(out,
               "What patterns do these counts of %lld memories show, and what follows?\n\n",
               (long long)a.n);
    if (a.n < a.total)
        buf_printf(out, "Only the %lld newest of %lld were counted.\n", (long long)a.n,
                   (long long)a.total);
    buf_printf(out, "Total: %lld\nTop tags: ", (long long)a.total);
    add_counts(c, a.tags, TOP_TAGS, out);
    buf_add(out, STR("Types: "));
    add_counts(c, a.types, json_object_size(a.types), out);
    return true;
}

/* -- knowledge_export -------------------------------------------------------------------------- */

/* Up to EXPORT_LIMIT memories: all, those with one of the tags (a filter with a comma), or the
 * answer to a question. */
static bool export_find(const struct tool_call *c, struct str filter, struct tool_result *out,
                        struct error *err)
{
    AUTO_JSON *args = json_must(json_object());
    size_t comma;

    obj_put_int(args, "limit", EXPORT_LIMIT);
    obj_put_int(args, "page_size", EXPORT_LIMIT);
    if (str_trim(filter).len == 0)
        return tool_list.run(c, args, out, err);
    if (!str_find_char(filter, ',', &comma)) {
        obj_put_str(args, "query", filter);
        return tool_search.run(c, args, out, err);
    }
    obj_put_str(args, "tags", filter);
    return tool_list.run(c, args, out, err);
}

static const char *text_of(const json_t *memory, const char *key)
{
    const char *text = json_string_value(json_object_get(memory, key));

    return text ? text : "";
}

static void add_tags(const json_t *memory, struct buf *out)
{
    const json_t *tags = json_object_get(memory, "tags");

    for (size_t i = 0; i < json_array_size(tags); i++)
        buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(tags, i)));
}

static void add_markdown(const json_t *memory, struct buf *out)
{
    buf_printf(out, "## %s\n\n", text_of(memory, "created_at_iso"));
    buf_add_c(out, text_of(memory, "content"));
    buf_printf(out, "\n\n- Type: %s\n- Tags: ", text_of(memory, "memory_type"));
    add_tags(memory, out);
    buf_printf(out, "\n- Hash: `%s`\n\n", text_of(memory, "content_hash"));
}

static void add_plain(const json_t *memory, struct buf *out)
{
    buf_printf(out, "[%s] ", text_of(memory, "created_at_iso"));
    buf_add_c(out, text_of(memory, "content"));
    buf_add(out, STR(" ("));
    add_tags(memory, out);
    buf_add(out, STR(")\n\n"));
}

static bool write_export(const struct tool_call *c, const json_t *args, struct buf *out,
                         struct error *err)
{
    static const char *const formats[] = {"json", "markdown", "text"};
    AUTO(tool_result_deinit) struct tool_result found = {0};
    struct str name = {0}, filter = {0};
    const json_t *memories;
    size_t format = 0;

    if (!need(args, "format", &name, err) ||
        !arg_choice(args, "format", formats, COUNT(formats), &format, err) ||
        !json_get_str(args, "", "filter", &filter, err) || !export_find(c, filter, &found, err))
        return false;
    memories = json_object_get(found.data, "memories");
    if (json_is_true(json_object_get(found.data, "has_more")))
        buf_printf(out, TRUNCATED_MARK ": %zu memories, there are more\n\n",
                   json_array_size(memories));
    if (format == 0)
        json_write_pretty(out, memories);
    for (size_t i = 0; format != 0 && i < json_array_size(memories); i++)
        (format == 1 ? add_markdown : add_plain)(json_array_get(memories, i), out);
    return true;
}

/* -- memory_cleanup ---------------------------------------------------------------------------- */

/* A date, "30 days ago" or "30 days": the start of that time. */
static bool put_before(const struct tool_call *c, struct str text, json_t *filter,
                       struct error *err)
{
    int64_t from_ms = 0, until_ms = 0;
    char iso[CLOCK_ISO_MAX];

    if (str_trim(text).len == 0)
        return true;
    if (!memory_parse_date(text, &from_ms, NULL) &&
        !memory_parse_time_expr(arena_printf(c->arena, STR_FMT " ago", STR_ARG(text)),
                                c->now_ms, &from_ms, &until_ms, NULL) &&
        !memory_parse_time_expr(text, c->now_ms, &from_ms, &until_ms, err))
        return error_wrap(err, "older_than");
    clock_iso_utc(from_ms, iso);
    obj_put_str(filter, "before", str_c(iso));
    return true;
}

static bool write_cleanup(const struct tool_call *c, const json_t *args, struct buf *out,
                          struct error *err)
{
    AUTO(tool_result_deinit) struct tool_result found = {0};
    AUTO_JSON *search = json_must(json_object());
    struct str older = {0}, threshold = {0};
    double cosine = 0;

    if (!json_get_str(args, "", "older_than", &older, err) ||
        !json_get_str(args, "", "similarity_threshold", &threshold, err) ||
        !put_before(c, older, search, err))
        return false;
    if (threshold.len && !str_to_double(str_trim(threshold), &cosine))
        return error_set(err, ERROR_INVALID, "similarity_threshold: not a number, as 0.95");
    if (threshold.len)
        obj_put_real(search, "threshold", cosine);
    if (!tool_cleanup.run(c, search, &found, err))
        return false;
    buf_add(out, STR("Which of these near-duplicates are worth merging? memory_cleanup with "
                     "dry_run false would do it.\n\n"));
    buf_add(out, buf_str(&found.text));
    return true;
}

/* -- learning_session -------------------------------------------------------------------------- */

static void add_points(struct str list, const char *title, struct buf *out)
{
    struct str point;

    buf_printf(out, "\n%s\n", title);
    while (str_next(&list, ',', &point)) {
        if (str_trim(point).len)
            buf_printf(out, "- " STR_FMT "\n", STR_ARG(str_trim(point)));
    }
}

/* The topic as a tag: blanks become '_'. */
static struct str topic_tag(struct arena *a, struct str topic)
{
    char *tag = arena_cstr(a, topic);

    for (size_t i = 0; i < topic.len; i++) {
        if (tag[i] == ' ')
            tag[i] = '_';
    }
    return str_n(tag, topic.len);
}

static bool write_learning(const struct tool_call *c, const json_t *args, struct buf *out,
                           struct error *err)
{
    struct str topic = {0}, points = {0}, questions = {0};

    if (!need(args, "topic", &topic, err) || !need(args, "key_points", &points, err) ||
        !json_get_str(args, "", "questions", &questions, err))
        return false;
    topic = str_trim(topic);
    buf_printf(out,
               "Please keep these notes with memory_store (memory_type \"learning\", tags "
               "\"learning\" and \"" STR_FMT "\"):\n\n# " STR_FMT "\n",
               STR_ARG(topic_tag(c->arena, topic)), STR_ARG(topic));
    add_points(points, "Key points:", out);
    if (str_trim(questions).len)
        add_points(questions, "Open questions:", out);
    return true;
}

const struct prompt prompt_review = {"memory_review", write_review};
const struct prompt prompt_analysis = {"memory_analysis", write_analysis};
const struct prompt prompt_export = {"knowledge_export", write_export};
const struct prompt prompt_cleanup = {"memory_cleanup", write_cleanup};
const struct prompt prompt_learning = {"learning_session", write_learning};

/*
 * search.c - memory_search: find by meaning, words, time, tags, type.
 *
 * The text keeps the reference's wording, with type and score added. With a limit in force it uses
 * the block form ("=== Memory 1 ==="), even when nothing had to be cut.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "view/view.h"

#define DEFAULT_LIMIT 10

static const char *const mode_names[] = {
    [SEARCH_SEMANTIC] = "semantic", [SEARCH_HYBRID] = "hybrid", [SEARCH_EXACT] = "exact"};

struct search {
    const struct tool_call *call;
    const json_t *args;
    struct memory_search_request request;
    struct memory_search_result result;
    struct page page;
    struct str query; /* as echoed */
    size_t budget;
    bool is_blocks; /* a limit is in force */
    bool has_debug;
};

/* -- request --------------------------------------------------------------------------------- */

static bool read_mode(struct search *s, struct error *err)
{
    const bool is_hybrid = s->call->options->is_hybrid;
    size_t mode = is_hybrid ? SEARCH_HYBRID : SEARCH_SEMANTIC;

    if (!arg_choice(s->args, "mode", mode_names, COUNT(mode_names), &mode, err))
        return false;
    if (mode == SEARCH_HYBRID && !is_hybrid)
        mode = SEARCH_SEMANTIC; /* the answer names the mode that was in force */
    s->request.mode = (enum search_mode)mode;
    return true;
}

/* A memory names an entity when its text holds the name. */
static bool read_entity(struct search *s, struct error *err)
{
    struct str entity = {0};

    if (!json_get_str(s->args, "", "entity", &entity, err))
        return false;
    if (entity.len && s->request.mode == SEARCH_EXACT && s->request.query.len)
        return error_set(err, ERROR_INVALID,
                         "entity: not together with mode exact; mode hybrid would do");
    s->request.filter.exact = entity;
    return true;
}

static bool read_window(struct search *s, struct error *err)
{
    int64_t limit = DEFAULT_LIMIT, offset = 0;

    if (!arg_int(s->args, "limit", 1, MEMORY_SEARCH_MAX, &limit, err) ||
        !arg_int(s->args, "offset", 0, MEMORY_OFFSET_MAX, &offset, err))
        return false;
    s->request.limit = (size_t)limit;
    s->request.offset = (size_t)offset;
    return arg_budget(s->call, s->args, &s->budget, &s->is_blocks, err);
}

static bool read_request(struct search *s, struct error *err)
{
    struct memory_search_request *r = &s->request;

    r->now_ms = s->call->now_ms;
    r->quality_boost = s->call->options->quality_boost;
    return json_get_str(s->args, "", "query", &r->query, err) && read_mode(s, err) &&
           arg_filter(s->call, s->args, &r->filter, err) && read_entity(s, err) &&
           json_get_str(s->args, "", "time_expr", &r->time_expr, err) &&
           arg_range(s->args, "quality_boost", 0, 1, &r->quality_boost, err) &&
           arg_range(s->args, "recency_boost", 0, 1, &r->recency_boost, err) &&
           json_get_bool(s->args, "", "fallback", &r->use_fallback, err) &&
           json_get_bool(s->args, "", "include_debug", &s->has_debug, err) &&
           read_window(s, err);
}

/* -- one hit --------------------------------------------------------------------------------- */

static void add_score(const struct hit *h, struct buf *out)
{
    const char *sep = " (";

    buf_printf(out, "Score: %.2f", h->score);
    if (h->parts.cosine >= -1) {
        buf_printf(out, "%scosine %.2f", sep, h->parts.cosine);
        sep = ", ";
    }
    if (h->parts.words >= 0) {
        buf_printf(out, "%swords %.2f", sep, h->parts.words);
        sep = ", ";
    }
    if (*sep == ',')
        buf_add_char(out, ')');
}

static void add_block(const struct search *s, size_t number, const struct hit *h,
                      const struct memory *m, struct buf *out)
{
    buf_printf(out, "=== Memory %zu ===\nTimestamp: ", number);
    show_iso(out, m->created_ms);
    buf_printf(out, "\nContent: " STR_FMT "\nHash: " STR_FMT "\nTags: ", STR_ARG(m->content),
               STR_ARG(m->hash));
    show_list(out, m->tags, m->n_tags);
    buf_printf(out, "\nType: " STR_FMT, STR_ARG(m->type));
    if (s->request.query.len) {
        buf_add_char(out, '\n');
        add_score(h, out);
    }
    if (s->result.used_fallback)
        buf_printf(out, "\nMatch: " STR_FMT, STR_ARG(h->via));
    buf_add_c(out, "\n---\n");
}

static void add_lines(const struct search *s, size_t number, const struct hit *h,
                      const struct memory *m, struct buf *out)
{
    buf_printf(out, "%zu. " STR_FMT "\n   Hash: " STR_FMT "\n   Created: ", number,
               STR_ARG(m->content), STR_ARG(m->hash));
    show_iso(out, m->created_ms);
    buf_add(out, STR(" ["));
    show_list(out, m->tags, m->n_tags);
    buf_add_char(out, ']');
    if (s->result.used_fallback)
        buf_printf(out, " (via " STR_FMT ")", STR_ARG(h->via));
    buf_printf(out, "\n   Type: " STR_FMT, STR_ARG(m->type));
    if (s->request.query.len) {
        buf_add(out, STR("; "));
        add_score(h, out);
    }
    if (m->superseded_by.len)
        buf_printf(out, "\n   Superseded by: " STR_FMT, STR_ARG(m->superseded_by));
    buf_add(out, STR("\n\n"));
}

static void write_hit(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                      json_t **out)
{
    const struct search *s = ctx;
    struct hit h = s->result.hits[i];

    h.memory = memory_cut(s->call->arena, &h.memory, max_chars);
    if (s->is_blocks)
        add_block(s, s->request.offset + i + 1, &h, &h.memory, text);
    else
        add_lines(s, s->request.offset + i + 1, &h, &h.memory, text);
    *out = view_hit(&h);
}

/* -- the whole ------------------------------------------------------------------------------- */

static size_t next_offset(const struct search *s)
{
    return s->request.offset + s->page.n_shown;
}

static bool has_more(const struct search *s)
{
    return s->result.has_more || s->page.n_shown < s->result.n_hits;
}

static void add_header(const struct search *s, struct buf *out)
{
    if (s->result.n_hits)
        buf_printf(out, "Found %zu memories", s->result.n_hits);
    else
        buf_add(out, STR("No memories found"));
    buf_printf(out, " (mode: %s)", mode_names[s->request.mode]);
    if (s->result.used_fallback)
        buf_add(out, STR(" [fallback: exact+tag]"));
    if (s->query.len)
        buf_printf(out, " for query: '" STR_FMT "'", STR_ARG(s->query));
    buf_add_char(out, '\n');
    if (s->result.is_words_only)
        buf_printf(out, "Searched by words only: " STR_FMT "\n",
                   STR_ARG(s->result.words_only_why));
    if (s->request.filter.is_nothing)
        buf_add(out, STR("The tag list given is empty and matches nothing; without tags, all "
                         "memories take part.\n"));
}

static void add_notice(const struct search *s, struct buf *out)
{
    const size_t n_named = page_n_named(&s->page, s->result.n_hits, s->budget);
    char how[64];

    snprintf(how, sizeof(how), "offset %zu continues", next_offset(s));
    page_notice(&s->page, s->result.n_hits, s->budget, how, out);
    buf_add_char(out, '\n');
    for (size_t i = 0; i < n_named; i++)
        buf_printf(out, "%s" STR_FMT, i ? " " : "Left out: ",
                   STR_ARG(s->result.hits[s->page.n_shown + i].memory.hash));
    if (n_named)
        buf_printf(out, "%s\n", s->page.n_shown + n_named < s->result.n_hits ? " ..." : "");
}

static void add_debug(const struct search *s, struct buf *out)
{
    buf_printf(out, "Debug Info:\n  Pre-filter count: %zu\n  Post-filter count: %zu\n",
               s->result.n_candidates, s->result.n_hits);
    if (s->request.quality_boost > 0)
        buf_printf(out, "  Quality boost: %g\n", s->request.quality_boost);
    if (s->request.time_expr.len)
        buf_printf(out, "  Time expression: " STR_FMT "\n",
                   STR_ARG(show_query(s->call->arena, s->request.time_expr)));
    if (s->result.from_ms || s->result.until_ms) {
        buf_add(out, STR("  Time range: "));
        if (s->result.from_ms)
            show_iso(out, s->result.from_ms);
        buf_add(out, STR(" .. "));
        if (s->result.until_ms)
            show_iso(out, s->result.until_ms);
        buf_add_char(out, '\n');
    }
}

static void add_text(const struct search *s, struct buf *out)
{
    add_header(s, out);
    if (s->has_debug)
        add_debug(s, out);
    if (s->page.is_truncated)
        add_notice(s, out);
    if (s->page.n_shown)
        buf_add_char(out, '\n');
    buf_add(out, buf_str(&s->page.text));
    if (has_more(s) && !s->page.is_truncated)
        buf_printf(out, "More with offset %zu.\n", next_offset(s));
}

static json_t *debug_json(const struct search *s)
{
    const struct memory_search_result *r = &s->result;
    json_t *time = json_must(json_object());
    json_t *debug = json_must(json_object());

    if (s->request.time_expr.len)
        obj_put_str(time, "time_expr", show_query(s->call->arena, s->request.time_expr));
    if (r->from_ms)
        obj_put(time, "start_timestamp", view_seconds(r->from_ms));
    if (r->until_ms)
        obj_put(time, "end_timestamp", view_seconds(r->until_ms));
    obj_put(debug, "time_filter", time);
    obj_put_real(debug, "quality_boost", s->request.quality_boost);
    obj_put_int(debug, "pre_filter_count", (int64_t)r->n_candidates);
    obj_put_int(debug, "post_filter_count", (int64_t)r->n_hits);
    obj_put_int(debug, "limit", (int64_t)s->request.limit);
    return debug;
}

static json_t *remaining_hashes(const struct search *s)
{
    const size_t n_named = page_n_named(&s->page, s->result.n_hits, s->budget);
    json_t *hashes = json_must(json_array());

    for (size_t i = 0; i < n_named; i++)
        json_array_append_new(hashes,
                              json_str(s->result.hits[s->page.n_shown + i].memory.hash));
    return hashes;
}

static json_t *data_json(struct search *s)
{
    json_t *data = json_must(json_object());

    obj_put(data, "memories", STEAL(s->page.items));
    obj_put_int(data, "total", (int64_t)s->result.n_hits);
    obj_put_str(data, "query", s->query);
    obj_put_str(data, "mode", str_c(mode_names[s->request.mode]));
    obj_put_bool(data, "has_more", has_more(s));
    obj_put_bool(data, "truncated", s->page.is_truncated);
    if (has_more(s))
        obj_put_int(data, "next_offset", (int64_t)next_offset(s));
    if (s->page.n_shown < s->result.n_hits)
        obj_put(data, "remaining_hashes", remaining_hashes(s));
    obj_put_bool(data, "words_only", s->result.is_words_only);
    if (s->result.is_words_only)
        obj_put_str(data, "words_only_why", s->result.words_only_why);
    if (s->result.used_fallback)
        obj_put_bool(data, "fallback", true);
    if (s->has_debug)
        obj_put(data, "debug", debug_json(s));
    return data;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct search s = {.call = c, .args = args};
    struct page_source hits = {.write = write_hit, .ctx = &s};

    if (!read_request(&s, err) ||
        !memory_search(c->memory, c->who, &s.request, c->arena, &s.result, err))
        return false;
    s.query = show_query(c->arena, s.request.query);
    hits.n = s.result.n_hits;
    page_fill(&hits, s.budget, &s.page);
    add_text(&s, &out->text);
    out->data = data_json(&s);
    page_deinit(&s.page);
    return true;
}

const struct tool tool_search = {
    .name = "memory_search",
    .definition = &schema_memory_search,
    .scope = SCOPE_READ,
    .run = run,
};

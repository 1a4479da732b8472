/*
 * cleanup.c - memory_cleanup: near-duplicates, and old trash.
 *
 * Exact duplicates cannot exist (the hash is the name), so this is about texts that say the same. A
 * dry run is the default: what it reports is what the same call with dry_run false does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#define DEFAULT_THRESHOLD   0.95
#define DEFAULT_GROUPS      50
#define GROUP_REMOVED_SHOWN 20
#define PURGE_DAYS_MAX      36500
#define DAY_MS              ((int64_t)24 * 3600 * 1000)

struct cleanup {
    const struct tool_call *call;
    struct memory_cleanup_request request;
    struct memory_cleanup_result result;
    struct page page;
};

static bool read_purge(struct cleanup *u, const json_t *args, struct error *err)
{
    int64_t days = 0;

    if (!arg_int(args, "purge_trash_days", 1, PURGE_DAYS_MAX, &days, err))
        return false;
    if (days > 0)
        u->request.purge_trash_before_ms = u->call->now_ms - days * DAY_MS;
    return true;
}

static bool read_request(struct cleanup *u, const json_t *args, struct error *err)
{
    static const char *const keeps[] = {
        [KEEP_OLDEST] = "oldest", [KEEP_NEWEST] = "newest", [KEEP_BEST] = "best"};
    struct memory_cleanup_request *r = &u->request;
    int64_t limit = DEFAULT_GROUPS;
    size_t keep = KEEP_OLDEST;

    r->now_ms = u->call->now_ms;
    r->is_dry_run = true;
    r->threshold = DEFAULT_THRESHOLD;
    if (!json_get_bool(args, "", "dry_run", &r->is_dry_run, err) ||
        !arg_range(args, "threshold", 0.5, 1, &r->threshold, err) ||
        !arg_choice(args, "keep", keeps, COUNT(keeps), &keep, err) ||
        !arg_filter(u->call, args, &r->filter, err) ||
        !json_get_str(args, "", "time_expr", &r->time_expr, err) ||
        !arg_int(args, "limit", 1, MEMORY_CLEANUP_MAX, &limit, err))
        return false;
    r->keep = (enum keep_policy)keep;
    r->limit = (size_t)limit;
    return read_purge(u, args, err);
}

static json_t *brief(struct arena *a, const struct memory *m)
{
    json_t *obj = json_must(json_object());

    obj_put_str(obj, "content_hash", m->hash);
    obj_put_str(obj, "preview", show_preview(a, m->content));
    return obj;
}

static void write_group(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                        json_t **out)
{
    const struct cleanup *u = ctx;
    const struct memory_cleanup_group *g = &u->result.groups[i];
    struct arena *a = u->call->arena;
    json_t *removed = json_must(json_array());

    (void)max_chars; /* previews only: a group is short */
    buf_printf(text, "%zu. keep   " STR_FMT " " STR_FMT "\n", i + 1, STR_ARG(g->kept.hash),
               STR_ARG(show_preview(a, g->kept.content)));
    for (size_t k = 0; k < MIN(g->n_removed, GROUP_REMOVED_SHOWN); k++) {
        const struct memory *m = &g->removed[k];

        buf_printf(text, "   remove " STR_FMT " " STR_FMT "\n", STR_ARG(m->hash),
                   STR_ARG(show_preview(a, m->content)));
        json_array_append_new(removed, brief(a, m));
    }
    if (g->n_removed > GROUP_REMOVED_SHOWN)
        buf_printf(text, "   ... and %zu more\n", g->n_removed - GROUP_REMOVED_SHOWN);
    *out = json_must(json_object());
    obj_put(*out, "kept", brief(a, &g->kept));
    obj_put(*out, "removed", removed);
    obj_put_int(*out, "n_removed", (int64_t)g->n_removed);
    obj_put_real(*out, "cosine", g->cosine);
}

static void add_head(const struct cleanup *u, struct buf *out)
{
    const struct memory_cleanup_result *r = &u->result;
    const bool is_dry = u->request.is_dry_run;

    if (r->is_not_compared)
        buf_add(out, STR("Without a model near-duplicates were not looked for."));
    else if (r->n_removed == 0)
        buf_printf(out, "No duplicate memories found (cosine %g and above).",
                   u->request.threshold);
    else
        buf_printf(out, "%s %zu duplicate memories in %zu groups (cosine %g and above).",
                   is_dry ? "Found" : "Moved to the trash:", r->n_removed, r->n_groups,
                   u->request.threshold);
    if (u->request.purge_trash_before_ms)
        buf_printf(out, " %s for good from the trash: %zu.", is_dry ? "To remove" : "Removed",
                   r->n_purged);
    if (is_dry && (r->n_removed || r->n_purged))
        buf_add(out, STR(" Dry run: nothing was changed."));
    if (r->has_more)
        buf_add(out, STR(" There are more groups than the limit."));
    if (r->n_not_compared)
        buf_printf(out, " The %zu oldest memories were not compared.", r->n_not_compared);
}

static void add_text(const struct cleanup *u, size_t budget, struct buf *out)
{
    add_head(u, out);
    if (u->page.is_truncated) {
        buf_add_char(out, '\n');
        page_notice(&u->page, u->result.n_groups, budget, "a lower limit shows fewer groups",
                    out);
    }
    if (u->page.n_shown)
        buf_add(out, STR("\n\n"));
    buf_add(out, buf_str(&u->page.text));
}

static json_t *data_json(struct cleanup *u)
{
    json_t *data = json_must(json_object());

    obj_put_bool(data, "success", true);
    obj_put_bool(data, "dry_run", u->request.is_dry_run);
    obj_put_int(data, "duplicates", (int64_t)u->result.n_removed);
    obj_put_int(data, "purged", (int64_t)u->result.n_purged);
    obj_put(data, "groups", STEAL(u->page.items));
    obj_put_bool(data, "has_more", u->result.has_more);
    if (u->result.n_not_compared)
        obj_put_int(data, "not_compared", (int64_t)u->result.n_not_compared);
    obj_put_bool(data, "truncated", u->page.is_truncated);
    return data;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct cleanup u = {.call = c};
    struct page_source source = {.write = write_group, .ctx = &u};
    size_t budget;
    bool is_asked;

    if (!read_request(&u, args, err) || !arg_budget(c, args, &budget, &is_asked, err) ||
        !memory_cleanup(c->memory, c->who, &u.request, c->arena, &u.result, err))
        return false;
    source.n = u.result.n_groups;
    page_fill(&source, budget, &u.page);
    add_text(&u, budget, &out->text);
    out->data = data_json(&u);
    page_deinit(&u.page);
    return true;
}

const struct tool tool_cleanup = {
    .name = "memory_cleanup",
    .definition = &schema_memory_cleanup,
    .scope = SCOPE_WRITE,
    .is_slow = tool_always_slow,
    .run = run,
};

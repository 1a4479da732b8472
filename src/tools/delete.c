/*
 * delete.c - memory_delete: to the trash, one by hash or many by tags and time.
 *
 * A deletion of many is counted first: above TOOLS_DELETE_UNCONFIRMED_MAX the caller has to name the
 * number, so that a filter that catches more than was meant is found out before, not after. Between
 * counting and deleting another client may store one more match; it goes along, and can be restored.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#define TEXT_HASHES_MAX 20   /* shown in the text */
#define DATA_HASHES_MAX 1000 /* in the structured result: 67,000 characters */

struct deletion {
    struct memory_delete_request request;
    int64_t confirm_count;
    bool is_dry_run;
};

static bool read_request(const struct tool_call *c, const json_t *args, struct deletion *d,
                         struct error *err)
{
    struct memory_delete_request *r = &d->request;

    r->now_ms = c->now_ms;
    d->confirm_count = -1;
    if (!arg_hash(args, &r->hash, err) ||
        !json_get_bool(args, "", "dry_run", &d->is_dry_run, err) ||
        !arg_int(args, "confirm_count", 0, INT64_MAX, &d->confirm_count, err))
        return false;
    if (r->hash.len)
        return true; /* one memory: other filters are ignored */
    if (!arg_filter(c, args, &r->filter, err) ||
        !json_get_str(args, "", "time_expr", &r->time_expr, err))
        return false;
    if (r->filter.is_nothing)
        return error_set(err, ERROR_INVALID,
                         "tags: the list is empty; name the tags, or leave tags out");
    r->filter.has_superseded = true; /* a tag names old versions too */
    return true;
}

/* Counts what would go; an error if that needs a confirmation that is not there. */
static bool check_confirmation(const struct tool_call *c, const struct deletion *d,
                               struct error *err)
{
    struct memory_delete_request count = d->request;
    struct memory_delete_result r;

    count.is_dry_run = true;
    if (!memory_delete(c->memory, c->who, &count, c->arena, &r, err))
        return false;
    if (d->confirm_count >= 0 && d->confirm_count != (int64_t)r.n_hashes)
        return error_set(err, ERROR_CONFLICT,
                         "confirm_count: is %lld, but %zu memories match; nothing was deleted",
                         (long long)d->confirm_count, r.n_hashes);
    if (d->confirm_count < 0 && r.n_hashes > TOOLS_DELETE_UNCONFIRMED_MAX)
        return error_set(
            err, ERROR_LIMIT,
            "%zu memories match; more than %d need confirm_count: %zu (dry_run shows "
            "them); nothing was deleted",
            r.n_hashes, TOOLS_DELETE_UNCONFIRMED_MAX, r.n_hashes);
    return true;
}

static void add_text(const struct memory_delete_result *r, bool is_dry_run, struct str message,
                     struct buf *out)
{
    buf_printf(out, STR_FMT "\n\n%s %zu memories", STR_ARG(message),
               is_dry_run ? "Would delete" : "Deleted", r->n_hashes);
    if (r->n_hashes)
        buf_add(out, STR("\n\nHashes:"));
    for (size_t i = 0; i < MIN(r->n_hashes, TEXT_HASHES_MAX); i++)
        buf_printf(out, "\n  " STR_FMT, STR_ARG(r->hashes[i]));
    if (r->n_hashes > TEXT_HASHES_MAX)
        buf_printf(out, "\n  ... and %zu more", r->n_hashes - TEXT_HASHES_MAX);
}

static struct str message(const struct memory_delete_result *r, bool is_dry_run)
{
    if (r->n_hashes == 0)
        return STR("No memories found that match; nothing was deleted.");
    if (is_dry_run)
        return STR("Dry run: nothing was deleted.");
    return STR("Moved to the trash; memory_update with restore takes one out again.");
}

static json_t *data_json(const struct memory_delete_result *r, bool is_dry_run, struct str text)
{
    json_t *data = json_must(json_object());

    obj_put_bool(data, "success", true);
    obj_put_int(data, "deleted_count", (int64_t)r->n_hashes);
    obj_put(data, "deleted_hashes", json_strs(r->hashes, MIN(r->n_hashes, DATA_HASHES_MAX)));
    obj_put_bool(data, "truncated", r->n_hashes > DATA_HASHES_MAX);
    obj_put_bool(data, "dry_run", is_dry_run);
    obj_put_str(data, "message", text);
    return data;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct deletion d = {0};
    struct memory_delete_result r;
    struct str text;

    if (!read_request(c, args, &d, err))
        return false;
    if (!d.is_dry_run && d.request.hash.len == 0 && !check_confirmation(c, &d, err))
        return false;
    d.request.is_dry_run = d.is_dry_run;
    if (!memory_delete(c->memory, c->who, &d.request, c->arena, &r, err))
        return false;
    text = message(&r, d.is_dry_run);
    add_text(&r, d.is_dry_run, text, &out->text);
    out->data = data_json(&r, d.is_dry_run, text);
    return true;
}

const struct tool tool_delete = {
    .name = "memory_delete",
    .definition = &schema_memory_delete,
    .scope = SCOPE_WRITE,
    .run = run,
};

/* list.c - memoryd list: pages of memories, newest first; also the trash. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "view/view.h"

enum { OPT_LIMIT = 'n', OPT_OFFSET = 'o', OPT_TRASH = 't', OPT_STALE = 's', OPT_OLD = 'a' };

#define DEFAULT_LIMIT  20
#define LIMIT_MAX      1000
#define OFFSET_MAX     1000000000
#define STALE_DAYS_MAX 36500
#define DAY_MS         ((int64_t)24 * 60 * 60 * 1000)

static void print_page(struct cli *c, const struct memory_page *page, size_t offset)
{
    if (c->is_json) {
        json_t *memories = json_must(json_array());

        for (size_t i = 0; i < page->n_memories; i++)
            json_array_append_new(memories, view_memory(&page->memories[i]));
        cli_print_json(c, json_must(json_pack("{s:o, s:I}", "memories", memories, "total",
                                              (json_int_t)page->total)));
        return;
    }
    for (size_t i = 0; i < page->n_memories; i++)
        cli_print_memory(c, &page->memories[i], false);
    if (page->n_memories == 0)
        cli_print(c, STYLE_DIM, "no memories\n");
    if (offset + page->n_memories < page->total)
        cli_print(c, STYLE_DIM, "%zu of %zu; more with --offset %zu\n", page->n_memories,
                  page->total, offset + page->n_memories);
}

static bool run_list(struct cli *c, struct error *err)
{
    struct memory_filter filter = {0};
    struct memory_page page;
    struct memory_service *memory;
    int64_t limit = DEFAULT_LIMIT, offset = 0, stale_days = 0;

    if (!cli_filter(c, &filter, err) ||
        !cli_int(c, OPT_LIMIT, "--limit", 1, LIMIT_MAX, &limit, err) ||
        !cli_int(c, OPT_OFFSET, "--offset", 0, OFFSET_MAX, &offset, err) ||
        !cli_int(c, OPT_STALE, "--stale-days", 1, STALE_DAYS_MAX, &stale_days, err))
        return false;
    filter.trash = cli_has(c, OPT_TRASH) ? TRASH_ONLY : TRASH_HIDE;
    filter.has_superseded = cli_has(c, OPT_OLD) || cli_has(c, OPT_TRASH);
    if (stale_days)
        filter.stale_before_ms = c->now_ms - stale_days * DAY_MS;
    if (!cli_open(c, &memory, err) || !memory_list(memory, &c->who, &filter, (size_t)offset,
                                                   (size_t)limit, c->arena, &page, err))
        return false;
    print_page(c, &page, (size_t)offset);
    return true;
}

static const struct cli_option options[] = {
    {OPT_LIMIT, "limit", "N", "at most N, up to 1000 (default: 20); also -n N"},
    {OPT_OFFSET, "offset", "N", "leave out the first N"},
    CLI_FILTER_OPTIONS,
    {OPT_TYPE, "type", "TYPE", "only memories of this type"},
    {OPT_STALE, "stale-days", "N", "not found by any search for N days"},
    {OPT_OLD, "superseded", NULL, "also versions that a newer one has replaced"},
    {OPT_TRASH, "trash", NULL, "what has been deleted, instead"},
};

const struct cli_command cli_list = {
    .name = "list",
    .words = "",
    .summary = "list memories, newest first",
    .details = "Lists memories, newest first.\n\n"
               "  memoryd list --tag decision --since 2026-01-01\n"
               "  memoryd list --trash",
    .options = options,
    .n_options = COUNT(options),
    .run = run_list,
};

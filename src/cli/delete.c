/*
 * delete.c - memoryd delete: into the trash, one memory or all that match.
 *
 * Deleting by filter asks first on a terminal; without one it needs --yes, so that a script says what
 * it means.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include <unistd.h>

#include "sys/sys.h"

enum { OPT_DRY_RUN = 'd', OPT_YES = 'y' };

static bool is_confirmed(struct cli *c, size_t n, struct error *err)
{
    int answer, rest;

    if (!sys_is_terminal(STDIN_FILENO))
        return error_set(
            err, ERROR_CONFLICT,
            "%zu memories match: repeat with --yes to delete them, or with --dry-run "
            "to see them",
            n);
    fprintf(c->host->err, "Move %zu memories to the trash? [y/N] ", n);
    answer = rest = getchar();
    while (rest != '\n' && rest != EOF)
        rest = getchar();
    if (answer != 'y' && answer != 'Y')
        return error_set(err, ERROR_CONFLICT, "nothing was deleted");
    return true;
}

static bool confirm_filter(struct cli *c, struct memory_service *memory,
                           struct memory_delete_request request, struct error *err)
{
    struct memory_delete_result preview;

    if (request.hash.len || request.is_dry_run || cli_has(c, OPT_YES))
        return true;
    request.is_dry_run = true;
    if (!memory_delete(memory, &c->who, &request, c->arena, &preview, err))
        return false;
    return preview.n_hashes == 0 || is_confirmed(c, preview.n_hashes, err);
}

static void print_result(struct cli *c, const struct memory_delete_result *r, bool is_dry_run)
{
    if (c->is_json) {
        cli_print_json(
            c, json_must(json_pack("{s:I, s:o, s:b}", "deleted_count",
                                   (json_int_t)(is_dry_run ? 0 : r->n_hashes), "hashes",
                                   json_strs(r->hashes, r->n_hashes), "dry_run", is_dry_run)));
        return;
    }
    cli_print(c, STYLE_GREEN, "%s %zu %s\n", is_dry_run ? "would delete" : "deleted",
              r->n_hashes, r->n_hashes == 1 ? "memory" : "memories");
    for (size_t i = 0; i < r->n_hashes; i++)
        cli_print(c, STYLE_DIM, "  " STR_FMT "\n", STR_ARG(r->hashes[i]));
    if (!is_dry_run && r->n_hashes)
        cli_print(c, STYLE_DIM, "'memoryd restore HASH' brings one back\n");
}

static bool run_delete(struct cli *c, struct error *err)
{
    struct memory_delete_request request = {.now_ms = c->now_ms,
                                            .is_dry_run = cli_has(c, OPT_DRY_RUN)};
    struct memory_delete_result result;
    struct memory_service *memory;

    if (!cli_filter(c, &request.filter, err))
        return false;
    if (c->args.n_words)
        request.hash = c->args.words[0];
    if (c->args.n_words && (cli_has(c, OPT_TAG) || cli_has(c, OPT_SINCE) ||
                            cli_has(c, OPT_UNTIL) || cli_has(c, OPT_WHEN)))
        return error_set(err, ERROR_INVALID, "give a hash or filters, not both");
    if (!cli_open(c, &memory, err) || !confirm_filter(c, memory, request, err) ||
        !memory_delete(memory, &c->who, &request, c->arena, &result, err))
        return false;
    print_result(c, &result, request.is_dry_run);
    return true;
}

static const struct cli_option options[] = {
    CLI_FILTER_OPTIONS,
    {OPT_DRY_RUN, "dry-run", NULL, "only show what would be deleted"},
    {OPT_YES, "yes", NULL, "do not ask"},
};

const struct cli_command cli_delete = {
    .name = "delete",
    .words = "[HASH]",
    .summary = "move memories to the trash",
    .details =
        "Moves one memory, or all that match the filters, to the trash. Nothing is lost: "
        "'memoryd list\n--trash' shows it, 'memoryd restore' brings it back.\n\n"
        "  memoryd delete 1f3a09bc2d4e\n"
        "  memoryd delete --tag scratch --until 2026-01-01 --dry-run",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 1,
    .run = run_delete,
};

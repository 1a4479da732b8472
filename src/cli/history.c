/* history.c - memoryd history and memoryd restore: what happened to a memory, and going back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "view/view.h"

enum { OPT_REVISION = 'r', OPT_LIMIT = 'n' };

#define DEFAULT_LIMIT 50
#define LIMIT_MAX     1000

/* is_of_all: of whichever memory it may be. */
static void print_change(struct cli *c, const struct change *change, bool is_of_all)
{
    cli_print(c, STYLE_DIM, STR_FMT "  ", STR_ARG(cli_local_time(c, change->at_ms)));
    cli_print(c, STYLE_BOLD, "%-10.*s", (int)change->op.len, change->op.ptr);
    if (is_of_all)
        cli_print(c, STYLE_YELLOW, " " STR_FMT, STR_ARG(cli_short_hash(change->hash)));
    cli_print(c, STYLE_PLAIN, " revision %lld  " STR_FMT, (long long)change->revision,
              STR_ARG(change->subject));
    if (change->client.len)
        cli_print(c, STYLE_PLAIN, " (" STR_FMT ")", STR_ARG(change->client));
    if (change->detail.len > 2)
        cli_print(c, STYLE_DIM, "  " STR_FMT, STR_ARG(change->detail));
    buf_add_char(&c->out, '\n');
}

static bool run_history(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    struct change *changes;
    size_t n;
    int64_t limit = DEFAULT_LIMIT;
    struct str hash = c->args.n_words ? c->args.words[0] : (struct str){0};

    if (c->args.n_words && !hash.len)
        return error_set(err, ERROR_INVALID,
                         "the hash is empty; leave it out for all memories");
    if (!cli_int(c, OPT_LIMIT, "--limit", 1, LIMIT_MAX, &limit, err) ||
        !cli_open(c, &memory, err) ||
        !memory_history(memory, &c->who, hash, (size_t)limit, c->arena, &changes, &n, err))
        return false;
    if (c->is_json) {
        json_t *list = json_must(json_array());

        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, view_change(&changes[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "changes", list)));
        return true;
    }
    for (size_t i = 0; i < n; i++)
        print_change(c, &changes[i], !hash.len);
    if (n == 0)
        cli_print(c, STYLE_DIM, "nothing was changed in this space yet\n");
    return true;
}

static bool run_restore(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    struct memory *m;
    int64_t revision = 0;

    if (!cli_int(c, OPT_REVISION, "--revision", 1, INT32_MAX, &revision, err) ||
        !cli_open(c, &memory, err) ||
        !memory_restore(memory, &c->who, c->args.words[0], revision, c->now_ms, c->arena, &m,
                        err))
        return false;
    if (c->is_json) {
        cli_print_json(c, json_must(json_pack("{s:o}", "memory", view_memory(m))));
        return true;
    }
    cli_print(c, STYLE_GREEN, "restored\n");
    cli_print_memory(c, m, false);
    return true;
}

static const struct cli_option history_options[] = {
    {OPT_LIMIT, "limit", "N", "at most N changes, up to 1000 (default: 50); also -n N"},
};

const struct cli_command cli_history = {
    .name = "history",
    .words = "[HASH]",
    .summary = "show what happened to a memory, or to all of a space",
    .details = "Shows every change of one memory, or without HASH of all in the space, newest\n"
               "first: when, by whom, what. 'memoryd audit' shows log-ins and rights.",
    .options = history_options,
    .n_options = COUNT(history_options),
    .max_words = 1,
    .run = run_history,
};

static const struct cli_option restore_options[] = {
    {OPT_REVISION, "revision", "N", "go back to tags, type and metadata of revision N"},
};

const struct cli_command cli_restore = {
    .name = "restore",
    .words = "HASH",
    .summary = "bring a memory back from the trash, or an earlier revision",
    .details = "Takes one memory out of the trash, or with --revision brings back what it was "
               "at that\n"
               "revision (as a new revision: nothing is lost by restoring either).",
    .options = restore_options,
    .n_options = COUNT(restore_options),
    .min_words = 1,
    .max_words = 1,
    .run = run_restore,
};

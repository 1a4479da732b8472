/* show.c - memoryd show: one memory, whole, also from the trash. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "view/view.h"

static void print_details(struct cli *c, const struct memory *m)
{
    cli_print_memory(c, m, true);
    cli_print(c, STYLE_DIM,
              "    revision %lld, updated " STR_FMT ", found %lld times, last " STR_FMT "\n",
              (long long)m->revision, STR_ARG(cli_local_time(c, m->updated_ms)),
              (long long)m->n_accesses, STR_ARG(cli_local_time(c, m->accessed_ms)));
    if (m->parent.len)
        cli_print(c, STYLE_DIM, "    replaces " STR_FMT "\n", STR_ARG(m->parent));
    if (!str_eq_c(m->metadata, "{}"))
        cli_print(c, STYLE_DIM, "    metadata " STR_FMT "\n", STR_ARG(m->metadata));
}

static bool run_show(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    struct memory *m;
    struct str hash = c->args.words[0];

    if (!cli_open(c, &memory, err) ||
        !memory_get(memory, &c->who, hash, TRASH_SHOW, c->arena, &m, err))
        return false;
    if (!m)
        return error_set(err, ERROR_NOT_FOUND, "no memory '" STR_FMT "'", STR_ARG(hash));
    if (c->is_json)
        cli_print_json(c, view_memory(m));
    else
        print_details(c, m);
    return true;
}

const struct cli_command cli_show = {
    .name = "show",
    .words = "HASH",
    .summary = "show one memory, whole",
    .details =
        "Shows one memory with everything known about it. HASH is its hash or the first 8 or "
        "more\ncharacters of it; memories in the trash are shown too.",
    .min_words = 1,
    .max_words = 1,
    .run = run_show,
};

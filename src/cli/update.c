/* update.c - memoryd update: tags, type, metadata, or a new version of the text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "view/view.h"

enum {
    OPT_ADD = 'a',
    OPT_REMOVE = 'r',
    OPT_METADATA = 'm',
    OPT_CONTENT = 'c',
    OPT_REASON = 'w'
};

static void print_result(struct cli *c, const struct memory_update_result *r)
{
    if (c->is_json) {
        json_t *changed = json_must(json_array());

        for (size_t i = 0; i < r->n_changed; i++)
            json_array_append_new(changed, json_str(str_c(r->changed[i])));
        cli_print_json(c, json_must(json_pack("{s:o, s:o}", "memory", view_memory(r->memory),
                                              "updated_fields", changed)));
        return;
    }
    for (size_t i = 0; i < r->n_changed; i++)
        cli_print(c, STYLE_GREEN, "%s%s", i ? ", " : "updated ", r->changed[i]);
    cli_print(c, STYLE_PLAIN, r->n_changed ? "\n" : "nothing changed\n");
    if (r->requested_type.len)
        cli_print(c, STYLE_YELLOW, "type '" STR_FMT "' is not known; stored as '" STR_FMT "'\n",
                  STR_ARG(r->requested_type), STR_ARG(r->memory->type));
    cli_print_memory(c, r->memory, false);
}

static bool run_update(struct cli *c, struct error *err)
{
    struct memory_update_request request = {.hash = c->args.words[0], .now_ms = c->now_ms};
    struct memory_update_result result;
    struct memory_service *memory;

    request.has_tags = cli_has(c, OPT_TAG);
    cli_values(c, OPT_TAG, &request.tags, &request.n_tags);
    cli_values(c, OPT_ADD, &request.add_tags, &request.n_add_tags);
    cli_values(c, OPT_REMOVE, &request.remove_tags, &request.n_remove_tags);
    request.has_type = cli_has(c, OPT_TYPE);
    request.type = cli_value(c, OPT_TYPE);
    request.metadata = cli_value(c, OPT_METADATA);
    request.is_versioned = cli_has(c, OPT_CONTENT);
    request.content = cli_value(c, OPT_CONTENT);
    request.reason = cli_value(c, OPT_REASON);
    if (!cli_open(c, &memory, err) ||
        !memory_update(memory, &c->who, &request, c->arena, &result, err))
        return false;
    print_result(c, &result);
    return true;
}

static const struct cli_option options[] = {
    {OPT_TAG, "tag", "TAG", "replace all tags; repeat it or use commas for several"},
    {OPT_ADD, "add-tag", "TAG", "add a tag"},
    {OPT_REMOVE, "remove-tag", "TAG", "remove a tag"},
    {OPT_TYPE, "type", "TYPE", "set the type"},
    {OPT_METADATA, "metadata", "JSON", "merge these fields; null removes one"},
    {OPT_CONTENT, "content", "TEXT",
     "a new text: stored as a new version that replaces this one"},
    {OPT_REASON, "reason", "TEXT", "why there is a new version"},
};

const struct cli_command cli_update = {
    .name = "update",
    .words = "HASH",
    .summary = "change tags, type, metadata or text",
    .details =
        "Changes one memory. What was there before stays in its history ('memoryd history') "
        "and can be\nbrought back ('memoryd restore').",
    .options = options,
    .n_options = COUNT(options),
    .min_words = 1,
    .max_words = 1,
    .run = run_update,
};

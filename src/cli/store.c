/* store.c - memoryd store: one memory from an argument or from standard input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

enum { OPT_METADATA = 'm', OPT_CONVERSATION = 'c' };

static json_t *result_json(const struct memory_store_result *r)
{
    json_t *pieces = json_must(json_array());
    json_t *similar = json_must(json_array());

    for (size_t i = 0; i < r->n_pieces; i++) {
        json_array_append_new(
            pieces,
            json_must(json_pack("{s:o, s:b, s:b}", "content_hash", json_str(r->pieces[i].hash),
                                "duplicate", r->pieces[i].is_duplicate, "revived",
                                r->pieces[i].is_revived)));
    }
    for (size_t i = 0; i < r->n_similar; i++) {
        json_array_append_new(similar, json_must(json_pack("{s:o, s:f}", "content_hash",
                                                           json_str(r->similar[i].hash),
                                                           "cosine", r->similar[i].cosine)));
    }
    return json_must(json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "content_hash",
                               json_str(r->hash), "pieces", pieces, "tags",
                               json_strs(r->tags, r->n_tags), "memory_type", json_str(r->type),
                               "similar", similar, "has_vector", !r->is_unembedded));
}

static void print_result(struct cli *c, const struct memory_store_result *r)
{
    for (size_t i = 0; i < r->n_pieces; i++) {
        const struct memory_stored_piece *p = &r->pieces[i];

        cli_print(c, STYLE_GREEN, "%s",
                  p->is_duplicate ? "already stored "
                  : p->is_revived ? "brought back "
                                  : "stored ");
        cli_print(c, STYLE_BOLD, STR_FMT "\n", STR_ARG(p->hash));
    }
    if (r->n_pieces == 1 && r->pieces->is_duplicate &&
        (cli_has(c, OPT_TAG) || cli_has(c, OPT_TYPE)))
        cli_print(c, STYLE_YELLOW,
                  "its tags and type stay as they are; 'memoryd update' changes them\n");
    if (r->requested_type.len)
        cli_print(c, STYLE_YELLOW, "type '" STR_FMT "' is not known; stored as '" STR_FMT "'\n",
                  STR_ARG(r->requested_type), STR_ARG(r->type));
    if (r->is_unembedded)
        cli_print(c, STYLE_YELLOW,
                  "no model: found by words only until 'memoryd reindex' has run\n");
    if (r->is_partly_embedded)
        cli_print(c, STYLE_YELLOW, "long text: its end is found by words only\n");
    for (size_t i = 0; i < r->n_similar; i++)
        cli_print(c, STYLE_DIM, "similar (%.2f) " STR_FMT "\n", r->similar[i].cosine,
                  STR_ARG(cli_short_hash(r->similar[i].hash)));
}

static bool run_store(struct cli *c, struct error *err)
{
    struct memory_store_request request = {.now_ms = c->now_ms};
    struct memory_store_result result;
    struct memory_service *memory;

    if (!cli_text(c, 0, &request.content, err))
        return false;
    cli_values(c, OPT_TAG, &request.tags, &request.n_tags);
    request.type = cli_value(c, OPT_TYPE);
    request.has_type = request.type.ptr != NULL;
    request.metadata = cli_value(c, OPT_METADATA);
    request.conversation_id = cli_value(c, OPT_CONVERSATION);
    if (!cli_open(c, &memory, err) ||
        !memory_store(memory, &c->who, &request, c->arena, &result, err))
        return false;
    if (c->is_json)
        cli_print_json(c, result_json(&result));
    else
        print_result(c, &result);
    return true;
}

static const struct cli_option options[] = {
    {OPT_TAG, "tag", "TAG", "a tag; repeat it or use commas for several"},
    {OPT_TYPE, "type", "TYPE",
     "what it is: note, decision, learning, error, ... (default: note)"},
    {OPT_METADATA, "metadata", "JSON", "a JSON object of your own fields"},
    {OPT_CONVERSATION, "conversation", "ID", "the conversation it belongs to"},
};

const struct cli_command cli_store = {
    .name = "store",
    .words = "[TEXT]",
    .summary = "store a memory",
    .details =
        "Stores TEXT, or standard input if there is none (or it is '-'). The same text, "
        "apart from case\nand surrounding blanks, is stored once.\n\n"
        "  memoryd store 'We chose PostgreSQL because of row-level security' --tag decision\n"
        "  git log -1 --format=%B | memoryd store --tag commit --type observation",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 1,
    .run = run_store,
};

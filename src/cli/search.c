/* search.c - memoryd search: by meaning, by words, by exact text; filters as everywhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "view/view.h"

enum {
    OPT_LIMIT = 'n',
    OPT_OFFSET = 'o',
    OPT_MODE = 'm',
    OPT_QUALITY = 'q',
    OPT_RECENCY = 'r'
};

#define DEFAULT_LIMIT 10

static bool parse_mode(struct str text, enum search_mode *out, struct error *err)
{
    static const struct {
        const char *name;
        enum search_mode mode;
    } rows[] = {
        {"hybrid", SEARCH_HYBRID}, {"semantic", SEARCH_SEMANTIC}, {"exact", SEARCH_EXACT}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_c(text, rows[i].name)) {
            *out = rows[i].mode;
            return true;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "--mode is '" STR_FMT "', not hybrid, semantic or exact", STR_ARG(text));
}

static json_t *result_json(const struct memory_search_result *r)
{
    json_t *memories = json_must(json_array());

    for (size_t i = 0; i < r->n_hits; i++)
        json_array_append_new(memories, view_hit(&r->hits[i]));
    return json_must(json_pack("{s:o, s:b, s:b}", "memories", memories, "has_more", r->has_more,
                               "words_only", r->is_words_only));
}

static void print_hit(struct cli *c, size_t number, const struct hit *h)
{
    cli_print(c, STYLE_GREEN, "%zu. %.2f", number, h->score);
    cli_print(c, STYLE_DIM, " by " STR_FMT, STR_ARG(h->via));
    if (h->parts.cosine >= -1)
        cli_print(c, STYLE_DIM, "  cosine %.2f", h->parts.cosine);
    if (h->parts.words >= 0)
        cli_print(c, STYLE_DIM, "  words %.2f", h->parts.words);
    cli_print(c, STYLE_PLAIN, "  ");
    cli_print_memory(c, &h->memory, false);
}

static void print_result(struct cli *c, const struct memory_search_result *r, size_t offset)
{
    if (r->is_words_only)
        cli_print(c, STYLE_YELLOW, "by words only: " STR_FMT "\n", STR_ARG(r->words_only_why));
    for (size_t i = 0; i < r->n_hits; i++)
        print_hit(c, offset + i + 1, &r->hits[i]);
    if (r->n_hits == 0)
        cli_print(c, STYLE_DIM, "nothing found\n");
    if (r->has_more)
        cli_print(c, STYLE_DIM, "more with --offset %zu\n", offset + r->n_hits);
}

static bool read_request(struct cli *c, struct memory_search_request *request,
                         struct error *err)
{
    struct str mode = cli_value(c, OPT_MODE);
    int64_t limit = DEFAULT_LIMIT, offset = 0;

    if (c->args.n_words)
        request->query = c->args.words[0];
    if (!cli_filter(c, &request->filter, err) ||
        !cli_int(c, OPT_LIMIT, "--limit", 1, MEMORY_SEARCH_MAX, &limit, err) ||
        !cli_int(c, OPT_OFFSET, "--offset", 0, MEMORY_OFFSET_MAX, &offset, err) ||
        !cli_fraction(c, OPT_QUALITY, "--quality", &request->quality_boost, err) ||
        !cli_fraction(c, OPT_RECENCY, "--recency", &request->recency_boost, err))
        return false;
    request->limit = (size_t)limit;
    request->offset = (size_t)offset;
    return !mode.ptr || parse_mode(mode, &request->mode, err);
}

static bool run_search(struct cli *c, struct error *err)
{
    struct memory_search_request request = {.mode = SEARCH_HYBRID, .now_ms = c->now_ms};
    struct memory_search_result result;
    struct memory_service *memory;

    if (!read_request(c, &request, err) || !cli_open(c, &memory, err) ||
        !memory_search(memory, &c->who, &request, c->arena, &result, err))
        return false;
    if (c->is_json)
        cli_print_json(c, result_json(&result));
    else
        print_result(c, &result, request.offset);
    return true;
}

static const struct cli_option options[] = {
    {OPT_LIMIT, "limit", "N", "at most N hits, up to 100 (default: 10); also -n N"},
    {OPT_OFFSET, "offset", "N", "leave out the first N"},
    {OPT_MODE, "mode", "MODE", "hybrid (meaning and words, the default), semantic, exact"},
    CLI_FILTER_OPTIONS,
    {OPT_TYPE, "type", "TYPE", "only memories of this type"},
    {OPT_QUALITY, "quality", "W", "weight of the quality score, 0 to 1"},
    {OPT_RECENCY, "recency", "W", "weight of how recent it is, 0 to 1"},
};

const struct cli_command cli_search = {
    .name = "search",
    .words = "[QUERY]",
    .summary = "find memories by meaning and words",
    .details =
        "Finds memories that mean what QUERY says, best first, with the parts of each score. "
        "Without\nQUERY the filters alone decide, newest first.\n\n"
        "  memoryd search 'which database did we pick and why'\n"
        "  memoryd search deployment --tag ops,production --all-tags --when 'last month'",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 1,
    .run = run_search,
};

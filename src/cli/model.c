/* model.c - memoryd model and memoryd reindex: the model file, and vectors for what has none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "embed/embed.h"

enum { OPT_ANY = 'a', OPT_ID = 'i', OPT_ALL = 'l' };

static bool print_model(struct cli *c, struct str path, struct error *err)
{
    struct embedder *e;

    if (!path.len)
        return error_set(err, ERROR_NOT_FOUND,
                         "no model file is installed; make one with 'memoryd model convert'");
    if (!embed_open(arena_cstr(c->arena, path), cli_precision(c), &e, err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack(
                              "{s:o, s:o, s:I, s:I, s:s}", "path", json_str(path), "model",
                              json_str(embed_model_id(e)), "dimensions",
                              (json_int_t)embed_dim(e), "max_tokens",
                              (json_int_t)embed_max_tokens(e), "encoder", embed_path_name(e))));
    else
        cli_print(c, STYLE_PLAIN,
                  STR_FMT "\n  file       " STR_FMT "\n  dimensions %zu\n  tokens     %zu\n"
                          "  encoder    %s\n",
                  STR_ARG(embed_model_id(e)), STR_ARG(path), embed_dim(e), embed_max_tokens(e),
                  embed_path_name(e));
    embed_close(e);
    return true;
}

bool cli_verify_model(const struct cli *c, struct error *err)
{
    const struct config *config = c->host->config;

    return !config || !config->model_path.len ||
           embed_verify(arena_cstr(c->arena, config->model_path), err);
}

static bool verify_model(struct cli *c, struct str path, struct error *err)
{
    if (!embed_verify(arena_cstr(c->arena, path), err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:o, s:b}", "path", json_str(path), "ok", 1)));
    else
        cli_print(c, STYLE_GREEN, "ok " STR_FMT "\n", STR_ARG(path));
    return true;
}

static bool convert_model(struct cli *c, struct str source, struct str target,
                          struct error *err)
{
    struct embed_convert_options options = {
        .source_dir = arena_cstr(c->arena, source),
        .target_path = arena_cstr(c->arena, target),
        .is_any_allowed = cli_has(c, OPT_ANY),
        .model_id = cli_value(c, OPT_ID),
    };

    if (!embed_convert(&options, err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:o}", "path", json_str(target))));
    else
        cli_print(c, STYLE_GREEN, "made " STR_FMT "\n", STR_ARG(target));
    return true;
}

static bool run_model(struct cli *c, struct error *err)
{
    struct str action = c->args.n_words ? c->args.words[0] : STR("info");
    struct str installed = c->host->config ? c->host->config->model_path : (struct str){0};
    struct str path = c->args.n_words > 1 ? c->args.words[1] : installed;

    if (str_eq_c(action, "info") && c->args.n_words <= 2)
        return print_model(c, path, err);
    if (str_eq_c(action, "verify") && c->args.n_words <= 2 && path.len)
        return verify_model(c, path, err);
    if (str_eq_c(action, "convert") && c->args.n_words == 3)
        return convert_model(c, path, c->args.words[2], err);
    return error_set(
        err, ERROR_INVALID,
        "expected 'info [FILE]', 'verify [FILE]' or 'convert DIR FILE'; see 'memoryd "
        "model --help'");
}

static bool report_progress(void *ctx, const struct memory_reindex_progress *p)
{
    cli_progress(ctx, "embedding", p->done, p->total);
    return true;
}

static bool run_reindex(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    size_t n;

    if (!cli_open(c, &memory, err) ||
        !memory_reindex(memory, &c->who, cli_has(c, OPT_ALL), report_progress, c, &n, err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:I}", "embedded", (json_int_t)n)));
    else
        cli_print(c, STYLE_GREEN, "embedded %zu memories\n", n);
    return true;
}

static const struct cli_option model_options[] = {
    {OPT_ANY, "any-weights", NULL, "convert: take weights other than the published ones"},
    {OPT_ID, "id", "NAME", "convert: the model's name, with --any-weights"},
};

const struct cli_command cli_model = {
    .name = "model",
    .words = "[info [FILE] | verify [FILE] | convert DIR FILE]",
    .summary = "show, check or make the model file",
    .details =
        "info     what the model file holds and how it will be run\n"
        "verify   reads it whole and compares its checksum\n"
        "convert  makes FILE from a folder with model.safetensors, vocab.txt and config.json,\n"
        "         after checking that they are the published all-MiniLM-L6-v2",
    .options = model_options,
    .n_options = COUNT(model_options),
    .max_words = 3,
    .run = run_model,
};

static const struct cli_option reindex_options[] = {
    {OPT_ALL, "all", NULL, "embed everything anew, not just what has no vector"},
};

const struct cli_command cli_reindex = {
    .name = "reindex",
    .words = "",
    .summary = "make memories findable by meaning that are not yet",
    .details =
        "Embeds the memories of the space that have no vector of the installed model: those "
        "stored while\nthere was no model, or with another one. Searches go on meanwhile.",
    .options = reindex_options,
    .n_options = COUNT(reindex_options),
    .run = run_reindex,
};

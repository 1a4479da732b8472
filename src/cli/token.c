/* token.c - memoryd token: what clients were allowed, with all the tokens that came of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

enum { OPT_USER = 'u' };

static json_t *grant_json(const struct auth_grant *g)
{
    json_t *j = json_must(
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", json_str(g->id), "account",
                  g->account.len ? json_str(g->account) : json_null(), "client_id",
                  json_str(g->client_id), "client_name", json_str(g->client_name), "scopes",
                  cli_json_words(g->scopes), "spaces", cli_json_words(g->spaces), "resource",
                  json_str(g->resource)));

    cli_json_time(j, "created_at", g->created_ms);
    cli_json_time(j, "used_at", g->used_ms);
    cli_json_time(j, "expires_at", g->expires_ms);
    return j;
}

static void print_grant(struct cli *c, const struct auth_grant *g)
{
    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(g->id));
    cli_print(c, STYLE_PLAIN, "  " STR_FMT " to " STR_FMT "\n",
              STR_ARG(g->account.len ? g->account : STR("(itself)")),
              STR_ARG(g->client_name.len ? g->client_name : g->client_id));
    cli_print(c, STYLE_DIM, "    " STR_FMT "; spaces " STR_FMT "; " STR_FMT "\n",
              STR_ARG(g->scopes), STR_ARG(g->spaces), STR_ARG(g->resource));
    cli_print(c, STYLE_DIM, "    since " STR_FMT ", last token " STR_FMT ", ends " STR_FMT "\n",
              STR_ARG(cli_local_time(c, g->created_ms)), STR_ARG(cli_local_time(c, g->used_ms)),
              STR_ARG(cli_local_time(c, g->expires_ms)));
}

static bool list_grants(struct cli *c, struct auth *x, struct error *err)
{
    struct str name = cli_value(c, OPT_USER);
    const struct auth_grant *list;
    struct auth_account p = {0};
    json_t *all;
    size_t n;

    if ((name.ptr && !auth_account_find(x, c->arena, name, &p, err)) ||
        !auth_grants(x, c->arena, p.name, c->now_ms, &list, &n, err))
        return false;
    if (c->is_json) {
        all = json_must(json_array());
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, grant_json(&list[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "grants", all)));
        return true;
    }
    for (size_t i = 0; i < n; i++)
        print_grant(c, &list[i]);
    if (n == 0)
        cli_print(c, STYLE_DIM, "no client has tokens\n");
    return true;
}

static bool revoke_grant(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct str id = c->args.words[1];

    if (!auth_grant_revoke(x, &ask, cli_by(), (struct str){0}, id, err))
        return false;
    cli_print_done(c, "revoked", id);
    return true;
}

static const struct cli_action actions[] = {
    {"list", "", 0, "u", list_grants},
    {"revoke", "ID", 1, "", revoke_grant},
};

static bool run_token(struct cli *c, struct error *err)
{
    return cli_act(c, &(struct cli_actions){&cli_token, actions, COUNT(actions)}, err);
}

static const struct cli_option options[] = {
    {OPT_USER, "user", "NAME", "list: only what this person allowed"},
};

const struct cli_command cli_token = {
    .name = "token",
    .words = "[list | revoke ID]",
    .summary = "list and take back what clients were allowed",
    .details =
        "list    each time that somebody allowed a client something, as long as it holds\n"
        "revoke  takes that back, with all its tokens, at once\n\n"
        "  memoryd token list --user ada",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 2,
    .run = run_token,
};

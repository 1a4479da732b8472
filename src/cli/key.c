/* key.c - memoryd key: API keys with a name. memoryd keys: those that sign tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

enum { OPT_USER = 'u', OPT_SCOPES = 'c', OPT_SPACES = 's', OPT_DAYS = 'x' };

#define DAY_MS   ((int64_t)24 * 60 * 60 * 1000)
#define DAYS_MAX 36500

static json_t *key_json(const struct auth_api_key *k)
{
    json_t *j = json_must(json_pack(
        "{s:o, s:o, s:o, s:o}", "name", json_str(k->name), "account", json_str(k->account),
        "scopes", cli_json_scopes(k->scopes), "spaces", cli_json_words(k->spaces)));

    cli_json_time(j, "created_at", k->created_ms);
    cli_json_time(j, "used_at", k->used_ms);
    cli_json_time(j, "expires_at", k->expires_ms);
    return j;
}

static void print_key(struct cli *c, const struct auth_api_key *k)
{
    bool is_over = k->expires_ms && k->expires_ms <= c->now_ms;

    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(k->name));
    cli_print(c, STYLE_PLAIN, "  of " STR_FMT "  %s; spaces " STR_FMT, STR_ARG(k->account),
              gate_scope_names(k->scopes), STR_ARG(k->spaces));
    cli_print(c, STYLE_DIM, "  last used " STR_FMT, STR_ARG(cli_local_time(c, k->used_ms)));
    cli_print(c, is_over ? STYLE_RED : STYLE_DIM, ", %s " STR_FMT "\n",
              is_over ? "expired" : "expires", STR_ARG(cli_local_time(c, k->expires_ms)));
}

static bool list_keys(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_api_key *list;
    json_t *all;
    size_t n;

    if (!auth_api_keys(x, c->arena, &list, &n, err))
        return false;
    if (c->is_json) {
        all = json_must(json_array());
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, key_json(&list[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "keys", all)));
        return true;
    }
    for (size_t i = 0; i < n; i++)
        print_key(c, &list[i]);
    if (n == 0)
        cli_print(c, STYLE_DIM, "no keys besides MCP_API_KEY, if that is set\n");
    return true;
}

static bool read_key(struct cli *c, struct auth_api_key *k, struct error *err)
{
    int64_t days = 0;

    if (!cli_has(c, OPT_USER))
        return error_set(
            err, ERROR_INVALID,
            "say whose key it is, with --user: it may do no more than that account");
    if (!cli_scopes(c, OPT_SCOPES, &k->scopes, err) ||
        !cli_spaces(c, OPT_SPACES, &k->spaces, err) ||
        !cli_int(c, OPT_DAYS, "--expires-days", 1, DAYS_MAX, &days, err))
        return false;
    k->expires_ms = days ? c->now_ms + days * DAY_MS : 0;
    return true;
}

static bool add_key(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct auth_api_key k = {.name = c->args.words[1],
                             .account = cli_value(c, OPT_USER),
                             .scopes = SCOPE_READ | SCOPE_WRITE};
    const struct config *config = c->host->config;
    struct str text;

    if (!read_key(c, &k, err) || !auth_api_key_add(x, &ask, cli_by(), &k, &text, err))
        return false;
    if (config && !config->is_auth)
        fputs("memoryd: keys are not looked at; a server does with MCP_OAUTH_ENABLED=true\n",
              c->host->err);
    if (c->is_json) {
        cli_print_json(c, json_must(json_pack("{s:o, s:o}", "name", json_str(k.name), "key",
                                              json_str(text))));
        return true;
    }
    cli_print(c, STYLE_PLAIN, STR_FMT "\n", STR_ARG(text));
    cli_print(c, STYLE_DIM,
              "Send it as X-API-Key or as a Bearer token. It is not shown again.\n");
    return true;
}

static bool delete_key(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);

    if (!auth_api_key_delete(x, &ask, cli_by(), c->args.words[1], err))
        return false;
    cli_print_done(c, "deleted", c->args.words[1]);
    return true;
}

static const struct cli_action key_actions[] = {
    {"list", "", 0, "", list_keys},
    {"add", "NAME", 1, "ucsx", add_key},
    {"delete", "NAME", 1, "", delete_key},
};

static bool run_key(struct cli *c, struct error *err)
{
    return cli_act(c, &(struct cli_actions){&cli_key, key_actions, COUNT(key_actions)}, err);
}

static const struct cli_option key_options[] = {
    {OPT_USER, "user", "ACCOUNT", "add: whose key it is"},
    {OPT_SCOPES, "scopes", "NAMES", "add: read, write, admin (default: 'read write')"},
    {OPT_SPACES, "spaces", "NAMES", "add: only these spaces (default: all of the account)"},
    {OPT_DAYS, "expires-days", "N", "add: it works for N days (default: until deleted)"},
};

const struct cli_command cli_key = {
    .name = "key",
    .words = "[list | add NAME | delete NAME]",
    .summary = "list, add and remove API keys",
    .details =
        "list    the API keys of all accounts, without the keys themselves\n"
        "add     makes one and prints it, once; it may do what --scopes and --spaces say,\n"
        "        and never more than its account\n"
        "delete  ends one, at once\n\n"
        "  memoryd key add nightly --user ada --scopes read --spaces docs --expires-days 90",
    .options = key_options,
    .n_options = COUNT(key_options),
    .max_words = 2,
    .run = run_key,
};

/* -- keys that sign -------------------------------------------------------------------------- */

static bool rotate_keys(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);

    if (!auth_keys_rotate(x, &ask, cli_by(), err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:b}", "rotated", 1)));
    else
        cli_print(
            c, STYLE_GREEN,
            "rotated: a new key signs; tokens of the one before stay good until they end\n");
    return true;
}

static const struct cli_action keys_actions[] = {{"rotate", "", 0, "", rotate_keys}};

static bool run_keys(struct cli *c, struct error *err)
{
    return cli_act(c, &(struct cli_actions){&cli_keys, keys_actions, COUNT(keys_actions)}, err);
}

const struct cli_command cli_keys = {
    .name = "keys",
    .words = "rotate",
    .summary = "change the key that signs access tokens",
    .details =
        "rotate  makes a new signing key, which a running server takes up at once. The one\n"
        "        before stays published until the last token that it signed has ended.",
    .min_words = 1,
    .max_words = 1,
    .run = run_keys,
};

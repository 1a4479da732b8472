/* user.c - memoryd user: accounts of people, invitations, new passwords. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"
#include "rest/rest.h"

enum { OPT_ROLE = 'r', OPT_SPACES = 's', OPT_DISABLE = 'd', OPT_ENABLE = 'e', OPT_URL = 'u' };

/* -- accounts -------------------------------------------------------------------------------- */

static json_t *account_json(const struct auth_account *p)
{
    json_t *j = json_must(json_pack("{s:o, s:s, s:o, s:b}", "name", json_str(p->name), "role",
                                    auth_role_name(p->role), "spaces",
                                    cli_json_words(p->spaces), "disabled", p->is_disabled));

    cli_json_time(j, "created_at", p->created_ms);
    cli_json_time(j, "used_at", p->used_ms);
    return j;
}

static void print_account(struct cli *c, const struct auth_account *p)
{
    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(p->name));
    cli_print(c, STYLE_PLAIN, "  %s  spaces " STR_FMT, auth_role_name(p->role),
              STR_ARG(p->spaces));
    cli_print(c, STYLE_DIM, "  last log-in " STR_FMT, STR_ARG(cli_local_time(c, p->used_ms)));
    if (p->is_disabled)
        cli_print(c, STYLE_RED, "  disabled");
    buf_add_char(&c->out, '\n');
}

static bool list_users(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_account *list;
    json_t *all;
    size_t n;

    if (!auth_accounts(x, c->arena, &list, &n, err))
        return false;
    if (c->is_json) {
        all = json_must(json_array());
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, account_json(&list[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "accounts", all)));
        return true;
    }
    for (size_t i = 0; i < n; i++)
        print_account(c, &list[i]);
    if (n == 0)
        cli_print(
            c, STYLE_DIM,
            "no accounts; 'memoryd user invite --role owner' makes a link for the first\n");
    return true;
}

static bool read_role(struct cli *c, enum auth_role *out, struct error *err)
{
    struct str name = cli_value(c, OPT_ROLE);

    return !name.ptr || auth_role_parse(name, out) ||
           error_set(err, ERROR_INVALID, "--role is '" STR_FMT "', not owner, member or reader",
                     STR_ARG(name));
}

static bool set_user(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct auth_account p;

    if (!cli_has(c, OPT_ROLE) && !cli_has(c, OPT_SPACES) && !cli_has(c, OPT_DISABLE) &&
        !cli_has(c, OPT_ENABLE))
        return error_set(err, ERROR_INVALID,
                         "nothing to set: give --role, --spaces, --disable or --enable");
    if (cli_has(c, OPT_DISABLE) && cli_has(c, OPT_ENABLE))
        return error_set(err, ERROR_INVALID, "give --disable or --enable, not both");
    if (!auth_account_find(x, c->arena, c->args.words[1], &p, err) ||
        !read_role(c, &p.role, err) || !cli_spaces(c, OPT_SPACES, &p.spaces, err))
        return false;
    p.is_disabled = (p.is_disabled || cli_has(c, OPT_DISABLE)) && !cli_has(c, OPT_ENABLE);
    if (!auth_account_set(x, &ask, cli_by(), &p, err))
        return false;
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:o}", "account", account_json(&p))));
    else
        print_account(c, &p);
    return true;
}

static bool delete_user(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct auth_account p;

    if (!auth_account_find(x, c->arena, c->args.words[1], &p, err) ||
        !auth_account_delete(x, &ask, cli_by(), p.name, err))
        return false;
    cli_print_done(c, "deleted", p.name);
    return true;
}

/* -- links ----------------------------------------------------------------------------------- */

/* Where the server is, for somebody who shall open a link. */
static bool find_url(struct cli *c, struct str *out, struct error *err)
{
    struct str given = cli_value(c, OPT_URL);

    *out = c->host->url;
    if (given.ptr) {
        *out = str_sub(given, 0, given.len - str_ends(given, STR("/")));
        return auth_base_check(*out, err) || error_wrap(err, "--url");
    }
    return out->len > 0 ||
           error_set(err, ERROR_INVALID,
                     "the address of the server is not known here: give it with --url, or set "
                     "MCP_OAUTH_ISSUER");
}

static void print_hints(struct cli *c)
{
    const struct config *config = c->host->config;

    if (config && !config->is_oauth)
        fputs("memoryd: log-ins are off; the link works once a server runs with "
              "MCP_OAUTH_ENABLED=true\n",
              c->host->err);
    if (config && config->public_url.len == 0 && !cli_has(c, OPT_URL))
        fputs("memoryd: the link has this machine's own name for the server; where others call "
              "it\nsomething else, give that with --url or MCP_OAUTH_ISSUER\n",
              c->host->err);
}

static bool print_link(struct cli *c, struct auth *x, struct auth_link *link, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct str url, token;

    link->by = cli_by();
    link->expires_ms = c->now_ms + AUTH_LINK_MS;
    if (!find_url(c, &url, err) || !auth_link_new(x, &ask, link, &token, err))
        return false;
    url = rest_link_url(c->arena, url, token);
    print_hints(c);
    if (c->is_json) {
        json_t *j = json_must(json_pack("{s:o}", "link", json_str(url)));

        cli_json_time(j, "expires_at", link->expires_ms);
        cli_print_json(c, j);
        return true;
    }
    cli_print(c, STYLE_DIM, "Works once, until " STR_FMT ":\n",
              STR_ARG(cli_local_time(c, link->expires_ms)));
    cli_print(c, STYLE_PLAIN, STR_FMT "\n", STR_ARG(url));
    return true;
}

static bool invite_user(struct cli *c, struct auth *x, struct error *err)
{
    struct auth_link link = {.kind = AUTH_LINK_INVITE, .role = AUTH_MEMBER};

    if (!read_role(c, &link.role, err))
        return false;
    link.spaces = link.role == AUTH_OWNER ? STR(SPACE_DEFAULT " *") : STR(SPACE_DEFAULT);
    return cli_spaces(c, OPT_SPACES, &link.spaces, err) && print_link(c, x, &link, err);
}

static bool reset_user(struct cli *c, struct auth *x, struct error *err)
{
    struct auth_link link = {.kind = AUTH_LINK_RESET, .account = c->args.words[1]};

    return print_link(c, x, &link, err);
}

/* -- the command ----------------------------------------------------------------------------- */

static const struct cli_action actions[] = {
    {"list", "", 0, "", list_users},        {"invite", "", 0, "rsu", invite_user},
    {"reset", "NAME", 1, "u", reset_user},  {"set", "NAME", 1, "rsde", set_user},
    {"delete", "NAME", 1, "", delete_user},
};

static bool run_user(struct cli *c, struct error *err)
{
    return cli_act(c, &(struct cli_actions){&cli_user, actions, COUNT(actions)}, err);
}

static const struct cli_option options[] = {
    {OPT_ROLE, "role", "ROLE", "owner, member (reads and writes) or reader"},
    {OPT_SPACES, "spaces", "NAMES",
     "spaces, in quotes if several, the usual one first; '*': all"},
    {OPT_DISABLE, "disable", NULL, "set: lock the account out, at once"},
    {OPT_ENABLE, "enable", NULL, "set: let it in again"},
    {OPT_URL, "url", "URL", "what people call the server, for the link"},
};

const struct cli_command cli_user = {
    .name = "user",
    .words = "[list | invite | reset NAME | set NAME | delete NAME]",
    .summary = "list, invite and change people",
    .details =
        "list    the accounts\n"
        "invite  prints a link by which somebody makes an account: a member of the space\n"
        "        'default', unless --role and --spaces say otherwise\n"
        "reset   prints a link by which NAME sets a new password\n"
        "set     changes role or spaces of NAME, in force at the next request\n"
        "delete  removes NAME with all keys and tokens; memories stay\n\n"
        "A link works once, within 7 days.\n\n"
        "  memoryd user invite --role reader --spaces 'team docs'\n"
        "  memoryd user set bob --disable",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 2,
    .run = run_user,
};

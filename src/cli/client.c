/* client.c - memoryd client: programs that speak for people, or for themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

enum {
    OPT_REDIRECT = 'r',
    OPT_PUBLIC = 'p',
    OPT_FOR_ITSELF = 'f',
    OPT_SCOPES = 'c',
    OPT_SPACES = 's',
};

static json_t *client_json(const struct auth_client_info *p)
{
    json_t *j = json_must(
        json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "client_id", json_str(p->id),
                  "client_name", json_str(p->name), "origin", json_str(p->origin), "public",
                  p->is_public, "redirect_uris", cli_json_words(p->redirect_uris),
                  "grant_types", cli_json_words(p->grant_types), "scopes",
                  cli_json_words(p->scopes), "spaces", cli_json_words(p->spaces)));

    cli_json_time(j, "created_at", p->created_ms);
    cli_json_time(j, "used_at", p->used_ms);
    return j;
}

static void print_client(struct cli *c, const struct auth_client_info *p)
{
    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(p->id));
    cli_print(c, STYLE_PLAIN, "  " STR_FMT, STR_ARG(p->name.len ? p->name : STR("(no name)")));
    cli_print(c, STYLE_DIM, "  " STR_FMT ", last token " STR_FMT "\n", STR_ARG(p->origin),
              STR_ARG(cli_local_time(c, p->used_ms)));
    if (p->redirect_uris.len)
        cli_print(c, STYLE_DIM, "    " STR_FMT "\n", STR_ARG(p->redirect_uris));
    else
        cli_print(c, STYLE_DIM, "    for itself: " STR_FMT "; spaces " STR_FMT "\n",
                  STR_ARG(p->scopes), STR_ARG(p->spaces));
}

static bool list_clients(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_client_info *list;
    json_t *all;
    size_t n;

    if (!auth_clients(x, c->arena, &list, &n, err))
        return false;
    if (c->is_json) {
        all = json_must(json_array());
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, client_json(&list[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "clients", all)));
        return true;
    }
    for (size_t i = 0; i < n; i++)
        print_client(c, &list[i]);
    if (n == 0)
        cli_print(c, STYLE_DIM, "no clients; most register themselves when they connect\n");
    return true;
}

/* As given: a comma is allowed in a URI. */
static void read_uris(struct cli *c, struct auth_client_new *to)
{
    struct str *uris = ARENA_NEW(c->arena, struct str, c->args.n_given);

    for (size_t i = 0; i < c->args.n_given; i++) {
        if (c->args.given[i].id == OPT_REDIRECT)
            uris[to->n_redirect_uris++] = c->args.given[i].value;
    }
    to->redirect_uris = uris;
}

static bool check_client(struct cli *c, const struct auth_client_new *n, struct error *err)
{
    if (n->is_for_itself && (n->is_public || n->n_redirect_uris))
        return error_set(
            err, ERROR_INVALID,
            "--for-itself needs a secret and sends nobody anywhere: it goes without "
            "--public and --redirect");
    if (!n->is_for_itself && (cli_has(c, OPT_SCOPES) || cli_has(c, OPT_SPACES)))
        return error_set(err, ERROR_INVALID,
                         "--scopes and --spaces go with --for-itself; of others, people decide "
                         "what they may do");
    if (!n->is_for_itself && n->n_redirect_uris == 0)
        return error_set(err, ERROR_INVALID,
                         "give where it sends people, with --redirect, or --for-itself");
    return true;
}

static bool add_client(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);
    struct auth_client_new n = {.name = c->args.words[1],
                                .is_public = cli_has(c, OPT_PUBLIC),
                                .is_for_itself = cli_has(c, OPT_FOR_ITSELF)};
    struct str id, secret;

    read_uris(c, &n);
    if (n.is_for_itself) {
        n.scopes = SCOPE_READ | SCOPE_WRITE;
        n.spaces = STR(SPACE_DEFAULT);
    }
    if (!check_client(c, &n, err) || !cli_scopes(c, OPT_SCOPES, &n.scopes, err) ||
        !cli_spaces(c, OPT_SPACES, &n.spaces, err) ||
        !auth_client_add(x, &ask, cli_by(), &n, &id, &secret, err))
        return false;
    if (c->is_json) {
        json_t *j = json_must(json_pack("{s:o}", "client_id", json_str(id)));

        if (secret.len)
            json_object_set_new(j, "client_secret", json_str(secret));
        cli_print_json(c, j);
        return true;
    }
    cli_print(c, STYLE_PLAIN, "client_id      " STR_FMT "\n", STR_ARG(id));
    if (secret.len)
        cli_print(c, STYLE_PLAIN, "client_secret  " STR_FMT "\n", STR_ARG(secret));
    if (secret.len)
        cli_print(c, STYLE_DIM, "The secret is not shown again.\n");
    return true;
}

static bool delete_client(struct cli *c, struct auth *x, struct error *err)
{
    const struct auth_request ask = cli_ask(c);

    if (!auth_client_delete(x, &ask, cli_by(), c->args.words[1], err))
        return false;
    cli_print_done(c, "deleted", c->args.words[1]);
    return true;
}

static const struct cli_action actions[] = {
    {"list", "", 0, "", list_clients},
    {"add", "NAME", 1, "rpfcs", add_client},
    {"delete", "ID", 1, "", delete_client},
};

static bool run_client(struct cli *c, struct error *err)
{
    return cli_act(c, &(struct cli_actions){&cli_client, actions, COUNT(actions)}, err);
}

static const struct cli_option options[] = {
    {OPT_REDIRECT, "redirect", "URI",
     "add: where it sends people back to; repeat it for several"},
    {OPT_PUBLIC, "public", NULL, "add: it can keep no secret (it runs on people's machines)"},
    {OPT_FOR_ITSELF, "for-itself", NULL, "add: it acts for nobody else (client_credentials)"},
    {OPT_SCOPES, "scopes", "NAMES",
     "with --for-itself: read, write, admin (default: 'read write')"},
    {OPT_SPACES, "spaces", "NAMES", "with --for-itself: in which spaces (default: default)"},
};

const struct cli_command cli_client = {
    .name = "client",
    .words = "[list | add NAME | delete ID]",
    .summary = "list, add and remove programs that get tokens",
    .details = "list    clients: those added here, and those that registered themselves\n"
               "add     registers a client and prints its id and secret, once\n"
               "delete  removes one, with all tokens that it was given\n\n"
               "  memoryd client add 'Our app' --redirect https://app.example.com/callback\n"
               "  memoryd client add backup --for-itself --scopes read --spaces '*'",
    .options = options,
    .n_options = COUNT(options),
    .max_words = 2,
    .run = run_client,
};

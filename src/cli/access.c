/*
 * access.c - what the commands about people, clients, tokens and keys share.
 *
 * They work on the database itself, whether a server runs or not; one that runs notices at its next request.
 * Whoever may open that file is its owner, so nobody is asked who they are: the audit calls them "local".
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include "text/text.h"
#include "view/view.h"

#define LOCAL STR("local")

/* -- actions --------------------------------------------------------------------------------- */

static const struct cli_action *find_action(const struct cli_actions *of, struct str name)
{
    for (size_t i = 0; i < of->n; i++) {
        if (str_eq_c(name, of->list[i].name))
            return &of->list[i];
    }
    return NULL;
}

static bool fail_usage(const struct cli_actions *of, struct str name, struct error *err)
{
    AUTO_BUF known = {0};

    for (size_t i = 0; i < of->n; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", of->list[i].name);
    return error_set(err, ERROR_INVALID,
                     "'" STR_FMT "' is nothing that 'memoryd %s' does: it takes %s; see "
                     "'memoryd %s --help'",
                     STR_ARG(name), of->command->name, buf_cstr(&known), of->command->name);
}

/* A limit that was typed and has no effect would be worse than an error. */
static bool check_options(const struct cli *c, const struct cli_command *command,
                          const struct cli_action *action, struct error *err)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const struct cli_option *o = &command->options[i];

        if (cli_has(c, o->id) && !strchr(action->options, o->id))
            return error_set(err, ERROR_INVALID, "--%s does not go with 'memoryd %s %s'",
                             o->name, command->name, action->name);
    }
    return !cli_has(c, OPT_SPACE) ||
           error_set(err, ERROR_INVALID, "--space is for memories; did you mean --spaces?");
}

static bool check_words(const struct cli *c, const struct cli_command *command,
                        const struct cli_action *action, struct error *err)
{
    size_t n = c->args.n_words ? c->args.n_words - 1 : 0;

    if (n != action->n_words)
        return error_set(err, ERROR_INVALID, "expected 'memoryd %s %s%s%s'", command->name,
                         action->name, action->n_words ? " " : "",
                         action->n_words ? action->words : "");
    for (size_t i = 0; i < c->args.n_words; i++) {
        if (!text_check(c->args.words[i], err))
            return false;
    }
    return true;
}

bool cli_act(struct cli *c, const struct cli_actions *of, struct error *err)
{
    struct str name = c->args.n_words ? c->args.words[0] : STR("list");
    const struct cli_action *action = find_action(of, name);
    struct auth *x;

    if (!action)
        return fail_usage(of, c->args.n_words ? name : STR(""), err);
    return check_words(c, of->command, action, err) &&
           check_options(c, of->command, action, err) && cli_open_auth(c, &x, err) &&
           action->run(c, x, err);
}

/* -- the database ---------------------------------------------------------------------------- */

bool cli_open_auth(struct cli *c, struct auth **out, struct error *err)
{
    return c->host->open_auth(c->host->ctx, out, err);
}

struct auth_request cli_ask(struct cli *c)
{
    return (struct auth_request){
        .arena = c->arena, .base = c->host->url, .peer = LOCAL, .now_ms = c->now_ms};
}

struct str cli_by(void)
{
    return LOCAL;
}

/* -- words ----------------------------------------------------------------------------------- */

struct str cli_words(struct cli *c, int id)
{
    AUTO_BUF all = {0};

    for (size_t i = 0; i < c->args.n_given; i++) {
        if (c->args.given[i].id == id)
            buf_printf(&all, "%s" STR_FMT, all.len ? " " : "", STR_ARG(c->args.given[i].value));
    }
    return arena_dup(c->arena, buf_str(&all));
}

bool cli_scopes(struct cli *c, int id, unsigned *out, struct error *err)
{
    if (!cli_has(c, id))
        return true;
    return auth_scopes_parse(cli_words(c, id), out, err) || error_wrap(err, "--scopes");
}

bool cli_spaces(struct cli *c, int id, struct str *out, struct error *err)
{
    struct str spaces = cli_words(c, id);

    if (!cli_has(c, id))
        return true;
    if (!auth_spaces_check(spaces, err))
        return error_wrap(err, "--spaces");
    *out = spaces;
    return true;
}

/* -- printing -------------------------------------------------------------------------------- */

json_t *cli_json_words(struct str words)
{
    json_t *list = json_must(json_array());
    struct str rest = words, word;

    while (str_next(&rest, ' ', &word)) {
        if (word.len)
            json_array_append_new(list, json_str(word));
    }
    return list;
}

json_t *cli_json_scopes(unsigned scopes)
{
    return cli_json_words(str_c(gate_scope_names(scopes)));
}

void cli_json_time(json_t *to, const char *key, int64_t ms)
{
    char iso[64];

    if (ms == 0)
        return;
    snprintf(iso, sizeof(iso), "%s_iso", key);
    json_object_set_new(to, key, view_seconds(ms));
    json_object_set_new(to, iso, view_iso(ms));
}

void cli_print_done(struct cli *c, const char *what, struct str name)
{
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:o}", what, json_str(name))));
    else
        cli_print(c, STYLE_GREEN, "%s " STR_FMT "\n", what, STR_ARG(name));
}

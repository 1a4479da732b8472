/* audit.c - memoryd audit: log-ins, consents, tokens, and who changed what about them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include "text/text.h"

enum { OPT_LIMIT = 'n', OPT_BEFORE = 'b' };

#define DEFAULT_LIMIT 50
#define LIMIT_MAX     1000

static json_t *event_json(const struct auth_event *e)
{
    json_t *j = json_must(json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "seq", (json_int_t)e->seq,
                                    "event", json_str(e->event), "subject",
                                    json_str(e->subject), "client", json_str(e->client), "peer",
                                    json_str(e->peer), "detail", json_str(e->detail)));

    cli_json_time(j, "at", e->at_ms);
    return j;
}

static void print_part(struct cli *c, const char *name, struct str value)
{
    if (value.len)
        cli_print(c, STYLE_PLAIN, "  %s " STR_FMT, name,
                  STR_ARG(text_printable(c->arena, value)));
}

static void print_event(struct cli *c, const struct auth_event *e)
{
    cli_print(c, STYLE_DIM, "%lld  " STR_FMT "  ", (long long)e->seq,
              STR_ARG(cli_local_time(c, e->at_ms)));
    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(e->event));
    print_part(c, "by", e->subject);
    print_part(c, "client", e->client);
    print_part(c, "from", e->peer);
    if (e->detail.len)
        cli_print(c, STYLE_DIM, "  " STR_FMT, STR_ARG(text_printable(c->arena, e->detail)));
    buf_add_char(&c->out, '\n');
}

static void print_events(struct cli *c, const struct auth_event *list, size_t n)
{
    json_t *all;

    if (c->is_json) {
        all = json_must(json_array());
        for (size_t i = 0; i < n; i++)
            json_array_append_new(all, event_json(&list[i]));
        cli_print_json(c, json_must(json_pack("{s:o}", "events", all)));
        return;
    }
    for (size_t i = 0; i < n; i++)
        print_event(c, &list[i]);
    if (n == 0)
        cli_print(c, STYLE_DIM, "nothing\n");
}

static bool run_audit(struct cli *c, struct error *err)
{
    int64_t limit = DEFAULT_LIMIT, before = 0;
    const struct auth_event *list;
    struct auth *x;
    size_t n;

    if (!cli_int(c, OPT_LIMIT, "--limit", 1, LIMIT_MAX, &limit, err) ||
        !cli_int(c, OPT_BEFORE, "--before", 1, INT64_MAX, &before, err) ||
        !cli_open_auth(c, &x, err) ||
        !auth_audit(x, c->arena, before, (size_t)limit, &list, &n, err))
        return false;
    print_events(c, list, n);
    if (n == (size_t)limit && !c->is_json && list[n - 1].seq > 1)
        cli_print(c, STYLE_DIM, "more with --before %lld\n", (long long)list[n - 1].seq);
    return true;
}

static const struct cli_option options[] = {
    {OPT_LIMIT, "limit", "N", "at most N, up to 1000 (default: 50); also -n N"},
    {OPT_BEFORE, "before", "SEQ", "only what came before the event of this number"},
};

const struct cli_command cli_audit = {
    .name = "audit",
    .words = "",
    .summary = "show log-ins, consents, tokens and changes of accounts",
    .details =
        "Shows what happened with accounts, clients, tokens and keys, the latest first: when, "
        "what, by\nwhom, from where. 'memoryd history HASH' shows what happened to a "
        "memory.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_audit,
};

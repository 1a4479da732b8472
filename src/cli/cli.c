/*
 * cli.c - finds the command, runs it, prints its result or its error.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include <unistd.h>

#include "base/clock.h"
#include "sys/sys.h"

static const struct cli_command *const commands[] = {
    &cli_store,  &cli_search,  &cli_list,    &cli_show,   &cli_update,
    &cli_delete, &cli_restore, &cli_history, &cli_stats,  &cli_health,
    &cli_model,  &cli_reindex, &cli_user,    &cli_client, &cli_token,
    &cli_key,    &cli_keys,    &cli_audit,   &cli_doctor, &cli_version,
};

static const struct cli_command *find_command(struct str name)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (str_eq_c(name, commands[i]->name))
            return commands[i];
    }
    return NULL;
}

bool cli_has_command(struct str name)
{
    return find_command(name) != NULL;
}

void cli_help(FILE *to)
{
    fputs("memoryd - a lasting memory for AI assistants\n\n"
          "  memoryd                 speak MCP on standard input and output (what clients "
          "start)\n"
          "  memoryd serve           serve MCP over HTTP, by default at "
          "http://127.0.0.1:8765/mcp\n"
          "  memoryd COMMAND ...     work with the memories from here\n\n"
          "Commands:\n"
          "  serve      answer over HTTP until stopped\n"
          "  stdio      answer on standard input and output until it ends\n",
          to);
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\nTry:\n"
        "  memoryd store 'We chose PostgreSQL because of row-level security' --tag decision\n"
        "  memoryd search 'which database did we pick and why'\n"
        "  memoryd search --help\n\n"
        "Settings come from the environment and an .env file; 'memoryd doctor' shows those in\n"
        "force and checks that everything works.\n",
        to);
}

static int exit_code(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return CLI_OK;
    case ERROR_INVALID:
        return CLI_USAGE;
    case ERROR_NOT_FOUND:
        return CLI_NOT_FOUND;
    case ERROR_CONFLICT:
        return CLI_CONFLICT;
    case ERROR_DENIED:
        return CLI_DENIED;
    case ERROR_LIMIT:
        return CLI_LIMIT;
    case ERROR_UNAVAILABLE:
        return CLI_UNAVAILABLE;
    case ERROR_INTERNAL:
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

static void print_error(const struct cli *c, const struct error *err)
{
    if (c->is_json && c->out.len == 0) { /* else a report was printed that says it: one value */
        AUTO_BUF line = {0};
        json_t *j =
            json_must(json_pack("{s:{s:s, s:o}}", "error", "kind", error_kind_name(err->kind),
                                "message", json_str(str_c(err->text))));

        json_write(&line, j);
        json_decref(j);
        fprintf(c->host->out, "%s\n", buf_cstr(&line));
    }
    fprintf(c->host->err, "memoryd: %s\n", err->text);
}

bool cli_open(struct cli *c, struct memory_service **out, struct error *err)
{
    return c->host->open_memory(c->host->ctx, out, err);
}

/* Whoever asked for JSON gets even an error about the options in it. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

enum embed_precision cli_precision(const struct cli *c)
{
    return c->host->config && c->host->config->is_fp32 ? EMBED_FP32 : EMBED_FASTEST;
}

static bool flush_output(struct cli *c, struct error *err)
{
    struct str out = buf_str(&c->out);

    if ((out.len > 0 && fwrite(out.ptr, 1, out.len, c->host->out) != out.len) ||
        fflush(c->host->out) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "cannot write the result");
    return true;
}

static bool run(struct cli *c, const struct cli_command *command, int argc, char **argv,
                struct error *err)
{
    bool is_help;

    if (!cli_parse(c, command, argc, argv, &is_help, err))
        return false;
    if (is_help) {
        cli_usage(c->host->out, command);
        return true;
    }
    /* What was printed before a failure is the report of a check, such as doctor's: show it. */
    if (!command->run(c, err)) {
        (void)flush_output(c, NULL);
        return false;
    }
    return flush_output(c, err);
}

int cli_run(const struct cli_host *host, int argc, char **argv)
{
    const struct cli_command *command = find_command(str_c(argv[0]));
    struct error err = {0};
    struct cli c = {
        .host = host,
        .arena = host->arena,
        .who = {.subject = STR("local"),
                .client = STR("cli"),
                .space = STR(SPACE_DEFAULT),
                .scopes = SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN},
        .now_ms = clock_now_ms(),
        .is_json = asks_for_json(argc, argv),
        .has_colour = sys_is_terminal(fileno(host->out)) && !getenv("NO_COLOR"),
    };

    if (!run(&c, command, argc, argv, &err))
        print_error(&c, &err);
    buf_deinit(&c.out);
    return exit_code(err.kind);
}

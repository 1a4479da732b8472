/*
 * main.c - argv to command: serve, stdio, or one of cli/.
 *
 * Options of `serve` become environment variables in front of the real ones, so that there is one
 * check of every setting, in config/.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <signal.h>
#include <unistd.h>

#include "access.h"
#include "base/alloc.h"
#include "base/log.h"
#include "cli/cli.h"
#include "sys/sys.h"

#define PROGRAM "memoryd"

/* Whole at once from a cold disk, in the place of one wait for each part that is called. */
#define PROGRAM_BYTES_MAX ((size_t)16 << 20)

struct program {
    struct arena arena;
    struct config_source source;
    struct config config;
    bool has_config;
    struct error config_error;
    struct app *app; /* these two opened on first use */
    struct auth *auth;
};

static void program_deinit(struct program *p)
{
    auth_close(p->auth);
    app_close(p->app);
    arena_deinit(&p->arena);
}

static bool is_named(const char *entry, const char *name)
{
    size_t n = strlen(name);

    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* The environment with name=value instead of what it says about name. */
static const char *const * override(struct arena *a, const char *const *env, const char *name,
                                    const char *value)
{
    size_t n = 0, kept = 0;
    const char **copy;

    while (env[n])
        n++;
    copy = ARENA_NEW(a, const char *, n + 2);
    copy[kept++] = arena_printf(a, "%s=%s", name, value).ptr;
    for (size_t i = 0; i < n; i++) {
        if (!is_named(env[i], name))
            copy[kept++] = env[i];
    }
    return copy;
}

static void warn_config(void *ctx, struct str line)
{
    (void)ctx;
    log_event(LOG_WARN, "config", STR_FMT, STR_ARG(line));
}

/* Reads the settings; a failure is kept for the command to decide (doctor reports it). */
static void load_config(struct program *p)
{
    char cwd[4096];

    p->source.cwd = getcwd(cwd, sizeof(cwd)) ? arena_dup(&p->arena, str_c(cwd)) : STR(".");
    p->source.home = str_c(getenv("HOME"));
    p->has_config =
        config_load(&p->arena, &p->source, warn_config, NULL, &p->config, &p->config_error);
    if (!p->has_config)
        return;
    log_set_level(p->config.log_level);
    log_set_json(p->config.is_log_json);
}

static int fail(const struct error *err, int code)
{
    fprintf(stderr, PROGRAM ": %s\n", err->text);
    return code;
}

/* -- commands of cli/ ------------------------------------------------------------------------- */

static bool open_memory(void *ctx, struct memory_service **out, struct error *err)
{
    struct program *p = ctx;

    if (!p->has_config) {
        *err = p->config_error;
        return false;
    }
    if (!p->app && !app_open(&p->config, &p->app, err))
        return false;
    *out = app_memory(p->app);
    return true;
}

static bool open_auth(void *ctx, struct auth **out, struct error *err)
{
    struct program *p = ctx;

    if (!p->has_config) {
        *err = p->config_error;
        return false;
    }
    if (!p->auth && !access_open_database(&p->config, &p->auth, err))
        return false;
    *out = p->auth;
    return true;
}

static bool probe_port(void *ctx, struct str *out_state, struct error *err)
{
    struct program *p = ctx;

    return app_probe_port(&p->config, &p->arena, out_state, err);
}

/* What a server's level would say of a command, its output says already. */
static void quieten(const struct config *config)
{
    for (size_t i = 0; i < config->n_items; i++) {
        if (strcmp(config->items[i].name, "LOG_LEVEL") == 0 &&
            strcmp(config->items[i].source, "default") == 0)
            log_set_level(LOG_WARN);
    }
}

static int run_cli(struct program *p, int argc, char **argv)
{
    struct cli_host host = {
        .arena = &p->arena,
        .open_memory = open_memory,
        .open_auth = open_auth,
        .probe_port = probe_port,
        .ctx = p,
        .out = stdout,
        .err = stderr,
    };

    load_config(p);
    host.config = p->has_config ? &p->config : NULL;
    host.config_error = p->config_error;
    if (p->has_config) {
        quieten(&p->config);
        host.url = access_url(&p->arena, &p->config);
    }
    return cli_run(&host, argc, argv);
}

/* -- serve and stdio -------------------------------------------------------------------------- */

static int run_server(struct program *p, bool is_http)
{
    struct error err = {0};
    int signals_fd;

    if (!sys_signals_open(&signals_fd, &err) || !app_open(&p->config, &p->app, &err))
        return fail(&err, CLI_FAILED);
    if (is_http ? !app_serve(p->app, signals_fd, &err) : !app_stdio(p->app, signals_fd, &err))
        return fail(&err, CLI_FAILED);
    return CLI_OK;
}

static void serve_help(FILE *to)
{
    fputs("memoryd serve [--host ADDRESS] [--port N]\n\n"
          "Serves MCP until SIGINT or SIGTERM: Streamable HTTP at /mcp, and for older clients\n"
          "HTTP+SSE at /sse.\n\n"
          "Options:\n"
          "  --host ADDRESS           listen here (default: MCP_SSE_HOST, 127.0.0.1)\n"
          "  --port N                 and on this port (default: MCP_SSE_PORT, 8765)\n"
          "  --help                   show this help\n",
          to);
}

/* False: argv is wrong, and err says how. */
static bool read_serve_options(struct program *p, int argc, char **argv, bool *out_help,
                               struct error *err)
{
    int i = 0;

    while (++i < argc) {
        bool is_host = str_eq_c(str_c(argv[i]), "--host");

        *out_help = str_eq_c(str_c(argv[i]), "--help") || str_eq_c(str_c(argv[i]), "-h");
        if (*out_help)
            return true;
        if (!is_host && !str_eq_c(str_c(argv[i]), "--port"))
            return error_set(err, ERROR_INVALID,
                             "%s is no option of serve; see 'memoryd serve --help'", argv[i]);
        if (i + 1 == argc)
            return error_set(err, ERROR_INVALID, "%s needs a value", argv[i]);
        p->source.environ = override(&p->arena, p->source.environ,
                                     is_host ? "MCP_SSE_HOST" : "MCP_SSE_PORT", argv[++i]);
    }
    return true;
}

static int run_serve(struct program *p, int argc, char **argv)
{
    struct error err = {0};
    bool is_help = false;

    if (!read_serve_options(p, argc, argv, &is_help, &err))
        return fail(&err, CLI_USAGE);
    if (is_help) {
        serve_help(stdout);
        return CLI_OK;
    }
    p->source.is_server = true;
    load_config(p);
    return p->has_config ? run_server(p, true) : fail(&p->config_error, CLI_USAGE);
}

static int run_stdio(struct program *p, int argc, char **argv)
{
    if (argc > 1) {
        fprintf(
            argv[1][0] == '-' && argv[1][1] == '-' && argv[1][2] == 'h' ? stdout : stderr,
            "memoryd stdio\n\nSpeaks MCP on standard input and output until the input ends. It "
            "takes no options.\n");
        return str_eq_c(str_c(argv[1]), "--help") ? CLI_OK : CLI_USAGE;
    }
    load_config(p);
    return p->has_config ? run_server(p, false) : fail(&p->config_error, CLI_USAGE);
}

/* Without a command: what the environment asks for. */
static int run_default(struct program *p)
{
    load_config(p);
    return p->has_config ? run_server(p, p->config.is_http) : fail(&p->config_error, CLI_USAGE);
}

static int run_command(struct program *p, int argc, char **argv)
{
    struct str name = str_c(argc > 1 ? argv[1] : NULL);

    if (argc < 2)
        return run_default(p);
    if (str_eq_c(name, "serve"))
        return run_serve(p, argc - 1, argv + 1);
    if (str_eq_c(name, "stdio"))
        return run_stdio(p, argc - 1, argv + 1);
    if (cli_has_command(name))
        return run_cli(p, argc - 1, argv + 1);
    if (str_eq_c(name, "--version")) {
        argv[1] = (char[]){"version"};
        return run_cli(p, 1, argv + 1);
    }
    if (str_eq_c(name, "--help") || str_eq_c(name, "-h") || str_eq_c(name, "help")) {
        cli_help(stdout);
        return CLI_OK;
    }
    fprintf(stderr, PROGRAM ": no command '%s'; see '" PROGRAM " --help'\n", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct program p = {.source.environ = (const char *const *)environ};
    int code;

    sys_read_ahead("/proc/self/exe", PROGRAM_BYTES_MAX);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is for the write to report */
    code = run_command(&p, argc, argv);

    program_deinit(&p);
    return code;
}

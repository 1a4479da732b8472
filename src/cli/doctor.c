/*
 * doctor.c - memoryd doctor and memoryd version: everything that could be wrong, checked in turn. A server
 * elsewhere, by its URL, is in doctor_url.c and those beside it.
 *
 * Each check prints one line and, if it fails, what to do. Later checks run even when earlier ones
 * fail, as far as they can: a person wants the whole list at once.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include <stdarg.h>
#include <sys/utsname.h>

#include "embed/embed.h"
#include "text/text.h"

#define LOW_SPACE_BYTES ((int64_t)200 * 1000 * 1000)

/* One line, whatever a server put into it. */
static struct str one_line(struct doctor *d, const struct buf *text)
{
    struct str line = text_printable(d->c->arena, buf_str(text));
    char *copy = arena_cstr(d->c->arena, line);

    for (size_t i = 0; i < line.len; i++) {
        if (copy[i] == '\n' || copy[i] == '\t')
            copy[i] = ' ';
    }
    return str_n(copy, line.len);
}

void doctor_say(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
{
    static const struct {
        const char *name;
        enum cli_style style;
    } rows[] = {
        [VERDICT_OK] = {"ok", STYLE_GREEN},
        [VERDICT_NOTE] = {"note", STYLE_YELLOW},
        [VERDICT_FAILED] = {"FAILED", STYLE_RED},
    };
    AUTO_BUF text = {0};
    struct str line;
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    line = one_line(d, &text);
    d->n_failed += verdict == VERDICT_FAILED;
    if (d->checks) {
        json_array_append_new(d->checks,
                              json_must(json_pack("{s:s, s:s, s:o}", "check", what, "result",
                                                  rows[verdict].name, "text", json_str(line))));
        return;
    }
    cli_print(d->c, rows[verdict].style, "%-7s", rows[verdict].name);
    cli_print(d->c, STYLE_PLAIN, "%-14s " STR_FMT "\n", what, STR_ARG(line));
}

static void check_config(struct doctor *d)
{
    const struct cli_host *host = d->c->host;

    if (!host->config) {
        doctor_say(d, VERDICT_FAILED, "configuration", "%s", host->config_error.text);
        return;
    }
    for (size_t i = 0; i < host->config->n_items; i++) {
        const struct config_item *item = &host->config->items[i];

        if (strcmp(item->source, "default") != 0)
            doctor_say(d, VERDICT_OK, "setting", "%s=" STR_FMT " (%s)", item->name,
                       STR_ARG(item->value), item->source);
    }
    doctor_say(d, VERDICT_OK, "configuration", "%zu settings; .env: " STR_FMT,
               host->config->n_items,
               STR_ARG(host->config->env_file.len ? host->config->env_file : STR("none")));
}

static void check_model(struct doctor *d)
{
    const struct config *config = d->c->host->config;
    struct error err = {0};
    struct embedder *e;
    const char *path;

    if (!config)
        return;
    if (!config->model_path.len) {
        doctor_say(
            d, VERDICT_NOTE, "model",
            "none installed, so search works by words only; 'memoryd model convert' makes "
            "one");
        return;
    }
    path = arena_cstr(d->c->arena, config->model_path);
    if (!cli_verify_model(d->c, &err) || !embed_open(path, cli_precision(d->c), &e, &err)) {
        doctor_say(d, VERDICT_FAILED, "model", "%s", err.text);
        return;
    }
    doctor_say(d, VERDICT_OK, "model", STR_FMT ", %s, " STR_FMT, STR_ARG(embed_model_id(e)),
               embed_path_name(e), STR_ARG(config->model_path));
    embed_close(e);
}

static void check_memory(struct doctor *d)
{
    struct memory_service *memory;
    struct memory_health_result health;
    struct error err = {0};

    if (!d->c->host->config)
        return;
    if (!cli_open(d->c, &memory, &err) ||
        !memory_health(memory, &d->c->who, d->c->arena, &health, &err)) {
        doctor_say(d, VERDICT_FAILED, "database", "%s", err.text);
        return;
    }
    if (health.is_store_ok)
        doctor_say(d, health.is_words_ok ? VERDICT_OK : VERDICT_FAILED, "database",
                   "%lld memories, " STR_FMT ", " STR_FMT, (long long)health.n_live,
                   STR_ARG(cli_bytes(d->c, health.bytes_on_disk)),
                   STR_ARG(d->c->host->config->sqlite_path));
    if (health.n_with_vector < health.n_live && health.has_model)
        doctor_say(d, VERDICT_NOTE, "vectors",
                   "%lld memories are found by words only; run 'memoryd reindex'",
                   (long long)(health.n_live - health.n_with_vector));
    if (!health.is_healthy)
        doctor_say(d, VERDICT_FAILED, health.is_store_ok ? "health" : "database", STR_FMT,
                   STR_ARG(health.message));
    if (health.bytes_free < LOW_SPACE_BYTES)
        doctor_say(d, VERDICT_FAILED, "disk", "only " STR_FMT " free; make room",
                   STR_ARG(cli_bytes(d->c, health.bytes_free)));
    else
        doctor_say(d, VERDICT_OK, "disk", STR_FMT " free",
                   STR_ARG(cli_bytes(d->c, health.bytes_free)));
}

static void check_machine(struct doctor *d)
{
    check_config(d);
    check_model(d);
    check_memory(d);
    doctor_check_host(d);
}

static bool check_options(const struct cli *c, struct error *err)
{
    static const int of_url[] = {DOCTOR_OPT_CONNECT, DOCTOR_OPT_CA_FILE, DOCTOR_OPT_PRIVATE,
                                 DOCTOR_OPT_LOGIN};

    for (size_t i = 0; i < COUNT(of_url); i++) {
        if (cli_has(c, of_url[i]) && !cli_has(c, DOCTOR_OPT_URL))
            return error_set(err, ERROR_INVALID,
                             "--connect, --ca-file, --private and --login go with --url");
    }
    return true;
}

static bool run_doctor(struct cli *c, struct error *err)
{
    struct doctor d = {.c = c};
    bool is_url = cli_has(c, DOCTOR_OPT_URL);

    if (!check_options(c, err))
        return false;
    if (c->is_json)
        d.checks = json_must(json_array());
    if (!is_url)
        check_machine(&d);
    if (is_url && !doctor_run_url(&d, err)) {
        json_decref(d.checks);
        return false;
    }
    if (c->is_json)
        cli_print_json(
            c, json_must(json_pack("{s:b, s:o}", "ok", d.n_failed == 0, "checks", d.checks)));
    if (d.n_failed)
        return error_set(err, ERROR_UNAVAILABLE, "%zu of the checks failed", d.n_failed);
    return true;
}

static bool run_version(struct cli *c, struct error *err)
{
    struct utsname u;

    if (uname(&u) != 0)
        return error_set(err, ERROR_INTERNAL, "uname failed");
    if (c->is_json)
        cli_print_json(c, json_must(json_pack("{s:s, s:s, s:s}", "version", MEMORYD_VERSION,
                                              "system", u.sysname, "machine", u.machine)));
    else
        cli_print(c, STYLE_PLAIN, "memoryd %s (%s %s)\n", MEMORYD_VERSION, u.sysname,
                  u.machine);
    return true;
}

static const struct cli_option doctor_options[] = {
    {DOCTOR_OPT_URL, "url", "URL", "check this server instead, as claude.ai connects to it"},
    {DOCTOR_OPT_LOGIN, "login", NULL, "and log in with a browser, for everything behind that"},
    {DOCTOR_OPT_PRIVATE, "private", NULL,
     "for clients of this network: any port and address will do"},
    {DOCTOR_OPT_CONNECT, "connect", "HOST:PORT",
     "speak with this one in the place of whom the URL names"},
    {DOCTOR_OPT_CA_FILE, "ca-file", "FILE",
     "authorities (PEM) in the place of the system's, for one of your own"},
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .words = "",
    .summary = "check configuration, model, database, certificate, address and more",
    .details =
        "Checks everything that memoryd needs on this machine and says what to do where "
        "something "
        "is wrong.\nWith --url it makes the connection that claude.ai makes, from the first "
        "request to the log-in page,\nand with an API key or token in MEMORYD_DOCTOR_TOKEN, or "
        "with --login, to a tool call. Nothing is changed;\nthe client that it registers is "
        "removed again. Exit code 7 if a check failed.\n\n"
        "  memoryd doctor --url https://memory.example.com/mcp",
    .options = doctor_options,
    .n_options = COUNT(doctor_options),
    .run = run_doctor,
};

const struct cli_command cli_version = {
    .name = "version",
    .words = "",
    .summary = "print the version",
    .details = "Prints the version of this program and the system it runs on.",
    .run = run_version,
};

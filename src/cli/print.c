/*
 * print.c - how results look on a terminal and in a pipe.
 *
 * Everything is collected in cli->out and written at once, so that a failing command prints no half
 * result. Stored text may hold terminal control sequences: on a terminal they are made visible, in
 * a pipe the bytes stay as they are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "sys/sys.h"
#include "text/text.h"

#define SHORT_HASH_CHARS   12
#define PREVIEW_CHARS      240 /* of a memory in a list; `show` prints it whole */
#define PROGRESS_BAR_CHARS 30

static const char *const style_codes[] = {
    [STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
    [STYLE_GREEN] = "\033[32m", [STYLE_RED] = "\033[31m", [STYLE_YELLOW] = "\033[33m",
};

void cli_print(struct cli *c, enum cli_style style, const char *fmt, ...)
{
    bool is_styled = c->has_colour && style != STYLE_PLAIN;
    va_list args;

    if (is_styled)
        buf_add_c(&c->out, style_codes[style]);
    va_start(args, fmt);
    buf_vprintf(&c->out, fmt, args);
    va_end(args);
    if (is_styled)
        buf_add_c(&c->out, "\033[0m");
}

void cli_print_content(struct cli *c, struct str content, int indent)
{
    struct str rest = content, line;

    if (sys_is_terminal(fileno(c->host->out)))
        rest = text_printable(c->arena, content);
    while (str_next(&rest, '\n', &line)) {
        buf_printf(&c->out, "%*s", indent, "");
        buf_add(&c->out, line);
        buf_add_char(&c->out, '\n');
    }
}

void cli_print_json(struct cli *c, json_t *j)
{
    json_write(&c->out, j);
    buf_add_char(&c->out, '\n');
    json_decref(j);
}

struct str cli_short_hash(struct str hash)
{
    return str_sub(hash, 0, SHORT_HASH_CHARS);
}

struct str cli_local_time(struct cli *c, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];

    if (ms == 0 || !localtime_r(&seconds, &tm))
        return STR("never");
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
    return arena_dup(c->arena, str_c(text));
}

struct str cli_bytes(struct cli *c, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < COUNT(units)) {
        value /= 1000;
        unit++;
    }
    return arena_printf(c->arena, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void print_tags(struct cli *c, const struct memory *m)
{
    for (size_t i = 0; i < m->n_tags; i++)
        cli_print(c, STYLE_YELLOW, "%s#" STR_FMT, i ? " " : "  ", STR_ARG(m->tags[i]));
}

void cli_print_memory(struct cli *c, const struct memory *m, bool is_whole)
{
    struct str hash = is_whole ? m->hash : cli_short_hash(m->hash);
    struct str content = is_whole ? m->content : text_first(m->content, PREVIEW_CHARS);

    cli_print(c, STYLE_BOLD, STR_FMT, STR_ARG(hash));
    cli_print(c, STYLE_DIM, "  " STR_FMT "  " STR_FMT,
              STR_ARG(cli_local_time(c, m->created_ms)),
              STR_ARG(m->type.len ? m->type : STR("-")));
    print_tags(c, m);
    if (m->deleted_ms)
        cli_print(c, STYLE_RED, "  in the trash since " STR_FMT,
                  STR_ARG(cli_local_time(c, m->deleted_ms)));
    if (m->superseded_by.len)
        cli_print(c, STYLE_DIM, "  superseded by " STR_FMT,
                  STR_ARG(cli_short_hash(m->superseded_by)));
    buf_add_char(&c->out, '\n');
    cli_print_content(c, content, 4);
    if (content.len < m->content.len)
        cli_print(c, STYLE_DIM, "    ... (%zu characters; memoryd show " STR_FMT ")\n",
                  text_count(m->content), STR_ARG(cli_short_hash(m->hash)));
}

void cli_progress(const struct cli *c, const char *what, size_t done, size_t total)
{
    char bar[PROGRESS_BAR_CHARS + 1];
    size_t filled = total ? done * PROGRESS_BAR_CHARS / total : 0;

    if (!sys_is_terminal(fileno(c->host->err)))
        return;
    memset(bar, '.', sizeof(bar) - 1);
    memset(bar, '#', MIN(filled, sizeof(bar) - 1));
    bar[sizeof(bar) - 1] = '\0';
    fprintf(c->host->err, "\r%s [%s] %zu/%zu%s", what, bar, done, total,
            done >= total ? "\n" : "");
    fflush(c->host->err);
}

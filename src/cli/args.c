/*
 * args.c - option tables for getopt_long(), and typed reading of what was given.
 *
 * Every command takes --help, --json and --space; they are added to its own table here. Negative
 * numbers and texts that begin with a dash can be given after "--".
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

#include <getopt.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "sys/sys.h"
#include "text/text.h"

#define OPTIONS_MAX 32

static const struct cli_option common_options[] = {
    {OPT_JSON, "json", NULL, "print one JSON value instead of text"},
    {OPT_SPACE, "space", "NAME", "work in this space (default: " SPACE_DEFAULT ")"},
    {OPT_HELP, "help", NULL, "show this help"},
};

static size_t add_long_options(struct option *to, size_t n, const struct cli_option *from,
                               size_t n_from)
{
    for (size_t i = 0; i < n_from && n < OPTIONS_MAX - 1; i++) {
        to[n++] = (struct option){from[i].name, from[i].value ? required_argument : no_argument,
                                  NULL, from[i].id};
    }
    return n;
}

static bool set_space(struct cli *c, struct str space, struct error *err)
{
    if (!space_is_valid(space))
        return error_set(err, ERROR_INVALID,
                         "--space takes a name of 1 to %d characters without blanks or '/'",
                         MEMORY_SPACE_MAX_CHARS);
    c->who.space = space;
    return true;
}

/* -n is the one short option with a value; only commands with a limit have it. */
static bool has_option(const struct cli_command *command, int id)
{
    for (size_t i = 0; i < command->n_options; i++) {
        if (command->options[i].id == id)
            return true;
    }
    return id >= OPT_HELP || id == 'h';
}

static bool take_option(struct cli *c, struct cli_given given, bool *out_help,
                        struct error *err)
{
    switch (given.id) {
    case OPT_HELP:
        *out_help = true;
        return true;
    case OPT_JSON:
        c->is_json = true;
        return true;
    case OPT_SPACE:
        return set_space(c, given.value, err);
    default:
        return true;
    }
}

static bool check_words(const struct cli_command *command, size_t n_words, struct error *err)
{
    if (n_words < command->min_words)
        return error_set(err, ERROR_INVALID, "%s is missing; see 'memoryd %s --help'",
                         command->words, command->name);
    if (n_words > command->max_words)
        return error_set(err, ERROR_INVALID,
                         "too many words (put a text in quotes); see 'memoryd %s --help'",
                         command->name);
    return true;
}

bool cli_parse(struct cli *c, const struct cli_command *command, int argc, char **argv,
               bool *out_help, struct error *err)
{
    struct option longs[OPTIONS_MAX] = {0};
    size_t n = add_long_options(longs, 0, command->options, command->n_options);
    struct cli_given *given = ARENA_NEW(c->arena, struct cli_given, (size_t)argc);
    struct str *words = ARENA_NEW(c->arena, struct str, (size_t)argc);
    int id;

    add_long_options(longs, n, common_options, COUNT(common_options));
    *out_help = false;
    optind = 0; /* restarts getopt, also its permutation state */
    opterr = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): commands run before there are other threads. */
    while ((id = getopt_long(argc, argv, ":hn:", longs, NULL)) != -1) {
        struct cli_given one = {id == 'h' ? OPT_HELP : id, str_c(optarg)};

        if (id == '?' || id == ':' || !has_option(command, id))
            return error_set(err, ERROR_INVALID, "%s %s; see 'memoryd %s --help'",
                             argv[optind - 1],
                             id == ':' ? "needs a value" : "is no option here", command->name);
        if (!text_check(one.value, err))
            return error_wrap(err, "%s", argv[optind - 1]);
        if (!take_option(c, one, out_help, err))
            return false;
        given[c->args.n_given++] = one;
    }
    for (int i = optind; i < argc; i++)
        words[c->args.n_words++] = str_c(argv[i]);
    c->args.given = given;
    c->args.words = words;
    return *out_help || check_words(command, c->args.n_words, err);
}

static void print_option(FILE *to, const struct cli_option *o)
{
    char left[64];

    snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
             o->value ? o->value : "");
    fprintf(to, "  %-24s %s\n", left, o->help);
}

void cli_usage(FILE *to, const struct cli_command *command)
{
    fprintf(to, "memoryd %s%s%s%s\n\n%s\n\n", command->name, command->words[0] ? " " : "",
            command->words, command->n_options ? " [options]" : "", command->details);
    fputs("Options:\n", to);
    for (size_t i = 0; i < command->n_options; i++)
        print_option(to, &command->options[i]);
    for (size_t i = 0; i < COUNT(common_options); i++)
        print_option(to, &common_options[i]);
}

bool cli_has(const struct cli *c, int id)
{
    for (size_t i = 0; i < c->args.n_given; i++) {
        if (c->args.given[i].id == id)
            return true;
    }
    return false;
}

struct str cli_value(const struct cli *c, int id)
{
    for (size_t i = c->args.n_given; i > 0; i--) {
        if (c->args.given[i - 1].id == id)
            return c->args.given[i - 1].value;
    }
    return (struct str){0};
}

void cli_values(const struct cli *c, int id, const struct str **out, size_t *out_n)
{
    struct {
        struct str *ptr;
        size_t len, cap;
    } values = {0};
    struct str *copy;

    for (size_t i = 0; i < c->args.n_given; i++) {
        struct str rest = c->args.given[i].value, piece;

        if (c->args.given[i].id != id)
            continue;
        while (str_next(&rest, ',', &piece))
            VEC_PUSH(&values, piece);
    }
    copy = ARENA_NEW(c->arena, struct str, values.len);
    if (values.len)
        memcpy(copy, values.ptr, values.len * sizeof(*copy));
    *out = copy;
    *out_n = values.len;
    VEC_DEINIT(&values);
}

bool cli_int(const struct cli *c, int id, const char *name, int64_t min, int64_t max,
             int64_t *out, struct error *err)
{
    struct str text = cli_value(c, id);
    int64_t value;

    if (!text.ptr)
        return true;
    if (!str_to_int(text, &value) || value < min || value > max)
        return error_set(err, ERROR_INVALID,
                         "%s is '" STR_FMT "', not a number from %lld to %lld", name,
                         STR_ARG(text), (long long)min, (long long)max);
    *out = value;
    return true;
}

bool cli_fraction(const struct cli *c, int id, const char *name, double *out, struct error *err)
{
    struct str text = cli_value(c, id);
    double value;

    if (!text.ptr)
        return true;
    if (!str_to_double(text, &value) || value < 0 || value > 1)
        return error_set(err, ERROR_INVALID, "%s is '" STR_FMT "', not a number from 0 to 1",
                         name, STR_ARG(text));
    *out = value;
    return true;
}

bool cli_text(struct cli *c, size_t i, struct str *out, struct error *err)
{
    if (i < c->args.n_words && !str_eq_c(c->args.words[i], "-")) {
        *out = c->args.words[i];
        return true;
    }
    if (i >= c->args.n_words && sys_is_terminal(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "no text: give it in quotes, or pipe it in");
    if (!sys_read_all(c->arena, STDIN_FILENO, MEMORY_CONTENT_MAX_BYTES, out, err))
        return error_wrap(err, "standard input");
    return true;
}

bool cli_filter(struct cli *c, struct memory_filter *out, struct error *err)
{
    struct str since = cli_value(c, OPT_SINCE), until = cli_value(c, OPT_UNTIL);
    struct str when = cli_value(c, OPT_WHEN);

    cli_values(c, OPT_TAG, &out->tags, &out->n_tags);
    cli_values(c, OPT_TYPE, &out->types, &out->n_types);
    out->is_all_tags = cli_has(c, OPT_ALL_TAGS);
    if (when.ptr && (since.ptr || until.ptr))
        return error_set(err, ERROR_INVALID, "give --when or --since and --until, not both");
    if (since.ptr && !memory_parse_date(since, &out->from_ms, err))
        return error_wrap(err, "--since");
    if (until.ptr && !memory_parse_date(until, &out->until_ms, err))
        return error_wrap(err, "--until");
    if (until.ptr && out->until_ms == 0)
        out->until_ms = -1; /* 0 would be no limit */
    if (when.ptr &&
        !memory_parse_time_expr(when, c->now_ms, &out->from_ms, &out->until_ms, err))
        return error_wrap(err, "--when");
    return true;
}

/*
 * cli_int.h - what the command files share: the table row, parsed arguments, printing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_INT_H
#define CLI_CLI_INT_H

#include "cli/cli.h"

#include "auth/auth.h"
#include "base/buf.h"
#include "embed/embed.h"
#include "gate/gate.h"
#include "json/json.h"

struct cli_option {
    int id;
    const char *name;  /* without dashes */
    const char *value; /* what stands for its value in the help; NULL: a switch */
    const char *help;
};

struct cli_given {
    int id;
    struct str value;
};

struct cli_args {
    const struct str *words; /* what is no option, in order */
    size_t n_words;
    const struct cli_given *given; /* options, in order */
    size_t n_given;
};

struct cli { /* one run of one command */
    const struct cli_host *host;
    struct arena *arena;
    struct caller who;
    struct cli_args args;
    int64_t now_ms;
    bool is_json;
    bool has_colour; /* out is a terminal and NO_COLOR is not set */
    struct buf out;  /* written to host->out when the command returns */
};

struct cli_command {
    const char *name;
    const char *words;   /* the non-options in the usage line */
    const char *summary; /* one line for `memoryd --help` */
    const char *details; /* paragraphs and examples for `memoryd NAME --help` */
    const struct cli_option *options;
    size_t n_options;
    size_t min_words;
    size_t max_words;
    bool (*run)(struct cli *c, struct error *err);
};

extern const struct cli_command cli_store, cli_search, cli_list, cli_show, cli_update,
    cli_delete, cli_restore, cli_history, cli_stats, cli_health, cli_model, cli_reindex,
    cli_doctor, cli_version, cli_user, cli_client, cli_token, cli_key, cli_keys, cli_audit;

/* -- arguments (args.c) ---------------------------------------------------------------------- */

enum { OPT_HELP = 2000, OPT_JSON, OPT_SPACE }; /* of every command, after all others */

/* INVALID names the option and points to --help. *out_help: --help was given. */
NODISCARD bool cli_parse(struct cli *c, const struct cli_command *command, int argc,
                         char **argv, bool *out_help, struct error *err);
void cli_usage(FILE *to, const struct cli_command *command);

bool cli_has(const struct cli *c, int id);
struct str cli_value(const struct cli *c, int id); /* of the last one given; NULL view: none */
/* All values of a repeatable option, split at commas. */
void cli_values(const struct cli *c, int id, const struct str **out, size_t *out_n);
NODISCARD bool cli_int(const struct cli *c, int id, const char *name, int64_t min, int64_t max,
                       int64_t *out, struct error *err); /* leaves *out alone if not given */
NODISCARD bool cli_fraction(const struct cli *c, int id, const char *name, double *out,
                            struct error *err); /* [0, 1] */

/* The text given as the word at i, or from standard input if there is none or it is "-". */
NODISCARD bool cli_text(struct cli *c, size_t i, struct str *out, struct error *err);

/* -- filters shared by search, list and delete ------------------------------------------------ */

enum {
    OPT_TAG = 1000, /* above every command's own ids, which are characters */
    OPT_ALL_TAGS,
    OPT_TYPE,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_WHEN,
};
#define CLI_FILTER_OPTIONS                                                                     \
    {OPT_TAG, "tag", "TAG",                                                                    \
     "only memories with this tag; repeat it or use commas for several"},                      \
        {OPT_ALL_TAGS, "all-tags", NULL, "they must have all of the tags, not just one"},      \
        {OPT_SINCE, "since", "DATE", "created at or after (2026-05-16 or 2026-05-16T15:00)"},  \
        {OPT_UNTIL, "until", "DATE", "created before"},                                        \
    {                                                                                          \
        OPT_WHEN, "when", "WORDS", "created in a time said in words: 'last week', 'since may'" \
    }

NODISCARD bool cli_filter(struct cli *c, struct memory_filter *out, struct error *err);

/* -- the service ------------------------------------------------------------------------------ */

NODISCARD bool cli_open(struct cli *c, struct memory_service **out, struct error *err);

/* As the settings say, where they can be read. */
enum embed_precision cli_precision(const struct cli *c);
/* The model file is whole. True where there is none: searches then go by words. */
NODISCARD bool cli_verify_model(const struct cli *c, struct error *err);

/* -- people, clients, keys (access.c) --------------------------------------------------------- */

struct cli_action { /* what the first word of a command asks for */
    const char *name;
    const char *words; /* those after it */
    size_t n_words;
    const char *options; /* the ids of those that it takes, which are characters */
    bool (*run)(struct cli *c, struct auth *x, struct error *err);
};

struct cli_actions {
    const struct cli_command *command;
    const struct cli_action *list;
    size_t n;
};
/* Runs the one that the first word names; without any, "list". words[1] is the first of its own. */
NODISCARD bool cli_act(struct cli *c, const struct cli_actions *of, struct error *err);

NODISCARD bool cli_open_auth(struct cli *c, struct auth **out, struct error *err);
struct auth_request cli_ask(struct cli *c);
struct str cli_by(void); /* who changes things here, for the audit */

struct str cli_words(struct cli *c, int id); /* all values of an option, separated by blanks */
/* Both leave *out alone if the option was not given. */
NODISCARD bool cli_scopes(struct cli *c, int id, unsigned *out, struct error *err);
NODISCARD bool cli_spaces(struct cli *c, int id, struct str *out, struct error *err);

json_t *cli_json_words(struct str words); /* new references */
json_t *cli_json_scopes(unsigned scopes);
void cli_json_time(json_t *to, const char *key, int64_t ms); /* key and key_iso; 0: neither */
void cli_print_done(struct cli *c, const char *what, struct str name); /* "deleted NAME" */

/* -- printing (print.c) ----------------------------------------------------------------------- */

enum cli_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GREEN, STYLE_RED, STYLE_YELLOW };

/* Formatted text in a style where there are colours. */
void cli_print(struct cli *c, enum cli_style style, const char *fmt, ...) PRINTF(3, 4);
/* Stored text: on a terminal without control characters, indented by `indent` blanks. */
void cli_print_content(struct cli *c, struct str content, int indent);
void cli_print_json(struct cli *c, json_t *j); /* steals j */
void cli_print_memory(struct cli *c, const struct memory *m, bool is_whole);
struct str
cli_short_hash(struct str hash); /* the first 12 characters: a prefix that commands take */
struct str cli_local_time(struct cli *c, int64_t ms);
struct str cli_bytes(struct cli *c, int64_t bytes); /* "1.4 MB" */
/* A line on err that overwrites itself; only where err is a terminal. */
void cli_progress(const struct cli *c, const char *what, size_t done, size_t total);

#endif

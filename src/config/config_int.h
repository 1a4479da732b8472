/*
 * config_int.h - inside config/: the table of settings and the readers of their values.
 *
 * A setting is one row of the table. Its reader turns text into a checked field of struct loaded;
 * defaults are text too and go through the same reader, so that help, docs and behaviour agree.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CONFIG_INT_H
#define CONFIG_CONFIG_INT_H

#include "base/vec.h"
#include "config/config.h"

/* What readers fill: the config, and what only becomes part of it together. */
struct loaded {
    struct config config;
    bool is_sse;
    struct str private_key_path;
    bool is_quality_boosted;
    double quality_weight;
};

/* -- .env (dotenv.c) -------------------------------------------------------------------------- */

struct dotenv_entry {
    struct str name;
    struct str value;
};

struct dotenv VEC(struct dotenv_entry); /* a later entry of the same name wins */

typedef void dotenv_complain(void *ctx, size_t line, const char *why);

/* Values are views of text, or in the arena where escapes were resolved. Lines that are no entry
 * are skipped and told to complain. */
void dotenv_parse(struct arena *a, struct str text, dotenv_complain *complain, void *ctx,
                  struct dotenv *out);
bool dotenv_get(const struct dotenv *d, struct str name, struct str *out);

/* -- settings (table.c) ----------------------------------------------------------------------- */

struct setting;

struct reader {
    struct arena *arena;
    const struct config_source *source;
    struct loaded *to;
};

/* Reads text, which is not empty, is UTF-8 and has no NUL, into the setting's field. The error says
 * what would do; the name and the value are put before it by the caller. */
typedef bool setting_read(const struct reader *r, const struct setting *s, struct str text,
                          struct error *err);

struct setting {
    const char *name;
    const char *older;
    setting_read *read;
    size_t offset;        /* of the field in struct loaded */
    double min, max;      /* of numbers */
    const char *accepts;  /* NULL: follows from reader and range */
    const char *fallback; /* NULL: no value */
    bool is_secret;
    const char *meaning;
    const char *note; /* a warning when it is set; NULL: none */
};

extern const struct setting settings[];
extern const size_t n_settings;

struct str setting_accepts(struct arena *a, const struct setting *s);

/* Absolute: ~ stands for the home folder, anything relative begins in the working folder. */
NODISCARD bool resolve_path(struct arena *a, const struct config_source *source,
                            struct str text, struct str *out, struct error *err);

static inline void *setting_field(const struct reader *r, const struct setting *s)
{
    return (char *)r->to + s->offset;
}

/* -- readers ---------------------------------------------------------------------------------- */

setting_read read_bool;         /* bool */
setting_read read_int;          /* int */
setting_read read_port;         /* uint16_t */
setting_read read_size;         /* size_t */
setting_read read_size_or_none; /* size_t; none, null, unlimited: 0 */
setting_read read_double;       /* double */
setting_read read_text;         /* struct str */
setting_read read_path;         /* struct str: absolute, ~ and <base> expanded */
setting_read read_log_level;    /* enum log_level */
setting_read read_fusion;       /* bool: is rrf */
setting_read read_precision;    /* bool: is fp32 */
setting_read read_backend;      /* nothing: one backend is known */
setting_read read_auth_backend; /* nothing, as before */
setting_read read_host;         /* struct str */
setting_read read_path_prefix;  /* struct str: without a slash at its end */
setting_read read_origins;      /* struct config_strs */
setting_read read_hosts;        /* struct config_strs */
setting_read read_ranges;       /* struct config_ranges */
setting_read read_proxies;      /* struct config_ranges; may be none */
setting_read read_public_url;   /* struct str */
setting_read read_issuer;       /* struct str */
setting_read read_pragmas;      /* config.pragmas, n_pragmas */
setting_read read_custom_types; /* struct str */

/* -- names without a row (names.c) ------------------------------------------------------------ */

/* What to say about a variable that no row reads: a line in the arena, or {0} if nothing. */
struct str name_remark(struct arena *a, struct str name);
#define NAME_MAX_CHARS 100
/* Edit distance with swaps of neighbours; at most NAME_MAX_CHARS bytes of each are looked at. */
size_t name_distance(struct str a, struct str b);

#endif

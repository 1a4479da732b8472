/*
 * read.c - values that are words, numbers, paths.
 *
 * There is one boolean parser for every switch. Numbers out of range are refused, never clamped and
 * never replaced by the default: a typing error must not look like a setting that works.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include "sys/sys.h"

bool read_bool(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    static const struct {
        const char *word;
        bool value;
    } rows[] = {
        {"true", true},   {"1", true},  {"yes", true}, {"on", true},   {"enabled", true},
        {"false", false}, {"0", false}, {"no", false}, {"off", false}, {"disabled", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_ascii_case(text, str_c(rows[i].word))) {
            *(bool *)setting_field(r, s) = rows[i].value;
            return true;
        }
    }
    return error_set(err, ERROR_INVALID, "use true or false");
}

/* The error that names what the setting takes. */
static bool refuse(const struct reader *r, const struct setting *s, struct error *err)
{
    return error_set(err, ERROR_INVALID, "use " STR_FMT, STR_ARG(setting_accepts(r->arena, s)));
}

static bool to_int(const struct reader *r, const struct setting *s, struct str text,
                   int64_t *out, struct error *err)
{
    int64_t value = 0;

    if (!str_to_int(text, &value) || (double)value < s->min || (double)value > s->max)
        return refuse(r, s, err);
    *out = value;
    return true;
}

bool read_int(const struct reader *r, const struct setting *s, struct str text,
              struct error *err)
{
    int64_t value = 0;

    if (!to_int(r, s, text, &value, err))
        return false;
    *(int *)setting_field(r, s) = (int)value;
    return true;
}

bool read_port(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    int64_t value = 0;

    if (!to_int(r, s, text, &value, err))
        return false;
    *(uint16_t *)setting_field(r, s) = (uint16_t)value;
    return true;
}

bool read_size(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    int64_t value = 0;

    if (!to_int(r, s, text, &value, err))
        return false;
    *(size_t *)setting_field(r, s) = (size_t)value;
    return true;
}

bool read_size_or_none(const struct reader *r, const struct setting *s, struct str text,
                       struct error *err)
{
    static const char *const words[] = {"none", "null", "unlimited"};

    for (size_t i = 0; i < COUNT(words); i++) {
        if (str_eq_ascii_case(text, str_c(words[i]))) {
            *(size_t *)setting_field(r, s) = 0;
            return true;
        }
    }
    return read_size(r, s, text, err);
}

bool read_double(const struct reader *r, const struct setting *s, struct str text,
                 struct error *err)
{
    double value = 0;

    if (!str_to_double(text, &value) || value < s->min || value > s->max)
        return refuse(r, s, err);
    *(double *)setting_field(r, s) = value;
    return true;
}

bool read_text(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    (void)err;
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, text);
    return true;
}

bool resolve_path(struct arena *a, const struct config_source *source, struct str text,
                  struct str *out, struct error *err)
{
    struct str home = STR("~/");

    if (!str_starts(text, home) && !str_eq_c(text, "~")) {
        *out = sys_join(a, source->cwd, text);
        return true;
    }
    if (source->home.len == 0)
        return error_set(err, ERROR_INVALID,
                         "there is no home folder (HOME is not set); give an absolute path");
    *out = sys_join(a, source->home, str_sub(text, home.len, text.len));
    return true;
}

bool read_path(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    struct str base = STR("<base>/"), *field = setting_field(r, s);

    if (!str_starts(text, base))
        return resolve_path(r->arena, r->source, text, field, err);
    /* In defaults only; the base folder's row comes first. */
    *field = sys_join(r->arena, r->to->config.base_dir, str_sub(text, base.len, text.len));
    return true;
}

bool read_log_level(const struct reader *r, const struct setting *s, struct str text,
                    struct error *err)
{
    return log_level_parse(text, setting_field(r, s)) || refuse(r, s, err);
}

bool read_fusion(const struct reader *r, const struct setting *s, struct str text,
                 struct error *err)
{
    bool is_rrf = str_eq_ascii_case(text, STR("rrf"));

    if (!is_rrf && !str_eq_ascii_case(text, STR("weighted_average")))
        return refuse(r, s, err);
    *(bool *)setting_field(r, s) = is_rrf;
    return true;
}

bool read_precision(const struct reader *r, const struct setting *s, struct str text,
                    struct error *err)
{
    bool is_fp32 = str_eq_ascii_case(text, STR("fp32"));

    if (!is_fp32 && !str_eq_ascii_case(text, STR("fastest")))
        return refuse(r, s, err);
    *(bool *)setting_field(r, s) = is_fp32;
    return true;
}

bool read_backend(const struct reader *r, const struct setting *s, struct str text,
                  struct error *err)
{
    (void)r;
    (void)s;
    if (str_eq_ascii_case(text, STR("sqlite_vec")) ||
        str_eq_ascii_case(text, STR("sqlite-vec")))
        return true;
    return error_set(err, ERROR_INVALID,
                     "this version stores in SQLite alone; use sqlite_vec, or leave it out");
}

/* "memory" of the reference forgets everybody at each restart; what is asked for is kept all the same. */
bool read_auth_backend(const struct reader *r, const struct setting *s, struct str text,
                       struct error *err)
{
    (void)r;
    (void)s;
    return str_eq_ascii_case(text, STR("sqlite")) || str_eq_ascii_case(text, STR("memory")) ||
           error_set(err, ERROR_INVALID, "use sqlite, or leave it out");
}

/*
 * pragma.c - MCP_MEMORY_SQLITE_PRAGMAS: an allow-list of names, each with the values it takes.
 *
 * Names and values end up in SQL text, where parameters are not possible. What leaves here is
 * therefore never a piece of the input: a word of this table, or a number printed again.
 *
 * What could lose memories (journal in memory, no syncing, no foreign keys, a log that is never
 * folded back) is not in the table.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include "text/text.h"

#define TERA ((int64_t)1 << 40)

struct pragma_row {
    const char *name;
    const char *words; /* separated by blanks; NULL: a number */
    int64_t min, max;
};

static const struct pragma_row rows[] = {
    {"journal_mode", "wal delete truncate persist", 0, 0},
    {"busy_timeout", NULL, 0, 600000},
    {"synchronous", "normal full extra 1 2 3", 0, 0},
    {"cache_size", NULL, -4194304, 1000000}, /* KiB below 0, pages above */
    {"temp_store", "default file memory 0 1 2", 0, 0},
    {"mmap_size", NULL, 0, TERA},
    {"wal_autocheckpoint", NULL, 1, 1000000},
    {"journal_size_limit", NULL, -1, TERA},
    {"foreign_keys", "on true yes 1", 0, 0},
    {"secure_delete", "on off fast true false yes no 1 0", 0, 0},
};

static const struct pragma_row *find_row(struct str name)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_ascii_case(name, str_c(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

static bool find_word(const char *words, struct str text, struct str *out)
{
    struct str rest = str_c(words), word;

    while (str_next(&rest, ' ', &word)) {
        if (str_eq_ascii_case(word, text)) {
            *out = word;
            return true;
        }
    }
    return false;
}

static bool read_value(struct arena *a, const struct pragma_row *row, struct str text,
                       struct str *out, struct error *err)
{
    int64_t number;

    if (row->words)
        return find_word(row->words, text, out) ||
               error_set(err, ERROR_INVALID, "%s takes one of: %s", row->name, row->words);
    if (!str_to_int(text, &number) || number < row->min || number > row->max)
        return error_set(err, ERROR_INVALID, "%s takes a whole number from %lld to %lld",
                         row->name, (long long)row->min, (long long)row->max);
    *out = arena_printf(a, "%lld", (long long)number);
    return true;
}

static bool refuse_name(struct arena *a, struct str name, struct error *err)
{
    struct str known = {0};

    for (size_t i = 0; i < COUNT(rows); i++)
        known = arena_printf(a, STR_FMT "%s%s", STR_ARG(known), i ? ", " : "", rows[i].name);
    name = text_first(name, 24);
    return error_set(err, ERROR_INVALID,
                     "pragma '" STR_FMT "' cannot be set here; use " STR_FMT, STR_ARG(name),
                     STR_ARG(known));
}

/* piece is "name=value"; is_given has a place for every row. */
static bool read_one(struct arena *a, struct str piece, bool *is_given,
                     struct config_pragma *out, struct error *err)
{
    const struct pragma_row *row;
    struct str name, value;

    if (!str_cut(piece, '=', &name, &value))
        return error_set(err, ERROR_INVALID, "use name=value pairs, separated by commas");
    row = find_row(str_trim(name));
    if (!row)
        return refuse_name(a, str_trim(name), err);
    if (is_given[row - rows])
        return error_set(err, ERROR_INVALID, "%s is given twice", row->name);
    is_given[row - rows] = true;
    out->name = str_c(row->name);
    return read_value(a, row, str_trim(value), &out->value, err);
}

bool read_pragmas(const struct reader *r, const struct setting *s, struct str text,
                  struct error *err)
{
    struct config_pragma *list = ARENA_NEW(r->arena, struct config_pragma, COUNT(rows));
    bool is_given[COUNT(rows)] = {false};
    size_t n = 0;
    struct str piece;

    (void)s;
    while (str_next(&text, ',', &piece)) {
        if (str_trim(piece).len == 0)
            continue;
        if (!read_one(r->arena, piece, is_given, &list[n], err))
            return false;
        n++; /* each row once, so the list cannot overflow */
    }
    r->to->config.pragmas = list;
    r->to->config.n_pragmas = n;
    return true;
}

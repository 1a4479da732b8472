/*
 * dotenv.c - the parser of .env files, and the settings read through it.
 *
 * What must hold whatever the file says: names are well-formed, values are no longer than the text,
 * every line is either an entry, blank, or complained about with its number, and pragmas that come
 * out hold nothing but letters, digits, '_' and '-'.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include <stdlib.h>

#define REMARKS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct input {
    size_t n_lines;
    size_t last_line; /* that was complained about */
};

static void complain(void *ctx, size_t line, const char *why)
{
    struct input *in = ctx;

    must(line > in->last_line && line <= in->n_lines);
    must(why[0] != '\0');
    in->last_line = line;
}

static size_t count_lines(struct str text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", s.ptr[i]) || s.ptr[i] == '\0')
            return false;
    }
    return s.len > 0;
}

/* The values as if they had come from the file; no file is touched. */
static void try_settings(struct arena *a, const struct dotenv *d)
{
    const struct config_source source = {.cwd = STR("/work"), .home = STR("/home")};
    struct loaded loaded = {0};
    const struct reader r = {a, &source, &loaded};

    for (size_t i = 0; i < n_settings; i++) {
        struct error err = {0};
        struct str value;

        if (dotenv_get(d, str_c(settings[i].name), &value) && value.len &&
            !settings[i].read(&r, &settings[i], value, &err))
            must(err.kind == ERROR_INVALID && err.text[0]);
    }
    for (size_t i = 0; i < loaded.config.n_pragmas; i++)
        must(is_plain(loaded.config.pragmas[i].name) &&
             is_plain(loaded.config.pragmas[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA a = {0};
    struct str text = str_n((const char *)data, size);
    struct input in = {.n_lines = count_lines(text)};
    struct dotenv d = {0};

    dotenv_parse(&a, text, complain, &in, &d);
    for (size_t i = 0; i < d.len; i++) {
        must(d.ptr[i].name.len > 0 && d.ptr[i].name.len + d.ptr[i].value.len < size);
        if (i < REMARKS) /* each is compared with every known name */
            (void)name_remark(&a, d.ptr[i].name);
    }
    try_settings(&a, &d);
    VEC_DEINIT(&d);
    return 0;
}

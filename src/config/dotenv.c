/*
 * dotenv.c - the .env file: NAME=value lines as shells and container tools write them.
 *
 *     # comment            export NAME=value         NAME=a value # comment
 *     NAME='as it is'      NAME="with \n escapes, and over several lines"
 *
 * The file found may be another project's, with lines that mean nothing to us, so a line that is no
 * entry is reported and skipped. ${OTHER} is not expanded: outside single quotes it makes the line a
 * reported one, because a path that silently contains "${HOME}" would be worse.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

struct scan {
    struct arena *arena;
    struct str rest;
    size_t line; /* of the beginning of rest, from 1 */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '-';
}

static char peek(const struct scan *s)
{
    return s->rest.len ? s->rest.ptr[0] : '\0';
}

static void skip(struct scan *s, size_t n)
{
    struct str passed = str_sub(s->rest, 0, n);

    for (size_t i = 0; i < passed.len; i++)
        s->line += passed.ptr[i] == '\n';
    s->rest = str_sub(s->rest, passed.len, s->rest.len);
}

static void skip_blanks(struct scan *s)
{
    while (s->rest.len && is_blank(s->rest.ptr[0]))
        skip(s, 1);
}

static struct str rest_of_line(const struct scan *s)
{
    size_t n = s->rest.len;

    str_find_char(s->rest, '\n', &n);
    return str_sub(s->rest, 0, n);
}

static void skip_line(struct scan *s)
{
    skip(s, rest_of_line(s).len + 1);
}

/* After a quoted value: nothing more, or a comment. */
static bool is_line_done(struct scan *s)
{
    skip_blanks(s);
    return s->rest.len == 0 || peek(s) == '\n' || peek(s) == '#';
}

/* Where the quote that opens rest closes; a backslash hides what follows it. */
static bool find_close(struct str rest, size_t *out)
{
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] == '\\')
            i++;
        else if (rest.ptr[i] == rest.ptr[0]) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The character that \c stands for; 0 if c stands for nothing, and both are kept. */
static char unescaped(char c, char quote)
{
    if (c == quote || c == '\\')
        return c;
    if (quote == '\'')
        return '\0';
    return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '$' ? '$' : '\0');
}

static struct str unescape(struct arena *a, struct str text, char quote)
{
    char *to;
    size_t n = 0, at;

    if (!str_find_char(text, '\\', &at))
        return text;
    to = arena_alloc(a, text.len, 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = '\0';

        if (text.ptr[i] == '\\' && i + 1 < text.len)
            c = unescaped(text.ptr[i + 1], quote);
        if (c)
            i++;
        to[n++] = c ? c : text.ptr[i];
    }
    return str_n(to, n);
}

/* A reference to another variable that a shell would expand. */
static bool has_reference(struct str text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '$' && text.ptr[i + 1] == '{')
            return true;
    }
    return false;
}

#define NO_EXPANSION "${...} is not expanded; write the value out, or put it in single quotes"

/* These three return what is wrong with the line, or NULL. */

static const char *read_quoted(struct scan *s, struct str *out)
{
    char quote = peek(s);
    struct str inside;
    size_t close;

    if (!find_close(s->rest, &close))
        return "the quote is never closed";
    inside = str_sub(s->rest, 1, close);
    skip(s, close + 1);
    if (!is_line_done(s))
        return "there is text after the closing quote";
    if (quote == '"' && has_reference(inside))
        return NO_EXPANSION;
    *out = unescape(s->arena, inside, quote);
    return NULL;
}

static const char *read_bare(struct scan *s, struct str *out)
{
    struct str text = rest_of_line(s);

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '#' && (i == 0 || is_blank(text.ptr[i - 1])))
            text.len = i;
    }
    if (has_reference(text))
        return NO_EXPANSION;
    *out = str_trim(text);
    return NULL;
}

static const char *read_entry(struct scan *s, struct dotenv_entry *out)
{
    size_t n = 0;

    if (str_starts(s->rest, STR("export")) && s->rest.len > 6 && is_blank(s->rest.ptr[6])) {
        skip(s, 6);
        skip_blanks(s);
    }
    while (n < s->rest.len && is_name_char(s->rest.ptr[n]))
        n++;
    out->name = str_sub(s->rest, 0, n);
    skip(s, n);
    skip_blanks(s);
    if (n == 0 || peek(s) != '=')
        return "expected NAME=value";
    skip(s, 1);
    skip_blanks(s);
    if (peek(s) == '"' || peek(s) == '\'')
        return read_quoted(s, &out->value);
    return read_bare(s, &out->value);
}

void dotenv_parse(struct arena *a, struct str text, dotenv_complain *complain, void *ctx,
                  struct dotenv *out)
{
    struct scan s = {a, text, 1};

    if (str_starts(s.rest, STR("\xEF\xBB\xBF"))) /* a byte order mark, as some editors write */
        skip(&s, 3);
    for (; s.rest.len; skip_line(&s)) {
        struct scan start;
        struct dotenv_entry entry;
        const char *wrong;

        skip_blanks(&s);
        if (s.rest.len == 0 || peek(&s) == '\n' || peek(&s) == '#')
            continue;
        start = s;
        wrong = read_entry(&s, &entry);
        if (!wrong) {
            VEC_PUSH(out, entry);
            continue;
        }
        complain(ctx, start.line, wrong);
        s = start; /* go on after its first line: a lost quote must not swallow the file */
    }
}

bool dotenv_get(const struct dotenv *d, struct str name, struct str *out)
{
    for (size_t i = d->len; i > 0; i--) {
        if (str_eq(d->ptr[i - 1].name, name)) {
            *out = d->ptr[i - 1].value;
            return true;
        }
    }
    return false;
}

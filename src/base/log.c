/* log.c - see log.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static atomic_int min_level = LOG_WARN;
static atomic_bool as_json;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_set_level(enum log_level level)
{
    atomic_store(&min_level, (int)level);
}

void log_set_json(bool is_json)
{
    atomic_store(&as_json, is_json);
}

bool log_level_parse(struct str name, enum log_level *out)
{
    static const struct {
        const char *name;
        enum log_level level;
    } rows[] = {
        {"debug", LOG_DEBUG}, {"info", LOG_INFO},   {"warning", LOG_WARN},
        {"warn", LOG_WARN},   {"error", LOG_ERROR}, {"critical", LOG_ERROR},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_ascii_case(name, str_c(rows[i].name))) {
            *out = rows[i].level;
            return true;
        }
    }
    return false;
}

const char *log_quote(struct str s, char out[LOG_QUOTE_MAX])
{
    size_t n = 0;

    out[n++] = '"';
    for (size_t i = 0; i < s.len && n < LOG_QUOTE_MAX - 6; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
            n += (size_t)snprintf(out + n, LOG_QUOTE_MAX - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

static size_t format_json(char *line, size_t cap, enum log_level level, const char *event,
                          const char *text)
{
    size_t n = (size_t)snprintf(line, cap, "{\"level\":\"%s\",\"event\":\"%s\",\"text\":\"",
                                level_names[level], event);

    for (const char *p = text; *p && n < cap - 10; p++) {
        if (*p == '"' || *p == '\\')
            line[n++] = '\\';
        line[n++] = (unsigned char)*p < 0x20 ? ' ' : *p;
    }
    n += (size_t)snprintf(line + n, cap - n, "\"}");
    return n;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char text[LOG_LINE_MAX - 256];
    char line[LOG_LINE_MAX * 2];
    size_t n;
    va_list args;
    ssize_t written;

    if ((int)level < atomic_load(&min_level))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (atomic_load(&as_json))
        n = format_json(line, sizeof(line), level, event, text);
    else
        n = (size_t)snprintf(line, sizeof(line), "level=%s event=%s%s%s", level_names[level],
                             event, *text ? " " : "", text);
    line[n++] = '\n';
    written = write(STDERR_FILENO, line, n);
    (void)written; /* a log that cannot be written has nobody to tell */
}

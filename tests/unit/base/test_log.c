/* test_log.c - one line per event, and nothing in a value can break it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

#define CAUGHT_MAX 8192

/* Runs log() with stderr going into a file, and gives what was written. */
static struct str catch_log(void (*log)(void), char out[CAUGHT_MAX])
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    ssize_t n;

    if (!file || before < 0 || dup2(fileno(file), STDERR_FILENO) < 0)
        abort();
    log();
    if (dup2(before, STDERR_FILENO) < 0)
        abort();
    close(before);
    n = pread(fileno(file), out, CAUGHT_MAX, 0);
    fclose(file);
    return str_n(out, n > 0 ? (size_t)n : 0);
}

static void log_each_level(void)
{
    log_event(LOG_DEBUG, "a", "x=%d", 1);
    log_event(LOG_INFO, "b", "x=%d", 2);
    log_event(LOG_WARN, "c", "%s", "");
    log_event(LOG_ERROR, "d.e", "x=%d y=%s", 3, "z");
}

TEST(levels_below_the_least_are_left_out)
{
    char text[CAUGHT_MAX];

    log_set_level(LOG_WARN);
    CHECK_STR(catch_log(log_each_level, text),
              "level=warning event=c\nlevel=error event=d.e x=3 y=z\n");
    log_set_level(LOG_DEBUG);
    CHECK(str_starts(catch_log(log_each_level, text),
                     STR("level=debug event=a x=1\nlevel=info event=b x=2\n")));
}

static void log_quotes(void)
{
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_ERROR, "q", "v=%s", log_quote(STR("a\"b\\c\nd\xC3\xA4"), quoted));
}

TEST(json_lines_are_json)
{
    char text[CAUGHT_MAX];

    log_set_json(true);
    CHECK_STR(catch_log(log_quotes, text),
              "{\"level\":\"error\",\"event\":\"q\",\"text\":\"v=\\\"a\\\\x22b\\\\x5cc\\\\x0ad"
              "\\\\xc3\\\\xa4\\\"\"}\n");
    log_set_json(false);
}

static void log_long(void)
{
    char text[5000];

    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_event(LOG_ERROR, "long", "%s", text);
}

TEST(a_long_line_is_cut_and_still_one_line)
{
    char text[CAUGHT_MAX];
    struct str line = catch_log(log_long, text);
    size_t at;

    CHECK(line.len > 1000 && line.len < 3000);
    REQUIRE(str_find_char(line, '\n', &at));
    CHECK_INT(at, line.len - 1);

    log_set_json(true);
    line = catch_log(log_long, text);
    log_set_json(false);
    CHECK(str_ends(line, STR("\\\"\"}\n")));
    CHECK(line.len < 5000);
}

TEST(quoting_cuts_and_escapes)
{
    char out[LOG_QUOTE_MAX];
    char text[1000];

    CHECK_STR(str_c(log_quote(STR("plain text"), out)), "\"plain text\"");
    CHECK_STR(str_c(log_quote((struct str){0}, out)), "\"\"");
    CHECK_STR(str_c(log_quote(STR("\x1b[2J\x7f"), out)), "\"\\x1b[2J\\x7f\"");
    memset(text, '\n', sizeof(text));
    log_quote(str_n(text, sizeof(text)), out);
    CHECK(strlen(out) < LOG_QUOTE_MAX);
    CHECK_INT(out[strlen(out) - 1], '"');
}

TEST(level_names_are_read_in_any_case)
{
    static const struct {
        const char *name;
        bool ok;
        enum log_level want;
    } rows[] = {
        {"debug", true, LOG_DEBUG}, {"INFO", true, LOG_INFO},    {"Warning", true, LOG_WARN},
        {"warn", true, LOG_WARN},   {"error", true, LOG_ERROR},  {"CRITICAL", true, LOG_ERROR},
        {"", false, LOG_DEBUG},     {"info ", false, LOG_DEBUG},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        enum log_level got = LOG_DEBUG;

        CHECK_INT(log_level_parse(str_c(rows[i].name), &got), rows[i].ok);
        CHECK_INT(got, rows[i].want);
    }
}

TEST_MAIN()

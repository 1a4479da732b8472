/* test_dotenv.c - what a .env file may hold, and what becomes of lines that mean nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include "base/buf.h"

#include "tests/support/test.h"

static void complain(void *ctx, size_t line, const char *why)
{
    struct buf *b = ctx;

    buf_printf(b, "%zu: %s\n", line, why);
}

static void check_value(const char *text, const char *want)
{
    AUTO_ARENA a = {0};
    AUTO_BUF complaints = {0};
    struct dotenv d = {0};
    struct str value = STR("(none)");

    dotenv_parse(&a, str_c(text), complain, &complaints, &d);
    (void)dotenv_get(&d, STR("A"), &value);
    CHECK_STR(value, want);
    CHECK_STR(buf_str(&complaints), "");
    VEC_DEINIT(&d);
}

TEST(values_are_what_shells_would_read)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"A=b", "b"},
        {"A=b\n", "b"},
        {"A=b\r\nB=c\r\n", "b"},
        {"\xEF\xBB\xBF"
         "A=b",
         "b"},
        {"  A = b c  \n", "b c"},
        {"export A=b", "b"},
        {"export\tA=b", "b"},
        {"exported=1\nA=b", "b"},
        {"A=", ""},
        {"A=\nB=x", ""},
        {"A=b # comment", "b"},
        {"A=b#c", "b#c"},
        {"A=# comment", ""},
        {"#A=c\nA=b", "b"},
        {"A=b\nA=c", "c"},
        {"A=x=y", "x=y"},
        {"A='b # c'", "b # c"},
        {"A='b' # c", "b"},
        {"A='b\\nc'", "b\\nc"},
        {"A='it\\'s'", "it's"},
        {"A='${B}'", "${B}"},
        {"A=\"b # c\"", "b # c"},
        {"A=\"b\\nc\\t\\\"d\\\" \\\\ \\q\"", "b\nc\t\"d\" \\ \\q"},
        {"A=\"\\${B}\"", "${B}"},
        {"A=\"one\ntwo\"\nB=c", "one\ntwo"},
        {"A=\"\"", ""},
        {"A=$5", "$5"},
        {"A=b\\n", "b\\n"},
        {"A.b-c=1\nA=b", "b"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        check_value(rows[i].text, rows[i].want);
}

TEST(lines_that_are_no_entry_are_reported_and_skipped)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"what is this\nA=b", "1: expected NAME=value\n"},
        {"\n\nA\nA=b", "3: expected NAME=value\n"},
        {"=x\nA=b", "1: expected NAME=value\n"},
        {"\xC3\xA4=x\nA=b", "1: expected NAME=value\n"},
        {"if [ -f x ]; then\nA=b\nfi\n", "1: expected NAME=value\n3: expected NAME=value\n"},
        {"B='open\nA=b", "1: the quote is never closed\n"},
        {"B=\"one\ntwo\" three\nA=b\n",
         "1: there is text after the closing quote\n2: expected NAME=value\n"},
        {"B=${C}\nA=b", "1: ${...} is not expanded; write the value out, or put it in single "
                        "quotes\n"},
        {"B=\"x${C}\"\nA=b", "1: ${...} is not expanded; write the value out, or put it in "
                             "single quotes\n"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        AUTO_BUF complaints = {0};
        struct dotenv d = {0};
        struct str value = {0};

        dotenv_parse(&a, str_c(rows[i].text), complain, &complaints, &d);
        CHECK_STR(buf_str(&complaints), rows[i].want);
        CHECK(dotenv_get(&d, STR("A"), &value)); /* the good line is still read */
        CHECK_STR(value, "b");
        CHECK(!dotenv_get(&d, STR("B"), &value));
        VEC_DEINIT(&d);
    }
}

TEST(nul_bytes_pass_through_to_the_check_of_values)
{
    AUTO_ARENA a = {0};
    AUTO_BUF complaints = {0};
    struct dotenv d = {0};
    struct str value = {0};

    dotenv_parse(&a, STR("A=b\0c\n"), complain, &complaints, &d);
    CHECK(dotenv_get(&d, STR("A"), &value));
    CHECK_VIEW(value, STR("b\0c"));
    VEC_DEINIT(&d);
}

TEST_MAIN()

/* test_parse.c - which texts are JSON for us, and writing it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdlib.h>

#include "tests/support/test.h"

/* Parses and writes again; "" if it is refused. */
static struct str again(struct arena *a, struct str text, struct error *err)
{
    AUTO_JSON *j = NULL;

    if (!json_parse(text, &j, err))
        return (struct str){0};
    return json_text(a, j);
}

TEST(values_come_back_as_they_were)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"{\"b\":1,\"a\":[true,false,null]}", "{\"b\":1,\"a\":[true,false,null]}"},
        {" [1 , 2 ]\r\n", "[1,2]"},
        {"\"text\"", "\"text\""},
        {"42", "42"},
        {"null", "null"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9007199254740993", "9007199254740993"}, /* no double holds it */
        {"1.5e3", "1500.0"},
        {"0.1", "0.1"},
        {"\"\\u00e4\\ud83d\\ude00\"", "\"ä😀\""},
        {"\"a\\u0000b\"", "\"a\\u0000b\""},
        {"\"\\\"\\\\\\/\\n\"", "\"\\\"\\\\/\\n\""},
        {"{\"\":{}}", "{\"\":{}}"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct error err = {0};

        CHECK_STR(again(&a, str_c(rows[i].in), &err), rows[i].want);
        CHECK_STR(str_c(err.text), "");
    }
}

TEST(what_is_no_json_is_refused)
{
    static const struct str rows[] = {
        STR_INIT(""),
        STR_INIT("  "),
        STR_INIT("{"),
        STR_INIT("[1,]"),
        STR_INIT("{\"a\":1,}"),
        STR_INIT("{'a':1}"),
        STR_INIT("{a:1}"),
        STR_INIT("[1] [2]"),
        STR_INIT("[1]x"),
        STR_INIT("nul"),
        STR_INIT("NaN"),
        STR_INIT("Infinity"),
        STR_INIT("01"),
        STR_INIT("+1"),
        STR_INIT("1."),
        STR_INIT(".5"),
        STR_INIT("9223372036854775808"), /* over 64 bits: never rounded */
        STR_INIT("-9223372036854775809"),
        STR_INIT("1e999"),
        STR_INIT("\"a\nb\""),
        STR_INIT("\"\\x41\""),
        STR_INIT("\"\\ud83d\""), /* half a surrogate pair */
        STR_INIT("\"\\ude00\\ud83d\""),
        STR_INIT("\"\xFF\""),
        STR_INIT("\"\xED\xA0\x80\""),
        STR_INIT("[1]\0"),
        STR_INIT("\0"),
        STR_INIT("\xEF\xBB\xBF{}"), /* a byte order mark: RFC 8259 forbids sending it */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        json_t *j = NULL;

        if (json_parse(rows[i], &j, &err))
            CHECK_VIEW(STR("was taken"), rows[i]);
        CHECK(j == NULL);
        CHECK_INT(err.kind, ERROR_INVALID);
        CHECK(err.text[0] != '\0');
    }
}

TEST(the_same_key_twice_is_refused)
{
    struct error err = {0};
    json_t *j;

    CHECK(!json_parse(STR("{\"a\":1,\"b\":2,\"a\":1}"), &j, &err));
    CHECK(str_contains(str_c(err.text), STR("duplicate object key")));
    CHECK(!json_parse(STR("[{\"a\":1,\"\\u0061\":2}]"), &j, &err)); /* also spelled otherwise */
}

/* depth brackets of one kind, closed again. */
static struct str nested(struct arena *a, size_t depth, const char *open, const char *shut)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i < depth; i++)
        buf_add_c(&b, open);
    buf_add_c(&b, "1");
    for (size_t i = 0; i < depth; i++)
        buf_add_c(&b, shut);
    return arena_dup(a, buf_str(&b));
}

TEST(nesting_is_bounded)
{
    static const struct {
        size_t depth;
        bool ok;
    } rows[] = {
        {1, true}, {JSON_DEPTH_MAX, true}, {JSON_DEPTH_MAX + 1, false}, {100000, false}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        AUTO_JSON *lists = NULL;
        AUTO_JSON *objects = NULL;
        struct error err = {0};

        CHECK_INT(json_parse(nested(&a, rows[i].depth, "[", "]"), &lists, &err), rows[i].ok);
        CHECK_INT(json_parse(nested(&a, rows[i].depth, "{\"a\":", "}"), &objects, &err),
                  rows[i].ok);
        if (!rows[i].ok)
            CHECK_STR(str_c(err.text), "JSON nested more than 64 levels deep");
    }
}

TEST(brackets_in_strings_do_not_nest)
{
    AUTO_BUF b = {0};
    AUTO_JSON *j = NULL;
    struct error err = {0};

    buf_add_c(&b, "[\"");
    for (int i = 0; i < 1000; i++)
        buf_add_c(&b, "[{\\\"");
    buf_add_c(&b, "\\\\\", [\"]\"]]");
    CHECK_OK(json_parse(buf_str(&b), &j, &err), err);
    CHECK_INT(json_array_size(j), 2);
}

TEST(strings_are_views_with_every_byte)
{
    AUTO_JSON *j = json_str(STR("a\0ä"));
    AUTO_JSON *number = json_must(json_integer(1));
    struct str items[] = {STR_INIT("x"), STR_INIT("")};
    AUTO_JSON *list = json_strs(items, COUNT(items));
    AUTO_JSON *none = json_strs(NULL, 0);
    AUTO_ARENA a = {0};

    CHECK_VIEW(json_view(j), STR("a\0ä"));
    CHECK_STR(json_view(number), "");
    CHECK_STR(json_view(NULL), "");
    CHECK_STR(json_text(&a, list), "[\"x\",\"\"]");
    CHECK_STR(json_text(&a, none), "[]");
}

TEST(real_numbers_are_as_short_as_they_can_be)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"[0.1,0.3,1e-7,123456.789]", "[0.1,0.3,1e-07,123456.789]"},
        {"[0.30000000000000004,2.2250738585072014e-308]",
         "[0.30000000000000004,2.2250738585072014e-308]"},
        {"[1e22,1.7976931348623157e308,100.0,-0.0]",
         "[1e+22,1.7976931348623157e+308,100.0,-0.0]"},
        {"[\"0.10000000000000001\",\"\\\"0.10000000000000001\"]", /* a text is no number */
         "[\"0.10000000000000001\",\"\\\"0.10000000000000001\"]"},
        {"{\"0.10000000000000001\":0.1}", "{\"0.10000000000000001\":0.1}"},
        {"\"\"", "\"\""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct error err = {0};

        CHECK_STR(again(&a, str_c(rows[i].in), &err), rows[i].want);
    }
}

TEST(writing_is_one_line_or_indented)
{
    AUTO_JSON *j = json_must(json_pack("{s:[i,s], s:{}}", "a", 1, "x\ny", "b"));
    AUTO_BUF b = {0};

    json_write(&b, j);
    CHECK_STR(buf_str(&b), "{\"a\":[1,\"x\\ny\"],\"b\":{}}");
    buf_clear(&b);
    json_write_pretty(&b, j);
    CHECK_STR(buf_str(&b), "{\n  \"a\": [\n    1,\n    \"x\\ny\"\n  ],\n  \"b\": {}\n}");
}

TEST(merging_replaces_adds_and_removes)
{
    static const struct {
        const char *base, *patch, *want; /* want NULL: refused */
    } rows[] = {
        {"{}", "{}", "{}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}", "{\"a\":1,\"b\":3,\"c\":4}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":null,\"z\":null}", "{\"b\":2}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}", "{\"a\":{\"y\":2}}"}, /* shallow */
        {"{}", "[]", NULL},
        {"1", "{}", NULL},
        {"{}", "{", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct error err = {0};
        struct str got = {0};
        bool ok = json_merge_text(&a, str_c(rows[i].base), str_c(rows[i].patch), &got, &err);

        CHECK_INT(ok, rows[i].want != NULL);
        if (ok)
            CHECK_STR(got, rows[i].want);
        else
            CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST_MAIN()

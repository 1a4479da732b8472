/*
 * test_write.c - what is written against jansson's own writer, and read back.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <stdlib.h>

#include "tests/support/test.h"

/* Without real numbers, which are shorter here. */
static void expect_as_jansson(const json_t *j)
{
    AUTO_BUF compact = {0}, pretty = {0};
    char *want = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    char *want_pretty = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);

    REQUIRE(want && want_pretty);
    json_write(&compact, j);
    json_write_pretty(&pretty, j);
    CHECK_STR(buf_str(&compact), want);
    CHECK_STR(buf_str(&pretty), want_pretty);
    free(want);
    free(want_pretty);
}

static void expect_text_as_jansson(const char *text)
{
    AUTO_JSON *j = NULL;
    struct error err = {0};

    REQUIRE(CHECK_OK(json_parse(str_c(text), &j, &err), err));
    expect_as_jansson(j);
}

TEST(structures_are_written_as_jansson_writes_them)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "true",
        "-9223372036854775808",
        "\"\"",
        "[[],{},[[]],[{}]]",
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
        "{\"z\":1,\"a\":2,\"m\":[1,2,3]}",
        "[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",\"a/b\"]",
        "{\"quo\\\"te\":\"back\\\\slash\"}",
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        expect_text_as_jansson(texts[i]);
}

TEST(every_byte_of_a_string_is_escaped_as_by_jansson)
{
    for (char c = 0; c >= 0 && c < 127; c++) {
        const char text[] = {'a', c, 'b', c, c};
        AUTO_JSON *alone = json_str(str_n(&c, 1));
        AUTO_JSON *j = json_str(str_n(text, sizeof(text)));

        expect_as_jansson(alone);
        expect_as_jansson(j);
    }
}

TEST(what_is_known_is_copied_wherever_it_stands)
{
    AUTO_JSON *part = json_pack("{s:i}", "x", 1);
    AUTO_JSON *all =
        json_pack("{s:O, s:[O, i], s:{s:i}}", "a", part, "b", part, 2, "c", "x", 1);
    const struct json_known known = {part, STR("{\"known\":true}")};
    AUTO_BUF b = {0}, without = {0};

    json_write_known(&b, all, &known, 1);
    CHECK_STR(buf_str(&b),
              "{\"a\":{\"known\":true},\"b\":[{\"known\":true},2],\"c\":{\"x\":1}}");
    json_write_known(&without, all, NULL, 0);
    CHECK_STR(buf_str(&without), "{\"a\":{\"x\":1},\"b\":[{\"x\":1},2],\"c\":{\"x\":1}}");
}

TEST_MAIN()

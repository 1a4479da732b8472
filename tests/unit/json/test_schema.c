/* test_schema.c - checking values against JSON Schema, and the errors that say how to mend them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include "tests/support/test.h"

static json_t *parse(struct str text)
{
    struct error err = {0};
    json_t *j = NULL;

    CHECK_OK(json_parse(text, &j, &err), err);
    return j;
}

/* want: the error; NULL if the value satisfies the schema. */
static void check(const char *schema_text, const char *value_text, const char *want)
{
    AUTO_JSON *schema = parse(str_c(schema_text));
    AUTO_JSON *value = parse(str_c(value_text));
    struct error err = {0};

    if (!json_schema_is_supported(schema, &err)) {
        test_check(false, schema_text, 0, err.text);
        return;
    }
    if (json_schema_check(schema, value, &err))
        test_check(want == NULL, schema_text, 0, value_text);
    else
        test_check_str(str_c(err.text), str_c(want ? want : ""), schema_text, 0);
}

struct row {
    const char *schema, *value, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(rows[i].schema, rows[i].value, rows[i].want);
}

TEST(types)
{
    static const struct row rows[] = {
        {"{\"type\":\"string\"}", "\"x\"", NULL},
        {"{\"type\":\"string\"}", "1", "expected string, got integer"},
        {"{\"type\":\"integer\"}", "1", NULL},
        {"{\"type\":\"integer\"}", "1.0", NULL}, /* JSON has one kind of number */
        {"{\"type\":\"integer\"}", "1.5", "expected integer, got number"},
        {"{\"type\":\"number\"}", "1", NULL},
        {"{\"type\":\"number\"}", "\"1\"", "expected number, got string"},
        {"{\"type\":\"boolean\"}", "false", NULL},
        {"{\"type\":\"boolean\"}", "0", "expected boolean, got integer"},
        {"{\"type\":\"null\"}", "null", NULL},
        {"{\"type\":\"array\"}", "[]", NULL},
        {"{\"type\":\"object\"}", "[]", "expected object, got array"},
        {"{\"type\":[\"string\",\"null\"]}", "null", NULL},
        {"{\"type\":[\"string\",\"null\"]}", "true", "expected string or null, got boolean"},
        {"{}", "{\"any\":[\"thing\"]}", NULL},
        {"true", "1", NULL},
        {"false", "1", "is not allowed here"},
    };

    check_rows(rows, COUNT(rows));
}

TEST(fixed_values)
{
    static const struct row rows[] = {
        {"{\"enum\":[\"a\",\"b\",3]}", "\"b\"", NULL},
        {"{\"enum\":[\"a\",\"b\",3]}", "3.0", NULL},
        {"{\"enum\":[\"a\",\"b\",3]}", "\"c\"", "expected one of [\"a\",\"b\",3]"},
        {"{\"enum\":[]}", "1", "expected one of []"},
        {"{\"const\":{\"a\":[1]}}", "{\"a\":[1]}", NULL},
        {"{\"const\":1}", "1.0", NULL},
        {"{\"const\":1}", "true", "expected 1"},
        {"{\"const\":null}", "null", NULL},
    };

    check_rows(rows, COUNT(rows));
}

TEST(numbers)
{
    static const struct row rows[] = {
        {"{\"minimum\":1,\"maximum\":10}", "1", NULL},
        {"{\"minimum\":1,\"maximum\":10}", "10", NULL},
        {"{\"minimum\":1,\"maximum\":10}", "0", "must be at least 1"},
        {"{\"minimum\":1,\"maximum\":10}", "10.5", "must be at most 10"},
        {"{\"exclusiveMinimum\":0}", "0", "must be more than 0"},
        {"{\"exclusiveMinimum\":0}", "0.001", NULL},
        {"{\"exclusiveMaximum\":1}", "1", "must be less than 1"},
        {"{\"exclusiveMaximum\":1}", "0.9", NULL},
        {"{\"minimum\":5}", "\"1\"", NULL}, /* says nothing about other types */
    };

    check_rows(rows, COUNT(rows));
}

TEST(strings)
{
    static const struct row rows[] = {
        {"{\"minLength\":2,\"maxLength\":3}", "\"ää\"", NULL}, /* characters, not bytes */
        {"{\"minLength\":2,\"maxLength\":3}", "\"ä\"", "needs at least 2 characters"},
        {"{\"minLength\":2,\"maxLength\":3}", "\"abcd\"",
         "has 4 characters, at most 3 are allowed"},
        {"{\"maxLength\":1}", "\"😀\"", NULL},
    };

    check_rows(rows, COUNT(rows));
}

TEST(arrays)
{
    static const struct row rows[] = {
        {"{\"items\":{\"type\":\"string\"}}", "[\"a\",\"b\"]", NULL},
        {"{\"items\":{\"type\":\"string\"}}", "[\"a\",7]", "[1]: expected string, got integer"},
        {"{\"properties\":{\"tags\":{\"items\":{\"type\":\"string\"}}}}",
         "{\"tags\":[\"a\",\"b\",7]}", "tags[2]: expected string, got integer"},
        {"{\"minItems\":1}", "[]", "needs at least 1 items"},
        {"{\"maxItems\":1}", "[1,2]", "has 2 items, at most 1 are allowed"},
        {"{\"uniqueItems\":true}", "[1,2,\"1\",[1],{\"a\":1}]", NULL},
        {"{\"uniqueItems\":true}", "[\"a\",\"b\",\"a\"]", "holds the same item twice"},
        {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]",
         "holds the same item twice"},
        {"{\"uniqueItems\":false}", "[1,1]", NULL},
        {"{\"items\":false}", "[1]", "[0]: is not allowed here"},
        {"{\"items\":false}", "[]", NULL},
    };

    check_rows(rows, COUNT(rows));
}

TEST(objects)
{
    static const struct row rows[] = {
        {"{\"required\":[\"a\"]}", "{\"a\":null}", NULL},
        {"{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", "b: is required"},
        {"{\"properties\":{\"x\":{\"required\":[\"y\"]}}}", "{\"x\":{}}", "x.y: is required"},
        {"{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":\"1\",\"b\":2}",
         "a: expected integer, got string"},
        {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1}", NULL},
        {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"c\":1}",
         "c: is not known here"},
        {"{\"properties\":{\"a\":true},\"additionalProperties\":{\"type\":\"string\"}}",
         "{\"a\":1,\"c\":1}", "c: expected string, got integer"},
        {"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"items\":{\"const\":1}}}}}}",
         "{\"a\":{\"b\":[1,1,2]}}", "a.b[2]: expected 1"},
    };

    check_rows(rows, COUNT(rows));
}

TEST(combinations)
{
    static const struct row rows[] = {
        {"{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "2", NULL},
        {"{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "4", "must be at most 3"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "7", NULL},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "4",
         "has none of the allowed forms"},
        {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":5}]}", "2", NULL},
        {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":5}]}", "6",
         "must have exactly one of the allowed forms"},
        {"{\"not\":{\"type\":\"null\"}}", "1", NULL},
        {"{\"not\":{\"type\":\"null\"}}", "null", "has a form that is not allowed"},
        {"{\"if\":{\"properties\":{\"k\":{\"const\":1}}},\"then\":{\"required\":[\"x\"]},"
         "\"else\":{\"required\":[\"y\"]}}",
         "{\"k\":1}", "x: is required"},
        {"{\"if\":{\"properties\":{\"k\":{\"const\":1}}},\"then\":{\"required\":[\"x\"]},"
         "\"else\":{\"required\":[\"y\"]}}",
         "{\"k\":2}", "y: is required"},
        {"{\"if\":{\"type\":\"string\"}}", "\"x\"", NULL},
        {"{\"then\":false}", "1", NULL}, /* without if it means nothing */
    };

    check_rows(rows, COUNT(rows));
}

TEST(references_within_the_schema)
{
    static const char list[] =
        "{\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":"
        "\"#/$defs/node\"}}}},\"$ref\":\"#/$defs/node\"}";

    check(list, "{\"next\":{\"next\":{}}}", NULL);
    check(list, "{\"next\":{\"next\":7}}", "next.next: expected object, got integer");
    check("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
          "{\"a\":{\"a\":{\"b\":1}}}", "a.a.b: is not known here");
}

TEST(circles_and_explosions_end)
{
    check("{\"$ref\":\"#\"}", "1", "too much to check: fewer or less nested items");
    check("{\"not\":{\"$ref\":\"#\"}}", "1", "too much to check: fewer or less nested items");
    check("{\"anyOf\":[{\"not\":{\"$ref\":\"#\"}},{\"not\":{\"$ref\":\"#\"}}]}", "1",
          "too much to check: fewer or less nested items");
}

TEST(many_items_are_compared_quickly)
{
    AUTO_BUF b = {0};
    AUTO_JSON *value = NULL;
    AUTO_JSON *schema = parse(STR("{\"uniqueItems\":true}"));
    struct error err = {0};

    buf_add_char(&b, '[');
    for (int i = 0; i < 200000; i++)
        buf_printf(&b, "%d,", i);
    buf_add_c(&b, "0]");
    value = parse(buf_str(&b));
    CHECK(!json_schema_check(schema, value, &err));
    CHECK_STR(str_c(err.text), "holds the same item twice");
}

TEST(a_long_path_is_cut_and_still_text)
{
    AUTO_BUF b = {0};
    AUTO_JSON *value = NULL;
    AUTO_JSON *schema = parse(STR("{\"additionalProperties\":false}"));
    AUTO_JSON *as_json = NULL;
    struct error err = {0};

    buf_add_c(&b, "{\"x");
    for (int i = 0; i < 500; i++)
        buf_add_c(&b, "ä");
    buf_add_c(&b, "\":1}");
    value = parse(buf_str(&b));
    CHECK(!json_schema_check(schema, value, &err));
    CHECK(str_starts(str_c(err.text), STR("xää")));
    CHECK(str_ends(str_c(err.text), STR(": is not known here")));
    as_json = json_str(str_c(err.text)); /* would abort on half a character */
    CHECK(as_json != NULL);
}

TEST(a_schema_beyond_what_is_checked_is_refused)
{
    static const struct {
        const char *schema, *want; /* NULL: supported */
    } rows[] = {
        {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"format\":\"uri\","
         "\"x-own\":{\"pattern\":1},\"$comment\":\"c\",\"$anchor\":\"a\"}",
         NULL},
        {"{\"pattern\":\"^a\"}", "schema keyword 'pattern' is not supported"},
        {"{\"properties\":{\"a\":{\"items\":{\"multipleOf\":2}}}}",
         "a: schema keyword 'multipleOf' is not supported"},
        {"{\"allOf\":[{\"patternProperties\":{}}]}",
         "schema keyword 'patternProperties' is not supported"},
        {"{\"$ref\":\"https://example.com/x\"}",
         "$ref 'https://example.com/x' is not in this schema"},
        {"{\"$ref\":\"#/$defs/none\"}", "$ref '#/$defs/none' is not in this schema"},
        {"{\"$ref\":7}", "$ref '' is not in this schema"},
        {"[]", "a schema must be an object"},
        {"{\"items\":[]}", "a schema must be an object"},
        {"{\"properties\":{\"pattern\":{}}}", NULL}, /* a member's name, not a keyword */
        {"{\"if\":{\"dependentRequired\":{}}}",
         "schema keyword 'dependentRequired' is not supported"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *schema = parse(str_c(rows[i].schema));
        struct error err = {0};
        bool ok = json_schema_is_supported(schema, &err);

        CHECK_INT(ok, rows[i].want == NULL);
        CHECK_STR(str_c(err.text), rows[i].want ? rows[i].want : "");
    }
}

TEST_MAIN()

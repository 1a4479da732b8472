/* test_get.c - typed members, and the path in every error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include "tests/support/test.h"

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *j = NULL;

    CHECK_OK(json_parse(str_c(text), &j, &err), err);
    return j;
}

TEST(members_of_the_right_type_are_read)
{
    AUTO_JSON *j = parse("{\"s\":\"text\",\"b\":true,\"i\":-7,\"r\":2.5,\"w\":3.0}");
    struct error err = {0};
    struct str s = {0};
    bool b = false;
    int64_t i = 0, w = 0;
    double r = 0, n = 0;

    CHECK_OK(json_get_str(j, "", "s", &s, &err), err);
    CHECK_OK(json_get_bool(j, "", "b", &b, &err), err);
    CHECK_OK(json_get_int(j, "", "i", &i, &err), err);
    CHECK_OK(json_get_int(j, "", "w", &w, &err), err);
    CHECK_OK(json_get_double(j, "", "r", &r, &err), err);
    CHECK_OK(json_get_double(j, "", "i", &n, &err), err);
    CHECK_STR(s, "text");
    CHECK(b);
    CHECK_INT(i, -7);
    CHECK_INT(w, 3);
    CHECK_NEAR(r, 2.5, 0);
    CHECK_NEAR(n, -7, 0);
}

TEST(absent_and_null_members_leave_the_value_alone)
{
    AUTO_JSON *j = parse("{\"n\":null}");
    static const char *const keys[] = {"n", "absent"};
    struct error err = {0};

    for (size_t k = 0; k < COUNT(keys); k++) {
        struct str s = STR("kept");
        bool b = true;
        int64_t i = 5;
        double r = 5;

        CHECK(!json_has(j, keys[k]));
        CHECK_OK(json_get_str(j, "", keys[k], &s, &err), err);
        CHECK_OK(json_get_bool(j, "", keys[k], &b, &err), err);
        CHECK_OK(json_get_int(j, "", keys[k], &i, &err), err);
        CHECK_OK(json_get_double(j, "", keys[k], &r, &err), err);
        CHECK_STR(s, "kept");
        CHECK(b && i == 5 && r == 5);
    }
}

TEST(a_wrong_type_is_named_with_its_path)
{
    AUTO_JSON *j = parse("{\"x\":[]}");
    struct error err = {0};
    struct str s;
    bool b;
    int64_t i;
    double r;

    CHECK(!json_get_str(j, "updates", "x", &s, &err));
    CHECK_STR(str_c(err.text), "updates.x: not a string");
    CHECK(!json_get_bool(j, "", "x", &b, &err));
    CHECK_STR(str_c(err.text), "x: not true or false");
    CHECK(!json_get_int(j, "a.b[2]", "x", &i, &err));
    CHECK_STR(str_c(err.text), "a.b[2].x: not a whole number");
    CHECK(!json_get_double(j, "", "x", &r, &err));
    CHECK_STR(str_c(err.text), "x: not a number");
    CHECK_INT(err.kind, ERROR_INVALID);
}

TEST(whole_numbers_are_exact_or_refused)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } rows[] = {
        {"{\"x\":9223372036854775807}", true, INT64_MAX},
        {"{\"x\":-9223372036854775808}", true, INT64_MIN},
        {"{\"x\":9007199254740993}", true, 9007199254740993},
        {"{\"x\":1e3}", true, 1000},
        {"{\"x\":-0.0}", true, 0},
        {"{\"x\":9007199254740992.0}", true, 9007199254740992},
        {"{\"x\":9007199254740994.0}", false, 0}, /* its neighbours are no doubles */
        {"{\"x\":1e300}", false, 0},
        {"{\"x\":2.5}", false, 0},
        {"{\"x\":\"3\"}", false, 0},
        {"{\"x\":true}", false, 0},
    };

    for (size_t k = 0; k < COUNT(rows); k++) {
        AUTO_JSON *j = parse(rows[k].text);
        struct error err = {0};
        int64_t got = 0;
        bool ok = json_get_int(j, "", "x", &got, &err);

        CHECK_INT(ok, rows[k].ok);
        if (ok)
            CHECK_INT(got, rows[k].want);
    }
}

TEST(a_nul_character_in_a_string_is_refused)
{
    AUTO_JSON *j = parse("{\"x\":\"ab\\u0000c\"}");
    struct error err = {0};
    struct str s = STR("kept");

    CHECK(!json_get_str(j, "args", "x", &s, &err));
    CHECK_STR(str_c(err.text),
              "args.x: holds a NUL character (U+0000) at byte 2; leave it out");
    CHECK_STR(s, "kept");
}

TEST_MAIN()

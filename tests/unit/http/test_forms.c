/* test_forms.c - forms, query strings and cookies as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "tests/support/test.h"

TEST(form_is_known_by_its_type)
{
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"application/x-www-form-urlencoded", true},
        {"Application/X-WWW-Form-Urlencoded; charset=UTF-8", true},
        {"application/json", false},
        {"multipart/form-data; boundary=x", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(http_is_form(str_c(rows[i].in)), rows[i].want);
    CHECK(!http_is_form((struct str){0}));
}

TEST(field_is_decoded)
{
    static const struct {
        const char *form, *want; /* NULL: absent */
    } rows[] = {
        {"a=1", "1"},
        {"b=2&a=1&a=3", "1"},
        {"a=x+y%20z", "x y z"},
        {"a=%C3%A4", "\u00e4"},
        {"a", ""},
        {"a=", ""},
        {"&&a=b=c&", "b=c"},
        {"%61=1", "1"},
        {"a=%4", "%4"},
        {"a=%zz%", "%zz%"},
        {"aa=1", NULL},
        {"", NULL},
        {"b=1&ab=2;a=3", NULL},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str value = http_field_of(&a, str_c(rows[i].form), STR("a"));

        CHECK_INT(value.ptr != NULL, rows[i].want != NULL);
        CHECK_STR(value, rows[i].want ? rows[i].want : "");
    }
    CHECK(http_field_of(&a, (struct str){0}, STR("a")).ptr == NULL);
}

TEST(cookie_is_found_by_its_whole_name)
{
    static const struct {
        const char *header, *want;
    } rows[] = {
        {"a=1", "1"},    {"b=2; a=1", "1"}, {"b=2;a=1;a=3", "1"}, {"aa=1", NULL}, {"a", NULL},
        {"b=a=1", NULL}, {" a=1 ", "1"},    {"a=x=y", "x=y"},     {"", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str value = http_cookie(str_c(rows[i].header), STR("a"));

        CHECK_INT(value.ptr != NULL, rows[i].want != NULL);
        CHECK_STR(value, rows[i].want ? rows[i].want : "");
    }
}

TEST(escape_keeps_only_what_stands_for_itself)
{
    AUTO_ARENA a = {0};

    CHECK_STR(http_escape(&a, STR("Az09-._~")), "Az09-._~");
    CHECK_STR(http_escape(&a, STR("a b/c?&\"<\xc3\xa4")), "a%20b%2Fc%3F%26%22%3C%C3%A4");
    CHECK_STR(http_escape(&a, (struct str){0}), "");
}

TEST_MAIN()

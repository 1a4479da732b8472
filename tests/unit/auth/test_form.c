/* test_form.c - forms decode to exactly what was sent, or not at all; lists of words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "tests/support/test.h"

TEST(fields_are_decoded)
{
    AUTO_ARENA a = {0};
    struct form f = {0};
    struct error err = {0};

    REQUIRE(CHECK_OK(form_parse(&a, STR("a=1&b=x+y%2B%00%ff&c&d=&&=e&%61=2"), &f, &err), err));
    CHECK_INT(f.n, 6);
    CHECK_STR(form_get(&f, "a"), "1");
    CHECK_VIEW(form_get(&f, "b"), STR("x y+\0\xff"));
    CHECK(form_get(&f, "c").ptr && form_get(&f, "c").len == 0);
    CHECK(form_get(&f, "d").ptr && form_get(&f, "d").len == 0);
    CHECK(form_get(&f, "x").ptr == NULL);
    CHECK_STR(form_repeated(&f, ""), "a");
    CHECK(form_repeated(&f, "a").ptr == NULL);
}

TEST(broken_and_endless_forms_are_refused)
{
    static const char *const rows[] = {"a=%", "a=%1", "a=%zz", "%g0=1", "a=%2"};
    AUTO_ARENA a = {0};
    AUTO_BUF many = {0}, big = {0};
    struct form f;

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(!form_parse(&a, str_c(rows[i]), &f, NULL));
    for (size_t i = 0; i <= FORM_FIELDS_MAX; i++)
        buf_add_c(&many, "a=1&");
    CHECK(!form_parse(&a, buf_str(&many), &f, NULL));
    while (big.len <= AUTH_FORM_MAX_BYTES)
        buf_add_c(&big, "aaaaaaaaaaaaaaaa");
    CHECK(!form_parse(&a, buf_str(&big), &f, NULL));
    CHECK(form_parse(&a, STR(""), &f, NULL) && f.n == 0);
    CHECK(form_parse(&a, (struct str){0}, &f, NULL) && f.n == 0);
}

TEST(every_byte_survives)
{
    AUTO_ARENA a = {0};
    AUTO_BUF b = {0};
    char bytes[256];
    struct str back;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    form_encode(&b, str_n(bytes, sizeof(bytes)));
    CHECK(text_is_plain(buf_str(&b)));
    CHECK(form_decode(&a, buf_str(&b), &back));
    CHECK_VIEW(back, str_n(bytes, sizeof(bytes)));
}

TEST(lists_have_what_both_have)
{
    static const struct {
        const char *a, *b, *want;
    } rows[] = {
        {"a b", "b c", "b"},   {"a b", "c", ""},
        {"", "a", ""},         {"a b", "*", "a b"},
        {"*", "a b", "a b"},   {"default *", "*", "default *"},
        {"* a", "b a", "b a"}, {"default *", "work", "work"},
        {"a  a", "a", "a"},    {"work", "default *", "work"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(words_common(&a, str_c(rows[i].a), str_c(rows[i].b)), rows[i].want);
    CHECK(!words_has(STR("ab c"), STR("a")));
    CHECK(!words_has(STR("a b"), STR("a b")));
}

TEST(wide_scopes_bring_the_narrow_ones)
{
    static const struct {
        const char *in, *want;
        bool has_unknown;
    } rows[] = {
        {"read", "read", false},
        {"write", "read write", false},
        {"admin", "read write admin", false},
        {"offline_access read", "read offline_access", false},
        {"READ", "", true},
        {"read everything", "read", true},
        {"", "", false},
        {"read,write", "", true},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scopes s = scopes_parse(str_c(rows[i].in));

        CHECK_STR(scopes_text(&a, s.bits, s.is_offline), rows[i].want);
        CHECK(s.has_unknown == rows[i].has_unknown);
    }
}

TEST_MAIN()

/* test_pages.c - templates, escaping, and where forms may lead. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/oauth_int.h"

#include "rest/pages_html.h"
#include "tests/support/test.h"

static void check(const char *template, const struct template_row *row, const char *want)
{
    AUTO_BUF out = {0};

    template_write(&out, str_c(template), row);
    CHECK_STR(buf_str(&out), want);
}

TEST(fields_are_escaped)
{
    const struct template_field fields[] = {
        {.name = "a", .text = STR("<b a=\"1\" c='2'>&amp;</b>")},
        {.name = "b", .text = STR("{{a}}\x01\n")},
        {.name = "c"},
    };
    const struct template_row row = {fields, COUNT(fields), NULL};

    check("x{{a}}y", &row, "x&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;y");
    check("{{b}}", &row, "{{a}}\xef\xbf\xbd\n");
    check("<{{c}}>", &row, "<>");
    check("no fields", &row, "no fields");
}

TEST(sections_repeat_and_see_what_is_around_them)
{
    const struct template_field one[] = {{.name = "n", .text = STR("1")}};
    const struct template_field two[] = {{.name = "n", .text = STR("2")},
                                         {.name = "who", .text = STR("inner")}};
    const struct template_row rows[] = {{one, COUNT(one), NULL}, {two, COUNT(two), NULL}};
    const struct template_field fields[] = {
        {.name = "list", .rows = rows, .n_rows = COUNT(rows)},
        {.name = "none", .rows = rows, .n_rows = 0},
        {.name = "who", .text = STR("outer")},
        TEMPLATE_IF("yes", true),
        TEMPLATE_IF("no", false),
    };
    const struct template_row row = {fields, COUNT(fields), NULL};

    check("{{#list}}[{{n}} {{who}}]{{/list}}", &row, "[1 outer][2 inner]");
    check("a{{#none}}b{{who}}{{/none}}c", &row, "ac");
    check("{{#yes}}y{{who}}{{/yes}}{{#no}}n{{/no}}", &row, "youter");
    check("{{#list}}{{#yes}}{{n}}{{/yes}}{{/list}}", &row, "12");
}

TEST(form_target_is_a_source_and_nothing_else)
{
    static const struct {
        const char *uri, *want;
    } rows[] = {
        {"https://claude.ai/api/mcp/auth_callback", "https://claude.ai"},
        {"http://localhost:3999/callback", "http://localhost:3999"},
        {"http://127.0.0.1:1/", "http://127.0.0.1:1"},
        {"http://[::1]:3999/callback", "http:"},
        {"cursor://anysphere.cursor/callback", "cursor:"},
        {"https://a.example;script-src *", "https:"},
        {"https://a.example 'unsafe-inline'/", "https:"},
        {"java script:x", ""},
        {"x;y:z", ""},
        {"https:", "https:"},
        {"", ""},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(page_form_target(&a, str_c(rows[i].uri)), rows[i].want);
}

TEST(pages_hold_no_script_and_load_nothing)
{
    const struct str pages[] = {page_login, page_consent, page_welcome, page_message,
                                page_leave};
    static const char *const forbidden[] = {
        "<script", "javascript:", "http:", "https:", " src=", "@import", "url("};

    for (size_t i = 0; i < COUNT(pages); i++) {
        for (size_t j = 0; j < COUNT(forbidden); j++)
            CHECK(!str_contains(pages[i], str_c(forbidden[j])));
        CHECK(str_contains(pages[i], STR("<meta name=\"viewport\"")));
    }
    CHECK(str_starts(str_c(page_style_hash), STR("sha256-")));
}

TEST(link_is_escaped)
{
    AUTO_ARENA a = {0};

    CHECK_STR(rest_link_url(&a, STR("https://m.example/p"), STR("a_-b/c")),
              "https://m.example/p/welcome?link=a_-b%2Fc");
}

TEST_MAIN()

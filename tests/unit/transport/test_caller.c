/* test_caller.c - who is calling and which space a path names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include "tests/support/test.h"

TEST(client_is_the_product_name_of_its_user_agent)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"claude-code/1.0.3 (linux)", "claude-code"},
        {"curl/8.5.0", "curl"},
        {"node", "node"},
        {"python-httpx/0.27 x", "python-httpx"},
        {"", ""},
        {"/1.0", ""},
        {"\xc3\xa9t\xc3\xa9/1", ""},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/1", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(client_of_user_agent(str_c(rows[i].in)), rows[i].want);
}

TEST(space_is_the_path_below_the_endpoint)
{
    static const struct {
        const char *path;
        bool is_ok;
        const char *space;
    } rows[] = {
        {"/mcp", true, ""},
        {"/mcp/", true, ""},
        {"/mcp/work", true, "work"},
        {"/mcp/work/", true, "work"},
        {"/mcp/\xc3\xa9t\xc3\xa9", true, "\xc3\xa9t\xc3\xa9"},
        {"/mcp/a/b", false, ""},
        {"/mcp//", false, ""},
        {"/mcp/a b", false, ""},
        {"/mcp/a\n", false, ""},
        {"/mcp/\xff", false, ""},
        {"/mcpx", false, ""},
        {"/", false, ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str space = {0};

        CHECK_INT(space_of_path(str_c(rows[i].path), STR("/mcp"), &space), rows[i].is_ok);
        CHECK_STR(space, rows[i].space);
    }
}

TEST(space_has_a_longest_name)
{
    char path[200] = "/mcp/";
    struct str space;
    size_t n = strlen(path);

    memset(path + n, 'x', MEMORY_SPACE_MAX_CHARS + 1);
    CHECK(space_of_path(str_n(path, n + MEMORY_SPACE_MAX_CHARS), STR("/mcp"), &space));
    CHECK(!space_of_path(str_n(path, n + MEMORY_SPACE_MAX_CHARS + 1), STR("/mcp"), &space));
}

TEST(caller_on_this_machine_has_every_right)
{
    struct caller who = local_caller(STR("curl"), (struct str){0});

    CHECK_STR(who.subject, "local");
    CHECK_STR(who.client, "curl");
    CHECK_STR(who.space, SPACE_DEFAULT);
    CHECK_INT(who.scopes, SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN);
}

TEST_MAIN()

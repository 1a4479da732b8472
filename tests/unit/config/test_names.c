/* test_names.c - what is said about variables that no setting reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include "tests/support/test.h"
#include "tests/unit/config/env.h"

TEST(names_get_the_remark_that_helps)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"MCP_SSE_PORT", ""},
        {"MCP_LOG_LEVEL", ""},
        {"MCP_API_KEY_FILE", ""},
        {"PATH", ""},
        {"HF_HOME", ""},
        {"MCP_TIMEOUT", ""}, /* a client's own */
        {"MCP_SSE_PROT", "MCP_SSE_PROT: no such setting; did you mean MCP_SSE_PORT?"},
        {"MCP_MEMORY_SQLITE_PTAH",
         "MCP_MEMORY_SQLITE_PTAH: no such setting; did you mean MCP_MEMORY_SQLITE_PATH?"},
        {"MEMORYD_MODELS", "MEMORYD_MODELS: no such setting; did you mean MEMORYD_MODEL?"},
        {"mcp_sse_port", ""}, /* not ours: names are upper case */
        {"MCP_OAUTH_ENABLE",
         "MCP_OAUTH_ENABLE: no such setting; did you mean MCP_OAUTH_ENABLED?"},
        {"MCP_FROBNICATE", "MCP_FROBNICATE: no such setting; docs/configuration.md lists all"},
        {"MCP_HTTP_PORT",
         "MCP_HTTP_PORT: has no effect; there is one port for everything; use MCP_SSE_PORT"},
        {"MCP_SEMANTIC_DEDUP_ENABLED",
         "MCP_SEMANTIC_DEDUP_ENABLED: has no effect; near-duplicates are stored and reported, "
         "never refused"},
        {"SESSION_CHUNK_SIZE", "SESSION_CHUNK_SIZE: has no effect; reading documents and "
                               "sessions comes with a later version"},
        {"MCP_SSE_PORT_FILE",
         "MCP_SSE_PORT_FILE: only secrets are read from files; set MCP_SSE_PORT"},
        {"MCP_OAUTH_SECRET_KEY_FILE",
         "MCP_OAUTH_SECRET_KEY_FILE: has no effect; tokens are signed with a pair of keys; set "
         "MCP_OAUTH_PRIVATE_KEY, or leave that to memoryd"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(name_remark(&a, str_c(rows[i].name)), rows[i].want);
    }
}

TEST(distance_counts_edits_and_swaps)
{
    static const struct {
        const char *a, *b;
        size_t want;
    } rows[] = {
        {"", "", 0},       {"", "abc", 3},      {"abc", "", 3},           {"abc", "abc", 0},
        {"abc", "abd", 1}, {"abc", "ab", 1},    {"abc", "abcd", 1},       {"abc", "acb", 1},
        {"ca", "abc", 3},  {"PROT", "PORT", 1}, {"kitten", "sitting", 3},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(name_distance(str_c(rows[i].a), str_c(rows[i].b)), rows[i].want);
}

TEST(very_long_names_are_cut)
{
    AUTO_ARENA a = {0};
    char name[3000];
    struct str line;

    memset(name, 'X', sizeof(name));
    memcpy(name, "MCP_", 4);
    line = name_remark(&a, str_n(name, sizeof(name)));
    CHECK(line.len > 0 && line.len < 200);
    CHECK_INT(name_distance(str_n(name, sizeof(name)), STR("")), NAME_MAX_CHARS);
}

TEST(a_name_is_remarked_on_once_and_without_its_value)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_API_KEI=s3cret");
    env_file(&e, "cwd/.env", STR("MCP_API_KEI=other\nMCP_API_KEI=third\nOTHER=x\n"));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(buf_str(&e.warnings),
              "MCP_API_KEI: no such setting; did you mean MCP_API_KEY?\n");
}

TEST(remarks_have_a_limit)
{
    AUTO_ENV e;
    AUTO_BUF file = {0};
    size_t n_lines = 0;

    env_init(&e);
    for (int i = 0; i < 5000; i++)
        buf_printf(&file, "MCP_NO_SUCH_%d=1\n", i);
    env_file(&e, "cwd/.env", buf_str(&file));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    for (size_t i = 0; i < e.warnings.len; i++)
        n_lines += e.warnings.ptr[i] == '\n';
    CHECK_INT(n_lines, 51);
    CHECK(str_ends(buf_str(&e.warnings), STR("there are more such names; fix these first\n")));
}

TEST(bad_lines_of_the_file_are_warned_about_with_their_place)
{
    AUTO_ENV e;

    env_init(&e);
    env_file(&e, "cwd/.env", STR("\npassword hunter2\nMCP_SSE_PORT=9000\n"));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.port, 9000);
    CHECK(str_ends(buf_str(&e.warnings),
                   STR("cwd/.env line 2: expected NAME=value; the line is skipped\n")));
    CHECK(!str_contains(buf_str(&e.warnings), STR("hunter2")));
}

TEST_MAIN()

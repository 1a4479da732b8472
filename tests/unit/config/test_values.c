/* test_values.c - what each kind of setting takes, and the line for what it does not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "tests/support/test.h"
#include "tests/unit/config/env.h"

TEST(switches_take_ten_words_in_any_case)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"MCP_MEMORY_INCLUDE_HOSTNAME=true", true},
        {"MCP_MEMORY_INCLUDE_HOSTNAME=1", true},
        {"MCP_MEMORY_INCLUDE_HOSTNAME=YES", true},
        {"MCP_MEMORY_INCLUDE_HOSTNAME=On", true},
        {"MCP_MEMORY_INCLUDE_HOSTNAME=enabled", true},
        {"MCP_ENABLE_AUTO_SPLIT=FALSE", false},
        {"MCP_ENABLE_AUTO_SPLIT=0", false},
        {"MCP_ENABLE_AUTO_SPLIT=no", false},
        {"MCP_ENABLE_AUTO_SPLIT=OFF", false},
        {"MCP_ENABLE_AUTO_SPLIT=Disabled", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i].text);
        REQUIRE(CHECK_OK(env_load(&e), e.err));
        CHECK_INT(rows[i].want ? e.config.is_hostname_tagged : e.config.is_auto_split,
                  rows[i].want);
    }
}

TEST(a_path_prefix_is_a_plain_path)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        {"MEMORYD_PATH_PREFIX=/memory", "/memory"},
        {"MEMORYD_PATH_PREFIX=/a/b-c.d_e~f/", "/a/b-c.d_e~f"},
        {"MEMORYD_PATH_PREFIX=/", ""},
        {"MEMORYD_PATH_PREFIX=memory", NULL},
        {"MEMORYD_PATH_PREFIX=//evil.example", NULL},
        {"MEMORYD_PATH_PREFIX=/a//b", NULL},
        {"MEMORYD_PATH_PREFIX=/a/../b", NULL},
        {"MEMORYD_PATH_PREFIX=/.", NULL},
        {"MEMORYD_PATH_PREFIX=/a?b", NULL},
        {"MEMORYD_PATH_PREFIX=/a%2fb", NULL},
        {"MEMORYD_PATH_PREFIX=/a b", NULL},
        {"MEMORYD_PATH_PREFIX=https://host/memory", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i].text);
        if (!CHECK_INT(env_load(&e), rows[i].want != NULL))
            printf("  with %s\n", rows[i].text);
        if (rows[i].want)
            CHECK_STR(e.config.path_prefix, rows[i].want);
    }
}

TEST(a_bad_value_stops_the_start_with_one_line)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"MCP_ENABLE_AUTO_SPLIT=maybe", "MCP_ENABLE_AUTO_SPLIT='maybe': use true or false"},
        {"MCP_ENABLE_AUTO_SPLIT=2", "MCP_ENABLE_AUTO_SPLIT='2': use true or false"},
        {"MCP_SSE_PORT=99999", "MCP_SSE_PORT='99999': use a whole number from 0 to 65535"},
        {"MCP_SSE_PORT=80a", "MCP_SSE_PORT='80a': use a whole number from 0 to 65535"},
        {"MCP_SSE_PORT=-1", "MCP_SSE_PORT='-1': use a whole number from 0 to 65535"},
        {"MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE=0",
         "MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE='0': use a whole number from 1 to 600"},
        {"MCP_TRANSPORT_TIMEOUT_GRACEFUL_SHUTDOWN=301",
         "MCP_TRANSPORT_TIMEOUT_GRACEFUL_SHUTDOWN='301': use a whole number from 1 to 300"},
        {"MCP_SQLITEVEC_MAX_CONTENT_LENGTH=99",
         "MCP_SQLITEVEC_MAX_CONTENT_LENGTH='99': use none, or a whole number from 100 to "
         "1000000"},
        {"MCP_CONTENT_SPLIT_OVERLAP=501",
         "MCP_CONTENT_SPLIT_OVERLAP='501': use a whole number from 0 to 500"},
        {"MCP_HYBRID_KEYWORD_WEIGHT=1.01",
         "MCP_HYBRID_KEYWORD_WEIGHT='1.01': use a number from 0 to 1"},
        {"MCP_HYBRID_KEYWORD_WEIGHT=nan",
         "MCP_HYBRID_KEYWORD_WEIGHT='nan': use a number from 0 to 1"},
        {"MCP_HYBRID_RRF_K=0", "MCP_HYBRID_RRF_K='0': use a whole number from 1 to 1000"},
        {"MCP_HYBRID_RRF_K=99999999999999999999",
         "MCP_HYBRID_RRF_K='99999999999999999999': use a whole number from 1 to 1000"},
        {"MCP_HYBRID_FUSION_METHOD=best",
         "MCP_HYBRID_FUSION_METHOD='best': use weighted_average or rrf"},
        {"MCP_MEMORY_STORAGE_BACKEND=cloudflare",
         "MCP_MEMORY_STORAGE_BACKEND='cloudflare': this version stores in SQLite alone; use "
         "sqlite_vec, or leave it out"},
        {"LOG_LEVEL=loud", "LOG_LEVEL='loud': use debug, info, warning or error"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        env_fails(rows[i].text, rows[i].want);
}

TEST(both_ends_of_every_range_are_inside)
{
    static const char *const rows[] = {
        "MCP_SSE_PORT=0",
        "MCP_SSE_PORT=65535",
        "MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE=1",
        "MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE=600",
        "MCP_SQLITEVEC_MAX_CONTENT_LENGTH=100",
        "MCP_SQLITEVEC_MAX_CONTENT_LENGTH=1000000",
        "MCP_SQLITEVEC_MAX_CONTENT_LENGTH=None",
        "MCP_SQLITEVEC_MAX_CONTENT_LENGTH=unlimited",
        "MCP_SQLITEVEC_MAX_CONTENT_LENGTH=NULL",
        "MCP_HYBRID_KEYWORD_WEIGHT=0",
        "MCP_HYBRID_SEMANTIC_WEIGHT=1.0",
        "MCP_HYBRID_FUSION_METHOD=RRF",
        "MCP_MEMORY_STORAGE_BACKEND=SQLITE-VEC",
        "LOG_LEVEL=CRITICAL",
        "MCP_MAX_RESPONSE_CHARS=0",
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        env_works(rows[i]);
}

TEST(a_long_value_is_cut_in_the_error_between_characters)
{
    env_fails("MCP_SSE_PORT="
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "tail",
              "MCP_SSE_PORT='"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
              "...': use a whole number from 0 to 65535");
}

TEST(a_value_cannot_break_the_line)
{
    env_fails("MCP_SSE_PORT=1\n2\x1b[2J",
              "MCP_SSE_PORT='1 2 [2J': use a whole number from 0 to 65535");
}

TEST(a_value_that_is_not_utf8_is_not_shown)
{
    env_fails("MCP_MEMORY_SQLITE_PATH=/data/\xff.db",
              "MCP_MEMORY_SQLITE_PATH: not UTF-8 at byte 6; send UTF-8 text");
}

/* -- addresses -------------------------------------------------------------------------------- */

TEST(the_server_listens_on_this_machine_only)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        {"MCP_SSE_HOST=127.0.0.1", "127.0.0.1"},
        {"MCP_SSE_HOST=127.255.0.9", "127.255.0.9"},
        {"MCP_SSE_HOST=::1", "::1"},
        {"MCP_SSE_HOST=[::1]", "::1"},
        {"MCP_SSE_HOST=LocalHost", "LocalHost"},
        {"MCP_SSE_HOST=0.0.0.0", "0.0.0.0"},
        {"MCP_SSE_HOST=::", "::"},
        {"MCP_SSE_HOST=192.168.1.2", "192.168.1.2"},
        {"MCP_SSE_HOST=127.0.0.1.example.com", NULL},
        {"MCP_SSE_HOST=128.0.0.1", "128.0.0.1"},
        {"MCP_SSE_HOST=127.1", NULL},
        {"MCP_SSE_HOST=localhost.", NULL},
        {"MCP_SSE_HOST=0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1"},
        {"MCP_SSE_HOST=[]", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;
        bool is_ok;

        env_init(&e);
        env_set(&e, rows[i].text);
        is_ok = env_load(&e);
        if (is_ok != (rows[i].want != NULL))
            CHECK_STR(STR("taken or refused wrongly"), rows[i].text);
        else if (is_ok)
            CHECK_STR(e.config.host, rows[i].want);
    }
}

TEST(who_may_come_follows_from_where_the_server_is)
{
    static const struct {
        const char *settings[3];
        bool is_oauth, is_auth, is_anonymous;
    } rows[] = {
        {{NULL}, false, false, false},
        {{"MCP_OAUTH_ENABLED=true"}, true, true, false},
        {{"MCP_SSE_HOST=0.0.0.0"}, true, true, false},
        {{"MCP_SSE_HOST=::1"}, false, false, false},
        {{"MCP_OAUTH_ISSUER=https://m.example"}, true, true, false},
        {{"MCP_OAUTH_ISSUER=https://m.example", "MCP_OAUTH_ENABLED=false"},
         false,
         false,
         false},
        {{"MCP_API_KEY=0123456789abcdef0123456789abcdef"}, false, true, false},
        {{"MCP_SSE_HOST=0.0.0.0", "MCP_OAUTH_ENABLED=0", "MCP_API_KEY=k"}, false, true, false},
        {{"MCP_SSE_HOST=0.0.0.0", "MCP_OAUTH_ENABLED=0", "MCP_ALLOW_ANONYMOUS_ACCESS=1"},
         false,
         false,
         true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, "MCP_STREAMABLE_HTTP_MODE=1");
        for (size_t j = 0; j < COUNT(rows[i].settings) && rows[i].settings[j]; j++)
            env_set(&e, rows[i].settings[j]);
        REQUIRE(CHECK_OK(env_load(&e), e.err));
        CHECK_INT(e.config.is_oauth, rows[i].is_oauth);
        CHECK_INT(e.config.is_auth, rows[i].is_auth);
        CHECK_INT(e.config.is_anonymous, rows[i].is_anonymous);
    }
}

TEST(a_server_that_nobody_could_use_does_not_start)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_STREAMABLE_HTTP_MODE=1");
    env_set(&e, "MCP_SSE_HOST=0.0.0.0");
    env_set(&e, "MCP_OAUTH_ENABLED=false");
    CHECK(!env_load(&e));
    CHECK(str_starts(str_c(e.err.text), STR("MCP_OAUTH_ENABLED is off and MCP_API_KEY")));
}

TEST(a_private_key_is_text_or_a_file)
{
    AUTO_ENV e, f, g;
    struct str path;

    env_init(&e);
    env_set(&e, "MCP_OAUTH_PRIVATE_KEY=-----BEGIN\\nabc\\n");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(e.config.private_key, "-----BEGIN\nabc\n");
    CHECK_STR(env_item(&e, "MCP_OAUTH_PRIVATE_KEY")->value, "(set)");

    env_init(&f);
    path = env_file(&f, "key.pem", STR("-----BEGIN\nabc\n"));
    env_set(&f,
            arena_printf(&f.arena, "MCP_OAUTH_PRIVATE_KEY_PATH=" STR_FMT, STR_ARG(path)).ptr);
    REQUIRE(CHECK_OK(env_load(&f), f.err));
    CHECK_STR(f.config.private_key, "-----BEGIN\nabc\n");

    env_init(&g);
    env_set(&g, "MCP_OAUTH_PRIVATE_KEY=a");
    env_set(&g, "MCP_OAUTH_PRIVATE_KEY_PATH=/b");
    CHECK(!env_load(&g));
    CHECK(str_contains(str_c(g.err.text), STR("are both set")));
}

TEST(origins_are_a_list)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_CORS_ORIGINS= https://a.example/ ,,http://b.example:8080");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    REQUIRE(e.config.cors_origins.n == 2);
    CHECK_STR(e.config.cors_origins.list[0], "https://a.example");
    CHECK_STR(e.config.cors_origins.list[1], "http://b.example:8080");
}

/* -- names and addresses ----------------------------------------------------------------------- */

TEST(hosts_are_names_without_scheme_and_path)
{
    static const char *const bad[] = {
        "https://m.example", "m.example/", "m.example:0", "m.example:65536", "m.example:x",
        "*.example",         "[::1",       "[m.example]", "[::1]80"};
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_ALLOWED_HOSTS=m.example, m.example:8443 ,[2001:db8::1]:80,192.0.2.7");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    REQUIRE(e.config.allowed_hosts.n == 4);
    CHECK_STR(e.config.allowed_hosts.list[1], "m.example:8443");
    for (size_t i = 0; i < COUNT(bad); i++) {
        env_fails(arena_printf(&e.arena, "MCP_ALLOWED_HOSTS=%s", bad[i]).ptr,
                  arena_printf(&e.arena,
                               "MCP_ALLOWED_HOSTS='%s': '%s' is no host name; use names like "
                               "memory.example.com, without https:// and path, separated by "
                               "commas",
                               bad[i], bad[i])
                      .ptr);
    }
}

TEST(the_issuer_is_an_address_without_a_path)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        {"MCP_OAUTH_ISSUER=https://m.example", "https://m.example"},
        {"MCP_OAUTH_ISSUER=https://m.example/", "https://m.example"},
        {"MCP_OAUTH_ISSUER=https://m.example:8443", "https://m.example:8443"},
        {"MCP_OAUTH_ISSUER=http://localhost:8765", "http://localhost:8765"},
        {"MCP_OAUTH_ISSUER=http://127.0.0.1:8765", "http://127.0.0.1:8765"},
        {"MCP_OAUTH_ISSUER=http://[::1]:8765", "http://[::1]:8765"},
        {"MCP_OAUTH_ISSUER=http://[2001:db8::1]", NULL},
        {"MCP_OAUTH_ISSUER=http://m.example", NULL},
        {"MCP_OAUTH_ISSUER=http://localhost.example", NULL},
        {"MCP_OAUTH_ISSUER=m.example", NULL},
        {"MCP_OAUTH_ISSUER=https://", NULL},
        {"MCP_OAUTH_ISSUER=https://m.example/mcp", NULL},
        {"MCP_OAUTH_ISSUER=https://m.example?a", NULL},
        {"MCP_OAUTH_ISSUER=https://a@m.example", NULL},
        {"MCP_OAUTH_ISSUER=ftp://m.example", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i].text);
        if (!CHECK_INT(env_load(&e), rows[i].want != NULL))
            fprintf(stderr, "  %s\n", rows[i].text);
        if (rows[i].want)
            CHECK_STR(e.config.public_url, rows[i].want);
    }
}

TEST(address_lists_know_two_names)
{
    AUTO_ENV e;
    struct ip ip = {0};

    env_init(&e);
    env_set(&e, "MCP_IP_ALLOWLIST=Claude, loopback,192.0.2.0/24,,2001:db8::/32");
    env_set(&e, "MCP_TRUSTED_PROXIES=none");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.trusted_proxies.n, 0);
    CHECK_INT(e.config.ip_allowlist.n, 5);
    CHECK(ip_parse(STR("160.79.106.35"), &ip));
    CHECK(ip_ranges_have(e.config.ip_allowlist.list, e.config.ip_allowlist.n, ip));
    CHECK(ip_parse(STR("::1"), &ip));
    CHECK(ip_ranges_have(e.config.ip_allowlist.list, e.config.ip_allowlist.n, ip));
    CHECK(ip_parse(STR("198.51.100.1"), &ip));
    CHECK(!ip_ranges_have(e.config.ip_allowlist.list, e.config.ip_allowlist.n, ip));
    env_fails("MCP_TRUSTED_PROXIES=10.0.0.1/8",
              "MCP_TRUSTED_PROXIES='10.0.0.1/8': '10.0.0.1/8' begins within the range; did you "
              "mean 10.0.0.0/8?");
    env_fails(
        "MCP_IP_ALLOWLIST=none",
        "MCP_IP_ALLOWLIST='none': 'none' is no address; use one like 192.0.2.7, or a range "
        "like 192.0.2.0/24 or 2001:db8::/32");
    env_fails("MCP_IP_ALLOWLIST=,",
              "MCP_IP_ALLOWLIST=',': use addresses and ranges separated by commas, `claude`, "
              "`loopback`");
    env_fails("MCP_IP_ALLOWLIST=openai",
              "MCP_IP_ALLOWLIST='openai': 'openai' is no address; use one like 192.0.2.7, or a "
              "range like 192.0.2.0/24 or 2001:db8::/32");
}

/* -- https ------------------------------------------------------------------------------------ */

TEST(https_takes_both_files_or_none)
{
    AUTO_ENV e;

    env_fails(
        "MCP_HTTPS_ENABLED=true",
        "MCP_HTTPS_ENABLED is on, but MCP_SSL_CERT_FILE is not set; name the file, or leave "
        "MCP_HTTPS_ENABLED out");
    env_init(&e);
    env_set(&e, "MCP_HTTPS_ENABLED=true");
    env_set(&e, "MCP_SSL_CERT_FILE=~/tls/chain.pem");
    CHECK(!env_load(&e));
    CHECK(str_contains(str_c(e.err.text), STR("but MCP_SSL_KEY_FILE is not set")));
    env_set(&e, "MCP_SSL_KEY_FILE=key.pem");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK(e.config.is_https);
    CHECK_VIEW(e.config.certificate_file, env_path(&e, "home/tls/chain.pem"));
    CHECK_VIEW(e.config.key_file, env_path(&e, "cwd/key.pem"));
    CHECK_STR(buf_str(&e.warnings), "");
}

TEST(certificates_without_https_get_a_warning)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_SSL_CERT_FILE=/tls/chain.pem");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(buf_str(&e.warnings),
              "MCP_SSL_CERT_FILE: has no effect without MCP_HTTPS_ENABLED=true\n");
}

TEST(an_origin_that_would_not_protect_is_refused)
{
    env_fails("MCP_CORS_ORIGINS=*",
              "MCP_CORS_ORIGINS='*': '*' would let every web page read the memories; name the "
              "origins, as in https://app.example.com");
    env_fails("MCP_CORS_ORIGINS=https://*.example.com",
              "MCP_CORS_ORIGINS='https://*.example.com': 'https://*.example.com' is no origin; "
              "use https://HOST or http://HOST:PORT, separated by commas");
    env_fails("MCP_CORS_ORIGINS=example.com",
              "MCP_CORS_ORIGINS='example.com': 'example.com' is no origin; use https://HOST or "
              "http://HOST:PORT, separated by commas");
    env_fails("MCP_CORS_ORIGINS=https://a/path",
              "MCP_CORS_ORIGINS='https://a/path': 'https://a/path' is no origin; use "
              "https://HOST or http://HOST:PORT, separated by commas");
}

TEST(origins_have_a_limit)
{
    struct buf b = {0};

    buf_add_c(&b, "MCP_CORS_ORIGINS=");
    for (int i = 0; i <= CONFIG_LIST_MAX; i++)
        buf_printf(&b, "http://h%d,", i);
    env_fails(buf_cstr(&b), "MCP_CORS_ORIGINS='http://h0,http://h1,http://h2,http://h3,...': "
                            "use at most 32 of them");
    buf_deinit(&b);
}

/* -- pragmas ---------------------------------------------------------------------------------- */

TEST(pragmas_come_out_in_the_words_of_the_table)
{
    static const char *const want[][2] = {
        {"journal_mode", "wal"},        {"busy_timeout", "15000"},
        {"synchronous", "full"},        {"cache_size", "-64000"},
        {"temp_store", "memory"},       {"mmap_size", "268435456"},
        {"wal_autocheckpoint", "1000"}, {"journal_size_limit", "-1"},
        {"foreign_keys", "on"},         {"secure_delete", "fast"},
    };
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=WAL, busy_timeout = 015000,"
                "SYNCHRONOUS=Full,cache_size=-64000,temp_store=MEMORY,mmap_size=268435456,"
                "wal_autocheckpoint=1000,journal_size_limit=-1,foreign_keys=ON,"
                "secure_delete=fast,");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    REQUIRE(e.config.n_pragmas == COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK_STR(e.config.pragmas[i].name, want[i][0]);
        CHECK_STR(e.config.pragmas[i].value, want[i][1]);
    }
}

TEST(pragmas_that_could_lose_memories_or_carry_sql_are_refused)
{
    static const char *const rows[] = {
        "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=MEMORY",
        "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=OFF",
        "MCP_MEMORY_SQLITE_PRAGMAS=synchronous=OFF",
        "MCP_MEMORY_SQLITE_PRAGMAS=synchronous=0",
        "MCP_MEMORY_SQLITE_PRAGMAS=foreign_keys=OFF",
        "MCP_MEMORY_SQLITE_PRAGMAS=wal_autocheckpoint=0",
        "MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout=1;DROP TABLE memory",
        "MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout",
        "MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout=",
        "MCP_MEMORY_SQLITE_PRAGMAS==1",
        "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=WAL--",
        "MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout=1e3",
        "MCP_MEMORY_SQLITE_PRAGMAS=writable_schema=on",
        "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode =wal,journal_mode=delete",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i]);
        if (env_load(&e))
            CHECK_STR(STR("was taken"), rows[i]);
        CHECK_INT(e.err.kind, ERROR_INVALID);
    }
}

TEST(a_refused_pragma_is_told_what_would_do)
{
    env_fails("MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=off",
              "MCP_MEMORY_SQLITE_PRAGMAS='journal_mode=off': journal_mode takes one of: wal "
              "delete truncate persist");
    env_fails("MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout=x",
              "MCP_MEMORY_SQLITE_PRAGMAS='busy_timeout=x': busy_timeout takes a whole number "
              "from 0 to 600000");
    env_fails("MCP_MEMORY_SQLITE_PRAGMAS=busy_timeout=1,cache_size=1,Busy_Timeout=2",
              "MCP_MEMORY_SQLITE_PRAGMAS='busy_timeout=1,cache_size=1,Busy_Timeout...': "
              "busy_timeout is given twice");
    env_fails("MCP_MEMORY_SQLITE_PRAGMAS=page_size=1",
              "MCP_MEMORY_SQLITE_PRAGMAS='page_size=1': pragma 'page_size' cannot be set here; "
              "use journal_mode, busy_timeout, synchronous, cache_size, temp_store, mmap_size, "
              "wal_autocheckpoint, journal_size_limit, foreign_keys, secure_delete");
}

/* -- custom types ----------------------------------------------------------------------------- */

TEST(custom_types_are_kept_as_checked_text)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_CUSTOM_MEMORY_TYPES={\"Recipe\": [\"soup\", \"2nd_bread\"], \"x\": []}");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(e.config.custom_types, "{\"Recipe\": [\"soup\", \"2nd_bread\"], \"x\": []}");
}

TEST(custom_types_that_are_none_are_refused)
{
#define V "MCP_CUSTOM_MEMORY_TYPES"
    static const struct {
        const char *text, *want;
    } rows[] = {
        {V "=[]", V "='[]': use a JSON object: {\"base\": [\"subtype\"]}"},
        {V "={\"a\": 1}", V "='{\"a\": 1}': a: use a list of names, as in [\"a\", \"b\"]"},
        {V "={\"a\": [1]}", V "='{\"a\": [1]}': a[0]: not a string"},
        {V "={\"2a\": []}", V "='{\"2a\": []}': '2a' is no type name; use letters, digits and "
                              "_, not a digit first, at most 64"},
        {V "={\"a\": [\"b c\"]}", V "='{\"a\": [\"b c\"]}': a[0]: 'b c' is no type name; use "
                                    "letters, digits and _, at most 64"},
    };
#undef V

    for (size_t i = 0; i < COUNT(rows); i++)
        env_fails(rows[i].text, rows[i].want);
}

TEST(custom_types_must_be_json_and_not_endless)
{
    AUTO_ENV e;
    struct buf b = {0};

    env_init(&e);
    env_set(&e, "MCP_CUSTOM_MEMORY_TYPES={recipe: []}");
    CHECK(!env_load(&e));
    CHECK(str_starts(str_c(e.err.text),
                     STR("MCP_CUSTOM_MEMORY_TYPES='{recipe: []}': not JSON: ")));

    buf_add_c(&b, "MCP_CUSTOM_MEMORY_TYPES={\"a\":[\"b\"");
    for (int i = 0; i < 200; i++)
        buf_add_c(&b, ",\"b\"");
    buf_add_c(&b, "]}");
    env_fails(buf_cstr(&b),
              "MCP_CUSTOM_MEMORY_TYPES='{\"a\":[\"b\",\"b\",\"b\",\"b\",\"b\",\"b\",\"b\","
              "\"b\",\"b...': use at most 200 types");
    buf_deinit(&b);
}

TEST_MAIN()

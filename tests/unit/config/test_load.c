/* test_load.c - where settings come from, and what they become. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <sys/stat.h>

#include "sys/sys.h"
#include "tests/support/test.h"
#include "tests/unit/config/env.h"

TEST(defaults_are_those_of_the_docs)
{
    AUTO_ENV e;
    const struct config *c = &e.config;

    env_init(&e);
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK(!c->is_http);
    CHECK_STR(c->host, "127.0.0.1");
    CHECK_INT(c->port, 8765);
    CHECK_INT(c->keep_alive_s, 5);
    CHECK_INT(c->shutdown_s, 30);
    REQUIRE(c->cors_origins.n == 2);
    CHECK_STR(c->cors_origins.list[0], "https://claude.ai");
    CHECK_STR(c->cors_origins.list[1], "https://claude.com");
    CHECK_INT(c->allowed_hosts.n, 0);
    CHECK_STR(c->public_url, "");
    CHECK_INT(c->trusted_proxies.n, 2);
    CHECK_INT(c->ip_allowlist.n, 0);
    CHECK_INT(c->hsts_max_age_s, 0);
    CHECK_VIEW(c->base_dir, env_path(&e, "home/.local/share/mcp-memory"));
    CHECK_VIEW(c->sqlite_path, env_path(&e, "home/.local/share/mcp-memory/memoryd.db"));
    CHECK_INT(c->n_pragmas, 0);
    CHECK(!c->is_hostname_tagged);
    CHECK_INT(c->content_max_chars, 0);
    CHECK(c->is_auto_split);
    CHECK_INT(c->split_overlap, 50);
    CHECK(c->is_split_at_boundaries);
    CHECK(c->is_hybrid);
    CHECK(!c->is_rrf);
    CHECK_NEAR(c->weight_words, 0.3, 1e-9);
    CHECK_NEAR(c->weight_cosine, 0.7, 1e-9);
    CHECK_INT(c->rrf_k, 60);
    CHECK_NEAR(c->quality_boost, 0, 0);
    CHECK_INT(c->max_response_chars, 0);
    CHECK_INT(c->log_level, LOG_WARN);
    CHECK(!c->is_log_json);
    CHECK_STR(buf_str(&e.warnings), "");
}

TEST(the_guide_for_remote_access_is_taken_as_far_as_it_goes)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_STREAMABLE_HTTP_MODE=1");
    env_set(&e, "MCP_SSE_HOST=127.0.0.1");
    env_set(&e, "MCP_SSE_PORT=8766");
    env_set(&e, "MCP_OAUTH_ENABLED=true");
    env_set(&e, "MCP_MEMORY_STORAGE_BACKEND=sqlite_vec");
    env_set(&e, "MCP_MEMORY_SQLITE_PRAGMAS=journal_mode=WAL,busy_timeout=15000");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK(e.config.is_http);
    CHECK_INT(e.config.port, 8766);
    CHECK_INT(e.config.log_level, LOG_INFO);
    REQUIRE(e.config.n_pragmas == 2);
    CHECK_STR(e.config.pragmas[1].name, "busy_timeout");
    CHECK_STR(e.config.pragmas[1].value, "15000");
    CHECK(e.config.is_oauth);
    CHECK_STR(buf_str(&e.warnings), "");
}

TEST(the_older_transport_asks_for_http_too)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_SSE_MODE=1");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK(e.config.is_http);
    CHECK_INT(e.config.log_level, LOG_INFO);
    CHECK_STR(buf_str(&e.warnings), "");
}

TEST(the_environment_wins_over_the_file)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_SSE_PORT=2000");
    env_file(&e, "cwd/.env", STR("MCP_SSE_PORT=3000\nMCP_HYBRID_RRF_K=7\n"));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.port, 2000);
    CHECK_INT(e.config.rrf_k, 7);
    CHECK_VIEW(e.config.env_file, env_path(&e, "cwd/.env"));
    CHECK_STR(str_c(env_item(&e, "MCP_SSE_PORT")->source), "env");
    CHECK_STR(str_c(env_item(&e, "MCP_HYBRID_RRF_K")->source), ".env");
    CHECK_STR(str_c(env_item(&e, "MCP_SSE_HOST")->source), "default");
}

TEST(only_the_first_file_that_exists_is_read)
{
    AUTO_ENV e;

    env_init(&e);
    env_file(&e, "cwd/.env", STR("MCP_SSE_PORT=3000\n"));
    env_file(&e, "home/.mcp-memory/.env", STR("MCP_SSE_PORT=4000\nMCP_HYBRID_RRF_K=7\n"));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.port, 3000);
    CHECK_INT(e.config.rrf_k, 60);
}

TEST(a_folder_named_env_is_passed_over)
{
    AUTO_ENV e;
    struct error err;

    env_init(&e);
    REQUIRE(sys_make_dirs(env_path(&e, "cwd/.env").ptr, &err));
    env_file(&e, "home/.mcp-memory/.env", STR("MCP_SSE_PORT=4000\n"));
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.port, 4000);
}

TEST(a_file_that_is_too_large_stops_the_start)
{
    AUTO_ENV e;
    struct str text;

    env_init(&e);
    text = str_n(ARENA_NEW(&e.arena, char, CONFIG_ENV_FILE_MAX_BYTES + 1),
                 CONFIG_ENV_FILE_MAX_BYTES + 1);
    env_file(&e, "cwd/.env", text);
    CHECK(!env_load(&e));
    CHECK_INT(e.err.kind, ERROR_LIMIT);
    CHECK(str_contains(str_c(e.err.text), STR("cwd/.env: more than 1048576 bytes")));
}

TEST(an_empty_value_counts_as_not_set)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_SSE_PORT=");
    env_set(&e, "MCP_MEMORY_SQLITE_PATH=  ");
    env_set(&e, "MCP_MEMORY_SQLITEVEC_PATH=/data/old.db");
    env_set(&e, "MCP_UNHEARD_OF=");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.port, 8765);
    CHECK_STR(e.config.sqlite_path, "/data/old.db");
    CHECK_STR(buf_str(&e.warnings), "");
}

TEST(older_names_count_when_the_newer_is_not_set)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_LOG_LEVEL=DEBUG");
    env_set(&e, "MCP_MEMORY_SQLITEVEC_PATH=/data/old.db");
    env_set(&e, "MCP_MEMORY_SQLITE_PATH=/data/new.db");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.log_level, LOG_DEBUG);
    CHECK_STR(e.config.sqlite_path, "/data/new.db");
}

TEST(an_error_names_the_variable_that_was_written)
{
    env_fails("MCP_LOG_LEVEL=loud", "MCP_LOG_LEVEL='loud': use debug, info, warning or error");
}

TEST(an_error_names_the_file_that_a_value_came_from)
{
    AUTO_ENV e;

    env_init(&e);
    env_file(&e, "cwd/.env", STR("LOG_LEVEL=trace\n"));
    CHECK(!env_load(&e));
    CHECK(str_starts(str_c(e.err.text), STR("LOG_LEVEL='trace' in /")));
    CHECK(str_ends(str_c(e.err.text), STR("cwd/.env: use debug, info, warning or error")));
}

TEST(a_level_that_was_asked_for_stays_when_serving_http)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_STREAMABLE_HTTP_MODE=yes");
    env_set(&e, "LOG_LEVEL=warning");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_INT(e.config.log_level, LOG_WARN);
}

TEST(paths_become_absolute)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_MEMORY_BASE_DIR=~/memories");
    env_set(&e, "MEMORYD_MODEL=models/x.mdm");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_VIEW(e.config.base_dir, env_path(&e, "home/memories"));
    CHECK_VIEW(e.config.sqlite_path, env_path(&e, "home/memories/memoryd.db"));
    CHECK_VIEW(e.config.model_path, env_path(&e, "cwd/models/x.mdm"));
    CHECK_VIEW(env_item(&e, "MCP_MEMORY_BASE_DIR")->value, e.config.base_dir);
}

TEST(without_a_home_an_absolute_base_is_asked_for)
{
    AUTO_ENV e;

    env_init(&e);
    e.source.home = (struct str){0};
    CHECK(!env_load(&e));
    CHECK_STR(str_c(e.err.text),
              "MCP_MEMORY_BASE_DIR='~/.local/share/mcp-memory': there is no home folder (HOME "
              "is not set); give an absolute path");
    env_set(&e, "MCP_MEMORY_BASE_DIR=/data");
    CHECK_OK(env_load(&e), e.err);
    CHECK_STR(e.config.sqlite_path, "/data/memoryd.db");
}

TEST(a_model_is_looked_for_where_it_is_installed)
{
    AUTO_ENV e;
    struct str places[CONFIG_MODEL_PLACES], path;

    env_init(&e);
    path = env_file(&e, "home/base/models/" CONFIG_MODEL_NAME, STR("x"));
    env_set(&e, "MCP_MEMORY_BASE_DIR=~/base");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_VIEW(e.config.model_path, path);
    CHECK_VIEW(env_item(&e, "MEMORYD_MODEL")->value, path);
    CHECK_STR(str_c(env_item(&e, "MEMORYD_MODEL")->source), "default");

    config_model_places(&e.arena, e.config.base_dir, places);
    CHECK(str_ends(places[0], STR("/../share/memoryd/" CONFIG_MODEL_NAME)));
    CHECK(str_ends(places[1], STR("/model/" CONFIG_MODEL_NAME)));
    CHECK_VIEW(places[2], path);
}

TEST(weights_are_scaled_to_sum_to_one)
{
    static const struct {
        const char *words, *cosine;
        double want;
    } rows[] = {
        {"MCP_HYBRID_KEYWORD_WEIGHT=1", "MCP_HYBRID_SEMANTIC_WEIGHT=1", 0.5},
        {"MCP_HYBRID_KEYWORD_WEIGHT=0.2", "MCP_HYBRID_SEMANTIC_WEIGHT=0.2", 0.5},
        {"MCP_HYBRID_KEYWORD_WEIGHT=0", "MCP_HYBRID_SEMANTIC_WEIGHT=0.5", 0},
        {"MCP_HYBRID_KEYWORD_WEIGHT=0.305", "MCP_HYBRID_SEMANTIC_WEIGHT=0.7", 0.305},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i].words);
        env_set(&e, rows[i].cosine);
        REQUIRE(CHECK_OK(env_load(&e), e.err));
        CHECK_NEAR(e.config.weight_words, rows[i].want, 1e-9);
    }
}

TEST(two_weights_of_nothing_are_refused)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_HYBRID_KEYWORD_WEIGHT=0");
    env_set(&e, "MCP_HYBRID_SEMANTIC_WEIGHT=0.0");
    CHECK(!env_load(&e));
    CHECK_STR(str_c(e.err.text), "MCP_HYBRID_KEYWORD_WEIGHT and MCP_HYBRID_SEMANTIC_WEIGHT are "
                                 "both 0; make one of them larger");
}

TEST(parts_that_overlap_by_more_than_half_are_refused)
{
    static const struct {
        const char *longest, *overlap;
        bool is_ok;
    } rows[] = {
        {"MCP_SQLITEVEC_MAX_CONTENT_LENGTH=100", "MCP_CONTENT_SPLIT_OVERLAP=50", true},
        {"MCP_SQLITEVEC_MAX_CONTENT_LENGTH=100", "MCP_CONTENT_SPLIT_OVERLAP=51", false},
        {"MCP_SQLITEVEC_MAX_CONTENT_LENGTH=none", "MCP_CONTENT_SPLIT_OVERLAP=500", true},
        {"MCP_SQLITEVEC_MAX_CONTENT_LENGTH=1000", "MCP_CONTENT_SPLIT_OVERLAP=500", true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ENV e;

        env_init(&e);
        env_set(&e, rows[i].longest);
        env_set(&e, rows[i].overlap);
        CHECK_INT(env_load(&e), rows[i].is_ok);
    }
}

TEST(quality_counts_only_when_switched_on)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_QUALITY_BOOST_WEIGHT=0.4");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_NEAR(e.config.quality_boost, 0, 0);
    env_set(&e, "MCP_QUALITY_BOOST_ENABLED=on");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_NEAR(e.config.quality_boost, 0.4, 1e-9);
}

/* -- secrets ---------------------------------------------------------------------------------- */

TEST(a_secret_is_read_from_its_file)
{
    AUTO_ENV e;
    struct str path;

    env_init(&e);
    path = env_file(&e, "key", STR("s3cret\n"));
    env_set(&e, arena_printf(&e.arena, "MCP_API_KEY_FILE=" STR_FMT, STR_ARG(path)).ptr);
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(e.config.api_key, "s3cret");
    CHECK_STR(env_item(&e, "MCP_API_KEY")->value, "(set)");
    CHECK_STR(str_c(env_item(&e, "MCP_API_KEY")->source), "file");
    CHECK(str_starts(buf_str(&e.warnings), STR("MCP_API_KEY: is short")));
}

TEST(a_secret_is_never_shown)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_API_KEY=s3cret");
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    CHECK_STR(e.config.api_key, "s3cret");
    CHECK_STR(env_item(&e, "MCP_API_KEY")->value, "(set)");
    CHECK(!str_contains(buf_str(&e.warnings), STR("s3cret")));
    env_fails("MCP_API_KEY=s3cret\xff", "MCP_API_KEY: not UTF-8 at byte 6; send UTF-8 text");
}

TEST(a_secret_from_two_places_is_refused)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_API_KEY=a");
    env_file(&e, "cwd/.env", STR("MCP_API_KEY_FILE=/run/key\n"));
    CHECK(!env_load(&e));
    CHECK_STR(str_c(e.err.text),
              "MCP_API_KEY and MCP_API_KEY_FILE are both set; set one of them");
}

TEST(a_secret_file_that_cannot_be_used_stops_the_start)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, "MCP_API_KEY_FILE=key");
    CHECK(!env_load(&e));
    CHECK(str_starts(str_c(e.err.text), STR("MCP_API_KEY_FILE: cannot open ")));
    CHECK(str_ends(str_c(e.err.text), STR("cwd/key: No such file or directory")));
    env_file(&e, "cwd/key", STR(" \n"));
    CHECK(!env_load(&e));
    CHECK(str_ends(str_c(e.err.text), STR("cwd/key is empty")));
}

TEST_MAIN()

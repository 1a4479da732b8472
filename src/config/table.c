/*
 * table.c - every setting that has an effect, one row each.
 *
 * The rows feed reading, `memoryd doctor` and docs/configuration.md, whose tables a test compares
 * with them. Where the reference knows several words for one switch, one reader takes them all.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#define AT(field)         offsetof(struct loaded, field)
#define CONTENT_MAX_CHARS 1000000
#define NO_KEY_YET                                                                             \
    "this version serves this machine only and asks for no key; it takes effect with remote "  \
    "access"

const struct setting settings[] = {
    /* transport */
    {.name = "MCP_STREAMABLE_HTTP_MODE",
     .read = read_bool,
     .offset = AT(config.is_http),
     .fallback = "false",
     .meaning = "plain `memoryd` serves MCP over HTTP instead of stdio"},
    {.name = "MCP_SSE_HOST",
     .read = read_host,
     .offset = AT(config.host),
     .accepts = "127.0.0.1, another address of 127.0.0.0/8, ::1 or localhost",
     .fallback = "127.0.0.1",
     .meaning = "address to listen on"},
    {.name = "MCP_SSE_PORT",
     .read = read_port,
     .offset = AT(config.port),
     .max = UINT16_MAX,
     .fallback = "8765",
     .meaning = "port to listen on; 0 takes any free one"},
    {.name = "MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE",
     .read = read_int,
     .offset = AT(config.keep_alive_s),
     .min = 1,
     .max = 600,
     .fallback = "5",
     .meaning = "seconds that an HTTP connection may wait for its next request"},
    {.name = "MCP_TRANSPORT_TIMEOUT_GRACEFUL_SHUTDOWN",
     .read = read_int,
     .offset = AT(config.shutdown_s),
     .min = 1,
     .max = 300,
     .fallback = "30",
     .meaning = "seconds that running requests may take when the server stops"},
    {.name = "MCP_CORS_ORIGINS",
     .read = read_origins,
     .accepts = "origins separated by commas, as in https://app.example.com",
     .meaning = "web pages that may call the server, besides those of this machine"},
    {.name = "MCP_API_KEY",
     .read = read_text,
     .offset = AT(config.api_key),
     .accepts = "any text",
     .is_secret = true,
     .meaning = "key for access from other machines; not asked for yet",
     .note = NO_KEY_YET},

    /* storage; the base folder before what is relative to it */
    {.name = "MCP_MEMORY_BASE_DIR",
     .read = read_path,
     .offset = AT(config.base_dir),
     .accepts = "a path",
     .fallback = "~/.local/share/mcp-memory",
     .meaning = "folder for everything that has no path of its own"},
    {.name = "MCP_MEMORY_SQLITE_PATH",
     .older = "MCP_MEMORY_SQLITEVEC_PATH",
     .read = read_path,
     .offset = AT(config.sqlite_path),
     .accepts = "a path",
     .fallback = "<base>/memoryd.db",
     .meaning = "the database file; its folder is made if need be"},
    {.name = "MCP_MEMORY_STORAGE_BACKEND",
     .read = read_backend,
     .accepts = "sqlite_vec",
     .fallback = "sqlite_vec",
     .meaning = "where memories are stored"},
    {.name = "MCP_MEMORY_SQLITE_PRAGMAS",
     .read = read_pragmas,
     .accepts = "name=value pairs separated by commas, see below",
     .meaning = "SQLite settings for every connection"},
    {.name = "MCP_MEMORY_INCLUDE_HOSTNAME",
     .read = read_bool,
     .offset = AT(config.is_hostname_tagged),
     .fallback = "false",
     .meaning = "tag new memories with `source:HOST`"},
    {.name = "MCP_SQLITEVEC_MAX_CONTENT_LENGTH",
     .read = read_size_or_none,
     .offset = AT(config.content_max_chars),
     .min = 100,
     .max = CONTENT_MAX_CHARS,
     .fallback = "none",
     .meaning = "characters of one memory; longer texts are split or refused"},
    {.name = "MCP_ENABLE_AUTO_SPLIT",
     .read = read_bool,
     .offset = AT(config.is_auto_split),
     .fallback = "true",
     .meaning = "store a longer text as several memories instead of refusing it"},
    {.name = "MCP_CONTENT_SPLIT_OVERLAP",
     .read = read_size,
     .offset = AT(config.split_overlap),
     .max = 500,
     .fallback = "50",
     .meaning = "characters that neighbouring parts share"},
    {.name = "MCP_CONTENT_PRESERVE_BOUNDARIES",
     .read = read_bool,
     .offset = AT(config.is_split_at_boundaries),
     .fallback = "true",
     .meaning = "split between paragraphs or sentences where possible"},

    /* model */
    {.name = "MEMORYD_MODEL",
     .read = read_path,
     .offset = AT(config.model_path),
     .accepts = "a path",
     .meaning = "the model file; see below for where it is looked for otherwise"},

    /* search */
    {.name = "MCP_HYBRID_SEARCH_ENABLED",
     .read = read_bool,
     .offset = AT(config.is_hybrid),
     .fallback = "true",
     .meaning = "rank by words and by meaning together"},
    {.name = "MCP_HYBRID_FUSION_METHOD",
     .read = read_fusion,
     .offset = AT(config.is_rrf),
     .accepts = "weighted_average or rrf",
     .fallback = "weighted_average",
     .meaning = "how the two rankings become one"},
    {.name = "MCP_HYBRID_KEYWORD_WEIGHT",
     .read = read_double,
     .offset = AT(config.weight_words),
     .max = 1,
     .fallback = "0.3",
     .meaning = "share of words; the two weights are scaled to sum to 1"},
    {.name = "MCP_HYBRID_SEMANTIC_WEIGHT",
     .read = read_double,
     .offset = AT(config.weight_cosine),
     .max = 1,
     .fallback = "0.7",
     .meaning = "share of meaning"},
    {.name = "MCP_HYBRID_RRF_K",
     .read = read_int,
     .offset = AT(config.rrf_k),
     .min = 1,
     .max = 1000,
     .fallback = "60",
     .meaning = "the constant of reciprocal rank fusion"},
    {.name = "MCP_QUALITY_BOOST_ENABLED",
     .read = read_bool,
     .offset = AT(is_quality_boosted),
     .fallback = "false",
     .meaning = "let quality count in searches that do not say otherwise"},
    {.name = "MCP_QUALITY_BOOST_WEIGHT",
     .read = read_double,
     .offset = AT(quality_weight),
     .max = 1,
     .fallback = "0.3",
     .meaning = "how much it counts then"},
    {.name = "MCP_CUSTOM_MEMORY_TYPES",
     .read = read_custom_types,
     .offset = AT(config.custom_types),
     .accepts = "a JSON object, as in {\"recipe\": [\"soup\", \"bread\"]}",
     .meaning = "memory types besides the built-in ones"},
    {.name = "MCP_MAX_RESPONSE_CHARS",
     .read = read_size,
     .offset = AT(config.max_response_chars),
     .max = 100000000,
     .fallback = "0",
     .meaning =
         "characters of one tool result, cut between memories; 0 for the built-in limit"},

    /* logs */
    {.name = "LOG_LEVEL",
     .older = "MCP_LOG_LEVEL",
     .read = read_log_level,
     .offset = AT(config.log_level),
     .accepts = "debug, info, warning or error",
     .meaning = "least level that is logged; default `info` when serving HTTP, else `warning`"},
    {.name = "MEMORYD_LOG_JSON",
     .read = read_bool,
     .offset = AT(config.is_log_json),
     .fallback = "false",
     .meaning = "log lines as JSON objects"},
};

const size_t n_settings = COUNT(settings);

struct str setting_accepts(struct arena *a, const struct setting *s)
{
    if (s->accepts)
        return str_c(s->accepts);
    if (s->read == read_bool)
        return STR("true or false");
    if (s->read == read_double)
        return arena_printf(a, "a number from %g to %g", s->min, s->max);
    return arena_printf(a, "%sa whole number from %.0f to %.0f",
                        s->read == read_size_or_none ? "none, or " : "", s->min, s->max);
}

/*
 * config.h - the environment and an .env file as one checked, read-only struct.
 *
 * Variables keep the reference's names (docs/configuration.md). The process environment wins over
 * .env. A bad value stops the start with one line: which, why, what would do. Unknown MCP_ names are
 * warned about with the nearest known one. NAME_FILE reads the value of a secret from a file.
 *
 * Owner    everything lives in the arena given to config_load().
 * Threads  read-only after loading.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

struct config_pragma {
    struct str name;
    struct str value;
};

struct config {
    /* transport */
    bool is_http;     /* MCP_STREAMABLE_HTTP_MODE: plain `memoryd` serves HTTP */
    struct str host;  /* MCP_SSE_HOST, 127.0.0.1; loopback only for now */
    uint16_t port;    /* MCP_SSE_PORT, 8765 */
    int keep_alive_s; /* MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE */
    int shutdown_s;   /* MCP_TRANSPORT_TIMEOUT_GRACEFUL_SHUTDOWN */
    const struct str
        *cors_origins; /* MCP_CORS_ORIGINS; none: no browser origins but loopback */
    size_t n_cors_origins;

    /* storage */
    struct str base_dir;    /* MCP_MEMORY_BASE_DIR */
    struct str sqlite_path; /* MCP_MEMORY_SQLITE_PATH, base_dir/memoryd.db */
    const struct config_pragma *pragmas;
    size_t n_pragmas;
    bool is_hostname_tagged;     /* MCP_MEMORY_INCLUDE_HOSTNAME */
    size_t content_max_chars;    /* MCP_SQLITEVEC_MAX_CONTENT_LENGTH, 0 unlimited */
    bool is_auto_split;          /* MCP_ENABLE_AUTO_SPLIT */
    size_t split_overlap;        /* MCP_CONTENT_SPLIT_OVERLAP */
    bool is_split_at_boundaries; /* MCP_CONTENT_PRESERVE_BOUNDARIES */

    /* model */
    struct str model_path; /* MEMORYD_MODEL; else the installed file */

    /* search */
    bool is_hybrid;            /* MCP_HYBRID_SEARCH_ENABLED */
    bool is_rrf;               /* MCP_HYBRID_FUSION_METHOD */
    double weight_words;       /* MCP_HYBRID_KEYWORD_WEIGHT */
    double weight_cosine;      /* MCP_HYBRID_SEMANTIC_WEIGHT */
    int rrf_k;                 /* MCP_HYBRID_RRF_K */
    double quality_boost;      /* MCP_QUALITY_BOOST_ENABLED ? MCP_QUALITY_BOOST_WEIGHT : 0 */
    struct str custom_types;   /* MCP_CUSTOM_MEMORY_TYPES */
    size_t max_response_chars; /* MCP_MAX_RESPONSE_CHARS */

    /* logs */
    enum log_level log_level; /* LOG_LEVEL, MCP_LOG_LEVEL */
    bool is_log_json;         /* MEMORYD_LOG_JSON */

    struct str env_file; /* the .env that was read, or empty */
};

struct config_source {          /* where settings come from; tests pass their own */
    const char *const *environ; /* "NAME=value", NULL at the end */
    struct str cwd;
    struct str home;
};

/* Warnings (unknown names, names without effect) go to warn, one line each; warn may be NULL. */
NODISCARD bool config_load(struct arena *a, const struct config_source *source,
                           void (*warn)(void *ctx, struct str line), void *ctx,
                           struct config *out, struct error *err);

/* Every setting with its value, secrets masked, and its source: "env", ".env", "default". */
struct config_item {
    const char *name;
    struct str value;
    const char *source;
};
void config_describe(struct arena *a, const struct config *c,
                     const struct config_source *source, const struct config_item **out,
                     size_t *out_n);

#endif

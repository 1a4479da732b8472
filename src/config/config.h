/*
 * config.h - the environment and an .env file as one checked, read-only struct.
 *
 * Variables keep the reference's names (docs/configuration.md). The process environment wins over
 * the first .env that exists: in the working folder, then ~/.mcp-memory/.env. An empty value counts
 * as not set. A bad value stops the start with one line: which, why, what would do. Names that
 * begin with MCP_ or MEMORYD_ and are not known are warned about with the nearest known one.
 * NAME_FILE reads the value of a secret from a file.
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
#include "base/ip.h"
#include "base/log.h"
#include "base/str.h"

#define CONFIG_ENV_FILE_MAX_BYTES    ((size_t)1024 * 1024)
#define CONFIG_SECRET_FILE_MAX_BYTES ((size_t)64 * 1024)
#define CONFIG_PATH_PREFIX_MAX_BYTES 200
#define CONFIG_LIST_MAX              32 /* origins, hosts or address ranges of one setting */
/* Where all requests of claude.ai, its apps and Desktop's connectors come from. */
#define CONFIG_CLAUDE_RANGE "160.79.104.0/21"
#define CONFIG_MODEL_NAME   "all-MiniLM-L6-v2.mdm"

struct config_pragma { /* from the allow-list; neither part can carry SQL */
    struct str name;
    struct str value;
};

struct config_strs {
    const struct str *list;
    size_t n;
};

struct config_ranges {
    const struct ip_range *list;
    size_t n;
};

/* One setting: what it is, for help and docs, and what it came out as. */
struct config_item {
    const char *name;
    const char *older;    /* read when name is not set; NULL: there is none */
    const char *fallback; /* the default as one would write it; "" if there is none */
    struct str accepts;   /* "a whole number from 1 to 600" */
    const char *meaning;
    bool is_secret;
    struct str value;   /* paths resolved, secrets masked */
    const char *source; /* "env", ".env", "file" (NAME_FILE) or "default" */
};

struct config {
    /* transport */
    bool is_http;     /* MCP_STREAMABLE_HTTP_MODE, MCP_SSE_MODE: plain `memoryd` serves HTTP */
    struct str host;  /* MCP_SSE_HOST; an address, or localhost */
    bool is_loopback; /* host is of this machine alone */
    uint16_t port;    /* MCP_SSE_PORT; 0 takes any free one */
    struct str path_prefix;               /* MEMORYD_PATH_PREFIX: "/memory", or empty */
    bool is_https;                        /* MCP_HTTPS_ENABLED; then both files are set */
    struct str certificate_file;          /* MCP_SSL_CERT_FILE; absolute, or empty */
    struct str key_file;                  /* MCP_SSL_KEY_FILE; absolute, or empty */
    int keep_alive_s;                     /* MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE */
    int shutdown_s;                       /* MCP_TRANSPORT_TIMEOUT_GRACEFUL_SHUTDOWN */
    int hsts_max_age_s;                   /* MEMORYD_HSTS_MAX_AGE_S; 0: none */
    struct str public_url;                /* MCP_OAUTH_ISSUER: https://HOST, or empty */
    struct config_strs allowed_hosts;     /* MCP_ALLOWED_HOSTS, besides loopback ones */
    struct config_strs cors_origins;      /* MCP_CORS_ORIGINS, besides loopback ones */
    struct config_ranges trusted_proxies; /* MCP_TRUSTED_PROXIES */
    struct config_ranges ip_allowlist;    /* MCP_IP_ALLOWLIST; none: all may come */

    /* access */
    bool is_oauth;      /* MCP_OAUTH_ENABLED; by itself if others than this machine may come */
    bool is_auth;       /* tokens or keys are looked at: OAuth, or a key is set */
    bool is_anonymous;  /* MCP_ALLOW_ANONYMOUS_ACCESS: from everywhere, without either */
    struct str api_key; /* MCP_API_KEY; empty: none */
    struct str registration_key; /* MCP_DCR_REGISTRATION_KEY; empty: none */
    struct str auth_path;        /* MCP_OAUTH_SQLITE_PATH; absolute */
    struct str private_key;      /* MCP_OAUTH_PRIVATE_KEY(_PATH): PEM; empty: made by memoryd */
    int access_token_minutes;    /* MCP_OAUTH_ACCESS_TOKEN_EXPIRE_MINUTES */
    int refresh_token_days;      /* MCP_OAUTH_REFRESH_TOKEN_EXPIRE_DAYS */
    struct str oidc_issuer;      /* MEMORYD_OIDC_ISSUER; empty: no provider of log-ins */
    struct str oidc_client_id;   /* MEMORYD_OIDC_CLIENT_ID */
    struct str oidc_client_secret; /* MEMORYD_OIDC_CLIENT_SECRET; empty: a public client */
    struct str oidc_name;          /* MEMORYD_OIDC_NAME */
    bool is_oidc_private;          /* MEMORYD_OIDC_PRIVATE: its address may be any */
    struct str
        oidc_ca_file; /* MEMORYD_OIDC_CA_FILE; absolute; empty: the system's authorities */
    struct str doctor_token; /* MEMORYD_DOCTOR_TOKEN; empty: none */

    /* storage */
    struct str base_dir;    /* MCP_MEMORY_BASE_DIR; absolute */
    struct str sqlite_path; /* MCP_MEMORY_SQLITE_PATH; absolute */
    const struct config_pragma *pragmas;
    size_t n_pragmas;
    bool is_hostname_tagged;     /* MCP_MEMORY_INCLUDE_HOSTNAME */
    size_t content_max_chars;    /* MCP_SQLITEVEC_MAX_CONTENT_LENGTH, 0 unlimited */
    bool is_auto_split;          /* MCP_ENABLE_AUTO_SPLIT */
    size_t split_overlap;        /* MCP_CONTENT_SPLIT_OVERLAP */
    bool is_split_at_boundaries; /* MCP_CONTENT_PRESERVE_BOUNDARIES */

    /* model */
    bool is_fp32;          /* MEMORYD_PRECISION is fp32 */
    struct str model_path; /* MEMORYD_MODEL; else the installed file; empty if there is none */

    /* search */
    bool is_hybrid;            /* MCP_HYBRID_SEARCH_ENABLED */
    bool is_rrf;               /* MCP_HYBRID_FUSION_METHOD */
    double weight_words;       /* MCP_HYBRID_KEYWORD_WEIGHT; the two weights sum to 1 */
    double weight_cosine;      /* MCP_HYBRID_SEMANTIC_WEIGHT */
    int rrf_k;                 /* MCP_HYBRID_RRF_K */
    double quality_boost;      /* MCP_QUALITY_BOOST_ENABLED ? MCP_QUALITY_BOOST_WEIGHT : 0 */
    struct str custom_types;   /* MCP_CUSTOM_MEMORY_TYPES: checked JSON, or empty */
    size_t max_response_chars; /* MCP_MAX_RESPONSE_CHARS, 0 unlimited */

    /* logs */
    enum log_level log_level; /* LOG_LEVEL, MCP_LOG_LEVEL */
    bool is_log_json;         /* MEMORYD_LOG_JSON */

    struct str env_file; /* the .env that was read, or empty */
    const struct config_item *items;
    size_t n_items;
};

struct config_source {          /* where settings come from; tests pass their own */
    const char *const *environ; /* "NAME=value", NULL at the end */
    struct str cwd;
    struct str home; /* empty: there is none */
    bool is_server;  /* HTTP was asked for, whatever MCP_STREAMABLE_HTTP_MODE says */
};

/* Warnings (unknown names, names without effect, unreadable lines of .env) go to warn, one line
 * each, without values; warn may be NULL. */
NODISCARD bool config_load(struct arena *a, const struct config_source *source,
                           void (*warn)(void *ctx, struct str line), void *ctx,
                           struct config *out, struct error *err);

/* Addresses that many people share: this machine and CONFIG_CLAUDE_RANGE. */
struct config_ranges config_shared_addresses(struct arena *a);

/* Where a model file is looked for when MEMORYD_MODEL names none, in this order. */
#define CONFIG_MODEL_PLACES 3
void config_model_places(struct arena *a, struct str base_dir,
                         struct str out[CONFIG_MODEL_PLACES]);

#endif

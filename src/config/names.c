/*
 * names.c - what to say about variables that no setting reads.
 *
 * People bring their environment along from the reference, and a setting that silently does nothing
 * is worse than none. So each of its names is here with the reason why it has no effect; what is
 * like none of them is probably mistyped and gets the nearest name.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#define LATER "it comes with a later version"

/* Names are separated by blanks. why NULL: other programs' names, nothing to say. */
static const struct group {
    const char *why;
    const char *names;
} groups[] = {
    {"there is one address for everything; use MCP_SSE_HOST",
     "MCP_HTTP_HOST MCP_STREAMABLE_HTTP_HOST MCP_SERVER_HOST MCP_MEMORY_HTTP_HOST"},
    {"there is one port for everything; use MCP_SSE_PORT",
     "MCP_HTTP_PORT MCP_STREAMABLE_HTTP_PORT MCP_SERVER_PORT MCP_MEMORY_HTTP_PORT "
     "MCP_HTTPS_PORT"},
    {"use MCP_STREAMABLE_HTTP_MODE=1, or the command 'memoryd serve'",
     "MCP_HTTP_ENABLED MCP_MEMORY_HTTP_AUTO_START MCP_MODE MCP_STANDALONE_MODE "
     "MCP_MEMORY_ENABLE_SSE"},
    {"use MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE", "MCP_HTTP_KEEPALIVE"},
    {"memoryd makes no certificates; name yours in MCP_SSL_CERT_FILE",
     "MCP_SSL_ADDITIONAL_IPS MCP_SSL_ADDITIONAL_HOSTNAMES"},
    {"the public key follows from the private one",
     "MCP_OAUTH_PUBLIC_KEY MCP_OAUTH_PUBLIC_KEY_PATH"},
    {"tokens are signed with a pair of keys; set MCP_OAUTH_PRIVATE_KEY, or leave that to "
     "memoryd",
     "MCP_OAUTH_SECRET_KEY"},
    {"an authorization code is good for one minute",
     "MCP_OAUTH_AUTHORIZATION_CODE_EXPIRE_MINUTES"},
    {"clients are in the database of MCP_OAUTH_SQLITE_PATH", "MCP_OAUTH_CLIENT_STORAGE"},
    {"memoryd always does so, at its own pace",
     "MCP_OAUTH_AUDIT_LOG MCP_OAUTH_CLEANUP_EXPIRED_TOKENS MCP_OAUTH_TOKEN_CLEANUP_INTERVAL "
     "MCP_OAUTH_REGISTRATION_RATE_LIMIT"},
    {LATER,
     "MCP_SSE_HEARTBEAT MCP_HTTP_WORKERS MCP_HTTP_TIMEOUT MCP_MEMORY_BACKUPS_PATH "
     "mcpMemoryBackupsPath MCP_BACKUP_ENABLED MCP_BACKUP_INTERVAL MCP_BACKUP_RETENTION "
     "MCP_BACKUP_MAX_COUNT MCP_MEMORY_INTEGRITY_CHECK_ENABLED "
     "MCP_MEMORY_INTEGRITY_CHECK_INTERVAL MCP_MEMORY_ENABLE_METRICS MCP_MEMORY_METRICS_PORT "
     "MCP_MDNS_ENABLED MCP_MDNS_SERVICE_NAME MCP_MDNS_SERVICE_TYPE "
     "MCP_MDNS_DISCOVERY_TIMEOUT MCP_PEER_VERIFY_SSL MCP_PEER_SSL_CA_FILE"},
    {"the store is SQLite; cloud storage comes with a later version",
     "MCP_CLOUDFLARE_MAX_CONTENT_LENGTH MCP_HYBRID_MAX_CONTENT_LENGTH "
     "CLOUDFLARE_D1_DATABASE_ID CLOUDFLARE_VECTORIZE_INDEX MCP_HYBRID_SYNC_INTERVAL "
     "MCP_HYBRID_BATCH_SIZE MCP_HYBRID_QUEUE_SIZE MCP_HYBRID_MAX_QUEUE_SIZE "
     "MCP_HYBRID_MAX_RETRIES MCP_HYBRID_SYNC_OWNER MCP_HYBRID_ENABLE_HEALTH_CHECKS "
     "MCP_HYBRID_HEALTH_CHECK_INTERVAL MCP_HYBRID_SYNC_ON_STARTUP MCP_HYBRID_SYNC_UPDATES "
     "MCP_HYBRID_DRIFT_CHECK_INTERVAL MCP_HYBRID_DRIFT_BATCH_SIZE "
     "MCP_HYBRID_MAX_EMPTY_BATCHES MCP_HYBRID_MIN_CHECK_COUNT "
     "MCP_HYBRID_FALLBACK_TO_PRIMARY MCP_HYBRID_WARN_ON_SECONDARY_FAILURE"},
    {"memoryd has no such store", "MCP_MILVUS_URI MCP_MILVUS_TOKEN MCP_MILVUS_COLLECTION_NAME "
                                  "MCP_MEMORY_COLLECTION_NAME MCP_MEMORY_CHROMA_PATH"},
    {"use MCP_MEMORY_SQLITE_PRAGMAS; several programs may use the database at once anyway",
     "MCP_MEMORY_ENABLE_WAL MCP_MEMORY_MULTI_CLIENT MCP_MEMORY_MAX_CLIENTS"},
    {"memoryd runs its own model file; name another one in MEMORYD_MODEL",
     "MCP_EMBEDDING_MODEL MCP_MEMORY_USE_ONNX MCP_MEMORY_ONNX_MODEL_PATH "
     "MCP_MEMORY_SENTENCE_TRANSFORMER_MODEL"},
    {"memoryd downloads nothing and embeds nothing without a model", "MCP_MEMORY_OFFLINE "
                                                                     "MCP_EMBEDDING_FALLBACK"},
    {"embeddings over HTTP come with a later version",
     "MCP_EXTERNAL_EMBEDDING_URL MCP_EXTERNAL_EMBEDDING_MODEL MCP_EXTERNAL_EMBEDDING_API_KEY"},
    {"not needed: the model is ready when the server is", "MCP_INIT_TIMEOUT"},
    {"near-duplicates are stored and reported, never refused",
     "MCP_SEMANTIC_DEDUP_ENABLED MCP_SEMANTIC_DEDUP_TIME_WINDOW_HOURS "
     "MCP_SEMANTIC_DEDUP_THRESHOLD"},
    {"rank fusion has no such bonus here", "MCP_HYBRID_RRF_CONSENSUS_BOOST"},
    {"the memory graph and mistake notes come with a later version",
     "MCP_GRAPH_STORAGE_MODE MCP_TYPED_EDGES_ENABLED MCP_MISTAKE_NOTE_DEDUP_THRESHOLD "
     "MEMORY_DECAY_WINDOW_DAYS"},
    {"scoring by a model comes with a later version",
     "MCP_QUALITY_SYSTEM_ENABLED MCP_QUALITY_AI_PROVIDER MCP_QUALITY_LOCAL_MODEL "
     "MCP_QUALITY_LOCAL_DEVICE MCP_QUALITY_BATCH_SIZE MCP_QUALITY_MIN_GPU_BATCH "
     "MCP_QUALITY_AI_BASE_URL MCP_QUALITY_AI_MODEL MCP_QUALITY_AI_API_KEY "
     "MCP_QUALITY_FALLBACK_ENABLED MCP_QUALITY_DEBERTA_THRESHOLD "
     "MCP_QUALITY_MSMARCO_THRESHOLD MCP_QUALITY_RETENTION_HIGH MCP_QUALITY_RETENTION_MEDIUM "
     "MCP_QUALITY_RETENTION_LOW_MIN MCP_QUALITY_RETENTION_LOW_MAX MCP_QUALITY_HYBRID_ENABLED "
     "MCP_QUALITY_USER_FEEDBACK_ENABLED"},
    {"consolidation comes with a later version; nothing is changed or forgotten unasked",
     "MCP_CONSOLIDATION_ENABLED MCP_SCHEDULE_DAILY MCP_SCHEDULE_WEEKLY MCP_SCHEDULE_MONTHLY "
     "MCP_SCHEDULE_QUARTERLY MCP_SCHEDULE_YEARLY MCP_CONSOLIDATION_ARCHIVE_PATH "
     "MCP_MEMORY_ARCHIVE_PATH MCP_CONSOLIDATION_BATCH_SIZE MCP_CONSOLIDATION_INCREMENTAL "
     "MCP_CONSOLIDATION_STORE_ASSOCIATIONS MCP_DECAY_ENABLED MCP_RETENTION_CRITICAL "
     "MCP_RETENTION_REFERENCE MCP_RETENTION_STANDARD MCP_RETENTION_TEMPORARY "
     "MCP_ASSOCIATIONS_ENABLED MCP_ASSOCIATION_MIN_SIMILARITY "
     "MCP_ASSOCIATION_MAX_SIMILARITY MCP_ASSOCIATION_MAX_PAIRS MCP_CLUSTERING_ENABLED "
     "MCP_CLUSTERING_MIN_SIZE MCP_CLUSTERING_ALGORITHM MCP_COMPRESSION_ENABLED "
     "MCP_COMPRESSION_PRESERVE_ORIGINALS MCP_COMPRESSION_MAX_LENGTH MCP_FORGETTING_ENABLED "
     "MCP_FORGETTING_RELEVANCE_THRESHOLD MCP_FORGETTING_ACCESS_THRESHOLD "
     "MCP_CONSOLIDATION_QUALITY_BOOST_ENABLED MCP_CONSOLIDATION_MIN_CONNECTIONS_FOR_BOOST "
     "MCP_CONSOLIDATION_QUALITY_BOOST_FACTOR MCP_CONSOLIDATION_MIN_CONNECTED_QUALITY "
     "MCP_MAINTAIN_STALE_DAYS MCP_MAINTAIN_AUTO_RESOLVE MCP_MAINTAIN_AUTO_RESOLVE_THRESHOLD "
     "MCP_MAINTAIN_AUTO_RESOLVE_AGE_DAYS MCP_MAINTAIN_SCAN_LIMIT MCP_INSIGHT_CARDS_ENABLED "
     "MCP_INSIGHT_EXCLUDE_TAGS"},
    {"reading documents and sessions comes with a later version",
     "LLAMAPARSE_API_KEY MCP_DOCUMENT_CHUNK_SIZE MCP_DOCUMENT_CHUNK_OVERLAP HARVEST_LOCALE "
     "MCP_HARVEST_SIMILARITY_THRESHOLD MCP_HARVEST_MIN_CONFIDENCE_TO_EVOLVE "
     "SESSION_CHUNK_SIZE"},
    {"use LOG_LEVEL=debug", "MCP_MEMORY_DEBUG MCP_DEBUG"},
    {"memoryd does without it", "MCP_PROTOCOL_FIX MCP_CHUNKED_STORAGE_ENABLED"},
    {NULL, "MCP_TIMEOUT MCP_TOOL_TIMEOUT MCP_MEMORY_API_KEY MCP_MEMORY_ENDPOINT "
           "MCP_MEMORY_HTTP_ENDPOINT MCP_HTTP_ENDPOINT MCP_ENDPOINT MCP_MEMORY_AUTO_DISCOVER "
           "MCP_MEMORY_PREFER_HTTPS MCP_MEMORY_PYTHON MCP_MEMORY_USE_HOMEBREW_PYTORCH "
           "MCP_MEMORY_PROJECT_ROOT MCP_TEST_ALLOW_CLOUD_BACKEND"},
};

static const struct group *find_group(struct str name)
{
    for (size_t i = 0; i < COUNT(groups); i++) {
        struct str rest = str_c(groups[i].names), one;

        while (str_next(&rest, ' ', &one)) {
            if (str_eq(one, name))
                return &groups[i];
        }
    }
    return NULL;
}

static const struct setting *find_setting(struct str name)
{
    for (size_t i = 0; i < n_settings; i++) {
        if (str_eq_c(name, settings[i].name) ||
            (settings[i].older && str_eq_c(name, settings[i].older)))
            return &settings[i];
    }
    return NULL;
}

/* Optimal string alignment: insertions, deletions, replacements, swaps of neighbours cost 1. */
size_t name_distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_CHARS + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    a = str_sub(a, 0, NAME_MAX_CHARS);
    b = str_sub(b, 0, NAME_MAX_CHARS);
    for (size_t k = 0; k <= b.len; k++)
        last[k] = before[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *freed = before;

        now[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t cost = a.ptr[i - 1] != b.ptr[k - 1];

            now[k] = MIN(MIN(last[k] + 1, now[k - 1] + 1), last[k - 1] + cost);
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1])
                now[k] = MIN(now[k], before[k - 2] + 1);
        }
        before = last;
        last = now;
        now = freed;
    }
    return last[b.len];
}

struct nearest {
    struct str to;
    struct str name;
    size_t distance; /* name is nearer than this was before */
};

static void try_name(struct nearest *n, struct str candidate)
{
    size_t distance, longer = MAX(n->to.len, candidate.len) - MIN(n->to.len, candidate.len);

    if (longer >= n->distance) /* each missing letter costs 1 already */
        return;
    distance = name_distance(n->to, candidate);
    if (distance < n->distance) {
        n->distance = distance;
        n->name = candidate;
    }
}

/* The known name that is at most a quarter of the letters away, settings first; or empty. */
static struct str find_nearest(struct str name)
{
    struct nearest n = {.to = name, .distance = MIN(name.len, NAME_MAX_CHARS) / 4 + 1};

    for (size_t i = 0; i < n_settings; i++) {
        try_name(&n, str_c(settings[i].name));
        if (settings[i].older)
            try_name(&n, str_c(settings[i].older));
    }
    for (size_t i = 0; i < COUNT(groups); i++) {
        struct str rest = str_c(groups[i].names), one;

        while (groups[i].why && str_next(&rest, ' ', &one))
            try_name(&n, one);
    }
    return n.name;
}

static struct str unknown_remark(struct arena *a, struct str name)
{
    struct str near = find_nearest(name), shown = str_sub(name, 0, NAME_MAX_CHARS);

    if (near.len)
        return arena_printf(a, STR_FMT ": no such setting; did you mean " STR_FMT "?",
                            STR_ARG(shown), STR_ARG(near));
    return arena_printf(a, STR_FMT ": no such setting; docs/configuration.md lists all",
                        STR_ARG(shown));
}

/* NAME_FILE, where NAME is known. False: it is no such name. */
static bool file_remark(struct arena *a, struct str name, struct str *out)
{
    struct str suffix = STR("_FILE"), base;
    const struct setting *s;
    const struct group *g;

    if (!str_ends(name, suffix))
        return false;
    base = str_sub(name, 0, name.len - suffix.len);
    s = find_setting(base);
    g = find_group(base);
    if (!s && !g)
        return false;
    *out = (struct str){0};
    if (s && !s->is_secret)
        *out = arena_printf(a, STR_FMT ": only secrets are read from files; set " STR_FMT,
                            STR_ARG(name), STR_ARG(base));
    else if (g && g->why)
        *out = arena_printf(a, STR_FMT ": has no effect; %s", STR_ARG(name), g->why);
    return true;
}

struct str name_remark(struct arena *a, struct str name)
{
    const struct group *g = find_group(name);
    struct str line;

    if (find_setting(name) || (g && !g->why))
        return (struct str){0};
    if (g)
        return arena_printf(a, STR_FMT ": has no effect; %s", STR_ARG(name), g->why);
    if (!str_starts(name, STR("MCP_")) && !str_starts(name, STR("MEMORYD_")))
        return (struct str){0};
    if (file_remark(a, name, &line))
        return line;
    return unknown_remark(a, name);
}

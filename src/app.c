/*
 * app.c - see app.h.
 *
 * Opening goes from the bottom of the layers up, closing in reverse; each part borrows those below.
 * The server parts (tools, protocol, pool, listeners) are made only by the commands that serve.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <poll.h>
#include <signal.h>

#include "access.h"
#include "base/alloc.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "embed/embed.h"
#include "http/http.h"
#include "memory/memory.h"
#include "rest/rest.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tools/tools.h"
#include "transport/transport.h"

#define SERVER_KEY_BYTES        32 /* seals session ids, cursors and states of one server's life */
#define POOL_THREADS            2 /* slow handlers at once: long texts to embed, clean-ups */
#define POOL_QUEUE_MAX          64
#define CHANGE_THREADS_PER_CORE 4   /* most wait for the disk */
#define CHANGE_QUEUE_MAX        128 /* each may hold a body */
#define MODEL_HEAD_BYTES                                                                       \
    ((size_t)64 << 10) /* header and table of sections: all that opening looks at */
#define DESCRIPTORS_KEPT ((size_t)128) /* for all but connections */
#define STDIO_GRACE_MS   5000 /* for running calls once the client has closed its end */

struct app {
    const struct config *config;
    struct arena arena;
    struct embedder *embedder; /* NULL: no model, and why_no_model says so */
    struct error why_no_model;
    struct store *store;
    struct memory_service *memory;

    struct tools *tools; /* these three only while serving */
    struct mcp_server *mcp;
    struct pool *pool;
    struct pool *change_pool; /* of a server; NULL over stdio */

    struct access *access; /* only while serving HTTP */
};

/* -- memory ----------------------------------------------------------------------------------- */

static void open_model(struct app *a)
{
    struct str path = a->config->model_path;

    if (!path.len)
        error_set(&a->why_no_model, ERROR_NOT_FOUND,
                  "no model file is installed; 'memoryd model convert' makes one");
    else if (embed_open(arena_cstr(&a->arena, path),
                        a->config->is_fp32 ? EMBED_FP32 : EMBED_FASTEST, &a->embedder,
                        &a->why_no_model)) {
        embed_set_cores(a->embedder, sys_n_cores());
        return;
    }
    log_event(LOG_WARN, "model.none", "search=words why=\"%s\"", a->why_no_model.text);
}

static bool open_store(struct app *a, struct error *err)
{
    const struct config *c = a->config;
    struct store_pragma *pragmas = ARENA_NEW(&a->arena, struct store_pragma, c->n_pragmas);
    struct store_options options = {
        .path = arena_cstr(&a->arena, c->sqlite_path),
        .pragmas = pragmas,
        .n_pragmas = c->n_pragmas,
    };

    for (size_t i = 0; i < c->n_pragmas; i++)
        pragmas[i] = (struct store_pragma){c->pragmas[i].name, c->pragmas[i].value};
    if (!sys_make_dirs(sys_dirname(&a->arena, c->sqlite_path).ptr, err))
        return false;
    return store_open(&options, &a->store, err);
}

static bool open_service(struct app *a, struct error *err)
{
    const struct config *c = a->config;
    struct memory_options options = {
        .store = a->store,
        .embedder = a->embedder,
        .no_embedder_why = str_c(a->why_no_model.text),
        .weight_words = c->weight_words,
        .weight_cosine = c->weight_cosine,
        .is_rrf = c->is_rrf,
        .rrf_k = c->rrf_k,
        .content_max_chars = c->content_max_chars,
        .is_auto_split = c->is_auto_split,
        .split_overlap = c->split_overlap,
        .is_split_at_boundaries = c->is_split_at_boundaries,
        .custom_types = c->custom_types,
    };

    return memory_service_new(&options, &a->memory, err);
}

bool app_open(const struct config *config, struct app **out, struct error *err)
{
    struct app *a = NEW(struct app);

    a->config = config;
    /* The store takes as long to open as this takes to come from a disk. */
    if (config->model_path.len)
        sys_read_ahead(arena_cstr(&a->arena, config->model_path), MODEL_HEAD_BYTES);
    if (!open_store(a, err)) {
        app_close(a);
        return false;
    }
    open_model(a);
    if (!open_service(a, err)) {
        app_close(a);
        return false;
    }
    *out = a;
    return true;
}

static void close_server(struct app *a)
{
    pool_free(STEAL(a->change_pool));
    pool_free(STEAL(a->pool));
    mcp_server_free(STEAL(a->mcp));
    tools_free(STEAL(a->tools));
}

void app_close(struct app *a)
{
    if (!a)
        return;
    close_server(a);
    access_close(STEAL(a->access));
    memory_service_free(a->memory);
    store_close(a->store);
    embed_close(a->embedder);
    arena_deinit(&a->arena);
    free(a);
}

struct memory_service *app_memory(const struct app *a)
{
    return a->memory;
}

/* -- serving ---------------------------------------------------------------------------------- */

/* A server for many loads what searches need at once; one of several that a client started for itself waits
 * until it is asked. */
static bool open_server(struct app *a, bool is_loading, struct error *err)
{
    const struct config *c = a->config;
    unsigned char key[SERVER_KEY_BYTES];
    struct tools_options options = {
        .memory = a->memory,
        .version = STR(MEMORYD_VERSION),
        .max_response_chars = c->max_response_chars,
        .is_hybrid = c->is_hybrid,
        .is_hostname_tagged = c->is_hostname_tagged,
        .hostname = sys_hostname(&a->arena),
        .quality_boost = c->quality_boost,
        .model_id = a->embedder ? embed_model_id(a->embedder) : (struct str){0},
        .model_dim = a->embedder ? embed_dim(a->embedder) : 0,
    };

    crypto_random(key, sizeof(key));
    a->tools = tools_new(&options);
    return store_keep(a->store, STR(SPACE_DEFAULT), options.model_id,
                      is_loading ? options.model_dim : 0, err) &&
           mcp_server_new(tools_tables(a->tools), str_n((const char *)key, sizeof(key)),
                          &a->mcp, err) &&
           pool_new("memoryd-pool", POOL_THREADS, POOL_QUEUE_MAX, &a->pool, err);
}

/* Waits until a signal asks to stop. SIGHUP loads the certificate again; settings are read at start. */
static void wait_for_stop(struct http_server *http, int signals_fd)
{
    struct pollfd fd = {.fd = signals_fd, .events = POLLIN};
    int signal_number = 0;

    while (signal_number != SIGINT && signal_number != SIGTERM) {
        if (poll(&fd, 1, -1) < 0)
            continue;
        signal_number = sys_signals_read(signals_fd);
        if (signal_number != SIGHUP)
            continue;
        http_server_reload_certificate(http);
        log_event(LOG_WARN, "signal",
                  "name=SIGHUP text=\"settings are read at start only; a certificate is loaded "
                  "again\"");
    }
    log_event(LOG_INFO, "stop", "signal=%d", signal_number);
}

static void log_listen(const struct app *a, const struct http_server *http)
{
    struct str host = http_server_host(http);
    size_t at;
    bool is_v6 = str_find_char(host, ':', &at);

    log_event(LOG_INFO, "http.listen", "url=%s://%s" STR_FMT "%s:%u/mcp",
              a->config->is_https ? "https" : "http", is_v6 ? "[" : "", STR_ARG(host),
              is_v6 ? "]" : "", http_server_port(http));
}

static bool listen_and_wait(struct app *a, struct http_server *http, int signals_fd,
                            struct error *err)
{
    const struct transport_http_options options = {.mcp = a->mcp,
                                                   .http = http,
                                                   .pool = a->pool,
                                                   .change_pool = a->change_pool,
                                                   .gate = access_gate(a->access),
                                                   .path_prefix = a->config->path_prefix};
    struct transport_http *transport;
    bool is_ok;

    if (!transport_http_new(&options, &transport, err))
        return false;
    rest_add(http, a->memory);
    access_add_routes(a->access, http);
    is_ok = access_offer_ownership(a->access, http, err) && http_server_start(http, err);
    if (is_ok) {
        log_listen(a, http);
        sys_notify("READY=1");
        wait_for_stop(http, signals_fd);
        sys_notify("STOPPING=1");
    }
    transport_http_stop(transport, (int64_t)a->config->shutdown_s * 1000);
    http_server_stop(http, 0);
    transport_http_free(transport);
    return is_ok;
}

/* Idle streams by the thousand are fine; the database and the log must find descriptors all the same. */
static size_t connections_max(void)
{
    size_t n = sys_raise_descriptors();

    return MIN(MAX(n, 2 * DESCRIPTORS_KEPT) - DESCRIPTORS_KEPT, (size_t)HTTP_CONNECTIONS_MAX);
}

/* Paths of settings are C strings as well. */
static const char *path_if(bool is_on, struct str path)
{
    return is_on ? path.ptr : NULL;
}

/* Beyond the array their number alone, which http/ refuses. */
static size_t list_listeners(int to[HTTP_LISTENERS_MAX])
{
    size_t n = sys_listen_fds();

    for (size_t i = 0; i < MIN(n, (size_t)HTTP_LISTENERS_MAX); i++)
        to[i] = SYS_LISTEN_FDS_START + (int)i;
    return n;
}

bool app_serve(struct app *a, int signals_fd, struct error *err)
{
    const struct config_ranges shared = config_shared_addresses(&a->arena);
    int listeners[HTTP_LISTENERS_MAX];
    const struct http_options options = {
        .host = a->config->host,
        .port = a->config->port,
        .listeners = listeners,
        .n_listeners = list_listeners(listeners),
        .hosts = a->config->allowed_hosts.list,
        .n_hosts = a->config->allowed_hosts.n,
        .public_url = a->config->public_url,
        .origins = a->config->cors_origins.list,
        .n_origins = a->config->cors_origins.n,
        .trusted_proxies = a->config->trusted_proxies.list,
        .n_trusted_proxies = a->config->trusted_proxies.n,
        .clients = a->config->ip_allowlist.list,
        .n_clients = a->config->ip_allowlist.n,
        .shared = shared.list,
        .n_shared = shared.n,
        .arrivals_per_s = HTTP_ARRIVALS_PER_S,
        .arrivals_burst = HTTP_ARRIVALS_BURST,
        .is_remote_allowed = a->config->is_auth || a->config->is_anonymous,
        .hsts_max_age_s = a->config->hsts_max_age_s,
        .certificate_file = path_if(a->config->is_https, a->config->certificate_file),
        .key_file = path_if(a->config->is_https, a->config->key_file),
        .connections_max = connections_max(),
        .idle_s = a->config->keep_alive_s,
    };
    struct http_server *http;
    bool is_ok;

    if (!open_server(a, true, err) ||
        !pool_new("memoryd-change", CHANGE_THREADS_PER_CORE * sys_n_cores(), CHANGE_QUEUE_MAX,
                  &a->change_pool, err) ||
        !access_open(a->config, a->pool, &a->access, err) ||
        !http_server_new(&options, &http, err))
        return false;
    is_ok = listen_and_wait(a, http, signals_fd, err);
    http_server_free(http);
    return is_ok;
}

bool app_stdio(struct app *a, int signals_fd, struct error *err)
{
    struct transport_stdio_options options = {
        .stop_fd = signals_fd,
        .grace_ms = STDIO_GRACE_MS,
        .client = STR("stdio"),
    };

    if (!transport_stdio_claim(&options.in_fd, &options.out_fd, err) ||
        !open_server(a, false, err))
        return false;
    options.mcp = a->mcp;
    options.pool = a->pool;
    return transport_stdio_run(&options, err);
}

bool app_probe_port(const struct config *config, struct arena *a, struct str *out,
                    struct error *err)
{
    const struct http_options options = {
        .host = config->host, .port = config->port, .is_remote_allowed = true};
    struct http_server *http;
    struct error problem = {0};

    if (http_server_new(&options, &http, &problem)) {
        http_server_free(http);
        *out = arena_printf(a, STR_FMT ":%u is free for 'memoryd serve'", STR_ARG(config->host),
                            config->port);
        return true;
    }
    if (problem.kind != ERROR_UNAVAILABLE)
        return error_set(err, problem.kind, "%s", problem.text);
    *out =
        arena_printf(a,
                     "port %u of " STR_FMT
                     " is held, by a running memoryd perhaps; \"ss -ltnp 'sport = :%u'\" tells",
                     config->port, STR_ARG(config->host), config->port);
    return true;
}

/* access.c - see access.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "fetch/fetch.h"
#include "rest/rest.h"
#include "sys/sys.h"

#define TIDY_MS ((int64_t)5 * 60 * 1000)

struct auth_keeper {
    struct auth *auth;
    struct thread thread;
    struct mutex lock; /* guards is_stopping */
    struct cond stop;
    bool is_stopping;
};

struct access {
    const struct config *config;
    struct pool *pool;
    struct arena arena;
    struct fetcher *fetcher;          /* this and auth: NULL if no credentials are looked at */
    struct fetcher *provider_fetcher; /* NULL: no provider of log-ins */
    struct auth *auth;
    struct gate *gate;
    struct rest_oauth *oauth; /* NULL: no OAuth */
    struct auth_keeper keeper;
};

struct gate *access_gate(const struct access *x)
{
    return x->gate;
}

/* The documents that strangers name are fetched for auth/, which may not talk itself. */
static bool fetch_document(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                           struct error *err)
{
    struct fetch_answer answer;

    if (!fetch_get(ctx, a, url, &answer, err))
        return false;
    *out = (struct auth_fetched){.status = answer.status,
                                 .content_type = answer.content_type,
                                 .body = answer.body,
                                 .max_age_s = answer.max_age_s};
    return true;
}

static bool send_to_provider(void *ctx, struct arena *a, const struct auth_sending *what,
                             struct auth_fetched *out, struct error *err)
{
    struct fetch_header headers[3] = {{STR("Accept"), STR("application/json")}};
    struct fetch_request request = {.url = what->url, .headers = headers, .body = what->form};
    struct fetch_answer answer;
    size_t n = 1;

    if (what->form.ptr)
        headers[n++] = (struct fetch_header){STR("Content-Type"),
                                             STR("application/x-www-form-urlencoded")};
    if (what->authorization.len)
        headers[n++] = (struct fetch_header){STR("Authorization"), what->authorization};
    request.n_headers = n;
    if (!fetch_send(ctx, a, &request, &answer, err))
        return false;
    *out = (struct auth_fetched){.status = answer.status,
                                 .content_type = answer.content_type,
                                 .body = answer.body,
                                 .max_age_s = answer.max_age_s};
    return true;
}

static void tidy_main(void *arg)
{
    struct auth_keeper *k = arg;
    char quoted[LOG_QUOTE_MAX];
    struct error err = {0};

    mutex_lock(&k->lock);
    while (!k->is_stopping) {
        int64_t next_ms = clock_monotonic_ms() + TIDY_MS;

        while (!k->is_stopping && cond_wait_until(&k->stop, &k->lock, next_ms))
            ;
        mutex_unlock(&k->lock);
        if (!auth_tidy(k->auth, clock_now_ms(), &err))
            log_event(LOG_ERROR, "error", "what=oauth.tidy reason=%s",
                      log_quote(str_c(err.text), quoted));
        mutex_lock(&k->lock);
    }
    mutex_unlock(&k->lock);
}

static bool start_keeper(struct access *x, struct error *err)
{
    struct auth_keeper *k = &x->keeper;

    k->auth = x->auth;
    mutex_init(&k->lock);
    cond_init(&k->stop);
    return thread_start(&k->thread, "oauth-tidy", tidy_main, k, err);
}

static void stop_keeper(struct auth_keeper *k)
{
    if (!k->auth)
        return;
    mutex_lock(&k->lock);
    k->is_stopping = true;
    cond_broadcast(&k->stop);
    mutex_unlock(&k->lock);
    thread_join(&k->thread);
    cond_deinit(&k->stop);
    mutex_deinit(&k->lock);
    k->auth = NULL;
}

#define DATABASE_NAME  "memoryd-oauth.db" /* as config/ has it */
#define REFERENCE_NAME "oauth.db"

/* Where our database is, and the Python service's if there is one to take over from. Settings of that service
 * name its file: then ours is beside it. */
struct places {
    struct str ours;
    struct str reference; /* empty: none */
};

static struct places find_places(struct arena *a, const struct config *c)
{
    struct str folder = sys_dirname(a, c->auth_path);
    struct str ours = sys_join(a, folder, STR(DATABASE_NAME));
    struct str reference = sys_join(a, c->base_dir, STR(REFERENCE_NAME));

    if (auth_is_reference(c->auth_path.ptr))
        return (struct places){ours, c->auth_path};
    if (auth_came_from(ours.ptr, c->auth_path)) /* which was moved away since */
        return (struct places){ours, STR("")};
    if (str_eq(c->auth_path, sys_join(a, c->base_dir, STR(DATABASE_NAME))) &&
        auth_is_reference(reference.ptr))
        return (struct places){c->auth_path, reference};
    return (struct places){c->auth_path, STR("")};
}

/* A failure costs connectors a new log-in, and the next start tries again; it is no reason to stop. */
static void import(struct auth *auth, struct arena *a, struct str from)
{
    const struct auth_request ask = {
        .arena = a, .peer = STR("local"), .now_ms = clock_now_ms()};
    char quoted[LOG_QUOTE_MAX];
    struct error err = {0};

    if (from.len > 0 && !auth_import(auth, &ask, from.ptr, &err))
        log_event(LOG_WARN, "oauth.import",
                  "text=\"clients of the Python service were not taken over\" reason=%s",
                  log_quote(str_c(err.text), quoted));
}

/* fetcher NULL: no documents are fetched. */
static bool open_database(const struct config *c, struct fetcher *fetcher, struct auth **out,
                          struct error *err)
{
    AUTO_ARENA a = {0};
    const struct places places = find_places(&a, c);
    const struct auth_options options = {
        .path = places.ours.ptr,
        .private_key = c->private_key,
        .api_key = c->api_key,
        .registration_key = c->registration_key,
        .access_token_ms = (int64_t)c->access_token_minutes * 60 * 1000,
        .refresh_token_ms = (int64_t)c->refresh_token_days * 24 * 3600 * 1000,
        .fetch = fetcher ? fetch_document : NULL,
        .fetch_ctx = fetcher,
        .now_ms = clock_now_ms(),
    };

    if (!sys_make_dirs(sys_dirname(&a, places.ours).ptr, err) || !auth_open(&options, out, err))
        return false;
    import(*out, &a, places.reference);
    return true;
}

bool access_open_database(const struct config *config, struct auth **out, struct error *err)
{
    return open_database(config, NULL, out, err);
}

static bool open_auth(struct access *x, struct error *err)
{
    const struct fetch_options fetch = {.max_bytes = AUTH_CIMD_MAX_BYTES,
                                        .timeout_ms = AUTH_CIMD_TIMEOUT_MS};

    x->fetcher = fetch_new(&fetch);
    return open_database(x->config, x->fetcher, &x->auth, err) && start_keeper(x, err);
}

/* The provider is whom the operator named, so that it may be inside, if he says so. */
static bool open_provider(struct access *x, struct error *err)
{
    const struct config *c = x->config;
    const struct fetch_options options = {.max_bytes = AUTH_PROVIDER_MAX_BYTES,
                                          .timeout_ms = AUTH_PROVIDER_TIMEOUT_MS,
                                          .is_any_address = c->is_oidc_private,
                                          .ca_file =
                                              c->oidc_ca_file.len ? c->oidc_ca_file.ptr : NULL};
    struct auth_provider provider = {.name = c->oidc_name,
                                     .issuer = c->oidc_issuer,
                                     .client_id = c->oidc_client_id,
                                     .client_secret = c->oidc_client_secret,
                                     .send = send_to_provider};

    if (!c->oidc_issuer.len || !c->is_oauth)
        return true;
    x->provider_fetcher = fetch_new(&options);
    provider.send_ctx = x->provider_fetcher;
    return auth_provider_set(x->auth, &provider, err);
}

bool access_open(const struct config *config, struct pool *pool, struct access **out,
                 struct error *err)
{
    struct access *x = NEW(struct access);
    const struct config *c = config;

    x->config = config;
    x->pool = pool;
    if (c->is_auth && (!open_auth(x, err) || !open_provider(x, err))) {
        access_close(x);
        return false;
    }
    x->gate = gate_new(&(struct gate_options){.auth = x->auth,
                                              .is_oauth = c->is_oauth,
                                              .is_anonymous = c->is_anonymous,
                                              .path_prefix = c->path_prefix});
    if (c->is_anonymous)
        log_event(
            LOG_WARN, "access.anonymous",
            "text=\"MCP_ALLOW_ANONYMOUS_ACCESS is on: whoever reaches this server may read "
            "and change the memories of the space default\"");
    *out = x;
    return true;
}

void access_close(struct access *x)
{
    if (!x)
        return;
    stop_keeper(&x->keeper);
    rest_oauth_free(STEAL(x->oauth));
    gate_free(STEAL(x->gate));
    auth_close(STEAL(x->auth));
    fetch_free(STEAL(x->fetcher));
    fetch_free(STEAL(x->provider_fetcher));
    arena_deinit(&x->arena);
    free(x);
}

/* An address to listen on that is none to call; the machine itself can always open the link. */
static struct str reachable_host(struct str host)
{
    return str_eq_c(host, "0.0.0.0") || str_eq_c(host, "::") ? STR("localhost") : host;
}

/* What people call a server that listens there, as far as it can know before anybody has. */
static struct str url_of(struct arena *a, const struct config *c, struct str host,
                         uint16_t port)
{
    size_t at;
    bool is_v6;

    if (c->public_url.len > 0)
        return arena_printf(a, STR_FMT STR_FMT, STR_ARG(c->public_url),
                            STR_ARG(c->path_prefix));
    if (port == 0)
        return STR("");
    host = reachable_host(host);
    is_v6 = str_find_char(host, ':', &at);
    return arena_printf(a, "%s://%s" STR_FMT "%s:%u" STR_FMT, c->is_https ? "https" : "http",
                        is_v6 ? "[" : "", STR_ARG(host), is_v6 ? "]" : "", port,
                        STR_ARG(c->path_prefix));
}

struct str access_url(struct arena *a, const struct config *config)
{
    return url_of(a, config, config->host, config->port);
}

/* The one secret that is printed, and to the terminal alone, not through the log: without it nobody could
 * ever log in. */
bool access_offer_ownership(struct access *x, const struct http_server *http, struct error *err)
{
    struct auth_request ask = {
        .arena = &x->arena,
        .base = url_of(&x->arena, x->config, http_server_host(http), http_server_port(http)),
        .peer = STR("local"),
        .now_ms = clock_now_ms()};
    const struct auth_link link = {.kind = AUTH_LINK_INVITE,
                                   .role = AUTH_OWNER,
                                   .spaces = STR("default *"),
                                   .by = STR("setup"),
                                   .expires_ms = ask.now_ms + AUTH_LINK_MS};
    struct str token;
    bool has_owner;

    if (!x->config->is_oauth || !auth_has_owner(x->auth, &has_owner, err) || has_owner)
        return !x->config->is_oauth || has_owner;
    if (!auth_link_new(x->auth, &ask, &link, &token, err))
        return false;
    log_event(LOG_INFO, "oauth.setup",
              "text=\"nobody owns this server yet; the link follows\"");
    fprintf(stderr, "\nCreate the owner's account (once, within 7 days):\n  " STR_FMT "\n\n",
            STR_ARG(rest_link_url(&x->arena, ask.base, token)));
    return true;
}

void access_add_routes(struct access *x, struct http_server *http)
{
    if (x->config->is_oauth)
        x->oauth = rest_oauth_new(
            &(struct rest_oauth_options){.http = http,
                                         .auth = x->auth,
                                         .gate = x->gate,
                                         .pool = x->pool,
                                         .has_api_key = x->config->api_key.len > 0,
                                         .path_prefix = x->config->path_prefix});
}

/*
 * cimd.c - clients that are named by the URL of a document about them.
 *
 * The document is fetched when a person is sent to us, and kept as a record that tokens refer to; the token
 * endpoint never fetches. Claude's own two documents are built in: where this server cannot get them (they
 * answer 403 to many data centres), they are known all the same.
 *
 * A failure is not kept. So that nobody can use us to hammer another site, fetches are limited, all together and
 * per host. There is one at a time, for it takes a thread of the few that look at passwords: strangers with a slow
 * site must not keep people from logging in.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "json/json.h"
#include "text/text.h"

#define FRESH_MIN_MS ((int64_t)5 * 60 * 1000)
#define FRESH_MAX_MS ((int64_t)24 * 3600 * 1000)
#define FRESH_UNSAID ((int64_t)3600 * 1000)
#define WINDOW_MS    ((int64_t)60 * 1000)
#define PER_HOST_MAX 6 /* fetches in a window */

static const struct {
    struct str url, name, redirect_uris;
} builtin[] = {
    {STR_INIT("https://claude.ai/oauth/mcp-oauth-client-metadata"), STR_INIT("Claude"),
     STR_INIT("https://claude.ai/api/mcp/auth_callback "
              "https://claude.com/api/mcp/auth_callback")},
    {STR_INIT("https://claude.ai/oauth/claude-code-client-metadata"), STR_INIT("Claude Code"),
     STR_INIT("http://localhost/callback http://127.0.0.1/callback")},
};

bool cimd_is_id(struct str client_id)
{
    return str_starts(client_id, STR("https://"));
}

static bool find_builtin(struct str url, size_t *out)
{
    for (size_t i = 0; i < COUNT(builtin); i++) {
        if (str_eq(url, builtin[i].url)) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool cimd_is_builtin(struct str client_id)
{
    size_t at;

    return find_builtin(client_id, &at);
}

/* -- the document ------------------------------------------------------------------------------ */

static bool bad(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "the client's document: %s", why);
}

static bool read_members(struct auth *x, struct arena *a, struct str url, const json_t *j,
                         struct stored_client *out, struct error *err)
{
    static const char *const secrets[] = {"client_secret", "client_secret_expires_at"};
    const char *error;

    if (!str_eq(json_view(json_object_get(j, "client_id")), url))
        return bad(err, "client_id is not its URL");
    for (size_t i = 0; i < COUNT(secrets); i++) {
        if (json_object_get(j, secrets[i]))
            return bad(err, "it holds a secret");
    }
    if (!metadata_read(x, a, j, out, &error, err))
        return error_wrap(err, "the client's document");
    if (!out->name.len)
        return bad(err, "client_name is missing");
    if (out->method.len && !str_eq(out->method, STR("none")))
        return bad(err, "token_endpoint_auth_method: only none is supported");
    return true;
}

bool cimd_document_read(struct auth *x, struct arena *a, struct str url, struct str text,
                        struct stored_client *out, struct error *err)
{
    AUTO_JSON *j = NULL;
    struct stored_client c = {0};

    if (text.len > AUTH_CIMD_MAX_BYTES)
        return bad(err, "too long");
    if (!json_parse(text, &j, err))
        return error_wrap(err, "the client's document");
    if (!read_members(x, a, url, j, &c, err))
        return false;
    c.id = url;
    c.origin = STR("document");
    c.method = STR("none");
    c.metadata = json_text(a, j);
    *out = c;
    return true;
}

/* application/json, or application/x+json, with whatever parameters. */
static bool is_json_type(struct str content_type)
{
    struct str type = content_type, rest;

    (void)str_cut(content_type, ';', &type, &rest);
    type = str_trim(type);
    return str_eq_ascii_case(type, STR("application/json")) ||
           (str_starts(type, STR("application/")) && str_ends(type, STR("+json")));
}

/* -- fetching ---------------------------------------------------------------------------------- */

static bool begin_fetch(struct auth *x, struct str url, int64_t now_ms, struct error *err)
{
    struct uri u = {0};
    uint64_t host = uri_parse(url, &u, NULL) ? str_hash(u.host, 1) : 0;
    int n_all = 0, n_host = 0;
    MUTEX_SCOPE(&x->fetch_lock);

    for (size_t i = 0; i < FETCHES_MAX; i++) {
        bool is_recent = x->fetches[i].at_ms != 0 && now_ms - x->fetches[i].at_ms < WINDOW_MS;

        n_all += is_recent;
        n_host += is_recent && x->fetches[i].host == host;
    }
    if (n_all >= FETCHES_MAX || n_host >= PER_HOST_MAX)
        return error_set(err, ERROR_LIMIT,
                         "Too many programs want to be connected just now. Try again in a "
                         "minute.");
    if (x->is_fetching)
        return error_set(err, ERROR_LIMIT,
                         "Another program is being connected just now. Try again in a moment.");
    x->is_fetching = true;
    x->fetches[x->next_fetch] = (struct fetch_mark){host, now_ms};
    x->next_fetch = (x->next_fetch + 1) % FETCHES_MAX;
    return true;
}

static void end_fetch(struct auth *x)
{
    MUTEX_SCOPE(&x->fetch_lock);

    x->is_fetching = false;
}

static bool fetch(struct auth *x, const struct auth_request *r, struct str url,
                  struct stored_client *out, struct error *err)
{
    struct auth_fetched got = {0};
    struct error why = {0};
    char quoted[LOG_QUOTE_MAX], quoted_why[LOG_QUOTE_MAX];
    int64_t fresh_ms;
    bool is_here;

    if (!x->options.fetch)
        return error_set(err, ERROR_NOT_FOUND, "clients' documents are not fetched here");
    if (!begin_fetch(x, url, r->now_ms, err))
        return false;
    is_here = x->options.fetch(x->options.fetch_ctx, r->arena, url, &got, &why);
    end_fetch(x);
    if (!is_here) {
        log_event(LOG_WARN, "oauth", "step=fetch client=%s error=%s", log_quote(url, quoted),
                  log_quote(str_c(why.text), quoted_why));
        return error_set(err, ERROR_NOT_FOUND, "the client's document cannot be fetched");
    }
    if (got.status != 200)
        return error_set(err, ERROR_NOT_FOUND, "the client's document answers with status %d",
                         got.status);
    if (!is_json_type(got.content_type))
        return bad(err, "it is not JSON");
    if (!cimd_document_read(x, r->arena, url, got.body, out, err))
        return false;
    fresh_ms = got.max_age_s < 0 ? FRESH_UNSAID : MIN(got.max_age_s, 86400) * 1000;
    out->fresh_until_ms = r->now_ms + MAX(MIN(fresh_ms, FRESH_MAX_MS), FRESH_MIN_MS);
    return true;
}

static bool take_builtin(const struct auth_request *r, struct str url,
                         struct stored_client *out)
{
    size_t at;

    if (!find_builtin(url, &at))
        return false;
    *out = (struct stored_client){.id = url,
                                  .origin = STR("document"),
                                  .name = builtin[at].name,
                                  .method = STR("none"),
                                  .redirect_uris = builtin[at].redirect_uris,
                                  .grant_types = STR("authorization_code refresh_token"),
                                  .metadata = STR("{}"),
                                  .fresh_until_ms = r->now_ms + FRESH_UNSAID};
    return true;
}

/* Known ones keep their place, and the few that are built in need none. */
static bool keep(struct auth *x, const struct auth_request *r, bool is_known,
                 const struct stored_client *c, struct error *err)
{
    bool has_room = true;

    if (!is_known && !cimd_is_builtin(c->id) &&
        !clients_have_room(x, r->now_ms, c->origin, &has_room, err))
        return false;
    return has_room ? auth_store_client_put(x->store, c, err)
                    : error_set(err, ERROR_LIMIT,
                                "Too many programs are known here by their address. Those that "
                                "nobody uses make room after an hour; try again then.");
}

bool cimd_client(struct auth *x, const struct auth_request *r, struct str url,
                 struct stored_client **out, struct error *err)
{
    struct stored_client *known = NULL, c = {0};

    if (!cimd_url_check(url, err) || !auth_store_client(x->store, r->arena, url, &known, err))
        return false;
    if (known && known->fresh_until_ms > r->now_ms) {
        *out = known;
        return true;
    }
    if (!fetch(x, r, url, &c, err) && !take_builtin(r, url, &c))
        return false;
    c.peer = r->peer;
    c.created_ms = r->now_ms;
    if (!keep(x, r, known != NULL, &c, err))
        return false;
    *out = ARENA_NEW(r->arena, struct stored_client, 1);
    **out = c;
    return true;
}

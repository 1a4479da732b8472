/*
 * doctor_url.c - memoryd doctor --url: the connection as claude.ai makes it, from the first request to the metadata.
 *
 * Each step is said as one line. What is needed by later steps and is wrong is put right where that can be
 * guessed, so that one run finds more than one fault; the rest is left out.
 *
 * The causes are those that have been seen at other servers: a redirect that POST does not survive, metadata that
 * names another address, a page of a proxy or CDN in the place of an answer.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "sys/sys.h"
#include "text/text.h"

#define HTTPS_PORT    443
#define SKEW_MAX_MS   ((int64_t)60 * 1000) /* tokens are judged with this much leeway */
#define EXCERPT_BYTES 160
#define HEADERS_MAX   16
#define SOON_MS       ((int64_t)14 * 86400000)
#define RESOURCE_NAME "oauth-protected-resource"
#define SERVER_NAME   "oauth-authorization-server"

/* -- URLs and headers -------------------------------------------------------------------------- */

static bool is_plain_url(struct str url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7F || strchr("\"<>\\^`{|}#?@", url.ptr[i]))
            return false;
    }
    return true;
}

static bool read_authority(struct str authority, struct doctor_address *out)
{
    struct str port = {0};
    size_t at;

    out->host = authority;
    out->port = HTTPS_PORT;
    if (str_starts(authority, STR("["))) {
        if (!str_find_char(authority, ']', &at))
            return false;
        out->host = str_sub(authority, 1, at);
        port = str_sub(authority, at + 1, authority.len);
        if (port.len == 0)
            return out->host.len > 0;
        if (port.ptr[0] != ':')
            return false;
        port = str_sub(port, 1, port.len);
    } else if (!str_cut(authority, ':', &out->host, &port)) {
        return out->host.len > 0;
    }
    return out->host.len > 0 && str_to_int(port, &out->port) && out->port > 0 &&
           out->port <= UINT16_MAX;
}

static struct str without_slash(struct str s)
{
    while (str_ends(s, STR("/")))
        s.len--;
    return s;
}

bool doctor_parse_url(struct str url, struct doctor_address *out, struct error *err)
{
    struct str scheme = STR("https://"), rest;
    struct doctor_address parsed = {0};
    size_t slash;

    if (str_starts(url, STR("http://")))
        return error_set(err, ERROR_INVALID,
                         "claude.ai connects over https:// only; put a certificate, proxy or "
                         "tunnel in front");
    if (!str_starts(url, scheme) || !is_plain_url(url))
        return error_set(err, ERROR_INVALID,
                         "give the address as in https://memory.example.com/mcp");
    rest = str_sub(url, scheme.len, url.len);
    if (!str_find_char(rest, '/', &slash))
        slash = rest.len;
    parsed.origin = str_sub(url, 0, scheme.len + slash);
    parsed.path = str_sub(rest, slash, rest.len);
    if (!read_authority(str_sub(rest, 0, slash), &parsed))
        return error_set(err, ERROR_INVALID, "its host or port is none");
    *out = parsed;
    return true;
}

struct str doctor_well_known(struct arena *a, const struct doctor_address *of, const char *name)
{
    struct str path = str_eq_c(of->path, "/") ? (struct str){0} : of->path;

    return arena_printf(a, STR_FMT "/.well-known/%s" STR_FMT, STR_ARG(of->origin), name,
                        STR_ARG(path));
}

struct str doctor_challenge_param(struct str challenge, struct str name)
{
    struct str rest = challenge, value;
    size_t at;

    if (challenge.len < 7 || !str_eq_ascii_case(str_sub(challenge, 0, 7), STR("Bearer ")))
        return (struct str){0};
    while (str_find(rest, name, &at)) {
        bool is_word = at > 0 && (rest.ptr[at - 1] == ' ' || rest.ptr[at - 1] == ',');

        rest = str_sub(rest, at + name.len, rest.len);
        if (is_word && str_starts(rest, STR("=\"")) &&
            str_cut(str_sub(rest, 2, rest.len), '"', &value, &rest))
            return value;
    }
    return (struct str){0};
}

bool doctor_policy_allows(struct str policy, struct str origin)
{
    struct str rest = policy, directive, source, scheme, tail;

    while (str_next(&rest, ';', &directive)) {
        directive = str_trim(directive);
        if (!str_next(&directive, ' ', &source) ||
            !str_eq_ascii_case(source, STR("form-action")))
            continue;
        while (str_next(&directive, ' ', &source)) {
            if (str_eq_c(source, "*") || str_eq(source, origin) ||
                (str_ends(source, STR(":")) && str_cut(origin, ':', &scheme, &tail) &&
                 str_eq(str_sub(source, 0, source.len - 1), scheme)))
                return true;
        }
        return false;
    }
    return true; /* nothing is said of forms */
}

/* -- asking ------------------------------------------------------------------------------------ */

static bool send_ask(struct site *s, const struct ask *ask, struct fetch_peer *peer,
                     struct fetch_answer *out, struct error *err)
{
    struct fetch_header headers[HEADERS_MAX];
    struct fetch_request request = {
        .method = ask->method,
        .url = ask->url,
        .headers = headers,
        .body = ask->content_type && !ask->body.ptr ? STR("") : ask->body,
        .timeout_ms = ask->timeout_ms,
        .peer = peer,
    };
    size_t n = 0;

    headers[n++] = (struct fetch_header){STR("Accept"),
                                         STR("application/json, text/event-stream, text/html")};
    if (ask->content_type)
        headers[n++] = (struct fetch_header){STR("Content-Type"), str_c(ask->content_type)};
    if (ask->user_agent)
        headers[n++] = (struct fetch_header){STR("User-Agent"), str_c(ask->user_agent)};
    if (ask->token.len)
        headers[n++] = (struct fetch_header){
            STR("Authorization"),
            arena_printf(s->arena, "Bearer " STR_FMT, STR_ARG(ask->token))};
    for (size_t i = 0; i < ask->n_headers && n < HEADERS_MAX; i++)
        headers[n++] = ask->headers[i];
    request.n_headers = n;
    return fetch_send(s->fetcher, s->arena, &request, out, err);
}

bool site_ask(struct site *s, const char *check, const struct ask *ask,
              struct fetch_answer *out)
{
    struct error err = {0};

    if (send_ask(s, ask, NULL, out, &err))
        return true;
    doctor_say(s->d, VERDICT_FAILED, check, "no answer from " STR_FMT ": %s; clients wait %d s",
               STR_ARG(ask->url), err.text,
               (ask->timeout_ms ? ask->timeout_ms : DOCTOR_ANSWER_MS) / 1000);
    return false;
}

static bool is_page(const struct fetch_answer *answer)
{
    return str_starts(answer->content_type, STR("text/html"));
}

/* What a short answer says, for the line. */
static struct str excerpt(struct site *s, const struct fetch_answer *answer)
{
    struct str text = str_trim(answer->body);

    if (!text.len || text.len > EXCERPT_BYTES || is_page(answer) || !text_check(text, NULL))
        return (struct str){0};
    return arena_printf(s->arena, ": " STR_FMT, STR_ARG(text));
}

struct str site_surprise(struct site *s, const struct fetch_answer *answer)
{
    struct str location = fetch_header_of(answer, STR("Location"));

    if (answer->status >= 300 && answer->status < 400 && location.ptr)
        return arena_printf(s->arena,
                            "it redirects (%d) to " STR_FMT
                            ", which clients do not follow; give them the final address, or "
                            "take the redirect out of the proxy",
                            answer->status, STR_ARG(location));
    if (answer->status >= 502 && answer->status <= 504)
        return arena_printf(
            s->arena,
            "the proxy or tunnel answers %d, it does not reach memoryd; see that "
            "it runs and that the proxy leads to its port",
            answer->status);
    if (is_page(answer))
        return arena_printf(
            s->arena,
            "an HTML page came (%d): an error or log-in page of a proxy, tunnel "
            "or CDN; let it pass this path on to memoryd",
            answer->status);
    return arena_printf(s->arena, "the answer is %d" STR_FMT, answer->status,
                        STR_ARG(excerpt(s, answer)));
}

bool site_json(struct site *s, const char *check, const struct fetch_answer *answer, int status,
               json_t **out)
{
    struct error err = {0};
    AUTO_JSON *j = NULL;

    if (answer->status != status || is_page(answer)) {
        doctor_say(s->d, VERDICT_FAILED, check, STR_FMT, STR_ARG(site_surprise(s, answer)));
        return false;
    }
    if (!json_parse(answer->body, &j, &err) || !json_is_object(j)) {
        doctor_say(s->d, VERDICT_FAILED, check, "the answer is no JSON object%s%s",
                   *err.text ? ": " : "", err.text);
        return false;
    }
    *out = STEAL(j);
    return true;
}

struct str site_member(struct site *s, const json_t *j, const char *key)
{
    return arena_dup(s->arena, json_view(json_object_get(j, key)));
}

/* -- reaching it ------------------------------------------------------------------------------- */

static const struct fetch_header modern_headers[] = {
    {STR_INIT("MCP-Protocol-Version"), STR_INIT("2026-07-28")},
    {STR_INIT("Mcp-Method"), STR_INIT("server/discover")},
};

static struct ask first_ask(struct site *s, struct str url)
{
    return (struct ask){.method = "POST",
                        .url = url,
                        .content_type = "application/json",
                        .body = doctor_modern(s->arena, "server/discover", NULL),
                        .headers = modern_headers,
                        .n_headers = COUNT(modern_headers)};
}

static void check_place(struct site *s)
{
    if (s->is_private || s->at.port == HTTPS_PORT)
        return;
    doctor_say(
        s->d, VERDICT_FAILED, "port",
        "claude.ai dials port %d only, never %lld; put a proxy or tunnel there, or listen "
        "on it (--private leaves this out, for clients of this network)",
        HTTPS_PORT, (long long)s->at.port);
}

static void check_peer(struct site *s, const struct fetch_peer *peer)
{
    if (peer->is_public)
        doctor_say(s->d, VERDICT_OK, "reach", STR_FMT " answers", STR_ARG(peer->address));
    else if (s->is_private || s->is_diverted)
        doctor_say(s->d, VERDICT_OK, "reach", STR_FMT " answers, no public address",
                   STR_ARG(peer->address));
    else
        doctor_say(s->d, VERDICT_FAILED, "reach",
                   STR_FMT " is " STR_FMT
                           " from here, a private address that claude.ai cannot reach; let the "
                           "name lead to a public one, or use a tunnel (--private leaves this "
                           "out)",
                   STR_ARG(s->at.host), STR_ARG(peer->address));
}

static void check_chain(struct site *s, const struct fetch_peer *peer, bool is_accepted)
{
    int64_t end_ms = 0, now_ms = clock_now_ms();
    struct error err = {0};

    if (!crypto_chain_check(peer->chain, s->at.host, now_ms, &end_ms, &err) && is_accepted &&
        s->is_private)
        doctor_say(s->d, VERDICT_NOTE, "certificate",
                   "your authorities recognise it; claude.ai would not: %s", err.text);
    else if (err.text[0])
        doctor_say(s->d, VERDICT_FAILED, "certificate", "%s", err.text);
    else if (!is_accepted)
        doctor_say(s->d, VERDICT_FAILED, "certificate",
                   "its authority is not recognised here, nor by claude.ai; get one of a "
                   "recognised authority, such as Let's Encrypt");
    else
        doctor_say(s->d, end_ms - now_ms < SOON_MS ? VERDICT_NOTE : VERDICT_OK, "certificate",
                   "chain, name and dates are right, until " STR_FMT,
                   STR_ARG(cli_local_time(s->d->c, end_ms)));
}

static void explain_silence(struct site *s, const struct fetch_peer *peer,
                            const struct error *err)
{
    if (peer->chain.len)
        check_chain(s, peer, false);
    else if (peer->address.len)
        doctor_say(
            s->d, VERDICT_FAILED, "reach",
            STR_FMT " does not speak HTTPS on port %lld: %s; see that the server, proxy or "
                    "tunnel runs and that no firewall stops port %lld",
            STR_ARG(peer->address), (long long)s->at.port, err->text, (long long)s->at.port);
    else
        doctor_say(s->d, VERDICT_FAILED, "reach", STR_FMT ": %s; check the name's DNS entry",
                   STR_ARG(s->at.host), err->text);
}

static void check_skew(struct site *s, const struct fetch_answer *answer)
{
    int64_t skew_ms = answer->date_ms - clock_now_ms();

    if (!answer->date_ms)
        return;
    if (skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS)
        doctor_say(s->d, VERDICT_FAILED, "clock",
                   "the server's clock and this machine's differ by %lld s; set the wrong one, "
                   "or tokens are refused",
                   (long long)((skew_ms < 0 ? -skew_ms : skew_ms) / 1000));
    else
        doctor_say(s->d, VERDICT_OK, "clock", "the server's and this machine's agree");
}

/* Another spelling of the path that asks for a token, in the arena; empty: none. */
static struct str find_other_path(struct site *s)
{
    struct str bare = without_slash(s->url);
    struct str tries[2];
    size_t n = 0;
    struct error err = {0};

    tries[n++] = str_ends(s->url, STR("/"))
                     ? arena_dup(s->arena, bare)
                     : arena_printf(s->arena, STR_FMT "/", STR_ARG(bare));
    if (!str_ends(bare, STR("/mcp"))) /* behind that it would name a space */
        tries[n++] = arena_printf(s->arena, STR_FMT "/mcp", STR_ARG(bare));
    for (size_t i = 0; i < n; i++) {
        struct ask ask = first_ask(s, tries[i]);
        struct fetch_answer answer;

        if (send_ask(s, &ask, NULL, &answer, &err) && answer.status == 401)
            return tries[i];
    }
    return (struct str){0};
}

/* True: a way to go on was found, and the URL is that now. */
static bool explain_absence(struct site *s, const struct fetch_answer *answer)
{
    struct str other = find_other_path(s);
    struct error err = {0};

    if (!other.len) {
        doctor_say(
            s->d, VERDICT_FAILED, "challenge",
            "nothing is served at this path (%d" STR_FMT
            "); the address ends in /mcp, and a proxy must pass on /mcp as well as /mcp/*",
            answer->status, STR_ARG(excerpt(s, answer)));
        return false;
    }
    if (str_ends(other, STR("/")))
        doctor_say(s->d, VERDICT_FAILED, "challenge",
                   STR_FMT
                   " is answered with %d, " STR_FMT
                   " is served; let the proxy pass on the path without the slash as well",
                   STR_ARG(s->url), answer->status, STR_ARG(other));
    else
        doctor_say(s->d, VERDICT_FAILED, "challenge",
                   "nothing is served at this path (%d), so that a client finds no MCP server; "
                   "give it " STR_FMT,
                   answer->status, STR_ARG(other));
    s->url = other;
    return doctor_parse_url(other, &s->at, &err);
}

static bool explain_status(struct site *s, const struct fetch_answer *answer)
{
    if (answer->status == 404 || answer->status == 405)
        return explain_absence(s, answer);
    if (answer->status == 403 && !is_page(answer))
        doctor_say(s->d, VERDICT_FAILED, "challenge",
                   "refused with 403" STR_FMT
                   "; name the host in MCP_OAUTH_ISSUER or MCP_ALLOWED_HOSTS, and look at "
                   "MCP_IP_ALLOWLIST",
                   STR_ARG(excerpt(s, answer)));
    else if (answer->status == 200 && !is_page(answer) &&
             http_host_is_loopback(&(struct http_authority){.host = s->at.host}))
        doctor_say(
            s->d, VERDICT_FAILED, "challenge",
            "answered without a token, as whoever is on the server's own machine is; ask "
            "under the name that others use, with --connect 127.0.0.1:%lld",
            (long long)s->at.port);
    else if (answer->status == 200 && !is_page(answer))
        doctor_say(
            s->d, VERDICT_FAILED, "challenge",
            "answered without a token: anybody may read the memories, and no client logs "
            "in; unset MCP_ALLOW_ANONYMOUS_ACCESS, and let a proxy on the same machine "
            "send X-Forwarded-For");
    else
        doctor_say(s->d, VERDICT_FAILED, "challenge", STR_FMT,
                   STR_ARG(site_surprise(s, answer)));
    return false;
}

static bool read_challenge(struct site *s, const struct fetch_answer *answer, struct str *out)
{
    struct str challenge = fetch_header_of(answer, STR("WWW-Authenticate"));
    struct str metadata = doctor_challenge_param(challenge, STR("resource_metadata"));

    if (!challenge.ptr)
        doctor_say(
            s->d, VERDICT_FAILED, "challenge",
            "401 without WWW-Authenticate: clients do not learn where to log in; let the "
            "proxy pass that header on");
    else if (!metadata.len)
        doctor_say(s->d, VERDICT_FAILED, "challenge",
                   "WWW-Authenticate names no resource_metadata (" STR_FMT
                   "); turn OAuth on (MCP_OAUTH_ENABLED=true)",
                   STR_ARG(str_sub(challenge, 0, EXCERPT_BYTES)));
    else if (!str_starts(metadata, STR("https://")))
        doctor_say(s->d, VERDICT_FAILED, "challenge",
                   "resource_metadata is " STR_FMT
                   ", no https address; set MCP_OAUTH_ISSUER, or let the proxy send "
                   "X-Forwarded-Proto and X-Forwarded-Host",
                   STR_ARG(metadata));
    else
        doctor_say(s->d, VERDICT_OK, "challenge", "401, and the log-in is at " STR_FMT,
                   STR_ARG(metadata));
    *out = arena_dup(s->arena, metadata);
    return str_starts(metadata, STR("https://"));
}

/* The first request. False: there is no way on. */
static bool reach(struct site *s, struct fetch_answer *out)
{
    struct ask ask = first_ask(s, s->url);
    struct fetch_peer peer = {0};
    struct error err = {0};

    if (!send_ask(s, &ask, &peer, out, &err)) {
        explain_silence(s, &peer, &err);
        return false;
    }
    check_peer(s, &peer);
    check_chain(s, &peer, true);
    check_skew(s, out);
    if (out->status == 401)
        return true;
    if (!explain_status(s, out))
        return false;
    ask = first_ask(s, s->url);
    return site_ask(s, "challenge", &ask, out);
}

/* A CDN that keeps AI bots out does so by this name. */
static void check_agent(struct site *s)
{
    struct ask ask = first_ask(s, s->url);
    struct fetch_answer answer;

    ask.user_agent = "Claude-User";
    if (!site_ask(s, "user agent", &ask, &answer))
        return;
    if (answer.status == 401)
        doctor_say(s->d, VERDICT_OK, "user agent", "Claude-User is let through");
    else
        doctor_say(s->d, VERDICT_FAILED, "user agent",
                   "requests of Claude-User get %d where others get 401: a CDN rule blocks AI "
                   "bots; let that agent and 160.79.104.0/21 pass",
                   answer.status);
}

/* -- metadata ---------------------------------------------------------------------------------- */

static bool read_resource(struct site *s, struct str from, json_t **out)
{
    struct fetch_answer answer;
    const struct ask ask = {.method = "GET", .url = from};
    struct str resource;

    if (!site_ask(s, "resource", &ask, &answer) || !site_json(s, "resource", &answer, 200, out))
        return false;
    resource = site_member(s, *out, "resource");
    s->issuer = arena_dup(
        s->arena, json_view(json_array_get(json_object_get(*out, "authorization_servers"), 0)));
    if (!str_eq(without_slash(resource), without_slash(s->url)))
        doctor_say(
            s->d, VERDICT_FAILED, "resource",
            "the metadata is of '" STR_FMT "', not of " STR_FMT
            ": clients refuse it, or tokens get the wrong audience; set MCP_OAUTH_ISSUER, "
            "or give clients that address",
            STR_ARG(resource), STR_ARG(s->url));
    else if (!s->issuer.len)
        doctor_say(s->d, VERDICT_FAILED, "resource", "it names no authorization_servers");
    else
        doctor_say(s->d, VERDICT_OK, "resource",
                   STR_FMT " is what its metadata says, issuer " STR_FMT, STR_ARG(resource),
                   STR_ARG(s->issuer));
    return s->issuer.len > 0;
}

/* Clients that do not look at the challenge derive the place from the URL. */
static void check_derived(struct site *s, struct str known)
{
    struct str derived = doctor_well_known(s->arena, &s->at, RESOURCE_NAME);
    const struct ask ask = {.method = "GET", .url = derived};
    struct fetch_answer answer;
    AUTO_JSON *j = NULL;

    if (str_eq(derived, known) || !site_ask(s, "resource", &ask, &answer))
        return;
    if (answer.status != 200 || !json_parse(answer.body, &j, NULL))
        doctor_say(s->d, VERDICT_FAILED, "resource",
                   STR_FMT
                   " is missing (%d), where clients look by the path; let the proxy pass "
                   "/.well-known/oauth-protected-resource on with everything behind it",
                   STR_ARG(derived), answer.status);
}

static bool get_server(struct site *s, json_t **out)
{
    struct doctor_address issuer;
    struct error err = {0};
    struct ask ask = {.method = "GET"};
    struct fetch_answer answer;

    if (!doctor_parse_url(s->issuer, &issuer, &err)) {
        doctor_say(s->d, VERDICT_FAILED, "server", "the issuer " STR_FMT ": %s",
                   STR_ARG(s->issuer), err.text);
        return false;
    }
    ask.url = doctor_well_known(s->arena, &issuer, SERVER_NAME);
    if (!site_ask(s, "server", &ask, &answer))
        return false;
    if (answer.status == 404) {
        ask.url = doctor_well_known(s->arena, &issuer, "openid-configuration");
        if (!site_ask(s, "server", &ask, &answer))
            return false;
    }
    return site_json(s, "server", &answer, 200, out);
}

static bool lists(const json_t *j, const char *key, const char *value)
{
    const json_t *list = json_object_get(j, key);

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (str_eq_c(json_view(json_array_get(list, i)), value))
            return true;
    }
    return false;
}

static void take_endpoints(struct site *s, const json_t *j)
{
    s->authorization_endpoint = site_member(s, j, "authorization_endpoint");
    s->token_endpoint = site_member(s, j, "token_endpoint");
    s->registration_endpoint = site_member(s, j, "registration_endpoint");
    s->revocation_endpoint = site_member(s, j, "revocation_endpoint");
    s->has_documents =
        json_is_true(json_object_get(j, "client_id_metadata_document_supported"));
    s->has_iss =
        json_is_true(json_object_get(j, "authorization_response_iss_parameter_supported"));
}

static size_t check_endpoint(struct site *s, const char *name, struct str url, bool is_needed)
{
    struct doctor_address at;
    struct error err = {0};

    if ((!url.len && !is_needed) || (url.len && doctor_parse_url(url, &at, &err)))
        return 0;
    doctor_say(s->d, VERDICT_FAILED, "server", "%s is '" STR_FMT "', no https address", name,
               STR_ARG(url));
    return 1;
}

static size_t check_abilities(struct site *s, const json_t *j)
{
    bool has_none = lists(j, "token_endpoint_auth_methods_supported", "none");
    const struct {
        bool is_ok;
        const char *text;
    } rows[] = {
        {lists(j, "code_challenge_methods_supported", "S256"),
         "code_challenge_methods_supported lacks S256: clients must not go on without PKCE"},
        {s->registration_endpoint.len || (s->has_documents && has_none),
         "no way for a client to become known: neither registration_endpoint nor client "
         "metadata documents"},
        {!s->has_documents || has_none,
         "client_id_metadata_document_supported without 'none' in "
         "token_endpoint_auth_methods_supported: Claude registers anew at each connection"},
        {!json_object_get(j, "scopes_supported") ||
             lists(j, "scopes_supported", "offline_access"),
         "scopes_supported lacks offline_access: no refresh token is asked for, and people log "
         "in again every day"},
    };
    size_t n_bad = 0;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!rows[i].is_ok)
            doctor_say(s->d, VERDICT_FAILED, "server", "%s", rows[i].text);
        n_bad += !rows[i].is_ok;
    }
    return n_bad;
}

static void check_server(struct site *s)
{
    AUTO_JSON *j = NULL;
    struct str issuer;
    size_t n_bad;

    if (!get_server(s, &j))
        return;
    take_endpoints(s, j);
    issuer = site_member(s, j, "issuer");
    n_bad = !str_eq(issuer, s->issuer);
    if (n_bad)
        doctor_say(
            s->d, VERDICT_FAILED, "server",
            "its metadata says issuer '" STR_FMT "', the resource says " STR_FMT
            ": clients refuse that; set MCP_OAUTH_ISSUER to the address that clients use",
            STR_ARG(issuer), STR_ARG(s->issuer));
    n_bad += check_endpoint(s, "authorization_endpoint", s->authorization_endpoint, true);
    n_bad += check_endpoint(s, "token_endpoint", s->token_endpoint, true);
    n_bad += check_endpoint(s, "registration_endpoint", s->registration_endpoint, false);
    n_bad += check_abilities(s, j);
    if (n_bad == 0)
        doctor_say(s->d, VERDICT_OK, "server",
                   "issuer, endpoints, S256 and client registration are as clients need them");
}

/* -- the whole --------------------------------------------------------------------------------- */

static void check_site(struct site *s, bool is_login)
{
    struct fetch_answer answer = {0};
    struct str metadata = {0};
    AUTO_JSON *resource = NULL;
    struct error err = {0};
    uint16_t port = 0;
    int listener = -1;

    check_place(s);
    if (!reach(s, &answer))
        return;
    check_agent(s);
    if (!read_challenge(s, &answer, &metadata))
        metadata = doctor_well_known(s->arena, &s->at, RESOURCE_NAME);
    check_derived(s, metadata);
    if (read_resource(s, metadata, &resource))
        check_server(s);
    if (is_login && !doctor_listen(&listener, &port, &err))
        doctor_say(s->d, VERDICT_FAILED, "log-in", "%s", err.text);
    doctor_check_oauth(s, port);
    if (s->token.len)
        (void)doctor_check_calls(s);
    if (listener >= 0)
        doctor_log_in(s, listener, port);
    if (!s->token.len && !is_login)
        doctor_say(s->d, VERDICT_NOTE, "calls",
                   "left out; give an API key or token in MEMORYD_DOCTOR_TOKEN, or --login to "
                   "log in");
    doctor_forget_client(s);
}

static const char *option_c(struct doctor *d, int id)
{
    struct str value = cli_value(d->c, id);

    return value.ptr ? arena_cstr(d->c->arena, value) : NULL;
}

bool doctor_run_url(struct doctor *d, struct error *err)
{
    const struct fetch_options options = {.max_bytes = DOCTOR_ANSWER_MAX,
                                          .timeout_ms = DOCTOR_ANSWER_MS,
                                          .is_any_address = true,
                                          .ca_file = option_c(d, DOCTOR_OPT_CA_FILE),
                                          .connect = option_c(d, DOCTOR_OPT_CONNECT)};
    struct site s = {.d = d,
                     .arena = d->c->arena,
                     .url = cli_value(d->c, DOCTOR_OPT_URL),
                     .is_private = cli_has(d->c, DOCTOR_OPT_PRIVATE),
                     .is_diverted = options.connect != NULL};
    int64_t ca_bytes;

    if (!doctor_parse_url(s.url, &s.at, err))
        return error_wrap(err, "--url");
    if (options.ca_file && !sys_file_size(options.ca_file, &ca_bytes))
        return error_set(err, ERROR_INVALID, "--ca-file: there is no file %s", options.ca_file);
    if (d->c->host->config)
        s.token = d->c->host->config->doctor_token;
    s.fetcher = fetch_new(&options);
    check_site(&s, cli_has(d->c, DOCTOR_OPT_LOGIN));
    fetch_free(s.fetcher);
    return true;
}

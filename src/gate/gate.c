/* gate.c - see gate.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define ALL_SCOPES ((unsigned)(SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN))

struct gate {
    struct gate_options options;
};

struct gate *gate_new(const struct gate_options *options)
{
    struct gate *g = NEW(struct gate);

    g->options = *options;
    return g;
}

void gate_free(struct gate *g)
{
    free(g);
}

const char *gate_scope_names(unsigned scopes)
{
    static const char *const names[] = {
        "none",  "read",       "write",       "read write",
        "admin", "read admin", "write admin", "read write admin"};

    return names[scopes & ALL_SCOPES];
}

/* -- what auth/ asks for --------------------------------------------------------------------- */

struct str gate_base(const struct gate *g, struct http_request *r)
{
    return arena_printf(http_request_arena(r), STR_FMT STR_FMT, STR_ARG(http_base_url(r)),
                        STR_ARG(g->options.path_prefix));
}

/* An address behind proxies that contradict each other is nobody's: limits then count them together. */
static struct str peer_of(struct http_request *r)
{
    char text[IP_TEXT_MAX];

    return arena_dup(http_request_arena(r), ip_text(http_client(r), text));
}

/* Empty for an address that many share. Who is nobody in particular pays with all others who are: to confuse a
 * proxy must not be a way round. */
static struct str payer_of(struct http_request *r)
{
    struct str key;

    if (http_client_key(r, &key))
        return key;
    return http_client(r).family == IP_NONE ? STR("unknown") : STR("");
}

struct auth_request gate_auth_request(const struct gate *g, struct http_request *r)
{
    return (struct auth_request){.arena = http_request_arena(r),
                                 .base = gate_base(g, r),
                                 .peer = peer_of(r),
                                 .payer = payer_of(r),
                                 .now_ms = clock_now_ms()};
}

/* -- refusals -------------------------------------------------------------------------------- */

static void log_refusal(struct http_request *r, int status, const char *why)
{
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_WARN, "oauth.refused", "id=%llu ip=" STR_FMT " status=%d error=%s",
              (unsigned long long)http_request_id(r), STR_ARG(peer_of(r)), status,
              log_quote(str_c(why), quoted));
}

static void add_challenge(const struct gate *g, struct http_request *r, struct str resource,
                          const char *error, unsigned scopes, const char *why)
{
    const struct auth_request ask = gate_auth_request(g, r);
    struct error err = {0};

    /* Metadata that nobody can use is not pointed to: tokens do not travel in the clear. */
    if (!g->options.is_oauth || !auth_base_check(ask.base, &err))
        http_reply_header(r, "WWW-Authenticate", STR("Bearer"));
    else
        http_reply_header(r, "WWW-Authenticate",
                          auth_challenge(&ask, resource, error, scopes, why));
}

static bool refuse(const struct gate *g, struct http_request *r,
                   const struct gate_target *target, int status, const char *error,
                   const char *why)
{
    add_challenge(g, r, target->resource, error, target->scopes, *error ? why : NULL);
    log_refusal(r, status, why);
    http_refuse(r, status, "%s", why);
    return false;
}

void gate_add_step_up(struct gate *g, struct http_request *r, struct str resource,
                      unsigned scopes)
{
    const char *why =
        arena_printf(http_request_arena(r), "this needs the scope %s", gate_scope_names(scopes))
            .ptr;

    add_challenge(g, r, resource, "insufficient_scope", scopes, why);
    log_refusal(r, 403, why);
}

/* -- who is calling -------------------------------------------------------------------------- */

/* Addresses end up in logs and histories, where a token would go on living. */
static bool has_query_token(struct http_request *r)
{
    static const struct str names[] = {STR_INIT("access_token"), STR_INIT("api_key"),
                                       STR_INIT("token")};
    struct str rest = http_query(r), name, value;

    while (http_next_field(http_request_arena(r), &rest, &name, &value)) {
        if (str_is_among(name, names, COUNT(names)))
            return true;
    }
    return false;
}

static bool is_default(struct str space)
{
    return space.len == 0 || str_eq_c(space, SPACE_DEFAULT);
}

/* Nobody said who they are. */
static bool enter_unnamed(const struct gate *g, struct http_request *r,
                          const struct gate_target *target, struct gate_pass *pass)
{
    struct caller *out = &pass->caller;

    out->space = target->space.len > 0 ? target->space : STR(SPACE_DEFAULT);
    if (http_is_direct(r)) {
        out->subject = STR("local");
        out->scopes = ALL_SCOPES;
        return true;
    }
    if (!g->options.is_anonymous || !is_default(target->space))
        return refuse(g, r, target, 401, "",
                      "this needs an access token or an API key; nothing is served to others "
                      "without");
    out->subject = STR("anonymous");
    out->scopes = SCOPE_READ | SCOPE_WRITE;
    return true;
}

static bool enter_named(struct http_request *r, const struct gate_target *target,
                        const struct auth_principal *p, struct gate_pass *pass)
{
    struct caller *out = &pass->caller;

    out->subject = p->subject;
    if (p->client.len > 0)
        out->client = p->client;
    pass->principal = p->client;
    out->scopes = p->scopes;
    out->space = target->space.len > 0 ? target->space : auth_first_space(p);
    if (out->space.len > 0 && auth_may_use_space(p, out->space))
        return true;
    log_refusal(r, 403, "another's space");
    http_refuse(r, 403, "the account may not use this space");
    return false;
}

static bool identify(const struct gate *g, struct http_request *r,
                     const struct gate_target *target, struct gate_pass *out)
{
    const struct auth_request ask = gate_auth_request(g, r);
    struct str authorization = http_header(r, STR("Authorization"));
    struct str api_key = http_header(r, STR("X-API-Key"));
    struct auth_principal p = {0};
    const char *why = "";

    if (!g->options.auth) {
        if (authorization.len == 0 && api_key.len == 0)
            return enter_unnamed(g, r, target, out);
        /* Clients are set up with keys that a server does not ask for; being here is worth more. */
        return http_is_direct(r) || g->options.is_anonymous
                   ? enter_unnamed(g, r, target, out)
                   : refuse(g, r, target, 401, "invalid_token", "there are no tokens here");
    }
    switch (auth_check(g->options.auth, &ask, authorization, api_key, &p, &why)) {
    case AUTH_OK:
        return enter_named(r, target, &p, out);
    case AUTH_NONE:
        return enter_unnamed(g, r, target, out);
    case AUTH_MALFORMED:
        return refuse(g, r, target, 400, "invalid_request", why);
    case AUTH_LIMITED:
        log_refusal(r, 429, why);
        http_reply_header(r, "Retry-After", STR("1")); /* AUTH_CREDENTIALS_PER_S */
        http_refuse(r, 429, "%s", why);
        return false;
    case AUTH_FAILED:
        http_reply_header(r, "Retry-After", STR("5"));
        http_refuse(r, 503, "tokens cannot be looked at now; the server's log says why");
        return false;
    case AUTH_INVALID:
        break;
    }
    return refuse(g, r, target, 401, "invalid_token", why);
}

bool gate_enter(struct gate *g, struct http_request *r, const struct gate_target *target,
                struct gate_pass *out)
{
    struct gate_pass pass = {.caller = {.client = out->caller.client}};

    if (has_query_token(r))
        return refuse(g, r, target, 400, "invalid_request",
                      "tokens and keys belong in a header, not in the address");
    if (!identify(g, r, target, &pass))
        return false;
    /* A name that a client merely claims may differ from one request to the next. */
    pass.principal = arena_printf(http_request_arena(r), STR_FMT "\x1f" STR_FMT "\x1f" STR_FMT,
                                  STR_ARG(pass.caller.subject), STR_ARG(pass.principal),
                                  STR_ARG(pass.caller.space));
    *out = pass;
    return true;
}

bool gate_enter_for(struct gate *g, struct http_request *r, const struct gate_target *target,
                    struct gate_pass *out)
{
    struct gate_pass pass = *out;

    if (!gate_enter(g, r, target, &pass))
        return false;
    if (target->scopes & ~pass.caller.scopes) {
        gate_add_step_up(g, r, target->resource, target->scopes);
        http_refuse(r, 403, "this needs the scope %s", gate_scope_names(target->scopes));
        return false;
    }
    *out = pass;
    return true;
}

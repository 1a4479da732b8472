/*
 * gates.c - what every request passes before its handler sees it.
 *
 * A row per check, in the order that http.h gives; the first that fails answers. The checks on the
 * form of the request come first of all: a request whose length is in doubt must not be read on,
 * so those close the connection.
 *
 * Why a request must have come straight from this machine: unless handlers ask for tokens, being here
 * is the only right there is. A tunnel or proxy on this machine connects from loopback on behalf of the
 * whole world; it shows by the headers that it adds. A web page in this machine's browser shows by
 * its Origin, a name that was made to point at 127.0.0.1 shows by its Host.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include "base/log.h"

#define SHOWN_BYTES 80 /* of a bad value, in a refusal */

static bool refuse(struct http_request *r, int status, const char *fmt, ...) PRINTF(3, 4);

static bool refuse(struct http_request *r, int status, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    request_refuse(r, status, str_c(text));
    return false;
}

static struct str shown(struct http_request *r, struct str value)
{
    char *quoted = ARENA_NEW(&r->arena, char, LOG_QUOTE_MAX);

    return str_c(log_quote(str_sub(value, 0, SHOWN_BYTES), quoted));
}

static size_t count_fields(const struct http_request *r, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_fields; i++)
        n += str_eq_ascii_case(r->fields[i].name, name);
    return n;
}

/* -- form ------------------------------------------------------------------------------------ */

static bool has_control_char(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool check_fields(struct http_request *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        if (has_control_char(r->fields[i].value))
            return refuse(r, 400, "control character in the header " STR_FMT,
                          STR_ARG(shown(r, r->fields[i].name)));
    }
    return true;
}

/* Two readings of where a body ends are how one request is smuggled inside another. */
static bool check_framing(struct http_request *r)
{
    struct str coding = http_header(r, STR("Transfer-Encoding"));
    size_t n_lengths = count_fields(r, STR("Content-Length"));
    bool has_length;

    if (n_lengths > 1 || (n_lengths == 1 && coding.ptr))
        return refuse(r, 400, "the length of the body is given twice");
    if (coding.ptr && !str_eq_ascii_case(coding, STR("chunked")))
        return refuse(r, 501, "transfer coding %s is not supported, only chunked",
                      shown(r, coding).ptr);
    (void)request_content_length(r, &has_length);
    if (n_lengths == 1 && !has_length)
        return refuse(r, 400, "Content-Length is not a number");
    return true;
}

static bool check_target(struct http_request *r)
{
    struct error err = {0};

    if (!http_parse_target(&r->arena, r->raw_target, &r->target, &err))
        return refuse(r, 400, "%s", err.text);
    return true;
}

static bool check_form(struct http_request *r)
{
    if (check_fields(r) && check_framing(r) && check_target(r))
        return true;
    r->must_close = true;
    return false;
}

/* -- who and where --------------------------------------------------------------------------- */

/* Says no more than that: who is not on the list learns nothing about what is here. */
static bool check_client(struct http_request *r)
{
    const struct http_options *o = &r->server->options;

    if (o->n_clients == 0 || ip_ranges_have(o->clients, o->n_clients, r->client))
        return true;
    r->must_close = true;
    return refuse(r, 403, "this address is not served here");
}

static bool has_trace_of_proxy(const struct http_request *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        if (http_is_forwarding_header(r->fields[i].name))
            return true;
    }
    return false;
}

static const char *indirect_because(const struct http_request *r)
{
    if (!ip_is_loopback(r->connection->ip))
        return "it came from another machine";
    if (!http_host_is_loopback(&r->host))
        return "its Host is not a loopback name";
    return has_trace_of_proxy(r) ? "a proxy or tunnel passed it on" : NULL;
}

bool http_is_direct(const struct http_request *r)
{
    return indirect_because(r) == NULL;
}

/* No browser connects to another name than one in the certificate that it was shown. */
static bool is_in_certificate(const struct http_request *r)
{
    return r->connection->certificate &&
           crypto_certificate_is_for(r->connection->certificate, r->named.host);
}

/* Whether the name that the client used is one of ours. Without a list, a request from outside may
 * use any: it proves itself by a token, which a page that made its name point here does not have. A
 * browser on this machine must use ours, because being here is worth something. */
static bool is_own_name(const struct http_request *r)
{
    const struct http_options *o = &r->server->options;

    if (http_host_is_loopback(&r->named) ||
        http_host_is_allowed(&r->named, o->hosts, o->n_hosts))
        return true;
    if (o->public_url.len > 0)
        return header_is_same_host(&r->named, &r->server->public_origin.authority);
    return o->is_remote_allowed && o->n_hosts == 0 &&
           (!ip_is_loopback(r->connection->ip) || has_trace_of_proxy(r) ||
            is_in_certificate(r));
}

static bool check_host(struct http_request *r)
{
    struct str host = http_header(r, STR("Host"));
    struct str authority = r->target.authority;

    if (count_fields(r, STR("Host")) != 1)
        return refuse(r, 400, "a request needs exactly one Host header");
    if (!http_parse_authority(host, &r->host))
        return refuse(r, 400, "the Host header %s is not a host name", shown(r, host).ptr);
    if (authority.len > 0 && !str_eq_ascii_case(authority, host))
        return refuse(r, 400, "the Host header and the request target name different hosts");
    if (!client_read_name(r))
        return refuse(r, 400, "the host %s that a proxy names is not a host name",
                      shown(r, r->said.host).ptr);
    if (!is_own_name(r))
        return refuse(r, 403,
                      "%s is not a name of this server; use localhost or "
                      "127.0.0.1, or add it to the allowed hosts",
                      shown(r, r->said.host.len > 0 ? r->said.host : host).ptr);
    return true;
}

/* -- path and method ------------------------------------------------------------------------- */

static bool covers(const struct http_route *route, struct str path)
{
    struct str own = str_c(route->path);

    return str_eq(own, path) ||
           (own.len > 1 && str_ends(own, STR("/")) && str_starts(path, own));
}

/* The path of the route that names this path most closely; NULL: none does. */
static const char *best_path(const struct http_request *r)
{
    const char *best = NULL;

    for (size_t i = 0; i < r->server->n_routes; i++) {
        const struct http_route *route = &r->server->routes[i];

        if (covers(route, r->target.path) && (!best || strlen(route->path) > strlen(best)))
            best = route->path;
    }
    return best;
}

static struct str allowed_methods(struct http_request *r, const char *path)
{
    struct str list = {0};

    for (size_t i = 0; i < r->server->n_routes; i++) {
        const struct http_route *route = &r->server->routes[i];

        if (str_eq_c(str_c(route->path), path))
            list = arena_printf(&r->arena, STR_FMT "%s%s", STR_ARG(list), list.len ? ", " : "",
                                route->method);
    }
    return list;
}

/* The route of this path and method; any method if it is empty. */
static const struct http_route *find_route(const struct http_request *r, const char *path,
                                           struct str method)
{
    for (size_t i = 0; i < r->server->n_routes; i++) {
        const struct http_route *route = &r->server->routes[i];

        if (str_eq_c(str_c(route->path), path) &&
            (method.len == 0 || str_eq_c(method, route->method)))
            return route;
    }
    return NULL;
}

/* The route that a request, or the one that a preflight asks about, would take is for everybody. */
static bool is_public(struct http_request *r)
{
    const char *path = best_path(r);
    struct str method = r->method;
    const struct http_route *route;

    if (str_eq_c(method, "OPTIONS"))
        method = http_header(r, STR("Access-Control-Request-Method"));
    route = path ? find_route(r, path, method) : NULL;
    return route && route->is_public;
}

static bool is_form_target(const struct http_request *r)
{
    const char *path = best_path(r);
    const struct http_route *route = path ? find_route(r, path, r->method) : NULL;

    return route && route->is_form_target;
}

static bool check_origin(struct http_request *r)
{
    const struct http_options *o = &r->server->options;
    struct str origin = http_header(r, STR("Origin"));

    if (!origin.ptr || is_public(r) || (str_eq_c(origin, "null") && is_form_target(r)))
        return true;
    if (count_fields(r, STR("Origin")) != 1 ||
        (!http_origin_is_allowed(origin, o->origins, o->n_origins) &&
         !client_is_own_origin(r, origin)))
        return refuse(r, 403,
                      "pages of the origin %s may not call this server; add it to the allowed "
                      "origins if they should",
                      shown(r, origin).ptr);
    r->origin = origin;
    return true;
}

/* A page asks what it may do here. Only pages of an allowed origin get this far with an Origin,
 * unless the route is for everybody. */
static bool answer_preflight(struct http_request *r, const char *path)
{
    struct str method = http_header(r, STR("Access-Control-Request-Method"));
    const struct http_route *route = method.len > 0 ? find_route(r, path, method) : NULL;
    struct str methods = allowed_methods(r, path);

    http_reply_header(r, "Allow", methods);
    if (route && route->cors_headers && (r->origin.len > 0 || route->is_public)) {
        http_reply_header(r, "Access-Control-Allow-Methods", methods);
        http_reply_header(r, "Access-Control-Allow-Headers", str_c(route->cors_headers));
        http_reply_header(r, "Access-Control-Max-Age", STR("600"));
        r->route = route;
    }
    http_reply(r, 204, NULL);
    return false;
}

static bool check_route(struct http_request *r)
{
    const char *path = best_path(r);

    if (!path)
        return refuse(r, 404, "there is nothing at %s", shown(r, r->target.path).ptr);
    r->route = find_route(r, path, r->method);
    if (r->route)
        return true;
    if (str_eq_c(r->method, "OPTIONS"))
        return answer_preflight(r, path);
    r->route = find_route(r, path, (struct str){0}); /* its neighbours' form of refusal */
    http_reply_header(r, "Allow", allowed_methods(r, path));
    return refuse(r, 405, "the method %s is not for this path", shown(r, r->method).ptr);
}

static bool check_direct(struct http_request *r)
{
    const char *why = indirect_because(r);

    if (!why || r->server->options.is_remote_allowed)
        return true;
    return refuse(
        r, 403,
        "this request needs an access token, because %s, and this server issues none; "
        "call it directly on this machine",
        why);
}

/* -- body and answer ------------------------------------------------------------------------- */

static bool check_content(struct http_request *r)
{
    struct str type = http_header(r, STR("Content-Type"));
    struct str coding = http_header(r, STR("Content-Encoding"));

    bool is_form = r->route->body == HTTP_BODY_FORM;

    if (r->route->body == HTTP_BODY_NONE)
        return true;
    if (is_form ? !http_is_form(type) : !http_is_json(type))
        return refuse(r, 415, "Content-Type must be %s, not %s",
                      is_form ? "application/x-www-form-urlencoded" : "application/json",
                      type.ptr ? shown(r, type).ptr : "missing");
    if (coding.ptr && !str_eq_ascii_case(coding, STR("identity")))
        return refuse(r, 415, "Content-Encoding %s is not supported; send the body as it is",
                      shown(r, coding).ptr);
    return true;
}

static bool check_size(struct http_request *r)
{
    bool has_length;
    size_t n = request_content_length(r, &has_length);

    if (!has_length || n <= r->server->options.body_max_bytes)
        return true;
    r->must_close = true;
    return refuse(r, 413, "the body may have at most %zu bytes",
                  r->server->options.body_max_bytes);
}

static bool check_accept(struct http_request *r)
{
    struct str accept = http_header(r, STR("Accept"));
    const char *const *type = r->route->accepts;

    if (!type)
        return true;
    for (; *type; type++) {
        if (http_accepts(accept, str_c(*type)))
            return true;
    }
    return refuse(r, 406,
                  "Accept lets none of the types through that this path answers in; "
                  "the first is %s",
                  r->route->accepts[0]);
}

void gates_check(struct http_request *r)
{
    static bool (*const gates[])(struct http_request *) = {
        check_client, check_form,    check_host, check_origin, check_route,
        check_direct, check_content, check_size, check_accept,
    };

    for (size_t i = 0; i < COUNT(gates); i++) {
        if (!gates[i](r))
            return;
    }
}

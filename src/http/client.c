/*
 * client.c - who sent a request, and what they call this server.
 *
 * Both can be what a trusted proxy says instead of what the connection shows. What a request is
 * allowed is decided in gates.c; here is only what it is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

void client_identify(struct http_request *r)
{
    const struct http_options *o = &r->server->options;
    const struct http_proxies p = {
        .peer = r->connection->ip,
        .trusted = o->trusted_proxies,
        .n_trusted = o->n_trusted_proxies,
        .forwarded = http_header(r, STR("Forwarded")),
        .x_for = http_header(r, STR("X-Forwarded-For")),
        .x_proto = http_header(r, STR("X-Forwarded-Proto")),
        .x_host = http_header(r, STR("X-Forwarded-Host")),
        .x_port = http_header(r, STR("X-Forwarded-Port")),
    };

    r->said = http_read_forwarded(&p);
    r->client = r->said.client;
    r->is_secure =
        r->said.scheme.len > 0 ? str_eq_c(r->said.scheme, "https") : r->server->tls.is_on;
}

bool http_client_key(struct http_request *r, struct str *out)
{
    const struct http_options *o = &r->server->options;
    char text[IP_TEXT_MAX];

    if (r->client.family == IP_NONE || ip_ranges_have(o->shared, o->n_shared, r->client))
        return false;
    *out = arena_dup(&r->arena, ip_text(ip_payer(r->client), text));
    return true;
}

bool client_read_name(struct http_request *r)
{
    r->named = r->host;
    if (r->said.host.len > 0 && !http_parse_authority(r->said.host, &r->named))
        return false;
    if (r->named.port == 0)
        (void)header_parse_port(r->said.port, &r->named.port); /* else the scheme's own */
    return true;
}

static uint16_t scheme_port(bool is_secure)
{
    return is_secure ? 443 : 80;
}

struct str http_base_url(struct http_request *r)
{
    const struct http_options *o = &r->server->options;
    const struct http_authority *a = &r->named;
    struct str url = o->public_url;

    if (url.len > 0)
        return url;
    url = arena_printf(&r->arena, "%s://%s" STR_FMT "%s", r->is_secure ? "https" : "http",
                       a->is_ipv6 ? "[" : "", STR_ARG(a->host), a->is_ipv6 ? "]" : "");
    if (a->port != 0 && a->port != scheme_port(r->is_secure))
        url = arena_printf(&r->arena, STR_FMT ":%u", STR_ARG(url), a->port);
    return url;
}

bool client_is_own_origin(const struct http_request *r, struct str origin)
{
    struct http_origin own = {
        .scheme = r->is_secure ? STR("https") : STR("http"),
        .authority = r->named,
    };

    if (r->server->options.public_url.len > 0)
        return header_is_origin(origin, &r->server->public_origin);
    if (own.authority.port == 0)
        own.authority.port = scheme_port(r->is_secure);
    return header_is_origin(origin, &own);
}

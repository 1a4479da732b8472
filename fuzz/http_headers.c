/*
 * http_headers.c - the parsers of Host, Origin, Content-Type, Accept, Forwarded and the target.
 *
 * The same text goes to each. What must hold whatever it is: results are views of it or no longer
 * than it, and nothing passes for this machine that does not literally say so.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_authority(struct str text)
{
    struct http_authority a;

    if (!http_parse_authority(text, &a))
        return;
    must(a.host.len > 0 && a.host.len <= HTTP_HOST_MAX_BYTES);
    must(str_contains(text, a.host));
    if (http_host_is_loopback(&a))
        must(a.is_ipv6 || str_eq_ascii_case(a.host, STR("localhost")) ||
             str_starts(a.host, STR("127.")));
    must(!http_host_is_allowed(&a, NULL, 0));
    must(http_host_is_allowed(&a, &text, 1));
}

static void try_origin(struct str text)
{
    struct http_origin o;
    bool is_allowed = http_origin_is_allowed(text, NULL, 0);

    if (is_allowed)
        must(http_parse_origin(text, &o) && http_host_is_loopback(&o.authority));
    if (http_parse_origin(text, &o))
        must(http_origin_is_allowed(text, &text, 1));
}

static void try_types(struct str text)
{
    if (http_is_json(text))
        must(str_eq_ascii_case(str_sub(str_trim(text), 0, 16), STR("application/json")));
    (void)http_accepts(text, STR("application/json"));
    must(http_accepts(STR(""), text));
}

static void try_target(struct str text)
{
    AUTO_ARENA arena = {0};
    struct http_target t;
    struct error err = {0};
    size_t at;

    if (!http_parse_target(&arena, text, &t, &err)) {
        must(err.kind == ERROR_INVALID);
        return;
    }
    must(str_starts(t.path, STR("/")));
    must(t.path.len + t.query.len + t.authority.len <= text.len);
    must(!str_find_char(t.path, '\0', &at));
}

/* Of two clients behind a proxy that appends, neither can pass for the other. */
static void try_forwarded(struct str text)
{
    AUTO_ARENA arena = {0};
    const struct ip_range loopback = {{IP_V4, {127}}, 8};
    struct http_proxies p = {
        .peer = {IP_V4, {127, 0, 0, 1}}, .trusted = &loopback, .n_trusted = 1};
    struct ip client = {IP_V4, {192, 0, 2, 7}}, got;

    p.forwarded = text;
    (void)http_read_forwarded(&p);
    p.forwarded = (struct str){0};
    p.x_proto = p.x_host = p.x_port = text;
    p.x_for = arena_printf(&arena, STR_FMT ", 192.0.2.7", STR_ARG(text));
    got = http_read_forwarded(&p).client;
    must(got.family == IP_NONE || ip_eq(got, client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);

    try_authority(text);
    try_origin(text);
    try_types(text);
    try_target(text);
    try_forwarded(text);
    (void)http_is_forwarding_header(text);
    return 0;
}

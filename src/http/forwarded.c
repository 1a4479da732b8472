/*
 * forwarded.c - what proxies say about a request: who sent it, and to which address of ours.
 *
 * Each proxy on the way appends to a list: the address it was called from, and perhaps scheme and host
 * that it was called by. So the right end was written by the proxy next to us, and what stands further
 * left is worth as much as the proxies that follow it. The list is read from the right for as long
 * as the one who wrote is trusted; the first address that is not is the client, and scheme and host
 * are those written beside it.
 *
 * There are two sets of headers, X-Forwarded-* and Forwarded (RFC 7239). A proxy writes one and lets
 * the other pass, with whatever the client put into it. If they disagree about the client, nobody
 * here can know who is right, and the client has no address.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#define HOPS_MAX 32

struct list {
    struct str items[HOPS_MAX];
    size_t n;
    bool is_too_long;
};

static void split(struct str text, struct list *out)
{
    struct str piece;

    *out = (struct list){0};
    while (header_next_piece(&text, ',', &piece)) {
        if (piece.len == 0)
            continue;
        if (out->n == HOPS_MAX) {
            out->is_too_long = true;
            return;
        }
        out->items[out->n++] = piece;
    }
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"; not "unknown" or "_hidden". */
static bool parse_node(struct str text, struct ip *out)
{
    struct str host, port;
    size_t end;

    text = header_unquote(text);
    if (ip_parse(text, out))
        return true;
    if (str_starts(text, STR("[")) && str_find_char(text, ']', &end))
        return (end + 1 == text.len || text.ptr[end + 1] == ':') &&
               ip_parse(str_sub(text, 1, end), out);
    return str_cut(text, ':', &host, &port) && ip_parse(host, out);
}

/* A parameter of one element of Forwarded; ptr NULL: absent. */
static struct str param(struct str element, struct str name)
{
    struct str piece, key, value;

    while (header_next_piece(&element, ';', &piece)) {
        if (str_cut(piece, '=', &key, &value) && str_eq_ascii_case(str_trim(key), name))
            return header_unquote(str_trim(value));
    }
    return (struct str){0};
}

static struct str node_of(struct str item, bool is_element)
{
    return is_element ? param(item, STR("for")) : item;
}

/* Walks from the right; how many items were read, the last of which names the client. */
static size_t walk(const struct list *l, bool is_element, const struct http_proxies *p,
                   struct ip *out_client)
{
    size_t n = 0;

    *out_client = p->peer;
    while (n < l->n && ip_ranges_have(p->trusted, p->n_trusted, *out_client)) {
        n++;
        if (l->is_too_long ||
            !parse_node(node_of(l->items[l->n - n], is_element), out_client)) {
            *out_client = (struct ip){0};
            break;
        }
    }
    return n;
}

/* The item that stands n from the right, or the nearest to that; n is from 1. */
static struct str pick(struct str text, size_t n)
{
    struct list l;

    split(text, &l);
    if (l.n == 0)
        return (struct str){0};
    return l.items[l.n - MIN(MAX(n, 1), l.n)];
}

static struct http_forwarded read_rfc7239(const struct http_proxies *p)
{
    struct http_forwarded f = {0};
    struct list l;
    struct str element;

    split(p->forwarded, &l);
    if (l.n == 0)
        return f;
    element = l.items[l.n - MAX(walk(&l, true, p, &f.client), 1)];
    f.scheme = param(element, STR("proto"));
    f.host = param(element, STR("host"));
    return f;
}

static struct http_forwarded read_x_forwarded(const struct http_proxies *p)
{
    struct http_forwarded f = {0};
    struct list l;
    size_t n;

    split(p->x_for, &l);
    n = walk(&l, false, p, &f.client);
    f.scheme = pick(p->x_proto, n);
    f.host = pick(p->x_host, n);
    f.port = pick(p->x_port, n);
    return f;
}

static struct str web_scheme(struct str scheme)
{
    if (str_eq_ascii_case(scheme, STR("https")))
        return STR("https");
    if (str_eq_ascii_case(scheme, STR("http")))
        return STR("http");
    return (struct str){0};
}

struct http_forwarded http_read_forwarded(const struct http_proxies *p)
{
    struct http_forwarded f = {.client = p->peer}, x;

    if (!ip_ranges_have(p->trusted, p->n_trusted, p->peer))
        return f;
    x = read_x_forwarded(p);
    if (p->forwarded.len > 0)
        f = read_rfc7239(p);
    if (p->forwarded.len == 0) {
        f = x;
    } else if (p->x_for.len > 0) {
        bool is_agreed = ip_eq(f.client, x.client);

        f = x;
        if (!is_agreed)
            f.client = (struct ip){0};
    }
    f.scheme = web_scheme(f.scheme);
    return f;
}

/*
 * uri.c - redirect URIs, metadata document URLs, and the names of this server.
 *
 * All three are compared as they are written: nothing is normalised before a check, so that no two spellings
 * of one address can mean different things to us and to a browser. What could be spelled in two ways (a
 * user name, dot segments, backslashes, an encoded dot) is refused.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool bad(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "%s", why);
}

/* -- parsing ----------------------------------------------------------------------------------- */

static bool check_characters(struct str s, struct error *err)
{
    if (!s.len || s.len > AUTH_URI_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "a URI has 1 to %d bytes", AUTH_URI_MAX_BYTES);
    if (!text_is_plain(s))
        return bad(err, "a URI holds printable ASCII only");
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("\"<>\\^`{|}", s.ptr[i]))
            return bad(err, "a character that no URI has");
        if (s.ptr[i] == '#')
            return bad(err, "a fragment is not allowed");
        if (s.ptr[i] == '*')
            return bad(err, "a wildcard is not allowed");
        if (s.ptr[i] == '%' &&
            (i + 2 >= s.len || !is_hex(s.ptr[i + 1]) || !is_hex(s.ptr[i + 2])))
            return bad(err, "a percent sign without two hex digits");
    }
    return true;
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alpha(s.ptr[i]) &&
            (i == 0 || (!is_digit(s.ptr[i]) && !strchr("+-.", s.ptr[i]))))
            return false;
    }
    return s.len > 0;
}

/* "." and "..", a dot also as %2e. */
static bool is_dots(struct str segment)
{
    size_t n = 0;

    for (size_t i = 0; i < segment.len; n++) {
        if (segment.ptr[i] == '.')
            i++;
        else if (str_eq_ascii_case(str_sub(segment, i, i + 3), STR("%2e")))
            i += 3;
        else
            return false;
    }
    return n == 1 || n == 2;
}

static bool check_path(struct str path, struct error *err)
{
    struct str rest = path, segment;

    while (str_next(&rest, '/', &segment)) {
        if (is_dots(segment))
            return bad(err, "a path with dot segments");
    }
    return true;
}

static bool is_host(struct str host)
{
    bool is_ipv6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    struct str inner = is_ipv6 ? str_sub(host, 1, host.len - 1) : host;

    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];

        if (is_ipv6 ? !is_hex(c) && c != ':' && c != '.'
                    : !is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return inner.len > 0 && inner.len <= 253 && inner.ptr[0] != '.';
}

static bool is_port(struct str s)
{
    int64_t port;

    return s.len && is_digit(s.ptr[0]) && str_to_int(s, &port) && port > 0 && port < 65536;
}

static bool parse_authority(struct str text, struct uri *u, struct error *err)
{
    size_t at, from = 0;

    if (str_find_char(text, '@', &at))
        return bad(err, "a user name is not allowed");
    if (text.len && text.ptr[0] == '[' && !str_find_char(text, ']', &from))
        return bad(err, "not a host");
    u->host = text;
    if (str_find_char(str_sub(text, from, text.len), ':', &at)) {
        u->host = str_sub(text, 0, from + at);
        u->port = str_sub(text, from + at + 1, text.len);
        if (!is_port(u->port))
            return bad(err, "not a port");
    }
    return is_host(u->host) || bad(err, "not a host");
}

bool uri_parse(struct str text, struct uri *out, struct error *err)
{
    struct uri u = {0};
    struct str rest, authority;
    size_t at;

    if (!check_characters(text, err))
        return false;
    if (!str_cut(text, ':', &u.scheme, &rest) || !is_scheme(u.scheme))
        return bad(err, "not an absolute URI");
    if (str_find_char(rest, '?', &at)) {
        u.query = str_sub(rest, at + 1, rest.len);
        rest = str_sub(rest, 0, at);
    }
    if (str_starts(rest, STR("//"))) {
        u.has_authority = true;
        authority = str_sub(rest, 2, rest.len);
        if (!str_find_char(authority, '/', &at))
            at = authority.len;
        rest = str_sub(authority, at, authority.len);
        if (!parse_authority(str_sub(authority, 0, at), &u, err))
            return false;
    }
    u.path = rest;
    if (!check_path(u.path, err))
        return false;
    *out = u;
    return true;
}

bool uri_is_loopback(const struct uri *u)
{
    return str_eq_ascii_case(u->host, STR("localhost")) || str_eq(u->host, STR("127.0.0.1")) ||
           str_eq(u->host, STR("[::1]"));
}

static bool is_scheme_named(const struct uri *u, const char *name)
{
    return str_eq_ascii_case(u->scheme, str_c(name));
}

static bool is_web(const struct uri *u)
{
    return is_scheme_named(u, "https") || is_scheme_named(u, "http");
}

/* -- redirect URIs ----------------------------------------------------------------------------- */

static bool is_listed(struct str text, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_ascii_case(text, list[i]))
            return true;
    }
    return false;
}

/* Schemes of programs: those listed, and names turned round as in com.example.app (RFC 8252, 7.1). */
static bool check_private(const struct redirect_rules *rules, const struct uri *u,
                          struct error *err)
{
    size_t dot;

    if (!is_listed(u->scheme, rules->schemes, rules->n_schemes) &&
        (!str_find_char(u->scheme, '.', &dot) || dot == 0 || dot == u->scheme.len - 1))
        return error_set(err, ERROR_INVALID, "the scheme '" STR_FMT "' is not allowed",
                         STR_ARG(u->scheme));
    return u->has_authority || u->path.len > 1 || bad(err, "nothing behind the scheme");
}

bool redirect_check(const struct redirect_rules *rules, struct str text, struct error *err)
{
    struct uri u;

    if (!uri_parse(text, &u, err))
        return false;
    if (!is_web(&u))
        return check_private(rules, &u, err);
    if (!u.has_authority)
        return bad(err, "no host");
    if (uri_is_loopback(&u))
        return true;
    if (!is_scheme_named(&u, "https"))
        return bad(err, "http is for loopback hosts only");
    if (rules->n_hosts && !is_listed(u.host, rules->hosts, rules->n_hosts))
        return error_set(err, ERROR_INVALID, "the host '" STR_FMT "' is not allowed here",
                         STR_ARG(u.host));
    return true;
}

/* Native programs take whatever port is free (RFC 8252, 7.3), and write loopback in three ways. */
bool redirect_matches(struct str registered, struct str given)
{
    struct uri r, g;

    if (str_eq(registered, given))
        return true;
    return uri_parse(registered, &r, NULL) && uri_parse(given, &g, NULL) &&
           str_eq(r.scheme, STR("http")) && str_eq(g.scheme, STR("http")) &&
           uri_is_loopback(&r) && uri_is_loopback(&g) && str_eq(r.path, g.path) &&
           str_eq(r.query, g.query) && (r.query.ptr == NULL) == (g.query.ptr == NULL);
}

struct str redirect_build(struct arena *a, struct str uri, const struct field *fields, size_t n)
{
    AUTO_BUF b = {0};
    size_t at;
    char join = str_find_char(uri, '?', &at) ? '&' : '?';

    buf_add(&b, uri);
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].value.ptr)
            continue;
        buf_add_char(&b, join);
        buf_add(&b, fields[i].name);
        buf_add_char(&b, '=');
        form_encode(&b, fields[i].value);
        join = '&';
    }
    return arena_dup(a, buf_str(&b));
}

struct str redirect_host(struct arena *a, struct str uri)
{
    struct uri u;

    if (!uri_parse(uri, &u, NULL))
        return STR("");
    if (!is_web(&u))
        return arena_printf(a, STR_FMT ":", STR_ARG(u.scheme));
    if (!u.port.len)
        return arena_dup(a, u.host);
    return arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(u.host), STR_ARG(u.port));
}

bool redirect_is_local(struct str uri)
{
    struct uri u;

    return !uri_parse(uri, &u, NULL) || !is_web(&u) || uri_is_loopback(&u);
}

/* -- documents --------------------------------------------------------------------------------- */

bool cimd_url_check(struct str url, struct error *err)
{
    struct uri u;

    if (!uri_parse(url, &u, err))
        return false;
    if (!str_eq(u.scheme, STR("https")) || !u.has_authority)
        return bad(err, "a client's document has an https URL");
    if (u.path.len < 2)
        return bad(err, "a client's document has a path");
    if (u.query.ptr)
        return bad(err, "a client's document has no query");
    return true;
}

/* -- this server ------------------------------------------------------------------------------- */

bool auth_base_check(struct str text, struct error *err)
{
    struct uri u;

    if (!uri_parse(text, &u, err))
        return false;
    if (!u.has_authority || !is_web(&u))
        return bad(err, "expected https://host");
    if (is_scheme_named(&u, "http") && !uri_is_loopback(&u))
        return bad(err, "http is for loopback hosts only; expected https://host");
    if (u.query.ptr)
        return bad(err, "a query is not allowed");
    if (str_ends(text, STR("/")))
        return bad(err, "no slash at the end");
    return true;
}

static struct str port_of(const struct uri *u)
{
    if (u->port.len)
        return u->port;
    return is_scheme_named(u, "https") ? STR("443") : STR("80");
}

static struct str encoded_space(struct arena *a, struct str space)
{
    AUTO_BUF b = {0};

    buf_add_c(&b, "/mcp/");
    form_encode(&b, space);
    return arena_dup(a, buf_str(&b));
}

bool resource_path_parse(struct arena *a, struct str base, struct str path,
                         struct resource *out)
{
    struct resource r = {0};

    if (str_ends(path, STR("/")))
        path = str_sub(path, 0, path.len - 1);
    if (str_starts(path, STR("/mcp/"))) {
        if (!form_decode(a, str_sub(path, 5, path.len), &r.space) || !space_is_valid(r.space))
            return false;
    } else if (path.len && !str_eq(path, STR("/mcp")) && !str_eq(path, STR("/sse"))) {
        return false;
    }
    r.path = r.space.len ? encoded_space(a, r.space) : arena_dup(a, path);
    r.name = arena_printf(a, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(r.path));
    *out = r;
    return true;
}

bool resource_parse(struct arena *a, struct str base, struct str text, struct resource *out)
{
    struct uri b, u;

    if (!uri_parse(base, &b, NULL) || !uri_parse(text, &u, NULL) || u.query.ptr ||
        !u.has_authority)
        return false;
    if (!str_eq_ascii_case(u.scheme, b.scheme) || !str_eq_ascii_case(u.host, b.host) ||
        !str_eq(port_of(&u), port_of(&b)) || !str_starts(u.path, b.path))
        return false;
    return resource_path_parse(a, base, str_sub(u.path, b.path.len, u.path.len), out);
}

bool resource_covers(const struct resource *wide, const struct resource *narrow)
{
    return str_eq(wide->name, narrow->name) || wide->path.len == 0 ||
           (str_eq(wide->path, STR("/mcp")) && narrow->space.len);
}

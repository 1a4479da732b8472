/*
 * headers.c - parsers of what clients write into requests: Host, Origin, Content-Type, Accept, the
 * target.
 *
 * Pure functions: text in, a verdict out, no request and no server, so that tables and a fuzzer can
 * drive them. All are strict where a lenient reading could let a foreign name pass for ours.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

/* -- characters ------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    return (c | 0x20) - 'a' + 10;
}

static bool all_of(struct str s, bool (*is_ok)(char))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_ok(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

/* -- Host ------------------------------------------------------------------------------------ */

static bool is_name_char(char c) /* of host names and IPv4 addresses; '_' occurs in the wild */
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool is_ipv6_char(char c)
{
    return is_hex(c) || c == ':' || c == '.';
}

bool header_parse_port(struct str text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > 5 || !all_of(text, is_digit))
        return false;
    for (size_t i = 0; i < text.len; i++)
        port = port * 10 + (uint32_t)(text.ptr[i] - '0');
    if (port == 0 || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

bool http_parse_authority(struct str text, struct http_authority *out)
{
    struct http_authority a = {.host = text};
    struct str port = {0};
    size_t end;

    if (text.len > HTTP_HOST_MAX_BYTES + sizeof("[]:65535"))
        return false;
    if (str_starts(text, STR("["))) {
        if (!str_find_char(text, ']', &end))
            return false;
        a.is_ipv6 = true;
        a.host = str_sub(text, 1, end);
        port = str_sub(text, end + 1, text.len);
        if (port.len > 0 && !str_starts(port, STR(":")))
            return false;
        port = str_sub(port, 1, port.len);
        end = end + 1;
    } else if (str_cut(text, ':', &a.host, &port)) {
        end = a.host.len;
    } else {
        end = text.len;
    }
    if (end < text.len && !header_parse_port(port, &a.port))
        return false;
    if (a.host.len > HTTP_HOST_MAX_BYTES)
        return false;
    if (!all_of(a.host, a.is_ipv6 ? is_ipv6_char : is_name_char))
        return false;
    *out = a;
    return true;
}

/* Four decimal numbers up to 255, without leading zeros: "127.1" and "0177.0.0.1" mean different
 * things to different programs, so they are nobody's address here. */
static bool is_ipv4_loopback(struct str s)
{
    struct str rest = s, part;
    int n_parts = 0;

    while (str_next(&rest, '.', &part)) {
        int64_t value;

        if (part.len > 3 || !all_of(part, is_digit) || (part.len > 1 && part.ptr[0] == '0'))
            return false;
        if (!str_to_int(part, &value) || value > 255 || ++n_parts > 4)
            return false;
        if (n_parts == 1 && value != 127)
            return false;
    }
    return n_parts == 4;
}

bool http_host_is_loopback(const struct http_authority *a)
{
    if (a->is_ipv6)
        return str_eq_c(a->host, "::1") || str_eq_c(a->host, "0:0:0:0:0:0:0:1");
    return str_eq_ascii_case(a->host, STR("localhost")) || is_ipv4_loopback(a->host);
}

bool header_is_same_host(const struct http_authority *a, const struct http_authority *b)
{
    return a->is_ipv6 == b->is_ipv6 && str_eq_ascii_case(a->host, b->host);
}

bool http_host_is_allowed(const struct http_authority *a, const struct str *allowed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct http_authority want;

        if (!http_parse_authority(str_trim(allowed[i]), &want) ||
            !header_is_same_host(a, &want))
            continue;
        if (want.port == 0 || want.port == a->port)
            return true;
    }
    return false;
}

/* -- Origin ---------------------------------------------------------------------------------- */

static bool is_scheme_char(char c)
{
    return is_alnum(c) || c == '+' || c == '-' || c == '.';
}

bool http_parse_origin(struct str text, struct http_origin *out)
{
    struct http_origin o = {0};
    size_t at;

    if (!str_find(text, STR("://"), &at))
        return false;
    o.scheme = str_sub(text, 0, at);
    if (!all_of(o.scheme, is_scheme_char))
        return false;
    if (!http_parse_authority(str_sub(text, at + 3, text.len), &o.authority))
        return false;
    if (o.authority.port == 0 && str_eq_ascii_case(o.scheme, STR("http")))
        o.authority.port = 80;
    if (o.authority.port == 0 && str_eq_ascii_case(o.scheme, STR("https")))
        o.authority.port = 443;
    *out = o;
    return true;
}

static bool is_web_scheme(struct str scheme)
{
    return str_eq_ascii_case(scheme, STR("http")) || str_eq_ascii_case(scheme, STR("https"));
}

static bool is_same_origin(const struct http_origin *a, const struct http_origin *b)
{
    return str_eq_ascii_case(a->scheme, b->scheme) &&
           header_is_same_host(&a->authority, &b->authority) &&
           a->authority.port == b->authority.port;
}

bool header_is_origin(struct str text, const struct http_origin *want)
{
    struct http_origin got;

    return http_parse_origin(text, &got) && is_same_origin(&got, want);
}

bool http_origin_is_allowed(struct str origin, const struct str *allowed, size_t n)
{
    struct http_origin got, want;
    bool is_parsed = http_parse_origin(origin, &got);

    if (is_parsed && is_web_scheme(got.scheme) && http_host_is_loopback(&got.authority))
        return true;
    for (size_t i = 0; i < n; i++) {
        struct str entry = str_trim(allowed[i]);

        if (str_eq_c(origin, "null") && str_eq_c(entry, "null"))
            return true;
        if (is_parsed && http_parse_origin(entry, &want) && is_same_origin(&got, &want))
            return true;
    }
    return false;
}

/* -- Content-Type and Accept ----------------------------------------------------------------- */

bool header_next_piece(struct str *rest, char sep, struct str *out)
{
    bool is_quoted = false;

    if (!rest->ptr)
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];

        if (is_quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == sep && !is_quoted) {
            *out = str_trim(str_sub(*rest, 0, i));
            *rest = str_sub(*rest, i + 1, rest->len);
            return true;
        }
    }
    *out = str_trim(*rest);
    *rest = (struct str){0};
    return true;
}

struct str header_unquote(struct str s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        return str_sub(s, 1, s.len - 1);
    return s;
}

bool http_is_json(struct str content_type)
{
    struct str rest = content_type, piece, name, value;

    if (!header_next_piece(&rest, ';', &piece) ||
        !str_eq_ascii_case(piece, STR("application/json")))
        return false;
    while (header_next_piece(&rest, ';', &piece)) {
        if (!str_cut(piece, '=', &name, &value))
            continue;
        if (str_eq_ascii_case(str_trim(name), STR("charset")) &&
            !str_eq_ascii_case(header_unquote(str_trim(value)), STR("utf-8")))
            return false;
    }
    return true;
}

/* How closely a range names the type: 3 exactly, 2 type/star, 1 star/star, 0 not at all. */
static int closeness(struct str range, struct str type)
{
    struct str range_main, range_sub, type_main, type_sub;

    if (str_eq_ascii_case(range, type))
        return 3;
    if (!str_cut(range, '/', &range_main, &range_sub) || !str_eq_c(range_sub, "*") ||
        !str_cut(type, '/', &type_main, &type_sub))
        return 0;
    if (str_eq_c(range_main, "*"))
        return 1;
    return str_eq_ascii_case(range_main, type_main) ? 2 : 0;
}

/* False only for a weight of zero: "0", "0.", "0.000". What cannot be read counts as 1. */
static bool is_wanted(struct str params)
{
    struct str piece, name, value;

    while (header_next_piece(&params, ';', &piece)) {
        if (!str_cut(piece, '=', &name, &value) || !str_eq_ascii_case(str_trim(name), STR("q")))
            continue;
        value = str_trim(value);
        if (value.len == 0 || value.ptr[0] != '0')
            return true;
        for (size_t i = 1; i < value.len; i++) {
            if (value.ptr[i] != '0' && !(i == 1 && value.ptr[i] == '.'))
                return true;
        }
        return false;
    }
    return true;
}

bool http_accepts(struct str accept, struct str type)
{
    struct str rest = accept, piece, range;
    int best = 0;
    bool result = false;

    if (str_trim(accept).len == 0)
        return true;
    while (header_next_piece(&rest, ',', &piece)) {
        int n;

        if (!header_next_piece(&piece, ';', &range))
            continue;
        n = closeness(range, type);
        if (n == 0 || n < best)
            continue;
        /* The closest range decides; of two equally close ones, either may let it through. */
        result = is_wanted(piece) || (n == best && result);
        best = n;
    }
    return result;
}

/* -- target ---------------------------------------------------------------------------------- */

static bool is_target_char(char c) /* visible ASCII; no fragment belongs in a target */
{
    return c > 0x20 && c < 0x7f && c != '#';
}

static bool decode_path(struct arena *a, struct str raw, struct str *out, struct error *err)
{
    char *to = ARENA_NEW(a, char, raw.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '%') {
            if (raw.len - i < 3 || !is_hex(raw.ptr[i + 1]) || !is_hex(raw.ptr[i + 2]))
                return error_set(err, ERROR_INVALID, "bad %%-escape in the path");
            c = (char)(hex_value(raw.ptr[i + 1]) * 16 + hex_value(raw.ptr[i + 2]));
            if (c == '\0')
                return error_set(err, ERROR_INVALID, "%%00 in the path");
            i += 2;
        }
        to[n++] = c;
    }
    *out = str_n(to, n);
    return true;
}

bool http_parse_target(struct arena *a, struct str text, struct http_target *out,
                       struct error *err)
{
    struct http_target t = {0};
    struct str path = text;
    size_t at;

    if (!all_of(text, is_target_char))
        return error_set(err, ERROR_INVALID, "the request target is not a URL path");
    if (!str_starts(text, STR("/"))) {
        if (!str_find(text, STR("://"), &at) || !is_web_scheme(str_sub(text, 0, at)))
            return error_set(err, ERROR_INVALID, "the request target is not a URL path");
        path = str_sub(text, at + 3, text.len);
        if (!str_find_char(path, '/', &at))
            return error_set(err, ERROR_INVALID, "the request target has no path");
        t.authority = str_sub(path, 0, at);
        path = str_sub(path, at, path.len);
    }
    str_cut(path, '?', &path, &t.query);
    if (!decode_path(a, path, &t.path, err))
        return false;
    *out = t;
    return true;
}

bool http_is_forwarding_header(struct str name)
{
    static const struct str names[] = {
        STR_INIT("forwarded"),        STR_INIT("via"),
        STR_INIT("x-real-ip"),        STR_INIT("x-client-ip"),
        STR_INIT("true-client-ip"),   STR_INIT("x-original-host"),
        STR_INIT("cf-connecting-ip"), STR_INIT("cf-ray"),
    };
    struct str prefix = STR("x-forwarded-");

    if (str_eq_ascii_case(str_sub(name, 0, prefix.len), prefix))
        return true;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_eq_ascii_case(name, names[i]))
            return true;
    }
    return false;
}

/*
 * net.c - where the server listens, what it is called, and who may call it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include <stdlib.h>

#include "text/text.h"

/* localhost, 127.0.0.0/8 or ::1. */
static bool is_loopback(struct str host)
{
    struct ip ip;

    return str_eq_ascii_case(host, STR("localhost")) ||
           (ip_parse(host, &ip) && ip_is_loopback(ip));
}

bool read_host(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    struct str host = text;

    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.len - 1);
    struct ip ip;

    if (!ip_parse(host, &ip) && !str_eq_ascii_case(host, STR("localhost")))
        return error_set(err, ERROR_INVALID, "use %s", s->accepts);
    r->to->config.is_loopback = is_loopback(host);
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, host);
    return true;
}

static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/._~-", c));
}

/* "/a/b": nothing that a client would resolve to another path, or to another host ("//"). */
static bool is_plain_path(struct str path)
{
    struct str rest, segment;

    if (path.len > CONFIG_PATH_PREFIX_MAX_BYTES || !str_starts(path, STR("/")))
        return false;
    for (size_t i = 0; i < path.len; i++) {
        if (!is_path_char(path.ptr[i]))
            return false;
    }
    rest = str_sub(path, 1, path.len);
    while (str_next(&rest, '/', &segment)) {
        if (segment.len == 0 || str_eq_c(segment, ".") || str_eq_c(segment, ".."))
            return false;
    }
    return true;
}

bool read_path_prefix(const struct reader *r, const struct setting *s, struct str text,
                      struct error *err)
{
    if (str_ends(text, STR("/")))
        text.len--;
    if (text.len && !is_plain_path(text))
        return error_set(err, ERROR_INVALID, "use %s", s->accepts);
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, text);
    return true;
}

/* scheme://host or scheme://host:port, and nothing behind it. */
static bool is_origin(struct str text)
{
    size_t at, end;
    struct str host;

    if (!str_find(text, STR("://"), &at) || at == 0)
        return false;
    host = str_sub(text, at + 3, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7F || text.ptr[i] == '*')
            return false;
    }
    return host.len > 0 && !str_find_char(host, '/', &end) && !str_find_char(host, '@', &end);
}

static bool check_origin(struct str origin, struct error *err)
{
    if (str_eq_c(origin, "*"))
        return error_set(err, ERROR_INVALID,
                         "'*' would let every web page read the memories; name the origins, "
                         "as in https://app.example.com");
    if (is_origin(origin))
        return true;
    origin = text_first(origin, 40);
    return error_set(err, ERROR_INVALID,
                     "'" STR_FMT "' is no origin; use https://HOST or http://HOST:PORT, "
                     "separated by commas",
                     STR_ARG(origin));
}

/* Checks a piece, which is not empty, and may shorten it. */
typedef bool check_piece(struct str *piece, struct error *err);

static bool check_origin_piece(struct str *piece, struct error *err)
{
    if (str_ends(*piece, STR("/")))
        piece->len--;
    return check_origin(*piece, err);
}

static bool read_list(const struct reader *r, const struct setting *s, struct str text,
                      check_piece *check, struct error *err)
{
    struct str *list = ARENA_NEW(r->arena, struct str, CONFIG_LIST_MAX);
    size_t n = 0;
    struct str piece;

    while (str_next(&text, ',', &piece)) {
        piece = str_trim(piece);
        if (piece.len == 0)
            continue;
        if (!check(&piece, err))
            return false;
        if (n == CONFIG_LIST_MAX)
            return error_set(err, ERROR_INVALID, "use at most %d of them", CONFIG_LIST_MAX);
        list[n++] = arena_dup(r->arena, piece);
    }
    *(struct config_strs *)setting_field(r, s) = (struct config_strs){list, n};
    return true;
}

bool read_origins(const struct reader *r, const struct setting *s, struct str text,
                  struct error *err)
{
    return read_list(r, s, text, check_origin_piece, err);
}

/* -- hosts ------------------------------------------------------------------------------------ */

static bool is_host_char(char c)
{
    return text_is_digit((unsigned char)c) || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

static bool is_port(struct str text)
{
    int64_t port;

    return text.len <= 5 && str_to_int(text, &port) && port > 0 && port <= UINT16_MAX;
}

/* A name or IPv4 address, or an IPv6 address in brackets; perhaps a port. */
static bool is_host(struct str text)
{
    struct str host = text, port = {0};
    struct ip ip;
    size_t end;

    if (str_starts(text, STR("[")))
        return str_find_char(text, ']', &end) && ip_parse(str_sub(text, 1, end), &ip) &&
               (end + 1 == text.len ||
                (text.ptr[end + 1] == ':' && is_port(str_sub(text, end + 2, text.len))));
    if (str_cut(text, ':', &host, &port) && !is_port(port))
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_char(host.ptr[i]))
            return false;
    }
    return host.len > 0;
}

/* Without brackets and port. */
static struct str bare_host(struct str host)
{
    struct str port;
    size_t end;

    if (str_starts(host, STR("[")) && str_find_char(host, ']', &end))
        return str_sub(host, 1, end);
    (void)str_cut(host, ':', &host, &port);
    return host;
}

static bool check_host(struct str *piece, struct error *err)
{
    if (is_host(*piece))
        return true;
    return error_set(err, ERROR_INVALID,
                     "'" STR_FMT
                     "' is no host name; use names like memory.example.com, without "
                     "https:// and path, separated by commas",
                     STR_ARG(text_first(*piece, 40)));
}

bool read_hosts(const struct reader *r, const struct setting *s, struct str text,
                struct error *err)
{
    return read_list(r, s, text, check_host, err);
}

bool read_public_url(const struct reader *r, const struct setting *s, struct str text,
                     struct error *err)
{
    struct str scheme, host;
    size_t at;

    while (str_ends(text, STR("/")))
        text.len--;
    if (!str_find(text, STR("://"), &at))
        at = 0;
    scheme = str_sub(text, 0, at);
    host = str_sub(text, at + 3, text.len);
    if (!is_host(host) || (!str_eq_c(scheme, "https") && !str_eq_c(scheme, "http")))
        return error_set(err, ERROR_INVALID,
                         "use https://HOST, as people give it to their client, without a path");
    if (str_eq_c(scheme, "http") && !is_loopback(bare_host(host)))
        return error_set(err, ERROR_INVALID, "use https://; http:// is for this machine alone");
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, text);
    return true;
}

bool read_issuer(const struct reader *r, const struct setting *s, struct str text,
                 struct error *err)
{
    struct str scheme = STR("https://"), host, path;
    size_t slash;

    host = str_sub(text, scheme.len, text.len);
    if (!str_find_char(host, '/', &slash))
        slash = host.len;
    path = str_sub(host, slash, host.len);
    host = str_sub(host, 0, slash);
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] <= ' ' || path.ptr[i] >= 0x7F || strchr("?#\"<>\\", path.ptr[i]))
            host.len = 0;
    }
    if (!str_starts(text, scheme) || !is_host(host))
        return error_set(err, ERROR_INVALID,
                         "use %s, exactly as the provider writes its issuer", s->accepts);
    *(struct str *)setting_field(r, s) = arena_dup(r->arena, text);
    return true;
}

/* -- address ranges --------------------------------------------------------------------------- */

struct ranges {
    struct ip_range list[CONFIG_LIST_MAX];
    size_t n;
};

static bool add_range(struct ranges *to, struct str text, struct error *err)
{
    if (to->n == CONFIG_LIST_MAX)
        return error_set(err, ERROR_INVALID, "use at most %d of them", CONFIG_LIST_MAX);
    return ip_range_parse(text, &to->list[to->n], err) && (++to->n, true);
}

static bool add_named(struct ranges *to, struct str name, struct error *err)
{
    if (str_eq_ascii_case(name, STR("claude")))
        return add_range(to, STR(CONFIG_CLAUDE_RANGE), err);
    if (str_eq_ascii_case(name, STR("loopback")))
        return add_range(to, STR("127.0.0.0/8"), err) && add_range(to, STR("::1"), err);
    return add_range(to, name, err);
}

bool read_ranges(const struct reader *r, const struct setting *s, struct str text,
                 struct error *err)
{
    struct ranges *ranges = ARENA_NEW(r->arena, struct ranges, 1);
    struct str piece;

    while (str_next(&text, ',', &piece)) {
        piece = str_trim(piece);
        if (piece.len > 0 && !add_named(ranges, piece, err))
            return false;
    }
    if (ranges->n == 0) /* which would be as good as not set */
        return error_set(err, ERROR_INVALID, "use " STR_FMT,
                         STR_ARG(setting_accepts(r->arena, s)));
    *(struct config_ranges *)setting_field(r, s) =
        (struct config_ranges){ranges->list, ranges->n};
    return true;
}

bool read_proxies(const struct reader *r, const struct setting *s, struct str text,
                  struct error *err)
{
    if (!str_eq_ascii_case(text, STR("none")))
        return read_ranges(r, s, text, err);
    *(struct config_ranges *)setting_field(r, s) = (struct config_ranges){0};
    return true;
}

struct config_ranges config_shared_addresses(struct arena *a)
{
    struct ranges *ranges = ARENA_NEW(a, struct ranges, 1);
    struct error err;

    if (!add_named(ranges, STR("loopback"), &err) || !add_named(ranges, STR("claude"), &err))
        abort(); /* our own words */
    return (struct config_ranges){ranges->list, ranges->n};
}

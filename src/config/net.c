/*
 * net.c - where the server listens and under which path it is known, and which web pages may call it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include <arpa/inet.h>

#include "text/text.h"

#define HOST_MAX_BYTES 64 /* the longest loopback address is far shorter */

/* localhost, 127.0.0.0/8 or ::1. */
static bool is_loopback(struct str host)
{
    char text[HOST_MAX_BYTES];
    struct in_addr v4;
    struct in6_addr v6;

    if (str_eq_ascii_case(host, STR("localhost")))
        return true;
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool read_host(const struct reader *r, const struct setting *s, struct str text,
               struct error *err)
{
    struct str host = text;

    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.len - 1);
    if (!is_loopback(host))
        return error_set(err, ERROR_INVALID,
                         "access from other machines needs log-ins, which this version does "
                         "not have yet; use 127.0.0.1, ::1 or localhost, and an SSH tunnel "
                         "from elsewhere");
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

bool read_origins(const struct reader *r, const struct setting *s, struct str text,
                  struct error *err)
{
    struct str *list = ARENA_NEW(r->arena, struct str, CONFIG_ORIGINS_MAX);
    size_t n = 0;
    struct str piece;

    (void)s;
    while (str_next(&text, ',', &piece)) {
        piece = str_trim(piece);
        if (str_ends(piece, STR("/")))
            piece.len--;
        if (piece.len == 0)
            continue;
        if (!check_origin(piece, err))
            return false;
        if (n == CONFIG_ORIGINS_MAX)
            return error_set(err, ERROR_INVALID, "use at most %d origins", CONFIG_ORIGINS_MAX);
        list[n++] = arena_dup(r->arena, piece);
    }
    r->to->config.cors_origins = list;
    r->to->config.n_cors_origins = n;
    return true;
}

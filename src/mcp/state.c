/*
 * state.c - what goes through the client's hands and must come back unchanged: request states and
 * cursors, sealed by HMAC with the server's key.
 *
 * A request state is bound to the principal, to the method and its arguments, and expires.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "base/clock.h"
#include "crypto/crypto.h"

static struct str mac_of(const struct mcp_server *s, struct arena *a, struct str text)
{
    unsigned char mac[CRYPTO_SHA256_BYTES];

    crypto_hmac_sha256(s->key, text, mac);
    return arena_dup(a, str_n((const char *)mac, sizeof(mac)));
}

/* Everything but the answers of the client, which change from round to round. */
static struct str binding(const struct mcp_call *c, struct arena *a)
{
    AUTO_JSON *params = json_deep_copy(c->params);
    char hex[CRYPTO_SHA256_HEX];

    json_object_del(params, "inputResponses");
    json_object_del(params, "requestState");
    json_object_del(params, "_meta");
    crypto_sha256_hex(arena_printf(a, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(c->principal),
                                   STR_ARG(c->method),
                                   STR_ARG(params ? json_text(a, params) : STR(""))),
                      hex);
    return arena_dup(a, str_c(hex));
}

static int64_t next_nonce(struct mcp_server *s)
{
    MUTEX_SCOPE(&s->lock);

    return ++s->n_ids;
}

static int64_t steady_ms(struct mcp_server *s)
{
    MUTEX_SCOPE(&s->lock);

    return s->now_ms;
}

struct str state_seal(struct mcp_call *c, const json_t *state)
{
    AUTO_BUF b = {0};
    json_t *j =
        json_must(json_pack("{s:o, s:I, s:I, s:O}", "for", json_str(binding(c, &c->arena)),
                            "until", (json_int_t)steady_ms(c->server) + STATE_LIFETIME_MS,
                            "nonce", (json_int_t)next_nonce(c->server), "state", state));
    struct str text = json_text(&c->arena, j);

    json_decref(j);
    crypto_base64url_encode(&b, text);
    buf_add_char(&b, '.');
    crypto_base64url_encode(&b, mac_of(c->server, &c->arena, text));
    return arena_dup(&c->arena, buf_str(&b));
}

static bool refuse(struct error *err)
{
    return error_set(err, ERROR_INVALID, "requestState is not one of ours, or too old");
}

bool state_open(const struct mcp_call *c, struct str sealed, json_t **out, struct error *err)
{
    AUTO_ARENA a = {0};
    AUTO_JSON *j = NULL;
    struct str body, mac, text;

    if (!str_cut(sealed, '.', &body, &mac) || !crypto_base64url_decode(&a, body, &text, NULL) ||
        !crypto_base64url_decode(&a, mac, &mac, NULL) ||
        !str_eq_secret(mac, mac_of(c->server, &a, text)) || !json_parse(text, &j, NULL))
        return refuse(err);
    if (!str_eq(json_view(json_object_get(j, "for")), binding(c, &a)) ||
        json_integer_value(json_object_get(j, "until")) < steady_ms(c->server))
        return refuse(err);
    *out = json_incref(json_object_get(j, "state"));
    return true;
}

struct str cursor_seal(const struct mcp_server *s, struct arena *a, struct str list, size_t at)
{
    AUTO_BUF b = {0};
    struct str text = arena_printf(a, STR_FMT ":%zu", STR_ARG(list), at);

    crypto_base64url_encode(&b, text);
    buf_add_char(&b, '.');
    crypto_base64url_encode(&b, str_sub(mac_of(s, a, text), 0, 16));
    return arena_dup(a, buf_str(&b));
}

bool cursor_open(const struct mcp_server *s, struct arena *a, struct str list,
                 struct str cursor, size_t *out)
{
    struct str body, mac, text, name, number;
    int64_t at;

    if (!str_cut(cursor, '.', &body, &mac) || !crypto_base64url_decode(a, body, &text, NULL) ||
        !crypto_base64url_decode(a, mac, &mac, NULL) ||
        !str_eq_secret(mac, str_sub(mac_of(s, a, text), 0, 16)) ||
        !str_cut(text, ':', &name, &number) || !str_eq(name, list) ||
        !str_to_int(number, &at) || at < 0)
        return false;
    *out = (size_t)at;
    return true;
}

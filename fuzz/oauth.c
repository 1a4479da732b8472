/*
 * oauth.c - what strangers send before anybody knows them: forms, addresses, tokens, metadata.
 *
 * The first byte chooses what the rest is. What must hold whatever it is: a redirect address that was taken is
 * printable, has one host and matches itself; what is encoded decodes to the same; no token that we did not sign is
 * good; and a location built of it is one line.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include <stdlib.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_form(struct arena *a, struct str text)
{
    struct form f;
    struct error err = {0};

    if (!form_parse(a, text, &f, &err)) {
        must(err.kind == ERROR_INVALID);
        return;
    }
    must(f.n <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < f.n; i++) {
        AUTO_BUF b = {0};
        struct str back;

        form_encode(&b, f.fields[i].value);
        must(form_decode(a, buf_str(&b), &back) && str_eq(back, f.fields[i].value));
    }
    (void)form_repeated(&f, "resource");
}

static void try_location(struct arena *a, struct str uri, struct str value)
{
    const struct field fields[] = {{STR("state"), value}};

    must(text_is_plain(redirect_build(a, uri, fields, COUNT(fields))));
}

static void try_uri(struct arena *a, struct str text)
{
    static const struct str schemes[] = {STR_INIT("cursor")};
    const struct redirect_rules rules = {.schemes = schemes, .n_schemes = COUNT(schemes)};
    struct str uri = text, value = {0};
    struct resource r;
    struct uri u;

    (void)str_cut(text, '\n', &uri, &value);
    if (redirect_check(&rules, uri, NULL)) {
        must(uri_parse(uri, &u, NULL) && redirect_matches(uri, uri));
        must(!str_contains(u.host, STR("@")) && !str_contains(uri, STR("#")));
        must(text_is_plain(uri) && redirect_host(a, uri).len > 0);
        try_location(a, uri, value);
    }
    if (cimd_url_check(uri, NULL))
        must(str_starts(uri, STR("https://")) && !str_contains(uri, STR("?")));
    if (resource_parse(a, STR("https://h"), uri, &r))
        must(str_starts(r.name, STR("https://h")) && text_is_plain(r.name) &&
             (!r.space.len || space_is_valid(r.space)));
    if (auth_base_check(uri, NULL))
        must(resource_parse(a, uri, uri, &r) && r.path.len == 0);
}

/* A key that was taken is one of the two kinds, and what it says of itself is taken as well. */
static void try_key(struct arena *a, struct str text)
{
    struct crypto_key *key, *again;
    struct crypto_jwt t;

    if (!crypto_jwk_load(text, &key, NULL))
        return;
    must(str_eq_c(crypto_key_alg(key), "ES256") || str_eq_c(crypto_key_alg(key), "RS256"));
    must(crypto_jwk_load(crypto_key_jwk(key), &again, NULL));
    must(str_eq(crypto_key_id(key), crypto_key_id(again)));
    must(crypto_jwt_parse_other(a, STR("eyJhbGciOiJFUzI1NiJ9.e30."), &t, NULL));
    must(!crypto_jwt_is_by(&t, key));
    crypto_key_free(again);
    crypto_key_free(key);
}

static void try_token(struct arena *a, struct str text)
{
    struct crypto_key *key = crypto_key_new();
    struct crypto_jwt t;

    try_key(a, text);
    if (crypto_jwt_parse_other(a, text, &t, NULL))
        must(!crypto_jwt_is_by(&t, key));

    if (crypto_jwt_parse(a, text, &t, NULL)) {
        must(t.alg.len && t.kid.len && t.typ.len);
        t.kid = crypto_key_id(key); /* past the name */
        t.alg = crypto_key_alg(key);
        must(!crypto_jwt_verify(&t, key));
    }
    crypto_key_free(key);
}

static void try_metadata(struct arena *a, struct str text)
{
    struct auth x = {0}; /* no schemes, no limits */
    struct stored_client c;
    struct str rest, each;

    if (!cimd_document_read(&x, a, STR("https://h/c"), text, &c, NULL))
        return;
    must(str_eq(c.method, STR("none")) && c.name.len && !c.secret_hash.len);
    rest = c.redirect_uris;
    must(words_next(&rest, &each));
    do {
        must(client_redirects_to(&c, each));
    } while (words_next(&rest, &each));
}

static void try_words(struct arena *a, struct str text)
{
    struct str left = text, right = {0}, common;
    struct scopes s = scopes_parse(text);

    (void)str_cut(text, '\n', &left, &right);
    common = words_common(a, left, right);
    must(common.len <= text.len);
    must(scopes_parse(scopes_text(a, s.bits, s.is_offline)).bits == s.bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct arena *, struct str) = {try_form, try_uri, try_token,
                                                                try_metadata, try_words};
    AUTO_ARENA a = {0};

    if (size > 0)
        tries[data[0] % COUNT(tries)](&a, str_n((const char *)data + 1, size - 1));
    return 0;
}

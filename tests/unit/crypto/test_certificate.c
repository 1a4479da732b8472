/* test_certificate.c - what a TLS server may present, and what stops it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "base/clock.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#define DAY_S     86400
#define JUNE_2020 1590969600 /* 2020-06-01 */

struct chain {
    struct arena arena;
    struct pki_pair root, middle, leaf, other;
};

static void chain_deinit(struct chain *c)
{
    arena_deinit(&c->arena);
}
#define AUTO_CHAIN AUTO(chain_deinit) struct chain

static void chain_init(struct chain *c)
{
    *c = (struct chain){0};
    c->root = pki_make(&c->arena, &(struct pki_wish){.name = "root", .is_authority = true});
    c->middle = pki_make(
        &c->arena,
        &(struct pki_wish){.name = "middle", .is_authority = true, .issuer = &c->root});
    c->leaf =
        pki_make(&c->arena, &(struct pki_wish){.name = "memory.example", .issuer = &c->middle});
    c->other = pki_make(&c->arena, &(struct pki_wish){.name = "other.example"});
}

static struct str joined(struct chain *c, struct str a, struct str b)
{
    return arena_printf(&c->arena, STR_FMT STR_FMT, STR_ARG(a), STR_ARG(b));
}

static bool load(struct str chain, struct str key, int64_t now_ms,
                 struct crypto_certificate **out, struct error *err)
{
    return crypto_certificate_new(&(struct crypto_pem){STR("chain.pem"), chain},
                                  &(struct crypto_pem){STR("key.pem"), key}, now_ms, out, err);
}

static void check_fails(struct str chain, struct str key, int64_t now_ms, const char *says)
{
    struct crypto_certificate *c = NULL;
    struct error err = {0};
    size_t at;

    if (!CHECK(!load(chain, key, now_ms, &c, &err)))
        crypto_certificate_unref(c);
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(!str_find_char(str_c(err.text), '\n', &at));
    if (!CHECK(str_contains(str_c(err.text), str_c(says))))
        fprintf(stderr, "  got: %s\n", err.text);
}

TEST(a_chain_and_its_key_load)
{
    AUTO_CHAIN c;
    struct crypto_certificate *got = NULL;
    struct error err = {0};
    int64_t now_ms = clock_now_ms();

    chain_init(&c);
    REQUIRE(CHECK_OK(load(joined(&c, c.leaf.certificate, c.middle.certificate), c.leaf.key,
                          now_ms, &got, &err),
                     err));
    CHECK(crypto_certificate_end_ms(got) > now_ms);
    CHECK(crypto_certificate_end_ms(got) < now_ms + 2 * DAY_S * INT64_C(1000));
    CHECK(!crypto_certificate_is_alone(got));
    CHECK(crypto_certificate_is_for(got, STR("memory.example")));
    CHECK(crypto_certificate_is_for(got, STR("MEMORY.example")));
    CHECK(!crypto_certificate_is_for(got, STR("example")));
    CHECK(!crypto_certificate_is_for(got, STR("memory.example.evil.test")));
    CHECK(crypto_certificate_ref(got) == got);
    crypto_certificate_unref(got);
    crypto_certificate_unref(got);
    crypto_certificate_unref(NULL);
}

TEST(a_certificate_without_its_signer_is_alone)
{
    AUTO_CHAIN c;
    struct crypto_certificate *leaf = NULL, *own = NULL;
    struct error err = {0};

    chain_init(&c);
    REQUIRE(CHECK_OK(load(c.leaf.certificate, c.leaf.key, clock_now_ms(), &leaf, &err), err));
    CHECK(crypto_certificate_is_alone(leaf));
    REQUIRE(CHECK_OK(load(c.other.certificate, c.other.key, clock_now_ms(), &own, &err), err));
    CHECK(!crypto_certificate_is_alone(own));
    crypto_certificate_unref(leaf);
    crypto_certificate_unref(own);
}

TEST(what_is_no_chain_says_why)
{
    AUTO_CHAIN c;
    int64_t now_ms = clock_now_ms();
    struct str broken = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

    chain_init(&c);
    check_fails(STR(""), c.leaf.key, now_ms, "chain.pem: it holds no certificate");
    check_fails(STR("\x30\x82\x01"), c.leaf.key, now_ms, "chain.pem: it holds no certificate");
    check_fails(c.leaf.key, c.leaf.key, now_ms, "chain.pem: it holds no certificate");
    check_fails(broken, c.leaf.key, now_ms, "chain.pem: its certificates cannot be read");
    check_fails(joined(&c, c.middle.certificate, c.leaf.certificate), c.leaf.key, now_ms,
                "certificate 2 in it has not signed certificate 1");
    check_fails(joined(&c, c.leaf.certificate, c.other.certificate), c.leaf.key, now_ms,
                "certificate 2 in it has not signed certificate 1");
}

TEST(what_is_no_key_says_why)
{
    AUTO_CHAIN c;
    int64_t now_ms = clock_now_ms();

    chain_init(&c);
    check_fails(c.leaf.certificate, STR(""), now_ms, "key.pem: it holds no private key");
    check_fails(c.leaf.certificate, c.leaf.certificate, now_ms,
                "key.pem: it holds no private key");
    check_fails(c.leaf.certificate,
                STR("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                    "-----END ENCRYPTED PRIVATE KEY-----\n"),
                now_ms, "key.pem: the key in it is encrypted");
    check_fails(c.leaf.certificate,
                STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), now_ms,
                "key.pem: its key cannot be read");
    check_fails(c.leaf.certificate, c.other.key, now_ms,
                "key.pem: its key is not that of the certificate in chain.pem");
}

TEST(dates_of_the_whole_chain_count)
{
    AUTO_CHAIN c;
    struct pki_pair middle, leaf;
    struct str chain;
    struct crypto_certificate *got = NULL;
    struct error err = {0};
    const int64_t june_ms = JUNE_2020 * INT64_C(1000);

    chain_init(&c);
    middle = pki_make(&c.arena, &(struct pki_wish){.name = "middle",
                                                   .is_authority = true,
                                                   .issuer = &c.root,
                                                   .begin_s = JUNE_2020,
                                                   .end_s = JUNE_2020 + 10 * DAY_S});
    leaf = pki_make(&c.arena, &(struct pki_wish){.name = "leaf",
                                                 .issuer = &middle,
                                                 .begin_s = JUNE_2020 + DAY_S,
                                                 .end_s = JUNE_2020 + 20 * DAY_S});
    chain = joined(&c, leaf.certificate, middle.certificate);

    check_fails(chain, leaf.key, june_ms, "certificate 1 in it is not valid before 2020-06-02");
    check_fails(chain, leaf.key, june_ms + 10 * DAY_S * INT64_C(1000),
                "certificate 2 in it expired on 2020-06-11; renew it");
    check_fails(leaf.certificate, leaf.key, june_ms + 20 * DAY_S * INT64_C(1000),
                "certificate 1 in it expired on 2020-06-21; renew it");
    CHECK_OK(load(chain, leaf.key, june_ms + DAY_S * INT64_C(1000), &got, &err), err);
    crypto_certificate_unref(got);
}

TEST(a_chain_that_a_server_showed_is_judged)
{
    AUTO_CHAIN c;
    struct pki_pair expired, self;
    int64_t end_ms = 0;
    struct error err = {0};

    chain_init(&c);
    expired = pki_make(&c.arena, &(struct pki_wish){.name = "memory.example",
                                                    .issuer = &c.middle,
                                                    .begin_s = JUNE_2020,
                                                    .end_s = JUNE_2020 + DAY_S});
    self = pki_make(&c.arena, &(struct pki_wish){.name = "memory.example"});
    const struct {
        struct str pem;
        const char *host, *says; /* NULL: nothing is wrong */
    } rows[] = {
        {joined(&c, c.leaf.certificate, c.middle.certificate), "memory.example", NULL},
        {joined(&c, c.leaf.certificate, c.middle.certificate), "other.example",
         "it is for memory.example, not for other.example"},
        {c.leaf.certificate, "memory.example", "alone"},
        {self.certificate, "memory.example", "signed by itself"},
        {joined(&c, expired.certificate, c.middle.certificate), "memory.example", "expired"},
        {joined(&c, c.leaf.certificate, c.root.certificate), "memory.example",
         "has not signed"},
        {STR("none"), "memory.example", "no certificate"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_ok =
            crypto_chain_check(rows[i].pem, str_c(rows[i].host), clock_now_ms(), &end_ms, &err);

        CHECK_INT(is_ok, rows[i].says == NULL);
        CHECK(is_ok || str_contains(str_c(err.text), str_c(rows[i].says)));
    }
    CHECK(end_ms > clock_now_ms());
}

TEST_MAIN()

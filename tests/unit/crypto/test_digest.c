/* test_digest.c - digests against published vectors, and random bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "tests/support/test.h"

TEST(sha256_has_its_published_values)
{
    static const struct {
        struct str in;
        const char *want;
    } rows[] = {
        {STR_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {STR_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {STR_INIT("hello world"),
         "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"},
        {STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {STR_INIT("a\0b"), "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char hex[CRYPTO_SHA256_HEX];

        crypto_sha256_hex(rows[i].in, hex);
        CHECK_STR(str_c(hex), rows[i].want);
    }
}

TEST(a_digest_of_pieces_is_that_of_the_whole)
{
    struct crypto_digest *d = crypto_digest_new();
    unsigned char whole[CRYPTO_SHA256_BYTES], pieces[CRYPTO_SHA256_BYTES];
    struct str text = STR("a text that is digested in pieces of several lengths");

    crypto_sha256(text, whole);
    for (size_t step = 1; step < text.len; step += 7) { /* also: one digest after another */
        for (size_t at = 0; at < text.len; at += step)
            crypto_digest_add(d, str_sub(text, at, at + step));
        crypto_digest_add(d, (struct str){0});
        crypto_digest_finish(d, pieces);
        CHECK(memcmp(whole, pieces, sizeof(whole)) == 0);
    }
    crypto_digest_free(d);
    crypto_digest_free(NULL);
}

TEST(a_digest_may_be_dropped_unfinished)
{
    struct crypto_digest *d = crypto_digest_new();

    crypto_digest_add(d, STR("abc"));
    crypto_digest_free(d);
}

/* RFC 4231, cases 1, 2, 6. */
TEST(hmac_sha256_has_its_published_values)
{
    struct {
        struct str key, data;
        const char *want;
    } rows[] = {
        {STR("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
             "\x0b"),
         STR("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR("Jefe"), STR("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{0},
         STR("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    char long_key[131];

    memset(long_key, 0xaa, sizeof(long_key));
    rows[2].key = str_n(long_key, sizeof(long_key));
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned char digest[CRYPTO_SHA256_BYTES];
        char hex[CRYPTO_SHA256_HEX];

        crypto_hmac_sha256(rows[i].key, rows[i].data, digest);
        crypto_hex(digest, sizeof(digest), hex);
        CHECK_STR(str_c(hex), rows[i].want);
    }
}

TEST(an_empty_key_and_text_have_an_hmac)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char hex[CRYPTO_SHA256_HEX];

    crypto_hmac_sha256((struct str){0}, (struct str){0}, digest);
    crypto_hex(digest, sizeof(digest), hex);
    CHECK_STR(str_c(hex), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(random_bytes_differ_and_fill_the_whole)
{
    unsigned char a[64] = {0}, b[64] = {0};
    unsigned n_zero = 0;

    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    for (size_t i = 0; i < sizeof(a); i++)
        n_zero += a[i] == 0;
    CHECK(n_zero < 16);
    CHECK(crypto_random_u64() != crypto_random_u64());
}

TEST_MAIN()

/* test_encode.c - hex and Base64 with exactly one spelling. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "tests/support/test.h"

TEST(hex_is_lower_case)
{
    char out[9];

    crypto_hex("\x00\x9f\xab\xff", 4, out);
    CHECK_STR(str_c(out), "009fabff");
    crypto_hex("", 0, out);
    CHECK_STR(str_c(out), "");
}

/* RFC 4648, section 10, and where the two alphabets differ. */
static const struct {
    struct str bytes;
    const char *standard, *url;
} vectors[] = {
    {STR_INIT(""), "", ""},
    {STR_INIT("f"), "Zg==", "Zg"},
    {STR_INIT("fo"), "Zm8=", "Zm8"},
    {STR_INIT("foo"), "Zm9v", "Zm9v"},
    {STR_INIT("foob"), "Zm9vYg==", "Zm9vYg"},
    {STR_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
    {STR_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {STR_INIT("\xfb\xff\xbf"), "+/+/", "-_-_"},
    {STR_INIT("\0\0"), "AAA=", "AAA"},
};

TEST(base64_has_its_published_values)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        AUTO_ARENA a = {0};
        AUTO_BUF b = {0};
        struct error err = {0};
        struct str got = {0};

        crypto_base64_encode(&b, vectors[i].bytes);
        CHECK_STR(buf_str(&b), vectors[i].standard);
        CHECK_OK(crypto_base64_decode(&a, buf_str(&b), &got, &err), err);
        CHECK_VIEW(got, vectors[i].bytes);

        buf_clear(&b);
        crypto_base64url_encode(&b, vectors[i].bytes);
        CHECK_STR(buf_str(&b), vectors[i].url);
        CHECK_OK(crypto_base64url_decode(&a, buf_str(&b), &got, &err), err);
        CHECK_VIEW(got, vectors[i].bytes);
    }
}

TEST(every_byte_survives)
{
    unsigned char bytes[256 + 64];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        AUTO_ARENA a = {0};
        AUTO_BUF b = {0};
        struct error err = {0};
        struct str got = {0}, in = str_n((const char *)bytes, n);

        crypto_base64_encode(&b, in);
        CHECK_OK(crypto_base64_decode(&a, buf_str(&b), &got, &err), err);
        CHECK_VIEW(got, in);
        buf_clear(&b);
        crypto_base64url_encode(&b, in);
        CHECK_OK(crypto_base64url_decode(&a, buf_str(&b), &got, &err), err);
        CHECK_VIEW(got, in);
    }
}

TEST(other_spellings_are_refused)
{
    static const struct str standard[] = {
        STR_INIT("Zg"),    STR_INIT("Zg="),        STR_INIT("Zg==="),    STR_INIT("Z==="),
        STR_INIT("===="),  STR_INIT("Zm9v\n"),     STR_INIT("Zm 9v"),    STR_INIT("Zm9v===="),
        STR_INIT("Zh=="),  STR_INIT("Zm9="),       STR_INIT("Zg==Zg=="), STR_INIT("-_-_"),
        STR_INIT("Zm9\0"), STR_INIT("Z\xC3\xA4g"),
    };
    static const struct str url[] = {
        STR_INIT("Z"),   STR_INIT("Zg=="),  STR_INIT("Zh"),   STR_INIT("+/+/"),
        STR_INIT("Zm9"), STR_INIT("Zm9vY"), STR_INIT("Zg\n"), STR_INIT("Zm\0v"),
    };
    AUTO_ARENA a = {0};
    struct str got;

    for (size_t i = 0; i < COUNT(standard); i++) {
        struct error err = {0};

        if (crypto_base64_decode(&a, standard[i], &got, &err))
            CHECK_VIEW(STR("was taken"), standard[i]);
        CHECK_INT(err.kind, ERROR_INVALID);
    }
    for (size_t i = 0; i < COUNT(url); i++) {
        struct error err = {0};

        if (crypto_base64url_decode(&a, url[i], &got, &err))
            CHECK_VIEW(STR("was taken"), url[i]);
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST_MAIN()

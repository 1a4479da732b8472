/* test_password.c - passwords are kept as argon2id hashes, each with a salt of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "tests/support/test.h"

TEST(a_password_matches_its_hash_and_no_other)
{
    char hash[CRYPTO_PASSWORD_HASH_MAX], again[CRYPTO_PASSWORD_HASH_MAX];
    struct error err = {0};

    REQUIRE(CHECK_OK(crypto_password_hash(STR("correct horse"), hash, &err), err));
    REQUIRE(CHECK_OK(crypto_password_hash(STR("correct horse"), again, &err), err));
    CHECK(str_starts(str_c(hash), STR("$argon2id$v=19$m=65536,")));
    CHECK(!str_eq(str_c(hash), str_c(again)));
    CHECK(crypto_password_check(STR("correct horse"), str_c(hash)));
    CHECK(!crypto_password_check(STR("correct hors"), str_c(hash)));
    CHECK(!crypto_password_check(STR(""), str_c(hash)));
    CHECK(!crypto_password_check(STR("correct horse\0x"), str_c(hash)));
}

TEST(what_is_no_hash_matches_nothing)
{
    static const struct str rows[] = {
        STR_INIT(""),
        STR_INIT("plain"),
        STR_INIT("$argon2id$"),
        STR_INIT("$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(!crypto_password_check(rows[i], rows[i]));
}

TEST_MAIN()

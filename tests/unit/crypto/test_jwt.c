/*
 * test_jwt.c - tokens are whole, signed by the named key, and by its own algorithm.
 *
 * Keys and tokens below were made by another implementation (Node.js, OpenSSL).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "json/json.h"
#include "tests/support/test.h"

static const char es256_pem[] =
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSrL7"
    "uhuAmjiBB8/1\nMfgSvVWwjxHZixkuH+AvWNNKZvKhRANCAARcRlVWuLRjcAuhXlaBW9u4aea+FcWc\nfi"
    "XiLburmHa0vrx6GSouzI6Pj9Yn0qSEwyHApk6DFHb5hDTCoWGRekwO\n-----END PRIVATE KEY-----"
    "\n";
#define ES256_KID "4RVuDBnePa9c6koBNeh0R-l9qmqrdHGozgtNF1f3UM0"
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjRSVnVEQm5lUGE5YzZrb0JOZWgwUi1s"
    "OXFtcXJkSEdvemd0TkYxZjNVTTAifQ.eyJzdWIiOiJhbm4ifQ.8V8glEA_nmlkiPSVNp09QGFy27FBBi"
    "Uq9tvcLNaPotHP2eb7uvyQ72ESvNOW8LGsWssoSSEdcCUOs7U2DKM8VA";
static const char rs256_pem[] =
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC2"
    "8NxeFEKP8pQf\n+U1RzmoezqAa3joshRJHlLcC6uXc+a7alt0zNfCCAI0O5uNd/pfrJsSde/VAK4hH\nvk"
    "P8QbxuatE2K4YMWUlXNFVseLNfh4FaI2Dt1H4V+ekry2VKrc6L84I9Dw9CDWcd\nj/2a0Dhd36XWHJvOG"
    "InND6DBQBc9GEa3IsoCtfFsdwjqibg1ND/3YtJFM6ilksMf\nRBTMivyKxRrRSa9YwSp12UOi7XSoYq0c"
    "c6LIudWqTp7sYYl5BBsbKGlY6qNKy2RD\ngaLcyiqZd/PXPLtOuJdZBF1HE6gYpRB4vpLb1ua6o5BgSOq"
    "0+72APksKHNpaJOK8\nCGRj6LJfAgMBAAECggEABp0/wnEGFRFGtL89QetuH84FsOL/BHQNPKROV58pj2"
    "tB\nnKqetcbJ+tFNSFAlwVS+pmRg8Ha2X8sTItDowVqZFv7qsIQzVQf3ZF1Ch2j3x0jt\nbtZfn0mzA1Vl"
    "Tk2MzH3rPVkhCNceDJvSchmuKCZGG3LGGq8vHOz7MnxRqhsInA9Q\nWduGmhKpwR+Nu04dl3MDkqQHLFw"
    "C1VY8BGXOcW/r5MCoiiZAjoola6NY390MHix4\n/8D1lWkXAz5GJWN3t/z1mEP72aKCY4BkqB3aQUvoAu"
    "9Sbo/MhDrQ4kGBRPeoAPp0\ndeVVHX5jn+7pLiudZm4WtOi+E+TNNW9sei+vgSH6WQKBgQD3Fo6h+FOtQ"
    "QgZHZPB\n0pXhGyhKxRGVXXRlt0FC3/fhsi34OfhfyExL5cxAoYSA33FQACE9SrViT7pAqYGj\n5GummGc"
    "ng5fmHTLIG6cWVAjPffkajSsrPB95ivH93fXavEjGEwJKYdyFYF66FLck\noqudH7wO9M2eicSqNiw5WF"
    "d49wKBgQC9igMCbp207qC0ZOGN2Y8UnswULipD+FLx\nIuJ6tbSB5ahV/BZMgfUQEXQUigjaXymGksq3W"
    "KvCIf1lDNesmCQ/3wMmG7nqEUJg\nkhwWwT4bwmF59PZh4fHALksJaf0fkH595Pl8hC/0hZbF3Uh2EDUa"
    "DpDt9LHPC+Qz\nYQ4P1rzf2QKBgHGR6a9i/7sTuBArOx4MmB1mqSds2z8nPHgAOjvty/buOhjtNE96\nNi"
    "9wiWhvlQLTMTcPSDfu3d45PSe5gb/+HsjtJgTQhIIdi5jUtQEbUQ1mHphoqJ3v\nvZvVFJOWcQnAH0cDt"
    "7rOrliTyhaHrQJmzrCixIKvXM9xDXca/UrCYzpTAoGAX0qk\nyrM8XLvgVfGmKL/pnI9dwQOYwkV1xcAp"
    "J1J1Zx1Ebb5oo5xuzd5Igw8G9msDoKHq\ngxV0fQzDresv/5kaGHaRybYE2XZF7fFnZ9VN2Xz3ru4GdR2"
    "4gkuD9D6yQQ1PWxIk\nkIKQ7ZnAPMhM5vatC+Wo3cm5H4Q1/dLc0/+9Q7kCgYEAsT3CuZxqF6rIm3OKj4"
    "J7\nEJJ1lQalJbI+XNT2Jt4KM1PRfCXL4n84Tv35YeTKaAQc3BszPoJN0C/wjk9fPVFb\nnhPlDWFeTGih"
    "7ynOBlygX5Dsr9bIvbI7yyWWFCTNobAUMmF2hvKj3WZtUDYxLF/o\nCnZN1kkgEkZ8+xfdDnBq+qc=\n--"
    "---END PRIVATE KEY-----\n";
#define RS256_KID "jsmppR5cNwsbUqRydL1kQgxLIg6u6U0FNT5BScgKXCs"
static const char rs256_token[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImpzbXBwUjVjTndzYlVxUnlkTDFrUWd4"
    "TElnNnU2VTBGTlQ1QlNjZ0tYQ3MifQ.eyJzdWIiOiJhbm4ifQ.dSjAk8Kz-lCFeAqP3sk8yNQ8Rey2Y3"
    "PZ0A_RPS_knb097r2ALVUxf7PTwDo0nlppreYKfQH0TrTGjqKHPFy0hd7LTWvI2R4i71mfNabA7tbMdd"
    "zatJ1fz13zAo3VSWinmrz2DNuLSNGNoLHMX9zsudnXTIxWpE77R3Fbdj6EP_ajtWu4OcmcqICRRkFxic"
    "BNOVnxaNKSPaiLQTjUpP9xuPdmzMhMklEG69UnSs6sbtXTgw6N_rgq_8zXQZr6QCreoaKaW-VNZ_IwFq"
    "uxIgy7NQJQUfJnQH1xvd8myA5KUqT6S3Nl-uTJMcU-c9N1NxGtDgt8lsBZ20wkKLj-muJeAA";
static const char p384_pem[] =
    "-----BEGIN PRIVATE KEY-----\nMIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDB+XqfS"
    "0Bn6lOxAGEV5\ndpitssVqJ61/Pst4/NI21zyH2RdzfGyjp9deNmSksqzZbnGhZANiAAQfWLk/PYos\nY8"
    "gJMLttZGnQmelwZN+JrNUKC5awR2f+8AWfNeZ0Rm02+HThpbuo3CgWsRAjieS4\n1M4KmTGV+1GHGWh+f"
    "qR/kT8f5rr90tDK6PUsqkPcSnejPOZgSj03NWM=\n-----END PRIVATE KEY-----\n";
static const char rsa1024_pem[] =
    "-----BEGIN PRIVATE KEY-----\nMIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAK67"
    "79Mk4XeCuYjE\ngN2S3q4rVlb/2hUUsWWMvsnZX5PKFXQ2WICNug2SzQpUsVHOlGZlLEVW3hwNFGAt\nIV"
    "ANHLcattP4Bd0vRCKv0Vre09Fjn2bDqKRPqxFXy9XyjvawLQ4enNHE52iMoSqA\ndMZXGwDcqddov3ftq"
    "L0PzRSV0RKNAgMBAAECgYBMt4sWYyzy8dxP5ibGIcPPKIvh\n6rdvZgR1F5R0vxGtq547xdiZqKA1cWzA"
    "ymqIBnE1e9oyH2+pVTzK9UWZBgjCyZuq\nH3GP6oWzlUMY3zpIzkvG9XzEhppoxHdEGIkgASdiUZNspSV"
    "eFvTxaV9UDi7rtFFy\n5tJiAjd6ARmchCoLqQJBAOR6NU4KSTtpS/SVQ+KuekcTKBHeoPWYrZuE4Lojky"
    "hM\nLB+bzZtOAyy1uvq0wbRBrlSvj0qKnhU90UBhee1Oxw8CQQDDyGSOp3jenMXfPlAV\nHj2AQmOoqc5e"
    "DKFGzUvgzz428JBZc81n4KY6+HCNPBT1GeWxaMVHCCnJq9A09JWk\ncmyjAkBvdHZAZaAnzUvyOkZtdDP"
    "OLDglz3axmBNIhF+kLeqBg/caTETWeA3wZ46Y\n8kh0CH5kbWf3Mvu+3PMQ9vwlmYJdAkAaGPxOh8R06D"
    "D4MTY7mmxYTIE8WmZH4ycc\naQFUVkvUxvx28BjRYADIm5VlPj0M7wbPP0gMz+nCGEUIyhGoehhBAkEAr"
    "n0eFJTx\ndG7y1RjJeVmThdvaQ3X6a2YhInUidGC9QDWcqoZSomQTMUK/WZDLNnVs8S5IIg8N\nRQBoqTG"
    "bLYucWg==\n-----END PRIVATE KEY-----\n";

static void key_free(struct crypto_key **k)
{
    crypto_key_free(*k);
}
#define AUTO_KEY AUTO(key_free) struct crypto_key

static struct crypto_key *load(const char *pem)
{
    struct crypto_key *k = NULL;
    struct error err = {0};

    CHECK_OK(crypto_key_load(str_c(pem), &k, &err), err);
    return k;
}

static bool is_good(struct str token, const struct crypto_key *k)
{
    AUTO_ARENA a = {0};
    struct crypto_jwt t;
    struct error err = {0};

    return crypto_jwt_parse(&a, token, &t, &err) && crypto_jwt_verify(&t, k);
}

/* header and claims as JSON, with a signature as text. */
static struct str assemble(struct arena *a, const char *header, const char *claims,
                           struct str signature)
{
    AUTO_BUF b = {0};

    crypto_base64url_encode(&b, str_c(header));
    buf_add_char(&b, '.');
    crypto_base64url_encode(&b, str_c(claims));
    buf_add_char(&b, '.');
    buf_add(&b, signature);
    return arena_dup(a, buf_str(&b));
}

TEST(tokens_of_another_implementation_are_good)
{
    AUTO_KEY *ec = load(es256_pem), *rsa = load(rs256_pem);

    CHECK_STR(crypto_key_id(ec), ES256_KID);
    CHECK_STR(crypto_key_id(rsa), RS256_KID);
    CHECK(is_good(str_c(es256_token), ec));
    CHECK(is_good(str_c(rs256_token), rsa));
    CHECK(!is_good(str_c(es256_token), rsa));
    CHECK(!is_good(str_c(rs256_token), ec));
}

TEST(what_is_signed_here_is_good_here)
{
    AUTO_ARENA a = {0};
    struct crypto_key *keys[3];
    struct error err = {0};

    keys[0] = crypto_key_new();
    keys[1] = load(es256_pem);
    keys[2] = load(rs256_pem);
    for (size_t i = 0; i < COUNT(keys); i++) {
        for (size_t n = 0; n < 20; n++) { /* numbers of a signature differ in length */
            struct str claims = arena_printf(&a, "{\"n\":%zu}", n);
            struct str token = crypto_jwt_sign(&a, keys[i], "at+jwt", claims);
            struct crypto_jwt t = {0};

            REQUIRE(CHECK_OK(crypto_jwt_parse(&a, token, &t, &err), err));
            CHECK_VIEW(t.claims, claims);
            CHECK_STR(t.typ, "at+jwt");
            CHECK_VIEW(t.kid, crypto_key_id(keys[i]));
            CHECK(crypto_jwt_verify(&t, keys[i]));
            CHECK(i == 2 || t.signature.len == 64);
        }
        crypto_key_free(STEAL(keys[i]));
    }
}

TEST(a_key_survives_as_pem)
{
    AUTO_ARENA a = {0};
    AUTO_KEY *k = crypto_key_new();
    struct str pem = crypto_key_pem(&a, k);
    AUTO_BUF line = {0};
    struct crypto_key *back = NULL;
    struct error err = {0};

    for (size_t i = 0; i < pem.len; i++) /* as in an .env file */
        buf_add_c(&line, pem.ptr[i] == '\n' ? "\\n" : (char[]){pem.ptr[i], 0});
    REQUIRE(CHECK_OK(crypto_key_load(buf_str(&line), &back, &err), err));
    CHECK_VIEW(crypto_key_id(back), crypto_key_id(k));
    CHECK(is_good(crypto_jwt_sign(&a, k, "x", STR("{}")), back));
    crypto_key_free(back);
}

TEST(weak_and_foreign_keys_are_refused)
{
    static const char *const rows[] = {
        "", "no key", p384_pem, rsa1024_pem,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct crypto_key *k = NULL;
        struct error err = {0};

        CHECK(!crypto_key_load(str_c(rows[i]), &k, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST(a_public_key_shows_nothing_secret)
{
    AUTO_KEY *k = load(es256_pem);
    AUTO_JSON *jwk = NULL;
    struct error err = {0};

    REQUIRE(CHECK_OK(json_parse(crypto_key_jwk(k), &jwk, &err), err));
    CHECK_INT(json_object_size(jwk), 7);
    CHECK_STR(json_view(json_object_get(jwk, "kty")), "EC");
    CHECK_STR(json_view(json_object_get(jwk, "crv")), "P-256");
    CHECK_STR(json_view(json_object_get(jwk, "use")), "sig");
    CHECK_STR(json_view(json_object_get(jwk, "alg")), "ES256");
    CHECK_STR(json_view(json_object_get(jwk, "kid")), ES256_KID);
    CHECK_INT(json_view(json_object_get(jwk, "x")).len, 43);
    CHECK_INT(json_view(json_object_get(jwk, "y")).len, 43);
}

TEST(no_changed_bit_is_good)
{
    AUTO_ARENA a = {0};
    AUTO_KEY *k = load(es256_pem);
    struct str token = arena_dup(&a, str_c(es256_token));
    char *text = (char *)(uintptr_t)token.ptr;

    for (size_t i = 0; i < token.len; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        CHECK(!is_good(token, k));
        text[i] = was;
    }
    CHECK(is_good(token, k));
}

/* An attacker who has the public key signs with it as a shared secret, or does not sign at all. */
TEST(the_token_does_not_choose_the_algorithm)
{
    static const char *const algs[] = {"none", "None", "HS256", "RS256", "ES384", "es256", ""};
    AUTO_ARENA a = {0};
    AUTO_KEY *k = load(es256_pem);

    for (size_t i = 0; i < COUNT(algs); i++) {
        struct str header = arena_printf(
            &a, "{\"alg\":\"%s\",\"kid\":\"" ES256_KID "\",\"typ\":\"at+jwt\"}", algs[i]);
        struct str bare = assemble(&a, header.ptr, "{\"sub\":\"root\"}", STR(""));
        unsigned char mac[CRYPTO_SHA256_BYTES];
        AUTO_BUF b = {0};

        CHECK(!is_good(bare, k));
        crypto_hmac_sha256(crypto_key_jwk(k), str_sub(bare, 0, bare.len - 1), mac);
        buf_add(&b, bare);
        crypto_base64url_encode(&b, str_n((const char *)mac, sizeof(mac)));
        CHECK(!is_good(buf_str(&b), k));
    }
}

TEST(the_token_does_not_bring_its_key)
{
    AUTO_ARENA a = {0};
    AUTO_KEY *ours = load(es256_pem), *theirs = crypto_key_new();
    struct crypto_jwt t = {0};
    struct error err = {0};
    struct str token = crypto_jwt_sign(&a, theirs, "at+jwt", STR("{\"sub\":\"root\"}"));

    CHECK(!is_good(token, ours));
    REQUIRE(CHECK_OK(crypto_jwt_parse(&a, token, &t, &err), err));
    t.kid = crypto_key_id(ours);
    CHECK(!crypto_jwt_verify(&t, ours));
}

TEST(the_all_zero_signature_is_bad)
{
    AUTO_ARENA a = {0};
    AUTO_KEY *k = load(es256_pem);
    char zeros[64] = {0};
    AUTO_BUF b = {0};

    crypto_base64url_encode(&b, str_n(zeros, sizeof(zeros)));
    CHECK(!is_good(assemble(&a,
                            "{\"alg\":\"ES256\",\"kid\":\"" ES256_KID "\",\"typ\":\"at+jwt\"}",
                            "{\"sub\":\"root\"}", buf_str(&b)),
                   k));
}

TEST(malformed_tokens_are_refused)
{
    static const char *const headers[] = {
        "[]",
        "{}",
        "{\"alg\":\"ES256\",\"kid\":\"k\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":7,\"kid\":\"k\",\"typ\":\"t\"}",
        "{\"alg\":\"ES256\",\"kid\":[\"k\"],\"typ\":\"t\"}",
        "{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"k\",\"typ\":\"t\"}",
        "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"t\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"kid\":\"k\\u0000\",\"typ\":\"t\"}",
    };
    static const char *const tokens[] = {"",        ".",          "..",        "a.b",
                                         "a.b.c.d", "e30=.e30=.", "e30.e30.\n"};
    AUTO_ARENA a = {0};
    AUTO_BUF big = {0};
    struct crypto_jwt t;

    for (size_t i = 0; i < COUNT(headers); i++)
        CHECK(!crypto_jwt_parse(&a, assemble(&a, headers[i], "{}", STR("AAAA")), &t, NULL));
    for (size_t i = 0; i < COUNT(tokens); i++)
        CHECK(!crypto_jwt_parse(&a, str_c(tokens[i]), &t, NULL));
    while (big.len <= CRYPTO_JWT_MAX_BYTES)
        buf_add_c(&big, "AAAA");
    buf_add_c(&big, ".AAAA.AAAA");
    CHECK(!crypto_jwt_parse(&a, buf_str(&big), &t, NULL));
}

/* -- of others --------------------------------------------------------------------------------- */

static struct crypto_key *public_of(const char *pem)
{
    AUTO_KEY *private = load(pem);
    struct crypto_key *k = NULL;
    struct error err = {0};

    CHECK_OK(crypto_jwk_load(crypto_key_jwk(private), &k, &err), err);
    return k;
}

TEST(a_public_key_of_others_verifies)
{
    static const struct {
        const char *pem, *token, *other;
    } rows[] = {{es256_pem, es256_token, rs256_token}, {rs256_pem, rs256_token, es256_token}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_KEY *k = public_of(rows[i].pem);
        AUTO_ARENA a = {0};
        struct crypto_jwt t = {0};
        struct error err = {0};

        REQUIRE(CHECK_OK(crypto_jwt_parse_other(&a, str_c(rows[i].token), &t, &err), err));
        CHECK(crypto_jwt_is_by(&t, k));
        t.kid = STR("another name for it");
        CHECK(crypto_jwt_is_by(&t, k));
        CHECK(!crypto_jwt_verify(&t, k));
        t.claims = t.signed_part = str_sub(t.signed_part, 0, t.signed_part.len - 1);
        CHECK(!crypto_jwt_is_by(&t, k));
        REQUIRE(CHECK_OK(crypto_jwt_parse_other(&a, str_c(rows[i].other), &t, &err), err));
        CHECK(!crypto_jwt_is_by(&t, k));
    }
}

TEST(tokens_of_others_may_lack_typ_and_kid)
{
    AUTO_ARENA a = {0};
    AUTO_KEY *k = public_of(es256_pem);
    struct str rest = str_c(es256_token), part, signature = {0};
    struct crypto_jwt t;
    struct error err = {0};

    while (str_next(&rest, '.', &part))
        signature = part;
    CHECK(crypto_jwt_parse_other(&a, assemble(&a, "{\"alg\":\"ES256\"}", "{}", signature), &t,
                                 &err));
    CHECK_INT(t.kid.len, 0);
    CHECK(!crypto_jwt_is_by(&t, k)); /* it is another token's */
    CHECK(
        !crypto_jwt_parse(&a, assemble(&a, "{\"alg\":\"ES256\"}", "{}", signature), &t, &err));
    CHECK(!crypto_jwt_parse_other(&a, assemble(&a, "{\"kid\":\"x\"}", "{}", signature), &t,
                                  &err));
}

/* "none", and a public key taken for a shared secret. */
TEST(a_token_does_not_choose_how_it_is_checked)
{
    static const char *const algs[] = {"none", "None", "HS256", "RS256", "ES384", "PS256", ""};
    AUTO_KEY *k = public_of(es256_pem);

    for (size_t i = 0; i < COUNT(algs); i++) {
        AUTO_ARENA a = {0};
        struct str header = arena_printf(&a, "{\"alg\":\"%s\"}", algs[i]);
        unsigned char mac[CRYPTO_SHA256_BYTES];
        struct str unsigned_token = assemble(&a, header.ptr, "{}", STR(""));
        AUTO_BUF b = {0};
        struct crypto_jwt t;
        struct error err = {0};

        crypto_hmac_sha256(crypto_key_jwk(k), unsigned_token, mac);
        crypto_base64url_encode(&b, str_n((const char *)mac, sizeof(mac)));
        CHECK(!crypto_jwt_parse_other(&a, assemble(&a, header.ptr, "{}", buf_str(&b)), &t,
                                      &err) ||
              !crypto_jwt_is_by(&t, k));
        CHECK(!crypto_jwt_parse_other(&a, unsigned_token, &t, &err) ||
              !crypto_jwt_is_by(&t, k));
    }
}

/* One member of a good one is changed, or taken away. */
TEST(jwks_that_are_none)
{
    static const struct {
        const char *pem, *member, *value; /* NULL: away */
    } rows[] = {
        {es256_pem, "kty", NULL},      {es256_pem, "kty", "oct"},   {es256_pem, "kty", "RSA"},
        {es256_pem, "crv", "P-384"},   {es256_pem, "use", "enc"},   {es256_pem, "alg", "HS256"},
        {es256_pem, "x", "AAAA"},      {es256_pem, "x", NULL},      {es256_pem, "y", NULL},
        {es256_pem, "x", "not base*"}, {rs256_pem, "n", "AQAB"},    {rs256_pem, "n", NULL},
        {rs256_pem, "e", NULL},        {rs256_pem, "alg", "PS256"}, {rs256_pem, "kty", "EC"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_KEY *private = load(rows[i].pem);
        AUTO_ARENA a = {0};
        AUTO_JSON *j = NULL;
        struct crypto_key *k = NULL;
        struct error err = {0};

        REQUIRE(CHECK_OK(json_parse(crypto_key_jwk(private), &j, &err), err));
        if (rows[i].value)
            json_object_set_new(j, rows[i].member, json_string(rows[i].value));
        else
            json_object_del(j, rows[i].member);
        if (!CHECK(!crypto_jwk_load(json_text(&a, j), &k, &err)))
            crypto_key_free(k);
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST_MAIN()

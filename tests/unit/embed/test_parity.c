/*
 * test_parity.c - the real model: the same tokens and the same vectors as the original.
 *
 * Compares with what the model's own tokenizer and PyTorch gave for the texts in tests/data/embed
 * (make_expected.py there). Needs the model file, at $MEMORYD_MODEL, and the folder with the
 * expected values, at $MEMORYD_EMBED_DATA; both are set by the build, and the tests fail without.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/buf.h"
#include "crypto/crypto.h"
#include "embed/embed_int.h"
#include "json/json.h"
#include "tests/support/test.h"
#include "text/text.h"

enum { DIM = 384, MAX_TOKENS = 256, CODE_POINT_BLOCK = 4096 };
#define MIN_COSINE     0.99999
#define MIN_COSINE8    0.99 /* with weights in 8 bits */
#define FILE_MAX_BYTES ((size_t)2 * 1024 * 1024)

/* Under a sanitizer the encoder is twenty times slower; which memory it touches depends on the
 * length alone, so some of the texts do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VECTOR_STEP 16
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VECTOR_STEP 16
#endif
#endif
#ifndef VECTOR_STEP
#define VECTOR_STEP 1
#endif

struct parity {
    struct arena arena;
    struct embedder *embedder;
    json_t *rows;         /* {"text", "ids"} */
    const float *vectors; /* DIM for each row */
};

static void parity_close(struct parity *p)
{
    embed_close(p->embedder);
    json_decref(p->rows);
    arena_deinit(&p->arena);
}

static const char *from_env(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fprintf(stderr, "%s is not set; run the tests through meson\n", name);
    return value;
}

static bool read_data(struct parity *p, const char *name, struct str *out, struct error *err)
{
    const char *folder = from_env("MEMORYD_EMBED_DATA");

    if (!folder)
        return error_set(err, ERROR_INVALID, "no data");
    return sys_read_file(&p->arena, arena_printf(&p->arena, "%s/%s", folder, name).ptr,
                         FILE_MAX_BYTES, out, err);
}

static bool read_json(struct parity *p, const char *name, struct error *err)
{
    struct str text;

    return read_data(p, name, &text, err) && json_parse(text, &p->rows, err);
}

static bool open_model(struct parity *p, const struct encoder_path *how)
{
    const char *path = from_env("MEMORYD_MODEL");
    struct error err = {0};

    if (!path)
        return CHECK(false);
    if (embed_open_with(path, how, &p->embedder, &err))
        return true;
    fprintf(stderr, "'make test' makes the model file; these tests cannot do without\n");
    return CHECK_OK(false, err);
}

static bool open_expected(struct parity *p)
{
    struct error err = {0};
    struct str bytes;

    if (!CHECK_OK(read_json(p, "expected.json", &err), err) ||
        !CHECK_OK(read_data(p, "expected.f32", &bytes, &err), err))
        return false;
    p->vectors = (const void *)bytes.ptr;
    return CHECK(json_array_size(p->rows) >= 300) &&
           CHECK_INT(bytes.len, json_array_size(p->rows) * DIM * sizeof(float));
}

static struct str row_text(const struct parity *p, size_t i)
{
    return json_view(json_object_get(json_array_get(p->rows, i), "text"));
}

static void check_ids(const struct parity *p, size_t row)
{
    const json_t *want = json_object_get(json_array_get(p->rows, row), "ids");
    AUTO_ARENA a = {0};
    const int32_t *ids;
    size_t n;

    embed_tokenize(p->embedder, &a, row_text(p, row), MAX_TOKENS, &ids, &n);
    for (size_t i = 0; i < n && n == json_array_size(want); i++) {
        if (ids[i] != json_integer_value(json_array_get(want, i)))
            n = 0;
    }
    if (!CHECK_INT(n, json_array_size(want)))
        fprintf(stderr, "    text %zu: " STR_FMT "\n", row,
                STR_ARG(text_first(row_text(p, row), 60)));
}

TEST(tokens_are_those_of_the_original)
{
    AUTO(parity_close) struct parity p = {0};

    REQUIRE(open_model(&p, &(struct encoder_path){kernels_best(), NULL}) && open_expected(&p));
    for (size_t i = 0; i < json_array_size(p.rows); i++)
        check_ids(&p, i);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < DIM; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void check_vectors(const struct encoder_path *how, double min_cosine)
{
    AUTO(parity_close) struct parity p = {0};
    double worst = 1, mean = 0;
    size_t n = 0;

    REQUIRE(open_model(&p, how) && open_expected(&p));
    REQUIRE(embed_dim(p.embedder) == DIM);
    for (size_t i = 0; i < json_array_size(p.rows); i += VECTOR_STEP, n++) {
        struct error err = {0};
        float vector[DIM];
        double got;

        REQUIRE(CHECK_OK(embed_text(p.embedder, row_text(&p, i), vector, &err), err));
        got = cosine(vector, p.vectors + i * DIM);
        worst = fmin(worst, got);
        mean += got;
        if (!CHECK(got >= min_cosine))
            fprintf(stderr, "    text %zu: cosine %.7f\n", i, got);
    }
    printf("%s: %zu texts, least cosine 1 - %.1e, mean 1 - %.1e\n", embed_path_name(p.embedder),
           n, 1 - worst, 1 - mean / (double)n);
}

TEST(vectors_are_those_of_the_original_portable_path)
{
    check_vectors(&(struct encoder_path){&kernels_portable, NULL}, MIN_COSINE);
}

TEST(vectors_are_those_of_the_original_best_path)
{
    check_vectors(&(struct encoder_path){kernels_best(), NULL}, MIN_COSINE);
}

TEST(vectors_in_8_bits_are_near_those_of_the_original)
{
    const struct kernels8 *all[KERNELS8_MAX];
    size_t n = kernels8_all(all);

    for (size_t i = 0; i < n; i++)
        check_vectors(&(struct encoder_path){kernels_best(), all[i]}, MIN_COSINE8);
}

static void add_ids(const struct parity *p, uint32_t c, struct buf *out)
{
    AUTO_ARENA a = {0};
    AUTO_BUF text = {0};
    const int32_t *ids;
    size_t n;

    buf_add_char(&text, 'a');
    text_add_char(&text, c);
    buf_add_c(&text, "b ");
    text_add_char(&text, c);
    buf_add_char(&text, ' ');
    text_add_char(&text, c);
    text_add_char(&text, c);
    embed_tokenize(p->embedder, &a, buf_str(&text), MAX_TOKENS, &ids, &n);
    buf_add(out, str_n((const char *)ids, n * sizeof(*ids)));
}

/* Every code point there is, inside a word, alone and doubled. */
TEST(every_code_point_is_tokenized_as_by_the_original)
{
    AUTO(parity_close) struct parity p = {0};
    AUTO_BUF ids = {0};
    struct error err = {0};

    REQUIRE(open_model(&p, &(struct encoder_path){kernels_best(), NULL}));
    REQUIRE(CHECK_OK(read_json(&p, "code_points.json", &err), err));
    REQUIRE(CHECK_INT(json_array_size(p.rows), 0x110000 / CODE_POINT_BLOCK));
    for (size_t block = 0; block < json_array_size(p.rows); block++) {
        uint32_t first = (uint32_t)block * CODE_POINT_BLOCK;
        char digest[CRYPTO_SHA256_HEX];

        buf_clear(&ids);
        for (uint32_t c = first; c < first + CODE_POINT_BLOCK; c++) {
            if (c < 0xd800 || c >= 0xe000)
                add_ids(&p, c, &ids);
        }
        crypto_sha256_hex(buf_str(&ids), digest);
        if (!CHECK_VIEW(json_view(json_array_get(p.rows, block)), str_c(digest)))
            fprintf(stderr, "    in U+%04X to U+%04X\n", first, first + CODE_POINT_BLOCK - 1);
    }
}

TEST(a_long_text_has_parts_and_the_first_is_near_its_own_vector)
{
    AUTO(parity_close) struct parity p = {0};
    AUTO_BUF text = {0};
    struct str whole;
    struct embed_parts parts;
    float first[DIM];
    struct error err = {0};

    REQUIRE(open_model(&p, &(struct encoder_path){kernels_best(), NULL}));
    for (size_t i = 0; i < 150; i++)
        buf_add_c(&text, "unaffable memory "); /* 4 tokens: una ##ffa ##ble memory */
    whole = buf_str(&text);
    REQUIRE(CHECK_OK(embed_parts(p.embedder, &p.arena, &whole, 1, &parts, &err), err));
    CHECK_INT(parts.n, 3); /* 600 tokens in windows of 254 that share 64 */
    CHECK(!parts.is_cut);
    REQUIRE(CHECK_OK(embed_text(p.embedder, whole, first, &err), err));
    CHECK(cosine(first, parts.vectors) > 0.99);
}

TEST_MAIN()

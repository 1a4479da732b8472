/*
 * test_model_file.c - a damaged model file is refused or harmless, never a crash.
 *
 * The interesting failures are wild reads, so these tests say most under AddressSanitizer.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/alloc.h"
#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"

/* Reads the image and, where that works, runs a text through all of it. */
static bool read_and_run(struct str image, struct error *err)
{
    AUTO_FREE
    struct model *m = NEW(struct model);
    int32_t ids[8];
    size_t n;
    float *out, *space;

    if (!model_read(image, m, err))
        return false;
    n = tokenizer_run(&m->vocab, STR("hello, unaffable w[SEP]orld"), ids, COUNT(ids));
    out = NEW_ARRAY(float, m->dims.hidden);
    space = NEW_ARRAY(float, encoder_space_floats(m));
    encoder_run(m, &(struct encoder_path){&kernels_portable, NULL}, ids,
                MAX(MIN(n, (size_t)m->dims.max_tokens), (size_t)1), space, out);
    free(space);
    free(out);
    return true;
}

TEST(an_undamaged_file_opens)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    struct error err = {0};
    AUTO_FREE
    struct model *m = NEW(struct model);

    REQUIRE(CHECK_OK(model_read(image, m, &err), err));
    CHECK_STR(m->id, TINY_MODEL);
    CHECK_INT(m->dims.hidden, TINY_HIDDEN);
    CHECK_INT(m->dims.max_tokens, TINY_TOKENS);
    CHECK_INT(m->dims.pooling, MODEL_POOL_MEAN);
    CHECK_INT((uintptr_t)m->layers[1].down.panels % MODEL_ALIGN, 0);
    CHECK(read_and_run(image, &err));
}

/* Only the checksum can tell a damaged id from another, so a flip may be accepted, but not crash. */
TEST(a_flipped_bit_in_header_or_table_never_crashes)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    const struct model_header *h = (const void *)image.ptr;
    size_t n = sizeof(*h) + h->n_sections * sizeof(struct model_section);
    AUTO_FREE
    char *memory = mem_alloc(1, image.len + MODEL_ALIGN);
    char *copy = memory + MODEL_ALIGN - (uintptr_t)memory % MODEL_ALIGN;
    size_t n_refused = 0;

    memcpy(copy, image.ptr, image.len);
    for (size_t bit = 0; bit < n * 8; bit++) {
        struct error err = {0};

        copy[bit / 8] ^= (char)(1 << bit % 8);
        if (!read_and_run(str_n(copy, image.len), &err)) {
            n_refused++;
            CHECK_INT(err.kind, ERROR_INVALID);
            CHECK(err.text[0]);
        }
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(n_refused > n * 8 / 2);
}

TEST(a_flipped_bit_in_the_vocabulary_never_crashes)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    const struct model_header *h = (const void *)image.ptr;
    const struct model_section *table = (const void *)(image.ptr + sizeof(*h));
    AUTO_FREE
    char *memory = mem_alloc(1, image.len + MODEL_ALIGN);
    char *copy = memory + MODEL_ALIGN - (uintptr_t)memory % MODEL_ALIGN;
    size_t end = table[3].offset; /* the first section after the vocabulary's three */

    REQUIRE(table[0].kind == SECTION_VOCAB_SLOTS && table[2].kind == SECTION_VOCAB_BYTES);
    memcpy(copy, image.ptr, image.len);
    for (size_t at = table[0].offset; at < end; at++) {
        struct error err = {0};

        copy[at] = (char)~copy[at];
        CHECK_OK(read_and_run(str_n(copy, image.len), &err), err);
        copy[at] = (char)~copy[at];
    }
}

/* The vector was of what is no number, and would have been stored. */
TEST(weights_that_are_no_numbers_give_a_vector_of_zeros)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f};
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    const struct kernels8 *all[KERNELS8_MAX];
    size_t n_all = kernels8_all(all);
    AUTO_FREE
    struct model *m = NEW(struct model);
    struct error err = {0};

    REQUIRE(CHECK_OK(model_read(image, m, &err), err));
    for (size_t i = 0; i < COUNT(odd); i++) {
        for (size_t k = 0; k <= n_all; k++) {
            const struct encoder_path how = {kernels_best(), k < n_all ? all[k] : NULL};
            const int32_t ids[] = {5, 6, 7};
            float out[TINY_HIDDEN] = {0};
            AUTO_FREE
            float *space = NEW_ARRAY(float, encoder_space_floats(m));
            float *gain = (float *)(uintptr_t)m->layers[TINY_LAYERS - 1].out_norm.gain;

            gain[0] = odd[i];
            encoder_run(m, &how, ids, COUNT(ids), space, out);
            for (size_t at = 0; at < TINY_HIDDEN; at++)
                CHECK(isfinite(odd[i]) ? fabsf(out[at]) <= 1 : out[at] == 0);
        }
    }
}

TEST(a_truncated_file_is_refused_at_every_length)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);

    for (size_t n = 0; n < image.len; n += n < 4096 ? 1 : 509) {
        AUTO_FREE
        char *memory = mem_alloc(1, n + MODEL_ALIGN); /* no byte more */
        char *copy = memory + MODEL_ALIGN - (uintptr_t)memory % MODEL_ALIGN;
        struct error err = {0};

        memcpy(copy, image.ptr, n);
        CHECK(!read_and_run(str_n(copy, n), &err));
        CHECK_INT(err.kind, ERROR_INVALID);
        CHECK(str_contains(str_c(err.text), STR("memoryd model convert")));
    }
}

TEST(a_file_cut_and_relabelled_is_refused)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);

    for (size_t n = sizeof(struct model_header); n < image.len; n += 251) {
        AUTO_FREE
        char *memory = mem_alloc(1, n + MODEL_ALIGN);
        char *copy = memory + MODEL_ALIGN - (uintptr_t)memory % MODEL_ALIGN;
        struct error err = {0};

        memcpy(copy, image.ptr, n);
        ((struct model_header *)(void *)copy)->file_bytes = n;
        CHECK(!read_and_run(str_n(copy, n), &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST(another_version_says_what_to_do)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    char *bytes = NULL;
    struct model_header h;
    struct error err = {0};
    AUTO_FREE
    struct model *m = NEW(struct model);

    memcpy(&h, image.ptr, sizeof(h));
    h.version = MODEL_VERSION + 1;
    bytes = arena_alloc(&a, image.len + MODEL_ALIGN, 1);
    bytes += MODEL_ALIGN - (uintptr_t)bytes % MODEL_ALIGN;
    memcpy(bytes, image.ptr, image.len);
    memcpy(bytes, &h, sizeof(h));
    CHECK(!model_read(str_n(bytes, image.len), m, &err));
    CHECK_STR(str_c(err.text), "model file of version 2, this program reads version 1; make it "
                               "anew with 'memoryd model convert'");
}

TEST(verify_finds_any_flipped_byte)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct error err = {0};
    struct str file;
    const char *path = tiny_path(&a, folder, "model.mdm");

    CHECK_OK(tiny_convert(&a, folder, &err), err);
    CHECK_OK(embed_verify(path, &err), err);
    file = tiny_get(&a, folder, "model.mdm");
    for (size_t at = MODEL_DIGEST_FROM; at < file.len; at += 1009) {
        char *copy = arena_cstr(&a, file);

        copy[at] ^= 1;
        tiny_put(folder, "model.mdm", str_n(copy, file.len));
        CHECK(!embed_verify(path, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
    tiny_remove(folder);
}

TEST(a_missing_file_is_not_found_and_no_model_is_invalid)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct embedder *e = NULL;
    struct error err = {0};

    CHECK(!embed_open(tiny_path(&a, folder, "none.mdm"), EMBED_FP32, &e, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!embed_open(tiny_path(&a, folder, "vocab.txt"), EMBED_FP32, &e, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(str_contains(str_c(err.text), STR("vocab.txt: not a model file")));
    tiny_put(folder, "empty.mdm", (struct str){"", 0});
    CHECK(!embed_open(tiny_path(&a, folder, "empty.mdm"), EMBED_FP32, &e, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(!e);
    tiny_remove(folder);
}

TEST_MAIN()

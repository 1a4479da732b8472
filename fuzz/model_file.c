/*
 * model_file.c - any bytes as a model file.
 *
 * The digest is put right first, and what a file lacks of the length that it gives itself is filled up
 * with numbers, so that inputs need no weights. What must hold whatever the file is: it is refused as
 * INVALID, or it gives tokens of its vocabulary and a vector, whatever that is worth, by every kernel
 * and without a look beyond its end.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "crypto/crypto.h"
#include "fuzz/temp_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX_BYTES ((size_t)16 * 1024) /* bounds hidden, and with it the work */
#define IDS_MAX        24

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* -- the file ---------------------------------------------------------------------------------- */

static void fill(char *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i += sizeof(float)) {
        float x = (float)((uint32_t)i * 2654435761u >> 8) / (float)(1 << 23) - 1;

        memcpy(bytes + i, &x, MIN(sizeof(x), to - i));
    }
}

static size_t length_given(const uint8_t *data, size_t size)
{
    struct model_header h;

    if (size < sizeof(h))
        return size;
    memcpy(&h, data, sizeof(h));
    return h.file_bytes > size && h.file_bytes <= FILE_MAX_BYTES ? h.file_bytes : size;
}

/* At a multiple of MODEL_ALIGN, as a map is, and not a byte longer than the file. */
static struct str file_of(const uint8_t *data, size_t size)
{
    size_t len = length_given(data, size);
    struct model_header h;
    void *file;

    must(posix_memalign(&file, MODEL_ALIGN, MAX(len, (size_t)1)) == 0);
    if (size)
        memcpy(file, data, size);
    fill(file, size, len);
    if (len < sizeof(h))
        return str_n(file, len);
    memcpy(&h, file, sizeof(h));
    crypto_sha256(str_n((char *)file + MODEL_DIGEST_FROM, len - MODEL_DIGEST_FROM), h.sha256);
    memcpy(file, &h, sizeof(h));
    return str_n(file, len);
}

/* -- its use ----------------------------------------------------------------------------------- */

static const struct str text = STR_INIT("Hello, unaffable w[SEP]orld: abc \xe4\xb8\xad "
                                        "\xc3\xa9t\xc3\xa9 aaaaaaaaaaaa [x]");

static void run(const struct model *m, const struct encoder_path *how, const int32_t *ids,
                size_t n)
{
    AUTO_FREE
    float *space = NEW_ARRAY(float, encoder_space_floats(m));
    AUTO_FREE
    float *out = NEW_ARRAY(float, m->dims.hidden);

    encoder_run(m, how, ids, n, space, out);
}

static void use(const struct model *m)
{
    const struct kernels8 *all[KERNELS8_MAX];
    size_t n_kernels8 = kernels8_all(all), n;
    int32_t ids[IDS_MAX];

    n = tokenizer_run(&m->vocab, text, ids, MIN(m->dims.max_tokens, (size_t)IDS_MAX));
    for (size_t i = 0; i < n; i++)
        must(ids[i] >= 0 && (size_t)ids[i] < m->vocab.n_pieces &&
             (size_t)ids[i] < m->dims.n_words);
    must(n > 0);
    run(m, &(struct encoder_path){&kernels_portable, NULL}, ids, n);
    run(m, &(struct encoder_path){kernels_best(), NULL}, ids, n);
    for (size_t i = 0; i < n_kernels8; i++)
        run(m, &(struct encoder_path){kernels_best(), all[i]}, ids, n);
}

/* From a file, as callers do it. */
static void open_and_use(const char *path)
{
    AUTO_ARENA a = {0};
    struct embedder *e = NULL;
    struct embed_parts parts;
    float *vector;

    must(embed_verify(path, NULL));
    must(embed_open(path, EMBED_FASTEST, &e, NULL));
    vector = ARENA_NEW(&a, float, embed_dim(e));
    must(embed_text(e, text, vector, NULL));
    must(embed_parts(e, &a, &text, 1, &parts, NULL));
    must(parts.n >= 1 && parts.n <= EMBED_PARTS_MAX);
    embed_close(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE
    struct model *m = NEW(struct model);
    struct str file = file_of(data, MIN(size, FILE_MAX_BYTES));
    struct error err = {0};

    if (model_read(file, m, &err)) {
        const char *path = temp_file();

        use(m);
        must(sys_write_pieces(path, 0600, &file, 1, false, NULL));
        open_and_use(path);
        unlink(path);
    } else {
        must(err.kind == ERROR_INVALID && err.text[0]);
    }
    free((void *)(uintptr_t)file.ptr);
    return 0;
}

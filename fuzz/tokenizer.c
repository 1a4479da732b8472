/*
 * tokenizer.c - any bytes to token ids.
 *
 * Over a small vocabulary, so that single bytes decide between pieces. What must hold whatever the
 * text is: ids are of the vocabulary, no more than asked for; asking for fewer gives the beginning of
 * the same list; white space at the ends changes nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <stdlib.h>

#include "base/buf.h"

#define IDS_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static const struct vocab *small_vocab(void)
{
    static const struct str lines[] = {
        STR_INIT("[PAD]"),
        STR_INIT("[UNK]"),
        STR_INIT("[CLS]"),
        STR_INIT("[SEP]"),
        STR_INIT("[MASK]"),
        STR_INIT("a"),
        STR_INIT("##a"),
        STR_INIT("ab"),
        STR_INIT("##ab"),
        STR_INIT("abc"),
        STR_INIT("b"),
        STR_INIT("##b"),
        STR_INIT("c"),
        STR_INIT("."),
        STR_INIT("["),
        STR_INIT("]"),
        STR_INIT("\xe4\xb8\xad"),
        STR_INIT("##\xd0\xb6"),
        STR_INIT("\xd0\xb6"),
        STR_INIT("\xcf\x83"),
        STR_INIT("#"),
        STR_INIT("##"),
    };
    static struct arena arena;
    static struct vocab vocab;
    struct error err;

    if (!vocab.n_pieces)
        must(vocab_build(&arena, lines, COUNT(lines), &vocab, &err));
    return &vocab;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vocab *v = small_vocab();
    struct str text = str_n((const char *)data, size);
    int32_t all[IDS_MAX], some[IDS_MAX];
    AUTO_BUF spaced = {0};
    size_t n = tokenizer_run(v, text, all, IDS_MAX);

    must(n <= IDS_MAX);
    for (size_t i = 0; i < n; i++)
        must(all[i] >= 0 && (size_t)all[i] < v->n_pieces);

    must(tokenizer_run(v, text, some, n / 2) == n / 2);
    must(memcmp(all, some, n / 2 * sizeof(*all)) == 0);

    buf_add_c(&spaced, " \t");
    buf_add(&spaced, text);
    buf_add_c(&spaced, "\n ");
    must(tokenizer_run(v, buf_str(&spaced), some, IDS_MAX) == n);
    must(memcmp(all, some, n * sizeof(*all)) == 0);
    return 0;
}

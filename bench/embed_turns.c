/*
 * embed_turns.c - the encoder as a program that is asked for a few runs at a time (peer_embed.py).
 *
 *     bench_embed_turns MODEL fp32|int8 [CORES]
 *
 *     vector N         its floats for a text of N tokens
 *     time N TEXTS R   microseconds of a core for each of R runs over so many texts of N tokens
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "embed/embed_int.h"

#define TEXTS_MAX 256

static void fail(const char *why)
{
    fprintf(stderr, "bench_embed_turns: %s\n", why);
    exit(1);
}

/* Of this process, the core's: on a shared machine it does not count who else had the core. */
static int64_t core_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A text of n tokens: "memory" is one, and [CLS] and [SEP] come around. */
static struct str text_of(struct arena *a, size_t n)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i + 2 < n; i++)
        buf_add_c(&b, "memory ");
    return arena_dup(a, buf_str(&b));
}

static const float *embed(const struct embedder *e, struct arena *a, struct str text,
                          size_t n_texts)
{
    struct str *texts = ARENA_NEW(a, struct str, n_texts);
    struct embed_parts *parts = ARENA_NEW(a, struct embed_parts, n_texts);
    struct error err;

    for (size_t i = 0; i < n_texts; i++)
        texts[i] = text;
    if (!embed_parts(e, a, texts, n_texts, parts, &err))
        fail(err.text);
    return parts[0].vectors;
}

static void answer(const struct embedder *e, const char *line)
{
    AUTO_ARENA a = {0};
    unsigned n_tokens, n_texts, n_runs;

    if (sscanf(line, "vector %u", &n_tokens) == 1) {
        const float *vector = embed(e, &a, text_of(&a, n_tokens), 1);

        for (size_t i = 0; i < embed_dim(e); i++)
            printf("%.9g ", (double)vector[i]);
    } else if (sscanf(line, "time %u %u %u", &n_tokens, &n_texts, &n_runs) == 3 &&
               n_texts <= TEXTS_MAX) {
        struct str text = text_of(&a, n_tokens);

        for (unsigned r = 0; r < n_runs; r++) {
            int64_t start_us = core_us();

            (void)embed(e, &a, text, n_texts);
            printf("%lld ", (long long)(core_us() - start_us));
        }
    } else {
        fail("expected 'vector N' or 'time N TEXTS RUNS'");
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct encoder_path how = {kernels_best(), NULL};
    struct embedder *e;
    struct error err = {0};
    char line[128];

    if (argc < 3)
        fail("expected a model file, and fp32 or int8");
    if (str_eq_c(str_c(argv[2]), "int8"))
        how.kernels8 = kernels8_best() ? kernels8_best() : &kernels8_portable;
    if (!embed_open_with(argv[1], &how, &e, &err))
        fail(err.text);
    if (argc > 3)
        embed_set_cores(e, strtoul(argv[3], NULL, 10));
    while (fgets(line, sizeof(line), stdin))
        answer(e, line);
    embed_close(e);
    return 0;
}

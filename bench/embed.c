/*
 * embed.c - how long the encoder takes for a text.
 *
 *     bench_embed MODEL-FILE
 *
 * Prints milliseconds per text for several lengths, for each path that this processor can run: the
 * least and the median of many runs on one thread, after a first run that brings the weights in.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "embed/embed_int.h"

#define RUN_US   ((int64_t)2000000) /* spent on each length */
#define RUNS_MAX 2000

static int compare_us(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* A text of n tokens: "memory" is one, and [CLS] and [SEP] come around. */
static struct str text_of(struct arena *a, size_t n)
{
    struct str text = {0};

    for (size_t i = 0; i + 2 < n; i++)
        text = arena_printf(a, STR_FMT "memory ", STR_ARG(text));
    return text;
}

static void measure(const struct embedder *e, size_t n_tokens)
{
    static int64_t us[RUNS_MAX];
    AUTO_ARENA a = {0};
    struct str text = text_of(&a, n_tokens);
    float *vector = ARENA_NEW(&a, float, embed_dim(e));
    int64_t start = clock_monotonic_us();
    struct error err;
    size_t n = 0;

    while (n < RUNS_MAX && (n < 3 || clock_monotonic_us() - start < RUN_US)) {
        int64_t from = clock_monotonic_us();

        if (!embed_text(e, text, vector, &err)) {
            fprintf(stderr, "bench_embed: %s\n", err.text);
            exit(1);
        }
        us[n++] = clock_monotonic_us() - from;
    }
    qsort(us, n, sizeof(us[0]), compare_us);
    printf("%-14s %4zu tokens: least %7.2f ms, median %7.2f ms, %4zu runs\n",
           embed_path_name(e), n_tokens, (double)us[0] / 1000, (double)us[n / 2] / 1000, n);
}

static void print_cpu(void)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");

    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "model name", 10) == 0) {
            printf("cpu: %s", strchr(line, ':') ? strchr(line, ':') + 2 : line);
            break;
        }
    }
    if (f)
        fclose(f);
}

static bool run(const char *path, const struct encoder_path *how)
{
    static const size_t lengths[] = {8, 32, 128, 256};
    struct error err;
    struct embedder *e;

    if (!embed_open_with(path, how, &e, &err)) {
        fprintf(stderr, "bench_embed: %s\n", err.text);
        return false;
    }
    for (size_t i = 0; i < COUNT(lengths); i++)
        measure(e, lengths[i]);
    embed_close(e);
    return true;
}

int main(int argc, char **argv)
{
    const struct kernels8 *tables[KERNELS8_MAX];
    size_t n;

    if (argc != 2) {
        fprintf(stderr, "usage: bench_embed MODEL-FILE\n");
        return 2;
    }
    print_cpu();
    n = kernels8_all(tables);
    for (size_t i = n; i > 0; i--) {
        if (!run(argv[1], &(struct encoder_path){kernels_best(), tables[i - 1]}))
            return 1;
    }
    return run(argv[1], &(struct encoder_path){kernels_best(), NULL}) &&
                   run(argv[1], &(struct encoder_path){&kernels_portable, NULL})
               ? 0
               : 1;
}

/*
 * embed_rate.c - how fast the encoder takes texts as they come, on several cores.
 *
 *     bench_embed_rate MODEL THREADS < TEXTS
 *
 * TEXTS has one in each line. Each thread takes the next as soon as it is done with one, as a server's
 * threads do. Prints texts per second, and in a second line the microseconds of each, in their order.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "base/vec.h"
#include "embed/embed.h"

struct texts VEC(char *);

struct rate {
    struct embedder *embedder;
    struct texts texts;
    int64_t *us;
};

static void embed(void *ctx, size_t i)
{
    struct rate *r = ctx;
    float *vector = NEW_ARRAY(float, embed_dim(r->embedder));
    int64_t start_us = clock_monotonic_us();
    struct error err;

    if (!embed_text(r->embedder, str_c(r->texts.ptr[i]), vector, &err)) {
        fprintf(stderr, "bench_embed_rate: %s\n", err.text);
        exit(1);
    }
    r->us[i] = clock_monotonic_us() - start_us;
    free(vector);
}

static void read_texts(struct texts *out)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0)
        VEC_PUSH(out, mem_dup(str_trim(str_n(line, (size_t)len))));
    free(line);
}

int main(int argc, char **argv)
{
    struct rate r = {0};
    struct error err = {0};
    size_t n_threads = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    int64_t start_us;

    read_texts(&r.texts);
    if (!n_threads || !r.texts.len || !embed_open(argv[1], EMBED_FASTEST, &r.embedder, &err)) {
        fprintf(stderr, "usage: bench_embed_rate MODEL THREADS < TEXTS %s\n", err.text);
        return 1;
    }
    r.us = NEW_ARRAY(int64_t, r.texts.len);
    parallel_for(n_threads, MIN(n_threads * 4, r.texts.len), embed, &r); /* brings weights in */
    start_us = clock_monotonic_us();
    parallel_for(n_threads, r.texts.len, embed, &r);
    start_us = clock_monotonic_us() - start_us;
    printf("%.1f\n", (double)r.texts.len * 1e6 / (double)start_us);
    for (size_t i = 0; i < r.texts.len; i++) {
        printf("%lld ", (long long)r.us[i]);
        free(r.texts.ptr[i]);
    }
    putchar('\n');
    VEC_DEINIT(&r.texts);
    free(r.us);
    embed_close(r.embedder);
    return 0;
}

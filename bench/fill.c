/*
 * fill.c - a database of many memories whose vectors are known already.
 *
 *     bench_fill MODEL TEXT VECTORS DATABASE [N [SINGLES]]
 *
 * TEXT has a memory in each line, VECTORS their floats (bench_embed_lines makes them). At most N are
 * stored, 100 in a transaction, a minute apart, the last SINGLES of these one by one. Prints how many
 * there are, the seconds, and the microseconds of each of the SINGLES.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "embed/embed.h"
#include "memory/memory.h"
#include "store/store.h"

#define BATCH                                                                                  \
    100 /* SQLite's statements take longer, the more pages a transaction has changed */
#define MINUTE_MS 60000
#define FIRST_MS  1700000000000

struct filler {
    struct embedder *embedder;
    FILE *text;
    FILE *vectors;
    struct store *store;
    int64_t n; /* stored */
};

/* The next line and its vector into the item; false at the end. */
static bool next(struct filler *f, struct arena *a, struct store_item *out)
{
    size_t dim = embed_dim(f->embedder), size = 0;
    float *vector = ARENA_NEW(a, float, dim);
    char *line = NULL;
    ssize_t len = getline(&line, &size, f->text);
    struct str content = len > 0 ? arena_dup(a, str_trim(str_n(line, (size_t)len))) : STR("");
    static const struct str tags[] = {STR_INIT("bench")};

    free(line);
    if (content.len == 0 || fread(vector, sizeof(*vector), dim, f->vectors) != dim)
        return false;
    *out = (struct store_item){.memory = {.hash = memory_hash(a, content),
                                          .content = content,
                                          .type = STR("note"),
                                          .metadata = STR("{}"),
                                          .tags = tags,
                                          .n_tags = 1,
                                          .created_ms = FIRST_MS + f->n * MINUTE_MS,
                                          .updated_ms = FIRST_MS + f->n * MINUTE_MS,
                                          .quality = -1,
                                          .confidence = 1},
                               .vectors = {embed_model_id(f->embedder), dim, 1, vector}};
    f->n++;
    return true;
}

/* How many were read; 0 at the end or on an error, which is printed. */
static size_t fill_batch(struct filler *f, size_t n)
{
    AUTO_ARENA a = {0};
    struct store_item *items = ARENA_NEW(&a, struct store_item, n);
    const struct store_actor who = {STR("default"), STR("bench"), STR("bench"), FIRST_MS};
    struct error err = {0};
    size_t got = 0;

    while (got < n && next(f, &a, &items[got]))
        got++;
    if (got == 0 || store_put(f->store, &who, items, got, &err))
        return got;
    fprintf(stderr, "bench_fill: %s\n", err.text);
    return 0;
}

static void fill_singly(struct filler *f, int64_t max)
{
    while (f->n < max) {
        int64_t start_us = clock_monotonic_us();

        if (!fill_batch(f, 1))
            return;
        printf(" %lld", (long long)(clock_monotonic_us() - start_us));
    }
}

int main(int argc, char **argv)
{
    struct filler f = {0};
    struct error err = {0};
    int64_t max = argc > 5 ? strtoll(argv[5], NULL, 10) : INT64_MAX;
    int64_t n_singles = argc > 6 ? strtoll(argv[6], NULL, 10) : 0;
    int64_t start_ms = clock_monotonic_ms();
    const struct store_options options = {.path = argc > 4 ? argv[4] : ""};

    if (argc < 5 || !(f.text = fopen(argv[2], "r")) || !(f.vectors = fopen(argv[3], "r"))) {
        fprintf(stderr, "usage: bench_fill MODEL TEXT VECTORS DATABASE [N [SINGLES]]\n");
        return 1;
    }
    if (!embed_open(argv[1], EMBED_FP32, &f.embedder, &err) ||
        !store_open(&options, &f.store, &err)) {
        fprintf(stderr, "bench_fill: %s\n", err.text);
        return 1;
    }
    while (f.n < max - n_singles && fill_batch(&f, (size_t)MIN(max - n_singles - f.n, BATCH)))
        ;
    printf("%lld %.1f", (long long)f.n, (double)(clock_monotonic_ms() - start_ms) / 1000);
    fill_singly(&f, max);
    putchar('\n');
    store_close(f.store);
    embed_close(f.embedder);
    fclose(f.text);
    fclose(f.vectors);
    return 0;
}

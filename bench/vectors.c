/*
 * vectors.c - the vector index against the exact scan: time, memory, recall.
 *
 *     bench_vectors FILE [N...]
 *
 * FILE holds vectors of DIM floats (bench_embed_lines makes it). The first N_QUERIES of them ask, the next N are
 * asked; without N all. Recall@10 is the share of the ten nearest by fp32 that are found, once by the index
 * alone and once with the index's best ranked again by fp32, as a store does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"

#define DIM       384
#define N_QUERIES 300
#define TOP       10
#define MARGIN    54 /* that many more than wanted are ranked again, as by a store */

struct run {
    const float *queries;
    const float *all;
    size_t n;
    struct index *ix;
    struct index_view *view;
};

static float dot(const float *a, const float *b)
{
    float sums[16] = {0}, sum = 0;

    for (size_t i = 0; i < DIM; i += 16) {
        for (size_t k = 0; k < 16; k++)
            sums[k] += a[i + k] * b[i + k];
    }
    for (size_t k = 0; k < 16; k++)
        sum += sums[k];
    return sum;
}

static int by_cosine(const void *a, const void *b)
{
    const struct index_hit *x = a, *y = b;

    return x->cosine != y->cosine ? (x->cosine < y->cosine ? 1 : -1)
                                  : (x->id > y->id) - (x->id < y->id);
}

/* The TOP nearest by fp32. */
static void exact(const struct run *r, const float *query, struct index_hit *out)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        struct index_hit hit = {(int64_t)i + 1, dot(query, r->all + i * DIM)};
        size_t at = n;

        if (n == TOP && hit.cosine <= out[TOP - 1].cosine)
            continue;
        at = n < TOP ? n++ : TOP - 1;
        for (; at > 0 && out[at - 1].cosine < hit.cosine; at--)
            out[at] = out[at - 1];
        out[at] = hit;
    }
}

static size_t n_common(const struct index_hit *a, const struct index_hit *b)
{
    size_t n = 0;

    for (size_t i = 0; i < TOP; i++) {
        for (size_t k = 0; k < TOP; k++)
            n += a[i].id == b[k].id;
    }
    return n;
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void show_times(const char *what, int64_t *us)
{
    qsort(us, N_QUERIES, sizeof(*us), by_time);
    printf("  %-22s p50 %7.3f ms   p99 %7.3f ms\n", what, (double)us[N_QUERIES / 2] / 1000,
           (double)us[N_QUERIES * 99 / 100] / 1000);
}

static void ask(const struct run *r)
{
    static int64_t index_us[N_QUERIES], exact_us[N_QUERIES];
    size_t n_index = 0, n_ranked = 0;

    for (size_t i = 0; i < N_QUERIES; i++) {
        const float *query = r->queries + i * DIM;
        struct index_hit want[TOP], got[TOP + MARGIN];
        int64_t start_us = clock_monotonic_us();

        index_search(r->view, query, NULL, TOP + MARGIN, got);
        index_us[i] = clock_monotonic_us() - start_us;
        start_us = clock_monotonic_us();
        exact(r, query, want);
        exact_us[i] = clock_monotonic_us() - start_us;
        n_index += n_common(want, got);
        for (size_t k = 0; k < TOP + MARGIN; k++)
            got[k].cosine = dot(query, r->all + (got[k].id - 1) * DIM);
        qsort(got, TOP + MARGIN, sizeof(*got), by_cosine);
        n_ranked += n_common(want, got);
    }
    show_times("index", index_us);
    show_times("exact scan, fp32", exact_us);
    printf("  recall@10 %.4f, ranked again by fp32 %.4f\n", (double)n_index / (N_QUERIES * TOP),
           (double)n_ranked / (N_QUERIES * TOP));
}

static void run(struct run *r)
{
    int64_t start_us = clock_monotonic_us();

    r->ix = index_new(DIM);
    for (size_t i = 0; i < r->n; i++)
        index_put(r->ix, &(struct index_item){
                             .id = (int64_t)i + 1, .vectors = r->all + i * DIM, .n_parts = 1});
    r->view = index_view_take(r->ix);
    printf("%zu vectors: put %.2f us each, %zu bytes each\n", r->n,
           (double)(clock_monotonic_us() - start_us) / (double)r->n, index_bytes(r->ix) / r->n);
    ask(r);
    index_view_give_back(&r->view);
    index_free(r->ix);
}

int main(int argc, char **argv)
{
    struct stat st;
    struct run r = {0};
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    size_t n_all;
    void *map;

    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "bench_vectors: name a file of vectors\n");
        return 1;
    }
    n_all = (size_t)st.st_size / (DIM * sizeof(float));
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED || n_all <= N_QUERIES)
        return 1;
    r.queries = map;
    r.all = r.queries + N_QUERIES * DIM;
    for (int i = 2; i < argc || i == 2; i++) {
        size_t n = argc > 2 ? (size_t)strtoull(argv[i], NULL, 10) : n_all - N_QUERIES;

        r.n = MIN(n, n_all - N_QUERIES);
        run(&r);
    }
    return 0;
}

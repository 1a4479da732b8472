/*
 * find.c - what a search is made of: the question's embedding, two rankings, and the whole.
 *
 *     bench_find MODEL DATABASE QUESTIONS [N]
 *
 * QUESTIONS has one in each line; the first N are asked, first for the parts and then for the
 * whole, after a first search that loads the index. Printed is the median and the 99th percentile of each part.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "embed/embed.h"
#include "memory/memory_int.h"
#include "store/store.h"

#define QUESTIONS_MAX 10000
#define LIMIT         10
#define DEPTH         200 /* of each ranking, as in a search */

enum { PART_EMBED, PART_VECTORS, PART_WORDS, PART_SEARCH, N_PARTS };

static const char *const part_names[] = {"embedding", "by vectors", "by words",
                                         "the whole search"};

struct finder {
    struct store *store;
    struct embedder *embedder;
    struct memory_service *memory;
    int64_t us[N_PARTS][QUESTIONS_MAX];
    size_t n;
};

static void check(bool is_ok, const struct error *err)
{
    if (is_ok)
        return;
    fprintf(stderr, "bench_find: %s\n", err->text);
    exit(1);
}

static void search_whole(struct finder *f, struct arena *a, struct str question)
{
    const struct caller who = {STR("local"), STR("bench"), STR("default"), SCOPE_READ};
    const struct memory_search_request r = {
        .query = question, .limit = LIMIT, .now_ms = clock_now_ms()};
    struct memory_search_result result;
    struct error err;

    check(memory_search(f->memory, &who, &r, a, &result, &err), &err);
}

static void ask_parts(struct finder *f, struct str question)
{
    AUTO_ARENA a = {0};
    const struct embedder *e = f->embedder;
    const struct memory_filter filter = {0};
    float *vector = ARENA_NEW(&a, float, embed_dim(e));
    int64_t at[N_PARTS];
    struct rank_request r = {.space = STR("default"),
                             .filter = &filter,
                             .limit = DEPTH,
                             .model_id = embed_model_id(e),
                             .vector = vector,
                             .dim = embed_dim(e)};
    struct ranking found;
    struct error err;

    at[0] = clock_monotonic_us();
    check(embed_text(e, question, vector, &err), &err);
    at[1] = clock_monotonic_us();
    check(store_rank_vectors(f->store, &a, &r, &found, &err), &err);
    at[2] = clock_monotonic_us();
    query_words(&a, question, &r.words, &r.n_words);
    check(store_rank_words(f->store, &a, &r, &found, &err), &err);
    at[3] = clock_monotonic_us();
    for (int i = 0; i < PART_SEARCH; i++)
        f->us[i][f->n] = at[i + 1] - at[i];
    f->n++;
}

static void ask_whole(struct finder *f, struct str question)
{
    AUTO_ARENA a = {0};
    int64_t start_us = clock_monotonic_us();

    search_whole(f, &a, question);
    f->us[PART_SEARCH][f->n++] = clock_monotonic_us() - start_us;
}

static int compare_us(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void print(struct finder *f)
{
    for (int i = 0; i < N_PARTS; i++) {
        qsort(f->us[i], f->n, sizeof(f->us[i][0]), compare_us);
        printf("%-17s median %7.2f ms, 99th percentile %7.2f ms\n", part_names[i],
               (double)f->us[i][f->n / 2] / 1000, (double)f->us[i][f->n * 99 / 100] / 1000);
    }
    printf("%zu questions\n", f->n);
}

static void ask_all(struct finder *f, FILE *questions, size_t max,
                    void (*ask)(struct finder *, struct str))
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    rewind(questions);
    f->n = 0;
    while (f->n < max && (len = getline(&line, &size, questions)) > 0)
        ask(f, str_trim(str_n(line, (size_t)len)));
    free(line);
}

int main(int argc, char **argv)
{
    static struct finder f;
    struct error err = {0};
    size_t max = argc > 4 ? (size_t)strtoul(argv[4], NULL, 10) : QUESTIONS_MAX;
    const struct store_options options = {.path = argc > 2 ? argv[2] : ""};
    struct memory_options m = {.weight_words = 0.3, .weight_cosine = 0.7};
    FILE *questions;
    AUTO_ARENA a = {0};

    if (argc < 4 || !(questions = fopen(argv[3], "r"))) {
        fprintf(stderr, "usage: bench_find MODEL DATABASE QUESTIONS [N]\n");
        return 1;
    }
    check(embed_open(argv[1], EMBED_FASTEST, &f.embedder, &err) &&
              store_open(&options, &f.store, &err),
          &err);
    m.store = f.store;
    m.embedder = f.embedder;
    check(memory_service_new(&m, &f.memory, &err), &err);
    search_whole(&f, &a, STR("what comes first"));
    ask_all(&f, questions, MIN(max, (size_t)QUESTIONS_MAX), ask_parts);
    ask_all(&f, questions, MIN(max, (size_t)QUESTIONS_MAX), ask_whole);
    if (f.n)
        print(&f);
    memory_service_free(f.memory);
    store_close(f.store);
    embed_close(f.embedder);
    fclose(questions);
    return 0;
}

/* fuse.c - see memory_int.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include <stdlib.h>

/* A cosine that is this much below the best of the list counts nothing. A fixed span, so that a list of
 * near-equals, or of one, is not blown up to the full range. Chosen on the corpora of docs/search.md. */
#define COSINE_SPAN 0.6

/* Of each ranking. What lies deeper follows, ordered by cosine: a score must not depend on how deep the
 * page wants the rankings to be. */
#define SCORED_MAX 100

#define NO_COSINE (-2.0)
#define NO_WORDS  (-1.0)

static int compare_rows(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    return (x->row > y->row) - (x->row < y->row);
}

static int compare_scores(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->cosine != y->cosine)
        return x->cosine < y->cosine ? 1 : -1;
    if (x->words != y->words)
        return x->words < y->words ? 1 : -1;
    return -compare_rows(a, b); /* rows grow with time: newer first */
}

/* Both rankings as one array by row, each row once. */
static size_t merge(struct arena *a, const struct ranked *words, size_t n_words,
                    const struct ranked *vectors, size_t n_vectors, struct candidate **out)
{
    struct candidate *all = ARENA_NEW(a, struct candidate, n_words + n_vectors);
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < n_words; i++)
        all[n++] = (struct candidate){words[i].row, NO_COSINE, words[i].score, 0};
    for (size_t i = 0; i < n_vectors; i++)
        all[n++] = (struct candidate){vectors[i].row, vectors[i].score, NO_WORDS, 0};
    if (n)
        qsort(all, n, sizeof(*all), compare_rows);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || all[kept - 1].row != all[i].row) {
            all[kept++] = all[i];
        } else {
            all[kept - 1].cosine = MAX(all[kept - 1].cosine, all[i].cosine);
            all[kept - 1].words = MAX(all[kept - 1].words, all[i].words);
        }
    }
    *out = all;
    return kept;
}

static struct candidate *find_row(struct candidate *list, size_t n, int64_t row)
{
    const struct candidate key = {.row = row};

    return bsearch(&key, list, n, sizeof(*list), compare_rows);
}

static void add_shares(double weight, double full, const struct ranked *words, size_t n_words,
                       struct candidate *list, size_t n)
{
    for (size_t i = 0; i < n_words; i++)
        find_row(list, n, words[i].row)->score += weight * words[i].score / full;
}

static void add_cosines(double weight, const struct ranked *vectors, size_t n_vectors,
                        struct candidate *list, size_t n)
{
    for (size_t i = 0; i < n_vectors; i++) {
        double below = (vectors[0].score - vectors[i].score) / COSINE_SPAN;

        find_row(list, n, vectors[i].row)->score += weight * MAX(1 - below, 0.0);
    }
}

static void add_reciprocal_ranks(const struct fuse_rule *rule, const struct ranked *ranked,
                                 size_t n_ranked, struct candidate *list, size_t n)
{
    const double best = 2.0 / (rule->rrf_k + 1);

    for (size_t i = 0; i < n_ranked; i++)
        find_row(list, n, ranked[i].row)->score += 1.0 / (rule->rrf_k + (double)i + 1) / best;
}

void fuse(struct arena *a, const struct fuse_rule *rule, const struct ranked *words,
          size_t n_words, const struct ranked *vectors, size_t n_vectors,
          struct candidate **out, size_t *out_n)
{
    struct candidate *list;
    size_t n = merge(a, words, n_words, vectors, n_vectors, &list);
    double full = n_words ? MAX(words[0].score, rule->words_full) : 1;

    n_words = MIN(n_words, (size_t)SCORED_MAX);
    n_vectors = MIN(n_vectors, (size_t)SCORED_MAX);
    if (rule->is_rrf) {
        add_reciprocal_ranks(rule, words, n_words, list, n);
        add_reciprocal_ranks(rule, vectors, n_vectors, list, n);
    } else {
        add_shares(rule->weight_words, full, words, n_words, list, n);
        add_cosines(rule->weight_cosine, vectors, n_vectors, list, n);
    }
    for (size_t i = 0; i < n; i++)
        list[i].words = list[i].words < 0 ? NO_WORDS : list[i].words / full;
    if (n)
        qsort(list, n, sizeof(*list), compare_scores);
    *out = list;
    *out_n = n;
}

/*
 * stsb.c - how well cosines agree with people: the STS benchmark's test set.
 *
 *     bench_stsb MODEL-FILE FOLDER-WITH-stsb-test.csv
 *
 * Prints Spearman's rank correlation between the cosine of each pair's vectors and the score that
 * people gave it; the model's authors published 0.8203. Fails under MIN_SPEARMAN. The data are not
 * part of this project; without them the program says so and fails.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "embed/embed.h"
#include "sys/sys.h"

#define DATA_FILE      "stsb-test.csv" /* tab-separated: score in column 5, texts in 6 and 7 */
#define DATA_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define PAIRS_MAX      10000
#define DIM_MAX        4096
#define MIN_SPEARMAN   0.820

enum { COLUMN_SCORE = 4, COLUMN_FIRST = 5, COLUMN_SECOND = 6, N_COLUMNS = 7 };

struct value {
    double number;
    double rank; /* from 1; equal numbers share their mean */
};

struct pairs {
    struct value people[PAIRS_MAX];
    struct value cosines[PAIRS_MAX];
    size_t n;
};

static bool cosine_of(const struct embedder *e, struct str a, struct str b, double *out,
                      struct error *err)
{
    static float va[DIM_MAX], vb[DIM_MAX];
    double sum = 0;

    if (!embed_text(e, a, va, err) || !embed_text(e, b, vb, err))
        return false;
    for (size_t i = 0; i < embed_dim(e); i++)
        sum += (double)va[i] * (double)vb[i];
    *out = sum;
    return true;
}

static bool add_pair(const struct embedder *e, struct str line, struct pairs *p,
                     struct error *err)
{
    struct str columns[N_COLUMNS], rest = line;
    size_t n = 0;

    while (n < N_COLUMNS && str_next(&rest, '\t', &columns[n]))
        n++;
    if (n < N_COLUMNS || p->n == PAIRS_MAX ||
        !str_to_double(columns[COLUMN_SCORE], &p->people[p->n].number))
        return error_set(err, ERROR_INVALID, "line %zu is no pair with a score", p->n + 1);
    if (!cosine_of(e, columns[COLUMN_FIRST], columns[COLUMN_SECOND], &p->cosines[p->n].number,
                   err))
        return false;
    p->n++;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct value *const *x = a, *const *y = b;

    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static void rank(struct value *values, size_t n)
{
    static struct value *sorted[PAIRS_MAX];

    for (size_t i = 0; i < n; i++)
        sorted[i] = &values[i];
    qsort(sorted, n, sizeof(sorted[0]), compare);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && sorted[to]->number <= sorted[from]->number; to++)
            ;
        for (size_t i = from; i < to; i++)
            sorted[i]->rank = (double)(from + 1 + to) / 2;
    }
}

/* Pearson's correlation of the ranks. */
static double spearman(struct pairs *p)
{
    double mean = (double)(p->n + 1) / 2, ab = 0, aa = 0, bb = 0;

    rank(p->people, p->n);
    rank(p->cosines, p->n);
    for (size_t i = 0; i < p->n; i++) {
        double a = p->people[i].rank - mean, b = p->cosines[i].rank - mean;

        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    return ab / sqrt(aa * bb);
}

static bool run(const struct embedder *e, struct str text, struct pairs *p, struct error *err)
{
    struct str line;

    while (str_next(&text, '\n', &line)) {
        if (line.len && !add_pair(e, line, p, err))
            return false;
    }
    return p->n > 1 || error_set(err, ERROR_INVALID, "no pairs");
}

static bool measure(const char *model, const char *folder, double *out, struct error *err)
{
    static struct pairs pairs;
    AUTO_ARENA a = {0};
    int64_t start = clock_monotonic_ms();
    struct embedder *e;
    struct str text;
    bool is_ok;

    if (!sys_read_file(&a, arena_printf(&a, "%s/" DATA_FILE, folder).ptr, DATA_MAX_BYTES, &text,
                       err) ||
        !embed_open(model, EMBED_FASTEST, &e, err))
        return false;
    is_ok = run(e, text, &pairs, err);
    if (is_ok) {
        *out = spearman(&pairs);
        printf("STS-B test, %zu pairs, %s: Spearman %.4f (at least %.3f), %lld ms\n", pairs.n,
               embed_path_name(e), *out, MIN_SPEARMAN,
               (long long)(clock_monotonic_ms() - start));
    }
    embed_close(e);
    return is_ok;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    double got = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_stsb MODEL-FILE FOLDER-WITH-" DATA_FILE "\n");
        return 2;
    }
    if (!measure(argv[1], argv[2], &got, &err)) {
        fprintf(stderr, "bench_stsb: %s\n", err.text);
        return 1;
    }
    return got >= MIN_SPEARMAN ? 0 : 1;
}

/*
 * score.c - BM25 as a function of FTS5's: its own bm25() with what that looks up for each row at hand.
 *
 * Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), with the constants and
 * the inverse document frequency that FTS5 has:
 *
 *     score = sum over words: idf * f * (k1 + 1) / (f + k1 * (1 - b + b * length / mean length))
 *     idf   = ln((N - n + 0.5) / (n + 0.5)), at least IDF_MIN
 *
 * f is how often a word stands in the content, and TAG_WEIGHT for each time in the tags: a tag was chosen by
 * somebody to say what the memory is about.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>

#define K1         1.2
#define B          0.75
#define IDF_MIN    1e-6
#define TAG_WEIGHT 2.0
#define COLUMN_TAG 1 /* of memory_fts */

static double idf_of(double n_all, double n)
{
    return MAX(log((n_all - n + 0.5) / (n + 0.5)), IDF_MIN);
}

/* How often a phrase stands in the row, weighed; a code of SQLite's. */
static int frequency(const Fts5ExtensionApi *api, Fts5Context *fts, int phrase, double *out)
{
    Fts5PhraseIter at;
    int column, offset;
    int code = api->xPhraseFirst(fts, phrase, &at, &column, &offset);

    *out = 0;
    for (; code == SQLITE_OK && column >= 0; api->xPhraseNext(fts, &at, &column, &offset))
        *out += column == COLUMN_TAG ? TAG_WEIGHT : 1;
    return code;
}

/* Once per search: what does not depend on the row. */
static int prepare(const Fts5ExtensionApi *api, Fts5Context *fts, struct score_rule *rule)
{
    sqlite3_int64 n_rows, n_words;
    int code = api->xRowCount(fts, &n_rows);

    if (code == SQLITE_OK)
        code = api->xColumnTotalSize(fts, -1, &n_words);
    if (code != SQLITE_OK)
        return code;
    rule->mean_length = n_rows > 0 && n_words > 0 ? (double)n_words / (double)n_rows : 1;
    for (size_t i = 0; i < rule->n_phrases; i++)
        rule->idf[i] = idf_of((double)n_rows, (double)rule->n_rows[i]);
    rule->is_ready = true;
    return SQLITE_OK;
}

int ranked_compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

void score_keep_best(struct score_rule *rule)
{
    if (rule->found.len)
        qsort(rule->found.ptr, rule->found.len, sizeof(*rule->found.ptr), ranked_compare);
    rule->has_more |= rule->found.len > rule->n_best;
    rule->found.len = MIN(rule->found.len, rule->n_best);
}

/* Sorting only when there are twice as many as wanted costs a logarithm for each that is kept. */
static void add_found(struct score_rule *rule, struct ranked r)
{
    if (rule->found.len == 2 * rule->n_best)
        score_keep_best(rule);
    if (rule->has_more && ranked_compare(&r, &rule->found.ptr[rule->n_best - 1]) > 0)
        return; /* not better than the worst when they were sorted last */
    VEC_PUSH(&rule->found, r);
}

static int sum_words(const Fts5ExtensionApi *api, Fts5Context *fts,
                     const struct score_rule *rule, double *out)
{
    double length = lengths_of(&rule->lengths, api->xRowid(fts)) / rule->mean_length;

    *out = 0;
    for (size_t i = 0; i < rule->n_phrases; i++) {
        double f;
        int code = frequency(api, fts, (int)i, &f);

        if (code != SQLITE_OK)
            return code;
        *out +=
            rule->idf[i] * f * (K1 + 1) / (f + K1 * (1 - B + B * (length > 0 ? length : 1)));
    }
    return SQLITE_OK;
}

int score_row(const Fts5ExtensionApi *api, Fts5Context *fts, struct score_rule *rule)
{
    int64_t row = api->xRowid(fts);
    int code = rule->is_ready ? SQLITE_OK : prepare(api, fts, rule);
    double sum;

    if (code != SQLITE_OK || (rule->has_allowed && !bitmap_has(&rule->allowed, row)))
        return code;
    code = sum_words(api, fts, rule, &sum);
    if (code == SQLITE_OK)
        add_found(rule, (struct ranked){row, sum});
    return code;
}

static void score(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *out,
                  int n_values, sqlite3_value **values)
{
    struct score_rule *rule =
        n_values == 1 ? sqlite3_value_pointer(values[0], SCORE_RULE_TYPE) : NULL;
    int code;

    if (!rule || (size_t)api->xPhraseCount(fts) != rule->n_phrases) {
        sqlite3_result_error(out, "the words cannot be scored", -1);
        return;
    }
    code = score_row(api, fts, rule);
    if (code != SQLITE_OK)
        sqlite3_result_error_code(out, code);
}

void score_rule_deinit(struct score_rule *rule)
{
    lengths_give_back(&rule->lengths);
    bitmap_deinit(&rule->allowed);
    VEC_DEINIT(&rule->found);
}

bool score_register(struct db *db, struct error *err)
{
    AUTO_STMT q = {0};
    fts5_api *api = NULL;

    if (!db_prepare(db, "SELECT fts5(?1)", &q, err))
        return false;
    sqlite3_bind_pointer(q.os, 1, &api, "fts5_api_ptr", NULL);
    if (!db_run(db, q.os, "full-text search", err))
        return false;
    if (!api || api->xCreateFunction(api, "memory_score", NULL, score, NULL) != SQLITE_OK)
        return error_set(err, ERROR_INTERNAL, "this SQLite has no full-text search (FTS5)");
    return true;
}

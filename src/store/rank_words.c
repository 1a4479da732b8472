/*
 * rank_words.c - BM25 over content and tags, filtered in the same statement.
 *
 * A word that stands in one of N memories has the inverse document frequency ln((N - 0.5) / 1.5), and its
 * term frequency counts at most 2.2 times (k1 = 1.2); RARE_SCORE * ln(1 + N) is about that.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/vec.h"

/* Ranking costs a microsecond for each memory that has one of the words. So of the words the rarest
 * are taken, as many as stand in this many memories together, and at least one: common words say little
 * about a memory that has none of the rare ones. */
#define ROWS_MAX   1500
#define RARE_SCORE 2.0 /* times the logarithm of the number of memories */

/* "a" OR "b": each word as an FTS5 string, so that no character in it is an operator. */
static struct str match_expression(struct arena *a, const struct str *words, size_t n_words)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i < n_words; i++) {
        struct str rest = words[i], piece;
        bool is_first = true;

        buf_add_c(&b, i ? " OR \"" : "\"");
        while (str_next(&rest, '"', &piece)) {
            buf_add_c(&b, is_first ? "" : "\"\"");
            buf_add(&b, piece);
            is_first = false;
        }
        buf_add_char(&b, '"');
    }
    return arena_dup(a, buf_str(&b));
}

/* -- which words ------------------------------------------------------------------------------- */

struct word {
    struct str text;
    int64_t n; /* memories that have it, counted up to a limit */
};

static int compare_words(const void *a, const void *b)
{
    const struct word *x = a, *y = b;

    return (x->n > y->n) - (x->n < y->n);
}

/* In how many memories each word stands, up to the limit; the rarest come to the front. */
static bool count_words(struct arena *a, struct db *db, struct word *words, size_t n,
                        int64_t limit, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db,
                    "SELECT count(*) FROM"
                    " (SELECT 1 FROM memory_fts WHERE memory_fts MATCH ?1 LIMIT ?2)",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 2, limit);
    for (size_t i = 0; i < n; i++) {
        sqlite3_reset(q.os);
        db_bind_str(q.os, 1, match_expression(a, &words[i].text, 1));
        if (!db_step(db, q.os, &has_row, "count words", err))
            return false;
        words[i].n = sqlite3_column_int64(q.os, 0);
    }
    qsort(words, n, sizeof(*words), compare_words);
    return true;
}

struct choice { /* the words to rank by, and how many memories have each */
    struct str *texts;
    int64_t *n_rows;
    size_t n;
};

static bool choose_words(struct arena *a, struct db *db, const struct str *texts, size_t n,
                         struct choice *out, struct error *err)
{
    struct word *words = ARENA_NEW(a, struct word, n);
    int64_t n_rows = 0;

    for (size_t i = 0; i < n; i++)
        words[i].text = texts[i];
    if (!count_words(a, db, words, n, ROWS_MAX + 1, err))
        return false;
    while (n && words[0].n == 0) { /* nothing has it */
        words++;
        n--;
    }
    if (n && words[0].n > ROWS_MAX && /* all are common: how common? */
        !count_words(a, db, words, n, INT64_MAX, err))
        return false;
    *out = (struct choice){ARENA_NEW(a, struct str, n), ARENA_NEW(a, int64_t, n), 0};
    for (size_t i = 0; i < n; i++) {
        n_rows += words[i].n;
        if (i > 0 && n_rows > ROWS_MAX)
            break;
        out->texts[out->n] = words[i].text;
        out->n_rows[out->n++] = words[i].n;
    }
    return true;
}

/* -- the ranking ------------------------------------------------------------------------------- */

static bool read_ranking(struct arena *a, struct db *db, sqlite3_stmt *q, size_t limit,
                         struct word_ranking *out, struct error *err)
{
    struct ranked *list = ARENA_NEW(a, struct ranked, limit);
    bool has_row = true;
    size_t n = 0;

    while (n < limit && has_row) {
        if (!db_step(db, q, &has_row, "search by words", err))
            return false;
        if (has_row)
            list[n++] =
                (struct ranked){sqlite3_column_int64(q, 0), sqlite3_column_double(q, 1)};
    }
    out->list = list;
    out->n = n;
    return true;
}

/* The greatest row stands for the number of memories: of a logarithm, that is near enough. */
static bool read_rare_score(struct db *db, double *out, struct error *err)
{
    AUTO_STMT q = {0};
    bool has_row;

    if (!db_prepare(db, "SELECT max(row) FROM memory", &q, err) ||
        !db_step(db, q.os, &has_row, "search by words", err))
        return false;
    *out = RARE_SCORE * log1p(sqlite3_column_double(q.os, 0));
    return true;
}

/* Of the best so many more than are wanted it is asked whether the filter lets them through. */
#define MARGIN 50

struct word_search {
    struct db *db;
    struct str space;
    const struct memory_filter *filter;
    struct str expression;
    struct score_rule *rule;
    size_t limit;
};

/* Shallow: the filter, a plain one, is asked about the best alone. It may let too few of them through. */
static bool rank(struct arena *a, const struct word_search *w, bool is_shallow,
                 struct word_ranking *out, struct error *err)
{
    AUTO_STMT q = {0};
    AUTO_BUF sql = {0};

    buf_add_c(&sql,
              "SELECT m.row, f.score FROM"
              " (SELECT rowid AS row, memory_score(memory_fts, ?22) AS score FROM memory_fts"
              "  WHERE memory_fts MATCH ?20");
    if (is_shallow)
        buf_add_c(&sql, " ORDER BY score DESC, row LIMIT ?23");
    buf_add_c(&sql, is_shallow ? ") f CROSS JOIN memory m INDEXED BY memory_current"
                               : ") f JOIN memory m");
    buf_add_c(&sql, " ON m.row = f.row WHERE m.space = ?1");
    filter_sql(w->filter, &sql);
    buf_add_c(&sql, " ORDER BY f.score DESC, m.row LIMIT ?21");
    if (!db_prepare(w->db, buf_cstr(&sql), &q, err))
        return false;
    filter_bind(a, q.os, w->space, w->filter);
    db_bind_str(q.os, FILTER_PARAM_FREE, w->expression);
    sqlite3_bind_int64(q.os, FILTER_PARAM_FREE + 1, (int64_t)w->limit);
    sqlite3_bind_pointer(q.os, FILTER_PARAM_FREE + 2, w->rule, SCORE_RULE_TYPE, NULL);
    sqlite3_bind_int64(q.os, FILTER_PARAM_FREE + 3, (int64_t)(w->limit + MARGIN));
    return read_ranking(a, w->db, q.os, w->limit, out, err);
}

bool store_rank_words(struct store *s, struct arena *a, struct str space,
                      const struct memory_filter *filter, const struct str *words,
                      size_t n_words, size_t limit, struct word_ranking *out, struct error *err)
{
    AUTO_READER r = {0};
    AUTO_LENGTHS lengths = {0};
    struct choice choice;
    struct score_rule rule;
    struct word_search w = {.space = space, .filter = filter, .rule = &rule, .limit = limit};
    bool is_shallow = filter_is_plain(filter);

    *out = (struct word_ranking){0};
    if (n_words == 0 || limit == 0 || filter->trash == TRASH_ONLY) /* not in the index */
        return true;
    if (!reader_take(s, &r, err) || !choose_words(a, r.db, words, n_words, &choice, err))
        return false;
    if (choice.n == 0)
        return true;
    if (!lengths_take(s->lengths, r.db, &lengths, err))
        return false;
    rule = (struct score_rule){.lengths = lengths,
                               .n_phrases = choice.n,
                               .n_rows = choice.n_rows,
                               .idf = ARENA_NEW(a, double, choice.n)};
    w.db = r.db;
    w.expression = match_expression(a, choice.texts, choice.n);
    if ((is_shallow && !rank(a, &w, true, out, err)) ||
        (out->n < limit && !rank(a, &w, false, out, err)))
        return false;
    return read_rare_score(r.db, &out->rare_score, err);
}

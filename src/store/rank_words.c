/*
 * rank_words.c - BM25 over content and tags, under a filter.
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
#define ROWS_MAX 1000
/* So many of the best are kept beyond those wanted, for a filter that lets not all of them through: what
 * asking it about each costs is less than what asking about all memories does. */
#define SPARE_ROWS 2000
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

struct counter {
    struct arena *a;
    struct db *db;
    struct word_counts *known;
    int64_t seq; /* the last change that db's transaction may see */
};

static bool count_word(const struct counter *c, sqlite3_stmt *q, struct word *word,
                       int64_t limit, struct error *err)
{
    bool has_row;

    if (word_counts_get(c->known, word->text, limit, c->seq, &word->n))
        return true;
    sqlite3_reset(q);
    db_bind_str(q, 1, match_expression(c->a, &word->text, 1));
    if (!db_step(c->db, q, &has_row, "count words", err))
        return false;
    word->n = sqlite3_column_int64(q, 0);
    word_counts_put(c->known, word->text, limit, c->seq, word->n);
    return true;
}

/* In how many memories each word stands, up to the limit; the rarest come to the front. */
static bool count_words(const struct counter *c, struct word *words, size_t n, int64_t limit,
                        struct error *err)
{
    AUTO_STMT q = {0};

    if (!db_prepare(c->db,
                    "SELECT count(*) FROM"
                    " (SELECT 1 FROM memory_fts WHERE memory_fts MATCH ?1 LIMIT ?2)",
                    &q, err))
        return false;
    sqlite3_bind_int64(q.os, 2, limit);
    for (size_t i = 0; i < n; i++) {
        if (!count_word(c, q.os, &words[i], limit, err))
            return false;
    }
    qsort(words, n, sizeof(*words), compare_words);
    return true;
}

struct choice { /* the words to rank by, and how many memories have each */
    struct str *texts;
    int64_t *n_rows;
    size_t n;
};

static bool choose_words(const struct counter *c, const struct rank_request *r,
                         struct choice *out, struct error *err)
{
    size_t n = r->n_words;
    struct word *words = ARENA_NEW(c->a, struct word, n);
    int64_t n_rows = 0;

    for (size_t i = 0; i < n; i++)
        words[i].text = r->words[i];
    if (!count_words(c, words, n, ROWS_MAX + 1, err))
        return false;
    while (n && words[0].n == 0) { /* nothing has it */
        words++;
        n--;
    }
    if (n && words[0].n > ROWS_MAX && /* all are common: how common? */
        !count_words(c, words, n, INT64_MAX, err))
        return false;
    *out = (struct choice){ARENA_NEW(c->a, struct str, n), ARENA_NEW(c->a, int64_t, n), 0};
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

struct word_search {
    struct store *store;
    struct arena *a;
    struct db *db;
    const struct rank_request *request;
    struct str expression; /* of the words that were chosen */
    struct score_rule *rule;
};

/* Scores every memory that has one of the words; the best are in rule->found then, in order. Sorted here,
 * since SQLite would make a record of each. */
static bool score_all(const struct word_search *w, size_t n_best, struct error *err)
{
    AUTO_STMT q = {0};

    w->rule->n_best = n_best;
    w->rule->found.len = 0;
    w->rule->has_more = false;
    if (!db_prepare(w->db,
                    "SELECT memory_score(memory_fts, ?1) FROM memory_fts"
                    " WHERE memory_fts MATCH ?2",
                    &q, err))
        return false;
    sqlite3_bind_pointer(q.os, 1, w->rule, SCORE_RULE_TYPE, NULL);
    db_bind_str(q.os, 2, w->expression);
    if (!db_run(w->db, q.os, "search by words", err))
        return false;
    score_keep_best(w->rule);
    return true;
}

/* Asks whether the filter lets ?FILTER_PARAM_FREE through. */
static bool prepare_filter(const struct word_search *w, struct stmt *out, struct error *err)
{
    const struct memory_filter *filter = w->request->filter;
    AUTO_BUF sql = {0};

    buf_add_c(&sql, "SELECT 1 FROM memory m");
    if (filter_is_plain(filter))
        buf_add_c(&sql,
                  " INDEXED BY memory_current"); /* which says it without reading a memory */
    buf_add_c(&sql, " WHERE m.row = ?20 AND m.space = ?1");
    filter_row_sql(filter, &sql);
    if (!db_prepare(w->db, buf_cstr(&sql), out, err))
        return false;
    filter_bind(w->a, out->os, w->request->space, filter);
    return true;
}

/* What the index of vectors knows of the first n found: those it shows are what a plain filter lets through,
 * and asking it costs a tenth of asking the database. NULL if it cannot say; the database can. */
static const enum index_state *look_at_index(const struct word_search *w, size_t n)
{
    const struct rank_request *r = w->request;
    AUTO_VECTOR_SET *set = NULL;
    enum index_state *states;
    int64_t *rows;

    if (n == 0 || !filter_is_plain(r->filter) || r->dim == 0 ||
        !vectors_take(w->store->vectors, r->space, r->model_id, r->dim, &set, NULL) ||
        !vectors_follow(set, w->db, NULL))
        return NULL;
    rows = ARENA_NEW(w->a, int64_t, n);
    states = ARENA_NEW(w->a, enum index_state, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = w->rule->found.ptr[i].row;
    index_look(set->index, rows, n, states);
    return states;
}

static bool is_allowed(const struct word_search *w, sqlite3_stmt *q, int64_t row, bool *out,
                       struct error *err)
{
    sqlite3_reset(q);
    sqlite3_bind_int64(q, FILTER_PARAM_FREE, row);
    return db_step(w->db, q, out, "search by words", err);
}

/* The best that the filter lets through. It is asked about one after the other, until there are enough. */
static bool keep_allowed(const struct word_search *w, struct ranking *out, struct error *err)
{
    AUTO_STMT q = {0};
    const struct score_rule *rule = w->rule;
    size_t limit = w->request->limit, n_looked = MIN(limit, rule->found.len);
    const enum index_state *states = look_at_index(w, n_looked);

    if (!prepare_filter(w, &q, err))
        return false;
    out->list = ARENA_NEW(w->a, struct ranked, n_looked);
    for (size_t i = 0; i < rule->found.len && out->n < limit; i++) {
        enum index_state state = states && i < n_looked ? states[i] : INDEX_ABSENT;
        bool is_ok = state == INDEX_SHOWN;

        if (state == INDEX_ABSENT && !is_allowed(w, q.os, rule->found.ptr[i].row, &is_ok, err))
            return false;
        if (is_ok)
            out->list[out->n++] = rule->found.ptr[i];
    }
    return true;
}

/* Once more, among all that the filter lets through. */
static bool rank_among_allowed(const struct word_search *w, struct ranking *out,
                               struct error *err)
{
    const struct rank_request *r = w->request;
    struct score_rule *rule = w->rule;

    rule->has_allowed = true;
    if (!filter_rows(w->a, w->db, r, &rule->allowed, err) || !score_all(w, r->limit, err))
        return false;
    out->n = rule->found.len;
    out->list = ARENA_NEW(w->a, struct ranked, out->n);
    if (out->n)
        memcpy(out->list, rule->found.ptr, out->n * sizeof(*out->list));
    return true;
}

/* A filter that lets enough of the best through need not be asked about all memories. */
static bool rank(const struct word_search *w, struct ranking *out, struct error *err)
{
    size_t limit = w->request->limit;

    if (!score_all(w, limit + SPARE_ROWS, err) || !keep_allowed(w, out, err))
        return false;
    if (out->n == limit || !w->rule->has_more)
        return true;
    *out = (struct ranking){0};
    return rank_among_allowed(w, out, err);
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

bool store_rank_words(struct store *s, struct arena *a, const struct rank_request *r,
                      struct ranking *out, struct error *err)
{
    AUTO_READER reader = {0};
    AUTO_SCORE_RULE rule = {0};
    struct word_search w = {.store = s, .a = a, .request = r, .rule = &rule};
    struct counter counter = {.a = a, .known = s->word_counts};
    struct choice choice;

    *out = (struct ranking){0};
    if (r->n_words == 0 || r->limit == 0 ||
        r->filter->trash == TRASH_ONLY) /* not in the index */
        return true;
    if (!reader_take(s, &reader, err) ||
        !lengths_take(s->lengths, reader.db, &rule.lengths, err))
        return false;
    counter.db = reader.db;
    counter.seq = rule.lengths.seq;
    if (!choose_words(&counter, r, &choice, err))
        return false;
    if (choice.n == 0)
        return true;
    rule.n_phrases = choice.n;
    rule.n_rows = choice.n_rows;
    rule.idf = ARENA_NEW(a, double, choice.n);
    w.db = reader.db;
    w.expression = match_expression(a, choice.texts, choice.n);
    return rank(&w, out, err) && read_rare_score(reader.db, &out->rare_score, err);
}

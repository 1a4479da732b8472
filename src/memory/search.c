/*
 * search.c - the search plan: filters, two rankings, one list, terms, a page.
 *
 * Filters are applied by the store before ranking. What the terms of quality and recency may lift does not
 * depend on the page that is asked for, and how much is scored only in a few steps: pages join without gaps
 * and repeats within a step.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "embed/embed.h"
#include "text/text.h"

#define TERMS_DEPTH            200 /* candidates that quality and recency may lift */
#define QUALITY_UNRATED        0.5
#define RECENCY_HALF_LIFE_DAYS 30.0
#define FALLBACK_GOOD_COSINE   0.3 /* below, a hit does not count as a good one */
#define FALLBACK_GOOD_HITS     3   /* with fewer good hits the fallback steps in */
#define FALLBACK_TAG_MIN_CHARS 3
#define DAY_MS                 (24.0 * 60 * 60 * 1000)

struct search {
    struct memory_service *m;
    const struct caller *who;
    const struct memory_search_request *request;
    struct arena *a;
    struct memory_filter filter; /* ready for the store */
    size_t wanted;               /* offset + limit */
    struct hit *hits;            /* best first, from place `first` to at most wanted + 1 */
    size_t n_hits;
    size_t first;
    struct memory_search_result *out;
};

/* -- checks ----------------------------------------------------------------------------------- */

static bool has_filter(const struct memory_search_request *r)
{
    return !filter_is_empty(&r->filter) || r->time_expr.len;
}

static bool check(const struct memory_search_request *r, struct error *err)
{
    bool has_query = text_strip(r->query).len > 0;

    if (r->limit < 1 || r->limit > MEMORY_SEARCH_MAX || r->offset > MEMORY_OFFSET_MAX)
        return error_set(err, ERROR_INVALID, "limit must be from 1 to %d and offset at most %d",
                         MEMORY_SEARCH_MAX, MEMORY_OFFSET_MAX);
    if (!text_check(r->query, err))
        return error_wrap(err, "query");
    if (r->query.len > QUERY_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "query has %zu bytes, at most %d are allowed",
                         r->query.len, QUERY_MAX_BYTES);
    if (!has_query && r->mode == SEARCH_EXACT)
        return error_set(err, ERROR_INVALID, "query is required in the mode 'exact'");
    if (!has_query && !has_filter(r))
        return error_set(err, ERROR_INVALID, "give a query, or a filter by time, tags or type");
    if (!(r->quality_boost >= 0 && r->quality_boost <= 1) ||
        !(r->recency_boost >= 0 && r->recency_boost <= 1))
        return error_set(err, ERROR_INVALID, "quality_boost and recency_boost are from 0 to 1");
    return true;
}

/* -- rankings --------------------------------------------------------------------------------- */

/* Then any of the first TERMS_DEPTH may rise into the page; else their order is settled. */
static bool has_terms(const struct search *s)
{
    return s->request->quality_boost > 0 || s->request->recency_boost > 0;
}

/* Of each ranking: enough for the page and for what may rise into it. A memory that is in one ranking alone
 * is scored by that, so the same depth is used for many pages: those join. */
static size_t depth_of(const struct search *s)
{
    static const size_t depths[] = {TERMS_DEPTH, 1000,
                                    MEMORY_OFFSET_MAX + MEMORY_SEARCH_MAX + 1};
    size_t i = 0;

    while (i < COUNT(depths) - 1 &&
           depths[i] <= s->wanted) /* one more tells whether there is a next page */
        i++;
    return depths[i];
}

static bool rank_vectors(const struct search *s, struct ranking *out, struct error *err)
{
    const struct embedder *e = s->m->options.embedder;
    float *query = ARENA_NEW(s->a, float, embed_dim(e));
    const struct rank_request r = {.space = s->who->space,
                                   .filter = &s->filter,
                                   .limit = depth_of(s),
                                   .model_id = embed_model_id(e),
                                   .vector = query,
                                   .dim = embed_dim(e)};

    return embed_query(s->m, s->request->query, query, err) &&
           store_rank_vectors(s->m->options.store, s->a, &r, out, err);
}

static bool rank_words(const struct search *s, struct arena *a, struct ranking *out,
                       struct error *err)
{
    const struct embedder *e = s->m->options.embedder;
    struct rank_request r = {
        .space = s->who->space, .filter = &s->filter, .limit = depth_of(s)};

    if (e) {
        r.model_id = embed_model_id(e);
        r.dim = embed_dim(e);
    }
    query_words(a, s->request->query, &r.words, &r.n_words);
    return store_rank_words(s->m->options.store, a, &r, out, err);
}

struct rankings {
    const struct search *search;
    bool has_words, has_vectors; /* which are asked for; what is not made is empty */
    struct arena word_arena;     /* two threads share none */
    struct ranking words, vectors;
    bool is_ok[2];
    struct error err[2];
};

enum { RANK_VECTORS, RANK_WORDS };

static void make_ranking(void *ctx, size_t which)
{
    struct rankings *r = ctx;

    if (which == RANK_VECTORS)
        r->is_ok[which] =
            !r->has_vectors || rank_vectors(r->search, &r->vectors, &r->err[which]);
    else
        r->is_ok[which] =
            !r->has_words || rank_words(r->search, &r->word_arena, &r->words, &r->err[which]);
}

/* Side by side: the words are ranked while the question is embedded. */
static bool make_rankings(struct rankings *r, struct error *err)
{
    parallel_for(r->has_words && r->has_vectors ? 2 : 1, 2, make_ranking, r);
    for (size_t i = 0; i < 2; i++) {
        if (r->is_ok[i])
            continue;
        if (err)
            *err = r->err[i];
        return false;
    }
    return true;
}

/* Both rankings where both are asked for and possible; a ranking that is not made is empty. */
static bool make_candidates(struct search *s, struct candidate **out, size_t *out_n,
                            struct error *err)
{
    const struct memory_options *o = &s->m->options;
    bool has_vectors = o->embedder != NULL;
    bool has_words = s->request->mode == SEARCH_HYBRID || !has_vectors;
    struct fuse_rule rule = {.weight_words = has_vectors ? o->weight_words : 1,
                             .weight_cosine = has_words ? o->weight_cosine : 1,
                             .is_rrf = o->is_rrf && has_words && has_vectors,
                             .rrf_k = o->rrf_k};
    struct rankings r = {.search = s, .has_words = has_words, .has_vectors = has_vectors};

    if (!make_rankings(&r, err)) {
        arena_deinit(&r.word_arena);
        return false;
    }
    s->out->is_words_only = !has_vectors;
    s->out->words_only_why = has_vectors ? (struct str){0} : o->no_embedder_why;
    rule.words_full = has_vectors ? r.words.rare_score : 0; /* alone, the best counts full */
    fuse(s->a, &rule, r.words.list, r.words.n, r.vectors.list, r.vectors.n, out, out_n);
    arena_deinit(&r.word_arena);
    return true;
}

/* -- from candidates to hits ------------------------------------------------------------------ */

static struct str via_of(const struct candidate *c)
{
    if (c->cosine < -1)
        return STR("words");
    return c->words < 0 ? STR("semantic") : STR("both");
}

static double recency_of(const struct search *s, const struct memory *m)
{
    double half_life = s->m->options.recency_half_life_days > 0
                           ? s->m->options.recency_half_life_days
                           : RECENCY_HALF_LIFE_DAYS;
    double days = (double)(s->request->now_ms - m->created_ms) / DAY_MS;

    return exp2(-MAX(days, 0.0) / half_life);
}

/* score = (1 - w) * score + w * term, for quality and then for recency. What lies too deep to be
 * lifted gets nothing for them, and so stays below. */
static void add_terms(const struct search *s, struct hit *h, size_t place)
{
    double q = s->request->quality_boost, r = s->request->recency_boost;
    bool is_lifted = place < TERMS_DEPTH;

    if (q > 0 && is_lifted)
        h->parts.quality = h->memory.quality < 0 ? QUALITY_UNRATED : h->memory.quality;
    if (r > 0 && is_lifted)
        h->parts.recency = recency_of(s, &h->memory);
    h->score = (1 - q) * h->score + q * MAX(h->parts.quality, 0.0);
    h->score = (1 - r) * h->score + r * MAX(h->parts.recency, 0.0);
}

static int compare_hits(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->memory.created_ms != y->memory.created_ms)
        return x->memory.created_ms < y->memory.created_ms ? 1 : -1;
    return str_cmp(x->memory.hash, y->memory.hash);
}

/* The memories of the candidates from s->first to n; one deleted meanwhile is left out. */
static bool read_hits(struct search *s, const struct candidate *list, size_t n,
                      struct error *err)
{
    int64_t *rows = ARENA_NEW(s->a, int64_t, n);
    struct memory *memories;
    size_t n_memories, at = 0;

    list += s->first;
    n -= s->first;
    for (size_t i = 0; i < n; i++)
        rows[i] = list[i].row;
    if (!store_get_rows(s->m->options.store, s->a, s->who->space, rows, n, &memories,
                        &n_memories, err))
        return false;
    s->hits = ARENA_NEW(s->a, struct hit, n);
    for (size_t i = 0; i < n_memories; i++) {
        while (list[at].row != memories[i].row) /* both are in the order of rows[] */
            at++;
        s->hits[i] = (struct hit){.memory = memories[i],
                                  .score = list[at].score,
                                  .parts = {list[at].cosine, list[at].words, -1, -1},
                                  .via = via_of(&list[at])};
        add_terms(s, &s->hits[i], s->first + at);
    }
    s->n_hits = n_memories;
    if (n_memories && has_terms(s) && s->first == 0)
        qsort(s->hits, MIN(n_memories, (size_t)TERMS_DEPTH), sizeof(*s->hits), compare_hits);
    return true;
}

static bool is_good(const struct candidate *c)
{
    return c->cosine >= FALLBACK_GOOD_COSINE;
}

static bool wants_fallback(const struct search *s, const struct candidate *list, size_t n)
{
    size_t n_good = 0;

    for (size_t i = 0; i < n; i++)
        n_good += is_good(&list[i]);
    return s->request->use_fallback && n_good < FALLBACK_GOOD_HITS;
}

/* Memories are read from here on: the page alone, unless what comes before it has a say in the order. */
static size_t first_to_read(const struct search *s, size_t n)
{
    size_t first = MIN(s->request->offset, n);

    return s->out->used_fallback || (has_terms(s) && first < TERMS_DEPTH) ? 0 : first;
}

static bool search_by_rank(struct search *s, struct error *err)
{
    struct candidate *list;
    size_t n;

    if (!make_candidates(s, &list, &n, err))
        return false;
    s->out->n_candidates = n;
    s->out->used_fallback = wants_fallback(s, list, n);
    s->first = first_to_read(s, n);
    return read_hits(s, list,
                     MIN(n, has_terms(s) && s->first == 0
                                ? MAX(s->wanted + 1, (size_t)TERMS_DEPTH)
                                : s->wanted + 1),
                     err);
}

static bool search_by_list(struct search *s, struct str via, double score, struct error *err)
{
    struct memory *memories;
    size_t n, total;

    s->first = s->request->offset;
    if (!store_list(s->m->options.store, s->a, s->who->space, &s->filter, s->first,
                    s->request->limit + 1, &memories, &n, &total, err))
        return false;
    s->out->n_candidates = total;
    s->hits = ARENA_NEW(s->a, struct hit, n);
    for (size_t i = 0; i < n; i++)
        s->hits[i] = (struct hit){memories[i], score, {-2, -1, -1, -1}, via};
    s->n_hits = n;
    return true;
}

/* -- fallback --------------------------------------------------------------------------------- */

static bool is_among_hits(const struct search *s, int64_t row)
{
    for (size_t i = 0; i < s->n_hits; i++) {
        if (s->hits[i].memory.row == row)
            return true;
    }
    return false;
}

static double last_score(const struct search *s)
{
    return s->n_hits ? s->hits[s->n_hits - 1].score : 1;
}

static bool is_weak(const struct hit *h)
{
    return h->parts.cosine < FALLBACK_GOOD_COSINE && h->parts.words < 0;
}

/* Adds those of the ranked hits that are weak, or those that are not, with no better score than what
 * they come after. */
static void add_ranked(struct search *s, const struct hit *ranked, size_t n, bool weak)
{
    double ceiling = last_score(s);

    for (size_t i = 0; i < n; i++) {
        if (is_weak(&ranked[i]) != weak || is_among_hits(s, ranked[i].memory.row))
            continue;
        s->hits[s->n_hits] = ranked[i];
        s->hits[s->n_hits++].score = MIN(ranked[i].score, ceiling);
    }
}

/* Adds what the filter finds, newest first, as far as the page has room. */
static bool add_matches(struct search *s, const struct memory_filter *filter, struct str via,
                        struct error *err)
{
    size_t room = s->wanted + 1, n, total;
    double score = last_score(s);
    struct memory *memories;

    if (!store_list(s->m->options.store, s->a, s->who->space, filter, 0, room, &memories, &n,
                    &total, err))
        return false;
    for (size_t i = 0; i < n && s->n_hits < room; i++) {
        if (!is_among_hits(s, memories[i].row))
            s->hits[s->n_hits++] = (struct hit){memories[i], score, {-2, -1, -1, -1}, via};
    }
    return true;
}

static bool add_exact_matches(struct search *s, struct error *err)
{
    struct memory_filter filter = s->filter;

    if (filter.exact.len) /* the caller's text stays in force */
        return true;
    filter.exact = text_strip(s->request->query);
    return add_matches(s, &filter, STR("exact_fallback"), err);
}

static bool add_tag_matches(struct search *s, struct error *err)
{
    struct memory_filter filter = s->filter;
    const struct str *words;
    struct str *tags;
    size_t n, n_tags = 0;

    if (filter.n_tags) /* so do the caller's tags */
        return true;
    query_words(s->a, s->request->query, &words, &n);
    tags = ARENA_NEW(s->a, struct str, n);
    for (size_t i = 0; i < n; i++) {
        if (text_count(words[i]) >= FALLBACK_TAG_MIN_CHARS)
            tags[n_tags++] = words[i];
    }
    filter.tags = tags;
    filter.n_tags = n_tags;
    return n_tags == 0 || add_matches(s, &filter, STR("tag_fallback"), err);
}

/* Weak hits give way: exact matches and tag matches come before them. */
static bool fall_back(struct search *s, struct error *err)
{
    const struct hit *ranked = s->hits;
    size_t n = s->n_hits;

    if (!s->out->used_fallback)
        return true;
    s->hits = ARENA_NEW(s->a, struct hit, n + s->wanted + 1);
    s->n_hits = 0;
    add_ranked(s, ranked, n, false);
    if (!add_exact_matches(s, err) || !add_tag_matches(s, err))
        return false;
    add_ranked(s, ranked, n, true);
    return true;
}

/* -- the whole -------------------------------------------------------------------------------- */

static bool run(struct search *s, struct error *err)
{
    if (text_strip(s->request->query).len == 0)
        return search_by_list(s, STR("filter"), 0.5, err);
    if (s->request->mode == SEARCH_EXACT) {
        s->filter.exact = s->request->query;
        return search_by_list(s, STR("exact"), 1, err);
    }
    return search_by_rank(s, err) && fall_back(s, err);
}

static void drop_low_scores(struct search *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_hits; i++) {
        if (s->hits[i].score >= s->request->min_score)
            s->hits[n++] = s->hits[i];
    }
    s->n_hits = n;
}

static void take_page(struct search *s)
{
    size_t from = MIN(s->request->offset - s->first, s->n_hits);
    size_t to = MIN(s->wanted - s->first, s->n_hits);

    s->out->hits = s->hits + from;
    s->out->n_hits = to - from;
    s->out->has_more = s->n_hits > to;
}

/* What the caller gets to see counts as accessed. */
static void count_accesses(const struct search *s)
{
    int64_t *rows = ARENA_NEW(s->a, int64_t, s->out->n_hits);

    for (size_t i = 0; i < s->out->n_hits; i++)
        rows[i] = s->out->hits[i].memory.row;
    store_touch(s->m->options.store, rows, s->out->n_hits, s->request->now_ms);
}

bool memory_search(struct memory_service *m, const struct caller *who,
                   const struct memory_search_request *request, struct arena *a,
                   struct memory_search_result *out, struct error *err)
{
    int64_t started_us = clock_monotonic_us();
    struct memory_search_result result = {0};
    struct search s = {.m = m,
                       .who = who,
                       .request = request,
                       .a = a,
                       .wanted = request->offset + request->limit,
                       .out = &result};

    if (!may(who, SCOPE_READ, err) || !check(request, err) ||
        !filter_prepare(a, &request->filter, request->time_expr, request->now_ms, &s.filter,
                        err))
        return false;
    result.from_ms = s.filter.from_ms;
    result.until_ms = s.filter.until_ms;
    if (!run(&s, err))
        return false;
    drop_low_scores(&s);
    take_page(&s);
    count_accesses(&s);
    timing_add(m, &m->searches, started_us);
    *out = result;
    return true;
}

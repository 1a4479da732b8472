/* upkeep.c - giving vectors to what has none, counting, checking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "embed/embed.h"
#include "text/text.h"

#define REINDEX_STEP   16 /* memories read at a time: embedding them takes far longer */
#define STATS_TAGS_MAX 20
#define DAY_MS         ((int64_t)24 * 60 * 60 * 1000)

/* -- reindex ---------------------------------------------------------------------------------- */

struct reindex {
    struct memory_service *m;
    const struct caller *who;
    struct memory_reindex_progress progress;
    bool (*report)(void *ctx, const struct memory_reindex_progress *p);
    void *ctx;
};

static bool embed_some(struct reindex *r, struct arena *a, const struct memory *memories,
                       size_t n, struct error *err)
{
    struct str *texts = ARENA_NEW(a, struct str, n);
    struct embedded *embedded = ARENA_NEW(a, struct embedded, n);

    for (size_t i = 0; i < n; i++)
        texts[i] = memories[i].content;
    if (!embed_contents(r->m, a, texts, n, embedded, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!store_set_vectors(r->m->options.store, r->who->space, memories[i].row,
                               &embedded[i].vectors, err))
            return false;
        r->progress.done++;
    }
    return true;
}

static bool wants_more(const struct reindex *r)
{
    return !r->report || r->report(r->ctx, &r->progress);
}

/* In order of rows: what is stored or deleted meanwhile moves nothing. What has no vector of the model,
 * or everything. */
static bool reindex(struct reindex *r, bool is_all, struct error *err)
{
    struct str model = is_all ? STR("") : embed_model_id(r->m->options.embedder);
    int64_t after = 0;

    for (;;) {
        AUTO_ARENA a = {0};
        struct memory *memories;
        size_t n;

        if (!store_list_by_row(r->m->options.store, &a, r->who->space, model, after,
                               REINDEX_STEP, &memories, &n, err))
            return false;
        if (!embed_some(r, &a, memories, n, err))
            return false;
        if (!wants_more(r) || n < REINDEX_STEP)
            return true;
        after = memories[n - 1].row;
    }
}

bool memory_reindex(struct memory_service *m, const struct caller *who, bool is_all,
                    bool (*report)(void *ctx, const struct memory_reindex_progress *p),
                    void *ctx, size_t *out_n, struct error *err)
{
    struct reindex r = {.m = m, .who = who, .report = report, .ctx = ctx};
    struct store_stats stats;

    if (!may(who, SCOPE_ADMIN, err))
        return false;
    if (!m->options.embedder)
        return error_set(err, ERROR_UNAVAILABLE, "nothing to embed with: " STR_FMT,
                         STR_ARG(m->options.no_embedder_why));
    if (!store_stats(m->options.store, who->space, embed_model_id(m->options.embedder), &stats,
                     err))
        return false;
    r.progress.total = (size_t)(is_all ? stats.n_live : stats.n_live - stats.n_with_vector);
    if (!reindex(&r, is_all, err))
        return false;
    *out_n = r.progress.done;
    return true;
}

/* -- stats ------------------------------------------------------------------------------------ */

static const struct memory_named_count *named_counts(struct arena *a,
                                                     const struct store_count *in, size_t n)
{
    struct memory_named_count *out = ARENA_NEW(a, struct memory_named_count, n);

    for (size_t i = 0; i < n; i++)
        out[i] = (struct memory_named_count){in[i].name, in[i].n};
    return out;
}

static bool count_recent(const struct memory_service *m, const struct caller *who,
                         int64_t now_ms, struct memory_stats_result *out, struct error *err)
{
    struct store *s = m->options.store;
    int64_t end = now_ms + 1;

    return store_count_created(s, who->space, day_start(day_of(now_ms)), end, &out->n_today,
                               err) &&
           store_count_created(s, who->space, now_ms - 7 * DAY_MS, end, &out->n_week, err) &&
           store_count_created(s, who->space, now_ms - 30 * DAY_MS, end, &out->n_month, err);
}

static bool count_names(const struct memory_service *m, const struct caller *who,
                        struct arena *a, struct memory_stats_result *out, struct error *err)
{
    struct store_count *types, *tags;

    if (!store_count_types(m->options.store, a, who->space, &types, &out->n_types, err) ||
        !store_count_tags(m->options.store, a, who->space, STATS_TAGS_MAX, &tags, &out->n_tags,
                          &out->n_unique_tags, err))
        return false;
    out->types = named_counts(a, types, out->n_types);
    out->tags = named_counts(a, tags, out->n_tags);
    return true;
}

bool memory_tags(struct memory_service *m, const struct caller *who, size_t n, struct arena *a,
                 const struct memory_named_count **out, size_t *out_n, int64_t *out_unique,
                 struct error *err)
{
    struct store_count *tags;

    if (!may(who, SCOPE_READ, err) ||
        !store_count_tags(m->options.store, a, who->space, n, &tags, out_n, out_unique, err))
        return false;
    *out = named_counts(a, tags, *out_n);
    return true;
}

static void take_timings(struct memory_service *m, struct memory_stats_result *out)
{
    MUTEX_SCOPE(&m->timing_lock);

    out->n_searches = m->searches.n;
    out->search_us_mean = m->searches.n ? m->searches.us_sum / m->searches.n : 0;
    out->search_us_max = m->searches.us_max;
    out->n_stores = m->stores.n;
    out->store_us_mean = m->stores.n ? m->stores.us_sum / m->stores.n : 0;
    out->store_us_max = m->stores.us_max;
}

bool memory_stats(struct memory_service *m, const struct caller *who, int64_t now_ms,
                  struct arena *a, struct memory_stats_result *out, struct error *err)
{
    struct memory_stats_result result = {0};
    struct store_stats stats;

    if (!may(who, SCOPE_READ, err) ||
        !store_stats(m->options.store, who->space, model_id_of(m), &stats, err) ||
        !count_recent(m, who, now_ms, &result, err) || !count_names(m, who, a, &result, err))
        return false;
    result.n_live = stats.n_live;
    result.n_superseded = stats.n_superseded;
    result.n_trashed = stats.n_trashed;
    result.n_with_vector = stats.n_with_vector;
    result.n_changes = stats.n_changes;
    result.oldest_ms = stats.oldest_ms;
    result.newest_ms = stats.newest_ms;
    result.bytes_on_disk = stats.bytes_on_disk;
    result.index_bytes = stats.index_bytes;
    take_timings(m, &result);
    result.n_query_hits = query_cache_hits(m->queries);
    *out = result;
    return true;
}

/* -- health ----------------------------------------------------------------------------------- */

/* Embeds a short text and looks whether its vector has unit length. */
static bool check_embedding(const struct memory_service *m, struct arena *a)
{
    const struct embedder *e = m->options.embedder;
    float *v = ARENA_NEW(a, float, embed_dim(e));
    double norm = 0;

    if (!embed_text(e, STR("health check"), v, NULL))
        return false;
    for (size_t i = 0; i < embed_dim(e); i++)
        norm += (double)v[i] * (double)v[i];
    return norm > 0.999 && norm < 1.001;
}

static void note(struct arena *a, struct memory_health_result *r, const char *text)
{
    r->is_healthy = false;
    r->message = r->message.len ? arena_printf(a, STR_FMT "; %s", STR_ARG(r->message), text)
                                : str_c(text);
}

static void check_model(const struct memory_service *m, struct arena *a,
                        struct memory_health_result *r)
{
    const struct embedder *e = m->options.embedder;

    r->has_model = e != NULL;
    r->model_why = m->options.no_embedder_why;
    r->encoder = "none";
    if (!e)
        return; /* works by words: said, but not unhealthy */
    r->model_why = (struct str){0};
    r->model_id = embed_model_id(e);
    r->dim = embed_dim(e);
    r->encoder = embed_path_name(e);
    r->is_embedding_ok = check_embedding(m, a);
    if (!r->is_embedding_ok)
        note(a, r, "the model gives wrong vectors; run 'memoryd model verify'");
}

static bool check_index(const struct memory_service *m, const struct caller *who,
                        struct arena *a, struct memory_health_result *r, struct error *err)
{
    const struct embedder *e = m->options.embedder;
    bool is_ok = true;

    if (e && !store_check_vectors(m->options.store, who->space, embed_model_id(e), embed_dim(e),
                                  &is_ok, err))
        return false;
    r->is_index_ok = is_ok;
    if (!is_ok)
        note(a, r, "the vector index does not match the stored vectors; run 'memoryd reindex'");
    return true;
}

static bool check_counts(const struct memory_service *m, const struct caller *who,
                         struct arena *a, struct memory_health_result *r, struct error *err)
{
    struct store_stats stats;

    if (!store_stats(m->options.store, who->space, model_id_of(m), &stats, err))
        return false;
    r->is_words_ok = stats.n_fts == stats.n_live;
    if (!r->is_words_ok)
        note(a, r, "the word index misses memories");
    r->n_live = stats.n_live;
    r->n_trashed = stats.n_trashed;
    r->n_with_vector = stats.n_with_vector;
    r->bytes_on_disk = stats.bytes_on_disk;
    return true;
}

bool memory_probe(struct memory_service *m, struct error *err)
{
    return store_probe(m->options.store, err);
}

bool memory_health(struct memory_service *m, const struct caller *who, struct arena *a,
                   struct memory_health_result *out, struct error *err)
{
    struct memory_health_result r = {.is_healthy = true};
    struct error cause = {0};
    struct str problem;

    if (!may(who, SCOPE_READ, err) || !store_check(m->options.store, a, &problem, err) ||
        !store_free_bytes(m->options.store, &r.bytes_free, err))
        return false;
    r.is_store_ok = problem.len == 0;
    if (!r.is_store_ok)
        note(a, &r, arena_cstr(a, problem));
    check_model(m, a, &r);
    if ((!check_counts(m, who, a, &r, &cause) || !check_index(m, who, a, &r, &cause)) &&
        r.is_store_ok) { /* of a damaged database it is told as much as can be read */
        if (err)
            *err = cause;
        return false;
    }
    if (r.is_healthy)
        r.message = r.has_model ? STR("all checks passed")
                                : arena_printf(a, "searches go by words alone: " STR_FMT,
                                               STR_ARG(r.model_why));
    *out = r;
    return true;
}

/*
 * query_cache.c - the vectors of the latest questions.
 *
 * Clients ask the same again: for the next page, with another filter, in the next turn. Embedding
 * costs more than all the rest of a search. A question is looked up by its bytes among QUERY_CACHE_MAX;
 * the one not used for longest makes room.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/alloc.h"
#include "embed/embed.h"

struct cached_query {
    struct str text; /* owned */
    float *vector;   /* owned */
    int64_t used_at;
};

struct query_cache {
    struct mutex lock; /* guards the rest */
    struct cached_query entries[QUERY_CACHE_MAX];
    size_t n;
    int64_t clock; /* grows with every use */
    int64_t n_hits;
};

struct query_cache *query_cache_new(void)
{
    struct query_cache *c = NEW(struct query_cache);

    mutex_init(&c->lock);
    return c;
}

static void clear(struct cached_query *q)
{
    free((void *)(uintptr_t)q->text.ptr);
    free(q->vector);
}

void query_cache_free(struct query_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        clear(&c->entries[i]);
    mutex_deinit(&c->lock);
    free(c);
}

int64_t query_cache_hits(struct query_cache *c)
{
    MUTEX_SCOPE(&c->lock);

    return c->n_hits;
}

static struct cached_query *find(struct query_cache *c, struct str text)
{
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->entries[i].text, text))
            return &c->entries[i];
    }
    return NULL;
}

static bool take(struct query_cache *c, struct str text, float *out, size_t dim)
{
    MUTEX_SCOPE(&c->lock);
    struct cached_query *q = find(c, text);

    if (!q)
        return false;
    memcpy(out, q->vector, dim * sizeof(*out));
    q->used_at = ++c->clock;
    c->n_hits++;
    return true;
}

static struct cached_query *make_room(struct query_cache *c)
{
    struct cached_query *oldest = &c->entries[0];

    if (c->n < QUERY_CACHE_MAX)
        return &c->entries[c->n++];
    for (size_t i = 1; i < c->n; i++) {
        if (c->entries[i].used_at < oldest->used_at)
            oldest = &c->entries[i];
    }
    clear(oldest);
    return oldest;
}

static void keep(struct query_cache *c, struct str text, const float *vector, size_t dim)
{
    MUTEX_SCOPE(&c->lock);
    struct cached_query *q;

    if (find(c, text)) /* somebody else asked the same at the same time */
        return;
    q = make_room(c);
    q->text = str_n(mem_dup(text), text.len);
    q->vector = NEW_ARRAY(float, dim);
    memcpy(q->vector, vector, dim * sizeof(*vector));
    q->used_at = ++c->clock;
}

bool embed_query(const struct memory_service *m, struct str text, float *out, struct error *err)
{
    const struct embedder *e = m->options.embedder;
    bool is_kept = text.len <= QUERY_CACHE_TEXT_MAX;

    if (is_kept && take(m->queries, text, out, embed_dim(e)))
        return true;
    if (!embed_text(e, text, out, err))
        return false;
    if (is_kept)
        keep(m->queries, text, out, embed_dim(e));
    return true;
}

/* service.c - the service object, its timings, and who may do what. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/alloc.h"
#include "base/clock.h"

bool memory_service_new(const struct memory_options *options, struct memory_service **out,
                        struct error *err)
{
    struct memory_service *m = NEW(struct memory_service);
    double sum = options->weight_words + options->weight_cosine;

    m->options = *options;
    m->options.no_embedder_why = arena_dup(&m->arena, options->no_embedder_why);
    m->options.weight_words = sum > 0 ? options->weight_words / sum : 0.3;
    m->options.weight_cosine = 1 - m->options.weight_words;
    mutex_init(&m->timing_lock);
    m->queries = query_cache_new();
    if (!types_init(m, options->custom_types, err)) {
        memory_service_free(m);
        return false;
    }
    *out = m;
    return true;
}

void memory_service_free(struct memory_service *m)
{
    if (!m)
        return;
    query_cache_free(m->queries);
    mutex_deinit(&m->timing_lock);
    arena_deinit(&m->arena);
    free(m);
}

void timing_add(struct memory_service *m, struct timing *t, int64_t started_us)
{
    int64_t us = clock_monotonic_us() - started_us;
    MUTEX_SCOPE(&m->timing_lock);

    t->n++;
    t->us_sum += us;
    t->us_max = MAX(t->us_max, us);
}

/* -- rights ----------------------------------------------------------------------------------- */

bool may(const struct caller *who, enum scope scope, struct error *err)
{
    if (who->scopes & (unsigned)scope)
        return true;
    return error_set(err, ERROR_DENIED, "this needs the scope '%s'",
                     scope == SCOPE_READ    ? "read"
                     : scope == SCOPE_WRITE ? "write"
                                            : "admin");
}

struct store_actor actor_of(const struct caller *who, int64_t now_ms)
{
    return (struct store_actor){who->space, who->subject, who->client, now_ms};
}

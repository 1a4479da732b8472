/*
 * stats.c - memory_stats: what is stored, and how fast this process answered.
 *
 * The shape serves the resource memory://stats too. The reference's cache counters are gone: there is
 * no such cache here.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "view/view.h"

static json_t *counts_json(const struct memory_named_count *counts, size_t n)
{
    json_t *list = json_must(json_array());

    for (size_t i = 0; i < n; i++) {
        json_t *item = json_must(json_object());

        obj_put_str(item, "name", counts[i].name);
        obj_put_int(item, "count", counts[i].n);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *performance_json(const struct memory_stats_result *s)
{
    json_t *p = json_must(json_object());

    obj_put_int(p, "total_queries", s->n_searches);
    obj_put_int(p, "query_cache_hits", s->n_query_hits);
    obj_put_real(p, "average_query_time_ms", (double)s->search_us_mean / 1000);
    obj_put_real(p, "max_query_time_ms", (double)s->search_us_max / 1000);
    obj_put_int(p, "total_stores", s->n_stores);
    obj_put_real(p, "average_store_time_ms", (double)s->store_us_mean / 1000);
    obj_put_real(p, "max_store_time_ms", (double)s->store_us_max / 1000);
    return p;
}

static void put_counts(json_t *data, const struct memory_stats_result *s)
{
    const struct {
        const char *key;
        int64_t n;
    } rows[] = {
        {"total_memories", s->n_live},
        {"superseded_memories", s->n_superseded},
        {"deleted_memories", s->n_trashed},
        {"memories_with_vector", s->n_with_vector},
        {"memories_today", s->n_today},
        {"memories_this_week", s->n_week},
        {"memories_this_month", s->n_month},
        {"unique_tags", s->n_unique_tags},
        {"changes", s->n_changes},
        {"database_size_bytes", s->bytes_on_disk},
        {"vector_index_bytes", s->index_bytes},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        obj_put_int(data, rows[i].key, rows[i].n);
}

bool stats_read(const struct tool_call *c, json_t **out, struct error *err)
{
    struct memory_stats_result s;
    json_t *data;

    if (!memory_stats(c->memory, c->who, c->now_ms, c->arena, &s, err))
        return false;
    data = json_must(json_object());
    obj_put_str(data, "backend", STR("sqlite"));
    put_counts(data, &s);
    obj_put_megabytes(data, "database_size_mb", s.bytes_on_disk);
    if (s.oldest_ms)
        obj_put(data, "oldest_iso", view_iso(s.oldest_ms));
    if (s.newest_ms)
        obj_put(data, "newest_iso", view_iso(s.newest_ms));
    obj_put(data, "types", counts_json(s.types, s.n_types));
    obj_put(data, "tags", counts_json(s.tags, s.n_tags));
    obj_put_str(data, "embedding_model", c->options->model_id);
    obj_put_int(data, "embedding_dimension", (int64_t)c->options->model_dim);
    obj_put(data, "performance", performance_json(&s));
    *out = data;
    return true;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    (void)args;
    if (!stats_read(c, &out->data, err))
        return false;
    json_write_pretty(&out->text, out->data);
    return true;
}

const struct tool tool_stats = {
    .name = "memory_stats",
    .definition = &schema_memory_stats,
    .scope = SCOPE_READ,
    .run = run,
};

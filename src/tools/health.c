/*
 * health.c - memory_health: does everything work, and what if not.
 *
 * Unhealthy is an answer, not a failure: the call succeeds and says so.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

static json_t *validation_json(const struct memory_health_result *h)
{
    json_t *v = json_must(json_object());

    obj_put_str(v, "status", h->is_healthy ? STR("healthy") : STR("unhealthy"));
    obj_put_str(v, "message", h->message);
    return v;
}

static json_t *statistics_json(const struct memory_health_result *h)
{
    json_t *s = json_must(json_object());

    obj_put_str(s, "status", h->is_store_ok ? STR("operational") : STR("error"));
    obj_put_str(s, "backend", STR("sqlite"));
    obj_put_int(s, "total_memories", h->n_live);
    obj_put_int(s, "deleted_memories", h->n_trashed);
    obj_put_int(s, "memories_with_vector", h->n_with_vector);
    obj_put_bool(s, "has_embedding_tables", h->is_index_ok);
    obj_put_bool(s, "has_embedding_model", h->has_model);
    if (h->has_model) {
        obj_put_str(s, "embedding_model", h->model_id);
        obj_put_int(s, "embedding_dimension", (int64_t)h->dim);
        obj_put_str(s, "encoder", str_c(h->encoder));
    } else {
        obj_put_str(s, "no_model_because", h->model_why);
    }
    obj_put_int(s, "database_size_bytes", h->bytes_on_disk);
    obj_put_megabytes(s, "database_size_mb", h->bytes_on_disk);
    obj_put_int(s, "free_disk_bytes", h->bytes_free);
    return s;
}

static json_t *integrity_json(const struct memory_health_result *h)
{
    json_t *i = json_must(json_object());

    obj_put_bool(i, "database", h->is_store_ok);
    obj_put_bool(i, "vector_index", h->is_index_ok);
    obj_put_bool(i, "word_index", h->is_words_ok);
    obj_put_bool(i, "embedding", h->is_embedding_ok);
    return i;
}

/* Times of this process, where they can be had: a damaged database must not hide the rest. */
static json_t *performance_json(const struct tool_call *c)
{
    json_t *p = json_must(json_object());
    AUTO_JSON *stats = NULL;

    if (stats_read(c, &stats, NULL))
        obj_put(p, "server", json_incref(json_object_get(stats, "performance")));
    return p;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct memory_health_result h;

    (void)args;
    if (!memory_health(c->memory, c->who, c->arena, &h, err))
        return false;
    out->data = json_must(json_object());
    obj_put_str(out->data, "version", c->options->version);
    obj_put(out->data, "validation", validation_json(&h));
    obj_put(out->data, "statistics", statistics_json(&h));
    obj_put(out->data, "integrity", integrity_json(&h));
    obj_put(out->data, "performance", performance_json(c));
    buf_add(&out->text, STR("Database Health Check Results:\n"));
    json_write_pretty(&out->text, out->data);
    return true;
}

const struct tool tool_health = {
    .name = "memory_health",
    .definition = &schema_memory_health,
    .scope = SCOPE_READ,
    .is_slow = tool_always_slow,
    .run = run,
};

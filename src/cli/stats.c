/* stats.c - memoryd stats and memoryd health: what is there, and whether it works. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_int.h"

static json_t *counts_json(const struct memory_named_count *counts, size_t n)
{
    json_t *obj = json_must(json_array());

    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            obj, json_must(json_pack("{s:o, s:I}", "name", json_str(counts[i].name), "count",
                                     (json_int_t)counts[i].n)));
    return obj;
}

static json_t *stats_json(const struct memory_stats_result *s)
{
    return json_must(json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I}", "total_memories",
        (json_int_t)s->n_live, "superseded", (json_int_t)s->n_superseded, "in_trash",
        (json_int_t)s->n_trashed, "with_vector", (json_int_t)s->n_with_vector, "today",
        (json_int_t)s->n_today, "this_week", (json_int_t)s->n_week, "this_month",
        (json_int_t)s->n_month, "types", counts_json(s->types, s->n_types), "tags",
        counts_json(s->tags, s->n_tags), "unique_tags", (json_int_t)s->n_unique_tags,
        "bytes_on_disk", (json_int_t)s->bytes_on_disk));
}

static void print_counts(struct cli *c, const char *title,
                         const struct memory_named_count *counts, size_t n)
{
    if (n)
        cli_print(c, STYLE_BOLD, "%s\n", title);
    for (size_t i = 0; i < n; i++)
        cli_print(c, STYLE_PLAIN, "  %8lld  " STR_FMT "\n", (long long)counts[i].n,
                  STR_ARG(counts[i].name.len ? counts[i].name : STR("(none)")));
}

static void print_stats(struct cli *c, const struct memory_stats_result *s)
{
    cli_print(c, STYLE_BOLD, "%lld memories", (long long)s->n_live);
    cli_print(c, STYLE_PLAIN, ", %lld superseded among them, %lld more in the trash\n",
              (long long)s->n_superseded, (long long)s->n_trashed);
    cli_print(c, STYLE_PLAIN, "%lld can be found by meaning\n", (long long)s->n_with_vector);
    cli_print(c, STYLE_PLAIN,
              "stored today %lld, in the last 7 days %lld, in the last 30 %lld\n",
              (long long)s->n_today, (long long)s->n_week, (long long)s->n_month);
    cli_print(c, STYLE_PLAIN, "on disk " STR_FMT "\n", STR_ARG(cli_bytes(c, s->bytes_on_disk)));
    print_counts(c, "types", s->types, s->n_types);
    print_counts(c, "tags", s->tags, s->n_tags);
}

static bool run_stats(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    struct memory_stats_result stats;

    if (!cli_open(c, &memory, err) ||
        !memory_stats(memory, &c->who, c->now_ms, c->arena, &stats, err))
        return false;
    if (c->is_json)
        cli_print_json(c, stats_json(&stats));
    else
        print_stats(c, &stats);
    return true;
}

static json_t *health_json(const struct memory_health_result *h)
{
    return json_must(json_pack(
        "{s:s, s:o, s:b, s:o, s:b, s:b, s:b, s:b, s:I, s:I, s:I}", "status",
        h->is_healthy ? "healthy" : "unhealthy", "message", json_str(h->message), "has_model",
        h->has_model, "model", h->has_model ? json_str(h->model_id) : json_str(h->model_why),
        "store", h->is_store_ok, "vector_index", h->is_index_ok, "word_index", h->is_words_ok,
        "embedding", h->is_embedding_ok, "total_memories", (json_int_t)h->n_live,
        "bytes_on_disk", (json_int_t)h->bytes_on_disk, "bytes_free",
        (json_int_t)h->bytes_free));
}

static void print_check(struct cli *c, const char *what, bool is_ok)
{
    cli_print(c, is_ok ? STYLE_GREEN : STYLE_RED, "  %-14s %s\n", what,
              is_ok ? "ok" : "FAILED");
}

static void print_health(struct cli *c, const struct memory_health_result *h)
{
    cli_print(c, h->is_healthy ? STYLE_GREEN : STYLE_RED, "%s",
              h->is_healthy ? "healthy" : "unhealthy");
    cli_print(c, STYLE_PLAIN, ": " STR_FMT "\n", STR_ARG(h->message));
    print_check(c, "database", h->is_store_ok);
    print_check(c, "words", h->is_words_ok);
    print_check(c, "vectors", h->is_index_ok);
    if (h->has_model) {
        print_check(c, "embedding", h->is_embedding_ok);
        cli_print(c, STYLE_PLAIN, "model " STR_FMT ", %zu dimensions, %s\n",
                  STR_ARG(h->model_id), h->dim, h->encoder);
    }
    cli_print(c, STYLE_PLAIN, "%lld memories, " STR_FMT " on disk, " STR_FMT " free\n",
              (long long)h->n_live, STR_ARG(cli_bytes(c, h->bytes_on_disk)),
              STR_ARG(cli_bytes(c, h->bytes_free)));
}

/* A damaged file may still be opened, and its vectors look like others. */
static void check_model_file(struct cli *c, struct memory_health_result *h)
{
    struct error problem = {0};

    if (cli_verify_model(c, &problem))
        return;
    h->message = h->is_healthy ? arena_printf(c->arena, "%s", problem.text)
                               : arena_printf(c->arena, STR_FMT "; %s", STR_ARG(h->message),
                                              problem.text);
    h->is_healthy = false;
    h->is_embedding_ok = false;
}

static bool run_health(struct cli *c, struct error *err)
{
    struct memory_service *memory;
    struct memory_health_result health;

    if (!cli_open(c, &memory, err) || !memory_health(memory, &c->who, c->arena, &health, err))
        return false;
    check_model_file(c, &health);
    if (c->is_json)
        cli_print_json(c, health_json(&health));
    else
        print_health(c, &health);
    if (!health.is_healthy)
        return error_set(err, ERROR_UNAVAILABLE, "unhealthy: " STR_FMT,
                         STR_ARG(health.message));
    return true;
}

const struct cli_command cli_stats = {
    .name = "stats",
    .words = "",
    .summary = "count what is stored",
    .details = "Counts memories by time, type and tag, and what they take on disk.",
    .run = run_stats,
};

const struct cli_command cli_health = {
    .name = "health",
    .words = "",
    .summary = "test database, indexes and model",
    .details =
        "Tests the database (structure, indexes, a write), reads the model file, embeds a "
        "text, and counts. "
        "Exit code "
        "7 if\nsomething is wrong.",
    .run = run_health,
};

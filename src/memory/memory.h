/*
 * memory.h - THE memory service: the one door to memories for every protocol, command and job.
 *
 * It alone knows the rules: what is valid, what is a duplicate, which space, how a search is planned and
 * fused, what stays in history. Callers convert to and from their own forms and log.
 *
 * Owner    results live in the arena given.
 * Rights   every call names a struct caller; DENIED if its scopes do not reach.
 * Errors   texts are for the person or model that asked: which argument, what would do.
 * Threads  any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_MEMORY_H
#define MEMORY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "model/model.h"

struct store;
struct embedder;
struct memory_service;

struct memory_options {
    struct store *store;       /* borrowed, outlives the service */
    struct embedder *embedder; /* borrowed; NULL: no model, search by words only, and said so */
    struct str no_embedder_why; /* one line for people when embedder is NULL */
    double weight_words;        /* fusion; normalised to sum 1 */
    double weight_cosine;
    bool is_rrf; /* reciprocal rank fusion instead of the weighted sum */
    int rrf_k;
    size_t content_max_chars; /* 0: MEMORY_CONTENT_MAX_BYTES alone */
    bool is_auto_split;       /* longer content becomes several memories, else LIMIT */
    size_t split_overlap;     /* characters */
    bool is_split_at_boundaries;
    struct str custom_types; /* JSON object base -> [subtypes], checked by config; or empty */
    double recency_half_life_days; /* for the recency term */
};

NODISCARD bool memory_service_new(const struct memory_options *options,
                                  struct memory_service **out, struct error *err);
void memory_service_free(struct memory_service *m);

/* -- normal forms (memory/identity.c, tags.c, types.c) --------------------------------------- */

/* Hex SHA-256 of the stripped, lower-cased content: the name of a memory. In the arena. */
struct str memory_hash(struct arena *a, struct str content);

/* Tags as they are stored and asked for: trimmed, commas to '-', lower case, cut to
 * MEMORY_TAG_MAX_CHARS, empty ones and repeats left out. Of more than MEMORY_TAGS_MAX comes one too
 * many, which every request refuses. */
void memory_normalise_tags(struct arena *a, const struct str *in, size_t n_in,
                           const struct str **out, size_t *out_n);
/* The same from the one-string form: JSON array, comma list or single tag (tools.md 1.4). */
void memory_parse_tags(struct arena *a, struct str text, const struct str **out, size_t *out_n);

/* The ontology: true if type is one of it or a custom one. */
bool memory_type_is_known(const struct memory_service *m, struct str type);
/* type and, if it is a base type, its subtypes: what a filter by a family of types takes. */
void memory_type_family(const struct memory_service *m, struct arena *a, struct str type,
                        const struct str **out, size_t *out_n);

/* A natural time expression ("last week", "since march 2024", "between X and Y") relative to now_ms
 * in the server's time zone. until is exclusive; 0: open. INVALID: not understood; the text lists the
 * forms. */
NODISCARD bool memory_parse_time_expr(struct str text, int64_t now_ms, int64_t *out_from_ms,
                                      int64_t *out_until_ms, struct error *err);
/* An ISO date or date-time; without offset it is local time, a bare date is local midnight. */
NODISCARD bool memory_parse_date(struct str text, int64_t *out_ms, struct error *err);
/* Finds a time expression inside a question; *out_rest is the question without it. False: none. */
bool memory_extract_time_expr(struct arena *a, struct str text, int64_t now_ms,
                              int64_t *out_from_ms, int64_t *out_until_ms,
                              struct str *out_rest);

/* -- store ----------------------------------------------------------------------------------- */

struct memory_store_request {
    struct str content;
    const struct str *tags; /* raw; normalised here */
    size_t n_tags;
    struct str type; /* empty with !has_type: "note" */
    bool has_type;
    struct str metadata; /* JSON object text, or empty */
    struct str conversation_id;
    struct str hostname; /* adds the tag source:<host>; empty: none */
    int64_t now_ms;
};

struct memory_similar {
    struct str hash;
    struct str content;
    double cosine;
};

struct memory_stored_piece {
    struct str hash;
    bool is_duplicate; /* the same normalised text was there already; nothing changed */
    bool is_revived;   /* came back from the trash */
};

struct memory_store_result {
    struct str hash;                          /* of the whole content */
    const struct memory_stored_piece *pieces; /* one, unless the content was split */
    size_t n_pieces;
    const struct str *tags; /* as stored */
    size_t n_tags;
    struct str type;                      /* as stored */
    struct str requested_type;            /* set if it was not known and became type */
    const struct memory_similar *similar; /* near-duplicates that exist beside it, best first */
    size_t n_similar;
    bool is_unembedded; /* no model: found by words until a reindex */
    bool
        is_partly_embedded; /* too long: the text beyond the last window is found by words only */
};

NODISCARD bool memory_store(struct memory_service *m, const struct caller *who,
                            const struct memory_store_request *request, struct arena *a,
                            struct memory_store_result *out, struct error *err);

/* -- search ---------------------------------------------------------------------------------- */

struct memory_search_request {
    struct str query; /* may be empty if a filter is given */
    enum search_mode mode;
    struct memory_filter filter; /* tags raw: normalised here */
    struct str time_expr;        /* wins over filter.from_ms and until_ms */
    size_t limit;                /* 1..MEMORY_SEARCH_MAX */
    size_t offset;
    double quality_boost; /* [0, 1] weight of quality in the score */
    double recency_boost; /* [0, 1] weight of recency in the score */
    double min_score;     /* hits below are left out */
    bool use_fallback;    /* few good hits: add exact matches and tag matches, filters kept */
    int64_t now_ms;
};
#define MEMORY_SEARCH_MAX 100
#define MEMORY_OFFSET_MAX 10000

struct memory_search_result {
    struct hit *hits;
    size_t n_hits;
    bool has_more;
    size_t n_candidates; /* memories that pass the filters and were ranked */
    bool is_words_only;  /* asked by meaning, but there is no model */
    struct str words_only_why;
    bool used_fallback;
    int64_t from_ms, until_ms; /* the window in force; 0: open */
};

NODISCARD bool memory_search(struct memory_service *m, const struct caller *who,
                             const struct memory_search_request *request, struct arena *a,
                             struct memory_search_result *out, struct error *err);

/* -- reading --------------------------------------------------------------------------------- */

NODISCARD bool memory_get(struct memory_service *m, const struct caller *who, struct str hash,
                          enum trash_filter trash, struct arena *a, struct memory **out,
                          struct error *err); /* *out NULL: none */

struct memory_page {
    struct memory *memories;
    size_t n_memories;
    size_t total;
};
NODISCARD bool memory_list(struct memory_service *m, const struct caller *who,
                           const struct memory_filter *filter, size_t offset, size_t limit,
                           struct arena *a, struct memory_page *out, struct error *err);

/* The changes of one memory, or with an empty hash of all in the space; newest first. */
NODISCARD bool memory_history(struct memory_service *m, const struct caller *who,
                              struct str hash, size_t limit, struct arena *a,
                              struct change **out, size_t *out_n, struct error *err);

/* -- change ---------------------------------------------------------------------------------- */

struct memory_update_request {
    struct str hash; /* or a prefix of at least MEMORY_HASH_MIN_PREFIX characters */
    bool has_tags;   /* replace all tags */
    const struct str *tags;
    size_t n_tags;
    const struct str *add_tags;
    size_t n_add_tags;
    const struct str *remove_tags;
    size_t n_remove_tags;
    bool has_type;
    struct str type;
    struct str metadata; /* JSON object: shallow merge, null removes a key; or empty */
    bool is_versioned;   /* content becomes a new memory that supersedes this one */
    struct str content;
    struct str reason;
    bool is_touching_times; /* preserve_timestamps false */
    int64_t created_ms;     /* with is_touching_times: 0 keep */
    int64_t updated_ms;     /* with is_touching_times: 0 now */
    int64_t now_ms;
};

struct memory_update_result {
    struct memory *memory;      /* as it is now (the new one if versioned) */
    struct str parent_hash;     /* versioned: the old one */
    const char *const *changed; /* names of the fields that changed */
    size_t n_changed;
    struct str requested_type; /* set if it was not known */
};

NODISCARD bool memory_update(struct memory_service *m, const struct caller *who,
                             const struct memory_update_request *request, struct arena *a,
                             struct memory_update_result *out, struct error *err);

struct memory_delete_request {
    struct str hash;             /* alone, or ... */
    struct memory_filter filter; /* ... tags and times; all filters empty is INVALID */
    struct str time_expr;
    bool is_dry_run;
    int64_t now_ms;
};
struct memory_delete_result {
    const struct str *hashes; /* all of them */
    size_t n_hashes;
};
NODISCARD bool memory_delete(struct memory_service *m, const struct caller *who,
                             const struct memory_delete_request *request, struct arena *a,
                             struct memory_delete_result *out, struct error *err);

/* Out of the trash; with revision > 0, back to that revision instead. */
NODISCARD bool memory_restore(struct memory_service *m, const struct caller *who,
                              struct str hash, int64_t revision, int64_t now_ms,
                              struct arena *a, struct memory **out, struct error *err);

/* -- upkeep ---------------------------------------------------------------------------------- */

enum keep_policy { KEEP_OLDEST, KEEP_NEWEST, KEEP_BEST };

struct memory_cleanup_request {
    bool is_dry_run;
    double threshold; /* cosine at and above which two texts are near-duplicates */
    enum keep_policy keep;
    struct memory_filter filter; /* scope */
    struct str time_expr;
    size_t limit;                  /* groups at most, 1..MEMORY_CLEANUP_MAX */
    int64_t purge_trash_before_ms; /* also remove for good what was deleted before; 0: no */
    int64_t now_ms;
};
#define MEMORY_CLEANUP_MAX 200

struct memory_cleanup_group {
    struct memory kept;
    const struct memory *removed;
    size_t n_removed;
    double cosine; /* the least of the pairs with the kept one */
};
struct memory_cleanup_result {
    const struct memory_cleanup_group *groups;
    size_t n_groups;
    size_t n_removed;
    size_t n_purged;
    bool has_more;         /* groups beyond the limit; ask again */
    size_t n_not_compared; /* older memories that no call compares: beyond CLEANUP_SCAN_MAX */
    bool is_not_compared;  /* no model: the trash was purged, duplicates were not looked for */
};
/* UNAVAILABLE: there is no model, and nothing to purge was asked for. */
NODISCARD bool memory_cleanup(struct memory_service *m, const struct caller *who,
                              const struct memory_cleanup_request *request, struct arena *a,
                              struct memory_cleanup_result *out, struct error *err);

struct memory_reindex_progress {
    size_t done;
    size_t total;
};
/* Embeds what has no vector of the current model, in small steps; report may be NULL and may return
 * false to stop. With is_all, everything anew. */
NODISCARD bool memory_reindex(struct memory_service *m, const struct caller *who, bool is_all,
                              bool (*report)(void *ctx,
                                             const struct memory_reindex_progress *p),
                              void *ctx, size_t *out_n, struct error *err);

struct memory_named_count {
    struct str name;
    int64_t n;
};
struct memory_stats_result {
    int64_t n_live, n_superseded, n_trashed, n_with_vector, n_changes;
    int64_t n_today, n_week,
        n_month; /* created since local midnight, in the last 7 and 30 days */
    int64_t oldest_ms, newest_ms;
    const struct memory_named_count *types;
    size_t n_types;
    const struct memory_named_count *tags; /* the most frequent */
    size_t n_tags;
    int64_t n_unique_tags;
    int64_t bytes_on_disk, index_bytes;
    int64_t n_searches, search_us_mean, search_us_max; /* since the start of this process */
    int64_t n_stores, store_us_mean, store_us_max;
    int64_t n_query_hits; /* searches whose question was embedded before */
};
NODISCARD bool memory_stats(struct memory_service *m, const struct caller *who, int64_t now_ms,
                            struct arena *a, struct memory_stats_result *out,
                            struct error *err);

/* The n most frequent tags of live memories, and how many different ones there are. */
NODISCARD bool memory_tags(struct memory_service *m, const struct caller *who, size_t n,
                           struct arena *a, const struct memory_named_count **out,
                           size_t *out_n, int64_t *out_unique, struct error *err);

/* Whether memories can be read and written just now; quick, for monitors that ask often. */
NODISCARD bool memory_probe(struct memory_service *m, struct error *err);

struct memory_health_result { /* a thorough check, which takes longer the more there is */
    bool is_healthy;
    struct str message; /* why not; "all checks passed"; or why words alone are searched */
    bool has_model;
    struct str model_id;  /* empty without a model */
    struct str model_why; /* why there is none */
    size_t dim;
    const char *encoder; /* the path chosen: "fp32-avx2", ... */
    bool is_store_ok, is_index_ok, is_words_ok, is_embedding_ok;
    int64_t n_live, n_trashed, n_with_vector;
    int64_t bytes_on_disk, bytes_free;
};
NODISCARD bool memory_health(struct memory_service *m, const struct caller *who,
                             struct arena *a, struct memory_health_result *out,
                             struct error *err);

#endif

/*
 * memory_int.h - what the files of the service share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_MEMORY_INT_H
#define MEMORY_MEMORY_INT_H

#include "memory/memory.h"

#include "base/thread.h"
#include "store/store.h"

#define SIMILAR_COSINE                                                                         \
    0.85 /* from here on two texts are reported as similar when one is stored */
#define SIMILAR_MAX     5
#define TAG_NONE_TEXT   "untagged" /* stored where there are no tags */
#define TAG_NONE        STR(TAG_NONE_TEXT)
#define QUERY_MAX_BYTES 16384 /* of a search's query; longer ones are refused */
#define QUERY_WORDS_MAX 64    /* different words of a query that are searched for */
#define SPACE_SCAN_PAGE 500   /* memories read at a time when all are gone through */

struct timing { /* of one kind of call, since this process started */
    int64_t n;
    int64_t us_sum;
    int64_t us_max;
};

struct custom_type {
    struct str base;
    struct str name; /* empty: the base type itself */
};

struct memory_service {
    struct memory_options options;
    struct arena arena; /* owns custom_types and the texts of options */
    const struct custom_type *custom_types;
    size_t n_custom_types;

    struct mutex timing_lock; /* guards searches, stores */
    struct timing searches;
    struct timing stores;

    struct query_cache *queries; /* has a lock of its own */
};

/* -- service.c -------------------------------------------------------------------------------- */

void timing_add(struct memory_service *m, struct timing *t, int64_t started_us);
NODISCARD bool may(const struct caller *who, enum scope scope, struct error *err);
struct store_actor actor_of(const struct caller *who, int64_t now_ms);

/* -- types.c ---------------------------------------------------------------------------------- */

NODISCARD bool types_init(struct memory_service *m, struct str custom_types, struct error *err);
/* The type to store: type itself, or "observation" with *out_requested set if it is not known. */
struct str type_resolve(const struct memory_service *m, struct str type,
                        struct str *out_requested);

/* -- split.c ---------------------------------------------------------------------------------- */

struct split_rule {
    size_t max_chars;
    size_t overlap_chars;
    bool at_boundaries;
};
/* Pieces of at most max_chars characters. INVALID: the overlap is not below the limit. */
NODISCARD bool split_content(struct arena *a, struct str content, const struct split_rule *rule,
                             const struct str **out, size_t *out_n, struct error *err);

/* -- embedding.c ------------------------------------------------------------------------------ */

struct str model_id_of(const struct memory_service *m); /* empty without a model */
struct embedded { /* a text's vectors; none without a model */
    struct store_vectors vectors;
    bool is_cut; /* the text goes on behind what they stand for */
};
/* Of n texts, over all cores that the embedder may use. Called with no lock held. */
NODISCARD bool embed_contents(const struct memory_service *m, struct arena *a,
                              const struct str *texts, size_t n, struct embedded *out,
                              struct error *err);

/* -- query_cache.c ---------------------------------------------------------------------------- */

#define QUERY_CACHE_MAX      64
#define QUERY_CACHE_TEXT_MAX 1000 /* bytes; a longer question is embedded each time */

struct query_cache *query_cache_new(void);
void query_cache_free(struct query_cache *c);
int64_t query_cache_hits(struct query_cache *c);
/* The vector of a question, out[embed_dim()]. There is a model. */
NODISCARD bool embed_query(const struct memory_service *m, struct str text, float *out,
                           struct error *err);

/* -- filter.c --------------------------------------------------------------------------------- */

#define FILTER_TYPES_MAX 500 /* a family of types, the user's own among them */

NODISCARD bool check_content(struct str content, struct error *err);
/* The limit that the user set, which splitting can get round. */
NODISCARD bool check_length(const struct memory_service *m, struct str content,
                            struct error *err);
NODISCARD bool check_tags(const struct str *tags, size_t n, const char *what,
                          struct error *err);
NODISCARD bool check_type(struct str type, struct error *err);
bool filter_is_empty(const struct memory_filter *f); /* lets every live memory through */
/* Normalises the tags and puts the time expression in; *out is ready for the store. */
NODISCARD bool filter_prepare(struct arena *a, const struct memory_filter *in,
                              struct str time_expr, int64_t now_ms, struct memory_filter *out,
                              struct error *err);

/* -- words.c ---------------------------------------------------------------------------------- */

/* The words of a query that carry meaning, without repeats; all words if none does. */
void query_words(struct arena *a, struct str query, const struct str **out, size_t *out_n);

/* -- fuse.c ----------------------------------------------------------------------------------- */

struct candidate {
    int64_t row;
    double cosine; /* below -1: no vector, or not among the nearest */
    double words;  /* BM25 as a share of full, 0 to 1; below 0: no word matches */
    double score;
};

struct fuse_rule {
    double weight_words;
    double weight_cosine;
    double words_full; /* BM25 that counts full even where none reaches it; 0: the best does */
    bool is_rrf;
    int rrf_k;
};

/*
 * One list out of both rankings, best first, ties by cosine, then words, then from new to old. In the
 * arena. Only the first of each ranking are scored, however long it is; the rest comes after with 0.
 * Weighted sum: BM25 divided by the best of the list, or by words_full if that is more; cosine as its
 * distance to the best of the list, 1 for the best and 0 from COSINE_SPAN below it. Reciprocal ranks:
 * the sum of 1 / (k + rank), scaled so that first in both is 1 (Cormack, Clarke, Buettcher, SIGIR 2009).
 */
void fuse(struct arena *a, const struct fuse_rule *rule, const struct ranked *words,
          size_t n_words, const struct ranked *vectors, size_t n_vectors,
          struct candidate **out, size_t *out_n);

/* -- calendar.c ------------------------------------------------------------------------------- */

struct
    day { /* a date in the server's time zone; fields may be out of range, days_ms() mends them */
    int year;
    int month; /* 1-12 */
    int day;   /* 1-31 */
};

struct day day_of(int64_t ms);             /* local date of an instant */
int64_t day_start(struct day d);           /* local midnight; handles overflow of fields */
int64_t day_at(struct day d, int minutes); /* that many minutes into the day, by the clock */
struct day day_add(struct day d, int days);
int day_weekday(struct day d);  /* 0 Monday to 6 Sunday */
bool day_is_real(struct day d); /* no 31 April */

#endif

/*
 * model.h - the plain data that the layers above the store speak of. No behaviour.
 *
 * Owner    every view in these structs lives in the arena that the filling function was given.
 * Units    times are ms UTC since 1970, 0 means "never" or "not given"; scores are in [0, 1].
 * Threads  any; a struct belongs to whoever filled it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Limits of one memory; docs/limits.md lists them for users. */
#define MEMORY_CONTENT_MAX_BYTES  ((size_t)1024 * 1024)
#define MEMORY_METADATA_MAX_BYTES ((size_t)64 * 1024)
#define MEMORY_TAGS_MAX           100
#define MEMORY_TAG_MAX_CHARS      100
#define MEMORY_TYPE_MAX_CHARS     64
#define MEMORY_SPACE_MAX_CHARS    64
#define MEMORY_HASH_MIN_PREFIX    8 /* characters of a content hash that may stand for it */
#define MEMORY_HASH_MAX_BYTES     128

#define SPACE_DEFAULT "default"

enum scope {
    SCOPE_READ = 1,
    SCOPE_WRITE = 2,
    SCOPE_ADMIN = 4,
};

/* Who asks. Every call of the memory service names one. */
struct caller {
    struct str subject; /* account, or "local" */
    struct str client;  /* program that speaks for it: "claude-code", "cli", ... may be empty */
    struct str space;   /* the one space this call works in */
    unsigned scopes;    /* enum scope, or-ed */
};

/* 1 to MEMORY_SPACE_MAX_CHARS characters of UTF-8 without blanks, controls or '/', so that it can stand in
 * a path. */
bool space_is_valid(struct str name);

struct memory {
    int64_t row;     /* the store's number for it; never shown outside */
    struct str hash; /* its name: content hash, 64 hex digits (imported ones may differ) */
    struct str space;
    struct str content;
    struct str type;        /* empty: none */
    struct str metadata;    /* a JSON object in text form, "{}" if empty */
    const struct str *tags; /* in order of first appearance */
    size_t n_tags;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t accessed_ms; /* last returned by a search; 0 never */
    int64_t deleted_ms;  /* in the trash since; 0 if live */
    int64_t n_accesses;
    int64_t revision;         /* 1, and one more with every change */
    struct str parent;        /* hash of the version before, or empty */
    struct str superseded_by; /* hash of the version after, or empty */
    double quality;           /* [0, 1]; negative: not rated */
    double confidence;        /* [0, 1]; 1 unless told otherwise */
    bool has_vector;          /* of some model, not always of the one in use */
};

enum trash_filter {
    TRASH_HIDE, /* live memories */
    TRASH_ONLY,
    TRASH_SHOW, /* both */
};

/* Which memories take part. Zeroed: every live, current memory of the space. */
struct memory_filter {
    const struct str *tags; /* normalised */
    size_t n_tags;
    bool is_all_tags;        /* all of tags, not any */
    bool is_nothing;         /* a filter was given that can match nothing, such as tags [] */
    const struct str *types; /* any of them, exact; empty: all */
    size_t n_types;
    int64_t from_ms;         /* created at or after */
    int64_t until_ms;        /* created before; 0 none */
    int64_t stale_before_ms; /* last access, or else creation, before; 0 none */
    double min_quality;      /* 0 none; unrated counts as 0.5 */
    double max_quality;      /* 0 none */
    struct str exact;    /* content holds this text, ASCII case ignored; empty: any content */
    bool has_superseded; /* let superseded memories in too */
    enum trash_filter trash;
};

enum search_mode { SEARCH_SEMANTIC, SEARCH_HYBRID, SEARCH_EXACT };

/* Why a hit was found: the parts of its score. Parts that took no part are negative. */
struct score_parts {
    double cosine; /* best cosine of query and memory, [-1, 1]; < -1: none */
    double words;  /* BM25, normalised over this result to [0, 1] */
    double quality;
    double recency;
};

struct hit {
    struct memory memory;
    double score; /* [0, 1], 1 is best; comparable within one result only */
    struct score_parts parts;
    struct str via; /* "semantic", "words", "both", "exact", "filter", "exact_fallback", ... */
};

struct change { /* one row of the change log */
    int64_t seq;
    int64_t at_ms;
    struct str op; /* "store", "update", "delete", "restore", "supersede", ... */
    struct str hash;
    struct str space;
    struct str subject;
    struct str client;
    struct str detail; /* a JSON object: what changed */
    int64_t revision;  /* the memory's revision after it */
};

#endif

/*
 * service_fixture.h - the memory service over a real database in a folder of its own.
 *
 * The model is the tiny one of tests/unit/embed: real code, but its vectors mean nothing. A test that
 * needs a certain cosine puts the vector there itself with fixture_place(). A memory gets the time of
 * the fixture's clock, which moves one minute with every store.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MEMORY_SERVICE_FIXTURE_H
#define TESTS_UNIT_MEMORY_SERVICE_FIXTURE_H

#include "memory/memory.h"
#include "store/store.h"
#include "tests/support/test.h"

#define FIXTURE_NOW_MS ((int64_t)1778943600000) /* 2026-05-16T15:00:00Z, a Saturday */
#define MINUTE_MS      ((int64_t)60 * 1000)
#define DAY_MS         ((int64_t)24 * 60 * 60 * 1000)

struct fixture {
    struct arena arena; /* of all results */
    char folder[64];
    struct store *store;
    struct memory_service *memory;
    struct caller who;
    int64_t now_ms;
};

struct fixture_options {
    bool has_model; /* else by words only */
    bool is_rrf;
    bool is_auto_split;
    size_t content_max_chars;
};

void fixture_init(struct fixture *f, const struct fixture_options *options);
void fixture_deinit(struct fixture *f);
#define FIXTURE_WITH(name, ...)                                                                \
    AUTO(fixture_deinit) struct fixture name;                                                  \
    fixture_init(&name, &(const struct fixture_options){__VA_ARGS__})
#define FIXTURE(name) FIXTURE_WITH(name, .has_model = false)

/* A service with a model (or without) over the same database; the caller frees it. */
struct memory_service *fixture_service(struct fixture *f,
                                       const struct fixture_options *options);

/* -- requests that must succeed --------------------------------------------------------------- */

/* A request as callers would make it; tags is a comma list. */
struct memory_store_request fixture_request(struct fixture *f, const char *content,
                                            const char *tags);
struct memory_store_result fixture_store(struct fixture *f,
                                         const struct memory_store_request *request);
/* The hash of a new memory. */
struct str fixture_put(struct fixture *f, const char *content, const char *tags);
/* The same with type and creation time. */
struct str fixture_put_at(struct fixture *f, const char *content, const char *tags,
                          const char *type, int64_t created_ms);
void fixture_trash(struct fixture *f, struct str hash);
struct memory *fixture_get(struct fixture *f, struct str hash); /* live; NULL: none */
struct memory *fixture_get_trashed(struct fixture *f, struct str hash);
struct memory_stats_result fixture_stats(struct fixture *f);
void fixture_rate(struct fixture *f, struct str hash, double quality);
/* now_ms is filled in, and a limit of 0 is the greatest. */
struct memory_search_result fixture_search(struct fixture *f,
                                           const struct memory_search_request *request);
/* The first letters of the hits' contents, best first: "bac". */
struct str fixture_letters(struct fixture *f, const struct memory_search_result *found);
/* The vector of a memory becomes one with this cosine to that of the text. */
void fixture_place(struct fixture *f, struct str hash, const char *text, double cosine);

/* -- requests that must fail ------------------------------------------------------------------ */

/* The call fails with this kind and a line that holds `part`, and the database is as before. */
#define CHECK_REFUSED(f, call, want_kind, part)                                                \
    do {                                                                                       \
        struct error refusal_ = {0};                                                           \
        struct error *err = &refusal_;                                                         \
        struct memory_stats_result before_ = fixture_stats(f);                                 \
                                                                                               \
        CHECK(!(call));                                                                        \
        fixture_check_refusal(f, err, want_kind, part, &before_);                              \
    } while (0)
void fixture_check_refusal(struct fixture *f, const struct error *err, enum error_kind kind,
                           const char *part, const struct memory_stats_result *before);

#endif

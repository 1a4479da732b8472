/* test_service_page.c - searching: pages, and what counts as seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include <math.h>

#include "embed/embed.h"
#include "memory/memory_int.h"

#define QUERY "walrus"
#define MANY  230 /* more than are ranked for a page, or lifted by a term */

/* -- pages ------------------------------------------------------------------------------------ */

static void put_many(struct fixture *f)
{
    for (size_t i = 0; i < MANY; i++) {
        struct str hash = fixture_put(
            f, arena_printf(&f->arena, "%s no %zu", i % 3 ? "walrus" : "seal", i).ptr, "all");

        fixture_place(f, hash, QUERY, cos((double)(i * 7 % MANY) / 50));
    }
}

static bool is_seen(const int64_t *rows, size_t n, int64_t row)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i] == row)
            return true;
    }
    return false;
}

/* Every page after another: each memory once, scores never rising. */
static void check_pages(struct fixture *f, struct memory_search_request r)
{
    int64_t rows[MANY] = {0};
    size_t n = 0;
    bool has_more = true;
    double last = 1;

    for (r.offset = 0; has_more && r.offset < 2 * (size_t)MANY; r.offset += r.limit) {
        struct memory_search_result out = fixture_search(f, &r);

        for (size_t i = 0; i < out.n_hits && n < MANY; i++) {
            if (!CHECK(!is_seen(rows, n, out.hits[i].memory.row)) ||
                !CHECK(out.hits[i].score <= last + 1e-9))
                printf("  mode %d: hit %zu\n", (int)r.mode, n);
            last = out.hits[i].score;
            rows[n++] = out.hits[i].memory.row;
        }
        has_more = out.has_more;
    }
    CHECK(!has_more);
    CHECK_INT(n, MANY);
}

TEST(pages_join_without_gaps_and_repeats)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR(QUERY), .limit = 7};
    const struct str tags[] = {STR_INIT("all")};

    put_many(&f);
    r.mode = SEARCH_SEMANTIC;
    check_pages(&f, r);
    r.mode = SEARCH_HYBRID;
    check_pages(&f, r);
    r.quality_boost = 0.3;
    r.recency_boost = 0.3;
    check_pages(&f, r);
    r.query = STR("");
    r.filter.tags = tags;
    r.filter.n_tags = 1;
    check_pages(&f, r);
}

/* More memories than a search looks at closely, with vectors in any direction. */
static void put_directions(struct fixture *f, size_t n)
{
    const struct embedder *e = f->memory->options.embedder;
    const struct store_actor who = {f->who.space, STR("tester"), STR("unit"), FIXTURE_NOW_MS};
    struct store_item *items = ARENA_NEW(&f->arena, struct store_item, n);
    size_t dim = embed_dim(e);
    struct error err = {0};
    uint32_t seed = 1;

    for (size_t i = 0; i < n; i++) {
        float *v = ARENA_NEW(&f->arena, float, dim), norm = 0;

        for (size_t k = 0; k < dim; k++) {
            seed = seed * 1103515245 + 12345;
            v[k] = (float)(seed >> 16) / 65536 - 0.5f;
            norm += v[k] * v[k];
        }
        for (size_t k = 0; k < dim; k++)
            v[k] /= sqrtf(norm);
        items[i].memory = (struct memory){.hash = arena_printf(&f->arena, "page%08zu", i),
                                          .content = STR("a direction"),
                                          .type = STR("note"),
                                          .metadata = STR("{}"),
                                          .created_ms = FIXTURE_NOW_MS,
                                          .updated_ms = FIXTURE_NOW_MS,
                                          .quality = -1,
                                          .confidence = 1};
        items[i].vectors = (struct store_vectors){embed_model_id(e), dim, 1, v};
    }
    CHECK_OK(store_put(f->store, &who, items, n, &err), err);
}

/* Each page behind the first 200 looked at more than the one before, and found others among them. */
TEST(pages_behind_the_first_candidates_join)
{
    enum { ALL = 6000, FROM = 200, LIMIT = 10 };
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct memory_search_result whole;

    put_directions(&f, ALL);
    for (r.offset = FROM; r.offset < 900; r.offset += r.limit) {
        r.limit = 100;
        whole = fixture_search(&f, &r);
        REQUIRE(CHECK_INT(whole.n_hits, 100));
        r.limit = LIMIT;
        for (size_t i = 0; i < 100; i += LIMIT, r.offset += LIMIT) {
            struct memory_search_result page = fixture_search(&f, &r);

            REQUIRE(CHECK_INT(page.n_hits, LIMIT));
            for (size_t k = 0; k < LIMIT; k++)
                CHECK_INT(page.hits[k].memory.row, whole.hits[i + k].memory.row);
        }
        r.limit = 0;
    }
}

TEST(a_page_past_the_end_is_empty)
{
    FIXTURE(f);
    const struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_HYBRID, .offset = MEMORY_OFFSET_MAX};
    struct memory_search_result out;

    fixture_put(&f, "walrus", "");
    out = fixture_search(&f, &r);
    CHECK_INT(out.n_hits, 0);
    CHECK(!out.has_more);
}

/* -- counting --------------------------------------------------------------------------------- */

TEST(what_is_shown_counts_as_accessed_and_nothing_else)
{
    FIXTURE(f);
    const struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_HYBRID, .limit = 1};
    const struct memory_filter all = {0};
    struct memory_page page;
    struct error err = {0};
    struct memory_search_result out;
    int64_t n_accesses = 0;

    fixture_put(&f, "walrus one", "");
    fixture_put(&f, "walrus two", "");
    out = fixture_search(&f, &r);
    CHECK(out.has_more);
    store_close(f.store); /* accesses are on disk at the latest now */
    memory_service_free(f.memory);
    CHECK_OK(store_open(
                 &(struct store_options){
                     .path = arena_printf(&f.arena, "%s/memory.db", f.folder).ptr},
                 &f.store, &err),
             err);
    f.memory = fixture_service(&f, &(struct fixture_options){0});
    CHECK_OK(memory_list(f.memory, &f.who, &all, 0, 10, &f.arena, &page, &err), err);
    for (size_t i = 0; i < page.n_memories; i++)
        n_accesses += page.memories[i].n_accesses;
    CHECK_INT(n_accesses, 1);
    CHECK_INT(fixture_get(&f, out.hits[0].memory.hash)->accessed_ms, f.now_ms);
    CHECK_INT(fixture_get(&f, out.hits[0].memory.hash)->revision, 1);
}

TEST_MAIN()

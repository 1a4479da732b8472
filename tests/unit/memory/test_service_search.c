/* test_service_search.c - searching: filters, rankings, scores, pages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include <math.h>
#include <stdlib.h>

#define QUERY "walrus"
#define MANY  230 /* more than are ranked for a page, or lifted by a term */

static struct memory_search_result search(struct fixture *f,
                                          const struct memory_search_request *request)
{
    struct memory_search_request r = *request;
    struct memory_search_result out = {0};
    struct error err = {0};

    r.now_ms = f->now_ms;
    r.limit = r.limit ? r.limit : MEMORY_SEARCH_MAX;
    CHECK_OK(memory_search(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out;
}

static bool try_search(struct fixture *f, const struct memory_search_request *request,
                       struct error *err)
{
    struct memory_search_result out;

    return memory_search(f->memory, &f->who, request, &f->arena, &out, err);
}

/* The first letters of the hits' contents, best first: "bac". */
static struct str letters(struct fixture *f, const struct memory_search_result *out)
{
    char *text = arena_alloc(&f->arena, out->n_hits + 1, 1);

    for (size_t i = 0; i < out->n_hits; i++)
        text[i] = out->hits[i].memory.content.ptr[0];
    return str_n(text, out->n_hits);
}

static int compare_chars(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static struct str sorted_letters(struct fixture *f, const struct memory_search_result *out)
{
    struct str text = letters(f, out);
    char *copy = arena_cstr(&f->arena, text);

    qsort(copy, text.len, 1, compare_chars);
    return str_n(copy, text.len);
}

/* A memory made some days before now. */
static struct str put_at(struct fixture *f, const char *content, const char *tags,
                         const char *type, int days_ago)
{
    struct memory_store_request r = fixture_request(f, content, tags);

    r.now_ms = FIXTURE_NOW_MS - days_ago * DAY_MS;
    r.has_type = true;
    r.type = str_c(type);
    return fixture_store(f, &r).hash;
}

/* -- filters ---------------------------------------------------------------------------------- */

/* a, b, c and g are live; d is in the trash, e was replaced by g, f is in another space. */
static void put_corpus(struct fixture *f)
{
    struct memory_update_request version = {
        .is_versioned = true, .content = STR("g walrus"), .now_ms = FIXTURE_NOW_MS};
    struct memory_update_result updated;
    struct error err = {0};

    put_at(f, "a walrus", "db,choice", "decision", 3);
    put_at(f, "b walrus", "cache,choice", "architecture", 2);
    put_at(f, "c walrus 100% _", "ops,two words", "note", 1);
    fixture_trash(f, put_at(f, "d walrus", "db,choice,ops", "decision", 1));
    version.hash = put_at(f, "e walrus", "new", "error", 5);
    CHECK_OK(memory_update(f->memory, &f->who, &version, &f->arena, &updated, &err), err);
    f->who.space = STR("other");
    put_at(f, "f walrus", "db,choice,ops,new", "decision", 1);
    f->who.space = STR(SPACE_DEFAULT);
}

#define TAGS(...)                                                                              \
    .tags = (const struct str[]){__VA_ARGS__},                                                 \
    .n_tags = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define TYPES(...)                                                                             \
    .types = (const struct str[]){__VA_ARGS__},                                                \
    .n_types = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define S(text) STR_INIT(text)

static const struct {
    struct memory_filter filter;
    const char *time_expr;
    const char *want; /* letters */
} filter_rows[] = {
    {{0}, "", "abcg"},
    {{TAGS(S("choice"))}, "", "ab"},
    {{TAGS(S("db"), S("ops"))}, "", "ac"},
    {{TAGS(S("db"), S("choice")), .is_all_tags = true}, "", "a"},
    {{TAGS(S("db"), S("ops")), .is_all_tags = true}, "", ""},
    {{TAGS(S(" DB "))}, "", "a"}, /* normalised */
    {{TAGS(S("d"))}, "", ""},     /* whole tags only */
    {{TAGS(S("two words"))}, "", "c"},
    {{TAGS(S("two"))}, "", ""},
    {{TAGS(S(" , "))}, "", ""}, /* becomes the tag "-", which none has */
    {{TAGS(S(" "))}, "", ""},   /* asked for, but none that can exist */
    {{.is_nothing = true}, "", ""},
    {{TYPES(S("decision"))}, "", "a"},
    {{TYPES(S("decision"), S("note"))}, "", "ac"},
    {{TYPES(S("Decision"))}, "", ""},
    {{.from_ms = FIXTURE_NOW_MS - 2 * DAY_MS}, "", "bcg"}, /* inclusive */
    {{.until_ms = FIXTURE_NOW_MS - 2 * DAY_MS}, "", "a"},  /* exclusive */
    {{.from_ms = FIXTURE_NOW_MS - 2 * DAY_MS, .until_ms = FIXTURE_NOW_MS}, "", "bc"},
    {{.from_ms = 1}, "yesterday", "c"}, /* the expression wins */
    {{0}, "today", "g"},
    {{TAGS(S("choice")), TYPES(S("decision"))}, "", "a"},
    {{TAGS(S("choice"))}, "2 days ago", "b"},
    {{.has_superseded = true}, "", "abceg"},
    {{TAGS(S("new")), .has_superseded = true}, "", "eg"},
    {{.exact = S("100%")}, "", "c"},
    {{.min_quality = 0.4}, "", "abcg"}, /* unrated is 0.5 */
    {{.max_quality = 0.4}, "", ""},
};

static void check_filters(struct fixture *f, enum search_mode mode, const char *query)
{
    for (size_t i = 0; i < COUNT(filter_rows); i++) {
        struct memory_search_request r = {
            .query = str_c(query), .mode = mode, .filter = filter_rows[i].filter};
        struct memory_search_result out;

        r.time_expr = str_c(filter_rows[i].time_expr);
        if (mode == SEARCH_EXACT && r.filter.exact.len) /* the query takes its place */
            continue;
        if (!*query && i == 0) /* nothing at all is asked for */
            continue;
        if (!*query && r.filter.has_superseded && !r.filter.n_tags)
            continue;
        out = search(f, &r);
        if (!CHECK_STR(sorted_letters(f, &out), filter_rows[i].want))
            printf("  row %zu, mode %d, query '%s'\n", i, (int)mode, query);
    }
}

TEST(every_filter_holds_in_every_mode)
{
    FIXTURE_WITH(f, .has_model = true);

    put_corpus(&f);
    check_filters(&f, SEARCH_SEMANTIC, QUERY);
    check_filters(&f, SEARCH_HYBRID, QUERY);
    check_filters(&f, SEARCH_EXACT, "WALRUS");
    check_filters(&f, SEARCH_SEMANTIC, "");
}

TEST(every_filter_holds_without_a_model)
{
    FIXTURE(f);

    put_corpus(&f);
    check_filters(&f, SEARCH_HYBRID, QUERY);
    check_filters(&f, SEARCH_SEMANTIC, QUERY);
}

TEST(the_trash_can_be_searched_by_text)
{
    FIXTURE(f);
    struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_EXACT, .filter.trash = TRASH_ONLY};
    struct memory_search_result out;

    put_corpus(&f);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "d");
}

/* The one that passes the filter is the worst by words and by meaning. */
TEST(a_filter_never_starves_the_result)
{
    FIXTURE_WITH(f, .has_model = true);
    static const enum search_mode modes[] = {SEARCH_SEMANTIC, SEARCH_HYBRID};
    struct memory_search_request r = {.query = STR(QUERY), .limit = 1};
    const struct str tags[] = {STR_INIT("rare")};
    struct str rare = fixture_put(
        &f, "rare: a long text about many other things that names the walrus once", "rare");

    fixture_place(&f, rare, QUERY, -0.9);
    for (size_t i = 0; i < MANY; i++) {
        struct str hash =
            fixture_put(&f, arena_printf(&f.arena, "walrus %zu", i).ptr, "common");

        fixture_place(&f, hash, QUERY, 0.9);
    }
    r.filter.tags = tags;
    r.filter.n_tags = 1;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct memory_search_result out;

        r.mode = modes[i];
        out = search(&f, &r);
        CHECK_STR(letters(&f, &out), "r");
        CHECK(!out.has_more);
        CHECK_INT(out.n_candidates, 1);
    }
}

TEST(a_time_expression_taken_out_of_the_question_filters_it)
{
    FIXTURE(f);
    struct memory_search_request r = {.mode = SEARCH_HYBRID};
    struct memory_search_result out;

    put_corpus(&f);
    REQUIRE(memory_extract_time_expr(&f.arena, STR("walrus yesterday"), f.now_ms,
                                     &r.filter.from_ms, &r.filter.until_ms, &r.query));
    CHECK_STR(r.query, "walrus");
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "c");
    CHECK_INT(out.from_ms, r.filter.from_ms);
    CHECK_INT(out.until_ms, r.filter.until_ms);
    CHECK_INT(out.until_ms - out.from_ms, DAY_MS);
}

/* -- scores ----------------------------------------------------------------------------------- */

/* By meaning a is best, then b, then c; words match a and d; d has no vector. */
static void put_scored(struct fixture *f)
{
    static const struct fixture_options no_model = {0};
    struct memory_service *with_model = f->memory;
    struct str a = fixture_put(f, "a walrus", ""), b = fixture_put(f, "b seal", ""),
               c = fixture_put(f, "c otter", "");

    fixture_place(f, a, QUERY, 0.9);
    fixture_place(f, b, QUERY, 0.7);
    fixture_place(f, c, QUERY, 0.4);
    f->memory = fixture_service(f, &no_model);
    fixture_put(f, "d walrus", "");
    memory_service_free(f->memory);
    f->memory = with_model;
}

TEST(a_hybrid_score_is_the_weighted_sum_of_its_parts)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_HYBRID};
    struct memory_search_result out;

    put_scored(&f);
    out = search(&f, &r);
    REQUIRE(CHECK_STR(letters(&f, &out), "abdc"));
    CHECK_NEAR(out.hits[0].parts.cosine, 0.9, 0.001);
    CHECK_NEAR(out.hits[0].parts.words, 1, 0.001);
    CHECK_NEAR(out.hits[0].score, 1, 0.001); /* best of both */
    CHECK_STR(out.hits[0].via, "both");
    CHECK_NEAR(out.hits[1].parts.cosine, 0.7, 0.001);
    CHECK(out.hits[1].parts.words < 0);
    CHECK_NEAR(out.hits[1].score, 0.7 * 0.3 / 0.5, 0.002); /* cosines from 0.4 to 0.9 */
    CHECK_STR(out.hits[1].via, "semantic");
    CHECK(out.hits[2].parts.cosine < -1);
    CHECK_NEAR(out.hits[2].score, 0.3 * out.hits[2].parts.words, 1e-9);
    CHECK_STR(out.hits[2].via, "words");
    CHECK_NEAR(out.hits[3].score, 0, 0.001);
    CHECK(out.hits[0].parts.quality < 0 && out.hits[0].parts.recency < 0);
    CHECK_INT(out.n_candidates, 4);
}

TEST(semantic_search_knows_vectors_only)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct memory_search_result out;

    put_scored(&f);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "abc");
    CHECK_NEAR(out.hits[1].score, 0.6, 0.002);
    CHECK(out.hits[0].parts.words < 0);
    CHECK(!out.is_words_only);
}

TEST(exact_search_takes_the_query_literally)
{
    FIXTURE_WITH(f, .has_model = true);
    static const struct {
        const char *query;
        const char *want; /* newest first */
    } rows[] = {{"WALRUS", "da"}, {"wal_us", ""}, {"w%s", ""}, {"a w", "a"}, {"\"", ""}};

    put_scored(&f);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct memory_search_request r = {.query = str_c(rows[i].query),
                                                .mode = SEARCH_EXACT};
        struct memory_search_result out = search(&f, &r);

        CHECK_STR(letters(&f, &out), rows[i].want);
        for (size_t k = 0; k < out.n_hits; k++) {
            CHECK_STR(out.hits[k].via, "exact");
            CHECK_NEAR(out.hits[k].score, 1, 0);
        }
    }
}

TEST(reciprocal_ranks_join_both_lists)
{
    FIXTURE_WITH(f, .has_model = true, .is_rrf = true);
    const struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_HYBRID};
    struct memory_search_result out;

    put_scored(&f);
    out = search(&f, &r);
    REQUIRE(CHECK_INT(out.n_hits, 4));
    CHECK_INT(letters(&f, &out).ptr[0], 'a'); /* the only one in both */
    CHECK(out.hits[0].score > 0.9 && out.hits[0].score <= 1);
    for (size_t i = 1; i < out.n_hits; i++)
        CHECK(out.hits[i].score > 0.4 && out.hits[i].score < 0.6);
}

TEST(hits_below_the_least_score_are_left_out)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_HYBRID, .min_score = 0.4};
    struct memory_search_result out;

    put_scored(&f);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "ab");
}

static void rate(struct fixture *f, struct str hash, double quality)
{
    const struct store_actor actor = {f->who.space, f->who.subject, f->who.client, f->now_ms};
    struct memory m = *fixture_get(f, hash);
    struct error err = {0};

    m.quality = quality;
    CHECK_OK(store_update(f->store, &actor, &m, (struct str){0}, &err), err);
}

TEST(quality_counts_as_much_as_is_asked_for)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct str a = fixture_put(&f, "a", ""), b = fixture_put(&f, "b", ""),
               c = fixture_put(&f, "c", "");
    struct memory_search_result out;

    fixture_place(&f, a, QUERY, 0.9);
    fixture_place(&f, b, QUERY, 0.6);
    fixture_place(&f, c, QUERY, 0.5);
    rate(&f, a, 0);
    rate(&f, b, 1);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "abc");
    r.quality_boost = 0.5;
    out = search(&f, &r);
    REQUIRE(CHECK_STR(letters(&f, &out), "bac"));
    CHECK_NEAR(out.hits[0].score, 0.5 * 0.25 + 0.5 * 1, 0.002);
    CHECK_NEAR(out.hits[0].parts.quality, 1, 1e-9);
    CHECK_NEAR(out.hits[2].parts.quality, 0.5, 1e-9); /* not rated */
    CHECK(out.hits[0].parts.recency < 0);
    r.quality_boost = 1;
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "bca");
}

TEST(recency_counts_as_much_as_is_asked_for)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct str old = put_at(&f, "old", "", "note", 60), new = put_at(&f, "new", "", "note", 30);
    struct memory_search_result out;

    fixture_place(&f, old, QUERY, 0.9);
    fixture_place(&f, new, QUERY, 0.8);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "on");
    f.now_ms = FIXTURE_NOW_MS;
    r.recency_boost = 1;
    out = search(&f, &r);
    REQUIRE(CHECK_STR(letters(&f, &out), "no"));
    CHECK_NEAR(out.hits[0].parts.recency, 0.5, 1e-6); /* one half life */
    CHECK_NEAR(out.hits[1].parts.recency, 0.25, 1e-6);
    CHECK_NEAR(out.hits[1].score, 0.25, 1e-6);
    CHECK(out.hits[0].parts.quality < 0);
}

/* The best by quality lies far behind the page by meaning. */
TEST(a_term_lifts_what_lies_below_the_page)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_SEMANTIC, .limit = 2, .quality_boost = 1};
    struct memory_search_result out;

    for (int i = 0; i < 50; i++) {
        struct str hash = fixture_put(&f, arena_printf(&f.arena, "m%d", i).ptr, "");

        fixture_place(&f, hash, QUERY, 0.9 - 0.01 * i);
        rate(&f, hash, 0.01 * i);
    }
    out = search(&f, &r);
    REQUIRE(CHECK_INT(out.n_hits, 2));
    CHECK_STR(out.hits[0].memory.content, "m49");
    CHECK_STR(out.hits[1].memory.content, "m48");
}

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
        struct memory_search_result out = search(f, &r);

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

TEST(a_page_past_the_end_is_empty)
{
    FIXTURE(f);
    const struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_HYBRID, .offset = MEMORY_OFFSET_MAX};
    struct memory_search_result out;

    fixture_put(&f, "walrus", "");
    out = search(&f, &r);
    CHECK_INT(out.n_hits, 0);
    CHECK(!out.has_more);
}

/* -- without a model -------------------------------------------------------------------------- */

TEST(without_a_model_words_alone_find_and_it_is_said)
{
    FIXTURE(f);
    struct memory_search_request r = {.query = STR("walrus seal"), .mode = SEARCH_SEMANTIC};
    struct memory_search_result out;

    fixture_put(&f, "a walrus and a seal", "");
    fixture_put(&f, "b seals, and much else beside them", "");
    fixture_put(&f, "c otter", "");
    out = search(&f, &r);
    REQUIRE(CHECK_STR(letters(&f, &out), "ab"));
    CHECK(out.is_words_only);
    CHECK_STR(out.words_only_why, "no model in this test");
    CHECK_STR(out.hits[0].via, "words");
    CHECK_NEAR(out.hits[0].score, 1, 1e-9);
    r.mode = SEARCH_EXACT;
    CHECK(!search(&f, &r).is_words_only); /* the text was asked for, not the meaning */
}

/* -- fallback --------------------------------------------------------------------------------- */

TEST(the_fallback_puts_text_and_tags_before_weak_hits)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {
        .query = STR("walrus"), .mode = SEARCH_SEMANTIC, .limit = 3};
    struct memory_search_result out;

    for (int i = 0; i < 6; i++) /* weak, and more than the page holds */
        fixture_place(&f, fixture_put(&f, arena_printf(&f.arena, "%d", i).ptr, ""), QUERY,
                      0.2 - 0.01 * i);
    fixture_place(&f, fixture_put(&f, "good", ""), QUERY, 0.8);
    fixture_place(&f, fixture_put(&f, "text of a walrus", ""), QUERY, -0.5);
    fixture_place(&f, fixture_put(&f, "# tagged", "walrus"), QUERY, -0.5);
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "g01");
    CHECK(!out.used_fallback);
    r.use_fallback = true;
    out = search(&f, &r);
    CHECK(out.used_fallback);
    REQUIRE(CHECK_STR(letters(&f, &out), "gt#"));
    CHECK_STR(out.hits[1].via, "exact_fallback");
    CHECK_STR(out.hits[2].via, "tag_fallback");
    CHECK(out.has_more);
}

TEST(the_fallback_keeps_the_filters_and_stays_away_from_good_hits)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {
        .query = STR("walrus"), .mode = SEARCH_SEMANTIC, .use_fallback = true};
    struct memory_search_result out;
    const struct str tags[] = {STR_INIT("seen")};

    fixture_place(&f, fixture_put(&f, "a", "seen"), QUERY, 0.9);
    fixture_put(&f, "x walrus", "walrus");
    r.filter.tags = tags;
    r.filter.n_tags = 1;
    out = search(&f, &r);
    CHECK_STR(letters(&f, &out), "a");
    fixture_place(&f, fixture_put(&f, "b", "seen"), QUERY, 0.9);
    fixture_place(&f, fixture_put(&f, "c", "seen"), QUERY, 0.9);
    CHECK(!search(&f, &r).used_fallback);
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
    out = search(&f, &r);
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

/* -- refusals --------------------------------------------------------------------------------- */

TEST(searches_that_make_no_sense_are_refused)
{
    const struct str bad_tags[] = {STR_INIT("\xff")};
    const struct str long_types[] = {
        STR_INIT("ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt")};
    const struct {
        struct memory_search_request request;
        const char *part;
    } rows[] = {
        {{.query = STR(QUERY), .limit = 0}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = 101}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = SIZE_MAX}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = 1, .offset = 10001}, "offset at most 10000"},
        {{.limit = 1}, "give a query, or a filter"},
        {{.query = STR(" \n"), .limit = 1}, "give a query, or a filter"},
        {{.limit = 1, .mode = SEARCH_EXACT, .filter.from_ms = 1}, "query is required"},
        {{.query = STR("a\0b"), .limit = 1}, "query: "},
        {{.query = STR("\xc0\xaf"), .limit = 1}, "query: "},
        {{.query = STR(QUERY), .limit = 1, .quality_boost = 1.1}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .quality_boost = (double)NAN}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .recency_boost = -0.1}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .time_expr = STR("some day")}, "some day"},
        {{.query = STR(QUERY), .limit = 1, .filter = {.tags = bad_tags, .n_tags = 1}},
         "tags[0]"},
        {{.query = STR(QUERY), .limit = 1, .filter = {.types = long_types, .n_types = 1}},
         "memory_type has more than 64"},
        {{.query = STR(QUERY), .limit = 1, .filter.exact = STR("\xff")}, "not"},
    };
    FIXTURE(f);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};

        CHECK(!try_search(&f, &rows[i].request, &err));
        if (!CHECK(str_contains(str_c(err.text), str_c(rows[i].part))))
            printf("  row %zu: %s\n", i, err.text);
        CHECK(err.kind == ERROR_INVALID || err.kind == ERROR_LIMIT);
    }
}

TEST(a_query_beyond_its_limit_is_refused_and_one_at_it_is_not)
{
    FIXTURE_WITH(f, .has_model = true);
    char *text = arena_alloc(&f.arena, 16385, 1);
    struct memory_search_request r = {.limit = 1, .mode = SEARCH_HYBRID};

    memset(text, 'w', 16385);
    r.query = str_n(text, 16385);
    CHECK_REFUSED(&f, try_search(&f, &r, err), ERROR_LIMIT, "at most 16384");
    r.query.len = 16384;
    search(&f, &r);
}

TEST(a_query_without_any_word_is_no_error)
{
    FIXTURE(f);
    const struct memory_search_request r = {.query = STR("?! \"*\" ( NEAR"),
                                            .mode = SEARCH_HYBRID};

    fixture_put(&f, "walrus", "");
    CHECK_INT(search(&f, &r).n_hits, 0);
}

TEST(a_caller_who_may_not_read_finds_nothing_out)
{
    FIXTURE(f);
    const struct memory_search_request r = {.query = STR(QUERY), .limit = 1};
    struct error err = {0};
    struct memory *m;

    f.who.scopes = SCOPE_WRITE;
    CHECK(!try_search(&f, &r, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
    CHECK(!memory_get(f.memory, &f.who, STR("12345678"), TRASH_HIDE, &f.arena, &m, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
}

TEST_MAIN()

/* test_service_search.c - searching: scores, modes, and the fallback. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#define QUERY "walrus"

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
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_STR(fixture_letters(&f, &out), "abcd"));
    CHECK_NEAR(out.hits[0].parts.cosine, 0.9, 0.001);
    CHECK(out.hits[0].parts.words > 0 &&
          out.hits[0].parts.words < 0.1); /* half of all have it */
    CHECK_NEAR(out.hits[0].score, 0.7 + 0.3 * out.hits[0].parts.words, 0.001);
    CHECK_STR(out.hits[0].via, "both");
    CHECK_NEAR(out.hits[1].parts.cosine, 0.7, 0.001);
    CHECK(out.hits[1].parts.words < 0);
    CHECK_NEAR(out.hits[1].score, 0.7 * 0.4 / 0.6, 0.002); /* 0.2 of 0.6 below the best */
    CHECK_STR(out.hits[1].via, "semantic");
    CHECK_NEAR(out.hits[2].score, 0.7 * 0.1 / 0.6, 0.002);
    CHECK(out.hits[3].parts.cosine < -1);
    CHECK_NEAR(out.hits[3].score, 0.3 * out.hits[3].parts.words, 1e-9);
    CHECK_STR(out.hits[3].via, "words");
    CHECK(out.hits[0].parts.quality < 0 && out.hits[0].parts.recency < 0);
    CHECK_INT(out.n_candidates, 4);
}

TEST(a_rare_word_counts_much)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {.query = STR("narwhal"), .mode = SEARCH_HYBRID};
    struct memory_search_result out;

    fixture_put(&f, "a narwhal narwhal", "narwhal");
    for (int i = 0; i < 40; i++)
        fixture_put(&f, (char[]){'b', (char)('0' + i / 10), (char)('0' + i % 10), '\0'}, "");
    out = fixture_search(&f, &r);
    REQUIRE(out.n_hits > 0 && CHECK_INT(out.hits[0].memory.content.ptr[0], 'a'));
    CHECK(out.hits[0].parts.words > 0.4);
}

TEST(semantic_search_knows_vectors_only)
{
    FIXTURE_WITH(f, .has_model = true);
    const struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct memory_search_result out;

    put_scored(&f);
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "abc");
    CHECK_NEAR(out.hits[1].score, 0.4 / 0.6, 0.002);
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
        struct memory_search_result out = fixture_search(&f, &r);

        CHECK_STR(fixture_letters(&f, &out), rows[i].want);
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
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_INT(out.n_hits, 4));
    CHECK_INT(fixture_letters(&f, &out).ptr[0], 'a'); /* the only one in both */
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
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "ab");
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
    fixture_rate(&f, a, 0);
    fixture_rate(&f, b, 1);
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "abc");
    r.quality_boost = 0.5;
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_STR(fixture_letters(&f, &out), "bac"));
    CHECK_NEAR(out.hits[0].score, 0.5 * 0.3 / 0.6 + 0.5 * 1, 0.002);
    CHECK_NEAR(out.hits[0].parts.quality, 1, 1e-9);
    CHECK_NEAR(out.hits[2].parts.quality, 0.5, 1e-9); /* not rated */
    CHECK(out.hits[0].parts.recency < 0);
    r.quality_boost = 1;
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "bca");
}

TEST(recency_counts_as_much_as_is_asked_for)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR(QUERY), .mode = SEARCH_SEMANTIC};
    struct str old = fixture_put_at(&f, "old", "", "note", FIXTURE_NOW_MS - 60 * DAY_MS);
    struct str new = fixture_put_at(&f, "new", "", "note", FIXTURE_NOW_MS - 30 * DAY_MS);
    struct memory_search_result out;

    fixture_place(&f, old, QUERY, 0.9);
    fixture_place(&f, new, QUERY, 0.8);
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "on");
    f.now_ms = FIXTURE_NOW_MS;
    r.recency_boost = 1;
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_STR(fixture_letters(&f, &out), "no"));
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
        fixture_rate(&f, hash, 0.01 * i);
    }
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_INT(out.n_hits, 2));
    CHECK_STR(out.hits[0].memory.content, "m49");
    CHECK_STR(out.hits[1].memory.content, "m48");
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
    out = fixture_search(&f, &r);
    REQUIRE(CHECK_STR(fixture_letters(&f, &out), "ab"));
    CHECK(out.is_words_only);
    CHECK_STR(out.words_only_why, "no model in this test");
    CHECK_STR(out.hits[0].via, "words");
    CHECK_NEAR(out.hits[0].score, 1, 1e-9);
    r.mode = SEARCH_EXACT;
    CHECK(!fixture_search(&f, &r).is_words_only); /* the text was asked for, not the meaning */
}

static int64_t n_query_hits(struct fixture *f)
{
    return fixture_stats(f).n_query_hits;
}

/* The vector of a question is kept, by the question's bytes, among the latest of them. */
TEST(the_same_question_is_embedded_once)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {.query = STR("walrus"), .mode = SEARCH_SEMANTIC};
    struct memory_search_result first, again;

    put_scored(&f);
    first = fixture_search(&f, &r);
    CHECK_INT(n_query_hits(&f), 0);
    again = fixture_search(&f, &r);
    CHECK_INT(n_query_hits(&f), 1);
    CHECK_VIEW(fixture_letters(&f, &again), fixture_letters(&f, &first));
    for (size_t i = 0; i < first.n_hits; i++)
        CHECK_NEAR(again.hits[i].parts.cosine, first.hits[i].parts.cosine, 0);
    r.query = STR("Walrus"); /* other bytes */
    fixture_search(&f, &r);
    CHECK_INT(n_query_hits(&f), 1);
    for (int i = 0; i < 100; i++) { /* more than are kept */
        r.query = arena_printf(&f.arena, "question %d", i);
        fixture_search(&f, &r);
    }
    r.query = STR("walrus");
    fixture_search(&f, &r);
    CHECK_INT(n_query_hits(&f), 1);
    r.query = STR("question 99");
    fixture_search(&f, &r);
    CHECK_INT(n_query_hits(&f), 2);
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
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "g01");
    CHECK(!out.used_fallback);
    r.use_fallback = true;
    out = fixture_search(&f, &r);
    CHECK(out.used_fallback);
    REQUIRE(CHECK_STR(fixture_letters(&f, &out), "gt#"));
    CHECK_STR(out.hits[1].via, "exact_fallback");
    CHECK_STR(out.hits[2].via, "tag_fallback");
    CHECK(out.has_more);
}

/* How many hits are good does not depend on how many are shown. */
TEST(a_small_page_calls_for_no_fallback)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_search_request r = {
        .query = STR("walrus"), .mode = SEARCH_SEMANTIC, .use_fallback = true, .limit = 1};

    for (int i = 0; i < 5; i++)
        fixture_place(&f, fixture_put(&f, (char[]){(char)('a' + i), '\0'}, ""), "walrus", 0.9);
    for (; r.offset < 4; r.offset++)
        CHECK(!fixture_search(&f, &r).used_fallback);
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
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "a");
    fixture_place(&f, fixture_put(&f, "b", "seen"), QUERY, 0.9);
    fixture_place(&f, fixture_put(&f, "c", "seen"), QUERY, 0.9);
    CHECK(!fixture_search(&f, &r).used_fallback);
}

TEST_MAIN()

/* test_fuse.c - one list out of two rankings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"
#include "tests/support/test.h"

#define BY_SUM                                                                                 \
    {                                                                                          \
        .weight_words = 0.3, .weight_cosine = 0.7, .words_full = 8                             \
    }

struct list {
    struct arena arena;
    struct candidate *all;
    size_t n;
};

static void list_deinit(struct list *l)
{
    arena_deinit(&l->arena);
}

static const struct candidate *of_row(const struct list *l, int64_t row)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i].row == row)
            return &l->all[i];
    }
    return NULL;
}

TEST(scores_are_the_weighted_sum_of_both_parts)
{
    static const struct ranked words[] = {{1, 4}, {2, 2}};
    static const struct ranked vectors[] = {{2, 0.8}, {1, 0.5}, {3, 0.1}};
    const struct fuse_rule rule = BY_SUM;
    AUTO(list_deinit) struct list l = {0};

    fuse(&l.arena, &rule, words, 2, vectors, 3, &l.all, &l.n);
    REQUIRE(CHECK_INT(l.n, 3));
    CHECK_NEAR(of_row(&l, 1)->score, 0.3 * 0.5 + 0.7 * 0.5, 1e-9);
    CHECK_NEAR(of_row(&l, 2)->score, 0.3 * 0.25 + 0.7, 1e-9);
    CHECK_NEAR(of_row(&l, 3)->score, 0, 1e-9); /* more than the span below the best */
    CHECK_NEAR(of_row(&l, 1)->words, 0.5, 1e-9);
    CHECK(of_row(&l, 3)->words < 0);
    CHECK_INT(l.all[0].row, 2);
    CHECK_INT(l.all[2].row, 3);
}

TEST(the_best_words_count_full_where_they_reach_more)
{
    static const struct ranked words[] = {{1, 16}, {2, 4}};
    const struct fuse_rule rule = BY_SUM;
    AUTO(list_deinit) struct list l = {0};

    fuse(&l.arena, &rule, words, 2, NULL, 0, &l.all, &l.n);
    CHECK_NEAR(of_row(&l, 1)->score, 0.3, 1e-9);
    CHECK_NEAR(of_row(&l, 2)->score, 0.3 * 0.25, 1e-9);
    CHECK(of_row(&l, 1)->cosine < -1);
}

TEST(empty_rankings_give_an_empty_list)
{
    const struct fuse_rule rules[] = {BY_SUM, {.is_rrf = true, .rrf_k = 60}};

    for (size_t i = 0; i < COUNT(rules); i++) {
        AUTO(list_deinit) struct list l = {0};

        fuse(&l.arena, &rules[i], NULL, 0, NULL, 0, &l.all, &l.n);
        CHECK_INT(l.n, 0);
    }
}

TEST(reciprocal_ranks_are_summed)
{
    static const struct ranked words[] = {{1, 9}, {2, 5}};
    static const struct ranked vectors[] = {{1, 0.9}, {3, 0.8}};
    const struct fuse_rule rule = {.is_rrf = true, .rrf_k = 60};
    AUTO(list_deinit) struct list l = {0};

    fuse(&l.arena, &rule, words, 2, vectors, 2, &l.all, &l.n);
    CHECK_INT(l.all[0].row, 1);
    CHECK_NEAR(l.all[0].score, 1, 1e-9);
    CHECK_NEAR(of_row(&l, 2)->score, 61.0 / 62 / 2, 1e-9);
    CHECK_NEAR(of_row(&l, 3)->score, 61.0 / 62 / 2, 1e-9);
}

TEST(ties_go_by_cosine_then_words_then_the_newer)
{
    static const struct ranked words[] = {{1, 0.5}, {2, 0.5}};
    static const struct ranked vectors[] = {{4, 0.5}, {3, 0.5}};
    const struct fuse_rule rule = {.weight_words = 0, .weight_cosine = 0, .words_full = 1};
    AUTO(list_deinit) struct list l = {0};

    fuse(&l.arena, &rule, words, 2, vectors, 2, &l.all, &l.n);
    REQUIRE(CHECK_INT(l.n, 4));
    CHECK_INT(l.all[0].row, 4);
    CHECK_INT(l.all[1].row, 3);
    CHECK_INT(l.all[2].row, 2);
    CHECK_INT(l.all[3].row, 1);
}

/* Scores must not depend on how deep a page wants the rankings to be. */
TEST(a_deeper_ranking_changes_no_score)
{
    struct ranked vectors[300];
    const struct fuse_rule rule = BY_SUM;
    AUTO(list_deinit) struct list shallow = {0}, deep = {0};

    for (size_t i = 0; i < COUNT(vectors); i++)
        vectors[i] = (struct ranked){(int64_t)i + 1, 0.9 - (double)i * 0.001};
    fuse(&shallow.arena, &rule, NULL, 0, vectors, 120, &shallow.all, &shallow.n);
    fuse(&deep.arena, &rule, NULL, 0, vectors, COUNT(vectors), &deep.all, &deep.n);
    for (size_t i = 0; i < shallow.n; i++) {
        CHECK_INT(shallow.all[i].row, deep.all[i].row);
        CHECK_NEAR(shallow.all[i].score, deep.all[i].score, 0);
    }
    CHECK_INT(deep.n, COUNT(vectors));
}

TEST_MAIN()

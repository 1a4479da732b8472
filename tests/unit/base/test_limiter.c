/* test_limiter.c - token buckets: what a key may do, what it costs others, what is remembered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limiter.h"

#include <stdio.h>

#include "base/thread.h"
#include "tests/support/test.h"

static struct limiter *make(double per_s, double burst, size_t keys_max)
{
    return limiter_new(
        &(struct limiter_options){.per_s = per_s, .burst = burst, .keys_max = keys_max});
}

TEST(a_burst_and_then_what_comes_back)
{
    struct limiter *l = make(2, 3, 10);
    int64_t wait_ms = -1, now_ms = 1000;

    for (int i = 0; i < 3; i++)
        CHECK(limiter_take(l, STR("a"), now_ms, &wait_ms));
    CHECK_INT(wait_ms, -1);
    CHECK(!limiter_take(l, STR("a"), now_ms, &wait_ms));
    CHECK_INT(wait_ms, 500);
    CHECK(!limiter_take(l, STR("a"), now_ms + 499, &wait_ms));
    CHECK_INT(wait_ms, 1);
    CHECK(limiter_take(l, STR("a"), now_ms + 500, NULL));
    CHECK(!limiter_take(l, STR("a"), now_ms + 500, NULL));
    now_ms += 1000000; /* no more than a burst comes together */
    for (int i = 0; i < 3; i++)
        CHECK(limiter_take(l, STR("a"), now_ms, NULL));
    CHECK(!limiter_take(l, STR("a"), now_ms, NULL));
    CHECK(!limiter_take(l, STR("a"), now_ms - 5000, NULL)); /* a clock that goes back */
    limiter_free(l);
}

TEST(one_key_does_not_pay_for_another)
{
    struct limiter *l = make(1, 1, 10);

    CHECK(limiter_take(l, STR("a"), 0, NULL));
    CHECK(!limiter_take(l, STR("a"), 0, NULL));
    CHECK(limiter_take(l, STR("b"), 0, NULL));
    CHECK(limiter_take(l, STR(""), 0, NULL));
    CHECK(!limiter_take(l, STR(""), 0, NULL));
    limiter_free(l);
}

TEST(asking_costs_nothing_and_remembers_nothing)
{
    struct limiter *l = make(1, 1, 10);
    int64_t wait_ms = 0;

    CHECK(limiter_has(l, STR("a"), 0, NULL));
    CHECK_INT(limiter_n_keys(l), 0);
    CHECK(limiter_take(l, STR("a"), 0, NULL));
    CHECK(!limiter_has(l, STR("a"), 0, &wait_ms));
    CHECK_INT(wait_ms, 1000);
    CHECK(limiter_has(l, STR("a"), 1000, NULL));
    CHECK(limiter_has(l, STR("a"), 1000, NULL));
    limiter_free(l);
}

TEST(a_forgotten_key_is_as_new)
{
    struct limiter *l = make(1, 1, 2);

    CHECK(limiter_take(l, STR("a"), 0, NULL));
    limiter_forget(l, STR("a"));
    limiter_forget(l, STR("never seen"));
    CHECK_INT(limiter_n_keys(l), 0);
    CHECK(limiter_take(l, STR("a"), 0, NULL));
    CHECK(limiter_take(l, STR("b"), 0, NULL));
    CHECK_INT(limiter_n_keys(l), 2);
    limiter_free(l);
}

TEST(memory_is_bounded_and_the_longest_unused_key_goes)
{
    struct limiter *l = make(1, 1, 3);
    char key[16];

    CHECK(limiter_take(l, STR("a"), 0, NULL));
    CHECK(limiter_take(l, STR("b"), 0, NULL));
    CHECK(limiter_take(l, STR("c"), 0, NULL));
    CHECK(!limiter_take(l, STR("a"), 0, NULL)); /* used again: b is now the longest unused */
    CHECK(limiter_take(l, STR("d"), 0, NULL));
    CHECK_INT(limiter_n_keys(l), 3);
    CHECK(!limiter_has(l, STR("a"), 0, NULL));
    CHECK(limiter_has(l, STR("b"), 0, NULL));
    CHECK(!limiter_has(l, STR("c"), 0, NULL));
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        CHECK(limiter_take(l, str_c(key), i, NULL));
    }
    CHECK_INT(limiter_n_keys(l), 3);
    limiter_free(l);
}

TEST(long_keys_are_cut)
{
    struct limiter *l = make(1, 1, 3);
    char key[200];

    memset(key, 'x', sizeof(key));
    CHECK(limiter_take(l, str_n(key, 200), 0, NULL));
    CHECK(!limiter_take(l, str_n(key, 100), 0, NULL));
    CHECK(limiter_take(l, str_n(key, 63), 0, NULL));
    limiter_free(l);
}

struct work {
    struct limiter *l;
    int n_taken;
};

static void work_main(void *arg)
{
    struct work *w = arg;

    for (int i = 0; i < 1000; i++)
        w->n_taken += limiter_take(w->l, STR("shared"), 0, NULL);
}

TEST(threads_share_one_bucket)
{
    struct limiter *l = make(1, 500, 4);
    struct work works[4] = {{l, 0}, {l, 0}, {l, 0}, {l, 0}};
    struct thread threads[4] = {0};
    struct error err = {0};
    int n = 0;

    for (size_t i = 0; i < COUNT(works); i++)
        CHECK_OK(thread_start(&threads[i], "work", work_main, &works[i], &err), err);
    for (size_t i = 0; i < COUNT(works); i++) {
        thread_join(&threads[i]);
        n += works[i].n_taken;
    }
    CHECK_INT(n, 500);
    limiter_free(l);
}

TEST_MAIN()

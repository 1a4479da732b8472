/* test_thread.c - locks, deadlines, and that a pool runs every job exactly once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "tests/support/test.h"

#define N_JOBS 1000

static atomic_int n_run[N_JOBS];

static void count_job(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

TEST(a_pool_runs_every_job_exactly_once)
{
    struct pool *pool;
    struct error err = {0};

    REQUIRE(CHECK_OK(pool_new("test", 3, N_JOBS, &pool, &err), err));
    for (size_t i = 0; i < N_JOBS; i++)
        CHECK_OK(pool_submit(pool, count_job, &n_run[i], &err), err);
    pool_free(pool); /* also runs what is still queued */
    for (size_t i = 0; i < N_JOBS; i++)
        CHECK_INT(atomic_load(&n_run[i]), 1);
}

static void count_one(void *ctx, size_t i)
{
    atomic_fetch_add(&((atomic_int *)ctx)[i], 1);
}

TEST(a_parallel_loop_runs_every_number_exactly_once)
{
    static const struct {
        size_t n_threads, n;
    } rows[] = {{1, 5}, {2, 1}, {8, 1000}, {1000, 70}, {3, 0}, {0, 2}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        atomic_int counts[N_JOBS] = {0};

        parallel_for(rows[i].n_threads, rows[i].n, count_one, counts);
        for (size_t k = 0; k < N_JOBS; k++)
            CHECK_INT(atomic_load(&counts[k]), k < rows[i].n);
    }
}

/* A gate that holds a worker until it is opened. */
struct gate {
    struct mutex lock; /* guards: n_waiting, is_open */
    struct cond change;
    int n_waiting;
    bool is_open;
};

static void gate_init(struct gate *g)
{
    *g = (struct gate){0};
    mutex_init(&g->lock);
    cond_init(&g->change);
}

static void gate_deinit(struct gate *g)
{
    cond_deinit(&g->change);
    mutex_deinit(&g->lock);
}

static void wait_at_gate(void *arg)
{
    struct gate *g = arg;
    MUTEX_SCOPE(&g->lock);

    g->n_waiting++;
    cond_broadcast(&g->change);
    while (!g->is_open)
        cond_wait(&g->change, &g->lock);
}

static void gate_wait_for(struct gate *g, int n)
{
    MUTEX_SCOPE(&g->lock);

    while (g->n_waiting < n)
        cond_wait(&g->change, &g->lock);
}

static void gate_open(struct gate *g)
{
    MUTEX_SCOPE(&g->lock);

    g->is_open = true;
    cond_broadcast(&g->change);
}

TEST(a_full_queue_refuses_and_takes_again_later)
{
    struct pool *pool;
    struct gate gate;
    struct error err = {0};
    atomic_int n = 0;

    gate_init(&gate);
    REQUIRE(CHECK_OK(pool_new("test", 1, 2, &pool, &err), err));
    CHECK_OK(pool_submit(pool, wait_at_gate, &gate, &err), err);
    gate_wait_for(&gate, 1); /* the worker is busy, the queue empty */
    CHECK_OK(pool_submit(pool, count_job, &n, &err), err);
    CHECK_OK(pool_submit(pool, count_job, &n, &err), err);
    CHECK(!pool_submit(pool, count_job, &n, &err));
    CHECK_INT(err.kind, ERROR_LIMIT);
    CHECK_STR(str_c(err.text), "2 jobs are waiting already; try again later");
    gate_open(&gate);
    pool_free(pool);
    CHECK_INT(atomic_load(&n), 2);
    gate_deinit(&gate);
}

TEST(jobs_are_taken_in_order)
{
    struct pool *pool;
    struct gate gate, second;
    struct error err = {0};

    gate_init(&gate);
    gate_init(&second);
    REQUIRE(CHECK_OK(pool_new("test", 1, 4, &pool, &err), err));
    CHECK_OK(pool_submit(pool, wait_at_gate, &gate, &err), err);
    CHECK_OK(pool_submit(pool, wait_at_gate, &second, &err), err);
    gate_wait_for(&gate, 1);
    CHECK_INT(second.n_waiting, 0);
    gate_open(&gate);
    gate_wait_for(&second, 1);
    gate_open(&second);
    pool_free(pool);
    gate_deinit(&gate);
    gate_deinit(&second);
}

TEST(freeing_no_pool_is_fine)
{
    pool_free(NULL);
}

TEST(a_wait_ends_at_its_deadline)
{
    struct gate gate;
    int64_t start = clock_monotonic_ms();

    gate_init(&gate);
    mutex_lock(&gate.lock);
    while (cond_wait_until(&gate.change, &gate.lock, start + 30))
        ;
    mutex_unlock(&gate.lock);
    CHECK(clock_monotonic_ms() >= start + 30);
    gate_deinit(&gate);
}

TEST(a_wait_ends_when_it_is_woken)
{
    struct gate gate;
    struct thread thread = {0};
    struct error err = {0};
    bool is_woken = true;

    gate_init(&gate);
    gate.is_open = true; /* the thread signals and goes through */
    mutex_lock(&gate.lock);
    REQUIRE(CHECK_OK(thread_start(&thread, "test", wait_at_gate, &gate, &err), err));
    while (gate.n_waiting == 0 && is_woken)
        is_woken = cond_wait_until(&gate.change, &gate.lock, clock_monotonic_ms() + 10000);
    CHECK(is_woken);
    mutex_unlock(&gate.lock);
    thread_join(&thread);
    thread_join(&thread); /* joined already: left alone */
    gate_deinit(&gate);
}

static void read_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
}

TEST(threads_start_with_signals_blocked)
{
    struct thread thread = {0};
    struct error err = {0};
    sigset_t inside, here;

    sigemptyset(&inside);
    REQUIRE(CHECK_OK(thread_start(&thread, "a name longer than 15", read_mask, &inside, &err),
                     err));
    thread_join(&thread);
    CHECK(sigismember(&inside, SIGTERM) == 1);
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    CHECK(sigismember(&here, SIGTERM) == 0);
}

static long total;

static void add_many(void *arg)
{
    struct mutex *lock = arg;

    for (int i = 0; i < 10000; i++) {
        MUTEX_SCOPE(lock);
        total++;
    }
}

TEST(a_mutex_keeps_threads_apart)
{
    struct thread threads[4] = {0};
    struct mutex lock;
    struct error err = {0};

    mutex_init(&lock);
    for (size_t i = 0; i < COUNT(threads); i++)
        CHECK_OK(thread_start(&threads[i], "test", add_many, &lock, &err), err);
    for (size_t i = 0; i < COUNT(threads); i++)
        thread_join(&threads[i]);
    CHECK_INT(total, 40000);
    mutex_deinit(&lock);
}

TEST_MAIN()

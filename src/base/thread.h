/*
 * thread.h - locks, conditions with deadlines, threads, and a pool of workers.
 *
 * Thin names over POSIX threads: failures that can only be our mistake abort, waiting uses the
 * monotonic clock. Every lock stands beside the fields that it guards; docs/architecture.md has
 * the order in which locks are taken.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct mutex {
    pthread_mutex_t os;
};

struct cond {
    pthread_cond_t os;
};

void mutex_init(struct mutex *m);
void mutex_deinit(struct mutex *m);
void mutex_lock(struct mutex *m);
NODISCARD bool mutex_try_lock(struct mutex *m); /* false: somebody has it */
void mutex_unlock(struct mutex *m);

static inline void mutex_auto_unlock(struct mutex **held)
{
    if (*held)
        mutex_unlock(*held);
}
static inline struct mutex *mutex_locked(struct mutex *m)
{
    mutex_lock(m);
    return m;
}
/* Locks until the end of the scope: MUTEX_SCOPE(&x->lock); */
#define MUTEX_SCOPE(m)                                                                         \
    AUTO(mutex_auto_unlock) UNUSED struct mutex *scope_lock_ = mutex_locked(m)

void cond_init(struct cond *c);
void cond_deinit(struct cond *c);
void cond_wait(struct cond *c, struct mutex *held);
/* False once clock_monotonic_ms() has reached deadline_ms. May wake early: test in a loop. */
bool cond_wait_until(struct cond *c, struct mutex *held, int64_t deadline_ms);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

struct thread {
    pthread_t os;
    bool is_started;
};

/* Starts a thread with all signals blocked (only main handles signals). */
NODISCARD bool thread_start(struct thread *t, const char *name, void (*run)(void *), void *arg,
                            struct error *err);
void thread_join(struct thread *t); /* a zeroed or joined one is left alone */

/* Runs run(ctx, i) once for every i below n, on the calling thread and at most n_threads - 1 others;
 * comes back when all are done. With fewer threads than asked for it takes longer, nothing else. */
void parallel_for(size_t n_threads, size_t n, void (*run)(void *ctx, size_t i), void *ctx);

/*
 * A pool: n_threads workers that take jobs from one bounded queue, in order. A job is run exactly
 * once. pool_free() refuses new jobs, runs those still queued, joins, frees; it takes NULL.
 * Threads: any may submit.
 */
struct pool;

NODISCARD bool pool_new(const char *name, size_t n_threads, size_t max_queued,
                        struct pool **out, struct error *err);
void pool_free(struct pool *p);
NODISCARD bool pool_submit(struct pool *p, void (*run)(void *), void *arg,
                           struct error *err); /* LIMIT: the queue is full */

#endif

/* thread.c - see thread.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

/* A failing lock is a bug of ours that no caller can handle. */
static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "level=error event=thread.bug call=%s code=%d\n", what, rc);
    abort();
}

void mutex_init(struct mutex *m)
{
    must(pthread_mutex_init(&m->os, NULL), "mutex_init");
}

void mutex_deinit(struct mutex *m)
{
    must(pthread_mutex_destroy(&m->os), "mutex_destroy");
}

void mutex_lock(struct mutex *m)
{
    must(pthread_mutex_lock(&m->os), "mutex_lock");
}

bool mutex_try_lock(struct mutex *m)
{
    int rc = pthread_mutex_trylock(&m->os);

    if (rc == EBUSY)
        return false;
    must(rc, "mutex_trylock");
    return true;
}

void mutex_unlock(struct mutex *m)
{
    must(pthread_mutex_unlock(&m->os), "mutex_unlock");
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;

    must(pthread_condattr_init(&attr), "condattr_init");
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "condattr_setclock");
    must(pthread_cond_init(&c->os, &attr), "cond_init");
    pthread_condattr_destroy(&attr);
}

void cond_deinit(struct cond *c)
{
    must(pthread_cond_destroy(&c->os), "cond_destroy");
}

void cond_wait(struct cond *c, struct mutex *held)
{
    must(pthread_cond_wait(&c->os, &held->os), "cond_wait");
}

bool cond_wait_until(struct cond *c, struct mutex *held, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = (time_t)(deadline_ms / 1000),
                          .tv_nsec = (long)(deadline_ms % 1000) * 1000000L};
    int rc = pthread_cond_timedwait(&c->os, &held->os, &at);

    if (rc == ETIMEDOUT)
        return false;
    must(rc, "cond_timedwait");
    return true;
}

void cond_signal(struct cond *c)
{
    must(pthread_cond_signal(&c->os), "cond_signal");
}

void cond_broadcast(struct cond *c)
{
    must(pthread_cond_broadcast(&c->os), "cond_broadcast");
}

struct thread_start_args {
    void (*run)(void *);
    void *arg;
};

static void *thread_main(void *ptr)
{
    struct thread_start_args args = *(struct thread_start_args *)ptr;

    free(ptr);
    args.run(args.arg);
    return NULL;
}

bool thread_start(struct thread *t, const char *name, void (*run)(void *), void *arg,
                  struct error *err)
{
    struct thread_start_args *args = NEW(struct thread_start_args);
    sigset_t all, before;
    int rc;

    *args = (struct thread_start_args){run, arg};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the new thread */
    rc = pthread_create(&t->os, NULL, thread_main, args);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        free(args);
        return error_set(err, ERROR_UNAVAILABLE, "cannot start thread %s: %s", name,
                         strerrordesc_np(rc));
    }
    pthread_setname_np(t->os, name); /* at most 15 characters; a longer name is just not set */
    t->is_started = true;
    return true;
}

void thread_join(struct thread *t)
{
    if (!t->is_started)
        return;
    must(pthread_join(t->os, NULL), "join");
    t->is_started = false;
}

/* -- a loop over several threads --------------------------------------------------------------- */

#define PARALLEL_THREADS_MAX 64

struct parallel_loop {
    void (*run)(void *ctx, size_t i);
    void *ctx;
    size_t n;
    atomic_size_t next;
};

static void run_loop(void *arg)
{
    struct parallel_loop *loop = arg;
    size_t i;

    while ((i = atomic_fetch_add(&loop->next, 1)) < loop->n)
        loop->run(loop->ctx, i);
}

void parallel_for(size_t n_threads, size_t n, void (*run)(void *ctx, size_t i), void *ctx)
{
    struct parallel_loop loop = {.run = run, .ctx = ctx, .n = n};
    struct thread others[PARALLEL_THREADS_MAX - 1] = {0};
    size_t n_others = MIN(MIN(n_threads, n), (size_t)PARALLEL_THREADS_MAX);

    n_others -= n_others > 0; /* this one works, too */
    for (size_t i = 0; i < n_others; i++) {
        if (!thread_start(&others[i], "memoryd-loop", run_loop, &loop, NULL))
            break; /* then the ones there are do it all */
    }
    run_loop(&loop);
    for (size_t i = 0; i < n_others; i++)
        thread_join(&others[i]);
}

/* -- a pool ------------------------------------------------------------------------------------ */

struct pool_job {
    void (*run)(void *);
    void *arg;
};

struct pool {
    struct mutex lock; /* guards: jobs, first, n_jobs, is_closing */
    struct cond work;
    struct pool_job *jobs; /* a ring of max_queued */
    size_t first;
    size_t n_jobs;
    bool is_closing;

    size_t max_queued; /* fixed after pool_new */
    struct thread *threads;
    size_t n_threads;
};

static bool take_job(struct pool *p, struct pool_job *out)
{
    MUTEX_SCOPE(&p->lock);

    while (p->n_jobs == 0 && !p->is_closing)
        cond_wait(&p->work, &p->lock);
    if (p->n_jobs == 0)
        return false;
    *out = p->jobs[p->first];
    p->first = (p->first + 1) % p->max_queued;
    p->n_jobs--;
    return true;
}

static void worker_main(void *arg)
{
    struct pool *p = arg;
    struct pool_job job;

    while (take_job(p, &job))
        job.run(job.arg);
}

bool pool_new(const char *name, size_t n_threads, size_t max_queued, struct pool **out,
              struct error *err)
{
    struct pool *p = NEW(struct pool);

    mutex_init(&p->lock);
    cond_init(&p->work);
    p->max_queued = max_queued;
    p->jobs = NEW_ARRAY(struct pool_job, max_queued);
    p->threads = NEW_ARRAY(struct thread, n_threads);
    for (; p->n_threads < n_threads; p->n_threads++) {
        if (!thread_start(&p->threads[p->n_threads], name, worker_main, p, err)) {
            pool_free(p);
            return false;
        }
    }
    *out = p;
    return true;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    mutex_lock(&p->lock);
    p->is_closing = true;
    cond_broadcast(&p->work);
    mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        thread_join(&p->threads[i]);
    cond_deinit(&p->work);
    mutex_deinit(&p->lock);
    free(p->threads);
    free(p->jobs);
    free(p);
}

bool pool_submit(struct pool *p, void (*run)(void *), void *arg, struct error *err)
{
    MUTEX_SCOPE(&p->lock);

    if (p->is_closing || p->n_jobs == p->max_queued)
        return error_set(err, ERROR_LIMIT, "%zu jobs are waiting already; try again later",
                         p->n_jobs);
    p->jobs[(p->first + p->n_jobs) % p->max_queued] = (struct pool_job){run, arg};
    p->n_jobs++;
    cond_signal(&p->work);
    return true;
}

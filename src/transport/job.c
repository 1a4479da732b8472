/* job.c - jobs of the protocol layer on the pool, with a call at their end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include "base/alloc.h"
#include "base/log.h"

struct slow_job {
    struct mcp_job *job;
    void (*done)(void *ctx);
    void *ctx;
};

static void run_slow(void *arg)
{
    struct slow_job slow = *(struct slow_job *)arg;

    free(arg);
    mcp_job_run(slow.job);
    slow.done(slow.ctx);
}

static bool submit(struct pool *pool, struct mcp_job *job, void (*done)(void *ctx), void *ctx)
{
    struct slow_job *slow = NEW(struct slow_job);
    struct error err = {0};

    *slow = (struct slow_job){job, done, ctx};
    if (pool_submit(pool, run_slow, slow, &err))
        return true;
    log_event(LOG_WARN, "transport.busy", "reason=\"%s\"", err.text);
    free(slow);
    return false;
}

void run_job(struct pool *pool, struct mcp_job *job, void (*done)(void *ctx), void *ctx)
{
    if (pool) {
        if (submit(pool, job, done, ctx))
            return;
        mcp_job_refuse(job);
    } else {
        mcp_job_run(job);
    }
    done(ctx);
}

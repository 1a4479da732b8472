/* table.c - see table.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/transport/table.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "json/json.h"
#include "model/model.h"
#include "tests/support/test.h"

#define CANCEL_POLL_MS 5

static bool reply_text(json_t **out, struct str text)
{
    *out = json_must(
        json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text", json_str(text)));
    return true;
}

static bool run_who(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    const struct caller *who = mcp_call_caller(call);

    (void)args;
    (void)err;
    return reply_text(out, arena_printf(mcp_call_arena(call), STR_FMT " " STR_FMT " " STR_FMT,
                                        STR_ARG(who->subject), STR_ARG(who->client),
                                        STR_ARG(who->space)));
}

static void count(struct table *t, int *counter)
{
    MUTEX_SCOPE(&t->lock);

    (*counter)++;
    cond_broadcast(&t->changed);
}

static bool is_released(struct table *t)
{
    MUTEX_SCOPE(&t->lock);

    if (!t->is_released)
        cond_wait_until(&t->changed, &t->lock, clock_monotonic_ms() + CANCEL_POLL_MS);
    return t->is_released;
}

static bool run_wait(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    struct table *t = mcp_call_server_data(call);

    (void)args;
    (void)err;
    count(t, &t->n_started);
    while (!is_released(t)) {
        if (mcp_call_is_cancelled(call)) {
            count(t, &t->n_cancelled);
            return reply_text(out, STR("cancelled"));
        }
    }
    count(t, &t->n_released);
    return reply_text(out, STR("released"));
}

static bool run_steps(struct mcp_call *call, const json_t *args, json_t **out,
                      struct error *err)
{
    (void)args;
    (void)err;
    for (int i = 1; i <= 3; i++)
        mcp_call_progress(call, i, 3, "step");
    return reply_text(out, STR("stepped"));
}

static bool is_slow(const json_t *args)
{
    (void)args;
    return true;
}

#define DEFINITION(name)                                                                       \
    STR_INIT("{\"name\":\"" name "\",\"title\":\"A tool\",\"description\":\"For tests.\","     \
             "\"inputSchema\":{\"type\":\"object\"}}")

struct table *table_open(size_t n_workers, size_t max_queued)
{
    static const struct mcp_tool tools[] = {
        {.definition = DEFINITION("who"), .run = run_who},
        {.definition = DEFINITION("wait"), .run = run_wait, .is_slow = is_slow},
        {.definition = DEFINITION("steps"), .run = run_steps, .is_slow = is_slow},
    };
    struct table *t = NEW(struct table);
    struct mcp_tables tables = {.name = STR("table"),
                                .title = STR("Table"),
                                .version = STR("1"),
                                .tools = tools,
                                .n_tools = COUNT(tools),
                                .data = t};
    struct error err = {0};

    mutex_init(&t->lock);
    cond_init(&t->changed);
    CHECK_OK(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &t->mcp, &err),
             err);
    CHECK_OK(pool_new("worker", n_workers, max_queued, &t->pool, &err), err);
    return t;
}

void table_close(struct table *t)
{
    pool_free(t->pool);
    mcp_server_free(t->mcp);
    cond_deinit(&t->changed);
    mutex_deinit(&t->lock);
    free(t);
}

void table_release(struct table *t)
{
    MUTEX_SCOPE(&t->lock);

    t->is_released = true;
    cond_broadcast(&t->changed);
}

bool table_wait(struct table *t, const int *counter, int n)
{
    int64_t deadline_ms = clock_monotonic_ms() + TABLE_TIMEOUT_MS;
    MUTEX_SCOPE(&t->lock);

    while (*counter < n) {
        if (!cond_wait_until(&t->changed, &t->lock, deadline_ms))
            return false;
    }
    return true;
}

/*
 * table.h - a server with three tools, for tests of the transports.
 *
 *   who    quick; answers "subject client space"
 *   wait   slow; runs until table_release() or until it is cancelled, and says which
 *   steps  slow; reports progress three times, then answers "stepped"
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TRANSPORT_TABLE_H
#define TESTS_UNIT_TRANSPORT_TABLE_H

#include "base/thread.h"
#include "mcp/mcp.h"

#define TABLE_TIMEOUT_MS 20000

struct table {
    struct mcp_server *mcp;
    struct pool *pool;
    struct mutex lock; /* guards the rest */
    struct cond changed;
    int n_started, n_released, n_cancelled; /* calls of wait */
    bool is_released;
};

struct table *table_open(size_t n_workers, size_t max_queued);
void table_close(struct table *t);

void table_release(struct table *t); /* lets all calls of wait go, from now on */
/* Wait until the counter has reached n; false when that takes too long. */
bool table_wait(struct table *t, const int *counter, int n);

/* Messages: legacy ones without a session, modern ones with all that they need. */
#define CALL(id, tool)                                                                         \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id                                                         \
    ",\"method\":\"tools/call\",\"params\":{\"name\":\"" tool "\",\"arguments\":{}}}"
#define MODERN_META                                                                            \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                   \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define MODERN_CALL(id, tool)                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id                                                         \
    ",\"method\":\"tools/call\",\"params\":{\"name\":\"" tool                                  \
    "\",\"arguments\":{}," MODERN_META "}}"

#endif

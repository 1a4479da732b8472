/*
 * fixture.h - the tools over a real database and the real protocol layer, in a folder of their own.
 *
 * A call goes through mcp_post() like that of a client without handshake; every successful answer of a
 * listed tool is checked against its output schema on the way.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TOOLS_FIXTURE_H
#define TESTS_UNIT_TOOLS_FIXTURE_H

#include <jansson.h>

#include "mcp/mcp.h"
#include "memory/memory.h"
#include "tests/support/test.h"
#include "tools/tools.h"

#define FIXTURE_NOW_MS ((int64_t)1778943600000) /* 2026-05-16T15:00:00Z */

struct fixture {
    char folder[64];
    struct store *store;
    struct embedder *embedder; /* NULL: words only */
    struct memory_service *memory;
    struct tools *tools;
    struct mcp_server *server;
    struct caller who;
    int64_t now_ms; /* of the next call */
};

struct fixture_options {
    bool has_model; /* the file MEMORYD_MODEL */
    size_t content_max_chars;
    struct tools_options tools; /* what is zero is filled in */
};

/* False: a model is wanted and MEMORYD_MODEL names none; says so. */
bool fixture_open(struct fixture *f, const struct fixture_options *options);
void fixture_close(struct fixture *f);
#define AUTO_FIXTURE AUTO(fixture_close) struct fixture

/* New reference: the answer to a request, {"result": …} or {"error": …}. params is JSON with ' for ". */
json_t *fixture_request(struct fixture *f, const char *method, const char *params);
/* New reference: the result of tools/call; args is JSON with ' for ". */
json_t *fixture_call(struct fixture *f, const char *tool, const char *args);

/* The same, where only success counts. */
void fixture_do(struct fixture *f, const char *tool, const char *args);

/* Borrowed from a result. */
struct str result_text(const json_t *result);
const json_t *result_data(const json_t *result); /* structuredContent */
bool result_is_error(const json_t *result);
const char *data_str(const json_t *result, const char *key);
int64_t data_int(const json_t *result, const char *key);
bool data_bool(const json_t *result, const char *key);
size_t data_len(const json_t *result, const char *key); /* of an array member */

#define CHECK_HAS(result, part) CHECK(str_contains(result_text(result), str_c(part)))
#define CHECK_FAILS(result, part)                                                              \
    do {                                                                                       \
        CHECK(result_is_error(result));                                                        \
        CHECK(str_starts(result_text(result), STR("Error: ")));                                \
        CHECK_HAS(result, part);                                                               \
    } while (0)

/* The row of a tool or old name, or NULL. */
const struct mcp_tool *fixture_tool(const struct fixture *f, const char *name);

/* Stores a memory and returns its hash, which lives until the next call. */
const char *fixture_store(struct fixture *f, const char *content, const char *tags);

#endif

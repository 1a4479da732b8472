/*
 * tools.h - the memory service as MCP tools, prompts and resources.
 *
 * One file per tool in this folder and one JSON definition per tool in src/tools/schema/, which is the
 * source of its entry in tools/list, of its argument check and of its page in docs/.
 *
 * Threads: any; what tools_new() made is read-only.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

#include "mcp/mcp.h"
#include "memory/memory.h"

struct tools;

/* All borrowed, and must live as long as the tools. */
struct tools_options {
    struct memory_service *memory;
    struct str version;
    size_t max_response_chars; /* default budget of a result; 0: TOOLS_RESPONSE_MAX_CHARS */
    bool is_hybrid;            /* hybrid search is on, and the default mode; else semantic */
    bool is_hostname_tagged;   /* MCP_MEMORY_INCLUDE_HOSTNAME */
    struct str hostname;
    double quality_boost; /* of a search that names none */
    struct str model_id;  /* for statistics; empty: no model */
    size_t model_dim;
};

/* No result is longer, whatever the client asks for: claude.ai cuts at about 150,000. */
#define TOOLS_RESPONSE_MAX_CHARS 100000

/* Deleting more memories than this in one call needs their number as a confirmation. */
#define TOOLS_DELETE_UNCONFIRMED_MAX 100

struct tools *tools_new(const struct tools_options *options);
void tools_free(struct tools *t);

/* The tables for mcp_server_new(); valid as long as t. Handlers expect mcp_call_caller() to be a
 * const struct caller *. */
const struct mcp_tables *tools_tables(const struct tools *t);

#endif

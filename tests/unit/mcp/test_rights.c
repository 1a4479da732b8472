/* test_rights.c - messages that need more rights than their caller has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp.h"

#include "tests/support/test.h"

#include "json/json.h"

enum { LOOK = 1, CHANGE = 2 };

static int n_runs; /* of handlers */

static bool run(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)call;
    (void)args;
    (void)err;
    n_runs++;
    *out = json_must(json_pack("{s:[]}", "content"));
    return true;
}

static bool read_resource(struct mcp_call *call, struct str uri, json_t **out,
                          struct error *err)
{
    (void)call;
    (void)uri;
    (void)err;
    n_runs++;
    *out = json_must(json_array());
    return true;
}

static bool list_resources(struct mcp_call *call, json_t **out, struct error *err)
{
    return read_resource(call, STR(""), out, err);
}

static void wake(void *ctx)
{
    (void)ctx;
}

static struct mcp_server *open_server(void)
{
    static const struct mcp_tool tools[] = {
        {.definition = STR_INIT("{\"name\":\"look\",\"inputSchema\":{\"type\":\"object\"}}"),
         .needs = LOOK,
         .run = run},
        {.definition = STR_INIT("{\"name\":\"change\",\"inputSchema\":{\"type\":\"object\"}}"),
         .needs = CHANGE,
         .is_hidden = true,
         .run = run},
    };
    static const struct mcp_prompt prompts[] = {
        {.definition = STR_INIT("{\"name\":\"review\"}"), .get = run, .needs = LOOK}};
    const struct mcp_tables tables = {
        .name = STR("rights"),
        .version = STR("1"),
        .tools = tools,
        .n_tools = COUNT(tools),
        .prompts = prompts,
        .n_prompts = COUNT(prompts),
        .resources = {.list = list_resources, .read = read_resource, .needs = LOOK}};
    struct mcp_server *s = NULL;
    struct error err = {0};

    CHECK_OK(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &s, &err), err);
    mcp_tick(s, 1);
    return s;
}

static struct mcp_http_head ask(struct mcp_server *s, const char *body, unsigned rights)
{
    const struct mcp_http_in in = {.body = str_c(body), .rights = rights, .now_ms = 1};
    struct mcp_exchange *x = mcp_post(s, &in, (struct mcp_wake){wake, NULL});
    struct mcp_job *job = mcp_exchange_job(x);
    struct mcp_http_head head = {0};

    if (job)
        mcp_job_run(job);
    CHECK(mcp_exchange_head(x, &head));
    mcp_exchange_unref(x);
    return (struct mcp_http_head){.status = head.status, .needs = head.needs};
}

#define REQUEST(method, params)                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"
#define TOOL(name) REQUEST("tools/call", "{\"name\":\"" name "\"}")

TEST(message_is_refused_before_anything_of_it_runs)
{
    static const struct {
        const char *body;
        unsigned rights;
        int status;
        unsigned needs;
        int n_runs;
    } rows[] = {
        {TOOL("look"), LOOK, 200, 0, 1},
        {TOOL("look"), 0, 403, LOOK, 0},
        {TOOL("change"), LOOK, 403, CHANGE, 0},
        {TOOL("change"), LOOK | CHANGE, 200, 0, 1},
        {TOOL("none"), 0, 200, 0, 0}, /* an error in the body */
        {REQUEST("prompts/get", "{\"name\":\"review\"}"), 0, 403, LOOK, 0},
        {REQUEST("prompts/get", "{\"name\":\"review\"}"), LOOK, 200, 0, 1},
        {REQUEST("resources/read", "{\"uri\":\"a:b\"}"), 0, 403, LOOK, 0},
        {REQUEST("resources/read", "{\"uri\":\"a:b\"}"), LOOK, 200, 0, 1},
        {REQUEST("resources/list", "{}"), 0, 403, LOOK, 0},
        {REQUEST("tools/list", "{}"), 0, 200, 0, 0},
        {REQUEST("ping", "{}"), 0, 200, 0, 0},
        {"[" TOOL("look") "," TOOL("change") "]", LOOK, 403, LOOK | CHANGE, 0},
        {"[" TOOL("look") "," TOOL("change") "]", LOOK | CHANGE, 200, 0, 2},
        {"[7," TOOL("look") "]", 0, 403, LOOK, 0},
        {"7", 0, 400, 0, 0},
        {"{}", 0, 400, 0, 0},
    };
    struct mcp_server *s = open_server();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mcp_http_head head;
        bool is_ok;

        n_runs = 0;
        head = ask(s, rows[i].body, rows[i].rights);
        is_ok = CHECK_INT(head.status, rows[i].status);
        is_ok = CHECK_INT(head.needs, rows[i].needs) && is_ok;
        is_ok = CHECK_INT(n_runs, rows[i].n_runs) && is_ok;
        if (!is_ok)
            fprintf(stderr, "  row %zu: %s\n", i, rows[i].body);
    }
    mcp_server_free(s);
}

TEST_MAIN()

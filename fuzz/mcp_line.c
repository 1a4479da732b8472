/*
 * mcp_line.c - lines on a stdio channel: each is a message or is not, and the next one counts again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp.h"

#include <stdlib.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool run_echo(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    (void)call;
    (void)err;
    *out = json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text",
                     json_str(json_view(json_object_get(args, "text"))));
    return true;
}

static struct mcp_server *new_server(void)
{
    static const struct mcp_tool tool = {
        .definition = STR_INIT("{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\","
                               "\"properties\":{\"text\":{\"type\":\"string\"}}}}"),
        .run = run_echo};
    const struct mcp_tables tables = {
        .name = STR("fuzz"), .version = STR("1"), .tools = &tool, .n_tools = 1};
    struct mcp_server *server;

    must(mcp_server_new(&tables, STR("0123456789abcdef0123456789abcdef"), &server, NULL));
    return server;
}

/* What was sent is whole lines of JSON. */
static void check_output(struct mcp_channel *ch)
{
    AUTO_BUF out = {0};
    struct str rest, line;

    mcp_channel_read(ch, &out);
    rest = buf_str(&out);
    must(rest.len == 0 || rest.ptr[rest.len - 1] == '\n');
    while (rest.len && str_next(&rest, '\n', &line)) {
        AUTO_JSON *j = NULL;

        must(line.len == 0 || json_parse(line, &j, NULL));
    }
}

static void say(struct mcp_channel *ch, struct str line)
{
    struct mcp_job *job = mcp_channel_line(ch, line, 1);

    if (job)
        mcp_job_run(job);
    check_output(ch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_n((const char *)data, size), line;
    struct mcp_server *s = new_server();
    struct mcp_channel *ch = mcp_channel_new(s, NULL, (struct mcp_wake){0});

    while (rest.len && str_next(&rest, '\n', &line))
        say(ch, line);
    must(mcp_channel_n_running(ch) == 0);
    mcp_channel_close(ch);
    mcp_server_free(s);
    return 0;
}

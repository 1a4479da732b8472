/*
 * tools.c - the door between the protocol and the tools.
 *
 * Every tool, old name, prompt and resource is one table row in struct tools; what differs between
 * them and MCP (result objects, callers, clocks) is settled here once.
 *
 * Not done: listing tools by scope. A client that cannot see a tool can never learn that a wider
 * token would unlock it; the service refuses the call instead.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "base/alloc.h"
#include "base/log.h"

static const char instructions[] =
    "A lasting memory: what is stored here can be found in later conversations. memory_store "
    "keeps "
    "one fact, decision or lesson as a text with tags; memory_search finds texts by meaning, "
    "by "
    "words, by time (\"last week\") and by tag. Memories are named by their content_hash. "
    "Deleted "
    "ones stay in the trash and can be restored with memory_update.";

static const struct tool *const all_tools[] = {&tool_store,  &tool_search,  &tool_list,
                                               &tool_delete, &tool_cleanup, &tool_health,
                                               &tool_stats,  &tool_update};

struct entry { /* mcp_call_data() of a tool */
    const struct tool *tool;
    const struct old_name *old; /* NULL: called by its own name */
};

struct tools {
    struct tools_options options;
    struct arena arena; /* definitions of the old names, entries, tables */
    struct mcp_tables tables;
};

bool tool_always_slow(const json_t *args)
{
    (void)args;
    return true;
}

bool tool_content_is_slow(const json_t *content)
{
    return json_string_length(content) > SLOW_CONTENT_BYTES;
}

void tool_result_deinit(struct tool_result *r)
{
    buf_deinit(&r->text);
    json_decref(r->data);
    *r = (struct tool_result){0};
}

static struct tool_call call_of(struct mcp_call *call)
{
    const struct tools *t = mcp_call_server_data(call);

    return (struct tool_call){
        .options = &t->options,
        .memory = t->options.memory,
        .who = mcp_call_caller(call),
        .arena = mcp_call_arena(call),
        .now_ms = mcp_call_now_ms(call),
    };
}

/* -- tools ------------------------------------------------------------------------------------- */

static bool run_entry(const struct tool_call *c, const struct entry *e, const json_t *args,
                      struct tool_result *out, struct error *err)
{
    AUTO_JSON *rewritten = NULL;

    if (!e->old)
        return e->tool->run(c, args, out, err);
    return old_name_rewrite(c, e->old, args, &rewritten, err) &&
           e->tool->run(c, rewritten, out, err);
}

/* Whoever runs the server reads it in the log, whoever wrote the client in its own. */
static void warn_of_old_name(struct mcp_call *call, const struct entry *e)
{
    log_event(LOG_WARN, "tool.deprecated", "old=%s new=%s", e->old->name, e->tool->name);
    mcp_call_log(call, "warning", "tools",
                 json_must(json_pack("{s:s, s:s, s:s}", "event", "tool.deprecated", "old",
                                     e->old->name, "new", e->tool->name)));
}

static bool run_tool(struct mcp_call *call, const json_t *args, json_t **out, struct error *err)
{
    AUTO(tool_result_deinit) struct tool_result r = {0};
    const struct tool_call c = call_of(call);
    const struct entry *e = mcp_call_data(call);

    if (e->old)
        warn_of_old_name(call, e);
    if (!run_entry(&c, e, args, &r, err))
        return false;
    *out = json_must(json_pack("{s:[{s:s, s:o}], s:o}", "content", "type", "text", "text",
                               json_str(buf_str(&r.text)), "structuredContent", STEAL(r.data)));
    return true;
}

static struct mcp_tool tool_row(struct arena *a, const struct tool *tool,
                                const struct old_name *old)
{
    struct entry *e = ARENA_NEW(a, struct entry, 1);

    *e = (struct entry){tool, old};
    return (struct mcp_tool){
        .definition = old ? arena_printf(a,
                                         "{\"name\":\"%s\",\"description\":\"Old name of %s\","
                                         "\"inputSchema\":{\"type\":\"object\"}}",
                                         old->name, tool->name)
                          : *tool->definition,
        .is_hidden = old != NULL,
        .needs = tool->scope,
        .is_slow = tool->is_slow,
        .run = run_tool,
        .data = e,
    };
}

static void add_tools(struct tools *t)
{
    struct mcp_tool *rows =
        ARENA_NEW(&t->arena, struct mcp_tool, COUNT(all_tools) + n_old_names);
    size_t n = 0;

    for (size_t i = 0; i < COUNT(all_tools); i++)
        rows[n++] = tool_row(&t->arena, all_tools[i], NULL);
    for (size_t i = 0; i < n_old_names; i++)
        rows[n++] = tool_row(&t->arena, old_names[i].tool, &old_names[i]);
    t->tables.tools = rows;
    t->tables.n_tools = n;
}

/* -- prompts and resources --------------------------------------------------------------------- */

static bool get_prompt(struct mcp_call *call, const struct prompt *p, const json_t *args,
                       json_t **out, struct error *err)
{
    const struct tool_call c = call_of(call);
    AUTO_BUF text = {0};

    if (!p->write(&c, args, &text, err))
        return false;
    *out = json_must(json_pack("{s:o, s:[{s:s, s:{s:s, s:o}}]}", "description",
                               json_str(arena_printf(c.arena, "Result of %s prompt", p->name)),
                               "messages", "role", "user", "content", "type", "text", "text",
                               json_str(buf_str(&text))));
    return true;
}

/* A prompt's row has no place for data, hence one function each. */
#define PROMPT_GETTER(prompt)                                                                  \
    static bool get_##prompt(struct mcp_call *call, const json_t *args, json_t **out,          \
                             struct error *err)                                                \
    {                                                                                          \
        return get_prompt(call, &(prompt), args, out, err);                                    \
    }
PROMPT_GETTER(prompt_review)
PROMPT_GETTER(prompt_analysis)
PROMPT_GETTER(prompt_export)
PROMPT_GETTER(prompt_cleanup)
PROMPT_GETTER(prompt_learning)

static void add_prompts(struct tools *t)
{
    const struct mcp_prompt rows[] = {
        {prompt_memory_review, get_prompt_review, SCOPE_READ},
        {prompt_memory_analysis, get_prompt_analysis, SCOPE_READ},
        {prompt_knowledge_export, get_prompt_export, SCOPE_READ},
        {prompt_memory_cleanup, get_prompt_cleanup, SCOPE_READ},
        {prompt_learning_session, get_prompt_learning, SCOPE_READ},
    };
    struct mcp_prompt *own = ARENA_NEW(&t->arena, struct mcp_prompt, COUNT(rows));

    memcpy(own, rows, sizeof(rows));
    t->tables.prompts = own;
    t->tables.n_prompts = COUNT(rows);
}

static bool list_resources(struct mcp_call *call, json_t **out, struct error *err)
{
    const struct tool_call c = call_of(call);

    return resources_list(&c, out, err);
}

static bool read_resource(struct mcp_call *call, struct str uri, json_t **out,
                          struct error *err)
{
    const struct tool_call c = call_of(call);

    return resources_read(&c, uri, out, err);
}

struct tools *tools_new(const struct tools_options *options)
{
    struct tools *t = NEW(struct tools);

    t->options = *options;
    t->tables = (struct mcp_tables){
        .name = STR("memoryd"),
        .title = STR("memoryd, a lasting memory"),
        .version = options->version,
        .instructions = str_c(instructions),
        .resources = {.list = list_resources,
                      .templates = tools_resource_templates,
                      .read = read_resource,
                      .needs = SCOPE_READ},
        .has_logging = true,
        .data = t,
    };
    add_tools(t);
    add_prompts(t);
    return t;
}

void tools_free(struct tools *t)
{
    if (!t)
        return;
    arena_deinit(&t->arena);
    free(t);
}

const struct mcp_tables *tools_tables(const struct tools *t)
{
    return &t->tables;
}

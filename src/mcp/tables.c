/*
 * tables.c - definitions as parsed once at the start, and checked: a tool that clients would drop, or
 * whose arguments could not be checked, is a mistake that must show here and not at a user's.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

static bool parse_definition(struct str text, json_t **out, struct str *out_name,
                             struct error *err)
{
    json_t *j;

    if (!json_parse(text, &j, err))
        return false;
    *out_name = json_view(json_object_get(j, "name"));
    if (out_name->len == 0) {
        json_decref(j);
        return error_set(err, ERROR_INVALID, "a definition without a name");
    }
    *out = j;
    return true;
}

/* RFC 9110, 5.6.2: what a header's name may be made of. */
static bool is_token(struct str text)
{
    const struct str others = STR("!#$%&'*+-.^_`|~");
    bool is_ok = text.len > 0;
    size_t at;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        is_ok = is_ok && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || str_find_char(others, c, &at));
    }
    return is_ok;
}

static bool can_be_header(const json_t *rule)
{
    struct str type = json_view(json_object_get(rule, "type"));

    return str_eq_c(type, "string") || str_eq_c(type, "integer") || str_eq_c(type, "boolean");
}

/* Clients drop the whole tool if its annotations break a rule. */
static bool add_header_param(struct tool_entry *e, const char *property, const json_t *rule,
                             struct error *err)
{
    const json_t *annotation = json_object_get(rule, "x-mcp-header");
    struct str header = json_view(annotation);

    if (!annotation)
        return true;
    if (!is_token(header) || !can_be_header(rule))
        return error_set(err, ERROR_INVALID,
                         "'%s': x-mcp-header is the name of a header, on a string, integer or "
                         "boolean",
                         property);
    for (size_t i = 0; i < e->n_params; i++) {
        if (str_eq_ascii_case(e->params[i].header, header))
            return error_set(err, ERROR_INVALID, "'%s': its x-mcp-header is taken", property);
    }
    e->params[e->n_params++] = (struct header_param){str_c(property), header};
    return true;
}

/* Properties that clients repeat as Mcp-Param-* headers. */
static bool find_header_params(struct arena *a, struct tool_entry *e, struct error *err)
{
    const json_t *properties = json_object_get(e->schema, "properties");
    const char *name;
    json_t *rule;

    e->params = ARENA_NEW(a, struct header_param, json_object_size(properties));
    json_object_foreach((json_t *)(uintptr_t)properties, name, rule)
    {
        if (!add_header_param(e, name, rule, err))
            return false;
    }
    return true;
}

static bool check_schema(struct arena *a, const struct tool_entry *e, struct error *err)
{
    if (!json_is_object(e->schema))
        return error_set(err, ERROR_INVALID, "inputSchema is missing");
    if (json_text(a, e->schema).len > DEFINITION_SCHEMA_MAX)
        return error_set(err, ERROR_INVALID, "inputSchema has more than %d bytes",
                         DEFINITION_SCHEMA_MAX);
    return json_schema_is_supported(e->schema, err);
}

static void remember_text(struct tables *t, const json_t *definition)
{
    t->known[t->n_known++] = (struct json_known){definition, json_text(&t->arena, definition)};
}

static bool add_tool(struct tables *t, const struct mcp_tool *tool, struct error *err)
{
    struct tool_entry *e = &t->tools[t->n_tools];
    bool is_taken;

    if (!parse_definition(tool->definition, &e->definition, &e->name, err))
        return error_wrap(err, "tool %zu", t->n_tools);
    is_taken = tables_tool(t, e->name) != NULL;
    t->n_tools++;
    if (is_taken)
        return error_set(err, ERROR_INVALID, "tool '" STR_FMT "' is there twice",
                         STR_ARG(e->name));
    e->tool = tool;
    e->schema = json_object_get(e->definition, "inputSchema");
    if (!check_schema(&t->arena, e, err) || !find_header_params(&t->arena, e, err))
        return error_wrap(err, "tool '" STR_FMT "'", STR_ARG(e->name));
    if (!tool->is_hidden)
        json_array_append(t->tool_list, e->definition);
    remember_text(t, e->definition);
    return true;
}

static bool add_prompt(struct tables *t, const struct mcp_prompt *prompt, struct error *err)
{
    struct prompt_entry *e = &t->prompts[t->n_prompts];

    if (!parse_definition(prompt->definition, &e->definition, &e->name, err))
        return error_wrap(err, "prompt %zu", t->n_prompts);
    t->n_prompts++;
    e->prompt = prompt;
    json_array_append(t->prompt_list, e->definition);
    remember_text(t, e->definition);
    return true;
}

static json_t *make_capabilities(const struct mcp_tables *from)
{
    json_t *j = json_must(json_object());

    if (from->n_tools)
        put(j, "tools", json_pack("{s:b}", "listChanged", 1));
    if (from->resources.read)
        put(j, "resources",
            json_pack("{s:b, s:b}", "subscribe", from->resources.has_subscribe, "listChanged",
                      1));
    if (from->n_prompts)
        put(j, "prompts", json_pack("{s:b}", "listChanged", 1));
    if (from->complete)
        put(j, "completions", json_object());
    if (from->has_logging)
        put(j, "logging", json_object());
    return j;
}

bool tables_init(struct tables *t, const struct mcp_tables *from, struct error *err)
{
    t->tools = ARENA_NEW(&t->arena, struct tool_entry, from->n_tools);
    t->prompts = ARENA_NEW(&t->arena, struct prompt_entry, from->n_prompts);
    t->known = ARENA_NEW(&t->arena, struct json_known, from->n_tools + from->n_prompts);
    t->tool_list = json_must(json_array());
    t->prompt_list = json_must(json_array());
    t->capabilities = make_capabilities(from);
    t->server_info =
        json_must(json_pack("{s:o, s:o, s:o}", "name", json_str(from->name), "title",
                            json_str(from->title), "version", json_str(from->version)));
    for (size_t i = 0; i < from->n_tools; i++) {
        if (!add_tool(t, &from->tools[i], err))
            return false;
    }
    for (size_t i = 0; i < from->n_prompts; i++) {
        if (!add_prompt(t, &from->prompts[i], err))
            return false;
    }
    if (from->resources.templates.len)
        return json_parse(from->resources.templates, &t->templates, err);
    t->templates = json_must(json_array());
    return true;
}

void tables_deinit(struct tables *t)
{
    for (size_t i = 0; i < t->n_tools; i++)
        json_decref(t->tools[i].definition);
    for (size_t i = 0; i < t->n_prompts; i++)
        json_decref(t->prompts[i].definition);
    json_decref(t->tool_list);
    json_decref(t->prompt_list);
    json_decref(t->templates);
    json_decref(t->capabilities);
    json_decref(t->server_info);
    arena_deinit(&t->arena);
}

const struct tool_entry *tables_tool(const struct tables *t, struct str name)
{
    for (size_t i = 0; i < t->n_tools; i++) {
        if (str_eq(t->tools[i].name, name))
            return &t->tools[i];
    }
    return NULL;
}

const struct prompt_entry *tables_prompt(const struct tables *t, struct str name)
{
    for (size_t i = 0; i < t->n_prompts; i++) {
        if (str_eq(t->prompts[i].name, name))
            return &t->prompts[i];
    }
    return NULL;
}

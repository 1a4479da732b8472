/*
 * list.c - memory_list: page by page, newest first.
 *
 * The text is the structured result as JSON, one memory a line: clients of the reference parse it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "view/view.h"

#define DEFAULT_PAGE_SIZE 20
#define PAGE_SIZE_MAX     100
#define STALE_DAYS_MAX    36500
#define DAY_MS            ((int64_t)24 * 3600 * 1000)

struct listing {
    const struct tool_call *call;
    struct memory_filter filter;
    struct memory_page found;
    struct page page;
    int64_t page_size;
    int64_t offset;
    size_t budget;
    bool is_compact;
};

static bool read_place(struct listing *l, const json_t *args, struct error *err)
{
    int64_t page = 1;
    bool is_asked;

    l->page_size = DEFAULT_PAGE_SIZE;
    if (!arg_int(args, "page", 1, INT32_MAX, &page, err) ||
        !arg_int(args, "page_size", 1, PAGE_SIZE_MAX, &l->page_size, err))
        return false;
    l->offset = (page - 1) * l->page_size;
    return arg_int(args, "offset", 0, INT64_MAX / 2, &l->offset, err) &&
           arg_budget(l->call, args, &l->budget, &is_asked, err);
}

static bool read_request(struct listing *l, const json_t *args, struct error *err)
{
    int64_t stale_days = 0;
    bool is_trash = false;

    if (!read_place(l, args, err) || !arg_filter(l->call, args, &l->filter, err) ||
        !arg_int(args, "stale_days", 1, STALE_DAYS_MAX, &stale_days, err) ||
        !json_get_bool(args, "", "trash", &is_trash, err))
        return false;
    if (stale_days > 0)
        l->filter.stale_before_ms = l->call->now_ms - stale_days * DAY_MS;
    if (is_trash)
        l->filter.trash = TRASH_ONLY;
    return json_get_bool(args, "", "compact", &l->is_compact, err);
}

static void write_memory(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                         json_t **out)
{
    const struct listing *l = ctx;
    const struct memory *m = &l->found.memories[i];
    struct memory cut = memory_cut(l->call->arena, m, max_chars);

    if (l->is_compact) {
        *out = view_memory_brief(m);
        obj_put_str(*out, "preview", show_preview(l->call->arena, m->content));
    } else {
        *out = view_memory(&cut);
    }
    buf_add_c(text, i ? ",\n    " : "\n    ");
    json_write(text, *out);
}

static json_t *rest_json(const struct listing *l)
{
    const int64_t total = (int64_t)l->found.total;
    const int64_t next = l->offset + (int64_t)l->page.n_shown;
    json_t *rest = json_must(json_object());
    AUTO_BUF notice = {0};
    char how[64];

    obj_put_int(rest, "page", l->offset / l->page_size + 1);
    obj_put_int(rest, "page_size", l->page_size);
    obj_put_int(rest, "total", total);
    obj_put_int(rest, "total_pages", (total + l->page_size - 1) / l->page_size);
    obj_put_bool(rest, "has_more", next < total);
    obj_put_bool(rest, "truncated", l->page.is_truncated);
    if (next < total)
        obj_put_int(rest, "next_offset", next);
    if (l->page.is_truncated) {
        snprintf(how, sizeof(how), "offset %lld continues", (long long)next);
        page_notice(&l->page, l->found.n_memories, l->budget, how, &notice);
        obj_put_str(rest, "notice", buf_str(&notice));
    } else if (l->filter.is_nothing) {
        obj_put_str(rest, "notice", STR("the tag list given is empty and matches nothing"));
    }
    return rest;
}

/* {"memories": […], "page": 1, …}, the memories one a line. */
static void add_text(const struct listing *l, const json_t *rest, struct buf *out)
{
    AUTO_BUF tail = {0};

    json_write_pretty(&tail, rest);
    buf_add(out, STR("{\n  \"memories\": ["));
    buf_add(out, buf_str(&l->page.text));
    buf_add_c(out, l->page.n_shown ? "\n  ],\n" : "],\n");
    buf_add(out, str_sub(buf_str(&tail), 2, tail.len)); /* without its "{" and newline */
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct listing l = {.call = c};
    struct page_source source = {.write = write_memory, .ctx = &l};

    if (!read_request(&l, args, err) ||
        !memory_list(c->memory, c->who, &l.filter, (size_t)l.offset, (size_t)l.page_size,
                     c->arena, &l.found, err))
        return false;
    source.n = l.found.n_memories;
    page_fill(&source, l.budget, &l.page);
    out->data = rest_json(&l);
    add_text(&l, out->data, &out->text);
    obj_put(out->data, "memories", STEAL(l.page.items));
    page_deinit(&l.page);
    return true;
}

const struct tool tool_list = {
    .name = "memory_list",
    .definition = &schema_memory_list,
    .scope = SCOPE_READ,
    .run = run,
};

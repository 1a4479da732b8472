/*
 * resources.c - memories under URIs of their own.
 *
 *   memory://stats    memory://tags    memory://recent/{n}    memory://tag/{tag}
 *   memory://search/{query}            memory://memory/{hash}
 *
 * What stands in braces is percent-encoded. tags and tag/{tag} page with ?offset=N. Superseded
 * and deleted memories do not appear, except by their hash the superseded ones.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "text/text.h"
#include "view/view.h"

#define SCHEME       "memory://"
#define RECENT_MAX   100
#define SEARCH_LIMIT 10
#define TAGS_PAGE    500
#define LISTED_TAGS  5 /* tags that resources/list names */

/* -- URIs -------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: a stray '%', or not UTF-8. */
static bool percent_decode(struct arena *a, struct str in, struct str *out)
{
    char *text = ARENA_NEW(a, char, in.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];

        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(in.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(in.ptr[i + 2]) : -1;

            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        text[n++] = c;
    }
    *out = str_n(text, n);
    return text_check(*out, NULL);
}

/* The characters that a URI may hold as they are (RFC 3986, "unreserved"). */
static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

static void percent_encode(struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];

        if (is_unreserved(c))
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

struct place {
    struct str kind; /* "recent", "tag", ... */
    struct str name; /* decoded; empty: none */
    int64_t offset;
};

/* Takes "?offset=N" off the end. */
static void cut_offset(struct str *uri, int64_t *out)
{
    const struct str mark = STR("?offset=");
    size_t at;

    if (!str_find(*uri, mark, &at))
        return;
    if (!str_to_int(str_sub(*uri, at + mark.len, uri->len), out) || *out < 0)
        *out = 0;
    *uri = str_sub(*uri, 0, at);
}

static bool parse_uri(const struct tool_call *c, struct str uri, struct place *out)
{
    struct str rest;

    *out = (struct place){0};
    if (!str_starts(uri, STR(SCHEME)))
        return false;
    rest = str_sub(uri, strlen(SCHEME), uri.len);
    cut_offset(&rest, &out->offset);
    if (!str_cut(rest, '/', &out->kind, &rest)) {
        out->kind = rest;
        return true;
    }
    return rest.len > 0 && percent_decode(c->arena, rest, &out->name);
}

/* -- contents ---------------------------------------------------------------------------------- */

struct browsing { /* memories or hits, one of the two */
    struct arena *arena;
    struct memory *memories;
    struct hit *hits;
};

/* The text form is left empty: only the JSON is sent. */
static void write_memory(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                         json_t **out)
{
    const struct browsing *b = ctx;
    struct memory m = memory_cut(b->arena, &b->memories[i], max_chars);

    (void)text;
    *out = view_memory(&m);
}

static void write_hit(const void *ctx, size_t i, size_t max_chars, struct buf *text,
                      json_t **out)
{
    const struct browsing *b = ctx;
    const struct hit *h = &b->hits[i];
    struct memory m = memory_cut(b->arena, &h->memory, max_chars);

    (void)text;
    *out = json_must(json_object());
    obj_put(*out, "memory", view_memory(&m));
    obj_put_real(*out, "relevance_score", h->score);
    if (h->parts.cosine >= -1)
        obj_put_real(*out, "similarity_score", (1 + h->parts.cosine) / 2);
}

/* Puts the items that fit under key, their count, and whether more were left out. */
static void put_page(json_t *data, const char *key, const struct page_source *source)
{
    struct page page = {0};

    page_fill(source, TOOLS_RESPONSE_MAX_CHARS, &page);
    obj_put(data, key, STEAL(page.items));
    obj_put_int(data, "count", (int64_t)page.n_shown);
    obj_put_bool(data, "truncated", page.is_truncated);
    page_deinit(&page);
}

static bool list_memories(const struct tool_call *c, const struct memory_filter *filter,
                          int64_t offset, int64_t limit, json_t *data, struct error *err)
{
    struct memory_page found;
    struct browsing b;
    int64_t next;

    if (!memory_list(c->memory, c->who, filter, (size_t)offset, (size_t)limit, c->arena, &found,
                     err))
        return false;
    b = (struct browsing){c->arena, found.memories, NULL};
    put_page(data, "memories", &(struct page_source){found.n_memories, write_memory, &b});
    next = offset + json_integer_value(json_object_get(data, "count"));
    obj_put_int(data, "total", (int64_t)found.total);
    if (next < (int64_t)found.total)
        obj_put_int(data, "next_offset", next);
    return true;
}

static bool read_stats(const struct tool_call *c, const struct place *p, json_t *data,
                       struct error *err)
{
    AUTO_JSON *stats = NULL;

    (void)p;
    return stats_read(c, &stats, err) && json_object_update(data, stats) == 0;
}

/* Most frequent first; the names alone are what the reference gave. */
static bool read_tags(const struct tool_call *c, const struct place *p, json_t *data,
                      struct error *err)
{
    const struct memory_named_count *tags;
    json_t *names, *counts;
    size_t from, until, n;
    int64_t n_unique;

    if (!memory_tags(c->memory, c->who, (size_t)p->offset + TAGS_PAGE, c->arena, &tags, &n,
                     &n_unique, err))
        return false;
    names = json_must(json_array());
    counts = json_must(json_array());
    from = MIN((size_t)p->offset, n);
    until = MIN(n, from + TAGS_PAGE);
    for (size_t i = from; i < until; i++) {
        json_array_append_new(names, json_str(tags[i].name));
        json_array_append_new(counts, json_must(json_integer(tags[i].n)));
    }
    obj_put(data, "tags", names);
    obj_put(data, "memories_with_tag", counts);
    obj_put_int(data, "count", (int64_t)(until - from));
    obj_put_int(data, "unique_tags", n_unique);
    if ((int64_t)until < n_unique)
        obj_put_int(data, "next_offset", (int64_t)until);
    return true;
}

static bool read_recent(const struct tool_call *c, const struct place *p, json_t *data,
                        struct error *err)
{
    const struct memory_filter all = {0};
    int64_t n;

    if (!str_to_int(p->name, &n) || n < 1)
        return error_set(err, ERROR_NOT_FOUND, "'" STR_FMT "' is no number from 1 to %d",
                         STR_ARG(p->name), RECENT_MAX);
    return list_memories(c, &all, p->offset, MIN(n, RECENT_MAX), data, err);
}

static bool read_tag(const struct tool_call *c, const struct place *p, json_t *data,
                     struct error *err)
{
    struct memory_filter filter = {0};

    memory_normalise_tags(c->arena, &p->name, 1, &filter.tags, &filter.n_tags);
    filter.is_nothing = filter.n_tags == 0;
    obj_put_str(data, "tag", p->name);
    return list_memories(c, &filter, p->offset, RECENT_MAX, data, err);
}

static bool read_search(const struct tool_call *c, const struct place *p, json_t *data,
                        struct error *err)
{
    const struct memory_search_request request = {
        .query = p->name,
        .mode = c->options->is_hybrid ? SEARCH_HYBRID : SEARCH_SEMANTIC,
        .limit = SEARCH_LIMIT,
        .quality_boost = c->options->quality_boost,
        .now_ms = c->now_ms,
    };
    struct memory_search_result r;
    struct browsing b;

    if (!memory_search(c->memory, c->who, &request, c->arena, &r, err))
        return false;
    b = (struct browsing){c->arena, NULL, r.hits};
    obj_put_str(data, "query", p->name);
    put_page(data, "results", &(struct page_source){r.n_hits, write_hit, &b});
    obj_put_bool(data, "words_only", r.is_words_only);
    return true;
}

static bool read_memory(const struct tool_call *c, const struct place *p, json_t *data,
                        struct error *err)
{
    struct browsing b = {c->arena, NULL, NULL};
    struct page page = {0};

    if (!memory_get(c->memory, c->who, p->name, TRASH_HIDE, c->arena, &b.memories, err))
        return false;
    if (!b.memories)
        return error_set(err, ERROR_NOT_FOUND, "no memory with this hash");
    page_fill(&(struct page_source){1, write_memory, &b}, TOOLS_RESPONSE_MAX_CHARS, &page);
    json_object_update(data, json_array_get(page.items, 0));
    page_deinit(&page);
    return true;
}

static const struct {
    const char *kind;
    bool has_name;
    bool (*read)(const struct tool_call *c, const struct place *p, json_t *data,
                 struct error *err);
} kinds[] = {
    {"stats", false, read_stats}, {"tags", false, read_tags},    {"recent", true, read_recent},
    {"tag", true, read_tag},      {"search", true, read_search}, {"memory", true, read_memory},
};

bool resources_read(const struct tool_call *c, struct str uri, json_t **out, struct error *err)
{
    AUTO_JSON *data = json_must(json_object());
    struct place place;
    json_t *content;

    if (!parse_uri(c, uri, &place))
        return error_set(err, ERROR_NOT_FOUND, "no such resource");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_eq_c(place.kind, kinds[i].kind) || kinds[i].has_name != (place.name.len > 0))
            continue;
        if (!kinds[i].read(c, &place, data, err))
            return false;
        content = json_must(json_object());
        obj_put_str(content, "uri", uri);
        obj_put_str(content, "mimeType", STR("application/json"));
        obj_put_str(content, "text", json_text(c->arena, data));
        *out = json_must(json_pack("[o]", content));
        return true;
    }
    return error_set(err, ERROR_NOT_FOUND, "no such resource");
}

/* -- the list ---------------------------------------------------------------------------------- */

static void add_resource(json_t *list, struct str uri, struct str name, const char *title)
{
    json_t *r = json_must(json_object());

    obj_put_str(r, "uri", uri);
    obj_put_str(r, "name", name);
    obj_put_str(r, "title", str_c(title));
    obj_put_str(r, "mimeType", STR("application/json"));
    json_array_append_new(list, r);
}

bool resources_list(const struct tool_call *c, json_t **out, struct error *err)
{
    struct memory_stats_result stats;
    json_t *list;

    if (!memory_stats(c->memory, c->who, c->now_ms, c->arena, &stats, err))
        return false;
    list = json_must(json_array());
    add_resource(list, STR("memory://stats"), STR("stats"), "Statistics");
    add_resource(list, STR("memory://tags"), STR("tags"), "Tags by frequency");
    add_resource(list, STR("memory://recent/10"), STR("recent"), "The ten newest memories");
    for (size_t i = 0; i < MIN(stats.n_tags, LISTED_TAGS); i++) {
        AUTO_BUF uri = {0};

        buf_add(&uri, STR("memory://tag/"));
        percent_encode(stats.tags[i].name, &uri);
        add_resource(list, buf_str(&uri), stats.tags[i].name, "Memories with this tag");
    }
    *out = list;
    return true;
}

/*
 * tools_int.h - what the files of this folder share.
 *
 * A tool is a function from arguments to a struct tool_result and knows nothing of the protocol; the
 * one door, tools.c, makes MCP of it. An old name is the same tool behind a rewriting of its arguments.
 *
 * Owner    views and arrays live in the call's arena; json_t as said.
 * Threads  one call belongs to one thread.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_TOOLS_INT_H
#define TOOLS_TOOLS_INT_H

#include "base/buf.h"
#include "json/json.h"
#include "tools/tools.h"
#include "tools/tools_schema.h"

struct tool_call {
    const struct tools_options *options;
    struct memory_service *memory;
    const struct caller *who;
    struct arena *arena;
    int64_t now_ms;
};

struct tool_result { /* zeroed before; tool_result_deinit() */
    struct buf text; /* for people and models */
    json_t *data;    /* structuredContent, satisfies the tool's outputSchema; owned */
};

void tool_result_deinit(struct tool_result *r);

struct tool {
    const char *name;
    const struct str *definition; /* the file of this name in schema/ */
    enum scope scope;             /* what a caller must have, whatever the arguments */
    bool (*is_slow)(const json_t *args);
    bool (*run)(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err);
};

extern const struct tool tool_store, tool_search, tool_list, tool_delete, tool_update,
    tool_cleanup, tool_health, tool_stats;

bool tool_always_slow(const json_t *args);
/* Whether embedding takes long: some windows of the model, tens of milliseconds. NULL: no. */
#define SLOW_CONTENT_BYTES 4096
bool tool_content_is_slow(const json_t *content);

/* -- old names (oldnames.c) ------------------------------------------------------------------ */

struct old_name {
    const char *name;
    const struct tool *tool;
    /* Puts the new tool's arguments into out, an empty object. args is a copy without nulls. */
    bool (*rewrite)(const struct tool_call *c, json_t *args, json_t *out, struct error *err);
};

extern const struct old_name old_names[];
extern const size_t n_old_names;

/* New reference: the arguments for old->tool. */
NODISCARD bool old_name_rewrite(const struct tool_call *c, const struct old_name *old,
                                const json_t *args, json_t **out, struct error *err);

/* -- arguments (args.c) ---------------------------------------------------------------------- */

/* path is that of obj, as in json.h: "" or "updates". An empty string counts as absent. */

struct arg_tags {
    bool is_given;
    const struct str *items; /* normalised */
    size_t n;
};
NODISCARD bool arg_tags(const struct tool_call *c, const json_t *obj, const char *path,
                        const char *key, struct arg_tags *out, struct error *err);

/* *out is the default before and the value, moved into min..max, after. */
NODISCARD bool arg_int(const json_t *args, const char *key, int64_t min, int64_t max,
                       int64_t *out, struct error *err);
NODISCARD bool arg_range(const json_t *args, const char *key, double min, double max,
                         double *out, struct error *err); /* INVALID: outside min..max */
/* *out becomes the position in names[n]; INVALID: none of them. */
NODISCARD bool arg_choice(const json_t *args, const char *key, const char *const *names,
                          size_t n, size_t *out, struct error *err);
NODISCARD bool arg_hash(const json_t *args, struct str *out, struct error *err);

/* tags, tag_match, memory_type, include_subtypes, after, before, include_superseded. */
NODISCARD bool arg_filter(const struct tool_call *c, const json_t *args,
                          struct memory_filter *out, struct error *err);

/* The budget of a result: max_response_chars of the arguments, else of the options, else, and at
 * most, TOOLS_RESPONSE_MAX_CHARS. *out_is_asked: one was in force, not the last resort. */
NODISCARD bool arg_budget(const struct tool_call *c, const json_t *args, size_t *out,
                          bool *out_is_asked, struct error *err);

/* -- results (page.c, show.c) ---------------------------------------------------------------- */

/*
 * Items of a result, cut to a budget at their boundaries. Every item has a text and a JSON form and
 * costs the characters of the longer one, so that both forms of the result keep the budget. The
 * first item is always there; if it alone passes TOOLS_RESPONSE_MAX_CHARS, its content is cut.
 */
struct page_source {
    size_t n;
    /* Appends item i to text and makes its JSON (new reference), content cut to max_chars. */
    void (*write)(const void *ctx, size_t i, size_t max_chars, struct buf *text, json_t **out);
    const void *ctx;
};
struct page { /* zeroed before; page_deinit() */
    struct buf text;
    json_t *items; /* array; owned */
    size_t n_shown;
    bool is_content_cut;
    bool is_truncated; /* either way */
};
void page_fill(const struct page_source *source, size_t budget, struct page *out);
void page_deinit(struct page *p);

/* What header, notices and closing lines may take of a large budget; of a small one, a quarter. */
#define PAGE_FRAME_CHARS 2000

/* The notice of a cut result; how_to_go_on is a clause such as "offset 12 continues". */
#define TRUNCATED_MARK "[!] RESPONSE TRUNCATED"
/* How many of the items left out a result of this budget can name by their hashes. */
#define NAMED_MAX 10
size_t page_n_named(const struct page *p, size_t n_all, size_t budget);
void page_notice(const struct page *p, size_t n_all, size_t budget, const char *how_to_go_on,
                 struct buf *out);

/* A copy with its content cut to max_chars characters and a line that says so. */
struct memory memory_cut(struct arena *a, const struct memory *m, size_t max_chars);
/* The beginning of a text on one line, at most PREVIEW_CHARS characters. */
#define PREVIEW_CHARS 80
struct str show_preview(struct arena *a, struct str text);
void show_iso(struct buf *b, int64_t ms);
void show_list(struct buf *b, const struct str *items, size_t n); /* "a, b" */
/* The query as results echo it, at most QUERY_ECHO_CHARS characters. */
#define QUERY_ECHO_CHARS 300
struct str show_query(struct arena *a, struct str query);

void obj_put(json_t *obj, const char *key, json_t *value); /* steals value */
void obj_put_str(json_t *obj, const char *key, struct str value);
void obj_put_int(json_t *obj, const char *key, int64_t value);
void obj_put_bool(json_t *obj, const char *key, bool value);
void obj_put_real(json_t *obj, const char *key, double value);
void obj_put_megabytes(json_t *obj, const char *key, int64_t bytes); /* to two decimals */

/* The shape "stats" of docs/api.md: of memory_stats and memory://stats. New reference. */
NODISCARD bool stats_read(const struct tool_call *c, json_t **out, struct error *err);

/* -- resources.c, prompts.c ------------------------------------------------------------------ */

NODISCARD bool resources_list(const struct tool_call *c, json_t **out, struct error *err);
NODISCARD bool resources_read(const struct tool_call *c, struct str uri, json_t **out,
                              struct error *err);

struct prompt {
    const char *name;
    bool (*write)(const struct tool_call *c, const json_t *args, struct buf *out,
                  struct error *err);
};
extern const struct prompt prompt_review, prompt_analysis, prompt_export, prompt_cleanup,
    prompt_learning;

#endif

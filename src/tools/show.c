/* show.c - small pieces of readable text and JSON that several results have. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include <math.h>

#include "base/clock.h"
#include "text/text.h"

void obj_put(json_t *obj, const char *key, json_t *value)
{
    if (json_object_set_new(obj, key, json_must(value)) != 0)
        json_must(NULL);
}

void obj_put_str(json_t *obj, const char *key, struct str value)
{
    obj_put(obj, key, json_str(value));
}

void obj_put_int(json_t *obj, const char *key, int64_t value)
{
    obj_put(obj, key, json_integer(value));
}

void obj_put_bool(json_t *obj, const char *key, bool value)
{
    obj_put(obj, key, json_boolean(value));
}

void obj_put_real(json_t *obj, const char *key, double value)
{
    obj_put(obj, key, json_real(value));
}

void obj_put_megabytes(json_t *obj, const char *key, int64_t bytes)
{
    obj_put_real(obj, key, round((double)bytes / (1024.0 * 1024) * 100) / 100);
}

struct memory memory_cut(struct arena *a, const struct memory *m, size_t max_chars)
{
    struct str head = text_first(m->content, max_chars);
    struct memory cut = *m;

    if (head.len < m->content.len)
        cut.content = arena_printf(a, STR_FMT "\n[content cut: %zu of %zu characters shown]",
                                   STR_ARG(head), text_count(head), text_count(m->content));
    return cut;
}

static struct str first_with_dots(struct arena *a, struct str text, size_t max_chars)
{
    struct str head = text_first(text, max_chars);

    return head.len < text.len ? arena_printf(a, STR_FMT "...", STR_ARG(head)) : head;
}

struct str show_preview(struct arena *a, struct str text)
{
    struct str head = first_with_dots(a, text_strip(text), PREVIEW_CHARS);
    char *line = arena_cstr(a, head);

    for (size_t i = 0; i < head.len; i++) {
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    }
    return str_n(line, head.len);
}

struct str show_query(struct arena *a, struct str query)
{
    return first_with_dots(a, query, QUERY_ECHO_CHARS);
}

void show_iso(struct buf *b, int64_t ms)
{
    char iso[CLOCK_ISO_MAX];

    clock_iso_utc(ms, iso);
    buf_add_c(b, iso);
}

void show_list(struct buf *b, const struct str *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add(b, STR(", "));
        buf_add(b, items[i]);
    }
}

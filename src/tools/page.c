/*
 * page.c - results within a budget of characters.
 *
 * Clients cut long results without a word (claude.ai near 150,000 characters) or drop them, so a result
 * is cut here, between its items, and says so. Items are written one at a time until one does not fit:
 * a page of a hundred long memories costs no more than what is shown and one item.
 *
 * Characters, not bytes: that is what clients count.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "text/text.h"

#define ITEM_SEPARATOR_CHARS 4 /* between two items, in either form */

void page_deinit(struct page *p)
{
    buf_deinit(&p->text);
    json_decref(p->items);
    *p = (struct page){0};
}

struct item {
    struct buf text;
    json_t *json;
    size_t cost;
};

static void item_deinit(struct item *item)
{
    buf_deinit(&item->text);
    json_decref(item->json);
    *item = (struct item){0};
}
#define AUTO_ITEM AUTO(item_deinit) struct item

static void item_write(const struct page_source *source, size_t i, size_t max_chars,
                       struct item *out)
{
    AUTO_BUF json = {0};

    source->write(source->ctx, i, max_chars, &out->text, &out->json);
    json_write(&json, out->json);
    out->cost =
        MAX(text_count(buf_str(&out->text)), text_count(buf_str(&json))) + ITEM_SEPARATOR_CHARS;
}

/* The first item, its content halved until it fits the hard limit: JSON escapes may take six
 * characters for one, so no single cut is known to be enough. */
static void item_write_first(const struct page_source *source, struct item *out,
                             bool *out_is_cut)
{
    const size_t hard = TOOLS_RESPONSE_MAX_CHARS - PAGE_FRAME_CHARS;

    item_write(source, 0, SIZE_MAX, out);
    for (size_t max_chars = hard; out->cost > hard && max_chars > 0; max_chars /= 2) {
        item_deinit(out);
        item_write(source, 0, max_chars, out);
        *out_is_cut = true;
    }
}

static void page_take(struct page *p, struct item *item)
{
    buf_add(&p->text, buf_str(&item->text));
    if (json_array_append_new(p->items, STEAL(item->json)) != 0)
        json_must(NULL);
    p->n_shown++;
}

void page_fill(const struct page_source *source, size_t budget, struct page *out)
{
    size_t room = budget - MIN(budget / 4, (size_t)PAGE_FRAME_CHARS);

    out->items = json_must(json_array());
    for (size_t i = 0; i < source->n; i++) {
        AUTO_ITEM item = {0};

        if (i == 0)
            item_write_first(source, &item, &out->is_content_cut);
        else
            item_write(source, i, SIZE_MAX, &item);
        if (i > 0 && item.cost > room)
            break;
        page_take(out, &item);
        room -= MIN(item.cost, room);
    }
    out->is_truncated = out->is_content_cut || out->n_shown < source->n;
}

size_t page_n_named(const struct page *p, size_t n_all, size_t budget)
{
    return MIN(n_all - p->n_shown, MIN(budget / 1000, (size_t)NAMED_MAX));
}

void page_notice(const struct page *p, size_t n_all, size_t budget, const char *how_to_go_on,
                 struct buf *out)
{
    buf_printf(out, TRUNCATED_MARK ": shown %zu of %zu (limit %zu characters)", p->n_shown,
               n_all, budget);
    if (p->n_shown < n_all)
        buf_printf(out, ", %zu left out: %s", n_all - p->n_shown, how_to_go_on);
    if (p->is_content_cut)
        buf_add_c(out, "; the content of the first is cut");
}

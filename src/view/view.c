/* view.c - see view.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view.h"

#include "base/clock.h"
#include "json/json.h"

static void put(json_t *obj, const char *key, json_t *value)
{
    if (json_object_set_new(obj, key, value) != 0)
        json_must(NULL);
}

static void put_str(json_t *obj, const char *key, struct str value)
{
    if (value.len)
        put(obj, key, json_str(value));
}

json_t *view_seconds(int64_t ms)
{
    return json_must(json_real((double)ms / 1000));
}

json_t *view_iso(int64_t ms)
{
    char text[CLOCK_ISO_MAX];

    clock_iso_utc(ms, text);
    return json_str(str_c(text));
}

/* A time as two members: seconds, and <key>_iso. */
static void put_time(json_t *obj, const char *key, const char *key_iso, int64_t ms)
{
    if (ms == 0)
        return;
    put(obj, key, view_seconds(ms));
    put(obj, key_iso, view_iso(ms));
}

/* Metadata was checked when it was stored; a damaged row shows as empty, not as a failure. */
static json_t *metadata_object(struct str text)
{
    json_t *metadata;

    if (text.len && json_parse(text, &metadata, NULL)) {
        if (json_is_object(metadata))
            return metadata;
        json_decref(metadata);
    }
    return json_must(json_object());
}

json_t *view_memory_brief(const struct memory *m)
{
    json_t *obj = json_must(json_object());

    put(obj, "content_hash", json_str(m->hash));
    put(obj, "tags", json_strs(m->tags, m->n_tags));
    put(obj, "memory_type", m->type.len ? json_str(m->type) : json_null());
    put_time(obj, "created_at", "created_at_iso", m->created_ms);
    put_time(obj, "updated_at", "updated_at_iso", m->updated_ms);
    put_time(obj, "deleted_at", "deleted_at_iso", m->deleted_ms);
    put(obj, "revision", json_must(json_integer(m->revision)));
    put_str(obj, "superseded_by", m->superseded_by);
    put_str(obj, "parent_hash", m->parent);
    if (m->quality >= 0)
        put(obj, "quality_score", json_must(json_real(m->quality)));
    return obj;
}

json_t *view_memory(const struct memory *m)
{
    json_t *obj = json_must(json_object());
    json_t *brief = view_memory_brief(m);

    put(obj, "content", json_str(m->content));
    if (json_object_update(obj, brief) != 0)
        json_must(NULL);
    json_decref(brief);
    put(obj, "metadata", metadata_object(m->metadata));
    return obj;
}

static json_t *score_parts(const struct score_parts *p)
{
    const struct {
        const char *key;
        double value;
        double none_below;
    } rows[] = {
        {"cosine", p->cosine, -1},
        {"words", p->words, 0},
        {"quality", p->quality, 0},
        {"recency", p->recency, 0},
    };
    json_t *obj = json_must(json_object());

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].value >= rows[i].none_below)
            put(obj, rows[i].key, json_must(json_real(rows[i].value)));
    }
    return obj;
}

json_t *view_hit(const struct hit *h)
{
    json_t *obj = view_memory(&h->memory);

    put(obj, "score", json_must(json_real(h->score)));
    put(obj, "score_parts", score_parts(&h->parts));
    put_str(obj, "via", h->via);
    return obj;
}

json_t *view_change(const struct change *c)
{
    json_t *obj = json_must(json_object());

    put(obj, "seq", json_must(json_integer(c->seq)));
    put_time(obj, "at", "at_iso", c->at_ms);
    put(obj, "op", json_str(c->op));
    put(obj, "content_hash", json_str(c->hash));
    put(obj, "revision", json_must(json_integer(c->revision)));
    put_str(obj, "subject", c->subject);
    put_str(obj, "client", c->client);
    put(obj, "detail", metadata_object(c->detail));
    return obj;
}

/*
 * store.c - memory_store: one text in, its hash out.
 *
 * Tags and type may stand at the top or inside metadata, as clients of the reference have it; both
 * tag lists count, the type at the top wins. The same text again is a success that changes nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

static bool is_slow(const json_t *args)
{
    return tool_content_is_slow(json_object_get(args, "content"));
}

/* -- request --------------------------------------------------------------------------------- */

static bool read_tags(const struct tool_call *c, const json_t *args, const json_t *metadata,
                      struct memory_store_request *out, struct error *err)
{
    struct arg_tags top = {0}, inner = {0};
    struct str *all;

    if (!arg_tags(c, args, "", "tags", &top, err) ||
        !arg_tags(c, metadata, "metadata", "tags", &inner, err))
        return false;
    all = ARENA_NEW(c->arena, struct str, top.n + inner.n);
    for (size_t i = 0; i < top.n; i++)
        all[i] = top.items[i];
    for (size_t i = 0; i < inner.n; i++)
        all[top.n + i] = inner.items[i];
    out->tags = all;
    out->n_tags = top.n + inner.n;
    return true;
}

/* memory_type, type, metadata.type: the first that is there, even an empty one. */
static bool read_type(const json_t *args, const json_t *metadata,
                      struct memory_store_request *out, struct error *err)
{
    const struct {
        const json_t *obj;
        const char *path;
        const char *key;
    } places[] = {
        {args, "", "memory_type"}, {args, "", "type"}, {metadata, "metadata", "type"}};

    for (size_t i = 0; i < COUNT(places); i++) {
        if (!json_has(places[i].obj, places[i].key))
            continue;
        out->has_type = true;
        return json_get_str(places[i].obj, places[i].path, places[i].key, &out->type, err);
    }
    return true;
}

/* What is left of metadata without tags and type, as text. */
static struct str own_metadata(struct arena *a, json_t *metadata)
{
    AUTO_JSON *own = json_must(json_copy(metadata));

    json_object_del(own, "tags");
    json_object_del(own, "type");
    return json_text(a, own);
}

static bool read_request(const struct tool_call *c, const json_t *args,
                         struct memory_store_request *out, struct error *err)
{
    json_t *metadata = json_object_get(args, "metadata"); /* borrowed */

    out->now_ms = c->now_ms;
    if (c->options->is_hostname_tagged)
        out->hostname = c->options->hostname;
    if (json_has(args, "metadata") && !json_is_object(metadata))
        return error_set(err, ERROR_INVALID, "metadata: not an object");
    if (!json_get_str(args, "", "content", &out->content, err) ||
        !json_get_str(args, "", "conversation_id", &out->conversation_id, err) ||
        !json_get_str(args, "", "client_hostname", &out->hostname, err) ||
        !read_tags(c, args, metadata, out, err) || !read_type(args, metadata, out, err))
        return false;
    if (json_is_object(metadata))
        out->metadata = own_metadata(c->arena, metadata);
    return true;
}

/* -- result ---------------------------------------------------------------------------------- */

static bool is_type_changed(const struct memory_store_request *request,
                            const struct memory_store_result *r)
{
    return r->requested_type.len > 0 || (request->has_type && request->type.len == 0);
}

static void add_warnings(const struct tool_call *c, const struct memory_store_request *request,
                         const struct memory_store_result *r, struct tool_result *out)
{
    json_t *list = json_must(json_array());
    struct str lines[3];
    size_t n = 0;

    if (is_type_changed(request, r))
        lines[n++] = arena_printf(c->arena,
                                  "memory type '" STR_FMT "' is not known, stored as '" STR_FMT
                                  "'; MCP_CUSTOM_MEMORY_TYPES can add types",
                                  STR_ARG(r->requested_type), STR_ARG(r->type));
    if (r->is_unembedded)
        lines[n++] = STR("no model: found by words only, until a reindex");
    if (r->is_partly_embedded)
        lines[n++] = STR("very long: what lies beyond its last window is found by words only");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&out->text, "\nWarning: " STR_FMT, STR_ARG(lines[i]));
        json_array_append_new(list, json_str(lines[i]));
    }
    obj_put(out->data, "warnings", list);
}

static void add_similar(const struct tool_call *c, const struct memory_store_result *r,
                        struct tool_result *out)
{
    json_t *list = json_must(json_array());

    if (r->n_similar)
        buf_printf(&out->text, "\nStored beside %zu semantically similar:", r->n_similar);
    for (size_t i = 0; i < r->n_similar; i++) {
        const struct memory_similar *s = &r->similar[i];
        struct str preview = show_preview(c->arena, s->content);
        json_t *item = json_must(json_object());

        buf_printf(&out->text, "\n  " STR_FMT " (cosine %.2f) " STR_FMT, STR_ARG(s->hash),
                   s->cosine, STR_ARG(preview));
        obj_put_str(item, "content_hash", s->hash);
        obj_put_real(item, "cosine", s->cosine);
        obj_put_str(item, "preview", preview);
        json_array_append_new(list, item);
    }
    obj_put(out->data, "similar", list);
}

static void describe_one(const struct memory_store_result *r, struct tool_result *out)
{
    const struct memory_stored_piece *piece = &r->pieces[0];

    if (piece->is_duplicate)
        buf_printf(&out->text,
                   "Duplicate content detected: exact match with (hash: " STR_FMT
                   "); nothing was changed",
                   STR_ARG(piece->hash));
    else
        buf_printf(&out->text, "Memory stored successfully (hash: " STR_FMT ")%s",
                   STR_ARG(piece->hash), piece->is_revived ? ", back from the trash" : "");
    obj_put_bool(out->data, "duplicate", piece->is_duplicate);
    if (piece->is_duplicate)
        obj_put_str(out->data, "duplicate_of", piece->hash);
}

static void describe_pieces(const struct memory_store_result *r, struct tool_result *out)
{
    json_t *hashes = json_must(json_array());
    size_t n_duplicates = 0;

    for (size_t i = 0; i < r->n_pieces; i++) {
        json_array_append_new(hashes, json_str(r->pieces[i].hash));
        n_duplicates += r->pieces[i].is_duplicate;
    }
    buf_printf(&out->text, "Successfully stored %zu memory chunks (original hash: " STR_FMT ")",
               r->n_pieces, STR_ARG(r->hash));
    if (n_duplicates)
        buf_printf(&out->text, ", %zu of them were there already", n_duplicates);
    obj_put_bool(out->data, "duplicate", n_duplicates == r->n_pieces);
    obj_put(out->data, "chunk_hashes", hashes);
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct memory_store_request request = {0};
    struct memory_store_result r;

    if (!read_request(c, args, &request, err) ||
        !memory_store(c->memory, c->who, &request, c->arena, &r, err))
        return false;
    out->data = json_must(json_object());
    obj_put_bool(out->data, "success", true);
    obj_put_str(out->data, "content_hash", r.hash);
    obj_put_str(out->data, "memory_type", r.type);
    obj_put(out->data, "tags", json_strs(r.tags, r.n_tags));
    if (r.n_pieces == 1)
        describe_one(&r, out);
    else
        describe_pieces(&r, out);
    add_similar(c, &r, out);
    add_warnings(c, &request, &r, out);
    return true;
}

const struct tool tool_store = {
    .name = "memory_store",
    .definition = &schema_memory_store,
    .scope = SCOPE_WRITE,
    .is_slow = is_slow,
    .run = run,
};

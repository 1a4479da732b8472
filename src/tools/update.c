/*
 * update.c - memory_update: change a memory, make a new version of it, or bring it back.
 *
 * Keys of updates that are no field of a memory become metadata keys, as clients of the reference
 * have it. Content never changes in place: its hash is the memory's name.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tools_int.h"

#include "view/view.h"

#define TIME_MAX_SECONDS 253402300800.0 /* the year 10000 */

struct update {
    const struct tool_call *call;
    const json_t *args;
    json_t *updates; /* borrowed from args */
    struct memory_update_request request;
    bool is_restore;
    int64_t revision;
    bool keeps_times;
};

/* Never metadata, whatever a client sends. */
static const char *const field_names[] = {
    "content",    "content_hash",   "tags",       "add_tags",       "remove_tags",
    "type",       "memory_type",    "metadata",   "reason",         "embedding",
    "created_at", "created_at_iso", "updated_at", "updated_at_iso",
};

static bool is_field(const char *key)
{
    for (size_t i = 0; i < COUNT(field_names); i++) {
        if (str_eq_c(str_c(key), field_names[i]))
            return true;
    }
    return false;
}

/* Of all updates only a new version is embedded. */
static bool is_slow(const json_t *args)
{
    return tool_content_is_slow(json_object_get(json_object_get(args, "updates"), "content"));
}

/* -- request --------------------------------------------------------------------------------- */

static bool read_tags(struct update *u, struct error *err)
{
    struct memory_update_request *r = &u->request;
    struct arg_tags all = {0}, add = {0}, remove = {0};

    if (!arg_tags(u->call, u->updates, "updates", "tags", &all, err) ||
        !arg_tags(u->call, u->updates, "updates", "add_tags", &add, err) ||
        !arg_tags(u->call, u->updates, "updates", "remove_tags", &remove, err))
        return false;
    r->has_tags = all.is_given;
    r->tags = all.items;
    r->n_tags = all.n;
    r->add_tags = add.items;
    r->n_add_tags = add.n;
    r->remove_tags = remove.items;
    r->n_remove_tags = remove.n;
    return true;
}

static bool read_type(struct update *u, struct error *err)
{
    const char *key = json_has(u->updates, "memory_type") ? "memory_type" : "type";

    u->request.has_type = json_has(u->updates, key);
    return json_get_str(u->updates, "updates", key, &u->request.type, err);
}

/* updates.metadata and every key of updates that is no field, in one object. */
static bool read_metadata(struct update *u, struct error *err)
{
    json_t *given = json_object_get(u->updates, "metadata");
    AUTO_JSON *all = json_must(json_object());
    const char *key;
    json_t *value;

    if (json_has(u->updates, "metadata") && !json_is_object(given))
        return error_set(err, ERROR_INVALID,
                         "updates.metadata: not a dictionary; a JSON object would do");
    json_object_foreach(u->updates, key, value)
    {
        if (!is_field(key))
            json_object_set(all, key, value);
    }
    if (json_is_object(given))
        json_object_update(all, given);
    if (json_object_size(all))
        u->request.metadata = json_text(u->call->arena, all);
    return true;
}

/* A time as seconds since 1970, or as an ISO date; the seconds win. */
static bool read_time(const struct update *u, const char *key, const char *key_iso,
                      int64_t *out, struct error *err)
{
    struct str iso = {0};
    double seconds = 0;

    if (!json_get_double(u->updates, "updates", key, &seconds, err) ||
        !json_get_str(u->updates, "updates", key_iso, &iso, err))
        return false;
    if (!json_has(u->updates, key))
        return iso.len == 0 || memory_parse_date(iso, out, err) ||
               error_wrap(err, "updates.%s", key_iso);
    if (!(seconds > 0 && seconds < TIME_MAX_SECONDS))
        return error_set(err, ERROR_INVALID, "updates.%s: %g is no time in seconds since 1970",
                         key, seconds);
    *out = (int64_t)(seconds * 1000);
    return true;
}

static bool read_content(struct update *u, struct error *err)
{
    struct memory_update_request *r = &u->request;

    if (!json_get_str(u->updates, "updates", "content", &r->content, err) ||
        !json_get_str(u->updates, "updates", "reason", &r->reason, err))
        return false;
    if (json_has(u->updates, "content") && !r->is_versioned)
        return error_set(
            err, ERROR_INVALID,
            "updates.content: content does not change in place; with versioned: true "
            "it becomes a new version");
    if (r->is_versioned && r->content.len == 0)
        return error_set(err, ERROR_INVALID, "updates.content: missing, versioned needs it");
    return true;
}

static bool read_updates(struct update *u, struct error *err)
{
    struct memory_update_request *r = &u->request;

    if (!json_is_object(u->updates) || json_object_size(u->updates) == 0)
        return error_set(err, ERROR_INVALID,
                         "updates: needed, as in {\"add_tags\": [\"done\"]}, unless restore or "
                         "revision is given");
    r->is_touching_times = !u->keeps_times;
    return read_tags(u, err) && read_type(u, err) && read_metadata(u, err) &&
           read_content(u, err) &&
           (u->keeps_times ||
            (read_time(u, "created_at", "created_at_iso", &r->created_ms, err) &&
             read_time(u, "updated_at", "updated_at_iso", &r->updated_ms, err)));
}

static bool read_request(struct update *u, struct error *err)
{
    struct memory_update_request *r = &u->request;
    const json_t *args = u->args;

    r->now_ms = u->call->now_ms;
    u->keeps_times = true;
    u->updates = json_object_get(args, "updates");
    if (!arg_hash(args, &r->hash, err) ||
        !json_get_bool(args, "", "versioned", &r->is_versioned, err) ||
        !json_get_bool(args, "", "preserve_timestamps", &u->keeps_times, err) ||
        !json_get_bool(args, "", "restore", &u->is_restore, err) ||
        !arg_int(args, "revision", 1, INT64_MAX, &u->revision, err))
        return false;
    if (r->hash.len == 0)
        return error_set(err, ERROR_INVALID, "content_hash: missing");
    if (!u->is_restore && u->revision == 0)
        return read_updates(u, err);
    if (json_has(args, "updates") && json_object_size(u->updates))
        return error_set(err, ERROR_INVALID,
                         "updates: not together with restore or revision; two calls would do");
    return true;
}

/* -- the two ways ---------------------------------------------------------------------------- */

static json_t *data_new(const struct memory *m)
{
    json_t *data = json_must(json_object());

    obj_put_bool(data, "success", true);
    obj_put_str(data, "content_hash", m->hash);
    obj_put(data, "memory", view_memory_brief(m));
    return data;
}

static bool bring_back(const struct update *u, struct tool_result *out, struct error *err)
{
    const struct tool_call *c = u->call;
    const struct str hash = u->request.hash;
    struct memory *m = NULL;

    if (u->is_restore &&
        !memory_restore(c->memory, c->who, hash, 0, c->now_ms, c->arena, &m, err))
        return false;
    if (u->revision &&
        !memory_restore(c->memory, c->who, hash, u->revision, c->now_ms, c->arena, &m, err))
        return false;
    if (u->is_restore)
        buf_printf(&out->text, "Restored from the trash (hash: " STR_FMT ")", STR_ARG(m->hash));
    if (u->revision)
        buf_printf(&out->text, "%sBack to revision %lld, as revision %lld (hash: " STR_FMT ")",
                   u->is_restore ? "\n" : "", (long long)u->revision, (long long)m->revision,
                   STR_ARG(m->hash));
    out->data = data_new(m);
    return true;
}

static void add_type_warning(const struct update *u, const struct memory_update_result *r,
                             struct tool_result *out)
{
    struct str line;

    if (!r->requested_type.len && !(u->request.has_type && !u->request.type.len))
        return;
    line = arena_printf(u->call->arena,
                        "memory type '" STR_FMT "' is not known, stored as '" STR_FMT
                        "'; MCP_CUSTOM_MEMORY_TYPES can add types",
                        STR_ARG(r->requested_type), STR_ARG(r->memory->type));
    buf_printf(&out->text, "\nWarning: " STR_FMT, STR_ARG(line));
    obj_put(out->data, "warnings", json_strs(&line, 1));
}

static void add_changed(const struct memory_update_result *r, struct tool_result *out)
{
    json_t *fields = json_must(json_array());

    buf_add(&out->text, STR("Updated fields: "));
    for (size_t i = 0; i < r->n_changed; i++) {
        buf_printf(&out->text, "%s%s", i ? ", " : "", r->changed[i]);
        json_array_append_new(fields, json_str(str_c(r->changed[i])));
    }
    if (r->n_changed == 0)
        buf_add(&out->text, STR("none"));
    obj_put(out->data, "updated_fields", fields);
}

static bool change(const struct update *u, struct tool_result *out, struct error *err)
{
    const struct tool_call *c = u->call;
    struct memory_update_result r;

    if (!memory_update(c->memory, c->who, &u->request, c->arena, &r, err))
        return false;
    out->data = data_new(r.memory);
    if (u->request.is_versioned) {
        buf_printf(&out->text, "New hash: " STR_FMT ", parent hash: " STR_FMT ".\n",
                   STR_ARG(r.memory->hash), STR_ARG(r.parent_hash));
        obj_put_str(out->data, "parent_hash", r.parent_hash);
    } else {
        buf_printf(&out->text, "Successfully updated memory metadata (hash: " STR_FMT ").\n",
                   STR_ARG(r.memory->hash));
    }
    add_changed(&r, out);
    add_type_warning(u, &r, out);
    return true;
}

static bool run(const struct tool_call *c, const json_t *args, struct tool_result *out,
                struct error *err)
{
    struct update u = {.call = c, .args = args};

    if (!read_request(&u, err))
        return false;
    return u.is_restore || u.revision ? bring_back(&u, out, err) : change(&u, out, err);
}

const struct tool tool_update = {
    .name = "memory_update",
    .definition = &schema_memory_update,
    .is_slow = is_slow,
    .scope = SCOPE_WRITE,
    .run = run,
};

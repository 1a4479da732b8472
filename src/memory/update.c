/*
 * update.c - changing a memory, replacing it by a new version, going back.
 *
 * An update reads, changes and writes with the revision it read; if somebody else was faster it starts
 * again from what is there now.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "json/json.h"
#include "text/text.h"

#define UPDATE_TRIES_MAX   100 /* each one lost is somebody else's won */
#define CHANGED_FIELDS_MAX 8
#define REASON_MAX_CHARS   2000

struct update {
    struct memory_service *m;
    const struct caller *who;
    const struct memory_update_request *request;
    struct arena *a;
    struct memory now; /* the memory as it will be */
    const char *changed[CHANGED_FIELDS_MAX];
    size_t n_changed;
    struct str requested_type;
    struct embedded embedded; /* of a new version */
    struct str parent;        /* the hash of what it replaces */
};

static bool not_found(struct str hash, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
}

static bool check_version(const struct memory_service *m, const struct memory_update_request *r,
                          struct error *err)
{
    if (r->content.len == 0)
        return error_set(err, ERROR_INVALID, "a new version needs the new content");
    if (!check_content(r->content, err) || !check_length(m, r->content, err))
        return false;
    if (!text_check(r->reason, err))
        return error_wrap(err, "reason");
    if (text_count(r->reason) > REASON_MAX_CHARS)
        return error_set(err, ERROR_LIMIT, "reason has more than %d characters",
                         REASON_MAX_CHARS);
    return true;
}

static bool check(const struct memory_service *m, const struct memory_update_request *r,
                  struct error *err)
{
    if (r->metadata.len > MEMORY_METADATA_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "metadata has %zu bytes, at most %zu are allowed",
                         r->metadata.len, MEMORY_METADATA_MAX_BYTES);
    if (!check_tags(r->tags, r->n_tags, "tags", err) ||
        !check_tags(r->add_tags, r->n_add_tags, "add_tags", err) ||
        !check_tags(r->remove_tags, r->n_remove_tags, "remove_tags", err) ||
        !check_type(r->type, err))
        return false;
    if (r->content.len && !r->is_versioned)
        return error_set(err, ERROR_INVALID,
                         "content can only be changed as a new version; set versioned");
    return !r->is_versioned || check_version(m, r, err);
}

/* -- fields ----------------------------------------------------------------------------------- */

static bool same_tags(const struct memory *m, const struct str *tags, size_t n)
{
    if (m->n_tags != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(m->tags[i], tags[i]))
            return false;
    }
    return true;
}

struct tag_set {
    const struct str *tags;
    size_t n;
};

static struct tag_set normalised(struct arena *a, const struct str *tags, size_t n)
{
    struct tag_set set;

    memory_normalise_tags(a, tags, n, &set.tags, &set.n);
    return set;
}

/* Adds what is not to be removed, and no placeholder; how many there are then. */
static size_t add_kept(struct tag_set from, struct tag_set removed, struct str *out, size_t n)
{
    for (size_t i = 0; i < from.n; i++) {
        if (!str_eq(from.tags[i], TAG_NONE) &&
            !str_is_among(from.tags[i], removed.tags, removed.n))
            out[n++] = from.tags[i];
    }
    return n;
}

/* Removed ones go first, so that they do not count against the limit. */
static bool change_tags(struct update *u, struct error *err)
{
    const struct memory_update_request *r = u->request;
    struct tag_set base = r->has_tags ? normalised(u->a, r->tags, r->n_tags)
                                      : normalised(u->a, u->now.tags, u->now.n_tags);
    struct tag_set added = normalised(u->a, r->add_tags, r->n_add_tags);
    struct tag_set removed = normalised(u->a, r->remove_tags, r->n_remove_tags);
    struct str *kept = ARENA_NEW(u->a, struct str, base.n + added.n);
    size_t n = add_kept(base, removed, kept, 0);
    static const struct str none[] = {STR_INIT(TAG_NONE_TEXT)};
    struct tag_set all = normalised(u->a, kept, add_kept(added, removed, kept, n));

    if (all.n == 0)
        all = (struct tag_set){none, 1};
    if (same_tags(&u->now, all.tags, all.n))
        return true;
    u->now.tags = all.tags;
    u->now.n_tags = all.n;
    u->changed[u->n_changed++] = "tags";
    return check_tags(all.tags, all.n, "tags", err);
}

static void change_type(struct update *u)
{
    struct str type;

    if (!u->request->has_type)
        return;
    type = type_resolve(u->m, u->request->type, &u->requested_type);
    if (str_eq(type, u->now.type))
        return;
    u->now.type = type;
    u->changed[u->n_changed++] = "memory_type";
}

static bool change_metadata(struct update *u, struct error *err)
{
    struct str merged = u->now.metadata;

    if (u->request->metadata.len &&
        !json_merge_text(u->a, merged, u->request->metadata, &merged, err))
        return false;
    if (u->requested_type.len) {
        json_t *patch =
            json_must(json_pack("{s:o}", "requested_type", json_str(u->requested_type)));
        bool is_ok = json_merge_text(u->a, merged, json_text(u->a, patch), &merged, err);

        json_decref(patch);
        if (!is_ok)
            return false;
    }
    if (merged.len > MEMORY_METADATA_MAX_BYTES && merged.len > u->now.metadata.len)
        return error_set(err, ERROR_LIMIT,
                         "metadata would have %zu bytes, at most %zu are allowed", merged.len,
                         MEMORY_METADATA_MAX_BYTES);
    if (!str_eq(merged, u->now.metadata)) {
        u->now.metadata = merged;
        u->changed[u->n_changed++] = "custom_metadata";
    }
    return true;
}

/* A change of tags or type moves updated_ms, one of metadata alone does not, unless asked to. */
static void change_times(struct update *u)
{
    const struct memory_update_request *r = u->request;
    bool is_content_change = false;
    int64_t updated = u->now.updated_ms;

    if (r->is_versioned) /* a new memory has times of its own */
        return;

    for (size_t i = 0; i < u->n_changed; i++)
        is_content_change |= strcmp(u->changed[i], "custom_metadata") != 0;
    if (r->is_touching_times) {
        if (r->created_ms && r->created_ms != u->now.created_ms) {
            u->now.created_ms = r->created_ms;
            u->changed[u->n_changed++] = "created_at";
        }
        updated = r->updated_ms ? r->updated_ms : r->now_ms;
    } else if (is_content_change) {
        updated = MAX(r->now_ms, updated); /* the clock may have been set back */
    }
    if (updated != u->now.updated_ms) {
        u->now.updated_ms = updated;
        u->changed[u->n_changed++] = "updated_at";
    }
}

static bool change_fields(struct update *u, struct error *err)
{
    change_type(u);
    if (!change_tags(u, err) || !change_metadata(u, err))
        return false;
    change_times(u);
    return true;
}

static struct str changed_as_json(const struct update *u)
{
    json_t *fields = json_must(json_array()), *detail;
    struct str text;

    for (size_t i = 0; i < u->n_changed; i++)
        json_array_append_new(fields, json_str(str_c(u->changed[i])));
    detail = json_must(json_pack("{s:o}", "fields", fields));
    text = json_text(u->a, detail);
    json_decref(detail);
    return text;
}

/* -- in place --------------------------------------------------------------------------------- */

static bool read_current(struct update *u, struct error *err)
{
    struct memory *m;

    if (!store_get(u->m->options.store, u->a, u->who->space, u->request->hash, TRASH_HIDE, &m,
                   err))
        return false;
    if (!m)
        return not_found(u->request->hash, err);
    u->now = *m;
    u->n_changed = 0;
    return true;
}

/* Of a try that is over only the hash and the names of the changed fields are left. */
static bool try_update(struct update *u, struct error *err)
{
    const struct store_actor actor = actor_of(u->who, u->request->now_ms);
    AUTO_ARENA scratch = {0};
    struct arena *results = u->a;
    bool is_ok;

    u->a = &scratch;
    is_ok = read_current(u, err) && change_fields(u, err) &&
            (u->n_changed == 0 ||
             store_update(u->m->options.store, &actor, &u->now, changed_as_json(u), err));
    u->a = results;
    u->now = (struct memory){.hash = arena_dup(results, u->now.hash)};
    return is_ok;
}

/* Again and again while others change the memory between reading and writing it. */
static bool until_unchanged(struct update *u, bool (*attempt)(struct update *, struct error *),
                            struct error *err)
{
    struct error problem = {0};

    for (int i = 0; i < UPDATE_TRIES_MAX; i++) {
        problem = (struct error){0};
        if (attempt(u, &problem))
            return true;
        if (problem.kind != ERROR_CONFLICT)
            break;
    }
    if (err)
        *err = problem;
    return false;
}

/* -- a new version ---------------------------------------------------------------------------- */

/* One try: what is read now, with the new content. CONFLICT: it was changed meanwhile. */
static bool try_supersede(struct update *u, struct error *err)
{
    const struct store_actor actor = actor_of(u->who, u->request->now_ms);
    struct store_item next;

    if (!read_current(u, err) || !change_fields(u, err))
        return false;
    u->parent = u->now.hash;
    next = (struct store_item){.memory = u->now, .vectors = u->embedded.vectors};
    if (!json_merge_text(u->a, u->now.metadata,
                         STR("{\"superseded_by\":null,\"evolution_reason\":null}"),
                         &next.memory.metadata, err)) /* of the old one */
        return false;
    next.memory.content = u->request->content;
    next.memory.hash = memory_hash(u->a, next.memory.content);
    next.memory.parent = u->now.hash;
    next.memory.created_ms = next.memory.updated_ms = u->request->now_ms;
    if (!store_supersede(u->m->options.store, &actor, u->now.hash, u->request->reason, &next,
                         err))
        return false;
    u->now.hash = next.memory.hash;
    u->changed[u->n_changed++] = "content";
    return true;
}

/* The text is embedded once, before the first try. */
static bool supersede(struct update *u, struct error *err)
{
    return read_current(u, err) &&
           embed_contents(u->m, u->a, &u->request->content, 1, &u->embedded, err) &&
           until_unchanged(u, try_supersede, err);
}

bool memory_update(struct memory_service *m, const struct caller *who,
                   const struct memory_update_request *request, struct arena *a,
                   struct memory_update_result *out, struct error *err)
{
    struct update *u = ARENA_NEW(a, struct update, 1);
    struct memory_update_result result = {0};

    *u = (struct update){.m = m, .who = who, .request = request, .a = a};
    if (!may(who, SCOPE_WRITE, err) || !check(m, request, err))
        return false;
    if (request->is_versioned ? !supersede(u, err) : !until_unchanged(u, try_update, err))
        return false;
    if (!store_get(m->options.store, a, who->space, u->now.hash, TRASH_HIDE, &result.memory,
                   err))
        return false;
    if (!result.memory) /* deleted by somebody else since */
        return not_found(u->now.hash, err);
    result.parent_hash = u->parent;
    result.changed = u->changed;
    result.n_changed = u->n_changed;
    result.requested_type = u->requested_type;
    *out = result;
    return true;
}

bool memory_restore(struct memory_service *m, const struct caller *who, struct str hash,
                    int64_t revision, int64_t now_ms, struct arena *a, struct memory **out,
                    struct error *err)
{
    const struct store_actor actor = actor_of(who, now_ms);
    enum trash_filter where = revision > 0 ? TRASH_HIDE : TRASH_ONLY;
    struct memory *found;

    if (!may(who, SCOPE_WRITE, err) ||
        !store_get(m->options.store, a, who->space, hash, where, &found, err))
        return false;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found%s",
                         STR_ARG(hash), revision > 0 ? "" : " in the trash");
    if (revision > 0 ? !store_revert(m->options.store, &actor, found->hash, revision, err)
                     : !store_restore(m->options.store, &actor, found->hash, err))
        return false;
    return store_get(m->options.store, a, who->space, found->hash, TRASH_HIDE, out, err);
}

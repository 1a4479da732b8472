/*
 * delete.c - moving memories to the trash: one by hash, or all that pass a filter.
 *
 * A dry run and a real run choose by the same filter, and a filter that says nothing deletes nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

static bool select_one(struct memory_service *m, const struct caller *who, struct str hash,
                       struct arena *a, struct memory_delete_result *out, struct error *err)
{
    struct str *hashes = ARENA_NEW(a, struct str, 1);
    struct memory *found;

    if (!store_get(m->options.store, a, who->space, hash, TRASH_HIDE, &found, err))
        return false;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
    hashes[0] = found->hash;
    *out = (struct memory_delete_result){hashes, 1};
    return true;
}

static bool select_memories(struct memory_service *m, const struct caller *who,
                            const struct memory_delete_request *request, struct arena *a,
                            struct memory_delete_result *out, struct error *err)
{
    struct memory_filter filter;

    if (request->hash.len)
        return select_one(m, who, request->hash, a, out, err);
    if (!filter_prepare(a, &request->filter, request->time_expr, request->now_ms, &filter, err))
        return false;
    if (filter.is_nothing)
        return error_set(err, ERROR_INVALID,
                         "the tags are empty; name at least one, or leave the filter out");
    if (filter_is_empty(&filter))
        return error_set(err, ERROR_INVALID,
                         "give a content_hash, or a filter by tags or time; there is no way to "
                         "delete everything at once");
    filter.has_superseded = true;
    filter.trash = TRASH_HIDE;
    return store_list_hashes(m->options.store, a, who->space, &filter, &out->hashes,
                             &out->n_hashes, err);
}

bool memory_delete(struct memory_service *m, const struct caller *who,
                   const struct memory_delete_request *request, struct arena *a,
                   struct memory_delete_result *out, struct error *err)
{
    const struct store_actor actor = actor_of(who, request->now_ms);
    struct memory_delete_result result;
    size_t n_deleted;

    if (!may(who, SCOPE_WRITE, err) || !select_memories(m, who, request, a, &result, err) ||
        (!request->is_dry_run &&
         !store_delete(m->options.store, &actor, result.hashes, result.n_hashes,
                       (struct str){0}, &n_deleted, err)))
        return false;
    *out = result;
    return true;
}

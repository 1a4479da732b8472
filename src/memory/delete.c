/*
 * delete.c - moving memories to the trash: one by hash, or all that pass a filter.
 *
 * A dry run and a real run choose by the same filter, and a filter that says nothing deletes nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"

struct hashes VEC(struct str);

static bool select_one(struct memory_service *m, const struct caller *who, struct str hash,
                       struct arena *a, struct hashes *out, struct error *err)
{
    struct memory *found;

    if (!store_get(m->options.store, a, who->space, hash, TRASH_HIDE, &found, err))
        return false;
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
    VEC_PUSH(out, found->hash);
    return true;
}

static bool select_filtered(struct memory_service *m, const struct caller *who,
                            const struct memory_filter *filter, struct arena *a,
                            struct hashes *out, struct error *err)
{
    size_t total = 1;

    while (out->len < total) {
        AUTO_ARENA page = {0};
        struct memory *memories;
        size_t n;

        if (!store_list(m->options.store, &page, who->space, filter, out->len, SPACE_SCAN_PAGE,
                        &memories, &n, &total, err))
            return false;
        if (n == 0)
            break;
        for (size_t i = 0; i < n; i++)
            VEC_PUSH(out, arena_dup(a, memories[i].hash));
    }
    return true;
}

static bool select_memories(struct memory_service *m, const struct caller *who,
                            const struct memory_delete_request *request, struct arena *a,
                            struct hashes *out, struct error *err)
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
    return select_filtered(m, who, &filter, a, out, err);
}

bool memory_delete(struct memory_service *m, const struct caller *who,
                   const struct memory_delete_request *request, struct arena *a,
                   struct memory_delete_result *out, struct error *err)
{
    const struct store_actor actor = actor_of(who, request->now_ms);
    struct hashes hashes = {0};
    size_t n_deleted;
    bool is_ok =
        may(who, SCOPE_WRITE, err) && select_memories(m, who, request, a, &hashes, err) &&
        (request->is_dry_run || store_delete(m->options.store, &actor, hashes.ptr, hashes.len,
                                             (struct str){0}, &n_deleted, err));

    if (is_ok) {
        struct str *copy = ARENA_NEW(a, struct str, hashes.len);

        if (hashes.len)
            memcpy(copy, hashes.ptr, hashes.len * sizeof(*copy));
        *out = (struct memory_delete_result){copy, hashes.len};
    }
    VEC_DEINIT(&hashes);
    return is_ok;
}

/* read.c - single memories, pages, history. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

bool memory_get(struct memory_service *m, const struct caller *who, struct str hash,
                enum trash_filter trash, struct arena *a, struct memory **out,
                struct error *err)
{
    return may(who, SCOPE_READ, err) &&
           store_get(m->options.store, a, who->space, hash, trash, out, err);
}

bool memory_list(struct memory_service *m, const struct caller *who,
                 const struct memory_filter *filter, size_t offset, size_t limit,
                 struct arena *a, struct memory_page *out, struct error *err)
{
    struct memory_filter f;

    return may(who, SCOPE_READ, err) &&
           filter_prepare(a, filter, (struct str){0}, 0, &f, err) &&
           store_list(m->options.store, a, who->space, &f, offset, limit, &out->memories,
                      &out->n_memories, &out->total, err);
}

bool memory_history(struct memory_service *m, const struct caller *who, struct str hash,
                    size_t limit, struct arena *a, struct change **out, size_t *out_n,
                    struct error *err)
{
    struct memory *one = NULL;

    if (!may(who, SCOPE_READ, err) ||
        (hash.len && !store_get(m->options.store, a, who->space, hash, TRASH_SHOW, &one, err)))
        return false;
    /* One that was purged has no row any more, but its history under the whole hash. */
    if (!store_changes(m->options.store, a, who->space, one ? one->hash : hash, 0, limit, out,
                       out_n, err))
        return false;
    if (*out_n == 0 && hash.len)
        return error_set(err, ERROR_NOT_FOUND, "memory '" STR_FMT "' not found", STR_ARG(hash));
    return true;
}

/* embedding.c - vectors for the texts of memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "embed/embed.h"

struct str model_id_of(const struct memory_service *m)
{
    return m->options.embedder ? embed_model_id(m->options.embedder) : (struct str){0};
}

bool embed_contents(const struct memory_service *m, struct arena *a, const struct str *texts,
                    size_t n, struct embedded *out, struct error *err)
{
    const struct embedder *e = m->options.embedder;
    struct embed_parts *parts = ARENA_NEW(a, struct embed_parts, n);

    memset(out, 0, n * sizeof(*out));
    if (!e)
        return true;
    if (!embed_parts(e, a, texts, n, parts, err))
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct embedded){
            {embed_model_id(e), embed_dim(e), parts[i].n, parts[i].vectors}, parts[i].is_cut};
    return true;
}

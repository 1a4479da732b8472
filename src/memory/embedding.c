/* embedding.c - vectors for the texts of memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "embed/embed.h"

struct str model_id_of(const struct memory_service *m)
{
    return m->options.embedder ? embed_model_id(m->options.embedder) : (struct str){0};
}

bool embed_content(const struct memory_service *m, struct arena *a, struct str text,
                   struct store_vectors *out, bool *out_is_cut, struct error *err)
{
    const struct embedder *e = m->options.embedder;

    *out = (struct store_vectors){0};
    *out_is_cut = false;
    if (!e)
        return true;
    out->model_id = embed_model_id(e);
    out->dim = embed_dim(e);
    return embed_parts(e, a, text, &out->values, &out->n_parts, out_is_cut, err);
}

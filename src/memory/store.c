/*
 * store.c - taking in a memory: checks, normal forms, pieces, vectors, similar ones.
 *
 * Only the same normalised text is a duplicate; what merely resembles is stored, and the result
 * names what it resembles. Everything slow happens before the transaction.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/clock.h"
#include "json/json.h"
#include "text/text.h"

#define TYPE_DEFAULT STR("note")
#define ID_MAX_CHARS 200 /* of a conversation id or host name */

struct intake { /* one request on its way in */
    struct memory_service *m;
    const struct caller *who;
    const struct memory_store_request *request;
    struct arena *a;
    struct str metadata; /* with what the service adds */
    struct memory_store_result *out;
};

/* -- checks ----------------------------------------------------------------------------------- */

static bool check_id(struct str id, const char *what, struct error *err)
{
    if (!text_check(id, err))
        return error_wrap(err, "%s", what);
    if (text_count(id) > ID_MAX_CHARS)
        return error_set(err, ERROR_LIMIT, "%s has more than %d characters", what,
                         ID_MAX_CHARS);
    return true;
}

/* -- metadata --------------------------------------------------------------------------------- */

static bool add_metadata(struct intake *in, const char *key, struct str value,
                         struct error *err)
{
    json_t *patch;
    bool is_ok;

    if (value.len == 0)
        return true;
    patch = json_must(json_pack("{s:o}", key, json_str(value)));
    is_ok = json_merge_text(in->a, in->metadata, json_text(in->a, patch), &in->metadata, err);
    json_decref(patch);
    return is_ok;
}

static bool prepare_metadata(struct intake *in, struct error *err)
{
    const struct memory_store_request *r = in->request;

    if (r->metadata.len > MEMORY_METADATA_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "metadata has %zu bytes, at most %zu are allowed",
                         r->metadata.len, MEMORY_METADATA_MAX_BYTES);
    in->metadata = STR("{}");
    if (r->metadata.len &&
        !json_merge_text(in->a, in->metadata, r->metadata, &in->metadata, err))
        return false;
    if (!add_metadata(in, "conversation_id", r->conversation_id, err) ||
        !add_metadata(in, "hostname", r->hostname, err) ||
        !add_metadata(in, "requested_type", in->out->requested_type, err))
        return false;
    if (in->metadata.len > MEMORY_METADATA_MAX_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "metadata would have %zu bytes, at most %zu are allowed",
                         in->metadata.len, MEMORY_METADATA_MAX_BYTES);
    return true;
}

/* The given tags, the host's, or the one that says there are none. */
static bool prepare_tags(struct intake *in, struct error *err)
{
    const struct memory_store_request *r = in->request;
    struct str *all = ARENA_NEW(in->a, struct str, r->n_tags + 2);
    size_t n = 0;

    if (r->hostname.len)
        all[n++] = arena_printf(in->a, "source:" STR_FMT, STR_ARG(r->hostname));
    for (size_t i = 0; i < r->n_tags; i++)
        all[n++] = r->tags[i];
    memory_normalise_tags(in->a, all, n, &in->out->tags, &in->out->n_tags);
    if (in->out->n_tags == 0) {
        all[0] = TAG_NONE;
        in->out->tags = all;
        in->out->n_tags = 1;
    }
    return check_tags(in->out->tags, in->out->n_tags, "tags", err);
}

/* -- pieces ----------------------------------------------------------------------------------- */

static bool cut_into_pieces(const struct intake *in, const struct str **out, size_t *out_n,
                            struct error *err)
{
    const struct memory_options *o = &in->m->options;
    const struct split_rule rule = {o->content_max_chars, o->split_overlap,
                                    o->is_split_at_boundaries};
    struct str *whole;
    struct error too_long = {0};

    if (!check_length(in->m, in->request->content, &too_long)) {
        if (o->is_auto_split)
            return split_content(in->a, in->request->content, &rule, out, out_n, err);
        return error_set(err, too_long.kind,
                         "%s; store it in parts or set MCP_ENABLE_AUTO_SPLIT", too_long.text);
    }
    whole = ARENA_NEW(in->a, struct str, 1);
    *whole = in->request->content;
    *out = whole;
    *out_n = 1;
    return true;
}

/* What is stored already and resembles the new text; never fails the store. */
static void find_similar(const struct intake *in, const struct store_vectors *v,
                         struct str hash)
{
    const struct memory_filter all = {0};
    struct memory_similar *similar = ARENA_NEW(in->a, struct memory_similar, SIMILAR_MAX);
    const struct rank_request r = {.space = in->who->space,
                                   .filter = &all,
                                   .limit = SIMILAR_MAX + 1,
                                   .model_id = v->model_id,
                                   .vector = v->values,
                                   .dim = v->dim};
    struct ranking ranking;
    size_t n = 0;

    if (v->n_parts != 1 || !store_rank_vectors(in->m->options.store, in->a, &r, &ranking, NULL))
        return;
    for (size_t i = 0; i < ranking.n && n < SIMILAR_MAX; i++) {
        struct memory *one;
        size_t n_found;

        if (ranking.list[i].score < SIMILAR_COSINE ||
            !store_get_rows(in->m->options.store, in->a, in->who->space, &ranking.list[i].row,
                            1, &one, &n_found, NULL) ||
            n_found == 0 || str_eq(one->hash, hash))
            continue;
        similar[n++] = (struct memory_similar){one->hash, one->content, ranking.list[i].score};
    }
    in->out->similar = similar;
    in->out->n_similar = n;
}

struct piece_place {
    size_t index;
    size_t total;
};

static bool piece_metadata(const struct intake *in, struct piece_place place, struct str *out,
                           struct error *err)
{
    json_t *patch;
    bool is_ok;

    *out = in->metadata;
    if (place.total == 1)
        return true;
    patch = json_must(json_pack("{s:I, s:I, s:o}", "chunk_index", (json_int_t)place.index,
                                "total_chunks", (json_int_t)place.total, "original_hash",
                                json_str(in->out->hash)));
    is_ok = json_merge_text(in->a, in->metadata, json_text(in->a, patch), out, err);
    json_decref(patch);
    return is_ok;
}

/* The piece as it will be stored, without its vectors. */
static bool prepare_piece(const struct intake *in, struct str content, struct piece_place place,
                          struct store_item *out, struct error *err)
{
    *out = (struct store_item){.memory = {
                                   .hash = memory_hash(in->a, content),
                                   .content = content,
                                   .type = in->out->type,
                                   .tags = in->out->tags,
                                   .n_tags = in->out->n_tags,
                                   .created_ms = in->request->now_ms,
                                   .updated_ms = in->request->now_ms,
                                   .quality = -1,
                                   .confidence = 1,
                               }};
    return piece_metadata(in, place, &out->memory.metadata, err);
}

static bool add_vectors(const struct intake *in, const struct str *contents,
                        struct store_item *items, size_t n, struct error *err)
{
    struct embedded *embedded = ARENA_NEW(in->a, struct embedded, n);

    if (!embed_contents(in->m, in->a, contents, n, embedded, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        items[i].vectors = embedded[i].vectors;
        in->out->is_partly_embedded |= embedded[i].is_cut;
        in->out->is_unembedded |= embedded[i].vectors.n_parts == 0;
    }
    if (n == 1)
        find_similar(in, &items[0].vectors, items[0].memory.hash);
    return true;
}

/* What is there stays as it is, whatever tags and type came with the same text. */
static bool show_as_it_is(const struct intake *in, struct str hash, struct error *err)
{
    struct memory *there;

    if (!store_get(in->m->options.store, in->a, in->who->space, hash, TRASH_HIDE, &there, err))
        return false;
    if (there) { /* else it was deleted meanwhile */
        in->out->tags = there->tags;
        in->out->n_tags = there->n_tags;
        in->out->type = there->type;
        in->out->requested_type = (struct str){0};
    }
    return true;
}

/* All pieces in one transaction: a text is stored whole or not at all. */
static bool store_pieces(struct intake *in, struct error *err)
{
    const struct store_actor actor = actor_of(in->who, in->request->now_ms);
    const struct str *contents;
    struct store_item *items;
    struct memory_stored_piece *pieces;
    size_t n;

    if (!cut_into_pieces(in, &contents, &n, err))
        return false;
    items = ARENA_NEW(in->a, struct store_item, n);
    for (size_t i = 0; i < n; i++) {
        if (!prepare_piece(in, contents[i], (struct piece_place){i, n}, &items[i], err))
            return n == 1 ? false : error_wrap(err, "piece %zu of %zu", i + 1, n);
    }
    if (!add_vectors(in, contents, items, n, err))
        return false;
    if (!store_put(in->m->options.store, &actor, items, n, err))
        return false;
    pieces = ARENA_NEW(in->a, struct memory_stored_piece, n);
    for (size_t i = 0; i < n; i++)
        pieces[i] = (struct memory_stored_piece){items[i].memory.hash,
                                                 items[i].result == STORE_PUT_DUPLICATE,
                                                 items[i].result == STORE_PUT_REVIVED};
    in->out->pieces = pieces;
    in->out->n_pieces = n;
    return n > 1 || !pieces->is_duplicate || show_as_it_is(in, pieces->hash, err);
}

bool memory_store(struct memory_service *m, const struct caller *who,
                  const struct memory_store_request *request, struct arena *a,
                  struct memory_store_result *out, struct error *err)
{
    int64_t started_us = clock_monotonic_us();
    struct memory_store_result result = {0};
    struct intake in = {m, who, request, a, {0}, &result};

    if (!may(who, SCOPE_WRITE, err) || !check_content(request->content, err) ||
        !check_tags(request->tags, request->n_tags, "tags", err) ||
        !check_type(request->type, err) ||
        !check_id(request->conversation_id, "conversation_id", err) ||
        !check_id(request->hostname, "client_hostname", err))
        return false;
    result.hash = memory_hash(a, request->content);
    result.type = request->has_type ? type_resolve(m, request->type, &result.requested_type)
                                    : TYPE_DEFAULT;
    if (!prepare_tags(&in, err) || !prepare_metadata(&in, err) || !store_pieces(&in, err))
        return false;
    timing_add(m, &m->stores, started_us);
    *out = result;
    return true;
}

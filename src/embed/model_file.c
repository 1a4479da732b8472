/*
 * model_file.c - a model file, mapped and checked.
 *
 * Opening reads the header and the table of sections, nothing else: its time does not depend on the
 * size of the model, and pages come in when the encoder first touches them. What it promises is that
 * every pointer in struct model leads to as many bytes as the dimensions say. Whether those bytes are
 * the right ones is embed_verify()'s question; wrong ones give wrong vectors, never a wild access.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include "crypto/crypto.h"
#include "text/text.h"

#define MAKE_ANEW "make it anew with 'memoryd model convert'"

_Static_assert(offsetof(struct model_header, model_id) == MODEL_DIGEST_FROM,
               "the digest covers all behind itself");

#define OF_MODEL(f) false, offsetof(struct model, f)
#define OF_LAYER(f) true, offsetof(struct layer, f)

/* clang-format off */
const struct section_rule section_rules[] = {
    {SECTION_WORDS, false, DIM_WORDS, DIM_HIDDEN, OF_MODEL(words),
     {"embeddings.word_embeddings.weight"}},
    {SECTION_POSITIONS, false, DIM_POSITIONS, DIM_HIDDEN, OF_MODEL(positions),
     {"embeddings.position_embeddings.weight"}},
    {SECTION_TYPES, false, DIM_TYPES, DIM_HIDDEN, OF_MODEL(types),
     {"embeddings.token_type_embeddings.weight"}},
    {SECTION_WORDS_GAIN, false, DIM_HIDDEN, DIM_ONE, OF_MODEL(words_norm.gain),
     {"embeddings.LayerNorm.weight"}},
    {SECTION_WORDS_SHIFT, false, DIM_HIDDEN, DIM_ONE, OF_MODEL(words_norm.shift),
     {"embeddings.LayerNorm.bias"}},
    {SECTION_QKV_WEIGHT, true, DIM_HIDDEN, DIM_HIDDEN, OF_LAYER(qkv.panels),
     {"attention.self.query.weight", "attention.self.key.weight", "attention.self.value.weight"}},
    {SECTION_QKV_BIAS, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(qkv.bias),
     {"attention.self.query.bias", "attention.self.key.bias", "attention.self.value.bias"}},
    {SECTION_MIX_WEIGHT, true, DIM_HIDDEN, DIM_HIDDEN, OF_LAYER(mix.panels),
     {"attention.output.dense.weight"}},
    {SECTION_MIX_BIAS, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(mix.bias),
     {"attention.output.dense.bias"}},
    {SECTION_MIX_GAIN, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(mix_norm.gain),
     {"attention.output.LayerNorm.weight"}},
    {SECTION_MIX_SHIFT, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(mix_norm.shift),
     {"attention.output.LayerNorm.bias"}},
    {SECTION_UP_WEIGHT, true, DIM_INNER, DIM_HIDDEN, OF_LAYER(up.panels),
     {"intermediate.dense.weight"}},
    {SECTION_UP_BIAS, false, DIM_INNER, DIM_ONE, OF_LAYER(up.bias),
     {"intermediate.dense.bias"}},
    {SECTION_DOWN_WEIGHT, true, DIM_HIDDEN, DIM_INNER, OF_LAYER(down.panels),
     {"output.dense.weight"}},
    {SECTION_DOWN_BIAS, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(down.bias),
     {"output.dense.bias"}},
    {SECTION_OUT_GAIN, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(out_norm.gain),
     {"output.LayerNorm.weight"}},
    {SECTION_OUT_SHIFT, false, DIM_HIDDEN, DIM_ONE, OF_LAYER(out_norm.shift),
     {"output.LayerNorm.bias"}},
};
/* clang-format on */
const size_t n_section_rules = COUNT(section_rules);

const struct byte_rule byte_rules[] = {
    {SECTION_QKV_BYTES, SECTION_QKV_WEIGHT, offsetof(struct layer, qkv)},
    {SECTION_MIX_BYTES, SECTION_MIX_WEIGHT, offsetof(struct layer, mix)},
    {SECTION_UP_BYTES, SECTION_UP_WEIGHT, offsetof(struct layer, up)},
    {SECTION_DOWN_BYTES, SECTION_DOWN_WEIGHT, offsetof(struct layer, down)},
};
const size_t n_byte_rules = COUNT(byte_rules);

struct linear *byte_linear(const struct byte_rule *rule, struct layer *l)
{
    return (struct linear *)(void *)((char *)l + rule->field);
}

size_t model_dim(const struct model_dims *d, enum model_dim which)
{
    switch (which) {
    case DIM_ONE:
        return 1;
    case DIM_HIDDEN:
        return d->hidden;
    case DIM_INNER:
        return d->inner;
    case DIM_WORDS:
        return d->n_words;
    case DIM_POSITIONS:
        return d->n_positions;
    case DIM_TYPES:
        return d->n_types;
    }
    return 0;
}

size_t section_tensor_floats(const struct section_rule *rule, const struct model_dims *d)
{
    return model_dim(d, rule->rows) * model_dim(d, rule->cols);
}

size_t section_floats(const struct section_rule *rule, const struct model_dims *d)
{
    size_t n = 0;

    for (size_t i = 0; i < SECTION_TENSORS_MAX && rule->tensors[i]; i++)
        n += section_tensor_floats(rule, d);
    return n;
}

static bool check_range(const char *name, uint32_t value, uint32_t min, uint32_t max,
                        struct error *err)
{
    if (value >= min && value <= max)
        return true;
    return error_set(err, ERROR_INVALID, "%s is %u, not %u to %u", name, value, min, max);
}

/* Heads and widths must fill whole panels, or the kernels would read beyond them. */
static bool check_panels(const struct model_dims *d, struct error *err)
{
    if (d->hidden % d->n_heads == 0 && d->hidden / d->n_heads % KERNEL_PANEL == 0 &&
        d->inner % KERNEL_PANEL == 0)
        return true;
    return error_set(err, ERROR_INVALID,
                     "the encoder needs heads and inner sizes in multiples of %d; this has %u "
                     "heads over %u, inner size %u",
                     KERNEL_PANEL, d->n_heads, d->hidden, d->inner);
}

bool model_dims_check(const struct model_dims *d, struct error *err)
{
    if (!check_range("layers", d->n_layers, 1, MODEL_LAYERS_MAX, err) ||
        !check_range("heads", d->n_heads, 1, MODEL_HIDDEN_MAX, err) ||
        !check_range("hidden size", d->hidden, 1, MODEL_HIDDEN_MAX, err) ||
        !check_range("inner size", d->inner, 1, MODEL_INNER_MAX, err) ||
        !check_range("vocabulary", d->n_words, 1, MODEL_WORDS_MAX, err) ||
        !check_range("positions", d->n_positions, 3, MODEL_TOKENS_MAX, err) ||
        !check_range("types", d->n_types, 1, MODEL_TYPES_MAX, err) ||
        !check_range("max tokens", d->max_tokens, 3, d->n_positions, err) ||
        !check_range("pooling", d->pooling, MODEL_POOL_MEAN, MODEL_POOL_FIRST, err) ||
        !check_panels(d, err))
        return false;
    if (!(d->norm_eps > 0 && d->norm_eps < 1))
        return error_set(err, ERROR_INVALID, "layer norm epsilon is %g, not in (0, 1)",
                         (double)d->norm_eps);
    return true;
}

static const struct model_header *header_of(struct str file)
{
    return (const void *)file.ptr;
}

/* Magic, version and length: what tells a file that is not ours, old, new or cut. */
static bool check_identity(struct str file, struct error *err)
{
    const struct model_header *h = header_of(file);

    if (file.len < sizeof(*h) || memcmp(h->magic, MODEL_MAGIC, MODEL_MAGIC_BYTES) != 0)
        return error_set(err, ERROR_INVALID, "not a model file; " MAKE_ANEW);
    if (h->version != MODEL_VERSION)
        return error_set(err, ERROR_INVALID,
                         "model file of version %u, this program reads version %d; " MAKE_ANEW,
                         h->version, MODEL_VERSION);
    if (h->file_bytes != file.len)
        return error_set(
            err, ERROR_INVALID,
            "%zu bytes long where its header says %llu, so it is damaged; " MAKE_ANEW, file.len,
            (unsigned long long)h->file_bytes);
    return true;
}

static bool check_header(struct str file, struct error *err)
{
    const struct model_header *h = header_of(file);
    size_t table_room = (file.len - sizeof(*h)) / sizeof(struct model_section);

    if (!memchr(h->model_id, '\0', sizeof(h->model_id)) || !h->model_id[0] ||
        !text_is_utf8(str_c(h->model_id)))
        return error_set(err, ERROR_INVALID, "damaged model id; " MAKE_ANEW);
    if (h->n_sections > MIN(table_room, (size_t)MODEL_SECTIONS_MAX))
        return error_set(err, ERROR_INVALID, "damaged table of sections; " MAKE_ANEW);
    if (!model_dims_check(&h->dims, err))
        return error_wrap(err, "unusable model file");
    return true;
}

/* The bytes of a section; the first of its kind and layer counts. */
static bool find_section(struct str file, uint32_t kind, uint32_t layer, struct str *out,
                         struct error *err)
{
    const struct model_header *h = header_of(file);
    const struct model_section *table = (const void *)(file.ptr + sizeof(*h));

    for (size_t i = 0; i < h->n_sections; i++) {
        const struct model_section *s = &table[i];

        if (s->kind != kind || s->layer != layer)
            continue;
        if (s->offset % MODEL_ALIGN || s->offset > file.len || s->bytes > file.len - s->offset)
            break;
        *out = str_n(file.ptr + s->offset, s->bytes);
        return true;
    }
    return error_set(err, ERROR_INVALID,
                     "section %u of layer %u is missing or damaged; " MAKE_ANEW, kind, layer);
}

static bool read_vocab(struct str file, struct vocab *v, struct error *err)
{
    const struct model_header *h = header_of(file);
    struct str slots = {0}, pieces = {0}, bytes = {0}; /* for gcc, which sees paths without */

    if (!find_section(file, SECTION_VOCAB_SLOTS, 0, &slots, err) ||
        !find_section(file, SECTION_VOCAB_PIECES, 0, &pieces, err) ||
        !find_section(file, SECTION_VOCAB_BYTES, 0, &bytes, err))
        return false;
    *v = (struct vocab){
        .slots = (const void *)slots.ptr,
        .n_slots = slots.len / sizeof(*v->slots),
        .pieces = (const void *)pieces.ptr,
        .n_pieces = pieces.len / sizeof(*v->pieces),
        .bytes = bytes.ptr,
        .n_bytes = bytes.len,
        .longest = h->longest_piece,
    };
    memcpy(v->special, h->special, sizeof(v->special));
    for (size_t i = 0; i < N_SPECIAL_TOKENS; i++) {
        if (v->special[i] >= v->n_pieces)
            return error_set(err, ERROR_INVALID, "damaged special tokens; " MAKE_ANEW);
    }
    if (!v->n_slots || (v->n_slots & (v->n_slots - 1)) || v->n_pieces > h->dims.n_words)
        return error_set(err, ERROR_INVALID, "damaged vocabulary; " MAKE_ANEW);
    return true;
}

static bool read_floats(struct str file, const struct section_rule *rule, uint32_t layer,
                        struct model *m, struct error *err)
{
    void *base = rule->is_of_layer ? (void *)&m->layers[layer] : (void *)m;
    struct str bytes = {0};

    if (!find_section(file, rule->kind, layer, &bytes, err))
        return false;
    if (bytes.len != section_floats(rule, &m->dims) * sizeof(float))
        return error_set(err, ERROR_INVALID,
                         "section %u of layer %u has a wrong size; " MAKE_ANEW, rule->kind,
                         layer);
    memcpy((char *)base + rule->field, &bytes.ptr, sizeof(bytes.ptr));
    return true;
}

static bool read_bytes(struct str file, const struct byte_rule *rule, uint32_t layer,
                       struct model *m, struct error *err)
{
    struct linear *l = byte_linear(rule, &m->layers[layer]);
    struct str bytes = {0};

    if (!find_section(file, rule->kind, layer, &bytes, err))
        return false;
    if (bytes.len != quantized_bytes(l->n_in, l->n_out))
        return error_set(err, ERROR_INVALID,
                         "section %u of layer %u has a wrong size; " MAKE_ANEW, rule->kind,
                         layer);
    l->bytes = quantized_view(bytes.ptr, l->n_in, l->n_out);
    return true;
}

static void set_shape(struct linear *l, size_t n_in, size_t n_out)
{
    l->n_in = n_in;
    l->n_out = n_out;
}

void model_set_shapes(const struct model_dims *d, struct layer *l)
{
    set_shape(&l->qkv, d->hidden, (size_t)3 * d->hidden);
    set_shape(&l->mix, d->hidden, d->hidden);
    set_shape(&l->up, d->hidden, d->inner);
    set_shape(&l->down, d->inner, d->hidden);
}

bool model_read(struct str file, struct model *out, struct error *err)
{
    const struct model_header *h = header_of(file);

    if (!check_identity(file, err) || !check_header(file, err))
        return false;
    out->id = str_c(h->model_id);
    out->dims = h->dims;
    if (!read_vocab(file, &out->vocab, err))
        return false;
    for (size_t i = 0; i < n_section_rules; i++) {
        size_t n = section_rules[i].is_of_layer ? h->dims.n_layers : 1;

        for (uint32_t layer = 0; layer < n; layer++) {
            if (!read_floats(file, &section_rules[i], layer, out, err))
                return false;
        }
    }
    for (uint32_t layer = 0; layer < h->dims.n_layers; layer++) {
        model_set_shapes(&out->dims, &out->layers[layer]);
        for (size_t i = 0; i < n_byte_rules; i++) {
            if (!read_bytes(file, &byte_rules[i], layer, out, err))
                return false;
        }
    }
    return true;
}

static struct str map_str(const struct sys_map *map)
{
    return str_n((const char *)map->ptr, map->len);
}

bool model_open(const char *path, struct model *out, struct error *err)
{
    struct model m = {0};

    if (!sys_map_open(path, &m.map, err))
        return false;
    if (!model_read(map_str(&m.map), &m, err)) {
        model_close(&m);
        return error_wrap(err, "%s", path);
    }
    *out = m;
    return true;
}

void model_close(struct model *m)
{
    sys_map_close(&m->map);
    *m = (struct model){0};
}

bool embed_verify(const char *path, struct error *err)
{
    unsigned char sha256[CRYPTO_SHA256_BYTES];
    struct model m;
    bool is_ok;

    if (!model_open(path, &m, err))
        return false;
    crypto_sha256(str_sub(map_str(&m.map), MODEL_DIGEST_FROM, m.map.len), sha256);
    is_ok = memcmp(sha256, header_of(map_str(&m.map))->sha256, sizeof(sha256)) == 0;
    model_close(&m);
    if (!is_ok)
        return error_set(err, ERROR_INVALID,
                         "%s: checksum does not match, so it is damaged; " MAKE_ANEW, path);
    return true;
}

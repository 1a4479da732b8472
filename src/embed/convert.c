/*
 * convert.c - published weights to a model file.
 *
 * Reads the three files of a model (and three small optional ones beside them), checks that they are
 * the published ones or that others were asked for, plans the sections, fills them in memory and
 * writes the whole at once beside the target, so that a reader never meets half a file.
 *
 * What work there is to be done is done here, once: weights transposed into the panels that the
 * kernels read, query, key and value side by side, the vocabulary as a hash table.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include "base/alloc.h"
#include "crypto/crypto.h"
#include "json/json.h"

#define WEIGHTS_FILE "model.safetensors"
#define VOCAB_FILE   "vocab.txt"
#define CONFIG_FILE  "config.json"
#define POOLING_FILE "1_Pooling/config.json"     /* the optional ones: */
#define LENGTH_FILE  "sentence_bert_config.json" /* without them mean pooling, */
#define TOKENS_FILE  "tokenizer_config.json"     /* DEFAULT_TOKENS and lower case */

#define VOCAB_BYTES_MAX  ((size_t)32 * 1024 * 1024)
#define CONFIG_BYTES_MAX ((size_t)1024 * 1024)
#define IMAGE_BYTES_MAX  ((uint64_t)4 * 1024 * 1024 * 1024)
#define TENSOR_NAME_MAX  128
#define DEFAULT_TOKENS   256 /* what the sentence encoders of this family were made for */
#define TARGET_MODE      0644

/* sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41. */
#define MINILM_WEIGHTS_SHA256 "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#define MINILM_VOCAB_SHA256   "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"

struct source {
    struct arena arena;
    const char *dir;
    struct sys_map weights;
    struct str vocab_text;
    struct safetensors *tensors;
    struct vocab vocab;
    struct model_dims dims;
};

static void source_close(struct source *s)
{
    safetensors_close(s->tensors);
    sys_map_close(&s->weights);
    arena_deinit(&s->arena);
}

static struct str weights_str(const struct source *s)
{
    return str_n((const char *)s->weights.ptr, s->weights.len);
}

static const char *source_path(struct source *s, const char *name)
{
    return sys_join(&s->arena, str_c(s->dir), str_c(name)).ptr;
}

/* ---- the digests ---- */

static bool is_published(const struct source *s)
{
    char weights[CRYPTO_SHA256_HEX], vocab[CRYPTO_SHA256_HEX];

    crypto_sha256_hex(weights_str(s), weights);
    crypto_sha256_hex(s->vocab_text, vocab);
    return strcmp(weights, MINILM_WEIGHTS_SHA256) == 0 &&
           strcmp(vocab, MINILM_VOCAB_SHA256) == 0;
}

/* Other weights must not go by the published name: vectors are told apart by it. */
static bool check_published(const struct source *s, const struct embed_convert_options *options,
                            struct error *err)
{
    if (is_published(s))
        return true;
    if (!options->is_any_allowed)
        return error_set(err, ERROR_INVALID,
                         "%s: not the published weights and vocabulary of " EMBED_MODEL_MINILM
                         " (SHA-256 differs); get them anew, or allow other weights",
                         s->dir);
    if (!options->model_id.len || str_eq_c(options->model_id, EMBED_MODEL_MINILM))
        return error_set(err, ERROR_INVALID,
                         "%s: other weights than those of " EMBED_MODEL_MINILM
                         " need a model name of their own",
                         s->dir);
    return true;
}

/* ---- configuration ---- */

static bool get_u32(const json_t *config, const char *key, uint32_t *out, struct error *err)
{
    int64_t value = -1;

    if (!json_get_int(config, "", key, &value, err))
        return false;
    if (value < 0 || value > INT32_MAX)
        return error_set(err, ERROR_INVALID, "'%s' is missing or out of range", key);
    *out = (uint32_t)value;
    return true;
}

/* Absent members have the value that BERT's authors gave them. */
static bool check_word(const json_t *config, const char *key, const char *want,
                       struct error *err)
{
    struct str value = str_c(want);

    if (!json_get_str(config, "", key, &value, err))
        return false;
    if (!str_eq_c(value, want))
        return error_set(err, ERROR_INVALID, "'%s' is '" STR_FMT "', only '%s' can be run", key,
                         STR_ARG(value), want);
    return true;
}

static bool read_config(const json_t *config, struct model_dims *d, struct error *err)
{
    double eps = 1e-12;

    if (!get_u32(config, "num_hidden_layers", &d->n_layers, err) ||
        !get_u32(config, "num_attention_heads", &d->n_heads, err) ||
        !get_u32(config, "hidden_size", &d->hidden, err) ||
        !get_u32(config, "intermediate_size", &d->inner, err) ||
        !get_u32(config, "vocab_size", &d->n_words, err) ||
        !get_u32(config, "max_position_embeddings", &d->n_positions, err) ||
        !get_u32(config, "type_vocab_size", &d->n_types, err) ||
        !json_get_double(config, "", "layer_norm_eps", &eps, err) ||
        !check_word(config, "model_type", "bert", err) ||
        !check_word(config, "hidden_act", "gelu", err) ||
        !check_word(config, "position_embedding_type", "absolute", err))
        return false;
    d->norm_eps = (float)eps;
    d->max_tokens = MIN(d->n_positions, (uint32_t)DEFAULT_TOKENS);
    d->pooling = MODEL_POOL_MEAN;
    return true;
}

static bool read_pooling(const json_t *config, struct model_dims *d, struct error *err)
{
    bool is_mean = false, is_first = false;

    if (!json_get_bool(config, "", "pooling_mode_mean_tokens", &is_mean, err) ||
        !json_get_bool(config, "", "pooling_mode_cls_token", &is_first, err))
        return false;
    if (is_mean == is_first)
        return error_set(err, ERROR_INVALID, "only mean or first-token pooling can be run");
    d->pooling = is_mean ? MODEL_POOL_MEAN : MODEL_POOL_FIRST;
    return true;
}

static bool read_length(const json_t *config, struct model_dims *d, struct error *err)
{
    return !json_has(config, "max_seq_length") ||
           get_u32(config, "max_seq_length", &d->max_tokens, err);
}

static bool read_tokens(const json_t *config, struct model_dims *d, struct error *err)
{
    bool is_lower = true;

    (void)d;
    if (!json_get_bool(config, "", "do_lower_case", &is_lower, err))
        return false;
    if (!is_lower)
        return error_set(err, ERROR_INVALID, "only lower-case vocabularies can be used");
    return true;
}

typedef bool config_reader(const json_t *config, struct model_dims *d, struct error *err);

static bool read_json(struct source *s, const char *name, config_reader *read,
                      struct error *err)
{
    AUTO_JSON *config = NULL;
    struct str text;

    if (!sys_read_file(&s->arena, source_path(s, name), CONFIG_BYTES_MAX, &text, err))
        return false;
    if (!json_parse(text, &config, err) || !read(config, &s->dims, err))
        return error_wrap(err, "%s", name);
    return true;
}

static bool read_dims(struct source *s, struct error *err)
{
    static const struct {
        const char *name;
        config_reader *read;
    } optional[] = {
        {POOLING_FILE, read_pooling},
        {LENGTH_FILE, read_length},
        {TOKENS_FILE, read_tokens},
    };

    if (!read_json(s, CONFIG_FILE, read_config, err))
        return false;
    for (size_t i = 0; i < COUNT(optional); i++) {
        if (sys_file_exists(source_path(s, optional[i].name)) &&
            !read_json(s, optional[i].name, optional[i].read, err))
            return false;
    }
    if (!model_dims_check(&s->dims, err))
        return error_wrap(err, CONFIG_FILE);
    return true;
}

/* ---- vocabulary ---- */

static bool read_vocab(struct source *s, struct error *err)
{
    struct str rest = s->vocab_text, line;
    struct str *lines;
    size_t n = 0, max = 1;

    if (str_ends(rest, STR("\n"))) /* else an empty last line */
        rest.len--;
    for (size_t i = 0; i < rest.len; i++)
        max += rest.ptr[i] == '\n';
    lines = ARENA_NEW(&s->arena, struct str, max);
    while (str_next(&rest, '\n', &line))
        lines[n++] = str_ends(line, STR("\r")) ? str_sub(line, 0, line.len - 1) : line;
    if (!vocab_build(&s->arena, lines, n, &s->vocab, err))
        return error_wrap(err, VOCAB_FILE);
    if (n > s->dims.n_words)
        return error_set(err, ERROR_INVALID, VOCAB_FILE " has %zu lines, the weights %u words",
                         n, s->dims.n_words);
    return true;
}

static bool source_open(const struct embed_convert_options *options, struct source *s,
                        struct error *err)
{
    s->dir = options->source_dir;
    if (!sys_map_open(source_path(s, WEIGHTS_FILE), &s->weights, err) ||
        !sys_read_file(&s->arena, source_path(s, VOCAB_FILE), VOCAB_BYTES_MAX, &s->vocab_text,
                       err) ||
        !check_published(s, options, err) || !read_dims(s, err) || !read_vocab(s, err))
        return false;
    return safetensors_open(weights_str(s), &s->tensors, err);
}

/* ---- the file ---- */

/* A section to be: from the vocabulary, by a rule from tensors, or from another section. */
struct plan_item {
    struct model_section section;
    const void *bytes;
    const struct section_rule *rule;
    const struct byte_rule *byte_rule;
};

struct plan {
    struct plan_item items[MODEL_SECTIONS_MAX];
    size_t n;
};

static void plan_bytes(struct plan *p, enum model_section_kind kind, const void *bytes,
                       size_t n_bytes)
{
    p->items[p->n++] =
        (struct plan_item){.section = {.kind = kind, .bytes = n_bytes}, .bytes = bytes};
}

static void plan_floats(struct plan *p, const struct section_rule *rule, uint32_t layer,
                        const struct model_dims *d)
{
    p->items[p->n++] = (struct plan_item){
        .section = {.kind = rule->kind,
                    .layer = layer,
                    .bytes = section_floats(rule, d) * sizeof(float)},
        .rule = rule,
    };
}

/* The shapes of a layer's linears, which are those of every layer. */
static struct layer layer_shapes(const struct model_dims *d)
{
    struct layer l = {0};

    model_set_shapes(d, &l);
    return l;
}

static void plan_quantized(struct plan *p, const struct byte_rule *rule, uint32_t layer,
                           const struct model_dims *d)
{
    struct layer shapes = layer_shapes(d);
    const struct linear *l = byte_linear(rule, &shapes);

    p->items[p->n++] = (struct plan_item){
        .section = {.kind = rule->kind,
                    .layer = layer,
                    .bytes = quantized_bytes(l->n_in, l->n_out)},
        .byte_rule = rule,
    };
}

static uint64_t align_up(uint64_t at)
{
    return (at + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
}

/* The sections in the order in which a text needs them; returns the size of the file. */
static uint64_t plan_sections(const struct source *s, struct plan *p)
{
    const struct vocab *v = &s->vocab;
    uint64_t at;

    plan_bytes(p, SECTION_VOCAB_SLOTS, v->slots, v->n_slots * sizeof(*v->slots));
    plan_bytes(p, SECTION_VOCAB_PIECES, v->pieces, v->n_pieces * sizeof(*v->pieces));
    plan_bytes(p, SECTION_VOCAB_BYTES, v->bytes, v->n_bytes);
    for (size_t i = 0; i < n_section_rules; i++) {
        if (!section_rules[i].is_of_layer)
            plan_floats(p, &section_rules[i], 0, &s->dims);
    }
    for (uint32_t layer = 0; layer < s->dims.n_layers; layer++) {
        for (size_t i = 0; i < n_section_rules; i++) {
            if (section_rules[i].is_of_layer)
                plan_floats(p, &section_rules[i], layer, &s->dims);
        }
    }
    for (uint32_t layer = 0; layer < s->dims.n_layers; layer++) {
        for (size_t i = 0; i < n_byte_rules; i++)
            plan_quantized(p, &byte_rules[i], layer, &s->dims);
    }
    at = sizeof(struct model_header) + p->n * sizeof(struct model_section);
    for (size_t i = 0; i < p->n; i++) {
        p->items[i].section.offset = align_up(at);
        at = p->items[i].section.offset + p->items[i].section.bytes;
    }
    return at;
}

/* One published tensor, at out. The file gives it any address, hence the copy before packing. */
static bool fill_tensor(struct source *s, const struct plan_item *item, const char *tensor,
                        float *out, struct error *err)
{
    const struct section_rule *rule = item->rule;
    size_t rows = model_dim(&s->dims, rule->rows), cols = model_dim(&s->dims, rule->cols);
    size_t n = section_tensor_floats(rule, &s->dims);
    char name[TENSOR_NAME_MAX];
    const unsigned char *bytes;

    if (rule->is_of_layer)
        snprintf(name, sizeof(name), "encoder.layer.%u.%s", item->section.layer, tensor);
    else
        snprintf(name, sizeof(name), "%s", tensor);
    if (!safetensors_get(s->tensors, name, rows, rule->cols == DIM_ONE ? 0 : cols, &bytes, err))
        return false;
    if (rule->is_weight) {
        AUTO_FREE
        float *copy = NEW_ARRAY(float, n);

        memcpy(copy, bytes, n * sizeof(*copy));
        kernels_portable.pack_rows(copy, cols, rows, cols, out);
    } else {
        memcpy(out, bytes, n * sizeof(*out));
    }
    return true;
}

/* From the panels, which come earlier in the plan. */
static void fill_quantized(const struct source *s, const struct plan *p,
                           const struct plan_item *item, char *image)
{
    struct layer shapes = layer_shapes(&s->dims);
    const struct linear *l = byte_linear(item->byte_rule, &shapes);
    const struct plan_item *from = p->items;

    while (from->section.kind != item->byte_rule->from ||
           from->section.layer != item->section.layer)
        from++;
    quantize_weights((const void *)(image + from->section.offset), l->n_in, l->n_out,
                     image + item->section.offset);
}

static bool fill_section(struct source *s, const struct plan *p, const struct plan_item *item,
                         char *image, struct error *err)
{
    char *at = image + item->section.offset;

    if (item->byte_rule) {
        fill_quantized(s, p, item, image);
        return true;
    }
    if (!item->rule) {
        memcpy(at, item->bytes, item->section.bytes);
        return true;
    }
    for (size_t i = 0; i < SECTION_TENSORS_MAX && item->rule->tensors[i]; i++) {
        if (!fill_tensor(s, item, item->rule->tensors[i], (void *)at, err))
            return error_wrap(err, WEIGHTS_FILE);
        at += section_tensor_floats(item->rule, &s->dims) * sizeof(float);
    }
    return true;
}

static void fill_header(const struct source *s, const struct plan *p, struct str model_id,
                        char *image, size_t n)
{
    struct model_header h = {
        .magic = MODEL_MAGIC,
        .version = MODEL_VERSION,
        .file_bytes = n,
        .dims = s->dims,
        .longest_piece = (uint32_t)s->vocab.longest,
        .n_sections = (uint32_t)p->n,
    };
    char *table = image + sizeof(h);

    memcpy(h.model_id, model_id.ptr, model_id.len);
    memcpy(h.special, s->vocab.special, sizeof(h.special));
    memcpy(image, &h, sizeof(h));
    for (size_t i = 0; i < p->n; i++)
        memcpy(table + i * sizeof(struct model_section), &p->items[i].section,
               sizeof(struct model_section));
}

static void fill_digest(char *image, size_t n)
{
    struct model_header *h = (void *)image;

    crypto_sha256(str_sub(str_n(image, n), MODEL_DIGEST_FROM, n), h->sha256);
}

static bool write_file(struct source *s, const struct embed_convert_options *options,
                       struct error *err)
{
    struct str id = options->model_id.len ? options->model_id : STR(EMBED_MODEL_MINILM);
    struct plan *plan = ARENA_NEW(&s->arena, struct plan, 1);
    uint64_t n = plan_sections(s, plan);
    AUTO_FREE
    char *image = NULL;

    if (id.len >= MODEL_ID_BYTES || memchr(id.ptr, '\0', id.len))
        return error_set(err, ERROR_INVALID, "a model name has at most %d bytes",
                         MODEL_ID_BYTES - 1);
    if (n > IMAGE_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "the model file would have %llu bytes, at most %llu",
                         (unsigned long long)n, (unsigned long long)IMAGE_BYTES_MAX);
    image = NEW_ARRAY(char, n);
    for (size_t i = 0; i < plan->n; i++) {
        if (!fill_section(s, plan, &plan->items[i], image, err))
            return false;
    }
    fill_header(s, plan, id, image, n);
    fill_digest(image, n);
    return sys_write_file(options->target_path, TARGET_MODE, str_n(image, n), err);
}

bool embed_convert(const struct embed_convert_options *options, struct error *err)
{
    AUTO(source_close) struct source s = {0};

    return source_open(options, &s, err) && write_file(&s, options, err);
}

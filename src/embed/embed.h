/*
 * embed.h - text to vectors: a BERT-family sentence encoder run from one mapped file.
 *
 * The file (docs/model-file.md) is made by embed_convert() from the published weights and checked by
 * digest when it is made; opening it maps it read-only and verifies header and sizes, embed_verify()
 * also the whole checksum.
 *
 * Shapes   a vector is float[embed_dim()], unit length.
 * Input    checked UTF-8, of which the first EMBED_TEXT_MAX_BYTES count. A text longer than
 *          embed_max_tokens() is cut by embed_text(); embed_parts() covers it with overlapping
 *          windows instead.
 * Errors   an embedder that runs in this process cannot fail once it is open; others may.
 * Threads  any. A text is embedded on one core, and without allocating once as many calls as now have
 *          run side by side before; embed_parts() spreads its windows over the cores it may use.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_EMBED_H
#define EMBED_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#define EMBED_MODEL_MINILM "sentence-transformers/all-MiniLM-L6-v2"
#define EMBED_PARTS_MAX    64 /* windows of one text; what lies beyond has no vector */
/* Ten times what fits in those, in English. */
#define EMBED_TEXT_MAX_BYTES ((size_t)1024 * 1024)

struct embedder;

/* FASTEST: 8 bits where the processor has instructions for them, else fp32. Vectors of the two are
 * alike (cosine 0.99 and more) and may be compared. */
enum embed_precision { EMBED_FASTEST, EMBED_FP32 };

/* NOT_FOUND: no such file. INVALID: damaged, or of another version; the text says what to do. */
NODISCARD bool embed_open(const char *path, enum embed_precision precision,
                          struct embedder **out, struct error *err);
void embed_close(struct embedder *e);
/* How many cores a call of embed_parts() may use; 1 unless told. Calls at the same time share them, but for
 * the thread that each comes with. Before the first call. */
void embed_set_cores(struct embedder *e, size_t n_cores);

struct str embed_model_id(const struct embedder *e); /* stored with every vector */
size_t embed_dim(const struct embedder *e);
size_t embed_max_tokens(const struct embedder *e);
const char *embed_path_name(const struct embedder *e); /* "int8-avx2", "fp32-portable", ... */

/* One text, one vector: what the model's authors' encode() gives. out[embed_dim()]. */
NODISCARD bool embed_text(const struct embedder *e, struct str text, float *out,
                          struct error *err);

/*
 * Texts of any length, each as 1 to EMBED_PARTS_MAX vectors over overlapping windows of tokens; a text
 * within embed_max_tokens() gives exactly the vector of embed_text(). out[n_texts].
 */
struct embed_parts {
    const float *vectors; /* in the arena, one after the other */
    size_t n;
    bool is_cut; /* the text goes on beyond the last window */
};
NODISCARD bool embed_parts(const struct embedder *e, struct arena *a, const struct str *texts,
                           size_t n_texts, struct embed_parts *out, struct error *err);

/* The token ids as the model sees them, [CLS] and [SEP] included, at most max_tokens (>= 2), in the
 * arena. */
void embed_tokenize(const struct embedder *e, struct arena *a, struct str text,
                    size_t max_tokens, const int32_t **out_ids, size_t *out_n);

/* Reads the whole file and compares its checksum. */
NODISCARD bool embed_verify(const char *path, struct error *err);

/*
 * Makes the mapped file from a folder with model.safetensors, vocab.txt and config.json. Weights
 * other than the published ones (by digest) are INVALID unless is_any_allowed.
 */
struct embed_convert_options {
    const char *source_dir;
    const char *target_path;
    bool is_any_allowed;
    struct str model_id; /* empty: EMBED_MODEL_MINILM */
};
NODISCARD bool embed_convert(const struct embed_convert_options *options, struct error *err);

#endif

/*
 * embed_int.h - what the parts of embed/ know of each other.
 *
 *     chars.c vocab.c tokenizer.c     text -> token ids, given a vocabulary
 *     model_file.c                    a mapped file -> struct model, checked
 *     kernel.c kernel8.c kernels.c    the inner loops, in fp32 and in 8 bits
 *     encoder.c                       token ids -> vector, given a model and kernels
 *     safetensors.c convert.c         published weights -> a model file,
 *     quantize.c                      with the same in 8 bits beside them
 *     embed.c                         the public functions
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_EMBED_INT_H
#define EMBED_EMBED_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "embed/embed.h"
#include "embed/kernel.h"
#include "embed/kernel8.h"
#include "embed/model_file.h"
#include "sys/sys.h"

/* ---- characters ---- */

enum char_class {
    CHAR_LETTER,    /* whatever is none of the others: letters, digits, emoji, unassigned */
    CHAR_DROPPED,   /* control and format characters, private use, U+FFFD: as if not there */
    CHAR_SPACE,     /* ends a word */
    CHAR_PUNCT,     /* a word of its own */
    CHAR_MARK,      /* accents: dropped after decomposition */
    CHAR_IDEOGRAPH, /* a word of its own, parted before decomposition */
};

enum char_class char_class(uint32_t c);

/* ---- vocabulary ---- */

#define VOCAB_PIECE_MAX  400 /* bytes of a piece: WORD_CHARS_MAX characters of 4 */
#define VOCAB_PROBES_MAX 64  /* slots looked at for one piece; the builder makes room for it */
#define VOCAB_NO_ID      UINT32_MAX

/* A piece without the "##" that marks the ones inside a word. */
struct vocab_piece {
    uint32_t offset; /* in bytes[] */
    uint16_t len;
    uint16_t is_inner; /* written with "##": continues a word */
};

/*
 * All WordPiece pieces, found by hash. It borrows its arrays, from a map or an arena. Contents are
 * checked where they are used, so that a damaged file gives wrong tokens but never a wild access:
 * opening 30,000 pieces would otherwise mean reading them all.
 *
 * slots[] is open addressing with linear probing: the id of a piece, or VOCAB_NO_ID, from slot
 * hash & (n_slots - 1) on, where hash is FNV-1a (32 bits) of the piece as vocab.txt writes it.
 */
struct vocab {
    const uint32_t *slots;
    size_t n_slots; /* a power of two */
    const struct vocab_piece *pieces;
    size_t n_pieces;
    const char *bytes;
    size_t n_bytes;
    size_t longest; /* bytes of the longest piece */
    uint32_t special[N_SPECIAL_TOKENS];
};

extern const char *const vocab_special_names[N_SPECIAL_TOKENS]; /* "[PAD]", "[UNK]", ... */

/* From the lines of vocab.txt, in the order of ids. The arrays are in the arena. INVALID: a line
 * twice, an empty or overlong one, a special token missing. */
NODISCARD bool vocab_build(struct arena *a, const struct str *lines, size_t n,
                           struct vocab *out, struct error *err);

/* The longest piece that word starts with. False if there is none. */
bool vocab_longest(const struct vocab *v, struct str word, bool is_inner, int32_t *out_id,
                   size_t *out_len);
bool vocab_is_inner(const struct vocab *v, int32_t id);

/* ---- tokenizer ---- */

#define WORD_CHARS_MAX 100 /* a longer word is one [UNK] */

/* Writes the first max ids of text, without [CLS] and [SEP], and returns how many there were. */
size_t tokenizer_run(const struct vocab *v, struct str text, int32_t *out, size_t max);

/* ---- model ---- */

struct linear {
    const float *panels;
    struct weights8 bytes; /* the same in 8 bits */
    const float *bias;
    size_t n_in;
    size_t n_out;
};

struct layer {
    struct linear qkv;
    struct linear mix;
    struct norm mix_norm;
    struct linear up;
    struct linear down;
    struct norm out_norm;
};

/* Pointers into the map. */
struct model {
    struct sys_map map;
    struct str id;
    struct model_dims dims;
    struct vocab vocab;
    const float *words;
    const float *positions;
    const float *types;
    struct norm words_norm;
    struct layer layers[MODEL_LAYERS_MAX];
};

/* A section of floats: where it comes from, its shape, and where its address goes. */
enum model_dim { DIM_ONE, DIM_HIDDEN, DIM_INNER, DIM_WORDS, DIM_POSITIONS, DIM_TYPES };
#define SECTION_TENSORS_MAX 3
struct section_rule {
    enum model_section_kind kind;
    bool is_weight;      /* applied by matmul: the published [out][in] in panels */
    enum model_dim rows; /* of each published tensor */
    enum model_dim cols; /* DIM_ONE: the tensor has one dimension */
    bool is_of_layer; /* field is in struct layer, tensor names begin with "encoder.layer.N." */
    size_t field;     /* offset of the pointer in its struct */
    const char *tensors[SECTION_TENSORS_MAX]; /* side by side in the section */
};
extern const struct section_rule section_rules[];
extern const size_t n_section_rules;

/* A section of weights in 8 bits, made from one of panels. */
struct byte_rule {
    enum model_section_kind kind;
    enum model_section_kind from;
    size_t field; /* offset of the struct linear in struct layer */
};
extern const struct byte_rule byte_rules[];
extern const size_t n_byte_rules;
struct linear *byte_linear(const struct byte_rule *rule, struct layer *l);
void model_set_shapes(const struct model_dims *d, struct layer *l); /* n_in and n_out of all */

/* Floats in one of the rule's tensors, and in its section. */
size_t section_tensor_floats(const struct section_rule *rule, const struct model_dims *d);
size_t section_floats(const struct section_rule *rule, const struct model_dims *d);
size_t model_dim(const struct model_dims *d, enum model_dim which);
NODISCARD bool model_dims_check(const struct model_dims *d, struct error *err);

/* Maps path and checks all that the encoder relies on but the bytes of weights and vocabulary. */
NODISCARD bool model_open(const char *path, struct model *out, struct error *err);
void model_close(struct model *m);
/* The same for bytes in memory, which must outlive out and lie at a multiple of MODEL_ALIGN. */
NODISCARD bool model_read(struct str file, struct model *out, struct error *err);

/* ---- encoder ---- */

/* How a model is run. */
struct encoder_path {
    const struct kernels *kernels;
    const struct kernels8 *kernels8; /* NULL: weights in fp32 */
};

/* The vector of 1 to dims.max_tokens ids, in out[dims.hidden]. space holds encoder_space_floats(), whatever
 * is in them; one call at a time. */
void encoder_run(const struct model *m, const struct encoder_path *path, const int32_t *ids,
                 size_t n, float *space, float *out);
size_t encoder_space_floats(const struct model *m);

/* ---- weights in 8 bits ---- */

/* A section holds the bytes in panels, the scales, the sums. */
size_t quantized_bytes(size_t n_in, size_t n_out);
struct weights8 quantized_view(const void *section, size_t n_in, size_t n_out);
/* Fills a section of quantized_bytes() from the panels of fp32 weights. */
void quantize_weights(const float *panels, size_t n_in, size_t n_out, void *section);

/* ---- safetensors ---- */

/* A file of tensors in memory, its table parsed and checked. */
struct safetensors;
NODISCARD bool safetensors_open(struct str file, struct safetensors **out, struct error *err);
void safetensors_close(struct safetensors *s);
/* The floats of a tensor of exactly this shape; cols 0: one dimension. Borrowed from the file, at
 * any address. */
NODISCARD bool safetensors_get(const struct safetensors *s, const char *name, size_t rows,
                               size_t cols, const unsigned char **out, struct error *err);

/* ---- the embedder ---- */

/* embed_open() with given kernels, so that tests run each path. */
NODISCARD bool embed_open_with(const char *path, const struct encoder_path *how,
                               struct embedder **out, struct error *err);

/* Threads for a call to start besides its own: up to n of those that no other call has. How many; the caller
 * gives them back. */
size_t embed_helpers_take(const struct embedder *e, size_t n);
void embed_helpers_give_back(const struct embedder *e, size_t n);

#endif

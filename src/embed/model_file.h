/*
 * model_file.h - the bytes of a model file, as docs/model-file.md describes them.
 *
 * A file is a header, a table of sections, and the sections, each at a multiple of MODEL_ALIGN so
 * that it is used straight from the map. All numbers are little-endian. A section has a kind, a
 * layer, a place and a size; a reader takes the kinds it knows and skips others, so that kinds can be
 * added without a new file version.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_MODEL_FILE_H
#define EMBED_MODEL_FILE_H

#include <stdint.h>

#define MODEL_MAGIC       "\x89MDM\r\n\x1a\n" /* 8 bytes; a transfer as text damages them */
#define MODEL_MAGIC_BYTES 8
#define MODEL_VERSION     1
#define MODEL_ALIGN       64
#define MODEL_ID_BYTES    128 /* with at least one NUL */

/* What a reader accepts; far over any sentence encoder, and small enough to multiply safely. */
#define MODEL_LAYERS_MAX   48
#define MODEL_HIDDEN_MAX   4096
#define MODEL_INNER_MAX    16384
#define MODEL_WORDS_MAX    (1 << 20)
#define MODEL_SLOTS_MAX    (1 << 24)
#define MODEL_TOKENS_MAX   512
#define MODEL_TYPES_MAX    16
#define MODEL_SECTIONS_MAX 4096

enum model_pooling {
    MODEL_POOL_MEAN = 1, /* the mean over all tokens */
    MODEL_POOL_FIRST = 2 /* the first token, [CLS] */
};

struct model_dims {
    uint32_t n_layers;
    uint32_t n_heads;
    uint32_t hidden;      /* floats per token, and of the result */
    uint32_t inner;       /* floats per token between the two halves of feed-forward */
    uint32_t n_words;     /* tokens of the vocabulary */
    uint32_t n_positions; /* tokens of the longest input that the weights allow */
    uint32_t n_types;
    uint32_t max_tokens; /* tokens of the longest input that the model was made for */
    uint32_t pooling;
    float norm_eps;
};

/* Ids of the tokens that mean something, in the order of vocab_special_names[]. */
enum special_token { TOKEN_PAD, TOKEN_UNK, TOKEN_CLS, TOKEN_SEP, TOKEN_MASK, N_SPECIAL_TOKENS };

struct model_header {
    char magic[MODEL_MAGIC_BYTES];
    uint32_t version;
    uint32_t reserved;
    uint64_t file_bytes;
    unsigned char sha256[32]; /* of all that follows this field, to the end of the file */
    char model_id[MODEL_ID_BYTES];
    struct model_dims dims;
    uint32_t special[N_SPECIAL_TOKENS];
    uint32_t longest_piece; /* bytes, of the vocabulary */
    uint32_t n_sections;
    uint32_t reserved_too;
};

struct model_section {
    uint32_t kind;  /* enum model_section_kind */
    uint32_t layer; /* 0.. for those of a layer, else 0 */
    uint64_t offset;
    uint64_t bytes; /* without the filling up to the next section */
};

#define MODEL_DIGEST_FROM 56 /* the offset of model_id */

_Static_assert(sizeof(struct model_header) == 256, "the header has no holes");
_Static_assert(sizeof(struct model_section) == 24, "a section entry has no holes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is used as it is mapped");

/*
 * Floats are fp32, weights in the panels of kernel.h. [a][b] below are the shapes before packing;
 * a weight [in][out] is applied as row vector times matrix.
 */
enum model_section_kind {
    SECTION_VOCAB_SLOTS = 1,  /* uint32_t[a power of two], see struct vocab */
    SECTION_VOCAB_PIECES = 2, /* struct vocab_piece[n_words] */
    SECTION_VOCAB_BYTES = 3,
    SECTION_WORDS = 16,      /* [n_words][hidden], plain rows */
    SECTION_POSITIONS = 17,  /* [n_positions][hidden], plain rows */
    SECTION_TYPES = 18,      /* [n_types][hidden], plain rows */
    SECTION_WORDS_GAIN = 19, /* the layer norm over their sum: gain and shift */
    SECTION_WORDS_SHIFT = 20,
    SECTION_QKV_WEIGHT = 32, /* [hidden][3 * hidden]: query, key, value side by side */
    SECTION_QKV_BIAS = 33,
    SECTION_MIX_WEIGHT = 34, /* [hidden][hidden]: of what attention collected */
    SECTION_MIX_BIAS = 35,
    SECTION_MIX_GAIN = 36, /* the layer norm behind it */
    SECTION_MIX_SHIFT = 37,
    SECTION_UP_WEIGHT = 38, /* [hidden][inner] */
    SECTION_UP_BIAS = 39,
    SECTION_DOWN_WEIGHT = 40, /* [inner][hidden] */
    SECTION_DOWN_BIAS = 41,
    SECTION_OUT_GAIN = 42, /* the layer norm behind it */
    SECTION_OUT_SHIFT = 43,
    SECTION_QKV_BYTES = 64, /* the weights again in 8 bits, as in kernel8.h: panels, */
    SECTION_MIX_BYTES = 65, /* then a float scale for each output, */
    SECTION_UP_BYTES = 66,  /* then an int32_t sum of weights for each output */
    SECTION_DOWN_BYTES = 67,
};

#endif

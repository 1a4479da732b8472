/*
 * encoder.c - token ids to a vector: BERT, as published.
 *
 * For each token the sum of three embeddings (word, position, type 0), normalised; then in each layer
 * attention and feed-forward, each added to its input and normalised; then one vector out of all
 * tokens, brought to unit length. All in fp32, as the original computes it; or, where the processor
 * is faster at it, with the four products with weights of each layer in 8 bits.
 *
 * One text at a time, without padding: a batch would only help where a weight read from memory serves
 * too few rows, and from about 16 tokens on the arithmetic takes longer than the reading.
 *
 * Working memory is one piece, made for the longest text that the model takes; a shorter one uses the
 * beginning of it, and pages that were never used are not there. Attention runs over
 * ATTEND_ROWS queries and feed-forward over FEED_ROWS tokens at a time, which keeps their
 * intermediate results in the second-level cache.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <assert.h>
#include <math.h>

#define ATTEND_ROWS ((size_t)48) /* multiples of the rows of every kernel */
#define FEED_ROWS   ((size_t)96)

#define ALIGN_FLOATS ((size_t)16) /* a cache line */

struct encoder {
    const struct model *model;
    const struct kernels *kernels;
    const struct kernels8 *kernels8; /* NULL: fp32 */
    size_t n;                        /* tokens */
    size_t hidden;                   /* floats per token */
    size_t head;                     /* floats per token and head */

    float *memory;     /* what the rest points into, at a cache line */
    float *x;          /* [n][hidden], the state of every token */
    float *sum;        /* [n][hidden], what a sublayer adds to it */
    float *qkv;        /* [n][3 * hidden] */
    float *mixed;      /* [n][hidden], what attention collected */
    float *keys;       /* one head's keys, in panels of rows */
    float *values;     /* one head's values, in panels of columns */
    float *scores;     /* [ATTEND_ROWS][n rounded up to panels] */
    float *inner;      /* [FEED_ROWS][inner] */
    uint8_t *bytes;    /* [n][hidden] or [FEED_ROWS][inner]: a product's input in 8 bits */
    struct row8 *rows; /* and what each of its rows means */
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

struct piece {
    float **where;
    size_t n_floats;
};

/* Gives each piece its place in e->memory, or none if there is no memory; returns the floats needed. */
static size_t lay_out(struct encoder *e)
{
    size_t n = e->n, padded = round_up(n, KERNEL_PANEL);
    float *bytes, *rows;
    struct piece pieces[] = {
        {&e->x, n * e->hidden},
        {&e->sum, n * e->hidden},
        {&e->qkv, n * 3 * e->hidden},
        {&e->mixed, n * e->hidden},
        {&e->keys, padded * e->head},
        {&e->values, n * e->head},
        {&e->scores, MIN(n, ATTEND_ROWS) * padded},
        {&e->inner, MIN(n, FEED_ROWS) * e->model->dims.inner},
        {&bytes, MAX(n * e->hidden, MIN(n, FEED_ROWS) * e->model->dims.inner) / sizeof(float)},
        {&rows, n * sizeof(struct row8) / sizeof(float)},
    };
    size_t at = 0;

    for (size_t i = 0; i < COUNT(pieces); i++) {
        if (e->memory)
            *pieces[i].where = e->memory + at;
        at += round_up(pieces[i].n_floats, ALIGN_FLOATS);
    }
    if (e->memory) {
        e->bytes = (void *)bytes;
        e->rows = (void *)rows;
    }
    return at;
}

/* x = norm(x + sum) for all tokens. */
static void add_norm(struct encoder *e, const struct norm *norm)
{
    for (size_t t = 0; t < e->n; t++)
        e->kernels->add_norm(e->x + t * e->hidden, e->sum + t * e->hidden, norm, e->hidden,
                             e->model->dims.norm_eps);
}

static void look_up(struct encoder *e, const int32_t *ids)
{
    const struct model *m = e->model;

    for (size_t t = 0; t < e->n; t++) {
        const float *word = m->words + (size_t)ids[t] * e->hidden;
        const float *position = m->positions + t * e->hidden;

        for (size_t i = 0; i < e->hidden; i++) {
            e->x[t * e->hidden + i] = word[i] + m->types[i];
            e->sum[t * e->hidden + i] = position[i];
        }
    }
    add_norm(e, &m->words_norm);
}

/* mixed[first .. first + rows] of one head: softmax(query keys) values. */
static void attend_rows(struct encoder *e, size_t head, size_t first, size_t rows)
{
    size_t padded = round_up(e->n, KERNEL_PANEL);
    const struct matmul compare = {
        .in = e->qkv + first * 3 * e->hidden + head * e->head,
        .in_stride = 3 * e->hidden,
        .rows = rows,
        .inner = e->head,
        .panels = e->keys,
        .cols = padded,
        .out = e->scores,
        .out_stride = padded,
    };
    const struct matmul collect = {
        .in = e->scores,
        .in_stride = padded,
        .rows = rows,
        .inner = e->n,
        .panels = e->values,
        .cols = e->head,
        .out = e->mixed + first * e->hidden + head * e->head,
        .out_stride = e->hidden,
    };

    e->kernels->matmul(&compare);
    for (size_t r = 0; r < rows; r++)
        e->kernels->softmax(e->scores + r * padded, e->n, 1 / sqrtf((float)e->head));
    e->kernels->matmul(&collect);
}

static void attend(struct encoder *e, size_t head)
{
    const float *keys = e->qkv + e->hidden + head * e->head;
    const float *values = keys + e->hidden;

    e->kernels->pack_rows(keys, 3 * e->hidden, e->n, e->head, e->keys);
    e->kernels->pack_cols(values, 3 * e->hidden, e->n, e->head, e->values);
    for (size_t first = 0; first < e->n; first += ATTEND_ROWS)
        attend_rows(e, head, first, MIN(e->n - first, ATTEND_ROWS));
}

static void apply8(const struct encoder *e, const struct linear *l, const float *in,
                   size_t rows, float *out)
{
    const struct matmul8 m = {
        .in = e->bytes,
        .in_rows = e->rows,
        .rows = rows,
        .inner = l->n_in,
        .weights = l->bytes,
        .bias = l->bias,
        .cols = l->n_out,
        .out = out,
    };

    for (size_t r = 0; r < rows; r++)
        e->rows[r] = e->kernels8->quantize(in + r * l->n_in, l->n_in, e->bytes + r * l->n_in);
    e->kernels8->matmul(&m);
}

/* out[rows][n_out] = in[rows][n_in] * l, without gaps between rows. */
static void apply(const struct encoder *e, const struct linear *l, const float *in, size_t rows,
                  float *out)
{
    if (e->kernels8) {
        apply8(e, l, in, rows, out);
        return;
    }
    e->kernels->matmul(&(struct matmul){
        .in = in,
        .in_stride = l->n_in,
        .rows = rows,
        .inner = l->n_in,
        .panels = l->panels,
        .bias = l->bias,
        .cols = l->n_out,
        .out = out,
        .out_stride = l->n_out,
    });
}

static void feed_forward(struct encoder *e, const struct layer *l)
{
    for (size_t first = 0; first < e->n; first += FEED_ROWS) {
        size_t rows = MIN(e->n - first, FEED_ROWS);

        apply(e, &l->up, e->x + first * e->hidden, rows, e->inner);
        e->kernels->gelu(e->inner, rows * l->up.n_out);
        apply(e, &l->down, e->inner, rows, e->sum + first * e->hidden);
    }
}

static void run_layer(struct encoder *e, const struct layer *l)
{
    apply(e, &l->qkv, e->x, e->n, e->qkv);
    for (size_t head = 0; head < e->model->dims.n_heads; head++)
        attend(e, head);
    apply(e, &l->mix, e->mixed, e->n, e->sum);
    add_norm(e, &l->mix_norm);
    feed_forward(e, l);
    add_norm(e, &l->out_norm);
}

static void pool(const struct encoder *e, float *out)
{
    size_t n = e->model->dims.pooling == MODEL_POOL_MEAN ? e->n : 1;

    for (size_t i = 0; i < e->hidden; i++) {
        float sum = 0;

        for (size_t t = 0; t < n; t++)
            sum += e->x[t * e->hidden + i];
        out[i] = sum / (float)n;
    }
}

/* What no sound model gives becomes zeros: a vector without a length, or with what is no number. */
static void to_unit_length(float *v, size_t n)
{
    double sum = 0, scale;

    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    scale = sum > 0 && isfinite(sum) ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < n; i++)
        v[i] = scale > 0 ? (float)((double)v[i] * scale) : 0;
}

static struct encoder encoder_of(const struct model *m, size_t n)
{
    return (struct encoder){
        .model = m, .n = n, .hidden = m->dims.hidden, .head = m->dims.hidden / m->dims.n_heads};
}

size_t encoder_space_floats(const struct model *m)
{
    struct encoder longest = encoder_of(m, m->dims.max_tokens);

    return lay_out(&longest) + ALIGN_FLOATS;
}

void encoder_run(const struct model *m, const struct encoder_path *path, const int32_t *ids,
                 size_t n, float *space, float *out)
{
    struct encoder e = encoder_of(m, n);

    assert(n > 0 && n <= m->dims.max_tokens);
    e.kernels = path->kernels;
    e.kernels8 = path->kernels8;
    e.memory = space + (ALIGN_FLOATS - (uintptr_t)space / sizeof(float) % ALIGN_FLOATS);
    (void)lay_out(&e);
    look_up(&e, ids);
    for (size_t i = 0; i < m->dims.n_layers; i++)
        run_layer(&e, &m->layers[i]);
    pool(&e, out);
    to_unit_length(out, e.hidden);
}

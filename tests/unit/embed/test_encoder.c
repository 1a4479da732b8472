/*
 * test_encoder.c - the encoder against BERT written down as plainly as it can be, in double.
 *
 * The oracle takes its weights by name from the made-up published files, so that the way through
 * converter, file and panels is part of what is compared. Parity with the real model is in
 * test_parity.c; here every length is tried, on every path, with both kinds of pooling.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"

enum { H = TINY_HIDDEN, HEAD = TINY_HIDDEN / TINY_HEADS };

struct oracle {
    size_t n;
    double x[TINY_TOKENS][H];
};

/* The first WEIGHTS_MAX values of a published tensor, made when first asked for. */
static const double *weights(int layer, const char *module, const char *which)
{
    enum { WEIGHTS_MAX = 128 * H, TENSORS_MAX = 64 };
    static struct {
        char name[100];
        double values[WEIGHTS_MAX];
    } made[TENSORS_MAX];
    static size_t n;
    char name[sizeof(made[0].name)];
    int at = layer < 0 ? 0 : snprintf(name, sizeof(name), "encoder.layer.%d.", layer);

    snprintf(name + at, sizeof(name) - (size_t)at, "%s.%s", module, which);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(made[i].name, name) == 0)
            return made[i].values;
    }
    assert(n < TENSORS_MAX);
    memcpy(made[n].name, name, sizeof(name));
    for (size_t i = 0; i < WEIGHTS_MAX; i++)
        made[n].values[i] = (double)tiny_weight(name, i);
    return made[n++].values;
}

static void dense(int layer, const char *module, const double *in, size_t n_in, double *out,
                  size_t n_out)
{
    const double *w = weights(layer, module, "weight"), *bias = weights(layer, module, "bias");

    for (size_t o = 0; o < n_out; o++) {
        out[o] = bias[o];
        for (size_t i = 0; i < n_in; i++)
            out[o] += in[i] * w[o * n_in + i];
    }
}

static void norm(int layer, const char *module, double *x)
{
    const double *gain = weights(layer, module, "weight"),
                 *shift = weights(layer, module, "bias");
    double mean = 0, variance = 0;

    for (size_t i = 0; i < H; i++)
        mean += x[i] / H;
    for (size_t i = 0; i < H; i++)
        variance += (x[i] - mean) * (x[i] - mean) / H;
    for (size_t i = 0; i < H; i++)
        x[i] = (x[i] - mean) / sqrt(variance + 1e-12) * gain[i] + shift[i];
}

static void attend(struct oracle *o, int layer)
{
    static double q[TINY_TOKENS][H], k[TINY_TOKENS][H], v[TINY_TOKENS][H];

    for (size_t t = 0; t < o->n; t++) {
        dense(layer, "attention.self.query", o->x[t], H, q[t], H);
        dense(layer, "attention.self.key", o->x[t], H, k[t], H);
        dense(layer, "attention.self.value", o->x[t], H, v[t], H);
    }
    for (size_t t = 0; t < o->n; t++) {
        double mixed[H] = {0}, out[H];

        for (size_t first = 0; first < H; first += HEAD) {
            double share[TINY_TOKENS], sum = 0;

            for (size_t u = 0; u < o->n; u++) {
                double dot = 0;

                for (size_t i = first; i < first + HEAD; i++)
                    dot += q[t][i] * k[u][i];
                share[u] = exp(dot / sqrt(HEAD));
                sum += share[u];
            }
            for (size_t u = 0; u < o->n; u++)
                for (size_t i = first; i < first + HEAD; i++)
                    mixed[i] += share[u] / sum * v[u][i];
        }
        dense(layer, "attention.output.dense", mixed, H, out, H);
        for (size_t i = 0; i < H; i++)
            o->x[t][i] += out[i];
        norm(layer, "attention.output.LayerNorm", o->x[t]);
    }
}

static void feed(struct oracle *o, int layer)
{
    for (size_t t = 0; t < o->n; t++) {
        double inner[TINY_INNER], out[H];

        dense(layer, "intermediate.dense", o->x[t], H, inner, TINY_INNER);
        for (size_t i = 0; i < TINY_INNER; i++)
            inner[i] *= 0.5 * erfc(-inner[i] / sqrt(2));
        dense(layer, "output.dense", inner, TINY_INNER, out, H);
        for (size_t i = 0; i < H; i++)
            o->x[t][i] += out[i];
        norm(layer, "output.LayerNorm", o->x[t]);
    }
}

static void look_up(struct oracle *o, const int32_t *ids)
{
    const double *words = weights(-1, "embeddings.word_embeddings", "weight");
    const double *positions = weights(-1, "embeddings.position_embeddings", "weight");
    const double *types = weights(-1, "embeddings.token_type_embeddings", "weight");

    for (size_t t = 0; t < o->n; t++) {
        for (size_t i = 0; i < H; i++)
            o->x[t][i] = words[(size_t)ids[t] * H + i] + positions[t * H + i] + types[i];
        norm(-1, "embeddings.LayerNorm", o->x[t]);
    }
}

static void oracle_run(const int32_t *ids, size_t n, enum model_pooling pooling, double *out)
{
    static struct oracle o;
    size_t n_pooled = pooling == MODEL_POOL_MEAN ? n : 1;
    double length = 0;

    o.n = n;
    look_up(&o, ids);
    for (int layer = 0; layer < TINY_LAYERS; layer++) {
        attend(&o, layer);
        feed(&o, layer);
    }
    for (size_t i = 0; i < H; i++) {
        out[i] = 0;
        for (size_t t = 0; t < n_pooled; t++)
            out[i] += o.x[t][i] / (double)n_pooled;
        length += out[i] * out[i];
    }
    for (size_t i = 0; i < H; i++)
        out[i] /= sqrt(length);
}

static void check_length(const struct model *m, const struct kernels *k, size_t n)
{
    int32_t ids[TINY_TOKENS];
    float got[H];
    AUTO_FREE
    float *space = NEW_ARRAY(float, encoder_space_floats(m));
    double want[H], worst = 0, length = 0;

    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i * 7 % m->dims.n_words);
    encoder_run(m, &(struct encoder_path){k, NULL}, ids, n, space, got);
    oracle_run(ids, n, m->dims.pooling, want);
    for (size_t i = 0; i < H; i++) {
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        length += (double)got[i] * (double)got[i];
    }
    CHECK_NEAR(worst, 0, 3e-6);
    CHECK_NEAR(length, 1, 1e-6);
}

TEST(every_length_is_as_the_oracle_says)
{
    AUTO_ARENA a = {0};
    struct str image = tiny_image(&a);
    AUTO_FREE
    struct model *m = NEW(struct model);
    struct error err = {0};

    REQUIRE(CHECK_OK(model_read(image, m, &err), err));
    for (size_t n = 1; n <= TINY_TOKENS; n++) {
        m->dims.pooling = n % 2 ? MODEL_POOL_MEAN : MODEL_POOL_FIRST;
        check_length(m, &kernels_portable, n);
        check_length(m, kernels_best(), n);
    }
}

TEST_MAIN()

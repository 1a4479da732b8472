/*
 * quantize.c - fp32 weights to the bytes that kernel8.h multiplies, done once when a file is made.
 *
 * Each output has a scale of its own. Where two neighbours together would pass KERNEL8_PAIR_MAX, the one
 * that loses less by it is brought nearer to 0, step by step; a coarser scale needs that less often, and
 * at the coarsest never. Of SCALES_TRIED scales between the two ends the one with the least squared
 * error is taken.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <math.h>
#include <stdlib.h>

#define SCALES_TRIED 32

/* One output: its weights, the same in units of a scale, and as bytes. */
struct column {
    float *in;
    float *exact;
    int8_t *bytes;
    size_t n;
};

/* How much nearer to its exact value a byte would be one step nearer to 0; mostly negative. */
static float gain_of_step(const struct column *c, size_t k)
{
    return (float)abs(c->bytes[k]) - fabsf(c->exact[k]);
}

static void keep_pair_in_range(struct column *c, size_t k)
{
    while (abs(c->bytes[k]) + abs(c->bytes[k + 1]) > KERNEL8_PAIR_MAX) {
        size_t which = gain_of_step(c, k) >= gain_of_step(c, k + 1) ? k : k + 1;

        c->bytes[which] = (int8_t)(c->bytes[which] - (c->bytes[which] > 0 ? 1 : -1));
    }
}

static void round_column(struct column *c, float scale)
{
    for (size_t k = 0; k < c->n; k++) {
        c->exact[k] = c->in[k] / scale;
        c->bytes[k] = (int8_t)roundf(c->exact[k]);
    }
    for (size_t k = 0; k < c->n; k += 2)
        keep_pair_in_range(c, k);
}

static double squared_error(const struct column *c, float scale)
{
    double sum = 0;

    for (size_t k = 0; k < c->n; k++) {
        double d = ((double)c->exact[k] - c->bytes[k]) * (double)scale;

        sum += d * d;
    }
    return sum;
}

static float largest(const struct column *c)
{
    float most = 0;

    for (size_t k = 0; k < c->n; k++)
        most = fmaxf(most, fabsf(c->in[k]));
    return most;
}

static float best_scale(struct column *c)
{
    float fine = largest(c) / KERNEL8_WEIGHT_MAX, best = 1;
    double least = INFINITY;

    for (int i = 0; i < SCALES_TRIED && fine > 0; i++) {
        float scale = fine * (1 + (float)i / (SCALES_TRIED - 1));
        double error;

        round_column(c, scale);
        error = squared_error(c, scale);
        if (error < least) {
            least = error;
            best = scale;
        }
    }
    return best;
}

static int32_t sum_of(const struct column *c)
{
    int32_t sum = 0;

    for (size_t k = 0; k < c->n; k++)
        sum += c->bytes[k];
    return sum;
}

size_t quantized_bytes(size_t n_in, size_t n_out)
{
    return n_out * (n_in + sizeof(float) + sizeof(int32_t));
}

struct weights8 quantized_view(const void *section, size_t n_in, size_t n_out)
{
    const char *at = section;

    return (struct weights8){
        .panels = (const void *)at,
        .scales = (const void *)(at + n_in * n_out),
        .sums = (const void *)(at + n_in * n_out + n_out * sizeof(float)),
    };
}

void quantize_weights(const float *panels, size_t n_in, size_t n_out, void *section)
{
    AUTO_ARENA scratch = {0};
    int8_t *bytes = section;
    float *scales = (void *)(bytes + n_in * n_out);
    int32_t *sums = (void *)(scales + n_out);
    struct column c = {
        .in = ARENA_NEW(&scratch, float, n_in),
        .exact = ARENA_NEW(&scratch, float, n_in),
        .bytes = ARENA_NEW(&scratch, int8_t, n_in),
        .n = n_in,
    };

    for (size_t out = 0; out < n_out; out++) {
        size_t panel = out / KERNEL_PANEL * KERNEL_PANEL * n_in, lane = out % KERNEL_PANEL;

        for (size_t k = 0; k < n_in; k++)
            c.in[k] = panels[panel + k * KERNEL_PANEL + lane];
        scales[out] = best_scale(&c);
        round_column(&c, scales[out]);
        sums[out] = sum_of(&c);
        for (size_t k = 0; k < n_in; k++)
            bytes[panel + k / 4 * 4 * KERNEL_PANEL + lane * 4 + k % 4] = c.bytes[k];
    }
}

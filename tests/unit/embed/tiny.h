/*
 * tiny.h - a model small enough to make in a test: published files, and the model file from them.
 *
 * Two layers of two heads over 32 floats, at most 40 tokens, a vocabulary of letters and a few words. Every
 * weight is a function of its tensor's name and its place, so that an oracle can ask for it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_EMBED_TINY_H
#define TESTS_UNIT_EMBED_TINY_H

#include "base/arena.h"
#include "embed/embed_int.h"

enum {
    TINY_LAYERS = 2,
    TINY_HEADS = 2,
    TINY_HIDDEN = 32,
    TINY_INNER = 48,
    TINY_TOKENS = 40,
    TINY_TYPES = 2
};
#define TINY_MODEL "tests/tiny"

float tiny_weight(const char *tensor, size_t i);
const struct str *tiny_vocab(struct arena *a, size_t *out_n); /* the lines of vocab.txt */

/* A new folder of its own, with the three published files in it; ends the program if that fails. */
const char *tiny_folder(struct arena *a);
void tiny_remove(const char *folder); /* with what is in it */

/* Replaces the first `from` in a file of the folder by `to`; it must be there. */
void tiny_edit(const char *folder, const char *file, const char *from, const char *to);
void tiny_put(const char *folder, const char *file, struct str bytes);
struct str tiny_get(struct arena *a, const char *folder, const char *file);
const char *tiny_path(struct arena *a, const char *folder, const char *file);

/* embed_convert() to model.mdm in the folder, under the name TINY_MODEL. */
bool tiny_convert(struct arena *a, const char *folder, struct error *err);
/* The model file of an unchanged folder, in memory, at a multiple of MODEL_ALIGN. */
struct str tiny_image(struct arena *a);

#endif

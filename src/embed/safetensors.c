/*
 * safetensors.c - the container that weights are published in.
 *
 * Eight bytes with the length of a JSON object, the object, then the tensors. The object names each
 * tensor's type, shape, and place behind the object. Everything in it comes from outside: all places
 * are checked once when it is opened, type and shape when a tensor is asked for.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include "base/alloc.h"
#include "json/json.h"

#define TABLE_MAX ((size_t)4 * 1024 * 1024) /* bytes of JSON; a large model has some 100 KB */
#define LEN_BYTES 8
#define METADATA  "__metadata__" /* the one member that is no tensor */

struct safetensors {
    json_t *table; /* owned */
    struct str data;
};

struct place {
    size_t from;
    size_t to;
};

static bool get_place(const json_t *tensor, size_t max, struct place *out)
{
    const json_t *offsets = json_object_get(tensor, "data_offsets");
    json_int_t from = json_integer_value(json_array_get(offsets, 0));
    json_int_t to = json_integer_value(json_array_get(offsets, 1));

    if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)) || from < 0 || from > to ||
        (uint64_t)to > max)
        return false;
    *out = (struct place){(size_t)from, (size_t)to};
    return true;
}

static bool check_table(const struct safetensors *s, struct error *err)
{
    const char *name;
    json_t *tensor;
    struct place place;

    if (!json_is_object(s->table))
        return error_set(err, ERROR_INVALID, "the table of tensors is no JSON object");
    json_object_foreach(s->table, name, tensor)
    {
        if (strcmp(name, METADATA) != 0 && !get_place(tensor, s->data.len, &place))
            return error_set(err, ERROR_INVALID,
                             "tensor %s does not lie within the file: cut or damaged", name);
    }
    return true;
}

bool safetensors_open(struct str file, struct safetensors **out, struct error *err)
{
    struct safetensors *s;
    uint64_t len = 0;

    if (file.len < LEN_BYTES)
        return error_set(err, ERROR_INVALID, "too short for a safetensors file");
    for (size_t i = LEN_BYTES; i-- > 0;)
        len = len << 8 | (unsigned char)file.ptr[i];
    if (len > TABLE_MAX || len > file.len - LEN_BYTES)
        return error_set(err, ERROR_INVALID, "not a safetensors file, or cut or damaged");
    s = NEW(struct safetensors);
    s->data = str_sub(file, LEN_BYTES + len, file.len);
    if (!json_parse(str_sub(file, LEN_BYTES, LEN_BYTES + len), &s->table, err) ||
        !check_table(s, err)) {
        safetensors_close(s);
        return error_wrap(err, "safetensors");
    }
    *out = s;
    return true;
}

void safetensors_close(struct safetensors *s)
{
    if (!s)
        return;
    json_decref(s->table);
    free(s);
}

static bool is_shape(const json_t *shape, size_t rows, size_t cols)
{
    size_t n = cols ? 2 : 1;

    return json_array_size(shape) == n &&
           json_integer_value(json_array_get(shape, 0)) == (json_int_t)rows &&
           (n == 1 || json_integer_value(json_array_get(shape, 1)) == (json_int_t)cols);
}

bool safetensors_get(const struct safetensors *s, const char *name, size_t rows, size_t cols,
                     const unsigned char **out, struct error *err)
{
    const json_t *tensor = json_object_get(s->table, name);
    struct str dtype = json_view(json_object_get(tensor, "dtype"));
    struct place place;

    if (!tensor || strcmp(name, METADATA) == 0)
        return error_set(err, ERROR_INVALID, "there is no tensor %s", name);
    if (!str_eq_c(dtype, "F32"))
        return error_set(err, ERROR_INVALID, "tensor %s is of type " STR_FMT ", not F32", name,
                         STR_ARG(dtype));
    if (!is_shape(json_object_get(tensor, "shape"), rows, cols))
        return error_set(err, ERROR_INVALID, "tensor %s has not the shape %zu x %zu", name,
                         rows, MAX(cols, (size_t)1));
    if (!get_place(tensor, s->data.len, &place) ||
        place.to - place.from != rows * MAX(cols, (size_t)1) * sizeof(float))
        return error_set(err, ERROR_INVALID, "tensor %s has a wrong size", name);
    *out = (const unsigned char *)s->data.ptr + place.from;
    return true;
}

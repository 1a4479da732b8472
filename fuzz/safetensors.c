/*
 * safetensors.c - any bytes as a file of weights.
 *
 * What must hold whatever the file is: a tensor that is handed out lies within it, whole.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_tensor(const struct safetensors *s, struct str file, const char *name,
                       size_t rows, size_t cols)
{
    const unsigned char *bytes, *start = (const unsigned char *)file.ptr;
    size_t n = rows * (cols ? cols : 1) * sizeof(float);
    struct error err = {0};

    if (!safetensors_get(s, name, rows, cols, &bytes, &err)) {
        if (err.kind != ERROR_INVALID)
            abort();
        return;
    }
    if (bytes < start || n > file.len || (size_t)(bytes - start) > file.len - n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str file = str_n((const char *)data, size);
    struct safetensors *s;
    struct error err = {0};

    if (!safetensors_open(file, &s, &err))
        return 0;
    try_tensor(s, file, "a", 2, 0);
    try_tensor(s, file, "a", 2, 3);
    try_tensor(s, file, "b", 1, 1);
    try_tensor(s, file, "__metadata__", 2, 0);
    safetensors_close(s);
    return 0;
}

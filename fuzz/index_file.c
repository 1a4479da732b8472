/*
 * index_file.c - any bytes as a vector index's file.
 *
 * The sum that tells damage would keep all but whole files out, so it is put right first. What loads
 * can be searched, changed and saved, and comes back as it was.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "index/index_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/attr.h"
#include "fuzz/temp_file.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DIM 8

static void must(bool holds)
{
    if (!holds)
        abort();
}

static size_t search(struct index *ix, const float *query, size_t limit, struct index_hit *out)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);

    return index_search(view, query, NULL, limit, out);
}

static void save(struct index *ix, const char *path, const unsigned char *stamp)
{
    AUTO_INDEX_VIEW *view = index_view_take(ix);

    must(index_save(view, path, stamp, NULL));
}

static void use(struct index *ix, const char *path, unsigned char stamp[INDEX_STAMP_BYTES])
{
    struct index_hit hits[5], again[5];
    struct index *back = NULL;
    const float query[DIM] = {1};
    size_t n = search(ix, query, COUNT(hits), hits);
    size_t count = index_count(ix);

    must(n <= count);
    for (size_t i = 0; i < n; i++)
        must(hits[i].id > 0 && hits[i].id <= INDEX_ID_MAX);
    save(ix, path, stamp);
    must(index_load(path, DIM, &back, stamp, NULL));
    must(index_count(back) == count);
    must(search(back, query, COUNT(again), again) == n);
    for (size_t i = 0; i < n; i++)
        must(hits[i].id == again[i].id);
    index_put(back, &(struct index_item){.id = 77, .vectors = query, .n_parts = 1});
    for (size_t i = 0; i < n; i++)
        index_remove(back, hits[i].id);
    must(index_count(back) <= count + 1);
    index_free(back);
}

/* Whole words, with the sum put right if there is a header. */
static struct str repair(struct arena *a, const uint8_t *data, size_t size)
{
    struct str file = arena_dup(a, str_n((const char *)data, size / 8 * 8));
    uint64_t sum;

    if (file.len < INDEX_FILE_HEADER_BYTES)
        return file;
    sum = index_file_sum(&file, 1);
    memcpy((char *)(uintptr_t)file.ptr + INDEX_FILE_HEADER_BYTES - sizeof(sum), &sum,
           sizeof(sum));
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA a = {0};
    const char *path = temp_file();
    struct str file = repair(&a, data, size);
    unsigned char stamp[INDEX_STAMP_BYTES];
    struct index *ix = NULL;
    struct error err = {0};

    must(sys_write_pieces(path, 0600, &file, 1, false, NULL));
    if (index_load(path, DIM, &ix, stamp, &err))
        use(ix, path, stamp);
    else
        must(err.kind == ERROR_INVALID);
    index_free(ix);
    unlink(path);
    return 0;
}

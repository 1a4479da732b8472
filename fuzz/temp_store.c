/* temp_store.c - see temp_store.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/temp_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[256], path[sizeof(folder) + 16];
static struct store *store;

static void remove_all(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    store_close(store);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char file[sizeof(path) + 8];

        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    rmdir(folder);
}

struct store *temp_store_open(void)
{
    static const struct store_pragma pragma = {STR_INIT("synchronous"), STR_INIT("OFF")};
    const struct store_options options = {.path = path, .pragmas = &pragma, .n_pragmas = 1};
    const char *tmp = getenv("TMPDIR");
    struct error err = {0};

    snprintf(folder, sizeof(folder), "%s/memoryd-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(2);
    }
    snprintf(path, sizeof(path), "%s/memory.db", folder);
    if (!store_open(&options, &store, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    atexit(remove_all);
    return store;
}

const char *temp_store_path(void)
{
    return path;
}

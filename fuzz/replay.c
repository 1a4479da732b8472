/*
 * replay.c - a main() for fuzz targets without libFuzzer: feeds every file of a folder to the target.
 *
 * So each test run includes what fuzzing once found. An empty or missing folder is a failure.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *bytes = malloc(INPUT_MAX_BYTES);
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file || !bytes) {
        perror(path);
        exit(1);
    }
    n = fread(bytes, 1, INPUT_MAX_BYTES, file);
    fclose(file);
    /* Exactly as long as the input, so that a sanitizer sees a read past its end. */
    bytes = realloc(bytes, n ? n : 1);
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 1;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    int n = 0;

    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            n += replay(argv[1], entry->d_name);
    }
    closedir(dir);
    printf("%d inputs replayed\n", n);
    return n > 0 ? 0 : 1;
}

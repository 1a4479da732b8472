/*
 * embed_lines.c - the vectors of a text file's lines, for benchmarks of vector search.
 *
 *     bench_embed_lines MODEL < TEXT > VECTORS
 *
 * VECTORS are 4-byte floats, dim of them for each line that is not empty; a line that is no text is left out.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

int main(int argc, char **argv)
{
    struct embedder *e = NULL;
    struct error err = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    float *vector;

    if (argc != 2 || !embed_open(argv[1], EMBED_FASTEST, &e, &err)) {
        fprintf(stderr, "bench_embed_lines: %s\n",
                argc == 2 ? err.text : "name the model file");
        return 1;
    }
    vector = NEW_ARRAY(float, embed_dim(e));
    while ((len = getline(&line, &size, stdin)) > 0) {
        struct str text = str_trim(str_n(line, (size_t)len));

        if (text.len && embed_text(e, text, vector, &err) &&
            fwrite(vector, sizeof(*vector), embed_dim(e), stdout) != embed_dim(e))
            return 1;
    }
    free(line);
    free(vector);
    embed_close(e);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* temp_file.c - see temp_file.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/temp_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *temp_file(void)
{
    static char path[256];
    const char *tmp = getenv("TMPDIR");
    int fd;

    if (path[0])
        return path;
    snprintf(path, sizeof(path), "%s/memoryd-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    fd = mkstemp(path);
    if (fd < 0) {
        perror(path);
        exit(2);
    }
    close(fd);
    unlink(path);
    return path;
}

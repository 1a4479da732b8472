/* file.c - whole files: reading, replacing, mapping. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_STEP_BYTES ((size_t)64 * 1024)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define AUTO_FD AUTO(close_fd) int

/* The failure that errno names, with the path; disk and rights are the caller's to mend. */
static bool fail(struct error *err, const char *what, const char *path)
{
    int code = errno;
    enum error_kind kind = code == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE;

    return error_set(err, kind, "cannot %s %s: %s", what, path, strerrordesc_np(code));
}

bool sys_read_all(struct arena *a, int fd, size_t max_bytes, struct str *out, struct error *err)
{
    AUTO_BUF b = {.max = max_bytes + READ_STEP_BYTES};

    for (;;) {
        char *to = buf_room(&b, READ_STEP_BYTES);
        ssize_t n = to ? read(fd, to, READ_STEP_BYTES) : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ERROR_UNAVAILABLE, "cannot read: %s", strerrordesc_np(errno));
        b.len += (size_t)n;
        if (b.len > max_bytes)
            return error_set(err, ERROR_LIMIT, "more than %zu bytes", max_bytes);
        if (n == 0)
            break;
    }
    *out = arena_dup(a, buf_str(&b));
    return true;
}

bool sys_read_file(struct arena *a, const char *path, size_t max_bytes, struct str *out,
                   struct error *err)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, "open", path);
    if (!sys_read_all(a, fd, max_bytes, out, err))
        return error_wrap(err, "%s", path);
    return true;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
    return true;
}

/* A rename is on disk only when its folder is. */
static bool sync_dir_of(const char *path)
{
    AUTO_ARENA a = {0};
    AUTO_FD fd = open(sys_dirname(&a, str_c(path)).ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0;
}

static bool write_pieces(int fd, const struct str *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!write_all(fd, pieces[i]))
            return false;
    }
    return true;
}

bool sys_write_pieces(const char *path, unsigned mode, const struct str *pieces, size_t n,
                      bool is_durable, struct error *err)
{
    AUTO_ARENA a = {0};
    char *temporary = arena_cstr(&a, arena_printf(&a, "%s.XXXXXX", path));
    AUTO_FD fd = mkostemp(temporary, O_CLOEXEC); /* a name that nobody can have prepared */

    if (fd < 0)
        return fail(err, "create a file beside", path);
    if (!write_pieces(fd, pieces, n) || fchmod(fd, (mode_t)mode) != 0 ||
        (is_durable && fsync(fd) != 0) || rename(temporary, path) != 0) {
        fail(err, "write", path);
        unlink(temporary);
        return false;
    }
    return !is_durable || sync_dir_of(path) || fail(err, "sync the folder of", path);
}

bool sys_write_file(const char *path, unsigned mode, struct str bytes, struct error *err)
{
    return sys_write_pieces(path, mode, &bytes, 1, true, err);
}

bool sys_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool sys_file_size(const char *path, int64_t *out)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    *out = st.st_size;
    return true;
}

static bool make_dir(const char *path, struct error *err)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return true;
    if (errno == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    return errno == EEXIST || fail(err, "make the folder", path);
}

bool sys_make_dirs(const char *path, struct error *err)
{
    AUTO_ARENA a = {0};
    char *copy = arena_cstr(&a, str_c(path));

    for (char *p = copy + 1; *copy && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (!make_dir(copy, err))
            return false;
        *p = '/';
    }
    return make_dir(copy, err);
}

bool sys_free_bytes(const char *path, int64_t *out, struct error *err)
{
    struct statvfs st;

    if (statvfs(path, &st) != 0)
        return fail(err, "look at the file system of", path);
    *out = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    return true;
}

void sys_read_ahead(const char *path, size_t n_bytes)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)posix_fadvise(fd, 0, (off_t)n_bytes, POSIX_FADV_WILLNEED);
}

bool sys_map_open(const char *path, struct sys_map *out, struct error *err)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *ptr;

    if (fd < 0)
        return fail(err, "open", path);
    if (fstat(fd, &st) != 0)
        return fail(err, "look at", path);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        return error_set(err, ERROR_INVALID, "%s is empty or no file", path);
    ptr = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (ptr == MAP_FAILED)
        return fail(err, "map", path);
    *out = (struct sys_map){ptr, (size_t)st.st_size};
    return true;
}

void sys_map_close(struct sys_map *map)
{
    if (map->ptr)
        munmap((void *)(uintptr_t)map->ptr, map->len);
    *map = (struct sys_map){0};
}

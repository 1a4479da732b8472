/* path.c - paths, the terminal, and facts about this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <limits.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_COLUMNS     80
#define DEFAULT_DESCRIPTORS 1024
#define STATM_MAX_BYTES     ((size_t)1024)

struct str sys_expand_home(struct arena *a, struct str path)
{
    const char *home = getenv("HOME");

    if (!home || !(str_eq_c(path, "~") || str_starts(path, STR("~/"))))
        return arena_dup(a, path);
    return arena_printf(a, "%s" STR_FMT, home, STR_ARG(str_sub(path, 1, path.len)));
}

struct str sys_join(struct arena *a, struct str dir, struct str name)
{
    bool has_slash = dir.len && dir.ptr[dir.len - 1] == '/';

    if (dir.len == 0 || str_starts(name, STR("/")))
        return arena_dup(a, name);
    return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(dir), has_slash ? "" : "/",
                        STR_ARG(name));
}

struct str sys_dirname(struct arena *a, struct str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    while (path.len && path.ptr[path.len - 1] != '/')
        path.len--;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path.len ? arena_dup(a, path) : STR(".");
}

struct str sys_exe_dir(struct arena *a)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

    if (n <= 0 || (size_t)n == sizeof(path))
        return STR(".");
    return sys_dirname(a, str_n(path, (size_t)n));
}

struct str sys_hostname(struct arena *a)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (gethostname(name, sizeof(name)) != 0)
        return STR("localhost");
    name[HOST_NAME_MAX] = '\0';
    return arena_dup(a, str_c(name));
}

/* The second number of "size resident shared ..." in pages. */
static int64_t resident_pages(struct str statm)
{
    struct str size, resident, rest;
    int64_t pages;

    if (!str_cut(statm, ' ', &size, &rest) || !str_cut(rest, ' ', &resident, &rest) ||
        !str_to_int(resident, &pages))
        return 0;
    return pages;
}

int64_t sys_resident_bytes(void)
{
    AUTO_ARENA a = {0};
    struct str statm;

    if (!sys_read_file(&a, "/proc/self/statm", STATM_MAX_BYTES, &statm, NULL))
        return 0;
    return resident_pages(statm) * sysconf(_SC_PAGESIZE);
}

size_t sys_n_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

size_t sys_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DEFAULT_DESCRIPTORS;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = before;
    }
    return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}

bool sys_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

int sys_terminal_columns(int fd)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return DEFAULT_COLUMNS;
    return size.ws_col;
}

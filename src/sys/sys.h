/*
 * sys.h - files, paths, signals and the terminal.
 *
 * Paths are C strings (the kernel's form). Errors name the path and the system's reason.
 *
 * Threads: any, except that signals are set up once by main.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_SYS_H
#define SYS_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* The whole file, at most max_bytes (LIMIT beyond). NOT_FOUND if it does not exist. */
NODISCARD bool sys_read_file(struct arena *a, const char *path, size_t max_bytes,
                             struct str *out, struct error *err);

/* Everything from fd until its end, at most max_bytes (LIMIT beyond). */
NODISCARD bool sys_read_all(struct arena *a, int fd, size_t max_bytes, struct str *out,
                            struct error *err);

/* Writes beside the path, syncs, renames: readers see the old file or the new one, whole. */
NODISCARD bool sys_write_file(const char *path, unsigned mode, struct str bytes,
                              struct error *err);

/* The same out of several pieces, one after the other. Not durable: nothing is synced, so that a power
 * loss may leave a file with holes. */
NODISCARD bool sys_write_pieces(const char *path, unsigned mode, const struct str *pieces,
                                size_t n, bool is_durable, struct error *err);

bool sys_file_exists(const char *path);
bool sys_file_size(const char *path, int64_t *out);
/* Makes the folder and those above it, mode 0700. */
NODISCARD bool sys_make_dirs(const char *path, struct error *err);
/* Free bytes for us on the file system that holds path. */
NODISCARD bool sys_free_bytes(const char *path, int64_t *out, struct error *err);

/* A file mapped read-only and shared, so that all processes use the same pages. */
struct sys_map {
    const unsigned char *ptr;
    size_t len;
};
/* Asks for the file's first n_bytes to be read from the disk meanwhile, if they are not in memory. */
void sys_read_ahead(const char *path, size_t n_bytes);
NODISCARD bool sys_map_open(const char *path, struct sys_map *out, struct error *err);
void sys_map_close(struct sys_map *map);

/* path with a leading "~/" replaced by the home folder. */
struct str sys_expand_home(struct arena *a, struct str path);
struct str sys_join(struct arena *a, struct str dir, struct str name);
struct str sys_dirname(struct arena *a, struct str path);
struct str sys_exe_dir(struct arena *a); /* where the running binary lies */
struct str sys_hostname(struct arena *a);
int64_t sys_resident_bytes(void); /* memory of this process in RAM; 0 if unknown */
size_t sys_n_cores(void);         /* that this process may use; at least 1 */
/* Lets this process have as many descriptors as it may; how many that is. */
size_t sys_raise_descriptors(void);

bool sys_is_terminal(int fd);
int sys_terminal_columns(int fd); /* 80 if unknown */

/* Blocks SIGINT, SIGTERM and SIGHUP in this thread and those it starts, ignores SIGPIPE, and gives a
 * descriptor that becomes readable when one arrives. Call before the first thread. */
NODISCARD bool sys_signals_open(int *out_fd, struct error *err);
int sys_signals_read(int fd); /* the signal's number, or 0 when none waits */

/* Sockets that a service manager opened for this process: how many, from SYS_LISTEN_FDS_START on. */
#define SYS_LISTEN_FDS_START 3
size_t sys_listen_fds(void);
/* Tells the service manager, if there is one, as in "READY=1". */
void sys_notify(const char *state);

#endif

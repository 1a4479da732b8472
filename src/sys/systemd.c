/*
 * systemd.c - the two small protocols that a service manager speaks: sockets handed over, and word of
 * being ready.
 *
 * Both are environment variables and a datagram, described in sd_listen_fds(3) and sd_notify(3); a
 * library for them would be larger than they are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FDS_MAX 1024 /* more would be a broken variable */

static bool env_int(const char *name, int64_t *out)
{
    return str_to_int(str_c(getenv(name)), out);
}

size_t sys_listen_fds(void)
{
    int64_t pid, n;

    /* For another process: this one has inherited the variables, perhaps not the descriptors. */
    if (!env_int("LISTEN_PID", &pid) || pid != getpid())
        return 0;
    if (!env_int("LISTEN_FDS", &n) || n <= 0 || n > LISTEN_FDS_MAX)
        return 0;
    for (int i = 0; i < n; i++)
        fcntl(SYS_LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
    return (size_t)n;
}

void sys_notify(const char *state)
{
    struct str path = str_c(getenv("NOTIFY_SOCKET"));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd;

    if (path.len < 2 || path.len >= sizeof(at.sun_path) ||
        (path.ptr[0] != '/' && path.ptr[0] != '@'))
        return;
    memcpy(at.sun_path, path.ptr, path.len);
    if (path.ptr[0] == '@')
        at.sun_path[0] = '\0'; /* a name without a file */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nobody may be listening, which is the manager's affair. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&at,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len));
    close(fd);
}

/* test_systemd.c - sockets and word to and from a service manager, which the test plays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/test.h"

TEST(sockets_are_for_the_process_that_they_name)
{
    char self[24], parent[24];
    const struct {
        const char *pid, *n;
        size_t want;
    } rows[] = {
        {self, "2", 2},  {self, "0", 0},   {self, "-1", 0}, {self, "x", 0},
        {self, NULL, 0}, {parent, "2", 0}, {NULL, "2", 0},  {self, "100000000", 0},
    };

    snprintf(self, sizeof(self), "%d", getpid());
    snprintf(parent, sizeof(parent), "%d", getppid());
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        if (rows[i].pid)
            setenv("LISTEN_PID", rows[i].pid, 1);
        if (rows[i].n)
            setenv("LISTEN_FDS", rows[i].n, 1);
        if (!CHECK_INT(sys_listen_fds(), rows[i].want))
            fprintf(stderr, "  row %zu\n", i);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
}

static int open_manager(const struct sockaddr_un *at, size_t n_name)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    CHECK(bind(fd, (const struct sockaddr *)at,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n_name)) == 0);
    return fd;
}

static void check_told(int fd, const char *want)
{
    char got[64];
    ssize_t n = recv(fd, got, sizeof(got), 0);

    CHECK_STR(n < 0 ? STR("nothing") : str_n(got, (size_t)n), want);
}

TEST(a_manager_is_told)
{
    char dir[] = "/tmp/memoryd-notify-XXXXXX";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd;

    REQUIRE(mkdtemp(dir) != NULL);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
    fd = open_manager(&at, strlen(at.sun_path) + 1);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    sys_notify("READY=1");
    check_told(fd, "READY=1");
    close(fd);
    unlink(at.sun_path);
    rmdir(dir);
    sys_notify("STOPPING=1"); /* gone: no harm */

    at = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "memoryd-test-%d", getpid());
    fd = open_manager(&at, 1 + strlen(at.sun_path + 1));
    at.sun_path[0] = '@';
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    sys_notify("READY=1");
    check_told(fd, "READY=1");
    close(fd);
}

TEST(without_a_manager_nothing_happens)
{
    unsetenv("NOTIFY_SOCKET");
    sys_notify("READY=1");
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    sys_notify("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    sys_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
}

TEST_MAIN()

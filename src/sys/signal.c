/*
 * signal.c - signals as readable bytes of a descriptor, so that main can poll for them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool sys_signals_open(int *out_fd, struct error *err)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    int fd, code;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaction(SIGPIPE, &ignore, NULL);
    code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0)
        return error_set(err, ERROR_INTERNAL, "cannot block signals: %s",
                         strerrordesc_np(code));
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set(err, ERROR_INTERNAL, "cannot watch for signals: %s",
                         strerrordesc_np(errno));
    *out_fd = fd;
    return true;
}

int sys_signals_read(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

/* test_signal.c - signals arrive as readable bytes, in every thread's stead. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/support/test.h"

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void send_signal(void *arg)
{
    kill(getpid(), *(const int *)arg);
}

TEST(signals_become_readable)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct error err = {0};
    int fd;

    REQUIRE(CHECK_OK(sys_signals_open(&fd, &err), err));
    CHECK(!is_readable(fd));
    CHECK_INT(sys_signals_read(fd), 0);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct thread thread = {0};
        int number = numbers[i];

        REQUIRE(CHECK_OK(thread_start(&thread, "sender", send_signal, &number, &err), err));
        thread_join(&thread);
        CHECK(is_readable(fd));
        CHECK_INT(sys_signals_read(fd), number);
        CHECK_INT(sys_signals_read(fd), 0);
    }
    close(fd);
}

TEST(a_reader_that_goes_away_does_not_kill)
{
    struct error err = {0};
    int fd, ends[2];

    REQUIRE(CHECK_OK(sys_signals_open(&fd, &err), err));
    REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    CHECK(write(ends[1], "x", 1) < 0); /* with SIGPIPE the test would end here */
    close(ends[1]);
    close(fd);
}

TEST_MAIN()

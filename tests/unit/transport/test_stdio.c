/* test_stdio.c - a client on a pair of pipes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/support/test.h"
#include "tests/unit/transport/table.h"

struct stage {
    struct table *table;
    int to, from; /* the client's ends */
    int stop;     /* write to it: a signal has come */
    struct transport_stdio_options options;
    struct thread thread;
    bool is_ok;
    struct error err;
    struct buf heard; /* read and not yet taken */
};

static void stage_main(void *arg)
{
    struct stage *s = arg;

    s->is_ok = transport_stdio_run(&s->options, &s->err);
    close(s->options.in_fd);
    close(s->options.out_fd);
}

static struct stage *stage_open(int64_t grace_ms)
{
    struct stage *s = NEW(struct stage);
    int in[2], out[2], stop[2];

    signal(SIGPIPE, SIG_IGN);
    s->table = table_open(2, 8);
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
          pipe2(stop, O_CLOEXEC) == 0);
    s->to = in[1];
    s->from = out[0];
    s->stop = stop[1];
    s->options = (struct transport_stdio_options){.mcp = s->table->mcp,
                                                  .pool = s->table->pool,
                                                  .client = STR("tester"),
                                                  .in_fd = in[0],
                                                  .out_fd = out[1],
                                                  .stop_fd = stop[0],
                                                  .grace_ms = grace_ms};
    CHECK_OK(thread_start(&s->thread, "stdio", stage_main, s, &s->err), s->err);
    return s;
}

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Joins the transport, which must have been given a reason to end. */
static void stage_join(struct stage *s)
{
    thread_join(&s->thread);
    CHECK_OK(s->is_ok, s->err);
}

static void stage_close(struct stage *s)
{
    close_once(&s->to);
    stage_join(s);
    table_release(s->table);
    table_close(s->table);
    close_once(&s->from);
    close(s->stop);
    close(s->options.stop_fd);
    buf_deinit(&s->heard);
    free(s);
}

static void say(struct stage *s, const char *text)
{
    struct str rest = str_c(text);

    while (rest.len > 0) {
        ssize_t n = write(s->to, rest.ptr, rest.len);

        if (!CHECK(n > 0))
            return;
        rest = str_sub(rest, (size_t)n, rest.len);
    }
}

/* Reads lines until one holds text; false at the end of the output or when nothing comes. */
static bool hear(struct stage *s, const char *text)
{
    for (;;) {
        struct pollfd p = {.fd = s->from, .events = POLLIN};
        struct str line, rest;
        ssize_t n;

        while (str_cut(buf_str(&s->heard), '\n', &line, &rest)) {
            bool is_it = str_contains(line, str_c(text));

            CHECK(str_starts(line, STR("{")) && str_ends(line, STR("}"))); /* whole lines */
            buf_drop_front(&s->heard, line.len + 1);
            if (is_it)
                return true;
        }
        if (poll(&p, 1, TABLE_TIMEOUT_MS) != 1)
            return false;
        n = read(s->from, buf_room(&s->heard, 65536), 65536);
        if (n <= 0)
            return false;
        s->heard.len += (size_t)n;
    }
}

TEST(each_line_is_answered)
{
    struct stage *s = stage_open(0);

    say(s, CALL(1, "who") "\n\n" CALL(2, "who") "\r\n");
    CHECK(hear(s, "\"id\":1"));
    CHECK(hear(s, "\"id\":2"));
    say(s, MODERN_CALL(3, "who") "\n");
    CHECK(hear(s, "resultType"));
    stage_close(s);
}

TEST(caller_is_local_with_the_given_client)
{
    struct stage *s = stage_open(0);

    say(s, CALL(1, "who") "\n");
    CHECK(hear(s, "local tester default"));
    stage_close(s);
}

TEST(broken_and_too_long_lines_do_not_end_it)
{
    struct stage *s = stage_open(0);
    char *large = mem_alloc(MCP_BODY_MAX_BYTES + 100, 1);

    say(s, "{broken\n");
    CHECK(hear(s, "-32700"));
    memset(large, 'x', MCP_BODY_MAX_BYTES + 50);
    say(s, large);
    say(s, "\n" CALL(1, "who") "\n");
    CHECK(hear(s, "-32600"));
    CHECK(hear(s, "\"id\":1"));
    free(large);
    stage_close(s);
}

TEST(slow_call_does_not_hold_up_quick_ones)
{
    struct stage *s = stage_open(0);

    say(s, CALL(1, "wait") "\n");
    REQUIRE(table_wait(s->table, &s->table->n_started, 1));
    say(s, CALL(2, "who") "\n");
    CHECK(hear(s, "\"id\":2"));
    table_release(s->table);
    CHECK(hear(s, "\"id\":1"));
    stage_close(s);
}

TEST(call_is_cancelled_by_its_id)
{
    struct stage *s = stage_open(0);

    say(s, CALL(1, "wait") "\n");
    REQUIRE(table_wait(s->table, &s->table->n_started, 1));
    say(s, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
           "\"params\":{\"requestId\":1}}\n");
    CHECK(table_wait(s->table, &s->table->n_cancelled, 1));
    stage_close(s);
}

/* -- the end --------------------------------------------------------------------------------- */

TEST(what_was_asked_before_the_end_of_input_is_answered)
{
    struct stage *s = stage_open(TABLE_TIMEOUT_MS);

    say(s, CALL(1, "who") "\n" CALL(2, "steps") "\n" CALL(3, "who")); /* no newline */
    close_once(&s->to);
    stage_join(s);
    CHECK(hear(s, "\"id\":1"));
    CHECK(hear(s, "\"id\":3"));
    stage_close(s);
}

TEST(slow_call_finishes_after_the_end_of_input)
{
    struct stage *s = stage_open(TABLE_TIMEOUT_MS);

    say(s, CALL(1, "wait") "\n");
    REQUIRE(table_wait(s->table, &s->table->n_started, 1));
    close_once(&s->to);
    table_release(s->table);
    CHECK(hear(s, "released"));
    stage_close(s);
}

TEST(slow_call_is_cancelled_when_the_grace_is_over)
{
    struct stage *s = stage_open(20);

    say(s, CALL(1, "wait") "\n");
    REQUIRE(table_wait(s->table, &s->table->n_started, 1));
    close_once(&s->to);
    stage_join(s);
    CHECK(table_wait(s->table, &s->table->n_cancelled, 1));
    stage_close(s);
}

TEST(stop_descriptor_ends_it)
{
    struct stage *s = stage_open(0);

    say(s, CALL(1, "who") "\n");
    CHECK(hear(s, "\"id\":1"));
    CHECK(write(s->stop, "x", 1) == 1);
    stage_join(s); /* the input is still open */
    stage_close(s);
}

TEST(reader_that_went_away_ends_it)
{
    static const char call[] = CALL(1, "who") "\n";
    struct stage *s = stage_open(TABLE_TIMEOUT_MS);

    close_once(&s->from); /* it may notice at once, and then reads no more */
    CHECK(write(s->to, call, sizeof(call) - 1) > 0 || errno == EPIPE);
    stage_join(s); /* the input is still open */
    stage_close(s);
}

/* A client that was killed used to be given the grace for calls that nobody waits for any more. */
TEST(reader_that_went_away_in_silence_ends_it_without_a_grace)
{
    struct stage *s = stage_open(10 * TABLE_TIMEOUT_MS);

    say(s, CALL(1, "wait") "\n");
    REQUIRE(table_wait(s->table, &s->table->n_started, 1));
    close_once(&s->from);
    stage_join(s); /* the input is still open, and nothing was to be written */
    CHECK(table_wait(s->table, &s->table->n_cancelled, 1));
    stage_close(s);
}

TEST(client_that_does_not_read_is_not_read)
{
    struct stage *s = stage_open(0);
    int n = 0;

    fcntl(s->to, F_SETFL, O_NONBLOCK);
    while (write(s->to, CALL(1, "who") "\n", strlen(CALL(1, "who") "\n")) > 0 && n < 1000000)
        n++;
    CHECK(n < 1000000); /* the pipe is full: nobody reads it any more */
    CHECK(hear(s, "\"id\":1"));
    close_once(&s->from);
    stage_close(s);
}

/* -- stdin and stdout ------------------------------------------------------------------------ */

TEST(claimed_descriptors_are_out_of_reach_of_stray_prints)
{
    int in[2], out[2], saved[3], got_in = -1, got_out = -1;
    struct error err = {0};
    char bytes[16] = "";
    bool is_ok;

    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
    is_ok = transport_stdio_claim(&got_in, &got_out, &err);
    if (write(1, "stray", 5) < 0 || write(got_out, "message", 7) < 0)
        is_ok = false;
    for (int i = 0; i < 3; i++)
        dup2(saved[i], i);
    CHECK_OK(is_ok, err);
    CHECK(got_in > 2 && got_out > 2);
    CHECK_INT(read(out[0], bytes, sizeof(bytes)), 7);
    CHECK_STR(str_n(bytes, 7), "message");
    close(got_in);
    close(got_out);
}

TEST_MAIN()

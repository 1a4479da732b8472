/*
 * stdio.c - one client on a pair of descriptors, a JSON message per line.
 *
 * One thread owns both descriptors and does all reading and writing, so lines are whole without a
 * lock: other threads only kick it through an eventfd. It waits in poll() alone, and writes no more
 * than PIPE_BUF bytes at a time, which a pipe that polls writable takes without blocking; so a
 * client that stops reading stops being read (OUT_HIGH_BYTES), but a signal still ends us.
 *
 * End: at the end of input, at a stop, the lines already read are answered, running jobs get a
 * grace, then they are cancelled; what there is to say is written. A reader that has gone away
 * ends all at once, also while there is nothing to write: who was killed closes both ends.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define READ_BYTES     ((size_t)64 << 10)
#define OUT_HIGH_BYTES ((size_t)1 << 20) /* unwritten output beyond which no line is taken */
#define FLUSH_MS       2000              /* for the last lines, to a client that may not read */

/* What jobs and wakes need, which may outlast the loop. */
struct client {
    atomic_int n_holders;
    int kick_fd;
    struct caller caller;
    struct arena arena; /* what caller points to */
};

struct loop {
    const struct transport_stdio_options *options;
    struct client *client;
    struct mcp_channel *channel;
    struct lines lines;
    struct buf out;
    size_t out_at; /* bytes of out already written */
    bool is_input_over;
    bool is_reader_gone;
    int write_errno; /* 0: the reader closed its end, as it may */
    int64_t next_tick_ms;
};

/* -- the client ------------------------------------------------------------------------------ */

static struct client *client_new(const struct transport_stdio_options *o, struct error *err)
{
    struct client *c;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        error_set(err, ERROR_UNAVAILABLE, "cannot make an event descriptor: %s",
                  strerrordesc_np(errno));
        return NULL;
    }
    c = NEW(struct client);
    atomic_init(&c->n_holders, 1);
    c->kick_fd = fd;
    c->caller = local_caller(arena_dup(&c->arena, o->client), arena_dup(&c->arena, o->space));
    return c;
}

static void client_drop(struct client *c)
{
    if (atomic_fetch_sub(&c->n_holders, 1) != 1)
        return;
    close(c->kick_fd);
    arena_deinit(&c->arena);
    free(c);
}

static void client_kick(void *ctx)
{
    struct client *c = ctx;
    uint64_t one = 1;

    if (write(c->kick_fd, &one, sizeof(one)) < 0)
        return; /* full: it is readable, which is all that a kick says */
}

static void job_done(void *ctx)
{
    client_kick(ctx);
    client_drop(ctx);
}

/* -- output ---------------------------------------------------------------------------------- */

static size_t n_unwritten(const struct loop *l)
{
    return l->out.len - l->out_at;
}

static bool is_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, 0) == 1;
}

static void fetch(struct loop *l)
{
    if (n_unwritten(l) == 0) {
        buf_clear(&l->out);
        l->out_at = 0;
    }
    if (n_unwritten(l) < OUT_HIGH_BYTES)
        mcp_channel_read(l->channel, &l->out);
}

static void note_reader_gone(struct loop *l, int why)
{
    if (l->is_reader_gone)
        return;
    log_event(why == EPIPE ? LOG_INFO : LOG_WARN, "stdio.reader_gone", "reason=\"%s\"",
              strerrordesc_np(why));
    l->is_reader_gone = true;
    l->write_errno = why == EPIPE ? 0 : why;
}

static void write_some(struct loop *l)
{
    while (n_unwritten(l) > 0 && is_writable(l->options->out_fd)) {
        ssize_t n = write(l->options->out_fd, l->out.ptr + l->out_at,
                          MIN(n_unwritten(l), (size_t)PIPE_BUF));

        if (n >= 0) {
            l->out_at += (size_t)n;
        } else if (errno == EAGAIN) {
            return; /* somebody made the descriptor non-blocking */
        } else if (errno != EINTR) {
            note_reader_gone(l, errno);
            return;
        }
    }
}

/* -- input ----------------------------------------------------------------------------------- */

static void handle_line(struct loop *l, struct str line)
{
    struct mcp_job *job = mcp_channel_line(l->channel, line, clock_now_ms());

    if (!job)
        return;
    atomic_fetch_add(&l->client->n_holders, 1);
    /* Changes too run here if they are quick: their one client may not have waited for one's answer before
     * it sent the next message. */
    run_job(mcp_job_is_slow(job) ? l->options->pool : NULL, job, job_done, l->client);
}

static bool may_take_lines(const struct loop *l)
{
    return n_unwritten(l) < OUT_HIGH_BYTES && !l->is_reader_gone;
}

/* Answers the lines at hand. True: all of them, more input is welcome. */
static bool handle_lines(struct loop *l)
{
    struct str line;

    while (may_take_lines(l)) {
        switch (lines_next(&l->lines, &line)) {
        case LINES_NONE:
            return true;
        case LINES_LINE:
            handle_line(l, line);
            break;
        case LINES_TOO_LONG:
            mcp_channel_line_too_long(l->channel);
            break;
        }
        fetch(l);
        write_some(l);
    }
    return false;
}

static void end_input(struct loop *l)
{
    l->is_input_over = true;
    l->lines.is_ended = true;
}

static bool read_some(struct loop *l, struct error *err)
{
    char *to = lines_room(&l->lines, READ_BYTES);
    ssize_t n = read(l->options->in_fd, to, READ_BYTES);

    if (n > 0) {
        lines_added(&l->lines, (size_t)n);
    } else if (n == 0) {
        end_input(l);
    } else if (errno != EINTR && errno != EAGAIN) {
        end_input(l);
        return error_set(err, ERROR_UNAVAILABLE, "cannot read the input: %s",
                         strerrordesc_np(errno));
    }
    return true;
}

/* -- the loop -------------------------------------------------------------------------------- */

static void tick(struct loop *l)
{
    int64_t now_ms = clock_monotonic_ms();

    if (now_ms < l->next_tick_ms)
        return;
    mcp_tick(l->options->mcp, now_ms);
    l->next_tick_ms = now_ms + MCP_TICK_MS;
}

static int timeout_until(int64_t at_ms)
{
    int64_t left_ms = at_ms - clock_monotonic_ms();

    return (int)MAX(0, MIN(left_ms, INT_MAX));
}

enum { POLL_KICK, POLL_OUT, POLL_IN, POLL_STOP, N_POLLED };

static void wait_for_events(struct loop *l, bool wants_input, int64_t until_ms,
                            struct pollfd fds[N_POLLED])
{
    const struct transport_stdio_options *o = l->options;
    uint64_t count;

    fds[POLL_KICK] = (struct pollfd){.fd = l->client->kick_fd, .events = POLLIN};
    fds[POLL_OUT] =
        (struct pollfd){.fd = o->out_fd, .events = n_unwritten(l) > 0 ? POLLOUT : 0};
    fds[POLL_IN] = (struct pollfd){.fd = wants_input ? o->in_fd : -1, .events = POLLIN};
    fds[POLL_STOP] =
        (struct pollfd){.fd = l->is_input_over ? -1 : o->stop_fd, .events = POLLIN};
    if (poll(fds, N_POLLED, timeout_until(until_ms)) < 0)
        memset(fds, 0, sizeof(*fds) * N_POLLED);     /* EINTR */
    if (fds[POLL_OUT].revents & (POLLERR | POLLHUP)) /* also while there is nothing to write */
        note_reader_gone(l, EPIPE);
    if (fds[POLL_KICK].revents && read(l->client->kick_fd, &count, sizeof(count)) < 0)
        return;
}

static bool serve(struct loop *l, struct error *err)
{
    struct pollfd fds[N_POLLED];

    while (!l->is_input_over && !l->is_reader_gone) {
        bool wants_input;

        fetch(l);
        write_some(l);
        wants_input = handle_lines(l);
        tick(l);
        if (l->is_reader_gone)
            break;
        wait_for_events(l, wants_input, l->next_tick_ms, fds);
        if (fds[POLL_STOP].revents)
            end_input(l);
        else if (fds[POLL_IN].revents && !read_some(l, err))
            return false;
    }
    return true;
}

/* After the end of input: answers what was read, waits for jobs until the deadline. */
static void finish(struct loop *l, int64_t deadline_ms)
{
    struct pollfd fds[N_POLLED];

    for (;;) {
        bool is_all_read;

        fetch(l);
        write_some(l);
        is_all_read = handle_lines(l);
        tick(l);
        if (l->is_reader_gone || (is_all_read && mcp_channel_n_running(l->channel) == 0))
            return;
        if (clock_monotonic_ms() >= deadline_ms)
            return;
        wait_for_events(l, false, MIN(deadline_ms, l->next_tick_ms), fds);
    }
}

static void flush(struct loop *l)
{
    int64_t deadline_ms = clock_monotonic_ms() + FLUSH_MS;
    struct pollfd fds[N_POLLED];

    for (;;) {
        fetch(l);
        write_some(l);
        if (n_unwritten(l) == 0 || l->is_reader_gone || clock_monotonic_ms() >= deadline_ms)
            return;
        wait_for_events(l, false, deadline_ms, fds);
    }
}

static void loop_deinit(struct loop *l)
{
    mcp_channel_close(l->channel);
    lines_deinit(&l->lines);
    buf_deinit(&l->out);
    client_drop(l->client);
}

bool transport_stdio_run(const struct transport_stdio_options *options, struct error *err)
{
    struct loop l = {.options = options, .lines.max_line = MCP_BODY_MAX_BYTES};
    bool is_ok;

    l.client = client_new(options, err);
    if (!l.client)
        return false;
    l.channel = mcp_channel_new(options->mcp, &l.client->caller,
                                (struct mcp_wake){client_kick, l.client});
    is_ok = serve(&l, err);
    finish(&l, clock_monotonic_ms() + options->grace_ms);
    mcp_shut_down(options->mcp); /* listen streams get their last message */
    flush(&l);
    loop_deinit(&l);
    if (is_ok && l.write_errno)
        return error_set(err, ERROR_UNAVAILABLE, "cannot write answers to stdout: %s",
                         strerrordesc_np(l.write_errno));
    return is_ok;
}

/* -- stdin and stdout ------------------------------------------------------------------------ */

static bool claim_error(struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "cannot set up stdin and stdout: %s",
                     strerrordesc_np(errno));
}

bool transport_stdio_claim(int *out_in_fd, int *out_out_fd, struct error *err)
{
    int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (in < 0 || out < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return claim_error(err);
    close(null);
    *out_in_fd = in;
    *out_out_fd = out;
    return true;
}

/*
 * stream.c - SSE events of legacy sessions: written once, kept for a while, replayed on request.
 *
 * Event ids are <stream>_<seq>, so that an id names its stream. What a session keeps is bounded in bytes:
 * the oldest events of its oldest streams go first.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

struct stream *stream_new_locked(struct session *session)
{
    struct stream *stream = NEW(struct stream);

    stream->session = session;
    stream->id = ++session->next_stream;
    stream->next = session->streams;
    session->streams = stream;
    return stream;
}

static void drop_oldest_frame(struct stream *stream)
{
    struct frame *first = &stream->frames.ptr[0];

    stream->bytes -= first->len;
    stream->session->bytes -= first->len;
    free(first->text);
    stream->frames.len--;
    memmove(first, first + 1, stream->frames.len * sizeof(*first));
}

void stream_free_locked(struct stream *stream)
{
    struct stream **at = &stream->session->streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    if (stream->session->standalone == stream)
        stream->session->standalone = NULL;
    for (struct mcp_exchange *x = stream->session->server->exchanges; x; x = x->next) {
        if (x->stream == stream)
            x->stream = NULL;
    }
    while (stream->frames.len)
        drop_oldest_frame(stream);
    VEC_DEINIT(&stream->frames);
    free(stream);
}

static struct stream *oldest_with_frames(struct session *session)
{
    struct stream *oldest = NULL;

    for (struct stream *one = session->streams; one; one = one->next) {
        if (one->frames.len)
            oldest = one; /* newest first: the last is the oldest */
    }
    return oldest;
}

static void keep_frame(struct stream *stream, int64_t seq, struct str text)
{
    struct session *session = stream->session;
    const struct frame frame = {seq, mem_dup(text), text.len};

    VEC_PUSH(&stream->frames, frame);
    stream->bytes += text.len;
    session->bytes += text.len;
    while (session->bytes > RETAIN_BYTES) {
        struct stream *oldest = oldest_with_frames(session);

        if (oldest == stream && stream->frames.len == 1)
            break; /* the event just written stays */
        drop_oldest_frame(oldest);
    }
}

static void write_to_reader(struct stream *stream, struct str text)
{
    if (!stream->reader || !exchange_has_room_locked(stream->reader))
        return;
    buf_add(&stream->reader->out, text);
    exchange_wake_locked(stream->reader);
    stream->reader->written_ms = stream->reader->server->now_ms;
}

void stream_append_locked(struct mcp_server *s, struct stream *stream, struct str message)
{
    AUTO_BUF event = {0};
    int64_t seq = ++stream->next_seq;

    (void)s;
    buf_printf(&event, "id: %lld_%lld\nevent: message\ndata: ", (long long)stream->id,
               (long long)seq);
    buf_add(&event, message);
    buf_add(&event, STR("\n\n"));
    keep_frame(stream, seq, buf_str(&event));
    write_to_reader(stream, buf_str(&event));
}

/* An event without content gives the client an id to come back with. */
void stream_prime_locked(struct stream *stream, int retry_ms)
{
    AUTO_BUF event = {0};

    buf_printf(&event, "id: %lld_%lld\n", (long long)stream->id, (long long)stream->next_seq);
    if (retry_ms)
        buf_printf(&event, "retry: %d\n", retry_ms);
    buf_add(&event, STR("data: \n\n"));
    write_to_reader(stream, buf_str(&event));
}

void stream_end_locked(struct stream *stream, int64_t now_ms)
{
    stream->is_ended = true;
    stream->ended_ms = now_ms;
}

void stream_leave_locked(struct stream *stream, int64_t now_ms)
{
    stream->reader = NULL;
    if (!stream->is_standalone)
        return;
    if (stream->session->standalone == stream)
        stream->session->standalone = NULL; /* what comes now is queued */
    stream_end_locked(stream, now_ms);
}

bool stream_resume_locked(struct stream *stream, int64_t after_seq, struct mcp_exchange *x)
{
    int64_t first_kept = stream->frames.len ? stream->frames.ptr[0].seq : stream->next_seq + 1;

    if (after_seq < 0 || after_seq > stream->next_seq || after_seq + 1 < first_kept)
        return false;
    if (stream->reader && stream->reader != x) {
        exchange_close_locked(stream->reader); /* a half-dead connection must not hold it */
        stream->reader->stream = NULL;
    }
    stream->reader = x;
    x->stream = stream;
    for (size_t i = 0; i < stream->frames.len; i++) {
        const struct frame *frame = &stream->frames.ptr[i];

        if (frame->seq > after_seq)
            write_to_reader(stream, str_n(frame->text, frame->len));
    }
    return true;
}

/*
 * transport_int.h - what the transports share: who is calling, and jobs on the pool.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_TRANSPORT_INT_H
#define TRANSPORT_TRANSPORT_INT_H

#include "transport/transport.h"

#include "model/model.h"

/* A caller on this machine, with every right. The views are borrowed. */
struct caller local_caller(struct str client, struct str space);

/* "claude-code/1.0.3 (linux)" -> "claude-code": the name before the version. A view, and {0} when
 * it is longer than a name is or not printable. */
#define CLIENT_NAME_MAX_BYTES 64
struct str client_of_user_agent(struct str user_agent);

/* The space of "/mcp", "/mcp/" or "/mcp/<space>". False: the path names none. */
bool space_of_path(struct str path, struct str *out);

/* Runs the job here if it is quick, else on the pool; refuses it if the pool is full. done(ctx) is
 * called exactly once, after the job has been freed, perhaps before this returns. */
void run_job(struct pool *pool, struct mcp_job *job, void (*done)(void *ctx), void *ctx);

/* -- lines (lines.c) ------------------------------------------------------------------------- */

/* Cuts a stream of bytes into lines of at most max_line bytes. A zeroed one with max_line set is
 * ready; lines_deinit() frees. */
struct lines {
    struct buf buf;
    size_t max_line;
    size_t at;        /* where the next line begins */
    size_t searched;  /* no newline before this */
    bool is_skipping; /* inside a line that was too long */
    bool is_ended;    /* no more bytes will come: what is left is a line */
};

enum lines_next {
    LINES_NONE,     /* more bytes are needed */
    LINES_LINE,     /* *out is a line without its newline; a view until lines_room() */
    LINES_TOO_LONG, /* one line was given up; the next call goes on behind it */
};

void lines_deinit(struct lines *l);
char *lines_room(struct lines *l, size_t n); /* for n more bytes; then lines_added() */
void lines_added(struct lines *l, size_t n);
enum lines_next lines_next(struct lines *l, struct str *out);

#endif

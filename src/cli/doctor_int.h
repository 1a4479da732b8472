/*
 * doctor_int.h - what the files of memoryd doctor share: how a check says what it found.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCTOR_INT_H
#define CLI_DOCTOR_INT_H

#include "cli/cli_int.h"

struct doctor {
    struct cli *c;
    json_t *checks; /* NULL unless --json */
    size_t n_failed;
};

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_FAILED };

/* One line: what was looked at, and what it is; of a failure the cause and what to do. Control characters
 * in it, which may come from a server, are made visible. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
    PRINTF(4, 5);

/* -- this machine (doctor_host.c) -------------------------------------------------------------- */

void doctor_check_host(struct doctor *d); /* clock, files, certificate, port */

/* What is wrong with the time now_ms for a program built at built_ms, in the arena; empty: nothing. */
struct str doctor_clock_problem(struct arena *a, int64_t now_ms, int64_t built_ms);

#endif

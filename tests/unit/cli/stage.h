/*
 * stage.h - one command at a time over a real database, with what it printed.
 *
 * Threads: one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CLI_STAGE_H
#define TESTS_UNIT_CLI_STAGE_H

#include "cli/cli.h"
#include "tests/support/test.h"
#include "tests/unit/tools/fixture.h"

struct stage {
    struct fixture fixture;
    struct arena arena;
    struct auth *auth; /* opened by the first command about people */
    struct str url;    /* what people call the server */
    bool is_closed;    /* the database cannot be opened */
    char *out;         /* of the last command */
    char *err;
};

/* False: the test is to be left. */
bool stage_open(struct stage *s);
void stage_close(struct stage *s);
#define AUTO_STAGE AUTO(stage_close) struct stage

/* Runs "name word word": blanks part the words, a '_' inside one stands for a blank, a '~' for a '_'. */
int stage_run(struct stage *s, const char *line);
bool stage_said(const struct stage *s, const char *text);   /* on out */
bool stage_warned(const struct stage *s, const char *text); /* on err */
/* What the last command printed with --json; new reference. */
json_t *stage_json(const struct stage *s);

#endif

/*
 * cli.h - the commands that a person types: one table, one file per command.
 *
 * A command parses its arguments, calls the memory service, or auth/, and prints: a readable form, or with
 * --json one JSON value on one line. Results go to out, everything else to err.
 *
 * Exit codes (docs/cli.md): 0 done, 1 failed, 2 the command line or its values are wrong, 3 not
 * found, 4 conflict, 5 denied, 6 a limit was reached, 7 not available now.
 *
 * Threads: the main thread.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"
#include "memory/memory.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_CONFLICT = 4,
    CLI_DENIED = 5,
    CLI_LIMIT = 6,
    CLI_UNAVAILABLE = 7,
};

/* What main lends to the commands. The service is opened on first use, so that `version` or `model`
 * work where no database can be opened. */
struct cli_host {
    struct arena *arena;
    const struct config *config; /* NULL if it could not be read: config_error says why */
    struct error config_error;
    bool (*open_memory)(void *ctx, struct memory_service **out, struct error *err);
    bool (*open_auth)(void *ctx, struct auth **out, struct error *err);
    struct str url; /* what people call the server; empty: not known before it runs */
    /* Whether the address that `serve` would use is free, for doctor. */
    bool (*probe_port)(void *ctx, struct str *out_state, struct error *err);
    void *ctx;
    FILE *out;
    FILE *err;
};

/* True if name is a command of this folder (`serve` and `stdio` are main's). */
bool cli_has_command(struct str name);

/* argv[0] is the command's name. Returns an exit code. */
int cli_run(const struct cli_host *host, int argc, char **argv);

void cli_help(FILE *to); /* `memoryd --help` */

#endif

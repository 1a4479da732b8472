/*
 * env.h - an environment and folders of their own for tests of config/.
 *
 * Owner: env_init() makes a temporary folder, env_deinit() removes it with what the helpers here
 * put into it. Warnings are collected, one a line.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONFIG_ENV_H
#define TESTS_UNIT_CONFIG_ENV_H

#include "base/buf.h"
#include "config/config.h"

#define ENV_NAMES_MAX 100

struct env {
    struct arena arena;
    struct str dir; /* holds cwd/ and home/ */
    const char *names[ENV_NAMES_MAX + 1];
    size_t n_names;
    struct config_source source;
    struct buf warnings;
    struct config config; /* after env_load() */
    struct error err;
};

#define AUTO_ENV AUTO(env_deinit) struct env

void env_init(struct env *e);
void env_deinit(struct env *e);

void env_set(struct env *e, const char *name_and_value);
/* Writes a file under dir, as in "cwd/.env"; its path. */
struct str env_file(struct env *e, const char *name, struct str text);
struct str env_path(struct env *e, const char *name); /* dir/name */

bool env_load(struct env *e);
/* Loading with this one variable must fail, with just this text. */
bool env_fails(const char *name_and_value, const char *want);
/* Loading with this one variable must succeed. */
bool env_works(const char *name_and_value);

const struct config_item *env_item(const struct env *e, const char *name);

#endif

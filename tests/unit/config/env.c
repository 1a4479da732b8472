/* env.c - see env.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/env.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/sys.h"
#include "tests/support/test.h"

static void must(bool is_ok)
{
    if (!is_ok)
        abort();
}

void env_init(struct env *e)
{
    char dir[] = "/tmp/memoryd-config-XXXXXX";
    struct error err;

    *e = (struct env){0};
    must(mkdtemp(dir) != NULL);
    e->dir = arena_dup(&e->arena, str_c(dir));
    e->source.environ = e->names;
    e->source.cwd = env_path(e, "cwd");
    e->source.home = env_path(e, "home");
    must(sys_make_dirs(e->source.cwd.ptr, &err) && sys_make_dirs(e->source.home.ptr, &err));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void env_deinit(struct env *e)
{
    nftw(e->dir.ptr, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    buf_deinit(&e->warnings);
    arena_deinit(&e->arena);
}

void env_set(struct env *e, const char *name_and_value)
{
    must(e->n_names < ENV_NAMES_MAX);
    e->names[e->n_names++] = arena_cstr(&e->arena, str_c(name_and_value));
}

struct str env_path(struct env *e, const char *name)
{
    return sys_join(&e->arena, e->dir, str_c(name));
}

struct str env_file(struct env *e, const char *name, struct str text)
{
    struct str path = env_path(e, name);
    struct error err;

    must(sys_make_dirs(sys_dirname(&e->arena, path).ptr, &err));
    must(sys_write_file(path.ptr, 0600, text, &err));
    return path;
}

static void collect(void *ctx, struct str line)
{
    struct env *e = ctx;

    buf_add(&e->warnings, line);
    buf_add_char(&e->warnings, '\n');
}

bool env_load(struct env *e)
{
    return config_load(&e->arena, &e->source, collect, e, &e->config, &e->err);
}

bool env_fails(const char *name_and_value, const char *want)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, name_and_value);
    if (env_load(&e))
        return test_check(false, __FILE__, __LINE__, name_and_value);
    return test_check_str(str_c(e.err.text), str_c(want), name_and_value, 0);
}

bool env_works(const char *name_and_value)
{
    AUTO_ENV e;

    env_init(&e);
    env_set(&e, name_and_value);
    return env_load(&e) || test_check(false, name_and_value, 0, e.err.text);
}

const struct config_item *env_item(const struct env *e, const char *name)
{
    for (size_t i = 0; i < e->config.n_items; i++) {
        if (strcmp(e->config.items[i].name, name) == 0)
            return &e->config.items[i];
    }
    return NULL;
}

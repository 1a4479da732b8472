/* stage.c - see stage.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cli/stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "json/json.h"

#define WORDS_MAX 24

bool stage_open(struct stage *s)
{
    *s = (struct stage){0};
    return fixture_open(&s->fixture, NULL);
}

static const char *auth_path(struct stage *s)
{
    return arena_printf(&s->arena, "%s/oauth.db", s->fixture.folder).ptr;
}

static void close_auth(struct stage *s)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    auth_close(s->auth);
    for (size_t i = 0; i < COUNT(ends); i++)
        unlink(arena_printf(&s->arena, "%s%s", auth_path(s), ends[i]).ptr);
}

void stage_close(struct stage *s)
{
    close_auth(s);
    free(s->out);
    free(s->err);
    arena_deinit(&s->arena);
    fixture_close(&s->fixture);
}

static bool open_memory(void *ctx, struct memory_service **out, struct error *err)
{
    const struct stage *s = ctx;

    if (s->is_closed)
        return error_set(err, ERROR_UNAVAILABLE, "the database is busy");
    *out = s->fixture.memory;
    return true;
}

static bool open_auth(void *ctx, struct auth **out, struct error *err)
{
    struct stage *s = ctx;
    const struct auth_options options = {.path = auth_path(s), .now_ms = clock_now_ms()};

    if (s->is_closed)
        return error_set(err, ERROR_UNAVAILABLE, "the database is busy");
    if (!s->auth && !auth_open(&options, &s->auth, err))
        return false;
    *out = s->auth;
    return true;
}

static bool probe_port(void *ctx, struct str *out, struct error *err)
{
    (void)ctx;
    (void)err;
    *out = STR("127.0.0.1:8765 is free");
    return true;
}

static int split(struct arena *a, const char *line, char *words[WORDS_MAX])
{
    struct str rest = str_c(line), word;
    int n = 0;

    while (n < WORDS_MAX - 1 && str_next(&rest, ' ', &word)) {
        words[n] = arena_cstr(a, word);
        for (char *p = words[n]; *p; p++)
            *p = *p == '_' ? ' ' : *p == '~' ? '_' : *p;
        n++;
    }
    words[n] = NULL;
    return n;
}

int stage_run(struct stage *s, const char *line)
{
    struct cli_host host = {.arena = &s->arena,
                            .open_memory = open_memory,
                            .open_auth = open_auth,
                            .url = s->url,
                            .probe_port = probe_port,
                            .ctx = s};
    char *words[WORDS_MAX];
    size_t n_out, n_err;
    int n = split(&s->arena, line, words), code;

    free(s->out);
    free(s->err);
    host.out = open_memstream(&s->out, &n_out);
    host.err = open_memstream(&s->err, &n_err);
    code = cli_run(&host, n, words);
    fclose(host.out);
    fclose(host.err);
    return code;
}

static bool holds(const char *printed, const char *text)
{
    bool is_in = str_contains(str_c(printed), str_c(text));

    if (!is_in)
        printf("  '%s' is not in: %s\n", text, printed);
    return is_in;
}

bool stage_said(const struct stage *s, const char *text)
{
    return holds(s->out, text);
}

bool stage_warned(const struct stage *s, const char *text)
{
    return holds(s->err, text);
}

json_t *stage_json(const struct stage *s)
{
    json_t *j = NULL;
    struct error err = {0};

    CHECK_OK(json_parse(str_c(s->out), &j, &err), err);
    return j;
}

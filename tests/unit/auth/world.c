/* world.c - see world.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "json/json.h"

static void add_account(struct world *w, const char *name, enum auth_role role,
                        const char *spaces, struct auth_session *out)
{
    struct error err = {0};
    const struct stored_link link = {.hash = str_c(name),
                                     .role = role,
                                     .spaces = str_c(spaces),
                                     .made_by = STR("setup"),
                                     .expires_ms = START_MS + 1};

    CHECK_OK(auth_store_link_put(w->x->store, &link, &err), err);
    CHECK_OK(
        auth_store_link_use(w->x->store, str_c(name), str_c(name), STR("none"), START_MS, &err),
        err);
    *out = (struct auth_session){
        .account = {.name = str_c(name), .role = role, .spaces = str_c(spaces)}};
}

void world_init(struct world *w, const struct auth_options *options)
{
    struct error err = {0};
    struct auth_answer answer;

    *w = (struct world){.options = options ? *options : (struct auth_options){0}};
    snprintf(w->dir, sizeof(w->dir), "/tmp/memoryd-auth-XXXXXX");
    CHECK(mkdtemp(w->dir) != NULL);
    w->path = arena_printf(&w->a, "%s/oauth.db", w->dir).ptr;
    w->options.path = w->path;
    w->options.now_ms = START_MS;
    w->r = (struct auth_request){.arena = &w->a, .base = STR(BASE), .now_ms = START_MS};
    world_come_from(w, "203.0.113.10");
    if (!CHECK_OK(auth_open(&w->options, &w->x, &err), err))
        abort();
    add_account(w, "ann", AUTH_OWNER, "default *", &w->owner);
    add_account(w, "bob", AUTH_MEMBER, "team bob", &w->member);
    add_account(w, "rita", AUTH_READER, "team", &w->reader);
    if (!w->options.registration_key.len && !w->options.is_registration_closed)
        w->client =
            world_register(w,
                           "{\"client_name\":\"Claude\",\"redirect_uris\":[\"" CALLBACK
                           "\"],\"token_endpoint_auth_method\":\"none\","
                           "\"grant_types\":[\"authorization_code\",\"refresh_token\"]}",
                           &answer);
}

void world_come_from(struct world *w, const char *address)
{
    w->r.peer = w->r.payer = str_c(address);
}

void world_deinit(struct world *w)
{
    static const char *const names[] = {"oauth.db", "oauth.db-wal", "oauth.db-shm"};

    auth_close(w->x);
    for (size_t i = 0; i < COUNT(names); i++)
        unlink(arena_printf(&w->a, "%s/%s", w->dir, names[i]).ptr);
    rmdir(w->dir);
    arena_deinit(&w->a);
}

struct auth *world_open_again(struct world *w)
{
    struct error err = {0};
    struct auth *x = NULL;

    if (!CHECK_OK(auth_open(&w->options, &x, &err), err))
        abort();
    return x;
}

/* -- reading ----------------------------------------------------------------------------------- */

struct str member_of(struct world *w, struct str json, const char *key)
{
    AUTO_JSON *j = NULL;

    if (!json_parse(json, &j, NULL))
        return STR("not JSON");
    return arena_dup(&w->a, json_view(json_object_get(j, key)));
}

int64_t number_of(struct str json, const char *key)
{
    AUTO_JSON *j = NULL;

    return json_parse(json, &j, NULL) ? json_integer_value(json_object_get(j, key)) : -1;
}

struct str param_of(struct world *w, struct str location, const char *name)
{
    struct form f = {0};
    struct error err = {0};
    size_t at;

    if (!str_find_char(location, '?', &at))
        return (struct str){0};
    CHECK_OK(form_parse(&w->a, str_sub(location, at + 1, location.len), &f, &err), err);
    return form_get(&f, name);
}

/* -- asking ------------------------------------------------------------------------------------ */

const char *world_register(struct world *w, const char *metadata, struct auth_answer *out)
{
    auth_register(w->x, &w->r, (struct str){0}, str_c(metadata), out);
    if (!CHECK_INT(out->status, 201))
        return "none";
    return member_of(w, out->body, "client_id").ptr;
}

static void add_param(struct buf *b, const char *name, const char *given, const char *usual)
{
    const char *value = given ? given : usual;

    if (!value || !*value)
        return;
    buf_printf(b, "%s%s=", b->len ? "&" : "", name);
    form_encode(b, str_c(value));
}

const char *world_query(struct world *w, const struct asking *q)
{
    AUTO_BUF b = {0};

    add_param(&b, "response_type", q->type, "code");
    add_param(&b, "client_id", q->client, w->client);
    add_param(&b, "redirect_uri", q->redirect_uri, CALLBACK);
    add_param(&b, "state", q->state, "xyz");
    add_param(&b, "code_challenge", q->challenge, CHALLENGE);
    add_param(&b, "code_challenge_method", q->method, "S256");
    add_param(&b, "scope", q->scope, NULL);
    add_param(&b, "resource", q->resource, BASE "/mcp");
    if (q->more)
        buf_add_c(&b, q->more);
    return arena_cstr(&w->a, buf_str(&b));
}

struct auth_page world_authorize(struct world *w, const struct asking *q,
                                 const struct auth_session *who)
{
    struct auth_page page = {0};

    auth_authorize(w->x, &w->r, str_c(world_query(w, q)), who, &page);
    return page;
}

struct auth_page world_consent(struct world *w, const struct asking *q,
                               const struct auth_session *who, const struct auth_decision *d)
{
    struct auth_page page = {0};

    auth_consent(w->x, &w->r, str_c(world_query(w, q)), who, d, &page);
    return page;
}

const char *world_code(struct world *w, const struct asking *q)
{
    struct auth_page page =
        world_consent(w, q, &w->owner, &(struct auth_decision){.is_granted = true});
    struct str code = param_of(w, page.location, "code");

    CHECK_INT(page.step, AUTH_REDIRECT);
    CHECK(str_starts(code, STR(PREFIX_CODE)));
    return code.ptr ? arena_cstr(&w->a, code) : "none";
}

struct auth_answer world_token(struct world *w, const char *authorization, const char *fmt, ...)
{
    struct auth_answer answer = {0};
    AUTO_BUF b = {0};
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    auth_token(w->x, &w->r, str_c(authorization), buf_str(&b), &answer);
    return answer;
}

struct auth_answer world_redeem(struct world *w, const char *code)
{
    return world_token(
        w, NULL,
        "grant_type=authorization_code&code=%s&client_id=%s&redirect_uri=" CALLBACK
        "&code_verifier=" VERIFIER,
        code, w->client);
}

struct auth_answer world_refresh(struct world *w, struct str token)
{
    return world_token(w, NULL, "grant_type=refresh_token&client_id=%s&refresh_token=" STR_FMT,
                       w->client, STR_ARG(token));
}

struct str world_access(struct world *w)
{
    struct auth_answer answer = world_redeem(w, world_code(w, &(struct asking){0}));

    CHECK_INT(answer.status, 200);
    return member_of(w, answer.body, "access_token");
}

enum auth_verdict world_check(struct world *w, struct str token, struct auth_principal *out)
{
    struct auth_principal unused;
    const char *why;

    return auth_check(w->x, &w->r, arena_printf(&w->a, "Bearer " STR_FMT, STR_ARG(token)),
                      (struct str){0}, out ? out : &unused, &why);
}

/*
 * provider.c - the way to an OpenID Connect provider and back.
 *
 * A form starts it, so that no other site can. Its answer is a page that moves on by itself (Refresh), not a
 * redirect: browsers hold a redirect that follows a form against form-action, and where the provider's page is, is known
 * only once it was asked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/oauth_int.h"

#include "base/log.h"
#include "rest/pages_html.h"

#define VISIT_COOKIE "memoryd-visit"

bool page_provider_is_slow(struct visit *v)
{
    (void)v;
    return true;
}

static struct str name_of(const struct visit *v)
{
    return auth_provider_name(v->site->options.auth);
}

/* -- there ------------------------------------------------------------------------------------- */

static void leave(struct visit *v, const struct auth_departure *to)
{
    const struct template_field fields[] = {
        {.name = "name", .text = name_of(v)},
        {.name = "url", .text = to->location},
    };

    page_set_cookie(v, VISIT_COOKIE, to->cookie, AUTH_VISIT_MS / 1000);
    visit_header(v, "Refresh",
                 arena_printf(&v->arena, "0; url=" STR_FMT, STR_ARG(to->location)));
    page_send(v, 200, page_leave, STR("Log in"), (struct str){0},
              &(struct template_row){fields, COUNT(fields), NULL});
    visit_log(v, "oauth.provider", "step=leave");
}

static void say_unreachable(struct visit *v, const struct error *err)
{
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_WARN, "error", "id=%llu what=provider reason=%s", (unsigned long long)v->id,
              log_quote(str_c(err->text), quoted));
    page_say(v, 503, STR("That did not work"), (struct str){0},
             arena_printf(&v->arena,
                          STR_FMT
                          " cannot be asked just now. Try again later; the server's log "
                          "says more about request %llu.",
                          STR_ARG(name_of(v)), (unsigned long long)v->id));
}

static void explain(struct visit *v, const struct error *err)
{
    if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_LIMIT || err->kind == ERROR_DENIED)
        say_unreachable(v, err);
    else if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID)
        page_say(v, 400, STR("That did not work"), str_c(err->text),
                 STR("Go back, and try again."));
    else
        page_say_failure(v, err);
}

void page_provider_post(struct visit *v)
{
    const struct auth_visit visit = {.query = page_field(v, "query"),
                                     .link = page_field(v, "link"),
                                     .name = page_field(v, "name")};
    struct auth_departure to;
    struct error err = {0};

    if (!page_has_form_key(v))
        page_say_stale(v);
    else if (auth_provider_begin(v->site->options.auth, &v->ask, &visit, &to, &err))
        leave(v, &to);
    else
        explain(v, &err);
}

/* -- and back ---------------------------------------------------------------------------------- */

static void enter(struct visit *v, const struct auth_arrival *in)
{
    page_set_cookie(v, PAGE_SESSION_COOKIE, in->session, AUTH_SESSION_MS / 1000);
    page_redirect(v, in->query.len
                         ? arena_printf(&v->arena, STR_FMT "/authorize?" STR_FMT,
                                        STR_ARG(v->ask.base), STR_ARG(in->query))
                         : arena_printf(&v->arena, STR_FMT "/welcome", STR_ARG(v->ask.base)));
}

static void show_arrival(struct visit *v, const struct auth_arrival *in)
{
    switch (in->result) {
    case AUTH_ARRIVED:
        enter(v, in);
        break;
    case AUTH_ARRIVAL_STALE:
        page_say(
            v, 403, STR("Please try again"), (struct str){0},
            STR("This log-in was not begun in this browser, took too long, or is done. Begin "
                "again where you came from."));
        break;
    case AUTH_ARRIVAL_REFUSED:
        page_say(v, 403, STR("You are not logged in"), in->why,
                 STR("Begin again where you came from, or use a password."));
        break;
    case AUTH_ARRIVAL_UNKNOWN:
        page_say(v, 403, STR("Nobody here knows you yet"), (struct str){0},
                 arena_printf(&v->arena,
                              "No account belongs to this log-in. Ask the owner for an "
                              "invitation, open it, and choose to continue with " STR_FMT
                              " there.",
                              STR_ARG(name_of(v))));
        break;
    case AUTH_ARRIVAL_NO_LINK:
        page_say(v, 409, STR("That did not work"), in->why,
                 STR("Open the link that you were sent once more, or ask for a new one."));
        break;
    }
}

static const char *result_name(enum auth_arrival_result result)
{
    static const char *const names[] = {"ok", "stale", "refused", "unknown", "no_link"};

    return names[result];
}

void page_provider_callback(struct visit *v)
{
    struct auth_arrival in;
    struct error err = {0};

    page_set_cookie(v, VISIT_COOKIE, STR(""), 0);
    if (auth_provider_end(v->site->options.auth, &v->ask, v->query,
                          page_cookie(v, VISIT_COOKIE), &in, &err)) {
        show_arrival(v, &in);
        visit_log(v, "oauth.provider", "step=arrive result=%s", result_name(in.result));
    } else {
        explain(v, &err);
    }
}

/*
 * pages.c - what people see: log-in, consent, the page of a one-time link, and short messages.
 *
 * No page needs a script. A form comes back with a token that only our own page can have: of a person who is
 * logged in, the session's; of somebody who is not yet, one that a cookie repeats. Pages say no-referrer, so
 * their forms come with "Origin: null"; where the browser says more (Sec-Fetch-Site) that counts too.
 *
 * form-action names where consent leads: browsers hold a redirect that follows a form against it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/oauth_int.h"

#include <assert.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "rest/pages_html.h"

#define FORM_KEY_BYTES 16
#define FORM_KEY_CHARS 32

/* -- cookies --------------------------------------------------------------------------------- */

static struct str cookie_name(const struct visit *v, const char *name)
{
    return arena_printf(v->ask.arena, "%s%s", v->is_secure ? "__Host-" : "", name);
}

void page_set_cookie(struct visit *v, const char *name, struct str value, int64_t max_age_s)
{
    visit_header(v, "Set-Cookie",
                 arena_printf(&v->arena,
                              STR_FMT "=" STR_FMT
                                      "; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
                              STR_ARG(cookie_name(v, name)), STR_ARG(value),
                              (long long)max_age_s, v->is_secure ? "; Secure" : ""));
}

#define FORM_COOKIE "memoryd-form"

struct str page_cookie(const struct visit *v, const char *name)
{
    return http_cookie(v->cookies, cookie_name(v, name));
}

static struct str session_token(const struct visit *v)
{
    return page_cookie(v, PAGE_SESSION_COOKIE);
}

/* *out NULL: nobody is logged in. */
static bool find_session(struct visit *v, struct auth_session **out, struct error *err)
{
    struct str token = session_token(v);

    *out = NULL;
    return token.len == 0 || auth_session(v->site->options.auth, &v->ask, token, out, err);
}

/* The key that forms of somebody who is not logged in repeat; made, and set, if there is none. */
static struct str form_key(struct visit *v)
{
    struct str key = page_cookie(v, FORM_COOKIE);
    unsigned char bytes[FORM_KEY_BYTES];
    char *text;

    if (key.len == FORM_KEY_CHARS)
        return key;
    text = ARENA_NEW(&v->arena, char, FORM_KEY_CHARS + 1);
    crypto_random(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), text);
    page_set_cookie(v, FORM_COOKIE, str_n(text, FORM_KEY_CHARS), AUTH_SESSION_MS / 1000);
    return str_n(text, FORM_KEY_CHARS);
}

struct str page_field(struct visit *v, const char *name)
{
    return http_field_of(&v->arena, v->body, str_c(name));
}

static bool is_own_form(struct visit *v)
{
    return v->fetch_site.len == 0 || str_eq_c(v->fetch_site, "same-origin");
}

bool page_has_form_key(struct visit *v)
{
    struct str key = page_cookie(v, FORM_COOKIE);

    return is_own_form(v) && key.len == FORM_KEY_CHARS &&
           str_eq_secret(key, page_field(v, "form_key"));
}

/* -- sending --------------------------------------------------------------------------------- */

static bool is_source_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == ':' || c == '+';
}

static bool is_source(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_source_char(text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

struct str page_form_target(struct arena *a, struct str redirect_uri)
{
    struct str scheme, rest, host;
    bool is_web;

    if (!str_cut(redirect_uri, ':', &scheme, &rest) || !is_source(scheme))
        return (struct str){0};
    is_web = str_eq_ascii_case(scheme, STR("https")) || str_eq_ascii_case(scheme, STR("http"));
    host = str_sub(rest, 2, rest.len);
    if (!str_next(&host, '/', &rest))
        rest = (struct str){0};
    if (!is_web || !is_source(rest)) /* CSP has no form for IPv6 addresses */
        return arena_printf(a, STR_FMT ":", STR_ARG(scheme));
    return arena_printf(a, STR_FMT "://" STR_FMT, STR_ARG(scheme), STR_ARG(rest));
}

static void add_page_headers(struct visit *v, struct str redirect_uri)
{
    struct str target = page_form_target(&v->arena, redirect_uri);

    visit_header(v, "Content-Security-Policy",
                 arena_printf(&v->arena,
                              "default-src 'none'; style-src '%s'; form-action 'self'%s" STR_FMT
                              "; frame-ancestors 'none'; base-uri 'none'",
                              page_style_hash, target.len > 0 ? " " : "", STR_ARG(target)));
    visit_header(v, "X-Frame-Options", STR("DENY"));
    visit_header(v, "Referrer-Policy", STR("no-referrer"));
    visit_header(v, "Cache-Control", STR("no-store"));
}

static struct str own_host(const struct visit *v)
{
    size_t at;

    return str_find(v->ask.base, STR("://"), &at)
               ? str_sub(v->ask.base, at + 3, v->ask.base.len)
               : v->ask.base;
}

void page_send(struct visit *v, int status, struct str template, struct str title,
               struct str redirect_uri, const struct template_row *row)
{
    const struct template_field frame[] = {
        {.name = "title", .text = title},
        {.name = "host", .text = own_host(v)},
        {.name = "logout",
         .text = arena_printf(&v->arena, STR_FMT "/logout", STR_ARG(v->ask.base))},
    };
    const struct template_row around = {frame, COUNT(frame), NULL};
    struct template_row whole = *row;

    whole.outer = &around;
    v->status = status;
    v->content_type = "text/html; charset=utf-8";
    template_write(&v->reply, template, &whole);
    add_page_headers(v, redirect_uri);
}

void page_redirect(struct visit *v, struct str to)
{
    v->status = 303;
    visit_header(v, "Location", to);
    visit_header(v, "Cache-Control", STR("no-store"));
    visit_header(v, "Referrer-Policy", STR("no-referrer"));
}

/* Its text as a section of one row, or none if it is empty. */
struct text_section {
    struct template_field field;
    struct template_row row;
};
static struct template_field text_section(struct text_section *s, const char *name,
                                          struct str text)
{
    s->field = (struct template_field){.name = "text", .text = text};
    s->row = (struct template_row){&s->field, 1, NULL};
    return (struct template_field){.name = name, .rows = &s->row, .n_rows = text.len > 0};
}

void page_say(struct visit *v, int status, struct str heading, struct str problem,
              struct str text)
{
    struct text_section sections[3];
    const struct template_field fields[] = {
        {.name = "heading", .text = heading},
        text_section(&sections[0], "problem", problem),
        text_section(&sections[1], "lines", text),
        text_section(&sections[2], "detail", (struct str){0}),
        TEMPLATE_IF("copy", false),
        TEMPLATE_IF("session", false),
    };

    page_send(v, status, page_message, heading, (struct str){0},
              &(struct template_row){fields, COUNT(fields), NULL});
}

static void log_failure(const struct visit *v, const struct error *err)
{
    char quoted[LOG_QUOTE_MAX];

    log_event(LOG_ERROR, "error", "id=%llu what=page reason=%s", (unsigned long long)v->id,
              log_quote(str_c(err->text), quoted));
}

void page_say_failure(struct visit *v, const struct error *err)
{
    log_failure(v, err);
    page_say(v, err->kind == ERROR_UNAVAILABLE ? 503 : 500, STR("That did not work"),
             (struct str){0},
             arena_printf(&v->arena,
                          "The server could not do this now. Its log says more about "
                          "request %llu.",
                          (unsigned long long)v->id));
}

void page_say_stale(struct visit *v)
{
    page_say(v, 403, STR("Please try again"), (struct str){0},
             STR("This form is not from a page that is still open here, or cookies are off. Go "
                 "back, load the page again, and send it once more."));
    visit_log(v, "oauth.refused", "error=\"forged or stale form\"");
}

/* -- log-in ---------------------------------------------------------------------------------- */

/* The button of the provider of log-ins, if there is one. */
struct provider_section {
    struct template_field fields[2];
    struct template_row row;
};
static struct template_field provider_section(const struct visit *v, struct provider_section *s)
{
    struct str name = auth_provider_name(v->site->options.auth);

    s->fields[0] = (struct template_field){.name = "provider_name", .text = name};
    s->fields[1] = (struct template_field){
        .name = "provider_url",
        .text = arena_printf(v->ask.arena, STR_FMT "/login/provider", STR_ARG(v->ask.base))};
    s->row = (struct template_row){s->fields, COUNT(s->fields), NULL};
    return (struct template_field){.name = "provider", .rows = &s->row, .n_rows = name.len > 0};
}

/* The page does without the hint where that is not known. */
static bool lacks_owner(const struct visit *v)
{
    struct error err = {0};
    bool has_owner = true;

    if (!auth_has_owner(v->site->options.auth, &has_owner, &err))
        log_failure(v, &err);
    return !has_owner;
}

/* p: for whom; NULL: for nobody in particular. */
static void show_login(struct visit *v, int status, const struct auth_page *p,
                       const char *problem)
{
    struct str client = p ? p->client_name.len > 0 ? p->client_name : p->client_id : STR("");
    const struct template_field client_field = {.name = "name", .text = client};
    const struct template_row client_row = {&client_field, 1, NULL};
    struct text_section problem_section;
    struct provider_section provider;
    const struct template_field fields[] = {
        {.name = "client", .rows = &client_row, .n_rows = client.len > 0},
        text_section(&problem_section, "problem", str_c(problem)),
        TEMPLATE_IF("no_owner", lacks_owner(v)),
        {.name = "form_key", .text = form_key(v)},
        {.name = "name", .text = page_field(v, "name")},
        TEMPLATE_IF("has_key", v->site->options.has_api_key),
        provider_section(v, &provider),
        {.name = "query", .text = p ? v->query : STR("")},
    };

    page_send(v, status, page_login, STR("Log in"), p ? p->redirect_uri : STR(""),
              &(struct template_row){fields, COUNT(fields), NULL});
}

/* Looks at what somebody typed. True: logged in, and the cookie is set. Else *out_problem and the status
 * say what to show, or it has answered already (status set). */
static bool log_in(struct visit *v, const char **out_problem, int *out_status)
{
    bool is_key = str_eq_c(page_field(v, "step"), "key");
    enum auth_login_result result = AUTH_LOGIN_WRONG;
    struct str token = {0};
    struct error err = {0};
    char name[LOG_QUOTE_MAX];
    int wait_s = 0;
    bool is_ok =
        is_key ? auth_login_api_key(v->site->options.auth, &v->ask, page_field(v, "api_key"),
                                    &result, &token, &wait_s, &err)
               : auth_login(v->site->options.auth, &v->ask, page_field(v, "name"),
                            page_field(v, "password"), &result, &token, &wait_s, &err);

    *out_problem = NULL;
    if (!is_ok) {
        page_say_failure(v, &err);
        return false;
    }
    *out_status = result == AUTH_LOGIN_WAIT ? 429 : result == AUTH_LOGIN_WRONG ? 403 : 303;
    v->status = *out_status;
    /* What was typed as a name may be a password; only one that is right is told. */
    visit_log(v, "oauth.login", "result=%s account=%s",
              result == AUTH_LOGIN_OK     ? "ok"
              : result == AUTH_LOGIN_WAIT ? "wait"
                                          : "wrong",
              result == AUTH_LOGIN_OK && !is_key ? log_quote(page_field(v, "name"), name)
                                                 : "-");
    if (result == AUTH_LOGIN_OK) {
        page_set_cookie(v, PAGE_SESSION_COOKIE, token, AUTH_SESSION_MS / 1000);
        return true;
    }
    if (result == AUTH_LOGIN_WAIT) {
        visit_header(v, "Retry-After", arena_printf(&v->arena, "%d", wait_s));
        *out_problem =
            arena_printf(&v->arena,
                         "There were too many failed attempts. Try again in %d seconds.",
                         wait_s)
                .ptr;
    } else {
        *out_problem = is_key ? "This is not the API key, or nobody owns this server yet."
                              : "Name or password is wrong.";
    }
    return false;
}

void page_login_get(struct visit *v)
{
    struct auth_session *who;
    struct error err = {0};

    if (!find_session(v, &who, &err))
        page_say_failure(v, &err);
    else if (who)
        page_redirect(v, STR("welcome"));
    else
        show_login(v, 200, NULL, NULL);
}

void page_login_post(struct visit *v)
{
    const char *problem;
    int status;

    if (!page_has_form_key(v))
        page_say_stale(v);
    else if (log_in(v, &problem, &status))
        page_redirect(v, STR("welcome"));
    else if (problem)
        show_login(v, status, NULL, problem);
}

bool page_password_is_slow(struct visit *v)
{
    (void)v;
    return true;
}

bool page_authorize_post_is_slow(struct visit *v)
{
    return !str_eq_c(page_field(v, "step"), "consent") ||
           auth_authorize_is_slow(v->site->options.auth, &v->ask, v->query);
}

void page_logout_post(struct visit *v)
{
    struct auth_session *who;
    struct error err = {0};

    if (!find_session(v, &who, &err)) {
        page_say_failure(v, &err);
        return;
    }
    if (who && (!is_own_form(v) || !auth_csrf_ok(who, page_field(v, "csrf")))) {
        page_say_stale(v);
        return;
    }
    if (who && !auth_logout(v->site->options.auth, &v->ask, session_token(v), &err)) {
        page_say_failure(v, &err);
        return;
    }
    page_set_cookie(v, PAGE_SESSION_COOKIE, STR(""), 0);
    page_say(v, 200, STR("You are logged out"), (struct str){0},
             STR("Programs that you connected stay connected. You can close this page."));
    visit_log(v, "oauth.logout", "%s", "");
}

/* -- consent --------------------------------------------------------------------------------- */

static const struct scope_words {
    enum scope scope;
    const char *name, *text, *detail;
} scope_words[] = {
    {SCOPE_READ, "read", "Read memories", "search them, list them, see statistics"},
    {SCOPE_WRITE, "write", "Change memories",
     "store new ones, change, delete and restore them"},
    {SCOPE_ADMIN, "admin", "Manage the server", "maintenance, people and settings"},
};

#define ROW_FIELDS 4

static struct template_field scope_section(struct arena *a, unsigned scopes)
{
    struct template_row *rows = ARENA_NEW(a, struct template_row, COUNT(scope_words));
    size_t n = 0;

    for (size_t i = 0; i < COUNT(scope_words); i++) {
        struct template_field *f;

        if (!(scopes & scope_words[i].scope))
            continue;
        f = ARENA_NEW(a, struct template_field, ROW_FIELDS);
        f[0] = (struct template_field){.name = "name", .text = str_c(scope_words[i].name)};
        f[1] = (struct template_field){.name = "text", .text = str_c(scope_words[i].text)};
        f[2] = (struct template_field){.name = "detail", .text = str_c(scope_words[i].detail)};
        /* Clients that ask for all there is get the keys of the house only from somebody who means it. */
        f[3] =
            (struct template_field)TEMPLATE_IF("ticked", scope_words[i].scope != SCOPE_ADMIN);
        rows[n++] = (struct template_row){f, ROW_FIELDS, NULL};
    }
    return (struct template_field){.name = "scopes", .rows = rows, .n_rows = n};
}

static struct template_field space_section(struct arena *a, const struct auth_page *p)
{
    struct template_row *rows = ARENA_NEW(a, struct template_row, p->n_spaces);

    for (size_t i = 0; i < p->n_spaces; i++) {
        bool is_all = str_eq_c(p->spaces[i], "*");
        struct template_field *f = ARENA_NEW(a, struct template_field, 2);

        f[0] = (struct template_field){.name = "name", .text = p->spaces[i]};
        f[1] = (struct template_field){
            .name = "text", .text = is_all ? STR("all spaces, also later ones") : p->spaces[i]};
        rows[i] = (struct template_row){f, 2, NULL};
    }
    return (struct template_field){.name = "spaces", .rows = rows, .n_rows = p->n_spaces};
}

static void show_consent(struct visit *v, const struct auth_page *p,
                         const struct auth_session *who, const char *problem)
{
    struct arena *a = &v->arena;
    const struct template_field host_field = {.name = "host", .text = p->client_host};
    const struct template_row host_row = {&host_field, 1, NULL};
    struct str client = p->client_name.len > 0 ? p->client_name : STR("a program");
    struct text_section problem_section;
    const struct template_field fields[] = {
        {.name = "client", .text = client},
        {.name = "account", .text = who->account.name},
        TEMPLATE_IF("unverified", !p->is_verified),
        TEMPLATE_IF("local", p->is_local),
        TEMPLATE_IF("offline", p->is_offline),
        TEMPLATE_IF("rememberable", p->is_rememberable),
        TEMPLATE_IF("lasting", p->is_offline || p->is_rememberable),
        {.name = "redirect_host", .text = p->redirect_host},
        {.name = "redirect_uri", .text = p->redirect_uri},
        {.name = "client_host", .rows = &host_row, .n_rows = p->client_host.len > 0},
        {.name = "client_id", .text = p->client_id},
        {.name = "csrf", .text = who->csrf},
        text_section(&problem_section, "problem", str_c(problem)),
        scope_section(a, p->scopes),
        space_section(a, p),
    };

    page_send(v, problem ? 400 : 200, page_consent, STR("Connect a program"), p->redirect_uri,
              &(struct template_row){fields, COUNT(fields), NULL});
}

static const char *step_name(enum auth_step step)
{
    switch (step) {
    case AUTH_ERROR_PAGE:
        return "error";
    case AUTH_REDIRECT:
        return "redirect";
    case AUTH_LOG_IN:
        return "login";
    case AUTH_CONSENT:
        return "consent";
    }
    return "?";
}

static void show_step(struct visit *v, const struct auth_page *p,
                      const struct auth_session *who)
{
    switch (p->step) {
    case AUTH_ERROR_PAGE:
        if (p->retry_after_s > 0) {
            visit_header(v, "Retry-After", arena_printf(&v->arena, "%d", p->retry_after_s));
            page_say(v, p->status, STR("A moment, please"), (struct str){0}, p->text);
            break;
        }
        page_say(v, p->status, STR("This cannot be connected"), p->text,
                 arena_printf(&v->arena,
                              "The program that sent you here has to put this right (" STR_FMT
                              "). Nothing was shared with it.",
                              STR_ARG(p->error)));
        break;
    case AUTH_REDIRECT:
        page_redirect(v, p->location);
        break;
    case AUTH_LOG_IN:
        show_login(v, 200, p, NULL);
        break;
    case AUTH_CONSENT:
        assert(who); /* nobody else is asked */
        show_consent(v, p, who, NULL);
        break;
    }
}

static void log_step(struct visit *v, const char *event, const struct auth_page *p)
{
    char client[LOG_QUOTE_MAX], error[LOG_QUOTE_MAX];

    visit_log(v, event, "step=%s client=%s%s%s", step_name(p->step),
              log_quote(http_field_of(&v->arena, v->query, STR("client_id")), client),
              p->error.len > 0 ? " error=" : "",
              p->error.len > 0 ? log_quote(p->error, error) : "");
}

/* Here, not where the page is made, so that those over their limit take no place on the pool. */
bool page_admit(struct visit *v)
{
    struct auth_session *who;
    struct auth_page page = {0};
    struct error err = {0};
    char path[LOG_QUOTE_MAX];

    if (!find_session(v, &who, &err)) {
        page_say_failure(v, &err);
        return false;
    }
    if (who || auth_may_authorize(v->site->options.auth, &v->ask, &page))
        return true;
    show_step(v, &page, NULL);
    visit_log(v, "oauth.limited", "path=%s", log_quote(v->path, path));
    return false;
}

bool page_authorize_is_slow(struct visit *v)
{
    return auth_authorize_is_slow(v->site->options.auth, &v->ask, v->query);
}

void page_authorize_get(struct visit *v)
{
    struct auth_session *who;
    struct auth_page page = {0};
    struct error err = {0};

    if (!find_session(v, &who, &err)) {
        page_say_failure(v, &err);
        return;
    }
    auth_authorize(v->site->options.auth, &v->ask, v->query, who, &page);
    show_step(v, &page, who);
    log_step(v, "oauth.authorize", &page);
}

/* What was ticked. False: nothing of one kind, which must not be taken for everything. */
static bool read_decision(struct visit *v, struct auth_decision *out)
{
    struct str rest = v->body, name, value;
    AUTO_BUF spaces = {0};

    *out = (struct auth_decision){.is_granted = str_eq_c(page_field(v, "decision"), "approve")};
    while (http_next_field(&v->arena, &rest, &name, &value)) {
        for (size_t i = 0; str_eq_c(name, "scope") && i < COUNT(scope_words); i++) {
            if (str_eq_c(value, scope_words[i].name))
                out->scopes |= scope_words[i].scope;
        }
        if (str_eq_c(name, "space"))
            buf_printf(&spaces, "%s" STR_FMT, spaces.len > 0 ? " " : "", STR_ARG(value));
        if (str_eq_c(name, "remember"))
            out->is_remembered = true;
    }
    out->spaces = arena_dup(&v->arena, buf_str(&spaces));
    return !out->is_granted || (out->scopes && out->spaces.len > 0);
}

static void ask_again(struct visit *v, const struct auth_session *who)
{
    struct auth_page page = {0};

    auth_authorize(v->site->options.auth, &v->ask, v->query, who, &page);
    if (page.step == AUTH_CONSENT)
        show_consent(v, &page, who, "Tick at least one right and one space, or deny.");
    else
        show_step(v, &page, who);
}

static void decide(struct visit *v)
{
    struct auth_session *who;
    struct auth_decision decision;
    struct auth_page page = {0};
    struct error err = {0};

    if (!find_session(v, &who, &err)) {
        page_say_failure(v, &err);
        return;
    }
    if (!who) { /* it has ended meanwhile */
        page_authorize_get(v);
        return;
    }
    if (!is_own_form(v) || !auth_csrf_ok(who, page_field(v, "csrf"))) {
        page_say_stale(v);
        return;
    }
    if (!read_decision(v, &decision)) {
        ask_again(v, who);
        return;
    }
    auth_consent(v->site->options.auth, &v->ask, v->query, who, &decision, &page);
    show_step(v, &page, who);
    log_step(v, decision.is_granted ? "oauth.consent" : "oauth.denied", &page);
}

/* The same page once more, with a session. */
static struct str same_page(struct visit *v)
{
    return arena_printf(&v->arena, "authorize?" STR_FMT, STR_ARG(v->query));
}

static void log_in_here(struct visit *v)
{
    struct auth_page page = {0};
    const char *problem;
    int status;

    if (!page_has_form_key(v)) {
        page_say_stale(v);
        return;
    }
    if (log_in(v, &problem, &status)) {
        page_redirect(v, same_page(v));
        return;
    }
    if (!problem)
        return;
    auth_authorize(v->site->options.auth, &v->ask, v->query, NULL, &page);
    if (page.step == AUTH_LOG_IN)
        show_login(v, status, &page, problem);
    else
        show_step(v, &page, NULL);
}

void page_authorize_post(struct visit *v)
{
    if (str_eq_c(page_field(v, "step"), "consent"))
        decide(v);
    else
        log_in_here(v);
}

/* -- one-time links -------------------------------------------------------------------------- */

struct str rest_link_url(struct arena *a, struct str base, struct str token)
{
    return arena_printf(a, STR_FMT "/welcome?link=" STR_FMT, STR_ARG(base),
                        STR_ARG(http_escape(a, token)));
}

static void say_link_gone(struct visit *v)
{
    page_say(v, 404, STR("This link does not work any more"), (struct str){0},
             STR("It was used, or it is too old. Ask for a new one, or log in if you have an "
                 "account."));
}

/* Whoever has the server's machine has no name here. */
static struct str inviter(struct visit *v, const struct auth_link *link)
{
    return str_eq_c(link->by, "local")
               ? STR("The owner of this server invites you")
               : arena_printf(&v->arena, STR_FMT " invites you", STR_ARG(link->by));
}

static void show_link(struct visit *v, const struct auth_link *link, struct str token,
                      int status, struct str problem)
{
    bool is_reset = link->kind == AUTH_LINK_RESET;
    bool is_setup = str_eq_c(link->by, "setup");
    struct text_section problem_section;
    struct provider_section provider;
    const struct template_field fields[] = {
        {.name = "heading",
         .text = is_reset   ? STR("Choose a new password")
                 : is_setup ? STR("Welcome to memoryd")
                            : STR("You are invited")},
        {.name = "text",
         .text = is_reset ? arena_printf(&v->arena, "For the account " STR_FMT ".",
                                         STR_ARG(link->account))
                 : is_setup
                     ? STR("Create the owner's account. It decides who and what may use the "
                           "memories on this server.")
                     : arena_printf(&v->arena, STR_FMT " as %s. Choose a name and a password.",
                                    STR_ARG(inviter(v, link)), auth_role_name(link->role))},
        text_section(&problem_section, "problem", problem),
        {.name = "link", .text = token},
        {.name = "form_key", .text = form_key(v)},
        {.name = "name", .text = is_reset ? link->account : page_field(v, "name")},
        TEMPLATE_IF("new", !is_reset),
        TEMPLATE_IF("old", is_reset),
        {.name = "button", .text = is_reset ? STR("Set password") : STR("Create account")},
        provider_section(v, &provider),
    };

    page_send(v, status, page_welcome, STR("Welcome"), (struct str){0},
              &(struct template_row){fields, COUNT(fields), NULL});
}

static void show_home(struct visit *v, const struct auth_session *who)
{
    const struct template_field copied[] = {
        {.name = "what", .text = STR("Address for your client")},
        {.name = "value",
         .text = arena_printf(&v->arena, STR_FMT "/mcp", STR_ARG(v->ask.base))},
    };
    const struct template_row copy_row = {copied, COUNT(copied), NULL};
    struct text_section sections[3];
    const struct template_field fields[] = {
        {.name = "heading",
         .text = arena_printf(&v->arena, "Hello, " STR_FMT, STR_ARG(who->account.name))},
        text_section(&sections[0], "problem", (struct str){0}),
        text_section(
            &sections[1], "lines",
            STR("You are logged in. To connect claude.ai, Claude Desktop or another "
                "client, add this address there as a connector; it will bring you back "
                "here to agree.")),
        text_section(&sections[2], "detail", (struct str){0}),
        {.name = "copy", .rows = &copy_row, .n_rows = 1},
        TEMPLATE_IF("session", true),
        {.name = "csrf", .text = who->csrf},
    };

    page_send(v, 200, page_message, STR("Welcome"), (struct str){0},
              &(struct template_row){fields, COUNT(fields), NULL});
}

static void open_link(struct visit *v, struct str token)
{
    struct auth_link *link;
    struct error err = {0};

    if (!auth_link_look(v->site->options.auth, &v->ask, token, &link, &err))
        page_say_failure(v, &err);
    else if (!link)
        say_link_gone(v);
    else
        show_link(v, link, token, 200, (struct str){0});
}

void page_welcome_get(struct visit *v)
{
    struct str token = http_field_of(&v->arena, v->query, STR("link"));
    struct auth_session *who;
    struct error err = {0};

    if (token.len > 0)
        open_link(v, token);
    else if (!find_session(v, &who, &err))
        page_say_failure(v, &err);
    else if (who)
        show_home(v, who);
    else
        page_redirect(v, STR("login"));
}

static void use_link(struct visit *v, const struct auth_link *link, struct str token)
{
    struct str password = page_field(v, "password"), session;
    struct error err = {0};

    if (!str_eq(password, page_field(v, "again"))) {
        show_link(v, link, token, 400, STR("The two passwords differ."));
        return;
    }
    if (auth_link_use(v->site->options.auth, &v->ask, token, page_field(v, "name"), password,
                      &session, &err)) {
        page_set_cookie(v, PAGE_SESSION_COOKIE, session, AUTH_SESSION_MS / 1000);
        page_redirect(v, STR("welcome"));
        visit_log(v, "oauth.link", "result=used");
    } else if (err.kind == ERROR_INVALID || err.kind == ERROR_CONFLICT) {
        show_link(v, link, token, 400, str_c(err.text));
    } else if (err.kind == ERROR_NOT_FOUND) {
        say_link_gone(v);
    } else {
        page_say_failure(v, &err);
    }
}

void page_welcome_post(struct visit *v)
{
    struct str token = page_field(v, "link");
    struct auth_link *link;
    struct error err = {0};

    if (!page_has_form_key(v))
        page_say_stale(v);
    else if (!auth_link_look(v->site->options.auth, &v->ask, token, &link, &err))
        page_say_failure(v, &err);
    else if (!link)
        say_link_gone(v);
    else
        use_link(v, link, token);
}

/*
 * authorize.c - the request that sends a person to us, and the code that sends them back.
 *
 * Until client and redirect URI are known to belong together nothing is redirected: an error is a page of
 * ours. After that every error goes back to the client, with its state and our name (RFC 9207).
 *
 * Everything is worked out anew from the query when the consent comes back; nothing is kept in between that a
 * browser could change or another session could pick up.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "text/text.h"

#define CHALLENGE_CHARS 43 /* of a SHA-256 in Base64url */
#define BUSY_RETRY_S    5  /* a document takes no longer */

struct asked { /* a request whose client and redirect URI belong together */
    struct form form;
    struct stored_client *client;
    struct str redirect_uri, state, challenge;
    struct resource resource;
    struct scopes scopes;
};

/* -- ways out ---------------------------------------------------------------------------------- */

static bool show_error(struct auth_page *out, int status, const char *error, struct str text)
{
    *out = (struct auth_page){
        .step = AUTH_ERROR_PAGE, .status = status, .error = str_c(error), .text = text};
    return false;
}

/* What is wrong with the client's document is for the person to read; what is wrong with us is for the log. */
static bool fail_page(const struct auth_request *r, const struct error *err,
                      struct auth_page *out)
{
    struct str text = arena_dup(r->arena, str_c(err->text));
    struct auth_answer answer;

    switch (err->kind) {
    case ERROR_INVALID:
        return show_error(out, 400, "invalid_client", text);
    case ERROR_NOT_FOUND:
        say(r, "authorize.refused", STR(""), STR(""), text);
        return show_error(out, 503, "invalid_client", text);
    case ERROR_LIMIT:
        say(r, "authorize.refused", STR(""), STR(""), text);
        show_error(out, 503, "temporarily_unavailable", text);
        out->retry_after_s = BUSY_RETRY_S;
        return false;
    default:
        break;
    }
    answer_failure(r, "authorize", err, &answer);
    if (answer.status != 503)
        return show_error(out, 500, "server_error", STR("The server failed."));
    show_error(out, 503, "temporarily_unavailable",
               STR("The server is busy. Try again in a moment."));
    out->retry_after_s = answer.retry_after_s;
    return false;
}

static bool go_back(const struct auth_request *r, const struct asked *q, const char *error,
                    const char *text, struct auth_page *out)
{
    const struct field fields[] = {{STR("error"), str_c(error)},
                                   {STR("error_description"), str_c(text)},
                                   {STR("state"), q->state},
                                   {STR("iss"), r->base}};

    *out = (struct auth_page){
        .step = AUTH_REDIRECT,
        .location = redirect_build(r->arena, q->redirect_uri, fields, COUNT(fields))};
    return false;
}

static bool go_back_failed(const struct auth_request *r, const struct asked *q,
                           const struct error *err, struct auth_page *out)
{
    struct auth_answer answer;

    answer_failure(r, "authorize", err, &answer);
    return go_back(r, q, answer.status == 503 ? "temporarily_unavailable" : "server_error",
                   "the server failed", out);
}

/* -- reading: each returns false with the page filled -------------------------------------------- */

static bool count_of(const struct form *f, const char *name, size_t *out)
{
    *out = 0;
    for (size_t i = 0; i < f->n; i++)
        *out += str_eq_c(f->fields[i].name, name);
    return *out == 1;
}

static bool find_client(struct auth *x, const struct auth_request *r, struct str id,
                        struct stored_client **out, struct error *err)
{
    return cimd_is_id(id) ? cimd_client(x, r, id, out, err)
                          : auth_store_client(x->store, r->arena, id, out, err);
}

static bool read_client(struct auth *x, const struct auth_request *r, struct str query,
                        struct asked *q, struct auth_page *out)
{
    struct error err = {0};
    size_t n;

    if (!form_parse(r->arena, query, &q->form, &err))
        return show_error(out, 400, "invalid_request",
                          STR("The request is malformed or too long."));
    if (!count_of(&q->form, "client_id", &n))
        return show_error(out, 400, "invalid_request", STR("client_id: expected exactly one."));
    if (!text_is_plain(form_get(&q->form, "client_id")))
        return show_error(out, 400, "invalid_client", STR("No such client."));
    if (!find_client(x, r, form_get(&q->form, "client_id"), &q->client, &err))
        return fail_page(r, &err, out);
    if (!q->client)
        return show_error(out, 400, "invalid_client",
                          STR("This client is not registered here, or not any more. Remove the "
                              "connection in the client and add it again."));
    if (!count_of(&q->form, "redirect_uri", &n))
        return show_error(out, 400, "invalid_request",
                          STR("redirect_uri: expected exactly one."));
    q->redirect_uri = form_get(&q->form, "redirect_uri");
    if (!client_redirects_to(q->client, q->redirect_uri))
        return show_error(out, 400, "invalid_redirect_uri",
                          STR("The client did not register this redirect address."));
    return true;
}

static bool is_challenge(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!c ||
            !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c))
            return false;
    }
    return s.len == CHALLENGE_CHARS;
}

static bool read_challenge(const struct auth_request *r, struct asked *q, struct auth_page *out)
{
    q->challenge = form_get(&q->form, "code_challenge");
    if (!q->challenge.len)
        return go_back(r, q, "invalid_request", "code_challenge is missing", out);
    if (!str_eq(form_get(&q->form, "code_challenge_method"), STR("S256")))
        return go_back(r, q, "invalid_request", "code_challenge_method must be S256", out);
    return is_challenge(q->challenge) ||
           go_back(r, q, "invalid_request", "code_challenge is malformed", out);
}

/* It may come several times (RFC 8707): each must be ours, the first counts. */
static bool read_resource(const struct auth_request *r, struct asked *q, struct auth_page *out)
{
    struct resource each;
    bool has_one = false;

    for (size_t i = 0; i < q->form.n; i++) {
        if (!str_eq(q->form.fields[i].name, STR("resource")))
            continue;
        if (!resource_parse(r->arena, r->base, q->form.fields[i].value, &each))
            return go_back(r, q, "invalid_target", "resource is not this server", out);
        if (!has_one)
            q->resource = each;
        has_one = true;
    }
    return has_one || resource_path_parse(r->arena, r->base, STR("/mcp"), &q->resource) ||
           go_back(r, q, "invalid_target", "resource is not this server", out);
}

static bool read_scopes(const struct auth_request *r, struct asked *q, struct auth_page *out)
{
    struct scopes *s = &q->scopes;

    *s = scopes_parse(form_get(&q->form, "scope"));
    if (!s->bits && s->has_unknown)
        return go_back(r, q, "invalid_scope", "none of these scopes exists here", out);
    if (!s->bits)
        s->bits = SCOPES_DEFAULT;
    if (q->client->scopes.len)
        s->bits &= scopes_parse(q->client->scopes).bits;
    return s->bits || go_back(r, q, "invalid_scope", "not registered for these scopes", out);
}

static bool read_request(struct auth *x, const struct auth_request *r, struct str query,
                         struct asked *q, struct auth_page *out)
{
    struct str state, mode;

    if (!read_client(x, r, query, q, out))
        return false;
    state = form_get(&q->form, "state");
    if (state.len > AUTH_STATE_MAX_BYTES)
        return go_back(r, q, "invalid_request", "state is too long", out);
    q->state = state;
    if (form_repeated(&q->form, "resource").ptr)
        return go_back(r, q, "invalid_request", "a parameter came twice", out);
    if (!form_get(&q->form, "response_type").len)
        return go_back(r, q, "invalid_request", "response_type is missing", out);
    if (!str_eq(form_get(&q->form, "response_type"), STR("code")))
        return go_back(r, q, "unsupported_response_type", "response_type must be code", out);
    mode = form_get(&q->form, "response_mode");
    if (mode.len && !str_eq(mode, STR("query")))
        return go_back(r, q, "invalid_request", "response_mode must be query", out);
    if (!words_has(q->client->grant_types, STR("authorization_code")))
        return go_back(r, q, "unauthorized_client", "not registered for this grant", out);
    return read_challenge(r, q, out) && read_resource(r, q, out) && read_scopes(r, q, out);
}

/* Not where any program on the person's machine could be at the other end (RFC 8252, 8.6), nor for a name that anybody
 * could have registered. */
static bool is_rememberable(const struct asked *q)
{
    return !redirect_is_local(q->redirect_uri) && str_eq(q->client->origin, STR("document"));
}

/* -- what a person may give ---------------------------------------------------------------------- */

static void describe(const struct auth_request *r, const struct asked *q, enum auth_step step,
                     struct auth_page *out)
{
    const struct stored_client *c = q->client;

    *out = (struct auth_page){
        .step = step,
        .client_id = c->id,
        .client_name = c->name,
        .client_host = cimd_is_id(c->id) ? redirect_host(r->arena, c->id) : STR(""),
        .redirect_uri = q->redirect_uri,
        .redirect_host = redirect_host(r->arena, q->redirect_uri),
        .is_verified = str_eq(c->origin, STR("owner")) || str_eq(c->origin, STR("document")),
        .is_local = redirect_is_local(q->redirect_uri),
        .scopes = q->scopes.bits,
        .is_offline = q->scopes.is_offline,
        .is_rememberable = is_rememberable(q),
        .resource = q->resource.name,
    };
}

/* Narrows q->scopes to the account's; the spaces are words. False: there is nothing to give. */
static bool bound_by(const struct auth_request *r, const struct auth_account *who,
                     struct asked *q, struct str *out_spaces, struct auth_page *out)
{
    q->scopes.bits &= auth_role_scopes(who->role);
    *out_spaces = q->resource.space.len ? words_common(r->arena, q->resource.space, who->spaces)
                                        : who->spaces;
    if (who->is_disabled || !q->scopes.bits || !out_spaces->len)
        return go_back(r, q, "access_denied", "this account may not give that", out);
    return true;
}

/* -- codes ------------------------------------------------------------------------------------- */

struct given {
    unsigned scopes;
    struct str spaces;
};

static void give_code(struct auth *x, const struct auth_request *r, const struct asked *q,
                      struct str account, const struct given *g, struct auth_page *out)
{
    struct arena *a = r->arena;
    struct str code = token_new(x, a, PREFIX_CODE);
    const struct stored_code row = {.hash = token_hash(a, code),
                                    .client = q->client->id,
                                    .account = account,
                                    .redirect_uri = q->redirect_uri,
                                    .challenge = q->challenge,
                                    .resource = q->resource.name,
                                    .scopes = scopes_text(a, g->scopes, q->scopes.is_offline),
                                    .spaces = g->spaces,
                                    .family = token_new(x, a, PREFIX_GRANT),
                                    .expires_ms = r->now_ms + AUTH_CODE_MS};
    const struct field fields[] = {
        {STR("code"), code}, {STR("state"), q->state}, {STR("iss"), r->base}};
    struct error err = {0};

    if (!auth_store_code_put(x->store, &row, &err)) {
        (void)go_back_failed(r, q, &err, out);
        return;
    }
    *out = (struct auth_page){.step = AUTH_REDIRECT,
                              .location =
                                  redirect_build(a, q->redirect_uri, fields, COUNT(fields))};
}

/* A consent that covers the request. */
static bool is_remembered(struct auth *x, const struct auth_request *r, const struct asked *q,
                          struct str account, struct str spaces, struct given *out)
{
    struct stored_consent *c = NULL;
    struct error err = {0};

    if (!is_rememberable(q) ||
        !auth_store_consent(x->store, r->arena, account, q->client->id, &c, &err) || !c)
        return false;
    out->scopes = q->scopes.bits;
    out->spaces = words_common(r->arena, c->spaces, spaces);
    return str_eq(c->redirect_uri, q->redirect_uri) && str_eq(c->resource, q->resource.name) &&
           (q->scopes.bits & ~scopes_parse(c->scopes).bits) == 0 &&
           (!q->scopes.is_offline || scopes_parse(c->scopes).is_offline) && out->spaces.len;
}

bool auth_may_authorize(struct auth *x, const struct auth_request *r, struct auth_page *out)
{
    int wait_s;

    if (!r->payer.len || limit_take(x, r, LIMIT_AUTHORIZE, r->payer, &wait_s))
        return true;
    show_error(out, 429, "temporarily_unavailable",
               STR("There were too many requests from your network. Try again in a moment."));
    out->retry_after_s = wait_s;
    return false;
}

bool auth_authorize_is_slow(struct auth *x, const struct auth_request *r, struct str query)
{
    struct form f;
    struct stored_client *c = NULL;
    struct str id;

    if (!x->options.fetch || !form_parse(r->arena, query, &f, NULL))
        return false;
    id = form_get(&f, "client_id");
    return cimd_is_id(id) && cimd_url_check(id, NULL) &&
           (!auth_store_client(x->store, r->arena, id, &c, NULL) || !c ||
            c->fresh_until_ms <= r->now_ms);
}

/* The request, and what this person may give. False: *out is the answer already, or nobody is logged in. */
static bool read_for_person(struct auth *x, const struct auth_request *r, struct str query,
                            const struct auth_session *who, struct asked *q,
                            struct str *out_spaces, struct auth_page *out)
{
    if (!read_request(x, r, query, q, out))
        return false;
    if (!who) {
        describe(r, q, AUTH_LOG_IN, out);
        return false;
    }
    return bound_by(r, &who->account, q, out_spaces, out);
}

void auth_authorize(struct auth *x, const struct auth_request *r, struct str query,
                    const struct auth_session *who, struct auth_page *out)
{
    struct asked q = {0};
    struct str spaces;
    struct given g;

    if (!read_for_person(x, r, query, who, &q, &spaces, out))
        return;
    if (is_remembered(x, r, &q, who->account.name, spaces, &g)) {
        note(x, r, "consent.remembered", who->account.name, q.client->id, STR(""));
        give_code(x, r, &q, who->account.name, &g, out);
        return;
    }
    describe(r, &q, AUTH_CONSENT, out);
    out->spaces = words_split(r->arena, spaces, &out->n_spaces);
}

static void remember(struct auth *x, const struct auth_request *r, const struct asked *q,
                     struct str account, const struct given *g)
{
    const struct stored_consent c = {.account = account,
                                     .client = q->client->id,
                                     .redirect_uri = q->redirect_uri,
                                     .scopes =
                                         scopes_text(r->arena, g->scopes, q->scopes.is_offline),
                                     .spaces = g->spaces,
                                     .resource = q->resource.name,
                                     .at_ms = r->now_ms};
    struct error err = {0};
    struct auth_answer unused;

    if (!auth_store_consent_put(x->store, &c, &err))
        answer_failure(r, "consent", &err, &unused); /* asked again next time */
}

void auth_consent(struct auth *x, const struct auth_request *r, struct str query,
                  const struct auth_session *who, const struct auth_decision *d,
                  struct auth_page *out)
{
    struct asked q = {0};
    struct str spaces;
    struct given g;

    if (!read_for_person(x, r, query, who, &q, &spaces, out))
        return;
    g.scopes = d->scopes ? q.scopes.bits & scopes_close(d->scopes) : q.scopes.bits;
    g.spaces = d->spaces.len ? words_common(r->arena, d->spaces, spaces) : spaces;
    if (!d->is_granted || !g.scopes || !g.spaces.len) {
        note(x, r, "consent.denied", who->account.name, q.client->id, STR(""));
        (void)go_back(r, &q, "access_denied", "the person said no", out);
        return;
    }
    note(x, r, "consent", who->account.name, q.client->id,
         scopes_text(r->arena, g.scopes, q.scopes.is_offline));
    if (d->is_remembered && is_rememberable(&q))
        remember(x, r, &q, who->account.name, &g);
    give_code(x, r, &q, who->account.name, &g, out);
}

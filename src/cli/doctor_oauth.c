/*
 * doctor_oauth.c - memoryd doctor --url: registering as a client, the log-in page, the token endpoint.
 *
 * The client that is registered here is removed again at the end (RFC 7592); where a server has no way to do that,
 * it goes when unused clients do.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include "http/http.h"

#define FORM "application/x-www-form-urlencoded"
/* The example of RFC 7636, appendix B: this client never gets a code. */
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

/* -- registration ------------------------------------------------------------------------------ */

static struct str registration(struct site *s, uint16_t loopback)
{
    AUTO_JSON *j = json_must(json_pack(
        "{s:s, s:[s], s:[s, s], s:[s], s:s}", "client_name", "memoryd doctor", "redirect_uris",
        DOCTOR_REDIRECT, "grant_types", "authorization_code", "refresh_token", "response_types",
        "code", "token_endpoint_auth_method", "none"));

    if (loopback)
        json_array_append_new(
            json_object_get(j, "redirect_uris"),
            json_str(arena_printf(s->arena, "http://127.0.0.1:%u/callback", loopback)));
    return json_text(s->arena, j);
}

/* A server that registers nobody may still take a document. */
static void use_document(struct site *s, uint16_t loopback, const char *why)
{
    if (!s->has_documents) {
        doctor_say(s->d, VERDICT_FAILED, "registration",
                   "%s, and client metadata documents are not supported either: clients cannot "
                   "become known",
                   why);
        return;
    }
    doctor_say(s->d, VERDICT_NOTE, "registration", "%s; Claude goes by its metadata document",
               why);
    s->client = loopback ? STR(DOCTOR_LOOPBACK_ID) : STR(DOCTOR_CLAUDE_ID);
}

static void register_client(struct site *s, uint16_t loopback)
{
    const struct ask ask = {.method = "POST",
                            .url = s->registration_endpoint,
                            .content_type = "application/json",
                            .body = registration(s, loopback)};
    struct fetch_answer answer;
    AUTO_JSON *j = NULL;

    if (!ask.url.len) {
        use_document(s, loopback, "clients do not register here");
        return;
    }
    if (!site_ask(s, "registration", &ask, &answer))
        return;
    if (answer.status == 401 || answer.status == 403) {
        use_document(s, loopback, "registration needs a key (MCP_DCR_REGISTRATION_KEY)");
        return;
    }
    if (!site_json(s, "registration", &answer, answer.status == 200 ? 200 : 201, &j))
        return;
    s->client = site_member(s, j, "client_id");
    s->registration_url = site_member(s, j, "registration_client_uri");
    s->registration_token = site_member(s, j, "registration_access_token");
    if (s->client.len)
        doctor_say(s->d, VERDICT_OK, "registration", "a client was registered");
    else
        doctor_say(s->d, VERDICT_FAILED, "registration", "the answer has no client_id");
}

void doctor_forget_client(struct site *s)
{
    const struct ask ask = {
        .method = "DELETE", .url = s->registration_url, .token = s->registration_token};
    struct fetch_answer answer;

    if (!s->client.len || str_starts(s->client, STR("https://")))
        return; /* nothing was registered */
    if (!s->registration_url.len) {
        doctor_say(
            s->d, VERDICT_NOTE, "clean-up",
            "the server has no way to remove the client again; it goes when unused ones do");
        return;
    }
    if (!site_ask(s, "clean-up", &ask, &answer))
        return;
    if (answer.status == 204)
        doctor_say(s->d, VERDICT_OK, "clean-up", "the client was removed again");
    else
        doctor_say(s->d, VERDICT_NOTE, "clean-up",
                   "the client stays until unused ones go: " STR_FMT,
                   STR_ARG(site_surprise(s, &answer)));
}

/* -- the log-in page --------------------------------------------------------------------------- */

static struct str authorize_url(struct site *s)
{
    return arena_printf(
        s->arena,
        STR_FMT "%sresponse_type=code&client_id=" STR_FMT "&redirect_uri=" STR_FMT
                "&scope=read%%20write%%20offline_access&state=doctor&code_challenge=" CHALLENGE
                "&code_challenge_method=S256&resource=" STR_FMT,
        STR_ARG(s->authorization_endpoint),
        str_contains(s->authorization_endpoint, STR("?")) ? "&" : "?",
        STR_ARG(http_escape(s->arena, s->client)),
        STR_ARG(http_escape(s->arena, STR(DOCTOR_REDIRECT))),
        STR_ARG(http_escape(s->arena, s->url)));
}

static void explain_redirect(struct site *s, struct str location)
{
    struct str path, query;

    if (!str_starts(location, STR(DOCTOR_REDIRECT)))
        doctor_say(s->d, VERDICT_OK, "log-in page", "people are sent on to " STR_FMT,
                   STR_ARG(location));
    else if (str_cut(location, '?', &path, &query))
        doctor_say(s->d, VERDICT_FAILED, "log-in page", "refused with " STR_FMT ": " STR_FMT,
                   STR_ARG(http_field_of(s->arena, query, STR("error"))),
                   STR_ARG(http_field_of(s->arena, query, STR("error_description"))));
    else
        doctor_say(s->d, VERDICT_FAILED, "log-in page",
                   "it sends people back without asking them");
}

static void check_page(struct site *s)
{
    const struct ask ask = {.method = "GET", .url = authorize_url(s)};
    struct fetch_answer answer;
    struct str policy, location;

    if (!site_ask(s, "log-in page", &ask, &answer))
        return;
    policy = fetch_header_of(&answer, STR("Content-Security-Policy"));
    location = fetch_header_of(&answer, STR("Location"));
    if (answer.status >= 300 && answer.status < 400 && location.ptr)
        explain_redirect(s, location);
    else if (answer.status != 200 || !str_starts(answer.content_type, STR("text/html")))
        doctor_say(s->d, VERDICT_FAILED, "log-in page",
                   "no page came (%d, " STR_FMT
                   "); let the proxy pass the authorization endpoint on",
                   answer.status,
                   STR_ARG(answer.content_type.len ? answer.content_type : STR("no type")));
    else if (!str_contains(answer.body, STR("<form")))
        doctor_say(s->d, VERDICT_FAILED, "log-in page",
                   "the page has no form; is it one of a proxy or CDN?");
    else if (!doctor_policy_allows(policy, STR("https://claude.ai")))
        doctor_say(s->d, VERDICT_FAILED, "log-in page",
                   "its Content-Security-Policy lets forms lead to the server alone, so that "
                   "browsers hold back the way to claude.ai; take the form-action that the "
                   "proxy adds away");
    else
        doctor_say(s->d, VERDICT_OK, "log-in page",
                   "it is there, and may lead back to claude.ai");
}

/* -- the token endpoint ------------------------------------------------------------------------ */

/* What is made up must be refused, in the words by which clients know that they have to log in again. */
static void check_refusal(struct site *s, const char *what, struct str form)
{
    const struct ask ask = {
        .method = "POST", .url = s->token_endpoint, .content_type = FORM, .body = form};
    struct fetch_answer answer;
    AUTO_JSON *j = NULL;
    struct str error;

    if (!site_ask(s, "token", &ask, &answer) || !site_json(s, "token", &answer, 400, &j))
        return;
    error = site_member(s, j, "error");
    if (str_eq_c(error, "invalid_grant"))
        doctor_say(s->d, VERDICT_OK, "token", "a made-up %s is refused with invalid_grant",
                   what);
    else
        doctor_say(s->d, VERDICT_FAILED, "token",
                   "a made-up %s gets '" STR_FMT
                   "' in the place of invalid_grant, which makes clients log in again",
                   what, STR_ARG(error));
}

void doctor_check_oauth(struct site *s, uint16_t loopback)
{
    struct str client;

    if (!s->token_endpoint.len || !s->authorization_endpoint.len)
        return;
    register_client(s, loopback);
    if (!s->client.len)
        return;
    check_page(s);
    client = http_escape(s->arena, s->client);
    check_refusal(
        s, "code",
        arena_printf(s->arena,
                     "grant_type=authorization_code&code=made-up&code_verifier=" VERIFIER
                     "&client_id=" STR_FMT "&redirect_uri=" STR_FMT,
                     STR_ARG(client), STR_ARG(http_escape(s->arena, STR(DOCTOR_REDIRECT)))));
    check_refusal(
        s, "refresh token",
        arena_printf(s->arena,
                     "grant_type=refresh_token&refresh_token=made-up&client_id=" STR_FMT,
                     STR_ARG(client)));
}

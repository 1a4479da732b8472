/*
 * doctor_login.c - memoryd doctor --url … --login: a person logs in, and the rest is done as a client does it.
 *
 * The code comes back to a socket on loopback that answers one request and is closed again. Code, verifier and
 * tokens are never printed; the tokens are revoked at the end.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "http/http.h"

#define FORM              "application/x-www-form-urlencoded"
#define REQUEST_MAX_BYTES ((size_t)16 << 10)
#define REQUEST_MS        10000
#define SECRET_BYTES      32
#define SHORT_LIFE_S      ((int64_t)8 * 3600)

struct login {
    struct site *site;
    struct str redirect_uri;
    struct str state;
    struct str verifier;
    struct str access_token, refresh_token;
};

/* -- the loopback socket ----------------------------------------------------------------------- */

bool doctor_listen(int *out_fd, uint16_t *out_port, struct error *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(fd, 4) != 0 || getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        if (fd >= 0)
            close(fd);
        return error_set(err, ERROR_UNAVAILABLE, "cannot listen on 127.0.0.1");
    }
    *out_fd = fd;
    *out_port = ntohs(at.sin_port);
    return true;
}

static bool wait_for(int fd, int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_monotonic_ms();
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return left_ms > 0 && poll(&p, 1, (int)left_ms) > 0;
}

/* The target of a GET, in the arena; empty: it was none. */
static struct str read_target(struct arena *a, int fd)
{
    int64_t until_ms = clock_monotonic_ms() + REQUEST_MS;
    AUTO_BUF b = {.max = REQUEST_MAX_BYTES};
    struct str method, target, rest;

    while (!str_contains(buf_str(&b), STR("\r\n\r\n"))) {
        char piece[1024];
        ssize_t n = wait_for(fd, until_ms) ? recv(fd, piece, sizeof(piece), 0) : 0;

        if (n > 0)
            buf_add(&b, str_n(piece, (size_t)n));
        if (n <= 0 || b.is_full)
            return (struct str){0};
    }
    if (!str_cut(buf_str(&b), ' ', &method, &rest) || !str_eq_c(method, "GET") ||
        !str_cut(rest, ' ', &target, &rest))
        return (struct str){0};
    return arena_dup(a, target);
}

static void reply(int fd, const char *status, const char *text)
{
    char message[512];
    int n = snprintf(
        message, sizeof(message),
        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
        status, strlen(text), text);

    (void)!send(fd, message, (size_t)n, MSG_NOSIGNAL);
}

/* The query that the browser brings back. ptr NULL: none in time. */
static struct str wait_for_code(struct site *s, int listener)
{
    int64_t until_ms = clock_monotonic_ms() + DOCTOR_LOGIN_MS;

    while (wait_for(listener, until_ms)) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct str target, path, query;
        bool is_it;

        if (fd < 0)
            continue;
        target = read_target(s->arena, fd);
        is_it = str_cut(target, '?', &path, &query) && str_eq_c(path, "/callback");
        reply(fd, is_it ? "200 OK" : "404 Not Found",
              is_it ? "memoryd doctor goes on in the terminal. You can close this page.\n"
                    : "Nothing here.\n");
        close(fd);
        if (is_it)
            return query;
    }
    return (struct str){0};
}

/* -- authorization ----------------------------------------------------------------------------- */

static struct str random_text(struct arena *a)
{
    char bytes[SECRET_BYTES];
    AUTO_BUF b = {0};

    crypto_random(bytes, sizeof(bytes));
    crypto_base64url_encode(&b, str_n(bytes, sizeof(bytes)));
    return arena_dup(a, buf_str(&b));
}

static struct str challenge_of(struct arena *a, struct str verifier)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    AUTO_BUF b = {0};

    crypto_sha256(verifier, digest);
    crypto_base64url_encode(&b, str_n((const char *)digest, sizeof(digest)));
    return arena_dup(a, buf_str(&b));
}

static struct str escaped(const struct login *l, struct str text)
{
    return http_escape(l->site->arena, text);
}

static void ask_person(const struct login *l)
{
    const struct site *s = l->site;

    fprintf(s->d->c->host->err,
            "Open this address in a browser on this machine, log in and approve:\n\n  " STR_FMT
            "%sresponse_type=code&client_id=" STR_FMT "&redirect_uri=" STR_FMT
            "&scope=read%%20write%%20offline_access&state=" STR_FMT "&code_challenge=" STR_FMT
            "&code_challenge_method=S256&resource=" STR_FMT "\n\n",
            STR_ARG(s->authorization_endpoint),
            str_contains(s->authorization_endpoint, STR("?")) ? "&" : "?",
            STR_ARG(escaped(l, s->client)), STR_ARG(escaped(l, l->redirect_uri)),
            STR_ARG(l->state), STR_ARG(challenge_of(s->arena, l->verifier)),
            STR_ARG(escaped(l, s->url)));
    fflush(s->d->c->host->err);
}

/* The code that the answer brings; ptr NULL: none, and that was said. */
static struct str take_code(struct login *l, struct str query)
{
    struct site *s = l->site;
    struct str error = http_field_of(s->arena, query, STR("error"));
    struct str code = http_field_of(s->arena, query, STR("code"));
    struct str iss = http_field_of(s->arena, query, STR("iss"));

    if (!query.ptr)
        doctor_say(s->d, VERDICT_FAILED, "log-in", "nobody logged in within %d minutes",
                   DOCTOR_LOGIN_MS / 60000);
    else if (!str_eq_secret(http_field_of(s->arena, query, STR("state")), l->state))
        doctor_say(s->d, VERDICT_FAILED, "log-in", "state came back changed");
    else if (iss.ptr ? !str_eq(iss, s->issuer) : s->has_iss)
        doctor_say(s->d, VERDICT_FAILED, "log-in",
                   "the answer is of the issuer '" STR_FMT "', not of " STR_FMT
                   ": clients refuse it",
                   STR_ARG(iss), STR_ARG(s->issuer));
    else if (error.len || !code.len)
        doctor_say(s->d, VERDICT_FAILED, "log-in", "no code came: " STR_FMT " " STR_FMT,
                   STR_ARG(error),
                   STR_ARG(http_field_of(s->arena, query, STR("error_description"))));
    else
        return code;
    return (struct str){0};
}

/* -- tokens ------------------------------------------------------------------------------------ */

static bool ask_token(struct login *l, const char *check, struct str form,
                      struct fetch_answer *out)
{
    const struct ask ask = {.method = "POST",
                            .url = l->site->token_endpoint,
                            .content_type = FORM,
                            .body = form,
                            .timeout_ms = DOCTOR_REFRESH_MS};

    return site_ask(l->site, check, &ask, out);
}

static bool take_tokens(struct login *l, const char *check, const struct fetch_answer *answer)
{
    struct site *s = l->site;
    int64_t life_s = 0;
    struct error err = {0};
    AUTO_JSON *j = NULL;
    struct str refresh;

    if (!site_json(s, check, answer, 200, &j))
        return false;
    if (!json_get_int(j, "", "expires_in", &life_s, &err))
        doctor_say(s->d, VERDICT_NOTE, check, "%s; some clients stop there", err.text);
    l->access_token = site_member(s, j, "access_token");
    refresh = site_member(s, j, "refresh_token");
    if (refresh.len)
        l->refresh_token = refresh;
    if (!l->access_token.len)
        doctor_say(s->d, VERDICT_FAILED, check, "the answer has no access_token");
    else if (!l->refresh_token.len)
        doctor_say(s->d, VERDICT_FAILED, check,
                   "no refresh token came: people log in again every day");
    else if (life_s && life_s < SHORT_LIFE_S)
        doctor_say(s->d, VERDICT_NOTE, check,
                   "tokens live for %lld minutes; some clients show an error each time "
                   "(MCP_OAUTH_ACCESS_TOKEN_EXPIRE_MINUTES)",
                   (long long)(life_s / 60));
    else
        doctor_say(s->d, VERDICT_OK, check, "tokens came");
    s->token = l->access_token;
    return l->access_token.len > 0;
}

static bool exchange(struct login *l, struct str code)
{
    struct site *s = l->site;
    struct fetch_answer answer;
    struct str form = arena_printf(
        s->arena,
        "grant_type=authorization_code&code=" STR_FMT "&code_verifier=" STR_FMT
        "&client_id=" STR_FMT "&redirect_uri=" STR_FMT "&resource=" STR_FMT,
        STR_ARG(escaped(l, code)), STR_ARG(l->verifier), STR_ARG(escaped(l, s->client)),
        STR_ARG(escaped(l, l->redirect_uri)), STR_ARG(escaped(l, s->url)));

    return ask_token(l, "log-in", form, &answer) && take_tokens(l, "log-in", &answer);
}

static bool refresh(struct login *l, struct str token, struct fetch_answer *out)
{
    struct str form = arena_printf(
        l->site->arena, "grant_type=refresh_token&refresh_token=" STR_FMT "&client_id=" STR_FMT,
        STR_ARG(escaped(l, token)), STR_ARG(escaped(l, l->site->client)));

    return ask_token(l, "refresh", form, out);
}

/* Claude refreshes from several places at once: the token before must do for a while. */
static void check_refresh(struct login *l)
{
    struct str first = l->refresh_token;
    struct fetch_answer answer;

    if (!first.len || !refresh(l, first, &answer) || !take_tokens(l, "refresh", &answer))
        return;
    if (!refresh(l, first, &answer))
        return;
    if (answer.status == 200)
        doctor_say(l->site->d, VERDICT_OK, "refresh", "also twice at once, as Claude does it");
    else
        doctor_say(l->site->d, VERDICT_FAILED, "refresh",
                   "the token before is refused at once (%d); Claude refreshes from several "
                   "places, and people log in again every day",
                   answer.status);
}

static void check_revocation(struct login *l)
{
    struct site *s = l->site;
    const struct ask ask = {.method = "POST",
                            .url = s->revocation_endpoint,
                            .content_type = FORM,
                            .body =
                                arena_printf(s->arena, "token=" STR_FMT "&client_id=" STR_FMT,
                                             STR_ARG(escaped(l, l->refresh_token)),
                                             STR_ARG(escaped(l, s->client)))};
    struct fetch_answer answer;

    if (!ask.url.len || !l->refresh_token.len) {
        doctor_say(s->d, VERDICT_NOTE, "revocation",
                   "there is no way to revoke; the tokens live until they expire");
        return;
    }
    if (!site_ask(s, "revocation", &ask, &answer))
        return;
    if (answer.status != 200)
        doctor_say(s->d, VERDICT_FAILED, "revocation", STR_FMT,
                   STR_ARG(site_surprise(s, &answer)));
    else if (s->token.len && doctor_call(s, "revocation", "tools/list", NULL, &answer))
        doctor_say(s->d, answer.status == 401 ? VERDICT_OK : VERDICT_FAILED, "revocation",
                   "a revoked token gets %d", answer.status);
}

void doctor_log_in(struct site *s, int listener, uint16_t port)
{
    struct login l = {.site = s,
                      .redirect_uri =
                          arena_printf(s->arena, "http://127.0.0.1:%u/callback", port),
                      .state = random_text(s->arena),
                      .verifier = random_text(s->arena)};
    struct str code = {0};

    if (s->client.len) {
        ask_person(&l);
        code = take_code(&l, wait_for_code(s, listener));
    }
    close(listener);
    if (!code.ptr)
        return;
    if (exchange(&l, code) && doctor_check_calls(s))
        check_refresh(&l);
    if (l.access_token.len || l.refresh_token.len) /* whatever was wrong with them */
        check_revocation(&l);
}

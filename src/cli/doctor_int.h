/*
 * doctor_int.h - what the files of memoryd doctor share: how a check says what it found.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCTOR_INT_H
#define CLI_DOCTOR_INT_H

#include "cli/cli_int.h"
#include "fetch/fetch.h"

struct doctor {
    struct cli *c;
    json_t *checks; /* NULL unless --json */
    size_t n_failed;
};

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_FAILED };

/* One line: what was looked at, and what it is; of a failure the cause and what to do. Control characters
 * in it, which may come from a server, are made visible. */
void doctor_say(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
    PRINTF(4, 5);

/* -- this machine (doctor_host.c) -------------------------------------------------------------- */

void doctor_check_host(struct doctor *d); /* clock, files, certificate, port */

/* What is wrong with the time now_ms for a program built at built_ms, in the arena; empty: nothing. */
struct str doctor_clock_problem(struct arena *a, int64_t now_ms, int64_t built_ms);

/* -- a server by its URL ----------------------------------------------------------------------- */

#define DOCTOR_ANSWER_MAX  ((size_t)4 << 20)
#define DOCTOR_ANSWER_MS   10000  /* what clients allow for discovery, registration, a token */
#define DOCTOR_REFRESH_MS  30000  /* a refresh */
#define DOCTOR_CALL_MS     300000 /* a call of a tool */
#define DOCTOR_LOGIN_MS    300000 /* what a person may take to log in */
#define DOCTOR_REDIRECT    "https://claude.ai/api/mcp/auth_callback"
#define DOCTOR_CLAUDE_ID   "https://claude.ai/oauth/mcp-oauth-client-metadata"
#define DOCTOR_LOOPBACK_ID "https://claude.ai/oauth/claude-code-client-metadata"

enum { /* its options */
       DOCTOR_OPT_URL = 'u',
       DOCTOR_OPT_CONNECT = 'c',
       DOCTOR_OPT_CA_FILE = 'f',
       DOCTOR_OPT_PRIVATE = 'p',
       DOCTOR_OPT_LOGIN = 'l',
};

struct doctor_address { /* views of the URL */
    struct str origin;  /* "https://host:port" */
    struct str host;
    struct str path; /* "/mcp"; empty: none */
    int64_t port;
};
/* INVALID: no https URL of host, perhaps port, perhaps path. */
NODISCARD bool doctor_parse_url(struct str url, struct doctor_address *out, struct error *err);
/* RFC 8414 3.1, RFC 9728 3.1: the name goes between host and path. */
struct str doctor_well_known(struct arena *a, const struct doctor_address *of,
                             const char *name);
/* The value of name="value" in a challenge of the scheme Bearer; ptr NULL: none. */
struct str doctor_challenge_param(struct str challenge, struct str name);
/* The form-action of a policy lets a form lead to a URL of this origin. */
bool doctor_policy_allows(struct str policy, struct str origin);

struct site { /* everything in the command's arena */
    struct doctor *d;
    struct arena *arena;
    struct fetcher *fetcher;
    struct str url;
    struct doctor_address at;
    bool is_private;  /* --private: for clients of this network */
    bool is_diverted; /* --connect: not where the name leads */
    struct str token; /* empty: none at hand */

    /* What the authorization server says of itself. */
    struct str issuer, authorization_endpoint, token_endpoint, registration_endpoint,
        revocation_endpoint;
    bool has_documents; /* client ids that are documents */
    bool has_iss;

    struct str client; /* empty: none */
    struct str registration_url, registration_token;
};

struct ask {
    const char *method;
    struct str url;
    const char *content_type; /* NULL: no body */
    struct str body;
    struct str token;       /* for Authorization: Bearer; empty: none */
    const char *user_agent; /* NULL: our own */
    const struct fetch_header *headers;
    size_t n_headers;
    int timeout_ms; /* 0: DOCTOR_ANSWER_MS */
};

/* False: no answer came, and that was said. */
bool site_ask(struct site *s, const char *check, const struct ask *ask,
              struct fetch_answer *out);
/* A JSON object with that status. False: something else came, and that was said. */
bool site_json(struct site *s, const char *check, const struct fetch_answer *answer, int status,
               json_t **out);
/* Why an answer is not what it should be: a redirect, a page, a status. In the arena. */
struct str site_surprise(struct site *s, const struct fetch_answer *answer);
struct str site_member(struct site *s, const json_t *j, const char *key); /* a copy */

bool doctor_run_url(struct doctor *d, struct error *err);   /* doctor_url.c */
void doctor_check_oauth(struct site *s, uint16_t loopback); /* doctor_oauth.c */
void doctor_forget_client(struct site *s);
/* Calls with s->token. False: it was refused. */
bool doctor_check_calls(struct site *s); /* doctor_calls.c */
/* The body of a request of 2026-07-28; params: a JSON object's members, perhaps none. */
struct str doctor_modern(struct arena *a, const char *method, json_t *params /* stolen */);
/* A modern request, with the headers that belong to it. */
bool doctor_call(struct site *s, const char *check, const char *method, json_t *params,
                 struct fetch_answer *out);
void doctor_log_in(struct site *s, int listener, uint16_t port); /* doctor_login.c */
NODISCARD bool doctor_listen(int *out_fd, uint16_t *out_port, struct error *err);

#endif

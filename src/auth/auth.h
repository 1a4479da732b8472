/*
 * auth.h - who may do what: OAuth 2.1 authorization server, access checks, accounts and keys.
 *
 * Everything that decides is here, and nothing that talks: no socket, no page, no clock. A caller
 * hands in what a request said, as text, and sends what comes out. Pages are the caller's too; they
 * are told what to show.
 *
 *   request to /mcp      auth_check() -> principal, or auth_challenge() with 401, 403
 *   GET  /.well-known/…  auth_document(), also /oauth/jwks
 *   POST /register       auth_register(); /register/<id>: auth_registration()
 *   GET  /authorize      auth_may_authorize(), auth_authorize() -> error page, redirect, log-in page or consent page
 *   POST /authorize      auth_consent() -> redirect with a code
 *   POST /token, /revoke, /introspect
 *   pages                auth_login(), auth_session(), auth_link_look(), auth_link_use(), ...
 *
 * The four endpoints are served below /oauth/ (what the metadata says) and at the root (what clients
 * of 2025-03-26 assume); auth_authorize() does not care which.
 *
 * Secrets. The database holds only hashes of tokens, codes, client secrets and passwords. What this
 * header hands out in the clear (struct auth_answer, links, sessions, keys) is shown once and never
 * logged.
 *
 * Owner    results live in the request's arena. Views given are borrowed until return.
 * Threads  any. auth_login(), auth_link_use() and auth_password_set() take about 0.1 s and 64 MB:
 *          run them on a worker. So may auth_authorize() and auth_consent(), see
 *          auth_authorize_is_slow(). All others wait for at most one commit to disk.
 * Errors   bool functions as everywhere. Those that fill a struct auth_answer or auth_page turn every
 *          failure into one, and log what is INTERNAL.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "model/model.h"

/* Limits; docs/limits.md lists them for users. */
#define AUTH_FORM_MAX_BYTES     ((size_t)64 << 10) /* a query string or form */
#define AUTH_REGISTER_MAX_BYTES ((size_t)32 << 10)
#define AUTH_TOKEN_MAX_BYTES    4096 /* an Authorization header's credentials */
#define AUTH_STATE_MAX_BYTES    ((size_t)8 << 10)
#define AUTH_REDIRECT_URIS_MAX  10
#define AUTH_URI_MAX_BYTES      2048
#define AUTH_NAME_MAX_CHARS     100  /* of a client */
#define AUTH_CLIENTS_MAX        2000 /* that registered themselves; as many by a document */
#define AUTH_ACCOUNT_MAX_CHARS  64
#define AUTH_PASSWORD_MIN_CHARS 10
#define AUTH_PASSWORD_MAX_BYTES 1024

#define AUTH_CODE_MS   ((int64_t)60 * 1000)
#define AUTH_GRACE_MS  ((int64_t)120 * 1000) /* a rotated refresh token still succeeds */
#define AUTH_LEEWAY_MS ((int64_t)60 * 1000)
#define AUTH_UNUSED_MS ((int64_t)24 * 3600 * 1000)      /* clients that never got a token */
#define AUTH_IDLE_MS   ((int64_t)90 * 24 * 3600 * 1000) /* clients not used any more */
#define AUTH_FAMILY_MAX_MS                                                                     \
    ((int64_t)365 * 24 * 3600 * 1000) /* a grant, however much it is used */
#define AUTH_SESSION_MS          ((int64_t)12 * 3600 * 1000)
#define AUTH_LINK_MS             ((int64_t)7 * 24 * 3600 * 1000)
#define AUTH_CIMD_MAX_BYTES      ((size_t)5 << 10) /* of a client's metadata document */
#define AUTH_CIMD_TIMEOUT_MS     5000
#define AUTH_VISIT_MS            ((int64_t)10 * 60 * 1000) /* logging in at a provider */
#define AUTH_VISITS_MAX          1000                      /* at once; beyond, the oldest go */
#define AUTH_VISIT_MAX_BYTES     ((size_t)16 << 10) /* of the request to go on with afterwards */
#define AUTH_PROVIDER_MAX_BYTES  ((size_t)128 << 10) /* of an answer of the provider */
#define AUTH_PROVIDER_TIMEOUT_MS 10000

/* Rates: so many at once, and so many a second after that. limits.c says why these. */
#define AUTH_LIMIT_KEYS_MAX    4096 /* addresses, clients or grants that each remembers */
#define AUTH_CREDENTIALS_BURST 100  /* wrong tokens or keys from one address */
#define AUTH_CREDENTIALS_PER_S 1.0
#define AUTH_KEY_GUESSES_BURST                                                                 \
    100 /* those that could only be MCP_API_KEY; being right clears nothing */
#define AUTH_KEY_GUESSES_PER_S     1.0
#define AUTH_WRONG_BURST           60 /* wrong clients, codes, refresh tokens from one address */
#define AUTH_WRONG_PER_S           1.0
#define AUTH_WRONG_CLIENT_BURST    20 /* the same of one client there */
#define AUTH_WRONG_CLIENT_PER_S    0.2
#define AUTH_GRANT_BURST           60 /* new tokens of one grant */
#define AUTH_GRANT_PER_S           1.0
#define AUTH_ASK_BURST             200 /* questions about tokens, and revocations, of one client */
#define AUTH_ASK_PER_S             20.0
#define AUTH_REGISTER_BURST        30 /* registrations from one address */
#define AUTH_REGISTER_PER_S        0.5
#define AUTH_REGISTER_SHARED_BURST 300 /* from all addresses together that many people share */
#define AUTH_REGISTER_SHARED_PER_S 5.0
#define AUTH_AUTHORIZE_BURST       60 /* log-in pages of one address */
#define AUTH_AUTHORIZE_PER_S       1.0

struct auth;

/* -- opening ----------------------------------------------------------------------------------- */

struct auth_fetched {
    int status;
    struct str content_type;
    struct str body;   /* at most AUTH_CIMD_MAX_BYTES */
    int64_t max_age_s; /* of Cache-Control; negative: not said */
};

/* Gets a document from outside: https only, no redirects, no private address, AUTH_CIMD_* limits. False:
 * it could not; err is for the log. Called on the thread that called auth_authorize(). */
typedef bool auth_fetch(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                        struct error *err);

struct auth_options {
    const char *path;            /* the OAuth database; its folder must exist */
    struct str private_key;      /* PEM, P-256 or RSA from 2048 bits; empty: keys of our own */
    struct str api_key;          /* MCP_API_KEY: all scopes and spaces; empty: none */
    struct str registration_key; /* MCP_DCR_REGISTRATION_KEY; empty: open */
    bool is_registration_closed; /* clients come from the owner, or as metadata documents */
    const struct str *redirect_hosts; /* clients may send people only there, besides
                                        loopback; none: anywhere */
    size_t n_redirect_hosts;
    const struct str
        *schemes; /* private-use redirect schemes; NULL: cursor, vscode, vscode-insiders */
    size_t n_schemes;
    int64_t access_token_ms;  /* 0: 24 hours */
    int64_t refresh_token_ms; /* idle; 0: 30 days */
    auth_fetch *fetch;        /* NULL: only the built-in metadata documents are known */
    void *fetch_ctx;
    void (*random)(void *out, size_t n); /* NULL: crypto_random(); tests pass their own */
    int64_t now_ms;                      /* of the opening; keys are made if there are none */
};

/* INVALID: a key is unusable. Strings are copied. */
NODISCARD bool auth_open(const struct auth_options *options, struct auth **out,
                         struct error *err);
void auth_close(struct auth *x);

/* Removes what has expired and writes down what was used when; call every few minutes. */
NODISCARD bool auth_tidy(struct auth *x, int64_t now_ms, struct error *err);

/* -- a request --------------------------------------------------------------------------------- */

/* What holds for one request. base is what the client sees as our origin, with a prefix if there is one:
 * "https://host", no slash at the end. It is the issuer. The caller derives it from configuration or a
 * trusted proxy, never from a mere Host header. */
struct auth_request {
    struct arena *arena;
    struct str base;
    struct str peer; /* client address: for the audit */
    int64_t now_ms;
    struct str
        payer; /* whom limits by address count: peer, of IPv6 its network; empty: nobody, since
                         many people share that address */
};

/* The OAuth database of the Python service: whether this is one; and, once, its clients and live refresh tokens
 * taken over. r: arena and now_ms. The file is not changed. */
bool auth_is_reference(const char *path);
bool auth_came_from(const char *path, struct str reference); /* path took that one over, once */
NODISCARD bool auth_import(struct auth *x, const struct auth_request *r, const char *path,
                           struct error *err);

/* Whether text can be a base: https, or http on a loopback host; no user, query, fragment or slash at the
 * end; printable ASCII. */
NODISCARD bool auth_base_check(struct str text, struct error *err);

/* To be sent as it is. Every answer also gets Cache-Control: no-store, or max-age=3600 where is_public;
 * and Access-Control-Allow-Origin: *, without credentials. */
struct auth_answer {
    int status;
    struct str body;      /* JSON (application/json); empty: none */
    struct str challenge; /* WWW-Authenticate; empty: none */
    bool is_public;       /* anybody may keep it for an hour */
    int retry_after_s;    /* 0: no such header */
    const char *error;    /* the code of a refusal; NULL: none */
};

/* -- documents --------------------------------------------------------------------------------- */

/*
 * RFC 8414 metadata, RFC 9728 metadata, and the keys. path is the request's. False: there is no such document
 * here, the caller answers 404. Known, P being base's own path:
 *   /.well-known/oauth-authorization-server[P][/mcp]
 *   /.well-known/oauth-protected-resource[P]{"", /, /mcp, /mcp/, /mcp/<space>, /sse}
 *   [P]/oauth/jwks
 * resource in the second is base plus exactly what followed P, as RFC 9728 3.3 asks.
 */
bool auth_document(struct auth *x, const struct auth_request *r, struct str path,
                   struct auth_answer *out);

/* The WWW-Authenticate value of a 401 or 403. resource_path: "/mcp" and so on, of the request. error:
 * "", "invalid_token", "insufficient_scope", "invalid_request"; scopes: what the operation needs. */
struct str auth_challenge(const struct auth_request *r, struct str resource_path,
                          const char *error, unsigned scopes, const char *description);

/* -- checking a request ------------------------------------------------------------------------ */

struct auth_principal {
    struct str
        subject; /* account; "api_key" for MCP_API_KEY; the client's id if it acts for itself */
    struct str client;        /* client id, or the API key's name */
    struct str grant;         /* names the grant or key in the audit; not a secret */
    unsigned scopes;          /* enum scope, or-ed; the wider imply the narrower */
    const struct str *spaces; /* in the order of preference */
    size_t n_spaces;
    bool is_all_spaces; /* spaces holds the preferred ones only, perhaps none */
    int64_t expires_ms; /* 0: never */
};

enum auth_verdict {
    AUTH_OK,
    AUTH_NONE,      /* no credentials: 401, or anonymous where that is allowed */
    AUTH_MALFORMED, /* 400, invalid_request */
    AUTH_INVALID,   /* 401, invalid_token */
    AUTH_LIMITED,   /* 429: too many wrong ones from this address; nothing was looked at */
    AUTH_FAILED, /* 503: the database does not answer; a 401 would make clients log in anew */
};

/* Looks at the Authorization header (empty: absent), else at X-API-Key. Bearer may carry an access token
 * or an API key. A token that was revoked, by whatever process, is refused from then on. Costs some
 * microseconds for a token that was checked before. why: a line for error_description. */
enum auth_verdict auth_check(struct auth *x, const struct auth_request *r,
                             struct str authorization, struct str api_key,
                             struct auth_principal *out, const char **why);

bool auth_may_use_space(const struct auth_principal *p, struct str space);
struct str auth_first_space(const struct auth_principal *p); /* of /mcp without a space */

/* -- registration ------------------------------------------------------------------------------ */

/* RFC 7591. authorization: the header, or empty. */
void auth_register(struct auth *x, const struct auth_request *r, struct str authorization,
                   struct str body, struct auth_answer *out);
/* RFC 7592: method is GET, PUT or DELETE; id is what follows /register/. */
void auth_registration(struct auth *x, const struct auth_request *r, struct str method,
                       struct str id, struct str authorization, struct str body,
                       struct auth_answer *out);

/* -- tokens ------------------------------------------------------------------------------------ */

/* RFC 6749 3.2, RFC 7009, RFC 7662. form: the body, application/x-www-form-urlencoded. */
void auth_token(struct auth *x, const struct auth_request *r, struct str authorization,
                struct str form, struct auth_answer *out);
void auth_revoke(struct auth *x, const struct auth_request *r, struct str authorization,
                 struct str form, struct auth_answer *out);
void auth_introspect(struct auth *x, const struct auth_request *r, struct str authorization,
                     struct str form, struct auth_answer *out);

/* -- accounts ---------------------------------------------------------------------------------- */

enum auth_role {
    AUTH_READER, /* read */
    AUTH_MEMBER, /* read, write */
    AUTH_OWNER,  /* read, write, admin */
};
unsigned auth_role_scopes(enum auth_role role);
const char *auth_role_name(enum auth_role role); /* "reader", "member", "owner" */
bool auth_role_parse(struct str name, enum auth_role *out);
/* "read write": words, separated by blanks. INVALID names the one that is no scope. */
NODISCARD bool auth_scopes_parse(struct str words, unsigned *out, struct error *err);
/* Names of spaces, separated by blanks; "*" stands for all. INVALID: one is no name, or there is none. */
NODISCARD bool auth_spaces_check(struct str spaces, struct error *err);

struct auth_account {
    struct str name; /* lower case */
    enum auth_role role;
    struct str spaces; /* separated by blanks, the preferred first; "*" among them: all */
    bool is_disabled;
    int64_t created_ms;
    int64_t used_ms; /* last log-in; 0 never */
};

/* A person who is logged in. */
struct auth_session {
    struct auth_account account;
    struct str csrf; /* put into every form of this session, compared with auth_csrf_ok() */
    int64_t expires_ms;
};

enum auth_login_result {
    AUTH_LOGIN_OK,
    AUTH_LOGIN_WRONG, /* name or password; which is not told */
    AUTH_LOGIN_WAIT,  /* too many failures: nothing was looked at, see out_wait_s */
};

/* *out_token: for a cookie, HttpOnly, SameSite=Lax, Secure, valid AUTH_SESSION_MS. A new one each time, so
 * that a session cannot be planted. */
NODISCARD bool auth_login(struct auth *x, const struct auth_request *r, struct str name,
                          struct str password, enum auth_login_result *out,
                          struct str *out_token, int *out_wait_s, struct error *err);
/* The same by MCP_API_KEY, as the owner; the reference's way. WRONG if there is no key or no owner. */
NODISCARD bool auth_login_api_key(struct auth *x, const struct auth_request *r, struct str key,
                                  enum auth_login_result *out, struct str *out_token,
                                  int *out_wait_s, struct error *err);
/* *out NULL: no such session any more. */
NODISCARD bool auth_session(struct auth *x, const struct auth_request *r, struct str token,
                            struct auth_session **out, struct error *err);
bool auth_csrf_ok(const struct auth_session *s, struct str given);
NODISCARD bool auth_logout(struct auth *x, const struct auth_request *r, struct str token,
                           struct error *err);

/* One-time links. */
enum auth_link_kind {
    AUTH_LINK_INVITE, /* makes an account of the given role */
    AUTH_LINK_RESET,  /* sets a new password for the named account */
};

struct auth_link {
    enum auth_link_kind kind;
    enum auth_role role;
    struct str spaces;
    struct str account; /* of RESET */
    struct str by;      /* who made it */
    int64_t expires_ms;
};

/* *out_token goes into <base>/welcome#… or wherever the page is; shown once. The first owner's link is one
 * with role OWNER, by "setup". */
NODISCARD bool auth_link_new(struct auth *x, const struct auth_request *r,
                             const struct auth_link *link, struct str *out_token,
                             struct error *err);
/* *out NULL: unknown, used or expired. */
NODISCARD bool auth_link_look(struct auth *x, const struct auth_request *r, struct str token,
                              struct auth_link **out, struct error *err);
/* Uses the link up and logs in. INVALID: name or password unfit; CONFLICT: the name is taken; NOT_FOUND:
 * the link is gone. The link survives the first two. */
NODISCARD bool auth_link_use(struct auth *x, const struct auth_request *r, struct str token,
                             struct str name, struct str password, struct str *out_session,
                             struct error *err);

NODISCARD bool auth_has_owner(struct auth *x, bool *out, struct error *err);
NODISCARD bool auth_accounts(struct auth *x, struct arena *a, const struct auth_account **out,
                             size_t *out_n, struct error *err);
/* As people type the name. NOT_FOUND. */
NODISCARD bool auth_account_find(struct auth *x, struct arena *a, struct str name,
                                 struct auth_account *out, struct error *err);
/* Role, spaces and is_disabled of the named account; in force at the next request of its tokens. NOT_FOUND;
 * CONFLICT: nobody would be owner any more. by: for the audit. */
NODISCARD bool auth_account_set(struct auth *x, const struct auth_request *r, struct str by,
                                const struct auth_account *account, struct error *err);
NODISCARD bool auth_account_delete(struct auth *x, const struct auth_request *r, struct str by,
                                   struct str name, struct error *err);
/* Ends all sessions of the account. INVALID: unfit. */
NODISCARD bool auth_password_set(struct auth *x, const struct auth_request *r, struct str by,
                                 struct str name, struct str password, struct error *err);

/* -- log-in by an OpenID Connect provider ------------------------------------------------------ */

/*
 * The provider is trusted with saying who somebody is, not with who may come in: it makes no account. Whoever
 * opens an invitation may log in there in the place of choosing a password; from then on that identity, issuer and
 * subject, is the account's.
 *
 *   POST /login/provider   auth_provider_begin() -> cookie, and the provider's page
 *   GET  /login/callback   auth_provider_end() -> session
 */
struct auth_sending {
    struct str url;
    struct str form;          /* POST; ptr NULL: GET */
    struct str authorization; /* header; empty: none */
};
/* To the provider: https only, no redirects, AUTH_PROVIDER_* limits. As auth_fetch. */
typedef bool auth_send(void *ctx, struct arena *a, const struct auth_sending *what,
                       struct auth_fetched *out, struct error *err);

struct auth_provider {
    struct str name;                     /* for the button: "Log in with …" */
    struct str issuer;                   /* "https://login.example/realm" */
    struct str client_id, client_secret; /* secret empty: a public client */
    auth_send *send;
    void *send_ctx;
};
/* Before there are other threads. Strings are copied. INVALID: the issuer is no https URL. */
NODISCARD bool auth_provider_set(struct auth *x, const struct auth_provider *p,
                                 struct error *err);
struct str auth_provider_name(const struct auth *x); /* empty: there is none */

struct auth_visit {
    struct str query; /* of the authorization request to go on with; empty: none */
    struct str link;  /* a one-time link's token; empty: somebody who has an account */
    struct str name;  /* of the account that an invitation is to make */
};
struct auth_departure {
    struct str location; /* of the provider's page */
    struct str cookie;   /* as a session's, for AUTH_VISIT_MS */
};
/* Slow, and after auth_may_authorize(). NOT_FOUND: the link is gone; INVALID: the name is unfit, or the request
 * too long; UNAVAILABLE: the provider does not answer, or as no provider does. */
NODISCARD bool auth_provider_begin(struct auth *x, const struct auth_request *r,
                                   const struct auth_visit *visit, struct auth_departure *out,
                                   struct error *err);

enum auth_arrival_result {
    AUTH_ARRIVED,
    AUTH_ARRIVAL_STALE, /* no visit of this browser is under way: came twice, too late, or was made up */
    AUTH_ARRIVAL_REFUSED, /* the provider said no, or its proof is none: see why */
    AUTH_ARRIVAL_UNKNOWN, /* no account, or a disabled one */
    AUTH_ARRIVAL_NO_LINK, /* the link is gone, its name is taken, or the identity another's: see why */
};
struct auth_arrival {
    enum auth_arrival_result result;
    struct str session; /* ARRIVED: as of auth_login() */
    struct str query;   /* ARRIVED: of the visit */
    struct str why;
};
/* Slow. query: raw, as it came; cookie: of the departure. */
NODISCARD bool auth_provider_end(struct auth *x, const struct auth_request *r, struct str query,
                                 struct str cookie, struct auth_arrival *out,
                                 struct error *err);

/* -- authorize --------------------------------------------------------------------------------- */

enum auth_step {
    AUTH_ERROR_PAGE, /* client or redirect URI are not to be trusted: show status and text */
    AUTH_REDIRECT,   /* 303 to location */
    AUTH_LOG_IN,     /* show the log-in page, come back with the same query and a session */
    AUTH_CONSENT,    /* show the consent page; its form posts to auth_consent() */
};

/* Text below comes from outside: a page escapes it. */
struct auth_page {
    enum auth_step step;

    int status; /* ERROR_PAGE */
    struct str error, text;
    int retry_after_s; /* over 0: the same request will do then */

    struct str location; /* REDIRECT: absolute, printable ASCII */

    /* LOG_IN and CONSENT */
    struct str client_id;
    struct str client_name; /* as the client says; may be empty */
    struct str client_host; /* of a metadata document's URL; empty for registered clients */
    struct str redirect_uri;
    struct str redirect_host; /* the scheme, "cursor:", for private-use ones */
    bool is_verified;         /* an owner's own, or named by an https document */
    bool is_local; /* sends people to a program on their machine, which any program could be */
    unsigned
        scopes; /* what was asked for and this account may give (LOG_IN: what was asked for) */
    bool is_offline;      /* asks to stay connected */
    bool is_rememberable; /* a consent to it may be remembered */
    struct str resource;
    /* CONSENT: the spaces this account may give; "*" stands for all */
    const struct str *spaces;
    size_t n_spaces;
};

/* Of who is not logged in, before anything is done for the next three; one address may ask only so often. False: *out is
 * the page to show. */
bool auth_may_authorize(struct auth *x, const struct auth_request *r, struct auth_page *out);

/* Whether the query names a client whose document may have to be fetched first (up to AUTH_CIMD_TIMEOUT_MS; one
 * at a time). */
bool auth_authorize_is_slow(struct auth *x, const struct auth_request *r, struct str query);

/* query: raw, as it came. who: NULL, not logged in. A consent that is remembered is not asked for again. */
void auth_authorize(struct auth *x, const struct auth_request *r, struct str query,
                    const struct auth_session *who, struct auth_page *out);

struct auth_decision {
    bool is_granted;
    unsigned scopes;   /* at most those of the page; 0: all of them */
    struct str spaces; /* separated by blanks, at most those of the page; empty: all of them */
    bool is_remembered;
};
/* The caller checked the CSRF token. REDIRECT or ERROR_PAGE; LOG_IN if who is NULL. */
void auth_consent(struct auth *x, const struct auth_request *r, struct str query,
                  const struct auth_session *who, const struct auth_decision *decision,
                  struct auth_page *out);

/* -- clients, grants, keys, audit: for the dashboard and the command line ------------------------ */

struct auth_client_info {
    struct str id, name, origin; /* "registered", "owner", "document", "imported" */
    struct str redirect_uris;    /* separated by blanks */
    struct str grant_types;
    struct str scopes, spaces; /* of one that acts for itself */
    bool is_public;            /* it has no secret */
    int64_t created_ms, used_ms;
};
NODISCARD bool auth_clients(struct auth *x, struct arena *a,
                            const struct auth_client_info **out, size_t *out_n,
                            struct error *err);
/* Registers a client by hand. With grant client_credentials it acts for itself within scopes and
 * spaces. *out_secret empty for a public one. */
struct auth_client_new {
    struct str name;
    const struct str *redirect_uris;
    size_t n_redirect_uris;
    bool is_public;     /* no secret */
    bool is_for_itself; /* grant client_credentials */
    unsigned scopes;    /* of is_for_itself */
    struct str spaces;
};
NODISCARD bool auth_client_add(struct auth *x, const struct auth_request *r, struct str by,
                               const struct auth_client_new *client, struct str *out_id,
                               struct str *out_secret, struct error *err);
/* With all its grants. NOT_FOUND. */
NODISCARD bool auth_client_delete(struct auth *x, const struct auth_request *r, struct str by,
                                  struct str id, struct error *err);

struct auth_grant { /* a live one: what a person once allowed a client */
    struct str id, account, client_id, client_name, scopes, spaces, resource;
    int64_t created_ms, used_ms, expires_ms;
};
/* account empty: of everybody. */
NODISCARD bool auth_grants(struct auth *x, struct arena *a, struct str account, int64_t now_ms,
                           const struct auth_grant **out, size_t *out_n, struct error *err);
/* account: whose it must be; empty: anybody's. NOT_FOUND. */
NODISCARD bool auth_grant_revoke(struct auth *x, const struct auth_request *r, struct str by,
                                 struct str account, struct str id, struct error *err);

struct auth_api_key {
    struct str name;
    struct str account; /* whose; its role and spaces bound the key */
    unsigned scopes;
    struct str spaces;
    int64_t created_ms, expires_ms, used_ms; /* 0: never */
};
/* *out_key: "mdk_…", shown once. CONFLICT: the name is taken; NOT_FOUND: no such account. */
NODISCARD bool auth_api_key_add(struct auth *x, const struct auth_request *r, struct str by,
                                const struct auth_api_key *key, struct str *out_key,
                                struct error *err);
NODISCARD bool auth_api_keys(struct auth *x, struct arena *a, const struct auth_api_key **out,
                             size_t *out_n, struct error *err);
NODISCARD bool auth_api_key_delete(struct auth *x, const struct auth_request *r, struct str by,
                                   struct str name, struct error *err);

/* A new signing key. The one before stays in the JWKS until the last token it signed has expired. INVALID
 * where the key is configured. */
NODISCARD bool auth_keys_rotate(struct auth *x, const struct auth_request *r, struct str by,
                                struct error *err);

struct auth_event {
    int64_t seq, at_ms;
    struct str event; /* "login", "login.failed", "consent", "token.reuse", ... */
    struct str subject, client, peer, detail;
};
/* The latest first, before seq (0: from the end). */
NODISCARD bool auth_audit(struct auth *x, struct arena *a, int64_t before_seq, size_t max,
                          const struct auth_event **out, size_t *out_n, struct error *err);

#endif

/*
 * auth_int.h - what the files of this folder share: forms, lists of words, URIs, clients, tokens.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_AUTH_INT_H
#define AUTH_AUTH_INT_H

#include "auth/auth.h"

#include <jansson.h>

#include "base/limiter.h"
#include "base/map.h"
#include "base/thread.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "store/auth_store.h"

#define SCOPES_ALL     ((unsigned)SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN)
#define SCOPES_DEFAULT ((unsigned)SCOPE_READ | SCOPE_WRITE)
#define CHECKED_MAX    4096 /* credentials that are remembered as good */
#define FETCHES_MAX    64   /* remembered, to be no amplifier */

/* Prefixes, so that scanners and people know what they found. */
#define PREFIX_CLIENT       "mcp_client_"
#define PREFIX_SECRET       "mdc_" /* of a client */
#define PREFIX_REGISTRATION "mdg_"
#define PREFIX_CODE         "mda_"
#define PREFIX_REFRESH      "mdr_"
#define PREFIX_SESSION      "mds_"
#define PREFIX_LINK         "mdl_"
#define PREFIX_API_KEY      "mdk_"
#define PREFIX_VISIT        "mdv_"
#define PREFIX_GRANT        "grant_" /* no secret: a name, which must not begin with a dash */

/* -- form.c: application/x-www-form-urlencoded ---------------------------------------------------- */

#define FORM_FIELDS_MAX 64

struct field {
    struct str name, value; /* decoded: any bytes */
};
struct form {
    struct field *fields;
    size_t n;
};
/* INVALID: too long, too many fields, a broken escape. */
NODISCARD bool form_parse(struct arena *a, struct str text, struct form *out,
                          struct error *err);
struct str form_get(const struct form *f, const char *name); /* the first; ptr NULL: absent */
/* A name that comes twice, other than but; empty: none. */
struct str form_repeated(const struct form *f, const char *but);
/* Percent-encodes all but unreserved characters. */
void form_encode(struct buf *b, struct str value);
NODISCARD bool form_decode(struct arena *a, struct str text, struct str *out);

/* -- words.c: lists of words, scopes -------------------------------------------------------------- */

bool words_has(struct str list, struct str word);
bool words_next(struct str *rest, struct str *out_word); /* takes the next one off */
struct str words_join(struct arena *a, const struct str *words, size_t n);
/* Those of a that are in b, in a's order; "*" in either stands for all of the other. */
struct str words_common(struct arena *ar, struct str a, struct str b);
const struct str *words_split(struct arena *a, struct str list, size_t *out_n);
bool text_is_plain(struct str s); /* printable ASCII without blanks, at least a character */

struct scopes {
    unsigned bits;   /* closed: the wider bring the narrower */
    bool is_offline; /* offline_access */
    bool has_unknown;
};
struct scopes scopes_parse(struct str words);
unsigned scopes_close(unsigned bits);
struct str scopes_text(struct arena *a, unsigned bits, bool is_offline);

/* -- uri.c ------------------------------------------------------------------------------------- */

struct uri { /* views of the text */
    struct str scheme, host, port, path, query;
    bool has_authority;
};
/* INVALID: not an absolute URI of printable ASCII, or with user, fragment, wildcard, backslash, a broken
 * escape or dot segments. host keeps the brackets of IPv6. */
NODISCARD bool uri_parse(struct str text, struct uri *out, struct error *err);
bool uri_is_loopback(const struct uri *u); /* localhost, 127.0.0.1, [::1] */

struct redirect_rules {
    const struct str *hosts; /* none: any */
    size_t n_hosts;
    const struct str *schemes;
    size_t n_schemes;
};
NODISCARD bool redirect_check(const struct redirect_rules *rules, struct str text,
                              struct error *err);
bool redirect_matches(struct str registered, struct str given);
/* uri with the fields added to its query; values are encoded, empty (ptr NULL) ones left out. */
struct str redirect_build(struct arena *a, struct str uri, const struct field *fields,
                          size_t n);
/* What a person is shown: host and port, or the scheme with a colon. */
struct str redirect_host(struct arena *a, struct str uri);
bool redirect_is_local(struct str uri); /* loopback or a private-use scheme */

NODISCARD bool cimd_url_check(struct str url, struct error *err);

struct resource {
    struct str name;  /* canonical: base and path, no slash at the end */
    struct str path;  /* what follows base: "", "/mcp", "/mcp/<space>" (encoded), "/sse" */
    struct str space; /* of /mcp/<space>; else empty */
};
/* Whether text names this server, in one of its forms. */
bool resource_parse(struct arena *a, struct str base, struct str text, struct resource *out);
/* The same for what follows base. */
bool resource_path_parse(struct arena *a, struct str base, struct str path,
                         struct resource *out);
bool resource_covers(const struct resource *wide, const struct resource *narrow);

/* -- auth.c ------------------------------------------------------------------------------------ */

struct signing_key {
    struct crypto_key *key; /* lives until auth_close() */
    int64_t until_ms;       /* retired keys; 0: no end */
    bool is_gone;
};

enum limit {
    LIMIT_CREDENTIALS,
    LIMIT_KEY_GUESSES,
    LIMIT_WRONG,
    LIMIT_WRONG_CLIENT,
    LIMIT_GRANT,
    LIMIT_ASK,
    LIMIT_REGISTER,
    LIMIT_REGISTER_SHARED,
    LIMIT_AUTHORIZE,
    N_LIMITS
};

struct checked; /* check.c: a credential that was good */

struct fetch_mark {
    uint64_t host; /* a hash */
    int64_t at_ms;
};

struct kept_text { /* of the provider; empty: none */
    struct buf text;
    int64_t at_ms;
};

struct auth {
    struct auth_store *store;
    struct arena arena; /* copies of options */
    struct auth_options options;
    struct auth_provider provider; /* issuer empty: none */
    struct str derive_key;         /* of refresh successors and CSRF tokens */
    unsigned char api_key_hash[CRYPTO_SHA256_BYTES];

    struct mutex key_lock; /* guards the next three */
    struct VEC(struct signing_key) keys;
    size_t active; /* index of the key that signs */
    int64_t keys_validity;

    struct mutex check_lock; /* guards the next two; taken alone */
    struct map checked;      /* digest -> struct checked * */
    int64_t checked_validity;

    struct limiter *limits[N_LIMITS]; /* each has a lock of its own */

    struct mutex fetch_lock; /* guards the next three */
    struct fetch_mark fetches[FETCHES_MAX];
    size_t next_fetch;
    bool is_fetching;

    struct mutex provider_lock; /* guards the next two; taken alone */
    struct kept_text provider_metadata, provider_keys;
};

NODISCARD bool checked_note_uses(struct auth *x, struct error *err);
void checked_clear(struct auth *x); /* check_lock is held, or nobody else is there */

/* 256 random bits behind a prefix. */
struct str token_new(struct auth *x, struct arena *a, const char *prefix);
struct str token_hash(struct arena *a, struct str token);
/* The refresh token that follows this one; the same each time. */
struct str token_successor(struct auth *x, struct arena *a, struct str token);
struct str derive(struct auth *x, struct arena *a, const char *purpose, struct str text);

/* The key that signs now. */
NODISCARD bool keys_active(struct auth *x, int64_t now_ms, struct crypto_key **out,
                           struct error *err);
/* *out NULL: no such key, or not any more. */
NODISCARD bool keys_find(struct auth *x, struct str kid, int64_t now_ms,
                         struct crypto_key **out, struct error *err);

/* A line in the log: for what strangers can cause at will, who must not fill the disk. */
void say(const struct auth_request *r, const char *event, struct str subject, struct str client,
         struct str detail);
/* Into the audit as well; a failure to write only loses the row. */
void note(struct auth *x, const struct auth_request *r, const char *event, struct str subject,
          struct str client, struct str detail);

/* -- answers ----------------------------------------------------------------------------------- */

void answer_json(const struct auth_request *r, int status, json_t *body, /* takes body over */
                 struct auth_answer *out);
void answer_error(const struct auth_request *r, int status, const char *error, const char *text,
                  struct auth_answer *out);
/* A failure of ours or of the database: 503 or 500, logged. */
void answer_failure(const struct auth_request *r, const char *what, const struct error *err,
                    struct auth_answer *out);

/* -- limits (limits.c) ------------------------------------------------------------------------- */

void limits_open(struct auth *x);
void limits_close(struct auth *x);
/* False: in *out_wait_s seconds. take counts, has only looks. */
bool limit_take(struct auth *x, const struct auth_request *r, enum limit kind, struct str key,
                int *out_wait_s);
bool limit_has(struct auth *x, const struct auth_request *r, enum limit kind, struct str key,
               int *out_wait_s);
void limit_forget(struct auth *x, enum limit kind, struct str key);
bool answer_limit(const struct auth_request *r, int wait_s,
                  struct auth_answer *out); /* false */

/* Whether the client may show its secret, code or token; false: answered. Then how that went. */
bool client_may_try(struct auth *x, const struct auth_request *r, struct str client,
                    struct auth_answer *out);
void client_was_wrong(struct auth *x, const struct auth_request *r, struct str client);
void client_was_right(struct auth *x, const struct auth_request *r, struct str client);
/* Of one that is who it says. False: answered. */
bool client_may_ask(struct auth *x, const struct auth_request *r, struct str client,
                    struct auth_answer *out);

/* -- clients (client.c, register.c, cimd.c) ------------------------------------------------------ */

#define ORIGIN_IMPORTED "imported" /* see import.c */

/* Whether there is room for one more client of this origin, registered or document, which strangers make. Where it is
 * full, those that nobody agreed to in an hour make room. */
NODISCARD bool clients_have_room(struct auth *x, int64_t now_ms, struct str origin, bool *out,
                                 struct error *err);

bool client_redirects_to(const struct stored_client *c, struct str uri);
/* Authorization "Scheme credentials". False: another scheme, or none. */
bool credentials_of(struct str authorization, const char *scheme, struct str *out);
/* Who calls the token endpoint. NULL: out is filled with the refusal. */
struct stored_client *client_authenticate(struct auth *x, const struct auth_request *r,
                                          struct str authorization, const struct form *f,
                                          struct auth_answer *out);

/* What register.c and cimd.c both read of a client's metadata. INVALID: the text names the field;
 * out_error is "invalid_redirect_uri" or "invalid_client_metadata". */
NODISCARD bool metadata_read(struct auth *x, struct arena *a, const json_t *j,
                             struct stored_client *out, const char **out_error,
                             struct error *err);

bool cimd_is_id(struct str client_id); /* it is an https URL, good or bad */
bool cimd_is_builtin(struct str client_id);
/* Of a stored record, a fetch, or the built-in records. For the page: INVALID, the document is none; NOT_FOUND, it cannot
 * be had; LIMIT, not now. Else as usual. */
NODISCARD bool cimd_client(struct auth *x, const struct auth_request *r, struct str url,
                           struct stored_client **out, struct error *err);
NODISCARD bool cimd_document_read(struct auth *x, struct arena *a, struct str url,
                                  struct str text, struct stored_client *out,
                                  struct error *err);

/* -- tokens (token.c, check.c) ------------------------------------------------------------------- */

#define CLAIM_TEXTS 6
struct claims {
    struct str iss, sub, aud, client_id, scope, jti;
    int64_t exp_ms, iat_ms, nbf_ms;
};
/* Signature, kid, typ, iss and aud; not the times. *out NULL: not one of our tokens; why says so. */
NODISCARD bool claims_verify(struct auth *x, const struct auth_request *r, struct str token,
                             struct claims **out, const char **why, struct error *err);

/* -- people.c ---------------------------------------------------------------------------------- */

struct auth_account account_of(const struct stored_account *p);
/* One spelling of a name: without blanks around it, in lower case. */
struct str normal_name(struct arena *a, struct str name);
NODISCARD bool account_name_check(struct str name, struct error *err);
NODISCARD bool session_open(struct auth *x, const struct auth_request *r, struct str account,
                            struct str *out_token, struct error *err);

#endif

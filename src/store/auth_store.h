/*
 * auth_store.h - people, clients and grants on disk: a SQLite file of its own.
 *
 * A second public header of this folder, on purpose: two databases, two interfaces. Memories and those who
 * may read them are kept apart, in files that are backed up and shared apart.
 *
 * Whoever calls decides what is right; here is what must happen at once or not at all, between threads
 * and between processes: a code is used once, a refresh token rotates once, a link makes one account.
 * Hashes are SHA-256 in hex; lists are words separated by one blank.
 *
 * Owner    results live in the arena given. A lookup gives NULL for what is not there.
 * Threads  any: one connection behind a lock, and one more for checks.
 * Errors   as in store.h.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_AUTH_STORE_H
#define STORE_AUTH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct auth_store;

/* The file is made with mode 0600 if there is none. CONFLICT: its schema is newer than this program. */
NODISCARD bool auth_store_open(const char *path, struct auth_store **out, struct error *err);
void auth_store_close(struct auth_store *s);

/* Grows whenever a credential may have lost worth: a revocation, a change of an account, of a key, by any
 * process. Made to be asked at each request. */
NODISCARD bool auth_store_validity(struct auth_store *s, int64_t *out, struct error *err);

/* The secret of this name; the first time, what is given is kept as it. */
NODISCARD bool auth_store_secret(struct auth_store *s, struct arena *a, struct str name,
                                 struct str fresh, struct str *out, struct error *err);

/* Removes what has expired. Clients that registered themselves go unused_ms after registration if they
 * never got a token, idle_ms after their last one; documents alike. */
struct auth_store_ages {
    int64_t now_ms, unused_ms, idle_ms;
    int64_t code_ms;  /* used or expired codes are kept so long */
    int64_t audit_ms; /* and rows of the audit */
};
NODISCARD bool auth_store_tidy(struct auth_store *s, const struct auth_store_ages *ages,
                               struct error *err);

struct stored_event {
    int64_t seq, at_ms;
    struct str event, subject, client, peer, detail;
};
NODISCARD bool auth_store_log(struct auth_store *s, const struct stored_event *e,
                              struct error *err);
NODISCARD bool auth_store_audit(struct auth_store *s, struct arena *a, int64_t before_seq,
                                size_t max, const struct stored_event **out, size_t *out_n,
                                struct error *err); /* the latest first */

/* -- clients (auth_clients.c) ------------------------------------------------------------------ */

struct stored_client {
    struct str id, origin, name, method;
    struct str secret_hash, registration_hash; /* empty: none */
    struct str redirect_uris, grant_types, scopes, spaces;
    struct str metadata; /* JSON */
    struct str peer;
    int64_t created_ms, used_ms, fresh_until_ms;
};
/* Puts it in the place of the one of this id, whose grants, created_ms and used_ms stay. */
NODISCARD bool auth_store_client_put(struct auth_store *s, const struct stored_client *c,
                                     struct error *err);
NODISCARD bool auth_store_client(struct auth_store *s, struct arena *a, struct str id,
                                 struct stored_client **out, struct error *err);
NODISCARD bool auth_store_clients(struct auth_store *s, struct arena *a,
                                  const struct stored_client **out, size_t *out_n,
                                  struct error *err);
NODISCARD bool auth_store_client_delete(struct auth_store *s, struct str id, bool *out_was,
                                        struct error *err);
/* How many there are of an origin. */
NODISCARD bool auth_store_clients_count(struct auth_store *s, struct str origin, int64_t *out,
                                        struct error *err);
/* Makes room: removes up to max clients of an origin that came until then and never got a token, the oldest
 * first. */
NODISCARD bool auth_store_clients_evict(struct auth_store *s, struct str origin,
                                        int64_t until_ms, int max, int64_t *out_n,
                                        struct error *err);

struct stored_consent {
    struct str account, client, redirect_uri, scopes, spaces, resource;
    int64_t at_ms;
};
NODISCARD bool auth_store_consent_put(struct auth_store *s, const struct stored_consent *c,
                                      struct error *err);
NODISCARD bool auth_store_consent(struct auth_store *s, struct arena *a, struct str account,
                                  struct str client, struct stored_consent **out,
                                  struct error *err);

/* -- people (auth_people.c) -------------------------------------------------------------------- */

struct stored_account {
    struct str name, password_hash, spaces;
    int role; /* 0 reader, 1 member, 2 owner */
    bool is_disabled;
    int64_t created_ms, used_ms;
};
NODISCARD bool auth_store_account(struct auth_store *s, struct arena *a, struct str name,
                                  struct stored_account **out, struct error *err);
NODISCARD bool auth_store_accounts(struct auth_store *s, struct arena *a,
                                   const struct stored_account **out, size_t *out_n,
                                   struct error *err);
/* Role, spaces, is_disabled. NOT_FOUND; CONFLICT: no owner would be left who may log in. */
NODISCARD bool auth_store_account_set(struct auth_store *s, const struct stored_account *x,
                                      struct error *err);
NODISCARD bool auth_store_account_delete(struct auth_store *s, struct str name,
                                         struct error *err); /* as account_set */
/* Ends the account's sessions and takes back its remembered consents. NOT_FOUND. */
NODISCARD bool auth_store_password_set(struct auth_store *s, struct str name,
                                       struct str password_hash, struct error *err);
NODISCARD bool auth_store_account_used(struct auth_store *s, struct str name, int64_t now_ms,
                                       struct error *err);

struct stored_link {
    struct str hash, spaces, account, made_by;
    int kind, role;
    int64_t created_ms, expires_ms;
};
NODISCARD bool auth_store_link_put(struct auth_store *s, const struct stored_link *l,
                                   struct error *err);
NODISCARD bool auth_store_link(struct auth_store *s, struct arena *a, struct str hash,
                               int64_t now_ms, struct stored_link **out, struct error *err);
/* Uses the link up and makes the account, or sets its password (kind 1: of the link's account). NOT_FOUND:
 * the link is used or expired; CONFLICT: the name is taken, and the link stays. */
NODISCARD bool auth_store_link_use(struct auth_store *s, struct str hash, struct str name,
                                   struct str password_hash, int64_t now_ms, struct error *err);

struct stored_session {
    struct str hash, account;
    int64_t created_ms, expires_ms;
};
NODISCARD bool auth_store_session_put(struct auth_store *s, const struct stored_session *x,
                                      struct error *err);
/* The account of a session that has not expired and whose account is not disabled. */
NODISCARD bool auth_store_session(struct auth_store *s, struct arena *a, struct str hash,
                                  int64_t now_ms, struct stored_session **out,
                                  struct stored_account **out_account, struct error *err);
NODISCARD bool auth_store_session_delete(struct auth_store *s, struct str hash,
                                         struct error *err);

/* -- log-ins by a provider (auth_identities.c) ------------------------------------------------- */

struct stored_identity {
    struct str issuer, subject, account;
    int64_t created_ms;
};
/* The account of this person, disabled or not. */
NODISCARD bool auth_store_identity(struct auth_store *s, struct arena *a, struct str issuer,
                                   struct str subject, struct stored_account **out,
                                   struct error *err);
/* As auth_store_link_use(), with an identity in the place of a password; of kind 1 a password that was there
 * is gone. CONFLICT also: the identity is another account's. */
NODISCARD bool auth_store_link_use_identity(struct auth_store *s, struct str hash,
                                            const struct stored_identity *i, struct error *err);

struct stored_visit {
    struct str hash, query, link, name;
    int64_t expires_ms;
};
/* Beyond max the oldest go. */
NODISCARD bool auth_store_visit_put(struct auth_store *s, const struct stored_visit *v,
                                    int64_t now_ms, int64_t max, struct error *err);
/* It can be had once. */
NODISCARD bool auth_store_visit_take(struct auth_store *s, struct arena *a, struct str hash,
                                     int64_t now_ms, struct stored_visit **out,
                                     struct error *err);

struct stored_attempt { /* tries under one name */
    struct str what;
    int64_t n, last_ms;
};
/* Fills in n and last_ms of x->what; those that lie back to since_ms count no more. */
NODISCARD bool auth_store_attempts(struct auth_store *s, int64_t since_ms,
                                   struct stored_attempt *x, struct error *err);
/* Counts one more of each of seen[n], unless one has changed since it was read: then *out_ok is false, and none is
 * counted. */
NODISCARD bool auth_store_attempts_add(struct auth_store *s, const struct stored_attempt *seen,
                                       size_t n, int64_t now_ms, int64_t since_ms, bool *out_ok,
                                       struct error *err);
/* Forgets all of `what`, and the last one of counted: as it was when it was read. */
NODISCARD bool auth_store_attempts_clear(struct auth_store *s, struct str what,
                                         const struct stored_attempt *counted,
                                         struct error *err);

/* -- grants (auth_grants.c) -------------------------------------------------------------------- */

struct stored_code {
    struct str hash, client, account, redirect_uri, challenge, resource, scopes, spaces, family;
    int64_t expires_ms, used_ms;
};
struct stored_family {
    struct str id, client, account; /* account empty: the client acts for itself */
    struct str scopes, spaces, resource;
    int64_t created_ms, used_ms, expires_ms, revoked_ms;
};
struct stored_access {
    struct str jti, family;
    int64_t expires_ms, revoked_ms;
};
struct stored_refresh {
    struct str hash, family, parent;
    int64_t expires_ms, rotated_ms;
};

NODISCARD bool auth_store_code_put(struct auth_store *s, const struct stored_code *c,
                                   struct error *err);
NODISCARD bool auth_store_code(struct auth_store *s, struct arena *a, struct str hash,
                               struct stored_code **out, struct error *err);

/* A new family with its first tokens; code_hash empty: without a code. *out_ok false: the code was used before;
 * then the family that it founded is revoked. Marks the client as used. */
struct auth_store_issue {
    struct str code_hash;
    struct stored_family family;
    struct stored_access access;
    struct stored_refresh refresh; /* hash empty: none */
    int64_t now_ms;
};
NODISCARD bool auth_store_issue(struct auth_store *s, const struct auth_store_issue *i,
                                bool *out_ok, struct error *err);

NODISCARD bool auth_store_family(struct auth_store *s, struct arena *a, struct str id,
                                 struct stored_family **out, struct error *err);
/* Live ones, of one account or, if it is empty, of all. */
NODISCARD bool auth_store_families(struct auth_store *s, struct arena *a, struct str account,
                                   int64_t now_ms, const struct stored_family **out,
                                   size_t *out_n, struct error *err);
/* With what was remembered of the consent to it. */
NODISCARD bool auth_store_family_revoke(struct auth_store *s, struct str id, int64_t now_ms,
                                        struct error *err);

NODISCARD bool auth_store_refresh(struct auth_store *s, struct arena *a, struct str hash,
                                  struct stored_refresh **out, struct error *err);
/* Adds an access token to a family, and where `from` has not been rotated yet its successor `to` (both
 * empty: no rotation). *out_ok false: the family is revoked. */
struct auth_store_rotation {
    struct str from;
    struct stored_refresh to;
    struct stored_access access;
    int64_t now_ms;
};
NODISCARD bool auth_store_rotate(struct auth_store *s, const struct auth_store_rotation *r,
                                 bool *out_ok, struct error *err);

/* Through the connection for checks: the token and its family, with the account as it is now. */
struct stored_standing {
    struct stored_access access;
    struct stored_family family;
    struct stored_account account; /* name empty: none */
};
NODISCARD bool auth_store_standing(struct auth_store *s, struct arena *a, struct str jti,
                                   struct stored_standing **out, struct error *err);
NODISCARD bool auth_store_access_revoke(struct auth_store *s, struct str jti, int64_t now_ms,
                                        struct error *err);

/* -- keys (auth_keys.c) ------------------------------------------------------------------------ */

struct stored_api_key {
    struct str name, hash, account, scopes, spaces;
    int64_t created_ms, expires_ms, used_ms;
};
/* CONFLICT: the name is taken, or there is no such account. */
NODISCARD bool auth_store_api_key_put(struct auth_store *s, const struct stored_api_key *k,
                                      struct error *err);
NODISCARD bool auth_store_api_keys(struct auth_store *s, struct arena *a,
                                   const struct stored_api_key **out, size_t *out_n,
                                   struct error *err);
NODISCARD bool auth_store_api_key_delete(struct auth_store *s, struct str name, bool *out_was,
                                         struct error *err);
NODISCARD bool auth_store_api_key_used(struct auth_store *s, struct str name, int64_t at_ms,
                                       struct error *err);
/* Through the connection for checks: a key and its account as it is now. */
NODISCARD bool auth_store_api_key(struct auth_store *s, struct arena *a, struct str hash,
                                  struct stored_api_key **out,
                                  struct stored_account **out_account, struct error *err);

struct stored_signing_key {
    struct str kid, pem;
    int64_t created_ms, retired_ms, until_ms;
};
/* All that are still good at now_ms, the newest first. */
NODISCARD bool auth_store_signing_keys(struct auth_store *s, struct arena *a, int64_t now_ms,
                                       const struct stored_signing_key **out, size_t *out_n,
                                       struct error *err);
/* Those that sign sign no more, and are good until until_ms. */
NODISCARD bool auth_store_signing_keys_retire(struct auth_store *s, int64_t now_ms,
                                              int64_t until_ms, struct error *err);
/* Adds k and retires those before until k->created_ms + overlap_ms. is_first: only if there is none. */
NODISCARD bool auth_store_signing_key_add(struct auth_store *s,
                                          const struct stored_signing_key *k,
                                          int64_t overlap_ms, bool is_first, struct error *err);

/* -- the Python service's database (auth_reference.c) --------------------------------------------- */

#define REFERENCE_ROWS_MAX 2000 /* clients, and tokens, that are read of one */

struct reference_client {
    struct str id, secret, name; /* the secret in the clear; any bytes */
    struct str redirect_uris;    /* a JSON array */
    struct str method;
    int64_t created_ms;
};
struct reference_token { /* a refresh token */
    struct str token, client, scope;
    int64_t expires_ms, created_ms;
};
struct reference {
    const struct reference_client *clients;
    size_t n_clients;
    const struct reference_token *tokens; /* live ones */
    size_t n_tokens;
};
/* Neither changes the file. */
bool auth_store_is_reference(const char *path); /* false also where it cannot be read */
NODISCARD bool auth_store_reference(const char *path, struct arena *a, int64_t now_ms,
                                    struct reference *out, struct error *err);

struct auth_store_import {
    struct str from; /* a path, to remember */
    const struct stored_client *clients;
    size_t n_clients;
    const struct stored_family *families; /* each with its refresh token; of no account */
    const struct stored_refresh *refreshes;
    size_t n_grants;
};
/* Whether the file at path took over the one at from, which need not be there any more. */
bool auth_store_came_from(const char *path, struct str from);
NODISCARD bool auth_store_was_imported(struct auth_store *s, bool *out, struct error *err);
/* All or nothing, and once: *out_did false where that has happened before. Clients that are here stay. */
NODISCARD bool auth_store_import(struct auth_store *s, const struct auth_store_import *i,
                                 bool *out_did, struct error *err);

#endif

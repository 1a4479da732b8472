/*
 * auth_store_int.h - what the auth_*.c files share: the connections, transactions, statements with values.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_AUTH_STORE_INT_H
#define STORE_AUTH_STORE_INT_H

#include "store/auth_store.h"
#include "store/store_int.h"

#include "base/vec.h"

#define AUTH_STORE_APPLICATION_ID 0x4d4d4175 /* "MMAu" */

extern const char *const auth_migrations[]; /* generated from sql_auth/ */
extern const int auth_n_migrations;

struct auth_store {
    char *path;

    struct mutex lock; /* guards db */
    struct db *db;

    struct mutex check_lock; /* guards the rest; taken alone */
    struct db *checker;      /* reads only */
    int64_t version;         /* SQLite's data_version, when validity was read */
    int64_t validity;
};

/* -- statements -------------------------------------------------------------------------------- */

struct value { /* of a parameter */
    struct str text;
    int64_t number;
    bool is_text;
};
#define TEXT(s) ((struct value){.text = (s), .is_text = true})
#define INT(n)  ((struct value){.number = (n)})

struct values {
    const struct value *ptr;
    size_t n;
};
#define VALUES(...)                                                                            \
    ((struct values){(const struct value[]){__VA_ARGS__},                                      \
                     sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)})

/* The first value becomes ?1 and so on. Texts must live until the last step. */
NODISCARD bool auth_ask(struct db *db, const char *sql, struct values v, struct stmt *out,
                        struct error *err);
/* Runs it to its end. what: for errors. */
NODISCARD bool auth_do(struct db *db, const char *what, const char *sql, struct values v,
                       struct error *err);
/* The same for one statement outside any transaction. */
NODISCARD bool auth_do_alone(struct auth_store *s, const char *what, const char *sql,
                             struct values v, struct error *err);

/* A list out of VEC() as one in the arena. */
void *auth_keep(struct arena *a, void *heap, size_t n, size_t size);

/* -- transactions ------------------------------------------------------------------------------ */

struct auth_change { /* holds s->lock; undone unless auth_change_commit() came first */
    struct auth_store *store;
    struct db *db;
};
NODISCARD bool auth_change_begin(struct auth_store *s, struct auth_change *out,
                                 struct error *err);
NODISCARD bool auth_change_commit(struct auth_change *c, struct error *err);
void auth_change_end(struct auth_change *c);
/* Statements inside are given back before the end: after it, somebody else has the connection. */
#define AUTO_AUTH_CHANGE AUTO(auth_change_end) struct auth_change

/* -- links, for who uses one up (auth_people.c) -------------------------------------------------- */

NODISCARD bool auth_find_link(struct db *db, struct arena *a, struct str hash, int64_t now_ms,
                              struct stored_link **out, struct error *err);
/* The account that the link makes, or the new password of the one it names; and the link goes. */
NODISCARD bool auth_use_link(struct db *db, const struct stored_link *l, struct str name,
                             struct str password_hash, int64_t now_ms, struct error *err);

/* -- rows that more than one file reads ---------------------------------------------------------- */

#define ACCOUNT_COLUMNS                                                                        \
    " p.name, p.password_hash, p.spaces, p.role, p.is_disabled, p.created_ms, p.used_ms "
#define N_ACCOUNT_COLUMNS 7
/* Columns from at on, of the alias p. */
struct stored_account auth_read_account(struct arena *a, sqlite3_stmt *q, int at);

#endif

/*
 * people.c - accounts, log-ins, one-time links.
 *
 * Guessing. Each failure of a name makes the next try of that name wait longer, up to a minute, and each failure
 * from an address up to a quarter of an hour; both are kept in the database, so that several processes and
 * restarts count together. A try counts, under both, before the password is looked at, and in one step with looking at
 * the waits, so that many at once gain nothing; a right one is taken back.
 * A name that does not exist counts, waits and takes time like one that does.
 *
 * The wait of a name is short, so that nobody can lock its person out for long.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

#include "text/text.h"

#define FORGET_MS     ((int64_t)24 * 3600 * 1000)
#define NAME_FREE     5 /* failures without a wait */
#define NAME_MAX_S    60
#define ADDRESS_FREE  10
#define ADDRESS_MAX_S 900

/* -- roles ------------------------------------------------------------------------------------- */

static const char *const role_names[] = {"reader", "member", "owner"};

unsigned auth_role_scopes(enum auth_role role)
{
    switch (role) {
    case AUTH_OWNER:
        return SCOPES_ALL;
    case AUTH_MEMBER:
        return SCOPES_DEFAULT;
    case AUTH_READER:
        return SCOPE_READ;
    }
    return 0; /* a damaged row */
}

const char *auth_role_name(enum auth_role role)
{
    return (size_t)role < COUNT(role_names) ? role_names[role] : "none";
}

bool auth_role_parse(struct str name, enum auth_role *out)
{
    for (size_t i = 0; i < COUNT(role_names); i++) {
        if (str_eq_c(name, role_names[i])) {
            *out = (enum auth_role)i;
            return true;
        }
    }
    return false;
}

struct auth_account account_of(const struct stored_account *p)
{
    return (struct auth_account){p->name,        (enum auth_role)p->role, p->spaces,
                                 p->is_disabled, p->created_ms,           p->used_ms};
}

/* -- what fits --------------------------------------------------------------------------------- */

struct str normal_name(struct arena *a, struct str name)
{
    return text_is_utf8(name) ? text_lower(a, text_strip(name)) : STR("");
}

/* Others that act under a name of their own. */
static const struct str reserved[] = {STR_INIT("local"), STR_INIT("anonymous"),
                                      STR_INIT("api_key"), STR_INIT("setup")};

bool account_name_check(struct str name, struct error *err)
{
    struct str rest = name;
    uint32_t c;

    if (str_is_among(name, reserved, COUNT(reserved)) || str_starts(name, STR(PREFIX_CLIENT)))
        return error_set(err, ERROR_INVALID, "the name '" STR_FMT "' is reserved",
                         STR_ARG(name));
    if (!name.len || text_count(name) > AUTH_ACCOUNT_MAX_CHARS)
        return error_set(err, ERROR_INVALID, "a name has 1 to %d characters",
                         AUTH_ACCOUNT_MAX_CHARS);
    while (text_next(&rest, &c)) {
        if (!text_is_word(c) && (c > 0x7f || !strchr(".-+@", (int)c)))
            return error_set(err, ERROR_INVALID,
                             "a name is made of letters, digits and . _ - + @");
    }
    return true;
}

static bool check_password(struct str password, struct error *err)
{
    if (password.len > AUTH_PASSWORD_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "a password has at most %d bytes",
                         AUTH_PASSWORD_MAX_BYTES);
    if (!text_is_utf8(password) || text_count(password) < AUTH_PASSWORD_MIN_CHARS)
        return error_set(err, ERROR_INVALID, "a password has at least %d characters",
                         AUTH_PASSWORD_MIN_CHARS);
    return true;
}

bool auth_spaces_check(struct str spaces, struct error *err)
{
    struct str rest = spaces, each;
    size_t n = 0;

    while (words_next(&rest, &each)) {
        n++;
        if (!space_is_valid(each))
            return error_set(err, ERROR_INVALID, "not the name of a space: '" STR_FMT "'",
                             STR_ARG(each));
    }
    return n > 0 || error_set(err, ERROR_INVALID, "no space is named; * stands for all");
}

/* -- waiting ----------------------------------------------------------------------------------- */

static int64_t wait_ms(int64_t n, int n_free, int64_t max_s)
{
    int64_t doublings = n - n_free;

    if (doublings < 0)
        return 0;
    return (doublings > 20 ? max_s : MIN((int64_t)1 << doublings, max_s)) * 1000;
}

static int64_t wait_of(const struct auth_request *r, const struct stored_attempt *x, int n_free,
                       int64_t max_s)
{
    return x->n < n_free
               ? 0
               : MAX(x->last_ms + wait_ms(x->n, n_free, max_s) - r->now_ms, (int64_t)0);
}

enum { GUESS_NAME, GUESS_ADDRESS, N_GUESS };
struct guess { /* what a try is counted under, as it was before */
    struct stored_attempt by[N_GUESS];
};

static struct guess guess_of(const struct auth_request *r, struct str name)
{
    struct guess g = {0};

    g.by[GUESS_NAME].what = arena_printf(r->arena, "a:" STR_FMT, STR_ARG(name));
    g.by[GUESS_ADDRESS].what =
        arena_printf(r->arena, "p:" STR_FMT, STR_ARG(r->payer.len ? r->payer : r->peer));
    return g;
}

/* Counts the try. *out_wait_s over 0: it may not be made. */
static bool begin_guess(struct auth *x, const struct auth_request *r, struct guess *g,
                        int *out_wait_s, struct error *err)
{
    int64_t since_ms = r->now_ms - FORGET_MS, name_ms, address_ms;
    bool is_counted = false;

    while (!is_counted) { /* else somebody was faster, and is counted */
        for (size_t i = 0; i < N_GUESS; i++) {
            if (!auth_store_attempts(x->store, since_ms, &g->by[i], err))
                return false;
        }
        name_ms = wait_of(r, &g->by[GUESS_NAME], NAME_FREE, NAME_MAX_S);
        address_ms = wait_of(r, &g->by[GUESS_ADDRESS], ADDRESS_FREE, ADDRESS_MAX_S);
        *out_wait_s = (int)((MAX(name_ms, address_ms) + 999) / 1000);
        if (*out_wait_s > 0)
            return true;
        if (!auth_store_attempts_add(x->store, g->by, N_GUESS, r->now_ms, since_ms, &is_counted,
                                     err))
            return false;
    }
    return true;
}

static bool end_guess(struct auth *x, const struct guess *g, bool was_right, struct error *err)
{
    return !was_right || auth_store_attempts_clear(x->store, g->by[GUESS_NAME].what,
                                                   &g->by[GUESS_ADDRESS], err);
}

/* -- log-in ------------------------------------------------------------------------------------ */

bool session_open(struct auth *x, const struct auth_request *r, struct str account,
                  struct str *out_token, struct error *err)
{
    struct str token = token_new(x, r->arena, PREFIX_SESSION);
    const struct stored_session row = {token_hash(r->arena, token), account, r->now_ms,
                                       r->now_ms + AUTH_SESSION_MS};

    if (!auth_store_session_put(x->store, &row, err) ||
        !auth_store_account_used(x->store, account, r->now_ms, err))
        return false;
    note(x, r, "login", account, STR(""), STR(""));
    *out_token = token;
    return true;
}

/* p NULL: the guess was wrong. */
static bool finish_login(struct auth *x, const struct auth_request *r, const struct guess *g,
                         const struct stored_account *p, enum auth_login_result *out,
                         struct str *out_token, struct error *err)
{
    if (!end_guess(x, g, p != NULL, err))
        return false;
    if (p && !session_open(x, r, p->name, out_token, err))
        return false;
    if (!p)
        note(x, r, "login.failed", STR(""), STR(""), STR(""));
    *out = p ? AUTH_LOGIN_OK : AUTH_LOGIN_WRONG;
    return true;
}

bool auth_login(struct auth *x, const struct auth_request *r, struct str name,
                struct str password, enum auth_login_result *out, struct str *out_token,
                int *out_wait_s, struct error *err)
{
    struct str normal = normal_name(r->arena, name);
    struct guess g = guess_of(r, token_hash(r->arena, normal));
    struct stored_account *p = NULL;
    bool is_right;

    *out = AUTH_LOGIN_WAIT;
    if (!begin_guess(x, r, &g, out_wait_s, err))
        return false;
    if (*out_wait_s)
        return true;
    if (!auth_store_account(x->store, r->arena, normal, &p, err))
        return false;
    is_right = crypto_password_check(str_sub(password, 0, AUTH_PASSWORD_MAX_BYTES + 1),
                                     p ? p->password_hash : STR(""));
    if (!is_right || !p || p->is_disabled)
        p = NULL;
    return finish_login(x, r, &g, p, out, out_token, err);
}

static bool find_owner(struct auth *x, struct arena *a, const struct stored_account **out,
                       struct error *err)
{
    const struct stored_account *list;
    size_t n;

    if (!auth_store_accounts(x->store, a, &list, &n, err))
        return false;
    *out = NULL;
    for (size_t i = 0; i < n && !*out; i++) {
        if (list[i].role == AUTH_OWNER && !list[i].is_disabled)
            *out = &list[i];
    }
    return true;
}

bool auth_login_api_key(struct auth *x, const struct auth_request *r, struct str key,
                        enum auth_login_result *out, struct str *out_token, int *out_wait_s,
                        struct error *err)
{
    struct guess g = guess_of(r, STR("API key"));
    const struct stored_account *owner = NULL;

    *out = AUTH_LOGIN_WAIT;
    if (!begin_guess(x, r, &g, out_wait_s, err))
        return false;
    if (*out_wait_s)
        return true;
    if (x->options.api_key.len &&
        str_eq_secret(token_hash(r->arena, x->options.api_key), token_hash(r->arena, key)) &&
        !find_owner(x, r->arena, &owner, err))
        return false;
    return finish_login(x, r, &g, owner, out, out_token, err);
}

bool auth_session(struct auth *x, const struct auth_request *r, struct str token,
                  struct auth_session **out, struct error *err)
{
    struct stored_session *row;
    struct stored_account *p;

    if (!auth_store_session(x->store, r->arena, token_hash(r->arena, token), r->now_ms, &row,
                            &p, err))
        return false;
    *out = NULL;
    if (row) {
        *out = ARENA_NEW(r->arena, struct auth_session, 1);
        **out = (struct auth_session){account_of(p), derive(x, r->arena, "csrf", row->hash),
                                      row->expires_ms};
    }
    return true;
}

bool auth_csrf_ok(const struct auth_session *s, struct str given)
{
    return str_eq_secret(s->csrf, given);
}

bool auth_logout(struct auth *x, const struct auth_request *r, struct str token,
                 struct error *err)
{
    return auth_store_session_delete(x->store, token_hash(r->arena, token), err);
}

/* -- links ------------------------------------------------------------------------------------- */

bool auth_link_new(struct auth *x, const struct auth_request *r, const struct auth_link *l,
                   struct str *out_token, struct error *err)
{
    struct str token = token_new(x, r->arena, PREFIX_LINK);
    const struct stored_link row = {.hash = token_hash(r->arena, token),
                                    .kind = l->kind,
                                    .role = l->role,
                                    .spaces = l->spaces.len ? l->spaces : STR("*"),
                                    .account = normal_name(r->arena, l->account),
                                    .made_by = l->by,
                                    .created_ms = r->now_ms,
                                    .expires_ms = l->expires_ms ? l->expires_ms
                                                                : r->now_ms + AUTH_LINK_MS};
    struct stored_account *p = NULL;

    if (!auth_spaces_check(row.spaces, err))
        return false;
    if (l->kind == AUTH_LINK_RESET) {
        if (!auth_store_account(x->store, r->arena, row.account, &p, err))
            return false;
        if (!p)
            return error_set(err, ERROR_NOT_FOUND, "no account '" STR_FMT "'",
                             STR_ARG(row.account));
    }
    if (!auth_store_link_put(x->store, &row, err))
        return false;
    note(x, r, l->kind == AUTH_LINK_RESET ? "link.reset" : "link.invite", l->by, STR(""),
         row.account);
    *out_token = token;
    return true;
}

bool auth_link_look(struct auth *x, const struct auth_request *r, struct str token,
                    struct auth_link **out, struct error *err)
{
    struct stored_link *row;

    if (!auth_store_link(x->store, r->arena, token_hash(r->arena, token), r->now_ms, &row, err))
        return false;
    *out = NULL;
    if (row) {
        *out = ARENA_NEW(r->arena, struct auth_link, 1);
        **out = (struct auth_link){(enum auth_link_kind)row->kind,
                                   (enum auth_role)row->role,
                                   row->spaces,
                                   row->account,
                                   row->made_by,
                                   row->expires_ms};
    }
    return true;
}

bool auth_link_use(struct auth *x, const struct auth_request *r, struct str token,
                   struct str name, struct str password, struct str *out_session,
                   struct error *err)
{
    char hash[CRYPTO_PASSWORD_HASH_MAX];
    struct auth_link *link;
    struct str who;

    if (!auth_link_look(x, r, token, &link, err)) /* before a password is hashed for nobody */
        return false;
    if (!link)
        return error_set(err, ERROR_NOT_FOUND, "the link was used before, or is too old");
    who = link->kind == AUTH_LINK_RESET ? link->account : normal_name(r->arena, name);
    if (!account_name_check(who, err) || !check_password(password, err) ||
        !crypto_password_hash(password, hash, err) ||
        !auth_store_link_use(x->store, token_hash(r->arena, token), who, str_c(hash), r->now_ms,
                             err))
        return false;
    note(x, r, link->kind == AUTH_LINK_RESET ? "password.set" : "account.add", who, STR(""),
         str_c(auth_role_name(link->role)));
    return session_open(x, r, who, out_session, err);
}

/* -- accounts ---------------------------------------------------------------------------------- */

bool auth_has_owner(struct auth *x, bool *out, struct error *err)
{
    AUTO_ARENA a = {0};
    const struct stored_account *owner;

    if (!find_owner(x, &a, &owner, err))
        return false;
    *out = owner != NULL;
    return true;
}

bool auth_accounts(struct auth *x, struct arena *a, const struct auth_account **out,
                   size_t *out_n, struct error *err)
{
    const struct stored_account *rows;
    struct auth_account *list;
    size_t n;

    if (!auth_store_accounts(x->store, a, &rows, &n, err))
        return false;
    list = ARENA_NEW(a, struct auth_account, n);
    for (size_t i = 0; i < n; i++)
        list[i] = account_of(&rows[i]);
    *out = list;
    *out_n = n;
    return true;
}

bool auth_account_find(struct auth *x, struct arena *a, struct str name,
                       struct auth_account *out, struct error *err)
{
    struct stored_account *p;

    if (!auth_store_account(x->store, a, normal_name(a, name), &p, err))
        return false;
    if (!p)
        return error_set(err, ERROR_NOT_FOUND, "no account '" STR_FMT "'", STR_ARG(name));
    *out = account_of(p);
    return true;
}

bool auth_account_set(struct auth *x, const struct auth_request *r, struct str by,
                      const struct auth_account *account, struct error *err)
{
    const struct stored_account row = {.name = normal_name(r->arena, account->name),
                                       .role = account->role,
                                       .spaces = account->spaces,
                                       .is_disabled = account->is_disabled};

    if (!auth_spaces_check(row.spaces, err) || !auth_store_account_set(x->store, &row, err))
        return false;
    note(x, r, "account.set", by, STR(""), row.name);
    return true;
}

bool auth_account_delete(struct auth *x, const struct auth_request *r, struct str by,
                         struct str name, struct error *err)
{
    struct str normal = normal_name(r->arena, name);

    if (!auth_store_account_delete(x->store, normal, err))
        return false;
    note(x, r, "account.delete", by, STR(""), normal);
    return true;
}

bool auth_password_set(struct auth *x, const struct auth_request *r, struct str by,
                       struct str name, struct str password, struct error *err)
{
    char hash[CRYPTO_PASSWORD_HASH_MAX];
    struct str normal = normal_name(r->arena, name);

    if (!check_password(password, err) || !crypto_password_hash(password, hash, err) ||
        !auth_store_password_set(x->store, normal, str_c(hash), err))
        return false;
    note(x, r, "password.set", by, STR(""), normal);
    return true;
}

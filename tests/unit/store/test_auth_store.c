/*
 * test_auth_store.c - what must happen once happens once, also between processes; what is gone counts no more.
 *
 * Two handles on one file stand for two processes: they share nothing but the file.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth_store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

struct fixture {
    struct arena a;
    char dir[64];
    const char *path;
    struct auth_store *s, *other;
};

static void fixture_deinit(struct fixture *f)
{
    static const char *const names[] = {"oauth.db", "oauth.db-wal", "oauth.db-shm"};

    auth_store_close(f->s);
    auth_store_close(f->other);
    for (size_t i = 0; i < COUNT(names); i++)
        unlink(arena_printf(&f->a, "%s/%s", f->dir, names[i]).ptr);
    rmdir(f->dir);
    arena_deinit(&f->a);
}

static void add_people(struct fixture *f)
{
    struct error err = {0};
    const struct stored_client client = {.id = STR("c1"), .origin = STR("registered")};

    CHECK_OK(auth_store_client_put(f->s, &client, &err), err);
    CHECK_OK(
        auth_store_link_put(
            f->s, &(struct stored_link){.hash = STR("l1"), .role = 2, .expires_ms = 100}, &err),
        err);
    CHECK_OK(auth_store_link_use(f->s, STR("l1"), STR("ann"), STR("hash"), 5, &err), err);
}

static void fixture_init(struct fixture *f)
{
    struct error err = {0};

    *f = (struct fixture){0};
    snprintf(f->dir, sizeof(f->dir), "/tmp/memoryd-auth-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    f->path = arena_printf(&f->a, "%s/oauth.db", f->dir).ptr;
    CHECK_OK(auth_store_open(f->path, &f->s, &err), err);
    CHECK_OK(auth_store_open(f->path, &f->other, &err), err);
    add_people(f);
}
#define FIXTURE(name)                                                                          \
    AUTO(fixture_deinit) struct fixture name;                                                  \
    fixture_init(&name)

static void put_code(struct fixture *f, const char *hash, const char *family)
{
    struct error err = {0};

    CHECK_OK(auth_store_code_put(f->s,
                                 &(struct stored_code){.hash = str_c(hash),
                                                       .client = STR("c1"),
                                                       .account = STR("ann"),
                                                       .family = str_c(family),
                                                       .expires_ms = 1000},
                                 &err),
             err);
}

static struct auth_store_issue issue_of(const char *code, const char *family, const char *jti)
{
    return (struct auth_store_issue){.code_hash = str_c(code),
                                     .family = {.id = str_c(family),
                                                .client = STR("c1"),
                                                .account = STR("ann"),
                                                .scopes = STR("read"),
                                                .created_ms = 10,
                                                .expires_ms = 10000},
                                     .access = {str_c(jti), str_c(family), 5000, 0},
                                     .refresh = {str_c(jti), str_c(family), STR(""), 9000, 0},
                                     .now_ms = 10};
}

static bool issue(struct auth_store *s, const char *code, const char *family, const char *jti)
{
    const struct auth_store_issue i = issue_of(code, family, jti);
    struct error err = {0};
    bool is_ok = false;

    CHECK_OK(auth_store_issue(s, &i, &is_ok, &err), err);
    return is_ok;
}

static int64_t validity(struct auth_store *s)
{
    struct error err = {0};
    int64_t n = -1;

    CHECK_OK(auth_store_validity(s, &n, &err), err);
    return n;
}

/* Neither token nor family is revoked. */
static bool is_live(struct fixture *f, struct auth_store *s, const char *jti)
{
    struct stored_standing *x = NULL;
    struct error err = {0};

    CHECK_OK(auth_store_standing(s, &f->a, str_c(jti), &x, &err), err);
    return x && !x->access.revoked_ms && !x->family.revoked_ms;
}

TEST(the_file_is_for_its_owner_only)
{
    FIXTURE(f);
    struct stat st;
    AUTO_ARENA a = {0};

    CHECK(stat(f.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(arena_printf(&a, "%s-wal", f.path).ptr, &st) == 0 &&
          (st.st_mode & 0777) == 0600);
}

TEST(another_programs_database_is_left_alone)
{
    char path[] = "/tmp/memoryd-auth-XXXXXX";
    int fd = mkstemp(path);
    sqlite3 *db = NULL;
    struct auth_store *s;
    struct error err = {0};

    close(fd);
    sqlite3_open(path, &db);
    sqlite3_exec(db, "CREATE TABLE x (y); PRAGMA application_id = 7", NULL, NULL, NULL);
    sqlite3_close(db);
    CHECK(!auth_store_open(path, &s, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(str_contains(str_c(err.text), STR("MCP_OAUTH_SQLITE_PATH")));
    unlink(path);
}

TEST(a_code_is_used_once_and_its_second_use_revokes)
{
    FIXTURE(f);

    put_code(&f, "k1", "f1");
    CHECK(issue(f.s, "k1", "f1", "t1"));
    CHECK(is_live(&f, f.other, "t1"));
    CHECK(!issue(f.other, "k1", "f1", "t2"));
    CHECK(!is_live(&f, f.s, "t1"));
    CHECK(!is_live(&f, f.s, "t2")); /* never made */
}

/* Each of many processes tries the same code; one gets tokens, and loses them to the next one's try. */
TEST(of_many_processes_one_uses_a_code)
{
    FIXTURE(f);
    pid_t children[6];
    int n_ok = 0;

    put_code(&f, "k1", "f1");
    for (size_t i = 0; i < COUNT(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct auth_store *s;
            char jti[] = {'t', (char)('0' + i), 0};
            bool is_ok = auth_store_open(f.path, &s, NULL) && issue(s, "k1", "f1", jti);

            _exit(is_ok ? 1 : 0);
        }
    }
    for (size_t i = 0; i < COUNT(children); i++) {
        int status = 0;

        waitpid(children[i], &status, 0);
        CHECK(WIFEXITED(status));
        n_ok += WEXITSTATUS(status);
    }
    CHECK_INT(n_ok, 1);
}

TEST(a_refresh_token_rotates_once)
{
    FIXTURE(f);
    struct auth_store_rotation r = {STR("t1"),
                                    {STR("r2"), STR("f1"), STR("t1"), 9000, 0},
                                    {STR("t2"), STR("f1"), 5000, 0},
                                    20};
    struct stored_refresh *t = NULL;
    struct error err = {0};
    bool is_ok = false;

    put_code(&f, "k1", "f1");
    CHECK(issue(f.s, "k1", "f1", "t1"));
    CHECK_OK(auth_store_rotate(f.s, &r, &is_ok, &err), err);
    CHECK(is_ok);
    r.access.jti = STR("t3");
    r.now_ms = 30;
    CHECK_OK(auth_store_rotate(f.other, &r, &is_ok, &err),
             err); /* as if both had seen it fresh */
    CHECK(is_ok);
    CHECK_OK(auth_store_refresh(f.s, &f.a, STR("t1"), &t, &err), err);
    CHECK(t && t->rotated_ms == 20);
    CHECK(is_live(&f, f.s, "t2") && is_live(&f, f.s, "t3"));

    CHECK_OK(auth_store_family_revoke(f.s, STR("f1"), 40, &err), err);
    CHECK(!is_live(&f, f.s, "t2"));
    r.access.jti = STR("t4");
    CHECK_OK(auth_store_rotate(f.other, &r, &is_ok, &err), err);
    CHECK(!is_ok);
    CHECK(!is_live(&f, f.s, "t4"));
}

TEST(whatever_takes_worth_from_a_credential_is_seen_by_all)
{
    FIXTURE(f);
    struct error err = {0};
    struct stored_account ann = {.name = STR("ann"), .role = 2, .spaces = STR("a")};
    struct stored_signing_key key = {STR("kid"), STR("pem"), 1, 0, 0};
    bool was;
    int64_t n;

    put_code(&f, "k1", "f1");
    CHECK(issue(f.s, "k1", "f1", "t1"));
    n = validity(f.other);
    CHECK_INT(validity(f.s), n);
    put_code(&f, "k2", "f2");
    CHECK(issue(f.s, "k2", "f2", "t2")); /* more tokens take nothing from others */
    CHECK_INT(validity(f.other), n);

#define EXPECT_GROWTH(call)                                                                    \
    CHECK_OK(call, err);                                                                       \
    CHECK(validity(f.other) > n);                                                              \
    n = validity(f.other);                                                                     \
    CHECK_INT(validity(f.s), n)

    EXPECT_GROWTH(auth_store_access_revoke(f.s, STR("t2"), 20, &err));
    EXPECT_GROWTH(auth_store_family_revoke(f.s, STR("f2"), 20, &err));
    EXPECT_GROWTH(auth_store_account_set(f.s, &ann, &err));
    EXPECT_GROWTH(auth_store_signing_key_add(f.s, &key, 5, true, &err));
    EXPECT_GROWTH(auth_store_client_delete(f.s, STR("c1"), &was, &err)); /* and its families */
    CHECK(!is_live(&f, f.other, "t1"));
}

/* The other one set a password after that was done: whoever had found it came in. */
TEST(a_new_password_takes_the_other_links_to_one_back)
{
    FIXTURE(f);
    struct stored_link link = {.kind = 1, .account = STR("ann"), .expires_ms = 100};
    struct error err = {0};

    link.hash = STR("r1");
    CHECK_OK(auth_store_link_put(f.s, &link, &err), err);
    link.hash = STR("r2");
    CHECK_OK(auth_store_link_put(f.s, &link, &err), err);
    CHECK_OK(auth_store_link_use(f.s, STR("r1"), STR("ann"), STR("new"), 5, &err), err);
    CHECK(!auth_store_link_use(f.s, STR("r2"), STR("ann"), STR("newer"), 6, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

TEST(a_link_makes_one_account)
{
    FIXTURE(f);
    struct error err = {0};
    struct stored_link *l = NULL;

    CHECK_OK(
        auth_store_link_put(
            f.s, &(struct stored_link){.hash = STR("l2"), .role = 1, .expires_ms = 100}, &err),
        err);
    CHECK(!auth_store_link_use(f.s, STR("l2"), STR("ann"), STR("h"), 5, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(!auth_store_link_use(f.s, STR("l2"), STR("bob"), STR("h"), 100, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK_OK(auth_store_link(f.other, &f.a, STR("l2"), 99, &l, &err), err);
    CHECK(l && l->role == 1);
    CHECK_OK(auth_store_link_use(f.other, STR("l2"), STR("bob"), STR("h"), 99, &err), err);
    CHECK(!auth_store_link_use(f.s, STR("l2"), STR("eve"), STR("h"), 5, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

TEST(there_is_always_an_owner)
{
    FIXTURE(f);
    struct error err = {0};
    struct stored_account ann = {.name = STR("ann"), .role = 2, .is_disabled = true};

    CHECK(!auth_store_account_set(f.s, &ann, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    ann = (struct stored_account){.name = STR("ann"), .role = 1};
    CHECK(!auth_store_account_set(f.s, &ann, &err));
    CHECK(!auth_store_account_delete(f.s, STR("ann"), &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    ann.name = STR("nobody");
    CHECK(!auth_store_account_set(f.s, &ann, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

/* The whole audit used to be read each time. What was written while the clock was wrong goes when its neighbours do. */
TEST(the_audit_loses_its_old_end)
{
    static const struct {
        int64_t now_ms;
        size_t n;
    } rows[] = {{1100, 5}, {1101, 4}, {1260, 3}, {1301, 1}, {1399, 1}, {1400, 0}};
    static const int64_t times[] = {101, 200, 301, 250, 400};
    FIXTURE(f);
    struct error err = {0};

    for (size_t i = 0; i < COUNT(times); i++)
        CHECK_OK(auth_store_log(
                     f.s, &(struct stored_event){.at_ms = times[i], .event = STR("x")}, &err),
                 err);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct auth_store_ages ages = {rows[i].now_ms, 1000, 1000, 1000, 1000};
        const struct stored_event *list;
        size_t n;

        CHECK_OK(auth_store_tidy(f.s, &ages, &err), err);
        CHECK_OK(auth_store_audit(f.s, &f.a, 0, 100, &list, &n, &err), err);
        CHECK_INT(n, rows[i].n);
    }
}

TEST(what_has_expired_goes)
{
    FIXTURE(f);
    struct error err = {0};
    struct stored_client *c = NULL;
    const struct auth_store_ages ages = {20000, 1000, 100000, 1000, 1000000};

    CHECK_OK(
        auth_store_client_put(
            f.s, &(struct stored_client){.id = STR("c2"), .origin = STR("registered")}, &err),
        err);
    CHECK_OK(auth_store_client_put(
                 f.s, &(struct stored_client){.id = STR("c3"), .origin = STR("owner")}, &err),
             err);
    put_code(&f, "k1", "f1");
    CHECK(issue(f.s, "k1", "f1", "t1")); /* c1 is used from here on */
    CHECK_OK(auth_store_tidy(f.s, &ages, &err), err);
    CHECK_OK(auth_store_client(f.s, &f.a, STR("c1"), &c, &err), err);
    CHECK(c != NULL);
    CHECK_OK(auth_store_client(f.s, &f.a, STR("c2"), &c, &err), err);
    CHECK(c == NULL);
    CHECK_OK(auth_store_client(f.s, &f.a, STR("c3"), &c, &err), err);
    CHECK(c != NULL);
    CHECK(!is_live(&f, f.s, "t1"));
}

TEST(the_first_signing_key_is_made_once)
{
    FIXTURE(f);
    struct error err = {0};
    const struct stored_signing_key *keys;
    struct stored_signing_key key = {STR("one"), STR("pem"), 1, 0, 0};
    size_t n = 0;

    CHECK_OK(auth_store_signing_key_add(f.s, &key, 100, true, &err), err);
    key.kid = STR("two");
    CHECK_OK(auth_store_signing_key_add(f.other, &key, 100, true, &err), err);
    CHECK_OK(auth_store_signing_keys(f.s, &f.a, 2, &keys, &n, &err), err);
    CHECK(n == 1 && str_eq(keys[0].kid, STR("one")));
    key.created_ms = 50;
    CHECK_OK(auth_store_signing_key_add(f.other, &key, 100, false, &err), err);
    CHECK_OK(auth_store_signing_keys(f.s, &f.a, 149, &keys, &n, &err), err);
    CHECK(n == 2 && str_eq(keys[0].kid, STR("two")) && keys[1].until_ms == 150);
    CHECK_OK(auth_store_signing_keys(f.s, &f.a, 150, &keys, &n, &err), err);
    CHECK_INT(n, 1);
}

/* Nothing of a value is ever SQL. */
TEST(values_are_values)
{
    static const char *const rows[] = {
        "'; DROP TABLE client; --", "\" OR 1=1 --", "%", "_", "\\", "a\nb", "?1", "NULL"};
    FIXTURE(f);
    struct error err = {0};
    struct stored_client *c = NULL;
    struct stored_account *p = NULL;

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_OK(auth_store_client(f.s, &f.a, str_c(rows[i]), &c, &err), err);
        CHECK(c == NULL);
        CHECK_OK(auth_store_account(f.s, &f.a, str_c(rows[i]), &p, &err), err);
        CHECK(p == NULL);
        CHECK_OK(auth_store_client_put(f.s,
                                       &(struct stored_client){.id = str_c(rows[i]),
                                                               .origin = STR("registered"),
                                                               .name = str_c(rows[i])},
                                       &err),
                 err);
        CHECK_OK(auth_store_client(f.s, &f.a, str_c(rows[i]), &c, &err), err);
        CHECK(c && str_eq_c(c->name, rows[i]));
    }
}

/* It went on into the moved file: people made meanwhile were gone after the next start. */
TEST(nothing_is_written_to_people_that_were_moved_away)
{
    FIXTURE(f);
    const struct stored_client client = {.id = STR("c2"), .origin = STR("registered")};
    const struct stored_event event = {.event = STR("login")};
    struct auth_store *fresh = NULL;
    struct str away;
    struct error err = {0};

    away = arena_printf(&f.a, "%s/away", f.dir);
    CHECK_INT(rename(f.path, away.ptr), 0);
    CHECK(!auth_store_client_put(f.s, &client, &err));
    CHECK(!auth_store_log(f.s, &event, &err));
    CHECK(!auth_store_open(f.path, &fresh, &err)); /* its log is there */
    CHECK(fresh == NULL && err.kind == ERROR_CONFLICT);
    CHECK_INT(rename(away.ptr, f.path), 0);
    CHECK_OK(auth_store_client_put(f.s, &client, &err), err);
}

TEST(the_audit_is_append_only)
{
    FIXTURE(f);
    struct error err = {0};
    const struct stored_event *events;
    size_t n = 0;
    sqlite3 *db = NULL;

    for (int64_t i = 1; i <= 3; i++)
        CHECK_OK(auth_store_log(f.s, &(struct stored_event){.at_ms = i, .event = STR("login")},
                                &err),
                 err);
    CHECK_OK(auth_store_audit(f.s, &f.a, 0, 2, &events, &n, &err), err);
    CHECK(n == 2 && events[0].at_ms == 3 && events[1].at_ms == 2);
    CHECK_OK(auth_store_audit(f.s, &f.a, events[1].seq, 2, &events, &n, &err), err);
    CHECK(n == 1 && events[0].at_ms == 1);
    sqlite3_open(f.path, &db);
    CHECK(sqlite3_exec(db, "UPDATE audit SET event = 'x'", NULL, NULL, NULL) != SQLITE_OK);
    sqlite3_close(db);
}

TEST_MAIN()

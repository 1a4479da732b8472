/* test_import.c - clients and refresh tokens of the Python service's database, taken over once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <sqlite3.h>
#include <unistd.h>

#define SECRET "old-secret-0123456789012345678901234567890"

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE oauth_clients (client_id TEXT PRIMARY KEY, client_secret TEXT NOT NULL,"
    " client_name TEXT, redirect_uris TEXT NOT NULL, response_types TEXT NOT NULL,"
    " grant_types TEXT NOT NULL, scope TEXT, token_endpoint_auth_method TEXT,"
    " created_at REAL NOT NULL, metadata TEXT);"
    "CREATE TABLE oauth_access_tokens (token TEXT PRIMARY KEY, client_id TEXT NOT NULL"
    " REFERENCES oauth_clients (client_id) ON DELETE CASCADE, scope TEXT,"
    " expires_at REAL NOT NULL, created_at REAL NOT NULL);";
static const char refresh_schema[] =
    "CREATE TABLE oauth_refresh_tokens (token TEXT PRIMARY KEY, client_id TEXT NOT NULL"
    " REFERENCES oauth_clients (client_id) ON DELETE CASCADE, scope TEXT,"
    " expires_at REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0, parent_token TEXT,"
    " created_at REAL NOT NULL);";

struct old { /* such a database */
    const char *path;
    sqlite3 *db;
};

static void run(struct old *o, const char *sql)
{
    char *text = NULL;

    if (!CHECK_INT(sqlite3_exec(o->db, sql, NULL, NULL, &text), SQLITE_OK))
        printf("  %s: %s\n", sql, text);
    sqlite3_free(text);
}

static struct old make_old(struct world *w, bool has_refresh_tokens)
{
    struct old o = {.path = arena_printf(&w->a, "%s/old.db", w->dir).ptr};

    CHECK_INT(sqlite3_open(o.path, &o.db), SQLITE_OK);
    run(&o, schema);
    if (has_refresh_tokens)
        run(&o, refresh_schema);
    return o;
}

static void remove_old(struct world *w, struct old *o)
{
    static const char *const ends[] = {"", "-wal", "-shm"};

    sqlite3_close(o->db);
    for (size_t i = 0; i < COUNT(ends); i++)
        unlink(arena_printf(&w->a, "%s%s", o->path, ends[i]).ptr);
}

static void add_client(struct world *w, struct old *o, const char *id, const char *method,
                       const char *uris)
{
    run(o, arena_printf(&w->a,
                        "INSERT INTO oauth_clients VALUES ('%s', '" SECRET
                        "', 'Old client', '%s', '[\"code\"]', '[\"authorization_code\"]', NULL,"
                        " '%s', 1799000000.5, NULL)",
                        id, uris, method)
               .ptr);
}

static void add_token(struct world *w, struct old *o, const char *client, const char *token,
                      const char *scope, const char *expires_and_revoked)
{
    run(o, arena_printf(&w->a,
                        "INSERT INTO oauth_refresh_tokens VALUES ('%s', '%s', %s, %s, NULL,"
                        " 1799000000.25)",
                        token, client, scope, expires_and_revoked)
               .ptr);
}

#define LIVE "1800086400.0, 0" /* START_MS and a day */

static void import(struct world *w, const struct old *o)
{
    struct error err = {0};

    CHECK(auth_is_reference(o->path));
    CHECK_OK(auth_import(w->x, &w->r, o->path, &err), err);
}

static struct stored_client *find_client(struct world *w, const char *id)
{
    struct stored_client *c = NULL;
    struct error err = {0};

    CHECK_OK(auth_store_client(w->x->store, &w->a, str_c(id), &c, &err), err);
    return c;
}

#define URIS "[\"" CALLBACK "\"]"

TEST(clients_that_can_be_used_are_taken_over)
{
    static const struct {
        const char *method, *uris, *want; /* NULL: left out */
    } rows[] = {
        {"client_secret_basic", URIS, CALLBACK},
        {"client_secret_post", URIS, CALLBACK},
        {"none", URIS, CALLBACK},
        {"whatever", URIS, CALLBACK},
        {"none", "[\"http://localhost:6274/oauth/callback\",\"" CALLBACK "\"]",
         "http://localhost:6274/oauth/callback " CALLBACK},
        {"none", "[\"myapp://x\",\"" CALLBACK "\",\"javascript:alert(1)\",7]", CALLBACK},
        {"none", "[\"http://far.example/cb\"]", NULL},
        {"none", "[]", NULL},
        {"none", "no JSON", NULL},
    };
    WORLD(w);
    struct old o = make_old(&w, true);

    for (size_t i = 0; i < COUNT(rows); i++)
        add_client(&w, &o, arena_printf(&w.a, "mcp_client_%zu", i).ptr, rows[i].method,
                   rows[i].uris);
    import(&w, &o);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct stored_client *c =
            find_client(&w, arena_printf(&w.a, "mcp_client_%zu", i).ptr);

        if (!CHECK((c != NULL) == (rows[i].want != NULL)) || !c)
            continue;
        CHECK_STR(c->redirect_uris, rows[i].want);
        CHECK_STR(c->name, "Old client");
        CHECK_STR(c->origin, "imported");
        CHECK(!words_has(c->grant_types, STR("client_credentials")));
        CHECK_VIEW(c->secret_hash, token_hash(&w.a, STR(SECRET)));
        CHECK_INT(c->created_ms, 1799000000500);
    }
    CHECK_OK(auth_tidy(w.x, START_MS + 1, &(struct error){0}), (struct error){0});
    CHECK(find_client(&w, "mcp_client_0") != NULL); /* though it is older than a day */
    remove_old(&w, &o);
}

static struct auth_answer refresh(struct world *w, const char *client, const char *more,
                                  const char *token)
{
    return world_token(w, NULL, "grant_type=refresh_token&client_id=%s&refresh_token=%s%s",
                       client, token, more);
}

TEST(an_old_refresh_token_goes_on_by_either_way_to_show_the_secret)
{
    static const struct {
        const char *method, *more;
        int status;
    } rows[] = {
        {"none", "", 200},
        {"none", "&client_secret=" SECRET, 200},
        {"none", "&client_secret=wrong", 401},
        {"client_secret_basic", "&client_secret=" SECRET, 200}, /* in the form */
        {"client_secret_post", "&client_secret=" SECRET, 200},
        {"client_secret_post", "&client_secret=wrong", 401},
        {"client_secret_post", "", 401},
    };
    WORLD(w);
    struct old o = make_old(&w, true);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *id = arena_printf(&w.a, "mcp_client_%zu", i).ptr;

        add_client(&w, &o, id, rows[i].method, URIS);
        add_token(&w, &o, id, arena_printf(&w.a, "token%zu", i).ptr,
                  "'read write offline_access'", LIVE);
    }
    import(&w, &o);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_answer a = refresh(&w, arena_printf(&w.a, "mcp_client_%zu", i).ptr,
                                       rows[i].more, arena_printf(&w.a, "token%zu", i).ptr);

        if (!CHECK_INT(a.status, rows[i].status))
            printf("  %s %s: %s\n", rows[i].method, rows[i].more, a.body.ptr);
    }
    remove_old(&w, &o);
}

TEST(what_an_old_token_gives_is_bounded_and_rotates)
{
    WORLD(w);
    struct old o = make_old(&w, true);
    struct auth_principal p = {0};
    struct auth_answer a;
    const struct auth_grant *grants;
    struct error err = {0};
    size_t n;

    add_client(&w, &o, "mcp_client_a", "none", URIS);
    add_token(&w, &o, "mcp_client_a", "old", "'read write admin offline_access'", LIVE);
    import(&w, &o);
    a = refresh(&w, "mcp_client_a", "", "old");
    CHECK_INT(a.status, 200);
    CHECK_STR(member_of(&w, a.body, "scope"), "read write offline_access");
    CHECK_INT(world_check(&w, member_of(&w, a.body, "access_token"), &p), AUTH_OK);
    CHECK_STR(p.subject, "mcp_client_a");
    CHECK_INT(p.scopes, SCOPES_DEFAULT);
    CHECK_STR(auth_first_space(&p), "default");
    CHECK(!auth_may_use_space(&p, STR("team")));
    a = refresh(&w, "mcp_client_a", "",
                arena_cstr(&w.a, member_of(&w, a.body, "refresh_token")));
    CHECK_INT(a.status, 200);
    CHECK_OK(auth_grants(w.x, &w.a, STR(""), w.r.now_ms, &grants, &n, &err), err);
    REQUIRE(n == 1);
    CHECK_OK(auth_grant_revoke(w.x, &w.r, STR("ann"), STR(""), grants[0].id, &err), err);
    CHECK_INT(world_check(&w, member_of(&w, a.body, "access_token"), &p), AUTH_INVALID);
    w.r.now_ms += AUTH_GRACE_MS + 1;
    CHECK_REFUSED(&w, refresh(&w, "mcp_client_a", "", "old"), 400, "invalid_grant");
    remove_old(&w, &o);
}

TEST(a_stolen_old_token_ends_the_grant)
{
    WORLD(w);
    struct old o = make_old(&w, true);
    struct auth_principal p;
    struct auth_answer a;

    add_client(&w, &o, "mcp_client_a", "none", URIS);
    add_token(&w, &o, "mcp_client_a", "old", "NULL", LIVE);
    import(&w, &o);
    a = refresh(&w, "mcp_client_a", "", "old");
    CHECK_INT(a.status, 200);
    w.r.now_ms += AUTH_GRACE_MS + 1;
    CHECK_INT(refresh(&w, "mcp_client_a", "", "old").status, 400);
    CHECK_INT(world_check(&w, member_of(&w, a.body, "access_token"), &p), AUTH_INVALID);
    remove_old(&w, &o);
}

TEST(tokens_that_are_dead_or_nobodys_stay_behind)
{
    static const struct {
        const char *client, *scope, *state;
    } rows[] = {
        {"mcp_client_a", "'read write'", "1800086400.0, 1"}, /* rotated */
        {"mcp_client_a", "'read write'", "1799999999.0, 0"}, /* expired */
        {"mcp_client_b", "'read write'", LIVE},              /* of no client */
        {"mcp_client_a", "'offline_access'", LIVE},          /* gives nothing */
    };
    WORLD(w);
    struct old o = make_old(&w, true);

    add_client(&w, &o, "mcp_client_a", "none", URIS);
    for (size_t i = 0; i < COUNT(rows); i++)
        add_token(&w, &o, rows[i].client, arena_printf(&w.a, "t%zu", i).ptr, rows[i].scope,
                  rows[i].state);
    import(&w, &o);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_REFUSED(&w, refresh(&w, "mcp_client_a", "", arena_printf(&w.a, "t%zu", i).ptr),
                      400, "invalid_grant");
    remove_old(&w, &o);
}

TEST(it_happens_once_and_what_is_here_stays)
{
    WORLD(w);
    struct old o = make_old(&w, true);
    struct error err = {0};

    add_client(&w, &o, w.client, "client_secret_basic", "[\"https://other.example/cb\"]");
    import(&w, &o);
    CHECK_STR(find_client(&w, w.client)->redirect_uris, CALLBACK);
    add_client(&w, &o, "mcp_client_later", "none", URIS);
    import(&w, &o);
    CHECK(find_client(&w, "mcp_client_later") == NULL);
    CHECK_OK(auth_client_delete(w.x, &w.r, STR("ann"), str_c(w.client), &err), err);
    import(&w, &o);
    CHECK(find_client(&w, w.client) == NULL); /* deleted is deleted */
    remove_old(&w, &o);
}

TEST(a_database_from_before_refresh_tokens_gives_its_clients)
{
    WORLD(w);
    struct old o = make_old(&w, false);

    add_client(&w, &o, "mcp_client_a", "none", URIS);
    import(&w, &o);
    CHECK(find_client(&w, "mcp_client_a") != NULL);
    remove_old(&w, &o);
}

TEST(other_files_are_no_such_database)
{
    WORLD(w);
    struct old o = {.path = arena_printf(&w.a, "%s/old.db", w.dir).ptr};

    CHECK(!auth_is_reference(w.path)); /* our own */
    CHECK(!auth_is_reference(o.path)); /* none */
    CHECK_INT(sqlite3_open(o.path, &o.db), SQLITE_OK);
    run(&o, "CREATE TABLE oauth_clients (x)");
    CHECK(!auth_is_reference(o.path));
    remove_old(&w, &o);
}

TEST_MAIN()

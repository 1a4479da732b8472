/* test_people.c - the commands about people, clients, tokens and keys, on a database of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "tests/unit/cli/stage.h"

#define URL      "https://memory.example"
#define PASSWORD "correct horse battery"

static bool open_stage(struct stage *s)
{
    bool is_open = stage_open(s);

    s->url = STR(URL);
    return is_open;
}

/* A member of what the last command printed; it lives in the stage. */
static struct str printed(struct stage *s, const char *key)
{
    AUTO_JSON *j = stage_json(s);

    return arena_dup(&s->arena, json_view(json_object_get(j, key)));
}

static int run(struct stage *s, const char *line, const char *rest)
{
    return stage_run(s, arena_printf(&s->arena, "%s%s%s", line, *rest ? " " : "", rest).ptr);
}

static struct auth_request ask(struct stage *s)
{
    return (struct auth_request){.arena = &s->arena,
                                 .base = STR(URL),
                                 .peer = STR("203.0.113.7"),
                                 .now_ms = clock_now_ms()};
}

/* Uses the link that the last command printed. */
static bool use_link(struct stage *s, const char *name, struct error *err)
{
    const struct auth_request r = ask(s);
    struct str link = printed(s, "link"), token, session;

    return CHECK(str_cut(link, '=', &link, &token)) && CHECK_STR(link, URL "/welcome?link") &&
           auth_link_use(s->auth, &r, token, str_c(name), STR(PASSWORD), &session, err);
}

static void add_account(struct stage *s, const char *name, const char *options)
{
    struct error err = {0};

    CHECK_INT(run(s, "user invite --json", options), CLI_OK);
    CHECK_OK(use_link(s, name, &err), err);
}

static enum auth_verdict check_key(struct stage *s, struct str key, struct auth_principal *out)
{
    const struct auth_request r = ask(s);
    const char *why;

    return auth_check(s->auth, &r, (struct str){0}, key, out, &why);
}

TEST(wrong_words_are_named_and_change_nothing)
{
    static const struct {
        const char *line, *word;
    } rows[] = {
        {"user invite --role boss", "not owner, member or reader"},
        {"user invite --spaces a/b", "not the name of a space: 'a/b'"},
        {"user invite --spaces _", "no space is named"},
        {"user invite --url http://far.example", "--url"},
        {"user invite ann", "expected 'memoryd user invite'"},
        {"user shout", "it takes list, invite, reset, set, delete"},
        {"user list --role owner", "--role does not go with 'memoryd user list'"},
        {"user set", "expected 'memoryd user set NAME'"},
        {"user set ann", "nothing to set"},
        {"user set ann --disable --enable", "not both"},
        {"user set caf\xe9 --disable", "UTF-8"},
        {"client add x", "--redirect"},
        {"client add x --redirect ftp://far.example/", "redirect URI 1"},
        {"client add x --for-itself --public", "--for-itself needs a secret"},
        {"client add x --redirect https://far.example/ --scopes read", "go with --for-itself"},
        {"client add x --for-itself --scopes read_fly", "'fly' is no scope"},
        {"client add x --for-itself --scopes _", "no scope is named"},
        {"client add x --for-itself --spaces a/b", "not the name of a space"},
        {"client add x --for-itself --space work", "did you mean --spaces?"},
        {"token list --user", "--user needs a value"},
        {"key add k", "--user"},
        {"key add k --user ann --space work", "did you mean --spaces?"},
        {"key add k --user ann --expires-days 0", "not a number from 1"},
        {"key add two_words --user ann", "without blanks"},
        {"keys", "rotate"},
        {"keys list", "it takes rotate"},
        {"audit -n 0", "not a number from 1"},
        {"audit all", "too many words"},
    };
    AUTO_STAGE s;

    REQUIRE(open_stage(&s));
    add_account(&s, "ann", "--role owner");
    for (size_t i = 0; i < COUNT(rows); i++) {
        int code = stage_run(&s, rows[i].line);

        if (!CHECK_INT(code, CLI_USAGE) || !CHECK(stage_warned(&s, rows[i].word)))
            printf("  %s: %s\n", rows[i].line, s.err);
        CHECK_STR(str_c(s.out), "");
    }
    CHECK_INT(stage_run(&s, "client list --json"), CLI_OK);
    CHECK_STR(str_c(s.out), "{\"clients\":[]}\n");
    CHECK_INT(stage_run(&s, "key list --json"), CLI_OK);
    CHECK_STR(str_c(s.out), "{\"keys\":[]}\n");
}

TEST(what_is_not_there_is_not_found)
{
    static const char *const lines[] = {"user reset ann",        "user set ann --disable",
                                        "user delete ann",       "client delete mcp_client_x",
                                        "token list --user ann", "token revoke x",
                                        "key add k --user ann",  "key delete k"};
    AUTO_STAGE s;

    REQUIRE(open_stage(&s));
    for (size_t i = 0; i < COUNT(lines); i++) {
        if (!CHECK_INT(stage_run(&s, lines[i]), CLI_NOT_FOUND))
            printf("  %s: %s\n", lines[i], s.err);
    }
    CHECK_INT(stage_run(&s, "audit --json"), CLI_OK);
    CHECK_STR(str_c(s.out), "{\"events\":[]}\n");
}

TEST(without_an_address_a_link_would_lead_nowhere)
{
    AUTO_STAGE s;

    REQUIRE(open_stage(&s));
    s.url = STR("");
    CHECK_INT(stage_run(&s, "user invite"), CLI_USAGE);
    CHECK(stage_warned(&s, "give it with --url"));
    CHECK_INT(stage_run(&s, "user invite --url https://other.example/"), CLI_OK);
    CHECK(stage_said(&s, "https://other.example/welcome?link=mdl_"));
}

TEST(an_account_is_what_its_invitation_says)
{
    static const struct {
        const char *options, *name;
        enum auth_role role;
        const char *spaces;
    } rows[] = {
        {"", "mia", AUTH_MEMBER, "default"},
        {"--role owner", "ann", AUTH_OWNER, "default *"},
        {"--role reader --spaces team_docs", "rita", AUTH_READER, "team docs"},
        {"--spaces team --spaces *", "bob", AUTH_MEMBER, "team *"},
    };
    AUTO_STAGE s;
    struct error err = {0};

    REQUIRE(open_stage(&s));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_account p = {0};

        add_account(&s, rows[i].name, rows[i].options);
        CHECK_OK(auth_account_find(s.auth, &s.arena, str_c(rows[i].name), &p, &err), err);
        CHECK_INT(p.role, rows[i].role);
        CHECK_STR(p.spaces, rows[i].spaces);
    }
    CHECK(!use_link(&s, "eve", &err)); /* the last one once more */
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

TEST(accounts_are_changed_and_an_owner_stays)
{
    AUTO_STAGE s;
    struct auth_account p = {0};
    struct error err = {0};

    REQUIRE(open_stage(&s));
    add_account(&s, "ann", "--role owner");
    add_account(&s, "bob", "");
    CHECK_INT(stage_run(&s, "user set BOB --role reader --disable"), CLI_OK);
    CHECK_OK(auth_account_find(s.auth, &s.arena, STR("bob"), &p, &err), err);
    CHECK(p.role == AUTH_READER && p.is_disabled);
    CHECK_STR(p.spaces, "default"); /* what was not named stays */
    CHECK_INT(stage_run(&s, "user list"), CLI_OK);
    CHECK(stage_said(&s, "bob  reader  spaces default"));
    CHECK(stage_said(&s, "disabled"));
    CHECK_INT(stage_run(&s, "user set bob --enable --spaces team --json"), CLI_OK);
    CHECK(stage_said(&s, "\"spaces\":[\"team\"],\"disabled\":false"));
    CHECK_INT(stage_run(&s, "user set ann --role member"), CLI_CONFLICT);
    CHECK_INT(stage_run(&s, "user delete ann"), CLI_CONFLICT);
    CHECK(stage_warned(&s, "nobody would be owner"));
    CHECK_INT(stage_run(&s, "user delete bob"), CLI_OK);
    CHECK_INT(stage_run(&s, "user delete bob"), CLI_NOT_FOUND);
}

TEST(a_reset_link_is_for_its_account_alone)
{
    AUTO_STAGE s;
    struct error err = {0};
    const struct auth_account *list;
    size_t n;

    REQUIRE(open_stage(&s));
    add_account(&s, "ann", "--role owner");
    CHECK_INT(stage_run(&s, "user reset Ann --json"), CLI_OK);
    CHECK_OK(use_link(&s, "eve", &err), err); /* the name in the form does not count */
    CHECK_OK(auth_accounts(s.auth, &s.arena, &list, &n, &err), err);
    CHECK_INT(n, 1);
}

TEST(a_key_may_do_what_it_says_and_its_account_may)
{
    static const struct {
        const char *options;
        unsigned scopes;
        const char *space;    /* the first */
        bool may_other_space; /* "docs" */
    } rows[] = {
        {"", SCOPE_READ | SCOPE_WRITE, "team", true},
        {"--scopes read", SCOPE_READ, "team", true},
        {"--scopes admin", SCOPE_READ | SCOPE_WRITE, "team", true}, /* a member is no admin */
        {"--spaces docs_secret", SCOPE_READ | SCOPE_WRITE, "docs", true},
        {"--spaces team", SCOPE_READ | SCOPE_WRITE, "team", false},
    };
    AUTO_STAGE s;

    REQUIRE(open_stage(&s));
    add_account(&s, "bob", "--spaces team_docs");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct auth_principal p = {0};
        struct str key;

        CHECK_INT(run(&s, "key add k --user Bob --json", rows[i].options), CLI_OK);
        key = printed(&s, "key");
        CHECK(str_starts(key, STR("mdk_")));
        CHECK_INT(check_key(&s, key, &p), AUTH_OK);
        CHECK_STR(p.subject, "bob");
        CHECK_INT(p.scopes, rows[i].scopes);
        CHECK_STR(auth_first_space(&p), rows[i].space);
        CHECK_INT(auth_may_use_space(&p, STR("docs")), rows[i].may_other_space);
        CHECK(!auth_may_use_space(&p, STR("secret")));
        CHECK_INT(stage_run(&s, "key add k --user bob"), CLI_CONFLICT);
        CHECK_INT(stage_run(&s, "key list"), CLI_OK);
        CHECK(!str_contains(str_c(s.out), key));
        CHECK_INT(stage_run(&s, "key delete k"), CLI_OK);
        CHECK_INT(check_key(&s, key, &p), AUTH_INVALID);
    }
}

TEST(a_key_ends_when_it_says)
{
    AUTO_STAGE s;
    const struct auth_api_key *list;
    struct error err = {0};
    int64_t days;
    size_t n;

    REQUIRE(open_stage(&s));
    add_account(&s, "ann", "--role owner");
    CHECK_INT(stage_run(&s, "key add k --user ann --expires-days 90"), CLI_OK);
    CHECK_OK(auth_api_keys(s.auth, &s.arena, &list, &n, &err), err);
    REQUIRE(n == 1);
    days = (list[0].expires_ms - list[0].created_ms) / ((int64_t)24 * 3600 * 1000);
    CHECK(days == 89 || days == 90);
}

/* An access token by the credentials that the last command printed. */
static struct str client_token(struct stage *s)
{
    const struct auth_request r = ask(s);
    struct auth_answer answer = {0};
    AUTO_JSON *j = NULL;
    AUTO_BUF pair = {0};

    crypto_base64_encode(&pair, arena_printf(&s->arena, STR_FMT ":" STR_FMT,
                                             STR_ARG(printed(s, "client_id")),
                                             STR_ARG(printed(s, "client_secret"))));
    auth_token(s->auth, &r, arena_printf(&s->arena, "Basic %s", buf_cstr(&pair)),
               STR("grant_type=client_credentials"), &answer);
    CHECK_INT(answer.status, 200);
    CHECK(json_parse(answer.body, &j, NULL));
    return arena_dup(&s->arena, json_view(json_object_get(j, "access_token")));
}

/* As stage_run() takes it. */
static const char *tilde(struct arena *a, struct str id)
{
    char *text = arena_cstr(a, id);

    for (char *c = text; *c; c++)
        *c = *c == '_' ? '~' : *c;
    return text;
}

TEST(a_client_that_acts_for_itself_gets_its_scopes_in_its_spaces)
{
    AUTO_STAGE s;
    struct auth_principal p = {0};
    struct str token, id, rest;

    REQUIRE(open_stage(&s));
    CHECK_INT(
        stage_run(&s, "client add backup --for-itself --scopes read --spaces docs --json"),
        CLI_OK);
    token = client_token(&s);
    CHECK_INT(check_key(&s, token, &p), AUTH_OK);
    CHECK_INT(p.scopes, SCOPE_READ);
    CHECK_STR(auth_first_space(&p), "docs");
    CHECK(!auth_may_use_space(&p, STR("default")));
    CHECK_INT(stage_run(&s, "token list"), CLI_OK);
    CHECK(stage_said(&s, "(itself) to backup"));
    CHECK(stage_said(&s, "read; spaces docs"));
    REQUIRE(str_cut(str_c(s.out), ' ', &id, &rest) && str_starts(id, STR("grant_")));
    CHECK_INT(run(&s, "token revoke", tilde(&s.arena, id)), CLI_OK);
    CHECK_INT(check_key(&s, token, &p), AUTH_INVALID);
}

TEST(what_happened_is_in_the_audit_page_by_page)
{
    AUTO_STAGE s;
    AUTO_JSON *first = NULL, *second = NULL;
    const json_t *events;
    json_int_t seq;

    REQUIRE(open_stage(&s));
    add_account(&s, "ann", "--role owner"); /* link.invite, account.add, login */
    CHECK_INT(stage_run(&s, "client add app --public --redirect https://a.example/cb"), CLI_OK);
    CHECK_INT(stage_run(&s, "keys rotate"), CLI_OK);
    CHECK_INT(stage_run(&s, "audit -n 2 --json"), CLI_OK);
    first = stage_json(&s);
    events = json_object_get(first, "events");
    REQUIRE(json_array_size(events) == 2);
    CHECK_STR(json_view(json_object_get(json_array_get(events, 0), "event")), "keys.rotate");
    CHECK_STR(json_view(json_object_get(json_array_get(events, 0), "subject")), "local");
    CHECK_STR(json_view(json_object_get(json_array_get(events, 1), "event")), "client.add");
    seq = json_integer_value(json_object_get(json_array_get(events, 1), "seq"));
    CHECK_INT(
        stage_run(&s, arena_printf(&s.arena, "audit --json --before %lld", (long long)seq).ptr),
        CLI_OK);
    second = stage_json(&s);
    events = json_object_get(second, "events");
    CHECK_INT(json_array_size(events), 3);
    CHECK_STR(json_view(json_object_get(json_array_get(events, 2), "event")), "link.invite");
    CHECK_INT(stage_run(&s, "audit -n 2"), CLI_OK);
    CHECK(stage_said(&s, "more with --before"));
}

TEST(a_database_that_cannot_be_opened_is_unavailable)
{
    static const char *const lines[] = {"user", "client",      "token",
                                        "key",  "keys rotate", "audit"};
    AUTO_STAGE s;

    REQUIRE(open_stage(&s));
    s.is_closed = true;
    for (size_t i = 0; i < COUNT(lines); i++)
        CHECK_INT(stage_run(&s, lines[i]), CLI_UNAVAILABLE);
}

TEST_MAIN()

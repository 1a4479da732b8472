/*
 * test_cimd.c - clients that are named by a document: what it must say, when it is fetched, what if it cannot be.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/auth/world.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/faults.h"

#define URL    "https://app.example/client.json"
#define HOSTED "https://claude.ai/oauth/mcp-oauth-client-metadata"
#define CODE   "https://claude.ai/oauth/claude-code-client-metadata"
#define GOOD                                                                                   \
    "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[\"" CALLBACK "\"]}"

struct net { /* what the outside answers */
    bool is_down;
    struct auth_fetched answer;
    int n_fetches;
};

static bool fetch(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                  struct error *err)
{
    struct net *net = ctx;

    (void)a;
    (void)url;
    net->n_fetches++;
    if (net->is_down)
        return error_set(err, ERROR_UNAVAILABLE, "10.0.0.1 is private");
    *out = net->answer;
    return true;
}

static struct net net_of(const char *body)
{
    return (struct net){
        .answer = {200, STR("application/json; charset=utf-8"), str_c(body), -1}};
}

static void world_of(struct world *w, struct net *net)
{
    world_init(w, &(struct auth_options){.fetch = net ? fetch : NULL, .fetch_ctx = net});
}

TEST(a_document_makes_a_client)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = URL};
    struct auth_page page;

    world_of(&w, &net);
    CHECK(auth_authorize_is_slow(w.x, &w.r, str_c(world_query(&w, &q))));
    page = world_authorize(&w, &q, &w.owner);
    CHECK_INT(page.step, AUTH_CONSENT);
    CHECK_STR(page.client_name, "App");
    CHECK_STR(page.client_host, "app.example");
    CHECK(page.is_verified);
    CHECK(!auth_authorize_is_slow(w.x, &w.r, str_c(world_query(&w, &q))));
    w.client = URL;
    CHECK_INT(world_check(&w, world_access(&w), NULL), AUTH_OK);
    CHECK_INT(net.n_fetches, 1);
}

TEST(documents_that_do_not_fit_are_refused)
{
    static const char *const rows[] = {
        "",
        "[]",
        "not JSON",
        "{\"client_id\":\"https://evil.example/c\",\"client_name\":\"A\",\"redirect_uris\":"
        "[\"" CALLBACK "\"]}",
        "{\"client_id\":\"" URL "/\",\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK
        "\"]}",
        "{\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK "\"]}",
        "{\"client_id\":\"" URL "\",\"redirect_uris\":[\"" CALLBACK "\"]}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\"}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"redirect_uris\":[\"http://evil\"]}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK
        "\"],\"client_secret\":\"x\"}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK
        "\"],\"client_secret_expires_at\":0}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK
        "\"],\"token_endpoint_auth_method\":\"client_secret_post\"}",
        "{\"client_id\":\"" URL "\",\"client_name\":\"A\",\"redirect_uris\":[\"" CALLBACK
        "\"],\"grant_types\":[\"client_credentials\"]}",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct net net = net_of(rows[i]);
        AUTO(world_deinit)
        struct world w;
        struct auth_page page;

        world_of(&w, &net);
        page = world_authorize(&w, &(struct asking){.client = URL}, &w.owner);
        CHECK_INT(page.step, AUTH_ERROR_PAGE);
        CHECK(page.location.ptr == NULL);
        CHECK_INT(net.n_fetches, 1);
    }
}

TEST(answers_that_are_no_document_are_refused_and_not_kept)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = URL};

    world_of(&w, &net);
    net.answer.status = 302;
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_ERROR_PAGE);
    net.answer.status = 200;
    net.answer.content_type = STR("text/html");
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_ERROR_PAGE);
    net.answer.content_type = STR("application/json");
    net.is_down = true;
    CHECK(!str_contains(world_authorize(&w, &q, &w.owner).text, STR("10.0.0.1")));
    net.is_down = false;
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
}

/* A full disk of ours used to be told to strangers, as the client's fault, and not to the log. */
TEST(a_database_that_fails_is_our_fault)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;
    struct auth_page page;

    world_of(&w, &net);
    faults_arm(FAULT_FULL, 1, true);
    page = world_authorize(&w, &(struct asking){.client = URL}, NULL);
    CHECK(faults_disarm());
    CHECK_INT(page.step, AUTH_ERROR_PAGE);
    CHECK_INT(page.status, 503);
    CHECK_STR(page.error, "temporarily_unavailable");
    CHECK(page.retry_after_s > 0);
    CHECK(!str_contains(page.text, STR("disk")));
    CHECK_INT(world_authorize(&w, &(struct asking){.client = URL}, NULL).step, AUTH_LOG_IN);
}

static bool fetch_nonsense(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                           struct error *err)
{
    (void)ctx;
    (void)a;
    (void)url;
    (void)out;
    return error_set(err, ERROR_UNAVAILABLE, "x\" event=\"forged\nlevel=info");
}

/* What the outside caused to be said used to stand between quotes as it was. */
TEST(a_failed_fetch_forges_no_line_of_the_log)
{
    AUTO(world_deinit)
    struct world w;
    char text[4096] = "";
    FILE *log = tmpfile();
    int before = dup(STDERR_FILENO);
    struct str said;

    world_init(&w, &(struct auth_options){.fetch = fetch_nonsense});
    REQUIRE(log && before >= 0);
    fflush(stderr);
    dup2(fileno(log), STDERR_FILENO);
    (void)world_authorize(&w, &(struct asking){.client = URL}, NULL);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(log);
    said = str_n(text, fread(text, 1, sizeof(text), log));
    fclose(log);
    CHECK(str_contains(said, STR("step=fetch")));
    CHECK(!str_contains(said, STR("event=\"forged")));
}

TEST(no_bad_url_is_fetched)
{
    static const char *const urls[] = {
        "https://app.example",          "https://app.example/",
        "https://u:p@app.example/c",    "https://app.example/a/../c",
        "https://app.example/c?x=1",    "https://app.example/c#x",
        "https://app.example/%2e%2e/c", "https://",
        "https://app.example:0/c",      "https://127.0.0.1 /c",
    };
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;

    world_of(&w, &net);
    for (size_t i = 0; i < COUNT(urls); i++)
        CHECK_INT(world_authorize(&w, &(struct asking){.client = urls[i]}, &w.owner).step,
                  AUTH_ERROR_PAGE);
    CHECK_INT(
        world_authorize(&w, &(struct asking){.client = "http://app.example/c"}, &w.owner).step,
        AUTH_ERROR_PAGE);
    CHECK_INT(net.n_fetches, 0);
}

TEST(the_token_endpoint_never_fetches)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;

    world_of(&w, &net);
    CHECK_REFUSED(&w,
                  world_token(&w, NULL,
                              "grant_type=authorization_code&client_id=" URL
                              "&code=x&code_verifier=" VERIFIER),
                  401, "invalid_client");
    CHECK_INT(net.n_fetches, 0);
}

TEST(a_document_is_read_again_when_it_is_old)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = URL};

    world_of(&w, &net);
    net.answer.max_age_s = 0; /* five minutes at least */
    (void)world_authorize(&w, &q, &w.owner);
    w.r.now_ms += (int64_t)299 * 1000;
    (void)world_authorize(&w, &q, &w.owner);
    CHECK_INT(net.n_fetches, 1);
    w.r.now_ms += 1000;
    net.answer.max_age_s = INT64_MAX; /* a day at most */
    (void)world_authorize(&w, &q, &w.owner);
    CHECK_INT(net.n_fetches, 2);
    w.r.now_ms += (int64_t)86400 * 1000;
    (void)world_authorize(&w, &q, &w.owner);
    CHECK_INT(net.n_fetches, 3);
}

TEST(nobody_is_hammered_through_us)
{
    struct net net = {.is_down = true};
    AUTO(world_deinit)
    struct world w;

    world_of(&w, &net);
    for (size_t i = 0; i < 200; i++)
        (void)world_authorize(
            &w,
            &(struct asking){.client = arena_printf(&w.a, "https://app.example/%zu", i).ptr},
            &w.owner);
    CHECK(net.n_fetches > 1 && net.n_fetches <= 10);
}

struct slow { /* a site that takes its time: meanwhile others come */
    struct world *w;
    struct net net;
    struct auth_page meanwhile, meanwhile_claude;
};

static bool fetch_slowly(void *ctx, struct arena *a, struct str url, struct auth_fetched *out,
                         struct error *err)
{
    struct slow *s = ctx;

    if (s->net.n_fetches == 0) {
        s->net.n_fetches = 1;
        s->meanwhile =
            world_authorize(s->w, &(struct asking){.client = "https://other.example/c"}, NULL);
        s->meanwhile_claude = world_authorize(s->w, &(struct asking){.client = HOSTED}, NULL);
    }
    return fetch(&s->net, a, url, out, err);
}

/* Two slow sites at once used to take both threads that log-ins need. */
TEST(one_document_is_fetched_at_a_time)
{
    AUTO(world_deinit)
    struct world w;
    struct slow s = {.w = &w, .net = net_of(GOOD)};

    world_init(&w, &(struct auth_options){.fetch = fetch_slowly, .fetch_ctx = &s});
    CHECK_INT(world_authorize(&w, &(struct asking){.client = URL}, NULL).step, AUTH_LOG_IN);
    CHECK_INT(s.net.n_fetches, 2); /* its own, and it was counted above */
    CHECK_INT(s.meanwhile.step, AUTH_ERROR_PAGE);
    CHECK_INT(s.meanwhile.status, 503);
    CHECK(s.meanwhile.retry_after_s > 0);
    CHECK(str_contains(s.meanwhile.text, STR("Try again")));
    CHECK_INT(s.meanwhile_claude.step, AUTH_LOG_IN);
    w.r.now_ms += (int64_t)86400 * 1000;
    CHECK_INT(world_authorize(&w, &(struct asking){.client = URL}, NULL).step, AUTH_LOG_IN);
}

TEST(claudes_documents_are_known_without_the_net)
{
    struct net net = {.is_down = true};
    struct net *nets[] = {NULL, &net};

    for (size_t i = 0; i < COUNT(nets); i++) {
        AUTO(world_deinit)
        struct world w;
        struct auth_page page;

        world_of(&w, nets[i]);
        page = world_authorize(&w, &(struct asking){.client = HOSTED}, &w.owner);
        CHECK_INT(page.step, AUTH_CONSENT);
        CHECK_STR(page.client_name, "Claude");
        page = world_authorize(
            &w,
            &(struct asking){.client = HOSTED,
                             .redirect_uri = "https://claude.com/api/mcp/auth_callback"},
            &w.owner);
        CHECK_INT(page.step, AUTH_CONSENT);
        page = world_authorize(
            &w,
            &(struct asking){.client = CODE, .redirect_uri = "http://localhost:4711/callback"},
            &w.owner);
        CHECK_INT(page.step, AUTH_CONSENT);
        CHECK(page.is_local);
        page = world_authorize(
            &w, &(struct asking){.client = HOSTED, .redirect_uri = "https://evil.example"},
            &w.owner);
        CHECK_INT(page.step, AUTH_ERROR_PAGE);
        w.client = HOSTED;
        CHECK_INT(world_check(&w, world_access(&w), NULL), AUTH_OK);
    }
}

TEST(a_remembered_consent_is_asked_again_when_more_is_asked_for)
{
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = HOSTED, .scope = "read offline_access"};
    struct auth_page page;

    world_of(&w, NULL);
    (void)world_consent(&w, &q, &w.owner,
                        &(struct auth_decision){.is_granted = true, .is_remembered = true});
    page = world_authorize(&w, &q, &w.owner);
    CHECK_INT(page.step, AUTH_REDIRECT);
    CHECK(param_of(&w, page.location, "code").len > 0);
    CHECK_INT(world_authorize(&w, &q, &w.member).step, AUTH_CONSENT);
    CHECK_INT(world_authorize(&w, &q, NULL).step, AUTH_LOG_IN);
    q.scope = "read write";
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
    q.scope = "read";
    q.redirect_uri = "https://claude.com/api/mcp/auth_callback";
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
}

TEST(documents_that_nobody_uses_make_room)
{
    struct net net = net_of(GOOD);
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = URL};
    struct auth_page page;
    struct error err = {0};
    int64_t n;

    world_of(&w, &net);
    for (int i = 0; i < AUTH_CLIENTS_MAX; i++)
        CHECK_OK(auth_store_client_put(w.x->store,
                                       &(struct stored_client){
                                           .id = arena_printf(&w.a, "https://x.example/%d", i),
                                           .origin = STR("document"),
                                           .created_ms = START_MS},
                                       &err),
                 err);
    page = world_authorize(&w, &q, &w.owner);
    CHECK_INT(page.step, AUTH_ERROR_PAGE);
    CHECK_INT(page.status, 503);
    q.client = HOSTED;
    net.is_down = true;
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
    q.client = URL;
    net.is_down = false;
    w.r.now_ms += (int64_t)3600 * 1000;
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
    CHECK_OK(auth_store_clients_count(w.x->store, STR("document"), &n, &err), err);
    CHECK(n < AUTH_CLIENTS_MAX);
}

static void take_back_by_hand(struct world *w, const char *code, struct str refresh)
{
    const struct auth_grant *list;
    struct error err = {0};
    size_t n;

    (void)code;
    (void)refresh;
    CHECK_OK(auth_grants(w->x, &w->a, STR("ann"), w->r.now_ms, &list, &n, &err), err);
    if (CHECK_INT(n, 1))
        CHECK_OK(auth_grant_revoke(w->x, &w->r, STR("ann"), STR("ann"), list[0].id, &err), err);
}

static void take_back_by_client(struct world *w, const char *code, struct str refresh)
{
    struct auth_answer a = {0};

    (void)code;
    auth_revoke(w->x, &w->r, (struct str){0},
                arena_printf(&w->a, "client_id=" HOSTED "&token=" STR_FMT, STR_ARG(refresh)),
                &a);
    CHECK_INT(a.status, 200);
}

static void use_code_again(struct world *w, const char *code, struct str refresh)
{
    (void)refresh;
    CHECK_REFUSED(w, world_redeem(w, code), 400, "invalid_grant");
}

static void steal_refresh(struct world *w, const char *code, struct str refresh)
{
    (void)code;
    CHECK_INT(world_refresh(w, refresh).status, 200);
    w->r.now_ms += AUTH_GRACE_MS + 1000;
    CHECK_REFUSED(w, world_refresh(w, refresh), 400, "invalid_grant");
}

/* What was remembered used to survive, so that the client had a new grant without anybody being asked. */
TEST(a_grant_that_is_taken_back_takes_the_remembered_consent_along)
{
    static void (*const ways[])(struct world *, const char *, struct str) = {
        take_back_by_hand, take_back_by_client, use_code_again, steal_refresh};

    for (size_t i = 0; i < COUNT(ways); i++) {
        AUTO(world_deinit)
        struct world w;
        struct asking q = {.client = HOSTED, .scope = "read offline_access"};
        struct auth_page page;
        struct str refresh;
        const char *code;

        world_of(&w, NULL);
        w.client = HOSTED;
        (void)world_consent(&w, &q, &w.member,
                            &(struct auth_decision){.is_granted = true, .is_remembered = true});
        page =
            world_consent(&w, &q, &w.owner,
                          &(struct auth_decision){.is_granted = true, .is_remembered = true});
        code = arena_cstr(&w.a, param_of(&w, page.location, "code"));
        refresh = member_of(&w, world_redeem(&w, code).body, "refresh_token");
        CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_REDIRECT);
        ways[i](&w, code, refresh);
        CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
        CHECK_INT(world_authorize(&w, &q, &w.member).step, AUTH_REDIRECT);
    }
}

TEST(a_consent_for_a_program_on_the_machine_is_never_remembered)
{
    AUTO(world_deinit)
    struct world w;
    struct asking q = {.client = CODE, .redirect_uri = "http://localhost:4711/callback"};

    struct stored_consent *c = NULL;
    struct error err = {0};

    world_of(&w, NULL);
    CHECK(!world_authorize(&w, &q, &w.owner).is_rememberable);
    (void)world_consent(&w, &q, &w.owner,
                        &(struct auth_decision){.is_granted = true, .is_remembered = true});
    CHECK_INT(world_authorize(&w, &q, &w.owner).step, AUTH_CONSENT);
    CHECK_OK(auth_store_consent(w.x->store, &w.a, STR("ann"), STR(CODE), &c, &err), err);
    CHECK(c == NULL);
    q = (struct asking){.client = HOSTED};
    CHECK(world_authorize(&w, &q, &w.owner).is_rememberable);
    q = (struct asking){0}; /* one that registered itself, under whatever name */
    CHECK(!world_authorize(&w, &q, &w.owner).is_rememberable);
}

int main(int argc, char **argv)
{
    faults_init();
    return test_main(argc, argv);
}

/* test_sessions.c - the handshake, and to whom a session belongs for how long. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <string.h>

#define LIST    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define MALLORY "mallory"

static int status_of(struct stage *s, const char *session, const char *who)
{
    return stage_ask(s, &(const struct said){.body = LIST, .session = session, .who = who})
        .status;
}

TEST(the_handshake_settles_on_a_revision)
{
    static const struct {
        const char *asked, *got;
    } rows[] = {
        {"2024-11-05", "2024-11-05"}, {"2025-03-26", "2025-03-26"},
        {"2025-06-18", "2025-06-18"}, {"2025-11-25", "2025-11-25"},
        {"1999-01-01", "2025-11-25"}, {"2026-07-28", "2025-11-25"},
        {"", "2025-11-25"},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *body = printed(
            &s,
            REQUEST("1", "initialize",
                    "{\"protocolVersion\":\"%s\",\"capabilities\":{},\"clientInfo\":{}}"),
            rows[i].asked);
        struct heard h = stage_say(&s, body);

        CHECK_STR(
            json_view(json_object_get(json_object_get(h.json, "result"), "protocolVersion")),
            rows[i].got);
        CHECK_INT(h.session.len, 32);
    }
}

TEST(the_handshake_says_what_there_is)
{
    STAGE(s);
    struct heard h = stage_say(&s, INITIALIZE("2025-11-25"));
    const json_t *result = json_object_get(h.json, "result");
    const json_t *capabilities = json_object_get(result, "capabilities");

    CHECK_STR(json_view(json_object_get(json_object_get(result, "serverInfo"), "name")),
              "stage");
    CHECK(json_is_true(json_object_get(json_object_get(capabilities, "tools"), "listChanged")));
    CHECK(
        json_is_true(json_object_get(json_object_get(capabilities, "resources"), "subscribe")));
    CHECK(json_has(capabilities, "prompts"));
    CHECK(json_has(capabilities, "logging"));
    CHECK(!json_has(capabilities, "completions")); /* the stage has none */
}

TEST(session_ids_do_not_repeat)
{
    STAGE(s);
    const char *first = stage_session(&s, "2025-11-25", NULL);
    const char *second = stage_session(&s, "2025-11-25", NULL);

    CHECK(strcmp(first, second) != 0);
    CHECK_INT(status_of(&s, first, NULL), 200);
    CHECK_INT(status_of(&s, second, NULL), 200);
}

TEST(a_session_belongs_to_who_opened_it)
{
    STAGE(s);
    const char *session = stage_session(&s, "2025-11-25", ALICE);
    const struct said mallory = {.session = session, .who = MALLORY};
    struct heard h;

    CHECK_INT(status_of(&s, session, ALICE), 200);
    CHECK_INT(status_of(&s, session, MALLORY), 404);
    CHECK_INT(status_of(&s, session, NULL), 404);
    h = stage_get(&s, &mallory);
    CHECK_INT(h.status, 404);
    stage_forget(&h);
    CHECK_INT(stage_delete(&s, &mallory).status, 404);
    CHECK_INT(status_of(&s, session, ALICE), 200);
}

TEST(a_session_ends_when_it_is_deleted)
{
    STAGE(s);
    const char *session = stage_session(&s, "2025-11-25", NULL);
    const struct said said = {.session = session};

    CHECK_INT(stage_delete(&s, &(const struct said){0}).status, 400);
    CHECK_INT(stage_delete(&s, &said).status, 204);
    CHECK_INT(stage_delete(&s, &said).status, 404);
    CHECK_INT(status_of(&s, session, NULL), 404);
}

TEST(an_idle_session_expires)
{
    STAGE(s);
    const char *used = stage_session(&s, "2025-11-25", NULL);
    const char *idle = stage_session(&s, "2025-11-25", NULL);

    s.now_ms += MCP_SESSION_IDLE_MS - 1000;
    CHECK_INT(status_of(&s, used, NULL), 200);
    s.now_ms += 2000;
    mcp_tick(s.mcp, s.now_ms);
    CHECK_INT(status_of(&s, used, NULL), 200);
    CHECK_INT(status_of(&s, idle, NULL), 404);
}

/* A clock that jumped ahead used to end every session; one set back kept them, and their streams silent. */
TEST(setting_the_wall_clock_ages_nothing)
{
    STAGE(s);
    const int64_t year_ms = (int64_t)365 * 24 * 3600 * 1000;
    const char *session = stage_session(&s, "2025-11-25", NULL);

    s.set_ms = year_ms;
    CHECK_INT(stage_say(&s, INITIALIZE("2025-11-25")).status, 200);
    s.now_ms += 1000;
    CHECK_INT(status_of(&s, session, NULL), 200);
    s.set_ms = -year_ms;
    CHECK_INT(status_of(&s, session, NULL), 200);
    s.now_ms += MCP_SESSION_IDLE_MS + 1;
    CHECK_INT(status_of(&s, session, NULL), 404);
}

TEST(a_session_that_is_listened_to_does_not_expire)
{
    STAGE(s);
    const char *session = stage_session(&s, "2025-11-25", NULL);
    struct heard h = stage_get(&s, &(const struct said){.session = session});

    CHECK_INT(h.status, 200);
    s.now_ms += 3 * MCP_SESSION_IDLE_MS;
    mcp_tick(s.mcp, s.now_ms);
    CHECK_INT(status_of(&s, session, NULL), 200);
    stage_forget(&h);
    s.now_ms += 2 * MCP_SESSION_IDLE_MS;
    mcp_tick(s.mcp, s.now_ms);
    CHECK_INT(status_of(&s, session, NULL), 404);
}

TEST(the_idlest_session_gives_way_to_a_new_one)
{
    STAGE(s);
    const char *first = stage_session(&s, "2025-11-25", NULL);
    const char *second;

    s.now_ms++;
    second = stage_session(&s, "2025-11-25", NULL);
    for (int i = 2; i < MCP_SESSIONS_MAX; i++)
        CHECK_INT(stage_say(&s, INITIALIZE("2025-11-25")).status, 200);
    CHECK_INT(status_of(&s, second, NULL), 200);
    s.now_ms++;
    CHECK_INT(stage_say(&s, INITIALIZE("2025-11-25")).status, 200);
    CHECK_INT(status_of(&s, first, NULL), 404);
    CHECK_INT(status_of(&s, second, NULL), 200);
}

TEST(get_needs_a_session_and_a_client_that_takes_events)
{
    STAGE(s);
    const char *session = stage_session(&s, "2025-11-25", NULL);
    struct heard h = stage_get(&s, &(const struct said){0});

    CHECK_INT(h.status, 405);
    CHECK(h.allow && strstr(h.allow, "POST"));
    stage_forget(&h);
    h = stage_get(&s, &(const struct said){.session = "none"});
    CHECK_INT(h.status, 404);
    stage_forget(&h);
    h = stage_get(&s, &(const struct said){.session = session, .accept = "application/json"});
    CHECK_INT(h.status, 406);
    stage_forget(&h);
}

TEST_MAIN()

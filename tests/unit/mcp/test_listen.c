/* test_listen.c - subscriptions/listen: what was asked for, and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#define NEW "2026-07-28"
#define LISTEN(id, filter)                                                                     \
    REQUEST(id, "subscriptions/listen", "{\"notifications\":" filter "," META(NEW) "}")
#define EVERYTHING                                                                             \
    "{\"toolsListChanged\":true,\"promptsListChanged\":true,\"resourcesListChanged\":true,"    \
    "\"resourceSubscriptions\":[\"memory://0\"]}"

static struct heard listen(struct stage *s, const char *body)
{
    const struct said said = {.body = body, .version = NEW, .method = "subscriptions/listen"};

    return stage_post(s, &said);
}

static struct str method_of(const json_t *message)
{
    return json_view(json_object_get(message, "method"));
}

static const json_t *meta_id(const json_t *message)
{
    const json_t *holder = json_object_get(message, "params");

    if (!holder)
        holder = json_object_get(message, "result");
    return json_object_get(json_object_get(holder, "_meta"),
                           "io.modelcontextprotocol/subscriptionId");
}

static void change_everything(struct stage *s)
{
    mcp_list_changed(s->mcp, MCP_LIST_TOOLS);
    mcp_list_changed(s->mcp, MCP_LIST_PROMPTS);
    mcp_list_changed(s->mcp, MCP_LIST_RESOURCES);
    mcp_resource_updated(s->mcp, STR("memory://0"));
    mcp_resource_updated(s->mcp, STR("memory://1"));
}

TEST(a_listener_is_told_first_what_was_accepted)
{
    STAGE(s);
    struct heard h = listen(&s, LISTEN("7", "{\"toolsListChanged\":true,\"fancy\":true}"));
    const json_t *accepted;

    REQUIRE(CHECK(h.is_stream && !h.is_ended));
    REQUIRE(CHECK_INT(event_count(h.body), 1));
    CHECK_STR(method_of(h.json), "notifications/subscriptions/acknowledged");
    CHECK_INT(json_integer_value(meta_id(h.json)), 7);
    accepted = json_object_get(json_object_get(h.json, "params"), "notifications");
    CHECK_INT(json_object_size(accepted), 1);
    CHECK(json_is_true(json_object_get(accepted, "toolsListChanged")));
    stage_forget(&h);
}

TEST(only_what_was_asked_for_comes)
{
    static const struct {
        const char *body;
        size_t n_events; /* besides the first */
    } rows[] = {
        {LISTEN("1", "{}"), 0},
        {LISTEN("1", "{\"toolsListChanged\":true}"), 1},
        {LISTEN("1", "{\"toolsListChanged\":false}"), 0},
        {LISTEN("1", "{\"promptsListChanged\":true,\"resourcesListChanged\":true}"), 2},
        {LISTEN("1", "{\"resourceSubscriptions\":[\"memory://0\",\"memory://0\"]}"), 1},
        {LISTEN("1", "{\"resourceSubscriptions\":[]}"), 0},
        {LISTEN("1", EVERYTHING), 4},
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h = listen(&s, rows[i].body);

        change_everything(&s);
        stage_hear(&s, &h);
        if (!CHECK_INT(event_count(h.body), 1 + rows[i].n_events))
            printf("  after %s\n", rows[i].body);
        stage_forget(&h);
    }
}

TEST(each_stream_has_its_own_copy_under_its_own_id)
{
    STAGE(s);
    struct heard a = listen(&s, LISTEN("\"a\"", EVERYTHING));
    struct heard b = listen(&s, LISTEN("5", EVERYTHING));

    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    stage_hear(&s, &a);
    stage_hear(&s, &b);
    CHECK_STR(method_of(a.json), "notifications/tools/list_changed");
    CHECK_STR(json_view(meta_id(a.json)), "a");
    CHECK_INT(json_integer_value(meta_id(b.json)), 5);
    stage_forget(&a);
    mcp_list_changed(s.mcp, MCP_LIST_TOOLS);
    stage_hear(&s, &b);
    CHECK_INT(event_count(b.body), 3);
    stage_forget(&b);
}

TEST(a_request_without_a_filter_is_refused)
{
    static const char *const rows[] = {
        REQUEST("1", "subscriptions/listen", "{" META(NEW) "}"),
        LISTEN("1", "[]"),
        LISTEN("1", "{\"resourceSubscriptions\":7}"),
        LISTEN("1", "{\"resourceSubscriptions\":[7]}"),
        LISTEN("1", "{\"toolsListChanged\":\"yes\"}"),
    };
    STAGE(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard h = listen(&s, rows[i]);

        CHECK(h.is_ended);
        if (!CHECK_INT(heard_code(h.json), -32602))
            printf("  after %s\n", rows[i]);
        stage_forget(&h);
    }
}

TEST(the_server_ends_its_streams_with_an_answer)
{
    STAGE(s);
    struct heard h = listen(&s, LISTEN("7", EVERYTHING));

    mcp_shut_down(s.mcp);
    stage_hear(&s, &h);
    CHECK(h.is_ended);
    CHECK_INT(json_integer_value(json_object_get(h.json, "id")), 7);
    CHECK_STR(json_view(json_object_get(json_object_get(h.json, "result"), "resultType")),
              "complete");
    CHECK_INT(json_integer_value(meta_id(h.json)), 7);
    stage_forget(&h);
}

TEST(there_is_a_limit_to_listeners)
{
    STAGE(s);
    static struct heard all[MCP_LISTENERS_MAX];
    struct heard h;

    for (size_t i = 0; i < COUNT(all); i++) {
        all[i] = listen(&s, LISTEN("1", "{}"));
        CHECK(!all[i].is_ended);
    }
    h = listen(&s, LISTEN("1", "{}"));
    CHECK_INT(heard_code(h.json), -32603);
    stage_forget(&h);
    stage_forget(&all[0]);
    h = listen(&s, LISTEN("1", "{}"));
    CHECK(!h.is_ended);
    stage_forget(&h);
    for (size_t i = 1; i < COUNT(all); i++)
        stage_forget(&all[i]);
}

TEST(a_quiet_listener_is_kept_alive)
{
    STAGE(s);
    struct heard h = listen(&s, LISTEN("7", "{}"));
    size_t before = h.body.len;

    s.now_ms += MCP_KEEPALIVE_MS + 1;
    mcp_tick(s.mcp, s.now_ms);
    stage_hear(&s, &h);
    CHECK(h.body.len > before);
    CHECK_INT(event_count(h.body), 1);
    stage_forget(&h);
}

TEST_MAIN()

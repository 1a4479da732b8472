/* test_channel.c - stdio: lines of both eras on one channel. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define CANCEL_7                                                                               \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"                                         \
    "cancelled\",\"params\":{\"requestId\":7}}"
#define LISTEN                                                                                 \
    REQUEST("7", "subscriptions/listen",                                                       \
            "{\"notifications\":{\"toolsListChanged\":true}," META("2026-07-28") "}")

struct line_stage {
    struct stage s;
    struct mcp_channel *channel;
};

static void line_stage_init(struct line_stage *l)
{
    stage_init(&l->s, false);
    l->channel = mcp_channel_new(l->s.mcp, NULL, (struct mcp_wake){0});
}

static void line_stage_deinit(struct line_stage *l)
{
    mcp_channel_close(l->channel);
    stage_deinit(&l->s);
}

#define LINE_STAGE(name)                                                                       \
    AUTO(line_stage_deinit) struct line_stage name;                                            \
    line_stage_init(&name)

/* All that is to be sent, as an array. */
static json_t *fetch(struct line_stage *l)
{
    AUTO_BUF out = {0};
    json_t *all = json_must(json_array());
    struct str rest, line;

    mcp_channel_read(l->channel, &out);
    rest = buf_str(&out);
    while (rest.len && str_next(&rest, '\n', &line)) {
        json_t *one = NULL;

        if (line.len && CHECK(json_parse(line, &one, NULL)))
            json_array_append_new(all, one);
    }
    json_array_append_new(l->s.kept, all);
    return all;
}

static json_t *say(struct line_stage *l, const char *line)
{
    struct mcp_job *job = mcp_channel_line(l->channel, str_c(line), l->s.now_ms);

    if (job)
        mcp_job_run(job);
    return fetch(l);
}

/* The one message that the line leads to; NULL: not exactly one. */
static const json_t *only(struct line_stage *l, const char *line)
{
    const json_t *all = say(l, line);

    return CHECK_INT(json_array_size(all), 1) ? json_array_get(all, 0) : NULL;
}

static void handshake(struct line_stage *l, const char *version)
{
    say(l, printed(&l->s,
                   REQUEST("0", "initialize",
                           "{\"protocolVersion\":\"%s\",\"capabilities\":{\"sampling\":{}},"
                           "\"clientInfo\":{}}"),
                   version));
    CHECK_INT(json_array_size(say(l, INITIALIZED)), 0);
}

TEST(a_conversation)
{
    LINE_STAGE(l);

    handshake(&l, "2025-11-25");
    CHECK(json_has(json_object_get(only(&l, LIST), "result"), "tools"));
    CHECK_STR(heard_text(only(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
    CHECK(json_has(only(&l, REQUEST("3", "ping", "{}")), "result"));
}

TEST(both_eras_share_a_channel)
{
    LINE_STAGE(l);
    const json_t *answer;

    handshake(&l, "2025-06-18");
    answer = only(&l, MODERN_CALL("2", "echo", "{\"text\":\"x\"}"));
    CHECK_STR(heard_text(answer), "x");
    CHECK(json_has(json_object_get(answer, "result"), "resultType"));
    answer = only(&l, CALL("3", "echo", "{\"text\":\"y\"}"));
    CHECK_STR(heard_text(answer), "y");
    CHECK(!json_has(json_object_get(answer, "result"), "resultType"));
}

TEST(requests_before_the_handshake_are_served)
{
    LINE_STAGE(l);

    CHECK(json_has(json_object_get(only(&l, LIST), "result"), "tools"));
}

TEST(bad_lines_are_answered_and_the_next_is_read)
{
    static const struct {
        const char *line;
        int code;
    } rows[] = {
        {"{", -32700},
        {"\xff", -32700},
        {"7", -32600},
        {"[]", -32600},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600},
        {REQUEST("1", "no/such", "{}"), -32601},
        {CALL("1", "none", "{}"), -32602},
        {"[" LIST "]", -32600}, /* after a handshake at 2025-11-25 */
    };
    LINE_STAGE(l);

    handshake(&l, "2025-11-25");
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(heard_code(only(&l, rows[i].line)), rows[i].code);
    mcp_channel_line_too_long(l.channel);
    CHECK_INT(heard_code(json_array_get(fetch(&l), 0)), -32600);
    CHECK_STR(heard_text(only(&l, CALL("2", "echo", "{\"text\":\"x\"}"))), "x");
    CHECK_INT(json_array_size(say(&l, "")), 0); /* an empty line is nothing */
}

TEST(a_batch_at_the_revision_that_has_them)
{
    LINE_STAGE(l);
    const json_t *answer;

    handshake(&l, "2025-03-26");
    answer = only(&l, "[" LIST "," CALL("2", "echo", "{\"text\":\"x\"}") "]");
    CHECK_INT(json_array_size(answer), 2);
}

TEST(progress_comes_before_the_answer)
{
    LINE_STAGE(l);
    const json_t *all;
    size_t n;

    handshake(&l, "2025-11-25");
    all = say(
        &l, REQUEST("5", "tools/call", "{\"name\":\"steps\",\"_meta\":{\"progressToken\":9}}"));
    n = json_array_size(all);
    REQUIRE(CHECK(n >= 3));
    CHECK_STR(json_view(json_object_get(json_array_get(all, 0), "method")),
              "notifications/progress");
    CHECK_STR(heard_text(json_array_get(all, n - 1)), "stepped");
}

static void run_aside(void *job)
{
    mcp_job_run(job);
}

static void begin(struct line_stage *l, const char *line, struct thread *t)
{
    struct error err = {0};
    struct mcp_job *job = mcp_channel_line(l->channel, str_c(line), l->s.now_ms);

    CHECK(job != NULL);
    CHECK_OK(thread_start(t, "aside", run_aside, job, &err), err);
}

TEST(a_running_call_can_be_cancelled)
{
    LINE_STAGE(l);
    struct thread t = {0};

    handshake(&l, "2025-11-25");
    begin(&l, CALL("7", "wait", "{}"), &t);
    stage_wait_for(&l.s.n_waiting, 1);
    CHECK_INT(mcp_channel_n_running(l.channel), 1);
    CHECK_INT(heard_code(only(&l, CALL("7", "echo", "{\"text\":\"x\"}"))), -32600);
    CHECK_STR(heard_text(only(&l, CALL("8", "echo", "{\"text\":\"x\"}"))), "x");
    CHECK_INT(json_array_size(say(&l, CANCEL_7)), 0);
    thread_join(&t);
    CHECK_INT(atomic_load(&l.s.n_cancelled), 1);
    CHECK_INT(json_array_size(fetch(&l)), 0);
    CHECK_INT(mcp_channel_n_running(l.channel), 0);
}

TEST(closing_the_channel_cancels_its_calls)
{
    AUTO(stage_deinit) struct stage s;
    struct mcp_channel *channel;
    struct mcp_job *job;
    struct thread t = {0};
    struct error err = {0};

    stage_init(&s, false);
    channel = mcp_channel_new(s.mcp, NULL, (struct mcp_wake){0});
    job = mcp_channel_line(channel, STR(CALL("7", "wait", "{}")), s.now_ms);
    CHECK_OK(thread_start(&t, "aside", run_aside, job, &err), err);
    stage_wait_for(&s.n_waiting, 1);
    mcp_channel_close(channel);
    thread_join(&t);
    CHECK_INT(atomic_load(&s.n_cancelled), 1);
}

TEST(the_client_can_be_asked)
{
    LINE_STAGE(l);
    struct thread t = {0};
    const json_t *asked = NULL;
    const char *answer;

    handshake(&l, "2025-11-25");
    begin(&l, CALL("7", "ask", "{}"), &t);
    while (!asked)
        asked = json_array_get(fetch(&l), 0);
    CHECK_STR(json_view(json_object_get(asked, "method")), "sampling/createMessage");
    answer = printed(&l.s, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"a\":1}}",
                     json_string_value(json_object_get(asked, "id")));
    CHECK(mcp_channel_line(l.channel, str_c(answer), l.s.now_ms) == NULL);
    thread_join(&t);
    CHECK_STR(heard_text(json_array_get(fetch(&l), 0)), "{\"a\":1}");
}

TEST(changes_are_told_once_the_client_is_ready)
{
    LINE_STAGE(l);

    mcp_list_changed(l.s.mcp, MCP_LIST_TOOLS);
    CHECK_INT(json_array_size(fetch(&l)), 0);
    handshake(&l, "2025-11-25");
    mcp_list_changed(l.s.mcp, MCP_LIST_TOOLS);
    CHECK_INT(json_array_size(fetch(&l)), 1);
}

TEST(a_listener_ends_when_it_is_cancelled)
{
    LINE_STAGE(l);
    const json_t *first = only(&l, LISTEN);

    CHECK_STR(json_view(json_object_get(first, "method")),
              "notifications/subscriptions/acknowledged");
    mcp_list_changed(l.s.mcp, MCP_LIST_TOOLS);
    CHECK_INT(json_array_size(fetch(&l)), 1);
    CHECK_INT(json_array_size(say(&l, CANCEL_7)), 0);
    mcp_list_changed(l.s.mcp, MCP_LIST_TOOLS);
    CHECK_INT(json_array_size(fetch(&l)), 0);
}

TEST_MAIN()

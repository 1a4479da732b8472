/*
 * doctor_calls.c - memoryd doctor --url: the protocol with a token, in the form of 2026-07-28 and in the older one.
 *
 * What is called only reads. Limits are those beyond which Claude drops a tool without a word.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#define TOOLS_MAX        256
#define TOOL_NAME_MAX    64
#define TOOL_SCHEMA_MAX  16384
#define RESULT_MAX_CHARS 150000
#define MODERN           "2026-07-28"
#define LEGACY           "2025-11-25"
#define META_PREFIX      "io.modelcontextprotocol/"

/* -- messages ---------------------------------------------------------------------------------- */

struct str doctor_modern(struct arena *a, const char *method, json_t *params)
{
    json_t *all = params ? params : json_must(json_object());
    AUTO_JSON *j = NULL;

    json_object_set_new(
        all, "_meta",
        json_must(json_pack("{s:s, s:{s:s, s:s}, s:{}}", META_PREFIX "protocolVersion", MODERN,
                            META_PREFIX "clientInfo", "name", "memoryd-doctor", "version",
                            MEMORYD_VERSION, META_PREFIX "clientCapabilities")));
    j = json_must(json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
                            "params", all));
    return json_text(a, j);
}

bool doctor_call(struct site *s, const char *check, const char *method, json_t *params,
                 struct fetch_answer *out)
{
    struct str name = site_member(s, params, "name");
    const struct fetch_header headers[] = {
        {STR("MCP-Protocol-Version"), STR(MODERN)},
        {STR("Mcp-Method"), str_c(method)},
        {STR("Mcp-Name"), name},
    };
    const struct ask ask = {.method = "POST",
                            .url = s->url,
                            .content_type = "application/json",
                            .body = doctor_modern(s->arena, method, params),
                            .token = s->token,
                            .headers = headers,
                            .n_headers = name.len ? 3 : 2,
                            .timeout_ms = DOCTOR_CALL_MS};

    return site_ask(s, check, &ask, out);
}

/* The message of an event stream that is the answer; of JSON all of it. */
static struct str message_of(const struct fetch_answer *answer)
{
    struct str rest = answer->body, line, last = {0};

    if (!str_starts(answer->content_type, STR("text/event-stream")))
        return answer->body;
    while (str_next(&rest, '\n', &line)) {
        if (str_starts(line, STR("data:")))
            last = str_trim(str_sub(line, 5, line.len));
    }
    return last;
}

static void explain_refusal(struct site *s, const char *check,
                            const struct fetch_answer *answer)
{
    struct str challenge = fetch_header_of(answer, STR("WWW-Authenticate"));
    struct str why = doctor_challenge_param(challenge, STR("error_description"));

    if (answer->status == 401)
        doctor_say(
            s->d, VERDICT_FAILED, check,
            "the token is refused (" STR_FMT
            "): it has expired, was revoked, or is for another address; see that "
            "MCP_OAUTH_ISSUER is what clients use and that the proxy passes Authorization "
            "on",
            STR_ARG(why.len ? why : STR("401")));
    else if (answer->status == 403)
        doctor_say(s->d, VERDICT_FAILED, check,
                   "the token may not do this (" STR_FMT
                   "), or a proxy's or CDN's rule stops it; log in again and allow it",
                   STR_ARG(why.len ? why : STR("403")));
    else
        doctor_say(s->d, VERDICT_FAILED, check, STR_FMT, STR_ARG(site_surprise(s, answer)));
}

/* The result of an answer, borrowed from *out_whole. NULL: none, and that was said. */
static const json_t *result_of(struct site *s, const char *check,
                               const struct fetch_answer *answer, json_t **out_whole)
{
    const json_t *result;
    struct error err = {0};

    if (answer->status != 200) {
        explain_refusal(s, check, answer);
        return NULL;
    }
    if (!json_parse(message_of(answer), out_whole, &err)) {
        doctor_say(s->d, VERDICT_FAILED, check, "the answer is no JSON: %s; " STR_FMT, err.text,
                   STR_ARG(site_surprise(s, answer)));
        return NULL;
    }
    result = json_object_get(*out_whole, "result");
    if (!result)
        doctor_say(s->d, VERDICT_FAILED, check, "an error came: " STR_FMT,
                   STR_ARG(json_view(
                       json_object_get(json_object_get(*out_whole, "error"), "message"))));
    return result;
}

/* -- steps ------------------------------------------------------------------------------------- */

static bool check_discover(struct site *s)
{
    struct fetch_answer answer;
    AUTO_JSON *whole = NULL;
    const json_t *result;

    if (!doctor_call(s, "discover", "server/discover", NULL, &answer))
        return false;
    if (answer.status == 404 || answer.status == 405 || answer.status == 400) {
        doctor_say(s->d, VERDICT_NOTE, "discover",
                   "the server does not speak " MODERN "; claude.ai falls back to initialize");
        return true;
    }
    result = result_of(s, "discover", &answer, &whole);
    if (result)
        doctor_say(s->d, VERDICT_OK, "discover", "the server speaks " MODERN);
    return result != NULL;
}

static bool ask_legacy(struct site *s, struct str session, struct str body, const char *method,
                       struct fetch_answer *out)
{
    const struct fetch_header headers[] = {{STR("MCP-Protocol-Version"), STR(LEGACY)},
                                           {STR("Mcp-Session-Id"), session}};
    const struct ask ask = {.method = method,
                            .url = s->url,
                            .content_type = body.len ? "application/json" : NULL,
                            .body = body,
                            .token = s->token,
                            .headers = headers,
                            .n_headers = session.len ? 2 : 1};

    return site_ask(s, "initialize", &ask, out);
}

static void check_session(struct site *s, struct str session)
{
    struct fetch_answer answer;

    if (!ask_legacy(s, session,
                    STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"),
                    "POST", &answer))
        return;
    if (answer.status != 202)
        doctor_say(
            s->d, VERDICT_FAILED, "initialize",
            "a notification gets %d, not 202; see that the proxy lets empty answers pass",
            answer.status);
    else
        doctor_say(s->d, VERDICT_OK, "initialize", "a session of " LEGACY " begins");
    if (session.len)
        (void)ask_legacy(s, session, (struct str){0}, "DELETE", &answer);
}

static void check_initialize(struct site *s)
{
    struct fetch_answer answer;
    AUTO_JSON *whole = NULL;
    struct str body = STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                          "\"protocolVersion\":\"" LEGACY "\",\"capabilities\":{},"
                          "\"clientInfo\":{\"name\":\"memoryd-doctor\",\"version\":\"1\"}}}");

    if (ask_legacy(s, (struct str){0}, body, "POST", &answer) &&
        result_of(s, "initialize", &answer, &whole))
        check_session(s, fetch_header_of(&answer, STR("Mcp-Session-Id")));
}

static size_t check_tool(struct site *s, const json_t *tool)
{
    struct str name = json_view(json_object_get(tool, "name"));
    struct str schema = json_text(s->arena, json_object_get(tool, "inputSchema"));

    if (name.len <= TOOL_NAME_MAX && schema.len <= TOOL_SCHEMA_MAX)
        return 0;
    doctor_say(s->d, VERDICT_FAILED, "tools",
               "Claude drops the tool " STR_FMT
               ": %zu bytes of schema (%d are taken), a name of "
               "%zu (%d)",
               STR_ARG(name), schema.len, TOOL_SCHEMA_MAX, name.len, TOOL_NAME_MAX);
    return 1;
}

static bool is_callable(const json_t *tool)
{
    const json_t *annotations = json_object_get(tool, "annotations");
    const json_t *schema = json_object_get(tool, "inputSchema");

    return json_is_true(json_object_get(annotations, "readOnlyHint")) &&
           json_array_size(json_object_get(schema, "required")) == 0;
}

/* The name of a tool that only reads and needs no arguments, in the arena; empty: none. */
static struct str check_tools(struct site *s)
{
    struct fetch_answer answer;
    AUTO_JSON *whole = NULL;
    const json_t *tools, *result;
    struct str name = {0};
    size_t n_bad = 0;

    if (!doctor_call(s, "tools", "tools/list", NULL, &answer))
        return name;
    result = result_of(s, "tools", &answer, &whole);
    tools = json_object_get(result, "tools");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);

        n_bad += check_tool(s, tool);
        if (is_callable(tool) &&
            (!name.len || str_eq_c(json_view(json_object_get(tool, "name")), "memory_list")))
            name = site_member(s, tool, "name");
    }
    if (result && (json_array_size(tools) == 0 || json_array_size(tools) > TOOLS_MAX))
        doctor_say(s->d, VERDICT_FAILED, "tools", "%zu tools; Claude takes 1 to %d",
                   json_array_size(tools), TOOLS_MAX);
    else if (result && n_bad == 0)
        doctor_say(s->d, VERDICT_OK, "tools", "%zu tools, all within Claude's limits",
                   json_array_size(tools));
    return name;
}

static void check_call(struct site *s, struct str name)
{
    struct fetch_answer answer;
    AUTO_JSON *whole = NULL;
    const json_t *result;
    json_t *params = json_must(json_pack("{s:o, s:{}}", "name", json_str(name), "arguments"));

    if (!doctor_call(s, "call", "tools/call", params, &answer))
        return;
    result = result_of(s, "call", &answer, &whole);
    if (!result)
        return;
    if (json_is_true(json_object_get(result, "isError")))
        doctor_say(s->d, VERDICT_FAILED, "call", STR_FMT " failed: " STR_FMT, STR_ARG(name),
                   STR_ARG(json_view(json_object_get(
                       json_array_get(json_object_get(result, "content"), 0), "text"))));
    else if (answer.body.len > RESULT_MAX_CHARS)
        doctor_say(s->d, VERDICT_NOTE, "call",
                   STR_FMT " answers with %zu bytes; Claude cuts results of more than %d "
                           "characters (MCP_MAX_RESPONSE_CHARS)",
                   STR_ARG(name), answer.body.len, RESULT_MAX_CHARS);
    else
        doctor_say(s->d, VERDICT_OK, "call", STR_FMT " answers", STR_ARG(name));
}

bool doctor_check_calls(struct site *s)
{
    struct str name;

    if (!check_discover(s))
        return false;
    check_initialize(s);
    name = check_tools(s);
    if (name.len)
        check_call(s, name);
    return true;
}

/* fixture.c - see fixture.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <limits.h>
#include <unistd.h>

#include "embed/embed.h"
#include "json/json.h"
#include "store/store.h"

static const char secret[] = "0123456789abcdef0123456789abcdef";

static void must(bool is_ok, const char *what, const struct error *err)
{
    if (is_ok)
        return;
    fprintf(stderr, "fixture: %s: %s\n", what, err->text);
    abort();
}

static void open_store(struct fixture *f)
{
    struct error err = {0};
    char path[128];

    snprintf(f->folder, sizeof(f->folder), "/tmp/memoryd-tools-XXXXXX");
    if (!mkdtemp(f->folder))
        abort();
    snprintf(path, sizeof(path), "%s/test.db", f->folder);
    must(store_open(&(struct store_options){.path = path}, &f->store, &err), "store", &err);
}

static void open_service(struct fixture *f, const struct fixture_options *o)
{
    const struct memory_options options = {
        .store = f->store,
        .embedder = f->embedder,
        .no_embedder_why = STR("no model in this test"),
        .weight_words = 0.3,
        .weight_cosine = 0.7,
        .rrf_k = 60,
        .content_max_chars = o->content_max_chars,
        .is_auto_split = true,
        .split_overlap = 20,
        .is_split_at_boundaries = true,
        .recency_half_life_days = 30,
    };
    struct error err = {0};

    must(memory_service_new(&options, &f->memory, &err), "service", &err);
}

bool fixture_open(struct fixture *f, const struct fixture_options *o)
{
    static const struct fixture_options plain = {0};
    const char *model = getenv("MEMORYD_MODEL");
    struct tools_options tools;
    struct error err = {0};

    *f = (struct fixture){.now_ms = FIXTURE_NOW_MS};
    o = o ? o : &plain;
    if (o->has_model && (!model || access(model, R_OK) != 0)) {
        printf("skipped: MEMORYD_MODEL names no model\n");
        return false;
    }
    if (o->has_model)
        must(embed_open(model, EMBED_FASTEST, &f->embedder, &err), "model", &err);
    open_store(f);
    open_service(f, o);
    f->who = (struct caller){STR("tester"), STR("unit"), STR(SPACE_DEFAULT),
                             SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN};
    tools = o->tools;
    tools.memory = f->memory;
    tools.version = STR("1.2.3");
    tools.is_hybrid = true;
    f->tools = tools_new(&tools);
    must(mcp_server_new(tools_tables(f->tools), str_c(secret), &f->server, &err), "server",
         &err);
    return true;
}

void fixture_close(struct fixture *f)
{
    static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};
    char path[128];

    if (!f->store)
        return;
    mcp_server_free(f->server);
    tools_free(f->tools);
    memory_service_free(f->memory);
    store_close(f->store);
    embed_close(f->embedder);
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->folder, files[i]);
        unlink(path);
    }
    if (rmdir(f->folder) != 0)
        perror(f->folder);
}

/* ' becomes ", so that JSON reads well inside C. */
static void add_json(struct buf *b, const char *text)
{
    for (; *text; text++)
        buf_add_char(b, *text == '\'' ? '"' : *text);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static json_t *post(struct fixture *f, struct str body)
{
    const struct mcp_http_in in = {
        .accept = STR("application/json, text/event-stream"),
        .body = body,
        .caller = &f->who,
        .rights = UINT_MAX, /* what the service refuses itself is to be seen */
        .now_ms = f->now_ms,
    };
    struct mcp_exchange *x = mcp_post(f->server, &in, (struct mcp_wake){nothing, NULL});
    struct mcp_job *job = mcp_exchange_job(x);
    struct error err = {0};
    AUTO_BUF answer = {0};
    json_t *out;

    if (job)
        mcp_job_run(job);
    while (mcp_exchange_read(x, &answer) != MCP_READ_END)
        ;
    mcp_exchange_unref(x);
    must(json_parse(buf_str(&answer), &out, &err), "answer", &err);
    return out;
}

json_t *fixture_request(struct fixture *f, const char *method, const char *params)
{
    AUTO_BUF body = {0};

    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":", method);
    add_json(&body, params);
    buf_add_char(&body, '}');
    return post(f, buf_str(&body));
}

const struct mcp_tool *fixture_tool(const struct fixture *f, const char *name)
{
    const struct mcp_tables *tables = tools_tables(f->tools);

    for (size_t i = 0; i < tables->n_tools; i++) {
        AUTO_JSON *definition = json_loadb(tables->tools[i].definition.ptr,
                                           tables->tools[i].definition.len, 0, NULL);

        if (str_eq_c(json_view(json_object_get(definition, "name")), name))
            return &tables->tools[i];
    }
    return NULL;
}

static void check_output(const struct fixture *f, const char *tool, const json_t *result)
{
    const struct mcp_tool *row = fixture_tool(f, tool);
    struct error err = {0};
    AUTO_JSON *definition = NULL;

    if (!row || row->is_hidden || result_is_error(result))
        return;
    definition = json_loadb(row->definition.ptr, row->definition.len, 0, NULL);
    CHECK_OK(json_schema_check(json_object_get(definition, "outputSchema"), result_data(result),
                               &err),
             err);
}

json_t *fixture_call(struct fixture *f, const char *tool, const char *args)
{
    AUTO_BUF params = {0};
    json_t *result;
    json_t *answer;

    buf_printf(&params, "{'name':'%s','arguments':", tool);
    buf_add_c(&params, args);
    buf_add_char(&params, '}');
    answer = fixture_request(f, "tools/call", buf_cstr(&params));
    result = json_incref(json_object_get(answer, "result"));
    if (!result)
        printf("no result: %s\n", json_dumps(answer, 0));
    json_decref(answer);
    check_output(f, tool, result);
    return result;
}

void fixture_do(struct fixture *f, const char *tool, const char *args)
{
    AUTO_JSON *result = fixture_call(f, tool, args);

    if (!CHECK(!result_is_error(result)))
        printf("  %s %s: " STR_FMT "\n", tool, args, STR_ARG(result_text(result)));
}

struct str result_text(const json_t *result)
{
    return json_view(
        json_object_get(json_array_get(json_object_get(result, "content"), 0), "text"));
}

const json_t *result_data(const json_t *result)
{
    return json_object_get(result, "structuredContent");
}

bool result_is_error(const json_t *result)
{
    return json_is_true(json_object_get(result, "isError"));
}

const char *data_str(const json_t *result, const char *key)
{
    const char *text = json_string_value(json_object_get(result_data(result), key));

    return text ? text : "";
}

int64_t data_int(const json_t *result, const char *key)
{
    const json_t *value = json_object_get(result_data(result), key);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

bool data_bool(const json_t *result, const char *key)
{
    return json_is_true(json_object_get(result_data(result), key));
}

size_t data_len(const json_t *result, const char *key)
{
    return json_array_size(json_object_get(result_data(result), key));
}

const char *fixture_store(struct fixture *f, const char *content, const char *tags)
{
    static char hash[MEMORY_HASH_MAX_BYTES + 1];
    AUTO_BUF args = {0};
    AUTO_JSON *result = NULL;

    buf_printf(&args, "{'content':'%s','tags':'%s'}", content, tags);
    result = fixture_call(f, "memory_store", buf_cstr(&args));
    CHECK(!result_is_error(result));
    snprintf(hash, sizeof(hash), "%s", data_str(result, "content_hash"));
    return hash;
}

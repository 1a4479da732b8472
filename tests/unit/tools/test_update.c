/* test_update.c - memory_update through the protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "json/json.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct setup {
    struct fixture f;
    char hash[65];
};

static bool open_one(struct setup *s)
{
    if (!fixture_open(&s->f, NULL))
        return false;
    s->f.now_ms = FIXTURE_NOW_MS - DAY_MS;
    snprintf(s->hash, sizeof(s->hash), "%s", fixture_store(&s->f, "The queue is NATS", "a,b"));
    s->f.now_ms = FIXTURE_NOW_MS;
    return true;
}

static void setup_close(struct setup *s)
{
    fixture_close(&s->f);
}
#define AUTO_SETUP AUTO(setup_close) struct setup

/* New reference; rest follows the hash. */
static json_t *update(struct setup *s, const char *rest)
{
    AUTO_BUF args = {0};

    buf_printf(&args, "{'content_hash':'%s',%s}", s->hash, rest);
    return fixture_call(&s->f, "memory_update", buf_cstr(&args));
}

/* New reference: the memory as memory://memory/{hash} has it, or NULL. */
static json_t *reread(struct setup *s)
{
    AUTO_BUF params = {0};
    AUTO_JSON *answer = NULL;
    json_t *memory = NULL;
    struct str text;

    buf_printf(&params, "{'uri':'memory://memory/%s'}", s->hash);
    answer = fixture_request(&s->f, "resources/read", buf_cstr(&params));
    text = json_view(json_object_get(
        json_array_get(json_object_get(json_object_get(answer, "result"), "contents"), 0),
        "text"));
    return text.len && json_parse(text, &memory, NULL) ? memory : NULL;
}

static void check_member(struct setup *s, const char *key, const char *want)
{
    AUTO_JSON *memory = reread(s);
    AUTO_BUF text = {0};

    REQUIRE(memory);
    if (json_object_get(memory, key))
        json_write(&text, json_object_get(memory, key));
    CHECK_STR(buf_str(&text), want);
}

TEST(update_changes_tags)
{
    static const struct {
        const char *updates, *want;
    } rows[] = {
        {"{'tags':['C','d']}", "[\"c\",\"d\"]"},
        {"{'tags':'c,d'}", "[\"c\",\"d\"]"},
        {"{'add_tags':'c'}", "[\"a\",\"b\",\"c\"]"},
        {"{'remove_tags':['A']}", "[\"b\"]"},
        {"{'add_tags':['c'],'remove_tags':'a,b'}", "[\"c\"]"},
        {"{'tags':[]}", "[\"untagged\"]"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_SETUP s;
        AUTO_JSON *r = NULL;
        AUTO_BUF rest = {0};

        REQUIRE(open_one(&s));
        buf_printf(&rest, "'updates':%s", rows[i].updates);
        r = update(&s, buf_cstr(&rest));
        CHECK_HAS(r, "Successfully updated memory metadata");
        CHECK_HAS(r, "Updated fields: tags, updated_at");
        check_member(&s, "tags", rows[i].want);
    }
}

TEST(update_merges_metadata_and_other_keys)
{
    AUTO_SETUP s;
    AUTO_JSON *first = NULL, *second = NULL;

    REQUIRE(open_one(&s));
    first = update(&s, "'updates':{'metadata':{'a':1,'b':2},'extra':'x'}");
    CHECK(!result_is_error(first));
    second = update(&s, "'updates':{'metadata':{'b':null,'c':3},'content_hash':'no'}");
    CHECK(!result_is_error(second));
    check_member(&s, "metadata", "{\"extra\":\"x\",\"a\":1,\"c\":3}");
    CHECK(!str_contains(result_text(second), STR("updated_at")));
}

TEST(update_checks_the_type)
{
    AUTO_SETUP s;
    AUTO_JSON *known = NULL, *unknown = NULL;

    REQUIRE(open_one(&s));
    known = update(&s, "'updates':{'memory_type':'decision'}");
    CHECK(!str_contains(result_text(known), STR("Warning")));
    check_member(&s, "memory_type", "\"decision\"");
    unknown = update(&s, "'updates':{'memory_type':'reminder'}");
    CHECK_HAS(unknown, "Warning: memory type 'reminder' is not known, stored as 'observation'");
    CHECK_HAS(unknown, "MCP_CUSTOM_MEMORY_TYPES");
    check_member(&s, "memory_type", "\"observation\"");
}

TEST(update_takes_times_when_told_to)
{
    AUTO_SETUP s;
    AUTO_JSON *r = NULL, *iso = NULL;

    REQUIRE(open_one(&s));
    r = update(&s, "'updates':{'created_at':1000000000.5},'preserve_timestamps':false");
    CHECK(!result_is_error(r));
    check_member(&s, "created_at_iso", "\"2001-09-09T01:46:40.500Z\"");
    check_member(&s, "updated_at_iso", "\"2026-05-16T15:00:00Z\"");
    iso = update(&s, "'updates':{'created_at_iso':'2010-01-01T00:00:00Z'},"
                     "'preserve_timestamps':false");
    CHECK(!result_is_error(iso));
    check_member(&s, "created_at_iso", "\"2010-01-01T00:00:00Z\"");
}

TEST(update_makes_a_new_version)
{
    AUTO_SETUP s;
    AUTO_JSON *r = NULL;
    AUTO_BUF want = {0};

    REQUIRE(open_one(&s));
    r = update(&s,
               "'versioned':true,'updates':{'content':'The queue is Kafka','reason':'load'}");
    buf_printf(&want, "New hash: %s, parent hash: %s.", data_str(r, "content_hash"), s.hash);
    CHECK_HAS(r, buf_cstr(&want));
    CHECK_STR(str_c(data_str(r, "parent_hash")), s.hash);
    buf_clear(&want);
    buf_printf(&want, "\"%s\"", data_str(r, "content_hash"));
    check_member(&s, "superseded_by", buf_cstr(&want));
    snprintf(s.hash, sizeof(s.hash), "%s", data_str(r, "content_hash"));
    check_member(&s, "tags", "[\"a\",\"b\"]");
    check_member(&s, "content", "\"The queue is Kafka\"");
}

TEST(update_restores_from_the_trash)
{
    AUTO_SETUP s;
    AUTO_JSON *none = NULL, *back = NULL, *twice = NULL;
    AUTO_BUF args = {0};

    REQUIRE(open_one(&s));
    buf_printf(&args, "{'content_hash':'%s'}", s.hash);
    fixture_do(&s.f, "memory_delete", buf_cstr(&args));
    none = reread(&s);
    CHECK(!none);
    back = update(&s, "'restore':true");
    CHECK_HAS(back, "Restored from the trash (hash: ");
    check_member(&s, "tags", "[\"a\",\"b\"]");
    twice = update(&s, "'restore':true");
    CHECK_FAILS(twice, "trash");
}

TEST(update_goes_back_to_a_revision)
{
    AUTO_SETUP s;
    AUTO_JSON *back = NULL, *none = NULL;
    AUTO_BUF args = {0};

    REQUIRE(open_one(&s));
    buf_printf(&args, "{'content_hash':'%s','updates':{'tags':['z'],'memory_type':'decision'}}",
               s.hash);
    fixture_do(&s.f, "memory_update", buf_cstr(&args));
    check_member(&s, "revision", "2");
    back = update(&s, "'revision':1");
    CHECK_HAS(back, "Back to revision 1, as revision 3");
    check_member(&s, "tags", "[\"a\",\"b\"]");
    check_member(&s, "memory_type", "\"note\"");
    none = update(&s, "'revision':99");
    CHECK_FAILS(none, "99");
}

TEST(update_refuses_bad_arguments)
{
    static const struct {
        const char *rest, *why;
    } rows[] = {
        {"'versioned':false", "updates"},
        {"'updates':{}", "updates"},
        {"'updates':[]", "updates"},
        {"'updates':{'tags':7}", "updates.tags"},
        {"'updates':{'metadata':7}", "updates.metadata"},
        {"'updates':{'content':'new'}", "versioned"},
        {"'versioned':true,'updates':{'tags':'a'}", "updates.content"},
        {"'restore':true,'updates':{'tags':'a'}", "updates"},
        {"'revision':0", "revision"},
        {"'preserve_timestamps':false,'updates':{'created_at':-5}", "created_at"},
    };
    AUTO_SETUP s;
    AUTO_JSON *unknown = NULL, *missing = NULL;

    REQUIRE(open_one(&s));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *r = update(&s, rows[i].rest);

        if (!CHECK(result_is_error(r)))
            printf("  %s\n", rows[i].rest);
        CHECK_HAS(r, rows[i].why);
    }
    check_member(&s, "revision", "1");
    unknown = fixture_call(&s.f, "memory_update",
                           "{'content_hash':'0123456789abcdef','updates':{'tags':'a'}}");
    CHECK_FAILS(unknown, "not found");
    missing = fixture_call(&s.f, "memory_update", "{'updates':{'tags':'a'}}");
    CHECK(result_is_error(missing));
    CHECK_HAS(missing, "content_hash");
}

/* Old names come unchecked: the tool's own texts answer, with the words that clients look for. */
TEST(update_names_wrong_types_in_its_own_words)
{
    AUTO_SETUP s;
    AUTO_JSON *tags = NULL, *metadata = NULL;
    AUTO_BUF args = {0};

    REQUIRE(open_one(&s));
    buf_printf(&args, "{'content_hash':'%s','updates':{'tags':7}}", s.hash);
    tags = fixture_call(&s.f, "update_memory_metadata", buf_cstr(&args));
    CHECK_FAILS(tags, "list of strings");
    buf_clear(&args);
    buf_printf(&args, "{'content_hash':'%s','updates':{'metadata':7}}", s.hash);
    metadata = fixture_call(&s.f, "update_memory_metadata", buf_cstr(&args));
    CHECK_FAILS(metadata, "dictionary");
}

TEST_MAIN()

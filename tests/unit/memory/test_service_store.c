/* test_service_store.c - taking in memories: duplicates, normal forms, pieces, refusals. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include "base/buf.h"
#include "text/text.h"

#define MANY_TAGS 10000

static bool store(struct fixture *f, const struct memory_store_request *request,
                  struct error *err)
{
    struct memory_store_result out;

    return memory_store(f->memory, &f->who, request, &f->arena, &out, err);
}

static struct str filled(struct fixture *f, char c, size_t n)
{
    char *text = arena_alloc(&f->arena, n + 1, 1);

    memset(text, c, n);
    return str_n(text, n);
}

/* -- identity --------------------------------------------------------------------------------- */

TEST(a_stored_memory_comes_back_as_it_was_given)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "  Zürich, not Bern ", "B,a,b");
    const struct memory *m;

    r.metadata = STR("{\"k\":[1,\"ü\"]}");
    m = fixture_get(&f, fixture_store(&f, &r).hash);
    REQUIRE(m != NULL);
    CHECK_STR(m->content, "  Zürich, not Bern ");
    CHECK_STR(m->type, "note");
    CHECK_STR(m->metadata, "{\"k\":[1,\"ü\"]}");
    REQUIRE(CHECK_INT(m->n_tags, 2));
    CHECK_STR(m->tags[0], "b");
    CHECK_STR(m->tags[1], "a");
    CHECK_INT(m->created_ms, FIXTURE_NOW_MS);
    CHECK_INT(m->revision, 1);
}

TEST(only_the_same_normalised_text_is_a_duplicate)
{
    static const struct {
        const char *content;
        bool is_duplicate;
    } rows[] = {
        {"The cache is Redis", true},      {"the CACHE is redis", true},
        {"\n The cache is Redis\t", true}, {"The  cache is Redis", false},
        {"The cache is Redis.", false},    {"The cache was Redis", false},
    };
    FIXTURE_WITH(f, .has_model = true);
    struct str first = fixture_put(&f, "The cache is Redis", "a");

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct memory_store_request r = fixture_request(&f, rows[i].content, "b");
        struct memory_store_result out = fixture_store(&f, &r);

        REQUIRE(CHECK_INT(out.n_pieces, 1));
        CHECK_INT(out.pieces[0].is_duplicate, rows[i].is_duplicate);
        CHECK_INT(str_eq(out.hash, first), rows[i].is_duplicate);
        CHECK_STR(out.tags[0], rows[i].is_duplicate ? "a" : "b"); /* as stored */
    }
    CHECK_INT(fixture_stats(&f).n_live, 4);
    CHECK_STR(fixture_get(&f, first)->tags[0], "a"); /* a duplicate changes nothing */
    CHECK_INT(fixture_get(&f, first)->revision, 1);
}

TEST(a_duplicate_in_the_trash_comes_back_with_what_is_new)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "Walrus", "old");
    struct memory_store_request r = fixture_request(&f, "walrus", "new");
    struct memory_store_result out;

    fixture_trash(&f, hash);
    out = fixture_store(&f, &r);
    REQUIRE(CHECK_INT(out.n_pieces, 1));
    CHECK(out.pieces[0].is_revived && !out.pieces[0].is_duplicate);
    CHECK(str_eq(out.hash, hash));
    REQUIRE(fixture_get(&f, hash) != NULL);
    CHECK_STR(fixture_get(&f, hash)->content, "walrus");
    CHECK_STR(fixture_get(&f, hash)->tags[0], "new");
    CHECK_INT(fixture_stats(&f).n_trashed, 0);
}

TEST(spaces_know_nothing_of_each_other)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "");

    f.who.space = STR("other");
    CHECK(fixture_get(&f, hash) == NULL);
    CHECK_INT(fixture_stats(&f).n_live, 0);
    CHECK(str_eq(fixture_put(&f, "walrus", ""), hash)); /* no duplicate there */
}

/* -- similar ones ----------------------------------------------------------------------------- */

TEST(a_near_duplicate_is_stored_and_named)
{
    FIXTURE_WITH(f, .has_model = true);
    struct str near = fixture_put(&f, "first", ""), nearer = fixture_put(&f, "second", ""),
               far = fixture_put(&f, "third", "");
    struct memory_store_request r = fixture_request(&f, "hello world", "");
    struct memory_store_result out;

    fixture_place(&f, near, "hello world", 0.9);
    fixture_place(&f, nearer, "hello world", 0.95);
    fixture_place(&f, far, "hello world", 0.8);
    out = fixture_store(&f, &r);
    CHECK(!out.pieces[0].is_duplicate);
    REQUIRE(CHECK_INT(out.n_similar, 2));
    CHECK(str_eq(out.similar[0].hash, nearer));
    CHECK_NEAR(out.similar[0].cosine, 0.95, 0.001);
    CHECK_STR(out.similar[0].content, "second");
    CHECK(str_eq(out.similar[1].hash, near));
    CHECK_INT(fixture_stats(&f).n_live, 4);
    CHECK(!out.is_unembedded);
}

TEST(without_a_model_a_memory_is_stored_and_said_to_have_no_vector)
{
    FIXTURE(f);
    const struct memory_store_request r = fixture_request(&f, "walrus", "");
    struct memory_store_result out = fixture_store(&f, &r);

    CHECK(out.is_unembedded);
    CHECK_INT(out.n_similar, 0);
    CHECK(!fixture_get(&f, out.hash)->has_vector);
}

/* -- normal forms ----------------------------------------------------------------------------- */

TEST(no_tags_is_a_tag_of_its_own)
{
    FIXTURE(f);
    const struct memory *m = fixture_get(&f, fixture_put(&f, "walrus", " , "));

    REQUIRE(m && CHECK_INT(m->n_tags, 1));
    CHECK_STR(m->tags[0], "untagged");
}

TEST(an_unknown_type_becomes_observation_and_is_kept_beside)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");
    struct memory_store_result out;

    r.has_type = true;
    r.type = STR("Decision"); /* upper case is another name */
    out = fixture_store(&f, &r);
    CHECK_STR(out.type, "observation");
    CHECK_STR(out.requested_type, "Decision");
    CHECK_STR(fixture_get(&f, out.hash)->type, "observation");
    CHECK_STR(fixture_get(&f, out.hash)->metadata, "{\"requested_type\":\"Decision\"}");
}

TEST(host_and_conversation_are_kept)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "a");
    const struct memory *m;

    r.hostname = STR("Laptop");
    r.conversation_id = STR("c-1");
    m = fixture_get(&f, fixture_store(&f, &r).hash);
    REQUIRE(m && CHECK_INT(m->n_tags, 2));
    CHECK_STR(m->tags[0], "source:laptop");
    CHECK_STR(m->tags[1], "a");
    CHECK_STR(m->metadata, "{\"conversation_id\":\"c-1\",\"hostname\":\"Laptop\"}");
}

/* -- pieces ----------------------------------------------------------------------------------- */

TEST(long_content_becomes_pieces_that_know_their_place)
{
    FIXTURE_WITH(f, .content_max_chars = 40, .is_auto_split = true);
    struct memory_store_request r = fixture_request(
        &f, "The first sentence is here. The second one follows it. A third ends it all.", "t");
    struct memory_store_result out = fixture_store(&f, &r);

    CHECK_VIEW(out.hash, memory_hash(&f.arena, r.content));
    REQUIRE(out.n_pieces > 2);
    for (size_t i = 0; i < out.n_pieces; i++) {
        const struct memory *m = fixture_get(&f, out.pieces[i].hash);

        REQUIRE(m != NULL);
        CHECK(text_count(m->content) <= 40);
        CHECK(str_contains(r.content, m->content));
        CHECK_STR(m->tags[0], "t");
        CHECK_VIEW(m->metadata, arena_printf(&f.arena,
                                             "{\"chunk_index\":%zu,\"total_chunks\":%zu,"
                                             "\"original_hash\":\"" STR_FMT "\"}",
                                             i, out.n_pieces, STR_ARG(out.hash)));
    }
    CHECK_INT(fixture_stats(&f).n_live, out.n_pieces);
    CHECK(fixture_get(&f, out.hash) == NULL); /* the whole is no memory of its own */
}

TEST(the_same_long_content_again_is_a_duplicate_in_every_piece)
{
    FIXTURE_WITH(f, .content_max_chars = 40, .is_auto_split = true);
    struct memory_store_request r =
        fixture_request(&f, "The first sentence is here. The second one follows it.", "");
    struct memory_store_result out;
    size_t n = fixture_store(&f, &r).n_pieces;

    out = fixture_store(&f, &r);
    CHECK_INT(out.n_pieces, n);
    for (size_t i = 0; i < out.n_pieces; i++)
        CHECK(out.pieces[i].is_duplicate);
}

TEST(content_at_the_limit_stays_whole_and_beyond_it_is_refused_without_auto_split)
{
    FIXTURE_WITH(f, .content_max_chars = 40);
    struct memory_store_request r = fixture_request(&f, "", "");

    r.content = filled(&f, 'a', 40);
    CHECK_INT(fixture_store(&f, &r).n_pieces, 1);
    r.content = filled(&f, 'a', 41);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "41 characters, at most 40");
}

/* -- refusals --------------------------------------------------------------------------------- */

TEST(bad_content_is_refused)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "", "");

    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "content is empty");
    r.content = STR(" \n\t\xc2\xa0");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "content is empty");
    r.content = STR("a\0b");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "content: ");
    r.content = STR("a\xc3(");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "content: ");
    r.content = STR("\xed\xa0\x80"); /* a surrogate */
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "content: ");
    r.content = filled(&f, 'a', MEMORY_CONTENT_MAX_BYTES + 1);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "at most 1048576");
    r.content = filled(&f, 'a', MEMORY_CONTENT_MAX_BYTES);
    CHECK_INT(fixture_store(&f, &r).n_pieces, 1);
}

TEST(too_many_tags_and_bad_ones_are_refused)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");
    struct str *tags = arena_alloc(&f.arena, MANY_TAGS, sizeof(*tags));
    const struct str bad[] = {STR_INIT("good"), STR_INIT("\xff")};

    for (size_t i = 0; i < MANY_TAGS; i++)
        tags[i] = arena_printf(&f.arena, "tag%zu", i);
    r.tags = tags;
    r.n_tags = MANY_TAGS;
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "tags: more than 100");
    r.tags = bad;
    r.n_tags = COUNT(bad);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "tags[1]: ");
    r.tags = tags;
    r.n_tags = MEMORY_TAGS_MAX;
    CHECK_INT(fixture_get(&f, fixture_store(&f, &r).hash)->n_tags, MEMORY_TAGS_MAX);
}

TEST(the_tag_of_the_host_never_makes_more_tags_than_are_allowed)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");
    struct str tags[MEMORY_TAGS_MAX];

    for (size_t i = 0; i < COUNT(tags); i++)
        tags[i] = arena_printf(&f.arena, "tag%zu", i);
    r.tags = tags;
    r.n_tags = COUNT(tags);
    r.hostname = STR("laptop");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "tags: more than 100");
}

TEST(bad_metadata_is_refused)
{
    static const char *const bad[] = {
        "no json", "[1]", "\"text\"", "null", "{\"a\":1", "{\"a\":1,\"a\":2}", "{\"\xff\":1}",
    };
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");
    AUTO_BUF deep = {0};

    for (size_t i = 0; i < COUNT(bad); i++) {
        r.metadata = str_c(bad[i]);
        CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "metadata");
    }
    r.metadata = filled(&f, ' ', MEMORY_METADATA_MAX_BYTES + 1);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "metadata has 65537 bytes");
    r.metadata = arena_printf(&f.arena, "{\"k\":\"" STR_FMT "\"}",
                              STR_ARG(filled(&f, 'x', MEMORY_METADATA_MAX_BYTES - 10)));
    r.conversation_id = STR("c1"); /* becomes part of it */
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "metadata would have");
    buf_add_c(&deep, "{\"a\":");
    for (int i = 0; i < 10000; i++)
        buf_add_char(&deep, '[');
    r.metadata = buf_str(&deep);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "metadata");
}

TEST(a_bad_type_is_refused)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");

    r.has_type = true;
    r.type = STR("not\xff");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "memory_type: ");
    r.type = filled(&f, 't', MEMORY_TYPE_MAX_CHARS + 1);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "memory_type has more than 64");
}

TEST(bad_ids_are_refused)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");

    r.conversation_id = filled(&f, 'c', 201);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "conversation_id");
    r.conversation_id = STR("\x80");
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_INVALID, "conversation_id: ");
    r.conversation_id = STR("");
    r.hostname = filled(&f, 'h', 201);
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_LIMIT, "client_hostname");
}

TEST(a_caller_who_may_only_read_stores_nothing)
{
    FIXTURE(f);
    struct memory_store_request r = fixture_request(&f, "walrus", "");

    f.who.scopes = SCOPE_READ;
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_DENIED, "'write'");
    f.who.scopes = 0;
    CHECK_REFUSED(&f, store(&f, &r, err), ERROR_DENIED, "'write'");
}

TEST_MAIN()

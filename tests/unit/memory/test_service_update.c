/* test_service_update.c - changing memories, new versions, history, and going back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include "base/buf.h"
#include "base/thread.h"

#define N_WRITERS    4
#define N_PER_WRITER 10

static struct memory_update_result update(struct fixture *f,
                                          const struct memory_update_request *request)
{
    struct memory_update_request r = *request;
    struct memory_update_result out = {0};
    struct error err = {0};

    r.now_ms = r.now_ms ? r.now_ms : f->now_ms;
    CHECK_OK(memory_update(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out;
}

static bool try_update(struct fixture *f, const struct memory_update_request *request,
                       struct error *err)
{
    struct memory_update_result out;

    return memory_update(f->memory, &f->who, request, &f->arena, &out, err);
}

static struct memory *restore(struct fixture *f, struct str hash, int64_t revision)
{
    struct memory *out = NULL;
    struct error err = {0};

    CHECK_OK(
        memory_restore(f->memory, &f->who, hash, revision, f->now_ms, &f->arena, &out, &err),
        err);
    return out;
}

static struct str joined(struct fixture *f, const struct str *items, size_t n)
{
    struct str all = STR("");

    for (size_t i = 0; i < n; i++)
        all = arena_printf(&f->arena, STR_FMT "%s" STR_FMT, STR_ARG(all), i ? "," : "",
                           STR_ARG(items[i]));
    return all;
}

static struct str tags_of(struct fixture *f, struct str hash)
{
    const struct memory *m = fixture_get(f, hash);

    return m ? joined(f, m->tags, m->n_tags) : STR("none");
}

static struct str changed(struct fixture *f, const struct memory_update_result *out)
{
    struct str names[8];

    for (size_t i = 0; i < out->n_changed && i < COUNT(names); i++)
        names[i] = str_c(out->changed[i]);
    return joined(f, names, out->n_changed);
}

/* -- tags ------------------------------------------------------------------------------------- */

TEST(tags_are_replaced_added_and_removed)
{
    static const struct {
        const char *set; /* NULL: keep */
        const char *add;
        const char *remove;
        const char *want;
    } rows[] = {
        {NULL, "", "", "a,b"},          {"x,y", "", "", "x,y"}, {"", "", "", "untagged"},
        {NULL, "C, a ", "", "a,b,c"},   {NULL, "", "A", "b"},   {NULL, "", "a,b", "untagged"},
        {NULL, "c", "a,b,absent", "c"}, {"x", "y", "x", "y"},   {NULL, "untagged", "", "a,b"},
        {NULL, "a", "a", "b"},
    };
    FIXTURE(f);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str hash = fixture_put(&f, arena_printf(&f.arena, "m%zu", i).ptr, "a,b");
        struct memory_update_request r = {.hash = hash, .has_tags = rows[i].set != NULL};

        memory_parse_tags(&f.arena, str_c(rows[i].set ? rows[i].set : ""), &r.tags, &r.n_tags);
        memory_parse_tags(&f.arena, str_c(rows[i].add), &r.add_tags, &r.n_add_tags);
        memory_parse_tags(&f.arena, str_c(rows[i].remove), &r.remove_tags, &r.n_remove_tags);
        update(&f, &r);
        if (!CHECK_STR(tags_of(&f, hash), rows[i].want))
            printf("  row %zu\n", i);
    }
}

TEST(the_first_tag_takes_the_place_of_untagged)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "");
    const struct str add[] = {STR_INIT("first")};
    const struct memory_update_request r = {.hash = hash, .add_tags = add, .n_add_tags = 1};

    CHECK_STR(tags_of(&f, hash), "untagged");
    update(&f, &r);
    CHECK_STR(tags_of(&f, hash), "first");
}

TEST(an_update_never_makes_more_tags_than_are_allowed)
{
    FIXTURE(f);
    struct str tags[MEMORY_TAGS_MAX + 1];
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", "a"),
                                      .now_ms = f.now_ms,
                                      .add_tags = tags,
                                      .n_add_tags = MEMORY_TAGS_MAX};

    for (size_t i = 0; i < COUNT(tags); i++)
        tags[i] = arena_printf(&f.arena, "tag%zu", i);
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_LIMIT, "tags: more than 100");
    r.n_add_tags = MEMORY_TAGS_MAX - 1;
    update(&f, &r);
    CHECK_INT(fixture_get(&f, r.hash)->n_tags, MEMORY_TAGS_MAX);
    r.n_add_tags = MEMORY_TAGS_MAX + 1;
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_LIMIT, "add_tags: more than 100");
}

/* -- metadata and type ------------------------------------------------------------------------ */

TEST(metadata_is_merged_and_null_removes)
{
    FIXTURE(f);
    struct memory_store_request stored = fixture_request(&f, "walrus", "a");
    struct memory_update_request r = {.metadata = STR("{\"b\":null,\"c\":{\"y\":2},\"d\":4}")};
    struct memory_update_result out;

    stored.metadata = STR("{\"a\":1,\"b\":2,\"c\":{\"x\":1}}");
    r.hash = fixture_store(&f, &stored).hash;
    out = update(&f, &r);
    CHECK_STR(out.memory->metadata, "{\"a\":1,\"c\":{\"y\":2},\"d\":4}");
    CHECK_STR(changed(&f, &out), "custom_metadata"); /* the times stay */
    CHECK_INT(out.memory->updated_ms, FIXTURE_NOW_MS);
    CHECK_INT(out.memory->revision, 2);
}

TEST(metadata_that_would_outgrow_its_limit_is_refused)
{
    FIXTURE(f);
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", ""), .now_ms = 1};
    char *half = arena_alloc(&f.arena, MEMORY_METADATA_MAX_BYTES / 2 + 1, 1);

    memset(half, 'x', MEMORY_METADATA_MAX_BYTES / 2);
    r.metadata = arena_printf(&f.arena, "{\"a\":\"%s\"}", half);
    update(&f, &r);
    r.metadata = arena_printf(&f.arena, "{\"b\":\"%s\"}", half);
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_LIMIT, "metadata would have");
    r.metadata = STR("[]");
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_INVALID, "metadata");
}

TEST(a_type_is_resolved_as_when_storing)
{
    FIXTURE(f);
    struct memory_update_request r = {
        .hash = fixture_put(&f, "walrus", ""), .has_type = true, .type = STR("decision")};
    struct memory_update_result out = update(&f, &r);

    CHECK_STR(out.memory->type, "decision");
    CHECK_STR(changed(&f, &out), "memory_type,updated_at");
    CHECK_STR(out.requested_type, "");
    r.type = STR("reminder");
    out = update(&f, &r);
    CHECK_STR(out.memory->type, "observation");
    CHECK_STR(out.requested_type, "reminder");
    CHECK_STR(out.memory->metadata, "{\"requested_type\":\"reminder\"}");
}

/* -- times ------------------------------------------------------------------------------------ */

TEST(times_move_with_what_changes)
{
    FIXTURE(f);
    const struct str add[] = {STR_INIT("new")};
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", "")};
    struct memory_update_result out;

    r.now_ms = FIXTURE_NOW_MS + DAY_MS;
    r.is_touching_times = true;
    out = update(&f, &r);
    CHECK_INT(out.memory->updated_ms, FIXTURE_NOW_MS + DAY_MS);
    CHECK_INT(out.memory->created_ms, FIXTURE_NOW_MS);
    CHECK_STR(changed(&f, &out), "updated_at");
    r.created_ms = 1000;
    r.updated_ms = 2000;
    out = update(&f, &r);
    CHECK_INT(out.memory->created_ms, 1000);
    CHECK_INT(out.memory->updated_ms, 2000);
    CHECK_STR(changed(&f, &out), "created_at,updated_at");
    r.is_touching_times = false; /* then they are not looked at */
    r.add_tags = add;
    r.n_add_tags = 1;
    out = update(&f, &r);
    CHECK_INT(out.memory->created_ms, 1000);
    CHECK_INT(out.memory->updated_ms, FIXTURE_NOW_MS + DAY_MS);
}

TEST(a_clock_that_was_set_back_makes_nothing_older)
{
    FIXTURE(f);
    const struct str add[] = {STR_INIT("new")};
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", ""),
                                      .add_tags = add,
                                      .n_add_tags = 1,
                                      .now_ms = FIXTURE_NOW_MS - DAY_MS};
    struct memory_update_result out = update(&f, &r);

    CHECK_INT(out.memory->created_ms, FIXTURE_NOW_MS);
    CHECK_INT(out.memory->updated_ms, FIXTURE_NOW_MS);
    CHECK_STR(changed(&f, &out), "tags");
}

TEST(an_update_that_changes_nothing_leaves_no_trace)
{
    FIXTURE(f);
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", "a"),
                                      .metadata = STR("{\"absent\":null}"),
                                      .has_type = true,
                                      .type = STR("note")};
    int64_t n_changes = fixture_stats(&f).n_changes;

    CHECK_INT(update(&f, &r).n_changed, 0);
    CHECK_INT(fixture_stats(&f).n_changes, n_changes);
    CHECK_INT(fixture_get(&f, r.hash)->revision, 1);
}

/* -- versions --------------------------------------------------------------------------------- */

TEST(new_content_is_a_new_memory_that_knows_the_old_one)
{
    FIXTURE_WITH(f, .has_model = true);
    struct memory_store_request stored = fixture_request(&f, "The port is 8000", "net");
    struct memory_update_request r = {.is_versioned = true,
                                      .content = STR("The port is 8443"),
                                      .reason = STR("TLS"),
                                      .now_ms = FIXTURE_NOW_MS + DAY_MS};
    const struct memory *old, *new;
    struct memory_update_result out;

    stored.metadata = STR("{\"k\":1}");
    r.hash = fixture_store(&f, &stored).hash;
    out = update(&f, &r);
    CHECK(str_eq(out.parent_hash, r.hash));
    CHECK_STR(changed(&f, &out), "content");
    old = fixture_get(&f, r.hash);
    new = fixture_get(&f, out.memory->hash);
    REQUIRE(old && new);
    CHECK_STR(new->content, "The port is 8443");
    CHECK_VIEW(new->hash, memory_hash(&f.arena, STR("The port is 8443")));
    CHECK_STR(tags_of(&f, new->hash), "net");
    CHECK_STR(new->metadata, "{\"k\":1}");
    CHECK_INT(new->created_ms, FIXTURE_NOW_MS + DAY_MS);
    CHECK(new->has_vector);
    CHECK(str_eq(new->parent, old->hash));
    CHECK_STR(old->content, "The port is 8000");
    CHECK(str_eq(old->superseded_by, new->hash));
    CHECK_INT(fixture_stats(&f).n_superseded, 1);
}

TEST(a_version_of_what_was_replaced_already_is_a_conflict)
{
    FIXTURE(f);
    struct memory_update_request r = {.hash = fixture_put(&f, "one", ""),
                                      .is_versioned = true,
                                      .content = STR("two"),
                                      .now_ms = 1};

    update(&f, &r);
    r.content = STR("three");
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_CONFLICT, "");
    CHECK(fixture_get(&f, memory_hash(&f.arena, STR("three"))) == NULL);
}

TEST(a_version_with_the_text_of_a_live_memory_is_a_conflict)
{
    FIXTURE(f);
    struct memory_update_request r = {.hash = fixture_put(&f, "one", ""),
                                      .is_versioned = true,
                                      .content = STR("ONE "),
                                      .now_ms = 1};

    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_CONFLICT, "");
    fixture_put(&f, "two", "");
    r.content = STR("Two");
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_CONFLICT, "");
    CHECK_STR(fixture_get(&f, r.hash)->superseded_by, "");
}

/* -- history ---------------------------------------------------------------------------------- */

TEST(the_history_tells_who_did_what)
{
    FIXTURE(f);
    const struct str add[] = {STR_INIT("b")};
    struct memory_update_request r = {
        .hash = fixture_put(&f, "walrus", "a"), .add_tags = add, .n_add_tags = 1};
    struct change *changes;
    struct error err = {0};
    size_t n = 0;

    f.who.subject = STR("somebody");
    update(&f, &r);
    CHECK_OK(memory_history(f.memory, &f.who, str_sub(r.hash, 0, 8), 10, &f.arena, &changes, &n,
                            &err),
             err);
    REQUIRE(CHECK_INT(n, 2));
    CHECK_STR(changes[0].op, "update");
    CHECK_STR(changes[0].subject, "somebody");
    CHECK_STR(changes[0].detail, "{\"fields\":[\"tags\",\"updated_at\"]}");
    CHECK_INT(changes[0].revision, 2);
    CHECK_INT(changes[0].at_ms, f.now_ms);
    CHECK_STR(changes[1].op, "store");
    CHECK_STR(changes[1].subject, "tester");
    CHECK(!memory_history(f.memory, &f.who, STR("nothing"), 10, &f.arena, &changes, &n, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

TEST(an_earlier_revision_comes_back_as_a_new_one)
{
    FIXTURE(f);
    const struct str tags[] = {STR_INIT("b")};
    struct memory_update_request r = {.hash = fixture_put(&f, "walrus", "a"),
                                      .has_tags = true,
                                      .tags = tags,
                                      .n_tags = 1,
                                      .metadata = STR("{\"k\":1}"),
                                      .has_type = true,
                                      .type = STR("decision")};
    const struct memory *m;

    update(&f, &r);
    m = restore(&f, r.hash, 1);
    REQUIRE(m != NULL);
    CHECK_STR(tags_of(&f, r.hash), "a");
    CHECK_STR(m->type, "note");
    CHECK_STR(m->metadata, "{}");
    CHECK_INT(m->revision, 3);
    m = restore(&f, r.hash, 2); /* and forth */
    REQUIRE(m != NULL);
    CHECK_STR(tags_of(&f, r.hash), "b");
    CHECK_STR(m->metadata, "{\"k\":1}");
}

TEST(a_revision_that_never_was_is_not_found)
{
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "a");
    struct memory *m;

    CHECK_REFUSED(&f, memory_restore(f.memory, &f.who, hash, 7, f.now_ms, &f.arena, &m, err),
                  ERROR_NOT_FOUND, "7");
}

/* -- several at once -------------------------------------------------------------------------- */

struct writer {
    struct thread thread;
    struct fixture *f;
    struct str hash;
    int number;
    int n_failed;
};

static void add_many_tags(void *arg)
{
    struct writer *w = arg;

    for (int i = 0; i < N_PER_WRITER; i++) {
        AUTO_ARENA a = {0};
        const struct str tag = arena_printf(&a, "w%d-%d", w->number, i);
        const struct memory_update_request r = {
            .hash = w->hash, .add_tags = &tag, .n_add_tags = 1, .now_ms = w->f->now_ms};
        struct memory_update_result out;

        w->n_failed += !memory_update(w->f->memory, &w->f->who, &r, &a, &out, NULL);
    }
}

TEST(writers_at_the_same_time_lose_nothing)
{
    FIXTURE(f);
    struct writer writers[N_WRITERS] = {0};
    struct str hash = fixture_put(&f, "walrus", "a");
    struct error err = {0};

    for (int i = 0; i < N_WRITERS; i++) {
        writers[i].f = &f;
        writers[i].hash = hash;
        writers[i].number = i;
        CHECK_OK(thread_start(&writers[i].thread, "writer", add_many_tags, &writers[i], &err),
                 err);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        thread_join(&writers[i].thread);
        CHECK_INT(writers[i].n_failed, 0);
    }
    CHECK_INT(fixture_get(&f, hash)->n_tags, 1 + N_WRITERS * N_PER_WRITER);
    CHECK_INT(fixture_get(&f, hash)->revision, 1 + N_WRITERS * N_PER_WRITER);
}

/* -- refusals --------------------------------------------------------------------------------- */

TEST(bad_updates_are_refused)
{
    const struct str bad_tags[] = {STR_INIT("\xff")};
    FIXTURE(f);
    struct str hash = fixture_put(&f, "walrus", "a");
    struct str other = fixture_put(&f, "seal", "a");
    char *big = arena_alloc(&f.arena, MEMORY_CONTENT_MAX_BYTES + 1, 1);
    const struct {
        struct memory_update_request request;
        enum error_kind kind;
        const char *part;
    } rows[] = {
        {{.hash = STR("0123456789")}, ERROR_NOT_FOUND, "'0123456789' not found"},
        {{.hash = str_sub(other, 0, 7)}, ERROR_NOT_FOUND, "not found"}, /* too short */
        {{.hash = hash, .content = STR("new")}, ERROR_INVALID, "set versioned"},
        {{.hash = hash, .is_versioned = true}, ERROR_INVALID, "needs the new content"},
        {{.hash = hash, .is_versioned = true, .content = STR(" \n")},
         ERROR_INVALID,
         "content is empty"},
        {{.hash = hash, .is_versioned = true, .content = STR("a\0b")},
         ERROR_INVALID,
         "content: "},
        {{.hash = hash, .is_versioned = true, .content = STR("a\xff")},
         ERROR_INVALID,
         "content: "},
        {{.hash = hash,
          .is_versioned = true,
          .content = str_n(big, MEMORY_CONTENT_MAX_BYTES + 1)},
         ERROR_LIMIT,
         "at most 1048576"},
        {{.hash = hash, .is_versioned = true, .content = STR("new"), .reason = STR("\xff")},
         ERROR_INVALID,
         "reason: "},
        {{.hash = hash,
          .is_versioned = true,
          .content = STR("new"),
          .reason = str_n(big, 2001)},
         ERROR_LIMIT,
         "reason has more than 2000 characters"},
        {{.hash = hash, .has_tags = true, .tags = bad_tags, .n_tags = 1},
         ERROR_INVALID,
         "tags[0]: "},
        {{.hash = hash, .remove_tags = bad_tags, .n_remove_tags = 1},
         ERROR_INVALID,
         "remove_tags[0]: "},
        {{.hash = hash, .has_type = true, .type = STR("\xff")}, ERROR_INVALID, "memory_type: "},
        {{.hash = hash, .metadata = str_n(big, MEMORY_METADATA_MAX_BYTES + 1)},
         ERROR_LIMIT,
         "metadata has 65537 bytes"},
        {{.hash = hash, .metadata = STR("nonsense")}, ERROR_INVALID, "metadata"},
    };

    memset(big, 'x', MEMORY_CONTENT_MAX_BYTES + 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_REFUSED(&f, try_update(&f, &rows[i].request, err), rows[i].kind, rows[i].part);
    }
}

TEST(a_new_version_obeys_the_limit_of_characters)
{
    FIXTURE_WITH(f, .content_max_chars = 10);
    struct memory_update_request r = {.hash = fixture_put(&f, "short", ""),
                                      .is_versioned = true,
                                      .content = STR("elf Zeichen"),
                                      .now_ms = 1};

    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_LIMIT, "11 characters, at most 10");
    r.content = STR("zehn Stück");
    update(&f, &r);
}

TEST(what_is_in_the_trash_or_in_another_space_cannot_be_changed)
{
    FIXTURE(f);
    struct memory_update_request r = {
        .hash = fixture_put(&f, "walrus", "a"), .metadata = STR("{\"k\":1}"), .now_ms = 1};

    f.who.space = STR("other");
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_NOT_FOUND, "not found");
    f.who.space = STR(SPACE_DEFAULT);
    fixture_trash(&f, r.hash);
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_NOT_FOUND, "not found");
}

/* A text that was replaced is not lost: stored again, or evolved back to, it is found again. */
TEST(a_replaced_text_can_come_back)
{
    FIXTURE(f);
    const struct memory_search_request all = {.query = STR("walrus"), .mode = SEARCH_EXACT};
    struct str first = fixture_put(&f, "a walrus", "");
    struct memory_update_request r = {.hash = first,
                                      .is_versioned = true,
                                      .content = STR("b walrus"),
                                      .metadata = STR("{\"k\":1}"),
                                      .now_ms = FIXTURE_NOW_MS};
    struct memory_search_result out;

    r.hash = update(&f, &r).memory->hash;
    out = fixture_search(&f, &all);
    CHECK_STR(fixture_letters(&f, &out), "b");
    r.content = STR("a walrus"); /* back */
    CHECK_VIEW(update(&f, &r).memory->hash, first);
    out = fixture_search(&f, &all);
    CHECK_STR(fixture_letters(&f, &out), "a");
    CHECK_INT(fixture_get(&f, first)->superseded_by.len, 0);
    CHECK(!str_contains(fixture_get(&f, first)->metadata, STR("superseded_by")));
    fixture_put(&f, "b walrus", ""); /* stored again */
    out = fixture_search(&f, &all);
    CHECK_INT(out.n_hits, 2);
}

TEST(a_version_can_be_replaced_anew_when_the_newer_one_was_deleted)
{
    FIXTURE(f);
    struct memory_update_request r = {.hash = fixture_put(&f, "a walrus", ""),
                                      .is_versioned = true,
                                      .content = STR("b walrus"),
                                      .now_ms = FIXTURE_NOW_MS};

    fixture_trash(&f, update(&f, &r).memory->hash);
    r.content = STR("c walrus");
    CHECK_STR(update(&f, &r).memory->content, "c walrus");
    r.content = STR("d walrus");
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_CONFLICT, "has a newer version already");
}

TEST(tags_that_are_removed_make_room_for_those_added)
{
    FIXTURE(f);
    AUTO_BUF many = {0};
    static const struct str added[] = {STR_INIT("new1"), STR_INIT("new2"), STR_INIT("new3")};
    static const struct str removed[] = {STR_INIT("t1"), STR_INIT("t2"), STR_INIT("t3")};
    struct memory_update_request r = {.add_tags = added,
                                      .n_add_tags = COUNT(added),
                                      .remove_tags = removed,
                                      .n_remove_tags = COUNT(removed),
                                      .now_ms = 1};
    const struct memory *m;

    for (int i = 0; i < MEMORY_TAGS_MAX; i++)
        buf_printf(&many, "%st%d", i ? "," : "", i);
    r.hash = fixture_put(&f, "walrus", buf_cstr(&many));
    update(&f, &r);
    m = fixture_get(&f, r.hash);
    REQUIRE(CHECK_INT(m->n_tags, MEMORY_TAGS_MAX));
    CHECK_STR(m->tags[MEMORY_TAGS_MAX - 1], "new3");
}

TEST(a_caller_who_may_only_read_changes_nothing)
{
    FIXTURE(f);
    struct memory_update_request r = {
        .hash = fixture_put(&f, "walrus", "a"), .metadata = STR("{\"k\":1}"), .now_ms = 1};
    struct memory *m;

    f.who.scopes = SCOPE_READ;
    CHECK_REFUSED(&f, try_update(&f, &r, err), ERROR_DENIED, "'write'");
    CHECK_REFUSED(&f, memory_restore(f.memory, &f.who, r.hash, 1, 1, &f.arena, &m, err),
                  ERROR_DENIED, "'write'");
}

TEST_MAIN()

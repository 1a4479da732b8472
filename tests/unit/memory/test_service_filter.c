/* test_service_filter.c - searching: every filter, and requests that are refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include <math.h>
#include <stdlib.h>

#define QUERY "walrus"
#define MANY  230 /* more than are ranked for a page */

static bool try_search(struct fixture *f, const struct memory_search_request *request,
                       struct error *err)
{
    struct memory_search_result out;

    return memory_search(f->memory, &f->who, request, &f->arena, &out, err);
}

static int compare_chars(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static struct str sorted_letters(struct fixture *f, const struct memory_search_result *out)
{
    struct str text = fixture_letters(f, out);
    char *copy = arena_cstr(&f->arena, text);

    qsort(copy, text.len, 1, compare_chars);
    return str_n(copy, text.len);
}

/* -- filters ---------------------------------------------------------------------------------- */

/* a, b, c and g are live; d is in the trash, e was replaced by g, f is in another space. */
static void put_corpus(struct fixture *f)
{
    struct memory_update_request version = {
        .is_versioned = true, .content = STR("g walrus"), .now_ms = FIXTURE_NOW_MS};
    struct memory_update_result updated;
    struct error err = {0};

    fixture_put_at(f, "a walrus", "db,choice", "decision", FIXTURE_NOW_MS - 3 * DAY_MS);
    fixture_put_at(f, "b walrus", "cache,choice", "architecture", FIXTURE_NOW_MS - 2 * DAY_MS);
    fixture_put_at(f, "c walrus 100% _", "ops,two words", "note", FIXTURE_NOW_MS - DAY_MS);
    fixture_trash(
        f, fixture_put_at(f, "d walrus", "db,choice,ops", "decision", FIXTURE_NOW_MS - DAY_MS));
    version.hash = fixture_put_at(f, "e walrus", "new", "error", FIXTURE_NOW_MS - 5 * DAY_MS);
    CHECK_OK(memory_update(f->memory, &f->who, &version, &f->arena, &updated, &err), err);
    f->who.space = STR("other");
    fixture_put_at(f, "f walrus", "db,choice,ops,new", "decision", FIXTURE_NOW_MS - DAY_MS);
    f->who.space = STR(SPACE_DEFAULT);
}

#define TAGS(...)                                                                              \
    .tags = (const struct str[]){__VA_ARGS__},                                                 \
    .n_tags = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define TYPES(...)                                                                             \
    .types = (const struct str[]){__VA_ARGS__},                                                \
    .n_types = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define S(text) STR_INIT(text)

static const struct {
    struct memory_filter filter;
    const char *time_expr;
    const char *want; /* letters */
} filter_rows[] = {
    {{0}, "", "abcg"},
    {{TAGS(S("choice"))}, "", "ab"},
    {{TAGS(S("db"), S("ops"))}, "", "ac"},
    {{TAGS(S("db"), S("choice")), .is_all_tags = true}, "", "a"},
    {{TAGS(S("db"), S("ops")), .is_all_tags = true}, "", ""},
    {{TAGS(S(" DB "))}, "", "a"}, /* normalised */
    {{TAGS(S("d"))}, "", ""},     /* whole tags only */
    {{TAGS(S("two words"))}, "", "c"},
    {{TAGS(S("two"))}, "", ""},
    {{TAGS(S(" , "))}, "", ""}, /* becomes the tag "-", which none has */
    {{TAGS(S(" "))}, "", ""},   /* asked for, but none that can exist */
    {{.is_nothing = true}, "", ""},
    {{TYPES(S("decision"))}, "", "a"},
    {{TYPES(S("decision"), S("note"))}, "", "ac"},
    {{TYPES(S("Decision"))}, "", ""},
    {{.from_ms = FIXTURE_NOW_MS - 2 * DAY_MS}, "", "bcg"}, /* inclusive */
    {{.until_ms = FIXTURE_NOW_MS - 2 * DAY_MS}, "", "a"},  /* exclusive */
    {{.from_ms = FIXTURE_NOW_MS - 2 * DAY_MS, .until_ms = FIXTURE_NOW_MS}, "", "bc"},
    {{.from_ms = 1}, "yesterday", "c"}, /* the expression wins */
    {{0}, "today", "g"},
    {{TAGS(S("choice")), TYPES(S("decision"))}, "", "a"},
    {{TAGS(S("choice"))}, "2 days ago", "b"},
    {{.has_superseded = true}, "", "abceg"},
    {{TAGS(S("new")), .has_superseded = true}, "", "eg"},
    {{.exact = S("100%")}, "", "c"},
    {{.min_quality = 0.4}, "", "abcg"}, /* unrated is 0.5 */
    {{.max_quality = 0.4}, "", ""},
};

static void check_filters(struct fixture *f, enum search_mode mode, const char *query)
{
    for (size_t i = 0; i < COUNT(filter_rows); i++) {
        struct memory_search_request r = {
            .query = str_c(query), .mode = mode, .filter = filter_rows[i].filter};
        struct memory_search_result out;

        r.time_expr = str_c(filter_rows[i].time_expr);
        if (mode == SEARCH_EXACT && r.filter.exact.len) /* the query takes its place */
            continue;
        if (!*query && i == 0) /* nothing at all is asked for */
            continue;
        if (!*query && r.filter.has_superseded && !r.filter.n_tags)
            continue;
        out = fixture_search(f, &r);
        if (!CHECK_STR(sorted_letters(f, &out), filter_rows[i].want))
            printf("  row %zu, mode %d, query '%s'\n", i, (int)mode, query);
    }
}

TEST(every_filter_holds_in_every_mode)
{
    FIXTURE_WITH(f, .has_model = true);

    put_corpus(&f);
    check_filters(&f, SEARCH_SEMANTIC, QUERY);
    check_filters(&f, SEARCH_HYBRID, QUERY);
    check_filters(&f, SEARCH_EXACT, "WALRUS");
    check_filters(&f, SEARCH_SEMANTIC, "");
}

TEST(every_filter_holds_without_a_model)
{
    FIXTURE(f);

    put_corpus(&f);
    check_filters(&f, SEARCH_HYBRID, QUERY);
    check_filters(&f, SEARCH_SEMANTIC, QUERY);
}

TEST(the_trash_can_be_searched_by_text)
{
    FIXTURE(f);
    struct memory_search_request r = {
        .query = STR(QUERY), .mode = SEARCH_EXACT, .filter.trash = TRASH_ONLY};
    struct memory_search_result out;

    put_corpus(&f);
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "d");
}

/* The one that passes the filter is the worst by words and by meaning. */
TEST(a_filter_never_starves_the_result)
{
    FIXTURE_WITH(f, .has_model = true);
    static const enum search_mode modes[] = {SEARCH_SEMANTIC, SEARCH_HYBRID};
    struct memory_search_request r = {.query = STR(QUERY), .limit = 1};
    const struct str tags[] = {STR_INIT("rare")};
    struct str rare = fixture_put(
        &f, "rare: a long text about many other things that names the walrus once", "rare");

    fixture_place(&f, rare, QUERY, -0.9);
    for (size_t i = 0; i < MANY; i++) {
        struct str hash =
            fixture_put(&f, arena_printf(&f.arena, "walrus %zu", i).ptr, "common");

        fixture_place(&f, hash, QUERY, 0.9);
    }
    r.filter.tags = tags;
    r.filter.n_tags = 1;
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct memory_search_result out;

        r.mode = modes[i];
        out = fixture_search(&f, &r);
        CHECK_STR(fixture_letters(&f, &out), "r");
        CHECK(!out.has_more);
        CHECK_INT(out.n_candidates, 1);
    }
}

TEST(a_time_expression_taken_out_of_the_question_filters_it)
{
    FIXTURE(f);
    struct memory_search_request r = {.mode = SEARCH_HYBRID};
    struct memory_search_result out;

    put_corpus(&f);
    REQUIRE(memory_extract_time_expr(&f.arena, STR("walrus yesterday"), f.now_ms,
                                     &r.filter.from_ms, &r.filter.until_ms, &r.query));
    CHECK_STR(r.query, "walrus");
    out = fixture_search(&f, &r);
    CHECK_STR(fixture_letters(&f, &out), "c");
    CHECK_INT(out.from_ms, r.filter.from_ms);
    CHECK_INT(out.until_ms, r.filter.until_ms);
    CHECK_INT(out.until_ms - out.from_ms, DAY_MS);
}

/* -- refusals --------------------------------------------------------------------------------- */

TEST(searches_that_make_no_sense_are_refused)
{
    const struct str bad_tags[] = {STR_INIT("\xff")};
    const struct str long_types[] = {
        STR_INIT("ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt")};
    const struct {
        struct memory_search_request request;
        const char *part;
    } rows[] = {
        {{.query = STR(QUERY), .limit = 0}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = 101}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = SIZE_MAX}, "limit must be from 1 to 100"},
        {{.query = STR(QUERY), .limit = 1, .offset = 10001}, "offset at most 10000"},
        {{.limit = 1}, "give a query, or a filter"},
        {{.query = STR(" \n"), .limit = 1}, "give a query, or a filter"},
        {{.limit = 1, .mode = SEARCH_EXACT, .filter.from_ms = 1}, "query is required"},
        {{.query = STR("a\0b"), .limit = 1}, "query: "},
        {{.query = STR("\xc0\xaf"), .limit = 1}, "query: "},
        {{.query = STR(QUERY), .limit = 1, .quality_boost = 1.1}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .quality_boost = (double)NAN}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .recency_boost = -0.1}, "from 0 to 1"},
        {{.query = STR(QUERY), .limit = 1, .time_expr = STR("some day")}, "some day"},
        {{.query = STR(QUERY), .limit = 1, .filter = {.tags = bad_tags, .n_tags = 1}},
         "tags[0]"},
        {{.query = STR(QUERY), .limit = 1, .filter = {.types = long_types, .n_types = 1}},
         "memory_type has more than 64"},
        {{.query = STR(QUERY), .limit = 1, .filter.exact = STR("\xff")}, "not"},
    };
    FIXTURE(f);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};

        CHECK(!try_search(&f, &rows[i].request, &err));
        if (!CHECK(str_contains(str_c(err.text), str_c(rows[i].part))))
            printf("  row %zu: %s\n", i, err.text);
        CHECK(err.kind == ERROR_INVALID || err.kind == ERROR_LIMIT);
    }
}

TEST(a_query_beyond_its_limit_is_refused_and_one_at_it_is_not)
{
    FIXTURE_WITH(f, .has_model = true);
    char *text = arena_alloc(&f.arena, 16385, 1);
    struct memory_search_request r = {.limit = 1, .mode = SEARCH_HYBRID};

    memset(text, 'w', 16385);
    r.query = str_n(text, 16385);
    CHECK_REFUSED(&f, try_search(&f, &r, err), ERROR_LIMIT, "at most 16384");
    r.query.len = 16384;
    fixture_search(&f, &r);
}

TEST(a_query_without_any_word_is_no_error)
{
    FIXTURE(f);
    const struct memory_search_request r = {.query = STR("?! \"*\" ( NEAR"),
                                            .mode = SEARCH_HYBRID};

    fixture_put(&f, "walrus", "");
    CHECK_INT(fixture_search(&f, &r).n_hits, 0);
}

TEST(a_caller_who_may_not_read_finds_nothing_out)
{
    FIXTURE(f);
    const struct memory_search_request r = {.query = STR(QUERY), .limit = 1};
    struct error err = {0};
    struct memory *m;

    f.who.scopes = SCOPE_WRITE;
    CHECK(!try_search(&f, &r, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
    CHECK(!memory_get(f.memory, &f.who, STR("12345678"), TRASH_HIDE, &f.arena, &m, &err));
    CHECK_INT(err.kind, ERROR_DENIED);
}

TEST_MAIN()

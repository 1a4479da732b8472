/*
 * test_filter.c - every combination of filters against a plain loop over the same memories.
 *
 * The memories and filters are made so that what looks special to SQL (blanks, %, _, quotes, Unicode)
 * occurs in tags and texts.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"
#include "text/text.h"

#define N_MEMORIES 60

static const struct str all_tags[] = {
    STR_INIT("plain"), STR_INIT("with blank"), STR_INIT("100%"), STR_INIT("a_b"),
    STR_INIT("axb"),   STR_INIT("größe"),      STR_INIT("it's"), STR_INIT("\"q\""),
};
static const struct str all_types[] = {STR_INIT("note"), STR_INIT("decision"), STR_INIT("")};
static const struct str all_texts[] = {STR_INIT("fifty 50% done"), STR_INIT("a_b c"),
                                       STR_INIT("AXB plain"), STR_INIT("ÄÖ big")};

static struct memory memories[N_MEMORIES];
static struct str tag_lists[N_MEMORIES][3];
static char hashes[N_MEMORIES][16];

/* Memory i: its properties are digits of i in mixed bases, so that they combine freely. */
static void make_memory(size_t i)
{
    struct memory *m = &memories[i];

    snprintf(hashes[i], sizeof(hashes[i]), "hash%04zu", i);
    for (size_t k = 0; k < i % 4 && k < 3; k++)
        tag_lists[i][k] = all_tags[(i + k * 3) % COUNT(all_tags)];
    *m = (struct memory){
        .hash = str_c(hashes[i]),
        .content = all_texts[i % COUNT(all_texts)],
        .type = all_types[i % COUNT(all_types)],
        .metadata = STR("{}"),
        .tags = tag_lists[i],
        .n_tags = MIN(i % 4, (size_t)3),
        .created_ms = 1000 + (int64_t)(i * 7 % N_MEMORIES),
        .updated_ms = 1000,
        .quality = i % 5 == 0 ? -1 : (double)(i % 5) / 5,
        .confidence = 1,
    };
}

static bool has_tag(const struct memory *m, struct str tag)
{
    for (size_t i = 0; i < m->n_tags; i++) {
        if (str_eq(m->tags[i], tag))
            return true;
    }
    return false;
}

static bool passes_tags(const struct memory *m, const struct memory_filter *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n_tags; i++)
        n += has_tag(m, f->tags[i]);
    return f->n_tags == 0 || (f->is_all_tags ? n == f->n_tags : n > 0);
}

static bool passes_type(const struct memory *m, const struct memory_filter *f)
{
    for (size_t i = 0; i < f->n_types; i++) {
        if (str_eq(m->type, f->types[i]))
            return true;
    }
    return f->n_types == 0;
}

/* The oracle: the filter's meaning, said once more in the plainest way. */
static bool passes(const struct memory *m, const struct memory_filter *f)
{
    AUTO_ARENA a = {0};
    double quality = m->quality < 0 ? 0.5 : m->quality;

    if (f->trash != TRASH_SHOW && (m->deleted_ms > 0) != (f->trash == TRASH_ONLY))
        return false;
    if (f->is_nothing || !passes_tags(m, f) || !passes_type(m, f))
        return false;
    if (m->created_ms < f->from_ms || (f->until_ms && m->created_ms >= f->until_ms))
        return false;
    if (f->stale_before_ms && m->created_ms >= f->stale_before_ms)
        return false;
    if ((f->min_quality > 0 && quality < f->min_quality) ||
        (f->max_quality > 0 && quality > f->max_quality))
        return false;
    return str_contains(text_lower(&a, m->content), text_lower(&a, f->exact));
}

static void check_filter(struct store *s, const struct memory_filter *f)
{
    AUTO_ARENA a = {0};
    struct error err = {0};
    struct memory *got;
    size_t n, total, want = 0;

    for (size_t i = 0; i < N_MEMORIES; i++)
        want += passes(&memories[i], f);
    REQUIRE(CHECK_OK(
        store_list(s, &a, STR("default"), f, 0, N_MEMORIES, &got, &n, &total, &err), err));
    CHECK_INT(total, want);
    CHECK_INT(n, want);
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)strtoul(got[i].hash.ptr + 4, NULL, 10);

        CHECK(passes(&memories[at], f));
        if (i > 0)
            CHECK(got[i - 1].created_ms >= got[i].created_ms);
    }
}

/* The words that all texts have together: whatever passes and is not in the trash is ranked. */
static void check_ranking(struct store *s, const struct memory_filter *f)
{
    static const struct str words[] = {STR_INIT("fifty"), STR_INIT("c"), STR_INIT("plain"),
                                       STR_INIT("big")};
    AUTO_ARENA a = {0};
    struct error err = {0};
    const struct rank_request r = {.space = STR("default"),
                                   .filter = f,
                                   .limit = N_MEMORIES,
                                   .words = words,
                                   .n_words = COUNT(words)};
    struct ranking got;
    size_t want = 0;

    for (size_t i = 0; i < N_MEMORIES; i++)
        want += passes(&memories[i], f) && !memories[i].deleted_ms;
    REQUIRE(CHECK_OK(store_rank_words(s, &a, &r, &got, &err), err));
    CHECK_INT(got.n, want);
}

static void check_combinations(struct store *s)
{
    static const struct str no_text[] = {{0}, STR_INIT("%"), STR_INIT("_"), STR_INIT("axb")};
    static const struct {
        int64_t from, until, stale;
        double min, max;
    } ranges[] = {
        {0, 0, 0, 0, 0}, {1010, 1040, 0, 0, 0}, {0, 1030, 1020, 0, 0}, {0, 0, 0, 0.4, 0.6}};

    for (size_t i = 0; i < 4096; i++) { /* two bits or so for each of six choices */
        const struct str tags[] = {all_tags[i % 8], all_tags[(i + 3) % 8]};
        const struct memory_filter f = {
            .tags = tags,
            .n_tags = i / 8 % 3,
            .is_all_tags = i / 16 % 2,
            .types = &all_types[i % 3],
            .n_types = i / 32 % 2,
            .from_ms = ranges[i / 64 % 4].from,
            .until_ms = ranges[i / 64 % 4].until,
            .stale_before_ms = ranges[i / 64 % 4].stale,
            .min_quality = ranges[i / 64 % 4].min,
            .max_quality = ranges[i / 64 % 4].max,
            .exact = no_text[i / 256 % 4],
            .trash = (enum trash_filter)(i / 1024 % 3),
            .is_nothing = i == 4095,
        };

        check_filter(s, &f);
        check_ranking(s, &f);
    }
}

TEST(every_combination_of_filters_equals_a_plain_loop)
{
    AUTO_ARENA a = {0};
    char dir[] = "/tmp/memoryd-filter-XXXXXX";
    struct error err = {0};
    struct store_options options;
    const struct store_actor who = {STR("default"), STR("t"), STR("t"), 5000};
    struct store *s;
    size_t n;

    REQUIRE(mkdtemp(dir) != NULL);
    options = (struct store_options){.path = arena_printf(&a, "%s/m.db", dir).ptr};
    REQUIRE(CHECK_OK(store_open(&options, &s, &err), err));
    for (size_t i = 0; i < N_MEMORIES; i++) {
        struct store_item item;

        make_memory(i);
        item = (struct store_item){.memory = memories[i]};
        CHECK_OK(store_put(s, &who, &item, 1, &err), err);
        if (i % 6 == 5) {
            CHECK_OK(store_delete(s, &who, &memories[i].hash, 1, (struct str){0}, &n, &err),
                     err);
            memories[i].deleted_ms = who.now_ms;
        }
    }
    check_combinations(s);
    store_close(s);
    unlink(options.path);
    rmdir(dir);
}

TEST_MAIN()

/*
 * fts_query.c - any bytes as a question, and as the words of one.
 *
 * Whatever the words are, the expression that is made of them is valid, and what it finds is just what
 * holds one of them: SQLite's own tokenizer, applied to words and texts alike, says which that are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/vec.h"
#include "fuzz/temp_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SPACE STR_INIT("default")

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* -- the tokenizer ----------------------------------------------------------------------------- */

struct tokens VEC(struct str);

struct token_sink {
    struct arena *arena;
    struct tokens *out;
};

static fts5_tokenizer tokenizer;
static Fts5Tokenizer *porter;

static void open_tokenizer(void)
{
    const char *options[] = {"unicode61", "remove_diacritics", "2"};
    static sqlite3 *db; /* the tokenizer lives as long */
    sqlite3_stmt *q;
    fts5_api *api = NULL;
    void *ctx;

    must(sqlite3_open(":memory:", &db) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &q, NULL) == SQLITE_OK);
    sqlite3_bind_pointer(q, 1, &api, "fts5_api_ptr", NULL);
    must(sqlite3_step(q) == SQLITE_ROW && api);
    sqlite3_finalize(q);
    must(api->xFindTokenizer(api, "porter", &ctx, &tokenizer) == SQLITE_OK);
    must(tokenizer.xCreate(ctx, options, COUNT(options), &porter) == SQLITE_OK);
}

static int add_token(void *ctx, int flags, const char *token, int len, int from, int to)
{
    const struct token_sink *sink = ctx;

    (void)flags, (void)from, (void)to;
    VEC_PUSH(sink->out, arena_dup(sink->arena, str_n(token, (size_t)len)));
    return SQLITE_OK;
}

static struct tokens tokens_of(struct arena *a, struct str text)
{
    struct tokens list = {0};
    struct token_sink sink = {a, &list};

    must(tokenizer.xTokenize(porter, &sink, FTS5_TOKENIZE_DOCUMENT, text.len ? text.ptr : "",
                             (int)text.len, add_token) == SQLITE_OK);
    return list;
}

static bool holds(const struct tokens *text, const struct tokens *words)
{
    for (size_t at = 0; words->len && at + words->len <= text->len; at++) {
        size_t n = 0;

        while (n < words->len && str_eq(text->ptr[at + n], words->ptr[n]))
            n++;
        if (n == words->len)
            return true;
    }
    return false;
}

/* -- the memories ------------------------------------------------------------------------------ */

enum fate { LIVE, TRASHED, SUPERSEDED /* by the next one */ };

static const struct {
    struct str tag, content; /* the tag stands for the hash as well */
    enum fate fate;
} texts[] = {
    {STR_INIT("greeting"), STR_INIT("Hello, hello world"), LIVE},
    {STR_INIT("operators"), STR_INIT("AND OR NOT NEAR content tags"), LIVE},
    {STR_INIT("quotes"), STR_INIT("He said \"near me\", and 'no' twice"), LIVE},
    {STR_INIT("foo-bar"), STR_INIT("foo_bar c++ o'brien x-y a.b 3.14 ^a*"), LIVE},
    {STR_INIT("café"), STR_INIT("café cafe\u0301 Été straße Σίσυφος"), LIVE},
    {STR_INIT("中文"), STR_INIT("中文 жук 😀 Ⅳ ² ﬁ"), LIVE},
    {STR_INIT("stems"), STR_INIT("running runs ran connection connected"), LIVE},
    {STR_INIT("a"), STR_INIT("a b c aa ab bb 1 12 a1"), LIVE},
    {STR_INIT("gone"), STR_INIT("hello from the trash"), TRASHED},
    {STR_INIT("old"), STR_INIT("an older hello"), SUPERSEDED},
    {STR_INIT("new"), STR_INIT("a newer hello"), LIVE},
    {STR_INIT("the is of"), STR_INIT(""), LIVE},
};

static struct {
    int64_t row;
    struct tokens tag, content;
} memories[COUNT(texts)];

static struct store *store;

static void put(const struct store_actor *who, size_t i)
{
    struct store_item item = {.memory = {.hash = texts[i].tag, .content = texts[i].content}};
    size_t n;

    item.memory.metadata = STR("{}");
    item.memory.tags = &texts[i].tag;
    item.memory.n_tags = 1;
    item.memory.revision = 1; /* of the one that is superseded */
    must(i && texts[i - 1].fate == SUPERSEDED
             ? store_supersede(store, who, texts[i - 1].tag, STR(""), &item, NULL)
             : store_put(store, who, &item, 1, NULL));
    if (texts[i].fate == TRASHED)
        must(store_delete(store, who, &texts[i].tag, 1, STR(""), &n, NULL) && n == 1);
}

static void fill_store(void)
{
    static struct arena arena; /* of the tokens */
    const struct store_actor who = {SPACE, STR_INIT("fuzz"), STR_INIT("fuzz"), 1};
    struct memory *m;

    for (size_t i = 0; i < COUNT(memories); i++) {
        put(&who, i);
        must(store_get(store, &arena, who.space, texts[i].tag, TRASH_SHOW, &m, NULL) && m);
        memories[i].row = m->row;
        memories[i].tag = tokens_of(&arena, texts[i].tag);
        memories[i].content = tokens_of(&arena, texts[i].content);
    }
}

/* -- a question -------------------------------------------------------------------------------- */

static bool is_found(const struct ranking *r, int64_t row)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += r->list[i].row == row;
    must(n <= 1);
    return n == 1;
}

static bool has_one_of(size_t memory, const struct tokens *words, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++) {
        if (holds(&memories[memory].content, &words[i]) ||
            holds(&memories[memory].tag, &words[i]))
            return true;
    }
    return false;
}

static bool is_shown(enum fate fate, bool has_superseded)
{
    return fate == LIVE || (fate == SUPERSEDED && has_superseded);
}

static void ask(const struct str *words, size_t n_words, bool has_superseded)
{
    AUTO_ARENA a = {0};
    const struct memory_filter filter = {.has_superseded = has_superseded};
    const struct rank_request r = {.space = SPACE,
                                   .filter = &filter,
                                   .limit = COUNT(memories),
                                   .words = words,
                                   .n_words = n_words};
    struct tokens tokens[QUERY_WORDS_MAX];
    struct ranking found;
    size_t n_expected = 0;

    must(store_rank_words(store, &a, &r, &found, NULL));
    for (size_t i = 0; i < found.n; i++)
        must(found.list[i].score > 0 &&
             (i == 0 || found.list[i].score <= found.list[i - 1].score));
    for (size_t i = 0; i < n_words; i++)
        tokens[i] = tokens_of(&a, words[i]);
    for (size_t i = 0; i < COUNT(memories); i++) {
        bool is_expected =
            is_shown(texts[i].fate, has_superseded) && has_one_of(i, tokens, n_words);

        must(is_found(&found, memories[i].row) == is_expected);
        n_expected += is_expected;
    }
    must(found.n == n_expected);
    for (size_t i = 0; i < n_words; i++)
        VEC_DEINIT(&tokens[i]);
}

/* Lines, without their NULs: a word has none. */
static size_t lines_of(const uint8_t *data, size_t size, struct str *out)
{
    struct str rest = str_n((const char *)data, size), line, piece;
    size_t n = 0;

    while (str_next(&rest, '\n', &line)) {
        while (str_next(&line, '\0', &piece) && n < QUERY_WORDS_MAX)
            out[n++] = piece;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA a = {0};
    struct str lines[QUERY_WORDS_MAX];
    const struct str *words;
    size_t n_words;

    if (!store) {
        open_tokenizer();
        store = temp_store_open();
        fill_store();
    }
    query_words(&a, str_n((const char *)data, size), &words, &n_words);
    must(n_words <= QUERY_WORDS_MAX);
    ask(words, n_words, size % 2);
    ask(lines, lines_of(data, size, lines), size % 2);
    return 0;
}

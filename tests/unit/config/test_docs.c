/*
 * test_docs.c - docs/configuration.md says what the table says.
 *
 * Every setting must have its row there, word for word. With --print the rows are printed, for
 * pasting after a change.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "sys/sys.h"
#include "tests/support/test.h"
#include "tests/unit/config/env.h"

#define DOC_MAX_BYTES ((size_t)1 << 20)

/* "| `NAME` | `default` | what it takes | what it does |" */
static struct str doc_row(struct arena *a, const struct config_item *item)
{
    struct str names = arena_printf(a, "`%s`", item->name);
    bool has_default = item->fallback[0] != '\0';

    if (item->older)
        names = arena_printf(a, STR_FMT ", older name `%s`", STR_ARG(names), item->older);
    if (item->is_secret)
        names = arena_printf(a, STR_FMT " or `%s_FILE`", STR_ARG(names), item->name);
    return arena_printf(a, "| " STR_FMT " | %s%s%s | " STR_FMT " | %s |\n", STR_ARG(names),
                        has_default ? "`" : "", item->fallback, has_default ? "`" : "",
                        STR_ARG(item->accepts), item->meaning);
}

TEST(every_setting_is_in_the_docs_as_it_is)
{
    AUTO_ENV e;
    struct str doc;

    env_init(&e);
    REQUIRE(CHECK_OK(env_load(&e), e.err));
    REQUIRE(CHECK_OK(
        sys_read_file(&e.arena, DOCS_DIR "/configuration.md", DOC_MAX_BYTES, &doc, &e.err),
        e.err));
    CHECK(e.config.n_items > 20);
    for (size_t i = 0; i < e.config.n_items; i++) {
        struct str row = doc_row(&e.arena, &e.config.items[i]);

        if (!str_contains(doc, row))
            CHECK_STR(STR("configuration.md lacks this row"), row.ptr);
    }
}

static int print_rows(void)
{
    AUTO_ENV e;

    env_init(&e);
    if (!env_load(&e))
        return 1;
    for (size_t i = 0; i < e.config.n_items; i++)
        fputs(doc_row(&e.arena, &e.config.items[i]).ptr, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--print") == 0)
        return print_rows();
    return test_main(argc, argv);
}

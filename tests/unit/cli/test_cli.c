/* test_cli.c - commands from their words to their output and exit code. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "json/json.h"
#include "tests/unit/cli/stage.h"

static struct str text_of(const json_t *j, const char *key)
{
    return json_view(json_object_get(j, key));
}

static size_t n_listed(struct stage *s, const char *line)
{
    AUTO_JSON *j = NULL;

    CHECK_INT(stage_run(s, line), CLI_OK);
    j = stage_json(s);
    return json_array_size(json_object_get(j, "memories"));
}

/* -- the command line -------------------------------------------------------------------------- */

TEST(wrong_words_are_named_and_change_nothing)
{
    static const struct {
        const char *line, *word;
    } rows[] = {
        {"list --no-such-option", "--no-such-option"},
        {"list --limit", "--limit needs a value"},
        {"list --limit many", "--limit is 'many'"},
        {"list -n 0", "not a number from 1"},
        {"list a_word", "too many words"},
        {"list --since yesteryear", "--since"},
        {"list --when when_pigs_fly", "--when"},
        {"list --when yesterday --since 2026-01-01", "not both"},
        {"search", "give a query, or a filter"},
        {"search x --quality 2", "not a number from 0 to 1"},
        {"show", "HASH"},
        {"store text --metadata no_json", "metadata"},
        {"store text --space no/such", "space"},
        {"delete abc --tag x", "not both"},
        {"store caf\xe9", "UTF-8"},
    };
    AUTO_STAGE s;

    REQUIRE(stage_open(&s));
    for (size_t i = 0; i < COUNT(rows); i++) {
        int code = stage_run(&s, rows[i].line);

        if (!CHECK_INT(code, CLI_USAGE) || !CHECK(stage_warned(&s, rows[i].word)))
            printf("  %s: %s\n", rows[i].line, s.err);
        CHECK_STR(str_c(s.out), "");
    }
    CHECK_INT(n_listed(&s, "list --json"), 0);
}

TEST(errors_are_json_too_when_json_is_asked_for)
{
    static const struct {
        const char *line, *kind;
        int code;
    } rows[] = {
        {"list --no-such-option --json", "invalid", CLI_USAGE},
        {"show 0123456789ab --json", "not_found", CLI_NOT_FOUND},
        {"restore 0123456789ab --json", "not_found", CLI_NOT_FOUND},
        {"store --json -- --json", NULL, CLI_OK}, /* the second is the text */
    };
    AUTO_STAGE s;

    REQUIRE(stage_open(&s));
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_JSON *j = NULL;

        CHECK_INT(stage_run(&s, rows[i].line), rows[i].code);
        j = stage_json(&s);
        if (rows[i].kind)
            CHECK_STR(text_of(json_object_get(j, "error"), "kind"), rows[i].kind);
    }
    CHECK_INT(stage_run(&s, "list --no-such-option -- --json"), CLI_USAGE);
    CHECK_STR(str_c(s.out), "");
}

TEST(a_database_that_cannot_be_opened_is_unavailable)
{
    AUTO_STAGE s;

    REQUIRE(stage_open(&s));
    s.is_closed = true;
    CHECK_INT(stage_run(&s, "list"), CLI_UNAVAILABLE);
    CHECK(stage_warned(&s, "the database is busy"));
    CHECK_INT(stage_run(&s, "version"), CLI_OK);
    CHECK_INT(stage_run(&s, "list --help"), CLI_OK);
    CHECK(stage_said(&s, "--all-tags"));
}

/* -- the life of a memory ---------------------------------------------------------------------- */

TEST(what_is_stored_is_listed_shown_and_searched)
{
    AUTO_STAGE s;
    AUTO_JSON *stored = NULL, *found = NULL;
    struct str hash;

    REQUIRE(stage_open(&s));
    CHECK_INT(stage_run(&s, "store the_demo_is_on_Thursday --tag Work,Demo --json"), CLI_OK);
    stored = stage_json(&s);
    hash = text_of(stored, "content_hash");
    CHECK_INT(hash.len, 64);
    CHECK_INT(n_listed(&s, "list --tag demo --json"), 1);
    CHECK_INT(n_listed(&s, "list --tag demo,other --all-tags --json"), 0);
    CHECK_INT(stage_run(&s, arena_printf(&s.arena, "show %.12s", hash.ptr).ptr), CLI_OK);
    CHECK(stage_said(&s, "the demo is on Thursday"));
    CHECK(stage_said(&s, "#work #demo"));
    CHECK(!str_contains(str_c(s.out), STR("\033"))); /* no colours outside a terminal */
    CHECK_INT(stage_run(&s, "search demo --json"), CLI_OK);
    found = stage_json(&s);
    CHECK_VIEW(text_of(json_array_get(json_object_get(found, "memories"), 0), "content_hash"),
               hash);
}

TEST(update_delete_and_restore_are_in_the_history)
{
    static const struct {
        const char *command, *options;
    } steps[] = {{"update", " --add-tag kept"}, {"delete", ""}, {"restore", ""}};
    AUTO_STAGE s;
    AUTO_JSON *stored = NULL, *history = NULL;
    struct str hash;

    REQUIRE(stage_open(&s));
    CHECK_INT(stage_run(&s, "store a_fact --json"), CLI_OK);
    stored = stage_json(&s);
    hash = arena_dup(&s.arena, text_of(stored, "content_hash"));
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct str line =
            arena_printf(&s.arena, "%s %.12s%s", steps[i].command, hash.ptr, steps[i].options);

        CHECK_INT(stage_run(&s, line.ptr), CLI_OK);
    }
    CHECK_INT(n_listed(&s, "list --tag kept --json"), 1);
    CHECK_INT(stage_run(&s, arena_printf(&s.arena, "history %.12s --json", hash.ptr).ptr),
              CLI_OK);
    history = stage_json(&s);
    CHECK_INT(json_array_size(json_object_get(history, "changes")), 4);
}

TEST(without_a_hash_the_history_is_that_of_all_memories)
{
    AUTO_STAGE s;
    AUTO_JSON *history = NULL;

    REQUIRE(stage_open(&s));
    CHECK_INT(stage_run(&s, "history"), CLI_OK);
    CHECK_INT(stage_run(&s, "store a_fact"), CLI_OK);
    CHECK_INT(stage_run(&s, "store another_fact"), CLI_OK);
    CHECK_INT(stage_run(&s, "history --json"), CLI_OK);
    history = stage_json(&s);
    CHECK_INT(json_array_size(json_object_get(history, "changes")), 2);
}

TEST(deleting_by_filter_without_a_terminal_needs_yes)
{
    AUTO_STAGE s;

    REQUIRE(stage_open(&s));
    CHECK_INT(stage_run(&s, "store one --tag scratch"), CLI_OK);
    CHECK_INT(stage_run(&s, "store two --tag scratch"), CLI_OK);
    CHECK_INT(stage_run(&s, "delete --tag scratch --dry-run"), CLI_OK);
    CHECK(stage_said(&s, "would delete 2"));
    CHECK_INT(stage_run(&s, "delete --tag scratch"), CLI_CONFLICT);
    CHECK(stage_warned(&s, "--yes"));
    CHECK_INT(n_listed(&s, "list --json"), 2);
    CHECK_INT(stage_run(&s, "delete --tag scratch --yes"), CLI_OK);
    CHECK_INT(n_listed(&s, "list --json"), 0);
    CHECK_INT(n_listed(&s, "list --trash --json"), 2);
    CHECK_INT(stage_run(&s, "delete"), CLI_USAGE);
}

TEST(spaces_do_not_see_each_other)
{
    AUTO_STAGE s;

    REQUIRE(stage_open(&s));
    CHECK_INT(stage_run(&s, "store mine --space work"), CLI_OK);
    CHECK_INT(n_listed(&s, "list --json"), 0);
    CHECK_INT(n_listed(&s, "list --space work --json"), 1);
}

TEST_MAIN()

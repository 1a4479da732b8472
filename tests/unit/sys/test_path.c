/* test_path.c - paths, and facts about this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/test.h"

TEST(the_folder_of_a_path)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"/a/b", "/a"}, {"/a/b/", "/a"},   {"/a", "/"},  {"/", "/"},
        {"//", "/"},    {"a", "."},        {"a/b", "a"}, {"a//b", "a"},
        {"", "."},      {"/a//b//", "/a"}, {"./x", "."}, {"a/", "."},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(sys_dirname(&a, str_c(rows[i].in)), rows[i].want);
    }
}

TEST(joining_puts_one_slash_between)
{
    static const struct {
        const char *dir, *name, *want;
    } rows[] = {
        {"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"},  {"", "b", "b"},
        {"/a", "/b", "/b"},  {"a", "b/c", "a/b/c"}, {"/", "b", "/b"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(sys_join(&a, str_c(rows[i].dir), str_c(rows[i].name)), rows[i].want);
    }
}

TEST(a_leading_tilde_is_the_home_folder)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"~/x", "/home/me/x"}, {"~", "/home/me"}, {"~other/x", "~other/x"},
        {"/a/~/x", "/a/~/x"},  {"", ""},          {"x~", "x~"},
    };

    setenv("HOME", "/home/me", 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};

        CHECK_STR(sys_expand_home(&a, str_c(rows[i].in)), rows[i].want);
    }
    unsetenv("HOME");
    {
        AUTO_ARENA a = {0};

        CHECK_STR(sys_expand_home(&a, STR("~/x")), "~/x");
    }
}

TEST(the_program_knows_where_it_lies)
{
    AUTO_ARENA a = {0};
    struct str dir = sys_exe_dir(&a);

    CHECK(str_starts(dir, STR("/")));
    CHECK(sys_file_exists(sys_join(&a, dir, STR("test_sys_path")).ptr));
}

TEST(as_many_descriptors_as_are_allowed)
{
    struct rlimit limit;

    REQUIRE(CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0));
    limit.rlim_cur = MIN(limit.rlim_max, 100);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_INT(sys_raise_descriptors(), limit.rlim_max);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_INT(limit.rlim_cur, limit.rlim_max);
}

TEST(facts_about_the_process_are_plausible)
{
    AUTO_ARENA a = {0};
    int ends[2];

    CHECK(sys_hostname(&a).len > 0);
    CHECK(sys_n_cores() >= 1);
    CHECK(sys_resident_bytes() > 100000 && sys_resident_bytes() < (int64_t)10 << 30);
    REQUIRE(pipe(ends) == 0);
    CHECK(!sys_is_terminal(ends[0]));
    CHECK_INT(sys_terminal_columns(ends[0]), 80);
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN()

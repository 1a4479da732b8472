/* test_file.c - whole files: reading with limits, replacing without a gap, mapping. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/support/test.h"

struct folder {
    struct arena arena;
    struct str path;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void folder_deinit(struct folder *f)
{
    nftw(f->path.ptr, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_deinit(&f->arena);
}
#define AUTO_FOLDER AUTO(folder_deinit) struct folder

static void folder_init(struct folder *f)
{
    char path[] = "/tmp/memoryd-sys-XXXXXX";

    *f = (struct folder){0};
    if (!mkdtemp(path))
        abort();
    f->path = arena_dup(&f->arena, str_c(path));
}

static const char *in(struct folder *f, const char *name)
{
    return sys_join(&f->arena, f->path, str_c(name)).ptr;
}

TEST(what_was_written_is_read)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct str got = {0};
    struct stat st;

    folder_init(&f);
    CHECK_OK(sys_write_file(in(&f, "a"), 0600, STR("one\0two"), &err), err);
    CHECK_OK(sys_read_file(&f.arena, in(&f, "a"), 100, &got, &err), err);
    CHECK_VIEW(got, STR("one\0two"));
    CHECK(stat(in(&f, "a"), &st) == 0 && (st.st_mode & 0777) == 0600);

    CHECK_OK(sys_write_file(in(&f, "a"), 0644, (struct str){0}, &err), err);
    CHECK_OK(sys_read_file(&f.arena, in(&f, "a"), 0, &got, &err), err);
    CHECK_INT(got.len, 0);
    CHECK(stat(in(&f, "a"), &st) == 0 && (st.st_mode & 0777) == 0644);
}

TEST(a_file_over_the_limit_is_refused)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct str got = STR("kept");
    char *big;

    folder_init(&f);
    big = arena_alloc(&f.arena, 200000, 1);
    CHECK_OK(sys_write_file(in(&f, "a"), 0600, str_n(big, 200000), &err), err);
    CHECK_OK(sys_read_file(&f.arena, in(&f, "a"), 200000, &got, &err), err);
    CHECK_INT(got.len, 200000);
    got = STR("kept");
    CHECK(!sys_read_file(&f.arena, in(&f, "a"), 199999, &got, &err));
    CHECK_INT(err.kind, ERROR_LIMIT);
    CHECK(str_ends(str_c(err.text), STR("/a: more than 199999 bytes")));
    CHECK_STR(got, "kept");
    CHECK(!sys_read_file(&f.arena, "/dev/zero", 1000000, &got, &err)); /* has no end */
    CHECK_INT(err.kind, ERROR_LIMIT);
}

TEST(failures_name_the_path_and_the_reason)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct str got;
    struct sys_map map;
    int64_t n;

    folder_init(&f);
    CHECK(!sys_read_file(&f.arena, in(&f, "none"), 10, &got, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(str_ends(str_c(err.text), STR("/none: No such file or directory")));
    CHECK(!sys_read_file(&f.arena, f.path.ptr, 10, &got, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
    CHECK(str_ends(str_c(err.text), STR(": cannot read: Is a directory")));
    CHECK(!sys_write_file(in(&f, "no/such/folder"), 0600, STR("x"), &err));
    CHECK(str_contains(str_c(err.text), STR("no/such/folder")));
    CHECK(!sys_map_open(in(&f, "none"), &map, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!sys_map_open(f.path.ptr, &map, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(!sys_free_bytes(in(&f, "none"), &n, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!sys_file_size(in(&f, "none"), &n));
    CHECK(!sys_file_exists(in(&f, "none")));
}

static size_t count_files(const char *path)
{
    AUTO_ARENA a = {0};
    char line[100] = "";
    FILE *ls = popen(arena_printf(&a, "ls -A '%s' | wc -l", path).ptr, "r");

    if (!ls || !fgets(line, sizeof(line), ls))
        abort();
    pclose(ls);
    return (size_t)atoi(line);
}

TEST(a_failed_write_leaves_the_old_file_and_nothing_else)
{
    AUTO_FOLDER f;
    struct error err = {0};

    folder_init(&f);
    CHECK_OK(sys_make_dirs(in(&f, "target/inner"), &err), err);
    CHECK(!sys_write_file(in(&f, "target"), 0600, STR("x"), &err)); /* it is a folder */
    CHECK(sys_file_exists(in(&f, "target/inner")));
    CHECK_INT(count_files(f.path.ptr), 1);
}

struct reading {
    const char *path;
    int n_torn;
    bool
        is_done; /* set before the thread is joined, read after each file: an old value is fine */
};

static void read_often(void *arg)
{
    struct reading *r = arg;

    for (int i = 0; i < 300; i++) {
        AUTO_ARENA a = {0};
        struct error err;
        struct str got;

        if (!sys_read_file(&a, r->path, 100000, &got, &err) || got.len != 50000 ||
            got.ptr[0] != got.ptr[got.len - 1])
            r->n_torn++;
    }
}

TEST(readers_see_the_old_file_or_the_new_one_whole)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct thread thread = {0};
    struct reading r = {0};
    char *bytes;

    folder_init(&f);
    r.path = in(&f, "a");
    bytes = arena_alloc(&f.arena, 50000, 1);
    memset(bytes, 'a', 50000);
    CHECK_OK(sys_write_file(r.path, 0600, str_n(bytes, 50000), &err), err);
    REQUIRE(CHECK_OK(thread_start(&thread, "reader", read_often, &r, &err), err));
    for (int i = 0; i < 20; i++) {
        memset(bytes, 'b' + i, 50000);
        CHECK_OK(sys_write_file(r.path, 0600, str_n(bytes, 50000), &err), err);
    }
    thread_join(&thread);
    CHECK_INT(r.n_torn, 0);
    CHECK_INT(count_files(f.path.ptr), 1);
}

TEST(a_map_shows_the_file)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct sys_map map = {0};
    int64_t size = 0;

    folder_init(&f);
    CHECK_OK(sys_write_file(in(&f, "a"), 0600, STR("mapped"), &err), err);
    REQUIRE(CHECK_OK(sys_map_open(in(&f, "a"), &map, &err), err));
    CHECK_STR(str_n((const char *)map.ptr, map.len), "mapped");
    sys_map_close(&map);
    sys_map_close(&map); /* closed already */
    CHECK(map.ptr == NULL);
    CHECK(sys_file_size(in(&f, "a"), &size));
    CHECK_INT(size, 6);
    CHECK_OK(sys_write_file(in(&f, "empty"), 0600, STR(""), &err), err);
    CHECK(!sys_map_open(in(&f, "empty"), &map, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
}

TEST(reading_ahead_is_only_a_wish)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct str text;

    folder_init(&f);
    sys_read_ahead(in(&f, "none"), 1 << 20);
    CHECK_OK(sys_write_file(in(&f, "a"), 0600, STR("some text"), &err), err);
    sys_read_ahead(in(&f, "a"), 1 << 20);
    REQUIRE(CHECK_OK(sys_read_file(&f.arena, in(&f, "a"), 100, &text, &err), err));
    CHECK_STR(text, "some text");
}

TEST(folders_are_made_for_the_owner_only)
{
    AUTO_FOLDER f;
    struct error err = {0};
    struct stat st;

    folder_init(&f);
    CHECK_OK(sys_make_dirs(in(&f, "a/b//c/"), &err), err);
    CHECK_OK(sys_make_dirs(in(&f, "a/b/c"), &err), err); /* there already */
    CHECK(stat(in(&f, "a/b/c"), &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK_OK(sys_write_file(in(&f, "file"), 0600, STR("x"), &err), err);
    CHECK(!sys_make_dirs(in(&f, "file/sub"), &err));
    CHECK(str_contains(str_c(err.text), STR("Not a directory")));
    CHECK(!sys_make_dirs(in(&f, "file"), &err)); /* a file is no folder */
}

TEST(everything_from_a_descriptor_is_read)
{
    AUTO_ARENA a = {0};
    int ends[2];
    struct error err = {0};
    struct str got = {0};

    REQUIRE(pipe(ends) == 0);
    REQUIRE(write(ends[1], "abc", 3) == 3);
    REQUIRE(write(ends[1], "def", 3) == 3);
    close(ends[1]);
    CHECK_OK(sys_read_all(&a, ends[0], 6, &got, &err), err);
    CHECK_STR(got, "abcdef");
    close(ends[0]);
    CHECK(!sys_read_all(&a, ends[0], 6, &got, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
}

TEST(there_is_some_free_space)
{
    struct error err = {0};
    int64_t n = 0;

    CHECK_OK(sys_free_bytes("/tmp", &n, &err), err);
    CHECK(n > 0);
}

TEST_MAIN()

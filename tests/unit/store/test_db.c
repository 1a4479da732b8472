/* test_db.c - statements that are kept: each as good as new, and never two users of one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_int.h"

#include "base/arena.h"
#include "tests/support/test.h"

static struct db *open_db(void)
{
    struct db *db = NULL;
    struct error err = {0};

    CHECK_OK(db_open_file(":memory:", "memory", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db,
                          &err),
             err);
    CHECK_OK(db_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)", &err), err);
    return db;
}

static sqlite3_stmt *prepare_once(struct db *db, const char *sql)
{
    AUTO_STMT q = {0};
    struct error err = {0};

    CHECK_OK(db_prepare(db, sql, &q, &err), err);
    return q.os;
}

TEST(a_statement_is_prepared_once_and_comes_back_as_new)
{
    AUTO_DB *db = open_db();
    const char *sql = "SELECT x, ?1 FROM t ORDER BY x";
    sqlite3_stmt *first;
    bool has_row;

    {
        AUTO_STMT q = {0};

        REQUIRE(db_prepare(db, sql, &q, NULL));
        first = q.os;
        sqlite3_bind_int(q.os, 1, 7);
        CHECK(db_step(db, q.os, &has_row, "read", NULL) && has_row);
        CHECK_INT(sqlite3_column_int(q.os, 1), 7);
    } /* in the middle of its rows */
    {
        AUTO_STMT q = {0};

        REQUIRE(db_prepare(db, sql, &q, NULL));
        CHECK(q.os == first);
        CHECK(db_step(db, q.os, &has_row, "read", NULL) && has_row);
        CHECK_INT(sqlite3_column_int(q.os, 0), 1);
        CHECK_INT(sqlite3_column_type(q.os, 1), SQLITE_NULL);
    }
    CHECK(prepare_once(db, "SELECT x FROM t") != first);
}

TEST(two_users_of_one_text_have_a_statement_each)
{
    AUTO_DB *db = open_db();
    AUTO_STMT a = {0}, b = {0};

    REQUIRE(db_prepare(db, "SELECT x FROM t", &a, NULL));
    REQUIRE(db_prepare(db, "SELECT x FROM t", &b, NULL));
    CHECK(a.os != b.os);
}

/* The one that was not used for longest makes room; where all are lent, one more is not kept. */
TEST(only_so_many_are_kept)
{
    AUTO_DB *db = open_db();
    AUTO_ARENA arena = {0};
    struct stmt lent[DB_STATEMENTS_MAX + 2] = {0};
    sqlite3_stmt *often;

    often = prepare_once(db, "SELECT 'often'");
    for (int i = 0; i < 3 * DB_STATEMENTS_MAX; i++) {
        prepare_once(db, arena_printf(&arena, "SELECT %d", i).ptr);
        CHECK(prepare_once(db, "SELECT 'often'") == often);
    }
    CHECK_INT(db->n_kept, DB_STATEMENTS_MAX);
    for (size_t i = 0; i < COUNT(lent); i++)
        REQUIRE(db_prepare(db, arena_printf(&arena, "SELECT -%zu", i).ptr, &lent[i], NULL));
    for (size_t i = 0; i < COUNT(lent); i++)
        stmt_give_back(&lent[i]);
    CHECK_INT(db->n_kept, DB_STATEMENTS_MAX);
    CHECK(sqlite3_next_stmt(db->os, NULL) != NULL);
}

TEST(a_statement_that_failed_can_be_used_again)
{
    AUTO_DB *db = open_db();
    const char *sql = "INSERT INTO u VALUES (?1)";

    REQUIRE(db_exec(db, "CREATE TABLE u (x INTEGER PRIMARY KEY)", NULL));
    for (int i = 0; i < 3; i++) {
        AUTO_STMT q = {0};

        REQUIRE(db_prepare(db, sql, &q, NULL));
        sqlite3_bind_int(q.os, 1, i / 2); /* the second time it is there already */
        CHECK_INT(db_run(db, q.os, "insert", NULL), i != 1);
    }
}

TEST_MAIN()

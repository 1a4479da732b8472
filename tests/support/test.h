/*
 * test.h - unit tests: TEST(name) { CHECK…; } and TEST_MAIN() once per program.
 *
 * A failed check prints place and values, marks the test failed and goes on; REQUIRE() leaves the test. The
 * program prints "ok NAME" or "FAILED NAME" per test and ends with "N passed, N failed".
 * An argument runs only the tests whose name contains it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
int test_main(int argc, char **argv);

bool test_check(bool is_ok, const char *file, int line, const char *what);
bool test_check_str(struct str got, struct str want, const char *file, int line);
bool test_check_int(int64_t got, int64_t want, const char *file, int line, const char *what);
bool test_check_near(double got, double want, double eps, const char *file, int line,
                     const char *what);

#define TEST(test_name)                                                                        \
    static void test_##test_name(void);                                                        \
    static struct test test_entry_##test_name = {#test_name, test_##test_name, NULL};          \
    __attribute__((constructor)) static void test_add_##test_name(void)                        \
    {                                                                                          \
        test_register(&test_entry_##test_name);                                                \
    }                                                                                          \
    static void test_##test_name(void)

#define TEST_MAIN()                                                                            \
    int main(int argc, char **argv)                                                            \
    {                                                                                          \
        return test_main(argc, argv);                                                          \
    }

#define CHECK(cond)           test_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_STR(got, want)  test_check_str((got), str_c(want), __FILE__, __LINE__)
#define CHECK_VIEW(got, want) test_check_str((got), (want), __FILE__, __LINE__)
#define CHECK_INT(got, want)                                                                   \
    test_check_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got)
#define CHECK_NEAR(got, want, eps)                                                             \
    test_check_near((got), (want), (eps), __FILE__, __LINE__, #got)
/* The call must succeed; prints the error's text if it does not. */
#define CHECK_OK(call, err) ((call) ? true : test_check(false, __FILE__, __LINE__, (err).text))
#define REQUIRE(cond)                                                                          \
    do {                                                                                       \
        if (!CHECK(cond))                                                                      \
            return;                                                                            \
    } while (0)

#endif

/* test.c - see test.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static struct test *first;
static struct test **last = &first;
static bool has_failed;

void test_register(struct test *t)
{
    *last = t;
    last = &t->next;
}

bool test_check(bool is_ok, const char *file, int line, const char *what)
{
    if (is_ok)
        return true;
    has_failed = true;
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    return false;
}

bool test_check_str(struct str got, struct str want, const char *file, int line)
{
    if (str_eq(got, want))
        return true;
    has_failed = true;
    fprintf(stderr, "%s:%d: got \"" STR_FMT "\", want \"" STR_FMT "\"\n", file, line,
            STR_ARG(got), STR_ARG(want));
    return false;
}

bool test_check_int(int64_t got, int64_t want, const char *file, int line, const char *what)
{
    if (got == want)
        return true;
    has_failed = true;
    fprintf(stderr, "%s:%d: %s is %lld, want %lld\n", file, line, what, (long long)got,
            (long long)want);
    return false;
}

bool test_check_near(double got, double want, double eps, const char *file, int line,
                     const char *what)
{
    if (fabs(got - want) <= eps)
        return true;
    has_failed = true;
    fprintf(stderr, "%s:%d: %s is %.9g, want %.9g within %.3g\n", file, line, what, got, want,
            eps);
    return false;
}

int test_main(int argc, char **argv)
{
    size_t n_passed = 0, n_failed = 0;

    for (struct test *t = first; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1]))
            continue;
        has_failed = false;
        t->run();
        printf("%s %s\n", has_failed ? "FAILED" : "ok", t->name);
        fflush(stdout);
        if (has_failed)
            n_failed++;
        else
            n_passed++;
    }
    printf("%zu passed, %zu failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}

/* test_map.c - the hash table, against a plain array that does the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdio.h>

#include "tests/support/test.h"

#define N_KEYS 200

TEST(an_empty_map_answers)
{
    struct map m = {0};
    size_t at = 0;
    struct str key;
    void *value;

    CHECK(!map_get(&m, STR("a")));
    CHECK(!map_remove(&m, STR("a")));
    CHECK(!map_next(&m, &at, &key, &value));
    map_deinit(&m);
}

TEST(values_are_replaced_and_removed)
{
    struct map m;
    int one, two;

    map_init(&m, 1);
    CHECK(!map_put(&m, STR("a"), &one));
    CHECK(map_put(&m, STR("a"), &two) == &one);
    CHECK_INT(m.len, 1);
    CHECK(map_get(&m, STR("a")) == &two);
    CHECK(map_remove(&m, STR("a")) == &two);
    CHECK(!map_remove(&m, STR("a")));
    CHECK(!map_get(&m, STR("a")));
    CHECK_INT(m.len, 0);
    CHECK(!map_put(&m, STR("a"), &one)); /* into the slot that was removed */
    CHECK_INT(m.len, 1);
    map_deinit(&m);
}

TEST(keys_are_bytes_and_copied)
{
    struct map m = {0};
    char key[] = "abc";
    int a, b, c;

    map_put(&m, str_c(key), &a);
    map_put(&m, STR(""), &b);
    map_put(&m, STR("a\0b"), &c);
    key[0] = 'x';
    CHECK(map_get(&m, STR("abc")) == &a);
    CHECK(map_get(&m, (struct str){0}) == &b);
    CHECK(map_get(&m, STR("a\0b")) == &c);
    CHECK(!map_get(&m, STR("a")));
    map_deinit(&m);
}

static struct str key_of(size_t i, char out[24])
{
    return str_n(out, (size_t)snprintf(out, 24, "key-%zu", i));
}

/* A fixed sequence that looks random. */
static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check_same(const struct map *m, void *const *plain)
{
    size_t at = 0, n = 0;
    struct str key;
    void *value;

    for (size_t i = 0; i < N_KEYS; i++) {
        char text[24];

        CHECK(map_get(m, key_of(i, text)) == plain[i]);
        n += plain[i] != NULL;
    }
    CHECK_INT(m->len, n);
    while (map_next(m, &at, &key, &value))
        n--;
    CHECK_INT(n, 0);
}

TEST(it_does_what_a_plain_array_does)
{
    static int values[N_KEYS];
    void *plain[N_KEYS] = {0};
    struct map m;
    uint32_t state = 1;

    map_init(&m, 42);
    for (int step = 0; step < 20000; step++) {
        size_t i = next_number(&state) % N_KEYS;
        void *value = &values[next_number(&state) % N_KEYS];
        char text[24];

        if (next_number(&state) % 3) {
            CHECK(map_put(&m, key_of(i, text), value) == plain[i]);
            plain[i] = value;
        } else {
            CHECK(map_remove(&m, key_of(i, text)) == plain[i]);
            plain[i] = NULL;
        }
        if (step % 1000 == 0)
            check_same(&m, plain);
    }
    check_same(&m, plain);
    CHECK(m.n_slots <= 4096); /* removed keys are cleared away, not gathered */
    map_deinit(&m);
}

TEST(the_current_key_may_be_removed_while_walking)
{
    struct map m = {0};
    int value;
    size_t at = 0, n = 0;
    struct str key;
    void *got;

    for (size_t i = 0; i < 100; i++) {
        char text[24];

        map_put(&m, key_of(i, text), &value);
    }
    while (map_next(&m, &at, &key, &got)) {
        CHECK(map_remove(&m, key) == &value);
        n++;
    }
    CHECK_INT(n, 100);
    CHECK_INT(m.len, 0);
    map_deinit(&m);
}

TEST_MAIN()

/* test_arena.c - memory that is freed whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/alloc.h"
#include "tests/support/test.h"

TEST(memory_is_zeroed_aligned_and_apart)
{
    AUTO_ARENA a = {0};
    unsigned char *blocks[2000];

    for (size_t i = 0; i < COUNT(blocks); i++) {
        size_t n = i % 97 + 1;

        blocks[i] = arena_alloc(&a, n, 1);
        CHECK_INT((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            REQUIRE(blocks[i][k] == 0);
        memset(blocks[i], (int)(i & 0xFF) | 1, n);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) { /* nobody wrote over anybody */
        for (size_t k = 0; k < i % 97 + 1; k++)
            REQUIRE(blocks[i][k] == ((i & 0xFF) | 1));
    }
}

TEST(a_large_allocation_does_not_waste_the_block_in_use)
{
    AUTO_ARENA a = {0};
    char *small = arena_alloc(&a, 16, 1);
    char *large = arena_alloc(&a, (size_t)1 << 20, 1);
    char *next = arena_alloc(&a, 16, 1);

    memset(large, 'x', (size_t)1 << 20);
    memset(small, 's', 16);
    CHECK_INT(next[0], 0);
    CHECK_INT(large[0], 'x');
    CHECK_INT(large[((size_t)1 << 20) - 1], 'x');
}

TEST(a_large_allocation_may_come_first)
{
    AUTO_ARENA a = {0};
    char *large = arena_alloc(&a, 100000, 1);
    char *small = arena_alloc(&a, 10, 1);

    memset(large, 'x', 100000);
    CHECK_INT(small[9], 0);
}

TEST(nothing_can_be_allocated_too)
{
    AUTO_ARENA a = {0};

    CHECK(arena_alloc(&a, 0, 8) != NULL);
    CHECK_STR(arena_dup(&a, (struct str){0}), "");
    CHECK_STR(str_c(arena_cstr(&a, (struct str){0})), "");
}

TEST(copies_end_in_a_nul)
{
    AUTO_ARENA a = {0};
    struct str s = arena_dup(&a, str_sub(STR("abcdef"), 1, 4));

    CHECK_STR(s, "bcd");
    CHECK_STR(str_c(s.ptr), "bcd");
    CHECK_STR(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    CHECK_STR(str_c(arena_printf(&a, "%05d", 42).ptr), "00042");
}

TEST(freeing_takes_an_empty_arena_and_leaves_a_usable_one)
{
    struct arena a = {0};

    arena_deinit(&a);
    (void)arena_alloc(&a, 10, 1);
    arena_deinit(&a);
    (void)arena_alloc(&a, 10, 1);
    arena_deinit(&a);
    CHECK(a.head == NULL);
}

TEST(heap_memory_is_zeroed_and_grows)
{
    AUTO_FREE
    int *numbers = NEW_ARRAY(int, 4);
    AUTO_FREE
    char *copy = mem_dup(STR("abc"));

    CHECK_INT(numbers[3], 0);
    numbers[0] = 5;
    numbers = mem_grow(numbers, 1000, sizeof(*numbers));
    CHECK_INT(numbers[0], 5);
    CHECK_STR(str_c(copy), "abc");
}

TEST_MAIN()

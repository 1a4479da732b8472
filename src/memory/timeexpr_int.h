/*
 * timeexpr_int.h - between the parts of the time expression parser.
 *
 *   timeexpr.c        words; ranges out of two times ("between", "since"); the public functions
 *   timeexpr_atoms.c  single times: "3 days ago", "last week", "march 2024"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_TIMEEXPR_INT_H
#define MEMORY_TIMEEXPR_INT_H

#include "memory/memory_int.h"

#define TIME_EXPR_MAX_CHARS 500
#define TIME_TOKENS_MAX     128

struct token {
    struct str text; /* lower case */
    size_t from, to; /* its bytes in the original */
    int64_t number;  /* digits, or a number word; -1: none */
    bool is_digits;
    bool is_glued; /* no blank before it */
};

struct scan {
    const struct token *tokens;
    size_t n;
    bool is_cut; /* there were more than TIME_TOKENS_MAX */
    int64_t now_ms;
    struct day today;
};

struct span {
    int64_t from_ms;
    int64_t until_ms; /* exclusive; 0: open */
    bool is_weak;     /* a word with another meaning too: "may", "march" alone */
    bool is_bare;     /* comes round every year, and no year was said */
    bool has_year;    /* a year was said */
};

bool token_is(const struct scan *s, size_t i, const char *word);

/* The longest single time that begins at token i: how many tokens it takes, 0 for none. */
size_t time_atom(const struct scan *s, size_t i, struct span *out);

#endif

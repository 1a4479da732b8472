/*
 * words.c - a question as search words.
 *
 * Words are what FTS5's unicode61 takes for tokens: runs of letters, digits and marks. Words that stand
 * in nearly every sentence only make the ranking noisy and slow, so they are left out, unless the
 * question has no others.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"
#include "text/text.h"

static const char *const stop_words[] = {
    "a",     "about", "after", "all",   "also",   "am",    "an",    "and",   "any",  "are",
    "as",    "at",    "be",    "been",  "before", "being", "but",   "by",    "can",  "could",
    "did",   "do",    "does",  "doing", "for",    "from",  "had",   "has",   "have", "having",
    "he",    "her",   "hers",  "him",   "his",    "how",   "i",     "if",    "in",   "into",
    "is",    "it",    "its",   "just",  "me",     "my",    "no",    "nor",   "not",  "of",
    "on",    "or",    "our",   "ours",  "out",    "over",  "s",     "shall", "she",  "should",
    "so",    "some",  "such",  "t",     "than",   "that",  "the",   "their", "them", "then",
    "there", "these", "they",  "this",  "those",  "to",    "too",   "under", "us",   "very",
    "was",   "we",    "were",  "what",  "when",   "where", "which", "while", "who",  "whom",
    "whose", "why",   "will",  "with",  "would",  "you",   "your",  "yours",
};

static int compare_word(const void *key, const void *entry)
{
    return str_cmp(*(const struct str *)key, str_c(*(const char *const *)entry));
}

static bool is_stop_word(struct str word)
{
    return bsearch(&word, stop_words, COUNT(stop_words), sizeof(*stop_words), compare_word) !=
           NULL;
}

static bool is_word_char(uint32_t c)
{
    return text_is_word(c) && c != '_'; /* unicode61 separates at '_' */
}

/* The next run of word characters of *rest. */
static bool next_word(struct str *rest, struct str *out)
{
    struct str before = *rest;
    uint32_t c;

    while (text_next(rest, &c) && !is_word_char(c))
        before = *rest;
    *out = before;
    if (before.len == 0 || !text_next(&before, &c) || !is_word_char(c))
        return false;
    for (struct str at = *rest; text_next(&at, &c) && is_word_char(c);)
        *rest = at;
    out->len = (size_t)(rest->ptr - out->ptr);
    return true;
}

static size_t collect(struct arena *a, struct str query, bool skip_stop_words, struct str *out)
{
    struct str rest = query, word;
    size_t n = 0;

    while (n < QUERY_WORDS_MAX && next_word(&rest, &word)) {
        word = text_lower(a, word);
        if ((skip_stop_words && is_stop_word(word)) || str_is_among(word, out, n))
            continue;
        out[n++] = word;
    }
    return n;
}

void query_words(struct arena *a, struct str query, const struct str **out, size_t *out_n)
{
    struct str *words = ARENA_NEW(a, struct str, QUERY_WORDS_MAX);
    size_t n = collect(a, query, true, words);

    if (n == 0)
        n = collect(a, query, false, words);
    *out = words;
    *out_n = n;
}

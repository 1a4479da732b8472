/*
 * timeexpr.c - time expressions: words, ranges out of two times, and the doors.
 *
 *   range = "between" time "and" time | ["from"] time ("to"|"until"|"till"|"-") time
 *         | ("since"|"after"|"until"|"till"|"before") time | time
 *
 * The expression may stand inside a longer text; of all places the one where most words match wins,
 * the first of equals. A range that lies wholly in the future is no answer: memories have no future.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/timeexpr_int.h"

#include "text/text.h"

bool token_is(const struct scan *s, size_t i, const char *word)
{
    return i < s->n && str_eq_c(s->tokens[i].text, word);
}

/* -- tokens ----------------------------------------------------------------------------------- */

static int64_t number_word(struct str word)
{
    static const char *const names[] = {"zero", "one",    "two",   "three", "four",
                                        "five", "six",    "seven", "eight", "nine",
                                        "ten",  "eleven", "twelve"};

    for (size_t i = 1; i < COUNT(names); i++) {
        if (str_eq_c(word, names[i]))
            return (int64_t)i;
    }
    return str_eq_c(word, "a") || str_eq_c(word, "an") ? 1 : -1;
}

enum char_kind { CHAR_SPACE, CHAR_LETTER, CHAR_DIGIT, CHAR_OTHER };

static enum char_kind kind_of(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return CHAR_DIGIT;
    if (text_is_space(c))
        return CHAR_SPACE;
    return text_is_word(c) || c == '\'' ? CHAR_LETTER : CHAR_OTHER;
}

static struct token make_token(struct arena *a, struct str text, size_t from, size_t to,
                               enum char_kind kind, bool is_glued)
{
    struct token t = {.text = text_lower(a, str_sub(text, from, to)),
                      .from = from,
                      .to = to,
                      .number = -1,
                      .is_digits = kind == CHAR_DIGIT,
                      .is_glued = is_glued};
    int64_t value;

    if (t.is_digits)
        t.number = t.text.len <= 9 && str_to_int(t.text, &value) ? value : INT32_MAX;
    else
        t.number = number_word(t.text);
    return t;
}

/* The run of one kind of character at the start of *rest; signs come one by one. */
static enum char_kind take_run(struct str *rest)
{
    uint32_t c;
    enum char_kind kind;

    text_next(rest, &c);
    kind = kind_of(c);
    for (struct str at = *rest; kind != CHAR_OTHER && text_next(&at, &c) && kind_of(c) == kind;)
        *rest = at;
    return kind;
}

static struct scan tokenise(struct arena *a, struct str text, int64_t now_ms)
{
    struct token *tokens = ARENA_NEW(a, struct token, TIME_TOKENS_MAX);
    struct str rest = text;
    bool is_glued = false;
    size_t n = 0;

    while (rest.len && n < TIME_TOKENS_MAX) {
        size_t from = text.len - rest.len;
        enum char_kind kind = take_run(&rest);

        if (kind != CHAR_SPACE)
            tokens[n++] = make_token(a, text, from, text.len - rest.len, kind, is_glued);
        is_glued = kind != CHAR_SPACE;
    }
    return (struct scan){tokens, n, now_ms, day_of(now_ms)};
}

/* -- ranges ----------------------------------------------------------------------------------- */

static bool is_any(const struct scan *s, size_t i, const char *const *words, size_t n_words)
{
    for (size_t k = 0; k < n_words; k++) {
        if (token_is(s, i, words[k]))
            return true;
    }
    return false;
}

/* "X to Y" from token i on, with or without a word before; 0 for none. */
static size_t range_of_two(const struct scan *s, size_t i, struct span *out)
{
    static const char *const joints[] = {"to", "until", "till", "through", "-"};
    size_t n = token_is(s, i, "between") || token_is(s, i, "from");
    bool is_between = token_is(s, i, "between");
    struct span first, second;
    size_t n_first = time_atom(s, i + n, &first), n_second;
    size_t joint = i + n + n_first;

    if (!n_first ||
        !(is_between ? token_is(s, joint, "and") : is_any(s, joint, joints, COUNT(joints))))
        return 0;
    n_second = time_atom(s, joint + 1, &second);
    if (!n_second)
        return 0;
    *out = (struct span){first.from_ms, second.until_ms, false};
    if (out->until_ms && out->until_ms <= out->from_ms) /* "from november to january" */
        return 0;
    return n + n_first + 1 + n_second;
}

/* "since X", "until X", "before X", "after X" */
static size_t range_of_one(const struct scan *s, size_t i, struct span *out)
{
    bool is_since = token_is(s, i, "since"), is_after = token_is(s, i, "after");
    bool is_until = token_is(s, i, "until") || token_is(s, i, "till");
    struct span span;
    size_t n;

    if (!is_since && !is_after && !is_until && !token_is(s, i, "before"))
        return 0;
    n = time_atom(s, i + 1, &span);
    if (!n)
        return 0;
    if (is_since || is_after)
        *out = (struct span){is_since ? span.from_ms : span.until_ms, 0, false};
    else
        *out = (struct span){0, is_until ? span.until_ms : span.from_ms, false};
    return n + 1;
}

static size_t time_range(const struct scan *s, size_t i, struct span *out)
{
    size_t n = range_of_two(s, i, out);

    if (!n)
        n = range_of_one(s, i, out);
    return n ? n : time_atom(s, i, out);
}

static bool is_possible(const struct scan *s, const struct span *span)
{
    return span->from_ms <= s->now_ms && (span->from_ms != 0 || span->until_ms != 0);
}

/* The range with the most words; *out_at and *out_n say where it stands. */
static bool find_range(const struct scan *s, bool skip_weak, struct span *out, size_t *out_at,
                       size_t *out_n)
{
    *out_n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct span span = {0};
        size_t n = time_range(s, i, &span);

        if (n > *out_n && is_possible(s, &span) && !(skip_weak && span.is_weak)) {
            *out = span;
            *out_at = i;
            *out_n = n;
        }
    }
    return *out_n > 0;
}

bool memory_parse_time_expr(struct str text, int64_t now_ms, int64_t *out_from_ms,
                            int64_t *out_until_ms, struct error *err)
{
    AUTO_ARENA a = {0};
    struct scan s = tokenise(&a, text_first(text, TIME_EXPR_MAX_CHARS), now_ms);
    struct span span;
    size_t at, n;

    if (!find_range(&s, false, &span, &at, &n))
        return error_set(err, ERROR_INVALID,
                         "the time '" STR_FMT
                         "' is not understood; try 'yesterday', 'last week', "
                         "'3 days ago', 'last friday', 'since may', 'march 2024', 'Q1 2024', "
                         "'between 2024-01-01 and 2024-02-01'",
                         STR_ARG(text_first(text, 60)));
    *out_from_ms = span.from_ms;
    *out_until_ms = span.until_ms;
    return true;
}

/* Words that belong to an expression and mean nothing without it: "notes from last week". */
static size_t leading_words(const struct scan *s, size_t at)
{
    static const char *const words[] = {"from", "in", "during", "on", "of", "the", "over"};
    size_t n = 0;

    while (n < at && is_any(s, at - n - 1, words, COUNT(words)))
        n++;
    return n;
}

bool memory_extract_time_expr(struct arena *a, struct str text, int64_t now_ms,
                              int64_t *out_from_ms, int64_t *out_until_ms, struct str *out_rest)
{
    struct str head = text_first(text, TIME_EXPR_MAX_CHARS);
    struct scan s = tokenise(a, head, now_ms);
    struct span span;
    size_t at, n, from;

    if (!find_range(&s, true, &span, &at, &n))
        return false;
    from = at - leading_words(&s, at);
    *out_from_ms = span.from_ms;
    *out_until_ms = span.until_ms;
    *out_rest = text_strip(
        arena_printf(a, STR_FMT STR_FMT, STR_ARG(str_sub(text, 0, s.tokens[from].from)),
                     STR_ARG(str_sub(text, s.tokens[at + n - 1].to, text.len))));
    return true;
}

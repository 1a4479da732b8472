/*
 * timeexpr.c - time expressions: words, ranges out of two times, and the doors.
 *
 *   range = "between" time "and" time | ["from"|"since"] time ("to"|"until"|"till"|"-") time
 *         | ("since"|"after"|"until"|"till"|"before") time | "from" time ("on"|"onwards") | time
 *
 * A given expression must be understood whole, but for words that change nothing: deleting goes by it, and
 * "everything except march 2024" is not March. Taken out of a question, it may stand anywhere; of all places
 * the one where most words match wins, the first of equals, and what a "not" precedes is left where it is.
 * A range that lies wholly in the future is no answer: memories have no future.
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
    return (struct scan){tokens, n, rest.len > 0, now_ms, day_of(now_ms)};
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

/* What time_atom() says to somebody at then_ms. */
static size_t time_atom_by(const struct scan *s, size_t i, int64_t then_ms, struct span *out)
{
    struct scan then = *s;

    then.now_ms = then_ms;
    then.today = day_of(then_ms);
    return time_atom(&then, i, out);
}

static int64_t year_later(int64_t ms)
{
    struct day d = day_of(ms);

    d.year++;
    return day_start(d);
}

/*
 * A year that only one of two times names is the other's too: "march to may 2024", "from november 2023 to
 * january". The first is then the latest before the second, the second the earliest after the first.
 */
static bool share_year(const struct scan *s, size_t first_at, struct span *first,
                       size_t second_at, struct span *second)
{
    struct span again = {0};

    if (first->is_bare && second->has_year) {
        if (!time_atom_by(s, first_at, second->until_ms - 1, &again))
            return false;
        *first = again;
    } else if (first->has_year && second->is_bare) {
        if (!time_atom_by(s, second_at, year_later(first->from_ms) - 1, &again))
            return false;
        *second = again;
    }
    return true;
}

/* "X to Y" from token i on, with or without a word before; 0 for none. */
static size_t range_of_two(const struct scan *s, size_t i, struct span *out)
{
    static const char *const joints[] = {"to", "until", "till", "through", "-"};
    size_t n = token_is(s, i, "between") || token_is(s, i, "from") || token_is(s, i, "since");
    bool is_between = token_is(s, i, "between");
    struct span first, second;
    size_t n_first = time_atom(s, i + n, &first), n_second;
    size_t joint = i + n + n_first;

    if (!n_first ||
        !(is_between ? token_is(s, joint, "and") : is_any(s, joint, joints, COUNT(joints))))
        return 0;
    n_second = time_atom(s, joint + 1, &second);
    if (!n_second || !share_year(s, i + n, &first, joint + 1, &second))
        return 0;
    *out = (struct span){.from_ms = first.from_ms, .until_ms = second.until_ms};
    if (out->until_ms && out->until_ms <= out->from_ms) /* "from november to january" */
        return 0;
    return n + n_first + 1 + n_second;
}

/* "since X", "from X on", "until X", "before X", "after X" */
static size_t range_of_one(const struct scan *s, size_t i, struct span *out)
{
    static const char *const on_words[] = {"on", "onward", "onwards"};
    bool is_since = token_is(s, i, "since"), is_after = token_is(s, i, "after");
    bool is_until = token_is(s, i, "until") || token_is(s, i, "till");
    bool is_from = token_is(s, i, "from");
    struct span span;
    size_t n;

    if (!is_since && !is_after && !is_until && !is_from && !token_is(s, i, "before"))
        return 0;
    n = time_atom(s, i + 1, &span);
    if (!n || (is_from && !is_any(s, i + 1 + n, on_words, COUNT(on_words))))
        return 0;
    if (is_from) {
        *out = (struct span){.from_ms = span.from_ms};
        return n + 2;
    }
    if (is_since || is_after)
        *out = (struct span){.from_ms = is_since ? span.from_ms : span.until_ms};
    else
        *out = (struct span){.until_ms = is_until ? span.until_ms : span.from_ms};
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

#define TIME_EXAMPLES                                                                          \
    "try 'yesterday', 'last week', '3 days ago', 'last friday', 'since may', 'march 2024', "   \
    "'Q1 2024', 'between 2024-01-01 and 2024-02-01'"

/* A word before an expression that says nothing more: "notes from last week", "on monday". "over the last
 * week" is one too, "over a week ago" is not. */
static bool leads(const struct scan *s, size_t i)
{
    static const char *const words[] = {"from", "in", "during", "on", "of", "the", "at"};
    static const char *const after_over[] = {"the", "last", "past", "previous", "this"};

    return is_any(s, i, words, COUNT(words)) ||
           (token_is(s, i, "over") && is_any(s, i + 1, after_over, COUNT(after_over)));
}

static bool is_mark(const struct scan *s, size_t i)
{
    static const char *const marks[] = {",", ".", "!", "?", "\"", "'"};

    return is_any(s, i, marks, COUNT(marks));
}

/* The first word outside of the n tokens from `at` on that may change what they mean, or NULL. */
static const struct token *not_understood(const struct scan *s, size_t at, size_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        if ((i < at && !leads(s, i) && !is_mark(s, i)) || (i >= at + n && !is_mark(s, i)))
            return &s->tokens[i];
    }
    return NULL;
}

bool memory_parse_time_expr(struct str text, int64_t now_ms, int64_t *out_from_ms,
                            int64_t *out_until_ms, struct error *err)
{
    AUTO_ARENA a = {0};
    struct scan s = tokenise(&a, text, now_ms);
    struct str shown = text_first(text, 60);
    const struct token *odd;
    struct span span;
    size_t at, n;

    if (s.is_cut || text_count(text) > TIME_EXPR_MAX_CHARS)
        return error_set(err, ERROR_INVALID,
                         "the time '" STR_FMT
                         "…' has more than %d words or %d characters; " TIME_EXAMPLES,
                         STR_ARG(shown), TIME_TOKENS_MAX, TIME_EXPR_MAX_CHARS);
    if (!find_range(&s, false, &span, &at, &n))
        return error_set(err, ERROR_INVALID,
                         "the time '" STR_FMT "' is not understood; " TIME_EXAMPLES,
                         STR_ARG(shown));
    odd = not_understood(&s, at, n);
    if (odd)
        return error_set(err, ERROR_INVALID,
                         "'" STR_FMT "' in the time '" STR_FMT
                         "' is not understood; " TIME_EXAMPLES,
                         STR_ARG(text_first(odd->text, 20)), STR_ARG(shown));
    *out_from_ms = span.from_ms;
    *out_until_ms = span.until_ms;
    return true;
}

/* They go with the expression. */
static size_t leading_words(const struct scan *s, size_t at)
{
    size_t n = 0;

    while (n < at && leads(s, at - n - 1))
        n++;
    return n;
}

/* What follows is not meant: "everything except march 2024", "not yesterday", "-3 days ago". */
static bool is_negation(const struct scan *s, size_t i)
{
    static const char *const words[] = {
        "not",   "no",     "except", "excepting", "without", "excluding", "besides", "never",
        "isn't", "wasn't", "than",   "unlike",    "beyond",  "outside",   "over",    "under"};

    return is_any(s, i, words, COUNT(words)) ||
           (token_is(s, i, "-") && i + 1 < s->n && s->tokens[i + 1].is_glued);
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
    if (from > 0 && is_negation(&s, from - 1))
        return false;
    *out_from_ms = span.from_ms;
    *out_until_ms = span.until_ms;
    *out_rest = text_strip(
        arena_printf(a, STR_FMT STR_FMT, STR_ARG(str_sub(text, 0, s.tokens[from].from)),
                     STR_ARG(str_sub(text, s.tokens[at + n - 1].to, text.len))));
    return true;
}

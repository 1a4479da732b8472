/*
 * tokenizer.c - text to WordPiece ids, exactly as the models' own tokenizer does it.
 *
 * Four steps, each on a smaller piece: the text is cut at special tokens written out ("[SEP]" in a
 * text is the token, as in the original); what lies between into runs at white space and ideographs;
 * a run is folded (decomposed, accents dropped, lower case) and cut into words at punctuation; a word
 * becomes the longest pieces of the vocabulary from left to right, or one [UNK] if some part has none.
 *
 * The original folds the whole text before it cuts. Neither folding step looks across white space, so
 * that the result is the same, and this way the work ends as soon as enough ids are there.
 *
 * Touches no file and no clock; a fuzzer drives it with one call.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include "base/buf.h"
#include "text/text.h"

#define CAPITAL_SIGMA 0x3a3
#define SMALL_SIGMA   0x3c3

struct tokenizer {
    const struct vocab *vocab;
    int32_t *out;
    size_t n;
    size_t max;
    struct buf run;
    bool is_run_ascii;
    struct buf folded;
    struct arena scratch;
};

static void add_id(struct tokenizer *t, int32_t id)
{
    if (t->n < t->max)
        t->out[t->n++] = id;
}

/* False, and nothing written, if some part of the word is in no piece. */
static bool word_pieces(const struct vocab *v, struct str word, int32_t *out, size_t *out_n)
{
    size_t n = 0;

    while (word.len) {
        size_t len;

        if (!vocab_longest(v, word, n > 0, &out[n], &len))
            return false;
        word = str_sub(word, len, word.len);
        n++;
    }
    *out_n = n;
    return true;
}

static void add_word(struct tokenizer *t, struct str word)
{
    int32_t pieces[WORD_CHARS_MAX];
    size_t n;

    if (!word.len)
        return;
    if (text_first(word, WORD_CHARS_MAX).len < word.len ||
        !word_pieces(t->vocab, word, pieces, &n)) {
        add_id(t, (int32_t)t->vocab->special[TOKEN_UNK]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        add_id(t, pieces[i]);
}

static void add_words(struct tokenizer *t, struct str folded)
{
    struct str rest = folded, word = str_sub(folded, 0, 0);
    uint32_t c;

    while (t->n < t->max && text_next(&rest, &c)) {
        size_t at = folded.len - rest.len;

        if (char_class(c) != CHAR_PUNCT) {
            word.len = at - (size_t)(word.ptr - folded.ptr);
            continue;
        }
        add_word(t, word);
        word = str_sub(folded, (size_t)(word.ptr - folded.ptr) + word.len, at);
        add_word(t, word);
        word = str_sub(folded, at, at);
    }
    add_word(t, word);
}

static struct str fold_ascii(struct buf *run)
{
    for (size_t i = 0; i < run->len; i++) {
        if (run->ptr[i] >= 'A' && run->ptr[i] <= 'Z')
            run->ptr[i] = (char)(run->ptr[i] - 'A' + 'a');
    }
    return buf_str(run);
}

/* Capital sigma is lowered here: the original lowers each character by itself, and so never gives
 * the form that a sigma takes at the end of a word, as text_lower() does. */
static struct str fold(struct tokenizer *t)
{
    struct str rest = text_decompose(&t->scratch, buf_str(&t->run));
    uint32_t c;

    buf_clear(&t->folded);
    while (text_next(&rest, &c)) {
        if (char_class(c) != CHAR_MARK)
            text_add_char(&t->folded, c == CAPITAL_SIGMA ? SMALL_SIGMA : c);
    }
    return text_lower(&t->scratch, buf_str(&t->folded));
}

static void end_run(struct tokenizer *t)
{
    if (t->run.len)
        add_words(t, t->is_run_ascii ? fold_ascii(&t->run) : fold(t));
    buf_clear(&t->run);
    t->is_run_ascii = true;
}

static void add_char(struct tokenizer *t, uint32_t c)
{
    text_add_char(&t->run, c);
    t->is_run_ascii = t->is_run_ascii && c < 0x80;
}

/* Text without special tokens. */
static void add_plain(struct tokenizer *t, struct str text)
{
    uint32_t c;

    while (t->n < t->max && text_next(&text, &c)) {
        switch (char_class(c)) {
        case CHAR_DROPPED:
            break;
        case CHAR_SPACE:
            end_run(t);
            break;
        case CHAR_IDEOGRAPH:
            end_run(t);
            add_char(t, c);
            end_run(t);
            break;
        case CHAR_LETTER:
        case CHAR_PUNCT:
        case CHAR_MARK:
            add_char(t, c);
            break;
        }
    }
    end_run(t);
}

/* The first special token written out in text. */
static bool find_special(struct str text, size_t *out_at, enum special_token *out)
{
    size_t from = 0, at;

    while (str_find_char(str_sub(text, from, text.len), '[', &at)) {
        at += from;
        for (size_t i = 0; i < N_SPECIAL_TOKENS; i++) {
            if (str_starts(str_sub(text, at, text.len), str_c(vocab_special_names[i]))) {
                *out_at = at;
                *out = (enum special_token)i;
                return true;
            }
        }
        from = at + 1;
    }
    return false;
}

size_t tokenizer_run(const struct vocab *v, struct str text, int32_t *out, size_t max)
{
    struct tokenizer t = {.vocab = v, .out = out, .max = max, .is_run_ascii = true};
    enum special_token special;
    size_t at;

    while (t.n < t.max && find_special(text, &at, &special)) {
        add_plain(&t, str_sub(text, 0, at));
        add_id(&t, (int32_t)v->special[special]);
        text = str_sub(text, at + strlen(vocab_special_names[special]), text.len);
    }
    add_plain(&t, text);
    buf_deinit(&t.run);
    buf_deinit(&t.folded);
    arena_deinit(&t.scratch);
    return t.n;
}

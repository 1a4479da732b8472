/*
 * embed.c - the public functions: a model, the kernels for this processor, and texts cut to measure.
 *
 * A text longer than the model takes is covered by windows, each as long as the model allows: the
 * model was trained on whole passages, and fewer windows mean fewer vectors to keep and search. They
 * overlap by WINDOW_OVERLAP tokens, some 45 English words, so that a sentence or two at a seam stand
 * whole in one of the two windows; that costs a third more work than no overlap. Windows begin and end
 * between words, so that no window starts with half of one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "embed/embed_int.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "text/text.h"

#define FRAME_TOKENS    2 /* [CLS] and [SEP] */
#define WINDOW_OVERLAP  64
#define SPACES_KEPT_MAX 16 /* pieces of working memory kept for the next call, some 3 MB each */

struct embedder {
    struct model model;
    struct encoder_path how;

    struct mutex lock; /* guards the rest */
    size_t n_helpers;  /* threads that calls may start besides their own */
    float *spaces[SPACES_KEPT_MAX];
    size_t n_spaces;
};

/* -- working memory ---------------------------------------------------------------------------- */

/* An embedder that is const to its callers lends memory all the same. */
static struct embedder *lender(const struct embedder *e)
{
    return (struct embedder *)(uintptr_t)e;
}

static float *space_take(struct embedder *e)
{
    float *space = NULL;

    mutex_lock(&e->lock);
    if (e->n_spaces)
        space = e->spaces[--e->n_spaces];
    mutex_unlock(&e->lock);
    return space ? space : NEW_ARRAY(float, encoder_space_floats(&e->model));
}

static void space_give_back(struct embedder *e, float *space)
{
    mutex_lock(&e->lock);
    if (e->n_spaces < SPACES_KEPT_MAX)
        e->spaces[e->n_spaces++] = STEAL(space);
    mutex_unlock(&e->lock);
    free(space);
}

static void run(const struct embedder *e, const int32_t *ids, size_t n, float *out)
{
    float *space = space_take(lender(e));

    encoder_run(&e->model, &e->how, ids, n, space, out);
    space_give_back(lender(e), space);
}

/* -- opening ----------------------------------------------------------------------------------- */

bool embed_open_with(const char *path, const struct encoder_path *how, struct embedder **out,
                     struct error *err)
{
    struct model model;

    if (!model_open(path, &model, err))
        return false;
    *out = NEW(struct embedder);
    (*out)->model = model;
    (*out)->how = *how;
    mutex_init(&(*out)->lock);
    return true;
}

bool embed_open(const char *path, enum embed_precision precision, struct embedder **out,
                struct error *err)
{
    const struct encoder_path best = {kernels_best(),
                                      precision == EMBED_FP32 ? NULL : kernels8_best()};

    return embed_open_with(path, &best, out, err);
}

void embed_close(struct embedder *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_spaces; i++)
        free(e->spaces[i]);
    mutex_deinit(&e->lock);
    model_close(&e->model);
    free(e);
}

void embed_set_cores(struct embedder *e, size_t n_cores)
{
    e->n_helpers = MAX(n_cores, (size_t)1) - 1;
}

struct str embed_model_id(const struct embedder *e)
{
    return e->model.id;
}

size_t embed_dim(const struct embedder *e)
{
    return e->model.dims.hidden;
}

size_t embed_max_tokens(const struct embedder *e)
{
    return e->model.dims.max_tokens;
}

const char *embed_path_name(const struct embedder *e)
{
    return e->how.kernels8 ? e->how.kernels8->name : e->how.kernels->name;
}

/* What of a text is looked at: without a limit a text of blanks could take any time. */
static struct str beginning(struct str text)
{
    return text_first_bytes(text, EMBED_TEXT_MAX_BYTES);
}

/* Puts [CLS] and [SEP] around the n ids in framed[1..]; returns how many there are then. */
static size_t frame(const struct embedder *e, int32_t *framed, size_t n)
{
    framed[0] = (int32_t)e->model.vocab.special[TOKEN_CLS];
    framed[n + 1] = (int32_t)e->model.vocab.special[TOKEN_SEP];
    return n + FRAME_TOKENS;
}

void embed_tokenize(const struct embedder *e, struct arena *a, struct str text,
                    size_t max_tokens, const int32_t **out_ids, size_t *out_n)
{
    int32_t *ids;

    assert(max_tokens >= FRAME_TOKENS);
    text = beginning(text);
    max_tokens = MIN(max_tokens, text.len + FRAME_TOKENS); /* a token has a byte or more */
    ids = ARENA_NEW(a, int32_t, max_tokens);
    *out_n =
        frame(e, ids, tokenizer_run(&e->model.vocab, text, ids + 1, max_tokens - FRAME_TOKENS));
    *out_ids = ids;
}

bool embed_text(const struct embedder *e, struct str text, float *out, struct error *err)
{
    int32_t ids[MODEL_TOKENS_MAX];
    size_t n = tokenizer_run(&e->model.vocab, beginning(text), ids + 1,
                             embed_max_tokens(e) - FRAME_TOKENS);

    (void)err;
    run(e, ids, frame(e, ids, n), out);
    return true;
}

/* ---- windows ---- */

struct window {
    size_t from;
    size_t to;
};

/* The first place at or after `at` where a word starts, or the end. */
static size_t word_start_after(const struct vocab *v, const int32_t *ids, size_t n, size_t at)
{
    while (at < n && vocab_is_inner(v, ids[at]))
        at++;
    return at;
}

static size_t word_start_before(const struct vocab *v, const int32_t *ids, size_t at)
{
    while (at > 0 && vocab_is_inner(v, ids[at]))
        at--;
    return at;
}

/*
 * The window that starts at from, room tokens at most. A word with more pieces than fit is cut after
 * all: that needs a window shorter than WORD_CHARS_MAX.
 */
static struct window window_at(const struct vocab *v, const int32_t *ids, size_t n, size_t from,
                               size_t room)
{
    size_t to = MIN(from + room, n);

    if (to < n)
        to = word_start_before(v, ids, to);
    return (struct window){from, to > from ? to : MIN(from + room, n)};
}

/* Where the next window starts: at a word, behind the start of w and not behind its end. */
static size_t next_start(const struct vocab *v, const int32_t *ids, struct window w,
                         size_t overlap)
{
    size_t at = w.to > w.from + overlap ? w.to - overlap : w.from + 1;

    return word_start_after(v, ids, w.to, at);
}

/* As many tokens as all windows can hold, and one more to know that there are more. */
static size_t read_tokens(const struct embedder *e, struct arena *a, struct str text,
                          const int32_t **out)
{
    size_t room = embed_max_tokens(e) - FRAME_TOKENS;
    size_t max = MIN(EMBED_PARTS_MAX * room + 1, text.len);
    int32_t *ids = ARENA_NEW(a, int32_t, MAX(max, (size_t)1));

    *out = ids;
    return tokenizer_run(&e->model.vocab, text, ids, max);
}

/* Covers the n ids; returns the number of windows, 1 to EMBED_PARTS_MAX. */
static size_t cut_windows(const struct embedder *e, const int32_t *ids, size_t n,
                          struct window out[EMBED_PARTS_MAX])
{
    size_t room = embed_max_tokens(e) - FRAME_TOKENS;
    size_t overlap = MIN((size_t)WINDOW_OVERLAP, room / 4); /* less in shorter windows */
    const struct vocab *v = &e->model.vocab;
    size_t n_windows = 0;

    out[n_windows++] = window_at(v, ids, n, 0, room);
    while (out[n_windows - 1].to < n && n_windows < EMBED_PARTS_MAX) {
        size_t from = next_start(v, ids, out[n_windows - 1], overlap);

        out[n_windows++] = window_at(v, ids, n, from, room);
    }
    return n_windows;
}

/* -- many windows over the cores --------------------------------------------------------------- */

struct window_run { /* one window on its way to one vector */
    const int32_t *ids;
    struct window window;
    float *out;
};

struct batch {
    const struct embedder *embedder;
    struct window_run *runs;
    size_t n_runs;
};

static void embed_window(void *ctx, size_t i)
{
    const struct batch *b = ctx;
    const struct window_run *r = &b->runs[i];
    int32_t framed[MODEL_TOKENS_MAX];
    size_t n = r->window.to - r->window.from;

    memcpy(framed + 1, r->ids + r->window.from, n * sizeof(*framed));
    run(b->embedder, framed, frame(b->embedder, framed, n), r->out);
}

/* Adds the windows of a text; out has room for their vectors. */
static void plan(struct batch *b, struct arena *a, struct str text, struct embed_parts *out)
{
    const struct embedder *e = b->embedder;
    struct window windows[EMBED_PARTS_MAX];
    struct str looked_at = beginning(text);
    const int32_t *ids;
    size_t n = read_tokens(e, a, looked_at, &ids);
    float *vectors;

    out->n = cut_windows(e, ids, n, windows);
    out->is_cut = windows[out->n - 1].to < n || looked_at.len < text.len;
    out->vectors = vectors = ARENA_NEW(a, float, out->n *embed_dim(e));
    for (size_t i = 0; i < out->n; i++)
        b->runs[b->n_runs++] = (struct window_run){ids, windows[i], vectors + i * embed_dim(e)};
}

size_t embed_helpers_take(const struct embedder *e, size_t n)
{
    struct embedder *l = lender(e);

    MUTEX_SCOPE(&l->lock);
    n = MIN(n, l->n_helpers);
    l->n_helpers -= n;
    return n;
}

void embed_helpers_give_back(const struct embedder *e, size_t n)
{
    struct embedder *l = lender(e);

    MUTEX_SCOPE(&l->lock);
    l->n_helpers += n;
}

bool embed_parts(const struct embedder *e, struct arena *a, const struct str *texts,
                 size_t n_texts, struct embed_parts *out, struct error *err)
{
    struct batch b = {e, ARENA_NEW(a, struct window_run, n_texts * EMBED_PARTS_MAX), 0};
    size_t n_helpers;

    (void)err;
    for (size_t i = 0; i < n_texts; i++)
        plan(&b, a, texts[i], &out[i]);
    n_helpers = embed_helpers_take(e, b.n_runs ? b.n_runs - 1 : 0);
    parallel_for(1 + n_helpers, b.n_runs, embed_window, &b);
    embed_helpers_give_back(e, n_helpers);
    return true;
}

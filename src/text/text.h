/*
 * text.h - Unicode: checking, cutting, folding and classifying UTF-8.
 *
 * The only folder that includes libunistring (Unicode 14). All functions take checked UTF-8 except
 * text_check() and text_is_utf8(); given bytes that are not, they treat each bad byte as U+FFFD.
 *
 * Owner    results live in the arena given. Views into the argument are said so.
 * Threads  any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

bool text_is_utf8(struct str s); /* no surrogates, no overlong forms, at most U+10FFFF */

/* INVALID if s is not UTF-8 or holds U+0000; the error names the byte offset. */
NODISCARD bool text_check(struct str s, struct error *err);

/* Takes one character off *rest. False at the end. */
bool text_next(struct str *rest, uint32_t *out_char);
void text_add_char(struct buf *b, uint32_t c); /* appends c as UTF-8 */

size_t text_count(struct str s);               /* characters */
struct str text_first(struct str s, size_t n); /* a view of at most the first n characters */
struct str text_first_bytes(struct str s,
                            size_t n); /* at most n bytes, cut between characters */

/* A view without the 29 characters that Python's str.strip() removes at both ends. */
struct str text_strip(struct str s);

/* Full lower-casing, independent of the locale, with the rule for final sigma. */
struct str text_lower(struct arena *a, struct str s);
struct str text_decompose(struct arena *a, struct str s); /* NFD */

bool text_is_space(uint32_t c);   /* what text_strip() removes */
bool text_is_letter(uint32_t c);  /* general category L* */
bool text_is_digit(uint32_t c);   /* Nd */
bool text_is_word(uint32_t c);    /* L*, M*, N*, or '_' */
bool text_is_mark(uint32_t c);    /* Mn: the accents that decomposition splits off */
bool text_is_control(uint32_t c); /* Cc, Cf, Cs, Co, Cn */
bool text_is_punct(uint32_t c);   /* P* */
bool text_is_cjk(uint32_t c);     /* the ideograph blocks that BERT splits into single tokens */

/* For terminals: controls (Cc) and the marks that reorder text (bidirectional overrides, embeddings,
 * isolates) shown as U+FFFD, so that stored text can neither drive a terminal nor pose as other
 * text. Newline and tab stay, and so do the joiners in emoji and in Persian. */
struct str text_printable(struct arena *a, struct str s);

#endif

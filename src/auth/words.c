/* words.c - lists of words separated by one blank: scopes, spaces, URIs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth_int.h"

bool words_next(struct str *rest, struct str *out_word)
{
    while (str_next(rest, ' ', out_word)) {
        if (out_word->len)
            return true;
    }
    return false;
}

bool words_has(struct str list, struct str word)
{
    struct str rest = list, each;

    while (words_next(&rest, &each)) {
        if (str_eq(each, word))
            return true;
    }
    return false;
}

const struct str *words_split(struct arena *a, struct str list, size_t *out_n)
{
    struct str *words = ARENA_NEW(a, struct str, list.len / 2 + 1);
    struct str rest = list;
    size_t n = 0;

    while (words_next(&rest, &words[n]))
        n++;
    *out_n = n;
    return words;
}

struct str words_join(struct arena *a, const struct str *words, size_t n)
{
    AUTO_BUF b = {0};

    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(&b, ' ');
        buf_add(&b, words[i]);
    }
    return arena_dup(a, buf_str(&b));
}

static void add_word(struct buf *b, struct str word)
{
    if (words_has(buf_str(b), word))
        return;
    if (b->len)
        buf_add_char(b, ' ');
    buf_add(b, word);
}

/* With "*" in both, "*" stays; the others stay before it, as what is preferred. */
struct str words_common(struct arena *ar, struct str a, struct str b)
{
    AUTO_BUF out = {0};
    struct str rest = a, word;
    bool is_all_b = words_has(b, STR("*"));

    while (words_next(&rest, &word)) {
        struct str rest_b = b, each;

        if (is_all_b || words_has(b, word))
            add_word(&out, word);
        else if (str_eq(word, STR("*")))
            while (words_next(&rest_b, &each))
                add_word(&out, each);
    }
    return arena_dup(ar, buf_str(&out));
}

bool text_is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= 0x20 || s.ptr[i] >= 0x7f)
            return false;
    }
    return s.len > 0;
}

/* -- scopes ------------------------------------------------------------------------------------ */

static const struct {
    struct str name;
    unsigned bit;
} scope_names[] = {
    {STR_INIT("read"), SCOPE_READ},
    {STR_INIT("write"), SCOPE_WRITE},
    {STR_INIT("admin"), SCOPE_ADMIN},
};

unsigned scopes_close(unsigned bits)
{
    if (bits & SCOPE_ADMIN)
        bits |= SCOPE_WRITE;
    if (bits & SCOPE_WRITE)
        bits |= SCOPE_READ;
    return bits & SCOPES_ALL;
}

static unsigned scope_bit(struct str name)
{
    for (size_t i = 0; i < COUNT(scope_names); i++) {
        if (str_eq(name, scope_names[i].name))
            return scope_names[i].bit;
    }
    return 0;
}

struct scopes scopes_parse(struct str words)
{
    struct scopes s = {0};
    struct str rest = words, word;

    while (words_next(&rest, &word)) {
        unsigned bit = scope_bit(word);

        if (str_eq(word, STR("offline_access")))
            s.is_offline = true;
        else if (!bit)
            s.has_unknown = true;
        s.bits |= bit;
    }
    s.bits = scopes_close(s.bits);
    return s;
}

bool auth_scopes_parse(struct str words, unsigned *out, struct error *err)
{
    struct str rest = words, word;
    unsigned bits = 0;

    while (words_next(&rest, &word)) {
        if (!scope_bit(word))
            return error_set(err, ERROR_INVALID,
                             "'" STR_FMT "' is no scope; there are read, write and admin",
                             STR_ARG(word));
        bits |= scope_bit(word);
    }
    if (!bits)
        return error_set(err, ERROR_INVALID, "no scope is named: read, write or admin");
    *out = scopes_close(bits);
    return true;
}

struct str scopes_text(struct arena *a, unsigned bits, bool is_offline)
{
    struct str words[COUNT(scope_names) + 1];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(scope_names); i++) {
        if (scopes_close(bits) & scope_names[i].bit)
            words[n++] = scope_names[i].name;
    }
    if (is_offline)
        words[n++] = STR("offline_access");
    return words_join(a, words, n);
}

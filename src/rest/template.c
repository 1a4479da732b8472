/* template.c - see template.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/template.h"

#include <assert.h>

const struct template_row template_once = {0};

void template_escape(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '&')
            buf_add(out, STR("&amp;"));
        else if (c == '<')
            buf_add(out, STR("&lt;"));
        else if (c == '>')
            buf_add(out, STR("&gt;"));
        else if (c == '"')
            buf_add(out, STR("&quot;"));
        else if (c == '\'')
            buf_add(out, STR("&#39;"));
        else if (c >= ' ' || c == '\n' || c == '\t')
            buf_add_char(out, (char)c);
        else
            buf_add(out, STR("\xef\xbf\xbd")); /* U+FFFD */
    }
}

static const struct template_field *find(const struct template_row *row, struct str name)
{
    for (; row; row = row->outer) {
        for (size_t i = 0; i < row->n_fields; i++) {
            if (str_eq_c(name, row->fields[i].name))
                return &row->fields[i];
        }
    }
    return NULL;
}

/* What is before {{/name}}; *rest begins behind it. */
static struct str cut_section(struct str name, struct str *rest)
{
    char end[64];
    size_t at = 0;
    struct str body;
    bool is_found;
    int n = snprintf(end, sizeof(end), "{{/" STR_FMT "}}", STR_ARG(name));

    assert(n > 0 && (size_t)n < sizeof(end));
    is_found = str_find(*rest, str_c(end), &at);
    assert(is_found);
    (void)is_found;
    body = str_sub(*rest, 0, at);
    *rest = str_sub(*rest, at + (size_t)n, rest->len);
    return body;
}

static void write_section(struct buf *out, struct str body, const struct template_field *f,
                          const struct template_row *outer)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        struct template_row row = f->rows[i];

        row.outer = outer;
        template_write(out, body, &row);
    }
}

void template_write(struct buf *out, struct str text, const struct template_row *row)
{
    struct str rest = text, name;
    size_t at, end;

    while (str_find(rest, STR("{{"), &at)) {
        bool is_section;
        const struct template_field *f;

        buf_add(out, str_sub(rest, 0, at));
        rest = str_sub(rest, at + 2, rest.len);
        is_section = str_starts(rest, STR("#"));
        if (!str_find(rest, STR("}}"), &end))
            break;
        name = str_sub(rest, is_section, end);
        rest = str_sub(rest, end + 2, rest.len);
        f = find(row, name);
        assert(f);
        if (is_section)
            write_section(out, cut_section(name, &rest), f, row);
        else
            template_escape(out, f->text);
    }
    buf_add(out, rest);
}

/*
 * template.h - pages out of templates with holes. Inside rest/.
 *
 * {{name}} is the text of that field, escaped: there is no way to put in anything else, so that what a client
 * says about itself is never markup. {{#name}}…{{/name}} is written once for each row of the field; inside, the
 * row's fields come before those around it. gen/pages_to_c.py checks that sections nest.
 *
 * A name that nobody set is our bug. Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REST_TEMPLATE_H
#define REST_TEMPLATE_H

#include "base/buf.h"

struct template_row;

struct template_field {
    const char *name;
    struct str text;
    const struct template_row *rows;
    size_t n_rows;
};

struct template_row {
    const struct template_field *fields;
    size_t n_fields;
    const struct template_row *outer; /* set by template_write() */
};

/* A section that is there or not. */
extern const struct template_row template_once;
#define TEMPLATE_IF(field, is_there)                                                           \
    {                                                                                          \
        .name = (field), .rows = &template_once, .n_rows = (is_there) ? 1 : 0                  \
    }

void template_write(struct buf *out, struct str text, const struct template_row *row);
void template_escape(struct buf *out, struct str text); /* for element and attribute values */

#endif

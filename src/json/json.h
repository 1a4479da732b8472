/*
 * json.h - what jansson leaves to its users: limits, views, paths in errors, schemas.
 *
 * jansson itself may be used anywhere at the edges; this folder holds what is wanted more than once.
 * "New reference": the caller owns it. "Borrowed": valid as long as its parent.
 *
 * Threads: any; a json_t belongs to one thread at a time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 64 /* nesting that json_parse() accepts */

/* For AUTO(): drops the reference that the variable holds. */
static inline void json_auto_unref(json_t **j)
{
    json_decref(*j);
}
#define AUTO_JSON AUTO(json_auto_unref) json_t

/* New reference. The whole of text is one JSON value: UTF-8, no duplicate keys, at most
 * JSON_DEPTH_MAX levels. "\u0000" inside strings is accepted (json_get_str() refuses it). */
NODISCARD bool json_parse(struct str text, json_t **out, struct error *err);

/* The value itself, or abort: NULL from jansson's constructors is our bug or no memory. */
json_t *json_must(json_t *j);
json_t *json_str(struct str s);                       /* new reference; s must be UTF-8 */
json_t *json_strs(const struct str *items, size_t n); /* new reference: an array of strings */

void json_write(struct buf *b, const json_t *j); /* compact, one line, order kept */

struct json_known { /* an object and its text, made by json_write() */
    const json_t *value;
    struct str text;
};
/* The same as json_write(): objects that are known are not written again but copied. */
void json_write_known(struct buf *b, const json_t *j, const struct json_known *known,
                      size_t n_known);

void json_write_pretty(struct buf *b, const json_t *j); /* two blanks of indent */
struct str json_text(struct arena *a, const json_t *j); /* compact */

/* The bytes of a JSON string; the empty view for anything else. Borrowed. */
struct str json_view(const json_t *j);

/*
 * Typed getters for arguments. path is the dotted path of obj itself ("" for the root) and becomes
 * part of the error, as in "updates.tags[2]: not a string". An absent or null member leaves *out
 * alone and is no error; ask json_has() where it must be there.
 */
bool json_has(const json_t *obj, const char *key); /* there and not null */
NODISCARD bool json_get_str(const json_t *obj, const char *path, const char *key,
                            struct str *out, struct error *err); /* borrowed; no U+0000 */
NODISCARD bool json_get_bool(const json_t *obj, const char *path, const char *key, bool *out,
                             struct error *err);
NODISCARD bool json_get_int(const json_t *obj, const char *path, const char *key, int64_t *out,
                            struct error *err); /* 3.0 counts as 3 */
NODISCARD bool json_get_double(const json_t *obj, const char *path, const char *key,
                               double *out, struct error *err);

/* Shallow merge of two JSON objects in text form: members of patch replace those of base; a null
 * member removes the key. The result is compact, in the arena. INVALID if either is no object. */
NODISCARD bool json_merge_text(struct arena *a, struct str base, struct str patch,
                               struct str *out, struct error *err);

/*
 * JSON Schema 2020-12, the part that argument checks need: type, enum, const, properties, required,
 * additionalProperties, items, min/maxItems, uniqueItems, min/maxLength, minimum/maximum and their
 * exclusive forms, allOf, anyOf, oneOf, not, if/then/else, $ref to a place in the same document.
 * Annotations (title, description, default, format, x-*, $comment, …) are read over.
 */
/* INVALID: the schema uses a keyword outside this list, or refers outside itself. */
NODISCARD bool json_schema_is_supported(const json_t *schema, struct error *err);
/* INVALID: value does not satisfy schema; the error names path and rule, for the model to mend:
 * "tags[2]: expected string, got integer". */
NODISCARD bool json_schema_check(const json_t *schema, const json_t *value, struct error *err);

#endif

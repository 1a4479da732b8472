/*
 * view.h - model structs as JSON: one shape for tools, REST and the command line (docs/api.md).
 *
 * Every function returns a new reference. Times are seconds since 1970 as a float, with an ISO 8601
 * copy beside them, as clients of the reference expect.
 *
 * Threads: any.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "model/model.h"

/* "memory": content, content_hash, tags, memory_type, metadata, times, revision; what is empty or
 * never happened (superseded_by, deleted_at, quality_score, ...) is left out. */
json_t *view_memory(const struct memory *m);
json_t *view_memory_brief(const struct memory *m); /* the same without content and metadata */

/* "hit": a memory with score, score_parts and via. */
json_t *view_hit(const struct hit *h);

/* "change": one row of the change log. */
json_t *view_change(const struct change *c);

/* ms as seconds with a fraction. */
json_t *view_seconds(int64_t ms);
json_t *view_iso(int64_t ms);

#endif

/*
 * log.h - one line per event on stderr.
 *
 *     log_event(LOG_INFO, "http.listen", "host=%s port=%d", host, port);
 *     level=info event=http.listen host=127.0.0.1 port=8765
 *
 * Values that may hold blanks or come from outside go through LOG_Q: key=%s with log_quote(). Never
 * a token and never memory text. Each line is one write(), so that processes sharing stderr do not mix
 * theirs.
 *
 * Threads: any. The level is one of the two mutable globals of the program.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
void log_set_json(bool is_json); /* lines become {"level":…,"event":…,"text":…} */
bool log_level_parse(struct str name,
                     enum log_level *out); /* debug info warning error, any case */

void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

/* The text in double quotes, with quotes, control characters and what is not ASCII escaped, cut to
 * LOG_QUOTE_MAX bytes; written to out and returned. */
#define LOG_QUOTE_MAX 160
const char *log_quote(struct str s, char out[LOG_QUOTE_MAX]);

#endif

/*
 * app.h - wires the parts of the program together and unwinds them in reverse.
 *
 * Owner    app_close() closes everything that app_open() opened; it takes NULL.
 * Threads  opened, run and closed by the main thread.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_H
#define APP_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

struct app;
struct memory_service;

/* Opens model, database and service. A missing model is no error: search then works by words only,
 * and says so. config is borrowed for the life of the app. */
NODISCARD bool app_open(const struct config *config, struct app **out, struct error *err);
void app_close(struct app *a);

struct memory_service *app_memory(const struct app *a); /* borrowed */

/* Answer until signals_fd (sys_signals_open()) reports SIGINT or SIGTERM, or the input ends. */
NODISCARD bool app_serve(struct app *a, int signals_fd, struct error *err);
NODISCARD bool app_stdio(struct app *a, int signals_fd, struct error *err);

/* UNAVAILABLE if the configured address cannot be listened on. */
NODISCARD bool app_probe_port(const struct config *config, struct arena *a, struct str *out,
                              struct error *err);

#endif

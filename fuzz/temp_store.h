/*
 * temp_store.h - a store for as long as the program runs, in a folder of its own.
 *
 * The folder is in TMPDIR, else in /tmp; it is removed when the program ends by itself. Nothing waits
 * for the disk. Threads: one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_TEMP_STORE_H
#define FUZZ_TEMP_STORE_H

#include "store/store.h"

/* Once. Ends the program if that fails. */
struct store *temp_store_open(void);
const char *temp_store_path(void); /* of the database */

#endif

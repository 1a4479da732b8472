/*
 * temp_file.h - a file name for as long as the program runs.
 *
 * In TMPDIR, else in /tmp: on a disk a target would wait for it. The same at every call; the caller
 * removes what it puts there. Threads: one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_TEMP_FILE_H
#define FUZZ_TEMP_FILE_H

const char *temp_file(void); /* ends the program if that fails */

#endif

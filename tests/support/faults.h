/*
 * faults.h - a disk that fails: an SQLite VFS over the real one whose n-th call goes wrong.
 *
 * Call faults_init() before SQLite is used for the first time; it becomes what SQLite opens files with,
 * and where it gets memory. Between faults_arm() and faults_disarm() calls of one kind are counted and the
 * n-th fails, and all after it do as long as `is_lasting`.
 *
 * Threads: one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault {
    FAULT_READ,       /* the disk cannot read */
    FAULT_WRITE,      /* it cannot write */
    FAULT_TORN_WRITE, /* it writes the first half and fails */
    FAULT_FULL,       /* it has no room */
    FAULT_SYNC,       /* what was written may not be there */
    FAULT_OPEN,
    FAULT_TRUNCATE,
    FAULT_MEMORY, /* no memory for SQLite */
    N_FAULTS
};

extern const char *const fault_names[N_FAULTS];

void faults_init(void);
void faults_arm(enum fault kind, size_t n, bool is_lasting); /* n: from 1 */
bool faults_disarm(void);                                    /* whether any call failed */

#endif

/*
 * banned.h - functions that fail to compile, because each has led to overruns or races.
 *
 * Given to the compiler with -include for every source file, so nobody can forget it. The
 * standard headers that declare these names come first: a poisoned name may not be declared.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* glibc makes some of them macros when fortified, and clang refuses to poison a macro. */
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gmtime localtime

#endif

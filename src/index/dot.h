/*
 * dot.h - the inner loop of the scan, chosen once for the processor at hand.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INDEX_DOT_H
#define INDEX_DOT_H

#include <stddef.h>

/* The sum of a[i] * b[i], in an order of its own: sums may differ in the last bits by processor. */
float dot_portable(const float *a, const float *b, size_t dim);
float (*dot_choose(void))(const float *a, const float *b, size_t dim);

#endif

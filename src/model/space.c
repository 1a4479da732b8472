/* space.c - names of spaces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include "text/text.h"

bool space_is_valid(struct str name)
{
    if (name.len == 0 || !text_is_utf8(name) || text_count(name) > MEMORY_SPACE_MAX_CHARS)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == '/' || name.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

/*
 * classes.c - what kind of character a character is.
 *
 * ASCII is answered from comparisons, the rest by libunistring's tables of general categories.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "text/text.h"

#include <unictype.h>

bool text_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool is_ascii_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_is_letter(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c);
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L);
}

bool text_is_digit(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd);
}

bool text_is_word(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c) || (c >= '0' && c <= '9') || c == '_';
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
                                                   UC_CATEGORY_MASK_N);
}

bool text_is_mark(uint32_t c)
{
    return c >= 0x300 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn);
}

bool text_is_control(uint32_t c)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_C);
}

bool text_is_punct(uint32_t c)
{
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P);
}

bool text_is_cjk(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

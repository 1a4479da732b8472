/*
 * ip_range.c - addresses and ranges, as they stand in settings and in headers of proxies.
 *
 * Whatever is read must survive being written and read again, and a range must hold its own first
 * address.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);
    struct ip ip, again;
    struct ip_range range;
    struct error err = {0};
    char written[IP_TEXT_MAX];

    if (ip_parse(text, &ip)) {
        must(ip_parse(ip_text(ip, written), &again) && ip_eq(ip, again));
        must(ip_range_parse(text, &range, &err) && ip_range_has(&range, ip));
    }
    if (ip_range_parse(text, &range, &err))
        must(range.bits <= (range.first.family == IP_V4 ? 32 : 128) &&
             ip_range_has(&range, range.first));
    else
        must(err.kind == ERROR_INVALID && err.text[0] != '\0');
    return 0;
}

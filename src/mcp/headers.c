/* headers.c - values of HTTP headers: encoding, Accept, and who is known to mix eras. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/mcp_int.h"

#include "crypto/crypto.h"
#include "text/text.h"

bool header_decode(struct arena *a, struct str value, struct str *out)
{
    const struct str open = STR("=?base64?"), close = STR("?=");

    if (!str_starts(value, open) || !str_ends(value, close) ||
        value.len < open.len + close.len) {
        *out = value;
        return true;
    }
    value = str_sub(value, open.len, value.len - close.len);
    return crypto_base64_decode(a, value, out, NULL) && text_is_utf8(*out);
}

bool header_accepts(struct str accept, struct str type)
{
    struct str rest = accept, one;
    size_t slash = 0;

    if (str_trim(accept).len == 0)
        return true;
    str_find_char(type, '/', &slash);
    while (str_next(&rest, ',', &one)) {
        struct str name = one, parameters;

        str_cut(one, ';', &name, &parameters);
        name = str_trim(name);
        if (str_eq_c(name, "*/*") || str_eq_ascii_case(name, type) ||
            (str_ends(name, STR("/*")) && name.len == slash + 2 &&
             str_eq_ascii_case(str_sub(name, 0, slash), str_sub(type, 0, slash))))
            return true;
    }
    return false;
}

static bool mentions_claude(struct str text)
{
    const struct str name = STR("claude");

    for (size_t i = 0; i + name.len <= text.len; i++) {
        if (str_eq_ascii_case(str_sub(text, i, i + name.len), name))
            return true;
    }
    return false;
}

bool is_claude(const struct mcp_http_in *in, const json_t *meta)
{
    const json_t *info = json_object_get(meta, META_CLIENT_INFO);

    return mentions_claude(in->user_agent) ||
           mentions_claude(json_view(json_object_get(info, "name")));
}

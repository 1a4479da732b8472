/*
 * caller.c - who is calling, as far as a transport can tell.
 *
 * On stdio a client acts for whoever started it, under the subject "local"; over HTTP gate/ says who
 * it is. The client's name is what it calls itself where no token names one; it goes into the change log
 * and decides nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/transport_int.h"

struct caller local_caller(struct str client, struct str space)
{
    return (struct caller){
        .subject = STR("local"),
        .client = client,
        .space = space.len > 0 ? space : STR(SPACE_DEFAULT),
        .scopes = SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN,
    };
}

struct str client_of_user_agent(struct str user_agent)
{
    size_t n = 0;

    while (n < user_agent.len && user_agent.ptr[n] > ' ' && user_agent.ptr[n] < 0x7f &&
           user_agent.ptr[n] != '/')
        n++;
    if (n > CLIENT_NAME_MAX_BYTES)
        return (struct str){0};
    return str_sub(user_agent, 0, n);
}

bool space_of_path(struct str path, struct str root, struct str *out)
{
    struct str rest;

    if (!str_starts(path, root))
        return false;
    rest = str_sub(path, root.len, path.len);
    if (rest.len == 0 || str_eq_c(rest, "/")) {
        *out = (struct str){0};
        return true;
    }
    if (!str_starts(rest, STR("/")))
        return false;
    rest = str_sub(rest, 1, rest.len);
    if (str_ends(rest, STR("/")))
        rest = str_sub(rest, 0, rest.len - 1);
    if (!space_is_valid(rest))
        return false;
    *out = rest;
    return true;
}

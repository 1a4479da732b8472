/*
 * curl_api.h - libcurl, loaded when something is fetched for the first time. Inside fetch/.
 *
 * Linked like other libraries it would bring twenty more into every process (LDAP, Kerberos, SSH, ...), 9 ms
 * and 3 MB at each start, and most processes, each client's own over stdio, fetch nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FETCH_CURL_API_H
#define FETCH_CURL_API_H

#include <curl/curl.h>

#include "base/error.h"

/* The typechecks of curl.h stand in the way of its names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define CURL_API(X)                                                                            \
    X(global_init)                                                                             \
    X(global_cleanup)                                                                          \
    X(easy_init)                                                                               \
    X(easy_cleanup)                                                                            \
    X(easy_setopt)                                                                             \
    X(easy_getinfo)                                                                            \
    X(easy_perform)                                                                            \
    X(easy_strerror)                                                                           \
    X(slist_append)                                                                            \
    X(slist_free_all)                                                                          \
    X(getdate)                                                                                 \
    X(version_info)

struct curl_api {
#define CURL_API_FIELD(name) __typeof__(curl_##name) *(name);
    CURL_API(CURL_API_FIELD)
#undef CURL_API_FIELD
    void *library; /* NULL: not loaded */
};

/* UNAVAILABLE: there is no libcurl here, or one that is too old. */
NODISCARD bool curl_api_load(struct curl_api *out, struct error *err);
void curl_api_unload(struct curl_api *api); /* takes a zeroed one */

#endif

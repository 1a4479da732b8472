/* curl_api.c - see curl_api.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/curl_api.h"

#include <dlfcn.h>
#include <string.h>

#include "base/attr.h"

/* The same library with other TLS libraries in it; the version is that of its binary interface. */
static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};

/* 7.85.0: names of protocols as text; from 7.84 on threads may start it at once. */
#define OLDEST 0x075500

static void *open_library(void)
{
    void *library = NULL;

    for (size_t i = 0; i < COUNT(names) && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

/* POSIX lets dlsym() stand for functions, ISO C does not convert what it returns. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

bool curl_api_load(struct curl_api *out, struct error *err)
{
    struct curl_api api = {.library = open_library()};

    if (!api.library)
        return error_set(err, ERROR_UNAVAILABLE,
                         "libcurl is not installed; install libcurl3-gnutls or libcurl4 (%s)",
                         dlerror());
#define CURL_API_FIND(name) find(api.library, "curl_" #name, &api.name) &&
    if (!(CURL_API(CURL_API_FIND) api.version_info(CURLVERSION_NOW)->version_num >= OLDEST)) {
        dlclose(api.library);
        return error_set(err, ERROR_UNAVAILABLE,
                         "the installed libcurl is too old; 7.85 or newer is needed");
    }
    if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        dlclose(api.library);
        return error_set(err, ERROR_UNAVAILABLE, "the installed libcurl cannot be used");
    }
    *out = api;
    return true;
}

/* The library stays: what it started, threads among it, may still look into its code. */
void curl_api_unload(struct curl_api *api)
{
    if (api->library)
        api->global_cleanup();
    api->library = NULL;
}

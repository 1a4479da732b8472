/* fetch.c - one GET by libcurl, with everything switched off that is not needed for it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/buf.h"

struct fetcher {
    struct fetch_options options;
};

struct transfer {
    const struct fetch_options *options;
    struct buf body; /* its max is the limit */
    int64_t max_age_s;
    char refused[INET6_ADDRSTRLEN]; /* an address that was not connected to */
};

bool fetch_new(const struct fetch_options *options, struct fetcher **out, struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, ERROR_INTERNAL, "libcurl cannot be used");
    *out = NEW(struct fetcher);
    (*out)->options = *options;
    return true;
}

void fetch_free(struct fetcher *f)
{
    if (!f)
        return;
    curl_global_cleanup();
    free(f);
}

/* -- Cache-Control ----------------------------------------------------------------------------- */

int64_t fetch_max_age(struct str cache_control)
{
    struct str rest = cache_control, each, name, value;
    int64_t age_s = -1, n;

    while (str_next(&rest, ',', &each)) {
        each = str_trim(each);
        if (str_eq_ascii_case(each, STR("no-store")) ||
            str_eq_ascii_case(each, STR("no-cache")))
            return 0;
        if (str_cut(each, '=', &name, &value) &&
            str_eq_ascii_case(str_trim(name), STR("max-age")) &&
            str_to_int(str_trim(value), &n) && n >= 0)
            age_s = n;
    }
    return age_s;
}

/* -- callbacks --------------------------------------------------------------------------------- */

static void name_address(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    memcpy(out, "?", 2);
    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        inet_ntop(AF_INET, &in4.sin_addr, out, INET6_ADDRSTRLEN);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

static void divert(struct curl_sockaddr *to, uint16_t port)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    to->family = AF_INET;
    to->addrlen = sizeof(loopback);
    memcpy(&to->addr, &loopback, sizeof(loopback));
}

/* The moment of truth: this very address is connected to next, or not. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = ctx;

    (void)purpose;
    if (!fetch_address_is_public(&to->addr)) {
        name_address(&to->addr, t->refused);
        return CURL_SOCKET_BAD;
    }
    if (t->options->divert_port)
        divert(to, t->options->divert_port);
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Counts what comes: a length that was announced may be wrong, or missing. */
static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;

    buf_add(&t->body, str_n(bytes, size * n));
    return t->body.is_full ? 0 : size * n;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    struct str name, value;

    if (str_cut(str_n(bytes, size * n), ':', &name, &value) &&
        str_eq_ascii_case(name, STR("Cache-Control")))
        t->max_age_s = fetch_max_age(str_trim(value));
    return size * n;
}

/* -- the request ------------------------------------------------------------------------------- */

static void curl_free_handle(CURL **c)
{
    curl_easy_cleanup(*c);
}

static void curl_free_list(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static bool set_up(CURL *c, struct transfer *t, const char *url, struct curl_slist *resolve)
{
    const struct fetch_options *o = t->options;

    return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)o->timeout_ms * 3 / 5) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "memoryd/" MEMORYD_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           (!o->ca_file || curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file) == CURLE_OK) &&
           (!resolve || curl_easy_setopt(c, CURLOPT_RESOLVE, resolve) == CURLE_OK);
}

static bool fail(const struct transfer *t, CURLcode code, struct error *err)
{
    if (t->body.is_full)
        return error_set(err, ERROR_LIMIT, "longer than %zu bytes", t->options->max_bytes);
    if (t->refused[0])
        return error_set(err, ERROR_DENIED, "%s is no public address", t->refused);
    return error_set(err, ERROR_UNAVAILABLE, "%s", curl_easy_strerror(code));
}

static bool read_answer(CURL *c, struct arena *a, const struct transfer *t,
                        struct fetch_answer *out)
{
    const char *content_type = NULL;
    long status = 0;

    if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &content_type) != CURLE_OK)
        return false;
    *out = (struct fetch_answer){.status = (int)status,
                                 .content_type = arena_dup(a, str_c(content_type)),
                                 .body = arena_dup(a, buf_str(&t->body)),
                                 .max_age_s = t->max_age_s};
    return true;
}

bool fetch_get(struct fetcher *f, struct arena *a, struct str url, struct fetch_answer *out,
               struct error *err)
{
    struct transfer t = {
        .options = &f->options, .body.max = f->options.max_bytes, .max_age_s = -1};
    AUTO(curl_free_list) struct curl_slist *resolve = NULL;
    AUTO(curl_free_handle) CURL *c = curl_easy_init();
    CURLcode code = CURLE_FAILED_INIT;
    bool is_ok;

    if (f->options.resolve)
        resolve = curl_slist_append(NULL, f->options.resolve);
    if (c && set_up(c, &t, arena_cstr(a, url), resolve))
        code = curl_easy_perform(c);
    is_ok = code == CURLE_OK && read_answer(c, a, &t, out);
    if (!is_ok)
        (void)fail(&t, code, err);
    buf_deinit(&t.body);
    return is_ok;
}

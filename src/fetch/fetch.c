/* fetch.c - one request by libcurl, with everything switched off that is not needed for it. */
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
    const struct fetch_request *request;
    struct arena *arena;
    struct buf body; /* its max is the limit */
    struct fetch_header *headers;
    size_t n_headers;
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

static void note_peer(struct transfer *t, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];

    if (!t->request->peer)
        return;
    name_address(address, text);
    t->request->peer->address = arena_dup(t->arena, str_c(text));
    t->request->peer->is_public = fetch_address_is_public(address);
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
    if (!t->options->is_any_address && !fetch_address_is_public(&to->addr)) {
        name_address(&to->addr, t->refused);
        return CURL_SOCKET_BAD;
    }
    note_peer(t, &to->addr);
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

/* Those of an answer before the last one (100 Continue) are forgotten again. */
static size_t take_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    struct str line = str_n(bytes, size * n), name, value;

    if (str_starts(line, STR("HTTP/")))
        t->n_headers = 0;
    else if (str_cut(line, ':', &name, &value) && t->n_headers < FETCH_HEADERS_MAX)
        t->headers[t->n_headers++] = (struct fetch_header){
            arena_dup(t->arena, name), arena_dup(t->arena, str_trim(value))};
    return size * n;
}

struct str fetch_header_of(const struct fetch_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->n_headers; i++) {
        if (str_eq_ascii_case(answer->headers[i].name, name))
            return answer->headers[i].value;
    }
    return (struct str){0};
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

static bool has_line_end(struct str s)
{
    size_t at;

    return str_find_char(s, '\r', &at) || str_find_char(s, '\n', &at) ||
           str_find_char(s, '\0', &at);
}

/* Expect: and Content-Type: are curl's own ideas of what belongs to a body. */
static bool list_headers(struct arena *a, const struct fetch_request *r,
                         struct curl_slist **out, struct error *err)
{
    *out = curl_slist_append(NULL, "Expect:");
    if (r->body.ptr)
        *out = curl_slist_append(*out, "Content-Type:");
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct fetch_header *h = &r->headers[i];

        if (has_line_end(h->name) || has_line_end(h->value))
            return error_set(err, ERROR_INVALID, "a header has a line end in it");
        *out = curl_slist_append(
            *out,
            arena_printf(a, STR_FMT ": " STR_FMT, STR_ARG(h->name), STR_ARG(h->value)).ptr);
    }
    return true;
}

static bool set_up_guards(CURL *c, struct transfer *t)
{
    const struct fetch_options *o = t->options;
    int timeout_ms = t->request->timeout_ms ? t->request->timeout_ms : o->timeout_ms;

    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms * 3 / 5) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
           (!t->request->peer || curl_easy_setopt(c, CURLOPT_CERTINFO, 1L) == CURLE_OK) &&
           (!o->ca_file || curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file) == CURLE_OK);
}

static bool set_up_message(CURL *c, struct transfer *t, const char *url,
                           struct curl_slist *headers)
{
    const struct fetch_request *r = t->request;

    return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "memoryd/" MEMORYD_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           (!r->body.ptr ||
            (curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)r->body.len) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, r->body.ptr) == CURLE_OK)) &&
           (!r->method || curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK) &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK;
}

/* An empty host and port before the two colons stand for any. */
static bool set_up_places(CURL *c, struct transfer *t, struct curl_slist **resolve,
                          struct curl_slist **connect)
{
    const struct fetch_options *o = t->options;

    if (o->resolve)
        *resolve = curl_slist_append(NULL, o->resolve);
    if (o->connect)
        *connect = curl_slist_append(NULL, arena_printf(t->arena, "::%s", o->connect).ptr);
    return (!*resolve || curl_easy_setopt(c, CURLOPT_RESOLVE, *resolve) == CURLE_OK) &&
           (!*connect || curl_easy_setopt(c, CURLOPT_CONNECT_TO, *connect) == CURLE_OK);
}

static bool fail(const struct transfer *t, CURLcode code, struct error *err)
{
    if (t->body.is_full)
        return error_set(err, ERROR_LIMIT, "longer than %zu bytes", t->options->max_bytes);
    if (t->refused[0])
        return error_set(err, ERROR_DENIED, "%s is no public address", t->refused);
    return error_set(err, ERROR_UNAVAILABLE, "%s", curl_easy_strerror(code));
}

static int64_t date_of(struct arena *a, const struct fetch_answer *answer)
{
    struct str date = fetch_header_of(answer, STR("Date"));
    time_t s = date.len ? curl_getdate(arena_cstr(a, date), NULL) : -1;

    return s < 0 ? 0 : (int64_t)s * 1000;
}

static bool read_answer(CURL *c, struct arena *a, const struct transfer *t,
                        struct fetch_answer *out)
{
    struct fetch_answer answer = {.headers = t->headers, .n_headers = t->n_headers};
    struct str cache_control;
    long status = 0;

    if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return false;
    cache_control = fetch_header_of(&answer, STR("Cache-Control"));
    answer.status = (int)status;
    answer.content_type = fetch_header_of(&answer, STR("Content-Type"));
    answer.body = arena_dup(a, buf_str(&t->body));
    answer.max_age_s = fetch_max_age(cache_control);
    answer.date_ms = date_of(a, &answer);
    *out = answer;
    return true;
}

static void read_chain(CURL *c, struct transfer *t)
{
    struct curl_certinfo *info = NULL;
    AUTO_BUF pem = {0};

    if (!t->request->peer || curl_easy_getinfo(c, CURLINFO_CERTINFO, &info) != CURLE_OK ||
        !info)
        return;
    for (int i = 0; i < info->num_of_certs; i++) {
        for (const struct curl_slist *l = info->certinfo[i]; l; l = l->next) {
            struct str name, value;

            if (str_cut(str_c(l->data), ':', &name, &value) && str_eq_c(name, "Cert")) {
                buf_add(&pem, value);
                buf_add_char(&pem, '\n');
            }
        }
    }
    t->request->peer->chain = arena_dup(t->arena, buf_str(&pem));
}

bool fetch_send(struct fetcher *f, struct arena *a, const struct fetch_request *request,
                struct fetch_answer *out, struct error *err)
{
    struct transfer t = {.options = &f->options,
                         .request = request,
                         .arena = a,
                         .body.max = f->options.max_bytes,
                         .headers = ARENA_NEW(a, struct fetch_header, FETCH_HEADERS_MAX)};
    AUTO(curl_free_list) struct curl_slist *headers = NULL, *resolve = NULL, *connect = NULL;
    AUTO(curl_free_handle) CURL *c = curl_easy_init();
    CURLcode code = CURLE_FAILED_INIT;
    bool is_ok;

    if (!list_headers(a, request, &headers, err))
        return false;
    if (c && set_up_guards(c, &t) &&
        set_up_message(c, &t, arena_cstr(a, request->url), headers) &&
        set_up_places(c, &t, &resolve, &connect))
        code = curl_easy_perform(c);
    is_ok = code == CURLE_OK && read_answer(c, a, &t, out);
    if (c)
        read_chain(c, &t);
    if (!is_ok)
        (void)fail(&t, code, err);
    buf_deinit(&t.body);
    return is_ok;
}

bool fetch_get(struct fetcher *f, struct arena *a, struct str url, struct fetch_answer *out,
               struct error *err)
{
    return fetch_send(f, a, &(struct fetch_request){.url = url}, out, err);
}

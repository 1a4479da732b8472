/* fetch.c - one request by libcurl, with everything switched off that is not needed for it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/thread.h"
#include "fetch/curl_api.h"

struct fetcher {
    struct fetch_options options;
    struct mutex lock; /* guards the loading of curl; what is loaded does not change */
    struct curl_api curl;
};

struct transfer {
    const struct curl_api *curl;
    CURL *handle;
    struct curl_slist *headers_sent, *resolve, *connect;
    const struct fetch_options *options;
    const struct fetch_request *request;
    struct arena *arena;
    struct buf body; /* its max is the limit */
    struct fetch_header *headers;
    size_t n_headers;
    char refused[INET6_ADDRSTRLEN]; /* an address that was not connected to */
};

struct fetcher *fetch_new(const struct fetch_options *options)
{
    struct fetcher *f = NEW(struct fetcher);

    f->options = *options;
    mutex_init(&f->lock);
    return f;
}

void fetch_free(struct fetcher *f)
{
    if (!f)
        return;
    curl_api_unload(&f->curl);
    mutex_deinit(&f->lock);
    free(f);
}

static bool load_curl(struct fetcher *f, struct error *err)
{
    MUTEX_SCOPE(&f->lock);
    return f->curl.library || curl_api_load(&f->curl, err);
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

static void transfer_deinit(struct transfer *t)
{
    t->curl->easy_cleanup(t->handle);
    t->curl->slist_free_all(t->headers_sent);
    t->curl->slist_free_all(t->resolve);
    t->curl->slist_free_all(t->connect);
    buf_deinit(&t->body);
}

static bool has_line_end(struct str s)
{
    size_t at;

    return str_find_char(s, '\r', &at) || str_find_char(s, '\n', &at) ||
           str_find_char(s, '\0', &at);
}

static void add_to_list(const struct curl_api *curl, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl->slist_append(*list, text);

    if (longer) /* else there is no memory, and the request ends soon */
        *list = longer;
}

/* Expect: and Content-Type: are curl's own ideas of what belongs to a body. */
static bool list_headers(struct transfer *t, struct error *err)
{
    const struct fetch_request *r = t->request;

    add_to_list(t->curl, &t->headers_sent, "Expect:");
    if (r->body.ptr)
        add_to_list(t->curl, &t->headers_sent, "Content-Type:");
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct fetch_header *h = &r->headers[i];

        if (has_line_end(h->name) || has_line_end(h->value))
            return error_set(err, ERROR_INVALID, "a header has a line end in it");
        add_to_list(
            t->curl, &t->headers_sent,
            arena_printf(t->arena, STR_FMT ": " STR_FMT, STR_ARG(h->name), STR_ARG(h->value))
                .ptr);
    }
    return true;
}

#define SET(t, option, value) ((t)->curl->easy_setopt((t)->handle, option, value) == CURLE_OK)

static bool set_up_guards(struct transfer *t)
{
    const struct fetch_options *o = t->options;
    int timeout_ms = t->request->timeout_ms ? t->request->timeout_ms : o->timeout_ms;

    return SET(t, CURLOPT_PROTOCOLS_STR, "https") && SET(t, CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(t, CURLOPT_PROXY, "") && SET(t, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(t, CURLOPT_NOSIGNAL, 1L) && SET(t, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
           SET(t, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms * 3 / 5) &&
           SET(t, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(t, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           SET(t, CURLOPT_OPENSOCKETDATA, t) &&
           (!t->request->peer || SET(t, CURLOPT_CERTINFO, 1L)) &&
           (!o->ca_file || SET(t, CURLOPT_CAINFO, o->ca_file));
}

static bool set_up_message(struct transfer *t)
{
    const struct fetch_request *r = t->request;

    return SET(t, CURLOPT_URL, arena_cstr(t->arena, r->url)) &&
           SET(t, CURLOPT_USERAGENT, "memoryd/" MEMORYD_VERSION) &&
           SET(t, CURLOPT_HTTPHEADER, t->headers_sent) &&
           (!r->body.ptr || (SET(t, CURLOPT_POSTFIELDSIZE, (long)r->body.len) &&
                             SET(t, CURLOPT_COPYPOSTFIELDS, r->body.ptr))) &&
           (!r->method || SET(t, CURLOPT_CUSTOMREQUEST, r->method)) &&
           SET(t, CURLOPT_WRITEFUNCTION, take_body) && SET(t, CURLOPT_WRITEDATA, t) &&
           SET(t, CURLOPT_HEADERFUNCTION, take_header) && SET(t, CURLOPT_HEADERDATA, t);
}

/* An empty host and port before the two colons stand for any. */
static bool set_up_places(struct transfer *t)
{
    const struct fetch_options *o = t->options;

    if (o->resolve)
        add_to_list(t->curl, &t->resolve, o->resolve);
    if (o->connect)
        add_to_list(t->curl, &t->connect, arena_printf(t->arena, "::%s", o->connect).ptr);
    return (!t->resolve || SET(t, CURLOPT_RESOLVE, t->resolve)) &&
           (!t->connect || SET(t, CURLOPT_CONNECT_TO, t->connect));
}

static bool fail(const struct transfer *t, CURLcode code, struct error *err)
{
    if (t->body.is_full)
        return error_set(err, ERROR_LIMIT, "longer than %zu bytes", t->options->max_bytes);
    if (t->refused[0])
        return error_set(err, ERROR_DENIED, "%s is no public address", t->refused);
    return error_set(err, ERROR_UNAVAILABLE, "%s", t->curl->easy_strerror(code));
}

static int64_t date_of(const struct transfer *t, const struct fetch_answer *answer)
{
    struct str date = fetch_header_of(answer, STR("Date"));
    time_t s = date.len ? t->curl->getdate(arena_cstr(t->arena, date), NULL) : -1;

    return s < 0 ? 0 : (int64_t)s * 1000;
}

static bool read_answer(const struct transfer *t, struct fetch_answer *out)
{
    struct fetch_answer answer = {.headers = t->headers, .n_headers = t->n_headers};
    struct str cache_control;
    long status = 0;

    if (t->curl->easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return false;
    cache_control = fetch_header_of(&answer, STR("Cache-Control"));
    answer.status = (int)status;
    answer.content_type = fetch_header_of(&answer, STR("Content-Type"));
    answer.body = arena_dup(t->arena, buf_str(&t->body));
    answer.max_age_s = fetch_max_age(cache_control);
    answer.date_ms = date_of(t, &answer);
    *out = answer;
    return true;
}

static void read_chain(struct transfer *t)
{
    struct curl_certinfo *info = NULL;
    AUTO_BUF pem = {0};

    if (!t->request->peer ||
        t->curl->easy_getinfo(t->handle, CURLINFO_CERTINFO, &info) != CURLE_OK || !info)
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

static bool perform(struct transfer *t, struct fetch_answer *out, struct error *err)
{
    CURLcode code = CURLE_FAILED_INIT;
    bool is_ok;

    if (!list_headers(t, err))
        return false;
    if (t->handle && set_up_guards(t) && set_up_message(t) && set_up_places(t))
        code = t->curl->easy_perform(t->handle);
    is_ok = code == CURLE_OK && read_answer(t, out);
    if (t->handle)
        read_chain(t);
    return is_ok || fail(t, code, err);
}

bool fetch_send(struct fetcher *f, struct arena *a, const struct fetch_request *request,
                struct fetch_answer *out, struct error *err)
{
    struct transfer t = {.curl = &f->curl,
                         .options = &f->options,
                         .request = request,
                         .arena = a,
                         .body.max = f->options.max_bytes,
                         .headers = ARENA_NEW(a, struct fetch_header, FETCH_HEADERS_MAX)};
    bool is_ok;

    if (!load_curl(f, err))
        return false;
    t.handle = f->curl.easy_init();
    is_ok = perform(&t, out, err);
    transfer_deinit(&t);
    return is_ok;
}

bool fetch_get(struct fetcher *f, struct arena *a, struct str url, struct fetch_answer *out,
               struct error *err)
{
    return fetch_send(f, a, &(struct fetch_request){.url = url}, out, err);
}

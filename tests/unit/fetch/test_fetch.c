/*
 * test_fetch.c - documents come from public addresses only, over TLS, whole and in time.
 *
 * Nothing leaves this machine: names are resolved by the test, and an address that passes is replaced by a
 * server of the test's own, on loopback, with a certificate of its own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"

/* For app.example, for a hundred years. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBnDCCAUGgAwIBAgIUNVISB+DBgd98qsolch4rKsOJNG0wCgYIKoZIzj0EAwIw\n"
    "FjEUMBIGA1UEAwwLYXBwLmV4YW1wbGUwIBcNMjYxMTI1MTMwOTM5WhgPMjEyNjEx\n"
    "MDExMzA5MzlaMBYxFDASBgNVBAMMC2FwcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYI\n"
    "KoZIzj0DAQcDQgAEJdnJvcCv4alJymT9OFtdaotIKfQ8ZfH4W5YwM6Xe0Sz3VH5c\n"
    "PSRzNAhHay7jb6aoIFNM0Y+18AvcLT2vlXzZZaNrMGkwHQYDVR0OBBYEFOEGyP9Z\n"
    "zMPkT3s4oCjPBGN103sWMB8GA1UdIwQYMBaAFOEGyP9ZzMPkT3s4oCjPBGN103sW\n"
    "MBYGA1UdEQQPMA2CC2FwcC5leGFtcGxlMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI\n"
    "zj0EAwIDSQAwRgIhAOElhrgBikAiQphYFraSUWJrPYch5Z4VIVCdHTv4G2BtAiEA\n"
    "5jXIROfLtJ7daqjwONC+S1EzcedGzoC+U8YPexdvRTI=\n"
    "-----END CERTIFICATE-----\n";

static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDTPdOOi1Iw1kBx77\n"
    "REV6/r7wOpHNijMf5GR1bWXJj/ShRANCAAQl2cm9wK/hqUnKZP04W11qi0gp9Dxl\n"
    "8fhbljAzpd7RLPdUflw9JHM0CEdrLuNvpqggU0zRj7XwC9wtPa+VfNll\n"
    "-----END PRIVATE KEY-----\n";

/* -- a server ---------------------------------------------------------------------------------- */

struct server {
    struct MHD_Daemon *daemon;
    char ca_file[64];
    int n_requests;
    char echo[200]; /* of the last request to /echo: method, a header, body */
    int timeout_ms; /* of whoever asks it; long, for a busy machine */
};

static ssize_t trickle(void *ctx, uint64_t at, char *to, size_t max)
{
    (void)ctx;
    (void)at;
    (void)max;
    usleep(200 * 1000);
    *to = ' ';
    return 1;
}

static ssize_t flood(void *ctx, uint64_t at, char *to, size_t max)
{
    (void)ctx;
    (void)at;
    memset(to, 'x', max);
    return (ssize_t)max;
}

static struct MHD_Response *response_for(const char *path)
{
    static char text[] = "{\"a\":1}";
    struct MHD_Response *r;

    if (strcmp(path, "/slow") == 0)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 64, trickle, NULL, NULL);
    if (strcmp(path, "/huge") == 0) /* chunked: no length is announced */
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, flood, NULL, NULL);
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/json");
    MHD_add_response_header(r, "Cache-Control", "public, max-age=60");
    if (strcmp(path, "/moved") == 0)
        MHD_add_response_header(r, "Location", "https://app.example/document");
    return r;
}

static void echo_add(struct server *s, const char *bytes, size_t n)
{
    size_t len = strlen(s->echo);

    snprintf(s->echo + len, sizeof(s->echo) - len, "%.*s", (int)n, bytes);
}

static void echo_head(struct server *s, struct MHD_Connection *c, const char *method)
{
    const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Test");

    s->echo[0] = '\0';
    echo_add(s, method, strlen(method));
    echo_add(s, " ", 1);
    echo_add(s, value ? value : "-", value ? strlen(value) : 1);
    echo_add(s, " ", 1);
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_len, void **state)
{
    struct server *s = ctx;
    struct MHD_Response *r;
    enum MHD_Result result;

    (void)version;
    if (!*state) { /* headers have come */
        echo_head(s, c, method);
        *state = s;
        return MHD_YES;
    }
    if (*body_len) {
        echo_add(s, body, *body_len);
        *body_len = 0;
        return MHD_YES;
    }
    s->n_requests++;
    r = response_for(url);
    result = MHD_queue_response(c, strcmp(url, "/moved") == 0 ? 302 : 200, r);
    MHD_destroy_response(r);
    return result;
}

static void server_init(struct server *s)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd;

    *s = (struct server){.timeout_ms = 30000};
    snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/memoryd-ca-XXXXXX");
    fd = mkstemp(s->ca_file);
    CHECK(fd >= 0 && write(fd, certificate, strlen(certificate)) > 0);
    close(fd);
    s->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer,
                         s, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_HTTPS_MEM_KEY, private_key,
                         MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
    CHECK(s->daemon != NULL);
}

static void server_deinit(struct server *s)
{
    MHD_stop_daemon(s->daemon);
    unlink(s->ca_file);
}

static uint16_t port_of(const struct server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

/* What app.example resolves to, and what is asked for. */
static bool get(struct server *s, const char *resolve, const char *url,
                struct fetch_answer *out, struct arena *a, struct error *err)
{
    const struct fetch_options options = {.max_bytes = 1000,
                                          .timeout_ms = s->timeout_ms,
                                          .ca_file = s->ca_file,
                                          .resolve = resolve,
                                          .divert_port = port_of(s)};
    struct fetcher *f = fetch_new(&options);
    bool is_ok;

    is_ok = fetch_get(f, a, str_c(url), out, err);
    fetch_free(f);
    return is_ok;
}
#define SERVER(name)                                                                           \
    AUTO(server_deinit) struct server name;                                                    \
    server_init(&(name))

/* -- fetching ---------------------------------------------------------------------------------- */

TEST(a_document_of_a_public_address_is_got)
{
    SERVER(s);
    AUTO_ARENA a = {0};
    struct fetch_answer got = {0};
    struct error err = {0};

    REQUIRE(CHECK_OK(
        get(&s, "app.example:443:8.8.8.8", "https://app.example/document", &got, &a, &err),
        err));
    CHECK_INT(got.status, 200);
    CHECK_STR(got.content_type, "application/json");
    CHECK_STR(got.body, "{\"a\":1}");
    CHECK_INT(got.max_age_s, 60);
}

TEST(addresses_inside_are_never_connected_to)
{
    static const char *const rows[] = {
        "127.0.0.1",        "0.0.0.0",        "10.1.2.3",
        "172.16.0.1",       "192.168.1.1",    "169.254.169.254",
        "100.64.0.1",       "[::1]",          "[::]",
        "[fe80::1]",        "[fd00::1]",      "[::ffff:8.8.8.8]",
        "[64:ff9b::a00:1]", "[2002:a00:1::]", "[ff02::1]",
    };
    SERVER(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct fetch_answer got;
        struct error err = {0};

        CHECK(!get(&s, arena_printf(&a, "app.example:443:%s", rows[i]).ptr,
                   "https://app.example/document", &got, &a, &err));
        CHECK_INT(err.kind, ERROR_DENIED);
    }
    CHECK_INT(s.n_requests, 0);
}

/* However the address is written in the URL itself. */
TEST(spellings_of_loopback_are_seen_through)
{
    static const char *const urls[] = {
        "https://127.0.0.1/x",          "https://127.1/x",
        "https://2130706433/x",         "https://0x7f.1/x",
        "https://0177.0.0.1/x",         "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x", "https://0/x",
    };
    SERVER(s);

    for (size_t i = 0; i < COUNT(urls); i++) {
        AUTO_ARENA a = {0};
        struct fetch_answer got;
        struct error err = {0};

        CHECK(!get(&s, NULL, urls[i], &got, &a, &err));
        CHECK_INT(err.kind, ERROR_DENIED);
    }
    CHECK_INT(s.n_requests, 0);
}

TEST(other_protocols_are_not_spoken)
{
    static const char *const urls[] = {"http://app.example/x", "file:///etc/passwd",
                                       "ftp://app.example/x",  "gopher://app.example/x",
                                       "dict://app.example/x", "app.example/x"};
    SERVER(s);

    for (size_t i = 0; i < COUNT(urls); i++) {
        AUTO_ARENA a = {0};
        struct fetch_answer got;
        struct error err = {0};

        CHECK(!get(&s, "app.example:80:8.8.8.8", urls[i], &got, &a, &err));
    }
    CHECK_INT(s.n_requests, 0);
}

TEST(a_redirect_is_an_answer_and_not_followed)
{
    SERVER(s);
    AUTO_ARENA a = {0};
    struct fetch_answer got = {0};
    struct error err = {0};

    REQUIRE(CHECK_OK(
        get(&s, "app.example:443:8.8.8.8", "https://app.example/moved", &got, &a, &err), err));
    CHECK_INT(got.status, 302);
    CHECK_INT(s.n_requests, 1);
}

TEST(a_flood_ends_at_the_limit)
{
    SERVER(s);
    AUTO_ARENA a = {0};
    struct fetch_answer got;
    struct error err = {0};

    CHECK(!get(&s, "app.example:443:8.8.8.8", "https://app.example/huge", &got, &a, &err));
    CHECK_INT(err.kind, ERROR_LIMIT);
}

TEST(a_trickle_ends_in_time)
{
    SERVER(s);
    AUTO_ARENA a = {0};
    struct fetch_answer got;
    struct error err = {0};

    s.timeout_ms = 1000;
    CHECK(!get(&s, "app.example:443:8.8.8.8", "https://app.example/slow", &got, &a, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
}

TEST(a_certificate_for_another_name_is_refused)
{
    SERVER(s);
    AUTO_ARENA a = {0};
    struct fetch_answer got;
    struct error err = {0};

    CHECK(!get(&s, "other.example:443:8.8.8.8", "https://other.example/document", &got, &a,
               &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
    CHECK_INT(s.n_requests, 0);
}

/* -- what the operator named ------------------------------------------------------------------- */

/* Without a name server: to the test's own, whatever the URL names. */
static bool send_named(struct server *s, const struct fetch_request *request,
                       struct fetch_answer *out, struct arena *a, struct error *err)
{
    const struct fetch_options options = {.max_bytes = 1000,
                                          .timeout_ms = s->timeout_ms,
                                          .is_any_address = true,
                                          .ca_file = s->ca_file,
                                          .connect =
                                              arena_printf(a, "127.0.0.1:%u", port_of(s)).ptr};
    struct fetcher *f = fetch_new(&options);
    bool is_ok;

    is_ok = fetch_send(f, a, request, out, err);
    fetch_free(f);
    return is_ok;
}

TEST(a_request_carries_method_headers_and_body)
{
    static const struct fetch_header header = {STR_INIT("X-Test"), STR_INIT("yes")};
    static const struct {
        const char *method, *body, *want;
    } rows[] = {{NULL, NULL, "GET yes "},
                {"POST", "a=1", "POST yes a=1"},
                {"POST", "", "POST yes "},
                {"PUT", "{}", "PUT yes {}"},
                {"DELETE", NULL, "DELETE yes "}};
    SERVER(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct fetch_request request = {.method = rows[i].method,
                                              .url = STR("https://app.example/echo"),
                                              .headers = &header,
                                              .n_headers = 1,
                                              .body = str_c(rows[i].body)};
        AUTO_ARENA a = {0};
        struct fetch_answer got = {0};
        struct error err = {0};

        REQUIRE(CHECK_OK(send_named(&s, &request, &got, &a, &err), err));
        CHECK_STR(str_c(s.echo), rows[i].want);
    }
}

TEST(the_peer_is_known_also_when_its_certificate_is_refused)
{
    static const struct {
        const char *url;
        bool want;
    } rows[] = {{"https://app.example/document", true}, {"https://other.example/x", false}};
    SERVER(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fetch_peer peer = {0};
        const struct fetch_request request = {.url = str_c(rows[i].url), .peer = &peer};
        AUTO_ARENA a = {0};
        struct fetch_answer got = {0};
        struct error err = {0};

        CHECK_INT(send_named(&s, &request, &got, &a, &err), rows[i].want);
        CHECK_STR(peer.address, "127.0.0.1");
        CHECK(!peer.is_public);
        CHECK(str_starts(peer.chain, STR("-----BEGIN CERTIFICATE-----")));
        if (rows[i].want) {
            CHECK_STR(fetch_header_of(&got, STR("cache-control")), "public, max-age=60");
            CHECK(got.date_ms > clock_now_ms() - 60000 && got.date_ms < clock_now_ms() + 60000);
        }
    }
}

TEST(headers_of_two_lines_are_not_sent)
{
    static const struct fetch_header rows[] = {
        {STR_INIT("X-Test"), STR_INIT("a\r\nHost: b")},
        {STR_INIT("X-Test\nY"), STR_INIT("a")},
        {STR_INIT("X-Test"), STR_INIT("a\0b")},
    };
    SERVER(s);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct fetch_request request = {
            .url = STR("https://app.example/echo"), .headers = &rows[i], .n_headers = 1};
        AUTO_ARENA a = {0};
        struct fetch_answer got;
        struct error err = {0};

        CHECK(!send_named(&s, &request, &got, &a, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
    CHECK_INT(s.n_requests, 0);
}

/* -- parts ------------------------------------------------------------------------------------- */

static bool is_public(const char *text)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_storage any = {0};

    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        memcpy(&any, &in4, sizeof(in4));
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&any, &in6, sizeof(in6));
    return fetch_address_is_public((const struct sockaddr *)&any);
}

TEST(special_addresses_are_not_public)
{
    static const struct {
        const char *address;
        bool want;
    } rows[] = {
        {"8.8.8.8", true},
        {"160.79.104.10", true},
        {"9.255.255.255", true},
        {"11.0.0.0", true},
        {"172.15.255.255", true},
        {"172.32.0.0", true},
        {"192.0.1.0", true},
        {"223.255.255.255", true},
        {"100.63.255.255", true},
        {"100.128.0.0", true},
        {"0.1.2.3", false},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"100.64.0.0", false},
        {"100.127.255.255", false},
        {"127.0.0.2", false},
        {"169.254.0.1", false},
        {"172.31.255.255", false},
        {"192.0.0.1", false},
        {"192.0.2.1", false},
        {"192.88.99.1", false},
        {"192.168.255.255", false},
        {"198.18.0.1", false},
        {"198.19.255.255", false},
        {"198.51.100.1", false},
        {"203.0.113.1", false},
        {"224.0.0.1", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"2606:4700::1", true},
        {"2a00:1450::1", true},
        {"2001:200::1", true},
        {"::", false},
        {"::1", false},
        {"::ffff:8.8.8.8", false},
        {"::8.8.8.8", false},
        {"64:ff9b::808:808", false},
        {"64:ff9b:1::1", false},
        {"100::1", false},
        {"2001::1", false},
        {"2001:1ff::1", false},
        {"2001:db8::1", false},
        {"2002:808:808::1", false},
        {"3fff::1", false},
        {"fc00::1", false},
        {"fd12::1", false},
        {"fe80::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"4000::1", false},
        {"no address", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (is_public(rows[i].address) != rows[i].want)
            test_check(false, __FILE__, __LINE__, rows[i].address);
    }
}

TEST(ages_are_read)
{
    static const struct {
        const char *in;
        int64_t want;
    } rows[] = {{"", -1},
                {"public", -1},
                {"max-age=60", 60},
                {"x, MAX-AGE = 5", 5},
                {"max-age=60, no-store", 0},
                {"no-cache", 0},
                {"max-age=-5", -1},
                {"max-age=x", -1},
                {"s-maxage=9", -1}};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(fetch_max_age(str_c(rows[i].in)), rows[i].want);
}

TEST_MAIN()

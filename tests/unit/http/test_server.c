/* test_server.c - a server driven by raw sockets: connections, bodies, limits, the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"
#include "tests/unit/http/client.h"

#define JSON_POST "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

static void handle_echo(struct http_request *r, void *ctx)
{
    (void)ctx;
    buf_add(http_reply_body(r), http_body(r));
    http_reply(r, 200, "application/json");
}

static void handle_hello(struct http_request *r, void *ctx)
{
    (void)ctx;
    buf_add_c(http_reply_body(r), "hello");
    http_reply(r, 200, "text/plain");
}

static void handle_large(struct http_request *r, void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 300000; i++)
        buf_printf(http_reply_body(r), "%07d\n", i);
    http_reply(r, 200, "text/plain");
}

static struct http_server *start_with(struct http_options options)
{
    static const struct http_route routes[] = {
        {.method = "POST", .path = "/echo", .body = HTTP_BODY_JSON, .handle = handle_echo},
        {.method = "GET", .path = "/hello", .handle = handle_hello},
        {.method = "GET", .path = "/large", .handle = handle_large},
    };
    struct http_server *s = NULL;
    struct error err = {0};

    if (!options.host.ptr)
        options.host = STR("127.0.0.1");
    if (!CHECK_OK(http_server_new(&options, &s, &err), err))
        return NULL;
    for (size_t i = 0; i < COUNT(routes); i++)
        http_server_add(s, &routes[i]);
    CHECK_OK(http_server_start(s, &err), err);
    return s;
}

static struct http_server *start(void)
{
    return start_with((struct http_options){.n_threads = 2});
}

static bool says_hello(struct http_server *s)
{
    struct client c;
    struct reply r =
        client_ask(&c, http_server_port(s), "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    bool is_ok = r.status == 200 && str_eq_c(r.body, "hello");

    client_close(&c);
    return is_ok;
}

TEST(connection_is_kept_for_the_next_request)
{
    struct http_server *s = start();
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    for (int i = 0; i < 3; i++) {
        struct reply r;

        CHECK(client_send(&c, JSON_POST "Content-Length: 2\r\n\r\n%02d", i));
        r = client_read(&c);
        CHECK_INT(r.status, 200);
        CHECK_INT(r.body.len, 2);
    }
    CHECK_INT(http_server_n_connections(s), 1);
    client_close(&c);
    http_server_free(s);
}

TEST(pipelined_requests_are_answered_in_order)
{
    struct http_server *s = start();
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s",
                      JSON_POST "Content-Length: 1\r\n\r\n1" JSON_POST
                                "Content-Length: 2\r\n\r\n22"
                                "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK_STR(client_read(&c).body, "1");
    CHECK_STR(client_read(&c).body, "22");
    CHECK_STR(client_read(&c).body, "hello");
    client_close(&c);
    http_server_free(s);
}

TEST(body_may_come_in_pieces_and_in_chunks)
{
    struct http_server *s = start();
    struct client c;
    struct reply r;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s", JSON_POST "Content-Length: 6\r\n\r\nab"));
    CHECK(client_send(&c, "cd"));
    CHECK(client_send(&c, "ef"));
    CHECK_STR(client_read(&c).body, "abcdef");

    CHECK(client_send(&c, "%s", JSON_POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    CHECK(client_send(&c, "%s", "2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"));
    r = client_read(&c);
    CHECK_INT(r.status, 200);
    CHECK_STR(r.body, "abcde");
    client_close(&c);
    http_server_free(s);
}

TEST(expect_continue_is_served)
{
    struct http_server *s = start();
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s", JSON_POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    CHECK_INT(client_read_head(&c).status, 100);
    CHECK(client_send(&c, "ok"));
    CHECK_STR(client_read(&c).body, "ok");
    client_close(&c);
    http_server_free(s);
}

TEST(large_reply_arrives_whole)
{
    struct http_server *s = start();
    struct client c;
    struct reply r =
        client_ask(&c, http_server_port(s), "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");

    CHECK_INT(r.status, 200);
    REQUIRE(r.body.len == 300000 * 8);
    CHECK_STR(str_sub(r.body, r.body.len - 8, r.body.len), "0299999\n");
    client_close(&c);
    http_server_free(s);
}

/* -- limits ---------------------------------------------------------------------------------- */

TEST(too_large_body_gets_413_even_if_the_client_sends_it_all_first)
{
    struct http_server *s = start_with((struct http_options){.body_max_bytes = 1000});
    AUTO_BUF body = {0};
    struct client c;
    struct reply r;

    for (int i = 0; i < 2000000; i++)
        buf_add_char(&body, 'x');
    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, JSON_POST "Content-Length: %zu\r\n\r\n", body.len));
    CHECK(client_send_bytes(&c, buf_str(&body)));
    r = client_read(&c);
    CHECK_INT(r.status, 413);
    CHECK_STR(reply_header(&r, "Connection"), "close");
    CHECK(client_sees_close(&c));
    client_close(&c);
    CHECK(says_hello(s));
    http_server_free(s);
}

TEST(too_large_body_is_refused_before_it_is_sent_on_expect_continue)
{
    struct http_server *s = start_with((struct http_options){.body_max_bytes = 1000});
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s",
                      JSON_POST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n"));
    CHECK_INT(client_read(&c).status, 413);
    CHECK(client_sees_close(&c));
    client_close(&c);
    http_server_free(s);
}

TEST(chunked_body_over_the_limit_gets_413)
{
    struct http_server *s = start_with((struct http_options){.body_max_bytes = 10});
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s",
                      JSON_POST "Transfer-Encoding: chunked\r\n\r\n"
                                "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"));
    CHECK_INT(client_read(&c).status, 413);
    CHECK(client_sees_close(&c));
    client_close(&c);
    http_server_free(s);
}

TEST(endless_chunked_body_is_cut_off)
{
    struct http_server *s = start_with((struct http_options){.body_max_bytes = 1000});
    AUTO_BUF chunk = {0};
    struct client c;
    size_t n_sent = 0;

    buf_add_c(&chunk, "100000\r\n"); /* hexadecimal: 1 MiB */
    for (int i = 0; i < 1 << 20; i++)
        buf_add_char(&chunk, 'x');
    buf_add_c(&chunk, "\r\n");
    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "%s", JSON_POST "Transfer-Encoding: chunked\r\n\r\n"));
    while (n_sent < 4 * HTTP_DRAIN_MAX_BYTES && client_send_bytes(&c, buf_str(&chunk)))
        n_sent += chunk.len;
    CHECK(n_sent < 2 * HTTP_DRAIN_MAX_BYTES);
    client_close(&c);
    CHECK(says_hello(s));
    http_server_free(s);
}

TEST(too_large_header_gets_431)
{
    struct http_server *s = start_with((struct http_options){.header_max_bytes = 4096});
    static const size_t sizes[] = {5000, 30000, 200000};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO_BUF value = {0};
        struct client c;

        for (size_t n = 0; n < sizes[i]; n++)
            buf_add_char(&value, 'x');
        REQUIRE(client_open(&c, http_server_port(s)));
        client_send(&c, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n",
                    buf_cstr(&value));
        CHECK_INT(client_read(&c).status, 431);
        client_close(&c);
    }
    CHECK(says_hello(s));
    http_server_free(s);
}

TEST(request_that_arrives_too_slowly_is_ended)
{
    struct http_server *s = start_with((struct http_options){.receive_s = 1, .idle_s = 30});
    struct client head, body;

    REQUIRE(client_open(&head, http_server_port(s)) && client_open(&body, http_server_port(s)));
    CHECK(client_send(&head, "GET /hello HTTP/1.1\r\nHost: local"));
    CHECK(client_send(&body, "%s", JSON_POST "Content-Length: 10\r\n\r\n123"));
    CHECK(client_sees_close(&head));
    CHECK(client_sees_close(&body));
    client_close(&head);
    client_close(&body);
    CHECK(says_hello(s));
    http_server_free(s);
}

/* Asks for more than the kernel's buffers hold and reads nothing. The end cannot be seen from here: it
 * waits in the kernel behind what is not read. */
static bool is_cut_off_without_reading(struct http_server *s)
{
    int64_t deadline_ms = clock_monotonic_ms() + CLIENT_TIMEOUT_MS;
    struct client c;
    int small = 4096;
    bool is_ok = client_open(&c, http_server_port(s));

    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 20; i++)
        is_ok = is_ok && client_send(&c, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (http_server_n_connections(s) == 0 && clock_monotonic_ms() < deadline_ms)
        usleep(1000); /* until it is accepted */
    while (http_server_n_connections(s) > 0 && clock_monotonic_ms() < deadline_ms)
        usleep(10000);
    is_ok = is_ok && http_server_n_connections(s) == 0;
    client_close(&c);
    return is_ok;
}

TEST(client_that_does_not_read_is_cut_off)
{
    static const struct http_options rows[] = {
        {.stall_s = 1, .send_s = 60, .idle_s = 60},
        {.stall_s = 60, .send_s = 1, .idle_s = 60},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_server *s = start_with(rows[i]);

        CHECK(is_cut_off_without_reading(s));
        CHECK(says_hello(s));
        http_server_free(s);
    }
}

TEST(idle_connection_is_closed)
{
    struct http_server *s = start_with((struct http_options){.idle_s = 1});
    struct client c;

    REQUIRE(client_open(&c, http_server_port(s)));
    CHECK(client_send(&c, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK_INT(client_read(&c).status, 200);
    CHECK(client_sees_close(&c));
    client_close(&c);
    http_server_free(s);
}

TEST(connections_beyond_the_limit_wait_for_a_place)
{
    struct http_server *s = start_with((struct http_options){.connections_max = 2});
    struct client held[2], late;

    for (size_t i = 0; i < COUNT(held); i++) {
        REQUIRE(client_open(&held[i], http_server_port(s)));
        CHECK(client_send(&held[i], "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        CHECK_INT(client_read(&held[i]).status, 200);
    }
    REQUIRE(client_open(&late, http_server_port(s))); /* in the kernel's queue */
    CHECK(client_send(&late, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK_INT(http_server_n_connections(s), 2);
    client_close(&held[0]);
    CHECK_INT(client_read(&late).status, 200);
    client_close(&held[1]);
    client_close(&late);
    http_server_free(s);
}

/* -- addresses ------------------------------------------------------------------------------- */

static bool can_connect_ipv6(uint16_t port)
{
    struct sockaddr_in6 at = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_ok = fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;

    if (fd >= 0)
        close(fd);
    return is_ok;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_ok = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;

    if (fd >= 0)
        close(fd);
    return is_ok;
}

TEST(only_loopback_addresses_are_listened_on)
{
    static const char *const hosts[] = {"0.0.0.0",     "::", "192.0.2.1",
                                        "example.org", "",   "127.0.0.1.example.org"};

    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct http_server *s = NULL;
        struct error err = {0};
        struct http_options options = {.host = str_c(hosts[i])};

        CHECK(!http_server_new(&options, &s, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
}

TEST(any_address_is_listened_on_when_requests_are_authenticated)
{
    static const char *const hosts[] = {"0.0.0.0", "::", "127.0.0.2"};

    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct http_server *s;

        if (str_eq_c(str_c(hosts[i]), "::") && !has_ipv6())
            continue;
        s = start_with(
            (struct http_options){.host = str_c(hosts[i]), .is_remote_allowed = true});
        REQUIRE(s);
        CHECK_INT(can_connect_ipv6(http_server_port(s)), str_eq_c(str_c(hosts[i]), "::"));
        if (i < 2) /* both hold 127.0.0.1 */
            CHECK(says_hello(s));
        http_server_free(s);
    }
}

/* Ports below 1024 from a process without rights: what to do about it is said. */
TEST(a_privileged_port_needs_a_capability)
{
    struct http_options options = {.host = STR("127.0.0.1"), .port = 81};
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    int first_free = 0, status = -1;
    pid_t child;

    if (f) {
        if (fscanf(f, "%d", &first_free) != 1)
            first_free = 0;
        fclose(f);
    }
    if (first_free <= options.port)
        return; /* every port is open to everybody here */
    child = fork();
    if (child == 0) {
        struct http_server *s = NULL;
        struct error err = {0};

        if (getuid() == 0 && setuid(65534) != 0)
            _exit(2);
        if (http_server_new(&options, &s, &err))
            _exit(3);
        _exit(str_contains(str_c(err.text), STR("CAP_NET_BIND_SERVICE")) ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static int make_socket(int kind, uint32_t address, bool is_listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    if (is_listening)
        CHECK(listen(fd, 16) == 0);
    return fd;
}

TEST(sockets_that_listen_already_are_served)
{
    const int listeners[] = {make_socket(SOCK_STREAM, INADDR_LOOPBACK, true),
                             make_socket(SOCK_STREAM, INADDR_LOOPBACK + 1, true)};
    struct http_server *s = start_with((struct http_options){
        .host = STR("0.0.0.0"), .listeners = listeners, .n_listeners = COUNT(listeners)});

    REQUIRE(s);
    CHECK_STR(http_server_host(s), "127.0.0.1");
    CHECK(says_hello(s));
    http_server_free(s);
}

TEST(other_sockets_are_refused)
{
    static const struct {
        int kind;
        uint32_t address;
        bool is_listening;
        const char *says;
    } rows[] = {
        {SOCK_STREAM, INADDR_LOOPBACK, false, "does not listen for TCP"},
        {SOCK_DGRAM, INADDR_LOOPBACK, false, "does not listen for TCP"},
        {SOCK_STREAM, INADDR_ANY, true, "other machines could reach it"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = make_socket(rows[i].kind, rows[i].address, rows[i].is_listening);
        struct http_options options = {.listeners = &fd, .n_listeners = 1};
        struct http_server *s = NULL;
        struct error err = {0};

        CHECK(!http_server_new(&options, &s, &err));
        CHECK(str_contains(str_c(err.text), str_c(rows[i].says)));
        close(fd);
    }
}

TEST(port_in_use_is_said_so)
{
    struct http_server *s = start(), *second = NULL;
    struct http_options options = {.host = STR("127.0.0.1"), .port = http_server_port(s)};
    struct error err = {0};

    CHECK(!http_server_new(&options, &second, &err));
    CHECK_INT(err.kind, ERROR_UNAVAILABLE);
    CHECK(str_contains(str_c(err.text), STR("in use")));
    http_server_free(s);
}

TEST(localhost_means_both_families)
{
    struct http_server *s = start_with((struct http_options){.host = STR("localhost")});

    CHECK(says_hello(s));
    CHECK_INT(can_connect_ipv6(http_server_port(s)), has_ipv6());
    http_server_free(s);
}

TEST(server_that_never_started_can_be_freed)
{
    struct http_options options = {.host = STR("127.0.0.1")};
    struct http_server *s = NULL;
    struct error err = {0};

    CHECK_OK(http_server_new(&options, &s, &err), err);
    http_server_free(s);
    http_server_free(NULL);
}

TEST(server_may_be_stopped_twice)
{
    struct http_server *s = start();

    http_server_stop(s, 0);
    http_server_stop(s, 0);
    http_server_free(s);
}

/* -- odd requests ---------------------------------------------------------------------------- */

TEST(nonsense_does_not_hurt)
{
    struct http_server *s = start();
    static const char *const rows[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n", /* the start of TLS */
        "GET /hello HTTP/1.1\r\nHost localhost\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        "99999999999999999999\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;

        REQUIRE(client_open(&c, http_server_port(s)));
        CHECK(client_send(&c, "%s", rows[i]));
        shutdown(c.fd, SHUT_WR);
        CHECK(client_read(&c).status / 100 != 2);
        client_close(&c);
    }
    CHECK(says_hello(s));
    http_server_free(s);
}

TEST(http_1_0_is_answered_and_closed)
{
    struct http_server *s = start();
    struct client c;
    struct reply r =
        client_ask(&c, http_server_port(s), "GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n");

    CHECK_INT(r.status, 200);
    CHECK_STR(r.body, "hello");
    CHECK(client_sees_close(&c));
    client_close(&c);
    http_server_free(s);
}

TEST_MAIN()

/*
 * test_tls.c - TLS as a client meets it: versions, the certificate shown, and its replacement.
 *
 * The client is GnuTLS on a socket of its own; it looks at the certificate it is given instead of
 * judging it, because what is asked here is which one that is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/sys.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#define TIMEOUT_MS 20000
#define ASK        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* -- files ----------------------------------------------------------------------------------- */

struct stage {
    struct arena arena;
    char dir[64];
    const char *certificate_file, *key_file;
};

static void stage_deinit(struct stage *g)
{
    unlink(g->certificate_file);
    unlink(g->key_file);
    rmdir(g->dir);
    arena_deinit(&g->arena);
}
#define AUTO_STAGE AUTO(stage_deinit) struct stage

static void stage_init(struct stage *g)
{
    *g = (struct stage){.dir = "/tmp/memoryd-tls-XXXXXX"};
    CHECK(mkdtemp(g->dir) != NULL);
    g->certificate_file = arena_printf(&g->arena, "%s/chain.pem", g->dir).ptr;
    g->key_file = arena_printf(&g->arena, "%s/key.pem", g->dir).ptr;
}

static void put(const char *path, struct str text)
{
    struct error err = {0};

    CHECK_OK(sys_write_file(path, 0600, text, &err), err);
}

static void put_certificate(struct stage *g, const char *name)
{
    struct pki_pair pair = pki_make(&g->arena, &(struct pki_wish){.name = name});

    put(g->certificate_file, pair.certificate);
    put(g->key_file, pair.key);
}

/* -- server ---------------------------------------------------------------------------------- */

static void handle_hello(struct http_request *r, void *ctx)
{
    (void)ctx;
    buf_add_c(http_reply_body(r), "hello");
    http_reply(r, 200, "text/plain");
}

static bool try_start(const struct stage *g, struct http_server **out, struct error *err)
{
    const struct http_options options = {
        .host = STR("127.0.0.1"),
        .certificate_file = g->certificate_file,
        .key_file = g->key_file,
        .handshake_s = 2,
        .idle_s = 60,
    };

    if (!http_server_new(&options, out, err))
        return false;
    http_server_add(
        *out, &(struct http_route){.method = "GET", .path = "/hello", .handle = handle_hello});
    return http_server_start(*out, err);
}

static struct http_server *start(const struct stage *g)
{
    struct http_server *s = NULL;
    struct error err = {0};

    CHECK_OK(try_start(g, &s, &err), err);
    return s;
}

/* -- client ---------------------------------------------------------------------------------- */

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gnutls_push_func push; /* NULL: as usual */
    char name[64];         /* the common name that the server showed */
};

static void read_name(struct client *c)
{
    unsigned n = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(c->session, &n);
    gnutls_x509_crt_t crt;
    size_t size = sizeof(c->name);

    if (n == 0)
        return;
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_import(crt, &list[0], GNUTLS_X509_FMT_DER);
    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, c->name, &size);
    gnutls_x509_crt_deinit(crt);
}

static int connect_plain(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    return fd;
}

/* False: the handshake failed. */
static bool client_shake(struct client *c, const char *priorities)
{
    gnutls_init(&c->session, GNUTLS_CLIENT);
    gnutls_certificate_allocate_credentials(&c->credentials);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_priority_set_direct(c->session, priorities, NULL);
    gnutls_transport_set_int(c->session, c->fd);
    if (c->push)
        gnutls_transport_set_push_function(c->session, c->push);
    gnutls_handshake_set_timeout(c->session, TIMEOUT_MS);
    gnutls_record_set_timeout(c->session, TIMEOUT_MS);
    if (gnutls_handshake(c->session) < 0)
        return false;
    read_name(c);
    return true;
}

static bool client_open(struct client *c, uint16_t port, const char *priorities)
{
    *c = (struct client){.fd = connect_plain(port)};
    return client_shake(c, priorities);
}

static void client_close(struct client *c)
{
    if (c->session)
        gnutls_deinit(c->session);
    if (c->credentials)
        gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

static bool client_asks(struct client *c)
{
    char reply[2048];
    size_t n = 0;

    if (gnutls_record_send(c->session, ASK, strlen(ASK)) < 0)
        return false;
    while (n < sizeof(reply) && !str_ends(str_n(reply, n), STR("hello"))) {
        ssize_t got = gnutls_record_recv(c->session, reply + n, sizeof(reply) - n);

        if (got == GNUTLS_E_AGAIN) /* a session ticket came, not data */
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return str_starts(str_n(reply, n), STR("HTTP/1.1 200"));
}

/* The name that a new connection is shown; "" if there is no talking to the server. */
static struct str shown_name(struct stage *g, uint16_t port)
{
    struct client c;
    struct str name = {0};

    if (client_open(&c, port, "NORMAL") && client_asks(&c))
        name = arena_dup(&g->arena, str_c(c.name));
    client_close(&c);
    return name;
}

static bool is_shown_in_time(struct stage *g, uint16_t port, const char *name)
{
    int64_t end_ms = clock_monotonic_ms() + TIMEOUT_MS;

    while (clock_monotonic_ms() < end_ms) {
        if (str_eq_c(shown_name(g, port), name))
            return true;
        usleep(50000);
    }
    return false;
}

/* -- tests ----------------------------------------------------------------------------------- */

TEST(speaks_tls_of_today_and_nothing_older)
{
    static const struct {
        const char *priorities;
        bool is_ok;
    } rows[] = {
        {"NORMAL", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:+AES-128-GCM", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT", false},
    };
    AUTO_STAGE g;
    struct http_server *s;

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client c;
        bool is_ok = client_open(&c, http_server_port(s), rows[i].priorities) &&
                     client_asks(&c) && client_asks(&c);

        if (!CHECK_INT(is_ok, rows[i].is_ok))
            fprintf(stderr, "  %s\n", rows[i].priorities);
        client_close(&c);
    }
    http_server_free(s);
}

TEST(plain_http_on_a_tls_port_gets_nothing)
{
    AUTO_STAGE g;
    struct http_server *s;
    struct client c = {.fd = -1};
    char reply[512];
    ssize_t n;

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    c.fd = connect_plain(http_server_port(s));
    CHECK(send(c.fd, ASK, strlen(ASK), MSG_NOSIGNAL) > 0);
    n = recv(c.fd, reply, sizeof(reply), 0);
    CHECK(n <= 0 || !str_starts(str_n(reply, (size_t)n), STR("HTTP/")));
    client_close(&c);
    http_server_free(s);
}

static int64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool sees_close(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&p, 1, TIMEOUT_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* It used to keep a core busy: libmicrohttpd tried again and again until the client went on. */
TEST(a_handshake_that_stops_costs_nothing_and_ends)
{
    static const struct str begun = STR_INIT("\x16\x03\x01\x02\x00\x01");
    AUTO_STAGE g;
    struct http_server *s;
    int fds[4];
    int64_t before_ms;

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    before_ms = cpu_ms();
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_plain(http_server_port(s));
        CHECK(send(fds[i], begun.ptr, begun.len - i, MSG_NOSIGNAL) > 0);
    }
    for (size_t i = 0; i < COUNT(fds); i++) {
        CHECK(sees_close(fds[i])); /* after handshake_s */
        close(fds[i]);
    }
    CHECK(cpu_ms() - before_ms < 300);
    http_server_free(s);
}

static ssize_t push_one_byte(gnutls_transport_ptr_t ptr, const void *data, size_t n)
{
    return send((int)(intptr_t)ptr, data, MIN(n, 1), MSG_NOSIGNAL);
}

TEST(a_handshake_may_come_byte_by_byte)
{
    AUTO_STAGE g;
    struct http_server *s;
    struct client c = {0};

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    c.fd = connect_plain(http_server_port(s));
    c.push = push_one_byte;
    CHECK(client_shake(&c, "NORMAL") && client_asks(&c));
    client_close(&c);
    http_server_free(s);
}

TEST(a_server_stops_in_the_middle_of_handshakes)
{
    AUTO_STAGE g;
    struct http_server *s;
    int fds[8];

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_plain(http_server_port(s));
        CHECK(send(fds[i], "\x16\x03\x01", 1 + i % 3, MSG_NOSIGNAL) > 0);
    }
    CHECK_STR(shown_name(&g, http_server_port(s)), "first.example");
    http_server_free(s);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

TEST(a_new_certificate_serves_new_connections)
{
    AUTO_STAGE g;
    struct http_server *s;
    struct client old;

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    CHECK(client_open(&old, http_server_port(s), "NORMAL"));
    CHECK_STR(str_c(old.name), "first.example");
    CHECK(client_asks(&old));

    put_certificate(&g, "second.example");
    CHECK(is_shown_in_time(&g, http_server_port(s), "second.example"));
    CHECK(client_asks(&old));
    client_close(&old);
    http_server_free(s);
}

TEST(a_bad_certificate_leaves_the_old_one_in_service)
{
    AUTO_STAGE g;
    struct http_server *s;
    struct pki_pair good;

    stage_init(&g);
    put_certificate(&g, "first.example");
    s = start(&g);
    REQUIRE(s);
    put(g.certificate_file, STR("nothing of use\n"));
    http_server_reload_certificate(s);
    CHECK_STR(shown_name(&g, http_server_port(s)), "first.example");

    good = pki_make(&g.arena, &(struct pki_wish){.name = "second.example"});
    put(g.key_file, good.key);
    http_server_reload_certificate(s);
    CHECK_STR(shown_name(&g, http_server_port(s)), "first.example");

    put(g.certificate_file, good.certificate);
    http_server_reload_certificate(s);
    CHECK(is_shown_in_time(&g, http_server_port(s), "second.example"));
    http_server_free(s);
}

TEST(a_start_without_a_good_certificate_says_why)
{
    AUTO_STAGE g;
    struct http_server *s = NULL;
    struct error err = {0};
    struct pki_pair other;

    stage_init(&g);
    CHECK(!try_start(&g, &s, &err));
    CHECK(str_contains(str_c(err.text), str_c(g.certificate_file)));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);

    put_certificate(&g, "first.example");
    other = pki_make(&g.arena, &(struct pki_wish){.name = "other.example"});
    put(g.key_file, other.key);
    CHECK(!try_start(&g, &s, &err));
    CHECK(str_contains(str_c(err.text), str_c(g.key_file)));
    CHECK(str_contains(str_c(err.text), STR("is not that of the certificate")));
    http_server_free(s);
}

TEST_MAIN()

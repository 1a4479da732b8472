/* test_headers.c - what clients write into headers, in tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include "tests/support/test.h"

TEST(authority_is_a_name_and_perhaps_a_port)
{
    static const struct {
        const char *in;
        bool is_ok;
        const char *host;
        int port;
    } rows[] = {
        {"localhost", true, "localhost", 0},
        {"localhost:8765", true, "localhost", 8765},
        {"127.0.0.1:1", true, "127.0.0.1", 1},
        {"[::1]", true, "::1", 0},
        {"[::1]:65535", true, "::1", 65535},
        {"my_host-1.example", true, "my_host-1.example", 0},
        {"", false, "", 0},
        {":80", false, "", 0},
        {"localhost:", false, "", 0},
        {"localhost:0", false, "", 0},
        {"localhost:65536", false, "", 0},
        {"localhost:000080", false, "", 0},
        {"localhost:80x", false, "", 0},
        {"localhost:-1", false, "", 0},
        {"::1", false, "", 0},
        {"[::1", false, "", 0},
        {"[]", false, "", 0},
        {"[::1]x", false, "", 0},
        {"[::1]:", false, "", 0},
        {"[fe80::1%eth0]", false, "", 0},
        {"user@localhost", false, "", 0},
        {"localhost/x", false, "", 0},
        {"local host", false, "", 0},
        {"localhost,evil.example", false, "", 0},
        {"localhost\x01", false, "", 0},
        {"löcalhost", false, "", 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_authority got = {0};

        CHECK_INT(http_parse_authority(str_c(rows[i].in), &got), rows[i].is_ok);
        CHECK_STR(got.host, rows[i].host);
        CHECK_INT(got.port, rows[i].port);
    }
}

TEST(authority_has_a_longest_name)
{
    char text[HTTP_HOST_MAX_BYTES + 3];
    struct http_authority got;

    memset(text, 'a', sizeof(text));
    CHECK(http_parse_authority(str_n(text, HTTP_HOST_MAX_BYTES), &got));
    CHECK(!http_parse_authority(str_n(text, HTTP_HOST_MAX_BYTES + 1), &got));
}

TEST(loopback_names_are_few)
{
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST:80", true},
        {"127.0.0.1", true},
        {"127.255.0.9:1", true},
        {"[::1]:8080", true},
        {"[0:0:0:0:0:0:0:1]", true},
        {"localhost.", false},
        {"localhost.evil.example", false},
        {"evil-localhost", false},
        {"127.0.0.1.evil.example", false},
        {"127.0.0.1.1", false},
        {"127.1", false},
        {"127.0.0.01", false},
        {"127.0.0.256", false},
        {"127.0.0.", false},
        {"128.0.0.1", false},
        {"0177.0.0.1", false},
        {"2130706433", false},
        {"0.0.0.0", false},
        {"[::]", false},
        {"[::ffff:127.0.0.1]", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_authority a;

        REQUIRE(http_parse_authority(str_c(rows[i].in), &a));
        if (!CHECK_INT(http_host_is_loopback(&a), rows[i].want))
            fprintf(stderr, "  row \"%s\"\n", rows[i].in);
    }
}

TEST(allowed_host_matches_name_and_given_port)
{
    static const struct str allowed[] = {STR_INIT("memory.example"),
                                         STR_INIT(" b.example:8443"), STR_INIT("[fd00::1]")};
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"memory.example", true},    {"Memory.Example:1234", true}, {"b.example:8443", true},
        {"b.example", false},        {"b.example:443", false},      {"[fd00::1]:1", true},
        {"x.memory.example", false}, {"memory.example.x", false},   {"memory.exampl", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_authority a;

        REQUIRE(http_parse_authority(str_c(rows[i].in), &a));
        CHECK_INT(http_host_is_allowed(&a, allowed, COUNT(allowed)), rows[i].want);
    }
}

TEST(origin_is_compared_in_scheme_host_and_port)
{
    static const struct str allowed[] = {STR_INIT("https://claude.ai"),
                                         STR_INIT("http://lan.example:3000"), STR_INIT("*"),
                                         STR_INIT("app://desktop")};
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"https://claude.ai", true},
        {"https://claude.ai:443", true},
        {"HTTPS://CLAUDE.AI", true},
        {"http://lan.example:3000", true},
        {"http://localhost:6274", true},
        {"https://127.0.0.1", true},
        {"http://[::1]:3000", true},
        {"app://desktop", true},
        {"http://claude.ai", false},
        {"https://claude.ai:444", false},
        {"https://claude.ai.evil.example", false},
        {"https://evil.example", false},
        {"http://lan.example", false},
        {"http://localhost.evil.example", false},
        {"app://localhost", false},
        {"null", false},
        {"*", false},
        {"", false},
        {"localhost", false},
        {"http://", false},
        {"http://localhost/", false},
        {"http://localhost/path", false},
        {"http://user@localhost", false},
        {"https://claude.ai, https://claude.ai", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool got = http_origin_is_allowed(str_c(rows[i].in), allowed, COUNT(allowed));

        if (!CHECK_INT(got, rows[i].want))
            fprintf(stderr, "  row \"%s\"\n", rows[i].in);
    }
}

TEST(origin_null_must_be_listed)
{
    static const struct str allowed[] = {STR_INIT("null")};

    CHECK(http_origin_is_allowed(STR("null"), allowed, 1));
    CHECK(!http_origin_is_allowed(STR("null"), NULL, 0));
}

TEST(json_content_type_may_have_parameters_but_only_utf8)
{
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json;charset=utf-8", true},
        {"application/json ; Charset=\"UTF-8\"", true},
        {"application/json; profile=\"a;charset=latin1\"", true},
        {"application/json;", true},
        {"application/json; charset=iso-8859-1", false},
        {"application/json; x=1; charset=utf-16", false},
        {"application/jsonp", false},
        {"application/json, text/plain", false},
        {"text/json", false},
        {"text/plain", false},
        {"application/x-www-form-urlencoded", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!CHECK_INT(http_is_json(str_c(rows[i].in)), rows[i].want))
            fprintf(stderr, "  row \"%s\"\n", rows[i].in);
    }
    CHECK(!http_is_json((struct str){0}));
}

TEST(accept_lets_through_by_the_closest_range)
{
    static const struct {
        const char *accept;
        bool json, events;
    } rows[] = {
        {"", true, true},
        {"*/*", true, true},
        {"application/json, text/event-stream", true, true},
        {"application/json", true, false},
        {"APPLICATION/JSON", true, false},
        {"text/event-stream", false, true},
        {"application/*", true, false},
        {"text/html", false, false},
        {"text/html, */*;q=0.1", true, true},
        {"*/*, application/json;q=0", false, true},
        {"application/json;q=0, */*", false, true},
        {"application/json;q=0.0, text/event-stream;q=0.001", false, true},
        {"application/*;q=0, application/json", true, false},
        {"application/json;q=0, application/json", true, false},
        {"application/json;v=\"a,b\";q=0", false, false},
        {"application/json;q=wild", true, false},
        {"application/json ; q = 0", false, false},
        {"*", false, false},
        {",,,", false, false},
        {"text/*, ,application/json", true, true},
        {"application/jsonx", false, false},
        {"\"", false, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str accept = str_c(rows[i].accept);

        if (!CHECK_INT(http_accepts(accept, STR("application/json")), rows[i].json) ||
            !CHECK_INT(http_accepts(accept, STR("text/event-stream")), rows[i].events))
            fprintf(stderr, "  row \"%s\"\n", rows[i].accept);
    }
}

TEST(target_is_decoded_once_and_holds_no_nul)
{
    static const struct {
        const char *in;
        bool is_ok;
        const char *authority, *path, *query;
    } rows[] = {
        {"/", true, "", "/", ""},
        {"/mcp?x=1?2", true, "", "/mcp", "x=1?2"},
        {"/mcp/my%20space", true, "", "/mcp/my space", ""},
        {"/%6d%63p", true, "", "/mcp", ""},
        {"/%C3%A9", true, "", "/é", ""},
        {"/a%252F", true, "", "/a%2F", ""},
        {"http://localhost:80/mcp", true, "localhost:80", "/mcp", ""},
        {"http://localhost/?q", true, "localhost", "/", "q"},
        {"", false, "", "", ""},
        {"*", false, "", "", ""},
        {"mcp", false, "", "", ""},
        {"localhost:80", false, "", "", ""},
        {"http://localhost", false, "", "", ""},
        {"ftp://localhost/", false, "", "", ""},
        {"/a b", false, "", "", ""},
        {"/a#b", false, "", "", ""},
        {"/%00", false, "", "", ""},
        {"/%", false, "", "", ""},
        {"/%1", false, "", "", ""},
        {"/%zz", false, "", "", ""},
        {"/\x01", false, "", "", ""},
        {"/é", false, "", "", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        struct http_target got = {0};
        struct error err = {0};

        if (!CHECK_INT(http_parse_target(&a, str_c(rows[i].in), &got, &err), rows[i].is_ok))
            fprintf(stderr, "  row \"%s\"\n", rows[i].in);
        CHECK_STR(got.authority, rows[i].authority);
        CHECK_STR(got.path, rows[i].path);
        CHECK_STR(got.query, rows[i].query);
    }
}

TEST(proxies_are_known_by_their_headers)
{
    static const struct {
        const char *in;
        bool want;
    } rows[] = {
        {"X-Forwarded-For", true}, {"x-forwarded-anything", true},
        {"Forwarded", true},       {"CF-Connecting-IP", true},
        {"X-Real-IP", true},       {"Via", true},
        {"X-Forwarded", false},    {"Host", false},
        {"Forward", false},        {"", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(http_is_forwarding_header(str_c(rows[i].in)), rows[i].want);
}

TEST_MAIN()

/* test_doctor.c - what doctor reads out of clocks, addresses and headers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include "tests/support/test.h"

#define DAY_MS   ((int64_t)86400000)
#define BUILT_MS ((int64_t)1767225600000) /* 2026-01-01 */

TEST(a_clock_older_than_the_program_or_far_beyond_it_is_wrong)
{
    static const struct {
        int64_t now_ms;
        const char *says; /* NULL: nothing */
    } rows[] = {
        {0, "earlier than this program"},
        {BUILT_MS - 2 * DAY_MS, "earlier than this program, which is of 2026-01-01T"},
        {BUILT_MS - DAY_MS / 2, NULL},
        {BUILT_MS, NULL},
        {BUILT_MS + DAY_MS * 365 * 10, NULL},
        {BUILT_MS + DAY_MS * 365 * 21, "20 years later"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str got = doctor_clock_problem(&a, rows[i].now_ms, BUILT_MS);

        CHECK(rows[i].says ? str_contains(got, str_c(rows[i].says)) : got.len == 0);
    }
}

TEST(addresses_are_taken_apart)
{
    static const struct {
        const char *url, *origin, *host, *path;
        int64_t port;
    } rows[] = {
        {"https://a.example/mcp", "https://a.example", "a.example", "/mcp", 443},
        {"https://a.example", "https://a.example", "a.example", "", 443},
        {"https://a.example:8443/x/mcp/", "https://a.example:8443", "a.example", "/x/mcp/",
         8443},
        {"https://[::1]:8443/mcp", "https://[::1]:8443", "::1", "/mcp", 8443},
        {"https://[::1]/mcp", "https://[::1]", "::1", "/mcp", 443},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct doctor_address at = {0};
        struct error err = {0};

        CHECK_OK(doctor_parse_url(str_c(rows[i].url), &at, &err), err);
        CHECK_STR(at.origin, rows[i].origin);
        CHECK_STR(at.host, rows[i].host);
        CHECK_STR(at.path, rows[i].path);
        CHECK_INT(at.port, rows[i].port);
    }
}

TEST(what_is_no_address_is_refused)
{
    static const char *const rows[] = {
        "",
        "a.example/mcp",
        "http://a.example/mcp",
        "https://",
        "https:///mcp",
        "https://a b/",
        "https://u@a.example/",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:x/",
        "https://[::1/",
        "https://[::1]x/",
        "https://a.example/\r\nX: y",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct doctor_address at;
        struct error err = {0};

        if (!CHECK(!doctor_parse_url(str_c(rows[i]), &at, &err)))
            printf("  %s\n", rows[i]);
    }
}

TEST(well_known_names_go_between_host_and_path)
{
    static const struct {
        const char *url, *want;
    } rows[] = {
        {"https://a.example", "https://a.example/.well-known/x"},
        {"https://a.example/", "https://a.example/.well-known/x"},
        {"https://a.example/mcp", "https://a.example/.well-known/x/mcp"},
        {"https://a.example/t/mcp", "https://a.example/.well-known/x/t/mcp"},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct doctor_address at = {0};
        struct error err = {0};

        CHECK_OK(doctor_parse_url(str_c(rows[i].url), &at, &err), err);
        CHECK_STR(doctor_well_known(&a, &at, "x"), rows[i].want);
    }
}

TEST(parameters_of_a_challenge)
{
    static const struct {
        const char *challenge, *want; /* NULL: none */
    } rows[] = {
        {"Bearer resource_metadata=\"https://a/m\"", "https://a/m"},
        {"bearer scope=\"read\", resource_metadata=\"https://a/m\", error=\"x\"",
         "https://a/m"},
        {"Bearer error=\"x\",resource_metadata=\"https://a/m\"", "https://a/m"},
        {"Bearer x_resource_metadata=\"https://b\", resource_metadata=\"https://a\"",
         "https://a"},
        {"Bearer", NULL},
        {"Basic resource_metadata=\"https://a/m\"", NULL},
        {"Bearer resource_metadata=https://a/m", NULL},
        {"Bearer resource_metadata=\"https://a/m", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str got =
            doctor_challenge_param(str_c(rows[i].challenge), STR("resource_metadata"));

        if (rows[i].want)
            CHECK_STR(got, rows[i].want);
        else
            CHECK(!got.ptr);
    }
}

TEST(where_a_policy_lets_forms_lead)
{
    static const struct {
        const char *policy;
        bool want;
    } rows[] = {
        {"", true},
        {"default-src 'none'", true}, /* forms do not fall back to it */
        {"form-action 'self' https://claude.ai", true},
        {"default-src 'none'; FORM-ACTION https:", true},
        {"form-action *", true},
        {"form-action 'self'", false},
        {"form-action 'none'; frame-src https://claude.ai", false},
        {"form-action 'self' https://claude.ai.evil.example", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!CHECK_INT(doctor_policy_allows(str_c(rows[i].policy), STR("https://claude.ai")),
                       rows[i].want))
            printf("  %s\n", rows[i].policy);
    }
}

TEST_MAIN()

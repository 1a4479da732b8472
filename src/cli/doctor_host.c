/*
 * doctor_host.c - what memoryd doctor looks at on this machine besides the database and the model.
 *
 * The clock is held against the program's own file: it cannot be older than that. Whether something keeps it
 * right only the kernel can say, by what a time service told it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_int.h"

#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "sys/sys.h"

#define DAY_MS          ((int64_t)86400000)
#define CLOCK_SLACK_MS  DAY_MS /* a file may be copied with a time of another zone */
#define CLOCK_FUTURE_MS (DAY_MS * 365 * 20)
#define CERTIFICATE_MAX ((size_t)256 << 10)
#define EXPIRES_SOON_MS (14 * DAY_MS)
#define HTTPS_PORT      443

/* -- clock ------------------------------------------------------------------------------------- */

struct str doctor_clock_problem(struct arena *a, int64_t now_ms, int64_t built_ms)
{
    char built[CLOCK_ISO_MAX];

    clock_iso_utc(built_ms, built);
    if (now_ms < built_ms - CLOCK_SLACK_MS)
        return arena_printf(a, "it is earlier than this program, which is of %s", built);
    if (now_ms > built_ms + CLOCK_FUTURE_MS)
        return arena_printf(a, "it is 20 years later than this program, which is of %s", built);
    return (struct str){0};
}

static bool is_kept_right(void)
{
    struct timex state = {0};

    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

static void check_clock(struct doctor *d)
{
    struct str now = cli_local_time(d->c, d->c->now_ms), problem = {0};
    struct stat st;

    if (stat("/proc/self/exe", &st) == 0)
        problem =
            doctor_clock_problem(d->c->arena, d->c->now_ms, (int64_t)st.st_mtim.tv_sec * 1000);
    if (problem.len)
        doctor_say(d, VERDICT_FAILED, "clock",
                   "the time is " STR_FMT ": " STR_FMT
                   "; set the clock, or memories get wrong dates and tokens are refused",
                   STR_ARG(now), STR_ARG(problem));
    else if (!is_kept_right())
        doctor_say(d, VERDICT_NOTE, "clock",
                   STR_FMT " local time; no time service keeps it right (systemd-timesyncd, "
                           "chrony), or none can be seen from here",
                   STR_ARG(now));
    else
        doctor_say(d, VERDICT_OK, "clock", STR_FMT " local time, kept right by a time service",
                   STR_ARG(now));
}

/* -- files ------------------------------------------------------------------------------------- */

/* Files that hold memories, accounts or a key, and whom they are open to. */
static void check_secrecy(struct doctor *d, struct str path, size_t *n_open)
{
    struct stat st;

    if (!path.len || stat(arena_cstr(d->c->arena, path), &st) != 0 || !(st.st_mode & S_IROTH))
        return;
    ++*n_open;
    doctor_say(d, VERDICT_NOTE, "files",
               "every user of this machine can read " STR_FMT "; chmod o= it", STR_ARG(path));
}

static void check_folder(struct doctor *d, struct str file, size_t *n_bad)
{
    char *folder = sys_dirname(d->c->arena, file).len
                       ? arena_cstr(d->c->arena, sys_dirname(d->c->arena, file))
                       : arena_cstr(d->c->arena, STR("."));

    struct stat st;

    if (stat(folder, &st) != 0)
        return;
    if (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX)) {
        ++*n_bad;
        doctor_say(
            d, VERDICT_NOTE, "files",
            "every user of this machine can delete or replace what is in %s; chmod o-w it",
            folder);
    }
    if (access(folder, W_OK | X_OK) == 0)
        return;
    ++*n_bad;
    doctor_say(d, VERDICT_FAILED, "files",
               "the folder %s is not writable for this user (number %u); chown it, or run as "
               "its owner",
               folder, (unsigned)getuid());
}

static void check_files(struct doctor *d)
{
    const struct config *config = d->c->host->config;
    const struct str kept[] = {config->sqlite_path, config->auth_path, config->key_file};
    size_t n_said = 0;

    check_folder(d, config->sqlite_path, &n_said);
    if (config->is_auth)
        check_folder(d, config->auth_path, &n_said);
    for (size_t i = 0; i < COUNT(kept); i++)
        check_secrecy(d, kept[i], &n_said);
    if (n_said == 0)
        doctor_say(
            d, VERDICT_OK, "files",
            "folders are writable, and others can neither read nor replace what is in them");
}

/* -- certificate ------------------------------------------------------------------------------- */

/* "host", "host:port", "[address]:port", with "https://" before it or not. */
static struct str host_of(struct str text)
{
    struct str port;
    size_t at;

    if (str_find(text, STR("://"), &at))
        text = str_sub(text, at + 3, text.len);
    if (str_starts(text, STR("[")) && str_find_char(text, ']', &at))
        return str_sub(text, 1, at);
    (void)str_cut(text, ':', &text, &port);
    return text;
}

static void check_name(struct doctor *d, const struct crypto_certificate *c, struct str host)
{
    if (host.len && !crypto_certificate_is_for(c, host))
        doctor_say(d, VERDICT_FAILED, "certificate",
                   "it is not for " STR_FMT "; get one that names it", STR_ARG(host));
}

static void describe_certificate(struct doctor *d, const struct crypto_certificate *c)
{
    const struct config *config = d->c->host->config;
    int64_t end_ms = crypto_certificate_end_ms(c);

    check_name(d, c, host_of(config->public_url));
    for (size_t i = 0; i < config->allowed_hosts.n; i++)
        check_name(d, c, host_of(config->allowed_hosts.list[i]));
    if (crypto_certificate_is_alone(c))
        doctor_say(d, VERDICT_FAILED, "certificate",
                   STR_FMT " holds the server's own certificate alone; use the full chain "
                           "(fullchain.pem), or claude.ai refuses it",
                   STR_ARG(config->certificate_file));
    if (end_ms - d->c->now_ms < EXPIRES_SOON_MS)
        doctor_say(d, VERDICT_NOTE, "certificate", "it expires at " STR_FMT "; renew it",
                   STR_ARG(cli_local_time(d->c, end_ms)));
    else
        doctor_say(d, VERDICT_OK, "certificate",
                   "it and its key belong together, until " STR_FMT,
                   STR_ARG(end_ms == INT64_MAX ? STR("ever") : cli_local_time(d->c, end_ms)));
}

static void check_certificate(struct doctor *d)
{
    const struct config *config = d->c->host->config;
    struct crypto_certificate *c;
    struct error err = {0};
    struct crypto_pem chain = {.name = config->certificate_file};
    struct crypto_pem key = {.name = config->key_file};

    if (!config->is_https)
        return;
    if (!sys_read_file(d->c->arena, arena_cstr(d->c->arena, chain.name), CERTIFICATE_MAX,
                       &chain.text, &err) ||
        !sys_read_file(d->c->arena, arena_cstr(d->c->arena, key.name), CERTIFICATE_MAX,
                       &key.text, &err) ||
        !crypto_certificate_new(&chain, &key, d->c->now_ms, &c, &err)) {
        doctor_say(d, VERDICT_FAILED, "certificate", "%s", err.text);
        return;
    }
    describe_certificate(d, c);
    crypto_certificate_unref(c);
}

/* -- port -------------------------------------------------------------------------------------- */

static void check_port(struct doctor *d)
{
    const struct config *config = d->c->host->config;
    struct error err = {0};
    struct str state;

    if (!d->c->host->probe_port(d->c->host->ctx, &state, &err))
        doctor_say(d, VERDICT_FAILED, "address", "%s", err.text);
    else
        doctor_say(d, VERDICT_OK, "address", STR_FMT, STR_ARG(state));
    if (config->is_oauth && config->port != HTTPS_PORT)
        doctor_say(d, VERDICT_NOTE, "address",
                   "claude.ai dials port %d only; let a proxy or tunnel there lead to port %u, "
                   "or set MCP_SSE_PORT=%d",
                   HTTPS_PORT, config->port, HTTPS_PORT);
}

void doctor_check_host(struct doctor *d)
{
    check_clock(d);
    if (!d->c->host->config)
        return;
    check_files(d);
    check_certificate(d);
    check_port(d);
}

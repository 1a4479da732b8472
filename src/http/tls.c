/*
 * tls.c - the certificate in service, and its replacement while connections stay open.
 *
 * Two files are loaded and checked before the server binds. After that the watch thread looks at
 * their stamps: when one has changed and then stayed the same for a look, both are loaded again. The
 * wait is for programs that write certificate and key one after the other. What cannot be used is
 * logged and changes nothing. A look is two calls of stat(), which follows the symbolic links that
 * certbot and Kubernetes switch over; inotify would have to watch every folder on the way.
 *
 * Each connection takes a reference to the current certificate as it begins and gives it up when it
 * has ended. libmicrohttpd is told the first certificate, because it wants one; its sessions are
 * given ours before their handshake (crypto_certificate_use()).
 *
 * Handshakes wait here. libmicrohttpd 0.9.75 takes a socket for readable all through a handshake and
 * tries again and again until the client has answered: one byte from a client that then falls silent
 * keeps a core busy. So a session that finds nothing to read suspends its connection, and the watch
 * thread resumes it when something has come.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_int.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "sys/sys.h"

#define FILE_MAX_BYTES ((size_t)256 << 10)
#define DAY_MS         ((int64_t)86400000)

/* -- loading --------------------------------------------------------------------------------- */

static void wipe(struct str secret)
{
    if (secret.len > 0) /* the arena's own copy */
        explicit_bzero((void *)(uintptr_t)secret.ptr, secret.len);
}

static struct tls_stamp stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct tls_stamp){0};
    return (struct tls_stamp){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = st.st_size,
        .changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
    };
}

static bool is_same(const struct tls_stamp *a, const struct tls_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}

static bool load(struct arena *a, const struct http_options *o, struct tls_pem *out_pem,
                 struct crypto_certificate **out, struct error *err)
{
    struct crypto_pem chain = {.name = str_c(o->certificate_file)};
    struct crypto_pem key = {.name = str_c(o->key_file)};

    if (!sys_read_file(a, o->certificate_file, FILE_MAX_BYTES, &chain.text, err) ||
        !sys_read_file(a, o->key_file, FILE_MAX_BYTES, &key.text, err) ||
        !crypto_certificate_new(&chain, &key, clock_now_ms(), out, err))
        return false;
    *out_pem = (struct tls_pem){chain.text, key.text};
    return true;
}

/* What works, but will not for long or not for everybody. */
static void warn(const struct http_server *s, const struct crypto_certificate *c)
{
    const struct http_options *o = &s->options;
    struct str name = s->public_origin.authority.host;
    int64_t left_ms = crypto_certificate_end_ms(c) - clock_now_ms();
    struct stat st;

    if (stat(o->key_file, &st) == 0 && (st.st_mode & S_IROTH))
        log_event(LOG_WARN, "tls.key_readable",
                  "file=%s text=\"every user of this machine can read the key; chmod 640 it\"",
                  o->key_file);
    if (crypto_certificate_is_alone(c))
        log_event(
            LOG_WARN, "tls.chain",
            "file=%s text=\"it holds the server's own certificate alone; clients may lack "
            "the one that signed it, use the full chain\"",
            o->certificate_file);
    if (name.len > 0 && !crypto_certificate_is_for(c, name))
        log_event(LOG_WARN, "tls.name",
                  "file=%s text=\"the certificate is not for " STR_FMT
                  ", which clients call this server\"",
                  o->certificate_file, STR_ARG(name));
    if (left_ms < TLS_SOON_DAYS * DAY_MS)
        log_event(LOG_WARN, "tls.expires", "file=%s hours=%lld", o->certificate_file,
                  (long long)(left_ms / 3600000));
}

static void log_loaded(const struct http_server *s, const struct crypto_certificate *c)
{
    char end[CLOCK_ISO_MAX] = "never";

    if (crypto_certificate_end_ms(c) != INT64_MAX)
        clock_iso_utc(crypto_certificate_end_ms(c), end);
    log_event(LOG_INFO, "tls.certificate", "file=%s expires=%s", s->options.certificate_file,
              end);
    warn(s, c);
}

bool tls_open(struct http_server *s, struct error *err)
{
    struct tls *t = &s->tls;
    const struct http_options *o = &s->options;

    if (!o->certificate_file)
        return true;
    t->loaded[0] = t->seen[0] = stamp_of(o->certificate_file);
    t->loaded[1] = t->seen[1] = stamp_of(o->key_file);
    if (!load(&t->arena, o, &t->pem, &t->current, err))
        return false;
    t->is_on = true;
    log_loaded(s, t->current);
    return true;
}

void tls_forget_pem(struct http_server *s)
{
    wipe(s->tls.pem.key);
    s->tls.pem = (struct tls_pem){0};
    arena_deinit(&s->tls.arena);
}

void tls_close(struct http_server *s)
{
    tls_forget_pem(s);
    crypto_certificate_unref(STEAL(s->tls.current));
}

/* -- replacing ------------------------------------------------------------------------------- */

static void reload(struct http_server *s)
{
    AUTO_ARENA a = {0};
    struct tls_pem pem = {0};
    struct crypto_certificate *fresh = NULL, *old;
    struct error err = {0};
    char quoted[LOG_QUOTE_MAX];

    if (!load(&a, &s->options, &pem, &fresh, &err)) {
        log_event(LOG_ERROR, "tls.reload", "serving=old reason=%s",
                  log_quote(str_c(err.text), quoted));
        return;
    }
    wipe(pem.key);
    mutex_lock(&s->lock);
    old = s->tls.current;
    s->tls.current = fresh;
    mutex_unlock(&s->lock);
    crypto_certificate_unref(old);
    log_loaded(s, fresh);
}

void tls_look(struct http_server *s)
{
    struct tls *t = &s->tls;
    const struct tls_stamp now[2] = {stamp_of(s->options.certificate_file),
                                     stamp_of(s->options.key_file)};
    bool is_asked = atomic_exchange(&t->is_asked, false);
    bool is_new = !is_same(&now[0], &t->loaded[0]) || !is_same(&now[1], &t->loaded[1]);
    bool is_settled = is_same(&now[0], &t->seen[0]) && is_same(&now[1], &t->seen[1]);

    memcpy(t->seen, now, sizeof(now));
    if (!is_asked && !(is_new && is_settled))
        return;
    memcpy(t->loaded, now,
           sizeof(now)); /* also if it fails: the log says so once, not forever */
    reload(s);
}

void http_server_reload_certificate(struct http_server *s)
{
    if (!s->tls.is_on)
        return;
    atomic_store(&s->tls.is_asked, true);
    watch_kick(s);
}

/* -- connections ----------------------------------------------------------------------------- */

static void wait_for_client(void *ctx)
{
    struct http_connection *c = ctx;

    if (!c->has_spoken) /* later libmicrohttpd notices by itself that there is nothing */
        watch_park(c);
}

void tls_begin(struct http_server *s, struct http_connection *c)
{
    void *session =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;

    mutex_lock(&s->lock);
    c->certificate = crypto_certificate_ref(s->tls.current);
    mutex_unlock(&s->lock);
    c->reader = (struct crypto_reader){.fd = c->fd, .wait = wait_for_client, .ctx = c};
    crypto_certificate_use(c->certificate, &c->reader, session);
    connection_set_deadline(c, s->options.handshake_s);
}

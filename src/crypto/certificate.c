/*
 * certificate.c - what a TLS server presents: loading and checking it, and giving it to sessions.
 *
 * Everything that would make each client turn away is found here, before the first connection: a
 * file that holds something else, a chain in the wrong order, dates, another certificate's key. What
 * only some clients mind (names, an unknown authority) is left to the caller to ask about.
 *
 * A GnuTLS session takes its certificate from a credentials object that must outlive it. Each
 * certificate is one such object with a count of references, and each session is given the one that
 * is current when it begins. So a renewed certificate serves the next connection while the open ones
 * keep theirs, and no handshake copies a key.
 *
 * Session tickets are on, keyed per certificate: a client that comes back skips the signature.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

#define CHAIN_MAX      16
#define HOST_MAX_BYTES 255

struct crypto_certificate {
    atomic_int n_refs;
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key;
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned n_chain;
    int64_t end_ms;
};

static void privkey_deinit(gnutls_x509_privkey_t *key)
{
    if (*key)
        gnutls_x509_privkey_deinit(*key);
}
#define AUTO_PRIVKEY AUTO(privkey_deinit) gnutls_x509_privkey_t

static void certificate_unref(struct crypto_certificate **c)
{
    crypto_certificate_unref(*c);
}
#define AUTO_CERTIFICATE AUTO(certificate_unref) struct crypto_certificate

static gnutls_datum_t datum(struct str s)
{
    /* GnuTLS only reads through it. */
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)s.ptr, (unsigned)s.len};
}

static bool name_error(const struct crypto_pem *pem, struct error *err)
{
    return error_wrap(err, STR_FMT, STR_ARG(pem->name));
}

/* -- the chain --------------------------------------------------------------------------------- */

static bool import_chain(struct crypto_certificate *c, struct str text, struct error *err)
{
    const gnutls_datum_t pem = datum(text);
    unsigned n = CHAIN_MAX;
    int rc;

    if (!str_contains(text, STR("-----BEGIN CERTIFICATE-----")))
        return error_set(err, ERROR_INVALID,
                         "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    rc = gnutls_x509_crt_list_import(c->chain, &n, &pem, GNUTLS_X509_FMT_PEM,
                                     GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
        return error_set(err, ERROR_INVALID, "it holds more than %d certificates", CHAIN_MAX);
    if (rc <= 0)
        return error_set(err, ERROR_INVALID, "its certificates cannot be read: %s",
                         gnutls_strerror(rc));
    c->n_chain = (unsigned)rc;
    return true;
}

static bool check_order(const struct crypto_certificate *c, struct error *err)
{
    for (unsigned i = 1; i < c->n_chain; i++) {
        if (!gnutls_x509_crt_check_issuer(c->chain[i - 1], c->chain[i]))
            return error_set(err, ERROR_INVALID,
                             "certificate %u in it has not signed certificate %u; put the "
                             "server's own first, then the one that signed it, and so on",
                             i + 1, i);
    }
    return true;
}

static const char *day(int64_t seconds, char out[CLOCK_ISO_MAX])
{
    clock_iso_utc(seconds * 1000, out);
    out[strlen("2026-05-16")] = '\0';
    return out;
}

static bool check_dates(const struct crypto_certificate *c, int64_t now_ms, struct error *err)
{
    char text[CLOCK_ISO_MAX];

    for (unsigned i = 0; i < c->n_chain; i++) {
        time_t begin = gnutls_x509_crt_get_activation_time(c->chain[i]);
        time_t end = gnutls_x509_crt_get_expiration_time(c->chain[i]);

        if (begin != (time_t)-1 && begin * 1000 > now_ms)
            return error_set(err, ERROR_INVALID,
                             "certificate %u in it is not valid before %s; wait, or set this "
                             "machine's clock right",
                             i + 1, day(begin, text));
        if (end != (time_t)-1 && end * 1000 <= now_ms)
            return error_set(err, ERROR_INVALID, "certificate %u in it expired on %s; renew it",
                             i + 1, day(end, text));
    }
    return true;
}

static int64_t end_of(gnutls_x509_crt_t certificate)
{
    time_t end = gnutls_x509_crt_get_expiration_time(certificate);

    return end == (time_t)-1 ? INT64_MAX : (int64_t)end * 1000;
}

static bool load_chain(struct crypto_certificate *c, const struct crypto_pem *pem,
                       int64_t now_ms, struct error *err)
{
    if (!import_chain(c, pem->text, err) || !check_order(c, err) ||
        !check_dates(c, now_ms, err))
        return name_error(pem, err);
    c->end_ms = end_of(c->chain[0]);
    return true;
}

/* -- the key ----------------------------------------------------------------------------------- */

static bool import_key(struct str text, gnutls_x509_privkey_t *out, struct error *err)
{
    const gnutls_datum_t pem = datum(text);
    int rc;

    if (!str_contains(text, STR("PRIVATE KEY-----")))
        return error_set(err, ERROR_INVALID,
                         "it holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
    if (str_contains(text, STR("ENCRYPTED")))
        return error_set(err, ERROR_INVALID,
                         "the key in it is encrypted; 'openssl pkey' writes it without");
    gnutls_x509_privkey_init(out);
    rc = gnutls_x509_privkey_import2(*out, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return error_set(err, ERROR_INVALID, "its key cannot be read: %s", gnutls_strerror(rc));
    return true;
}

static bool load_key(struct crypto_certificate *c, const struct crypto_pem *chain,
                     const struct crypto_pem *pem, struct error *err)
{
    AUTO_PRIVKEY key = NULL;
    int rc;

    if (!import_key(pem->text, &key, err))
        return name_error(pem, err);
    rc = gnutls_certificate_set_x509_key(c->credentials, c->chain, (int)c->n_chain, key);
    if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return error_set(err, ERROR_INVALID,
                         STR_FMT ": its key is not that of the certificate in " STR_FMT
                                 "; use the two files that belong together",
                         STR_ARG(pem->name), STR_ARG(chain->name));
    if (rc < 0)
        return error_set(err, ERROR_INVALID, STR_FMT ": it cannot be used: %s",
                         STR_ARG(chain->name), gnutls_strerror(rc));
    return true;
}

/* -- its life ---------------------------------------------------------------------------------- */

static struct crypto_certificate *empty_certificate(void)
{
    struct crypto_certificate *c = NEW(struct crypto_certificate);

    atomic_init(&c->n_refs, 1);
    if (gnutls_certificate_allocate_credentials(&c->credentials) < 0 ||
        gnutls_session_ticket_key_generate(&c->ticket_key) < 0)
        abort(); /* no memory, or no random numbers */
    return c;
}

bool crypto_certificate_new(const struct crypto_pem *chain, const struct crypto_pem *key,
                            int64_t now_ms, struct crypto_certificate **out, struct error *err)
{
    AUTO_CERTIFICATE *c = empty_certificate();

    if (!load_chain(c, chain, now_ms, err) || !load_key(c, chain, key, err))
        return false;
    *out = STEAL(c);
    return true;
}

struct crypto_certificate *crypto_certificate_ref(struct crypto_certificate *c)
{
    atomic_fetch_add(&c->n_refs, 1);
    return c;
}

void crypto_certificate_unref(struct crypto_certificate *c)
{
    if (!c || atomic_fetch_sub(&c->n_refs, 1) != 1)
        return;
    for (unsigned i = 0; i < c->n_chain; i++)
        gnutls_x509_crt_deinit(c->chain[i]);
    gnutls_certificate_free_credentials(c->credentials);
    gnutls_memset(c->ticket_key.data, 0, c->ticket_key.size);
    gnutls_free(c->ticket_key.data);
    free(c);
}

/* -- questions --------------------------------------------------------------------------------- */

int64_t crypto_certificate_end_ms(const struct crypto_certificate *c)
{
    return c->end_ms;
}

bool crypto_certificate_is_alone(const struct crypto_certificate *c)
{
    return c->n_chain == 1 && !gnutls_x509_crt_check_issuer(c->chain[0], c->chain[0]);
}

bool crypto_certificate_is_for(const struct crypto_certificate *c, struct str host)
{
    char name[HOST_MAX_BYTES + 1];

    if (host.len >= sizeof(name))
        return false;
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    return gnutls_x509_crt_check_hostname(c->chain[0], name) != 0;
}

/* "a.example"; of several the first. */
static void name_of(gnutls_x509_crt_t certificate, char out[HOST_MAX_BYTES + 1])
{
    size_t len = HOST_MAX_BYTES;

    memset(out, 0, HOST_MAX_BYTES + 1);
    if (gnutls_x509_crt_get_subject_alt_name(certificate, 0, out, &len, NULL) !=
        GNUTLS_SAN_DNSNAME)
        memcpy(out, "another host", sizeof("another host"));
}

static bool check_shown(const struct crypto_certificate *c, struct str host, struct error *err)
{
    char name[HOST_MAX_BYTES + 1];

    name_of(c->chain[0], name);
    if (!crypto_certificate_is_for(c, host))
        return error_set(err, ERROR_INVALID,
                         "it is for %s, not for " STR_FMT "; get one that names it", name,
                         STR_ARG(host));
    if (gnutls_x509_crt_check_issuer(c->chain[0], c->chain[0]))
        return error_set(err, ERROR_INVALID,
                         "it is signed by itself; get one of a recognised authority, such as "
                         "Let's Encrypt");
    if (crypto_certificate_is_alone(c))
        return error_set(err, ERROR_INVALID,
                         "the server shows its own certificate alone; give it the full chain "
                         "(fullchain.pem)");
    return true;
}

bool crypto_chain_check(struct str pem, struct str host, int64_t now_ms, int64_t *out_end_ms,
                        struct error *err)
{
    AUTO_CERTIFICATE *c = empty_certificate();

    if (!import_chain(c, pem, err) || !check_dates(c, now_ms, err) || !check_order(c, err) ||
        !check_shown(c, host, err))
        return false;
    *out_end_ms = end_of(c->chain[0]);
    return true;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t n)
{
    const struct crypto_reader *reader = ptr;
    ssize_t got = recv(reader->fd, data, n, 0);
    int why = errno;

    if (got < 0 && (why == EAGAIN || why == EWOULDBLOCK))
        reader->wait(reader->ctx);
    errno = why;
    return got;
}

void crypto_certificate_use(struct crypto_certificate *c, struct crypto_reader *reader,
                            void *gnutls_session)
{
    gnutls_transport_set_ptr2(gnutls_session, reader,
                              (gnutls_transport_ptr_t)(intptr_t)reader->fd);
    gnutls_transport_set_pull_function(gnutls_session, pull);
    if (gnutls_credentials_set(gnutls_session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
        abort(); /* no memory */
    /* Without tickets a session still works. */
    (void)gnutls_session_ticket_enable_server(gnutls_session, &c->ticket_key);
}

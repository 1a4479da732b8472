"""HTTPS with certificates of an authority of the test's own, as a client that verifies sees it.

SPDX-License-Identifier: Apache-2.0
"""
import http.client
import json
import signal
import socket
import ssl

import pki
from harness import (DEADLINE_S, DECISION, META, MODERN, QUESTION, Case, Server, run_cli, smoke,
                     wait_until)

NAME = "localhost"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


class TlsServer(Server):
    """Talks HTTPS and believes one authority."""

    def __init__(self, authority, *args, **kwargs):
        self.authority = authority
        super().__init__(*args, **kwargs)

    def context(self):
        context = ssl.create_default_context(cadata=self.authority.certificate_pem.decode())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def connect(self):
        return http.client.HTTPSConnection(NAME, self.port, timeout=DEADLINE_S,
                                           context=self.context())

    def handshake(self, context=None):
        """The version spoken and the serial number of the certificate shown."""
        context = context or self.context()
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as plain:
            with context.wrap_socket(plain, server_hostname=NAME) as s:
                shown = pki.x509.load_der_x509_certificate(s.getpeercert(True))
                return s.version(), shown.serial_number


class Tls(Case):
    def setUp(self):
        super().setUp()
        self.root = pki.make("root", is_authority=True)
        self.middle = pki.make("middle", self.root, is_authority=True)
        self.certificate_file = self.folder / "chain.pem"
        self.key_file = self.folder / "key.pem"

    def put(self, pair, *more):
        """Certificate and key of pair, with more certificates behind; each file whole at once."""
        for path, content in ((self.certificate_file, b"".join(
                p.certificate_pem for p in (pair, *more))), (self.key_file, pair.key_pem())):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.chmod(0o600)
            fresh.rename(path)
        return pair.certificate.serial_number

    def issue(self):
        return self.put(pki.make(NAME, self.middle), self.middle)

    def env(self, **more):
        return {"MCP_HTTPS_ENABLED": "true", "MCP_SSL_CERT_FILE": self.certificate_file,
                "MCP_SSL_KEY_FILE": self.key_file, "MCP_SSE_PORT": 0, **more}

    def tls_server(self, **env):
        server = TlsServer(self.root, self.folder, **self.env(**env))
        self.addCleanup(lambda: server.stop(signal.SIGKILL))
        return server


class Serving(Tls):
    @smoke
    def test_a_client_that_verifies_is_served(self):
        self.issue()
        s = self.tls_server()
        s.store(DECISION)
        self.assertEqual(s.search(QUESTION), [DECISION])
        self.assertIn(f"url=https://127.0.0.1:{s.port}/mcp", s.log.text())
        self.assertEqual(s.stop(), 0)

    def test_versions(self):
        self.issue()
        s = self.tls_server()
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            context = s.context()
            context.minimum_version = context.maximum_version = version
            self.assertEqual(s.handshake(context)[0], name)
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = s.context()
            context.set_ciphers("ALL:@SECLEVEL=0")  # else the client itself would not try
            context.minimum_version = context.maximum_version = version
            with self.subTest(version=version), self.assertRaises((ssl.SSLError, OSError)):
                s.handshake(context)
        self.assertEqual(s.post(LIST).status, 200)

    def test_plain_http_gets_no_answer(self):
        self.issue()
        s = self.tls_server()
        with self.assertRaises((http.client.HTTPException, OSError)):
            plain = http.client.HTTPConnection("127.0.0.1", s.port, timeout=DEADLINE_S)
            plain.request("GET", "/api/health")
            plain.getresponse()
        self.assertEqual(s.request("GET", "/api/health").status, 200)

    def test_browsers_are_told_to_stay_with_https_if_a_setting_says_so(self):
        self.issue()
        silent = self.tls_server()
        self.assertNotIn("Strict-Transport-Security", silent.request("GET", "/api/health").headers)
        silent.stop()
        s = self.tls_server(MEMORYD_HSTS_MAX_AGE_S=3600)
        for path in ("/api/health", "/nothing-here"):
            self.assertEqual(s.request("GET", path).headers["Strict-Transport-Security"],
                             "max-age=3600")

    def test_names_in_the_certificate_are_names_of_the_server(self):
        self.put(pki.make("memory.example", self.middle), self.middle)
        for more, status in (({}, 200), ({"MCP_ALLOWED_HOSTS": "other.example"}, 403)):
            s = self.tls_server(MCP_OAUTH_ENABLED="true", MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db",
                                **more)
            for host, want in (("memory.example", status), ("x.memory.example", 403),
                               ("evil.example", 403), ("localhost", 200)):
                with self.subTest(host=host, more=more):
                    context = s.context()
                    context.check_hostname = False
                    connection = http.client.HTTPSConnection(NAME, s.port, timeout=DEADLINE_S,
                                                             context=context)
                    connection.request("GET", "/login", headers={"Host": host})
                    self.assertEqual(connection.getresponse().status, want)
                    connection.close()

    def test_handshakes_that_stop_in_the_middle_hold_nobody_up(self):
        self.issue()
        s = self.tls_server()
        stuck = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(20)]
        for number, connection in enumerate(stuck):
            connection.sendall(b"\x16\x03\x01\x02\x00\x01"[:number % 7])
        self.assertEqual(s.post(LIST).status, 200)
        for connection in stuck:
            connection.close()


class Renewal(Tls):
    def open_stream(self, s):
        """A stream that stays open: subscriptions of the modern revision."""
        connection = s.connect()
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
            "_meta": META, "notifications": {"resourcesListChanged": True,
                                             "toolsListChanged": True}}})
        connection.request("POST", "/mcp", body, {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"})
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.getheader("Content-Type").split(";")[0], "text/event-stream")
        self.addCleanup(connection.close)
        return reply

    def read_until(self, reply, word):
        seen = b""
        while word not in seen:
            line = reply.readline()
            self.assertTrue(line, f"the stream ended after {seen!r}")
            seen += line
        return seen

    @smoke
    def test_a_replaced_certificate_is_taken_up_and_streams_live_on(self):
        first = self.issue()
        s = self.tls_server(MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE=600)
        reply = self.open_stream(s)
        self.read_until(reply, b"subscriptions/acknowledged")
        kept = s.connect()
        kept.request("GET", "/api/health")
        self.assertEqual(kept.getresponse().read(), b'{"status":"healthy"}')
        self.assertEqual(s.handshake()[1], first)

        second = self.issue()
        wait_until(lambda: s.handshake()[1] == second, "the new certificate")

        kept.request("GET", "/api/health")
        self.assertEqual(kept.getresponse().status, 200)
        kept.close()
        s.process.send_signal(signal.SIGTERM)
        self.assertIn(b"data:", reply.read())  # its proper end; a cut one would raise
        self.assertEqual(s.stop(), 0)

    def test_sighup_takes_it_up_at_once(self):
        self.issue()
        s = self.tls_server()
        second = self.issue()
        s.process.send_signal(signal.SIGHUP)
        wait_until(lambda: s.handshake()[1] == second, "the new certificate")

    def test_bad_files_leave_the_old_one_in_service(self):
        first = self.issue()
        s = self.tls_server()
        self.put(pki.make(NAME, self.middle, end=pki.now() - pki.HOUR / 2), self.middle)
        wait_until(lambda: "event=tls.reload" in s.log.text(), "a line about it")
        self.assertEqual(s.handshake()[1], first)
        self.assertIn("expired on", s.log.text())
        third = self.issue()
        wait_until(lambda: s.handshake()[1] == third, "the good certificate")


class BadStart(Tls):
    def check_start_fails(self, *words):
        code, out, err = run_cli(self.folder, "serve", **self.env())
        lines = [line for line in err.splitlines() if not line.startswith("level=")]
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        self.assertEqual(len(lines), 1, err)
        for word in words:
            self.assertIn(str(word), lines[0])

    def test_missing_files(self):
        self.check_start_fails(self.certificate_file, "No such file")
        self.issue()
        self.key_file.unlink()
        self.check_start_fails(self.key_file, "No such file")

    def test_files_that_are_something_else(self):
        self.issue()
        good = self.certificate_file.read_bytes()
        self.certificate_file.write_bytes(pki.make(NAME).certificate_der)
        self.check_start_fails(self.certificate_file, "holds no certificate in PEM form")
        self.certificate_file.write_bytes(good)
        self.key_file.write_bytes(good)
        self.check_start_fails(self.key_file, "holds no private key in PEM form")
        self.key_file.unlink()
        self.key_file.mkdir()
        self.check_start_fails("directory")

    def test_a_key_with_a_password(self):
        pair = pki.make(NAME)
        self.put(pair)
        self.key_file.write_bytes(pair.key_pem(b"secret"))
        self.check_start_fails(self.key_file, "encrypted", "openssl pkey")

    def test_the_key_of_another_certificate(self):
        self.issue()
        self.key_file.write_bytes(pki.make(NAME).key_pem())
        self.check_start_fails(self.key_file, "is not that of the certificate",
                               self.certificate_file)

    def test_expired_and_not_yet_valid(self):
        self.put(pki.make(NAME, self.middle, end=pki.now() - pki.HOUR / 2), self.middle)
        self.check_start_fails("certificate 1", "expired on", "renew it")
        begin = pki.now() + 48 * pki.HOUR
        self.put(pki.make(NAME, self.middle, begin=begin), self.middle)
        self.check_start_fails("certificate 1", f"not valid before {begin:%Y-%m-%d}", "clock")
        old = pki.make("middle", self.root, is_authority=True, end=pki.now() - pki.HOUR / 2)
        self.put(pki.make(NAME, old), old)
        self.check_start_fails("certificate 2", "expired on")

    def test_a_chain_in_the_wrong_order(self):
        leaf = pki.make(NAME, self.middle)
        self.put(leaf, self.root, self.middle)
        self.check_start_fails("certificate 2", "has not signed certificate 1")

    def test_a_key_that_everybody_can_read_is_a_warning(self):
        self.issue()
        self.key_file.chmod(0o644)
        s = self.tls_server()
        self.assertIn("event=tls.key_readable", s.log.text())

    def test_a_certificate_for_another_name_is_a_warning(self):
        self.issue()
        s = self.tls_server(MCP_OAUTH_ISSUER="https://m.example")
        self.assertIn("the certificate is not for m.example", s.log.text())
        self.assertNotIn("event=tls.name",
                         self.tls_server(MCP_OAUTH_ISSUER=f"https://{NAME}").log.text())

    def test_a_certificate_without_its_chain_is_a_warning(self):
        self.put(pki.make(NAME, self.middle))
        s = self.tls_server()
        self.assertIn("event=tls.chain", s.log.text())

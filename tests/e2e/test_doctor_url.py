"""memoryd doctor --url: a sound server, and the faults that others' servers were seen to have.

The faults are made by a proxy of the test's own, with TLS on 127.0.0.1, in front of memoryd. Nothing leaves
loopback: names are for the certificate and the Host alone, --connect says where they are.

SPDX-License-Identifier: Apache-2.0
"""
import email.utils
import http.client
import itertools
import json
import re
import subprocess
import threading
import time
import unittest
import urllib.parse

import pki
from harness import DEADLINE_S, MEMORYD, Reader, clean_env, run_cli, smoke
from oauth import PASSWORD, Person, owner_link
from test_doctor import checks
from test_tls import Tls, TlsServer
from tls_stage import QuietHandler, TlsStage

HOST = "memory.example"
ISSUER = f"https://{HOST}"
KEY = "a-key-of-more-than-32-characters-0123456789"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self, **changes):
        """Members changed, or left out where None."""
        whole = {**json.loads(self.body), **changes}
        self.body = json.dumps({k: v for k, v in whole.items() if v is not None}).encode()

    def page(self, status=200):
        self.status, self.body = status, b"<!DOCTYPE html><title>Please wait</title>"
        self.headers = [("Content-Type", "text/html")]


class Proxy(TlsStage):
    """Passes requests on to memoryd as a proxy does, and lets spoil(method, path, answer, headers) at the answer.
    Of a path with a prefix that is cut off. Each passes on for another address: of one, registrations are limited."""

    numbers = itertools.count(1)

    def __init__(self, certificate, key, server, spoil, prefix=""):
        proxy = self
        self.asked = []
        address = f"203.0.113.{next(self.numbers)}"

        class Handler(QuietHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host")}
                headers |= {"Host": HOST, "X-Forwarded-For": address,
                            "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST}
                proxy.asked.append((self.command, self.path, dict(self.headers), body))
                reply = server.request(self.command, self.path.removeprefix(prefix), body, headers)
                answer = Answer(reply.status, [(k, v) for k, v in reply.pairs if k.lower() not in (
                    "content-length", "connection", "transfer-encoding")], reply.body)
                spoil(self.command, urllib.parse.urlsplit(self.path).path, answer, self.headers)
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

        super().__init__(certificate, key, Handler)


def sound(method, path, answer, headers):
    pass


class UrlCase(Tls):
    def setUp(self):
        super().setUp()
        self.ca_file = self.folder / "root.pem"
        self.ca_file.write_bytes(self.root.certificate_pem)

    def backend(self, **env):
        return self.server(**{"MCP_OAUTH_ENABLED": "true", "MCP_API_KEY": KEY, "MCP_OAUTH_ISSUER": ISSUER,
                              "MCP_OAUTH_SQLITE_PATH": self.folder / "oauth.db", **env})

    def proxy(self, server, spoil=sound, certificate=None):
        self.put(certificate or pki.make(HOST, self.middle), self.middle)
        proxy = Proxy(self.certificate_file, self.key_file, server, spoil)
        self.addCleanup(proxy.close)
        return proxy

    def doctor(self, port, *args, want=7, url=f"{ISSUER}/mcp", **env):
        code, out, err = run_cli(self.folder, "doctor", "--json", "--url", url, "--ca-file",
                                 self.ca_file, "--connect", f"127.0.0.1:{port}", *args, **env)
        self.assertEqual(code, want, out + err)
        self.assertNotIn(KEY, out + err)
        return checks(out.splitlines()[0])

    def failures(self, found):
        return {name: [text for result, text in rows if result == "FAILED"] for name, rows in found.items()
                if any(result == "FAILED" for result, _ in rows)}


class Sound(UrlCase):
    @smoke
    def test_all_is_well_with_memoryd_itself(self):
        self.put(pki.make(HOST, self.middle), self.middle)
        server = Named(self.root, self.folder, **self.env(
            MCP_OAUTH_ENABLED="true", MCP_OAUTH_ISSUER=ISSUER, MCP_API_KEY=KEY,
            MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db"))
        self.addCleanup(server.stop)
        found = self.doctor(server.port, want=0, MEMORYD_DOCTOR_TOKEN=KEY)
        for name in ("reach", "certificate", "clock", "user agent", "challenge", "resource", "server",
                     "registration", "log-in page", "token", "discover", "initialize", "tools", "call",
                     "clean-up"):
            self.assertEqual({result for result, _ in found[name]}, {"ok"}, (name, found))
        self.assertEqual(len(found["token"]), 2)

    def test_without_a_token_the_calls_are_left_out(self):
        server = self.backend()
        found = self.doctor(self.proxy(server).port, want=0)
        self.assertEqual(found["calls"][0][0], "note")
        self.assertNotIn("discover", found)

    def test_the_client_is_removed_again(self):
        server = self.backend()
        proxy = self.proxy(server)
        self.doctor(proxy.port, want=0)
        method, path, headers, _ = proxy.asked[-1]
        self.assertEqual(method, "DELETE")
        reply = server.request("GET", path, headers={
            "Host": HOST, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https",
            "Authorization": headers["Authorization"]})
        self.assertEqual(reply.status, 401)

    def test_answers_as_event_streams(self):
        def stream(method, path, answer, headers):
            if path == "/mcp" and method == "POST" and answer.status == 200:
                answer.headers = [("Content-Type", "text/event-stream"),
                                  *(h for h in answer.headers if h[0].lower() != "content-type")]
                answer.body = b": hello\n\nevent: message\nid: 1\ndata: " + answer.body + b"\n\n"
        found = self.doctor(self.proxy(self.backend(), stream).port, want=0, MEMORYD_DOCTOR_TOKEN=KEY)
        for name in ("discover", "initialize", "tools", "call"):
            self.assertEqual({result for result, _ in found[name]}, {"ok"}, (name, found))

    def test_behind_a_prefix(self):
        server = self.backend(MEMORYD_PATH_PREFIX="/memory")
        self.put(pki.make(HOST, self.middle), self.middle)
        proxy = Proxy(self.certificate_file, self.key_file, server, sound, prefix="/memory")
        self.addCleanup(proxy.close)
        found = self.doctor(proxy.port, url=f"{ISSUER}/memory/mcp", want=0, MEMORYD_DOCTOR_TOKEN=KEY)
        self.assertIn(f"issuer {ISSUER}/memory", found["resource"][0][1])
        self.assertEqual(found["call"][0][0], "ok")

    def test_an_address_of_this_network(self):
        server = self.backend(MCP_OAUTH_ISSUER="https://localhost:1")
        self.put(pki.make("localhost", self.middle), self.middle)
        proxy = Proxy(self.certificate_file, self.key_file, server, sound)
        self.addCleanup(proxy.close)
        url = f"https://localhost:{proxy.port}/mcp"
        code, out, _ = run_cli(self.folder, "doctor", "--json", "--url", url, "--ca-file", self.ca_file)
        self.assertEqual(code, 7)
        failed = self.failures(checks(out.splitlines()[0]))
        self.assertIn("port 443 only", failed["port"][0])
        self.assertIn("private address", failed["reach"][0])
        code, out, _ = run_cli(self.folder, "doctor", "--json", "--private", "--url", url, "--ca-file",
                               self.ca_file)
        found = checks(out.splitlines()[0])
        self.assertNotIn("port", found)
        self.assertEqual(found["reach"][0][0], "ok")

    def test_lines_for_people(self):
        server = self.backend()
        code, out, err = run_cli(self.folder, "doctor", "--url", f"{ISSUER}/mcp", "--ca-file",
                                 self.ca_file, "--connect", f"127.0.0.1:{self.proxy(server).port}")
        self.assertEqual(code, 0, out + err)
        self.assertRegex(out, r"(?m)^ok +challenge +401")

    def test_options_that_make_no_sense(self):
        rows = [(("--url", "http://memory.example/mcp"), "https:// only"), (("--url", "memory.example"), "https://"),
                (("--url", "https://a@b/mcp"), "https://"), (("--url", "https://a:0/mcp"), "port"),
                (("--login",), "--url"), (("--private",), "--url")]
        for args, says in rows:
            with self.subTest(args=args):
                code, out, err = run_cli(self.folder, "doctor", *args)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(says, err)


class Named(TlsServer):
    def context(self):
        context = super().context()
        context.check_hostname = False  # it is asked for as localhost, and answers as HOST
        return context


def on(path, change):
    """A spoil that changes the answers to one path."""
    def spoil(method, at, answer, headers):
        if at == path:
            change(answer)
    return spoil


def drop(name):
    return lambda answer: setattr(answer, "headers", [h for h in answer.headers if h[0].lower() != name.lower()])


def redirect(answer):
    answer.status, answer.body, answer.headers = 301, b"", [("Location", "https://www.memory.example/mcp")]


def status(number, body=b"", kind="application/json"):
    def change(answer):
        answer.status, answer.body, answer.headers = number, body, [("Content-Type", kind)]
    return change


def blocks_bots(method, path, answer, headers):
    if headers.get("User-Agent") == "Claude-User":
        answer.page(403)


def only_behind_a_slash(method, path, answer, headers):
    if path == "/mcp":
        answer.page(404)
    elif path == "/mcp/":
        answer.status, answer.body = 401, b""


def late(answer):
    answer.headers = [("Date", email.utils.formatdate(time.time() - 3600, usegmt=True)), *answer.headers]


SERVER = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource/mcp"
POLICY = ("Content-Security-Policy", "default-src 'none'; form-action 'self'")

FAULTS = [  # what is spoilt, the check that fails, and what its line says
    ("no challenge", on("/mcp", drop("WWW-Authenticate")), "challenge", "without WWW-Authenticate"),
    ("a bare challenge", on("/mcp", lambda a: a.headers.append(("WWW-Authenticate", "Bearer"))
                            if drop("WWW-Authenticate")(a) is None else None), "challenge",
     "names no resource_metadata"),
    ("a redirect", on("/mcp", redirect), "challenge", "redirects (301) to https://www.memory.example/mcp"),
    ("a page", on("/mcp", lambda a: a.page()), "challenge", "HTML page"),
    ("bad gateway", on("/mcp", status(502)), "challenge", "does not reach memoryd"),
    ("nobody asks", on("/mcp", status(200, b"{}")), "challenge", "without a token"),
    ("forbidden", on("/mcp", status(403, b'{"detail":"this host is not a name of this server"}')),
     "challenge", "not a name of this server"),
    ("only /mcp/*", only_behind_a_slash, "challenge", "/mcp/ is served"),
    ("bots blocked", blocks_bots, "user agent", "CDN rule blocks AI bots"),
    ("another clock", lambda m, p, a, h: late(a), "clock", "differ by 3"),
    ("another resource", on(RESOURCE, lambda a: a.json(resource="https://memory.example")), "resource",
     "not of https://memory.example/mcp"),
    ("no metadata", on(RESOURCE, status(404)), "resource", "the answer is 404"),
    ("metadata as a page", on(RESOURCE, lambda a: a.page()), "resource", "HTML page"),
    ("no server named", on(RESOURCE, lambda a: a.json(authorization_servers=[])), "resource",
     "names no authorization_servers"),
    ("another issuer", on(SERVER, lambda a: a.json(issuer="https://memory.example/")), "server",
     "issuer 'https://memory.example/'"),
    ("no S256", on(SERVER, lambda a: a.json(code_challenge_methods_supported=["plain"])), "server", "S256"),
    ("no methods", on(SERVER, lambda a: a.json(code_challenge_methods_supported=None)), "server", "S256"),
    ("plain endpoint", on(SERVER, lambda a: a.json(token_endpoint="http://memory.example/token")), "server",
     "token_endpoint"),
    ("no offline_access", on(SERVER, lambda a: a.json(scopes_supported=["read"])), "server", "every day"),
    ("no public clients", on(SERVER, lambda a: a.json(
        token_endpoint_auth_methods_supported=["client_secret_basic"])), "server", "'none'"),
    ("no registration", on(SERVER, lambda a: a.json(
        registration_endpoint=None, client_id_metadata_document_supported=False)), "server",
     "neither registration_endpoint"),
    ("not JSON", on(SERVER, status(200, b"<xml>")), "server", "no JSON object"),
    ("registration fails", on("/oauth/register", status(500, b'{"error":"x"}')), "registration", "500"),
    ("no page", on("/oauth/authorize", status(404, b"{}")), "log-in page", "no page came (404"),
    ("another's page", on("/oauth/authorize", lambda a: a.page()), "log-in page", "no form"),
    ("forms held back", on("/oauth/authorize", lambda a: a.headers.append(POLICY)
                           if drop(POLICY[0])(a) is None else None), "log-in page", "form-action"),
    ("token redirects", on("/oauth/token", redirect), "token", "redirects (301)"),
    ("token as a page", on("/oauth/token", lambda a: a.page()), "token", "HTML page"),
    ("other words", on("/oauth/token", status(400, b'{"error":"invalid_request"}')), "token",
     "'invalid_request' in the place of invalid_grant"),
]


class Faults(UrlCase):
    def test_each_fault_is_named(self):
        server = self.backend()
        for name, spoil, check, says in FAULTS:
            with self.subTest(name):
                found = self.doctor(self.proxy(server, spoil).port)
                self.assertIn(says, " ".join(self.failures(found).get(check, [])), found)

    def test_certificates(self):
        server = self.backend()
        hour = pki.HOUR
        other = pki.make("root", is_authority=True)
        rows = [
            (pki.make(HOST, self.middle, begin=pki.now() - 9 * hour, end=pki.now() - hour), "expired"),
            (pki.make("other.example", self.middle), "it is for other.example, not for memory.example"),
            (pki.make(HOST), "signed"),
        ]
        for certificate, says in rows:
            with self.subTest(says):
                found = self.doctor(self.proxy(server, certificate=certificate).port)
                self.assertIn(says, self.failures(found)["certificate"][0])
        proxy = self.proxy(server)
        self.ca_file.write_bytes(other.certificate_pem)
        self.assertIn("not recognised", self.failures(self.doctor(proxy.port))["certificate"][0])

    def test_nobody_there(self):
        proxy = self.proxy(self.backend())
        proxy.close()
        self.assertIn("does not speak HTTPS", self.failures(self.doctor(proxy.port))["reach"][0])

    def test_an_address_without_mcp(self):
        proxy = self.proxy(self.backend())
        found = self.doctor(proxy.port, url=ISSUER)
        self.assertIn(f"give it {ISSUER}/mcp", self.failures(found)["challenge"][0])
        self.assertEqual(found["server"][0][0], "ok")

    def test_a_token_that_is_refused(self):
        found = self.doctor(self.proxy(self.backend()).port, MEMORYD_DOCTOR_TOKEN="wrong")
        self.assertIn("the token is refused", self.failures(found)["discover"][0])

    def test_a_tool_that_claude_would_drop(self):
        def spoil(method, path, answer, headers):
            if headers.get("Mcp-Method") == "tools/list" and answer.status == 200:
                whole = json.loads(answer.body)
                whole["result"]["tools"][0]["inputSchema"]["description"] = "x" * 17000
                answer.body = json.dumps(whole).encode()
        found = self.doctor(self.proxy(self.backend(), spoil).port, MEMORYD_DOCTOR_TOKEN=KEY)
        self.assertIn("Claude drops the tool", self.failures(found)["tools"][0])

    def test_registration_with_a_key(self):
        server = self.backend(MCP_DCR_REGISTRATION_KEY="a registration key of some length")
        found = self.doctor(self.proxy(server).port, want=0)
        self.assertEqual(found["registration"][0][0], "note")
        self.assertEqual(found["log-in page"][0][0], "ok")
        self.assertNotIn("clean-up", found)

    def test_what_a_server_says_drives_no_terminal(self):
        evil = on(SERVER, lambda a: a.json(issuer="\x1b[2J\nok      all   is well\u202e"))
        code, out, _ = run_cli(self.folder, "doctor", "--url", f"{ISSUER}/mcp", "--ca-file", self.ca_file,
                               "--connect", f"127.0.0.1:{self.proxy(self.backend(), evil).port}")
        self.assertEqual(code, 7)
        for bad in ("\x1b", "\u202e", "\nok      all"):
            self.assertNotIn(bad, out)


class LoginTest(UrlCase):
    def log_in(self, server, proxy, answer=lambda person: person.post(decision="approve").went_to):
        """The doctor with --login, and a person who follows the address that it prints."""
        forward = {"Host": HOST, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
        person = Person(server.request, forward)
        person.get(owner_link(server))
        person.post(name="ada", password=PASSWORD, again=PASSWORD)
        doctor = subprocess.Popen(
            [MEMORYD, "doctor", "--json", "--login", "--url", f"{ISSUER}/mcp", "--ca-file", self.ca_file,
             "--connect", f"127.0.0.1:{proxy.port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_env(self.folder), cwd=self.folder)
        out, err = Reader(doctor.stdout), Reader(doctor.stderr)
        while not (found := re.search(rb"https://memory\.example(/\S+)", err.next() or b"stopped")):
            self.assertIsNone(doctor.poll())
        person.get(found[1].decode())
        back = urllib.parse.urlsplit(answer(person))
        connection = http.client.HTTPConnection(back.hostname, back.port, timeout=DEADLINE_S)
        connection.request("GET", "/favicon.ico")
        self.assertEqual(connection.getresponse().status, 404)
        connection.close()
        connection.request("GET", f"{back.path}?{back.query}")
        self.assertEqual(connection.getresponse().status, 200)
        code = doctor.wait(DEADLINE_S)
        out.thread.join(DEADLINE_S)
        err.thread.join(DEADLINE_S)
        for secret in urllib.parse.parse_qs(back.query).get("code", []):
            self.assertNotIn(secret, out.text() + err.text())
        return code, checks(out.text().splitlines()[0])

    @smoke
    def test_from_the_first_request_to_revocation(self):
        server = self.backend()
        proxy = self.proxy(server)
        code, found = self.log_in(server, proxy)
        self.assertEqual(code, 0, found)
        for name in ("log-in", "discover", "initialize", "tools", "call", "refresh", "revocation", "clean-up"):
            self.assertEqual({result for result, _ in found[name]}, {"ok"}, (name, found))
        self.assertIn("401", found["revocation"][0][1])

    def test_faults_behind_the_log_in(self):
        def one_refresh_only(method, path, answer, headers):
            if path == "/oauth/token" and b'"refresh_token"' in answer.body:
                self.n_tokens += 1
                if self.n_tokens == 3:
                    status(400, b'{"error":"invalid_grant"}')(answer)

        def no_refresh_token(method, path, answer, headers):
            if path == "/oauth/token" and answer.status == 200:
                answer.json(refresh_token=None)

        def audience(method, path, answer, headers):
            if path == "/mcp":
                answer.status = 401

        rows = [(one_refresh_only, "refresh", "refused at once"), (no_refresh_token, "log-in", "every day"),
                (audience, "discover", "is refused")]
        for spoil, check, says in rows:
            with self.subTest(says):
                self.n_tokens = 0
                server = self.backend(MCP_OAUTH_SQLITE_PATH=self.folder / f"{check}.db")
                code, found = self.log_in(server, self.proxy(server, spoil))
                self.assertEqual(code, 7, found)
                self.assertIn(says, self.failures(found)[check][0])

    def test_tokens_are_revoked_whatever_was_wrong_with_them(self):
        # A text in expires_in used to end the log-in without a word, and the tokens lived on.
        for i, changes in enumerate(({"expires_in": "3600"}, {"access_token": None})):
            def spoil(method, path, answer, headers):
                self.revoked += path == "/oauth/revoke"
                if path == "/oauth/token" and answer.status == 200:
                    answer.json(**changes)

            with self.subTest(changes):
                self.revoked = 0
                server = self.backend(MCP_OAUTH_SQLITE_PATH=self.folder / f"{i}.db")
                code, found = self.log_in(server, self.proxy(server, spoil))
                self.assertEqual(self.revoked, 1, found)
                self.assertTrue(any(next(iter(changes)) in says for _, says in found["log-in"]), found)
                self.assertEqual(code, 7 if "access_token" in changes else 0, found)

    def test_answers_that_are_not_ours(self):
        def changed(name, value):
            def answer(person):
                back = urllib.parse.urlsplit(person.post(decision="approve").went_to)
                query = dict(urllib.parse.parse_qsl(back.query)) | {name: value}
                return back._replace(query=urllib.parse.urlencode(query)).geturl()
            return answer

        rows = [(changed("state", "another"), "state came back changed"),
                (changed("iss", "https://evil.example"), "issuer 'https://evil.example'"),
                (lambda person: person.post(decision="deny").went_to, "access_denied")]
        for i, (answer, says) in enumerate(rows):
            with self.subTest(says):
                server = self.backend(MCP_OAUTH_SQLITE_PATH=self.folder / f"{i}.db")
                code, found = self.log_in(server, self.proxy(server), answer)
                self.assertEqual(code, 7)
                self.assertIn(says, self.failures(found)["log-in"][0])


if __name__ == "__main__":
    unittest.main()

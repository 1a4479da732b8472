"""Log-ins by an OpenID Connect provider: the test is the provider, over HTTPS on 127.0.0.1.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import unittest
import urllib.parse

import pki
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from harness import run_cli, smoke
from oauth import PASSWORD, owner_link
from test_oauth import ISSUER, PROXIED, OAuthCase
from tls_stage import QuietHandler, TlsStage

CLIENT, SECRET = "memoryd", "a secret/of the client"
CALLBACK = f"{ISSUER}/login/callback"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n):
    return b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))


class Key:
    """A signing key of either kind, and its public half as a JWK."""

    def __init__(self, alg):
        self.alg, self.kid = alg, secrets.token_hex(4)
        if alg == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            n = self.key.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")),
                        "y": b64(n.y.to_bytes(32, "big"))}
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            n = self.key.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(n.n), "e": number(n.e), "alg": "RS256"}
        self.jwk |= {"kid": self.kid, "use": "sig"}

    def sign(self, data):
        if self.alg == "RS256":
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims, **header):
        header = {"alg": self.alg, "kid": self.kid, **header}
        text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        if header["alg"] == "none":
            return text + "."
        if header["alg"] == "HS256":
            mac = hmac.new(json.dumps(self.jwk).encode(), text.encode(), "sha256").digest()
            return f"{text}.{b64(mac)}"
        return f"{text}.{b64(self.sign(text.encode()))}"


class Provider(TlsStage):
    """Right in all it does, unless a test changes claims, header, or metadata."""

    def __init__(self, folder, alg="ES256"):
        root = pki.make("provider root", is_authority=True)
        leaf = pki.make("localhost", root)
        self.ca_file, chain, key = folder / "provider-ca.pem", folder / "p.pem", folder / "p.key"
        self.ca_file.write_bytes(root.certificate_pem)
        chain.write_bytes(leaf.certificate_pem)
        key.write_bytes(leaf.key_pem())
        self.key, self.codes, self.paths = Key(alg), {}, []
        self.claims, self.header, self.metadata, self.person = {}, {}, {}, "person-1"
        provider = self

        class Handler(QuietHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                provider.paths.append(self.path)
                status, body = provider.answer(self.path, form, self.headers)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

        super().__init__(chain, key, Handler)
        self.issuer = f"https://localhost:{self.port}/realm"

    def answer(self, path, form, headers):
        if path == "/realm/.well-known/openid-configuration":
            return 200, {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth",
                         "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                         **self.metadata}
        if path == "/realm/keys":
            return 200, {"keys": [self.key.jwk]}
        if path == "/realm/token":
            return self.exchange(form, headers)
        return 404, {}

    def exchange(self, form, headers):
        asked = self.codes.pop(form.get("code"), None)
        plain = ":".join(urllib.parse.quote(part, safe="") for part in (CLIENT, SECRET))
        digest = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (headers.get("Authorization") != "Basic " + base64.b64encode(plain.encode()).decode() or not asked
                or form["redirect_uri"] != CALLBACK or digest != asked["code_challenge"]):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.person, "exp": now + 300, "iat": now,
                  "nonce": asked["nonce"], "email": "nora@example.org", **self.claims}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.key.token(
            {k: v for k, v in claims.items() if v is not None}, **self.header)}

    def log_in(self, url):
        """The person logs in there; where the browser is sent back to."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert url.startswith(f"{self.issuer}/auth?"), url
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT and asked["redirect_uri"] == CALLBACK
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return CALLBACK + "?" + urllib.parse.urlencode({"code": code, "state": asked["state"]})


class OidcCase(OAuthCase):
    def setUp(self):
        super().setUp()
        self.provider = Provider(self.folder)
        self.addCleanup(self.provider.close)

    def begin(self, **env):
        return self.start(**{
            "MEMORYD_OIDC_ISSUER": self.provider.issuer, "MEMORYD_OIDC_CLIENT_ID": CLIENT,
            "MEMORYD_OIDC_CLIENT_SECRET": SECRET, "MEMORYD_OIDC_NAME": "Example <&> Co",
            "MEMORYD_OIDC_PRIVATE": "true", "MEMORYD_OIDC_CA_FILE": self.provider.ca_file, **env})

    def leave(self, person, **fields):
        """Presses the provider's button; the address that the browser goes to."""
        which = next(i for i, f in enumerate(person.forms()) if (f["action"] or "").endswith("/login/provider"))
        page = person.post(which, **fields)
        self.assertEqual(page.status, 200, page.body)
        url = re.fullmatch(r"0; url=(\S+)", page.headers["Refresh"])[1]
        self.assertIn(url.replace("&", "&amp;"), page.body.decode())
        return url

    def through(self, person, **fields):
        """There and back; the page in the end."""
        return self.come_back(person, self.provider.log_in(self.leave(person, **fields)))

    def come_back(self, person, url):
        split = urllib.parse.urlsplit(url)
        reply = person.get(f"{split.path}?{split.query}")
        return getattr(reply, "went_to", None) and person.get(
            urllib.parse.urlsplit(reply.went_to)._replace(scheme="", netloc="").geturl()) or reply

    def linked(self, server, name="nora"):
        """An owner whose account is the provider's person-1."""
        person = self.person(server)
        person.get(owner_link(server))
        page = self.through(person, name=name)
        self.assertIn(f"Hello, {name}", page.body.decode())
        return person


class LogIn(OidcCase):
    @smoke
    def test_from_an_invitation_to_a_token(self):
        server = self.begin()
        person = self.person(server)
        page = person.get(owner_link(server))
        self.assertIn("Continue with Example &lt;&amp;&gt; Co", page.body.decode())
        page = self.through(person, name="nora")
        self.assertIn("Hello, nora", page.body.decode())

        other = self.person(server)
        client = self.client(server)
        client.discover()
        client.register()
        page = other.get(client.authorize_url())
        self.assertIn("Log in with Example", page.body.decode())
        page = self.through(other)
        self.assertIn("Let Test client use your memories?", page.body.decode())
        done = other.post(decision="approve")
        self.assertEqual(client.exchange(client.take(done.went_to)["code"]).status, 200)
        self.assertEqual(client.call("tools/list").status, 200)
        server.stop()
        self.assertIn("step=arrive result=ok", server.log.text())
        for secret in (SECRET, client.tokens["access_token"], *person.cookies.values(), *other.cookies.values()):
            self.assertNotIn(secret, server.log.text())

    def test_rsa_keys(self):
        self.provider.key = Key("RS256")
        self.linked(self.begin())

    def test_nobody_comes_in_without_an_invitation(self):
        server = self.begin()
        self.linked(server)
        self.provider.person = "person-2"
        stranger = self.person(server)
        stranger.get("/login")
        page = self.through(stranger)
        self.assertEqual(page.status, 403)
        self.assertIn("Ask the owner for an invitation", page.body.decode())
        self.assertIn("Log in", stranger.get("/welcome").body.decode())

    def test_there_is_no_button_without_a_provider(self):
        server = self.start()
        person = self.person(server)
        self.assertNotIn("login/provider", person.get(owner_link(server)).body.decode())
        for method, path in (("POST", "/login/provider"), ("GET", "/login/callback")):
            self.assertEqual(server.request(method, path, headers=PROXIED).status, 404)

    def test_an_account_has_no_password_then(self):
        server = self.begin()
        self.linked(server)
        person = self.person(server)
        for password in ("", PASSWORD):
            person.get("/login")
            self.assertEqual(person.post(name="nora", password=password).status, 403)

    def test_names_that_do_not_fit(self):
        server = self.begin()
        person = self.person(server)
        person.get(owner_link(server))
        page = person.post(1, name="no blanks")
        self.assertEqual(page.status, 400)
        self.assertIn("letters, digits", page.body.decode())

    def test_a_link_works_once(self):
        server = self.begin()
        link = owner_link(server)
        mine, yours = self.person(server), self.person(server)
        mine.get(link)
        yours.get(link)
        first, second = self.leave(mine, name="nora"), self.leave(yours, name="olga")
        self.assertIn("Hello, nora", self.come_back(mine, self.provider.log_in(first)).body.decode())
        self.provider.person = "person-2"
        page = self.come_back(yours, self.provider.log_in(second))
        self.assertEqual(page.status, 409)
        self.assertEqual(self.person(server).get(link).status, 404)


class Attacks(OidcCase):
    def refused(self, server, **changes):
        """A log-in of a known person with this changed: nobody is logged in by it."""
        for name, value in changes.items():
            setattr(self.provider, name, value)
        person = self.person(server)
        person.get("/login")
        page = self.through(person)
        self.assertEqual(page.status, 403, page.body)
        self.assertIn("Log in", person.get("/welcome").body.decode())
        self.provider.claims, self.provider.header = {}, {}
        return page.body.decode()

    def test_proofs_that_are_none(self):
        server = self.begin()
        self.linked(server)
        hour_ago = int(time.time()) - 3600
        rows = [
            ({"claims": {"nonce": "another"}}, "of another log-in"),
            ({"claims": {"nonce": None}}, "of another log-in"),
            ({"claims": {"aud": "another"}}, "for another client"),
            ({"claims": {"aud": [CLIENT, "another"]}}, "for another client"),
            ({"claims": {"iss": "https://evil.example"}}, "of another issuer"),
            ({"claims": {"exp": hour_ago}}, "expired"),
            ({"claims": {"sub": None}}, "names nobody"),
            ({"header": {"alg": "none"}}, "not signed"),
            ({"header": {"alg": "HS256"}}, "not signed"),
            ({"header": {"alg": "RS256"}}, "not signed"),
            ({"header": {"kid": "another"}}, "not signed"),
            ({"header": {"crit": ["exp"]}}, "no signed token"),
        ]
        for changes, says in rows:
            with self.subTest(changes):
                self.assertIn(says, self.refused(server, **changes))
        known, self.provider.key = self.provider.key, Key("ES256")
        self.provider.key.kid = known.kid
        with self.subTest("a key that is not the provider's"):
            self.assertIn("not signed", self.refused(server))

    def test_answers_that_are_another_browsers_or_come_twice(self):
        server = self.begin()
        self.linked(server)
        mine, yours = self.person(server), self.person(server)
        mine.get("/login")
        yours.get("/login")
        answer = self.provider.log_in(self.leave(mine))
        self.leave(yours)
        stale = self.come_back(yours, answer)
        self.assertEqual(stale.status, 403)
        self.assertIn("not begun in this browser", stale.body.decode())
        kept = dict(mine.cookies)
        self.assertIn("Hello, nora", self.come_back(mine, answer).body.decode())
        again = self.person(server)
        again.cookies = kept
        self.assertEqual(self.come_back(again, answer).status, 403)
        self.assertEqual(self.person(server).get("/login/callback?code=x&state=y").status, 403)

    def test_an_answer_of_another_issuer(self):
        server = self.begin()
        self.linked(server)
        person = self.person(server)
        person.get("/login")
        answer = self.provider.log_in(self.leave(person)) + "&iss=https%3A%2F%2Fevil.example"
        self.assertIn("of another provider", self.come_back(person, answer).body.decode())

    def test_forms_of_others_are_refused(self):
        server = self.begin()
        self.linked(server)
        person = self.person(server)
        person.get("/login")
        self.assertEqual(person.post(1, form_key="0" * 32).status, 403)
        self.assertNotIn("Refresh", person.page.headers)

    def test_what_comes_back_leads_nowhere_else(self):
        server = self.begin()
        self.linked(server)
        for query in ("//evil.example", "\r\nSet-Cookie: a=b", "x#y", "a b"):
            with self.subTest(query):
                person = self.person(server)
                person.get("/login")
                page = person.post(1, query=query)
                if page.status == 200:
                    split = urllib.parse.urlsplit(self.provider.log_in(
                        page.headers["Refresh"].removeprefix("0; url=")))
                    reply = person._ask("GET", f"{split.path}?{split.query}")
                    self.assertTrue(reply.headers["Location"].startswith(f"{ISSUER}/authorize?"))
                else:
                    self.assertEqual(page.status, 400)

    def test_a_private_address_must_be_allowed(self):
        server = self.begin(MEMORYD_OIDC_PRIVATE="false")
        person = self.person(server)
        person.get(owner_link(server))
        page = person.post(1, name="nora")
        self.assertEqual(page.status, 503)
        self.assertNotIn("127.0.0.1", page.body.decode())
        self.assertEqual(self.provider.paths, [])
        self.assertIn("no public address", server.log.text())

    def test_a_provider_that_calls_itself_otherwise(self):
        self.provider.metadata = {"issuer": self.provider.issuer + "/"}
        server = self.begin()
        person = self.person(server)
        person.get(owner_link(server))
        self.assertEqual(person.post(1, name="nora").status, 503)
        self.assertIn("MEMORYD_OIDC_ISSUER must be the same", server.log.text())


class Settings(OidcCase):
    def test_half_of_it_stops_the_start(self):
        rows = [({"MEMORYD_OIDC_ISSUER": "https://login.example"}, "MEMORYD_OIDC_CLIENT_ID"),
                ({"MEMORYD_OIDC_CLIENT_ID": "x"}, "MEMORYD_OIDC_ISSUER"),
                ({"MEMORYD_OIDC_ISSUER": "http://login.example", "MEMORYD_OIDC_CLIENT_ID": "x"}, "https://"),
                ({"MEMORYD_OIDC_ISSUER": "https://login.example?x", "MEMORYD_OIDC_CLIENT_ID": "x"}, "https://")]
        for env, says in rows:
            with self.subTest(env=env):
                code, _, err = run_cli(self.folder, "serve", MCP_SSE_PORT=0, **env)
                self.assertEqual(code, 2)
                self.assertIn(says, err)

if __name__ == "__main__":
    unittest.main()

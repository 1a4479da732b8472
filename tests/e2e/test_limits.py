"""Limits of the authorization server, from one address and from one that many share.

SPDX-License-Identifier: Apache-2.0
"""
import json
import urllib.parse

from harness import smoke
from oauth import PASSWORD, Client, Person
from test_oauth import KEY, PROXIED, OAuthCase

CLAUDE = {**PROXIED, "X-Forwarded-For": "160.79.104.10"}
NEIGHBOUR = {**PROXIED, "X-Forwarded-For": "203.0.113.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MANY = 400  # more than any limit of one address


class LimitsTest(OAuthCase):
    def post(self, path, fields, headers, kind=FORM):
        body = urllib.parse.urlencode(fields) if kind is FORM else json.dumps(fields)
        return self.here.request("POST", path, body, {**headers, **kind})

    def until_429(self, ask):
        """How many come before, and the answer then; None if there is none."""
        for n in range(MANY):
            reply = ask()
            if reply.status == 429:
                self.assertGreater(int(reply.headers["Retry-After"]), 0)
                return n, reply
        return MANY, None

    @smoke
    def test_wrong_clients_and_tokens(self):
        self.here = self.start()
        person = self.owner(self.here)
        claude = Client(self.here.request, CLAUDE)
        claude.discover()
        claude.register()
        person.get(claude.authorize_url())
        claude.exchange(claude.take(person.post(decision="approve").went_to)["code"])
        wrong = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "nobody",
                 "token": "x"}
        for i, path in enumerate(("/oauth/token", "/token", "/oauth/introspect", "/oauth/revoke")):
            headers = {**PROXIED, "X-Forwarded-For": f"198.51.100.{i}"}
            with self.subTest(path=path):
                n, reply = self.until_429(lambda: self.post(path, wrong, headers))
                self.assertEqual(n, 20)
                self.assertEqual(reply.json()["error"], "temporarily_unavailable")
                self.assertEqual(self.post(path, wrong, NEIGHBOUR).status, 401)
                self.assertEqual(self.until_429(lambda: self.post(path, wrong, CLAUDE))[1], None)
        wrong["client_id"] = claude.registration["client_id"]
        n, _ = self.until_429(lambda: self.post("/token", wrong, CLAUDE))
        self.assertEqual(n, MANY, "invalid_grant must stay that for clients at a shared address")
        self.assertEqual(claude.refresh().status, 200)
        self.assertEqual(claude.call("tools/list").status, 200)

    def test_registrations(self):
        self.here = self.start()
        body = {"redirect_uris": ["http://localhost/cb"], "token_endpoint_auth_method": "none"}
        kind = {"Content-Type": "application/json"}
        n, _ = self.until_429(lambda: self.post("/oauth/register", body, PROXIED, kind))
        self.assertLessEqual(30, n)
        self.assertLess(n, 50)
        self.assertEqual(self.post("/register", body, PROXIED, kind).status, 429)
        self.assertEqual(self.post("/register", body, NEIGHBOUR, kind).status, 201)
        for _ in range(100):
            self.assertEqual(self.post("/register", body, CLAUDE, kind).status, 201)

    def test_log_in_pages(self):
        self.here = self.start()
        person = self.owner(self.here)
        client = self.client(self.here)
        client.discover()
        client.register()
        url = client.authorize_url()
        stranger = Person(self.here.request, PROXIED)
        n, page = self.until_429(lambda: stranger.get(url))
        self.assertLessEqual(60, n)
        self.assertIn("Try again in a moment", page.body.decode())
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        self.assertIn("Test client", person.get(url).body.decode(), "who is logged in does not pay")
        other = Person(self.here.request, NEIGHBOUR)
        other.get(url)
        self.assertIn("Test client", other.post(name="ada", password=PASSWORD).body.decode())

    def test_wrong_keys(self):
        self.here = self.start(MCP_API_KEY=KEY)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        kind = {"Content-Type": "application/json"}
        n, _ = self.until_429(lambda: self.post("/mcp", message, {**PROXIED, "X-API-Key": "x"}, kind))
        self.assertLessEqual(100, n)
        for headers in (NEIGHBOUR, CLAUDE, {}):
            self.assertEqual(self.post("/mcp", message, {**headers, "X-API-Key": KEY}, kind).status, 200)
        n, _ = self.until_429(lambda: self.post("/mcp", message, {**CLAUDE, "X-API-Key": "x"}, kind))
        self.assertEqual(n, MANY, "a token that has ended must be 401 there, or no client renews it")

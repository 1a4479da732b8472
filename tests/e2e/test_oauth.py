"""Log-ins, consent and tokens end to end, as a client behind a proxy and a person in a browser do them.

SPDX-License-Identifier: Apache-2.0
"""
import json
import unittest
import urllib.parse

from harness import Case, run_cli, smoke
from oauth import PASSWORD, Client, Forms, Person, owner_link
from test_tls import Tls

HOST = "memory.example"
ISSUER = f"https://{HOST}"
PROXIED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST}
KEY = "a-key-of-more-than-32-characters-0123456789"
CONTENT = "the launch code is kept in the blue binder"


class OAuthCase(Case):
    def start(self, **env):
        env.setdefault("MCP_OAUTH_ENABLED", "true")
        env.setdefault("MCP_OAUTH_SQLITE_PATH", self.folder / "oauth.db")
        return self.server(**env)

    def person(self, server):
        return Person(server.request, PROXIED)

    def client(self, server, **options):
        return Client(server.request, PROXIED, **options)

    def owner(self, server, name="ada"):
        """Uses the one-time link; a person who is logged in."""
        person = self.person(server)
        self.assertEqual(person.get(owner_link(server)).status, 200)
        page = person.post(name=name, password=PASSWORD, again=PASSWORD)
        self.assertEqual(page.status, 200, page.body)
        self.assertIn(f"Hello, {name}", page.body.decode())
        return person

    def asking(self, server):
        """A client, and the owner at its consent page."""
        person, client = self.owner(server), self.client(server)
        client.discover()
        client.register()
        person.get(client.authorize_url())
        return client, person

    def connect(self, server, person, drop=(), scope="read write offline_access", **options):
        """A client with tokens, for a person who is logged in."""
        client = self.client(server, **options)
        client.discover()
        client.register()
        page = person.get(client.authorize_url(scope))
        self.assertEqual(page.status, 200, page.body)
        done = person.post(decision="approve", drop=drop)
        self.assertEqual(done.status, 303, done.body)
        reply = client.exchange(client.take(done.went_to)["code"])
        self.assertEqual(reply.status, 200, reply.body)
        return client


class FlowTest(OAuthCase):
    @smoke
    def test_from_a_401_to_a_memory_and_back(self):
        server = self.start()
        self.owner(server)
        client, person = self.client(server), self.person(server)

        challenge = client.discover()
        self.assertTrue(challenge.startswith(f'Bearer resource_metadata="{ISSUER}/'), challenge)
        self.assertEqual(client.resource["resource"], f"{ISSUER}/mcp")
        self.assertNotIn("client_secret", client.register().json())

        page = person.get(client.authorize_url())
        self.assertIn("Test client", page.body.decode())
        page = person.post(name="ada", password="not the password")
        self.assertEqual(page.status, 403)
        self.assertIn("Name or password is wrong", page.body.decode())
        page = person.post(name="ada", password=PASSWORD)
        text = page.body.decode()
        for part in ("Test client", "unverified", "localhost", client.redirect, "Read memories"):
            self.assertIn(part, text)

        done = person.post(decision="approve")
        self.assertEqual(done.status, 303)
        answer = client.take(done.went_to)
        reply = client.exchange(answer["code"])
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.headers["Cache-Control"], "no-store")
        self.assertEqual(client.tokens["token_type"], "Bearer")

        stored = client.tool("memory_store", content=CONTENT)
        self.assertEqual(stored.status, 200, stored.body)
        self.assertIn(CONTENT, client.tool("memory_search", query="launch code").body.decode())

        old = client.tokens["access_token"]
        self.assertEqual(client.refresh().status, 200)
        self.assertNotEqual(client.tokens["access_token"], old)
        self.assertEqual(client.call("tools/list").status, 200)

        self.assertEqual(client.revoke(client.tokens["refresh_token"]).status, 200)
        refused = client.call("tools/list")
        self.assertEqual(refused.status, 401)
        self.assertIn('error="invalid_token"', refused.headers["WWW-Authenticate"])
        self.assertEqual(client.refresh().json()["error"], "invalid_grant")
        server.stop()
        log = server.log.text()
        for secret in (old, client.tokens["access_token"], answer["code"], PASSWORD, CONTENT):
            self.assertNotIn(secret, log)
        for event in ("event=oauth", "event=http.request"):
            self.assertIn(event, log)

    def test_tokens_survive_a_restart(self):
        server = self.start()
        client = self.connect(server, self.owner(server))
        server.stop()
        again = self.start()
        client.request = again.request
        self.assertEqual(client.call("tools/list").status, 200)
        self.assertNotIn("/welcome?link=", again.log.text())

    def test_endpoints_at_the_root_are_the_same(self):
        server = self.start()
        person = self.owner(server)
        client = self.client(server)
        client.discover()
        for name in ("registration", "authorization", "token"):
            url = client.server[f"{name}_endpoint"]
            client.server[f"{name}_endpoint"] = url.replace("/oauth/", "/")
        client.register()
        person.get(client.authorize_url())
        code = client.take(person.post(decision="approve").went_to)["code"]
        self.assertEqual(client.exchange(code).status, 200)

    def test_denial_goes_back_to_the_client(self):
        server = self.start()
        client, person = self.asking(server)
        answer = client.take(person.post(decision="deny").went_to)
        self.assertEqual(answer["error"], "access_denied")

    def test_a_box_that_would_do_nothing_is_not_there(self):
        server = self.start()
        person = self.owner(server)
        client = self.client(server)
        client.discover()
        client.register()  # asked each time, since any program could have registered
        page = person.get(client.authorize_url()).body.decode()
        self.assertIn("stays connected", page)
        self.assertNotIn("Do not ask again", page)
        self.assertNotIn("stays connected", person.get(client.authorize_url(scope="read")).body.decode())

    def test_a_registration_is_managed_with_its_own_token(self):
        server = self.start()
        client = self.client(server)
        client.discover()
        made = client.register().json()
        path = urllib.parse.urlsplit(made["registration_client_uri"]).path
        headers = {**PROXIED, "Authorization": f"Bearer {made['registration_access_token']}"}
        self.assertEqual(server.request("GET", path, headers=headers).status, 200)
        self.assertEqual(server.request("GET", path, headers=PROXIED).status, 401)
        self.assertEqual(server.request("DELETE", path, headers=headers).status, 204)
        self.assertEqual(server.request("GET", path, headers=headers).status, 401)


class GateTest(OAuthCase):
    def test_only_this_machine_itself_needs_no_token(self):
        server = self.start()
        self.assertEqual(server.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status, 200)
        for path in ("/mcp", "/mcp/other", "/sse", "/messages/?session_id=1"):
            method = "GET" if path == "/sse" else "POST"
            headers = {"Content-Type": "application/json", **PROXIED}
            reply = server.request(method, path, "{}" if method == "POST" else None, headers)
            with self.subTest(path=path):
                self.assertEqual(reply.status, 401, reply.body)
                self.assertIn("resource_metadata=", reply.headers["WWW-Authenticate"])

    def test_credentials_are_judged_also_from_here(self):
        server = self.start(MCP_API_KEY=KEY)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        rows = [
            ({"Authorization": f"Bearer {KEY}"}, 200), ({"X-API-Key": KEY}, 200),
            ({"X-API-Key": KEY + "x"}, 401), ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Bearer"}, 400), ({"Authorization": "Bearer a b"}, 400),
        ]
        for headers, status in rows:
            for more in ({}, PROXIED):
                with self.subTest(headers=headers, more=more):
                    reply = server.request("POST", "/mcp", json.dumps(message),
                                           {"Content-Type": "application/json", **headers, **more})
                    self.assertEqual(reply.status, status, reply.body)

    def test_a_token_in_the_address_is_refused(self):
        server = self.start(MCP_API_KEY=KEY)
        for name in ("access_token", "api_key", "token"):
            reply = server.request("POST", f"/mcp?{name}={KEY}", "{}",
                                   {"Content-Type": "application/json", **PROXIED})
            self.assertEqual(reply.status, 400)
        server.stop()
        self.assertNotIn(KEY, server.log.text())

    @smoke
    def test_a_token_for_reading_is_asked_to_step_up(self):
        server = self.start()
        client = self.connect(server, self.owner(server), drop=[("scope", "write")])
        self.assertEqual(client.tokens["scope"].split()[0], "read")
        self.assertEqual(client.tool("memory_list").status, 200)
        for name in ("memory_store", "memory_delete", "memory_update", "memory_cleanup",
                     "store_memory"):
            with self.subTest(tool=name):
                reply = client.tool(name, content=CONTENT)
                challenge = reply.headers.get("WWW-Authenticate", "")
                self.assertEqual(reply.status, 403, reply.body)
                self.assertIn('error="insufficient_scope"', challenge)
                self.assertIn('scope="read write"', challenge)
        self.assertEqual(server.total(), 0)
        message = [{"jsonrpc": "2.0", "id": i, "method": "tools/call",
                    "params": {"name": n, "arguments": {"content": CONTENT}}}
                   for i, n in enumerate(("memory_list", "memory_store"))]
        reply = client._json("POST", "/mcp", json.dumps(message),
                             Authorization=f"Bearer {client.tokens['access_token']}")
        self.assertEqual(reply.status, 403)
        self.assertEqual(server.total(), 0)

    def test_a_token_opens_its_spaces_only(self):
        server = self.start()
        person = self.owner(server)
        server.request("POST", "/mcp/secret", json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "memory_store", "arguments": {"content": CONTENT}}}),
            {"Content-Type": "application/json"})
        client = self.connect(server, person, drop=[("space", "*")])
        self.assertEqual(client.call("tools/list", path="/mcp/default").status, 200)
        names = [t["name"] for t in client.call("tools/list").json()["result"]["tools"]]
        self.assertGreater(len(names), 7)
        for name in names:
            with self.subTest(tool=name):
                reply = client.call("tools/call", {"name": name, "arguments": {}}, path="/mcp/secret")
                self.assertEqual(reply.status, 403)
                self.assertNotIn(CONTENT, reply.body.decode())
        for path in ("/mcp/secret", "/sse/secret", "/messages/secret"):
            method = "POST" if "sse" not in path else "GET"
            reply = server.request(method, path, "{}", {
                **PROXIED, "Content-Type": "application/json",
                "Authorization": f"Bearer {client.tokens['access_token']}"})
            self.assertEqual(reply.status, 403)
        self.assertNotIn(CONTENT, client.tool("memory_search", query="launch code").body.decode())

    def test_a_space_of_its_own_address(self):
        server = self.start()
        client = self.connect(server, self.owner(server), resource="/mcp/team")
        self.assertEqual(client.resource["resource"], f"{ISSUER}/mcp/team")
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 200)
        self.assertEqual(server.total(), 0)

    def test_anonymous_access_is_for_the_default_space(self):
        server = self.start(MCP_ALLOW_ANONYMOUS_ACCESS="true")
        client = self.client(server)
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 200)
        self.assertEqual(client.call("tools/list", path="/mcp/other").status, 401)
        self.assertIn("event=access.anonymous", server.log.text())

    def test_a_session_belongs_to_who_began_it(self):
        server = self.start(MCP_API_KEY=KEY)
        client = self.connect(server, self.owner(server))
        params = {"protocolVersion": "2025-11-25", "capabilities": {},
                  "clientInfo": {"name": "e2e", "version": "1"}}
        begun = client.call("initialize", params)
        session = begun.headers["Mcp-Session-Id"]
        self.assertEqual(client.call("tools/list", **{"Mcp-Session-Id": session}).status, 200)
        reply = client.call("tools/list", token=KEY, **{"Mcp-Session-Id": session})
        self.assertEqual(reply.status, 404)
        self.assertIn("event=connect", server.log.text())

    def test_a_key_alone_needs_no_oauth(self):
        server = self.start(MCP_OAUTH_ENABLED="false", MCP_API_KEY=KEY)
        client = self.client(server)
        refused = client.call("tools/list")
        self.assertEqual((refused.status, refused.headers["WWW-Authenticate"]), (401, "Bearer"))
        self.assertEqual(client.call("tools/list", token=KEY).status, 200)
        reply = server.request("GET", "/.well-known/oauth-authorization-server", headers=PROXIED)
        self.assertEqual(reply.status, 404)

    def test_other_addresses_need_some_way_in(self):
        code, _, err = run_cli(self.folder, "serve", MCP_SSE_HOST="0.0.0.0", MCP_OAUTH_ENABLED="false")
        self.assertEqual(code, 2)
        self.assertIn("leave MCP_OAUTH_ENABLED out", err)
        server = self.start(MCP_SSE_HOST="0.0.0.0", MCP_OAUTH_ENABLED=None)
        self.assertEqual(self.client(server).call("tools/list").status, 401)


class HttpsTest(Tls):
    def test_the_whole_way_with_a_certificate_of_our_own(self):
        self.issue()
        server = self.tls_server(MCP_OAUTH_ENABLED="true",
                                 MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db")
        remote = {"X-Forwarded-For": "203.0.113.7"}
        person, client = Person(server.request, remote), Client(server.request, remote)
        person.get(owner_link(server))
        person.post(name="ada", password=PASSWORD, again=PASSWORD)
        self.assertTrue(all(n.startswith("__Host-") for n in person.cookies))
        client.discover()
        self.assertEqual(client.server["issuer"], f"https://localhost:{server.port}")
        client.register()
        person.get(client.authorize_url())
        client.exchange(client.take(person.post(decision="approve").went_to)["code"])
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 200)
        self.assertEqual(client.refresh().status, 200)


class PagesTest(OAuthCase):
    def test_every_page_forbids_what_it_does_not_need(self):
        server = self.start()
        person = self.person(server)
        pages = [person.get(owner_link(server)), person.get("/login"), person.get("/welcome?link=x"),
                 person.get("/authorize?client_id=none")]
        self.owner(server)
        for page in pages:
            h = page.headers
            with self.subTest(page=page.body[:300]):
                csp = h["Content-Security-Policy"]
                for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'",
                             "form-action 'self'", "style-src 'sha256-"):
                    self.assertIn(part, csp)
                self.assertEqual(h["X-Frame-Options"], "DENY")
                self.assertEqual(h["Referrer-Policy"], "no-referrer")
                self.assertEqual(h["Cache-Control"], "no-store")
                self.assertEqual(h["X-Content-Type-Options"], "nosniff")
                self.assertNotIn("Access-Control-Allow-Origin", h)
                self.assertNotIn("script", [tag for tag, _ in Forms(page.body.decode()).elements])

    def test_what_a_client_says_is_text(self):
        server = self.start()
        person = self.owner(server)
        client = self.client(server)
        client.discover()
        client.register(client_name='<b onclick="x()">&\'"Evil</b>{{csrf}}')
        page = person.get(client.authorize_url()).body.decode()
        self.assertNotIn("<b ", page)
        self.assertIn("&lt;b onclick=&quot;x()&quot;&gt;", page)
        self.assertIn("{{csrf}}", page)

    def test_forms_of_others_are_refused(self):
        server = self.start()
        client, person = self.asking(server)
        good = dict(person.cookies)
        rows = [{"csrf": "wrong"}, {"csrf": ""}]
        for fields in rows:
            with self.subTest(fields):
                person.get(client.authorize_url())
                self.assertEqual(person.post(decision="approve", **fields).status, 403)
        other = self.person(server)
        other.get("/login")
        other.cookies = {k: v[::-1] for k, v in other.cookies.items()}
        self.assertEqual(other.post(name="ada", password=PASSWORD).status, 403)
        self.assertEqual(person.cookies, good)

    def test_nothing_ticked_is_not_everything(self):
        server = self.start()
        person = self.owner(server)
        client = self.client(server)
        client.discover()
        client.register()
        for drop in (["scope"], ["space"]):
            person.get(client.authorize_url())
            page = person.post(decision="approve", drop=drop)
            self.assertEqual(page.status, 400)
            self.assertIn("Tick at least one", page.body.decode())

    def test_cookies_are_bound_to_the_host_over_https(self):
        server = self.start()
        person = self.owner(server)
        self.assertTrue(all(n.startswith("__Host-memoryd-") for n in person.cookies), person.cookies)
        plain = Person(server.request)
        for value in plain.get("/login").all_headers("Set-Cookie"):
            self.assertTrue(value.startswith("memoryd-"))
            self.assertIn("HttpOnly; SameSite=Lax", value)
            self.assertNotIn("Secure", value)

    def test_logging_out_ends_the_session(self):
        server = self.start()
        person = self.owner(server)
        kept = dict(person.cookies)
        person.get("/welcome")
        self.assertIn("logged out", person.post().body.decode())
        person.cookies = kept
        self.assertIn("Log in", person.get("/welcome").body.decode())

    def test_a_link_works_once(self):
        server = self.start()
        link = owner_link(server)
        person = self.person(server)
        person.get(link)
        page = person.post(name="ada", password=PASSWORD, again=PASSWORD + "x")
        self.assertEqual(page.status, 400)
        page = person.post(name="ada", password="short", again="short")
        self.assertEqual(page.status, 400)
        page = person.post(name="ada", password=PASSWORD, again=PASSWORD)
        self.assertIn("Hello, ada", page.body.decode())
        self.assertEqual(self.person(server).get(link).status, 404)

    def test_log_ins_are_slowed_down(self):
        server = self.start()
        self.owner(server)
        person = self.person(server)
        statuses = []
        for _ in range(12):
            person.get("/login")
            statuses.append(person.post(name="ada", password="wrong password").status)
        self.assertIn(429, statuses)


if __name__ == "__main__":
    unittest.main()

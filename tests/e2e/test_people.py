"""People and keys from the command line, beside a running server and before the first.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import json

from harness import run_cli, smoke
from oauth import PASSWORD
from test_oauth import CONTENT, ISSUER, PROXIED, OAuthCase


class PeopleCase(OAuthCase):
    def cli(self, *args, code=0, **env):
        """What a command prints with --json, or the kind of its error."""
        env.setdefault("MCP_OAUTH_ENABLED", "true")
        env.setdefault("MCP_OAUTH_SQLITE_PATH", self.folder / "oauth.db")
        env.setdefault("MCP_OAUTH_ISSUER", ISSUER)
        got, out, err = run_cli(self.folder, *args, "--json", **env)
        self.assertEqual(got, code, f"{args}: {out}{err}")
        if code == 0:
            self.assertEqual(err, "", "nothing but the result")
        value = json.loads(out)
        return value["error"]["kind"] if code else value

    def invite(self, server, name, *options):
        """A person with an account by an invitation, logged in."""
        link = self.cli("user", "invite", *options)["link"]
        self.assertTrue(link.startswith(f"{ISSUER}/welcome?link="), link)
        person = self.person(server)
        self.assertEqual(person.get(link.removeprefix(ISSUER)).status, 200)
        page = person.post(name=name, password=PASSWORD, again=PASSWORD)
        self.assertIn(f"Hello, {name}", page.body.decode())
        return person

    def list_tools(self, server, key):
        """The status of a request with this key from elsewhere."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        return server.post(message, X_API_Key=key, **PROXIED).status


class CommandsTest(PeopleCase):
    @smoke
    def test_the_first_owner_before_any_server(self):
        link = self.cli("user", "invite", "--role", "owner")["link"]
        server = self.start()
        person = self.person(server)
        person.get(link.removeprefix(ISSUER))
        person.post(name="ada", password=PASSWORD, again=PASSWORD)
        self.assertEqual(self.cli("user")["accounts"][0]["role"], "owner")
        self.assertEqual(self.connect(server, person).call("tools/list").status, 200)

    def test_the_address_in_a_link(self):
        rows = [({}, f"{ISSUER}/"), ({"MEMORYD_PATH_PREFIX": "/m"}, f"{ISSUER}/m/"),
                ({"MCP_OAUTH_ISSUER": None, "MCP_SSE_PORT": 9000}, "http://127.0.0.1:9000/"),
                ({"MCP_OAUTH_ISSUER": None, "MCP_SSE_HOST": "0.0.0.0"}, "http://localhost:8765/")]
        for env, start in rows:
            with self.subTest(env):
                code, out, _ = run_cli(self.folder, "user", "invite", "--json", **{
                    "MCP_OAUTH_ISSUER": ISSUER, "MCP_OAUTH_ENABLED": "true", **env})
                self.assertEqual(code, 0)
                self.assertTrue(json.loads(out)["link"].startswith(start + "welcome?link="), out)
        code, _, err = run_cli(self.folder, "user", "invite")
        self.assertIn("log-ins are off", err)

    def test_keys_work_and_end_beside_a_running_server(self):
        server = self.start()
        self.owner(server)
        key = self.cli("key", "add", "nightly", "--user", "ada", "--scopes", "read")["key"]
        self.assertEqual(self.list_tools(server, key), 200)
        client = self.client(server)
        client.tokens = {"access_token": key}
        self.assertEqual(client.tool("memory_list").status, 200)
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 403)
        self.assertEqual(self.cli("key")["keys"][0]["scopes"], ["read"])
        self.assertEqual(self.cli("key", "add", "nightly", "--user", "ada", code=4), "conflict")
        self.cli("key", "delete", "nightly")
        self.assertEqual(self.list_tools(server, key), 401)
        server.stop()
        self.assertNotIn(key, server.log.text())

    def test_an_account_that_is_disabled_is_out_at_once(self):
        server = self.start()
        self.owner(server)
        person = self.invite(server, "bob")
        client = self.connect(server, person)
        key = self.cli("key", "add", "k", "--user", "bob")["key"]
        self.cli("user", "set", "bob", "--disable")
        self.assertEqual(client.call("tools/list").status, 401)
        self.assertEqual(client.refresh().status, 400)
        self.assertEqual(self.list_tools(server, key), 401)
        self.assertIn("Log in", person.get("/welcome").body.decode())
        self.cli("user", "set", "bob", "--enable")
        self.assertEqual(client.call("tools/list").status, 200)
        self.cli("user", "set", "bob", "--role", "reader")
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 403)
        self.cli("user", "delete", "bob")
        self.assertEqual(client.call("tools/list").status, 401)
        self.assertEqual(self.cli("user", "delete", "ada", code=4), "conflict")

    def test_a_grant_is_taken_back(self):
        server = self.start()
        client = self.connect(server, self.owner(server))
        grants = self.cli("token", "list", "--user", "Ada")["grants"]
        self.assertEqual([(g["account"], g["client_name"]) for g in grants], [("ada", "Test client")])
        self.cli("token", "revoke", grants[0]["id"])
        self.assertEqual(client.call("tools/list").status, 401)
        self.assertEqual(client.refresh().json()["error"], "invalid_grant")
        self.assertEqual(self.cli("token")["grants"], [])
        self.cli("client", "delete", client.registration["client_id"])
        self.assertEqual(client.refresh().json()["error"], "invalid_client")

    def test_a_client_for_itself(self):
        server = self.start()
        made = self.cli("client", "add", "backup", "--for-itself", "--scopes", "read")
        basic = base64.b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()
        reply = server.request("POST", "/oauth/token", "grant_type=client_credentials", {
            **PROXIED, "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {basic}"})
        self.assertEqual(reply.status, 200, reply.body)
        client = self.client(server)
        client.tokens = reply.json()
        self.assertEqual(client.tool("memory_list").status, 200)
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 403)
        self.assertEqual(client.call("tools/list", path="/mcp/secret").status, 403)
        self.cli("client", "delete", made["client_id"])
        self.assertEqual(client.tool("memory_list").status, 401)

    def test_a_new_signing_key_leaves_tokens_good(self):
        server = self.start()
        client = self.connect(server, self.owner(server))

        def kid():
            head = client.tokens["access_token"].split(".")[0]
            return json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]

        def published():
            keys = server.request("GET", "/oauth/jwks", headers=PROXIED).json()["keys"]
            return {k["kid"] for k in keys}

        old = kid()
        self.assertEqual(published(), {old})
        self.cli("keys", "rotate")
        self.assertEqual(client.call("tools/list").status, 200)
        self.assertEqual(client.refresh().status, 200)
        self.assertNotEqual(kid(), old)
        self.assertEqual(published(), {old, kid()})
        self.assertEqual(client.call("tools/list").status, 200)

    def test_the_audit_tells_what_happened_and_no_secret(self):
        server = self.start()
        person = self.owner(server)
        client = self.connect(server, person)
        self.cli("key", "add", "k", "--user", "ada")
        events = self.cli("audit", "-n", "100")["events"]
        names = [e["event"] for e in events]
        for name in ("key.add", "token", "consent", "login", "account.add"):
            self.assertIn(name, names)
        by = {e["event"]: e for e in events}
        self.assertEqual((by["consent"]["subject"], by["consent"]["peer"]), ("ada", "203.0.113.7"))
        self.assertEqual((by["key.add"]["subject"], by["key.add"]["peer"]), ("local", "local"))
        self.assertEqual(self.cli("audit", "--before", str(events[-1]["seq"]))["events"], [])
        text = json.dumps(events)
        for secret in (PASSWORD, client.tokens["access_token"], client.tokens["refresh_token"]):
            self.assertNotIn(secret, text)

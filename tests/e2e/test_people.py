"""People and keys from the command line, beside a running server and before the first.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import concurrent.futures
import json
import re
import sqlite3

from harness import ROOT, run_cli, smoke
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


class LinksTest(PeopleCase):
    @smoke
    def test_from_an_invitation_to_a_log_in(self):
        server = self.start()
        self.owner(server)
        link = self.cli("user", "invite", "--role", "reader", "--spaces", "team")["link"]
        person = self.person(server)
        page = person.get(link.removeprefix(ISSUER)).body.decode()
        self.assertIn("The owner of this server invites you as reader", page)
        for fields, problem in (({"password": "short", "again": "short"}, "at least 10"),
                                ({"again": PASSWORD + "x"}, "differ"),
                                ({"name": "ada"}, "taken"), ({"name": "a b"}, "letters")):
            with self.subTest(fields):
                done = person.post(**{"name": "Bob", "password": PASSWORD, "again": PASSWORD, **fields})
                self.assertEqual(done.status, 400)
                self.assertIn(problem, done.body.decode())
        self.assertIn("Hello, bob", person.post(name="Bob", password=PASSWORD,
                                                again=PASSWORD).body.decode())
        fresh = self.person(server)
        fresh.get("/login")
        self.assertEqual(fresh.post(name="bob", password="wrong password").status, 403)
        self.assertIn("Hello, bob", fresh.post(name="BOB ", password=PASSWORD).body.decode())
        account = self.cli("user")["accounts"][1]
        self.assertEqual((account["name"], account["role"], account["spaces"]), ("bob", "reader", ["team"]))
        server.stop()
        self.assertNotIn(link.partition("=")[2], server.log.text())

    def test_a_new_password_ends_the_old_one_and_its_sessions(self):
        server = self.start()
        person = self.owner(server)
        client = self.connect(server, person)
        link = self.cli("user", "reset", "ada")["link"].removeprefix(ISSUER)
        other = self.person(server)
        page = other.get(link)
        self.assertIn("For the account ada", page.body.decode())
        self.assertNotIn("name", [n for n, _, kind in other.forms()[0]["fields"] if kind != "hidden"])
        new = PASSWORD + " new"
        done = other.post(name="eve", password=new, again=new)  # the name is the link's
        self.assertIn("Hello, ada", done.body.decode())
        self.assertIn("Log in", person.get("/welcome").body.decode())
        for password, status in ((PASSWORD, 403), (new, 200)):
            person.get("/login")
            self.assertEqual(person.post(name="ada", password=password).status, status)
        self.assertEqual(client.call("tools/list").status, 200)
        self.assertEqual(len(self.cli("user")["accounts"]), 1)

    def test_a_link_that_was_used_is_too_old_or_made_up(self):
        server = self.start()
        self.owner(server)
        links = [self.cli("user", "invite")["link"].removeprefix(ISSUER) for _ in range(2)]
        links.append(self.cli("user", "reset", "ada")["link"].removeprefix(ISSUER))
        open_pages = [self.person(server) for _ in links]
        for person, link in zip(open_pages, links):
            self.assertEqual(person.get(link).status, 200)
        used = self.person(server)
        used.get(links[0])
        used.post(name="bob", password=PASSWORD, again=PASSWORD)
        with sqlite3.connect(self.folder / "oauth.db") as db:
            self.assertEqual(db.execute("UPDATE link SET expires_ms = 1").rowcount, 2)
        for person, link in zip(open_pages, links):
            with self.subTest(link):
                self.assertEqual(person.post(name="eve", password=PASSWORD, again=PASSWORD).status, 404)
                self.assertEqual(person.get(link).status, 404)
        made_up = "/welcome?link=mdl_" + "A" * 43
        self.assertEqual(self.person(server).get(made_up).status, 404)
        self.assertEqual([p["name"] for p in self.cli("user")["accounts"]], ["ada", "bob"])

    def test_two_at_once_make_one_account(self):
        server = self.start()
        self.owner(server)
        link = self.cli("user", "invite")["link"].removeprefix(ISSUER)
        people = [self.person(server) for _ in range(4)]
        for person in people:
            person.get(link)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            pages = list(pool.map(lambda p: p[1].post(name=f"p{p[0]}", password=PASSWORD,
                                                      again=PASSWORD), enumerate(people)))
        self.assertEqual(sorted(p.status for p in pages), [200, 404, 404, 404])
        self.assertEqual(len(self.cli("user")["accounts"]), 2)

    def test_an_invitation_of_somebody_else_is_no_way_round(self):
        """Whoever is logged in and opens a link makes another account; nobody's role changes."""
        server = self.start()
        self.owner(server)
        bob = self.invite(server, "bob", "--role", "reader")
        link = self.cli("user", "invite", "--role", "owner")["link"].removeprefix(ISSUER)
        bob.get(link)
        self.assertEqual(bob.post(name="bob", password=PASSWORD, again=PASSWORD).status, 400)
        roles = {p["name"]: p["role"] for p in self.cli("user")["accounts"]}
        self.assertEqual(roles, {"ada": "owner", "bob": "reader"})


# Arguments that make a tool show or change the memory whose hash is given.
READING = {
    "memory_search": [{"query": "launch code"}, {"query": CONTENT, "mode": "exact"}],
    "memory_list": [{}, {"tags": ["vault"]}],
    "memory_health": [{}],
    "memory_stats": [{}],
    "retrieve_memory": [{"query": "launch code"}],
    "recall_memory": [{"query": "launch code"}],
    "recall_by_timeframe": [{"start_date": "2020-01-01", "end_date": "2099-01-01"}],
    "retrieve_with_quality_boost": [{"query": "launch code"}],
    "exact_match_retrieve": [{"content": CONTENT}],
    "debug_retrieve": [{"query": "launch code"}],
    "list_memories": [{}],
    "search_by_tag": [{"tag": "vault"}],
    "check_database_health": [{}],
    "get_cache_stats": [{}],
}
WRITING = {
    "memory_store": [{"content": "something else"}],
    "memory_delete": [{"content_hash": "HASH"}, {"tags": ["vault"]}],
    "memory_update": [{"content_hash": "HASH", "updates": {"tags": ["mine"]}}],
    "memory_cleanup": [{}],
    "store_memory": [{"content": "something else"}],
    "delete_memory": [{"content_hash": "HASH"}],
    "delete_by_tag": [{"tag": "vault"}],
    "delete_by_tags": [{"tags": ["vault"]}],
    "delete_by_all_tags": [{"tags": ["vault"]}],
    "delete_by_timeframe": [{"start_date": "2020-01-01", "end_date": "2099-01-01"}],
    "delete_before_date": [{"before_date": "2099-01-01"}],
    "cleanup_duplicates": [{}],
    "update_memory_metadata": [{"content_hash": "HASH", "updates": {"tags": ["mine"]}}],
}
MARK = "zebra"  # nobody asks for it: whoever has it has seen the memory
RESOURCES = ["memory://stats", "memory://tags", "memory://recent/10", "memory://tag/vault",
             "memory://search/launch%20code", "memory://memory/HASH"]


class RolesTest(PeopleCase):
    def setUp(self):
        super().setUp()
        self.here = self.start()
        self.owner(self.here)
        self.hash = self.here.store(CONTENT, tags=["vault", MARK])

    def calls(self, tables):
        for name, rows in tables.items():
            for arguments in rows:
                yield name, {k: self.hash if v == "HASH" else v for k, v in arguments.items()}

    def call(self, client, name, arguments, path=None):
        return client.call("tools/call", {"name": name, "arguments": arguments}, path=path)

    def is_untouched(self):
        memories = self.here.tool("memory_list")["structuredContent"]["memories"]
        return [(m["content_hash"], m["tags"]) for m in memories] == [(self.hash, ["vault", MARK])]

    def test_every_tool_is_in_the_tables(self):
        listed = {t["name"] for t in self.here.rpc("tools/list")["result"]["tools"]}
        page = (ROOT / "docs/tools.md").read_text()
        old = page.partition("## Old names")[2].partition("\n## ")[0]
        listed |= {n for row in re.findall(r"^\| `.*?\|", old, re.M) for n in re.findall(r"`(\w+)`", row)}
        self.assertEqual(listed, READING.keys() | WRITING.keys())

    def test_a_reader_reads_and_changes_nothing(self):
        client = self.connect(self.here, self.invite(self.here, "rita", "--role", "reader"))
        self.assertEqual(client.tokens["scope"].split(), ["read", "offline_access"])
        for name, arguments in self.calls(READING):
            with self.subTest(tool=name):
                reply = self.call(client, name, arguments)
                self.assertEqual(reply.status, 200)
                self.assertNotIn("error", reply.json())
        for name in ("memory_list", "memory_search", "recall_memory", "search_by_tag"):
            reply = self.call(client, name, READING[name][0])
            self.assertIn(MARK, reply.body.decode(), name)
        for name, arguments in self.calls(WRITING):
            with self.subTest(tool=name):
                reply = self.call(client, name, arguments)
                self.assertEqual(reply.status, 403)
                self.assertIn('error="insufficient_scope"', reply.headers["WWW-Authenticate"])
        self.assertTrue(self.is_untouched())
        # nor when the client is one that asks for more, and everything is ticked
        client = self.connect(self.here, self.invite(self.here, "ron", "--role", "reader"),
                              scope="read write admin")
        self.assertEqual(client.tokens["scope"], "read")

    def test_a_member_reads_and_changes(self):
        client = self.connect(self.here, self.invite(self.here, "mia"), scope="read write admin")
        self.assertEqual(client.tokens["scope"], "read write")
        for name, arguments in self.calls({**READING, **WRITING}):
            with self.subTest(tool=name):
                reply = self.call(client, name, arguments)
                self.assertEqual(reply.status, 200)
                self.assertNotIn("error", reply.json())
        self.assertFalse(self.is_untouched())

    @smoke
    def test_a_member_of_one_space_sees_no_other_by_any_way(self):
        client = self.connect(self.here, self.invite(self.here, "tom", "--spaces", "team"))
        for name, arguments in self.calls({**READING, **WRITING}):
            with self.subTest(tool=name):
                for path in ("/mcp/default", "/mcp/secret"):
                    reply = self.call(client, name, arguments, path)
                    self.assertEqual(reply.status, 403)
                    self.assertNotIn(CONTENT, reply.body.decode())
                for path in ("/mcp", "/mcp/team"):
                    for more in ({}, {"space": "default"}):
                        reply = self.call(client, name, {**arguments, **more}, path)
                        self.assertEqual(reply.status, 200)
                        self.assertNotIn(MARK, reply.body.decode())
        for uri in RESOURCES:
            for path, status in (("/mcp", 200), ("/mcp/default", 403)):
                with self.subTest(uri=uri, path=path):
                    uri = uri.replace("HASH", self.hash)
                    reply = client.call("resources/read", {"uri": uri}, path=path)
                    self.assertEqual(reply.status, status)
                    for part in ("blue binder", MARK):
                        self.assertNotIn(part, reply.body.decode())
        for prompt in client.call("prompts/list").json()["result"]["prompts"]:
            arguments = {a["name"]: "launch code" for a in prompt.get("arguments", [])}
            reply = client.call("prompts/get", {"name": prompt["name"], "arguments": arguments})
            for part in ("blue binder", MARK):
                self.assertNotIn(part, reply.body.decode())
        for path in ("/sse/default", "/sse/secret"):
            reply = self.here.request("GET", path, headers={
                **PROXIED, "Authorization": f"Bearer {client.tokens['access_token']}"})
            self.assertEqual(reply.status, 403)
        self.assertTrue(self.is_untouched())

    def test_a_client_cannot_be_given_more_spaces_than_the_person_has(self):
        person = self.invite(self.here, "tom", "--spaces", "team docs")
        client = self.client(self.here)
        client.discover()
        client.register()
        person.get(client.authorize_url())
        self.assertEqual(sorted(v for n, v, _ in person.forms()[0]["fields"] if n == "space"),
                         ["docs", "team"])
        done = person.post(decision="approve", space="default")  # instead of one of them
        client.exchange(client.take(done.went_to)["code"])
        self.assertEqual(self.cli("token", "list", "--user", "tom")["grants"][0]["spaces"], ["docs"])
        self.assertEqual(client.call("tools/list", path="/mcp/default").status, 403)
        self.assertNotIn(CONTENT, self.call(client, "memory_list", {}).body.decode())

"""Coming from the Python service: its OAuth database where the settings name it, or where it was by default.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import json
import sqlite3

from harness import run_cli, smoke
from reference_oauth import OldDatabase
from test_oauth import CONTENT, OAuthCase

CALLBACK = "https://claude.ai/api/mcp/auth_callback"


class ImportTest(OAuthCase):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "data" / "oauth.db"
        self.path.parent.mkdir()

    def make(self, n=1, **options):
        old = OldDatabase(self.path)
        self.addCleanup(old.close)
        self.clients = [old.add_client(CALLBACK, **options) for _ in range(n)]
        return old

    def start_with(self, **env):
        """The guide's settings."""
        return self.start(MCP_OAUTH_STORAGE_BACKEND="sqlite", MCP_OAUTH_SQLITE_PATH=self.path, **env)

    def old_client(self, server, old, method="client_secret_post"):
        client = self.client(server, redirect=CALLBACK)
        client.discover()
        client.registration = {"client_id": old["id"]}
        client.tokens = {"access_token": old["access"], "refresh_token": old["refresh"]}
        client.secret = {"client_secret": old["secret"]} if method != "none" else {}
        return client

    def refresh(self, client):
        reply = client.token(grant_type="refresh_token",
                             refresh_token=client.tokens["refresh_token"], **client.secret)
        if reply.status == 200:
            client.tokens = reply.json()
        return reply

    def bytes_of_old(self):
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
                for p in self.path.parent.iterdir() if p.name in ("oauth.db", "oauth.db-wal")}

    @smoke
    def test_connectors_stay_connected_and_the_old_file_as_it_was(self):
        self.make(3)
        before = self.bytes_of_old()
        self.assertIn("oauth.db-wal", before, "what was written last is in the log")
        server = self.start_with()
        for old in self.clients:
            client = self.old_client(server, old)
            self.assertEqual(client.call("tools/list").status, 401, "its access token has to be renewed")
            self.assertEqual(self.refresh(client).status, 200)
            self.assertEqual(client.tool("memory_store", content=CONTENT).status, 200)
            self.assertEqual(client.call("tools/list", path="/mcp/other").status, 403)
            self.assertEqual(self.refresh(client).status, 200)
        self.assertEqual(server.total(), 1)
        server.stop()
        again = self.start_with()
        client.request = again.request
        self.assertEqual(client.call("tools/list").status, 200)
        self.assertEqual(again.stop(), 0)
        self.assertEqual(self.bytes_of_old(), before)
        ours = self.path.with_name("memoryd-oauth.db")
        self.assertEqual(ours.stat().st_mode & 0o777, 0o600)
        data = b"".join(p.read_bytes() for p in self.path.parent.glob("memoryd-oauth.db*"))
        log = (server.log.text() + again.log.text()).encode()
        self.assertIn(b"step=import", log)
        self.assertEqual(log.count(b"step=import"), 1)
        for old in self.clients:
            for name in ("secret", "refresh", "used", "access"):
                self.assertNotIn(old[name].encode(), data + log)

    def test_a_token_that_was_rotated_there_ends_nothing_here(self):
        self.make()
        server = self.start_with()
        client = self.old_client(server, self.clients[0])
        reply = client.token(grant_type="refresh_token", refresh_token=self.clients[0]["used"],
                             **client.secret)
        self.assertEqual(reply.json()["error"], "invalid_grant")
        self.assertEqual(self.refresh(client).status, 200)
        wrong = client.token(grant_type="refresh_token", client_secret="wrong",
                             refresh_token=client.tokens["refresh_token"])
        self.assertEqual(wrong.json()["error"], "invalid_client")

    def test_a_person_allows_an_old_client_anew(self):
        self.make(method="none", name="Old <b>connector</b>")
        server = self.start_with()
        person = self.owner(server)
        client = self.old_client(server, self.clients[0], "none")
        page = person.get(client.authorize_url()).body.decode()
        self.assertIn("Old &lt;b&gt;connector", page)
        self.assertIn("unverified", page)
        code = client.take(person.post(decision="approve").went_to)["code"]
        self.assertEqual(client.exchange(code).status, 200)
        self.assertEqual(client.call("tools/list").status, 200)

    def test_the_owner_sees_and_ends_what_came(self):
        self.make()
        env = {"MCP_OAUTH_ENABLED": "true", "MCP_OAUTH_SQLITE_PATH": self.path}
        code, out, err = run_cli(self.folder, "token", "--json", **env)  # before any server
        self.assertEqual(code, 0, err)
        grant = json.loads(out)["grants"][0]
        self.assertEqual((grant["account"], grant["client_name"], grant["spaces"]),
                         (None, "Old connector", ["default"]))
        server = self.start_with()
        client = self.old_client(server, self.clients[0])
        self.assertEqual(self.refresh(client).status, 200)
        self.assertEqual(run_cli(self.folder, "token", "revoke", grant["id"], **env)[0], 0)
        self.assertEqual(client.call("tools/list").status, 401)
        client_id = self.clients[0]["id"]
        self.assertEqual(run_cli(self.folder, "client", "delete", client_id, **env)[0], 0)
        server.stop()
        again = self.start_with()
        client.request = again.request
        self.assertEqual(self.refresh(client).json()["error"], "invalid_client", "gone is gone")

    def test_the_place_that_was_the_default(self):
        self.make()
        server = self.start(MCP_MEMORY_BASE_DIR=self.path.parent, MCP_OAUTH_SQLITE_PATH=None)
        self.assertEqual(self.refresh(self.old_client(server, self.clients[0])).status, 200)

    def test_a_path_of_its_own_takes_nothing_over(self):
        self.make()
        server = self.start(MCP_MEMORY_BASE_DIR=self.path.parent,
                            MCP_OAUTH_SQLITE_PATH=self.folder / "own.db")
        client = self.old_client(server, self.clients[0])
        self.assertEqual(self.refresh(client).json()["error"], "invalid_client")

    def test_a_damaged_row_costs_itself_alone(self):
        old = self.make(2)
        old.db.execute("UPDATE oauth_clients SET redirect_uris = '[', client_name = x'ff00'"
                       " WHERE client_id = ?", (self.clients[0]["id"],))
        old.db.execute("UPDATE oauth_clients SET created_at = 'yesterday', client_name = x'ff00'"
                       " WHERE client_id = ?", (self.clients[1]["id"],))
        server = self.start_with()
        for client, status in zip(self.clients, (401, 200)):
            self.assertEqual(self.refresh(self.old_client(server, client)).status, status)

    def test_the_old_file_may_go_afterwards(self):
        old = self.make()
        server = self.start_with()
        client = self.old_client(server, self.clients[0])
        self.assertEqual(self.refresh(client).status, 200)
        server.stop()
        old.close()
        for path in self.path.parent.glob("oauth.db*"):
            path.unlink()
        again = self.start_with()
        client.request = again.request
        self.assertEqual(client.call("tools/list").status, 200)
        self.assertFalse(self.path.exists())

    def test_files_of_others_stop_the_start_unchanged(self):
        self.path.write_bytes(b"not a database at all" * 100)
        before = self.bytes_of_old()
        code, _, err = run_cli(self.folder, "serve", MCP_OAUTH_ENABLED="true",
                               MCP_OAUTH_SQLITE_PATH=self.path, MCP_SSE_PORT=0)
        self.assertNotEqual(code, 0)
        self.assertIn("it was not changed", err)
        self.assertEqual(self.bytes_of_old(), before)
        self.path.unlink()
        with sqlite3.connect(self.path) as db:
            db.execute("CREATE TABLE oauth_clients (x)")
        code, _, err = run_cli(self.folder, "user", MCP_OAUTH_SQLITE_PATH=self.path)
        self.assertEqual(code, 4)
        self.assertIn("a database of another program", err)

"""test_kill.py - processes that are killed at any moment lose nothing that was acknowledged.

Rounds of two servers on one database, under stores, updates, deletes and re-indexing, ended by SIGKILL at a
random moment. KILL_ROUNDS sets how many; each memory belongs to one client, which knows what was acknowledged
and which one change may or may not have happened. There are many other memories, so that the vector index has
a file: what it gives after all the killing is what an index made anew gives.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

from harness import MEMORYD, Case, Server, clean_env
from test_damage import make_library

ROUNDS = int(os.environ.get("KILL_ROUNDS", 50))
ROUNDS_PER_CHECK = 10
CLIENTS = 3
WORDS = "harbour crane walrus ledger orchid tunnel violin glacier pepper saddle lantern quartz".split()


class Client:
    """Changes memories of its own until its server is gone."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(seed * 100 + number)
        self.known = {}  # content: None if deleted, else its set of tags
        self.doubtful = {}  # content: what it may be besides, after a change without an answer
        self.n_done = 0
        self.refusals = []

    def plan(self):
        """The content to change, the tool with its arguments, and what it will be then."""
        live = [c for c, tags in self.known.items() if tags is not None and c not in self.doubtful]
        kind = self.random.random()
        if live and kind < 0.25:
            content = self.random.choice(live)
            tag = f"t{self.random.randrange(1000)}"
            return content, "memory_update", {"updates": {"tags": [tag]}}, {tag}
        if live and kind < 0.45:
            return self.random.choice(live), "memory_delete", {}, None
        self.n_done += 1
        content = f"client {self.number} memory {self.n_done}: {' '.join(self.random.sample(WORDS, 5))}"
        return content, "memory_store", {"content": content, "tags": ["new"]}, {"new"}

    def run(self, server, hashes):
        while True:
            content, tool, arguments, becomes = self.plan()
            if tool != "memory_store":
                arguments["content_hash"] = hashes[content]
            self.doubtful[content] = (self.known.get(content), becomes)
            try:
                result = server.tool(tool, **arguments)
            except (OSError, http.client.HTTPException, json.JSONDecodeError, KeyError):
                return
            if result.get("isError"):
                self.refusals.append((tool, arguments, result))
                return
            if tool == "memory_store":
                hashes[content] = result["structuredContent"]["content_hash"]
            self.known[content] = becomes
            del self.doubtful[content]

    def settle(self, found):
        """Compares with what is there: content to set of tags. What was doubtful is known then."""
        for content, (before, after) in self.doubtful.items():
            actual = found.get(content)
            assert actual in (before, after), (content, actual, before, after)
            self.known[content] = actual
        self.doubtful = {}
        for content, tags in self.known.items():
            assert found.get(content) == tags, (content, found.get(content), tags)


class Kill(Case):
    def everything(self, server):
        found, offset = {}, 0
        while True:
            page = server.tool("memory_list", page_size=100, offset=offset)["structuredContent"]
            found.update({m["content"]: (m["content_hash"], set(m["tags"])) for m in page["memories"]})
            if not page["has_more"]:
                return found
            offset = page["next_offset"]

    def round(self, clients, hashes, chance):
        servers = [Server(self.folder), Server(self.folder)]
        threads = [threading.Thread(target=client.run, args=(servers[n % 2], hashes))
                   for n, client in enumerate(clients)]
        for thread in threads:
            thread.start()
        reindex = subprocess.Popen([MEMORYD, "reindex", "--all"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=clean_env(self.folder), cwd=self.folder)
        time.sleep(chance.uniform(0.01, 0.25))  # not a wait for readiness: the moment is the test
        for process in (servers[0].process, reindex, servers[1].process):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        reindex.wait()
        for server in servers:
            server.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()

    def check(self, clients, hashes):
        self.assertEqual([c.refusals for c in clients], [[]] * len(clients))
        with Server(self.folder) as server:
            found = self.everything(server)
            for content, (content_hash, _) in found.items():
                hashes[content] = content_hash
            for client in clients:
                client.settle({content: tags for content, (_, tags) in found.items()})
            health = server.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "healthy", health)
            ranked = [self.ranked(server, f"{a} {b}", mode) for a, b in zip(WORDS, WORDS[1:])
                      for mode in ("semantic", "hybrid", "exact")]
        with contextlib.closing(sqlite3.connect(self.folder / "memory.db")) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
        return ranked

    def ranked(self, server, query, mode):
        result = server.tool("memory_search", query=query, mode=mode, limit=50)["structuredContent"]
        return [(m["content_hash"], m["score"]) for m in result["memories"]]

    def test_nothing_acknowledged_is_lost(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        clients = [Client(n, seed) for n in range(CLIENTS)]
        hashes = {}
        library = make_library()
        shutil.copytree(library, self.folder, dirs_exist_ok=True)
        shutil.rmtree(library)
        with self.subTest(seed=seed):
            for number in range(1, ROUNDS + 1):
                self.round(clients, hashes, chance)
                if number % ROUNDS_PER_CHECK == 0:
                    self.check(clients, hashes)
            before = self.check(clients, hashes)
            [index] = self.folder.glob("memory.db-index-*")
            index.unlink()
            self.assertEqual(self.check(clients, hashes), before)  # an index made anew is the same
            n = sum(len(c.known) for c in clients)
            self.assertGreater(n, ROUNDS)

"""Many processes, one database: nobody finds it locked, whatever another one does or dies of.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from harness import (DEADLINE_S, DECISION, MEMORYD, OTHERS, QUESTION, ROOT, Case, Server, Stdio,
                     clean_env, run_cli)

# What another process may do to the database, as a program: "hold" takes the lock of writers and says so
# by a line; "churn" takes it again and again, empties the log and lets go, until its input ends.
OTHER = """
import select, sqlite3, sys
db = sqlite3.connect(sys.argv[2], timeout=30, isolation_level=None)
if sys.argv[1] == "hold":
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE memory SET metadata = '{\\"half\\":1}'")
    print("held", flush=True)
    sys.stdin.read()
    db.execute("ROLLBACK")
else:
    print("churns", flush=True)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        db.execute("BEGIN IMMEDIATE")
        select.select([sys.stdin], [], [], 0.05)
        db.execute("ROLLBACK")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


class Other:
    def __init__(self, what, path):
        self.process = subprocess.Popen([sys.executable, "-c", OTHER, what, path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline(), "it did not get so far"

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.kill()
        with contextlib.suppress(OSError):
            self.end()


class EightWriters(Case):
    N_EACH = 10

    def write_by_server(self, tool, name):
        """Stores, updates and deletes; every second memory stays. Anything but success raises."""
        for i in range(self.N_EACH):
            stored = tool("memory_store", content=f"{name} fact {i}", tags=["new"])
            self.assertFalse(stored.get("isError"), stored)
            named = {"content_hash": stored["structuredContent"]["content_hash"]}
            changed = tool("memory_update", **named, updates={"tags": ["changed"]})
            self.assertFalse(changed.get("isError"), changed)
            if i % 2:
                self.assertFalse(tool("memory_delete", **named).get("isError"))

    def write_by_cli(self, name):
        for i in range(self.N_EACH):
            code, out, err = run_cli(self.folder, "store", f"{name} fact {i}", "--json")
            self.assertEqual(code, 0, err)
            named = json.loads(out)["content_hash"]
            code, _, err = run_cli(self.folder, "update", named, "--tag", "changed")
            self.assertEqual(code, 0, err)
            if i % 2:
                code, _, err = run_cli(self.folder, "delete", named, "--yes")
                self.assertEqual(code, 0, err)

    def test_none_finds_it_locked_while_others_lock_and_empty_the_log(self):
        """Three servers, three on stdio, two rows of commands, a re-indexing, and a process that holds the
        lock half of the time."""
        problems = []

        def guarded(work, *args):
            try:
                work(*args)
            except BaseException as problem:  # a thread's failure must reach the test
                problems.append(repr(problem))

        def reindex():
            code, _, err = run_cli(self.folder, "reindex", "--all")
            self.assertEqual(code, 0, err)

        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(Server(self.folder)) for _ in range(3)]
            talks = [stack.enter_context(Stdio(self.folder)) for _ in range(3)]
            for talk in talks:
                talk.initialize()
            stack.enter_context(Other("churn", self.folder / "memory.db"))
            works = [*((self.write_by_server, s.tool, f"server {n}") for n, s in enumerate(servers)),
                     *((self.write_by_server, t.tool, f"stdio {n}") for n, t in enumerate(talks)),
                     *((self.write_by_cli, f"command {n}") for n in range(2)), (reindex,)]
            threads = [threading.Thread(target=guarded, args=work) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(problems, [])
            want = {f"{who} {n} fact {i}" for who, n_of in (("server", 3), ("stdio", 3), ("command", 2))
                    for n in range(n_of) for i in range(0, self.N_EACH, 2)}
            for s in servers:
                listed = s.tool("memory_list", page_size=100)["structuredContent"]
                self.assertEqual({m["content"] for m in listed["memories"]}, want)
                self.assertEqual({t for m in listed["memories"] for t in m["tags"]}, {"changed"})
                health = s.tool("memory_health")
                self.assertIn("structuredContent", health)
                self.assertEqual(health["structuredContent"]["validation"]["status"], "healthy", health)


class Crash(Case):
    def setUp(self):
        super().setUp()
        self.db = self.folder / "memory.db"
        with Server(self.folder) as s:
            s.store(DECISION)

    def test_who_is_killed_in_the_middle_of_a_change_holds_nobody_up(self):
        with Server(self.folder) as s, Other("hold", self.db) as other:
            other.process.kill()
            other.process.wait()
            start = time.monotonic()
            s.store("stored after the crash")
            self.assertLess(time.monotonic() - start, 5, "the lock died with its holder")
            self.assertEqual(s.total(), 2)
            listed = s.tool("memory_list")["structuredContent"]["memories"]
            self.assertNotIn("half", json.dumps(listed))

    def test_who_is_stopped_in_the_middle_is_waited_for(self):
        with Server(self.folder) as s, Other("hold", self.db) as other:
            other.process.send_signal(signal.SIGSTOP)
            results = []
            thread = threading.Thread(target=lambda: results.append(s.store("waited for its turn")))
            thread.start()
            self.assertEqual(s.search(QUESTION), [DECISION])  # readers do not wait
            thread.join(2)
            self.assertEqual(results, [], "the lock is held")
            other.process.send_signal(signal.SIGCONT)
            other.end()
            thread.join(DEADLINE_S)
            self.assertEqual(len(results), 1)
            self.assertEqual(s.total(), 2)

    def test_however_many_changes_wait_reading_goes_on(self):
        """As many changes as the server had HTTP threads stopped all else."""
        n = 16 * (os.cpu_count() or 1)
        with Server(self.folder) as s, Other("hold", self.db) as other:
            results = []
            threads = [threading.Thread(target=lambda i=i: results.append(s.store(f"waits {i}")))
                       for i in range(n)]
            for thread in threads:
                thread.start()
            for _ in range(8 * (os.cpu_count() or 1)):  # each on a connection of its own
                self.assertEqual(s.search(QUESTION)[:1], [DECISION])
            self.assertEqual(results, [], "the lock is held")
            other.end()
            for thread in threads:
                thread.join(DEADLINE_S)
            self.assertEqual(len(results), n)
            self.assertEqual(s.total(), 1 + n)

    def test_who_never_lets_go_is_named_after_the_documented_time(self):
        with Server(self.folder, MCP_MEMORY_SQLITE_PRAGMAS="busy_timeout=1500") as s:
            with Other("hold", self.db) as other:
                other.process.send_signal(signal.SIGSTOP)
                start = time.monotonic()
                result = s.tool("memory_store", content="not now")
                took_s = time.monotonic() - start
                self.assertTrue(result.get("isError"), result)
                self.assertRegex(result["content"][0]["text"],
                                 r"^Error: [^\n]*another process holds the database; try again$")
                self.assertGreater(took_s, 1)
                self.assertLess(took_s, 10)
                self.assertEqual(s.search(QUESTION), [DECISION])
            s.store("now")
            self.assertEqual(s.total(), 2)

    def test_a_server_that_is_stopped_while_it_writes_is_survived_by_another(self):
        first, second = self.server(), self.server()
        is_over = threading.Event()

        def write():
            with contextlib.suppress(Exception):
                for i in range(100000):
                    first.store(f"busy writing {i}")
                    if is_over.is_set():
                        return

        thread = threading.Thread(target=write)
        thread.start()
        for i in range(5):
            first.process.send_signal(signal.SIGSTOP)
            first.process.send_signal(signal.SIGCONT)
            second.store(f"stored by the other {i}")
        first.process.kill()
        second.store("stored after the end of the first")
        is_over.set()
        thread.join()
        self.assertEqual(second.tool("memory_health")["structuredContent"]["validation"]["status"],
                         "healthy")


class OldSchema(Case):
    def setUp(self):
        super().setUp()
        old = gzip.decompress((ROOT / "tests/data/store/schema-1.db.gz").read_bytes())
        (self.folder / "memory.db").write_bytes(old)

    def version(self):
        with contextlib.closing(sqlite3.connect(self.folder / "memory.db")) as db:
            return db.execute("PRAGMA user_version").fetchone()[0]

    def test_of_many_that_start_at_once_one_migrates(self):
        self.assertEqual(self.version(), 1)
        env = clean_env(self.folder)
        runs = [subprocess.Popen([MEMORYD, *command], env=env, cwd=self.folder, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
                for command in [("list", "--json"), ("stats",), ("stdio",), ("store", "a new one")] * 2]
        with Server(self.folder) as s:
            for run in runs:
                _, err = run.communicate(timeout=DEADLINE_S)
                self.assertEqual(run.returncode, 0, err)
            self.assertEqual(self.version(), 2)
            listed = s.tool("memory_list")["structuredContent"]["memories"]
            self.assertEqual({m["content"] for m in listed}, {*OTHERS, DECISION, "a new one"})
            [decision] = [m for m in listed if m["content"] == DECISION]
            self.assertEqual(decision["tags"], ["old", "decided"])
            self.assertEqual(s.search(QUESTION)[0], DECISION)
            health = s.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "healthy", health)
        code, out, _ = run_cli(self.folder, "history", decision["content_hash"], "--json")
        self.assertEqual(code, 0)
        self.assertEqual([c["op"] for c in json.loads(out)["changes"]], ["update", "store"])

    def test_a_start_waits_for_who_writes_just_then(self):
        with Other("hold", self.folder / "memory.db") as other:
            run = subprocess.Popen([MEMORYD, "stats", "--json"], env=clean_env(self.folder),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with self.assertRaises(subprocess.TimeoutExpired):
                run.wait(1)
            other.end()
            out, err = run.communicate(timeout=DEADLINE_S)
            self.assertEqual(run.returncode, 0, err)
            self.assertEqual(json.loads(out)["total_memories"], 4)
        self.assertEqual(self.version(), 2)

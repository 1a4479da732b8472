"""Starting, stopping, crashing, sharing: what is stored stays stored.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time

from harness import (DEADLINE_S, DECISION, MEMORYD, OTHERS, QUESTION, Case, Server, Stdio, clean_env,
                     run_cli, smoke, wait_until)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Restart(Case):
    def test_memories_outlive_the_server(self):
        with Server(self.folder) as s:
            for text in [*OTHERS, DECISION]:
                s.store(text)
        with Server(self.folder) as s:
            self.assertEqual(s.total(), 4)
            self.assertEqual(s.search(QUESTION)[0], DECISION)

    def test_what_was_acknowledged_survives_kill_9(self):
        """Stores from four threads while the server is killed: each acknowledged one is there."""
        acknowledged, lock = [], threading.Lock()
        s = self.server()

        def work(number):
            for i in range(1000):
                text = f"note {i} of writer {number}"
                try:
                    s.store(text)
                except Exception:  # the server is gone, as it should be
                    return
                with lock:
                    acknowledged.append(text)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(acknowledged) >= 20, "twenty stores")
        s.process.kill()
        for thread in threads:
            thread.join()
        s.stop()

        with Server(self.folder) as s:
            self.assertGreaterEqual(s.total(), len(acknowledged))
            for text in acknowledged:
                found = s.search(text, mode="exact")
                self.assertIn(text, found)
            health = s.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "healthy")

    @smoke
    def test_sigterm_lets_running_calls_end(self):
        s = self.server()
        results = []

        def work(number):
            text = f"{number} " + "a long text that takes a while to embed " * 40
            with contextlib.suppress(OSError, http.client.HTTPException):  # came too late
                results.append(s.rpc("tools/call", {"name": "memory_store", "arguments": {"content": text}}))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)  # not a wait for readiness: the calls shall be under way, or not even begun
        code = s.stop(signal.SIGTERM)
        for thread in threads:
            thread.join()
        self.assertEqual(code, 0)
        with Server(self.folder) as again:
            stored = again.total()
        acknowledged = sum(1 for r in results if "result" in r and not r["result"].get("isError"))
        self.assertGreaterEqual(stored, acknowledged)

    def test_sigint_ends_it_too(self):
        self.assertEqual(self.server().stop(signal.SIGINT), 0)

    def test_sighup_does_not_end_it(self):
        s = self.server()
        s.process.send_signal(signal.SIGHUP)
        s.store(DECISION)
        self.assertTrue(s.is_alive())


class SeveralProcesses(Case):
    def test_another_process_sees_a_store_within_a_second(self):
        first, second = self.server(), self.server()
        self.assertEqual(second.search(QUESTION), [])
        first.store(DECISION)
        end = time.monotonic() + 1
        found = second.search(QUESTION)
        while not found and time.monotonic() < end:
            found = second.search(QUESTION)
        self.assertEqual(found, [DECISION])

    def test_server_stdio_and_command_line_at_once(self):
        s = self.server()
        with Stdio(self.folder) as other:
            other.initialize()
            other.tool("memory_store", content=DECISION)
            code, out, _ = run_cli(self.folder, "store", OTHERS[0], "--json")
            self.assertEqual(code, 0)
            self.assertEqual(wait_until(lambda: s.total() == 2 and 2, "both stores"), 2)
            s.tool("memory_delete", content_hash=json.loads(out)["content_hash"])
            listed = other.tool("memory_list")["structuredContent"]
            self.assertEqual([m["content"] for m in listed["memories"]], [DECISION])

    def test_many_processes_write_and_none_finds_it_locked(self):
        runs = [subprocess.Popen([MEMORYD, "store", f"fact number {i}", "--json"],
                                 env=clean_env(self.folder), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE) for i in range(12)]
        for run in runs:
            out, err = run.communicate(timeout=DEADLINE_S)
            self.assertEqual(run.returncode, 0, err)
            self.assertIn("content_hash", json.loads(out))
        _, out, _ = run_cli(self.folder, "stats", "--json")
        self.assertEqual(json.loads(out)["total_memories"], 12)


class Start(Case):
    def refuse(self, *command, **env):
        """The program must end by itself, with one line that says why."""
        code, out, err = run_cli(self.folder, *command, **env)
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        lines = [line for line in err.splitlines() if line.startswith("memoryd:")]
        self.assertEqual(len(lines), 1, err)
        return lines[0]

    def test_other_addresses_are_refused(self):
        for host in ("1.2.3", "[::", "*", "example.com"):
            with self.subTest(host=host):
                line = self.refuse("serve", "--host", host)
                self.assertIn(host, line)
                self.assertIn("MCP_SSE_HOST", line)

    def test_loopback_addresses_are_served(self):
        for host in ("127.0.0.1", "localhost"):
            with self.subTest(host=host), Server(self.folder, "--host", host) as s:
                self.assertEqual(s.request("GET", "/api/health").status, 200)

    def test_a_port_in_use(self):
        with Server(self.folder) as s:
            line = self.refuse("serve", "--port", str(s.port))
            self.assertIn(str(s.port), line)

    def test_plain_memoryd_serves_http_if_asked(self):
        port = free_port()
        for mode in ("MCP_STREAMABLE_HTTP_MODE", "MCP_SSE_MODE"):
            with self.subTest(mode), Server(self.folder, command=(), MCP_SSE_HOST="127.0.0.1",
                                            MCP_SSE_PORT=port, **{mode: 1}) as s:
                self.assertEqual(s.port, port)
                self.assertEqual(s.request("GET", "/api/health").status, 200)

    def test_bad_values_stop_the_start(self):
        for name, value in (("MCP_SSE_PORT", "80a"), ("MCP_SSE_PORT", "70000"),
                            ("MCP_STREAMABLE_HTTP_MODE", "perhaps"),
                            ("MCP_MEMORY_SQLITE_PRAGMAS", "synchronous=off"),
                            ("MCP_MEMORY_SQLITE_PRAGMAS", "no_such=1"),
                            ("LOG_LEVEL", "loud"), ("MCP_HYBRID_KEYWORD_WEIGHT", "2")):
            with self.subTest(name=name, value=value):
                self.assertIn(name, self.refuse("serve", **{name: value}))

    def test_an_unknown_name_gets_a_warning_with_the_nearest(self):
        _, _, err = run_cli(self.folder, "stdio", MCP_SSE_PROT="8765")
        self.assertIn("MCP_SSE_PROT", err)
        self.assertIn("MCP_SSE_PORT", err)

    def test_a_folder_that_cannot_be_written(self):
        locked = self.folder / "locked"
        locked.mkdir()
        (locked / "file").write_text("no folder")
        line = self.refuse("serve", MCP_MEMORY_SQLITE_PATH=locked / "file" / "memory.db")
        self.assertIn("locked", line)

    def test_a_file_that_is_no_database(self):
        (self.folder / "memory.db").write_bytes(b"these are not the bytes of a database" * 100)
        line = self.refuse("serve")
        self.assertIn("memory.db", line)
        self.assertTrue((self.folder / "memory.db").read_bytes().startswith(b"these"))

    def test_without_a_model_words_are_searched_and_it_says_so(self):
        with Server(self.folder, MEMORYD_MODEL=self.folder / "none.mdm") as s:
            s.store(DECISION)
            result = s.tool("memory_search", query="PostgreSQL")
            self.assertIn(DECISION, result["content"][0]["text"])
            self.assertTrue(result["structuredContent"]["words_only"])
            self.assertIn("none.mdm", s.log.text())

    def test_a_damaged_model_is_not_used(self):
        damaged = self.folder / "damaged.mdm"
        damaged.write_bytes(b"\0" * 4096)
        with Server(self.folder, MEMORYD_MODEL=damaged) as s:
            s.store(DECISION)
            result = s.tool("memory_search", query="PostgreSQL")
            self.assertTrue(result["structuredContent"]["words_only"])


class EnvFile(Case):
    def test_settings_come_from_env_and_the_environment_wins(self):
        port = free_port()
        (self.folder / ".env").write_text(
            f"# settings\nMCP_STREAMABLE_HTTP_MODE=true\nexport MCP_SSE_PORT={port}\n"
            f"MCP_MEMORY_SQLITE_PATH='{self.folder}/from-env-file.db'\n")
        with Server(self.folder, command=(), MCP_SSE_PORT=None, MCP_MEMORY_SQLITE_PATH=None) as s:
            self.assertEqual(s.port, port)
            s.store(DECISION)
        self.assertTrue((self.folder / "from-env-file.db").exists())
        with Server(self.folder, command=()) as s:  # MCP_SSE_PORT=0 and the path are in the environment
            self.assertNotEqual(s.port, port)
            self.assertEqual(s.total(), 0)

    def test_a_bad_value_in_it_stops_the_start(self):
        (self.folder / ".env").write_text("MCP_SSE_PORT=nope\n")
        code, _, err = run_cli(self.folder, "serve")
        self.assertNotEqual(code, 0)
        self.assertIn("MCP_SSE_PORT", err)

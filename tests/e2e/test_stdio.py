"""The server on standard input and output, as a client that starts it sees it.

SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib
import signal
import subprocess
import sys

from harness import (DEADLINE_S, DECISION, MEMORYD, META, MODERN, OTHERS, QUESTION, Case, Server,
                     Stdio, clean_env, smoke, wait_until)

# A client as a program of its own: starts memoryd, gives it what is in argv, tells its process id, and
# then waits for ever. It takes none of the answers.
CLIENT = """
import subprocess, sys
child = subprocess.Popen([sys.argv[1], "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin:
    child.stdin.write(line.encode())
child.stdin.flush()
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def is_running(pid):
    """Not gone, and no zombie that nobody has asked for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Conversation(Case):
    @smoke
    def test_store_and_find(self):
        with Stdio(self.folder) as s:
            self.assertEqual(s.initialize()["protocolVersion"], "2025-11-25")
            for text in [*OTHERS, DECISION]:
                s.tool("memory_store", content=text)
            hits = s.tool("memory_search", query=QUESTION)["structuredContent"]["memories"]
            self.assertEqual(hits[0]["content"], DECISION)

    def test_without_a_command_it_speaks_stdio(self):
        with Stdio(self.folder, command=()) as s:
            self.assertIn("serverInfo", s.initialize())

    def test_the_end_of_input_ends_it_at_once(self):
        s = Stdio(self.folder)
        s.initialize()
        self.assertEqual(s.close(), 0)

    def kill_client_during(self, messages):
        """A client is killed when the first message has been answered; memoryd must end by itself."""
        client = subprocess.Popen([sys.executable, "-c", CLIENT, MEMORYD], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  env=clean_env(self.folder), cwd=self.folder)
        client.stdin.write("".join(json.dumps(m) + "\n" for m in messages).encode())
        client.stdin.close()
        pid = int(client.stdout.readline())
        self.assertTrue(is_running(pid))
        client.kill()
        client.wait()
        client.stdout.close()
        wait_until(lambda: not is_running(pid), "memoryd ends after its client was killed")

    def test_a_client_that_is_killed_ends_it(self):
        self.kill_client_during([{"jsonrpc": "2.0", "id": 1, "method": "ping"}])

    def test_a_client_that_is_killed_while_calls_run_ends_it(self):
        long_text = "a long text that takes a while to embed " * 300
        calls = [{"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {
            "name": "memory_store", "arguments": {"content": f"{i} {long_text}"}}} for i in range(6)]
        self.kill_client_during([{"jsonrpc": "2.0", "id": "first", "method": "ping"}, *calls])
        with Server(self.folder) as s:  # whole or not at all
            health = s.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "healthy", health)
            listed = s.tool("memory_list", page_size=1)["structuredContent"]
            self.assertLessEqual(listed["total"], len(calls))

    def test_an_empty_input_is_no_failure(self):
        self.assertEqual(Stdio(self.folder).close(), 0)

    def test_sigterm_ends_it(self):
        s = Stdio(self.folder)
        s.initialize()
        s.process.send_signal(signal.SIGTERM)
        self.assertEqual(s.process.wait(DEADLINE_S), 0)
        s.close()

    def test_a_client_that_no_longer_reads_ends_it(self):
        process = subprocess.Popen([MEMORYD, "stdio"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=clean_env(self.folder))
        process.stdout.close()
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        self.assertEqual(process.wait(DEADLINE_S), 0)
        process.stdin.close()

    def test_answers_that_cannot_be_written_are_a_failure(self):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n"
        with open("/dev/full", "wb") as full:
            done = subprocess.run([MEMORYD, "stdio"], input=line.encode(), stdout=full,
                                  stderr=subprocess.PIPE, cwd=self.folder,
                                  env=clean_env(self.folder), timeout=DEADLINE_S)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"cannot write answers to stdout: No space left on device", done.stderr)

    def test_every_version_is_negotiated(self):
        known = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
        for version in [*known, "2099-01-01", MODERN]:
            with self.subTest(version=version), Stdio(self.folder) as s:
                want = version if version in known else "2025-11-25"
                self.assertEqual(s.initialize(version)["protocolVersion"], want)

    def test_both_eras_in_one_process(self):
        with Stdio(self.folder) as s:
            result = s.rpc("server/discover", {"_meta": META})["result"]
            self.assertIn(MODERN, result["supportedVersions"])
            s.initialize()
            self.assertEqual(s.rpc("ping")["result"], {})
            modern = s.rpc("tools/list", {"_meta": META})["result"]
            self.assertEqual(modern["resultType"], "complete")
            self.assertNotIn("resultType", s.rpc("tools/list")["result"])

    def test_only_messages_on_standard_output(self):
        with Stdio(self.folder, LOG_LEVEL="debug") as s:
            s.initialize()
            s.tool("memory_store", content=DECISION)
            s.send(b"no JSON")
            self.assertEqual(s.receive()["error"]["code"], -32700)
        for line in s.out.lines:
            self.assertEqual(json.loads(line)["jsonrpc"], "2.0")

    def test_lines_may_end_in_crlf_and_be_empty(self):
        with Stdio(self.folder) as s:
            s.send(b"")
            s.send(b'{"jsonrpc":"2.0","id":7,"method":"ping"}\r')
            self.assertEqual(s.receive(), {"jsonrpc": "2.0", "id": 7, "result": {}})

    def test_no_memory_text_in_the_log(self):
        with Stdio(self.folder, LOG_LEVEL="debug") as s:
            s.initialize()
            s.tool("memory_store", content="a secret about zebras")
            s.tool("memory_search", query="zebras in secret")
        self.assertNotIn("zebra", s.log.text())

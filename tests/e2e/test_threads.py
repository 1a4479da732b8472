"""Eight clients do everything at once, beside another process; made for the thread sanitizer.

What the sanitizer finds ends the server (halt_on_error), so that calls fail and its exit code tells.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import http.client
import json
import random
import threading

from harness import DEADLINE_S, META, MODERN, Case, Server, Stdio, run_cli, smoke

N_CLIENTS = 8
N_ROUNDS = 8
WORDS = "harbour crane walrus ledger orchid tunnel violin glacier pepper saddle lantern quartz".split()


class Client:
    """One connection and one session; its own memories, and all others' by search and list."""

    def __init__(self, number, server):
        self.number = number
        self.server = server
        self.random = random.Random(number)
        self.live = {}  # content to hash
        self.session = {}
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)

    def post(self, message, headers=()):
        self.connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, **message}),
                                {"Content-Type": "application/json", **self.session, **dict(headers)})
        reply = self.connection.getresponse()
        return reply, reply.read()

    def tool(self, name, **arguments):
        reply, body = self.post({"method": "tools/call", "params": {"name": name, "arguments": arguments}})
        assert reply.status == 200, (reply.status, body)
        result = json.loads(body)["result"]
        assert not result.get("isError"), result
        return result["structuredContent"]

    def begin_session(self):
        self.session = {}
        reply, _ = self.post({"method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": f"client {self.number}", "version": "1"}}})
        self.session = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"]}

    def end_session(self):
        """With a stream open, which has to end with it."""
        stream = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE_S)
        stream.request("GET", "/mcp", headers={"Accept": "text/event-stream", **self.session})
        reply = stream.getresponse()
        assert reply.status == 200
        self.connection.request("DELETE", "/mcp", headers=self.session)
        assert self.connection.getresponse().read() == b""
        reply.read()
        stream.close()

    def listen_and_hang_up(self):
        stream = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE_S)
        stream.request("POST", "/mcp", json.dumps({
            "jsonrpc": "2.0", "id": "x", "method": "subscriptions/listen",
            "params": {"_meta": META, "notifications": {"toolsListChanged": True}}}),
            {"Content-Type": "application/json", "Accept": "text/event-stream",
             "MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"})
        assert stream.getresponse().status == 200
        stream.close()

    def use_older_transport(self):
        """A stream, a call on it, and a hang-up while another one may run."""
        stream = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE_S)
        stream.request("GET", "/sse")
        reply = stream.getresponse()
        endpoint = [reply.readline() for _ in range(3)][1].decode().split()[1]
        for i in range(2):
            answer = self.server.request("POST", endpoint, json.dumps({
                "jsonrpc": "2.0", "id": i, "method": "tools/call",
                "params": {"name": "memory_search", "arguments": {"query": "walrus"}}}),
                {"Content-Type": "application/json"})
            assert answer.status == 202, answer.body
        assert reply.readline() == b"event: message\n"
        stream.close()
        reply.close()

    def round(self, i):
        content = f"client {self.number} memory {i}: {' '.join(self.random.sample(WORDS, 4))}"
        self.live[content] = self.tool("memory_store", content=content, tags=["new"])["content_hash"]
        some, content_hash = self.random.choice(list(self.live.items()))
        self.tool("memory_update", content_hash=content_hash, updates={"tags": [f"round-{i}"]})
        found = self.tool("memory_search", query=some, limit=10)["memories"]
        assert some in [m["content"] for m in found], (some, found)
        self.tool("memory_search", query=self.random.choice(WORDS), mode="exact")
        self.tool("memory_list", page_size=20, tags=["new"])
        if i % 3 == 2:
            self.tool("memory_delete", content_hash=self.live.pop(some))
        if i % 4 == 3:
            self.listen_and_hang_up()
            self.use_older_transport()
            self.tool("memory_health" if self.number % 2 else "memory_stats")

    def run(self):
        self.begin_session()
        for i in range(N_ROUNDS):
            self.round(i)
        self.end_session()
        self.connection.close()


class Everything(Case):
    @smoke
    def test_eight_clients_and_another_process_at_once(self):
        problems = []

        def guarded(work, *args):
            try:
                work(*args)
            except BaseException as problem:  # a thread's failure must reach the test
                problems.append(repr(problem))

        with contextlib.ExitStack() as stack:
            # A connection may have to wait while its client does something else on another one.
            patience = {"MCP_TRANSPORT_TIMEOUT_KEEP_ALIVE": 300}
            first = stack.enter_context(Server(self.folder, **patience))
            second = stack.enter_context(Server(self.folder, **patience))
            clients = [Client(n, second if n >= N_CLIENTS else first) for n in range(N_CLIENTS + 2)]
            threads = [threading.Thread(target=guarded, args=(c.run,)) for c in clients]
            threads.append(threading.Thread(target=guarded, args=(self.talk,)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(problems, [], first.log.text()[-3000:])
            want = sum(len(c.live) for c in clients)
            for server in (first, second):
                self.assertEqual(server.total(), want)
                health = server.tool("memory_health")["structuredContent"]
                self.assertEqual(health["validation"]["status"], "healthy", health)

    def talk(self):
        """A third process on stdio, and a command."""
        with Stdio(self.folder) as s:
            s.initialize()
            for i in range(3):
                stored = s.tool("memory_store", content=f"said on stdio {i}")
                assert not stored.get("isError"), stored
                gone = s.tool("memory_delete", content_hash=stored["structuredContent"]["content_hash"])
                assert not gone.get("isError"), gone
        code, _, err = run_cli(self.folder, "stats")
        assert code == 0, err

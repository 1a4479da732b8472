"""Thousands of idle streams cost no thread and little memory, and calls stay quick beside them.

SPDX-License-Identifier: Apache-2.0
"""
import http.client
import json
import pathlib
import re
import resource
import selectors
import socket
import time

from harness import DEADLINE_S, DECISION, META, MODERN, QUESTION, Case

N_STREAMS = 3000
N_QUICK = 50
KB_PER_STREAM_MAX = 32
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "e2e", "version": "1"}}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def resident_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def n_threads(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/task").iterdir()))


class Streams:
    """Open streams, each a socket of which only the head has been read."""

    def __init__(self, port):
        self.port = port
        self.sockets = []

    def open(self, method, headers, body=b"", path="/mcp"):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream",
                 *(f"{k}: {v}" for k, v in headers.items())]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        s.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self.sockets.append(s)

    def read_heads(self):
        """Until each has its first event: the stream stands. What was read of each."""
        heads = []
        for s in self.sockets:
            got = b""
            while b"data:" not in got:
                piece = s.recv(4096)
                assert piece, got
                got += piece
            assert got.startswith(b"HTTP/1.1 200"), got
            heads.append(got)
        return heads

    def wait_for_end(self):
        """Reads what still comes until each stream has ended."""
        watched = selectors.DefaultSelector()
        tails = {}
        for s in self.sockets:
            s.setblocking(False)
            watched.register(s, selectors.EVENT_READ)
            tails[s] = b""
        end = time.monotonic() + DEADLINE_S
        while watched.get_map():
            assert time.monotonic() < end, f"{len(watched.get_map())} streams are still open"
            for key, _ in watched.select(1):
                piece = key.fileobj.recv(4096)
                tails[key.fileobj] = (tails[key.fileobj] + piece)[-400:]
                if not piece:
                    watched.unregister(key.fileobj)
        return list(tails.values())

    def close(self):
        for s in self.sockets:
            s.close()


class Idle(Case):
    def setUp(self):
        super().setUp()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        if before[1] != resource.RLIM_INFINITY and before[1] < N_STREAMS + 500:
            self.skipTest(f"only {before[1]} descriptors are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        # The server starts with the usual few and has to help itself.
        self.s = self.server(limits=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (256, before[1])))
        self.s.store(DECISION)
        self.assertEqual(self.s.search(QUESTION), [DECISION])
        self.streams = Streams(self.s.port)
        self.addCleanup(self.streams.close)

    def open_listeners(self, n):
        body = json.dumps({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen",
                           "params": {"_meta": META, "notifications": {"toolsListChanged": True}}})
        for _ in range(n):
            self.streams.open("POST", {"MCP-Protocol-Version": MODERN,
                                       "Mcp-Method": "subscriptions/listen"}, body.encode())

    def open_sessions(self, n):
        connection = http.client.HTTPConnection("127.0.0.1", self.s.port, timeout=DEADLINE_S)
        headers = {"Content-Type": "application/json"}
        for _ in range(n):
            connection.request("POST", "/mcp", json.dumps(INITIALIZE), headers)
            reply = connection.getresponse()
            reply.read()
            session = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"]}
            connection.request("POST", "/mcp", json.dumps(INITIALIZED), {**headers, **session})
            connection.getresponse().read()
            self.streams.open("GET", session)
        connection.close()

    def quick_calls_ms(self):
        """Times of calls on one connection, sorted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.s.port, timeout=DEADLINE_S)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "memory_search", "arguments": {"query": QUESTION}}})
        times = []
        for _ in range(N_QUICK):
            start = time.monotonic()
            connection.request("POST", "/mcp", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            self.assertIn(DECISION.encode(), reply.read())
            times.append((time.monotonic() - start) * 1000)
        connection.close()
        return sorted(times)

    def check_idle(self, what, open_streams):
        """Opens N_STREAMS and measures; what was read of each."""
        pid = self.s.process.pid
        before_ms = self.quick_calls_ms()
        before_kb, before_threads = resident_kb(pid), n_threads(pid)

        open_streams()
        heads = self.streams.read_heads()
        kb = (resident_kb(pid) - before_kb) / N_STREAMS
        beside_ms = self.quick_calls_ms()
        print(f"     {N_STREAMS} idle {what}: {kb:.1f} kB each; a search takes "
              f"{before_ms[N_QUICK // 2]:.1f} ms without them and {beside_ms[N_QUICK // 2]:.1f} ms beside "
              f"them (median)")
        self.assertEqual(n_threads(pid), before_threads)
        self.assertLess(kb, KB_PER_STREAM_MAX)
        self.assertLess(beside_ms[N_QUICK // 2], 5 * before_ms[N_QUICK // 2] + 20)
        self.s.store("stored beside thousands of streams")
        self.assertEqual(self.s.total(), 2)
        return heads

    def end_all(self):
        """A graceful end tells each stream; the last bytes of each."""
        self.s.process.terminate()
        tails = self.streams.wait_for_end()
        self.assertTrue(all(tail.endswith(b"0\r\n\r\n") for tail in tails), "cut off in the middle")
        self.assertEqual(self.s.stop(), 0)
        return tails

    def test_thousands_of_idle_streams(self):
        def open_streams():
            self.open_sessions(N_STREAMS // 2)
            self.open_listeners(N_STREAMS - N_STREAMS // 2)

        self.check_idle("streams", open_streams)
        n_answered = sum(b'"resultType":"complete"' in tail for tail in self.end_all())
        self.assertEqual(n_answered, N_STREAMS - N_STREAMS // 2)

    def test_thousands_of_idle_streams_of_the_older_transport(self):
        def open_streams():
            for _ in range(N_STREAMS):
                self.streams.open("GET", {}, path="/sse")

        heads = self.check_idle("streams of HTTP+SSE", open_streams)
        endpoints = [re.search(rb"data: (/messages/\?session_id=\w+)", h)[1].decode() for h in heads]
        self.assertEqual(len(set(endpoints)), N_STREAMS)
        for i in range(0, N_STREAMS, N_STREAMS // 20):
            reply = self.s.request("POST", endpoints[i], json.dumps(
                {"jsonrpc": "2.0", "id": i, "method": "ping"}), {"Content-Type": "application/json"})
            self.assertEqual(reply.status, 202)
            got = b""
            while b"}\n\n" not in got:
                got += self.streams.sockets[i].recv(4096)
            self.assertIn(f'"id":{i}'.encode(), got)
        self.end_all()


class Connection(Case):
    def test_one_connection_carries_many_calls(self):
        s = self.server()
        connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=DEADLINE_S)
        connection.connect()
        own_port = connection.sock.getsockname()[1]
        for i in range(100):
            connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": i, "method": "ping"}),
                               {"Content-Type": "application/json"})
            self.assertEqual(json.loads(connection.getresponse().read())["id"], i)
            self.assertEqual(connection.sock.getsockname()[1], own_port)
        connection.close()

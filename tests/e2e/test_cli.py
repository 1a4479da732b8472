"""The commands, as a person or a script uses them.

SPDX-License-Identifier: Apache-2.0
"""
import json

from harness import DECISION, OTHERS, QUESTION, Case, run_cli, smoke

COMMANDS = ("serve stdio store search list show update delete restore history stats health model "
            "reindex doctor version user client token key keys audit").split()


class Commands(Case):
    def run_ok(self, *args, **options):
        code, out, err = run_cli(self.folder, *args, **options)
        self.assertEqual(code, 0, f"{args}: {out}{err}")
        return out

    def run_json(self, *args, **options):
        out = self.run_ok(*args, "--json", **options)
        self.assertEqual(out.count("\n"), 1, "one value on one line")
        return json.loads(out)

    def fail_json(self, code, *args, **options):
        got, out, _ = run_cli(self.folder, *args, "--json", **options)
        self.assertEqual(got, code, f"{args}: {out}")
        return json.loads(out)["error"]

    @smoke
    def test_the_life_of_a_memory(self):
        key = self.run_json("store", DECISION, "--tag", "decision,db")["content_hash"]
        for text in OTHERS:
            self.run_json("store", text)

        hits = self.run_json("search", QUESTION)["memories"]
        self.assertEqual(hits[0]["content"], DECISION)
        self.assertEqual(hits[0]["content_hash"], key)
        self.assertIn("cosine", hits[0]["score_parts"])

        self.assertEqual(self.run_json("list")["total"], 4)
        shown = self.run_json("show", key[:12])
        self.assertEqual(shown.get("memory", shown)["tags"], ["decision", "db"])

        self.run_json("update", key, "--add-tag", "chosen")
        found = self.run_json("search", QUESTION, "--tag", "chosen")["memories"]
        self.assertEqual([m["content_hash"] for m in found], [key])

        self.run_json("delete", key)
        self.assertNotIn(DECISION, self.run_ok("search", QUESTION))
        self.assertIn(key, json.dumps(self.run_json("list", "--trash")))
        self.run_json("restore", key)
        self.assertEqual(self.run_json("search", QUESTION)["memories"][0]["content"], DECISION)

        changes = self.run_json("history", key)
        self.assertGreaterEqual(len(changes.get("changes", changes)), 4)
        lines = self.run_ok("history", "-n", "2").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn(key[:12], lines[0])

    def test_words_for_people(self):
        out = self.run_ok("store", DECISION)
        self.assertIn("stored", out)
        self.assertIn("row-level security", self.run_ok("search", QUESTION))
        self.assertNotIn("\x1b", self.run_ok("list"), "no colours in a pipe")
        for command in ("stats", "health", "model", "doctor"):
            with self.subTest(command=command):
                self.assertTrue(self.run_ok(command))

    def test_text_from_standard_input(self):
        text = "piped in: \u00e4\u00f6\u00fc \u6f22\u5b57 \U0001f600\nsecond line"
        key = self.run_json("store", input=text.encode())["content_hash"]
        shown = self.run_json("show", key)
        self.assertEqual(shown.get("memory", shown)["content"], text)
        self.run_json("store", "-", input=b"another one")

    def test_the_same_text_is_stored_once(self):
        first = self.run_json("store", DECISION)
        again = self.run_json("store", "  " + DECISION.upper() + "\n")
        self.assertEqual(first["content_hash"], again["content_hash"])
        self.assertEqual(self.run_json("stats")["total_memories"], 1)

    def test_every_command_has_help(self):
        overview = self.run_ok("--help")
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertIn(command, overview)
                self.assertIn(command, self.run_ok(command, "--help"))

    def test_version(self):
        self.assertRegex(self.run_ok("version"), r"\d+\.\d+\.\d+")
        self.assertRegex(self.run_ok("--version"), r"\d+\.\d+\.\d+")
        self.assertRegex(json.dumps(self.run_json("version")), r"\d+\.\d+\.\d+")

    def test_exit_codes(self):
        self.assertEqual(self.fail_json(2, "list", "--no-such-option")["kind"], "invalid")
        self.assertEqual(self.fail_json(2, "store", "")["kind"], "invalid")
        self.assertEqual(self.fail_json(2, "search", "x", "--limit", "many")["kind"], "invalid")
        self.assertEqual(self.fail_json(3, "show", "0" * 64)["kind"], "not_found")
        self.assertEqual(self.fail_json(3, "restore", "0" * 64)["kind"], "not_found")
        self.assertEqual(run_cli(self.folder, "nonsense")[0], 2)

    def test_deleting_many_asks_first(self):
        for i in range(3):
            self.run_json("store", f"scratch {i}", "--tag", "scratch")
        dry = self.run_json("delete", "--tag", "scratch", "--dry-run")
        self.assertEqual(dry["deleted_count"], 0)
        self.assertEqual(self.fail_json(4, "delete", "--tag", "scratch")["kind"], "conflict")
        self.assertEqual(self.run_json("list")["total"], 3)
        self.assertEqual(self.run_json("delete", "--tag", "scratch", "--yes")["deleted_count"], 3)
        self.assertEqual(self.run_json("list")["total"], 0)

    def test_reindex_after_a_time_without_a_model(self):
        out = self.run_json("store", DECISION, MEMORYD_MODEL="/nonexistent.mdm")
        self.assertFalse(out["has_vector"])
        self.assertEqual(self.run_json("reindex")["embedded"], 1)
        self.assertEqual(self.run_json("search", QUESTION)["memories"][0]["via"], "semantic")

    def test_model_commands(self):
        info = self.run_json("model")
        self.assertEqual(info["dimensions"], 384)
        self.assertTrue(self.run_json("model", "verify")["ok"])
        error = self.fail_json(3, "model", "convert", str(self.folder), "out.mdm")
        self.assertIn("model.safetensors", error["message"])

    def test_doctor_names_what_is_wrong(self):
        code, out, err = run_cli(self.folder, "doctor", MEMORYD_MODEL="/nonexistent.mdm")
        self.assertIn("/nonexistent.mdm", out + err)
        code, out, err = run_cli(self.folder, "doctor", MCP_SSE_PORT="nope")
        self.assertNotEqual(code, 0)
        self.assertIn("MCP_SSE_PORT", out + err)

    def test_a_report_of_what_fails_is_one_json_value(self):
        """The error came as a second one behind it."""
        code, out, err = run_cli(self.folder, "doctor", "--json", MEMORYD_MODEL="/nonexistent.mdm")
        self.assertNotEqual(code, 0)
        self.assertIsInstance(json.loads(out), dict)
        self.assertIn("memoryd:", err)

    def test_bad_bytes_on_the_command_line_and_in_the_input(self):
        for args, data in ((("store", b"caf\xe9"), None), (("store",), b"caf\xe9"),
                           (("store",), b"a\0b"), (("search", b"\xff\xfe"), None),
                           (("store",), b"")):
            with self.subTest(args=args, data=data):
                code, out, err = run_cli(self.folder, *args, input=data)
                self.assertEqual(code, 2, out + err)
                self.assertEqual(len(err.splitlines()), 1, err)

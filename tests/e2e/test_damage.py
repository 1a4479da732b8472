"""Files that are damaged, missing or must not be written: one clear line, and the way back as documented.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading

from harness import DEADLINE_S, MEMORYD, MODEL, ROOT, Case, Server, clean_env, run_cli

PAGE = 4096
N_MEMORIES = 1050  # enough for a file of the vector index
WRITERS = 16  # they share commits
SUBJECTS = ("harbour crane walrus ledger orchid tunnel violin glacier pepper saddle lantern quartz "
            "meadow piston ribbon").split()
RECOVERY = "'Damaged database' in docs/storage.md"


def content_of(i):
    a, b = SUBJECTS[i % len(SUBJECTS)], SUBJECTS[i // len(SUBJECTS) % len(SUBJECTS)]
    return f"note {i} of the {a} and the {b}"


def make_library():
    """A folder with a database of many memories and its vector index; made once, then copied."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="memoryd-e2e-library-"))
    with Server(folder) as s:
        def work(number):
            for i in range(number, N_MEMORIES, WRITERS):
                s.store(content_of(i), tags=[SUBJECTS[i % 3]])

        threads = [threading.Thread(target=work, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert s.total() == N_MEMORIES
        assert s.search("harbour crane")
    return folder


class Damaged(Case):
    @classmethod
    def setUpClass(cls):
        cls.library = make_library()
        cls.addClassCleanup(shutil.rmtree, cls.library, ignore_errors=True)

    def setUp(self):
        super().setUp()
        shutil.copytree(self.library, self.folder, dirs_exist_ok=True)
        self.db = self.folder / "memory.db"

    def pages_of(self, name, kind="leaf"):
        """The numbers of the pages of a table or index."""
        db = sqlite3.connect(self.library / "memory.db")
        rows = db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno",
                          (name, kind)).fetchall()
        db.close()
        self.assertTrue(rows, name)
        return [row[0] for row in rows]

    def overwrite(self, path, at, n):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(b"\xa5" * n)

    def damage_page_of(self, name):
        """Overwrites a page in the middle of a table or index."""
        pages = self.pages_of(name)
        self.overwrite(self.db, (pages[len(pages) // 2] - 1) * PAGE, PAGE)

    def expect_one_line_naming_recovery(self, result):
        self.assertTrue(result.get("isError"), result)
        text = result["content"][0]["text"]
        self.assertIn("the database is damaged", text)
        self.assertIn(RECOVERY, text)
        self.assertNotIn("\n", text)

    def doctor(self, **env):
        code, out, _ = run_cli(self.folder, "doctor", **env)
        return code, [line for line in out.splitlines() if "database " in line]


class DamagedPage(Damaged):
    def test_the_client_is_told_and_what_is_whole_is_served(self):
        self.damage_page_of("memory")
        with Server(self.folder) as s:
            n_refused = 0
            for i in range(0, N_MEMORIES, 50):
                result = s.tool("memory_list", page_size=50, offset=i)
                if result.get("isError"):
                    n_refused += 1
                    self.expect_one_line_naming_recovery(result)
            self.assertIn(n_refused, range(1, N_MEMORIES // 50), "those beyond the damaged page")
            self.assertFalse(s.tool("memory_store", content="a new memory").get("isError"))
            self.assertEqual(s.tool("memory_list", page_size=1)["structuredContent"]["total"],
                             N_MEMORIES + 1)
            health = s.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "unhealthy")
            self.assertIn(RECOVERY, health["validation"]["message"])
            self.assertFalse(health["integrity"]["database"])
        self.assertIn(RECOVERY, s.log.text())

    def test_doctor_names_it(self):
        for name in ("memory", "memory_tag", "vector", "change", "memory_fts_data"):
            with self.subTest(table=name):
                shutil.copy(self.library / "memory.db", self.db)
                self.damage_page_of(name)
                code, lines = self.doctor()
                self.assertEqual(code, 7)
                self.assertEqual(len(lines), 1)
                self.assertTrue(lines[0].startswith("FAILED"), lines)
                self.assertIn(RECOVERY, lines[0])

    def test_a_damaged_list_of_tables_stops_the_start(self):
        self.damage_page_of("sqlite_schema")
        code, _, err = run_cli(self.folder, "serve")
        self.assertNotEqual(code, 0)
        lines = [line for line in err.splitlines() if line.startswith("memoryd:")]
        self.assertEqual(len(lines), 1, err)
        self.assertIn(RECOVERY, lines[0])


class Recovery(Damaged):
    """docs/storage.md, "Damaged database", as it is written there."""

    def setUp(self):
        super().setUp()
        page = (ROOT / "docs/storage.md").read_text().split("### Damaged database")[1]
        self.salvage, self.rebuild = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "memoryd").symlink_to(MEMORYD)

    def follow(self, text):
        for file in self.folder.glob("memory.db*"):
            file.rename(str(file).replace("memory.db", "memoryd.db"))
        env = clean_env(self.folder, PATH=f"{self.folder}/bin:{os.environ['PATH']}",
                        MCP_MEMORY_SQLITE_PATH="memoryd.db")
        return subprocess.run(["bash", "-u", "-c", text], env=env, cwd=self.folder,
                              capture_output=True, text=True, timeout=DEADLINE_S)

    def contents(self, path):
        """What a server finds in a database: content to tags."""
        found, offset = {}, 0
        with Server(self.folder, MCP_MEMORY_SQLITE_PATH=path) as s:
            while offset is not None:
                page = s.tool("memory_list", page_size=100, offset=offset)["structuredContent"]
                found.update({m["content"]: m["tags"] for m in page["memories"]})
                offset = page["next_offset"] if page["has_more"] else None
            some = next(iter(found))
            self.assertIn(some, s.search(some))
            new = s.store("stored after the recovery")
            self.assertFalse(s.tool("memory_delete", content_hash=new).get("isError"))
            health = s.tool("memory_health")["structuredContent"]
            self.assertEqual(health["validation"]["status"], "healthy", health)
            self.assertEqual(health["statistics"]["memories_with_vector"], len(found))
        return found

    def test_salvage_brings_back_all_but_the_damaged_page(self):
        everything = {content_of(i): [SUBJECTS[i % 3]] for i in range(N_MEMORIES)}
        db = sqlite3.connect(self.library / "memory.db")
        n_pages = {name: n for name, n in db.execute(
            "SELECT name, count(*) FROM dbstat WHERE pagetype = 'leaf' GROUP BY name")}
        db.close()
        for name in ("memory", "memory_tag", "vector", "change", "memory_fts_data",
                     "memory_by_time", "sqlite_autoindex_memory_1"):
            with self.subTest(table=name):
                for file in self.folder.glob("*.db*"):
                    file.unlink()
                shutil.copy(self.library / "memory.db", self.db)
                self.damage_page_of(name)
                done = self.follow(self.salvage)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                found = self.contents(self.folder / "salvaged.db")
                n_lost = N_MEMORIES - len(found)
                self.assertLessEqual(n_lost, 2 * N_MEMORIES // n_pages["memory"] if name == "memory" else 0)
                for content, tags in found.items():
                    self.assertIn(tags, [everything[content]] + ([[]] if name == "memory_tag" else []))

    def test_a_word_index_that_does_not_match_is_made_anew(self):
        db = sqlite3.connect(self.db)
        db.execute("INSERT INTO memory_fts (memory_fts) VALUES ('delete-all')")
        db.commit()
        db.close()
        code, lines = self.doctor()
        self.assertEqual(code, 7)
        self.assertIn(RECOVERY, lines[0])
        done = self.follow(self.rebuild)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(len(self.contents(self.folder / "memoryd.db")), N_MEMORIES)


class DamagedIndexFile(Damaged):
    def test_it_is_made_anew_and_searches_find_the_same(self):
        question = "what do we know about the walrus and the glacier"
        [file] = self.folder.glob("memory.db-index-*")
        whole = file.read_bytes()
        with Server(self.folder) as s:
            want = s.search(question, limit=10)
            self.assertNotIn("store.checkpoint", s.log.text())
        damages = {"cut": whole[:len(whole) // 2], "empty": b"", "another's": b"no index" * 1000,
                   "changed": whole[:5000] + b"\xa5" * 100 + whole[5100:]}
        for name, damaged in damages.items():
            with self.subTest(name):
                file.write_bytes(damaged)
                with Server(self.folder) as s:
                    self.assertEqual(s.search(question, limit=10), want)
                    self.assertRegex(s.log.text(), r"event=store\.checkpoint.*made anew")
                with Server(self.folder) as s:  # and what was made is used
                    self.assertEqual(s.search(question, limit=10), want)
                    self.assertNotIn("store.checkpoint", s.log.text())


class DamagedModel(Case):
    def damaged_model(self, at, n):
        path = self.folder / "damaged.mdm"
        shutil.copy(MODEL, path)
        with open(path, "r+b") as file:
            if n:
                file.seek(at)
                file.write(b"\xa5" * n)
            else:
                file.truncate(at)
        return path

    def test_doctor_names_it(self):
        size = MODEL.stat().st_size
        for at, n in ((0, 64), (size // 2, 64), (size // 2, 0)):
            with self.subTest(at=at, n=n):
                path = self.damaged_model(at, n)
                code, out, _ = run_cli(self.folder, "doctor", MEMORYD_MODEL=path)
                [line] = [line for line in out.splitlines() if "model " in line and "FAILED" in line]
                self.assertEqual(code, 7)
                self.assertIn("damaged.mdm", line)

    def test_a_cut_model_is_not_used_and_nothing_is_lost(self):
        path = self.damaged_model(MODEL.stat().st_size // 2, 0)
        with Server(self.folder, MEMORYD_MODEL=path) as s:
            s.store("the walrus sleeps on the ice")
            result = s.tool("memory_search", query="walrus")
            self.assertTrue(result["structuredContent"]["words_only"])
            self.assertRegex(s.log.text(), r"event=model\.none.*damaged\.mdm")
        code, _, err = run_cli(self.folder, "reindex")
        self.assertEqual(code, 0, err)
        with Server(self.folder) as s:
            self.assertEqual(s.search("an animal of the Arctic at rest"), ["the walrus sleeps on the ice"])


NOBODY = 65534


class NotWritable(Case):
    """As a user who may not write: root becomes nobody, with a copy of the program it can reach."""

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.place = self.folder / "place"
        self.place.mkdir()
        self.db = self.place / "memory.db"
        self.binary = self.folder / "memoryd"
        shutil.copy(MEMORYD, self.binary)
        with Server(self.folder, MCP_MEMORY_SQLITE_PATH=self.db) as s:
            s.store("stored while it could be written")
        self.as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self.addCleanup(self.place.chmod, 0o755)

    def give(self, folder_mode, file_mode):
        if self.as_user:
            for path in (self.place, *self.place.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        for path in self.place.iterdir():
            path.chmod(file_mode)
        self.place.chmod(folder_mode)

    def run_as_user(self, *args):
        done = subprocess.run(
            [self.binary, *args], capture_output=True, text=True, timeout=DEADLINE_S, cwd="/",
            env=clean_env(self.folder, MCP_MEMORY_SQLITE_PATH=self.db, MEMORYD_MODEL="/none"),
            **self.as_user)
        return done.returncode, done.stdout, [
            line for line in done.stderr.splitlines() if line.startswith("memoryd:")]

    def expect_refusal(self, *args):
        code, out, lines = self.run_as_user(*args)
        self.assertEqual((code, out, len(lines)), (7, "", 1), lines)
        self.assertIn("cannot be opened or changed; check that its folder exists, and that both may",
                      lines[0])

    def test_a_read_only_folder(self):
        self.give(0o555, 0o644)
        self.expect_refusal("store", "one more")
        self.give(0o755, 0o644)
        self.assertEqual(self.run_as_user("store", "one more")[0], 0)
        self.assertIn("stored while it could", self.run_as_user("list")[1])

    def test_a_read_only_file_is_read_and_not_written(self):
        self.give(0o755, 0o444)
        self.expect_refusal("store", "one more")
        code, out, _ = self.run_as_user("list")
        self.assertEqual(code, 0)
        self.assertIn("stored while it could", out)
        self.give(0o755, 0o644)
        self.assertEqual(self.run_as_user("store", "one more")[0], 0)


class Missing(Case):
    def test_a_missing_folder_is_made_for_its_owner_only(self):
        path = self.folder / "a" / "b" / "memory.db"
        code, _, err = run_cli(self.folder, "store", "first", MCP_MEMORY_SQLITE_PATH=path)
        self.assertEqual(code, 0, err)
        self.assertEqual(path.parent.stat().st_mode & 0o777, 0o700)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_no_new_file_takes_the_place_of_one_that_was_moved(self):
        """A command made an empty file and cut the log that the server went on writing: all was lost."""
        path, away = self.folder / "memory.db", self.folder / "away.db"
        with Server(self.folder, MCP_MEMORY_SQLITE_PATH=path) as s:
            s.store("before")
            path.rename(away)
            code, out, err = run_cli(self.folder, "list", MCP_MEMORY_SQLITE_PATH=path)
            self.assertNotEqual(code, 0, out)
            self.assertRegex(err, r"memory\.db is gone, but \S+-(wal|shm) is there: [^\n]*put the file back")
            self.assertFalse(path.exists())
            away.rename(path)
            s.store("after")
            s.process.send_signal(signal.SIGKILL)
        code, out, err = run_cli(self.folder, "list", MCP_MEMORY_SQLITE_PATH=path)
        self.assertEqual(code, 0, err)
        for text in ("before", "after"):
            self.assertIn(text, out)

    def test_a_folder_that_goes_away_takes_no_acknowledged_change_along(self):
        place = self.folder / "place"
        with Server(self.folder, MCP_MEMORY_SQLITE_PATH=place / "memory.db") as s:
            s.store("before")
            place.rename(self.folder / "elsewhere")
            result = s.tool("memory_store", content="lost if this were acknowledged")
            self.assertTrue(result.get("isError"), result)
            self.assertRegex(result["content"][0]["text"], r"moved or deleted[^\n]*$")
            (self.folder / "elsewhere").rename(place)
            s.store("after")
            s.process.send_signal(signal.SIGKILL)
        with Server(self.folder, MCP_MEMORY_SQLITE_PATH=place / "memory.db") as s:
            listed = s.tool("memory_list")["structuredContent"]["memories"]
            self.assertEqual({m["content"] for m in listed}, {"before", "after"})

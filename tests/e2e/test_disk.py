"""A disk that is full: said in one line, nothing acknowledged is lost, and it works again with room.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import pathlib
import random
import resource
import signal
import subprocess
import threading

from harness import MEMORYD, Case, Server, clean_env, run_cli

DISK_BYTES = 4 << 20
TEXT_BYTES = 20000
WORDS = "harbour crane walrus ledger orchid tunnel violin glacier pepper saddle lantern quartz".split()


def long_text(number, i):
    chance = random.Random(f"{number} {i}")
    return f"text {i} of writer {number}: " + " ".join(
        f"{chance.choice(WORDS)}{chance.randrange(1 << 30)}" for _ in range(TEXT_BYTES // 16))


class Full(Case):
    def write_until_refused(self, s, n_writers=4):
        """Stores from several threads; the texts acknowledged, and what refused each writer."""
        acknowledged, refusals, lock = [], [], threading.Lock()

        def work(number):
            for i in range(10000):
                text = long_text(number, i)
                result = s.tool("memory_store", content=text)
                with lock:
                    if result.get("isError"):
                        refusals.append(result["content"][0]["text"])
                        return
                    acknowledged.append(text)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(n_writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(refusals), n_writers)
        return acknowledged, refusals

    def contents(self, s):
        found, offset = [], 0
        while offset is not None:
            result = s.tool("memory_list", page_size=4, offset=offset)
            page = result["structuredContent"]
            found += [m["content"] for m in page["memories"]]
            offset = page["next_offset"] if page["has_more"] else None
        return found

    def expect_all(self, s, texts):
        self.assertEqual(sorted(self.contents(s)), sorted(texts))
        health = s.tool("memory_health")["structuredContent"]
        self.assertEqual(health["validation"]["status"], "healthy", health)


class FullDisk(Full):
    """A small file system in memory, in a mount namespace of the server's own."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.prefix = ["unshare", "--map-root-user", "--mount", "sh", "-c",
                       f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && exec "$@"', self.disk]
        if subprocess.run([*self.prefix, "true"], capture_output=True).returncode != 0:
            self.skipTest("this system lets us make no mount namespace")

    def on_disk(self, prefix):
        s = Server(self.folder, prefix=prefix, MCP_MEMORY_SQLITE_PATH=self.disk / "memory.db",
                   MEMORYD_MODEL="/none")
        self.addCleanup(lambda: s.stop(signal.SIGKILL))
        return s

    def fill(self, path):
        with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\xa5" * 4096)

    def test_nothing_acknowledged_is_lost_and_it_works_again_with_room(self):
        s = self.on_disk(self.prefix)
        disk = pathlib.Path(f"/proc/{s.process.pid}/root{self.disk}")
        reserve = disk / "reserve"
        reserve.write_bytes(b"\xa5" * (DISK_BYTES // 4))

        texts, refusals = self.write_until_refused(s)
        self.assertGreater(len(texts), 10)
        self.fill(disk / "rest")
        for line in refusals:
            self.assertRegex(line, r"^Error: [^\n]*the disk is full; nothing was changed, make room "
                                   r"and try again$")
        self.assertIn("the disk is full", s.log.text())
        self.assertTrue(s.tool("memory_store", content=long_text(9, 9)).get("isError"))
        self.assertEqual(sorted(self.contents(s)), sorted(texts))  # reading goes on
        self.assertTrue(s.search(texts[0][:24], mode="exact"))

        reserve.unlink()
        more = "stored once there was room"
        s.store(more)
        self.expect_all(s, [*texts, more])

        again = self.on_disk(["nsenter", "--preserve-credentials", "--user", "--mount", "--target",
                              str(s.process.pid)])
        s.stop(signal.SIGKILL)
        self.expect_all(again, [*texts, more])

    def test_a_start_on_a_full_disk_is_refused_and_leaves_no_half_database(self):
        code = ('mount -t tmpfs -o size=64k tmpfs "$0" && head -c 60k /dev/zero > "$0/filler";'
                ' "$1" store "too much"; echo "code=$?"; rm "$0/filler";'
                ' "$1" stats > "$0/out"; echo "code=$?"; mount -o remount,size=1m "$0";'
                ' "$1" store "there is room" > "$0/out"; echo "code=$?"; "$1" list')
        done = subprocess.run(
            [*self.prefix[:5], code, self.disk, MEMORYD], capture_output=True, text=True,
            env=clean_env(self.folder, MCP_MEMORY_SQLITE_PATH=self.disk / "memory.db",
                          MEMORYD_MODEL="/none"))
        codes = [line for line in done.stdout.splitlines() if line.startswith("code=")]
        self.assertEqual((codes[0], codes[2]), ("code=7", "code=0"), done.stdout + done.stderr)
        self.assertIn("full", done.stderr)
        self.assertIn("there is room", done.stdout)
        self.assertNotIn("too much", done.stdout)


class FileSizeLimit(Full):
    def test_a_limit_on_the_size_of_files_refuses_and_loses_nothing(self):
        """Works for everybody, root or not: the kernel refuses what makes a file too large."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))

        with Server(self.folder, limits=limit, MEMORYD_MODEL="/none") as s:
            texts, refusals = self.write_until_refused(s)
            for line in refusals:
                self.assertRegex(line, r"^Error: [^\n]*the disk[^\n]* full[^\n]*$")
            self.assertEqual(sorted(self.contents(s)), sorted(texts))
            resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            s.store("stored once the limit was lifted")
        with Server(self.folder, MEMORYD_MODEL="/none") as s:
            self.expect_all(s, [*texts, "stored once the limit was lifted"])

    def test_a_command_says_so_and_does_not_die_of_it(self):
        self.assertEqual(run_cli(self.folder, "store", "first", MEMORYD_MODEL="/none")[0], 0)
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 4 && exec "$0" store "$1"', MEMORYD, long_text(0, 0)],
            capture_output=True, text=True, cwd=self.folder,
            env=clean_env(self.folder, MEMORYD_MODEL="/none"))
        self.assertEqual(done.returncode, 7, done.stderr)
        [line] = [line for line in done.stderr.splitlines() if line.startswith("memoryd:")]
        self.assertIn("full", line)

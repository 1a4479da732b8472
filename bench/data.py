#!/usr/bin/env python3
"""data.py - what the benchmarks share: sentences and their vectors, databases, programs, figures.

    data.py              makes sentences, vectors and databases for all that the benchmarks ask for
    data.py quick        the same without the 1,000,000
    data.py conditions   prints what the figures depend on

All is kept in .cache/bench and made once. Real sentences come from corpus.py; their vectors are ours, at most
N_REAL (BENCH_REAL) of them, made on one core and continued where an earlier run was stopped. Beyond these a
memory is two real sentences, one after the other, and its vector the mean of the two vectors with noise of a
fifth of its length, brought back to length 1. Databases take the vectors ready made.
"""
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from harness import MEMORYD, MODEL, Server, Stdio, clean_env  # noqa: E402

CACHE = ROOT / ".cache" / "bench"
PROGRAMS = ROOT / "build" / "release" / "bench"
MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
DIM = 384
N_QUESTIONS = 2000
N_REAL = int(os.environ.get("BENCH_REAL", 125_000))
N_SINGLES = 200  # of a database, stored one by one
CHUNK = 10_000
QUESTIONS, SENTENCES = CACHE / "questions.txt", CACHE / "sentences.txt"
QUESTION_VECTORS, SENTENCE_VECTORS = CACHE / "questions.f32", CACHE / "sentences.f32"


# -- figures --------------------------------------------------------------------------------------

def quantile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def median(values):
    return quantile(values, 0.5)


def spread(values, unit="ms"):
    """Least, median and 99th percentile of microseconds, as text."""
    scale = {"ms": 1000, "us": 1}[unit]
    return (f"min {min(values) / scale:.2f}, p50 {median(values) / scale:.2f}, "
            f"p99 {quantile(values, 0.99) / scale:.2f} {unit}")


def verdict(value, target, is_most):
    """A target and whether it is met; is_most: the target is an upper bound."""
    is_met = value <= target if is_most else value >= target
    return f"target {'at most' if is_most else 'at least'} {target:g}: {'met' if is_met else 'MISSED'}"


# -- programs -------------------------------------------------------------------------------------

def program(name):
    return PROGRAMS / f"bench_{name}"


def run(name, *arguments, **options):
    return subprocess.run([program(name), *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          **options).stdout


class Turns:
    """A program that answers lines of words with lines of numbers."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([program(name), *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline()

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return [float(x) for x in self.line().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def load(port, connections, n, bodies, per_second=None):
    """Requests per second, and the microseconds of each; none may fail."""
    rate = [per_second] if per_second else []
    out = run("load", port, connections, n, *rate, input=b"\n".join(bodies) + b"\n").split(b"\n")
    per_second, n_bad = out[0].split()
    assert int(n_bad) == 0, f"{n_bad} answers were errors"
    return float(per_second), [int(us) for us in out[1].split()]


def core_us(process):
    """What all threads of a process had of the cores until now."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000


def tool_body(name, **arguments):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                       "params": {"name": name, "arguments": arguments}}).encode()


class FileServer(Server):
    """`memoryd serve` that logs to a file: a reader of a pipe would take time from one of the cores."""

    def __init__(self, folder):
        self.folder, self.port = folder, None
        log = folder / "server.log"
        with open(log, "wb") as f:
            self.process = subprocess.Popen(
                [MEMORYD, "serve"], stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=folder,
                env=clean_env(folder, MCP_SSE_PORT=0))
        while not (found := re.search(rb"event=http\.listen .*url=http://[^ ]*:(\d+)/", log.read_bytes())):
            assert self.is_alive(), log.read_text()
            time.sleep(0.01)
        self.port = int(found[1])

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)

    def __exit__(self, kind, value, trace):
        self.stop()


# -- texts and vectors ----------------------------------------------------------------------------

def lines(path, start, n):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n") for i, line in enumerate(f) if start <= i < start + n]


def count_vectors(path):
    return path.stat().st_size // (4 * DIM) if path.exists() else 0


def vectors(path, n=None):
    return np.memmap(path, np.float32, "r").reshape(-1, DIM)[:n]


def make_sentences():
    if SENTENCES.exists() and QUESTIONS.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, ROOT / "bench" / "corpus.py", QUESTIONS, str(N_QUESTIONS), SENTENCES,
                    str(10**9)], check=True, stdout=open(CACHE / "corpus.log", "w"))


def embed(texts, path, n):
    """Appends the vectors that are missing among the first n; a few at a time, so that all written are whole."""
    have = count_vectors(path)
    todo = lines(texts, have, n - have)
    with open(path, "r+b" if path.exists() else "wb") as f:
        f.truncate(have * 4 * DIM)
        f.seek(0, os.SEEK_END)
        for start in range(0, len(todo), CHUNK):
            print(f"data: {have + start} of {n} sentences embedded", file=sys.stderr)
            part = "\n".join(todo[start:start + CHUNK]) + "\n"
            f.write(run("embed_lines", MODEL, input=part.encode()))


def real():
    """How many real sentences have vectors; fewer than N_REAL if the machine holds no more."""
    make_sentences()
    embed(QUESTIONS, QUESTION_VECTORS, N_QUESTIONS)
    embed(SENTENCES, SENTENCE_VECTORS, N_REAL)
    return min(count_vectors(SENTENCE_VECTORS), N_REAL)


def mix(known, n, random):
    """Pairs of real sentences, and vectors of what they say together."""
    pairs = random.integers(0, len(known), (n, 2))
    mean = (known[pairs[:, 0]] + known[pairs[:, 1]]) / 2
    noise = random.standard_normal((n, DIM), np.float32)
    scale = 0.2 * np.linalg.norm(mean, axis=1) / np.linalg.norm(noise, axis=1)
    mixed = mean + scale[:, None] * noise
    return pairs, (mixed / np.linalg.norm(mixed, axis=1)[:, None]).astype(np.float32)


def made(n):
    """Texts and vectors of n memories: as many real ones as there are, then mixed ones."""
    n_real = real()
    if n <= n_real:
        return SENTENCES, SENTENCE_VECTORS
    texts, out = CACHE / f"mixed-{n}-of-{n_real}.txt", CACHE / f"mixed-{n}-of-{n_real}.f32"
    if count_vectors(out) == n:
        return texts, out
    known, random = np.array(vectors(SENTENCE_VECTORS, n_real)), np.random.default_rng(1)
    words = lines(SENTENCES, 0, n_real)
    with open(texts, "w") as t, open(out, "wb") as v:
        t.writelines(w + "\n" for w in words)
        v.write(known.tobytes())
        for start in range(n_real, n, CHUNK):
            pairs, mixed = mix(known, min(CHUNK, n - start), random)
            t.writelines(f"{words[a]} {words[b]}\n" for a, b in pairs)
            v.write(mixed.tobytes())
    return texts, out


# -- databases ------------------------------------------------------------------------------------

def database(n):
    """A folder with a database of n memories, and what filling it took."""
    folder = CACHE / f"database-{n}"
    note = folder / "filled.json"
    key = hashlib.sha256(program("fill").read_bytes()).hexdigest()  # another store may write another file
    if note.exists() and (filled := json.loads(note.read_text()))["program"] == key:
        return folder, filled
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    texts, known = made(n)
    print(f"data: filling a database of {n}", file=sys.stderr)
    first = run("fill", MODEL, texts, known, folder / "memory.db", n, N_SINGLES).split()
    filled = {"program": key, "stored": int(first[0]), "seconds": float(first[1]),
              "single_us": [int(us) for us in first[2:]]}
    with FileServer(folder) as server:  # its first search makes the index and its file
        server.search("what comes first")
    note.write_text(json.dumps(filled))
    return folder, filled


# -- conditions -----------------------------------------------------------------------------------

def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or "no git"


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def conditions():
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    load_average = " ".join(f"{x:.1f}" for x in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{cpu()}, {os.cpu_count()} cores, {memory:.0f} GB, {system}, Linux {platform.release()}\n"
          f"load average before {load_average}; commit {commit()}")


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    if what == "conditions":
        conditions()
        return
    print(f"{real()} real sentences; {(CACHE / 'corpus.log').read_text().strip()}")
    for n in (1000, 10_000, 100_000) + (() if what == "quick" else (1_000_000,)):
        _, filled = database(n)
        print(f"database of {n}: {filled['stored'] / filled['seconds']:.0f} memories/s")


if __name__ == "__main__":
    main()

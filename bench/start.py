#!/usr/bin/env python3
"""start.py - from exec to the first answer, and the memory that a process holds.

    start.py [MEMORIES]      100000 unless told

Time: from before fork and exec until the answer to `initialize` has come over stdio; `cold` after the pages of
the program, its libraries, the model and the database were given up (posix_fadvise; a page that
another process maps stays). Memory: /proc/PID/smaps_rollup, once nothing has changed for a second. Rss counts pages
shared with other processes and mapped files in full, Pss its share of them, Private what the process
alone holds.
"""
# SPDX-License-Identifier: Apache-2.0

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import data

RUNS = 15
START_MS, IDLE_MB, FULL_MB = 30, 20, 150
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}})


def libraries():
    out = subprocess.run(["ldd", data.MEMORYD], text=True, stdout=subprocess.PIPE).stdout
    return re.findall(r"(/\S+) \(0x", out)


def give_up_pages(folder):
    """What the next start needs is read from the disk again."""
    files = [data.MEMORYD, data.MODEL, *libraries(), *pathlib.Path(folder).iterdir()]
    for path in files:
        with open(path, "rb") as f:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start_ms(folder):
    began = time.perf_counter()
    process = subprocess.Popen([data.MEMORYD, "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=data.clean_env(folder), cwd=folder)
    process.stdin.write(INITIALIZE.encode() + b"\n")
    process.stdin.flush()
    assert b'"result"' in process.stdout.readline()
    took = (time.perf_counter() - began) * 1000
    process.stdin.close()
    process.wait()
    return took


def show_start(title, folder):
    start_ms(folder)  # makes the database, if there is none
    warm, cold = [], []
    for _ in range(RUNS):
        warm.append(start_ms(folder))
        give_up_pages(folder)
        cold.append(start_ms(folder))
    for name, ms in (("warm", warm), ("cold", cold)):
        print(f"  {title}, {name}: min {min(ms):.1f}, p50 {data.median(ms):.1f}, max {max(ms):.1f} ms; "
              f"{data.verdict(data.median(ms), START_MS, True)}", flush=True)


def held_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    kb = {name: int(n) for name, n in re.findall(r"^(\w+): +(\d+) kB", text, flags=re.M)}
    return {"Rss": kb["Rss"] / 1024, "Pss": kb["Pss"] / 1024,
            "Private": (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024}


def settled_mb(pid):
    before = None
    while (now := held_mb(pid)) != before:
        before = now
        time.sleep(1)
    return now


def show_memory(title, pid, target=None):
    held = settled_mb(pid)
    print(f"  {title}: " + ", ".join(f"{name} {mb:.1f}" for name, mb in held.items()) + " MB"
          + (f"; Rss {data.verdict(held['Rss'], target, True)}" if target else ""), flush=True)
    return held


def measure(folder, n, idle_target=None, full_target=None):
    """Memory of a stdio process and a server before and after 100 searches."""
    questions = data.lines(data.QUESTIONS, 0, 100)
    with data.Stdio(folder) as stdio:
        stdio.initialize()
        show_memory(f"stdio, {n} memories, after the handshake", stdio.process.pid, idle_target)
    with data.FileServer(folder) as server:
        show_memory(f"server, {n} memories, before a search", server.process.pid, idle_target)
        for q in questions:
            server.search(q)
        return show_memory(f"server, {n} memories, after 100 searches", server.process.pid, full_target)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    full, _ = data.database(n)
    print("from exec to the first answer")
    with tempfile.TemporaryDirectory() as name:
        empty = pathlib.Path(name)
        show_start("no memories", empty)
        show_start(f"{n} memories", full)
        print("memory held")
        measure(empty, 0, idle_target=IDLE_MB)
    measure(full, n, full_target=FULL_MB)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""tidy.py - clang-tidy over every source of a build folder, skipping what it has already passed.

    scripts/tidy.py BUILD_FOLDER

A file that passed is remembered in .cache/tidy/ under a digest of all that clang-tidy saw: the file,
the headers that it includes (as the compiler wrote them down), the rules, the command and the version.
So a second run checks only what changed. The last line is "N passed, N failed", in files.

SPDX-License-Identifier: Apache-2.0
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAMPS = ROOT / ".cache" / "tidy"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dependencies(build):
    """The files of this project that each object was made from, by object."""
    found, current = {}, None
    for line in run("ninja", "-C", str(build), "-t", "deps").splitlines():
        if line.startswith("    "):
            path = (build / line.strip()).resolve()
            if path.is_relative_to(ROOT):
                found[current].append(path)
        elif ": #deps" in line:
            current = line.split(":")[0]
            found[current] = []
    return found


def digest(entry, depends, common):
    h = hashlib.sha256(common)
    h.update(entry["command"].encode())
    for path in sorted(depends):
        h.update(str(path.relative_to(ROOT)).encode())
        h.update(path.read_bytes())
    return h.hexdigest()


def check(build, entry, stamp):
    path = (build / entry["file"]).resolve()
    result = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(path)],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if result.returncode == 0 and not result.stdout.strip():
        stamp.touch()
        return None
    return result.stdout.strip() or f"{path}: clang-tidy failed"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    common = (ROOT / ".clang-tidy").read_bytes() + run("clang-tidy", "--version").encode()
    depends = dependencies(build)
    entries = {e["file"]: e for e in json.loads((build / "compile_commands.json").read_text())
               if "/src/" in "/" + e["file"]}
    STAMPS.mkdir(parents=True, exist_ok=True)
    work, problems = [], []
    for entry in entries.values():
        if entry["output"] not in depends:
            problems.append(f"{entry['file']}: is not built, so that its headers are unknown")
            continue
        stamp = STAMPS / digest(entry, depends[entry["output"]], common)
        if not stamp.exists():
            work.append((build, entry, stamp))
    n_workers = int(os.environ.get("JOBS", os.cpu_count()))
    with concurrent.futures.ThreadPoolExecutor(n_workers) as pool:
        problems += [p for p in pool.map(lambda w: check(*w), work) if p]
    for problem in problems:
        print(problem)
    print(f"{len(work)} of {len(entries)} files were checked, the others passed before")
    print(f"{len(entries) - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0


sys.exit(main())

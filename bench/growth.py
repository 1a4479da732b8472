#!/usr/bin/env python3
"""growth.py - what grows from 1,000 to 1,000,000 memories, and how fast: slopes in log-log scale.

    growth.py [N...]      1000 10000 100000 1000000 unless told

A slope of 1 is growth in proportion, 0 none. Searches go over HTTP from one client, with questions whose vectors
are known (http_search.py says how); a store is one durable transaction with its vector ready made, so that the
encoder's constant time hides nothing; start-up is from exec to the first answer, and to the first search.
"""
# SPDX-License-Identifier: Apache-2.0

import math
import sys
import time

import data
import http_search
import start

RUNS = 5


def search_start_ms(folder):
    """From exec to the answer of a first search."""
    began = time.perf_counter()
    with data.Stdio(folder) as stdio:
        stdio.initialize()
        stdio.tool("memory_search", query="what comes first")
        return (time.perf_counter() - began) * 1000


def measure(n):
    folder, filled = data.database(n)
    out = {"stored one by one, ms": data.median(filled["single_us"]) / 1000,
           "stored by 100, ms each": 1000 * filled["seconds"] / filled["stored"],
           "start, ms": data.median([start.start_ms(folder) for _ in range(RUNS)]),
           "start and first search, ms": data.median([search_start_ms(folder) for _ in range(RUNS)])}
    with data.FileServer(folder) as server:
        server.search("what comes first")
        times = http_search.known(server.port, 1)[1]
        out["search p50, ms"] = data.median(times) / 1000
        out["search p99, ms"] = data.quantile(times, 0.99) / 1000
        held = start.settled_mb(server.process.pid)
    out["Rss, MB"], out["Private, MB"] = held["Rss"], held["Private"]
    out["database, MB"] = sum(f.stat().st_size for f in folder.glob("memory.db*") if "index" not in f.name) / 2**20
    out["index file, MB"] = sum(f.stat().st_size for f in folder.glob("memory.db-index-*")) / 2**20
    return out


def slope(sizes, values):
    """Of the least-squares line through the logarithms."""
    xs, ys = [math.log(n) for n in sizes], [math.log(v) for v in values]
    x0, y0 = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - x0) * (y - y0) for x, y in zip(xs, ys)) / sum((x - x0) ** 2 for x in xs)


def main():
    sizes = [int(n) for n in sys.argv[1:]] or [1000, 10_000, 100_000, 1_000_000]
    rows = [measure(n) for n in sizes]
    print(f"{'memories':28s}" + "".join(f"{n:>11d}" for n in sizes) + "   slope, of the last step")
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name:28s}" + "".join(f"{v:11.2f}" for v in values)
              + f"   {slope(sizes, values):5.2f}, {slope(sizes[-2:], values[-2:]):5.2f}")


if __name__ == "__main__":
    main()

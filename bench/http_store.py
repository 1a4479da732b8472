#!/usr/bin/env python3
"""http_store.py - durable stores with 32 clients beside the encoder's own rate on the same texts, in turns.

    http_store.py [FOLDER]

The encoder embeds the texts by as many threads as there are cores; then 32 clients store the same texts over
HTTP, each answer sent after the memory is synced to disk. The database begins empty, in FOLDER (.cache/bench unless
told), for what a sync costs is the disk's. The client runs on the same cores.
"""
# SPDX-License-Identifier: Apache-2.0

import os
import pathlib
import sys
import tempfile

import data

TURNS = 8
N_TEXTS = 400  # in a turn
CLIENTS = 32
SHARE = 0.8


def encoder_rate(texts):
    return float(data.run("embed_rate", data.MODEL, os.cpu_count(), input="\n".join(texts).encode()).split()[0])


def store_rate(port, texts):
    rate, us = data.load(port, CLIENTS, len(texts), [data.tool_body("memory_store", content=t) for t in texts])
    return rate, us


def main():
    parent = sys.argv[1] if len(sys.argv) > 1 else data.CACHE
    alone, stored, times = [], [], []
    data.make_sentences()
    with tempfile.TemporaryDirectory(dir=parent) as folder, data.FileServer(pathlib.Path(folder)) as server:
        server.store("what comes first")
        for turn in range(TURNS):
            texts = data.lines(data.SENTENCES, turn * N_TEXTS, N_TEXTS)
            alone.append(encoder_rate(texts))
            rate, us = store_rate(server.port, texts)
            stored.append(rate)
            times += us
        assert server.total() == 1 + TURNS * N_TEXTS, server.total()
    for title, rates in (("encoder, texts/s", alone), (f"{CLIENTS} clients, stores/s", stored)):
        print(f"  {title}: min {min(rates):.0f}, p50 {data.median(rates):.0f}, max {max(rates):.0f}")
    share = data.median([s / a for s, a in zip(stored, alone)])
    print(f"  a store: {data.spread(times)}\n  {100 * share:.0f} % of the encoder by the median of the turns, "
          f"{100 * max(stored) / max(alone):.0f} % by the best; {data.verdict(round(share, 2), SHARE, False)}")


if __name__ == "__main__":
    main()

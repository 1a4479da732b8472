#!/usr/bin/env python3
"""peer_vectors.py - vector search beside sqlite-vec, in turns, on the same vectors and questions.

    peer_vectors.py [--index] [N...]        100000 and 1000000 unless told

--index leaves out the store, and with it the filling of a database.
Two of ours: the index with its best ranked again by their floats (memory alone), and the store, which reads
these floats from its database. Of sqlite-vec: a vec0 table of float[384] in a database in memory, its exact
search of the ten nearest (by L2, which for vectors of length 1 gives the order of the cosine and is cheaper),
and its 1-bit vectors, of which the best 100 are ranked again by floats. Recall@10 counts the ten nearest by
exact fp32 (numpy) that were found. All share one core; each turn asks a few questions of all. Times are those
of the core that each process had: others may share it. Printed are least, median and 99th percentile.
"""
# SPDX-License-Identifier: Apache-2.0

import os
import sqlite3
import sys
import time

import numpy as np
import sqlite_vec

import data

TOP = 10
N_ASKED = 300  # for recall
SECONDS = 20  # of all at each size
TURN = 5  # questions
BITS_DEPTH = 100  # of 1-bit candidates that the peer ranks again
RATIO = {100_000: 30, 1_000_000: 50}
LOAD_MS = {100_000: 150, 1_000_000: 1000}
RECALL = 0.99


class Peer:
    """sqlite-vec, both ways of searching."""

    def __init__(self, vectors):
        self.db = sqlite3.connect(":memory:")
        self.db.enable_load_extension(True)
        sqlite_vec.load(self.db)
        self.version = self.db.execute("SELECT vec_version()").fetchone()[0]
        self.db.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{data.DIM}], b bit[{data.DIM}])")
        self.db.executemany("INSERT INTO v (rowid, e, b) VALUES (?, ?, vec_quantize_binary(?))",
                            ((i, v, v) for i, v in ((i, v.tobytes()) for i, v in enumerate(vectors, 1))))
        self.db.commit()

    def exact(self, question):
        return [r for r, in self.db.execute("SELECT rowid FROM v WHERE e MATCH ? AND k = ?", (question, TOP))]

    def bits(self, question):
        return [r for r, in self.db.execute(
            "WITH near AS (SELECT rowid, e FROM v WHERE b MATCH vec_quantize_binary(?) AND k = ?)"
            " SELECT rowid FROM near ORDER BY vec_distance_L2(e, ?) LIMIT ?",
            (question, BITS_DEPTH, question, TOP))]


class PeerSearch:
    def __init__(self, name, search, questions):
        self.name, self.search, self.questions = name, search, [q.tobytes() for q in questions]

    def time(self, start, n):
        out = []
        for i in range(start, start + n):
            began = time.process_time()
            self.search(self.questions[i % len(self.questions)])
            out.append((time.process_time() - began) * 1e6)
        return out

    def find(self, i):
        return self.search(self.questions[i])


class OurSearch:
    def __init__(self, name, *arguments):
        self.name = name
        self.turns = data.Turns("vector_turns", *arguments, data.QUESTION_VECTORS)
        self.loaded = self.turns.line().strip()

    def time(self, start, n):
        return self.turns.ask("time", start, n)

    def find(self, i):
        return [int(x) for x in self.turns.ask("find", i)]


def exact(vectors, questions):
    """The ids of the ten nearest of each question, from 1; in pieces, for the memory's sake."""
    best = np.full((len(questions), TOP), -2, np.float32)
    ids = np.zeros((len(questions), TOP), np.int64)
    for start in range(0, len(vectors), 50_000):
        cosines = questions @ vectors[start:start + 50_000].T
        both = np.concatenate([best, cosines], axis=1)
        places = np.concatenate([ids, np.tile(np.arange(cosines.shape[1]) + start + 1, (len(ids), 1))], axis=1)
        order = np.argpartition(-both, TOP, axis=1)[:, :TOP]
        best, ids = np.take_along_axis(both, order, 1), np.take_along_axis(places, order, 1)
    return ids


def recall(search, truth):
    found = sum(len(set(search.find(i)) & set(ids)) for i, ids in enumerate(truth))
    return found / (len(truth) * TOP)


def take_turns(searches, seconds):
    times = {s.name: [] for s in searches}
    for s in searches:
        s.time(0, 3)
    end, at = time.monotonic() + seconds, 0
    while time.monotonic() < end or at < 3 * TURN:
        for s in searches:
            times[s.name] += s.time(at, TURN)
        at += TURN
    return times


def index_of(n):
    return OurSearch("index", "index", data.made(n)[1], n)


def store_of(n):
    folder, _ = data.database(n)
    first = OurSearch("store", "store", folder / "memory.db", data.MODEL_ID)
    first.turns.close()  # leaves the index's file behind, whatever was there
    return OurSearch("store", "store", folder / "memory.db", data.MODEL_ID)


def compare(n, has_store):
    vectors = data.vectors(data.made(n)[1], n)
    questions = np.array(data.vectors(data.QUESTION_VECTORS))
    truth = exact(vectors, questions[:N_ASKED])
    peer = Peer(vectors)
    ours = [index_of(n)] + ([store_of(n)] if has_store else [])
    exact_peer = PeerSearch("sqlite-vec float", peer.exact, questions)
    searches = [*ours, exact_peer, PeerSearch("sqlite-vec 1-bit", peer.bits, questions)]
    times = take_turns(searches, SECONDS)
    print(f"\n{n} vectors, {min(n, data.real())} of them of real sentences; sqlite-vec {peer.version}")
    for s in ours:
        print(f"  {s.name}: {s.loaded}" + (f"; {data.verdict(float(s.loaded.split()[1]), LOAD_MS[n], True)}"
                                           if n in LOAD_MS else ""))
    for s in searches:
        asked = truth if s is not exact_peer else truth[:30]
        found = recall(s, asked)
        print(f"  {s.name:17s} {data.spread(times[s.name])}, recall@{TOP} {found:.4f}"
              + (f" ({data.verdict(found, RECALL, False)})" if s in ours else ""))
    for s in ours:
        show_ratio(n, s.name, times[s.name], times[exact_peer.name])
    for s in ours:
        s.turns.close()


def show_ratio(n, name, ours, theirs):
    ratio = data.median(theirs) / data.median(ours)
    print(f"  {name} beside sqlite-vec float: {ratio:.1f} times as fast by the median, "
          f"{min(theirs) / min(ours):.1f} by the least"
          + (f"; {data.verdict(ratio, RATIO[n], False)}" if n in RATIO else ""))


def show_real():
    """Recall among real sentences alone, all there are."""
    n = data.real()
    index = index_of(n)
    truth = exact(data.vectors(data.SENTENCE_VECTORS, n), np.array(data.vectors(data.QUESTION_VECTORS)[:N_ASKED]))
    print(f"\n{n} vectors, all of real sentences\n  index: {index.loaded}\n"
          f"  index: {data.spread(index.time(0, N_ASKED))}, recall@{TOP} {recall(index, truth):.4f}")
    index.turns.close()


def main():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core for all: they take turns
    sizes = [int(n) for n in sys.argv[1:] if n != "--index"] or [100_000, 1_000_000]
    for n in sizes:
        compare(n, "--index" not in sys.argv)
    show_real()


if __name__ == "__main__":
    main()

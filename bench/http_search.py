#!/usr/bin/env python3
"""http_search.py - memory_search over HTTP: the time beyond the embedding, with 1 and with 32 clients.

    http_search.py [MEMORIES]      100000 unless told

Two ways to take the embedding out. *Known questions*: groups of 40 questions are asked once, so that the
server keeps their vectors, and then measured; everything but the embedding happens. *New questions*: each is
asked once, and embedded by itself right before on the same machine; the difference of the two times of each
question is what is printed (the server ranks words while it embeds, so it may even be less than the rest
costs).

With 32 clients the question is what they wait for. Closed loop: all 32 ask again as soon as they have
an answer, so the server is saturated and the time is 32 answers' worth of work on these cores, whatever
one costs. Open loop: requests fall due at random moments on 32 connections at a share of the rate that
the closed loop reached; the time counts from when they were due. The client runs on the same cores.

On a machine that others use as well, these times say how long one waits for a core. Two figures do not: the
least time of each known question in several rounds (one client), and what all threads of the server had of
the cores for a search.
"""
# SPDX-License-Identifier: Apache-2.0

import sys

import data

GROUP = 40  # questions; a server keeps the vectors of more
N_GROUPS = 10
ROUNDS = 3  # over each group
LEAST_GROUPS, LEAST_ROUNDS = 8, 8
SHARES = (0.25, 0.5)
P50_MS, P99_MS = 3, 10


def body(question):
    return data.tool_body("memory_search", query=question)


def groups():
    questions = [body(q) for q in data.lines(data.QUESTIONS, 0, GROUP * N_GROUPS)]
    return [questions[i:i + GROUP] for i in range(0, len(questions), GROUP)]


def known(port, connections, per_second=None):
    """Rate and times over all groups, their vectors being known."""
    times, rates = [], []
    for group in groups():
        data.load(port, 1, len(group), group)
        rate, us = data.load(port, connections, ROUNDS * len(group), group, per_second)
        rates.append(rate)
        times += us
    return data.median(rates), times


def least(port):
    """The least time of each known question."""
    out = []
    for group in groups()[:LEAST_GROUPS]:
        rounds = [data.load(port, 1, len(group), group)[1] for _ in range(LEAST_ROUNDS)]
        out += [min(us) for us in zip(*rounds)]
    return out


def core_ms(server, connections):
    """Of the server's threads, for one search whose question is known."""
    each = []
    for group in groups()[:LEAST_GROUPS]:
        data.load(server.port, 1, len(group), group)
        before = data.core_us(server.process)
        data.load(server.port, connections, ROUNDS * len(group), group)
        each.append((data.core_us(server.process) - before) / (ROUNDS * len(group)))
    return min(each) / 1000, data.median(each) / 1000


def show(title, us):
    p50, p99 = data.median(us) / 1000, data.quantile(us, 0.99) / 1000
    print(f"  {title}: {data.spread(us)}; p50 {data.verdict(p50, P50_MS, True)}, "
          f"p99 {data.verdict(p99, P99_MS, True)}", flush=True)


def embedding_us(questions):
    return [int(us) for us in data.run("embed_rate", data.MODEL, 1, input="\n".join(questions).encode())
            .split(b"\n")[1].split()]


def new(port):
    """Whole times and differences; in turns of GROUP questions, all other ones than the known."""
    whole, beyond = [], []
    for start in range(GROUP * N_GROUPS, data.N_QUESTIONS, GROUP):
        questions = data.lines(data.QUESTIONS, start, GROUP)
        alone = embedding_us(questions)
        _, us = data.load(port, 1, len(questions), [body(q) for q in questions])
        whole += us
        beyond += [w - a for w, a in zip(us, alone)]
    return whole, beyond


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder, _ = data.database(n)
    with data.FileServer(folder) as server:
        server.search("what comes first")
        print(f"memory_search, {n} memories, limit 10, {GROUP * N_GROUPS} questions")
        show("1 client, known questions", known(server.port, 1)[1])
        show("1 client, known questions, the least of each", least(server.port))
        for connections in (1, 32):
            low, mid = core_ms(server, connections)
            print(f"  {connections} clients: {mid:.2f} ms of the cores for a search (groups of {GROUP}: least {low:.2f})")
        whole, beyond = new(server.port)
        print(f"  1 client, new questions, with their embedding: {data.spread(whole)}")
        show("1 client, new questions, less their embedding", beyond)
        rate, us = known(server.port, 32)
        show(f"32 clients, closed loop, {rate:.0f}/s", us)
        for share in SHARES:
            _, us = known(server.port, 32, share * rate)
            show(f"32 clients, open loop, {share * rate:.0f}/s", us)


if __name__ == "__main__":
    main()

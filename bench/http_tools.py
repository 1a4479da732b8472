#!/usr/bin/env python3
"""http_tools.py - tools/list over HTTP beside a bare libmicrohttpd answer of the same size, in turns.

    http_tools.py

The bare server (bare.c) has as many threads and answers from memory as soon as the body has come. The
client is one thread on the same cores and keeps 1 or 32 requests under way. Printed are the least, the median
and the best rate of all turns.
"""
# SPDX-License-Identifier: Apache-2.0

import json
import os
import pathlib
import subprocess
import tempfile

import data

TURNS = 11
N_REQUESTS = 4000  # in a turn
SHARE = 0.7


def bare(n_bytes, n_threads):
    process = subprocess.Popen([data.program("bare"), str(n_bytes), str(n_threads)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, int(process.stdout.readline())


def compare(ports, connections, bodies):
    rates = {name: [] for name in ports}
    for _ in range(TURNS):
        for name, port in ports.items():
            rates[name].append(data.load(port, connections, N_REQUESTS, bodies)[0])
    for name, values in rates.items():
        print(f"  {connections:2d} connections, {name:13s} requests/s: min {min(values):.0f}, "
              f"p50 {data.median(values):.0f}, max {max(values):.0f}")
    share = data.median([o / b for o, b in zip(*rates.values())])
    print(f"  {connections:2d} connections: {100 * share:.0f} % of bare by the median of the turns, "
          f"{100 * max(rates['memoryd']) / max(rates['libmicrohttpd']):.0f} % by the best; "
          f"{data.verdict(round(share, 2), SHARE, False)}", flush=True)


def main():
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    with tempfile.TemporaryDirectory() as folder, data.FileServer(pathlib.Path(folder)) as server:
        size = len(server.post(body).body)
        process, port = bare(size, 2 * os.cpu_count())
        print(f"tools/list, {size} bytes")
        for connections in (1, 32):
            compare({"memoryd": server.port, "libmicrohttpd": port}, connections, [body])
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()

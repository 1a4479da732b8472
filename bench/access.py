#!/usr/bin/env python3
"""access.py - what coming from elsewhere costs: tokens, log-ins, handshakes, idle streams.

    access.py

*A check*: bench_check, a program of its own, in time of a core. *A way in*: a client behind a proxy and a person who is
logged in, from the first 401 over discovery, registration, consent and token to the first answer (8 requests), one after the
other, on the wall and in time of the server's threads. *A log-in*: one right password. *A handshake*: TLS 1.3 without
resumption, an ECDSA certificate (P-256); counted is the time of the server's threads, since the client is on the same
cores. *Idle streams*: 2,000 of HTTP+SSE, by the growth of what is resident.
"""
# SPDX-License-Identifier: Apache-2.0

import http.client
import itertools
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import data
import start

sys.path.insert(0, str(data.ROOT / "tests" / "e2e"))
from harness import Server  # noqa: E402
from oauth import PASSWORD, Client, Person, owner_link  # noqa: E402

HOST = "memory.example"
ADDRESSES = itertools.count(1)
WAYS, LOG_INS, HANDSHAKES, STREAMS = 30, 10, 500, 2000


def proxied():
    """From an address that nobody came from yet: how often one may register is limited."""
    return {"X-Forwarded-For": f"198.51.{next(ADDRESSES)}.7", "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": HOST}


def show_checks():
    with tempfile.TemporaryDirectory() as folder:
        print(data.run("check", folder).decode(), end="")


def measured(server, n, what):
    """Milliseconds on the wall and of the server's threads, of each of n."""
    before, began = data.core_us(server.process), time.perf_counter()
    for _ in range(n):
        what()
    wall_ms = (time.perf_counter() - began) * 1000 / n
    return wall_ms, (data.core_us(server.process) - before) / 1000 / n


def way_in(server, person):
    client = Client(server.request, proxied())
    client.discover()
    client.register()
    person.get(client.authorize_url())
    done = person.post(decision="approve")
    assert client.exchange(client.take(done.went_to)["code"]).status == 200
    assert client.call("tools/list").status == 200


def log_in(server):
    person, client = Person(server.request, proxied()), Client(server.request, proxied())
    client.discover()
    client.register()
    person.get(client.authorize_url())
    assert person.post(name="ada", password=PASSWORD).status == 200


def show_ways():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with Server(folder, MCP_OAUTH_ENABLED="true", MCP_OAUTH_SQLITE_PATH=folder / "oauth.db") as server:
            person = Person(server.request, proxied())
            person.get(owner_link(server))
            person.post(name="ada", password=PASSWORD, again=PASSWORD)
            wall, core = measured(server, WAYS, lambda: way_in(server, person))
            print(f"a way in, 401 to the first answer: {wall:.1f} ms on the wall, {core:.1f} ms of the cores")
            wall, core = measured(server, LOG_INS, lambda: log_in(server))
            print(f"registration and log-in by password: {wall:.0f} ms on the wall, {core:.0f} ms of the cores")


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                    "-keyout", folder / "key.pem", "-out", folder / "chain.pem"],
                   check=True, stderr=subprocess.DEVNULL)


def show_handshakes():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_certificate(folder)
        context = ssl.create_default_context(cafile=folder / "chain.pem")

        def handshake(server):
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as s:
                    assert s.version() == "TLSv1.3"

        with Server(folder, MCP_HTTPS_ENABLED="true", MCP_SSL_CERT_FILE=folder / "chain.pem",
                    MCP_SSL_KEY_FILE=folder / "key.pem") as server:
            wall, core = measured(server, HANDSHAKES, lambda: handshake(server))
            print(f"a TLS handshake: {core:.2f} ms of the server's cores ({1000 / core:.0f} a second and core), "
                  f"{wall:.2f} ms on the wall with the client")


def show_streams():
    with tempfile.TemporaryDirectory() as folder:
        with Server(pathlib.Path(folder)) as server:
            connections = []
            before = start.settled_mb(server.process.pid)["Rss"]
            for _ in range(STREAMS):
                connection = http.client.HTTPConnection("127.0.0.1", server.port)
                connection.request("GET", "/sse", headers={"Accept": "text/event-stream"})
                assert connection.getresponse().status == 200
                connections.append(connection)
            grown = start.settled_mb(server.process.pid)["Rss"] - before
            print(f"{STREAMS} idle streams: {grown:.1f} MB more resident, {grown * 1024 / STREAMS:.1f} kB each")


if __name__ == "__main__":
    show_checks()
    show_ways()
    show_handshakes()
    show_streams()

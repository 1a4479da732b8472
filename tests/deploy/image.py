#!/usr/bin/env python3
"""image.py - builds deploy/docker/Dockerfile without a container engine, and tries the image. By hand, as root.

    apt-get install debootstrap
    tests/deploy/image.py FOLDER [FILE...]

Each stage is a root made by debootstrap in FOLDER; the steps run there by chroot. Then the image runs as its
user, with a read-only root and nothing to write to but /data and /tmp, in namespaces of its own but for the
network, and is asked what a container engine, a client and a stranger ask. FILEs are files of this machine
that building needs here, such as the certificate of a mirror.

Takes some minutes, 2 GB and the network.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
MIRROR = "http://deb.debian.org/debian"
PORT = 18765
FROM_HERE = ["/etc/resolv.conf", "/etc/hosts", "/etc/apt"]  # what an engine brings in its own way
PASSED = re.compile(r"PIP_\w+|SSL_CERT_FILE|\w+_(proxy|PROXY)")


def say(*words):
    print("image:", *words, flush=True)


def run(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, **more)


class Stage:
    """A root folder, and what the Dockerfile has said about it so far."""

    def __init__(self, folder, base):
        self.folder, self.base = folder, base
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.workdir, self.user, self.settings = "/", None, {}

    def path(self, inside):
        return self.folder / os.path.join(self.workdir, inside).lstrip("/")


class Builder:
    def __init__(self, folder, files):
        self.folder, self.files = folder, files
        self.stages, self.stage = {}, None

    def base(self):
        made = self.folder / "debian-12"
        if not (made / "etc/debian_version").exists():
            say("debootstrap")
            run("debootstrap", "--variant=minbase", "bookworm", made, MIRROR, stdout=subprocess.DEVNULL)
        return made

    def lend(self, stage):
        """Files of this machine, for the time of a step. Returns those to take away again."""
        lent = []
        for name in FROM_HERE + self.files:
            to = stage.folder / name.lstrip("/")
            if not os.path.exists(name):
                continue
            kept = to.with_name(to.name + ".kept")
            if to.exists():
                to.rename(kept)
            to.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if os.path.isdir(name) else shutil.copy)(name, to)
            lent.append((to, kept))
        return lent

    @staticmethod
    def take_away(lent):
        for to, kept in lent:
            shutil.rmtree(to) if to.is_dir() else to.unlink(missing_ok=True)
            if kept.exists():
                kept.rename(to)

    def step_from(self, words):
        image, name = words[0], words[2] if len(words) > 2 else "image"
        assert re.fullmatch(r"debian:12(-slim)?", image), image
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        run("cp", "-a", self.base(), folder)
        self.stage = self.stages[name] = Stage(folder, image)

    def step_run(self, text):
        s = self.stage
        lent = self.lend(s)
        passed = {k: v for k, v in os.environ.items() if PASSED.fullmatch(k)}
        inner = f"cd {shlex.quote(s.workdir)} && {text}"
        mounts = "".join(f"mount --rbind /{d} {s.folder}/{d} && " for d in ("dev", "proc"))
        try:
            run("unshare", "--mount", "sh", "-c", f"{mounts} exec chroot {s.folder} /bin/sh -c \"$0\"", inner,
                env={**s.env, **passed, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"})
        finally:
            self.take_away(lent)

    def step_copy(self, words):
        s = self.stage
        if words[0].startswith("--from="):
            source = self.stages[words[0].removeprefix("--from=")]
            run("cp", "-a", f"{source.folder}{words[1].rstrip('/')}/.", s.path(words[2]))
            return
        *names, to = words
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z", *names], cwd=ROOT,
                                check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, listed):
            inner = name if names == ["."] else os.path.basename(name)
            target = s.path(os.path.join(to, inner))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)

    def build(self):
        text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            word, _, rest = line.partition(" ")
            say(line[:100])
            begin = time.monotonic()
            if word == "FROM":
                self.step_from(rest.split())
            elif word == "RUN":
                self.step_run(rest)
            elif word == "COPY":
                self.step_copy(rest.split())
            elif word == "ENV":
                self.stage.env.update(pair.split("=", 1) for pair in shlex.split(rest))
            elif word == "WORKDIR":
                self.stage.workdir = rest
                self.stage.path("").mkdir(parents=True, exist_ok=True)
            else:
                assert word in ("VOLUME", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"), word
                self.stage.settings[word] = rest
            say(f"  {time.monotonic() - begin:.0f} s")
        return self.stage


class Container:
    """The image as it is deployed: its user, a read-only root, an own /data."""

    def __init__(self, image, folder):
        self.image, self.data = image, folder / "data"
        shutil.rmtree(self.data, ignore_errors=True)
        run("cp", "-a", image.folder / "data", self.data)  # what a new volume gets
        self.env = {**image.env, "MCP_SSE_HOST": "127.0.0.1", "MCP_SSE_PORT": str(PORT)}

    def command(self, *words):
        user, group = self.image.settings["USER"].split(":")
        f = self.image.folder
        # setpriv gives up the right to chroot, so it is the image's own, behind that.
        script = (f"mount --bind {f} {f} && mount -o remount,bind,ro {f} && mount --bind {self.data} {f}/data && "
                  f"mount -t tmpfs tmpfs {f}/tmp && mount --rbind /dev {f}/dev && mount -t proc proc {f}/proc && "
                  f"exec chroot {f} setpriv --reuid {user} --regid {group} --clear-groups --no-new-privs "
                  f"--bounding-set=-all --inh-caps=-all \"$@\"")
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", *words]

    def start(self):
        words = json.loads(self.image.settings["ENTRYPOINT"]) + json.loads(self.image.settings["CMD"])
        self.log = open(self.data.parent / "log", "wb")
        self.process = subprocess.Popen(self.command(*words), env=self.env, stderr=self.log, cwd="/")

    def ask(self, *words):
        return subprocess.run(self.command(*words), env=self.env, capture_output=True, text=True, cwd="/")

    def stop(self):
        """As an engine does: memoryd is the first process in there. unshare itself takes no signal."""
        me = self.process.pid
        inside = int(pathlib.Path(f"/proc/{me}/task/{me}/children").read_text())
        os.kill(inside, signal.SIGTERM)
        return self.process.wait(60)


def get(path, method="GET", body=None, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body, method=method,
                                     headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, str(refused.headers)


def check(what, is_so, detail=""):
    say("ok" if is_so else "FAILED", what, "" if is_so else detail)
    if not is_so:
        sys.exit(1)


def until(condition):
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False


def try_image(image, folder):
    c = Container(image, folder)
    c.start()
    try:
        listens = until(lambda: "event=http.listen" in (folder / "log").read_text())
        log = (folder / "log").read_text()
        check("it listens", listens, log)
        check("it has its model", "model.none" not in log, log)
        check("the first start prints the owner's link", "/welcome?link=" in log, log)
        check("healthy", get("/api/health") == (200, '{"status":"healthy"}'))
        status, headers = get("/mcp", "POST", b"{}", Content_Type="application/json",
                              X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
        check("a stranger needs a token", status == 401 and "resource_metadata=" in headers, headers)
        health = json.loads(image.settings["HEALTHCHECK"].partition("CMD ")[2])
        done = c.ask(*health)
        check("the engine's question", done.returncode == 0 and "ok" in done.stdout, done.stdout + done.stderr)
        done = c.ask("id", "-u")
        check("not root", done.stdout.strip() == image.settings["USER"].split(":")[0], done.stderr)
        done = c.ask("sh", "-c", "touch /x /usr/local/bin/x /etc/x 2>&1; test -w /data && echo data")
        check("only /data can be written", done.stdout.count("Read-only file system") == 3
              and "data" in done.stdout.split()[-1], done.stdout)
        done = c.ask("memoryd", "store", "the image was built without an engine")
        check("a memory is stored", done.returncode == 0, done.stderr)
    finally:
        code = c.stop()
    check("it stops when told to", code == 0 and "event=stop" in (folder / "log").read_text(), code)
    size = int(subprocess.run(["du", "-sm", "-x", image.folder], capture_output=True, text=True).stdout.split()[0])
    base = int(subprocess.run(["du", "-sm", "-x", folder / "debian-12"], capture_output=True,
                              text=True).stdout.split()[0])
    say(f"{size} MB, {size - base} MB more than the base")


def main():
    if len(sys.argv) < 2 or os.geteuid() != 0:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try_image(Builder(folder, sys.argv[2:]).build(), folder)


main()

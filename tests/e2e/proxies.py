"""proxies.py - real Caddy and nginx with the files of deploy/, as an unprivileged or any user, on loopback.

Names, ports and certificates in the files are replaced by those of the test; everything else is as it is
deployed.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from harness import DEADLINE_S, ROOT, wait_until

DEPLOY = ROOT / "deploy"
DOMAIN = "memory.example.com"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def replaced(text, *pairs):
    """Each first member of a pair occurs, and becomes the second."""
    for old, new in pairs:
        assert old in text, f"no {old!r} in the file"
        text = text.replace(old, new)
    return text


class Proxy:
    """A program in the foreground that serves https://HOST:port."""

    def __init__(self, command, folder, port, env=None):
        self.port = port
        self.log = open(folder / "proxy.log", "wb")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, cwd=folder,
                                        env={**os.environ, **(env or {})})
        try:
            wait_until(self.is_ready, "the proxy's port")
        except AssertionError as problem:
            raise AssertionError((folder / "proxy.log").read_text()) from problem

    def is_ready(self):
        assert self.process.poll() is None, f"the proxy ended with {self.process.returncode}"
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_S)
        self.log.close()


def nginx(folder, host, server_port, chain, key, site=None):
    """nginx with deploy/nginx/memoryd.conf, or another site of the same kind."""
    port, plain_port = free_port(), free_port()
    folder = pathlib.Path(folder) / "nginx"
    folder.mkdir()
    text = site or (DEPLOY / "nginx/memoryd.conf").read_text()
    pairs = [("listen 443", f"listen 127.0.0.1:{port}"), (DOMAIN, host),
             ("127.0.0.1:8765" if "127.0.0.1:8765" in text else "localhost:8765",
              f"127.0.0.1:{server_port}"),
             (f"/etc/letsencrypt/live/{host}/fullchain.pem", str(chain)),
             (f"/etc/letsencrypt/live/{host}/privkey.pem", str(key))]
    if "listen 80;" in text:
        pairs += [("listen 80;", f"listen 127.0.0.1:{plain_port};"), ("    listen [::]:80;\n", ""),
                  ("    listen [::]:443 ssl http2;\n", "")]
    (folder / "site.conf").write_text(replaced(text, *pairs))
    (folder / "nginx.conf").write_text(f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{"user root;" if os.geteuid() == 0 else ""}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
""")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-c", folder / "nginx.conf", "-e", folder / "error.log", "-p", folder]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr, done.stderr
    proxy = Proxy(command, folder, port)
    proxy.plain_port = plain_port
    return proxy


def caddy(folder, host, server_port, chain, key, site=None):
    """Caddy with deploy/caddy/Caddyfile, or another file of the same kind; the certificate is given to it."""
    port = free_port()
    folder = pathlib.Path(folder) / "caddy"
    folder.mkdir()
    text = site or (DEPLOY / "caddy/Caddyfile").read_text()
    text = replaced(text, (f"{DOMAIN} {{", f"https://{host}:{port} {{\n\tbind 127.0.0.1\n\ttls {chain} {key}"),
                    ("127.0.0.1:8765" if "127.0.0.1:8765" in text else "localhost:8765",
                     f"127.0.0.1:{server_port}"))
    options = "\tadmin off\n\tauto_https disable_redirects\n"
    text = (f"{{\n{options}}}\n" + text if site else
            replaced(text, ("\tgrace_period 10s\n", "\tgrace_period 1s\n" + options)))
    (folder / "Caddyfile").write_text(text)
    return Proxy(["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"], folder, port,
                 {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})

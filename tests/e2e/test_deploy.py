"""The files of deploy/: proxies pass on what they should, and every file says what memoryd understands.

test_browser.py goes the whole way through the proxies; tests/deploy/image.py, by hand, builds the image.

SPDX-License-Identifier: Apache-2.0
"""
import email.message
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import unittest

import kubernetes_validate
import pki
import proxies
import yaml
from harness import DEADLINE_S, MEMORYD, META, MODERN, ROOT, Case, Server
from oauth import PASSWORD, Client, Person, owner_link
from proxies import DEPLOY
from test_tls import Tls

HOST = "memory.example"
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
JSON = {"Content-Type": "application/json"}
SETTING = re.compile(r"\b(?:MCP|MEMORYD)_[A-Z0-9_]+\b|\bLOG_LEVEL\b")


class Door:
    """https://memory.example:port, which is this machine, with its certificate checked."""

    def __init__(self, port, authority):
        self.port = port
        self.context = ssl.create_default_context(cadata=authority.certificate_pem.decode())

    def connect(self):
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=DEADLINE_S,
                                                 context=self.context)
        connection._create_connection = lambda address, *rest: socket.create_connection(
            ("127.0.0.1", address[1]), DEADLINE_S)
        return connection

    def request(self, *args, **kwargs):
        """With headers under names of any case: Caddy writes them in its own."""
        reply = Server.request(self, *args, **kwargs)
        reply.headers = email.message.Message()
        for name, value in reply.pairs:
            reply.headers[name] = value
        return reply


class ProxyCase(Tls):
    def setUp(self):
        super().setUp()
        self.put(pki.make(HOST, self.middle), self.middle)

    def behind(self, start, site=None, **env):
        """A server, and the way to it through a proxy."""
        server = self.server(**{"MCP_OAUTH_ENABLED": "true",
                                "MCP_OAUTH_SQLITE_PATH": self.folder / "oauth.db", **env})
        proxy = start(self.folder, HOST, server.port, self.certificate_file, self.key_file, site)
        self.addCleanup(proxy.stop)
        return server, Door(proxy.port, self.root), proxy

    def connected(self, server, door, resource="/mcp"):
        person, client = Person(door.request), Client(door.request, resource=resource)
        person.get(owner_link(server))
        person.post(name="ada", password=PASSWORD, again=PASSWORD)
        client.discover()
        self.assertEqual(client.server["issuer"], f"https://{HOST}:{door.port}")
        client.register()
        person.get(client.authorize_url())
        client.exchange(client.take(person.post(decision="approve").went_to)["code"])
        return client

    def stream(self, door, method, path, body, word, **headers):
        """What comes until this word, from a stream that stays open."""
        connection = door.connect()
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        seen = b""
        while word not in seen:
            line = reply.readline()
            self.assertTrue(line, seen)
            seen += line
        return seen


class Behind(ProxyCase):
    def check(self, start):
        server, door, proxy = self.behind(start)
        client = self.connected(server, door)
        token = {"Authorization": f"Bearer {client.tokens['access_token']}"}

        listen = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
            "_meta": META, "notifications": {"toolsListChanged": True}}}
        self.stream(door, "POST", "/mcp", json.dumps(listen), b"subscriptions/acknowledged", **JSON,
                    **token, Accept="application/json, text/event-stream", **{
                        "MCP-Protocol-Version": MODERN, "Mcp-Method": "subscriptions/listen"})
        self.stream(door, "GET", "/sse", None, b"/messages/", **token)

        stored = client.tool("memory_store", content="x" * 900_000)
        self.assertEqual(stored.status, 200)
        self.assertFalse(stored.json()["result"].get("isError"), stored.body[:200])
        self.assertEqual(door.request("POST", "/mcp", "x" * 4_500_000, {**JSON, **token}).status, 413)

        for lie in ({"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-For": "127.0.0.1"},
                    {"X-Forwarded-Proto": "http"}, {"Forwarded": "for=127.0.0.1;host=localhost"}):
            with self.subTest(lie):
                reply = door.request("POST", "/mcp", LIST, {**JSON, **lie})
                self.assertEqual(reply.status, 401)
                self.assertIn(f'"https://{HOST}:{door.port}/', reply.headers["WWW-Authenticate"])
        return proxy

    def test_caddy(self):
        self.check(proxies.caddy)

    def test_nginx(self):
        proxy = self.check(proxies.nginx)
        plain = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=DEADLINE_S)
        plain.request("GET", "/mcp?x=1", headers={"Host": HOST})
        reply = plain.getresponse()
        self.assertEqual((reply.status, reply.getheader("Location")), (301, f"https://{HOST}/mcp?x=1"))
        plain.close()


def known_settings():
    return set(SETTING.findall((ROOT / "docs/configuration.md").read_text()))


class Files(Case):
    def test_every_setting_is_one_of_ours(self):
        known = known_settings()
        pages = [ROOT / "docs/remote.md", *(p for p in DEPLOY.rglob("*") if p.is_file())]
        self.assertGreater(len(pages), 12)
        for page in pages:
            for name in SETTING.findall(page.read_text()):
                with self.subTest(page=page.name, name=name):
                    self.assertIn(name.removesuffix("_FILE") if name not in known else name, known)

    def settings_start(self, settings):
        """memoryd takes these, with paths of ours, and has nothing to say about them."""
        paths = {"MCP_OAUTH_SQLITE_PATH": self.folder / "oauth.db", "MCP_MEMORY_BASE_DIR": self.folder,
                 "MCP_SSE_PORT": 0}
        env = {**settings, **{k: v for k, v in paths.items() if k in settings or k == "MCP_SSE_PORT"}}
        server = self.server(**env)
        self.assertEqual(server.request("GET", "/api/health").status, 200)
        log = server.log.text()
        self.assertNotIn("event=config", log)
        return server

    def test_compose(self):
        compose = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
        service = compose["services"]["memoryd"]
        env = service["environment"]
        self.assertEqual(env["MCP_OAUTH_ISSUER"], "${MEMORY_HOST:+https://}${MEMORY_HOST:-}")
        for issuer in ("", "https://memory.example.com"):
            server = self.settings_start({**env, "MCP_OAUTH_ISSUER": issuer})
            self.assertEqual(server.stop(), 0)
        self.assertEqual(env["MCP_TRUSTED_PROXIES"],
                         compose["networks"]["memoryd"]["ipam"]["config"][0]["subnet"])
        self.assertTrue(service["read_only"])
        self.assertEqual(service["cap_drop"], ["ALL"])
        self.assertTrue(service["ports"][0].startswith("127.0.0.1:"))
        self.assertTrue((DEPLOY / "docker" / service["build"]["context"]).samefile(ROOT))
        self.assertTrue((ROOT / service["build"]["dockerfile"]).is_file())
        for name, each in compose["services"].items():
            self.assertEqual(each["networks"], ["memoryd"], name)

    def test_dockerfile(self):
        text = (DEPLOY / "docker/Dockerfile").read_text()
        env = dict(re.findall(r"^(?:ENV)? +([A-Z_]+)=(\S+?)(?: \\)?$", text, re.M))
        self.assertEqual(env["MCP_MEMORY_BASE_DIR"], "/data")
        env.pop("HOME")
        self.settings_start(env)
        linked = subprocess.run(["ldd", MEMORYD], capture_output=True, text=True).stdout
        self.assertLessEqual(
            {name for name in re.findall(r"^\s+(lib[\w-]+)\.so", linked, re.M)
             if not re.fullmatch(r"lib([atl]|ub)san", name)},  # of builds with checks
            {"libc", "libm", "libgcc_s", "libp11-kit", "libffi"})  # the last comes with the one before
        for package in ("libp11-kit0", "libcurl3-gnutls"):  # curl is loaded when it is needed
            self.assertIn(package, text)
        for source in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.M):
            for name in source.split():
                self.assertTrue((ROOT / name).exists(), name)

    def test_kubernetes(self):
        documents = {}
        for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
            for document in yaml.safe_load_all(file.read_text()):
                for version in ("1.29", kubernetes_validate.latest_version()):
                    kubernetes_validate.validate(document, version, strict=True)
                documents[document["kind"]] = document
        self.assertEqual(set(documents), {"ConfigMap", "Secret", "PersistentVolumeClaim", "Deployment",
                                          "Service", "Ingress"})
        template = documents["Deployment"]["spec"]["template"]
        pod, container = template["spec"], template["spec"]["containers"][0]
        labels = template["metadata"]["labels"]
        self.assertEqual(documents["Deployment"]["spec"]["selector"]["matchLabels"], labels)
        self.assertEqual(documents["Service"]["spec"]["selector"], labels)
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
        self.assertEqual(container["envFrom"][0]["configMapRef"]["name"],
                         documents["ConfigMap"]["metadata"]["name"])
        secret = container["env"][0]["valueFrom"]["secretKeyRef"]
        self.assertIn(secret["key"], documents["Secret"]["stringData"])
        self.assertEqual({m["name"] for m in container["volumeMounts"]},
                         {v["name"] for v in pod["volumes"]})
        port = container["ports"][0]
        self.assertEqual(documents["Service"]["spec"]["ports"][0]["targetPort"], port["name"])
        rule = documents["Ingress"]["spec"]["rules"][0]
        self.assertEqual(rule["http"]["paths"][0]["path"], "/")
        env = documents["ConfigMap"]["data"]
        self.assertEqual(env["MCP_OAUTH_ISSUER"], f"https://{rule['host']}")
        server = self.settings_start(env)
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]["httpGet"]
            self.assertEqual(probe["port"], port["name"])
            headers = {h["name"]: h["value"] for h in probe["httpHeaders"]}
            with self.subTest(name):
                self.assertEqual(server.request("GET", probe["path"], headers=headers).status, 200)

    def test_cloudflared(self):
        config = yaml.safe_load((DEPLOY / "cloudflared/config.yml").read_text())
        self.assertEqual(config["ingress"][0]["service"], "http://127.0.0.1:8765")
        self.assertEqual(config["ingress"][-1], {"service": "http_status:404"})
        self.assertTrue(config["credentials-file"].endswith(".json"))


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
class Systemd(Case):
    FOLDER = DEPLOY / "systemd"

    def analyze(self, *args):
        done = subprocess.run(["systemd-analyze", *args], capture_output=True, text=True,
                              timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        return done.stdout + done.stderr

    def test_units(self):
        for name in ("memoryd.service", "memoryd.socket"):
            text = (self.FOLDER / name).read_text()
            (self.folder / name).write_text(text.replace("/usr/local/bin/memoryd", str(MEMORYD)))
        out = self.analyze("verify", "--man=no", self.folder / "memoryd.service",
                           self.folder / "memoryd.socket")
        self.assertNotIn("memoryd", out)
        self.analyze("security", "--offline=true", "--threshold=15", self.folder / "memoryd.service")

    def test_settings(self):
        """Those that are on by default, and those behind a comment sign."""
        lines = (self.FOLDER / "memoryd.env").read_text().splitlines()
        pairs = dict(re.match(r"#?([A-Z_]+)=(.*)", line).groups() for line in lines
                     if re.match(r"#?[A-Z_]+=", line))
        plain = {k: v for k, v in pairs.items() if f"{k}={v}" in lines}
        self.assertEqual(set(plain), {"MCP_OAUTH_ENABLED", "MCP_OAUTH_ISSUER"})
        server = self.server(**plain, MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db")
        self.assertNotIn("event=config", server.log.text())
        pair = pki.make("memory.example.com")
        for name, content in (("fullchain.pem", pair.certificate_pem), ("privkey.pem", pair.key_pem())):
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(0o600)
        server = self.server(**{**pairs, "MCP_SSL_CERT_FILE": self.folder / "fullchain.pem", "MCP_SSE_PORT":
                                0, "MCP_SSL_KEY_FILE": self.folder / "privkey.pem",
                                "MCP_OAUTH_SQLITE_PATH": self.folder / "oauth.db"})
        self.assertNotIn("event=config", server.log.text())

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for the group of the files")
    def test_the_hook_of_certbot(self):
        old, new = self.folder / "lineage", self.folder / "tls"
        old.mkdir()
        pair = pki.make("memory.example.com")
        (old / "fullchain.pem").write_bytes(pair.certificate_pem)
        (old / "privkey.pem").write_bytes(pair.key_pem())
        hook = (self.FOLDER / "certbot-hook").read_text().replace("-g memoryd", "-g root")
        subprocess.run(["sh", "-c", hook], check=True, env={**os.environ, "RENEWED_LINEAGE": str(old),
                                                            "TLS_DIR": str(new)})
        self.assertEqual({p.name: oct(p.stat().st_mode & 0o777) for p in new.iterdir()},
                         {"fullchain.pem": "0o640", "privkey.pem": "0o640"})
        self.assertEqual((new / "privkey.pem").read_bytes(), pair.key_pem())


if __name__ == "__main__":
    unittest.main()

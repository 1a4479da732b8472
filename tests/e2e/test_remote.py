"""The remote guide of the Python service, line by line with `memoryd` as the command; and ours, docs/remote.md.

The lines run as they stand. What the test replaces: the port if 8765 is taken here, paths of certificates, and
the name, which curl is told to find on this machine (.curlrc). A tunnel is the headers that cloudflared sends.

SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import signal
import subprocess

import pki
import proxies
from harness import DEADLINE_S, MEMORYD, QUESTION, DECISION, Server, clean_env
from oauth import PASSWORD, Client, Person, owner_link
from test_deploy import HOST, Door, ProxyCase
from test_docs import PORT, blocks, is_free

TUNNEL = "random-name.trycloudflare.com"
CLOUDFLARED = {"Host": TUNNEL, "X-Forwarded-For": "160.79.104.10", "X-Forwarded-Proto": "https",
               "CF-Connecting-IP": "160.79.104.10", "CF-Ray": "8f0c0ffee0000000-FRA",
               "CF-Visitor": '{"scheme":"https"}', "Cdn-Loop": "cloudflare; loops=1"}
OAUTH = """
# OAuth (recommended for claude.ai)
MCP_OAUTH_ENABLED=true
MCP_OAUTH_STORAGE_BACKEND=sqlite
MCP_OAUTH_SQLITE_PATH=./data/oauth.db
"""
REMOTE = """
# Remote MCP transport
MCP_STREAMABLE_HTTP_MODE=1
MCP_SSE_HOST=0.0.0.0
MCP_SSE_PORT=8765
"""
BEHIND_A_PROXY = ("MCP_STREAMABLE_HTTP_MODE=1 MCP_SSE_HOST=127.0.0.1 MCP_SSE_PORT=8765 \\\n"
                  "MCP_OAUTH_ENABLED=true memoryd")
CHECKS = """
curl -X POST https://your-domain.com/mcp \\
  -H "Content-Type: application/json" \\
  -d '{"jsonrpc": "2.0", "method": "tools/list", "id": 1}'

curl https://your-domain.com/.well-known/oauth-authorization-server
"""
REDIRECTS = ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback",
             "http://localhost:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"]
# A site that passes on /mcp alone, and asks for an upgrade that nobody makes.
ONLY_MCP = """
server {
    listen 443 ssl;
    server_name memory.example.com;
    ssl_certificate     /etc/letsencrypt/live/memory.example.com/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/memory.example.com/privkey.pem;
    location /mcp {
        proxy_pass http://localhost:8765/mcp;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_buffering off;
    }
}
"""


class GuideCase(ProxyCase):
    def setUp(self):
        super().setUp()
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "memoryd").symlink_to(MEMORYD)
        self.path = f"{self.folder}/bin:{os.environ['PATH']}"
        self.listen_at = PORT if is_free(PORT) else proxies.free_port()

    def line(self, text, **env):
        """A server by a line of the shell."""
        text = text.replace(str(PORT), str(self.listen_at))
        server = Server(self.folder, binary="bash", command=("-c", "exec env " + text), MCP_SSE_PORT=None,
                        PATH=self.path, **env)
        self.addCleanup(lambda: server.stop(signal.SIGKILL))
        return server

    def dot_env(self, text):
        """A server by an .env file and plain `memoryd`."""
        (self.folder / ".env").write_text(text.replace(f"={PORT}", f"={self.listen_at}"))
        server = self.line("memoryd")
        self.assertEqual(server.port, self.listen_at)
        self.assertNotIn("event=config", server.log.text())
        return server

    def curl(self, text, port, name):
        """The output of lines with curl, for whom this name is the port of this machine."""
        authority = self.folder / "authority.pem"
        authority.write_bytes(self.root.certificate_pem)
        (self.folder / ".curlrc").write_text(
            f'silent\nshow-error\nmax-time = {DEADLINE_S}\ncacert = "{authority}"\n'
            f'connect-to = "{name}:443:127.0.0.1:{port}"\n')
        done = subprocess.run(["bash", "-euc", text], env=clean_env(self.folder), cwd=self.folder,
                              capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def whole_way(self, server, request, headers=None, issuer=None, name="ada", redirect=REDIRECTS[0]):
        """Owner, log-in, consent for an address of claude.ai, a memory, a refresh."""
        person = Person(request, headers)
        client = Client(request, headers, redirect=redirect)
        person.get(owner_link(server))
        self.assertIn(f"Hello, {name}", person.post(name=name, password=PASSWORD,
                                                    again=PASSWORD).body.decode())
        client.discover()
        self.assertEqual(client.resource["resource"], f"{issuer}/mcp")
        client.register()
        person.get(client.authorize_url())
        client.exchange(client.take(person.post(decision="approve").went_to)["code"])
        self.assertEqual(client.tool("memory_store", content=DECISION).status, 200)
        self.assertIn(DECISION, client.tool("memory_search", query=QUESTION).body.decode())
        self.assertEqual(client.refresh().status, 200)
        return person, client

    def issue_for(self, name):
        self.pair = pki.make(name, self.middle)
        self.put(self.pair, self.middle)


class Guide(GuideCase):
    def test_quick_start_with_a_tunnel(self):
        server = self.dot_env(REMOTE + OAUTH)
        self.assertTrue((self.folder / "data/oauth.db").is_file())
        person, client = self.whole_way(server, server.request, CLOUDFLARED, f"https://{TUNNEL}")
        for redirect in REDIRECTS:
            with self.subTest(redirect):
                client.redirect = redirect
                client.register()
                person.get(client.authorize_url())
                self.assertIn("code", client.take(person.post(decision="approve").went_to))

    def test_option_a_https_of_its_own(self):
        self.issue_for(HOST)
        live = self.folder / f"letsencrypt/live/{HOST}"
        live.mkdir(parents=True)
        (live / "fullchain.pem").symlink_to(self.certificate_file)
        (live / "privkey.pem").symlink_to(self.key_file)
        server = self.dot_env(REMOTE + f"""
MCP_HTTPS_ENABLED=true
MCP_SSL_CERT_FILE={live}/fullchain.pem
MCP_SSL_KEY_FILE={live}/privkey.pem
""" + OAUTH)
        door = Door(server.port, self.root)
        self.whole_way(server, door.request, issuer=f"https://{HOST}:{server.port}")
        out = self.curl(CHECKS.replace("your-domain.com", HOST), server.port, HOST)
        self.assertIn('"error"', out)
        self.assertIn(f'"issuer":"https://{HOST}"', out)
        shown = self.curl(f"curl -vI https://{HOST}/mcp 2>&1 | grep -i 'ssl\\|cert\\|expire'", server.port,
                          HOST)
        self.assertIn("expire date", shown)

    def check_option(self, start):
        name = "your-domain.com"
        self.issue_for(name)
        server = self.line(BEHIND_A_PROXY)
        proxy = start(self.folder, name, server.port, self.certificate_file, self.key_file)
        self.addCleanup(proxy.stop)
        out = self.curl(CHECKS + "curl https://your-domain.com/api/health", proxy.port, name)
        self.assertIn('"error"', out)
        self.assertIn(f'"issuer":"https://{name}"', out)
        self.assertIn('{"status":"healthy"}', out)
        self.assertIn("event=http.request", server.log.text())

    def test_option_b_nginx(self):
        self.check_option(proxies.nginx)

    def test_option_c_caddy(self):
        self.check_option(proxies.caddy)

    def test_a_proxy_that_passes_on_one_path_reaches_that(self):
        """And says by whom it may be mended: discovery, beside it, is not found."""
        self.issue_for(HOST)
        server = self.line(BEHIND_A_PROXY)
        proxy = proxies.nginx(self.folder, HOST, server.port, self.certificate_file, self.key_file, ONLY_MCP)
        self.addCleanup(proxy.stop)
        door = Door(proxy.port, self.root)
        reply = door.request("POST", "/mcp", "{}", {"Content-Type": "application/json"})
        self.assertEqual(reply.status, 401)
        self.assertIn(f'resource_metadata="https://{HOST}/', reply.headers["WWW-Authenticate"])
        self.assertEqual(door.request("GET", "/.well-known/oauth-authorization-server").status, 404)

    def test_the_log_that_the_guide_looks_at(self):
        server = self.line("MCP_STREAMABLE_HTTP_MODE=1 MCP_LOG_LEVEL=DEBUG memoryd",
                           MCP_OAUTH_ENABLED="true", MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db")
        _, client = self.whole_way(server, server.request, CLOUDFLARED, f"https://{TUNNEL}")
        client.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                   "clientInfo": {"name": "e2e", "version": "1"}})
        server.stop()
        shown = [line for line in server.log.text().splitlines()
                 if re.search("connect|oauth|error|mcp", line, re.I)]
        for word in ("event=connect", "event=oauth", "step="):
            self.assertTrue(any(word in line for line in shown), word)


class Ours(GuideCase):
    def test_what_the_page_shows(self):
        start, checks = blocks("docs/remote.md", "sh")
        name = proxies.DOMAIN
        self.assertIn(name, checks)
        self.issue_for(name)
        server = self.line(start.strip(), MCP_MEMORY_BASE_DIR=self.folder / "base")
        self.assertRegex(server.log.text(), r"https?://\S+/welcome\?link=\S+")
        proxy = proxies.caddy(self.folder, name, server.port, self.certificate_file, self.key_file)
        self.addCleanup(proxy.stop)
        out = self.curl(checks, proxy.port, name)
        self.assertRegex(out, "HTTP/[0-9.]+ 401")
        self.assertRegex(out, r"(?i)www-authenticate: Bearer resource_metadata=")
        self.assertIn(f'"issuer":"https://{name}"', out)
        self.assertIn(f'"resource":"https://{name}/mcp"', out)
        self.assertIn('"healthy"', out)

    def test_a_lost_link_is_printed_again(self):
        links = set()
        for _ in range(2):
            server = self.line("MCP_OAUTH_ENABLED=true memoryd serve", MCP_MEMORY_BASE_DIR=self.folder)
            links.add(owner_link(server))
            self.assertEqual(server.stop(), 0)
        self.assertEqual(len(links), 2)

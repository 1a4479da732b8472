"""The whole way in a real browser, with mcp-remote as the client and Chromium as the person.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import json
import os

import pki
import proxies
from cryptography.hazmat.primitives import serialization
from oauth import owner_link
from test_clients import HERE, NODE, Client
from test_tls import Tls

HOST = "memory.example"
SHOTS = os.environ.get("MEMORYD_SHOTS")  # a folder: photographs of every page


def key_digest(pair):
    """What Chromium calls a server's key by."""
    der = pair.key.public_key().public_bytes(serialization.Encoding.DER,
                                             serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class BrowserCase(Client, Tls):
    """Tests with a certificate of our own authority for memory.example, which is this machine."""

    def setUp(self):
        super().setUp()
        self.pair = pki.make(HOST, self.middle)
        self.put(self.pair, self.middle)
        self.authority_file = self.folder / "authority.pem"
        self.authority_file.write_bytes(self.root.certificate_pem)

    def browse(self, server, port):
        """The scenario of browser.mjs through this port."""
        origin = f"https://{HOST}:{port}"
        folder = self.folder / "person"
        folder.mkdir()
        target = {"url": f"{origin}/mcp", "link": origin + owner_link(server),
                  "key": key_digest(self.pair), "folder": str(folder), "shots": SHOTS}
        out = self.run_client(NODE, HERE / "clients/browser.mjs", json.dumps(target),
                              NODE_EXTRA_CA_CERTS=self.authority_file,
                              NODE_OPTIONS=f"--require {HERE / 'clients/one_host.cjs'}")
        self.assertIn("done", out)
        self.assertNotIn("the launch code", server.log.text())


class Direct(BrowserCase):
    def test_over_https_of_its_own(self):
        server = self.server(**self.env(
            MCP_OAUTH_ENABLED="true", MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db",
            MCP_ALLOWED_HOSTS=HOST))
        self.browse(server, server.port)
        self.assertEqual(server.stop(), 0)


class BehindProxies(BrowserCase):
    """With the files of deploy/, real programs and TLS; memoryd knows only what they tell it."""

    def browse_through(self, start):
        server = self.server(MCP_OAUTH_ENABLED="true", MCP_OAUTH_SQLITE_PATH=self.folder / "oauth.db")
        proxy = start(self.folder, HOST, server.port, self.certificate_file, self.key_file)
        self.addCleanup(proxy.stop)
        self.browse(server, proxy.port)
        self.assertEqual(server.stop(), 0)

    def test_nginx(self):
        self.browse_through(proxies.nginx)

    def test_caddy(self):
        self.browse_through(proxies.caddy)

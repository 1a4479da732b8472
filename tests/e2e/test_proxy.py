"""Behind a proxy on this machine: whose address counts, and who is kept out.

The proxy is the test itself: it adds the headers that a proxy adds. A proxied request that gets past the
list of addresses and the names is refused for want of a token: with 403 by a server that issues none, with 401
by one that does.

SPDX-License-Identifier: Apache-2.0
"""
from harness import Case

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
NOT_SERVED = "not served"
NO_TOKEN = "access token"


class Proxied(Case):
    def check(self, server, says, status=403, **headers):
        reply = server.post(LIST, **headers)
        self.assertEqual(reply.status, status, reply.body)
        self.assertIn(says, reply.body.decode())

    def test_only_listed_clients_are_served(self):
        s = self.server(MCP_IP_ALLOWLIST="claude", MCP_ALLOWED_HOSTS="m.example")
        self.check(s, NO_TOKEN, Host="m.example", X_Forwarded_For="160.79.106.35")
        self.check(s, NO_TOKEN, Host="m.example", Forwarded='for="160.79.106.35:4711"')
        for x_for in ("192.0.2.7", "160.79.106.35, 192.0.2.7", "160.79.112.1", "unknown"):
            self.check(s, NOT_SERVED, Host="m.example", X_Forwarded_For=x_for)
        self.check(s, NOT_SERVED, Host="m.example", X_Forwarded_For="160.79.106.35",
                   Forwarded="for=192.0.2.7")
        self.assertEqual(s.request("GET", "/nothing-here").status, 403)  # before anything else
        self.assertIn("ip=160.79.106.35", s.log.text())

    def test_this_machine_can_be_listed_too(self):
        s = self.server(MCP_IP_ALLOWLIST="claude,loopback")
        self.assertEqual(s.post(LIST).status, 200)

    def test_a_proxy_that_is_not_trusted_is_the_client(self):
        s = self.server(MCP_IP_ALLOWLIST="claude", MCP_TRUSTED_PROXIES="none")
        self.check(s, NOT_SERVED, X_Forwarded_For="160.79.106.35")

    def test_names(self):
        s = self.server(MCP_OAUTH_ISSUER="https://m.example", MCP_ALLOWED_HOSTS="n.example:8443")
        for host in ("m.example", "m.example:443", "n.example:8443"):
            self.check(s, NO_TOKEN, 401, Host=host)
        for host in ("n.example", "evil.example", "m.example.evil.example"):
            self.check(s, "not a name of this server", Host=host)
        self.check(s, "not a name of this server", X_Forwarded_For="192.0.2.7",
                   X_Forwarded_Host="evil.example")

    def test_own_origin(self):
        s = self.server(MCP_OAUTH_ISSUER="https://m.example")
        self.check(s, NO_TOKEN, 401, Host="m.example", Origin="https://m.example")
        self.check(s, "origin", Host="m.example", Origin="http://m.example")
        self.check(s, "origin", Host="m.example", Origin="https://m.example.evil.example")

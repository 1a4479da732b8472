"""oauth.py - a client and a person for tests of log-ins: plain HTTP, no browser, no OAuth library.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import html.parser
import json
import re
import secrets
import urllib.parse

PASSWORD = "correct horse battery"


class Forms(html.parser.HTMLParser):
    """The forms of a page: lists of (name, value, type), with their actions."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.elements = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.elements.append((tag, a))
        if tag == "form":
            self.forms.append({"action": a.get("action"), "fields": []})
        if tag in ("input", "button") and a.get("name") and self.forms:
            self.forms[-1]["fields"].append((a["name"], a.get("value", ""), a.get("type", tag)))


class Person:
    """A browser with cookies. where(path) -> (request function, extra headers)."""

    def __init__(self, request, headers=None):
        self.request, self.headers = request, headers or {}
        self.cookies, self.page, self.url = {}, None, None

    def _ask(self, method, url, body=None):
        headers = dict(self.headers)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = "null"  # as browsers send it from a page with no-referrer
            headers["Sec-Fetch-Site"] = "same-origin"
        reply = self.request(method, url, body, headers)
        for value in reply.all_headers("Set-Cookie"):
            name, _, rest = value.partition("=")
            text = rest.partition(";")[0]
            if "Max-Age=0" in value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = text
        self.page, self.url = reply, url
        return reply

    def get(self, url):
        """Follows our own redirects; stops at one that leads elsewhere."""
        return self._follow(self._ask("GET", url))

    def _follow(self, reply):
        while reply.status == 303:
            to = urllib.parse.urljoin(self.url, reply.headers["Location"])
            if re.match(r"[a-z-]+:", to):
                reply.went_to = to
                return reply
            reply = self._ask("GET", to)
        return reply

    def forms(self):
        return Forms(self.page.body.decode()).forms

    def post(self, which=0, drop=(), **fields):
        """Sends a form of the page as it stands, with these fields filled in."""
        form = self.forms()[which]
        pairs = [(n, fields.pop(n, v)) for n, v, kind in form["fields"]
                 if kind != "button" and n not in drop and (n, v) not in drop and n != "remember"]
        pairs += [(n, v) for n, v in fields.items()]
        path = urllib.parse.urlsplit(form["action"]).path if form["action"] else self.url
        return self._follow(self._ask("POST", path, urllib.parse.urlencode(pairs)))


class Client:
    """A public client with PKCE, from discovery to refresh."""

    def __init__(self, request, headers=None, resource="/mcp", redirect="http://localhost:3999/callback"):
        self.request, self.headers = request, headers or {}
        self.resource_path, self.redirect = resource, redirect
        self.tokens = None

    def _json(self, method, url, body=None, kind="application/json", **headers):
        path = urllib.parse.urlsplit(url)
        headers = {**self.headers, **headers}
        if body is not None:
            headers["Content-Type"] = kind
        target = path.path + ("?" + path.query if path.query else "")
        return self.request(method, target, body, headers)

    def call(self, method, params=None, token=None, path=None, **headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        token = token or (self.tokens or {}).get("access_token")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self._json("POST", path or self.resource_path, json.dumps(message), **headers)

    def tool(self, name, **arguments):
        return self.call("tools/call", {"name": name, "arguments": arguments})

    def discover(self):
        """From a 401 to the metadata of the authorization server."""
        refused = self.call("tools/list")
        assert refused.status == 401, refused.status
        challenge = refused.headers["WWW-Authenticate"]
        where = re.search(r'resource_metadata="([^"]+)"', challenge)[1]
        self.resource = self._json("GET", where).json()
        issuer = self.resource["authorization_servers"][0]
        self.server = self._json("GET", issuer + "/.well-known/oauth-authorization-server").json()
        assert self.server["issuer"] == issuer
        return challenge

    def register(self, **more):
        body = {"client_name": "Test client", "redirect_uris": [self.redirect],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"], **more}
        reply = self._json("POST", self.server["registration_endpoint"], json.dumps(body))
        assert reply.status == 201, reply.body
        self.registration = reply.json()
        return reply

    def authorize_url(self, scope="read write offline_access", **more):
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.state = secrets.token_urlsafe(8) + "+/= ä"
        query = {"response_type": "code", "client_id": self.registration["client_id"],
                 "redirect_uri": self.redirect, "state": self.state, "scope": scope,
                 "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                 "code_challenge_method": "S256", "resource": self.resource["resource"], **more}
        path = urllib.parse.urlsplit(self.server["authorization_endpoint"]).path
        return path + "?" + urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})

    def take(self, location):
        """What the redirect brought: its parameters, checked."""
        assert location.startswith(self.redirect + "?"), location
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        assert answer["state"] == self.state and answer["iss"] == self.server["issuer"]
        return answer

    def token(self, **fields):
        fields.setdefault("client_id", self.registration["client_id"])
        return self._json("POST", self.server["token_endpoint"], urllib.parse.urlencode(fields),
                          "application/x-www-form-urlencoded")

    def exchange(self, code):
        reply = self.token(grant_type="authorization_code", code=code, redirect_uri=self.redirect,
                           code_verifier=self.verifier, resource=self.resource["resource"])
        if reply.status == 200:
            self.tokens = reply.json()
        return reply

    def refresh(self):
        reply = self.token(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])
        if reply.status == 200:
            self.tokens = reply.json()
        return reply

    def revoke(self, token):
        return self._json("POST", self.server["revocation_endpoint"],
                          urllib.parse.urlencode({"token": token,
                                                  "client_id": self.registration["client_id"]}),
                          "application/x-www-form-urlencoded")


def owner_link(server):
    """The path and query of the link that the first start prints."""
    return re.search(r"https?://\S+?(/welcome\?link=\S+)", server.log.text())[1]

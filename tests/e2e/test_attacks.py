"""What attackers try against log-ins, codes, tokens and pages, over HTTP as they would send it.

Every attack is followed by the honest use of the same thing, so that no test passes because nothing works.
test_oauth.py has the honest way and the rights of tokens.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import hmac
import json
import re
import socket
import sqlite3
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from harness import smoke
from oauth import PASSWORD, Client, Person, owner_link
from test_oauth import CONTENT, HOST, ISSUER, KEY, PROXIED, OAuthCase

FORM = "application/x-www-form-urlencoded"
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Attack(OAuthCase):
    def registered(self, server, resource="/mcp", **more):
        client = self.client(server, resource=resource)
        client.discover()
        client.register(**more)
        return client

    def code(self, client, person, **more):
        """A code for the client, as the honest person gives it."""
        page = person.get(client.authorize_url(**more))
        self.assertEqual(page.status, 200, page.body)
        return client.take(person.post(decision="approve").went_to)["code"]

    def refused(self, reply, error, status=400):
        self.assertEqual((reply.status, reply.json().get("error")), (status, error), reply.body)

    def is_good(self, client, token=None):
        return client.call("tools/list", token=token).status == 200


class CodeTest(Attack):
    @smoke
    def test_a_replayed_code_ends_what_the_first_use_began(self):
        server = self.start()
        client = self.registered(server)
        code = self.code(client, self.owner(server))
        self.assertEqual(client.exchange(code).status, 200)
        self.assertTrue(self.is_good(client))
        self.refused(client.exchange(code), "invalid_grant")
        self.assertFalse(self.is_good(client))
        self.refused(client.refresh(), "invalid_grant")

    def test_a_stolen_code_is_of_no_use_to_another_client(self):
        server = self.start()
        client, thief = self.registered(server), self.registered(server)
        code = self.code(client, self.owner(server))
        thief.verifier = client.verifier
        self.refused(thief.exchange(code), "invalid_grant")
        self.assertEqual(client.exchange(code).status, 200)

    def test_a_code_without_its_verifier_is_of_no_use(self):
        server = self.start()
        client = self.registered(server)
        code = self.code(client, self.owner(server))
        good = client.verifier
        challenge = encode(hashlib.sha256(good.encode()).digest())
        rows = [challenge, good[:-1], good + "A", good.swapcase(), "", "A" * 43, "é" * 43, good + "\0"]
        for verifier in rows:
            with self.subTest(verifier=verifier):
                client.verifier = verifier
                reply = client.exchange(code)
                self.assertEqual(reply.status, 400)
                self.assertIn(reply.json()["error"], ("invalid_grant", "invalid_request"))
        reply = client.token(grant_type="authorization_code", code=code,
                             redirect_uri=client.redirect)
        self.assertEqual(reply.status, 400)
        client.verifier = good
        self.assertEqual(client.exchange(code).status, 200)

    def test_codes_are_only_for_s256(self):
        server = self.start()
        person, client = self.owner(server), self.registered(server)
        rows = [{"code_challenge_method": "plain"}, {"code_challenge_method": None},
                {"code_challenge": None}, {"code_challenge": ""}, {"code_challenge": "short"},
                {"code_challenge": None, "code_challenge_method": None},
                {"code_challenge_method": "s256"}, {"response_type": "token"},
                {"response_type": "code token"}, {"response_mode": "fragment"}]
        for more in rows:
            with self.subTest(more):
                page = person.get(client.authorize_url(**more))
                if page.status == 200:  # what is not asked for is not given, but no error either
                    self.assertEqual(list(more), ["response_mode"])
                    answer = client.take(person.post(decision="approve").went_to)
                    self.assertIn("code", answer)
                else:
                    answer = client.take(page.went_to)
                    self.assertIn(answer["error"], ("invalid_request", "unsupported_response_type"))
                    self.assertNotIn("code", answer)

    def test_a_code_goes_with_its_redirect_and_resource(self):
        server = self.start()
        client = self.registered(server, resource="/mcp/team")
        code = self.code(client, self.owner(server))
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": client.verifier}
        good = {"redirect_uri": client.redirect, "resource": f"{ISSUER}/mcp/team"}
        rows = [{**good, "redirect_uri": client.redirect + "/"},
                {**good, "redirect_uri": "https://evil.example/callback"},
                {**good, "resource": f"{ISSUER}/mcp/other"}, {**good, "resource": f"{ISSUER}/mcp"},
                {**good, "resource": "https://evil.example/mcp"}]
        for row in rows:
            with self.subTest(row):
                reply = client.token(**fields, **row)
                self.assertEqual(reply.status, 400)
                self.assertIn(reply.json()["error"], ("invalid_grant", "invalid_target"))
        self.assertEqual(client.token(**fields, **good).status, 200)


class RedirectTest(Attack):
    REGISTERED = "https://app.example/oauth/callback"

    def test_addresses_that_no_client_may_register(self):
        server = self.start()
        client = self.client(server)
        client.discover()
        rows = ["http://app.example/callback", "https://app.example@evil.example/callback",
                "https://user:password@app.example/", "https://app.example/callback#fragment",
                "https://app.example/a/../callback", "https://app.example/%2e%2e/callback",
                "https://app.example\\@evil.example/", "https://*.example/callback",
                "https:///callback", "//evil.example/callback", "/callback",
                "javascript:alert(1)", "JavaScript://app.example/%0aalert(1)",
                "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd",
                "blob:https://app.example/x", "about:blank", "http://localhost.evil.example/callback",
                "http://127.0.0.1.evil.example/", "https://app.example/\r\nLocation: https://evil",
                "https://app.example/ x", "https://аpp.example/callback", "", "https://"]
        for uri in rows:
            with self.subTest(uri):
                body = json.dumps({"redirect_uris": [uri], "token_endpoint_auth_method": "none"})
                reply = client._json("POST", client.server["registration_endpoint"], body)
                self.refused(reply, "invalid_redirect_uri")
        client.register(redirect_uris=[self.REGISTERED])

    @smoke
    def test_nobody_is_sent_where_the_client_did_not_say(self):
        server = self.start()
        person = self.owner(server)
        client = self.registered(server, redirect_uris=[self.REGISTERED])
        rows = [self.REGISTERED + "/", self.REGISTERED + "?x=1", self.REGISTERED + "x",
                self.REGISTERED + "#x", self.REGISTERED + "/../evil", self.REGISTERED.upper(),
                self.REGISTERED.replace("https", "http"), self.REGISTERED.replace("app", "evil"),
                self.REGISTERED.replace("example/", "example.evil.example/"),
                self.REGISTERED.replace("app.", "app.example@evil."),
                self.REGISTERED.replace("example/", "example:444/"),
                self.REGISTERED.replace("oauth", "%6fauth"), self.REGISTERED + "%00",
                self.REGISTERED + "%0d%0aX-Evil:1", "https://evil.example/?" + self.REGISTERED,
                "//app.example/oauth/callback", "javascript:alert(1)", "", " " + self.REGISTERED]
        for uri in rows:
            with self.subTest(uri):
                page = person.get(client.authorize_url(redirect_uri=uri))
                self.assertEqual(page.status, 400)
                self.assertNotIn("Location", page.headers)
                self.assertNotIn("form", page.body.decode().split("<main>")[1])
        doubled = client.authorize_url(redirect_uri=self.REGISTERED)
        page = person.get(doubled + "&redirect_uri=https://evil.example/")
        self.assertEqual((page.status, page.headers.get("Location")), (400, None))
        self.assertEqual(person.get(doubled).status, 200)
        self.assertTrue(person.post(decision="approve").went_to.startswith(self.REGISTERED + "?code="))

    def test_no_page_leads_elsewhere_because_its_address_says_so(self):
        server = self.start()
        person = self.owner(server)
        evil = "https://evil.example/"
        for path in ("/login", "/welcome", "/logout", "/", "/oauth/authorize"):
            for name in ("next", "return_to", "redirect", "redirect_uri", "url", "continue"):
                with self.subTest(path=path, name=name):
                    page = person.get(f"{path}?{name}={urllib.parse.quote(evil)}")
                    self.assertNotIn("evil.example", page.headers.get("Location", ""))
                    self.assertNotIn(f'href="{evil}', page.body.decode())
        for path in ("//evil.example/mcp", "/\\evil.example", "/%2f%2fevil.example", "/mcp//evil.example"):
            reply = server.request("GET", path, headers=PROXIED)
            self.assertNotIn("Location", reply.headers)

    def test_answers_name_their_issuer_also_when_they_are_errors(self):
        """So that a client of several servers notices an answer that another one sent."""
        server = self.start(MCP_ALLOWED_HOSTS=f"{HOST},other.example")
        person, client = self.owner(server), self.registered(server)
        self.assertTrue(client.server["authorization_response_iss_parameter_supported"])
        page = person.get(client.authorize_url(scope="nonsense"))
        self.assertEqual(client.take(page.went_to)["error"], "invalid_scope")  # take() compares iss
        self.code(client, person)
        elsewhere = {**PROXIED, "X-Forwarded-Host": "other.example"}
        other = Client(server.request, elsewhere)
        other.discover()
        self.assertEqual(other.server["issuer"], "https://other.example")
        self.assertEqual(other.resource["resource"], "https://other.example/mcp")


class Forger:
    """Signs what it likes: with the server's own key if it has it, else with others."""

    def __init__(self, token):
        self.token = token
        self.head, self.claims = (json.loads(decode(p)) for p in token.split(".")[:2])

    def text(self, head, claims):
        return ".".join(encode(json.dumps(part).encode()) for part in (head, claims))

    def signed(self, key, head=(), **claims):
        text = self.text({**self.head, **dict(head)}, {**self.claims, **claims})
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def mac(self, secret, **head):
        text = self.text({**self.head, "alg": "HS256", **head}, self.claims)
        return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    def unsigned(self, **head):
        return self.text({**self.head, **head}, self.claims) + "."


class TokenTest(Attack):
    def setUp(self):
        super().setUp()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()).decode()
        self.s = self.start(MCP_OAUTH_PRIVATE_KEY=self.pem,
                            MCP_ALLOWED_HOSTS=f"{HOST},other.example")
        self.c = self.connect(self.s, self.owner(self.s))
        self.forger = Forger(self.c.tokens["access_token"])

    def check_refused(self, **tokens):
        for name, token in tokens.items():
            with self.subTest(name):
                reply = self.c.call("tools/list", token=token)
                self.assertEqual(reply.status, 401, reply.body)
                self.assertIn('error="invalid_token"', reply.headers["WWW-Authenticate"])

    def test_what_a_forged_token_says_of_its_signature_does_not_count(self):
        f, other = self.forger, ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key()
        spki = [public.public_bytes(e, serialization.PublicFormat.SubjectPublicKeyInfo)
                for e in (serialization.Encoding.PEM, serialization.Encoding.DER)]
        jwks = self.s.request("GET", "/oauth/jwks", headers=PROXIED)
        own = {"kty": "EC", "crv": "P-256", "use": "sig", "kid": "mine",
               **{n: encode(getattr(other.public_key().public_numbers(), n).to_bytes(32, "big"))
                  for n in "xy"}}
        head, claims, signature = f.token.split(".")
        self.check_refused(
            none=f.unsigned(alg="none"), mixed_case=f.unsigned(alg="nOnE"), empty=f.unsigned(alg=""),
            no_alg=f.unsigned(alg=None), no_signature=f.unsigned(),
            hs_pem=f.mac(spki[0]), hs_pem_stripped=f.mac(spki[0].strip()), hs_der=f.mac(spki[1]),
            hs_jwks=f.mac(jwks.body), hs_key=f.mac(json.dumps(jwks.json()["keys"][0]).encode()),
            hs_empty=f.mac(b""), hs_null=f.mac(b"", kid="../../../../../dev/null"),
            es384=f.signed(self.key, {"alg": "ES384"}), rs256=f.signed(self.key, {"alg": "RS256"}),
            other_key=f.signed(other), kid_path=f.signed(other, {"kid": "/proc/self/environ"}),
            kid_sql=f.signed(other, {"kid": "x' UNION SELECT 'y' --"}),
            kid_list=f.signed(other, {"kid": ["x"]}), kid_none=f.signed(other, {"kid": None}),
            jwk=f.signed(other, {"jwk": own, "kid": "mine"}),
            jku=f.signed(other, {"jku": "https://127.0.0.1/jwks", "kid": "mine"}),
            x5u=f.signed(other, {"x5u": "https://127.0.0.1/x", "kid": "mine"}),
            zeros=f"{head}.{claims}.{encode(bytes(64))}", swapped=f"{claims}.{head}.{signature}",
            padded=f.token + "==", more=f.token + ".x", cut=f.token[:-4])
        self.assertTrue(self.is_good(self.c))

    def test_a_token_is_for_here_and_now(self):
        f, now = self.forger, int(time.time())
        self.assertTrue(self.is_good(self.c, f.signed(self.key)), "the forger signs properly")
        self.check_refused(
            expired=f.signed(self.key, exp=now - 120), long_ago=f.signed(self.key, exp=0),
            before_the_epoch=f.signed(self.key, exp=-1), no_number=f.signed(self.key, exp="later"),
            future=f.signed(self.key, iat=now + 3600, nbf=now + 3600, exp=now + 7200),
            not_before=f.signed(self.key, nbf=now + 3600), elsewhere=f.signed(
                self.key, aud="https://evil.example/mcp"),
            longer=f.signed(self.key, aud=f"{ISSUER}.evil.example/mcp"), nowhere=f.signed(
                self.key, aud=""), many=f.signed(self.key, aud=[f"{ISSUER}/mcp", "https://evil.example"]),
            issuer=f.signed(self.key, iss="https://evil.example"), id_token=f.signed(
                self.key, {"typ": "JWT"}), unknown=f.signed(self.key, jti="unknown"),
            sql=f.signed(self.key, jti="' OR 1=1 --"))

    def test_a_signed_claim_gives_no_more_than_the_grant(self):
        client = self.connect(self.s, self.log_in(), drop=[("scope", "write"), ("space", "*")])
        f = Forger(client.tokens["access_token"])
        wide = f.signed(self.key, scope="read write admin", spaces=["*"], sub="somebody")
        reply = client.call("tools/call", {"name": "memory_store", "arguments": {"content": CONTENT}},
                            token=wide)
        self.assertEqual(reply.status, 403)
        self.assertEqual(client.call("tools/list", token=wide, path="/mcp/secret").status, 403)

    def log_in(self):
        person = self.person(self.s)
        person.get("/login")
        self.assertEqual(person.post(name="ada", password=PASSWORD).status, 200)
        return person

    @smoke
    def test_a_token_is_for_the_name_that_it_was_asked_for(self):
        other = Client(self.s.request, {**PROXIED, "X-Forwarded-Host": "other.example"})
        refused = other.call("tools/list", token=self.c.tokens["access_token"])
        self.assertEqual(refused.status, 401)
        self.assertIn("https://other.example/", refused.headers["WWW-Authenticate"])
        person = self.log_in()
        for resource in ("https://evil.example/mcp", f"{ISSUER}.evil.example/mcp", f"{ISSUER}:444/mcp",
                         "mcp", ISSUER.replace("https", "http") + "/mcp", f"{ISSUER}/mcp#x"):
            with self.subTest(resource):
                page = person.get(self.c.authorize_url(resource=resource))
                self.assertEqual(self.c.take(page.went_to)["error"], "invalid_target")

    def test_things_that_are_no_access_tokens_open_nothing(self):
        person = self.log_in()
        session = next(v for n, v in person.cookies.items() if "session" in n)
        self.check_refused(refresh=self.c.tokens["refresh_token"], session=session,
                           client=self.c.registration["client_id"],
                           management=self.c.registration["registration_access_token"])
        code = self.code(self.c, person)
        self.check_refused(code=code)
        cookies = "; ".join(f"{k}={v}" for k, v in person.cookies.items())
        reply = self.s.request("POST", "/mcp", LIST, {**PROXIED, "Content-Type": "application/json",
                                                      "Cookie": cookies})
        self.assertEqual(reply.status, 401)

    def test_a_refresh_token_that_comes_back_late_ends_the_grant(self):
        stolen = self.c.tokens["refresh_token"]
        self.assertEqual(self.c.refresh().status, 200)
        self.assertTrue(self.is_good(self.c))
        with sqlite3.connect(self.folder / "oauth.db") as db:  # three minutes go by
            db.execute("UPDATE refresh_token SET rotated_ms = rotated_ms - 180000 WHERE rotated_ms > 0")
        db.close()
        reply = self.c.token(grant_type="refresh_token", refresh_token=stolen)
        self.refused(reply, "invalid_grant")
        self.assertFalse(self.is_good(self.c))
        self.refused(self.c.refresh(), "invalid_grant")

    def test_a_refresh_token_is_its_clients_and_gives_no_more(self):
        thief = self.registered(self.s)
        token = self.c.tokens["refresh_token"]
        self.refused(thief.token(grant_type="refresh_token", refresh_token=token), "invalid_grant")
        thief.revoke(token)
        rows = [({"scope": "read write admin"}, "invalid_scope"), ({"scope": "admin"}, "invalid_scope"),
                ({"resource": "https://evil.example/mcp"}, "invalid_target")]
        for more, error in rows:
            with self.subTest(more):
                self.refused(self.c.token(grant_type="refresh_token", refresh_token=token, **more), error)
        self.assertEqual(self.c.refresh().status, 200)

    def test_nobody_gets_tokens_without_a_person(self):
        client = self.registered(self.s, grant_types=["authorization_code", "refresh_token"])
        for grant in ("client_credentials", "password", "implicit", "", "authorization_code",
                      "urn:ietf:params:oauth:grant-type:token-exchange",
                      "urn:ietf:params:oauth:grant-type:jwt-bearer"):
            with self.subTest(grant):
                reply = client.token(grant_type=grant, scope="read", username="ada", password=PASSWORD)
                self.assertIn(reply.json()["error"], ("unauthorized_client", "unsupported_grant_type",
                                                      "invalid_request"))
                self.assertEqual(reply.status, 400)
        body = {"redirect_uris": [client.redirect], "grant_types": ["client_credentials"],
                "token_endpoint_auth_method": "client_secret_post"}
        reply = client._json("POST", client.server["registration_endpoint"], json.dumps(body))
        self.refused(reply, "invalid_client_metadata")


class ConsentTest(Attack):
    @smoke
    def test_a_form_gives_no_more_than_it_showed(self):
        server = self.start()
        person, client = self.owner(server), self.registered(server, resource="/mcp/team")
        person.get(client.authorize_url(scope="read"))
        pairs = [(n, v) for n, v, _ in person.forms()[0]["fields"] if n not in ("remember", "decision")]
        pairs += [("scope", "write"), ("scope", "admin"), ("space", "*"),
                  ("space", "secret"), ("decision", "approve")]
        done = person._ask("POST", person.url, urllib.parse.urlencode(pairs))
        client.exchange(client.take(done.headers["Location"])["code"])
        self.assertEqual(client.tokens["scope"], "read")
        self.assertEqual(client.tool("memory_store", content=CONTENT).status, 403)
        for path in ("/mcp/secret", "/mcp/default", "/mcp/other"):
            self.assertIn(client.call("tools/list", path=path).status, (401, 403))
        self.assertTrue(self.is_good(client))

    def test_a_client_gets_no_scope_that_it_did_not_register(self):
        server = self.start()
        person, client = self.owner(server), self.registered(server, scope="read")
        page = person.get(client.authorize_url(scope="read write admin"))
        self.assertNotIn('value="admin"', page.body.decode())
        self.assertNotIn('value="write"', page.body.decode())
        client.exchange(client.take(person.post(decision="approve").went_to)["code"])
        self.assertEqual(client.tokens["scope"], "read")

    def test_pages_of_others_cannot_agree(self):
        server = self.start()
        person, client = self.owner(server), self.registered(server)
        url = client.authorize_url()
        page = person.get(url)
        for name, value in (("X-Frame-Options", "DENY"), ("Cache-Control", "no-store")):
            self.assertEqual(page.headers[name], value)
        policy = page.headers["Content-Security-Policy"]
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertIn("form-action 'self' http://localhost:3999;", policy)
        fields = {n: v for n, v, kind in person.forms()[0]["fields"] if kind == "hidden"}
        fields |= {"scope": "read", "space": "default", "decision": "approve"}
        cookies = "; ".join(f"{k}={v}" for k, v in person.cookies.items())
        honest = {**PROXIED, "Content-Type": FORM, "Cookie": cookies, "Sec-Fetch-Site": "same-origin",
                  "Origin": "null"}

        def send(method="POST", drop=(), body=None, query="", **headers):
            text = urllib.parse.urlencode({k: v for k, v in {**fields, **(body or {})}.items()
                                           if k not in drop})
            headers = {k: v for k, v in {**honest, **{k.replace("_", "-"): v for k, v in
                                                      headers.items()}}.items() if v is not None}
            return server.request(method, url + query, text if method == "POST" else None, headers)

        rows = [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
                {"Origin": "https://evil.example"}, {"Cookie": None}, {"drop": ["csrf"]},
                {"body": {"csrf": fields["csrf"][::-1]}}, {"method": "GET", "query": "&" +
                                                           urllib.parse.urlencode(fields)},
                {"Content_Type": "text/plain"}, {"Content_Type": "application/json"}]
        for row in rows:
            with self.subTest(row):
                reply = send(**row)
                self.assertNotIn("code=", reply.headers.get("Location", ""))
                self.assertIn(reply.status, (200, 303, 400, 403, 415))
        self.assertIn("code=", send().headers["Location"])

    def test_a_csrf_token_is_of_one_session(self):
        server = self.start()
        first, client = self.owner(server), self.registered(server)
        first.get(client.authorize_url())
        stolen = dict((n, v) for n, v, _ in first.forms()[0]["fields"])["csrf"]
        second = self.person(server)
        second.get("/login")
        second.post(name="ada", password=PASSWORD)
        second.get(client.authorize_url())
        self.assertEqual(second.post(decision="approve", csrf=stolen).status, 403)

    def test_a_session_begins_with_the_log_in(self):
        """An attacker who set the cookies before is not logged in with them afterwards."""
        server = self.start()
        self.owner(server)
        attacker, victim = self.person(server), self.person(server)
        attacker.get("/login")
        planted = {**attacker.cookies, "__Host-memoryd-session": "planted-0123456789abcdef0123456789"}
        victim.cookies = dict(planted)
        victim.get("/login")
        page = victim.post(name="ada", password=PASSWORD)
        self.assertIn("ada", page.body.decode())
        self.assertNotEqual(victim.cookies["__Host-memoryd-session"], planted["__Host-memoryd-session"])
        attacker.cookies = planted
        self.assertIn("Log in", attacker.get("/welcome").body.decode())
        again = self.person(server)
        again.cookies = dict(victim.cookies)
        again.get("/login")  # while logged in: another log-in, another session
        before = victim.cookies["__Host-memoryd-session"]
        fresh = self.person(server)
        fresh.get("/login")
        fresh.post(name="ada", password=PASSWORD)
        self.assertNotEqual(fresh.cookies["__Host-memoryd-session"], before)


NASTY = ["' OR '1'='1", "'; DROP TABLE account; --", '" OR ""="', "1) UNION SELECT name FROM account --",
         "%", "_", "\0", "x\r\nX-Evil: 1", "\u2028", "{{csrf}}", '"><script>x()</script>', "../../etc/passwd",
         "$(reboot)", "é" * 300]


class InjectionTest(Attack):
    def tables(self):
        db = sqlite3.connect(self.folder / "oauth.db")
        try:
            return {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
                    for t in ("account", "client", "session", "family", "access_token")}
        finally:
            db.close()

    def check(self, reply, what):
        self.assertLess(reply.status, 500, (what, reply.body))
        self.assertNotIn("X-Evil", reply.headers, what)
        for name, value in reply.pairs:
            self.assertNotRegex(value, r"[\r\n\0]", (what, name))
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            self.assertNotIn(b"<script", reply.body, what)
            self.assertNotIn(b"javascript:", reply.body.lower(), what)

    def test_no_parameter_of_the_endpoints_is_more_than_text(self):
        server = self.start(MCP_API_KEY=KEY)
        person = self.owner(server)
        client = self.connect(server, person)
        before = self.tables()
        token = {"grant_type": "authorization_code", "code": "x", "client_id":
                 client.registration["client_id"], "redirect_uri": client.redirect,
                 "code_verifier": "x" * 43, "resource": f"{ISSUER}/mcp", "client_secret": "x",
                 "refresh_token": "x", "scope": "read"}
        posts = [("/oauth/token", token), ("/oauth/token", {**token, "grant_type": "refresh_token"}),
                 ("/oauth/revoke", {"token": "x", "token_type_hint": "x", "client_id": "x"}),
                 ("/oauth/introspect", {"token": "x", "client_id": "x", "client_secret": "x"}),
                 ("/welcome", {"link": "x", "form_key": "x", "name": "x", "password": "x", "again": "x"}),
                 ("/logout", {"csrf": "x"})]
        address = dict(urllib.parse.parse_qsl(client.authorize_url().partition("?")[2]))
        for nasty in NASTY:
            for path, fields in posts:
                for name in fields:
                    body = urllib.parse.urlencode({**fields, name: nasty})
                    self.check(server.request("POST", path, body, {**PROXIED, "Content-Type": FORM}),
                               (path, name, nasty))
            for name in [*address, "prompt", "login_hint"]:
                query = urllib.parse.urlencode({**address, name: nasty})
                self.check(person._ask("GET", "/oauth/authorize?" + query), (name, nasty))
            self.check(person._ask("GET", "/welcome?" + urllib.parse.urlencode({"link": nasty})), nasty)
            for path in ("/mcp/", "/sse/", "/oauth/register/", "/.well-known/oauth-protected-resource/"):
                self.check(server.request("GET", path + urllib.parse.quote(nasty), headers=PROXIED),
                           (path, nasty))
            basic = base64.b64encode(f"{nasty}:{nasty}".encode()).decode()
            if nasty.isprintable() and nasty.isascii():
                for value in (f"Bearer {nasty}", f"Basic {basic}", nasty):
                    reply = server.request("POST", "/mcp", LIST, {
                        **PROXIED, "Content-Type": "application/json", "Authorization": value})
                    self.assertIn(reply.status, (400, 401))
        after = self.tables()
        self.assertEqual({**after, "client": 0}, {**before, "client": 0})
        self.assertTrue(self.is_good(client))

    def test_no_name_or_password_is_more_than_text(self):
        server = self.start()
        self.owner(server)
        for number, nasty in enumerate(NASTY):
            for fields in ({"name": nasty, "password": PASSWORD}, {"name": "ada", "password": nasty}):
                person = Person(server.request, {**PROXIED, "X-Forwarded-For": f"198.51.100.{number}"})
                person.get("/login")
                page = person.post(**fields)
                self.check(page, fields)
                self.assertIn(page.status, (400, 403, 429), fields)
                self.assertFalse(any("session" in name for name in person.cookies))

    def test_no_registered_text_is_more_than_text(self):
        server = self.start()
        person, client = self.owner(server), self.client(server)
        client.discover()
        for number, nasty in enumerate(NASTY):
            for name in ("client_name", "client_uri", "logo_uri", "software_id", "scope", "policy_uri"):
                body = {"redirect_uris": [client.redirect], "client_name": "x",
                        "token_endpoint_auth_method": "none", name: nasty}
                headers = {"X-Forwarded-For": f"198.51.100.{number}"}
                reply = client._json("POST", client.server["registration_endpoint"], json.dumps(body),
                                     **headers)
                self.check(reply, (name, nasty))
                if reply.status == 201:
                    client.registration = reply.json()
                    self.check(person._ask("GET", client.authorize_url()), (name, nasty))
        self.assertGreater(self.tables()["client"], 3)

    def test_redirects_cannot_be_scripts_on_a_page(self):
        server = self.start()
        person, client = self.owner(server), self.client(server)
        client.discover()
        redirect = "https://app.example/cb?q='onmouseover=x()&amp;y=1;base-uri"
        client.redirect = redirect
        client.register()
        page = person.get(client.authorize_url())
        self.assertEqual(page.status, 200)
        text = page.body.decode()
        self.assertNotIn(redirect, text)
        self.assertIn("q=&#39;onmouseover", text)
        policy = page.headers["Content-Security-Policy"]
        self.assertEqual(policy.count("base-uri"), 1)
        self.assertIn("form-action 'self' https://app.example;", policy)

    def test_forwarded_names_cannot_write_headers_or_challenges(self):
        server = self.start()
        for host in ('evil.example', 'memory.example"', 'memory.example, evil.example', "memory.example/x",
                     "memory.example@evil.example", "memory.example:99999", "memory.example x"):
            with self.subTest(host):
                headers = {**PROXIED, "X-Forwarded-Host": host, "Content-Type": "application/json"}
                reply = server.request("POST", "/mcp", LIST, headers)
                self.check(reply, host)
                challenge = reply.headers.get("WWW-Authenticate", "")
                self.assertIn(reply.status, (400, 401, 403))
                self.assertNotIn("@", challenge)
                self.assertNotRegex(challenge, r'"[^", ]*"[^", ]')


class GuessingTest(Attack):
    def guess(self, server, name, password, address):
        person = Person(server.request, {**PROXIED, "X-Forwarded-For": address})
        person.get("/login")
        page = person.post(name=name, password=password)
        return page, any("session" in c for c in person.cookies)

    def test_guesses_slow_down_from_however_many_addresses(self):
        server = self.start()
        self.owner(server)
        statuses = []
        while 429 not in statuses and len(statuses) < 40:
            page, _ = self.guess(server, "ada", "not the password", f"198.51.100.{len(statuses)}")
            statuses.append(page.status)
        self.assertEqual(statuses[:3], [403] * 3)
        self.assertEqual(statuses[-1], 429)
        page, is_in = self.guess(server, "ada", PASSWORD, "198.51.100.99")
        self.assertEqual((page.status, is_in), (429, False), "the right one would tell them apart")
        self.assertIn("Retry-After", page.headers)

    def test_a_name_that_does_not_exist_looks_like_one_that_does(self):
        server = self.start()
        self.owner(server)

        def seen(name, number):
            page, _ = self.guess(server, name, "not the password", f"198.51.100.{number}")
            text = page.body.decode().replace(name, "NAME")
            return page.status, re.sub(r'value="[0-9a-f]{32}"', "", text)

        for n in range(5):  # then they wait, and how long is a matter of time
            self.assertEqual(seen("ada", n), seen("bob", 100 + n), n)

    def test_keys_and_links_are_not_guessed(self):
        server = self.start(MCP_API_KEY=KEY)
        link = owner_link(server)
        person = self.person(server)
        for guess in (link[:-1], link + "A", link[:-1] + ("A" if link[-1] != "A" else "B"),
                      "/welcome?link=", "/welcome?link=%00"):
            with self.subTest(guess):
                page = person.get(guess)
                self.assertNotIn("Create account", page.body.decode())
        statuses = []
        for n in range(14):
            person.get("/login")
            statuses.append(person.post(which=1, api_key=f"{KEY}{n}").status)
        self.assertEqual(statuses[0], 403)
        self.assertIn(429, statuses)
        self.assertEqual(person.get(link).status, 200)

    def test_one_address_registers_only_so_many(self):
        server = self.start()
        client = self.client(server)
        client.discover()
        body = json.dumps({"redirect_uris": [client.redirect], "token_endpoint_auth_method": "none"})
        replies = [client._json("POST", client.server["registration_endpoint"], body) for _ in range(35)]
        self.assertEqual(replies[0].status, 201)
        self.assertEqual(replies[-1].status, 429)
        self.assertIn("Retry-After", replies[-1].headers)
        other = {"X-Forwarded-For": "198.51.100.1"}
        self.assertEqual(client._json("POST", client.server["registration_endpoint"], body,
                                      **other).status, 201)


class RebindingTest(Attack):
    PATHS = [("GET", "/.well-known/oauth-authorization-server"), ("GET", "/login"),
             ("GET", "/.well-known/oauth-protected-resource/mcp"), ("GET", "/oauth/authorize?client_id=x"),
             ("POST", "/mcp"), ("POST", "/oauth/register"), ("GET", "/sse"), ("POST", "/messages/")]

    def ask(self, server, method, path, **headers):
        body = LIST if method == "POST" else None
        return server.request(method, path, body, {"Content-Type": "application/json", **headers})

    def test_names_of_others_reach_nothing(self):
        server = self.start(MCP_OAUTH_ISSUER=ISSUER)
        for method, path in self.PATHS:
            for host in ("evil.example", f"{HOST}.evil.example", f"localhost.evil.example:{server.port}",
                         "127.0.0.1.nip.example", f"{HOST}@evil.example", "evil.example#localhost"):
                with self.subTest(path=path, host=host):
                    self.assertIn(self.ask(server, method, path, Host=host).status, (400, 403))
            reply = server.request(method, path, LIST if method == "POST" else None,
                                   {**PROXIED, "X-Forwarded-Host": "evil.example",
                                    "Content-Type": "application/json"})
            self.assertEqual(reply.status, 403, path)
        self.assertEqual(self.ask(server, "GET", "/login", Host=HOST).status, 200)

    def test_pages_of_others_call_nothing(self):
        server = self.start(MCP_OAUTH_ISSUER=ISSUER)
        for origin in ("https://evil.example", f"{ISSUER}.evil.example", f"http://{HOST}",
                       f"https://evil.example:{server.port}", "file://"):
            for host in (HOST, f"127.0.0.1:{server.port}"):
                with self.subTest(origin=origin, host=host):
                    reply = self.ask(server, "POST", "/mcp", Origin=origin, Host=host)
                    self.assertEqual(reply.status, 403)
                    self.assertNotIn("Access-Control-Allow-Origin", reply.headers)
                    page = self.ask(server, "GET", "/login", Origin=origin, Host=host)
                    self.assertNotIn("Access-Control-Allow-Origin", page.headers)
                    self.assertNotIn("Access-Control-Allow-Credentials", page.headers)


class FetchTest(Attack):
    """Addresses of this machine only: were one of them fetched, the listener would know."""

    def test_documents_of_clients_are_not_fetched_from_inside(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        server = self.start()
        person, client = self.owner(server), self.registered(server)
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1",
                     "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]"):
            for scheme in ("https", "http"):
                with self.subTest(host=host, scheme=scheme):
                    url = f"{scheme}://{host}:{port}/client.json"
                    page = person.get(client.authorize_url(client_id=url))
                    self.assertIn(page.status, (400, 503))
                    self.assertNotIn("Location", page.headers)
                    self.assertNotIn("refused", page.body.decode())
        with self.assertRaises(TimeoutError):
            listener.accept()

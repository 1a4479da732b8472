"""What a broken or hostile client sends: each gets a clear error, the process lives, nothing is lost.

One table serves both ways in. A row says what goes over the line and what comes back; over HTTP there
is a status as well, and rows about headers exist there only. The rows of the modern era carry its
headers and its _meta.

SPDX-License-Identifier: Apache-2.0
"""
import json

from harness import DECISION, META, MODERN, Case, Stdio, smoke

PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
NOT_FOUND, HEADER, VERSION = -32002, -32020, -32022


def call(name="memory_store", _id=1, **arguments):
    return {"jsonrpc": "2.0", "id": _id, "method": "tools/call",
            "params": {"name": name, "arguments": arguments}}


def request(method, params=None, _id=1):
    message = {"jsonrpc": "2.0", "id": _id, "method": method}
    if params is not None:
        message["params"] = params
    return message


def nested(depth):
    return b"[" * depth + b"]" * depth


def in_call(content_bytes):
    """A store whose content is these raw bytes between the quotes."""
    return (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"memory_store",'
            b'"arguments":{"content":"' + content_bytes + b'"}}}')


# name, what is sent, code, HTTP status, has the reply the id 1 (None: either way)
MESSAGES = [
    ("no JSON", b"hello", PARSE, 400, False),
    ("half a message", b'{"jsonrpc":"2.0","id":1,', PARSE, 400, False),
    ("two messages", b'{"jsonrpc":"2.0","id":1,"method":"ping"} {}', PARSE, 400, False),
    ("a duplicate member", b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', PARSE, 400, False),
    ("a byte that is no UTF-8", in_call(b"caf\xe9"), PARSE, 400, False),
    ("an overlong encoding", in_call(b"\xc0\xaf"), PARSE, 400, False),
    ("a surrogate in UTF-8", in_call(b"\xed\xa0\x80"), PARSE, 400, False),
    ("a cut character", in_call(b"\xe2\x82"), PARSE, 400, False),
    ("a raw NUL", in_call(b"a\x00b"), PARSE, 400, False),
    ("deep arrays", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + nested(10000) +
     b"}}", PARSE, 400, False),
    ("deep objects", b'{"a":' * 5000 + b"1" + b"}" * 5000, PARSE, 400, False),
    ("a string", b'"ping"', REQUEST, 400, False),
    ("a number", b"1", REQUEST, 400, False),
    ("null", b"null", REQUEST, 400, False),
    ("an empty object", b"{}", REQUEST, 400, False),
    ("no jsonrpc", {"id": 1, "method": "ping"}, REQUEST, 400, None),
    ("another jsonrpc", {"jsonrpc": "1.0", "id": 1, "method": "ping"}, REQUEST, 400, None),
    ("method is a number", {"jsonrpc": "2.0", "id": 1, "method": 5}, REQUEST, 400, None),
    ("id is null", {"jsonrpc": "2.0", "id": None, "method": "ping"}, REQUEST, 400, False),
    ("id is a fraction", {"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, REQUEST, 400, False),
    ("id is a boolean", {"jsonrpc": "2.0", "id": True, "method": "ping"}, REQUEST, 400, False),
    ("id is an object", {"jsonrpc": "2.0", "id": {}, "method": "ping"}, REQUEST, 400, False),
    ("result and error", {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}, REQUEST, 400, None),
    ("an empty array", b"[]", REQUEST, 400, False),
    ("initialize in an array", [request("initialize", {})], REQUEST, 400, False),
    ("params is an array", request("tools/list", []), PARAMS, 200, True),
    ("params is a string", request("tools/list", "x"), PARAMS, 200, True),
    ("unknown method", request("no/such/method"), METHOD, 200, True),
    ("unknown tool", call("no_such_tool"), PARAMS, 200, True),
    ("no tool name", request("tools/call", {"arguments": {}}), PARAMS, 200, True),
    ("arguments is a string", request("tools/call", {"name": "memory_stats", "arguments": "x"}),
     PARAMS, 200, True),
    ("unknown resource", request("resources/read", {"uri": "memory://nothing"}), NOT_FOUND, 200,
     True),
    ("uri is a number", request("resources/read", {"uri": 5}), PARAMS, 200, True),
    ("unknown prompt", request("prompts/get", {"name": "no_such_prompt"}), PARAMS, 200, True),
    ("bad cursor", request("tools/list", {"cursor": "!!!"}), PARAMS, 200, True),
    ("bad log level", request("logging/setLevel", {"level": "loud"}), PARAMS, 200, True),
]

# arguments, and a word that the error must hold
ARGUMENTS = [
    ("content is missing", "memory_store", {}, "content"),
    ("content is a number", "memory_store", {"content": 5}, "content"),
    ("content is an array", "memory_store", {"content": ["a"]}, "content"),
    ("content is empty", "memory_store", {"content": ""}, "content"),
    ("content is blank", "memory_store", {"content": " \n\t "}, "content"),
    ("content holds NUL", "memory_store", {"content": "a\0b"}, "content"),
    ("tags are numbers", "memory_store", {"content": "x", "tags": [1, 2]}, "tags"),
    ("tags are an object", "memory_store", {"content": "x", "tags": {}}, "tags"),
    ("10,000 tags", "memory_store", {"content": "x", "tags": [f"t{i}" for i in range(10000)]},
     "tags"),
    ("metadata is a string", "memory_store", {"content": "x", "metadata": "y"}, "metadata"),
    ("limit is a string", "memory_search", {"query": "x", "limit": "many"}, "limit"),
    ("limit is negative", "memory_search", {"query": "x", "limit": -1}, "limit"),
    ("limit is too large", "memory_search", {"query": "x", "limit": 100000}, "limit"),
    ("mode is unknown", "memory_search", {"query": "x", "mode": "psychic"}, "mode"),
    ("a date that is none", "memory_search", {"query": "x", "after": "soon"}, "after"),
    ("a time that is none", "memory_search", {"time_expr": "when pigs fly"}, "time"),
    ("a hash that is none", "memory_delete", {"content_hash": "zzz"}, "zzz"),
    ("a hash that nobody has", "memory_delete", {"content_hash": "0" * 64}, None),
    ("delete without a filter", "memory_delete", {}, None),
    ("update of nothing", "memory_update", {"content_hash": "0" * 64, "updates": {}}, None),
    ("update without a hash", "memory_update", {"updates": {"tags": ["a"]}}, "content_hash"),
    ("page is zero", "memory_list", {"page": 0}, "page"),
    ("threshold out of range", "memory_cleanup", {"threshold": 7}, "threshold"),
]


class Checks:
    """What both ways in have in common."""

    def check_message(self, reply, code, has_id):
        self.assertEqual(reply["error"]["code"], code, reply)
        self.assertTrue(reply["error"]["message"])
        self.assertLess(len(reply["error"]["message"]), 1000)
        if has_id is True:
            self.assertEqual(reply["id"], 1)
        if has_id is False:
            self.assertNotIn("id", reply)

    def check_arguments(self, result, word):
        self.assertTrue(result.get("isError"), str(result)[:500])
        text = result["content"][0]["text"]
        self.assertRegex(text, "^(Error|Input validation error): ")
        self.assertNotIn("\n", text.strip())
        self.assertLess(len(text), 1000)
        if word:
            self.assertIn(word, text)


class OverHttp(Checks, Case):
    def setUp(self):
        super().setUp()
        self.s = self.server()
        self.s.store(DECISION)

    def tearDown(self):
        self.assertTrue(self.s.is_alive(), self.s.log.text())
        self.assertEqual(self.s.search(DECISION)[0], DECISION)
        self.assertEqual(self.s.total(), 1)

    @smoke
    def test_messages(self):
        for name, body, code, status, has_id in MESSAGES:
            with self.subTest(name):
                reply = self.s.post(body)
                self.assertEqual(reply.status, status, reply.body[:300])
                self.check_message(reply.json(), code, has_id)

    @smoke
    def test_arguments(self):
        for name, tool, arguments, word in ARGUMENTS:
            with self.subTest(name):
                self.check_arguments(self.s.tool(tool, **arguments), word)

    def test_an_empty_body(self):
        reply = self.s.post(b"")
        self.assertEqual(reply.status, 400)
        self.check_message(reply.json(), PARSE, False)

    @smoke
    def test_ten_megabytes(self):
        reply = self.s.post(call(content="x" * 10_000_000))
        self.assertEqual(reply.status, 413)

    def test_ten_megabytes_without_a_length(self):
        def chunks():
            for _ in range(160):
                yield b"x" * 65536
        try:
            status = self.s.request("POST", "/mcp", chunks(),
                                    {"Content-Type": "application/json"}).status
        except (BrokenPipeError, ConnectionResetError):
            return  # refused while it was still sending
        self.assertEqual(status, 413)

    def test_a_long_header_and_a_long_path(self):
        try:
            self.assertIn(self.s.post(request("ping"), X_Long="x" * 200000).status, (400, 413, 431))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while it was still sending
        try:
            self.assertIn(self.s.request("GET", "/" + "x" * 200000).status,
                          (400, 404, 413, 414, 431))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(self.s.post(request("ping")).status, 200)

    def test_batches_only_where_they_exist(self):
        batch = [request("ping"), request("tools/list", _id=2)]
        replies = self.s.post(batch)
        self.assertEqual(replies.status, 200)
        self.assertEqual({r["id"] for r in replies.json()}, {1, 2})
        for version in ("2025-06-18", "2025-11-25", MODERN):
            with self.subTest(version):
                reply = self.s.post(batch, MCP_Protocol_Version=version)
                self.assertEqual(reply.status, 400)
                self.assertEqual(reply.json()["error"]["code"], REQUEST)
        self.assertEqual(self.s.post([request("ping", _id=i) for i in range(101)]).status, 400)

    def test_notifications_and_answers_to_nothing(self):
        for body in ({"jsonrpc": "2.0", "method": "notifications/unheard-of"},
                     {"jsonrpc": "2.0", "id": 99, "result": {}}):
            with self.subTest(body):
                reply = self.s.post(body)
                self.assertEqual((reply.status, reply.body), (202, b""))

    def test_sessions(self):
        for method, headers, status in (
                ("GET", {"Accept": "text/event-stream"}, 405),
                ("GET", {"Accept": "text/event-stream", "Mcp-Session-Id": "nobody"}, 404),
                ("DELETE", {}, 400),
                ("DELETE", {"Mcp-Session-Id": "nobody"}, 404)):
            with self.subTest(method=method, headers=headers):
                self.assertEqual(self.s.request(method, "/mcp", headers=headers).status, status)
        self.assertEqual(self.s.post(request("ping"), Mcp_Session_Id="nobody").status, 404)

    def test_headers_that_are_no_text(self):
        for name in ("MCP_Protocol_Version", "Mcp_Session_Id", "Mcp_Method", "Mcp_Name", "Last_Event_ID"):
            with self.subTest(name=name):
                reply = self.s.post(request("tools/list"), **{name: "\xff\x01\xfe"})
                self.assertEqual(reply.status, 400)
        self.assertTrue(self.s.is_alive())

    def test_versions(self):
        reply = self.s.post(request("tools/list"), MCP_Protocol_Version="1999-01-01")
        self.assertEqual((reply.status, reply.json()["error"]["code"]), (400, VERSION))
        self.assertEqual(reply.json()["error"]["data"]["requested"], "1999-01-01")

    def test_an_id_comes_back_exactly(self):
        for value in (0, -5, 9007199254740991, "", "a\"b", "\u00e9"):
            with self.subTest(value):
                self.assertEqual(self.s.post(request("ping", _id=value)).json()["id"], value)
        reply = self.s.post(b'{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}')
        self.assertIn(reply.json().get("id"), (9007199254740993, None))

    def test_modern(self):
        """name, method, params, headers to change, status, code"""
        meta = {"_meta": META}
        claim = "io.modelcontextprotocol/protocolVersion"
        other = {"_meta": {**META, claim: "v999.0.0"}}
        legacy = {"_meta": {**META, claim: "2025-11-25"}}
        bare = {k: v for k, v in META.items() if not k.endswith("clientCapabilities")}
        rows = [
            ("no _meta", "tools/list", {}, {}, 400, PARAMS),
            ("no capabilities", "tools/list", {"_meta": bare}, {}, 400, PARAMS),
            ("_meta is a string", "tools/list", {"_meta": "x"}, {}, 400, PARAMS),
            ("no version header", "tools/list", meta, {"MCP-Protocol-Version": None}, 400, HEADER),
            ("claim and header differ", "tools/list", other, {}, 400, HEADER),
            ("unknown version", "tools/list", other, {"MCP-Protocol-Version": "v999.0.0"}, 400,
             VERSION),
            ("claim of a legacy version", "tools/list", legacy,
             {"MCP-Protocol-Version": "2025-11-25"}, 400, VERSION),
            ("no Mcp-Method", "tools/list", meta, {"Mcp-Method": None}, 400, HEADER),
            ("another Mcp-Method", "tools/list", meta, {"Mcp-Method": "ping"}, 400, HEADER),
            ("no Mcp-Name", "tools/call", {**meta, "name": "memory_stats"}, {}, 400, HEADER),
            ("another Mcp-Name", "tools/call", {**meta, "name": "memory_stats"},
             {"Mcp-Name": "memory_list"}, 400, HEADER),
            ("unknown method", "no/such", meta, {}, 404, METHOD),
            ("initialize", "initialize", meta, {}, 404, METHOD),
            ("ping", "ping", meta, {}, 404, METHOD),
            ("unknown tool", "tools/call", {**meta, "name": "nothing"}, {"Mcp-Name": "nothing"},
             200, PARAMS),
            ("unknown resource", "resources/read", {**meta, "uri": "memory://nothing"},
             {"Mcp-Name": "memory://nothing"}, 200, PARAMS),
            ("bad cursor", "tools/list", {**meta, "cursor": "!!!"}, {}, 200, PARAMS),
        ]
        for name, method, params, change, status, code in rows:
            with self.subTest(name):
                headers = {"Content-Type": "application/json", "MCP-Protocol-Version": MODERN,
                           "Mcp-Method": method, **change}
                reply = self.s.request(
                    "POST", "/mcp", json.dumps(request(method, params)),
                    {k: v for k, v in headers.items() if v is not None})
                self.assertEqual(reply.status, status, reply.body[:300])
                self.check_message(reply.json(), code, True)


class OverStdio(Checks, Case):
    def setUp(self):
        super().setUp()
        self.s = Stdio(self.folder)
        self.addCleanup(self.s.process.kill)
        self.s.initialize()
        self.s.tool("memory_store", content=DECISION)

    def tearDown(self):
        hits = self.s.tool("memory_search", query=DECISION)["structuredContent"]["memories"]
        self.assertEqual([h["content"] for h in hits], [DECISION])
        self.assertEqual(self.s.close(), 0)

    @smoke
    def test_messages(self):
        for name, body, code, _, has_id in MESSAGES:
            with self.subTest(name):
                self.s.send(body)
                self.check_message(self.s.receive(), code, has_id)

    def test_arguments(self):
        for name, tool, arguments, word in ARGUMENTS:
            with self.subTest(name):
                self.check_arguments(self.s.tool(tool, **arguments), word)

    @smoke
    def test_ten_megabytes_on_one_line(self):
        self.s.send(call(content="x" * 10_000_000))
        self.check_message(self.s.receive(), REQUEST, False)

    def test_arrays_are_of_another_version(self):
        self.s.send([request("ping")])
        self.check_message(self.s.receive(), REQUEST, False)

    def test_noise_between_messages(self):
        self.s.send(bytes(range(1, 10)) + bytes(range(11, 256)))
        self.check_message(self.s.receive(), PARSE, False)
        self.assertEqual(self.s.rpc("ping")["result"], {})

    def test_modern(self):
        claim = "io.modelcontextprotocol/protocolVersion"
        for name, params, method, code in (
                ("no capabilities", {"_meta": {claim: MODERN}}, "tools/list", PARAMS),
                ("unknown version", {"_meta": {**META, claim: "v999.0.0"}}, "tools/list", VERSION),
                ("ping", {"_meta": META}, "ping", METHOD),
                ("unknown tool", {"_meta": META, "name": "nothing"}, "tools/call", PARAMS)):
            with self.subTest(name):
                reply = self.s.rpc(method, params)
                self.assertEqual(reply["error"]["code"], code, reply)

"""Event streams as a plain client sees them: HTTP+SSE, resuming, keep-alives, ends.

SPDX-License-Identifier: Apache-2.0
"""
import http.client
import json

from harness import DEADLINE_S, DECISION, META, MODERN, QUESTION, Case, smoke, wait_until

JSON = {"Content-Type": "application/json"}
OLD_NAME = {"name": "retrieve_memory", "arguments": {"query": "x"}}  # the log tells of its call


def message(method, params=None, id=1):
    whole = {"jsonrpc": "2.0", "method": method}
    if id is not None:
        whole["id"] = id
    if params is not None:
        whole["params"] = params
    return whole


def initialize(version):
    return message("initialize", {"protocolVersion": version, "capabilities": {},
                                  "clientInfo": {"name": "e2e", "version": "1"}})


class Stream:
    """A response that goes on: events of type, id and data."""

    def __init__(self, server, method, path, headers, body=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        self.connection.request(method, path, body, {"Accept": "text/event-stream", **headers})
        self.reply = self.connection.getresponse()
        self.status = self.reply.status

    def block(self):
        """The lines up to the next empty one; None at the end."""
        lines = []
        while (line := self.reply.readline()) not in (b"", b"\n"):
            lines.append(line.decode().rstrip("\n"))
        return lines if line else None

    def event(self):
        """The next event as a dictionary of its fields; None at the end."""
        while (lines := self.block()) is not None:
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if fields:
                return fields
        return None

    def message(self):
        while (event := self.event()) is not None:
            if event.get("data", "").startswith("{"):
                return json.loads(event["data"])
        return None

    def close(self):
        self.connection.close()
        self.reply.close()


class Sse(Stream):
    """An HTTP+SSE stream and the posts to it."""

    def __init__(self, server, path="/sse"):
        super().__init__(server, "GET", path, {})
        assert self.status == 200
        first = self.event()
        assert first["event"] == "endpoint", first
        self.server, self.endpoint = server, first["data"]

    def post(self, body, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.request("POST", self.endpoint, body, {**JSON, **headers})

    def ask(self, method, params=None, id=1):
        reply = self.post(message(method, params, id))
        assert (reply.status, reply.body) == (202, b"Accepted"), (reply.status, reply.body)
        return self.message()

    def tool(self, name, **arguments):
        result = self.ask("tools/call", {"name": name, "arguments": arguments})["result"]
        assert not result.get("isError"), result
        return result["structuredContent"]


class OlderTransport(Case):
    def setUp(self):
        super().setUp()
        self.s = self.server()

    def open(self, path="/sse"):
        stream = Sse(self.s, path)
        self.addCleanup(stream.close)
        return stream

    @smoke
    def test_a_conversation(self):
        stream = self.open()
        self.assertEqual(stream.reply.headers["Content-Type"].split(";")[0], "text/event-stream")
        self.assertEqual(stream.reply.headers["X-Accel-Buffering"], "no")
        self.assertIn("no-store", stream.reply.headers["Cache-Control"])
        self.assertRegex(stream.endpoint, r"^/messages/\?session_id=[0-9a-f]{32}$")
        self.assertEqual(stream.post(initialize("2024-11-05")).status, 202)
        self.assertEqual(stream.message()["result"]["protocolVersion"], "2024-11-05")
        self.assertEqual(stream.post(message("notifications/initialized", id=None)).status, 202)
        self.assertEqual(len(stream.ask("tools/list")["result"]["tools"]), 8)
        stream.tool("memory_store", content=DECISION)
        found = stream.tool("memory_search", query=QUESTION)["memories"]
        self.assertEqual([m["content"] for m in found], [DECISION])
        self.assertEqual(stream.ask("ping", id="p"), {"jsonrpc": "2.0", "id": "p", "result": {}})

    def test_who_waits_for_no_answer_is_served_in_order(self):
        """A change ran beside what was posted after it."""
        stream = self.open()
        stream.ask("initialize", initialize("2024-11-05")["params"])
        for i in range(20):
            call = message("tools/call", {"name": "memory_store", "arguments": {"content": f"fact {i}"}}, 2 * i)
            count = message("tools/call", {"name": "memory_list", "arguments": {}}, 2 * i + 1)
            for each in (call, count):
                self.assertEqual(stream.post(each).status, 202)
            answers = [stream.message(), stream.message()]
            self.assertEqual([a["id"] for a in answers], [2 * i, 2 * i + 1])
            self.assertEqual(answers[1]["result"]["structuredContent"]["total"], i + 1)

    def test_log_messages_come_as_notifications(self):
        stream = self.open()
        self.assertEqual(stream.ask("logging/setLevel", {"level": "warning"})["result"], {})
        told = stream.ask("tools/call", OLD_NAME)
        self.assertEqual(told["method"], "notifications/message")
        self.assertIn("content", stream.message()["result"])

    def test_streams_hear_only_what_is_theirs(self):
        one, two = self.open(), self.open()
        self.assertNotEqual(one.endpoint, two.endpoint)
        for i in range(5):
            for stream, name in ((one, f"one {i}"), (two, f"two {i}")):
                self.assertEqual(stream.ask("ping", id=name)["id"], name)
        one.close()
        wait_until(lambda: one.post(message("ping")).status == 404, "the end of a closed stream")
        self.assertEqual(two.ask("ping", id="still here")["id"], "still here")

    def test_a_space_has_streams_of_its_own(self):
        work, default = self.open("/sse/w%C3%B6rk"), self.open()
        self.assertRegex(work.endpoint, r"^/messages/w%C3%B6rk\?session_id=[0-9a-f]{32}$")
        work.tool("memory_store", content=DECISION)
        self.assertEqual(work.tool("memory_list")["total"], 1)
        self.assertEqual(default.tool("memory_list")["total"], 0)
        query = work.endpoint.split("?")[1]
        reply = self.s.request("POST", f"/messages/?{query}", json.dumps(message("ping")), JSON)
        self.assertEqual(reply.status, 404)

    def test_what_is_refused_where_it_is_posted(self):
        stream = self.open()
        ping = json.dumps(message("ping")).encode()
        session = stream.endpoint.split("=")[1]
        for path, body, status in (("/messages/", ping, 400), ("/messages", ping, 400),
                                   ("/messages/?session_id=" + "0" * 32, ping, 404),
                                   ("/messages/?sessionId=", ping, 404),
                                   ("/messages?sessionId=" + session, ping, 202),
                                   (stream.endpoint, b"{", 400), (stream.endpoint, b"", 400),
                                   (stream.endpoint, b"[" + ping + b"]", 400)):
            with self.subTest(path=path, body=body):
                self.assertEqual(self.s.request("POST", path, body, JSON).status, status)
        self.assertEqual(self.s.request("POST", stream.endpoint, ping).status, 415)
        self.assertEqual(stream.post(message("ping"), Origin="http://evil.example").status, 403)
        self.assertEqual(stream.post(message("ping"), Host="evil.example").status, 403)
        self.assertEqual(stream.post(message("ping"), **{"X-Forwarded-For": "192.0.2.1"}).status, 403)
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"},
                        {"Forwarded": "for=192.0.2.1"}):
            self.assertEqual(self.s.request("GET", "/sse", headers=headers).status, 403)
        posted = self.s.request("POST", "/sse", ping, JSON)
        self.assertEqual((posted.status, posted.headers["Allow"]), (405, "GET"))
        self.assertEqual(stream.message()["result"], {})  # of the one that was accepted

    def test_the_modern_era_is_refused(self):
        stream = self.open()
        answer = stream.ask("server/discover", {"_meta": META}, id="probe")
        self.assertEqual((answer["id"], answer["error"]["code"]), ("probe", -32600))
        self.assertEqual(stream.post(initialize("2025-11-25")).status, 202)
        self.assertEqual(stream.message()["result"]["protocolVersion"], "2025-11-25")

    def test_a_client_behind_a_prefix_finds_its_way(self):
        self.s.stop()
        self.s = self.server(MEMORYD_PATH_PREFIX="/memory/")
        self.assertRegex(self.open().endpoint, r"^/memory/messages/\?session_id=")

    @smoke
    def test_the_end_of_the_server_is_the_end_of_the_stream(self):
        stream = self.open()
        self.assertEqual(stream.ask("ping")["result"], {})
        self.s.process.terminate()
        self.assertIsNone(stream.event())
        self.assertEqual(self.s.stop(), 0)


class Resuming(Case):
    """Of Streamable HTTP."""

    def setUp(self):
        super().setUp()
        self.s = self.server()

    def session(self, version="2025-11-25"):
        reply = self.s.post(initialize(version))
        headers = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"]}
        self.s.post(message("notifications/initialized", id=None), **headers)
        return headers

    def stream(self, method, headers, body=None):
        stream = Stream(self.s, method, "/mcp", headers, body)
        self.addCleanup(stream.close)
        return stream

    def test_an_answer_can_be_fetched_again(self):
        session = self.session()
        stream = self.stream("POST", {**JSON, **session, "Accept": "application/json, text/event-stream"},
                             json.dumps(message("tools/call", OLD_NAME)))
        primed, told, answer = stream.event(), stream.event(), stream.event()
        self.assertIsNone(stream.event())
        self.assertNotIn("event", primed)
        self.assertEqual(json.loads(told["data"])["method"], "notifications/message")
        for last, rest in ((primed, [told, answer]), (told, [answer]), (answer, [])):
            with self.subTest(last["id"]):
                again = self.stream("GET", {**session, "Last-Event-ID": last["id"]})
                self.assertEqual(again.status, 200)
                self.assertEqual([again.event() for _ in rest], rest)
                self.assertIsNone(again.event())
        foreign = self.stream("GET", {**self.session(), "Last-Event-ID": told["id"]})
        self.assertEqual(foreign.status, 400)

    def test_older_revisions_get_no_event_without_a_message(self):
        for version in ("2025-03-26", "2025-06-18"):
            stream = self.stream("POST", {**JSON, **self.session(version)},
                                 json.dumps(message("tools/call", OLD_NAME)))
            self.assertEqual(json.loads(stream.event()["data"])["method"], "notifications/message")

    def test_quiet_streams_are_kept_alive(self):
        """Of all three kinds, before a proxy loses its patience."""
        listen = message("subscriptions/listen", {"_meta": META,
                                                  "notifications": {"toolsListChanged": True}})
        streams = {
            "session": self.stream("GET", self.session("2025-06-18")),
            "listener": self.stream("POST", {**JSON, "MCP-Protocol-Version": MODERN,
                                             "Mcp-Method": "subscriptions/listen"}, json.dumps(listen)),
            "older transport": Sse(self.s),
        }
        self.addCleanup(streams["older transport"].close)
        self.assertIsNotNone(streams["listener"].event())
        for name, stream in streams.items():
            with self.subTest(name):
                self.assertEqual(stream.block(), [": keep-alive"])

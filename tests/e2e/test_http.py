"""The server over HTTP, as a plain client sees it.

SPDX-License-Identifier: Apache-2.0
"""
import json
import socket
import threading

from harness import DECISION, META, MODERN, OTHERS, QUESTION, Case, smoke

TOOLS = {"memory_store", "memory_search", "memory_list", "memory_delete", "memory_update",
         "memory_stats", "memory_health", "memory_cleanup"}
HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}


class Basics(Case):
    def setUp(self):
        super().setUp()
        self.s = self.server()

    @smoke
    def test_health_says_healthy_and_nothing_else(self):
        reply = self.s.request("GET", "/api/health")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json(), {"status": "healthy"})

    @smoke
    def test_finds_a_memory_by_its_meaning(self):
        for text in [*OTHERS, DECISION]:
            self.s.store(text)
        self.assertEqual(self.s.search(QUESTION)[0], DECISION)

    def test_bare_tools_list(self):
        reply = self.s.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["Content-Type"].split(";")[0], "application/json")
        tools = reply.json()["result"]["tools"]
        self.assertEqual({t["name"] for t in tools}, TOOLS)
        self.assertLess(len(reply.body), 12 * 1024)
        for tool in tools:
            with self.subTest(tool=tool["name"]):
                self.assertTrue(tool["title"] and tool["description"])
                self.assertEqual(set(tool["annotations"]) & HINTS, HINTS)
                self.assertEqual(tool["inputSchema"]["type"], "object")
                self.assertEqual(tool["outputSchema"]["type"], "object")
                self.assertLess(len(json.dumps(tool["inputSchema"])), 16384)

    def test_every_result_has_text_and_structure(self):
        self.s.store(DECISION)
        calls = {"memory_search": {"query": QUESTION}, "memory_list": {}, "memory_stats": {},
                 "memory_health": {}, "memory_cleanup": {}}
        for name, arguments in calls.items():
            with self.subTest(tool=name):
                result = self.s.tool(name, **arguments)
                self.assertFalse(result.get("isError"), result)
                self.assertEqual(result["content"][0]["type"], "text")
                self.assertTrue(result["content"][0]["text"])
                self.assertIsInstance(result["structuredContent"], dict)

    def test_a_hit_says_why_it_was_found(self):
        self.s.store(DECISION)
        hit = self.s.tool("memory_search", query=QUESTION)["structuredContent"]["memories"][0]
        self.assertGreater(hit["score_parts"]["cosine"], 0.3)
        self.assertIn(hit["via"], ("semantic", "both"))
        self.assertTrue(0 < hit["score"] <= 1)

    def test_old_names_answer_and_are_not_listed(self):
        result = self.s.tool("store_memory", content=DECISION)
        self.assertFalse(result.get("isError"), result)
        result = self.s.tool("retrieve_memory", query=QUESTION)
        self.assertIn(DECISION, result["content"][0]["text"])

    def test_resources_and_prompts(self):
        self.s.store(DECISION, tags=["db"])
        listed = self.s.rpc("resources/list")["result"]["resources"]
        self.assertIn("memory://stats", [r["uri"] for r in listed])
        for uri in ("memory://stats", "memory://tags", "memory://tag/db", "memory://recent/5"):
            with self.subTest(uri=uri):
                contents = self.s.rpc("resources/read", {"uri": uri})["result"]["contents"]
                self.assertEqual(contents[0]["mimeType"], "application/json")
                json.loads(contents[0]["text"])
        prompts = self.s.rpc("prompts/list")["result"]["prompts"]
        self.assertIn("memory_review", [p["name"] for p in prompts])

    def test_a_session_lives_until_it_is_deleted(self):
        reply = self.s.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "e2e", "version": "1"}}})
        session = reply.headers["Mcp-Session-Id"]
        self.assertEqual(reply.json()["result"]["protocolVersion"], "2025-11-25")
        done = self.s.post({"jsonrpc": "2.0", "method": "notifications/initialized"},
                           Mcp_Session_Id=session)
        self.assertEqual((done.status, done.body), (202, b""))
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        self.assertEqual(self.s.post(ping, Mcp_Session_Id=session).json()["result"], {})
        end = self.s.request("DELETE", "/mcp", headers={"Mcp-Session-Id": session})
        self.assertIn(end.status, (200, 204))
        self.assertEqual(self.s.post(ping, Mcp_Session_Id=session).status, 404)

    def test_the_modern_era_without_a_session(self):
        reply = self.s.post(
            {"jsonrpc": "2.0", "id": "a", "method": "server/discover", "params": {"_meta": META}},
            MCP_Protocol_Version=MODERN, Mcp_Method="server/discover")
        result = reply.json()["result"]
        self.assertEqual(result["resultType"], "complete")
        self.assertIn(MODERN, result["supportedVersions"])
        self.assertNotIn("Mcp-Session-Id", reply.headers)

    def test_an_answer_as_a_stream_if_nothing_else_is_accepted(self):
        reply = self.s.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                            Accept="text/event-stream")
        self.assertEqual(reply.headers["Content-Type"].split(";")[0], "text/event-stream")
        data = [line[5:] for line in reply.body.splitlines() if line.startswith(b"data:")]
        self.assertIn("tools", json.loads(data[-1])["result"])


class Gates(Case):
    def setUp(self):
        super().setUp()
        self.s = self.server()
        self.list = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    def test_pages_of_other_sites_are_kept_out(self):
        for origin in ("http://evil.example.com", "null", "http://127.0.0.1.evil.example.com"):
            with self.subTest(origin=origin):
                self.assertEqual(self.s.post(self.list, Origin=origin).status, 403)
        own = f"http://127.0.0.1:{self.s.port}"
        self.assertEqual(self.s.post(self.list, Origin=own).status, 200)

    def test_pages_of_claude_may_read_the_answers(self):
        for origin in ("https://claude.ai", "https://claude.com", "http://localhost:6274"):
            with self.subTest(origin=origin):
                ask = self.s.request("OPTIONS", "/mcp", headers={
                    "Origin": origin, "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type"})
                answer = self.s.post(self.list, Origin=origin)
                self.assertEqual((ask.status, answer.status), (204, 200))
                allowed = {h.strip() for h in
                           ask.headers["Access-Control-Allow-Headers"].lower().split(",")}
                self.assertLessEqual({
                    "content-type", "accept", "authorization", "mcp-session-id",
                    "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id",
                    "x-api-key"}, allowed)
                self.assertIn("DELETE", ask.headers["Access-Control-Allow-Methods"])
                for reply in (ask, answer):
                    self.assertEqual(reply.headers["Access-Control-Allow-Origin"], origin)
                    self.assertEqual(reply.headers["Vary"], "Origin")
                self.assertEqual(answer.headers["Access-Control-Expose-Headers"],
                                 "Mcp-Session-Id, WWW-Authenticate, Retry-After")

    def test_names_that_are_not_this_machine_are_refused(self):
        self.assertEqual(self.s.post(self.list, Host="evil.example.com").status, 403)
        self.assertEqual(self.s.post(self.list, Host="localhost").status, 200)

    def test_methods_and_paths(self):
        self.assertEqual(self.s.request("GET", "/nothing-here").status, 404)
        put = self.s.request("PUT", "/mcp", b"{}", {"Content-Type": "application/json"})
        self.assertEqual(put.status, 405)
        self.assertEqual({m.strip() for m in put.headers["Allow"].split(",")} &
                         {"POST", "GET", "DELETE"}, {"POST", "GET", "DELETE"})
        self.assertEqual(self.s.request("GET", "/mcp",
                                        headers={"Accept": "text/event-stream"}).status, 405)
        self.assertEqual(self.s.request("DELETE", "/mcp").status, 400)

    def test_other_content_types_are_refused(self):
        reply = self.s.request("POST", "/mcp", json.dumps(self.list),
                               {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(reply.status, 415)

    def test_an_unacceptable_accept(self):
        self.assertEqual(self.s.post(self.list, Accept="image/png").status, 406)
        self.assertEqual(self.s.post(self.list, Accept="*/*").status, 200)

    def test_a_client_that_says_nothing_does_not_hold_the_others_up(self):
        silent = [socket.create_connection(("127.0.0.1", self.s.port)) for _ in range(20)]
        silent[0].sendall(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        try:
            self.assertEqual(self.s.post(self.list).status, 200)
        finally:
            for connection in silent:
                connection.close()

    @smoke
    def test_a_client_that_hangs_up_in_the_middle(self):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "memory_store", "arguments": {"content": "half " * 1000}}})
        head = (f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        for sent in (head, head + body[:100], head + body):
            connection = socket.create_connection(("127.0.0.1", self.s.port))
            connection.sendall(sent.encode())
            connection.close()
        self.assertEqual(self.s.post(self.list).status, 200)
        self.assertTrue(self.s.is_alive())


class ManyClients(Case):
    @smoke
    def test_stores_and_searches_at_the_same_time(self):
        s = self.server()
        problems = []

        def work(number):
            try:
                for i in range(5):
                    s.store(f"worker {number} noted fact number {i} about the harbour")
                    if not s.search(f"fact {i} of worker {number}"):
                        problems.append("nothing found")
            except Exception as problem:  # a thread's failure must reach the test
                problems.append(repr(problem))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(s.total(), 30)

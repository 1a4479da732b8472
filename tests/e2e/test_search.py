"""test_search.py - the right memory comes first, and filters mean exactly what they say.

SPDX-License-Identifier: Apache-2.0
"""
import itertools
import json

from harness import DECISION, QUESTION, ROOT, Case, Server, smoke

DATA = ROOT / "tests" / "data" / "search"
TOP = 3
LEAST_SHARE = 0.9


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


class Corpus(Case):
    """200 memories, and 40 questions that use other words than their answers."""

    def test_questions_find_their_answers(self):
        content_of = {row["key"]: row["content"] for row in rows("memories.jsonl")}
        questions = rows("questions.jsonl")
        self.assertEqual((len(content_of), len(questions)), (200, 40))
        with Server(self.folder) as server:
            for row in rows("memories.jsonl"):
                server.store(row["content"], tags=row["tags"])
            missed = [(row["question"], found) for row in questions
                      if content_of[row["answer"]] not in (found := server.search(row["question"], limit=TOP))]
            self.assertEqual(server.search(QUESTION)[0], DECISION)
        self.assertLessEqual(len(missed), len(questions) * (1 - LEAST_SHARE), missed)


TAGS = ["two words", "100%", "under_score", "größe", "日本", "plain"]
TYPES = ["decision", "rationale", "note"]  # a rationale is a kind of decision
KINDS_OF_DECISION = {"decision", "rationale"}
WORDS = "the harbour crane"


class Filters(Case):
    """Every combination of filters against a plain reading of the same memories."""

    def setUp(self):
        super().setUp()
        self.s = self.server()
        self.live = []
        for n, (first, second) in enumerate(itertools.combinations(TAGS, 2)):
            tags = [first, second] + ([TAGS[(n + 3) % len(TAGS)]] if n % 2 else [])
            self.put(f"{WORDS} lifted load {n}", tags, TYPES[n % len(TYPES)])
        self.put(f"{WORDS} has no tags", [], "note")
        gone = self.put(f"{WORDS} was sold", TAGS, "decision")
        self.s.tool("memory_delete", content_hash=gone["content_hash"])
        self.live.remove(gone)

    def put(self, content, tags, memory_type):
        content_hash = self.s.store(content, tags=tags, memory_type=memory_type)
        found = self.s.tool("memory_list", page_size=1)["structuredContent"]["memories"][0]
        self.assertEqual(found["content_hash"], content_hash)
        self.live.append(found)
        return found

    def expected(self, tags, is_all, memory_type, with_subtypes, after, before):
        wanted = set(tags or [])
        types = KINDS_OF_DECISION if with_subtypes and memory_type == "decision" else {memory_type}
        return {m["content"] for m in self.live
                if (tags is None or (wanted <= set(m["tags"]) if is_all else wanted & set(m["tags"])))
                and (memory_type is None or m["memory_type"] in types)
                and (after is None or m["created_at_iso"] >= after)
                and (before is None or m["created_at_iso"] < before)}

    def found(self, tool, tags, is_all, memory_type, with_subtypes, **more):
        arguments = {**more}
        if tags is not None:
            arguments.update(tags=tags, tag_match="all" if is_all else "any")
        if memory_type is not None:
            arguments.update(memory_type=memory_type, include_subtypes=with_subtypes)
        result = self.s.tool(tool, **arguments)
        self.assertFalse(result.get("isError"), result)
        self.assertFalse(result["structuredContent"]["has_more"])
        contents = [m["content"] for m in result["structuredContent"]["memories"]]
        self.assertEqual(len(contents), len(set(contents)))
        return set(contents)

    def test_every_combination(self):
        tag_sets = [None, *([t] for t in TAGS), ["two", "words"], ["%"], ["_"], ["100%", "日本"],
                    ["GRÖSSE", "plain"], ["größe", "PLAIN", "two words"]]
        kinds = [(None, False), ("decision", False), ("decision", True), ("rationale", False), ("note", True)]
        middle = self.live[len(self.live) // 2]["created_at_iso"]
        spans = [(None, None), (middle, None), (None, middle), (self.live[2]["created_at_iso"], middle)]
        n_compared = n_some = 0
        for tags, is_all, (memory_type, with_subtypes) in itertools.product(tag_sets, (False, True), kinds):
            asked = (tags, is_all, memory_type, with_subtypes)
            plain = [t.lower() for t in tags] if tags else tags
            with self.subTest("list", asked=asked):
                self.assertEqual(self.found("memory_list", *asked, page_size=100),
                                 self.expected(plain, *asked[1:], None, None))
            for (after, before), mode in itertools.product(spans, ("hybrid", "semantic", "exact")):
                with self.subTest("search", asked=asked, after=after, before=before, mode=mode):
                    span = {k: v for k, v in (("after", after), ("before", before)) if v}
                    want = self.expected(plain, *asked[1:], after, before)
                    self.assertEqual(self.found("memory_search", *asked, query=WORDS, mode=mode,
                                                limit=100, **span), want)
                    n_compared += 1
                    n_some += len(want) > 0
        self.assertGreater(n_compared, 1000)
        self.assertGreater(n_some, 300)

    def test_the_trash_is_apart(self):
        trash = self.s.tool("memory_list", trash=True)["structuredContent"]["memories"]
        self.assertEqual([m["content"] for m in trash], [f"{WORDS} was sold"])
        self.assertEqual(self.found("memory_search", TAGS, True, None, False, query="sold"), set())


class BeforeRanking(Case):
    """What the filter lets through is found, however many others fit the question better."""

    @smoke
    def test_filters_do_not_starve(self):
        s = self.server()
        s.store("gravel is washed and sorted by size", tags=["quarry"], memory_type="reference")
        s.store("a note without anything to do with it")
        begin = s.tool("memory_list", page_size=1)["structuredContent"]["memories"][0]["created_at_iso"]
        for n in range(150):
            s.store(f"{DECISION}, reason {n}", tags=["db"], memory_type="decision")
        for mode in ("hybrid", "semantic"):
            for arguments in ({"tags": ["quarry"]}, {"memory_type": "reference"},
                              {"before": begin}, {"tags": "quarry,none", "before": begin}):
                with self.subTest(mode=mode, **arguments):
                    self.assertEqual(s.search(QUESTION, mode=mode, limit=1, **arguments),
                                     ["gravel is washed and sorted by size"])
